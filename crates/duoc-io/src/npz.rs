//! NumPy's `.npz`: a zip archive of `.npy` files, stored or compressed.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use duoc_core::{Result, Tensor, bail, ensure};

use crate::archive::{Archive, Checksum, Method, Writer};
use crate::source::{Disk, Source};
use crate::{atomic, npy};

/// What an archive may unpack to, beside so many times its own size, unless the caller allows more.
const FREE: u64 = 32 << 20;
const EXPANSION: u64 = 20;

/// The arrays in a `.npz` file by name, in order.
///
/// A small file can unpack to a large array: more than 32 MiB and 20 times the file is an error, which
/// [`load_npz_up_to`] avoids.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is broken, `TypeError` for a dtype that no tensor has.
pub fn load_npz(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    let disk = Disk::open(path)?;
    read(&disk, usual(disk.len())).map_err(|e| e.at(path.display()))
}

/// As [`load_npz`], for files that unpack to at most `bytes`.
///
/// # Errors
/// As [`load_npz`].
pub fn load_npz_up_to(path: impl AsRef<Path>, bytes: u64) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    read(&Disk::open(path)?, bytes).map_err(|e| e.at(path.display()))
}

/// The arrays in the bytes of a `.npz` file.
///
/// # Errors
/// As [`load_npz`].
pub fn npz_from_bytes(file: &[u8]) -> Result<Vec<(String, Tensor)>> {
    read(&file, usual(file.len() as u64))
}

/// Saves named tensors as a `.npz` file, as `numpy.savez` or, with `compressed`, `numpy.savez_compressed` does; the file
/// appears at once or not at all.
///
/// # Errors
/// `OSError` if the file cannot be written, `TypeError` for a dtype that NumPy lacks, `ValueError` if a name comes twice.
pub fn save_npz<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    compressed: bool,
) -> Result<()> {
    let tensors: Vec<(&str, &Tensor)> = tensors.into_iter().collect();
    check(&tensors)?;
    atomic::write_atomically(path, |f| write(f, &tensors, compressed))
}

/// Named tensors as the bytes of a `.npz` file.
///
/// # Errors
/// As [`save_npz`].
pub fn npz_to_bytes<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>, compressed: bool) -> Result<Vec<u8>> {
    let tensors: Vec<(&str, &Tensor)> = tensors.into_iter().collect();
    check(&tensors)?;
    let mut file = Vec::new();
    write(&mut file, &tensors, compressed)?;
    Ok(file)
}

fn usual(len: u64) -> u64 {
    len.saturating_mul(EXPANSION).saturating_add(FREE)
}

/// Whether an archive is NumPy's.
pub(crate) fn is_npz(archive: &Archive) -> bool {
    !archive.entries().is_empty() && archive.entries().iter().all(|e| e.name.ends_with(".npy"))
}

pub(crate) fn read_usual(source: &dyn Source) -> Result<Vec<(String, Tensor)>> {
    read(source, usual(source.len()))
}

fn read(source: &dyn Source, most: u64) -> Result<Vec<(String, Tensor)>> {
    let archive = Archive::open(source, Checksum::Always)?;
    let all = archive
        .entries()
        .iter()
        .try_fold(0u64, |sum, e| sum.checked_add(e.size));
    ensure!(
        all.is_some_and(|n| n <= most),
        Value,
        "the .npz file of {} bytes unpacks to more than {most}; if that is meant, load it with load_npz_up_to",
        source.len()
    );
    let mut arrays = Vec::with_capacity(archive.entries().len());
    for entry in archive.entries() {
        let Some(name) = entry.name.strip_suffix(".npy") else {
            bail!(Value, "the .npz file holds {:?}, which is no .npy file", entry.name)
        };
        archive.prove(entry)?;
        let tensor = archive.with_stream(entry, |from| npy::read(from, entry.size));
        arrays.push((
            name.to_string(),
            tensor.map_err(|e| e.at(format_args!("{:?}", entry.name)))?,
        ));
    }
    Ok(arrays)
}

fn check(tensors: &[(&str, &Tensor)]) -> Result<()> {
    let mut names = HashSet::new();
    for (name, t) in tensors {
        ensure!(
            names.insert(*name),
            Value,
            "two arrays to be saved have the same name {name:?}"
        );
        ensure!(
            Archive::may_hold(&format!("{name}.npy")),
            Value,
            "{name:?} cannot be the name of an array in a .npz file"
        );
        npy::check_dtype(t.dtype()).map_err(|e| e.at(format_args!("{name:?}")))?;
    }
    Ok(())
}

fn write(out: &mut dyn io::Write, tensors: &[(&str, &Tensor)], compressed: bool) -> io::Result<()> {
    let mut writer = Writer::new(out);
    let method = if compressed { Method::Deflated } else { Method::Stored };
    for (name, t) in tensors {
        let name = format!("{name}.npy");
        npy::with_parts(t, |parts| writer.add(&name, method, parts)).map_err(|e| io::Error::other(e.to_string()))??;
    }
    writer.finish()
}

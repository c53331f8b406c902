//! The form since PyTorch 1.6: a zip archive. TorchScript's archives have it too.

use std::io::{self, Write};

use duoc_core::{Result, Tensor, bail, ensure, err};

use super::PtOptions;
use crate::archive::{Archive, Checksum, Method, Writer};
use crate::bytes;
use crate::object::{Dict, Object};
use crate::pickle::write::Pickled;
use crate::pickle::{build, machine, scan};
use crate::source::Source;

/// Newest version of the form that is known; PyTorch writes 3, and up to 10 for TorchScript.
const NEWEST: u64 = 10;

/// The folder that everything in the archive is in.
fn folder<'a>(archive: &'a Archive) -> Option<&'a str> {
    let (folder, _) = archive.entries().first()?.name.split_once('/')?;
    Some(folder)
}

/// Whether an archive is PyTorch's.
pub(crate) fn is_pt(archive: &Archive) -> bool {
    folder(archive).is_some_and(|folder| archive.find(&format!("{folder}/data.pkl")).is_some())
}

pub(super) fn read(source: &dyn Source, options: PtOptions) -> Result<Object> {
    let archive = Archive::open(source, Checksum::UnlessZero)?;
    let Some(folder) = folder(&archive) else {
        bail!(Value, "not a PyTorch file: the zip archive has no folder")
    };
    let record = |name: &str| archive.find(&format!("{folder}/{name}"));
    let short = |name: &str| -> Result<Option<String>> {
        let Some(entry) = record(name) else { return Ok(None) };
        ensure!(entry.size <= 64, Value, "{name} is too long");
        Ok(Some(
            String::from_utf8_lossy(&archive.contents(entry)?).trim().to_string(),
        ))
    };
    if let Some(version) = short("version")?.or(short(".data/version")?) {
        let known = version.parse::<u64>().is_ok_and(|v| v <= NEWEST);
        ensure!(
            known,
            Value,
            "the file has version {version:?} of PyTorch's form; up to {NEWEST} is known"
        );
    }
    let big_endian = match short("byteorder")?.as_deref() {
        None | Some("little") => false,
        Some("big") => true,
        Some(other) => bail!(Value, "the file has byte order {other:?}"),
    };
    let pickled = |name: &str, storages: &str| -> Result<Option<Object>> {
        let Some(entry) = record(name) else { return Ok(None) };
        // A pickle that shrinks more than this holds nothing but repetitions.
        ensure!(
            entry.size <= source.len().saturating_mul(20),
            Value,
            "{name} unpacks to {} bytes from a file of {}",
            entry.size,
            source.len()
        );
        let pickle = archive.contents(entry)?;
        let extent = scan::extent(&&pickle[..], 0)?;
        ensure!(extent.end == entry.size, Value, "{name} has something after its pickle");
        let program = machine::run(&pickle, extent, options.unknown_as_records)?;
        drop(pickle);
        let object = build::build(&program, |info| {
            storage(&archive, &format!("{folder}/{storages}/{}", info.key), info, big_endian)
        });
        object.map(Some).map_err(|e| e.at(name))
    };
    let Some(data) = pickled("data.pkl", "data")? else {
        bail!(Value, "not a PyTorch file: the zip archive has no {folder}/data.pkl")
    };
    // TorchScript keeps tensors that are constants of the code beside the module.
    match pickled("constants.pkl", "constants")? {
        Some(Object::Tuple(constants)) if !constants.is_empty() => {
            let mut both = Dict::new();
            both.insert("data", data);
            both.insert("constants", Object::Tuple(constants));
            Ok(both.into())
        }
        _ => Ok(data),
    }
}

fn storage(archive: &Archive, name: &str, info: &machine::StorageInfo, big_endian: bool) -> Result<Tensor> {
    let entry = archive
        .find(name)
        .ok_or_else(|| err!(Value, "the file lacks {name:?}"))?;
    // `numel` was checked to fit when it was read.
    let wanted = info.numel * info.width();
    ensure!(
        entry.size == wanted as u64,
        Value,
        "{} elements take {wanted} bytes, and {name:?} has {}",
        info.numel,
        entry.size
    );
    ensure!(
        wanted as u64 <= archive.len().saturating_mul(20),
        Value,
        "{name:?} unpacks to {wanted} bytes from a file of {}",
        archive.len()
    );
    ensure!(
        !big_endian || info.dtype.is_some(),
        Value,
        "{name:?} is of plain bytes, whose order in a big-endian file is unknown"
    );
    archive.prove(entry)?;
    bytes::memory(wanted, |out| {
        archive.fill(entry, out)?;
        if let Some(dtype) = info.dtype {
            bytes::to_native(out, dtype, big_endian);
        }
        Ok(())
    })
}

/// Writes the archive as `torch.save` does: same entries, same order.
pub(super) fn write(out: &mut dyn Write, folder: &str, pickled: &Pickled) -> io::Result<()> {
    let mut writer = Writer::new(out);
    let mut checksums = crc32fast::Hasher::new();
    let mut names = crc32fast::Hasher::new();
    let mut add = |name: &str, contents: &[u8]| -> io::Result<()> {
        let crc = writer.add(&format!("{folder}/{name}"), Method::Stored, &[contents])?;
        checksums.update(&crc.to_le_bytes());
        names.update(name.as_bytes());
        Ok(())
    };
    add("data.pkl", &pickled.bytes)?;
    add(".format_version", b"1")?;
    add(".storage_alignment", b"64")?;
    add("byteorder", b"little")?;
    for (i, t) in pickled.storages.iter().enumerate() {
        let name = format!("data/{i}");
        let whole = bytes::with_storage(t, |s| bytes::little(s, t.dtype(), |s| add(&name, s)));
        whole.map_err(|e| io::Error::other(e.to_string()))??;
    }
    add("version", b"3\n")?;
    // PyTorch's number for the contents: a hash of the names and one of the checksums, in twenty digits each.
    let (names, checksums) = (names.finalize(), checksums.finalize());
    writer.add(
        &format!("{folder}/.data/serialization_id"),
        Method::Stored,
        &[format!("{names:020}{checksums:020}").as_bytes()],
    )?;
    writer.finish()
}

//! PyTorch's `.pt` and `.pth` files: read in every form that `torch.save` and `torch.jit.save` have written since 2017,
//! written as `torch.save` writes them today.
//!
//! Form: an archive with a pickle (`data.pkl`) and the bytes of each storage (`data/0`, ...), or, before PyTorch 1.6, five
//! pickles and the storages one after another. Nothing that a file says is ever run.

mod legacy;
mod zip;

use std::path::Path;

use duoc_core::{Result, Tensor, bail};

use crate::atomic;
use crate::object::{Dict, Object};
use crate::source::{Disk, Source};

pub(crate) use zip::is_pt;

/// How a `.pt` file is read.
#[derive(Clone, Copy, Debug, Default)]
pub struct PtOptions {
    /// Classes and functions that are not on the list of names that checkpoints may use become
    /// [`Record`](crate::Record)s, data without behaviour, instead of an error. Nothing is run in either case.
    pub unknown_as_records: bool,
}

/// What a `.pt` file holds.
///
/// Of a TorchScript archive it is the module as a [`Record`](crate::Record): its parameters have their usual names in
/// [`Object::tensors`].
///
/// # Errors
/// `OSError` if the file cannot be read; `ValueError` if it is broken, cut off, inconsistent or uses a name that is not
/// allowed (which the message gives).
pub fn load_pt(path: impl AsRef<Path>) -> Result<Object> {
    load_pt_with(path, PtOptions::default())
}

/// As [`load_pt`], with options.
///
/// # Errors
/// As [`load_pt`].
pub fn load_pt_with(path: impl AsRef<Path>, options: PtOptions) -> Result<Object> {
    let path = path.as_ref();
    read(&Disk::open(path)?, options).map_err(|e| e.at(path.display()))
}

/// What the bytes of a `.pt` file hold.
///
/// # Errors
/// As [`load_pt`].
pub fn pt_from_bytes(file: &[u8]) -> Result<Object> {
    read(&file, PtOptions::default())
}

/// The tensors of a `.pt` file by name, in order: parameters and buffers of a state dictionary, or of a TorchScript module.
///
/// # Errors
/// As [`load_pt`].
pub fn load_state_dict(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    Ok(load_pt(path)?.tensors())
}

/// Saves an object as a `.pt` file that `torch.load` opens, with `weights_only=True` too; the file appears at once or not
/// at all. Tensors that share a storage share it in the file, and the whole storage is saved, as PyTorch does.
///
/// # Errors
/// `OSError` if the file cannot be written, `TypeError` for what no checkpoint can hold.
pub fn save_pt(path: impl AsRef<Path>, object: &Object) -> Result<()> {
    let path = path.as_ref();
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("archive");
    // The name of the file is the name of the folder in the archive, where it can be.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let folder = if stem.starts_with('.') || !stem.chars().all(plain) {
        "archive"
    } else {
        stem
    };
    let pickled = crate::pickle::write::pickle(object)?;
    atomic::write_atomically(path, |f| zip::write(f, folder, &pickled))
}

/// An object as the bytes of a `.pt` file.
///
/// # Errors
/// As [`save_pt`].
pub fn pt_to_bytes(object: &Object) -> Result<Vec<u8>> {
    let pickled = crate::pickle::write::pickle(object)?;
    let size: usize = pickled.storages.iter().map(|t| t.storage().nbytes() + 256).sum();
    let mut file = Vec::new();
    duoc_core::ensure!(
        file.try_reserve_exact(size + pickled.bytes.len() + 2048).is_ok(),
        OutOfMemory,
        "saving: {size} bytes cannot be had"
    );
    zip::write(&mut file, "archive", &pickled)?;
    Ok(file)
}

/// Saves named tensors as a state dictionary.
///
/// # Errors
/// As [`save_pt`]; `ValueError` if a name comes twice.
pub fn save_state_dict<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
) -> Result<()> {
    let mut dict = Dict::new();
    for (name, t) in tensors {
        dict.push(name.into(), t.into())?;
    }
    dict.ordered = true;
    save_pt(path, &dict.into())
}

pub(crate) fn read(source: &dyn Source, options: PtOptions) -> Result<Object> {
    let mut head = [0; 16];
    let n = (source.len().min(16)) as usize;
    source.read_at(0, &mut head[..n]).map_err(crate::source::failed)?;
    if crate::archive::Archive::begins(&head) {
        return zip::read(source, options);
    }
    if head[0] == crate::pickle::op::PROTO {
        return legacy::read(source, options);
    }
    bail!(Value, "not a PyTorch file: it is neither a zip archive nor a pickle")
}

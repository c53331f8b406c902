//! Readers of the usual files. Every malformed file is an error with its place.

mod cifar;
mod folder;
mod gzip;
mod idx;
mod images;
mod picture;
mod table;
mod text;
mod wav;

pub use cifar::{cifar10, cifar100};
pub use folder::ImageFolder;
pub use idx::{fashion_mnist, idx_from_bytes, mnist, read_idx};
pub use images::{LabelledImages, Split};
pub use picture::{Colours, picture_from_bytes, read_picture};
pub use table::{Column, CsvOptions, Table, csv_from_bytes, read_csv};
pub use text::{TextDataset, Vocabulary, read_text};
pub use wav::{read_wav, wav_from_bytes};

use std::path::{Path, PathBuf};

use duoc_core::{Error, ErrorKind, Result, ensure};

/// The contents of a regular file. The size is known before memory is asked for, and is never exceeded.
fn contents(path: &Path) -> Result<Vec<u8>> {
    use std::io::Read;
    let read = || {
        let meta = std::fs::metadata(path)?;
        if !meta.is_file() {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                "it is not a regular file",
            ));
        }
        let mut bytes = Vec::new();
        let size = usize::try_from(meta.len()).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        bytes
            .try_reserve_exact(size)
            .map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        std::fs::File::open(path)?.take(meta.len()).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|e| Error::new(ErrorKind::Io, format!("loading {}: {e}", path.display())))
}

/// The first of these files that is there, in the folder or where PyTorch's downloads put it.
fn find(folder: &Path, below: &[&str], names: &[String]) -> Result<PathBuf> {
    let places = [""].iter().chain(below);
    let paths = places.flat_map(|place| names.iter().map(move |name| folder.join(place).join(name)));
    let found = paths.clone().find(|p| p.is_file());
    ensure!(
        found.is_some(),
        Io,
        "{}: none of {} is there",
        folder.display(),
        names.join(", ")
    );
    Ok(found.unwrap_or_default())
}

//! Where a reader takes its bytes from: memory or a file, at any place, so that nothing is read that is not needed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use duoc_core::{Error, ErrorKind, Result};

/// Bytes of known number that can be read at any place.
pub(crate) trait Source {
    /// How many there are.
    fn len(&self) -> u64;
    /// Fills `out` with the bytes from `at` on, or fails.
    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()>;
}

impl Source for &[u8] {
    fn len(&self) -> u64 {
        (**self).len() as u64
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let found = usize::try_from(at).ok().and_then(|at| self.get(at..)?.get(..out.len()));
        match found {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// A regular file. What another process does to it meanwhile can make reads fail, nothing worse.
pub(crate) struct Disk {
    file: File,
    len: u64,
}

impl Disk {
    pub(crate) fn open(path: &Path) -> Result<Disk> {
        Disk::try_open(path).map_err(|e| Error::new(ErrorKind::Io, format!("loading {}: {e}", path.display())))
    }

    fn try_open(path: &Path) -> io::Result<Disk> {
        // A pipe would wait for its writer when it is opened: look first.
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
        }
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Disk { file, len })
    }
}

impl Source for Disk {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        let mut file = &self.file;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(out)
    }
}

/// The error of a read.
pub(crate) fn failed(e: io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("reading failed: {e}"))
}

/// `n` bytes from `at` on. The caller has checked that the source has them, so that no more is allocated than it holds.
pub(crate) fn take(source: &dyn Source, at: u64, n: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    duoc_core::ensure!(
        at.checked_add(n as u64).is_some_and(|end| end <= source.len()),
        Value,
        "the file ends too early"
    );
    duoc_core::ensure!(
        bytes.try_reserve_exact(n).is_ok(),
        OutOfMemory,
        "{n} bytes of memory cannot be had"
    );
    bytes.resize(n, 0);
    source.read_at(at, &mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// A stretch of a source, as a stream.
pub(crate) struct Stretch<'a> {
    pub(crate) source: &'a dyn Source,
    pub(crate) at: u64,
    pub(crate) end: u64,
}

impl Read for Stretch<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_sub(self.at);
        let n = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.source.read_at(self.at, &mut out[..n])?;
        self.at += n as u64;
        Ok(n)
    }
}

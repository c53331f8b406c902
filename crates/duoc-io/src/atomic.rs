//! Writing a file so that a crash at any point leaves the old contents or the new ones.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use duoc_core::{Error, ErrorKind, Result};

/// Writes what `fill` writes to `path`: into a temporary file beside it, which is flushed to the disk and then renamed over
/// it. After an error the old file is untouched and the temporary one is gone. What a process that was killed left behind is
/// removed by the next one that saves to the same path.
pub fn write_atomically(path: impl AsRef<Path>, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let path = path.as_ref();
    replace(path, fill).map_err(|e| Error::new(ErrorKind::Io, format!("saving {}: {e}", path.display())))
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // A symbolic link stays one: the file that it names is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    // A folder that cannot be listed is no reason not to save.
    let _ = sweep(&path);
    let (file, temporary) = create_beside(&path)?;
    let mut out = BufWriter::new(file);
    fill(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    if let Ok(old) = fs::metadata(&path) {
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()?;
    drop(file);
    fs::rename(&temporary.0, &path)?;
    std::mem::forget(temporary);
    sync_directory(&path)
}

/// A file that disappears when its writer gives up.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What the names of the temporary files for `path` begin with.
fn prefix(path: &Path) -> io::Result<OsString> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file name"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(".");
    Ok(hidden)
}

/// The folder that a path is in.
fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn create_beside(path: &Path) -> io::Result<(File, Temporary)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let prefix = prefix(path)?;
    loop {
        let mut name = prefix.clone();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        name.push(format!("{}-{number}{ENDING}", std::process::id()));
        let place = path.with_file_name(name);
        match OpenOptions::new().write(true).create_new(true).open(&place) {
            Ok(file) => {
                let temporary = Temporary(place);
                // The lock says that the writer lives. Where there are no locks, nothing is swept either.
                let _ = file.lock();
                // Another process may have swept the file before it was locked: then the next number.
                if temporary.0.exists() {
                    return Ok((file, temporary));
                }
            }
            // A process with our id died here before: take the next number.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e),
        }
    }
}

const ENDING: &str = ".tmp";

/// Removes temporary files for `path` whose writers are gone: nobody holds their locks.
///
/// Saving to the same path does this by itself; it is for a program that only loads after a crash.
///
/// # Errors
/// `OSError` if the folder cannot be listed.
pub fn remove_leftovers(path: impl AsRef<Path>) -> Result<usize> {
    let path = path.as_ref();
    sweep(path).map_err(|e| Error::new(ErrorKind::Io, format!("{}: {e}", path.display())))
}

fn sweep(path: &Path) -> io::Result<usize> {
    let prefix = prefix(path)?;
    let mut removed = 0;
    for entry in fs::read_dir(folder(path))? {
        let entry = entry?;
        let name = entry.file_name();
        let middle = name
            .as_encoded_bytes()
            .strip_prefix(prefix.as_encoded_bytes())
            .and_then(|rest| rest.strip_suffix(ENDING.as_bytes()));
        // Only what `create_beside` makes: an id and a number.
        let ours = middle.is_some_and(|m| !m.is_empty() && m.iter().all(|b| b.is_ascii_digit() || *b == b'-'));
        if !ours || !entry.file_type()?.is_file() {
            continue;
        }
        let place = entry.path();
        let abandoned = OpenOptions::new()
            .write(true)
            .open(&place)
            .ok()
            .filter(|f| f.try_lock().is_ok());
        // The lock is held until the file is gone.
        if abandoned.is_some() && fs::remove_file(&place).is_ok() {
            removed += 1;
        }
    }
    Ok(removed)
}

/// The rename itself is on the disk only when the directory is. Other systems than Unix cannot open a directory and do
/// this by themselves.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder(path))?.sync_all()?;
    }
    Ok(())
}

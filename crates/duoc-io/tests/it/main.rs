//! The files that we write are those that NumPy and PyTorch write, and broken files are errors.

mod atomic;
#[cfg(unix)]
mod crash;
mod formats;
mod hostile;
mod mutation;
mod npy;
mod npz;
mod pt;
mod safetensors;

use std::path::PathBuf;

/// A file of this test run.
fn place(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("duoc-io-{}-{name}", std::process::id()))
}

/// A file that the reference wrote (see `golden/record_pickles.py`).
fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

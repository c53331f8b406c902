//! Tensors in files: NumPy's `.npy` and safetensors.
//!
//! Files are taken to be hostile: nothing is allocated beyond the size of the file, every size is checked, and what does not
//! fit is an error. Saving is atomic: the old file or the new one is there, never a part of either.

#![forbid(unsafe_code)]

mod atomic;
mod bytes;
mod npy;
mod safetensors;

pub use atomic::write_atomically;
pub use npy::{load_npy, npy_from_bytes, npy_to_bytes, save_npy};
pub use safetensors::{TensorFile, load_safetensors, safetensors_from_bytes, save_safetensors};

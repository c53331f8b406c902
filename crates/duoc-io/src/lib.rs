//! Tensors in files: PyTorch's `.pt`, safetensors, and NumPy's `.npy` and `.npz`.
//!
//! Files are taken to be hostile: nothing is allocated beyond the size of the file, every size is checked, and what does not
//! fit is an error. Saving is atomic: the old file or the new one is there, never a part of either.

#![forbid(unsafe_code)]

mod archive;
mod atomic;
mod bytes;
mod format;
mod inspect;
mod json;
mod npy;
mod npz;
mod object;
mod pickle;
mod pt;
mod safetensors;
mod source;

pub use atomic::{remove_leftovers, write_atomically};
pub use format::{Converted, Format, convert, load, load_tensors};
pub use inspect::{Inspection, Statistics, TensorInfo, inspect, statistics};
pub use npy::{load_npy, npy_from_bytes, npy_to_bytes, save_npy};
pub use npz::{load_npz, load_npz_up_to, npz_from_bytes, npz_to_bytes, save_npz};
pub use object::{Dict, Object, Record};
pub use pt::{PtOptions, load_pt, load_pt_with, load_state_dict, pt_from_bytes, pt_to_bytes, save_pt, save_state_dict};
pub use safetensors::{TensorFile, load_safetensors, safetensors_from_bytes, safetensors_to_bytes, save_safetensors};

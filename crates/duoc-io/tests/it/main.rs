//! The files that we write are those that NumPy writes, and broken files are errors.

mod atomic;
mod npy;
mod safetensors;

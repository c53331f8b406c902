//! Arrays of NumPy.

#![no_main]

#[global_allocator]
static ALLOCATOR: duoc_fuzz::Counting = duoc_fuzz::Counting;

libfuzzer_sys::fuzz_target!(|file: &[u8]| duoc_fuzz::bounded(file, 1, |f| duoc_io::npy_from_bytes(f)));

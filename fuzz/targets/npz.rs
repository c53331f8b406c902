//! Archives of NumPy, whose entries may be compressed: a byte may become a thousand.

#![no_main]

#[global_allocator]
static ALLOCATOR: duoc_fuzz::Counting = duoc_fuzz::Counting;

libfuzzer_sys::fuzz_target!(|file: &[u8]| duoc_fuzz::bounded(file, 1100, |f| duoc_io::npz_from_bytes(f)));

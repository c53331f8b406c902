//! Sound. A sample of one byte is a number of four.

#![no_main]

#[global_allocator]
static ALLOCATOR: duoc_fuzz::Counting = duoc_fuzz::Counting;

libfuzzer_sys::fuzz_target!(|file: &[u8]| duoc_fuzz::bounded(file, 4, |f| duoc_data::wav_from_bytes(f)));

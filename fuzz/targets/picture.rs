//! Pictures, which the format's own limits bound.

#![no_main]

#[global_allocator]
static ALLOCATOR: duoc_fuzz::Counting = duoc_fuzz::Counting;

libfuzzer_sys::fuzz_target!(|file: &[u8]| duoc_fuzz::bounded(file, 4096, |f| duoc_data::picture_from_bytes(f, duoc_data::Colours::Rgb)));

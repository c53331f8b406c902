//! Tables. A cell of two bytes is a number of eight.

#![no_main]

#[global_allocator]
static ALLOCATOR: duoc_fuzz::Counting = duoc_fuzz::Counting;

libfuzzer_sys::fuzz_target!(|file: &[u8]| duoc_fuzz::bounded(file, 16, |f| duoc_data::csv_from_bytes(f, duoc_data::CsvOptions::default())));

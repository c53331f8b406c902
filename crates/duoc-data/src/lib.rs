//! Data sets and how they are read.

#![forbid(unsafe_code)]

pub mod digits;

pub use digits::{Digits, digits};

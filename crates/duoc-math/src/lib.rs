//! What other libraries compute for duoc, behind plain functions on slices: their generic code is compiled here, once, and
//! nobody else sees their types.

pub mod fft;

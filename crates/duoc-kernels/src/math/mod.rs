//! Elementary functions, written without branches so that LLVM vectorises the loops that call them.
//!
//! * [`single`] holds float32, within one unit in the last place of the exact value.
//! * [`double`] holds float64; [`wide`] what is between the two.
//! * [`half`] holds conversions of the 16-bit formats.
//!
//! Special values are those of C's libm. A function that cannot do its whole domain without a branch says so and has
//! a companion for the rest.

pub(crate) mod complex;
pub mod double;
pub mod half;
pub mod single;
mod wide;

#[cfg(test)]
mod tests;

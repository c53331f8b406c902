//! Pointwise kernels: one row of a table per operation.
//!
//! [`unary`], [`predicate`], [`binary`], [`compare`] and [`ternary`] turn an operation and a dtype into an inner loop
//! for [`crate::nd::run`], or `None` where PyTorch's CPU has no such kernel. Operands come outputs first. `cost` of
//! each enum is what `nd::run` wants to know.
//!
//! Every row is compiled for contiguous memory, once per computing type. Strides, broadcasts, in-place operands and the
//! 16-bit floats are the business of [`drive`], which is compiled once for all rows: it brings what is not contiguous
//! through a buffer in the first-level cache. Cheap rows, for which that buffer would be most of the work, have builds
//! for an input that is the output or a single element, and for 16-bit floats ([`fused`]).

mod binary;
mod compare;
mod complex;
mod drive;
#[cfg(target_arch = "x86_64")]
mod fused;
mod num;
mod predicate;
mod ternary;
mod unary;

#[cfg(test)]
mod tests;

pub use binary::{Binary, binary, next_after};
pub use compare::{Compare, compare};
pub use complex::{argument, conjugate, modulus, polar, rectangular};
pub use predicate::{Predicate, predicate};
pub use ternary::{Ternary, ternary};
pub use unary::{Unary, unary};

/// The scalars of a kernel: float kernels read `f`, integer kernels read `i`. What each row reads stands in its docs.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Params {
    /// Scalars of floating kernels.
    pub f: [f64; 4],
    /// Scalars of integer kernels.
    pub i: [i64; 4],
}

impl Params {
    /// Scalars for floating kernels; the rest is zero. The integer side holds the same values, saturated.
    pub fn floats(values: &[f64]) -> Params {
        let mut p = Params::default();
        for (k, v) in values.iter().take(4).enumerate() {
            p.f[k] = *v;
            p.i[k] = *v as i64;
        }
        p
    }

    /// Scalars for integer kernels; the rest is zero. The floating side holds the same values, rounded.
    pub fn ints(values: &[i64]) -> Params {
        let mut p = Params::default();
        for (k, v) in values.iter().take(4).enumerate() {
            p.f[k] = *v as f64;
            p.i[k] = *v;
        }
        p
    }

    /// The pointer that a [`crate::Loop2d`] takes.
    pub fn as_ptr(&self) -> *const u8 {
        (self as *const Params).cast()
    }
}

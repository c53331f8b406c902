//! Bits of integers and bools: and, or, xor, not, shifts, and the divisors and multiples that only integers have.

use super::pointwise::{binary_row, not_implemented, unary_row};
use crate::iter::Dest;
use crate::{DType, OrThrow, Result, Tensor, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params, Unary};

ops! {
    /// Bits of both; of bools, both.
    "bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn bitwise_and(x: &Tensor, other: &Tensor) -> Tensor = and_body;

    /// Bits of either; of bools, either.
    "bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn bitwise_or(x: &Tensor, other: &Tensor) -> Tensor = or_body;

    /// Bits of exactly one; of bools, exactly one.
    "bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn bitwise_xor(x: &Tensor, other: &Tensor) -> Tensor = xor_body;

    /// All bits flipped; of bools, not.
    "bitwise_not(Tensor self) -> Tensor" [function, method, inplace, out]
    pub fn bitwise_not(x: &Tensor) -> Tensor = not_body;

    /// `self * 2^other` on integers; 0 for a count out of range.
    "bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn bitwise_left_shift(x: &Tensor, other: &Tensor) -> Tensor = left_body;

    /// `self / 2^other` rounded down; the sign for a count out of range.
    "bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn bitwise_right_shift(x: &Tensor, other: &Tensor) -> Tensor = right_body;

    /// The greatest common divisor, not negative.
    "gcd(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn gcd(x: &Tensor, other: &Tensor) -> Tensor = gcd_body;

    /// The least common multiple, not negative.
    "lcm(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn lcm(x: &Tensor, other: &Tensor) -> Tensor = lcm_body;
}

fn integers(op: Binary, name: &str, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    binary_row(op, name, x, y, try_result_type(&[x, y])?, Dest::New, &Params::default())
}

fn and_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    integers(Binary::BitAnd, "bitwise_and", x, y)
}

fn or_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    integers(Binary::BitOr, "bitwise_or", x, y)
}

fn xor_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    integers(Binary::BitXor, "bitwise_xor", x, y)
}

fn left_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    integers(Binary::Shl, "lshift", x, y)
}

fn right_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    integers(Binary::Shr, "rshift", x, y)
}

fn gcd_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    integers(Binary::Gcd, "gcd", x, y)
}

fn lcm_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    integers(Binary::Lcm, "lcm", x, y)
}

fn not_body(x: &Tensor) -> Result<Tensor> {
    match x.dtype() {
        DType::Bool => super::compare::logical_not(x),
        d if d.is_int() => unary_row(Unary::BitNot, "bitwise_not_cpu", x, d, Dest::New, &Params::default()),
        d => Err(not_implemented("bitwise_not_cpu", d)),
    }
}

macro_rules! operators {
    ($($trait:ident $method:ident $f:ident;)+) => {$(
        impl<R: crate::tensor::Operand> std::ops::$trait<R> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: R) -> Tensor {
                other.with(|o| $f(self, o)).or_throw()
            }
        }
        impl<R: crate::tensor::Operand> std::ops::$trait<R> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: R) -> Tensor {
                other.with(|o| $f(&self, o)).or_throw()
            }
        }
    )+};
}

operators! {
    BitAnd bitand bitwise_and;
    BitOr bitor bitwise_or;
    BitXor bitxor bitwise_xor;
    Shl shl bitwise_left_shift;
    Shr shr bitwise_right_shift;
}

impl std::ops::Not for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn not(self) -> Tensor {
        bitwise_not(self).or_throw()
    }
}

impl std::ops::Not for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn not(self) -> Tensor {
        bitwise_not(&self).or_throw()
    }
}

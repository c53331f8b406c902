//! Operators on tensors, references and numbers in every mix; they broadcast, promote and throw.

use super::Tensor;
use crate::ops::arith;
use crate::{OrThrow, Result, Scalar};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// What may stand beside a tensor in an operation: a tensor or a number.
pub trait Operand {
    /// Calls `f` with the operand as a tensor.
    fn with<R>(&self, f: impl FnOnce(&Tensor) -> Result<R>) -> Result<R>;
}

impl Operand for Tensor {
    fn with<R>(&self, f: impl FnOnce(&Tensor) -> Result<R>) -> Result<R> {
        f(self)
    }
}
impl Operand for &Tensor {
    fn with<R>(&self, f: impl FnOnce(&Tensor) -> Result<R>) -> Result<R> {
        f(self)
    }
}

macro_rules! numbers {
    ($($t:ty),+) => { $(
        impl Operand for $t {
            fn with<R>(&self, f: impl FnOnce(&Tensor) -> Result<R>) -> Result<R> {
                f(&Tensor::wrapped(*self)?)
            }
        }
    )+ };
}
numbers!(f64, f32, i64, i32, bool, Scalar);

macro_rules! operator {
    ($trait:ident $method:ident $f:expr; $($number:ty),+) => {
        impl<R: Operand> $trait<R> for &Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: R) -> Tensor {
                other.with(|o| $f(self, o)).or_throw()
            }
        }
        impl<R: Operand> $trait<R> for Tensor {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: R) -> Tensor {
                other.with(|o| $f(&self, o)).or_throw()
            }
        }
        $(
            impl $trait<&Tensor> for $number {
                type Output = Tensor;
                #[track_caller]
                fn $method(self, other: &Tensor) -> Tensor {
                    self.with(|s| $f(s, other)).or_throw()
                }
            }
            impl $trait<Tensor> for $number {
                type Output = Tensor;
                #[track_caller]
                fn $method(self, other: Tensor) -> Tensor {
                    self.with(|s| $f(s, &other)).or_throw()
                }
            }
        )+
    };
}

operator!(Add add |a, b| arith::add(a, b, Scalar::Int(1)); f64, f32, i64, i32);
operator!(Sub sub |a, b| arith::sub(a, b, Scalar::Int(1)); f64, f32, i64, i32);
operator!(Mul mul arith::mul; f64, f32, i64, i32);
operator!(Div div arith::div; f64, f32, i64, i32);

impl Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        self * -1i64
    }
}

//! Operators on tensors, references and numbers in every mix; they broadcast, promote and throw.

use super::Tensor;
use crate::op::Value;
use crate::ops::arith;
use crate::ops::pointwise::change;
use crate::{OrThrow, Result, Scalar};
use duoc_kernels::pointwise::Binary;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Sub, SubAssign};

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

macro_rules! in_place {
    ($trait:ident $assign:ident $method:ident $op:ident $doc:literal $f:expr) => {
        impl Tensor {
            #[doc = $doc]
            #[track_caller]
            pub fn $method(&self, other: impl Operand) -> &Tensor {
                let result = other.with(|o| {
                    let straight = |x: &Tensor| {
                        arith::write(
                            Binary::$op,
                            &[Value::Tensor(x.clone()), Value::Tensor(o.clone())],
                            x,
                        )
                    };
                    change(self, &[o], straight, |x| $f(x, o))
                });
                result.or_throw();
                self
            }
        }
        impl<R: Operand> $trait<R> for Tensor {
            #[track_caller]
            fn $assign(&mut self, other: R) {
                self.$method(other);
            }
        }
    };
}

in_place!(AddAssign add_assign add_ Add "Adds `other` to every element, in place; `x += other` is the same." |a, b| arith::add(a, b, Scalar::Int(1)));
in_place!(SubAssign sub_assign sub_ Sub "Subtracts `other` from every element, in place; `x -= other` is the same." |a, b| arith::sub(a, b, Scalar::Int(1)));
in_place!(MulAssign mul_assign mul_ Mul "Multiplies every element by `other`, in place; `x *= other` is the same." arith::mul);
in_place!(DivAssign div_assign div_ Div "Divides every element by `other`, in place; `x /= other` is the same." arith::div);

#[cfg(test)]
mod tests {
    use crate::Tensor;

    #[test]
    fn operators_in_place() {
        let mut x = Tensor::from_slice(&[1.0f32, 2.0]);
        let view = x.view(&[2, 1]);
        x += 1.0;
        x *= &view.view(&[2]);
        x.sub_(1.0).div_(Tensor::from_slice(&[1.0f32, 2.0]));
        assert_eq!(view.to_vec::<f32>(), [3.0, 4.0]);
        assert!(crate::catch(|| x.add_(Tensor::from_slice(&[1.0f32, 2.0, 3.0]))).is_err());
    }
}

//! Parameters and buffers beside tensors and numbers in operators: `&x * &layer.weight`.

use crate::{Buffer, Param};
use duoc_core::tensor::Operand;
use duoc_core::{Result, Tensor};
use std::ops::{Add, Div, Mul, Sub};

macro_rules! operand {
    ($($t:ty),+) => { $(
        impl Operand for $t {
            fn with<R>(&self, f: impl FnOnce(&Tensor) -> Result<R>) -> Result<R> {
                f(self.tensor())
            }
        }
    )+ };
}
operand!(Param, &Param, Buffer, &Buffer);

macro_rules! operator {
    ($($trait:ident $method:ident;)+) => { $(
        operator!(@for Param, $trait $method);
        operator!(@for Buffer, $trait $method);
    )+ };
    (@for $t:ident, $trait:ident $method:ident) => {
        impl<R: Operand> $trait<R> for &$t {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: R) -> Tensor {
                $trait::$method(self.tensor(), other)
            }
        }
        impl $trait<&$t> for f64 {
            type Output = Tensor;
            #[track_caller]
            fn $method(self, other: &$t) -> Tensor {
                $trait::$method(self, other.tensor())
            }
        }
    };
}
operator! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

#[cfg(test)]
mod tests {
    use crate::{Buffer, Param};
    use duoc_core::Tensor;

    #[test]
    fn they_stand_on_both_sides() {
        let (p, b) = (
            Param::new(Tensor::full(&[1], 3.0)),
            Buffer::new(Tensor::full(&[1], 2.0)),
        );
        let x = Tensor::full(&[1], 5.0);
        let y = &(&(&x * &p) - &b) + &(2.0 * &p);
        assert_eq!(y.item().to_f64(), 19.0);
        assert_eq!((&(&p / &b) * &(&b + 1.0)).item().to_f64(), 4.5);
        assert!(y.requires_grad());
    }
}

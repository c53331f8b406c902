//! Class numbers as rows with a single one.

use super::compare::eq;
use super::copy::to_dtype;
use super::extreme::{max, min};
use super::factory::zeros_of;
use super::range::arange;
use super::view::unsqueeze;
use crate::autograd::mode::no_grad;
use crate::layout::Dims;
use crate::{DType, OrThrow, Result, Scalar, Tensor, ensure, ops};

ops! {
    /// `y[.., c] = 1` where `c` is the class number `x[..]`, 0 elsewhere; there are as many classes as the largest number
    /// wants where `num_classes` is -1.
    "one_hot(Tensor self, int num_classes=-1) -> Tensor" []
    pub fn one_hot(x: &Tensor, num_classes: i64) -> Tensor = one_hot_body;
}

fn one_hot_body(x: &Tensor, num_classes: i64) -> Result<Tensor> {
    ensure!(
        x.dtype() == DType::I64,
        Runtime,
        "one_hot is only applicable to index tensor of type LongTensor."
    );
    if x.numel() == 0 {
        ensure!(
            num_classes > 0,
            Runtime,
            "Can not infer total number of classes from empty tensor."
        );
        let mut shape = Dims::from(x.shape());
        shape.push(num_classes as usize);
        return zeros_of(&shape, DType::I64);
    }
    let whole = |t: Tensor| -> Result<i64> {
        Ok(match t.item() {
            Scalar::Int(n) => n,
            other => other.to_f64() as i64,
        })
    };
    let (least, most) = (whole(min(x)?)?, whole(max(x)?)?);
    ensure!(least >= 0, Runtime, "Class values must be non-negative.");
    let n = match num_classes {
        -1 => most.saturating_add(1),
        n => {
            ensure!(n > most, Runtime, "Class values must be smaller than num_classes.");
            n
        }
    };
    no_grad(|| {
        let mut shape = Dims::from(x.shape());
        shape.push(n as usize);
        // Without memory for the result there is none for the class numbers either.
        crate::ops::pool::affordable(&shape, DType::I64)?;
        let classes = arange(Scalar::Int(n), Some(DType::I64), None, None, None)?;
        to_dtype(&eq(&unsqueeze(x, -1)?, &classes)?, DType::I64)
    })
}

impl Tensor {
    /// Class numbers as rows with a single one.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[2i64, 0]).one_hot(3).to_vec::<i64>(), [0, 0, 1, 1, 0, 0]);
    /// ```
    #[track_caller]
    pub fn one_hot(&self, num_classes: i64) -> Tensor {
        one_hot(self, num_classes).or_throw()
    }
}

//! Products of two vectors with a form between them.

use super::arith::add;
use super::einsum::einsum;
use super::view::{ints, reshape};
use crate::layout::Dims;
use crate::{Result, Scalar, Tensor, ensure, ops};

ops! {
    /// `y_k = input1ᵀ W_k input2 + b_k` over the last dimension: `input1: (*, I)`, `input2: (*, J)`, `weight: (K, I, J)`,
    /// `bias: (K)`, `y: (*, K)`.
    "bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor" [function]
    pub fn bilinear(x: &Tensor, y: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor = bilinear_body;
}

fn check(x: &Tensor, y: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<()> {
    ensure!(
        x.dim() == y.dim(),
        Runtime,
        "bilinear(): input dimensions do not match: got {} and {}",
        x.dim(),
        y.dim()
    );
    ensure!(
        x.dim() > 0 && weight.dim() == 3,
        Index,
        "Dimension out of range (expected to be in range of [-1, 0], but got 1)"
    );
    let last = x.dim() - 1;
    for d in 0..last {
        ensure!(
            x.shape()[d] == y.shape()[d],
            Runtime,
            "bilinear(): input batch dimensions do not match at dim {d}: got {} and {}",
            x.shape()[d],
            y.shape()[d]
        );
    }
    for (n, t, d) in [(1, x, 1), (2, y, 2)] {
        ensure!(
            t.shape()[last] == weight.shape()[d],
            Runtime,
            "bilinear(): input{n} size does not match weight size: got {} but expected {}",
            t.shape()[last],
            weight.shape()[d]
        );
    }
    if let Some(b) = bias {
        ensure!(
            b.dim() == 1 && b.shape()[0] == weight.shape()[0],
            Runtime,
            "bilinear(): bias size does not match weight size: got {} but expected {}",
            b.shape().first().copied().unwrap_or(0),
            weight.shape()[0]
        );
    }
    Ok(())
}

fn bilinear_body(x: &Tensor, y: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    check(x, y, weight, bias)?;
    let (i, j, k) = (weight.shape()[1], weight.shape()[2], weight.shape()[0]);
    let rows: usize = x.shape()[..x.dim() - 1].iter().product();
    let left = reshape(x, &[rows as i64, i as i64])?;
    let right = reshape(y, &[rows as i64, j as i64])?;
    let form = einsum("ni,kij,nj->nk", &[left, weight.clone(), right], None)?;
    let mut shape: Dims = x.shape().into();
    shape[x.dim() - 1] = k;
    let out = reshape(&form, &ints(&shape))?;
    match bias {
        Some(b) => add(&out, b, Scalar::Int(1)),
        None => Ok(out),
    }
}

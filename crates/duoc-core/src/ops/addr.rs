//! The outer product of two vectors, added to a matrix.

use super::matmul::{conj, expanded, mv, scaled};
use super::view::{t, unsqueeze};
use crate::autograd::{Ctx, no_grad};
use crate::{DType, Result, Scalar, Tensor, ensure, ops, try_result_type};

ops! {
    /// `beta * self + alpha * outer(vec1, vec2)`; `self` is broadcast, and not read if `beta` is 0. Promotes.
    "addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor" [function, method, inplace, out]
    pub fn addr(x: &Tensor, v1: &Tensor, v2: &Tensor, beta: Scalar, alpha: Scalar) -> Tensor = addr_body;
}

fn addr_body(x: &Tensor, v1: &Tensor, v2: &Tensor, beta: Scalar, alpha: Scalar) -> Result<Tensor> {
    ensure!(
        v1.dim() == 1,
        Runtime,
        "addr: Expected 1-D argument vec1, but got {}-D",
        v1.dim()
    );
    ensure!(
        v2.dim() == 1,
        Runtime,
        "addr: Expected 1-D argument vec2, but got {}-D",
        v2.dim()
    );
    let shape = [v1.numel(), v2.numel()];
    let wide = expanded(x, &shape)?;
    let dtype = try_result_type(&[x, v1, v2])?;
    for (name, s) in [("beta", beta), ("alpha", alpha)] {
        ensure!(
            dtype.is_differentiable() || s.is_integral(true),
            Runtime,
            "For integral input tensors, argument {name} must not be a floating point number."
        );
    }
    let out = no_grad(|| addr_values(&wide, v1, v2, beta, alpha, dtype))?;
    out.record("AddrBackward0", [x, v1, v2], |r| {
        let (s1, s2) = (r.save_if(r.needs(2), v1), r.save_if(r.needs(1), v2));
        move |c: &Ctx, g: &Tensor| {
            let gx = if c.needs(0) {
                Some(scaled(g.clone(), beta)?)
            } else {
                None
            };
            let g1 = if c.needs(1) {
                Some(scaled(mv(g, &conj(&c.get(s2)?)?)?, alpha)?)
            } else {
                None
            };
            let g2 = if c.needs(2) {
                Some(scaled(mv(&t(g)?, &conj(&c.get(s1)?)?)?, alpha)?)
            } else {
                None
            };
            Ok((gx, g1, g2))
        }
    })
}

/// `beta * x + (alpha * v1[i]) * v2[j]` in `dtype`; for bool every factor counts as true or false.
fn addr_values(x: &Tensor, v1: &Tensor, v2: &Tensor, beta: Scalar, alpha: Scalar, dtype: DType) -> Result<Tensor> {
    use super::arith::{add, mul};
    let number = |s: Scalar| {
        if dtype == DType::Bool {
            Tensor::wrapped(s.to_bool())
        } else {
            Tensor::wrapped(s)
        }
    };
    let convert = |t: &Tensor| super::copy::to_dtype(t, dtype);
    let column = mul(&unsqueeze(&convert(v1)?, 1)?, &number(alpha)?)?;
    let outer = mul(&column, &convert(v2)?)?;
    if !beta.to_bool() {
        return Ok(outer);
    }
    add(&mul(&convert(x)?, &number(beta)?)?, &outer, Scalar::Int(1))
}

//! Weights by length and direction (`_weight_norm`; T. Salimans and D. Kingma, 2016) and slices of bounded length (`renorm`).

use crate::ops::arith::{div, mul};
use crate::ops::blend::where_;
use crate::ops::compare::gt;
use crate::ops::copy::to_dtype;
use crate::ops::factory::ones_like;
use crate::ops::vector_norm::{norm, vector_norm};
use crate::{DType, OrThrow, Result, Scalar, Tensor, ensure, ops};

ops! {
    /// `v g / |v|`: the norm is taken over all dimensions but `dim`.
    "_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor" [function]
    pub fn weight_norm(v: &Tensor, g: &Tensor, dim: i64) -> Tensor = weight_norm_body;

    /// The `pow`-norms over all dimensions but `dim`, which keep their places; for `dim` -1 the norm of everything.
    "norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor" [function]
    pub fn norm_except_dim(v: &Tensor, pow: i64, dim: i64) -> Tensor = norm_except_dim_body;

    /// The tensor with each slice of dimension `dim` whose `p`-norm is above `maxnorm` shortened to it.
    "renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor" [function, method, inplace, out]
    pub fn renorm(x: &Tensor, p: Scalar, dim: i64, maxnorm: Scalar) -> Tensor = renorm_body;
}

fn weight_norm_body(v: &Tensor, g: &Tensor, dim: i64) -> Result<Tensor> {
    mul(v, &div(g, &norm_except_dim(v, 2, dim)?)?)
}

fn others(x: &Tensor, dim: usize) -> Vec<i64> {
    (0..x.dim() as i64).filter(|d| *d != dim as i64).collect()
}

fn norm_except_dim_body(v: &Tensor, pow: i64, dim: i64) -> Result<Tensor> {
    if dim == -1 {
        return norm(v, Scalar::Int(pow));
    }
    let dims = others(v, v.wrap_dim(dim)?);
    if dims.is_empty() {
        // Over no dimension the norm of each element is its size; an empty list would mean all of them.
        return crate::ops::unary::abs(v);
    }
    vector_norm(v, Scalar::Int(pow), Some(&dims), true, None)
}

fn renorm_body(x: &Tensor, p: Scalar, dim: i64, maxnorm: Scalar) -> Result<Tensor> {
    ensure!(!p.is_complex(), Runtime, "renorm: p must be real-valued");
    ensure!(p.to_f64() > 0.0, Runtime, "renorm: non-positive-norm not supported");
    ensure!(!maxnorm.is_complex(), Runtime, "renorm: maxnorm must be real-valued");
    ensure!(
        maxnorm.to_f64() >= 0.0,
        Runtime,
        "renorm: expected maxnorm to be >= 0 but got {}",
        crate::ops::draw::general(maxnorm.to_f64())
    );
    ensure!(
        x.dim() > 1,
        Runtime,
        "renorm: input needs at least 2 dimensions, got {} dimensions",
        x.dim()
    );
    let d = x.wrap_dim(dim)?;
    let wide = match x.dtype() {
        DType::F16 | DType::BF16 => Some(DType::F32),
        _ => None,
    };
    let norms = vector_norm(x, p, Some(&others(x, d)), true, wide)?;
    let largest = Tensor::wrapped(maxnorm.to_f64())?;
    let shrunk = div(
        &largest,
        &crate::ops::arith::add(&norms, &Tensor::wrapped(1e-7)?, Scalar::Int(1))?,
    )?;
    let factor = where_(&gt(&norms, &largest)?, &shrunk, &ones_like(&norms)?)?;
    mul(x, &to_dtype(&factor, x.dtype())?)
}

impl Tensor {
    /// The tensor with each slice of dimension `dim` whose `p`-norm is above `maxnorm` shortened to it.
    #[track_caller]
    pub fn renorm(&self, p: impl Into<Scalar>, dim: i64, maxnorm: impl Into<Scalar>) -> Tensor {
        renorm(self, p.into(), dim, maxnorm.into()).or_throw()
    }
}

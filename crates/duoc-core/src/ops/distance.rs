//! Distances and angles between vectors: `cosine_similarity`, `pairwise_distance`, `cdist`, `pdist`.

use super::arith::{add, div, mul, sub};
use super::blend::clamp_min;
use super::contract::matmul;
use super::copy::{clone, to_dtype};
use super::factory::zeros_of;
use super::index::index_select;
use super::rearrange::triu_indices;
use super::reduce::sum_dim;
use super::shape::expand;
use super::unary::sqrt;
use super::vector_norm::vector_norm;
use super::view::{ints, select, transpose, unsqueeze};
use crate::autograd::mode::no_grad;
use crate::layout::broadcast;
use crate::op::in_place;
use crate::promote::try_result_type;
use crate::{DType, OrThrow, Result, Scalar, Tensor, ensure, ops};

ops! {
    /// `x1 . x2 / (max(|x1|, eps) max(|x2|, eps))` along `dim` of the broadcast tensors.
    "cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor" [function]
    pub fn cosine_similarity(x1: &Tensor, x2: &Tensor, dim: i64, eps: f64) -> Tensor = cosine_similarity_body;

    /// The `p`-norm of `x1 - x2 + eps` along the last dimension.
    "pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> Tensor" [function]
    pub fn pairwise_distance(x1: &Tensor, x2: &Tensor, p: f64, eps: f64, keepdim: bool) -> Tensor = pairwise_distance_body;

    /// The `p`-norm distances of every row of `x1` `(*, P, M)` from every row of `x2` `(*, R, M)`: `(*, P, R)`. For the
    /// Euclidean one of many rows by a product of matrices, unless `compute_mode` forbids it.
    "cdist(Tensor x1, Tensor x2, float p=2, int? compute_mode=None) -> Tensor" [function]
    pub fn cdist(x1: &Tensor, x2: &Tensor, p: f64, compute_mode: Option<i64>) -> Tensor = cdist_body;

    /// The `p`-norm distances of every pair of rows of `(N, M)`: `N (N - 1) / 2` numbers, row by row of the upper triangle.
    "pdist(Tensor self, float p=2) -> Tensor" [function]
    pub fn pdist(x: &Tensor, p: f64) -> Tensor = pdist_body;
}

const ONE: Scalar = Scalar::Int(1);

fn cosine_similarity_body(x1: &Tensor, x2: &Tensor, dim: i64, eps: f64) -> Result<Tensor> {
    let common = try_result_type(&[x1, x2])?;
    ensure!(
        common.is_float(),
        Runtime,
        "expected common dtype to be floating point, yet common dtype is {}",
        common.scalar_type_name()
    );
    let shape = ints(&broadcast(x1.shape(), x2.shape())?);
    let wide = |x: &Tensor| {
        let x = if x.dtype().is_float() {
            x.clone()
        } else {
            to_dtype(x, common)?
        };
        expand(&x, &shape, false)
    };
    let (x1, x2) = (wide(x1)?, wide(x2)?);
    let unit = |x: &Tensor| -> Result<Tensor> {
        let length = clone(&vector_norm(x, Scalar::Int(2), Some(&[dim]), true, None)?, None)?;
        // A short vector's length is replaced without a trace: the gradient is that of the division by it.
        no_grad(|| in_place(&length, [], |l| clamp_min(l, Scalar::Float(eps))))?;
        div(x, &length)
    };
    sum_dim(&mul(&unit(&x1)?, &unit(&x2)?)?, Some(&[dim]), false, None)
}

fn pairwise_distance_body(x1: &Tensor, x2: &Tensor, p: f64, eps: f64, keepdim: bool) -> Result<Tensor> {
    let d = add(&sub(x1, x2, ONE)?, &Tensor::wrapped(eps)?, ONE)?;
    let last = x1.dim().max(x2.dim()) as i64 - 1;
    vector_norm(&d, Scalar::Float(p), Some(&[last]), keepdim, None)
}

fn cdist_body(x1: &Tensor, x2: &Tensor, p: f64, mode: Option<i64>) -> Result<Tensor> {
    for (x, name) in [(x1, "X1"), (x2, "X2")] {
        ensure!(
            x.dim() >= 2,
            Runtime,
            "cdist only supports at least 2D tensors, {name} got: {}D",
            x.dim()
        );
    }
    let (a, b) = (x1.shape(), x2.shape());
    let (m, r1, r2) = (a[a.len() - 1], a[a.len() - 2], b[b.len() - 2]);
    ensure!(
        m == b[b.len() - 1],
        Runtime,
        "X1 and X2 must have the same number of columns. X1: {m} X2: {}",
        b[b.len() - 1]
    );
    for (x, name) in [(x1, "X1"), (x2, "X2")] {
        ensure!(
            x.dtype().is_float(),
            Runtime,
            "cdist only supports floating-point dtypes, {name} got: {}",
            x.dtype().scalar_type_name()
        );
    }
    ensure!(p >= 0.0, Runtime, "cdist only supports non-negative p values");
    let mode = mode.unwrap_or(0);
    ensure!(
        (0..=2).contains(&mode),
        Runtime,
        "possible modes: 0, 1, 2, but was: {mode}"
    );
    ensure!(
        x1.dtype() == x2.dtype(),
        Runtime,
        "expected scalar type {} but found {}",
        x1.dtype().scalar_type_name(),
        x2.dtype().scalar_type_name()
    );
    let mut shape = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?;
    shape.extend([r1, r2]);
    if x1.numel() == 0 || x2.numel() == 0 {
        let empty = zeros_of(&shape, x1.dtype())?;
        return empty.record("CdistBackward0", [x1, x2], |_| {
            let sizes = (x1.shape().to_vec(), x2.shape().to_vec());
            move |_: &crate::autograd::Ctx, g: &Tensor| -> Result<[Option<Tensor>; 2]> {
                Ok([
                    Some(zeros_of(&sizes.0, g.dtype())?),
                    Some(zeros_of(&sizes.1, g.dtype())?),
                ])
            }
        });
    }
    if p == 2.0 && (mode == 1 || mode == 0 && (r1 > 25 || r2 > 25)) {
        return by_product(x1, x2);
    }
    let d = sub(&unsqueeze(x1, -2)?, &unsqueeze(x2, -3)?, ONE)?;
    vector_norm(&d, Scalar::Float(p), Some(&[-1]), false, None)
}

/// `sqrt(|x|^2 - 2 x . y + |y|^2)` by one product.
fn by_product(x1: &Tensor, x2: &Tensor) -> Result<Tensor> {
    let square = |x: &Tensor| sum_dim(&mul(x, x)?, Some(&[-1]), true, None);
    let cross = matmul(&mul(x1, &Tensor::wrapped(-2i64)?)?, &transpose(x2, -2, -1)?)?;
    let total = add(&add(&cross, &square(x1)?, ONE)?, &transpose(&square(x2)?, -2, -1)?, ONE)?;
    sqrt(&clamp_min(&total, Scalar::Int(0))?)
}

fn pdist_body(x: &Tensor, p: f64) -> Result<Tensor> {
    ensure!(
        x.dim() == 2,
        Runtime,
        "pdist only supports 2D tensors, got: {}D",
        x.dim()
    );
    ensure!(
        x.dtype().is_float(),
        Runtime,
        "pdist only supports floating-point dtypes"
    );
    ensure!(p >= 0.0, Runtime, "pdist only supports non-negative p values");
    let n = x.shape()[0];
    ensure!(n < 1 << 31, Runtime, "pdist: too many rows: {n}");
    if n <= 1 || x.shape()[1] == 0 {
        let zeros = zeros_of(&[n * n.saturating_sub(1) / 2], x.dtype())?;
        return zeros.record("PdistBackward0", [x], |r| {
            let x = r.save(x);
            move |c: &crate::autograd::Ctx, g: &Tensor| {
                let x = c.get(x)?;
                super::pool::tied(zeros_of(x.shape(), g.dtype())?, &x)
            }
        });
    }
    let pairs = triu_indices(n as i64, n as i64, 1, Some(DType::I64), None, None, None)?;
    let row = |i: i64| index_select(x, 0, &select(&pairs, 0, i)?);
    vector_norm(
        &sub(&row(0)?, &row(1)?, ONE)?,
        Scalar::Float(p),
        Some(&[-1]),
        false,
        None,
    )
}

impl Tensor {
    /// The cosines of the angles between the vectors along `dim`.
    #[track_caller]
    pub fn cosine_similarity(&self, other: &Tensor, dim: i64) -> Tensor {
        cosine_similarity(self, other, dim, 1e-8).or_throw()
    }
}

//! Norms and condition numbers of matrices.

use super::{as_dtype, check_float, check_matrix};
use crate::autograd::no_grad;
use crate::ops::arith::{div, mul};
use crate::ops::extreme::{amax, amin};
use crate::ops::reduce::sum_dims;
use crate::ops::unary::abs;
use crate::ops::vector_norm::vector_norm;
use crate::ops::view::{permute, unsqueeze};
use crate::{DType, Result, Scalar, Tensor, bail, ensure, ops};

ops! {
    /// The norm of the matrices over two dimensions: the largest (`inf`, `-inf` the smallest) sum of moduli of a row, that of
    /// a column (`1`, `-1`), the largest or smallest singular value (`2`, `-2`).
    "linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, out]
    pub fn matrix_norm(a: &Tensor, ord: Scalar, dim: &[i64], keepdim: bool, dtype: Option<DType>) -> Tensor = matrix_norm_body;

    /// The Frobenius norm (`fro`) or the sum of the singular values (`nuc`).
    "linalg_matrix_norm.str_ord(Tensor self, str ord=\"fro\", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, out]
    pub fn matrix_norm_named(a: &Tensor, ord: &str, dim: &[i64], keepdim: bool, dtype: Option<DType>) -> Tensor = matrix_norm_named_body;

    /// The norm of vectors (one dimension, or no `ord`) or matrices (two).
    "linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, out]
    pub fn norm(a: &Tensor, ord: Option<Scalar>, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = norm_body;

    /// The Frobenius norm (`fro`) or the sum of the singular values (`nuc`) of matrices.
    "linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, out]
    pub fn norm_named(a: &Tensor, ord: &str, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = norm_named_body;

    /// The sum of the singular values of a matrix.
    "nuclear_norm(Tensor self, bool keepdim=False) -> Tensor" [function, out]
    pub fn nuclear_norm(a: &Tensor, keepdim: bool) -> Tensor = nuclear_norm_body;

    /// The sum of the singular values over two dimensions.
    "nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor" [function, out]
    pub fn nuclear_norm_dim(a: &Tensor, dim: &[i64], keepdim: bool) -> Tensor = nuclear_norm_dim_body;

    /// The Frobenius norm over dimensions.
    "frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor" [function, out]
    pub fn frobenius_norm(a: &Tensor, dim: &[i64], keepdim: bool) -> Tensor = frobenius_norm_body;

    /// The condition number `|A| |A^-1|`, for `p` 2 (None) and -2 the quotient of the extreme singular values.
    "linalg_cond(Tensor self, Scalar? p=None) -> Tensor" [function, out]
    pub fn cond(a: &Tensor, p: Option<Scalar>) -> Tensor = cond_body;

    /// The condition number in the Frobenius (`fro`) or nuclear (`nuc`) norm.
    "linalg_cond.p_str(Tensor self, str p) -> Tensor" [function, out]
    pub fn cond_named(a: &Tensor, p: &str) -> Tensor = cond_named_body;
}

const NAME: &str = "linalg.matrix_norm";

/// The two dimensions, counted from the front.
fn places(a: &Tensor, dim: &[i64]) -> Result<[usize; 2]> {
    check_matrix(NAME, a)?;
    let [i, j] = dim else {
        let given: Vec<String> = dim.iter().map(i64::to_string).collect();
        bail!(Runtime, "{NAME}: dim must be a 2-tuple. Got {}", given.join(", "));
    };
    let (i, j) = (a.wrap_dim(*i)?, a.wrap_dim(*j)?);
    ensure!(i != j, Runtime, "{NAME}: dims must be different. Got ({i}, {j})");
    Ok([i, j])
}

fn converted(a: &Tensor, dtype: Option<DType>) -> Result<Tensor> {
    check_float(NAME, a, false)?;
    let Some(dtype) = dtype else { return Ok(a.clone()) };
    ensure!(
        dtype.is_float() || dtype.is_complex(),
        Runtime,
        "{NAME}: dtype should be floating point or complex, but got {}",
        dtype.scalar_type_name()
    );
    ensure!(
        dtype.is_complex() == a.dtype().is_complex(),
        Runtime,
        "{NAME}: dtype should be {} for {} inputs, but got {}",
        if a.dtype().is_complex() { "complex" } else { "real" },
        if a.dtype().is_complex() { "complex" } else { "real" },
        dtype.scalar_type_name()
    );
    as_dtype(a, dtype)
}

/// `reduced` has lost both dimensions: put them back as ones.
fn kept(reduced: Tensor, [i, j]: [usize; 2], keepdim: bool) -> Result<Tensor> {
    if !keepdim {
        return Ok(reduced);
    }
    unsqueeze(&unsqueeze(&reduced, i.min(j) as i64)?, i.max(j) as i64)
}

/// The singular values of the matrices over the two dimensions.
fn values(a: &Tensor, [i, j]: [usize; 2]) -> Result<Tensor> {
    let mut order: Vec<i64> = (0..a.dim()).filter(|d| *d != i && *d != j).map(|d| d as i64).collect();
    order.extend([i as i64, j as i64]);
    super::svd::svdvals(&permute(a, &order)?, None)
}

fn matrix_norm_body(a: &Tensor, ord: Scalar, dim: &[i64], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    let places = places(a, dim)?;
    let order = ord.to_f64();
    ensure!(
        !ord.is_complex() && (order.abs() == 1.0 || order.abs() == 2.0 || order.is_infinite()),
        Runtime,
        "{NAME}: Order {order} not supported."
    );
    let a = converted(a, dtype)?;
    let extreme = |x: &Tensor, d: usize| match order > 0.0 {
        true => amax(x, &[d as i64], false),
        false => amin(x, &[d as i64], false),
    };
    if order.abs() == 2.0 {
        let s = values(&a, places)?;
        return kept(extreme(&s, s.dim() - 1)?, places, keepdim);
    }
    let [i, j] = places;
    let (sum, then) = if order.is_infinite() { (j, i) } else { (i, j) };
    let sums = sum_dims(&abs(&a)?, Some(&[sum as i64]), false, None)?;
    let then = if then > sum { then - 1 } else { then };
    kept(extreme(&sums, then)?, places, keepdim)
}

fn matrix_norm_named_body(a: &Tensor, ord: &str, dim: &[i64], keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    let places = places(a, dim)?;
    ensure!(
        matches!(ord, "fro" | "nuc"),
        Runtime,
        "{NAME}: Order {ord} not supported."
    );
    let a = converted(a, dtype)?;
    if ord == "fro" {
        return vector_norm(&a, Scalar::Int(2), Some(&places.map(|d| d as i64)), keepdim, None);
    }
    let s = values(&a, places)?;
    kept(sum_dims(&s, Some(&[-1]), false, None)?, places, keepdim)
}

/// The dimensions that a norm without `dim` is taken over.
fn all_dims(a: &Tensor, dim: Option<&[i64]>) -> Result<Vec<i64>> {
    if let Some(d) = dim {
        ensure!(
            d.len() == 1 || d.len() == 2,
            Runtime,
            "linalg.norm: If dim is specified, it must be of length 1 or 2. Got {d:?}"
        );
        return Ok(d.to_vec());
    }
    ensure!(
        a.dim() == 1 || a.dim() == 2,
        Runtime,
        "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {}D.",
        a.dim()
    );
    Ok((0..a.dim() as i64).collect())
}

fn norm_body(
    a: &Tensor,
    ord: Option<Scalar>,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    let Some(ord) = ord else {
        if let Some(d) = dim {
            ensure!(
                d.len() == 1 || d.len() == 2,
                Runtime,
                "linalg.norm: If dim is specified, it must be of length 1 or 2. Got {d:?}"
            );
        }
        return vector_norm(a, Scalar::Int(2), dim, keepdim, dtype);
    };
    let dims = all_dims(a, dim)?;
    match dims.len() {
        2 => matrix_norm(a, ord, &dims, keepdim, dtype),
        _ => vector_norm(a, ord, Some(&dims), keepdim, dtype),
    }
}

fn norm_named_body(a: &Tensor, ord: &str, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    let dims = all_dims(a, dim)?;
    if dims.len() != 2 {
        check_matrix(NAME, a)?;
    }
    matrix_norm_named(a, ord, &dims, keepdim, dtype)
}

fn nuclear_norm_body(a: &Tensor, keepdim: bool) -> Result<Tensor> {
    ensure!(
        a.dim() == 2,
        Runtime,
        "Expected a tensor with 2 dimensions, but got a tensor with {} dimension{} instead.",
        a.dim(),
        if a.dim() == 1 { "" } else { "s" }
    );
    matrix_norm_named(a, "nuc", &[-2, -1], keepdim, None)
}

fn nuclear_norm_dim_body(a: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    ensure!(
        dim.len() == 2,
        Runtime,
        "nuclear norm requires a 'dim' argument of size 2"
    );
    matrix_norm_named(a, "nuc", dim, keepdim, None)
}

fn frobenius_norm_body(a: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    ensure!(
        dim.len() <= 2,
        Runtime,
        "Expected at most 2 dimensions, but got {} dimensions instead.",
        dim.len()
    );
    vector_norm(a, Scalar::Int(2), Some(dim), keepdim, None)
}

fn zeros_of(a: &Tensor) -> Result<Tensor> {
    crate::ops::factory::full_of(super::batch(a), Scalar::Int(0), a.dtype().part())
}

/// `|A| |A^-1|`, infinite where `A` is singular.
fn by_inverse(a: &Tensor, name: &str, norm: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    super::check_square(&format!("linalg.cond(ord={name})"), a)?;
    let (inverse, info) = super::solve::inv_ex(a, false)?;
    let product = mul(&norm(a)?, &norm(&inverse)?)?;
    let singular = no_grad(|| crate::ops::compare::ne(&info, &Tensor::wrapped(0i64)?))?;
    crate::ops::blend::select(&singular, &Tensor::wrapped(f64::INFINITY)?, &product)
}

fn cond_body(a: &Tensor, p: Option<Scalar>) -> Result<Tensor> {
    ensure!(
        a.dim() >= 2,
        Runtime,
        "linalg.cond: The input tensor must have at least 2 dimensions."
    );
    let order = p.map_or(2.0, |p| p.to_f64());
    ensure!(
        order.abs() == 1.0 || order.abs() == 2.0 || order.is_infinite(),
        Runtime,
        "linalg.cond got an invalid norm type: {order}"
    );
    if order.abs() != 2.0 {
        let word = match (order.is_infinite(), order > 0.0) {
            (true, true) => "inf".to_string(),
            (true, false) => "-inf".to_string(),
            _ => format!("{order}"),
        };
        if a.numel() == 0 && super::rows(a) == super::cols(a) {
            return zeros_of(a);
        }
        return by_inverse(a, &word, |x| {
            matrix_norm(x, p.unwrap_or(Scalar::Int(2)), &[-2, -1], false, None)
        });
    }
    let s = super::svd::svdvals(a, None)?;
    if s.shape()[s.dim() - 1] == 0 {
        return zeros_of(a);
    }
    let (first, last) = (
        crate::ops::view::select(&s, -1, 0)?,
        crate::ops::view::select(&s, -1, -1)?,
    );
    match order > 0.0 {
        true => div(&first, &last),
        false => div(&last, &first),
    }
}

fn cond_named_body(a: &Tensor, p: &str) -> Result<Tensor> {
    ensure!(
        a.dim() >= 2,
        Runtime,
        "linalg.cond: The input tensor must have at least 2 dimensions."
    );
    ensure!(
        matches!(p, "fro" | "nuc"),
        Value,
        "linalg.cond got an invalid norm type: {p}"
    );
    if a.numel() == 0 {
        return zeros_of(a);
    }
    if p == "nuc" {
        let s = super::svd::svdvals(a, None)?;
        let one = crate::ops::factory::ones_like(&s)?;
        let sum = |x: &Tensor| sum_dims(x, Some(&[-1]), false, None);
        return mul(&sum(&s)?, &sum(&div(&one, &s)?)?);
    }
    by_inverse(a, p, |x| matrix_norm_named(x, p, &[-2, -1], false, None))
}

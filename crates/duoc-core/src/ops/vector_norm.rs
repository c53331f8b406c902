//! Norms of vectors: `(sum |x|^p)^(1/p)` over dimensions.

use super::compare::{eq, isnan, logical_not, logical_or};
use super::power::pow_scalar;
use super::reduce::formula::where_zero;
use super::reduce::run::{DimSet, run};
use super::reduce::sum_dims;
use super::sign::sgn;
use super::unary::abs;
use crate::autograd::Ctx;
use crate::ops::arith::{div, mul};
use crate::ops::pointwise::converted;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ensure, ops, promote_types};
use duoc_kernels::reduce::Reduce;

ops! {
    /// `(sum |x|^ord)^(1/ord)` over the dimensions `dim` (all when None or empty): the number of elements that are not
    /// zero for `ord = 0`, the extreme absolute value for `ord = inf` and `-inf`. `dtype` converts the input first.
    "linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, out]
    pub fn vector_norm(x: &Tensor, ord: Scalar, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = vector_norm_body;

    /// The norm of all elements.
    "norm.Scalar(Tensor self, Scalar p=2) -> Tensor" [function, method]
    pub fn norm(x: &Tensor, p: Scalar) -> Tensor = norm_body;

    /// The norm of all elements in `dtype`.
    "norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor" [function, method, out]
    pub fn norm_dtype(x: &Tensor, p: Option<Scalar>, dtype: DType) -> Tensor = norm_dtype_body;

    /// The norm over dimensions; `p` is 2 when None.
    "norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1]? dim, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn norm_dim(x: &Tensor, p: Option<Scalar>, dim: Option<&[i64]>, keepdim: bool) -> Tensor = norm_dim_body;

    /// The norm over dimensions in `dtype`.
    "norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1]? dim, bool keepdim, *, ScalarType dtype) -> Tensor" [function, method, out]
    pub fn norm_dim_dtype(x: &Tensor, p: Option<Scalar>, dim: Option<&[i64]>, keepdim: bool, dtype: DType) -> Tensor = norm_dim_dtype_body;

    /// The Frobenius norm, the name that `p` has by default in Python.
    "norm.str(Tensor self, str p=\"fro\", int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, method]
    pub fn norm_named(x: &Tensor, p: &str, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = norm_named_body;
}

fn vector_norm_body(
    x: &Tensor,
    ord: Scalar,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    measured("LinalgVectorNormBackward0", x, ord, dim, keepdim, dtype)
}

/// The norm, recorded under the name of the op that was called.
fn measured(
    node: &'static str,
    x: &Tensor,
    ord: Scalar,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: Option<DType>,
) -> Result<Tensor> {
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}",
        x.dtype().scalar_type_name()
    );
    if let Some(d) = dtype {
        ensure!(
            d.is_differentiable(),
            Runtime,
            "linalg.vector_norm: dtype should be floating point or complex, but got {}",
            d.scalar_type_name()
        );
        ensure!(
            d.is_complex() == x.dtype().is_complex(),
            Runtime,
            "linalg.vector_norm: dtype should be {} for {} inputs, but got {}",
            if x.dtype().is_complex() { "complex" } else { "real" },
            if x.dtype().is_complex() { "complex" } else { "real" },
            d.scalar_type_name()
        );
        ensure!(
            promote_types(x.dtype(), d) == d,
            Runtime,
            "linalg.vector_norm: the dtype of the input ({}) should be convertible without narrowing to the specified dtype ({})",
            x.dtype().scalar_type_name(),
            d.scalar_type_name()
        );
    }
    let p = ord.to_f64();
    let dims = DimSet::of(x, dim)?;
    check_identity(x, p, dim, dims)?;
    let terms = converted(x, dtype.unwrap_or(x.dtype()))?;
    let [y] = run(
        Reduce::Norm { p },
        "linalg_vector_norm_cpu",
        &terms,
        dims,
        keepdim,
        [terms.dtype().part()],
    )?;
    y.record(node, [x], |r| {
        let (x, y) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| backward(g, &c.get(x)?, &c.get(y)?, p, dims, keepdim)
    })
}

/// Negative and infinite orders have no value over no elements.
fn check_identity(x: &Tensor, p: f64, dim: Option<&[i64]>, dims: DimSet) -> Result<()> {
    if x.numel() > 0 || !(p < 0.0 || p == f64::INFINITY) {
        return Ok(());
    }
    ensure!(
        !dim.unwrap_or(&[]).is_empty(),
        Runtime,
        "linalg.vector_norm cannot compute the {p} norm on an empty tensor because the operation does not have an identity"
    );
    for d in dims.list() {
        ensure!(
            x.shape().get(d as usize).is_none_or(|n| *n > 0),
            Runtime,
            "linalg.vector_norm cannot compute the {p} norm on the dimension {d}because this dimension is empty and the operation does not have an identity"
        );
    }
    Ok(())
}

/// The gradient, with the choices at zero that PyTorch makes (`linalg_vector_norm_backward`).
fn backward(g: &Tensor, x: &Tensor, y: &Tensor, p: f64, dims: DimSet, keepdim: bool) -> Result<Tensor> {
    let (shape, mut dtype) = (x.shape(), y.dtype());
    if x.dtype().is_complex() {
        dtype = dtype.of_parts().unwrap_or(dtype);
    }
    let x = super::copy::to_dtype(x, dtype)?;
    let (g, y) = (dims.keep(g, shape, keepdim)?, dims.keep(y, shape, keepdim)?);
    let zero_norm = || logical_not(&y.detach());
    if p == 0.0 {
        return crate::ops::factory::zeros_like(&x);
    }
    if p == 1.0 {
        return mul(&sgn(&x)?, &g);
    }
    if p == 2.0 {
        return mul(&g, &where_zero(&zero_norm()?, &div(&x, &y)?)?);
    }
    if p.is_infinite() {
        let size = abs(&x.detach())?;
        let hit = logical_or(&eq(&size, &y.detach())?, &isnan(&size)?)?;
        let count = sum_dims(&hit, Some(&dims.list()), true, None)?;
        return mul(&sgn(&x)?, &mul(&div(&g, &count)?, &hit)?);
    }
    if p < 1.0 {
        let power = where_zero(&logical_not(&x.detach())?, &pow(&abs(&x)?, p - 1.0)?)?;
        return mul(&mul(&mul(&sgn(&x)?, &power)?, &g)?, &pow(&y, 1.0 - p)?);
    }
    let direction = match p < 2.0 {
        true => mul(&sgn(&x)?, &pow(&abs(&x)?, p - 1.0)?)?,
        false => mul(&x, &pow(&abs(&x)?, p - 2.0)?)?,
    };
    mul(&direction, &where_zero(&zero_norm()?, &div(&g, &pow(&y, p - 1.0)?)?)?)
}

/// `x ^ p`.
fn pow(x: &Tensor, p: f64) -> Result<Tensor> {
    pow_scalar(x, Scalar::Float(p))
}

const TWO: Scalar = Scalar::Int(2);

fn norm_body(x: &Tensor, p: Scalar) -> Result<Tensor> {
    measured("NormBackward0", x, p, None, false, None)
}

fn norm_dtype_body(x: &Tensor, p: Option<Scalar>, dtype: DType) -> Result<Tensor> {
    measured("NormBackward2", x, p.unwrap_or(TWO), None, false, Some(dtype))
}

fn norm_dim_body(x: &Tensor, p: Option<Scalar>, dim: Option<&[i64]>, keepdim: bool) -> Result<Tensor> {
    measured("NormBackward1", x, p.unwrap_or(TWO), dim, keepdim, None)
}

fn norm_dim_dtype_body(
    x: &Tensor,
    p: Option<Scalar>,
    dim: Option<&[i64]>,
    keepdim: bool,
    dtype: DType,
) -> Result<Tensor> {
    measured("NormBackward3", x, p.unwrap_or(TWO), dim, keepdim, Some(dtype))
}

fn norm_named_body(x: &Tensor, p: &str, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    match p {
        "fro" => vector_norm(x, TWO, dim, keepdim, dtype),
        "nuc" => bail!(
            NotImplemented,
            "norm: the nuclear norm needs singular values, which duoc does not compute yet"
        ),
        _ => bail!(Runtime, "linalg.matrix_norm: Order {p} not supported."),
    }
}

impl Tensor {
    /// The norm of order `p` of all elements.
    ///
    /// ```
    /// # use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[3.0f64, -4.0]).norm(2).item().to_f64(), 5.0);
    /// ```
    #[track_caller]
    pub fn norm(&self, p: impl Into<Scalar>) -> Tensor {
        norm(self, p.into()).or_throw()
    }

    /// The norm of order `p` over dimensions.
    #[track_caller]
    pub fn norm_dim(&self, p: impl Into<Scalar>, dim: &[i64], keepdim: bool) -> Tensor {
        norm_dim(self, Some(p.into()), Some(dim), keepdim).or_throw()
    }
}

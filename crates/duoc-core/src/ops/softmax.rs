//! Exponentials normalised along dimensions: `logsumexp`, `softmax`, `log_softmax`.

use super::compare::isinf;
use super::reduce::formula::where_zero;
use super::reduce::run::DimSet;
use super::reduce::{sum_dim, sum_dims};
use super::unary::{exp, log};
use crate::autograd::Ctx;
use crate::autograd::mode::grad_mode;
use crate::ops::arith::{add, div, mul, sub};
use crate::ops::pointwise::converted;
use crate::{DType, OrThrow, Result, Scalar, Tensor, default_dtype, ensure, ops};

ops! {
    /// `log sum exp(x)` over the dimensions `dim`, computed around the largest element.
    "logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor" [function, method, out] alias ["special_logsumexp"]
    pub fn logsumexp(x: &Tensor, dim: &[i64], keepdim: bool) -> Tensor = logsumexp_body;

    /// `exp(x) / sum exp(x)` along `dim`; `dtype` converts the input first.
    "softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor" [function, method, out] alias ["special_softmax"]
    pub fn softmax(x: &Tensor, dim: i64, dtype: Option<DType>) -> Tensor = softmax_body;

    /// `x - log sum exp(x)` along `dim`; `dtype` converts the input first.
    "log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor" [function, method, out] alias ["special_log_softmax"]
    pub fn log_softmax(x: &Tensor, dim: i64, dtype: Option<DType>) -> Tensor = log_softmax_body;
}

const ONE: Scalar = Scalar::Int(1);

fn logsumexp_body(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    let input = x;
    let x = &match x.dtype().is_differentiable() {
        true => x.clone(),
        false => converted(x, default_dtype())?,
    };
    let dims = DimSet::of(x, Some(dim))?;
    let y = {
        let _off = grad_mode(false);
        if x.numel() == 0 {
            log(&sum_dims(&exp(x)?, Some(&dims.list()), keepdim, None)?)?
        } else {
            let high = super::extreme::amax(x, &dims.list(), true)?;
            // Around an infinity every difference would be NaN.
            let high = where_zero(&isinf(&high)?, &high)?;
            let sum = sum_dims(&exp(&sub(x, &high, ONE)?)?, Some(&dims.list()), keepdim, None)?;
            let high = match keepdim {
                true => high,
                false => super::view::reshape(&high, &super::view::ints(sum.shape()))?,
            };
            add(&log(&sum)?, &high, ONE)?
        }
    };
    y.record("LogsumexpBackward0", [input], |r| {
        let (x, y) = (r.save(input), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let (x, y) = (c.get(x)?, c.get(y)?);
            let (g, y) = (dims.keep(g, x.shape(), keepdim)?, dims.keep(&y, x.shape(), keepdim)?);
            mul(&g, &exp(&sub(&x, &y, ONE)?)?)
        }
    })
}

/// The input of a normalisation in the dtype it is done in, and the dimension.
fn prepared(name: &str, x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<(Tensor, DimSet)> {
    let dtype = dtype.unwrap_or(x.dtype());
    ensure!(
        dtype.is_float() && !dtype.is_float8(),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        dtype.scalar_type_name()
    );
    Ok((converted(x, dtype)?, DimSet::one(x, dim)?))
}

fn softmax_body(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let (terms, dims) = prepared("softmax_kernel_impl", x, dim, dtype)?;
    let y = {
        let _off = grad_mode(false);
        let list = dims.list();
        let e = match terms.numel() {
            0 => exp(&terms)?,
            _ => exp(&sub(&terms, &super::extreme::amax(&terms, &list, true)?, ONE)?)?,
        };
        div(&e, &sum_dim(&e, Some(&list), true, None)?)?
    };
    y.record("SoftmaxBackward0", [x], |r| {
        let y = r.save_output(0);
        move |c: &Ctx, g: &Tensor| {
            let y = c.get(y)?;
            let gy = mul(g, &y)?;
            let total = sum_dim(&gy, Some(&dims.list()), true, None)?;
            sub(&gy, &mul(&y, &total)?, ONE)
        }
    })
}

fn log_softmax_body(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let (terms, dims) = prepared("log_softmax_kernel_impl", x, dim, dtype)?;
    let y = {
        let _off = grad_mode(false);
        let list = dims.list();
        let shifted = match terms.numel() {
            0 => terms.clone(),
            _ => sub(&terms, &super::extreme::amax(&terms, &list, true)?, ONE)?,
        };
        let sum = sum_dim(&exp(&shifted)?, Some(&list), true, None)?;
        sub(&shifted, &log(&sum)?, ONE)?
    };
    y.record("LogSoftmaxBackward0", [x], |r| {
        let y = r.save_output(0);
        move |c: &Ctx, g: &Tensor| {
            let y = c.get(y)?;
            let total = sum_dim(g, Some(&dims.list()), true, None)?;
            sub(g, &mul(&exp(&y)?, &total)?, ONE)
        }
    })
}

impl Tensor {
    /// `log sum exp(x)` over dimensions.
    #[track_caller]
    pub fn logsumexp(&self, dim: &[i64]) -> Tensor {
        logsumexp(self, dim, false).or_throw()
    }

    /// `exp(x) / sum exp(x)` along a dimension.
    #[track_caller]
    pub fn softmax(&self, dim: i64) -> Tensor {
        softmax(self, dim, None).or_throw()
    }

    /// `x - log sum exp(x)` along a dimension.
    #[track_caller]
    pub fn log_softmax(&self, dim: i64) -> Tensor {
        log_softmax(self, dim, None).or_throw()
    }
}

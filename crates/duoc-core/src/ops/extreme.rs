//! Largest and smallest values, with or without their indices.
//!
//! NaN counts as the extreme wherever it stands. Indices are those of the first occurrence.

use super::compare::{eq, isnan};
use super::reduce::formula::scatter_into;
use super::reduce::run::{DimSet, run};
use crate::autograd::Ctx;
use crate::autograd::record::record_many;
use crate::layout::Dims;
use crate::ops::arith::{add, div, mul};
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ensure, ops};
use duoc_kernels::reduce::Reduce;

ops! {
    /// The largest element.
    "max(Tensor self) -> Tensor" [function, method, out]
    pub fn max(x: &Tensor) -> Tensor = max_body;

    /// The largest element along `dim` and the index of its first occurrence.
    "max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn max_dim(x: &Tensor, dim: i64, keepdim: bool) -> (Tensor, Tensor) = max_dim_body;

    /// The larger of two, as `maximum`.
    "max.other(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn max_other(x: &Tensor, other: &Tensor) -> Tensor = super::compare::maximum;

    /// The smallest element.
    "min(Tensor self) -> Tensor" [function, method, out]
    pub fn min(x: &Tensor) -> Tensor = min_body;

    /// The smallest element along `dim` and the index of its first occurrence.
    "min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn min_dim(x: &Tensor, dim: i64, keepdim: bool) -> (Tensor, Tensor) = min_dim_body;

    /// The smaller of two, as `minimum`.
    "min.other(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn min_other(x: &Tensor, other: &Tensor) -> Tensor = super::compare::minimum;

    /// The largest element over the dimensions `dim` (all when empty). Its gradient is shared evenly among ties.
    "amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor" [function, method, out]
    pub fn amax(x: &Tensor, dim: &[i64], keepdim: bool) -> Tensor = amax_body;

    /// The smallest element over the dimensions `dim` (all when empty). Its gradient is shared evenly among ties.
    "amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor" [function, method, out]
    pub fn amin(x: &Tensor, dim: &[i64], keepdim: bool) -> Tensor = amin_body;

    /// The smallest and the largest element along `dim` (of all when None).
    "aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)" [function, method, out]
    pub fn aminmax(x: &Tensor, dim: Option<i64>, keepdim: bool) -> (Tensor, Tensor) = aminmax_body;

    /// The index of the first largest element along `dim`, or in the flattened tensor.
    "argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn argmax(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Tensor = argmax_body;

    /// The index of the first smallest element along `dim`, or in the flattened tensor.
    "argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn argmin(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Tensor = argmin_body;
}

/// Refuses to look for an extreme where there is no element.
fn check_some(name: &str, x: &Tensor, dims: &[i64]) -> Result<()> {
    if x.numel() > 0 {
        return Ok(());
    }
    for dim in dims {
        let d = x.wrap_dim(*dim)?;
        ensure!(
            x.shape().get(d).is_none_or(|n| *n > 0),
            Index,
            "{name}: Expected reduction dim {dim} to have non-zero size."
        );
    }
    if dims.is_empty() {
        bail!(
            Runtime,
            "{name}: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
        );
    }
    Ok(())
}

fn max_body(x: &Tensor) -> Result<Tensor> {
    of_all(x, Reduce::Max, "max", "max_all", "MaxBackward1")
}

fn min_body(x: &Tensor) -> Result<Tensor> {
    of_all(x, Reduce::Min, "min", "min_all", "MinBackward1")
}

fn of_all(x: &Tensor, op: Reduce, name: &str, kernel: &str, node: &'static str) -> Result<Tensor> {
    check_some(&format!("{name}()"), x, &[])?;
    let [y] = run(op, kernel, x, DimSet::all(x), false, [x.dtype()])?;
    y.record(node, [x], |r| {
        let (x, y) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| share_among_ties(g, &c.get(x)?, &c.get(y)?)
    })
}

/// `g` shared evenly among the elements of `x` that are `y` (or NaN, when `y` is).
pub(crate) fn share_among_ties(g: &Tensor, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let y_is_nan = isnan(y)?.item().to_bool();
    let ties = if y_is_nan {
        isnan(x)?
    } else {
        eq(&x.detach(), &y.detach())?
    };
    let count = super::reduce::sum(&ties, None)?;
    mul(&div(g, &count)?, &ties)
}

fn max_dim_body(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    along(x, dim, keepdim, Reduce::MaxIndex, "max", "MaxBackward0")
}

fn min_dim_body(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    along(x, dim, keepdim, Reduce::MinIndex, "min", "MinBackward0")
}

fn along(x: &Tensor, dim: i64, keepdim: bool, op: Reduce, name: &str, node: &'static str) -> Result<(Tensor, Tensor)> {
    ensure!(
        !x.dtype().is_complex(),
        Type,
        "{name}(): does not support complex input"
    );
    let dims = DimSet::one(x, dim)?;
    check_some(&format!("{name}()"), x, &[dim])?;
    let [values, indices] = run(op, &format!("{name}_cpu"), x, dims, keepdim, [x.dtype(), DType::I64])?;
    selected(values, indices, x, dim, keepdim, node)
}

/// Records values that were picked from `x` at `indices` along `dim`.
pub(crate) fn selected(
    values: Tensor,
    indices: Tensor,
    x: &Tensor,
    dim: i64,
    keepdim: bool,
    node: &'static str,
) -> Result<(Tensor, Tensor)> {
    let shape: Dims = x.shape().into();
    let outputs = [values, indices];
    record_many(&outputs, node, &[Some(x)], |r| {
        let indices = r.keep(&outputs[1]);
        move |c: &Ctx, g: &[Option<Tensor>]| match &g[0] {
            Some(g) => put_back(g, &c.get(indices)?, &shape, dim, keepdim).map(Some),
            None => Ok(None),
        }
    })?;
    let [values, indices] = outputs;
    Ok((values, indices))
}

/// Zeros of `shape` with `g` at `indices` along `dim`: the gradient of picking.
fn put_back(g: &Tensor, indices: &Tensor, shape: &[usize], dim: i64, keepdim: bool) -> Result<Tensor> {
    if shape.is_empty() {
        return Ok(g.clone());
    }
    if keepdim {
        return scatter_into(shape, dim, indices, g);
    }
    let (g, indices) = (super::view::unsqueeze(g, dim)?, super::view::unsqueeze(indices, dim)?);
    scatter_into(shape, dim, &indices, &g)
}

fn amax_body(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    over(
        x,
        dim,
        keepdim,
        Reduce::Max,
        "amax()",
        "max_values_cpu",
        "AmaxBackward0",
    )
}

fn amin_body(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    over(
        x,
        dim,
        keepdim,
        Reduce::Min,
        "amin()",
        "min_values_cpu",
        "AminBackward0",
    )
}

fn over(
    x: &Tensor,
    dim: &[i64],
    keepdim: bool,
    op: Reduce,
    name: &str,
    kernel: &str,
    node: &'static str,
) -> Result<Tensor> {
    let dims = DimSet::of(x, Some(dim))?;
    check_some(name, x, dim)?;
    let [y] = run(op, kernel, x, dims, keepdim, [x.dtype()])?;
    y.record(node, [x], |r| {
        let (x, y) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| by_count(g, &c.get(x)?, &c.get(y)?, dims, keepdim)
    })
}

/// `g` shared evenly among the elements of `x` that equal the result over `dims`.
fn by_count(g: &Tensor, x: &Tensor, y: &Tensor, dims: DimSet, keepdim: bool) -> Result<Tensor> {
    let y = dims.keep(&y.detach(), x.shape(), keepdim)?;
    let ties = eq(&x.detach(), &y)?;
    let count = super::reduce::sum_dims(&ties, Some(&dims.list()), true, None)?;
    div(&mul(&dims.keep(g, x.shape(), keepdim)?, &ties)?, &count)
}

fn aminmax_body(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<(Tensor, Tensor)> {
    ensure!(
        !x.dtype().is_complex(),
        Type,
        "aminmax not implemented for {}",
        x.dtype().scalar_type_name()
    );
    let dims = match dim {
        Some(d) => {
            let dims = DimSet::one(x, d)?;
            check_some("aminmax", x, &[d])?;
            dims
        }
        None => {
            ensure!(
                x.numel() > 0,
                Runtime,
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            );
            DimSet::all(x)
        }
    };
    let outputs = run(Reduce::AMinMax, "aminmax_cpu", x, dims, keepdim, [x.dtype(); 2])?;
    record_many(&outputs, "AminmaxBackward0", &[Some(x)], |r| {
        let (x, low, high) = (r.save(x), r.save_output(0), r.save_output(1));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let x = c.get(x)?;
            let part = |g: &Option<Tensor>, y| match g {
                Some(g) => by_count(g, &x, &c.get(y)?, dims, keepdim).map(Some),
                None => Ok(None),
            };
            Ok(match (part(&g[0], low)?, part(&g[1], high)?) {
                (Some(a), Some(b)) => Some(add(&a, &b, Scalar::Int(1))?),
                (a, b) => a.or(b),
            })
        }
    })?;
    let [low, high] = outputs;
    Ok((low, high))
}

fn argmax_body(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<Tensor> {
    index_of(x, dim, keepdim, Reduce::ArgMax, "argmax")
}

fn argmin_body(x: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<Tensor> {
    index_of(x, dim, keepdim, Reduce::ArgMin, "argmin")
}

fn index_of(x: &Tensor, dim: Option<i64>, keepdim: bool, op: Reduce, name: &str) -> Result<Tensor> {
    ensure!(
        !x.dtype().is_complex(),
        Type,
        "{name}(): does not support complex input"
    );
    ensure!(
        x.dtype() != DType::Bool,
        NotImplemented,
        "{name}(): does not support bool input"
    );
    let dims = match dim {
        Some(d) => {
            let dims = DimSet::one(x, d)?;
            check_some(&format!("{name}()"), x, &[d])?;
            dims
        }
        None => {
            ensure!(
                x.numel() > 0,
                Index,
                "{name}(): Expected reduction dim to be specified for input.numel() == 0."
            );
            DimSet::all(x)
        }
    };
    let [y] = run(op, &format!("{name}_cpu"), x, dims, keepdim, [DType::I64])?;
    Ok(y)
}

impl Tensor {
    /// The largest element; NaN if there is one.
    #[track_caller]
    pub fn max(&self) -> Tensor {
        max(self).or_throw()
    }

    /// The largest element along a dimension and the index of its first occurrence.
    #[track_caller]
    pub fn max_dim(&self, dim: i64, keepdim: bool) -> (Tensor, Tensor) {
        max_dim(self, dim, keepdim).or_throw()
    }

    /// The smallest element; NaN if there is one.
    #[track_caller]
    pub fn min(&self) -> Tensor {
        min(self).or_throw()
    }

    /// The smallest element along a dimension and the index of its first occurrence.
    #[track_caller]
    pub fn min_dim(&self, dim: i64, keepdim: bool) -> (Tensor, Tensor) {
        min_dim(self, dim, keepdim).or_throw()
    }

    /// The largest element over dimensions (all when empty).
    #[track_caller]
    pub fn amax(&self, dim: &[i64], keepdim: bool) -> Tensor {
        amax(self, dim, keepdim).or_throw()
    }

    /// The smallest element over dimensions (all when empty).
    #[track_caller]
    pub fn amin(&self, dim: &[i64], keepdim: bool) -> Tensor {
        amin(self, dim, keepdim).or_throw()
    }

    /// The index of the first largest element along a dimension, or of the flattened tensor for `None`.
    ///
    /// ```
    /// # use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[1.0f32, 7.0, 7.0]).argmax(0).item().to_i64(), 1);
    /// ```
    #[track_caller]
    pub fn argmax(&self, dim: impl Into<Option<i64>>) -> Tensor {
        argmax(self, dim.into(), false).or_throw()
    }

    /// The index of the first smallest element along a dimension, or of the flattened tensor for `None`.
    #[track_caller]
    pub fn argmin(&self, dim: impl Into<Option<i64>>) -> Tensor {
        argmin(self, dim.into(), false).or_throw()
    }
}

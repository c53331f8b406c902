//! Sums, means, products, counts and truth values over dimensions.
//!
//! The kernels are one family ([`duoc_kernels::reduce`]); the extrema ([`super::extreme`]), the moments
//! ([`super::moments`]) and the norms ([`super::vector_norm`]) use the same driver.

mod complex;
pub(crate) mod formula;
pub(crate) mod run;

use super::compare::{isnan, logical_not};
use crate::autograd::Ctx;
use crate::layout::{Dims, Layout};
use crate::ops::arith::{div, mul};
use crate::ops::pointwise::converted;
use crate::{DType, OrThrow, Result, Tensor, ensure, ops};
use duoc_kernels::reduce::Reduce;
use run::{DimSet, run};

ops! {
    /// The sum of all elements. Integers and bools are summed in int64. With `dtype` the elements are converted first.
    "sum(Tensor self, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn sum(x: &Tensor, dtype: Option<DType>) -> Tensor = sum_body;

    /// The sum over the dimensions `dim` (all when None or empty), which disappear or, with `keepdim`, become 1.
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn sum_dim(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = sum_dim_body;

    /// The sum with NaN counted as zero.
    "nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn nansum(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = nansum_body;

    /// The mean of all elements; floating dtypes only.
    "mean(Tensor self, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn mean(x: &Tensor, dtype: Option<DType>) -> Tensor = mean_body;

    /// The mean over the dimensions `dim` (all when None or empty).
    "mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn mean_dim(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = mean_dim_body;

    /// The mean of the elements that are not NaN.
    "nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn nanmean(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Tensor = nanmean_body;

    /// The product of all elements. Integers and bools are multiplied in int64.
    "prod(Tensor self, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn prod(x: &Tensor, dtype: Option<DType>) -> Tensor = prod_body;

    /// The product over one dimension.
    "prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor" [function, method, out]
    pub fn prod_dim(x: &Tensor, dim: i64, keepdim: bool, dtype: Option<DType>) -> Tensor = prod_dim_body;

    /// Whether any element is not zero (NaN is not). The result is bool, uint8 for uint8.
    "any(Tensor self) -> Tensor" [function, method, out]
    pub fn any(x: &Tensor) -> Tensor = any_body;

    /// Whether any element along `dim` is not zero.
    "any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn any_dim(x: &Tensor, dim: i64, keepdim: bool) -> Tensor = any_dim_body;

    /// Whether any element over the dimensions is not zero; an empty list reduces nothing.
    "any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn any_dims(x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Tensor = any_dims_body;

    /// Whether no element is zero. The result is bool, uint8 for uint8.
    "all(Tensor self) -> Tensor" [function, method, out]
    pub fn all(x: &Tensor) -> Tensor = all_body;

    /// Whether no element along `dim` is zero.
    "all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn all_dim(x: &Tensor, dim: i64, keepdim: bool) -> Tensor = all_dim_body;

    /// Whether no element over the dimensions is zero; an empty list reduces nothing.
    "all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn all_dims(x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Tensor = all_dims_body;

    /// The number of elements along `dim` (all when None) that are not zero.
    "count_nonzero(Tensor self, int? dim=None) -> Tensor" [function, method]
    pub fn count_nonzero(x: &Tensor, dim: Option<i64>) -> Tensor = count_nonzero_body;

    /// The number of elements over the dimensions that are not zero.
    "count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor" [function, method]
    pub fn count_nonzero_dims(x: &Tensor, dim: &[i64]) -> Tensor = count_nonzero_dims_body;
}

fn sum_body(x: &Tensor, dtype: Option<DType>) -> Result<Tensor> {
    sum_over(x, DimSet::all(x), false, dtype, "SumBackward0")
}

fn sum_dim_body(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    sum_over(x, DimSet::of(x, dim)?, keepdim, dtype, "SumBackward1")
}

/// The sum over some dimensions (all when None).
pub(crate) fn sum_dims(x: &Tensor, dims: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    sum_over(x, DimSet::of(x, dims)?, keepdim, dtype, "SumBackward1")
}

/// The dtype that sums and products of `x` have, and the elements as the kernel adds them.
fn summed(x: &Tensor, dtype: Option<DType>) -> Result<(Tensor, DType)> {
    let out = dtype.unwrap_or(if x.dtype().is_differentiable() {
        x.dtype()
    } else {
        DType::I64
    });
    let direct = x.dtype() == out
        || out == DType::I64 && matches!(x.dtype(), DType::Bool | DType::U8 | DType::I8 | DType::I16 | DType::I32)
        || out == DType::F32 && x.dtype().is_half();
    let terms = match direct {
        true => x.clone(),
        false if matches!(x.dtype(), DType::U16 | DType::U32 | DType::U64) && out.is_int() => converted(x, DType::I64)?,
        false => converted(x, out)?,
    };
    Ok((terms, out))
}

fn sum_over(x: &Tensor, dims: DimSet, keepdim: bool, dtype: Option<DType>, name: &'static str) -> Result<Tensor> {
    let (terms, out) = summed(x, dtype)?;
    let [y] = run(Reduce::Sum, "sum_cpu", &terms, dims, keepdim, [out])?;
    let shape: Dims = x.shape().into();
    y.record(name, [x], |_| {
        move |_: &Ctx, g: &Tensor| dims.spread(g, &shape, keepdim)
    })
}

fn nansum_body(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    ensure!(
        !x.dtype().is_complex(),
        Runtime,
        "nansum does not support complex inputs"
    );
    let dims = DimSet::of(x, dim)?;
    if !x.dtype().is_float() {
        return sum_over(x, dims, keepdim, dtype, "SumBackward1");
    }
    if dtype.is_some_and(|d| !d.is_float()) {
        // NaN becomes whatever the conversion makes of it before there is anything to leave out.
        return sum_over(x, dims, keepdim, dtype, "SumBackward1");
    }
    let (terms, out) = summed(x, dtype)?;
    let [y] = run(Reduce::NanSum, "nansum_cpu", &terms, dims, keepdim, [out])?;
    y.record("NansumBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| {
            let x = c.get(x)?;
            mul(&dims.spread(g, x.shape(), keepdim)?, &logical_not(&isnan(&x)?)?)
        }
    })
}

fn mean_body(x: &Tensor, dtype: Option<DType>) -> Result<Tensor> {
    mean_over(x, DimSet::all(x), false, dtype, "MeanBackward0")
}

fn mean_dim_body(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    mean_over(x, DimSet::of(x, dim)?, keepdim, dtype, "MeanBackward1")
}

fn mean_over(x: &Tensor, dims: DimSet, keepdim: bool, dtype: Option<DType>, name: &'static str) -> Result<Tensor> {
    let (which, given) = match dtype {
        Some(d) => ("Optional", d),
        None => ("Input", x.dtype()),
    };
    ensure!(
        given.is_differentiable(),
        NotImplemented,
        "mean(): could not infer output dtype. {which} dtype must be either a floating point or complex dtype. Got: {}",
        given.scalar_type_name()
    );
    let (terms, out) = summed(x, dtype)?;
    let [y] = run(Reduce::Mean, "mean_cpu", &terms, dims, keepdim, [out])?;
    let shape: Dims = x.shape().into();
    y.record(name, [x], |_| {
        move |_: &Ctx, g: &Tensor| {
            let n = dims.count(&shape);
            div(&dims.spread(g, &shape, keepdim)?, &Tensor::wrapped(n)?)
        }
    })
}

fn nanmean_body(x: &Tensor, dim: Option<&[i64]>, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "nanmean(): expected input to have floating point or complex dtype but got {}",
        x.dtype().scalar_type_name()
    );
    let count = sum_dim_body(&logical_not(&isnan(x)?)?, dim, keepdim, None)?;
    div(&nansum(x, dim, keepdim, dtype)?, &count)
}

fn prod_body(x: &Tensor, dtype: Option<DType>) -> Result<Tensor> {
    prod_over(x, DimSet::all(x), false, dtype, "ProdBackward0")
}

fn prod_dim_body(x: &Tensor, dim: i64, keepdim: bool, dtype: Option<DType>) -> Result<Tensor> {
    prod_over(x, DimSet::one(x, dim)?, keepdim, dtype, "ProdBackward1")
}

fn prod_over(x: &Tensor, dims: DimSet, keepdim: bool, dtype: Option<DType>, name: &'static str) -> Result<Tensor> {
    let (terms, out) = summed(x, dtype)?;
    let [y] = run(Reduce::Prod, "prod_cpu", &terms, dims, keepdim, [out])?;
    y.record(name, [x], |r| {
        let (x, y) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| prod_backward(g, &c.get_conj(x)?, &c.get_conj(y)?, dims, keepdim)
    })
}

/// `dy/dx[i]` is the product of the other elements: `y / x[i]` where nothing is zero, else by exclusive products.
fn prod_backward(g: &Tensor, x: &Tensor, y: &Tensor, dims: DimSet, keepdim: bool) -> Result<Tensor> {
    if x.numel() == 0 {
        return crate::ops::factory::zeros_like(x);
    }
    let g = dims.keep(g, x.shape(), keepdim)?;
    let zeros = any(&logical_not(x)?)?.item().to_bool();
    if !zeros {
        let y = dims.keep(y, x.shape(), keepdim)?;
        return div(&mul(&g, &y)?, x);
    }
    match *dims.list() {
        [d] => mul(&g, &super::scan::exclusive_prod(x, d)?),
        // All dimensions: the product of the elements in a row.
        _ => {
            let shape = super::view::ints(x.shape());
            let flat = super::view::reshape(x, &[-1])?;
            mul(
                &g,
                &super::view::reshape(&super::scan::exclusive_prod(&flat, 0)?, &shape)?,
            )
        }
    }
}

/// The dtype of truth values over `x`: PyTorch keeps uint8.
fn truth(x: &Tensor) -> DType {
    if x.dtype() == DType::U8 { DType::U8 } else { DType::Bool }
}

fn truth_over(op: Reduce, name: &str, x: &Tensor, dims: DimSet, keepdim: bool) -> Result<Tensor> {
    let [y] = run(op, name, x, dims, keepdim, [truth(x)])?;
    Ok(y)
}

fn any_body(x: &Tensor) -> Result<Tensor> {
    truth_over(Reduce::Any, "or_cpu", x, DimSet::all(x), false)
}

fn any_dim_body(x: &Tensor, dim: i64, keepdim: bool) -> Result<Tensor> {
    truth_over(Reduce::Any, "or_cpu", x, DimSet::one(x, dim)?, keepdim)
}

fn any_dims_body(x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Result<Tensor> {
    let dims = dim.map_or(Ok(DimSet::all(x)), |d| DimSet::exactly(x, d))?;
    truth_over(Reduce::Any, "or_cpu", x, dims, keepdim)
}

fn all_body(x: &Tensor) -> Result<Tensor> {
    truth_over(Reduce::All, "and_cpu", x, DimSet::all(x), false)
}

fn all_dim_body(x: &Tensor, dim: i64, keepdim: bool) -> Result<Tensor> {
    truth_over(Reduce::All, "and_cpu", x, DimSet::one(x, dim)?, keepdim)
}

fn all_dims_body(x: &Tensor, dim: Option<&[i64]>, keepdim: bool) -> Result<Tensor> {
    let dims = dim.map_or(Ok(DimSet::all(x)), |d| DimSet::exactly(x, d))?;
    truth_over(Reduce::All, "and_cpu", x, dims, keepdim)
}

fn count_nonzero_body(x: &Tensor, dim: Option<i64>) -> Result<Tensor> {
    let dims = dim.map_or(Ok(DimSet::all(x)), |d| DimSet::one(x, d))?;
    count_over(x, dims)
}

fn count_nonzero_dims_body(x: &Tensor, dim: &[i64]) -> Result<Tensor> {
    count_over(x, DimSet::of(x, Some(dim))?)
}

fn count_over(x: &Tensor, dims: DimSet) -> Result<Tensor> {
    let [y] = run(Reduce::CountNonzero, "nonzero_count_cpu", x, dims, false, [DType::I64])?;
    Ok(y)
}

/// The place in memory of every index of a layout, in row-major order, counted from element `lowest`.
pub(crate) fn positions(l: &Layout, lowest: usize) -> Result<Vec<i64>> {
    let mut places = vec![(l.offset() - lowest) as i64];
    for (n, s) in l.shape().iter().zip(l.strides()) {
        places = places
            .iter()
            .flat_map(|p| (0..*n as i64).map(move |i| p + i * *s as i64))
            .collect();
    }
    Ok(places)
}

/// `flat` with `values[i]` added at `places[i]`, differentiable in `values`.
pub(crate) fn add_at(flat: &Tensor, places: &[i64], values: &Tensor) -> Result<Tensor> {
    let index = Tensor::try_from_slice(places, &[places.len()])?;
    super::scatter::scatter_add(flat, 0, &index, values)
}

impl Tensor {
    /// The sum of all elements; integers give int64.
    ///
    /// ```
    /// # use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[1i64, 2, 3]).sum().item().to_i64(), 6);
    /// ```
    #[track_caller]
    pub fn sum(&self) -> Tensor {
        sum(self, None).or_throw()
    }

    /// The sum over dimensions, which disappear or, with `keepdim`, become 1.
    #[track_caller]
    pub fn sum_dim(&self, dim: &[i64], keepdim: bool) -> Tensor {
        sum_dim(self, Some(dim), keepdim, None).or_throw()
    }

    /// The mean of all elements.
    ///
    /// ```
    /// # use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[1.0f64, 2.0, 6.0]).mean().item().to_f64(), 3.0);
    /// ```
    #[track_caller]
    pub fn mean(&self) -> Tensor {
        mean(self, None).or_throw()
    }

    /// The mean over dimensions.
    #[track_caller]
    pub fn mean_dim(&self, dim: &[i64], keepdim: bool) -> Tensor {
        mean_dim(self, Some(dim), keepdim, None).or_throw()
    }

    /// The product of all elements; integers give int64.
    #[track_caller]
    pub fn prod(&self) -> Tensor {
        prod(self, None).or_throw()
    }

    /// The product over one dimension.
    #[track_caller]
    pub fn prod_dim(&self, dim: i64, keepdim: bool) -> Tensor {
        prod_dim(self, dim, keepdim, None).or_throw()
    }

    /// Whether any element is not zero.
    #[track_caller]
    pub fn any(&self) -> Tensor {
        any(self).or_throw()
    }

    /// Whether no element is zero.
    #[track_caller]
    pub fn all(&self) -> Tensor {
        all(self).or_throw()
    }

    /// The number of elements that are not zero.
    #[track_caller]
    pub fn count_nonzero(&self) -> Tensor {
        count_nonzero(self, None).or_throw()
    }
}

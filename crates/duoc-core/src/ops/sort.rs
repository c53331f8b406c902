//! Sorting, the best `k`, and order statistics along a dimension.
//!
//! NaN is greater than every number. All sorts are stable, so `stable=` changes nothing.

use super::extreme::{selected, share_among_ties};
use crate::autograd::Ctx;
use crate::layout::Dims;
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ensure, ops};
use duoc_kernels::lines::Lines;
use duoc_kernels::reduce::Kept;
use duoc_kernels::sort as kernels;
use duoc_kernels::sort::Statistic;
use smallvec::SmallVec;

ops! {
    /// The elements along `dim` in ascending (or descending) order, and where they came from.
    "sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn sort(x: &Tensor, dim: i64, descending: bool) -> (Tensor, Tensor) = sort_body;

    /// As `sort`; equal elements keep their order, whatever `stable` says.
    "sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn sort_stable(x: &Tensor, stable: Option<bool>, dim: i64, descending: bool) -> (Tensor, Tensor) = sort_stable_body;

    /// The indices that sort `x` along `dim`.
    "argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor" [function, method]
    pub fn argsort(x: &Tensor, dim: i64, descending: bool) -> Tensor = argsort_body;

    /// As `argsort`; equal elements keep their order.
    "argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor" [function, method, out]
    pub fn argsort_stable(x: &Tensor, stable: bool, dim: i64, descending: bool) -> Tensor = argsort_stable_body;

    /// The elements in ascending order along the first dimension.
    "msort(Tensor self) -> Tensor" [function, method, out]
    pub fn msort(x: &Tensor) -> Tensor = msort_body;

    /// The `k` largest (or smallest) elements along `dim` with their indices, best first when `sorted`.
    "topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn topk(x: &Tensor, k: i64, dim: i64, largest: bool, sorted: bool) -> (Tensor, Tensor) = topk_body;

    /// The `k`-th smallest element (from 1) along `dim` with its index.
    "kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn kthvalue(x: &Tensor, k: i64, dim: i64, keepdim: bool) -> (Tensor, Tensor) = kthvalue_body;

    /// The lower median of all elements; NaN if there is one.
    "median(Tensor self) -> Tensor" [function, method]
    pub fn median(x: &Tensor) -> Tensor = median_body;

    /// The lower median along `dim` with its index; NaN where there is one.
    "median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn median_dim(x: &Tensor, dim: i64, keepdim: bool) -> (Tensor, Tensor) = median_dim_body;

    /// The lower median of the elements that are not NaN.
    "nanmedian(Tensor self) -> Tensor" [function, method]
    pub fn nanmedian(x: &Tensor) -> Tensor = nanmedian_body;

    /// The lower median along `dim` of the elements that are not NaN, with its index.
    "nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn nanmedian_dim(x: &Tensor, dim: i64, keepdim: bool) -> (Tensor, Tensor) = nanmedian_dim_body;
}

/// Calls `f(lines, src, [values, indices])` with the lines of `x` along `d`; outputs have `x`'s dimensions, `d` of any
/// size. `f` says whether there is such a kernel.
fn with_lines(
    x: &Tensor,
    d: usize,
    values: Option<&Tensor>,
    indices: &Tensor,
    f: impl FnOnce(&Lines, *const u8, [*mut u8; 2]) -> bool,
) -> Result<bool> {
    let bytes = |t: &Tensor, k: usize| t.strides()[k].saturating_mul(t.dtype().size() as isize);
    let kept = |k: usize| Kept {
        size: x.shape()[k],
        src: bytes(x, k),
        dst: [values.map_or(0, |v| bytes(v, k)), bytes(indices, k)],
    };
    let others: SmallVec<[Kept; 6]> = (0..x.dim()).filter(|k| *k != d).map(kept).collect();
    let along = match x.dim() {
        0 => Kept {
            size: 1,
            src: 0,
            dst: [0; 2],
        },
        _ => kept(d),
    };
    let lines = Lines { others: &others, along };
    let mut operands: SmallVec<[(&Tensor, Mode); 3]> = SmallVec::new();
    operands.push((x, Mode::Read));
    operands.push((indices, Mode::Init));
    operands.extend(values.map(|v| (v, Mode::Init)));
    access::access_many(&operands, |ptrs| {
        let values = ptrs.get(2).copied().unwrap_or(std::ptr::null_mut());
        Ok(f(&lines, ptrs[0], [values, ptrs[1]]))
    })
}

fn check_order(name: &str, x: &Tensor) -> Result<()> {
    ensure!(
        !x.dtype().is_complex(),
        Type,
        " {name} does not support complex dtypes on CPU"
    );
    Ok(())
}

fn missing(name: &str, x: &Tensor) -> crate::Error {
    if x.shape().iter().any(|n| *n > kernels::MAX_LINE) {
        return crate::err!(
            Runtime,
            "{name}: a dimension of {:?} is longer than 2^32 - 1",
            x.shape()
        );
    }
    crate::err!(
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    )
}

fn sort_body(x: &Tensor, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
    sorted_along(x, dim, descending, "SortBackward0")
}

fn sort_stable_body(x: &Tensor, _stable: Option<bool>, dim: i64, descending: bool) -> Result<(Tensor, Tensor)> {
    sorted_along(x, dim, descending, "SortBackward1")
}

fn sorted_along(x: &Tensor, dim: i64, descending: bool, node: &'static str) -> Result<(Tensor, Tensor)> {
    let d = x.wrap_dim(dim)?;
    check_order("Sort", x)?;
    let (values, indices) = (Tensor::uninit_like(x, x.dtype())?, Tensor::uninit_like(x, DType::I64)?);
    let known = with_lines(x, d, Some(&values), &indices, |lines, src, [v, i]| {
        // SAFETY: the lines are those of `x` and of fresh outputs of its shape, all locked.
        unsafe { kernels::sort(x.dtype(), lines, descending, src, v, i) }
    })?;
    if !known {
        return Err(missing("sort_cpu", x));
    }
    selected(values, indices, x, dim, true, node)
}

fn argsort_body(x: &Tensor, dim: i64, descending: bool) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    check_order("Sort", x)?;
    let indices = Tensor::uninit_like(x, DType::I64)?;
    let known = with_lines(x, d, None, &indices, |lines, src, [v, i]| {
        // SAFETY: as in `sorted_along`; a null pointer says that values are not wanted.
        unsafe { kernels::sort(x.dtype(), lines, descending, src, v, i) }
    })?;
    if known {
        Ok(indices)
    } else {
        Err(missing("sort_cpu", x))
    }
}

fn argsort_stable_body(x: &Tensor, _stable: bool, dim: i64, descending: bool) -> Result<Tensor> {
    argsort_body(x, dim, descending)
}

fn msort_body(x: &Tensor) -> Result<Tensor> {
    sort_body(x, 0, false).map(|(values, _)| values)
}

fn topk_body(x: &Tensor, k: i64, dim: i64, largest: bool, sorted: bool) -> Result<(Tensor, Tensor)> {
    let d = x.wrap_dim(dim)?;
    let n = x.shape().get(d).copied().unwrap_or(1);
    ensure!(k >= 0 && k as u64 <= n as u64, Runtime, "selected index k out of range");
    check_order("topk", x)?;
    ensure!(
        x.dtype() != DType::Bool,
        NotImplemented,
        "topk does not support bool dtypes on CPU"
    );
    let mut shape: Dims = x.shape().into();
    if let Some(n) = shape.get_mut(d) {
        *n = k as usize;
    }
    let (values, indices) = (Tensor::uninit(&shape, x.dtype())?, Tensor::uninit(&shape, DType::I64)?);
    if values.numel() > 0 {
        let known = with_lines(x, d, Some(&values), &indices, |lines, src, [v, i]| {
            // SAFETY: the lines are those of `x` and of fresh outputs with `k` positions each, all locked.
            unsafe { kernels::topk(x.dtype(), lines, k as usize, largest, sorted, src, v, i) }
        })?;
        if !known {
            return Err(missing("topk_cpu", x));
        }
    }
    selected(values, indices, x, dim, true, "TopkBackward0")
}

fn ranked(x: &Tensor, dim: i64, keepdim: bool, which: Statistic, name: &str) -> Result<(Tensor, Tensor)> {
    let d = x.wrap_dim(dim)?;
    ensure!(
        x.dtype() != DType::Bool && !x.dtype().is_complex(),
        NotImplemented,
        "\"{name}_cpu\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let mut shape: Dims = x.shape().into();
    if let Some(n) = shape.get_mut(d) {
        *n = 1;
    }
    let (values, indices) = (Tensor::uninit(&shape, x.dtype())?, Tensor::uninit(&shape, DType::I64)?);
    if values.numel() > 0 {
        let known = with_lines(x, d, Some(&values), &indices, |lines, src, [v, i]| {
            // SAFETY: the lines are those of `x` and of fresh outputs with one position each, all locked.
            unsafe { kernels::statistic(which, x.dtype(), lines, src, v, i) }
        })?;
        if !known {
            return Err(missing(&format!("{name}_cpu"), x));
        }
    }
    if keepdim || x.dim() == 0 {
        return Ok((values, indices));
    }
    let dropped = |t: &Tensor| {
        let mut layout = t.layout().clone();
        layout = layout.select(d, 0);
        Tensor::root(t.storage().clone(), layout, t.dtype())
    };
    Ok((dropped(&values), dropped(&indices)))
}

fn kthvalue_body(x: &Tensor, k: i64, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    let d = x.wrap_dim(dim)?;
    let n = x.shape().get(d).copied().unwrap_or(1);
    ensure!(
        n > 0,
        Index,
        "kthvalue(): Expected reduction dim {d} to have non-zero size."
    );
    ensure!(
        k >= 1 && k as u64 <= n as u64,
        Runtime,
        "kthvalue(): selected number k out of range for dimension {d}"
    );
    let which = Statistic::Kth(k as usize - 1);
    let (values, indices) = ranked(x, dim, keepdim, which, "kthvalue")?;
    selected(values, indices, x, dim, keepdim, "KthvalueBackward0")
}

fn of_all(x: &Tensor, which: Statistic, name: &str, node: &'static str) -> Result<Tensor> {
    let y = if x.numel() == 0 {
        // What a conversion of NaN gives; integers get their least value.
        let nothing = if x.dtype().is_float() {
            Scalar::Float(f64::NAN)
        } else {
            least(x.dtype())
        };
        super::factory::full_of(&[], nothing, x.dtype())?
    } else {
        let flat = super::view::reshape(&x.detach(), &[-1])?;
        ranked(&flat, 0, false, which, name)?.0
    };
    y.record(node, [x], |r| {
        let (x, y) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| share_among_ties(g, &c.get(x)?, &c.get(y)?)
    })
}

fn least(dtype: DType) -> Scalar {
    match dtype {
        DType::I64 => Scalar::Int(i64::MIN),
        DType::I32 => Scalar::Int(i32::MIN as i64),
        _ => Scalar::Int(0),
    }
}

fn median_body(x: &Tensor) -> Result<Tensor> {
    of_all(x, Statistic::Median, "median", "MedianBackward0")
}

fn nanmedian_body(x: &Tensor) -> Result<Tensor> {
    of_all(x, Statistic::NanMedian, "nanmedian", "NanmedianBackward0")
}

fn median_dim_body(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    median_along(x, dim, keepdim, Statistic::Median, "median", "MedianBackward1")
}

fn nanmedian_dim_body(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    median_along(x, dim, keepdim, Statistic::NanMedian, "nanmedian", "NanmedianBackward1")
}

fn median_along(
    x: &Tensor,
    dim: i64,
    keepdim: bool,
    which: Statistic,
    name: &str,
    node: &'static str,
) -> Result<(Tensor, Tensor)> {
    let d = x.wrap_dim(dim)?;
    if x.shape().get(d) == Some(&0) {
        bail!(Index, "median(): Expected reduction dim {d} to have non-zero size.");
    }
    let (values, indices) = ranked(x, dim, keepdim, which, name)?;
    selected(values, indices, x, dim, keepdim, node)
}

impl Tensor {
    /// The elements along a dimension in ascending or descending order, with the indices they came from.
    ///
    /// ```
    /// # use duoc_core::Tensor;
    /// let (values, indices) = Tensor::from_slice(&[3.0f32, 1.0, 2.0]).sort(-1, false);
    /// assert_eq!(values.to_vec::<f32>(), [1.0, 2.0, 3.0]);
    /// assert_eq!(indices.to_vec::<i64>(), [1, 2, 0]);
    /// ```
    #[track_caller]
    pub fn sort(&self, dim: i64, descending: bool) -> (Tensor, Tensor) {
        sort(self, dim, descending).or_throw()
    }

    /// The indices that sort along a dimension.
    #[track_caller]
    pub fn argsort(&self, dim: i64, descending: bool) -> Tensor {
        argsort(self, dim, descending).or_throw()
    }

    /// The `k` largest elements along a dimension, largest first, with their indices.
    #[track_caller]
    pub fn topk(&self, k: i64, dim: i64) -> (Tensor, Tensor) {
        topk(self, k, dim, true, true).or_throw()
    }

    /// The `k`-th smallest element (from 1) along a dimension with its index.
    #[track_caller]
    pub fn kthvalue(&self, k: i64, dim: i64) -> (Tensor, Tensor) {
        kthvalue(self, k, dim, false).or_throw()
    }

    /// The lower median of all elements.
    #[track_caller]
    pub fn median(&self) -> Tensor {
        median(self).or_throw()
    }

    /// The lower median along a dimension with its index.
    #[track_caller]
    pub fn median_dim(&self, dim: i64, keepdim: bool) -> (Tensor, Tensor) {
        median_dim(self, dim, keepdim).or_throw()
    }
}

//! Running sums, products and extrema along a dimension.

use super::blend::where_;
use super::compare::{eq, gt, logical_not, lt};
use super::join::cat;
use super::reduce::formula::{scatter_into, where_zero};
use super::reduce::{any, prod_dim, sum_dim};
use super::unary::abs;
use super::unary::{exp, log};
use crate::autograd::Ctx;
use crate::autograd::mode::is_grad_enabled;
use crate::autograd::record::record_many;
use crate::layout::Dims;
use crate::ops::arith::{div, mul, sub};
use crate::ops::pointwise::converted;
use crate::ops::view::narrow;
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Scalar, Tensor, ensure, ops};
use duoc_kernels::lines::Lines;
use duoc_kernels::reduce::Kept;
use duoc_kernels::scan::{Scan, scan};
use smallvec::SmallVec;

ops! {
    /// `y[i] = x[0] + ... + x[i]` along `dim`; integers and bools in int64 unless `dtype` is given.
    "cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor" [function, method, inplace, out]
    pub fn cumsum(x: &Tensor, dim: i64, dtype: Option<DType>) -> Tensor = cumsum_body;

    /// `y[i] = x[0] * ... * x[i]` along `dim`; integers and bools in int64 unless `dtype` is given.
    "cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor" [function, method, inplace, out]
    pub fn cumprod(x: &Tensor, dim: i64, dtype: Option<DType>) -> Tensor = cumprod_body;

    /// The largest value up to each position along `dim`, and the index of its last occurrence.
    "cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn cummax(x: &Tensor, dim: i64) -> (Tensor, Tensor) = cummax_body;

    /// The smallest value up to each position along `dim`, and the index of its last occurrence.
    "cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn cummin(x: &Tensor, dim: i64) -> (Tensor, Tensor) = cummin_body;

    /// `y[i] = log(exp(x[0]) + ... + exp(x[i]))` along `dim`, without overflow.
    "logcumsumexp(Tensor self, int dim) -> Tensor" [function, method, out]
    pub fn logcumsumexp(x: &Tensor, dim: i64) -> Tensor = logcumsumexp_body;
}

/// Which end a scan starts from: gradients run against their operation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    Start,
    End,
}

impl From {
    fn other(self) -> From {
        if self == From::Start { From::End } else { From::Start }
    }
}

/// Scans `x` along dimension `d` into `N` row-major outputs.
fn run<const N: usize>(
    op: Scan,
    name: &str,
    x: &Tensor,
    d: usize,
    from: From,
    out: [DType; N],
) -> Result<SmallVec<[Tensor; 2]>> {
    let mut outputs: SmallVec<[Tensor; 2]> = SmallVec::new();
    for dtype in out {
        outputs.push(Tensor::uninit(x.shape(), dtype)?);
    }
    let kept = |k: usize| Kept {
        size: x.shape()[k],
        src: x.strides()[k].saturating_mul(x.dtype().size() as isize),
        dst: [0, 1].map(|i| {
            outputs
                .get(i)
                .map_or(0, |o| o.strides()[k].saturating_mul(o.dtype().size() as isize))
        }),
    };
    let others: SmallVec<[Kept; 6]> = (0..x.dim()).filter(|k| *k != d).map(kept).collect();
    let mut along = match x.dim() {
        0 => Kept {
            size: 1,
            src: 0,
            dst: [0; 2],
        },
        _ => kept(d),
    };
    let last = along.size.saturating_sub(1) as isize;
    let forward = along;
    if from == From::End {
        along.src = -along.src;
        along.dst = along.dst.map(|s| -s);
    }
    let lines = Lines { others: &others, along };
    let mut operands: SmallVec<[(&Tensor, Mode); 3]> = SmallVec::new();
    operands.push((x, Mode::Read));
    operands.extend(outputs.iter().map(|t| (t, Mode::Init)));
    let known = access::access_many(&operands, |ptrs| {
        let mut src: *const u8 = ptrs[0];
        let mut dst = [ptrs[1], ptrs.get(2).copied().unwrap_or(ptrs[1])];
        if from == From::End {
            src = src.wrapping_offset(forward.src.saturating_mul(last));
            dst = [0, 1].map(|i| dst[i].wrapping_offset(forward.dst[i].saturating_mul(last)));
        }
        // SAFETY: the lines are those of `x` and of fresh outputs of its shape, all locked.
        Ok(unsafe { scan(op, x.dtype(), &lines, src, dst) })
    })?;
    drop(operands);
    ensure!(
        known,
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    Ok(outputs)
}

fn run_one(op: Scan, name: &str, x: &Tensor, d: usize, from: From) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return crate::autograd::no_grad(|| run_complex(op, name, x, d, from));
    }
    Ok(run(op, name, x, d, from, [x.dtype()])?.swap_remove(0))
}

/// A scan of complex numbers: sums are those of the parts, products are found by doubling, `y[i] = x[i] y[i - 1]` being
/// after `k` steps the product of the last `2^k` numbers.
fn run_complex(op: Scan, name: &str, x: &Tensor, d: usize, from: From) -> Result<Tensor> {
    use super::parts::{view_as_complex, view_as_real};
    if x.dim() == 0 || x.numel() == 0 {
        return super::copy::clone(x, None);
    }
    if op == Scan::Sum {
        return view_as_complex(&run_one(op, name, &view_as_real(x)?, d, from)?);
    }
    let join: fn(&Tensor, &Tensor) -> Result<Tensor> = match op {
        Scan::Prod => mul,
        Scan::LogSumExp => super::power::logaddexp,
        _ => return Err(super::pointwise::not_implemented(name, x.dtype())),
    };
    let (n, dim) = (x.shape()[d] as i64, d as i64);
    let mut y = x.clone();
    let mut step = 1;
    while step < n {
        let (low, high) = (narrow(&y, dim, 0, n - step)?, narrow(&y, dim, step, n - step)?);
        let products = join(&low, &high)?;
        y = match from {
            From::Start => cat(&[narrow(&y, dim, 0, step)?, products], dim)?,
            From::End => cat(&[products, narrow(&y, dim, n - step, step)?], dim)?,
        };
        step *= 2;
    }
    super::copy::clone(&y, Some(crate::MemoryFormat::Contiguous))
}

/// The input in the dtype that it is accumulated in.
fn terms(x: &Tensor, dtype: Option<DType>) -> Result<Tensor> {
    let natural = if x.dtype().is_differentiable() {
        x.dtype()
    } else {
        DType::I64
    };
    converted(x, dtype.unwrap_or(natural))
}

fn cumsum_body(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    running_sum(x, &terms(x, dtype)?, d, From::Start)
}

/// The sum from either end, recorded as an operation on `x`, whose converted elements are `terms`.
fn running_sum(x: &Tensor, terms: &Tensor, d: usize, from: From) -> Result<Tensor> {
    let y = run_one(Scan::Sum, "cumsum_out_cpu", terms, d, from)?;
    y.record("CumsumBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| running_sum(g, g, d, from.other())
    })
}

fn cumprod_body(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    running_prod(x, &terms(x, dtype)?, d, From::Start)
}

/// The product from either end, recorded as an operation on `x`, whose converted elements are `terms`.
fn running_prod(x: &Tensor, terms: &Tensor, d: usize, from: From) -> Result<Tensor> {
    let y = run_one(Scan::Prod, "cumprod_out_cpu", terms, d, from)?;
    y.record("CumprodBackward0", [x], |r| {
        let (x, y) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| cumprod_backward(g, &c.get_conj(x)?, &c.get_conj(y)?, d, from)
    })
}

/// `dx[i] = sum over k >= i of g[k] y[k] / x[i]`, where the quotient stands for the product without `x[i]`.
fn cumprod_backward(g: &Tensor, x: &Tensor, y: &Tensor, d: usize, from: From) -> Result<Tensor> {
    let x = &super::copy::to_dtype(x, y.dtype())?;
    if x.numel() == 0 || x.dim() == 0 || x.shape()[d] == 1 {
        return Ok(g.clone());
    }
    let zero = logical_not(&x.detach())?;
    let gy = mul(g, y)?;
    let sums = |terms: &Tensor| running_sum(terms, terms, d, from.other());
    if !any(&zero)?.item().to_bool() {
        return div(&sums(&gy)?, x);
    }
    if is_grad_enabled() {
        return cumprod_backward_by_position(g, x, d, from);
    }
    // Before a line's first zero the quotient holds; at the first zero the products skip it; after it all is zero.
    let counted = |mask: &Tensor| running_sum(mask, &converted(mask, DType::I64)?, d, from);
    let seen = counted(&zero)?;
    let before = logical_not(&seen)?;
    let after = logical_not(&before)?;
    let quotient = where_zero(&after, &div(&sums(&where_zero(&after, &gy)?)?, x)?)?;
    let first = eq(&counted(&after)?, &Tensor::scalar(1i64, DType::I64)?)?;
    let skipping = where_(&first, &Tensor::scalar(1i64, x.dtype())?, x)?;
    let skipped = mul(g, &running_prod(&skipping, &skipping, d, from)?)?;
    let at_zero = sum_dim(&where_zero(&before, &skipped)?, Some(&[d as i64]), true, None)?;
    where_(&first, &at_zero, &quotient)
}

/// As [`cumprod_backward`] for any zeros and differentiable again: position by position, the products that leave it out.
fn cumprod_backward_by_position(g: &Tensor, x: &Tensor, d: usize, from: From) -> Result<Tensor> {
    let (n, dim) = (x.shape()[d] as i64, d as i64);
    let product = |start: i64, end: i64| prod_dim(&narrow(x, dim, start, end - start)?, dim, true, None);
    let running = |start: i64, end: i64| {
        let part = narrow(x, dim, start, end - start)?;
        running_prod(&part, &part, d, from)
    };
    let mut parts = Vec::with_capacity(n as usize);
    for k in 0..n {
        let (others, g) = match from {
            From::Start => {
                let before = product(0, k)?;
                let later = mul(&before, &running(k + 1, n)?)?;
                (cat(&[before, later], dim)?, narrow(g, dim, k, n - k)?)
            }
            From::End => {
                let after = product(k + 1, n)?;
                let earlier = mul(&after, &running(0, k)?)?;
                (cat(&[earlier, after], dim)?, narrow(g, dim, 0, k + 1)?)
            }
        };
        parts.push(sum_dim(&mul(&g, &others)?, Some(&[dim]), true, None)?);
    }
    cat(&parts, dim)
}

/// For every element the product of the others along `dim`; differentiable where elements are zero.
pub(crate) fn exclusive_prod(x: &Tensor, dim: i64) -> Result<Tensor> {
    if x.dim() == 0 {
        return super::factory::ones_like(x);
    }
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d] as i64;
    let one = super::factory::ones_like(&narrow(x, dim, 0, 1)?)?;
    let before = cat(&[one.clone(), narrow(x, dim, 0, n - 1)?], dim)?;
    let after = cat(&[narrow(x, dim, 1, n - 1)?, one], dim)?;
    let before = running_prod(&before, &before, d, From::Start)?;
    let after = running_prod(&after, &after, d, From::End)?;
    mul(&before, &after)
}

fn cummax_body(x: &Tensor, dim: i64) -> Result<(Tensor, Tensor)> {
    running_extreme(x, dim, Scan::Max, "cummax", "CummaxBackward0")
}

fn cummin_body(x: &Tensor, dim: i64) -> Result<(Tensor, Tensor)> {
    running_extreme(x, dim, Scan::Min, "cummin", "CumminBackward0")
}

fn running_extreme(x: &Tensor, dim: i64, op: Scan, name: &str, node: &'static str) -> Result<(Tensor, Tensor)> {
    let d = x.wrap_dim(dim)?;
    let outputs = run(op, &format!("{name}_cpu"), x, d, From::Start, [x.dtype(), DType::I64])?;
    let shape: Dims = x.shape().into();
    record_many(&outputs, node, &[Some(x)], |r| {
        let indices = r.keep(&outputs[1]);
        move |c: &Ctx, g: &[Option<Tensor>]| match &g[0] {
            Some(g) if shape.is_empty() => Ok(Some(g.clone())),
            Some(g) => scatter_into(&shape, d as i64, &c.get(indices)?, g).map(Some),
            None => Ok(None),
        }
    })?;
    let mut outputs = outputs.into_iter();
    match (outputs.next(), outputs.next()) {
        (Some(values), Some(indices)) => Ok((values, indices)),
        _ => crate::bail!(Runtime, "{name}: wrong number of outputs"),
    }
}

fn logcumsumexp_body(x: &Tensor, dim: i64) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    running_log(x, d, From::Start)
}

fn running_log(x: &Tensor, d: usize, from: From) -> Result<Tensor> {
    let y = run_one(Scan::LogSumExp, "logcumsumexp_out_cpu", x, d, from)?;
    y.record("LogcumsumexpBackward0", [x], |r| {
        let (x, y) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| running_log_backward(g, &c.get(x)?, &c.get(y)?, d, from)
    })
}

/// The least finite number: its exponential is 0, and unlike `-inf` it has differences.
fn lowest(dtype: DType) -> f64 {
    match dtype {
        DType::F16 => -65504.0,
        DType::BF16 => half::bf16::MIN.to_f64(),
        DType::F32 => f32::MIN as f64,
        _ => f64::MIN,
    }
}

/// `dx[i] = sum over k >= i of g[k] exp(x[i] - y[k])`, in logarithms so that nothing overflows; positive and negative
/// parts of `g` apart.
fn running_log_backward(g: &Tensor, x: &Tensor, y: &Tensor, d: usize, from: From) -> Result<Tensor> {
    if x.dtype().is_complex() {
        // The conjugate of exp(x[i] - y[k]); the logarithm of a complex gradient needs no case for signs.
        let (x, y) = (super::parts::conjugated(x)?, super::parts::conjugated(y)?);
        let sums = running_log(&sub(&log(g)?, &y, Scalar::Int(1))?, d, from.other())?;
        return exp(&super::arith::add(&sums, &x, Scalar::Int(1))?);
    }
    let size = log(&abs(g)?)?;
    let nothing = Tensor::scalar(lowest(g.dtype()), g.dtype())?;
    let zero = Tensor::scalar(0i64, g.dtype())?;
    let part = |mask: &Tensor| -> Result<Tensor> {
        let terms = sub(&where_(mask, &size, &nothing)?, y, Scalar::Int(1))?;
        let sums = running_log(&terms, d, from.other())?;
        exp(&super::arith::add(&sums, x, Scalar::Int(1))?)
    };
    let positive = gt(g, &zero)?;
    let negative = lt(g, &zero)?;
    sub(&part(&positive)?, &part(&negative)?, Scalar::Int(1))
}

impl Tensor {
    /// Running sums along a dimension.
    ///
    /// ```
    /// # use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[1i64, 2, 3]).cumsum(0).to_vec::<i64>(), [1, 3, 6]);
    /// ```
    #[track_caller]
    pub fn cumsum(&self, dim: i64) -> Tensor {
        cumsum(self, dim, None).or_throw()
    }

    /// Running products along a dimension.
    #[track_caller]
    pub fn cumprod(&self, dim: i64) -> Tensor {
        cumprod(self, dim, None).or_throw()
    }

    /// Running maxima along a dimension with their indices.
    #[track_caller]
    pub fn cummax(&self, dim: i64) -> (Tensor, Tensor) {
        cummax(self, dim).or_throw()
    }

    /// Running minima along a dimension with their indices.
    #[track_caller]
    pub fn cummin(&self, dim: i64) -> (Tensor, Tensor) {
        cummin(self, dim).or_throw()
    }

    /// Running `log sum exp` along a dimension.
    #[track_caller]
    pub fn logcumsumexp(&self, dim: i64) -> Tensor {
        logcumsumexp(self, dim).or_throw()
    }
}

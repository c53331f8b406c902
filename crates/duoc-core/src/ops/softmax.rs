//! Exponentials normalised along dimensions: `logsumexp`, `softmax`, `log_softmax`.

use super::copy::contiguous;
use super::reduce::run::DimSet;
use super::reduce::{sum_dim, sum_dims};
use super::unary::{exp, log};
use crate::autograd::Ctx;
use crate::autograd::mode::{grad_mode, is_grad_enabled};
use crate::ops::arith::{mul, sub};
use crate::ops::pointwise::converted;
use crate::storage::{Mode, access};
use crate::{DType, MemoryFormat, OrThrow, Result, Scalar, Tensor, default_dtype, ensure, ops};
use duoc_kernels::softmax as kernels;
use duoc_kernels::softmax::Softmax;

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

/// The block `outer x n x inner` that a contiguous tensor is around dimensions `first..=last`.
fn block(shape: &[usize], first: usize, last: usize) -> [usize; 3] {
    let product = |part: &[usize]| part.iter().product();
    match shape {
        [] => [1, 1, 1],
        _ => [
            product(&shape[..first]),
            product(&shape[first..=last]),
            product(&shape[last + 1..]),
        ],
    }
}

fn row_major(x: &Tensor) -> Result<Tensor> {
    let _off = grad_mode(false);
    contiguous(x, Some(MemoryFormat::Contiguous))
}

fn missing(name: &str, dtype: DType) -> crate::Error {
    crate::err!(
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        dtype.scalar_type_name()
    )
}

fn logsumexp_body(x: &Tensor, dim: &[i64], keepdim: bool) -> Result<Tensor> {
    let input = match x.dtype().is_differentiable() {
        true => x.clone(),
        false => converted(x, default_dtype())?,
    };
    let dims = DimSet::of(x, Some(dim))?;
    let list = dims.list();
    let y = if x.dtype().is_complex() && x.numel() > 0 {
        let _off = grad_mode(false);
        complex_logsumexp(x, &list, dims, keepdim)?
    } else if x.numel() == 0 {
        let _off = grad_mode(false);
        log(&sum_dims(&exp(&input)?, Some(&list), keepdim, None)?)?
    } else {
        let terms = gathered(&input, dims)?;
        let [first, last] = [list.first(), list.last()].map(|d| d.copied().unwrap_or(0) as usize);
        let sizes = match dims.count(x.shape()) {
            n if !is_run(&list) => [x.numel() / n, n, 1],
            _ => block(x.shape(), first, last),
        };
        let y = Tensor::uninit(&dims.result(x.shape(), keepdim), terms.dtype())?;
        let known = access::access([(&terms, Mode::Read), (&y, Mode::Init)], |[x, y]| {
            // SAFETY: `terms` is row-major with the block's elements, `y` a new tensor with one for each line.
            Ok(unsafe { kernels::softmax(Softmax::LogSumExp, terms.dtype(), sizes, x, y) })
        })?;
        if !known {
            return Err(missing("logsumexp_cpu", terms.dtype()));
        }
        y
    };
    y.record("LogsumexpBackward0", [x], |r| {
        let (x, y) = (r.save(&input), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let (x, y) = (c.get_conj(x)?, c.get_conj(y)?);
            let (g, y) = (dims.keep(g, x.shape(), keepdim)?, dims.keep(&y, x.shape(), keepdim)?);
            mul(&g, &exp(&sub(&x, &y, ONE)?)?)
        }
    })
}

/// Of complex numbers: the largest real part, where it is finite, is what keeps the exponentials in range.
fn complex_logsumexp(x: &Tensor, list: &[i64], dims: DimSet, keepdim: bool) -> Result<Tensor> {
    let most = super::extreme::amax(&super::parts::real(x)?, list, true)?;
    let most = super::blend::where_(&super::compare::isfinite(&most)?, &most, &Tensor::wrapped(0.0)?)?;
    let sum = sum_dims(&exp(&sub(x, &most, ONE)?)?, Some(list), true, None)?;
    let y = super::arith::add(&log(&sum)?, &most, ONE)?;
    super::view::view(&y, &super::view::ints(&dims.result(x.shape(), keepdim)))
}

/// Whether the dimensions are neighbours in order.
fn is_run(dims: &[i64]) -> bool {
    dims.windows(2).all(|w| w[1] == w[0] + 1)
}

/// `x` in row-major order with the dimensions of `dims` beside each other: where they are not, they come last.
fn gathered(x: &Tensor, dims: DimSet) -> Result<Tensor> {
    if is_run(&dims.list()) {
        return row_major(x);
    }
    let kept = (0..x.dim()).filter(|d| !dims.has(*d)).map(|d| d as i64);
    let order: Vec<i64> = kept.chain(dims.list()).collect();
    row_major(&super::view::permute(&x.detach(), &order)?)
}

/// Normalises along a dimension; the gradient kernel serves first derivatives, `formula` all others.
fn normalised(
    op: Softmax,
    name: &str,
    node: &'static str,
    x: &Tensor,
    dim: i64,
    dtype: Option<DType>,
    formula: fn(&Tensor, &Tensor, i64) -> Result<Tensor>,
) -> Result<Tensor> {
    let dtype = dtype.unwrap_or(x.dtype());
    // PyTorch has a kernel of its own along the last dimension, and names it.
    let last = x.wrap_dim(dim).is_ok_and(|d| d + 1 >= x.dim());
    let name = &if last {
        name.replace("softmax_", "softmax_lastdim_")
    } else {
        name.to_string()
    };
    ensure!(
        dtype.is_float() && !dtype.is_float8(),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        dtype.scalar_type_name()
    );
    let d = x.wrap_dim(dim)?;
    let sizes = block(x.shape(), d, d);
    let terms = row_major(&converted(x, dtype)?)?;
    let y = Tensor::uninit(x.shape(), dtype)?;
    if x.numel() > 0 {
        let known = access::access([(&terms, Mode::Read), (&y, Mode::Init)], |[x, y]| {
            // SAFETY: both are row-major with the block's elements.
            Ok(unsafe { kernels::softmax(op, dtype, sizes, x, y) })
        })?;
        if !known {
            return Err(missing(name, dtype));
        }
    }
    let name = name.to_string();
    y.record(node, [x], |r| {
        let y = r.save_output(0);
        move |c: &Ctx, g: &Tensor| {
            let y = c.get(y)?;
            if is_grad_enabled() || y.numel() == 0 {
                return formula(g, &y, d as i64);
            }
            let g = row_major(g)?;
            let out = Tensor::uninit(y.shape(), dtype)?;
            let known = access::access(
                [(&g, Mode::Read), (&y, Mode::Read), (&out, Mode::Init)],
                |[g, y, out]| {
                    // SAFETY: all three are row-major with the block's elements.
                    Ok(unsafe { kernels::softmax_backward(op, dtype, sizes, g, y, out) })
                },
            )?;
            if known { Ok(out) } else { Err(missing(&name, dtype)) }
        }
    })
}

fn softmax_body(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let (name, node) = ("softmax_kernel_impl", "SoftmaxBackward0");
    normalised(Softmax::Plain, name, node, x, dim, dtype, softmax_backward)
}

/// `y (g - sum g y)`.
fn softmax_backward(g: &Tensor, y: &Tensor, dim: i64) -> Result<Tensor> {
    let gy = mul(g, y)?;
    let total = sum_dim(&gy, Some(&[dim]), true, None)?;
    sub(&gy, &mul(y, &total)?, ONE)
}

fn log_softmax_body(x: &Tensor, dim: i64, dtype: Option<DType>) -> Result<Tensor> {
    let (name, node) = ("log_softmax_kernel_impl", "LogSoftmaxBackward0");
    normalised(Softmax::Log, name, node, x, dim, dtype, log_softmax_backward)
}

/// `g - exp(y) sum g`.
fn log_softmax_backward(g: &Tensor, y: &Tensor, dim: i64) -> Result<Tensor> {
    let total = sum_dim(g, Some(&[dim]), true, None)?;
    sub(g, &mul(&exp(y)?, &total)?, ONE)
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

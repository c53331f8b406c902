//! Norms of single samples over their last dimensions: `layer_norm` (J. L. Ba et al., 2016) and `rms_norm` (B. Zhang and
//! R. Sennrich, 2019).

use super::{check_mixed, computing, number, reference, run};
use crate::autograd::mode::is_grad_enabled;
use crate::autograd::{Ctx, Grads};
use crate::ops::arith::mul;
use crate::ops::copy::to_dtype;
use crate::ops::factory::zeros_of;
use crate::ops::index::dense;
use crate::ops::pointwise::not_implemented;
use crate::ops::pool::tied;
use crate::ops::shape::sum_to_size;
use crate::ops::view::ints;
use crate::{DType, OrThrow, Result, Tensor, ensure, ops};
use duoc_kernels::norm::rows::{Backward, Forward, Rows, backward, forward};

ops! {
    /// `(x - mean) / sqrt(var + eps) * weight + bias` over the last dimensions, whose sizes are `normalized_shape`; the
    /// variance is the biased one. Weight and bias have that shape too.
    "layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enable=True) -> Tensor" [function]
    pub fn layer_norm(x: &Tensor, normalized_shape: &[i64], weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64, cudnn_enable: bool) -> Tensor = layer_norm_body;

    /// As `layer_norm`, with the means and the reciprocals of the standard deviations.
    "native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)" [function]
    pub fn native_layer_norm(x: &Tensor, normalized_shape: &[i64], weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64) -> (Tensor, Tensor, Tensor) = native_layer_norm_body;

    /// `x / sqrt(mean x^2 + eps) * weight` over the last dimensions, whose sizes are `normalized_shape`; without `eps` it is
    /// the dtype's epsilon.
    "rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor" [function]
    pub fn rms_norm(x: &Tensor, normalized_shape: &[i64], weight: Option<&Tensor>, eps: Option<f64>) -> Tensor = rms_norm_body;
}

/// The number of rows and their length, after PyTorch's checks; `dot` is the text before the expected shape.
fn rows_of(
    x: &Tensor,
    shape: &[i64],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    dot: &str,
) -> Result<(usize, usize)> {
    let list = |s: &[i64]| s.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(", ");
    ensure!(
        !shape.is_empty(),
        Runtime,
        "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = []"
    );
    for (t, name) in [(weight, "weight"), (bias, "bias")] {
        if let Some(t) = t {
            ensure!(
                ints(t.shape())[..] == *shape,
                Runtime,
                "Expected {name} to be of same shape as normalized_shape, but got {name} of shape {:?} and normalized_shape = [{}]",
                t.shape(),
                list(shape)
            );
        }
    }
    let lead = x.dim().checked_sub(shape.len());
    let fits = lead.is_some_and(|lead| ints(&x.shape()[lead..])[..] == *shape);
    ensure!(
        fits,
        Runtime,
        "Given normalized_shape=[{0}], expected input with shape [*{dot}{0}], but got input of size{1:?}",
        list(shape),
        x.shape()
    );
    let lead = lead.unwrap_or(0);
    Ok((x.shape()[..lead].iter().product(), x.shape()[lead..].iter().product()))
}

/// A fused norm of rows; `mean` is given for layer norm only. All statistics are in the computing type.
struct Normed {
    y: Tensor,
    mean: Option<Tensor>,
    rstd: Tensor,
}

fn normed(
    name: &str,
    node: &'static str,
    x: &Tensor,
    k: usize,
    (weight, bias): (Option<&Tensor>, Option<&Tensor>),
    rows: Rows,
) -> Result<Normed> {
    let dtype = x.dtype();
    let known = matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64);
    ensure!(
        known,
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        dtype.scalar_type_name()
    );
    let mut shape = x.shape().to_vec();
    shape[x.dim() - k..].fill(1);
    let y = Tensor::uninit(x.shape(), dtype)?;
    let rstd = Tensor::uninit(&shape, computing(dtype))?;
    let mean = if rows.centred {
        Some(Tensor::uninit(&shape, computing(dtype))?)
    } else {
        None
    };
    if x.numel() > 0 {
        let (input, w, b) = (dense(&x.detach())?, number(weight, dtype)?, number(bias, dtype)?);
        run(
            [Some(&input), w.as_ref(), b.as_ref()],
            [Some(&y), mean.as_ref(), Some(&rstd)],
            |[x, weight, bias], [y, mean, rstd]| {
                let f = Forward {
                    x,
                    weight,
                    bias,
                    y,
                    mean,
                    rstd,
                };
                // SAFETY: row-major operands: `rows` rows of `n`, weights of `n`, statistics of `rows` numbers.
                unsafe { forward(dtype, &rows, &f) }
            },
        )?;
    } else if rows.n == 0 {
        crate::ops::factory::fill_scalar(&rstd, f64::NAN.into())?;
        if let Some(m) = &mean {
            crate::ops::factory::fill_scalar(m, f64::NAN.into())?;
        }
    }
    let y = y.record(node, [Some(x), weight, bias], |r| {
        let tokens = (r.save(x), r.save_opt(weight), bias.map(|b| b.dtype()));
        let (mean, rstd) = (mean.as_ref().map(|m| r.keep(m)), r.keep(&rstd));
        move |c: &Ctx, g: &Tensor| {
            let (x, w) = (c.get(tokens.0)?, c.get_opt(tokens.1)?);
            let wanted = [0, 1, 2].map(|i| c.needs(i));
            if is_grad_enabled() {
                return formula(g, &x, w.as_ref(), k, &rows, wanted);
            }
            let mean = mean.map(|m| c.get(m)).transpose()?;
            fused(g, &x, w.as_ref(), (mean.as_ref(), &c.get(rstd)?), k, &rows, wanted)
        }
    })?;
    Ok(Normed { y, mean, rstd })
}

/// The gradients of input, weight and bias in plain ops.
fn formula(g: &Tensor, x: &Tensor, w: Option<&Tensor>, k: usize, rows: &Rows, wanted: [bool; 3]) -> Result<Grads> {
    let dims: Vec<i64> = (1..=k as i64).map(|d| -d).collect();
    let shape = ints(&x.shape()[x.dim() - k..]);
    let wide = computing(x.dtype());
    let h = match w {
        Some(w) => mul(&to_dtype(g, wide)?, w)?,
        None => g.clone(),
    };
    let (unit, dx) = reference(&h, x, &dims, rows.centred, rows.eps)?;
    let mut grads = Grads::from_elem(None, 3);
    grads[0] = wanted[0].then_some(dx);
    if wanted[1] {
        grads[1] = Some(sum_to_size(&mul(g, &unit)?, &shape)?);
    }
    if wanted[2] {
        grads[2] = Some(tied(sum_to_size(g, &shape)?, x)?);
    }
    Ok(grads)
}

/// The same by the kernel.
fn fused(
    g: &Tensor,
    x: &Tensor,
    w: Option<&Tensor>,
    (mean, rstd): (Option<&Tensor>, &Tensor),
    k: usize,
    rows: &Rows,
    wanted: [bool; 3],
) -> Result<Grads> {
    let dtype = x.dtype();
    let shape = &x.shape()[x.dim() - k..];
    let wide = computing(dtype);
    let mut grads = Grads::from_elem(None, 3);
    if x.numel() == 0 {
        for (grad, wanted) in grads.iter_mut().zip(wanted).skip(1) {
            *grad = if wanted { Some(zeros_of(shape, wide)?) } else { None };
        }
        grads[0] = Some(zeros_of(x.shape(), dtype)?);
        return Ok(grads);
    }
    let (g, x, w) = (dense(&to_dtype(g, dtype)?)?, dense(x)?, number(w, dtype)?);
    if wanted[0] {
        grads[0] = Some(Tensor::uninit(x.shape(), dtype)?);
    }
    for i in [1, 2] {
        if wanted[i] {
            grads[i] = Some(Tensor::uninit(shape, wide)?);
        }
    }
    let [dx, dweight, dbias] = [0, 1, 2].map(|i| grads[i].as_ref());
    let known = run(
        [Some(&g), Some(&x), w.as_ref(), mean, Some(rstd)],
        [dx, dweight, dbias],
        |[grad, x, weight, mean, rstd], [dx, dweight, dbias]| {
            let b = Backward {
                grad,
                x,
                weight,
                mean,
                rstd,
                dx,
                dweight,
                dbias,
            };
            // SAFETY: as in the forward pass; the gradients of weights have `n` numbers.
            unsafe { backward(dtype, rows, &b) }
        },
    )?;
    if known {
        Ok(grads)
    } else {
        Err(not_implemented("LayerNormBackwardKernelImpl", dtype))
    }
}

fn layer(
    x: &Tensor,
    shape: &[i64],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<(Normed, DType)> {
    let (rows, n) = rows_of(x, shape, weight, bias, ", ")?;
    let stats = check_mixed(x, &[weight, bias])?;
    let rows = Rows {
        rows,
        n,
        centred: true,
        eps,
    };
    let node = "NativeLayerNormBackward0";
    Ok((
        normed("LayerNormKernelImpl", node, x, shape.len(), (weight, bias), rows)?,
        stats,
    ))
}

fn layer_norm_body(
    x: &Tensor,
    shape: &[i64],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
    _: bool,
) -> Result<Tensor> {
    Ok(layer(x, shape, weight, bias, eps)?.0.y)
}

fn native_layer_norm_body(
    x: &Tensor,
    shape: &[i64],
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (normed, stats) = layer(x, shape, weight, bias, eps)?;
    let mean = normed.mean.as_ref().unwrap_or(&normed.rstd);
    Ok((normed.y, to_dtype(mean, stats)?, to_dtype(&normed.rstd, stats)?))
}

/// `x / sqrt(mean(x^2) + eps)` in plain ops: PyTorch squares complex numbers as they are.
fn complex_rms_norm(x: &Tensor, dims: usize, weight: Option<&Tensor>, eps: f64) -> Result<Tensor> {
    use crate::ops::arith::{add, mul};
    let last: Vec<i64> = (1..=dims as i64).map(|d| -d).collect();
    let squares = crate::ops::reduce::mean_dim(&crate::ops::sign::square(x)?, Some(&last), true, None)?;
    let scale = crate::ops::unary::rsqrt(&add(&squares, &Tensor::wrapped(eps)?, crate::Scalar::Int(1))?)?;
    let y = mul(x, &scale)?;
    weight.map_or(Ok(y.clone()), |w| mul(&y, w))
}

fn rms_norm_body(x: &Tensor, shape: &[i64], weight: Option<&Tensor>, eps: Option<f64>) -> Result<Tensor> {
    let (rows, n) = rows_of(x, shape, weight, None, "")?;
    let eps = eps.unwrap_or(match x.dtype().part() {
        DType::F64 => f64::EPSILON,
        _ => f32::EPSILON as f64,
    });
    if x.dtype().is_complex() {
        return complex_rms_norm(x, shape.len(), weight, eps);
    }
    let rows = Rows {
        rows,
        n,
        centred: false,
        eps,
    };
    Ok(normed("rms_norm", "RmsNormBackward0", x, shape.len(), (weight, None), rows)?.y)
}

impl Tensor {
    /// Layer norm over the last dimensions, of sizes `normalized_shape`, without weights.
    #[track_caller]
    pub fn layer_norm(&self, normalized_shape: &[i64], eps: f64) -> Tensor {
        layer_norm(self, normalized_shape, None, None, eps, true).or_throw()
    }
}

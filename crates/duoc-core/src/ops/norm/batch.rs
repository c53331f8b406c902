//! Norms over a batch: `batch_norm` (S. Ioffe and C. Szegedy, 2015) and, as a batch norm of every plane by itself,
//! `instance_norm` (D. Ulyanov et al., 2016).

use super::{ONE, check_mixed, computing, number, reference, run};
use crate::autograd::mode::{is_grad_enabled, no_grad};
use crate::autograd::{Ctx, Grads};
use crate::ops::arith::{add, mul, sub};
use crate::ops::copy::{copy_, to_dtype, uninit_format};
use crate::ops::factory::zeros_of;
use crate::ops::index::dense;
use crate::ops::pool::{suggested, tied};
use crate::ops::rearrange::repeat;
use crate::ops::reduce::{mean_dim, sum_dim};
use crate::ops::unary::rsqrt;
use crate::ops::view::{ints, permute, reshape};
use crate::{DType, MemoryFormat, Result, Tensor, bail, ensure, ops};
use duoc_kernels::norm::groups::{Groups, Operands, Statistics};
use duoc_kernels::norm::{columns, groups};

ops! {
    /// `(x - mean) / sqrt(var + eps) * weight + bias` for each channel of `(N, C, *)`: in training with the mean and biased
    /// variance of the batch, which also move the running ones (the variance unbiased) by `momentum`; otherwise with the
    /// running ones. Weight, bias and running statistics are `(C)`.
    "batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor" [function]
    pub fn batch_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, running_mean: Option<&Tensor>, running_var: Option<&Tensor>, training: bool, momentum: f64, eps: f64, cudnn_enabled: bool) -> Tensor = batch_norm_body;

    /// As `batch_norm`, with the batch's means and reciprocals of the standard deviations (empty outside training).
    "native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)" [function]
    pub fn native_batch_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, running_mean: Option<&Tensor>, running_var: Option<&Tensor>, training: bool, momentum: f64, eps: f64) -> (Tensor, Tensor, Tensor) = native_batch_norm_body;

    /// Batch norm of every channel of every sample by itself; running statistics are the samples' means.
    "instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor" [function]
    pub fn instance_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, running_mean: Option<&Tensor>, running_var: Option<&Tensor>, use_input_stats: bool, momentum: f64, eps: f64, cudnn_enabled: bool) -> Tensor = instance_norm_body;
}

/// How the elements lie: planes of channels, or rows whose columns are the channels.
#[derive(Clone, Copy)]
enum Order {
    Planes(Groups),
    Columns([usize; 2], MemoryFormat),
}

impl Order {
    fn of(x: &Tensor) -> Order {
        let (samples, channels) = (x.shape()[0], x.shape()[1]);
        let size: usize = x.shape()[2..].iter().product();
        match suggested(x) {
            MemoryFormat::Contiguous if size > 1 => Order::Planes(Groups {
                samples,
                channels,
                size,
                together: 0,
            }),
            format => Order::Columns([samples * size, channels], format),
        }
    }

    /// The elements of `x` in this order.
    fn dense(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Order::Columns(_, f) if *f != MemoryFormat::Contiguous => no_grad(|| {
                let order: Vec<i64> = [0].into_iter().chain(2..x.dim() as i64).chain([1]).collect();
                dense(&permute(&x.detach(), &order)?)
            }),
            _ => dense(&x.detach()),
        }
    }

    fn uninit(&self, x: &Tensor, dtype: DType) -> Result<Tensor> {
        match self {
            Order::Columns(_, f) => uninit_format(x.shape(), dtype, *f),
            Order::Planes(_) => Tensor::uninit(x.shape(), dtype),
        }
    }

    /// # Safety
    /// As the kernels'.
    unsafe fn forward(&self, dtype: DType, s: Statistics, o: &Operands) -> bool {
        match self {
            Order::Planes(q) => unsafe { groups::forward(dtype, q, s, o) },
            Order::Columns(n, _) => unsafe { columns::forward(dtype, *n, s, o) },
        }
    }

    /// # Safety
    /// As the kernels'.
    unsafe fn backward(&self, dtype: DType, s: Statistics, o: &Operands) -> bool {
        match self {
            Order::Planes(q) => unsafe { groups::backward(dtype, q, s, o) },
            Order::Columns(n, _) => unsafe { columns::backward(dtype, *n, s, o) },
        }
    }
}

struct Arguments<'a> {
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
    running: [Option<&'a Tensor>; 2],
    training: bool,
    momentum: f64,
    eps: f64,
}

fn features(x: &Tensor) -> Result<usize> {
    if x.shape() == [0] {
        // PyTorch reads a size of 0 behind the shape's end.
        return Ok(0);
    }
    ensure!(
        x.dim() >= 2,
        Index,
        "Dimension out of range (expected to be in range of [{}, {}], but got 1)",
        -(x.dim().max(1) as i64),
        x.dim().max(1) - 1
    );
    Ok(x.shape()[1])
}

fn check(x: &Tensor, a: &Arguments) -> Result<()> {
    let channels = features(x)?;
    for (t, name) in [(a.running[0], "running_mean"), (a.running[1], "running_var")] {
        match t {
            Some(t) => ensure!(
                t.numel() == channels,
                Runtime,
                "{name} should contain {channels} elements not {}",
                t.numel()
            ),
            None if !a.training => bail!(Runtime, "{name} must be defined in evaluation mode"),
            None => {}
        }
    }
    for (t, name) in [(a.weight, "weight"), (a.bias, "bias")] {
        if let Some(t) = t {
            ensure!(
                t.numel() == channels,
                Runtime,
                "{name} should contain {channels} elements not {}",
                t.numel()
            );
        }
    }
    Ok(())
}

/// The result and the batch's statistics in the computing type (the given ones outside training).
fn normed(x: &Tensor, a: &Arguments) -> Result<(Tensor, Tensor, Tensor, DType)> {
    check(x, a)?;
    if x.dim() == 1 {
        let none = Tensor::uninit(&[0], x.dtype())?;
        return Ok((crate::ops::copy::clone(x, None)?, none.clone(), none, x.dtype()));
    }
    let dtype = x.dtype();
    ensure!(
        matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64),
        NotImplemented,
        "\"batch_norm\" not implemented for '{}'",
        dtype.scalar_type_name()
    );
    let stats = check_mixed(x, &[a.weight, a.bias, a.running[0], a.running[1]])?;
    let (wide, channels) = (computing(dtype), x.shape()[1]);
    let order = Order::of(x);
    let y = order.uninit(x, dtype)?;
    let (input, w, b) = (order.dense(x)?, number(a.weight, dtype)?, number(a.bias, dtype)?);
    let (mean, rstd) = match a.training {
        true => (Tensor::uninit(&[channels], wide)?, Tensor::uninit(&[channels], wide)?),
        false => given(a, wide, channels)?,
    };
    let moves = a.training && a.running.iter().any(|r| r.is_some());
    let square = if moves {
        Some(Tensor::uninit(&[channels], wide)?)
    } else {
        None
    };
    let eps = a.eps;
    if x.numel() > 0 {
        let statistics = if a.training {
            Statistics::Own { eps }
        } else {
            Statistics::Given
        };
        run(
            [Some(&input), w.as_ref(), b.as_ref()],
            [Some(&y), Some(&mean), Some(&rstd), square.as_ref()],
            |[x, weight, bias], [out, mean, rstd, square]| {
                let o = Operands {
                    x,
                    weight,
                    bias,
                    mean,
                    rstd,
                    square,
                    out,
                    ..Operands::NONE
                };
                // SAFETY: operands in this order of memory; a number for each channel. Given statistics are only read.
                unsafe { order.forward(dtype, statistics, &o) }
            },
        )?;
        if let Some(square) = &square {
            no_grad(|| update(a, &mean, square, (x.numel() / channels) as f64))?;
        }
    }
    let training = a.training;
    let y = y.record("NativeBatchNormBackward0", [Some(x), a.weight, a.bias], |r| {
        let tokens = (r.save(x), r.save_opt(a.weight), r.keep(&mean), r.keep(&rstd));
        move |c: &Ctx, g: &Tensor| {
            let (x, w) = (c.get(tokens.0)?, c.get_opt(tokens.1)?);
            let stats = [&c.get(tokens.2)?, &c.get(tokens.3)?];
            let wanted = [0, 1, 2].map(|i| c.needs(i));
            if is_grad_enabled() || x.numel() == 0 {
                return formula(g, &x, w.as_ref(), stats, training.then_some(eps), wanted);
            }
            fused(g, &x, w.as_ref(), stats, training, wanted)
        }
    })?;
    Ok((y, mean, rstd, stats))
}

/// The running statistics as the kernels want them: copies, which later changes leave alone.
fn given(a: &Arguments, wide: DType, channels: usize) -> Result<(Tensor, Tensor)> {
    no_grad(|| {
        let [mean, var] = a.running.map(|r| number(r, wide));
        let (Some(mean), Some(var)) = (mean?, var?) else {
            bail!(Runtime, "running_mean must be defined in evaluation mode")
        };
        let shape = [channels as i64];
        let mean = crate::ops::copy::clone(&reshape(&mean, &shape)?, None)?;
        let rstd = rsqrt(&add(&reshape(&var, &shape)?, &Tensor::wrapped(a.eps)?, ONE)?)?;
        Ok((mean, rstd))
    })
}

/// Moves the running statistics towards those of the batch.
fn update(a: &Arguments, mean: &Tensor, square: &Tensor, count: f64) -> Result<()> {
    let number = |v: f64| Tensor::wrapped(v);
    let move_to = |running: &Tensor, towards: &Tensor, factor: f64| -> Result<()> {
        let old = to_dtype(&running.detach(), DType::F64)?;
        let step = mul(&to_dtype(towards, DType::F64)?, &number(factor)?)?;
        let kept = mul(&old, &number(1.0 - a.momentum)?)?;
        copy_(running, &add(&reshape(&step, &ints(running.shape()))?, &kept, ONE)?)
    };
    if let Some(r) = a.running[0] {
        move_to(r, mean, a.momentum)?;
    }
    if let Some(r) = a.running[1] {
        // A division, so that a single element gives PyTorch's NaN.
        let var = crate::ops::arith::div(&to_dtype(square, DType::F64)?, &number(count - 1.0)?)?;
        move_to(r, &var, a.momentum)?;
    }
    Ok(())
}

/// The gradients of input, weight and bias in plain ops; without `eps` the statistics are constants.
fn formula(
    g: &Tensor,
    x: &Tensor,
    w: Option<&Tensor>,
    [mean, rstd]: [&Tensor; 2],
    eps: Option<f64>,
    wanted: [bool; 3],
) -> Result<Grads> {
    let (wide, channels) = (computing(x.dtype()), x.shape()[1]);
    let mut grads = Grads::from_elem(None, 3);
    if x.numel() == 0 {
        let zeros = |wanted: bool| wanted.then(|| zeros_of(&[channels], wide)).transpose();
        grads[0] = Some(zeros_of(x.shape(), x.dtype())?);
        grads[1] = zeros(wanted[1])?;
        grads[2] = zeros(wanted[2])?;
        return Ok(grads);
    }
    let mut shape = vec![1i64; x.dim()];
    shape[1] = channels as i64;
    let along = |t: &Tensor| reshape(t, &shape);
    let dims: Vec<i64> = (0..x.dim() as i64).filter(|d| *d != 1).collect();
    let g = to_dtype(g, wide)?;
    let h = match w {
        Some(w) => mul(&g, &along(w)?)?,
        None => g.clone(),
    };
    let (unit, dx) = match eps {
        Some(eps) => reference(&h, x, &dims, true, eps)?,
        None => {
            let rstd = along(rstd)?;
            let unit = mul(&sub(&to_dtype(x, wide)?, &along(mean)?, ONE)?, &rstd)?;
            (unit, mul(&h, &rstd)?)
        }
    };
    grads[0] = wanted[0].then_some(dx);
    if wanted[1] {
        grads[1] = Some(sum_dim(&mul(&g, &unit)?, Some(&dims), false, None)?);
    }
    if wanted[2] {
        grads[2] = Some(tied(sum_dim(&g, Some(&dims), false, None)?, x)?);
    }
    Ok(grads)
}

/// The same by the kernel.
fn fused(
    g: &Tensor,
    x: &Tensor,
    w: Option<&Tensor>,
    [mean, rstd]: [&Tensor; 2],
    training: bool,
    wanted: [bool; 3],
) -> Result<Grads> {
    let dtype = x.dtype();
    let order = Order::of(x);
    let (grad, input) = (order.dense(&to_dtype(g, dtype)?)?, order.dense(x)?);
    let w = number(w, dtype)?;
    let dx = if wanted[0] { Some(order.uninit(x, dtype)?) } else { None };
    let channels = |wanted: bool| {
        wanted
            .then(|| Tensor::uninit(&[x.shape()[1]], computing(dtype)))
            .transpose()
    };
    let (dw, db) = (channels(wanted[1])?, channels(wanted[2])?);
    let s = if training {
        Statistics::Own { eps: 0.0 }
    } else {
        Statistics::Given
    };
    run(
        [Some(&grad), Some(&input), w.as_ref(), Some(mean), Some(rstd)],
        [dx.as_ref(), dw.as_ref(), db.as_ref()],
        |[grad, x, weight, mean, rstd], [out, dweight, dbias]| {
            let o = Operands {
                grad,
                x,
                weight,
                mean,
                rstd,
                out,
                dweight,
                dbias,
                ..Operands::NONE
            };
            // SAFETY: as in the forward pass; the statistics are only read.
            unsafe { order.backward(dtype, s, &o) }
        },
    )?;
    Ok(smallvec::smallvec![dx, dw, db])
}

fn batch_norm_body(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    running_mean: Option<&Tensor>,
    running_var: Option<&Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
    _: bool,
) -> Result<Tensor> {
    features(x)?;
    let a = Arguments {
        weight,
        bias,
        running: [running_mean, running_var],
        training,
        momentum,
        eps,
    };
    Ok(normed(x, &a)?.0)
}

fn native_batch_norm_body(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    running_mean: Option<&Tensor>,
    running_var: Option<&Tensor>,
    training: bool,
    momentum: f64,
    eps: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    features(x)?;
    let a = Arguments {
        weight,
        bias,
        running: [running_mean, running_var],
        training,
        momentum,
        eps,
    };
    let (y, mean, rstd, stats) = normed(x, &a)?;
    if training {
        return Ok((y, to_dtype(&mean, stats)?, to_dtype(&rstd, stats)?));
    }
    Ok((y, Tensor::uninit(&[0], stats)?, Tensor::uninit(&[0], stats)?))
}

fn instance_norm_body(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    running_mean: Option<&Tensor>,
    running_var: Option<&Tensor>,
    use_input_stats: bool,
    momentum: f64,
    eps: f64,
    _: bool,
) -> Result<Tensor> {
    ensure!(
        running_mean.is_some() == running_var.is_some(),
        Value,
        "running_mean and running_var must either both be None or neither be None"
    );
    ensure!(
        use_input_stats || running_mean.is_some(),
        Runtime,
        "Expected running_mean and running_var to be defined when use_input_stats is false"
    );
    let channels = features(x)?;
    ensure!(
        x.dim() >= 2,
        Index,
        "Dimension out of range (expected to be in range of [-1, 0], but got 1)"
    );
    let samples = x.shape()[0] as i64;
    for (t, name) in [
        (running_mean, "running_mean"),
        (running_var, "running_var"),
        (weight, "weight"),
        (bias, "bias"),
    ] {
        if let Some(t) = t {
            ensure!(
                t.numel() == channels && t.dim() == 1,
                Runtime,
                "{name} should contain {channels} elements not {}",
                t.numel()
            );
        }
    }
    let mut shape = ints(x.shape());
    shape[0] = 1;
    shape[1] = samples * channels as i64;
    let planes = reshape(x, &shape)?;
    let many = |t: Option<&Tensor>| t.map(|t| repeat(t, &[samples])).transpose();
    let (w, b) = (many(weight)?, many(bias)?);
    let [mean, var] = [running_mean, running_var].map(|t| no_grad(|| many(t.map(Tensor::detach).as_ref())));
    let (mean, var) = (mean?, var?);
    let a = Arguments {
        weight: w.as_ref(),
        bias: b.as_ref(),
        running: [mean.as_ref(), var.as_ref()],
        training: use_input_stats,
        momentum,
        eps,
    };
    let y = normed(&planes, &a)?.0;
    if use_input_stats {
        for (running, moved) in [(running_mean, &mean), (running_var, &var)] {
            if let (Some(running), Some(moved)) = (running, moved) {
                no_grad(|| {
                    let all = reshape(moved, &[samples, channels as i64])?;
                    copy_(running, &mean_dim(&all, Some(&[0]), false, None)?)
                })?;
            }
        }
    }
    reshape(&y, &ints(x.shape()))
}

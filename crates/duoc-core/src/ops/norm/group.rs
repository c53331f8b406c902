//! Norms over groups of a sample's channels: `group_norm` (Y. Wu and K. He, 2018).

use super::{ONE, check_mixed, computing, number, reference, run};
use crate::autograd::mode::is_grad_enabled;
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, Grads};
use crate::ops::arith::{add, mul, sub};
use crate::ops::copy::to_dtype;
use crate::ops::factory::zeros_of;
use crate::ops::index::dense;
use crate::ops::pool::in_order_of;
use crate::ops::reduce::{mean_dim, sum_dim};
use crate::ops::unary::rsqrt;
use crate::ops::view::{ints, reshape, unsqueeze};
use crate::{DType, Result, Tensor, ensure, ops};
use duoc_kernels::norm::groups::{Groups, Operands, Statistics, backward, forward};

ops! {
    /// `(x - mean) / sqrt(var + eps) * weight + bias`, where mean and biased variance are those of `C / num_groups`
    /// neighbouring channels of a sample `(N, C, *)`; weight and bias are `(C)`.
    "group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool cudnn_enabled=True) -> Tensor" [function]
    pub fn group_norm(x: &Tensor, num_groups: i64, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64, cudnn_enabled: bool) -> Tensor = group_norm_body;

    /// As `group_norm` of `N x C x HxW` elements, with the means and the reciprocals of the standard deviations `(N, group)`.
    "native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)" [function]
    pub fn native_group_norm(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, n: i64, c: i64, hxw: i64, group: i64, eps: f64) -> (Tensor, Tensor, Tensor) = native_group_norm_body;
}

fn check(x: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, channels: i64, groups: i64) -> Result<()> {
    ensure!(
        groups > 0,
        Runtime,
        "Expected num groups to be greater than 0, got {groups}"
    );
    ensure!(
        channels > 0,
        Runtime,
        "Expected number of channels to be greater than 0, got {channels}"
    );
    ensure!(
        channels % groups == 0,
        Runtime,
        "Expected number of channels in input to be divisible by num_groups, but got input of shape {:?} and num_groups={groups}",
        x.shape()
    );
    for (t, name) in [(weight, "weight"), (bias, "bias")] {
        if let Some(t) = t {
            ensure!(
                t.dim() == 1 && t.numel() as i64 == channels,
                Runtime,
                "Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {:?} and input of shape {:?}",
                t.shape(),
                x.shape()
            );
        }
    }
    Ok(())
}

fn group_norm_body(
    x: &Tensor,
    groups: i64,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    eps: f64,
    _: bool,
) -> Result<Tensor> {
    ensure!(
        x.dim() >= 2,
        Index,
        "Dimension out of range (expected to be in range of [{}, {}], but got {})",
        -(x.dim().max(1) as i64),
        x.dim().max(1) - 1,
        if x.dim() == 0 { 0 } else { 1 }
    );
    let [n, c] = [x.shape()[0] as i64, x.shape()[1] as i64];
    check(x, weight, bias, c, groups)?;
    let size = x.shape()[2..].iter().product::<usize>() as i64;
    Ok(native_group_norm(x, weight, bias, n, c, size, groups, eps)?.0)
}

fn native_group_norm_body(
    x: &Tensor,
    weight: Option<&Tensor>,
    bias: Option<&Tensor>,
    n: i64,
    c: i64,
    size: i64,
    groups: i64,
    eps: f64,
) -> Result<(Tensor, Tensor, Tensor)> {
    check(x, weight, bias, c, groups)?;
    ensure!(size > 0, Runtime, "Expected HxW to be greater than 0, got {size}");
    ensure!(
        n >= 0 && n.checked_mul(c).and_then(|m| m.checked_mul(size)) == Some(x.numel() as i64),
        Runtime,
        "Expected X.numel() == N * C * HxW to be true, but got false.  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
    );
    let dtype = x.dtype();
    let stats = check_mixed(x, &[weight, bias])?;
    ensure!(
        matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::F64),
        NotImplemented,
        "\"GroupNormKernelImpl\" not implemented for '{}'",
        dtype.scalar_type_name()
    );
    let geometry = Groups {
        samples: n as usize,
        channels: c as usize,
        size: size as usize,
        together: (c / groups) as usize,
    };
    let y = Tensor::uninit(x.shape(), dtype)?;
    let sets = [n as usize, groups as usize];
    let mean = Tensor::uninit(&sets, computing(dtype))?;
    let rstd = Tensor::uninit(&sets, computing(dtype))?;
    if x.numel() > 0 {
        let (input, w, b) = (dense(&x.detach())?, number(weight, dtype)?, number(bias, dtype)?);
        run(
            [Some(&input), w.as_ref(), b.as_ref()],
            [Some(&y), Some(&mean), Some(&rstd)],
            |[x, weight, bias], [out, mean, rstd]| {
                let o = Operands {
                    x,
                    weight,
                    bias,
                    mean,
                    rstd,
                    out,
                    ..Operands::NONE
                };
                // SAFETY: row-major operands: `n c size` elements, `c` weights, `n groups` statistics.
                unsafe { forward(dtype, &geometry, Statistics::Own { eps }, &o) }
            },
        )?;
    } else {
        crate::ops::factory::fill_scalar(&mean, 0.0.into())?;
        crate::ops::factory::fill_scalar(&rstd, f64::NAN.into())?;
    }
    let y = in_order_of(x, y)?;
    let outputs = [y, to_dtype(&mean, stats)?, to_dtype(&rstd, stats)?];
    let (mean, rstd) = (mean.alias(), rstd.alias());
    record_many(&outputs, "NativeGroupNormBackward0", &[Some(x), weight, bias], |r| {
        let tokens = (r.save(x), r.save_opt(weight), r.keep(&mean), r.keep(&rstd));
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let statistics = [g[1].as_ref(), g[2].as_ref()];
            let g = match &g[0] {
                Some(g) => g.clone(),
                None => zeros_of(c.get(tokens.0)?.shape(), dtype)?,
            };
            let (x, w) = (c.get(tokens.0)?, c.get_opt(tokens.1)?);
            let wanted = [0, 1, 2].map(|i| c.needs(i));
            if is_grad_enabled() || x.numel() == 0 || statistics.iter().any(|g| g.is_some()) {
                return formula(&g, &x, w.as_ref(), statistics, &geometry, eps, wanted);
            }
            fused(
                &g,
                &x,
                w.as_ref(),
                [&c.get(tokens.2)?, &c.get(tokens.3)?],
                &geometry,
                wanted,
            )
        }
    })?;
    let [y, mean, rstd] = outputs;
    Ok((y, mean, rstd))
}

/// The gradients of input, weight and bias in plain ops.
fn formula(
    g: &Tensor,
    x: &Tensor,
    w: Option<&Tensor>,
    [dmean, drstd]: [Option<&Tensor>; 2],
    q: &Groups,
    eps: f64,
    wanted: [bool; 3],
) -> Result<Grads> {
    let mut grads = Grads::from_elem(None, 3);
    if x.numel() == 0 {
        let zeros = |wanted: bool| {
            wanted
                .then(|| zeros_of(&[q.channels], computing(x.dtype())))
                .transpose()
        };
        grads[0] = Some(zeros_of(x.shape(), x.dtype())?);
        grads[1] = zeros(wanted[1])?;
        grads[2] = zeros(wanted[2])?;
        return Ok(grads);
    }
    let planes = [q.samples as i64, q.channels as i64, q.size as i64];
    let groups = [q.samples as i64, (q.channels / q.together) as i64, -1];
    let wide = computing(x.dtype());
    let g = reshape(&to_dtype(g, wide)?, &planes)?;
    let h = match w {
        Some(w) => mul(&g, &reshape(w, &[-1, 1])?)?,
        None => g.clone(),
    };
    let rows = reshape(x, &groups)?;
    let (unit, mut dx) = reference(&reshape(&h, &groups)?, &rows, &[2], true, eps)?;
    let share = Tensor::wrapped(1.0 / (q.together * q.size) as f64)?;
    if let Some(dmean) = dmean {
        dx = add(&dx, &mul(&unsqueeze(dmean, 2)?, &share)?, ONE)?;
    }
    if let Some(drstd) = drstd {
        // rstd = (mean d^2 + eps)^(-1/2), so that its slope is -rstd^3 d / n, and rstd d is the unit.
        let rows = to_dtype(&rows, wide)?;
        let d = sub(&rows, &mean_dim(&rows, Some(&[2]), true, None)?, ONE)?;
        let rstd = rsqrt(&add(
            &mean_dim(&mul(&d, &d)?, Some(&[2]), true, None)?,
            &Tensor::wrapped(eps)?,
            ONE,
        )?)?;
        let slope = mul(&mul(&unit, &mul(&rstd, &rstd)?)?, &share)?;
        dx = sub(&dx, &mul(&unsqueeze(drstd, 2)?, &slope)?, ONE)?;
    }
    if wanted[0] {
        grads[0] = Some(reshape(&dx, &ints(x.shape()))?);
    }
    if wanted[1] {
        grads[1] = Some(sum_dim(
            &mul(&g, &reshape(&unit, &planes)?)?,
            Some(&[0, 2]),
            false,
            None,
        )?);
    }
    if wanted[2] {
        grads[2] = Some(sum_dim(&g, Some(&[0, 2]), false, None)?);
    }
    Ok(grads)
}

/// The same by the kernel.
fn fused(
    g: &Tensor,
    x: &Tensor,
    w: Option<&Tensor>,
    [mean, rstd]: [&Tensor; 2],
    q: &Groups,
    wanted: [bool; 3],
) -> Result<Grads> {
    let dtype = x.dtype();
    let (grad, input, w) = (dense(&to_dtype(g, dtype)?)?, dense(x)?, number(w, dtype)?);
    let dx = if wanted[0] {
        Some(Tensor::uninit(x.shape(), dtype)?)
    } else {
        None
    };
    let channels = |wanted: bool| {
        wanted
            .then(|| Tensor::uninit(&[q.channels], computing(dtype)))
            .transpose()
    };
    let (dw, db) = (channels(wanted[1])?, channels(wanted[2])?);
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
            unsafe { backward(dtype, q, Statistics::Own { eps: 0.0 }, &o) }
        },
    )?;
    let dx = dx.map(|dx| in_order_of(x, dx)).transpose()?;
    Ok(smallvec::smallvec![dx, dw, db])
}

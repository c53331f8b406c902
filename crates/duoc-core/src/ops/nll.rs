//! Losses over classes: the negative log likelihood, and the cross entropy that is computed straight from scores.

use super::arith::{div, mul};
use super::copy::{contiguous, to_dtype};
use super::dims::movedim;
use super::pointwise::not_implemented;
use super::reduce::{mean, sum};
use super::scatter::{gather, scatter};
use super::softmax::{log_softmax, logsumexp};
use super::view::{reshape, unsqueeze};
use crate::autograd::Ctx;
use crate::autograd::mode::{grad_mode, is_grad_enabled};
use crate::storage::{Mode, access};
use crate::{DType, MemoryFormat, Result, Tensor, bail, catch, ensure, ops};
use duoc_kernels::cross_entropy as kernel;

ops! {
    /// `-weight[t] x[t]` for each row `x` of log probabilities and its class `t`; rows of class `ignore_index` count 0.
    /// `reduction`: 0 each, 1 mean (over the weights), 2 sum.
    "nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor" []
    pub fn nll_loss(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64, ignore_index: i64) -> Tensor = nll_loss_body;

    /// [`nll_loss`] of `(N, C, H, W)` and `(N, H, W)`.
    "nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor" []
    pub fn nll_loss2d(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64, ignore_index: i64) -> Tensor = nll_loss2d_body;

    /// [`nll_loss`] of `(N, C, ...)` and `(N, ...)`.
    "nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100) -> Tensor" []
    pub fn nll_loss_nd(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64, ignore_index: i64) -> Tensor = nll_loss_nd_body;

    /// The cross entropy of scores `(N, C, ...)`: `-weight[t] ln softmax(x)[t]` for classes `(N, ...)`, or
    /// `-sum_c weight[c] p[c] ln softmax(x)[c]` for probabilities of the scores' shape. `label_smoothing` mixes the target
    /// with the uniform distribution (C. Szegedy et al., 2016).
    "cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, int ignore_index=-100, float label_smoothing=0.0) -> Tensor" []
    pub fn cross_entropy_loss(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64, ignore_index: i64, label_smoothing: f64) -> Tensor = cross_entropy_body;
}

/// What becomes of the losses of the elements.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Reduction {
    None,
    Mean,
    Sum,
}

impl Reduction {
    pub(super) fn of(number: i64) -> Result<Reduction> {
        match number {
            0 => Ok(Reduction::None),
            1 => Ok(Reduction::Mean),
            2 => Ok(Reduction::Sum),
            other => bail!(Value, "{other} is not a valid value for reduction"),
        }
    }

    /// The losses as they are, their mean or their sum.
    pub(super) fn apply(self, losses: &Tensor) -> Result<Tensor> {
        match self {
            Reduction::None => Ok(losses.clone()),
            Reduction::Mean => mean(losses, None),
            Reduction::Sum => sum(losses, None),
        }
    }
}

/// Rows of scores with their classes.
struct Classes {
    /// The class of each row; 0 where the row is ignored.
    target: Tensor,
    /// The weight of each row; 0 where it is ignored.
    weights: Tensor,
    /// Whether some row is ignored.
    ignored: bool,
}

fn check(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, classes: usize) -> Result<()> {
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "\"nll_loss_out_frame\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    ensure!(
        matches!(target.dtype(), DType::I64 | DType::U8),
        Runtime,
        "expected target dtype to be Long or Byte, but got {}: classes are whole numbers, give them as int64",
        target.dtype().scalar_type_name()
    );
    if let Some(w) = weight {
        ensure!(
            w.dim() == 1 && w.numel() == classes,
            Runtime,
            "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}",
            w.shape()
        );
        ensure!(
            w.dtype() == x.dtype(),
            Runtime,
            "expected scalar type {} but found {}",
            x.dtype().scalar_type_name(),
            w.dtype().scalar_type_name()
        );
    }
    Ok(())
}

impl Classes {
    /// Checks the classes of `rows`, whose scores are `like`'s dtype.
    fn new(target: &Tensor, weight: Option<&Tensor>, classes: usize, ignore: i64, dtype: DType) -> Result<Classes> {
        let _off = grad_mode(false);
        let flat = contiguous(&reshape(&to_dtype(target, DType::I64)?, &[-1])?, None)?;
        let (wrong, ignored) = flat.with_slice::<i64, _>(|ts| {
            let wrong = ts
                .iter()
                .find(|t| **t != ignore && (**t < 0 || **t as u64 >= classes as u64));
            (wrong.copied(), ts.contains(&ignore))
        })?;
        if let Some(t) = wrong {
            bail!(
                Index,
                "Target {t} is out of bounds. There are {classes} classes, 0 to {}; ignored targets are {ignore}",
                classes as i64 - 1
            );
        }
        let (kept, target) = match ignored {
            true => catch(|| {
                let kept = flat.ne(ignore);
                let target = flat.where_(&kept, 0);
                (Some(kept), target)
            })?,
            false => (None, flat),
        };
        let mut weights = match weight {
            Some(w) => super::index::index_select(w, 0, &target)?,
            None => catch(|| Tensor::options().dtype(dtype).ones(&[target.numel() as i64]))?,
        };
        if let Some(kept) = kept {
            weights = catch(|| weights.where_(&kept, 0))?;
        }
        Ok(Classes {
            target,
            weights,
            ignored,
        })
    }

    fn column(&self) -> Result<Tensor> {
        unsqueeze(&self.target, 1)
    }

    /// The losses of rows, reduced; and the sum of the weights, by which a mean is divided.
    fn reduce(&self, losses: &Tensor, reduction: Reduction) -> Result<(Tensor, Tensor)> {
        let total = sum(&self.weights, None)?;
        let out = match reduction {
            Reduction::None => losses.clone(),
            Reduction::Sum => sum(losses, None)?,
            Reduction::Mean => div(&sum(losses, None)?, &total)?,
        };
        Ok((out, total))
    }
}

/// `weights * values`, 0 where the weight is 0: an ignored row may hold anything.
fn weighted(values: &Tensor, weights: &Tensor, ignored: bool) -> Result<Tensor> {
    let product = mul(values, weights)?;
    match ignored {
        true => catch(|| product.where_(&weights.ne(0), 0)),
        false => Ok(product),
    }
}

/// The gradient of each row's loss from that of the reduced loss.
fn of_rows(g: &Tensor, reduction: Reduction, weights: &Tensor, total: &Tensor, ignored: bool) -> Result<Tensor> {
    match reduction {
        Reduction::Mean => weighted(&div(g, total)?, weights, ignored),
        _ => weighted(g, weights, ignored),
    }
}

/// The loss of rows of log probabilities.
fn nll_rows(x: &Tensor, c: Classes, reduction: Reduction, node: &'static str) -> Result<Tensor> {
    let (out, total) = {
        let _off = grad_mode(false);
        let picked = reshape(&gather(x, 1, &c.column()?, false)?, &[-1])?;
        let losses = weighted(&catch(|| -picked)?, &c.weights, c.ignored)?;
        c.reduce(&losses, reduction)?
    };
    let shape: Vec<i64> = x.shape().iter().map(|n| *n as i64).collect();
    let (dtype, ignored) = (x.dtype(), c.ignored);
    out.record(node, [x], |r| {
        let (target, weights, total) = (r.keep(&c.target), r.keep(&c.weights), r.keep(&total));
        move |ctx: &Ctx, g: &Tensor| {
            let (target, weights, total) = (ctx.get(target)?, ctx.get(weights)?, ctx.get(total)?);
            let rows = of_rows(g, reduction, &weights, &total, ignored)?;
            let zeros = catch(|| Tensor::options().dtype(dtype).zeros(&shape))?;
            scatter(&zeros, 1, &unsqueeze(&target, 1)?, &unsqueeze(&catch(|| -rows)?, 1)?)
        }
    })
}

fn nll_loss_body(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64, ignore: i64) -> Result<Tensor> {
    let reduction = Reduction::of(reduction)?;
    ensure!((1..=2).contains(&x.dim()), Runtime, "input tensor should be 1D or 2D");
    ensure!(
        target.dim() <= 1,
        Runtime,
        "0D or 1D target tensor expected, multi-target not supported: target has shape {:?}",
        target.shape()
    );
    ensure!(
        x.dim() == 1 && target.dim() == 0 || target.dim() == 1 && x.shape()[0] == target.shape()[0],
        Runtime,
        "size mismatch (got input: {:?}, target: {:?})",
        x.shape(),
        target.shape()
    );
    ensure!(
        !(x.dim() == 1 && target.dim() == 1),
        Runtime,
        "Expected target to be 0D when input is 1D, but got target.dim ={}",
        target.dim()
    );
    let classes = x.shape()[x.dim() - 1];
    check(x, target, weight, classes)?;
    let c = Classes::new(target, weight, classes, ignore, x.dtype())?;
    let rows = reshape(x, &[target.numel() as i64, classes as i64])?;
    let out = nll_rows(&rows, c, reduction, "NllLossBackward0")?;
    match reduction {
        Reduction::None => reshape(&out, &sizes(target)),
        _ => Ok(out),
    }
}

fn sizes(t: &Tensor) -> Vec<i64> {
    t.shape().iter().map(|n| *n as i64).collect()
}

/// Scores `(N, C, ...)` as rows of classes.
fn rows_of(x: &Tensor) -> Result<Tensor> {
    let classes = x.shape()[1] as i64;
    let count = x.numel() as i64 / classes.max(1);
    reshape(&movedim(x, &[1], &[-1])?, &[count, classes])
}

fn check_places(x: &Tensor, target: &Tensor) -> Result<()> {
    ensure!(
        x.shape()[0] == target.shape().first().copied().unwrap_or(0),
        Value,
        "Expected input batch_size ({}) to match target batch_size ({}).",
        x.shape()[0],
        target.shape().first().copied().unwrap_or(0)
    );
    let mut wanted = vec![x.shape()[0]];
    wanted.extend(&x.shape()[2..]);
    ensure!(
        wanted == target.shape(),
        Runtime,
        "Expected target size {wanted:?}, got {:?}",
        target.shape()
    );
    Ok(())
}

fn nll_loss2d_body(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: i64,
    ignore: i64,
) -> Result<Tensor> {
    ensure!(
        target.dim() == 3,
        Runtime,
        "only batches of spatial targets supported (3D tensors) but got targets of dimension: {}",
        target.dim()
    );
    ensure!(
        x.dim() == 4,
        Runtime,
        "only batches of spatial inputs supported (4D tensors), but got input of dimension: {}",
        x.dim()
    );
    let fits = x.shape()[0] == target.shape()[0] && x.shape()[2..] == target.shape()[1..];
    ensure!(
        fits,
        Runtime,
        "size mismatch (got input: {:?}, target: {:?}",
        x.shape(),
        target.shape()
    );
    spatial(x, target, weight, reduction, ignore)
}

fn spatial(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64, ignore: i64) -> Result<Tensor> {
    let reduction = Reduction::of(reduction)?;
    let classes = x.shape()[1];
    check(x, target, weight, classes)?;
    let c = Classes::new(target, weight, classes, ignore, x.dtype())?;
    let out = nll_rows(&rows_of(x)?, c, reduction, "NllLoss2DBackward0")?;
    match reduction {
        Reduction::None => reshape(&out, &sizes(target)),
        _ => Ok(out),
    }
}

fn nll_loss_nd_body(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: i64,
    ignore: i64,
) -> Result<Tensor> {
    ensure!(x.dim() > 0, Value, "Expected 1 or more dimensions (got {})", x.dim());
    if x.dim() <= 2 {
        ensure!(
            x.dim() == 1
                || x.shape()[0] == target.shape().first().copied().unwrap_or(0) && target.dim() > 0
                || target.dim() > 1,
            Value,
            "Expected input batch_size ({}) to match target batch_size ({}).",
            x.shape()[0],
            target.shape().first().copied().unwrap_or(0)
        );
        return nll_loss(x, target, weight, reduction, ignore);
    }
    check_places(x, target)?;
    spatial(x, target, weight, reduction, ignore)
}

fn cross_entropy_body(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: i64,
    ignore: i64,
    smoothing: f64,
) -> Result<Tensor> {
    let way = Reduction::of(reduction)?;
    let class_dim = i64::from(x.dim() > 1);
    ensure!(
        x.dim() > 0 || target.dim() == 0 && !target.dtype().is_float(),
        Index,
        "Dimension specified as 0 but tensor has no dimensions"
    );
    if x.shape() == target.shape() {
        return of_probabilities(x, target, weight, way, class_dim, smoothing);
    }
    ensure!(
        !target.dtype().is_float(),
        Runtime,
        "expected target dtype to be Long or Byte, but got {}. Class probabilities must have the input's shape {:?}, not {:?}",
        target.dtype().scalar_type_name(),
        x.shape(),
        target.shape()
    );
    if smoothing != 0.0 {
        return smoothed(x, target, weight, way, class_dim, ignore, smoothing);
    }
    let plain = matches!(x.dtype(), DType::F32 | DType::F64)
        && (x.dim() == 2 && target.dim() == 1 && x.shape()[0] == target.shape()[0]
            || x.dim() > 2 && {
                check_places(x, target)?;
                true
            })
        && x.numel() > 0;
    if !plain {
        return nll_loss_nd(&log_softmax(x, class_dim, None)?, target, weight, reduction, ignore);
    }
    let classes = x.shape()[1];
    check(x, target, weight, classes)?;
    let c = Classes::new(target, weight, classes, ignore, x.dtype())?;
    let node = if x.dim() == 2 {
        "NllLossBackward0"
    } else {
        "NllLoss2DBackward0"
    };
    let rows = if x.dim() == 2 { x.clone() } else { rows_of(x)? };
    let out = fused(&rows, c, way, node)?;
    match way {
        Reduction::None => reshape(&out, &sizes(target)),
        _ => Ok(out),
    }
}

/// The cross entropy of rows of scores: `ln sum exp(x) - x[t]`, without the log probabilities in memory. The gradient is
/// one kernel; where its own gradient is recorded, `slope` takes over.
fn fused(x: &Tensor, c: Classes, reduction: Reduction, node: &'static str) -> Result<Tensor> {
    let (out, total, lse, dense) = {
        let _off = grad_mode(false);
        let dense = contiguous(x, Some(MemoryFormat::Contiguous))?;
        let lse = logsumexp(&dense, &[1], false)?;
        let picked = reshape(&gather(&dense, 1, &c.column()?, false)?, &[-1])?;
        let losses = weighted(&catch(|| &lse - &picked)?, &c.weights, c.ignored)?;
        let (out, total) = c.reduce(&losses, reduction)?;
        (out, total, lse, dense)
    };
    let ignored = c.ignored;
    out.record(node, [x], |r| {
        let saved = r.save(x);
        // Row-major memory that is not the input's own is kept rather than made again.
        let dense = (!dense.is_same(x) && dense.data_ptr() != x.data_ptr()).then(|| r.keep(&dense));
        let (target, weights) = (r.keep(&c.target), r.keep(&c.weights));
        let (total, lse) = (r.keep(&total), r.keep(&lse));
        move |ctx: &Ctx, g: &Tensor| {
            let x = ctx.get(saved)?;
            let (target, weights, total) = (ctx.get(target)?, ctx.get(weights)?, ctx.get(total)?);
            let scale = of_rows(g, reduction, &weights, &total, ignored)?;
            if is_grad_enabled() {
                return slope(&x, &target, &scale);
            }
            let dense = match dense {
                Some(d) => ctx.get(d)?,
                None => contiguous(&x, Some(MemoryFormat::Contiguous))?,
            };
            fused_backward(&dense, &ctx.get(lse)?, &target, &scale)
        }
    })
}

/// `(softmax(x) - onehot(target)) * scale`, in plain ops.
fn slope(x: &Tensor, target: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let (column, place) = (unsqueeze(scale, 1)?, unsqueeze(target, 1)?);
    let p = super::softmax::softmax(x, 1, None)?;
    let zeros = catch(|| x.zeros_like())?;
    catch(|| -> Result<Tensor> { Ok(p * &column - scatter(&zeros, 1, &place, &column)?) })?
}

fn fused_backward(x: &Tensor, lse: &Tensor, target: &Tensor, scale: &Tensor) -> Result<Tensor> {
    let rows = [x.shape()[0], x.shape()[1]];
    let scale = contiguous(scale, None)?;
    let out = Tensor::uninit(x.shape(), x.dtype())?;
    let known = access::access(
        [
            (x, Mode::Read),
            (lse, Mode::Read),
            (target, Mode::Read),
            (&scale, Mode::Read),
            (&out, Mode::Init),
        ],
        |[x, lse, t, s, out]| {
            // SAFETY: row-major tensors of these sizes; `Classes::new` has checked every class.
            Ok(unsafe { kernel::backward(scale.dtype(), rows, x, lse, t.cast(), s, out) })
        },
    )?;
    match known {
        true => Ok(out),
        false => Err(not_implemented("cross_entropy", x.dtype())),
    }
}

fn check_smoothing(smoothing: f64) -> Result<()> {
    ensure!(
        (0.0..=1.0).contains(&smoothing),
        Runtime,
        "label_smoothing must be between 0.0 and 1.0. Got: {}",
        super::draw::general(smoothing)
    );
    Ok(())
}

/// A weight a class, in the shape that goes with the scores.
fn spread(weight: &Tensor, x: &Tensor, class_dim: i64) -> Result<Tensor> {
    let mut shape = vec![1i64; x.dim()];
    shape[class_dim as usize] = weight.numel() as i64;
    reshape(weight, &shape)
}

fn of_probabilities(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
    class_dim: i64,
    smoothing: f64,
) -> Result<Tensor> {
    ensure!(
        target.dtype().is_float(),
        Runtime,
        "Expected floating point type for target with class probabilities, got {}",
        target.dtype().scalar_type_name()
    );
    let classes = x.shape().get(class_dim as usize).copied().unwrap_or(1);
    if let Some(w) = weight {
        ensure!(
            w.dim() == 1 && w.numel() == classes,
            Runtime,
            "cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}",
            w.shape()
        );
    }
    let logs = log_softmax(x, class_dim, None)?;
    let mut p = target.clone();
    if smoothing > 0.0 {
        check_smoothing(smoothing)?;
        p = catch(|| target * (1.0 - smoothing) + smoothing / classes as f64)?;
    }
    let mut terms = mul(&logs, &p)?;
    if let Some(w) = weight {
        terms = mul(&terms, &spread(w, x, class_dim)?)?;
    }
    let total = |t: &Tensor| catch(|| -t.sum());
    match reduction {
        Reduction::None => catch(|| -terms.sum_dim(&[class_dim], false)),
        Reduction::Sum => total(&terms),
        Reduction::Mean => {
            let samples = x.numel() as f64 / classes as f64;
            catch(|| -terms.sum() / samples)
        }
    }
}

fn smoothed(
    x: &Tensor,
    target: &Tensor,
    weight: Option<&Tensor>,
    reduction: Reduction,
    class_dim: i64,
    ignore: i64,
    smoothing: f64,
) -> Result<Tensor> {
    check_smoothing(smoothing)?;
    let logs = log_softmax(x, class_dim, None)?;
    let number = reduction as i64;
    let nll = nll_loss_nd(&logs, target, weight, number, ignore)?;
    let classes = x.shape()[class_dim as usize];
    let every = match weight {
        Some(w) => mul(&logs, &spread(w, x, class_dim)?)?,
        None => logs,
    };
    let every = catch(|| -every.sum_dim(&[class_dim], false))?;
    let kept = catch(|| target.ne(ignore))?;
    let every = catch(|| every.where_(&kept, 0))?;
    let even = match reduction {
        Reduction::None => every,
        Reduction::Sum => sum(&every, None)?,
        Reduction::Mean => match weight {
            // As the loss itself, the mean is over the weights of the targets.
            Some(w) => {
                let c = Classes::new(target, Some(w), classes, ignore, x.dtype())?;
                div(&sum(&every, None)?, &sum(&c.weights, None)?)?
            }
            None => {
                let count = catch(|| kept.sum())?;
                div(&sum(&every, None)?, &count)?
            }
        },
    };
    catch(|| nll * (1.0 - smoothing) + even * (smoothing / classes as f64))
}

impl Tensor {
    /// The mean cross entropy of these scores `(N, C, ...)` and the classes `(N, ...)`.
    ///
    /// ```
    /// # use duoc_core::{tensor, Tensor};
    /// let scores = Tensor::zeros(&[2, 4]);
    /// let loss = scores.cross_entropy(&tensor![0, 3]);
    /// assert!((loss.item().to_f64() - 4f64.ln()).abs() < 1e-6);
    /// ```
    #[track_caller]
    pub fn cross_entropy(&self, target: &Tensor) -> Tensor {
        use crate::OrThrow;
        cross_entropy_loss(self, target, None, 1, -100, 0.0).or_throw()
    }
}

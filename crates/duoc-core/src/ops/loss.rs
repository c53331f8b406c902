//! Losses of numbers against numbers, element by element. `reduction` is 0 for each element's loss, 1 for the mean, 2 for
//! the sum.

use super::arith::{add, mul, sub};
use super::nll::Reduction;
use super::pointwise::{binary_row, not_implemented, real_dtype};
use super::reduce::sum_dim;
use crate::autograd::mode::{grad_mode, is_grad_enabled};
use crate::autograd::{Ctx, Grads};
use crate::iter::Dest;
use crate::{OrThrow, Result, Scalar, Tensor, catch, ensure, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params};

ops! {
    /// `|self - target|`.
    "l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" []
    pub fn l1_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Tensor = l1_loss_body;

    /// `(self - target)^2`.
    "mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" []
    pub fn mse_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Tensor = mse_loss_body;

    /// `d^2 / (2 beta)` for `d = |self - target| < beta`, else `d - beta / 2` (R. Girshick, 2015).
    "smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.0) -> Tensor" []
    pub fn smooth_l1_loss(x: &Tensor, target: &Tensor, reduction: i64, beta: f64) -> Tensor = smooth_l1_loss_body;

    /// `d^2 / 2` for `d = |self - target| <= delta`, else `delta (d - delta / 2)` (P. Huber, 1964).
    "huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.0) -> Tensor" []
    pub fn huber_loss(x: &Tensor, target: &Tensor, reduction: i64, delta: f64) -> Tensor = huber_loss_body;

    /// `ln(1 + e^(-target self))`, targets 1 and -1.
    "soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" []
    pub fn soft_margin_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Tensor = soft_margin_loss_body;

    /// `-weight (target ln self + (1 - target) ln(1 - self))` for probabilities, the logarithms at least -100.
    "binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor" []
    pub fn binary_cross_entropy(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, reduction: i64) -> Tensor = binary_cross_entropy_body;

    /// [`binary_cross_entropy`] of `sigmoid(self)`, exact for large scores; `pos_weight` multiplies the loss of positives.
    "binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor" [function]
    pub fn binary_cross_entropy_with_logits(x: &Tensor, target: &Tensor, weight: Option<&Tensor>, pos_weight: Option<&Tensor>, reduction: i64) -> Tensor = with_logits_body;

    /// The Kullback-Leibler divergence `target (ln target - self)` of log probabilities; with `log_target`, the target is
    /// given as logarithms too.
    "kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor" [function]
    pub fn kl_div(x: &Tensor, target: &Tensor, reduction: i64, log_target: bool) -> Tensor = kl_div_body;

    /// `e^input - target input`, or `input - target ln(input + eps)` where the input is the rate itself; `full` adds
    /// Stirling's `target ln target - target + ln(2 pi target) / 2` for targets above 1.
    "poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor" [function]
    pub fn poisson_nll_loss(x: &Tensor, target: &Tensor, log_input: bool, full: bool, eps: f64, reduction: i64) -> Tensor = poisson_nll_loss_body;

    /// `self` where the target is 1, `max(0, margin - self)` where it is -1.
    "hinge_embedding_loss(Tensor self, Tensor target, float margin=1.0, int reduction=1) -> Tensor" [function]
    pub fn hinge_embedding_loss(x: &Tensor, target: &Tensor, margin: f64, reduction: i64) -> Tensor = hinge_embedding_loss_body;

    /// `max(0, -target (input1 - input2) + margin)`.
    "margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor" [function]
    pub fn margin_ranking_loss(x1: &Tensor, x2: &Tensor, target: &Tensor, margin: f64, reduction: i64) -> Tensor = margin_ranking_loss_body;

    /// `1 - cos(input1, input2)` where the target is 1, `max(0, cos - margin)` where it is -1.
    "cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0.0, int reduction=1) -> Tensor" [function]
    pub fn cosine_embedding_loss(x1: &Tensor, x2: &Tensor, target: &Tensor, margin: f64, reduction: i64) -> Tensor = cosine_embedding_loss_body;

    /// `max(0, |anchor - positive| - |anchor - negative| + margin)` in the norm of order `p` (V. Balntas et al., 2016);
    /// `swap` takes the negative's distance to the positive where that is smaller.
    "triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1.0, float p=2.0, float eps=1e-06, bool swap=False, int reduction=1) -> Tensor" [function]
    pub fn triplet_margin_loss(anchor: &Tensor, positive: &Tensor, negative: &Tensor, margin: f64, p: f64, eps: f64, swap: bool, reduction: i64) -> Tensor = triplet_margin_loss_body;
}

const ONE: Scalar = Scalar::Int(1);

/// A loss that is a function of the difference: its kernel, that of its slope, and the slope in plain ops.
struct OfDifference {
    name: &'static str,
    node: &'static str,
    loss: Binary,
    slope: Binary,
    /// The bound between the curved and the straight part.
    bound: f64,
    formula: fn(&Tensor, f64) -> Tensor,
}

impl OfDifference {
    fn run(self, x: &Tensor, y: &Tensor, reduction: i64) -> Result<Tensor> {
        let reduction = Reduction::of(reduction)?;
        let dtype = try_result_type(&[x, y])?;
        if !dtype.is_differentiable() {
            crate::layout::broadcast(x.shape(), y.shape())?;
            return Err(not_implemented(&format!("{}_cpu", self.name), dtype));
        }
        let p = Params::floats(&[1.0, self.bound]);
        let (out, n) = {
            let _off = grad_mode(false);
            let losses = binary_row(self.loss, self.name, x, y, dtype, Dest::New, &p)?;
            (reduction.apply(&losses)?, losses.numel())
        };
        out.record(self.node, [x, y], |r| {
            let (x, y) = (r.save(x), r.save(y));
            move |c: &Ctx, g: &Tensor| -> Result<Grads> {
                let (x, y) = (c.get(x)?, c.get(y)?);
                let share = if reduction == Reduction::Mean {
                    1.0 / n as f64
                } else {
                    1.0
                };
                let by_x = if is_grad_enabled() {
                    let d = sub(&x, &y, ONE)?;
                    catch(|| (self.formula)(&d, self.bound) * g * share)?
                } else if reduction == Reduction::None {
                    let p = Params::floats(&[1.0, self.bound]);
                    mul(&binary_row(self.slope, self.name, &x, &y, dtype, Dest::New, &p)?, g)?
                } else {
                    // One gradient for all: it goes into the kernel as a number.
                    let p = Params::floats(&[catch(|| g.item().to_f64())? * share, self.bound]);
                    binary_row(self.slope, self.name, &x, &y, dtype, Dest::New, &p)?
                };
                let by_y = if c.needs(1) { Some(catch(|| -&by_x)?) } else { None };
                Ok(smallvec::smallvec![c.needs(0).then_some(by_x), by_y])
            }
        })
    }
}

/// 1 inside `|d| < bound`, 0 outside, of the dtype of `d`.
fn inside(d: &Tensor, bound: f64) -> Tensor {
    d.abs().lt(bound).to_dtype(d.dtype())
}

fn l1_loss_body(x: &Tensor, y: &Tensor, reduction: i64) -> Result<Tensor> {
    let dtype = try_result_type(&[x, y])?;
    if !dtype.is_differentiable() {
        // PyTorch composes this one, so whole numbers have an absolute difference, but no mean.
        return Reduction::of(reduction)?.apply(&catch(|| (x - y).abs())?);
    }
    let loss = OfDifference {
        name: "l1_loss",
        node: "AbsBackward0",
        loss: Binary::AbsoluteError,
        slope: Binary::AbsoluteErrorSlope,
        bound: 0.0,
        formula: |d, _| d.sign(),
    };
    let node = match Reduction::of(reduction)? {
        Reduction::None => "AbsBackward0",
        Reduction::Mean => "MeanBackward0",
        Reduction::Sum => "SumBackward0",
    };
    OfDifference { node, ..loss }.run(x, y, reduction)
}

fn mse_loss_body(x: &Tensor, y: &Tensor, reduction: i64) -> Result<Tensor> {
    OfDifference {
        name: "mse",
        node: "MseLossBackward0",
        loss: Binary::SquaredError,
        slope: Binary::SquaredErrorSlope,
        bound: 0.0,
        formula: |d, _| d * 2,
    }
    .run(x, y, reduction)
}

fn smooth_l1_loss_body(x: &Tensor, y: &Tensor, reduction: i64, beta: f64) -> Result<Tensor> {
    ensure!(
        beta >= 0.0,
        Runtime,
        "smooth_l1_loss does not support negative values for beta."
    );
    if beta == 0.0 {
        return l1_loss(x, y, reduction);
    }
    OfDifference {
        name: "smooth_l1",
        node: "SmoothL1LossBackward0",
        loss: Binary::SmoothError,
        slope: Binary::SmoothErrorSlope,
        bound: beta,
        formula: |d, beta| {
            let m = inside(d, beta);
            d / beta * &m + d.sign() * (m * -1 + 1)
        },
    }
    .run(x, y, reduction)
}

fn huber_loss_body(x: &Tensor, y: &Tensor, reduction: i64, delta: f64) -> Result<Tensor> {
    ensure!(
        delta > 0.0,
        Runtime,
        "huber_loss does not support non-positive values for delta."
    );
    OfDifference {
        name: "huber",
        node: "HuberLossBackward0",
        loss: Binary::HuberError,
        slope: Binary::HuberErrorSlope,
        bound: delta,
        formula: |d, delta| d.clamp(-delta, delta),
    }
    .run(x, y, reduction)
}

/// Records a loss under its name: `losses` are made outside the graph, `slopes(saved inputs)` gives, for each input that
/// needs one, the factor of the gradient of its element.
fn recorded<const N: usize>(
    node: &'static str,
    inputs: [&Tensor; N],
    reduction: i64,
    losses: impl FnOnce() -> Tensor,
    slopes: impl Fn(&[Tensor; N], usize) -> Tensor + Send + Sync + 'static,
) -> Result<Tensor> {
    let reduction = Reduction::of(reduction)?;
    let (out, n) = {
        let _off = grad_mode(false);
        let losses = catch(losses)?;
        (reduction.apply(&losses)?, losses.numel())
    };
    let optional: [Option<&Tensor>; N] = inputs.map(Some);
    out.record_all(node, &optional, |r| {
        let tokens = inputs.map(|t| r.save(t));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let mut saved = Vec::with_capacity(N);
            for t in tokens {
                saved.push(c.get(t)?);
            }
            let saved: [Tensor; N] = saved.try_into().unwrap_or_else(|_| unreachable!("one tensor a token"));
            catch(|| {
                let g = if reduction == Reduction::Mean {
                    g * (1.0 / n as f64)
                } else {
                    g.clone()
                };
                (0..N).map(|i| c.needs(i).then(|| slopes(&saved, i) * &g)).collect()
            })
        }
    })
}

fn soft_margin_loss_body(x: &Tensor, y: &Tensor, reduction: i64) -> Result<Tensor> {
    crate::layout::broadcast(x.shape(), y.shape())?;
    let dtype = try_result_type(&[x, y])?;
    ensure!(
        dtype.is_differentiable(),
        Runtime,
        "result type Float can't be cast to the desired output type {}",
        dtype.scalar_type_name()
    );
    recorded(
        "SoftMarginLossBackward0",
        [x, y],
        reduction,
        || (-(x * y)).exp().log1p(),
        // d/dx ln(1 + e^(-y x)) = -y sigmoid(-y x), and so for y.
        |[x, y], i| [y, x][i] * (-(y * x)).sigmoid() * -1,
    )
}

fn binary_cross_entropy_body(x: &Tensor, t: &Tensor, weight: Option<&Tensor>, reduction: i64) -> Result<Tensor> {
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "\"binary_cross_entropy\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    ensure!(
        t.dtype() == x.dtype(),
        Runtime,
        "Found dtype {} but expected {}",
        t.dtype().scalar_type_name(),
        x.dtype().scalar_type_name()
    );
    for t in [Some(t), weight].into_iter().flatten() {
        crate::layout::broadcast(x.shape(), t.shape())?;
    }
    let within = {
        let _off = grad_mode(false);
        x.numel() == 0 || catch(|| (x.ge(0).all().item().to_bool(), x.le(1).all().item().to_bool()))? == (true, true)
    };
    ensure!(
        within,
        Runtime,
        "all elements of input should be between 0 and 1: they are probabilities; for scores use binary_cross_entropy_with_logits"
    );
    let one = Tensor::scalar(1, x.dtype())?;
    let w = weight.unwrap_or(&one);
    recorded(
        "BinaryCrossEntropyBackward0",
        [x, t, &w.detach()],
        reduction,
        || {
            let (yes, no) = (x.log().clamp_min(-100), (-x).log1p().clamp_min(-100));
            ((t - 1) * no - t * yes) * w
        },
        |[x, t, w], i| match i {
            0 => (x - t) / ((x * -1 + 1) * x).clamp_min(f64::from(1e-12f32)) * w,
            _ => ((-x).log1p() - x.log()) * w,
        },
    )
}

fn with_logits_body(
    x: &Tensor,
    t: &Tensor,
    weight: Option<&Tensor>,
    pos_weight: Option<&Tensor>,
    reduction: i64,
) -> Result<Tensor> {
    for t in [Some(t), weight, pos_weight].into_iter().flatten() {
        crate::layout::broadcast(x.shape(), t.shape())?;
    }
    let dtype = real_dtype(x.dtype());
    let one = Tensor::scalar(1, dtype)?;
    let (w, p) = (weight.unwrap_or(&one).detach(), pos_weight.unwrap_or(&one).detach());
    let plain = pos_weight.is_none();
    recorded(
        "BinaryCrossEntropyWithLogitsBackward0",
        [x, t, &w, &p],
        reduction,
        || {
            let log_yes = super::smooth::log_sigmoid(x).or_throw();
            let log_yes = if plain { log_yes } else { log_yes * ((&p - 1) * t + 1) };
            ((t * -1 + 1) * x - log_yes) * &w
        },
        |[x, t, w, p], i| match i {
            0 => {
                let positive = p * t;
                ((&positive - t + 1) * x.sigmoid() - positive) * w
            }
            // ln sigmoid(-x) - p ln sigmoid(x)
            _ => {
                let log = |x: &Tensor| super::smooth::log_sigmoid(x).or_throw();
                (log(&-x) - p * log(x)) * w
            }
        },
    )
}

fn kl_div_body(x: &Tensor, t: &Tensor, reduction: i64, log_target: bool) -> Result<Tensor> {
    let losses = match log_target {
        true => catch(|| t.exp() * (t - x))?,
        false => sub(&super::power::xlogy(t, t)?, &mul(t, x)?, ONE)?,
    };
    Reduction::of(reduction)?.apply(&losses)
}

fn poisson_nll_loss_body(
    x: &Tensor,
    t: &Tensor,
    log_input: bool,
    full: bool,
    eps: f64,
    reduction: i64,
) -> Result<Tensor> {
    let losses = catch(|| {
        let loss = match log_input {
            true => x.exp() - t * x,
            false => x - t * (x + eps).log(),
        };
        if !full {
            return loss;
        }
        let stirling = t * t.log() - t + (t * (2.0 * std::f64::consts::PI)).log() * 0.5;
        loss + stirling.where_(&t.gt(1), 0)
    })?;
    Reduction::of(reduction)?.apply(&losses)
}

fn hinge_embedding_loss_body(x: &Tensor, t: &Tensor, margin: f64, reduction: i64) -> Result<Tensor> {
    let losses = catch(|| {
        let hinge = (x * -1 + margin).clamp_min(0);
        hinge.where_(&t.ne(1), 0) + x.where_(&t.ne(-1), 0)
    })?;
    Reduction::of(reduction)?.apply(&losses)
}

fn margin_ranking_loss_body(x1: &Tensor, x2: &Tensor, t: &Tensor, margin: f64, reduction: i64) -> Result<Tensor> {
    let losses = catch(|| (-t * (x1 - x2) + margin).clamp_min(0))?;
    Reduction::of(reduction)?.apply(&losses)
}

fn cosine_embedding_loss_body(x1: &Tensor, x2: &Tensor, t: &Tensor, margin: f64, reduction: i64) -> Result<Tensor> {
    const EPSILON: f64 = 1e-12;
    ensure!(
        t.dim() <= 1,
        Runtime,
        "0D or 1D target tensor expected, multi-target not supported"
    );
    let wanted = t.dim() + 1;
    for x in [x1, x2] {
        ensure!(
            x.dim() == wanted,
            Runtime,
            "{}D target tensor expects {wanted}D input tensors, but found inputs with sizes {:?} and {:?}.",
            t.dim(),
            x1.shape(),
            x2.shape()
        );
    }
    let along = [wanted as i64 - 1];
    let dot = |a: &Tensor, b: &Tensor| sum_dim(&mul(a, b)?, Some(&along), false, None);
    let (cross, one, two) = (dot(x1, x2)?, dot(x1, x1)?, dot(x2, x2)?);
    let losses = catch(|| {
        let cos = cross / ((one + EPSILON) * (two + EPSILON)).sqrt();
        let near = &cos * -1 + 1;
        let far = (&cos - margin).clamp_min(0);
        near.where_(&t.eq(1), 0) + far.where_(&t.eq(-1), 0)
    })?;
    Reduction::of(reduction)?.apply(&losses)
}

/// The norm of order `p` of `a - b + eps`, along the last dimension.
fn distance(a: &Tensor, b: &Tensor, p: f64, eps: f64) -> Result<Tensor> {
    let d = add(&sub(a, b, ONE)?, &Tensor::wrapped(eps)?, ONE)?;
    super::vector_norm::norm_dim(&d, Some(Scalar::Float(p)), Some(&[-1]), false)
}

fn triplet_margin_loss_body(
    a: &Tensor,
    positive: &Tensor,
    negative: &Tensor,
    margin: f64,
    p: f64,
    eps: f64,
    swap: bool,
    reduction: i64,
) -> Result<Tensor> {
    ensure!(
        margin > 0.0,
        Value,
        "margin must be greater than 0, got {}",
        super::draw::general(margin)
    );
    ensure!(
        a.dim() == positive.dim() && a.dim() == negative.dim() && a.dim() > 0,
        Runtime,
        "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: anchor {}D, positive {}D, and negative {}D inputs",
        a.dim(),
        positive.dim(),
        negative.dim()
    );
    let near = distance(a, positive, p, eps)?;
    let mut far = distance(a, negative, p, eps)?;
    if swap {
        far = super::compare::minimum(&far, &distance(positive, negative, p, eps)?)?;
    }
    let losses = catch(|| (near - far + margin).clamp_min(0))?;
    Reduction::of(reduction)?.apply(&losses)
}

impl Tensor {
    /// The mean squared difference to `target`.
    ///
    /// ```
    /// # use duoc_core::tensor;
    /// assert_eq!(tensor![1.0, 2.0].mse_loss(&tensor![1.0, 4.0]).item().to_f64(), 2.0);
    /// ```
    #[track_caller]
    pub fn mse_loss(&self, target: &Tensor) -> Tensor {
        mse_loss(self, target, 1).or_throw()
    }
}

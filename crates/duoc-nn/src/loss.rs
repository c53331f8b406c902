//! Losses as modules: a number, or one for each element, of what was said and what is true.
//!
//! ```
//! use duoc_core::{tensor, Tensor};
//! use duoc_nn::{CrossEntropyLoss, Loss, Reduction};
//! let scores = Tensor::zeros(&[2, 4]);
//! let loss = CrossEntropyLoss::new().forward(&scores, &tensor![0, 3]);
//! assert!((loss.item().to_f64() - 4f64.ln()).abs() < 1e-6);
//! let each = CrossEntropyLoss::options().reduction(Reduction::None).build();
//! assert_eq!(each.forward(&scores, &tensor![0, 3]).shape(), [2]);
//! ```

use crate::{Base, Buffer, Module, call};
use duoc_core::{OrThrow, Result, Scalar, Tensor, bail, catch, ensure, ops};
use ops::{ctc, loss, margin, nll};

/// What becomes of the losses of the elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reduction {
    /// Each stays.
    None,
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum over the number of samples: [`KLDivLoss`] only.
    BatchMean,
}

impl Reduction {
    /// PyTorch's number for it.
    fn number(self) -> Result<i64> {
        match self {
            Reduction::None => Ok(0),
            Reduction::Mean => Ok(1),
            Reduction::Sum => Ok(2),
            Reduction::BatchMean => bail!(Value, "batchmean is not a valid value for reduction"),
        }
    }

    /// The losses as they are, their mean or their sum.
    fn apply(self, losses: &Tensor) -> Result<Tensor> {
        match self {
            Reduction::None => Ok(losses.clone()),
            Reduction::Mean => ops::reduce::mean(losses, None),
            Reduction::Sum => ops::reduce::sum(losses, None),
            Reduction::BatchMean => {
                let n = losses.shape().first().copied().unwrap_or(1).max(1);
                catch(|| losses.sum() / n as f64)
            }
        }
    }
}

/// A loss of predictions and targets.
pub trait Loss: Module {
    /// Computes the loss. Called only through [`Loss::forward`] and [`Loss::try_forward`].
    fn judge(&self, input: &Tensor, target: &Tensor) -> Result<Tensor>;

    /// The loss; throws.
    #[track_caller]
    fn forward(&self, input: &Tensor, target: &Tensor) -> Tensor {
        self.try_forward(input, target).or_throw()
    }

    /// The loss.
    fn try_forward(&self, input: &Tensor, target: &Tensor) -> Result<Tensor> {
        call(self.as_module(), &[input, target], |t| self.judge(t[0], t[1]))
    }
}

/// The struct of a loss with its settings, buffers (`weight`) and reduction.
macro_rules! settings {
    (
        $(#[$doc:meta])*
        $Loss:ident $Options:ident [$($buffer:ident),*] { $($(#[$about:meta])* $field:ident : $ty:ty = $default:expr),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        pub struct $Loss {
            $(/// A factor for each class (for each element where classes are none).
            pub $buffer: Option<Buffer>,)*
            $($(#[$about])* #[module(skip)] pub $field: $ty,)*
            /// What becomes of the losses of the elements.
            #[module(skip)]
            pub reduction: Reduction,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the loss is to be.
            $Options for $Loss() {
                $(/// A factor for each class (for each element where classes are none).
                $buffer: Option<Tensor> as Tensor => Some = None,)*
                $($(#[$about])* $field: $ty = $default,)*
                /// What becomes of the losses of the elements (their mean).
                reduction: Reduction = Reduction::Mean,
            }
        }

        impl $Loss {
            fn from_options(o: $Options) -> Result<$Loss> {
                Ok($Loss {
                    $($buffer: o.$buffer.map(Buffer::new),)*
                    $($field: o.$field,)*
                    reduction: o.reduction,
                    base: Base::new(),
                })
            }
        }
    };
}

/// Losses of two tensors.
macro_rules! losses {
    ($(
        $(#[$doc:meta])*
        $Loss:ident $Options:ident [$($buffer:ident),*] { $($(#[$about:meta])* $field:ident : $ty:ty = $default:expr),* $(,)? }
        |$l:ident, $x:ident, $y:ident| $run:expr;
    )*) => { $(
        settings! { $(#[$doc])* $Loss $Options [$($buffer),*] { $($(#[$about])* $field: $ty = $default),* } }
        impl Loss for $Loss {
            fn judge(&self, $x: &Tensor, $y: &Tensor) -> Result<Tensor> {
                let $l = self;
                $run
            }
        }
    )* };
}

/// Losses of three tensors, by methods of their own.
macro_rules! losses_of_three {
    ($(
        $(#[$doc:meta])*
        $Loss:ident $Options:ident { $($(#[$about:meta])* $field:ident : $ty:ty = $default:expr),* $(,)? }
        |$l:ident, $a:ident, $b:ident, $c:ident| $run:expr;
    )*) => { $(
        settings! { $(#[$doc])* $Loss $Options [] { $($(#[$about])* $field: $ty = $default),* } }
        impl $Loss {
            /// The loss; throws.
            #[track_caller]
            pub fn forward(&self, $a: &Tensor, $b: &Tensor, $c: &Tensor) -> Tensor {
                self.try_forward($a, $b, $c).or_throw()
            }

            /// The loss.
            pub fn try_forward(&self, $a: &Tensor, $b: &Tensor, $c: &Tensor) -> Result<Tensor> {
                call(self, &[$a, $b, $c], |t| {
                    let ($l, $a, $b, $c) = (self, t[0], t[1], t[2]);
                    $run
                })
            }
        }
    )* };
}

/// The tensor of an optional buffer.
fn held(b: &Option<Buffer>) -> Option<&Tensor> {
    b.as_ref().map(Buffer::tensor)
}

losses! {
    /// `|x - y|`: the mean absolute error, little moved by outliers.
    L1Loss L1LossOptions [] {} |l, x, y| loss::l1_loss(x, y, l.reduction.number()?);

    /// `(x - y)^2`: the mean squared error, for regression.
    MSELoss MSELossOptions [] {} |l, x, y| loss::mse_loss(x, y, l.reduction.number()?);

    /// `d^2 / (2 beta)` for `d = |x - y| < beta`, else `d - beta / 2`: squared near 0, absolute far out (R. Girshick, 2015).
    SmoothL1Loss SmoothL1LossOptions [] {
        /// Where the square ends.
        beta: f64 = 1.0,
    } |l, x, y| loss::smooth_l1_loss(x, y, l.reduction.number()?, l.beta);

    /// `d^2 / 2` for `d = |x - y| <= delta`, else `delta (d - delta / 2)` (P. Huber, 1964).
    HuberLoss HuberLossOptions [] {
        /// Where the square ends.
        delta: f64 = 1.0,
    } |l, x, y| loss::huber_loss(x, y, l.reduction.number()?, l.delta);

    /// The cross entropy of scores `(N, C, ...)` and classes `(N, ...)`, or probabilities `(N, C, ...)`: the softmax is in it. The
    /// usual loss of classification.
    CrossEntropyLoss CrossEntropyLossOptions [weight] {
        /// Targets that do not count.
        ignore_index: i64 = -100,
        /// How much of the target is spread over all classes.
        label_smoothing: f64 = 0.0,
    } |l, x, y| nll::cross_entropy_loss(x, y, held(&l.weight), l.reduction.number()?, l.ignore_index, l.label_smoothing);

    /// `-x[t]` for log probabilities `x` and classes `t`: [`CrossEntropyLoss`] after a [`crate::LogSoftmax`].
    NLLLoss NLLLossOptions [weight] {
        /// Targets that do not count.
        ignore_index: i64 = -100,
    } |l, x, y| nll::nll_loss_nd(x, y, held(&l.weight), l.reduction.number()?, l.ignore_index);

    /// `-(y ln x + (1 - y) ln(1 - x))` for probabilities `x`.
    BCELoss BCELossOptions [weight] {} |l, x, y| loss::binary_cross_entropy(x, y, held(&l.weight), l.reduction.number()?);

    /// [`BCELoss`] of `sigmoid(x)`, exact for large scores: for two classes, or several labels at once.
    BCEWithLogitsLoss BCEWithLogitsLossOptions [weight, pos_weight] {} |l, x, y| {
        loss::binary_cross_entropy_with_logits(x, y, held(&l.weight), held(&l.pos_weight), l.reduction.number()?)
    };

    /// `y (ln y - x)` for log probabilities `x`; the Kullback-Leibler divergence itself is the [`Reduction::BatchMean`] of it.
    KLDivLoss KLDivLossOptions [] {
        /// Whether the target holds logarithms too.
        log_target: bool = false,
    } |l, x, y| match l.reduction {
        Reduction::BatchMean => Reduction::BatchMean.apply(&loss::kl_div(x, y, 0, l.log_target)?),
        r => loss::kl_div(x, y, r.number()?, l.log_target),
    };

    /// `e^x - y x`: the likelihood of counts `y` whose rate's logarithm is `x`.
    PoissonNLLLoss PoissonNLLLossOptions [] {
        /// Whether `x` is the rate's logarithm.
        log_input: bool = true,
        /// Whether Stirling's term is added.
        full: bool = false,
        /// Added to a rate before its logarithm is taken.
        eps: f64 = 1e-8,
    } |l, x, y| loss::poisson_nll_loss(x, y, l.log_input, l.full, l.eps, l.reduction.number()?);

    /// `x` where the target is 1, `max(0, margin - x)` where it is -1.
    HingeEmbeddingLoss HingeEmbeddingLossOptions [] {
        /// How far apart unlike things are to be.
        margin: f64 = 1.0,
    } |l, x, y| loss::hinge_embedding_loss(x, y, l.margin, l.reduction.number()?);

    /// `ln(1 + e^(-y x))`, targets 1 and -1.
    SoftMarginLoss SoftMarginLossOptions [] {} |l, x, y| loss::soft_margin_loss(x, y, l.reduction.number()?);

    /// `sum_{j != t} max(0, margin - x[t] + x[j])^p / C`.
    MultiMarginLoss MultiMarginLossOptions [weight] {
        /// 1 or 2.
        p: i64 = 1,
        /// How far ahead the right class is to be.
        margin: f64 = 1.0,
    } |l, x, y| {
        margin::multi_margin_loss(x, y, Scalar::Int(l.p), Scalar::Float(l.margin), held(&l.weight), l.reduction.number()?)
    };

    /// `sum max(0, 1 - (x[t] - x[j])) / C` over right classes `t` and the others `j`; the target ends at its first negative number.
    MultiLabelMarginLoss MultiLabelMarginLossOptions [] {} |l, x, y| margin::multilabel_margin_loss(x, y, l.reduction.number()?);

    /// The mean over classes of [`BCEWithLogitsLoss`].
    MultiLabelSoftMarginLoss MultiLabelSoftMarginLossOptions [weight] {} |l, x, y| {
        let each = catch(|| {
            let (yes, no) = (x.log_sigmoid(), (-x).log_sigmoid());
            -(y * yes + (y * -1 + 1) * no)
        })?;
        let each = match held(&l.weight) {
            Some(w) => catch(|| each * w)?,
            None => each,
        };
        l.reduction.apply(&ops::reduce::mean_dim(&each, Some(&[-1]), false, None)?)
    };
}

losses_of_three! {
    /// `max(0, -y (x1 - x2) + margin)`: `y` is 1 where `x1` is to be larger, -1 where `x2` is.
    MarginRankingLoss MarginRankingLossOptions {
        /// How much larger.
        margin: f64 = 0.0,
    } |l, x1, x2, target| loss::margin_ranking_loss(x1, x2, target, l.margin, l.reduction.number()?);

    /// `1 - cos(x1, x2)` where `y` is 1, `max(0, cos - margin)` where it is -1.
    CosineEmbeddingLoss CosineEmbeddingLossOptions {
        /// How alike unlike things may be.
        margin: f64 = 0.0,
    } |l, x1, x2, target| loss::cosine_embedding_loss(x1, x2, target, l.margin, l.reduction.number()?);

    /// `max(0, |a - p| - |a - n| + margin)`: the anchor is to be nearer to the positive than to the negative.
    TripletMarginLoss TripletMarginLossOptions {
        /// How much nearer.
        margin: f64 = 1.0,
        /// Order of the norm.
        p: f64 = 2.0,
        /// Added to differences.
        eps: f64 = 1e-6,
        /// Whether the negative's distance to the positive counts where it is smaller.
        swap: bool = false,
    } |l, anchor, positive, negative| {
        loss::triplet_margin_loss(anchor, positive, negative, l.margin, l.p, l.eps, l.swap, l.reduction.number()?)
    };

    /// `(ln max(var, eps) + (x - y)^2 / max(var, eps)) / 2`: the likelihood of `y` under a normal distribution of mean `x` and
    /// variance `var`; `full` adds `ln(2 pi) / 2`.
    GaussianNLLLoss GaussianNLLLossOptions {
        /// Whether the constant is added.
        full: bool = false,
        /// The least variance.
        eps: f64 = 1e-6,
    } |l, input, target, var| gaussian(l, input, target, var);
}

fn gaussian(l: &GaussianNLLLoss, x: &Tensor, y: &Tensor, var: &Tensor) -> Result<Tensor> {
    let (xs, vs) = (x.shape(), var.shape());
    // One variance a sample, or one for all, is spread over the last dimension.
    let spread = xs.len() == vs.len() + 1 && xs[..vs.len()] == *vs;
    let fits =
        vs == xs || spread || vs.len() == xs.len() && vs.last() == Some(&1) && vs[..vs.len() - 1] == xs[..xs.len() - 1];
    ensure!(
        fits || vs.iter().product::<usize>() == 1,
        Value,
        "var is of incorrect size: {vs:?} for an input of size {xs:?}"
    );
    let var = if spread {
        ops::view::unsqueeze(var, -1)?
    } else {
        var.clone()
    };
    let negative = duoc_core::autograd::no_grad(|| catch(|| var.numel() > 0 && var.lt(0).any().item().to_bool()))?;
    ensure!(!negative, Value, "var has negative entry/entries");
    // As PyTorch, the bound is not part of the gradient.
    let bounded = catch(|| {
        let low = var.detach().lt(l.eps);
        var.where_(&low.logical_not(), &(&var - &var.detach() + l.eps))
    })?;
    let losses = catch(|| {
        let d = x - y;
        let both = (bounded.log() + &d * &d / &bounded) * 0.5;
        if l.full {
            both + 0.5 * (2.0 * std::f64::consts::PI).ln()
        } else {
            both
        }
    })?;
    l.reduction.apply(&losses)
}

settings! {
    /// [`TripletMarginLoss`] with a distance of one's own.
    TripletMarginWithDistanceLoss TripletMarginWithDistanceLossOptions [] {
        /// How much nearer.
        margin: f64 = 1.0,
        /// Whether the negative's distance to the positive counts where it is smaller.
        swap: bool = false,
    }
}

impl TripletMarginWithDistanceLoss {
    /// The loss for a distance of pairs of rows.
    pub fn try_forward(
        &self,
        anchor: &Tensor,
        positive: &Tensor,
        negative: &Tensor,
        distance: impl Fn(&Tensor, &Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        ensure!(
            self.margin > 0.0,
            Value,
            "margin must be greater than 0, got {}",
            self.margin
        );
        call(self, &[anchor, positive, negative], |t| {
            let (near, mut far) = (distance(t[0], t[1])?, distance(t[0], t[2])?);
            if self.swap {
                far = ops::compare::minimum(&far, &distance(t[1], t[2])?)?;
            }
            self.reduction
                .apply(&catch(|| (near - far + self.margin).clamp_min(0))?)
        })
    }
}

settings! {
    /// Connectionist temporal classification (A. Graves et al., 2006): label sequences without known places in time, for speech
    /// and handwriting.
    CTCLoss CTCLossOptions [] {
        /// The class of the blank.
        blank: i64 = 0,
        /// Whether sequences too short for their labels count 0.
        zero_infinity: bool = false,
    }
}

impl CTCLoss {
    /// The loss of log probabilities `(T, N, C)` and labels `(N, S)`, or all labels in a row, with the lengths of both; throws.
    #[track_caller]
    pub fn forward(
        &self,
        log_probs: &Tensor,
        targets: &Tensor,
        input_lengths: &[i64],
        target_lengths: &[i64],
    ) -> Tensor {
        self.try_forward(log_probs, targets, input_lengths, target_lengths)
            .or_throw()
    }

    /// As [`CTCLoss::forward`].
    pub fn try_forward(
        &self,
        log_probs: &Tensor,
        targets: &Tensor,
        input_lengths: &[i64],
        target_lengths: &[i64],
    ) -> Result<Tensor> {
        call(self, &[log_probs, targets], |t| {
            let reduction = self.reduction.number()?;
            ctc::ctc_loss(
                t[0],
                t[1],
                input_lengths,
                target_lengths,
                self.blank,
                reduction,
                self.zero_infinity,
            )
        })
    }
}

//! Batch and instance norm in one, two and three dimensions.

use super::sizes::{float, maybe};
use crate::{Base, Buffer, Layer, Module, Param, init};
use duoc_core::ops::norm::batch;
use duoc_core::{DType, Result, Scalar, Tensor, bail, ensure};

/// Weight, bias and running statistics, each where it is wanted.
struct Parts {
    weight: Option<Param>,
    bias: Option<Param>,
    mean: Option<Buffer>,
    var: Option<Buffer>,
    count: Option<Buffer>,
}

fn parts(factory: crate::Factory, features: usize, affine: bool, bias: bool, tracks: bool) -> Result<Parts> {
    let count = || Tensor::scalar(0i64, DType::I64).map(Buffer::new);
    Ok(Parts {
        weight: affine.then(|| factory.param(&[features])).transpose()?,
        bias: (affine && bias).then(|| factory.param(&[features])).transpose()?,
        mean: tracks
            .then(|| factory.zeros(&[features]).map(Buffer::new))
            .transpose()?,
        var: tracks.then(|| factory.ones(&[features]).map(Buffer::new)).transpose()?,
        count: tracks.then(count).transpose()?,
    })
}

fn list(ranks: &[usize]) -> String {
    let names: Vec<String> = ranks.iter().map(|n| format!("{n}D")).collect();
    names.join(" or ")
}

macro_rules! norms {
    ($kind:ident $affine:literal $tracks:literal: $($(#[$doc:meta])* $Layer:ident $Options:ident $ranks:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// `(num_features)`: the scale.
            pub weight: Option<Param>,
            /// `(num_features)`: the shift.
            pub bias: Option<Param>,
            /// `(num_features)`: the running mean.
            pub running_mean: Option<Buffer>,
            /// `(num_features)`: the running variance, unbiased.
            pub running_var: Option<Buffer>,
            /// How many batches the running statistics have seen.
            pub num_batches_tracked: Option<Buffer>,
            /// The number of channels.
            pub num_features: usize,
            /// Added to the variance.
            pub eps: f64,
            /// The weight of a new batch in the running statistics; without it they are the mean of all batches.
            #[module(skip)]
            pub momentum: Option<f64>,
            /// Whether running statistics are kept.
            pub track_running_stats: bool,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(num_features: usize) {
                /// Added to the variance (1e-5).
                eps: f64 = 1e-5,
                /// The weight of a new batch in the running statistics (0.1); None for the mean of all batches.
                momentum: Option<f64> = Some(0.1),
                /// Whether a scale and a shift are learned.
                affine: bool = $affine,
                /// Whether the shift is.
                bias: bool = true,
                /// Whether running statistics are kept.
                track_running_stats: bool = $tracks,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                let p = parts(o.factory, o.num_features, o.affine, o.bias, o.track_running_stats)?;
                let layer = $Layer {
                    weight: p.weight,
                    bias: p.bias,
                    running_mean: p.mean,
                    running_var: p.var,
                    num_batches_tracked: p.count,
                    num_features: o.num_features,
                    eps: o.eps,
                    momentum: o.momentum,
                    track_running_stats: o.track_running_stats,
                    base: Base::new(),
                };
                layer.reset_parameters()?;
                Ok(layer)
            }

            /// Makes the running statistics those of no batch at all.
            pub fn reset_running_stats(&self) -> Result<()> {
                for (buffer, value) in [(&self.running_mean, 0i64), (&self.running_var, 1), (&self.num_batches_tracked, 0)] {
                    if let Some(b) = buffer {
                        init::constant_(b, value)?;
                    }
                }
                Ok(())
            }

            /// Scale 1, shift 0, no batch seen.
            pub fn reset_parameters(&self) -> Result<()> {
                self.reset_running_stats()?;
                if let Some(w) = &self.weight {
                    init::ones_(w)?;
                }
                if let Some(b) = &self.bias {
                    init::zeros_(b)?;
                }
                Ok(())
            }

            fn extra_repr(&self) -> String {
                let python = crate::python_bool;
                format!(
                    "{}, eps={}, momentum={}, affine={}, bias={}, track_running_stats={}",
                    self.num_features,
                    float(self.eps),
                    maybe(self.momentum),
                    python(self.weight.is_some()),
                    python(self.bias.is_some()),
                    python(self.track_running_stats)
                )
            }

            /// Whether the input's own statistics are used, and the running ones where they are read or moved.
            fn statistics(&self) -> (bool, Option<&Tensor>, Option<&Tensor>) {
                let running = (self.running_mean.as_deref(), self.running_var.as_deref());
                let own = self.base.training() || running.0.is_none() && running.1.is_none();
                if !self.base.training() || self.track_running_stats {
                    (own, running.0, running.1)
                } else {
                    (own, None, None)
                }
            }
        }

        norms!(@run $kind $Layer $ranks);
    )* };
    (@run batch $Layer:ident $ranks:expr) => {
        impl $Layer {
            /// Counts a batch in training and gives the weight of its statistics.
            fn factor(&self) -> Result<f64> {
                let count = self.num_batches_tracked.as_ref().filter(|_| self.base.training() && self.track_running_stats);
                let Some(count) = count else {
                    return Ok(self.momentum.unwrap_or(0.0));
                };
                let n = count.item().to_f64() + 1.0;
                duoc_core::autograd::no_grad(|| duoc_core::catch(|| {
                    count.fill_(Scalar::Int(n as i64));
                }))?;
                Ok(self.momentum.unwrap_or(1.0 / n))
            }
        }

        impl Layer for $Layer {
            fn run(&self, x: &Tensor) -> Result<Tensor> {
                ensure!(
                    $ranks.contains(&x.dim()),
                    Value,
                    "expected {} input (got {}D input)",
                    list(&$ranks),
                    x.dim()
                );
                let factor = self.factor()?;
                let (own, mean, var) = self.statistics();
                if own {
                    let count = x.shape()[0] * x.shape()[2..].iter().product::<usize>();
                    ensure!(
                        count != 1,
                        Value,
                        "Expected more than 1 value per channel when training, got input size torch.Size({:?})",
                        x.shape()
                    );
                    ensure!(
                        self.eps > 0.0,
                        Value,
                        "batch_norm eps must be positive during training, but got {}",
                        float(self.eps)
                    );
                }
                ensure!(
                    self.eps >= 0.0,
                    Value,
                    "batch_norm eps must be non-negative, but got {}",
                    float(self.eps)
                );
                batch::batch_norm(x, self.weight.as_deref(), self.bias.as_deref(), mean, var, own, factor, self.eps, false)
            }
        }
    };
    (@run instance $Layer:ident $ranks:expr) => {
        impl Layer for $Layer {
            fn run(&self, x: &Tensor) -> Result<Tensor> {
                let ranks = $ranks;
                ensure!(
                    ranks.contains(&x.dim()),
                    Value,
                    "expected {} input (got {}D input)",
                    list(&ranks),
                    x.dim()
                );
                let alone = x.dim() == ranks[0];
                let channel = x.dim() + 1 - ranks[1];
                let channel = if alone { 0 } else { channel.max(1) };
                if x.shape()[channel] != self.num_features && self.weight.is_some() {
                    bail!(
                        Value,
                        "expected input's size at dim={channel} to match num_features ({}), but got: {}.",
                        self.num_features,
                        x.shape()[channel]
                    );
                }
                let input = if alone { x.unsqueeze(0) } else { x.clone() };
                let (own, mean, var) = self.statistics();
                let own = own || !self.track_running_stats;
                if own && input.shape()[2..].iter().product::<usize>() == 1 {
                    bail!(
                        Value,
                        "Expected more than 1 spatial element when training, got input size torch.Size({:?})",
                        input.shape()
                    );
                }
                let momentum = self.momentum.unwrap_or(0.0);
                let (w, b) = (self.weight.as_deref(), self.bias.as_deref());
                let y = batch::instance_norm(&input, w, b, mean, var, own, momentum, self.eps, false)?;
                if alone { duoc_core::ops::view::squeeze_dim(&y, 0) } else { Ok(y) }
            }
        }
    };
}

norms! { batch true true:
    /// Batch norm of features, `y = (x - μ_B) / √(σ²_B + ε) · γ + β` for each feature by itself.
    ///
    /// * **Shapes**: `(N, C)` or `(N, C, L)`, the same. **Parameters**: `2·C` (γ and β), and `2·C + 1` numbers in buffers.
    /// * **How it works**: in training `μ_B` and `σ²_B` (biased) are those of the batch, for each channel over everything else;
    ///   running values follow with `momentum`, the variance unbiased: `r ← (1 - m)·r + m·batch`. In inference the running
    ///   values take their place, and the layer is an affine map that a convolution before it can absorb.
    /// * **When to use it**: between a linear or convolutional layer and its activation, when the batch is large enough (16 and
    ///   more for each step, at best 32): training tolerates much larger learning rates and worse initial values.
    /// * **Limits**: small batches give noisy statistics, and a batch of one none; training and inference differ, so forgetting
    ///   `eval()` spoils predictions; samples depend on their neighbours; sequences of different lengths and recurrences fit
    ///   badly. [`GroupNorm`](crate::GroupNorm) and [`LayerNorm`](crate::LayerNorm) need no batch.
    /// * **Where used**: Inception v2, ResNet and nearly every convolutional network after it; GANs.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{BatchNorm1d, Layer, Module};
    /// let norm = BatchNorm1d::new(4);
    /// let y = norm.forward(&Tensor::randn(&[32, 4]));
    /// assert!(y.mean_dim(&[0], false).abs().max().item().to_f64() < 1e-5);
    /// assert_eq!(norm.num_parameters(), 8);
    /// assert_eq!(norm.num_batches_tracked.as_ref().unwrap().item().to_f64(), 1.0);
    /// ```
    BatchNorm1d BatchNorm1dOptions [2usize, 3];

    /// Batch norm of the channels of images. **Shapes**: `(N, C, H, W)`, the same. **Parameters**: `2·C`. The statistics of a
    /// channel run over samples, rows and columns; the rest as [`BatchNorm1d`].
    BatchNorm2d BatchNorm2dOptions [4usize];

    /// Batch norm of the channels of volumes. **Shapes**: `(N, C, D, H, W)`, the same. **Parameters**: `2·C`. The rest as
    /// [`BatchNorm1d`].
    BatchNorm3d BatchNorm3dOptions [5usize];
}

norms! { instance false false:
    /// Instance norm of sequences. **Shapes**: `(N, C, L)` or `(C, L)`, the same. The rest as [`InstanceNorm2d`].
    InstanceNorm1d InstanceNorm1dOptions [2usize, 3];

    /// Instance norm, `y = (x - μ) / √(σ² + ε) · γ + β` with mean and biased variance of one channel of one sample.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)`, the same. **Parameters**: none, or `2·C` with `affine`.
    /// * **How it works**: the same in training and inference unless running statistics are asked for.
    /// * **When to use it**: where contrast and brightness of a single picture should not matter.
    /// * **Limits**: it takes away the differences in level between pictures, which classifiers need.
    /// * **Where used**: fast style transfer, CycleGAN; adaptive (AdaIN) in StyleGAN.
    InstanceNorm2d InstanceNorm2dOptions [3usize, 4];

    /// Instance norm of volumes. **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`, the same. The rest as [`InstanceNorm2d`].
    InstanceNorm3d InstanceNorm3dOptions [4usize, 5];
}

//! Norms of single samples: layer, root-mean-square and group norm, and norms over neighbouring channels.

use super::sizes::{Sizes, float, maybe, number};
use crate::{Base, Layer, Module, Param, init};
use duoc_core::ops::norm::{group, layer};
use duoc_core::ops::{pad, pool::average};
use duoc_core::{Result, Scalar, Tensor, bail, ensure};

fn natural(sizes: &[i64]) -> Result<Vec<usize>> {
    match sizes.iter().map(|n| usize::try_from(*n)).collect() {
        Ok(s) => Ok(s),
        Err(_) => bail!(Runtime, "Trying to create tensor with negative dimension: {sizes:?}"),
    }
}

/// Normalises every sample over its last dimensions, `y = (x - μ) / √(σ² + ε) · γ + β`.
///
/// * **Shapes**: `(*, normalized_shape)`, the same; γ and β have the shape `normalized_shape`.
/// * **Parameters**: `2·d` for `d` elements of `normalized_shape` (`d` without bias, none without `elementwise_affine`).
/// * **How it works**: mean and biased variance are those of the sample's own features, in training and inference alike.
/// * **When to use it**: where batches are small or lengths differ: transformers, recurrences, reinforcement learning.
/// * **Limits**: on images, whose channels have levels of their own, batch or group norm is mostly better; the mean over all
///   features is lost.
/// * **Where used**: every transformer (behind the residual in the first, in front of the block in GPT-2 and later), LSTMs.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, LayerNorm, Module};
/// let norm = LayerNorm::new(768);
/// assert_eq!(norm.forward(&Tensor::randn(&[2, 5, 768])).shape(), [2, 5, 768]);
/// assert_eq!(norm.num_parameters(), 2 * 768);
/// assert_eq!(norm.to_string(), "LayerNorm((768,), eps=1e-05, elementwise_affine=True, bias=True)");
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct LayerNorm {
    /// `normalized_shape`: the scale.
    pub weight: Option<Param>,
    /// `normalized_shape`: the shift.
    pub bias: Option<Param>,
    /// The sizes of the dimensions that are normalised.
    #[module(skip)]
    pub normalized_shape: Sizes,
    /// Added to the variance.
    pub eps: f64,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`LayerNorm`] is to be.
    LayerNormOptions for LayerNorm(normalized_shape: Sizes as impl Into<Sizes>) {
        /// Added to the variance (1e-5).
        eps: f64 = 1e-5,
        /// Whether a scale and a shift are learned.
        elementwise_affine: bool = true,
        /// Whether the shift is.
        bias: bool = true,
    }
}

impl LayerNorm {
    fn from_options(o: LayerNormOptions) -> Result<LayerNorm> {
        let shape = natural(o.normalized_shape.list())?;
        let layer = LayerNorm {
            weight: o.elementwise_affine.then(|| o.factory.param(&shape)).transpose()?,
            bias: (o.elementwise_affine && o.bias)
                .then(|| o.factory.param(&shape))
                .transpose()?,
            normalized_shape: o.normalized_shape.tuple(1),
            eps: o.eps,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Scale 1, shift 0.
    pub fn reset_parameters(&self) -> Result<()> {
        self.weight.as_ref().map_or(Ok(()), |w| init::ones_(w))?;
        self.bias.as_ref().map_or(Ok(()), |b| init::zeros_(b))
    }

    fn extra_repr(&self) -> String {
        format!(
            "{}, eps={}, elementwise_affine={}, bias={}",
            self.normalized_shape,
            float(self.eps),
            crate::python_bool(self.weight.is_some()),
            crate::python_bool(self.bias.is_some())
        )
    }
}

impl Layer for LayerNorm {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let (w, b) = (self.weight.as_deref(), self.bias.as_deref());
        layer::layer_norm(x, self.normalized_shape.list(), w, b, self.eps, false)
    }
}

/// Scales every sample to length, `y = x / √(mean x² + ε) · γ`, over its last dimensions.
///
/// * **Shapes**: `(*, normalized_shape)`, the same. **Parameters**: `d` for `d` elements of `normalized_shape`.
/// * **How it works**: [`LayerNorm`] without its mean and shift: one pass less, as good in practice. Without `eps` it is the
///   dtype's epsilon.
/// * **When to use it**: in place of layer norm in large transformers.
/// * **Limits**: an offset that all features share stays.
/// * **Where used**: T5, LLaMA, Mistral, Gemma.
#[derive(Clone, Debug, Module)]
#[module(name = "RMSNorm", extra_repr)]
pub struct RmsNorm {
    /// `normalized_shape`: the scale.
    pub weight: Option<Param>,
    /// The sizes of the dimensions that are normalised.
    #[module(skip)]
    pub normalized_shape: Sizes,
    /// Added to the mean square.
    #[module(skip)]
    pub eps: Option<f64>,
    /// Identity, training flag, hooks.
    pub base: Base,
}

/// PyTorch's spelling.
pub type RMSNorm = RmsNorm;

options! {
    /// What a [`RmsNorm`] is to be.
    RmsNormOptions for RmsNorm(normalized_shape: Sizes as impl Into<Sizes>) {
        /// Added to the mean square (the dtype's epsilon).
        eps: Option<f64> as impl Into<Option<f64>> = None,
        /// Whether a scale is learned.
        elementwise_affine: bool = true,
    }
}

impl RmsNorm {
    fn from_options(o: RmsNormOptions) -> Result<RmsNorm> {
        let shape = natural(o.normalized_shape.list())?;
        let layer = RmsNorm {
            weight: o.elementwise_affine.then(|| o.factory.param(&shape)).transpose()?,
            normalized_shape: o.normalized_shape.tuple(1),
            eps: o.eps,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Scale 1.
    pub fn reset_parameters(&self) -> Result<()> {
        self.weight.as_ref().map_or(Ok(()), |w| init::ones_(w))
    }

    fn extra_repr(&self) -> String {
        format!(
            "{}, eps={}, elementwise_affine={}",
            self.normalized_shape,
            maybe(self.eps),
            crate::python_bool(self.weight.is_some())
        )
    }
}

impl Layer for RmsNorm {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        layer::rms_norm(x, self.normalized_shape.list(), self.weight.as_deref(), self.eps)
    }
}

/// Normalises groups of a sample's channels, `y = (x - μ_g) / √(σ²_g + ε) · γ_c + β_c`.
///
/// * **Shapes**: `(N, C, *)`, the same; `C` is a multiple of `num_groups`. **Parameters**: `2·C`.
/// * **How it works**: mean and biased variance are those of `C / num_groups` neighbouring channels at all places. One group is
///   layer norm over the channels, `C` groups are instance norm.
/// * **When to use it**: on images with small batches: detection, segmentation, diffusion. 32 groups are usual.
/// * **Limits**: a little behind batch norm where batches are large; it cannot be folded into a convolution.
/// * **Where used**: Mask R-CNN variants, the U-Nets of diffusion models.
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct GroupNorm {
    /// `(num_channels)`: the scale.
    pub weight: Option<Param>,
    /// `(num_channels)`: the shift.
    pub bias: Option<Param>,
    /// The number of groups.
    pub num_groups: usize,
    /// The number of channels.
    pub num_channels: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`GroupNorm`] is to be.
    GroupNormOptions for GroupNorm(num_groups: usize, num_channels: usize) {
        /// Added to the variance (1e-5).
        eps: f64 = 1e-5,
        /// Whether a scale and a shift are learned.
        affine: bool = true,
        /// Whether the shift is.
        bias: bool = true,
    }
}

impl GroupNorm {
    fn from_options(o: GroupNormOptions) -> Result<GroupNorm> {
        ensure!(
            o.num_groups > 0,
            Value,
            "num_groups must be a positive integer, got {}",
            o.num_groups
        );
        ensure!(
            o.num_channels.is_multiple_of(o.num_groups),
            Value,
            "num_channels ({}) must be divisible by num_groups ({})",
            o.num_channels,
            o.num_groups
        );
        let shape = [o.num_channels];
        let layer = GroupNorm {
            weight: o.affine.then(|| o.factory.param(&shape)).transpose()?,
            bias: (o.affine && o.bias).then(|| o.factory.param(&shape)).transpose()?,
            num_groups: o.num_groups,
            num_channels: o.num_channels,
            eps: o.eps,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Scale 1, shift 0.
    pub fn reset_parameters(&self) -> Result<()> {
        self.weight.as_ref().map_or(Ok(()), |w| init::ones_(w))?;
        self.bias.as_ref().map_or(Ok(()), |b| init::zeros_(b))
    }

    fn extra_repr(&self) -> String {
        format!(
            "{}, {}, eps={}, affine={}, bias={}",
            self.num_groups,
            self.num_channels,
            float(self.eps),
            crate::python_bool(self.weight.is_some()),
            crate::python_bool(self.bias.is_some())
        )
    }
}

impl Layer for GroupNorm {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        ensure!(
            x.dim() >= 2,
            Runtime,
            "Expected at least 2 dimensions for input tensor but received {}",
            x.dim()
        );
        let first = x.shape()[0] * x.shape()[1] / self.num_groups;
        let count = first * x.shape()[2..].iter().product::<usize>();
        ensure!(
            count != 1,
            Value,
            "Expected more than 1 value per channel when training, got input size [{}]",
            [first, self.num_groups]
                .iter()
                .chain(&x.shape()[2..])
                .map(|n| n.to_string())
                .collect::<Vec<_>>()
                .join(", ")
        );
        let (w, b) = (self.weight.as_deref(), self.bias.as_deref());
        group::group_norm(x, self.num_groups as i64, w, b, self.eps, false)
    }
}

/// Dampens each element by its neighbours in other channels: `y = x / (k + α/n · Σ over n channels of x²)^β`.
///
/// * **Shapes**: `(N, C, *)`, the same. **Parameters**: none.
/// * **How it works**: the sum runs over `size` channels around the element's own, with zeros beyond the first and last.
/// * **When to use it**: to rebuild networks of its time; batch norm took its place.
/// * **Limits**: slow for what it brings; nothing is learned.
/// * **Where used**: AlexNet, GoogLeNet.
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct LocalResponseNorm {
    /// The number of channels in a sum.
    pub size: i64,
    /// The factor α of the mean square.
    pub alpha: f64,
    /// The exponent β.
    pub beta: f64,
    /// The constant k.
    pub k: f64,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`LocalResponseNorm`] is to be.
    LocalResponseNormOptions for LocalResponseNorm(size: i64) {
        /// The factor of the mean square (1e-4).
        alpha: f64 = 1e-4,
        /// The exponent (0.75).
        beta: f64 = 0.75,
        /// The constant (1).
        k: f64 = 1.0,
    }
}

/// The mean of squares over `size` channels around each, zeros beyond the ends.
fn neighbours(x: &Tensor, size: i64) -> Result<Tensor> {
    let square = x * x;
    let (front, behind) = (size / 2, (size - 1) / 2);
    if x.dim() == 3 {
        let padded = pad::constant_pad_nd(&square.unsqueeze(1), &[0, 0, front, behind], Scalar::Int(0))?;
        let mean = average::avg_pool2d(&padded, &[size, 1], &[1], &[0], false, true, None)?;
        return duoc_core::ops::view::squeeze_dim(&mean, 1);
    }
    let sizes: Vec<i64> = x.shape().iter().map(|n| *n as i64).collect();
    let volume = square.reshape(&[sizes[0], 1, sizes[1], sizes[2], -1]);
    let padded = pad::constant_pad_nd(&volume, &[0, 0, 0, 0, front, behind], Scalar::Int(0))?;
    Ok(average::avg_pool3d(&padded, &[size, 1, 1], &[1], &[0], false, true, None)?.reshape(&sizes))
}

impl LocalResponseNorm {
    fn from_options(o: LocalResponseNormOptions) -> Result<LocalResponseNorm> {
        Ok(LocalResponseNorm {
            size: o.size,
            alpha: o.alpha,
            beta: o.beta,
            k: o.k,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        let [a, b, k] = [self.alpha, self.beta, self.k].map(float);
        format!("{}, alpha={a}, beta={b}, k={k}", self.size)
    }
}

impl Layer for LocalResponseNorm {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        ensure!(
            x.dim() >= 3,
            Value,
            "Expected 3D or higher dimensionality                          input (got {} dimensions)",
            x.dim()
        );
        if x.numel() == 0 {
            return Ok(x.clone());
        }
        Ok(x / (neighbours(x, self.size)? * self.alpha + self.k).pow(self.beta))
    }
}

/// As [`LocalResponseNorm`], for images only; kept for networks that were ported from Torch.
///
/// * **Shapes**: `(N, C, H, W)`, the same. **Parameters**: none.
#[derive(Clone, Debug, Module)]
#[module(name = "CrossMapLRN2d", extra_repr)]
pub struct CrossMapLrn2d {
    /// The number of channels in a sum.
    pub size: i64,
    /// The factor α of the mean square.
    pub alpha: f64,
    /// The exponent β.
    pub beta: f64,
    /// The constant k.
    #[module(skip)]
    pub k: Scalar,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`CrossMapLrn2d`] is to be.
    CrossMapLrn2dOptions for CrossMapLrn2d(size: i64) {
        /// The factor of the mean square (1e-4).
        alpha: f64 = 1e-4,
        /// The exponent (0.75).
        beta: f64 = 0.75,
        /// The constant (1).
        k: Scalar as impl Into<Scalar> = Scalar::Int(1),
    }
}

impl CrossMapLrn2d {
    fn from_options(o: CrossMapLrn2dOptions) -> Result<CrossMapLrn2d> {
        Ok(CrossMapLrn2d {
            size: o.size,
            alpha: o.alpha,
            beta: o.beta,
            k: o.k,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        let [a, b] = [self.alpha, self.beta].map(float);
        format!("{}, alpha={a}, beta={b}, k={}", self.size, number(self.k))
    }
}

impl Layer for CrossMapLrn2d {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        ensure!(
            x.dim() == 4,
            Value,
            "CrossMapLRN2d: Expected input to be 4D, got {}D instead.",
            x.dim()
        );
        Ok(x / (neighbours(x, self.size)? * self.alpha + self.k.to_f64()).pow(self.beta))
    }
}

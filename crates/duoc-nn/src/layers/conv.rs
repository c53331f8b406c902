//! Convolutions: weights that slide over sequences, images and volumes.

use super::sizes::{Sizes, tuple};
use crate::init::{self, Fan, Nonlinearity};
use crate::{Base, Factory, Layer, Module, Param};
use duoc_core::ops::{conv, pad};
use duoc_core::{Result, Tensor, bail, ensure};
use std::fmt;

/// The border of a convolution's input: widths, or as much as the word says.
///
/// ```
/// use duoc_nn::ConvPadding;
/// assert_eq!(ConvPadding::from(2).to_string(), "2");
/// assert_eq!(ConvPadding::from("same"), ConvPadding::Same);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConvPadding {
    /// A width for all dimensions, or one for each.
    Widths(Sizes),
    /// So much that the output is as large as the input; where that is odd, more at the end.
    Same,
    /// None.
    Valid,
    /// A word that is neither, which the layer refuses.
    Unknown(String),
}

impl<T: Into<Sizes>> From<T> for ConvPadding {
    fn from(widths: T) -> ConvPadding {
        ConvPadding::Widths(widths.into())
    }
}

impl From<&str> for ConvPadding {
    fn from(word: &str) -> ConvPadding {
        match word {
            "same" => ConvPadding::Same,
            "valid" => ConvPadding::Valid,
            other => ConvPadding::Unknown(other.into()),
        }
    }
}

impl fmt::Display for ConvPadding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConvPadding::Widths(s) => s.fmt(f),
            ConvPadding::Same => f.write_str("same"),
            ConvPadding::Valid => f.write_str("valid"),
            ConvPadding::Unknown(word) => f.write_str(word),
        }
    }
}

/// What lies beyond the edge of a convolution's input.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The input, mirrored at its edge (which is not repeated).
    Reflect,
    /// The input's edge.
    Replicate,
    /// The input's other end.
    Circular,
}

impl PaddingMode {
    /// PyTorch's word.
    pub fn name(self) -> &'static str {
        match self {
            PaddingMode::Zeros => "zeros",
            PaddingMode::Reflect => "reflect",
            PaddingMode::Replicate => "replicate",
            PaddingMode::Circular => "circular",
        }
    }
}

/// A number per dimension; `ValueError` where another number of them was given.
pub(super) fn per_dimension(s: &Sizes, dims: usize, what: &str) -> Result<Vec<i64>> {
    let all = s.expanded(dims);
    ensure!(
        all.len() == dims,
        Value,
        "{what} needs one number or {dims}, but got {}",
        all.len()
    );
    Ok(all)
}

/// Refuses channels that cannot be divided into the groups.
pub(super) fn check_groups(inputs: usize, outputs: usize, groups: usize) -> Result<()> {
    ensure!(groups > 0, Value, "groups must be a positive integer");
    ensure!(
        inputs.is_multiple_of(groups),
        Value,
        "in_channels must be divisible by groups: {inputs} channels, {groups} groups"
    );
    ensure!(
        outputs.is_multiple_of(groups),
        Value,
        "out_channels must be divisible by groups: {outputs} channels, {groups} groups"
    );
    Ok(())
}

/// The weight `(first, second / groups, kernel..)` and the bias of a new layer, uninitialised.
pub(super) fn parameters(
    factory: Factory,
    channels: (usize, usize),
    kernel: &[i64],
    bias: Option<usize>,
) -> Result<(Param, Option<Param>)> {
    let mut shape = vec![channels.0, channels.1];
    for k in kernel {
        match usize::try_from(*k) {
            Ok(k) => shape.push(k),
            Err(_) => bail!(
                Runtime,
                "Trying to create tensor with negative dimension {k}: kernel_size {kernel:?}"
            ),
        }
    }
    let weight = factory.param(&shape)?;
    Ok((weight, bias.map(|n| factory.param(&[n])).transpose()?))
}

/// PyTorch's initial values: uniform in `±1/√(fan in)`.
pub(super) fn draw(weight: &Param, bias: Option<&Param>) -> Result<()> {
    if weight.numel() > 0 {
        init::kaiming_uniform_(weight, Nonlinearity::LeakyRelu(5f64.sqrt()), Fan::In)?;
    }
    init::bias_like_fan_in_(bias, weight)
}

/// `1, 2, kernel_size=(3,), stride=(1,)` and what differs from the defaults.
pub(super) struct Shown<'a> {
    pub channels: (usize, usize),
    pub kernel: &'a [i64],
    pub stride: &'a [i64],
    /// Not shown if empty.
    pub padding: String,
    pub dilation: &'a [i64],
    pub output_padding: &'a [i64],
    pub groups: usize,
    pub bias: bool,
    pub mode: PaddingMode,
}

impl Shown<'_> {
    pub(super) fn text(&self) -> String {
        let (inputs, outputs) = self.channels;
        let mut text = format!(
            "{inputs}, {outputs}, kernel_size={}, stride={}",
            numbers(self.kernel),
            numbers(self.stride)
        );
        let mut add = |part: String| text += &part;
        if !self.padding.is_empty() {
            add(format!(", padding={}", self.padding));
        }
        if self.dilation.iter().any(|d| *d != 1) {
            add(format!(", dilation={}", numbers(self.dilation)));
        }
        if self.output_padding.iter().any(|d| *d != 0) {
            add(format!(", output_padding={}", numbers(self.output_padding)));
        }
        if self.groups != 1 {
            add(format!(", groups={}", self.groups));
        }
        if !self.bias {
            add(", bias=False".into());
        }
        if self.mode != PaddingMode::Zeros {
            add(format!(", padding_mode={}", self.mode.name()));
        }
        text
    }
}

pub(super) fn numbers(list: &[i64]) -> String {
    tuple(list.iter().map(|n| n.to_string()))
}

/// The border that a padding asks for, as `pad` takes it: last dimension first, before and behind.
fn border(padding: &ConvPadding, kernel: &[i64], dilation: &[i64]) -> Vec<i64> {
    let dims = kernel.len();
    let both: Vec<(i64, i64)> = match padding {
        ConvPadding::Widths(s) => s.expanded(dims).into_iter().map(|p| (p, p)).collect(),
        ConvPadding::Same => (kernel.iter().zip(dilation))
            .map(|(k, d)| {
                let total = d.saturating_mul(k.saturating_sub(1));
                (total / 2, total - total / 2)
            })
            .collect(),
        ConvPadding::Valid | ConvPadding::Unknown(_) => vec![(0, 0); dims],
    };
    both.iter().rev().flat_map(|(a, b)| [*a, *b]).collect()
}

macro_rules! convolutions {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $dims:literal $by_widths:ident $by_word:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// `(out_channels, in_channels / groups, kernel_size..)`.
            pub weight: Param,
            /// `(out_channels)`.
            pub bias: Option<Param>,
            /// Channels of the input.
            pub in_channels: usize,
            /// Channels of the output.
            pub out_channels: usize,
            /// Size of the window.
            #[module(skip)]
            pub kernel_size: Vec<i64>,
            /// How far the window moves.
            #[module(skip)]
            pub stride: Vec<i64>,
            /// Width of the border.
            #[module(skip)]
            pub padding: ConvPadding,
            /// Distance of the window's cells.
            #[module(skip)]
            pub dilation: Vec<i64>,
            /// Groups of channels that know nothing of each other.
            pub groups: usize,
            /// What the border holds.
            #[module(skip)]
            pub padding_mode: PaddingMode,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(in_channels: usize, out_channels: usize, kernel_size: Sizes as impl Into<Sizes>) {
                /// How far the window moves (1).
                stride: Sizes as impl Into<Sizes> = 1.into(),
                /// Width of the border (0), or `"same"` or `"valid"`.
                padding: ConvPadding as impl Into<ConvPadding> = 0.into(),
                /// Distance of the window's cells (1).
                dilation: Sizes as impl Into<Sizes> = 1.into(),
                /// Groups of channels that know nothing of each other (1).
                groups: usize = 1,
                /// Whether a bias is added (the default).
                bias: bool = true,
                /// What the border holds (zeros).
                padding_mode: PaddingMode = PaddingMode::Zeros,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                check_groups(o.in_channels, o.out_channels, o.groups)?;
                let kernel_size = per_dimension(&o.kernel_size, $dims, "kernel_size")?;
                let stride = per_dimension(&o.stride, $dims, "stride")?;
                let dilation = per_dimension(&o.dilation, $dims, "dilation")?;
                match &o.padding {
                    ConvPadding::Widths(s) => drop(per_dimension(s, $dims, "padding")?),
                    ConvPadding::Same => ensure!(
                        stride.iter().all(|s| *s == 1),
                        Value,
                        "padding='same' is not supported for strided convolutions: stride is {}",
                        numbers(&stride)
                    ),
                    ConvPadding::Valid => {}
                    ConvPadding::Unknown(word) => {
                        bail!(Value, "Invalid padding string '{word}', should be one of 'valid', 'same'")
                    }
                }
                let inputs = o.in_channels / o.groups;
                let bias = o.bias.then_some(o.out_channels);
                let (weight, bias) = parameters(o.factory, (o.out_channels, inputs), &kernel_size, bias)?;
                draw(&weight, bias.as_ref())?;
                Ok($Layer {
                    weight,
                    bias,
                    in_channels: o.in_channels,
                    out_channels: o.out_channels,
                    kernel_size,
                    stride,
                    padding: o.padding,
                    dilation,
                    groups: o.groups,
                    padding_mode: o.padding_mode,
                    base: Base::new(),
                })
            }

            /// Draws the parameters anew.
            pub fn reset_parameters(&self) -> Result<()> {
                draw(&self.weight, self.bias.as_ref())
            }

            fn extra_repr(&self) -> String {
                let padding = match &self.padding {
                    ConvPadding::Widths(s) if s.expanded($dims).iter().all(|p| *p == 0) => String::new(),
                    ConvPadding::Widths(s) => numbers(&s.expanded($dims)),
                    word => word.to_string(),
                };
                Shown {
                    channels: (self.in_channels, self.out_channels),
                    kernel: &self.kernel_size,
                    stride: &self.stride,
                    padding,
                    dilation: &self.dilation,
                    output_padding: &[],
                    groups: self.groups,
                    bias: self.bias.is_some(),
                    mode: self.padding_mode,
                }
                .text()
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                let (w, b) = (&self.weight, self.bias.as_deref());
                let (s, d, g) = (&self.stride, &self.dilation, self.groups as i64);
                if self.padding_mode != PaddingMode::Zeros {
                    let widths = border(&self.padding, &self.kernel_size, d);
                    let x = pad::pad(input, &widths, self.padding_mode.name(), None)?;
                    return conv::$by_widths(&x, w, b, s, &[0], d, g);
                }
                match &self.padding {
                    ConvPadding::Widths(p) => conv::$by_widths(input, w, b, s, p.list(), d, g),
                    word => conv::$by_word(input, w, b, s, &word.to_string(), d, g),
                }
            }
        }
    )* };
}

convolutions! {
    /// A convolution over sequences: `y[m, o] = b[m] + Σ over c, k of W[m, c, k] · x[c, o·stride - padding + k·dilation]`.
    ///
    /// * **Shapes**: `x: (N, C, L)` or `(C, L)`, `W: (M, C / groups, K)`, `b: (M)`, `y: (N, M, L')` with
    ///   `L' = ⌊(L + 2·padding - dilation·(K - 1) - 1) / stride⌋ + 1`.
    /// * **Parameters**: `M · C / groups · K + M`.
    /// * **How it works, initial values**: as [`Conv2d`], along one dimension. **When to use it**: for sequences whose
    ///   neighbours belong together: sound, sensors, text. **Limits**: it sees `K` steps at a time; dilation or depth widen that.
    /// * **Where used**: WaveNet, text classifiers, the feature extractor of wav2vec.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{Conv1d, Layer};
    /// let conv = Conv1d::options(16, 33, 3).stride(2).build();
    /// assert_eq!(conv.forward(&Tensor::zeros(&[20, 16, 50])).shape(), [20, 33, 24]);
    /// assert_eq!(conv.to_string(), "Conv1d(16, 33, kernel_size=(3,), stride=(2,))");
    /// ```
    Conv1d Conv1dOptions 1 conv1d conv1d_padding;

    /// A convolution over images: each output channel is a small window of weights that slides over all input channels,
    /// `y[m, i, j] = b[m] + Σ over c, a, b of W[m, c, a, b] · x[c, i·s - p + a·d, j·s - p + b·d]`.
    ///
    /// * **Shapes**: `x: (N, C, H, W)` or `(C, H, W)`, `W: (M, C / groups, KH, KW)`, `b: (M)`, `y: (N, M, H', W')` with
    ///   `H' = ⌊(H + 2·padding - dilation·(KH - 1) - 1) / stride⌋ + 1`, `W'` likewise.
    /// * **Parameters**: `M · C / groups · KH · KW + M`; the size of the image does not matter.
    /// * **How it works**: the same weights are used at every place, so that a pattern is found wherever it is. As a
    ///   product: the windows are the rows of a matrix with `C · KH · KW` columns. `groups = C` is the depthwise convolution.
    /// * **Initial values**: uniform in `±1/√(C / groups · KH · KW)`, weights and bias.
    /// * **When to use it**: for images and whatever has a neighbourhood in two dimensions; `padding = "same"` keeps the size.
    /// * **Limits**: one layer sees only its window; far things meet after many layers, or by strides, dilation, attention.
    /// * **Where used**: LeNet, AlexNet, VGG, ResNet, U-Net, the patches of vision transformers.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{Conv2d, Layer, Module};
    /// let conv = Conv2d::options(3, 64, 7).stride(2).padding(3).bias(false).build();
    /// assert_eq!(conv.forward(&Tensor::zeros(&[1, 3, 224, 224])).shape(), [1, 64, 112, 112]);
    /// assert_eq!(conv.num_parameters(), 64 * 3 * 7 * 7);
    /// let same = Conv2d::options(8, 8, (3, 5)).padding("same").groups(8).build();
    /// assert_eq!(same.forward(&Tensor::zeros(&[1, 8, 9, 10])).shape(), [1, 8, 9, 10]);
    /// ```
    Conv2d Conv2dOptions 2 conv2d conv2d_padding;

    /// A convolution over volumes and video.
    ///
    /// * **Shapes**: `x: (N, C, D, H, W)` or `(C, D, H, W)`, `W: (M, C / groups, KD, KH, KW)`; each size as in [`Conv2d`].
    /// * **Parameters**: `M · C / groups · KD · KH · KW + M`.
    /// * **How it works, initial values, limits**: as [`Conv2d`]. **When to use it**: where three dimensions belong together.
    /// * **Where used**: C3D, 3-d U-Net, the patches of video transformers.
    Conv3d Conv3dOptions 3 conv3d conv3d_padding;
}

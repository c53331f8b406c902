//! Transposed convolutions: from small to large.

use super::conv::{PaddingMode, Shown, check_groups, draw, numbers, parameters, per_dimension};
use super::sizes::Sizes;
use crate::{Base, Layer, Module, Param, call};
use duoc_core::ops::conv;
use duoc_core::{OrThrow, Result, Tensor, bail, ensure};

/// How much the output of a transposed convolution must grow to have the size that is asked for: PyTorch's rule, in which
/// the convolution has several inputs sizes for one output size.
struct Wanted<'a> {
    kernel: &'a [i64],
    stride: &'a [i64],
    padding: &'a [i64],
    dilation: &'a [i64],
}

impl Wanted<'_> {
    fn output_padding(&self, input: &Tensor, size: &[i64]) -> Result<Vec<i64>> {
        let dims = self.kernel.len();
        let outer = if input.dim() == dims + 2 { 2 } else { 1 };
        let size = if size.len() == outer + dims {
            &size[outer..]
        } else {
            size
        };
        ensure!(
            size.len() == dims && input.dim() == dims + outer,
            Value,
            "ConvTranspose{dims}D: for {}D input, output_size must have {dims} or {} elements (got {})",
            input.dim(),
            outer + dims,
            size.len()
        );
        let mut least = Vec::with_capacity(dims);
        for d in 0..dims {
            let n = input.shape()[outer + d] as i128;
            let [k, s, p, a] = [self.kernel[d], self.stride[d], self.padding[d], self.dilation[d]].map(i128::from);
            least.push((n - 1) * s - 2 * p + a * (k - 1) + 1);
        }
        let most: Vec<i128> = least
            .iter()
            .zip(self.stride)
            .map(|(m, s)| m + i128::from(*s) - 1)
            .collect();
        let fits = (size.iter().zip(&least).zip(&most)).all(|((n, a), b)| (*a..=*b).contains(&i128::from(*n)));
        ensure!(
            fits,
            Value,
            "requested an output size of {size:?}, but valid sizes range from {least:?} to {most:?} (for an input of {:?})",
            &input.shape()[outer..]
        );
        Ok(size
            .iter()
            .zip(&least)
            .map(|(n, m)| (i128::from(*n) - m) as i64)
            .collect())
    }
}

macro_rules! transposed {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $dims:literal $op:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// `(in_channels, out_channels / groups, kernel_size..)`.
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
            /// Distance of the windows in the output.
            #[module(skip)]
            pub stride: Vec<i64>,
            /// What is cut off the output on every side.
            #[module(skip)]
            pub padding: Vec<i64>,
            /// What is added to the output at its end.
            #[module(skip)]
            pub output_padding: Vec<i64>,
            /// Distance of the window's cells.
            #[module(skip)]
            pub dilation: Vec<i64>,
            /// Groups of channels that know nothing of each other.
            pub groups: usize,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(in_channels: usize, out_channels: usize, kernel_size: Sizes as impl Into<Sizes>) {
                /// Distance of the windows in the output (1).
                stride: Sizes as impl Into<Sizes> = 1.into(),
                /// What is cut off the output on every side (0).
                padding: Sizes as impl Into<Sizes> = 0.into(),
                /// What is added to the output at its end (0).
                output_padding: Sizes as impl Into<Sizes> = 0.into(),
                /// Groups of channels that know nothing of each other (1).
                groups: usize = 1,
                /// Whether a bias is added (the default).
                bias: bool = true,
                /// Distance of the window's cells (1).
                dilation: Sizes as impl Into<Sizes> = 1.into(),
                /// What the border holds: zeros, other modes are refused.
                padding_mode: PaddingMode = PaddingMode::Zeros,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                if o.padding_mode != PaddingMode::Zeros {
                    bail!(Value, "Only \"zeros\" padding mode is supported for {}", stringify!($Layer));
                }
                check_groups(o.in_channels, o.out_channels, o.groups)?;
                let kernel_size = per_dimension(&o.kernel_size, $dims, "kernel_size")?;
                let outputs = o.out_channels / o.groups;
                let bias = o.bias.then_some(o.out_channels);
                let (weight, bias) = parameters(o.factory, (o.in_channels, outputs), &kernel_size, bias)?;
                draw(&weight, bias.as_ref())?;
                Ok($Layer {
                    weight,
                    bias,
                    in_channels: o.in_channels,
                    out_channels: o.out_channels,
                    kernel_size,
                    stride: per_dimension(&o.stride, $dims, "stride")?,
                    padding: per_dimension(&o.padding, $dims, "padding")?,
                    output_padding: per_dimension(&o.output_padding, $dims, "output_padding")?,
                    dilation: per_dimension(&o.dilation, $dims, "dilation")?,
                    groups: o.groups,
                    base: Base::new(),
                })
            }

            /// Draws the parameters anew.
            pub fn reset_parameters(&self) -> Result<()> {
                draw(&self.weight, self.bias.as_ref())
            }

            /// The output with a size of one's choice, of those that belong to the input's size; throws.
            #[track_caller]
            pub fn forward_to(&self, input: &Tensor, output_size: &[i64]) -> Tensor {
                self.try_forward_to(input, output_size).or_throw()
            }

            /// The output with a size of one's choice: with a stride, several sizes of the output belong to one input.
            ///
            /// # Errors
            /// `ValueError` for a size that does not belong to the input's.
            pub fn try_forward_to(&self, input: &Tensor, output_size: &[i64]) -> Result<Tensor> {
                call(self, &[input], |x| {
                    let wanted = Wanted {
                        kernel: &self.kernel_size,
                        stride: &self.stride,
                        padding: &self.padding,
                        dilation: &self.dilation,
                    };
                    self.compute(x[0], &wanted.output_padding(x[0], output_size)?)
                })
            }

            fn compute(&self, x: &Tensor, more: &[i64]) -> Result<Tensor> {
                let (w, b) = (&self.weight, self.bias.as_deref());
                conv::$op(x, w, b, &self.stride, &self.padding, more, self.groups as i64, &self.dilation)
            }

            fn extra_repr(&self) -> String {
                let cut = self.padding.iter().any(|p| *p != 0);
                Shown {
                    channels: (self.in_channels, self.out_channels),
                    kernel: &self.kernel_size,
                    stride: &self.stride,
                    padding: if cut { numbers(&self.padding) } else { String::new() },
                    dilation: &self.dilation,
                    output_padding: &self.output_padding,
                    groups: self.groups,
                    bias: self.bias.is_some(),
                    mode: PaddingMode::Zeros,
                }
                .text()
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                self.compute(input, &self.output_padding)
            }
        }
    )* };
}

transposed! {
    /// A transposed convolution over sequences: see [`ConvTranspose2d`].
    ///
    /// * **Shapes**: `x: (N, C, L)` or `(C, L)`, `W: (C, M / groups, K)`, `y: (N, M, L')` with
    ///   `L' = (L - 1)·stride - 2·padding + dilation·(K - 1) + output_padding + 1`.
    /// * **Parameters**: `C · M / groups · K + M`. **Where used**: vocoders such as HiFi-GAN.
    ConvTranspose1d ConvTranspose1dOptions 1 conv_transpose1d;

    /// A transposed convolution over images: each element of the input puts a window of weights, times itself, into the
    /// output, where windows overlap they add up. It is the gradient of [`Conv2d`](crate::Conv2d) with respect to its input.
    ///
    /// * **Shapes**: `x: (N, C, H, W)` or `(C, H, W)`, `W: (C, M / groups, KH, KW)`, `b: (M)`, `y: (N, M, H', W')` with
    ///   `H' = (H - 1)·stride - 2·padding + dilation·(KH - 1) + output_padding + 1`, `W'` likewise.
    /// * **Parameters**: `C · M / groups · KH · KW + M`.
    /// * **How it works**: with a stride of 2 the output is about twice as large; since several sizes shrink to the same one,
    ///   [`forward_to`](ConvTranspose2d::forward_to) says which is meant.
    /// * **Initial values**: uniform in `±1/√(M / groups · KH · KW)`. **When to use it**: to learn how to enlarge: decoders,
    ///   generators, segmentation. **Limits**: where the kernel's size is no multiple of the stride, windows overlap
    ///   unevenly and draw a checkerboard; enlarging first and convolving then does not.
    /// * **Where used**: U-Net, DCGAN, autoencoders.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{ConvTranspose2d, Layer};
    /// let up = ConvTranspose2d::options(16, 8, 3).stride(2).padding(1).build();
    /// let x = Tensor::zeros(&[1, 16, 6, 6]);
    /// assert_eq!(up.forward(&x).shape(), [1, 8, 11, 11]);
    /// assert_eq!(up.forward_to(&x, &[12, 12]).shape(), [1, 8, 12, 12]);
    /// ```
    ConvTranspose2d ConvTranspose2dOptions 2 conv_transpose2d;

    /// A transposed convolution over volumes and video: see [`ConvTranspose2d`].
    ///
    /// * **Shapes**: `x: (N, C, D, H, W)` or `(C, D, H, W)`, `W: (C, M / groups, KD, KH, KW)`; each size as in
    ///   [`ConvTranspose2d`]. **Parameters**: `C · M / groups · KD · KH · KW + M`. **Where used**: 3-d U-Net.
    ConvTranspose3d ConvTranspose3dOptions 3 conv_transpose3d;
}

//! Max, mean and power-mean pooling over regular windows.

use super::sizes::{Sizes, number};
use crate::{Base, Layer, Module, call};
use duoc_core::ops::pool::{average, max};
use duoc_core::{OrThrow, Result, Scalar, Tensor, bail};

macro_rules! max_pool {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $plain:ident $both:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// Cells of a window.
            #[module(skip)]
            pub kernel_size: Sizes,
            /// Distance of windows; the kernel's size unless given.
            #[module(skip)]
            pub stride: Sizes,
            /// Width of the border, which counts as minus infinity.
            #[module(skip)]
            pub padding: Sizes,
            /// Distance of a window's cells.
            #[module(skip)]
            pub dilation: Sizes,
            /// Whether a last, incomplete window counts.
            pub ceil_mode: bool,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(kernel_size: Sizes as impl Into<Sizes>) {
                /// Distance of windows (the kernel's size).
                stride: Option<Sizes> as impl Into<Sizes> => Some = None,
                /// Width of the border (0).
                padding: Sizes as impl Into<Sizes> = 0.into(),
                /// Distance of a window's cells (1).
                dilation: Sizes as impl Into<Sizes> = 1.into(),
                /// Whether a last, incomplete window counts (it does not).
                ceil_mode: bool = false,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    stride: o.stride.unwrap_or_else(|| o.kernel_size.clone()),
                    kernel_size: o.kernel_size,
                    padding: o.padding,
                    dilation: o.dilation,
                    ceil_mode: o.ceil_mode,
                    base: Base::new(),
                })
            }

            /// The output and the place of each largest element within its plane, for unpooling; throws.
            #[track_caller]
            pub fn forward_with_indices(&self, input: &Tensor) -> (Tensor, Tensor) {
                self.try_forward_with_indices(input).or_throw()
            }

            /// The output and the place of each largest element within its plane.
            pub fn try_forward_with_indices(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
                let [k, s, p, d] = [&self.kernel_size, &self.stride, &self.padding, &self.dilation].map(Sizes::list);
                call(self, &[input], |x| max::$both(x[0], k, s, p, d, self.ceil_mode))
            }

            fn extra_repr(&self) -> String {
                format!(
                    "kernel_size={}, stride={}, padding={}, dilation={}, ceil_mode={}",
                    self.kernel_size,
                    self.stride,
                    self.padding,
                    self.dilation,
                    crate::python_bool(self.ceil_mode)
                )
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                let [k, s, p, d] = [&self.kernel_size, &self.stride, &self.padding, &self.dilation].map(Sizes::list);
                max::$plain(input, k, s, p, d, self.ceil_mode)
            }
        }
    )* };
}

max_pool! {
    /// The largest element of each window along one dimension: `y[i] = max over j of x[i·stride + j·dilation - padding]`.
    ///
    /// * **Shapes**: `(N, C, L)` or `(C, L)`; `L` becomes
    ///   `⌊(L + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1` (rounded up with `ceil_mode`, as long as the last
    ///   window starts inside). **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`MaxPool2d`], on sequences.
    /// * **Where used**: convolutional networks for text and audio.
    MaxPool1d MaxPool1dOptions max_pool1d max_pool1d_with_indices;

    /// The largest element of each window: `y[i, j] = max over (a, b) of x[i·s + a·d - p, j·s + b·d - p]`, channel by channel.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)`; each of `H` and `W` becomes
    ///   `⌊(H + 2·padding - dilation·(kernel_size - 1) - 1) / stride⌋ + 1` (rounded up with `ceil_mode`).
    /// * **Parameters**: none.
    /// * **How it works**: only the strongest response of a window goes on, and only it gets the gradient: where windows
    ///   overlap, the sum of theirs. Of equal elements the first wins; NaN wins over everything.
    /// * **When to use it**: behind a convolution and its activation, to halve the resolution and to become insensitive to small
    ///   shifts.
    /// * **Limits**: it forgets where in the window the element stood, which segmentation and generation need
    ///   ([`MaxUnpool2d`](crate::MaxUnpool2d) and skip connections bring it back); strided convolutions learn how to
    ///   reduce instead.
    /// * **Where used**: LeNet (as mean pooling first), AlexNet, VGG, the stem of ResNet, U-Net.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{Layer, MaxPool2d};
    /// let pool = MaxPool2d::options(3).stride(2).padding(1).build();
    /// assert_eq!(pool.forward(&Tensor::zeros(&[8, 64, 112, 112])).shape(), [8, 64, 56, 56]);
    /// assert_eq!(pool.to_string(), "MaxPool2d(kernel_size=3, stride=2, padding=1, dilation=1, ceil_mode=False)");
    /// ```
    MaxPool2d MaxPool2dOptions max_pool2d max_pool2d_with_indices;

    /// The largest element of each box over depth, height and width.
    ///
    /// * **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`; each size as in [`MaxPool2d`]. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`MaxPool2d`], on volumes and video.
    /// * **Where used**: C3D, 3-d U-Net.
    MaxPool3d MaxPool3dOptions max_pool3d max_pool3d_with_indices;
}

macro_rules! avg_pool {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident { $($(#[$fdoc:meta])* $divisor:ident)? } |$l:ident, $x:ident| $run:expr, $tuple:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// Cells of a window.
            #[module(skip)]
            pub kernel_size: Sizes,
            /// Distance of windows; the kernel's size unless given.
            #[module(skip)]
            pub stride: Sizes,
            /// Width of the border of zeros.
            #[module(skip)]
            pub padding: Sizes,
            /// Whether a last, incomplete window counts.
            pub ceil_mode: bool,
            /// Whether the border's zeros count into the mean.
            pub count_include_pad: bool,
            $($(#[$fdoc])*
            #[module(skip)]
            pub $divisor: Option<i64>,)?
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(kernel_size: Sizes as impl Into<Sizes>) {
                /// Distance of windows (the kernel's size).
                stride: Option<Sizes> as impl Into<Sizes> => Some = None,
                /// Width of the border of zeros (0).
                padding: Sizes as impl Into<Sizes> = 0.into(),
                /// Whether a last, incomplete window counts (it does not).
                ceil_mode: bool = false,
                /// Whether the border's zeros count into the mean (they do).
                count_include_pad: bool = true,
                $($(#[$fdoc])*
                $divisor: Option<i64> as i64 => Some = None,)?
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    stride: o.stride.unwrap_or_else(|| o.kernel_size.clone()),
                    kernel_size: o.kernel_size,
                    padding: o.padding,
                    ceil_mode: o.ceil_mode,
                    count_include_pad: o.count_include_pad,
                    $($divisor: o.$divisor,)?
                    base: Base::new(),
                })
            }

            fn extra_repr(&self) -> String {
                let show = |s: &Sizes| if $tuple { s.tuple(1) } else { s.clone() };
                let [k, s, p] = [&self.kernel_size, &self.stride, &self.padding].map(show);
                format!("kernel_size={k}, stride={s}, padding={p}")
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                let ($l, $x) = (self, input);
                $run
            }
        }
    )* };
}

avg_pool! {
    /// The mean of each window along one dimension.
    ///
    /// * **Shapes**: `(N, C, L)` or `(C, L)`; `L` becomes `⌊(L + 2·padding - kernel_size) / stride⌋ + 1`. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`AvgPool2d`], on sequences.
    /// * **Where used**: smoothing and reducing time series.
    AvgPool1d AvgPool1dOptions {} |l, x| average::avg_pool1d(
        x, l.kernel_size.list(), l.stride.list(), l.padding.list(), l.ceil_mode, l.count_include_pad
    ), true;

    /// The mean of each window: `y[i, j] = 1/(kH·kW) · Σ over (a, b) of x[i·s + a - p, j·s + b - p]`, channel by channel.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)`; each of `H` and `W` becomes `⌊(H + 2·padding - kernel_size) / stride⌋ + 1`.
    /// * **Parameters**: none.
    /// * **How it works**: every cell counts the same and gets the same share of the gradient.
    /// * **When to use it**: where all of a window matters rather than its peak; over the whole plane
    ///   ([`AdaptiveAvgPool2d`](crate::AdaptiveAvgPool2d) to size 1) before the classifier, which frees it from the size of
    ///   the image.
    /// * **Limits**: strong, sparse responses are diluted; fine structure is blurred.
    /// * **Where used**: LeNet; the transitions of DenseNet; global means in ResNet and Inception.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{AvgPool2d, Layer};
    /// assert_eq!(AvgPool2d::new(2).forward(&Tensor::ones(&[1, 1, 4, 4])).to_vec::<f32>(), [1.0; 4]);
    /// ```
    AvgPool2d AvgPool2dOptions {
        /// Divides the sums in the place of the number of cells.
        divisor_override
    } |l, x| average::avg_pool2d(
        x, l.kernel_size.list(), l.stride.list(), l.padding.list(), l.ceil_mode, l.count_include_pad, l.divisor_override
    ), false;

    /// The mean of each box over depth, height and width.
    ///
    /// * **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`; each size as in [`AvgPool2d`]. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`AvgPool2d`], on volumes and video.
    /// * **Where used**: I3D and other video networks.
    AvgPool3d AvgPool3dOptions {
        /// Divides the sums in the place of the number of cells.
        divisor_override
    } |l, x| average::avg_pool3d(
        x, l.kernel_size.list(), l.stride.list(), l.padding.list(), l.ceil_mode, l.count_include_pad, l.divisor_override
    ), false;
}

macro_rules! lp_pool {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $n:literal $largest:ident |$x:ident, $k:ident, $s:ident, $c:ident| $mean:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// The power `p`.
            #[module(skip)]
            pub norm_type: Scalar,
            /// Cells of a window.
            #[module(skip)]
            pub kernel_size: Sizes,
            /// Distance of windows; the kernel's size unless given.
            #[module(skip)]
            pub stride: Option<Sizes>,
            /// Whether a last, incomplete window counts.
            pub ceil_mode: bool,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(norm_type: Scalar as impl Into<Scalar>, kernel_size: Sizes as impl Into<Sizes>) {
                /// Distance of windows (the kernel's size).
                stride: Option<Sizes> as impl Into<Sizes> => Some = None,
                /// Whether a last, incomplete window counts (it does not).
                ceil_mode: bool = false,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    norm_type: o.norm_type,
                    kernel_size: o.kernel_size,
                    stride: o.stride,
                    ceil_mode: o.ceil_mode,
                    base: Base::new(),
                })
            }

            fn extra_repr(&self) -> String {
                format!(
                    "norm_type={}, kernel_size={}, stride={}, ceil_mode={}",
                    number(self.norm_type),
                    self.kernel_size,
                    self.stride.as_ref().map_or("None".into(), |s| s.to_string()),
                    crate::python_bool(self.ceil_mode)
                )
            }
        }

        impl Layer for $Layer {
            fn run(&self, $x: &Tensor) -> Result<Tensor> {
                let p = self.norm_type.to_f64();
                let ($k, $s) = (self.kernel_size.list(), self.stride.as_ref().map_or(&[][..], Sizes::list));
                let $c = self.ceil_mode;
                if p == 0.0 {
                    bail!(Value, "norm_type must be a non-zero value, but got {}", number(self.norm_type));
                }
                if p == f64::INFINITY {
                    return max::$largest(&$x.abs(), $k, $s, &[0], &[1], $c);
                }
                if p == f64::NEG_INFINITY {
                    return Ok(-max::$largest(&-$x.abs(), $k, $s, &[0], &[1], $c)?);
                }
                let cells: i64 = self.kernel_size.expanded($n).iter().product();
                let $x = &$x.pow(self.norm_type);
                let mean: Tensor = $mean?;
                Ok((mean.sign() * mean.abs().relu() * cells).pow(1.0 / p))
            }
        }
    )* };
}

lp_pool! {
    /// The power sum of each window along one dimension, `y = (Σ x^p)^(1/p)`.
    ///
    /// * **Shapes**: `(N, C, L)` or `(C, L)`; `L` becomes `⌊(L - kernel_size) / stride⌋ + 1`. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`LPPool2d`].
    LPPool1d LPPool1dOptions 1 max_pool1d |x, k, s, c| average::avg_pool1d(x, k, s, &[0], c, true);

    /// The power sum of each window, `y = (Σ x^p)^(1/p)`: between the sum (`p = 1`) and the maximum (`p = ∞`).
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)`; each of `H` and `W` becomes `⌊(H - kernel_size) / stride⌋ + 1`.
    /// * **Parameters**: none.
    /// * **How it works**: a mean of powers, times the number of cells, to the power `1/p`; a window of zeros has no gradient.
    /// * **When to use it**: for responses without sign (`p = 2`: energy), where a maximum is too coarse and a mean too soft.
    /// * **Limits**: powers of large elements overflow; negative elements need an even whole `p`.
    /// * **Where used**: models of the visual cortex; early networks for house numbers (P. Sermanet et al., 2012).
    LPPool2d LPPool2dOptions 2 max_pool2d |x, k, s, c| average::avg_pool2d(x, k, s, &[0], c, true, None);

    /// The power sum of each box over depth, height and width, `y = (Σ x^p)^(1/p)`.
    ///
    /// * **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`; each size as in [`LPPool2d`]. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`LPPool2d`].
    LPPool3d LPPool3dOptions 3 max_pool3d |x, k, s, c| average::avg_pool3d(x, k, s, &[0], c, true, None);
}

//! Pooling to a size that is given, whatever the input's.

use super::sizes::tuple;
use crate::{Base, Layer, Module, call};
use duoc_core::ops::pool::adaptive;
use duoc_core::{OrThrow, Result, Tensor, ensure};
use std::fmt;

/// The size that pooling is to reach: one number for all dimensions, or one for each; `None` keeps the input's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputSize {
    values: Vec<Option<i64>>,
    single: bool,
}

impl From<i64> for OutputSize {
    fn from(n: i64) -> OutputSize {
        OutputSize {
            values: vec![Some(n)],
            single: true,
        }
    }
}
impl<const N: usize> From<[i64; N]> for OutputSize {
    fn from(n: [i64; N]) -> OutputSize {
        n.map(Some).into()
    }
}
impl<const N: usize> From<[Option<i64>; N]> for OutputSize {
    fn from(n: [Option<i64>; N]) -> OutputSize {
        Vec::from(n).into()
    }
}
impl From<Vec<Option<i64>>> for OutputSize {
    fn from(values: Vec<Option<i64>>) -> OutputSize {
        OutputSize { values, single: false }
    }
}

impl OutputSize {
    /// The sizes for `n` dimensions of an input.
    fn of(&self, n: usize, input: &Tensor) -> Result<Vec<i64>> {
        if self.single {
            return Ok(vec![self.values[0].unwrap_or(0); n]);
        }
        let shape = input.shape();
        ensure!(
            shape.len() > self.values.len(),
            Value,
            "Input dimension should be at least {}",
            self.values.len() + 1
        );
        let last = &shape[shape.len() - self.values.len()..];
        Ok(self
            .values
            .iter()
            .zip(last)
            .map(|(v, d)| v.unwrap_or(*d as i64))
            .collect())
    }
}

impl fmt::Display for OutputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |v: &Option<i64>| v.map_or("None".into(), |n| n.to_string());
        match self.single {
            true => f.write_str(&one(&self.values[0])),
            false => f.write_str(&tuple(self.values.iter().map(one))),
        }
    }
}

macro_rules! adaptive {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $n:literal |$x:ident, $size:ident| $run:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// The size of the result's last dimensions.
            #[module(skip)]
            pub output_size: OutputSize,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(output_size: OutputSize as impl Into<OutputSize>) {}
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    output_size: o.output_size,
                    base: Base::new(),
                })
            }

            fn extra_repr(&self) -> String {
                format!("output_size={}", self.output_size)
            }
        }

        impl Layer for $Layer {
            fn run(&self, $x: &Tensor) -> Result<Tensor> {
                let $size = &self.output_size.of($n, $x)?[..];
                $run
            }
        }
    )* };
}

adaptive! {
    /// The means of `L'` windows that cover the last dimension.
    ///
    /// * **Shapes**: `(N, C, L)` or `(C, L)` becomes `(.., L')`. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`AdaptiveAvgPool2d`].
    AdaptiveAvgPool1d AdaptiveAvgPool1dOptions 1 |x, size| adaptive::adaptive_avg_pool1d(x, size);

    /// The means of `H' x W'` windows that cover the plane; window `i` of `n` over `d` cells is `⌊i·d/n⌋..⌈(i+1)·d/n⌉`.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)` becomes `(.., H', W')`; `None` keeps a size. **Parameters**: none.
    /// * **How it works**: windows differ by at most one cell; each cell of a window gets the same share of its gradient. With
    ///   size 1 it is global mean pooling: one number for each channel.
    /// * **When to use it**: before a classifier, which then takes images of any size.
    /// * **Limits**: what lies where is gone with size 1.
    /// * **Where used**: Network in Network, ResNet, EfficientNet; VGG in torchvision (7 x 7).
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{AdaptiveAvgPool2d, Layer};
    /// assert_eq!(AdaptiveAvgPool2d::new(1).forward(&Tensor::ones(&[8, 64, 56, 56])).shape(), [8, 64, 1, 1]);
    /// ```
    AdaptiveAvgPool2d AdaptiveAvgPool2dOptions 2 |x, size| adaptive::adaptive_avg_pool2d(x, size);

    /// The means of `D' x H' x W'` boxes that cover the volume.
    ///
    /// * **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)` becomes `(.., D', H', W')`. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`AdaptiveAvgPool2d`].
    AdaptiveAvgPool3d AdaptiveAvgPool3dOptions 3 |x, size| adaptive::adaptive_avg_pool3d(x, size);

    /// The largest elements of `L'` windows that cover the last dimension.
    ///
    /// * **Shapes**: `(N, C, L)` or `(C, L)` becomes `(.., L')`. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`AdaptiveMaxPool2d`].
    AdaptiveMaxPool1d AdaptiveMaxPool1dOptions 1 |x, size| Ok(adaptive::adaptive_max_pool1d(x, size)?.0);

    /// The largest elements of `H' x W'` windows that cover the plane, which lie as those of [`AdaptiveAvgPool2d`].
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)` becomes `(.., H', W')`. **Parameters**: none.
    /// * **How it works**: the gradient of a window goes to its largest element.
    /// * **When to use it**: to ask whether something is anywhere in a region, for inputs of any size.
    /// * **Limits**: one cell of a window learns at a time.
    /// * **Where used**: pooling of regions in Fast R-CNN; attention over channels (CBAM).
    AdaptiveMaxPool2d AdaptiveMaxPool2dOptions 2 |x, size| Ok(adaptive::adaptive_max_pool2d(x, size)?.0);

    /// The largest elements of `D' x H' x W'` boxes that cover the volume.
    ///
    /// * **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)` becomes `(.., D', H', W')`. **Parameters**: none.
    /// * **How it works, when to use it, limits**: as [`AdaptiveMaxPool2d`].
    AdaptiveMaxPool3d AdaptiveMaxPool3dOptions 3 |x, size| Ok(adaptive::adaptive_max_pool3d(x, size)?.0);
}

macro_rules! with_indices {
    ($($Layer:ident $op:ident $n:literal;)*) => { $(
        impl $Layer {
            /// The output and the place of each largest element within its plane; throws.
            #[track_caller]
            pub fn forward_with_indices(&self, input: &Tensor) -> (Tensor, Tensor) {
                self.try_forward_with_indices(input).or_throw()
            }

            /// The output and the place of each largest element within its plane.
            pub fn try_forward_with_indices(&self, input: &Tensor) -> Result<(Tensor, Tensor)> {
                call(self, &[input], |x| adaptive::$op(x[0], &self.output_size.of($n, x[0])?))
            }
        }
    )* };
}
with_indices! {
    AdaptiveMaxPool1d adaptive_max_pool1d 1;
    AdaptiveMaxPool2d adaptive_max_pool2d 2;
    AdaptiveMaxPool3d adaptive_max_pool3d 3;
}

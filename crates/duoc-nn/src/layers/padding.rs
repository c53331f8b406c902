//! Borders.

use super::sizes::{Sizes, number, tuple};
use crate::{Base, Layer, Module};
use duoc_core::ops::pad;
use duoc_core::{Result, Scalar, Tensor, bail};

/// The widths of a border: one number for all sides, or one for each: left, right, top, bottom, front, back.
fn widths(s: &Sizes, sides: usize) -> Result<Vec<i64>> {
    let all = s.expanded(sides);
    if all.len() != sides {
        bail!(Value, "padding needs one number or {sides}, but got {}", all.len());
    }
    Ok(all)
}

macro_rules! bordered {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $sides:literal |$x:ident, $p:ident| $run:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// Widths: left, right and, with more dimensions, top, bottom, front, back. A negative one cuts off.
            #[module(skip)]
            pub padding: Vec<i64>,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(padding: Sizes as impl Into<Sizes>) {}
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    padding: widths(&o.padding, $sides)?,
                    base: Base::new(),
                })
            }

            fn extra_repr(&self) -> String {
                tuple(self.padding.iter().map(|n| n.to_string()))
            }
        }

        impl Layer for $Layer {
            fn run(&self, $x: &Tensor) -> Result<Tensor> {
                let $p = &self.padding[..];
                $run
            }
        }
    )* };
}

const ZERO: Scalar = Scalar::Int(0);

bordered! {
    /// A border of zeros around the last dimension. **Shapes**: `(.., W)` becomes `(.., W + left + right)`. **Parameters**:
    /// none. The rest as [`ZeroPad2d`].
    ZeroPad1d ZeroPad1dOptions 2 |x, p| pad::constant_pad_nd(x, p, ZERO);

    /// A border of zeros around the last two dimensions, `y[i, j] = x[i - top, j - left]` inside and 0 outside.
    ///
    /// * **Shapes**: `(.., H, W)` becomes `(.., H + top + bottom, W + left + right)`. **Parameters**: none.
    /// * **How it works**: the gradient is that of the inside. Negative widths cut off.
    /// * **When to use it**: to keep the size through a convolution, above all with uneven widths, which its own padding has not.
    /// * **Limits**: zeros are an edge that is not in the picture; see [`ReflectionPad2d`] and [`ReplicationPad2d`].
    /// * **Where used**: ports of TensorFlow models, whose 'same' pads one side more.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{Layer, ZeroPad2d};
    /// assert_eq!(ZeroPad2d::new([1, 2, 3, 4]).forward(&Tensor::ones(&[1, 5, 5])).shape(), [1, 12, 8]);
    /// ```
    ZeroPad2d ZeroPad2dOptions 4 |x, p| pad::constant_pad_nd(x, p, ZERO);

    /// A border of zeros around the last three dimensions. **Shapes**: each size grows by its two widths. **Parameters**: none.
    /// The rest as [`ZeroPad2d`].
    ZeroPad3d ZeroPad3dOptions 6 |x, p| pad::constant_pad_nd(x, p, ZERO);

    /// The last dimension continued by its mirror image: `d c b | a b c d | c b a`, without the edge. **Shapes**: `(N, C, W)` or
    /// `(C, W)`, `W + left + right`; widths stay below `W`. **Parameters**: none. The rest as [`ReflectionPad2d`].
    ReflectionPad1d ReflectionPad1dOptions 2 |x, p| pad::reflection_pad1d(x, p);

    /// The plane continued by its mirror image, without the edge itself.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)`; `H + top + bottom`, `W + left + right`; widths stay below the sizes.
    /// * **Parameters**: none.
    /// * **How it works**: each cell of the border is a copy, so the gradient of a cell is the sum of its copies'.
    /// * **When to use it**: before convolutions that make pictures: no dark frame, no seam.
    /// * **Limits**: structure that runs out of the picture is folded back.
    /// * **Where used**: neural style transfer, CycleGAN.
    ReflectionPad2d ReflectionPad2dOptions 4 |x, p| pad::reflection_pad2d(x, p);

    /// The volume continued by its mirror image. **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`; each size grows by its two
    /// widths, which stay below it. **Parameters**: none. The rest as [`ReflectionPad2d`].
    ReflectionPad3d ReflectionPad3dOptions 6 |x, p| pad::reflection_pad3d(x, p);

    /// The last dimension continued by its ends: `a a | a b c | c c`. **Shapes**: `(N, C, W)` or `(C, W)`, `W + left + right`.
    /// **Parameters**: none. The rest as [`ReplicationPad2d`].
    ReplicationPad1d ReplicationPad1dOptions 2 |x, p| pad::replication_pad1d(x, p);

    /// The plane continued by its edges.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)`; `H + top + bottom`, `W + left + right`. **Parameters**: none.
    /// * **How it works**: each cell of the border is a copy of the nearest one, which gets the sum of the copies' gradients.
    /// * **When to use it**: where the mean near the edge should not fall, for example optical flow and filters.
    /// * **Limits**: wide borders become stripes.
    ReplicationPad2d ReplicationPad2dOptions 4 |x, p| pad::replication_pad2d(x, p);

    /// The volume continued by its faces. **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`; each size grows by its two widths.
    /// **Parameters**: none. The rest as [`ReplicationPad2d`].
    ReplicationPad3d ReplicationPad3dOptions 6 |x, p| pad::replication_pad3d(x, p);

    /// The last dimension continued by its other end: `c d | a b c d | a b`. **Shapes**: `(N, C, W)` or `(C, W)`,
    /// `W + left + right`; widths stay within `W`. **Parameters**: none. The rest as [`CircularPad2d`].
    CircularPad1d CircularPad1dOptions 2 |x, p| pad::pad(x, p, "circular", None);

    /// The plane continued by its other ends, as on a torus.
    ///
    /// * **Shapes**: `(N, C, H, W)` or `(C, H, W)`; `H + top + bottom`, `W + left + right`; widths stay within the sizes.
    /// * **Parameters**: none.
    /// * **When to use it**: for data that is periodic: angles, longitudes, lattices, tiles.
    /// * **Limits**: on other data it joins what does not belong together.
    CircularPad2d CircularPad2dOptions 4 |x, p| pad::pad(x, p, "circular", None);

    /// The volume continued by its other ends. **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`; each size grows by its two
    /// widths. **Parameters**: none. The rest as [`CircularPad2d`].
    CircularPad3d CircularPad3dOptions 6 |x, p| pad::pad(x, p, "circular", None);
}

macro_rules! constant {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $sides:literal;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// Widths: left, right and, with more dimensions, top, bottom, front, back. A negative one cuts off.
            #[module(skip)]
            pub padding: Vec<i64>,
            /// The border's value.
            #[module(skip)]
            pub value: Scalar,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer(padding: Sizes as impl Into<Sizes>, value: Scalar as impl Into<Scalar>) {}
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    padding: widths(&o.padding, $sides)?,
                    value: o.value,
                    base: Base::new(),
                })
            }

            fn extra_repr(&self) -> String {
                format!(
                    "padding={}, value={}",
                    tuple(self.padding.iter().map(|n| n.to_string())),
                    number(self.value)
                )
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                pad::constant_pad_nd(input, &self.padding, self.value)
            }
        }
    )* };
}

constant! {
    /// A border of one value around the last dimension. **Shapes** and the rest as [`ZeroPad1d`].
    ConstantPad1d ConstantPad1dOptions 2;
    /// A border of one value around the last two dimensions. **Shapes** and the rest as [`ZeroPad2d`].
    ConstantPad2d ConstantPad2dOptions 4;
    /// A border of one value around the last three dimensions. **Shapes** and the rest as [`ZeroPad3d`].
    ConstantPad3d ConstantPad3dOptions 6;
}

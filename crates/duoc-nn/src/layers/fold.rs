//! Blocks as columns and back, and channels as cells and back.

use super::sizes::Sizes;
use crate::{Base, Layer, Module};
use duoc_core::ops::{blocks, shuffle};
use duoc_core::{Result, Tensor};

/// The blocks of a picture as columns: column `l` holds the cells of block `l`, channel by channel.
///
/// * **Shapes**: `(N, C, H, W)` or `(C, H, W)` becomes `(N, C kH kW, L)`; `L` is the product over both axes of
///   `floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`. **Parameters**: none.
/// * **How it works**: a convolution is a matrix product with these columns; the gradient of a cell is the sum over the
///   blocks that hold it, which is [`Fold`].
/// * **When to use it**: for layers that do something else than a product with each block: local attention, patches.
/// * **Limits**: every cell is copied `kH kW` times.
/// * **Where used**: im2col convolutions, patch embeddings, Swin-like windows.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Unfold};
/// assert_eq!(Unfold::new([2, 3]).forward(&Tensor::ones(&[2, 5, 3, 4])).shape(), [2, 30, 4]);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Unfold {
    /// Cells of a block.
    #[module(skip)]
    pub kernel_size: Sizes,
    /// Distance of a block's cells.
    #[module(skip)]
    pub dilation: Sizes,
    /// Width of the border of zeros.
    #[module(skip)]
    pub padding: Sizes,
    /// Distance of blocks.
    #[module(skip)]
    pub stride: Sizes,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What the layer is to be.
    UnfoldOptions for Unfold(kernel_size: Sizes as impl Into<Sizes>) {
        /// Distance of a block's cells (1).
        dilation: Sizes as impl Into<Sizes> = 1.into(),
        /// Width of the border of zeros (0).
        padding: Sizes as impl Into<Sizes> = 0.into(),
        /// Distance of blocks (1).
        stride: Sizes as impl Into<Sizes> = 1.into(),
    }
}

impl Unfold {
    fn from_options(o: UnfoldOptions) -> Result<Unfold> {
        Ok(Unfold {
            kernel_size: o.kernel_size,
            dilation: o.dilation,
            padding: o.padding,
            stride: o.stride,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        format!(
            "kernel_size={}, dilation={}, padding={}, stride={}",
            self.kernel_size, self.dilation, self.padding, self.stride
        )
    }
}

impl Layer for Unfold {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let [k, e, p, s] = [&self.kernel_size, &self.dilation, &self.padding, &self.stride].map(|s| s.expanded(2));
        blocks::im2col(input, &k, &e, &p, &s)
    }
}

/// The sum of blocks at their places, the adjoint of [`Unfold`].
///
/// * **Shapes**: `(N, C kH kW, L)` or `(C kH kW, L)` becomes `(N, C, H, W)` of `output_size`; `L` must be the number of blocks
///   that [`Unfold`] finds in it. **Parameters**: none.
/// * **How it works**: cells in several blocks are their sum; `Fold(Unfold(x))` is `x` times the number of blocks of each cell.
/// * **When to use it**: to put patches together after they were worked on.
/// * **Limits**: overlapping patches want a division by the counts.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Fold, Layer};
/// assert_eq!(Fold::new([4, 5], [2, 2]).forward(&Tensor::ones(&[1, 12, 12])).shape(), [1, 3, 4, 5]);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Fold {
    /// Height and width of the result.
    #[module(skip)]
    pub output_size: Sizes,
    /// Cells of a block.
    #[module(skip)]
    pub kernel_size: Sizes,
    /// Distance of a block's cells.
    #[module(skip)]
    pub dilation: Sizes,
    /// Width of the border.
    #[module(skip)]
    pub padding: Sizes,
    /// Distance of blocks.
    #[module(skip)]
    pub stride: Sizes,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What the layer is to be.
    FoldOptions for Fold(output_size: Sizes as impl Into<Sizes>, kernel_size: Sizes as impl Into<Sizes>) {
        /// Distance of a block's cells (1).
        dilation: Sizes as impl Into<Sizes> = 1.into(),
        /// Width of the border (0).
        padding: Sizes as impl Into<Sizes> = 0.into(),
        /// Distance of blocks (1).
        stride: Sizes as impl Into<Sizes> = 1.into(),
    }
}

impl Fold {
    fn from_options(o: FoldOptions) -> Result<Fold> {
        Ok(Fold {
            output_size: o.output_size,
            kernel_size: o.kernel_size,
            dilation: o.dilation,
            padding: o.padding,
            stride: o.stride,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        format!(
            "output_size={}, kernel_size={}, dilation={}, padding={}, stride={}",
            self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )
    }
}

impl Layer for Fold {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let [k, e, p, s] = [&self.kernel_size, &self.dilation, &self.padding, &self.stride].map(|s| s.expanded(2));
        blocks::col2im(input, &self.output_size.expanded(2), &k, &e, &p, &s)
    }
}

macro_rules! shuffled {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident $field:ident $op:ident;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// The factor, or the number of groups.
            #[module(skip)]
            pub $field: i64,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer($field: i64) {}
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer {
                    $field: o.$field,
                    base: Base::new(),
                })
            }

            fn extra_repr(&self) -> String {
                format!("{}={}", stringify!($field), self.$field)
            }
        }

        impl Layer for $Layer {
            fn run(&self, input: &Tensor) -> Result<Tensor> {
                shuffle::$op(input, self.$field)
            }
        }
    )* };
}

shuffled! {
    /// Channels spread over `r x r` cells: `y[c, h r + i, w r + j] = x[c r^2 + i r + j, h, w]`.
    ///
    /// * **Shapes**: `(.., C r^2, H, W)` becomes `(.., C, H r, W r)`. **Parameters**: none.
    /// * **When to use it**: as the last step of a network that makes a picture larger: convolutions run at the small size.
    /// * **Limits**: the channels before it must be divisible by `r^2`.
    /// * **Where used**: ESPCN (W. Shi et al., 2016) and super-resolution since.
    PixelShuffle PixelShuffleOptions upscale_factor pixel_shuffle;

    /// Cells gathered into channels, the inverse of [`PixelShuffle`]. **Shapes**: `(.., C, H r, W r)` becomes
    /// `(.., C r^2, H, W)`. **Parameters**: none. **Where used**: to make pictures smaller without loss.
    PixelUnshuffle PixelUnshuffleOptions downscale_factor pixel_unshuffle;

    /// Channels dealt out to groups: channel `i (C / groups) + j` goes to place `j groups + i`.
    ///
    /// * **Shapes**: `(N, C, ..)` stays; `C` is divisible by `groups`. **Parameters**: none.
    /// * **When to use it**: between two grouped convolutions, so that groups see each other.
    /// * **Where used**: ShuffleNet (X. Zhang et al., 2018).
    ChannelShuffle ChannelShuffleOptions groups channel_shuffle;
}

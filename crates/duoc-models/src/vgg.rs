//! VGG, AlexNet and Network in Network: plain rows of convolutions.

use crate::parts::{conv, linear, norm, torchvision_init};
use duoc_core::{Result, Tensor};
use duoc_nn::{
    AdaptiveAvgPool2d, AvgPool2d, Base, Dropout, Factory, Layer, MaxPool2d, Module, ReLU, Sequential, options,
};

fn pool(kernel: i64, stride: i64, padding: i64) -> Result<MaxPool2d> {
    MaxPool2d::options(kernel).stride(stride).padding(padding).try_build()
}

fn drop(p: f64) -> Result<Dropout> {
    Dropout::options().p(p).try_build()
}

/// VGG (Simonyan and Zisserman, 2014): only windows of 3 × 3, doubled in number after each pooling.
///
/// * **Shapes**: `(n, 3, h, w)` to `(n, classes)`; 224 × 224 in the paper.
/// * **Parameters**: torchvision's names (`features.0.weight`, `classifier.6.bias`); VGG-16 has 138,357,544 with 1000 classes.
#[derive(Debug, Module)]
pub struct Vgg {
    features: Sequential,
    avgpool: AdaptiveAvgPool2d,
    classifier: Sequential,
    base: Base,
}

options! {
    /// What a [`Vgg`] is to be; `plan` lists the convolutions of each stage.
    VggOptions for Vgg(plan: [usize; 5]) {
        /// Number of classes (1000).
        classes: usize = 1000,
        /// Batch normalisation after each convolution.
        batch_norm: bool = false,
        /// The probability to drop a unit of the classifier (0.5).
        dropout: f64 = 0.5,
        /// Width of the classifier's hidden layers (4096).
        hidden: usize = 4096,
    }
}

impl Vgg {
    fn from_options(o: VggOptions) -> Result<Vgg> {
        let f = o.factory;
        let mut features = Sequential::new();
        let mut from = 3;
        for (width, count) in [64, 128, 256, 512, 512].into_iter().zip(o.plan) {
            for _ in 0..count {
                features.push(conv(from, width, 3, 1, 1, true, f)?);
                if o.batch_norm {
                    features.push(norm(width, f)?);
                }
                features.push(ReLU::new());
                from = width;
            }
            features.push(pool(2, 2, 0)?);
        }
        let net = Vgg {
            features,
            avgpool: AdaptiveAvgPool2d::options(7).try_build()?,
            classifier: Sequential::new()
                .add(linear(512 * 49, o.hidden, f)?)
                .add(ReLU::new())
                .add(drop(o.dropout)?)
                .add(linear(o.hidden, o.hidden, f)?)
                .add(ReLU::new())
                .add(drop(o.dropout)?)
                .add(linear(o.hidden, o.classes, f)?),
            base: Base::new(),
        };
        torchvision_init(&net, true)?;
        Ok(net)
    }
}

impl Layer for Vgg {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let x = self.avgpool.forward(&self.features.forward(input));
        self.classifier.try_forward(&x.flatten(1, -1))
    }
}

/// 11 layers with weights.
pub fn vgg11(classes: usize) -> VggOptions {
    Vgg::options([1, 1, 2, 2, 2]).classes(classes)
}

/// 13 layers with weights.
pub fn vgg13(classes: usize) -> VggOptions {
    Vgg::options([2, 2, 2, 2, 2]).classes(classes)
}

/// 16 layers with weights.
pub fn vgg16(classes: usize) -> VggOptions {
    Vgg::options([2, 2, 3, 3, 3]).classes(classes)
}

/// 19 layers with weights.
pub fn vgg19(classes: usize) -> VggOptions {
    Vgg::options([2, 2, 4, 4, 4]).classes(classes)
}

/// AlexNet (Krizhevsky et al., 2012), in torchvision's form: 61,100,840 parameters with 1000 classes.
#[derive(Debug, Module)]
pub struct AlexNet {
    features: Sequential,
    avgpool: AdaptiveAvgPool2d,
    classifier: Sequential,
    base: Base,
}

options! {
    /// What an [`AlexNet`] is to be.
    AlexNetOptions for AlexNet(classes: usize) {
        /// The probability to drop a unit of the classifier (0.5).
        dropout: f64 = 0.5,
        /// Width of the classifier's hidden layers (4096).
        hidden: usize = 4096,
    }
}

impl AlexNet {
    fn from_options(o: AlexNetOptions) -> Result<AlexNet> {
        let f = o.factory;
        let features = Sequential::new()
            .add(conv(3, 64, 11, 4, 2, true, f)?)
            .add(ReLU::new())
            .add(pool(3, 2, 0)?)
            .add(conv(64, 192, 5, 1, 2, true, f)?)
            .add(ReLU::new())
            .add(pool(3, 2, 0)?)
            .add(conv(192, 384, 3, 1, 1, true, f)?)
            .add(ReLU::new())
            .add(conv(384, 256, 3, 1, 1, true, f)?)
            .add(ReLU::new())
            .add(conv(256, 256, 3, 1, 1, true, f)?)
            .add(ReLU::new())
            .add(pool(3, 2, 0)?);
        Ok(AlexNet {
            features,
            avgpool: AdaptiveAvgPool2d::options(6).try_build()?,
            classifier: Sequential::new()
                .add(drop(o.dropout)?)
                .add(linear(256 * 36, o.hidden, f)?)
                .add(ReLU::new())
                .add(drop(o.dropout)?)
                .add(linear(o.hidden, o.hidden, f)?)
                .add(ReLU::new())
                .add(linear(o.hidden, o.classes, f)?),
            base: Base::new(),
        })
    }
}

impl Layer for AlexNet {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let x = self.avgpool.forward(&self.features.forward(input));
        self.classifier.try_forward(&x.flatten(1, -1))
    }
}

/// Network in Network (Lin et al., 2013): a small network of 1 × 1 convolutions at every place, and global average pooling
/// in the place of a classifier. 966,986 parameters for CIFAR-10.
#[derive(Debug, Module)]
pub struct Nin {
    features: Sequential,
    base: Base,
}

options! {
    /// What a [`Nin`] is to be.
    NinOptions for Nin(classes: usize) {
        /// Channels of the images (3).
        channels: usize = 3,
    }
}

/// A window of `kernel` and two layers of 1 × 1, each with ReLU.
fn nin_block(net: Sequential, from: usize, widths: [usize; 3], kernel: usize, f: Factory) -> Result<Sequential> {
    Ok(net
        .add(conv(from, widths[0], kernel, 1, kernel / 2, true, f)?)
        .add(ReLU::new())
        .add(conv(widths[0], widths[1], 1, 1, 0, true, f)?)
        .add(ReLU::new())
        .add(conv(widths[1], widths[2], 1, 1, 0, true, f)?)
        .add(ReLU::new()))
}

impl Nin {
    fn from_options(o: NinOptions) -> Result<Nin> {
        let f = o.factory;
        let net = nin_block(Sequential::new(), o.channels, [192, 160, 96], 5, f)?;
        let net = net.add(pool(3, 2, 1)?).add(drop(0.5)?);
        let net = nin_block(net, 96, [192, 192, 192], 5, f)?;
        let net = net
            .add(AvgPool2d::options(3).stride(2).padding(1).try_build()?)
            .add(drop(0.5)?);
        let net = nin_block(net, 192, [192, 192, o.classes], 3, f)?;
        Ok(Nin {
            features: net.add(AdaptiveAvgPool2d::options(1).try_build()?),
            base: Base::new(),
        })
    }
}

impl Layer for Nin {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        Ok(self.features.try_forward(input)?.flatten(1, -1))
    }
}

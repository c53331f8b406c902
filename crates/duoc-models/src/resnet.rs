//! Residual networks, with torchvision's parameter names.

use crate::parts::{conv, grouped, linear, norm, torchvision_init};
use duoc_core::{Result, Tensor};
use duoc_nn::{
    AdaptiveAvgPool2d, Base, BatchNorm2d, Conv2d, Factory, Layer, Linear, MaxPool2d, Module, ReLU, Sequential, options,
};

/// What a block adds to its input: two convolutions of 3 × 3.
#[derive(Debug, Module)]
pub struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    relu: ReLU,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    downsample: Option<Sequential>,
    base: Base,
}

impl Layer for BasicBlock {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.relu.forward(&self.bn1.forward(&self.conv1.forward(x)));
        let y = self.bn2.forward(&self.conv2.forward(&y));
        let shortcut = self
            .downsample
            .as_ref()
            .map_or_else(|| Ok(x.clone()), |d| d.try_forward(x))?;
        self.relu.try_forward(&(&y + &shortcut))
    }
}

/// What a block adds to its input: a narrow convolution of 3 × 3 between two of 1 × 1. The stride is in the middle one, as
/// in torchvision.
#[derive(Debug, Module)]
pub struct Bottleneck {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    conv3: Conv2d,
    bn3: BatchNorm2d,
    relu: ReLU,
    downsample: Option<Sequential>,
    base: Base,
}

impl Layer for Bottleneck {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.relu.forward(&self.bn1.forward(&self.conv1.forward(x)));
        let y = self.relu.forward(&self.bn2.forward(&self.conv2.forward(&y)));
        let y = self.bn3.forward(&self.conv3.forward(&y));
        let shortcut = self
            .downsample
            .as_ref()
            .map_or_else(|| Ok(x.clone()), |d| d.try_forward(x))?;
        self.relu.try_forward(&(&y + &shortcut))
    }
}

/// A residual network (He et al., 2015): blocks that learn what to add to their input, so that a hundred layers train as
/// well as ten.
///
/// * **Shapes**: `(n, channels, h, w)` to `(n, classes)`; any size that survives the strides (32 in all).
/// * **Parameters**: torchvision's names and counts (`resnet18`: 11,689,512 with 1000 classes).
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::ResNet;
/// use duoc_nn::{Layer, Module};
/// let small = ResNet::options([1, 1, 1, 1]).width(8).channels(1).classes(10).small_images(true).build();
/// assert_eq!(small.forward(&Tensor::ones(&[2, 1, 16, 16])).shape(), [2, 10]);
/// assert!(small.state_dict().contains("layer2.0.downsample.1.running_var"));
/// ```
#[derive(Debug, Module)]
pub struct ResNet {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    relu: ReLU,
    maxpool: Option<MaxPool2d>,
    layer1: Sequential,
    layer2: Sequential,
    layer3: Sequential,
    layer4: Sequential,
    avgpool: AdaptiveAvgPool2d,
    /// To the classes.
    pub fc: Linear,
    base: Base,
}

options! {
    /// What a [`ResNet`] is to be; `layers` counts the blocks of the four stages.
    ResNetOptions for ResNet(layers: [usize; 4]) {
        /// Number of classes (1000).
        classes: usize = 1000,
        /// Channels of the images (3).
        channels: usize = 3,
        /// Blocks of three convolutions rather than two, as from ResNet-50 on.
        bottleneck: bool = false,
        /// Channels of the first stage (64).
        width: usize = 64,
        /// Groups of the 3 x 3 convolutions in bottlenecks: ResNeXt (1).
        groups: usize = 1,
        /// Width of a group in bottlenecks (64): 128 makes a wide ResNet.
        width_per_group: usize = 64,
        /// For images of 32 x 32 and less: the first convolution is 3 x 3 with stride 1, and no pooling follows.
        small_images: bool = false,
    }
}

struct Maker {
    planes: usize,
    bottleneck: bool,
    groups: usize,
    width_per_group: usize,
    factory: Factory,
}

impl Maker {
    fn stage(&mut self, width: usize, blocks: usize, stride: usize) -> Result<Sequential> {
        let out = if self.bottleneck { 4 * width } else { width };
        let mut stage = Sequential::new();
        for i in 0..blocks {
            let stride = if i == 0 { stride } else { 1 };
            let mut downsample = None;
            if i == 0 && (stride != 1 || self.planes != out) {
                let projection = conv(self.planes, out, 1, stride, 0, false, self.factory)?;
                downsample = Some(Sequential::new().add(projection).add(norm(out, self.factory)?));
            }
            if self.bottleneck {
                stage.push(self.bottleneck(width, stride, downsample)?);
            } else {
                stage.push(self.basic(width, stride, downsample)?);
            }
            self.planes = out;
        }
        Ok(stage)
    }

    fn basic(&self, width: usize, stride: usize, downsample: Option<Sequential>) -> Result<BasicBlock> {
        let f = self.factory;
        Ok(BasicBlock {
            conv1: conv(self.planes, width, 3, stride, 1, false, f)?,
            bn1: norm(width, f)?,
            relu: ReLU::new(),
            conv2: conv(width, width, 3, 1, 1, false, f)?,
            bn2: norm(width, f)?,
            downsample,
            base: Base::new(),
        })
    }

    fn bottleneck(&self, width: usize, stride: usize, downsample: Option<Sequential>) -> Result<Bottleneck> {
        let f = self.factory;
        let inner = width * self.width_per_group / 64 * self.groups;
        Ok(Bottleneck {
            conv1: conv(self.planes, inner, 1, 1, 0, false, f)?,
            bn1: norm(inner, f)?,
            conv2: grouped(inner, inner, 3, stride, 1, false, self.groups, f)?,
            bn2: norm(inner, f)?,
            conv3: conv(inner, 4 * width, 1, 1, 0, false, f)?,
            bn3: norm(4 * width, f)?,
            relu: ReLU::new(),
            downsample,
            base: Base::new(),
        })
    }
}

impl ResNet {
    fn from_options(o: ResNetOptions) -> Result<ResNet> {
        let (w, f) = (o.width, o.factory);
        let mut maker = Maker {
            planes: w,
            bottleneck: o.bottleneck,
            groups: o.groups,
            width_per_group: o.width_per_group,
            factory: f,
        };
        let conv1 = match o.small_images {
            true => conv(o.channels, w, 3, 1, 1, false, f)?,
            false => conv(o.channels, w, 7, 2, 3, false, f)?,
        };
        let features = if o.bottleneck { 32 * w } else { 8 * w };
        let pool = MaxPool2d::options(3).stride(2).padding(1);
        let net = ResNet {
            conv1,
            bn1: norm(w, f)?,
            relu: ReLU::new(),
            maxpool: (!o.small_images).then(|| pool.try_build()).transpose()?,
            layer1: maker.stage(w, o.layers[0], 1)?,
            layer2: maker.stage(2 * w, o.layers[1], 2)?,
            layer3: maker.stage(4 * w, o.layers[2], 2)?,
            layer4: maker.stage(8 * w, o.layers[3], 2)?,
            avgpool: AdaptiveAvgPool2d::options(1).try_build()?,
            fc: linear(features, o.classes, f)?,
            base: Base::new(),
        };
        torchvision_init(&net, false)?;
        Ok(net)
    }

    /// Everything before the classifier: `(n, features, h / 32, w / 32)`.
    pub fn features(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.relu.forward(&self.bn1.forward(&self.conv1.forward(x)));
        if let Some(pool) = &self.maxpool {
            x = pool.forward(&x);
        }
        for stage in [&self.layer1, &self.layer2, &self.layer3] {
            x = stage.forward(&x);
        }
        self.layer4.try_forward(&x)
    }
}

impl Layer for ResNet {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let x = self.features(input)?;
        self.fc.try_forward(&self.avgpool.forward(&x).flatten(1, -1))
    }
}

/// 18 layers.
pub fn resnet18(classes: usize) -> ResNetOptions {
    ResNet::options([2, 2, 2, 2]).classes(classes)
}

/// 34 layers.
pub fn resnet34(classes: usize) -> ResNetOptions {
    ResNet::options([3, 4, 6, 3]).classes(classes)
}

/// 50 layers.
pub fn resnet50(classes: usize) -> ResNetOptions {
    ResNet::options([3, 4, 6, 3]).bottleneck(true).classes(classes)
}

/// 101 layers.
pub fn resnet101(classes: usize) -> ResNetOptions {
    ResNet::options([3, 4, 23, 3]).bottleneck(true).classes(classes)
}

/// 152 layers.
pub fn resnet152(classes: usize) -> ResNetOptions {
    ResNet::options([3, 8, 36, 3]).bottleneck(true).classes(classes)
}

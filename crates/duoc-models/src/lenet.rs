//! LeNet.

use crate::parts::{conv, linear};
use duoc_core::{Result, Tensor, ensure};
use duoc_nn::{Base, Conv2d, Layer, Linear, MaxPool2d, Module, options};

/// LeNet-5 (LeCun et al., 1998) as it is used today: ReLU and maximum pooling.
///
/// * **Shapes**: `(n, channels, image, image)` to `(n, classes)`; 28 for MNIST, 32 for CIFAR, 8 for the embedded digits.
/// * **Parameters**: 61,706 for 28 × 28 grey images and 10 classes, under `conv1`, `conv2`, `fc1`, `fc2`, `fc3`.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::LeNet;
/// use duoc_nn::{Layer, Module};
/// let net = LeNet::new(28, 10);
/// assert_eq!(net.forward(&Tensor::ones(&[2, 1, 28, 28])).shape(), [2, 10]);
/// assert_eq!(net.num_parameters(), 61_706);
/// ```
#[derive(Clone, Debug, Module)]
pub struct LeNet {
    /// 6 filters of 5 × 5.
    pub conv1: Conv2d,
    /// 16 filters of 5 × 5.
    pub conv2: Conv2d,
    /// Halves both sides.
    pub pool: MaxPool2d,
    /// To 120 features.
    pub fc1: Linear,
    /// To 84 features.
    pub fc2: Linear,
    /// To the classes.
    pub fc3: Linear,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`LeNet`] is to be.
    LeNetOptions for LeNet(image: usize, classes: usize) {
        /// Channels of the images (1).
        channels: usize = 1,
    }
}

impl LeNet {
    fn from_options(o: LeNetOptions) -> Result<LeNet> {
        ensure!(
            o.image >= 4,
            Value,
            "LeNet needs images of at least 4 x 4, not {0} x {0}",
            o.image
        );
        // The second window moves inside the image where it fits, as in the paper.
        let half = o.image / 2;
        let padding = if half >= 6 { 0 } else { 2 };
        let side = (half + 2 * padding - 4) / 2;
        Ok(LeNet {
            conv1: conv(o.channels, 6, 5, 1, 2, true, o.factory)?,
            conv2: conv(6, 16, 5, 1, padding, true, o.factory)?,
            pool: MaxPool2d::options(2).try_build()?,
            fc1: linear(16 * side * side, 120, o.factory)?,
            fc2: linear(120, 84, o.factory)?,
            fc3: linear(84, o.classes, o.factory)?,
            base: Base::new(),
        })
    }
}

impl Layer for LeNet {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let x = self.pool.forward(&self.conv1.forward(input).relu());
        let x = self.pool.forward(&self.conv2.forward(&x).relu()).flatten(1, -1);
        let x = self.fc1.forward(&x).relu();
        self.fc3.try_forward(&self.fc2.forward(&x).relu())
    }
}

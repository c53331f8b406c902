//! The three networks that find faces.

use crate::parts::{conv, linear};
use duoc_core::{OrThrow, Result, Tensor};
use duoc_nn::{Base, Conv2d, Factory, Layer, Linear, MaxPool2d, Module, PReLU, call, options};

fn pool(kernel: i64) -> Result<MaxPool2d> {
    MaxPool2d::options(kernel).stride(2).ceil_mode(true).try_build()
}

fn filters(from: usize, to: usize, kernel: usize, f: Factory) -> Result<Conv2d> {
    conv(from, to, kernel, 1, 0, true, f)
}

fn prelu(channels: usize, f: Factory) -> Result<PReLU> {
    PReLU::options().num_parameters(channels).factory(f).try_build()
}

/// Columns first: the order in which the weights of the fully connected layers were trained.
fn flat(x: &Tensor) -> Tensor {
    x.permute(&[0, 3, 2, 1]).flatten(1, -1)
}

/// Proposes places where faces may be (Zhang et al., 2016): `(n, 3, h, w)` to boxes `(n, 4, ..)` and probabilities `(n, 2, ..)`.
#[derive(Clone, Debug, Module)]
pub struct PNet {
    conv1: Conv2d,
    prelu1: PReLU,
    pool1: MaxPool2d,
    conv2: Conv2d,
    prelu2: PReLU,
    conv3: Conv2d,
    prelu3: PReLU,
    conv4_1: Conv2d,
    conv4_2: Conv2d,
    base: Base,
}

options! {
    /// What a [`PNet`] is to be.
    PNetOptions for PNet() {}
}

impl PNet {
    fn from_options(o: PNetOptions) -> Result<PNet> {
        let f = o.factory;
        Ok(PNet {
            conv1: filters(3, 10, 3, f)?,
            prelu1: prelu(10, f)?,
            pool1: pool(2)?,
            conv2: filters(10, 16, 3, f)?,
            prelu2: prelu(16, f)?,
            conv3: filters(16, 32, 3, f)?,
            prelu3: prelu(32, f)?,
            conv4_1: filters(32, 2, 1, f)?,
            conv4_2: filters(32, 4, 1, f)?,
            base: Base::new(),
        })
    }

    /// Boxes and probabilities at each place; throws.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        self.try_forward(x).or_throw()
    }

    /// Boxes and probabilities at each place.
    pub fn try_forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        call(self, &[x], |t| {
            let x = self.pool1.forward(&self.prelu1.forward(&self.conv1.forward(t[0])));
            let x = self.prelu2.forward(&self.conv2.forward(&x));
            let x = self.prelu3.forward(&self.conv3.forward(&x));
            Ok((self.conv4_2.forward(&x), self.conv4_1.forward(&x).softmax(1)))
        })
    }
}

/// Refines the places: `(n, 3, 24, 24)` to boxes `(n, 4)` and probabilities `(n, 2)`.
#[derive(Clone, Debug, Module)]
pub struct RNet {
    conv1: Conv2d,
    prelu1: PReLU,
    pool1: MaxPool2d,
    conv2: Conv2d,
    prelu2: PReLU,
    pool2: MaxPool2d,
    conv3: Conv2d,
    prelu3: PReLU,
    dense4: Linear,
    prelu4: PReLU,
    dense5_1: Linear,
    dense5_2: Linear,
    base: Base,
}

options! {
    /// What an [`RNet`] is to be.
    RNetOptions for RNet() {}
}

impl RNet {
    fn from_options(o: RNetOptions) -> Result<RNet> {
        let f = o.factory;
        Ok(RNet {
            conv1: filters(3, 28, 3, f)?,
            prelu1: prelu(28, f)?,
            pool1: pool(3)?,
            conv2: filters(28, 48, 3, f)?,
            prelu2: prelu(48, f)?,
            pool2: pool(3)?,
            conv3: filters(48, 64, 2, f)?,
            prelu3: prelu(64, f)?,
            dense4: linear(576, 128, f)?,
            prelu4: prelu(128, f)?,
            dense5_1: linear(128, 2, f)?,
            dense5_2: linear(128, 4, f)?,
            base: Base::new(),
        })
    }

    /// Boxes and probabilities; throws.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> (Tensor, Tensor) {
        self.try_forward(x).or_throw()
    }

    /// Boxes and probabilities.
    pub fn try_forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        call(self, &[x], |t| {
            let x = self.pool1.forward(&self.prelu1.forward(&self.conv1.forward(t[0])));
            let x = self.pool2.forward(&self.prelu2.forward(&self.conv2.forward(&x)));
            let x = self.prelu3.forward(&self.conv3.forward(&x));
            let x = self.prelu4.forward(&self.dense4.forward(&flat(&x)));
            Ok((self.dense5_2.forward(&x), self.dense5_1.forward(&x).softmax(1)))
        })
    }
}

/// Decides: `(n, 3, 48, 48)` to boxes `(n, 4)`, landmarks `(n, 10)` and probabilities `(n, 2)`.
#[derive(Clone, Debug, Module)]
pub struct ONet {
    conv1: Conv2d,
    prelu1: PReLU,
    pool1: MaxPool2d,
    conv2: Conv2d,
    prelu2: PReLU,
    pool2: MaxPool2d,
    conv3: Conv2d,
    prelu3: PReLU,
    pool3: MaxPool2d,
    conv4: Conv2d,
    prelu4: PReLU,
    dense5: Linear,
    prelu5: PReLU,
    dense6_1: Linear,
    dense6_2: Linear,
    dense6_3: Linear,
    base: Base,
}

options! {
    /// What an [`ONet`] is to be.
    ONetOptions for ONet() {}
}

impl ONet {
    fn from_options(o: ONetOptions) -> Result<ONet> {
        let f = o.factory;
        Ok(ONet {
            conv1: filters(3, 32, 3, f)?,
            prelu1: prelu(32, f)?,
            pool1: pool(3)?,
            conv2: filters(32, 64, 3, f)?,
            prelu2: prelu(64, f)?,
            pool2: pool(3)?,
            conv3: filters(64, 64, 3, f)?,
            prelu3: prelu(64, f)?,
            pool3: pool(2)?,
            conv4: filters(64, 128, 2, f)?,
            prelu4: prelu(128, f)?,
            dense5: linear(1152, 256, f)?,
            prelu5: prelu(256, f)?,
            dense6_1: linear(256, 2, f)?,
            dense6_2: linear(256, 4, f)?,
            dense6_3: linear(256, 10, f)?,
            base: Base::new(),
        })
    }

    /// Boxes, landmarks and probabilities; throws.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> (Tensor, Tensor, Tensor) {
        self.try_forward(x).or_throw()
    }

    /// Boxes, landmarks and probabilities.
    pub fn try_forward(&self, x: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
        call(self, &[x], |t| {
            let x = self.pool1.forward(&self.prelu1.forward(&self.conv1.forward(t[0])));
            let x = self.pool2.forward(&self.prelu2.forward(&self.conv2.forward(&x)));
            let x = self.pool3.forward(&self.prelu3.forward(&self.conv3.forward(&x)));
            let x = self.prelu4.forward(&self.conv4.forward(&x));
            let x = self.prelu5.forward(&self.dense5.forward(&flat(&x)));
            let probabilities = self.dense6_1.forward(&x).softmax(1);
            Ok((self.dense6_2.forward(&x), self.dense6_3.forward(&x), probabilities))
        })
    }
}

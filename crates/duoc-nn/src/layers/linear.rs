//! Fully connected layers.

use crate::init::{self, Fan, Nonlinearity};
use crate::{Base, Layer, Module, Param};
use duoc_core::{Result, Tensor, ops};

/// A fully connected layer: every output is a weighted sum of all inputs, `y = x Wᵀ + b`.
///
/// * **Shapes**: `x: (*, in_features)`, `W: (out_features, in_features)`, `b: (out_features)`, `y: (*, out_features)`; `*` is any
///   number of dimensions, none included. A course that writes `y = x W + b` with `W: (in, out)` means the transpose of
///   this `W`.
/// * **Parameters**: `in_features · out_features + out_features`; without bias `in_features · out_features`.
/// * **How it works**: each output has its own row of weights; a batch is one matrix product. The gradients are
///   `dW = dyᵀ x`, `db = Σ dy`, `dx = dy W`.
/// * **Initial values**: uniform in `±1/√in_features`, weights and bias.
/// * **When to use it**: to mix features whose order carries no meaning; as the last layer, from features to classes; inside
///   attention and feed-forward blocks.
/// * **Limits**: it knows nothing of neighbourhood or order, and the count of parameters grows with the product of the sizes,
///   so images and long sequences want convolutions, recurrences or attention first. Two in a row without an
///   activation between them are one.
/// * **Where used**: MLPs, the heads of AlexNet, VGG and ResNet, the projections and feed-forward blocks of transformers.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Linear, Module};
/// let layer = Linear::new(20, 30);
/// assert_eq!(layer.forward(&Tensor::randn(&[128, 20])).shape(), [128, 30]);
/// assert_eq!(layer.num_parameters(), 20 * 30 + 30);
/// let plain = Linear::options(20, 30).bias(false).build();
/// assert_eq!(plain.to_string(), "Linear(in_features=20, out_features=30, bias=False)");
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Linear {
    /// `(out_features, in_features)`.
    pub weight: Param,
    /// `(out_features)`.
    pub bias: Option<Param>,
    /// Size of the last dimension of the input.
    pub in_features: usize,
    /// Size of the last dimension of the output.
    pub out_features: usize,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`Linear`] is to be.
    LinearOptions for Linear(in_features: usize, out_features: usize) {
        /// Whether a bias is added (the default).
        bias: bool = true,
    }
}

impl Linear {
    fn from_options(o: LinearOptions) -> Result<Linear> {
        let layer = Linear {
            weight: o.factory.param(&[o.out_features, o.in_features])?,
            bias: o.bias.then(|| o.factory.param(&[o.out_features])).transpose()?,
            in_features: o.in_features,
            out_features: o.out_features,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Draws the parameters anew.
    pub fn reset_parameters(&self) -> Result<()> {
        init::kaiming_uniform_(&self.weight, Nonlinearity::LeakyRelu(5f64.sqrt()), Fan::In)?;
        init::bias_like_fan_in_(self.bias.as_ref(), &self.weight)
    }

    fn extra_repr(&self) -> String {
        format!(
            "in_features={}, out_features={}, bias={}",
            self.in_features,
            self.out_features,
            crate::python_bool(self.bias.is_some())
        )
    }
}

impl Layer for Linear {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        ops::contract::linear(input, &self.weight, self.bias.as_deref())
    }
}

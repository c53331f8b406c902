//! A form of two inputs.

use crate::{Base, Module, Param, call, init};
use duoc_core::{OrThrow, Result, Tensor, ensure, ops};

/// Every output is a weighted sum of all products of an element of the one input and an element of the other,
/// `y_k = x₁ᵀ W_k x₂ + b_k`.
///
/// * **Shapes**: `x₁: (*, in1_features)`, `x₂: (*, in2_features)`, `W: (out_features, in1_features, in2_features)`, `b: (out_features)`,
///   `y: (*, out_features)`.
/// * **Parameters**: `out · in1 · in2 + out`.
/// * **How it works**: one matrix for each output, between the two inputs.
/// * **When to use it**: to score how two things belong together: a question and an answer, a word and its head.
/// * **Limits**: the count of parameters is the product of three sizes.
/// * **Where used**: biaffine parsers, relation scores in knowledge graphs, fusion of text and image.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Bilinear, Module};
/// let layer = Bilinear::new(20, 30, 40);
/// let y = layer.forward(&Tensor::randn(&[128, 20]), &Tensor::randn(&[128, 30]));
/// assert_eq!(y.shape(), [128, 40]);
/// assert_eq!(layer.num_parameters(), 20 * 30 * 40 + 40);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Bilinear {
    /// `(out_features, in1_features, in2_features)`.
    pub weight: Param,
    /// `(out_features)`.
    pub bias: Option<Param>,
    /// Size of the last dimension of the first input.
    pub in1_features: usize,
    /// Size of the last dimension of the second input.
    pub in2_features: usize,
    /// Size of the last dimension of the output.
    pub out_features: usize,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`Bilinear`] is to be.
    BilinearOptions for Bilinear(in1_features: usize, in2_features: usize, out_features: usize) {
        /// Whether a bias is added (the default).
        bias: bool = true,
    }
}

impl Bilinear {
    fn from_options(o: BilinearOptions) -> Result<Bilinear> {
        ensure!(
            o.in1_features > 0,
            Value,
            "in1_features must be > 0, but got (in1_features={})",
            o.in1_features
        );
        let layer = Bilinear {
            weight: o.factory.param(&[o.out_features, o.in1_features, o.in2_features])?,
            bias: o.bias.then(|| o.factory.param(&[o.out_features])).transpose()?,
            in1_features: o.in1_features,
            in2_features: o.in2_features,
            out_features: o.out_features,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Draws the parameters anew: uniform in `±1/√in1_features`.
    pub fn reset_parameters(&self) -> Result<()> {
        let bound = 1.0 / (self.in1_features as f64).sqrt();
        init::uniform_(&self.weight, -bound, bound)?;
        match &self.bias {
            Some(bias) => init::uniform_(bias, -bound, bound),
            None => Ok(()),
        }
    }

    /// The output; throws.
    #[track_caller]
    pub fn forward(&self, input1: &Tensor, input2: &Tensor) -> Tensor {
        self.try_forward(input1, input2).or_throw()
    }

    /// The output.
    pub fn try_forward(&self, input1: &Tensor, input2: &Tensor) -> Result<Tensor> {
        call(self, &[input1, input2], |x| {
            ops::bilinear::bilinear(x[0], x[1], &self.weight, self.bias.as_deref())
        })
    }

    fn extra_repr(&self) -> String {
        format!(
            "in1_features={}, in2_features={}, out_features={}, bias={}",
            self.in1_features,
            self.in2_features,
            self.out_features,
            crate::python_bool(self.bias.is_some())
        )
    }
}

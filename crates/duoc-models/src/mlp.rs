//! The multi-layer perceptron.

use duoc_core::{Result, Tensor, ensure};
use duoc_nn::{Base, Layer, Linear, Module, ModuleList, options};

/// Fully connected layers with ReLU (and dropout) between them. The input is flattened after the batch dimension, so images
/// may come as they are.
///
/// * **Shapes**: `(n, ..)` with `sizes[0]` elements for each sample to `(n, sizes[last])`.
/// * **Parameters**: `Σ sizes[i] · sizes[i+1] + sizes[i+1]`, under `layers.0.weight`, `layers.0.bias`, ..
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::Mlp;
/// use duoc_nn::{Layer, Module};
/// let net = Mlp::new([64, 32, 10]);
/// assert_eq!(net.forward(&Tensor::ones(&[5, 8, 8])).shape(), [5, 10]);
/// assert_eq!(net.num_parameters(), 64 * 32 + 32 + 32 * 10 + 10);
/// ```
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Mlp {
    /// The fully connected layers.
    pub layers: ModuleList<Linear>,
    /// The probability to drop a hidden unit in training.
    pub dropout: f64,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What an [`Mlp`] is to be.
    MlpOptions for Mlp(sizes: Vec<usize> as impl Into<Vec<usize>>) {
        /// The probability to drop a hidden unit in training (0).
        dropout: f64 = 0.0,
    }
}

impl Mlp {
    fn from_options(o: MlpOptions) -> Result<Mlp> {
        ensure!(
            o.sizes.len() >= 2,
            Value,
            "an MLP has at least two sizes, not {:?}",
            o.sizes
        );
        let layer = |pair: &[usize]| crate::parts::linear(pair[0], pair[1], o.factory);
        Ok(Mlp {
            layers: o.sizes.windows(2).map(layer).collect::<Result<Vec<_>>>()?.into(),
            dropout: o.dropout,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        if self.dropout > 0.0 {
            format!("dropout={}", self.dropout)
        } else {
            String::new()
        }
    }
}

impl Layer for Mlp {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        let mut x = if input.dim() > 2 {
            input.flatten(1, -1)
        } else {
            input.clone()
        };
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = x.relu();
                if self.dropout > 0.0 {
                    x = x.dropout(self.dropout, self.base.training());
                }
            }
            x = layer.try_forward(&x)?;
        }
        Ok(x)
    }
}

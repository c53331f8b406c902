//! Convolutions over text.

use crate::parts::{embedding, linear};
use duoc_core::{Result, Tensor, ops};
use duoc_nn::{Base, Conv1d, Embedding, Layer, Linear, Module, ModuleList, options};

/// A sentence classifier of n-grams (Kim, 2014): convolutions of several widths, the maximum of each over the sentence.
///
/// * **Shapes**: tokens `(n, t)` to `(n, classes)`; `t` is at least the widest window.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::TextCnn;
/// use duoc_nn::Layer;
/// let net = TextCnn::options(100, 2).width(16).filters(8).build();
/// assert_eq!(net.forward(&Tensor::randint(0, 100, &[3, 12])).shape(), [3, 2]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct TextCnn {
    embedding: Embedding,
    convs: ModuleList<Conv1d>,
    fc: Linear,
    dropout: f64,
    base: Base,
}

options! {
    /// What a [`TextCnn`] is to be.
    TextCnnOptions for TextCnn(vocabulary: usize, classes: usize) {
        /// Number of features of a token (128).
        width: usize = 128,
        /// Number of filters of each width (100).
        filters: usize = 100,
        /// Widths of the windows, in tokens (3, 4, 5).
        windows: Vec<usize> as impl Into<Vec<usize>> = vec![3, 4, 5],
        /// The probability to drop a feature in training (0.5).
        dropout: f64 = 0.5,
    }
}

impl TextCnn {
    fn from_options(o: TextCnnOptions) -> Result<TextCnn> {
        let f = o.factory;
        let conv = |k: &usize| Conv1d::options(o.width, o.filters, *k as i64).factory(f).try_build();
        Ok(TextCnn {
            embedding: embedding(o.vocabulary, o.width, f)?,
            convs: o.windows.iter().map(conv).collect::<Result<Vec<_>>>()?.into(),
            fc: linear(o.filters * o.windows.len(), o.classes, f)?,
            dropout: o.dropout,
            base: Base::new(),
        })
    }
}

impl Layer for TextCnn {
    fn run(&self, tokens: &Tensor) -> Result<Tensor> {
        let x = self.embedding.forward(tokens).transpose(1, 2);
        let best = |c: &Conv1d| c.forward(&x).relu().amax(&[-1], false);
        let features = ops::join::cat(&self.convs.iter().map(best).collect::<Vec<_>>(), 1)?;
        self.fc
            .try_forward(&features.dropout(self.dropout, self.base.training()))
    }
}

//! Random zeros in training. `p` is everywhere the probability of a zero.

use super::sizes::float;
use crate::{Base, Layer, Module};
use duoc_core::ops::dropout as ops;
use duoc_core::{Result, Tensor, ensure};

macro_rules! dropouts {
    ($($(#[$doc:meta])* $Layer:ident $Options:ident |$x:ident, $p:ident, $t:ident| $check:expr, $run:expr;)*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            /// The probability that an element (a channel) becomes zero.
            pub p: f64,
            /// Whether the input itself is changed.
            pub inplace: bool,
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer() {
                /// The probability of a zero (0.5).
                p: f64 = 0.5,
                /// Whether the input itself is changed (it is not).
                inplace: bool = false,
            }
        }

        impl $Layer {
            fn from_options(o: $Options) -> Result<$Layer> {
                ensure!(
                    (0.0..=1.0).contains(&o.p),
                    Value,
                    "dropout probability has to be between 0 and 1, but got {}",
                    float(o.p)
                );
                Ok($Layer {
                    p: o.p,
                    inplace: o.inplace,
                    base: Base::new(),
                })
            }

            /// The layer with probability `p` of a zero; throws for numbers outside 0 to 1.
            #[track_caller]
            pub fn p(p: f64) -> $Layer {
                $Layer::options().p(p).build()
            }

            fn extra_repr(&self) -> String {
                format!("p={}, inplace={}", float(self.p), crate::python_bool(self.inplace))
            }
        }

        impl Layer for $Layer {
            // Most layers have nothing to check.
            #[allow(clippy::no_effect)]
            fn run(&self, $x: &Tensor) -> Result<Tensor> {
                let () = $check;
                let ($p, $t) = (self.p, self.base.training());
                let drop = |$x: &Tensor| -> Result<Tensor> { $run };
                if self.inplace {
                    duoc_core::op::in_place($x, [], drop)?;
                    return Ok($x.clone());
                }
                drop($x)
            }
        }
    )* };
}

/// Drops whole channels of an input of rank `n + 2`, or `n + 1` without the batch.
fn channels(x: &Tensor, p: f64, training: bool, batched: bool) -> Result<Tensor> {
    if batched {
        return ops::feature_dropout(x, p, training);
    }
    duoc_core::ops::view::squeeze_dim(&ops::feature_dropout(&x.unsqueeze(0), p, training)?, 0)
}

dropouts! {
    /// Zeros some elements in training and scales the others, `y = m · x / (1 - p)` with `m ~ Bernoulli(1 - p)`; in inference
    /// `y = x`.
    ///
    /// **The letter p**: here, as in PyTorch, `p` is the probability to **drop**. Courses that call `p` the probability to **keep**
    /// (`m ~ Bernoulli(p)`, `y = m · x / p`) mean `1 - p` of this layer: their 0.8 is `Dropout::p(0.2)`.
    ///
    /// * **Shapes**: any, the same. **Parameters**: none.
    /// * **How it works**: each element is drawn by itself on every call; the scale keeps the expectation, so inference needs
    ///   nothing. The gradient passes where the element did.
    /// * **When to use it**: against overfitting, behind large fully connected layers (0.5) and inside transformers (0.1).
    /// * **Limits**: training takes longer; before batch norm it shifts the variance between training and inference; with plenty
    ///   of data it only costs. On feature maps, whose neighbours tell the same, [`Dropout2d`] drops channels.
    /// * **Where used**: AlexNet, VGG, transformers; left on in inference it estimates uncertainty (MC dropout).
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// use duoc_nn::{Dropout, Layer, Module};
    /// let mut drop = Dropout::p(0.2);
    /// assert_eq!(drop.to_string(), "Dropout(p=0.2, inplace=False)");
    /// drop.eval();
    /// assert_eq!(drop.forward(&Tensor::ones(&[3])).to_vec::<f32>(), [1.0; 3]);
    /// ```
    Dropout DropoutOptions |x, p, t| (), ops::dropout(x, p, t);

    /// Zeros whole channels of sequences. **Shapes**: `(N, C, L)` or `(C, L)`, the same. The rest as [`Dropout2d`].
    Dropout1d Dropout1dOptions |x, p, t| ensure!(
        x.dim() == 2 || x.dim() == 3,
        Runtime,
        "dropout1d: Expected 2D or 3D input, but received a {}D input. Note that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs).",
        x.dim()
    ), channels(x, p, t, x.dim() == 3);

    /// Zeros whole channels in training (`p`: the probability to **drop** one, as in [`Dropout`]).
    ///
    /// * **Shapes**: `(N, C, H, W)`, the same. Three dimensions count as `(N, C, L)`, as PyTorch has it. **Parameters**: none.
    /// * **How it works**: one draw for each channel of each sample; the others are scaled by `1 / (1 - p)`.
    /// * **When to use it**: behind convolutions, where neighbouring elements tell the same and dropping single ones does nothing.
    /// * **Limits**: with few channels it takes much at once; batch norm mostly makes it needless.
    /// * **Where used**: localisation networks (J. Tompson et al., 2015).
    Dropout2d Dropout2dOptions |x, p, t| (), ops::feature_dropout(x, p, t);

    /// Zeros whole channels of volumes. **Shapes**: `(N, C, D, H, W)` or `(C, D, H, W)`, the same. The rest as [`Dropout2d`].
    Dropout3d Dropout3dOptions |x, p, t| (), channels(x, p, t, x.dim() == 5);

    /// Dropout for self-normalising networks: dropped elements become SELU's negative limit, and an affine map restores mean 0
    /// and variance 1 (`p`: the probability to **drop**, as in [`Dropout`]).
    ///
    /// * **Shapes**: any, the same. **Parameters**: none.
    /// * **When to use it**: behind SELU, and only there.
    /// * **Where used**: self-normalising networks (G. Klambauer et al., 2017).
    AlphaDropout AlphaDropoutOptions |x, p, t| (), ops::alpha_dropout(x, p, t);

    /// [`AlphaDropout`] of whole channels. **Shapes**: `(N, C, *)`, the same. **Parameters**: none.
    FeatureAlphaDropout FeatureAlphaDropoutOptions |x, p, t| (), ops::feature_alpha_dropout(x, p, t);
}

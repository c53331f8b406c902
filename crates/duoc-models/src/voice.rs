//! A speaker's voice as a vector.

use crate::parts::linear;
use duoc_core::{Result, Tensor};
use duoc_nn::{Base, LSTM, Layer, Linear, Module, Param, options};

/// The voice encoder of Wan et al. (2018), with the names of the package resemblyzer's weights: the last state of three
/// recurrent layers over a mel spectrogram, as a vector of length 1.
///
/// * **Shapes**: `(n, frames, 40)` to `(n, 256)`.
/// * **Parameters**: `lstm.weight_ih_l0`, .., `linear.weight`, `linear.bias`, and `similarity_weight` and `similarity_bias`, which only
///   its loss uses.
#[derive(Clone, Debug, Module)]
pub struct VoiceEncoder {
    /// Scale of the loss's similarities.
    pub similarity_weight: Param,
    /// Shift of the loss's similarities.
    pub similarity_bias: Param,
    lstm: LSTM,
    linear: Linear,
    base: Base,
}

options! {
    /// What a [`VoiceEncoder`] is to be.
    VoiceEncoderOptions for VoiceEncoder() {
        /// Mel channels (40).
        channels: usize = 40,
        /// Number of features (256).
        hidden: usize = 256,
        /// Number of recurrent layers (3).
        layers: usize = 3,
    }
}

impl VoiceEncoder {
    fn from_options(o: VoiceEncoderOptions) -> Result<VoiceEncoder> {
        let f = o.factory;
        let lstm = LSTM::options(o.channels, o.hidden)
            .num_layers(o.layers)
            .batch_first(true)
            .factory(f);
        let scale = f.ones(&[1])?;
        Ok(VoiceEncoder {
            similarity_weight: Param::try_new(duoc_core::catch(|| &scale * 10.0)?, true)?,
            similarity_bias: Param::try_new(duoc_core::catch(|| &scale * -5.0)?, true)?,
            lstm: lstm.try_build()?,
            linear: linear(o.hidden, o.hidden, f)?,
            base: Base::new(),
        })
    }
}

impl Layer for VoiceEncoder {
    fn run(&self, mels: &Tensor) -> Result<Tensor> {
        let (_, (hidden, _)) = self.lstm.try_forward(mels, None)?;
        let y = self.linear.forward(&hidden.select(0, -1)).relu();
        Ok(&y / &y.norm_dim(2.0, &[1], true))
    }
}

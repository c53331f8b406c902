//! Recurrent language models: characters or words.

use crate::parts::{draw, embedding, linear};
use duoc_core::{OrThrow, Result, Tensor, autograd};
use duoc_nn::{Base, Embedding, LSTM, Layer, Linear, Module, call, init, options};

/// Hidden and cell state of an LSTM.
pub type State = (Tensor, Tensor);

/// A language model of an embedding, a stacked LSTM and a layer to the scores of the next token.
///
/// * **Shapes**: tokens `(n, t)` to scores `(n, t, vocabulary)` and the state `(layers, n, hidden)`, twice.
/// * **Parameters**: `encoder.weight`, `rnn.weight_ih_l0`, .., `decoder.weight`, `decoder.bias`, the names of PyTorch's
///   word language model example.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::LstmLanguageModel;
/// let net = LstmLanguageModel::options(65).hidden(32).embedding(16).build();
/// let (scores, state) = net.forward(&Tensor::randint(0, 65, &[3, 10]), None);
/// assert_eq!((scores.shape(), state.0.shape()), (&[3, 10, 65][..], &[2, 3, 32][..]));
/// ```
#[derive(Clone, Debug, Module)]
pub struct LstmLanguageModel {
    /// The embeddings of the tokens.
    pub encoder: Embedding,
    /// The recurrent layers.
    pub rnn: LSTM,
    /// From features to scores.
    pub decoder: Linear,
    dropout: f64,
    base: Base,
}

options! {
    /// What an [`LstmLanguageModel`] is to be.
    LstmLanguageModelOptions for LstmLanguageModel(vocabulary: usize) {
        /// Number of features of a token (128).
        embedding: usize = 128,
        /// Number of features of the state (256).
        hidden: usize = 256,
        /// Number of recurrent layers (2).
        layers: usize = 2,
        /// The probability to drop in training, between the layers (0).
        dropout: f64 = 0.0,
    }
}

impl LstmLanguageModel {
    fn from_options(o: LstmLanguageModelOptions) -> Result<LstmLanguageModel> {
        let encoder = embedding(o.vocabulary, o.embedding, o.factory)?;
        let rnn = LSTM::options(o.embedding, o.hidden)
            .num_layers(o.layers)
            .dropout(o.dropout)
            .batch_first(true);
        let net = LstmLanguageModel {
            encoder,
            rnn: rnn.factory(o.factory).try_build()?,
            decoder: linear(o.hidden, o.vocabulary, o.factory)?,
            dropout: o.dropout,
            base: Base::new(),
        };
        init::uniform_(&net.encoder.weight, -0.1, 0.1)?;
        init::uniform_(&net.decoder.weight, -0.1, 0.1)?;
        if let Some(bias) = &net.decoder.bias {
            init::zeros_(bias)?;
        }
        Ok(net)
    }

    /// Scores and the state after the last token; throws.
    #[track_caller]
    pub fn forward(&self, tokens: &Tensor, state: Option<&State>) -> (Tensor, State) {
        self.try_forward(tokens, state).or_throw()
    }

    /// Scores and the state after the last token, which a further piece of text may begin with.
    pub fn try_forward(&self, tokens: &Tensor, state: Option<&State>) -> Result<(Tensor, State)> {
        call(self, &[tokens], |t| {
            let drop = |x: Tensor| x.dropout(self.dropout, self.base.training());
            let x = drop(self.encoder.forward(t[0]));
            let (y, state) = self.rnn.try_forward(&x, state.map(|s| (&s.0, &s.1)))?;
            Ok((self.decoder.forward(&drop(y)), state))
        })
    }

    /// Continues the tokens by `count` more (see [`crate::Gpt::generate`]).
    pub fn generate(&self, tokens: &Tensor, count: usize, temperature: f64, top_k: Option<usize>) -> Result<Tensor> {
        autograd::no_grad(|| {
            let mut all = vec![tokens.clone()];
            let mut last = tokens.clone();
            let mut state = None;
            for _ in 0..count {
                let (scores, new) = self.try_forward(&last, state.as_ref())?;
                last = draw(&scores.select(1, -1), temperature, top_k)?;
                all.push(last.clone());
                state = Some(new);
            }
            duoc_core::ops::join::cat(&all, 1)
        })
    }
}

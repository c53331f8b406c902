//! Sequence to sequence with attention: translation by recurrent networks.

use crate::parts::{embedding, linear};
use duoc_core::{DType, OrThrow, Result, Tensor, autograd, ensure, ops};
use duoc_nn::{Base, Embedding, GRU, Layer, Linear, Module, call, options};

/// Reads the sentence.
#[derive(Clone, Debug, Module)]
pub struct EncoderRnn {
    embedding: Embedding,
    gru: GRU,
    dropout: f64,
    base: Base,
}

/// Weighs the places of the sentence (Bahdanau et al., 2014): `score = Va tanh(Wa q + Ua k)`.
#[derive(Clone, Debug, Module)]
pub struct BahdanauAttention {
    #[module(rename = "Wa")]
    wa: Linear,
    #[module(rename = "Ua")]
    ua: Linear,
    #[module(rename = "Va")]
    va: Linear,
    base: Base,
}

impl BahdanauAttention {
    /// The weighted sum of the keys for each row's query, and the weights.
    fn try_forward(&self, query: &Tensor, keys: &Tensor) -> Result<(Tensor, Tensor)> {
        call(self, &[query, keys], |t| {
            let hidden = (&self.wa.forward(t[0]) + &self.ua.forward(t[1])).tanh();
            let weights = self.va.forward(&hidden).transpose(1, 2).softmax(-1);
            Ok((weights.bmm(t[1]), weights))
        })
    }
}

/// Writes the translation, one word after the other.
#[derive(Clone, Debug, Module)]
pub struct DecoderRnn {
    embedding: Embedding,
    attention: BahdanauAttention,
    gru: GRU,
    out: Linear,
    dropout: f64,
    base: Base,
}

/// An encoder and a decoder with attention between them.
///
/// * **Shapes**: source tokens `(n, s)` and target tokens `(n, t)` to scores `(n, t, vocabulary)`: the scores at place i are for the
///   word that follows target word i.
/// * **Parameters**: the names of PyTorch's translation tutorial: `encoder.gru.weight_ih_l0`, `decoder.attention.Wa.weight`.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::Seq2Seq;
/// let net = Seq2Seq::options(20, 30).hidden(16).build();
/// let scores = net.forward(&Tensor::randint(0, 20, &[2, 7]), &Tensor::randint(0, 30, &[2, 5]));
/// assert_eq!(scores.shape(), [2, 5, 30]);
/// assert_eq!(net.translate(&Tensor::randint(0, 20, &[2, 7]), 0, 4).unwrap().shape(), [2, 4]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Seq2Seq {
    /// Reads the sentence.
    pub encoder: EncoderRnn,
    /// Writes the translation.
    pub decoder: DecoderRnn,
    base: Base,
}

options! {
    /// What a [`Seq2Seq`] is to be: the sizes of both vocabularies.
    Seq2SeqOptions for Seq2Seq(source: usize, target: usize) {
        /// Number of features (128).
        hidden: usize = 128,
        /// The probability to drop a feature of an embedding in training (0.1).
        dropout: f64 = 0.1,
    }
}

impl Seq2Seq {
    fn from_options(o: Seq2SeqOptions) -> Result<Seq2Seq> {
        let (h, f) = (o.hidden, o.factory);
        let gru = |from: usize| GRU::options(from, h).batch_first(true).factory(f).try_build();
        Ok(Seq2Seq {
            encoder: EncoderRnn {
                embedding: embedding(o.source, h, f)?,
                gru: gru(h)?,
                dropout: o.dropout,
                base: Base::new(),
            },
            decoder: DecoderRnn {
                embedding: embedding(o.target, h, f)?,
                attention: BahdanauAttention {
                    wa: linear(h, h, f)?,
                    ua: linear(h, h, f)?,
                    va: linear(h, 1, f)?,
                    base: Base::new(),
                },
                gru: gru(2 * h)?,
                out: linear(h, o.target, f)?,
                dropout: o.dropout,
                base: Base::new(),
            },
            base: Base::new(),
        })
    }

    fn read(&self, source: &Tensor) -> Result<(Tensor, Tensor)> {
        let e = &self.encoder;
        let x = e
            .embedding
            .try_forward(source)?
            .dropout(e.dropout, self.base.training());
        e.gru.try_forward(&x, None)
    }

    fn write(&self, word: &Tensor, state: &Tensor, keys: &Tensor) -> Result<(Tensor, Tensor)> {
        let d = &self.decoder;
        let x = d.embedding.try_forward(word)?.dropout(d.dropout, self.base.training());
        let (context, _) = d.attention.try_forward(&state.permute(&[1, 0, 2]), keys)?;
        let (y, state) = d.gru.try_forward(&ops::join::cat(&[x, context], 2)?, Some(state))?;
        Ok((d.out.try_forward(&y)?, state))
    }

    /// The scores of the words that follow the target's words; throws.
    #[track_caller]
    pub fn forward(&self, source: &Tensor, target: &Tensor) -> Tensor {
        self.try_forward(source, target).or_throw()
    }

    /// The scores of the words that follow the target's words: the decoder is given each right word in its turn.
    pub fn try_forward(&self, source: &Tensor, target: &Tensor) -> Result<Tensor> {
        call(self, &[source, target], |t| {
            ensure!(
                t[0].dim() == 2 && t[1].dim() == 2 && t[1].shape()[1] > 0,
                Value,
                "source and target have the shapes (n, s) and (n, t), not {} and {}",
                t[0].size(),
                t[1].size()
            );
            let (keys, mut state) = self.read(t[0])?;
            let mut scores = Vec::new();
            for i in 0..t[1].shape()[1] as i64 {
                let (s, next) = self.write(&t[1].narrow(1, i, 1), &state, &keys)?;
                scores.push(s);
                state = next;
            }
            ops::join::cat(&scores, 1)
        })
    }

    /// The best word at each place, from the word `first` on, `length` words long.
    pub fn translate(&self, source: &Tensor, first: i64, length: usize) -> Result<Tensor> {
        autograd::no_grad(|| {
            let (keys, mut state) = self.read(source)?;
            let n = source.shape()[0] as i64;
            let mut word = Tensor::options().dtype(DType::I64).full(&[n, 1], first);
            let mut words = Vec::new();
            for _ in 0..length {
                let (scores, next) = self.write(&word, &state, &keys)?;
                word = duoc_core::catch(|| scores.argmax(-1))?;
                words.push(word.clone());
                state = next;
            }
            ops::join::cat(&words, 1)
        })
    }
}

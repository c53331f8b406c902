//! BERT, with the parameter names of the published weights.

use crate::parts::{attention, embedding, layer_norm, linear};
use duoc_core::{DType, OrThrow, Result, Tensor, ensure};
use duoc_nn::{Base, Embedding, Layer, LayerNorm, Linear, Module, ModuleList, call, init, options};

/// Embeddings of tokens, places and segments, added and normalised.
#[derive(Clone, Debug, Module)]
pub struct BertEmbeddings {
    word_embeddings: Embedding,
    position_embeddings: Embedding,
    token_type_embeddings: Embedding,
    #[module(rename = "LayerNorm")]
    norm: LayerNorm,
    dropout: f64,
    base: Base,
}

/// Queries, keys and values of all heads.
#[derive(Clone, Debug, Module)]
pub struct BertSelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    heads: usize,
    dropout: f64,
    base: Base,
}

impl BertSelfAttention {
    fn try_forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        call(self, &[x], |t| {
            let x = t[0];
            let (n, len, d) = (x.shape()[0] as i64, x.shape()[1] as i64, x.shape()[2] as i64);
            let heads = self.heads as i64;
            let split = |t: Tensor| t.view(&[n, len, heads, d / heads]).transpose(1, 2);
            let (q, k, v) = (self.query.forward(x), self.key.forward(x), self.value.forward(x));
            let p = if self.base.training() { self.dropout } else { 0.0 };
            let y = attention(&split(q), &split(k), &split(v), mask, p, false)?;
            Ok(y.transpose(1, 2).reshape(&[n, len, d]))
        })
    }
}

/// A layer whose output is added to what went in before, and normalised.
#[derive(Clone, Debug, Module)]
pub struct BertOutput {
    dense: Linear,
    #[module(rename = "LayerNorm")]
    norm: LayerNorm,
    dropout: f64,
    base: Base,
}

impl BertOutput {
    fn try_forward(&self, x: &Tensor, before: &Tensor) -> Result<Tensor> {
        call(self, &[x, before], |t| {
            let y = self.dense.forward(t[0]).dropout(self.dropout, self.base.training());
            self.norm.try_forward(&(&y + t[1]))
        })
    }
}

/// Self-attention with its output layer.
#[derive(Clone, Debug, Module)]
pub struct BertAttention {
    #[module(rename = "self")]
    inner: BertSelfAttention,
    output: BertOutput,
}

/// The wide part of the feed-forward.
#[derive(Clone, Debug, Module)]
pub struct BertIntermediate {
    dense: Linear,
    base: Base,
}

impl Layer for BertIntermediate {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        crate::parts::gelu(&self.dense.try_forward(x)?)
    }
}

/// One layer of the encoder.
#[derive(Clone, Debug, Module)]
pub struct BertLayer {
    attention: BertAttention,
    intermediate: BertIntermediate,
    output: BertOutput,
    base: Base,
}

impl BertLayer {
    fn try_forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        call(self, &[x], |t| {
            let a = &self.attention;
            let x = a.output.try_forward(&a.inner.try_forward(t[0], mask)?, t[0])?;
            self.output.try_forward(&self.intermediate.try_forward(&x)?, &x)
        })
    }
}

/// The layers.
#[derive(Clone, Debug, Module)]
pub struct BertEncoder {
    layer: ModuleList<BertLayer>,
}

/// A summary of the sentence from its first token.
#[derive(Clone, Debug, Module)]
pub struct BertPooler {
    dense: Linear,
    base: Base,
}

impl Layer for BertPooler {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.dense.forward(&x.select(1, 0)).tanh())
    }
}

/// BERT (Devlin et al., 2018): an encoder whose every place looks at all others.
///
/// * **Shapes**: tokens `(n, t)` of int64 and a mask `(n, t)` (1 for tokens, 0 for padding) to features `(n, t, width)` and, with a
///   pooler, a summary `(n, width)`.
/// * **Parameters**: those of the published weights: `embeddings.word_embeddings.weight`,
///   `encoder.layer.0.attention.self.query.weight`, ..; 109,482,240 for BERT base.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::Bert;
/// use duoc_nn::Module;
/// let mut net = Bert::options(100).layers(2).heads(2).width(16).intermediate(32).context(24).build();
/// net.eval();
/// let (features, summary) = net.forward(&Tensor::randint(0, 100, &[3, 7]), None);
/// assert_eq!((features.shape(), summary.unwrap().shape()), (&[3, 7, 16][..], &[3, 16][..]));
/// assert!(net.state_dict().contains("encoder.layer.1.attention.output.LayerNorm.weight"));
/// ```
#[derive(Clone, Debug, Module)]
pub struct Bert {
    /// What the tokens become.
    pub embeddings: BertEmbeddings,
    /// The layers.
    pub encoder: BertEncoder,
    /// The summary of the sentence.
    pub pooler: Option<BertPooler>,
    base: Base,
}

options! {
    /// What a [`Bert`] is to be.
    BertOptions for Bert(vocabulary: usize) {
        /// Number of features (768).
        width: usize = 768,
        /// Number of layers (12).
        layers: usize = 12,
        /// Number of attention heads (12).
        heads: usize = 12,
        /// Width of the feed-forward part (3072).
        intermediate: usize = 3072,
        /// Number of places (512).
        context: usize = 512,
        /// Number of segments (2).
        segments: usize = 2,
        /// The probability to drop in training (0.1).
        dropout: f64 = 0.1,
        /// Whether there is a summary of the sentence.
        pooler: bool = true,
    }
}

impl Bert {
    fn from_options(o: BertOptions) -> Result<Bert> {
        let (d, f) = (o.width, o.factory);
        ensure!(
            o.heads > 0 && d.is_multiple_of(o.heads),
            Value,
            "The hidden size ({d}) is not a multiple of the number of attention heads ({})",
            o.heads
        );
        let output = |from: usize| -> Result<BertOutput> {
            Ok(BertOutput {
                dense: linear(from, d, f)?,
                norm: layer_norm(d, 1e-12, f)?,
                dropout: o.dropout,
                base: Base::new(),
            })
        };
        let layer = || -> Result<BertLayer> {
            Ok(BertLayer {
                attention: BertAttention {
                    inner: BertSelfAttention {
                        query: linear(d, d, f)?,
                        key: linear(d, d, f)?,
                        value: linear(d, d, f)?,
                        heads: o.heads,
                        dropout: o.dropout,
                        base: Base::new(),
                    },
                    output: output(d)?,
                },
                intermediate: BertIntermediate {
                    dense: linear(d, o.intermediate, f)?,
                    base: Base::new(),
                },
                output: output(o.intermediate)?,
                base: Base::new(),
            })
        };
        let net = Bert {
            embeddings: BertEmbeddings {
                word_embeddings: embedding(o.vocabulary, d, f)?,
                position_embeddings: embedding(o.context, d, f)?,
                token_type_embeddings: embedding(o.segments, d, f)?,
                norm: layer_norm(d, 1e-12, f)?,
                dropout: o.dropout,
                base: Base::new(),
            },
            encoder: BertEncoder {
                layer: (0..o.layers).map(|_| layer()).collect::<Result<Vec<_>>>()?.into(),
            },
            pooler: match o.pooler {
                true => Some(BertPooler {
                    dense: linear(d, d, f)?,
                    base: Base::new(),
                }),
                false => None,
            },
            base: Base::new(),
        };
        for (_, m) in net.named_modules() {
            if let Some(l) = m.as_any().downcast_ref::<Linear>() {
                init::normal_(&l.weight, 0.0, 0.02)?;
                if let Some(bias) = &l.bias {
                    init::zeros_(bias)?;
                }
            } else if let Some(e) = m.as_any().downcast_ref::<Embedding>() {
                init::normal_(&e.weight, 0.0, 0.02)?;
            }
        }
        Ok(net)
    }

    /// Features of every place and the summary of the sentence, if there is a pooler; throws.
    #[track_caller]
    pub fn forward(&self, tokens: &Tensor, mask: Option<&Tensor>) -> (Tensor, Option<Tensor>) {
        self.try_forward(tokens, mask).or_throw()
    }

    /// Features of every place and the summary of the sentence, if there is a pooler. All tokens are of segment 0.
    pub fn try_forward(&self, tokens: &Tensor, mask: Option<&Tensor>) -> Result<(Tensor, Option<Tensor>)> {
        call(self, &[tokens], |t| {
            let tokens = t[0];
            ensure!(
                tokens.dim() == 2,
                Value,
                "tokens have the shape (n, t), not {}",
                tokens.size()
            );
            let e = &self.embeddings;
            let length = tokens.shape()[1] as i64;
            let places = Tensor::options().dtype(DType::I64).arange(0i64, length);
            let words = e.word_embeddings.forward(tokens);
            let segments = e.token_type_embeddings.forward(&tokens.zeros_like());
            let sum = &(&words + &segments) + &e.position_embeddings.forward(&places);
            let mut x = e.norm.forward(&sum).dropout(e.dropout, self.base.training());
            // Added to the scores of attention: 0 for tokens, the smallest number for padding.
            let bias = mask.map(|m| {
                let padding = m
                    .to_dtype(DType::Bool)
                    .logical_not()
                    .view(&[m.shape()[0] as i64, 1, 1, length]);
                let zeros = Tensor::options()
                    .dtype(x.dtype())
                    .zeros(&[m.shape()[0] as i64, 1, 1, length]);
                zeros.masked_fill(&padding, f64::from(f32::MIN))
            });
            for layer in &self.encoder.layer {
                x = layer.try_forward(&x, bias.as_ref())?;
            }
            let summary = self.pooler.as_ref().map(|p| p.try_forward(&x)).transpose()?;
            Ok((x, summary))
        })
    }
}

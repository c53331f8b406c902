//! GPT-2, with the parameter names of the published weights.

use duoc_core::{Result, Tensor, autograd, bail, ensure};
use duoc_nn::{Base, Embedding, Factory, Layer, LayerNorm, Linear, Module, ModuleList, Param, init, options};

/// `y = x W + b` with `W: (in, out)`: the form in which GPT-2's weights are published, the transpose of [`Linear`]'s.
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Conv1D {
    /// `(in, out)`.
    pub weight: Param,
    /// `(out)`.
    pub bias: Param,
    base: Base,
}

impl Conv1D {
    fn make(from: usize, to: usize, std: f64, factory: Factory) -> Result<Conv1D> {
        let layer = Conv1D {
            weight: factory.param(&[from, to])?,
            bias: Param::try_new(factory.zeros(&[to])?, true)?,
            base: Base::new(),
        };
        init::normal_(&layer.weight, 0.0, std)?;
        Ok(layer)
    }

    fn extra_repr(&self) -> String {
        format!("nf={}, nx={}", self.weight.shape()[1], self.weight.shape()[0])
    }
}

impl Layer for Conv1D {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        Ok(&x.matmul(&self.weight) + self.bias.tensor())
    }
}

/// Causal self-attention: every place looks at itself and at the places before it.
#[derive(Clone, Debug, Module)]
pub struct Attention {
    c_attn: Conv1D,
    c_proj: Conv1D,
    heads: usize,
    dropout: f64,
    base: Base,
}

impl Layer for Attention {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let (n, t, d) = (x.shape()[0] as i64, x.shape()[1] as i64, x.shape()[2] as i64);
        let heads = self.heads as i64;
        let qkv = self.c_attn.try_forward(x)?.chunk(3, -1);
        let split = |t_: &Tensor| t_.view(&[n, t, heads, d / heads]).transpose(1, 2);
        let p = if self.base.training() { self.dropout } else { 0.0 };
        let y = crate::parts::attention(&split(&qkv[0]), &split(&qkv[1]), &split(&qkv[2]), None, p, true)?;
        let y = self.c_proj.try_forward(&y.transpose(1, 2).reshape(&[n, t, d]))?;
        Ok(y.dropout(self.dropout, self.base.training()))
    }
}

/// The feed-forward part of a block: four times as wide inside.
#[derive(Clone, Debug, Module)]
pub struct Mlp {
    c_fc: Conv1D,
    c_proj: Conv1D,
    dropout: f64,
    base: Base,
}

impl Layer for Mlp {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let h = crate::parts::gelu_tanh(&self.c_fc.try_forward(x)?)?;
        Ok(self.c_proj.try_forward(&h)?.dropout(self.dropout, self.base.training()))
    }
}

/// One layer of the decoder: attention and feed-forward, each on the normalised input and added to it.
#[derive(Clone, Debug, Module)]
pub struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
    base: Base,
}

impl Layer for Block {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let x = x + &self.attn.forward(&self.ln_1.forward(x));
        Ok(&x + &self.mlp.forward(&self.ln_2.forward(&x)))
    }
}

/// The decoder without the last layer.
#[derive(Clone, Debug, Module)]
pub struct Decoder {
    /// The embeddings of the tokens.
    pub wte: Embedding,
    /// The embeddings of the places.
    pub wpe: Embedding,
    /// The layers.
    pub h: ModuleList<Block>,
    /// The last normalisation.
    pub ln_f: LayerNorm,
    dropout: f64,
    base: Base,
}

/// GPT-2 (Radford et al., 2019): a decoder that predicts the next token from those before it.
///
/// * **Shapes**: tokens `(n, t)` of int64 to scores `(n, t, vocabulary)`; `t` is at most `context`.
/// * **Parameters**: those of the published weights: `transformer.wte.weight`, `transformer.h.0.attn.c_attn.weight`, ..;
///   `lm_head.weight` is the embedding of the tokens. 124,439,808 for GPT-2 small ([`gpt2`]).
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::Gpt;
/// use duoc_nn::{Layer, Module};
/// let net = Gpt::options(65, 16).layers(2).heads(2).width(32).build();
/// let scores = net.forward(&Tensor::randint(0, 65, &[3, 16]));
/// assert_eq!(scores.shape(), [3, 16, 65]);
/// assert!(net.state_dict().contains("transformer.h.1.mlp.c_proj.bias"));
/// ```
#[derive(Clone, Debug, Module)]
pub struct Gpt {
    /// The decoder.
    pub transformer: Decoder,
    /// From features to scores: the embeddings of the tokens once more.
    pub lm_head: Linear,
    context: usize,
    base: Base,
}

options! {
    /// What a [`Gpt`] is to be.
    GptOptions for Gpt(vocabulary: usize, context: usize) {
        /// Number of layers (12).
        layers: usize = 12,
        /// Number of attention heads (12).
        heads: usize = 12,
        /// Number of features (768).
        width: usize = 768,
        /// The probability to drop in training (0.1).
        dropout: f64 = 0.1,
    }
}

/// GPT-2 small: 50257 tokens, 1024 places, 12 layers of 768.
pub fn gpt2() -> GptOptions {
    Gpt::options(50257, 1024)
}

impl Gpt {
    fn from_options(o: GptOptions) -> Result<Gpt> {
        let (d, f) = (o.width, o.factory);
        ensure!(
            o.heads > 0 && d.is_multiple_of(o.heads),
            Value,
            "the width ({d}) must be divisible by the number of heads ({})",
            o.heads
        );
        // Every layer adds to the stream twice; the last matrices start smaller by that number.
        let last = 0.02 / (2.0 * o.layers as f64).sqrt();
        let block = || -> Result<Block> {
            Ok(Block {
                ln_1: crate::parts::layer_norm(d, 1e-5, f)?,
                attn: Attention {
                    c_attn: Conv1D::make(d, 3 * d, 0.02, f)?,
                    c_proj: Conv1D::make(d, d, last, f)?,
                    heads: o.heads,
                    dropout: o.dropout,
                    base: Base::new(),
                },
                ln_2: crate::parts::layer_norm(d, 1e-5, f)?,
                mlp: Mlp {
                    c_fc: Conv1D::make(d, 4 * d, 0.02, f)?,
                    c_proj: Conv1D::make(4 * d, d, last, f)?,
                    dropout: o.dropout,
                    base: Base::new(),
                },
                base: Base::new(),
            })
        };
        let transformer = Decoder {
            wte: crate::parts::embedding(o.vocabulary, d, f)?,
            wpe: crate::parts::embedding(o.context, d, f)?,
            h: (0..o.layers).map(|_| block()).collect::<Result<Vec<_>>>()?.into(),
            ln_f: crate::parts::layer_norm(d, 1e-5, f)?,
            dropout: o.dropout,
            base: Base::new(),
        };
        init::normal_(&transformer.wte.weight, 0.0, 0.02)?;
        init::normal_(&transformer.wpe.weight, 0.0, 0.02)?;
        let lm_head = Linear {
            weight: transformer.wte.weight.clone(),
            bias: None,
            in_features: d,
            out_features: o.vocabulary,
            base: Base::new(),
        };
        Ok(Gpt {
            transformer,
            lm_head,
            context: o.context,
            base: Base::new(),
        })
    }

    /// The number of places that the model can see.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Continues the tokens by `count` more. Each is drawn from the scores divided by `temperature`, of which only the `top_k`
    /// best stay; a temperature of 0 takes the best.
    pub fn generate(&self, tokens: &Tensor, count: usize, temperature: f64, top_k: Option<usize>) -> Result<Tensor> {
        autograd::no_grad(|| {
            let mut all = tokens.clone();
            for _ in 0..count {
                let t = all.shape()[1] as i64;
                let seen = all.narrow(1, (t - self.context as i64).max(0), t.min(self.context as i64));
                let scores = self.try_forward(&seen)?.select(1, -1);
                let next = crate::parts::draw(&scores, temperature, top_k)?;
                all = duoc_core::ops::join::cat(&[all, next], 1)?;
            }
            Ok(all)
        })
    }
}

impl Layer for Gpt {
    fn run(&self, tokens: &Tensor) -> Result<Tensor> {
        if tokens.dim() != 2 || tokens.shape()[1] > self.context {
            bail!(
                Value,
                "tokens have the shape (n, t) with t at most {}, not {}",
                self.context,
                tokens.size()
            );
        }
        let d = &self.transformer;
        let places = Tensor::options()
            .dtype(duoc_core::DType::I64)
            .arange(0i64, tokens.shape()[1] as i64);
        let mut x = (&d.wte.forward(tokens) + &d.wpe.forward(&places)).dropout(d.dropout, self.base.training());
        for block in &d.h {
            x = block.forward(&x);
        }
        self.lm_head.try_forward(&d.ln_f.forward(&x))
    }
}

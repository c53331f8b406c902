//! LLaMA, with the parameter names of the published weights.

use crate::parts::{draw, embedding, plain_linear};
use duoc_core::{Result, Tensor, autograd, ensure, ops};
use duoc_nn::{Base, Embedding, Factory, Layer, Linear, Module, ModuleList, Param, RotaryPositions, init, options};

/// `y = x / √(mean(x²) + ε) · w` over the last dimension.
#[derive(Clone, Debug, Module)]
#[module(name = "LlamaRMSNorm", extra_repr)]
pub struct RmsNorm {
    weight: Param,
    eps: f64,
    base: Base,
}

impl RmsNorm {
    fn make(width: usize, eps: f64, factory: Factory) -> Result<RmsNorm> {
        Ok(RmsNorm {
            weight: Param::try_new(factory.ones(&[width])?, true)?,
            eps,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        format!("({},), eps={:e}", self.weight.shape()[0], self.eps)
    }
}

impl Layer for RmsNorm {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let width = self.weight.shape()[0] as i64;
        ops::norm::layer::rms_norm(x, &[width], Some(&self.weight), Some(self.eps))
    }
}

/// Causal self-attention in which several heads of queries share one of keys and values.
#[derive(Clone, Debug, Module)]
#[module(name = "LlamaAttention")]
pub struct Attention {
    q_proj: Linear,
    k_proj: Linear,
    v_proj: Linear,
    o_proj: Linear,
    heads: usize,
    shared: usize,
    #[module(skip)]
    rotary: RotaryPositions,
    base: Base,
}

impl Layer for Attention {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let (n, t) = (x.shape()[0] as i64, x.shape()[1] as i64);
        let split = |x: Tensor, heads: usize| x.view(&[n, t, heads as i64, -1]).transpose(1, 2);
        let q = self.rotary.rotate(&split(self.q_proj.forward(x), self.heads), 0);
        let k = self.rotary.rotate(&split(self.k_proj.forward(x), self.shared), 0);
        let v = split(self.v_proj.forward(x), self.shared);
        // Each head of keys and values stands for several heads of queries.
        let y =
            ops::attention::scaled_dot_product_attention(&q, &k, &v, None, 0.0, true, None, self.heads != self.shared)?;
        self.o_proj.try_forward(&y.transpose(1, 2).reshape(&[n, t, -1]))
    }
}

/// The feed-forward part: `down(silu(gate(x)) · up(x))`.
#[derive(Clone, Debug, Module)]
#[module(name = "LlamaMLP")]
pub struct Mlp {
    gate_proj: Linear,
    up_proj: Linear,
    down_proj: Linear,
    base: Base,
}

impl Layer for Mlp {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let gate = ops::smooth::silu(&self.gate_proj.try_forward(x)?)?;
        self.down_proj.try_forward(&(gate * self.up_proj.forward(x)))
    }
}

/// One layer of the decoder.
#[derive(Clone, Debug, Module)]
#[module(name = "LlamaDecoderLayer")]
pub struct Block {
    self_attn: Attention,
    mlp: Mlp,
    input_layernorm: RmsNorm,
    post_attention_layernorm: RmsNorm,
    base: Base,
}

impl Layer for Block {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let x = x + &self.self_attn.forward(&self.input_layernorm.forward(x));
        Ok(&x + &self.mlp.forward(&self.post_attention_layernorm.forward(&x)))
    }
}

/// The decoder without the last layer.
#[derive(Clone, Debug, Module)]
#[module(name = "LlamaModel")]
pub struct Decoder {
    embed_tokens: Embedding,
    layers: ModuleList<Block>,
    norm: RmsNorm,
    base: Base,
}

impl Layer for Decoder {
    fn run(&self, tokens: &Tensor) -> Result<Tensor> {
        let mut x = self.embed_tokens.try_forward(tokens)?;
        for layer in &self.layers {
            x = layer.forward(&x);
        }
        self.norm.try_forward(&x)
    }
}

/// LLaMA (Touvron et al., 2023): a decoder with rotary positions, root-mean-square normalisation and gated feed-forward.
///
/// * **Shapes**: tokens `(n, t)` of int64 to scores `(n, t, vocabulary)`.
/// * **Parameters**: those of the published weights: `model.layers.0.self_attn.q_proj.weight`, `lm_head.weight`, ..; no biases.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_models::Llama;
/// use duoc_nn::Layer;
/// let net = Llama::options(65).layers(2).heads(4).shared_heads(2).width(32).hidden(48).build();
/// assert_eq!(net.forward(&Tensor::randint(0, 65, &[3, 16])).shape(), [3, 16, 65]);
/// ```
#[derive(Clone, Debug, Module)]
#[module(name = "LlamaForCausalLM")]
pub struct Llama {
    /// The decoder.
    pub model: Decoder,
    /// From features to scores.
    pub lm_head: Linear,
    base: Base,
}

options! {
    /// What a [`Llama`] is to be.
    LlamaOptions for Llama(vocabulary: usize) {
        /// Number of features (4096).
        width: usize = 4096,
        /// Width of the feed-forward part (11008).
        hidden: usize = 11008,
        /// Number of layers (32).
        layers: usize = 32,
        /// Number of heads of queries (32).
        heads: usize = 32,
        /// Number of heads of keys and values; as many as heads of queries if None.
        shared_heads: Option<usize> as usize => Some = None,
        /// The slowest turn of the rotary positions takes 2πθ places (10000).
        theta: f64 = 10000.0,
        /// Added to the mean square in the normalisations (1e-6).
        eps: f64 = 1e-6,
    }
}

impl Llama {
    fn from_options(o: LlamaOptions) -> Result<Llama> {
        let (d, f) = (o.width, o.factory);
        let shared = o.shared_heads.unwrap_or(o.heads);
        ensure!(
            o.heads > 0 && d.is_multiple_of(2 * o.heads) && shared > 0 && o.heads.is_multiple_of(shared),
            Value,
            "a width of {d} with {} heads of queries and {shared} of keys: the width must be a multiple of twice the heads, and these of those",
            o.heads
        );
        let narrow = d / o.heads * shared;
        let block = || -> Result<Block> {
            Ok(Block {
                self_attn: Attention {
                    q_proj: plain_linear(d, d, f)?,
                    k_proj: plain_linear(d, narrow, f)?,
                    v_proj: plain_linear(d, narrow, f)?,
                    o_proj: plain_linear(d, d, f)?,
                    heads: o.heads,
                    shared,
                    rotary: RotaryPositions::options(o.width / o.heads).theta(o.theta).try_build()?,
                    base: Base::new(),
                },
                mlp: Mlp {
                    gate_proj: plain_linear(d, o.hidden, f)?,
                    up_proj: plain_linear(d, o.hidden, f)?,
                    down_proj: plain_linear(o.hidden, d, f)?,
                    base: Base::new(),
                },
                input_layernorm: RmsNorm::make(d, o.eps, f)?,
                post_attention_layernorm: RmsNorm::make(d, o.eps, f)?,
                base: Base::new(),
            })
        };
        let net = Llama {
            model: Decoder {
                embed_tokens: embedding(o.vocabulary, d, f)?,
                layers: (0..o.layers).map(|_| block()).collect::<Result<Vec<_>>>()?.into(),
                norm: RmsNorm::make(d, o.eps, f)?,
                base: Base::new(),
            },
            lm_head: plain_linear(d, o.vocabulary, f)?,
            base: Base::new(),
        };
        for p in net.parameters().iter().filter(|p| p.dim() > 1) {
            init::normal_(p, 0.0, 0.02)?;
        }
        Ok(net)
    }

    /// Continues the tokens by `count` more (see [`crate::Gpt::generate`]).
    pub fn generate(&self, tokens: &Tensor, count: usize, temperature: f64, top_k: Option<usize>) -> Result<Tensor> {
        autograd::no_grad(|| {
            let mut all = tokens.clone();
            for _ in 0..count {
                let scores = self.try_forward(&all)?.select(1, -1);
                all = ops::join::cat(&[all, draw(&scores, temperature, top_k)?], 1)?;
            }
            Ok(all)
        })
    }
}

impl Layer for Llama {
    fn run(&self, tokens: &Tensor) -> Result<Tensor> {
        self.lm_head.try_forward(&self.model.try_forward(tokens)?)
    }
}

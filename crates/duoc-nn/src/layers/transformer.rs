//! Transformers: attention and feed-forward layers, encoder and decoder.

use super::attention::{AttentionCall, MultiheadAttention};
use crate::module::deep_copy;
use crate::{Base, Dropout, Factory, Layer, LayerNorm, Linear, Module, ModuleList, call, init};
use duoc_core::{DType, Device, OrThrow, Result, Tensor, catch, ensure, err, ops};
use std::fmt;
use std::sync::Arc;

/// The function between the two linear layers of a feed-forward part.
#[derive(Clone, Default)]
pub enum Activation {
    /// `max(x, 0)`.
    #[default]
    Relu,
    /// `x Φ(x)`.
    Gelu,
    /// Another one.
    Other(Arc<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>),
}

impl Activation {
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::Relu => ops::activation::relu(x),
            Activation::Gelu => ops::smooth::gelu(x, "none"),
            Activation::Other(f) => f(x),
        }
    }
}

impl fmt::Debug for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Activation::Relu => "relu",
            Activation::Gelu => "gelu",
            Activation::Other(_) => "another function",
        })
    }
}

/// What one attention of a transformer must not see.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttentionMasks<'a> {
    /// `(L, S)` or `(N · nhead, L, S)`: true hides a key from a query, floats are added to the scores.
    pub mask: Option<&'a Tensor>,
    /// `(N, S)`: true hides a key from all queries.
    pub key_padding_mask: Option<&'a Tensor>,
    /// Whether `mask` is the causal one; if it is not said, encoders and decoders look.
    pub is_causal: Option<bool>,
}

impl<'a> AttentionMasks<'a> {
    /// The given tensors, in order.
    fn tensors(&self) -> impl Iterator<Item = &'a Tensor> {
        self.mask.into_iter().chain(self.key_padding_mask)
    }

    /// The same masks with the tensors that hooks left in their place.
    fn taken(&self, from: &mut impl Iterator<Item = &'a Tensor>) -> AttentionMasks<'a> {
        AttentionMasks {
            mask: self.mask.and_then(|_| from.next()),
            key_padding_mask: self.key_padding_mask.and_then(|_| from.next()),
            is_causal: self.is_causal,
        }
    }

    fn attend(&self, layer: &MultiheadAttention, q: &Tensor, kv: &Tensor) -> Result<Tensor> {
        let how = AttentionCall {
            key_padding_mask: self.key_padding_mask,
            need_weights: false,
            attn_mask: self.mask,
            is_causal: self.is_causal.unwrap_or(false),
            ..AttentionCall::default()
        };
        Ok(layer.try_forward(q, kv, kv, &how)?.0)
    }

    /// Whether the mask is the causal one, where it is not said.
    fn looked_at(&self, seq_len: usize) -> Result<AttentionMasks<'a>> {
        let causal = match (self.is_causal, self.mask) {
            (Some(said), _) => said,
            (None, Some(m)) if m.shape() == [seq_len, seq_len] => {
                let dtype = if m.dtype().is_float() { m.dtype() } else { DType::F32 };
                let m = super::attention::canonical(m, "mask", dtype)?;
                let causal = Transformer::generate_square_subsequent_mask(seq_len, Some(dtype), Some(m.device()))?;
                catch(|| m.eq(&causal).all().item().to_f64() != 0.0)?
            }
            _ => false,
        };
        Ok(AttentionMasks {
            is_causal: Some(causal),
            ..*self
        })
    }
}

fn seq_len(x: &Tensor, batch_first: bool) -> usize {
    let at = if x.dim() == 3 { usize::from(batch_first) } else { 0 };
    x.shape().get(at).copied().unwrap_or(0)
}

/// The settings that both kinds of layers have.
#[derive(Clone)]
struct Settings {
    d_model: usize,
    nhead: usize,
    dim_feedforward: usize,
    dropout: f64,
    layer_norm_eps: f64,
    batch_first: bool,
    bias: bool,
    factory: Factory,
}

impl Settings {
    fn attention(&self) -> Result<MultiheadAttention> {
        MultiheadAttention::options(self.d_model, self.nhead)
            .dropout(self.dropout)
            .bias(self.bias)
            .batch_first(self.batch_first)
            .factory(self.factory)
            .try_build()
    }

    fn linear(&self, from: usize, to: usize) -> Result<Linear> {
        Linear::options(from, to)
            .bias(self.bias)
            .factory(self.factory)
            .try_build()
    }

    fn norm(&self) -> Result<LayerNorm> {
        LayerNorm::options(self.d_model as i64)
            .eps(self.layer_norm_eps)
            .bias(self.bias)
            .factory(self.factory)
            .try_build()
    }

    fn dropout(&self) -> Result<Dropout> {
        Dropout::options().p(self.dropout).try_build()
    }
}

macro_rules! layer_options {
    ($($(#[$meta:meta])* $Options:ident for $Layer:ident;)*) => { $(
        options! {
            $(#[$meta])*
            $Options for $Layer(d_model: usize, nhead: usize) {
                /// Features between the two linear layers (2048).
                dim_feedforward: usize = 2048,
                /// How likely elements are zeroed in training (0.1).
                dropout: f64 = 0.1,
                /// The function between the linear layers (relu).
                activation: Activation = Activation::Relu,
                /// Added to the variances of the norms (1e-5).
                layer_norm_eps: f64 = 1e-5,
                /// Whether the batch is the first dimension (it is the second).
                batch_first: bool = false,
                /// Whether norms come before attention and feed-forward (they come after).
                norm_first: bool = false,
                /// Whether linear layers and norms have biases (the default).
                bias: bool = true,
            }
        }

        impl $Options {
            fn settings(&self) -> Settings {
                Settings {
                    d_model: self.d_model,
                    nhead: self.nhead,
                    dim_feedforward: self.dim_feedforward,
                    dropout: self.dropout,
                    layer_norm_eps: self.layer_norm_eps,
                    batch_first: self.batch_first,
                    bias: self.bias,
                    factory: self.factory,
                }
            }
        }
    )* };
}

layer_options! {
    /// What a [`TransformerEncoderLayer`] is to be.
    TransformerEncoderLayerOptions for TransformerEncoderLayer;
    /// What a [`TransformerDecoderLayer`] is to be.
    TransformerDecoderLayerOptions for TransformerDecoderLayer;
}

/// Self-attention and feed-forward, each added to what went in and normalised:
/// `x = norm1(x + attention(x))`, `y = norm2(x + W_2 f(W_1 x + b_1) + b_2)`; with `norm_first`,
/// `x = x + attention(norm1(x))` and so on.
///
/// * **Shapes**: `(L, N, d_model)`, `(N, L, d_model)` with `batch_first`, or `(L, d_model)`; the same out.
/// * **Parameters**: `4 d² + 4 d` of the attention, `2 d f + f + d` of the feed-forward part (f is `dim_feedforward`), `4 d` of
///   the norms. **Initial values**: those of the parts.
/// * **When to use it, limits**: as [`MultiheadAttention`]; without positions it does not know the order. `norm_first` trains
///   deep stacks more easily. **Where used**: BERT, ViT.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Module, TransformerEncoderLayer};
/// let layer = TransformerEncoderLayer::options(16, 4).dim_feedforward(32).batch_first(true).build();
/// assert_eq!(layer.forward(&Tensor::randn(&[2, 5, 16])).shape(), [2, 5, 16]);
/// assert_eq!(layer.num_parameters(), 4 * 16 * 16 + 4 * 16 + 2 * 16 * 32 + 32 + 16 + 4 * 16);
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoderLayer {
    /// The attention.
    pub self_attn: MultiheadAttention,
    /// To `dim_feedforward` features.
    pub linear1: Linear,
    /// Between the linear layers.
    pub dropout: Dropout,
    /// Back to `d_model` features.
    pub linear2: Linear,
    /// Beside the attention.
    pub norm1: LayerNorm,
    /// Beside the feed-forward part.
    pub norm2: LayerNorm,
    /// Behind the attention.
    pub dropout1: Dropout,
    /// Behind the feed-forward part.
    pub dropout2: Dropout,
    /// Whether norms come first.
    pub norm_first: bool,
    /// The function between the linear layers.
    #[module(skip)]
    pub activation: Activation,
    /// Identity, training flag, hooks.
    pub base: Base,
}

impl TransformerEncoderLayer {
    fn from_options(o: TransformerEncoderLayerOptions) -> Result<TransformerEncoderLayer> {
        let s = o.settings();
        Ok(TransformerEncoderLayer {
            self_attn: s.attention()?,
            linear1: s.linear(s.d_model, s.dim_feedforward)?,
            dropout: s.dropout()?,
            linear2: s.linear(s.dim_feedforward, s.d_model)?,
            norm1: s.norm()?,
            norm2: s.norm()?,
            dropout1: s.dropout()?,
            dropout2: s.dropout()?,
            norm_first: o.norm_first,
            activation: o.activation,
            base: Base::new(),
        })
    }

    /// As `forward`, with masks.
    pub fn try_forward_with(&self, src: &Tensor, masks: &AttentionMasks) -> Result<Tensor> {
        let given: Vec<&Tensor> = std::iter::once(src).chain(masks.tensors()).collect();
        call(self, &given, |t| {
            self.compute(t[0], &masks.taken(&mut t[1..].iter().copied()))
        })
    }

    fn compute(&self, x: &Tensor, masks: &AttentionMasks) -> Result<Tensor> {
        let attention = |x: &Tensor| self.dropout1.try_forward(&masks.attend(&self.self_attn, x, x)?);
        let feed_forward = |x: &Tensor| {
            let inner = self.activation.of(&self.linear1.try_forward(x)?)?;
            self.dropout2
                .try_forward(&self.linear2.try_forward(&self.dropout.try_forward(&inner)?)?)
        };
        let x = residual(x, &self.norm1, self.norm_first, &attention)?;
        residual(&x, &self.norm2, self.norm_first, &feed_forward)
    }
}

/// `x + part(norm(x))`, or `norm(x + part(x))`.
fn residual(x: &Tensor, norm: &LayerNorm, first: bool, part: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    if first {
        let y = part(&norm.try_forward(x)?)?;
        return catch(|| x + &y);
    }
    let y = part(x)?;
    norm.try_forward(&catch(|| x + &y)?)
}

impl Layer for TransformerEncoderLayer {
    fn run(&self, src: &Tensor) -> Result<Tensor> {
        self.compute(src, &AttentionMasks::default())
    }
}

/// Self-attention, attention to the encoder's output, and feed-forward, each added to what went in and normalised.
///
/// * **Shapes**: `tgt: (L, N, d_model)` and `memory: (S, N, d_model)`, or with the batch in front; `(L, N, d_model)` out.
/// * **Parameters**: `8 d² + 8 d` of the attentions, `2 d f + f + d` of the feed-forward part, `6 d` of the norms.
/// * **When to use it**: to write a sequence while another one is read; the self-attention then takes the causal mask.
///   **Where used**: translation, T5, speech recognition.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::TransformerDecoderLayer;
/// let layer = TransformerDecoderLayer::options(16, 4).build();
/// assert_eq!(layer.forward(&Tensor::randn(&[3, 2, 16]), &Tensor::randn(&[5, 2, 16])).shape(), [3, 2, 16]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoderLayer {
    /// Attention to the sequence itself.
    pub self_attn: MultiheadAttention,
    /// Attention to the encoder's output.
    pub multihead_attn: MultiheadAttention,
    /// To `dim_feedforward` features.
    pub linear1: Linear,
    /// Between the linear layers.
    pub dropout: Dropout,
    /// Back to `d_model` features.
    pub linear2: Linear,
    /// Beside the self-attention.
    pub norm1: LayerNorm,
    /// Beside the other attention.
    pub norm2: LayerNorm,
    /// Beside the feed-forward part.
    pub norm3: LayerNorm,
    /// Behind the self-attention.
    pub dropout1: Dropout,
    /// Behind the other attention.
    pub dropout2: Dropout,
    /// Behind the feed-forward part.
    pub dropout3: Dropout,
    /// Whether norms come first.
    pub norm_first: bool,
    /// The function between the linear layers.
    #[module(skip)]
    pub activation: Activation,
    /// Identity, training flag, hooks.
    pub base: Base,
}

impl TransformerDecoderLayer {
    fn from_options(o: TransformerDecoderLayerOptions) -> Result<TransformerDecoderLayer> {
        let s = o.settings();
        Ok(TransformerDecoderLayer {
            self_attn: s.attention()?,
            multihead_attn: s.attention()?,
            linear1: s.linear(s.d_model, s.dim_feedforward)?,
            dropout: s.dropout()?,
            linear2: s.linear(s.dim_feedforward, s.d_model)?,
            norm1: s.norm()?,
            norm2: s.norm()?,
            norm3: s.norm()?,
            dropout1: s.dropout()?,
            dropout2: s.dropout()?,
            dropout3: s.dropout()?,
            norm_first: o.norm_first,
            activation: o.activation,
            base: Base::new(),
        })
    }

    /// The output; throws.
    #[track_caller]
    pub fn forward(&self, tgt: &Tensor, memory: &Tensor) -> Tensor {
        self.try_forward(tgt, memory, &AttentionMasks::default(), &AttentionMasks::default())
            .or_throw()
    }

    /// The output, with masks of the self-attention and of the attention to the memory.
    pub fn try_forward(
        &self,
        tgt: &Tensor,
        memory: &Tensor,
        own: &AttentionMasks,
        of_memory: &AttentionMasks,
    ) -> Result<Tensor> {
        let masks = own.tensors().chain(of_memory.tensors());
        let given: Vec<&Tensor> = [tgt, memory].into_iter().chain(masks).collect();
        call(self, &given, |t| {
            let mut rest = t[2..].iter().copied();
            let (own, of_memory) = (own.taken(&mut rest), of_memory.taken(&mut rest));
            self.compute(t[0], t[1], &own, &of_memory)
        })
    }

    fn compute(&self, x: &Tensor, memory: &Tensor, own: &AttentionMasks, of_memory: &AttentionMasks) -> Result<Tensor> {
        let attention = |x: &Tensor| self.dropout1.try_forward(&own.attend(&self.self_attn, x, x)?);
        let across = |x: &Tensor| {
            self.dropout2
                .try_forward(&of_memory.attend(&self.multihead_attn, x, memory)?)
        };
        let feed_forward = |x: &Tensor| {
            let inner = self.activation.of(&self.linear1.try_forward(x)?)?;
            self.dropout3
                .try_forward(&self.linear2.try_forward(&self.dropout.try_forward(&inner)?)?)
        };
        let x = residual(x, &self.norm1, self.norm_first, &attention)?;
        let x = residual(&x, &self.norm2, self.norm_first, &across)?;
        residual(&x, &self.norm3, self.norm_first, &feed_forward)
    }
}

/// Several encoder layers, one after the other.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, TransformerEncoder, TransformerEncoderLayer};
/// let layer = TransformerEncoderLayer::options(16, 4).dim_feedforward(32).build();
/// let encoder = TransformerEncoder::new(&layer, 3, None)?;
/// assert_eq!(encoder.forward(&Tensor::randn(&[5, 2, 16])).shape(), [5, 2, 16]);
/// # Ok::<(), duoc_core::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct TransformerEncoder {
    /// The layers.
    pub layers: ModuleList<TransformerEncoderLayer>,
    /// Behind the last one.
    pub norm: Option<LayerNorm>,
    /// Identity, training flag, hooks.
    pub base: Base,
}

fn copies<M: Module + Clone>(layer: &M, n: usize) -> Result<ModuleList<M>> {
    let mut list = ModuleList::new();
    for _ in 0..n {
        list.push(deep_copy(layer)?);
    }
    Ok(list)
}

impl TransformerEncoder {
    /// `num_layers` copies of a layer: they start with the same weights.
    pub fn new(
        layer: &TransformerEncoderLayer,
        num_layers: usize,
        norm: Option<LayerNorm>,
    ) -> Result<TransformerEncoder> {
        Ok(TransformerEncoder {
            layers: copies(layer, num_layers)?,
            norm,
            base: Base::new(),
        })
    }

    /// As `forward`, with masks.
    pub fn try_forward_with(&self, src: &Tensor, masks: &AttentionMasks) -> Result<Tensor> {
        let given: Vec<&Tensor> = std::iter::once(src).chain(masks.tensors()).collect();
        call(self, &given, |t| {
            self.compute(t[0], &masks.taken(&mut t[1..].iter().copied()))
        })
    }

    fn compute(&self, src: &Tensor, masks: &AttentionMasks) -> Result<Tensor> {
        let mut x = src.clone();
        if let Some(first) = self.layers.first() {
            let masks = masks.looked_at(seq_len(src, first.self_attn.batch_first))?;
            for layer in &self.layers {
                x = layer.try_forward_with(&x, &masks)?;
            }
        }
        match &self.norm {
            Some(norm) => norm.try_forward(&x),
            None => Ok(x),
        }
    }
}

impl Layer for TransformerEncoder {
    fn run(&self, src: &Tensor) -> Result<Tensor> {
        self.compute(src, &AttentionMasks::default())
    }
}

/// Several decoder layers, one after the other.
#[derive(Clone, Debug, Module)]
pub struct TransformerDecoder {
    /// The layers.
    pub layers: ModuleList<TransformerDecoderLayer>,
    /// Behind the last one.
    pub norm: Option<LayerNorm>,
    /// Identity, training flag, hooks.
    pub base: Base,
}

impl TransformerDecoder {
    /// `num_layers` copies of a layer: they start with the same weights.
    pub fn new(
        layer: &TransformerDecoderLayer,
        num_layers: usize,
        norm: Option<LayerNorm>,
    ) -> Result<TransformerDecoder> {
        Ok(TransformerDecoder {
            layers: copies(layer, num_layers)?,
            norm,
            base: Base::new(),
        })
    }

    /// The output; throws.
    #[track_caller]
    pub fn forward(&self, tgt: &Tensor, memory: &Tensor) -> Tensor {
        self.try_forward(tgt, memory, &AttentionMasks::default(), &AttentionMasks::default())
            .or_throw()
    }

    /// The output, with masks of the self-attention and of the attention to the memory.
    pub fn try_forward(
        &self,
        tgt: &Tensor,
        memory: &Tensor,
        own: &AttentionMasks,
        of_memory: &AttentionMasks,
    ) -> Result<Tensor> {
        let masks = own.tensors().chain(of_memory.tensors());
        let given: Vec<&Tensor> = [tgt, memory].into_iter().chain(masks).collect();
        call(self, &given, |t| {
            let mut rest = t[2..].iter().copied();
            let (own, of_memory) = (own.taken(&mut rest), of_memory.taken(&mut rest));
            let mut x = t[0].clone();
            if let Some(first) = self.layers.first() {
                let own = own.looked_at(seq_len(&x, first.self_attn.batch_first))?;
                for layer in &self.layers {
                    x = layer.try_forward(&x, t[1], &own, &of_memory)?;
                }
            }
            match &self.norm {
                Some(norm) => norm.try_forward(&x),
                None => Ok(x),
            }
        })
    }
}

/// Encoder and decoder (A. Vaswani et al., 2017): the encoder reads a sequence, the decoder writes another one and attends to
/// what was read.
///
/// * **Shapes**: `src: (S, N, d_model)`, `tgt: (T, N, d_model)`, or with the batch in front; `(T, N, d_model)` out.
/// * **Parameters**: those of the layers (see [`TransformerEncoderLayer`] and [`TransformerDecoderLayer`]) and `4 d` of the last
///   norms. **Initial values**: all matrices Xavier uniform.
/// * **When to use it**: translation and the like; embeddings and positions come before it, a linear layer after it.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::Transformer;
/// let model = Transformer::options().d_model(16).nhead(4).num_encoder_layers(2).num_decoder_layers(2).build();
/// assert_eq!(model.forward(&Tensor::randn(&[7, 3, 16]), &Tensor::randn(&[5, 3, 16])).shape(), [5, 3, 16]);
/// ```
#[derive(Clone, Debug, Module)]
pub struct Transformer {
    /// Reads.
    pub encoder: TransformerEncoder,
    /// Writes.
    pub decoder: TransformerDecoder,
    /// Features.
    pub d_model: usize,
    /// Heads.
    pub nhead: usize,
    /// Whether the batch is the first dimension.
    pub batch_first: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`Transformer`] is to be.
    TransformerOptions for Transformer() {
        /// Features (512).
        d_model: usize = 512,
        /// Heads (8).
        nhead: usize = 8,
        /// Layers of the encoder (6).
        num_encoder_layers: usize = 6,
        /// Layers of the decoder (6).
        num_decoder_layers: usize = 6,
        /// Features between the linear layers (2048).
        dim_feedforward: usize = 2048,
        /// How likely elements are zeroed in training (0.1).
        dropout: f64 = 0.1,
        /// The function between the linear layers (relu).
        activation: Activation = Activation::Relu,
        /// Added to the variances of the norms (1e-5).
        layer_norm_eps: f64 = 1e-5,
        /// Whether the batch is the first dimension (it is the second).
        batch_first: bool = false,
        /// Whether norms come before attention and feed-forward (they come after).
        norm_first: bool = false,
        /// Whether linear layers and norms have biases (the default).
        bias: bool = true,
    }
}

impl Transformer {
    fn from_options(o: TransformerOptions) -> Result<Transformer> {
        macro_rules! layer {
            ($Layer:ident) => {
                $Layer::options(o.d_model, o.nhead)
                    .dim_feedforward(o.dim_feedforward)
                    .dropout(o.dropout)
                    .activation(o.activation.clone())
                    .layer_norm_eps(o.layer_norm_eps)
                    .batch_first(o.batch_first)
                    .norm_first(o.norm_first)
                    .bias(o.bias)
                    .factory(o.factory)
            };
        }
        let (reads, writes) = (layer!(TransformerEncoderLayer), layer!(TransformerDecoderLayer));
        let settings = reads.settings();
        let encoder = TransformerEncoder::new(&reads.try_build()?, o.num_encoder_layers, Some(settings.norm()?))?;
        let decoder = TransformerDecoder::new(&writes.try_build()?, o.num_decoder_layers, Some(settings.norm()?))?;
        let model = Transformer {
            encoder,
            decoder,
            d_model: o.d_model,
            nhead: o.nhead,
            batch_first: o.batch_first,
            base: Base::new(),
        };
        for p in model.parameters().iter().filter(|p| p.dim() > 1) {
            init::xavier_uniform_(p, 1.0)?;
        }
        Ok(model)
    }

    /// The output; throws.
    #[track_caller]
    pub fn forward(&self, src: &Tensor, tgt: &Tensor) -> Tensor {
        let none = AttentionMasks::default();
        self.try_forward(src, tgt, &none, &none, &none).or_throw()
    }

    /// The output, with masks of the encoder, of the decoder's self-attention, and of its attention to the encoder's output.
    ///
    /// # Errors
    /// `RuntimeError` for batches or features that do not fit.
    pub fn try_forward(
        &self,
        src: &Tensor,
        tgt: &Tensor,
        of_src: &AttentionMasks,
        of_tgt: &AttentionMasks,
        of_memory: &AttentionMasks,
    ) -> Result<Tensor> {
        let masks = of_src.tensors().chain(of_tgt.tensors()).chain(of_memory.tensors());
        let given: Vec<&Tensor> = [src, tgt].into_iter().chain(masks).collect();
        call(self, &given, |t| {
            let (src, tgt) = (t[0], t[1]);
            let batch = usize::from(!self.batch_first);
            ensure!(
                src.dim() != 3 || src.shape().get(batch) == tgt.shape().get(batch),
                Runtime,
                "the batch number of src and tgt must be equal: src {:?}, tgt {:?}",
                src.shape(),
                tgt.shape()
            );
            let fits = |x: &Tensor| x.shape().last() == Some(&self.d_model);
            ensure!(
                fits(src) && fits(tgt),
                Runtime,
                "the feature number of src and tgt must be equal to d_model: src {:?}, tgt {:?}, d_model {}",
                src.shape(),
                tgt.shape(),
                self.d_model
            );
            let mut rest = t[2..].iter().copied();
            let of_src = of_src.taken(&mut rest);
            let (of_tgt, of_memory) = (of_tgt.taken(&mut rest), of_memory.taken(&mut rest));
            let memory = self.encoder.try_forward_with(src, &of_src)?;
            self.decoder.try_forward(tgt, &memory, &of_tgt, &of_memory)
        })
    }

    /// The causal mask `(size, size)`: minus infinity above the diagonal, 0 elsewhere.
    pub fn generate_square_subsequent_mask(
        size: usize,
        dtype: Option<DType>,
        device: Option<Device>,
    ) -> Result<Tensor> {
        let n = i64::try_from(size).map_err(|_| err!(Runtime, "a mask of {size} places is too large"))?;
        let all = ops::factory::full(&[n, n], f64::NEG_INFINITY.into(), dtype, None, device, None)?;
        ops::rearrange::triu(&all, 1)
    }
}

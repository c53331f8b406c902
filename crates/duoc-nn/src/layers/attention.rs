//! Attention: every place takes in what the places that fit it have to say.

use super::linear::Linear;
use crate::{Base, Layer, Module, Param, call, init};
use duoc_core::ops::{self, attention::scaled_dot_product_attention as attend};
use duoc_core::{DType, OrThrow, Result, Scalar, Tensor, catch, ensure};

/// Self-attention with one head, as courses define it: `Q = x W_qᵀ`, `K = x W_kᵀ`, `V = x W_vᵀ`,
/// `y = softmax(Q Kᵀ / √d_k) V`.
///
/// * **Shapes**: `x: (n, d_model)` or `(N, n, d_model)`; `W_q` and `W_k`: `(d_k, d_model)`, `W_v: (d_v, d_model)`; `y: (.., n, d_v)`.
/// * **Parameters**: `2 · d_model · d_k + d_model · d_v`; with `bias(true)` also `2 · d_k + d_v`.
/// * **How it works**: each place asks (query), every place offers (key), and what is said (value) is averaged by how well
///   question and offer fit. The division by `√d_k` keeps the softmax from saturating.
/// * **Initial values**: those of [`Linear`]. **When to use it**: to see how attention works; with several heads it is
///   [`MultiheadAttention`]. **Limits**: time and, in plain form, memory grow with n²; it knows no order without
///   [positions](crate::SinusoidalPositions). **Where used**: in every transformer.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Module, SelfAttention};
/// let attention = SelfAttention::options(16).key_size(8).value_size(4).build();
/// assert_eq!(attention.forward(&Tensor::randn(&[5, 16])).shape(), [5, 4]);
/// assert_eq!(attention.num_parameters(), 2 * 16 * 8 + 16 * 4);
/// ```
#[derive(Clone, Debug, Module)]
pub struct SelfAttention {
    /// `W_q`.
    pub query: Linear,
    /// `W_k`.
    pub key: Linear,
    /// `W_v`.
    pub value: Linear,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`SelfAttention`] is to be.
    SelfAttentionOptions for SelfAttention(d_model: usize) {
        /// Features of queries and keys (`d_model`).
        key_size: Option<usize> as usize => Some = None,
        /// Features of values (`d_model`).
        value_size: Option<usize> as usize => Some = None,
        /// Whether the projections have biases (they have not).
        bias: bool = false,
    }
}

impl SelfAttention {
    fn from_options(o: SelfAttentionOptions) -> Result<SelfAttention> {
        let make = |n: usize| {
            Linear::options(o.d_model, n)
                .bias(o.bias)
                .factory(o.factory)
                .try_build()
        };
        let (k, v) = (o.key_size.unwrap_or(o.d_model), o.value_size.unwrap_or(o.d_model));
        Ok(SelfAttention {
            query: make(k)?,
            key: make(k)?,
            value: make(v)?,
            base: Base::new(),
        })
    }

    /// As `forward` with a mask: false hides a place from another, floats are added to the scores. With `causal`, a place
    /// sees only itself and those before.
    pub fn try_forward_with(&self, x: &Tensor, mask: Option<&Tensor>, causal: bool) -> Result<Tensor> {
        let given: Vec<&Tensor> = std::iter::once(x).chain(mask).collect();
        call(self, &given, |t| self.compute(t[0], t.get(1).copied(), causal))
    }

    fn compute(&self, x: &Tensor, mask: Option<&Tensor>, causal: bool) -> Result<Tensor> {
        let (q, k, v) = (self.query.forward(x), self.key.forward(x), self.value.forward(x));
        attend(&q, &k, &v, mask, 0.0, causal, None, false)
    }
}

impl Layer for SelfAttention {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        self.compute(x, None, false)
    }
}

/// The output projection of a [`MultiheadAttention`]: a [`Linear`] under PyTorch's name.
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct NonDynamicallyQuantizableLinear {
    /// `(out_features, in_features)`.
    pub weight: Param,
    /// `(out_features)`.
    pub bias: Option<Param>,
    /// Identity, training flag, hooks.
    pub base: Base,
}

impl NonDynamicallyQuantizableLinear {
    fn extra_repr(&self) -> String {
        let (m, n, b) = (self.weight.shape()[1], self.weight.shape()[0], self.bias.is_some());
        format!("in_features={m}, out_features={n}, bias={}", crate::python_bool(b))
    }
}

impl Layer for NonDynamicallyQuantizableLinear {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        ops::contract::linear(input, &self.weight, self.bias.as_deref())
    }
}

/// What a call of a [`MultiheadAttention`] may say beyond query, key and value.
#[derive(Clone, Copy, Debug)]
pub struct AttentionCall<'a> {
    /// `(N, S)` or `(S)`: true hides a key from all queries, floats are added to its scores.
    pub key_padding_mask: Option<&'a Tensor>,
    /// Whether the weights are returned, which costs time and memory (the default).
    pub need_weights: bool,
    /// `(L, S)` or `(N · num_heads, L, S)`: true hides a key from a query, floats are added to the scores.
    pub attn_mask: Option<&'a Tensor>,
    /// Whether the returned weights are the mean of the heads' (the default).
    pub average_attn_weights: bool,
    /// Whether `attn_mask` is the causal one, so that it need not be read.
    pub is_causal: bool,
}

impl Default for AttentionCall<'_> {
    fn default() -> Self {
        AttentionCall {
            key_padding_mask: None,
            need_weights: true,
            attn_mask: None,
            average_attn_weights: true,
            is_causal: false,
        }
    }
}

/// Attention with several heads, each on its own part of the features: `head_i = softmax(Q_i K_iᵀ / √(E / h)) V_i`,
/// `y = [head_1, .., head_h] W_oᵀ + b_o` (A. Vaswani et al., 2017).
///
/// * **Shapes**: query `(L, N, embed_dim)`, key `(S, N, kdim)`, value `(S, N, vdim)`, with `batch_first` the batch in front, or
///   without a batch; output `(L, N, embed_dim)`, weights `(N, L, S)`.
/// * **Parameters**: `4 · E² + 4 · E`; `4 · E²` without biases; with other `kdim`, `vdim`: `E · (2 · E + kdim + vdim)` and biases.
///   The three input projections lie in one matrix `in_proj_weight: (3 E, E)`.
/// * **How it works**: heads look for different things at once; their results are mixed by `out_proj`.
/// * **Initial values**: `in_proj_weight` Xavier uniform, `out_proj.weight` as [`Linear`], biases zero.
/// * **When to use it**: sequences in which far places matter to each other. **Limits**: time grows with `L · S`; no order
///   without [positions](crate::SinusoidalPositions). **Where used**: BERT, GPT, ViT, Whisper.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Module, MultiheadAttention};
/// let attention = MultiheadAttention::options(16, 4).batch_first(true).build();
/// let x = Tensor::randn(&[2, 5, 16]);
/// let (y, weights) = attention.forward(&x, &x, &x);
/// assert_eq!((y.shape(), weights.unwrap().shape()), (&[2, 5, 16][..], &[2, 5, 5][..]));
/// assert_eq!(attention.num_parameters(), 4 * 16 * 16 + 4 * 16);
/// ```
#[derive(Clone, Debug, Module)]
pub struct MultiheadAttention {
    /// `(3 E, E)`, where keys and values have as many features as queries.
    pub in_proj_weight: Option<Param>,
    /// `(E, E)` where they have not.
    pub q_proj_weight: Option<Param>,
    /// `(E, kdim)`.
    pub k_proj_weight: Option<Param>,
    /// `(E, vdim)`.
    pub v_proj_weight: Option<Param>,
    /// `(3 E)`.
    pub in_proj_bias: Option<Param>,
    /// A key that is added to every sequence, `(1, 1, E)`.
    pub bias_k: Option<Param>,
    /// Its value.
    pub bias_v: Option<Param>,
    /// `W_o`.
    pub out_proj: NonDynamicallyQuantizableLinear,
    /// Features of queries and outputs.
    pub embed_dim: usize,
    /// Heads.
    pub num_heads: usize,
    /// How likely a weight is dropped in training.
    pub dropout: f64,
    /// Whether the batch is the first dimension.
    pub batch_first: bool,
    /// Whether a key and a value of zeros are added.
    pub add_zero_attn: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`MultiheadAttention`] is to be.
    MultiheadAttentionOptions for MultiheadAttention(embed_dim: usize, num_heads: usize) {
        /// How likely a weight is dropped in training (0).
        dropout: f64 = 0.0,
        /// Whether the projections have biases (the default).
        bias: bool = true,
        /// Whether a learned key and value are added to every sequence.
        add_bias_kv: bool = false,
        /// Whether a key and a value of zeros are added.
        add_zero_attn: bool = false,
        /// Features of keys (`embed_dim`).
        kdim: Option<usize> as usize => Some = None,
        /// Features of values (`embed_dim`).
        vdim: Option<usize> as usize => Some = None,
        /// Whether the batch is the first dimension (it is the second).
        batch_first: bool = false,
    }
}

/// A mask as numbers that are added to the scores.
pub(super) fn canonical(mask: &Tensor, name: &str, dtype: DType) -> Result<Tensor> {
    if mask.dtype().is_float() {
        return Ok(mask.clone());
    }
    ensure!(
        mask.dtype() == DType::Bool,
        Assertion,
        "only bool and floating types of {name} are supported, not {}",
        mask.dtype()
    );
    let zeros = catch(|| mask.zeros_like().to_dtype(dtype))?;
    ops::mask::masked_fill(&zeros, mask, Scalar::Float(f64::NEG_INFINITY))
}

impl MultiheadAttention {
    fn from_options(o: MultiheadAttentionOptions) -> Result<MultiheadAttention> {
        let (e, h) = (o.embed_dim, o.num_heads);
        ensure!(
            e > 0 && h > 0,
            Value,
            "embed_dim and num_heads must be greater than 0, got embed_dim={e} and num_heads={h} instead"
        );
        ensure!(
            e.is_multiple_of(h),
            Assertion,
            "embed_dim must be divisible by num_heads: {e} and {h}"
        );
        let (kdim, vdim) = (o.kdim.unwrap_or(e), o.vdim.unwrap_or(e));
        let same = kdim == e && vdim == e;
        let param = |there: bool, shape: &[usize]| there.then(|| o.factory.param(shape)).transpose();
        let in_proj_weight = param(same, &[3 * e, e])?;
        let q_proj_weight = param(!same, &[e, e])?;
        let k_proj_weight = param(!same, &[e, kdim])?;
        let v_proj_weight = param(!same, &[e, vdim])?;
        let in_proj_bias = param(o.bias, &[3 * e])?;
        let out = Linear::options(e, e).bias(o.bias).factory(o.factory).try_build()?;
        let layer = MultiheadAttention {
            in_proj_weight,
            q_proj_weight,
            k_proj_weight,
            v_proj_weight,
            in_proj_bias,
            bias_k: param(o.add_bias_kv, &[1, 1, e])?,
            bias_v: param(o.add_bias_kv, &[1, 1, e])?,
            out_proj: NonDynamicallyQuantizableLinear {
                weight: out.weight,
                bias: out.bias,
                base: Base::new(),
            },
            embed_dim: e,
            num_heads: h,
            dropout: o.dropout,
            batch_first: o.batch_first,
            add_zero_attn: o.add_zero_attn,
            base: Base::new(),
        };
        layer.reset_parameters()?;
        Ok(layer)
    }

    /// Draws the input projections anew and sets the biases to zero.
    pub fn reset_parameters(&self) -> Result<()> {
        let projections = [
            &self.in_proj_weight,
            &self.q_proj_weight,
            &self.k_proj_weight,
            &self.v_proj_weight,
        ];
        for p in projections.into_iter().flatten() {
            init::xavier_uniform_(p, 1.0)?;
        }
        if let Some(p) = &self.in_proj_bias {
            init::zeros_(p)?;
        }
        if let Some(p) = &self.out_proj.bias {
            init::zeros_(p)?;
        }
        for p in [&self.bias_k, &self.bias_v].into_iter().flatten() {
            init::xavier_normal_(p, 1.0)?;
        }
        Ok(())
    }

    /// The output and the mean weights of the heads; throws.
    #[track_caller]
    pub fn forward(&self, query: &Tensor, key: &Tensor, value: &Tensor) -> (Tensor, Option<Tensor>) {
        self.try_forward(query, key, value, &AttentionCall::default())
            .or_throw()
    }

    /// The output, and the weights if they are wanted.
    ///
    /// # Errors
    /// `AssertionError` or `RuntimeError` for shapes that do not fit each other or the layer.
    pub fn try_forward(
        &self,
        query: &Tensor,
        key: &Tensor,
        value: &Tensor,
        how: &AttentionCall,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let mut given = vec![query, key, value];
        given.extend(how.key_padding_mask);
        given.extend(how.attn_mask);
        call(self, &given, |t| {
            let mut masks = t[3..].iter().copied();
            let key_padding_mask = how.key_padding_mask.and_then(|_| masks.next());
            let attn_mask = how.attn_mask.and_then(|_| masks.next());
            let how = AttentionCall {
                key_padding_mask,
                attn_mask,
                ..*how
            };
            self.compute([t[0], t[1], t[2]], &how)
        })
    }

    fn compute(&self, [q, k, v]: [&Tensor; 3], how: &AttentionCall) -> Result<(Tensor, Option<Tensor>)> {
        let single = self.check(q, k, v, how)?;
        if single {
            let batch = |t: &Tensor| ops::view::unsqueeze(t, 0);
            let (q3, same_k, same_v) = (batch(q)?, k.is_same(q), v.is_same(k));
            let k3 = if same_k { q3.clone() } else { batch(k)? };
            let v3 = if same_v { k3.clone() } else { batch(v)? };
            let mask = how.key_padding_mask.map(batch).transpose()?;
            let how = AttentionCall {
                key_padding_mask: mask.as_ref(),
                ..*how
            };
            let (y, weights) = self.batched([&q3, &k3, &v3], &how, true)?;
            let squeeze = |t: Tensor| ops::view::squeeze_dim(&t, 0);
            return Ok((squeeze(y)?, weights.map(squeeze).transpose()?));
        }
        self.batched([q, k, v], how, self.batch_first)
    }

    /// Refuses what does not fit; says whether there is no batch.
    fn check(&self, q: &Tensor, k: &Tensor, v: &Tensor, how: &AttentionCall) -> Result<bool> {
        ensure!(
            matches!(q.dim(), 2 | 3),
            Assertion,
            "query should be unbatched 2D or batched 3D tensor but received {}-D query tensor",
            q.dim()
        );
        let (single, dims) = (q.dim() == 2, q.dim());
        let which = if single { "unbatched (2-D)" } else { "batched (3-D)" };
        ensure!(
            k.dim() == dims && v.dim() == dims,
            Assertion,
            "For {which} `query`, expected `key` and `value` to be {dims}-D but found {}-D and {}-D tensors respectively",
            k.dim(),
            v.dim()
        );
        if let Some(m) = how.key_padding_mask {
            ensure!(
                m.dim() == dims - 1,
                Assertion,
                "For {which} `query`, expected `key_padding_mask` to be `None` or {}-D but found {}-D tensor instead",
                dims - 1,
                m.dim()
            );
        }
        if let Some(m) = how.attn_mask {
            ensure!(
                matches!(m.dim(), 2 | 3),
                Assertion,
                "For {which} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {}-D tensor instead",
                m.dim()
            );
            let want = [self.num_heads, q.shape()[0], k.shape()[0]];
            ensure!(
                !single || m.dim() == 2 || m.shape() == want,
                Assertion,
                "Expected `attn_mask` shape to be {want:?} but got {:?}",
                m.shape()
            );
        }
        ensure!(
            !how.is_causal || how.attn_mask.is_some(),
            Runtime,
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method `generate_square_subsequent_mask` to create this mask."
        );
        let features = q.shape()[dims - 1];
        ensure!(
            features == self.embed_dim,
            Assertion,
            "was expecting embedding dimension of {}, but got {features}",
            self.embed_dim
        );
        let outer = dims - usize::from(self.in_proj_weight.is_none());
        ensure!(
            k.shape()[..outer] == v.shape()[..outer],
            Assertion,
            "key shape {:?} does not match value shape {:?}",
            k.shape(),
            v.shape()
        );
        Ok(single)
    }

    /// Queries, keys and values of all heads, before they are divided.
    fn project(&self, [q, k, v]: [&Tensor; 3]) -> Result<[Tensor; 3]> {
        let e = self.embed_dim as i64;
        let linear = ops::contract::linear;
        let bias = |at: i64, n: i64| {
            let part = |b: &Param| ops::view::narrow(b, 0, at * e, n * e);
            self.in_proj_bias.as_ref().map(part).transpose()
        };
        let Some(w) = &self.in_proj_weight else {
            let weights = [&self.q_proj_weight, &self.k_proj_weight, &self.v_proj_weight];
            let mut out = Vec::with_capacity(3);
            for (i, (x, w)) in [q, k, v].into_iter().zip(weights).enumerate() {
                let w = w
                    .as_ref()
                    .ok_or_else(|| duoc_core::err!(Assertion, "a projection weight is missing"))?;
                out.push(linear(x, w, bias(i as i64, 1)?.as_ref())?);
            }
            let [q, k, v] = out.try_into().unwrap_or_else(|_| unreachable!("three projections"));
            return Ok([q, k, v]);
        };
        let part = |x: &Tensor, at: i64, n: i64| {
            let w = ops::view::narrow(w, 0, at * e, n * e)?;
            linear(x, &w, bias(at, n)?.as_ref())
        };
        let cut = |t: &Tensor, at: i64| ops::view::narrow(t, -1, at * e, e);
        if k.is_same(v) {
            if q.is_same(k) {
                // One product for all three.
                let all = linear(q, w, self.in_proj_bias.as_deref())?;
                return Ok([cut(&all, 0)?, cut(&all, 1)?, cut(&all, 2)?]);
            }
            let both = part(k, 1, 2)?;
            return Ok([part(q, 0, 1)?, cut(&both, 0)?, cut(&both, 1)?]);
        }
        Ok([part(q, 0, 1)?, part(k, 1, 1)?, part(v, 2, 1)?])
    }

    fn batched(
        &self,
        [q, k, v]: [&Tensor; 3],
        how: &AttentionCall,
        batch_first: bool,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let (seq, bat) = if batch_first { (1, 0) } else { (0, 1) };
        let (l, n, mut s) = (q.shape()[seq], q.shape()[bat], k.shape()[seq]);
        ensure!(
            k.shape()[bat] == n,
            Runtime,
            "query has a batch of {n} and key one of {}: query {:?}, key {:?}",
            k.shape()[bat],
            q.shape(),
            k.shape()
        );
        let dtype = q.dtype();
        let mut padding = how
            .key_padding_mask
            .map(|m| canonical(m, "key_padding_mask", dtype))
            .transpose()?;
        let causal = how.is_causal && padding.is_none() && !how.need_weights;
        let mask = how.attn_mask.filter(|_| !causal);
        let mut mask = mask.map(|m| canonical(m, "attn_mask", dtype)).transpose()?;
        if let Some(m) = &mask {
            let want = [n * self.num_heads, l, s];
            let want = if m.dim() == 2 { &want[1..] } else { &want[..] };
            ensure!(
                m.shape() == want,
                Runtime,
                "The shape of the {}D attn_mask is {:?}, but should be {want:?}.",
                m.dim(),
                m.shape()
            );
        }
        let [q, mut k, mut v] = self.project([q, k, v])?;
        let mut longer = |s: &mut usize| -> Result<()> {
            *s += 1;
            let pad = |m: &Tensor| ops::pad::constant_pad_nd(m, &[0, 1], Scalar::Int(0));
            mask = mask.as_ref().map(pad).transpose()?;
            padding = padding.as_ref().map(pad).transpose()?;
            Ok(())
        };
        if let (Some(bk), Some(bv)) = (&self.bias_k, &self.bias_v) {
            let mut shape = [1, 1, self.embed_dim as i64];
            shape[bat] = n as i64;
            let more =
                |x: &Tensor, b: &Param| ops::join::cat(&[x.clone(), ops::shape::expand(b, &shape, false)?], seq as i64);
            (k, v) = (more(&k, bk)?, more(&v, bv)?);
            longer(&mut s)?;
        }
        // (N, heads, places, features of a head), as views.
        let (h, d) = (self.num_heads as i64, (self.embed_dim / self.num_heads) as i64);
        let heads = |t: &Tensor| {
            let (a, b) = (t.shape()[0] as i64, t.shape()[1] as i64);
            let t = ops::view::reshape(t, &[a, b, h, d])?;
            ops::view::permute(&t, if batch_first { &[0, 2, 1, 3] } else { &[1, 2, 0, 3] })
        };
        let (q, mut k, mut v) = (heads(&q)?, heads(&k)?, heads(&v)?);
        if self.add_zero_attn {
            let zeros = ops::factory::zeros(&[n as i64, h, 1, d], Some(dtype), None, Some(k.device()), None)?;
            k = ops::join::cat(&[k, zeros.clone()], 2)?;
            v = ops::join::cat(&[v, zeros], 2)?;
            longer(&mut s)?;
        }
        let (l, n, s) = (l as i64, n as i64, s as i64);
        let mut mask = match &mask {
            Some(m) if m.dim() == 2 => Some(ops::view::reshape(m, &[1, 1, l, s])?),
            Some(m) => Some(ops::view::reshape(m, &[n, h, l, s])?),
            None => None,
        };
        if let Some(p) = &padding {
            ensure!(
                p.shape() == [n as usize, s as usize],
                Assertion,
                "Expected key_padded_mask.shape to be [{n}, {s}], but got {:?}",
                p.shape()
            );
            let p = ops::view::reshape(p, &[n, 1, 1, s])?;
            mask = Some(match mask {
                Some(m) => catch(|| m + p)?,
                None => p,
            });
        }
        let p = if self.base.training() { self.dropout } else { 0.0 };
        let (y, weights) = if how.need_weights {
            let (y, w) = catch(|| weighted(&q, &k, &v, mask.as_ref(), p))??;
            let w = if how.average_attn_weights {
                ops::reduce::mean_dim(&w, Some(&[1]), false, None)?
            } else {
                w
            };
            (y, Some(w))
        } else {
            (attend(&q, &k, &v, mask.as_ref(), p, causal, None, false)?, None)
        };
        let y = ops::view::permute(&y, if batch_first { &[0, 2, 1, 3] } else { &[2, 0, 1, 3] })?;
        let shape = if batch_first { [n, l] } else { [l, n] };
        let y = ops::view::reshape(&y, &[shape[0], shape[1], self.embed_dim as i64])?;
        let y = ops::contract::linear(&y, &self.out_proj.weight, self.out_proj.bias.as_deref())?;
        Ok((y, weights))
    }
}

/// Attention in plain ops, with its weights.
fn weighted(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, p: f64) -> Result<(Tensor, Tensor)> {
    let d = q.shape()[3] as f64;
    let scores = (q * (1.0 / d).sqrt()).matmul(&k.transpose(-2, -1));
    let scores = match mask {
        Some(m) => scores + m,
        None => scores,
    };
    let weights = scores.softmax(-1);
    let weights = if p > 0.0 { weights.dropout(p, true) } else { weights };
    Ok((weights.matmul(v), weights))
}

//! What several models are made of.

use duoc_core::ops::smooth;
use duoc_core::{DType, Result, Tensor, catch};

use duoc_nn::{Embedding, Factory, LayerNorm, Linear};

/// A fully connected layer whose parameters are made by `factory`.
pub(crate) fn linear(from: usize, to: usize, factory: Factory) -> Result<Linear> {
    Linear::options(from, to).factory(factory).try_build()
}

/// As [`linear`], without a bias.
pub(crate) fn plain_linear(from: usize, to: usize, factory: Factory) -> Result<Linear> {
    Linear::options(from, to).bias(false).factory(factory).try_build()
}

/// Layer normalisation of the last dimension whose parameters are made by `factory`.
pub(crate) fn layer_norm(width: usize, eps: f64, factory: Factory) -> Result<LayerNorm> {
    LayerNorm::options(width as i64).eps(eps).factory(factory).try_build()
}

/// An embedding whose table is made by `factory`.
pub(crate) fn embedding(count: usize, width: usize, factory: Factory) -> Result<Embedding> {
    Embedding::options(count, width).factory(factory).try_build()
}

/// `softmax(q kᵀ / √d + mask) v` over the last two dimensions; with `causal`, every place sees only those before it.
pub(crate) fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    mask: Option<&Tensor>,
    dropout: f64,
    causal: bool,
) -> Result<Tensor> {
    let width = q.shape()[q.dim() - 1] as f64;
    catch(|| {
        let mut scores = q.matmul(&k.transpose(-2, -1)) / width.sqrt();
        if let Some(mask) = mask {
            scores += mask;
        }
        if causal {
            let t = q.shape()[q.dim() - 2] as i64;
            let later = Tensor::ones(&[t, t]).triu(1).to_dtype(DType::Bool);
            scores = scores.masked_fill(&later, f64::NEG_INFINITY);
        }
        scores.softmax(-1).dropout(dropout, true).matmul(v)
    })
}

/// `x Φ(x)`, Φ the normal distribution.
pub(crate) fn gelu(x: &Tensor) -> Result<Tensor> {
    smooth::gelu(x, "none")
}

/// [`gelu`] as the original BERT and GPT-2 code approximates it.
pub(crate) fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    smooth::gelu(x, "tanh")
}

/// One token for each row of scores, as a column.
pub(crate) fn draw(scores: &Tensor, temperature: f64, top_k: Option<usize>) -> Result<Tensor> {
    if temperature <= 0.0 {
        return catch(|| scores.argmax(-1).unsqueeze(-1));
    }
    catch(|| {
        let mut scores = scores / temperature;
        if let Some(k) = top_k {
            let k = k.clamp(1, scores.shape()[1]) as i64;
            let least = scores.topk(k, -1).0.select(-1, -1).unsqueeze(-1);
            scores = scores.masked_fill(&scores.lt(&least), f64::NEG_INFINITY);
        }
        scores.softmax(-1).multinomial(1, true)
    })
}

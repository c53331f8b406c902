//! What several models are made of.

use duoc_core::ops::{self, smooth};
use duoc_core::{Result, Tensor, catch};

use duoc_nn::init::{self, Fan, Nonlinearity};
use duoc_nn::{BatchNorm2d, Conv2d, Embedding, Factory, LayerNorm, Linear, Module};

/// A fully connected layer whose parameters are made by `factory`.
pub(crate) fn linear(from: usize, to: usize, factory: Factory) -> Result<Linear> {
    Linear::options(from, to).factory(factory).try_build()
}

/// As [`linear`], without a bias.
pub(crate) fn plain_linear(from: usize, to: usize, factory: Factory) -> Result<Linear> {
    Linear::options(from, to).bias(false).factory(factory).try_build()
}

/// A convolution with a square window whose parameters are made by `factory`.
pub(crate) fn conv(
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    bias: bool,
    factory: Factory,
) -> Result<Conv2d> {
    grouped(from, to, kernel, stride, padding, bias, 1, factory)
}

/// As [`conv`], in groups.
pub(crate) fn grouped(
    from: usize,
    to: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    bias: bool,
    groups: usize,
    factory: Factory,
) -> Result<Conv2d> {
    Conv2d::options(from, to, kernel as i64)
        .stride(stride as i64)
        .padding(padding as i64)
        .groups(groups)
        .bias(bias)
        .factory(factory)
        .try_build()
}

/// Batch normalisation whose parameters are made by `factory`.
pub(crate) fn norm(channels: usize, factory: Factory) -> Result<BatchNorm2d> {
    BatchNorm2d::options(channels).factory(factory).try_build()
}

/// The first values that torchvision gives its convolutional networks: convolutions by He et al. for the backward pass,
/// biases 0, fully connected layers with standard deviation 0.01 where `linears` says so.
pub(crate) fn torchvision_init(m: &dyn Module, linears: bool) -> Result<()> {
    for (_, m) in m.named_modules() {
        if let Some(conv) = m.as_any().downcast_ref::<Conv2d>() {
            init::kaiming_normal_(&conv.weight, Nonlinearity::Relu, Fan::Out)?;
            if let Some(bias) = &conv.bias {
                init::zeros_(bias)?;
            }
        } else if let Some(fc) = m.as_any().downcast_ref::<Linear>()
            && linears
        {
            init::normal_(&fc.weight, 0.0, 0.01)?;
            if let Some(bias) = &fc.bias {
                init::zeros_(bias)?;
            }
        }
    }
    Ok(())
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
    ops::attention::scaled_dot_product_attention(q, k, v, mask, dropout, causal, None, false)
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

//! Attention, transformers, positions.

use super::Row;
use super::arguments::{Args, Inputs, Made, other};
use duoc_core::{Result, Tensor};
use duoc_nn::*;
use std::sync::Arc;

fn call_of(x: &Inputs) -> AttentionCall<'_> {
    AttentionCall {
        key_padding_mask: x.opt_tensor(3, "key_padding_mask"),
        need_weights: x.bool_or(4, "need_weights", true),
        attn_mask: x.opt_tensor(5, "attn_mask"),
        average_attn_weights: x.bool_or(6, "average_attn_weights", true),
        is_causal: x.bool_or(7, "is_causal", false),
    }
}

fn masks<'a>(x: &'a Inputs, mask: &str, padding: &str, causal: &str) -> AttentionMasks<'a> {
    AttentionMasks {
        mask: x.opt_tensor(9, mask),
        key_padding_mask: x.opt_tensor(9, padding),
        is_causal: x.plain(9, causal).and_then(|j| j.as_bool()),
    }
}

fn activation(a: &Args, i: usize) -> Activation {
    match a.str_or(i, "activation", "relu") {
        "gelu" => Activation::Gelu,
        _ => Activation::Relu,
    }
}

macro_rules! transformer_layer {
    ($Layer:ident, $a:expr) => {{
        let a = &$a;
        $Layer::options(a.usize(0, "d_model"), a.usize(1, "nhead"))
            .dim_feedforward(a.usize_or(2, "dim_feedforward", 2048))
            .dropout(a.f64_or(3, "dropout", 0.1))
            .activation(activation(a, 4))
            .layer_norm_eps(a.f64_or(5, "layer_norm_eps", 1e-5))
            .batch_first(a.bool_or(6, "batch_first", false))
            .norm_first(a.bool_or(7, "norm_first", false))
            .bias(a.bool_or(8, "bias", true))
            .try_build()
    }};
}

/// Of an encoder or decoder: the layer, how many, the norm. In Python the arguments are made first.
macro_rules! stack {
    ($Stack:ident, $Layer:ident, $a:ident) => {{
        let layer = transformer_layer!($Layer, $a.nested(0, ""))?;
        let n = $a.usize(1, "num_layers");
        let norm = match $a.get(2, "norm") {
            Some(_) => Some(LayerNorm::options($a.nested(2, "norm").usize(0, "normalized_shape") as i64).try_build()?),
            None => None,
        };
        $Stack::new(&layer, n, norm)?
    }};
}

fn one(t: Result<Tensor>) -> Result<Vec<Tensor>> {
    Ok(vec![t?])
}

fn decoder_masks(x: &Inputs) -> (AttentionMasks<'_>, AttentionMasks<'_>) {
    (
        masks(x, "tgt_mask", "tgt_key_padding_mask", "tgt_is_causal"),
        masks(x, "memory_mask", "memory_key_padding_mask", "memory_is_causal"),
    )
}

fn source<'a>(x: &'a Inputs, name: &str) -> AttentionMasks<'a> {
    AttentionMasks {
        mask: x.opt_tensor(1, name),
        key_padding_mask: x.opt_tensor(2, "src_key_padding_mask"),
        is_causal: None,
    }
}

fn attention(a: &Args) -> Result<Made> {
    let mut o = MultiheadAttention::options(a.usize(0, "embed_dim"), a.usize(1, "num_heads"))
        .dropout(a.f64_or(2, "dropout", 0.0))
        .bias(a.bool_or(3, "bias", true))
        .add_bias_kv(a.bool_or(4, "add_bias_kv", false))
        .add_zero_attn(a.bool_or(5, "add_zero_attn", false))
        .batch_first(a.bool_or(8, "batch_first", false));
    if let Some(n) = a.opt_usize(6, "kdim") {
        o = o.kdim(n);
    }
    if let Some(n) = a.opt_usize(7, "vdim") {
        o = o.vdim(n);
    }
    other(o.try_build()?, |m, x| {
        let (q, k, v) = (x.tensor(0, "query"), x.tensor(1, "key"), x.tensor(2, "value"));
        let (y, weights) = m.try_forward(q, k, v, &call_of(x))?;
        Ok(std::iter::once(y).chain(weights).collect())
    })
}

pub const TABLE: &[Row] = &[
    ("MultiheadAttention", attention),
    ("TransformerEncoderLayer", |a| {
        other(transformer_layer!(TransformerEncoderLayer, a)?, |m, x| {
            one(m.try_forward_with(x.tensor(0, "src"), &source(x, "src_mask")))
        })
    }),
    ("TransformerDecoderLayer", |a| {
        other(transformer_layer!(TransformerDecoderLayer, a)?, |m, x| {
            let (own, of_memory) = decoder_masks(x);
            one(m.try_forward(x.tensor(0, "tgt"), x.tensor(1, "memory"), &own, &of_memory))
        })
    }),
    ("TransformerEncoder", |a| {
        other(stack!(TransformerEncoder, TransformerEncoderLayer, a), |m, x| {
            one(m.try_forward_with(x.tensor(0, "src"), &source(x, "mask")))
        })
    }),
    ("TransformerDecoder", |a| {
        other(stack!(TransformerDecoder, TransformerDecoderLayer, a), |m, x| {
            let (own, of_memory) = decoder_masks(x);
            one(m.try_forward(x.tensor(0, "tgt"), x.tensor(1, "memory"), &own, &of_memory))
        })
    }),
    ("Transformer", |a| {
        let model = Transformer::options()
            .d_model(a.usize_or(0, "d_model", 512))
            .nhead(a.usize_or(1, "nhead", 8))
            .num_encoder_layers(a.usize_or(2, "num_encoder_layers", 6))
            .num_decoder_layers(a.usize_or(3, "num_decoder_layers", 6))
            .dim_feedforward(a.usize_or(4, "dim_feedforward", 2048))
            .dropout(a.f64_or(5, "dropout", 0.1))
            .activation(activation(a, 6))
            .batch_first(a.bool_or(10, "batch_first", false))
            .norm_first(a.bool_or(11, "norm_first", false))
            .try_build()?;
        other(model, |m, x| {
            let (own, of_memory) = decoder_masks(x);
            let of_src = masks(x, "src_mask", "src_key_padding_mask", "src_is_causal");
            one(m.try_forward(x.tensor(0, "src"), x.tensor(1, "tgt"), &of_src, &own, &of_memory))
        })
    }),
];

fn near(a: &Tensor, b: &Tensor) -> bool {
    a.shape() == b.shape() && (a - b).abs().max().item().to_f64() < 1e-5
}

#[test]
fn self_attention_is_its_formula() {
    let layer = SelfAttention::options(6).key_size(4).value_size(5).bias(true).build();
    assert_eq!(layer.num_parameters(), 2 * 6 * 4 + 6 * 5 + 2 * 4 + 5);
    let x = Tensor::randn(&[2, 3, 6]);
    let (q, k, v) = (layer.query.forward(&x), layer.key.forward(&x), layer.value.forward(&x));
    let want = (q.matmul(&k.transpose(-2, -1)) / 2.0).softmax(-1).matmul(&v);
    assert!(near(&layer.forward(&x), &want));
    // A causal place does not see what comes after it.
    let y = layer.try_forward_with(&x, None, true).unwrap();
    assert!(near(&y.select(1, 0), &v.select(1, 0)));
    let error = layer.try_forward(&Tensor::zeros(&[3, 5])).unwrap_err();
    assert!(error.message().starts_with("query: "), "{}", error.message());
}

#[test]
fn hooks_see_masks_and_may_change_inputs() {
    let layer = MultiheadAttention::options(4, 2).batch_first(true).build();
    let x = Tensor::randn(&[1, 3, 4]);
    let mask = Tensor::zeros(&[3, 3]);
    let seen = std::sync::Arc::new(std::sync::Mutex::new(0));
    let count = seen.clone();
    let _hook = layer
        .register_forward_pre_hook(Arc::new(move |_, inputs: &[Tensor]| {
            *count.lock().unwrap() = inputs.len();
            Ok(None)
        }))
        .unwrap();
    let how = AttentionCall {
        attn_mask: Some(&mask),
        ..AttentionCall::default()
    };
    layer.try_forward(&x, &x, &x, &how).unwrap();
    assert_eq!(*seen.lock().unwrap(), 4);
}

#[test]
fn positions() {
    for (layer, name) in [
        (Box::new(SinusoidalPositions::new(4, 6)) as Box<dyn Layer>, "sinusoidal"),
        (Box::new(LearnedPositions::new(4, 6)), "learned"),
    ] {
        assert_eq!(layer.forward(&Tensor::zeros(&[3, 2, 6])).shape(), [3, 2, 6], "{name}");
        assert_eq!(layer.forward(&Tensor::zeros(&[3, 6])).shape(), [3, 6], "{name}");
        for wrong in [&[5i64, 2, 6][..], &[3, 2, 5], &[6]] {
            assert!(layer.try_forward(&Tensor::zeros(wrong)).is_err(), "{name} {wrong:?}");
        }
    }
    let odd = SinusoidalPositions::new(3, 5);
    assert_eq!(odd.pe.shape(), [3, 5]);
    let wave = odd.pe.select(0, 2).to_vec::<f32>();
    for (i, w) in wave.iter().enumerate() {
        let angle = 2.0 / 10000f64.powf((i / 2 * 2) as f64 / 5.0);
        let want = if i % 2 == 0 { angle.sin() } else { angle.cos() };
        assert!((f64::from(*w) - want).abs() < 1e-6);
    }
    let x = Tensor::randn(&[2, 3, 4, 6]);
    for rotary in [
        RotaryPositions::new(6),
        RotaryPositions::options(6).interleaved(true).build(),
    ] {
        let y = rotary.forward(&x);
        // Turning changes no length, and the first place not at all.
        assert!(near(&(&y * &y).sum_dim(&[-1], false), &(&x * &x).sum_dim(&[-1], false)));
        assert!(near(&y.select(2, 0), &x.select(2, 0)));
        // A sequence may go on where another one ended.
        assert!(near(&rotary.rotate(&x.narrow(2, 1, 3), 1), &y.narrow(2, 1, 3)));
        assert!(rotary.try_forward(&Tensor::zeros(&[4, 5])).is_err());
    }
    assert!(RotaryPositions::options(5).try_build().is_err());
}

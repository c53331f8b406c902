"""Attention and transformers."""

from module_cases import case, given, module, randn

q, k = randn(3, 2, 8), randn(4, 2, 8)
padding = given([[False, False, True, False], [False, True, True, False]], "bool")
hidden = given([[False, False, True, True], [True, False, False, False], [False, True, False, True]], "bool")
INF = float("inf")
causal = given([[0.0, -INF, -INF], [0.0, 0.0, -INF], [0.0, 0.0, 0.0]], "float64")


def encoder_layer(*args, **kwargs):
    return module("TransformerEncoderLayer", *args, **kwargs)


def decoder_layer(*args, **kwargs):
    return module("TransformerDecoderLayer", *args, **kwargs)


CASES = [
    case("MultiheadAttention", 8, 2)(q, k, k),
    case("MultiheadAttention", 8, 2)(q, k, randn(4, 2, 8), need_weights=False),
    case("MultiheadAttention", 8, 4, batch_first=True, bias=False)(randn(2, 3, 8), randn(2, 4, 8), randn(2, 4, 8), key_padding_mask=padding),
    case("MultiheadAttention", 8, 2)(q, k, k, attn_mask=hidden, average_attn_weights=False),
    case("MultiheadAttention", 8, 2)(q, k, k, key_padding_mask=padding, need_weights=False, attn_mask=hidden),
    case("MultiheadAttention", 8, 2)(q, q, q, need_weights=False, attn_mask=causal, is_causal=True),
    case("MultiheadAttention", 8, 2)(q, q, q, attn_mask=randn(4, 3, 3)),
    case("MultiheadAttention", 8, 2, kdim=5, vdim=3)(q, randn(4, 2, 5), randn(4, 2, 3)),
    case("MultiheadAttention", 8, 2, add_bias_kv=True, add_zero_attn=True)(q, k, k, key_padding_mask=padding, attn_mask=hidden),
    case("MultiheadAttention", 8, 2, add_bias_kv=True, batch_first=True, vdim=3)(randn(2, 3, 8), randn(2, 4, 8), randn(2, 4, 3), need_weights=False),
    case("MultiheadAttention", 8, 2, dropout=0.5)(q, k, k),
    case("MultiheadAttention", 8, 2, dropout=0.5)(q, k, k, need_weights=False),
    case("MultiheadAttention", 8, 2, dropout=0.5).eval()(q, k, k),
    case("MultiheadAttention", 8, 2)(randn(3, 8), randn(4, 8), randn(4, 8)),
    case("MultiheadAttention", 8, 3)(),
    case("MultiheadAttention", 0, 1)(),
    case("MultiheadAttention", 8, 2)(randn(8), k, k),
    case("MultiheadAttention", 8, 2)(q, randn(4, 8), k),
    case("MultiheadAttention", 8, 2)(randn(3, 2, 6), k, k),
    case("MultiheadAttention", 8, 2)(q, k, randn(5, 2, 8)),
    case("MultiheadAttention", 8, 2)(q, k, k, is_causal=True),
    case("MultiheadAttention", 8, 2)(q, k, k, attn_mask=given([[True, False]], "bool")),
    case("MultiheadAttention", 8, 2)(q, k, k, key_padding_mask=given([[True, False]], "bool")),
    case("TransformerEncoderLayer", 8, 2, 12)(q),
    case("TransformerEncoderLayer", 8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=True)(randn(2, 4, 8), src_key_padding_mask=padding),
    case("TransformerEncoderLayer", 8, 2, dim_feedforward=12, dropout=0.0, bias=False, layer_norm_eps=1e-3)(q, causal),
    case("TransformerEncoderLayer", 8, 2, 12).eval()(randn(3, 8)),
    case("TransformerDecoderLayer", 8, 2, 12)(q, k),
    case("TransformerDecoderLayer", 8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=True)(randn(2, 3, 8), randn(2, 4, 8), tgt_mask=causal, memory_key_padding_mask=padding),
    case("TransformerEncoder", encoder_layer(8, 2, 12), 2)(q),
    case("TransformerEncoder", encoder_layer(8, 2, 12, 0.0), 3, module("LayerNorm", 8))(q, mask=causal),
    case("TransformerDecoder", decoder_layer(8, 2, 12), 2, module("LayerNorm", 8))(q, k),
    case("TransformerDecoder", decoder_layer(8, 2, 12, 0.0), 1)(q, k, tgt_mask=causal, tgt_is_causal=True),
    case("Transformer", 8, 2, 2, 1, 12)(k, q),
    case("Transformer", d_model=8, nhead=4, num_encoder_layers=1, num_decoder_layers=2, dim_feedforward=10, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)(randn(2, 4, 8), randn(2, 3, 8), tgt_mask=causal, src_key_padding_mask=padding, memory_key_padding_mask=padding),
    case("Transformer", 8, 2, 1, 1, 12)(k, randn(3, 1, 8)),
    case("Transformer", 8, 2, 1, 1, 12)(randn(4, 2, 6), q),
]

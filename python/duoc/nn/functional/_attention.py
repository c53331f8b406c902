"""Attention."""

import math

from ... import _C
from ._activation import softmax
from ._dropout import dropout
from ._linear import linear

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]

_ops = _C._ops
scaled_dot_product_attention = _ops.scaled_dot_product_attention


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """The mask as numbers to add: a bool mask has -inf where it is true."""
    if mask is None:
        return None
    is_bool = str(mask.dtype).endswith(".bool")
    if not is_bool and not mask.is_floating_point():
        raise RuntimeError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type is not None and mask.dtype != other_type:
        import warnings

        warnings.warn(f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
                      stacklevel=4)
    if is_bool:
        return _ops.zeros(list(mask.shape), dtype=target_type).masked_fill_(mask, -math.inf)
    return mask


def _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads):
    """Whether the query is a batch; AssertionError unless the other shapes go with it."""
    if query.dim() not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor")
    batched = query.dim() == 3
    kind, d = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
    if key.dim() != d or value.dim() != d:
        raise AssertionError(f"For {kind} `query`, expected `key` and `value` to be {d}-D but found {key.dim()}-D and "
                             f"{value.dim()}-D tensors respectively")
    if key_padding_mask is not None and key_padding_mask.dim() != d - 1:
        raise AssertionError(f"For {kind} `query`, expected `key_padding_mask` to be `None` or {d - 1}-D but found "
                             f"{key_padding_mask.dim()}-D tensor instead")
    if attn_mask is not None:
        if attn_mask.dim() not in (2, 3):
            raise AssertionError(f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                                 f"{attn_mask.dim()}-D tensor instead")
        if not batched and attn_mask.dim() == 3:
            wanted = (num_heads, query.shape[0], key.shape[0])
            if tuple(attn_mask.shape) != wanted:
                raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {attn_mask.shape}")
    return batched


def _in_projection_packed(q, k, v, w, b):
    """Queries, keys and values from one weight of three parts, in as few products as the inputs allow."""
    width = q.size(-1)
    if k is v:
        if q is k:
            parts = linear(q, w, b).unflatten(-1, (3, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
            return parts[0], parts[1], parts[2]
        w_q, w_kv = w.split([width, 2 * width])
        b_q, b_kv = (None, None) if b is None else b.split([width, 2 * width])
        pair = linear(k, w_kv, b_kv).unflatten(-1, (2, width)).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
        return linear(q, w_q, b_q), pair[0], pair[1]
    biases = (None,) * 3 if b is None else b.chunk(3)
    return tuple(linear(x, w_x, b_x) for x, w_x, b_x in zip((q, k, v), w.chunk(3), biases))


def _require(fits, text):
    if not fits:
        raise AssertionError(text)


def _separate(query, key, value, q_weight, k_weight, v_weight, bias):
    for name, weight in (("q", q_weight), ("k", k_weight), ("v", v_weight)):
        _require(weight is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), (q_weight, k_weight, v_weight), biases))


def _given_heads(x, name, batch_heads, width):
    _require(x.size(0) == batch_heads, f"expecting {name}.size(0) of {batch_heads}, but got {x.size(0)}")
    _require(x.size(2) == width, f"expecting {name}.size(2) of {width}, but got {x.size(2)}")
    return x


def multi_head_attention_forward(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v,
                                 add_zero_attn, dropout_p, out_proj_weight, out_proj_bias, training=True,
                                 key_padding_mask=None, need_weights=True, attn_mask=None, use_separate_proj_weight=False,
                                 q_proj_weight=None, k_proj_weight=None, v_proj_weight=None, static_k=None, static_v=None,
                                 average_attn_weights=True, is_causal=False):
    """Attention of several heads (Vaswani et al., 2017) with all its projections: the output, and the weights if asked for.

    `query` is `(L, N, E)` or `(L, E)`, `key` and `value` have `(S, N, ...)`.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same, same_kv = (query is key, key is value)
        query = query.unsqueeze(1)
        key = query if same else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    source = key.shape[0]
    key_padding_mask = _canonical_mask(key_padding_mask, "key_padding_mask", None if attn_mask is None else attn_mask.dtype,
                                       "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None
    else:
        attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        if key_padding_mask is not None:
            is_causal = False
    _require(width == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {width}")
    head = width // num_heads
    _require(head * num_heads == width, f"embed_dim {width} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        _require(key.shape[:2] == value.shape[:2],
                 f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}")
        q, k, v = _separate(query, key, value, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias)
    else:
        _require(key.shape == value.shape, f"key shape {key.shape} does not match value shape {value.shape}")
        _require(in_proj_weight is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        q, k, v = _in_projection_packed(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        attn_mask = _mask_for(attn_mask, batch * num_heads, length, source)
    from . import pad

    def longer(mask):
        return None if mask is None else pad(mask, (0, 1))

    if bias_k is not None and bias_v is not None:
        _require(static_k is None, "bias cannot be added to static key.")
        _require(static_v is None, "bias cannot be added to static value.")
        k, v = (_ops.cat([x, b.repeat(1, batch, 1)]) for x, b in ((k, bias_k), (v, bias_v)))
        attn_mask, key_padding_mask = longer(attn_mask), longer(key_padding_mask)
    else:
        _require(bias_k is None, "bias_k is set but bias_v is None")
        _require(bias_v is None, "bias_v is set but bias_k is None")

    def heads(x, steps):
        return x.view(steps, batch * num_heads, head).transpose(0, 1)

    q = heads(q, length)
    k = heads(k, k.shape[0]) if static_k is None else _given_heads(static_k, "static_k", batch * num_heads, head)
    v = heads(v, v.shape[0]) if static_v is None else _given_heads(static_v, "static_v", batch * num_heads, head)
    if add_zero_attn:
        zero = _ops.zeros([batch * num_heads, 1, head], dtype=k.dtype)
        k, v = _ops.cat([k, zero], dim=1), _ops.cat([v, zero], dim=1)
        attn_mask, key_padding_mask = longer(attn_mask), longer(key_padding_mask)
    source = k.size(1)
    if key_padding_mask is not None:
        _require(tuple(key_padding_mask.shape) == (batch, source),
                 f"expecting key_padding_mask shape of {(batch, source)}, but got {key_padding_mask.shape}")
        key_padding_mask = key_padding_mask.view(batch, 1, 1, source).expand(-1, num_heads, -1, -1).reshape(
            batch * num_heads, 1, source)
        attn_mask = key_padding_mask if attn_mask is None else attn_mask + key_padding_mask
    dropout_p = dropout_p if training else 0.0
    if not need_weights:
        if attn_mask is not None:
            attn_mask = attn_mask.unsqueeze(0) if attn_mask.size(0) == 1 and attn_mask.dim() == 3 else (
                attn_mask.view(batch, num_heads, -1, source))
        q, k, v = (x.view(batch, num_heads, n, head) for x, n in ((q, length), (k, source), (v, source)))
        out = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, is_causal)
        out = out.permute(2, 0, 1, 3).contiguous().view(batch * length, width)
        out = linear(out, out_proj_weight, out_proj_bias).view(length, batch, -1)
        return (out if batched else out.squeeze(1)), None
    if is_causal and attn_mask is None:
        raise AssertionError("is_causal without attn_mask gives no weights: pass need_weights=False or the mask")
    q = q * math.sqrt(1.0 / float(head))
    weights = _ops.bmm(q, k.transpose(-2, -1)) if attn_mask is None else _ops.baddbmm(attn_mask, q, k.transpose(-2, -1))
    weights = softmax(weights, dim=-1)
    if dropout_p > 0.0:
        weights = dropout(weights, p=dropout_p)
    out = _ops.bmm(weights, v).transpose(0, 1).contiguous().view(length * batch, width)
    out = linear(out, out_proj_weight, out_proj_bias).view(length, batch, -1)
    weights = weights.view(batch, num_heads, length, source)
    if average_attn_weights:
        weights = weights.mean(dim=1)
    return (out, weights) if batched else (out.squeeze(1), weights.squeeze(0))


def _mask_for(mask, batch_heads, length, source):
    if mask.dim() == 2:
        if tuple(mask.shape) != (length, source):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, source)}.")
        return mask.unsqueeze(0)
    if mask.dim() == 3:
        if tuple(mask.shape) != (batch_heads, length, source):
            raise RuntimeError(f"The shape of the 3D attn_mask is {mask.shape}, but should be {(batch_heads, length, source)}.")
        return mask
    raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")

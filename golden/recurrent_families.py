"""Recurrent networks, their cells, packed sequences and attention."""

import torch

from handwritten import B, F32, F64, ints, t


def small(*shape, seed=0, dtype=F64):
    return t(*shape, seed=seed, dtype=dtype, low=-0.9, high=0.9)


def weights(gates, inputs, hidden, layers=1, directions=1, biases=True, proj=0, dtype=F64):
    out, seed = [], 3
    for layer in range(layers):
        for _ in range(directions):
            state = proj or hidden
            shapes = [(gates * hidden, inputs if layer == 0 else directions * state), (gates * hidden, state)]
            shapes += [(gates * hidden,)] * 2 if biases else []
            shapes += [(proj, hidden)] if proj else []
            out += [small(*s, seed=seed + 5 * i, dtype=dtype) for i, s in enumerate(shapes)]
            seed += 31
    return out


def networks():
    for name, gates in (("rnn_tanh", 1), ("rnn_relu", 1), ("gru", 3), ("lstm", 4)):
        def hx(*shape, dtype=F64):
            h = small(*shape, seed=11, dtype=dtype)
            return [h, small(*shape, seed=12, dtype=dtype)] if name == "lstm" else h
        yield name, [small(3, 2, 2), hx(1, 2, 2), weights(gates, 2, 2), True, 1, 0.0, False, False, False], {}
        yield name, [small(2, 3, 2), hx(1, 2, 2), weights(gates, 2, 2, biases=False), False, 1, 0.0, False, False, True], {}
        yield name, [small(2, 1, 1), hx(4, 1, 1), weights(gates, 1, 1, 2, 2), True, 2, 0.0, True, True, False], {}
        f32 = weights(gates, 3, 17, dtype=F32)
        yield name, [small(2, 1, 3, dtype=F32), hx(1, 1, 17, dtype=F32), f32, True, 1, 0.0, False, False, False], {}
        packed = [small(4, 2), ints(2, 1, 1)]
        yield name, packed + [hx(1, 2, 2), weights(gates, 2, 2), True, 1, 0.0, False, False], {}
        yield name, packed + [hx(2, 2, 1), weights(gates, 2, 1, directions=2), True, 1, 0.0, False, True], {}
        yield name, [small(3, 2, 2), hx(1, 2, 2), weights(gates, 2, 2)[:3], True, 1, 0.0, False, False, False], {}
        yield name, [small(3, 2, 2), hx(1, 2, 2), weights(gates, 2, 2), True, 2, 0.0, False, False, False], {}
    h = [small(1, 2, 1, seed=11), small(1, 2, 2, seed=12)]
    yield "lstm", [small(2, 2, 2), h, weights(4, 2, 2, proj=1), True, 1, 0.0, False, False, False], {}


def cells():
    for name, gates in (("rnn_tanh_cell", 1), ("rnn_relu_cell", 1), ("gru_cell", 3), ("lstm_cell", 4)):
        def hx(*shape):
            h = small(*shape, seed=11)
            return [h, small(*shape, seed=12)] if name == "lstm_cell" else h
        yield name, [small(3, 2), hx(3, 2), *weights(gates, 2, 2)], {}
        yield name, [small(1, 3), hx(1, 2), *weights(gates, 3, 2, biases=False)], {}
        yield name, [small(3, 3), hx(3, 2), *weights(gates, 2, 2)], {}
        yield name, [small(3, 2), hx(2, 2), *weights(gates, 2, 2)], {}


def packed():
    x = small(3, 2, 2)
    yield "_pack_padded_sequence", [x, ints(3, 1), False], {}
    yield "_pack_padded_sequence", [small(2, 3), ints(3, 2), True], {}
    yield "_pack_padded_sequence", [x, ints(1, 3), False], {}
    yield "_pack_padded_sequence", [x, ints(3, 0), False], {}
    yield "_pack_padded_sequence", [x, ints(3), False], {}
    for batch_first in (False, True):
        yield "_pad_packed_sequence", [small(4, 2), ints(2, 1, 1), batch_first, 0.0, -1], {}
        yield "_pad_packed_sequence", [small(3), ints(2, 1), batch_first, -1.5, 4], {}
    yield "_pad_packed_sequence", [small(4, 2), ints(2, 1, 1), False, 0.0, 2], {}


def attention():
    name = "scaled_dot_product_attention"
    q, k, v = small(1, 2, 3, 2), small(1, 2, 4, 2, seed=5), small(1, 2, 4, 2, seed=9)
    seen = t(3, 4, dtype=B, seed=4)
    seen[0] = False
    yield name, [q, k, v], {}
    yield name, [q, k, v], {"is_causal": True}
    yield name, [q, k, v], {"scale": 0.25}
    yield name, [q, k, v, seen], {}
    yield name, [q, k, v, small(3, 4, seed=2)], {}
    yield name, [q.transpose(1, 2).contiguous().transpose(1, 2), k, v], {}
    yield name, [small(3, 2), small(4, 2, seed=5), small(4, 3, seed=9)], {}
    yield name, [small(2, 3, 2), small(2, 4, 2, seed=5), small(2, 4, 3, seed=9)], {"is_causal": True}
    yield name, [small(2, 3, 2), small(1, 2, 4, 2, seed=5), small(1, 2, 4, 2, seed=9)], {}
    yield name, [small(1, 4, 2, 2), small(1, 2, 3, 2, seed=5), small(1, 2, 3, 2, seed=9)], {"enable_gqa": True}
    f32 = [small(1, 1, 3, 17, seed=i, dtype=F32) for i in (1, 2, 3)]
    yield name, f32, {}
    yield name, f32, {"is_causal": True}
    yield name, [q, k, v.to(F32)], {}
    yield name, [small(2), k, v], {}
    yield name, [q, k, v, seen], {"is_causal": True}


FAMILIES = [networks, cells, packed, attention]

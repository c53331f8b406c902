"""Pooling, normalisation, padding, embedding and distances: cases written by hand."""

import torch

from handwritten import B, BF16, F16, F32, F64, I32, I64, INF, NAN, U8, ints, t


def distinct(*shape, dtype=F64):
    """Elements without ties, so that a largest one has a gradient."""
    n = 1
    for d in shape:
        n *= d
    order = torch.randperm(n, generator=torch.Generator().manual_seed(n + len(shape)))
    return (order.to(F64) / 8 - n / 16).reshape(shape).to(dtype)


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last)


def max_pools():
    x1, x2, x3 = distinct(1, 2, 9), distinct(1, 2, 5, 6), distinct(1, 2, 4, 4, 3)
    special = torch.tensor([[[[1.0, NAN, 3.0, 0.0], [NAN, 2.0, -INF, 5.0], [5.0, 5.0, 1.0, INF], [-INF, -INF, NAN, 0.0]]]], dtype=F32)
    for op in ("max_pool1d", "max_pool1d_with_indices"):
        for a in ([[3]], [[2], [1]], [[3], [2], [1]], [[3], [2], [1], [2]], [[2], [2], [0], [1], True], [[0]], [[2], [0]], [[3], [1], [2]],
                  [[3], [1], [-1]], [[2], [1], [0], [0]], [[12]], [[2, 2]]):
            yield op, [x1, *a], {}
        yield op, [x1[0], [3]], {}
        yield op, [t(2), [2]], {}
        for dt in (I64, U8, I32, F16, BF16, F32):
            yield op, [t(2, 7, dtype=dt, low=0, high=9), [3], [2]], {}
    for op in ("max_pool2d", "max_pool2d_with_indices"):
        for a in ([[2]], [[3, 2]], [[2], [1]], [[3], [2], [1]], [[3, 2], [2, 1], [1, 0]], [[2], [1], [0], [2]], [[3], [2], [1], [1], True],
                  [[2], [2], [0], [1], True], [[2], [3], [1], [1], True], [[0]], [[2], [0]], [[2], [1], [2]], [[2], [1], [-1]], [[9]],
                  [[2], [1], [0], [0]], [[2, 2, 2]], [[2], [-1]]):
            yield op, [x2, *a], {}
        yield op, [x2[0], [2]], {}
        yield op, [x2[0, 0], [2]], {}
        yield op, [special, [2], [1]], {}
        yield op, [special, [3], [1], [1]], {}
        yield op, [channels_last(x2), [2]], {}
        yield op, [x2.transpose(2, 3), [2], [1]], {}
        yield op, [torch.zeros(0, 2, 4, 4), [2]], {}
        yield op, [torch.zeros(1, 0, 4, 4), [2]], {}
        yield op, [torch.zeros(1, 2, 0, 4), [2]], {}
        for dt in (I64, U8, I32, F16, BF16, F32, B):
            yield op, [t(1, 4, 4, dtype=dt, low=0, high=9), [2], [1]], {}
    for op in ("max_pool3d", "max_pool3d_with_indices"):
        for a in ([[2]], [[2, 2, 1], [1]], [[3], [2], [1]], [[2], [2], [0], [1], True], [[2, 1, 2], [1], [0], [2, 1, 1]], [[0]], [[2], [0]], [[2], [1], [2]], [[9]]):
            yield op, [x3, *a], {}
        yield op, [x3[0], [2]], {}
        yield op, [x3[0, 0], [2]], {}
        yield op, [torch.zeros(0, 1, 2, 2, 2), [2]], {}
        yield op, [torch.zeros(1, 1, 0, 2, 2), [2]], {}
        for dt in (I64, F32, F16):
            yield op, [t(1, 2, 3, 3, dtype=dt, low=0, high=9), [2], [1]], {}
    y, at = torch.ops.aten.max_pool2d_with_indices(x2, [2], [1])
    yield "max_pool2d_with_indices_backward", [t(*y.shape), x2, [2], [1], [0], [1], False, at], {}
    yield "max_pool2d_with_indices_backward", [t(*y.shape)[:, :, 1:], x2, [2], [1], [0], [1], False, at], {}
    y, at = torch.ops.aten.max_pool3d_with_indices(x3, [2], [1])
    yield "max_pool3d_with_indices_backward", [t(*y.shape), x3, [2], [1], [0], [1], False, at], {}


def average_pools():
    x1, x2, x3 = t(1, 2, 9), t(1, 2, 5, 6), t(1, 2, 4, 4, 3)
    for a in ([[3]], [[2], [1]], [[3], [2], [1]], [[3], [2], [1], True], [[3], [2], [1], False, False], [[2], [2], [0], True, False], [[0]], [[2], [0]],
              [[3], [1], [2]], [[12]]):
        yield "avg_pool1d", [x1, *a], {}
    yield "avg_pool1d", [x1[0], [2]], {}
    yield "avg_pool1d", [t(4), [2]], {}
    for a in ([[2]], [[3, 2]], [[2], [1]], [[3], [2], [1]], [[3], [2], [1], False, False], [[3], [2], [1], True], [[3], [2], [1], True, False],
              [[2], [2], [0], True, True, 3], [[2], [2], [0], False, True, 0], [[2], [2], [0], False, True, -2], [[0]], [[2], [0]], [[2], [1], [2]], [[9]],
              [[4], [3], [2], True, False]):
        yield "avg_pool2d", [x2, *a], {}
    yield "avg_pool2d", [x2[0], [2]], {}
    yield "avg_pool2d", [x2[0, 0], [2]], {}
    yield "avg_pool2d", [channels_last(x2), [2]], {}
    yield "avg_pool2d", [torch.zeros(0, 2, 4, 4), [2]], {}
    yield "avg_pool2d", [torch.zeros(1, 2, 0, 4), [2]], {}
    for dt in (I64, F32, F16, BF16, I32):
        yield "avg_pool2d", [t(1, 4, 4, dtype=dt, low=-9, high=9), [2]], {}
        yield "avg_pool3d", [t(1, 2, 4, 4, dtype=dt, low=-9, high=9), [2]], {}
    for a in ([[2]], [[2, 2, 1], [1]], [[3], [2], [1]], [[3], [2], [1], True, False], [[2], [2], [0], True], [[2], [2], [0], False, True, 3], [[0]], [[2], [0]], [[2], [1], [2]], [[9]]):
        yield "avg_pool3d", [x3, *a], {}
    yield "avg_pool3d", [x3[0], [2]], {}
    yield "avg_pool3d", [x3[0, 0], [2]], {}
    yield "avg_pool2d_backward", [t(1, 2, 2, 3), x2, [2], [2], [0], False, True, None], {}
    yield "avg_pool2d_backward", [t(1, 2, 2, 2), x2, [2], [2], [0], False, True, None], {}
    yield "avg_pool3d_backward", [t(1, 2, 2, 2, 1), x3, [2], [2], [0], False, True, None], {}


def adaptive_pools():
    for name, x, sizes in (("1d", distinct(1, 2, 7), ([3], [1], [7], [9], [0], [-1], [2, 2])),
                           ("2d", distinct(1, 2, 5, 6), ([2, 3], [1, 1], [5, 6], [4, 7], [0, 2], [-1, 2], [2])),
                           ("3d", distinct(1, 2, 4, 3, 3), ([2, 2, 2], [1, 1, 1], [3, 3, 2], [0, 1, 1], [2]))):
        for op in (f"adaptive_avg_pool{name}", f"adaptive_max_pool{name}"):
            for size in sizes:
                yield op, [x, size], {}
            yield op, [x[0], sizes[0]], {}
            yield op, [x[0, 0], sizes[0]], {}
            yield op, [torch.zeros(0, *x.shape[1:]), sizes[0]], {}
            yield op, [torch.zeros(1, 2, *[0 for _ in x.shape[2:]]), sizes[0]], {}
            for dt in (F32, F16, BF16, I64):
                yield op, [x[0].to(dt), sizes[0]], {}
    yield "adaptive_max_pool2d", [channels_last(distinct(1, 2, 4, 4)), [2, 2]], {}
    yield "adaptive_avg_pool2d", [channels_last(distinct(1, 2, 4, 4)), [2, 3]], {}
    yield "adaptive_max_pool2d", [torch.tensor([[[1.0, NAN, 2.0], [NAN, 0.0, 3.0]]]), [1, 2]], {}


def fractional_and_unpooling():
    for x, k, n, d in ((distinct(1, 2, 6, 7), [2, 3], [3, 2], 2), (distinct(1, 2, 5, 5, 6), [2, 2, 2], [2, 3, 2], 3)):
        op = f"fractional_max_pool{d}d"
        s = torch.tensor([[[0.3, 0.7, 0.1][:d], [0.9, 0.05, 0.6][:d]]], dtype=F64)
        yield op, [x, k, n, s], {}
        yield op, [x[0], k, n, s], {}
        yield op, [x.float(), k, n, s.float()], {}
        yield op, [x.to(F16), k, n, s.to(F16)], {}
        yield op, [x, k, n, s.float()], {}
        yield op, [x, k, n, s[:, :1]], {}
        yield op, [x, [9] * d, n, s], {}
        yield op, [x, k[:1], n, s], {}
        yield op, [x[0, 0], k, n, s], {}
    x = distinct(1, 2, 4, 4)
    y, at = torch.ops.aten.max_pool2d_with_indices(x, [2])
    for size in ([4, 4], [5, 4], [2, 2], [4]):
        yield "max_unpool2d", [y, at, size], {}
        yield "max_unpool2d", [y[0], at[0], size], {}
    yield "max_unpool2d", [y, at[:, :, :1], [4, 4]], {}
    yield "max_unpool2d", [y, at.to(I32), [4, 4]], {}
    yield "max_unpool2d", [y[0, 0], at[0, 0], [4, 4]], {}
    yield "max_unpool2d", [y.float(), at, [4, 4]], {}
    x = distinct(1, 2, 4, 4, 2)
    y, at = torch.ops.aten.max_pool3d_with_indices(x, [2])
    yield "max_unpool3d", [y, at, [4, 4, 2], [2, 2, 2], [0, 0, 0]], {}
    yield "max_unpool3d", [y[0], at[0], [4, 4, 2], [2, 2, 2], [0, 0, 0]], {}
    yield "max_unpool3d", [y, at, [2, 2, 1], [2, 2, 2], [0, 0, 0]], {}
    yield "max_unpool3d", [y, at, [4, 4, 2], [0, 2, 2], [0, 0, 0]], {}
    yield "max_unpool3d", [y, at, [4, 4], [2, 2, 2], [0, 0, 0]], {}


def norms():
    x, w, b = t(2, 4, 3), t(4, seed=1), t(4, seed=2)
    mean, var = t(4, seed=3), t(4, seed=4, low=0.2)
    for args in ([x, w, b, None, None, True], [x, None, None, None, None, True], [x, w, None, None, None, True], [x, w, b, mean, var, False],
                 [x, None, None, mean, var, False], [t(5, 4), w, b, None, None, True], [t(5, 4), w, b, mean, var, False],
                 [t(2, 4, 2, 2), w, b, None, None, True], [channels_last(t(2, 4, 2, 2)), w, b, None, None, True],
                 [t(1, 4, 2, 2, 2), w, b, None, None, True], [torch.zeros(0, 4, 3, dtype=F64), w, b, None, None, True],
                 [x, w[:3], b, None, None, True], [x, w, b[:3], None, None, True], [x, w, b, mean[:2], var, True], [x, w, b, None, None, False],
                 [t(4), None, None, None, None, True], [x.float(), w.float(), b.float(), mean.float(), var.float(), False],
                 [x.float(), w.float(), b.float(), None, None, True], [x.to(F16), w.float(), b.float(), None, None, True],
                 [x.to(BF16), w.to(BF16), b.to(BF16), None, None, True], [x.float(), w, b, None, None, True], [x.long(), None, None, None, None, True]):
        yield "batch_norm", [*args, 0.1, 1e-5, False], {}
    for args in ([x, w, b, None, None, True], [x, None, None, None, None, True], [x, w, b, mean, var, False], [t(1, 4, 2, 3), w, b, None, None, True],
                 [x, w, b, None, None, False], [x, w, b, mean, None, True], [x.float(), None, None, None, None, True]):
        yield "instance_norm", [*args, 0.1, 1e-5, False], {}
    for shape in ([3], [4, 3], [2, 4, 3], [2], [], [3, 3]):
        yield "layer_norm", [x, shape], {}
        yield "rms_norm", [x, shape], {}
    w2, b2 = t(4, 3, seed=1), t(4, 3, seed=2)
    for dt in (F64, F32, F16, BF16, I64):
        y = t(2, 4, 3).to(dt)
        yield "layer_norm", [y, [4, 3], w2.to(dt), b2.to(dt), 1e-3], {}
        yield "rms_norm", [y, [4, 3], w2.to(dt), 1e-3], {}
        yield "rms_norm", [y, [4, 3], w2.to(dt)], {}
    yield "layer_norm", [x, [4, 3], w2], {}
    yield "layer_norm", [x, [4, 3], None, b2], {}
    yield "layer_norm", [x, [3], w2], {}
    yield "layer_norm", [x, [3], None, b2], {}
    yield "layer_norm", [x.transpose(0, 2), [4, 2]], {}
    yield "layer_norm", [torch.zeros(0, 3, dtype=F64), [3], t(3), t(3)], {}
    yield "layer_norm", [x.to(F16), [3], t(3).float(), t(3).float()], {}
    yield "layer_norm", [x.float(), [3], t(3), t(3)], {}
    yield "rms_norm", [x, [3], w2], {}
    yield "rms_norm", [torch.zeros(0, 3, dtype=F64), [3], t(3)], {}
    for a in ([1], [2], [4], [3], [0], [-1], [2, w], [2, w, b], [2, None, b], [2, w[:3]], [2, None, b[:3]], [2, w, b, 0.1]):
        yield "group_norm", [x, *a], {}
    for dt in (F32, F16, BF16, I64):
        yield "group_norm", [x.to(dt), 2, w.to(dt), b.to(dt)], {}
    yield "group_norm", [x.to(F16), 2, w.float(), b.float()], {}
    yield "group_norm", [t(3, 4), 2, w, b], {}
    yield "group_norm", [t(4), 2], {}
    yield "group_norm", [channels_last(t(2, 4, 2, 2)), 2, w, b], {}
    yield "native_group_norm", [x, w, b, 2, 4, 3, 2, 1e-5], {}
    yield "native_group_norm", [x, None, None, 2, 4, 3, 4, 1e-5], {}
    yield "native_group_norm", [x, w, b, 2, 4, 2, 2, 1e-5], {}
    for d in (0, 1, 2, -1):
        yield "norm_except_dim", [x, 2, d], {}
    yield "norm_except_dim", [x, 1, 1], {}
    yield "norm_except_dim", [x, 2, 3], {}
    yield "_weight_norm", [x, t(2, 1, 1), 0], {}
    yield "_weight_norm", [x, t(1, 1, 3), 2], {}
    yield "_weight_norm", [x, t(), -1], {}
    for a in ([2, 0, 1.5], [1, 1, 2], [2, -1, 1.0], [INF, 0, 1.0], [0.5, 0, 3.0], [2, 0, 0], [2, 0, -1.0], [0, 0, 1.0], [-1, 0, 1.0], [2, 3, 1.0]):
        yield "renorm", [x, *a], {}
    yield "renorm", [t(3), 2, 0, 1.0], {}
    for dt in (F32, F16, BF16, I64):
        yield "renorm", [t(2, 3).to(dt), 2, 0, 1.0], {}


def borders():
    x1, x2, x3 = t(1, 2, 4), t(1, 2, 3, 4), t(1, 1, 3, 2, 3)
    for kind in ("reflection", "replication"):
        for x, d, pads in ((x1, 1, ([1, 2], [0, 0], [-1, 2], [3, 0], [4, 1], [-2, -2], [1, -1], [1], [1, 1, 1, 1])),
                           (x2, 2, ([1, 2, 1, 0], [0, 0, 2, 2], [-1, 1, 1, -1], [1, 1, 3, 0], [-4, 0, 0, 0], [1, 1])),
                           (x3, 3, ([1, 1, 1, 0, 2, 1], [0, -1, 0, 0, 0, 0], [3, 0, 0, 0, 0, 0], [1, 1]))):
            op = f"{kind}_pad{d}d"
            for p in pads:
                yield op, [x, p], {}
            yield op, [x[0], pads[0]], {}
            yield op, [x[0, 0], pads[0]], {}
            yield op, [torch.zeros(0, *x.shape[1:]), pads[0]], {}
            yield op, [torch.zeros(1, 0, *x.shape[2:]), pads[0]], {}
            for dt in (F32, F16, BF16, I64, U8, B):
                yield op, [x[0].to(dt), pads[0]], {}
        yield f"{kind}_pad2d", [channels_last(t(1, 2, 3, 4)), [1, 1, 1, 1]], {}
    for x, p in ((x1, [1, 2]), (x1, [4, 4]), (x1, [5, 0]), (x1, [-1, 2]), (x1, [-5, 0]), (x1, [-2, -2]), (x2, [1, 2, 1, 0]), (x2, [-1, 1, 0, -1]), (x3, [1, 1, 0, 2, 3, 1]), (x1, [1, 1, 1, 1, 1, 1])):
        yield "_pad_circular", [x, p], {}
    for mode in ("constant", "reflect", "replicate", "circular", "other"):
        for x, p in ((x1, [1, 2]), (x1[0], [1, 1]), (x2, [1, 0, 1, 1]), (x3, [1, 1, 1, 1, 1, 1]), (t(3), [1, 1]), (x1, [1]), (x1, [1] * 8), (x2, [1, 2]), (x1, [1, 1, 1, 1])):
            yield "pad", [x, p, mode], {}
    yield "pad", [x1, [1, 1], "constant", 2.5], {}
    yield "pad", [x1, [1, 1], "reflect", 2.5], {}
    yield "pad", [ints(1, 2), [1, 1], "constant", 3.0], {}
    for p in ([1, 1, 0, 1], [-1, 2], [-3, -3], [-4, 0], [1, 1, 1], [1] * 8, []):
        yield "constant_pad_nd", [x1, p], {}
        yield "constant_pad_nd", [x1, p, 1.5], {}
    yield "constant_pad_nd", [channels_last(t(1, 2, 3, 4)), [1, 1], 2], {}
    for dt in (I64, B, F16, U8):
        yield "constant_pad_nd", [t(2, 2).to(dt), [1, 1], 1], {}


def lookups():
    w, i = t(5, 3), ints(0, 1, 4, 1, 1)
    for a in ([w, i], [w, i.reshape(5, 1)], [w, ints(2)[0]], [w, i[:0]], [w, i.to(I32)], [w, i + 1], [w, i - 1],
              [w, i.float()], [w[0], i], [w.float(), i], [w.to(F16), i], [w.to(BF16), i], [w.t(), ints(0, 2, 1)]):
        yield "embedding", a, {}
    g = t(5, 3, seed=1)
    for a in ([g, i, 5, -1, False], [g, i, 5, 1, False], [g.float(), i, 5, -1, True], [g.float(), i, 7, 1, True], [g.float(), i, 5, -1, False], [g.to(F16), i, 5, -1, False], [g[:4], i, 5, -1, False]):
        yield "embedding_dense_backward", a, {}
    for a in ([w.clone(), i, 1.0, 2.0], [w.clone(), i, 1.0, 1.0], [w.clone(), i, 1.0, INF], [w.clone(), i, 1.0, 0.5], [w.t().clone().t(), i, 1.0, 2.0], [w.float(), i, 1.0, 2.0],
              [w.to(F16), i, 1.0, 2.0], [w[0].clone(), i, 1.0, 2.0], [w.clone(), i + 1, 1.0, 2.0], [w.clone(), i.float(), 1.0, 2.0]):
        yield "embedding_renorm_", a, {}
    o, s = ints(0, 2, 2), t(5, seed=5)
    for mode in (0, 1, 2):
        for a in ([w, i, o, False, mode], [w, i, ints(0, 3, 5), False, mode, False, None, True], [w, i + 1, o, False, mode],
                  [w, i, ints(1, 2), False, mode], [w, i, ints(0, 7), False, mode], [w, i.float(), o, False, mode], [w[0], i, o, False, mode]):
            yield "embedding_bag", a, {}
        yield "embedding_bag", [w, i, o, False, mode, False, None, False, 1], {}
        yield "embedding_bag", [w, i, o, False, mode, False, None, False, -1], {}
        yield "embedding_bag", [w, i, o, False, mode, False, None, False, 9], {}
    yield "embedding_bag", [w, i, o, False, 0, False, s], {}
    yield "embedding_bag", [w, i, o, False, 1, False, s], {}
    yield "embedding_bag", [w, i, o, False, 0, False, s.float()], {}
    yield "embedding_bag", [w, i, o, False, 0, False, s, False, 1], {}
    for dt in (F32, F16):
        yield "embedding_bag", [w.to(dt), i, o, False, 0], {}
        yield "embedding_bag", [w.to(dt), i, o, False, 1], {}


def gradients_by_decree():
    """Gradients that are not those of the value: padding, shares by frequency, statistics beside a norm."""
    x, v, b, mean, var = t(2, 4, 3), t(4, seed=1), t(4, seed=2), t(4, seed=3), t(4, seed=4, low=0.2)
    for args in ([x, v, b, None, None, True], [x, None, None, None, None, True], [x, v, b, mean, var, False], [t(5, 4), v, b, None, None, True],
                 [x.to(F16), v.float(), b.float(), None, None, True], [x.to(BF16), None, None, None, None, True], [x.float(), v, b, None, None, True]):
        yield "native_batch_norm", [*args, 0.1, 1e-5], {}
    for shape in ([3], [4, 3], [2]):
        yield "native_layer_norm", [x, shape, None, None, 1e-5], {}
    for dt in (F64, F32, F16, I64):
        yield "native_layer_norm", [x.to(dt), [4, 3], t(4, 3, seed=1).to(dt), t(4, 3, seed=2).to(dt), 1e-3], {}
    w, i = t(5, 3), ints(0, 1, 4, 1, 1)
    for a in ([w, i, 1], [w, i, -1, True], [w, i, 4, True]):
        yield "embedding", a, {}
    yield "embedding_bag", [w, i, ints(0, 2, 2), True, 1], {}


gradients_by_decree.corner = True


def distances():
    x, y = t(3, 4), t(3, 4, seed=1)
    for a in ([x, y], [x, y, 0], [x, y, -1, 0.5], [x, y[:1]], [x, y[:2]], [x.float(), y], [x.long(), y.long()], [x.to(F16), y.to(F16)], [x, y, 3], [torch.zeros(2, 3), torch.ones(2, 3)]):
        yield "cosine_similarity", a, {}
    for a in ([x, y], [x, y, 1.0], [x, y, 3.0, 0.1, True], [x, y, INF], [x, y[0]], [x, y[:2]], [x.float(), y.float()]):
        yield "pairwise_distance", a, {}
    for a in ([x, y], [x, y[:2], 1.0], [x, y, 3.0], [x, y, INF], [x, y, 0.0], [t(2, 1, 3, 4), t(2, 3, 4)], [x, y, 2.0, 1], [x, y, 2.0, 2], [x, y, 2.0, 3], [x, y, -1.0],
              [x, y[0]], [x, y[:, :2]], [x.long(), y], [x, y.float()], [t(30, 2), t(2, 2)], [x[:0], y], [x[:, :0], y[:, :0]], [x.float(), y.float()]):
        yield "cdist", a, {}
    for a in ([x], [x, 1.0], [x, INF], [x, 3.0], [x, 0.0], [x[:1].float()], [x[:0].float()], [x[:, :0].float()], [x[0]], [x, -1.0], [x.long()], [x.float()]):
        yield "pdist", a, {}


FAMILIES = [max_pools, average_pools, adaptive_pools, fractional_and_unpooling, norms, borders, lookups, gradients_by_decree, distances]

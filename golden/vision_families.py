"""Pictures at another size, at the places of a grid, in blocks, and with channels as cells: cases written by hand."""

import torch

from handwritten import B, BF16, F16, F32, F64, I64, NAN, U8, ints, t

LAST = torch.channels_last


def bytes_of(*shape):
    n = 1
    for s in shape:
        n *= s
    return ((torch.arange(n) * 37 + (torch.arange(n) // 5) ** 2 * 11) % 256).to(U8).reshape(shape)


def pictures(d):
    return {1: t(1, 2, 5), 2: t(1, 2, 4, 3), 3: t(1, 1, 3, 2, 4)}[d]


SIZES = {1: ([3], [8], [10], [5], [1]), 2: ([3, 5], [8, 6], [4, 3], [1, 1], [2, 7]), 3: ([2, 3, 5], [6, 4, 8], [3, 2, 4])}


def wrong(op, d, *more):
    x = pictures(d)
    yield op, [x, [3] * (d + 1), *more], {}
    yield op, [x, [0] * d, *more], {}
    yield op, [x, [-1] * d, *more], {}
    yield op, [x[0], [3] * d, *more], {}
    yield op, [x[:, :0], [3] * d, *more], {}
    yield op, [x[:0], [3] * d, *more], {}
    yield op, [x.to(I64), [3] * d, *more], {}
    yield op, [x > 0, [3] * d, *more], {}


def with_factors(op, d, *more):
    x = pictures(d)
    for f in ([2.0] * d, [1.7, 0.6, 1.3][:d], [0.5] * d, [1.1] * d):
        yield op, [x, None, *more, f], {}
    yield op, [x, SIZES[d][0], *more, None], {}
    yield op, [x, None, *more, None], {}
    yield op, [x, SIZES[d][0], *more, [2.0] * d], {}
    yield op, [x, None, *more, [2.0] * (d + 1)], {}
    yield op, [x, None, *more, [-1.0] * d], {}
    yield op, [x, None, *more, [NAN] * d], {}


def nearest():
    for d in (1, 2, 3):
        for op in (f"upsample_nearest{d}d", f"_upsample_nearest_exact{d}d"):
            x = pictures(d)
            for size in SIZES[d]:
                yield op, [x, size], {}
            yield op, [x, SIZES[d][1], *[1.9, 1.3, 2.2][:d]], {}
            for dt in (F32, F16, BF16, U8):
                yield op, [(x * 9).abs().to(dt), SIZES[d][0]], {}
            yield from wrong(op, d)
            yield from with_factors(op, d)
    x = t(1, 2, 4, 3).contiguous(memory_format=LAST)
    yield "upsample_nearest2d", [x, [3, 5]], {}
    yield "_upsample_nearest_exact2d", [x, [8, 6]], {}
    yield "upsample_nearest3d", [t(1, 2, 2, 2, 3).contiguous(memory_format=torch.channels_last_3d), [3, 3, 3]], {}


def smooth():
    for op, d in (("upsample_linear1d", 1), ("upsample_bilinear2d", 2), ("upsample_trilinear3d", 3), ("upsample_bicubic2d", 2)):
        x = pictures(d)
        for align in (False, True):
            for size in SIZES[d]:
                yield op, [x, size, align], {}
            yield op, [x, SIZES[d][1], align, *[1.9, 1.3, 2.2][:d]], {}
            yield from with_factors(op, d, align)
        for dt in (F32, F16, BF16):
            yield op, [x.to(dt), SIZES[d][0], False], {}
        yield from wrong(op, d, False)
    for op in ("upsample_bilinear2d", "upsample_bicubic2d"):
        yield op, [t(1, 2, 4, 3).contiguous(memory_format=LAST), [3, 5], False], {}
        for c in (1, 3, 6):
            for size in ([3, 5], [7, 9], [5, 9], [2, 6], [5, 6]):
                yield op, [bytes_of(1, c, 5, 6), size, False], {}
            yield op, [bytes_of(1, c, 5, 6), [7, 4], True], {}
            yield op, [bytes_of(1, c, 5, 6), None, False, [1.7, 0.6]], {}
        yield op, [bytes_of(2, 3, 4, 4).contiguous(memory_format=LAST), [6, 5], False], {}
    yield "upsample_linear1d", [bytes_of(1, 1, 4), [3], False], {}


def antialiased():
    for op in ("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "_upsample_lanczos2d_aa"):
        for x in (t(1, 2, 4, 3), t(1, 1, 8, 7)):
            for size in ([3, 5], [8, 6], [2, 2], [1, 1]):
                yield op, [x, size, False], {}
            yield op, [x, [3, 2], True], {}
        yield op, [t(1, 1, 8, 7), [3, 4], False, 0.4, 0.6], {}
        yield op, [t(1, 1, 8, 7).float(), [3, 4], False], {}
        for c in (1, 3, 6):
            for size in ([3, 5], [7, 9], [2, 2], [5, 3]):
                yield op, [bytes_of(1, c, 5, 6), size, False], {}
        yield op, [t(1, 2, 4, 3).to(F16), [3, 3], False], {}
        yield op, [t(1, 2, 4, 3).contiguous(memory_format=LAST), [3, 5], False], {}
        yield from wrong(op, 2, False)
        # With a single column of results PyTorch 2.15 repeats the first row: those factors are left out.
        yield from (c for c in with_factors(op, 2, False) if c[1][3] not in ([1.7, 0.6], [0.5, 0.5]))


def blocks():
    x = t(1, 2, 4, 5)
    for a in ([[2, 3], [1, 1], [0, 0], [1, 1]], [[3, 3], [1, 1], [1, 1], [1, 1]], [[2, 2], [2, 1], [1, 2], [2, 3]],
              [[1, 1], [1, 1], [0, 0], [2, 2]], [[2, 2], [1, 1], [3, 3], [2, 2]],
              [[0, 2], [1, 1], [0, 0], [1, 1]], [[2, 2], [0, 1], [0, 0], [1, 1]], [[2, 2], [1, 1], [-1, 0], [1, 1]],
              [[2, 2], [1, 1], [0, 0], [0, 1]], [[9, 9], [1, 1], [0, 0], [1, 1]], [[2], [1, 1], [0, 0], [1, 1]]):
        yield "im2col", [x, *a], {}
        y = torch.ops.aten.im2col(x, *a) if all(len(p) == 2 for p in a) and min(a[0] + a[1] + a[3]) > 0 and min(a[2]) >= 0 and a[0][0] < 9 else t(1, 8, 12)
        yield "col2im", [y, [4, 5], *a], {}
        yield "col2im", [y[0], [4, 5], *a], {}
    a = [[2, 2], [1, 1], [0, 0], [1, 1]]
    for dt in (F32, F16, BF16, I64, B):
        yield "im2col", [x.to(dt), *a], {}
        yield "col2im", [t(1, 8, 12).to(dt), [4, 5], *a], {}
    for y in (x[0], x[0, 0], x[:0], x[:, :0], x.transpose(2, 3)):
        yield "im2col", [y, *a], {}
    for y in (t(1, 7, 12), t(1, 8, 11), t(12), t(0, 8, 12), t(1, 0, 12), t(2, 8, 12).transpose(0, 1)):
        yield "col2im", [y, [4, 5], *a], {}
    for size in ([4], [0, 0], [1, 1], [-3, -4]):
        yield "col2im", [t(1, 8, 12), size, *a], {}


def shuffles():
    for x in (t(1, 8, 2, 3), t(8, 2, 3), t(2, 1, 4, 2, 2), t(8, 0, 2), t(0, 4, 2, 2), t(4, 2), t(1, 6, 2, 2), t(1, 8, 2, 3).contiguous(memory_format=LAST)):
        for r in (2, 1, 0, -1):
            yield "pixel_shuffle", [x, r], {}
    yield "pixel_shuffle", [t(1, 4, 1, 1), 2 ** 32], {}
    for x in (t(1, 2, 4, 6), t(2, 4, 2), t(1, 1, 1, 2, 2), t(1, 0, 2, 2), t(4, 2), t(1, 1, 3, 4), t(1, 1, 4, 3), t(1, 2, 4, 6).contiguous(memory_format=LAST)):
        for r in (2, 1, 0, -1):
            yield "pixel_unshuffle", [x, r], {}
    for op in ("channel_shuffle", "native_channel_shuffle"):
        for x in (t(1, 6, 2, 2), t(2, 6, 3), t(1, 6, 1, 2, 2), t(0, 6, 2), t(6, 2), t(1, 6, 2, 2).contiguous(memory_format=LAST)):
            for g in (2, 3, 1, 6, 4, 0, -1):
                yield op, [x, g], {}
    for dt in (F32, F16, I64, B):
        yield "pixel_shuffle", [t(1, 4, 2, 1).to(dt), 2], {}
        yield "pixel_unshuffle", [t(1, 1, 2, 4).to(dt), 2], {}
        yield "channel_shuffle", [t(1, 4, 2, 1).to(dt), 2], {}


def grids():
    # Away from corners of the function: cells' edges and the folds of reflection.
    x2, x3 = t(1, 2, 4, 5), t(1, 1, 3, 4, 2)
    g2 = torch.tensor([[-0.93, 0.31], [0.17, -0.42], [0.71, 0.88], [-1.27, 0.03], [1.34, -1.81], [0.52, 2.63]], dtype=F64).reshape(1, 2, 3, 2)
    g3 = torch.tensor([[-0.93, 0.31, 0.22], [0.17, -0.42, -0.61], [0.71, 0.88, 1.17], [-1.27, 0.03, 0.41]], dtype=F64).reshape(1, 1, 2, 2, 3)
    for align in (False, True):
        for padding in (0, 1, 2):
            for mode in (0, 1, 2):
                yield "grid_sampler_2d", [x2, g2, mode, padding, align], {}
                yield "grid_sampler_3d", [x3, g3, mode, padding, align], {}
    yield "grid_sampler", [x2, g2, 0, 0, False], {}
    yield "grid_sampler", [x3, g3, 0, 1, True], {}
    yield "grid_sampler", [t(2, 3, 1, 1), torch.cat([g2, -g2]), 0, 2, True], {}
    yield "grid_sampler", [x2.contiguous(memory_format=LAST), g2, 0, 0, False], {}
    for dt in (F32, I64):
        yield "grid_sampler", [x2.to(dt), g2.to(dt), 0, 0, False], {}
        yield "grid_sampler", [x3.to(dt), g3.to(dt), 2, 0, False], {}
    yield "grid_sampler", [x2.float(), g2, 0, 0, False], {}
    for x, g in ((x2[0], g2), (x2, g2[0]), (x2, g3), (x3, g2), (x2, g2[..., :1]), (torch.cat([x2, x2]), g2), (x2[:, :, :0], g2),
                 (x2[:, :0], g2), (x2, g2[:, :0]), (x2[:0], g2[:0]), (t(3), t(3))):
        yield "grid_sampler", [x, g, 0, 0, False], {}
        yield "grid_sampler_2d", [x, g, 0, 0, False], {}
        yield "grid_sampler_3d", [x, g, 0, 0, False], {}


def affine_grids():
    a, b = t(1, 2, 3), t(2, 3, 4)
    for align in (False, True):
        for theta, size in ((a, [1, 1, 2, 3]), (a, [1, 3, 1, 4]), (b, [2, 1, 2, 3, 2]), (a, [1, 1, 2]), (a, [1, 1, 2, 2, 2]), (t(2, 2, 3), [1, 1, 2, 2]),
                            (a, [1, 1, 0, 2]), (a, [1, 1, -2, 2]), (a.float(), [1, 1, 5, 4]), (a[0], [1, 1, 2, 2])):
            yield "affine_grid_generator", [theta, size, align], {}


def classes():
    for a in ([ints(0, 2, 1)], [ints(0, 2, 1), 4], [ints(0, 2, 1), 2], [ints(0, -1)], [ints(3)[:0]], [ints(3)[:0], 2], [ints(1, 0).reshape(2, 1), 0], [t(3)]):
        yield "one_hot", a, {}


FAMILIES = [classes, nearest, smooth, antialiased, blocks, shuffles, grids, affine_grids]

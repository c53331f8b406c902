"""Calls with complex numbers that the database lacks: conjugate and negated views, special values, mixed dtypes."""

import torch

NAN, INF = float("nan"), float("inf")


def z(*shape, dtype=torch.complex128, seed=0):
    """Random numbers with parts of three decimals between -2 and 2."""
    g = torch.Generator().manual_seed(seed)
    parts = torch.rand(*shape, 2, generator=g, dtype=torch.float64) * 4 - 2
    return torch.view_as_complex((parts * 1000).round() / 1000).to(dtype)


def conjugates():
    yield "_neg_view", [z(2, 3)], {}
    yield "_neg_view", [z(3).real.contiguous()], {}
    yield "real", [z(3).real.contiguous()], {}
    yield "imag", [z(3).real.contiguous()], {}
    yield "view_as_real", [z(3).real.contiguous()], {}
    for shape in ((3,), (2, 3), (), (4, 1)):
        yield "view_as_complex", [torch.zeros(shape)], {}
    yield "view_as_complex", [torch.arange(12.0).reshape(2, 3, 2)], {}
    yield "view_as_complex", [torch.arange(12.0).reshape(2, 2, 3).transpose(1, 2)], {}
    yield "complex", [torch.ones(2), torch.ones(2, dtype=torch.float64)], {}
    yield "polar", [torch.tensor([1.0, -2.0, 0.0]), torch.tensor([0.5, 1.0, 2.0])], {}
    yield "complex", [torch.ones(2, 1, dtype=torch.float64), torch.arange(3.0, dtype=torch.float64)], {}


def scalars():
    x, r = z(4, seed=1), torch.tensor([1.5, -0.5, 2.0], dtype=torch.float64)
    for op in ("add", "sub", "mul", "div", "eq", "ne", "rsub", "pow"):
        for s in (2, -1.5, 1 + 2j, -0.5j):
            yield op, [x, s], {}
            yield op, [r, s], {}
        yield op, [z(3, dtype=torch.complex64), 1.5 - 1j], {}
    for a in (2, 0.5 - 1j):
        yield "add", [x, z(4, seed=2)], {"alpha": a}
        yield "sub", [x, z(4, seed=2)], {"alpha": a}
        yield "addcmul", [x, z(4, seed=2), z(4, seed=3)], {"value": a}
        yield "addcdiv", [x, z(4, seed=2), z(4, seed=3)], {"value": a}
        yield "addmm", [z(2, 3), z(2, 2, seed=4), z(2, 3, seed=5)], {"beta": a, "alpha": a}
        yield "lerp", [x, z(4, seed=2), a], {}
    for op in ("add", "sub", "mul", "div", "pow"):
        yield op, [z(3), r], {}
        yield op, [r, z(3)], {}
        yield op, [z(3, dtype=torch.complex64), r], {}
        yield op, [z(3, dtype=torch.complex64), torch.tensor([1, 2, 3])], {}
    for s in (2, 0.5, 1 + 1j):
        yield "pow", [s, x], {}
    yield "pow", [x, 0], {}
    yield "pow", [x, 1 + 0j], {}
    for op in ("lt", "gt", "maximum", "fmod", "remainder", "floor_divide", "clamp_min"):
        yield op, [x, x], {}


def specials():
    """Signed zeros, infinities and NaN; the cuts of the inverse functions."""
    parts = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0]
    grid = torch.tensor([complex(a, b) for a in parts for b in parts], dtype=torch.complex128)
    for op in ("sqrt", "exp", "log", "sin", "cos", "sinh", "cosh", "tanh", "tan", "asin", "acos", "atan", "asinh", "acosh", "atanh",
               "log1p", "expm1", "abs", "angle", "sgn", "square", "neg", "conj_physical", "isnan", "isinf", "isfinite",
               "logical_not", "nan_to_num", "sigmoid", "log2", "log10", "reciprocal", "rsqrt", "isreal"):
        yield op, [grid], {}
    wild = torch.tensor([complex(a, b) for a in (NAN, INF, -INF, 1.0) for b in (NAN, INF, -INF, 1.0)], dtype=torch.complex128)
    for op in ("abs", "neg", "conj_physical", "isnan", "isinf", "isfinite", "nan_to_num", "angle", "isreal"):
        yield op, [wild], {}


specials.corner = True


def sums():
    for shape in ((3,), (2, 0), (2, 3), ()):
        for op in ("sum", "mean", "prod", "any", "all", "count_nonzero", "var", "std"):
            yield op, [z(*shape)], {}
    x = z(2, 3, seed=6)
    for op in ("sum", "mean", "var", "std", "linalg_vector_norm"):
        yield op, [x] + ([2] if op.startswith("linalg") else []), {"dim": [1], "keepdim": True}
    for op in ("cumsum", "cumprod", "prod", "any", "all"):
        yield op, [x, 1], {}
        yield op, [x, 0], {}
    zero = x.clone()
    zero[0, 1] = 0
    yield "prod", [zero], {}
    yield "cumprod", [zero, 1], {}
    for p in (0, 1, 2, 3, INF, -INF):
        yield "linalg_vector_norm", [x, p], {}
    yield "logsumexp", [x, [0]], {}
    yield "logsumexp", [x, [0, 1]], {"keepdim": True}


def products():
    a, b = z(2, 3, seed=7), z(3, 4, seed=8)
    yield "mm", [a, b], {}
    yield "mm", [z(3, 2, seed=7).t(), z(4, 3, seed=8).t()], {}
    yield "mm", [a.to(torch.complex64), b.to(torch.complex64)], {}
    yield "mm", [z(2, 0), z(0, 3)], {}
    yield "bmm", [z(2, 2, 3), z(2, 3, 2, seed=2)], {}
    yield "mv", [a, z(3)], {}
    yield "dot", [z(3), z(3, seed=2)], {}
    yield "vdot", [z(3), z(3, seed=2)], {}
    yield "outer", [z(3), z(2, seed=2)], {}
    yield "matmul", [z(2, 2, 3), b], {}
    yield "addbmm", [z(2, 2), z(2, 2, 3), z(2, 3, 2, seed=2)], {"beta": 0.5, "alpha": 1 + 1j}
    yield "baddbmm", [z(2, 2, 2), z(2, 2, 3), z(2, 3, 2, seed=2)], {"beta": 1j, "alpha": 2}
    for op, x, w in (("conv1d", z(1, 2, 5), z(3, 2, 2)), ("conv2d", z(1, 2, 4, 4), z(2, 1, 2, 2))):
        yield op, [x, w, z(w.shape[0], seed=3)], {"groups": 2 // w.shape[1]}
    yield "conv_transpose1d", [z(1, 2, 4), z(2, 2, 3)], {"stride": 2}
    yield "rms_norm", [z(2, 3), [3]], {"weight": z(3, seed=1), "eps": 0.1}


FAMILIES = [conjugates, scalars, specials, sums, products]

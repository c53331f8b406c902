"""Statistics, differences, membership, copies of views: shapes, ties, empty input, wrong arguments."""

import torch

NAN, INF = float("nan"), float("inf")


def f(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


M = torch.tensor([[1.5, -2.0, 0.25, 4.0], [0.5, 3.0, -1.0, 2.0], [2.125, 2.5, 7.0, -3.5]], dtype=torch.float64)
C = torch.complex(M, M.flip(1))
I = torch.tensor([[3, 1, 4, 1], [5, 9, 2, 6]])


def differences():
    for x in (M, C, I, M.float(), torch.tensor([True, False, False, True])):
        yield "diff", [x], {}
        yield "diff", [x, 2], {}
        yield "diff", [x], {"dim": 0}
        yield "diff", [x], {"prepend": x.select(-1, 0).unsqueeze(-1), "append": x}
    yield "diff", [M, 0], {}
    yield "diff", [M, 9], {}
    yield "diff", [torch.tensor(1.0)], {}
    yield "diff", [M, -1], {}
    yield "diff", [M], {"prepend": torch.ones(2)}
    yield "diff", [M], {"append": torch.ones(2, 2)}
    x = f(0.0, 0.5, 2.0, 3.0)
    for name in ("trapezoid", "cumulative_trapezoid"):
        yield name, [M], {}
        yield name, [M], {"dx": 0.5, "dim": 0}
        yield name, [M, x], {}
        yield name, [M, M.flip(0)], {}
        yield name, [I], {}
        yield name, [C, x], {}
        yield name, [M, f(1.0, 2.0)], {}
        yield name, [torch.tensor([True, False])], {}
        yield name, [torch.zeros(2, 0)], {}
    for n in (None, 2, 5):
        yield "linalg_vander", [f(1.0, 2.0, -3.0)], {"N": n}
        yield "linalg_vander", [C], {"N": n}
        yield "vander", [f(1.0, 2.0, -3.0), n], {}
        yield "vander", [torch.tensor([1, 2, 3]), n, True], {}
    yield "linalg_vander", [f(1.0, 2.0)], {"N": 1}
    yield "linalg_vander", [torch.tensor(1.0)], {}
    yield "vander", [M], {}
    yield "vander", [f(1.0, 2.0), 0], {}
    yield "vander", [f(1.0, 2.0), -1], {}
    for x in (M, C):
        yield "linalg_vecdot", [x, x.flip(0)], {}
        yield "linalg_vecdot", [x, x[0]], {}
        yield "linalg_vecdot", [x, x], {"dim": 0}
        yield "linalg_diagonal", [x], {}
        yield "linalg_diagonal", [x], {"offset": 1}
        yield "linalg_matmul", [x, x.t().contiguous()], {}
        yield "linalg_cross", [x, x.flip(1)], {"dim": 0}
        yield "cross", [x, x.flip(1)], {}
        yield "cross", [x.t().contiguous(), x[:, :1].t().contiguous()], {"dim": 1}
    yield "linalg_vecdot", [I, I], {}
    yield "linalg_vecdot", [M, M.float()], {}
    yield "linalg_cross", [M, M], {}
    yield "linalg_cross", [M, M[0]], {}
    yield "cross", [torch.ones(2), torch.ones(2)], {}


def covariances():
    for x in (M, C, I, M[0], M.float(), torch.tensor(2.0)):
        yield "cov", [x], {}
        yield "cov", [x], {"correction": 0}
        yield "corrcoef", [x], {}
    whole, real = torch.tensor([1, 2, 3, 1]), f(0.5, 1.0, 2.0, 0.25)
    yield "cov", [M], {"fweights": whole}
    yield "cov", [M], {"aweights": real}
    yield "cov", [M], {"fweights": whole, "aweights": real, "correction": 2}
    yield "cov", [M], {"fweights": real}
    yield "cov", [M], {"aweights": whole}
    yield "cov", [M], {"fweights": whole[:2]}
    yield "cov", [M], {"fweights": -whole}
    yield "cov", [torch.ones(2, 2, 2)], {}
    yield "cov", [torch.tensor([True])], {}
    yield "corrcoef", [torch.ones(2, 2, 2)], {}
    for p in (2, 1, 3.5, INF, 0, -INF):
        yield "dist", [M, M.flip(0), p], {}
    yield "dist", [M, M[0]], {}
    yield "dist", [C, C.flip(0)], {}
    yield "dist", [I, I], {}


def counting():
    for x in (I, f(2.0, 1.0, 1.0, 2.0, 3.0), torch.tensor([True, False, True]), torch.tensor([[1, 1], [0, 2]])):
        yield "mode", [x], {}
        yield "mode", [x, 0, True], {}
    yield "mode", [torch.tensor(3.0)], {}
    yield "mode", [torch.zeros(2, 0)], {}
    yield "mode", [M, 5], {}
    x = torch.tensor([0, 3, 3, 1])
    yield "bincount", [x], {}
    yield "bincount", [x], {"minlength": 7}
    yield "bincount", [x, f(0.5, 1.0, 2.0, 4.0)], {}
    yield "bincount", [x, torch.tensor([1, 2, 3, 4])], {}
    yield "bincount", [x.to(torch.uint8), torch.ones(4)], {}
    yield "bincount", [torch.zeros(0, dtype=torch.int64)], {"minlength": 2}
    yield "bincount", [-x], {}
    yield "bincount", [I], {}
    yield "bincount", [x, torch.ones(2)], {}
    yield "bincount", [x], {"minlength": -1}
    yield "bincount", [torch.ones(2)], {}
    yield "histc", [M, 4], {}
    yield "histc", [M, 5, -2, 3], {}
    yield "histc", [M.float()], {"bins": 3, "min": 0, "max": 2}
    yield "histc", [torch.ones(3), 2], {}
    yield "histc", [torch.zeros(0), 2], {}
    yield "histc", [M, 0], {}
    yield "histc", [M, 2, 3, 1], {}
    yield "histc", [I, 2], {}
    for test in (torch.tensor([1, 9]), torch.tensor([[4]]), f(1.0, NAN, 6.0), torch.zeros(0)):
        for invert in (False, True):
            yield "isin", [I, test], {"invert": invert}
            yield "isin", [f(1.0, NAN, -0.0), test], {"invert": invert}
    yield "isin", [I, 1], {}
    yield "isin", [f(0.0, 1.0), 0.0], {"invert": True}
    yield "isin", [9, I], {}
    yield "isin", [torch.tensor([True]), torch.tensor([True])], {}
    yield "frexp", [f(0.0, -0.0, 1.0, -3.5, 1e300, 5e-324, INF, NAN, 0.1)], {}
    yield "frexp", [M.float()], {}
    yield "frexp", [torch.tensor([1.5, 6.0]).half()], {}
    yield "frexp", [I], {}


def quantiles():
    x = f(3.0, -1.0, 4.0, 1.5, 9.0)
    for name in ("quantile", "nanquantile"):
        for how in ("linear", "lower", "higher", "midpoint", "nearest"):
            yield name, [x, 0.4], {"interpolation": how}
            yield name, [M, f(0.1, 0.3, 0.95), 1], {"interpolation": how}
            yield name, [M.float(), torch.tensor([0.0, 0.3, 1.0]), 1], {"interpolation": how}
        yield name, [M, 0.5], {}
        yield name, [M, 0.5, 0, True], {}
        yield name, [M, f(0.25, 0.5), 0, True], {}
        yield name, [M, f(0.25, 0.5)], {"keepdim": True}
        yield name, [torch.tensor([[1.0, NAN, 3.0], [NAN, NAN, NAN], [2.0, 5.0, 4.0]]), 0.5, 1], {}
        yield name, [torch.tensor(2.5), 0.3], {}
        yield name, [M, 1.5], {}
        yield name, [M, f(-0.1)], {}
        yield name, [M, torch.tensor([0.5])], {}
        yield name, [torch.zeros(0), 0.5], {}
        yield name, [I, 0.5], {}
        yield name, [M, 0.5], {"interpolation": "x"}


def copies():
    for x in (M, C, I):
        yield "alias_copy", [x], {}
        yield "as_strided_copy", [x, [2, 2], [1, 2], 1], {}
        yield "detach_copy", [x], {}
        yield "diagonal_copy", [x, 1], {}
        yield "expand_copy", [x[:1], [3, 4]], {}
        yield "narrow_copy", [x, 1, 1, 2], {}
        yield "permute_copy", [x, [1, 0]], {}
        yield "select_copy", [x, 0, 1], {}
        yield "slice_copy", [x, 1, 0, 4, 2], {}
        yield "squeeze_copy", [x[None]], {}
        yield "squeeze_copy", [x[None], 0], {}
        yield "squeeze_copy", [x[None], [0, 1]], {}
        yield "t_copy", [x], {}
        yield "transpose_copy", [x, 0, 1], {}
        yield "unsqueeze_copy", [x, 1], {}
        yield "view_copy", [x, [-1]], {}
        yield "unbind_copy", [x, 1], {}
        yield "split_with_sizes_copy", [x, [1, 3], 1], {}
    yield "view_copy", [M, torch.int64], {}
    yield "view_as_real_copy", [C], {}
    yield "view_as_complex_copy", [M.reshape(3, 2, 2)], {}
    yield "permute_copy", [M, [0, 0]], {}


FAMILIES = [differences, covariances, counting, quantiles, copies]

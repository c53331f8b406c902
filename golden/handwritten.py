"""Cases written by hand: creation, in-place writers, scalar overloads, matrix products in every rank, views of views."""

import importlib
import pathlib
import re

import torch

from calls import NotRecordable, record, strided

F64, F32, I64, I32, U8, B, F16, BF16 = (
    torch.float64, torch.float32, torch.int64, torch.int32, torch.uint8, torch.bool, torch.float16, torch.bfloat16)
NAN, INF = float("nan"), float("inf")


def t(*shape, dtype=F64, seed=0, low=-2.0, high=2.0):
    return strided(shape, dtype, seed + sum(shape) * 7 + len(shape), low, high)


def ints(*values, dtype=I64):
    return torch.tensor(values, dtype=dtype)


def creation():
    for dt in (None, F64, I64, F16, BF16, B, U8):
        kw = {} if dt is None else {"dtype": dt}
        yield "zeros", [[2, 3]], kw
        yield "ones", [[2, 1]], kw
        yield "full", [[2, 2], 3], kw
        yield "eye", [3], kw
        yield "eye", [2, 4], kw
        yield "scalar_tensor", [2], kw
        if dt != B:
            yield "arange", [5], kw
            yield "arange", [0, 10, 2], kw
            yield "linspace", [0, 10, 5], kw
            yield "logspace", [0, 2, 3], kw
    for a in ([0.1], [1.5], [3, 3], [1.0, 2.0], [5, 1, -2], [0, 1, 0.1], [1, 2, 0.3], [0], [-3.5, 4]):
        yield "arange", a, {}
    for a in ([5, 1, 1], [1, 5, -1], [1, 5, 0], [0, INF], [0, NAN]):
        yield "arange", a, {}
    for a in ([0.1, 1, 10], [0, 1, 1], [3, -3, 7], [0, 1, 0], [2.5, 2.5, 3], [0, 1, -1], [-5, 5, 33]):
        yield "linspace", a, {}
        yield "linspace", a, {"dtype": F64}
        yield "linspace", a, {"dtype": I64}
    for a in ([0, 1, 4], [-2, 2, 5], [0, 3, 4, 2.0], [1, 1, 1], [0, 1, 0]):
        yield "logspace", a, {}
    for a in ([1, 4], [1, 4, 0.5], [0.5, 2.75, 0.5], [5, 1, -2], [0, 1, 0.1], [3, 3], [5, 1], [1, 5, 0], [0, INF], [0, 1, NAN]):
        yield "range", a, {}
        yield "range", a, {"dtype": F64}
    yield "range", [1, 4], {"dtype": I64}
    yield "range", [0.5, 3.5, 1.5], {"dtype": I32}
    yield "range", [0, 3], {"dtype": B}
    yield "arange", [0, 1, NAN], {}
    yield "arange", [0, 1, INF], {}
    yield "arange", [0, 2, 0.5], {"dtype": I64}
    for v, dt in ((300, U8), (-200, U8), (-256, U8), (255.5, U8), (-0.5, U8), (65505.0, F16), (1e40, F32), (1e40, BF16), (NAN, I64), (2.5, B)):
        yield "full", [[2], v], {"dtype": dt}
        yield "full_like", [ints(1, 2), v], {"dtype": dt}
    for v in (2.5, True, 7, NAN):
        yield "full", [[2], v], {}
        yield "full", [[], v], {}
    yield "zeros", [[]], {}
    yield "zeros", [[0, 3]], {}
    yield "zeros", [[2, -1]], {}
    yield "eye", [-1], {}
    for x in (t(2, 3), t(4, 2).t(), t(dtype=F32), ints(1, 2), t(2, 2, 2).permute(2, 0, 1), t(3, 1).expand(3, 4)):
        for op in ("zeros_like", "ones_like"):
            yield op, [x], {}
            yield op, [x], {"dtype": F16}
        yield "full_like", [x, 3], {}
        yield "new_zeros", [x, [2]], {}
        yield "new_ones", [x, [2]], {"dtype": I32}
        yield "new_full", [x, [2], 4], {}
    for op in ("tril_indices", "triu_indices"):
        for a in ([3, 4], [4, 3, 1], [4, 3, -1], [0, 2], [3, 3, 5]):
            yield op, a, {}
    for op in ("diag", "diagflat", "diag_embed"):
        for a in ([t(3)], [t(3), 1], [t(2), -2], [t(0)]):
            yield op, a, {}
    for a in ([t(3, 4)], [t(3, 4), 1], [t(3, 4), -2], [t(3, 4), 5], [t()]):
        yield "diag", a, {}
    yield "vander", [t(4)], {}
    yield "vander", [ints(1, 2, 3), 2, True], {}
    yield "cartesian_prod", [[ints(1, 2), ints(3, 4, 5)]], {}
    yield "combinations", [ints(1, 2, 3)], {}
    yield "meshgrid", [[t(2), t(3)]], {"indexing": "xy"}
    yield "meshgrid", [[t(2), t(3), t()]], {"indexing": "ij"}
    yield "meshgrid", [[t(2), t(3, 1)]], {"indexing": "ij"}
    for n in ("hann_window", "hamming_window", "blackman_window", "bartlett_window"):
        yield n, [5], {}
        yield n, [5, False], {"dtype": F64}


def writers():
    base = t(3, 4)
    for v in (2, 2.5, True, NAN):
        yield "fill_", [base, v], {}
        yield "fill_", [base.t(), v], {}
        yield "fill_", [ints(1, 2, 3), v], {}
    yield "fill_", [base, torch.tensor(3.0)], {}
    yield "fill_", [base, t(2)], {}
    yield "fill_", [t(3, 1).expand(3, 2), 1.0], {}
    yield "zero_", [base], {}
    yield "zero_", [base[:, 1:3]], {}
    for src in (t(4, seed=1), t(3, 1, seed=2), t(3, 4, seed=3, dtype=F32), t(3, 4, seed=4, dtype=I64), t(4, 3).t(), t(dtype=B)):
        yield "copy_", [base, src], {}
        yield "copy_", [t(3, 4, dtype=I32), src], {}
        yield "copy_", [t(3, 4, dtype=BF16).t().contiguous().t(), src], {}
    yield "copy_", [base, t(3)], {}
    yield "copy_", [base, t(2, 3, 4)], {}
    yield "copy_", [t(3, 1).expand(3, 4), t(3, 4)], {}
    yield "add_", [base, t(4)], {"alpha": 2}
    yield "add_", [base[:, ::2], 1.5], {}
    yield "add_", [ints(1, 2), 1.5], {}
    yield "add_", [base, t(2, 3, 4)], {}
    yield "add_", [t(4).expand(3, 4), 1], {}
    yield "mul_", [base.t(), t(3)], {}
    yield "sub_", [ints(5, 6), ints(1, 2)], {}
    yield "div_", [ints(5, 6), ints(1, 2)], {}
    yield "div_", [base, 4], {"rounding_mode": "floor"}
    yield "exp_", [ints(1, 2)], {}
    yield "relu_", [base], {}
    yield "clamp_", [base, -0.5, 0.5], {}
    yield "masked_fill_", [base, base > 0, -1.0], {}
    yield "masked_fill_", [base, ints(1, 0, 1, 0), -1.0], {}
    yield "index_fill_", [base, 1, ints(0, 2), 9.0], {}
    yield "index_copy_", [base, 0, ints(2, 0), t(2, 4, seed=5)], {}
    yield "index_add_", [base, 0, ints(1, 1, 0), t(3, 4, seed=5)], {"alpha": 2}
    yield "index_put_", [base, [ints(0, 2), ints(1, 3)], torch.tensor([7.0, 8.0], dtype=F64)], {}
    yield "index_put_", [base, [ints(0, 0), ints(1, 1)], torch.tensor([7.0, 8.0], dtype=F64), True], {}
    yield "index_put_", [base, [None, ints(1)], torch.tensor(5.0, dtype=F64)], {}
    yield "scatter_", [base, 1, ints(0, 1, 2, 3).reshape(1, 4), 3.5], {}
    yield "scatter_", [base, 0, ints(0, 1, 2, 0).reshape(1, 4), t(1, 4, seed=3)], {}
    yield "scatter_add_", [base, 0, ints(0, 1, 2, 0).reshape(1, 4), t(1, 4, seed=3)], {}
    yield "masked_scatter_", [base, base > 0, t(12, seed=8)], {}
    yield "t_", [base], {}
    yield "transpose_", [base, 0, 1], {}
    yield "squeeze_", [t(1, 3, 1)], {}
    yield "squeeze_", [t(1, 3, 1), 0], {}
    yield "unsqueeze_", [base, 1], {}
    yield "as_strided_", [base, [2, 2], [1, 4], 1], {}
    yield "resize_", [base, [2, 3]], {}
    yield "tril_", [base], {}
    yield "triu_", [base, 1], {}
    yield "fill_diagonal_", [t(4, 3), 7.0], {}
    yield "fill_diagonal_", [t(7, 3), 7.0, True], {}
    yield "swap_dims_", [base, 0, 1], {}


def scalars():
    xs = [t(2, 3), t(3, dtype=F32, seed=1), ints(-5, 0, 7), t(3, dtype=B, seed=3), ints(1, 2, 250, dtype=U8), t(2, dtype=F16)]
    for op in ("add", "sub", "mul", "div", "remainder", "fmod", "floor_divide", "pow", "eq", "ne", "lt", "le", "gt", "ge",
               "true_divide", "xlogy", "rsub"):
        for x in xs:
            for s in (2, -3, 2.5, True):
                if op == "rsub" and x.dtype == B:
                    continue
                yield op, [x, s], {}
                if op in ("add", "sub"):
                    yield op, [x, s], {"alpha": 2}
                if op == "div":
                    yield op, [x, s], {"rounding_mode": "floor"}
                    yield op, [x, s], {"rounding_mode": "trunc"}
    for op in ("remainder", "pow", "xlogy"):
        for x in xs:
            for s in (2, 2.5):
                yield op, [s, x], {}
    for op in ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift"):
        for x in (ints(-5, 0, 7), ints(1, 2, 250, dtype=U8), t(3, dtype=B, seed=3), t(2)):
            yield op, [x, 3], {}
            yield op, [x, ints(1, 2, 3)], {}
    for mode in (None, "floor", "trunc", "nearest"):
        yield "div", [t(5), t(5, seed=2)], {"rounding_mode": mode}
        yield "div", [ints(7, -7, 6), ints(2, 2, -4)], {"rounding_mode": mode}
    for op in ("clamp", "clamp_min", "clamp_max"):
        for x in (t(5), ints(-5, 0, 7), torch.tensor([NAN, 1.0, -1.0])):
            yield op, [x, 1], {}
            yield op, [x, 0.5], {}
            yield op, [x, t(1)[0]], {}
    yield "clamp", [t(4)], {}
    yield "clamp", [t(4), 1.0, -1.0], {}
    yield "clamp", [t(4), None, t(4, seed=3)], {}
    yield "clamp", [t(2, 4), t(4, seed=3), None], {}
    yield "clamp", [torch.tensor([NAN, 1.0]), torch.tensor([0.0, NAN]), torch.tensor([1.0, 2.0])], {}
    for v in (0.3, 2):
        yield "lerp", [t(3), t(3, seed=4), v], {}
    yield "lerp", [t(3), t(3, seed=4), t(2, 3, seed=5)], {}
    for op in ("addcmul", "addcdiv"):
        yield op, [t(3), t(2, 1, seed=4), t(3, seed=5, low=1)], {"value": 0.5}
        yield op, [ints(1, 2), ints(3, 4), ints(2, 2)], {}
    cond = t(2, 3, dtype=B, seed=1)
    yield "where", [cond, 1, 2.5], {}
    yield "where", [cond, t(3), 0], {}
    yield "where", [cond, 0.0, t(2, 1)], {}
    yield "where", [cond, t(3, dtype=F32), t(2, 1)], {}
    yield "where", [cond, ints(1, 2, 3), t(3, dtype=F16)], {}
    yield "where", [ints(1, 0, 1), t(3), t(3)], {}
    yield "where", [cond], {}


def products():
    shapes = [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)), ((3,), (5, 3, 2)),
              ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)), ((2, 1, 2, 3), (4, 3, 2)), ((0,), (0,)),
              ((2, 0), (0, 3)), ((0, 2), (2, 3)), ((1, 1), (1, 1)), ((2, 3), (2, 3)), ((3,), (4,)), ((), (3,)),
              ((2, 2, 3), (3, 3, 2))]
    for a, b in shapes:
        for dt in (F64, F32, I64):
            yield "matmul", [t(*a, dtype=dt), t(*b, dtype=dt, seed=9)], {}
    for dt in (F16, BF16, I32, U8):
        yield "matmul", [t(2, 3, dtype=dt), t(3, 2, dtype=dt, seed=9)], {}
    yield "matmul", [t(2, 3, dtype=B), t(3, 2, dtype=B)], {}
    yield "matmul", [t(2, 3), t(3, 2, dtype=F32)], {}
    yield "matmul", [t(3, 2).t(), t(4, 3).t()], {}
    yield "matmul", [t(5, 6)[::2, 1::2], t(3, 2)], {}
    yield "matmul", [t(1, 3).expand(2, 3), t(3, 1).expand(3, 4)], {}
    for op, a, b in (("mm", (2, 3), (3, 4)), ("mm", (2, 3), (2, 3)), ("mm", (3,), (3, 2)), ("mm", (0, 3), (3, 2)), ("mm", (2, 0), (0, 2)),
                     ("bmm", (2, 2, 3), (2, 3, 2)), ("bmm", (2, 2, 3), (3, 3, 2)), ("bmm", (2, 3), (3, 2)), ("mv", (2, 3), (3,)),
                     ("mv", (2, 3), (2,)), ("dot", (3,), (3,)), ("dot", (3,), (4,)), ("dot", (2, 2), (2, 2)), ("dot", (0,), (0,)),
                     ("outer", (3,), (2,)), ("outer", (2, 2), (2,)), ("inner", (2, 3), (4, 3)), ("inner", (3,), (3,)), ("kron", (2, 2), (2, 3)),
                     ("vdot", (3,), (3,)), ("ger", (3,), (2,))):
        yield op, [t(*a), t(*b, seed=3)], {}
        yield op, [t(*a), t(*b, seed=3, dtype=F32)], {}
    for beta, alpha in ((1, 1), (0, 1), (0.5, -2), (1, 0)):
        kw = {"beta": beta, "alpha": alpha}
        yield "addmm", [t(2, 4, seed=1), t(2, 3), t(3, 4)], kw
        yield "addmm", [t(4, seed=1), t(2, 3), t(3, 4)], kw
        yield "addmm", [torch.full((2, 4), NAN, dtype=F64), t(2, 3), t(3, 4)], kw
        yield "baddbmm", [t(2, 2, 2, seed=1), t(2, 2, 3), t(2, 3, 2)], kw
        yield "addbmm", [t(2, 2, seed=1), t(2, 2, 3), t(2, 3, 2)], kw
        yield "addmv", [t(2, seed=1), t(2, 3), t(3)], kw
        yield "addr", [t(2, 3, seed=1), t(2), t(3)], kw
    yield "addmm", [t(3, 3), t(2, 3), t(3, 4)], {}
    yield "addmm", [ints(1, 2), ints(1, 2, 3, 4).reshape(2, 2), ints(1, 2, 3, 4).reshape(2, 2)], {"beta": 2, "alpha": 3}
    yield "tensordot", [t(2, 3, 4), t(4, 3, 2), [1, 2], [1, 0]], {}
    yield "einsum", ["ij,jk->ik", [t(2, 3), t(3, 2)]], {}
    yield "einsum", ["bij,bkj->bik", [t(2, 2, 3), t(2, 4, 3)]], {}
    yield "einsum", ["ii->i", [t(3, 3)]], {}
    yield "linear", [t(2, 3), t(4, 3), t(4)], {}
    yield "linear", [t(2, 2, 3), t(4, 3)], {}
    yield "linalg_multi_dot", [[t(2, 3), t(3, 4), t(4, 2)]], {}
    yield "linalg_multi_dot", [[t(3), t(3, 4), t(4)]], {}
    yield "linalg_multi_dot", [[t(2, 3), t(4, 3)]], {}
    yield "chain_matmul", [[t(2, 3), t(3, 4), t(4, 2)]], {}


def views():
    x = t(2, 3, 4)
    yield "view", [x, [6, 4]], {}
    yield "view", [x, [-1, 2]], {}
    yield "view", [x, [5, -1]], {}
    yield "view", [x, [-1, -1]], {}
    yield "view", [x, [24, 2]], {}
    yield "view", [x.transpose(0, 1), [6, 4]], {}
    yield "view", [x.transpose(0, 1), [3, 2, 2, 2]], {}
    yield "view", [t(0, 3), [0, -1]], {}
    yield "view", [t(), [1, 1]], {}
    yield "view", [t(2, 4, dtype=F32), I32], {}
    yield "view", [t(2, 4, dtype=F32), I64], {}
    yield "view", [t(2, 4, dtype=F32), U8], {}
    yield "view", [t(2, 3, dtype=F32), I64], {}
    yield "view", [t(4, 2, dtype=F32).t(), I64], {}
    yield "reshape", [x.transpose(0, 1), [6, 4]], {}
    yield "reshape", [x, [7, -1]], {}
    yield "reshape", [x, [4, 3, 2]], {}
    yield "reshape", [t(1, 3).expand(4, 3), [12]], {}
    yield "reshape", [t(0), [-1, 0]], {}
    yield "permute", [x, [2, 0, 1]], {}
    yield "permute", [x, [0, 0, 1]], {}
    yield "permute", [x, [0, 1]], {}
    yield "transpose", [x, 0, -1], {}
    yield "transpose", [x, 0, 3], {}
    yield "transpose", [t(), 0, -1], {}
    yield "t", [t(2, 3)], {}
    yield "t", [x], {}
    yield "select", [x, 1, -1], {}
    yield "select", [x, 1, 3], {}
    yield "select", [t(), 0, 0], {}
    for a in ([0, 0, 1, 1], [1, -2, None, 1], [2, 1, 10, 2], [2, 3, 1, 1], [1, 0, 3, 0], [1, 0, 3, -1], [3, 0, 1, 1]):
        yield "slice", [x, *a], {}
    yield "narrow", [x, 2, 1, 2], {}
    yield "narrow", [x, 2, -2, 2], {}
    yield "narrow", [x, 2, 3, 2], {}
    yield "narrow", [x, 2, 0, -1], {}
    yield "expand", [t(3, 1), [3, 4]], {}
    yield "expand", [t(3, 1), [2, -1, 4]], {}
    yield "expand", [t(3, 1), [-1, 3, 4]], {}
    yield "expand", [t(3, 2), [3, 4]], {}
    yield "expand", [t(3, 2), [2]], {}
    yield "expand", [t(), [2, 2]], {}
    yield "unfold", [t(7), 0, 3, 2], {}
    yield "unfold", [t(2, 5), 1, 2, 1], {}
    yield "unfold", [t(3), 0, 4, 1], {}
    yield "unfold", [t(3), 0, 2, 0], {}
    yield "unfold", [t(), 0, 1, 1], {}
    yield "as_strided", [t(12), [3, 2], [4, 1], 1], {}
    yield "as_strided", [t(4), [3, 2], [1, 1]], {}
    yield "as_strided", [t(4), [3, 2], [4, 1]], {}
    yield "as_strided", [t(4), [2], [-1]], {}
    yield "diagonal", [x, 1, 0, 2], {}
    yield "diagonal", [t(3, 3), 5], {}
    yield "diagonal", [t(3, 3), 0, 1, 1], {}
    yield "unbind", [x, 1], {}
    yield "unbind", [t()], {}
    for n in (1, 2, 5):
        yield "split", [t(5, 2), n], {}
        yield "chunk", [t(5, 2), n], {}
        yield "tensor_split", [t(5, 2), n], {}
    yield "split", [t(5, 2), 0], {}
    yield "split", [t(5, 2), [2, 3]], {}
    yield "split", [t(5, 2), [2, 2]], {}
    yield "split_with_sizes", [t(5, 2), [4, 1], 0], {}
    yield "chunk", [t(5, 2), 0], {}
    yield "chunk", [t(), 2], {}
    yield "tensor_split", [t(5, 2), [1, 3]], {}
    yield "movedim", [x, 0, 2], {}
    yield "movedim", [x, [0, 1], [2, 0]], {}
    yield "movedim", [x, [0, 0], [2, 0]], {}
    yield "squeeze", [t(1, 3, 1)], {}
    yield "squeeze", [t(1, 3, 1), 1], {}
    yield "squeeze", [t(1, 3, 1), [0, 2]], {}
    yield "unsqueeze", [x, -1], {}
    yield "unsqueeze", [x, 5], {}
    yield "flatten", [x, 1], {}
    yield "flatten", [t()], {}
    yield "flatten", [x, 2, 1], {}
    yield "unflatten", [t(6), 0, [2, -1]], {}
    yield "unflatten", [t(6), 0, [4, -1]], {}
    yield "swapaxes", [x, 0, 1], {}
    yield "swapdims", [x, 0, 1], {}
    yield "moveaxis", [x, 0, 1], {}
    yield "numpy_T", [x], {}
    yield "alias", [x], {}
    yield "detach", [x], {}
    yield "view_as", [x, t(4, 6)], {}
    yield "expand_as", [t(3, 1), t(3, 2)], {}
    yield "adjoint", [x], {}
    yield "mT", [x], {}
    yield "mT", [t(3)], {}
    yield "contiguous", [x.transpose(0, 1)], {}
    yield "contiguous", [x], {}
    yield "clone", [x.permute(2, 0, 1)], {}
    yield "clone", [t(3, 1).expand(3, 4)], {}
    yield "clone", [t(4, 6)[:, ::2]], {}
    for dt in (F32, I64, B, F16, BF16, U8, torch.int8, torch.int16):
        yield "to", [torch.tensor([-1.7, 0.0, 2.5, 100.0], dtype=F64), dt], {}
        yield "to", [ints(-1, 0, 3, 255), dt], {}
        yield "_to_copy", [x], {"dtype": dt}
    yield "to", [x, F64], {}
    yield "to", [x, F64, False, True], {}
    yield "type_as", [x, t(1, dtype=F16)], {}


def joins():
    yield "cat", [[t(2, 3), t(1, 3)]], {}
    yield "cat", [[t(2, 3), t(2, 1)], 1], {}
    yield "cat", [[t(2, 3), t(2, 1)], -3], {}
    yield "cat", [[t(2, 3), t(2, 2)]], {}
    yield "cat", [[t(2, 3, dtype=F32), t(2, 3, dtype=I64), t(1, 3)]], {}
    yield "cat", [[t(0), t(2, 3)]], {}
    yield "cat", [[]], {}
    yield "cat", [[t(), t()]], {}
    yield "stack", [[t(2), t(2, seed=1)], 1], {}
    yield "stack", [[t(2), t(3)]], {}
    yield "stack", [[]], {}
    yield "stack", [[t(), t()]], {}
    for op in ("hstack", "vstack", "dstack", "column_stack", "row_stack"):
        yield op, [[t(2), t(2, seed=1)]], {}
        yield op, [[t(2, 2), t(2, 2, seed=1)]], {}
    yield "concat", [[t(2), t(1)]], {}
    yield "block_diag", [[t(2, 2), t(1, 3), t(2)]], {}
    yield "repeat", [t(2, 3), [2, 1, 2]], {}
    yield "repeat", [t(2, 3), [2]], {}
    yield "repeat", [t(2), [0, 2]], {}
    yield "tile", [t(2, 3), [2]], {}
    yield "tile", [t(2), [2, 2]], {}
    yield "repeat_interleave", [t(3), 2], {}
    yield "repeat_interleave", [t(2, 3), ints(1, 0, 2), 1], {}
    yield "roll", [t(2, 3), [1], [1]], {}
    yield "roll", [t(2, 3), [1]], {}
    yield "roll", [t(2, 3), [1, -1], [0, 1]], {}
    yield "flip", [t(2, 3), [0, 1]], {}
    yield "flip", [t(2, 3), [0, 0]], {}
    yield "rot90", [t(2, 3)], {}
    yield "tril", [t(3, 4), -1], {}
    yield "triu", [t(3, 4), 1], {}
    yield "tril", [t(3)], {}


def reductions():
    x = t(2, 3, 4)
    for op in ("sum", "mean", "nansum", "prod", "amax", "amin", "argmax", "argmin", "all", "any", "std", "var", "logsumexp"):
        if op not in ("logsumexp", "amax", "amin"):
            yield op, [x], {}
            yield op, [x.transpose(0, 2)], {}
        for dim in ([0], [1], [-1], [0, 2], [0, 1, 2], [3], [0, 0]):
            d = dim[0] if op in ("prod", "argmax", "argmin") and len(dim) == 1 else dim
            yield op, [x, d], {}
            yield op, [x.permute(2, 0, 1), d], {"keepdim": True}
    for op in ("sum", "prod", "mean"):
        for dt in (I64, B, U8, F16, BF16):
            yield op, [t(4, dtype=dt)], {}
            yield op, [t(4, dtype=dt)], {"dtype": F32}
    for op in ("max", "min", "median", "mode", "nanmedian"):
        yield op, [x, 1], {}
        yield op, [x, -1, True], {}
        yield op, [ints(3, 1, 3, 2), 0], {}
        yield op, [torch.tensor([1.0, NAN, 3.0]), 0], {}
        yield op, [t(2, 0), 1], {}
    for op in ("max", "min"):
        yield op, [x], {}
        yield op, [torch.tensor([1.0, NAN, 3.0])], {}
        yield op, [t(0)], {}
        yield op, [t(3), t(2, 1)], {}
    for c in (0, 1, 2, 0.5):
        for op in ("var", "std"):
            yield op, [x], {"dim": [1], "correction": c}
            yield op, [t(1)], {"correction": c}
    for op in ("var_mean", "std_mean"):
        yield op, [x], {"dim": [1], "keepdim": True}
        yield op, [x], {}
    for p in (0, 1, 2, 3, INF, -INF, 0.5, "fro"):
        if p != "fro":
            yield "norm", [x, p], {}
            yield "norm", [x, p, [1]], {}
            yield "linalg_vector_norm", [x, p, [0, 2]], {}
            yield "linalg_vector_norm", [x, p], {}
            yield "linalg_vector_norm", [t(3), p], {}
    for op in ("cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"):
        for dim in (0, 1, -1, 3):
            yield op, [x, dim], {}
        yield op, [t(), 0], {}
        yield op, [t(0), 0], {}
        yield op, [torch.tensor([1.0, NAN, 2.0, 0.0, 3.0]), 0], {}
    yield "cumsum", [t(4, dtype=B), 0], {}
    yield "cumprod", [torch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0]], dtype=F64), 1], {}
    yield "prod", [torch.tensor([[2.0, 0.0, 3.0], [0.0, 0.0, 5.0]], dtype=F64), 1], {}
    yield "prod", [torch.tensor([2.0, 0.0, 3.0], dtype=F64)], {}
    yield "aminmax", [x], {"dim": 1}
    yield "count_nonzero", [x > 0, 1], {}
    for op in ("softmax", "log_softmax"):
        yield op, [x, 1], {}
        yield op, [t(3), 0], {}
        yield op, [t(3, dtype=F32), 0, F64], {}
    yield "trace", [t(3, 4)], {}
    yield "equal", [t(2), t(2)], {}
    yield "equal", [t(2), t(3)], {}
    yield "dist", [t(3), t(3, seed=4), 2], {}
    yield "diff", [t(2, 4), 2], {}


def sorting():
    ties = ints(3, 1, 2, 3, 1, 2)
    nans = torch.tensor([2.0, NAN, -1.0, INF, NAN, 0.0])
    for x in (ties, nans, t(3, 4), t(3, 4).t(), t(), t(0), t(2, 0), t(5, dtype=B), t(5, dtype=BF16)):
        for desc in (False, True):
            yield "sort", [x], {"stable": True, "dim": -1, "descending": desc}
            yield "argsort", [x], {"stable": True, "dim": -1, "descending": desc}
        if x.dim() and x.shape[-1]:
            for k in (0, 1, 2):
                if k <= x.shape[-1] and x is not ties:
                    yield "topk", [x, k], {}
                    yield "topk", [x, k, 0, False], {}
            yield "kthvalue", [x, 1], {}
    yield "topk", [t(3), 4], {}
    yield "topk", [t(3), -1], {}
    yield "sort", [t(3), 1], {}
    yield "msort", [t(4, 2)], {}
    for x in (ties, nans, t(3, 2, dtype=I64)):
        yield "unique_consecutive", [x], {"return_inverse": True, "return_counts": True}
    yield "searchsorted", [torch.tensor([1.0, 3.0, 5.0]), torch.tensor([[0.0, 1.0, 4.0, 9.0]])], {}
    yield "searchsorted", [torch.tensor([1.0, 3.0, 5.0]), torch.tensor([1.0, 3.0])], {"right": True}
    yield "bucketize", [torch.tensor([0.0, 1.0, 4.0]), torch.tensor([1.0, 3.0])], {}
    yield "bincount", [ints(0, 1, 1, 3)], {}
    yield "isin", [ints(1, 2, 3), ints(2, 5)], {}


def gathers():
    x = t(3, 4)
    yield "gather", [x, 1, ints(0, 3, 1, 1, 2, 0).reshape(3, 2)], {}
    yield "gather", [x, 0, ints(0, -1).reshape(1, 2)], {}
    yield "gather", [t(), 0, torch.tensor(0)], {}
    yield "gather", [x, 0, t(1, 2)], {}
    yield "gather", [x.t(), 1, ints(0, 2, 1).reshape(3, 1)], {}
    for op in ("scatter", "scatter_add"):
        yield op, [x, 1, ints(0, 3, 1, 1, 2, 0).reshape(3, 2), t(3, 2, seed=6)], {}
        yield op, [x, 0, ints(0, 5).reshape(1, 2), t(1, 2)], {}
        yield op, [x, 0, ints(0, 1).reshape(1, 2), t(1, 2, dtype=F32)], {}
    yield "scatter", [x, 1, ints(0, 3).reshape(1, 2), 2.5], {}
    for r in ("add", "multiply"):
        yield "scatter", [x, 1, ints(0, 0).reshape(1, 2), t(1, 2)], {"reduce": r}
    for r in ("sum", "prod", "mean", "amax", "amin"):
        for self_ in (True, False):
            yield "scatter_reduce", [x, 1, ints(0, 0, 1).reshape(1, 3), t(1, 3, seed=2), r], {"include_self": self_}
            yield "index_reduce", [x, 0, ints(0, 0), t(2, 4, seed=2), r], {"include_self": self_}
    for i in (ints(2, 0, 2), ints(-1), ints(5), ints(), ints(1, 0, dtype=I32), t(2), ints(1, 2, 0, 1).reshape(2, 2)):
        yield "index_select", [x, 1, i], {}
        yield "index_select", [t(3, 4, dtype=I64), 0, i], {}
    yield "index_select", [t(), 0, ints(0)], {}
    yield "index_add", [x, 1, ints(0, 3), t(3, 2, seed=4)], {"alpha": 3}
    yield "index_add", [x, 1, ints(0, 3), t(3, 3)], {}
    yield "index_copy", [x, 1, ints(0, 3), t(3, 2, seed=4)], {}
    yield "index_fill", [x, 1, ints(0, -1), 2.5], {}
    yield "index_fill", [x, 1, ints(0, 9), 2.5], {}
    yield "take", [x, ints(0, 11, -1)], {}
    yield "take", [x, ints(12)], {}
    yield "take_along_dim", [x, ints(0, 3, 1).reshape(3, 1), 1], {}
    yield "put", [x, ints(0, 11, 0), t(3, seed=4)], {}
    yield "put", [x, ints(0, 11, 0), t(3, seed=4), True], {}
    yield "masked_fill", [x, t(3, 1, dtype=B), 9], {}
    yield "masked_fill", [x, t(4, dtype=B), torch.tensor(2.0, dtype=F64)], {}
    yield "masked_fill", [ints(1, 2), t(2, dtype=B), 2.5], {}
    yield "masked_select", [x, x > 0], {}
    yield "masked_select", [x, t(4, dtype=B)], {}
    yield "masked_select", [x, t(5, dtype=B)], {}
    yield "masked_scatter", [x, x > 0, t(12, seed=8)], {}
    yield "nonzero", [x > 0], {}
    yield "nonzero", [t(), ], {}
    yield "nonzero", [t(0, 2)], {}
    yield "nonzero_numpy", [x > 0], {}
    for size in (0, 3, 20, -1):
        yield "nonzero_static", [x > 0], {"size": size}
    yield "nonzero_static", [x > 0], {"size": 20, "fill_value": 7}
    yield "argwhere", [x > 0], {}
    yield "index", [x, [ints(0, 2)]], {}
    yield "index", [x, [None, ints(0, 2)]], {}
    yield "index", [x, [x > 0]], {}
    yield "index", [x, [ints(0, 2), ints(1, -1)]], {}
    yield "index", [x, [ints(0, 5)]], {}
    yield "index_put", [x, [ints(0, 2)], t(4, seed=2)], {}
    yield "index_put", [x, [ints(0, 0)], t(2, 4, seed=2), True], {}
    yield "index_put", [x, [x > 0], torch.tensor(0.0, dtype=F64)], {}
    yield "select_scatter", [x, t(4, seed=2), 0, 1], {}
    yield "slice_scatter", [x, t(3, 2, seed=2), 1, 0, 4, 2], {}
    yield "diagonal_scatter", [x, t(3, seed=2)], {}
    yield "as_strided_scatter", [x, t(2, 2, seed=2), [2, 2], [4, 1], 1], {}
    yield "one_hot", [ints(0, 2, 1)], {}
    yield "one_hot", [ints(0, 2, 1), 4], {}


def storage_dtypes():
    small = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
             torch.float8_e5m2fnuz]
    x = torch.tensor([0.0, 1.0, 1.3, 17.0, 200.0, 448.0], dtype=F32)
    for dt in small:
        yield "to", [x, dt], {}
        yield "to", [x.to(dt), F32], {}
        yield "to", [x.to(dt), F64], {}
        yield "clone", [x.to(dt)], {}
        yield "zeros", [[3]], {"dtype": dt}
        if not dt.is_floating_point:
            yield "to", [ints(-1, 5, 70000), dt], {}
            yield "to", [x.to(dt), I64], {}
        else:
            yield "to", [torch.tensor([-0.0, NAN, INF, 1e6, 1e-9, -3.3, 0.0019, 57344.0]), dt], {}


def slopes():
    """Where a gradient is a choice: ties, bounds, NaN, the origin; and the backward functions with names of their own."""
    x = torch.tensor([1.0, 1, 1, 2, 2, 2, 3, 3, 3, NAN, 1, 1], dtype=F64)
    low = torch.tensor([1.0, 1, 2, 1, 2, 3, 1, 3, 0, 1, NAN, 1], dtype=F64)
    high = torch.tensor([1.0, 3, 2, 1, 3, 2, 2, 1, 3, 2, 2, NAN], dtype=F64)
    yield "clamp", [x, low, high], {}
    yield "clamp", [x, None, high], {}
    yield "clamp", [x, 1, 3], {}
    yield "clamp", [x, 3, 1], {}
    for op in ("clamp_min", "clamp_max", "maximum", "minimum", "fmax", "fmin", "nextafter", "copysign", "xlogy"):
        yield op, [x, low], {}
    for op in ("clamp_min", "clamp_max"):
        yield op, [x, 2], {}
    zero, signs = torch.zeros(6, dtype=F64), torch.tensor([0.0, -0.0, 1, -1, 0.5, 2], dtype=F64)
    for op in ("atan2", "hypot", "xlogy", "copysign"):
        yield op, [zero, signs], {}
    yield "pow", [torch.zeros(3, dtype=F64), torch.tensor([0.0, -1, 0.5], dtype=F64)], {}
    for op in ("relu", "abs", "sgn", "nan_to_num", "sinc", "logit", "sqrt", "asin", "frac", "square"):
        yield op, [torch.cat([signs, torch.tensor([NAN, INF], dtype=F64)])], {}
    for e in (0, 1, 2, 3, -1, -2, 0.5, -0.5, 2.5):
        yield "pow", [torch.cat([signs, t(4)]), e], {}
    for op in ("resolve_conj", "resolve_neg"):
        yield op, [t(2, 3)], {}
    for op in ("sigmoid_backward", "tanh_backward"):
        for a in ([t(2, 3), t(2, 3, seed=1)], [t(3, dtype=F32), t(3, dtype=F32, seed=1)], [t(0), t(0)]):
            yield op, a, {}
    yield "threshold_backward", [t(2, 3), t(2, 3, seed=1), 0], {}
    yield "threshold_backward", [t(4, dtype=F32), torch.tensor([NAN, 0.5, 0.25, 1]), 0.5], {}


FAMILIES = [creation, slopes, writers, scalars, products, views, joins, reductions, sorting, gathers, storage_dtypes]


def families():
    """The families above, and those of the files `*_families.py` beside this one (each has a list FAMILIES)."""
    yield from FAMILIES
    for path in sorted(pathlib.Path(__file__).parent.glob("*_families.py")):
        yield from importlib.import_module(path.stem).FAMILIES


def record_all(write, only=None):
    """Every case, once each."""
    seen = set()
    for family in families():
        for name, args, kwargs in family():
            if only and not re.fullmatch(only, name) or not hasattr(torch.ops.aten, name):
                continue
            try:
                case = record(name, args, kwargs, grad=True)
            except NotRecordable:
                continue
            if family is slopes or getattr(family, "corner", False):
                case["corner"] = True
            key = repr((case["op"], case["args"], case.get("kwargs")))
            if key not in seen:
                seen.add(key)
                write(case)

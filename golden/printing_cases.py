"""What `print(tensor)` writes, for values, dtypes, sizes, print options, and the suffixes."""

import torch

from calls import resolve
from encode import value

NAN, INF = float("nan"), float("inf")
F64, F16, BF16, I64, U8 = torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8
DEFAULT = dict(precision=4, threshold=1000, edgeitems=3, linewidth=80, sci_mode=None)


def values():
    for v in (-7, [1, 2, 3], [10**12, 1], [[0, 100000], [-3, 7]], [[]], [[], []], [], True, [True, False], [[True], [False]],
              1.0, -0.0, [1.5, 2.25, -3.125], [[1.0, 0.5], [0.25, 0.125]], [100.0, 0.001], [99999.0, 1.0], [123456789.0],
              [1e9], [1e10, 1e-10], [0.001, 1.0], [0.0001, 0.2], [1e5, 1e-3], 1e-7, 1e20, [9.99995, 1.0], 1234567.875, [[-1.5, 22.75], [333.125, 4.0]],
              [NAN, NAN], [INF, -INF], [[1.0, INF], [NAN, 2.0]], [NAN, 123456.789], [INF, 3.0], [INF, 3.5, -INF], [1e-45, 1.0],
              [3.4e38, 1.0], [0.99999, 0.999999], [1.0, 2.0, 1e8], [1.0, 2.0, 99999999.0], [0.5, 1000.25], [-1.0, 1.0], [-0.0, 0.0], [1e-5], [1e-4], [1e-3],
              [0.1, 1000.0], [0.1, 1001.0], [12345.678], [[[1.0]]], [2.0**24, 2.0**25]):
        yield torch.tensor(v)
    for dt in (torch.int16, torch.int8, U8, torch.int32, I64, torch.uint16, torch.uint32, torch.uint64):
        yield torch.tensor([1, 2, 100], dtype=dt)
        yield torch.zeros(2, 2, dtype=dt)
        yield torch.zeros(0, dtype=dt)
    yield torch.tensor([-1, 2], dtype=torch.int64).to(torch.uint64)
    for dt in (F64, F16, BF16):
        yield torch.tensor([1.5, -2.25], dtype=dt)
        yield torch.tensor([1 / 3, 100.0], dtype=dt)
        yield torch.tensor([1e4, 1e-4], dtype=dt)
        yield torch.zeros(2, dtype=dt)
        yield torch.tensor(1 / 3, dtype=dt)
        yield torch.zeros(0, 3, dtype=dt)
    yield torch.tensor([1e300, 1e-300], dtype=F64)
    yield torch.tensor([65504.0], dtype=F16)
    for dt in (torch.float8_e4m3fn, torch.float8_e5m2):
        yield torch.tensor([0.5, 1.75, -3.0]).to(dt)
    yield torch.zeros(3, 0)
    yield torch.zeros(2, 0, 3)
    yield torch.zeros(1001, 0)
    yield torch.arange(24).reshape(2, 3, 4).transpose(0, 2)
    yield torch.arange(6.0).reshape(2, 3)[:, 1:]
    yield torch.tensor([1.0]).expand(3, 2)


def long_ones():
    """Tensors given by a formula: `arange` holds start and step."""
    for n, dt, shape, step in ((20, I64, [20], 1), (30, torch.float32, [30], 0.5), (1000, I64, [1000], 1), (1001, I64, [1001], 1), (10000, I64, [100, 100], 1),
                               (1200, I64, [2, 600], 1), (1500, I64, [3, 5, 100], 1), (2401, torch.float32, [7, 7, 7, 7], 0), (1001, F64, [1001], 0.25),
                               (1100, torch.float32, [11, 100], 0.125), (40, torch.float32, [4, 10], -1.375), (40, torch.bool, [40], 1), (120, I64, [2, 60], 12345),
                               (1100, BF16, [1100], 1), (2000, torch.float32, [1000, 2], 1e-6), (2000, torch.float32, [2, 1, 1000], 1e7), (8, I64, [2, 2, 2, 1], 1)):
        yield {"t": str(dt).removeprefix("torch."), "shape": shape, "arange": [-3, step]}, \
            (torch.arange(n, dtype=F64) * step - 3).to(dt).reshape(shape)


OPTIONS = [dict(precision=2), dict(precision=8), dict(precision=0), dict(threshold=5), dict(threshold=5, edgeitems=1), dict(linewidth=40), dict(sci_mode=True),
           dict(sci_mode=False), dict(profile="short"), dict(profile="full"), dict(profile="default"), dict(precision=1, sci_mode=True, linewidth=20)]
OPTION_TENSORS = [torch.linspace(0, 1, 12), torch.tensor([1e-5, 1.0]), torch.tensor([1e8, 3.0]), torch.arange(40), torch.tensor([[1.5, NAN], [INF, 2.0]]),
                  torch.tensor([1.0, 2.0]), torch.arange(12.0, dtype=F64).reshape(3, 4) / 7]

ONES = torch.ones(2, 2)
GRAD_OPS = [("add", [1]), ("sub", [1]), ("mul", [3]), ("div", [2]), ("neg", []), ("pow", [2]), ("sum", []), ("sum", [[0]]), ("mean", []), ("mean", [[1]]),
            ("sqrt", []), ("exp", []), ("log", []), ("sin", []), ("tanh", []), ("sigmoid", []), ("relu", []), ("t", []), ("view", [[4]]), ("reshape", [[4]]),
            ("select", [1, 0]), ("slice", [0, 0, 1, 1]), ("clone", []), ("max", []), ("amax", [[0]]), ("std", []), ("cumsum", [0]), ("transpose", [0, 1]),
            ("permute", [[1, 0]]), ("repeat", [[1, 2]]), ("clamp", [0, 1]), ("triu", []), ("flip", [[0]]), ("unsqueeze", [0]), ("expand", [[2, 2]]),
            ("matmul", [ONES]), ("mm", [ONES]), ("softmax", [0]), ("log_softmax", [1]), ("abs", []), ("norm", []), ("prod", []), ("logsumexp", [[0]]),
            ("gather", [0, torch.zeros(1, 2, dtype=I64)]), ("index_select", [0, torch.tensor([0])]), ("masked_fill", [ONES > 0, 2.0]), ("maximum", [ONES]),
            ("diagonal", []), ("squeeze", []), ("flatten", []), ("roll", [[1]]), ("addmm", [ONES, ONES]), ("to", [F64]), ("detach", []), ("gt", [0])]


def cases():
    for x in values():
        yield {"tensor": value(x), "text": str(x)}
    for spec, x in long_ones():
        yield {"tensor": spec, "text": str(x)}
    for options in OPTIONS:
        for x in OPTION_TENSORS:
            torch.set_printoptions(**DEFAULT)
            torch.set_printoptions(**options)
            yield {"tensor": value(x), "options": options, "text": str(x)}
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**DEFAULT)
    for x in (torch.tensor(1.5), torch.ones(2, 2, dtype=F64), torch.ones(30), torch.zeros(0), torch.arange(1100.0)):
        case = {"tensor": value(x), "requires_grad": True} if x.numel() < 100 else {
            "tensor": {"t": "float32", "shape": [1100], "arange": [0, 1]}, "requires_grad": True}
        yield case | {"text": str(x.requires_grad_())}
    for name, args in GRAD_OPS:
        x = torch.ones(2, 2, requires_grad=True)
        overload, a, k = resolve(name, [x, *args], {})
        op = overload._schema
        full = op.name.removeprefix("aten::") + (f".{op.overload_name}" if op.overload_name else "")
        yield {"tensor": value(x), "requires_grad": True, "then": [full, *[value(v) for v in a[1:]]], "text": str(overload(*a, **k))}

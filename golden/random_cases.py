"""Random streams: after `manual_seed`, a sequence of calls and the very bits they give.

A long result is kept as its first sixteen values and the FNV-1a hash of all its bytes.
"""

import torch

from encode import elements, tensor_out, value

F64, F32, F16, BF16, I64, I32, I16, U8, I8, B = (torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64,
                                                 torch.int32, torch.int16, torch.uint8, torch.int8, torch.bool)


def fnv(t):
    h = 0xCBF29CE484222325
    for b in t.contiguous().reshape(-1).view(torch.uint8).tolist() if t.numel() else []:
        h = (h ^ b) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def outcome(t):
    if t.numel() <= 48:
        return tensor_out(t)
    flat = t.contiguous().reshape(-1)
    return {"t": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "head": elements(flat[:16]), "fnv": fnv(flat)}


def like(shape, dtype):
    """An argument of zeros, by formula."""
    return {"t": str(dtype).removeprefix("torch."), "shape": list(shape), "arange": [0, 0]}


class Sequence:
    """Calls after one seed."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.case = {"seed": seed, "calls": []}

    def __call__(self, op, *args, **kwargs):
        packet, _, overload = op.partition(".")
        out = getattr(getattr(torch.ops.aten, packet), overload or "default")(*args, **kwargs)
        if isinstance(out, tuple):
            out = out[0]
        out = out.contiguous()
        self.case["calls"].append({"op": op, "args": value(list(args)), "kwargs": {k: value(v) for k, v in kwargs.items()}, "out": outcome(out)})
        return self

    def fill(self, op, shape, dtype, *args, strided=False, order=None):
        """An in-place draw into zeros of a shape; `strided` takes every second column of a buffer twice as wide, `order`
        is the order of the dimensions in memory."""
        x = torch.zeros(shape, dtype=dtype)
        spec = like(shape, dtype)
        if strided:
            x = torch.zeros([*shape[:-1], shape[-1] * 2], dtype=dtype)[..., ::2]
            spec["stride"] = list(x.stride())
        if order:
            x = torch.zeros([shape[d] for d in order], dtype=dtype).permute([order.index(d) for d in range(len(order))])
            spec["stride"] = list(x.stride())
        packet, _, overload = op.partition(".")
        getattr(getattr(torch.ops.aten, packet), overload or "default")(x, *args)
        self.case["calls"].append({"op": op, "args": [spec, *value(list(args))], "kwargs": {}, "out": outcome(x.contiguous())})
        return self


def cases():
    for seed in (0, 1, 42, 2**31 + 5, -1, 2**63 - 1):
        yield Sequence(seed)("rand", [5])("randn", [3])("randn", [17])("randint", 10, [6])("randperm", 9)("rand", [2, 3]).case
    for dt in (F32, F64, F16, BF16):
        for n in (1, 3, 15, 16, 17, 33, 100, 1000):
            yield Sequence(7)("rand", [n], dtype=dt)("randn", [n], dtype=dt)("rand", [1], dtype=dt)("randn", [n], dtype=dt).case
    yield Sequence(3)("rand", [])("randn", [])("rand", [0])("rand", [2]).case
    yield Sequence(3)("rand", [70000])("randn", [70001])("rand", [2]).case
    yield Sequence(3)("rand", [3, 4, 5])("randn", [9, 11]).case
    for dt in (I64, I32, I16, U8, I8, F32, F16, BF16, F64, B):
        high = 2 if dt == B else 100
        yield Sequence(5)("randint", high, [20], dtype=dt)("randint.low", 0, high, [200], dtype=dt)("rand", [2]).case
    yield Sequence(5)("randint.low", -5, 5, [12])("randint", 2**40, [12])("randint.low", -(2**62), 2**62, [9])("randint", 2**32, [9])("randint", 2**33, [3]).case
    for n in (0, 1, 2, 10, 100, 1797, 30000, 70000):
        yield Sequence(11)("randperm", n)("rand", [2]).case
    yield Sequence(11)("randperm", 20, dtype=I32)("randperm", 20, dtype=F32)("randperm", 20, dtype=I16)("randperm", 20, dtype=U8).case
    for dt in (F32, F64, F16, BF16):
        p = torch.linspace(0, 1, 40, dtype=F64).to(dt)
        yield Sequence(13)("bernoulli", p)("rand", [2]).case
        for n in (1, 7, 40, 1000, 5000):
            yield Sequence(13).fill("bernoulli_.float", [n], dt, 0.3).fill("bernoulli_.float", [n], dt, 0.5)("rand", [2]).case
        yield Sequence(13).fill("bernoulli_.Tensor", [40], dt, p).case
    for dt in (I64, U8, B, I32):
        yield Sequence(13).fill("bernoulli_.float", [40], dt, 0.3)("rand", [2]).case
    yield Sequence(13).fill("bernoulli_.float", [40], F32, 0.0).fill("bernoulli_.float", [40], F32, 1.0)("rand", [2]).case
    yield Sequence(13)("bernoulli.p", torch.zeros(40), 0.25)("bernoulli", torch.full((3, 4), 0.5, dtype=F64)).case
    for dt in (F32, F64, F16, BF16):
        for n in (1, 15, 16, 17, 60, 100, 1000):
            yield Sequence(17).fill("uniform_", [n], dt, -1.0, 2.5).fill("normal_", [n], dt, 1.0, 0.5)("rand", [2]).case
        yield Sequence(17).fill("uniform_", [5, 8], dt, 0.0, 1.0, strided=True).fill("normal_", [10, 10], dt, 0.0, 1.0, strided=True).case
        yield Sequence(17).fill("normal_", [3, 4], dt, 0.0, 1.0, strided=True).fill("bernoulli_.float", [10, 10], dt, 0.4, strided=True).case
    yield Sequence(19)("normal.float_float", 1.0, 2.0, [5])("normal.float_float", -1.0, 0.5, [20]).case
    mean, std = torch.arange(1.0, 21.0), torch.arange(20.0, 0.0, -1.0) / 10
    yield Sequence(19)("normal.Tensor_Tensor", mean, std)("normal.Tensor_float", mean, 0.5)("normal.float_Tensor", 2.0, std)("normal.Tensor_Tensor", mean[:3], std[:3]).case
    for dt in (F32, F64, I64, I32, I16, U8, I8, F16, BF16, B):
        yield Sequence(23).fill("random_", [20], dt).fill("random_.to", [20], dt, 2 if dt == B else 50)("rand", [2]).case
        if dt != B:
            yield Sequence(23).fill("random_.from", [20], dt, 0 if dt == U8 else -20, 30).case
    yield Sequence(23).fill("random_.from", [20], I64, -(2**63), None).fill("random_.from", [9], I64, 0, 2**35).case
    for dt in (F32, F64):
        for n in (5, 20, 1000):
            yield Sequence(29).fill("exponential_", [n], dt, 1.0).fill("exponential_", [n], dt, 2.5)("rand", [2]).case
            yield Sequence(29).fill("geometric_", [n], dt, 0.3).fill("cauchy_", [n], dt, 0.0, 1.0).fill("log_normal_", [n], dt, 0.0, 1.0)("rand", [2]).case
    w = torch.tensor([[0.1, 0.9, 0.5], [0.5, 0.5, 0.1]])
    yield Sequence(31)("multinomial", w, 1)("multinomial", w, 2)("multinomial", w, 6, True)("multinomial", w[0].double(), 4, True).case
    yield Sequence(31)("poisson", torch.tensor([0.5, 1.0, 5.0, 20.0, 100.0])).case
    yield Sequence(31)("binomial", torch.tensor([5.0, 10.0, 40.0, 200.0]), torch.tensor([0.5, 0.1, 0.6, 0.3])).case
    x = torch.zeros(3, 4, dtype=F64)
    yield Sequence(37)("rand_like", x)("randn_like", x)("randint_like", x, 9)("randint_like.low_dtype", x, -3, 9).case
    for dt in (F32, F64, F16, BF16):
        for order in ([1, 0, 2], [2, 1, 0], [1, 2, 0]):
            yield Sequence(41).fill("uniform_", [3, 4, 5], dt, 0.0, 1.0, order=order).fill("normal_", [3, 4, 5], dt, 0.0, 1.0, order=order).fill(
                "random_", [3, 4, 5], dt, order=order).fill("bernoulli_.float", [3, 4, 5], dt, 0.5, order=order)("rand", [2]).case
        p = torch.linspace(0, 1, 12, dtype=F64).to(dt)
        yield Sequence(41).fill("bernoulli_.Tensor", [3, 4], dt, p.view(4, 3).t()).fill("bernoulli_.Tensor", [5, 12], dt, p).fill(
            "bernoulli_.Tensor", [12, 5], dt, p.view(12, 1), order=[1, 0])("rand", [2]).case
        yield Sequence(41)("poisson", p.view(3, 4).t() * 30)("bernoulli", p.view(3, 4).t())("rand_like", p.view(3, 4).t())("randn_like", p.view(3, 4).t()).case
        yield Sequence(41)("multinomial", p.view(3, 4).t() + 0.1, 1)("multinomial", p.view(3, 4).t() + 0.1, 2)("multinomial", p.view(3, 4).t() + 0.1, 9, True).case
        x = torch.linspace(-2, 3, 60, dtype=F64).to(dt).view(3, 4, 5)
        for q in (0.0, 0.1, 0.3, 0.5, 0.75, 1.0):
            yield Sequence(43)("dropout", x, q, True)("alpha_dropout", x, q, True)("feature_dropout", x, q, True)(
                "feature_alpha_dropout", x, q, True)("native_dropout", x, q, True)("dropout", x.permute(2, 0, 1), q, True)("dropout", x, q, False)("rand", [2]).case
    for dt in (F32, F64):
        count, p = torch.tensor([[1.0], [20.0], [300.0]], dtype=dt), torch.linspace(0, 1, 9, dtype=F64).to(dt)
        yield Sequence(47)("binomial", count.expand(3, 9), p.expand(3, 9).contiguous())("rand", [2]).case
        yield Sequence(47)("_standard_gamma", torch.tensor([0.0, 0.1, 0.5, 1.0, 2.5, 30.0, 1000.0], dtype=dt))("rand", [2]).case
        a = torch.tensor([0.1, 0.5, 1.0, 2.5, 7.0, 9.0, 9.0, 30.0], dtype=dt)
        yield Sequence(47)("_standard_gamma_grad", a, torch.tensor([0.01, 0.7, 0.9, 2.0, 12.0, 9.3, 4.0, 50.0], dtype=dt)).case
        yield Sequence(47)("_sample_dirichlet", torch.tensor([[0.1, 0.5, 1.0], [2.0, 3.0, 40.0]], dtype=dt))("rand", [2]).case
    yield Sequence(53)("randint", 2**28, [5])("randint", 2**28 - 1, [5])("randint.low", -(2**63), 2**63 - 1, [5]).case
    yield Sequence(53).fill("random_.from", [5], F16, -3, None).fill("random_.from", [5], F16, 0, 65504).fill("random_.from", [5], BF16, -7, None).fill(
        "random_.from", [5], F32, -(2**63), None).fill("random_.from", [5], U8, 7, None).fill("random_.from", [5], I64, -7, None).fill("random_.to", [5], F32, 2**30).case
    for dt in (I64, I32, I16, U8, I8):
        yield Sequence(53).fill("geometric_", [20], dt, 0.2)("randperm", 100, dtype=dt)("rand", [2]).case
    yield Sequence(53)("randperm", 100, dtype=F16)("randperm", 300, dtype=BF16)("randperm", 100, dtype=F64).case

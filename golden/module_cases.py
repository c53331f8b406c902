"""Module cases: how a `NAME_modules.py` beside this file says what to record, and how it is recorded.

A family file holds a list `CASES`:

    from module_cases import case, module, rand, randint, randn, given

    CASES = [
        case("Linear", 3, 4, bias=False)(randn(2, 3)),
        case("BatchNorm1d", 3).calls(2)(randn(5, 3)),
        case("Dropout", 0.5).eval()(randn(4)),
        case("Sequential", module("Linear", 3, 4), module("ReLU"))(randn(2, 3)),
        case("Linear", -1, 4)(),          # an error when it is made
    ]

The second pair of brackets holds the arguments of forward: drawn tensors, `given(values, dtype)`, plain values, tuples of
these. After `manual_seed(seed)` the module is made and its names and bits are recorded; after `manual_seed(seed + 1)` the
inputs are drawn in order; then module and inputs are float64, and after `manual_seed(seed + 2)` forward runs.
"""

import torch

from encode import elements, line, number
from random_cases import fnv

F64 = torch.float64


class Draw:
    def __init__(self, kind, **spec):
        self.spec = {"draw": kind, **spec}

    def make(self):
        s = self.spec
        if s["draw"] == "randn":
            return torch.randn(s["shape"], dtype=F64)
        if s["draw"] == "rand":
            return torch.rand(s["shape"], dtype=F64)
        if s["draw"] == "randint":
            return torch.randint(s["low"], s["high"], s["shape"])
        data = [float(x) if isinstance(x, str) else x for x in s["data"]]
        return torch.tensor(data, dtype=getattr(torch, s["t"])).reshape(s["shape"])


def randn(*shape):
    """Normal numbers."""
    return Draw("randn", shape=list(shape))


def rand(*shape):
    """Uniform numbers in [0, 1)."""
    return Draw("rand", shape=list(shape))


def randint(low, high, *shape):
    """Integers from `low` to below `high`."""
    return Draw("randint", low=low, high=high, shape=list(shape))


def given(values, dtype):
    """A tensor with these values."""
    t = torch.tensor(values, dtype=getattr(torch, dtype))
    return Draw("given", t=dtype, shape=list(t.shape), data=[number(x) for x in t.reshape(-1).tolist()])


class Recipe:
    """A module as an argument of a module."""

    def __init__(self, name, args, kwargs):
        self.name, self.args, self.kwargs = name, args, kwargs

    def make(self):
        make = getattr(torch.nn, self.name, None) or getattr(torch.nn.utils.parametrizations, self.name)
        return make(*map(made, self.args), **{k: made(v) for k, v in self.kwargs.items()})

    def spec(self):
        return {"module": self.name, "args": spec(self.args), "kwargs": spec(self.kwargs)}


def module(name, *args, **kwargs):
    return Recipe(name, list(args), kwargs)


def made(v):
    if isinstance(v, (Draw, Recipe)):
        return v.make()
    if isinstance(v, (list, tuple)):
        return type(v)(made(x) for x in v)
    if isinstance(v, dict):
        return {k: made(x) for k, x in v.items()}
    return v


def spec(v):
    if isinstance(v, Draw):
        return v.spec
    if isinstance(v, Recipe):
        return v.spec()
    if isinstance(v, (list, tuple)):
        return [spec(x) for x in v]
    if isinstance(v, dict):
        return {k: spec(x) for k, x in v.items()}
    if isinstance(v, float) and v in (float("inf"), float("-inf")):
        return {"float": number(v)}
    return v


def tensors(v):
    if isinstance(v, torch.Tensor):
        yield v
    elif isinstance(v, dict):
        for x in v.values():
            yield from tensors(x)
    elif isinstance(v, (list, tuple)):
        for x in v:
            yield from tensors(x)


def values(t):
    return None if t is None else {"t": str(t.dtype).removeprefix("torch."), "shape": list(t.shape), "data": elements(t.detach().reshape(-1))}


class Case:
    def __init__(self, recipe):
        self.recipe, self.options, self.inputs, self.keywords = recipe, {"seed": 7, "calls": 1, "eval": False}, [], {}

    def seed(self, n):
        self.options["seed"] = n
        return self

    def calls(self, n):
        """How often forward runs before the answer counts."""
        self.options["calls"] = n
        return self

    def near(self):
        """The first values are computed, so they agree within 1e-5 rather than bit for bit."""
        self.options["near"] = True
        return self

    def eval(self):
        """Evaluation instead of training."""
        self.options["eval"] = True
        return self

    def __call__(self, *inputs, **keywords):
        self.inputs, self.keywords = list(inputs), keywords
        return self

    def record(self):
        out = {**self.recipe.spec(), **self.options, "inputs": spec(self.inputs), "keywords": spec(self.keywords)}
        try:
            self.answer(out)
        except Exception as e:  # noqa: BLE001
            out["error"] = [type(e).__name__, str(e)]
        return out

    def answer(self, out):
        seed = self.options["seed"]
        torch.manual_seed(seed)
        m = self.recipe.make()
        out["repr"] = repr(m)
        out["state"] = [[k, str(t.dtype).removeprefix("torch."), list(t.shape), elements(t.reshape(-1)[:4]), fnv(t)] for k, t in m.state_dict().items()]
        out["parameters"] = [k for k, _ in m.named_parameters()]
        torch.manual_seed(seed + 1)
        args, kwargs = made(self.inputs), {k: made(v) for k, v in self.keywords.items()}
        m = m.double().train(not self.options["eval"])
        leaves = [t.requires_grad_() for t in tensors([args, kwargs]) if t.is_floating_point()]
        torch.manual_seed(seed + 2)
        for _ in range(self.options["calls"]):
            result = m(*args, **kwargs)
        outs = list(tensors(result))
        out["out"] = [values(t) for t in outs]
        total = [t for t in outs if t.requires_grad]
        if total:
            weights = [(0.5 + (torch.arange(t.numel()) % 7) / 8).double().reshape(t.shape) for t in total]
            params = [p for _, p in m.named_parameters()]
            grads = torch.autograd.grad(total, leaves + params, weights, allow_unused=True)
            out["grad"] = [values(g) for g in grads[: len(leaves)]]
            out["parameter_grad"] = [values(g) for g in grads[len(leaves) :]]
        out["after"] = {k: values(t) for k, t in m.named_buffers()}


def case(name, *args, **kwargs):
    return Case(Recipe(name, list(args), kwargs))


def record_all(folder, only):
    """One file a family: modules/linear.jsonl from linear_modules.py."""
    import importlib
    import re

    count = 0
    (folder / "modules").mkdir(exist_ok=True)
    for path in sorted(folder.glob("*_modules.py")):
        family = path.stem.removesuffix("_modules")
        if only and not re.fullmatch(only, family):
            continue
        lines = [line(c.record()) + "\n" for c in importlib.import_module(path.stem).CASES]
        (folder / "modules" / f"{family}.jsonl").write_text("".join(lines))
        count += len(lines)
    return count

"""Suite `indexing`: generated index expressions, reading, writing, in place, and gradients."""

import os
import random

import torch

import judging as common
import errors
from judging import check_same


def list_cases(opts):
    """Names; each is the seed of its expression."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases", "list.tsv")) as f:
        rows = [line.rstrip("\n").split("\t") for line in f]
    return [case for suite, case in rows if suite == "indexing"]


def category_of(case):
    return "indexing: " + case.split("-")[0]


def int_list(rnd, size, n):
    return [rnd.randrange(-size, size) for _ in range(n)]


def expression(rnd, shape):
    """The text of an index for a tensor of that shape."""
    items, dim, joint = [], 0, rnd.choice([1, 2, 3])
    n_items = rnd.randint(1, len(shape)) if shape else 0
    ellipsis = rnd.random() < 0.25
    if rnd.random() < 0.08:
        return "x > x.float().mean()"
    if rnd.random() < 0.05:
        return rnd.choice(["...", "None", "True", "False", "()", ":"])
    while dim < n_items:
        size, roll = shape[dim], rnd.random()
        if rnd.random() < 0.15:
            items.append("None")
        if roll < 0.22:
            items.append(str(rnd.randrange(-size, size)))
        elif roll < 0.5:
            a = rnd.choice(["", str(rnd.randint(-size - 1, size + 1))])
            b = rnd.choice(["", str(rnd.randint(-size - 1, size + 1))])
            s = rnd.choice(["", "", ":2", ":3", ":1"])
            items.append(f"{a}:{b}{s}")
        elif roll < 0.58:
            items.append(str(int_list(rnd, size, joint)))
        elif roll < 0.74:
            items.append(f"torch.tensor({int_list(rnd, size, joint)})")
        elif roll < 0.79:
            items.append(f"torch.tensor({[int_list(rnd, size, joint) for _ in range(2)]})")
        elif roll < 0.83:
            items.append(f"torch.tensor({rnd.randrange(-size, size)})")
        elif roll < 0.86:
            items.append(f"np.array({int_list(rnd, size, joint)})")
        elif roll < 0.93:
            mask = [rnd.random() < 0.5 for _ in range(size)]
            items.append(rnd.choice([f"torch.tensor({mask})", f"{mask}"]))
        elif roll < 0.96 and dim + 1 < n_items:
            mask = [[rnd.random() < 0.5 for _ in range(shape[dim + 1])] for _ in range(size)]
            items.append(f"torch.tensor({mask})")
            dim += 1
        elif roll < 0.98:
            items.append(f"range({size})")
        else:
            items.append(str(size + rnd.randint(0, 2)))  # out of range
        dim += 1
    if ellipsis:
        items.insert(rnd.randint(0, len(items)), "...")
    return ", ".join(items)


def snippet(case):
    """(shape, dtype, code) of a case, the same each time."""
    rnd = random.Random(common.seed_of("indexing", case))
    kind = case.split("-")[0]
    shape = tuple(rnd.randint(1, 5) for _ in range(rnd.choice([1, 2, 2, 3, 3, 4])))
    dtype = torch.float64 if kind == "grad" else rnd.choice([torch.float32, torch.int64, torch.bool])
    index = expression(rnd, shape)
    if kind == "get":
        code = f"out = x[{index}]"
    elif kind == "set":
        value = rnd.choice(["1", "-3", "True", "y", "y", "torch.tensor(7)"])
        made = f"y = (torch.arange(x[{index}].numel()) + 50).reshape(x[{index}].shape).to(x.dtype)\n"
        code = (made if value == "y" else "") + f"x[{index}] = {value}\nout = x"
    elif kind == "inplace":
        op = rnd.choice(["x[{0}] += 2", "x[{0}] *= 3", "v = x[{0}]\nv.fill_(9)", "x[{0}].zero_()"])
        code = op.format(index) + "\nout = x"
    else:
        code = (f"x.requires_grad_(True)\nv = x[{index}]\n"
                "(v * torch.arange(1, v.numel() + 1).to(v.dtype).reshape(v.shape)).sum().backward()\nout = x.grad")
    return shape, dtype, code


def checks(case, ctx):
    """Yield (key, thunk) for one expression."""
    shape, dtype, code = snippet(case)
    import numpy as np
    n = 1
    for s in shape:
        n *= s
    base = (torch.arange(n) % 3 == 0 if dtype == torch.bool else torch.arange(n).to(dtype)).reshape(shape)

    def one():
        def run(module, x):
            env = {"torch": module, "np": np, "x": x}
            exec(compile(code, "<index>", "exec"), env)
            return env["out"]
        try:
            want = run(torch, base.clone())
        except Exception:
            return errors.judge(lambda: run(torch, base.clone()), lambda: run(ctx.target, ctx.rt.value(base)))
        what = f"shape {list(shape)}, {code!r}: "
        try:
            got = run(ctx.target, ctx.rt.value(base))
        except AttributeError:
            raise
        except BaseException as e:
            return "error", (what + common.first_line(e))[:300]
        check_same(ctx.rt, got, want, None, what)
    yield "run", one

"""Python's index expressions on tensors: reading (with the gradient), writing, and the errors."""

import random

import torch

from calls import cotangent
from encode import result, value

SHAPES = [(5,), (3, 4), (2, 3, 4), (1, 3), (4, 1, 2), (2, 3, 2, 2), (), (0, 3)]


def item(v):
    """An index element in JSON."""
    if isinstance(v, slice):
        return {"slice": [v.start, v.stop, v.step]}
    if v is Ellipsis:
        return "..."
    if isinstance(v, list):
        return {"list": v}
    return value(v)


def joint(rnd, size, n, shape):
    values = torch.tensor([rnd.randrange(-size, size) for _ in range(n)])
    return values.reshape(shape)


def expression(rnd, shape):
    """A random index for a tensor of that shape."""
    n, wide = rnd.choice([1, 2, 3]), rnd.random() < 0.2
    items, dim = [], 0
    stop = rnd.randint(1, len(shape)) if shape else 0
    while dim < stop:
        size, roll = shape[dim], rnd.random()
        if rnd.random() < 0.12:
            items.append(None)
        if size == 0:
            items.append(slice(None))
        elif roll < 0.25:
            items.append(rnd.randrange(-size, size))
        elif roll < 0.55:
            ends = [rnd.choice([None, rnd.randint(-size - 1, size + 1)]) for _ in range(2)]
            items.append(slice(*ends, rnd.choice([None, None, 1, 2, 3])))
        elif roll < 0.68:
            items.append([rnd.randrange(-size, size) for _ in range(n)])
        elif roll < 0.8:
            items.append(joint(rnd, size, 2 * n if wide else n, (2, n) if wide else (n,)))
        elif roll < 0.84:
            items.append(torch.tensor(rnd.randrange(-size, size)))
        elif roll < 0.87:
            items.append(joint(rnd, size, n, (n,)).to(torch.int32))
        elif roll < 0.94 or dim + 1 >= stop:
            mask = [rnd.random() < 0.5 for _ in range(size)]
            items.append(torch.tensor(mask) if rnd.random() < 0.7 else mask)
        else:
            items.append(torch.tensor([[rnd.random() < 0.5 for _ in range(shape[dim + 1])] for _ in range(size)]).reshape(size, -1))
            dim += 1
        dim += 1
    if rnd.random() < 0.25:
        items.insert(rnd.randint(0, len(items)), ...)
    return items


FIXED = [
    ((3, 4), [0]), ((3, 4), [-1]), ((3, 4), [slice(1, 3)]), ((3, 4), [slice(None), 1]), ((3, 4), [...]), ((3, 4), [None]),
    ((3, 4), [..., None]), ((3, 4), [None, ..., 1]), ((3, 4), [True]), ((3, 4), [False]), ((3, 4), []), ((), [...]), ((), [None]),
    ((), [True]), ((), []), ((3, 4), [slice(None, None, 2), slice(1, None, 3)]), ((3, 4), [slice(5, 9)]), ((3, 4), [slice(-100, 100)]),
    ((3, 4), [slice(2, 1)]), ((2, 3, 4), [0, ..., 1]), ((2, 3, 4), [[0, 1], slice(None), [1, 2]]), ((2, 3, 4), [slice(None), [0, 2], 1]),
    ((2, 3, 4), [[0], [1], [2]]), ((2, 3, 4), [slice(None), [0, 1], [1, 2]]), ((2, 3, 4), [True, 0]), ((3, 4), [torch.tensor(1)]),
    ((3, 4), [torch.zeros(0, dtype=torch.int64)]), ((3, 4), [torch.ones(3, 4, dtype=torch.bool)]), ((3, 4), [torch.zeros(3, 4, dtype=torch.bool)]),
    ((3, 4), [torch.tensor([True, False, True])]), ((3, 4), [slice(None), torch.tensor([True, False, True, True])]),
    ((3, 4), [torch.tensor([1, 0, 1], dtype=torch.uint8)]), ((3, 4), [torch.tensor(True)]), ((3, 4), [torch.tensor(False)]),
]
ERRORS = [
    ((3, 4), [3]), ((3, 4), [-4]), ((3, 4), [0, 4]), ((3, 4), [0, 0, 0]), ((), [0]), ((), [slice(None)]), ((3, 4), [slice(None, None, 0)]),
    ((3, 4), [slice(None, None, -1)]), ((3, 4), [[3]]), ((3, 4), [torch.tensor([-4])]), ((3, 4), [torch.tensor([True, False])]),
    ((3, 4), [torch.ones(3, 3, dtype=torch.bool)]), ((3, 4), [[0, 1], [0, 1, 2]]), ((3, 4), [torch.tensor([0.5])]),
    ((3, 4), [..., 0, 0, 0]), ((3, 4), [torch.tensor([5, 0]), 0]), ((0, 3), [0]), ((3, 4), [1.5]), ((3, 4), ["a"]),
]


def base(shape, dtype):
    n = 1
    for s in shape:
        n *= s
    return (torch.arange(n) % 3 == 0 if dtype == torch.bool else torch.arange(n).to(dtype)).reshape(shape)


def failed(e):
    return {"error": [type(e).__name__, str(e).split("\nException raised from")[0]]}


def reading(shape, index):
    case = {"get": [item(i) for i in index], "shape": list(shape)}
    x = base(shape, torch.float64)
    try:
        out = x[tuple(index)]
    except Exception as e:
        return case | failed(e)
    case["out"] = result(out, [x])
    if out.numel():
        x.requires_grad_()
        out = x[tuple(index)]
        (g,) = torch.autograd.grad(out, x, cotangent(out.shape, out.dtype, 7))
        case["grad"] = g.reshape(-1).tolist()
    return case


def writing(shape, index, dtype, new):
    x = base(shape, dtype)
    case = {"set": [item(i) for i in index], "shape": list(shape), "t": str(dtype).removeprefix("torch."), "value": value(new)}
    try:
        x[tuple(index)] = new
    except Exception as e:
        return case | failed(e)
    return case | {"after": result(x)}


def cases():
    rnd = random.Random(17)
    found = FIXED + [(s, expression(rnd, s)) for _ in range(28) for s in SHAPES]
    for shape, index in found + ERRORS:
        yield reading(shape, index)
    for k, (shape, index) in enumerate(found):
        if k % 2 and len(found) > len(FIXED):
            continue
        dtype = [torch.float32, torch.int64, torch.bool][k // 2 % 3]
        x = base(shape, dtype)
        try:
            like = x[tuple(index)]
        except Exception:
            like = torch.zeros(1)
        full = ((torch.arange(like.numel()) + 50) % 120).reshape(like.shape).to(dtype)
        options = [1, 2.5, full, torch.tensor(7), full[:1] if like.dim() else full, torch.zeros(9, 9, 9), True]
        yield writing(shape, index, dtype, options[k // 2 % len(options)])
    for shape, index in ERRORS:
        yield writing(shape, index, torch.float32, 1)
    yield writing((3, 4), [0], torch.float32, torch.ones(5))
    yield writing((3, 4), [[0, 1]], torch.float32, torch.ones(3))
    yield writing((3, 4), [torch.ones(3, 4, dtype=torch.bool)], torch.float32, torch.ones(5))
    yield writing((3, 4), [slice(None)], torch.int64, 2.7)

"""Turn PyTorch values into the JSON of a golden case; README.md describes the format."""

import json
import math

import torch

DIGITS = {torch.float32: 9, torch.float16: 5, torch.bfloat16: 4}


class NotRecordable(Exception):
    """The value has no place in a golden file (sparse tensors, generators, ...)."""


def name_of(dtype):
    return str(dtype).removeprefix("torch.")


def number(x, dtype=None):
    """One element: an int, a bool, or the shortest decimal that gives the float back."""
    if isinstance(x, bool):
        return x
    if isinstance(x, int):
        return x
    if math.isnan(x):
        return "nan"
    if math.isinf(x):
        return "inf" if x > 0 else "-inf"
    if dtype in DIGITS:
        for digits in range(1, DIGITS[dtype] + 1):
            y = float(f"{x:.{digits}g}")
            if torch.tensor(y, dtype=torch.float64).to(torch.float32).to(dtype).item() == x or y == x:
                return Short(f"{x:.{digits}g}")
    return x


class Short(float):
    """A float that prints with the digits it was made from."""

    def __new__(cls, text):
        self = super().__new__(cls, text)
        self.text = text if any(c in text for c in ".en") else text + ".0"
        return self

    def __repr__(self):
        return self.text


def elements(flat):
    """The elements of a one-dimensional tensor; a complex one gives its real and imaginary part."""
    if flat.dtype.is_complex:
        return elements(torch.view_as_real(flat.resolve_conj()).reshape(-1))
    flat = flat.resolve_neg()
    wide = flat.double() if flat.dtype.is_floating_point else flat
    return [number(x, flat.dtype) for x in wide.tolist()]


def contiguous_strides(shape):
    strides, step = [], 1
    for n in reversed(shape):
        strides.insert(0, step)
        step *= max(n, 1)
    return strides


def check_plain(t):
    if t.layout != torch.strided or t.dtype == torch.complex32 or t.is_conj() and t.requires_grad or t.is_quantized or t.device.type != "cpu":
        raise NotRecordable(f"{t.layout} {t.dtype}")


def tensor_in(t):
    """An argument: its storage from the first element it reaches (two earlier ones are kept, so that offsets are met)."""
    check_plain(t)
    t = t.detach()
    out = {"t": name_of(t.dtype), "shape": list(t.shape)}
    if list(t.stride()) == contiguous_strides(t.shape) and t.storage_offset() == 0 or t.numel() == 0:
        out["data"] = elements(t.reshape(-1))
        return out
    reach = sum((n - 1) * s for n, s in zip(t.shape, t.stride()))
    skip = max(t.storage_offset() - 2, 0)
    whole = torch.empty(0, dtype=t.dtype).set_(t.untyped_storage(), 0, (t.storage_offset() + reach + 1,), (1,))
    out.update(stride=list(t.stride()), offset=t.storage_offset() - skip, data=elements(whole[skip:]))
    return out


def tensor_out(t, inputs=()):
    """A result: elements in logical order, strides where they are not the contiguous ones, the offset of a view."""
    check_plain(t)
    t = t.detach()
    out = {"t": name_of(t.dtype), "shape": list(t.shape), "data": elements(t.reshape(-1))}
    if list(t.stride()) != contiguous_strides(t.shape) and t.numel() > 0:
        out["stride"] = list(t.stride())
    for x in inputs:
        if t.numel() and x.untyped_storage().data_ptr() == t.untyped_storage().data_ptr():
            out["view"] = t.storage_offset() - x.storage_offset()
            break
    return out


def value(v):
    """An argument of any kind."""
    if isinstance(v, torch.Tensor):
        return tensor_in(v)
    if isinstance(v, (list, tuple)):
        return [value(x) for x in v]
    if isinstance(v, torch.dtype):
        return {"dtype": name_of(v)}
    if isinstance(v, torch.memory_format):
        return {"memory_format": str(v).removeprefix("torch.")}
    if isinstance(v, torch.layout):
        return {"layout": str(v).removeprefix("torch.")}
    if isinstance(v, torch.device):
        return {"device": str(v)}
    if isinstance(v, complex):
        return {"complex": [number(v.real), number(v.imag)]}
    if isinstance(v, float) and not math.isfinite(v):
        return {"float": number(v)}
    if v is None or isinstance(v, (bool, int, float, str)):
        return v
    raise NotRecordable(type(v).__name__)


def result(v, inputs=()):
    """What an op returns: tensors, numbers, or lists of them."""
    if isinstance(v, torch.Tensor):
        return tensor_out(v, inputs)
    if isinstance(v, (list, tuple)):
        return [result(x, inputs) for x in v]
    return value(v)


def line(case):
    return json.dumps(case, ensure_ascii=True, separators=(",", ":"), default=str)


def tensors_of(v):
    """Every tensor in a nest of arguments."""
    if isinstance(v, torch.Tensor):
        yield v
    elif isinstance(v, (list, tuple)):
        for x in v:
            yield from tensors_of(x)
    elif isinstance(v, dict):
        for x in v.values():
            yield from tensors_of(x)


def copy_layout(v, rounded=False):
    """A deep copy of arguments that keeps strides and offsets."""
    if isinstance(v, torch.Tensor):
        check_plain(v)
        v = v.detach()
        store = v.untyped_storage().clone()
        t = torch.empty(0, dtype=v.dtype).set_(store, v.storage_offset(), v.shape, v.stride())
        if rounded and t.dtype.is_complex:
            whole = torch.view_as_real(torch.empty(0, dtype=v.dtype).set_(store, 0, (store.nbytes() // v.dtype.itemsize,), (1,)))
            whole.copy_(torch.where((whole.abs() >= 0.01) & (whole.abs() < 1e6), (whole * 1000).round() / 1000, whole))
        elif rounded and t.dtype.is_floating_point and t.dtype.itemsize >= 2:
            whole = torch.empty(0, dtype=v.dtype).set_(store, 0, (store.nbytes() // v.dtype.itemsize,), (1,))
            wide = whole.double()
            whole.copy_(torch.where((wide.abs() >= 0.01) & (wide.abs() < 1e6), (wide * 1000).round() / 1000, wide))
        return t
    if isinstance(v, (list, tuple)):
        return [copy_layout(x, rounded) for x in v]
    if isinstance(v, dict):
        return {k: copy_layout(x, rounded) for k, x in v.items()}
    return v

"""Run one op of PyTorch by its schema name and record what it answers: values, errors, gradients."""

import warnings

import torch

from encode import NotRecordable, contiguous_strides, copy_layout, result, tensors_of, value

RESOLVE = torch._C._jit_resolve_packet


def resolve(name, args, kwargs):
    """The overload that takes these arguments, and the arguments as it wants them (a lone int becomes a list)."""
    packet = getattr(torch.ops.aten, name)
    tries = [(args, kwargs)]
    tries += [([[a] if type(a) is int and i else a for i, a in enumerate(args)], kwargs)]
    tries += [([args[0], [x for x in args[1:]]], kwargs)] if len(args) > 1 else []
    tries += [([list(args)], kwargs)]
    for a, k in tries:
        try:
            return getattr(packet, RESOLVE(f"aten::{name}", *a, **k)), list(a), dict(k)
        except (RuntimeError, TypeError):
            continue
    raise NotRecordable(f"no overload of {name}")


def cotangent(shape, dtype, period):
    """The weights of a gradient check, a formula so that no file has to hold them: 1/2 + (k mod period)/8."""
    n = 1
    for d in shape:
        n *= d
    k = torch.arange(n, dtype=torch.float64)
    weights = (0.5 + (k % period) / 8).reshape(shape).to(dtype)
    return weights * (1 + 0.5j) if dtype.is_complex else weights


def schema_name(overload):
    s = overload._schema
    base = s.name.removeprefix("aten::")
    return f"{base}.{s.overload_name}" if s.overload_name else base


def plain(grads):
    """Gradients without layout; PyTorch's symbolic zeros become real ones."""
    real = [torch.zeros(g.shape, dtype=g.dtype) if g is not None and g._is_zerotensor() else g for g in grads]
    return [None if g is None else result(g.resolve_conj().resolve_neg().contiguous()) for g in real]


def gradients(overload, args, kwargs):
    """First gradients for cotangents of period 7, second ones for weights of period 5; None where there are none."""
    leaves = [t for t in tensors_of([args, kwargs]) if t.dtype in (torch.float64, torch.complex128)]
    if not leaves:
        return {}
    for t in leaves:
        t.requires_grad_()
    out = overload(*args, **kwargs)
    outs = [o for o in tensors_of([out]) if o.requires_grad]
    if not outs:
        return {}
    cots = [cotangent(o.shape, o.dtype, 7).requires_grad_() for o in outs]
    firsts = torch.autograd.grad(outs, leaves, cots, create_graph=True, allow_unused=True)
    answer = {"grad": plain(firsts)}
    live = [g for g in firsts if g is not None and g.requires_grad]
    if live:
        try:
            weights = [cotangent(g.shape, g.dtype, 5) for g in live]
            seconds = torch.autograd.grad(live, leaves, weights, allow_unused=True)
            if any(g is not None for g in seconds):
                answer["grad2"] = plain(seconds)
        except RuntimeError:
            pass
    return answer


def record(name, args, kwargs, *, grad=False, rounded=False, overload=None):
    """One case as a dictionary. An exception is an answer too."""
    args, kwargs = copy_layout(list(args), rounded), copy_layout(dict(kwargs), rounded)
    kwargs.pop("device", None)
    for t in tensors_of(kwargs.get("out")):
        t.zero_()  # The database leaves it uninitialised, and a second run must write the same bytes.
    if overload is None:
        overload, args, kwargs = resolve(name, args, kwargs)
    else:
        overload = getattr(getattr(torch.ops.aten, name), overload)
    case = {"op": schema_name(overload), "args": value(args)}
    if kwargs:
        case["kwargs"] = {k: value(v) for k, v in kwargs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        a, k = copy_layout(args), copy_layout(kwargs)
        inputs = list(tensors_of([a, k]))
        try:
            out = overload(*a, **k)
        except Exception as e:
            text = str(e)
            if "Expected a value of type" in text or "schema" in text:
                raise NotRecordable("arguments do not match the schema") from None
            case["error"] = [type(e).__name__, text.split("\nException raised from")[0]]
            return case
        case["out"] = result(out, inputs)
        written = [i for i, p in enumerate(overload._schema.arguments) if p.alias_info and p.alias_info.is_write]
        if written and not overload._schema.returns:
            case["after"] = result([a[i] for i in written if i < len(a)])
        if grad and not written:
            try:
                case.update(gradients(overload, copy_layout(args), copy_layout(kwargs)))
            except RuntimeError:
                pass  # PyTorch itself has no gradient for this call.
    return case


def strided(shape, dtype, seed, low=-2.0, high=2.0):
    """Random elements, rounded to three decimals, integers between low and high for integer dtypes."""
    g = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.rand(shape, generator=g) > 0.5
    if not dtype.is_floating_point:
        low = max(low, 0) if dtype in (torch.uint8, torch.uint16, torch.uint32, torch.uint64) else low
        return torch.randint(int(low) * 3, int(high) * 3 + 1, shape, generator=g).to(dtype)
    x = torch.rand(shape, generator=g, dtype=torch.float64) * (high - low) + low
    return ((x * 1000).round() / 1000).to(dtype)


__all__ = ["record", "resolve", "strided", "schema_name", "contiguous_strides", "NotRecordable"]

"""A module called with other parameters than its own."""

import contextlib

from ... import Tensor


@contextlib.contextmanager
def _swapped(module, values, tie_weights, strict):
    named = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers(remove_duplicate=False))}
    values = dict(values)
    unexpected = [k for k in values if k not in named]
    if strict and (unexpected or set(named) - set(values)):
        missing = sorted(set(named) - set(values))
        parts = []
        if missing:
            parts.append("Missing key(s): " + ", ".join(missing))
        if unexpected:
            parts.append("Unexpected key(s): " + ", ".join(unexpected))
        raise RuntimeError(f"Error(s) in swapping parameters for {type(module).__name__}: " + "; ".join(parts))
    if tie_weights:
        for name, value in list(values.items()):
            for other, held in named.items():
                if other not in values and held is named.get(name):
                    values[other] = value
    undo = []
    try:
        for name, value in values.items():
            if name not in named:
                continue
            path, _, leaf = name.rpartition(".")
            owner = module.get_submodule(path)
            table = owner._parameters if leaf in owner._parameters else owner._buffers
            undo.append((table, leaf, table[leaf]))
            table[leaf] = value
        yield
    finally:
        for table, leaf, old in reversed(undo):
            table[leaf] = old


def _functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    if isinstance(parameters_and_buffers, (list, tuple)):
        merged = {}
        for part in parameters_and_buffers:
            twice = merged.keys() & part.keys()
            if twice:
                raise ValueError(f"{sorted(twice)} appeared in multiple dictionaries; behavior of functional call is ambiguous")
            merged.update(part)
        parameters_and_buffers = merged
    if not isinstance(parameters_and_buffers, dict) and not hasattr(parameters_and_buffers, "items"):
        raise TypeError(f"Expected parameters_and_buffers to be a dict, but got {type(parameters_and_buffers)}")
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    for name, value in parameters_and_buffers.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{value} is not an instance of torch.Tensor")
    with _swapped(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """The module's output with the given parameters and buffers in the place of its own."""
    import warnings

    warnings.warn("This API is deprecated; use torch.func.functional_call instead.", FutureWarning, stacklevel=2)
    return _functional_call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)

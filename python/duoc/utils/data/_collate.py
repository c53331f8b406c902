"""Samples to batches."""

import collections.abc
import copy

_MESSAGE = "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"


def _numpy(x):
    cls = type(x)
    return cls.__name__ if cls.__module__ == "numpy" and cls.__name__ not in ("str_", "string_", "bytes_") else None


def default_convert(data):
    """Arrays as tensors, through all containers; everything else as it is."""
    from ... import Tensor, as_tensor

    if isinstance(data, Tensor):
        return data
    if _numpy(data):
        if type(data).__name__ == "ndarray" and data.dtype.kind in "SaUO":
            return data
        return as_tensor(data)
    return _mapped(data, default_convert)


def _mapped(data, each):
    if isinstance(data, collections.abc.Mapping):
        return type(data)({k: each(v) for k, v in data.items()}) if type(data) is not dict else {k: each(v) for k, v in data.items()}
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(each(v) for v in data))
    if isinstance(data, tuple):
        return [each(v) for v in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return [each(v) for v in data]
    return data


def default_collate(batch):
    """A list of samples as one batch: tensors stacked, numbers as tensors, containers element by element."""
    from ... import Tensor, as_tensor, float64, stack, tensor

    first = batch[0]
    if isinstance(first, Tensor):
        return stack(batch, 0)
    if _numpy(first):
        if type(first).__name__ == "ndarray":
            if first.dtype.kind in "SaUO":
                raise TypeError(_MESSAGE.format(first.dtype))
            return default_collate([as_tensor(b) for b in batch])
        return as_tensor(batch)
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, collections.abc.Mapping):
        found = {k: default_collate([d[k] for d in batch]) for k in first}
        if isinstance(first, collections.abc.MutableMapping):
            clone = copy.copy(first)
            clone.update(found)
            return clone
        return found
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(s) for s in zip(*batch)))
    if isinstance(first, collections.abc.Sequence):
        if any(len(b) != len(first) for b in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [default_collate(s) for s in zip(*batch)]
        return columns
    raise TypeError(_MESSAGE.format(type(first)))

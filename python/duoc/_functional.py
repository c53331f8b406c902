"""Functions of `torch` that are compositions of ops in Python, as in PyTorch's `functional.py`."""

__all__ = ["is_same_size", "typename"]


def is_same_size(input, other):
    """Whether the shapes are equal."""
    return input.shape == other.shape


def typename(obj):
    """The name of an object's type; for a tensor, PyTorch's name of it."""
    from . import _C
    if isinstance(obj, _C.Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    return f"{cls.__module__}.{cls.__qualname__}"

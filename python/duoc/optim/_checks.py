"""What optimisers refuse when they are made, and their options that the CPU does not need."""

from .._tensor import Tensor
from .optimizer import _to_scalar


def not_negative(**numbers):
    """`ValueError` for a number below 0 (or NaN), called by what PyTorch calls it."""
    for what, x in numbers.items():
        x = _to_scalar(x)
        if not x >= 0.0:
            raise ValueError(f"Invalid {what.replace('_', ' ') if what in _SPOKEN else what + ' value'}: {x}")


_SPOKEN = ("learning_rate", "epsilon_value")


def learning_rate(lr, foreach, capturable):
    """Refuses learning rates that are tensors of several elements, or that `foreach` could not read."""
    if isinstance(lr, Tensor):
        if foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")


def betas(pair):
    """Refuses decay rates outside [0, 1)."""
    for i, b in enumerate(pair):
        if not 0.0 <= _to_scalar(b) < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {b}")


def ways(fused, foreach, differentiable):
    """Refuses ways to compute that exclude each other."""
    if fused:
        if differentiable:
            raise RuntimeError("`fused` does not support `differentiable`")
        if foreach:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")

"""Products with weights."""

from ... import _C

__all__ = ["linear"]

linear = _C._ops.linear

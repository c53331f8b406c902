"""Products with weights."""

from ... import _C

__all__ = ["bilinear", "linear"]

bilinear = _C._ops.bilinear
linear = _C._ops.linear

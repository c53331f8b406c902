"""Borders."""

from ... import _C

__all__ = ["pad"]


def pad(input, pad, mode="constant", value=None):
    return _C._ops.pad(input, pad, mode, value)

"""Convolutions and their transposes."""

from ... import _C

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

conv1d = _C._ops.conv1d
conv2d = _C._ops.conv2d
conv3d = _C._ops.conv3d
conv_transpose1d = _C._ops.conv_transpose1d
conv_transpose2d = _C._ops.conv_transpose2d
conv_transpose3d = _C._ops.conv_transpose3d

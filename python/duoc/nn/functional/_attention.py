"""Attention."""

from ... import _C

__all__ = ["scaled_dot_product_attention"]

scaled_dot_product_attention = _C._ops.scaled_dot_product_attention

"""Choosing how attention is computed. duoc has one kernel, exact and in tiles, so every choice computes the same."""

import contextlib
import enum


class SDPBackend(enum.IntEnum):
    """Ways of computing `scaled_dot_product_attention`."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Accepts a choice of backends; the one kernel of the CPU takes part in each."""
    listed = backends if isinstance(backends, list) else [backends]
    if not all(isinstance(b, SDPBackend) for b in listed):
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances")
    yield {}

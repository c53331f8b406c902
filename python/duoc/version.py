"""The versions of this build."""

from ._C import __version__

cuda = hip = xpu = None
debug = False

__all__ = ["__version__", "cuda", "debug", "hip", "xpu"]

"""The versions of this build."""

from importlib import metadata as _metadata

try:
    __version__ = _metadata.version("duoc")
except _metadata.PackageNotFoundError:
    __version__ = "0"
cuda = hip = xpu = None
debug = False

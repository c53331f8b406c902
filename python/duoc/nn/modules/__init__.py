"""The layers, by the files that PyTorch has for them."""

import importlib as _importlib
import sys as _sys

from . import _tuples as utils

_FILES = (
    "module", "container", "linear", "activation", "conv", "pooling", "batchnorm", "instancenorm", "normalization", "dropout",
    "padding", "sparse", "rnn", "attention", "transformer", "loss", "adaptive", "distance", "flatten", "fold", "pixelshuffle",
    "channelshuffle", "upsampling",
)
__all__ = []
for _file in _FILES:
    _part = _importlib.import_module(f"{__name__}.{_file}")
    for _name, _value in list(vars(_part).items()):
        if isinstance(_value, type) and _value.__module__ == _part.__name__ and not _name.startswith("_"):
            globals()[_name] = _value
            __all__.append(_name)
del _file, _part, _name, _value
# PyTorch's name of the file.
_sys.modules[__name__ + ".utils"] = utils

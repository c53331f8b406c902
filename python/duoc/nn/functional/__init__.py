"""`torch.nn.functional`: the functions that layers are made of.

Each file below arranges the arguments of one family of ops as PyTorch's own package does; what needs no arranging is the
op itself.
"""

import importlib as _importlib
import pkgutil as _pkgutil

for _file in _pkgutil.iter_modules(__path__):
    _module = _importlib.import_module(f"{__name__}.{_file.name}")
    for _name in _module.__all__:
        globals()[_name] = getattr(_module, _name)

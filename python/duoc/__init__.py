"""duoc: tensors, autograd and neural networks in Rust with PyTorch's semantics.

`import duoc as torch` runs PyTorch code. Functions and Tensor methods come from the op registry of the core; this
package arranges them under PyTorch's names and adds what is not an op.
"""

import math as _math
import types as _types

from . import _C, return_types
from ._C import (
    Generator, OutOfMemoryError, Tensor, can_cast, device, dtype, get_default_dtype, is_anomaly_enabled,
    is_grad_enabled, is_inference_mode_enabled, layout, memory_format, promote_types,
)
from ._size import Size

# Numbers may stand for every tensor of the first list's ops, and for none of the second's: PyTorch's parser knows this
# by name too.
_C._set_up(Size, return_types._class, (
    ["add", "sub", "mul", "div", "floor_divide"],
    ["ldexp"],
))

from . import _tensor, cuda, fft, linalg, random, special  # noqa: E402

_functions, _methods, _hidden = _C._registry()
_C._ops = _types.SimpleNamespace(**{**_hidden, **_functions})
_tensor.install(_methods)
_PREFIXES = {"linalg_": linalg, "special_": special, "fft_": fft}
for _name, _f in _functions.items():
    for _prefix, _module in _PREFIXES.items():
        if _name.startswith(_prefix):
            setattr(_module, _name[len(_prefix):], _f)
            break
    else:
        if _name.startswith("_"):
            setattr(_C, _name, _f)
        else:
            globals()[_name] = _f

from ._creation import as_tensor, asarray, from_numpy, frombuffer, scalar_tensor, tensor  # noqa: E402
from ._functional import *  # noqa: E402,F401,F403
from ._info import finfo, iinfo  # noqa: E402
from ._modes import enable_grad, inference_mode, no_grad, set_grad_enabled  # noqa: E402
from ._settings import (  # noqa: E402
    are_deterministic_algorithms_enabled, compiled_with_cxx11_abi, get_default_device, get_num_interop_threads,
    get_num_threads, is_complex, is_floating_point, is_inference, is_nonzero, is_storage, is_tensor, numel, result_type,
    set_default_device, set_default_dtype, set_default_tensor_type, set_flush_denormal, set_num_interop_threads,
    set_num_threads, set_printoptions, use_deterministic_algorithms,
)
from .random import default_generator, fork_rng, get_rng_state, initial_seed, manual_seed, seed, set_rng_state  # noqa: E402
from . import autograd, testing, version  # noqa: E402

__version__ = version.__version__
for _class in (Tensor, Generator, dtype, device, layout, memory_format):
    # Error texts name the class without its module, as they do for classes made in Python.
    _class.__name__ = _class.__name__

for _name, _d in _C._dtypes():
    globals()[_name] = _d
half, double, short, long = float16, float64, int16, int64  # noqa: F821
cfloat, cdouble = complex64, complex128  # noqa: F821
# These shadow Python's own names in this module only, as PyTorch's do.
float, int, bool = float32, int32, globals()["bool"]  # noqa: F821

for _name in ("strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged"):
    globals()[_name] = _C._layout_of_name(_name)
for _name in ("contiguous_format", "preserve_format", "channels_last", "channels_last_3d"):
    globals()[_name] = _C._memory_format_of_name(_name)

inf, nan, pi, e, newaxis = _math.inf, _math.nan, _math.pi, _math.e, None

del _class, _name, _f, _d, _prefix, _module


def __getattr__(name):
    # What a program may do without is imported when it is first asked for.
    if name in ("save", "load"):
        from . import serialization

        return getattr(serialization, name)
    if name in ("masked", "nn", "optim", "serialization", "signal", "utils"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

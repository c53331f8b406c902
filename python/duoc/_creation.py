"""Tensors from data, and factories that the registry does not hold."""

from . import _C

Tensor = _C.Tensor


def _check_device(device):
    if device is not None:
        device = _C.device(device) if not isinstance(device, _C.device) else device
        if device.type != "cpu":
            # The conversion says what is missing, in the words that every op uses.
            _C._tensor(0).to(device)


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False, names=None):
    """A tensor with a copy of `data`: numbers, nested sequences, arrays, tensors."""
    _check_device(device)
    return _C._tensor(data, dtype, requires_grad)


def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor without dimensions; of the default dtype unless another is given."""
    return _C._tensor(s, _C.get_default_dtype() if dtype is None else dtype, requires_grad)


def from_numpy(ndarray):
    """A tensor that shares the memory of a NumPy array."""
    import numpy

    if not isinstance(ndarray, numpy.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if not ndarray.flags.writeable:
        import warnings
        warnings.warn("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This "
                      "means writing to this tensor will result in undefined behavior. You may want to copy the array "
                      "to protect its data or make it writable before converting it to a tensor. This type of warning "
                      "will be suppressed for the rest of this program.", UserWarning, stacklevel=2)
    return _C._from_array(ndarray)


def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, without a copy where it is a tensor or an array of the right dtype."""
    _check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    if type(data).__module__ == "numpy" and hasattr(data, "__array_interface__") and getattr(data, "ndim", 0):
        t = _C._from_array(data)
        return t if dtype is None else t.to(dtype)
    return _C._tensor(data, dtype)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """`obj` as a tensor: shared where possible unless `copy` says otherwise."""
    _check_device(device)
    shared = None
    if isinstance(obj, Tensor):
        shared = obj
    elif hasattr(obj, "__array_interface__") and getattr(obj, "ndim", 0):
        shared = _C._from_array(obj)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        shared = frombuffer(obj, dtype=_C.get_default_dtype() if dtype is None else dtype)
    if shared is not None and copy is not True and (dtype is None or shared.dtype == dtype):
        if isinstance(obj, Tensor) and obj.requires_grad and not requires_grad:
            shared = obj.detach()
        return shared.requires_grad_(requires_grad) if requires_grad else shared
    if copy is False:
        raise ValueError("can't alias arbitrary sequence into a tensor." if shared is None else
                         f"can't alias tensor with dtype '{shared.dtype}' into dtype '{dtype}'.")
    source = obj if shared is None else shared.detach()
    return _C._tensor(source, dtype).requires_grad_(requires_grad)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor on the memory of a buffer."""
    t = _C._from_buffer(buffer, dtype, count, offset)
    return t.requires_grad_(True) if requires_grad else t

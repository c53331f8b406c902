"""Settings of the library and small questions about tensors."""

from . import _C

Tensor = _C.Tensor


def is_tensor(obj):
    """Whether `obj` is a tensor."""
    return isinstance(obj, Tensor)


def is_storage(obj):
    """Whether `obj` is a storage."""
    return False


def is_floating_point(input):
    """Whether the elements are floating-point numbers."""
    return input.is_floating_point()


def is_complex(input):
    """Whether the elements are complex numbers."""
    return input.is_complex()


def is_inference(input):
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


def is_nonzero(input):
    """Whether the only element is not zero."""
    if input.numel() != 1:
        raise RuntimeError("Boolean value of Tensor with " + ("no values" if input.numel() == 0 else
                           "more than one value") + " is ambiguous")
    return bool(input.item())


def numel(input):
    """The number of elements."""
    return input.numel()


def result_type(tensor1, tensor2):
    """The dtype of an operation on two operands."""
    return _C._result_type(tensor1, tensor2)


def set_default_dtype(d):
    """Sets the dtype of new floating-point tensors."""
    _C.set_default_dtype(d)


def set_default_tensor_type(t):
    """Sets the default dtype by the name of a tensor type."""
    from ._tensor import _NAMED_TYPES
    _C.set_default_dtype(_NAMED_TYPES[str(t).rsplit(".", 1)[-1].strip("'>")])


def get_default_device():
    """The device of new tensors."""
    return _C.device("cpu")


def set_default_device(device):
    """Sets the device of new tensors: the CPU is the only one."""
    if device is not None:
        _C._tensor(0).to(_C.device(device))


def set_printoptions(precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None):
    """Sets how tensors are printed; `profile` is default, short or full."""
    _C._set_printoptions(precision, threshold, edgeitems, linewidth, profile, sci_mode)


def get_num_threads():
    """The number of threads that ops use."""
    return _C._get_num_threads()


def set_num_threads(n):
    """Sets the number of threads that ops use. Results do not depend on it."""
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"set_num_threads expects an int, but got {type(n).__name__}")
    if n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _C._set_num_threads(n)


def get_num_interop_threads():
    """The number of threads between ops."""
    return 1


def set_num_interop_threads(n):
    """Accepted: ops of one program run one after the other."""


def set_flush_denormal(mode):
    """Whether denormal numbers could be switched off: they are kept."""
    return False


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Accepted: every op is deterministic."""


def are_deterministic_algorithms_enabled():
    """Every op is deterministic."""
    return True


def compiled_with_cxx11_abi():
    """A question about C++ that code written for PyTorch asks."""
    return True

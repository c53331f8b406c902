"""Methods of `Tensor` that are written in Python: conversions, operators, protocols."""

from . import _C


Tensor = _C.Tensor


class _Array:
    """What NumPy keeps as the owner of a tensor's memory."""

    def __init__(self, tensor):
        self.tensor = tensor
        self.__array_interface__ = tensor._array_interface()


def numpy(self, *, force=False):
    """The elements as a NumPy array that shares the tensor's memory."""
    import numpy

    if force:
        self = self.detach().cpu()
    interface = _Array(self)
    if self.numel() == 0:
        return numpy.empty(tuple(self.shape), interface.__array_interface__["typestr"])
    return numpy.asarray(interface)


def __array__(self, dtype=None, copy=None):
    import numpy

    array = self.numpy()
    if dtype is not None and numpy.dtype(dtype) != array.dtype:
        if copy is False:
            raise ValueError("Unable to avoid copy while creating an array as requested.")
        return array.astype(dtype)
    return array.copy() if copy else array


def __array_wrap__(self, array, context=None, return_scalar=False):
    from . import from_numpy

    import numpy
    array = numpy.asarray(array)
    return from_numpy(array.copy() if array.dtype == bool or not array.flags.writeable else array)


def __repr__(self, *, tensor_contents=None):
    name = "tensor" if type(self) is Tensor else type(self).__name__
    return _C._text(self, name)


def __format__(self, spec):
    if self.dim() == 0 and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def __int__(self):
    return int(self.item())


def __float__(self):
    return float(self.item())


def __complex__(self):
    return complex(self.item())


def __index__(self):
    if self.numel() != 1 or self.is_floating_point() or self.is_complex():
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self.item())


def __iter__(self):
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def __reversed__(self):
    return self if self.dim() == 0 else self.flip(0)


def __contains__(self, element):
    if isinstance(element, (Tensor, int, float, complex, bool)):
        return bool((element == self).any().item())
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


def __dir__(self):
    return sorted(set(dir(type(self))) | set(self.__dict__))


def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Accumulates the gradients of this tensor into the leaves it depends on."""
    from . import autograd

    autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def __deepcopy__(self, memo):
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  "
            "If you were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, "
            "see https://github.com/pytorch/pytorch/pull/103001")
    if id(self) in memo:
        return memo[id(self)]
    import copy

    from ._modes import no_grad
    with no_grad():
        new = self.detach().clone()
    if type(self) is not Tensor:
        new = Tensor._make_subclass(type(self), new)
    new.requires_grad_(self.requires_grad)
    if self.grad is not None:
        new.grad = copy.deepcopy(self.grad, memo)
    new.__dict__.update(copy.deepcopy(self.__dict__, memo))
    memo[id(self)] = new
    return new


def _rebuild(cls, data, dtype, size, stride, requires_grad, attributes):
    """A tensor from its pickled parts."""
    from . import empty_strided, frombuffer, tensor

    flat = frombuffer(bytearray(data), dtype=dtype) if data else tensor([], dtype=dtype)
    t = empty_strided(size, stride, dtype=dtype)
    t.copy_(flat.reshape(size))
    if cls is not Tensor:
        t = Tensor._make_subclass(cls, t)
    t.requires_grad_(requires_grad) if requires_grad else None
    t.__dict__.update(attributes)
    return t


def __reduce_ex__(self, protocol):
    if not self.is_leaf:
        raise RuntimeError("Pickling of a tensor that is not a leaf is not supported: detach it first.")
    plain = self.detach()
    dense = plain if plain.is_contiguous() else plain.contiguous()
    args = (type(self), plain._bytes(), self.dtype, tuple(dense.size()), dense.stride(), self.requires_grad,
            dict(self.__dict__))
    return _rebuild, args


def type_(self, dtype=None, non_blocking=False, **kwargs):
    """The name of the tensor's type, or the tensor converted to a dtype."""
    if dtype is None:
        return "torch." + _TYPE_NAMES[self.dtype]
    if isinstance(dtype, str):
        dtype = _NAMED_TYPES[dtype.rsplit(".", 1)[-1]]
    elif isinstance(dtype, type):
        dtype = _NAMED_TYPES.get(dtype.__name__, dtype)
    return self.to(dtype, non_blocking=non_blocking)


_DTYPES = dict(_C._dtypes())
_NAMED_TYPES = {
    "FloatTensor": _DTYPES["float32"], "DoubleTensor": _DTYPES["float64"], "HalfTensor": _DTYPES["float16"],
    "BFloat16Tensor": _DTYPES["bfloat16"], "ByteTensor": _DTYPES["uint8"], "CharTensor": _DTYPES["int8"],
    "ShortTensor": _DTYPES["int16"], "IntTensor": _DTYPES["int32"], "LongTensor": _DTYPES["int64"],
    "BoolTensor": _DTYPES["bool"], "ComplexFloatTensor": _DTYPES["complex64"],
    "ComplexDoubleTensor": _DTYPES["complex128"],
}
_TYPE_NAMES = {d: n for n, d in _NAMED_TYPES.items()}
for _name, _d in _DTYPES.items():
    _TYPE_NAMES.setdefault(_d, _name[0].upper() + _name[1:].replace("int", "Int") + "Tensor")


def _cast(name):
    dtype = _DTYPES[name]

    def cast(self, memory_format=None):
        if memory_format is None:
            return self.to(dtype)
        return self.to(dtype, memory_format=memory_format)

    cast.__doc__ = f"The elements as {name}."
    return cast


def cpu(self, memory_format=None):
    """The tensor in host memory."""
    return self.to("cpu") if memory_format is None else self.to("cpu", memory_format=memory_format)


def cuda(self, device=None, non_blocking=False, memory_format=None):
    """The tensor on a CUDA device."""
    from . import cuda
    return self.to(f"cuda:{cuda._index(device)}", non_blocking=non_blocking)


def is_pinned(self, device=None):
    """Whether the memory is page-locked: never, on the CPU."""
    return False


def is_shared(self):
    """Whether the memory is shared between processes."""
    return False


def share_memory_(self):
    """Makes the memory shareable; within one process it is."""
    return self


def get_device(self):
    """The number of the device, -1 for the CPU."""
    return -1 if self.device.type == "cpu" else self.device.index


def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the outermost in memory to the innermost."""
    return tuple(sorted(range(self.dim()), key=lambda d: (-self.stride(d), d)))


def is_set_to(self, other):
    """Whether both tensors have the same memory and geometry."""
    return (_C._storage_id(self) == _C._storage_id(other) and self.shape == other.shape
            and self.stride() == other.stride() and self.storage_offset() == other.storage_offset())


def is_same_size(self, other):
    """Whether the shapes are equal."""
    return self.shape == other.shape


def _transposed(self):
    return _C._ops.numpy_T(self)


def _matrix_transposed(self):
    return _C._ops.mT(self) if self.dim() else self


def _matrix_h(self):
    if self.dim() not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.dim()}-D tensor."
                           " For batches of matrices, consider using tensor.mH")
    return _conj(_matrix_transposed(self))


def _batch_h(self):
    if self.dim() == 1:
        raise RuntimeError("tensor.mH is only supported on matrices or batches of matrices. Got 1-D tensor.")
    return _conj(_matrix_transposed(self))


def _conj(x):
    return x.conj() if x.is_complex() else x


def _rdiv(self, other):
    if not isinstance(other, (Tensor, int, float, complex)):
        return NotImplemented
    return self.reciprocal() * other


def _real(self):
    return _C._ops.real(self)


def _imag(self):
    if not self.is_complex():
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return _C._ops.imag(self)


def _set_part(get):
    def put(self, value):
        get(self).copy_(value if isinstance(value, Tensor) else self.new_tensor(value))
    return put


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A tensor with a copy of `data`, of this tensor's dtype unless another is given."""
    return _C._tensor(data, self.dtype if dtype is None else dtype, requires_grad)


def new(self, *args, **kwargs):
    """A tensor of this tensor's dtype: PyTorch's old constructor."""
    return Tensor(*args).to(self.dtype)


def reinforce(self, *args, **kwargs):
    """Gone from PyTorch, kept for its message."""
    raise RuntimeError("reinforce() was removed. Use torch.distributions instead.")


def nonzero(self, *, as_tuple=False):
    """The places of the elements that are not zero, as rows, or as one tensor per dimension."""
    return _C._ops.nonzero_numpy(self) if as_tuple else _C._ops.nonzero(self)


def split(self, split_size, dim=0):
    """Parts of a size, or of given sizes, along a dimension."""
    return _C._ops.split(self, split_size, dim)


def where(self, condition, other):
    """The elements where the condition holds, those of `other` elsewhere."""
    return _C._ops.where(condition, self, other)


def resize_(self, *sizes, memory_format=None):
    """Changes the size in place; elements that fit stay, new ones are undefined."""
    if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)):
        sizes = sizes[0]
    return _C._resize(self, list(sizes))


def resize_as_(self, the_template, *, memory_format=None):
    """Changes the size in place to that of another tensor."""
    return _C._resize(self, list(the_template.shape))


def unique(self, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The elements that occur, each once: see `torch.unique`."""
    from ._functional import unique
    return unique(self, sorted, return_inverse, return_counts, dim)


def unique_consecutive(self, return_inverse=False, return_counts=False, dim=None):
    """The first of every run of equal elements: see `torch.unique_consecutive`."""
    from ._functional import unique_consecutive
    return unique_consecutive(self, return_inverse, return_counts, dim)


def lu(self, pivot=True, get_infos=False):
    """The LU factorisation: see `torch.lu`."""
    from ._functional import lu
    return lu(self, pivot, get_infos)


def polygamma(self, n):
    """The derivative of order `n` of the digamma function."""
    return _C._ops.polygamma(n, self)


def polygamma_(self, n):
    """`polygamma` in place."""
    return self.copy_(_C._ops.polygamma(n, self))


def adjoint(self):
    """The last two dimensions exchanged, and conjugated."""
    return self.mH


def _view_in_place(name):
    def change(self, *args, **kwargs):
        if self.requires_grad and self.is_leaf and _C.is_grad_enabled():
            raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        return _C._reseat(self, getattr(Tensor, name)(self, *args, **kwargs))

    change.__name__ = name + "_"
    change.__doc__ = f"Changes the geometry in place, as `{name}` does for its result."
    return change


_VIEWS_IN_PLACE = ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "swapdims", "as_strided")


def as_subclass(self, cls):
    """The same elements as an object of a subclass of `Tensor`."""
    return Tensor._make_subclass(cls, self)


# Python's operators and the functions behind them.
_BINARY = {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "floordiv": "floor_divide", "mod": "remainder",
    "pow": "pow", "matmul": "matmul", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift", "rshift": "bitwise_right_shift",
}
_COMPARE = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
_UNARY = {"neg": "neg", "pos": "positive", "abs": "abs", "invert": "bitwise_not"}
# Operators whose exact bits PyTorch defines by another way than the reflected function.
_REFLECTED = {"truediv": _rdiv}


def _install_operators(methods):
    def put(special, name, reflected=False):
        try:
            setattr(Tensor, special, _C._operator(name, reflected))
        except KeyError:
            pass

    for op, name in _BINARY.items():
        put(f"__{op}__", name)
        put(f"__r{op}__", name, True)
        put(f"__i{op}__", name + "_")
    for op, f in _REFLECTED.items():
        setattr(Tensor, f"__r{op}__", f)
    if hasattr(Tensor, "__truediv__"):
        Tensor.__div__, Tensor.__rdiv__, Tensor.__idiv__ = Tensor.__truediv__, _rdiv, Tensor.__itruediv__
    for op, name in _COMPARE.items():
        put(f"__{op}__", name)
    for op, name in _UNARY.items():
        if name in methods:
            setattr(Tensor, f"__{op}__", methods[name])


_METHODS = [
    numpy, __array__, __array_wrap__, __repr__, __format__, __int__, __float__, __complex__, __index__, __iter__,
    __reversed__, __contains__, __dir__, backward, __deepcopy__, __reduce_ex__, cpu, cuda, is_pinned, is_shared,
    share_memory_, get_device, dim_order, is_set_to, is_same_size, new_tensor, new, reinforce, as_subclass,
    nonzero, split, where, adjoint, polygamma, polygamma_, unique,
    unique_consecutive, lu,
]
# Only where the registry has none.
_FALLBACKS = [resize_, resize_as_]
_ALIASES = {"nelement": "numel", "ndimension": "dim", "__len__": "__len__"}
_CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "long": "int64",
    "int": "int32", "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool", "cfloat": "complex64",
    "cdouble": "complex128",
}


def install(methods):
    """Puts the registry's methods and those of this file on `Tensor`."""
    for name, method in methods.items():
        setattr(Tensor, name, method)
    for method in _METHODS:
        setattr(Tensor, method.__name__, method)
    fallbacks = {f.__name__: f for f in _FALLBACKS}
    fallbacks.update((name + "_", _view_in_place(name)) for name in _VIEWS_IN_PLACE if name in methods)
    for name, f in fallbacks.items():
        if name not in methods:
            setattr(Tensor, name, f)
    Tensor.type = type_
    for name, dtype in _CASTS.items():
        setattr(Tensor, name, _cast(dtype))
    for alias, name in _ALIASES.items():
        setattr(Tensor, alias, getattr(Tensor, name))
    Tensor.T, Tensor.mT = property(_transposed), property(_matrix_transposed)
    Tensor.H, Tensor.mH = property(_matrix_h), property(_batch_h)
    Tensor.real, Tensor.imag = property(_real, _set_part(_real)), property(_imag, _set_part(_imag))
    for flag in ("is_sparse", "is_sparse_csr", "is_quantized", "is_meta", "is_nested", "is_mkldnn", "is_xpu", "is_mps",
                 "is_xla", "is_ipu", "is_vulkan", "is_hpu", "is_maia", "is_mtia"):
        setattr(Tensor, flag, False)
    Tensor.names = property(lambda self: (None,) * self.dim())
    Tensor.name = property(lambda self: None)
    Tensor.grad_dtype = property(lambda self: self.dtype)
    Tensor.__array_priority__ = 1000
    _install_operators(methods)



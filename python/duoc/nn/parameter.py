"""Parameters and buffers: tensors that a module counts as its own."""

import copy as _copy

from .. import _C

Tensor = _C.Tensor


class _ParameterMeta(type(Tensor)):
    # A subclass of Tensor may be a parameter too: the mark decides, not the class.
    def __instancecheck__(cls, instance):
        if cls is Parameter and isinstance(instance, Tensor) and getattr(instance, "_is_param", False):
            return True
        return super().__instancecheck__(instance)


def _empty():
    from .. import empty
    return empty(0)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that becomes a parameter of the module it is assigned to.

    `requires_grad` says whether gradients are wanted. The data are shared, not copied.
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = _empty()
        if type(data) is Tensor or type(data) is Parameter:
            new = Tensor._make_subclass(cls, data.detach())
            if requires_grad:
                new.requires_grad_(True)
            return new
        if not isinstance(data, Tensor):
            raise TypeError(f"Creating a Parameter from an instance of type {type(data).__name__} requires a tensor")
        new = data.detach().requires_grad_(requires_grad)
        if type(new) is not type(data):
            new = Tensor._make_subclass(type(data), new).requires_grad_(requires_grad)
        new._is_param = True
        return new

    def __init__(self, *args, **kwargs):
        pass

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        new = type(self)(self.detach().clone(), self.requires_grad)
        if self.grad is not None:
            new.grad = _copy.deepcopy(self.grad, memo)
        new.__dict__.update(_copy.deepcopy(self.__dict__, memo))
        memo[id(self)] = new
        return new

    def __repr__(self, *args, **kwargs):
        return "Parameter containing:\n" + _C._text(self, "tensor")


class _BufferMeta(type(Tensor)):
    def __instancecheck__(cls, instance):
        if cls is Buffer and isinstance(instance, Tensor) and getattr(instance, "_is_buffer", False):
            return True
        return super().__instancecheck__(instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that becomes a buffer of the module it is assigned to; `persistent` puts it into the state dict."""

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = _empty()
        new = data.detach().requires_grad_(data.requires_grad)
        new.persistent = persistent
        new._is_buffer = True
        return new


class UninitializedTensorMixin:
    """What a parameter is before its shape is known: it has a dtype and a device, and refuses everything else."""

    cls_to_become = Parameter


    def materialize(self, shape, device=None, dtype=None):
        """Gives the tensor its shape; the elements are uninitialised."""
        from .. import empty

        dtype = self.dtype if dtype is None else dtype
        self.data = empty(shape, dtype=dtype, device=device)
        attributes = dict(self.__dict__)
        self.__class__ = self.cls_to_become
        self.__dict__.clear()
        self.__dict__.update(attributes)

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes.")

    def share_memory_(self):
        raise RuntimeError("Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the "
                           "parameters before calling `module.share_memory()`.")

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter of a lazy layer before its first input: `materialize` gives it a shape."""

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        from .. import empty

        new = Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype))
        new.requires_grad_(requires_grad)
        return new

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, dtype=self.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer of a lazy layer before its first input."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        from .. import empty

        new = Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype))
        new.requires_grad_(requires_grad)
        new.persistent = persistent
        new._is_buffer = True
        return new


def is_lazy(param):
    """Whether a parameter or buffer waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)

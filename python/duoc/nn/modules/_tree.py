"""The tree of modules: walking it, finding by dotted names, changing every tensor in it."""

from ... import Tensor, no_grad
from ..parameter import Parameter, is_lazy


class _Tree:
    """The methods of a module that walk over what it holds."""

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield path + ("." if path else "") + name, value

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """Parameters with their dotted names, each once."""
        yield from self._named_members(lambda m: m._parameters.items(), prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """The parameters, each once."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """Buffers with their dotted names, each once."""
        yield from self._named_members(lambda m: m._buffers.items(), prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """The buffers, each once."""
        for _, buf in self.named_buffers(recurse=recurse):
            yield buf

    def named_children(self):
        """The modules right below, with their names."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The modules right below."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """This module and all below it, with their dotted names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, prefix + ("." if prefix else "") + name, remove_duplicate)

    def modules(self, remove_duplicate=True):
        """This module and all below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def get_submodule(self, target):
        """The module of a dotted name."""
        from .module import Module

        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(module._get_name() + " has no attribute `" + name + "`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError("`" + name + "` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Puts a module in the place of a dotted name; with `strict` the place must be taken already."""
        from .module import Module

        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"Expected an nn.Module, got {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(parent._get_name() + " has no attribute `" + name + "`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError("`" + name + "` is not an nn.Module")
        setattr(parent, name, module)

    def _leaf_of(self, target):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(module._get_name() + " has no attribute `" + name + "`")
        return module, name, getattr(module, name)

    def get_parameter(self, target):
        """The parameter of a dotted name."""
        _, name, value = self._leaf_of(target)
        if not isinstance(value, Parameter):
            raise AttributeError("`" + name + "` is not an nn.Parameter")
        return value

    def get_buffer(self, target):
        """The buffer of a dotted name."""
        module, name, value = self._leaf_of(target)
        if name not in module._buffers:
            raise AttributeError("`" + name + "` is not a buffer")
        return value

    def _apply(self, fn, recurse=True):
        """Replaces every parameter, gradient and buffer by what `fn` makes of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            with no_grad():
                new = fn(param)
                grad = param.grad
            if new is not param:
                if grad is not None:
                    param.grad = None
                param.data = new
            if grad is not None:
                with no_grad():
                    changed = fn(grad)
                param.grad = changed.detach().requires_grad_(grad.requires_grad)
        for name, buf in self._buffers.items():
            if buf is not None:
                self._buffers[name] = fn(buf)
        return self

    def apply(self, fn):
        """Calls `fn(module)` for every module, the innermost first."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def _cast(self, dtype):
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def type(self, dst_type):
        """Converts all parameters and buffers."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Converts parameters and buffers of floating point to float32."""
        return self._cast(_dtype("float32"))

    def double(self):
        """Converts parameters and buffers of floating point to float64."""
        return self._cast(_dtype("float64"))

    def half(self):
        """Converts parameters and buffers of floating point to float16."""
        return self._cast(_dtype("float16"))

    def bfloat16(self):
        """Converts parameters and buffers of floating point to bfloat16."""
        return self._cast(_dtype("bfloat16"))

    def cpu(self):
        """Moves parameters and buffers to host memory."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device=None):
        """Moves parameters and buffers to a CUDA device."""
        return self._apply(lambda t: t.cuda(device))

    def _absent(self, name):
        raise RuntimeError(f"duoc was built without a device of the kind {name!r}")

    def xpu(self, device=None):
        """No such device here."""
        self._absent("xpu")

    def ipu(self, device=None):
        """No such device here."""
        self._absent("ipu")

    def mtia(self, device=None):
        """No such device here."""
        self._absent("mtia")

    def to(self, *args, **kwargs):
        """Moves and converts parameters and buffers in place: `to(device)`, `to(dtype)`, `to(tensor)`.

        Only floating-point and complex dtypes are accepted; integer parameters and buffers keep theirs.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}")

        def convert(t):
            kind = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and not is_lazy(t) and t.dim() in (4, 5):
                return t.to(device, kind or t.dtype, non_blocking, memory_format=memory_format)
            return t.to(device, kind or t.dtype, non_blocking)

        return self._apply(convert)

    def to_empty(self, *, device, recurse=True):
        """Moves parameters and buffers without their values."""
        from ... import empty_like
        return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)

    def requires_grad_(self, requires_grad=True):
        """Says for every parameter whether its gradient is wanted."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Removes the gradients of all parameters, or fills them with zeros."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
            else:
                param.grad.detach_() if param.grad.grad_fn is not None else param.grad.requires_grad_(False)
                param.grad.zero_()

    def share_memory(self):
        """Makes the memory of parameters and buffers shareable."""
        return self._apply(lambda t: t.share_memory_())


def _dtype(name):
    import importlib
    return getattr(importlib.import_module("duoc"), name)


def _parse_to(*args, device=None, dtype=None, non_blocking=False, memory_format=None, copy=False, tensor=None):
    from ... import device as device_class, dtype as dtype_class, memory_format as format_class

    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        tensor = rest.pop(0)
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    elif rest:
        first = rest.pop(0)
        if isinstance(first, dtype_class):
            dtype = first
        elif first is None or isinstance(first, (str, int, device_class)) and not isinstance(first, bool):
            device = first
            if rest and (rest[0] is None or isinstance(rest[0], dtype_class)):
                dtype = rest.pop(0)
        elif isinstance(first, format_class):
            memory_format = first
        else:
            raise TypeError(f"to() received an invalid argument: a device, a dtype or a tensor was expected, not {type(first)}")
    if rest:
        non_blocking = rest.pop(0)
    if device is not None and not isinstance(device, device_class):
        device = device_class(device)
    return device, dtype, non_blocking, memory_format

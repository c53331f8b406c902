"""`Module`, the base of all layers and networks."""

import warnings
from collections import OrderedDict

from ... import Tensor
from ..parameter import Buffer, Parameter
from . import _hooks
from ._hooks import (  # noqa: F401
    BackwardHook, _Hooks, register_module_backward_hook, register_module_buffer_registration_hook,
    register_module_forward_hook, register_module_forward_pre_hook, register_module_full_backward_hook,
    register_module_full_backward_pre_hook, register_module_module_registration_hook,
    register_module_parameter_registration_hook, tensors_of,
)
from ._state import _IncompatibleKeys, _State  # noqa: F401
from ._tree import _Tree

_MISSING = object()
_HOOKS = ("_backward_pre_hooks", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks")


def _addindent(text, spaces):
    """The text with all lines but the first moved to the right."""
    return text.replace("\n", "\n" + " " * spaces)


def _plain_dict_of(module, *names):
    for name in names:
        held = module.__dict__.get(name)
        if held is not None:
            yield held


class Module(_Tree, _State, _Hooks):
    """A layer, or a network made of layers.

    A subclass calls `super().__init__()` first, assigns parameters (`nn.Parameter`) and other modules as attributes and
    defines `forward`. Calling the module runs its hooks and `forward`.
    """

    dump_patches = False
    call_super_init = False
    training: bool

    def __init__(self, *args, **kwargs):
        if not self.call_super_init and kwargs:
            raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
        if not self.call_super_init and args:
            raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given")
        put = super().__setattr__
        put("training", True)
        put("_parameters", {})
        put("_buffers", {})
        put("_non_persistent_buffers_set", set())
        put("_backward_pre_hooks", OrderedDict())
        put("_backward_hooks", OrderedDict())
        put("_is_full_backward_hook", None)
        put("_forward_hooks", OrderedDict())
        put("_forward_hooks_with_kwargs", OrderedDict())
        put("_forward_hooks_always_called", OrderedDict())
        put("_forward_pre_hooks", OrderedDict())
        put("_forward_pre_hooks_with_kwargs", OrderedDict())
        put("_state_dict_hooks", OrderedDict())
        put("_state_dict_pre_hooks", OrderedDict())
        put("_load_state_dict_pre_hooks", OrderedDict())
        put("_load_state_dict_post_hooks", OrderedDict())
        put("_modules", {})
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *input):
        """What the module computes; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    # Calling.

    def _call_impl(self, *args, **kwargs):
        d = self.__dict__
        if not (d["_backward_hooks"] or d["_backward_pre_hooks"] or d["_forward_hooks"] or d["_forward_pre_hooks"]
                or _hooks._global_backward_pre_hooks or _hooks._global_backward_hooks or _hooks._global_forward_hooks
                or _hooks._global_forward_pre_hooks):
            return self.forward(*args, **kwargs)
        return self._call_with_hooks(args, kwargs)

    __call__ = _call_impl

    def _call_with_hooks(self, args, kwargs):
        called = set()
        try:
            return self._hooked(args, kwargs, called)
        except Exception:
            # Hooks that must always run see what there is: nothing, if `forward` itself failed.
            result = None
            for number, hook, with_kwargs, always in self._all_forward_hooks():
                if always and number not in called:
                    try:
                        out = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
                        result = out if out is not None else result
                    except Exception as error:
                        warnings.warn(f"forward hook with ``always_call=True`` raised an exception that was silenced as "
                                      f"another error was raised in forward: {error}", stacklevel=2)
            raise

    def _all_forward_hooks(self):
        for number, hook in list(_hooks._global_forward_hooks.items()):
            yield (number, hook, number in _hooks._global_forward_hooks_with_kwargs,
                   number in _hooks._global_forward_hooks_always_called)
        for number, hook in list(self._forward_hooks.items()):
            yield number, hook, number in self._forward_hooks_with_kwargs, number in self._forward_hooks_always_called

    def _hooked(self, args, kwargs, called):
        full, older = [], []
        if _hooks._global_is_full_backward_hook is True:
            full += _hooks._global_backward_hooks.values()
        else:
            older += _hooks._global_backward_hooks.values()
        (full if self._is_full_backward_hook is True else older).extend(self._backward_hooks.values())
        before = [*_hooks._global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

        for hook in list(_hooks._global_forward_pre_hooks.values()):
            result = hook(self, args)
            if result is not None:
                args = result if isinstance(result, tuple) else (result,)
        for number, hook in list(self._forward_pre_hooks.items()):
            if number in self._forward_pre_hooks_with_kwargs:
                result = hook(self, args, kwargs)
                if result is not None:
                    if not (isinstance(result, tuple) and len(result) == 2):
                        raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}.")
                    args, kwargs = result
            else:
                result = hook(self, args)
                if result is not None:
                    args = result if isinstance(result, tuple) else (result,)

        watch = None
        if full or before:
            watch = BackwardHook(self, full, before)
            args = watch.setup_input_hook(args)
        output = self.forward(*args, **kwargs)
        for number, hook, with_kwargs, _ in self._all_forward_hooks():
            called.add(number)
            result = hook(self, args, kwargs, output) if with_kwargs else hook(self, args, output)
            if result is not None:
                output = result
        if watch is not None:
            if not isinstance(output, (Tensor, tuple)):
                warnings.warn("For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                              f"received {type(output)}", stacklevel=2)
            output = watch.setup_output_hook(output)
        if older:
            self._hook_last_node(output, older)
        return output

    def _hook_last_node(self, output, hooks):
        while not isinstance(output, Tensor):
            values = list(output.values()) if isinstance(output, dict) else output
            output = next((v for v in values if isinstance(v, Tensor)), None)
            if output is None:
                return
        node = output.grad_fn
        if node is not None:
            for hook in hooks:
                node.register_hook(lambda grad_in, grad_out, hook=hook: hook(self, grad_in, grad_out))

    # Attributes.

    def __getattr__(self, name):
        d = self.__dict__
        for kind in ("_parameters", "_buffers", "_modules"):
            held = d.get(kind)
            if held is not None and name in held:
                return held[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value):
        d = self.__dict__
        params = d.get("_parameters")
        if isinstance(value, Parameter):
            if params is None:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name)
            self.register_parameter(name, value)
        elif params is not None and name in params:
            if value is not None:
                raise TypeError(f"cannot assign '{_kind(value)}' as parameter '{name}' (torch.nn.Parameter or None expected)")
            self.register_parameter(name, value)
        else:
            self._set_other(name, value)

    def _set_other(self, name, value):
        d = self.__dict__
        modules, buffers = d.get("_modules"), d.get("_buffers")
        if isinstance(value, Module):
            if modules is None:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name)
            for hook in _hooks._global_module_registration_hooks.values():
                value = _replaced(hook(self, name, value), value)
            modules[name] = value
        elif modules is not None and name in modules:
            if value is not None:
                raise TypeError(f"cannot assign '{_kind(value)}' as child module '{name}' (torch.nn.Module or None expected)")
            modules[name] = value
        elif isinstance(value, Buffer) or buffers is not None and name in buffers:
            if buffers is None:
                raise AttributeError("cannot assign buffer before Module.__init__() call")
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(f"cannot assign '{_kind(value)}' as buffer '{name}' "
                                "(torch.nn.Buffer, torch.Tensor or None expected)")
            if isinstance(value, Buffer):
                self._forget(name)
                self.register_buffer(name, value, value.persistent)
            else:
                for hook in _hooks._global_buffer_registration_hooks.values():
                    value = _replaced(hook(self, name, value), value)
                buffers[name] = value
        else:
            super().__setattr__(name, value)

    def _forget(self, name):
        for held in _plain_dict_of(self, "_parameters", "_buffers", "_modules"):
            held.pop(name, None)
        self.__dict__.pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __delattr__(self, name):
        for held in _plain_dict_of(self, "_parameters", "_buffers", "_modules"):
            if name in held:
                del held[name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    def __dir__(self):
        names = [*dir(type(self)), *self.__dict__, *self._parameters, *self._modules, *self._buffers]
        return sorted(n for n in names if not n[0].isdigit())

    def _check_name(self, name, what, place):
        if not isinstance(name, str):
            raise TypeError(f"{what} name should be a string. Got {_kind(name)}")
        if "." in name:
            raise KeyError(f'{what} name can\'t contain "."')
        if name == "":
            raise KeyError(f'{what} name can\'t be empty string ""')
        if name not in place and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")

    def register_buffer(self, name, tensor, persistent=True):
        """Adds a tensor that is no parameter; `persistent` puts it into the state dict."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        self._check_name(name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{_kind(tensor)}' object to buffer '{name}' (torch Tensor or None required)")
        for hook in _hooks._global_buffer_registration_hooks.values():
            tensor = _replaced(hook(self, name, tensor), tensor)
        self._buffers[name] = tensor
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name, param):
        """Adds a parameter, or the place of one (`None`)."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        self._check_name(name, "parameter", self._parameters)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"cannot assign '{_kind(param)}' object to parameter '{name}' (torch.nn.Parameter or None required)")
        if param is not None and param.grad_fn is not None:
            raise ValueError(f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                             f"To express '{name}' as a function of another Tensor, compute the value in the forward() method.")
        if param is not None:
            for hook in _hooks._global_parameter_registration_hooks.values():
                param = _replaced(hook(self, name, param), param)
        self._parameters[name] = param

    def add_module(self, name, module):
        """Adds a module below this one."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_kind(module)} is not a Module subclass")
        self._check_name(name, "module", self._modules)
        for hook in _hooks._global_module_registration_hooks.values():
            module = _replaced(hook(self, name, module), module)
        self._modules[name] = module

    def register_module(self, name, module):
        """The same as `add_module`."""
        self.add_module(name, module)

    def __getstate__(self):
        return dict(self.__dict__)

    def __setstate__(self, state):
        self.__dict__.update(state)

    # Modes and texts.

    def train(self, mode=True):
        """Puts the module and all below it into training mode."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Puts the module and all below it into evaluation mode."""
        return self.train(False)

    def compile(self, *args, **kwargs):
        """Nothing: every op of duoc is compiled already."""

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self):
        """What stands in the brackets of the module's text."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        lines = [f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()]
        head = self._get_name() + "("
        if len(extra_lines) == 1 and not lines:
            return head + extra_lines[0] + ")"
        if extra_lines or lines:
            return head + "\n  " + "\n  ".join(extra_lines + lines) + "\n)"
        return head + ")"


def _kind(value):
    cls = type(value)
    return f"{_public(cls.__module__)}.{cls.__name__}" if cls.__module__ != "builtins" else cls.__name__


def _public(module):
    return module.replace("duoc", "torch", 1) if module.split(".")[0] == "duoc" else module


def _replaced(new, old):
    return old if new is None else new

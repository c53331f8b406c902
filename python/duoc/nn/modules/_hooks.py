"""Hooks of modules: dictionaries of functions, those of one module and those of all."""

from collections import OrderedDict

from ...utils.hooks import RemovableHandle

_global_forward_pre_hooks = OrderedDict()
_global_forward_hooks = OrderedDict()
_global_forward_hooks_always_called = OrderedDict()
_global_forward_hooks_with_kwargs = OrderedDict()
_global_backward_pre_hooks = OrderedDict()
_global_backward_hooks = OrderedDict()
_global_is_full_backward_hook = None
_global_parameter_registration_hooks = OrderedDict()
_global_module_registration_hooks = OrderedDict()
_global_buffer_registration_hooks = OrderedDict()


def _put(hooks, hook, *marks, prepend=False):
    handle = RemovableHandle(hooks, extra_dict=list(marks))
    hooks[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_module_parameter_registration_hook(hook):
    """`hook(module, name, parameter)` at every registration of a parameter; it may return another."""
    return _put(_global_parameter_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """`hook(module, name, submodule)` at every registration of a module; it may return another."""
    return _put(_global_module_registration_hooks, hook)


def register_module_buffer_registration_hook(hook):
    """`hook(module, name, buffer)` at every registration of a buffer; it may return another."""
    return _put(_global_buffer_registration_hooks, hook)


def register_module_forward_pre_hook(hook):
    """`hook(module, inputs)` before the forward pass of every module."""
    return _put(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """`hook(module, inputs, output)` after the forward pass of every module."""
    marks = []
    if with_kwargs:
        marks.append(_global_forward_hooks_with_kwargs)
    if always_call:
        marks.append(_global_forward_hooks_always_called)
    return _put(_global_forward_hooks, hook, *marks)


def _set_full(full):
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook not in (None, full):
        raise RuntimeError("Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
                           "Please use only one of them.")
    _global_is_full_backward_hook = full


def register_module_backward_hook(hook):
    """The older form of `register_module_full_backward_hook`."""
    _set_full(False)
    return _put(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook):
    """`hook(module, grad_output)` before the backward pass of every module."""
    return _put(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    """`hook(module, grad_input, grad_output)` after the backward pass of every module."""
    _set_full(True)
    return _put(_global_backward_hooks, hook)


class _Hooks:
    """The registering methods of a module."""

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """`hook(module, inputs)` before `forward`; what it returns, if anything, replaces the inputs."""
        marks = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return _put(self._forward_pre_hooks, hook, *marks, prepend=prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """`hook(module, inputs, output)` after `forward`; what it returns, if anything, replaces the output."""
        marks = []
        if with_kwargs:
            marks.append(self._forward_hooks_with_kwargs)
        if always_call:
            marks.append(self._forward_hooks_always_called)
        return _put(self._forward_hooks, hook, *marks, prepend=prepend)

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """`hook(module, grad_output)` before the module's gradients are computed."""
        return _put(self._backward_pre_hooks, hook, prepend=prepend)

    def register_full_backward_hook(self, hook, prepend=False):
        """`hook(module, grad_input, grad_output)` once the gradients of the module's inputs are known."""
        if self._is_full_backward_hook is False:
            raise RuntimeError("Cannot use both regular backward hooks and full backward hooks on a single Module. Please "
                               "use only one of them.")
        self._is_full_backward_hook = True
        return _put(self._backward_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook):
        """The older form of `register_full_backward_hook`: it sees the gradients of the last op only."""
        if self._is_full_backward_hook is True:
            raise RuntimeError("Cannot use both regular backward hooks and full backward hooks on a single Module. Please "
                               "use only one of them.")
        self._is_full_backward_hook = False
        return _put(self._backward_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """`hook(module, state_dict, prefix, local_metadata)` after the module's part of `state_dict()`."""
        hook._from_public_api = True
        return _put(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError("Cannot register the same function as the state dict post hook that was previously "
                               "registered via register_state_dict_post_hook")
        return _put(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook):
        """`hook(module, prefix, keep_vars)` before `state_dict()`."""
        return _put(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return _put(self._load_state_dict_pre_hooks, _LoadHook(hook, self if with_module else None))

    def register_load_state_dict_pre_hook(self, hook):
        """`hook(module, state_dict, prefix, local_metadata, strict, missing, unexpected, errors)` before loading."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook):
        """`hook(module, incompatible_keys)` after loading."""
        return _put(self._load_state_dict_post_hooks, hook)


class _LoadHook:
    """A function, and the module it gets as its first argument; a copied module's hook gets the copy."""

    def __init__(self, hook, module=None):
        import weakref

        self.hook = hook
        self.module = None if module is None else weakref.ref(module)

    def __call__(self, *args):
        if self.module is None:
            return self.hook(*args)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args)

    def __getstate__(self):
        return {"hook": self.hook, "module": None if self.module is None else self.module()}

    def __setstate__(self, state):
        self.__init__(state["hook"], state["module"])


def tensors_of(value):
    """The tensors among the values themselves, or within one tuple of them."""
    from ... import Tensor

    return [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Tensor)]


class BackwardHook:
    """Backward hooks of one call of a module: identities around its inputs and outputs watch the gradients pass."""

    def __init__(self, module, hooks, pre_hooks):
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs = self.inputs_at = self.inputs_count = None
        self.outputs_at = self.outputs_count = None

    @staticmethod
    def _watched(args, arriving=None):
        """The arguments with an identity in front of the tensors that record, and the positions of all tensors.

        `arriving(grads)` sees the gradients before they pass, and gives what goes on.
        """
        from ... import Tensor, is_grad_enabled
        from ...autograd import Function

        at = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        if not at or not is_grad_enabled() or not any(args[i].requires_grad for i in at):
            return args, at, None

        class BackwardHookFunction(Function):
            @staticmethod
            def forward(ctx, *tensors):
                ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
                return tuple(t.view_as(t) for t in tensors)

            @staticmethod
            def backward(ctx, *grads):
                return grads if arriving is None else arriving(grads)

        new = BackwardHookFunction.apply(*[args[i] for i in at])
        node = next((t.grad_fn for t in new if t.grad_fn is not None), None)
        args = list(args)
        for i, t in zip(at, new):
            args[i] = t
        return tuple(args), at, node

    @staticmethod
    def _spread(at, grads, count):
        full = [None] * count
        for i, g in zip(at, grads):
            full[i] = g
        return tuple(full)

    def _checked(self, new, old, what):
        new = new if isinstance(new, tuple) else (new,)
        if len(new) != len(old):
            raise RuntimeError(f"Backward hook returned an invalid number of grad_{what}, got {len(new)}, but expected {len(old)}")
        return new

    def setup_input_hook(self, args):
        """Watches the inputs: the hooks run when their gradients are known."""
        new, at, node = self._watched(args)
        self.inputs_at, self.inputs_count = at, len(args)
        if node is None:
            self.inputs_at = None
            return args

        def hook(grad_input, _):
            if self.grad_outputs is None:
                return None
            full = self._spread(at, grad_input, len(args))
            for f in self.hooks:
                result = f(self.module, full, self.grad_outputs)
                if result is not None:
                    full = self._checked(result, full, "input")
            self.grad_outputs = None
            return tuple(full[i] for i in at)

        node.register_hook(hook)
        return new

    def setup_output_hook(self, output):
        """Watches the outputs: the hooks that come first run when their gradients arrive."""
        from ... import Tensor

        single = not isinstance(output, tuple)
        args = (output,) if single else output
        at = [i for i, a in enumerate(args) if isinstance(a, Tensor)]

        def arriving(grad_output):
            full = self._spread(at, grad_output, len(args))
            for f in self.pre_hooks:
                result = f(self.module, full)
                if result is not None:
                    full = self._checked(result, full, "output")
            self.grad_outputs = full
            if self.inputs_at is None:
                for f in self.hooks:
                    if f(self.module, self._spread([], [], self.inputs_count), full) is not None:
                        raise RuntimeError(
                            "Backward hook for Modules where no input requires gradient should always return None or None "
                            "for all gradients.")
                self.grad_outputs = None
            return tuple(full[i] for i in at)

        new, _, node = self._watched(args, arriving)
        if node is None:
            return output
        return new[0] if single else new

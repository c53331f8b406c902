"""What all optimisers share: groups of parameters, state, hooks, saving and loading."""

import copy as _copy
import functools as _functools
import warnings as _warnings
from collections import OrderedDict as _OrderedDict
from collections import defaultdict as _defaultdict

from .. import _C, _modes
from .._tensor import Tensor
from ..utils.hooks import RemovableHandle

_before_every_step = _OrderedDict()
_after_every_step = _OrderedDict()


class _Required:
    """Stands for an option that a group must give."""

    def __repr__(self):
        return "<required parameter>"


required = _Required()


def _register(hooks, hook, first=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if first:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook):
    """Calls `hook(optimizer, args, kwargs)` before each step of every optimiser."""
    return _register(_before_every_step, hook)


def register_optimizer_step_post_hook(hook):
    """Calls `hook(optimizer, args, kwargs)` after each step of every optimiser."""
    return _register(_after_every_step, hook)


def _with_hooks(step):
    """`step` between its hooks, which may exchange its arguments."""

    @_functools.wraps(step)
    def wrapper(*args, **kwargs):
        self = args[0]
        for hook in (*_before_every_step.values(), *self._optimizer_step_pre_hooks.values()):
            given = hook(self, args, kwargs)
            if given is not None:
                if not (isinstance(given, tuple) and len(given) == 2):
                    raise RuntimeError(
                        f"a hook before {step.__qualname__} must return None or a tuple of (new_args, new_kwargs), but got {given}."
                    )
                args, kwargs = given
        out = step(*args, **kwargs)
        for hook in (*self._optimizer_step_post_hooks.values(), *_after_every_step.values()):
            hook(self, args, kwargs)
        return out

    wrapper.hooked = True
    return wrapper


def _to_scalar(x):
    """The number in a 0-d tensor; other values as they are."""
    return x.item() if isinstance(x, Tensor) and x.dim() != 0 else float(x) if isinstance(x, Tensor) else x


class Optimizer:
    """Changes parameters along their gradients.

    `params` is an iterable of tensors, of pairs (name, tensor), or of dictionaries: groups, whose options go before `defaults`.
    A subclass writes `step`.
    """

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._set_up_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__module__}.{type(params).__qualname__}: write [tensor]"
            )
        if isinstance(params, set):
            _warnings.warn(
                "a set of parameters has another order in every run, and saved states would go to the wrong ones: "
                "give a list; this will be an error in a future release",
                FutureWarning,
                stacklevel=2,
            )
        self.state = _defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _set_up_hooks(self):
        for name in ("step_pre", "step_post", "state_dict_pre", "state_dict_post", "load_state_dict_pre", "load_state_dict_post"):
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", _OrderedDict())
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _with_hooks(cls.step)

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._set_up_hooks()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self):
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            text += "".join(f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
        return text + ")"

    # Hooks.

    def register_step_pre_hook(self, hook):
        """Calls `hook(optimizer, args, kwargs)` before each step; what it returns takes the arguments' place."""
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Calls `hook(optimizer, args, kwargs)` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Calls `hook(optimizer)` before `state_dict`."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Calls `hook(optimizer, state_dict)` after `state_dict`; what it returns takes its place."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Calls `hook(optimizer, state_dict)` before it is loaded; what it returns takes its place."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Calls `hook(optimizer)` after `load_state_dict`."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # Saving and loading.

    def state_dict(self):
        """`state` (what is remembered, by the parameter's number) and `param_groups` (options, and numbers for parameters)."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers, groups = {}, []
        for group in self.param_groups:
            packed = {key: value for key, value in group.items() if key != "params"}
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {numbers[id(k)] if isinstance(k, Tensor) else k: v for k, v in self.state.items()}
        out = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            given = hook(self, out)
            out = out if given is None else given
        return out

    def load_state_dict(self, state_dict):
        """Takes over the state of an optimiser over the same parameters in the same order."""
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            given = hook(self, state_dict)
            state_dict = state_dict if given is None else given
        saved = _copy.deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError(
                "loaded state dict has a different number of parameter groups: "
                f"it has {len(saved)}, the optimizer {len(self.param_groups)}"
            )
        for k, (old, new) in enumerate(zip(self.param_groups, saved)):
            if len(old["params"]) != len(new["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: "
                    f"group {k} has {len(new['params'])} parameters, the optimizer's {len(old['params'])}"
                )
        by_number = {}
        for old, new in zip(self.param_groups, saved):
            by_number.update(zip(new["params"], old["params"]))
        state = _defaultdict(dict)
        for number, value in state_dict["state"].items():
            p = by_number.get(number)
            state[number if p is None else p] = value if p is None else _fitted(p, value)
        for old, new in zip(self.param_groups, saved):
            new["params"] = old["params"]
            if "param_names" in old:
                new.setdefault("param_names", old["param_names"])
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    # Steps.

    def zero_grad(self, set_to_none=True):
        """Forgets the gradients of all parameters, or fills them with zeros."""
        for group in self.param_groups:
            for p in group["params"]:
                grad = p.grad
                if grad is None:
                    continue
                if set_to_none:
                    p.grad = None
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def step(self, closure=None):
        """One step; `closure` evaluates the model again and returns the loss."""
        raise NotImplementedError(f"{type(self).__name__} has no method step")

    def add_param_group(self, param_group):
        """Adds a group of parameters, for example of layers that were frozen until now."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        params = [params] if isinstance(params, Tensor) else list(params)
        names = [p[0] for p in params if isinstance(p, tuple)]
        params = [p[1] if isinstance(p, tuple) else p for p in params]
        param_group["params"] = params
        if names:
            if len(names) != len(params):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    f"{type(p).__module__}.{type(p).__qualname__}"
                )
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor: it is a result, its gradient is not kept")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        if len({id(p) for p in params}) != len(params):
            _warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error",
                stacklevel=3,
            )
        there = set()
        for group in self.param_groups:
            there.update(id(p) for p in group["params"])
            if ("param_names" in param_group) != ("param_names" in group):
                how = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {how} to the optimizer"
                )
        if any(id(p) in there for p in params):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)


def _fitted(p, value, key=None):
    """A saved value as the state of a parameter: floating-point tensors in its dtype, except counts of steps."""
    if isinstance(value, Tensor):
        if key == "step" or not p.is_floating_point():
            return value.to(device=p.device) if key != "step" else value
        return value.to(dtype=p.dtype, device=p.device)
    if isinstance(value, dict):
        return {k: _fitted(p, v, k) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_fitted(p, v) for v in value)
    return value


def _evaluate(closure):
    """The loss of a closure, whose gradients are recorded."""
    if closure is None:
        return None
    with _modes.enable_grad():
        return closure()


class ElementwiseOptimizer(Optimizer):
    """An optimiser that treats elements alone: a subclass says for each parameter by which rule of the core, with which
    coefficients and running values it is changed; parameters with the same coefficients are changed in one call."""

    def step(self, closure=None):
        """One step along the gradients; returns the loss of `closure`, if there is one."""
        loss = _evaluate(closure)
        for group in self.param_groups:
            differentiable = bool(group.get("differentiable"))
            batches, done = {}, []
            with _modes.set_grad_enabled(differentiable and _C.is_grad_enabled()):
                for p in group["params"]:
                    grad = p.grad
                    if grad is None:
                        continue
                    if grad.is_sparse:
                        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")
                    # What keeps nothing has no entry.
                    state = self.state.get(p, {})
                    rule, coefficients, running, after = self._plan(group, p, state)
                    if state or after:
                        self.state[p] = state
                    key = (rule, tuple(coefficients.items()))
                    batch = batches.setdefault(key, (rule, coefficients, [], [], []))
                    batch[2].append(p)
                    batch[3].append(grad)
                    batch[4].append(running)
                    done.append((state, after))
                decay = 0.0 if self._decoupled(group) else float(group.get("weight_decay", 0.0))
                for rule, coefficients, params, grads, states in batches.values():
                    _C._optimizer_step(
                        rule, coefficients, bool(group["maximize"]), decay, params, grads, states, differentiable
                    )
                with _modes.no_grad():
                    for state, after in done:
                        for name, value in after.items():
                            there = state.get(name)
                            if isinstance(there, Tensor) and there.dim() == 0:
                                there.fill_(value)
                            else:
                                state[name] = value
        return loss

    def _decoupled(self, group):
        """Whether weight decay is not a part of the gradient."""
        return bool(group.get("decoupled_weight_decay", False))

    def _plan(self, group, p, state):
        """The rule, its coefficients, the running values, and what the state's numbers are after the step."""
        raise NotImplementedError

"""What all schedules share: when they set the rates, and what they save."""

import functools as _functools
import types as _types
import warnings as _warnings
import weakref as _weakref
from contextlib import contextmanager as _contextmanager

from ..._tensor import Tensor
from ..optimizer import Optimizer, _to_scalar

EPOCH_DEPRECATION_WARNING = (
    "scheduler.step(epoch) is deprecated: call scheduler.step() without a number. With one, the closed form of the schedule "
    "is used where it has one."
)


def _values(optimizer, key):
    """An option of every group; tensors are copied."""
    return [g[key].clone() if isinstance(g[key], Tensor) else g[key] for g in optimizer.param_groups]


def _put(group, key, value):
    """Sets an option; a tensor is kept and filled."""
    if isinstance(group[key], Tensor):
        group[key].fill_(_to_scalar(value))
    else:
        group[key] = value


def _per_group(name, optimizer, given):
    """One value per group, of one value or a list of them."""
    groups = optimizer.param_groups
    if isinstance(given, (list, tuple)):
        if len(given) != len(groups):
            raise ValueError(
                f"{name} must have the same length as optimizer.param_groups. "
                f"{name} has {len(given)} values, param_groups has {len(groups)}."
            )
        given = list(given)
    else:
        given = [given] * len(groups)
    return [x.clone() if isinstance(x, Tensor) else x for x in given]


def _need_optimizer(optimizer):
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def _note_steps(optimizer):
    """Lets the optimiser remember that it stepped, so that a wrong order of calls can be told."""
    if hasattr(optimizer.step, "_wrapped_by_lr_sched"):
        return
    there, function = _weakref.ref(optimizer), optimizer.step.__func__

    @_functools.wraps(function)
    def step(*args, **kwargs):
        optimizer = there()
        optimizer._opt_called = True
        return function.__get__(optimizer, type(optimizer))(*args, **kwargs)

    step._wrapped_by_lr_sched = True
    optimizer.step = step


class LRScheduler:
    """A schedule of learning rates: a subclass writes `get_lr`, the rate of each group at `last_epoch`."""

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer, last_epoch=-1):
        _need_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                lr = group["lr"]
                group.setdefault("initial_lr", lr.clone() if isinstance(lr, Tensor) else lr)
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with last_epoch >= 0: "
                    "load the optimizer's state first, or leave last_epoch away for a new run"
                )
        self.base_lrs = _values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        _note_steps(optimizer)
        self._initial_step()

    def _initial_step(self):
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self):
        """Everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict):
        """Takes over what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self):
        """The rates that were set last, one per group."""
        return self._last_lr

    def get_lr(self):
        """The rates at `last_epoch`."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr")

    def step(self, epoch=None):
        """Sets the next rates."""
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                _warnings.warn(
                    "optimizer.step() was replaced after the scheduler was made: call `optimizer.step()` before "
                    "`lr_scheduler.step()`, which can no longer be checked",
                    UserWarning,
                    stacklevel=2,
                )
            elif not getattr(self.optimizer, "_opt_called", False):
                _warnings.warn(
                    "Detected call of `lr_scheduler.step()` before `optimizer.step()`: the first value of the schedule is "
                    "skipped; call `optimizer.step()` first",
                    UserWarning,
                    stacklevel=2,
                )
        self._step_count += 1
        if epoch is not None:
            _warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch=None):
        with self._asked():
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                closed = getattr(self, "_get_closed_form_lr", None)
                rates = self.get_lr() if closed is None else closed()
        self._set(rates)

    @_contextmanager
    def _asked(self):
        """While it is the schedule itself that asks for rates."""
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def _set(self, rates):
        for group, lr in zip(self.optimizer.param_groups, rates):
            _put(group, "lr", lr)
        self._last_lr = _values(self.optimizer, "lr")

    def _warn_outside(self):
        if not self._get_lr_called_within_step:
            _warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _lrs(self):
        """The rates as they are."""
        return _values(self.optimizer, "lr")

    def _times(self, factor):
        """The rates times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]


def functions_saved(functions):
    """What of functions can be saved: the attributes of callable objects."""
    return [None if isinstance(f, _types.FunctionType) else f.__dict__.copy() for f in functions]

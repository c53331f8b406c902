"""Averages of a model's parameters over training, as torch.optim.swa_utils."""

import copy as _copy
import itertools as _itertools
import math as _math

from .. import _modes, tensor
from .._tensor import Tensor
from .lr_scheduler import LRScheduler
from .lr_scheduler._base import _per_group

__all__ = [
    "AveragedModel",
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay):
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay=0.999):
    """The exponential moving average `a = decay a + (1 - decay) p`."""
    _check_decay(decay)

    @_modes.no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        del num_averaged
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """The mean of all models so far: `a += (p - a) / (n + 1)`."""

    @_modes.no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay=0.999):
    """`get_ema_avg_fn` for lists of parameters, in place."""
    _check_decay(decay)

    @_modes.no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for average, p in zip(ema_param_list, current_param_list):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(p, 1 - decay)
            else:
                average.copy_(average * decay + p * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """`get_swa_avg_fn` for lists of parameters, in place."""

    @_modes.no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        n = float(num_averaged)
        for average, p in zip(averaged_param_list, current_param_list):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(p, 1 / (n + 1))
            else:
                average.copy_(average + (p - average) / (n + 1))

    return swa_update


def _averaged_model():
    from .. import nn

    class AveragedModel(nn.Module):
        """A copy of a model whose parameters are averages of the model's over the calls of `update_parameters`."""

        def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
            super().__init__()
            if avg_fn is not None and multi_avg_fn is not None:
                raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
            self.module = _copy.deepcopy(model)
            if device is not None:
                self.module = self.module.to(device)
            self.register_buffer("n_averaged", tensor(0, device=device))
            self.avg_fn = avg_fn
            self.multi_avg_fn = multi_avg_fn
            self.use_buffers = use_buffers

        def forward(self, *args, **kwargs):
            return self.module(*args, **kwargs)

        def update_parameters(self, model):
            """Takes the model's parameters into the average."""

            def all_of(m):
                return list(_itertools.chain(m.parameters(), m.buffers() if self.use_buffers else ()))

            averages = [p.detach() for p in all_of(self.module)]
            now = [p.detach() for p in all_of(model)]
            if self.n_averaged == 0:
                for a, p in zip(averages, now):
                    a.copy_(p)
            elif self.avg_fn is not None:
                for a, p in zip(averages, now):
                    a.copy_(self.avg_fn(a, p, self.n_averaged))
            else:
                (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, now, self.n_averaged)
            if not self.use_buffers:
                for a, b in zip(self.module.buffers(), model.buffers()):
                    a.detach().copy_(b.detach())
            self.n_averaged += 1

    AveragedModel.__module__ = __name__
    AveragedModel.__qualname__ = "AveragedModel"
    return AveragedModel


def __getattr__(name):
    # nn is imported when it is asked for: optimisers do without it.
    if name == "AveragedModel":
        globals()[name] = _averaged_model()
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@_modes.no_grad()
def update_bn(loader, model, device=None):
    """Computes the running statistics of all batch norms again, from one pass over the data."""
    from .. import nn

    kind = nn.modules.batchnorm._BatchNorm
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, kind)}
    if not momenta:
        return
    training = model.training
    model.train()
    for m in momenta:
        m.reset_running_stats()
        m.momentum = None
    for batch in loader:
        x = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(x.to(device) if device is not None and isinstance(x, Tensor) else x)
    for m, momentum in momenta.items():
        m.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """Goes to `swa_lr` in `anneal_epochs` steps, then stays there."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for lr, group in zip(_per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _way(self, step):
        """How much of the way is gone after a number of steps."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - _math.cos(_math.pi * t)) / 2

    def get_lr(self):
        self._warn_outside()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._way(step - 1), self._way(step)
        rates = []
        for group in self.optimizer.param_groups:
            to = group["swa_lr"]
            start = to if before == 1 else (group["lr"] - before * to) / (1 - before)
            rates.append(to * now + start * (1 - now))
        return rates

"""Stochastic gradient descent."""

from . import _checks
from .optimizer import ElementwiseOptimizer, _to_scalar
from .. import zeros_like


class SGD(ElementwiseOptimizer):
    """Stochastic gradient descent, with momentum: `b = momentum b + (1 - dampening) g` (`b = g` at first), `p -= lr b`,
    or `p -= lr (g + momentum b)` with `nesterov`. `weight_decay` adds `weight_decay p` to the gradient."""

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        _checks.learning_rate(lr, False, True)
        _checks.not_negative(learning_rate=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        _checks.ways(fused, foreach, differentiable)
        super().__init__(
            params,
            dict(
                lr=lr,
                momentum=momentum,
                dampening=dampening,
                weight_decay=weight_decay,
                nesterov=nesterov,
                maximize=maximize,
                foreach=foreach,
                differentiable=differentiable,
                fused=fused,
            ),
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in (("nesterov", False), ("maximize", False), ("foreach", None), ("differentiable", False), ("fused", False)):
                group.setdefault(name, value)

    def _plan(self, group, p, state):
        momentum = float(_to_scalar(group["momentum"]))
        buffer = state.get("momentum_buffer")
        after, running = {}, []
        if momentum != 0:
            if buffer is None:
                running = [zeros_like(p.detach())]
                after = {"momentum_buffer": running[0]}
            else:
                running = [buffer]
        coefficients = dict(
            lr=float(_to_scalar(group["lr"])),
            momentum=momentum,
            dampening=float(_to_scalar(group["dampening"])),
            nesterov=float(bool(group["nesterov"])),
            first=float(buffer is None),
        )
        return "sgd", coefficients, running, after

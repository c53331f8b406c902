"""Muon: momentum whose matrix is made orthogonal before the step."""

import math as _math

from .. import _modes, addmm, bfloat16, zeros_like
from . import _checks
from .optimizer import Optimizer, _evaluate, _to_scalar


class Muon(Optimizer):
    """Muon (K. Jordan, 2024), for matrices: `b = momentum b + (1 - momentum) g`, then `p -= lr O(b)`, where `O` brings all
    singular values near 1 by a Newton-Schulz iteration in bfloat16: `x <- a x + (b X + c X^2) x` with `X = x x^T`."""

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.7750, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ):
        _checks.learning_rate(lr, False, True)
        for what, x in (("Learning rate", lr), ("momentum", momentum), ("weight decay", weight_decay)):
            if not _to_scalar(x) >= 0.0:
                raise ValueError(f"{what} should be >= 0 but is: {x}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw", "spectral_unclamped"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        super().__init__(
            params,
            dict(
                lr=lr,
                weight_decay=weight_decay,
                momentum=momentum,
                nesterov=nesterov,
                ns_coefficients=ns_coefficients,
                eps=eps,
                ns_steps=ns_steps,
                adjust_lr_fn=adjust_lr_fn,
            ),
        )
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}")

    def step(self, closure=None):
        """One step along the gradients."""
        loss = _evaluate(closure)
        with _modes.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        self._one(group, p)
        return loss

    def _one(self, group, p):
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        g, state = p.grad, self.state[p]
        if g.is_sparse:
            raise RuntimeError("Muon does not support sparse gradients")
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(g)
        buffer, lr = state["momentum_buffer"], float(_to_scalar(group["lr"]))
        buffer.lerp_(g, 1 - group["momentum"])
        update = g.lerp(buffer, group["momentum"]) if group["nesterov"] else buffer
        update = _orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        rows, columns = p.shape
        ratio = {
            "match_rms_adamw": lambda: 0.2 * _math.sqrt(max(rows, columns)),
            "spectral_unclamped": lambda: _math.sqrt(rows / columns),
        }.get(group["adjust_lr_fn"], lambda: _math.sqrt(max(1, rows / columns)))()
        p.mul_(1 - lr * group["weight_decay"])
        p.add_(update, alpha=-lr * ratio)


def _orthogonal(g, coefficients, steps, eps):
    """The matrix with its singular values brought near 1."""
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    x = g.to(bfloat16)
    tall = g.size(0) > g.size(1)
    if tall:
        x = x.T
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = addmm(x, addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x

"""Adafactor: second moments of matrices as an outer product of two vectors."""

from .. import _modes, finfo, tensor, zeros_like
from . import _checks
from .optimizer import Optimizer, _evaluate, _to_scalar


class Adafactor(Optimizer):
    """Adafactor (N. Shazeer, M. Stern, 2018): Adam without a first moment, whose second moment of a matrix is kept as row and
    column means, `v = r c / mean(r)`. The rate is relative to the parameter, `max(eps2, rms(p)) min(lr, 1/sqrt(t))`; the step
    `u = g / sqrt(v)` is clipped to `u / max(1, rms(u) / d)`."""

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        _checks.learning_rate(lr, False, True)

        def at_least(what, x, least):
            if not _to_scalar(x) >= least:
                raise ValueError(f"{what} should be >= {least} but is: {x}")

        at_least("Learning rate", lr, 0)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None:
            at_least("epsilon1", eps[0], 0)
        at_least("epsilon2", eps[1], 0)
        at_least("Clipping threshold d", d, 1)
        at_least("weight_decay", weight_decay, 0)
        super().__init__(
            params,
            dict(
                lr=lr,
                beta2_decay=beta2_decay,
                eps=eps,
                d=d,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
            ),
        )

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
            raise RuntimeError("Adafactor does not support complex parameters")
        if p.grad.is_sparse:
            raise RuntimeError("Adafactor does not support sparse gradients")
        g, state = p.grad, self.state[p]
        if not state:
            state["step"] = tensor(0.0)
            if g.dim() > 1:
                rows, columns = list(g.shape), list(g.shape)
                rows[-1] = columns[-2] = 1
                state["row_var"], state["col_var"] = g.new_zeros(rows), g.new_zeros(columns)
            else:
                state["variance"] = zeros_like(g)
        if group["maximize"]:
            g = -g
        state["step"] += 1
        step, lr = float(state["step"]), float(_to_scalar(group["lr"]))
        eps1, eps2 = group["eps"]
        eps1 = finfo(p.dtype).eps if eps1 is None else eps1
        weight = step ** group["beta2_decay"]
        alpha = max(eps2, _rms(p)) * min(lr, 1.0 / step**0.5)
        if group["weight_decay"] != 0:
            p.mul_(1 - lr * group["weight_decay"])
        if g.dim() > 1:
            for name, dim in (("row_var", -1), ("col_var", -2)):
                square = g.norm(dim=dim, keepdim=True).square_().div_(g.size(dim))
                state[name].lerp_(square, weight)
            estimate = state["row_var"] @ state["col_var"]
            estimate.div_(state["row_var"].mean(dim=-2, keepdim=True).clamp_(min=eps1))
        else:
            state["variance"].lerp_(g * g, weight)
            estimate = state["variance"].clone()
        update = estimate.clamp_(min=eps1 * eps1).rsqrt_().mul_(g)
        p.add_(update, alpha=-alpha / max(1.0, _rms(update) / group["d"]))


def _rms(t):
    """The root of the mean square."""
    return float(t.norm(2)) / t.numel() ** 0.5

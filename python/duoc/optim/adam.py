"""Adam and its kin: running means of the gradient and of its square."""

import math as _math

from .. import tensor, zeros_like
from . import _checks
from .optimizer import ElementwiseOptimizer, _to_scalar


class _Moments(ElementwiseOptimizer):
    """What the family has in common."""

    # The running values in the rule's order.
    _running = ("exp_avg", "exp_avg_sq")

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)
        # Files of old versions keep counts of steps as numbers.
        for entries in self.state.values():
            if isinstance(entries, dict) and isinstance(entries.get("step"), (int, float)):
                entries["step"] = tensor(float(entries["step"]))

    def _begin(self, p, group, state):
        state["step"] = tensor(0.0)
        for name in self._running:
            state[name] = zeros_like(p.detach())
        if group.get("amsgrad"):
            state["max_exp_avg_sq"] = zeros_like(p.detach())

    def _values(self, group, state):
        running = [state[name] for name in self._running]
        if group.get("amsgrad"):
            running.append(state["max_exp_avg_sq"])
        return running

    def _plan(self, group, p, state):
        if not state:
            self._begin(p, group, state)
        step = float(state["step"]) + 1.0
        beta1, beta2 = (float(_to_scalar(b)) for b in group["betas"])
        lr, decay = float(_to_scalar(group["lr"])), float(_to_scalar(group["weight_decay"]))
        shrink = 1.0 - lr * decay if self._decoupled(group) and decay != 0.0 else 1.0
        rule, own, after = self._rule(group, state, step, lr, beta1, beta2)
        coefficients = dict(beta1=beta1, beta2=beta2, eps=float(group["eps"]), **own)
        if rule != "adamax":
            coefficients["shrink"] = shrink
        return rule, coefficients, self._values(group, state), dict(step=step, **after)

    def _rule(self, group, state, step, lr, beta1, beta2):
        raise NotImplementedError


class Adam(_Moments):
    """Adam (D. Kingma, J. Ba, 2015): `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    `p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`. With `amsgrad`, the largest `v` so far is used. `weight_decay`
    adds `weight_decay p` to the gradient, or shrinks `p` where decoupled."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        _checks.learning_rate(lr, foreach, capturable)
        _checks.not_negative(learning_rate=lr, epsilon_value=eps)
        _checks.betas(betas)
        _checks.not_negative(weight_decay=weight_decay)
        _checks.ways(fused, foreach, differentiable)
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                amsgrad=amsgrad,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                differentiable=differentiable,
                fused=fused,
                decoupled_weight_decay=decoupled_weight_decay,
            ),
        )

    def _rule(self, group, state, step, lr, beta1, beta2):
        return (
            "adam",
            dict(
                step=lr / (1.0 - beta1**step),
                correction=_math.sqrt(1.0 - beta2**step),
                amsgrad=float(bool(group["amsgrad"])),
            ),
            {},
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (I. Loshchilov, F. Hutter, 2019): `p -= lr weight_decay p` before Adam's step."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True


class Adamax(_Moments):
    """Adam with the largest gradient in place of the mean square (D. Kingma, J. Ba, 2015, section 7):
    `u = max(b2 u, |g| + eps)`, `p -= lr / (1 - b1^t) m / u`."""

    _running = ("exp_avg", "exp_inf")

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        _checks.learning_rate(lr, foreach, capturable)
        _checks.not_negative(learning_rate=lr, epsilon_value=eps)
        _checks.betas(betas)
        _checks.not_negative(weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    def _rule(self, group, state, step, lr, beta1, beta2):
        return "adamax", dict(step=lr / (1.0 - beta1**step)), {}


class NAdam(_Moments):
    """Adam with Nesterov's look ahead (T. Dozat, 2016): the momentum `mu_t = b1 (1 - 0.96^(t momentum_decay) / 2)` grows with
    time, and the step uses the gradient and the mean of the next step."""

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        _checks.learning_rate(lr, foreach, capturable)
        _checks.not_negative(learning_rate=lr, epsilon_value=eps)
        _checks.betas(betas)
        _checks.not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                momentum_decay=momentum_decay,
                decoupled_weight_decay=decoupled_weight_decay,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                differentiable=differentiable,
            ),
        )

    def _begin(self, p, group, state):
        state["step"] = tensor(0.0)
        state["mu_product"] = tensor(1.0)
        for name in self._running:
            state[name] = zeros_like(p.detach())

    def _rule(self, group, state, step, lr, beta1, beta2):
        grown = float(group["momentum_decay"])
        mu = beta1 * (1.0 - 0.5 * 0.96 ** (step * grown))
        following = beta1 * (1.0 - 0.5 * 0.96 ** ((step + 1.0) * grown))
        # As the state keeps it: in its dtype.
        product = float(state["mu_product"] * mu)
        return (
            "nadam",
            dict(
                of_grad=-lr * (1.0 - mu) / (1.0 - product),
                of_mean=-lr * following / (1.0 - product * following),
                correction=1.0 - beta2**step,
            ),
            {"mu_product": product},
        )


class RAdam(_Moments):
    """Adam whose adaptive step begins once the variance of its second moment is tractable (L. Liu et al., 2020):
    `rho_t = rho - 2 t b2^t / (1 - b2^t)` with `rho = 2 / (1 - b2) - 1`; the step is rectified where `rho_t > 5`."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        _checks.learning_rate(lr, foreach, capturable)
        _checks.not_negative(learning_rate=lr, epsilon_value=eps)
        _checks.betas(betas)
        _checks.not_negative(weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                betas=betas,
                eps=eps,
                weight_decay=weight_decay,
                maximize=maximize,
                foreach=foreach,
                capturable=capturable,
                decoupled_weight_decay=decoupled_weight_decay,
                differentiable=differentiable,
            ),
        )

    def _rule(self, group, state, step, lr, beta1, beta2):
        correction = 1.0 - beta2**step
        longest = 2.0 / (1.0 - beta2) - 1.0
        length = longest - 2.0 * step * beta2**step / correction
        own = dict(lr=lr, correction1=1.0 - beta1**step, correction2=_math.sqrt(correction))
        if length > 5.0:
            own["rect"] = _math.sqrt(
                (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
            )
        return "radam", own, {}


class SparseAdam:
    """Adam for sparse gradients, which duoc does not have: every gradient is dense here, and `Adam` takes it."""

    def __init__(self, *_args, **_kwargs):
        raise NotImplementedError("SparseAdam needs sparse gradients, and duoc's are dense: use Adam")

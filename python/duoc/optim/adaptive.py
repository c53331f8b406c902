"""Optimisers with a step size per element, and averaged descent."""

from .. import full_like, tensor, zeros_like
from . import _checks
from .optimizer import ElementwiseOptimizer, _to_scalar


class _Counted(ElementwiseOptimizer):
    """What counts its steps in the state."""

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)
        # Files of old versions keep numbers as numbers.
        for entries in self.state.values():
            for name in ("step", "eta", "mu"):
                if isinstance(entries, dict) and isinstance(entries.get(name), (int, float)):
                    entries[name] = tensor(float(entries[name]))

    def _plan(self, group, p, state):
        if not state:
            state["step"] = tensor(0.0)
            self._begin(p, group, state)
        step = float(state["step"]) + 1.0
        rule, coefficients, running, after = self._rule(group, state, step, float(_to_scalar(group["lr"])))
        return rule, coefficients, running, dict(step=step, **after)

    def _begin(self, p, group, state):
        raise NotImplementedError

    def _rule(self, group, state, step, lr):
        raise NotImplementedError


class RMSprop(_Counted):
    """Steps over the root of the running mean square (G. Hinton, 2012): `v = alpha v + (1 - alpha) g^2`,
    `p -= lr g / (sqrt(v) + eps)`; `centered` takes the squared mean off `v`, `momentum` keeps a part of the last step."""

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        _checks.learning_rate(lr, False, True)
        _checks.not_negative(
            learning_rate=lr, epsilon_value=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha
        )
        super().__init__(
            params,
            dict(
                lr=lr,
                momentum=momentum,
                alpha=alpha,
                eps=eps,
                centered=centered,
                weight_decay=weight_decay,
                capturable=capturable,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
            ),
        )

    def _begin(self, p, group, state):
        state["square_avg"] = zeros_like(p.detach())
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(p.detach())
        if group["centered"]:
            state["grad_avg"] = zeros_like(p.detach())

    def _rule(self, group, state, step, lr):
        momentum, centered = float(group["momentum"]), bool(group["centered"])
        running = [state["square_avg"]]
        if centered:
            running.append(state["grad_avg"])
        if momentum > 0:
            running.append(state["momentum_buffer"])
        coefficients = dict(
            lr=lr, alpha=float(group["alpha"]), eps=float(group["eps"]), momentum=momentum, centered=float(centered)
        )
        return "rmsprop", coefficients, running, {}


class Adagrad(_Counted):
    """Steps over the root of the sum of squares (J. Duchi et al., 2011): `s += g^2`, `p -= lr / (1 + t lr_decay) g / (sqrt(s) + eps)`."""

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        _checks.learning_rate(lr, False, True)
        _checks.not_negative(
            learning_rate=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon_value=eps,
        )
        _checks.ways(fused, foreach, differentiable)
        super().__init__(
            params,
            dict(
                lr=lr,
                lr_decay=lr_decay,
                eps=eps,
                weight_decay=weight_decay,
                initial_accumulator_value=initial_accumulator_value,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                fused=fused,
            ),
        )
        # PyTorch has the sums from the start, so that states can be shared before the first step.
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["step"] = tensor(0.0)
                self._begin(p, group, self.state[p])

    def share_memory(self):
        """Moves the state to memory that processes share."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _begin(self, p, group, state):
        state["sum"] = full_like(p.detach(), group["initial_accumulator_value"])

    def _rule(self, group, state, step, lr):
        rate = lr / (1.0 + (step - 1.0) * float(group["lr_decay"]))
        return "adagrad", dict(lr=rate, eps=float(group["eps"])), [state["sum"]], {}


class Adadelta(_Counted):
    """Steps in the unit of the parameter (M. Zeiler, 2012): `v = rho v + (1 - rho) g^2`,
    `d = sqrt(u + eps) / sqrt(v + eps) g`, `u = rho u + (1 - rho) d^2`, `p -= lr d`."""

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        _checks.learning_rate(lr, False, True)
        _checks.not_negative(learning_rate=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        _checks.not_negative(epsilon_value=eps, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                rho=rho,
                eps=eps,
                weight_decay=weight_decay,
                maximize=maximize,
                capturable=capturable,
                foreach=foreach,
                differentiable=differentiable,
            ),
        )

    def _begin(self, p, group, state):
        state["square_avg"] = zeros_like(p.detach())
        state["acc_delta"] = zeros_like(p.detach())

    def _rule(self, group, state, step, lr):
        coefficients = dict(lr=lr, rho=float(group["rho"]), eps=float(group["eps"]))
        return "adadelta", coefficients, [state["square_avg"], state["acc_delta"]], {}


class Rprop(_Counted):
    """Resilient backpropagation (M. Riedmiller, H. Braun, 1993): a step size per element that grows by `etas[1]` while the
    gradient keeps its sign and shrinks by `etas[0]` when it changes; `p -= sign(g) size`."""

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        _checks.learning_rate(lr, False, True)
        _checks.not_negative(learning_rate=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(
            params,
            dict(
                lr=lr,
                etas=etas,
                step_sizes=step_sizes,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    def _begin(self, p, group, state):
        state["prev"] = zeros_like(p.detach())
        state["step_size"] = full_like(p.detach(), float(_to_scalar(group["lr"])))

    def _rule(self, group, state, step, lr):
        (minus, plus), (smallest, largest) = group["etas"], group["step_sizes"]
        coefficients = dict(minus=float(minus), plus=float(plus), smallest=float(smallest), largest=float(largest))
        return "rprop", coefficients, [state["prev"], state["step_size"]], {}


class ASGD(_Counted):
    """Averaged stochastic gradient descent (B. Polyak, A. Juditsky, 1992): steps of `eta = lr / (1 + lambd lr t)^alpha`; the
    state `ax` is the mean of the parameters from step `t0` on."""

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        _checks.learning_rate(lr, foreach, capturable)
        _checks.not_negative(learning_rate=lr, weight_decay=weight_decay)
        super().__init__(
            params,
            dict(
                lr=lr,
                lambd=lambd,
                alpha=alpha,
                t0=t0,
                weight_decay=weight_decay,
                foreach=foreach,
                maximize=maximize,
                differentiable=differentiable,
                capturable=capturable,
            ),
        )

    def _begin(self, p, group, state):
        state["eta"] = tensor(float(_to_scalar(group["lr"])))
        state["mu"] = tensor(1.0)
        state["ax"] = zeros_like(p.detach())

    def _rule(self, group, state, step, lr):
        lambd, eta = float(group["lambd"]), float(state["eta"])
        after = {
            "eta": lr / (1.0 + lambd * lr * step) ** float(group["alpha"]),
            "mu": 1.0 / max(1.0, step - float(group["t0"])),
        }
        coefficients = dict(shrink=1.0 - lambd * eta, eta=eta, mu=float(state["mu"]))
        return "asgd", coefficients, [state["ax"]], after

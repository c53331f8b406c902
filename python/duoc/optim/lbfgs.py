"""The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno."""

import math as _math

from .. import _modes, cat, mul
from .._tensor import Tensor
from .optimizer import Optimizer, _to_scalar

_DECREASE = 1e-4
_CURVATURE = 0.9
_SMALLEST = 1e-9


class LBFGS(Optimizer):
    """L-BFGS (J. Nocedal, 1980): steps along `-H g`, where `H` is built of the last `history_size` changes of the gradient. A
    step evaluates the loss up to `max_eval` times; `line_search_fn="strong_wolfe"` looks for the length of the step."""

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
        *,
        maximize=False,
    ):
        if not _to_scalar(lr) >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        super().__init__(
            params,
            dict(
                lr=lr,
                max_iter=max_iter,
                max_eval=max_eval,
                tolerance_grad=tolerance_grad,
                tolerance_change=tolerance_change,
                history_size=history_size,
                line_search_fn=line_search_fn,
                maximize=maximize,
            ),
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def __setstate__(self, state):
        super().__setstate__(state)
        self.param_groups[0].setdefault("maximize", False)
        self._params = self.param_groups[0]["params"]

    def _gradient(self):
        """All gradients as one vector."""
        parts = [p.new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params]
        g = cat(parts)
        return -g if self.param_groups[0]["maximize"] else g

    def _move(self, length, direction):
        at = 0
        for p in self._params:
            n = p.numel()
            p.add_(direction[at : at + n].view_as(p), alpha=length)
            at += n

    def _evaluate(self, closure):
        loss = float(closure())
        return -loss if self.param_groups[0]["maximize"] else loss

    def _look(self, closure, places, length, direction):
        """Loss and gradient at a distance; the parameters are put back."""
        self._move(length, direction)
        loss, gradient = self._evaluate(closure), self._gradient()
        for p, old in zip(self._params, places):
            p.copy_(old)
        return loss, gradient

    def step(self, closure):
        """One step; `closure` clears the gradients, computes the loss and its gradients, and returns the loss."""
        given = closure

        def closure():
            with _modes.enable_grad():
                return given()

        with _modes.no_grad():
            return self._run(closure)

    def _run(self, closure):
        group = self.param_groups[0]
        lr, change = group["lr"], group["tolerance_change"]
        search = group["line_search_fn"]
        if search not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        original = closure()
        loss = -float(original) if group["maximize"] else float(original)
        evaluations = 1
        state["func_evals"] += 1
        gradient = self._gradient()
        if gradient.numel() == 0 or gradient.abs().max() <= group["tolerance_grad"]:
            return original
        d, t = state.get("d"), state.get("t")
        ys, ss, inverses = state.get("old_dirs"), state.get("old_stps"), state.get("ro")
        scale, last, last_loss = state.get("H_diag"), state.get("prev_flat_grad"), state.get("prev_loss")
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d, ys, ss, inverses, scale = gradient.neg(), [], [], [], 1
            else:
                y, s = gradient.sub(last), d.mul(t)
                product = y.dot(s)
                if product > 1e-10:
                    if len(ys) == group["history_size"]:
                        ys.pop(0), ss.pop(0), inverses.pop(0)
                    ys.append(y)
                    ss.append(s)
                    inverses.append(1.0 / product)
                    scale = product / y.dot(y)
                weights = state.setdefault("al", [None] * group["history_size"])
                d = _two_loops(gradient, ys, ss, inverses, weights, scale)
            last = gradient.clone() if last is None else last.copy_(gradient)
            last_loss = loss
            t = min(1.0, 1.0 / gradient.abs().sum()) * lr if state["n_iter"] == 1 else lr
            slope = gradient.dot(d)
            if slope > -change:
                break
            tried = 0
            if search:
                places = [p.clone() for p in self._params]
                line = _Line(lambda at: self._look(closure, places, at, d), d, loss, gradient, slope)
                loss, gradient, t, tried = line.strong_wolfe(t, change, group["max_eval"] - evaluations)
                self._move(t, d)
                flat = bool(gradient.abs().max() <= group["tolerance_grad"])
            else:
                self._move(t, d)
                flat = False
                if iteration != group["max_iter"]:
                    loss = self._evaluate(closure)
                    gradient = self._gradient()
                    flat = bool(gradient.abs().max() <= group["tolerance_grad"])
                    tried = 1
            evaluations += tried
            state["func_evals"] += tried
            if (
                iteration == group["max_iter"]
                or evaluations >= group["max_eval"]
                or flat
                or float(d.mul(t).abs().max()) <= change
                or abs(loss - last_loss) < change
            ):
                break
        state.update(
            d=d, t=t, old_dirs=ys, old_stps=ss, ro=inverses, H_diag=scale, prev_flat_grad=last, prev_loss=last_loss
        )
        return original


def _two_loops(gradient, ys, ss, inverses, weights, scale):
    """`-H g` (J. Nocedal, S. Wright, Numerical Optimization, algorithm 7.4)."""
    q = gradient.neg()
    for i in reversed(range(len(ys))):
        weights[i] = ss[i].dot(q) * inverses[i]
        q.add_(ys[i], alpha=-weights[i])
    r = mul(q, scale)
    for i in range(len(ys)):
        r.add_(ss[i], alpha=weights[i] - ys[i].dot(r) * inverses[i])
    return r


class _Line:
    """The loss along a direction. Places on it are (distance, loss, gradient, slope)."""

    def __init__(self, look, direction, loss, gradient, slope):
        self._ask, self._direction = look, direction
        self.reach = float(direction.abs().max())
        self.start = (0.0, loss, gradient.clone(), slope)

    def _look(self, t):
        loss, gradient = self._ask(t)
        return t, loss, gradient, gradient.dot(self._direction)

    def _high(self, place):
        return place[1] > self.start[1] + _DECREASE * place[0] * self.start[3]

    def _flat(self, place):
        return abs(place[3]) <= -_CURVATURE * self.start[3]

    def strong_wolfe(self, first, change, most):
        """A place that meets the strong Wolfe conditions (Nocedal, Wright, algorithms 3.5 and 3.6): an interval that holds
        one is found by growing the step, then narrowed by cubic interpolation."""
        del change
        evaluations, rounds = 1, 0
        last, now = self.start, self._look(first)
        found = bracket = None
        while rounds < most:
            if self._high(now) or (rounds > 1 and now[1] >= last[1]):
                bracket = [last, now]
                break
            if self._flat(now):
                found = now
                break
            if now[3] >= 0:
                bracket = [last, now]
                break
            bounds = (now[0] + 0.01 * (now[0] - last[0]), now[0] * 10)
            t = _cubic_minimum(last, now, bounds)
            last, now = now, self._look(t)
            evaluations += 1
            rounds += 1
        if found is not None:
            return found[1], found[2], found[0], evaluations
        if bracket is None:
            bracket = [self.start, now]
        stuck = False
        low = 0 if bracket[0][1] <= bracket[1][1] else 1
        while rounds < most and abs(bracket[1][0] - bracket[0][0]) * self.reach >= _SMALLEST:
            least, greatest = sorted(place[0] for place in bracket)
            t = _cubic_minimum(bracket[0], bracket[1])
            margin = 0.1 * (greatest - least)
            if min(greatest - t, t - least) < margin:
                if stuck or t >= greatest or t <= least:
                    t = greatest - margin if abs(t - greatest) < abs(t - least) else least + margin
                    stuck = False
                else:
                    stuck = True
            else:
                stuck = False
            now = self._look(t)
            evaluations += 1
            rounds += 1
            high = 1 - low
            if self._high(now) or now[1] >= bracket[low][1]:
                bracket[high] = now
                low = 0 if bracket[0][1] <= bracket[1][1] else 1
            else:
                done = self._flat(now)
                if not done and now[3] * (bracket[high][0] - bracket[low][0]) >= 0:
                    bracket[high] = bracket[low]
                bracket[low] = now
                if done:
                    break
        t, loss, gradient, _ = bracket[low]
        return loss, gradient, t, evaluations


def _cubic_minimum(p, q, bounds=None):
    """Where the cubic through two places with their slopes is least, within the bounds or between them (Nocedal, Wright,
    equation 3.59); their middle where it has no minimum."""
    least, greatest = bounds if bounds is not None else sorted((p[0], q[0]))
    d1 = p[3] + q[3] - 3 * (p[1] - q[1]) / (p[0] - q[0])
    square = d1 * d1 - p[3] * q[3]
    if not square >= 0:
        return (least + greatest) / 2.0
    d2 = square.sqrt() if isinstance(square, Tensor) else _math.sqrt(square)
    if p[0] <= q[0]:
        t = q[0] - (q[0] - p[0]) * ((q[3] + d2 - d1) / (q[3] - p[3] + 2 * d2))
    else:
        t = p[0] - (p[0] - q[0]) * ((p[3] + d2 - d1) / (p[3] - q[3] + 2 * d2))
    return min(max(t, least), greatest)

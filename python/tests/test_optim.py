"""Optimisers and schedules against recorded answers, and what their class does around a step."""

import copy
import json
import math
import pathlib
import pickle
import unittest
import warnings

import duoc as torch
from duoc.optim import lr_scheduler as L

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "golden" / "optim.jsonl"
PAIRS = ("betas", "eps", "etas", "step_sizes", "ns_coefficients")


def cases(key):
    with open(GOLDEN, encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line)
            if key in case:
                yield case


def wave(n, a, b, scale, dtype):
    return torch.tensor([scale * math.sin(a * k + b) for k in range(n)], dtype=torch.float64).to(dtype)


def settings_of(case):
    return {k: tuple(v) if k in PAIRS and isinstance(v, list) else v for k, v in case["settings"].items()}


class Regression:
    """The problem of golden/optim_cases.py."""

    def __init__(self, case):
        dtype = getattr(torch, case["dtype"])
        self.x = wave(32, 0.7, 0.3, 1.0, dtype).reshape(8, 4)
        self.y = wave(24, 1.1, 0.9, 0.4, dtype).reshape(8, 3)
        self.params = [wave(12, 1.9, 0.0, 0.4, dtype).reshape(4, 3), wave(3, 1.0, 0.5, 0.1, dtype)]
        if case["optimizer"] == "Muon":
            self.params = self.params[:1]
        for p in self.params:
            p.requires_grad_()
        given = [{"params": self.params[:1], "lr": 0.02}, {"params": self.params[1:]}] if case["groups"] else self.params
        self.optimizer = getattr(torch.optim, case["optimizer"])(given, **settings_of(case))

    def closure(self):
        self.optimizer.zero_grad()
        z = self.x @ self.params[0]
        if len(self.params) > 1:
            z = z + self.params[1]
        loss = ((z.tanh() - self.y) ** 2).mean()
        loss.backward()
        return loss


def flat(t):
    return t.detach().double().reshape(-1).tolist()


class Optimizers(unittest.TestCase):
    def near(self, got, want, tolerance, where):
        self.assertEqual(len(got), len(want), where)
        for a, b in zip(got, want):
            b = float(b)
            same = (math.isnan(a) and math.isnan(b)) or abs(a - b) <= tolerance * (1 + abs(b)) or a == b
            self.assertTrue(same, f"{where}: {a} is not {b}")

    def test_trajectories(self):
        for case in cases("after"):
            r = Regression(case)
            loose = {"Muon": 3e-2, "LBFGS": 1e-6, "Adafactor": 1e-5}.get(case["optimizer"], 0)
            tolerance = max(loose, 2e-5 if case["dtype"] == "float32" else 1e-9)
            where = f"{case['optimizer']} {case['settings']} {case['dtype']}"
            shown = iter(case["after"])
            for k in range(1, case["steps"][-1] + 1):
                if case["optimizer"] == "LBFGS":
                    r.optimizer.step(r.closure)
                else:
                    r.closure()
                    r.optimizer.step()
                if k in case["steps"]:
                    for p, want in zip(r.params, next(shown)):
                        self.near(flat(p), want, tolerance, f"{where} step {k}")
            for number, entries in case.get("state", {}).items():
                mine = r.optimizer.state_dict()["state"][int(number)]
                self.assertEqual([k for k in mine if k != "al"], list(entries), where)
                for name, want in entries.items():
                    if isinstance(want, dict):
                        self.near(flat(mine[name]), want["data"], tolerance * 10, f"{where} {name}")

    def test_schedules(self):
        def made(name, settings, opt):
            if name == "LambdaLR":
                return L.LambdaLR(opt, lambda epoch: 0.95**epoch)
            if name == "MultiplicativeLR":
                return L.MultiplicativeLR(opt, lambda epoch: 1 - 0.1 / (1 + epoch))
            if name == "SWALR":
                return torch.optim.swa_utils.SWALR(opt, **settings)
            if name == "SequentialLR":
                return L.SequentialLR(opt, [made(n, s, opt) for n, s in settings["of"]], settings["milestones"])
            if name == "ChainedScheduler":
                return L.ChainedScheduler([made(n, s, opt) for n, s in settings["of"]], opt)
            return getattr(L, name)(opt, **settings)

        for case in cases("rates"):
            p, q = torch.zeros(3, requires_grad=True), torch.zeros(2, requires_grad=True)
            sgd = case["optimizer"] == "SGD"
            opt = getattr(torch.optim, case["optimizer"])(
                [{"params": [p]}, {"params": [q], "lr": 0.05}], lr=0.1, **({"momentum": 0.9} if sgd else {})
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                s = made(case["schedule"], case["settings"], opt)
                for k, want in enumerate(case["rates"]):
                    if k == 12 and case["schedule"] not in ("LambdaLR", "MultiplicativeLR"):
                        # In the middle the run is saved and goes on from what was saved.
                        state, rates = copy.deepcopy(s.state_dict()), copy.deepcopy(opt.state_dict())
                        s = made(case["schedule"], case["settings"], opt)
                        s.load_state_dict(state)
                        opt.load_state_dict(rates)
                    momenta = [g["momentum"] if sgd else g["betas"][0] for g in opt.param_groups]
                    got = [g["lr"] for g in opt.param_groups] + momenta
                    self.near(got, want, 1e-12, f"{case['schedule']} {case['settings']} epoch {k}")
                    opt.step()
                    s.step(abs(5 - k) * 0.1) if case["schedule"] == "ReduceLROnPlateau" else s.step()

    def test_texts(self):
        for case in cases("text"):
            p = torch.zeros(1, 3, requires_grad=True)
            opt = getattr(torch.optim, case["optimizer"])([p], **settings_of(case))
            self.assertEqual(repr(opt), case["text"])

    def test_a_saved_run_goes_on(self):
        for name in ("SGD", "Adam", "NAdam", "ASGD", "Rprop"):
            case = {"optimizer": name, "settings": {"momentum": 0.9} if name == "SGD" else {}, "dtype": "float32", "groups": False}
            whole, halves = Regression(case), Regression(case)
            for k in range(10):
                if k == 5:
                    saved = pickle.loads(pickle.dumps(halves.optimizer.state_dict()))
                    halves.optimizer = type(halves.optimizer)(halves.params, **case["settings"])
                    halves.optimizer.load_state_dict(saved)
                for r in (whole, halves):
                    r.closure()
                    r.optimizer.step()
            for a, b in zip(whole.params, halves.params):
                self.assertEqual(a.tolist(), b.tolist(), name)

    def test_hooks(self):
        p, seen = torch.ones(2, requires_grad=True), []
        opt = torch.optim.SGD([p], lr=0.1)
        with opt.register_step_pre_hook(lambda o, a, k: seen.append("before")):
            opt.register_step_post_hook(lambda o, a, k: seen.append("after"))
            opt.step()
        opt.step()
        self.assertEqual(seen, ["before", "after", "after"])

    def test_differentiable_steps(self):
        rate = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
        x = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        p = x.clone()
        opt = torch.optim.Adam([p], lr=0.1, differentiable=True)
        p.grad = rate * torch.tensor([3.0, -4.0], dtype=torch.float64)
        opt.step()
        (g,) = torch.autograd.grad(p.sum(), [x])
        self.assertEqual(g.tolist(), [1.0, 1.0])

    def test_refused(self):
        p = torch.ones(2, requires_grad=True)
        for wrong, kind in (
            (lambda: torch.optim.SGD([], lr=0.1), ValueError),
            (lambda: torch.optim.SGD(p, lr=0.1), TypeError),
            (lambda: torch.optim.SGD([p], lr=-1), ValueError),
            (lambda: torch.optim.SGD([p], lr=0.1, nesterov=True), ValueError),
            (lambda: torch.optim.Adam([p], betas=(1.0, 0.9)), ValueError),
            (lambda: torch.optim.Adam([p * 1]), ValueError),
            (lambda: torch.optim.Adam([{"params": [p]}, {"params": [p]}]), ValueError),
            (lambda: torch.optim.SGD([p]).load_state_dict({"state": {}, "param_groups": []}), ValueError),
            (lambda: L.StepLR(p, 3), TypeError),
        ):
            self.assertRaises(kind, wrong)


if __name__ == "__main__":
    unittest.main()

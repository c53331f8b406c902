"""Optimisers and schedules: parameters along a small regression, learning rates and momenta along epochs."""

import math
import warnings

import torch
from torch.optim import lr_scheduler as L
from torch.testing._internal.common_optimizers import optim_db

SHOWN = (1, 2, 6, 12)
IMPLEMENTATIONS = {"foreach", "fused", "capturable", "differentiable"}


def wave(n, a, b, scale, dtype):
    """A formula, so that no file has to hold the numbers."""
    return torch.tensor([scale * math.sin(a * k + b) for k in range(n)], dtype=torch.float64).to(dtype)


def problem(dtype, matrix_only):
    x, y = wave(32, 0.7, 0.3, 1.0, dtype).reshape(8, 4), wave(24, 1.1, 0.9, 0.4, dtype).reshape(8, 3)
    params = [wave(12, 1.9, 0.0, 0.4, dtype).reshape(4, 3), wave(3, 1.0, 0.5, 0.1, dtype)]
    return x, y, [p.requires_grad_() for p in params[:1 if matrix_only else 2]]


def numbers(t):
    return [float(v) if math.isfinite(v) else str(v) for v in t.detach().double().reshape(-1).tolist()]


def state_of(value):
    if isinstance(value, torch.Tensor):
        return {"shape": list(value.shape), "data": numbers(value)}
    if isinstance(value, (list, tuple)):
        return [state_of(v) for v in value if v is not None]
    return value


def shown_steps(cls, settings):
    """In long steps LBFGS is chaotic: only the first one can be compared."""
    return SHOWN[:1] if cls.__name__ == "LBFGS" and settings.get("max_iter", 20) > 4 else SHOWN


def trajectory(cls, settings, dtype, groups):
    x, y, params = problem(dtype, cls.__name__ == "Muon")
    opt = cls([{"params": params[:1], "lr": 0.02}, {"params": params[1:]}] if groups else params, **settings)
    shown = []

    def closure():
        opt.zero_grad()
        z = x @ params[0]
        loss = (((z + params[1] if len(params) > 1 else z).tanh() - y) ** 2).mean()
        loss.backward()
        return loss

    for k in range(1, shown_steps(cls, settings)[-1] + 1):
        if cls.__name__ == "LBFGS":
            opt.step(closure)
        else:
            closure()
            opt.step()
        if k in shown_steps(cls, settings):
            shown.append([numbers(p) for p in params])
    state = {str(k): {n: state_of(v) for n, v in s.items() if n != "al"} for k, s in opt.state_dict()["state"].items()}
    return shown, state


def optimizers():
    for info in optim_db:
        cls = info.optim_cls
        if cls.__name__ == "SparseAdam":
            continue
        seen = set()
        more = [{"lr": 0.1, "max_iter": 4, "history_size": 3}, {"line_search_fn": "strong_wolfe", "max_iter": 4}]
        for kwargs in [i.kwargs for i in info.optim_inputs_func(device="cpu")] + (more if cls.__name__ == "LBFGS" else []):
            settings = {k: v.item() if isinstance(v, torch.Tensor) else v for k, v in kwargs.items() if k not in IMPLEMENTATIONS}
            if "betas" in settings:
                settings["betas"] = tuple(float(b) for b in settings["betas"])
            for groups in (False, True) if cls.__name__ not in ("LBFGS", "Muon") and not settings else (False,):
                for dtype in (torch.float64,) if cls.__name__ == "LBFGS" else (torch.float64, torch.float32):
                    key = repr((sorted(settings.items()), groups, dtype))
                    if key in seen:
                        continue
                    seen.add(key)
                    shown, state = trajectory(cls, settings, dtype, groups)
                    case = {"optimizer": cls.__name__, "settings": settings, "steps": shown_steps(cls, settings), "dtype": str(dtype)[6:], "groups": groups, "after": shown}
                    if dtype == torch.float64:
                        case["state"] = state
                    yield case


SCHEDULES = [
    ("StepLR", {"step_size": 4}), ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [3, 7, 7, 12]}), ("MultiStepLR", {"milestones": [5], "gamma": 0.3}),
    ("ConstantLR", {}), ("ConstantLR", {"factor": 0.5, "total_iters": 3}),
    ("LinearLR", {}), ("LinearLR", {"start_factor": 0.1, "end_factor": 0.7, "total_iters": 7}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("PolynomialLR", {}), ("PolynomialLR", {"total_iters": 9, "power": 2.0}),
    ("CosineAnnealingLR", {"T_max": 10}), ("CosineAnnealingLR", {"T_max": 4, "eta_min": 0.001}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}), ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "step_size_down": 5, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "mode": "exp_range", "gamma": 0.9, "cycle_momentum": False}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 30}), ("OneCycleLR", {"max_lr": [0.3, 0.1], "total_steps": 26, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 40, "three_phase": True, "pct_start": 0.4, "cycle_momentum": False}),
    ("SWALR", {"swa_lr": 0.05}), ("SWALR", {"swa_lr": 0.5, "anneal_epochs": 4, "anneal_strategy": "linear"}),
    ("ReduceLROnPlateau", {"factor": 0.5, "patience": 2}), ("ReduceLROnPlateau", {"mode": "max", "patience": 1, "cooldown": 2, "min_lr": 0.001}),
    ("ReduceLROnPlateau", {"threshold_mode": "abs", "threshold": 0.05, "patience": 0, "factor": 0.9}),
    ("LambdaLR", {}), ("MultiplicativeLR", {}),
    ("SequentialLR", {"of": [["LinearLR", {"total_iters": 4}], ["ExponentialLR", {"gamma": 0.9}], ["CosineAnnealingLR", {"T_max": 6}]], "milestones": [5, 12]}),
    ("SequentialLR", {"of": [["ConstantLR", {}], ["CosineAnnealingWarmRestarts", {"T_0": 3}]], "milestones": [6]}),
    ("ChainedScheduler", {"of": [["ConstantLR", {"factor": 0.1, "total_iters": 2}], ["ExponentialLR", {"gamma": 0.9}]]}),
]


def made(name, settings, opt):
    if name == "LambdaLR":
        return L.LambdaLR(opt, lambda epoch: 0.95 ** epoch)
    if name == "MultiplicativeLR":
        return L.MultiplicativeLR(opt, lambda epoch: 1 - 0.1 / (1 + epoch))
    if name == "SWALR":
        return torch.optim.swa_utils.SWALR(opt, **settings)
    if name == "SequentialLR":
        return L.SequentialLR(opt, [made(n, s, opt) for n, s in settings["of"]], settings["milestones"])
    if name == "ChainedScheduler":
        return L.ChainedScheduler([made(n, s, opt) for n, s in settings["of"]], opt)
    return getattr(L, name)(opt, **settings)


def schedules():
    for name, settings in SCHEDULES:
        for optimizer in ("SGD", "Adam"):
            p, q = torch.zeros(3, requires_grad=True), torch.zeros(2, requires_grad=True)
            kind = {"momentum": 0.9} if optimizer == "SGD" else {}
            opt = getattr(torch.optim, optimizer)([{"params": [p]}, {"params": [q], "lr": 0.05}], lr=0.1, **kind)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                s = made(name, settings, opt)
                rates = []
                for k in range(25):
                    momentum = [g["momentum"] if optimizer == "SGD" else g["betas"][0] for g in opt.param_groups]
                    rates.append([g["lr"] for g in opt.param_groups] + momentum)
                    opt.step()
                    s.step(abs(5 - k) * 0.1) if name == "ReduceLROnPlateau" else s.step()
            yield {"schedule": name, "settings": settings, "optimizer": optimizer, "rates": rates}


def texts():
    p = torch.zeros(3, requires_grad=True)
    for cls, settings in ((torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}), (torch.optim.Adam, {}), (torch.optim.LBFGS, {}),
                          (torch.optim.Adafactor, {}), (torch.optim.Muon, {})):
        yield {"text": repr(cls([p.reshape(1, 3).detach().requires_grad_() if cls is torch.optim.Muon else p], **settings)),
               "optimizer": cls.__name__, "settings": settings}


def cases():
    yield from optimizers()
    yield from schedules()
    yield from texts()

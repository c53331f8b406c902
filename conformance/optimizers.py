"""Suite `optimizers`: parameter trajectories of every optimizer, learning rates of every scheduler.

The gradients come from a closed form in NumPy, so that only the optimizer is judged.
"""

import numpy as np
import torch
from torch.testing._internal.common_optimizers import optim_db

import judging as common
import snippets
from judging import Mismatch, Tol, check_same

INFOS = {i.optim_cls.__name__: i for i in optim_db}
STEPS = 20
SCHEDULERS = snippets.Suite("schedulers", before="""
p, q = torch.zeros(3, requires_grad=True), torch.zeros(2, requires_grad=True)
o = optim.SGD([{"params": [p]}, {"params": [q], "lr": 0.05}], lr=0.1, momentum=0.9)
""", after="""
out = []
for k in range(25):
    out.append([(g["lr"], g["momentum"]) for g in o.param_groups])
    o.step()
    s.step(abs(5 - k) * 0.1) if isinstance(s, L.ReduceLROnPlateau) else s.step()
""")


def list_cases(opts):
    return list(INFOS) + SCHEDULERS.list_cases(opts)


def category_of(case):
    return "optimizers" if case in INFOS else "lr schedulers"


def problem(dtype, flat):
    """Data and start of a small regression through tanh."""
    r = np.random.RandomState(5)
    x, y = r.randn(8, 4), r.rand(8, 3) - 0.5
    w, b = r.randn(4, 3) * 0.4, r.randn(3) * 0.1
    a = [v.astype(dtype) for v in (x, y, w, b)]
    return a[0], a[1], a[2:3] if flat else a[2:]


def loss_and_grads(x, y, params):
    """Mean squared error of tanh(x w + b) and its gradients."""
    z = x @ params[0] + (params[1] if len(params) > 1 else 0)
    t = np.tanh(z)
    d = (t - y) * (1 - t * t) * np.asarray(2.0 / y.size, x.dtype)
    return ((t - y) ** 2).mean(), [x.T @ d, d.sum(0)][:len(params)]


def trajectory(module, convert, back, cls, kwargs, dtype, info, groups=False, resume=False):
    """Parameters after each step, and the optimizer's state at the end."""
    x, y, start = problem(dtype, info.optim_cls.__name__ == "Muon")
    params = [convert(torch.from_numpy(p.copy()).requires_grad_(True)) for p in start]
    given = [{"params": [params[0]], "lr": 0.02}, {"params": params[1:]}] if groups else params
    opt = cls(given, **kwargs)
    path = []

    def closure():
        now = [back(p).numpy() for p in params]
        loss, grads = loss_and_grads(x, y, now)
        opt.zero_grad()
        for p, g in zip(params, grads):
            g = torch.from_numpy(np.array(g, dtype=dtype))
            if info.only_supports_sparse_grads:
                s = g.to_sparse(1)
                p.grad = module.sparse_coo_tensor(convert(s._indices()), convert(s._values()), list(g.shape))
            else:
                p.grad = convert(g)
        return convert(torch.tensor(loss, dtype=torch.float64 if dtype == np.float64 else torch.float32))

    for k in range(STEPS):
        if resume and k == STEPS // 2:
            saved = opt.state_dict()
            opt = cls(given if not groups else params, **kwargs)
            opt.load_state_dict(saved)
        if info.step_requires_closure:
            opt.step(closure)
        else:
            closure()
            opt.step()
        path += [back(p).clone() for p in params]
    return path, opt.state_dict()


def checks(case, ctx):
    """Yield (key, thunk) for one optimizer, or for one scheduler."""
    if case not in INFOS:
        yield from SCHEDULERS.checks(case, ctx)
        return
    info, rt = INFOS[case], ctx.rt

    def judge(kwargs, dtype, **how):
        name = info.optim_cls.__name__
        loose = {"Muon": 3e-2, "LBFGS": 1e-3, "Adafactor": 1e-3}.get(name, 0)
        tol = Tol(max(loose, 1e-4), max(loose, 1e-5)) if dtype == np.float32 else Tol(
            max(loose if name == "Muon" else 0, 1e-6), max(loose if name == "Muon" else 0, 1e-9))
        want, state = common.reference(
            trajectory, torch, lambda t: t, lambda t: t.detach(), info.optim_cls, common.clone(kwargs), dtype,
            info, **how)
        cls = rt.resolve(f"optim.{name}")
        got, mine = trajectory(ctx.target, rt.value, lambda t: rt.back(t).clone(), cls, rt.value(kwargs),
                               dtype, info, **how)
        per = len(want) // STEPS
        for i, (a, b) in enumerate(zip(got, want)):
            why = common.differ(a, b, tol)
            if why:
                raise Mismatch(f"step {i // per + 1}: {why}")
        if not how.get("resume"):
            check_same(rt, mine, state, Tol(1e-3, 1e-5, True), "state_dict: ")

    for item in info.optim_inputs_func(device="cpu"):
        for dtype in (np.float32, np.float64):
            yield f"{item.desc}/{dtype.__name__}", lambda i=item, d=dtype: judge(i.kwargs, d)
    yield "resume from state_dict/float64", lambda: judge({}, np.float64, resume=True)
    if info.supports_param_groups and case not in ("LBFGS", "Muon"):
        yield "two param groups/float64", lambda: judge({}, np.float64, groups=True)

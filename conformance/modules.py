"""Suite `modules`: every ModuleInfo: state_dict, forward in train/eval, gradients."""

import torch
from torch.testing._internal.common_modules import module_db

import judging as common
from judging import Mismatch, Skip, Tol, check_same, clone, pick, reference, tensors


def remember_arguments(cls):
    """Let instances of a class recall how they were built, so that they can be built again."""
    plain = cls.__init__

    def __init__(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        self.__dict__["_made"] = (args, kwargs)
    cls.__init__ = __init__


remember_arguments(torch.nn.TransformerEncoderLayer)
INFOS = {}
for _m in module_db:
    if _m.name.startswith("nn."):
        INFOS.setdefault(_m.name, _m)


def list_cases(opts):
    return list(INFOS)


def category_of(case):
    return "modules"


def inputs_of(info, dtype, training, grad):
    """The ModuleInfo's inputs, generated the same way each time."""
    common.seed_all(common.seed_of(info.name, dtype, training))
    return list(reference(info.module_inputs_func, info, device="cpu", dtype=dtype,
                          requires_grad=grad, training=training))


def checks(case, ctx):
    """Yield (key, thunk) for one module."""
    info = INFOS[case]
    dtypes = info.supported_dtypes("cpu")
    modes = [("train", True), ("eval", False)]
    if torch.float32 in dtypes:
        yield "state_dict", lambda: each(ctx, info, torch.float32, False, state)
        for label, training in modes:
            yield f"forward-{label}/float32", lambda t=training: each(ctx, info, torch.float32, t, forward)
    if torch.float64 in dtypes:
        for label, training in modes:
            yield f"grad-{label}/float64", lambda t=training: each(ctx, info, torch.float64, t, grad)


def each(ctx, info, dtype, training, judge):
    """Build the module in both libraries for several inputs and judge it."""
    items = inputs_of(info, dtype, training, judge is grad)
    done, why = 0, "no inputs"
    for i in pick(len(items), ctx.opts["module_samples"]):
        item = items[i]
        if item.forward_input is None:
            continue
        try:
            theirs, ours = build(ctx, info, item, dtype, training)
            judge(ctx, item, theirs, ours, dtype)
            done += 1
        except Skip as e:
            why = str(e)
        except Mismatch as e:
            raise Mismatch(f"input {i} {item.desc}: {e}") from None
    if not done:
        raise Skip(why)


def build(ctx, info, item, dtype, training):
    """The same module in both libraries, with the same parameters."""
    rt = ctx.rt
    made = item.constructor_input
    torch.manual_seed(3)
    theirs = reference(info.module_cls, *clone(made.args), **clone(made.kwargs)).to(dtype).train(training)
    cls = rt.resolve(info.name)
    if ctx.target.__name__ == "torch":
        torch.manual_seed(4)
    ours = cls(*rt.value(made.args), **rt.value(made.kwargs)).to(rt.value(dtype)).train(training)
    if info.is_lazy:
        fwd = item.forward_input
        with torch.no_grad():
            theirs(*clone(fwd.args), **clone(fwd.kwargs))
        ours(*rt.value(fwd.args), **rt.value(fwd.kwargs))
    sd = theirs.state_dict()
    mine = ours.state_dict()
    if list(mine) != list(sd):
        raise Mismatch(f"state_dict keys {list(mine)} instead of {list(sd)}")
    for k in sd:
        if isinstance(sd[k], torch.Tensor):
            check_same(rt, mine[k], sd[k], None, f"state_dict {k}: ", values=False)
    ours.load_state_dict({k: rt.value(v) for k, v in sd.items()})
    return theirs, ours


def state(ctx, item, theirs, ours, dtype):
    """After load_state_dict the state is the reference's."""
    rt = ctx.rt
    mine = ours.state_dict()
    for k, v in theirs.state_dict().items():
        if isinstance(v, torch.Tensor):
            check_same(rt, mine[k], v, None, f"state_dict {k}: ")
    for (a, p), (b, q) in zip(ours.named_parameters(), theirs.named_parameters()):
        if a != b or tuple(p.shape) != tuple(q.shape) or p.requires_grad != q.requires_grad:
            raise Mismatch(f"parameter {a} {tuple(p.shape)} instead of {b} {tuple(q.shape)}")


def outputs(x, is_tensor):
    out = []
    if is_tensor(x):
        out.append(x)
    elif isinstance(x, (list, tuple)):
        for y in x:
            out += outputs(y, is_tensor)
    return out


def randomised(module, fwd):
    """Whether the reference's forward depends on the random generator."""
    res = []
    saved = {k: v.clone() for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)}
    for s in (1, 2):
        torch.manual_seed(s)
        with torch.no_grad():
            res.append(outputs(reference(module, *clone(fwd.args), **clone(fwd.kwargs)),
                               lambda y: isinstance(y, torch.Tensor)))
        module.load_state_dict(saved)
    return not all(a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(*res))


TOL32, TOL64 = Tol(1e-5, 1e-5, True), Tol(1e-7, 1e-8, True)


def forward(ctx, item, theirs, ours, dtype):
    rt, fwd = ctx.rt, item.forward_input
    random = randomised(theirs, fwd)
    with torch.no_grad():
        want = reference(theirs, *clone(fwd.args), **clone(fwd.kwargs))
    with ctx.target.no_grad():
        got = ours(*rt.value(fwd.args), **rt.value(fwd.kwargs))
    check_same(rt, got, want, TOL32, "", values=not random)
    if not random:
        mine = ours.state_dict()
        for k, v in theirs.state_dict().items():
            if isinstance(v, torch.Tensor):
                check_same(rt, mine[k], v, TOL32, f"state after forward {k}: ")


def grad(ctx, item, theirs, ours, dtype):
    rt, fwd = ctx.rt, item.forward_input
    random = randomised(theirs, fwd)
    origin = [fwd.args, fwd.kwargs]
    ref = clone(origin)
    is_ref = lambda y: isinstance(y, torch.Tensor)  # noqa: E731
    outs = [o for o in outputs(reference(theirs, *ref[0], **ref[1]), is_ref) if o.requires_grad]
    if not outs:
        raise Skip("no output requires grad")
    gen = torch.Generator().manual_seed(7)
    cots = [torch.randn(o.shape, generator=gen, dtype=torch.float64).to(o.dtype) for o in outs]
    reference(lambda: sum((o * c).sum() for o, c in zip(outs, cots)).backward())

    memo = {}
    mine = rt.value(origin, memo)
    mouts = [o for o in outputs(ours(*mine[0], **mine[1]), rt.is_tensor) if o.requires_grad]
    if len(mouts) != len(outs):
        raise Mismatch(f"{len(mouts)} outputs require grad instead of {len(outs)}")
    loss = 0
    for o, c in zip(mouts, cots):
        loss = loss + (o * rt.value(c)).sum()
    loss.backward()
    pairs = [(f"input {i}", memo[id(a)][0], b) for i, (a, b) in enumerate(zip(tensors(origin), tensors(ref)))
             if id(a) in memo and b.requires_grad]
    pairs += [(n, p, q) for (n, p), q in zip(ours.named_parameters(), theirs.parameters())]
    for name, p, q in pairs:
        want = torch.zeros_like(q) if q.grad is None else q.grad
        if p.grad is None:
            if q.grad is None or bool((want == 0).all()):
                continue
            raise Mismatch(f"grad of {name}: None instead of a tensor")
        check_same(rt, p.grad, want.detach(), TOL64, f"grad of {name}: ", values=not random)

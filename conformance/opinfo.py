"""Suite `opinfo`: every OpInfo of PyTorch's op_db, by dtype and variant."""

import itertools

import torch
from torch.testing._internal import common_device_type as cdt
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import (
    BinaryUfuncInfo, DecorateInfo, ReductionOpInfo, UnaryUfuncInfo)

import judging as common
from judging import Mismatch, Skip, Tol, check_same, clone, pick, reference, tensors

BASE_DTYPES = [torch.float32, torch.float64, torch.int64, torch.bool]
COMPLEX_DTYPES = [torch.complex64, torch.complex128]

MATMUL = set("""mm bmm matmul dot vdot inner outer ger addbmm baddbmm addmv chain_matmul linalg.multi_dot
 linalg.vecdot __rmatmul__""".split())
LINALG = set("""svd qr lu_solve lu_unpack cholesky cholesky_inverse cholesky_solve inverse logdet slogdet det
 symeig renorm svd_lowrank pca_lowrank linalg.lstsq corrcoef""".split())
RANDOM = set("""bernoulli exponential geometric multinomial normal uniform rand randint rand_like randint_like
 randperm""".split())
CREATION = set("""full full_like zeros zeros_like ones ones_like empty_strided empty_permuted eye new_empty
 scalar_tensor complex vander cartesian_prod diagflat""".split())
SORTING = set("""argsort kthvalue msort unique mode median nanmedian nanquantile bincount isin""".split())
INDEXING = set("""scatter_reduce index_add index_put take masked_fill masked_select nonzero_static argwhere
 as_strided_scatter _unsafe_masked_index _unsafe_masked_index_put_accumulate select triu""".split())
REDUCTION = set("""cumsum var_mean std_mean logsumexp aminmax min dist diff nansum count_nonzero softmax
 log_softmax renorm equal""".split())
CAST = set("""double float half long short cdouble chalf to type_as""".split())
ELEMENTWISE = set("""clamp lerp clone contiguous nan_to_num frexp positive""".split())
BINARY = {"logaddexp2"}
RANDOM_NAMES = ("dropout", "fractional_max_pool", "_lowrank", "rrelu", "scaled_dot_product_attention",
                "multi_head_attention_forward")
SHAPE_ONLY = set("""empty_strided empty_permuted new_empty resize_ resize_as_""".split())
ILL_CONDITIONED = {"polygamma", "special.polygamma", "special.hermite_polynomial_he"}  # near poles and zeros
SPECTRAL = {"svd": "svd", "linalg.svd": "svd", "linalg.eigh": "eigh", "linalg.eig": "eig",
            "svd_lowrank": "svd", "pca_lowrank": "svd"}


def case_name(op):
    return op.name + (f"/{op.variant_test_name}" if op.variant_test_name else "")


def category(op):
    """A coarse family for an OpInfo."""
    n = op.name
    if (n.startswith(("_", "jiterator", "torch.", "native_")) and not n.startswith("__")) or n in (
            "slice", "max_pool2d_with_indices_backward"):
        return "internal"
    if "sparse" in n:
        return "sparse"
    if n.startswith("nn.functional."):
        f = n.split(".")[-1]
        for words, cat in (
                (("dropout",), "nn random (dropout)"), (("conv", "unfold", "fold"), "nn conv/fold"),
                (("pool",), "nn pooling"), (("loss", "cross_entropy", "nll", "kl_div"), "nn loss"),
                (("norm", "cosine_similarity", "pairwise_distance", "pdist", "normalize"), "nn norm/distance"),
                (("pad", "interpolate", "upsample", "grid", "pixel", "channel_shuffle"), "nn pad/resample"),
                (("embedding", "attention", "linear", "one_hot"), "nn linear/embedding/attention")):
            if any(w in f for w in words) and f not in ("rrelu",):
                return cat
        return "nn activation"
    for head, cat in (("linalg.", "linalg"), ("fft.", "fft"), ("special.", "special"),
                      ("signal.", "signal windows"), ("masked.", "masked")):
        if n.startswith(head) and n not in MATMUL:
            return cat
    if n in ("stft", "istft"):
        return "fft"
    for names, cat in ((MATMUL, "matmul"), (LINALG, "linalg"), (RANDOM, "random"), (CREATION, "creation"),
                       (SORTING, "sort/search/quantile"), (INDEXING, "indexing/scatter"),
                       (REDUCTION, "reduction/scan"), (CAST, "casting"), (ELEMENTWISE, "pointwise (other)")):
        if n in names:
            return cat
    if isinstance(op, ReductionOpInfo):
        return "reduction/scan"
    if isinstance(op, BinaryUfuncInfo) or n in BINARY or (n.startswith("__r") and n.endswith("__")):
        return "pointwise binary"
    if isinstance(op, UnaryUfuncInfo):
        return "pointwise unary"
    return "shape/view/join"


OPS = {}
for _op in op_db:
    OPS.setdefault(case_name(_op), _op)


def list_cases(opts):
    """Case names; the internal aten entries only on request."""
    return [n for n, op in OPS.items() if opts.get("internal") or category(op) != "internal"]


def category_of(case):
    return category(OPS[case])


def is_random(op):
    return op.name in RANDOM or any(w in op.name for w in RANDOM_NAMES)


def tolerance(op, dtype):
    """assert_close defaults, widened by the OpInfo's own overrides for the CPU."""
    rtol = atol = 0.0
    for d in op.decorators:
        inner, device = [d], None
        if isinstance(d, DecorateInfo):
            inner, device = d.decorators, d.device_type
        if device not in (None, "cpu"):
            continue
        for f in inner:
            if isinstance(f, cdt.toleranceOverride) and dtype in f.d:
                atol, rtol = max(atol, f.d[dtype].atol), max(rtol, f.d[dtype].rtol)
            elif isinstance(f, cdt.precisionOverride) and dtype in f.d:
                atol = max(atol, f.d[dtype])
    cat = category(op)
    if op.name in ILL_CONDITIONED and dtype == torch.float32:
        rtol = max(rtol, 1e-4)
    scaled = not isinstance(op, (UnaryUfuncInfo, BinaryUfuncInfo)) and not cat.startswith("pointwise") or (
        op.name in ILL_CONDITIONED)
    if scaled and dtype in (torch.float32, torch.complex64):
        rtol = max(rtol, 1e-4 if cat == "linalg" else 5e-6)
    if scaled and dtype in (torch.float64, torch.complex128) and cat == "linalg":
        rtol = max(rtol, 1e-6)
    return Tol(rtol, atol, scaled)


def samples_of(op, dtype, opts, requires_grad=False):
    """The OpInfo's samples, generated the same way each time."""
    common.seed_all(common.seed_of(case_name(op), dtype))
    make = op.reference_inputs if opts.get("reference_inputs") and not requires_grad else op.sample_inputs
    return reference(lambda: list(itertools.islice(make("cpu", dtype, requires_grad=requires_grad), 400)))


def variants(op):
    """(label, reference callable) for each way of calling the op."""
    yield "function", op.op
    for label, f in (("method", op.method_variant), ("inplace", op.inplace_variant),
                     ("operator", op.operator_variant), ("inplace-operator", op.inplace_operator_variant)):
        if f is not None and f is not op.op:
            yield label, f


def target_fn(rt, label, f):
    """The target's counterpart of a variant."""
    if label in ("method", "inplace", "operator", "inplace-operator"):
        if getattr(f, "__module__", None) in ("_operator", "operator"):
            return f
        name = getattr(f, "__name__", "")
        if hasattr(torch.Tensor, name) and "<lambda>" not in name and name not in ("", "wrapper"):
            return rt.method(name)
    return rt.fn(f)


def checks(case, ctx):
    """Yield (key, thunk) for one OpInfo."""
    op, opts = OPS[case], ctx.opts
    wanted = BASE_DTYPES + (COMPLEX_DTYPES if opts.get("complex") else [])
    dtypes = [d for d in wanted if d in op.supported_dtypes("cpu")]
    for dtype in dtypes:
        cache = []

        def samples(dtype=dtype, cache=cache):
            if not cache:
                cache.append(samples_of(op, dtype, opts))
            return cache[0]

        short = common.short_name(dtype)
        for label, f in variants(op):
            n = opts["samples"] if label == "function" else max(2, opts["samples"] // 2)
            yield f"{short}/{label}", lambda f=f, label=label, dtype=dtype, n=n, s=samples: forward(
                ctx, op, label, f, dtype, s(), n)
    if dtypes:
        for alias in op.aliases:
            dtype = dtypes[0]
            yield f"{common.short_name(dtype)}/alias:{alias.name}", lambda a=alias, d=dtype: forward(
                ctx, op, "alias", a.op, d, samples_of(op, d, opts), 2)
        if op.supports_out and torch.float32 in dtypes and opts.get("out"):
            yield "float32/out", lambda: out_variant(
                ctx, op, torch.float32, samples_of(op, torch.float32, opts), 2)
    if op.supports_autograd and torch.float64 in op.supported_backward_dtypes("cpu"):
        yield "float64/grad", lambda: gradient(ctx, op, torch.float64, max(2, opts["samples"] // 2), False)
        if opts.get("gradgrad") and op.supports_gradgrad:
            yield "float64/gradgrad", lambda: gradient(ctx, op, torch.float64, 2, True)


def parts(sample):
    return [sample.input, sample.args, sample.kwargs]


def run_samples(samples, n, one):
    """Run `one` on n spread samples; Skip if the reference refused all of them."""
    done, why = 0, "no samples"
    for i in pick(len(samples), n):
        try:
            one(samples[i])
            done += 1
        except Skip as e:
            why = str(e)
        except Mismatch as e:
            raise Mismatch(f"sample {i}: {e}") from None
    if not done:
        raise Skip(why)


def forward(ctx, op, label, f, dtype, samples, n):
    """Compare results, and inputs as they are left behind."""
    rt, tol = ctx.rt, tolerance(op, dtype)
    ours = []
    inplace = label.startswith("inplace")

    def refused(sample):
        import errors
        ref, mine = clone(parts(sample)), rt.value(parts(sample))
        call = target_fn(rt, label, f)
        errors.judge(lambda: f(ref[0], *ref[1], **ref[2]), lambda: call(mine[0], *mine[1], **mine[2]))

    def one(sample):
        if inplace and (sample.broadcasts_input or not isinstance(sample.input, torch.Tensor)):
            raise Skip("in-place call would broadcast its input")
        if label == "method" and not isinstance(sample.input, torch.Tensor):
            raise Skip("no tensor to call a method on")
        ref = clone(parts(sample))
        with torch.no_grad():
            seed(torch)
            try:
                want = f(ref[0], *ref[1], **ref[2])
            except Exception as e:
                if inplace and isinstance(e, RuntimeError):  # e.g. sqrt_() of integers must be refused
                    return refused(sample)
                raise Skip("reference raised " + common.first_line(e, 120)) from e
        if not ours:  # resolved here, so that a missing name counts once the case is real
            ours.append(target_fn(rt, label, f))
        memo = {}
        mine = rt.value(parts(sample), memo)
        seed(ctx.target)
        with no_grad(ctx.target):
            got = ours[0](mine[0], *mine[1], **mine[2])
        values = op.name not in SHAPE_ONLY and (not is_random(op) or op.name.endswith("attention"))
        if op.name.endswith("scaled_dot_product_attention") and sample.kwargs.get("dropout_p"):
            values = False
        kind = SPECTRAL.get(op.name)
        if kind and isinstance(want, (tuple, list)):
            spectral(rt, kind, op, got, want, ref, tol)
        else:
            check_same(rt, got, want, tol, "", values)
        if values:
            for a, b in zip(tensors(parts(sample)), tensors(ref)):
                if id(a) in memo:
                    check_same(rt, memo[id(a)][0], b, tol, "input after the call: ")

    run_samples(samples, n, one)


def seed(module):
    if hasattr(module, "manual_seed"):
        module.manual_seed(42)


def no_grad(module):
    import contextlib
    return module.no_grad() if hasattr(module, "no_grad") else contextlib.nullcontext()


def out_variant(ctx, op, dtype, samples, n):
    """The out= form: the result lands in the given tensors."""
    rt, tol = ctx.rt, tolerance(op, dtype)
    ours = []

    def one(sample):
        ref = clone(parts(sample))
        with torch.no_grad():
            want = reference(op.op, ref[0], *ref[1], **ref[2])
        single = isinstance(want, torch.Tensor)
        if not single and not (isinstance(want, tuple) and all(isinstance(w, torch.Tensor) for w in want)):
            raise Skip("no tensor result")
        outs = [torch.empty_like(w).fill_(1) for w in ([want] if single else want)]
        with torch.no_grad():
            reference(op.op, ref[0], *ref[1], **ref[2], out=outs[0] if single else tuple(outs))
        if not ours:
            ours.append(rt.fn(op.op))
        mine = rt.value(parts(sample))
        mouts = [rt.value(torch.empty_like(w).fill_(1)).clone() for w in outs]  # own memory, may be resized
        with no_grad(ctx.target):
            ours[0](mine[0], *mine[1], **mine[2], out=mouts[0] if single else tuple(mouts))
        values = op.name not in SHAPE_ONLY and not is_random(op) and op.name not in SPECTRAL
        check_same(rt, mouts, outs, tol, "out ", values)

    run_samples(samples, n, one)


def spectral(rt, kind, op, got, want, ref, tol):
    """Decompositions are unique only up to phase: compare spectrum and reconstruction."""
    check_same(rt, got, want, tol, "", values=False)
    g, w = [rt.back(x) for x in got], list(want)
    loose = Tol(max(tol.rtol, 1e-4 if w[0].dtype in (torch.float32, torch.complex64) else 1e-6),
                max(tol.atol, 1e-4 if w[0].dtype in (torch.float32, torch.complex64) else 1e-6), True)
    lam = 1 if kind == "svd" else 0
    a, b = g[lam], w[lam]
    if kind == "eig":
        for m in (a, b):
            if m.numel() == 0:
                return
        key = lambda m: torch.view_as_real(m)[..., 0] * 1e3 + torch.view_as_real(m)[..., 1]  # noqa: E731
        a = a.gather(-1, key(a).argsort(-1))
        b = b.gather(-1, key(b).argsort(-1))
    why = common.differ(a, b, loose, "spectrum: ")
    if why:
        raise Mismatch(why)
    if g[0].numel() == 0 or g[lam].numel() == 0 or "lowrank" in op.name:
        return

    def rebuild(parts_):
        if kind == "svd":
            u, s, v = parts_
            vh = v.mH if op.name == "svd" else v
            k = s.shape[-1]
            return (u[..., :k] * s[..., None, :].to(u.dtype)) @ vh[..., :k, :]
        lam_, v = parts_
        if kind == "eigh":
            return (v * lam_[..., None, :].to(v.dtype)) @ v.mH
        x = ref[0].to(v.dtype)
        return x @ v - v * lam_[..., None, :]
    why = common.differ(rebuild(g), rebuild(w), Tol(loose.rtol, max(loose.atol, 1e-5), True), "reconstruction: ")
    if why:
        raise Mismatch(why)


def gradient(ctx, op, dtype, n, second):
    """Back-propagate random cotangents; compare the gradients (and theirs)."""
    rt = ctx.rt
    cat = category(op)
    base = tolerance(op, dtype)
    tol = Tol(max(base.rtol, 1e-5 if cat == "linalg" else 1e-6), max(base.atol, 1e-8), base.scaled)
    samples = samples_of(op, dtype, ctx.opts, requires_grad=True)
    ours = []

    def outputs(result, is_tensor):
        flat = []

        def walk(y):
            if is_tensor(y):
                if y.requires_grad:
                    flat.append(y)
            elif isinstance(y, (list, tuple)):
                for z in y:
                    walk(z)
        walk(result)
        return flat

    def one(sample):
        ref = clone(parts(sample))
        leaves = [t for t in tensors(ref) if t.requires_grad]
        origins = [t for t in tensors(parts(sample)) if t.requires_grad]
        if not leaves:
            raise Skip("no input requires grad")
        proc = sample.output_process_fn_grad
        random = is_random(op)

        def forward_ref():
            seed(torch)
            return outputs(proc(op.gradcheck_wrapper(op.op, ref[0], *ref[1], **ref[2])),
                           lambda y: isinstance(y, torch.Tensor))
        outs = reference(forward_ref)
        if not outs:
            raise Skip("no output requires grad")
        gen = torch.Generator().manual_seed(7)

        def like(t):
            return torch.randn(t.shape, generator=gen, dtype=t.dtype)
        cots = [like(o) for o in outs]
        want = reference(torch.autograd.grad, outs, leaves, cots, allow_unused=True, create_graph=second)
        if second:
            live = [g for g in want if g is not None and g.requires_grad]
            if not live:
                raise Skip("first-order gradient is constant")
            cots2 = [like(g) for g in live]
            want2 = reference(torch.autograd.grad, live, leaves, cots2, allow_unused=True)

        if not ours:
            ours.append(rt.fn(op.op))
            ours.append(rt.fn(op.gradcheck_wrapper))
        memo = {}
        mine = rt.value(parts(sample), memo)
        mleaves = [memo[id(t)][0] for t in origins]
        seed(ctx.target)
        mouts = outputs(rt.fn(proc)(ours[1](ours[0], mine[0], *mine[1], **mine[2])), rt.is_tensor)
        if len(mouts) != len(outs):
            raise Mismatch(f"{len(mouts)} outputs require grad instead of {len(outs)}")
        grad = rt.resolve("autograd.grad")
        kw = {"create_graph": True} if second else {}
        got = grad(mouts, mleaves, [rt.value(c) for c in cots], allow_unused=True, **kw)
        compare(got, want, leaves, random, "grad of input ")
        if second:
            mlive = [m for m, g in zip(got, want) if g is not None and g.requires_grad]
            got2 = grad(mlive, mleaves, [rt.value(c) for c in cots2], allow_unused=True)
            compare(got2, want2, leaves, random, "second grad of input ")

    def compare(got, want, leaves, random, where):
        for i, (g, w, leaf) in enumerate(zip(got, want, leaves)):
            w = torch.zeros_like(leaf) if w is None else w
            if g is None:
                if bool((w == 0).all()):
                    continue
                raise Mismatch(f"{where}{i}: None instead of a tensor")
            check_same(rt, g, w.detach(), tol, f"{where}{i}: ", values=not random)

    run_samples(samples, n, one)



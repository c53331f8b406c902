"""The cases of torch_suite.py: name, group, spec, set-up that returns the timed function, compulsory work."""

CASES = []          # (name, group, spec, factory, flops, bytes, needs_compile)


def case(name, group, spec, flops=None, bytes=None, compile=False):
    def deco(f):
        CASES.append((name, group, spec, f, flops, bytes, compile))
        return f
    return deco


def reg(name, group, spec, f, flops=None, bytes=None):
    CASES.append((name, group, spec, f, flops, bytes, False))


def build():
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    torch.manual_seed(0)
    M1, M16 = 1 << 20, 1 << 24
    R = torch.randn

    def ng(fn):                     # run under no_grad
        def g():
            with torch.no_grad():
                return fn()
        return g

    # ------------------------------------------------------------------ overhead
    def t4():
        a, b = R(4), R(4)
        return lambda: a + b
    reg("overhead.add_4", "overhead", "f32[4] + f32[4], no grad needed", t4)

    def t4g():
        a, b = R(4, requires_grad=True), R(4)
        return lambda: a + b
    reg("overhead.add_4_record", "overhead", "f32[4] (requires_grad) + f32[4]: op plus graph node", t4g)

    def ch(n, grad=False):
        def f():
            a, b = R(n, requires_grad=grad), R(n)

            def run():
                x = a
                for _ in range(5):
                    x = x * b
                    x = x + a
                if grad:
                    a.grad = None
                    x.sum().backward()
                return x
            return run
        return f
    reg("overhead.chain10_4", "overhead", "10 ops on f32[4]: 5 x (x = x*b; x = x+a)", ch(4))
    reg("overhead.chain10_1k", "overhead", "same chain on f32[1024]", ch(1024))
    reg("overhead.chain10_4_bwd", "overhead", "same chain on f32[4] requiring grad, then sum().backward()", ch(4, True))

    def views():
        a = R(64, 64)
        return lambda: a.t()
    reg("overhead.transpose_view", "overhead", "a.t() view of f32[64,64]", views)

    def sl():
        a = R(64, 64)
        return lambda: a[3:10, 5]
    reg("overhead.slice_view", "overhead", "a[3:10, 5] view of f32[64,64]", sl)

    def item():
        a = R(1)
        return lambda: a.item()
    reg("overhead.item", "overhead", "item() of f32[1]", item)
    reg("overhead.zeros_4", "overhead", "zeros(4)", lambda: (lambda: torch.zeros(4)))

    def mm4():
        a, b = R(4, 4), R(4, 4)
        return lambda: a @ b
    reg("overhead.matmul_4x4", "overhead", "f32[4,4] @ f32[4,4]", mm4)

    def tiny():
        return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))

    def tinyf():
        m, x = tiny(), R(1, 16)
        return ng(lambda: m(x))
    reg("overhead.mlp_tiny_fwd", "overhead", "MLP 16-64-64-4 with ReLU, batch 1, no grad, forward", tinyf)

    def tinys():
        m, x, y = tiny(), R(1, 16), R(1, 4)
        o = torch.optim.SGD(m.parameters(), lr=0.01)

        def run():
            o.zero_grad()
            loss = F.mse_loss(m(x), y)
            loss.backward()
            o.step()
        return run
    reg("overhead.mlp_tiny_step", "overhead", "same MLP: zero_grad, forward, mse_loss, backward, SGD(lr=0.01) step", tinys)

    # ------------------------------------------------------------------ elementwise
    def un(fn, n, dt=None):
        def f():
            a = R(n)
            if dt is not None:
                a = a.to(dt)
            return lambda: fn(a)
        return f

    def bi(fn, n, dt=None):
        def f():
            a, b = R(n), R(n)
            if dt is not None:
                a, b = a.to(dt), b.to(dt)
            return lambda: fn(a, b)
        return f
    for n, tag in ((M1, "1m"), (M16, "16m")):
        reg(f"ew.add_{tag}", "elementwise", f"a+b, f32[{n}], new output", bi(torch.add, n), n, 12 * n)
        reg(f"ew.mul_{tag}", "elementwise", f"a*b, f32[{n}], new output", bi(torch.mul, n), n, 12 * n)
        for nm, fn in (("exp", torch.exp), ("gelu", F.gelu), ("sigmoid", torch.sigmoid), ("tanh", torch.tanh), ("relu", torch.relu)):
            reg(f"ew.{nm}_{tag}", "elementwise", f"{nm}{' (erf)' if nm == 'gelu' else ''} of f32[{n}], new output", un(fn, n), None, 8 * n)

        def wh(n=n):
            a, b = R(n), R(n)
            c = R(n) > 0
            return lambda: torch.where(c, a, b)
        reg(f"ew.where_{tag}", "elementwise", f"where(bool[{n}], f32, f32), new output", wh, None, 13 * n)

        def addo(n=n):
            a, b, o = R(n), R(n), torch.empty(n)
            return lambda: torch.add(a, b, out=o)
        reg(f"ew.add_out_{tag}", "elementwise", f"a+b into an existing output, f32[{n}] (no allocation)", addo, n, 12 * n)

        def addi(n=n):
            a, b = R(n), R(n)
            return lambda: a.add_(b, alpha=1e-9)
        reg(f"ew.add_inplace_{tag}", "elementwise", f"a += 1e-9*b, f32[{n}]", addi, 2 * n, 12 * n)

        def expo(n=n):
            a, o = R(n), torch.empty(n)
            return lambda: torch.exp(a, out=o)
        reg(f"ew.exp_out_{tag}", "elementwise", f"exp into an existing output, f32[{n}]", expo, None, 8 * n)
    n = M1
    for nm, fn in (("log", lambda a: torch.log(a.abs_())), ("sin", torch.sin), ("sqrt", lambda a: torch.sqrt(a.abs_())), ("gelu_tanh", lambda a: F.gelu(a, approximate="tanh")), ("silu", F.silu), ("erf", torch.erf)):
        reg(f"ew.{nm}_1m", "elementwise", f"{nm} of f32[{n}], new output" + (" (input made non-negative in place with abs_ inside the timed call)" if nm in ("log", "sqrt") else ""), un(fn, n), None, 8 * n)
    reg("ew.pow_1m", "elementwise", f"|a|**b, f32[{n}] (a.abs_() inside the timed call)", bi(lambda a, b: torch.pow(a.abs_(), b), n), None, 12 * n)
    reg("ew.div_1m", "elementwise", f"a/b, f32[{n}]", bi(torch.div, n), n, 12 * n)
    reg("ew.gt_1m", "elementwise", f"a>b -> bool, f32[{n}]", bi(torch.gt, n), None, 9 * n)
    reg("ew.add_bf16_16m", "elementwise", f"a+b, bf16[{M16}], new output", bi(torch.add, M16, torch.bfloat16), M16, 6 * M16)
    reg("ew.exp_bf16_16m", "elementwise", f"exp, bf16[{M16}], new output", un(torch.exp, M16, torch.bfloat16), None, 4 * M16)
    reg("ew.add_f64_1m", "elementwise", f"a+b, f64[{n}]", bi(torch.add, n, torch.float64), n, 24 * n)
    reg("ew.cast_f32_bf16_16m", "elementwise", f"f32[{M16}] -> bf16, new output", un(lambda a: a.to(torch.bfloat16), M16), None, 6 * M16)

    def chainew(n):
        def f():
            x, w, b = R(n), R(n), R(n)
            return ng(lambda: F.gelu(x * w + b))
        return f
    reg("ew.gelu_xwb_16m", "elementwise", f"gelu(x*w+b), all f32[{M16}], eager, no grad", chainew(M16), None, 16 * M16)

    # ------------------------------------------------------------------ broadcasting
    def bc(s1, s2):
        def f():
            a, b = R(*s1), R(*s2)
            return lambda: a + b
        return f
    for s1, s2, tag in (((1024, 1024), (1024,), "row"), ((1024, 1024), (1024, 1), "col"), ((1024, 1), (1, 1024), "outer")):
        reg(f"bcast.add_1024x1024_{tag}", "broadcast", f"f32{list(s1)} + f32{list(s2)}", bc(s1, s2), M1, 4 * (M1 + (M1 if s1[1] > 1 else 1024) + 1024))

    def bc4():
        a, b = R(8, 64, 56, 56), R(64, 1, 1)
        return lambda: a * b
    nb = 8 * 64 * 56 * 56
    reg("bcast.mul_nchw_channel", "broadcast", "f32[8,64,56,56] * f32[64,1,1]", bc4, nb, 8 * nb)

    # ------------------------------------------------------------------ copies
    def tc():
        a = R(2048, 2048)
        return lambda: a.t().contiguous()
    reg("copy.transpose_2048", "copy", "f32[2048,2048].t().contiguous()", tc, None, 8 * 2048 * 2048)

    def perm():
        a = R(8, 64, 56, 56)
        return lambda: a.permute(0, 2, 3, 1).contiguous()
    reg("copy.nchw_nhwc", "copy", "f32[8,64,56,56].permute(0,2,3,1).contiguous()", perm, None, 8 * nb)

    def headperm():
        a = R(4, 512, 8, 64)
        return lambda: a.transpose(1, 2).contiguous()
    reg("copy.heads_blhd_bhld", "copy", "f32[4,512,8,64].transpose(1,2).contiguous()", headperm, None, 8 * 4 * 512 * 512)
    reg("copy.clone_16m", "copy", f"f32[{M16}].clone()", un(torch.clone, M16), None, 8 * M16)

    def strided():
        a = R(4096, 4096)[:, ::2]
        return lambda: a.contiguous()
    reg("copy.stride2_4096", "copy", "f32[4096,4096][:, ::2].contiguous() -> f32[4096,2048]", strided, None, 4 * 4096 * 4096 + 4 * 4096 * 2048)

    def stridedadd():
        a, b = R(2048, 2048), R(2048, 2048)
        return lambda: a + b.t()
    reg("copy.add_transposed_2048", "copy", "a + b.t(), f32[2048,2048]", stridedadd, None, 12 * 2048 * 2048)

    # ------------------------------------------------------------------ reductions
    n4k = 4096 * 4096
    reg("red.sum_16m", "reduction", f"sum of f32[{M16}]", un(torch.sum, M16), M16, 4 * M16)
    reg("red.sum_1m", "reduction", f"sum of f32[{M1}]", un(torch.sum, M1), M1, 4 * M1)

    def r2(fn, s=(4096, 4096)):
        def f():
            a = R(*s)
            return lambda: fn(a)
        return f
    reg("red.sum_dim0_4096", "reduction", "f32[4096,4096].sum(0)", r2(lambda a: a.sum(0)), n4k, 4 * n4k)
    reg("red.sum_dim1_4096", "reduction", "f32[4096,4096].sum(1)", r2(lambda a: a.sum(1)), n4k, 4 * n4k)
    reg("red.max_dim0_4096", "reduction", "f32[4096,4096].max(0) (values and indices)", r2(lambda a: a.max(0)), None, 4 * n4k)
    reg("red.max_dim1_4096", "reduction", "f32[4096,4096].max(1) (values and indices)", r2(lambda a: a.max(1)), None, 4 * n4k)
    reg("red.amax_dim1_4096", "reduction", "f32[4096,4096].amax(1) (values only)", r2(lambda a: a.amax(1)), None, 4 * n4k)
    reg("red.argmax_dim1_4096", "reduction", "f32[4096,4096].argmax(1)", r2(lambda a: a.argmax(1)), None, 4 * n4k)
    reg("red.argmax_16m", "reduction", f"argmax of f32[{M16}]", un(torch.argmax, M16), None, 4 * M16)
    reg("red.var_dim1_4096", "reduction", "f32[4096,4096].var(1)", r2(lambda a: a.var(1)), None, 4 * n4k)
    reg("red.norm_16m", "reduction", f"linalg.vector_norm of f32[{M16}]", un(torch.linalg.vector_norm, M16), 2 * M16, 4 * M16)
    ns = 4096 * 1024
    reg("red.softmax_4096x1024", "reduction", "softmax(dim=1) of f32[4096,1024]", r2(lambda a: F.softmax(a, 1), (4096, 1024)), None, 8 * ns)
    reg("red.softmax_dim0_1024x4096", "reduction", "softmax(dim=0) of f32[1024,4096]", r2(lambda a: F.softmax(a, 0), (1024, 4096)), None, 8 * ns)
    reg("red.log_softmax_4096x1024", "reduction", "log_softmax(dim=1) of f32[4096,1024]", r2(lambda a: F.log_softmax(a, 1), (4096, 1024)), None, 8 * ns)
    reg("red.logsumexp_4096x1024", "reduction", "logsumexp(dim=1) of f32[4096,1024]", r2(lambda a: torch.logsumexp(a, 1), (4096, 1024)), None, 4 * ns)

    def smb():
        a, g = R(4096, 1024, requires_grad=True), R(4096, 1024)

        def run():
            a.grad = None
            F.softmax(a, 1).backward(g)
        return run
    reg("red.softmax_4096x1024_fwdbwd", "reduction", "softmax(dim=1) forward and backward, f32[4096,1024]", smb, None, 20 * ns)
    reg("red.cumsum_dim1_4096x1024", "reduction", "cumsum(dim=1) of f32[4096,1024]", r2(lambda a: a.cumsum(1), (4096, 1024)), None, 8 * ns)
    reg("red.cumsum_dim0_4096x1024", "reduction", "cumsum(dim=0) of f32[4096,1024]", r2(lambda a: a.cumsum(0), (4096, 1024)), None, 8 * ns)
    reg("red.cumsum_16m", "reduction", f"cumsum of f32[{M16}]", un(lambda a: a.cumsum(0), M16), None, 8 * M16)
    reg("red.sort_1m", "reduction", f"sort of f32[{M1}] (values and indices)", un(lambda a: a.sort(), M1), None, None)
    reg("red.argsort_1m_i64", "reduction", f"argsort of random i64[{M1}]", lambda: (lambda a: (lambda: a.argsort()))(torch.randint(0, 1 << 40, (M1,))))
    reg("red.sort_4096x256", "reduction", "sort(dim=1) of f32[4096,256]", r2(lambda a: a.sort(1), (4096, 256)))
    reg("red.topk_1m_k100", "reduction", f"topk(100) of f32[{M1}]", un(lambda a: a.topk(100), M1), None, 4 * M1)
    reg("red.topk_64x32000_k50", "reduction", "topk(50, dim=1) of f32[64,32000]", r2(lambda a: a.topk(50, 1), (64, 32000)), None, 4 * 64 * 32000)
    reg("red.unique_1m", "reduction", f"unique (sorted) of i64[{M1}] in [0,1000)", lambda: (lambda a: (lambda: a.unique()))(torch.randint(0, 1000, (M1,))))

    # ------------------------------------------------------------------ indexing
    def isel():
        a, i = R(50000, 512), torch.randint(0, 50000, (8192,))
        return lambda: a.index_select(0, i)
    reg("idx.index_select_50kx512_8192", "indexing", "f32[50000,512].index_select(0, i64[8192] uniform)", isel, None, 8 * 8192 * 512)

    def gath():
        a, i = R(4096, 1024), torch.randint(0, 1024, (4096, 1024))
        return lambda: a.gather(1, i)
    reg("idx.gather_4096x1024", "indexing", "f32[4096,1024].gather(1, i64[4096,1024])", gath, None, 16 * ns)

    def bmask():
        a = R(M1)
        m = R(M1) > 0
        return lambda: a[m]
    reg("idx.bool_mask_1m", "indexing", f"f32[{M1}][bool mask, half true]", bmask, None, 7 * M1)

    def mfill():
        a = R(M16)
        m = R(M16) > 0
        return lambda: a.masked_fill(m, 0.0)
    reg("idx.masked_fill_16m", "indexing", f"f32[{M16}].masked_fill(mask, 0), new output", mfill, None, 9 * M16)

    def nz():
        m = R(M1) > 0
        return lambda: m.nonzero()
    reg("idx.nonzero_1m", "indexing", f"nonzero of bool[{M1}], half true", nz, None, 5 * M1)

    def emb(bwd):
        def f():
            e = nn.Embedding(50000, 512)
            i = torch.randint(0, 50000, (8192,))
            g = R(8192, 512)
            if not bwd:
                return ng(lambda: e(i))
            out = e(i)

            def run():
                e.weight.grad = None
                out.backward(g, retain_graph=True)
            return run
        return f
    reg("idx.embedding_fwd", "indexing", "Embedding(50000,512) forward, ids i64[8192] uniform, no grad", emb(False), None, 8 * 8192 * 512)
    reg("idx.embedding_bwd", "indexing", "backward only of the same (dense grad 50000x512 newly made)", emb(True), None, 4 * 50000 * 512 + 8 * 8192 * 512)

    def scat():
        o, i, v = torch.zeros(65536), torch.randint(0, 65536, (M1,)), R(M1)
        return lambda: o.scatter_add_(0, i, v)
    reg("idx.scatter_add_1m", "indexing", f"f32[65536].scatter_add_(0, i64[{M1}], f32[{M1}])", scat, None, 12 * M1)

    def iput():
        o, i, v = torch.zeros(50000, 128), torch.randint(0, 50000, (8192,)), R(8192, 128)
        return lambda: o.index_add_(0, i, v)
    reg("idx.index_add_50kx128_8192", "indexing", "f32[50000,128].index_add_(0, i64[8192], f32[8192,128])", iput, None, 12 * 8192 * 128)

    def cat(dim, fn):
        def f():
            xs = [R(1024, 1024) for _ in range(8)]
            return lambda: fn(xs, dim)
        return f
    reg("cat.cat8_dim0", "cat", "cat of 8 x f32[1024,1024] on dim 0", cat(0, torch.cat), None, 8 * 8 * M1)
    reg("cat.cat8_dim1", "cat", "cat of 8 x f32[1024,1024] on dim 1", cat(1, torch.cat), None, 8 * 8 * M1)
    reg("cat.stack8_dim0", "cat", "stack of 8 x f32[1024,1024] on dim 0", cat(0, torch.stack), None, 8 * 8 * M1)
    reg("cat.stack8_dim2", "cat", "stack of 8 x f32[1024,1024] on the last dim", cat(2, torch.stack), None, 8 * 8 * M1)

    # ------------------------------------------------------------------ matmul
    def mm(m, k, n, dt=torch.float32, ta=False, tb=False):
        def f():
            a = (R(k, m).t() if ta else R(m, k)).to(dt)
            b = (R(n, k).t() if tb else R(k, n)).to(dt)
            return lambda: a @ b
        return f
    for s in (32, 64, 128, 256, 512, 1024, 2048):
        reg(f"mm.f32_{s}", "matmul", f"f32[{s},{s}] @ f32[{s},{s}], new output", mm(s, s, s), 2 * s ** 3, 12 * s * s)
    for m, k, nn_ in ((1, 4096, 4096), (8, 4096, 4096), (64, 1024, 1024), (4096, 64, 4096), (768, 3072, 128)):
        reg(f"mm.f32_{m}x{k}x{nn_}", "matmul", f"f32[{m},{k}] @ f32[{k},{nn_}]", mm(m, k, nn_), 2 * m * k * nn_, 4 * (m * k + k * nn_ + m * nn_))
    reg("mm.f32_1024_nt", "matmul", "f32[1024,1024] @ f32[1024,1024].t()", mm(1024, 1024, 1024, tb=True), 2 * 1024 ** 3, 12 * M1)
    reg("mm.f32_1024_tn", "matmul", "f32[1024,1024].t() @ f32[1024,1024]", mm(1024, 1024, 1024, ta=True), 2 * 1024 ** 3, 12 * M1)
    reg("mm.bf16_1024", "matmul", "bf16[1024,1024] @ bf16[1024,1024] (limit is the bf16 dot peak)", mm(1024, 1024, 1024, torch.bfloat16), 2 * 1024 ** 3, 6 * M1)
    reg("mm.bf16_1x4096x4096", "matmul", "bf16[1,4096] @ bf16[4096,4096]", mm(1, 4096, 4096, torch.bfloat16), 2 * 4096 * 4096, 2 * 4096 * 4096)
    reg("mm.f16_256", "matmul", "f16[256,256] @ f16[256,256]", mm(256, 256, 256, torch.float16), 2 * 256 ** 3, 6 * 65536)
    reg("mm.f64_1024", "matmul", "f64[1024,1024] @ f64[1024,1024] (limit is the f64 peak)", mm(1024, 1024, 1024, torch.float64), 2 * 1024 ** 3, 24 * M1)

    def imm():
        a, b = torch.randint(0, 10, (256, 256)), torch.randint(0, 10, (256, 256))
        return lambda: a @ b
    reg("mm.i64_256", "matmul", "i64[256,256] @ i64[256,256]", imm)

    def bmm():
        a, b = R(64, 128, 128), R(64, 128, 64)
        return lambda: torch.bmm(a, b)
    reg("mm.bmm_64x128x128x64", "matmul", "bmm f32[64,128,128] x f32[64,128,64]", bmm, 2 * 64 * 128 * 128 * 64, 4 * 64 * 128 * 256)

    def mv():
        a, b = R(4096, 4096), R(4096)
        return lambda: a @ b
    reg("mm.mv_4096", "matmul", "f32[4096,4096] @ f32[4096]", mv, 2 * n4k, 4 * n4k)

    def ein():
        a, b = R(4, 8, 128, 64), R(4, 8, 128, 64)
        return lambda: torch.einsum("bhid,bhjd->bhij", a, b)
    reg("mm.einsum_bhid_bhjd", "matmul", "einsum bhid,bhjd->bhij, f32[4,8,128,64] twice", ein, 2 * 32 * 128 * 128 * 64, 4 * 32 * 128 * 256)

    # ------------------------------------------------------------------ layers helper
    def layer(make, shape, bwd, train=True, idx=None):
        def f():
            m = make()
            m.train(train)
            x = R(*shape)
            if not bwd:
                return ng(lambda: m(x))
            x.requires_grad_(True)
            o = m(x)
            o = o[0] if isinstance(o, tuple) else o
            g = torch.randn_like(o)
            ps = [x] + list(m.parameters())

            def run():
                for p in ps:
                    p.grad = None
                o = m(x)
                (o[0] if isinstance(o, tuple) else o).backward(g)
            return run
        return f

    def both(name, group, spec, make, shape, flops=None, bf=None, bb=None, fb=3):
        reg(name + "_fwd", group, spec + ", forward, no grad", layer(make, shape, False), flops, bf)
        reg(name + "_fwdbwd", group, spec + ", forward + backward (grads of input and parameters)", layer(make, shape, True), flops and fb * flops, bb)
    both("nn.linear_128x1024", "linear", "Linear(1024,1024) on f32[128,1024]", lambda: nn.Linear(1024, 1024), (128, 1024), 2 * 128 * M1, 4 * (M1 + 2 * 128 * 1024), 4 * (3 * M1))
    both("nn.linear_1x1024", "linear", "Linear(1024,1024) on f32[1,1024]", lambda: nn.Linear(1024, 1024), (1, 1024), 2 * M1, 4 * M1, 12 * M1)

    # ------------------------------------------------------------------ conv
    def conv(name, ci, co, k, s, p, hw, groups=1, bias=False):
        h = (hw + 2 * p - k) // s + 1
        fl = 2 * 8 * co * h * h * (ci // groups) * k * k
        by = 4 * (8 * ci * hw * hw + 8 * co * h * h + co * ci // groups * k * k)
        both(f"conv.{name}", "conv", f"Conv2d({ci},{co},{k},stride={s},padding={p},groups={groups},bias={bias}) on f32[8,{ci},{hw},{hw}] NCHW",
             lambda: nn.Conv2d(ci, co, k, s, p, groups=groups, bias=bias), (8, ci, hw, hw), fl, by, 3 * by)
    conv("stem7x7s2", 3, 64, 7, 2, 3, 224)
    conv("3x3_64_56", 64, 64, 3, 1, 1, 56)
    conv("3x3_256_14", 256, 256, 3, 1, 1, 14)
    conv("1x1_256_64_56", 256, 64, 1, 1, 0, 56)
    conv("3x3s2_128_56", 128, 128, 3, 2, 1, 56)
    conv("dw3x3_144_56", 144, 144, 3, 1, 1, 56, groups=144)
    both("conv.conv1d_64_128_k7", "conv", "Conv1d(64,128,7,padding=3) on f32[8,64,4096]", lambda: nn.Conv1d(64, 128, 7, padding=3), (8, 64, 4096), 2 * 8 * 128 * 4096 * 64 * 7, 4 * 8 * 4096 * 192, 12 * 8 * 4096 * 192)
    both("conv.transpose_64_32_k4s2", "conv", "ConvTranspose2d(64,32,4,stride=2,padding=1) on f32[8,64,28,28]", lambda: nn.ConvTranspose2d(64, 32, 4, 2, 1), (8, 64, 28, 28), 2 * 8 * 64 * 28 * 28 * 32 * 16, 4 * 8 * (64 * 784 + 32 * 3136), 12 * 8 * (64 * 784 + 32 * 3136))

    # ------------------------------------------------------------------ pool / norm / dropout
    np_ = 8 * 64 * 112 * 112
    both("pool.max3x3s2_112", "pool", "MaxPool2d(3,2,1) on f32[8,64,112,112]", lambda: nn.MaxPool2d(3, 2, 1), (8, 64, 112, 112), None, 5 * np_, 14 * np_)
    both("pool.avg2x2_56", "pool", "AvgPool2d(2) on f32[8,64,56,56]", lambda: nn.AvgPool2d(2), (8, 64, 56, 56), None, 5 * nb, 10 * nb)
    both("pool.global_avg_56", "pool", "AdaptiveAvgPool2d(1) on f32[8,64,56,56]", lambda: nn.AdaptiveAvgPool2d(1), (8, 64, 56, 56), None, 4 * nb, 8 * nb)
    both("norm.batchnorm2d_train", "norm", "BatchNorm2d(64) training mode on f32[8,64,56,56]", lambda: nn.BatchNorm2d(64), (8, 64, 56, 56), None, 8 * nb, 20 * nb)
    reg("norm.batchnorm2d_eval_fwd", "norm", "BatchNorm2d(64) eval mode on f32[8,64,56,56], forward, no grad", layer(lambda: nn.BatchNorm2d(64), (8, 64, 56, 56), False, False), None, 8 * nb)
    nl = 4096 * 768
    both("norm.layernorm_4096x768", "norm", "LayerNorm(768) on f32[4096,768]", lambda: nn.LayerNorm(768), (4096, 768), None, 8 * nl, 20 * nl)
    both("norm.groupnorm32_8x64x56", "norm", "GroupNorm(32,64) on f32[8,64,56,56]", lambda: nn.GroupNorm(32, 64), (8, 64, 56, 56), None, 8 * nb, 20 * nb)
    both("norm.rmsnorm_4096x768", "norm", "RMSNorm(768) on f32[4096,768]", lambda: nn.RMSNorm(768), (4096, 768), None, 8 * nl, 20 * nl)
    both("nn.dropout_4096x1024", "dropout", "Dropout(0.1) training mode on f32[4096,1024]", lambda: nn.Dropout(0.1), (4096, 1024), None, 9 * ns, 18 * ns)

    # ------------------------------------------------------------------ recurrent
    for nm, cls, g in (("rnn", nn.RNN, 1), ("lstm", nn.LSTM, 4), ("gru", nn.GRU, 3)):
        both(f"rnn.{nm}_t128_b32_256", "recurrent", f"{cls.__name__}(256,256), 1 layer, input f32[T=128,B=32,256] (time first), zero initial state", lambda cls=cls: cls(256, 256), (128, 32, 256), 2 * 128 * 32 * 512 * 256 * g, None, None)

    # ------------------------------------------------------------------ attention
    def sdpa(L, causal, bwd):
        def f():
            q, k, v = (R(4, 8, L, 64, requires_grad=bwd) for _ in range(3))
            if not bwd:
                return ng(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=causal))
            g = R(4, 8, L, 64)

            def run():
                q.grad = k.grad = v.grad = None
                F.scaled_dot_product_attention(q, k, v, is_causal=causal).backward(g)
            return run
        return f
    for L in (128, 512, 2048):
        for c in (False, True):
            for b in (False, True):
                fl = 4 * 32 * L * L * 64 // (2 if c else 1)
                reg(f"attn.sdpa_L{L}{'_causal' if c else ''}_{'fwdbwd' if b else 'fwd'}", "attention", f"scaled_dot_product_attention, f32[B=4,H=8,L={L},D=64], {'causal' if c else 'no mask'}, {'forward + backward (5 products)' if b else 'forward'}", sdpa(L, c, b), int(fl * (3.5 if b else 1)), None)

    def mha(bwd):
        def f():
            m = nn.MultiheadAttention(512, 8, batch_first=True)
            x = R(4, 512, 512, requires_grad=bwd)
            if not bwd:
                m.eval()
                return ng(lambda: m(x, x, x, need_weights=False)[0])
            g = R(4, 512, 512)

            def run():
                x.grad = None
                for p in m.parameters():
                    p.grad = None
                m(x, x, x, need_weights=False)[0].backward(g)
            return run
        return f
    flm = 2 * 2048 * 512 * 2048 + 4 * 32 * 512 * 512 * 64
    reg("attn.mha_512_b4_l512_fwd", "attention", "MultiheadAttention(512,8,batch_first) self-attention on f32[4,512,512], eval, no weights, forward", mha(False), flm, None)
    reg("attn.mha_512_b4_l512_fwdbwd", "attention", "same, training mode, forward + backward", mha(True), 3 * flm, None)

    # ------------------------------------------------------------------ loss
    def ce(bwd):
        def f():
            x, y = R(512, 32000, requires_grad=bwd), torch.randint(0, 32000, (512,))
            if not bwd:
                return ng(lambda: F.cross_entropy(x, y))

            def run():
                x.grad = None
                F.cross_entropy(x, y).backward()
            return run
        return f
    nce = 512 * 32000
    reg("loss.cross_entropy_512x32000_fwd", "loss", "cross_entropy mean, logits f32[512,32000], targets i64[512], forward", ce(False), None, 4 * nce)
    reg("loss.cross_entropy_512x32000_fwdbwd", "loss", "same, forward + backward", ce(True), None, 12 * nce)

    def mse():
        x, y = R(M1, requires_grad=True), R(M1)

        def run():
            x.grad = None
            F.mse_loss(x, y).backward()
        return run
    reg("loss.mse_1m_fwdbwd", "loss", f"mse_loss of f32[{M1}], forward + backward", mse, None, 20 * M1)

    # ------------------------------------------------------------------ optimizers
    def opt(cls, kw):
        def f():
            ps = [nn.Parameter(R(500, 1000)) for _ in range(50)]
            for p in ps:
                p.grad = R(500, 1000) * 1e-3
            o = cls(ps, **kw)
            return o.step
        return f
    P25 = 25_000_000
    for nm, cls, kw, by in (("sgd_momentum", torch.optim.SGD, dict(lr=1e-3, momentum=0.9), 20), ("adam", torch.optim.Adam, dict(lr=1e-3), 28), ("adamw", torch.optim.AdamW, dict(lr=1e-3), 28)):
        for var, k2 in (("default", {}), ("foreach", {"foreach": True}), ("fused", {"fused": True})):
            reg(f"opt.{nm}_25m_{var}", "optimizer", f"{cls.__name__}({kw}) step, 50 parameters f32[500,1000] (25M), {'default implementation' if not k2 else str(k2)}", opt(cls, {**kw, **k2}), None, by * P25)

    def clip():
        ps = [nn.Parameter(R(500, 1000)) for _ in range(50)]
        for p in ps:
            p.grad = R(500, 1000)
        return lambda: torch.nn.utils.clip_grad_norm_(ps, 1.0)
    reg("opt.clip_grad_norm_25m", "optimizer", "clip_grad_norm_(max_norm=1) over the same 25M gradients", clip, None, 12 * P25)

    # ------------------------------------------------------------------ rng
    reg("rng.rand_16m", "rng", f"rand({M16}), new output", lambda: (lambda: torch.rand(M16)), None, 4 * M16)
    reg("rng.randn_16m", "rng", f"randn({M16}), new output", lambda: (lambda: torch.randn(M16)), None, 4 * M16)
    reg("rng.randperm_1m", "rng", f"randperm({M1})", lambda: (lambda: torch.randperm(M1)), None, 8 * M1)
    reg("rng.bernoulli_16m", "rng", f"f32[{M16}].bernoulli_(0.5) in place", lambda: (lambda a: (lambda: a.bernoulli_(0.5)))(torch.empty(M16)), None, 4 * M16)
    reg("rng.randint_16m", "rng", f"randint(0,1000,({M16},)) i64, new output", lambda: (lambda: torch.randint(0, 1000, (M16,))), None, 8 * M16)
    reg("alloc.empty_fill_16m", "rng", f"full({M16}, 1.0): allocation and fill", lambda: (lambda: torch.full((M16,), 1.0)), None, 4 * M16)

    # ------------------------------------------------------------------ end to end
    def train(make, x, y, optf, lossf=F.cross_entropy):
        m = make()
        m.train()
        o = optf(m.parameters())

        def run():
            o.zero_grad()
            lossf(m(x), y).backward()
            o.step()
        return run

    def sgd(ps):
        return torch.optim.SGD(ps, lr=0.01)

    def lenet():
        return nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    reg("e2e.lenet_step_b64", "e2e", "LeNet-5: conv(1,6,5,pad2)-relu-maxpool2-conv(6,16,5)-relu-maxpool2-fc 400-120-84-10 with relu; f32[64,1,28,28], cross_entropy, SGD(0.01): zero_grad+forward+backward+step",
        lambda: train(lenet, R(64, 1, 28, 28), torch.randint(0, 10, (64,)), sgd), 3 * 64 * 2 * (784 * 150 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 840))

    def mlp():
        return nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    pm = 784 * 512 + 512 * 512 + 5120
    reg("e2e.mlp_step_b128", "e2e", "MLP 784-512-512-10 relu, batch 128, cross_entropy, SGD(0.01): whole train step",
        lambda: train(mlp, R(128, 784), torch.randint(0, 10, (128,)), sgd), 6 * 128 * pm)

    class Block(nn.Module):
        def __init__(s, i, o, st):
            super().__init__()
            s.c1, s.b1 = nn.Conv2d(i, o, 3, st, 1, bias=False), nn.BatchNorm2d(o)
            s.c2, s.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
            s.d = nn.Sequential(nn.Conv2d(i, o, 1, st, bias=False), nn.BatchNorm2d(o)) if st != 1 or i != o else nn.Identity()

        def forward(s, x):
            return F.relu(s.b2(s.c2(F.relu(s.b1(s.c1(x))))) + s.d(x))

    def resnet18():
        ls = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        i = 64
        for o, st in ((64, 1), (128, 2), (256, 2), (512, 2)):
            ls += [Block(i, o, st), Block(o, o, 1)]
            i = o
        return nn.Sequential(*ls, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))
    fr = 2 * 1.814e9
    reg("e2e.resnet18_step_b8_64", "e2e", "ResNet-18 (1000 classes) train step, f32[8,3,64,64], cross_entropy, SGD(0.01)",
        lambda: train(resnet18, R(8, 3, 64, 64), torch.randint(0, 1000, (8,)), sgd), int(3 * 8 * fr / 12.25))

    def inf(make, x):
        m = make()
        m.eval()
        return ng(lambda: m(x))
    reg("e2e.resnet18_infer_b1_224", "e2e", "ResNet-18 eval forward, f32[1,3,224,224], no grad", lambda: inf(resnet18, R(1, 3, 224, 224)), int(fr))

    class CharLSTM(nn.Module):
        def __init__(s):
            super().__init__()
            s.e, s.l, s.o = nn.Embedding(96, 128), nn.LSTM(128, 256, 2, batch_first=True), nn.Linear(256, 96)

        def forward(s, x):
            return s.o(s.l(s.e(x))[0]).flatten(0, 1)
    reg("e2e.char_lstm_step", "e2e", "Embedding(96,128)-LSTM(128,256,2 layers)-Linear(256,96), ids [B=32,T=64], cross_entropy, Adam(1e-3) train step",
        lambda: train(CharLSTM, torch.randint(0, 96, (32, 64)), torch.randint(0, 96, (2048,)), lambda p: torch.optim.Adam(p, lr=1e-3)), 6 * 2048 * (384 * 1024 + 512 * 1024 + 256 * 96))

    class GLayer(nn.Module):
        def __init__(s, d, h, causal):
            super().__init__()
            s.h, s.causal = h, causal
            s.n1, s.n2 = nn.LayerNorm(d), nn.LayerNorm(d)
            s.qkv, s.pr = nn.Linear(d, 3 * d), nn.Linear(d, d)
            s.f1, s.f2 = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

        def forward(s, x, past=None):
            B, L, D = x.shape
            q, k, v = (t.view(B, L, s.h, D // s.h).transpose(1, 2) for t in s.qkv(s.n1(x)).split(D, 2))
            if past is not None:
                k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=s.causal and L > 1)
            x = x + s.pr(y.transpose(1, 2).reshape(B, L, D))
            return x + s.f2(F.gelu(s.f1(s.n2(x)), approximate="tanh"))

    class GPT2(nn.Module):
        def __init__(s):
            super().__init__()
            s.te, s.pe = nn.Embedding(50257, 768), nn.Embedding(1024, 768)
            s.ls = nn.ModuleList(GLayer(768, 12, True) for _ in range(12))
            s.nf = nn.LayerNorm(768)

        def forward(s, ids, past=None, pos0=0):
            x = s.te(ids) + s.pe(torch.arange(pos0, pos0 + ids.shape[1]))
            for i, l in enumerate(s.ls):
                x = l(x, None if past is None else past[i])
            return s.nf(x) @ s.te.weight.t()
    pg = 12 * 12 * 768 * 768 + 50257 * 768
    reg("e2e.gpt2_fwd_b1_l128", "e2e", "GPT-2 small shape (12 layers, d=768, 12 heads, vocab 50257, tied head, tanh gelu, pre-norm), forward of ids [1,128], logits of all positions, no grad",
        lambda: inf(GPT2, torch.randint(0, 50257, (1, 128))), 2 * 128 * pg, 4 * pg)

    def dec():
        m = GPT2()
        m.eval()
        ids = torch.randint(0, 50257, (1, 1))
        past = [(R(1, 12, 128, 64), R(1, 12, 128, 64)) for _ in range(12)]
        return ng(lambda: m(ids, past, 128))
    reg("e2e.gpt2_decode_kv128", "e2e", "same model, one token with a KV cache of 128 (cache appended by concatenation), no grad", dec, 2 * pg, 4 * pg)

    class ViT(nn.Module):
        def __init__(s, d=192, h=3):
            super().__init__()
            s.p = nn.Conv2d(3, d, 16, 16)
            s.c, s.pos = nn.Parameter(torch.zeros(1, 1, d)), nn.Parameter(R(1, 197, d))
            s.ls = nn.ModuleList(GLayer(d, h, False) for _ in range(12))
            s.nf, s.o = nn.LayerNorm(d), nn.Linear(d, 1000)

        def forward(s, x):
            x = s.p(x).flatten(2).transpose(1, 2)
            x = torch.cat((s.c.expand(x.shape[0], -1, -1), x), 1) + s.pos
            for l in s.ls:
                x = l(x)
            return s.o(s.nf(x)[:, 0])
    reg("e2e.vit_tiny_infer_b1", "e2e", "ViT-tiny (patch 16, d=192, 12 layers, 3 heads, 1000 classes, tanh gelu), eval forward f32[1,3,224,224]",
        lambda: inf(ViT, R(1, 3, 224, 224)), 2 * 197 * 12 * 12 * 192 * 192 + 12 * 4 * 197 * 197 * 192 + 2 * 196 * 768 * 192)

    class Enc(nn.Module):
        def __init__(s):
            super().__init__()
            s.e = nn.TransformerEncoder(nn.TransformerEncoderLayer(256, 8, 1024, 0.1, "gelu", batch_first=True, norm_first=True), 4, enable_nested_tensor=False)
            s.o = nn.Linear(256, 10)

        def forward(s, x):
            return s.o(s.e(x).mean(1))
    reg("e2e.transformer_encoder_step", "e2e", "TransformerEncoder (4 layers, d=256, 8 heads, ff=1024, gelu, dropout 0.1, pre-norm) + mean pool + Linear(256,10), f32[16,128,256], cross_entropy, AdamW(1e-3) train step",
        lambda: train(Enc, R(16, 128, 256), torch.randint(0, 10, (16,)), lambda p: torch.optim.AdamW(p, lr=1e-3)), 3 * 4 * (2 * 2048 * 12 * 65536 + 4 * 16 * 128 * 128 * 256))

    def dl():
        from torch.utils.data import DataLoader, TensorDataset
        d = DataLoader(TensorDataset(R(60000, 784), torch.randint(0, 10, (60000,))), batch_size=64, shuffle=True)

        def run():
            for x, y in d:
                pass
        return run
    reg("data.loader_epoch_60000x784_b64", "data", "TensorDataset(f32[60000,784], i64[60000]) + DataLoader(batch_size=64, shuffle, 0 workers): one whole epoch of batches", dl, None, 8 * 60000 * 784)

    def sv():
        import io
        sd = {f"p{i}": R(500, 1000) for i in range(50)}

        def run():
            b = io.BytesIO()
            torch.save(sd, b)
        return run
    reg("data.save_25m_mem", "data", "torch.save of a state dict of 50 x f32[500,1000] to memory", sv, None, 8 * P25)

    # ------------------------------------------------------------------ torch.compile
    def comp(fn_make):
        def f():
            torch._dynamo.reset()
            return fn_make()
        return f

    def regc(name, spec, f, flops=None, bytes=None):
        CASES.append((name, "compile", spec, comp(f), flops, bytes, True))

    def c1():
        x, w, b = R(M16), R(M16), R(M16)
        g = torch.compile(lambda x, w, b: F.gelu(x * w + b))
        return ng(lambda: g(x, w, b))
    regc("compile.gelu_xwb_16m", f"torch.compile of gelu(x*w+b), f32[{M16}], no grad", c1, None, 16 * M16)

    def lnr():
        ln = nn.LayerNorm(768)
        return ln, R(4096, 768), R(4096, 768)

    def c2e():
        ln, x, r = lnr()
        return ng(lambda: ln(x + r))
    reg("norm.layernorm_residual_4096x768", "norm", "LayerNorm(768)(x + r), f32[4096,768], eager, no grad", c2e, None, 12 * nl)

    def c2():
        ln, x, r = lnr()
        g = torch.compile(lambda x, r: ln(x + r))
        return ng(lambda: g(x, r))
    regc("compile.layernorm_residual_4096x768", "torch.compile of the same", c2, None, 12 * nl)

    def c3():
        m = mlp()
        x, y = R(128, 784), torch.randint(0, 10, (128,))
        o = sgd(m.parameters())
        g = torch.compile(lambda x, y: F.cross_entropy(m(x), y))

        def run():
            o.zero_grad()
            g(x, y).backward()
            o.step()
        return run
    regc("compile.mlp_step_b128", "e2e.mlp_step_b128 with forward+loss under torch.compile", c3, 6 * 128 * pm)
    return torch

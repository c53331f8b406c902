"""Suite `rng`: after manual_seed the same bits as PyTorch on the CPU (exact / close / different)."""

import torch

import snippets
from judging import Mismatch, Tol, check_same, differ


def compare(ctx, got, want):
    """pass = bit-identical, close = equal within tolerance, fail = different."""
    state = {"exact": True}

    def walk(g, w):
        if isinstance(w, torch.Tensor):
            check_same(ctx.rt, g, w, None, "", values=False)
            a, e = ctx.rt.back(g), w.detach()
            if torch.equal(a, e):
                return
            state["exact"] = False
            why = differ(a, e, Tol(1e-4, 1e-5, True))
            if why:
                raise Mismatch("different: " + why)
            state["why"] = f"close: largest difference {float((a.double() - e.double()).abs().max()):.3g}"
        elif isinstance(w, (list, tuple)):
            if len(g) != len(w):
                raise Mismatch(f"{len(g)} results instead of {len(w)}")
            for x, y in zip(g, w):
                walk(x, y)
        else:
            check_same(ctx.rt, g, w)
    walk(got, want)
    return None if state["exact"] else ("close", state["why"])


SUITE = snippets.Suite("rng", compare, before="torch.manual_seed(1234)")
list_cases, category_of, checks = SUITE.list_cases, SUITE.category_of, SUITE.checks

"""Suite `printing`: repr and str give the same text as PyTorch."""

import torch

import snippets
from judging import Mismatch


def compare(ctx, got, want):
    """Text equality, with the first differing line as the reason."""
    if got != want:
        a, b = str(got).split("\n"), str(want).split("\n")
        for i in range(max(len(a), len(b))):
            x, y = a[i] if i < len(a) else "<end>", b[i] if i < len(b) else "<end>"
            if x != y:
                raise Mismatch(f"line {i + 1}: {x[:110]!r} instead of {y[:110]!r}")


class Printing(snippets.Suite):
    """Each case is one expression, printed under default options."""

    def between(self):
        torch.set_printoptions(profile="default")

    def checks(self, case, ctx):
        for key, thunk in super().checks(case, ctx):
            def one(thunk=thunk):
                try:
                    return thunk()
                finally:
                    for module in (ctx.target, torch):
                        if hasattr(module, "set_printoptions"):
                            module.set_printoptions(profile="default")
            yield key, one


SUITE = Printing("printing", compare)
list_cases, category_of, checks = SUITE.list_cases, SUITE.category_of, SUITE.checks

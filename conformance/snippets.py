"""Cases kept as short code snippets: run in both libraries, compare what they leave in `out`."""

import os
import re

import numpy as np
import torch

import judging as common
import errors

HERE = os.path.dirname(os.path.abspath(__file__))


def load(name):
    """{case: code} from cases/NAME.txt; a case starts with a line `## case`."""
    with open(os.path.join(HERE, "cases", name + ".txt")) as f:
        blocks = re.split(r"^## +(.*)$", f.read(), flags=re.M)
    return {blocks[i].strip(): blocks[i + 1].strip("\n") for i in range(1, len(blocks), 2)}


def environment(module, retarget=None):
    """Names a snippet may use."""
    get = retarget.resolve if retarget else lambda p: common.Retarget._walk(module, p)
    env = {"torch": module, "np": np, "HERE": HERE}
    for name, path in (("nn", "nn"), ("F", "nn.functional"), ("optim", "optim"), ("L", "optim.lr_scheduler")):
        try:
            env[name] = get(path)
        except (common.Missing, AttributeError):
            env[name] = common._Absent(path)
    return env


def run(code, env):
    """Execute a snippet and return its `out`."""
    exec(compile(code, "<snippet>", "exec"), env)
    return env["out"]


class Suite:
    """A suite whose cases live in one snippet file."""

    def __init__(self, name, compare=None, before="", after=""):
        self.name, self.before, self.after = name, before, after
        self.cases = load(name)
        self.compare = compare or (lambda ctx, got, want: common.check_same(ctx.rt, got, want))

    def list_cases(self, opts):
        return list(self.cases)

    def category_of(self, case):
        return self.name + ": " + re.split(r"[ /(]", case)[0]

    def between(self):
        """Called between the reference's run and the target's."""

    def checks(self, case, ctx):
        code = "\n".join([self.before, self.cases[case], self.after])

        def one():
            mine = environment(ctx.target, ctx.rt)
            if "# raises" in code:
                return errors.judge(lambda: run(code, environment(torch)), lambda: run(code, mine))
            try:
                want = run(code, environment(torch))
            except Exception as e:
                raise common.Skip("reference raised " + common.first_line(e)) from e
            self.between()
            return self.compare(ctx, run(code, mine), want)
        yield "run", one

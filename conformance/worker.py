"""One test process: reads jobs as JSON lines, answers with JSON lines.

It loads PyTorch and the test databases once, then forks a child that imports the
target and serves the jobs. When the child dies, a new one is forked at once.
"""

import faulthandler
import importlib
import json
import os
import re
import sys
import time
import warnings

HERE = os.path.dirname(os.path.abspath(__file__))


class Context:
    """What a suite's checks need to know."""

    def __init__(self, target, retarget, opts):
        self.target, self.rt, self.opts = target, retarget, opts


def load_skips():
    """Rows (suite, case pattern, key pattern, reason) of the skip list."""
    rows = []
    with open(os.path.join(HERE, "cases", "skips.tsv")) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                suite, case, key, reason = line.rstrip("\n").split("\t")
                rows.append((suite, re.compile(case), re.compile(key), reason))
    return rows


def read_line():
    """The next line of standard input, unbuffered, so that a fork loses nothing; '' at the end."""
    line = b""
    while not line.endswith(b"\n"):
        c = os.read(0, 1)
        if not c:
            return ""
        line += c
    return line.decode()


def serve(opts, skips, say):
    """The child: import the target and run the jobs."""
    import judging as common
    try:
        target = importlib.import_module(opts["module"])
        retarget = common.Retarget(target)
    except BaseException as e:
        say(fatal=f"cannot import {opts['module']}: {common.first_line(e)}")
        return
    ctx = Context(target, retarget, opts)
    say(ready=os.getpid())
    while True:
        line = read_line()
        if not line:
            return
        job = json.loads(line)
        case, skip = job["case"], set(job["skip"])
        say(start=[case, "(setup)"])
        try:
            suite = importlib.import_module(job["suite"])
            for key, thunk in suite.checks(case, ctx):
                if key in skip:
                    continue
                if job["give_up"]:  # too many deaths: name the remaining checks without running them
                    say(result=[case, key, job["give_up"], "not run after too many deaths", 0])
                    continue
                say(start=[case, key])
                t = time.time()
                why = [r for s, c, k, r in skips if s == job["suite"] and c.fullmatch(case) and k.fullmatch(key)]
                outcome, reason = ("skip", "listed: " + why[0]) if why else common.guarded(thunk)
                say(result=[case, key, outcome, reason, round(time.time() - t, 3)])
        except BaseException as e:
            say(result=[case, "(setup)", "error", "harness: " + common.first_line(e), 0])
        say(done=case)


def main():
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the target prints stays out of the channel
    opts = json.loads(sys.argv[1])
    sys.path[:0] = [HERE] + opts.get("path", [])
    warnings.simplefilter("ignore")
    faulthandler.enable()

    def say(**message):
        channel.write(json.dumps(message) + "\n")

    import torch
    torch.set_num_threads(1)
    for name in opts["suites"]:
        importlib.import_module(name)
    skips = load_skips()
    say(loaded=True)
    while read_line():
        pid = os.fork()
        if pid == 0:
            serve(opts, skips, say)
            channel.flush()
            os._exit(0)
        say(died=os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    main()

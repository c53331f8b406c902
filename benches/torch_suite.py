#!/usr/bin/env python3
"""PyTorch CPU baseline suite.

Every case of torch_cases_table.py has an explicit name, group, spec (documented in CASES.md, which is generated
with --cases-md) and, where it makes sense, the compulsory work:
  flops : useful floating point operations (mul+add = 2)
  bytes : minimal memory traffic (each input read once, each output written once)
Output: one JSON object per line:
  {"case","group","lib","threads","median_us","min_us","reps","inner","flops","bytes"}

Usage:  python torch_suite.py [--threads N] [--only REGEX] [--compile] [--process] [--cases-md] [--lib NAME]
Each case runs in its own forked child (clean heap: with glibc malloc, whether a large output costs
page faults depends on what was freed before, so a shared process gives order-dependent figures).
A case during which other processes used the CPU is repeated (once) and, if that does not
help, marked with "contended": fraction of one CPU taken by others. On a shared machine pin the threads,
OMP_PROC_BIND=close OMP_PLACES="{0},{1}", or two OpenMP threads may land on one core and spin against each other.
To measure without the page-fault cost: MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=8589934592
MALLOC_TOP_PAD_=268435456 python torch_suite.py --lib torch-tunedmalloc ...
A case is timed as: set-up, warm-up, calibration of an inner loop so that one repetition lasts
at least ~20 ms (or one call), then >= 5 repetitions (7 for short ones); the reported times are per call.
"""
import argparse, gc, json, os, re, statistics, subprocess, sys, time

from torch_cases_table import CASES, build


def time_case(fn, budget):
    t0 = time.perf_counter()
    fn()
    first = time.perf_counter() - t0
    # warm-up
    warm_until = time.perf_counter() + min(0.1, budget / 4)
    k = 0
    while time.perf_counter() < warm_until or k < 2:
        fn()
        k += 1
        if first > 1 and k >= 2:
            break
    t0 = time.perf_counter()
    fn()
    t = max(time.perf_counter() - t0, 1e-7)
    inner = max(1, int(0.02 / t))
    ts = []
    end = time.perf_counter() + budget
    while len(ts) < 5 or (time.perf_counter() < end and len(ts) < 15):
        r = range(inner)
        t0 = time.perf_counter()
        for _ in r:
            fn()
        ts.append((time.perf_counter() - t0) / inner)
    return statistics.median(ts) * 1e6, min(ts) * 1e6, len(ts), inner


def process_level():
    py = sys.executable
    code = "import torch,resource;print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    ts, rss = [], 0
    for _ in range(6):
        t0 = time.perf_counter()
        rss = int(subprocess.run([py, "-c", code], capture_output=True, text=True).stdout)
        ts.append((time.perf_counter() - t0) * 1e6)
    ts = ts[1:]
    print(json.dumps({"case": "process.import_torch", "group": "process", "lib": "torch", "threads": 1, "median_us": round(statistics.median(ts)), "min_us": round(min(ts)), "reps": 5, "rss_kb": rss}), flush=True)
    base = []
    for _ in range(6):
        t0 = time.perf_counter()
        subprocess.run([py, "-c", "pass"])
        base.append((time.perf_counter() - t0) * 1e6)
    print(json.dumps({"case": "process.python_start", "group": "process", "lib": "torch", "threads": 1, "median_us": round(statistics.median(base[1:])), "min_us": round(min(base[1:])), "reps": 5}), flush=True)
    import importlib.util
    d = os.path.dirname(importlib.util.find_spec("torch").origin)

    def size(p):
        s = 0
        for r, _, fs in os.walk(p):
            for f in fs:
                q = os.path.join(r, f)
                if not os.path.islink(q):
                    s += os.path.getsize(q)
        return s
    site = os.path.dirname(d)
    nv = os.path.join(site, "nvidia")
    print(json.dumps({"case": "process.install_size", "group": "process", "lib": "torch", "threads": 1, "torch_bytes": size(d), "libtorch_cpu_bytes": os.path.getsize(os.path.join(d, "lib", "libtorch_cpu.so")), "nvidia_bytes": size(nv) if os.path.isdir(nv) else 0, "site_packages_bytes": size(site)}), flush=True)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--only", default="")
    ap.add_argument("--budget", type=float, default=0.35)
    ap.add_argument("--compile", action="store_true", help="also run the torch.compile cases")
    ap.add_argument("--process", action="store_true", help="only the process-level figures")
    ap.add_argument("--lib", default="torch", help="value of the lib field")
    ap.add_argument("--no-fork", action="store_true", help="all cases in one process")
    ap.add_argument("--cases-md", action="store_true", help="print the case table and leave")
    a = ap.parse_args()
    if a.process:
        return process_level()
    torch = build()
    if a.cases_md:
        g0 = None
        for name, group, spec, _, fl, by, _c in CASES:
            if group != g0:
                print(f"\n### {group}\n\n| case | spec | flops | bytes |\n|---|---|---:|---:|")
                g0 = group
            print(f"| `{name}` | {spec.replace('|', chr(92) + '|')} | {fl if fl else ''} | {by if by else ''} |")
        return
    for c in CASES:
        if (a.only and not re.search(a.only, c[0])) or (c[6] and not a.compile):
            continue
        if a.no_fork:
            run_case(torch, c, a)
            continue
        for attempt in range(2):
            rd, wr = os.pipe()
            b0, o0, w0 = busy_s(), own_s(), time.perf_counter()
            pid = os.fork()
            if pid == 0:
                os.close(rd)
                sys.stdout = os.fdopen(wr, "w")
                code = 0
                try:
                    run_case(torch, c, a)
                    sys.stdout.flush()
                except BaseException:
                    code = 1
                os._exit(code)
            os.close(wr)
            with os.fdopen(rd) as f:
                out = f.read()
            os.waitpid(pid, 0)
            wall = time.perf_counter() - w0
            others = (busy_s() - b0) - (own_s() - o0)
            contended = others > 0.04 * wall + 0.06
            if not contended or attempt == 1:
                break
            time.sleep(0.5)
        if contended and out:
            out = out.rstrip()[:-1] + f', "contended": {max(0.0, others / wall):.2f}}}\n'
        sys.stdout.write(out)
        sys.stdout.flush()


def busy_s():
    """CPU seconds spent by everything on this machine (and stolen by the host)."""
    v = [int(x) for x in open("/proc/stat").readline().split()[1:9]]
    return (v[0] + v[1] + v[2] + v[5] + v[6] + v[7]) / os.sysconf("SC_CLK_TCK")


def own_s():
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system


def run_case(torch, c, a):
    name, group, spec, f, fl, by, _ = c
    r = {"case": name, "group": group, "lib": a.lib, "threads": a.threads}
    try:
        torch.set_num_threads(a.threads)
        torch.manual_seed(0)
        fn = f()
        med, mn, reps, inner = time_case(fn, a.budget)
        r.update({"median_us": round(med, 3), "min_us": round(mn, 3), "reps": reps, "inner": inner})
        if fl:
            r["flops"] = fl
        if by:
            r["bytes"] = by
        del fn
    except Exception as e:
        r["error"] = f"{type(e).__name__}: {e}"[:300]
    print(json.dumps(r), flush=True)
    gc.collect()


if __name__ == "__main__":
    main()

"""Writes docs/parity.md: how far duoc agrees with PyTorch, from the reports of run.py and the op registry.

    python conformance/run.py --module duoc --suite opinfo --complex --json reports/1_opinfo.json   (and the other suites)
    python conformance/parity.py reports > docs/parity.md
"""

import collections
import json
import pathlib
import sys


def main():
    folder = pathlib.Path(sys.argv[1])
    results = []
    for report in sorted(folder.glob("*.json")):
        results += json.loads(report.read_text())["results"]
    import duoc

    functions, methods, hidden = duoc._C._registry()
    print("# Parity with PyTorch\n")
    print("Written by `python conformance/parity.py`, whose first lines say how; PyTorch 2.15 on the CPU is the reference.\n")
    print(f"The registry holds {len(functions)} functions, {len(methods)} methods (in-place forms included) and {len(hidden)} names for "
          "the package's own use.\n")
    print("## Suites\n")
    print("| suite | checks | agree | agree within tolerance (random numbers) | differ | missing | cannot be judged | % |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    suites = collections.OrderedDict()
    for r in results:
        suites.setdefault(r["suite"], []).append(r)
    for name, rows in suites.items():
        print(line(name, rows))
    print("\n## Ops, by category\n")
    print("| category | checks | agree | agree within tolerance | differ | missing | cannot be judged | % |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    categories = collections.defaultdict(list)
    for r in results:
        if r["suite"] == "opinfo":
            categories[r["category"]].append(r)
    for name in sorted(categories):
        print(line(name.removeprefix("opinfo: "), categories[name]))
    print("\n## What does not agree\n")
    bad = collections.Counter()
    for r in results:
        if r["outcome"] not in ("pass", "close", "skip"):
            bad[r["suite"], r["case"], r["outcome"]] += 1
    print("| suite | case | outcome | checks |")
    print("| --- | --- | --- | ---: |")
    for (suite, case, outcome), n in sorted(bad.items()):
        print(f"| {suite} | `{case}` | {outcome} | {n} |")


def line(name, rows):
    n = collections.Counter(r["outcome"] for r in rows)
    other = n["fail"] + n["error"] + n["crash"] + n["timeout"]
    judged = len(rows) - n["skip"]
    share = 100 * (n["pass"] + n["close"]) / judged if judged else 100.0
    return f"| {name} | {len(rows)} | {n['pass']} | {n['close']} | {other} | {n['missing']} | {n['skip']} | {share:.2f} |"


if __name__ == "__main__":
    main()

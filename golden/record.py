"""Record what real PyTorch answers: `python golden/record.py [ops|modules|init|models|promotion|indexing|printing|random|optim|curve]
[NAME-REGEX]`.

Needs torch 2.15 and expecttest; the files it writes need neither to be checked. The answers come from fixed seeds and
one thread, so that a second run writes the same bytes.
"""

import importlib
import os
import pathlib
import sys
import warnings

if os.environ.get("PYTHONHASHSEED") != "0":
    # The database walks over sets of names; their order must be the same each time.
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
os.environ["OMP_NUM_THREADS"] = "1"
warnings.simplefilter("ignore")

import torch  # noqa: E402

from encode import line  # noqa: E402

HERE = pathlib.Path(__file__).parent
PARTS = ["ops", "modules", "init", "promotion", "indexing", "printing", "random", "optim", "curve"]


def write_lines(path, cases):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line(c) + "\n" for c in cases))


def record_ops(only):
    """One file an op: ops/add.jsonl holds every overload of `add`; in-place and derived names have their own."""
    import handwritten
    import samples

    files = {}

    def write(case):
        files.setdefault(case["op"].split(".")[0], []).append(case)

    samples.record_all(write, only)
    handwritten.record_all(write, only)
    if not only:
        for stale in (HERE / "ops").glob("*.jsonl"):
            stale.unlink()
    for name, cases in files.items():
        write_lines(HERE / "ops" / f"{name}.jsonl", cases)
    return sum(map(len, files.values()))


def main():
    torch.set_num_threads(1)
    parts = sys.argv[1:2] or PARTS
    only = sys.argv[2] if len(sys.argv) > 2 else None
    for part in parts:
        if part == "ops":
            print(part, record_ops(only), "cases")
        elif part == "modules":
            print(part, importlib.import_module("module_cases").record_all(HERE, only), "cases")
        else:
            cases = list(importlib.import_module(f"{part}_cases").cases())
            write_lines(HERE / f"{part}.jsonl", cases)
            print(part, len(cases), "cases")


if __name__ == "__main__":
    main()

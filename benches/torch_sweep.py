#!/usr/bin/env python3
"""PyTorch's side of `cargo xtask bench sweep`: the rows of sweep.txt, one at a time on demand.

Reads one line `op arguments` for each measurement and answers with the best and the median time in microseconds, or
`-` and the reason. The tokens of the arguments are explained in sweep.txt.

Usage:  python torch_sweep.py --threads N
"""
import statistics
import sys
import time

import torch

DTYPES = {
    "bool": torch.bool, "u8": torch.uint8, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32,
    "i64": torch.int64, "f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64,
}


def tokens(text):
    """Splits at spaces outside brackets."""
    out, depth, word = [], 0, ""
    for c in text.strip() + " ":
        if c in "([":
            depth += 1
        if c in ")]":
            depth -= 1
        if c == " " and depth == 0:
            if word:
                out.append(word)
            word = ""
        else:
            word += c
    return out


def fill(how, shape, dtype):
    if how.startswith("<"):
        return torch.randint(0, int(how[1:]), shape).to(dtype)
    if dtype == torch.bool:
        return torch.randint(0, 2, shape).to(dtype)
    if not dtype.is_floating_point:
        return torch.randint(1, 101, shape).to(dtype)
    x = {
        "": lambda: torch.randn(shape),
        "+": lambda: torch.randn(shape).abs() + 0.01,
        "u": lambda: torch.rand(shape) * 0.98 + 0.01,
        "h": lambda: torch.rand(shape) * 1.98 - 0.99,
        "g": lambda: torch.rand(shape) * 3 + 1.01,
    }[how]()
    return x.to(dtype)


def tensor(token):
    name, rest = token.split("[", 1)
    shape, rest = rest.split("]", 1)
    shape = [int(n) for n in shape.split(",") if n]
    layout = rest[-1:] if rest[-1:] in ("'", "~") else ""
    if layout == "'":
        shape[-1], shape[-2] = shape[-2], shape[-1]
    if layout == "~":
        shape[-1] *= 2
    x = fill(rest.rstrip("'~"), shape, DTYPES[name])
    return x.transpose(-1, -2) if layout == "'" else x[..., ::2] if layout == "~" else x


def value(token):
    if token == "none":
        return None
    if token in ("true", "false"):
        return token == "true"
    if token == "inf":
        return float("inf")
    if token[0] == "@":
        return DTYPES[token[1:]]
    if token[0] == '"':
        return token.strip('"')
    if token[0] == "(":
        return [tensor(t) for t in tokens(token[1:-1])]
    if token[0] == "[":
        return [int(n) for n in token[1:-1].split(",")]
    if "[" in token:
        return tensor(token)
    try:
        return int(token)
    except ValueError:
        return float(token)


def overload(name):
    name, _, which = name.partition(".")
    return getattr(getattr(torch.ops.aten, name), which or "default")


def measure(line):
    name, _, text = line.partition(" ")
    if name == "unique":
        name = "_unique2"
    op = overload(name)
    args, kwargs = [], {}
    for a, token in zip(op._schema.arguments, tokens(text)):
        if a.kwarg_only:
            kwargs[a.name] = value(token)
        else:
            args.append(value(token))

    def run():
        op(*args, **kwargs)

    run()
    run()
    start = time.perf_counter()
    run()
    once = max(time.perf_counter() - start, 1e-7)
    inner = max(1, int(0.001 / once))
    times, end = [], time.perf_counter() + 0.025
    while len(times) < 3 or (time.perf_counter() < end and len(times) < 50):
        start = time.perf_counter()
        for _ in range(inner):
            run()
        times.append((time.perf_counter() - start) / inner * 1e6)
    return f"{min(times):.3f} {statistics.median(times):.3f}"


def main():
    threads = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1
    torch.set_num_threads(threads)
    with torch.no_grad():
        for line in sys.stdin:
            torch.manual_seed(0)
            try:
                answer = measure(line.strip())
            except Exception as e:
                answer = "- " + " ".join(str(e).split())[:200]
            print(answer, flush=True)


if __name__ == "__main__":
    main()

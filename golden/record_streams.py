"""Record long random streams of real PyTorch for the kernels' own test: `python golden/record_streams.py`.

Each line of streams.txt is one case: kind, dtype, number of elements, four parameters, then the FNV-1a hash of the
bytes of two draws after `manual_seed(123)` and the hash of the generator's state behind them.
"""

import pathlib

import torch

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
INTS = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64]
SIZES = [1, 15, 16, 37, 1001, 40000]
LIMITS = {torch.int16: 32767, torch.float16: 2048, torch.bfloat16: 256, torch.uint8: 255, torch.int8: 127}


def fnv(*tensors):
    h = 0xCBF29CE484222325
    for t in tensors:
        for b in t.contiguous().view(torch.uint8).numpy().tobytes():
            h = (h ^ b) * 0x100000001B3 % 2**64
    return f"{h:016x}"


def ramp(n, low, high, dtype):
    """The parameters of element-wise cases: n numbers from low to high, rounded the same way everywhere."""
    return torch.tensor([low + (high - low) * k / max(n - 1, 1) for k in range(n)], dtype=torch.float64).to(dtype)


def cases():
    """kind, dtype, n, parameters (a, b, base, range), draw."""
    for n in SIZES:
        for dt in FLOATS:
            yield "uniform", dt, n, (0.0, 1.0, 0, 0), lambda t: t.uniform_()
            yield "uniform", dt, n, (-0.3, 1.9, 0, 0), lambda t: t.uniform_(-0.3, 1.9)
            yield "normal", dt, n, (0.0, 1.0, 0, 0), lambda t: t.normal_()
            yield "normal", dt, n, (0.3, 1.7, 0, 0), lambda t: t.normal_(0.3, 1.7)
            yield "exponential", dt, n, (2.7, 0.0, 0, 0), lambda t: t.exponential_(2.7)
            yield "cauchy", dt, n, (0.3, 2.7, 0, 0), lambda t: t.cauchy_(0.3, 2.7)
            yield "log_normal", dt, n, (0.3, 0.9, 0, 0), lambda t: t.log_normal_(0.3, 0.9)
            yield "poisson", dt, n, (0.0, 40.0, 0, 0), lambda t: t.copy_(torch.poisson(ramp(t.numel(), 0.0, 40.0, t.dtype)))
        for dt in FLOATS[:2]:
            yield "gamma", dt, n, (0.05, 9.0, 0, 0), lambda t: t.copy_(torch._standard_gamma(ramp(t.numel(), 0.05, 9.0, t.dtype)))
            yield "binomial", dt, n, (0.05, 0.95, 60, 0), lambda t: t.copy_(
                torch.binomial(torch.full_like(t, 60.0), ramp(t.numel(), 0.05, 0.95, t.dtype)))
        for dt in FLOATS + INTS:
            yield "geometric", dt, n, (0.3, 0.0, 0, 0), lambda t: t.geometric_(0.3)
        for dt in [*FLOATS, *INTS, torch.bool]:
            yield "random", dt, n, (0.0, 0.0, 0, 0), lambda t: t.random_()
            yield "bernoulli", dt, n, (0.3, 0.0, 0, 0), lambda t: t.bernoulli_(0.3)
            for pd in FLOATS:
                yield f"bernoulli_{str(pd)[6:]}", dt, n, (0.0, 1.0, 0, 0), lambda t, pd=pd: t.bernoulli_(ramp(t.numel(), 0.0, 1.0, pd))
        for dt in [*FLOATS, *INTS, torch.uint16, torch.uint32, torch.uint64]:
            yield "randint", dt, n, (0.0, 0.0, 0, 100), lambda t: t.random_(0, 100)
        for low, high in ((-5, 10), (0, 1), (-3, 2**28 - 4), (-3, 2**28 - 3), (0, 2**40), (7, 2**40), (-(2**63), 2**63 - 1)):
            yield "randint", torch.int64, n, (0.0, 0.0, low, high - low), lambda t, low=low, high=high: t.random_(low, high)
        for dt in (torch.int64, torch.float64, torch.float32, torch.bfloat16):
            yield "random64", dt, n, (0.0, 0.0, 0, 0), lambda t: t.random_(-(2**63), None)
        for dt in (torch.int64, torch.float64, torch.int32, torch.float32, torch.int16, torch.float16, torch.bfloat16, torch.uint8, torch.int8):
            if n <= LIMITS.get(dt, n):
                yield "randperm", dt, n, (0.0, 0.0, 0, 0), lambda t: t.copy_(torch.randperm(t.numel(), dtype=t.dtype))


def main():
    lines = []
    for kind, dtype, n, parameters, draw in cases():
        torch.manual_seed(123)
        first, second = torch.zeros(n, dtype=dtype), torch.zeros(n, dtype=dtype)
        draw(first)
        draw(second)
        numbers = " ".join(str(x) for x in parameters)
        lines.append(f"{kind} {str(dtype)[6:]} {n} {numbers} {fnv(first, second)} {fnv(torch.get_rng_state())}\n")
    pathlib.Path(__file__).with_name("streams.txt").write_text("".join(lines))
    print(len(lines), "streams")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()

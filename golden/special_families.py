"""Special functions at their poles, borders and far ends, and wrong arguments."""

import torch

NAN, INF = float("nan"), float("inf")


def f(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype)


REAL = f(-40.5, -7.25, -2.0, -1.5, -1.0, -0.5, -0.1, -0.0, 0.0, 0.01, 0.1, 0.5, 1.0, 1.4616, 2.0, 3.75, 10.0, 33.5, 170.0)
ENDS = f(NAN, INF, -INF, 0.0, -0.0, -1.0, -2.0)
POSITIVE = f(1e-6, 0.3, 0.9, 1.9, 2.0, 2.1, 4.9, 5.1, 7.5, 19.0, 29.5, 30.5, 75.0, 300.0)
UNIT = f(-1.0, -0.999, -0.7, -0.3, -1e-4, 0.0, 1e-9, 0.2, 0.5, 0.95, 0.99999, 1.0)
WRONG = (torch.ones(2, dtype=torch.complex64), torch.ones(2).half(), torch.ones(2).bfloat16())
WITH_GRADIENT = ("lgamma", "digamma", "erfinv", "special_erfcx", "special_ndtri", "special_log_ndtr", "special_entr", "i0",
                 "special_i0e", "special_i1", "special_i1e", "special_ndtr")
BESSEL = ("special_bessel_j0", "special_bessel_j1", "special_bessel_y0", "special_bessel_y1", "special_modified_bessel_i0",
          "special_modified_bessel_i1", "special_modified_bessel_k0", "special_modified_bessel_k1",
          "special_scaled_modified_bessel_k0", "special_scaled_modified_bessel_k1", "special_spherical_bessel_j0", "special_airy_ai")
POLYNOMIALS = tuple(f"special_{s}chebyshev_polynomial_{k}" for s in ("", "shifted_") for k in "tuvw") + (
    "special_hermite_polynomial_h", "special_hermite_polynomial_he", "special_laguerre_polynomial_l",
    "special_legendre_polynomial_p")


def of_one():
    for name in WITH_GRADIENT + BESSEL:
        if name in ("erfinv",):
            yield name, [UNIT], {}
        elif name == "special_ndtri":
            yield name, [(UNIT[4:] + 1e-3).clamp(0, 1)], {}
            yield name, [f(1e-300, 1e-20, 1e-5, 0.05, 0.3, 0.5, 0.7, 0.99)], {}
        elif name == "special_entr":
            yield name, [POSITIVE[1:]], {}
        elif "bessel" in name or "airy" in name:
            yield name, [POSITIVE], {}
            yield name, [f(-30.5, -20.0, -12.5, -11.5, -5.0, -1.0, -0.25)], {}
        else:
            yield name, [REAL[:12] if "erfcx" in name else REAL[:-1]], {}
        # What gradients are at the ends of the line depends on the order of a formula's steps: there are none for float32.
        yield name, [ENDS.float() if "bessel" in name or "log_ndtr" in name else ENDS], {}
        yield name, [f(0.25, 0.75, dtype=torch.float32)], {}
        yield name, [torch.tensor([0, 1, 1])], {}
        yield name, [torch.tensor([True, False])], {}
        yield name, [torch.zeros(0)], {}
        for x in WRONG:
            yield name, [x], {}


def orders():
    for n in (0, 1, 2, 3, 7):
        yield "polygamma", [n, f(-2.5, -0.3, 0.2, 1.0, 2.5, 12.0)], {}
        yield "polygamma", [n, torch.tensor([1, 3])], {}
    yield "polygamma", [2, ENDS], {}
    yield "polygamma", [-1, f(1.0)], {}
    yield "polygamma", [2, torch.ones(2).half()], {}
    for p in (1, 2, 5):
        yield "mvlgamma", [f(2.5, 4.0, 30.0), p], {}
        yield "mvlgamma", [torch.tensor([3, 5]), p], {}
    yield "mvlgamma", [f(0.1), 3], {}
    yield "mvlgamma", [f(3.0), 0], {}
    yield "mvlgamma", [torch.tensor([True]), 2], {}


def of_two():
    x, q = f(1.5, 2.0, 3.0, 7.5, 40.0), f(0.1, 1.0, 2.5, 30.0, 4.0)
    yield "special_zeta", [x, q], {}
    yield "special_zeta", [x[:, None], f(-0.5, -2.5, 3.0)], {}
    yield "special_zeta", [2.0, q], {}
    yield "special_zeta", [x, 1.0], {}
    yield "special_zeta", [f(1.0, 0.5, NAN, 3.0, 2.5), f(1.0, 1.0, 1.0, -2.0, -0.5)], {}
    yield "special_zeta", [torch.ones(2).half(), torch.ones(2).half()], {}
    a, y = f(0.1, 0.9, 1.0, 3.0, 12.0, 45.0, 300.0), f(0.01, 0.9, 1.1, 2.9, 14.0, 40.0, 310.0)
    for name in ("igamma", "igammac"):
        yield name, [a, y], {}
        yield name, [a[:, None].float(), y[:3].float()], {}
        yield name, [f(0.0, 0.0, 1.0, 1.0, -1.0, INF, INF, 2.0, NAN), f(0.0, 1.0, 0.0, -1.0, 1.0, 1.0, INF, INF, 1.0)], {}
        yield name, [torch.ones(2).half(), torch.ones(2).half()], {}
        yield name, [torch.ones(2, dtype=torch.int64), torch.ones(2, dtype=torch.int64)], {}
    yield "special_xlog1py", [f(0.0, 0.0, 2.0, -1.5), f(-1.0, NAN, 0.5, 3.0)], {}
    yield "special_xlog1py", [2, f(0.5, 1.5)], {}
    yield "special_xlog1py", [f(0.5, 0.0), 3], {}
    yield "special_xlog1py", [torch.tensor([1, 2]), torch.tensor([3, 0])], {}


def polynomials():
    x = f(-1.5, -1.0, -0.4, 0.0, 0.3, 1.0, 1.2)
    n = f(0.0, 1.0, 2.0, 3.0, 5.0, 9.0, 12.0, -1.0)
    for name in POLYNOMIALS:
        yield name, [x[:, None], n], {}
        yield name, [0.3, n], {}
        yield name, [x, 4], {}
        yield name, [x.float(), 10.0], {}
        yield name, [torch.tensor([0, 1, 2]), torch.tensor([3, 3, 3])], {}
        yield name, [torch.ones(2).half(), torch.ones(2).half()], {}


FAMILIES = [of_one, orders, of_two, polynomials]

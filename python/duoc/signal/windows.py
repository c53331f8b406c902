"""Windows of `M` numbers: symmetric, or with `sym=False` one period of a periodic sequence."""

import math
from collections.abc import Iterable

from .. import arange, empty, float32, float64, get_default_dtype, i0, linspace, ones, strided, tensor

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
           "kaiser", "nuttall"]


def _made(name, M, dtype, layout, device, requires_grad):
    """The arguments of the factories, and the window itself where it has fewer than two numbers."""
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not strided:
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    dtype = get_default_dtype() if dtype is None else dtype
    if dtype not in (float32, float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {dtype}")
    made = {"dtype": dtype, "device": device, "requires_grad": requires_grad}
    short = empty((0,), **made) if M == 0 else ones((1,), **made) if M == 1 else None
    return made, short


def _steps(start, end, M, made):
    return linspace(start, end, M, **made)


def exponential(M, *, center=None, tau=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`e^(-|n - center| / tau)`."""
    made, short = _made("exponential", M, dtype, layout, device, requires_grad)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if short is not None:
        return short
    center = (M - 1 if sym else M) / 2.0 if center is None else center
    return (-_steps(-center / tau, (-center + (M - 1)) / tau, M, made).abs()).exp()


def cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`sin(pi (n + 1/2) / M)`."""
    made, short = _made("cosine", M, dtype, layout, device, requires_grad)
    if short is not None:
        return short
    step = math.pi / (M if sym else M + 1)
    return _steps(0.5 * step, (0.5 + (M - 1)) * step, M, made).sin()


def gaussian(M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`e^(-(n / (2 std))^2)`, n from the middle."""
    made, short = _made("gaussian", M, dtype, layout, device, requires_grad)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if short is not None:
        return short
    start, step = -(M - 1 if sym else M) / 2.0, 1 / (std * math.sqrt(2))
    k = _steps(start * step, (start + (M - 1)) * step, M, made)
    return (-(k**2)).exp()


def kaiser(M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`I_0(beta sqrt(1 - x^2)) / I_0(beta)`, x from -1 to 1."""
    made, short = _made("kaiser", M, dtype, layout, device, requires_grad)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if short is not None:
        return short
    # float32 steps may end a little beyond beta, where the root would be NaN.
    beta = tensor(beta, dtype=made["dtype"])
    step = 2.0 * beta / (M - 1 if sym else M)
    end = min(float(beta), float(-beta + (M - 1) * step))
    k = _steps(float(-beta), end, M, made)
    return i0((beta * beta - k.pow(2)).sqrt()) / i0(beta)


def hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`0.54 - 0.46 cos(2 pi n / (M - 1))`."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`(1 - cos(2 pi n / (M - 1))) / 2`."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1))`."""
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)


def bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The triangle `1 - |2 n / (M - 1) - 1|`."""
    made, short = _made("bartlett", M, dtype, layout, device, requires_grad)
    if short is not None:
        return short
    step = 2 / (M - 1 if sym else M)
    return 1 - _steps(-1.0, -1 + (M - 1) * step, M, made).abs()


def general_cosine(M, *, a, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`sum over i of (-1)^i a_i cos(2 pi i n / (M - 1))`."""
    made, short = _made("general_cosine", M, dtype, layout, device, requires_grad)
    if short is not None:
        return short
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    step = 2 * math.pi / (M - 1 if sym else M)
    k = _steps(0.0, (M - 1) * step, M, made)
    factors = tensor([(-1) ** i * w for i, w in enumerate(a)], device=device, dtype=made["dtype"], requires_grad=requires_grad)
    i = arange(factors.shape[0], dtype=made["dtype"])
    return (factors.unsqueeze(-1) * (i.unsqueeze(-1) * k).cos()).sum(0)


def general_hamming(M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """`alpha - (1 - alpha) cos(2 pi n / (M - 1))`."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)


def nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """Nuttall's window of four terms with the least side lobes (A. Nuttall, 1981)."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)

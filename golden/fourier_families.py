"""Fourier transforms that the database lacks: the primitives, frequencies, short-time transforms, wrong arguments."""

import torch

from complex_families import z


def r(*shape, seed=0):
    return z(*shape, seed=seed).real.contiguous()


def primitives():
    for dims in ([1], [0], [0, 1], [1, 0], []):
        for code in (0, 1, 2):
            yield "_fft_c2c", [z(3, 4), dims, code, code != 1], {}
    for dims in ([1], [0], [0, 1], [1, 0]):
        for n in (4, 5):
            yield "_fft_r2c", [r(n, n), dims, 0, True], {}
            yield "_fft_r2c", [r(n, n), dims, 1, False], {}
            yield "_fft_c2r", [z(3, 3), dims, 2, n], {}


def functions():
    for f in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft"):
        x = r(5) if f in ("rfft", "ihfft") else z(5)
        for norm in (None, "backward", "forward", "ortho", "none"):
            yield f"fft_{f}", [x], {"norm": norm}
        for n in (0, 3, 8):
            yield f"fft_{f}", [x, n], {}
        yield f"fft_{f}", [r(3)], {}
        yield f"fft_{f}", [torch.arange(6)], {}
        yield f"fft_{f}", [torch.tensor(1.0)], {}
        yield f"fft_{f}", [x.to(torch.complex64 if x.is_complex() else torch.float32)], {}
    for f in ("fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn"):
        x = r(3, 4) if f in ("rfftn", "ihfftn") else z(3, 4)
        yield f"fft_{f}", [x], {"dim": [0]}
        yield f"fft_{f}", [x], {"s": [2, 6]}
        yield f"fft_{f}", [x], {"s": [5], "dim": [0], "norm": "ortho"}
        yield f"fft_{f}", [x], {"dim": [0, 0]}
        yield f"fft_{f}", [x], {"s": [2], "dim": [0, 1]}
        yield f"fft_{f}", [x], {"s": [2, 2, 2]}
        yield f"fft_{f}", [x], {"dim": []}
    for f in ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2"):
        x = r(2, 3, 4) if f in ("rfft2", "ihfft2") else z(2, 3, 4)
        yield f"fft_{f}", [x], {}
        yield f"fft_{f}", [x], {"s": [4, 4], "norm": "forward"}
    for n in (1, 4, 5):
        yield "fft_fftfreq", [n], {}
        yield "fft_fftfreq", [n, 0.5], {"dtype": torch.float64}
        yield "fft_rfftfreq", [n, 2.0], {}
    for f in ("fftshift", "ifftshift"):
        yield f"fft_{f}", [r(5)], {}
        yield f"fft_{f}", [r(2, 5)], {"dim": [1]}
        yield f"fft_{f}", [r(3, 4)], {}


def short():
    x, w = r(2, 16), torch.tensor([0.5, 1.0, 1.0, 0.5], dtype=torch.float64)
    for extra in ({}, {"hop_length": 2}, {"window": w}, {"win_length": 4, "window": w, "hop_length": 1, "normalized": True},
                  {"center": False}, {"onesided": False}, {"pad_mode": "constant"}):
        yield "stft", [x, 6 if "win_length" in extra else 4], {**extra, "return_complex": True}
    yield "stft", [x[0], 4], {"return_complex": False}
    yield "stft", [z(16), 4], {"return_complex": True}
    yield "stft", [x, 4], {}
    yield "stft", [x, 40], {"return_complex": True}
    yield "stft", [x, 4], {"hop_length": 0, "return_complex": True}
    yield "stft", [x, 4], {"window": r(3), "return_complex": True}
    y = z(2, 3, 5)
    for extra in ({}, {"window": w}, {"length": 9}, {"normalized": True}, {"center": False}, {"hop_length": 2, "window": w}):
        yield "istft", [y, 4], extra
    yield "istft", [y[0], 4], {}
    yield "istft", [z(2, 4, 5), 4], {"onesided": False, "return_complex": True}
    yield "istft", [y, 8], {}
    yield "istft", [r(2, 3, 5), 4], {}


FAMILIES = [primitives, functions, short]

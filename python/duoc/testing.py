"""`torch.testing`: comparison of results."""

from . import _C

_TOLERANCES = {"float16": (1e-3, 1e-5), "bfloat16": (1.6e-2, 1e-5), "float32": (1.3e-6, 1e-5),
               "float64": (1e-7, 1e-7), "complex64": (1.3e-6, 1e-5), "complex128": (1e-7, 1e-7)}


def _tolerances(*dtypes):
    found = [_TOLERANCES.get(str(d).rsplit(".", 1)[-1], (0.0, 0.0)) for d in dtypes]
    return max(r for r, _ in found), max(a for _, a in found)


def assert_close(actual, expected, *, allow_subclasses=True, rtol=None, atol=None, equal_nan=False, check_device=True,
                 check_dtype=True, check_layout=True, check_stride=False, msg=None):
    """Raises `AssertionError` unless both are equal within `atol + rtol * |expected|`, item by item."""
    options = dict(rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=check_dtype, check_stride=check_stride,
                   msg=msg)

    def fail(text):
        raise AssertionError(msg(text) if callable(msg) else msg or text)

    if isinstance(expected, dict):
        if set(actual) != set(expected):
            fail(f"The keys of the mappings do not match: {sorted(map(str, actual))} != {sorted(map(str, expected))}")
        for k in expected:
            assert_close(actual[k], expected[k], **options)
        return
    if isinstance(expected, (list, tuple)):
        if len(actual) != len(expected):
            fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}")
        for a, b in zip(actual, expected):
            assert_close(a, b, **options)
        return
    if (rtol is None) != (atol is None):
        raise ValueError(f"rtol and atol must both be specified or both be unspecified, but got rtol={rtol} and "
                         f"atol={atol}.")
    a = actual if isinstance(actual, _C.Tensor) else _C._tensor(actual)
    b = expected if isinstance(expected, _C.Tensor) else _C._tensor(expected)
    if a.shape != b.shape:
        fail(f"The values for attribute 'shape' do not match: {a.shape} != {b.shape}.")
    if check_dtype and a.dtype != b.dtype:
        fail(f"The values for attribute 'dtype' do not match: {a.dtype} != {b.dtype}.")
    if check_stride and a.stride() != b.stride():
        fail(f"The values for attribute 'stride()' do not match: {a.stride()} != {b.stride()}.")
    if rtol is None:
        rtol, atol = _tolerances(a.dtype, b.dtype)
    dtype = _C.promote_types(a.dtype, b.dtype)
    a, b = a.detach().to(dtype).reshape(-1).tolist(), b.detach().to(dtype).reshape(-1).tolist()
    bad = [i for i, (x, y) in enumerate(zip(a, b)) if not _close(x, y, rtol, atol, equal_nan)]
    if bad:
        i = bad[0]
        fail(f"Tensor-likes are not {'close' if rtol or atol else 'equal'}!\n\nMismatched elements: {len(bad)} / "
             f"{len(a)} ({100 * len(bad) / len(a):.1f}%)\nFirst mismatch at flat index {i}: {a[i]!r} != {b[i]!r} "
             f"(rtol={rtol}, atol={atol})")


def _close(x, y, rtol, atol, equal_nan):
    if x == y:
        return True
    if x != x or y != y:
        return equal_nan and x != x and y != y
    if abs(x) == float("inf") or abs(y) == float("inf"):
        return False
    return abs(x - y) <= atol + rtol * abs(y)


def assert_allclose(actual, expected, rtol=None, atol=None, equal_nan=True, msg=""):
    """The old name of `assert_close`."""
    assert_close(actual, expected, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)


def make_tensor(*shape, dtype, device="cpu", low=None, high=None, requires_grad=False, noncontiguous=False,
                exclude_zero=False, memory_format=None):
    """A tensor with random elements in `[low, high)`."""
    import duoc

    if len(shape) == 1 and isinstance(shape[0], (list, tuple)):
        shape = shape[0]
    if dtype.is_floating_point or dtype.is_complex:
        low, high = -9 if low is None else low, 9 if high is None else high
        t = (duoc.rand(shape, dtype=dtype) * (high - low) + low)
    elif dtype is duoc.bool:
        t = duoc.randint(0, 2, shape, dtype=dtype)
    else:
        low = (0 if not dtype.is_signed else -9) if low is None else low
        t = duoc.randint(low, 10 if high is None else high, shape, dtype=dtype)
    if exclude_zero:
        t[t == 0] = 1
    return t.requires_grad_(requires_grad)

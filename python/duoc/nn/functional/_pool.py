"""Pooling and its partial inverses."""

from ... import _C

_ops = _C._ops


def _several(value, n):
    """One number for all dimensions, or one for each."""
    return (value,) * n if isinstance(value, int) else tuple(value)


def _max_pool(n):
    name = f"max_pool{n}d"
    plain, both = getattr(_ops, name), getattr(_ops, f"{name}_with_indices")

    def with_indices(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        return tuple(both(input, kernel_size, [] if stride is None else stride, padding, dilation, ceil_mode))

    def pool(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        f = both if return_indices else plain
        result = f(input, kernel_size, [] if stride is None else stride, padding, dilation, ceil_mode)
        return tuple(result) if return_indices else result

    pool.__name__ = pool.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    return pool, with_indices


max_pool1d, max_pool1d_with_indices = _max_pool(1)
max_pool2d, max_pool2d_with_indices = _max_pool(2)
max_pool3d, max_pool3d_with_indices = _max_pool(3)

avg_pool1d = _ops.avg_pool1d
avg_pool2d = _ops.avg_pool2d
avg_pool3d = _ops.avg_pool3d
adaptive_avg_pool1d = _ops.adaptive_avg_pool1d


def _filled(output_size, sizes):
    """`output_size` with the input's size where it is None."""
    if isinstance(output_size, int):
        return output_size
    if len(sizes) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    return [d if v is None else v for v, d in zip(output_size, sizes[-len(output_size):])]


def adaptive_avg_pool2d(input, output_size):
    return _ops.adaptive_avg_pool2d(input, _filled(output_size, input.shape))


def adaptive_avg_pool3d(input, output_size):
    return _ops.adaptive_avg_pool3d(input, _filled(output_size, input.shape))


def _adaptive_max_pool(n):
    name = f"adaptive_max_pool{n}d"
    op = getattr(_ops, name)

    def with_indices(input, output_size, return_indices=False):
        return tuple(op(input, output_size if n == 1 else _filled(output_size, input.shape)))

    def pool(input, output_size, return_indices=False):
        both = with_indices(input, output_size)
        return both if return_indices else both[0]

    pool.__name__ = pool.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    return pool, with_indices


adaptive_max_pool1d, adaptive_max_pool1d_with_indices = _adaptive_max_pool(1)
adaptive_max_pool2d, adaptive_max_pool2d_with_indices = _adaptive_max_pool(2)
adaptive_max_pool3d, adaptive_max_pool3d_with_indices = _adaptive_max_pool(3)


def _fractional(n):
    name = f"fractional_max_pool{n}d"
    op = getattr(_ops, name)

    def with_indices(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        if output_size is None:
            ratio = (output_ratio,) * n if isinstance(output_ratio, float) else tuple(output_ratio)
            if len(ratio) > n:
                raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
            output_size = [int(input.size(d - n) * ratio[d]) for d in range(n)]
        if _random_samples is None:
            batch = 1 if input.dim() == n + 1 else input.size(0)
            from ... import rand

            _random_samples = rand(batch, input.size(-n - 1), n, dtype=input.dtype, device=input.device)
        return tuple(op(input, kernel_size, output_size, _random_samples))

    def pool(input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        both = with_indices(input, kernel_size, output_size, output_ratio, return_indices, _random_samples)
        return both if return_indices else both[0]

    pool.__name__ = pool.__qualname__ = name
    with_indices.__name__ = with_indices.__qualname__ = f"{name}_with_indices"
    return pool, with_indices


fractional_max_pool2d, fractional_max_pool2d_with_indices = _fractional(2)
fractional_max_pool3d, fractional_max_pool3d_with_indices = _fractional(3)


def _lp_pool(n):
    def lp_pool(input, norm_type, kernel_size, stride=None, ceil_mode=False):
        largest = (max_pool1d, max_pool2d, max_pool3d)[n - 1]
        mean = (avg_pool1d, avg_pool2d, avg_pool3d)[n - 1]
        if isinstance(norm_type, (int, float)):
            if norm_type == 0:
                raise ValueError(f"norm_type must be a non-zero value, but got {norm_type}")
            if norm_type == float("inf"):
                return largest(input.abs(), kernel_size, stride, 0, 1, ceil_mode)
            if norm_type == -float("inf"):
                return -largest(-input.abs(), kernel_size, stride, 0, 1, ceil_mode)
        cells = 1
        for k in _several(kernel_size, n):
            cells *= k
        step = [] if stride is None else stride
        out = mean(input.pow(norm_type), kernel_size, step, 0, ceil_mode)
        return (out.sign() * out.abs().relu()).mul(cells).pow(1.0 / norm_type)

    lp_pool.__name__ = lp_pool.__qualname__ = f"lp_pool{n}d"
    return lp_pool


lp_pool1d, lp_pool2d, lp_pool3d = _lp_pool(1), _lp_pool(2), _lp_pool(3)


def _unpooled_size(input, kernel_size, stride, padding, output_size):
    """The size before pooling: as given, if it can be that, or the least one."""
    n = len(kernel_size)
    sizes = input.shape[-n:]
    default = [(sizes[d] - 1) * stride[d] + kernel_size[d] - 2 * padding[d] for d in range(n)]
    if output_size is None:
        output_size = default
    else:
        if len(output_size) == n + 2:
            output_size = output_size[2:]
        if len(output_size) != n:
            raise ValueError(
                f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a length of '{len(output_size)}'")
        for d in range(n):
            low, high = default[d] - stride[d], default[d] + stride[d]
            if not low < output_size[d] < high:
                raise ValueError(f'invalid output_size "{output_size}" (dim {d} must be between {low} and {high})')
    for d in range(n):
        if output_size[d] < 0:
            raise ValueError(
                "max_unpooling: output_size must contain non-negative spatial dimensions, "
                f"but got output_size[{d}]={output_size[d]}")
    return list(output_size)


def _unpool_arguments(n, input, kernel_size, stride, padding, output_size):
    kernel_size, padding = _several(kernel_size, n), _several(padding, n)
    stride = kernel_size if stride is None else _several(stride, n)
    return _unpooled_size(input, kernel_size, stride, padding, output_size), stride, padding


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    size = _unpool_arguments(1, input, kernel_size, stride, padding, output_size)[0]
    return _ops.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [*size, 1]).squeeze(-1)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    return _ops.max_unpool2d(input, indices, _unpool_arguments(2, input, kernel_size, stride, padding, output_size)[0])


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    size, stride, padding = _unpool_arguments(3, input, kernel_size, stride, padding, output_size)
    return _ops.max_unpool3d(input, indices, size, stride, padding)


__all__ = [name for name in globals() if "pool" in name and not name.startswith("_")]

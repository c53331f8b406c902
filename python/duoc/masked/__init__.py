"""`torch.masked`: reductions and normalisations that see only the elements where a mask is true."""

import math

from .. import Tensor, _C, bool as _bool, broadcast_shapes, iinfo, int64 as _int64, ones_like, tensor

__all__ = ["amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median",
           "norm", "normalize", "prod", "softmax", "softmin", "std", "sum", "var"]

_ops = _C._ops


def _mask_of(input, mask):
    """The mask in the shape of the input; all true without one."""
    if mask is None:
        return ones_like(input, dtype=_bool)
    if mask.dim() > input.dim():
        raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    if not isinstance(mask, Tensor):
        raise TypeError("mask must be a Tensor")
    shape = broadcast_shapes(tuple(input.shape), tuple(mask.shape))
    if tuple(shape) != tuple(input.shape):
        raise RuntimeError(f"a mask of shape {tuple(mask.shape)} does not go with an input of shape {tuple(input.shape)}")
    return mask.to(_bool).expand(input.shape)


def _dims(dim, ndim):
    """Dimensions from the front, each once."""
    if dim is None or dim == () or dim == []:
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    out = []
    for d in given:
        if not -max(ndim, 1) <= d < max(ndim, 1):
            raise IndexError(f"Dimension out of range (expected to be in range of [{-max(ndim, 1)}, {max(ndim, 1) - 1}], but got {d})")
        d %= max(ndim, 1)
        if d in out:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        out.append(d)
    return tuple(out) if ndim else ()


def _is_int(dtype):
    return not (dtype.is_floating_point or dtype.is_complex)


def _wide(input, dtype):
    """The dtype of sums: int64 for integers."""
    if dtype is not None:
        return dtype
    return _int64 if _is_int(input.dtype) else input.dtype


def _lowest(dtype):
    if dtype is _bool:
        return False
    return iinfo(dtype).min if _is_int(dtype) else -math.inf


def _highest(dtype):
    if dtype is _bool:
        return True
    return iinfo(dtype).max if _is_int(dtype) else math.inf


def _filled(input, mask, value):
    return _ops.where(_mask_of(input, mask), input, tensor(value, dtype=input.dtype))


def _over(input, dims, keepdim, each):
    """A reduction of one dimension at a time, the last dimension first."""
    for d in sorted(dims, reverse=True):
        input = each(input, d, keepdim)
    return input


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum of the elements under the mask; 0 where there are none."""
    dtype = _wide(input, dtype)
    dims = _dims(dim, input.dim())
    x = _filled(input.to(dtype), mask, 0)
    return x.sum(dims, keepdim=bool(keepdim)) if dims else x


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product of the elements under the mask; 1 where there are none."""
    x = _filled(input.to(_wide(input, dtype)), mask, 1)
    return _over(x, _dims(dim, input.dim()), bool(keepdim), lambda t, d, k: t.prod(d, keepdim=k))


def cumsum(input, dim, *, dtype=None, mask=None):
    """The running sum; what is masked adds nothing."""
    (d,) = _dims(dim, input.dim()) or (0,)
    return _filled(input.to(_wide(input, dtype)), mask, 0).cumsum(d)


def cumprod(input, dim, *, dtype=None, mask=None):
    """The running product; what is masked changes nothing."""
    (d,) = _dims(dim, input.dim()) or (0,)
    return _filled(input.to(_wide(input, dtype)), mask, 1).cumprod(d)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The largest element under the mask; the dtype's least where there are none."""
    x = input.to(dtype or input.dtype)
    return _filled(x, mask, _lowest(x.dtype)).amax(_dims(dim, input.dim()), bool(keepdim))


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The smallest element under the mask; the dtype's greatest where there are none."""
    x = input.to(dtype or input.dtype)
    return _filled(x, mask, _highest(x.dtype)).amin(_dims(dim, input.dim()), bool(keepdim))


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the largest element under the mask stands, as a number of the input's dtype (as PyTorch has it)."""
    x = input.to(dtype or input.dtype)
    return _filled(x, mask, _lowest(x.dtype)).argmax(dim, bool(keepdim)).to(x.dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the smallest element under the mask stands, as a number of the input's dtype (as PyTorch has it)."""
    x = input.to(dtype or input.dtype)
    return _filled(x, mask, _highest(x.dtype)).argmin(dim, bool(keepdim)).to(x.dtype)


def _count(input, dims, keepdim, mask):
    ones = _mask_of(input, mask).to(_int64)
    return ones.sum(dims, keepdim=keepdim) if dims else ones


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean of the elements under the mask; NaN where there are none."""
    dtype = input.dtype if dtype is None else dtype
    if _is_int(dtype):
        raise ValueError("mean(): could not infer output dtype; give a floating point or complex one")
    dims = _dims(dim, input.dim())
    return sum(input, dims, keepdim=keepdim, dtype=dtype, mask=mask) / _count(input, dims, bool(keepdim), mask)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median of the elements under the mask; NaN where there are none."""
    x = input.to(dtype or input.dtype)
    if _is_int(x.dtype):
        if mask is not None and not bool(_mask_of(x, mask).all()):
            raise ValueError("masked median expected no fully masked out rows if using integer dtype")
        return x.median(dim, keepdim=bool(keepdim)).values
    return _filled(x, mask, math.nan).nanmedian(dim, keepdim=bool(keepdim)).values


def logsumexp(input, dim, *, keepdim=False, dtype=None, mask=None):
    """`log sum e^x` of the elements under the mask."""
    x = input.to(dtype or input.dtype)
    return _filled(x, mask, -math.inf).logsumexp(_dims(dim, input.dim()), bool(keepdim)).to(x.dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """`log(e^x + e^y)`; what is masked counts as `-inf`."""
    dtype = input.dtype if dtype is None else dtype
    x, y = input.to(dtype), other.to(dtype)
    return _ops.logaddexp(_filled(x, input_mask, -math.inf), _filled(y, other_mask, -math.inf))


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The vector norm of the elements under the mask."""
    x = input.to(dtype or input.dtype)
    least = math.inf if ord == -math.inf else 0.0
    return _ops.linalg_vector_norm(_filled(x, mask, least), ord, _dims(dim, input.dim()), bool(keepdim))


def _spread(input, dim, unbiased, correction, keepdim, dtype, mask, root):
    if unbiased is not None and correction is not None:
        raise ValueError("Only one of unbiased and correction may be given")
    delta = 1 if unbiased is None and correction is None else int(unbiased) if correction is None else correction
    dtype = input.dtype if dtype is None else dtype
    if _is_int(dtype):
        from .. import float32
        dtype = float32
    dims = _dims(dim, input.dim())
    x = input.to(dtype)
    count = _count(x, dims, True, mask)
    centre = sum(x, dims, keepdim=True, dtype=dtype, mask=mask) / count
    away = x - centre
    total = sum(away * away.conj() if away.is_complex() else away * away, dims, keepdim=keepdim, mask=mask)
    if not keepdim:
        count = count.reshape(total.shape)
    if delta:
        count = (count - delta).clamp_min(0)
    out = total.real / count if total.is_complex() else total / count
    out = out.sqrt() if root else out
    return out.to(dtype)


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements under the mask."""
    return _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask, False)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation of the elements under the mask."""
    return _spread(input, dim, unbiased, correction, bool(keepdim), dtype, mask, True)


def softmax(input, dim, *, dtype=None, mask=None):
    """Softmax over the elements under the mask; the others get 0."""
    x = input.to(dtype or input.dtype)
    return _filled(x, mask, -math.inf).softmax(dim)


def log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of `softmax`."""
    x = input.to(dtype or input.dtype)
    return _filled(x, mask, -math.inf).log_softmax(dim)


def softmin(input, dim, *, dtype=None, mask=None):
    """`softmax(-x)` over the elements under the mask."""
    x = input.to(dtype or input.dtype)
    return (-_filled(x, mask, math.inf)).softmax(dim)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """The elements over the norm of those under the mask, which is at least `eps`."""
    x = input.to(dtype or input.dtype)
    length = norm(x, ord, dim, keepdim=True, mask=mask)
    return _filled(x, mask, 0.0) / length.clamp_min(eps)


def _input_mask(input, *args, mask=None, **kwargs):
    """The mask in the shape of the input."""
    return _mask_of(input, mask)


def _output_mask(op, input, *args, mask=None, dim=None, keepdim=False, input_mask=None, other_mask=None, **kwargs):
    """Where the result of an op of this module has something under the mask."""
    name = op if isinstance(op, str) else op.__name__
    if name == "logaddexp":
        return _mask_of(input, input_mask) | _mask_of(args[0], other_mask)
    seen = _mask_of(input, mask)
    if name in ("softmax", "log_softmax", "softmin", "normalize", "cumsum", "cumprod"):
        return seen
    if dim is None and args and name != "norm":
        dim = args[0]
    return _over(seen, _dims(-1 if name == "median" and dim is None else dim, input.dim()), bool(keepdim),
                 lambda t, d, k: t.any(d, keepdim=k))

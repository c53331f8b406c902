"""Pictures at another size, at the places of a grid, in blocks, and with channels as cells."""

import warnings as _warnings

from ... import _C
from ._pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_ops = _C._ops

__all__ = [
    "GRID_SAMPLE_INTERPOLATION_MODES", "GRID_SAMPLE_PADDING_MODES", "affine_grid", "channel_shuffle", "fold", "grid_sample",
    "interpolate", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle", "unfold", "upsample", "upsample_bilinear",
    "upsample_nearest",
]

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}

pixel_shuffle = _ops.pixel_shuffle
pixel_unshuffle = _ops.pixel_unshuffle
channel_shuffle = _ops.channel_shuffle
native_channel_shuffle = _ops.native_channel_shuffle

_NEAREST = {
    ("nearest", 1): _ops.upsample_nearest1d,
    ("nearest", 2): _ops.upsample_nearest2d,
    ("nearest", 3): _ops.upsample_nearest3d,
    ("nearest-exact", 1): _ops._upsample_nearest_exact1d,
    ("nearest-exact", 2): _ops._upsample_nearest_exact2d,
    ("nearest-exact", 3): _ops._upsample_nearest_exact3d,
}
_SMOOTH = {
    ("linear", 1): _ops.upsample_linear1d,
    ("bilinear", 2): _ops.upsample_bilinear2d,
    ("trilinear", 3): _ops.upsample_trilinear3d,
    ("bicubic", 2): _ops.upsample_bicubic2d,
}
_ANTIALIASED = {
    "bilinear": _ops._upsample_bilinear2d_aa,
    "bicubic": _ops._upsample_bicubic2d_aa,
    "lanczos": _ops._upsample_lanczos2d_aa,
}
_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
# Dimensions of the input that the linear modes need, batch and channels included.
_NEEDED = {"linear": 3, "bilinear": 4, "trilinear": 5}


def _is_integer(x):
    if isinstance(x, int):
        return True
    if isinstance(x, _C.Tensor):
        return not x.is_floating_point()
    return hasattr(x, "__index__")


def _one_for_each(value, dim, input, name, form, asked):
    """A list of `dim` values from one value or from a list of as many."""
    if not isinstance(value, (list, tuple)):
        return [value] * dim
    if len(value) != dim:
        raise ValueError(
            f"{asked} must have the same number of spatial dimensions, but got input with spatial dimensions of "
            f"{list(input.shape[2:])} and {name} {value}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and {form}.")
    return value


def interpolate(input, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None,
                antialias=False):
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear")
    elif align_corners is None:
        align_corners = False

    dim = input.dim() - 2
    output_size = factors = None
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        output_size = _one_for_each(size, dim, input, "output size of", "output size in (o1, o2, ...,oK) format", "Input and output")
        if isinstance(size, (list, tuple)) and not all(_is_integer(n) for n in size):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], "
                f"but got size with types {[type(n) for n in size]}")
    elif scale_factor is not None:
        factors = _one_for_each(scale_factor, dim, input, "scale_factor of shape", "scale_factor in (s1, s2, ...,sK) format",
                                "Input and scale_factor")
    else:
        raise ValueError("either size or scale_factor should be defined")

    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if recompute_scale_factor or (mode == "area" and output_size is None):
        output_size = [int(input.size(d + 2) * factors[d]) for d in range(dim)]
        factors = None

    if antialias and not (mode in _ANTIALIASED and input.dim() == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input")

    if (mode, dim) in _NEAREST:
        return _NEAREST[mode, dim](input, output_size, factors)
    if mode == "area" and dim in _AREA:
        return _AREA[dim](input, output_size)
    if mode == "lanczos" and dim == 2:
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    if antialias:
        return _ANTIALIASED[mode](input, output_size, align_corners, factors)
    if (mode, dim) in _SMOOTH:
        return _SMOOTH[mode, dim](input, output_size, align_corners, factors)
    if mode in _NEEDED and dim in (1, 2, 3):
        raise NotImplementedError(f"Got {input.dim()}D input, but {mode} mode needs {_NEEDED[mode]}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.dim()}D) for the modes: "
        f"nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})")


def _deprecated(name):
    _warnings.warn(f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=3)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def _default_corners():
    _warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.", stacklevel=3)
    return False


def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    if mode not in GRID_SAMPLE_INTERPOLATION_MODES:
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in GRID_SAMPLE_PADDING_MODES:
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', "
            f"but got: '{padding_mode}'")
    if align_corners is None:
        align_corners = _default_corners()
    return _ops.grid_sampler(
        input, grid, GRID_SAMPLE_INTERPOLATION_MODES[mode], GRID_SAMPLE_PADDING_MODES[padding_mode], align_corners)


def affine_grid(theta, size, align_corners=None):
    if align_corners is None:
        align_corners = _default_corners()
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}.")
    n = len(size) - 2
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got {theta.shape}.")
    if align_corners and min(size[2:]) == 1:
        _warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. "
            "This is not an intended use case of affine_grid. See the documentation of affine_grid for details.", stacklevel=2)
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    return _ops.affine_grid_generator(theta, size, align_corners)


def _pair(value):
    return tuple(value) if hasattr(value, "__iter__") else (value, value)


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    return _ops.im2col(input, _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    return _ops.col2im(
        input, _pair(output_size), _pair(kernel_size), _pair(dilation), _pair(padding), _pair(stride))

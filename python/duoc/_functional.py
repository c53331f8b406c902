"""Functions of `torch` that arrange their arguments in Python before they call an op, as in PyTorch's own package."""

from . import _C

__all__ = [
    "adjoint", "broadcast_shapes", "chain_matmul", "einsum", "is_same_size", "nonzero", "resize_as_", "split",
    "tensordot", "typename", "unravel_index",
]

_ops = _C._ops


def is_same_size(input, other):
    """Whether the shapes are equal."""
    return input.shape == other.shape


def adjoint(input):
    """The last two dimensions exchanged, and conjugated."""
    return input.mH


def resize_as_(input, the_template, *, memory_format=None):
    """Changes the size in place to that of another tensor."""
    return input.resize_as_(the_template)


def typename(obj):
    """The name of an object's type; for a tensor, PyTorch's name of it."""
    if isinstance(obj, _C.Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    return f"{cls.__module__}.{cls.__qualname__}"


def split(tensor, split_size_or_sections, dim=0):
    """Parts of a size, or of given sizes, along a dimension."""
    return _ops.split(tensor, split_size_or_sections, dim)


def nonzero(input, *, out=None, as_tuple=False):
    """The places of the elements that are not zero, as rows, or as one tensor per dimension."""
    return _ops.nonzero_numpy(input) if as_tuple else _ops.nonzero(input, out=out)


def chain_matmul(*matrices, out=None):
    """The product of matrices, in the order that needs the fewest multiplications."""
    if out is None:
        return _ops.chain_matmul(list(matrices))
    return out.copy_(_ops.chain_matmul(list(matrices)))


def tensordot(a, b, dims=2, out=None):
    """The sum of products over dimensions: the last `dims` of `a` with the first of `b`, or two lists of dimensions."""
    if not isinstance(dims, (tuple, list, _C.Tensor, int)):
        raise RuntimeError("tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] "
                           f"containing two lists, but got dims={dims}")
    if isinstance(dims, _C.Tensor):
        dims = dims.tolist() if dims.numel() > 1 else int(dims.item())
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.dim(), b.dim()):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        left, right = list(range(-dims, 0)), list(range(dims))
    else:
        left, right = dims
    one = lambda d: [d] if isinstance(d, int) else [int(k) for k in d]  # noqa: E731
    result = _ops.tensordot(a, b, one(left), one(right))
    return result if out is None else out.copy_(result)


def einsum(*args):
    """Sums of products written as indices: `einsum("ij,jk->ik", a, b)`, or operands each followed by its indices."""
    if len(args) < 2:
        raise ValueError("einsum(): must specify the equation string and at least one operand, or at least one operand "
                         "and its subscripts list")
    if isinstance(args[0], _C.Tensor):
        def letter(n):
            if n is Ellipsis:
                return "..."
            if 0 <= n < 26:
                return chr(ord("A") + n)
            if n < 52:
                return chr(ord("a") + n - 26)
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")

        text = ["".join(map(letter, s)) for s in args[1::2]]
        equation = ",".join(text)
        if len(args) % 2:
            equation += "->" + "".join(map(letter, args[-1]))
        operands = list(args[:len(args) // 2 * 2:2])
    else:
        equation, operands = args[0], args[1:]
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = operands[0]
    return _ops.einsum(equation, list(operands))


def broadcast_shapes(*shapes):
    """The shape that results when tensors of these shapes meet."""
    from ._size import Size

    out = []
    for shape in shapes:
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        out = [1] * (len(shape) - len(out)) + out
        for i, n in enumerate(reversed(shape), 1):
            if n < 0:
                raise RuntimeError(f"Trying to create tensor with negative dimension ({n}): ({n})")
            if n != 1 and out[-i] not in (1, n):
                raise RuntimeError("Shape mismatch: objects cannot be broadcast to a single shape")
            out[-i] = n if n != 1 else out[-i]
    return Size(out)


def unravel_index(indices, shape):
    """The coordinates of flat indices into a tensor of the given shape."""
    if not isinstance(indices, _C.Tensor) or indices.is_floating_point() or indices.is_complex() \
            or str(indices.dtype).endswith("bool"):
        raise ValueError(f"expected 'indices' to be integer dtype, but got {getattr(indices, 'dtype', type(indices))}")
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"'shape' cannot have negative values, but got {shape}")
    coordinates, step = [], 1
    for n in reversed(shape):
        coordinates.append((indices // step) % n)
        step *= n
    return tuple(reversed(coordinates))

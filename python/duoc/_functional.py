"""Functions of `torch` that arrange their arguments in Python before they call an op, as in PyTorch's own package."""

from . import _C

__all__ = [
    "adjoint", "broadcast_shapes", "chain_matmul", "einsum", "is_same_size", "lu", "nonzero", "pca_lowrank", "resize_as_",
    "split", "svd_lowrank", "tensordot", "typename", "unique", "unique_consecutive", "unravel_index",
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


def lu(A, pivot=True, get_infos=False, out=None):
    """The older form of `linalg.lu_factor`: the factors in one matrix, and the pivots; with `get_infos` the reports too."""
    result = _ops._lu_with_info(A, pivot, not get_infos)
    result = tuple(result) if get_infos else tuple(result)[:2]
    if out is None:
        return result
    for target, value in zip(out, result):
        target.copy_(value)
    return out


def _rows(input, dim):
    """The slices along a dimension as rows, and their number."""
    rows = input.movedim(dim, 0)
    return rows.reshape(rows.size(0), -1)


def _groups(rows, consecutive):
    """For every row the number of its group, and one row of every group; groups in ascending order, or as they come."""
    keys = [tuple(r) for r in rows.tolist()]
    if consecutive:
        numbers, firsts = [], []
        for i, k in enumerate(keys):
            if not i or k != keys[i - 1]:
                firsts.append(i)
            numbers.append(len(firsts) - 1)
        return numbers, firsts
    found = {}
    for i, k in enumerate(keys):
        found.setdefault(k, i)
    order = {k: n for n, k in enumerate(sorted(found))}
    return [order[k] for k in keys], [found[k] for k in sorted(found)]


def _flat_groups(flat, consecutive):
    """As `_groups` for the elements of a vector, by sorting."""
    if flat.numel() == 0:
        none = _ops.zeros([0], dtype=_int64())
        return none, none
    order = None
    values = flat
    if not consecutive:
        values, order = flat.sort(stable=True)
    fresh = _ops.cat([_ops.ones([1], dtype=_bool()), values[1:] != values[:-1]])
    numbers = fresh.to(_int64()).cumsum(0) - 1
    firsts = fresh.nonzero().squeeze(1)
    if order is None:
        return numbers, firsts
    back = numbers.new_empty(numbers.shape)
    back[order] = numbers
    return back, order[firsts]


def _int64():
    from . import int64
    return int64


def _bool():
    import duoc
    return duoc.bool


def _unique(input, return_inverse, return_counts, dim, consecutive):
    from . import no_grad, tensor

    with no_grad():
        if dim is None:
            numbers, firsts = _flat_groups(input.detach().reshape(-1), consecutive)
            values = input.detach().reshape(-1)[firsts]
            inverse = numbers.reshape(input.shape)
        else:
            if input.size(dim) == 0 or input.numel() == 0 and 0 in input.shape:
                if input.size(dim) != 0:
                    raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
            numbers, firsts = _groups(_rows(input.detach(), dim), consecutive)
            numbers, firsts = tensor(numbers, dtype=_int64()), tensor(firsts, dtype=_int64())
            values, inverse = input.detach().index_select(dim, firsts), numbers
        out = [values]
        if return_inverse:
            out.append(inverse)
        if return_counts:
            out.append(_ops.bincount(numbers.reshape(-1), None, int(firsts.numel())))
    return out[0] if len(out) == 1 else tuple(out)


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The elements that occur (or the slices along `dim`), each once and in ascending order.

    With `return_inverse` also where each element is among them, with `return_counts` how often each occurs.
    """
    return _unique(input, return_inverse, return_counts, dim, False)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The first of every run of equal elements (or slices along `dim`)."""
    return _unique(input, return_inverse, return_counts, dim, True)


def _range_of(A, q, niter, M):
    """An orthonormal basis of about the first `q` singular directions, by subspace iteration (N. Halko et al., 2009)."""
    from . import linalg, randn

    kept = A if M is None else A - M
    basis = randn(A.shape[-1], q, dtype=A.dtype)
    Q = linalg.qr(kept @ basis).Q
    for _ in range(niter):
        Q = linalg.qr(kept.mH @ Q).Q
        Q = linalg.qr(kept @ Q).Q
    return Q


def svd_lowrank(A, q=6, niter=2, M=None):
    """The first `q` singular values and vectors of a large matrix, `A - M` if given, by random projection."""
    from . import linalg

    q = 6 if q is None else q
    wide = A.shape[-2] < A.shape[-1]
    A, M = (A.mH, None if M is None else M.mH) if wide else (A, M)
    Q = _range_of(A, q, niter, M)
    U, S, Vh = linalg.svd(Q.mH @ (A if M is None else A - M), full_matrices=False)
    U, V = Q @ U, Vh.mH
    return (V, S, U) if wide else (U, S, V)


def pca_lowrank(A, q=None, center=True, niter=2):
    """The principal components of a matrix's rows, centred first unless told otherwise."""
    rows, columns = A.shape[-2:]
    q = min(6, rows, columns) if q is None else q
    if not 0 <= q <= min(rows, columns):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(rows, columns)}")
    if not niter >= 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    return svd_lowrank(A - A.mean(dim=(-2,), keepdim=True) if center else A, q, niter=niter)

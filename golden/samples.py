"""Sample arguments: thinned from PyTorch's own op database, with special values and empty shapes added."""

import itertools
import random
import re

import numpy as np
import torch
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo.core import BinaryUfuncInfo, ReductionOpInfo, UnaryUfuncInfo

from calls import NotRecordable, record, resolve, schema_name
from encode import line, tensors_of

# Families of the database that are not part of the tensor itself, and entries that are not ops.
EXCLUDED = re.compile(
    r"(linalg|signal|masked|sparse|special|torch)\.|nn\.functional\.(?!relu$|softmax|log_softmax|linear$|bilinear$|one_hot$)|_|jit"
    r"|(H|T|mH|mT|item|svd|pca|lu|lu_.*"
    r"|cholesky.*|geqrf|ormqr|pinverse|svd_lowrank|pca_lowrank|cfloat|cdouble|chalf|native_.*|max_pool2d.*|grid_sampler.*"
    r"|to_sparse|broadcast_shapes|logdet|hash_tensor|histogramdd|triangular_solve|nonzero_static|empty.*|new_empty.*"
    r"|cauchy|exponential|geometric|log_normal|normal|uniform|bernoulli|rand.*|multinomial)$")
COUNTS = [(torch.float64, 8), (torch.float32, 3), (torch.int64, 3), (torch.bool, 2), (torch.float16, 1),
          (torch.bfloat16, 1), (torch.uint8, 1), (torch.int32, 1), (torch.complex128, 4), (torch.complex64, 2)]
LARGEST = 64  # elements of all arguments together, where an op has samples that small
LONGEST = 12_000  # characters of a case
ATEN_NAMES = {"nn.functional.relu": "relu", "nn.functional.linear": "linear", "nn.functional.bilinear": "bilinear", "nn.functional.one_hot": "one_hot",
              "true_divide": "true_divide", "byte": None, "char": None, "short": None, "int": None, "long": None,
              "half": None, "float": None, "double": None, "bfloat16": None, "bool": None, "atleast_1d": "atleast_1d"}

SPECIAL = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e-6, 3e4, -3e4,
           0.999, 5.0]
INTEGERS = [0, 1, -1, 2, -2, 3, 7, -7, 100, 127]
PAIRS = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0, 1.0, -1.0, 2.5, -3.0]
INT_PAIRS = [-7, -3, -1, 0, 1, 2, 5, 63]


def seed(name, dtype):
    n = sum(ord(c) * (i + 1) for i, c in enumerate(f"{name}/{dtype}"))
    random.seed(n)
    np.random.seed(n)
    torch.manual_seed(n)


def size(args, kwargs):
    return sum(t.numel() for t in tensors_of([args, kwargs]))


def signature(args, kwargs):
    def one(v):
        if isinstance(v, torch.Tensor):
            return (tuple(v.shape), v.is_contiguous(), str(v.dtype))
        if isinstance(v, (list, tuple)):
            return tuple(map(one, v))
        return repr(v)
    return repr((one(args), sorted((k, one(v)) for k, v in kwargs.items())))


def thin(items, count):
    """`count` items, evenly spaced, the first one always."""
    if len(items) <= count:
        return items
    return [items[i * len(items) // count] for i in range(count)]


def flat_sample(s):
    return [s.input, *s.args] if not isinstance(s.input, tuple) else [list(s.input), *s.args], dict(s.kwargs)


def of_database(op, name, dtype, count, emit):
    seed(op.name, dtype)
    found = {}
    for s in itertools.islice(op.sample_inputs("cpu", dtype, requires_grad=False), 300):
        args, kwargs = flat_sample(s)
        try:
            overload, a, k = resolve(name, args, kwargs)
        except (NotRecordable, AttributeError):
            continue
        found.setdefault(schema_name(overload), {}).setdefault(signature(a, k), (size(a, k), a, k))
    for _, cases in sorted(found.items()):
        small = [c for c in cases.values() if c[0] <= LARGEST] or sorted(cases.values(), key=lambda c: c[0])[:1]
        share = max(1, count if len(found) < 3 else count * 2 // 3)
        for n, args, kwargs in thin(small, share):
            if n <= 400:
                emit(name, args, kwargs, grad=dtype in (torch.float64, torch.complex128), rounded=True)


def of_errors(op, name, emit):
    seed(op.name, "errors")
    try:
        inputs = list(itertools.islice(op.error_inputs("cpu"), 12))
    except Exception:
        return
    for e in inputs:
        args, kwargs = flat_sample(e.sample_input)
        # Numbers alone reach scalar overloads that are not tensor operations.
        numbers_alone = isinstance(op, BinaryUfuncInfo) and not any(True for _ in tensors_of([args, kwargs]))
        if size(args, kwargs) <= 200 and not numbers_alone:
            emit(name, args, kwargs)


def special_values(op, name, emit):
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.int8, torch.bool):
        if dtype not in op.dtypes:
            continue
        if isinstance(op, UnaryUfuncInfo):
            data = SPECIAL if dtype.is_floating_point else [abs(x) for x in INTEGERS] if dtype == torch.uint8 else INTEGERS
            extra = flat_sample(next(iter(op.sample_inputs("cpu", dtype, requires_grad=False))))
            emit(name, [torch.tensor(data, dtype=torch.float64).to(dtype), *extra[0][1:]], extra[1])
        elif isinstance(op, BinaryUfuncInfo) and dtype in (torch.float32, torch.int64, torch.uint8, torch.bfloat16):
            data = PAIRS if dtype.is_floating_point else [abs(x) for x in INT_PAIRS] if dtype == torch.uint8 else INT_PAIRS
            data = data if "shift" not in name or dtype == torch.uint8 else [1, 5, -9, 0, 3, 62]
            x = torch.tensor(data, dtype=dtype)
            extra = flat_sample(next(iter(op.sample_inputs("cpu", dtype, requires_grad=False))))[1]
            try:
                emit(name, [x[:, None], x], extra)
                emit(name, [x[:, None], x[x != 0]], extra)
            except NotRecordable:
                pass


def empty_reductions(name, emit):
    for shape, dims in (((0,), (None, 0)), ((2, 0, 3), (None, 0, 1, 2)), ((3, 0), (0, 1)), ((), (None, 0, -1))):
        x = torch.zeros(shape, dtype=torch.float32)
        for dim in dims:
            emit(name, [x] if dim is None else [x, dim], {})
    x = torch.tensor([[1.0, float("nan"), 2.0], [float("inf"), 3.0, -1.0]])
    emit(name, [x], {})
    emit(name, [x, 1], {})
    emit(name, [x, 0], {})


def names():
    """(database entry, name of the aten op) for every op that is recorded."""
    for op in op_db:
        if EXCLUDED.match(op.name):
            continue
        name = ATEN_NAMES.get(op.name, op.name.removeprefix("nn.functional.").replace("fft.", "fft_"))
        if name and hasattr(torch.ops.aten, name):
            yield op, name


def record_all(write, only=None):
    """Records every op of the database; `write(case)` takes each case once."""
    seen = set()

    def emit(name, args, kwargs, **how):
        # `as_strided` reaches beyond its argument, and a case holds no more of a storage than its tensors show.
        if name.startswith("as_strided") and any(t.storage_offset() or not t.is_contiguous() for t in tensors_of(args)):
            return
        try:
            case = record(name, args, kwargs, **how)
        except (NotRecordable, AttributeError):
            return
        key = repr((case["op"], case["args"], case.get("kwargs")))
        if key not in seen and len(line(case)) <= LONGEST:
            seen.add(key)
            write(case)

    for op, name in names():
        if only and not re.fullmatch(only, name):
            continue
        for dtype, count in COUNTS:
            if dtype in op.dtypes:
                of_database(op, name, dtype, count, emit)
        of_errors(op, name, emit)
        special_values(op, name, emit)
        if isinstance(op, ReductionOpInfo):
            empty_reductions(name, emit)

"""Result dtypes: every op against every dtype, tensor with tensor, with a 0-d tensor, with a number, and alone; and the
rules themselves for all dtypes."""

import torch

from encode import name_of

DTYPES = [torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64]
BINARY = """add.Tensor sub.Tensor mul.Tensor div.Tensor floor_divide remainder.Tensor fmod.Tensor pow.Tensor_Tensor
 eq.Tensor lt.Tensor bitwise_and.Tensor bitwise_xor.Tensor bitwise_left_shift.Tensor logical_and maximum minimum fmax
 atan2 hypot copysign.Tensor xlogy.Tensor logaddexp nextafter gcd heaviside where.self cat""".split()
SCALAR = {"add.Tensor": "add.Scalar", "sub.Tensor": "sub.Scalar", "mul.Tensor": "mul.Scalar", "div.Tensor": "div.Scalar",
          "floor_divide": "floor_divide.Scalar", "remainder.Tensor": "remainder.Scalar", "fmod.Tensor": "fmod.Scalar",
          "pow.Tensor_Tensor": "pow.Tensor_Scalar", "eq.Tensor": "eq.Scalar", "lt.Tensor": "lt.Scalar",
          "bitwise_and.Tensor": "bitwise_and.Scalar", "bitwise_xor.Tensor": "bitwise_xor.Scalar",
          "bitwise_left_shift.Tensor": "bitwise_left_shift.Tensor_Scalar", "copysign.Tensor": "copysign.Scalar",
          "xlogy.Tensor": "xlogy.Scalar_Other", "where.self": "where.ScalarOther"}
UNARY = """abs neg sign exp exp2 expm1 log log2 log10 log1p sqrt rsqrt square reciprocal sin cos tan asin acos atan sinh
 cosh tanh asinh acosh atanh sigmoid erf erfc erfinv floor ceil round trunc frac relu isnan isinf isfinite logical_not
 bitwise_not lgamma digamma deg2rad rad2deg positive sgn signbit logit sinc nan_to_num
 sum prod mean std var any all amax amin argmax argmin max min logsumexp nansum norm.Scalar count_nonzero median
 cumsum cumprod sort.values softmax.int log_softmax.int""".split()
NUMBERS = {"bool": True, "int": 3, "float": 2.5}
ALL = DTYPES + [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
                torch.float8_e5m2fnuz, torch.complex64, torch.complex128]


def call(name, args):
    packet, _, overload = name.partition(".")
    fn = getattr(torch.ops.aten, packet)
    if name == "cat":
        return torch.ops.aten.cat.default(list(args), 0)
    if packet == "where":
        return getattr(fn, overload)(torch.ones(2, dtype=torch.bool), *args)
    if name in ("cumsum", "cumprod", "softmax.int", "log_softmax.int"):
        return getattr(fn, overload or "default")(args[0], 0)
    if name in ("logsumexp", "count_nonzero"):
        return getattr(fn, {"logsumexp": "default", "count_nonzero": "dim_IntList"}[name])(args[0], [0])
    if name == "sort.values":
        return fn.default(args[0])[0]
    if name == "norm.Scalar":
        return fn.Scalar(args[0])
    return getattr(fn, overload or "default")(*args)


def answer(name, args):
    """The name of the result's dtype, or the error."""
    return attempt(lambda: call(name, args).dtype)


def attempt(dtype):
    try:
        return name_of(dtype())
    except Exception as e:
        return [type(e).__name__, str(e).split("\nException raised from")[0]]


def cases():
    for name in BINARY:
        for a in DTYPES:
            x = torch.ones(2, dtype=a)
            yield {"op": name, "with": "tensor", "a": name_of(a), "result": {
                name_of(b): answer(name, [x, torch.ones(2, dtype=b)]) for b in DTYPES}}
            if name != "cat":
                yield {"op": name, "with": "0-d", "a": name_of(a), "result": {
                    name_of(b): answer(name, [x, torch.ones((), dtype=b)]) for b in DTYPES}}
            if name in SCALAR:
                yield {"op": SCALAR[name], "with": "number", "a": name_of(a), "result": {
                    k: answer(SCALAR[name], [x, v]) for k, v in NUMBERS.items()}}
                yield {"op": SCALAR[name], "with": "number and 0-d", "a": name_of(a), "result": {
                    k: answer(SCALAR[name], [x[0], v]) for k, v in NUMBERS.items()}}
    for name in UNARY:
        yield {"op": "sort" if name == "sort.values" else name, "with": "nothing", "result": {
            name_of(a): answer(name, [torch.ones(2, dtype=a)]) for a in DTYPES}}
    # The rules: two dtypes; a tensor with a 0-d tensor; a tensor and a 0-d tensor with a number.
    for a in ALL:
        yield {"op": "promote_types", "with": "dtypes", "a": name_of(a), "result": {
            name_of(b): attempt(lambda: torch.promote_types(a, b)) for b in ALL}}
    for a in ALL:
        x = torch.ones(2).to(a)
        yield {"op": "result_type", "with": "0-d", "a": name_of(a), "result": {
            name_of(b): attempt(lambda: torch.result_type(x, torch.ones(()).to(b))) for b in ALL}}
        for y, kind in ((x, "number"), (x[0], "number and 0-d")):
            yield {"op": "result_type", "with": kind, "a": name_of(a), "result": {
                k: attempt(lambda: torch.result_type(y, v)) for k, v in (NUMBERS | {"complex": 1j}).items()}}

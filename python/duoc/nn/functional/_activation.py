"""Activation functions. `inplace` asks for the form that overwrites its input."""

import warnings

from ... import _C

__all__ = [
    "celu", "celu_", "elu", "elu_", "gelu", "glu", "gumbel_softmax", "hardshrink", "hardsigmoid", "hardswish", "hardtanh",
    "hardtanh_", "leaky_relu", "leaky_relu_", "log_softmax", "logsigmoid", "mish", "prelu", "relu", "relu6", "relu_", "rrelu",
    "rrelu_", "selu", "selu_", "sigmoid", "silu", "softmax", "softmin", "softplus", "softshrink", "softsign", "tanh", "tanhshrink",
    "threshold", "threshold_",
]

_ops = _C._ops

celu_ = _ops.celu_
elu_ = _ops.elu_
hardtanh_ = _ops.hardtanh_
leaky_relu_ = _ops.leaky_relu_
relu_ = _ops.relu_
rrelu_ = _ops.rrelu_
selu_ = _ops.selu_
threshold_ = _ops.threshold_

gelu = _ops.gelu
hardshrink = _ops.hardshrink
logsigmoid = _ops.log_sigmoid
prelu = _ops.prelu
softplus = _ops.softplus
softshrink = _ops.softshrink


def _form(name, inplace):
    return getattr(_ops, name + "_" if inplace else name)


def _plain(name):
    """A function of the input alone."""

    def f(input, inplace=False):
        return _form(name, inplace)(input)

    f.__name__ = f.__qualname__ = name
    return f


hardsigmoid = _plain("hardsigmoid")
hardswish = _plain("hardswish")
mish = _plain("mish")
relu = _plain("relu")
relu6 = _plain("relu6")
selu = _plain("selu")
silu = _plain("silu")


def threshold(input, threshold, value, inplace=False):
    return _form("threshold", inplace)(input, threshold, value)


def elu(input, alpha=1.0, inplace=False):
    return _form("elu", inplace)(input, alpha)


def celu(input, alpha=1.0, inplace=False):
    return _form("celu", inplace)(input, alpha)


def leaky_relu(input, negative_slope=0.01, inplace=False):
    return _form("leaky_relu", inplace)(input, negative_slope)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    return _form("rrelu", inplace)(input, lower, upper, training)


def hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _form("hardtanh", inplace)(input, min_val, max_val)


def glu(input, dim=-1):
    if input.dim() == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    return _ops.glu(input, dim)


def tanhshrink(input):
    """`x - tanh(x)`."""
    return input - input.tanh()


def softsign(input):
    """`x / (1 + |x|)`."""
    return input / (input.abs() + 1)


def tanh(input):
    return input.tanh()


def sigmoid(input):
    return input.sigmoid()


def _dim_of(name, input, stacklevel):
    """The dimension that calls without one mean: 0 for 0, 1 and 3 dimensions, else 1."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel)
    return 0 if input.dim() in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None):
    if dim is None:
        dim = _dim_of("softmax", input, _stacklevel)
    return _ops.softmax(input, dim, dtype=dtype)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    if dim is None:
        dim = _dim_of("log_softmax", input, _stacklevel)
    return _ops.log_softmax(input, dim, dtype=dtype)


def softmin(input, dim=None, _stacklevel=3, dtype=None):
    if dim is None:
        dim = _dim_of("softmin", input, _stacklevel)
    return _ops.softmax(-input, dim, dtype=dtype)


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample that is nearly one-hot (E. Jang et al., 2017); `hard` makes it one-hot, with the soft one's gradient."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -_ops.empty_like(logits).contiguous().exponential_().log()
    soft = ((logits + noise) / tau).softmax(dim)
    if not hard:
        return soft
    place = soft.detach().argmax(dim, keepdim=True)
    one_hot = _ops.zeros_like(soft).contiguous().scatter_(dim, place, 1.0)
    return one_hot - soft.detach() + soft

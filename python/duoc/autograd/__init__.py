"""Reverse-mode differentiation."""

from .. import _C
from .._modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from . import graph
from .function import Function
from .gradcheck import gradcheck, gradgradcheck

Variable = _C.Tensor

__all__ = [
    "Function", "Variable", "backward", "detect_anomaly", "enable_grad", "grad", "gradcheck", "gradgradcheck", "graph",
    "inference_mode", "no_grad", "set_detect_anomaly", "set_grad_enabled",
]


def _tuple(x):
    if x is None:
        return ()
    return (x,) if isinstance(x, _C.Tensor) else tuple(x)


def _cotangents(outputs, grads, differentiable):
    """One cotangent per output; absent ones stand for 1 and need an output of one element."""
    if grads is None:
        grads = (None,) * len(outputs)
    elif isinstance(grads, _C.Tensor):
        grads = (grads,)
    grads = tuple(grads)
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    for out, grad in zip(outputs, grads):
        if grad is None and out.requires_grad and out.numel() != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if isinstance(grad, _C.Tensor) and grad.shape != out.shape:
            raise RuntimeError(f"Mismatch in shape: grad_output[0] has a shape of {grad.shape} and output[0] has a "
                               f"shape of {out.shape}.")
        if grad is not None and not isinstance(grad, _C.Tensor):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(grad).__name__}")
    return grads


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Accumulates the gradients of `tensors` into the leaves they depend on, or into `inputs` only."""
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError("`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. "
                               "Please only use `grad_tensors`.")
        grad_tensors = grad_variables
    if inputs is not None and not isinstance(inputs, _C.Tensor) and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    tensors = _tuple(tensors)
    grads = _cotangents(tensors, grad_tensors, create_graph)
    if inputs is not None:
        inputs = _tuple(inputs)
    _C._backward(tensors, grads, retain_graph, create_graph, inputs)


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False, only_inputs=True,
         allow_unused=None, is_grads_batched=False, materialize_grads=False):
    """The gradients of `outputs` with respect to `inputs`, as a tuple; nothing is accumulated."""
    if materialize_grads and allow_unused is False:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False.")
    if allow_unused is None:
        allow_unused = materialize_grads
    outputs, inputs = _tuple(outputs), _tuple(inputs)
    if is_grads_batched:
        n = {g.shape[0] for g in _tuple(grad_outputs) if g is not None}.pop()
        rows = [grad(outputs, inputs, [None if g is None else g[i] for g in _tuple(grad_outputs)], True, create_graph,
                     True, allow_unused, False, materialize_grads) for i in range(n)]
        from .. import stack
        return tuple(None if column[0] is None else stack(list(column)) for column in zip(*rows))
    grads = _cotangents(outputs, grad_outputs, create_graph)
    return _C._grad(outputs, inputs, grads, retain_graph, create_graph, allow_unused, materialize_grads)


class set_detect_anomaly:
    """Switches anomaly detection; used with `with`, until its end."""

    def __init__(self, mode, check_nan=True):
        self._guard = _C._anomaly_guard(bool(mode))

    def __enter__(self):
        pass

    def __exit__(self, *_):
        self._guard.close()


class detect_anomaly:
    """A backward step that produces NaN is an error that names the forward operation."""

    def __init__(self, check_nan=True):
        pass

    def __enter__(self):
        self._guard = _C._anomaly_guard(True)

    def __exit__(self, *_):
        self._guard.close()

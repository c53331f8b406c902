"""Differentiable functions written in Python."""

from .. import _C


class FunctionCtx:
    """What a forward leaves for its backward."""

    def __init__(self):
        self._saved, self._dirty, self._non_differentiable = (), (), ()
        self._materialize_grads = True
        self._unpacked = None
        self.needs_input_grad = ()

    def save_for_backward(self, *tensors):
        """Keeps inputs and outputs for the backward."""
        self._saved = tensors

    save_for_forward = save_for_backward

    def mark_dirty(self, *tensors):
        """Says that these inputs were changed in place."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Says that these outputs have no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value):
        """Whether absent gradients of outputs are zeros, or None."""
        self._materialize_grads = value

    @property
    def saved_tensors(self):
        """The tensors that were saved."""
        return tuple(self._saved) if self._unpacked is None else self._unpacked


class Function:
    """Base class: `forward` and `backward` are static methods, `apply` calls the function."""

    @staticmethod
    def forward(*args, **kwargs):
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grads):
        raise NotImplementedError("Implementing either the backward or vjp method for your custom autograd.Function is "
                                  "required to use it with backward mode AD.")

    def __init__(self, *args, **kwargs):
        raise RuntimeError(f"{type(self)} should not be instantiated. Methods on autograd functions are all static, so "
                           "you should invoke them on the class itself. Instantiating an autograd function will raise "
                           "an error in a future version of PyTorch.")

    @classmethod
    def apply(cls, *args, **kwargs):
        """Calls the function and records it."""
        ctx = type(cls.__name__ + "Backward", (FunctionCtx,), {})()
        places = [i for i, a in enumerate(args) if isinstance(a, _C.Tensor)]
        count = len(args)
        separate = cls.setup_context is not Function.setup_context
        shape = {}

        def forward(needs):
            full = [False] * len(args)
            for place, need in zip(places, needs):
                full[place] = need
            ctx.needs_input_grad = tuple(full)
            if separate:
                out = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, out)
            else:
                out = cls.forward(ctx, *args, **kwargs)
            shape["tuple"] = isinstance(out, (tuple, list))
            outs = tuple(out) if shape["tuple"] else (out,)
            shape["outs"] = outs
            return tuple(o for o in outs if isinstance(o, _C.Tensor))

        def backward(ctx, saved, grads):
            ctx._unpacked = saved
            try:
                it = iter(grads)
                given = [next(it) if isinstance(o, bool) and o else None for o in shape["tensors"]]
                out = getattr(cls, "vjp", cls.backward)(ctx, *given)
            finally:
                ctx._unpacked = None
            out = out if isinstance(out, (tuple, list)) else (out,)
            if len(out) > count and all(g is None for g in out[count:]):
                out = out[:count]
            if len(out) != count:
                raise RuntimeError(f"function {cls.__name__}Backward returned an incorrect number of gradients "
                                   f"(expected {count}, got {len(out)})")
            return tuple(out[i] for i in places)

        made = _C._apply_function(cls.__name__ + "Backward", ctx, forward, backward, [args[i] for i in places])
        outs = shape.pop("outs")
        shape["tensors"] = [isinstance(o, _C.Tensor) for o in outs]
        # The core's node owns what was saved; keeping it here too would keep the outputs alive through themselves.
        ctx._saved = ctx._dirty = ctx._non_differentiable = ()
        it = iter(made)
        full = tuple(next(it) if isinstance(o, _C.Tensor) else o for o in outs)
        return full if shape["tuple"] else full[0]


def once_differentiable(f):
    """Marks a backward that cannot be differentiated again."""
    import functools

    from .._modes import no_grad

    @functools.wraps(f)
    def wrapper(ctx, *args):
        with no_grad():
            return f(ctx, *args)

    return wrapper

"""Gradients compared with central differences."""

from .. import _C


class GradcheckError(RuntimeError):
    """The analytical and the numerical gradient differ."""


def _flat(outputs):
    outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    return [o for o in outputs if isinstance(o, _C.Tensor)]


def gradcheck(func, inputs, *, eps=1e-6, atol=1e-5, rtol=1e-3, raise_exception=True, nondet_tol=0.0,
              check_undefined_grad=True, check_grad_dtypes=False, check_batched_grad=False, check_forward_ad=False,
              check_backward_ad=True, fast_mode=False, masked=None):
    """Whether `func`'s gradients at `inputs` agree with central differences of step `eps`."""
    from .. import zeros_like
    from . import grad

    inputs = (inputs,) if isinstance(inputs, _C.Tensor) else tuple(inputs)
    watched = [x for x in inputs if isinstance(x, _C.Tensor) and x.requires_grad]
    if not watched:
        raise ValueError("gradcheck expects at least one input tensor to require gradient, but none of the them have "
                         "requires_grad=True.")

    def fail(text):
        if raise_exception:
            raise GradcheckError(text)
        return False

    outputs = [o for o in _flat(func(*inputs)) if o.requires_grad]
    for k, out in enumerate(outputs):
        flat = out.reshape(-1)
        analytical = [[] for _ in watched]
        for j in range(flat.numel()):
            # A complex result has two components: the gradient of each is that of a real function.
            for weight in (1, 1j) if out.is_complex() else (1,):
                one = zeros_like(flat)
                one[j] = weight
                rows = grad(out, watched, one.reshape(out.shape), retain_graph=True, allow_unused=True)
                for i, g in enumerate(rows):
                    analytical[i].append(None if g is None else _components(g, watched[i].is_complex()))
        for i, x in enumerate(watched):
            data = x.data
            for n, (place, direction) in enumerate(_directions(x)):
                before = data[place].item()
                sides = []
                for step in (eps, -eps):
                    data[place] = before + step * direction
                    sides.append(_components(_flat_outputs(func, inputs)[k], out.is_complex()))
                data[place] = before
                for j, (up, down) in enumerate(zip(*sides)):
                    want = (up - down) / (2 * eps)
                    row = analytical[i][j]
                    got = 0.0 if row is None else row[n]
                    if not abs(got - want) <= atol + rtol * abs(want):
                        return fail(f"Jacobian mismatch for output {k} with respect to input {i},\n"
                                    f"numerical:{want}\nanalytical:{got}\n")
    return True


def _components(t, as_complex):
    """The numbers of a tensor, real and imaginary parts in turn if it counts as complex."""
    numbers = t.detach().reshape(-1).tolist()
    if not as_complex:
        return [v.real for v in numbers]
    return [part for v in numbers for part in (complex(v).real, complex(v).imag)]


def _directions(x):
    """Every place of a tensor with every direction in which its number may move; by index, since it may be strided."""
    for n in range(x.numel()):
        place, rest = [], n
        for size in reversed(x.shape):
            place.append(rest % size)
            rest //= size
        for direction in (1, 1j) if x.is_complex() else (1,):
            yield tuple(reversed(place)), direction


def _flat_outputs(func, inputs):
    return [o for o in _flat(func(*inputs)) if o.requires_grad]


def gradgradcheck(func, inputs, grad_outputs=None, *, eps=1e-6, atol=1e-5, rtol=1e-3, gen_non_contig_grad_outputs=False,
                  raise_exception=True, nondet_tol=0.0, check_undefined_grad=True, check_grad_dtypes=False,
                  check_batched_grad=False, check_fwd_over_rev=False, check_rev_over_rev=True, fast_mode=False,
                  masked=False):
    """Whether the gradients of `func`'s gradients agree with central differences."""
    from .. import randn_like
    from . import grad

    inputs = (inputs,) if isinstance(inputs, _C.Tensor) else tuple(inputs)
    outputs = [o for o in _flat(func(*inputs)) if o.requires_grad]
    if grad_outputs is None:
        grad_outputs = [randn_like(o).requires_grad_() for o in outputs]
    grad_outputs = [grad_outputs] if isinstance(grad_outputs, _C.Tensor) else list(grad_outputs)
    n = len(inputs)

    def first(*args):
        outs = [o for o in _flat(func(*args[:n])) if o.requires_grad]
        watched = [x for x in args[:n] if isinstance(x, _C.Tensor) and x.requires_grad]
        got = grad(outs, watched, list(args[n:]), create_graph=True, allow_unused=True)
        return tuple(g for g in got if g is not None)

    return gradcheck(first, (*inputs, *grad_outputs), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)

"""Parameters as one vector."""

from ... import Tensor, cat


def parameters_to_vector(parameters):
    """All parameters one after another in one vector."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec, parameters):
    """The slices of a vector as the data of the parameters."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    at = 0
    for p in parameters:
        count = p.numel()
        p.data = vec[at:at + count].view_as(p).data
        at += count

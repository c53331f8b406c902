"""`torch.nn`: neural networks."""

from . import functional  # noqa: F401
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter  # noqa: F401
from . import init  # noqa: F401
from .modules import *  # noqa: F401,F403
from . import attention, modules, parameter, utils  # noqa: F401


def factory_kwargs(kwargs):
    """`device`, `dtype` and `memory_format` of a layer's arguments, also from a dictionary `factory_kwargs` among them."""
    if kwargs is None:
        return {}
    known = {"device", "dtype", "memory_format"}
    unexpected = set(kwargs) - known - {"factory_kwargs"}
    if unexpected:
        raise TypeError(f"unexpected kwargs {unexpected}")
    found = dict(kwargs.get("factory_kwargs", {}))
    for name in known & set(kwargs):
        if name in found:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        found[name] = kwargs[name]
    return found

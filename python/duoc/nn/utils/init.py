"""Layers without drawing their parameters."""

import inspect


def skip_init(module_cls, *args, **kwargs):
    """A layer whose parameters are uninitialised, for those who fill them next."""
    from ..modules import Module

    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    keep = getattr(module_cls, "reset_parameters", None)
    if keep is None:
        return module_cls(*args, **kwargs)
    # A class of its own, so that nobody else sees the missing method.
    quiet = type(module_cls.__name__, (module_cls,), {"reset_parameters": lambda self: None, "__module__": module_cls.__module__})
    layer = quiet(*args, **kwargs)
    layer.__class__ = module_cls
    return layer

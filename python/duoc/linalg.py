"""`torch.linalg`: the registry's functions whose names begin with `linalg_`."""

from . import _C

LinAlgError = _C.LinAlgError
LinAlgError.__module__ = "torch.linalg"

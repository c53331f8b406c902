"""`torch.nn`: neural networks."""

from . import functional  # noqa: F401

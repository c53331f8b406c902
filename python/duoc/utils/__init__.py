"""What modules, optimisers and data sets share."""

from . import hooks  # noqa: F401

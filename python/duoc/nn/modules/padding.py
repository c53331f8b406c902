"""Layers that add borders."""

from .. import functional as F
from .module import Module
from ._tuples import _ntuple


class _Pad(Module):
    __constants__ = ["padding"]
    _n, _mode = None, None

    def __init__(self, padding):
        super().__init__()
        self.padding = _ntuple(2 * self._n)(padding)

    def forward(self, input):
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _ConstantPadNd(_Pad):
    __constants__ = ["padding", "value"]

    def __init__(self, padding, value):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Borders of one value around `(*, L)`: `(left, right)`."""

    _n = 1


class ConstantPad2d(_ConstantPadNd):
    """Borders of one value around `(*, H, W)`: `(left, right, top, bottom)`."""

    _n = 2


class ConstantPad3d(_ConstantPadNd):
    """Borders of one value around `(*, D, H, W)`: `(left, right, top, bottom, front, back)`."""

    _n = 3


class _ZeroPad(_ConstantPadNd):
    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad1d(_ZeroPad, ConstantPad1d):
    """Borders of zeros around `(*, L)`."""


class ZeroPad2d(_ZeroPad, ConstantPad2d):
    """Borders of zeros around `(*, H, W)`."""


class ZeroPad3d(_ZeroPad, ConstantPad3d):
    """Borders of zeros around `(*, D, H, W)`."""


class _CircularPadNd(_Pad):
    _mode = "circular"

    def forward(self, input):
        if input.dim() not in (self._n + 1, self._n + 2):
            raise ValueError(f"expected {self._n + 1}D or {self._n + 2}D input (got {input.dim()}D input)")
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Borders that go on at the other side, around `(*, L)`."""

    _n = 1


class CircularPad2d(_CircularPadNd):
    """Borders that go on at the other side, around `(*, H, W)`."""

    _n = 2


class CircularPad3d(_CircularPadNd):
    """Borders that go on at the other side, around `(*, D, H, W)`."""

    _n = 3


class _ReflectionPadNd(_Pad):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Borders that mirror the elements next to the edge, around `(*, L)`."""

    _n = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Borders that mirror the elements next to the edge, around `(*, H, W)`."""

    _n = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Borders that mirror the elements next to the edge, around `(*, D, H, W)`."""

    _n = 3


class _ReplicationPadNd(_Pad):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Borders that repeat the edge, around `(*, L)`."""

    _n = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Borders that repeat the edge, around `(*, H, W)`."""

    _n = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Borders that repeat the edge, around `(*, D, H, W)`."""

    _n = 3

"""Instance normalisation: every channel of every sample by its own mean and variance."""

import warnings

from .. import functional as F
from .batchnorm import _LazyNormBase, _NormBase


class _InstanceNorm(_NormBase):
    _n = None

    def __init__(self, num_features, eps=1e-5, momentum=0.1, affine=False, track_running_stats=False, device=None, dtype=None, *,
                 bias=True):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _get_no_batch_dim(self):
        return self._n + 1

    def _check_input_dim(self, input):
        n = self._n
        if input.dim() not in (n + 1, n + 2):
            raise ValueError(f"expected {n + 1}D or {n + 2}D input (got {input.dim()}D input)")

    def _apply_instance_norm(self, input):
        own = self.training or not self.track_running_stats
        return F.instance_norm(input, self.running_mean, self.running_var, self.weight, self.bias, own,
                               0.0 if self.momentum is None else self.momentum, self.eps)

    def forward(self, input):
        self._check_input_dim(input)
        channels = input.dim() - self._get_no_batch_dim()
        if input.size(channels) != self.num_features:
            text = (f"expected input's size at dim={channels} to match num_features ({self.num_features}), but got: "
                    f"{input.size(channels)}.")
            if self.affine:
                raise ValueError(text)
            warnings.warn(f"input's size at dim={channels} does not match num_features. You can silence this warning by not "
                          "passing in num_features, which is not used because affine=False", stacklevel=2)
        if input.dim() == self._get_no_batch_dim():
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        if local_metadata.get("version", None) is None and not self.track_running_stats:
            old = [prefix + n for n in ("running_mean", "running_var") if prefix + n in state_dict]
            if old:
                error_msgs.append(f"Unexpected running stats buffer(s) {' and '.join(repr(k) for k in old)} for "
                                  f"{type(self).__name__} with track_running_stats=False. If the file is from before 0.4.0, remove "
                                  "them from it.")
                for key in old:
                    state_dict.pop(key)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of `(N, C, L)` or `(C, L)`."""

    _n = 1


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of `(N, C, H, W)` or `(C, H, W)`."""

    _n = 2


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of `(N, C, D, H, W)` or `(C, D, H, W)`."""

    _n = 3


class _LazyInstanceNorm(_LazyNormBase, _InstanceNorm):
    def initialize_parameters(self, input):
        """Takes the number of channels from an input, with or without a batch."""
        super().initialize_parameters(input if input.dim() == self._n + 2 else input.unsqueeze(0))


class LazyInstanceNorm1d(_LazyInstanceNorm):
    """An `InstanceNorm1d` that takes `num_features` from its first input."""

    cls_to_become, _n = InstanceNorm1d, 1


class LazyInstanceNorm2d(_LazyInstanceNorm):
    """An `InstanceNorm2d` that takes `num_features` from its first input."""

    cls_to_become, _n = InstanceNorm2d, 2


class LazyInstanceNorm3d(_LazyInstanceNorm):
    """An `InstanceNorm3d` that takes `num_features` from its first input."""

    cls_to_become, _n = InstanceNorm3d, 3

"""Small helpers of the layers' arguments."""

import collections.abc
from itertools import repeat


def _ntuple(n, name="parse"):
    def parse(x):
        return tuple(x) if isinstance(x, collections.abc.Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t, n):
    """Every element `n` times, the last element first: the order in which `pad` wants its borders."""
    return tuple(x for x in reversed(t) for _ in range(n))


def consume_prefix_in_state_dict_if_present(state_dict, prefix):
    """Takes a prefix such as `module.` from the names of a state dict, in place."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix):]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if metadata is not None:
        for key in list(metadata):
            if key.startswith(prefix):
                metadata[key[len(prefix):]] = metadata.pop(key)
            elif key + "." == prefix:
                metadata[""] = metadata.pop(key)


class _Shown:
    """A layer whose text is a template over its attributes."""

    _text = ""

    def extra_repr(self):
        return self._text.format_map(self.__dict__)

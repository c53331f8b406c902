"""Handles of registered hooks."""

import itertools as _itertools
import weakref as _weakref


class RemovableHandle:
    """The place of a hook in a dictionary of hooks; `remove()`, or leaving a `with` block, takes it out.

    `extra_dict` names one more dictionary, or several, with entries under the same number.
    """

    _numbers = _itertools.count()
    next_id = 0

    def __init__(self, hooks_dict, *, extra_dict=None):
        self.id = next(self._numbers)
        type(self).next_id = self.id + 1
        self.hooks_dict_ref = _weakref.ref(hooks_dict)
        extra = extra_dict if isinstance(extra_dict, (list, tuple)) else [] if extra_dict is None else [extra_dict]
        self.extra_dict_ref = tuple(_weakref.ref(d) for d in extra)

    def remove(self):
        """Takes the hook out; nothing happens the second time."""
        for there in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = there()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __getstate__(self):
        return self.hooks_dict_ref(), self.id, tuple(there() for there in self.extra_dict_ref)

    def __setstate__(self, state):
        from collections import OrderedDict

        hooks, self.id, extra = state
        self.hooks_dict_ref = _weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(_weakref.ref(OrderedDict() if d is None else d) for d in extra)
        while type(self).next_id <= self.id:
            type(self).next_id = next(self._numbers) + 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

"""The recorded graph: its nodes, and hooks on saved tensors."""

from .. import _C

Node = _C.Node


class saved_tensors_hooks:
    """Tensors saved inside go through `pack_hook`, and through `unpack_hook` when they are needed."""

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self):
        _C._saved_tensors_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *_):
        _C._saved_tensors_hooks()

"""Named tuples of ops with several results: `torch.return_types.max` and the others, made when first returned."""

from operator import itemgetter


class _Result(tuple):
    __slots__ = ()
    _names = ()
    n_sequence_fields = n_fields = n_unnamed_fields = 0

    def __repr__(self):
        fields = ",\n".join(f"{n}={v!r}" for n, v in zip(self._names, self))
        return f"torch.return_types.{type(self).__name__}(\n{fields})"

    def __reduce__(self):
        return _restore, (type(self).__name__, self._names, tuple(self))


_classes = {}


def _class(op, names):
    """The class for the results of `op` with these field names."""
    made = _classes.get(op)
    if made is None:
        members = {n: property(itemgetter(i)) for i, n in enumerate(names)}
        members.update(_names=tuple(names), n_sequence_fields=len(names), n_fields=len(names), __slots__=(),
                       __module__="torch.return_types", __match_args__=tuple(names))
        made = _classes[op] = globals()[op] = type(op, (_Result,), members)
    return made


def _restore(op, names, items):
    return _class(op, names)(items)

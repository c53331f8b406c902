"""`torch.save` and `torch.load`: the files that PyTorch writes and reads.

A file is a zip archive of a pickle (`data.pkl`) and one entry of raw bytes for every storage; `load` reads the format from
before version 1.6 too. `weights_only` (the default) accepts nothing but tensors, containers and what `add_safe_globals`
names, and runs no code.
"""

import builtins
import collections
import contextlib
import io
import os
import pickle
import struct
import tempfile
import types
import zipfile

from . import _C, frombuffer
from . import device as _device_class
from ._size import Size

Tensor = _C.Tensor
_DTYPES = dict(_C._dtypes())
_uint8 = _DTYPES["uint8"]
_STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
    "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8", "ByteStorage": "uint8",
    "BoolStorage": "bool", "ComplexFloatStorage": "complex64", "ComplexDoubleStorage": "complex128",
}
_STORAGE_OF = {_DTYPES[d]: s for s, d in _STORAGES.items()}
_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_safe = {}

UnpicklingError = pickle.UnpicklingError


class _Global:
    """A name of PyTorch's that a file refers to."""

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self, *args):
        raise UnpicklingError(f"{self.module}.{self.name} stands for bytes and cannot be called")


class _Storage:
    """Bytes, and the dtype that they were saved as (None: of a tensor's own)."""

    def __init__(self, data, dtype):
        self.data, self.dtype = data, dtype


def _names(obj, name=None):
    module = getattr(obj, "__module__", None) or "builtins"
    name = name or getattr(obj, "__qualname__", None) or obj.__name__
    head, _, rest = module.partition(".")
    if head == "duoc":
        # `_C` and the files of this package are details; PyTorch's names are not.
        module = "torch" + ("." + rest if rest and not rest.startswith("_") else "")
    return module, name


class _Pickler(pickle._Pickler):
    dispatch = pickle._Pickler.dispatch.copy()

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.storages = {}

    def _write_global(self, obj, module, name):
        self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        self.memoize(obj)

    def save_global(self, obj, name=None):
        module, found = _names(obj, name)
        if "<locals>" in found or "<lambda>" in found:
            raise pickle.PicklingError(f"Can't pickle {obj!r}: it is not found as {module}.{found}")
        if module.partition(".")[0] == "torch":
            self._write_global(obj, module, found)
        else:
            super().save_global(obj, name)

    def save_type(self, obj):
        if obj in (type(None), type(NotImplemented), type(...)):
            super().save_type(obj)
        else:
            self.save_global(obj)

    def save_name(self, obj):
        self._write_global(obj, obj.module, obj.name)

    dispatch[types.FunctionType] = save_global
    dispatch[type] = save_type
    dispatch[_Global] = save_name

    def persistent_id(self, obj):
        if not isinstance(obj, _Storage):
            return None
        t, dtype = obj.data, obj.dtype
        place = _C._storage_id(t)
        if place not in self.storages:
            count = place[1] // t.element_size()
            self.storages[place] = (str(len(self.storages)), t.as_strided([count], [1], 0))
        key = self.storages[place][0]
        if dtype is None:
            return "storage", _Global("torch.storage", "UntypedStorage"), key, "cpu", place[1]
        return "storage", _Global("torch", _STORAGE_OF[dtype]), key, "cpu", place[1] // t.element_size()

    def reducer_override(self, obj):
        if isinstance(obj, Tensor):
            return self._tensor(obj)
        if isinstance(obj, _device_class):
            return _Global("torch", "device"), tuple(str(obj).split(":")[:1]) + tuple(map(int, str(obj).split(":")[1:]))
        if isinstance(obj, Size):
            return _Global("torch", "Size"), (tuple(obj),)
        return NotImplemented

    def _tensor(self, t):
        from .nn.parameter import Parameter

        extra = dict(t.__dict__)
        plain = t.detach().resolve_conj().resolve_neg()
        hooks = collections.OrderedDict()
        if isinstance(t, Parameter):
            plain = plain.as_subclass(Tensor) if type(plain) is not Tensor else plain
            if extra:
                return _Global("torch._utils", "_rebuild_parameter_with_state"), (plain, t.requires_grad, hooks, extra)
            return _Global("torch._utils", "_rebuild_parameter"), (plain, t.requires_grad, hooks)
        # A result is saved as its values, with its need of gradients and without its history.
        known = t.dtype in _STORAGE_OF
        parts = (_Storage(plain, t.dtype if known else None), plain.storage_offset(), tuple(plain.shape), plain.stride(),
                 t.requires_grad, hooks)
        if known:
            return _Global("torch._utils", "_rebuild_tensor_v2"), parts
        return _Global("torch._utils", "_rebuild_tensor_v3"), (*parts, t.dtype)


def _save_dtype(self, obj):
    self._write_global(obj, "torch", str(obj).removeprefix("torch."))


_Pickler.dispatch[_C.dtype] = _save_dtype


def _entries(obj, protocol):
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, protocol)
    pickler.dump(obj)
    yield "data.pkl", buffer.getvalue()
    yield ".format_version", b"1"
    yield ".storage_alignment", b"64"
    yield "byteorder", b"little"
    for key, tensor in pickler.storages.values():
        yield f"data/{key}", tensor._bytes()
    yield "version", b"3\n"


def _write(file, root, obj, protocol):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _entries(obj, protocol):
            info = zipfile.ZipInfo(f"{root}/{name}", (1980, 1, 1, 0, 0, 0))
            if name.startswith("data/"):
                # Storages begin at multiples of 64 bytes, so that files can be mapped.
                start = archive.fp.tell() + 30 + len(info.filename.encode())
                gap = -(start + 4) % 64
                info.extra = struct.pack("<HH", 0x4246, gap) + b"Z" * gap
            archive.writestr(info, data)


def save(obj, f, pickle_module=pickle, pickle_protocol=2, _use_new_zipfile_serialization=True,
         _disable_byteorder_record=False):
    """Saves an object to a path or a file; a file of that name stays whole until the new one is complete."""
    if hasattr(f, "write"):
        return _write(f, "archive", obj, pickle_protocol)
    path = os.fspath(f)
    path = path.decode() if isinstance(path, bytes) else path
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {folder} does not exist.")
    handle, temporary = tempfile.mkstemp(prefix=name + ".", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            _write(file, os.path.splitext(name)[0] or "archive", obj, pickle_protocol)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(OSError):
            os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


# Reading.

def _rebuild_tensor_v2(storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None):
    return _rebuild(storage, storage.dtype or _uint8, storage_offset, size, stride, requires_grad)


def _rebuild_tensor_v3(storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None):
    return _rebuild(storage, dtype, storage_offset, size, stride, requires_grad)


def _rebuild_tensor(storage, storage_offset, size, stride):
    return _rebuild(storage, storage.dtype or _uint8, storage_offset, size, stride, False)


def _rebuild(storage, dtype, offset, size, stride, requires_grad):
    if not isinstance(storage, _Storage):
        raise UnpicklingError("a tensor's storage is missing from the file")
    t = storage.data.view(dtype).as_strided(list(size), list(stride), offset)
    return t.requires_grad_(True) if requires_grad else t


def _rebuild_parameter(data, requires_grad, backward_hooks):
    from .nn.parameter import Parameter
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    parameter = _rebuild_parameter(data, requires_grad, backward_hooks)
    parameter.__dict__.update(state)
    return parameter


_REBUILDERS = {f.__name__: f for f in (_rebuild_tensor, _rebuild_tensor_v2, _rebuild_tensor_v3, _rebuild_parameter,
                                        _rebuild_parameter_with_state)}


def _known(module, name):
    """What a name of a file that holds weights alone may stand for, or None."""
    if module == "torch._utils":
        return _REBUILDERS.get(name)
    if module == "torch" and name in _DTYPES:
        return _DTYPES[name]
    if module == "torch" and (name in _STORAGES or name == "Size" or name == "device"):
        return {"Size": Size, "device": _device_class}.get(name) or _Global(module, name)
    if (module, name) in (("torch.storage", "UntypedStorage"), ("torch.storage", "TypedStorage")):
        return _Global(module, name)
    if module == "torch.nn.parameter" and name == "Parameter":
        from .nn.parameter import Parameter
        return Parameter
    if module == "torch" and name == "Tensor":
        return Tensor
    if module == "collections" and name in ("OrderedDict", "Counter", "defaultdict"):
        return getattr(collections, name)
    if module in ("builtins", "__builtin__") and name in ("set", "frozenset", "complex", "bytearray", "list", "dict", "tuple",
                                                           "int", "float", "bool", "str"):
        return getattr(builtins, name)
    if (module, name) == ("_codecs", "encode"):
        import _codecs
        return _codecs.encode
    return _safe.get(f"{module}.{name}")


class _Unpickler(pickle.Unpickler):
    def __init__(self, file, storage_of, weights_only, **kwargs):
        super().__init__(file, encoding="utf-8", **kwargs)
        self.storage_of, self.weights_only = storage_of, weights_only

    def find_class(self, module, name):
        found = _known(module, name)
        if found is not None:
            return found
        if self.weights_only:
            raise UnpicklingError(
                f"Weights only load failed: the file refers to {module}.{name}, which is not a tensor or a plain container, so "
                "loading it may run code. If you trust the file, load it with weights_only=False, or allow this name alone with "
                f"torch.serialization.add_safe_globals([{name}]).")
        head, _, rest = module.partition(".")
        if head == "torch":
            module = "duoc" + ("." + rest if rest else "")
        return super().find_class(module, name)

    def persistent_load(self, saved):
        if not isinstance(saved, tuple) or len(saved) < 5 or saved[0] != "storage":
            raise UnpicklingError(f"an unknown kind of persistent object in the file: {str(saved)[:80]}")
        _, kind, key, location, count = saved[:5]
        name = kind.name if isinstance(kind, _Global) else getattr(kind, "__name__", str(kind))
        dtype = _DTYPES[_STORAGES[name]] if name in _STORAGES else None
        size = count * (_itemsize(dtype) if dtype is not None else 1)
        return _Storage(self.storage_of(key, size, location), dtype)


def _itemsize(dtype):
    from . import empty
    return empty(0, dtype=dtype).element_size()


def _check_location(location, map_location):
    """Every storage ends in host memory; a file from another device must say that this is wanted."""
    target = map_location
    if callable(map_location) and not isinstance(map_location, (str, _device_class)):
        return
    if isinstance(map_location, dict):
        target = map_location.get(location, None)
    target = str(location if target is None else target)
    if target.split(":")[0] not in ("cpu", "meta"):
        raise RuntimeError(
            f"Attempting to deserialize object on a {target.split(':')[0].upper()} device, which is not available here. Use "
            "torch.load with map_location=torch.device('cpu') to map your storages to the CPU.")


def _bytes_tensor(data):
    return frombuffer(bytearray(data), dtype=_uint8) if data else _empty_bytes()


def _empty_bytes():
    from . import empty
    return empty(0, dtype=_uint8)


def _load_zip(file, map_location, weights_only):
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [n for n in names if n.endswith("/data.pkl") or n == "data.pkl"]
        if not pickles:
            raise RuntimeError("the archive has no data.pkl: it was not written by torch.save")
        root = pickles[0][:-len("data.pkl")]
        if root + "constants.pkl" in names:
            raise RuntimeError("the file is a TorchScript archive, which holds a program; torch.jit.load reads those")
        if root + "byteorder" in names and archive.read(root + "byteorder") not in (b"little", b""):
            raise RuntimeError("the file was written on a big-endian machine, which is not supported")
        made = {}

        def storage_of(key, size, location):
            if key not in made:
                _check_location(location, map_location)
                info = archive.getinfo(f"{root}data/{key}")
                if info.file_size < size:
                    raise RuntimeError(f"storage {key} has {info.file_size} bytes, {size} are expected: the file is damaged")
                made[key] = _bytes_tensor(archive.read(info))
            return made[key]

        return _Unpickler(io.BytesIO(archive.read(pickles[0])), storage_of, weights_only).load()


def _load_legacy(file, map_location, weights_only):
    made = {}

    def storage_of(key, size, location):
        if key not in made:
            _check_location(location, map_location)
            from . import empty
            made[key] = empty(size, dtype=_uint8)
        return made[key]

    def one():
        return _Unpickler(file, storage_of, weights_only).load()

    if one() != _MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    if one() != _PROTOCOL:
        raise RuntimeError("Invalid protocol version of a file from before PyTorch 1.6")
    one()
    result = one()
    for key in one():
        (count,) = struct.unpack("<q", file.read(8))
        storage = made.get(key)
        if storage is None:
            raise RuntimeError(f"storage {key} belongs to no tensor: the file is damaged")
        data = file.read(storage.numel())
        if len(data) != storage.numel() or count < 0:
            raise RuntimeError("the file ends before its last tensor")
        if data:
            storage.copy_(_bytes_tensor(data))
    return result


def load(f, map_location=None, pickle_module=None, *, weights_only=None, mmap=None, **pickle_load_args):
    """Loads what `save` (or PyTorch) saved, from a path or a file.

    `weights_only` is true unless told otherwise: tensors and plain containers only, no code is run. `map_location` says
    where storages of other devices go; here that is the CPU.
    """
    weights_only = weights_only is not False
    own = not hasattr(f, "read")
    if not own and not hasattr(f, "seek"):
        raise AttributeError("torch.load needs a file that can seek: read it into an io.BytesIO first")
    with (open(os.fspath(f), "rb") if own else contextlib.nullcontext(f)) as file:
        start = file.tell()
        head = file.read(4)
        file.seek(start)
        try:
            if head[:2] == b"PK":
                return _load_zip(file, map_location, weights_only)
            if not head:
                raise EOFError("Ran out of input")
            return _load_legacy(file, map_location, weights_only)
        except (zipfile.BadZipFile, KeyError, struct.error) as error:
            raise RuntimeError(f"the file cannot be read as one of torch.save: {error}") from error


def add_safe_globals(safe_globals):
    """Allows classes and functions in files that are loaded with `weights_only`."""
    for item in safe_globals:
        if isinstance(item, tuple):
            _safe[item[1]] = item[0]
        else:
            _safe[".".join((item.__module__, item.__qualname__))] = item


def get_safe_globals():
    """What `add_safe_globals` allowed."""
    return list(_safe.values())


def clear_safe_globals():
    """Forgets what was allowed."""
    _safe.clear()


@contextlib.contextmanager
def safe_globals(allowed):
    """Allows classes and functions within a block."""
    before = dict(_safe)
    add_safe_globals(allowed)
    try:
        yield
    finally:
        _safe.clear()
        _safe.update(before)

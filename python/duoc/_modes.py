"""Switches of gradient recording, as context managers and decorators."""

import functools

from . import _C


class _Switch:
    """A context manager that is a decorator too, for functions and for generators."""

    def __call__(self, f):
        # The flag of generator functions, as `inspect` reads it; importing that takes longer than all of this package.
        if getattr(getattr(f, "__code__", None), "co_flags", 0) & 0x20:

            @functools.wraps(f)
            def generator(*args, **kwargs):
                # The switch is on while the generator runs, and off while its caller does.
                it, value, error = f(*args, **kwargs), None, None
                try:
                    while True:
                        with self.clone():
                            out = it.send(value) if error is None else it.throw(error)
                        value, error = None, None
                        try:
                            value = yield out
                        except GeneratorExit:
                            with self.clone():
                                it.close()
                            raise
                        except BaseException as e:
                            error = e
                except StopIteration as stop:
                    return stop.value

            return generator

        @functools.wraps(f)
        def wrapper(*args, **kwargs):
            with self.clone():
                return f(*args, **kwargs)

        return wrapper

    def clone(self):
        """A switch like this one, for another entry."""
        return type(self)()


class no_grad(_Switch):
    """Operations inside are not recorded."""

    _on = False

    def __new__(cls, orig_func=None):
        self = object.__new__(cls)
        return self if orig_func is None else self(orig_func)

    def __enter__(self):
        self._before = _C.is_grad_enabled()
        _C._set_grad_enabled(self._on)

    def __exit__(self, *_):
        _C._set_grad_enabled(self._before)


class enable_grad(no_grad):
    """Operations inside are recorded, within `no_grad` too."""

    _on = True


class set_grad_enabled(_Switch):
    """Switches recording at once; used with `with`, until its end."""

    def __init__(self, mode):
        self._before = _C.is_grad_enabled()
        self.mode = mode
        _C._set_grad_enabled(bool(mode))

    def __call__(self, f):
        _C._set_grad_enabled(self._before)
        return super().__call__(f)

    def __enter__(self):
        _C._set_grad_enabled(bool(self.mode))

    def __exit__(self, *_):
        _C._set_grad_enabled(self._before)

    def clone(self):
        return type(self)(self.mode)


class inference_mode(_Switch):
    """Nothing inside is recorded, and its results never can be."""

    def __new__(cls, mode=True):
        self = object.__new__(cls)
        if isinstance(mode, bool):
            self.mode = mode
            return self
        self.mode = True
        return self(mode)

    def __enter__(self):
        self._guard = _C._inference_guard(self.mode)

    def __exit__(self, *_):
        self._guard.close()

    def clone(self):
        return type(self)(self.mode)

"""Convolutions: geometries, groups, batches of none, dtypes, errors."""

from handwritten import BF16, F16, F32, I64, t


def both(k, name, transposed):
    n, w = ([7], [3]) if k == 1 else ([5, 4], [3, 3]) if k == 2 else ([3, 2, 2], [2, 2, 2])
    for dt in (None, F32, F16, BF16, I64):
        kw = {} if dt is None else {"dtype": dt}
        yield name, [t(2, 2, *n, **kw), t(2, 3, *w, **kw) if transposed else t(3, 2, *w, **kw)], {}


def conv():
    for k in (1, 2, 3):
        name = f"conv{k}d"
        n = [5, 4][:k] if k < 3 else [3, 3, 2]
        w = [3, 2][:k] if k < 3 else [2, 2, 1]
        x = t(2, 2, *n)
        for groups in (1, 2):
            f = t(4, 2 // groups, *w)
            yield name, [x, f, t(4)], {"groups": groups}
            yield name, [x, f], {"groups": groups, "stride": 2, "padding": 1}
            yield name, [x, f, t(4)], {"groups": groups, "dilation": 2, "padding": [2] * k}
            for word in ("same", "valid"):
                yield name, [x, f, t(4)], {"groups": groups, "padding": word}
        f = t(3, 2, *w)
        yield name, [t(2, *n), f, t(3)], {}
        yield name, [t(2, *n), f], {"padding": "same", "dilation": 2}
        yield name, [t(0, 2, *n), f, t(3)], {}
        yield name, [t(1, 0, *n), t(3, 0, *w)], {}
        yield name, [t(1, 2, *n), t(3, 2, *[1] * k)], {}
        yield name, [t(1, 2, *n), t(3, 2, *[1] * k), t(3)], {"stride": 3}
        yield name, [x.transpose(0, 1), f.transpose(0, 1).contiguous().transpose(0, 1)], {"padding": 1}
        yield from both(k, name, False)
        for bad in ({"stride": 0}, {"padding": -1}, {"dilation": -1}, {"groups": 0}, {"groups": 2}, {"groups": 7},
                    {"padding": "same", "stride": 2}, {"padding": "most"}, {"stride": [1] * 4}, {"padding": [1] * 4}):
            yield name, [x, f], bad
        yield name, [x, t(3, 1, *w)], {}
        yield name, [x, f, t(2)], {}
        yield name, [x, t(3, 2, *[9] * k)], {}
        yield name, [t(5), f], {}
        yield name, [x, f.to(F32)], {}


def conv_transpose():
    for k in (1, 2, 3):
        name = f"conv_transpose{k}d"
        n = [3, 2, 1][:k]
        w = [3, 2, 1][:k]
        x = t(2, 2, *n)
        for groups in (1, 2):
            f = t(2, 2, *w)
            yield name, [x, f, t(2 * groups)], {"groups": groups}
            yield name, [x, f], {"groups": groups, "stride": 2, "padding": 1, "output_padding": 1}
            yield name, [x, f, t(2 * groups)], {"groups": groups, "dilation": 2, "stride": 3}
        f = t(2, 3, *w)
        yield name, [t(2, *n), f, t(3)], {}
        yield name, [t(0, 2, *n), f], {}
        yield from both(k, name, True)
        for bad in ({"stride": 0}, {"padding": -1}, {"padding": 9}, {"output_padding": 1}, {"output_padding": -1},
                    {"groups": 0}, {"groups": 3}):
            yield name, [x, f], bad
        yield name, [x, t(3, 3, *w)], {}
        yield name, [x, f, t(2)], {}


def convolution():
    x, f = t(1, 2, 4, 5), t(2, 2, 3, 2)
    for transposed in (False, True):
        yield "convolution", [x, f, t(2), [2, 1], [1, 0], [1, 2], transposed, [0, 0], 1], {}
        yield "convolution", [x, f, None, [1], [0], [1], transposed, [0], 1], {}
    yield "convolution", [x, f, None, [1], [0], [1, 1, 1], False, [0], 1], {}
    yield "convolution", [t(2, 4, 5), f, None, [1], [0], [1], False, [0], 1], {}


FAMILIES = [conv, conv_transpose, convolution]

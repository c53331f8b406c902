"""Suite `errors`: bad input must raise the same family of exception as in PyTorch."""

import itertools

import torch
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db

import judging as common
import opinfo
from judging import Mismatch, Skip, clone

MODULES = {}
for _m in module_db:
    if _m.module_error_inputs_func is not None and _m.name.startswith("nn."):
        MODULES.setdefault(f"module {_m.name}", _m)


def list_cases(opts):
    names = [n for n in opinfo.list_cases(opts) if opinfo.OPS[n].error_inputs_func is not None]
    return names + list(MODULES)


def category_of(case):
    return "module errors" if case in MODULES else opinfo.category_of(case)


def family(exc):
    """The nearest built-in exception classes: those a caller would catch."""
    for cls in type(exc).__mro__:
        if cls.__module__ == "builtins":
            return RuntimeError if cls is NotImplementedError else cls
    return Exception


def judge(call_ref, call_target):
    """Pass if the target raises what the reference raises."""
    try:
        call_ref()
    except Exception as e:
        want = e
    else:
        raise Skip("the reference does not raise")
    try:
        got = call_target()
    except (common.Missing, Skip):
        raise
    except AttributeError as e:
        if isinstance(want, AttributeError):
            return
        raise common.Missing(common.first_line(e)) from None
    except Exception as e:
        if isinstance(e, NotImplementedError) and not isinstance(want, NotImplementedError):
            raise Mismatch(f"{common.first_line(e, 120)} instead of {common.first_line(want, 120)}") from None
        if isinstance(e, family(want)) or issubclass(family(want), family(e)) and family(e) is not Exception:
            return
        raise Mismatch(f"{common.first_line(e, 120)} instead of {common.first_line(want, 120)}") from None
    except BaseException as e:
        raise Mismatch(f"panic: {common.first_line(e, 120)}") from None
    raise Mismatch(f"returned {type(got).__name__} instead of raising {common.first_line(want, 120)}")


def checks(case, ctx):
    """Yield (key, thunk) for each error input."""
    rt = ctx.rt
    common.seed_all(common.seed_of(case, "errors"))
    if case in MODULES:
        yield from module_checks(case, ctx)
        return
    op = opinfo.OPS[case]
    for i, item in enumerate(itertools.islice(op.error_inputs("cpu"), 60)):
        def one(item=item):
            sample = item.sample_input
            for t in common.tensors(opinfo.parts(sample)):
                if t.device.type != "cpu":
                    raise Skip(f"needs a {t.device.type} tensor")
            ref = clone(opinfo.parts(sample))
            f = rt.fn(op.op)
            mine = rt.value(opinfo.parts(sample))
            judge(lambda: op.op(ref[0], *ref[1], **ref[2]), lambda: f(mine[0], *mine[1], **mine[2]))
        yield f"{i:02d}", one


def module_checks(case, ctx):
    rt, info = ctx.rt, MODULES[case]
    for dtype, training in ((torch.float32, True),):
        items = info.module_error_inputs_func(info, device="cpu", dtype=dtype, requires_grad=False,
                                              training=training)
        for i, item in enumerate(items):
            def one(item=item):
                made = item.module_error_input
                build = made.constructor_input
                cls = rt.resolve(info.name)

                def run(make, conv):
                    args, kw = conv(build.args), conv(build.kwargs)
                    if item.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
                        return lambda: make(*args, **kw)
                    m = make(*args, **kw)
                    fargs = conv(made.forward_input.args)
                    fkw = conv(made.forward_input.kwargs)
                    return lambda: m(*fargs, **fkw)
                judge(run(info.module_cls, clone), run(cls, rt.value))
            yield f"{i:02d}", one

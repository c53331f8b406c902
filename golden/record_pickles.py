"""Records small files of PyTorch for the readers' tests: every form, and what they hold.

    python golden/record_pickles.py

Writes crates/duoc-io/tests/data/*.pt and the .npz files beside them. The tests know the values by the same formulas.
"""

import collections
import pathlib
import sys
import warnings
import zipfile

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parent.parent / "crates/duoc-io/tests/data"
warnings.filterwarnings("ignore")


def values():
    """A checkpoint with everything that one may hold."""
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    parameter = torch.nn.Parameter(torch.tensor([1.5, -2.5]))
    state = collections.OrderedDict(weight=base, turned=base.t(), part=base[1:, ::2], bias=parameter)
    state._metadata = {"": {"version": 1}}
    return {
        "model": state,
        "same": base,
        "optimizer": {
            "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(2, 2)}},
            "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999), "foreach": None, "maximize": False, "params": [0, 1]}],
        },
        "big": 2**40,
        "seed": 2**64 - 1,
        "negative": -5,
        "size": base.shape,
        "dtype": torch.bfloat16,
        "device": torch.device("cpu"),
        "bytes": b"a\xff",
        "set": {1},
        "complex": 1 + 2j,
        "text": "đuốc",
        "empty": torch.empty(0, 3),
        "number": torch.tensor(7),
    }


def dtypes():
    """One tensor of each dtype with the values 0, 1, 2, 3 (bool: false, true, true, true)."""
    names = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 uint16 uint32 uint64"
    names += " float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz complex64 complex128"
    return {name: torch.arange(4).to(getattr(torch, name)) for name in names.split()}


class Small(torch.nn.Module):
    """A module with a parameter of its own, one in a child, a buffer and an attribute."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([2.0]))
        self.child = torch.nn.Linear(2, 1)
        self.register_buffer("count", torch.tensor(5))
        self.names = ["a", "b"]
        with torch.no_grad():
            self.child.weight.copy_(torch.tensor([[1.0, -1.0]]))
            self.child.bias.copy_(torch.tensor([0.5]))

    def forward(self, x):
        """Anything: the file holds the code, which nobody runs."""
        return self.child(x) * self.scale


def swapped(source, target):
    """The same archive as a big-endian machine would have written it."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name.endswith("/byteorder"):
                data = b"big"
            if "/data/" in name and ".data" not in name:
                data = numpy.frombuffer(data, "<f4").byteswap().tobytes()
            new.writestr(name, data)


def main():
    """Writes the files."""
    HERE.mkdir(parents=True, exist_ok=True)
    everything = values()
    torch.save(everything, HERE / "zip.pt")
    torch.save(everything, HERE / "protocol4.pt", pickle_protocol=4)
    old = dict(everything)
    torch.save(old, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
    torch.save(dtypes(), HERE / "dtypes.pt")
    torch.save(torch.arange(3.0), HERE / "tensor.pt")
    torch.save({"x": torch.arange(3.0)}, HERE / "little.pt")
    swapped(HERE / "little.pt", HERE / "big.pt")
    torch.serialization.set_crc32_options(False)
    torch.save({"x": torch.arange(3.0)}, HERE / "unsummed.pt")
    torch.serialization.set_crc32_options(True)
    torch.jit.save(torch.jit.script(Small()), HERE / "script.pt")
    torch.save(torch.nn.Linear(2, 1), HERE / "module.pt")
    arrays = {"a": numpy.arange(6, dtype=numpy.float32).reshape(2, 3), "b/c": numpy.asfortranarray(numpy.eye(3))}
    numpy.savez(HERE / "stored.npz", **arrays)
    numpy.savez_compressed(HERE / "deflated.npz", **arrays, zeros=numpy.zeros(1000))
    print("wrote", ", ".join(sorted(p.name for p in HERE.iterdir())), file=sys.stderr)


if __name__ == "__main__":
    main()

"""Initialisation: what `torch.nn.init` makes of a tensor of zeros after a seed."""

import torch

from random_cases import outcome

SHAPES = [[3, 5], [5, 3], [40, 30], [4, 2, 3], [6, 4, 3, 3], [2, 3, 2, 2, 2], [7], [0, 3]]
CALLS = [
    ("uniform_", [-0.5, 2.0]), ("normal_", [1.0, 0.25]), ("trunc_normal_", []), ("trunc_normal_", [0.0, 1.0, 1.5, 4.0]), ("trunc_normal_", [0.5, 0.02, 0.45, 0.6]),
    ("constant_", [0.25]), ("ones_", []), ("zeros_", []), ("eye_", []), ("dirac_", []), ("dirac_", [2]), ("xavier_uniform_", []), ("xavier_uniform_", [1.4]),
    ("xavier_normal_", [0.5]), ("kaiming_uniform_", [0, "fan_in", "leaky_relu"]), ("kaiming_uniform_", [0.2, "fan_out", "leaky_relu"]),
    ("kaiming_normal_", [0, "fan_in", "relu"]), ("kaiming_normal_", [0, "fan_out", "tanh"]), ("kaiming_uniform_", [0, "fan_in", "selu"]), ("kaiming_normal_", [0, "fan_in", "sigmoid"]),
    ("orthogonal_", []), ("orthogonal_", [1.4]), ("sparse_", [0.1]), ("sparse_", [0.5, 0.1]), ("sparse_", [1.5]),
]


def cases():
    for name, args in CALLS:
        for shape in SHAPES:
            for dtype in (torch.float32, torch.float64) if name in ("uniform_", "trunc_normal_", "orthogonal_") else (torch.float32,):
                torch.manual_seed(13)
                t = torch.zeros(shape, dtype=dtype)
                case = {"init": name, "args": args, "shape": shape, "t": str(dtype).removeprefix("torch.")}
                try:
                    getattr(torch.nn.init, name)(t, *args)
                    case["out"] = outcome(t)
                    case["next"] = torch.rand([]).item()
                except Exception as e:  # noqa: BLE001
                    case["error"] = [type(e).__name__, str(e)]
                yield case

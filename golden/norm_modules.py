"""Norms."""

from module_cases import case, randn

x1, x2, x3 = randn(2, 3, 8), randn(1, 3, 5, 6), randn(1, 2, 4, 4, 3)

CASES = [
    case("BatchNorm1d", 3)(randn(5, 3)),
    case("BatchNorm1d", 3).calls(3)(x1),
    case("BatchNorm1d", 3, momentum=None).calls(3)(x1),
    case("BatchNorm1d", 3).eval()(x1),
    case("BatchNorm1d", 3, affine=False, track_running_stats=False).eval()(x1),
    case("BatchNorm1d", 3)(randn(1, 3)),
    case("BatchNorm1d", 3)(randn(3)),
    case("BatchNorm1d", 4)(x1),
    case("BatchNorm2d", 3, eps=1e-3, momentum=0.3)(x2),
    case("BatchNorm2d", 3, bias=False)(x2),
    case("BatchNorm2d", 3)(x1),
    case("BatchNorm3d", 2)(x3),
    case("InstanceNorm1d", 3)(x1),
    case("InstanceNorm1d", 3, affine=True)(randn(3, 8)),
    case("InstanceNorm2d", 3, affine=True, track_running_stats=True).calls(2)(x2),
    case("InstanceNorm2d", 3, track_running_stats=True).eval()(x2),
    case("InstanceNorm2d", 4, affine=True)(x2),
    case("InstanceNorm2d", 3)(randn(2, 3, 1, 1)),
    case("InstanceNorm3d", 2)(x3),
    case("LayerNorm", 8)(x1),
    case("LayerNorm", (3, 8), eps=1e-3)(x1),
    case("LayerNorm", [3, 8], bias=False)(x1),
    case("LayerNorm", 8, elementwise_affine=False)(x1),
    case("LayerNorm", 7)(x1),
    case("RMSNorm", 8)(x1),
    case("RMSNorm", (3, 8), eps=1e-3)(x1),
    case("RMSNorm", 8, elementwise_affine=False)(x1),
    case("GroupNorm", 1, 3)(x1),
    case("GroupNorm", 2, 4, eps=1e-3)(randn(2, 4, 3, 2)),
    case("GroupNorm", 2, 4, affine=False)(randn(2, 4)),
    case("GroupNorm", 2, 3)(x1),
    case("GroupNorm", 4, 4)(randn(1, 4)),
    case("LocalResponseNorm", 3)(x2),
    case("LocalResponseNorm", 2, alpha=0.1, beta=0.5, k=2.0)(x1),
    case("LocalResponseNorm", 2)(randn(2, 3)),
]

"""Borders."""

from module_cases import case, randn

x1, x2, x3 = randn(1, 3, 8), randn(1, 3, 5, 6), randn(1, 2, 4, 4, 3)

CASES = [
    case("ConstantPad1d", 2, 1.5)(x1),
    case("ConstantPad2d", (1, 2, 0, -1), 3)(x2),
    case("ConstantPad3d", 1, 0.5)(x3),
    case("ZeroPad1d", (1, 2))(x1),
    case("ZeroPad2d", 1)(x2),
    case("ZeroPad3d", (1, 0, 0, 2, 1, 1))(x3),
    case("ReflectionPad1d", 2)(x1),
    case("ReflectionPad2d", (1, 2, 0, 3))(x2),
    case("ReflectionPad3d", 1)(x3),
    case("ReflectionPad1d", 8)(x1),
    case("ReplicationPad1d", (3, 0))(x1),
    case("ReplicationPad2d", 2)(x2),
    case("ReplicationPad3d", (1, 0, 2, 1, 0, 1))(x3),
    case("CircularPad1d", 2)(x1),
    case("CircularPad2d", (1, 2, 0, 3))(x2),
    case("CircularPad3d", 1)(x3),
]

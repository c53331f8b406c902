"""Linear layers and containers."""

from module_cases import case, module, randn

CASES = [
    case("Linear", 3, 4)(randn(2, 3)),
    case("Linear", 3, 4)(randn(3)),
    case("Linear", 5, 2, bias=False)(randn(2, 3, 5)),
    case("Linear", 40, 30).seed(3)(randn(3, 40)),
    case("Linear", 3, 4)(randn(0, 3)),
    case("Linear", 3, 4)(randn(2, 5)),
    case("Linear", 0, 2)(randn(2, 0)),
    case("Sequential")(randn(2, 3)),
    case("Sequential", module("Linear", 3, 4), module("Linear", 4, 2, bias=False))(randn(2, 3)),
    case("Sequential", module("Linear", 3, 4), module("Sequential", module("Linear", 4, 2), module("Linear", 2, 2)))(randn(2, 3)),
    case("Bilinear", 3, 4, 2)(randn(5, 3), randn(5, 4)),
    case("Bilinear", 2, 2, 3, bias=False)(randn(2), randn(2)),
    case("Bilinear", 2, 2, 3)(randn(2, 2, 2), randn(2, 2, 2)),
    case("Bilinear", 2, 2, 3)(randn(2, 2), randn(3, 2)),
    case("Bilinear", 0, 2, 3)(),
    case("Identity")(randn(2, 3)),
    case("Identity", 54, unused_argument1=0.1)(randn(2)),
    case("Flatten")(randn(2, 3, 2)),
    case("Flatten", 0, -2)(randn(2, 3, 2)),
    case("Flatten", 2, 1)(randn(2, 3, 2)),
    case("Unflatten", 1, (2, -1))(randn(2, 6, 2)),
    case("Unflatten", -1, (3,))(randn(2, 3)),
    case("Unflatten", 1, (4, 2))(randn(2, 6)),
]

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
]

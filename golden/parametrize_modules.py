"""Layers with computed weights."""

from module_cases import case, module, randn

CASES = [
    case("weight_norm", module("Linear", 3, 4)).near()(randn(2, 3)),
    case("weight_norm", module("Linear", 3, 4), dim=1).near()(randn(2, 3)),
    case("weight_norm", module("Linear", 3, 4, bias=False), dim=None).near()(randn(2, 3)),
    case("weight_norm", module("Linear", 3, 4), "bias").near()(randn(2, 3)),
    case("spectral_norm", module("Linear", 3, 4)).near()(randn(2, 3)),
    case("spectral_norm", module("Linear", 3, 4), n_power_iterations=3).near().calls(2)(randn(2, 3)),
    case("spectral_norm", module("Linear", 3, 4)).near().eval()(randn(2, 3)),
    case("spectral_norm", module("Linear", 3, 4), dim=1).near()(randn(2, 3)),
    case("spectral_norm", module("Linear", 3, 4), "bias").near()(randn(2, 3)),
    case("weight_norm", module("Linear", 3, 4), "nothing").near()(randn(2, 3)),
]

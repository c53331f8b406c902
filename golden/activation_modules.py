"""Activation layers and losses."""

from module_cases import case, given, rand, randint, randn

x = randn(3, 5)
y, z, p, q = randn(3, 5), randn(3, 5), rand(3, 5), rand(3, 5)
w5 = given([0.5, 1.5, 2.0, 0.25, 1.0], "float64")
classes = randint(0, 5, 3)
signs = given([[1.0, -1, 1, -1, 1], [-1, -1, 1, 1, -1], [1, 1, 1, -1, -1]], "float64")

SIMPLE = ["ReLU", "ReLU6", "Sigmoid", "Tanh", "SiLU", "Mish", "SELU", "Hardsigmoid", "Hardswish", "Tanhshrink", "Softsign", "LogSigmoid"]

CASES = [case(name)(x) for name in SIMPLE] + [
    case("GELU")(x), case("GELU", approximate="tanh")(x), case("GELU", "fast")(x),
    case("ELU")(x), case("ELU", 0.7)(x), case("CELU")(x), case("CELU", alpha=2.0)(x),
    case("LeakyReLU")(x), case("LeakyReLU", 0.2)(x), case("RReLU")(x), case("RReLU", 0.1, 0.4).eval()(x), case("RReLU").seed(3)(randn(4, 4)),
    case("Hardtanh")(x), case("Hardtanh", -0.5, 0.25)(x), case("Hardshrink")(x), case("Hardshrink", 0.1)(x), case("Softshrink")(x), case("Softshrink", 0.25)(x),
    case("Softplus")(x), case("Softplus", 2.0, 1.0)(x), case("GLU")(randn(3, 4)), case("GLU", 0)(randn(4, 3)), case("GLU")(x),
    case("Softmax", 1)(x), case("Softmax", dim=0)(x), case("Softmin", 1)(x), case("LogSoftmax", -1)(x), case("Softmax2d")(randn(2, 3, 2, 2)), case("Softmax2d")(x),
    case("Threshold", 0.1, 20.0)(x),
    case("PReLU")(x), case("PReLU", 5)(x), case("PReLU", num_parameters=5, init=0.1)(x), case("PReLU", 4)(x),
    *[case(name, reduction=r)(x, y) for name in ("L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "SoftMarginLoss") for r in ("none", "mean", "sum")],
    case("SmoothL1Loss", beta=0.3)(x, y), case("HuberLoss", delta=0.4)(x, y),
    *[case("CrossEntropyLoss", reduction=r)(x, classes) for r in ("none", "mean", "sum")],
    case("CrossEntropyLoss")(randn(2, 5, 3), randint(0, 5, 2, 3)), case("CrossEntropyLoss", label_smoothing=0.2)(x, classes),
    case("CrossEntropyLoss", ignore_index=1)(x, given([1, 2, 0], "int64")), case("CrossEntropyLoss")(x, given([1, 2, 5], "int64")),
    case("CrossEntropyLoss", w5)(x, classes), case("CrossEntropyLoss", weight=w5, label_smoothing=0.1)(x, classes), case("CrossEntropyLoss")(x, q),
    case("NLLLoss")(x, classes), case("NLLLoss", w5, reduction="none")(x, classes), case("NLLLoss")(randn(2, 5, 3, 2), randint(0, 5, 2, 3, 2)),
    *[case("BCELoss", reduction=r)(p, q) for r in ("none", "mean", "sum")], case("BCELoss", w5)(p, q), case("BCELoss")(x, q),
    *[case("BCEWithLogitsLoss", reduction=r)(x, q) for r in ("none", "mean", "sum")], case("BCEWithLogitsLoss", w5, pos_weight=w5)(x, q),
    *[case("KLDivLoss", reduction=r)(x, q) for r in ("none", "mean", "sum", "batchmean")], case("KLDivLoss", log_target=True, reduction="batchmean")(x, y),
    case("PoissonNLLLoss")(x, q), case("PoissonNLLLoss", log_input=False, full=True)(p, randint(0, 5, 3, 5)), case("PoissonNLLLoss", reduction="none")(x, q),
    case("HingeEmbeddingLoss")(x, signs), case("HingeEmbeddingLoss", margin=0.3, reduction="sum")(x, signs),
    case("MultiMarginLoss")(x, classes), case("MultiMarginLoss", p=2, margin=0.5, weight=w5)(x, classes),
    case("MultiLabelMarginLoss")(x, given([[3, 0, -1, 1, 2], [1, -1, 0, 0, 0], [-1, 0, 0, 0, 0]], "int64")),
    case("MultiLabelSoftMarginLoss")(x, q), case("MultiLabelSoftMarginLoss", w5, reduction="none")(x, q),
    case("MarginRankingLoss")(x, y, signs), case("MarginRankingLoss", margin=0.5, reduction="none")(x, y, signs),
    case("CosineEmbeddingLoss")(x, y, given([1.0, -1.0, 1.0], "float64")), case("CosineEmbeddingLoss", margin=0.2, reduction="sum")(x, y, given([1.0, -1.0, -1.0], "float64")),
    case("TripletMarginLoss")(x, y, z), case("TripletMarginLoss", margin=0.5, p=1.0, swap=True, reduction="none")(x, y, z),
    case("GaussianNLLLoss")(x, y, p), case("GaussianNLLLoss", full=True, eps=0.3, reduction="none")(x, y, p), case("GaussianNLLLoss")(x, y, rand(3)),
    case("GaussianNLLLoss")(x, y, rand(3, 1)), case("GaussianNLLLoss")(x, y, rand(2)), case("GaussianNLLLoss")(x, y, z),
]

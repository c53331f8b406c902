"""Pooling and unpooling."""

from module_cases import case, given, randn

INF = float("inf")
x1, x2, x3 = randn(1, 3, 8), randn(1, 3, 5, 6), randn(1, 2, 4, 4, 3)

CASES = [
    case("MaxPool1d", 2)(x1),
    case("MaxPool1d", 3, 2, padding=1, ceil_mode=True)(randn(3, 8)),
    case("MaxPool2d", 3, 2, 1)(x2),
    case("MaxPool2d", (3, 2), stride=(2, 1), padding=(1, 0), dilation=1, ceil_mode=True)(x2),
    case("MaxPool2d", 2, return_indices=True)(x2),
    case("MaxPool2d", 9)(x2),
    case("MaxPool3d", 2)(x3),
    case("MaxPool3d", (2, 2, 1), dilation=2, stride=1)(x3),
    case("AvgPool1d", 2)(x1),
    case("AvgPool1d", 3, 2, 1, count_include_pad=False)(x1),
    case("AvgPool2d", 2)(x2),
    case("AvgPool2d", (3, 2), stride=2, padding=1, ceil_mode=True, count_include_pad=False)(x2),
    case("AvgPool2d", 2, divisor_override=3)(x2),
    case("AvgPool3d", 2)(x3),
    case("LPPool1d", 2, 3)(x1),
    case("LPPool2d", 3.0, (2, 3), stride=2, ceil_mode=True)(randn(1, 1, 6, 7)),
    case("LPPool2d", INF, 2)(x2),
    case("LPPool3d", 2, 2)(x3),
    case("AdaptiveAvgPool1d", 3)(x1),
    case("AdaptiveAvgPool2d", 1)(x2),
    case("AdaptiveAvgPool2d", (4, None))(x2),
    case("AdaptiveAvgPool3d", 2)(x3),
    case("AdaptiveMaxPool1d", 3)(x1),
    case("AdaptiveMaxPool2d", (None, 3))(x2),
    case("AdaptiveMaxPool3d", (2, 3, 2))(x3),
    case("FractionalMaxPool2d", 2, output_size=(3, 4))(x2),
    case("FractionalMaxPool2d", 2, output_ratio=(0.5, 0.5))(x2),
    case("FractionalMaxPool2d", 2)(x2),
    case("FractionalMaxPool3d", 2, output_size=2)(x3),
    case("MaxUnpool1d", 2)(randn(1, 2, 3), given([[[0, 3, 4], [1, 2, 5]]], "int64")),
    case("MaxUnpool2d", 2)(randn(1, 1, 2, 2), given([[[[0, 3], [8, 15]]]], "int64")),
    case("MaxUnpool2d", 2, stride=2)(randn(1, 1, 2, 2), given([[[[0, 3], [8, 15]]]], "int64"), output_size=(5, 4)),
    case("MaxUnpool2d", 2)(randn(1, 1, 2, 2), given([[[[0, 3], [8, 15]]]], "int64"), output_size=(9, 4)),
    case("MaxUnpool3d", 2)(randn(1, 1, 1, 2, 1), given([[[[[0], [5]]]]], "int64")),
]

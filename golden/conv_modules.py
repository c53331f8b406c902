"""Convolutions and transposed convolutions."""

from module_cases import case, module, randn

x1, x2, x3 = randn(2, 4, 9), randn(2, 4, 6, 7), randn(1, 4, 4, 5, 3)

CASES = [
    case("Conv1d", 4, 6, 3)(x1),
    case("Conv1d", 4, 6, 3, stride=2, padding=1, bias=False)(x1),
    case("Conv1d", 4, 8, 2, 1, 3, 2, 2, padding_mode="circular")(x1),
    case("Conv1d", 4, 2, 4, padding="same", dilation=2)(randn(4, 9)),
    case("Conv1d", 4, 2, 4, padding="same", padding_mode="reflect")(x1),
    case("Conv1d", 4, 2, 4, padding="valid")(x1),
    case("Conv2d", 4, 3, 3)(x2),
    case("Conv2d", 4, 3, (3, 2), stride=(2, 1), padding=(1, 0))(x2),
    case("Conv2d", 4, 8, 3, padding=1, groups=4)(x2),
    case("Conv2d", 4, 6, 3, padding="same", groups=2, dilation=2, bias=False)(randn(4, 6, 7)),
    case("Conv2d", 4, 2, 3, padding=(2, 1), padding_mode="replicate")(x2),
    case("Conv2d", 4, 2, (2, 3), padding="same", padding_mode="zeros")(x2),
    case("Conv2d", 4, 2, 3, padding=1, padding_mode="reflect", stride=2)(x2),
    case("Conv3d", 4, 2, 2)(x3),
    case("Conv3d", 4, 4, (2, 3, 1), stride=(1, 2, 1), padding=(0, 1, 1), groups=2)(x3),
    case("Conv3d", 4, 2, 2, padding="same", padding_mode="circular")(x3),
    case("ConvTranspose1d", 4, 6, 3)(x1),
    case("ConvTranspose1d", 4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2)(x1),
    case("ConvTranspose1d", 4, 6, 3, stride=2)(x1, output_size=(20,)),
    case("ConvTranspose2d", 4, 3, 3)(x2),
    case("ConvTranspose2d", 4, 2, (3, 2), stride=(2, 3), padding=(1, 0), bias=False)(randn(4, 6, 7)),
    case("ConvTranspose2d", 4, 2, 3, stride=2, padding=1)(x2, output_size=(2, 2, 12, 14)),
    case("ConvTranspose2d", 4, 2, 3, stride=2, padding=1)(x2, output_size=(12, 15)),
    case("ConvTranspose3d", 4, 2, 2)(x3),
    case("ConvTranspose3d", 4, 2, (2, 1, 3), stride=(1, 2, 1), output_padding=(0, 1, 0))(x3),
    case("Conv2d", 4, 3, 3, groups=0)(),
    case("Conv2d", 4, 3, 3, groups=3)(),
    case("Conv2d", 3, 4, 3, groups=3)(),
    case("Conv2d", 4, 3, 3, padding="some")(),
    case("Conv2d", 4, 3, 3, padding="same", stride=2)(),
    case("ConvTranspose2d", 4, 3, 3, padding_mode="reflect")(),
    case("Conv2d", 4, 3, 3)(randn(2, 3, 6, 7)),
    case("Conv2d", 4, 3, 3)(randn(4, 2)),
    case("Sequential", module("Conv2d", 4, 3, 3), module("ReLU"))(x2),
]

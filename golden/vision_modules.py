"""Pictures at another size, blocks and shuffles."""

from module_cases import case, randn

x1, x2, x3 = randn(1, 2, 5), randn(1, 2, 4, 3), randn(1, 1, 2, 3, 2)

CASES = [
    case("Upsample", scale_factor=2)(x2),
    case("Upsample", 7)(x1),
    case("Upsample", (5, 7), mode="bilinear")(x2),
    case("Upsample", (5, 7), mode="bicubic", align_corners=True)(x2),
    case("Upsample", scale_factor=(1.5, 2.0), mode="nearest-exact")(x2),
    case("Upsample", scale_factor=2.5, mode="linear", align_corners=False)(x1),
    case("Upsample", scale_factor=1.7, mode="bilinear", recompute_scale_factor=True)(x2),
    case("Upsample", (3, 4, 4), mode="trilinear")(x3),
    case("Upsample", scale_factor=0.5, mode="area")(x2),
    case("Upsample", 3, mode="area")(x1),
    case("Upsample", 3, mode="bilinear")(x1),
    case("Upsample", (3, 3))(x1),
    case("Upsample", 3, 2.0)(x1),
    case("Upsample", mode="linear")(x1),
    case("Upsample", 3, align_corners=True)(x1),
    case("UpsamplingNearest2d", scale_factor=2)(x2),
    case("UpsamplingNearest2d", (3, 5))(x2),
    case("UpsamplingBilinear2d", scale_factor=(2.0, 3.0))(x2),
    case("UpsamplingBilinear2d", 6)(x2),
    case("PixelShuffle", 2)(randn(1, 8, 2, 3)),
    case("PixelShuffle", 3)(randn(1, 8, 2, 3)),
    case("PixelUnshuffle", 2)(randn(1, 2, 4, 6)),
    case("PixelUnshuffle", 3)(randn(1, 2, 4, 6)),
    case("ChannelShuffle", 2)(randn(1, 6, 2, 2)),
    case("ChannelShuffle", 4)(randn(1, 6, 2, 2)),
    case("Fold", (4, 5), (2, 2))(randn(1, 8, 12)),
    case("Fold", 4, 2, dilation=1, padding=1, stride=2)(randn(1, 4, 9)),
    case("Fold", (4, 5), 3)(randn(1, 8, 12)),
    case("Unfold", (2, 3))(x2),
    case("Unfold", 2, dilation=1, padding=1, stride=2)(x2),
    case("Unfold", 9)(x2),
]

"""Embeddings, dropout and distances."""

from module_cases import case, given, randint, randn

x1, x2, x3 = randn(1, 3, 8), randn(1, 3, 5, 6), randn(1, 2, 4, 4, 3)

CASES = [
    case("Embedding", 10, 3)(given([[1, 2], [4, 1]], "int64")),
    case("Embedding", 40, 9).seed(5)(randint(0, 40, 6)),
    case("Embedding", 10, 3, padding_idx=-2)(given([8, 1], "int64")),
    case("Embedding", 10, 3, max_norm=0.5, norm_type=1.0)(given([8, 1], "int64")),
    case("Embedding", 10, 3, scale_grad_by_freq=True)(given([8, 1, 8], "int64")),
    case("Embedding", 10, 3)(given([10], "int64")),
    case("EmbeddingBag", 10, 3)(given([[1, 2], [4, 1]], "int64")),
    case("EmbeddingBag", 10, 3, mode="sum")(given([1, 2, 4, 1], "int64"), given([0, 3, 3], "int64")),
    case("EmbeddingBag", 10, 3, mode="max")(given([1, 2, 4, 1], "int64"), given([0, 3], "int64")),
    case("EmbeddingBag", 10, 3, mode="sum", include_last_offset=True, padding_idx=2)(given([1, 2, 4, 1], "int64"), given([0, 3, 4], "int64")),
    case("EmbeddingBag", 10, 3, mode="sum")(given([[1, 2], [4, 1]], "int64"), per_sample_weights=randn(2, 2)),
    case("EmbeddingBag", 10, 3)(given([1, 2], "int64")),
    case("Dropout")(randn(4, 5)),
    case("Dropout", 0.2)(randn(40, 5)),
    case("Dropout", 0.2).eval()(randn(4, 5)),
    case("Dropout", 1.0)(randn(4)),
    case("Dropout", 0.0)(randn(4)),
    case("Dropout", 1.5)(randn(4)),
    case("Dropout1d", 0.4)(x1),
    case("Dropout1d", 0.4)(randn(3, 8)),
    case("Dropout1d", 0.4)(x2),
    case("Dropout2d", 0.4)(x2),
    case("Dropout3d", 0.4)(x3),
    case("Dropout3d", 0.4)(randn(3, 2, 2, 2)),
    case("AlphaDropout", 0.3)(randn(4, 5)),
    case("FeatureAlphaDropout", 0.3)(x2),
    case("CosineSimilarity")(randn(3, 4), randn(3, 4)),
    case("CosineSimilarity", 0, 0.1)(randn(3, 4), randn(3, 4)),
    case("PairwiseDistance")(randn(3, 4), randn(3, 4)),
    case("PairwiseDistance", 1.0, keepdim=True)(randn(3, 4), randn(3, 4)),
]

"""Activation functions and losses: every switch, special values, wrong arguments."""

import torch

from calls import strided

F64, F32, I64, BF16, F16 = torch.float64, torch.float32, torch.int64, torch.bfloat16, torch.float16
NAN, INF = float("nan"), float("inf")
SPECIAL = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 3.0, -3.0, 6.0, 7.0, 25.0, -25.0, 100.0, -100.0, 1e-6]

ACTIVATIONS = [
    ("gelu", [{}, {"approximate": "tanh"}, {"approximate": "none"}]), ("silu", [{}]), ("mish", [{}]),
    ("softplus", [{}, {"beta": 2}, {"beta": 0.5, "threshold": 3}]), ("log_sigmoid", [{}]),
    ("leaky_relu", [{}, {"negative_slope": 0.2}, {"negative_slope": -0.5}]),
    ("elu", [{}, {"alpha": 0.7}, {"alpha": 1.3, "scale": 0.8, "input_scale": 1.7}]), ("selu", [{}]), ("celu", [{}, {"alpha": 2.5}]),
    ("hardtanh", [{}, {"min_val": -0.5, "max_val": 2}]), ("relu6", [{}]), ("hardsigmoid", [{}]), ("hardswish", [{}]),
    ("hardshrink", [{}, {"lambd": 1.2}]), ("softshrink", [{}, {"lambd": 0.1}]),
]


def t(*shape, dtype=F64, seed=0, low=-4.0, high=4.0):
    return strided(shape, dtype, seed + sum(shape) * 7 + len(shape), low, high)


def activations():
    for op, options in ACTIVATIONS:
        for kw in options:
            yield op, [t(3, 5)], kw
            yield op, [t(4, 3, dtype=F32).t()], kw
        yield op, [t(2, 3, 2).permute(2, 0, 1)], {}
        yield op, [t()], {}
        yield op, [t(0, 3)], {}
        for dtype in (F32, F64, BF16, F16):
            yield op, [torch.tensor(SPECIAL, dtype=dtype)], {}
        yield op, [torch.arange(-4, 8)], {}
        yield op, [torch.tensor([True, False])], {}
    for x in (t(4, 6), t(2, 4, 3).transpose(1, 2), t(6, dtype=F32)):
        yield "glu", [x], {}
        yield "glu", [x, 0], {}
    for a in ([t(3)], [t()], [t(3, 3), 1], [t(2, 4), 5], [torch.arange(4)]):
        yield "glu", a, {}
    for x in (t(2, 3), t(4, dtype=F32), torch.arange(-3, 4)):
        for a in ([0, 1], [0.5, -2], [-1, 20]):
            yield "threshold", [x, *a], {}
    yield "softshrink", [t(3), -0.5], {}
    yield "gelu", [t(3)], {"approximate": "fast"}
    yield "celu", [t(3), 0], {}
    yield "hardtanh", [torch.arange(5, dtype=torch.uint8), -1, 1], {}
    for x, w in ((t(2, 3, 4), t(3, seed=1)), (t(2, 3), t(1, seed=1)), (t(4), t(1, seed=2)), (t(), t(1, seed=3)), (t(2, 3), t(2, seed=4)),
                 (t(2, 3), t(1, 3)), (t(2, 3, dtype=F32), t(3)), (t(3), t(3)), (t(2, 3, 2, dtype=F32).transpose(0, 2), t(3, dtype=F32))):
        yield "prelu", [x, w], {}
    yield "rrelu", [t(3, 4)], {}
    yield "rrelu", [t(3, 4), 0.1, 0.3], {}
    yield "rrelu", [t(3, 4), 0.3, 0.1], {}


def backward_functions():
    g, x = t(3, 4), t(3, 4, seed=1)
    half = [t(6, dtype=F32), torch.tensor([NAN, INF, -INF, 0.0, 3.0, -3.0])]
    for op, more in (("gelu_backward", []), ("silu_backward", []), ("mish_backward", []), ("softplus_backward", [2, 3]),
                     ("leaky_relu_backward", [0.1, False]), ("leaky_relu_backward", [0.1, True]), ("hardtanh_backward", [-1, 2]),
                     ("hardswish_backward", []), ("hardshrink_backward", [0.5])):
        yield op, [g, x, *more], {}
        yield op, [*half, *more], {}
    yield "gelu_backward", [g, x], {"approximate": "tanh"}
    for is_result in (False, True):
        yield "elu_backward", [g, 1.5, 1.1, 0.9, is_result, x], {}
    yield "elu_backward", [g, -1.5, 1.1, 0.9, True, x], {}
    yield "leaky_relu_backward", [g, x, -0.1, True], {}


def pair_losses():
    x, y = t(3, 4), t(3, 4, seed=1)
    pairs = [(x, y), (t(3, 4, dtype=F32), t(3, 4, dtype=F32, seed=1)), (x.t(), t(4, 3, seed=2)), (x, t(4, seed=3)), (t(), t(seed=1)), (t(0, 2), t(0, 2))]
    for op, more in (("l1_loss", [{}]), ("mse_loss", [{}]), ("smooth_l1_loss", [{}, {"beta": 0.3}, {"beta": 0.0}, {"beta": -1.0}]),
                     ("huber_loss", [{}, {"delta": 0.4}, {"delta": 0.0}]), ("soft_margin_loss", [{}])):
        for kw in more:
            for reduction in (0, 1, 2):
                for a, b in pairs:
                    # For a target that is broadcast, PyTorch's op divides the target's gradient by the target's size.
                    if reduction != 1 or a.shape == b.shape:
                        yield op, [a, b, reduction], kw
        yield op, [t(2, 3), t(2, 4)], {}
        yield op, [torch.arange(4), torch.arange(4)], {}
        yield op, [t(3, dtype=BF16), t(3, dtype=BF16, seed=1)], {}
    p, q = (t(3, 4) + 4) / 8, (t(3, 4, seed=1) + 4) / 8
    edge = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.5], dtype=F64)
    for reduction in (0, 1, 2):
        yield "binary_cross_entropy", [p, q, None, reduction], {}
        yield "binary_cross_entropy", [p, q, t(3, 4, seed=2), reduction], {}
        yield "binary_cross_entropy", [p, q, t(4, seed=2), reduction], {}
        yield "binary_cross_entropy", [edge, torch.tensor([0.0, 1.0, 1.0, 0.0, 0.5], dtype=F64), None, reduction], {}
        for w in (None, t(3, 4, seed=2), t(4, seed=2)):
            for pw in (None, (t(4, seed=3) + 5)):
                yield "binary_cross_entropy_with_logits", [x, q, w, pw, reduction], {}
        yield "binary_cross_entropy_with_logits", [torch.tensor(SPECIAL, dtype=F32), torch.ones(len(SPECIAL)), None, None, reduction], {}
        for log_target in (False, True):
            yield "kl_div", [x, q.log() if log_target else q, reduction], {"log_target": log_target}
        yield "kl_div", [x, torch.zeros(3, 4, dtype=F64), reduction], {}
        for log_input in (True, False):
            for full in (True, False):
                yield "poisson_nll_loss", [x if log_input else p, q * 4, log_input, full, 1e-8, reduction], {}
        signs = torch.tensor([[1.0, -1, 1, -1], [-1, -1, 1, 1], [1, 1, 1, -1]], dtype=F64)
        yield "hinge_embedding_loss", [x, signs, 1.0, reduction], {}
        yield "hinge_embedding_loss", [x, signs, 0.3, reduction], {}
        yield "margin_ranking_loss", [x, y, signs, 0.5, reduction], {}
        yield "cosine_embedding_loss", [x, y, signs[:, 0].contiguous(), 0.2, reduction], {}
        yield "cosine_embedding_loss", [x[0], y[0], torch.tensor(-1.0, dtype=F64), -0.5, reduction], {}
        for more in ([1.0, 2.0, 1e-6, False], [0.4, 1.0, 1e-3, True], [2.0, 3.0, 1e-6, True]):
            yield "triplet_margin_loss", [x, y, t(3, 4, seed=5), *more, reduction], {}
    yield "binary_cross_entropy", [x, q], {}
    yield "binary_cross_entropy", [p, q.float()], {}
    yield "cosine_embedding_loss", [x, y, signs], {}
    yield "cosine_embedding_loss", [x[0], y, signs[0]], {}
    yield "triplet_margin_loss", [x, y[0], y], {}


def class_losses():
    w = torch.tensor([0.5, 1.5, 2.0, 0.0, 1.0], dtype=F64)
    y = torch.tensor([1, 4, 0, 3, 2, 1])
    some = torch.tensor([1, -100, 0, 3, -100, 1])
    spatial = torch.randint(0, 5, (2, 3, 4), generator=torch.Generator().manual_seed(3))
    for op in ("nll_loss", "nll_loss_nd", "cross_entropy_loss"):
        for reduction in (0, 1, 2):
            for weight in (None, w):
                yield op, [t(6, 5), y, weight, reduction], {}
                yield op, [t(6, 5), some, weight, reduction], {}
                yield op, [t(6, 5), y, weight, reduction, 1], {}
                yield op, [t(5), torch.tensor(2), weight, reduction], {}
                if op != "nll_loss":
                    yield op, [t(2, 5, 3, 4), spatial, weight, reduction], {}
                    yield op, [t(2, 5, 3), spatial[:, :, 0].contiguous(), weight, reduction], {}
            yield op, [t(5, 6).t(), y, None, reduction], {}
            yield op, [t(6, 5, dtype=F32), y, None, reduction], {}
            yield op, [t(6, 5, dtype=BF16), y, None, reduction], {}
            yield op, [t(0, 5), torch.zeros(0, dtype=I64), None, reduction], {}
            yield op, [t(6, 5), torch.full((6,), -100), None, reduction], {}
        yield op, [t(6, 5), y.to(torch.uint8)], {}
        for a in ([t(6, 5), y + 2], [t(6, 5), y - 2], [t(6, 5), y[:4]], [t(6, 5), y.float()], [t(6, 5), y, w[:3]], [t(6, 5), y.reshape(6, 1)],
                  [torch.zeros(6, 5, dtype=I64), y], [t(6, 5), y.int()], [t(2, 5, 3), spatial], [t(), torch.tensor(0)]):
            yield op, a, {}
    yield "nll_loss2d", [t(2, 5, 3, 4), spatial], {}
    yield "nll_loss2d", [t(2, 5, 3, 4), spatial, w, 0], {}
    yield "nll_loss2d", [t(2, 5, 3), spatial], {}
    yield "nll_loss2d", [t(2, 5, 3, 4), spatial[0]], {}
    p = t(6, 5, seed=4).softmax(1)
    for reduction in (0, 1, 2):
        for weight in (None, w):
            for smoothing in (0.0, 0.2):
                yield "cross_entropy_loss", [t(6, 5), p, weight, reduction, -100, smoothing], {}
                yield "cross_entropy_loss", [t(2, 5, 3), t(2, 5, 3, seed=4).softmax(1), weight, reduction, -100, smoothing], {}
            yield "cross_entropy_loss", [t(6, 5), y, weight, reduction, -100, 0.1], {}
            yield "cross_entropy_loss", [t(6, 5), some, weight, reduction, -100, 0.1], {}
            yield "cross_entropy_loss", [t(2, 5, 3, 4), spatial, weight, reduction, 2, 0.3], {}
        yield "cross_entropy_loss", [t(5), p[0], None, reduction], {}
        yield "cross_entropy_loss", [t(40, 70, dtype=F32), torch.arange(40), None, reduction], {}
    yield "cross_entropy_loss", [t(6, 5), y, None, 1, -100, 1.5], {}
    yield "cross_entropy_loss", [t(6, 5), p.to(I64)], {}
    for reduction in (0, 1, 2):
        for p_ in (1, 2):
            for weight in (None, w):
                yield "multi_margin_loss", [t(6, 5), y, p_, 1, weight, reduction], {}
        yield "multi_margin_loss", [t(5), torch.tensor(3), 1, 0.5, None, reduction], {}
        labels = torch.tensor([[3, 0, -1, 1, 2], [1, -1, 0, 0, 0], [-1, 0, 0, 0, 0], [4, 3, 2, 1, 0], [2, 2, -1, 0, 0], [0, 1, 2, -1, 4]])
        yield "multilabel_margin_loss", [t(6, 5), labels, reduction], {}
        yield "multilabel_margin_loss", [t(5), labels[0], reduction], {}
    for a in ([t(6, 5), y + 2], [t(6, 5), y[:3]], [t(6, 5), y, 3], [t(2, 3, 4), y], [t(6, 5), y.int()]):
        yield "multi_margin_loss", a, {}
    for a in ([t(6, 5), labels + 3], [t(6, 4), labels], [t(6, 5), labels.int()]):
        yield "multilabel_margin_loss", a, {}


def ctc():
    x = t(6, 3, 4).log_softmax(2)
    labels = torch.tensor([[1, 2, 2], [3, 1, 0], [2, 0, 0]])
    for reduction in (0, 1, 2):
        for zero in (False, True):
            yield "ctc_loss", [x, labels, [6, 5, 6], [3, 2, 1], 0, reduction, zero], {}
            yield "ctc_loss", [x, torch.tensor([1, 2, 2, 3, 1, 2]), [6, 5, 6], [3, 2, 1], 0, reduction, zero], {}
            yield "ctc_loss", [x, labels, [3, 1, 6], [3, 2, 0], 0, reduction, zero], {}
        yield "ctc_loss", [x, labels, torch.tensor([6, 5, 6]), torch.tensor([3, 2, 1]), 0, reduction, False], {}
        yield "ctc_loss", [x, torch.tensor([[0, 1, 2], [1, 0, 0], [2, 2, 1]]), [6, 6, 6], [3, 2, 3], 3, reduction], {}
        yield "ctc_loss", [x.float()[:, 0], labels[0], [6], [3], 0, reduction], {}
    for a in ([x, labels, [6, 5], [3, 2, 1]], [x, labels, [7, 5, 6], [3, 2, 1]], [x, labels, [6, 5, 6], [4, 2, 1]], [x, labels, [6, 5, 6], [3, 2, 1], 4],
              [x, labels.float(), [6, 5, 6], [3, 2, 1]], [x, labels, [6, 5, 6], [-1, 2, 1]]):
        yield "ctc_loss", a, {}


FAMILIES = [activations, backward_functions, pair_losses, class_losses, ctc]

"""Losses. `reduction` is 'none', 'mean' or 'sum'; `size_average` and `reduce` are its older spelling."""

import math
import warnings

from ... import _C

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cosine_embedding_loss", "cross_entropy", "ctc_loss",
    "gaussian_nll_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss", "mse_loss",
    "multi_margin_loss", "multilabel_margin_loss", "multilabel_soft_margin_loss", "nll_loss", "poisson_nll_loss", "smooth_l1_loss",
    "soft_margin_loss", "triplet_margin_loss", "triplet_margin_with_distance_loss",
]

_ops = _C._ops
_NUMBERS = {"none": 0, "mean": 1, "sum": 2}


def _word(reduction, size_average, reduce):
    """The reduction, by the older arguments where one of them is given."""
    if size_average is None and reduce is None:
        return reduction
    each = reduce is not None and not reduce
    add = size_average is not None and not size_average
    word = "none" if each else "sum" if add else "mean"
    warnings.warn(f"size_average and reduce args will be deprecated, please use reduction='{word}' instead.", stacklevel=4)
    return word


def _number(reduction, size_average=None, reduce=None):
    word = _word(reduction, size_average, reduce)
    if word == "elementwise_mean":
        warnings.warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=3)
        word = "mean"
    if word not in _NUMBERS:
        raise ValueError(f"{word} is not a valid value for reduction")
    return _NUMBERS[word]


def _reduced(loss, reduction, error):
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(error)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    return _ops.nll_loss_nd(input, target, weight, _number(reduction, size_average, reduce), ignore_index)


def cross_entropy(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean",
                  label_smoothing=0.0):
    number = _number(reduction, size_average, reduce)
    return _ops.cross_entropy_loss(input, target, weight, number, ignore_index, label_smoothing)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    number = _number(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(f"Using a target size ({target.size()}) that is different to the input size ({input.size()}) is deprecated. "
                         "Please ensure they have the same size.")
    if weight is not None:
        weight = _ops.broadcast_tensors([weight, target.detach()])[0]
    return _ops.binary_cross_entropy(input, target, weight, number)


def binary_cross_entropy_with_logits(input, target, weight=None, size_average=None, reduce=None, reduction="mean",
                                     pos_weight=None):
    number = _number(reduction, size_average, reduce)
    if target.size() != input.size():
        raise ValueError(f"Target size ({target.size()}) must be the same as input size ({input.size()})")
    return _ops.binary_cross_entropy_with_logits(input, target, weight, pos_weight, number)


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    legacy = size_average is not None or reduce is not None
    if reduction == "mean" and not legacy:
        warnings.warn("reduction: 'mean' divides the total loss by both the batch size and the support size."
                      "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
                      "'mean' will be changed to behave the same as 'batchmean' in the next major release.", stacklevel=2)
    per_batch = reduction == "batchmean"
    number = _number("sum" if per_batch else reduction, size_average, reduce)
    loss = _ops.kl_div(input, target, number, log_target=log_target)
    return loss / input.size(0) if per_batch and input.dim() else loss


def poisson_nll_loss(input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
    return _ops.poisson_nll_loss(input, target, log_input, full, eps, _number(reduction, size_average, reduce))


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """`(ln var + (x - target)^2 / var) / 2`; `full` adds `ln(2 pi) / 2`. The variance is at least `eps`."""
    is_number = isinstance(var, float)
    if var < 0 if is_number else (var < 0).any():
        raise ValueError("var has negative entry/entries")
    if is_number:
        var = _ops.full_like(input, var)
    if var.size() != input.size():
        differ = [n for m, n in zip(input.size(), var.size()) if m != n]
        if tuple(input.size()[:-1]) == tuple(var.size()):
            var = var.unsqueeze(-1)
        elif input.dim() != var.dim() or differ != [1]:
            raise ValueError("var is of incorrect size")
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not valid")
    # The floor holds for the values; the gradient passes as if it were not there.
    var = var.clone()
    var.data.clamp_(min=eps)
    loss = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return _reduced(loss, reduction, "")


def _fitting(input, target):
    """Both, broadcast, with a warning where their sizes differ."""
    if target.size() != input.size():
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size ({input.size()}). This will likely lead to "
            "incorrect results due to broadcasting. Please ensure they have the same size.", stacklevel=3)
    return _ops.broadcast_tensors([input, target])


_NO_MODE = "Invalid reduction mode: {}. Expected one of 'none', 'mean', 'sum'."


def _weighted(losses, weight, input, reduction, by_weight):
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    if by_weight and reduction == "mean":
        return losses.sum() / weight.sum()
    return _reduced(losses, reduction, _NO_MODE.format(reduction))


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    x, y = _fitting(input, target)
    number = _number(reduction, size_average, reduce)
    return _ops.l1_loss(x, y, number) if beta == 0.0 else _ops.smooth_l1_loss(x, y, number, beta)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    x, y = _fitting(input, target)
    if weight is None:
        return _ops.huber_loss(x, y, _number(reduction), delta)
    return _weighted(_ops.huber_loss(x, y, 0, delta), weight, input, reduction, False)


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    x, y = _fitting(input, target)
    reduction = _word(reduction, size_average, reduce)
    if weight is None:
        return _ops.l1_loss(x, y, _number(reduction))
    return _weighted((x - y).abs(), weight, input, reduction, True)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    x, y = _fitting(input, target)
    reduction = _word(reduction, size_average, reduce)
    if weight is None:
        return _ops.mse_loss(x, y, _number(reduction))
    return _weighted((x - y) ** 2, weight, input, reduction, True)


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    number = _number(reduction, size_average, reduce)
    if input1.dim() != input2.dim() or input1.dim() != target.dim():
        raise RuntimeError("margin_ranking_loss : All input tensors should have same dimension but got sizes: "
                           f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} ")
    return _ops.margin_ranking_loss(input1, input2, target, margin, number)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    return _ops.hinge_embedding_loss(input, target, margin, _number(reduction, size_average, reduce))


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    return _ops.cosine_embedding_loss(input1, input2, target, margin, _number(reduction, size_average, reduce))


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    return _ops.soft_margin_loss(input, target, _number(reduction, size_average, reduce))


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    return _ops.multilabel_margin_loss(input, target, _number(reduction, size_average, reduce))


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """The mean over the classes of the binary cross entropy of scores."""
    reduction = _word(reduction, size_average, reduce)
    loss = -(target * _ops.log_sigmoid(input) + (1 - target) * _ops.log_sigmoid(-input))
    if weight is not None:
        loss = loss * weight
    loss = loss.sum(input.dim() - 1) / input.size(input.dim() - 1)
    return _reduced(loss, reduction, f"{reduction} is not valid")


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    number = _number(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    return _ops.multi_margin_loss(input, target, p, margin, weight, number)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None,
                        reduction="mean"):
    number = _number(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    return _ops.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, number)


def triplet_margin_with_distance_loss(anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False,
                                      reduction="mean"):
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    dims = anchor.dim(), positive.dim(), negative.dim()
    if len(set(dims)) != 1:
        raise RuntimeError("The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
                           f"anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs")
    distance = distance_function or _ops.pairwise_distance
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = _ops.minimum(far, distance(positive, negative))
    return _reduced((margin + near - far).clamp_min(0), reduction, "")


def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    return _ops.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, _number(reduction), zero_infinity)

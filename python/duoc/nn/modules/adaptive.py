"""Adaptive softmax: frequent classes in the head, rare ones in clusters (Grave et al., 2017)."""

from collections import namedtuple

from ... import arange, empty
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of many classes by a head and clusters behind it.

    `cutoffs` are the class numbers at which the clusters begin; cluster `i` has `in_features / div_value^(i+1)` features.
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        rising = all(a < b for a, b in zip(cutoffs, cutoffs[1:]))
        if not rising or cutoffs[0] <= 0 or cutoffs[-1] > n_classes - 1 or any(int(c) != c for c in cutoffs):
            raise ValueError("cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                             "value is between 1 and n_classes-1")
        made = {"device": device, "dtype": dtype}
        self.in_features, self.n_classes = in_features, n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            width = int(in_features // (div_value ** (i + 1)))
            self.tail.append(Sequential(Linear(in_features, width, bias=False, **made),
                                        Linear(width, high - low, bias=False, **made)))

    def reset_parameters(self):
        """Draws the parameters anew."""
        self.head.reset_parameters()
        for first, second in self.tail:
            first.reset_parameters()
            second.reset_parameters()

    def forward(self, input_, target_):
        if target_.dim() == 1:
            if input_.size(0) != target_.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input_.dim() != 2:
                raise RuntimeError("1D target tensor expects 2D input tensors, but found inputs with size", input_.size())
        elif target_.dim() == 0:
            if input_.dim() != 1:
                raise RuntimeError("0D target tensor expects 1D input tensors, but found inputs with size", input_.size())
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        batched = target_.dim() > 0
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        count = target.size(0)
        head_at = empty(count, dtype=target.dtype, device=target.device)
        used = 0
        parts = []
        for i, (low, high) in enumerate(zip([0, *self.cutoffs], self.cutoffs)):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            if i == 0:
                head_at = head_at.index_copy(0, rows, target[rows])
            else:
                inside = target[rows] - low
                head_at = head_at.index_fill(0, rows, self.shortlist_size + i - 1)
                logs = F.log_softmax(self.tail[i - 1](input.index_select(0, rows)), dim=1)
                parts.append((rows, logs.gather(1, inside.unsqueeze(1)).squeeze(1)))
            used += rows.numel()
        if used != count:
            raise RuntimeError(f"Target values should be in [0, {self.n_classes - 1}], but values in range [{target.min().item()}, "
                               f"{target.max().item()}] were found. ")
        output = F.log_softmax(self.head(input), dim=1).gather(1, head_at.unsqueeze(1)).squeeze(1)
        for rows, logs in parts:
            output = output.index_add(0, rows, logs)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _full(self, input, head):
        out = input.new_empty((head.size(0), self.n_classes))
        logs = F.log_softmax(head, dim=1)
        out[:, :self.shortlist_size] = logs[:, :self.shortlist_size]
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:])):
            inside = F.log_softmax(self.tail[i](input), dim=1)
            out[:, low:high] = inside + logs[:, self.shortlist_size + i].unsqueeze(1)
        return out

    def log_prob(self, input):
        """The log-probabilities of all classes: `(N, in_features)` to `(N, n_classes)`."""
        return self._full(input, self.head(input))

    def predict(self, input):
        """The most probable class of each row, computing clusters only where they can win."""
        head = self.head(input)
        best = head.argmax(dim=1)
        behind = best >= self.shortlist_size
        if not behind.any():
            return best
        if behind.all():
            return self._full(input, head).argmax(dim=1)
        rows = arange(best.size(0))[behind]
        return best.index_copy(0, rows, self._full(input[behind], head[behind]).argmax(dim=1))

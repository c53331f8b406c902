"""Recurrent layers and their cells."""

import math
import numbers
import warnings

from ... import _C, empty, zeros
from .. import init
from ..parameter import Parameter
from .module import Module

_ops = _C._ops
_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


def apply_permutation(tensor, permutation, dim=1):
    """The samples in another order."""
    return tensor.index_select(dim, permutation)


class RNNBase(Module):
    """What the recurrent layers share: parameters by layer and direction, checks, packed sequences."""

    __constants__ = ["mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional",
                     "proj_size"]
    __jit_unused_properties__ = ["all_weights"]

    def __init__(self, mode, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, proj_size=0, device=None, dtype=None):
        super().__init__()
        if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):
            raise ValueError("dropout should be a number in range [0, 1] representing the probability of an element being zeroed")
        if dropout > 0 and num_layers == 1:
            warnings.warn("dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                          f"num_layers greater than 1, but got dropout={dropout} and num_layers={num_layers}", stacklevel=2)
        for name, value, kind in (("input_size", input_size, int), ("hidden_size", hidden_size, int), ("bias", bias, bool),
                                  ("batch_first", batch_first, bool)):
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        if input_size <= 0:
            raise ValueError("input_size must be greater than zero")
        if hidden_size <= 0:
            raise ValueError("hidden_size must be greater than zero")
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, float(dropout), bidirectional
        self.proj_size = proj_size
        gates = _GATES[mode] * hidden_size
        outputs = proj_size or hidden_size
        self._flat_weights_names, self._all_weights = [], []
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[:1 + bool(bidirectional)]:
                inputs = input_size if layer == 0 else outputs * (1 + bool(bidirectional))
                shapes = {"weight_ih": (gates, inputs), "weight_hh": (gates, outputs)}
                if bias:
                    shapes.update(bias_ih=(gates,), bias_hh=(gates,))
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{name}_l{layer}{suffix}" for name in shapes]
                for name, shape in zip(names, shapes.values()):
                    setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._flat_weights_names += names
                self._all_weights.append(names)
        self.reset_parameters()

    @property
    def _flat_weights(self):
        return [getattr(self, name, None) for name in self._flat_weights_names]

    @property
    def all_weights(self):
        """The parameters, one list per layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self):
        """Nothing: the weights need no common memory here."""

    def reset_parameters(self):
        """Draws the parameters anew: uniform from `+-1 / sqrt(hidden_size)`."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def check_input(self, input, batch_sizes):
        """RuntimeError unless the input has the right number of dimensions and features."""
        if not self._flat_weights or input.dtype != self._flat_weights[0].dtype:
            raise ValueError(f"RNN input dtype ({input.dtype}) does not match weight dtype ({self._flat_weights[0].dtype}). "
                             f"Convert input: input.to({self._flat_weights[0].dtype}), or convert model: model.to({input.dtype})")
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}")

    def _state_size(self, input, batch_sizes, width):
        batch = int(batch_sizes[0]) if batch_sizes is not None else input.size(0 if self.batch_first else 1)
        return self.num_layers * (1 + bool(self.bidirectional)), batch, width

    def get_expected_hidden_size(self, input, batch_sizes):
        """The shape that the hidden state must have."""
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        """RuntimeError unless the state has the expected shape."""
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        """The checks before every forward pass."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        """The state with its samples in another order."""
        return hx if permutation is None else apply_permutation(hx, permutation)

    def _zero_state(self, input, batch):
        width = self.proj_size or self.hidden_size
        return zeros(self.num_layers * (1 + bool(self.bidirectional)), batch, width, dtype=input.dtype, device=input.device)

    def _run(self, name, input, batch_sizes, states):
        op = getattr(_ops, name)
        rest = (self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if batch_sizes is None:
            return op(input, states, *rest, self.batch_first)
        return op(input, batch_sizes, states, *rest)

    def _forward(self, input, hx, name, two):
        from ..utils.rnn import PackedSequence

        packed = input if isinstance(input, PackedSequence) else None
        batch_sizes = unsorted = None
        batched = True
        if packed is not None:
            input, batch_sizes, order, unsorted = packed
            batch = int(batch_sizes[0])
        else:
            if input.dim() not in (2, 3):
                raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D tensor instead")
            batched = input.dim() == 3
            if not batched:
                input = input.unsqueeze(0 if self.batch_first else 1)
            batch, order = input.size(0 if self.batch_first else 1), None
        if hx is None:
            hx = self._zero_states(input, batch)
        else:
            hx = self._given_states(hx, batched, packed is not None, order)
        self.check_forward_args(input, hx, batch_sizes)
        out = self._run(name, input, batch_sizes, list(hx) if two else hx)
        output, states = out[0], out[1:]
        if packed is not None:
            output = PackedSequence(output, batch_sizes, order, unsorted)
            states = tuple(self._unsort(s, unsorted) for s in states)
        elif not batched:
            output = output.squeeze(0 if self.batch_first else 1)
            states = tuple(s.squeeze(1) for s in states)
        return output, tuple(states) if two else states[0]

    @staticmethod
    def _unsort(state, permutation):
        return state if permutation is None else apply_permutation(state, permutation)

    def _zero_states(self, input, batch):
        return self._zero_state(input, batch)

    def _given_states(self, hx, batched, packed, order):
        if packed:
            return self.permute_hidden(hx, order)
        want = 3 if batched else 2
        if hx.dim() != want:
            kind = "batched 3-D input" if batched else "unbatched 2-D input"
            raise RuntimeError(f"For {kind}, hx should also be {want}-D but got {hx.dim()}-D tensor")
        return hx if batched else hx.unsqueeze(1)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if self.batch_first is not False:
            text += f", batch_first={self.batch_first}"
        if self.dropout != 0:
            text += f", dropout={self.dropout}"
        if self.bidirectional is not False:
            text += f", bidirectional={self.bidirectional}"
        return text


class RNN(RNNBase):
    """`h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)`, or with relu."""

    def __init__(self, input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
                 bidirectional=False, device=None, dtype=None):
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        self.__dict__["nonlinearity"] = nonlinearity
        super().__init__("RNN_" + nonlinearity.upper(), input_size, hidden_size, num_layers, bias, batch_first, dropout,
                         bidirectional, 0, device, dtype)

    def forward(self, input, hx=None):
        return self._forward(input, hx, self.mode.lower(), False)


class LSTM(RNNBase):
    """Long short-term memory: gates `i, f, g, o`; `c_t = f c_(t-1) + i g`, `h_t = o tanh(c_t)`."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
                 proj_size=0, device=None, dtype=None):
        super().__init__("LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
                         device, dtype)

    def get_expected_cell_size(self, input, batch_sizes):
        """The shape that the cell state must have."""
        return self._state_size(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input, hidden, batch_sizes):
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden[0], self.get_expected_hidden_size(input, batch_sizes), "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], self.get_expected_cell_size(input, batch_sizes), "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx, permutation):
        return hx if permutation is None else tuple(apply_permutation(h, permutation) for h in hx)

    def _zero_states(self, input, batch):
        cell = zeros(self.num_layers * (1 + bool(self.bidirectional)), batch, self.hidden_size, dtype=input.dtype,
                     device=input.device)
        return self._zero_state(input, batch), cell

    def _given_states(self, hx, batched, packed, order):
        if packed:
            return self.permute_hidden(hx, order)
        want = 3 if batched else 2
        if hx[0].dim() != want or hx[1].dim() != want:
            kind = "batched 3-D input" if batched else "unbatched 2-D input"
            raise RuntimeError(f"For {kind}, hx and cx should also be {want}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors")
        return tuple(hx) if batched else (hx[0].unsqueeze(1), hx[1].unsqueeze(1))

    def forward(self, input, hx=None):
        return self._forward(input, hx, "lstm", True)


class GRU(RNNBase):
    """Gated recurrent unit: `r, z, n`; `h_t = (1 - z) n + z h_(t-1)`, `n = tanh(W x + b + r (U h + c))`."""

    def __init__(self, input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
                 device=None, dtype=None):
        super().__init__("GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)

    def forward(self, input, hx=None):
        return self._forward(input, hx, "gru", False)


class RNNCellBase(Module):
    """What the cells share."""

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        made = {"device": device, "dtype": dtype}
        self.weight_ih = Parameter(empty((rows, input_size), **made))
        self.weight_hh = Parameter(empty((rows, hidden_size), **made))
        self.register_parameter("bias_ih", Parameter(empty(rows, **made)) if bias else None)
        self.register_parameter("bias_hh", Parameter(empty(rows, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draws the parameters anew: uniform from `+-1 / sqrt(hidden_size)`."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text

    def _batch(self, input, hx, states):
        """Input and states with a batch, and whether there was one."""
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for at, h in enumerate(hx or ()):
            if h.dim() not in (1, 2):
                where = f"hx[{at}]" if states == 2 else "hidden"
                raise ValueError(f"{name}: Expected {where} to be 1D or 2D, got {h.dim()}D instead")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            h = zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)
            hx = (h,) * states
        elif not batched:
            hx = tuple(h.unsqueeze(0) if h.dim() == 1 else h for h in hx)
        return input, hx, batched

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh


class RNNCell(RNNCellBase):
    """One step of `RNN`."""

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        input, states, batched = self._batch(input, None if hx is None else (hx,), 1)
        out = getattr(_ops, f"rnn_{self.nonlinearity}_cell")(input, states[0], *self._weights())
        return out if batched else out.squeeze(0)


class LSTMCell(RNNCellBase):
    """One step of `LSTM`."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        input, states, batched = self._batch(input, hx, 2)
        h, c = _ops.lstm_cell(input, list(states), *self._weights())
        return (h, c) if batched else (h.squeeze(0), c.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of `GRU`."""

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        input, states, batched = self._batch(input, None if hx is None else (hx,), 1)
        out = _ops.gru_cell(input, states[0], *self._weights())
        return out if batched else out.squeeze(0)

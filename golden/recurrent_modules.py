"""Recurrent networks and their cells."""

from module_cases import case, randn

x, first = randn(5, 2, 3), randn(2, 5, 3)

CASES = [
    case("RNN", 3, 4)(x),
    case("RNN", 3, 4, 2, nonlinearity="relu", bidirectional=True)(x),
    case("RNN", 3, 4, bias=False, batch_first=True)(first, randn(1, 2, 4)),
    case("RNN", 3, 4)(randn(5, 3), randn(1, 4)),
    case("RNN", 3, 4, num_layers=3, dropout=0.5)(x),
    case("RNN", 3, 4, num_layers=2, dropout=0.5).eval()(x),
    case("GRU", 3, 4)(x),
    case("GRU", 3, 4, 2, True, True, 0.25, True)(first, randn(4, 2, 4)),
    case("GRU", 3, 4, bias=False)(randn(5, 3)),
    case("LSTM", 3, 4)(x),
    case("LSTM", 3, 4, num_layers=2, dropout=0.5, bidirectional=True)(x, (randn(4, 2, 4), randn(4, 2, 4))),
    case("LSTM", 3, 4, bias=False, batch_first=True)(first),
    case("LSTM", 3, 5, proj_size=2)(x),
    case("LSTM", 3, 5, num_layers=2, proj_size=2, bidirectional=True, batch_first=True)(first, (randn(4, 2, 2), randn(4, 2, 5))),
    case("LSTM", 3, 4)(randn(5, 3), (randn(1, 4), randn(1, 4))),
    case("RNNCell", 3, 4)(randn(2, 3), randn(2, 4)),
    case("RNNCell", 3, 4, nonlinearity="relu")(randn(3)),
    case("RNNCell", 3, 4, bias=False)(randn(2, 3)),
    case("LSTMCell", 3, 4)(randn(2, 3), (randn(2, 4), randn(2, 4))),
    case("LSTMCell", 3, 4, bias=False)(randn(3)),
    case("GRUCell", 3, 4)(randn(2, 3), randn(2, 4)),
    case("GRUCell", 3, 4, bias=False)(randn(3), randn(4)),
    case("RNN", 0, 4)(),
    case("LSTM", 3, 0)(),
    case("GRU", 3, 4, num_layers=0)(),
    case("LSTM", 3, 4, proj_size=4)(),
    case("LSTM", 3, 4, dropout=1.5)(),
    case("LSTM", 3, 4)(randn(5)),
    case("LSTM", 3, 4)(randn(5, 2, 2)),
    case("LSTM", 3, 4)(x, (randn(1, 3, 4), randn(1, 2, 4))),
    case("LSTM", 3, 4)(x, (randn(1, 4), randn(1, 4))),
    case("GRU", 3, 4)(x, randn(2, 2, 4)),
    case("GRUCell", 3, 4)(randn(1, 2, 3)),
    case("RNNCell", 3, 4)(randn(2, 4)),
    case("LSTMCell", 3, 4)(randn(2, 3), (randn(2, 5), randn(2, 5))),
]

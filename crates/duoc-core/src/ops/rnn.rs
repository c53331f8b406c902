//! Recurrent networks over whole sequences: stacked, in both directions, of one length or packed.

use super::dropout::dropout;
use super::join::{cat, stack};
use super::rnn_direction::{Cell, Weights, direction};
use super::rnn_pack::batch_sizes_of;
use super::view::{ints, reshape, select, transpose};
use crate::{Result, Tensor, ensure, err, ops};

ops! {
    /// `h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)` over a sequence `(T, N, inputs)`, or `(N, T, inputs)` with
    /// `batch_first`: all states `(T, N, D hidden)` of the last layer and the last state `(D layers, N, hidden)` of each,
    /// where D is 2 if `bidirectional`. `params` are `w_ih, w_hh[, b_ih, b_hh]` of each layer and direction.
    "rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)" [function]
    pub fn rnn_tanh(input: &Tensor, hx: &Tensor, params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool, batch_first: bool) -> (Tensor, Tensor) = rnn_tanh_body;

    /// As `rnn_tanh` over a packed sequence: `data` has `batch_sizes[t]` rows for step t.
    "rnn_tanh.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)" [function]
    pub fn rnn_tanh_packed(data: &Tensor, batch_sizes: &Tensor, hx: &Tensor, params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool) -> (Tensor, Tensor) = rnn_tanh_packed_body;

    /// As `rnn_tanh` with `max(x, 0)` in the place of tanh.
    "rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)" [function]
    pub fn rnn_relu(input: &Tensor, hx: &Tensor, params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool, batch_first: bool) -> (Tensor, Tensor) = rnn_relu_body;

    /// As `rnn_relu` over a packed sequence.
    "rnn_relu.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)" [function]
    pub fn rnn_relu_packed(data: &Tensor, batch_sizes: &Tensor, hx: &Tensor, params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool) -> (Tensor, Tensor) = rnn_relu_packed_body;

    /// Long short-term memory (S. Hochreiter and J. Schmidhuber, 1997; gates of F. Gers et al., 2000) over a sequence:
    /// `i, f, o = sigmoid(..)`, `g = tanh(..)`, `c_t = f c_{t-1} + i g`, `h_t = o tanh(c_t)`, where each argument is a
    /// block, in the order i, f, g, o, of `W_ih x_t + b_ih + W_hh h_{t-1} + b_hh`.
    ///
    /// `hx` holds the first states and cells; results are all states, the last states and the last cells. A fifth
    /// parameter of each layer, `w_hr`, projects the states, which then are shorter than the cells.
    "lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)" [function]
    pub fn lstm(input: &Tensor, hx: &[Tensor], params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool, batch_first: bool) -> (Tensor, Tensor, Tensor) = lstm_body;

    /// As `lstm` over a packed sequence.
    "lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)" [function]
    pub fn lstm_packed(data: &Tensor, batch_sizes: &Tensor, hx: &[Tensor], params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool) -> (Tensor, Tensor, Tensor) = lstm_packed_body;

    /// The gated recurrent unit (K. Cho et al., 2014) over a sequence: `r, z = sigmoid(..)`,
    /// `n = tanh(W_in x_t + b_in + r (W_hn h_{t-1} + b_hn))`, `h_t = (1 - z) n + z h_{t-1}`; gates in the order r, z, n.
    "gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)" [function]
    pub fn gru(input: &Tensor, hx: &Tensor, params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool, batch_first: bool) -> (Tensor, Tensor) = gru_body;

    /// As `gru` over a packed sequence.
    "gru.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)" [function]
    pub fn gru_packed(data: &Tensor, batch_sizes: &Tensor, hx: &Tensor, params: &[Tensor], has_biases: bool, num_layers: i64, dropout: f64, train: bool, bidirectional: bool) -> (Tensor, Tensor) = gru_packed_body;
}

/// What all recurrent networks are told.
struct Net<'a> {
    cell: Cell,
    params: &'a [Tensor],
    has_biases: bool,
    num_layers: i64,
    dropout: f64,
    train: bool,
    bidirectional: bool,
}

/// All states, the last states, and the last cells of an LSTM.
type States = (Tensor, Tensor, Option<Tensor>);

impl Net<'_> {
    fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    /// The weights of every layer and direction.
    fn weights(&self, projected: bool) -> Result<Vec<Weights<'_>>> {
        let each = 2 + 2 * self.has_biases as usize + projected as usize;
        ensure!(
            self.params.len().is_multiple_of(each),
            Runtime,
            "got an incorrect number of RNN parameters"
        );
        Ok(self
            .params
            .chunks_exact(each)
            .map(|p| Weights {
                ih: &p[0],
                hh: &p[1],
                bias_ih: self.has_biases.then(|| &p[2]),
                bias_hh: self.has_biases.then(|| &p[3]),
                hr: if projected { p.last() } else { None },
            })
            .collect())
    }

    /// Over a batch that lies step after step.
    fn over_steps(&self, x: &Tensor, sizes: &[usize], h: &Tensor, c: Option<&Tensor>) -> Result<States> {
        for s in [Some(h), c].into_iter().flatten() {
            ensure!(
                s.dim() == 3,
                Runtime,
                "expected a first state of 3 dimensions, got {}",
                s.dim()
            );
        }
        let directions = self.directions();
        let wanted = usize::try_from(self.num_layers)
            .ok()
            .and_then(|n| n.checked_mul(directions))
            .filter(|n| *n > 0);
        let weights = self.weights(c.is_some_and(|c| c.shape()[2] != h.shape()[2]))?;
        let given = h.shape()[0];
        ensure!(
            wanted == Some(given) && c.is_none_or(|c| c.shape()[0] == given),
            Runtime,
            "Expected more hidden states in stacked_rnn"
        );
        ensure!(weights.len() == given, Runtime, "Expected more weights in stacked_rnn");
        let (mut last, mut last_cells) = (Vec::new(), Vec::new());
        let mut x = x.clone();
        for (layer, weights) in weights.chunks_exact(directions).enumerate() {
            let mut outs = Vec::with_capacity(directions);
            for (d, w) in weights.iter().enumerate() {
                let place = (layer * directions + d) as i64;
                let c = c.map(|c| select(c, 0, place)).transpose()?;
                let run = direction(self.cell, &x, &select(h, 0, place)?, c.as_ref(), *w, sizes, d == 1)?;
                outs.push(run.out);
                last.push(run.last);
                last_cells.extend(run.last_cell);
            }
            x = match outs.pop() {
                Some(only) if outs.is_empty() => only,
                Some(second) => {
                    outs.push(second);
                    cat(&outs, 1)?
                }
                None => x,
            };
            if self.dropout != 0.0 && self.train && (layer + 1) * directions < given {
                x = dropout(&x, self.dropout, true)?;
            }
        }
        let cells = if last_cells.is_empty() {
            None
        } else {
            Some(stack(&last_cells, 0)?)
        };
        Ok((x, stack(&last, 0)?, cells))
    }

    /// Over a batch of sequences of one length.
    fn over_batch(&self, x: &Tensor, h: &Tensor, c: Option<&Tensor>, batch_first: bool) -> Result<States> {
        ensure!(x.dim() == 3, Runtime, "input must have 3 dimensions, got {}", x.dim());
        let x = if batch_first { transpose(x, 0, 1)? } else { x.clone() };
        let (steps, batch, inputs) = (x.shape()[0], x.shape()[1], x.shape()[2]);
        ensure!(
            steps > 0,
            Runtime,
            "Expected sequence length to be larger than 0 in RNN"
        );
        let rows = steps
            .checked_mul(batch)
            .filter(|n| *n <= isize::MAX as usize)
            .ok_or_else(|| err!(Runtime, "a sequence of {steps} steps of {batch} rows is too long"))?;
        // Where no element bounds the number of steps, they cannot be listed.
        ensure!(
            x.numel() > 0 || rows <= 1 << 24,
            Runtime,
            "a sequence of {steps} steps without elements is too long"
        );
        let sizes = if batch == 0 { Vec::new() } else { vec![batch; steps] };
        let flat = reshape(&x, &ints(&[rows, inputs]))?;
        let (out, last, cells) = self.over_steps(&flat, &sizes, h, c)?;
        let out = reshape(&out, &ints(&[steps, batch, out.shape()[1]]))?;
        let out = if batch_first { transpose(&out, 0, 1)? } else { out };
        Ok((out, last, cells))
    }

    fn over_packed(&self, data: &Tensor, batch_sizes: &Tensor, h: &Tensor, c: Option<&Tensor>) -> Result<States> {
        ensure!(
            data.dim() == 2,
            Runtime,
            "input must have 2 dimensions, got {}",
            data.dim()
        );
        let sizes = batch_sizes_of(batch_sizes, data.shape()[0])?;
        self.over_steps(data, &sizes, h, c)
    }
}

/// The two results of a network without cells.
fn pair((out, last, _): States) -> (Tensor, Tensor) {
    (out, last)
}

/// The three of an LSTM.
fn triple((out, last, cells): States) -> Result<(Tensor, Tensor, Tensor)> {
    match cells {
        Some(cells) => Ok((out, last, cells)),
        None => Err(err!(Runtime, "lstm: no cells")),
    }
}

fn state_and_cell(hx: &[Tensor]) -> Result<(&Tensor, &Tensor)> {
    match hx {
        [h, c] => Ok((h, c)),
        _ => Err(err!(Runtime, "lstm expects two hidden states")),
    }
}

macro_rules! bodies {
    ($($cell:ident $input:ident $packed:ident;)+) => { $(
        fn $input(
            input: &Tensor,
            hx: &Tensor,
            params: &[Tensor],
            has_biases: bool,
            num_layers: i64,
            dropout: f64,
            train: bool,
            bidirectional: bool,
            batch_first: bool,
        ) -> Result<(Tensor, Tensor)> {
            let net = Net { cell: Cell::$cell, params, has_biases, num_layers, dropout, train, bidirectional };
            net.over_batch(input, hx, None, batch_first).map(pair)
        }

        fn $packed(
            data: &Tensor,
            batch_sizes: &Tensor,
            hx: &Tensor,
            params: &[Tensor],
            has_biases: bool,
            num_layers: i64,
            dropout: f64,
            train: bool,
            bidirectional: bool,
        ) -> Result<(Tensor, Tensor)> {
            let net = Net { cell: Cell::$cell, params, has_biases, num_layers, dropout, train, bidirectional };
            net.over_packed(data, batch_sizes, hx, None).map(pair)
        }
    )+ };
}
bodies! {
    Tanh rnn_tanh_body rnn_tanh_packed_body;
    Relu rnn_relu_body rnn_relu_packed_body;
    Gru gru_body gru_packed_body;
}

fn lstm_body(
    input: &Tensor,
    hx: &[Tensor],
    params: &[Tensor],
    has_biases: bool,
    num_layers: i64,
    dropout: f64,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (h, c) = state_and_cell(hx)?;
    let net = Net {
        cell: Cell::Lstm,
        params,
        has_biases,
        num_layers,
        dropout,
        train,
        bidirectional,
    };
    triple(net.over_batch(input, h, Some(c), batch_first)?)
}

fn lstm_packed_body(
    data: &Tensor,
    batch_sizes: &Tensor,
    hx: &[Tensor],
    params: &[Tensor],
    has_biases: bool,
    num_layers: i64,
    dropout: f64,
    train: bool,
    bidirectional: bool,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (h, c) = state_and_cell(hx)?;
    let net = Net {
        cell: Cell::Lstm,
        params,
        has_biases,
        num_layers,
        dropout,
        train,
        bidirectional,
    };
    triple(net.over_packed(data, batch_sizes, h, Some(c))?)
}

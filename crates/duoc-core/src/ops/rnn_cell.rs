//! One step of a recurrent network.

use super::rnn_direction::{Cell, Weights, direction};
use crate::{Result, Tensor, ensure, err, ops};

ops! {
    /// `tanh(W_ih x + b_ih + W_hh h + b_hh)` for x of `(N, inputs)` and h of `(N, hidden)`.
    "rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor" [function]
    pub fn rnn_tanh_cell(input: &Tensor, hx: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: Option<&Tensor>, b_hh: Option<&Tensor>) -> Tensor = rnn_tanh_cell_body;

    /// `max(W_ih x + b_ih + W_hh h + b_hh, 0)`.
    "rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor" [function]
    pub fn rnn_relu_cell(input: &Tensor, hx: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: Option<&Tensor>, b_hh: Option<&Tensor>) -> Tensor = rnn_relu_cell_body;

    /// One step of `lstm` from the state and cell `hx`: the new state and the new cell.
    "lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)" [function]
    pub fn lstm_cell(input: &Tensor, hx: &[Tensor], w_ih: &Tensor, w_hh: &Tensor, b_ih: Option<&Tensor>, b_hh: Option<&Tensor>) -> (Tensor, Tensor) = lstm_cell_body;

    /// One step of `gru`.
    "gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor" [function]
    pub fn gru_cell(input: &Tensor, hx: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: Option<&Tensor>, b_hh: Option<&Tensor>) -> Tensor = gru_cell_body;
}

fn step(cell: Cell, x: &Tensor, h: &Tensor, c: Option<&Tensor>, w: Weights) -> Result<(Tensor, Option<Tensor>)> {
    ensure!(
        x.dim() == 2 && h.dim() == 2 && c.is_none_or(|c| c.dim() == 2) && w.ih.dim() == 2 && w.hh.dim() == 2,
        Runtime,
        "a recurrent cell expects matrices, got an input of {} and a hidden state of {} dimensions",
        x.dim(),
        h.dim()
    );
    ensure!(
        x.shape()[1] == w.ih.shape()[1],
        Runtime,
        "input has inconsistent input_size: got {} expected {}",
        x.shape()[1],
        w.ih.shape()[1]
    );
    for (label, s) in [("0", Some(h)), ("1", c)] {
        let Some(s) = s else { continue };
        ensure!(
            s.shape()[0] == x.shape()[0],
            Runtime,
            "Input batch size {} doesn't match hidden{label} batch size {}",
            x.shape()[0],
            s.shape()[0]
        );
        ensure!(
            s.shape()[1] == w.hh.shape()[1],
            Runtime,
            "hidden{label} has inconsistent hidden_size: got {}, expected {}",
            s.shape()[1],
            w.hh.shape()[1]
        );
    }
    let run = direction(cell, x, h, c, w, &[x.shape()[0]], false)?;
    Ok((run.last, run.last_cell))
}

macro_rules! bodies {
    ($($cell:ident $body:ident;)+) => { $(
        fn $body(
            input: &Tensor,
            hx: &Tensor,
            ih: &Tensor,
            hh: &Tensor,
            bias_ih: Option<&Tensor>,
            bias_hh: Option<&Tensor>,
        ) -> Result<Tensor> {
            let w = Weights { ih, hh, bias_ih, bias_hh, hr: None };
            step(Cell::$cell, input, hx, None, w).map(|(h, _)| h)
        }
    )+ };
}
bodies! {
    Tanh rnn_tanh_cell_body;
    Relu rnn_relu_cell_body;
    Gru gru_cell_body;
}

fn lstm_cell_body(
    input: &Tensor,
    hx: &[Tensor],
    ih: &Tensor,
    hh: &Tensor,
    bias_ih: Option<&Tensor>,
    bias_hh: Option<&Tensor>,
) -> Result<(Tensor, Tensor)> {
    let [h, c] = hx else {
        return Err(err!(Runtime, "lstm_cell expects two hidden states"));
    };
    let w = Weights {
        ih,
        hh,
        bias_ih,
        bias_hh,
        hr: None,
    };
    match step(Cell::Lstm, input, h, Some(c), w)? {
        (h, Some(c)) => Ok((h, c)),
        _ => Err(err!(Runtime, "lstm_cell: no cell")),
    }
}

//! One direction of one layer of a recurrent network, over a whole sequence.
//!
//! A batch lies step after step, as in a packed sequence: step `t` has `sizes[t]` rows, never more than the step before.

use super::arith::{add, mul, sub};
use super::contract::linear;
use super::copy::contiguous;
use super::factory::zeros_of;
use super::join::cat;
use super::matmul::mm;
use super::reduce::sum_dim;
use super::split::chunk;
use super::unary::{sigmoid, tanh};
use super::view::{narrow, t};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, is_grad_enabled, no_grad, reference};
use crate::storage::{Mode, access};
use crate::{DType, MemoryFormat, Result, Scalar, Tensor, ensure, err};
use duoc_kernels::rnn as kernel;
pub(super) use duoc_kernels::rnn::Cell;

const ONE: Scalar = Scalar::Int(1);

/// The weights of one direction of one layer.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    /// `(gates * hidden, inputs)`.
    pub ih: &'a Tensor,
    /// `(gates * hidden, state)`.
    pub hh: &'a Tensor,
    /// `(gates * hidden)`.
    pub bias_ih: Option<&'a Tensor>,
    /// `(gates * hidden)`.
    pub bias_hh: Option<&'a Tensor>,
    /// `(state, hidden)`: the projection of an LSTM's state.
    pub hr: Option<&'a Tensor>,
}

/// The states of all steps (row after row), the last state of each sequence, and the last cell of an LSTM.
pub(super) struct Run {
    pub out: Tensor,
    pub last: Tensor,
    pub last_cell: Option<Tensor>,
}

/// What is given beside the tensors.
#[derive(Clone)]
struct Way {
    cell: Cell,
    sizes: Vec<usize>,
    reverse: bool,
}

/// Runs a recurrence over `x` of `(rows, inputs)` from the first state `h` `(batch, state)` and, for an LSTM, cell `c`.
pub(super) fn direction(
    cell: Cell,
    x: &Tensor,
    h: &Tensor,
    c: Option<&Tensor>,
    w: Weights,
    sizes: &[usize],
    reverse: bool,
) -> Result<Run> {
    let hidden = check(cell, x, h, c, &w, sizes)?;
    let all = [Some(x), Some(h), c, Some(w.ih), Some(w.hh), w.bias_ih, w.bias_hh];
    let one_dtype = all.iter().flatten().all(|t| t.dtype() == x.dtype());
    let way = Way {
        cell,
        sizes: sizes.to_vec(),
        reverse,
    };
    let served = matches!(x.dtype(), DType::F32 | DType::F64) && one_dtype && w.hr.is_none();
    if !served || x.numel() == 0 || hidden == 0 {
        return formula(&way, x, h, c, w);
    }
    fused(way, all, hidden)
}

fn check(cell: Cell, x: &Tensor, h: &Tensor, c: Option<&Tensor>, w: &Weights, sizes: &[usize]) -> Result<usize> {
    let rows: usize = sizes.iter().sum();
    ensure!(
        x.dim() == 2 && x.shape()[0] == rows,
        Runtime,
        "expected an input of {rows} rows, got {:?}",
        x.shape()
    );
    for (name, m) in [("w_ih", Some(w.ih)), ("w_hh", Some(w.hh)), ("w_hr", w.hr)] {
        let Some(m) = m else { continue };
        ensure!(
            m.dim() == 2,
            Runtime,
            "{name} must be a matrix, got {}-D tensor",
            m.dim()
        );
    }
    let width = w.hh.shape()[0];
    let hidden = width / cell.gates();
    ensure!(
        hidden * cell.gates() == width && w.ih.shape()[0] == width,
        Runtime,
        "weights of {} gates must have as many times the hidden size as rows, got {:?} and {:?}",
        cell.gates(),
        w.ih.shape(),
        w.hh.shape()
    );
    let inputs = x.shape()[1];
    ensure!(
        w.ih.shape()[1] == inputs,
        Runtime,
        "mat1 and mat2 shapes cannot be multiplied ({rows}x{inputs} and {}x{width})",
        w.ih.shape()[1]
    );
    let state = w.hh.shape()[1];
    for b in [w.bias_ih, w.bias_hh].into_iter().flatten() {
        ensure!(
            b.shape() == [width],
            Runtime,
            "expected a bias of shape [{width}], got {:?}",
            b.shape()
        );
    }
    match w.hr {
        Some(p) => ensure!(
            p.shape() == [state, hidden],
            Runtime,
            "expected a projection of shape [{state}, {hidden}], got {:?}",
            p.shape()
        ),
        None => ensure!(
            state == hidden,
            Runtime,
            "expected recurrent weights of shape [{width}, {hidden}], got {:?}",
            w.hh.shape()
        ),
    }
    let batch = sizes
        .first()
        .copied()
        .unwrap_or_else(|| h.shape().first().copied().unwrap_or(0));
    ensure!(
        h.shape() == [batch, state],
        Runtime,
        "Expected hidden size [{batch}, {state}], got {:?}",
        h.shape()
    );
    ensure!(
        c.is_none_or(|c| c.shape() == [batch, hidden]),
        Runtime,
        "Expected cell size [{batch}, {hidden}], got {:?}",
        c.map_or(&[][..], Tensor::shape)
    );
    Ok(hidden)
}

/// The reference in plain ops: one step after the other.
fn formula(way: &Way, x: &Tensor, h: &Tensor, c: Option<&Tensor>, w: Weights) -> Result<Run> {
    let inputs = linear(x, w.ih, w.bias_ih)?;
    let mut firsts = Vec::with_capacity(way.sizes.len());
    let mut sum = 0;
    for n in &way.sizes {
        firsts.push(sum);
        sum += n;
    }
    let rows = |x: &Tensor, from: usize, to: usize| narrow(x, 0, from as i64, (to - from) as i64);
    let (mut outs, mut ended, mut ended_cells) = (Vec::new(), Vec::new(), Vec::new());
    let mut state: Option<(Tensor, Option<Tensor>)> = None;
    let mut before = 0;
    let n = way.sizes.len();
    for i in 0..n {
        let step = if way.reverse { n - 1 - i } else { i };
        let batch = way.sizes[step];
        let (hs, cs) = match state.take() {
            None => (rows(h, 0, batch)?, c.map(|c| rows(c, 0, batch)).transpose()?),
            // Sequences that begin here start from the first state.
            Some((hs, cs)) if batch > before => (
                cat(&[hs, rows(h, before, batch)?], 0)?,
                match (cs, c) {
                    (Some(cs), Some(c)) => Some(cat(&[cs, rows(c, before, batch)?], 0)?),
                    _ => None,
                },
            ),
            // Those that are over are put aside.
            Some((hs, cs)) if batch < before => {
                ended.push(rows(&hs, batch, before)?);
                if let Some(cs) = &cs {
                    ended_cells.push(rows(cs, batch, before)?);
                }
                (rows(&hs, 0, batch)?, cs.map(|cs| rows(&cs, 0, batch)).transpose()?)
            }
            Some(state) => state,
        };
        let a = rows(&inputs, firsts[step], firsts[step] + batch)?;
        let (hs, cs) = one_step(way.cell, &a, &hs, cs.as_ref(), w)?;
        outs.push(hs.clone());
        state = Some((hs, cs));
        before = batch;
    }
    let Some((hs, cs)) = state else {
        let shape = [0, w.hh.shape()[1] as i64];
        return Ok(Run {
            out: super::view::reshape(&narrow(h, 0, 0, 0)?, &shape)?,
            last: super::copy::clone(h, None)?,
            last_cell: c.map(|c| super::copy::clone(c, None)).transpose()?,
        });
    };
    if way.reverse {
        outs.reverse();
    }
    let joined = |mut parts: Vec<Tensor>, last: Tensor| {
        parts.push(last);
        parts.reverse();
        cat(&parts, 0)
    };
    Ok(Run {
        out: cat(&outs, 0)?,
        last: joined(ended, hs)?,
        last_cell: cs.map(|cs| joined(ended_cells, cs)).transpose()?,
    })
}

/// One step: `a` is the inputs' part of the sums.
fn one_step(cell: Cell, a: &Tensor, h: &Tensor, c: Option<&Tensor>, w: Weights) -> Result<(Tensor, Option<Tensor>)> {
    let u = linear(h, w.hh, w.bias_hh)?;
    let plus = |a: &Tensor, b: &Tensor| add(a, b, ONE);
    match (cell, c) {
        (Cell::Tanh, _) => Ok((tanh(&plus(a, &u)?)?, None)),
        (Cell::Relu, _) => Ok((super::activation::relu(&plus(a, &u)?)?, None)),
        (Cell::Lstm, Some(c)) => {
            let gates = chunk(&plus(a, &u)?, 4, 1)?;
            let [i, f, g, o] = &gates[..] else {
                return Err(gateless());
            };
            let kept = mul(&sigmoid(f)?, c)?;
            let c = plus(&kept, &mul(&sigmoid(i)?, &tanh(g)?)?)?;
            let h = mul(&sigmoid(o)?, &tanh(&c)?)?;
            let h = match w.hr {
                Some(p) => linear(&h, p, None)?,
                None => h,
            };
            Ok((h, Some(c)))
        }
        (Cell::Lstm, None) => Err(gateless()),
        (Cell::Gru, _) => {
            let (own, from_state) = (chunk(a, 3, 1)?, chunk(&u, 3, 1)?);
            let ([ar, az, an], [ur, uz, un]) = (&own[..], &from_state[..]) else {
                return Err(gateless());
            };
            let r = sigmoid(&plus(ar, ur)?)?;
            let z = sigmoid(&plus(az, uz)?)?;
            let n = tanh(&plus(an, &mul(&r, un)?)?)?;
            Ok((plus(&mul(&sub(h, &n, ONE)?, &z)?, &n)?, None))
        }
    }
}

fn gateless() -> crate::Error {
    err!(Runtime, "the hidden size of a recurrent layer must not be 0")
}

/// A row-major tensor without history.
fn dense(x: &Tensor) -> Result<Tensor> {
    no_grad(|| contiguous(&x.detach(), Some(MemoryFormat::Contiguous)))
}

fn strides(w: &Tensor) -> [usize; 2] {
    [w.strides()[0] as usize, w.strides()[1] as usize]
}

/// Operands some of which are absent: their addresses are null.
struct Operands<'a>(Vec<(&'a Tensor, Mode)>);

impl<'a> Operands<'a> {
    fn add(&mut self, x: Option<&'a Tensor>, mode: Mode) -> Option<usize> {
        self.0.push((x?, mode));
        Some(self.0.len() - 1)
    }
}

fn at(ptrs: &[*mut u8], place: Option<usize>) -> *mut u8 {
    place.map_or(std::ptr::null_mut(), |i| ptrs[i])
}

/// The bias of the inputs' part: both biases in one, but for the recurrent part of a GRU's n, whose own bias is second.
fn biases(
    cell: Cell,
    ih: Option<&Tensor>,
    hh: Option<&Tensor>,
    hidden: usize,
) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let (Some(hh), h) = (hh, hidden as i64) else {
        return Ok((ih.cloned(), None));
    };
    if cell != Cell::Gru {
        let both = match ih {
            Some(ih) => add(ih, hh, ONE)?,
            None => hh.clone(),
        };
        return Ok((Some(both), None));
    }
    let (gates, new) = (narrow(hh, 0, 0, 2 * h)?, narrow(hh, 0, 2 * h, h)?);
    let (gates, rest) = match ih {
        Some(ih) => (add(&narrow(ih, 0, 0, 2 * h)?, &gates, ONE)?, narrow(ih, 0, 2 * h, h)?),
        None => (gates, zeros_of(&[hidden], hh.dtype())?),
    };
    Ok((Some(cat(&[gates, rest], 0)?), Some(dense(&new)?)))
}

/// The kernel, recorded. The tensors are input, first state, first cell, weights and biases.
fn fused(way: Way, all: [Option<&Tensor>; 7], hidden: usize) -> Result<Run> {
    let [Some(x), Some(h0), c0, Some(w_ih), Some(w_hh), b_ih, b_hh] = all else {
        return Err(gateless());
    };
    let (dtype, cell) = (x.dtype(), way.cell);
    let rows = x.shape()[0];
    let batch = h0.shape()[0];
    let (gates, bias) = no_grad(|| {
        let detached = |t: Option<&Tensor>| t.map(Tensor::detach);
        let (own, bias) = biases(cell, detached(b_ih).as_ref(), detached(b_hh).as_ref(), hidden)?;
        let gates = linear(&x.detach(), &w_ih.detach(), own.as_ref())?;
        contiguous(&gates, Some(MemoryFormat::Contiguous)).map(|g| (g, bias))
    })?;
    let fresh = |n: usize, wanted: bool| wanted.then(|| Tensor::uninit(&[n, hidden], dtype)).transpose();
    let is_lstm = cell == Cell::Lstm;
    let recorded = crate::autograd::record::needs_grad(&all);
    let (h, c) = (dense(h0)?, c0.map(dense).transpose()?);
    let out = Tensor::uninit(&[rows, hidden], dtype)?;
    let before = Tensor::uninit(&[rows, hidden], dtype)?;
    let last = Tensor::uninit(&[batch, hidden], dtype)?;
    let cell_before = fresh(rows, is_lstm)?;
    let tanh_cell = fresh(rows, is_lstm && recorded)?;
    let last_cell = fresh(batch, is_lstm)?;
    let new = fresh(rows, cell == Cell::Gru)?;
    let packed = Tensor::uninit(w_hh.shape(), dtype)?;
    let w = w_hh.detach();
    let mut o = Operands(Vec::with_capacity(13));
    let gates_at = o.add(Some(&gates), Mode::Write);
    let w_at = o.add(Some(&w), Mode::Read);
    let packed_at = o.add(Some(&packed), Mode::Init);
    let bias_at = o.add(bias.as_ref(), Mode::Read);
    let h_at = o.add(Some(&h), Mode::Read);
    let c_at = o.add(c.as_ref(), Mode::Read);
    let out_at = o.add(Some(&out), Mode::Init);
    let before_at = o.add(Some(&before), Mode::Init);
    let last_at = o.add(Some(&last), Mode::Init);
    let cell_before_at = o.add(cell_before.as_ref(), Mode::Init);
    let tanh_cell_at = o.add(tanh_cell.as_ref(), Mode::Init);
    let last_cell_at = o.add(last_cell.as_ref(), Mode::Init);
    let new_at = o.add(new.as_ref(), Mode::Init);
    let known = access::access_many(&o.0, |p| {
        let f = kernel::Forward {
            cell,
            steps: kernel::Steps {
                batch_sizes: &way.sizes,
                reverse: way.reverse,
                hidden,
            },
            gates: at(p, gates_at),
            weight: at(p, w_at),
            weight_strides: strides(&w),
            packed: at(p, packed_at),
            bias: at(p, bias_at),
            state: at(p, h_at),
            cell_state: at(p, c_at),
            out: at(p, out_at),
            before: at(p, before_at),
            last: at(p, last_at),
            cell_before: at(p, cell_before_at),
            tanh_cell: at(p, tanh_cell_at),
            last_cell: at(p, last_cell_at),
            new: at(p, new_at),
        };
        // SAFETY: the shapes were checked; results are new tensors of the described sizes.
        Ok(unsafe { kernel::forward(dtype, &f) })
    })?;
    ensure!(
        known,
        NotImplemented,
        "recurrent layers are not implemented for this dtype"
    );
    let mut results = vec![out.clone(), last.clone()];
    results.extend(last_cell.clone());
    let name = match cell {
        Cell::Tanh => "RnnTanhBackward0",
        Cell::Relu => "RnnReluBackward0",
        Cell::Lstm => "LstmBackward0",
        Cell::Gru => "GruBackward0",
    };
    record_many(&results, name, &all, |r| {
        let inputs = all.map(|t| r.save_opt(t));
        let kept = Kept {
            gates: r.keep(&gates),
            out: r.keep(&out),
            before: r.keep(&before),
            cell_before: cell_before.as_ref().map(|t| r.keep(t)),
            tanh_cell: tanh_cell.as_ref().map(|t| r.keep(t)),
            new: new.as_ref().map(|t| r.keep(t)),
        };
        move |c: &Ctx, g: &[Option<Tensor>]| {
            let mut given = Vec::with_capacity(7);
            for saved in inputs {
                given.push(c.get_opt(saved)?);
            }
            if is_grad_enabled() {
                return reference::gradients(&given, |i| c.needs(i), g, |x| again(&way, x));
            }
            fused_backward(&way, c, &kept, &given, g)
        }
    })?;
    Ok(Run { out, last, last_cell })
}

/// The formula on what was saved.
fn again(way: &Way, x: &[Option<Tensor>]) -> Result<Vec<Tensor>> {
    let [Some(x), Some(h), c, Some(ih), Some(hh), b_ih, b_hh] = x else {
        return Ok(Vec::new());
    };
    let w = Weights {
        ih,
        hh,
        bias_ih: b_ih.as_ref(),
        bias_hh: b_hh.as_ref(),
        hr: None,
    };
    let run = formula(way, x, h, c.as_ref(), w)?;
    Ok([run.out, run.last].into_iter().chain(run.last_cell).collect())
}

/// What the forward pass leaves for the backward one.
struct Kept {
    gates: crate::autograd::Saved,
    out: crate::autograd::Saved,
    before: crate::autograd::Saved,
    cell_before: Option<crate::autograd::Saved>,
    tanh_cell: Option<crate::autograd::Saved>,
    new: Option<crate::autograd::Saved>,
}

fn fused_backward(
    way: &Way,
    c: &Ctx,
    kept: &Kept,
    given: &[Option<Tensor>],
    g: &[Option<Tensor>],
) -> Result<Vec<Option<Tensor>>> {
    let [Some(x), Some(h0), _, Some(w_ih), Some(w_hh), ..] = given else {
        return Err(gateless());
    };
    let (dtype, cell) = (x.dtype(), way.cell);
    let hidden = h0.shape()[1];
    let some = |s: Option<crate::autograd::Saved>| s.map(|s| c.get(s)).transpose();
    let (gates, out, before) = (c.get(kept.gates)?, c.get(kept.out)?, c.get(kept.before)?);
    let (cell_before, tanh_cell, new) = (some(kept.cell_before)?, some(kept.tanh_cell)?, some(kept.new)?);
    // The kernel works on these in place: they are copies.
    let start = |g: Option<&Option<Tensor>>| match g {
        Some(Some(g)) => super::copy::clone(&g.detach(), Some(MemoryFormat::Contiguous)),
        _ => zeros_of(h0.shape(), dtype),
    };
    let state = start(g.get(1))?;
    let cell_state = if cell == Cell::Lstm {
        Some(start(g.get(2))?)
    } else {
        None
    };
    let grad_out = g[0].as_ref().map(dense).transpose()?;
    let grads = Tensor::uninit(gates.shape(), dtype)?;
    let recurrent = (cell == Cell::Gru)
        .then(|| Tensor::uninit(gates.shape(), dtype))
        .transpose()?;
    let packed = Tensor::uninit(w_hh.shape(), dtype)?;
    let w = w_hh.detach();
    let mut o = Operands(Vec::with_capacity(13));
    let gates_at = o.add(Some(&gates), Mode::Read);
    let w_at = o.add(Some(&w), Mode::Read);
    let packed_at = o.add(Some(&packed), Mode::Init);
    let out_at = o.add(Some(&out), Mode::Read);
    let before_at = o.add(Some(&before), Mode::Read);
    let cell_before_at = o.add(cell_before.as_ref(), Mode::Read);
    let tanh_cell_at = o.add(tanh_cell.as_ref(), Mode::Read);
    let new_at = o.add(new.as_ref(), Mode::Read);
    let grad_out_at = o.add(grad_out.as_ref(), Mode::Read);
    let state_at = o.add(Some(&state), Mode::Init);
    let cell_state_at = o.add(cell_state.as_ref(), Mode::Init);
    let grads_at = o.add(Some(&grads), Mode::Init);
    let recurrent_at = o.add(recurrent.as_ref(), Mode::Init);
    let known = access::access_many(&o.0, |p| {
        let b = kernel::Backward {
            cell,
            steps: kernel::Steps {
                batch_sizes: &way.sizes,
                reverse: way.reverse,
                hidden,
            },
            gates: at(p, gates_at),
            weight: at(p, w_at),
            weight_strides: strides(&w),
            packed: at(p, packed_at),
            out: at(p, out_at),
            before: at(p, before_at),
            cell_before: at(p, cell_before_at),
            tanh_cell: at(p, tanh_cell_at),
            new: at(p, new_at),
            grad_out: at(p, grad_out_at),
            state: at(p, state_at),
            cell_state: at(p, cell_state_at),
            grads: at(p, grads_at),
            recurrent: at(p, recurrent_at),
        };
        // SAFETY: as forward.
        Ok(unsafe { kernel::backward(dtype, &b) })
    })?;
    ensure!(
        known,
        NotImplemented,
        "recurrent layers are not implemented for this dtype"
    );
    let recurrent = recurrent.as_ref().unwrap_or(&grads);
    let wanted = |i: usize, f: &dyn Fn() -> Result<Tensor>| if c.needs(i) { f().map(Some) } else { Ok(None) };
    let total = |g: &Tensor| sum_dim(g, Some(&[0]), false, None);
    let bias = wanted(5, &|| total(&grads))?;
    Ok(vec![
        wanted(0, &|| mm(&grads, w_ih))?,
        Some(state),
        cell_state,
        wanted(3, &|| mm(&t(&grads)?, x))?,
        wanted(4, &|| mm(&t(recurrent)?, &before))?,
        bias.clone(),
        match bias {
            Some(b) if cell != Cell::Gru && c.needs(6) => Some(b),
            _ => wanted(6, &|| total(recurrent))?,
        },
    ])
}

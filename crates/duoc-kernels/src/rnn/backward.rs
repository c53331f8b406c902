//! Backward through time.
//!
//! Each step multiplies the gradients of a later step's sums by the recurrent weights and, for the same block of units,
//! goes on with the gates of the step before it: one round over the blocks a step.

use super::gates::{self, Number, RowBack};
use super::{Cell, Step, Steps, for_blocks};
use crate::DType;
use crate::matmul::panels::Side;
use std::ptr::null_mut;

/// The arrays of a backward pass, all row-major, as in [`super::Forward`].
#[derive(Clone, Copy, Debug)]
pub struct Backward<'a> {
    /// Which recurrence.
    pub cell: Cell,
    /// The steps, as they were computed forward.
    pub steps: Steps<'a>,
    /// The gates, `rows x gates * hidden`; not read for tanh and ReLU.
    pub gates: *const u8,
    /// Recurrent weights.
    pub weight: *const u8,
    /// Strides of `weight`.
    pub weight_strides: [usize; 2],
    /// As many elements as `weight`: working memory.
    pub packed: *mut u8,
    /// All states, `rows x hidden`; read for tanh and ReLU.
    pub out: *const u8,
    /// The state before each step, `rows x hidden`.
    pub before: *const u8,
    /// LSTM: the cell before each step.
    pub cell_before: *const u8,
    /// LSTM: the tangent of each cell.
    pub tanh_cell: *const u8,
    /// GRU: the recurrent part of n.
    pub new: *const u8,
    /// Gradient of `out`, `rows x hidden`, or null.
    pub grad_out: *const u8,
    /// Gradient of the last states, `batch x hidden`; becomes that of the first states.
    pub state: *mut u8,
    /// LSTM: the same for the cells.
    pub cell_state: *mut u8,
    /// Result: the gradient of the sums, `rows x gates * hidden`.
    pub grads: *mut u8,
    /// GRU: the gradient of the recurrent part of the sums, `rows x gates * hidden`.
    pub recurrent: *mut u8,
}

/// Runs the recurrence backward. Returns `false`, having done nothing, for dtypes other than float32 and float64.
///
/// # Safety
/// The arrays are aligned, as large as described, and the written ones overlap nothing else.
pub unsafe fn backward(dtype: DType, b: &Backward) -> bool {
    match dtype {
        DType::F32 => run::<f32>(b),
        DType::F64 => run::<f64>(b),
        _ => return false,
    }
    true
}

struct Arrays<T> {
    gates: *const T,
    weight: *const T,
    packed: *mut T,
    out: *const T,
    before: *const T,
    cell_before: *const T,
    tanh_cell: *const T,
    new: *const T,
    grad_out: *const T,
    state: *mut T,
    cell_state: *mut T,
    grads: *mut T,
    recurrent: *mut T,
}
// SAFETY: tasks write disjoint units.
unsafe impl<T> Sync for Arrays<T> {}

unsafe fn run<T: Number>(b: &Backward) {
    let h = b.steps.hidden;
    let width = b.cell.gates() * h;
    if h == 0 {
        return;
    }
    let x = Arrays {
        gates: b.gates.cast::<T>(),
        weight: b.weight.cast::<T>(),
        packed: b.packed.cast::<T>(),
        out: b.out.cast(),
        before: b.before.cast(),
        cell_before: b.cell_before.cast(),
        tanh_cell: b.tanh_cell.cast(),
        new: b.new.cast(),
        grad_out: b.grad_out.cast(),
        state: b.state.cast(),
        cell_state: b.cell_state.cast(),
        grads: b.grads.cast(),
        recurrent: b.recurrent.cast(),
    };
    let [w_rows, w_cols] = b.weight_strides;
    for_blocks::<T>(h, width * h * 4, &|first, units| {
        let x = &x;
        // SAFETY: each block has its own columns and its own panel.
        unsafe {
            T::pack(
                x.weight.add(first * w_cols),
                w_rows,
                w_cols,
                width,
                units,
                x.packed.add(first * width),
            )
        }
    });
    let cell = b.cell;
    let mut later: Option<Step> = None;
    for s in b.steps.list().into_iter().rev().map(Some).chain([None]) {
        let work = later.or(s).map_or(0, |s| s.rows) * width * h;
        for_blocks::<T>(h, work, &|first, units| {
            let x = &x;
            // SAFETY: the block's units are written by this task alone; the gradients that the product reads were
            // complete before this round.
            unsafe {
                if let Some(later) = &later {
                    product(cell, x, h, later, first, units);
                }
                if let Some(s) = &s {
                    step(cell, x, h, s, first, units);
                }
            }
        });
        later = s;
    }
}

/// The gradient of the state before `s`.
unsafe fn product<T: Number>(cell: Cell, x: &Arrays<T>, h: usize, s: &Step, first: usize, units: usize) {
    let width = cell.gates() * h;
    let (grads, beta) = match cell {
        // What passes the gates by is there already.
        Cell::Gru => (x.recurrent, T::ONE),
        _ => (x.grads, T::ZERO),
    };
    let a = Side {
        ptr: grads.add(s.first * width).cast_const(),
        rs: width,
        ks: 1,
    };
    let c = Side {
        ptr: x.state.add(first),
        rs: h,
        ks: 1,
    };
    let panel = x.packed.add(first * width).cast_const();
    T::multiply([s.rows, units, width], a, (panel, units), c, T::ONE, beta);
}

unsafe fn step<T: Number>(cell: Cell, x: &Arrays<T>, h: usize, s: &Step, first: usize, units: usize) {
    let width = cell.gates() * h;
    let row_fn = match cell {
        Cell::Tanh => gates::tanh_back::<T>,
        Cell::Relu => gates::relu_back::<T>,
        Cell::Lstm => gates::lstm_back::<T>,
        Cell::Gru => gates::gru_back::<T>,
    };
    for row in 0..s.rows {
        let here = (s.first + row) * h + first;
        let wide = (s.first + row) * width + first;
        let state = row * h + first;
        let some = |p: *const T, i: usize| if p.is_null() { p } else { p.add(i) };
        row_fn(
            &RowBack {
                gates: some(x.gates, wide),
                grads: x.grads.add(wide),
                hidden: h,
                state: x.state.add(state),
                grad_out: some(x.grad_out, here),
                out: some(x.out, here),
                cell: some(x.cell_before, here),
                tanh_cell: some(x.tanh_cell, here),
                state_cell: if cell == Cell::Lstm {
                    x.cell_state.add(state)
                } else {
                    null_mut()
                },
                before: x.before.add(here),
                new: some(x.new, here),
                recurrent: if cell == Cell::Gru {
                    x.recurrent.add(wide)
                } else {
                    null_mut()
                },
            },
            units,
        );
    }
}

//! Forward through time.

use super::gates::{self, Number, Row};
use super::{Cell, Steps, for_blocks};
use crate::DType;
use crate::matmul::panels::Side;
use std::ptr::{copy_nonoverlapping, null, null_mut};

/// The arrays of a forward pass, all row-major; `rows` is the sum of the batch sizes, `batch` the first of them.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    /// Which recurrence.
    pub cell: Cell,
    /// The steps.
    pub steps: Steps<'a>,
    /// `rows x gates * hidden`: the inputs' part of the sums, biases included; becomes the gates of LSTM and GRU.
    pub gates: *mut u8,
    /// Recurrent weights, `gates * hidden x hidden`, with their strides in elements.
    pub weight: *const u8,
    /// Strides of `weight`.
    pub weight_strides: [usize; 2],
    /// As many elements as `weight`: working memory.
    pub packed: *mut u8,
    /// GRU: the bias of the recurrent part of n (`hidden`), or null.
    pub bias: *const u8,
    /// First state, `batch x hidden`.
    pub state: *const u8,
    /// LSTM: first cell, `batch x hidden`.
    pub cell_state: *const u8,
    /// Results: all states, `rows x hidden`.
    pub out: *mut u8,
    /// The state before each step, `rows x hidden`.
    pub before: *mut u8,
    /// The last states, `batch x hidden`.
    pub last: *mut u8,
    /// LSTM: the cell before each step, `rows x hidden`.
    pub cell_before: *mut u8,
    /// LSTM: the tangent of each cell, `rows x hidden`, or null.
    pub tanh_cell: *mut u8,
    /// LSTM: the last cells, `batch x hidden`.
    pub last_cell: *mut u8,
    /// GRU: the recurrent part of n with its bias, `rows x hidden`.
    pub new: *mut u8,
}

/// Runs the recurrence. Returns `false`, having done nothing, for dtypes other than float32 and float64.
///
/// # Safety
/// The arrays are aligned, as large as described, and the written ones overlap nothing else.
pub unsafe fn forward(dtype: DType, f: &Forward) -> bool {
    match dtype {
        DType::F32 => run::<f32>(f),
        DType::F64 => run::<f64>(f),
        _ => return false,
    }
    true
}

/// The arrays by type.
struct Arrays<T> {
    gates: *mut T,
    weight: *const T,
    packed: *mut T,
    bias: *const T,
    out: *mut T,
    before: *mut T,
    last: *mut T,
    cell_before: *mut T,
    tanh_cell: *mut T,
    last_cell: *mut T,
    new: *mut T,
}
// SAFETY: tasks write disjoint units.
unsafe impl<T> Sync for Arrays<T> {}

unsafe fn run<T: Number>(f: &Forward) {
    let Steps { hidden: h, .. } = f.steps;
    let count = f.cell.gates();
    let width = count * h;
    let x = Arrays {
        gates: f.gates.cast::<T>(),
        weight: f.weight.cast::<T>(),
        packed: f.packed.cast(),
        bias: f.bias.cast(),
        out: f.out.cast(),
        before: f.before.cast(),
        last: f.last.cast(),
        cell_before: f.cell_before.cast(),
        tanh_cell: f.tanh_cell.cast(),
        last_cell: f.last_cell.cast(),
        new: f.new.cast(),
    };
    let (state, cell_state) = (f.state.cast::<T>(), f.cell_state.cast::<T>());
    if h == 0 {
        return;
    }
    let [w_rows, w_cols] = f.weight_strides;
    for_blocks::<T>(h, width * h * 4, &|first, units| {
        let x = &x;
        for gate in 0..count {
            // SAFETY: the block's panels lie one after the other; rows of the weights are columns of the factor.
            unsafe {
                let src = x.weight.add((gate * h + first) * w_rows);
                let dst = x.packed.add((first * count + gate * units) * h);
                T::pack(src, w_cols, w_rows, h, units, dst);
            }
        }
    });
    let cell = f.cell;
    let step_row = match cell {
        Cell::Tanh => gates::tanh::<T>,
        Cell::Relu => gates::relu::<T>,
        Cell::Lstm => gates::lstm::<T>,
        Cell::Gru => gates::gru::<T>,
    };
    for s in f.steps.list() {
        // Sequences that begin here start from the first state.
        if s.rows > s.before {
            let (from, n) = (s.before * h, (s.rows - s.before) * h);
            copy_nonoverlapping(state.add(from), x.before.add(s.first * h + from), n);
            if f.cell == Cell::Lstm {
                copy_nonoverlapping(cell_state.add(from), x.cell_before.add(s.first * h + from), n);
            }
        }
        for_blocks::<T>(h, s.rows * width * h, &|first, units| {
            let x = &x;
            // SAFETY: the block's units of every row are written by this task alone.
            unsafe {
                let a = Side {
                    ptr: x.before.add(s.first * h).cast_const(),
                    rs: h,
                    ks: 1,
                };
                for gate in 0..count {
                    let panel = x.packed.add((first * count + gate * units) * h).cast_const();
                    let (ptr, rs, beta) = if cell == Cell::Gru && gate == 2 {
                        (x.new.add(s.first * h + first), h, T::ZERO)
                    } else {
                        (x.gates.add(s.first * width + gate * h + first), width, T::ONE)
                    };
                    T::multiply(
                        [s.rows, units, h],
                        a,
                        (panel, units),
                        Side { ptr, rs, ks: 1 },
                        T::ONE,
                        beta,
                    );
                }
                for row in 0..s.rows {
                    let here = (s.first + row) * h + first;
                    let goes_on = row < s.after;
                    let there = (s.after_first + row) * h + first;
                    let end = row * h + first;
                    let some = |p: *mut T, i: usize| if p.is_null() { p } else { p.add(i) };
                    step_row(
                        &Row {
                            gates: x.gates.add((s.first + row) * width + first),
                            hidden: h,
                            new: some(x.new, here),
                            bias: if x.bias.is_null() { null() } else { x.bias.add(first) },
                            before: x.before.add(here),
                            out: x.out.add(here),
                            next: if goes_on {
                                x.before.add(there)
                            } else {
                                some(x.last, end)
                            },
                            cell: some(x.cell_before, here),
                            next_cell: match cell {
                                Cell::Lstm if goes_on => x.cell_before.add(there),
                                Cell::Lstm => x.last_cell.add(end),
                                _ => null_mut(),
                            },
                            tanh_cell: some(x.tanh_cell, here),
                        },
                        units,
                    );
                }
            }
        });
    }
}

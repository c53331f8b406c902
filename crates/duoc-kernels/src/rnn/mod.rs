//! Recurrences over a sequence: the whole way through time of one direction of one layer, forward and backward.
//!
//! A batch is stored step after step: step `t` has `batch_sizes[t]` rows, never more than the step before, so that a
//! padded batch and one of sequences of different lengths are the same thing. The caller has multiplied all inputs by
//! the input weights in one product; here each step adds the product of the last state with the recurrent weights,
//! which are packed once, and applies the gates to a block of units while it is in the cache.
//!
//! * [`gates`]: the functions of one step on a row of units. [`forward`], [`backward`]: the way through time.

pub mod backward;
pub mod forward;
mod gates;

pub use backward::{Backward, backward};
pub use forward::{Forward, forward};

use crate::matmul::panels::Panel;
use crate::par;

/// Which recurrence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cell {
    /// `h = tanh(a)`.
    Tanh,
    /// `h = max(a, 0)`.
    Relu,
    /// Long short-term memory; gates in the order i, f, g, o.
    Lstm,
    /// Gated recurrent unit; gates in the order r, z, n.
    Gru,
}

impl Cell {
    /// Rows of the weights for each unit.
    pub fn gates(self) -> usize {
        match self {
            Cell::Tanh | Cell::Relu => 1,
            Cell::Lstm => 4,
            Cell::Gru => 3,
        }
    }
}

/// The order of the steps and what each of them holds.
#[derive(Clone, Copy, Debug)]
pub struct Steps<'a> {
    /// Rows of each step; not increasing, none of them 0 unless all are.
    pub batch_sizes: &'a [usize],
    /// From the last step to the first.
    pub reverse: bool,
    /// Units.
    pub hidden: usize,
}

/// One step.
#[derive(Clone, Copy)]
struct Step {
    /// Rows before it in memory.
    first: usize,
    /// Its rows.
    rows: usize,
    /// Rows of the step that is computed before it, 0 for the first.
    before: usize,
    /// Rows of the step that is computed after it, and their place.
    after: usize,
    after_first: usize,
}

impl Steps<'_> {
    /// The steps in the order in which they are computed.
    fn list(&self) -> Vec<Step> {
        let n = self.batch_sizes.len();
        let mut firsts = Vec::with_capacity(n);
        let mut sum = 0;
        for rows in self.batch_sizes {
            firsts.push(sum);
            sum += rows;
        }
        let at = |i: usize| if self.reverse { n - 1 - i } else { i };
        (0..n)
            .map(|i| {
                let t = at(i);
                let (after, after_first) = match i + 1 < n {
                    true => (self.batch_sizes[at(i + 1)], firsts[at(i + 1)]),
                    false => (0, 0),
                };
                Step {
                    first: firsts[t],
                    rows: self.batch_sizes[t],
                    before: if i > 0 { self.batch_sizes[at(i - 1)] } else { 0 },
                    after,
                    after_first,
                }
            })
            .collect()
    }
}

/// Multiply-adds of a step that are worth a second thread.
const PARALLEL: usize = 1 << 19;

/// Runs `f(first unit, units)` for every block of units; on several threads if the step's `work` is worth it.
fn for_blocks<T: Panel>(hidden: usize, work: usize, f: &(dyn Fn(usize, usize) + Sync)) {
    let wide = T::width(hidden);
    let block = |i: usize| f(i * wide, wide.min(hidden - i * wide));
    let blocks = hidden.div_ceil(wide);
    if work < PARALLEL {
        (0..blocks).for_each(block);
    } else {
        par::for_chunks(blocks, &block);
    }
}

#[cfg(test)]
mod tests;

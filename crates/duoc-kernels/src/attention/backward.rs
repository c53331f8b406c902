//! Backward: a block of keys over all its queries, with the probabilities computed anew.
//!
//! With `P` the probabilities and `D` the sums of `dO O` over each row: `dV = P^T dO`, `dS = P (dO V^T - D)`,
//! `dQ = scale dS K`, `dK = scale dS^T Q`.

use super::rows::{self, Number};
use super::{COLS, Heads, PARALLEL, Problem, ROWS};
use crate::matmul::panels::Side;
use crate::{DType, par};
use std::mem::MaybeUninit;

/// A backward pass. The three results hold zeros before.
#[derive(Clone, Copy, Debug)]
pub struct Backward {
    /// The inputs.
    pub problem: Problem,
    /// Gradient of the result.
    pub grad: Heads,
    /// What the forward pass kept, `batch x heads x queries`.
    pub log_sums: *const u8,
    /// Sums of gradient times result over each row, `batch x heads x queries`.
    pub deltas: *const u8,
    /// Gradient of the queries.
    pub grad_query: Heads,
    /// Gradient of the keys.
    pub grad_key: Heads,
    /// Gradient of the values.
    pub grad_value: Heads,
    /// Working memory: `batch * kv_heads * keys * (depth + value_depth)` elements.
    pub packed: *mut u8,
}
// SAFETY: tasks write disjoint heads.
unsafe impl Sync for Backward {}

/// Computes the gradients. Returns `false`, having done nothing, for dtypes other than float32 and float64.
///
/// # Safety
/// As [`super::forward`].
pub unsafe fn backward(dtype: DType, b: &Backward) -> bool {
    match dtype {
        DType::F32 => run::<f32>(b),
        DType::F64 => run::<f64>(b),
        _ => return false,
    }
    true
}

unsafe fn run<T: Number>(b: &Backward) {
    let s = b.problem.sizes;
    // SAFETY: a head of keys and the heads of queries that share it belong to one task.
    let task = |i: usize| unsafe { head::<T>(b, [i / s.kv_heads, i % s.kv_heads]) };
    if s.work() < PARALLEL {
        (0..s.batch * s.kv_heads).for_each(task);
    } else {
        par::for_chunks(s.batch * s.kv_heads, &task);
    }
}

unsafe fn head<T: Number>(b: &Backward, [batch, kv]: [usize; 2]) {
    let p = &b.problem;
    let s = p.sizes;
    let keys = b
        .packed
        .cast::<T>()
        .add((batch * s.kv_heads + kv) * s.keys * (s.depth + s.value_depth));
    let values = keys.add(s.keys * s.depth);
    p.pack::<T>(&p.key, s.depth, [batch, kv], keys);
    p.pack::<T>(&p.value, s.value_depth, [batch, kv], values);
    let block = p.block::<T>();
    for j0 in (0..s.keys).step_by(block) {
        let cols = block.min(s.keys - j0);
        for head in kv * s.group()..(kv + 1) * s.group() {
            let first = if p.causal { j0 / ROWS * ROWS } else { 0 };
            for i0 in (first..s.queries).step_by(ROWS) {
                tile::<T>(b, [batch, head, kv], i0, [j0, cols], keys, values);
            }
        }
    }
}

/// The meeting of some queries with some keys.
unsafe fn tile<T: Number>(
    b: &Backward,
    [batch, head, kv]: [usize; 3],
    i0: usize,
    [j0, cols]: [usize; 2],
    keys: *const T,
    values: *const T,
) {
    let p = &b.problem;
    let s = p.sizes;
    let rows = ROWS.min(s.queries - i0);
    let cols = cols.min(p.seen(i0, rows).saturating_sub(j0));
    if cols == 0 {
        return;
    }
    let lines = |x: &Heads, head: usize, first: usize| {
        let row = x.strides[2];
        // SAFETY: a row of the tensor.
        (unsafe { x.head::<T>(batch, head).add(first * row) }, row)
    };
    let side = |(ptr, rs): (*mut T, usize)| Side { ptr, rs, ks: 1 };
    let left = |(ptr, rs): (*mut T, usize)| Side {
        ptr: ptr.cast_const(),
        rs,
        ks: 1,
    };
    let right = |(ptr, rs): (*mut T, usize)| (ptr.cast_const(), rs);
    let query = lines(&p.query, head, i0);
    let grad = lines(&b.grad, head, i0);
    let mut memory = MaybeUninit::<[T; 2 * ROWS * COLS]>::uninit();
    let probabilities = memory.as_mut_ptr().cast::<T>();
    let grads = probabilities.add(ROWS * COLS);
    let scale = T::of(p.scale);
    p.scores(
        [rows, cols, s.depth],
        left(query),
        keys,
        j0,
        (probabilities, COLS),
        scale,
    );
    p.scores(
        [rows, cols, s.value_depth],
        left(grad),
        values,
        j0,
        (grads, COLS),
        T::ONE,
    );
    let at = (batch * s.heads + head) * s.queries + i0;
    for r in 0..rows {
        let row = probabilities.add(r * COLS);
        let seen = p.masked([batch, head], i0 + r, j0, cols, row);
        rows::probabilities(row, seen, cols, *b.log_sums.cast::<T>().add(at + r));
        rows::score_grads(
            row.cast_const(),
            grads.add(r * COLS),
            cols,
            *b.deltas.cast::<T>().add(at + r),
            scale,
        );
    }
    let transposed = |ptr: *mut T| Side {
        ptr: ptr.cast_const(),
        rs: 1,
        ks: COLS,
    };
    let one = T::ONE;
    T::multiply(
        [cols, s.value_depth, rows],
        transposed(probabilities),
        right(grad),
        side(lines(&b.grad_value, kv, j0)),
        one,
        one,
    );
    T::multiply(
        [cols, s.depth, rows],
        transposed(grads),
        right(query),
        side(lines(&b.grad_key, kv, j0)),
        one,
        one,
    );
    T::multiply(
        [rows, s.depth, cols],
        left((grads, COLS)),
        right(lines(&p.key, kv, j0)),
        side(lines(&b.grad_query, head, i0)),
        one,
        one,
    );
}

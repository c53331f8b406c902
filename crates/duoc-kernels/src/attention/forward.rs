//! Forward: a block of queries over all its keys.

use super::rows::{self, Number, Running};
use super::{COLS, Heads, PARALLEL, Problem, ROWS};
use crate::matmul::panels::Side;
use crate::{DType, par};
use std::mem::MaybeUninit;

/// A forward pass.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// The inputs.
    pub problem: Problem,
    /// The result, `batch x heads x queries x value_depth`.
    pub out: Heads,
    /// The logarithm of each row's sum of exponentials, `batch x heads x queries`, dense; positive infinity for a query
    /// that sees nothing.
    pub log_sums: *mut u8,
    /// Working memory: `batch * kv_heads * keys * depth` elements.
    pub packed: *mut u8,
}
// SAFETY: tasks write disjoint rows.
unsafe impl Sync for Forward {}

/// Computes the attention. Returns `false`, having done nothing, for dtypes other than float32 and float64.
///
/// # Safety
/// All pointers are aligned and cover what the sizes and strides name; the written memory overlaps nothing else.
pub unsafe fn forward(dtype: DType, f: &Forward) -> bool {
    match dtype {
        DType::F32 => run::<f32>(f),
        DType::F64 => run::<f64>(f),
        _ => return false,
    }
    true
}

unsafe fn run<T: Number>(f: &Forward) {
    let p = &f.problem;
    let s = p.sizes;
    let blocks = s.queries.div_ceil(ROWS);
    let pack = |i: usize| {
        // SAFETY: each head has its own part of the working memory.
        unsafe {
            let to = f.packed.cast::<T>().add(i * s.keys * s.depth);
            p.pack::<T>(&p.key, s.depth, [i / s.kv_heads, i % s.kv_heads], to);
        }
    };
    let task = |t: usize| {
        let (head, block) = (t / blocks, t % blocks);
        // SAFETY: tasks write disjoint rows.
        unsafe { queries::<T>(f, [head / s.heads, head % s.heads], block * ROWS) }
    };
    if s.work() < PARALLEL {
        (0..s.batch * s.kv_heads).for_each(pack);
        (0..s.batch * s.heads * blocks).for_each(task);
    } else {
        par::for_chunks(s.batch * s.kv_heads, &pack);
        par::for_chunks(s.batch * s.heads * blocks, &task);
    }
}

/// The queries from `i0` on of one head.
unsafe fn queries<T: Number>(f: &Forward, [batch, head]: [usize; 2], i0: usize) {
    let p = &f.problem;
    let s = p.sizes;
    let rows = ROWS.min(s.queries - i0);
    let kv = head / s.group();
    let packed = f.packed.cast::<T>().add((batch * s.kv_heads + kv) * s.keys * s.depth);
    let value = p.value.head::<T>(batch, kv);
    let out = f.out.head::<T>(batch, head).add(i0 * f.out.strides[2]);
    let out_row = f.out.strides[2];
    let query = Side {
        ptr: p.query.head::<T>(batch, head).add(i0 * p.query.strides[2]).cast_const(),
        rs: p.query.strides[2],
        ks: 1,
    };
    let mut memory = MaybeUninit::<[T; ROWS * COLS]>::uninit();
    let scores = memory.as_mut_ptr().cast::<T>();
    let mut state = [Running {
        high: T::LOWEST,
        sum: T::ZERO,
    }; ROWS];
    let seen = p.seen(i0, rows);
    let block = p.block::<T>();
    for j0 in (0..seen).step_by(block) {
        let cols = block.min(seen - j0);
        p.scores([rows, cols, s.depth], query, packed, j0, (scores, COLS), T::of(p.scale));
        for (r, state) in state.iter_mut().enumerate().take(rows) {
            let row = scores.add(r * COLS);
            let visible = p.masked([batch, head], i0 + r, j0, cols, row);
            let (next, factor) = rows::soften(row, visible, cols, *state);
            *state = next;
            if j0 > 0 && factor != T::ONE {
                rows::scale(out.add(r * out_row), s.value_depth, factor);
            }
        }
        let left = Side {
            ptr: scores.cast_const(),
            rs: COLS,
            ks: 1,
        };
        let right = (value.add(j0 * p.value.strides[2]).cast_const(), p.value.strides[2]);
        let to = Side {
            ptr: out,
            rs: out_row,
            ks: 1,
        };
        let beta = if j0 == 0 { T::ZERO } else { T::ONE };
        T::multiply([rows, s.value_depth, cols], left, right, to, T::ONE, beta);
    }
    let log_sums = f.log_sums.cast::<T>().add((batch * s.heads + head) * s.queries + i0);
    for (r, state) in state.iter().enumerate().take(rows) {
        let row = out.add(r * out_row);
        if state.sum == T::ZERO {
            // A query that sees nothing attends to nothing.
            row.write_bytes(0, s.value_depth);
            *log_sums.add(r) = T::ZERO - T::LOWEST;
        } else {
            rows::scale(row, s.value_depth, state.sum.recip());
            *log_sums.add(r) = state.high + state.sum.log();
        }
    }
}

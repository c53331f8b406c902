//! Attention, `softmax(scale Q K^T + mask) V`, in tiles: the matrix of scores never exists as a whole.
//!
//! A block of [`ROWS`] queries meets the keys block by block. Its scores lie in the cache; their exponentials are taken
//! around the largest score so far, and what was summed before is scaled down when a larger one comes (the online
//! softmax of M. Milakov and N. Gimelshein, in the order of T. Dao's FlashAttention). The logarithm of each row's sum is
//! kept, from which the backward pass has the probabilities again. With `causal`, blocks above the diagonal are left out.
//!
//! Keys are packed once for all their queries. Work is split by shape: bits do not depend on the threads.

pub mod backward;
pub mod forward;
mod rows;

pub use backward::{Backward, backward};
pub use forward::{Forward, forward};

use crate::matmul::panels::Panel;
use rows::Number;

/// Queries in a block.
const ROWS: usize = 64;
/// Most keys in a block.
const COLS: usize = 128;
/// Multiply-adds that are worth a second thread.
const PARALLEL: usize = 1 << 19;

/// Sizes: queries are `batch x heads x queries x depth`, keys `batch x kv_heads x keys x depth`, values
/// `batch x kv_heads x keys x value_depth`; `heads` is a multiple of `kv_heads`, whose members neighbouring heads share.
#[derive(Clone, Copy, Debug)]
pub struct Sizes {
    /// Independent groups of heads.
    pub batch: usize,
    /// Heads of the queries.
    pub heads: usize,
    /// Heads of keys and values.
    pub kv_heads: usize,
    /// Queries of a head.
    pub queries: usize,
    /// Keys of a head.
    pub keys: usize,
    /// Length of a query and of a key.
    pub depth: usize,
    /// Length of a value.
    pub value_depth: usize,
}

/// A tensor of four dimensions whose last one is dense: strides of batch, head and row, in elements.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// The first element.
    pub ptr: *mut u8,
    /// Elements from one batch entry, head, and row to the next.
    pub strides: [usize; 3],
}

/// What is added to the scores, `batch x heads x queries x keys` with any strides.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    /// The first element.
    pub ptr: *const u8,
    /// Strides of the four dimensions, in elements; 0 where it is broadcast.
    pub strides: [usize; 4],
    /// Whether elements are bools, false where a key is not seen; else numbers of the queries' dtype.
    pub boolean: bool,
}

/// What forward and backward have in common.
#[derive(Clone, Copy, Debug)]
pub struct Problem {
    /// Sizes.
    pub sizes: Sizes,
    /// Queries.
    pub query: Heads,
    /// Keys.
    pub key: Heads,
    /// Values.
    pub value: Heads,
    /// Added to the scores.
    pub mask: Option<Mask>,
    /// Whether query i sees the keys 0 to i only.
    pub causal: bool,
    /// Factor of the scores.
    pub scale: f64,
}
// SAFETY: tasks read, and write disjoint rows.
unsafe impl Sync for Problem {}

impl Heads {
    /// The first row of a head.
    unsafe fn head<T>(&self, batch: usize, head: usize) -> *mut T {
        self.ptr
            .cast::<T>()
            .add(batch * self.strides[0] + head * self.strides[1])
    }
}

impl Sizes {
    fn group(&self) -> usize {
        self.heads / self.kv_heads.max(1)
    }

    /// Multiply-adds of the scores and their product with the values.
    fn work(&self) -> usize {
        let scores = self.batch.saturating_mul(self.heads).saturating_mul(self.queries);
        scores
            .saturating_mul(self.keys)
            .saturating_mul(self.depth + self.value_depth)
    }
}

impl Problem {
    /// Packs the keys or values of a head, as the columns of a right factor; panels lie one after the other.
    unsafe fn pack<T: Panel>(&self, from: &Heads, depth: usize, [batch, head]: [usize; 2], to: *mut T) {
        let keys = self.sizes.keys;
        let wide = T::width(keys);
        let rows = from.head::<T>(batch, head);
        for first in (0..keys).step_by(wide) {
            let cols = wide.min(keys - first);
            let src = rows.add(first * from.strides[2]);
            T::pack(src, 1, from.strides[2], depth, cols, to.add(first * depth));
        }
    }

    /// Keys of a block: whole panels.
    fn block<T: Panel>(&self) -> usize {
        let wide = T::width(self.sizes.keys);
        wide * (COLS / wide).max(1)
    }

    /// Keys that some query of the block `i0 .. i0 + rows` sees.
    fn seen(&self, i0: usize, rows: usize) -> usize {
        match self.causal {
            true => self.sizes.keys.min(i0 + rows),
            false => self.sizes.keys,
        }
    }

    /// `alpha` times the product of some rows with packed keys `j0 .. j0 + cols`, into rows of `stride`.
    unsafe fn scores<T: Number>(
        &self,
        [rows, cols, depth]: [usize; 3],
        left: crate::matmul::panels::Side<*const T>,
        packed: *const T,
        j0: usize,
        (out, stride): (*mut T, usize),
        alpha: T,
    ) {
        let wide = T::width(self.sizes.keys);
        for first in (0..cols).step_by(wide) {
            let width = wide.min(cols - first);
            // The last panel is as wide as the keys that are left, and only it is.
            let packed_width = wide.min(self.sizes.keys - (j0 + first));
            let c = crate::matmul::panels::Side {
                ptr: out.add(first),
                rs: stride,
                ks: 1,
            };
            let panel = packed.add((j0 + first) * depth);
            T::multiply([rows, width, depth], left, (panel, packed_width), c, alpha, T::ZERO);
        }
    }

    /// Adds the mask to scores of query `i` with the keys `j0 .. j0 + cols`; returns how many of them it may see by
    /// causality, from the first on.
    unsafe fn masked<T: Number>(
        &self,
        [batch, head]: [usize; 2],
        i: usize,
        j0: usize,
        cols: usize,
        row: *mut T,
    ) -> usize {
        let seen = match self.causal {
            true => cols.min((i + 1).saturating_sub(j0)),
            false => cols,
        };
        if let Some(m) = &self.mask {
            let [b, h, q, k] = m.strides;
            let at = batch * b + head * h + i * q + j0 * k;
            if m.boolean {
                rows::hide(row, m.ptr.add(at), k, seen);
            } else {
                rows::add(row, m.ptr.cast::<T>().add(at), k, seen);
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests;

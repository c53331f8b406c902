//! One stream of words, transformed by any number of threads.
//!
//! The recurrence of the engine is sequential but costs a fraction of a nanosecond a word; what is done with the
//! words (tempering, logarithms, page faults of a fresh output) costs several times that. So a region's workers
//! take turns at the engine: each, on its turn, draws the words of the next piece of the stream and then works on
//! them outside. Which thread gets a piece is open, what the piece contains is not.

use super::mt19937::{Mt19937, N, temper};
use crate::par;
use std::sync::Mutex;

/// Words in a piece: whole blocks of the engine (so the position inside a block stays) and a multiple of 16.
const PIECE: usize = 26 * N;

/// Words for which the scratch space is on the stack.
const SMALL: usize = 2 * N;

/// A pointer that a region's workers may share, since they write disjoint elements.
#[derive(Clone, Copy)]
pub(super) struct Out {
    /// The first element of the row.
    pub ptr: *mut u8,
    /// Bytes between elements.
    pub stride: isize,
}

unsafe impl Send for Out {}
unsafe impl Sync for Out {}

impl Out {
    /// The row beginning at element `i`.
    #[inline(always)]
    pub fn at(&self, i: usize) -> (*mut u8, isize) {
        (
            self.ptr.wrapping_offset(self.stride.wrapping_mul(i as isize)),
            self.stride,
        )
    }
}

/// Draws `words` words per element for `n` elements and calls `f(first, drawn)` on consecutive pieces, where `first`
/// is the index of the piece's first element. `words` is 1, 2 or 4; pieces but the last hold a multiple of 16
/// words. The calls may come from several threads at once and in any order; afterwards the engine stands behind the
/// last word.
pub(super) fn run(engine: &mut Mt19937, n: usize, words: usize, f: &(dyn Fn(usize, &[u32]) + Sync)) {
    let Some(total) = n.checked_mul(words) else { return };
    if total <= SMALL {
        let mut scratch = [0u32; Mt19937::scratch_len(SMALL)];
        piece(engine, total, &mut scratch, |drawn| f(0, drawn));
        return;
    }
    let pieces = total.div_ceil(PIECE);
    if pieces < 4 || par::num_threads() == 1 {
        let mut scratch = vec![0u32; Mt19937::scratch_len(PIECE.min(total))];
        for p in 0..pieces {
            let begin = p * PIECE;
            piece(engine, PIECE.min(total - begin), &mut scratch, |drawn| {
                f(begin / words, drawn)
            });
        }
        return;
    }
    let turn = Mutex::new((engine, 0));
    par::for_chunks(pieces, &|_| {
        let mut scratch = vec![0u32; Mt19937::scratch_len(PIECE)];
        let (begin, drawn) = {
            // A worker holds the lock only while it draws and never waits for anything else under it.
            let mut held = turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let (engine, begin) = &mut *held;
            let at = *begin;
            let count = PIECE.min(total - at);
            *begin += count;
            (at, engine.take(count, &mut scratch))
        };
        // SAFETY: the words are a slice.
        unsafe { temper(drawn.as_mut_ptr(), drawn.len()) };
        f(begin / words, drawn);
    });
}

fn piece(engine: &mut Mt19937, count: usize, scratch: &mut [u32], f: impl FnOnce(&[u32])) {
    let drawn = engine.take(count, scratch);
    // SAFETY: the words are a slice.
    unsafe { temper(drawn.as_mut_ptr(), drawn.len()) };
    f(drawn);
}

//! `gather` and `scatter`: one index per element, along one dimension.

use super::combine::{Combine, line};
use super::{BadIndex, Index, check};
use crate::nd::MAX_DIMS;
use crate::{DType, par};

/// Geometry of an index array without its dimensions of size 1; the last one is the line that inner loops walk.
struct Lines {
    count: usize,
    /// Size, byte stride in the indexed block (0 along its dimension), byte stride in the other block.
    dims: [(usize, isize, isize); MAX_DIMS],
    /// Which of `dims` is the indexed one, if it is longer than 1.
    along: Option<usize>,
}

impl Lines {
    fn new(shape: &[usize], dim: usize, block: &[isize], other: &[isize]) -> Lines {
        let mut lines = Lines {
            count: 0,
            dims: [(1, 0, 0); MAX_DIMS],
            along: None,
        };
        for d in 0..shape.len() {
            if shape[d] == 1 {
                continue;
            }
            let block = if d == dim { 0 } else { block[d] };
            // Neighbours merge where both blocks agree, unless the indexed dimension is one of them.
            let mergeable = lines.count > 0 && lines.along != Some(lines.count - 1) && d != dim;
            let previous = lines.dims[lines.count.saturating_sub(1)];
            let n = shape[d] as isize;
            if mergeable && previous.1 == block.wrapping_mul(n) && previous.2 == other[d].wrapping_mul(n) {
                lines.dims[lines.count - 1] = (previous.0 * shape[d], block, other[d]);
                continue;
            }
            if d == dim {
                lines.along = Some(lines.count);
            }
            lines.dims[lines.count] = (shape[d], block, other[d]);
            lines.count += 1;
        }
        lines.count = lines.count.max(1);
        lines
    }

    /// Length of a line and its strides.
    fn line(&self) -> (usize, isize, isize) {
        self.dims[self.count - 1]
    }

    /// Offsets of line `at` in row-major order.
    fn offsets(&self, mut at: usize) -> (isize, isize) {
        let (mut block, mut other) = (0, 0);
        for &(n, b, o) in self.dims[..self.count - 1].iter().rev() {
            let i = (at % n) as isize;
            at /= n;
            block += b * i;
            other += o * i;
        }
        (block, other)
    }
}

/// Pointers shared by the threads of one region.
#[derive(Clone, Copy)]
struct Shared(*mut u8, *const u8);
// SAFETY: threads write disjoint elements.
unsafe impl Sync for Shared {}

/// `out[i][j][k] = input[i][index[i][j][k]][k]` (for `dim` 1): `out` and `index` are contiguous of shape `shape`.
///
/// `strides` are the byte strides of `input`, `index.stride` the one along `dim`. On a bad index (negative ones are
/// bad) parts of `out` may have been written.
pub unsafe fn gather(
    out: *mut u8,
    input: *const u8,
    strides: &[isize],
    index: Index,
    shape: &[usize],
    dim: usize,
    size: usize,
) -> Result<(), BadIndex> {
    let total: usize = shape.iter().product();
    if total == 0 {
        return Ok(());
    }
    // The output is contiguous, so its strides never hinder merging: give the input's own where they merge.
    let mut own = [0isize; MAX_DIMS];
    let mut step = size as isize;
    for d in (0..shape.len()).rev() {
        own[d] = step;
        step = step.wrapping_mul(shape[d] as isize);
    }
    let lines = Lines::new(shape, dim, strides, &own[..shape.len()]);
    let (n, along, _) = lines.line();
    let bad = std::sync::Mutex::new(None::<(usize, BadIndex)>);
    let shared = Shared(out, input);
    let take = gather_line(size);
    let (i, bad_ref, lines_ref) = (&index, &bad, &lines);
    // Long single lines are cut into pieces as well.
    let pieces = if total / n == 1 { n.div_ceil(par::GRAIN) } else { 1 };
    let piece = n.div_ceil(pieces);
    let work = move |begin: usize, end: usize| {
        let shared = &shared;
        for unit in begin..end {
            let (at, from) = (unit / pieces, unit % pieces * piece);
            let (block, _) = lines_ref.offsets(at);
            let count = piece.min(n.saturating_sub(from));
            // SAFETY: the line lies inside all three blocks once its indices are checked.
            unsafe {
                let index = i.ptr.add(at * n + from);
                if let Err(e) = check(index, count, i.size, false) {
                    let mut bad = bad_ref.lock().unwrap_or_else(|e| e.into_inner());
                    if bad.is_none_or(|(u, _)| u > unit) {
                        *bad = Some((unit, e));
                    }
                    return;
                }
                let input = shared.1.offset(block + along * from as isize);
                take(
                    shared.0.add((at * n + from) * size),
                    input,
                    along,
                    i.stride,
                    index,
                    count,
                );
            }
        }
    };
    let units = total / n * pieces;
    if total < 2 * par::GRAIN {
        work(0, units)
    } else {
        par::for_units(units, (par::GRAIN / piece).max(1), &work)
    }
    bad.into_inner()
        .unwrap_or_else(|e| e.into_inner())
        .map_or(Ok(()), |(_, e)| Err(e))
}

/// `out[i] = input[i * along + index[i] * step]`, `out` contiguous.
type Take = unsafe fn(*mut u8, *const u8, isize, isize, *const i64, usize);

pub(super) fn gather_line(size: usize) -> Take {
    macro_rules! take {
        ($t:ty) => {{
            unsafe fn take(out: *mut u8, input: *const u8, along: isize, step: isize, index: *const i64, n: usize) {
                for i in 0..n as isize {
                    let at = index.offset(i).read_unaligned() as isize * step + along * i;
                    out.cast::<$t>()
                        .offset(i)
                        .write_unaligned(input.offset(at).cast::<$t>().read_unaligned());
                }
            }
            take
        }};
    }
    match size {
        1 => take!(u8),
        2 => take!(u16),
        4 => take!(u32),
        8 => take!(u64),
        _ => take!([u64; 2]),
    }
}

/// `block[i][index[i][j][k]][k] op= src[i][j][k]` (for `dim` 1), in row-major order of the index.
///
/// `index` is contiguous of shape `shape`; `strides` are the byte strides of `block`, `src_strides` those of `src` (all
/// zero for a single value). Nothing is written when an index is bad (negative ones are). The answer is `Ok(false)`
/// when `dtype` has no such operation.
pub unsafe fn scatter(
    op: Combine,
    dtype: DType,
    block: *mut u8,
    strides: &[isize],
    index: Index,
    shape: &[usize],
    dim: usize,
    src: *const u8,
    src_strides: &[isize],
) -> Result<bool, BadIndex> {
    let Some(put) = line(op, dtype) else { return Ok(false) };
    let total: usize = shape.iter().product();
    if total == 0 {
        return Ok(true);
    }
    check(index.ptr, total, index.size, false)?;
    let lines = Lines::new(shape, dim, strides, src_strides);
    let (n, along, src_step) = lines.line();
    let step = index.stride;
    let shared = Shared(block, src);
    let one = |at: usize, from: usize, count: usize| {
        let shared = &shared;
        let (block, src) = lines.offsets(at);
        // SAFETY: all indices have been checked.
        unsafe {
            put(
                shared.0.offset(block + along * from as isize),
                along,
                step,
                { index }.ptr.add(at * n + from),
                shared.1.offset(src + src_step * from as isize),
                src_step,
                count,
            );
        }
    };
    let rows = total / n;
    let serial = total < 2 * par::GRAIN || par::num_threads() == 1;
    // A thread owns whole runs of the indexed dimension: `stride` lines apart, `length` of them.
    let last = lines.count - 1;
    match lines.along {
        Some(d) if serial || d == last && rows == 1 => {
            (0..rows).for_each(|at| one(at, 0, n));
        }
        Some(d) if d != last => {
            let length = lines.dims[d].0;
            let stride: usize = lines.dims[d + 1..last].iter().map(|x| x.0).product();
            let pieces = n.div_ceil(256);
            let piece = n.div_ceil(pieces);
            let units = rows / length * pieces;
            par::for_units(units, (par::GRAIN / (length * piece)).max(1), &|begin, end| {
                for unit in begin..end {
                    let (run, from) = (unit / pieces, unit % pieces * piece);
                    let first = run / stride * stride * length + run % stride;
                    let count = piece.min(n.saturating_sub(from));
                    (0..length).for_each(|j| one(first + j * stride, from, count));
                }
            });
        }
        _ if serial || rows == 1 => (0..rows).for_each(|at| one(at, 0, n)),
        _ => par::for_units(rows, (par::GRAIN / n).max(1), &|begin, end| {
            (begin..end).for_each(|at| one(at, 0, n))
        }),
    }
    Ok(true)
}

//! Advanced indexing: whole blocks at places that one or several index arrays name.

use super::combine::{Combine, combine_loop, line};
use super::lines::gather_line;
use super::{BadIndex, Index, check};
use crate::copy::copy_short;
use crate::nd::{self, MAX_DIMS, Nd};
use crate::{DType, par};

/// The geometry of `x[:, i, j, :]`: dimensions before the indexed ones, the index arrays, dimensions after.
///
/// The other side of the transfer is contiguous with shape `[before..., n, after...]`.
pub struct Blocks<'a> {
    /// Index arrays, `n` elements each; negative indices count from the end when `wrap` is set.
    pub indices: &'a [Index],
    /// Length of every index array.
    pub n: usize,
    /// Whether negative indices count from the end.
    pub wrap: bool,
    /// Sizes and byte strides of the dimensions before, outermost first.
    pub before: (&'a [usize], &'a [isize]),
    /// Sizes and byte strides of the dimensions after, outermost first.
    pub after: (&'a [usize], &'a [isize]),
}

/// Indices turned into byte offsets, this many at a time.
const CHUNK: usize = 512;
/// Bytes of copying worth a thread.
const PIECE: usize = 128 * 1024;

#[derive(Clone, Copy)]
struct Shared(*mut u8, *const u8);
// SAFETY: threads write disjoint elements.
unsafe impl Sync for Shared {}

/// What one block looks like.
enum Inner<'a> {
    One,
    Contiguous(usize),
    Strided(Nd<'a>),
}

impl Blocks<'_> {
    /// Checks every index.
    unsafe fn check(&self) -> Result<(), BadIndex> {
        for (array, index) in self.indices.iter().enumerate() {
            check(index.ptr, self.n, index.size, self.wrap).map_err(|e| BadIndex { array, ..e })?;
        }
        Ok(())
    }

    /// Byte offsets of the places `from..from + offsets.len()`.
    unsafe fn offsets(&self, from: usize, offsets: &mut [i64]) {
        offsets.fill(0);
        for index in self.indices {
            for (i, offset) in offsets.iter_mut().enumerate() {
                let mut at = index.ptr.add(from + i).read_unaligned();
                at += if at < 0 { index.size as i64 } else { 0 };
                *offset = offset.wrapping_add(at.wrapping_mul(index.stride as i64));
            }
        }
    }

    /// The index array itself, where its entries are the places as they are, and its stride.
    fn only(&self) -> Option<(*const i64, isize)> {
        match self.indices {
            [index] if !self.wrap => Some((index.ptr, index.stride)),
            _ => None,
        }
    }

    /// Elements per block and the geometry of the iteration `[places, contiguous]` over one.
    fn inner<'s>(
        &self,
        size: usize,
        shape: &'s mut [usize; MAX_DIMS],
        strides: &'s mut [isize; 2 * MAX_DIMS],
    ) -> (usize, Inner<'s>) {
        let (sizes, steps) = self.after;
        let mut count = 0;
        let mut own = size as isize;
        for d in (0..sizes.len()).rev() {
            if sizes[d] == 1 {
                continue;
            }
            let merges = count > 0 && steps[d] == strides[2 * count - 2].wrapping_mul(shape[count - 1] as isize);
            if merges {
                shape[count - 1] *= sizes[d];
            } else {
                shape[count] = sizes[d];
                strides[2 * count] = steps[d];
                strides[2 * count + 1] = own;
                count += 1;
            }
            own = own.wrapping_mul(sizes[d] as isize);
        }
        let elements: usize = shape[..count].iter().product();
        let inner = match count {
            0 => Inner::One,
            1 if strides[0] == size as isize => Inner::Contiguous(elements * size),
            _ => Inner::Strided(Nd {
                operands: 2,
                shape: &shape[..count],
                strides: &strides[..2 * count],
            }),
        };
        (elements, inner)
    }

    /// Byte offset of outer position `at`.
    fn outer(&self, mut at: usize) -> isize {
        let mut offset = 0;
        for (&n, &stride) in self.before.0.iter().zip(self.before.1).rev() {
            offset += stride * (at % n) as isize;
            at /= n;
        }
        offset
    }
}

/// `out[b, i, a] = input[b, indices(i), a]`; `out` is contiguous. Nothing is written when an index is bad.
pub unsafe fn take_blocks(out: *mut u8, input: *const u8, blocks: &Blocks, size: usize) -> Result<(), BadIndex> {
    let (mut shape, mut strides) = ([0; MAX_DIMS], [0; 2 * MAX_DIMS]);
    let (elements, inner) = blocks.inner(size, &mut shape, &mut strides);
    let outer: usize = blocks.before.0.iter().product();
    if outer == 0 || elements == 0 {
        return Ok(());
    }
    blocks.check()?;
    let shared = Shared(out, input);
    let take = gather_line(size);
    let copy = crate::copy::same(size);
    let bytes = elements * size;
    // Few large blocks are shared out one by one, many small ones by chunks.
    let chunk = if bytes * CHUNK > PIECE {
        (PIECE / bytes).clamp(1, CHUNK)
    } else {
        CHUNK
    };
    let per_outer = blocks.n.div_ceil(chunk);
    let view = View { blocks, inner: &inner };
    let work = |begin: usize, end: usize| {
        let (shared, view) = (&shared, &view);
        let mut offsets = [0i64; CHUNK];
        for unit in begin..end {
            let (o, from) = (unit / per_outer, unit % per_outer * chunk);
            let offsets = &mut offsets[..chunk.min(view.blocks.n - from)];
            // SAFETY: indices have been checked, the caller vouches for the rest.
            unsafe {
                let input = shared.1.offset(view.blocks.outer(o));
                let out = shared.0.add((o * view.blocks.n + from) * bytes);
                if let (Inner::One, Some((index, step))) = (view.inner, view.blocks.only()) {
                    take(out, input, 0, step, index.add(from), offsets.len());
                    continue;
                }
                view.blocks.offsets(from, offsets);
                match view.inner {
                    Inner::One => take(out, input, 0, 1, offsets.as_ptr(), offsets.len()),
                    Inner::Contiguous(bytes) if *bytes <= 512 => copy_blocks(out, input, offsets, *bytes),
                    Inner::Contiguous(bytes) => {
                        for (i, at) in offsets.iter().enumerate() {
                            std::ptr::copy_nonoverlapping(input.offset(*at as isize), out.add(i * bytes), *bytes);
                        }
                    }
                    Inner::Strided(nd) => {
                        let swapped = Swapped::new(nd);
                        for (i, at) in offsets.iter().enumerate() {
                            let ptrs = [out.add(i * bytes), input.offset(*at as isize).cast_mut()];
                            nd::run_range(&swapped.nd(), &ptrs, copy, std::ptr::null(), 0, elements);
                        }
                    }
                }
            }
        }
    };
    let units = outer * per_outer;
    if outer * blocks.n * bytes < 2 * PIECE {
        work(0, units);
    } else {
        par::for_units(units, (PIECE / (chunk * bytes)).max(1), &work);
    }
    Ok(())
}

/// Borrowed geometry that threads may share: it holds pointers that are only read.
struct View<'a, 'b> {
    blocks: &'a Blocks<'b>,
    inner: &'a Inner<'a>,
}
// SAFETY: the index arrays are only read.
unsafe impl Sync for View<'_, '_> {}

/// A geometry with its two operands exchanged.
struct Swapped<'a> {
    shape: &'a [usize],
    strides: [isize; 2 * MAX_DIMS],
}

impl<'a> Swapped<'a> {
    fn new(nd: &Nd<'a>) -> Swapped<'a> {
        let mut strides = [0; 2 * MAX_DIMS];
        for d in 0..nd.shape.len() {
            strides[2 * d] = nd.strides[2 * d + 1];
            strides[2 * d + 1] = nd.strides[2 * d];
        }
        Swapped {
            shape: nd.shape,
            strides,
        }
    }

    fn nd(&self) -> Nd<'_> {
        Nd {
            operands: 2,
            shape: self.shape,
            strides: &self.strides[..2 * self.shape.len()],
        }
    }
}

crate::simd_fn! {
    unsafe fn copy_blocks(out: *mut u8, input: *const u8, offsets: &[i64], bytes: usize) {
        for (i, at) in offsets.iter().enumerate() {
            copy_short(out.add(i * bytes), input.offset(*at as isize), bytes);
        }
    }
}

/// `block[b, indices(i), a] op= src[b, i, a]` in order of `i`; nothing is written when an index is bad.
///
/// `src` is contiguous, or one element when `single`. `Ok(false)` when `dtype` has no such operation.
pub unsafe fn put_blocks(
    op: Combine,
    dtype: DType,
    block: *mut u8,
    src: *const u8,
    single: bool,
    blocks: &Blocks,
) -> Result<bool, BadIndex> {
    let size = dtype.size();
    let (Some(put), Some(combine)) = (line(op, dtype), combine_loop(op, dtype)) else {
        return Ok(false);
    };
    let (mut shape, mut strides) = ([0; MAX_DIMS], [0; 2 * MAX_DIMS]);
    let (elements, inner) = blocks.inner(size, &mut shape, &mut strides);
    let outer: usize = blocks.before.0.iter().product();
    if outer == 0 || elements == 0 || blocks.n == 0 {
        return Ok(true);
    }
    blocks.check()?;
    // One iteration for all kinds of blocks: a contiguous one is one dimension, a single source has zero strides.
    let (mut nd_shape, mut nd_strides) = ([0; MAX_DIMS], [0; 2 * MAX_DIMS]);
    let dims = match &inner {
        Inner::One => 0,
        Inner::Contiguous(bytes) => {
            nd_shape[0] = bytes / size;
            nd_strides[..2].fill(size as isize);
            1
        }
        Inner::Strided(nd) => {
            nd_shape[..nd.shape.len()].copy_from_slice(nd.shape);
            nd_strides[..nd.strides.len()].copy_from_slice(nd.strides);
            nd.shape.len()
        }
    };
    if single {
        (0..dims).for_each(|d| nd_strides[2 * d + 1] = 0);
    }
    let nd = Nd {
        operands: 2,
        shape: &nd_shape[..dims],
        strides: &nd_strides[..2 * dims],
    };
    let shared = Shared(block, src);
    let view = View { blocks, inner: &inner };
    let bytes = elements * size;
    // Threads take outer positions and parts of the blocks, never different indices: those may name the same place.
    let serial = outer * blocks.n * bytes < 4 * PIECE || par::num_threads() == 1;
    let parts = if !serial && elements >= 128 && outer < 8 {
        (elements / 64).min(16)
    } else {
        1
    };
    let part = elements.div_ceil(parts);
    let work = |begin: usize, end: usize| {
        let (shared, view, nd) = (&shared, &view, &nd);
        let mut offsets = [0i64; CHUNK];
        for unit in begin..end {
            let (o, first) = (unit / parts, unit % parts * part);
            let last = (first + part).min(elements);
            if first >= last {
                continue;
            }
            for from in (0..view.blocks.n).step_by(CHUNK) {
                let offsets = &mut offsets[..CHUNK.min(view.blocks.n - from)];
                // SAFETY: indices have been checked, the caller vouches for the rest.
                unsafe {
                    let block = shared.0.offset(view.blocks.outer(o));
                    let only = match view.inner {
                        Inner::One => view.blocks.only(),
                        _ => None,
                    };
                    if only.is_none() {
                        view.blocks.offsets(from, offsets);
                    }
                    let src = if single {
                        shared.1
                    } else {
                        shared.1.add((o * view.blocks.n + from) * bytes)
                    };
                    if let Inner::One = view.inner {
                        let step = if single { 0 } else { size as isize };
                        match only {
                            Some((index, stride)) => put(block, 0, stride, index.add(from), src, step, offsets.len()),
                            None => put(block, 0, 1, offsets.as_ptr(), src, step, offsets.len()),
                        }
                        continue;
                    }
                    for (i, at) in offsets.iter().enumerate() {
                        let src = if single { src } else { src.add(i * bytes) };
                        let ptrs = [block.offset(*at as isize), src.cast_mut()];
                        if nd.shape.len() == 1 {
                            let (s0, s1) = (nd.strides[0], nd.strides[1]);
                            let at = [ptrs[0].offset(s0 * first as isize), ptrs[1].offset(s1 * first as isize)];
                            combine(at.as_ptr(), [s0, s1, 0, 0].as_ptr(), last - first, 1, std::ptr::null());
                        } else {
                            nd::run_range(nd, &ptrs, combine, std::ptr::null(), first, last);
                        }
                    }
                }
            }
        }
    };
    let units = outer * parts;
    if serial || units == 1 {
        work(0, units)
    } else {
        par::for_units(units, 1, &work)
    }
    Ok(true)
}

//! Sorting, the largest or smallest `k`, and the `k`-th value, along a dimension.
//!
//! Values become unsigned keys in PyTorch's order (NaN last, `-0` equal to `0`), a key and its position become one
//! integer, and those are sorted: every sort is stable, ascending or descending. Long lines are sorted by radix on the
//! bits that vary; keys of 64 bits by their 32 most significant varying bits, after which the few runs that agree in
//! them are sorted by the rest.

mod key;
mod radix;
mod select;

use crate::lines::{Ends, Lines};
use crate::{DType, match_dtype, par, simd_fn};
use key::{Key, Keyed};

/// Longest line that can be sorted: positions are held in 32 bits.
pub const MAX_LINE: usize = u32::MAX as usize;

macro_rules! by_dtype {
    ($dtype:expr, |$T:ident| $body:expr) => {
        match_dtype!(stored($dtype), [F32 F64 F16 BF16 U8 I8 I16 I32 I64 U16 U32 U64] => |$T| $body, else return false)
    };
}

/// The dtype whose order is that of the elements: a bool is a byte that is 0 or 1.
fn stored(dtype: DType) -> DType {
    if dtype == DType::Bool { DType::U8 } else { dtype }
}

/// Sorts every line of `src`, stably: output 0 the values (null if not wanted), output 1 their int64 positions.
///
/// Returns `false`, having done nothing, for a dtype without an order and for lines above [`MAX_LINE`].
///
/// # Safety
/// Every position of `lines` is readable at `src` and writable at the outputs, elements are aligned, the values may
/// overlap the source only position by position.
pub unsafe fn sort(
    dtype: DType,
    lines: &Lines,
    descending: bool,
    src: *const u8,
    values: *mut u8,
    indices: *mut u8,
) -> bool {
    if lines.along.size > MAX_LINE {
        return false;
    }
    let ends = Ends {
        src,
        dst: [values, indices],
    };
    by_dtype!(dtype, |T| sort_lines::<T>(lines, descending, ends));
    true
}

/// The `k` largest or smallest of every line with their positions; NaN counts as largest. With `sorted`, best first.
///
/// `lines.along.size` is the input's length, at least `k`. Among equal values the earlier positions are taken.
/// Returns `false` as [`sort`] does.
///
/// # Safety
/// As [`sort`], with `k` positions per line in the outputs.
pub unsafe fn topk(
    dtype: DType,
    lines: &Lines,
    k: usize,
    largest: bool,
    sorted: bool,
    src: *const u8,
    values: *mut u8,
    indices: *mut u8,
) -> bool {
    if lines.along.size > MAX_LINE || k > lines.along.size {
        return false;
    }
    let ends = Ends {
        src,
        dst: [values, indices],
    };
    let n = lines.along.size;
    by_dtype!(dtype, |T| for_lines(lines, n, ends, |src, dst, along| {
        select::top::<T>(src, along.src, n, k, largest, sorted, &mut |rank, index, value: T| {
            write(dst[0], along.dst[0], rank, value);
            write(dst[1], along.dst[1], rank, index as i64);
        });
    }));
    true
}

/// An order statistic of a line; NaN counts as largest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statistic {
    /// The element of this rank, from 0 for the smallest.
    Kth(usize),
    /// The lower median; the first NaN where there is one.
    Median,
    /// The lower median of the elements that are not NaN.
    NanMedian,
}

/// An order statistic of every line with its position, one result per line (`lines.along.dst` is unused).
///
/// Returns `false` as [`sort`] does, and for empty lines.
///
/// # Safety
/// As [`sort`], with one position per line in the outputs.
pub unsafe fn statistic(
    which: Statistic,
    dtype: DType,
    lines: &Lines,
    src: *const u8,
    values: *mut u8,
    indices: *mut u8,
) -> bool {
    let n = lines.along.size;
    if n > MAX_LINE || n == 0 {
        return false;
    }
    let ends = Ends {
        src,
        dst: [values, indices],
    };
    by_dtype!(dtype, |T| for_lines(lines, n, ends, |src, dst, along| {
        let (value, index) = select::statistic::<T>(which, src, along.src, n);
        write(dst[0], 0, 0, value);
        write(dst[1], 0, 0, index as i64);
    }));
    true
}

#[inline(always)]
unsafe fn read<E: Copy>(src: *const u8, stride: isize, i: usize) -> E {
    *(src.wrapping_offset(stride * i as isize) as *const E)
}
#[inline(always)]
unsafe fn write<E: Copy>(dst: *mut u8, stride: isize, i: usize, x: E) {
    *(dst.wrapping_offset(stride * i as isize) as *mut E) = x;
}

/// Calls `f` for every line, in parallel where it is worth it. `cost` is about the work per line.
unsafe fn for_lines(
    lines: &Lines,
    cost: usize,
    ends: Ends,
    f: impl Fn(*const u8, [*mut u8; 2], &crate::reduce::Kept) + Sync,
) {
    let count = lines.count();
    let one = |line: usize| {
        let ends = &ends;
        let (src, dst) = lines.locate(line, ends.src, ends.dst);
        f(src, dst, &lines.along);
    };
    if count.saturating_mul(cost) < par::GRAIN / 4 {
        return (0..count).for_each(one);
    }
    let bundle = (par::GRAIN / 4 / cost.max(1)).max(1);
    par::for_chunks(count.div_ceil(bundle), &|c| {
        (c * bundle..((c + 1) * bundle).min(count)).for_each(one)
    });
}

/// Scratch memory of one task.
#[derive(Default)]
struct Room {
    items: Vec<u64>,
    other: Vec<u64>,
}

unsafe fn sort_lines<T: Keyed>(lines: &Lines, descending: bool, ends: Ends) {
    let (n, count) = (lines.along.size, lines.count());
    if n == 0 || count == 0 {
        return;
    }
    let bundle = (par::GRAIN / 4).div_ceil(n);
    let some = |c: usize| {
        let ends = &ends;
        let mut room = Room {
            items: vec![0; n],
            other: Vec::new(),
        };
        let mut dense: Vec<T> = Vec::with_capacity(n);
        for line in c * bundle..((c + 1) * bundle).min(count) {
            let (src, dst) = lines.locate(line, ends.src, ends.dst);
            // SAFETY: the line is inside the geometry; `dense` has room for it.
            unsafe {
                gather(src, lines.along.src, n, dense.as_mut_ptr());
                dense.set_len(n);
                order(&dense, descending, &mut room);
                for (rank, item) in room.items.iter().enumerate() {
                    let index = *item as u32;
                    if !dst[0].is_null() {
                        write(dst[0], lines.along.dst[0], rank, dense[index as usize]);
                    }
                    write(dst[1], lines.along.dst[1], rank, index as i64);
                }
            }
        }
    };
    let chunks = count.div_ceil(bundle);
    if count.saturating_mul(n) < par::GRAIN / 4 {
        (0..chunks).for_each(some)
    } else {
        par::for_chunks(chunks, &some)
    }
}

unsafe fn gather<T: Copy>(src: *const u8, stride: isize, n: usize, dst: *mut T) {
    if stride == size_of::<T>() as isize {
        return std::ptr::copy_nonoverlapping(src as *const T, dst, n);
    }
    for i in 0..n {
        *dst.add(i) = read(src, stride, i);
    }
}

simd_fn! {
    /// The least and the greatest key.
    unsafe fn bounds<T: Keyed>(values: &[T], descending: bool) -> (T::Key, T::Key) {
        let first = values[0].key().flip(descending);
        let (mut low, mut high) = ([first; 16], [first; 16]);
        let chunks = values.chunks_exact(16);
        for v in chunks.remainder() {
            let k = v.key().flip(descending);
            low[0] = if k < low[0] { k } else { low[0] };
            high[0] = if k > high[0] { k } else { high[0] };
        }
        for chunk in chunks {
            for l in 0..16 {
                let k = chunk[l].key().flip(descending);
                low[l] = if k < low[l] { k } else { low[l] };
                high[l] = if k > high[l] { k } else { high[l] };
            }
        }
        (*low.iter().min().unwrap_or(&first), *high.iter().max().unwrap_or(&first))
    }
}

simd_fn! {
    /// `items[i]` = the key's distance from `low`, shifted to 32 bits, above the position.
    unsafe fn pack<T: Keyed>(values: &[T], descending: bool, low: u64, shift: u32, items: &mut [u64]) {
        for (i, (v, item)) in values.iter().zip(items).enumerate() {
            *item = (v.key().flip(descending).wide().wrapping_sub(low) >> shift) << 32 | i as u64;
        }
    }
}

/// Leaves the sorted order of `values` in the low halves of `room.items`, which has one item per value.
fn order<T: Keyed>(values: &[T], descending: bool, room: &mut Room) {
    // SAFETY: safe code behind a run-time choice of instruction set.
    let (low, high) = unsafe { bounds(values, descending) };
    let bits = 64 - (high.wide() - low.wide()).leading_zeros();
    let shift = bits.saturating_sub(32);
    // SAFETY: as above.
    unsafe { pack(values, descending, low.wide(), shift, &mut room.items) };
    radix::sort(&mut room.items, &mut room.other, bits.min(32));
    if shift == 0 {
        return;
    }
    let full = |item: &u64| (values[*item as u32 as usize].key().flip(descending), *item as u32);
    for run in room
        .items
        .chunk_by_mut(|a, b| a >> 32 == b >> 32)
        .filter(|run| run.len() > 1)
    {
        run.sort_unstable_by_key(full);
    }
}

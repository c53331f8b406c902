//! Sorting, the largest or smallest `k`, and the `k`-th value, along a dimension.
//!
//! Values become unsigned keys in PyTorch's order (NaN last, `-0` equal to `0`), a key and its position become one
//! integer, and those are sorted: every sort is stable, ascending or descending. Long lines are sorted by radix on the
//! bits that vary; keys of 64 bits by their 32 most significant varying bits, after which the few runs that agree in
//! them are sorted by the rest. Long lines of few different keys are put in place at once.

mod key;
mod radix;
mod select;

use crate::lines::{Ends, Lines};
use crate::matmul::scratch::{Purpose, Scratch};
use crate::{DType, par, simd_fn};
use key::{Half, Key, Keyed, Turn};

/// Longest line that can be sorted: positions are held in 32 bits.
pub const MAX_LINE: usize = u32::MAX as usize;

/// The element types that have code of their own.
#[derive(Clone, Copy)]
enum Kind {
    U8,
    U16,
    U32,
    U64,
    F32,
    F64,
    Half,
}

/// How the elements of a dtype are ordered.
fn kind(dtype: DType) -> Option<(Kind, Turn)> {
    Some(match dtype {
        DType::Bool | DType::U8 => (Kind::U8, 0),
        DType::I8 => (Kind::U8, 1 << 7),
        DType::U16 => (Kind::U16, 0),
        DType::I16 => (Kind::U16, 1 << 15),
        DType::U32 => (Kind::U32, 0),
        DType::I32 => (Kind::U32, 1 << 31),
        DType::U64 => (Kind::U64, 0),
        DType::I64 => (Kind::U64, 1 << 63),
        DType::F32 => (Kind::F32, 0),
        DType::F64 => (Kind::F64, 0),
        DType::F16 => (Kind::Half, 0x7c00),
        DType::BF16 => (Kind::Half, 0x7f80),
        _ => return None,
    })
}

macro_rules! by_dtype {
    ($dtype:expr, |$T:ident, $turn:ident| $body:expr) => {
        by_dtype!(@ kind($dtype), $T, $turn, $body; U8 u8, U16 u16, U32 u32, U64 u64, F32 f32, F64 f64, Half Half)
    };
    (@ $kind:expr, $T:ident, $turn:ident, $body:expr; $($v:ident $t:ty),+) => {
        match $kind {
            $(Some((Kind::$v, $turn)) => { type $T = $t; $body })+
            None => return false,
        }
    };
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
    by_dtype!(dtype, |T, turn| sort_lines::<T>(lines, descending, turn, ends));
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
    by_dtype!(dtype, |T, turn| for_lines(lines, n, ends, |src, dst, along| {
        select::top::<T>(
            src,
            along.src,
            n,
            k,
            [largest, sorted],
            turn,
            &mut |rank, index, value: T| {
                write(dst[0], along.dst[0], rank, value);
                write(dst[1], along.dst[1], rank, index as i64);
            },
        );
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
    by_dtype!(dtype, |T, turn| for_lines(lines, n, ends, |src, dst, along| {
        let (value, index) = select::statistic::<T>(which, src, along.src, n, turn);
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

/// Scratch memory of one task: as many elements as a line has.
struct Room<E> {
    scratch: Scratch,
    len: usize,
    element: std::marker::PhantomData<E>,
}

impl<E> Room<E> {
    fn take(purpose: Purpose, len: usize) -> Room<E> {
        Room {
            scratch: Scratch::take_or_end(purpose, len * size_of::<E>()),
            len,
            element: std::marker::PhantomData,
        }
    }

    /// The elements, whatever they are: the caller reads none that it has not written.
    unsafe fn slice(&mut self) -> &mut [E] {
        std::slice::from_raw_parts_mut(self.scratch.ptr(), self.len)
    }
}

unsafe fn sort_lines<T: Keyed>(lines: &Lines, descending: bool, turn: Turn, ends: Ends) {
    let (n, count) = (lines.along.size, lines.count());
    if n == 0 || count == 0 {
        return;
    }
    let bundle = (par::GRAIN / 4).div_ceil(n);
    let some = |c: usize| {
        let ends = &ends;
        let mut items = Room::<u64>::take(Purpose::Items, n);
        let mut other = Room::<u64>::take(Purpose::Others, n);
        let mut dense = Room::<T>::take(Purpose::Line, n);
        for line in c * bundle..((c + 1) * bundle).min(count) {
            let (src, dst) = lines.locate(line, ends.src, ends.dst);
            // SAFETY: the line is inside the geometry; everything is written before it is read.
            unsafe {
                let (items, other, dense) = (items.slice(), other.slice(), dense.slice());
                gather(src, lines.along.src, n, dense.as_mut_ptr());
                let order = Order {
                    turn,
                    descending,
                    along: lines.along.dst,
                    dst,
                };
                order.sort(dense, items, other);
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
    unsafe fn bounds<T: Keyed>(values: &[T], order: &Order) -> (T::Key, T::Key) {
        let (turn, descending) = (order.turn, order.descending);
        let first = values[0].key(turn).flip(descending);
        let (mut low, mut high) = ([first; 16], [first; 16]);
        let chunks = values.chunks_exact(16);
        for v in chunks.remainder() {
            let k = v.key(turn).flip(descending);
            low[0] = if k < low[0] { k } else { low[0] };
            high[0] = if k > high[0] { k } else { high[0] };
        }
        for chunk in chunks {
            for l in 0..16 {
                let k = chunk[l].key(turn).flip(descending);
                low[l] = if k < low[l] { k } else { low[l] };
                high[l] = if k > high[l] { k } else { high[l] };
            }
        }
        (*low.iter().min().unwrap_or(&first), *high.iter().max().unwrap_or(&first))
    }
}

simd_fn! {
    /// `items[i]` = the key's distance from `low`, shifted to 32 bits, above the position.
    unsafe fn pack<T: Keyed>(values: &[T], order: &Order, low: u64, shift: u32, items: &mut [u64]) {
        let (turn, descending) = (order.turn, order.descending);
        for (i, (v, item)) in values.iter().zip(items).enumerate() {
            *item = (v.key(turn).flip(descending).wide().wrapping_sub(low) >> shift) << 32 | i as u64;
        }
    }
}

/// Bits of the keys up to which a long line is put in place at once.
const DIRECT: u32 = 9;

/// How to sort, and where one line's results go.
struct Order {
    turn: Turn,
    descending: bool,
    dst: [*mut u8; 2],
    along: [isize; 2],
}

impl Order {
    #[inline(always)]
    fn key<T: Keyed>(&self, value: T) -> T::Key {
        value.key(self.turn).flip(self.descending)
    }

    #[inline(always)]
    unsafe fn put<T: Keyed>(&self, rank: usize, index: usize, value: T) {
        if !self.dst[0].is_null() {
            write(self.dst[0], self.along[0], rank, value);
        }
        write(self.dst[1], self.along[1], rank, index as i64);
    }

    /// Sorts one line; `items` and `other` have one place per value.
    unsafe fn sort<T: Keyed>(&self, values: &[T], items: &mut [u64], other: &mut [u64]) {
        let (low, high) = bounds(values, self);
        let bits = 64 - (high.wide() - low.wide()).leading_zeros();
        if bits <= DIRECT && values.len() >= radix::SHORT {
            return self.distribute(values, low.wide());
        }
        let shift = bits.saturating_sub(32);
        pack(values, self, low.wide(), shift, items);
        let here = radix::sort(items, other, bits.min(32));
        let sorted = if here { items } else { other };
        if shift > 0 {
            let full = |item: &u64| (self.key(values[*item as u32 as usize]), *item as u32);
            for run in sorted
                .chunk_by_mut(|a, b| a >> 32 == b >> 32)
                .filter(|run| run.len() > 1)
            {
                run.sort_unstable_by_key(full);
            }
        }
        for (rank, item) in sorted.iter().enumerate() {
            let index = *item as u32 as usize;
            self.put(rank, index, *values.get_unchecked(index));
        }
    }

    /// Counts the keys, after which each value's place is known.
    unsafe fn distribute<T: Keyed>(&self, values: &[T], low: u64) {
        let mut places = [0u32; 1 << DIRECT];
        // What `low` is subtracted from is at most `1 << DIRECT` above it.
        let digit = |v: T| (self.key(v).wide() - low) as usize;
        for v in values {
            *places.get_unchecked_mut(digit(*v)) += 1;
        }
        let mut start = 0;
        for p in places.iter_mut() {
            start += std::mem::replace(p, start);
        }
        for (i, v) in values.iter().enumerate() {
            let place = places.get_unchecked_mut(digit(*v));
            self.put(*place as usize, i, *v);
            *place += 1;
        }
    }
}

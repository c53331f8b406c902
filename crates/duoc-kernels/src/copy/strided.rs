//! Copies between strided blocks of elements of equal width.

use super::transpose;
use crate::nd::{self, Loop2d, MAX_DIMS, Nd};
use crate::par;

/// The loop that copies elements of `size` bytes (1, 2, 4, 8 or 16); operands `[out, in]`, no parameters.
///
/// # Panics
/// On another size; sizes come from [`crate::DType::size`].
pub fn same(size: usize) -> Loop2d {
    match size {
        1 => same_loop::<u8>,
        2 => same_loop::<u16>,
        4 => same_loop::<u32>,
        8 => same_loop::<u64>,
        16 => same_loop::<[u64; 2]>,
        _ => unreachable!("no dtype has {size} bytes"),
    }
}

unsafe fn same_loop<T: Copy>(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, _: *const u8) {
    let size = size_of::<T>() as isize;
    let (out, input) = (*ptrs, (*ptrs.add(1)).cast_const());
    let (s0, s1, o0, o1) = (*strides, *strides.add(1), *strides.add(2), *strides.add(3));
    if s0 == size && s1 == size {
        return copy_rows(out, o0, input, o1, inner * size_of::<T>(), outer);
    }
    if s0 == size && o1 == size && outer >= 8 && inner >= 8 {
        return transpose::block(out, o0, input, s1, outer, inner, size_of::<T>());
    }
    if o0 == size && s1 == size && outer >= 8 && inner >= 8 {
        return transpose::block(out, s0, input, o1, inner, outer, size_of::<T>());
    }
    for j in 0..outer as isize {
        let (out, input) = (out.offset(o0 * j), input.offset(o1 * j));
        match (s0 == size, s1) {
            (true, 0) => crate::fill::row(out, input, size_of::<T>(), inner),
            (true, _) => take_row::<T>(out, input, s1, inner),
            _ => {
                for i in 0..inner as isize {
                    out.offset(s0 * i)
                        .cast::<T>()
                        .write_unaligned(input.offset(s1 * i).cast::<T>().read_unaligned());
                }
            }
        }
    }
}

/// `out[i] = input[i stride]` for `n` elements that lie densely in the output: the commonest steps, every second
/// element and backwards, are done in vectors.
pub(crate) unsafe fn take_row<T: Copy>(out: *mut u8, input: *const u8, stride: isize, n: usize) {
    let size = size_of::<T>() as isize;
    if stride == size {
        return std::ptr::copy_nonoverlapping(input, out, n * size_of::<T>());
    }
    if stride == 2 * size {
        match size {
            1 => return every_other_u8(out.cast(), input.cast(), n),
            2 => return every_other_u16(out.cast(), input.cast(), n),
            4 => return every_other_u32(out.cast(), input.cast(), n),
            8 => return every_other_u64(out.cast(), input.cast(), n),
            _ => {}
        }
    } else if stride == -size && n > 0 {
        let first = input.wrapping_offset(stride * (n as isize - 1));
        match size {
            1 => return backwards_u8(out.cast(), first.cast(), n),
            2 => return backwards_u16(out.cast(), first.cast(), n),
            4 => return backwards_u32(out.cast(), first.cast(), n),
            8 => return backwards_u64(out.cast(), first.cast(), n),
            _ => {}
        }
    }
    let out = out.cast::<T>();
    for i in 0..n as isize {
        out.offset(i)
            .write_unaligned(input.wrapping_offset(stride * i).cast::<T>().read_unaligned());
    }
}

macro_rules! steps {
    ($($every_other:ident $backwards:ident $t:ty;)+) => {$(
        crate::simd_fn! {
            unsafe fn $every_other(out: *mut $t, input: *const $t, n: usize) {
                // Whole pairs are read, so the last element, which may have no neighbour, is done apart.
                for i in 0..n.saturating_sub(1) {
                    let [value, _] = input.cast::<[$t; 2]>().add(i).read_unaligned();
                    out.add(i).write_unaligned(value);
                }
                if n > 0 {
                    out.add(n - 1).write_unaligned(input.add(2 * (n - 1)).read_unaligned());
                }
            }
        }
        crate::simd_fn! {
            unsafe fn $backwards(out: *mut $t, input: *const $t, n: usize) {
                for i in 0..n {
                    out.add(i).write_unaligned(input.add(n - 1 - i).read_unaligned());
                }
            }
        }
    )+};
}
steps! {
    every_other_u8 backwards_u8 u8;
    every_other_u16 backwards_u16 u16;
    every_other_u32 backwards_u32 u32;
    every_other_u64 backwards_u64 u64;
}

/// Longest row, in bytes, that is copied in line; a call of `memcpy` costs more than such a row.
const SHORT_ROW: usize = 1024;

/// Copies `rows` rows of `bytes` contiguous bytes.
pub(crate) unsafe fn copy_rows(out: *mut u8, o0: isize, input: *const u8, o1: isize, bytes: usize, rows: usize) {
    if bytes > SHORT_ROW || rows == 1 {
        for j in 0..rows as isize {
            std::ptr::copy_nonoverlapping(input.offset(o1 * j), out.offset(o0 * j), bytes);
        }
        return;
    }
    short_rows(out, o0, input, o1, bytes, rows);
}

crate::simd_fn! {
    unsafe fn short_rows(out: *mut u8, o0: isize, input: *const u8, o1: isize, bytes: usize, rows: usize) {
        for j in 0..rows as isize {
            copy_short(out.offset(o0 * j), input.offset(o1 * j), bytes);
        }
    }
}

/// Copies a short run in line: whole steps of the largest width that fits, then one step that ends at the end.
#[inline(always)]
pub(crate) unsafe fn copy_short(out: *mut u8, input: *const u8, bytes: usize) {
    macro_rules! steps {
        ($width:literal) => {{
            let mut i = 0;
            while i + $width <= bytes {
                out.add(i)
                    .cast::<[u8; $width]>()
                    .write_unaligned(input.add(i).cast::<[u8; $width]>().read_unaligned());
                i += $width;
            }
            if i < bytes {
                let i = bytes - $width;
                out.add(i)
                    .cast::<[u8; $width]>()
                    .write_unaligned(input.add(i).cast::<[u8; $width]>().read_unaligned());
            }
        }};
    }
    if bytes >= 64 {
        steps!(64)
    } else if bytes >= 16 {
        steps!(16)
    } else if bytes >= 4 {
        steps!(4)
    } else {
        for i in 0..bytes {
            *out.add(i) = *input.add(i);
        }
    }
}

/// One dimension of a copy: size, output stride, input stride.
type Dim = (usize, isize, isize);

/// Bytes per parallel piece.
const PIECE: usize = 256 * 1024;
/// From this size on the output does not stay in the caches anyway, and streaming stores save reading it first.
const STREAM: usize = 32 * 1024 * 1024;

/// Copies elements of `size` bytes from one strided block to another; `shape` and byte strides outermost first.
///
/// Input strides may be zero (broadcast) or negative; the output may not overlap itself or the input.
pub unsafe fn copy_nd(
    out: *mut u8,
    out_strides: &[isize],
    input: *const u8,
    in_strides: &[isize],
    shape: &[usize],
    size: usize,
) {
    if shape.contains(&0) {
        return;
    }
    let mut storage = [(1, 0, 0); MAX_DIMS];
    let dims = coalesce(&mut storage, shape, out_strides, in_strides);
    let step = size as isize;
    let Some((&(n, s0, s1), outer)) = dims.split_last() else {
        return std::ptr::copy_nonoverlapping(input, out, size);
    };
    if s0 == step && s1 == step && outer.is_empty() {
        return copy_contiguous(out, input, n * size);
    }
    if s0 == step && s1 != step && n >= 4 {
        let along = outer.iter().position(|d| d.2 == step && d.0 >= 4);
        if let Some(along) = along {
            return copy_transposed(out, input, dims, along, size);
        }
    }
    let mut nd_shape = [0usize; MAX_DIMS];
    let mut nd_strides = [0isize; 2 * MAX_DIMS];
    for (d, &(n, o, i)) in dims.iter().rev().enumerate() {
        nd_shape[d] = n;
        nd_strides[2 * d] = o;
        nd_strides[2 * d + 1] = i;
    }
    let nd = Nd {
        operands: 2,
        shape: &nd_shape[..dims.len()],
        strides: &nd_strides[..2 * dims.len()],
    };
    nd::run(&nd, &[out, input.cast_mut()], same(size), std::ptr::null(), 1);
}

/// Drops dimensions of size 1, sorts by output stride (largest first) and merges what is contiguous in both.
fn coalesce<'a>(dims: &'a mut [Dim; MAX_DIMS], shape: &[usize], outs: &[isize], ins: &[isize]) -> &'a [Dim] {
    let mut count = 0;
    for ((&n, &o), &i) in shape.iter().zip(outs).zip(ins) {
        if n != 1 {
            dims[count] = (n, o, i);
            count += 1;
        }
    }
    dims[..count].sort_by_key(|d| std::cmp::Reverse((d.1.unsigned_abs(), d.2.unsigned_abs())));
    let mut kept = 0;
    for d in 1..count {
        let (n, o, i) = dims[d];
        let last = dims[kept];
        if last.1 == o.wrapping_mul(n as isize) && last.2 == i.wrapping_mul(n as isize) {
            dims[kept] = (last.0 * n, o, i);
        } else {
            kept += 1;
            dims[kept] = (n, o, i);
        }
    }
    &dims[..if count == 0 { 0 } else { kept + 1 }]
}

/// A pointer pair that may cross threads: pieces are disjoint.
#[derive(Clone, Copy)]
struct Pair(*mut u8, *const u8);
// SAFETY: each piece of a copy touches its own part of the output, and inputs are only read.
unsafe impl Sync for Pair {}

impl Pair {
    unsafe fn at(&self, out: isize, input: isize) -> (*mut u8, *const u8) {
        (self.0.offset(out), self.1.offset(input))
    }
}

/// Copies `bytes` contiguous bytes, in parallel when that pays.
pub unsafe fn copy_contiguous(out: *mut u8, input: *const u8, bytes: usize) {
    if bytes < 2 * PIECE {
        return std::ptr::copy_nonoverlapping(input, out, bytes);
    }
    let pair = Pair(out, input);
    par::for_range(bytes.div_ceil(4096), PIECE / 4096, &|begin, end| {
        let (begin, end) = (begin * 4096, (end * 4096).min(bytes));
        // SAFETY: ranges are disjoint and inside the block.
        unsafe {
            let (out, input) = pair.at(begin as isize, begin as isize);
            if bytes >= STREAM {
                stream(out, input, end - begin);
            } else {
                std::ptr::copy_nonoverlapping(input, out, end - begin);
            }
        }
    });
}

/// Copies with stores that bypass the caches.
unsafe fn stream(out: *mut u8, input: *const u8, bytes: usize) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::level() >= crate::simd::Level::Avx2 {
        return stream_avx(out, input, bytes);
    }
    std::ptr::copy_nonoverlapping(input, out, bytes);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn stream_avx(out: *mut u8, input: *const u8, bytes: usize) {
    use std::arch::x86_64::*;
    let head = out.align_offset(32).min(bytes);
    std::ptr::copy_nonoverlapping(input, out, head);
    let mut i = head;
    while i + 128 <= bytes {
        for k in 0..4 {
            let v = _mm256_loadu_si256(input.add(i + 32 * k).cast());
            _mm256_stream_si256(out.add(i + 32 * k).cast(), v);
        }
        i += 128;
    }
    _mm_sfence();
    std::ptr::copy_nonoverlapping(input.add(i), out.add(i), bytes - i);
}

/// Copies where the last dimension is contiguous in the output and dimension `along` in the input: transposed tiles.
unsafe fn copy_transposed(out: *mut u8, input: *const u8, dims: &[Dim], along: usize, size: usize) {
    const TILE: usize = 64;
    let (cols, _, in_row) = dims[dims.len() - 1];
    let (rows, out_row, _) = dims[along];
    let (row_tiles, col_tiles) = (rows.div_ceil(TILE), cols.div_ceil(TILE));
    let outer: usize = dims[..dims.len() - 1].iter().map(|d| d.0).product::<usize>() / rows;
    let pair = Pair(out, input);
    let grain = (PIECE / (rows.min(TILE) * cols.min(TILE) * size)).max(1);
    let units = outer * row_tiles * col_tiles;
    let work = |begin: usize, end: usize| {
        for unit in begin..end {
            let (mut rest, col) = (unit / col_tiles, unit % col_tiles * TILE);
            let row = rest % row_tiles * TILE;
            rest /= row_tiles;
            let mut o = out_row * row as isize + (col * size) as isize;
            let mut i = in_row * col as isize + (row * size) as isize;
            for (d, dim) in dims[..dims.len() - 1].iter().enumerate().rev() {
                if d != along {
                    let index = (rest % dim.0) as isize;
                    rest /= dim.0;
                    o += dim.1 * index;
                    i += dim.2 * index;
                }
            }
            // SAFETY: tiles are disjoint in the output and inside the blocks.
            unsafe {
                let (out, input) = pair.at(o, i);
                transpose::block(
                    out,
                    out_row,
                    input,
                    in_row,
                    (rows - row).min(TILE),
                    (cols - col).min(TILE),
                    size,
                );
            }
        }
    };
    if units * TILE * TILE * size < 2 * PIECE {
        work(0, units)
    } else {
        par::for_units(units, grain, &work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plain copy, element by element in row-major order.
    fn reference(shape: &[usize], strides: &[isize], size: usize, input: &[u8], start: isize) -> Vec<u8> {
        let mut out = Vec::new();
        for mut i in 0..shape.iter().product::<usize>() {
            let mut at = start;
            for (n, s) in shape.iter().zip(strides).rev() {
                at += (i % n) as isize * s;
                i /= n;
            }
            out.extend_from_slice(&input[at as usize..at as usize + size]);
        }
        out
    }

    fn contiguous(shape: &[usize], size: usize) -> Vec<isize> {
        let mut strides = vec![0; shape.len()];
        let mut step = size as isize;
        for d in (0..shape.len()).rev() {
            strides[d] = step;
            step *= shape[d] as isize;
        }
        strides
    }

    fn check(shape: &[usize], elements: &[isize], start: usize) {
        for size in [1usize, 2, 4, 8, 16] {
            let strides: Vec<isize> = elements.iter().map(|s| s * size as isize).collect();
            let reach: isize = shape
                .iter()
                .zip(elements)
                .map(|(n, s)| (*n as isize - 1).max(0) * (*s).max(0))
                .sum();
            let input: Vec<u8> = (0..(start + reach as usize + 1) * size)
                .map(|i| (i.wrapping_mul(40503) >> 5) as u8)
                .collect();
            let expected = reference(shape, &strides, size, &input, (start * size) as isize);
            for threads in [1, 2, 3] {
                par::set_num_threads(threads);
                let mut out = vec![0u8; expected.len()];
                let from = unsafe { input.as_ptr().add(start * size) };
                unsafe { copy_nd(out.as_mut_ptr(), &contiguous(shape, size), from, &strides, shape, size) };
                assert!(out == expected, "{shape:?} {elements:?} {size}");
            }
        }
    }

    #[test]
    fn copies_of_every_kind() {
        check(&[], &[], 3);
        check(&[7], &[1], 0);
        check(&[7], &[-1], 6);
        check(&[0, 3], &[3, 1], 0);
        check(&[33, 17], &[1, 33], 0);
        check(&[300, 190], &[1, 301], 5);
        check(&[65, 3, 31], &[1, 65 * 31, 65], 0);
        check(&[5, 40, 7], &[280, 1, 40], 0);
        check(&[64, 9], &[18, 2], 1);
        check(&[40, 30], &[0, 1], 0);
        check(&[40, 30], &[1, 0], 2);
        check(&[40, 30], &[-30, -1], 1199);
        check(&[1, 200, 1, 200, 3], &[9, 600, 5, 3, 1], 0);
        check(&[4, 3, 5, 2, 6], &[180, 1, 36, 3, 6], 0);
    }
}

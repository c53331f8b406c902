//! Reading and writing by a mask of bytes: zero is false, anything else true.

use crate::nd::Loop2d;
use crate::par;

/// Elements per counted block: threads find their place in the output from the counts of the blocks before.
const BLOCK: usize = 16 * 1024;

/// Number of true elements of a contiguous mask.
pub unsafe fn count(mask: *const u8, n: usize) -> usize {
    let total = std::sync::atomic::AtomicUsize::new(0);
    let mask = Shared(mask.cast_mut(), mask);
    par::for_range(n, 8 * par::GRAIN, &|begin, end| {
        let mask = &mask;
        // SAFETY: the range lies inside the mask.
        let found = unsafe { count_block(mask.1.add(begin), end - begin) };
        total.fetch_add(found, std::sync::atomic::Ordering::Relaxed);
    });
    total.into_inner()
}

crate::simd_fn! {
    unsafe fn count_block(mask: *const u8, n: usize) -> usize {
        let mut total = 0;
        let mut i = 0;
        while i < n {
            // Bytes add up without overflow for 255 rounds of 64 lanes.
            let rounds = ((n - i) / 64).min(255);
            let mut lanes = [0u8; 64];
            for r in 0..rounds {
                for (k, lane) in lanes.iter_mut().enumerate() {
                    *lane += (*mask.add(i + 64 * r + k) != 0) as u8;
                }
            }
            total += lanes.iter().map(|&l| l as usize).sum::<usize>();
            i += 64 * rounds;
            if rounds == 0 {
                total += (i..n).map(|k| (*mask.add(k) != 0) as usize).sum::<usize>();
                i = n;
            }
        }
        total
    }
}

#[derive(Clone, Copy)]
struct Shared(*mut u8, *const u8);
// SAFETY: threads write disjoint elements.
unsafe impl Sync for Shared {}

/// Calls `f(begin, end, before)` for blocks of a mask; `before` is the number of true elements in front of the block.
unsafe fn with_positions(mask: *const u8, n: usize, f: &(dyn Fn(usize, usize, usize) + Sync)) {
    if n < 4 * BLOCK || par::num_threads() == 1 {
        if n > 0 {
            f(0, n, 0);
        }
        return;
    }
    // At most 64 blocks, so that their counts fit on the stack.
    let size = n.div_ceil(64).max(BLOCK);
    let blocks = n.div_ceil(size);
    let counts: [std::sync::atomic::AtomicUsize; 64] = std::array::from_fn(|_| 0.into());
    let shared = Shared(mask.cast_mut(), mask);
    par::for_chunks(blocks, &|b| {
        let shared = &shared;
        let begin = b * size;
        // SAFETY: the block lies inside the mask.
        let found = unsafe { count_block(shared.1.add(begin), size.min(n - begin)) };
        counts[b].store(found, std::sync::atomic::Ordering::Relaxed);
    });
    let mut before = [0; 64];
    for b in 1..blocks {
        before[b] = before[b - 1] + counts[b - 1].load(std::sync::atomic::Ordering::Relaxed);
    }
    par::for_chunks(blocks, &|b| f(b * size, ((b + 1) * size).min(n), before[b]));
}

/// Packs the elements of `input` whose mask is true; both contiguous. `out` has room for exactly [`count`] elements.
pub unsafe fn masked_select(out: *mut u8, input: *const u8, mask: *const u8, n: usize, size: usize) {
    let (data, truth) = (Shared(out, input), Shared(out, mask));
    let total = count(mask, n);
    with_positions(mask, n, &|begin, end, before| {
        let (data, truth) = (&data, &truth);
        // SAFETY: the block's results start at `before` and end at the next block's.
        unsafe {
            let (mask, input) = (truth.1.add(begin), data.1.add(begin * size));
            let room = total - before;
            match size {
                1 => pack::<u8>(data.0.add(before), input, mask, end - begin, room),
                2 => pack::<u16>(data.0.add(before * 2), input, mask, end - begin, room),
                4 => pack::<u32>(data.0.add(before * 4), input, mask, end - begin, room),
                8 => pack::<u64>(data.0.add(before * 8), input, mask, end - begin, room),
                _ => pack::<[u64; 2]>(data.0.add(before * 16), input, mask, end - begin, room),
            }
        }
    });
}

/// Packs one block. `room` is how many elements the output has from here on; a store into it may be speculative only
/// within this block's own results, so the loop ends as soon as those are complete.
unsafe fn pack<T: Copy>(out: *mut u8, input: *const u8, mask: *const u8, n: usize, room: usize) {
    let (out, input) = (out.cast::<T>(), input.cast::<T>());
    let own = count_block(mask, n).min(room);
    #[cfg(target_arch = "x86_64")]
    let (done, mut at) = match (size_of::<T>(), crate::simd::level()) {
        (4, crate::simd::Level::Avx512) => x86::pack4(out.cast(), input.cast(), mask, n),
        (8, crate::simd::Level::Avx512) => x86::pack8(out.cast(), input.cast(), mask, n),
        _ => (0, 0),
    };
    #[cfg(not(target_arch = "x86_64"))]
    let (done, mut at) = (0, 0);
    let mut i = done;
    // Every element is stored and only true ones move the position on: no branch to mispredict.
    while at < own {
        out.add(at).write_unaligned(input.add(i).read_unaligned());
        at += (*mask.add(i) != 0) as usize;
        i += 1;
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Each packs whole vectors and returns how many elements it read and wrote.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    pub unsafe fn pack4(out: *mut i32, input: *const i32, mask: *const u8, n: usize) -> (usize, usize) {
        let mut at = 0;
        let full = n / 16 * 16;
        for i in (0..full).step_by(16) {
            let m = _mm_loadu_si128(mask.add(i).cast());
            let m = _mm_test_epi8_mask(m, m);
            _mm512_mask_compressstoreu_epi32(out.add(at), m, _mm512_loadu_epi32(input.add(i)));
            at += m.count_ones() as usize;
        }
        (full, at)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    pub unsafe fn pack8(out: *mut i64, input: *const i64, mask: *const u8, n: usize) -> (usize, usize) {
        let mut at = 0;
        let full = n / 8 * 8;
        for i in (0..full).step_by(8) {
            let m = _mm_loadl_epi64(mask.add(i).cast());
            let m = _mm_test_epi8_mask(m, m) as u8;
            _mm512_mask_compressstoreu_epi64(out.add(at), m, _mm512_loadu_epi64(input.add(i)));
            at += m.count_ones() as usize;
        }
        (full, at)
    }

    /// Writes the positions `first + i` of true elements.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,popcnt")]
    pub unsafe fn positions(out: *mut i64, mask: *const u8, n: usize, first: i64) -> (usize, usize) {
        let mut at = 0;
        let full = n / 8 * 8;
        let mut index = _mm512_add_epi64(_mm512_set1_epi64(first), _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
        for i in (0..full).step_by(8) {
            let m = _mm_loadl_epi64(mask.add(i).cast());
            let m = _mm_test_epi8_mask(m, m) as u8;
            _mm512_mask_compressstoreu_epi64(out.add(at), m, index);
            at += m.count_ones() as usize;
            index = _mm512_add_epi64(index, _mm512_set1_epi64(8));
        }
        (full, at)
    }
}

/// Writes the coordinates of the true elements of a contiguous mask of shape `shape`, in row-major order: `out` is `i64`
/// with one line of `total` values (see [`count`]) for each dimension.
pub unsafe fn nonzero(out: *mut i64, mask: *const u8, shape: &[usize], total: usize) {
    let n: usize = shape.iter().product();
    let dims = shape.len();
    if n == 0 || dims == 0 {
        return;
    }
    let shared = Shared(out.cast(), mask);
    with_positions(mask, n, &|begin, end, before| {
        let shared = &shared;
        // SAFETY: the block's values start at `before` in each line and end where the next block's start.
        unsafe {
            let (out, mask) = (shared.0.cast::<i64>().add(before), shared.1.add(begin));
            if dims == 1 {
                positions(out, mask, end - begin, begin as i64)
            } else {
                coordinates(out, total, mask, begin, end, shape)
            }
        }
    });
}

unsafe fn positions(out: *mut i64, mask: *const u8, n: usize, first: i64) {
    #[cfg(target_arch = "x86_64")]
    let (done, mut at) = match crate::simd::level() {
        crate::simd::Level::Avx512 => x86::positions(out, mask, n, first),
        _ => (0, 0),
    };
    #[cfg(not(target_arch = "x86_64"))]
    let (done, mut at) = (0, 0);
    let own = at + count_block(mask.add(done), n - done);
    let mut i = done;
    while at < own {
        out.add(at).write_unaligned(first + i as i64);
        at += (*mask.add(i) != 0) as usize;
        i += 1;
    }
}

/// The positions within one run of the last dimension at a time, and the outer coordinates, which a run shares.
unsafe fn coordinates(mut out: *mut i64, line: usize, mask: *const u8, begin: usize, end: usize, shape: &[usize]) {
    let dims = shape.len();
    let last = shape[dims - 1];
    let mut at = begin;
    while at < end {
        let column = at % last;
        let n = (last - column).min(end - at);
        let mask = mask.add(at - begin);
        let hits = count_block(mask, n);
        if hits > 0 {
            positions(out.add((dims - 1) * line), mask, n, column as i64);
            let mut row = at / last;
            for d in (0..dims - 1).rev() {
                let c = (row % shape[d]) as i64;
                row /= shape[d];
                let to = out.add(d * line);
                for i in 0..hits {
                    to.add(i).write_unaligned(c);
                }
            }
            out = out.add(hits);
        }
        at += n;
    }
}

/// `out = mask ? value : in`; operands `[out, in, mask]`, `params` the value of `size` bytes.
///
/// # Panics
/// On a size that no dtype has.
pub fn masked_fill_loop(size: usize) -> Loop2d {
    macro_rules! fill {
        ($t:ty) => {{
            crate::simd_fn! {
                unsafe fn row(out: *mut $t, input: *const $t, mask: *const u8, n: usize, value: $t) {
                    for i in 0..n {
                        let old = input.add(i).read_unaligned();
                        out.add(i).write_unaligned(if *mask.add(i) != 0 { value } else { old });
                    }
                }
            }
            unsafe fn block(ptrs: *const *mut u8, s: *const isize, inner: usize, outer: usize, params: *const u8) {
                let value = params.cast::<$t>().read_unaligned();
                let size = size_of::<$t>() as isize;
                for j in 0..outer as isize {
                    let at = |k: usize| (*ptrs.add(k)).offset(*s.add(3 + k) * j);
                    let (out, input, mask) = (at(0), at(1), at(2));
                    if *s == size && *s.add(1) == size && *s.add(2) == 1 {
                        row(out.cast(), input.cast(), mask, inner, value);
                        continue;
                    }
                    for i in 0..inner as isize {
                        let old = input.offset(*s.add(1) * i).cast::<$t>().read_unaligned();
                        let new = if *mask.offset(*s.add(2) * i) != 0 { value } else { old };
                        out.offset(*s * i).cast::<$t>().write_unaligned(new);
                    }
                }
            }
            block
        }};
    }
    match size {
        1 => fill!(u8),
        2 => fill!(u16),
        4 => fill!(u32),
        8 => fill!(u64),
        16 => fill!([u64; 2]),
        _ => unreachable!("no dtype has {size} bytes"),
    }
}

/// Replaces the true elements of a contiguous block by those of `src` in order; `src` has at least [`count`] of them.
pub unsafe fn masked_scatter(block: *mut u8, mask: *const u8, src: *const u8, n: usize, size: usize) {
    let (data, truth) = (Shared(block, src), Shared(block, mask));
    with_positions(mask, n, &|begin, end, before| {
        let (data, truth) = (&data, &truth);
        let mut from = before;
        for i in begin..end {
            // SAFETY: `from` counts the true elements, of which `src` has enough.
            unsafe {
                if *truth.1.add(i) != 0 {
                    std::ptr::copy_nonoverlapping(data.1.add(from * size), data.0.add(i * size), size);
                    from += 1;
                }
            }
        }
    });
}

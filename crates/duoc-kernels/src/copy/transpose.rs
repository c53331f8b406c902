//! Transposed copies of small blocks.

/// `out[r][c] = input[c][r]` for `rows x cols` elements of `size` bytes: rows of `out` are `out_row` bytes apart and
/// contiguous inside, rows of `input` (the columns of `out`) are `in_row` bytes apart and contiguous inside.
pub unsafe fn block(
    out: *mut u8,
    out_row: isize,
    input: *const u8,
    in_row: isize,
    rows: usize,
    cols: usize,
    size: usize,
) {
    #[cfg(target_arch = "x86_64")]
    {
        use crate::simd::{Level, level};
        match (size, level()) {
            (4, Level::Avx512) => return x86::block4_avx512(out, out_row, input, in_row, rows, cols),
            (4, Level::Avx2) => return x86::block4_avx2(out, out_row, input, in_row, rows, cols),
            (8, Level::Avx512 | Level::Avx2) => return x86::block8_avx2(out, out_row, input, in_row, rows, cols),
            (2, _) => return x86::block2_sse2(out, out_row, input, in_row, rows, cols),
            _ => {}
        }
    }
    match size {
        1 => portable::<u8>(out, out_row, input, in_row, rows, cols),
        2 => portable::<u16>(out, out_row, input, in_row, rows, cols),
        4 => portable::<u32>(out, out_row, input, in_row, rows, cols),
        8 => portable::<u64>(out, out_row, input, in_row, rows, cols),
        _ => portable::<[u64; 2]>(out, out_row, input, in_row, rows, cols),
    }
}

/// Plain loops over bands of 16 rows, so that the input lines of a band stay in the first-level cache.
unsafe fn portable<T: Copy>(out: *mut u8, out_row: isize, input: *const u8, in_row: isize, rows: usize, cols: usize) {
    let mut r = 0;
    while r < rows {
        let end = (r + 16).min(rows);
        edge::<T>(out, out_row, input, in_row, r..end, 0..cols);
        r = end;
    }
}

/// The elements of a rectangle, one by one.
#[inline(always)]
unsafe fn edge<T: Copy>(
    out: *mut u8,
    out_row: isize,
    input: *const u8,
    in_row: isize,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
) {
    for c in cols {
        let line = input.offset(in_row * c as isize).cast::<T>();
        for r in rows.clone() {
            out.offset(out_row * r as isize)
                .cast::<T>()
                .add(c)
                .write_unaligned(line.add(r).read_unaligned());
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::edge;
    use std::arch::x86_64::*;

    /// Walks a block in `N x N` squares done by `square` and leaves the two edges to plain loops.
    macro_rules! squares {
        ($name:ident, $features:literal, $n:literal, $t:ty, $square:ident) => {
            #[target_feature(enable = $features)]
            pub unsafe fn $name(
                out: *mut u8,
                out_row: isize,
                input: *const u8,
                in_row: isize,
                rows: usize,
                cols: usize,
            ) {
                let (full_rows, full_cols) = (rows / $n * $n, cols / $n * $n);
                let mut r = 0;
                while r < full_rows {
                    let mut c = 0;
                    while c < full_cols {
                        $square(
                            out.offset(out_row * r as isize).cast::<$t>().add(c).cast(),
                            out_row,
                            input.offset(in_row * c as isize).cast::<$t>().add(r).cast(),
                            in_row,
                        );
                        c += $n;
                    }
                    r += $n;
                }
                edge::<$t>(out, out_row, input, in_row, 0..full_rows, full_cols..cols);
                edge::<$t>(out, out_row, input, in_row, full_rows..rows, 0..cols);
            }
        };
    }

    squares!(block4_avx512, "avx512f", 16, u32, square16x4_avx512);
    squares!(block4_avx2, "avx2", 8, u32, square8x4_avx2);
    squares!(block8_avx2, "avx2", 4, u64, square4x8_avx2);
    squares!(block2_sse2, "sse2", 8, u16, square8x2_sse2);

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn square16x4_avx512(out: *mut u8, out_row: isize, input: *const u8, in_row: isize) {
        let load = |k: isize| _mm512_loadu_ps(input.offset(in_row * k).cast());
        // Interleave pairs of lines, then pairs of pairs: each 128-bit lane then holds a 4x4 transpose.
        let mut quads = [_mm512_setzero_ps(); 16];
        for g in 0..4 {
            let [a, b, c, d] = [load(4 * g), load(4 * g + 1), load(4 * g + 2), load(4 * g + 3)];
            let (ab0, ab1) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (cd0, cd1) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let pd = |x| _mm512_castps_pd(x);
            let ps = |x| _mm512_castpd_ps(x);
            let g = g as usize;
            quads[4 * g] = ps(_mm512_unpacklo_pd(pd(ab0), pd(cd0)));
            quads[4 * g + 1] = ps(_mm512_unpackhi_pd(pd(ab0), pd(cd0)));
            quads[4 * g + 2] = ps(_mm512_unpacklo_pd(pd(ab1), pd(cd1)));
            quads[4 * g + 3] = ps(_mm512_unpackhi_pd(pd(ab1), pd(cd1)));
        }
        // quads[4 g + k] holds column k + 4 lane of lines 4 g ..: transpose the 4x4 of lanes.
        for k in 0..4 {
            let (q0, q1, q2, q3) = (quads[k], quads[4 + k], quads[8 + k], quads[12 + k]);
            let even01 = _mm512_shuffle_f32x4::<0x88>(q0, q1);
            let odd01 = _mm512_shuffle_f32x4::<0xdd>(q0, q1);
            let even23 = _mm512_shuffle_f32x4::<0x88>(q2, q3);
            let odd23 = _mm512_shuffle_f32x4::<0xdd>(q2, q3);
            let rows = [
                _mm512_shuffle_f32x4::<0x88>(even01, even23),
                _mm512_shuffle_f32x4::<0x88>(odd01, odd23),
                _mm512_shuffle_f32x4::<0xdd>(even01, even23),
                _mm512_shuffle_f32x4::<0xdd>(odd01, odd23),
            ];
            for (lane, row) in rows.into_iter().enumerate() {
                _mm512_storeu_ps(out.offset(out_row * (k + 4 * lane) as isize).cast(), row);
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn square8x4_avx2(out: *mut u8, out_row: isize, input: *const u8, in_row: isize) {
        let load = |k: isize| _mm256_loadu_ps(input.offset(in_row * k).cast());
        let mut quads = [_mm256_setzero_ps(); 8];
        for g in 0..2 {
            let [a, b, c, d] = [load(4 * g), load(4 * g + 1), load(4 * g + 2), load(4 * g + 3)];
            let (ab0, ab1) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (cd0, cd1) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let pd = |x| _mm256_castps_pd(x);
            let ps = |x| _mm256_castpd_ps(x);
            let g = g as usize;
            quads[4 * g] = ps(_mm256_unpacklo_pd(pd(ab0), pd(cd0)));
            quads[4 * g + 1] = ps(_mm256_unpackhi_pd(pd(ab0), pd(cd0)));
            quads[4 * g + 2] = ps(_mm256_unpacklo_pd(pd(ab1), pd(cd1)));
            quads[4 * g + 3] = ps(_mm256_unpackhi_pd(pd(ab1), pd(cd1)));
        }
        for k in 0..4 {
            let low = _mm256_permute2f128_ps::<0x20>(quads[k], quads[4 + k]);
            let high = _mm256_permute2f128_ps::<0x31>(quads[k], quads[4 + k]);
            _mm256_storeu_ps(out.offset(out_row * k as isize).cast(), low);
            _mm256_storeu_ps(out.offset(out_row * (4 + k) as isize).cast(), high);
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn square4x8_avx2(out: *mut u8, out_row: isize, input: *const u8, in_row: isize) {
        let load = |k: isize| _mm256_loadu_pd(input.offset(in_row * k).cast());
        let [a, b, c, d] = [load(0), load(1), load(2), load(3)];
        let (ab0, ab1) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
        let (cd0, cd1) = (_mm256_unpacklo_pd(c, d), _mm256_unpackhi_pd(c, d));
        let rows = [
            _mm256_permute2f128_pd::<0x20>(ab0, cd0),
            _mm256_permute2f128_pd::<0x20>(ab1, cd1),
            _mm256_permute2f128_pd::<0x31>(ab0, cd0),
            _mm256_permute2f128_pd::<0x31>(ab1, cd1),
        ];
        for (k, row) in rows.into_iter().enumerate() {
            _mm256_storeu_pd(out.offset(out_row * k as isize).cast(), row);
        }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn square8x2_sse2(out: *mut u8, out_row: isize, input: *const u8, in_row: isize) {
        let mut lines = [_mm_setzero_si128(); 8];
        for (k, line) in lines.iter_mut().enumerate() {
            *line = _mm_loadu_si128(input.offset(in_row * k as isize).cast());
        }
        // Three rounds of interleaving line k with line k + 4 make an 8x8 transpose.
        for _ in 0..3 {
            let l = lines;
            for k in 0..4 {
                lines[2 * k] = _mm_unpacklo_epi16(l[k], l[k + 4]);
                lines[2 * k + 1] = _mm_unpackhi_epi16(l[k], l[k + 4]);
            }
        }
        for (k, line) in lines.into_iter().enumerate() {
            _mm_storeu_si128(out.offset(out_row * k as isize).cast(), line);
        }
    }
}

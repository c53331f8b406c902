//! Operands into the order the kernels read, widened to the type they compute in.

use super::micro::{Compute, Kernels, pairs};
use super::vector::Num;
use crate::simd_fn;

/// An element type as it lies in memory, and the type its products are computed in.
pub(crate) trait Source: Copy + Send + Sync + 'static {
    /// What sums are kept in: f32 for the halves, i32 for the small integers, else the type itself.
    type Compute: Compute;
    /// The type of the elements themselves: all but [`Pair`] are their own.
    type Plain: Source<Compute = Self::Compute>;
    /// Elements that one step of k takes: 2 for [`Pair`].
    const STEP: usize = 1;
    /// The tile kernels of the level in use.
    #[inline]
    fn kernels() -> &'static Kernels<Self::Compute> {
        Self::Compute::kernels()
    }
    /// What the kernels see of one step: the element at `p`, for [`Pair`] with the one `next` after it, or a zero if it
    /// is the `last`.
    #[inline(always)]
    unsafe fn read(p: *const Self, _next: isize, _last: bool) -> Self::Compute {
        (*p).widen()
    }
    /// Whether a matrix of rows with `k` elements (strides of rows and columns given) can be read in steps where it lies.
    #[inline]
    fn in_steps(_p: *const Self, _strides: [isize; 2], _k: usize) -> bool {
        false
    }
    /// `dst = narrow(src + beta * dst)` for rows and columns of `size`, dense at `src`, rows `step` apart at `dst`.
    #[inline]
    unsafe fn narrow_block(
        src: *const Self::Compute,
        size: [usize; 2],
        dst: *mut Self::Plain,
        step: isize,
        beta: Self::Compute,
    ) {
        narrow_tile::<Self::Plain>(src, size, dst, step, beta)
    }
    /// The dot products of `x` with four columns over `n` elements, where the processor has instructions for them.
    #[inline]
    unsafe fn four_dots(_x: *const Self, _y: &[*const Self; 4], _n: usize) -> Option<[Self::Compute; 4]> {
        None
    }
    /// Exact.
    fn widen(self) -> Self::Compute;
    /// Rounds to nearest even; integers wrap.
    fn narrow(x: Self::Compute) -> Self;
    /// Eight adjacent elements, widened to 32 bits each. Called only if [`Source::Compute`] has four bytes.
    #[cfg(target_arch = "x86_64")]
    unsafe fn load8(p: *const Self) -> __m256i;
}

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

macro_rules! source {
    ($($t:ty => $c:ty, |$x:ident| $widen:expr, |$y:ident| $narrow:expr, |$p:ident| $load8:expr $(, $can:path, $dots:path)?);* $(;)?) => {$(
        impl Source for $t {
            type Compute = $c;
            type Plain = $t;
            #[inline(always)]
            fn widen(self) -> $c {
                let $x = self;
                $widen
            }
            #[inline(always)]
            fn narrow($y: $c) -> $t {
                $narrow
            }
            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            unsafe fn load8($p: *const $t) -> __m256i {
                $load8
            }
            $(
                #[cfg(target_arch = "x86_64")]
                #[inline]
                unsafe fn four_dots(x: *const $t, y: &[*const $t; 4], n: usize) -> Option<[$c; 4]> {
                    $can().map(|_| $dots(x.cast(), y.map(|y| y.cast()), n))
                }
            )?
        }
    )*};
}
source! {
    f32 => f32, |x| x, |y| y, |p| _mm256_loadu_si256(p.cast());
    i32 => i32, |x| x, |y| y, |p| _mm256_loadu_si256(p.cast());
    f64 => f64, |x| x, |y| y, |_p| unreachable!();
    i64 => i64, |x| x, |y| y, |_p| unreachable!();
    u8 => i32, |x| x as i32, |y| y as u8, |p| _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast()));
    i8 => i32, |x| x as i32, |y| y as i8, |p| _mm256_cvtepi8_epi32(_mm_loadl_epi64(p.cast()));
    i16 => i32, |x| x as i32, |y| y as i16, |p| _mm256_cvtepi16_epi32(_mm_loadu_si128(p.cast()));
    half::bf16 => f32, |x| f32::from_bits((x.to_bits() as u32) << 16), |y| narrow_bf16(y),
        |p| _mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(p.cast()))), pairs, four_dots_of_pairs;
    half::f16 => f32, |x| widen_f16(x), |y| half::f16::from_f32(y),
        |p| _mm256_castps_si256(_mm256_cvtph_ps(_mm_loadu_si128(p.cast()))), wide, four_dots_of_halves;
}

/// Four dot products of bfloat16, two steps of 32 elements at a time; an odd rest is filled up with zeros.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn four_dots_of_pairs(x: *const u16, y: [*const u16; 4], n: usize) -> [f32; 4] {
    unsafe fn add(sum: __m512, x: __m512i, y: __m512i) -> __m512 {
        let pairs = |v: __m512i| -> __m512bh { core::mem::transmute(v) };
        _mm512_dpbf16_ps(sum, pairs(x), pairs(y))
    }
    let mut sums = [[_mm512_setzero_ps(); 4]; 2];
    let mut i = 0;
    while i + 64 <= n {
        for half in 0..2 {
            let at = i + 32 * half;
            let x = _mm512_loadu_epi16(x.add(at).cast());
            for (sum, y) in sums[half].iter_mut().zip(y) {
                *sum = add(*sum, x, _mm512_loadu_epi16(y.add(at).cast()));
            }
        }
        i += 64;
    }
    while i < n {
        let mask = u32::MAX >> (32 - (n - i).min(32));
        let x = _mm512_maskz_loadu_epi16(mask, x.add(i).cast());
        for (sum, y) in sums[0].iter_mut().zip(y) {
            *sum = add(*sum, x, _mm512_maskz_loadu_epi16(mask, y.add(i).cast()));
        }
        i += 32;
    }
    std::array::from_fn(|j| _mm512_reduce_add_ps(_mm512_add_ps(sums[0][j], sums[1][j])))
}

/// [`Source::narrow_block`] by the processor's own conversion.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512bf16")]
unsafe fn narrow_pairs(src: *const f32, [rows, cols]: [usize; 2], dst: *mut u16, step: isize) {
    for i in 0..rows {
        let (src, dst) = (src.add(i * cols), dst.wrapping_offset(i as isize * step));
        for j in (0..cols).step_by(16) {
            let mask = u16::MAX >> (16 - (cols - j).min(16));
            let y = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(mask, src.add(j)));
            _mm256_mask_storeu_epi16(dst.add(j).cast(), mask, core::mem::transmute::<__m256bh, __m256i>(y));
        }
    }
}

/// Four dot products of float16, two steps of 16 elements at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn four_dots_of_halves(x: *const u16, y: [*const u16; 4], n: usize) -> [f32; 4] {
    let wide = |v: __m256i| _mm512_cvtph_ps(v);
    let mut sums = [[_mm512_setzero_ps(); 4]; 2];
    let mut i = 0;
    while i + 32 <= n {
        for half in 0..2 {
            let at = i + 16 * half;
            let x = wide(_mm256_loadu_epi16(x.add(at).cast()));
            for (sum, y) in sums[half].iter_mut().zip(y) {
                *sum = _mm512_fmadd_ps(x, wide(_mm256_loadu_epi16(y.add(at).cast())), *sum);
            }
        }
        i += 32;
    }
    while i < n {
        let mask = u16::MAX >> (16 - (n - i).min(16));
        let x = wide(_mm256_maskz_loadu_epi16(mask, x.add(i).cast()));
        for (sum, y) in sums[0].iter_mut().zip(y) {
            *sum = _mm512_fmadd_ps(x, wide(_mm256_maskz_loadu_epi16(mask, y.add(i).cast())), *sum);
        }
        i += 16;
    }
    std::array::from_fn(|j| _mm512_reduce_add_ps(_mm512_add_ps(sums[0][j], sums[1][j])))
}

/// Whether [`four_dots_of_halves`] can run.
#[cfg(target_arch = "x86_64")]
fn wide() -> Option<()> {
    (crate::simd::level() == crate::simd::Level::Avx512).then_some(())
}

/// A bfloat16 whose products are summed two by two, where the processor has an instruction for that: a float32 that the
/// kernels see holds the bits of two neighbours along k.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Pair(half::bf16);

impl Source for Pair {
    type Compute = f32;
    type Plain = half::bf16;
    const STEP: usize = 2;
    #[inline]
    fn kernels() -> &'static Kernels<f32> {
        pairs().unwrap_or_else(<f32 as Compute>::kernels)
    }
    #[inline]
    fn in_steps(p: *const Pair, [rs, cs]: [isize; 2], k: usize) -> bool {
        cs == 1 && rs % 2 == 0 && k.is_multiple_of(2) && (p as usize).is_multiple_of(4)
    }
    #[inline]
    unsafe fn narrow_block(src: *const f32, size: [usize; 2], dst: *mut half::bf16, step: isize, beta: f32) {
        #[cfg(target_arch = "x86_64")]
        if beta == 0.0 && pairs().is_some() {
            return narrow_pairs(src, size, dst.cast(), step);
        }
        narrow_tile::<half::bf16>(src, size, dst, step, beta)
    }
    #[inline(always)]
    unsafe fn read(p: *const Pair, next: isize, last: bool) -> f32 {
        let low = (*p).0.to_bits() as u32;
        let high = if last {
            0
        } else {
            (*p.wrapping_offset(next)).0.to_bits() as u32
        };
        f32::from_bits(low | high << 16)
    }
    #[inline(always)]
    fn widen(self) -> f32 {
        self.0.widen()
    }
    #[inline(always)]
    fn narrow(x: f32) -> Pair {
        Pair(narrow_bf16(x))
    }
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn load8(p: *const Pair) -> __m256i {
        _mm256_loadu_si256(p.cast())
    }
}

/// Branch-free, so that loops over it vectorise: the exponent is moved into place and rebiased by a multiplication,
/// which also normalises subnormals.
#[inline(always)]
fn widen_f16(x: half::f16) -> f32 {
    let bits = x.to_bits() as u32;
    let magnitude = bits & 0x7fff;
    let rebias = f32::from_bits((127 + 112) << 23);
    let finite = (f32::from_bits(magnitude << 13) * rebias).to_bits();
    let special = (magnitude << 13) | 0x7f80_0000;
    let value = if magnitude >= 0x7c00 { special } else { finite };
    f32::from_bits(value | (bits & 0x8000) << 16)
}

/// To nearest even; a NaN stays one.
#[inline(always)]
fn narrow_bf16(x: f32) -> half::bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let nan = (bits >> 16) | 0x40;
    half::bf16::from_bits(if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { rounded } as u16)
}

/// `dst[p * width + l] = src[l * lane_stride + p * step_stride]` for `l < lanes <= width`, `p < steps`.
///
/// A panel of A has its rows as lanes, a panel of B its columns; both have k as steps, `step_stride` from one element to
/// the next.
pub(crate) unsafe fn interleave<S: Source>(
    src: *const S,
    lane_stride: isize,
    lanes: usize,
    step_stride: isize,
    steps: usize,
    dst: *mut S::Compute,
    width: usize,
) {
    interleave_some(src, lane_stride, lanes, step_stride, S::STEP * steps, dst, width);
}

/// As [`interleave`] for `elements` along k, which need not be whole steps: what is missing of the last is zero.
pub(crate) unsafe fn interleave_some<S: Source>(
    src: *const S,
    lane_stride: isize,
    lanes: usize,
    next: isize,
    elements: usize,
    dst: *mut S::Compute,
    width: usize,
) {
    let steps = elements / S::STEP;
    if steps * S::STEP < elements {
        let from = src.wrapping_offset((steps * S::STEP) as isize * next);
        for l in 0..lanes {
            *dst.add(steps * width + l) = S::read(from.wrapping_offset(l as isize * lane_stride), 0, true);
        }
    }
    if lane_stride == 1 {
        runs::<S>(src, lanes, next, steps, dst, width);
        return;
    }
    #[cfg(target_arch = "x86_64")]
    if next == 1 && crate::simd::level() >= crate::simd::Level::Avx2 {
        transpose::<S>(src, lane_stride, lanes, steps, dst, width);
        return;
    }
    scattered(src, lane_stride, lanes, next, steps, dst, width);
}

unsafe fn scattered<S: Source>(
    src: *const S,
    lane_stride: isize,
    lanes: usize,
    next: isize,
    steps: usize,
    dst: *mut S::Compute,
    width: usize,
) {
    for p in 0..steps {
        let from = src.wrapping_offset((p * S::STEP) as isize * next);
        let to = dst.add(p * width);
        for l in 0..lanes {
            *to.add(l) = S::read(from.wrapping_offset(l as isize * lane_stride), next, false);
        }
    }
}

simd_fn! {
    unsafe fn runs<S: Source>(src: *const S, lanes: usize, next: isize, steps: usize, dst: *mut S::Compute, width: usize) {
        for p in 0..steps {
            let from = src.wrapping_offset((p * S::STEP) as isize * next);
            let to = dst.add(p * width);
            for l in 0..lanes {
                *to.add(l) = S::read(from.add(l), next, false);
            }
        }
    }
}

simd_fn! {
    /// [`narrow_row`] for rows of `cols`, dense at `src` and `step` apart at `dst`.
    pub(crate) unsafe fn narrow_tile<S: Source>(
        src: *const S::Compute,
        size: [usize; 2],
        dst: *mut S,
        step: isize,
        beta: S::Compute,
    ) {
        let [rows, cols] = size;
        for i in 0..rows {
            let (src, dst) = (src.add(i * cols), dst.wrapping_offset(i as isize * step));
            if beta == S::Compute::ZERO {
                for j in 0..cols {
                    *dst.add(j) = S::narrow(*src.add(j));
                }
            } else {
                for j in 0..cols {
                    let old = (*dst.add(j)).widen();
                    *dst.add(j) = S::narrow(S::Compute::add(*src.add(j), S::Compute::mul(beta, old)));
                }
            }
        }
    }
}

simd_fn! {
    /// `dst[i] = narrow(src[i])`, and with `beta` not zero `narrow(src[i] + beta * dst[i])`.
    pub(crate) unsafe fn narrow_row<S: Source>(src: *const S::Compute, dst: *mut S, n: usize, beta: S::Compute) {
        if beta == S::Compute::ZERO {
            for i in 0..n {
                *dst.add(i) = S::narrow(*src.add(i));
            }
        } else {
            for i in 0..n {
                let old = (*dst.add(i)).widen();
                *dst.add(i) = S::narrow(S::Compute::add(*src.add(i), S::Compute::mul(beta, old)));
            }
        }
    }
}

/// Lanes whose steps are adjacent in memory: blocks of 8 by 8 (or 4 by 4) through registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn transpose<S: Source>(
    src: *const S,
    lane_stride: isize,
    lanes: usize,
    steps: usize,
    dst: *mut S::Compute,
    width: usize,
) {
    let wide = size_of::<S::Compute>() == 8;
    let block = if wide { 4 } else { 8 };
    let whole = steps / block * block;
    let mut l = 0;
    while l + block <= lanes {
        let from = src.wrapping_offset(l as isize * lane_stride);
        let to = dst.add(l);
        let mut p = 0;
        while p < whole {
            if wide {
                transpose4(
                    from.wrapping_add(p).cast(),
                    lane_stride,
                    to.add(p * width).cast(),
                    width,
                );
            } else {
                transpose8::<S>(
                    from.wrapping_add(p * S::STEP),
                    lane_stride,
                    to.add(p * width).cast(),
                    width,
                );
            }
            p += block;
        }
        l += block;
    }
    let done = l;
    if done > 0 && whole < steps {
        let from = src.wrapping_add(whole * S::STEP);
        scattered(from, lane_stride, done, 1, steps - whole, dst.add(whole * width), width);
    }
    if done < lanes {
        let from = src.wrapping_offset(done as isize * lane_stride);
        scattered(from, lane_stride, lanes - done, 1, steps, dst.add(done), width);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn transpose8<S: Source>(src: *const S, stride: isize, dst: *mut f32, width: usize) {
    let mut r = [_mm256_setzero_ps(); 8];
    for (i, r) in r.iter_mut().enumerate() {
        *r = _mm256_castsi256_ps(S::load8(src.wrapping_offset(i as isize * stride)));
    }
    let mut t = [_mm256_setzero_ps(); 8];
    for i in 0..4 {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for h in 0..2 {
        for i in 0..2 {
            r[4 * h + 2 * i] = _mm256_shuffle_ps::<0x44>(t[4 * h + i], t[4 * h + 2 + i]);
            r[4 * h + 2 * i + 1] = _mm256_shuffle_ps::<0xee>(t[4 * h + i], t[4 * h + 2 + i]);
        }
    }
    for i in 0..4 {
        _mm256_storeu_ps(dst.add(i * width), _mm256_permute2f128_ps::<0x20>(r[i], r[i + 4]));
        _mm256_storeu_ps(dst.add((i + 4) * width), _mm256_permute2f128_ps::<0x31>(r[i], r[i + 4]));
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn transpose4(src: *const f64, stride: isize, dst: *mut f64, width: usize) {
    let load = |i: isize| _mm256_loadu_pd(src.wrapping_offset(i * stride));
    let (r0, r1, r2, r3) = (load(0), load(1), load(2), load(3));
    let (a, b) = (_mm256_unpacklo_pd(r0, r1), _mm256_unpackhi_pd(r0, r1));
    let (c, d) = (_mm256_unpacklo_pd(r2, r3), _mm256_unpackhi_pd(r2, r3));
    _mm256_storeu_pd(dst, _mm256_permute2f128_pd::<0x20>(a, c));
    _mm256_storeu_pd(dst.add(width), _mm256_permute2f128_pd::<0x20>(b, d));
    _mm256_storeu_pd(dst.add(2 * width), _mm256_permute2f128_pd::<0x31>(a, c));
    _mm256_storeu_pd(dst.add(3 * width), _mm256_permute2f128_pd::<0x31>(b, d));
}

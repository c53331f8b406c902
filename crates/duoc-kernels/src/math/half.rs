//! float16 and bfloat16 to float32 and back, many at a time.
//!
//! Widening is exact. Narrowing rounds to nearest, ties to even, overflows to infinity and keeps subnormals. A NaN
//! stays one: float16 as the hardware does (quiet, upper payload bits), bfloat16 as `0x7fc0`, which is PyTorch's.

use crate::simd::{Level, level};

/// The float32 that a bfloat16 stands for.
#[inline(always)]
pub fn bf16_widen(x: u16) -> f32 {
    f32::from_bits((x as u32) << 16)
}

/// The bfloat16 nearest to a float32.
#[inline(always)]
pub fn bf16_narrow(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
    if x.is_nan() { 0x7fc0 } else { rounded }
}

/// The float32 that a float16 stands for.
#[inline(always)]
pub fn f16_widen(x: u16) -> f32 {
    // The exponent field moves over and is rebased by a multiplication, which also normalises subnormals.
    let magnitude = f32::from_bits(((x & 0x7fff) as u32) << 13) * f32::from_bits(0x7780_0000);
    let special = (x & 0x7c00) == 0x7c00;
    let quiet = if x & 0x03ff != 0 { 0x0040_0000 } else { 0 };
    let bits = if special {
        0x7f80_0000 | (((x & 0x03ff) as u32) << 13) | quiet
    } else {
        magnitude.to_bits()
    };
    f32::from_bits(bits | (((x & 0x8000) as u32) << 16))
}

/// The float16 nearest to a float32.
#[inline(always)]
pub fn f16_narrow(x: f32) -> u16 {
    let bits = x.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let magnitude = bits & 0x7fff_ffff;
    // Normal results: rebase the exponent and round the 13 bits that go.
    let normal = (magnitude
        .wrapping_sub(0x3800_0000)
        .wrapping_add(0x0fff + ((magnitude >> 13) & 1))
        >> 13) as u16;
    // Subnormal results: adding 0.5 leaves the value in units of 2^-24 in the low bits, rounded by the addition.
    let small = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3f00_0000) as u16;
    let nan = (0x7e00 | ((magnitude >> 13) & 0x03ff)) as u16;
    let finite = if magnitude < 0x3880_0000 { small } else { normal };
    let value = if magnitude >= 0x4780_0000 { 0x7c00 } else { finite };
    sign | if magnitude > 0x7f80_0000 { nan } else { value }
}

/// Widens `n` bfloat16 at `from` to float32 at `to`; the two must not overlap.
pub unsafe fn bf16_to_f32(from: *const u16, to: *mut f32, n: usize) {
    #[cfg(target_arch = "x86_64")]
    match level() {
        Level::Avx512 => return x86::widen::<x86::Brain>(from, to, n),
        Level::Avx2 => return x86::bf16_to_f32(from, to, n),
        Level::Portable => {}
    }
    widen(
        std::slice::from_raw_parts(from, n),
        std::slice::from_raw_parts_mut(to, n),
    );
}

/// Narrows `n` float32 at `from` to bfloat16 at `to`; the two must not overlap.
pub unsafe fn f32_to_bf16(from: *const f32, to: *mut u16, n: usize) {
    #[cfg(target_arch = "x86_64")]
    match level() {
        Level::Avx512 => return x86::narrow::<x86::Brain>(from, to, n),
        Level::Avx2 => return x86::f32_to_bf16(from, to, n),
        Level::Portable => {}
    }
    narrow(
        std::slice::from_raw_parts(from, n),
        std::slice::from_raw_parts_mut(to, n),
    );
}

#[inline(always)]
fn widen(from: &[u16], to: &mut [f32]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t = bf16_widen(*f);
    }
}

#[inline(always)]
fn narrow(from: &[f32], to: &mut [u16]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t = bf16_narrow(*f);
    }
}

/// Widens `n` float16 at `from` to float32 at `to`; the two must not overlap.
pub unsafe fn f16_to_f32(from: *const u16, to: *mut f32, n: usize) {
    #[cfg(target_arch = "x86_64")]
    match level() {
        Level::Avx512 => return x86::widen::<x86::Ieee>(from, to, n),
        Level::Avx2 => return x86::f16_to_f32(from, to, n),
        Level::Portable => {}
    }
    for i in 0..n {
        *to.add(i) = f16_widen(*from.add(i));
    }
}

/// Narrows `n` float32 at `from` to float16 at `to`; the two must not overlap.
pub unsafe fn f32_to_f16(from: *const f32, to: *mut u16, n: usize) {
    #[cfg(target_arch = "x86_64")]
    match level() {
        Level::Avx512 => return x86::narrow::<x86::Ieee>(from, to, n),
        Level::Avx2 => return x86::f32_to_f16(from, to, n),
        Level::Portable => {}
    }
    for i in 0..n {
        *to.add(i) = f16_narrow(*from.add(i));
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    //! The conversions with vector instructions. Inline functions here are for callers with AVX-512 switched on.

    use std::arch::x86_64::*;

    /// A 16-bit format, sixteen numbers at a time.
    pub(crate) trait Format {
        /// The sixteen numbers as float32.
        unsafe fn widen(bits: __m256i) -> __m512;
        /// Sixteen float32, rounded.
        unsafe fn narrow(x: __m512) -> __m256i;
    }

    /// bfloat16.
    pub(crate) struct Brain;
    /// float16.
    pub(crate) struct Ieee;

    impl Format for Brain {
        #[inline(always)]
        unsafe fn widen(bits: __m256i) -> __m512 {
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(bits)))
        }
        #[inline(always)]
        unsafe fn narrow(x: __m512) -> __m256i {
            let bits = _mm512_castps_si512(x);
            let odd = _mm512_and_si512(_mm512_srli_epi32::<16>(bits), _mm512_set1_epi32(1));
            let rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
            let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(x, x);
            let y = _mm512_mask_mov_epi32(rounded, nan, _mm512_set1_epi32(0x7fc0_0000));
            _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(y))
        }
    }

    impl Format for Ieee {
        #[inline(always)]
        unsafe fn widen(bits: __m256i) -> __m512 {
            _mm512_cvtph_ps(bits)
        }
        #[inline(always)]
        unsafe fn narrow(x: __m512) -> __m256i {
            _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(x)
        }
    }

    /// The mask of the first `n` of sixteen.
    #[inline(always)]
    pub(crate) fn first(n: usize) -> u16 {
        ((1u32 << n) - 1) as u16
    }

    #[target_feature(enable = "avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) unsafe fn widen<F: Format>(from: *const u16, to: *mut f32, n: usize) {
        let mut i = 0;
        while i + 16 <= n {
            _mm512_storeu_ps(to.add(i), F::widen(_mm256_loadu_si256(from.add(i).cast())));
            i += 16;
        }
        if i < n {
            let m = first(n - i);
            let x = F::widen(_mm256_maskz_loadu_epi16(m, from.add(i).cast()));
            _mm512_mask_storeu_ps(to.add(i), m, x);
        }
    }

    #[target_feature(enable = "avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) unsafe fn narrow<F: Format>(from: *const f32, to: *mut u16, n: usize) {
        let mut i = 0;
        while i + 16 <= n {
            _mm256_storeu_si256(to.add(i).cast(), F::narrow(_mm512_loadu_ps(from.add(i))));
            i += 16;
        }
        if i < n {
            let m = first(n - i);
            let x = F::narrow(_mm512_maskz_loadu_ps(m, from.add(i)));
            _mm256_mask_storeu_epi16(to.add(i).cast(), m, x);
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn bf16_to_f32(from: *const u16, to: *mut f32, n: usize) {
        super::widen(
            std::slice::from_raw_parts(from, n),
            std::slice::from_raw_parts_mut(to, n),
        );
    }

    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn f32_to_bf16(from: *const f32, to: *mut u16, n: usize) {
        super::narrow(
            std::slice::from_raw_parts(from, n),
            std::slice::from_raw_parts_mut(to, n),
        );
    }

    #[target_feature(enable = "avx2,f16c")]
    pub(super) unsafe fn f16_to_f32(from: *const u16, to: *mut f32, n: usize) {
        let mut i = 0;
        while i + 8 <= n {
            _mm256_storeu_ps(to.add(i), _mm256_cvtph_ps(_mm_loadu_si128(from.add(i).cast())));
            i += 8;
        }
        while i < n {
            *to.add(i) = super::f16_widen(*from.add(i));
            i += 1;
        }
    }

    #[target_feature(enable = "avx2,f16c")]
    pub(super) unsafe fn f32_to_f16(from: *const f32, to: *mut u16, n: usize) {
        let mut i = 0;
        while i + 8 <= n {
            let h = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(from.add(i)));
            _mm_storeu_si128(to.add(i).cast(), h);
            i += 8;
        }
        while i < n {
            *to.add(i) = super::f16_narrow(*from.add(i));
            i += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_survives_both_ways() {
        for x in 0..=u16::MAX {
            let plain = half::f16::from_bits(x);
            let wide = f16_widen(x);
            assert!(wide == plain.to_f32() || (wide.is_nan() && plain.is_nan()), "{x:#x}");
            if !wide.is_nan() {
                assert_eq!(f16_narrow(wide), x);
            }
            let brain = half::bf16::from_bits(x);
            assert!(bf16_widen(x) == brain.to_f32() || brain.is_nan());
            if !brain.is_nan() {
                assert_eq!(bf16_narrow(bf16_widen(x)), x);
            }
        }
    }

    #[test]
    fn narrowing_rounds_to_nearest_even_in_every_path() {
        let values: Vec<f32> = (0..u32::MAX).step_by(65_521).map(f32::from_bits).collect();
        let n = values.len();
        let (mut h, mut b) = (vec![0u16; n], vec![0u16; n]);
        unsafe {
            f32_to_f16(values.as_ptr(), h.as_mut_ptr(), n);
            f32_to_bf16(values.as_ptr(), b.as_mut_ptr(), n);
        }
        for (i, v) in values.iter().enumerate() {
            assert_eq!(h[i], f16_narrow(*v), "{v:e}");
            assert_eq!(b[i], bf16_narrow(*v), "{v:e}");
            if !v.is_nan() {
                assert_eq!(h[i], half::f16::from_f32(*v).to_bits(), "{v:e}");
                assert_eq!(b[i], half::bf16::from_f32(*v).to_bits(), "{v:e}");
            }
        }
    }
}

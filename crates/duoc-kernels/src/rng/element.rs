//! Storing drawn numbers as elements of a dtype, with C++'s conversions.

use half::{bf16, f16};

/// An element type and the conversions PyTorch's kernels end with.
pub(super) trait Element: Copy + PartialEq + 'static {
    /// `static_cast<T>(float)`; half types round to nearest, even.
    fn of_f32(x: f32) -> Self;
    /// `static_cast<T>(double)`; half types go through `float`.
    fn of_f64(x: f64) -> Self;
    /// `static_cast<T>(int64_t)`; half types go through `float`.
    fn of_i64(x: i64) -> Self;
    /// As a double.
    fn wide(self) -> f64;
    /// `==` on numbers that are not NaN.
    #[inline(always)]
    fn same(self, other: Self) -> bool {
        self == other
    }
}

macro_rules! ints {
    ($($T:ident)+) => {$(
        impl Element for $T {
            #[inline(always)]
            fn of_f32(x: f32) -> Self { x as i64 as $T }
            #[inline(always)]
            fn of_f64(x: f64) -> Self { x as i64 as $T }
            #[inline(always)]
            fn of_i64(x: i64) -> Self { x as $T }
            #[inline(always)]
            fn wide(self) -> f64 { self as f64 }
        }
    )+};
}
ints!(u8 i8 i16 i32 i64 u16 u32 u64);

macro_rules! floats {
    ($($T:ident)+) => {$(
        impl Element for $T {
            #[inline(always)]
            fn of_f32(x: f32) -> Self { x as $T }
            #[inline(always)]
            fn of_f64(x: f64) -> Self { x as $T }
            #[inline(always)]
            fn of_i64(x: i64) -> Self { x as $T }
            #[inline(always)]
            fn wide(self) -> f64 { self as f64 }
        }
    )+};
}
floats!(f32 f64);

macro_rules! halves {
    ($($T:ident $round:ident)+) => {$(
        impl Element for $T {
            #[inline(always)]
            fn of_f32(x: f32) -> Self { $round(x) }
            #[inline(always)]
            fn of_f64(x: f64) -> Self { $round(x as f32) }
            #[inline(always)]
            fn of_i64(x: i64) -> Self { $round(x as f32) }
            #[inline(always)]
            fn wide(self) -> f64 { self.to_f32() as f64 }
            #[inline(always)]
            fn same(self, other: Self) -> bool {
                let (a, b) = (self.to_bits(), other.to_bits());
                a == b || (a | b) & 0x7fff == 0
            }
        }
    )+};
}
halves!(f16 round_f16 bf16 round_bf16);

/// Nearest half, ties to even. Branch-free, so that loops around it vectorise.
#[inline(always)]
fn round_f16(x: f32) -> f16 {
    let bits = x.to_bits();
    let sign = bits & 0x8000_0000;
    let magnitude = bits ^ sign;
    // Adding half of the last place, or just under when the kept part is even, and cutting 13 bits rounds; the
    // exponent bias changes by 112.
    let normal = magnitude.wrapping_add(0xc800_0fff).wrapping_add((magnitude >> 13) & 1) >> 13;
    // One half has the last place of the smallest half, so the addition itself rounds subnormals.
    let subnormal = (f32::from_bits(magnitude) + 0.5).to_bits().wrapping_sub(0x3f00_0000);
    let special = if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 };
    let finite = if magnitude < 0x3880_0000 { subnormal } else { normal };
    let rounded = if magnitude >= 0x4780_0000 { special } else { finite };
    f16::from_bits((sign >> 16 | rounded) as u16)
}

/// Nearest bfloat16, ties to even. Branch-free, so that loops around it vectorise.
#[inline(always)]
fn round_bf16(x: f32) -> bf16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let quiet = if bits & 0x7fff_ffff > 0x7f80_0000 {
        0x7fc0
    } else {
        rounded
    };
    bf16::from_bits(quiet as u16)
}

impl Element for bool {
    #[inline(always)]
    fn of_f32(x: f32) -> Self {
        x != 0.0
    }
    #[inline(always)]
    fn of_f64(x: f64) -> Self {
        x != 0.0
    }
    #[inline(always)]
    fn of_i64(x: i64) -> Self {
        x != 0
    }
    #[inline(always)]
    fn wide(self) -> f64 {
        self as u8 as f64
    }
}

/// Writes `f(i)` to the `n` elements at `dst`, `stride` bytes apart.
///
/// The contiguous case has its own loop so that it vectorises.
#[inline(always)]
pub(super) unsafe fn store<T: Element>(dst: *mut u8, stride: isize, n: usize, f: impl Fn(usize) -> T) {
    if stride == size_of::<T>() as isize {
        let dst = dst as *mut T;
        for i in 0..n {
            dst.add(i).write_unaligned(f(i));
        }
    } else {
        for i in 0..n {
            (dst.offset(i as isize * stride) as *mut T).write_unaligned(f(i));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_halves() {
        let mut bits = 0u32;
        for _ in 0..200_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Exponents around the range of halves, every mantissa, and the exact ties.
            let near = (bits & 0x8000_ffff) | (((bits >> 3) & 0x0fff_0000) + 0x3500_0000);
            for b in [
                bits,
                near,
                near & !0x0fff,
                (near & !0x1fff) | 0x1000,
                (near & !0xffff) | 0x8000,
            ] {
                let x = f32::from_bits(b);
                if !x.is_nan() {
                    assert_eq!(round_f16(x).to_bits(), f16::from_f32(x).to_bits(), "{b:08x}");
                    assert_eq!(round_bf16(x).to_bits(), bf16::from_f32(x).to_bits(), "{b:08x}");
                }
            }
        }
        assert!(round_f16(f32::NAN).is_nan() && round_bf16(f32::NAN).is_nan());
    }
}

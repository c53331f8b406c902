//! The element types as the kernels compute with them.

use crate::math::{double, single};
use std::ops::{Add, Div, Mul, Neg, Sub};

use super::Params;

/// Integers (wrapping) and floats.
pub(super) trait Num: Copy + PartialEq + PartialOrd {
    /// Builds that a plain kernel of this type is worth: see the maps.
    const LEVELS: u8;
    const ZERO: Self;
    const ONE: Self;
    fn plus(self, o: Self) -> Self;
    fn minus(self, o: Self) -> Self;
    fn times(self, o: Self) -> Self;
    fn negated(self) -> Self;
    fn magnitude(self) -> Self;
    /// `self + alpha * o`, fused for floats as PyTorch's vector kernel does it.
    fn plus_scaled(self, o: Self, alpha: Self) -> Self;
    /// `self - alpha * o`, fused likewise.
    fn minus_scaled(self, o: Self, alpha: Self) -> Self;
    /// Whether the sign bit is set (integers: whether the value is negative).
    fn sign_bit(self) -> bool;
    /// Scalar `k` of the parameters in this type.
    fn scalar(p: &Params, k: usize) -> Self;
    /// Whether the value is a NaN.
    fn nan(self) -> bool;
}

/// A division of integers.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Division {
    Floor,
    Trunc,
    Remainder,
    Fmod,
}

/// Integers. Divisions go through a float that holds both operands, which is how they become vector code; they are
/// exact where [`Int::is_wide`] denies, and [`Int::divide`] does every pair.
pub(super) trait Int: Num {
    /// Whether some operands are too wide for the float.
    const HAS_WIDE: bool;
    fn is_wide(self) -> bool;
    fn divide(self, o: Self, how: Division) -> Self;
    fn and(self, o: Self) -> Self;
    fn or(self, o: Self) -> Self;
    fn xor(self, o: Self) -> Self;
    fn not(self) -> Self;
    fn shl(self, o: Self) -> Self;
    fn shr(self, o: Self) -> Self;
    fn div_trunc(self, o: Self) -> Self;
    fn div_floor(self, o: Self) -> Self;
    fn rem_trunc(self, o: Self) -> Self;
    fn rem_floor(self, o: Self) -> Self;
    fn power(self, o: Self) -> Self;
    fn gcd(self, o: Self) -> Self;
    fn lcm(self, o: Self) -> Self;
}

macro_rules! int {
    ($($t:ident $signed:literal $float:ident $middle:ident $wide:literal;)+) => {$(
        impl Num for $t {
            const LEVELS: u8 = 2;
            const ZERO: $t = 0;
            const ONE: $t = 1;
            #[inline(always)] fn plus(self, o: $t) -> $t { self.wrapping_add(o) }
            #[inline(always)] fn minus(self, o: $t) -> $t { self.wrapping_sub(o) }
            #[inline(always)] fn times(self, o: $t) -> $t { self.wrapping_mul(o) }
            #[inline(always)] fn negated(self) -> $t { (0 as $t).wrapping_sub(self) }
            #[inline(always)] #[allow(unused_comparisons)]
            fn magnitude(self) -> $t { if self < 0 { (0 as $t).wrapping_sub(self) } else { self } }
            #[inline(always)] fn plus_scaled(self, o: $t, alpha: $t) -> $t { self.wrapping_add(o.wrapping_mul(alpha)) }
            #[inline(always)] fn minus_scaled(self, o: $t, alpha: $t) -> $t { self.wrapping_sub(o.wrapping_mul(alpha)) }
            #[inline(always)] #[allow(unused_comparisons)] fn sign_bit(self) -> bool { self < 0 }
            #[inline(always)] fn scalar(p: &Params, k: usize) -> $t { p.i[k] as $t }
            #[inline(always)] fn nan(self) -> bool { false }
        }
        impl Int for $t {
            #[inline(always)] fn and(self, o: $t) -> $t { self & o }
            #[inline(always)] fn or(self, o: $t) -> $t { self | o }
            #[inline(always)] fn xor(self, o: $t) -> $t { self ^ o }
            #[inline(always)] fn not(self) -> $t { !self }
            // A count out of range shifts everything out: zero, or the sign for a right shift.
            #[inline(always)] #[allow(unused_comparisons)]
            fn shl(self, o: $t) -> $t {
                let inside = o >= 0 && (o as u64) < <$t>::BITS as u64;
                if inside { self.wrapping_shl(o as u32) } else { 0 }
            }
            #[inline(always)] #[allow(unused_comparisons)]
            fn shr(self, o: $t) -> $t {
                let inside = o >= 0 && (o as u64) < <$t>::BITS as u64;
                let sign = if self < 0 { (0 as $t).wrapping_sub(1) } else { 0 };
                if inside { self.wrapping_shr(o as u32) } else { sign }
            }
            // Division by zero is refused before the kernel; here it only must not trap, nor may MIN / -1.
            const HAS_WIDE: bool = $wide;
            #[inline(always)]
            fn is_wide(self) -> bool { $wide && (self as i64).unsigned_abs() >= 1 << 51 }
            #[inline(always)]
            fn div_trunc(self, o: $t) -> $t {
                let minus_one = $signed && o == (0 as $t).wrapping_sub(1);
                let plain = if o == 0 || minus_one { 1 } else { o };
                // Wide ones are done again.
                let narrow = if Int::is_wide(self) { 0 } else { self };
                let q = narrow as $float / plain as $float;
                // SAFETY: a quotient of two such integers fits into the wider one.
                let q = unsafe { q.to_int_unchecked::<$middle>() } as $t;
                let q = if minus_one { (0 as $t).wrapping_sub(self) } else { q };
                if o == 0 { 0 } else { q }
            }
            #[inline(always)]
            fn rem_trunc(self, o: $t) -> $t {
                let r = self.wrapping_sub(Int::div_trunc(self, o).wrapping_mul(o));
                if o == 0 { 0 } else { r }
            }
            #[inline(always)] #[allow(unused_comparisons)]
            fn div_floor(self, o: $t) -> $t {
                let q = Int::div_trunc(self, o);
                let r = self.wrapping_sub(q.wrapping_mul(o));
                let down = (r != 0) & ((r < 0) != (o < 0)) & (o != 0);
                q.wrapping_sub(down as $t)
            }
            #[inline(always)] #[allow(unused_comparisons)]
            fn rem_floor(self, o: $t) -> $t {
                let r = Int::rem_trunc(self, o);
                if (r != 0) & ((r < 0) != (o < 0)) { r.wrapping_add(o) } else { r }
            }
            #[allow(unused_comparisons)]
            fn divide(self, o: $t, how: Division) -> $t {
                if o == 0 { return 0; }
                let (q, r) = (self.wrapping_div(o), self.wrapping_rem(o));
                let down = r != 0 && ((r < 0) != (o < 0));
                match how {
                    Division::Trunc => q,
                    Division::Fmod => r,
                    Division::Floor => if down { q.wrapping_sub(1) } else { q },
                    Division::Remainder => if down { r.wrapping_add(o) } else { r },
                }
            }
            #[inline(always)] #[allow(unused_comparisons)]
            fn power(self, o: $t) -> $t {
                if o < 0 {
                    let odd = o & 1 != 0;
                    return if self == 1 { 1 } else if $signed && self == (0 as $t).wrapping_sub(1) {
                        if odd { self } else { 1 }
                    } else { 0 };
                }
                let (mut base, mut left, mut result) = (self, o, 1 as $t);
                while left > 0 {
                    if left & 1 == 1 { result = result.wrapping_mul(base); }
                    base = base.wrapping_mul(base);
                    left >>= 1;
                }
                result
            }
            #[inline(always)]
            fn gcd(self, o: $t) -> $t {
                let (mut a, mut b) = (self.magnitude(), o.magnitude());
                while a != 0 { (a, b) = (b.wrapping_rem(a), a); }
                b
            }
            #[inline(always)]
            fn lcm(self, o: $t) -> $t {
                let g = Int::gcd(self, o);
                if g == 0 { return 0; }
                let q = self.wrapping_div(g);
                // Narrow integers multiply as C's `int` does; only the result is cut.
                if <$t>::BITS < 32 { (q as i64).wrapping_mul(o as i64).magnitude() as $t } else { q.wrapping_mul(o).magnitude() }
            }
        }
    )+};
}

// Quotients of 16-bit integers are exact after truncation in float32, those below 2^51 in float64: a quotient that is
// not whole is further from the next whole number than the rounding moves it.
int! {
    u8 false f32 i32 false;
    i8 true f32 i32 false;
    i16 true f32 i32 false;
    i32 true f64 i32 false;
    i64 true f64 i64 true;
    u16 false f32 i32 false;
    u32 false f64 i64 false;
    u64 false f64 i64 true;
}

/// Floats that kernels compute in.
pub(super) trait Real:
    Num + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self> + Neg<Output = Self>
{
    const NAN: Self;
    const INFINITY: Self;
    fn of(x: f64) -> Self;
    fn fma(self, m: Self, a: Self) -> Self;
    fn ceil(self) -> Self;
    fn floor(self) -> Self;
    fn round(self) -> Self;
    fn trunc(self) -> Self;
    fn sqrt(self) -> Self;
    fn copysign(self, sign: Self) -> Self;
    fn exp(self) -> Self;
    fn exp2(self) -> Self;
    fn expm1(self) -> Self;
    fn log(self) -> Self;
    fn log2(self) -> Self;
    fn log10(self) -> Self;
    fn log1p(self) -> Self;
    fn sin(self) -> Self;
    fn cos(self) -> Self;
    fn tan(self) -> Self;
    fn asin(self) -> Self;
    fn acos(self) -> Self;
    fn atan(self) -> Self;
    fn sinh(self) -> Self;
    fn cosh(self) -> Self;
    fn tanh(self) -> Self;
    fn asinh(self) -> Self;
    fn acosh(self) -> Self;
    fn atanh(self) -> Self;
    fn erf(self) -> Self;
    fn erfc(self) -> Self;
    fn sigmoid(self) -> Self;
    fn normal_cdf(self) -> Self;
    fn atan2(self, x: Self) -> Self;
    fn hypot(self, o: Self) -> Self;
    fn pow(self, e: Self) -> Self;
    fn fmod(self, o: Self) -> Self;
    /// Whether `fmod` of the pair is left to [`Real::slow_fmod`].
    fn is_rare_fmod(self, o: Self) -> bool;
    fn slow_fmod(self, o: Self) -> Self;
    /// Whether the angle is left to the `slow` functions.
    fn is_large_angle(self) -> bool;
    fn slow_sin(self) -> Self;
    fn slow_cos(self) -> Self;
    fn slow_tan(self) -> Self;
}

macro_rules! real {
    ($($t:ident $m:ident)+) => {$(
        impl Num for $t {
            const LEVELS: u8 = 3;
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            #[inline(always)] fn plus(self, o: $t) -> $t { self + o }
            #[inline(always)] fn minus(self, o: $t) -> $t { self - o }
            #[inline(always)] fn times(self, o: $t) -> $t { self * o }
            #[inline(always)] fn negated(self) -> $t { -self }
            #[inline(always)] fn magnitude(self) -> $t { self.abs() }
            #[inline(always)] fn plus_scaled(self, o: $t, alpha: $t) -> $t { o.mul_add(alpha, self) }
            #[inline(always)] fn minus_scaled(self, o: $t, alpha: $t) -> $t { o.mul_add(-alpha, self) }
            #[inline(always)] fn sign_bit(self) -> bool { self.is_sign_negative() }
            #[inline(always)] fn scalar(p: &Params, k: usize) -> $t { p.f[k] as $t }
            #[inline(always)] fn nan(self) -> bool { self.is_nan() }
        }
        impl Real for $t {
            const NAN: $t = <$t>::NAN;
            const INFINITY: $t = <$t>::INFINITY;
            #[inline(always)] fn of(x: f64) -> $t { x as $t }
            #[inline(always)] fn fma(self, m: $t, a: $t) -> $t { self.mul_add(m, a) }
            #[inline(always)] fn exp(self) -> $t { $m::exp(self) }
            #[inline(always)] fn ceil(self) -> $t { self.ceil() }
            #[inline(always)] fn floor(self) -> $t { self.floor() }
            #[inline(always)] fn round(self) -> $t { self.round_ties_even() }
            #[inline(always)] fn trunc(self) -> $t { self.trunc() }
            #[inline(always)] fn sqrt(self) -> $t { self.sqrt() }
            #[inline(always)] fn copysign(self, sign: $t) -> $t { self.copysign(sign) }
            #[inline(always)] fn exp2(self) -> $t { $m::exp2(self) }
            #[inline(always)] fn expm1(self) -> $t { $m::expm1(self) }
            #[inline(always)] fn log(self) -> $t { $m::log(self) }
            #[inline(always)] fn log2(self) -> $t { $m::log2(self) }
            #[inline(always)] fn log10(self) -> $t { $m::log10(self) }
            #[inline(always)] fn log1p(self) -> $t { $m::log1p(self) }
            #[inline(always)] fn sin(self) -> $t { $m::sin(self) }
            #[inline(always)] fn cos(self) -> $t { $m::cos(self) }
            #[inline(always)] fn tan(self) -> $t { $m::tan(self) }
            #[inline(always)] fn asin(self) -> $t { $m::asin(self) }
            #[inline(always)] fn acos(self) -> $t { $m::acos(self) }
            #[inline(always)] fn atan(self) -> $t { $m::atan(self) }
            #[inline(always)] fn sinh(self) -> $t { $m::sinh(self) }
            #[inline(always)] fn cosh(self) -> $t { $m::cosh(self) }
            #[inline(always)] fn tanh(self) -> $t { $m::tanh(self) }
            #[inline(always)] fn asinh(self) -> $t { $m::asinh(self) }
            #[inline(always)] fn acosh(self) -> $t { $m::acosh(self) }
            #[inline(always)] fn atanh(self) -> $t { $m::atanh(self) }
            #[inline(always)] fn erf(self) -> $t { $m::erf(self) }
            #[inline(always)] fn erfc(self) -> $t { $m::erfc(self) }
            #[inline(always)] fn sigmoid(self) -> $t { $m::sigmoid(self) }
            #[inline(always)] fn normal_cdf(self) -> $t { $m::normal_cdf(self) }
            #[inline(always)] fn atan2(self, x: $t) -> $t { $m::atan2(self, x) }
            #[inline(always)] fn hypot(self, o: $t) -> $t { $m::hypot(self, o) }
            #[inline(always)] fn pow(self, e: $t) -> $t { $m::pow(self, e) }
            #[inline(always)] fn fmod(self, o: $t) -> $t { $m::fmod(self, o) }
            #[inline(always)] fn is_rare_fmod(self, o: $t) -> bool { $m::is_rare_fmod(self, o) }
            fn slow_fmod(self, o: $t) -> $t { self % o }
            #[inline(always)] fn is_large_angle(self) -> bool { $m::is_large_angle(self) }
            fn slow_sin(self) -> $t { (self as f64).sin() as $t }
            fn slow_cos(self) -> $t { (self as f64).cos() as $t }
            fn slow_tan(self) -> $t { (self as f64).tan() as $t }
        }
    )+};
}

real! { f32 single f64 double }

//! float64 functions.
//!
//! All are branch-free, so that loops over them become vector code, and stay within one unit in the last place (two
//! for functions of two arguments and the inverse hyperbolic ones). [`single`](super::single) computes its rarer
//! functions with these.
//!
//! Polynomial coefficients are minimax fits (Remez) of the function named beside them on the stated interval.

mod hyperbolic;
mod inverse;
mod power;

pub use hyperbolic::{cosh, expm1, sinh, tanh};
pub use inverse::{acos, acosh, asin, asinh, atan, atan2, atanh};
pub use power::{fmod, hypot, is_rare_fmod, log2, log10, pow};

use std::f64::consts::{FRAC_2_PI, LOG2_E};

/// Adding it leaves the nearest whole number in the low bits of the sum: `1.5 * 2^52`.
const MAGIC: f64 = 6_755_399_441_055_744.0;
/// `ln 2`, the upper bits; few enough that products with an exponent are exact.
const LN2_HI: f64 = 6.931_471_803_691_238_16e-1;
/// `ln 2` less [`LN2_HI`].
const LN2_LO: f64 = 1.908_214_929_270_587_70e-10;

/// `(e^r - 1 - r) / r^2` for `|r| <= ln(2) / 2`, error 2^-58.
const EXP: [f64; 10] = [
    0.5000000000000013,
    0.166666666666667,
    0.04166666666651447,
    0.008333333333307099,
    0.0013888888947300685,
    0.0001984126991756556,
    2.4801489614655763e-05,
    2.7557216167004338e-06,
    2.7631407547833663e-07,
    2.5117898710573707e-08,
];

/// `(ln((1 + s) / (1 - s)) - 2 s) / s^3` in `s^2` for `|s| <= 3 - 2 sqrt 2`, error 2^-58.
const LOG: [f64; 7] = [
    0.6666666666666735,
    0.3999999999941272,
    0.2857142874292598,
    0.2222219850720226,
    0.18183568300594455,
    0.15313935531449335,
    0.14797226736830424,
];

/// `(sin r - r) / r^3` in `r^2` for `|r| <= pi / 4`, error 2^-58.
const SIN: [f64; 6] = [
    -0.16666666666666632,
    0.008333333333322328,
    -0.00019841269829733594,
    2.7557313664285544e-06,
    -2.505075352307011e-08,
    1.589651565128299e-10,
];

/// `(cos r - 1 + r^2 / 2) / r^4` in `r^2` for `|r| <= pi / 4`, error 2^-64.
const COS: [f64; 6] = [
    0.0416666666666666,
    -0.0013888888888873997,
    2.4801587289398e-05,
    -2.7557314326746065e-07,
    2.0875719638151473e-09,
    -1.1359452078752845e-11,
];

/// `erf(x) / x` in `x^2` for `|x| <= 1`, error 2^-63.
const ERF: [f64; 13] = [
    1.1283791670955126,
    -0.3761263890318375,
    0.11283791670954885,
    -0.026866170645077875,
    0.005223977624828431,
    -0.0008548326981425542,
    0.0001205533113295582,
    -1.4925595772180906e-05,
    1.64610084778027e-06,
    -1.6350396222864617e-07,
    1.466032872274226e-08,
    -1.137495573607015e-09,
    5.960685338520971e-11,
];

/// `(1 + 2 x) e^(x^2) erfc x` in `(x - 3) / (x + 3)` for `0.45 <= x <= 28`, error 2^-57.
const ERFCX: [f64; 22] = [
    1.2530080582697296,
    -0.13562110612458134,
    -0.047562294353448685,
    0.12964515870278281,
    -0.11927366341544761,
    0.06830802734312452,
    -0.02377051491493036,
    0.002529391831088093,
    0.0018886903069712639,
    -0.000779832416811453,
    -0.00010515936228391007,
    0.00012510018501393392,
    4.947163552973079e-06,
    -2.010353760673065e-05,
    -7.235110158822362e-07,
    3.4789583759334637e-06,
    3.389263810504937e-07,
    -6.250639575203235e-07,
    -1.1626555462614797e-07,
    1.070493392678449e-07,
    2.0802268352289912e-08,
    -1.3468175345952735e-08,
];

/// Horner's rule, coefficients from the constant up, at most 24 of them.
///
/// Written out: a loop in here would keep LLVM from vectorising the loop around it.
#[inline(always)]
pub(super) fn polynomial<const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let mut y = c[N - 1];
    macro_rules! step {
        ($($k:literal)+) => {$(
            if $k + 1 < N {
                y = y.mul_add(x, c[$k]);
            }
        )+};
    }
    step!(22 21 20 19 18 17 16 15 14 13 12 11 10 9 8 7 6 5 4 3 2 1 0);
    y
}

/// `2^k` for `-1022 <= k <= 1023`.
#[inline(always)]
pub(super) fn power_of_two(k: i64) -> f64 {
    f64::from_bits((k.wrapping_add(1023) as u64) << 52)
}

/// The whole number nearest to `x` in both forms, for `|x| < 2^50`.
#[inline(always)]
pub(super) fn nearest(x: f64) -> (f64, i64) {
    let t = x + MAGIC;
    (t - MAGIC, t.to_bits().wrapping_sub(MAGIC.to_bits()) as i64)
}

/// `x` inside `[low, high]`, NaN kept.
#[inline(always)]
pub(super) fn limit(x: f64, low: f64, high: f64) -> f64 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// `x - n ln 2` with the nearest whole `n`.
#[inline(always)]
fn reduce_exp(x: f64) -> (f64, f64, i64) {
    let (n, k) = nearest(x * LOG2_E);
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    (r, n, k)
}

/// `e^x`.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let (r, n, k) = reduce_exp(limit(x, -746.0, 710.0));
    let p = (r * r).mul_add(polynomial(r, &EXP), r) + 1.0;
    // In two steps, so that neither factor leaves the range before the product does.
    let (_, half) = nearest(n * 0.5);
    p * power_of_two(half) * power_of_two(k.wrapping_sub(half))
}

/// `(f, n)` with `x = 2^n (1 + f)` and `1 + f` in `[sqrt(1/2), sqrt 2)`, for positive normal `x`.
#[inline(always)]
pub(super) fn split(x: f64) -> (f64, f64) {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let bits = x.to_bits();
    let biased = bits.wrapping_add(0x3ff0_0000_0000_0000 - SQRT_HALF) >> 52;
    let m = f64::from_bits(bits.wrapping_sub(biased.wrapping_sub(1023) << 52));
    // The biased exponent in the low bits of 2^52.
    let n = f64::from_bits(biased | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    (m - 1.0, n)
}

/// `ln(2^n (1 + f)) + low`.
#[inline(always)]
fn log_of_parts(f: f64, n: f64, low: f64) -> f64 {
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * polynomial(z, &LOG);
    let h = 0.5 * f * f;
    n.mul_add(LN2_HI, f - (h - s.mul_add(h + r, n.mul_add(LN2_LO, low))))
}

/// [`split`] for any positive finite `x`.
#[inline(always)]
fn split_any(x: f64) -> (f64, f64) {
    let tiny = x < f64::MIN_POSITIVE;
    let (f, n) = split(if tiny { x * 18_014_398_509_481_984.0 } else { x });
    (f, if tiny { n - 54.0 } else { n })
}

/// A logarithm's value at infinity, at zero and below.
#[inline(always)]
fn log_special(x: f64, y: f64) -> f64 {
    let y = if x == f64::INFINITY { x } else { y };
    let y = if x == 0.0 { f64::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f64::NAN }
}

/// `ln x`.
#[inline(always)]
pub fn log(x: f64) -> f64 {
    let (f, n) = split_any(x);
    log_special(x, log_of_parts(f, n, 0.0))
}

/// `ln(1 + x + low)` for finite `x > -1` and a `low` that is small beside `x`.
#[inline(always)]
fn log1p_parts(x: f64, low: f64) -> f64 {
    let u = 1.0 + x;
    let (f, n) = split(u);
    // What the sum has lost, relative to it.
    let lost = if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
    let exact = n == 0.0;
    let rest = if exact { low } else { lost + low };
    let f = if exact { x } else { f };
    log_of_parts(f, n, rest / (1.0 + x))
}

/// `ln(1 + x)`.
#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let y = log1p_parts(x, 0.0);
    let y = if x == f64::INFINITY || x == 0.0 { x } else { y };
    let y = if x == -1.0 { f64::NEG_INFINITY } else { y };
    if x >= -1.0 { y } else { f64::NAN }
}

/// `2^x`.
#[inline(always)]
pub fn exp2(x: f64) -> f64 {
    let z = limit(x, -1080.0, 1025.0);
    let (n, k) = nearest(z);
    let (_, half) = nearest(n * 0.5);
    // The rest times ln 2 in two parts: what the product rounds away comes back at the end.
    let f = z - n;
    let r = f * std::f64::consts::LN_2;
    let low = f.mul_add(std::f64::consts::LN_2, -r) + f * 2.319_046_813_846_299_6e-17;
    let p = (r * r).mul_add(polynomial(r, &EXP), low + r) + 1.0;
    p * power_of_two(half) * power_of_two(k.wrapping_sub(half))
}

/// `1 / (1 + e^-x)`, by `e^-|x|`, so that small results keep their digits.
#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// The distribution function of the normal deviate, `(1 + erf(x / sqrt 2)) / 2`.
#[inline(always)]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// Whether [`sin`] and [`cos`] leave `x` to the standard library: their reduction holds for `|x| < 2^30`.
#[inline(always)]
pub fn is_large_angle(x: f64) -> bool {
    x.abs() >= 1_073_741_824.0
}

/// `(r, low, n)` with `r + low = x - n pi/2` for the nearest whole `n`.
#[inline(always)]
fn reduce_angle(x: f64) -> (f64, f64, i64) {
    const P1: f64 = 1.570_796_326_794_896_6;
    const P2: f64 = 6.123_233_995_736_766e-17;
    const P3: f64 = -1.497_384_904_859_183_3e-33;
    let (n, k) = nearest(x * FRAC_2_PI);
    // The first step is exact, so the cancellation costs nothing. The signs are such that -0 comes through.
    let first = n.mul_add(-P1, x);
    let r = n.mul_add(-P2, first);
    let low = n.mul_add(-P3, n.mul_add(-P2, first - r));
    (r, low, k)
}

/// `(sin(r + low), its low part, cos(r + low), its low part)` for `|r| <= pi / 4`.
#[inline(always)]
fn sin_cos_reduced(r: f64, low: f64) -> (f64, f64, f64, f64) {
    let z = r * r;
    let half = 0.5 * z;
    let c0 = 1.0 - half;
    let s_low = (r * z).mul_add(polynomial(z, &SIN), low * c0);
    // What the square lost comes back in the low part.
    let z_low = r.mul_add(r, -z);
    let c_low = ((1.0 - c0) - half) + ((z * z).mul_add(polynomial(z, &COS), -(r * low)) - 0.5 * z_low);
    (r, s_low, c0, c_low)
}

/// `(sin x, cos x)` for `|x| < 2^30`.
#[inline(always)]
pub fn sin_cos(x: f64) -> (f64, f64) {
    let (r, low, k) = reduce_angle(x);
    let (s, s_low, c, c_low) = sin_cos_reduced(r, low);
    let (s, c) = ((s + s_low).copysign(r), c + c_low);
    let odd = k & 1 != 0;
    let (sin, cos) = if odd { (c, s) } else { (s, c) };
    let flip = |y: f64, k: i64| f64::from_bits(y.to_bits() ^ (((k as u64) & 2) << 62));
    (flip(sin, k), flip(cos, k.wrapping_add(1)))
}

/// `sin x` for `|x| < 2^30`.
#[inline(always)]
pub fn sin(x: f64) -> f64 {
    sin_cos(x).0
}

/// `cos x` for `|x| < 2^30`.
#[inline(always)]
pub fn cos(x: f64) -> f64 {
    sin_cos(x).1
}

/// `tan x` for `|x| < 2^30`.
#[inline(always)]
pub fn tan(x: f64) -> f64 {
    let (r, low, k) = reduce_angle(x);
    let (s, s_low, c, c_low) = sin_cos_reduced(r, low);
    // Both rounded, with what the rounding takes; then a quotient corrected by its remainder.
    let (s1, c1) = (s + s_low, c + c_low);
    let (s_low, c_low) = ((s - s1) + s_low, (c - c1) + c_low);
    let odd = k & 1 != 0;
    let (n, n_low, d, d_low) = if odd {
        (-c1, -c_low, s1, s_low)
    } else {
        (s1, s_low, c1, c_low)
    };
    let inverse = 1.0 / d;
    let q = n * inverse;
    let rest = (-q).mul_add(d, n) + (n_low - q * d_low);
    let y = rest.mul_add(inverse, q);
    if x == 0.0 { x } else { y }
}

/// `erfc x` for `0.45 <= x`.
#[inline(always)]
fn erfc_right(x: f64) -> f64 {
    let x = limit(x, 0.45, 28.0);
    let t = (x - 3.0) / (x + 3.0);
    let scaled = polynomial(t, &ERFCX) / x.mul_add(2.0, 1.0);
    // e^(-x^2) with the square's rounding error put back.
    let square = x * x;
    let low = x.mul_add(x, -square);
    exp(-square) * (scaled - scaled * low)
}

/// The error function.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    let a = x.abs();
    let near = a * polynomial(limit(a * a, 0.0, 1.0), &ERF);
    let far = 1.0 - erfc_right(a);
    (if a > 0.9 { far } else { near }).copysign(x)
}

/// `1 - erf x`.
#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    let a = x.abs();
    let near = 1.0 - x * polynomial(limit(a * a, 0.0, 1.0), &ERF);
    let right = erfc_right(a);
    let far = if x < 0.0 { 2.0 - right } else { right };
    let y = if !(-0.9..=0.5).contains(&x) { far } else { near };
    if x.is_nan() { x } else { y }
}

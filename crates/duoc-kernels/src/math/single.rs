//! float32 functions, within one unit in the last place (2.1 for `sigmoid`).
//!
//! The hot ones are computed in float32; the others in float64 by the functions of [`wide`] and [`double`], which
//! leaves nothing but the last rounding.
//!
//! Polynomial coefficients are minimax fits (Remez) of the function named beside them on the stated interval.

use super::{double, wide};
use std::f32::consts::LOG2_E;

/// Adding it leaves the nearest whole number in the low bits of the sum: `1.5 * 2^23`.
const MAGIC: f32 = 12_582_912.0;
/// `ln 2`, the upper bits.
const LN2_HI: f32 = 0.693_145_751_953_125;
/// `ln 2` less [`LN2_HI`].
const LN2_LO: f32 = 1.428_606_765_330_187e-6;

/// `(e^r - 1 - r) / r^2` for `|r| <= ln(2) / 2`, error 2^-28.
const EXP: [f32; 5] = [
    0.5,
    0.166665181517601,
    0.04166619852185249,
    0.008368930779397488,
    0.0013950848951935768,
];

/// `(2^r - 1) / r` for `|r| <= 1/2`, error 2^-34.
const EXP2: [f32; 7] = [
    0.6931471824645996,
    0.24022650718688965,
    0.05550410971045494,
    0.009618036448955536,
    0.0013333429815247655,
    0.0001546722196508199,
    1.531504312879406e-05,
];

/// `(ln(1 + f) - f + f^2 / 2) / f^3` for `sqrt(1/2) <= 1 + f <= sqrt 2`, error 2^-30.
const LOG: [f32; 9] = [
    0.3333331048488617,
    -0.24999986588954926,
    0.20002228021621704,
    -0.16669270396232605,
    0.14218616485595703,
    -0.12383976578712463,
    0.1187305897474289,
    -0.11792164295911789,
    0.06917852908372879,
];

/// `(log2(1 + f) / f - log2(e)) / f` for `sqrt(1/2) <= 1 + f <= sqrt 2`, error 2^-28 of the function.
const LOG2: [f32; 10] = [
    -0.7213475108146667,
    0.48089802265167236,
    -0.36067357659339905,
    0.2885711193084717,
    -0.2404864877462387,
    0.2051319181919098,
    -0.17866800725460052,
    0.17129020392894745,
    -0.17009270191192627,
    0.09977097809314728,
];

/// `(log10(1 + f) / f - log10(e)) / f` for `sqrt(1/2) <= 1 + f <= sqrt 2`, error 2^-27 of the function.
const LOG10: [f32; 10] = [
    -0.21714724600315094,
    0.1447647213935852,
    -0.1085735633969307,
    0.08686856925487518,
    -0.07239364832639694,
    0.0617508627474308,
    -0.05378443002700806,
    0.05156349018216133,
    -0.05120300501585007,
    0.030034055933356285,
];

/// `(sin r - r) / r^3` in `r^2` for `|r| <= 0.8`, error 2^-28.
const SIN: [f32; 4] = [
    -0.1666666716337204,
    0.008333329111337662,
    -0.00019839187734760344,
    2.716917379075312e-06,
];

/// `(cos r - 1 + r^2 / 2) / r^4` in `r^2` for `|r| <= 0.8`, error 2^-30.
const COS: [f32; 4] = [
    0.0416666679084301,
    -0.0013888883404433727,
    2.4799363018246368e-05,
    -2.7197296503800317e-07,
];

/// `(asin x - x) / x^3` in `x^2` for `|x| <= 1/2`, error 2^-27.
const ASIN: [f32; 5] = [
    0.16666753590106964,
    0.07495242357254028,
    0.045477062463760376,
    0.024147789925336838,
    0.042218249291181564,
];

/// `(atanh x - x) / x^3` in `x^2` for `|x| <= 1/2`, error 2^-28.
const ATANH: [f32; 7] = [
    0.3333333730697632,
    0.1999971866607666,
    0.142950639128685,
    0.10964680463075638,
    0.10297728329896927,
    0.02407713606953621,
    0.17645695805549622,
];

/// `erf(x) / x - 1` in `x^2` for `|x| <= 0.93`, error 2^-31.
const ERF_NEAR: [f32; 7] = [
    0.12837916612625122,
    -0.37612634897232056,
    0.11283694207668304,
    -0.02685927040874958,
    0.005200634710490704,
    -0.000813744030892849,
    8.345225069206208e-05,
];

/// `ln erfc x` for `0.92 <= x <= 4`, error 2^-34 of the function.
const ERF_FAR: [f32; 9] = [
    0.00016311775834765285,
    -1.1294488906860352,
    -0.6335091590881348,
    -0.10805661976337433,
    0.024930773302912712,
    -0.004071166273206472,
    0.00040208245627582073,
    -1.5224426533677615e-05,
    -4.556014516765572e-07,
];

/// `ln((1 - erf(x / sqrt 2)) / 2)` for `0 <= x <= 5.7`, error 2^-30 of the function.
const NORMAL_TAIL: [f32; 10] = [
    -0.6931471824645996,
    -0.7978847622871399,
    -0.31830763816833496,
    -0.03634636476635933,
    0.004806524608284235,
    8.293925930047408e-06,
    -0.00019594532204791903,
    5.160462751518935e-05,
    -6.565636795130558e-06,
    3.5129019693158625e-07,
];

/// `atan(z) / z` in `z^2` for `|z| <= tan(pi / 8)`, error 2^-40.
const ATAN: [f64; 8] = [
    0.9999999999992912,
    -0.3333333327950221,
    0.199999932878894,
    -0.142853945468648,
    0.11103586845703402,
    -0.08993637714988476,
    0.06978689751168694,
    -0.037728187647837225,
];

/// `1 / m` for `0.7 <= m <= 1.42`, to 1 %.
const RECIPROCAL: [f32; 3] = [3.040_7, -2.985_4, 0.948_2];

/// Horner's rule, coefficients from the constant up, at most 24 of them.
///
/// Written out: a loop in here would keep LLVM from vectorising the loop around it.
#[inline(always)]
fn polynomial<const N: usize>(x: f32, c: &[f32; N]) -> f32 {
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

/// `2^k` for `-126 <= k <= 127`.
#[inline(always)]
fn power_of_two(k: i32) -> f32 {
    f32::from_bits((k.wrapping_add(127) as u32) << 23)
}

/// The whole number nearest to `x` in both forms, for `|x| < 2^21`.
#[inline(always)]
fn nearest(x: f32) -> (f32, i32) {
    let t = x + MAGIC;
    (t - MAGIC, t.to_bits().wrapping_sub(MAGIC.to_bits()) as i32)
}

/// `x` inside `[low, high]`, NaN kept.
#[inline(always)]
fn limit(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// `p * 2^k`, in two steps, so that neither factor leaves the range before the product does.
#[inline(always)]
fn scale(p: f32, k: i32) -> f32 {
    let half = k >> 1;
    p * power_of_two(half) * power_of_two(k.wrapping_sub(half))
}

/// `e^x`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    let x = limit(x, -104.0, 89.0);
    let (n, k) = nearest(x * LOG2_E);
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    scale((r * r).mul_add(polynomial(r, &EXP), r) + 1.0, k)
}

/// `e^x` for `|x| < 80`.
#[inline(always)]
fn exp_inside(x: f32) -> f32 {
    let (n, k) = nearest(x * LOG2_E);
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    ((r * r).mul_add(polynomial(r, &EXP), r) + 1.0) * power_of_two(k)
}

/// `2^x`.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    let x = limit(x, -151.0, 129.0);
    let (n, k) = nearest(x);
    let r = x - n;
    scale(r.mul_add(polynomial(r, &EXP2), 1.0), k)
}

/// `(f, n)` with `x = 2^n (1 + f)` and `1 + f` in `[sqrt(1/2), sqrt 2)`, for positive finite `x`.
#[inline(always)]
fn split(x: f32) -> (f32, f32) {
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let tiny = x < f32::MIN_POSITIVE;
    let bits = (if tiny { x * 16_777_216.0 } else { x }).to_bits();
    let biased = bits.wrapping_add(0x3f80_0000 - SQRT_HALF) >> 23;
    let f = f32::from_bits(bits.wrapping_sub(biased.wrapping_sub(127) << 23)) - 1.0;
    (f, (biased as i32 - if tiny { 127 + 24 } else { 127 }) as f32)
}

/// `ln(2^n (1 + f)) + low`.
#[inline(always)]
fn log_of_parts(f: f32, n: f32, low: f32) -> f32 {
    let z = f * f;
    let low = n.mul_add(LN2_LO, (z * f).mul_add(polynomial(f, &LOG), low));
    n.mul_add(LN2_HI, z.mul_add(-0.5, low) + f)
}

/// A logarithm's value at infinity, at zero and below.
#[inline(always)]
fn log_special(x: f32, y: f32) -> f32 {
    let y = if x == f32::INFINITY { x } else { y };
    let y = if x == 0.0 { f32::NEG_INFINITY } else { y };
    if x >= 0.0 { y } else { f32::NAN }
}

/// `ln x`.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    let (f, n) = split(x);
    log_special(x, log_of_parts(f, n, 0.0))
}

/// `n unit + f (factor + f P(f))`, unit and factor each in two parts.
#[inline(always)]
fn log_to_base(x: f32, unit: (f32, f32), factor: (f32, f32), p: &[f32; 10]) -> f32 {
    let (f, n) = split(x);
    let t = f * polynomial(f, p);
    let slope = factor.0 + t;
    let slope_low = (factor.0 - slope) + t + factor.1;
    let low = n.mul_add(unit.1, f * slope_low);
    log_special(x, n.mul_add(unit.0, f.mul_add(slope, low)))
}

/// `log2 x`.
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    log_to_base(x, (1.0, 0.0), (LOG2_E, 1.925_963e-8), &LOG2)
}

/// `log10 x`.
#[inline(always)]
pub fn log10(x: f32) -> f32 {
    // The first part of log10(2) has so few bits that its products with an exponent are exact.
    let unit = (0.301_025_390_625, 4.605_039_066_518_657e-6);
    log_to_base(x, unit, (std::f32::consts::LOG10_E, -1.010_305e-8), &LOG10)
}

/// `ln(1 + x)`.
#[inline(always)]
pub fn log1p(x: f32) -> f32 {
    let u = 1.0 + x;
    let (f, n) = split(u);
    // What the sum has lost, relative to it; that is little, so a rough reciprocal will do.
    let lost = if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
    let scale = power_of_two(nearest(if n > 126.0 { -126.0 } else { -n }).1);
    let rough = (1.0 + f).mul_add((1.0 + f).mul_add(RECIPROCAL[2], RECIPROCAL[1]), RECIPROCAL[0]);
    let exact = n == 0.0;
    let y = log_of_parts(
        if exact { x } else { f },
        n,
        if exact { 0.0 } else { lost * scale * rough },
    );
    let y = if x == f32::INFINITY || x == 0.0 { x } else { y };
    let y = if x == -1.0 { f32::NEG_INFINITY } else { y };
    if x >= -1.0 { y } else { f32::NAN }
}

/// `e^x - 1`.
#[inline(always)]
pub fn expm1(x: f32) -> f32 {
    let y = wide::expm1(limit(x, -60.0, 100.0) as f64) as f32;
    if x == 0.0 { x } else { y }
}

/// `1 / (1 + e^-x)`, by `e^-|x|`, so that small results keep their digits.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    (if x < 0.0 { e } else { 1.0 }) / (1.0 + e)
}

/// Whether the functions of angles leave `x` to the standard library: the reduction of [`sin`] holds for `|x| < 2^17`.
#[inline(always)]
pub fn is_large_angle(x: f32) -> bool {
    x.abs() >= 131_072.0
}

/// `sin(x + quarters pi/2)` for `|x| < 2^17`.
#[inline(always)]
fn sine(x: f32, quarters: i32) -> f32 {
    const P1: f32 = 1.570_796_4;
    const P2: f32 = -4.371_139e-8;
    const P3: f32 = -1.715_124_5e-15;
    let (n, k) = nearest(x * std::f32::consts::FRAC_2_PI);
    let k = k.wrapping_add(quarters);
    // The first step is exact, and of the second nothing is lost.
    let first = n.mul_add(-P1, x);
    let p = n * P2;
    let p_low = n.mul_add(P2, -p);
    let r = if x == 0.0 { x } else { first - p };
    let back = r - first;
    let low = n.mul_add(-P3, (first - (r - back)) - (p + back) - p_low);
    let z = r * r;
    let half = 0.5 * z;
    let c0 = 1.0 - half;
    let s_low = (r * z).mul_add(polynomial(z, &SIN), low * c0);
    let c_low = ((1.0 - c0) - half) + (z * z).mul_add(polynomial(z, &COS), -(r * low));
    let y = if k & 1 != 0 {
        c0 + c_low
    } else {
        (r + s_low).copysign(r)
    };
    f32::from_bits(y.to_bits() ^ (((k as u32) & 2) << 30))
}

/// `sin x` for `|x| < 2^17`.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    sine(x, 0)
}

/// `cos x` for `|x| < 2^17`.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    sine(x, 1)
}

/// `tan x` for `|x| < 2^30`.
#[inline(always)]
pub fn tan(x: f32) -> f32 {
    let (s, c) = double::sin_cos(x as f64);
    (s / c) as f32
}

/// The angle of the point `(x, y)` in the first quadrant, 0 for the origin.
#[inline(always)]
fn angle(y: f64, x: f64) -> f64 {
    // By pi/8 wedges: the tangent is turned back by 0, pi/4 or pi/2, which leaves at most tan(pi/8).
    let steep = y > 2.414_213_562_373_095 * x;
    let middle = y > 0.414_213_562_373_095_03 * x;
    let up = if steep {
        -x
    } else if middle {
        y - x
    } else {
        y
    };
    let along = if steep {
        y
    } else if middle {
        y + x
    } else {
        x
    };
    let base = if steep {
        std::f64::consts::FRAC_PI_2
    } else if middle {
        std::f64::consts::FRAC_PI_4
    } else {
        0.0
    };
    let z = if along == 0.0 { 0.0 } else { up / along };
    let p = double::polynomial(z * z, &ATAN);
    z.mul_add(p, base)
}

/// `atan x`.
#[inline(always)]
pub fn atan(x: f32) -> f32 {
    (angle((x as f64).abs(), 1.0) as f32).copysign(x)
}

/// `(s, c, p)` with `asin` of the smaller half-angle `= s + (c + s p)`; whether `a` is above 1/2.
#[inline(always)]
fn asin_parts(a: f32) -> (f32, f32, f32, bool) {
    let high = a > 0.5;
    let z = if high { 0.5 * (1.0 - a) } else { a * a };
    let root = z.sqrt();
    let s = if high { root } else { a };
    // What the root lost; nothing for a root of zero.
    let c = (-root).mul_add(root, z) / (root + root);
    let c = if high && root > 0.0 { c } else { 0.0 };
    (s, c, z * polynomial(limit(z, 0.0, 0.25), &ASIN), high)
}

/// `pi / 2` less its rounded value.
const HALF_PI_LOW: f32 = -4.371_139e-8;

/// `asin x`.
#[inline(always)]
pub fn asin(x: f32) -> f32 {
    use std::f32::consts::FRAC_PI_2;
    let a = x.abs();
    let (s, c, p, high) = asin_parts(a);
    let small = s.mul_add(p, c);
    // pi/2 - 2 (s + small)
    let w = FRAC_PI_2 - 2.0 * s;
    let far = w + (((FRAC_PI_2 - w) - 2.0 * s) + (HALF_PI_LOW - 2.0 * small));
    let y = if high { far } else { s + small };
    if a <= 1.0 { y.copysign(x) } else { f32::NAN }
}

/// `acos x`.
#[inline(always)]
pub fn acos(x: f32) -> f32 {
    use std::f32::consts::{FRAC_PI_2, PI};
    let a = x.abs();
    let (s, c, p, high) = asin_parts(a);
    let small = s.mul_add(p, c);
    // Near: pi/2 - asin x. Far: 2 (s + small), or pi less that.
    let (signed, rest) = if x < 0.0 { (-s, -small) } else { (s, small) };
    let (base, base_low) = if x < 0.0 { (PI, 2.0 * HALF_PI_LOW) } else { (0.0, 0.0) };
    let base = if high { base } else { FRAC_PI_2 };
    let base_low = if high { base_low } else { HALF_PI_LOW };
    let factor = if high { 2.0 } else { -1.0 };
    let (part, low) = (factor * signed, factor * rest);
    let w = base + part;
    let y = w + (((base - w) + part) + (base_low + low));
    if a <= 1.0 { y } else { f32::NAN }
}

/// The angle of the point `(x, y)`.
#[inline(always)]
pub fn atan2(y: f32, x: f32) -> f32 {
    let (b, a) = ((y as f64).abs(), (x as f64).abs());
    let both = a == f64::INFINITY && b == f64::INFINITY;
    let (b, a) = if both { (1.0, 1.0) } else { (b, a) };
    let first = angle(b, a);
    let turned = if x.is_sign_negative() {
        std::f64::consts::PI - first
    } else {
        first
    };
    let result = (turned as f32).copysign(y);
    if x.is_nan() || y.is_nan() { f32::NAN } else { result }
}

/// `sinh x`.
#[inline(always)]
pub fn sinh(x: f32) -> f32 {
    let a = (x as f64).abs();
    let t = wide::expm1(if a > 100.0 { 100.0 } else { a });
    ((0.5 * (t + t / (t + 1.0))) as f32).copysign(x)
}

/// `cosh x`.
#[inline(always)]
pub fn cosh(x: f32) -> f32 {
    let e = wide::exp(limit(x.abs(), 0.0, 100.0) as f64);
    (0.5 * (e + 1.0 / e)) as f32
}

/// `tanh x`.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let a = (x as f64).abs();
    let t = wide::expm1(if a > 20.0 { 40.0 } else { 2.0 * a });
    ((t / (t + 2.0)) as f32).copysign(x)
}

/// `asinh x`.
#[inline(always)]
pub fn asinh(x: f32) -> f32 {
    let a = (x as f64).abs();
    let z = a + a * a / (1.0 + (a * a + 1.0).sqrt());
    let y = wide::log1p(z);
    let y = if x.is_infinite() { f32::INFINITY } else { y as f32 };
    if x.is_nan() { x } else { y.copysign(x) }
}

/// `acosh x`.
#[inline(always)]
pub fn acosh(x: f32) -> f32 {
    let t = x as f64 - 1.0;
    let y = wide::log1p(t + (t * (t + 2.0)).sqrt()) as f32;
    let y = if x == f32::INFINITY { x } else { y };
    if x >= 1.0 { y } else { f32::NAN }
}

/// `atanh x`.
#[inline(always)]
pub fn atanh(x: f32) -> f32 {
    let a = x.abs();
    let z = a * a;
    let near = (a * z).mul_add(polynomial(limit(z, 0.0, 0.25), &ATANH), a);
    // ln((1 + a) / (1 - a)) / 2; what the quotient lost is put back with a rough reciprocal of 1 + a.
    let (n, d) = (1.0 + a, 1.0 - a);
    let q = n / d;
    let lost = (-q).mul_add(d, n) + (a - (n - 1.0));
    let rough = a.mul_add(a.mul_add(0.190_79, -0.618_23), 0.927_74);
    let (f, k) = split(q);
    let far = 0.5 * log_of_parts(f, k, lost * rough);
    let y = if a > 0.5 { far } else { near };
    let y = if a == 1.0 { f32::INFINITY } else { y };
    if a <= 1.0 { y.copysign(x) } else { f32::NAN }
}

/// The error function.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let a = x.abs();
    let near = a.mul_add(polynomial(a * a, &ERF_NEAR), a);
    let far = 1.0 - exp_inside(polynomial(limit(a, 0.9, 4.0), &ERF_FAR));
    (if a > 0.925 { far } else { near }).copysign(x)
}

/// The distribution function of the normal deviate, `(1 + erf(x / sqrt 2)) / 2`, to 2^-24 absolutely; 0 below -5.7.
#[inline(always)]
pub fn normal_cdf(x: f32) -> f32 {
    let a = x.abs();
    let tail = exp_inside(polynomial(limit(a, 0.0, 5.7), &NORMAL_TAIL));
    let tail = if a > 5.7 { 0.0 } else { tail };
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// `1 - erf x`.
#[inline(always)]
pub fn erfc(x: f32) -> f32 {
    wide::erfc(x as f64) as f32
}

/// `sqrt(x^2 + y^2)` without overflow on the way.
#[inline(always)]
pub fn hypot(x: f32, y: f32) -> f32 {
    let (a, b) = (x as f64, y as f64);
    let r = (a * a + b * b).sqrt() as f32;
    if x.is_infinite() || y.is_infinite() {
        f32::INFINITY
    } else {
        r
    }
}

/// `x^e`.
#[inline(always)]
pub fn pow(x: f32, e: f32) -> f32 {
    let a = x.abs();
    let usual = a > 0.0 && a < f32::INFINITY;
    let t = e as f64 * wide::log(if usual { a as f64 } else { 1.0 });
    let t = if t > 200.0 { 200.0 } else { t };
    let y = wide::exp(if t < -200.0 { -200.0 } else { t }) as f32;
    // Zero and infinity: by the exponent's sign.
    let extreme = if (a == 0.0) == (e < 0.0) { f32::INFINITY } else { 0.0 };
    let y = if usual { y } else { extreme };
    let y = if e == 0.0 || a == 1.0 { 1.0 } else { y };
    let whole = e == e.trunc();
    let half = e * 0.5;
    let odd = whole && half != half.trunc();
    let negative = x.is_sign_negative();
    let y = if negative && odd { -y } else { y };
    let undefined = x < 0.0 && a != f32::INFINITY && !whole && !e.is_nan();
    let unknown = (x.is_nan() && e != 0.0) || (e.is_nan() && x != 1.0);
    if undefined || unknown { f32::NAN } else { y }
}

/// C's `fmod` where the quotient stays below 2^52.
#[inline(always)]
pub fn fmod(x: f32, y: f32) -> f32 {
    let (a, b) = ((x as f64).abs(), (y as f64).abs());
    let q = (a / b).trunc();
    // Exact; a quotient that was rounded up to the next whole number shows as a negative rest.
    let r = (-q).mul_add(b, a);
    let r = if r < 0.0 { r + b } else { r };
    let r = if b == f64::INFINITY && a < b { a } else { r };
    (r as f32).copysign(x)
}

/// Whether [`fmod`] leaves the pair to the standard library.
#[inline(always)]
pub fn is_rare_fmod(x: f32, y: f32) -> bool {
    (x as f64 / y as f64).abs() >= 4_503_599_627_370_496.0
}

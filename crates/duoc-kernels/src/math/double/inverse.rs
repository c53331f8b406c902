//! Inverse functions of angles and of the hyperbolic functions.
//!
//! Quotients and roots are corrected by their remainders, so that one-argument functions of angles stay within one
//! unit in the last place; the inverse hyperbolic ones and `atan2` within two.

use super::{limit, log1p_parts, polynomial};
use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, LN_2, PI};

/// `pi / 2` less its rounded value; twice and half of it serve `pi` and `pi / 4`.
const HALF_PI_LOW: f64 = 6.123_233_995_736_766e-17;

/// `(asin x - x) / x^3` in `x^2` for `|x| <= 1/2`, error 2^-59.
const ASIN: [f64; 13] = [
    0.16666666666666763,
    0.0749999999997013,
    0.044642857175252806,
    0.03038194267697818,
    0.022372215848758262,
    0.01735159680067118,
    0.01398099934962669,
    0.011397469883111012,
    0.010788338163497838,
    0.0036752294029446645,
    0.021786688185943467,
    -0.021118723334702282,
    0.0327098618023719,
];

/// `(atan x - x) / x^3` in `x^2` for `|x| <= 1/2`, error 2^-62.
const ATAN: [f64; 14] = [
    -0.3333333333333333,
    0.1999999999999934,
    -0.14285714285631887,
    0.1111111110590019,
    -0.0909090889514565,
    0.07692302919432976,
    -0.06666586916118462,
    0.05881408387804972,
    -0.05255074567404542,
    0.047115152295031264,
    -0.041192983008822084,
    0.032532193545483354,
    -0.019738633767549925,
    0.00649717372369423,
];

/// `(s, c, p)` with `asin` of the smaller half-angle `= s + (c + s p)`; whether `a` is above 1/2.
#[inline(always)]
fn asin_parts(a: f64) -> (f64, f64, f64, bool) {
    let high = a > 0.5;
    let z = if high { 0.5 * (1.0 - a) } else { a * a };
    let root = z.sqrt();
    let s = if high { root } else { a };
    // What the root lost; nothing for a root of zero.
    let c = (-root).mul_add(root, z) / (root + root);
    let c = if high && root > 0.0 { c } else { 0.0 };
    (s, c, z * polynomial(limit(z, 0.0, 0.25), &ASIN), high)
}

/// `asin x`.
#[inline(always)]
pub fn asin(x: f64) -> f64 {
    let a = x.abs();
    let (s, c, p, high) = asin_parts(a);
    let small = c + s * p;
    // pi/2 - 2 (s + small)
    let w = FRAC_PI_2 - 2.0 * s;
    let far = w + (((FRAC_PI_2 - w) - 2.0 * s) + (HALF_PI_LOW - 2.0 * small));
    let y = if high { far } else { s + small };
    if a <= 1.0 { y.copysign(x) } else { f64::NAN }
}

/// `acos x`.
#[inline(always)]
pub fn acos(x: f64) -> f64 {
    let a = x.abs();
    let (s, c, p, high) = asin_parts(a);
    let small = c + s * p;
    // Near: pi/2 - asin x. Far: 2 (s + small), or pi less that.
    let (signed, rest) = if x < 0.0 { (-s, -small) } else { (s, small) };
    let (base, base_low, part, low) = if high {
        let (base, base_low) = if x < 0.0 { (PI, 2.0 * HALF_PI_LOW) } else { (0.0, 0.0) };
        (base, base_low, 2.0 * signed, 2.0 * rest)
    } else {
        (FRAC_PI_2, HALF_PI_LOW, -signed, -rest)
    };
    let w = base + part;
    let y = w + (((base - w) + part) + (base_low + low));
    if a <= 1.0 { y } else { f64::NAN }
}

/// The angle of the point `(a, b)` in the first quadrant, in two parts; neither is large or tiny, `b + a > 0`.
#[inline(always)]
fn angle(b: f64, a: f64) -> (f64, f64) {
    // The tangent is turned back by 0, pi/4 or pi/2, which leaves at most 1/2.
    let steep = b >= 2.0 * a;
    let middle = 2.0 * b > a;
    let sum = a + b;
    let sum_low = if a > b { (a - sum) + b } else { (b - sum) + a };
    let up = if steep {
        -a
    } else if middle {
        b - a
    } else {
        b
    };
    let (along, along_low) = if steep {
        (b, 0.0)
    } else if middle {
        (sum, sum_low)
    } else {
        (a, 0.0)
    };
    let (base, base_low) = if steep {
        (FRAC_PI_2, HALF_PI_LOW)
    } else if middle {
        (FRAC_PI_4, 0.5 * HALF_PI_LOW)
    } else {
        (0.0, 0.0)
    };
    let inverse = 1.0 / along;
    let t = up * inverse;
    let t_low = ((-t).mul_add(along, up) - t * along_low) * inverse;
    let z = t * t;
    let small = (t * z).mul_add(polynomial(z, &ATAN), t_low) + base_low;
    let w = base + t;
    (w, (base - w) + t + small)
}

/// `atan x`.
#[inline(always)]
pub fn atan(x: f64) -> f64 {
    let a = x.abs();
    let (w, low) = angle(limit(a, 0.0, 1e300), 1.0);
    (if a < 1e-300 { a } else { w + low }).copysign(x)
}

/// The angle of the point `(x, y)`.
#[inline(always)]
pub fn atan2(y: f64, x: f64) -> f64 {
    let (b, a) = (y.abs(), x.abs());
    let both = a == f64::INFINITY && b == f64::INFINITY;
    let largest = if a > b { a } else { b };
    // By a power of two to where neither the sum nor the inverse leaves the range.
    let factor = if largest > 1e290 {
        7.458_340_731_200_207e-155
    } else if largest < 1e-250 {
        1.340_780_792_994_259_7e154
    } else {
        1.0
    };
    let origin = largest == 0.0;
    let (b, a) = if both { (1.0, 1.0) } else { (b * factor, a * factor) };
    let (b, a) = (limit(b, 0.0, 1e300), limit(a, 0.0, 1e300));
    let a = if origin { 1.0 } else { a };
    let (w, low) = angle(b, a);
    let first = w + low;
    let turned = PI - first;
    // The rounding of the turn put back, with the rest of pi.
    let turned = turned + (((PI - turned) - w) + (2.0 * HALF_PI_LOW - low));
    let y1 = if x.is_sign_negative() { turned } else { first };
    if x.is_nan() || y.is_nan() {
        f64::NAN
    } else {
        y1.copysign(y)
    }
}

/// `asinh x`.
#[inline(always)]
pub fn asinh(x: f64) -> f64 {
    let a = x.abs();
    let large = a > 1e8;
    let b = if large { 1.0 } else { a };
    let z = b * b;
    let root = (z + 1.0).sqrt();
    // asinh a = log1p(a + a^2 / (1 + sqrt(a^2 + 1))), and ln 2 + ln a for large a.
    let tail = z / (1.0 + root);
    let sum = if large { a - 1.0 } else { b + tail };
    let low = if large { 0.0 } else { (b - sum) + tail };
    let y = log1p_parts(sum, low) + if large { LN_2 } else { 0.0 };
    (if a == f64::INFINITY { a } else { y }).copysign(x)
}

/// `acosh x`.
#[inline(always)]
pub fn acosh(x: f64) -> f64 {
    let large = x > 1e8;
    let t = if large { 1.0 } else { x - 1.0 };
    let root = (t * (t + 2.0)).sqrt();
    let sum = if large { x - 1.0 } else { t + root };
    let low = if large { 0.0 } else { (root - sum) + t };
    let y = log1p_parts(sum, low) + if large { LN_2 } else { 0.0 };
    let y = if x == f64::INFINITY { x } else { y };
    if x >= 1.0 { y } else { f64::NAN }
}

/// `atanh x`.
#[inline(always)]
pub fn atanh(x: f64) -> f64 {
    let a = x.abs();
    let d = 1.0 - a;
    let d_low = (1.0 - d) - a;
    let inverse = 1.0 / d;
    let n = a + a;
    let q = n * inverse;
    let q_low = ((-q).mul_add(d, n) - q * d_low) * inverse;
    let y = 0.5 * log1p_parts(q, q_low);
    let y = if a == 1.0 { f64::INFINITY } else { y };
    let y = if a < 1e-300 { a } else { y };
    if a <= 1.0 { y.copysign(x) } else { f64::NAN }
}

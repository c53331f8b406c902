//! float64 functions that are good to some 2^-38: the rarer float32 functions are computed with them, which leaves
//! nothing but the last rounding. Without divisions where that is possible.

use super::double::{limit, nearest, polynomial, power_of_two, split};
use std::f64::consts::{LN_2, LOG2_E};

/// `(e^r - 1 - r) / r^2` for `|r| <= ln(2) / 2`, error 2^-39.
const EXP: [f64; 7] = [
    0.49999999999516587,
    0.1666666678657356,
    0.041666667055862805,
    0.008333281286800666,
    0.0013888796179225382,
    0.00019909233354315886,
    2.4887715696734415e-05,
];

/// `(ln(1 + f) - f + f^2 / 2) / f^3` for `sqrt(1/2) <= 1 + f <= sqrt 2`, error 2^-40 relative to `f`.
const LOG: [f64; 13] = [
    0.33333333317306846,
    -0.2500000016399597,
    0.20000003475074105,
    -0.16666648648660198,
    0.14285467988087633,
    -0.12500603430703255,
    0.11119140981260241,
    -0.09994451873331948,
    0.08959915201183785,
    -0.0826331078104037,
    0.0868861442007909,
    -0.08634609738192679,
    0.045201322600598136,
];

/// `erf(x) / x` in `x^2` for `|x| <= 1`, error 2^-34.
const ERF: [f64; 8] = [
    1.128379167063168,
    -0.37612638483859606,
    0.11283782747632934,
    -0.026865445837429117,
    0.005221074909260004,
    -0.0008484711773131887,
    0.00011270546129762361,
    -9.68013934629482e-06,
];

/// `(1 + 2 x) e^(x^2) erfc x` in `(x - 3) / (x + 3)` for `0.45 <= x <= 10.1`, error 2^-36.
const ERFCX: [f64; 13] = [
    1.2530080582792429,
    -0.1356211061712802,
    -0.04756229638501462,
    0.1296451615939154,
    -0.1192735919211337,
    0.06830799307485144,
    -0.02377145386144961,
    0.0025293173236981734,
    0.0018943725027054114,
    -0.0007770612053848821,
    -0.00012124506031043455,
    0.00011189572648402027,
    2.2037304584120335e-05,
];

/// `(e^r - 1, k)` with `x = r + k ln 2`.
#[inline(always)]
fn reduced(x: f64) -> (f64, i64) {
    let (n, k) = nearest(x * LOG2_E);
    let r = n.mul_add(-LN_2, x);
    ((r * r).mul_add(polynomial(r, &EXP), r), k)
}

/// `e^x` for `|x| < 700`.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    let (p, k) = reduced(x);
    let scale = power_of_two(k);
    scale.mul_add(p, scale)
}

/// `e^x - 1` for `|x| < 700`.
#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let (p, k) = reduced(x);
    let scale = power_of_two(k);
    scale.mul_add(p, scale - 1.0)
}

#[inline(always)]
fn of_parts(f: f64, n: f64) -> f64 {
    n.mul_add(LN_2, (f * f).mul_add(f.mul_add(polynomial(f, &LOG), -0.5), f))
}

/// `ln x` for positive normal `x`.
#[inline(always)]
pub fn log(x: f64) -> f64 {
    let (f, n) = split(x);
    of_parts(f, n)
}

/// `ln(1 + x)` for `x > -1 + 2^-50`.
#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    let (f, n) = split(1.0 + x);
    of_parts(if n == 0.0 { x } else { f }, n)
}

/// `1 - erf x`, 0 above 10.1.
#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    let a = x.abs();
    let near = 1.0 - x * polynomial(limit(a * a, 0.0, 1.0), &ERF);
    let b = limit(a, 0.45, 10.1);
    let d = b + 3.0;
    let e = b.mul_add(2.0, 1.0);
    // One division for both quotients.
    let inverse = 1.0 / (d * e);
    let right = exp(-b * b) * polynomial((b - 3.0) * e * inverse, &ERFCX) * (d * inverse);
    let right = if a > 10.1 { 0.0 } else { right };
    let far = if x < 0.0 { 2.0 - right } else { right };
    let y = if (-0.9..=0.5).contains(&x) { near } else { far };
    if x.is_nan() { x } else { y }
}

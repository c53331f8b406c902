//! Exponentials in two parts and what is made of them, within one unit in the last place.

use super::{EXP, limit, polynomial, power_of_two, reduce_exp};

/// `(sinh x - x) / x^3` in `x^2` for `|x| <= 1`, error 2^-63.
const SINH: [f64; 8] = [
    0.16666666666666666,
    0.00833333333333357,
    0.00019841269841066548,
    2.7557319307093856e-06,
    2.5052090214270676e-08,
    1.6061227603743351e-10,
    7.511054542254937e-13,
    6.259771790114647e-15,
];

/// `(p, low, k)` with `e^(x + tail) = 2^k (1 + p + low)`: `p` rounded, `low` what the rounding took.
#[inline(always)]
pub(super) fn exp_parts(x: f64, tail: f64) -> (f64, f64, i64) {
    let (r, n, k) = reduce_exp(x);
    // What the reduction's last step took; the products are exact in the fused operations.
    let first = n.mul_add(-super::LN2_HI, x);
    let lost = n.mul_add(-super::LN2_LO, first - r);
    let q = r * r * polynomial(r, &EXP);
    let p = r + q;
    let low = (r - p) + q + (lost + tail) * (1.0 + p);
    (p, low, k)
}

/// `(t, low)` with `e^x - 1 = t + low`, for `-60 <= x <= 45`.
#[inline(always)]
fn expm1_parts(x: f64) -> (f64, f64) {
    let (p, low, k) = exp_parts(x, 0.0);
    let scale = power_of_two(k);
    let (whole, part) = (scale - 1.0, scale * p);
    // For k = 0 the whole is nothing; else it is the larger summand.
    let t = whole + part;
    (t, (whole - t) + part + scale * low)
}

/// `e^x - 1`.
#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    let (p, low, k) = exp_parts(limit(x, -60.0, 710.0), 0.0);
    // Half of everything, so that the largest results do not overflow on the way.
    let scale = power_of_two(k.wrapping_sub(1));
    let (whole, part) = (scale - 0.5, scale * p);
    let t = whole + part;
    let y = 2.0 * (t + ((whole - t) + part + scale * low));
    if x == 0.0 { x } else { y }
}

/// `(e^a / 4, its low part, e^-a / 4)` for `0 <= a`.
#[inline(always)]
fn quarter_exponentials(a: f64) -> (f64, f64, f64) {
    let (p, low, k) = exp_parts(limit(a, 0.0, 711.0), 0.0);
    let s = 1.0 + p;
    let low = (1.0 - s) + p + low;
    let scale = power_of_two(k.wrapping_sub(2));
    (s * scale, low * scale, 0.0625 / (s * scale))
}

/// `sinh x`.
#[inline(always)]
pub fn sinh(x: f64) -> f64 {
    let a = x.abs();
    let z = a * a;
    let near = (a * z).mul_add(polynomial(limit(z, 0.0, 1.0), &SINH), a);
    let (e, low, inverse) = quarter_exponentials(a);
    let far = 2.0 * (e + (low - inverse));
    (if a < 1.0 { near } else { far }).copysign(x)
}

/// `cosh x`.
#[inline(always)]
pub fn cosh(x: f64) -> f64 {
    let (e, low, inverse) = quarter_exponentials(x.abs());
    2.0 * (e + (low + inverse))
}

/// `tanh x`.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    let a = x.abs();
    let (t, low) = expm1_parts(limit(a + a, 0.0, 44.0));
    let d = t + 2.0;
    let d_low = if t > 2.0 { (t - d) + 2.0 } else { (2.0 - d) + t } + low;
    let inverse = 1.0 / d;
    let q = t * inverse;
    let y = (-q).mul_add(d, t) + low;
    ((y - q * d_low).mul_add(inverse, q)).copysign(x)
}

//! Powers, logarithms to other bases, and remainders.

use super::hyperbolic::exp_parts;
use super::{LN2_HI, LN2_LO, LOG, limit, log_special, nearest, polynomial, power_of_two, split_any};
use std::f64::consts::{LOG2_E, LOG10_E};

/// `(2 atanh s - 2 s - 2/3 s^3) / s^5` in `s^2` for `|s| <= 3 - 2 sqrt 2`, error 2^-65.
const LOG_TAIL: [f64; 7] = [
    0.40000000000002256,
    0.285714285700996,
    0.2222222251991976,
    0.18181784367323184,
    0.15386757200864076,
    0.13256826751341025,
    0.13196168376928308,
];

/// `ln(1 + f)` in two parts.
#[inline(always)]
fn log_parts(f: f64) -> (f64, f64) {
    let s = f / (2.0 + f);
    let z = s * s;
    let h = 0.5 * f * f;
    let h_low = (0.5 * f).mul_add(f, -h);
    let high = f - h;
    (high, ((f - high) - h) - h_low + s * (h + z * polynomial(z, &LOG)))
}

/// `(n + ln(1 + f) / ln base)` with the factor `1 / ln base` and the value of `n` each in two parts.
#[inline(always)]
fn log_to_base(x: f64, factor: (f64, f64), unit: (f64, f64)) -> f64 {
    let (f, n) = split_any(x);
    let (high, low) = log_parts(f);
    let p = high * factor.0;
    let p_low = high.mul_add(factor.0, -p) + high * factor.1 + low * factor.0;
    let whole = n * unit.0;
    let w = whole + p;
    log_special(x, w + ((whole - w) + p + n.mul_add(unit.1, p_low)))
}

/// `log2 x`.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    log_to_base(x, (LOG2_E, 2.035_527_374_093_103_3e-17), (1.0, 0.0))
}

/// `log10 x`.
#[inline(always)]
pub fn log10(x: f64) -> f64 {
    // The first part of log10(2) has so few bits that its products with an exponent are exact.
    const HIGH: f64 = 0.301_029_995_663_611_77;
    log_to_base(
        x,
        (LOG10_E, 1.098_319_650_216_765_1e-17),
        (HIGH, 3.694_239_077_158_931e-13),
    )
}

/// `ln a` in two parts with together some 68 bits, for finite `a > 0`.
#[inline(always)]
fn log_wide(a: f64) -> (f64, f64) {
    let (f, n) = split_any(a);
    // s = f / (2 + f) in two parts; the sum is rounded, its error goes into the remainder.
    let d = 2.0 + f;
    let d_low = (2.0 - d) + f;
    let inverse = 1.0 / d;
    let s = f * inverse;
    let s_low = ((-s).mul_add(d, f) - s * d_low) * inverse;
    let z = s * s;
    let z_low = s.mul_add(s, -z) + 2.0 * s * s_low;
    // u = 2/3 + z P(z)
    const THIRDS: f64 = 0.666_666_666_666_666_6;
    const THIRDS_LOW: f64 = 3.700_743_415_417_188e-17;
    let t = z * polynomial(z, &LOG_TAIL);
    let u = THIRDS + t;
    let u_low = (THIRDS - u) + t + THIRDS_LOW;
    // w = z u, v = s w
    let w = z * u;
    let w_low = z.mul_add(u, -w) + z * u_low + z_low * u;
    let v = s * w;
    let v_low = s.mul_add(w, -v) + s * w_low + s_low * w;
    // n ln 2 + 2 s + v
    let whole = n * LN2_HI;
    let two = s + s;
    let sum = whole + two;
    let sum_low = (whole - sum) + two;
    let high = sum + v;
    let low = (sum - high) + v + (sum_low + n.mul_add(LN2_LO, 2.0 * s_low + v_low));
    let total = high + low;
    (total, (high - total) + low)
}

/// `e^(t + low)`, overflowing and underflowing as it should.
#[inline(always)]
fn exp_wide(t: f64, low: f64) -> f64 {
    let inside = t.abs() < 800.0;
    let (p, rest, k) = exp_parts(limit(t, -800.0, 800.0), if inside { low } else { 0.0 });
    let s = 1.0 + p;
    let y = s + ((1.0 - s) + p + rest);
    let (_, half) = nearest(k as f64 * 0.5);
    y * power_of_two(half) * power_of_two(k.wrapping_sub(half))
}

/// `x^e`.
#[inline(always)]
pub fn pow(x: f64, e: f64) -> f64 {
    let a = x.abs();
    let usual = a > 0.0 && a < f64::INFINITY;
    let (l, l_low) = log_wide(if usual { a } else { 1.0 });
    let t = e * l;
    let y = exp_wide(t, e.mul_add(l, -t) + e * l_low);
    // Zero and infinity: by the exponent's sign.
    let up = (a == 0.0) == (e < 0.0);
    let y = if usual {
        y
    } else if up {
        f64::INFINITY
    } else {
        0.0
    };
    let y = if e == 0.0 || a == 1.0 { 1.0 } else { y };
    let whole = e == e.trunc();
    let half = e * 0.5;
    let odd = whole && half != half.trunc();
    let y = if x.is_sign_negative() && odd { -y } else { y };
    let undefined = x < 0.0 && a != f64::INFINITY && !whole && !e.is_nan();
    let unknown = (x.is_nan() && e != 0.0) || (e.is_nan() && x != 1.0);
    if undefined || unknown { f64::NAN } else { y }
}

/// `sqrt(x^2 + y^2)` without overflow on the way.
#[inline(always)]
pub fn hypot(x: f64, y: f64) -> f64 {
    let (p, q) = (x.abs(), y.abs());
    let (a, b) = if p > q { (p, q) } else { (q, p) };
    let factor = if a > 1e150 {
        4.149_515_568_880_993e180
    } else if a < 1e-140 {
        2.409_919_865_102_884_1e-181
    } else {
        1.0
    };
    let (a, b) = (a / factor, b / factor);
    let (s, t) = (a * a, b * b);
    let sum = s + t;
    let low = (s - sum) + t + (a.mul_add(a, -s) + b.mul_add(b, -t));
    let r = (sum + low).sqrt() * factor;
    let r = if p == f64::INFINITY || q == f64::INFINITY {
        f64::INFINITY
    } else {
        r
    };
    let unknown = (p.is_nan() || q.is_nan()) && !(p == f64::INFINITY || q == f64::INFINITY);
    if unknown { f64::NAN } else { r }
}

/// C's `fmod` where the quotient stays below 2^53.
#[inline(always)]
pub fn fmod(x: f64, y: f64) -> f64 {
    let (a, b) = (x.abs(), y.abs());
    let q = (a / b).trunc();
    // Exact; a quotient that was rounded up to the next whole number shows as a negative rest.
    let r = (-q).mul_add(b, a);
    let r = if r < 0.0 { r + b } else { r };
    let r = if b == f64::INFINITY && a < b { a } else { r };
    r.copysign(x)
}

/// Whether [`fmod`] leaves the pair to the standard library.
#[inline(always)]
pub fn is_rare_fmod(x: f64, y: f64) -> bool {
    !((x / y).abs() < 9_007_199_254_740_992.0)
}

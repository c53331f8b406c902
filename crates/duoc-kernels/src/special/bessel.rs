//! Bessel functions of orders 0 and 1.

use super::gamma::EULER;
use std::f64::consts::{FRAC_PI_4, PI};

/// From here on the asymptotic expansions are exact in float64.
const FAR: f64 = 30.0;

/// `I_n(x)` by its power series, all of one sign (DLMF 10.25.2).
fn i_series(n: f64, x: f64) -> f64 {
    let z = x * x / 4.0;
    let mut term = if n == 0.0 { 1.0 } else { x / 2.0 };
    let (mut sum, mut k) = (term, 1.0);
    while term.abs() > sum.abs() * f64::EPSILON / 4.0 && k < 500.0 {
        term *= z / (k * (k + n));
        sum += term;
        k += 1.0;
    }
    sum
}

/// `sum of sign^k a_k(n) / x^k` with `a_k` of DLMF 10.17.1, until the terms grow.
fn hankel(n: f64, x: f64, sign: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..100 {
        let odd = (2 * k - 1) as f64;
        let next = term * sign * (4.0 * n * n - odd * odd) / (8.0 * k as f64 * x);
        if f64::abs(next) >= f64::abs(term) || f64::abs(next) < 1e-18 {
            break;
        }
        term = next;
        sum += term;
    }
    sum
}

/// `e^-x I_n(x)` for `x >= 0`.
fn i_scaled(n: f64, x: f64) -> f64 {
    if x.is_infinite() {
        return 0.0;
    }
    if x < FAR {
        return i_series(n, x) * (-x).exp();
    }
    hankel(n, x, -1.0) / (2.0 * PI * x).sqrt()
}

pub(super) fn i0(x: f64) -> f64 {
    let x = x.abs();
    if x < FAR {
        return i_series(0.0, x);
    }
    // e^x in two halves: the product is finite a little longer than the factor.
    (x / 2.0).exp() * i_scaled(0.0, x) * (x / 2.0).exp()
}

pub(super) fn i0e(x: f64) -> f64 {
    i_scaled(0.0, x.abs())
}

pub(super) fn i1(x: f64) -> f64 {
    let size = x.abs();
    if size < FAR {
        return i_series(1.0, x);
    }
    ((size / 2.0).exp() * i_scaled(1.0, size) * (size / 2.0).exp()).copysign(x)
}

pub(super) fn i1e(x: f64) -> f64 {
    i_scaled(1.0, x.abs()).copysign(x)
}

/// `(e^x K_0(x), e^x K_1(x))`: Temme's series up to 2, Steed's continued fraction above (N. Temme, 1975).
fn k_scaled(x: f64) -> (f64, f64) {
    if x.is_nan() || x < 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if x == 0.0 {
        return (f64::INFINITY, f64::INFINITY);
    }
    if x.is_infinite() {
        return (0.0, 0.0);
    }
    if x <= 2.0 {
        // DLMF 10.31.2 and 10.31.1.
        let (z, l) = (x * x / 4.0, (x / 2.0).ln());
        let (mut power, mut harmonic) = (1.0, 0.0);
        let mut k0 = -(l + EULER) * i_series(0.0, x);
        let mut sum1 = 0.5 * (1.0 - 2.0 * EULER);
        for k in 1..40 {
            let n = k as f64;
            power *= z / (n * n);
            harmonic += 1.0 / n;
            k0 += power * harmonic;
            // psi(k + 1) + psi(k + 2) over k! (k + 1)!, halved.
            sum1 += power / (n + 1.0) * (harmonic - EULER + 0.5 / (n + 1.0));
        }
        let k1 = 1.0 / x + l * i_series(1.0, x) - x / 2.0 * sum1;
        return (k0 * x.exp(), k1 * x.exp());
    }
    k_fraction(0.0, x)
}

/// `(e^x K_n(x), e^x K_(n+1)(x))` for `|n| <= 1/2`, `x` from 2 on.
pub(super) fn k_fraction(n: f64, x: f64) -> (f64, f64) {
    let mut b = 2.0 * (1.0 + x);
    let mut d = 1.0 / b;
    let (mut h, mut change) = (d, d);
    let (mut q1, mut q2) = (0.0, 1.0);
    let first = 0.25 - n * n;
    let (mut q, mut c) = (first, first);
    let mut a = -first;
    let mut s = 1.0 + q * change;
    for i in 2..10_000 {
        a -= 2.0 * (i as f64 - 1.0);
        c = -a * c / i as f64;
        let next = (q1 - b * q2) / a;
        (q1, q2) = (q2, next);
        q += c * next;
        b += 2.0;
        d = 1.0 / (b + a * d);
        change = (b * d - 1.0) * change;
        h += change;
        let ds = q * change;
        s += ds;
        if (ds / s).abs() < f64::EPSILON / 4.0 {
            break;
        }
    }
    let k = (PI / (2.0 * x)).sqrt() / s;
    (k, k * (n + x + 0.5 - first * h) / x)
}

pub(super) fn k0(x: f64) -> f64 {
    k_scaled(x).0 * (-x).exp()
}

pub(super) fn k1(x: f64) -> f64 {
    k_scaled(x).1 * (-x).exp()
}

pub(super) fn scaled_k0(x: f64) -> f64 {
    k_scaled(x).0
}

pub(super) fn scaled_k1(x: f64) -> f64 {
    k_scaled(x).1
}

/// `J_0, J_1, Y_0, Y_1` for `0 < x < FAR`: Miller's backward recurrence, and Neumann's series of its numbers for `Y`
/// (Abramowitz and Stegun 9.1.88 and 9.1.89).
fn near(x: f64) -> [f64; 4] {
    let top = 2 * ((x as usize + 40) / 2);
    let mut values = vec![0.0; top + 2];
    values[top] = 1e-280;
    for k in (1..=top).rev() {
        values[k - 1] = 2.0 * k as f64 / x * values[k] - values[k + 1];
        if f64::abs(values[k - 1]) > 1e250 {
            values[k - 1..].iter_mut().for_each(|v| *v *= 1e-250);
        }
    }
    let total = values[0] + 2.0 * values[2..=top].iter().step_by(2).sum::<f64>();
    values.iter_mut().for_each(|v| *v /= total);
    let l = (x / 2.0).ln() + EULER;
    let (mut s0, mut s1) = (0.0, 0.0);
    for k in 1..top / 2 {
        let sign = if k % 2 == 0 { 1.0 } else { -1.0 };
        let n = k as f64;
        s0 += sign * values[2 * k] / n;
        s1 += sign * (2.0 * n + 1.0) * values[2 * k + 1] / (n * (n + 1.0));
    }
    let y0 = 2.0 / PI * l * values[0] - 4.0 / PI * s0;
    let y1 = -2.0 / (PI * x) * values[0] + 2.0 / PI * (l - 1.0) * values[1] - 2.0 / PI * s1;
    [values[0], values[1], y0, y1]
}

/// `(J_n(x), Y_n(x))` from `FAR` on: Hankel's expansions (DLMF 10.17.3).
fn far(n: f64, x: f64) -> (f64, f64) {
    let (mut p, mut q, mut term) = (1.0, 0.0, 1.0);
    for k in 1..100 {
        let odd = (2 * k - 1) as f64;
        let next: f64 = term * (4.0 * n * n - odd * odd) / (8.0 * k as f64 * x);
        if next.abs() >= f64::abs(term) || next.abs() < 1e-18 {
            break;
        }
        term = next;
        match k % 4 {
            0 => p += term,
            1 => q += term,
            2 => p -= term,
            _ => q -= term,
        }
    }
    // The angle x - n pi/2 - pi/4, by the addition theorem so that x is not rounded.
    let (s, c) = x.sin_cos();
    let (shift_s, shift_c) = (n * PI / 2.0 + FRAC_PI_4).sin_cos();
    let cos = c * shift_c + s * shift_s;
    let sin = s * shift_c - c * shift_s;
    let front = (2.0 / (PI * x)).sqrt();
    (front * (p * cos - q * sin), front * (p * sin + q * cos))
}

pub(super) fn j0(x: f64) -> f64 {
    let x = x.abs();
    match x {
        _ if x == 0.0 => 1.0,
        // PyTorch's answer at infinity; the limit is 0.
        _ if !x.is_finite() => f64::NAN,
        _ if x < FAR => near(x)[0],
        _ => far(0.0, x).0,
    }
}

pub(super) fn j1(x: f64) -> f64 {
    let size = x.abs();
    let value = match size {
        _ if size == 0.0 => 0.0,
        _ if !size.is_finite() => f64::NAN,
        _ if size < FAR => near(size)[1],
        _ => far(1.0, size).0,
    };
    if x < 0.0 { -value } else { value }
}

fn y(n: usize, x: f64) -> f64 {
    match x {
        _ if x < 0.0 || !x.is_finite() => f64::NAN,
        _ if x == 0.0 => f64::NEG_INFINITY,
        _ if x < FAR => near(x)[2 + n],
        _ => far(n as f64, x).1,
    }
}

pub(super) fn y0(x: f64) -> f64 {
    y(0, x)
}

pub(super) fn y1(x: f64) -> f64 {
    y(1, x)
}

pub(super) fn spherical_j0(x: f64) -> f64 {
    if x.is_infinite() {
        return 0.0;
    }
    if x.abs() < 0.5 {
        let z = x * x;
        let mut sum = 1.0;
        for k in (1..10).rev() {
            sum = 1.0 - z / ((2 * k) as f64 * (2 * k + 1) as f64) * sum;
        }
        return sum;
    }
    x.sin() / x
}

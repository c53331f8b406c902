//! The gamma function's relatives.

use std::f64::consts::PI;

const HALF_LN_2_PI: f64 = 0.918_938_533_204_672_7;
/// Euler's constant.
pub(super) const EULER: f64 = 0.577_215_664_901_532_9;

/// `B_2k / (2k (2k - 1))`: Stirling's series (DLMF 5.11.1).
const STIRLING: [f64; 8] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
    -691.0 / 360360.0,
    1.0 / 156.0,
    -3617.0 / 122400.0,
];

/// `ln Gamma(x) - (x - 1/2) ln x + x - ln(2 pi) / 2` for `x` from 8 on.
fn stirling(x: f64) -> f64 {
    let z = 1.0 / (x * x);
    STIRLING.iter().rev().fold(0.0, |s, c| s * z + c) / x
}

/// `ln |Gamma(x)|`.
pub(crate) fn lgamma(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x.is_infinite() || x <= 0.0 && x == x.floor() {
        return f64::INFINITY;
    }
    if x < 0.5 {
        // Gamma(x) Gamma(1 - x) = pi / sin(pi x); the sine from the fraction, which is exact.
        let fraction = x - x.floor();
        return (PI / (PI * fraction).sin().abs()).ln() - lgamma(1.0 - x);
    }
    // Near the zeros at 1 and 2: the series around 1 (DLMF 5.7.3).
    if (x - 1.0).abs() < 0.25 {
        return near_one(x - 1.0);
    }
    if (x - 2.0).abs() < 0.25 {
        return near_one(x - 2.0) + (x - 2.0).ln_1p();
    }
    let (mut shifted, mut product) = (x, 1.0);
    while shifted < 8.0 {
        product *= shifted;
        shifted += 1.0;
    }
    (shifted - 0.5) * shifted.ln() - shifted + HALF_LN_2_PI + stirling(shifted) - f64::ln(product)
}

/// `ln Gamma(1 + z) = -ln(1 + z) + z (1 - gamma) + sum of (-1)^k (zeta(k) - 1) z^k / k`.
fn near_one(z: f64) -> f64 {
    let (mut sum, mut power) = (0.0, -z);
    for k in 2..60 {
        power *= -z;
        let term = power * zeta_minus_one(k) / k as f64;
        sum += term;
        if term.abs() < 1e-18 * f64::abs(sum) {
            break;
        }
    }
    -z.ln_1p() + z * (1.0 - EULER) + sum
}

fn zeta_minus_one(k: i32) -> f64 {
    // From 2 on the Hurwitz function at 2 is zeta - 1.
    zeta(k as f64, 2.0)
}

/// `psi(x) = Gamma'(x) / Gamma(x)`.
pub(super) fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY.copysign(-x);
    }
    if x < 0.0 {
        if x == x.trunc() {
            return f64::NAN;
        }
        let fraction = x - x.trunc();
        return digamma(1.0 - x) - PI / (PI * fraction).tan();
    }
    let (mut shifted, mut sum) = (x, 0.0);
    while shifted < 10.0 {
        sum -= 1.0 / shifted;
        shifted += 1.0;
    }
    if x == 10.0 {
        return 2.251_752_589_066_721;
    }
    let z = 1.0 / (shifted * shifted);
    // B_2k / 2k (DLMF 5.11.2).
    const C: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32760.0,
        1.0 / 12.0,
    ];
    let tail = if shifted < 1e17 {
        z * C.iter().rev().fold(0.0, |s, c| s * z + c)
    } else {
        0.0
    };
    sum + shifted.ln() - 0.5 / shifted - tail
}

/// `psi'(x)`, by reflection below 1/2.
fn trigamma(x: f64) -> f64 {
    let (mut x, mut sign, mut sum) = (x, 1.0, 0.0);
    if x < 0.5 {
        sign = -1.0;
        let s = (PI * x).sin();
        sum -= PI * PI / (s * s);
        x = 1.0 - x;
    }
    // PyTorch's six steps and three terms, whose error shows in the eleventh digit.
    for _ in 0..6 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    sum += (1.0 + 1.0 / (2.0 * x) + z * (1.0 / 6.0 - z * (1.0 / 30.0 - z * (1.0 / 42.0)))) / x;
    sign * sum
}

/// The derivative of order `n >= 1` of [`digamma`]: `(-1)^(n+1) n! zeta(n + 1, x)`.
pub(super) fn polygamma(n: f64, x: f64) -> f64 {
    if n == 0.0 {
        return digamma(x);
    }
    if n == 1.0 {
        return trigamma(x);
    }
    let sign = if n % 2.0 == 0.0 { -1.0 } else { 1.0 };
    sign * lgamma(n + 1.0).exp() * zeta(n + 1.0, x)
}

/// The Hurwitz zeta function `sum over k of (k + q)^-x`, by the Euler-Maclaurin formula (DLMF 2.10.1).
pub(crate) fn zeta(x: f64, q: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    if x < 1.0 || x.is_nan() || q.is_nan() {
        return f64::NAN;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return f64::INFINITY;
        }
        if x != x.floor() {
            return f64::NAN;
        }
    }
    let mut sum = q.powf(-x);
    let mut a = q;
    let mut steps = 0;
    while steps < 9 || a <= 9.0 {
        steps += 1;
        a += 1.0;
        let term = a.powf(-x);
        sum += term;
        if term.abs() < f64::EPSILON / 2.0 * sum.abs() {
            return sum;
        }
        if steps > 100_000 {
            break;
        }
    }
    let w = a;
    let mut b = w.powf(-x);
    sum += b * w / (x - 1.0);
    sum -= 0.5 * b;
    // (2k)! / B_2k.
    const A: [f64; 12] = [
        12.0,
        -720.0,
        30240.0,
        -1209600.0,
        47900160.0,
        -1_892_437_580.318_379,
        74_724_249_600.0,
        -2_950_130_727_918.164_4,
        116_467_828_143_500.67,
        -4_597_978_722_407_472.6,
        181_521_054_019_435_460.0,
        -7_166_165_256_175_667_000.0,
    ];
    let (mut factor, mut k) = (1.0, 0.0);
    for a in A {
        factor *= x + k;
        b /= w;
        let t = factor * b / a;
        sum += t;
        if (t / sum).abs() < f64::EPSILON / 2.0 {
            break;
        }
        k += 1.0;
        factor *= x + k;
        b /= w;
        k += 1.0;
    }
    sum
}

/// `x^a e^-x / Gamma(a)`.
fn front(a: f64, x: f64) -> f64 {
    if a < 10.0 {
        return (a * x.ln() - x - lgamma(a)).exp();
    }
    // x = a (1 + d): the exponent is -a (d - ln(1 + d)), small where the function is not.
    let d = (x - a) / a;
    let exponent = if d.abs() < 0.1 {
        // d - ln(1 + d) = d^2 (1/2 - d/3 + d^2/4 - ..).
        let mut sum = 0.0;
        for k in (2..30).rev() {
            sum = 1.0 / k as f64 - d * sum;
        }
        d * d * sum
    } else {
        d - (x / a).ln()
    };
    (-a * exponent - stirling(a)).exp() * (a / (2.0 * PI)).sqrt()
}

/// The regularised incomplete gamma functions `P(a, x)` and `Q(a, x)`: the series (DLMF 8.7.1) or the continued fraction
/// (8.9.2), each where it converges faster.
pub(super) fn igamma(a: f64, x: f64) -> (f64, f64) {
    if x < 0.0 || a < 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if a == 0.0 {
        return if x > 0.0 { (1.0, 0.0) } else { (f64::NAN, f64::NAN) };
    }
    if x == 0.0 {
        return (0.0, 1.0);
    }
    if a.is_infinite() {
        return if x.is_infinite() {
            (f64::NAN, f64::NAN)
        } else {
            (0.0, 1.0)
        };
    }
    if x.is_infinite() {
        return (1.0, 0.0);
    }
    if x.is_nan() || a.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    let front = front(a, x);
    if x <= 1.0 && a < 1e-3 || x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..100_000 {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term < sum * f64::EPSILON / 4.0 {
                break;
            }
        }
        let p = front * sum;
        return (p, 1.0 - p);
    }
    // Lentz's evaluation.
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..100_000 {
        let an = -(i as f64) * (i as f64 - a);
        b += 2.0;
        d = an * d + b;
        d = if d.abs() < tiny { tiny } else { d };
        c = b + an / c;
        c = if c.abs() < tiny { tiny } else { c };
        d = 1.0 / d;
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < f64::EPSILON / 2.0 {
            break;
        }
    }
    let q = front * h;
    (1.0 - q, q)
}

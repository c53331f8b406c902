//! The Airy function `Ai`.

use super::bessel::k_fraction;
use std::f64::consts::{FRAC_PI_4, PI};

/// `Ai(0)` and `-Ai'(0)` (DLMF 9.2.3 and 9.2.4).
const AT_0: f64 = 0.355_028_053_887_817_24;
const SLOPE_0: f64 = 0.258_819_403_792_806_8;

/// Value and slope at `x + h` from those at `x`: the Taylor series of `y'' = x y`.
fn step(x: f64, y: f64, slope: f64, h: f64) -> (f64, f64) {
    let mut c = [y, slope, x * y / 2.0];
    let (mut value, mut derivative) = (y + slope * h + c[2] * h * h, slope + 2.0 * c[2] * h);
    let mut power = h * h;
    for k in 3..40 {
        let n = k as f64;
        // c_k = (x c_(k-2) + c_(k-3)) / (k (k - 1)).
        let next = (x * c[1] + c[0]) / (n * (n - 1.0));
        derivative += n * next * power;
        power *= h;
        value += next * power;
        c = [c[1], c[2], next];
    }
    (value, derivative)
}

pub(super) fn ai(x: f64) -> f64 {
    // PyTorch's answer at infinity; the limit is 0.
    if !x.is_finite() {
        return f64::NAN;
    }
    if x > 2.1 {
        // Ai = sqrt(x / 3) K_(1/3)(zeta) / pi (DLMF 9.6.2).
        let zeta = 2.0 / 3.0 * x * x.sqrt();
        return (x / 3.0).sqrt() / PI * k_fraction(1.0 / 3.0, zeta).0 * (-zeta).exp();
    }
    if x > -12.0 {
        // From 0 in steps; the equation is stable towards negative numbers.
        let steps = (x.abs() / 0.5).ceil().max(1.0);
        let h = x / steps;
        let (mut y, mut slope) = (AT_0, -SLOPE_0);
        for k in 0..steps as usize {
            (y, slope) = step(h * k as f64, y, slope, h);
        }
        return y;
    }
    // DLMF 9.7.9.
    let size = -x;
    let zeta = 2.0 / 3.0 * size * size.sqrt();
    let (mut even, mut odd, mut term) = (1.0, 0.0, 1.0);
    for k in 1..60 {
        let n = k as f64;
        let next: f64 =
            term * (6.0 * n - 5.0) * (6.0 * n - 3.0) * (6.0 * n - 1.0) / (216.0 * n * (2.0 * n - 1.0) * zeta);
        if next.abs() >= f64::abs(term) || next < 1e-18 {
            break;
        }
        term = next;
        match k % 4 {
            0 => even += term,
            1 => odd += term,
            2 => even -= term,
            _ => odd -= term,
        }
    }
    let (s, c) = (zeta - FRAC_PI_4).sin_cos();
    (c * even + s * odd) / (PI.sqrt() * size.sqrt().sqrt())
}

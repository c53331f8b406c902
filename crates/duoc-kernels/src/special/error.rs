//! The error function's relatives.

use crate::math::double::erfc;
use std::f64::consts::{PI, SQRT_2};

/// The number with `erf(y) = x`: a first guess by the logarithm, then Halley's steps on `erf` or `erfc`.
pub(super) fn erfinv(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 1.0 {
        return f64::NAN;
    }
    if x.abs() == 1.0 {
        return f64::INFINITY.copysign(x);
    }
    if x == 0.0 {
        return x;
    }
    // S. Winitzki's approximation (2008), good to 2e-3.
    let a = 0.147;
    let l = (1.0 - x * x).ln();
    let t = 2.0 / (PI * a) + l / 2.0;
    let mut y = ((t * t - l / a).sqrt() - t).sqrt();
    let size = x.abs();
    for _ in 0..3 {
        // What is missing, without cancellation at either end.
        let miss = if size < 0.5 {
            (1.0 - erfc(y)) - size
        } else {
            (1.0 - size) - erfc(y)
        };
        let slope = 2.0 / PI.sqrt() * (-y * y).exp();
        let newton = miss / slope;
        y -= newton / (1.0 + y * newton);
    }
    if size < 1e-3 {
        // erf is all but linear: erfinv(x) = sqrt(pi) / 2 (x + pi x^3 / 12 + 7 pi^2 x^5 / 480 + ..).
        let z = PI * size * size;
        y = PI.sqrt() / 2.0 * size * (1.0 + z * (1.0 / 12.0 + z * (7.0 / 480.0 + z * 127.0 / 40320.0)));
    }
    y.copysign(x)
}

/// `e^(x^2) erfc(x)`: the product, or from 5 on the continued fraction (DLMF 7.9.1).
pub(super) fn erfcx(x: f64) -> f64 {
    if x < 0.0 {
        return if x < -26.7 {
            f64::INFINITY
        } else {
            2.0 * (x * x).exp() - erfcx(-x)
        };
    }
    if x < 5.0 {
        // The square in two parts, so that its rounding does not grow with it.
        let high = (x * 4096.0).round() / 4096.0;
        let low = (x - high) * (x + high);
        return (high * high).exp() * low.exp() * erfc(x);
    }
    if x > 1e8 {
        return 1.0 / (PI.sqrt() * x);
    }
    let mut tail = 0.0;
    for k in (1..60).rev() {
        tail = k as f64 / 2.0 / (x + tail);
    }
    1.0 / (PI.sqrt() * (x + tail))
}

/// `ln Phi(x)`.
pub(super) fn log_ndtr(x: f64) -> f64 {
    let t = x / SQRT_2;
    if x < -1.0 {
        (erfcx(-t) / 2.0).ln() - t * t
    } else {
        (-erfc(t) / 2.0).ln_1p()
    }
}

/// The number with `Phi(y) = p`.
pub(super) fn ndtri(p: f64) -> f64 {
    if p == 0.0 {
        return f64::NEG_INFINITY;
    }
    if p == 1.0 {
        return f64::INFINITY;
    }
    if p.is_nan() || !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p > 0.5 {
        // 1 - p is exact here.
        return -ndtri(1.0 - p);
    }
    if p == 0.5 {
        return 0.0;
    }
    if p > 0.1 {
        return SQRT_2 * erfinv(2.0 * p - 1.0);
    }
    // Newton's steps on the logarithm of the distribution function, from its tail.
    let l = -2.0 * p.ln();
    let mut y = -(l - (2.0 * PI * l).ln()).max(0.5).sqrt();
    for _ in 0..8 {
        let miss = log_ndtr(y) - p.ln();
        // d ln Phi / dy = phi / Phi = sqrt(2 / pi) / erfcx(-y / sqrt 2).
        let step = miss * erfcx(-y / SQRT_2) * (PI / 2.0).sqrt();
        y -= step;
        if step.abs() < 1e-16 * y.abs() {
            break;
        }
    }
    y
}

/// `-x ln x`.
pub(super) fn entr(x: f64) -> f64 {
    if x > 0.0 {
        -x * x.ln()
    } else if x == 0.0 {
        0.0
    } else if x.is_nan() {
        x
    } else {
        f64::NEG_INFINITY
    }
}

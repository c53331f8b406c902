//! Orthogonal polynomials by their recurrences (DLMF 18.9); a degree below 0 gives 0.

/// The Chebyshev polynomials.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    T,
    U,
    V,
    W,
}

/// `p_(k+1) = 2 x p_k - p_(k-1)`; they differ in where they start.
pub(super) fn chebyshev(x: f64, n: f64, kind: Kind) -> f64 {
    let n = n.trunc();
    if n.is_nan() || n < 0.0 {
        return 0.0;
    }
    let odd = n % 2.0 != 0.0;
    if x.abs() == 1.0 {
        let end = match kind {
            Kind::T => 1.0,
            Kind::U => n + 1.0,
            Kind::V if x > 0.0 => 1.0,
            Kind::W if x < 0.0 => 1.0,
            Kind::V | Kind::W => n + n + 1.0,
        };
        return if x > 0.0 || !odd { end } else { -end };
    }
    // Far inside, the trigonometric form.
    let bound = if kind == Kind::T { 6.0 } else { 8.0 };
    if n > bound && x.abs() < 1.0 {
        let angle = x.acos();
        return match kind {
            Kind::T => (n * angle).cos(),
            Kind::U => match angle.sin() {
                0.0 => (n + 1.0) * ((n + 1.0) * angle).cos() / x,
                s => ((n + 1.0) * angle).sin() / s,
            },
            Kind::V => match (angle / 2.0).sin() {
                1.0 => n + n + 1.0,
                _ => ((n + 0.5) * angle).cos() / (angle / 2.0).cos(),
            },
            Kind::W => match (angle / 2.0).cos() {
                1.0 => n + n + 1.0,
                _ => ((n + 0.5) * angle).sin() / (angle / 2.0).sin(),
            },
        };
    }
    let first = match kind {
        Kind::T => x,
        Kind::U => x + x,
        Kind::V => x + x - 1.0,
        Kind::W => x + x + 1.0,
    };
    climb(n, 1.0, first, |_, q, p| (x + x) * q - p)
}

/// The polynomial of degree `n` from those of degrees 0 and 1.
fn climb(n: f64, zeroth: f64, first: f64, next: impl Fn(f64, f64, f64) -> f64) -> f64 {
    if n == 0.0 {
        return zeroth;
    }
    let (mut p, mut q) = (zeroth, first);
    let mut k = 1.0;
    while k < n && !q.is_nan() {
        (p, q) = (q, next(k, q, p));
        k += 1.0;
    }
    q
}

pub(super) fn hermite_h(x: f64, n: f64) -> f64 {
    let n = n.trunc();
    if n.is_nan() || n < 0.0 {
        return 0.0;
    }
    // Beyond, a float64 cannot hold it (and the recurrence would take as long as the degree says).
    if n > 128.0 {
        return f64::NAN;
    }
    climb(n, 1.0, x + x, |k, q, p| (x + x) * q - (k + k) * p)
}

pub(super) fn hermite_he(x: f64, n: f64) -> f64 {
    let n = n.trunc();
    if n.is_nan() || n < 0.0 {
        return 0.0;
    }
    if n > 128.0 {
        return f64::NAN;
    }
    climb(n, 1.0, x, |k, q, p| x * q - k * p)
}

/// The largest degree that is climbed to: above, numbers of this kind are not asked for, and time would be lost.
const HIGHEST: f64 = 1e7;

pub(super) fn laguerre(x: f64, n: f64) -> f64 {
    let n = n.trunc();
    if n.is_nan() || n < 0.0 {
        return 0.0;
    }
    if x == 0.0 {
        return 1.0;
    }
    if n > HIGHEST {
        return f64::NAN;
    }
    climb(n, 1.0, 1.0 - x, |k, q, p| ((k + k + 1.0 - x) * q - k * p) / (k + 1.0))
}

pub(super) fn legendre(x: f64, n: f64) -> f64 {
    let n = n.trunc();
    if n.is_nan() || n < 0.0 {
        return 0.0;
    }
    if x.abs() == 1.0 {
        return if x > 0.0 || n % 2.0 == 0.0 { 1.0 } else { -1.0 };
    }
    if n > HIGHEST {
        return f64::NAN;
    }
    climb(n, 1.0, x, |k, q, p| ((k + k + 1.0) * x * q - k * p) / (k + 1.0))
}

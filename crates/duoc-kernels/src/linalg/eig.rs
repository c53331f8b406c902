//! General matrices: Hessenberg form, the QR algorithm with Wilkinson's shifts on complex numbers, eigenvectors by
//! back-substitution in the Schur form (Golub and Van Loan 7.4 to 7.6).

use super::{Mat, Number, norm, reflect, reflector};
use crate::math::complex::Complex;

type Z = Complex<f64>;

fn z(re: f64, im: f64) -> Z {
    Complex { re, im }
}

pub(super) fn decompose(a: &mut Mat<Z>, w: &mut [Z], vectors: Option<Mat<Z>>, real: bool) -> i32 {
    let n = a.rows;
    if n == 0 {
        return 0;
    }
    let mut vectors = vectors;
    hessenberg(a, &mut vectors);
    let info = schur(a, &mut vectors);
    for (k, w) in w.iter_mut().enumerate() {
        *w = a.at(k, k);
    }
    if let Some(v) = &mut vectors {
        substitute(a, v);
    }
    if real {
        pair(w, &mut vectors);
    }
    info
}

/// `A = Q H Q^H`; `Q` into `vectors`.
fn hessenberg(a: &mut Mat<Z>, vectors: &mut Option<Mat<Z>>) {
    let n = a.rows;
    let mut taus = vec![Z::ZERO; n];
    let mut kept: Vec<Vec<Z>> = Vec::new();
    for k in 0..n.saturating_sub(2) {
        let mut v = a.col(k)[k + 1..].to_vec();
        let (beta, tau) = reflector(&mut v);
        v[0] = Z::ONE;
        taus[k] = tau;
        let column = &mut a.col_mut(k)[k + 1..];
        column.fill(Z::ZERO);
        column[0] = z(beta, 0.0);
        for j in k + 1..n {
            reflect(&v, tau.conj(), &mut a.col_mut(j)[k + 1..]);
        }
        // A := A (I - tau v v^H).
        let mut sums = vec![Z::ZERO; n];
        for (j, x) in (k + 1..n).zip(&v) {
            super::axpy(*x, a.col(j), &mut sums);
        }
        for (j, x) in (k + 1..n).zip(&v) {
            super::axpy(-(tau * x.conj()), &sums, a.col_mut(j));
        }
        kept.push(v);
    }
    if let Some(q) = vectors {
        q.set_identity();
        for (k, v) in kept.iter().enumerate().rev() {
            for j in k + 1..n {
                reflect(v, taus[k], &mut q.col_mut(j)[k + 1..]);
            }
        }
    }
}

/// Turns the Hessenberg matrix into an upper triangular one.
fn schur(t: &mut Mat<Z>, q: &mut Option<Mat<Z>>) -> i32 {
    let n = t.rows;
    let mut high = n - 1;
    let mut rounds = 0;
    let mut turns = vec![(Z::ZERO, Z::ZERO); n];
    while high > 0 {
        let mut low = high;
        while low > 0 {
            let around = t.at(low - 1, low - 1).size() + t.at(low, low).size();
            let beside = t.at(low, low - 1).size();
            if beside <= f64::EPSILON * around || beside < f64::MIN_POSITIVE {
                t.put(low, low - 1, Z::ZERO);
                break;
            }
            low -= 1;
        }
        if low == high {
            high -= 1;
            rounds = 0;
            continue;
        }
        rounds += 1;
        if rounds > 60 {
            return high as i32 + 1;
        }
        let shift = match rounds % 10 {
            0 => z(
                t.at(high, high - 1).size() + t.at(high, high).re(),
                t.at(high, high).im(),
            ),
            _ => wilkinson(t, high),
        };
        for k in low..=high {
            t.put(k, k, t.at(k, k) - shift);
        }
        for k in low..high {
            let (a, b) = (t.at(k, k), t.at(k + 1, k));
            let r = a.modulus().hypot(b.modulus());
            let (c, s) = if r == 0.0 {
                (Z::ONE, Z::ZERO)
            } else {
                (a.scale(1.0 / r), b.scale(1.0 / r))
            };
            turns[k] = (c, s);
            for j in k..n {
                let column = t.col_mut(j);
                let (x, y) = (column[k], column[k + 1]);
                column[k] = c.conj() * x + s.conj() * y;
                column[k + 1] = c * y - s * x;
            }
            t.put(k + 1, k, Z::ZERO);
        }
        for k in low..high {
            let (c, s) = turns[k];
            turn_columns(t, k, c, s, (k + 2).min(high + 1));
            if let Some(q) = q {
                turn_columns(q, k, c, s, n);
            }
        }
        for k in low..=high {
            t.put(k, k, t.at(k, k) + shift);
        }
    }
    0
}

fn turn_columns(m: &mut Mat<Z>, k: usize, c: Z, s: Z, rows: usize) {
    let (a, b) = m.pair(k, k + 1);
    for (x, y) in a[..rows].iter_mut().zip(&mut b[..rows]) {
        let (p, q) = (*x, *y);
        *x = p * c + q * s;
        *y = q * c.conj() - p * s.conj();
    }
}

/// The eigenvalue of the trailing 2 by 2 block that is nearer to its last element.
fn wilkinson(t: &Mat<Z>, high: usize) -> Z {
    let (a, b) = (t.at(high - 1, high - 1), t.at(high - 1, high));
    let (c, d) = (t.at(high, high - 1), t.at(high, high));
    let half = (a - d).scale(0.5);
    let root = (half * half + b * c).sqrt();
    let plus = half.re() * root.re() + half.im() * root.im() >= 0.0;
    let far = if plus { half + root } else { half - root };
    match far.size() == 0.0 {
        true => d,
        false => d - (b * c).over(far),
    }
}

/// Unit eigenvectors from the Schur form `t` and vectors `q`, in the place of `q`; their largest element is real.
fn substitute(t: &Mat<Z>, q: &mut Mat<Z>) {
    let n = t.rows;
    let least = (f64::EPSILON * (0..n).map(|j| norm(&t.col(j)[..=j])).fold(0.0, f64::max)).max(f64::MIN_POSITIVE);
    let mut all = vec![Z::ZERO; n * n];
    for k in 0..n {
        let mut x = vec![Z::ZERO; k + 1];
        x[k] = Z::ONE;
        for (x, t) in x.iter_mut().zip(&t.col(k)[..k]) {
            *x = -*t;
        }
        for i in (0..k).rev() {
            let mut gap = t.at(i, i) - t.at(k, k);
            if gap.size() < least {
                gap = z(least, 0.0);
            }
            x[i] = x[i].over(gap);
            let f = -x[i];
            super::axpy(f, &t.col(i)[..i], &mut x[..i]);
            let big = x[..=i].iter().fold(0f64, |m, v| m.max(v.size()));
            if big > 1e150 {
                for v in &mut x {
                    *v = v.scale(1.0 / big);
                }
            }
        }
        let out = &mut all[k * n..(k + 1) * n];
        for (j, f) in x.iter().enumerate() {
            super::axpy(*f, q.col(j), out);
        }
        normalise(out);
    }
    q.data.copy_from_slice(&all);
}

fn normalise(v: &mut [Z]) {
    let length = norm(v);
    let largest = v
        .iter()
        .fold(Z::ZERO, |m, x| if x.square() > m.square() { *x } else { m });
    if length == 0.0 || !length.is_finite() {
        return;
    }
    let phase = largest.conj().scale(1.0 / (largest.modulus() * length));
    for x in v {
        *x = *x * phase;
    }
}

/// Makes the eigenvalues of a real matrix exactly real or conjugates of each other, their vectors too: a value belongs to
/// the one that is nearer to its conjugate than the real axis is.
fn pair(w: &mut [Z], vectors: &mut Option<Mat<Z>>) {
    let n = w.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| w[*b].im.abs().total_cmp(&w[*a].im.abs()));
    let mut done = vec![false; n];
    for &k in &order {
        if done[k] {
            continue;
        }
        done[k] = true;
        let gap = |j: &usize| (w[*j] - w[k].conj()).modulus();
        let partner = (0..n).filter(|j| !done[*j]).min_by(|a, b| gap(a).total_cmp(&gap(b)));
        match partner.filter(|j| gap(j) < w[k].im.abs()) {
            Some(j) => {
                done[j] = true;
                // The one above the axis comes first, as in LAPACK.
                let (up, down) = (k.min(j), k.max(j));
                let (from, flip) = (k, w[k].im < 0.0);
                let value = if flip { w[from].conj() } else { w[from] };
                w[up] = value;
                w[down] = value.conj();
                if let Some(v) = vectors {
                    let column: Vec<Z> = v.col(from).iter().map(|x| if flip { x.conj() } else { *x }).collect();
                    v.col_mut(down).iter_mut().zip(&column).for_each(|(a, b)| *a = b.conj());
                    v.col_mut(up).copy_from_slice(&column);
                }
            }
            None => {
                w[k].im = 0.0;
                if let Some(v) = vectors {
                    let column = v.col_mut(k);
                    column.iter_mut().for_each(|x| x.im = 0.0);
                    normalise(column);
                }
            }
        }
    }
}

//! Hermitian matrices: reduction to a real tridiagonal one, then QL with implicit shifts (Golub and Van Loan 8.3; J. H.
//! Wilkinson and C. Reinsch, "Handbook for Automatic Computation", II/2 and II/4).

use super::{Mat, Number, axpy, dot, reflect, reflector};

pub(super) fn decompose<T: Number>(a: &mut Mat<T>, w: &mut [f64], vectors: bool) -> i32 {
    let n = a.rows;
    if n == 0 {
        return 0;
    }
    let (mut e, mut tau) = (vec![0.0; n], vec![T::ZERO; n]);
    reduce(a, w, &mut e, &mut tau);
    if vectors {
        form(a, &tau);
    }
    let info = iterate(w, &mut e, a, vectors);
    sort(w, a, vectors);
    info
}

/// `A = Q T Q^H`: the diagonal of `T` in `d`, what is beside it in `e`, the reflections below the diagonal of `a`.
fn reduce<T: Number>(a: &mut Mat<T>, d: &mut [f64], e: &mut [f64], tau: &mut [T]) {
    let n = a.rows;
    let mut p = vec![T::ZERO; n];
    for k in 0..n - 1 {
        let (beta, t) = reflector(&mut a.col_mut(k)[k + 1..]);
        e[k] = beta;
        tau[k] = t;
        if t != T::ZERO {
            a.put(k + 1, k, T::ONE);
            // p = tau A v, from the lower triangle alone.
            let p = &mut p[k + 1..];
            p.fill(T::ZERO);
            let v: Vec<T> = a.col(k)[k + 1..].to_vec();
            for j in 0..v.len() {
                let c = &a.col(k + 1 + j)[k + 1..];
                p[j] = p[j] + T::real(c[j].re()) * v[j] + dot(&c[j + 1..], &v[j + 1..]);
                axpy(v[j], &c[j + 1..], &mut p[j + 1..]);
            }
            for x in p.iter_mut() {
                *x = t * *x;
            }
            let half = (t * dot(p, &v)).scale(-0.5);
            axpy(half, &v, p);
            // A -= v w^H + w v^H.
            for j in 0..v.len() {
                let c = &mut a.col_mut(k + 1 + j)[k + 1..];
                axpy(-p[j].conj(), &v[j..], &mut c[j..]);
                axpy(-v[j].conj(), &p[j..], &mut c[j..]);
                c[j] = T::real(c[j].re());
            }
        }
        d[k] = a.at(k, k).re();
    }
    d[n - 1] = a.at(n - 1, n - 1).re();
}

/// The product of the reflections, in the place of their vectors.
fn form<T: Number>(a: &mut Mat<T>, tau: &[T]) {
    let n = a.rows;
    // Move the vectors one column to the right: the first column and row of Q are those of the identity.
    for j in (1..n).rev() {
        let (left, right) = a.pair(j - 1, j);
        right[j..].copy_from_slice(&left[j..]);
        right[..j].fill(T::ZERO);
    }
    let first = a.col_mut(0);
    first.fill(T::ZERO);
    first[0] = T::ONE;
    for i in (1..n).rev() {
        let t = tau[i - 1];
        for j in i + 1..n {
            let (v, c) = a.pair(i, j);
            reflect(&v[i..], t, &mut c[i..]);
        }
        let column = a.col_mut(i);
        column[i] = T::ONE - t;
        for x in &mut column[i + 1..] {
            *x = -(t * *x);
        }
    }
}

fn iterate<T: Number>(d: &mut [f64], e: &mut [f64], z: &mut Mat<T>, vectors: bool) -> i32 {
    let n = d.len();
    for l in 0..n {
        let mut rounds = 0;
        loop {
            let small = |m: usize| {
                let around = d[m].abs() + d[m + 1].abs();
                e[m].abs() <= f64::EPSILON * around || e[m].abs() < f64::MIN_POSITIVE
            };
            let m = (l..n - 1).find(|m| small(*m)).unwrap_or(n - 1);
            if m == l {
                break;
            }
            rounds += 1;
            if rounds > 60 {
                return (n - l) as i32;
            }
            let mut g = (d[l + 1] - d[l]) / (2.0 * e[l]);
            let mut r = g.hypot(1.0);
            g = d[m] - d[l] + e[l] / (g + r.copysign(g));
            let (mut s, mut c, mut p) = (1.0, 1.0, 0.0);
            let mut whole = true;
            for i in (l..m).rev() {
                let (f, b) = (s * e[i], c * e[i]);
                r = f.hypot(g);
                e[i + 1] = r;
                if r == 0.0 {
                    d[i + 1] -= p;
                    e[m] = 0.0;
                    whole = false;
                    break;
                }
                s = f / r;
                c = g / r;
                g = d[i + 1] - p;
                r = (d[i] - g) * s + 2.0 * c * b;
                p = s * r;
                d[i + 1] = g + p;
                g = c * r - b;
                if vectors {
                    z.rotate(i + 1, i, c, s);
                }
            }
            if whole {
                d[l] -= p;
                e[l] = g;
                e[m] = 0.0;
            }
        }
    }
    0
}

fn sort<T: Number>(d: &mut [f64], z: &mut Mat<T>, vectors: bool) {
    for i in 0..d.len() {
        let least = (i..d.len()).fold(i, |k, j| if d[j] < d[k] { j } else { k });
        d.swap(i, least);
        if vectors {
            z.swap_columns(i, least);
        }
    }
}

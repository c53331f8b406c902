//! Singular values: reduction to a real bidiagonal matrix, then implicit QR (Golub and Van Loan 8.6; G. Golub and C.
//! Reinsch, 1970).

use super::{Mat, Number, axpy, reflect, reflector};

pub(super) fn decompose<T: Number>(a: &mut Mat<T>, n: usize, s: &mut [f64], vectors: Option<(Mat<T>, Mat<T>)>) -> i32 {
    if n == 0 {
        if let Some((mut u, _)) = vectors {
            u.set_identity();
        }
        return 0;
    }
    let mut e = vec![0.0; n];
    let (mut left, mut right) = (vec![T::ZERO; n], vec![T::ZERO; n]);
    reduce(a, n, s, &mut e, &mut left, &mut right);
    let mut vectors = vectors;
    if let Some((u, v)) = &mut vectors {
        u.set_identity();
        v.set_identity();
        let columns = u.data.len() / u.rows.max(1);
        for k in (0..n).rev() {
            let x = &a.col(k)[k..];
            for j in k..columns {
                reflect(x, left[k], &mut u.col_mut(j)[k..]);
            }
        }
        for k in (0..n.saturating_sub(1)).rev() {
            let x: Vec<T> = (k + 1..n).map(|j| a.at(k, j).conj()).collect();
            for j in k + 1..n {
                reflect(&x, right[k], &mut v.col_mut(j)[k + 1..]);
            }
        }
    }
    iterate(s, &mut e, &mut vectors)
}

/// `A = Q B P^H`: the diagonal of `B` in `d`, what is above it in `e`; the vectors of the reflections of `Q` below the
/// diagonal, those of `P`, conjugated, to the right of it.
fn reduce<T: Number>(a: &mut Mat<T>, n: usize, d: &mut [f64], e: &mut [f64], left: &mut [T], right: &mut [T]) {
    for k in 0..n {
        (d[k], left[k]) = reflector(&mut a.col_mut(k)[k..]);
        for j in k + 1..n {
            let (v, c) = a.pair(k, j);
            reflect(&v[k..], left[k].conj(), &mut c[k..]);
        }
        if k + 1 == n {
            continue;
        }
        let mut row: Vec<T> = (k + 1..n).map(|j| a.at(k, j).conj()).collect();
        (e[k], right[k]) = reflector(&mut row);
        row[0] = T::ONE;
        // A := A - (A v) tau v^H behind the step.
        let mut sums = vec![T::ZERO; a.rows - k - 1];
        for (j, v) in (k + 1..n).zip(&row) {
            axpy(*v, &a.col(j)[k + 1..], &mut sums);
        }
        for (j, v) in (k + 1..n).zip(&row) {
            axpy(-(right[k] * v.conj()), &sums, &mut a.col_mut(j)[k + 1..]);
            a.put(k, j, v.conj());
        }
    }
}

const TINY: f64 = f64::MIN_POSITIVE;

fn iterate<T: Number>(s: &mut [f64], e: &mut [f64], vectors: &mut Option<(Mat<T>, Mat<T>)>) -> i32 {
    let mut p = s.len();
    let mut rounds = 0;
    while p > 0 {
        rounds += 1;
        if rounds > 100 {
            return p as i32;
        }
        // `start` is where the block without a negligible element above the diagonal begins.
        let mut start = p - 1;
        while start > 0 {
            if e[start - 1].abs() <= TINY + f64::EPSILON * (s[start - 1].abs() + s[start].abs()) {
                e[start - 1] = 0.0;
                break;
            }
            start -= 1;
        }
        if start == p - 1 {
            settle(s, p - 1, vectors);
            p -= 1;
            rounds = 0;
            continue;
        }
        let zero = (start..p).rev().find(|k| {
            let around = if *k + 1 < p { e[*k].abs() } else { 0.0 } + if *k > start { e[*k - 1].abs() } else { 0.0 };
            s[*k].abs() <= TINY + f64::EPSILON * around
        });
        match zero {
            Some(k) if k == p - 1 => {
                s[k] = 0.0;
                chase_up(s, e, start, p, vectors);
            }
            Some(k) => {
                s[k] = 0.0;
                chase_right(s, e, k, p, vectors);
            }
            None => step(s, e, start, p, vectors),
        }
    }
    0
}

/// The last singular value of the block is zero: what is above it is rotated away to the left.
fn chase_up<T: Number>(s: &mut [f64], e: &mut [f64], start: usize, p: usize, vectors: &mut Option<(Mat<T>, Mat<T>)>) {
    let mut f = std::mem::take(&mut e[p - 2]);
    for j in (start..p - 1).rev() {
        let t = s[j].hypot(f);
        let (c, n) = if t == 0.0 { (1.0, 0.0) } else { (s[j] / t, f / t) };
        s[j] = t;
        if j != start {
            f = -n * e[j - 1];
            e[j - 1] *= c;
        }
        if let Some((_, v)) = vectors {
            v.rotate(j, p - 1, c, n);
        }
    }
}

/// A singular value inside the block is zero: what is right of it is rotated away downwards.
fn chase_right<T: Number>(s: &mut [f64], e: &mut [f64], k: usize, p: usize, vectors: &mut Option<(Mat<T>, Mat<T>)>) {
    let mut f = std::mem::take(&mut e[k]);
    for j in k + 1..p {
        let t = s[j].hypot(f);
        let (c, n) = if t == 0.0 { (1.0, 0.0) } else { (s[j] / t, f / t) };
        s[j] = t;
        f = -n * e[j];
        e[j] *= c;
        if let Some((u, _)) = vectors {
            u.rotate(j, k, c, n);
        }
    }
}

/// One QR step with the shift of the trailing 2 by 2 block.
fn step<T: Number>(s: &mut [f64], e: &mut [f64], start: usize, p: usize, vectors: &mut Option<(Mat<T>, Mat<T>)>) {
    let all = [s[p - 1], s[p - 2], e[p - 2], s[start], e[start]];
    let scale = all.iter().fold(0f64, |m, x| m.max(x.abs()));
    let [sp, sq, eq, sk, ek] = all.map(|x| x / scale);
    let b = ((sq + sp) * (sq - sp) + eq * eq) / 2.0;
    let c = (sp * eq) * (sp * eq);
    let shift = if b == 0.0 && c == 0.0 {
        0.0
    } else {
        c / (b + (b * b + c).sqrt().copysign(b))
    };
    let mut f = (sk + sp) * (sk - sp) + shift;
    let mut g = sk * ek;
    let turn = |f: f64, g: f64| {
        let t = f.hypot(g);
        if t == 0.0 { (0.0, 1.0, 0.0) } else { (t, f / t, g / t) }
    };
    for j in start..p - 1 {
        let (t, c, n) = turn(f, g);
        if j != start {
            e[j - 1] = t;
        }
        f = c * s[j] + n * e[j];
        e[j] = c * e[j] - n * s[j];
        g = n * s[j + 1];
        s[j + 1] *= c;
        if let Some((_, v)) = vectors {
            v.rotate(j, j + 1, c, n);
        }
        let (t, c, n) = turn(f, g);
        s[j] = t;
        f = c * e[j] + n * s[j + 1];
        s[j + 1] = c * s[j + 1] - n * e[j];
        g = n * e[j + 1];
        e[j + 1] *= c;
        if let Some((u, _)) = vectors {
            u.rotate(j, j + 1, c, n);
        }
    }
    e[p - 2] = f;
}

/// A value is found: it becomes positive and moves to its place among those found before.
fn settle<T: Number>(s: &mut [f64], k: usize, vectors: &mut Option<(Mat<T>, Mat<T>)>) {
    if s[k].is_sign_negative() {
        s[k] = -s[k];
        if let Some((_, v)) = vectors {
            for x in v.col_mut(k) {
                *x = -*x;
            }
        }
    }
    let mut k = k;
    while k + 1 < s.len() && s[k] < s[k + 1] {
        s.swap(k, k + 1);
        if let Some((u, v)) = vectors {
            u.swap_columns(k, k + 1);
            v.swap_columns(k, k + 1);
        }
        k += 1;
    }
}

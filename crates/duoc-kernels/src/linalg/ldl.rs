//! Symmetric and Hermitian indefinite matrices: `L D L^T` with the pivots of J. Bunch and L. Kaufman (1977), stored as
//! LAPACK's `sytrf` and `hetrf` store them in a lower triangle.

use super::{Mat, Number};

/// `(1 + sqrt 17) / 8`: the bound on the growth of elements of Bunch and Kaufman.
const ALPHA: f64 = 0.640_388_203_202_207_7;

fn flipped<T: Number>(x: T, hermitian: bool) -> T {
    if hermitian { x.conj() } else { x }
}

pub(super) fn factor<T: Number>(a: &mut Mat<T>, pivots: &mut [i32], hermitian: bool) -> i32 {
    let n = a.rows;
    let mut info = 0;
    let mut k = 0;
    while k < n {
        let diagonal = |a: &Mat<T>, i: usize| match hermitian {
            true => a.at(i, i).re().abs(),
            false => a.at(i, i).size(),
        };
        let here = diagonal(a, k);
        let (mut best, mut largest) = (k, 0.0);
        for i in k + 1..n {
            if a.at(i, k).size() > largest {
                (best, largest) = (i, a.at(i, k).size());
            }
        }
        if here.max(largest) == 0.0 || here.is_nan() {
            if info == 0 {
                info = k as i32 + 1;
            }
            pivots[k] = k as i32 + 1;
            k += 1;
            continue;
        }
        let (mut with, mut two) = (k, false);
        if here < ALPHA * largest {
            let row = (k..best).map(|j| a.at(best, j).size());
            let beside = row
                .chain((best + 1..n).map(|i| a.at(i, best).size()))
                .fold(0f64, f64::max);
            if here >= ALPHA * largest * (largest / beside) {
                with = k;
            } else if diagonal(a, best) >= ALPHA * beside {
                with = best;
            } else {
                (with, two) = (best, true);
            }
        }
        let last = k + usize::from(two);
        if with != last {
            exchange(a, last, with, hermitian);
            if two {
                let (x, y) = (a.at(k + 1, k), a.at(with, k));
                a.put(k + 1, k, y);
                a.put(with, k, x);
            }
        }
        if hermitian {
            for i in k..=last {
                a.put(i, i, T::real(a.at(i, i).re()));
            }
        }
        match two {
            false => {
                pivots[k] = with as i32 + 1;
                one(a, k, hermitian);
                k += 1;
            }
            true => {
                pivots[k] = -(with as i32 + 1);
                pivots[k + 1] = pivots[k];
                pair(a, k, hermitian);
                k += 2;
            }
        }
    }
    info
}

/// Exchanges rows and columns `k < p` of what is left, in the lower triangle.
fn exchange<T: Number>(a: &mut Mat<T>, k: usize, p: usize, hermitian: bool) {
    let n = a.rows;
    for i in p + 1..n {
        let (x, y) = (a.at(i, k), a.at(i, p));
        a.put(i, k, y);
        a.put(i, p, x);
    }
    for j in k + 1..p {
        let (x, y) = (a.at(j, k), a.at(p, j));
        a.put(j, k, flipped(y, hermitian));
        a.put(p, j, flipped(x, hermitian));
    }
    a.put(p, k, flipped(a.at(p, k), hermitian));
    let (x, y) = (a.at(k, k), a.at(p, p));
    a.put(k, k, y);
    a.put(p, p, x);
}

fn one<T: Number>(a: &mut Mat<T>, k: usize, hermitian: bool) {
    let n = a.rows;
    let r = T::ONE.over(a.at(k, k));
    let x: Vec<T> = a.col(k)[k + 1..].to_vec();
    for j in k + 1..n {
        let f = -(r * flipped(x[j - k - 1], hermitian));
        super::axpy(f, &x[j - k - 1..], &mut a.col_mut(j)[j..]);
        if hermitian {
            a.put(j, j, T::real(a.at(j, j).re()));
        }
    }
    for v in &mut a.col_mut(k)[k + 1..] {
        *v = *v * r;
    }
}

fn pair<T: Number>(a: &mut Mat<T>, k: usize, hermitian: bool) {
    let n = a.rows;
    // The inverse of the 2 by 2 block, scaled by its element beside the diagonal.
    let beside = a.at(k + 1, k);
    let (d11, d22, d21, factor);
    if hermitian {
        let size = beside.modulus();
        d11 = a.at(k + 1, k + 1).scale(1.0 / size);
        d22 = a.at(k, k).scale(1.0 / size);
        let t = 1.0 / (d11.re() * d22.re() - 1.0);
        d21 = beside.scale(1.0 / size);
        factor = T::real(t / size);
    } else {
        d11 = a.at(k + 1, k + 1).over(beside);
        d22 = a.at(k, k).over(beside);
        let t = T::ONE.over(d11 * d22 - T::ONE);
        d21 = T::ONE;
        factor = t.over(beside);
    }
    for j in k + 2..n {
        let (x, y) = (a.at(j, k), a.at(j, k + 1));
        let first = factor * (d11 * x - d21 * y);
        let second = factor * (d22 * y - flipped(d21, hermitian) * x);
        for i in j..n {
            let change = a.at(i, k) * flipped(first, hermitian) + a.at(i, k + 1) * flipped(second, hermitian);
            a.put(i, j, a.at(i, j) - change);
        }
        a.put(j, k, first);
        a.put(j, k + 1, second);
        if hermitian {
            a.put(j, j, T::real(a.at(j, j).re()));
        }
    }
}

pub(super) fn solve<T: Number>(a: &Mat<T>, pivots: &[i32], b: &mut Mat<T>, columns: usize, hermitian: bool) {
    let n = a.rows;
    let at = |k: usize| (pivots[k].unsigned_abs() as usize).clamp(1, n) - 1;
    let mut k = 0;
    while k < n {
        let two = pivots[k] < 0 && k + 1 < n;
        b.swap_rows(if two { k + 1 } else { k }, at(k), columns);
        for j in 0..columns {
            let x = b.col_mut(j);
            let (head, tail) = x.split_at_mut(if two { k + 2 } else { k + 1 });
            super::axpy(-head[k], &a.col(k)[head.len()..], tail);
            if two {
                super::axpy(-head[k + 1], &a.col(k + 1)[head.len()..], tail);
                let beside = a.at(k + 1, k);
                let other = flipped(beside, hermitian);
                let (p, q) = (a.at(k, k).over(other), a.at(k + 1, k + 1).over(beside));
                let (u, v) = (head[k].over(other), head[k + 1].over(beside));
                let d = p * q - T::ONE;
                head[k] = (q * u - v).over(d);
                head[k + 1] = (p * v - u).over(d);
            } else {
                head[k] = head[k].over(a.at(k, k));
            }
        }
        k += if two { 2 } else { 1 };
    }
    let mut end = n;
    while end > 0 {
        let k = end - 1;
        let two = pivots[k] < 0 && k > 0;
        for j in 0..columns {
            let x = b.col_mut(j);
            let (head, tail) = x.split_at_mut(k + 1);
            for i in if two { k - 1..k + 1 } else { k..k + 1 } {
                let column = &a.col(i)[k + 1..];
                let sum = column
                    .iter()
                    .zip(&*tail)
                    .fold(T::ZERO, |s, (l, x)| s + flipped(*l, hermitian) * *x);
                head[i] = head[i] - sum;
            }
        }
        b.swap_rows(k, at(k), columns);
        end -= if two { 2 } else { 1 };
    }
}

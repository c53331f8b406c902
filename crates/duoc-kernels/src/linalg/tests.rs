//! Every factorisation multiplied out again, on matrices of both fields and many sizes.

use super::{Mat, Number, cholesky, eig, eigh, ldl, lu, qr, svd, triangular};
use crate::math::complex::Complex;

type Z = Complex<f64>;

/// Numbers in (-1, 1) that look random.
fn numbers<T: Number>(count: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| T::of(next(), next())).collect()
}

fn product<T: Number>(a: &[T], b: &[T], m: usize, k: usize, n: usize) -> Vec<T> {
    let mut c = vec![T::ZERO; m * n];
    for j in 0..n {
        for p in 0..k {
            for i in 0..m {
                c[j * m + i] = c[j * m + i] + a[p * m + i] * b[j * k + p];
            }
        }
    }
    c
}

fn adjoint<T: Number>(a: &[T], m: usize, n: usize) -> Vec<T> {
    let mut b = vec![T::ZERO; a.len()];
    for j in 0..n {
        for i in 0..m {
            b[i * n + j] = a[j * m + i].conj();
        }
    }
    b
}

fn near<T: Number>(a: &[T], b: &[T], what: &str) {
    let worst = a.iter().zip(b).fold(0f64, |w, (a, b)| w.max((*a - *b).modulus()));
    assert!(a.len() == b.len() && worst < 1e-11, "{what}: {worst:e}");
}

fn hermitian<T: Number>(n: usize, seed: u64, conjugate: bool) -> Vec<T> {
    let mut a = numbers::<T>(n * n, seed);
    for j in 0..n {
        for i in 0..j {
            a[j * n + i] = if conjugate { a[i * n + j].conj() } else { a[i * n + j] };
        }
        if conjugate {
            a[j * n + j] = T::real(a[j * n + j].re());
        }
    }
    a
}

fn triangle<T: Number>(a: &[T], n: usize, upper: bool, unit: bool) -> Vec<T> {
    let keep = |i: usize, j: usize| if upper { i <= j } else { i >= j };
    (0..n * n)
        .map(|x| match (x % n, x / n) {
            (i, j) if i == j && unit => T::ONE,
            (i, j) if keep(i, j) => a[x],
            _ => T::ZERO,
        })
        .collect()
}

fn square<T: Number>(n: usize) {
    let a = numbers::<T>(n * n, n as u64);
    let (mut f, mut pivots) = (a.clone(), vec![0; n]);
    assert_eq!(lu::factor(&mut Mat::new(&mut f, n), n, &mut pivots, true), 0);
    let mut back = product(&triangle(&f, n, false, true), &triangle(&f, n, true, false), n, n, n);
    for k in (0..n).rev() {
        Mat::new(&mut back, n).swap_rows(k, pivots[k] as usize - 1, n);
    }
    near(&back, &a, "lu");

    let mut t = triangle(&a, n, true, false);
    (0..n).for_each(|i| t[i * n + i] = t[i * n + i] + T::real(4.0));
    let b = numbers::<T>(n * 3, 7);
    let mut x = b.clone();
    triangular::solve(&Mat::new(&mut t, n), true, false, &mut Mat::new(&mut x, n), 3);
    near(&product(&t, &x, n, n, 3), &b, "triangular");

    let gram = product(&a, &adjoint(&a, n, n), n, n, n);
    let mut l = gram.clone();
    assert_eq!(cholesky::factor(&mut Mat::new(&mut l, n)), 0);
    near(&product(&l, &adjoint(&l, n, n), n, n, n), &gram, "cholesky");

    let h = hermitian::<T>(n, 3, true);
    let (mut v, mut w) = (h.clone(), vec![0.0; n]);
    assert_eq!(eigh::decompose(&mut Mat::new(&mut v, n), &mut w, true), 0);
    let scaled: Vec<T> = v.iter().enumerate().map(|(x, v)| v.scale(w[x / n])).collect();
    near(&product(&h, &v, n, n, n), &scaled, "eigh");
    let (mut alone, mut values) = (h.clone(), vec![0.0; n]);
    eigh::decompose(&mut Mat::new(&mut alone, n), &mut values, false);
    near(&values, &w, "eigvalsh");
    assert!(w.is_sorted());

    for conjugate in [false, true] {
        let s = hermitian::<T>(n, 5, conjugate);
        let (mut f, mut pivots) = (s.clone(), vec![0; n]);
        assert_eq!(ldl::factor(&mut Mat::new(&mut f, n), &mut pivots, conjugate), 0);
        let b = numbers::<T>(n * 2, 11);
        let mut x = b.clone();
        ldl::solve(&Mat::new(&mut f, n), &pivots, &mut Mat::new(&mut x, n), 2, conjugate);
        near(&product(&s, &x, n, n, 2), &b, "ldl");
    }
}

fn tall<T: Number>(m: usize, n: usize) {
    let a = numbers::<T>(m * n, (m * 100 + n) as u64);
    let (mut f, mut tau) = (a.clone(), vec![T::ZERO; n]);
    qr::factor(&mut Mat::new(&mut f, m), n, &mut tau);
    let mut r = vec![T::ZERO; n * n];
    for j in 0..n {
        r[j * n..j * n + j + 1].copy_from_slice(&f[j * m..j * m + j + 1]);
    }
    qr::form(&mut Mat::new(&mut f, m), n, &tau);
    near(&product(&f, &r, m, n, n), &a, "qr");
    let mut one = vec![T::ZERO; n * n];
    Mat::new(&mut one, n.max(1)).set_identity();
    near(&product(&adjoint(&f, m, n), &f, n, m, n), &one, "q is orthonormal");

    for columns in [n, m] {
        let (mut f, mut s) = (a.clone(), vec![0.0; n]);
        let (mut u, mut v) = (vec![T::ZERO; m * columns], vec![T::ZERO; n * n]);
        let parts = Some((Mat::new(&mut u, m), Mat::new(&mut v, n)));
        assert_eq!(svd::decompose(&mut Mat::new(&mut f, m), n, &mut s, parts), 0);
        let us: Vec<T> = u[..m * n].iter().enumerate().map(|(x, u)| u.scale(s[x / m])).collect();
        near(&product(&us, &adjoint(&v, n, n), m, n, n), &a, "svd");
        assert!(s.windows(2).all(|p| p[0] >= p[1]) && s.iter().all(|x| *x >= 0.0));
        let mut one = vec![T::ZERO; columns * columns];
        Mat::new(&mut one, columns.max(1)).set_identity();
        near(
            &product(&adjoint(&u, m, columns), &u, columns, m, columns),
            &one,
            "u is orthonormal",
        );
    }
}

#[test]
fn square_matrices() {
    for n in [1, 2, 3, 5, 8, 13, 40] {
        square::<f64>(n);
        square::<Z>(n);
    }
}

#[test]
fn tall_matrices() {
    for (m, n) in [(1, 1), (2, 2), (3, 2), (5, 5), (9, 4), (40, 17), (33, 33)] {
        tall::<f64>(m, n);
        tall::<Z>(m, n);
    }
}

#[test]
fn rank_deficient_matrices_have_zero_singular_values() {
    for n in [2, 4, 7] {
        let x = numbers::<f64>(n, 1);
        let mut a = product(&x, &x, n, 1, n);
        let (mut s, mut u, mut v) = (vec![0.0; n], vec![0.0; n * n], vec![0.0; n * n]);
        let kept = a.clone();
        let parts = Some((Mat::new(&mut u, n), Mat::new(&mut v, n)));
        assert_eq!(svd::decompose(&mut Mat::new(&mut a, n), n, &mut s, parts), 0);
        assert!(s[1..].iter().all(|x| *x < 1e-15));
        let us: Vec<f64> = u.iter().enumerate().map(|(x, u)| u * s[x / n]).collect();
        near(&product(&us, &adjoint(&v, n, n), n, n, n), &kept, "svd");
    }
    let mut zero = vec![0.0; 9];
    let mut s = vec![1.0; 3];
    assert_eq!(svd::decompose(&mut Mat::new(&mut zero, 3), 3, &mut s, None), 0);
    assert_eq!(s, [0.0; 3]);
}

#[test]
fn general_matrices() {
    for real in [false, true] {
        for n in [1, 2, 3, 5, 8, 21, 40] {
            let mut a = numbers::<Z>(n * n, n as u64 + 1);
            if real {
                a.iter_mut().for_each(|x| x.im = 0.0);
            }
            let (mut t, mut w, mut v) = (a.clone(), vec![Z::ZERO; n], vec![Z::ZERO; n * n]);
            let info = eig::decompose(&mut Mat::new(&mut t, n), &mut w, Some(Mat::new(&mut v, n)), real);
            assert_eq!(info, 0);
            let scaled: Vec<Z> = v.iter().enumerate().map(|(x, v)| *v * w[x / n]).collect();
            near(&product(&a, &v, n, n, n), &scaled, "eig");
            if real {
                let mirrored = w.iter().all(|x| w.iter().any(|y| *y == x.conj()));
                assert!(mirrored, "{w:?}");
            }
        }
    }
    // A rotation by a quarter turn, and a matrix without a full set of vectors.
    let mut a = [0.0, 1.0, -1.0, 0.0].map(|x| Z::of(x, 0.0));
    let mut w = [Z::ZERO; 2];
    eig::decompose(&mut Mat::new(&mut a, 2), &mut w, None, true);
    near(&w, &[Z::of(0.0, 1.0), Z::of(0.0, -1.0)], "quarter turn");
    let mut a = [1.0, 0.0, 1.0, 1.0].map(|x| Z::of(x, 0.0));
    eig::decompose(&mut Mat::new(&mut a, 2), &mut w, None, true);
    near(&w, &[Z::ONE, Z::ONE], "a Jordan block");
}

//! Householder reflections: the QR factorisation and products of reflections.

use super::{Mat, Number, reflect, reflector};

pub(super) fn factor<T: Number>(a: &mut Mat<T>, n: usize, tau: &mut [T]) {
    for (k, tau) in tau.iter_mut().enumerate() {
        let (beta, t) = reflector(&mut a.col_mut(k)[k..]);
        *tau = t;
        for j in k + 1..n {
            let (v, c) = a.pair(k, j);
            reflect(&v[k..], t.conj(), &mut c[k..]);
        }
        a.put(k, k, T::real(beta));
    }
}

pub(super) fn form<T: Number>(a: &mut Mat<T>, n: usize, tau: &[T]) {
    let k = tau.len();
    for j in k..n {
        a.col_mut(j).fill(T::ZERO);
        a.put(j, j, T::ONE);
    }
    for i in (0..k).rev() {
        let t = tau[i];
        for j in i + 1..n {
            let (v, c) = a.pair(i, j);
            reflect(&v[i..], t, &mut c[i..]);
        }
        let column = a.col_mut(i);
        column[..i].fill(T::ZERO);
        column[i] = T::ONE - t;
        for x in &mut column[i + 1..] {
            *x = -(t * *x);
        }
    }
}

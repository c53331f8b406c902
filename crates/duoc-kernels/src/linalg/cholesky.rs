//! Cholesky factorisation, column by column.

use super::{Mat, Number, axpy};

pub(super) fn factor<T: Number>(a: &mut Mat<T>) -> i32 {
    let n = a.rows;
    for j in 0..n {
        for k in 0..j {
            let (l, c) = a.pair(k, j);
            let f = -l[j].conj();
            axpy(f, &l[j..], &mut c[j..]);
        }
        let d = a.at(j, j).re();
        if d.is_nan() || d <= 0.0 {
            a.put(j, j, T::real(d));
            clear(a);
            return j as i32 + 1;
        }
        let root = d.sqrt();
        let column = a.col_mut(j);
        column[j] = T::real(root);
        for x in &mut column[j + 1..] {
            *x = x.scale(1.0 / root);
        }
    }
    clear(a);
    0
}

fn clear<T: Number>(a: &mut Mat<T>) {
    for j in 1..a.rows {
        a.col_mut(j)[..j].fill(T::ZERO);
    }
}

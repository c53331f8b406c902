//! Systems with a triangular matrix.

use super::{Mat, Number, axpy};

pub(super) fn solve<T: Number>(t: &Mat<T>, upper: bool, unit: bool, b: &mut Mat<T>, k: usize) {
    let n = t.rows;
    for j in 0..k {
        let x = b.col_mut(j);
        for step in 0..n {
            let i = if upper { n - 1 - step } else { step };
            if !unit {
                x[i] = x[i].over(t.at(i, i));
            }
            let f = -x[i];
            let column = t.col(i);
            match upper {
                true => axpy(f, &column[..i], &mut x[..i]),
                false => axpy(f, &column[i + 1..], &mut x[i + 1..]),
            }
        }
    }
}

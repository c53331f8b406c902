//! LU factorisation with partial pivoting.

use super::{Mat, Number, axpy};

/// Columns of one panel: what is behind it is updated once per panel, while the panel is in cache.
const PANEL: usize = 32;

pub(super) fn factor<T: Number>(a: &mut Mat<T>, n: usize, pivots: &mut [i32], pivot: bool) -> i32 {
    let m = a.rows;
    let steps = m.min(n);
    let mut info = 0;
    let mut start = 0;
    while start < steps {
        let end = (start + PANEL).min(steps);
        for k in start..end {
            let p = match pivot {
                true => largest(a.col(k), k),
                false => k,
            };
            pivots[k] = p as i32 + 1;
            if a.at(p, k) == T::ZERO {
                if info == 0 {
                    info = k as i32 + 1;
                }
                continue;
            }
            a.swap_rows(k, p, n);
            let d = a.at(k, k);
            for x in &mut a.col_mut(k)[k + 1..] {
                *x = x.over(d);
            }
            for j in k + 1..end {
                eliminate(a, k, j);
            }
        }
        // The columns behind the panel, each while it is in cache, get all of the panel's steps.
        for j in end..n {
            for k in start..end {
                eliminate(a, k, j);
            }
        }
        start = end;
    }
    info
}

fn eliminate<T: Number>(a: &mut Mat<T>, k: usize, j: usize) {
    let (l, c) = a.pair(k, j);
    let f = c[k];
    if f != T::ZERO {
        axpy(-f, &l[k + 1..], &mut c[k + 1..]);
    }
}

/// The row from `k` on with the largest element; the first NaN counts as one.
fn largest<T: Number>(column: &[T], k: usize) -> usize {
    let (mut best, mut size) = (k, column[k].size());
    for (i, x) in column.iter().enumerate().skip(k + 1) {
        if x.size() > size {
            (best, size) = (i, x.size());
        }
    }
    best
}

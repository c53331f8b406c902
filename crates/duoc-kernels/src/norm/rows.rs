//! Every row by itself: layer norm and root-mean-square norm.

use super::{ROWS, Stored};
use crate::cell::{Float, Shared, one_sum, two_sums};
use crate::reduce::elem::Number;
use crate::{DType, match_dtype, par, simd_fn};

/// What is computed of `rows` rows of `n` elements.
#[derive(Clone, Copy, Debug)]
pub struct Rows {
    /// Number of rows.
    pub rows: usize,
    /// Length of a row, not 0.
    pub n: usize,
    /// Whether the mean is subtracted: layer norm, otherwise root-mean-square norm.
    pub centred: bool,
    /// Added to the variance.
    pub eps: f64,
}

/// Operands of the forward pass; `weight`, `bias` and `mean` may be null.
#[derive(Clone, Copy, Debug)]
pub struct Forward {
    /// `rows * n` elements.
    pub x: *const u8,
    /// `n` numbers of the computing type.
    pub weight: *const u8,
    /// `n` numbers of the computing type.
    pub bias: *const u8,
    /// The result.
    pub y: *mut u8,
    /// `rows` numbers: the means.
    pub mean: *mut u8,
    /// `rows` numbers: `1 / sqrt(variance + eps)`.
    pub rstd: *mut u8,
}
// SAFETY: rows are disjoint.
unsafe impl Sync for Forward {}

/// Operands of the backward pass; `weight`, `mean` and each result may be null.
#[derive(Clone, Copy, Debug)]
pub struct Backward {
    /// The gradient of the result.
    pub grad: *const u8,
    /// The input.
    pub x: *const u8,
    /// As in the forward pass.
    pub weight: *const u8,
    /// As the forward pass gave it.
    pub mean: *const u8,
    /// As the forward pass gave it.
    pub rstd: *const u8,
    /// The gradient of the input.
    pub dx: *mut u8,
    /// `n` numbers of the computing type: the gradient of the weight.
    pub dweight: *mut u8,
    /// `n` numbers of the computing type: the gradient of the bias.
    pub dbias: *mut u8,
}
// SAFETY: rows are disjoint, and the sums over rows are made in parts.
unsafe impl Sync for Backward {}

/// Normalises every row. Returns `false`, having done nothing, for dtypes other than floats of 16, 32 and 64 bits.
///
/// # Safety
/// Everything is row-major, aligned and of the sizes that [`Forward`] names.
pub unsafe fn forward(dtype: DType, rows: &Rows, f: &Forward) -> bool {
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        par::for_units(rows.rows, (par::GRAIN / rows.n.saturating_mul(2)).max(1), &|begin, end| {
            forward_rows::<T>(rows, f, begin, end);
        });
    }, else return false);
    true
}

simd_fn! {
    [<T::Num as Number>::LEVELS]
    unsafe fn forward_rows<T: Stored>(r: &Rows, f: &Forward, begin: usize, end: usize) {
        let n = r.n;
        let (weight, bias) = (f.weight as *const T::Num, f.bias as *const T::Num);
        for row in begin..end {
            let (x, y) = ((f.x as *const T).add(row * n), (f.y as *mut T).add(row * n));
            let mean = if r.centred {
                T::Num::of(one_sum(n, |i| (*x.add(i)).load()) / n as f64)
            } else {
                T::Num::ZERO
            };
            let square = one_sum(n, |i| {
                let d = (*x.add(i)).load() - mean;
                d.mul(d)
            });
            let rstd = T::Num::of(1.0 / (square / n as f64 + r.eps).sqrt());
            if !f.mean.is_null() {
                *(f.mean as *mut T::Num).add(row) = mean;
            }
            *(f.rstd as *mut T::Num).add(row) = rstd;
            match (weight.is_null(), bias.is_null()) {
                (true, true) => {
                    for i in 0..n {
                        *y.add(i) = T::store(((*x.add(i)).load() - mean).mul(rstd));
                    }
                }
                (false, true) => {
                    for i in 0..n {
                        *y.add(i) = T::store(((*x.add(i)).load() - mean).mul(rstd).mul(*weight.add(i)));
                    }
                }
                (true, false) => {
                    for i in 0..n {
                        *y.add(i) = T::store(((*x.add(i)).load() - mean).mul(rstd).add(*bias.add(i)));
                    }
                }
                (false, false) => {
                    for i in 0..n {
                        let unit = ((*x.add(i)).load() - mean).mul(rstd);
                        *y.add(i) = T::store(unit.mul(*weight.add(i)).add(*bias.add(i)));
                    }
                }
            }
        }
    }
}

/// The gradients of [`forward`]. Returns `false`, having done nothing, for other dtypes than its.
///
/// # Safety
/// Everything is row-major, aligned and of the sizes that [`Backward`] names.
pub unsafe fn backward(dtype: DType, rows: &Rows, b: &Backward) -> bool {
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        let sums = !b.dweight.is_null() || !b.dbias.is_null();
        // A part has enough rows that its sums, 2 n numbers, are small beside it.
        let group = (par::GRAIN / rows.n.saturating_mul(4)).max(if sums { Ord::max(32, rows.rows.div_ceil(64)) } else { 1 });
        let parts = rows.rows.div_ceil(group);
        let width = if sums { 2 * rows.n } else { 0 };
        let mut partial = vec![0f64; parts * width];
        let shared = Shared(partial.as_mut_ptr());
        par::for_chunks(parts, &|part| {
            let (begin, end) = (part * group, ((part + 1) * group).min(rows.rows));
            backward_rows::<T>(rows, b, begin, end, shared.at(part * width), sums);
        });
        for (at, dst) in [b.dweight, b.dbias].into_iter().enumerate() {
            if !dst.is_null() {
                for i in 0..rows.n {
                    let sum: f64 = (0..parts).map(|p| partial[p * width + at * rows.n + i]).sum();
                    *(dst as *mut <T as crate::reduce::elem::Elem>::Num).add(i) = Float::of(sum);
                }
            }
        }
    }, else return false);
    true
}

simd_fn! {
    [<T::Num as Number>::LEVELS]
    unsafe fn backward_rows<T: Stored>(r: &Rows, b: &Backward, begin: usize, end: usize, partial: *mut f64, sums: bool) {
        let n = r.n;
        let weight = b.weight as *const T::Num;
        let mut parts = vec![T::Num::ZERO; if sums { 2 * n } else { 0 }];
        let (dweight, dbias) = (parts.as_mut_ptr(), parts.as_mut_ptr().wrapping_add(n));
        for row in begin..end {
            let (g, x) = ((b.grad as *const T).add(row * n), (b.x as *const T).add(row * n));
            let mean = if r.centred { *(b.mean as *const T::Num).add(row) } else { T::Num::ZERO };
            let rstd = *(b.rstd as *const T::Num).add(row);
            if sums {
                for i in 0..n {
                    let g = (*g.add(i)).load();
                    let unit = ((*x.add(i)).load() - mean).mul(rstd);
                    *dweight.add(i) = (*dweight.add(i)).add(g.mul(unit));
                    *dbias.add(i) = (*dbias.add(i)).add(g);
                }
                if (row - begin) % ROWS == ROWS - 1 || row + 1 == end {
                    for (i, part) in parts.iter_mut().enumerate() {
                        *partial.add(i) += Into::<f64>::into(*part);
                        *part = T::Num::ZERO;
                    }
                }
            }
            if b.dx.is_null() {
                continue;
            }
            let dx = (b.dx as *mut T).add(row * n);
            if weight.is_null() {
                slope::<T>(r, n, mean, rstd, x, dx, |i| (*g.add(i)).load());
            } else {
                slope::<T>(r, n, mean, rstd, x, dx, |i| (*g.add(i)).load().mul(*weight.add(i)));
            }
        }
    }
}

/// `dx = rstd (h - mean h - unit mean(h unit))` where `h` is the gradient of the unit row.
#[inline(always)]
unsafe fn slope<T: Stored>(
    r: &Rows,
    n: usize,
    mean: T::Num,
    rstd: T::Num,
    x: *const T,
    dx: *mut T,
    h: impl Fn(usize) -> T::Num,
) {
    let (plain, along) = two_sums(n, |i| (h(i), h(i).mul(((*x.add(i)).load() - mean).mul(rstd))));
    let plain = T::Num::of(if r.centred { plain / n as f64 } else { 0.0 });
    let along = T::Num::of(along / n as f64);
    for i in 0..n {
        let unit = ((*x.add(i)).load() - mean).mul(rstd);
        *dx.add(i) = T::store((h(i) - plain - unit.mul(along)).mul(rstd));
    }
}

//! The gradient of the cross entropy of classes: `(softmax(x) - onehot(target)) * scale`, a row at a time.

use crate::math::{double, single};
use crate::{DType, par, simd_fn};

/// Writes `exp(x[i][j] - lse[i]) * scale[i]`, less `scale[i]` at `j = target[i]`, for `rows x classes` elements.
///
/// Returns `false`, having done nothing, for dtypes other than float32 and float64.
///
/// # Safety
/// `x` and `out` have `rows * classes` elements in row-major order, `lse` and `scale` have `rows` of the same dtype,
/// `target` has `rows` numbers from 0 to `classes`.
pub unsafe fn backward(
    dtype: DType,
    [rows, classes]: [usize; 2],
    x: *const u8,
    lse: *const u8,
    target: *const i64,
    scale: *const u8,
    out: *mut u8,
) -> bool {
    let work = Rows {
        classes,
        x,
        lse,
        target,
        scale,
        out,
    };
    let one: unsafe fn(&Rows, usize) = match dtype {
        DType::F32 => row32,
        DType::F64 => row64,
        _ => return false,
    };
    let group = (par::GRAIN / (classes * 8).max(1)).max(1);
    if rows.saturating_mul(classes) < par::GRAIN {
        (0..rows).for_each(|i| one(&work, i));
        return true;
    }
    // SAFETY: rows do not overlap.
    par::for_units(rows, group, &|begin, end| {
        let work = &work;
        (begin..end).for_each(|i| unsafe { one(work, i) });
    });
    true
}

struct Rows {
    classes: usize,
    x: *const u8,
    lse: *const u8,
    target: *const i64,
    scale: *const u8,
    out: *mut u8,
}
// SAFETY: each row is written by one task.
unsafe impl Sync for Rows {}

macro_rules! row {
    ($name:ident, $t:ident, $exp:path) => {
        simd_fn! {
            unsafe fn $name(r: &Rows, i: usize) {
                let n = r.classes;
                let x = r.x.cast::<$t>().add(i * n);
                let out = r.out.cast::<$t>().add(i * n);
                let (lse, scale) = (*r.lse.cast::<$t>().add(i), *r.scale.cast::<$t>().add(i));
                for j in 0..n {
                    *out.add(j) = $exp(*x.add(j) - lse) * scale;
                }
                *out.add(*r.target.add(i) as usize) -= scale;
            }
        }
    };
}
row!(row32, f32, single::exp);
row!(row64, f64, double::exp);

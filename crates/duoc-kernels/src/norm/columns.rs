//! Batch norm of row-major `rows x columns`, where each column is a channel.

use super::groups::{Operands, Statistics};
use super::{ROWS, Stored};
use crate::cell::{Float, Shared};
use crate::reduce::elem::Number;
use crate::{DType, match_dtype, par, simd_fn};

/// Columns that are worked on at once.
const TILE: usize = 32;

/// Normalises every column. Returns `false`, having done nothing, for dtypes other than floats
/// of 16, 32 and 64 bits.
///
/// # Safety
/// Everything is row-major, aligned and of the sizes that [`Operands`] names (a set is a column); `rows` is not 0.
pub unsafe fn forward(dtype: DType, [rows, columns]: [usize; 2], statistics: Statistics, o: &Operands) -> bool {
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        run(rows, columns, &|begin, end| forward_tile::<T>(rows, columns, statistics, o, begin, end));
    }, else return false);
    true
}

/// The gradients of [`forward`]; with [`Statistics::Given`] the statistics are constants.
///
/// # Safety
/// As [`forward`].
pub unsafe fn backward(dtype: DType, [rows, columns]: [usize; 2], statistics: Statistics, o: &Operands) -> bool {
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        run(rows, columns, &|begin, end| backward_tile::<T>(rows, columns, statistics, o, begin, end));
    }, else return false);
    true
}

fn run(rows: usize, columns: usize, tile: &(dyn Fn(usize, usize) + Sync)) {
    let group = (par::GRAIN / rows.saturating_mul(TILE).max(1)).max(1);
    par::for_units(columns.div_ceil(TILE), group, &|begin, end| {
        for t in begin..end {
            tile(t * TILE, ((t + 1) * TILE).min(columns));
        }
    });
}

/// `sum f(row, column)` for each column of a tile: parts of some rows, parts in float64.
#[inline(always)]
unsafe fn tile_sums<N: Float>(rows: usize, width: usize, mut f: impl FnMut(usize, usize) -> N) -> [f64; TILE] {
    let mut sums = [0f64; TILE];
    let mut part = [N::ZERO; TILE];
    for row in 0..rows {
        if width == TILE {
            for (c, part) in part.iter_mut().enumerate() {
                *part = part.add(f(row, c));
            }
        } else {
            for (c, part) in part[..width].iter_mut().enumerate() {
                *part = part.add(f(row, c));
            }
        }
        if row % ROWS == ROWS - 1 || row + 1 == rows {
            for (sum, part) in sums.iter_mut().zip(&mut part) {
                *sum += (*part).into();
                *part = N::ZERO;
            }
        }
    }
    sums
}

#[inline(always)]
unsafe fn per_column<N: Float>(from: *const u8, begin: usize, width: usize, default: N) -> [N; TILE] {
    let mut all = [default; TILE];
    if !from.is_null() {
        for (c, v) in all[..width].iter_mut().enumerate() {
            *v = *(from as *const N).add(begin + c);
        }
    }
    all
}

simd_fn! {
    [<T::Num as Number>::LEVELS]
    unsafe fn forward_tile<T: Stored>(rows: usize, columns: usize, s: Statistics, o: &Operands, begin: usize, end: usize) {
        let width = end - begin;
        let x = (o.x as *const T).add(begin);
        let (means, rstds) = (Shared(o.mean as *mut T::Num), Shared(o.rstd as *mut T::Num));
        if let Statistics::Own { eps } = s {
            let n = rows as f64;
            let sum = tile_sums(rows, width, |r, c| (*x.add(r * columns + c)).load());
            let mean = sum.map(|s| T::Num::of(s / n));
            let square = tile_sums(rows, width, |r, c| {
                let d = (*x.add(r * columns + c)).load() - mean[c];
                d.mul(d)
            });
            for c in 0..width {
                *means.at(begin + c) = mean[c];
                *rstds.at(begin + c) = T::Num::of(1.0 / (square[c] / n + eps).sqrt());
                if !o.square.is_null() {
                    *(o.square as *mut T::Num).add(begin + c) = T::Num::of(square[c]);
                }
            }
        }
        if o.out.is_null() {
            return;
        }
        let y = (o.out as *mut T).add(begin);
        let mean = per_column(o.mean, begin, width, T::Num::ZERO);
        let mut scale = per_column(o.rstd, begin, width, T::Num::ZERO);
        let weight = per_column(o.weight, begin, width, T::Num::ONE);
        let shift = per_column(o.bias, begin, width, T::Num::ZERO);
        for (scale, weight) in scale.iter_mut().zip(&weight) {
            *scale = scale.mul(*weight);
        }
        for r in 0..rows {
            let (x, y) = (x.add(r * columns), y.add(r * columns));
            for c in 0..width {
                *y.add(c) = T::store(((*x.add(c)).load() - mean[c]).mul(scale[c]).add(shift[c]));
            }
        }
    }
}

simd_fn! {
    [<T::Num as Number>::LEVELS]
    unsafe fn backward_tile<T: Stored>(rows: usize, columns: usize, s: Statistics, o: &Operands, begin: usize, end: usize) {
        let width = end - begin;
        let (g, x) = ((o.grad as *const T).add(begin), (o.x as *const T).add(begin));
        let mean = per_column(o.mean, begin, width, T::Num::ZERO);
        let rstd = per_column(o.rstd, begin, width, T::Num::ZERO);
        let weight = per_column(o.weight, begin, width, T::Num::ONE);
        let plain = tile_sums(rows, width, |r, c| (*g.add(r * columns + c)).load());
        let along = tile_sums(rows, width, |r, c| {
            let at = r * columns + c;
            (*g.add(at)).load().mul((*x.add(at)).load() - mean[c])
        });
        let mut scale = [T::Num::ZERO; TILE];
        let mut slope = [T::Num::ZERO; TILE];
        let mut shift = [T::Num::ZERO; TILE];
        for c in 0..width {
            let wide: f64 = rstd[c].into();
            let w: f64 = weight[c].into();
            if !o.dweight.is_null() {
                *(o.dweight as *mut T::Num).add(begin + c) = T::Num::of(along[c] * wide);
            }
            if !o.dbias.is_null() {
                *(o.dbias as *mut T::Num).add(begin + c) = T::Num::of(plain[c]);
            }
            scale[c] = rstd[c].mul(weight[c]);
            if s != Statistics::Given {
                slope[c] = T::Num::of(w * wide * wide * wide * along[c] / rows as f64);
                shift[c] = T::Num::of(w * wide * plain[c] / rows as f64);
            }
        }
        if o.out.is_null() {
            return;
        }
        let dx = (o.out as *mut T).add(begin);
        for r in 0..rows {
            let (g, x, dx) = (g.add(r * columns), x.add(r * columns), dx.add(r * columns));
            for c in 0..width {
                let d = if s == Statistics::Given { T::Num::ZERO } else { (*x.add(c)).load() - mean[c] };
                *dx.add(c) = T::store((*g.add(c)).load().mul(scale[c]) - d.mul(slope[c]) - shift[c]);
            }
        }
    }
}

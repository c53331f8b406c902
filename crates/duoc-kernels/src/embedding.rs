//! Rows of a table that are looked up by number: the gradient of the table, the norms of rows, and sums of bags of rows.

use crate::cell::{Cell, Float, Shared, one_sum};
use crate::reduce::elem::{Elem, Number};
use crate::{DType, match_dtype, par, simd_fn};

/// A table of `rows x width` elements and `count` indices into its rows.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    /// Rows of the table.
    pub rows: usize,
    /// Length of a row.
    pub width: usize,
    /// Number of indices.
    pub count: usize,
    /// A row that gets no gradient.
    pub padding: Option<usize>,
    /// Whether a row's gradient is divided by the number of its uses.
    pub by_frequency: bool,
}

/// Writes every row of the table's gradient: the sum of the rows of `grad` whose index names it, in their order.
///
/// Every row is written once, by one task, so nothing is zeroed first and the threads cannot change a bit. Returns
/// `false`, having done nothing, for dtypes other than floats.
///
/// # Safety
/// `grad` has `count * width` elements, `indices` `count` numbers below `rows`, `dst` `rows * width` elements.
pub unsafe fn table_gradient(dtype: DType, l: &Lookup, grad: *const u8, indices: *const i64, dst: *mut u8) -> bool {
    // For each row the list of its uses, in order: `first[row]`, then `next[use]`; 0 ends a list.
    let mut first = vec![0usize; l.rows];
    let mut next = vec![0usize; l.count];
    for i in (0..l.count).rev() {
        let row = *indices.add(i) as usize;
        if Some(row) != l.padding {
            next[i] = first[row];
            first[row] = i + 1;
        }
    }
    let (first, next) = (&first[..], &next[..]);
    match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
        let (grad, dst) = (Shared(grad as *mut T), Shared(dst as *mut T));
        par::for_units(l.rows, (par::GRAIN / l.width.max(1)).max(1), &|begin, end| {
            sum_rows::<T>(l, first, next, grad.at(0), dst.at(0), begin, end);
        });
    }, else return false);
    true
}

/// Elements of a row that are summed at once.
const TILE: usize = 256;

simd_fn! {
    unsafe fn sum_rows<T: Table>(l: &Lookup, first: &[usize], next: &[usize], grad: *const T, dst: *mut T, begin: usize, end: usize) {
        for (row, first) in first.iter().enumerate().take(end).skip(begin) {
            let dst = dst.add(row * l.width);
            if *first == 0 {
                dst.write_bytes(0, l.width);
                continue;
            }
            if next[*first - 1] == 0 {
                std::ptr::copy_nonoverlapping(grad.add((*first - 1) * l.width), dst, l.width);
                continue;
            }
            for from in (0..l.width).step_by(TILE) {
                let width = TILE.min(l.width - from);
                let mut sum = [T::Num::ZERO; TILE];
                let mut uses = 0;
                let mut at = *first;
                while at != 0 {
                    let grad = grad.add((at - 1) * l.width + from);
                    for (i, sum) in sum[..width].iter_mut().enumerate() {
                        *sum = sum.add((*grad.add(i)).load());
                    }
                    uses += 1;
                    at = next[at - 1];
                }
                let share = T::Num::of(if l.by_frequency { 1.0 / uses as f64 } else { 1.0 });
                for (i, sum) in sum[..width].iter().enumerate() {
                    *dst.add(from + i) = T::store(sum.mul(share));
                }
            }
        }
    }
}

trait Table: Cell<Num: Float> {}
impl<T: Cell<Num: Float>> Table for T {}

/// Shortens each row that an index names and whose `power`-norm is above `largest` to that norm. Returns `false`, having
/// done nothing, for dtypes other than floats.
///
/// # Safety
/// `table` has `rows * width` elements, `indices` `count` numbers below `rows`.
pub unsafe fn shorten_rows(
    dtype: DType,
    l: &Lookup,
    indices: *const i64,
    table: *mut u8,
    largest: f64,
    power: f64,
) -> bool {
    let mut seen = vec![false; l.rows];
    match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
        for i in 0..l.count {
            let row = *indices.add(i) as usize;
            if !std::mem::replace(&mut seen[row], true) {
                shorten::<T>((table as *mut T).add(row * l.width), l.width, largest, power);
            }
        }
    }, else return false);
    true
}

unsafe fn shorten<T: Table>(row: *mut T, n: usize, largest: f64, power: f64) {
    type N<T> = <T as Elem>::Num;
    let norm = if power == 2.0 {
        one_sum(n, |i| {
            let x = (*row.add(i)).load();
            x.mul(x)
        })
        .sqrt()
    } else {
        let size = |i: usize| -> f64 { Into::<f64>::into((*row.add(i)).load()).abs() };
        if power == f64::INFINITY {
            (0..n).map(size).fold(0.0, f64::max)
        } else if power == 0.0 {
            (0..n).filter(|i| size(*i) != 0.0).count() as f64
        } else {
            (0..n).map(|i| size(i).powf(power)).sum::<f64>().powf(1.0 / power)
        }
    };
    if norm > largest {
        let share = N::<T>::of(largest / (norm + 1e-7));
        for i in 0..n {
            *row.add(i) = T::store((*row.add(i)).load().mul(share));
        }
    }
}

/// What a bag's rows become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bag {
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// Their elementwise maximum.
    Max,
}

/// One result row for each bag, the rows of `indices[offsets[b]..offsets[b + 1]]` other than `padding`; an empty bag gives
/// zeros. `weights` (or null) scales rows; `places` (or null) gets, for [`Bag::Max`], the row behind each element, 0 where
/// there is none. Returns `false`, having done nothing, for dtypes other than floats.
///
/// # Safety
/// `offsets` has `bags + 1` rising numbers of at most `count`; `indices` are below `rows`; `dst` and `places` have
/// `bags * width` elements, `weights` `count`.
pub unsafe fn bags(
    dtype: DType,
    kind: Bag,
    l: &Lookup,
    (offsets, bags): (*const i64, usize),
    (table, indices, weights): (*const u8, *const i64, *const u8),
    dst: *mut u8,
    places: *mut i64,
) -> bool {
    let offsets = std::slice::from_raw_parts(offsets, bags + 1);
    let indices = std::slice::from_raw_parts(indices, l.count);
    let places = Shared(places);
    match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
        let (table, weights, dst) = (Shared(table as *mut T), Shared(weights as *mut T), Shared(dst as *mut T));
        let cost = (l.count / bags.max(1) + 1).saturating_mul(l.width).max(1);
        par::for_units(bags, (par::GRAIN / cost).max(1), &|begin, end| {
            for b in begin..end {
                let range = offsets[b] as usize..offsets[b + 1] as usize;
                let places = if places.0.is_null() { places.at(0) } else { places.at(b * l.width) };
                one_bag::<T>(kind, l, range, table.at(0), indices, weights.at(0), dst.at(b * l.width), places);
            }
        });
    }, else return false);
    true
}

simd_fn! {
    unsafe fn one_bag<T: Table>(kind: Bag, l: &Lookup, range: std::ops::Range<usize>, table: *const T, indices: &[i64], weights: *const T, dst: *mut T, places: *mut i64) {
        for from in (0..l.width).step_by(TILE) {
            let width = TILE.min(l.width - from);
            let mut acc = [T::Num::ZERO; TILE];
            let mut place = [0i64; TILE];
            let mut used = 0usize;
            for i in range.clone() {
                let row = indices[i] as usize;
                if Some(row) == l.padding {
                    continue;
                }
                let x = table.add(row * l.width + from);
                if kind == Bag::Max {
                    for c in 0..width {
                        let v = (*x.add(c)).load();
                        if used == 0 || v > acc[c] || v.is_nan() && !acc[c].is_nan() {
                            acc[c] = v;
                            place[c] = row as i64;
                        }
                    }
                } else if weights.is_null() {
                    for (c, acc) in acc[..width].iter_mut().enumerate() {
                        *acc = acc.add((*x.add(c)).load());
                    }
                } else {
                    let w = (*weights.add(i)).load();
                    for (c, acc) in acc[..width].iter_mut().enumerate() {
                        *acc = acc.add((*x.add(c)).load().mul(w));
                    }
                }
                used += 1;
            }
            let n = T::Num::of(if kind == Bag::Mean { used.max(1) as f64 } else { 1.0 });
            for c in 0..width {
                *dst.add(from + c) = T::store(crate::cell::Average::over(acc[c], n));
                if !places.is_null() {
                    *places.add(from + c) = place[c];
                }
            }
        }
    }
}

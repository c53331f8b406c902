//! The mean of each window.

use super::{Windows, reach};
use crate::cell::{Average, Cell, Shared};
use crate::reduce::elem::Number;
use crate::{DType, match_dtype, par, simd_fn};

/// Results that are worked on at once.
const TILE: usize = 256;

/// The sum of each window over `divisor`, or over the product of the axes' counts; an empty window gives 0.
///
/// Returns `false`, having done nothing, for dtypes other than `int64` and floats.
///
/// # Safety
/// `src` has `planes * volume` elements in row-major order, `dst` `planes * cells`.
pub unsafe fn average_pool(
    dtype: DType,
    windows: &Windows,
    divisor: Option<i64>,
    src: *const u8,
    dst: *mut u8,
) -> bool {
    match_dtype!(dtype, [I64 F16 BF16 F32 F64] => |T| {
        let (src, dst) = (Shared(src as *mut T), Shared(dst as *mut T));
        let group = (par::GRAIN / windows.row_cost()).max(1);
        par::for_units(windows.rows(), group, &|begin, end| {
            average_rows::<T>(windows, divisor, src.at(0), dst.at(0), begin, end);
        });
    }, else return false);
    true
}

/// The gradient of [`average_pool`]: every cell of a window gets `grad` over the divisor.
///
/// # Safety
/// `grad` has `planes * cells` elements in row-major order, `dst` `planes * volume`.
pub unsafe fn average_pool_backward(
    dtype: DType,
    windows: &Windows,
    divisor: Option<i64>,
    grad: *const u8,
    dst: *mut u8,
) -> bool {
    let rows = windows.axes[0].start.len() * windows.axes[1].start.len();
    let group = (par::GRAIN / windows.row_cost().saturating_mul(rows).max(1)).max(1);
    match_dtype!(dtype, [I64 F16 BF16 F32 F64] => |T| {
        let (grad, dst) = (Shared(grad as *mut T), Shared(dst as *mut T));
        par::for_units(windows.planes, group, &|begin, end| {
            for plane in begin..end {
                let (grad, dst) = (grad.at(plane * windows.cells()), dst.at(plane * windows.volume()));
                average_plane_backward::<T>(windows, divisor, grad, dst);
            }
        });
    }, else return false);
    true
}

trait Mean: Cell<Num: Average> {}
impl<T: Cell<Num: Average>> Mean for T {}

#[inline(always)]
fn divisor_of<N: Average>(w: &Windows, divisor: Option<i64>, d: usize, h: usize, o: usize) -> N {
    let [depth, height, width] = &w.axes;
    let product = || {
        depth.count[d]
            .wrapping_mul(height.count[h])
            .wrapping_mul(width.count[o])
    };
    N::of_count(divisor.unwrap_or_else(product))
}

simd_fn! {
    [<T::Num as Number>::LEVELS] unsafe fn average_rows<T: Mean>(w: &Windows, divisor: Option<i64>, src: *const T, dst: *mut T, begin: usize, end: usize) {
        let [depth, height, width] = &w.axes;
        let (rows, columns) = (height.start.len(), width.start.len());
        let at_once = w.row_at_once();
        for row in begin..end {
            let (plane, d, h) = (row / rows / depth.start.len(), row / rows % depth.start.len(), row % rows);
            let volume = src.add(plane * w.volume());
            let dst = dst.add(row * columns);
            for from in (0..columns).step_by(TILE) {
                let to = (from + TILE).min(columns);
                let mut sum = [T::Num::ZERO; TILE];
                for z in (depth.start[d]..depth.end[d]).step_by(depth.step) {
                    for y in (height.start[h]..height.end[h]).step_by(height.step) {
                        let base = (z * w.input[1] + y) * w.input[2];
                        let Some(r) = at_once else {
                            for o in from..to {
                                let mut line = sum[o - from];
                                for x in (width.start[o]..width.end[o]).step_by(width.step) {
                                    line = line.add((*volume.add(base + x)).load());
                                }
                                sum[o - from] = line;
                            }
                            continue;
                        };
                        for k in 0..r.kernel {
                            let (first, end, at) = reach(r, width.step, w.input[2], k, from, to);
                            let sum = &mut sum[first - from..end - from];
                            let row = volume.wrapping_add(base.wrapping_add(at));
                            match r.stride {
                                1 => line::<T, 1>(sum, row, 1),
                                2 => line::<T, 2>(sum, row, 2),
                                s => line::<T, 0>(sum, row, s),
                            }
                        }
                    }
                }
                let inside = depth.end[d] > depth.start[d] && height.end[h] > height.start[h];
                let (counts, ends) = (&width.count[from..to], &width.end[from..to]);
                let filled = ends.iter().zip(&width.start[from..to]).all(|(end, start)| end > start);
                if inside && filled && counts.iter().all(|c| *c == counts[0]) {
                    // One divisor for all: a plain loop, which the vector units take.
                    let n = divisor_of::<T::Num>(w, divisor, d, h, from);
                    for (i, sum) in sum[..to - from].iter().enumerate() {
                        *dst.add(from + i) = T::store(sum.over(n));
                    }
                    continue;
                }
                for o in from..to {
                    let n = divisor_of::<T::Num>(w, divisor, d, h, o);
                    let empty = depth.end[d] <= depth.start[d] || height.end[h] <= height.start[h] || width.end[o] <= width.start[o];
                    *dst.add(o) = T::store(if empty { T::Num::ZERO } else { sum[o - from].over(n) });
                }
            }
        }
    }
}

/// One window cell of neighbouring results.
#[inline(always)]
unsafe fn line<T: Mean, const S: usize>(sum: &mut [T::Num], row: *const T, stride: usize) {
    let stride = if S == 0 { stride } else { S };
    for (i, sum) in sum.iter_mut().enumerate() {
        *sum = sum.add((*row.add(i * stride)).load());
    }
}

simd_fn! {
    [<T::Num as Number>::LEVELS] unsafe fn average_plane_backward<T: Mean>(w: &Windows, divisor: Option<i64>, grad: *const T, dst: *mut T) {
        let volume = w.volume();
        if size_of::<T>() == 2 {
            let mut sums = vec![T::Num::ZERO; volume];
            spread::<T>(w, divisor, grad, sums.as_mut_ptr());
            for (i, sum) in sums.iter().enumerate() {
                *dst.add(i) = T::store(*sum);
            }
        } else {
            dst.write_bytes(0, volume);
            // An element of 4 or 8 bytes is the number itself.
            spread::<T>(w, divisor, grad, dst.cast());
        }
    }
}

#[inline(always)]
unsafe fn spread<T: Mean>(w: &Windows, divisor: Option<i64>, grad: *const T, sums: *mut T::Num) {
    let [depth, height, width] = &w.axes;
    let columns = width.start.len();
    let at_once = w.row_at_once();
    let mut part = [T::Num::ZERO; TILE];
    for d in 0..depth.start.len() {
        for h in 0..height.start.len() {
            let grad = grad.add((d * height.start.len() + h) * columns);
            for from in (0..columns).step_by(TILE) {
                let to = (from + TILE).min(columns);
                for o in from..to {
                    let n = divisor_of::<T::Num>(w, divisor, d, h, o);
                    part[o - from] = (*grad.add(o)).load().over(n);
                }
                for z in (depth.start[d]..depth.end[d]).step_by(depth.step) {
                    for y in (height.start[h]..height.end[h]).step_by(height.step) {
                        let row = sums.add((z * w.input[1] + y) * w.input[2]);
                        let Some(r) = at_once else {
                            for o in from..to {
                                for x in (width.start[o]..width.end[o]).step_by(width.step) {
                                    *row.add(x) = (*row.add(x)).add(part[o - from]);
                                }
                            }
                            continue;
                        };
                        if (r.kernel, r.stride, r.pad, width.step) == (2, 2, 0, 1) && to * 2 <= w.input[2] {
                            for o in from..to {
                                let cell = row.add(2 * o);
                                *cell = (*cell).add(part[o - from]);
                                *cell.add(1) = (*cell.add(1)).add(part[o - from]);
                            }
                            continue;
                        }
                        for k in 0..r.kernel {
                            let (first, end, at) = reach(r, width.step, w.input[2], k, from, to);
                            let row = row.wrapping_add(at);
                            for (i, part) in part[first - from..end - from].iter().enumerate() {
                                let cell = row.wrapping_add(i * r.stride);
                                *cell = (*cell).add(*part);
                            }
                        }
                    }
                }
            }
        }
    }
}

//! The largest element of each window, and where it stands.

use super::{Regular, Windows, reach};
use crate::cell::{Cell, Shared};
use crate::reduce::elem::{Elem, Number};
use crate::{DType, match_dtype, par, simd_fn};

/// Results that are worked on at once.
const TILE: usize = 256;

/// The largest element of each window into `dst`; `indices`, unless null, gets its place within the volume. The first
/// of equals wins, the last NaN wins over everything; an empty window gives the lowest number at the window's place.
///
/// Returns `false`, having done nothing, for dtypes that are not integers of at most 64 bits or floats.
///
/// # Safety
/// `src` has `planes * volume` elements in row-major order, `dst` and `indices` `planes * cells`.
pub unsafe fn max_pool(dtype: DType, windows: &Windows, src: *const u8, dst: *mut u8, indices: *mut i64) -> bool {
    match_dtype!(dtype, [U8 I8 I16 I32 I64 F16 BF16 F32 F64] => |T| {
        let (src, dst, indices) = (Shared(src as *mut T), Shared(dst as *mut T), Shared(indices));
        let group = (par::GRAIN / windows.row_cost()).max(1);
        par::for_units(windows.rows(), group, &|begin, end| {
            if indices.0.is_null() {
                max_rows::<(T, Plain)>(windows, src.at(0), dst.at(0), indices.at(0), begin, end);
            } else {
                max_rows::<(T, Indexed)>(windows, src.at(0), dst.at(0), indices.at(0), begin, end);
            }
        });
    }, else return false);
    true
}

/// An element type, with or without indices.
trait Max: 'static {
    type T: Cell;
    const INDEXED: bool;
}
struct Plain;
struct Indexed;
impl<T: Cell> Max for (T, Plain) {
    type T = T;
    const INDEXED: bool = false;
}
impl<T: Cell> Max for (T, Indexed) {
    type T = T;
    const INDEXED: bool = true;
}
type Num<O> = <<O as Max>::T as Elem>::Num;

simd_fn! {
    [<Num<O> as Number>::LEVELS] unsafe fn max_rows<O: Max>(w: &Windows, src: *const O::T, dst: *mut O::T, indices: *mut i64, begin: usize, end: usize) {
        let [depth, height, width] = &w.axes;
        let (rows, columns) = (height.start.len(), width.start.len());
        let at_once = w.row_at_once();
        for row in begin..end {
            let (plane, d, h) = (row / rows / depth.start.len(), row / rows % depth.start.len(), row % rows);
            let volume = src.add(plane * w.volume());
            let ranges = [(depth.start[d], depth.end[d]), (height.start[h], height.end[h])];
            let (dst, indices) = (dst.add(row * columns), indices.wrapping_add(row * columns));
            match at_once {
                Some(r) => row_at_once::<O>(w, r, volume, ranges, dst, indices),
                None => cell_by_cell::<O>(w, volume, ranges, dst, indices),
            }
        }
    }
}

#[inline(always)]
unsafe fn row_at_once<O: Max>(
    w: &Windows,
    r: Regular,
    volume: *const O::T,
    ranges: [(usize, usize); 2],
    dst: *mut O::T,
    indices: *mut i64,
) {
    let [depth, height, width] = &w.axes;
    let columns = width.start.len();
    for from in (0..columns).step_by(TILE) {
        let to = (from + TILE).min(columns);
        let mut best = [Num::<O>::LOWEST; TILE];
        let mut place = [0u32; TILE];
        if O::INDEXED {
            let base = (ranges[0].0 * w.input[1] + ranges[1].0) * w.input[2];
            for (p, start) in place.iter_mut().zip(&width.start[from..to]) {
                *p = (base + start) as u32;
            }
        }
        for z in (ranges[0].0..ranges[0].1).step_by(depth.step) {
            for y in (ranges[1].0..ranges[1].1).step_by(height.step) {
                let base = (z * w.input[1] + y) * w.input[2];
                for k in 0..r.kernel {
                    let (first, end, at) = reach(r, width.step, w.input[2], k, from, to);
                    let (best, place) = (
                        &mut best[first - from..end - from],
                        &mut place[first - from..end - from],
                    );
                    let at = base.wrapping_add(at);
                    match r.stride {
                        1 => line::<O, 1>(best, place, volume.wrapping_add(at), at as u32, 1),
                        2 => line::<O, 2>(best, place, volume.wrapping_add(at), at as u32, 2),
                        s => line::<O, 0>(best, place, volume.wrapping_add(at), at as u32, s),
                    }
                }
            }
        }
        for i in 0..to - from {
            *dst.add(from + i) = O::T::store(best[i]);
            if O::INDEXED {
                *indices.add(from + i) = place[i] as i64;
            }
        }
    }
}

/// One window cell of neighbouring results.
#[inline(always)]
unsafe fn line<O: Max, const S: usize>(
    best: &mut [Num<O>],
    place: &mut [u32],
    row: *const O::T,
    at: u32,
    stride: usize,
) {
    let stride = if S == 0 { stride } else { S };
    for (i, (best, place)) in best.iter_mut().zip(place).enumerate() {
        let x = (*row.add(i * stride)).load();
        let wins = x > *best || x.is_nan();
        *best = if wins { x } else { *best };
        if O::INDEXED {
            *place = if wins { at + (i * stride) as u32 } else { *place };
        }
    }
}

#[inline(always)]
unsafe fn cell_by_cell<O: Max>(
    w: &Windows,
    volume: *const O::T,
    ranges: [(usize, usize); 2],
    dst: *mut O::T,
    indices: *mut i64,
) {
    let [depth, height, width] = &w.axes;
    for (o, (start, end)) in width.start.iter().zip(&width.end).enumerate() {
        let mut best = Num::<O>::LOWEST;
        let mut place = (ranges[0].0 * w.input[1] + ranges[1].0) * w.input[2] + start;
        for z in (ranges[0].0..ranges[0].1).step_by(depth.step) {
            for y in (ranges[1].0..ranges[1].1).step_by(height.step) {
                let base = (z * w.input[1] + y) * w.input[2];
                for x in (*start..*end).step_by(width.step) {
                    let value = (*volume.add(base + x)).load();
                    if value > best || value.is_nan() {
                        best = value;
                        place = base + x;
                    }
                }
            }
        }
        *dst.add(o) = O::T::store(best);
        if O::INDEXED {
            *indices.add(o) = place as i64;
        }
    }
}

/// `dst[plane][indices[plane][i]] += src[plane][i]` over zeros: the gradient of a choice of elements. Without
/// `add` the last of several values for one place stays. The last index outside a volume is the error; `Ok(false)` says
/// that nothing was done for the dtype.
///
/// # Safety
/// `src` and `indices` have `planes * cells` elements, `dst` `planes * volume`, all in row-major order.
pub unsafe fn scatter_planes(
    dtype: DType,
    [planes, cells, volume]: [usize; 3],
    src: *const u8,
    indices: *const i64,
    dst: *mut u8,
    add: bool,
) -> Result<bool, i64> {
    let indices = Shared(indices.cast_mut());
    crate::index::check(indices.at(0), planes * cells, volume, false).map_err(|bad| {
        let mut all = (0..planes * cells).rev().map(|i| *indices.at(i));
        all.find(|at| *at < 0 || *at as u64 >= volume as u64)
            .unwrap_or(bad.index)
    })?;
    let group = (par::GRAIN / (cells + volume).max(1)).max(1);
    match_dtype!(dtype, [F16 BF16 F32 F64 U8 I8 I16 I32 I64] => |T| {
        let (src, dst) = (Shared(src as *mut T), Shared(dst as *mut T));
        par::for_units(planes, group, &|begin, end| {
            for p in begin..end {
                scatter::<T>(src.at(p * cells), indices.at(p * cells), dst.at(p * volume), cells, volume, add);
            }
        });
    }, else return Ok(false));
    Ok(true)
}

unsafe fn scatter<T: Cell>(src: *const T, indices: *const i64, dst: *mut T, cells: usize, volume: usize, add: bool) {
    if size_of::<T>() == 2 && add {
        let mut sums = vec![T::Num::ZERO; volume];
        for i in 0..cells {
            let sum = &mut sums[*indices.add(i) as usize];
            *sum = sum.add((*src.add(i)).load());
        }
        for (i, sum) in sums.iter().enumerate() {
            *dst.add(i) = T::store(*sum);
        }
        return;
    }
    dst.write_bytes(0, volume);
    for i in 0..cells {
        let to = dst.add(*indices.add(i) as usize);
        let x = (*src.add(i)).load();
        *to = T::store(if add { (*to).load().add(x) } else { x });
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Axis, Regular};
    use super::*;

    fn axis(size: usize, kernel: usize, stride: usize, pad: usize, step: usize) -> Axis {
        let n = (size + 2 * pad - step * (kernel - 1) - 1) / stride + 1;
        let mut a = Axis {
            step,
            regular: Some(Regular { kernel, stride, pad }),
            ..Axis::default()
        };
        for o in 0..n {
            let mut start = (o * stride) as isize - pad as isize;
            let end = (start + (step * (kernel - 1)) as isize + 1).min(size as isize);
            while start < 0 {
                start += step as isize;
            }
            a.start.push(start as usize);
            a.end.push(end as usize);
            a.count.push(kernel as i64);
        }
        a
    }

    #[test]
    fn a_row_at_once_is_cell_by_cell() {
        for (size, kernel, stride, pad, step) in
            [(13, 3, 2, 1, 1), (9, 2, 1, 0, 1), (600, 3, 1, 1, 2), (11, 4, 3, 2, 2)]
        {
            let a = axis(size, kernel, stride, pad, step);
            let mut w = Windows {
                planes: 2,
                input: [1, size, size],
                axes: [axis(1, 1, 1, 0, 1), a.clone(), a],
            };
            let mut x: Vec<f32> = (0..2 * size * size).map(|i| ((i * 7919) % 13) as f32).collect();
            x[3] = f32::NAN;
            x[size + 4] = f32::NAN;
            x[2 * size..3 * size].fill(f32::NEG_INFINITY);
            let n = 2 * w.cells();
            let run = |w: &Windows| {
                let (mut y, mut at) = (vec![0f32; n], vec![-1i64; n]);
                assert!(unsafe { max_pool(DType::F32, w, x.as_ptr().cast(), y.as_mut_ptr().cast(), at.as_mut_ptr()) });
                (y.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), at)
            };
            let fast = run(&w);
            w.axes[2].regular = None;
            assert_eq!(fast, run(&w));
        }
    }
}

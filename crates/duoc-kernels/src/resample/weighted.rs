//! Weighted sums along the rows and columns of float planes.
//!
//! A task takes a block of result rows of a plane: the input rows behind them are resampled along the columns into
//! scratch memory, each once, and the results are sums of whole rows. The order of the sums is PyTorch's: columns first.

use super::Taps;
use crate::cell::Shared;
use crate::{par, simd_fn};
use std::ops::{Add, Mul};

/// What is computed with.
pub(super) trait Real: Copy + Default + Send + Sync + Add<Output = Self> + Mul<Output = Self> {
    fn of(x: f64) -> Self;
}
impl Real for f32 {
    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }
}
impl Real for f64 {
    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }
}

/// A table with weights of the type; that of results with 1, 2 or 4 taps each is turned round: first taps, second taps, ...
struct Axis<'a, T> {
    taps: &'a Taps,
    each: usize,
    index: Vec<u32>,
    weight: Vec<T>,
}

impl<T: Real> Axis<'_, T> {
    fn new(taps: &Taps) -> Axis<'_, T> {
        let n = taps.outputs();
        let each = taps.each().filter(|e| matches!(e, 1 | 2 | 4)).unwrap_or(0);
        let (mut index, mut weight) = (Vec::new(), Vec::new());
        if each > 0 {
            for k in 0..each {
                index.extend((0..n).map(|o| taps.index[o * each + k]));
                weight.extend((0..n).map(|o| T::of(taps.weight[o * each + k])));
            }
        } else {
            weight.extend(taps.weight.iter().map(|w| T::of(*w)));
        }
        Axis {
            taps,
            each,
            index,
            weight,
        }
    }

    /// Weight `k` of result `o`.
    #[inline(always)]
    fn weight(&self, o: usize, k: usize) -> T {
        match self.each {
            0 => self.weight[self.taps.start[o] as usize + k],
            _ => self.weight[k * self.taps.outputs() + o],
        }
    }
}

/// Elements of a row that are summed at once.
const PIECE: usize = 2048;

/// Resamples `planes` planes of `input` rows and columns, `f32` or `f64`; `None` leaves an axis as it is.
///
/// # Safety
/// `src` and `dst` are row-major with the elements that the tables say; the tables stay inside the input and are not empty.
pub unsafe fn resample(
    double: bool,
    planes: usize,
    input: [usize; 2],
    rows: Option<&Taps>,
    columns: Option<&Taps>,
    src: *const u8,
    dst: *mut u8,
) {
    match double {
        true => planes_of::<f64>(planes, input, rows, columns, src.cast(), dst.cast()),
        false => planes_of::<f32>(planes, input, rows, columns, src.cast(), dst.cast()),
    }
}

unsafe fn planes_of<T: Real>(
    planes: usize,
    [height, width]: [usize; 2],
    rows: Option<&Taps>,
    columns: Option<&Taps>,
    src: *const T,
    dst: *mut T,
) {
    let (src, dst) = (Shared(src as *mut T), Shared(dst));
    let columns = columns.map(Axis::<T>::new);
    let out_width = columns.as_ref().map_or(width, |c| c.taps.outputs());
    let Some(rows) = rows.map(Axis::<T>::new) else {
        let group = (par::GRAIN / out_width.max(1)).max(1);
        par::for_units(planes * height, group, &|begin, end| {
            let (from, to) = (src.at(begin * width), dst.at(begin * out_width));
            match &columns {
                Some(c) => along_columns(c, from, width, to, end - begin),
                None => std::ptr::copy_nonoverlapping(from, to, (end - begin) * width),
            }
        });
        return;
    };
    let out_height = rows.taps.outputs();
    // Neighbouring blocks share input rows, which are resampled in both.
    let block = (par::GRAIN / out_width.max(1)).clamp(16, 256);
    let blocks = out_height.div_ceil(block);
    let group = (par::GRAIN / (out_width * block.min(out_height)).max(1)).max(1);
    par::for_units(planes * blocks, group, &|begin, end| {
        let mut scratch = Vec::new();
        for unit in begin..end {
            let (plane, from) = (unit / blocks, unit % blocks * block);
            let to = (from + block).min(out_height);
            let (low, high) = rows.taps.span(from, to);
            let mut source = src.at(plane * height * width + low * width) as *const T;
            if let Some(c) = &columns {
                scratch.resize((high - low) * out_width, T::default());
                along_columns(c, source, width, scratch.as_mut_ptr(), high - low);
                source = scratch.as_ptr();
            }
            let out = dst.at((plane * out_height + from) * out_width);
            along_rows(&rows, source, out_width, low, from, to, out);
        }
    });
}

simd_fn! {
    unsafe fn along_columns<T: Real>(c: &Axis<T>, src: *const T, width: usize, dst: *mut T, rows: usize) {
        let n = c.taps.outputs();
        for r in 0..rows {
            let (from, to) = (src.add(r * width), dst.add(r * n));
            let to = std::slice::from_raw_parts_mut(to, n);
            match c.each {
                1 => {
                    for ((to, i), w) in to.iter_mut().zip(&c.index[..n]).zip(&c.weight[..n]) {
                        *to = *from.add(*i as usize) * *w;
                    }
                }
                2 => {
                    let (i, j) = (&c.index[..n], &c.index[n..2 * n]);
                    let (v, w) = (&c.weight[..n], &c.weight[n..2 * n]);
                    for o in 0..n {
                        to[o] = *from.add(i[o] as usize) * v[o] + *from.add(j[o] as usize) * w[o];
                    }
                }
                4 => {
                    let (index, weight) = (&c.index[..4 * n], &c.weight[..4 * n]);
                    for o in 0..n {
                        let term = |k: usize| *from.add(index[k * n + o] as usize) * weight[k * n + o];
                        to[o] = term(0) + term(1) + term(2) + term(3);
                    }
                }
                _ => {
                    for (o, to) in to.iter_mut().enumerate() {
                        let taps = c.taps.of(o);
                        let mut sum = T::default();
                        for (i, w) in c.taps.index[taps.clone()].iter().zip(&c.weight[taps]) {
                            sum = sum + *from.add(*i as usize) * *w;
                        }
                        *to = sum;
                    }
                }
            }
        }
    }
}

simd_fn! {
    unsafe fn along_rows<T: Real>(rows: &Axis<T>, src: *const T, width: usize, low: usize, from: usize, to: usize, dst: *mut T) {
        for o in from..to {
            let index = &rows.taps.index[rows.taps.of(o)];
            for at in (0..width).step_by(PIECE) {
                let n = PIECE.min(width - at);
                let out = std::slice::from_raw_parts_mut(dst.add((o - from) * width + at), n);
                let row = |k: usize| std::slice::from_raw_parts(src.add((index[k] as usize - low) * width + at), n);
                let mut k = index.len() % 2;
                if k == 1 {
                    let (a, v) = (row(0), rows.weight(o, 0));
                    for i in 0..n {
                        out[i] = a[i] * v;
                    }
                } else if k < index.len() {
                    let (a, b, v, w) = (row(0), row(1), rows.weight(o, 0), rows.weight(o, 1));
                    for i in 0..n {
                        out[i] = a[i] * v + b[i] * w;
                    }
                    k = 2;
                } else {
                    out.fill(T::default());
                }
                while k < index.len() {
                    let (a, b, v, w) = (row(k), row(k + 1), rows.weight(o, k), rows.weight(o, k + 1));
                    for i in 0..n {
                        out[i] = out[i] + a[i] * v + b[i] * w;
                    }
                    k += 2;
                }
            }
        }
    }
}

//! Variances.
//!
//! Each stretch is read twice while it is in the cache: once for a pivot near its mean, once for the float64 sums of
//! `d = x - pivot` and of `d^2`, which give its mean and its squared deviation `M2 = sum d^2 - (sum d)^2 / n`.
//! Stretches are merged by Chan's formula, so a large common offset costs no digits.

use std::marker::PhantomData;
use std::mem::size_of;

use super::Params;
use super::elem::{Elem, Number, Value};
use super::fold::{self, FloatElem};
use super::plan::Kernel;
use crate::simd_fn;

/// Columns that are accumulated at once: their sums stay in the nearest cache.
const COLS: usize = 256;
/// Rows between merges: a panel of them stays in the second cache between the two readings.
const ROWS: usize = 128;

#[derive(Clone, Copy)]
struct Moments {
    mean: f64,
    m2: f64,
    n: f64,
}

impl Moments {
    const EMPTY: Moments = Moments {
        mean: 0.0,
        m2: 0.0,
        n: 0.0,
    };

    /// From the sums of deviations from `pivot`.
    #[inline(always)]
    fn new(pivot: f64, d: f64, d2: f64, n: f64) -> Moments {
        Moments {
            mean: pivot + d / n,
            m2: (d2 - d * (d / n)).max_nan(0.0),
            n,
        }
    }

    /// Chan, Golub and LeVeque 1979: moments of a union from the moments of its parts.
    #[inline(always)]
    fn merge(self, other: Moments) -> Moments {
        if self.n == 0.0 {
            return other;
        }
        if other.n == 0.0 {
            return self;
        }
        let n = self.n + other.n;
        let delta = other.mean - self.mean;
        let share = other.n / n;
        Moments {
            mean: self.mean + delta * share,
            m2: self.m2 + other.m2 + delta * delta * self.n * share,
            n,
        }
    }
}

trait MaxNan {
    /// The larger one; NaN if `self` is NaN.
    fn max_nan(self, floor: f64) -> f64;
}
impl MaxNan for f64 {
    #[inline(always)]
    fn max_nan(self, floor: f64) -> f64 {
        if self < floor { floor } else { self }
    }
}

/// The driver's table; `mean` adds the mean as output 1.
pub(super) fn kernel<E: FloatElem>(mean: bool) -> Kernel {
    Kernel {
        size: size_of::<E>(),
        acc: size_of::<Moments>(),
        ordered: false,
        half: false,
        rows: rows::<Var<E>>,
        cols: cols::<Var<E>>,
        merge,
        finish: if mean { finish::<true> } else { finish::<false> },
    }
}

/// Names an element type with its bounds for [`simd_fn`].
struct Var<E>(PhantomData<E>);
trait Source: 'static {
    type E: Elem<Num: fold::Real>;
}
impl<E: FloatElem> Source for Var<E> {
    type E = E;
}

/// Sums of `d` and `d^2` over `n` elements; `at` loads one as float64.
#[inline(always)]
unsafe fn deviations(pivot: f64, n: usize, at: impl Fn(usize) -> f64) -> (f64, f64) {
    const LANES: usize = 32;
    let mut d1 = [0.0; LANES];
    let mut d2 = [0.0; LANES];
    let mut i = 0;
    while i + LANES <= n {
        for l in 0..LANES {
            let d = at(i + l) - pivot;
            d1[l] += d;
            d2[l] += d * d;
        }
        i += LANES;
    }
    for l in 0..n - i {
        let d = at(i + l) - pivot;
        d1[l] += d;
        d2[l] += d * d;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            d1[l] += d1[l + width];
            d2[l] += d2[l + width];
        }
        width /= 2;
    }
    (d1[0], d2[0])
}

simd_fn! {
    unsafe fn moments<S: Source>(src: *const S::E, n: usize, pivot: f64) -> Moments {
        let (d, d2) = deviations(pivot, n, |i| (*src.add(i)).load().into());
        Moments::new(pivot, d, d2, n as f64)
    }
}

unsafe fn rows<S: Source>(src: *const u8, step: isize, outs: usize, n: usize, _base: usize, acc: *mut u8, p: &Params) {
    let acc = acc as *mut Moments;
    for o in 0..outs {
        let s = src.wrapping_offset(step * o as isize);
        let mut sum = 0f64;
        fold::rows::<fold::SumFloat<S::E>>(s, 0, 1, n, 0, &raw mut sum as *mut u8, p);
        *acc.add(o) = if n == 0 {
            Moments::EMPTY
        } else {
            moments::<S>(s as *const S::E, n, sum / n as f64)
        };
    }
}

/// The panel of `rows x cols` elements.
#[inline(always)]
unsafe fn panel<S: Source>(src: *const u8, row: isize, rows: usize, cols: usize, acc: *mut Moments) {
    let at = |r: usize| src.wrapping_offset(row * r as isize) as *const S::E;
    let mut pivot = [0f64; COLS];
    let mut d1 = [0f64; COLS];
    let mut d2 = [0f64; COLS];
    let mut sum = [<S::E as Elem>::Num::ZERO; COLS];
    let count = rows as f64;
    for r in 0..rows {
        let s = at(r);
        for (j, sum) in sum[..cols].iter_mut().enumerate() {
            *sum = sum.add((*s.add(j)).load());
        }
    }
    for j in 0..cols {
        pivot[j] = sum[j].into() / count;
    }
    let mut r = 0;
    while r + 4 <= rows {
        let s = [at(r), at(r + 1), at(r + 2), at(r + 3)];
        for j in 0..cols {
            let (mut a, mut b, c) = (d1[j], d2[j], pivot[j]);
            for s in s {
                let x: f64 = (*s.add(j)).load().into();
                let d = x - c;
                a += d;
                b += d * d;
            }
            d1[j] = a;
            d2[j] = b;
        }
        r += 4;
    }
    while r < rows {
        let s = at(r);
        for j in 0..cols {
            let x: f64 = (*s.add(j)).load().into();
            let d = x - pivot[j];
            d1[j] += d;
            d2[j] += d * d;
        }
        r += 1;
    }
    for j in 0..cols {
        *acc.add(j) = (*acc.add(j)).merge(Moments::new(pivot[j], d1[j], d2[j], count));
    }
}

simd_fn! {
    unsafe fn cols<S: Source>(src: *const u8, row: isize, rows: usize, cols: usize, _base: usize, acc: *mut u8, _p: &Params) {
        let acc = acc as *mut Moments;
        for j in 0..cols {
            *acc.add(j) = Moments::EMPTY;
        }
        for r in (0..rows).step_by(ROWS) {
            for j in (0..cols).step_by(COLS) {
                let s = (src.wrapping_offset(row * r as isize) as *const S::E).add(j) as *const u8;
                panel::<S>(s, row, ROWS.min(rows - r), COLS.min(cols - j), acc.add(j));
            }
        }
    }
}

unsafe fn merge(acc: *mut u8, other: *const u8, count: usize) {
    let (acc, other) = (acc as *mut Moments, other as *const Moments);
    for i in 0..count {
        *acc.add(i) = (*acc.add(i)).merge(*other.add(i));
    }
}

unsafe fn finish<const MEAN: bool>(acc: *const u8, count: usize, dst: [*mut u8; 2], strides: [isize; 2], p: &Params) {
    let acc = acc as *const Moments;
    for i in 0..count {
        let m = *acc.add(i);
        let freedom = if m.n > p.p { m.n - p.p } else { 0.0 };
        let var = m.m2 / freedom;
        let first = if p.root { var.sqrt() } else { var };
        Value::Float(first).write(p.out, dst[0].wrapping_offset(strides[0] * i as isize));
        if MEAN {
            let mean = if m.n == 0.0 { f64::NAN } else { m.mean };
            Value::Float(mean).write(p.out, dst[1].wrapping_offset(strides[1] * i as isize));
        }
    }
}

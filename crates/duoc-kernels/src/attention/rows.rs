//! What is done to a row of scores.

use crate::math::{double, single};
use crate::matmul::panels::Panel;
use crate::simd_fn;
use std::ops::{Add, Mul, Sub};

/// Scores that are worked on at once.
const LANES: usize = 32;

/// A float that scores are computed in.
pub(super) trait Number:
    Panel + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    const LOWEST: Self;
    fn exp(self) -> Self;
    fn log(self) -> Self;
    fn of(x: f64) -> Self;
    fn recip(self) -> Self;
}

macro_rules! number {
    ($($t:ident $m:ident)+) => { $(
        impl Number for $t {
            const ZERO: $t = 0.0;
            const ONE: $t = 1.0;
            const LOWEST: $t = $t::NEG_INFINITY;
            #[inline(always)]
            fn exp(self) -> $t {
                $m::exp(self)
            }
            #[inline(always)]
            fn log(self) -> $t {
                $t::ln(self)
            }
            #[inline(always)]
            fn of(x: f64) -> $t {
                x as $t
            }
            #[inline(always)]
            fn recip(self) -> $t {
                1.0 / self
            }
        }
    )+ };
}
number!(f32 single f64 double);

/// The running state of a row: its largest score and the sum of exponentials around it.
#[derive(Clone, Copy)]
pub(super) struct Running<T> {
    pub high: T,
    pub sum: T,
}

/// The point that exponentials are taken around.
#[inline(always)]
fn pivot<T: Number>(high: T) -> T {
    // Where nothing is seen yet all exponentials are to be 0, not NaN.
    if high == T::LOWEST { T::ZERO } else { high }
}

simd_fn! {
    /// Replaces `seen` scores by their exponentials around the largest one so far, the others of `cols` by 0.
    /// Returns the new state and the factor by which what was summed before is to be scaled.
    pub(super) unsafe fn soften<T: Number>(row: *mut T, seen: usize, cols: usize, before: Running<T>) -> (Running<T>, T) {
        let mut lanes = [before.high; LANES];
        let mut i = 0;
        while i + LANES <= seen {
            let x = row.add(i).cast::<[T; LANES]>().read_unaligned();
            for l in 0..LANES {
                lanes[l] = if x[l] > lanes[l] { x[l] } else { lanes[l] };
            }
            i += LANES;
        }
        while i < seen {
            let x = *row.add(i);
            lanes[0] = if x > lanes[0] { x } else { lanes[0] };
            i += 1;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                lanes[l] = if lanes[l + width] > lanes[l] { lanes[l + width] } else { lanes[l] };
            }
            width /= 2;
        }
        let high = lanes[0];
        let sum = exponentials(row, seen, pivot(high));
        for j in seen..cols {
            *row.add(j) = T::ZERO;
        }
        let factor = (before.high - pivot(high)).exp();
        (Running { high, sum: before.sum * factor + sum }, factor)
    }
}

/// `row[i] = exp(row[i] - around)`; the sum of them.
#[inline(always)]
unsafe fn exponentials<T: Number>(row: *mut T, n: usize, around: T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let mut i = 0;
    while i < n {
        let w = LANES.min(n - i);
        let at = row.add(i);
        let mut x = [T::LOWEST; LANES];
        if w == LANES {
            x = at.cast::<[T; LANES]>().read_unaligned();
        } else {
            for l in 0..w {
                x[l] = *at.add(l);
            }
        }
        for l in 0..LANES {
            x[l] = (x[l] - around).exp();
        }
        if w == LANES {
            at.cast::<[T; LANES]>().write_unaligned(x);
            for l in 0..LANES {
                lanes[l] = lanes[l] + x[l];
            }
        } else {
            for l in 0..w {
                *at.add(l) = x[l];
                lanes[l] = lanes[l] + x[l];
            }
        }
        i += w;
    }
    let mut width = LANES / 2;
    while width > 0 {
        for l in 0..width {
            lanes[l] = lanes[l] + lanes[l + width];
        }
        width /= 2;
    }
    lanes[0]
}

simd_fn! {
    /// The probabilities of a row from its scores and the logarithm of its sum; 0 for what is not seen.
    pub(super) unsafe fn probabilities<T: Number>(row: *mut T, seen: usize, cols: usize, log_sum: T) {
        exponentials(row, seen, log_sum);
        for j in seen..cols {
            *row.add(j) = T::ZERO;
        }
    }
}

simd_fn! {
    /// `d[i] = p[i] * (d[i] - delta) * scale`.
    pub(super) unsafe fn score_grads<T: Number>(p: *const T, d: *mut T, n: usize, delta: T, scale: T) {
        for i in 0..n {
            *d.add(i) = *p.add(i) * (*d.add(i) - delta) * scale;
        }
    }
}

simd_fn! {
    pub(super) unsafe fn scale<T: Number>(row: *mut T, n: usize, by: T) {
        for i in 0..n {
            *row.add(i) = *row.add(i) * by;
        }
    }
}

simd_fn! {
    pub(super) unsafe fn add<T: Number>(row: *mut T, mask: *const T, stride: usize, n: usize) {
        if stride == 1 {
            for i in 0..n {
                *row.add(i) = *row.add(i) + *mask.add(i);
            }
        } else {
            for i in 0..n {
                *row.add(i) = *row.add(i) + *mask.add(i * stride);
            }
        }
    }
}

simd_fn! {
    pub(super) unsafe fn hide<T: Number>(row: *mut T, mask: *const u8, stride: usize, n: usize) {
        if stride == 1 {
            for i in 0..n {
                let x = *row.add(i);
                *row.add(i) = if *mask.add(i) != 0 { x } else { T::LOWEST };
            }
        } else {
            for i in 0..n {
                let x = *row.add(i);
                *row.add(i) = if *mask.add(i * stride) != 0 { x } else { T::LOWEST };
            }
        }
    }
}

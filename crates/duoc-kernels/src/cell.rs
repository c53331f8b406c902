//! Stored numbers that can be computed with and written back: what pooling, normalisation, padding and embedding use.

use half::{bf16, f16};

use crate::math::half as convert;
use crate::reduce::elem::{Elem, Number};

/// A stored element and the way back to it.
pub(crate) trait Cell: Elem {
    /// The number as it is stored: 16-bit floats round to nearest even.
    fn store(x: Self::Num) -> Self;
}

macro_rules! plain {
    ($($t:ident)+) => { $(
        impl Cell for $t {
            #[inline(always)]
            fn store(x: $t) -> $t { x }
        }
    )+ };
}
plain!(u8 i8 i16 i32 i64 f32 f64);

impl Cell for f16 {
    #[inline(always)]
    fn store(x: f32) -> f16 {
        f16::from_bits(convert::f16_narrow(x))
    }
}

impl Cell for bf16 {
    #[inline(always)]
    fn store(x: f32) -> bf16 {
        bf16::from_bits(convert::bf16_narrow(x))
    }
}

/// What a mean needs of a number: a quotient by a whole number.
pub(crate) trait Average: Number {
    /// The nearest number to `n`.
    fn of_count(n: i64) -> Self;
    /// The quotient; that of integers is cut off, and by 0 it is 0.
    fn over(self, n: Self) -> Self;
}

impl Average for f32 {
    #[inline(always)]
    fn of_count(n: i64) -> f32 {
        n as f32
    }
    #[inline(always)]
    fn over(self, n: f32) -> f32 {
        self / n
    }
}
impl Average for f64 {
    #[inline(always)]
    fn of_count(n: i64) -> f64 {
        n as f64
    }
    #[inline(always)]
    fn over(self, n: f64) -> f64 {
        self / n
    }
}
impl Average for i64 {
    #[inline(always)]
    fn of_count(n: i64) -> i64 {
        n
    }
    #[inline(always)]
    fn over(self, n: i64) -> i64 {
        self.checked_div(n).unwrap_or(0)
    }
}

/// A float that is computed with.
pub(crate) trait Float: Average + std::ops::Sub<Output = Self> + Into<f64> {
    /// Rounded to the type.
    fn of(x: f64) -> Self;
}
impl Float for f32 {
    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }
}
impl Float for f64 {
    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }
}

/// Lanes of a dense line, and elements between joins of its float64 sum.
const LANES: usize = 32;
const STRIP: usize = 2048;

/// `sum f(i)` over `n` elements for two functions at once: lanes over strips, strips in float64.
#[inline(always)]
pub(crate) unsafe fn two_sums<N: Float>(n: usize, mut f: impl FnMut(usize) -> (N, N)) -> (f64, f64) {
    let mut sums = (0.0, 0.0);
    let mut i = 0;
    while i + LANES <= n {
        let end = i + (n - i).min(STRIP) / LANES * LANES;
        let mut left = [N::ZERO; LANES];
        let mut right = [N::ZERO; LANES];
        while i < end {
            for l in 0..LANES {
                let (a, b) = f(i + l);
                left[l] = left[l].add(a);
                right[l] = right[l].add(b);
            }
            i += LANES;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                left[l] = left[l].add(left[l + width]);
                right[l] = right[l].add(right[l + width]);
            }
            width /= 2;
        }
        sums.0 += left[0].into();
        sums.1 += right[0].into();
    }
    while i < n {
        let (a, b) = f(i);
        sums.0 += a.into();
        sums.1 += b.into();
        i += 1;
    }
    sums
}

/// `sum f(i)` over `n` elements: lanes over strips, strips in float64.
#[inline(always)]
pub(crate) unsafe fn one_sum<N: Float>(n: usize, mut f: impl FnMut(usize) -> N) -> f64 {
    let mut sum = 0.0;
    let mut i = 0;
    while i + LANES <= n {
        let end = i + (n - i).min(STRIP) / LANES * LANES;
        let mut lanes = [N::ZERO; LANES];
        while i < end {
            for (l, lane) in lanes.iter_mut().enumerate() {
                *lane = lane.add(f(i + l));
            }
            i += LANES;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                lanes[l] = lanes[l].add(lanes[l + width]);
            }
            width /= 2;
        }
        sum += lanes[0].into();
    }
    while i < n {
        sum += f(i).into();
        i += 1;
    }
    sum
}

/// A pointer that tasks share; what they write through it is disjoint.
pub(crate) struct Shared<T>(pub *mut T);
// SAFETY: the tasks' elements are disjoint, which every user of it states.
unsafe impl<T> Sync for Shared<T> {}
unsafe impl<T> Send for Shared<T> {}
impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Shared<T> {}
impl<T> Shared<T> {
    /// The pointer to element `i`.
    #[inline(always)]
    pub(crate) fn at(&self, i: usize) -> *mut T {
        self.0.wrapping_add(i)
    }
}

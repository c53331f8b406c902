//! Reductions that are one associative operation over the elements: sum, product, extrema, counts, norms.
//!
//! Elements are lifted into a lane type, joined in 64 parallel lanes over short stretches, and the stretches' results
//! are merged in a wider accumulator. A float32 sum therefore rounds about 40 times per element however long the
//! input is, which is below the bound of PyTorch's cascade.

use std::marker::PhantomData;
use std::mem::{MaybeUninit, size_of};

use super::Params;
use super::elem::{Elem, Number, Value};
use super::plan::{Kernel, TILE};
use crate::{DType, simd_fn};

/// Lanes that are accumulated side by side: enough to hide the latency of an add at 512 bits.
const LANES: usize = 64;
/// Lanes that stretches are merged in.
const WIDTH: usize = 16;
/// Steps per lane before the lanes are merged into the wide accumulator.
const STEPS: usize = 32;
/// Rows that are joined in the lane type before they are merged into the wide accumulators.
const ROWS: usize = 128;

/// One associative operation.
pub(super) trait Fold: 'static {
    /// Stored elements.
    type T: Copy;
    /// What a lane holds.
    type W: Copy;
    /// What stretches are merged in.
    type Acc: Copy;
    /// The neutral element of `join`.
    const START: Self::W;
    /// Builds: what waits for memory with half the width too has none for AVX-512.
    const LEVELS: u8;
    /// An element's contribution.
    fn lift(x: Self::T, p: &Params) -> Self::W;
    fn join(a: Self::W, b: Self::W) -> Self::W;
    fn widen(w: Self::W) -> Self::Acc;
    fn merge(a: Self::Acc, b: Self::Acc) -> Self::Acc;
    /// The result.
    fn finish(a: Self::Acc, p: &Params) -> Value;
}

/// The driver's table for one operation.
pub(super) fn kernel<F: Fold>() -> Kernel {
    Kernel {
        rows: rows::<F>,
        cols: cols::<F>,
        ..plain::<F>()
    }
}

/// As [`kernel`] for operations that are rare or bound by scalar functions: compiled for the baseline only.
pub(super) fn plain<F: Fold>() -> Kernel {
    Kernel {
        size: size_of::<F::T>(),
        acc: size_of::<F::Acc>(),
        ordered: false,
        half: false,
        rows: rows_at_level::<F>,
        cols: cols_at_level::<F>,
        merge: merge::<F>,
        finish: finish::<F>,
    }
}

/// The mean: the sum's table with another end.
pub(super) fn mean<E: FloatElem>() -> Kernel {
    Kernel {
        finish: finish_mean,
        ..kernel::<SumFloat<E>>()
    }
}

unsafe fn finish_mean(acc: *const u8, count: usize, dst: [*mut u8; 2], strides: [isize; 2], p: &Params) {
    for i in 0..count {
        let mean = *(acc as *const f64).add(i) / p.count as f64;
        Value::Float(mean).write(p.out, dst[0].wrapping_offset(strides[0] * i as isize));
    }
}

/// Joins `N` lanes over whole steps of `N` elements starting at `*i`, at most `STEPS` of them, and folds them to
/// [`WIDTH`].
#[inline(always)]
unsafe fn strip<F: Fold, const N: usize>(src: *const F::T, n: usize, i: &mut usize, p: &Params) -> [F::W; WIDTH] {
    let steps = ((n - *i) / N).min(STEPS);
    let mut lanes = [F::START; N];
    for _ in 0..steps {
        let x = src.add(*i);
        for (l, lane) in lanes.iter_mut().enumerate() {
            *lane = F::join(*lane, F::lift(*x.add(l), p));
        }
        *i += N;
    }
    let mut width = N / 2;
    while width >= WIDTH {
        for l in 0..width {
            lanes[l] = F::join(lanes[l], lanes[l + width]);
        }
        width /= 2;
    }
    std::array::from_fn(|l| lanes[l])
}

#[inline(always)]
unsafe fn dense<F: Fold>(src: *const F::T, n: usize, p: &Params) -> F::Acc {
    let mut i = 0;
    if n < WIDTH {
        let mut w = F::START;
        while i < n {
            w = F::join(w, F::lift(*src.add(i), p));
            i += 1;
        }
        return F::widen(w);
    }
    // Stretches are merged lane by lane; only the end is across the lanes.
    let mut totals = [F::widen(F::START); WIDTH];
    while n - i >= 4 * LANES {
        let lanes = strip::<F, LANES>(src, n, &mut i, p);
        for l in 0..WIDTH {
            totals[l] = F::merge(totals[l], F::widen(lanes[l]));
        }
    }
    if n - i >= WIDTH {
        let lanes = strip::<F, WIDTH>(src, n, &mut i, p);
        for l in 0..WIDTH {
            totals[l] = F::merge(totals[l], F::widen(lanes[l]));
        }
    }
    let mut width = WIDTH / 2;
    while width > 0 {
        for l in 0..width {
            totals[l] = F::merge(totals[l], totals[l + width]);
        }
        width /= 2;
    }
    if i < n {
        let mut w = F::START;
        while i < n {
            w = F::join(w, F::lift(*src.add(i), p));
            i += 1;
        }
        totals[0] = F::merge(totals[0], F::widen(w));
    }
    totals[0]
}

#[inline(always)]
unsafe fn rows_at_level<F: Fold>(
    src: *const u8,
    step: isize,
    outs: usize,
    n: usize,
    _base: usize,
    acc: *mut u8,
    p: &Params,
) {
    let acc = acc as *mut F::Acc;
    for o in 0..outs {
        *acc.add(o) = dense::<F>(src.wrapping_offset(step * o as isize) as *const F::T, n, p);
    }
}

simd_fn! {
    [F::LEVELS] /// See [`Kernel::rows`].
    pub(super) unsafe fn rows<F: Fold>(src: *const u8, step: isize, outs: usize, n: usize, base: usize, acc: *mut u8, p: &Params) {
        rows_at_level::<F>(src, step, outs, n, base, acc, p)
    }
}

/// `temp[j] = join(temp[j], the tree of K rows at column j)`.
#[inline(always)]
unsafe fn add_rows<F: Fold, const K: usize>(src: *const u8, row: isize, temp: *mut F::W, cols: usize, p: &Params) {
    let mut rows = [src as *const F::T; K];
    for (k, r) in rows.iter_mut().enumerate() {
        *r = src.wrapping_offset(row * k as isize) as *const F::T;
    }
    for j in 0..cols {
        let mut w = [F::START; K];
        for k in 0..K {
            w[k] = F::lift(*rows[k].add(j), p);
        }
        let mut width = K / 2;
        while width > 0 {
            for l in 0..width {
                w[l] = F::join(w[l], w[l + width]);
            }
            width /= 2;
        }
        *temp.add(j) = F::join(*temp.add(j), w[0]);
    }
}

#[inline(always)]
unsafe fn cols_at_level<F: Fold>(
    src: *const u8,
    row: isize,
    rows: usize,
    cols: usize,
    _base: usize,
    acc: *mut u8,
    p: &Params,
) {
    let acc = acc as *mut F::Acc;
    let mut temp = [const { MaybeUninit::<F::W>::uninit() }; TILE];
    let temp = temp.as_mut_ptr() as *mut F::W;
    let mut r = 0;
    loop {
        let first = r == 0;
        let end = rows.min(r + ROWS);
        for j in 0..cols {
            *temp.add(j) = F::START;
        }
        while r + 8 <= end {
            add_rows::<F, 8>(src.wrapping_offset(row * r as isize), row, temp, cols, p);
            r += 8;
        }
        while r < end {
            add_rows::<F, 1>(src.wrapping_offset(row * r as isize), row, temp, cols, p);
            r += 1;
        }
        for j in 0..cols {
            let w = F::widen(*temp.add(j));
            *acc.add(j) = if first { w } else { F::merge(*acc.add(j), w) };
        }
        if r >= rows {
            break;
        }
    }
}

simd_fn! {
    [F::LEVELS] /// See [`Kernel::cols`].
    pub(super) unsafe fn cols<F: Fold>(src: *const u8, row: isize, rows: usize, cols: usize, base: usize, acc: *mut u8, p: &Params) {
        cols_at_level::<F>(src, row, rows, cols, base, acc, p)
    }
}

unsafe fn merge<F: Fold>(acc: *mut u8, other: *const u8, count: usize) {
    let (acc, other) = (acc as *mut F::Acc, other as *const F::Acc);
    for i in 0..count {
        *acc.add(i) = F::merge(*acc.add(i), *other.add(i));
    }
}

unsafe fn finish<F: Fold>(acc: *const u8, count: usize, dst: [*mut u8; 2], strides: [isize; 2], p: &Params) {
    let acc = acc as *const F::Acc;
    for i in 0..count {
        F::finish(*acc.add(i), p).write(p.out, dst[0].wrapping_offset(strides[0] * i as isize));
    }
}

/// Declares folds over a generic element.
macro_rules! fold {
    ($(#[$meta:meta])* $name:ident<$E:ident: $bound:path>, $T:ty, $W:ty, $Acc:ty, $levels:literal, $start:expr,
     |$x:ident, $p:ident| $lift:expr, |$a:ident, $b:ident| $join:expr,
     |$w:ident| $widen:expr, |$c:ident, $d:ident| $merge:expr, |$r:ident, $q:ident| $finish:expr) => {
        $(#[$meta])*
        pub(super) struct $name<$E>(PhantomData<$E>);
        impl<$E: $bound> Fold for $name<$E> {
            type T = $T;
            type W = $W;
            type Acc = $Acc;
            const START: $W = $start;
            const LEVELS: u8 = $levels;
            #[inline(always)]
            fn lift($x: $T, $p: &Params) -> $W { let _ = $p; $lift }
            #[inline(always)]
            fn join($a: $W, $b: $W) -> $W { $join }
            #[inline(always)]
            fn widen($w: $W) -> $Acc { $widen }
            #[inline(always)]
            fn merge($c: $Acc, $d: $Acc) -> $Acc { $merge }
            #[inline(always)]
            fn finish($r: $Acc, $q: &Params) -> Value { let _ = $q; $finish }
        }
    };
}

/// A floating number whose stretches are merged in float64.
pub(super) trait Real: Number + Into<f64> {
    fn abs(self) -> Self;
    fn powf(self, p: f64) -> Self;
}
impl Real for f32 {
    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }
    #[inline(always)]
    fn powf(self, p: f64) -> f32 {
        f32::powf(self, p as f32)
    }
}
impl Real for f64 {
    #[inline(always)]
    fn abs(self) -> f64 {
        f64::abs(self)
    }
    #[inline(always)]
    fn powf(self, p: f64) -> f64 {
        f64::powf(self, p)
    }
}
/// Stored floats.
pub(super) trait FloatElem: Elem<Num: Real> {}
impl<E: Elem<Num: Real>> FloatElem for E {}
/// Stored integers and `bool`; `Lane` holds `STEPS` or `ROWS` of them without overflow.
pub(super) trait IntElem: Elem<Num: Into<i64>> {
    type Lane: Number + Into<i64>;
    fn lane(self) -> Self::Lane;
}
macro_rules! int_elem {
    ($($t:ident => $lane:ident)+) => { $(
        impl IntElem for $t {
            type Lane = $lane;
            #[inline(always)]
            fn lane(self) -> $lane { self as $lane }
        }
    )+ };
}
int_elem! { u8 => i32 i8 => i32 i16 => i32 i32 => i64 i64 => i64 }

fold! { /// Sum of floats.
SumFloat<E: FloatElem>, E, E::Num, f64, 3, E::Num::ZERO,
|x, p| x.load(), |a, b| a.add(b), |w| w.into(), |a, b| a + b, |r, p| Value::Float(r) }
fold! { /// Sum of floats, NaN counted as zero.
NanSum<E: FloatElem>, E, E::Num, f64, 2, E::Num::ZERO,
|x, p| { let x = x.load(); if x.is_nan() { E::Num::ZERO } else { x } }, |a, b| a.add(b), |w| w.into(), |a, b| a + b, |r, p| Value::Float(r) }
fold! { /// Wrapping sum of integers.
SumInt<E: IntElem>, E, E::Lane, i64, 2, E::Lane::ZERO,
|x, p| x.lane(), |a, b| a.add(b), |w| w.into(), |a, b| a.wrapping_add(b), |r, p| Value::Int(r) }
fold! { /// Product of floats.
ProdFloat<E: FloatElem>, E, E::Num, E::Num, 2, E::Num::ONE,
|x, p| x.load(), |a, b| a.mul(b), |w| w, |a, b| a.mul(b), |r, p| r.value() }
fold! { /// Wrapping product of integers.
ProdInt<E: IntElem>, E, i64, i64, 2, 1,
|x, p| x.load().into(), |a, b| a.wrapping_mul(b), |w| w, |a, b| a.wrapping_mul(b), |r, p| Value::Int(r) }
fold! { /// Largest value; NaN wins.
Max<E: Elem>, E, E::Num, E::Num, 3, E::Num::LOWEST,
|x, p| x.load(), |a, b| a.max(b), |w| w, |a, b| a.max(b), |r, p| r.value() }
fold! { /// Smallest value; NaN wins.
Min<E: Elem>, E, E::Num, E::Num, 3, E::Num::HIGHEST,
|x, p| x.load(), |a, b| a.min(b), |w| w, |a, b| a.min(b), |r, p| r.value() }
fold! { /// How many elements are not zero, as a float.
Norm0<E: FloatElem>, E, E::Num, f64, 2, E::Num::ZERO,
|x, p| if x.load() == E::Num::ZERO { E::Num::ZERO } else { E::Num::ONE }, |a, b| a.add(b), |w| w.into(), |a, b| a + b, |r, p| Value::Float(r) }
fold! { /// `sum |x|`.
Norm1<E: FloatElem>, E, E::Num, f64, 2, E::Num::ZERO,
|x, p| x.load().abs(), |a, b| a.add(b), |w| w.into(), |a, b| a + b, |r, p| Value::Float(r) }
fold! { /// `sqrt(sum x^2)`.
Norm2<E: FloatElem>, E, E::Num, f64, 3, E::Num::ZERO,
|x, p| { let x = x.load(); x.mul(x) }, |a, b| a.add(b), |w| w.into(), |a, b| a + b, |r, p| Value::Float(r.sqrt()) }
fold! { /// `(sum |x|^p)^(1/p)`.
NormP<E: FloatElem>, E, E::Num, f64, 2, E::Num::ZERO,
|x, p| x.load().abs().powf(p.p), |a, b| a.add(b), |w| w.into(), |a, b| a + b, |r, p| Value::Float(r.powf(1.0 / p.p)) }
fold! { /// `max |x|`; NaN wins.
NormMax<E: FloatElem>, E, E::Num, E::Num, 2, E::Num::ZERO,
|x, p| x.load().abs(), |a, b| a.max(b), |w| w, |a, b| a.max(b), |r, p| r.value() }
fold! { /// `min |x|`; NaN wins.
NormMin<E: FloatElem>, E, E::Num, E::Num, 2, E::Num::HIGHEST,
|x, p| x.load().abs(), |a, b| a.min(b), |w| w, |a, b| a.min(b), |r, p| r.value() }

/// The bits of an element, for reductions that only ask whether it is zero. `Params::mask` leaves out a float's sign.
pub(super) trait Bits: Copy + 'static {
    /// 1 where any bit under the mask is set.
    fn nonzero(self, mask: u64) -> Self;
    const ZERO: Self;
    const ONE: Self;
    fn or(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn small(self) -> u32;
}
macro_rules! bits {
    ($($t:ident)+) => { $(
        impl Bits for $t {
            #[inline(always)]
            fn nonzero(self, mask: u64) -> $t { (self & mask as $t != 0) as $t }
            const ZERO: $t = 0;
            const ONE: $t = 1;
            #[inline(always)]
            fn or(self, other: $t) -> $t { self | other }
            #[inline(always)]
            fn and(self, other: $t) -> $t { self & other }
            #[inline(always)]
            fn small(self) -> u32 { self as u32 }
        }
    )+ };
}
bits!(u8 u16 u32 u64);

fold! { /// Whether any element is not zero.
Any<B: Bits>, B, B, B, 2, B::ZERO,
|x, p| x.nonzero(p.mask), |a, b| a.or(b), |w| w, |a, b| a.or(b), |r, p| Value::Int(r.small() as i64) }
fold! { /// Whether every element is not zero.
All<B: Bits>, B, B, B, 2, B::ONE,
|x, p| x.nonzero(p.mask), |a, b| a.and(b), |w| w, |a, b| a.and(b), |r, p| Value::Int(r.small() as i64) }
fold! { /// How many elements are not zero.
CountNonzero<B: Bits>, B, u32, i64, 2, 0,
|x, p| x.nonzero(p.mask).small(), |a, b| a + b, |w| w as i64, |a, b| a + b, |r, p| Value::Int(r) }

/// The bits that decide whether an element of `dtype` is zero.
pub(super) fn nonzero_mask(dtype: DType) -> u64 {
    let bits = dtype.size() * 8;
    let all = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
    if dtype.is_float() { all >> 1 } else { all }
}

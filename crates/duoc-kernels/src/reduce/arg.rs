//! Extrema with the index of their first occurrence, and minimum and maximum at once.
//!
//! A dense run is read twice while it is in the cache: once for the extreme value in parallel lanes, once up to its
//! first occurrence. Both loops vectorise; a single loop that carries value and index does not.

use std::mem::{MaybeUninit, size_of};

use super::Params;
use super::elem::{Elem, Number, Value};
use super::fold::{self, Fold};
use super::plan::{Kernel, TILE};
use crate::{DType, simd_fn};

/// Which extreme is sought.
pub(super) trait Extreme: 'static {
    /// The fold that finds the value.
    type Fold<E: Elem>: Fold<T = E, W = E::Num, Acc = E::Num>;
    /// Whether `a` comes strictly before `b`; NaN before everything else.
    fn before<N: Number>(a: N, b: N) -> bool;
}
/// The smallest value.
pub(super) struct Smallest;
impl Extreme for Smallest {
    type Fold<E: Elem> = fold::Min<E>;
    #[inline(always)]
    fn before<N: Number>(a: N, b: N) -> bool {
        (a < b) | (a.is_nan() & !b.is_nan())
    }
}
/// The largest value.
pub(super) struct Largest;
impl Extreme for Largest {
    type Fold<E: Elem> = fold::Max<E>;
    #[inline(always)]
    fn before<N: Number>(a: N, b: N) -> bool {
        (a > b) | (a.is_nan() & !b.is_nan())
    }
}

/// Names the pair of an element type and an extreme for [`simd_fn`], which takes one parameter.
trait Arg: 'static {
    type E: Elem;
    type X: Extreme;
}
impl<E: Elem, X: Extreme> Arg for (E, X) {
    type E = E;
    type X = X;
}
type Num<A> = <<A as Arg>::E as Elem>::Num;

#[derive(Clone, Copy)]
struct Found<N> {
    value: N,
    index: usize,
}

/// The driver's table; `values` writes the value to output 0 and the index to output 1, else the index to output 0.
pub(super) fn kernel<E: Elem, X: Extreme>(values: bool) -> Kernel {
    Kernel {
        size: size_of::<E>(),
        acc: size_of::<Found<E::Num>>(),
        ordered: true,
        half: false,
        rows: rows::<(E, X)>,
        cols: cols::<(E, X)>,
        merge: merge::<(E, X)>,
        finish: if values { finish_both::<E> } else { finish_index::<E> },
    }
}

/// The first `i` with `hit(src[i])`.
#[inline(always)]
unsafe fn first<E: Elem>(src: *const E, n: usize, hit: impl Fn(E::Num) -> bool) -> usize {
    const STEP: usize = 64;
    let mut i = 0;
    while i + STEP <= n {
        let mut any = false;
        for l in 0..STEP {
            any |= hit((*src.add(i + l)).load());
        }
        if any {
            break;
        }
        i += STEP;
    }
    while i + 1 < n && !hit((*src.add(i)).load()) {
        i += 1;
    }
    i
}

simd_fn! {
    /// Where `value`, which is one of the elements, comes first.
    unsafe fn position<E: Elem>(src: *const E, n: usize, value: &E::Num) -> usize {
        let value = *value;
        if value.is_nan() { first(src, n, |x| x.is_nan()) } else { first(src, n, |x| x == value) }
    }
}

unsafe fn rows<A: Arg>(src: *const u8, step: isize, outs: usize, n: usize, base: usize, acc: *mut u8, p: &Params) {
    let acc = acc as *mut Found<Num<A>>;
    for o in 0..outs {
        let s = src.wrapping_offset(step * o as isize);
        let mut value = Num::<A>::ZERO;
        let mut index = 0;
        if n >= 16 {
            fold::rows::<<A::X as Extreme>::Fold<A::E>>(s, 0, 1, n, 0, &raw mut value as *mut u8, p);
            index = position(s as *const A::E, n, &value);
        } else {
            for i in 0..n {
                let x = (*(s as *const A::E).add(i)).load();
                if i == 0 || A::X::before(x, value) {
                    (value, index) = (x, i);
                }
            }
        }
        *acc.add(o) = Found {
            value,
            index: base + index,
        };
    }
}

simd_fn! {
    unsafe fn cols<A: Arg>(src: *const u8, row: isize, rows: usize, cols: usize, base: usize, acc: *mut u8, _p: &Params) {
        let acc = acc as *mut Found<Num<A>>;
        let mut values = [const { MaybeUninit::<Num<A>>::uninit() }; TILE];
        let mut indices = [const { MaybeUninit::<i32>::uninit() }; TILE];
        let values = values.as_mut_ptr() as *mut Num<A>;
        let indices = indices.as_mut_ptr() as *mut i32;
        for j in 0..cols {
            *values.add(j) = if rows == 0 { Num::<A>::ZERO } else { (*(src as *const A::E).add(j)).load() };
            *indices.add(j) = 0;
        }
        let mut r = 1;
        while r + 4 <= rows {
            scan_rows::<A, 4>(src, row, r, values, indices, cols);
            r += 4;
        }
        while r < rows {
            scan_rows::<A, 1>(src, row, r, values, indices, cols);
            r += 1;
        }
        for j in 0..cols {
            *acc.add(j) = Found { value: *values.add(j), index: base + *indices.add(j) as usize };
        }
    }
}

/// Takes rows `r..r + K` into the running extremes.
#[inline(always)]
unsafe fn scan_rows<A: Arg, const K: usize>(
    src: *const u8,
    row: isize,
    r: usize,
    values: *mut Num<A>,
    indices: *mut i32,
    cols: usize,
) {
    let mut rows = [src as *const A::E; K];
    for (k, s) in rows.iter_mut().enumerate() {
        *s = src.wrapping_offset(row * (r + k) as isize) as *const A::E;
    }
    for j in 0..cols {
        let (mut v, mut i) = (*values.add(j), *indices.add(j));
        for (k, s) in rows.iter().enumerate() {
            let x = (*s.add(j)).load();
            let before = A::X::before(x, v);
            v = if before { x } else { v };
            i = if before { (r + k) as i32 } else { i };
        }
        *values.add(j) = v;
        *indices.add(j) = i;
    }
}

unsafe fn merge<A: Arg>(acc: *mut u8, other: *const u8, count: usize) {
    let (acc, other) = (acc as *mut Found<Num<A>>, other as *const Found<Num<A>>);
    for i in 0..count {
        let b = *other.add(i);
        if A::X::before(b.value, (*acc.add(i)).value) {
            *acc.add(i) = b;
        }
    }
}

unsafe fn finish_both<E: Elem>(acc: *const u8, count: usize, dst: [*mut u8; 2], strides: [isize; 2], p: &Params) {
    let acc = acc as *const Found<E::Num>;
    for i in 0..count {
        let found = *acc.add(i);
        found
            .value
            .value()
            .write(p.out, dst[0].wrapping_offset(strides[0] * i as isize));
        Value::Int(found.index as i64).write(DType::I64, dst[1].wrapping_offset(strides[1] * i as isize));
    }
}

unsafe fn finish_index<E: Elem>(acc: *const u8, count: usize, dst: [*mut u8; 2], strides: [isize; 2], _p: &Params) {
    let acc = acc as *const Found<E::Num>;
    for i in 0..count {
        Value::Int((*acc.add(i)).index as i64).write(DType::I64, dst[0].wrapping_offset(strides[0] * i as isize));
    }
}

/// The driver's table for minimum and maximum at once.
pub(super) fn min_max<E: Elem>() -> Kernel {
    Kernel {
        size: size_of::<E>(),
        acc: size_of::<[E::Num; 2]>(),
        ordered: false,
        half: false,
        rows: min_max_rows::<E>,
        cols: min_max_cols::<E>,
        merge: min_max_merge::<E>,
        finish: min_max_finish::<E>,
    }
}

unsafe fn min_max_rows<E: Elem>(
    src: *const u8,
    step: isize,
    outs: usize,
    n: usize,
    _base: usize,
    acc: *mut u8,
    p: &Params,
) {
    for o in 0..outs {
        let s = src.wrapping_offset(step * o as isize);
        let acc = (acc as *mut E::Num).add(2 * o);
        fold::rows::<fold::Min<E>>(s, 0, 1, n, 0, acc as *mut u8, p);
        fold::rows::<fold::Max<E>>(s, 0, 1, n, 0, acc.add(1) as *mut u8, p);
    }
}

unsafe fn min_max_cols<E: Elem>(
    src: *const u8,
    row: isize,
    rows: usize,
    cols: usize,
    _base: usize,
    acc: *mut u8,
    p: &Params,
) {
    let mut low = [E::Num::ZERO; TILE];
    let mut high = [E::Num::ZERO; TILE];
    fold::cols::<fold::Min<E>>(src, row, rows, cols, 0, low.as_mut_ptr() as *mut u8, p);
    fold::cols::<fold::Max<E>>(src, row, rows, cols, 0, high.as_mut_ptr() as *mut u8, p);
    for j in 0..cols {
        *(acc as *mut [E::Num; 2]).add(j) = [low[j], high[j]];
    }
}

unsafe fn min_max_merge<E: Elem>(acc: *mut u8, other: *const u8, count: usize) {
    let (acc, other) = (acc as *mut [E::Num; 2], other as *const [E::Num; 2]);
    for i in 0..count {
        let ([low, high], [l, h]) = (*acc.add(i), *other.add(i));
        *acc.add(i) = [low.min(l), high.max(h)];
    }
}

unsafe fn min_max_finish<E: Elem>(acc: *const u8, count: usize, dst: [*mut u8; 2], strides: [isize; 2], p: &Params) {
    let acc = acc as *const [E::Num; 2];
    for i in 0..count {
        for k in 0..2 {
            (*acc.add(i))[k]
                .value()
                .write(p.out, dst[k].wrapping_offset(strides[k] * i as isize));
        }
    }
}

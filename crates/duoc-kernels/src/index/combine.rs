//! How a value meets the one that is already there.

use crate::DType;
use crate::copy::numbers::*;
use crate::nd::Loop2d;

/// What writing an element does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Combine {
    /// Replaces the old value.
    Set,
    /// Adds to it (logical or for bool).
    Add,
    /// Multiplies it (logical and for bool).
    Mul,
    /// Keeps the larger; NaN wins.
    Max,
    /// Keeps the smaller; NaN wins.
    Min,
}

/// `self[i * along + index[i] * step] op= src[i * src_step]` for `i` in `0..n`; byte strides.
pub(super) type Line = unsafe fn(*mut u8, isize, isize, *const i64, *const u8, isize, usize);

/// An element type that values can be combined in.
trait Element: Copy {
    fn add(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn max(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
}

macro_rules! integer {
    ($($t:ty)+) => {$(
        impl Element for $t {
            #[inline(always)]
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            #[inline(always)]
            fn max(self, other: Self) -> Self { Ord::max(self, other) }
            #[inline(always)]
            fn min(self, other: Self) -> Self { Ord::min(self, other) }
        }
    )+};
}
integer!(u8 i8 i16 i32 i64 u16 u32 u64);

macro_rules! float {
    ($($t:ty)+) => {$(
        impl Element for $t {
            #[inline(always)]
            fn add(self, other: Self) -> Self { self + other }
            #[inline(always)]
            fn mul(self, other: Self) -> Self { self * other }
            #[inline(always)]
            fn max(self, other: Self) -> Self { if self.is_nan() | (self > other) { self } else { other } }
            #[inline(always)]
            fn min(self, other: Self) -> Self { if self.is_nan() | (self < other) { self } else { other } }
        }
    )+};
}
float!(f32 f64);

/// A stored byte that is true or false.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Truth(u8);

impl Element for Truth {
    fn add(self, other: Self) -> Self {
        Truth(self.0 | other.0)
    }
    fn mul(self, other: Self) -> Self {
        Truth(self.0 & other.0)
    }
    fn max(self, other: Self) -> Self {
        Truth(self.0 | other.0)
    }
    fn min(self, other: Self) -> Self {
        Truth(self.0 & other.0)
    }
}

/// The 16-bit floats: each step is computed in float32 and rounded back.
macro_rules! half {
    ($name:ident, $load:ident, $store:ident) => {
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        struct $name(u16);

        impl Element for $name {
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                $name($store($load(self.0) + $load(other.0)))
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                $name($store($load(self.0) * $load(other.0)))
            }
            #[inline(always)]
            fn max(self, other: Self) -> Self {
                $name($store(Element::max($load(self.0), $load(other.0))))
            }
            #[inline(always)]
            fn min(self, other: Self) -> Self {
                $name($store(Element::min($load(self.0), $load(other.0))))
            }
        }
    };
}
half!(Half, f16_to_f32, f32_to_f16);
half!(BFloat, bf16_to_f32, f32_to_bf16);

/// Complex numbers have no order: [`line`] and [`combine_loop`] refuse `Max` and `Min` for them.
macro_rules! complex {
    ($($t:ty)+) => {$(
        impl Element for [$t; 2] {
            #[inline(always)]
            fn add(self, other: Self) -> Self { [self[0] + other[0], self[1] + other[1]] }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                [self[0] * other[0] - self[1] * other[1], self[0] * other[1] + self[1] * other[0]]
            }
            fn max(self, _: Self) -> Self { self }
            fn min(self, _: Self) -> Self { self }
        }
    )+};
}
complex!(f32 f64);

/// The loops of one element type and one operation.
macro_rules! loops {
    ($t:ty, |$old:ident, $new:ident| $value:expr) => {{
        unsafe fn line(
            out: *mut u8,
            along: isize,
            step: isize,
            index: *const i64,
            src: *const u8,
            src_step: isize,
            n: usize,
        ) {
            for i in 0..n as isize {
                let at = index.offset(i).read_unaligned() as isize * step + along * i;
                let place = out.offset(at).cast::<$t>();
                let $new = src.offset(src_step * i).cast::<$t>().read_unaligned();
                let $old = place.read_unaligned();
                place.write_unaligned($value);
            }
        }
        crate::simd_fn! {
            unsafe fn row(out: *mut $t, src: *const $t, n: usize) {
                for i in 0..n {
                    let ($old, $new) = (out.add(i).read_unaligned(), src.add(i).read_unaligned());
                    out.add(i).write_unaligned($value);
                }
            }
        }
        unsafe fn block(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, _: *const u8) {
            let (s0, s1) = (*strides, *strides.add(1));
            for j in 0..outer as isize {
                let (out, src) = (
                    (*ptrs).offset(*strides.add(2) * j),
                    (*ptrs.add(1)).offset(*strides.add(3) * j),
                );
                if s0 == size_of::<$t>() as isize && s1 == s0 {
                    row(out.cast(), src.cast(), inner);
                    continue;
                }
                for i in 0..inner as isize {
                    let place = out.offset(s0 * i).cast::<$t>();
                    let $new = src.offset(s1 * i).cast::<$t>().read_unaligned();
                    let $old = place.read_unaligned();
                    place.write_unaligned($value);
                }
            }
        }
        (line as Line, block as Loop2d)
    }};
}

/// The loops of one element type, by operation.
macro_rules! by_operation {
    ($op:expr, $t:ty) => {
        match $op {
            Combine::Add => loops!($t, |a, b| Element::add(a, b)),
            Combine::Mul => loops!($t, |a, b| Element::mul(a, b)),
            Combine::Max => loops!($t, |a, b| Element::max(a, b)),
            _ => loops!($t, |a, b| Element::min(a, b)),
        }
    };
}

/// Assignment depends on the width only.
fn set_line(size: usize) -> Line {
    macro_rules! set {
        ($t:ty) => {{
            unsafe fn line(
                out: *mut u8,
                along: isize,
                step: isize,
                index: *const i64,
                src: *const u8,
                src_step: isize,
                n: usize,
            ) {
                for i in 0..n as isize {
                    let at = index.offset(i).read_unaligned() as isize * step + along * i;
                    let value = src.offset(src_step * i).cast::<$t>().read_unaligned();
                    out.offset(at).cast::<$t>().write_unaligned(value);
                }
            }
            line
        }};
    }
    match size {
        1 => set!(u8),
        2 => set!(u16),
        4 => set!(u32),
        8 => set!(u64),
        _ => set!([u64; 2]),
    }
}

fn both(op: Combine, dtype: DType) -> Option<(Line, Loop2d)> {
    use DType::*;
    if op == Combine::Set {
        return Some((set_line(dtype.size()), crate::copy::same(dtype.size())));
    }
    if dtype.is_float8() || dtype.is_complex() && matches!(op, Combine::Max | Combine::Min) {
        return None;
    }
    Some(match dtype {
        Bool => by_operation!(op, Truth),
        U8 => by_operation!(op, u8),
        I8 => by_operation!(op, i8),
        I16 => by_operation!(op, i16),
        I32 => by_operation!(op, i32),
        I64 => by_operation!(op, i64),
        U16 => by_operation!(op, u16),
        U32 => by_operation!(op, u32),
        U64 => by_operation!(op, u64),
        F16 => by_operation!(op, Half),
        BF16 => by_operation!(op, BFloat),
        F32 => by_operation!(op, f32),
        F64 => by_operation!(op, f64),
        C64 => by_operation!(op, [f32; 2]),
        _ => by_operation!(op, [f64; 2]),
    })
}

/// The loop `out = out op in`; operands `[out, in]`. `None` where the dtype has no such operation: 8-bit floats have
/// only [`Combine::Set`], complex numbers no `Max` and `Min`.
pub fn combine_loop(op: Combine, dtype: DType) -> Option<Loop2d> {
    both(op, dtype).map(|b| b.1)
}

/// The loop over an index, see [`Line`].
pub(super) fn line(op: Combine, dtype: DType) -> Option<Line> {
    both(op, dtype).map(|b| b.0)
}

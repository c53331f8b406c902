//! Storing drawn numbers as elements of a dtype, with C++'s conversions.

use half::{bf16, f16};

/// An element type and the conversions PyTorch's kernels end with.
pub(super) trait Element: Copy + PartialEq + 'static {
    /// `static_cast<T>(float)`; half types round to nearest, even.
    fn of_f32(x: f32) -> Self;
    /// `static_cast<T>(double)`; half types go through `float`.
    fn of_f64(x: f64) -> Self;
    /// `static_cast<T>(int64_t)`; half types go through `float`.
    fn of_i64(x: i64) -> Self;
}

macro_rules! ints {
    ($($T:ident)+) => {$(
        impl Element for $T {
            #[inline(always)]
            fn of_f32(x: f32) -> Self { x as i64 as $T }
            #[inline(always)]
            fn of_f64(x: f64) -> Self { x as i64 as $T }
            #[inline(always)]
            fn of_i64(x: i64) -> Self { x as $T }
        }
    )+};
}
ints!(u8 i8 i16 i32 i64 u16 u32 u64);

macro_rules! floats {
    ($($T:ident)+) => {$(
        impl Element for $T {
            #[inline(always)]
            fn of_f32(x: f32) -> Self { x as $T }
            #[inline(always)]
            fn of_f64(x: f64) -> Self { x as $T }
            #[inline(always)]
            fn of_i64(x: i64) -> Self { x as $T }
        }
    )+};
}
floats!(f32 f64);

macro_rules! halves {
    ($($T:ident)+) => {$(
        impl Element for $T {
            #[inline(always)]
            fn of_f32(x: f32) -> Self { $T::from_f32(x) }
            #[inline(always)]
            fn of_f64(x: f64) -> Self { $T::from_f32(x as f32) }
            #[inline(always)]
            fn of_i64(x: i64) -> Self { $T::from_f32(x as f32) }
        }
    )+};
}
halves!(f16 bf16);

impl Element for bool {
    #[inline(always)]
    fn of_f32(x: f32) -> Self {
        x != 0.0
    }
    #[inline(always)]
    fn of_f64(x: f64) -> Self {
        x != 0.0
    }
    #[inline(always)]
    fn of_i64(x: i64) -> Self {
        x != 0
    }
}

/// Writes `f(i)` to the `n` elements at `dst`, `stride` bytes apart.
///
/// The contiguous case has its own loop so that it vectorises.
#[inline(always)]
pub(super) unsafe fn store<T: Element>(dst: *mut u8, stride: isize, n: usize, f: impl Fn(usize) -> T) {
    if stride == size_of::<T>() as isize {
        let dst = dst as *mut T;
        for i in 0..n {
            dst.add(i).write_unaligned(f(i));
        }
    } else {
        for i in 0..n {
            (dst.offset(i as isize * stride) as *mut T).write_unaligned(f(i));
        }
    }
}

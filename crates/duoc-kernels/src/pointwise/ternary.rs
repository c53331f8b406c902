//! Functions of three values: operands `[out, a, b, c]`.

use std::marker::PhantomData;

use super::Params;
use super::binary::lerp;
use super::drive::{Map3, loop3, loop3_bf16, loop3_f16};
use super::num::{Num, Real};
use crate::{DType, Loop2d};

/// A function of three values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ternary {
    /// `b` where `a` is true, else `c`. `a` is bool, the others any dtype.
    Where,
    /// `a + c * (b - a)`, from the nearer end.
    Lerp,
    /// `a + scalar * b * c` (`value`, scalar 0).
    Addcmul,
    /// `a + scalar * b / c` (`value`, scalar 0).
    Addcdiv,
    /// `a` brought into `[b, c]`; a NaN in any of the three gives NaN, and `c` wins where the bounds are crossed.
    Clamp,
}

impl Ternary {
    /// Time per element in units of a simple addition.
    pub fn cost(self) -> usize {
        2
    }
}

struct Where<T>(PhantomData<T>);
struct Lerp<T>(PhantomData<T>);
struct Addcmul<T>(PhantomData<T>);
struct Addcdiv<T>(PhantomData<T>);
struct Clamp<T>(PhantomData<T>);

impl<T: Copy> Map3 for Where<T> {
    const LEVELS: u8 = 2;
    type A = u8;
    type In = T;
    type Out = T;
    #[inline(always)]
    fn map(x: u8, y: T, z: T, _: &Params) -> T {
        if x != 0 { y } else { z }
    }
}

impl<T: Real> Map3 for Lerp<T> {
    const CHEAP: bool = true;
    type A = T;
    type In = T;
    type Out = T;
    #[inline(always)]
    fn map(x: T, y: T, z: T, _: &Params) -> T {
        lerp(x, y, z)
    }
}

impl<T: Num> Map3 for Addcmul<T> {
    const LEVELS: u8 = T::LEVELS;
    const CHEAP: bool = true;
    type A = T;
    type In = T;
    type Out = T;
    #[inline(always)]
    fn map(x: T, y: T, z: T, p: &Params) -> T {
        x.plus(T::scalar(p, 0).times(y).times(z))
    }
}

impl<T: Real> Map3 for Addcdiv<T> {
    const CHEAP: bool = true;
    type A = T;
    type In = T;
    type Out = T;
    #[inline(always)]
    fn map(x: T, y: T, z: T, p: &Params) -> T {
        x + T::scalar(p, 0) * y / z
    }
}

impl<T: Num> Map3 for Clamp<T> {
    const LEVELS: u8 = T::LEVELS;
    const CHEAP: bool = true;
    type A = T;
    type In = T;
    type Out = T;
    #[inline(always)]
    fn map(x: T, y: T, z: T, _: &Params) -> T {
        let above = if x.nan() || x > y { x } else { y };
        if above.nan() || above < z { above } else { z }
    }
}

macro_rules! floats {
    ($name:ident, $dt:expr) => {
        match $dt {
            DType::F16 => Some(loop3_f16::<$name<f32>>),
            DType::BF16 => Some(loop3_bf16::<$name<f32>>),
            DType::F32 => Some(loop3::<$name<f32>>),
            DType::F64 => Some(loop3::<$name<f64>>),
            _ => None,
        }
    };
}

macro_rules! numbers {
    ($name:ident, $dt:expr) => {
        match $dt {
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => floats!($name, $dt),
            _ => crate::match_dtype!($dt, [U8 I8 I16 I32 I64] => |T| Some(loop3::<$name<T>>), else None),
        }
    };
}

/// The inner loop of `op` for `dtype`; operands `[out, a, b, c]`.
pub fn ternary(op: Ternary, dtype: DType) -> Option<Loop2d> {
    if dtype.is_complex() && op != Ternary::Where {
        return super::complex::ternary(op, dtype);
    }
    match op {
        Ternary::Where => match dtype.size() {
            1 => Some(loop3::<Where<u8>>),
            2 => Some(loop3::<Where<u16>>),
            4 => Some(loop3::<Where<u32>>),
            8 => Some(loop3::<Where<u64>>),
            _ => Some(loop3::<Where<u128>>),
        },
        Ternary::Lerp => floats!(Lerp, dtype),
        Ternary::Addcmul => numbers!(Addcmul, dtype),
        Ternary::Addcdiv => floats!(Addcdiv, dtype),
        Ternary::Clamp => numbers!(Clamp, dtype),
    }
}

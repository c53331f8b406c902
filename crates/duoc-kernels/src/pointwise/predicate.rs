//! Questions about one value: operands `[out bool, in]`.

use std::marker::PhantomData;

use super::Params;
use super::drive::{Map1, loop1, test1_bf16, test1_f16};
use super::num::{Num, Real};
use crate::{DType, Loop2d};

macro_rules! predicate_rows {
    ($($(#[$doc:meta])* $name:ident $class:ident |$x:ident| $body:expr;)+) => {
        /// A question about one value.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Predicate {
            $($(#[$doc])* $name,)+
        }

        mod row {
            use super::*;
            $(pub struct $name<T>(PhantomData<T>);)+
        }

        $(predicate_rows!(@impl $class $name |$x| $body);)+

        /// The inner loop of `op` for an input of `dtype`; operands `[out bool, in]`.
        pub fn predicate(op: Predicate, dtype: DType) -> Option<Loop2d> {
            if dtype.is_complex() {
                return super::complex::predicate(op, dtype);
            }
            match op {
                $(Predicate::$name => predicate_rows!(@pick $class $name, dtype),)+
            }
        }
    };
    (@impl float $name:ident |$x:ident| $body:expr) => { predicate_rows!(@map Real $name |$x| $body); };
    (@impl number $name:ident |$x:ident| $body:expr) => { predicate_rows!(@map Num $name |$x| $body); };
    (@map $bound:ident $name:ident |$x:ident| $body:expr) => {
        impl<T: $bound> Map1 for row::$name<T> {
            const LEVELS: u8 = 2;
            const CHEAP: bool = true;
            type In = T;
            type Out = bool;
            #[inline(always)]
            fn map($x: T, _: &Params) -> bool {
                $body
            }
        }
    };
    (@pick float $name:ident, $dt:expr) => {
        match $dt {
            DType::F16 => Some(test1_f16::<row::$name<f32>>),
            DType::BF16 => Some(test1_bf16::<row::$name<f32>>),
            DType::F32 => Some(loop1::<row::$name<f32>>),
            DType::F64 => Some(loop1::<row::$name<f64>>),
            _ => None,
        }
    };
    (@pick number $name:ident, $dt:expr) => {
        match $dt {
            DType::Bool | DType::U8 => Some(loop1::<row::$name<u8>>),
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => predicate_rows!(@pick float $name, $dt),
            _ => crate::match_dtype!($dt, [I8 I16 I32 I64 U16 U32 U64] => |T| Some(loop1::<row::$name<T>>), else None),
        }
    };
}

predicate_rows! {
    /// `x` is a NaN.
    IsNan float |x| x.nan();
    /// `x` is an infinity.
    IsInf float |x| x.magnitude() == T::INFINITY;
    /// `x` is neither infinite nor NaN.
    IsFinite float |x| x.magnitude() < T::INFINITY;
    /// `x` is infinity.
    IsPosInf float |x| x == T::INFINITY;
    /// `x` is minus infinity.
    IsNegInf float |x| x == -T::INFINITY;
    /// The sign bit is set; for integers `x < 0`.
    Signbit number |x| x.sign_bit();
    /// `x` is zero (false).
    LogicalNot number |x| x == T::ZERO;
    /// `x` is not zero (true). A NaN is not zero.
    NonZero number |x| x != T::ZERO;
}

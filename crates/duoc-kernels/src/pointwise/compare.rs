//! Questions about two values: operands `[out bool, a, b]`, `a` and `b` of one dtype.

use std::marker::PhantomData;

use super::Params;
use super::drive::{Map2, loop2, test2_bf16, test2_f16};
use super::num::Num;
use crate::{DType, Loop2d};

/// One row per question: name, class, formula. Class `order` needs the sign of integers, `bits` does not, so that
/// signed and unsigned integers of one width share a kernel.
macro_rules! compare_rows {
    ($($(#[$doc:meta])* $name:ident $class:ident |$x:ident, $y:ident| $body:expr;)+) => {
        /// A question about two values.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Compare {
            $($(#[$doc])* $name,)+
        }

        mod row {
            use super::*;
            $(pub struct $name<T>(PhantomData<T>);)+
        }

        $(impl<T: Num> Map2 for row::$name<T> {
            const LEVELS: u8 = 2;
            const CHEAP: bool = true;
            type In = T;
            type Out = bool;
            #[inline(always)]
            fn map($x: T, $y: T, _: &Params) -> bool {
                $body
            }
        })+

        /// The inner loop of `op` for inputs of `dtype`; operands `[out bool, a, b]`.
        pub fn compare(op: Compare, dtype: DType) -> Option<Loop2d> {
            if dtype.is_complex() {
                return super::complex::compare(op, dtype);
            }
            match op {
                $(Compare::$name => match dtype {
                    DType::F16 => Some(test2_f16::<row::$name<f32>>),
                    DType::BF16 => Some(test2_bf16::<row::$name<f32>>),
                    DType::F32 => Some(loop2::<row::$name<f32>>),
                    DType::F64 => Some(loop2::<row::$name<f64>>),
                    _ => compare_rows!(@ints $class $name, dtype),
                },)+
            }
        }
    };
    (@ints order $name:ident, $dt:expr) => {
        match $dt {
            DType::Bool => Some(loop2::<row::$name<u8>>),
            _ => crate::match_dtype!(
                $dt,
                [U8 I8 I16 I32 I64 U16 U32 U64] => |T| Some(loop2::<row::$name<T>>),
                else None
            ),
        }
    };
    (@ints bits $name:ident, $dt:expr) => {
        match $dt {
            DType::Bool | DType::U8 | DType::I8 => Some(loop2::<row::$name<u8>>),
            DType::I16 | DType::U16 => Some(loop2::<row::$name<u16>>),
            DType::I32 | DType::U32 => Some(loop2::<row::$name<u32>>),
            DType::I64 | DType::U64 => Some(loop2::<row::$name<u64>>),
            _ => None,
        }
    };
}

compare_rows! {
    /// `a == b`; never for NaN.
    Eq bits |x, y| x == y;
    /// `a != b`; always for NaN.
    Ne bits |x, y| x != y;
    /// `a < b`.
    Lt order |x, y| x < y;
    /// `a <= b`.
    Le order |x, y| x <= y;
    /// `a > b`.
    Gt order |x, y| x > y;
    /// `a >= b`.
    Ge order |x, y| x >= y;
    /// Both are not zero.
    LogicalAnd bits |x, y| (x != T::ZERO) & (y != T::ZERO);
    /// One of them is not zero.
    LogicalOr bits |x, y| (x != T::ZERO) | (y != T::ZERO);
    /// Exactly one of them is not zero.
    LogicalXor bits |x, y| (x != T::ZERO) != (y != T::ZERO);
}

//! Questions about two values: operands `[out bool, a, b]`, `a` and `b` of one dtype.

use std::marker::PhantomData;

use super::Params;
use super::drive::{Map2, loop2, test2_bf16, test2_f16};
use super::num::Num;
use crate::{DType, Loop2d};

macro_rules! compare_rows {
    ($($(#[$doc:meta])* $name:ident |$x:ident, $y:ident| $body:expr;)+) => {
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
            type In = T;
            type Out = bool;
            #[inline(always)]
            fn map($x: T, $y: T, _: &Params) -> bool {
                $body
            }
        })+

        /// The inner loop of `op` for inputs of `dtype`; operands `[out bool, a, b]`.
        pub fn compare(op: Compare, dtype: DType) -> Option<Loop2d> {
            match op {
                $(Compare::$name => match dtype {
                    DType::Bool | DType::U8 => Some(loop2::<row::$name<u8>>),
                    DType::F16 => Some(test2_f16::<row::$name<f32>>),
                    DType::BF16 => Some(test2_bf16::<row::$name<f32>>),
                    _ => crate::match_dtype!(
                        dtype,
                        [I8 I16 I32 I64 U16 U32 U64 F32 F64] => |T| Some(loop2::<row::$name<T>>),
                        else None
                    ),
                },)+
            }
        }
    };
}

compare_rows! {
    /// `a == b`; never for NaN.
    Eq |x, y| x == y;
    /// `a != b`; always for NaN.
    Ne |x, y| x != y;
    /// `a < b`.
    Lt |x, y| x < y;
    /// `a <= b`.
    Le |x, y| x <= y;
    /// `a > b`.
    Gt |x, y| x > y;
    /// `a >= b`.
    Ge |x, y| x >= y;
    /// Both are not zero.
    LogicalAnd |x, y| (x != T::ZERO) & (y != T::ZERO);
    /// One of them is not zero.
    LogicalOr |x, y| (x != T::ZERO) | (y != T::ZERO);
    /// Exactly one of them is not zero.
    LogicalXor |x, y| (x != T::ZERO) != (y != T::ZERO);
}

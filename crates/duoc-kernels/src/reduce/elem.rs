//! Elements as the reductions, scans and sorts see them: how a stored value becomes a number to compute with.

use half::{bf16, f16};

use crate::DType;
use crate::math::half as convert;

/// A stored element type and the type its arithmetic is done in.
pub(crate) trait Elem: Copy + Send + Sync + 'static {
    /// float32 for the 16-bit floats, `u8` for `bool`, otherwise the type itself.
    type Num: Number;
    /// The stored value as a number.
    fn load(self) -> Self::Num;
}

/// A type that is computed with.
pub(crate) trait Number: Copy + Send + Sync + PartialOrd + PartialEq + 'static {
    /// Nothing is below it: `-inf` or the least integer.
    const LOWEST: Self;
    /// Nothing is above it.
    const HIGHEST: Self;
    /// Zero.
    const ZERO: Self;
    /// Builds of functions that are rare for integers and seldom for float64.
    const LEVELS: u8;
    /// One.
    const ONE: Self;
    /// Whether the value is not a number.
    fn is_nan(self) -> bool;
    /// The larger one; NaN if either is NaN.
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // One masked instruction after the test: `self > other` alone chooses NaN on the right, as the hardware does.
        let larger = if self > other { self } else { other };
        if self.is_nan() { self } else { larger }
    }
    /// The smaller one; NaN if either is NaN.
    #[inline(always)]
    fn min(self, other: Self) -> Self {
        let smaller = if self < other { self } else { other };
        if self.is_nan() { self } else { smaller }
    }
    /// The sum; integers wrap.
    fn add(self, other: Self) -> Self;
    /// The product; integers wrap.
    fn mul(self, other: Self) -> Self;
    /// As float64 or int64, without loss.
    fn value(self) -> Value;
}

/// A result on its way to memory.
#[derive(Clone, Copy)]
pub(crate) enum Value {
    Float(f64),
    Int(i64),
}

impl Value {
    /// Writes the value as `dtype`: floats round to nearest, integers wrap, `bool` is "not zero".
    #[inline(always)]
    pub(crate) unsafe fn write(self, dtype: DType, dst: *mut u8) {
        match (dtype, self) {
            (DType::F32, Value::Float(x)) => (dst as *mut f32).write_unaligned(x as f32),
            (DType::F64, Value::Float(x)) => (dst as *mut f64).write_unaligned(x),
            (DType::I64, Value::Int(x)) => (dst as *mut i64).write_unaligned(x),
            (DType::Bool, Value::Int(x)) => *dst = (x != 0) as u8,
            _ => self.write_other(dtype, dst),
        }
    }

    #[cold]
    unsafe fn write_other(self, dtype: DType, dst: *mut u8) {
        let (float, int) = match self {
            Value::Float(x) => (x, x as i64),
            Value::Int(x) => (x as f64, x),
        };
        match dtype {
            DType::Bool => *dst = (float != 0.0) as u8,
            DType::U8 | DType::I8 => *dst = int as u8,
            DType::I16 | DType::U16 => (dst as *mut i16).write_unaligned(int as i16),
            DType::I32 | DType::U32 => (dst as *mut i32).write_unaligned(int as i32),
            DType::I64 | DType::U64 => (dst as *mut i64).write_unaligned(int),
            DType::F16 => (dst as *mut f16).write_unaligned(f16::from_f64(float)),
            DType::BF16 => (dst as *mut bf16).write_unaligned(bf16::from_f64(float)),
            DType::F32 => (dst as *mut f32).write_unaligned(float as f32),
            DType::F64 => (dst as *mut f64).write_unaligned(float),
            _ => {}
        }
    }
}

macro_rules! float {
    ($t:ident, $levels:literal) => {
        impl Number for $t {
            const LOWEST: Self = $t::NEG_INFINITY;
            const HIGHEST: Self = $t::INFINITY;
            const ZERO: Self = 0.0;
            const LEVELS: u8 = $levels;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn is_nan(self) -> bool {
                self != self
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self + other
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self * other
            }
            #[inline(always)]
            fn value(self) -> Value {
                Value::Float(self as f64)
            }
        }
    };
}
float!(f32, 3);
float!(f64, 2);

macro_rules! int {
    ($($t:ident)+) => { $(
        impl Number for $t {
            const LOWEST: Self = $t::MIN;
            const HIGHEST: Self = $t::MAX;
            const ZERO: Self = 0;
            const LEVELS: u8 = 1;
            const ONE: Self = 1;
            #[inline(always)]
            fn is_nan(self) -> bool {
                false
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn value(self) -> Value {
                Value::Int(self as i64)
            }
        }
    )+ };
}
int!(u8 i8 i16 i32 i64);

macro_rules! plain {
    ($($t:ident)+) => { $(
        impl Elem for $t {
            type Num = $t;
            #[inline(always)]
            fn load(self) -> $t {
                self
            }
        }
    )+ };
}
plain!(u8 i8 i16 i32 i64 f32 f64);

impl Elem for f16 {
    type Num = f32;
    #[inline(always)]
    fn load(self) -> f32 {
        convert::f16_widen(self.to_bits())
    }
}

impl Elem for bf16 {
    type Num = f32;
    #[inline(always)]
    fn load(self) -> f32 {
        convert::bf16_widen(self.to_bits())
    }
}

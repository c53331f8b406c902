//! Functions of one value: operands `[out, in]` of one dtype.

use std::marker::PhantomData;

use super::Params;
use super::drive::{Map1, loop1, loop1_bf16, loop1_f16};
use super::num::{Int, Num, Real};
use crate::{DType, Loop2d};

/// One row per function: name, class of dtypes, formula in the value and the scalars, cost in simple additions,
/// and where the branch-free formula does not do every value, which ones are `rare` and what they get.
///
/// Classes: `float` the four floating types, `int` the integers but for the wider unsigned ones, `number` both.
macro_rules! unary_rows {
    ($($(#[$doc:meta])* $name:ident $class:ident |$x:ident, $p:ident| $body:expr, $cost:literal $(, rare |$r:ident| $rare:expr => $slow:expr)?;)+) => {
        /// A function of one value.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Unary {
            $($(#[$doc])* $name,)+
        }

        mod row {
            use super::*;
            $(pub struct $name<T>(PhantomData<T>);)+
        }

        $(unary_rows!(@impl $class $name $cost |$x, $p| $body $(, rare |$r| $rare => $slow)?);)+

        /// The inner loop of `op` for `dtype`; operands `[out, in]`.
        pub fn unary(op: Unary, dtype: DType) -> Option<Loop2d> {
            if dtype.is_complex() {
                return super::complex::unary(op, dtype);
            }
            match op {
                // Only the sign bit of 16-bit floats changes.
                Unary::Neg if matches!(dtype, DType::F16 | DType::BF16) => Some(loop1::<HalfSign<0x8000, 0xffff>>),
                Unary::Abs if matches!(dtype, DType::F16 | DType::BF16) => Some(loop1::<HalfSign<0, 0x7fff>>),
                $(Unary::$name => unary_rows!(@pick $class $name, dtype),)+
            }
        }

        impl Unary {
            /// Time per element in units of a simple addition.
            pub fn cost(self) -> usize {
                match self {
                    $(Unary::$name => $cost,)+
                }
            }
        }
    };
    (@impl float $name:ident $cost:literal |$x:ident, $p:ident| $body:expr $(, rare |$r:ident| $rare:expr => $slow:expr)?) => {
        impl<T: Real> Map1 for row::$name<T> {
            const CHEAP: bool = $cost < 5;
            type In = T;
            type Out = T;
            #[inline(always)]
            fn map($x: T, $p: &Params) -> T {
                let _ = $p;
                $body
            }
            $(
                const HAS_RARE: bool = true;
                #[inline(always)]
                fn rare($r: T) -> bool {
                    $rare
                }
                fn slow($r: T, _: &Params) -> T {
                    $slow
                }
            )?
        }
    };
    (@impl number $name:ident $cost:literal |$x:ident, $p:ident| $body:expr) => {
        impl<T: Num> Map1 for row::$name<T> {
            const LEVELS: u8 = T::LEVELS;
            const CHEAP: bool = $cost < 5;
            type In = T;
            type Out = T;
            #[inline(always)]
            fn map($x: T, $p: &Params) -> T {
                let _ = $p;
                $body
            }
        }
    };
    (@impl int $name:ident $cost:literal |$x:ident, $p:ident| $body:expr) => {
        impl<T: Int> Map1 for row::$name<T> {
            const LEVELS: u8 = T::LEVELS;
            const CHEAP: bool = $cost < 5;
            type In = T;
            type Out = T;
            #[inline(always)]
            fn map($x: T, $p: &Params) -> T {
                let _ = $p;
                $body
            }
        }
    };
    (@pick float $name:ident, $dt:expr) => {
        match $dt {
            DType::F16 => Some(loop1_f16::<row::$name<f32>>),
            DType::BF16 => Some(loop1_bf16::<row::$name<f32>>),
            DType::F32 => Some(loop1::<row::$name<f32>>),
            DType::F64 => Some(loop1::<row::$name<f64>>),
            _ => None,
        }
    };
    (@pick number $name:ident, $dt:expr) => {
        match $dt {
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => unary_rows!(@pick float $name, $dt),
            _ => unary_rows!(@pick int $name, $dt),
        }
    };
    (@pick int $name:ident, $dt:expr) => {
        crate::match_dtype!($dt, [U8 I8 I16 I32 I64] => |T| Some(loop1::<row::$name<T>>), else None)
    };
}

/// A 16-bit float with its bits flipped and masked.
struct HalfSign<const FLIP: u16, const MASK: u16>;

impl<const FLIP: u16, const MASK: u16> Map1 for HalfSign<FLIP, MASK> {
    const LEVELS: u8 = 2;
    const CHEAP: bool = true;
    type In = u16;
    type Out = u16;
    #[inline(always)]
    fn map(x: u16, _: &Params) -> u16 {
        (x ^ FLIP) & MASK
    }
}

/// `1` as a real constant and the like.
#[inline(always)]
fn c<T: Real>(x: f64) -> T {
    T::of(x)
}

/// `x` inside `[low, high]`; a NaN in any of the three gives NaN, and `high` wins where the bounds are crossed.
#[inline(always)]
fn clamp<T: Num>(x: T, low: T, high: T) -> T {
    min_nan(max_nan(x, low), high)
}

#[inline(always)]
fn max_nan<T: Num>(x: T, y: T) -> T {
    if x.nan() || x > y { x } else { y }
}

#[inline(always)]
fn min_nan<T: Num>(x: T, y: T) -> T {
    if x.nan() || x < y { x } else { y }
}

unary_rows! {
    /// `|x|`; the smallest signed integer stays itself.
    Abs number |x, p| x.magnitude(), 1;
    /// `-x`, wrapping.
    Neg number |x, p| x.negated(), 1;
    /// -1, 0 or 1 by the sign. NaN gives 0, as in PyTorch.
    Sign number |x, p| {
        let (above, below) = (if x > T::ZERO { T::ONE } else { T::ZERO }, if x < T::ZERO { T::ONE } else { T::ZERO });
        above.minus(below)
    }, 1;
    /// The smallest whole number not below `x`.
    Ceil float |x, p| x.ceil(), 1;
    /// The largest whole number not above `x`.
    Floor float |x, p| x.floor(), 1;
    /// The nearest whole number, ties to even.
    Round float |x, p| x.round(), 1;
    /// `round(x * f[0]) / f[0]`: rounding to decimals, `f[0]` a power of ten.
    RoundScaled float |x, p| (x * c(p.f[0])).round() / c(p.f[0]), 4;
    /// `round(x / f[0]) * f[0]`: rounding to tens, hundreds and so on.
    RoundUnscaled float |x, p| (x / c(p.f[0])).round() * c(p.f[0]), 4;
    /// The whole part.
    Trunc float |x, p| x.trunc(), 1;
    /// `x - trunc(x)`.
    Frac float |x, p| x - x.trunc(), 1;
    /// `sqrt(x)`.
    Sqrt float |x, p| x.sqrt(), 3;
    /// `1 / sqrt(x)`.
    Rsqrt float |x, p| T::ONE / x.sqrt(), 4;
    /// `1 / x`.
    Reciprocal float |x, p| T::ONE / x, 2;
    /// `x * x`.
    Square number |x, p| x.times(x), 1;
    /// `x * x * x`.
    Cube number |x, p| x.times(x).times(x), 1;
    /// `1 / (x * x)`.
    InverseSquare float |x, p| T::ONE / (x * x), 3;
    /// `e^x`.
    Exp float |x, p| x.exp(), 5;
    /// `2^x`.
    Exp2 float |x, p| x.exp2(), 5;
    /// `e^x - 1`, exact near 0.
    Expm1 float |x, p| x.expm1(), 8;
    /// `ln x`.
    Log float |x, p| x.log(), 6;
    /// `log2 x`.
    Log2 float |x, p| x.log2(), 6;
    /// `log10 x`.
    Log10 float |x, p| x.log10(), 6;
    /// `ln(1 + x)`, exact near 0.
    Log1p float |x, p| x.log1p(), 8;
    /// `sin x`.
    Sin float |x, p| x.sin(), 8, rare |x| x.is_large_angle() => x.slow_sin();
    /// `cos x`.
    Cos float |x, p| x.cos(), 8, rare |x| x.is_large_angle() => x.slow_cos();
    /// `tan x`.
    Tan float |x, p| x.tan(), 12, rare |x| x.is_large_angle() => x.slow_tan();
    /// `asin x`.
    Asin float |x, p| x.asin(), 10;
    /// `acos x`.
    Acos float |x, p| x.acos(), 10;
    /// `atan x`.
    Atan float |x, p| x.atan(), 10;
    /// `sinh x`.
    Sinh float |x, p| x.sinh(), 12;
    /// `cosh x`.
    Cosh float |x, p| x.cosh(), 10;
    /// `tanh x`.
    Tanh float |x, p| x.tanh(), 10;
    /// `asinh x`.
    Asinh float |x, p| x.asinh(), 14;
    /// `acosh x`.
    Acosh float |x, p| x.acosh(), 14;
    /// `atanh x`.
    Atanh float |x, p| x.atanh(), 14;
    /// `erf x`.
    Erf float |x, p| x.erf(), 10;
    /// `1 - erf x`.
    Erfc float |x, p| x.erfc(), 16;
    /// `1 / (1 + e^-x)`.
    Sigmoid float |x, p| x.sigmoid(), 8;
    /// `ln sigmoid(x) = min(x, 0) - ln(1 + e^-|x|)`.
    LogSigmoid float |x, p| min_nan(x, T::ZERO) - (-x.magnitude()).exp().log1p(), 14;
    /// `max(x, 0)`, NaN kept.
    Relu number |x, p| max_nan(x, T::ZERO), 1;
    /// `x * sigmoid(x)`.
    Silu float |x, p| {
        let e = (-x.magnitude()).exp();
        (if x < T::ZERO { x * e } else { x }) / (T::ONE + e)
    }, 8;
    /// `x * (1 + erf(x / sqrt 2)) / 2`.
    Gelu float |x, p| x * x.normal_cdf(), 12;
    /// `x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))`.
    GeluTanh float |x, p| {
        let inner = c::<T>(0.797_884_560_802_865_4) * x.fma(x * x * c(0.044715), x);
        x * c(0.5) * (T::ONE + inner.tanh())
    }, 12;
    /// `ln(1 + e^(f[0] x)) / f[0]`, and `x` itself where `f[0] x > f[1]`.
    Softplus float |x, p| {
        let scaled = x * c(p.f[0]);
        if scaled > c(p.f[1]) { x } else { scaled.exp().log1p() / c(p.f[0]) }
    }, 14;
    /// `x * tanh(ln(1 + e^x))`.
    Mish float |x, p| x * x.exp().log1p().tanh(), 20;
    /// `x` above 0, else `f[0] * x`.
    LeakyRelu float |x, p| if x > T::ZERO { x } else { x * c(p.f[0]) }, 1;
    /// `f[1] x` above 0, else `f[0] * (e^(f[2] x) - 1)`: alpha times scale, scale, input scale.
    Elu float |x, p| if x < T::ZERO { (x * c(p.f[2])).expm1() * c(p.f[0]) } else { x * c(p.f[1]) }, 10;
    /// `min(max(x + 3, 0), 6) / 6`.
    Hardsigmoid float |x, p| clamp(x + c(3.0), T::ZERO, c(6.0)) / c(6.0), 5;
    /// `x * min(max(x + 3, 0), 6) / 6`.
    Hardswish float |x, p| x * clamp(x + c(3.0), T::ZERO, c(6.0)) / c(6.0), 5;
    /// `x` outside `[-f[0], f[0]]`, else 0.
    Hardshrink float |x, p| if x >= c(-p.f[0]) && x <= c(p.f[0]) { T::ZERO } else { x }, 1;
    /// `x` moved by `f[0]` towards 0, and 0 within `f[0]` of it.
    Softshrink float |x, p| {
        let l: T = c(p.f[0]);
        if x > l { x - l } else if x < -l { x + l } else { x * T::ZERO }
    }, 1;
    /// `x` above scalar 0, else scalar 1.
    Threshold number |x, p| if x <= T::scalar(p, 0) { T::scalar(p, 1) } else { x }, 1;
    /// `x` inside `[scalar 0, scalar 1]`, NaN kept.
    Clamp number |x, p| clamp(x, T::scalar(p, 0), T::scalar(p, 1)), 1;
    /// At least scalar 0, NaN kept.
    ClampMin number |x, p| max_nan(x, T::scalar(p, 0)), 1;
    /// At most scalar 0, NaN kept.
    ClampMax number |x, p| min_nan(x, T::scalar(p, 0)), 1;
    /// `sin(pi x) / (pi x)`, 1 at 0.
    Sinc float |x, p| {
        let product = x * c(std::f64::consts::PI);
        if x == T::ZERO { T::ONE } else { product.sin() / product }
    }, 12, rare |x| (x * c(std::f64::consts::PI)).is_large_angle() => {
        let product = x * c(std::f64::consts::PI);
        product.slow_sin() / product
    };
    /// `ln(x / (1 - x))`.
    Logit float |x, p| (x / (T::ONE - x)).log(), 9;
    /// [`Unary::Logit`] of `x` brought into `[f[0], 1 - f[0]]`.
    LogitClamped float |x, p| {
        let low: T = c(p.f[0]);
        let high = T::ONE - low;
        let z = if x < low { low } else if x > high { high } else { x };
        (z / (T::ONE - z)).log()
    }, 9;
    /// NaN becomes `f[0]`, infinity `f[1]`, minus infinity `f[2]`.
    NanToNum float |x, p| {
        if x.nan() {
            c(p.f[0])
        } else if x == T::INFINITY {
            c(p.f[1])
        } else if x == -T::INFINITY {
            c(p.f[2])
        } else {
            x
        }
    }, 5;
    /// The angle in the complex plane: pi below 0, else 0, NaN kept.
    Angle float |x, p| if x.nan() { x } else if x < T::ZERO { c(std::f64::consts::PI) } else { T::ZERO }, 1;
    /// Degrees to radians.
    Deg2Rad float |x, p| x * c(std::f64::consts::PI / 180.0), 1;
    /// Radians to degrees.
    Rad2Deg float |x, p| x * c(180.0 / std::f64::consts::PI), 1;
    /// `f[0] ^ x`, by `e^(x ln f[0])` only where that is exact: powers in full.
    PowBase float |x, p| c::<T>(p.f[0]).pow(x), 20;
    /// `x ^ f[0]`.
    PowScalar float |x, p| x.pow(c(p.f[0])), 20;
    /// `x ^ i[0]`, wrapping.
    PowInt int |x, p| x.power(T::scalar(p, 0)), 8;
    /// All bits flipped.
    BitNot int |x, p| x.not(), 1;
}

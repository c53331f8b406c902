//! Functions of two values: operands `[out, a, b]` of one dtype.

use std::marker::PhantomData;

use super::Params;
use super::drive::{Map2, loop2, loop2_bf16, loop2_f16};
use super::num::{Division, Int, Num, Real};
use crate::{DType, Loop2d};

/// One row per function: name, class of dtypes, formula, cost in simple additions.
///
/// Classes: `float` the four floating types; `int` the integers but for the wider unsigned ones; `number`
/// both of these, `either` too with a formula for each; `bits` every integer and bool, for which signed and unsigned
/// integers of one width share a kernel; `ring` the floats and every integer in that way. A `number` row may be followed by what bool does. The `rare` formula stands in for the `real`
/// one where the quotient is too large for the branch-free `fmod`.
macro_rules! binary_rows {
    ($($(#[$doc:meta])* $name:ident $class:ident |$x:ident, $y:ident, $p:ident| $body:expr, $cost:literal
        $(, bool $bool:ident)? $(, real $real:expr $(, rare $slow:expr)?)?;)+) => {
        /// A function of two values.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Binary {
            $($(#[$doc])* $name,)+
        }

        mod row {
            use super::*;
            $(pub struct $name<T>(PhantomData<T>);)+
        }

        /// The floating sides of the rows that differ between integers and floats.
        mod real_row {
            use super::*;
            $($(binary_rows!(@declare $name $real);)?)+
        }

        $(binary_rows!(@impl $class $name $cost |$x, $y, $p| $body);)+
        $($(binary_rows!(@real $name $cost |$x, $y, $p| $real $(, rare $slow)?);)?)+

        /// The inner loop of `op` for `dtype`; operands `[out, a, b]`.
        pub fn binary(op: Binary, dtype: DType) -> Option<Loop2d> {
            if dtype.is_complex() {
                return super::complex::binary(op, dtype);
            }
            match op {
                Binary::Copysign if matches!(dtype, DType::F16 | DType::BF16) => Some(loop2::<HalfCopysign>),
                $(
                    $(Binary::$name if dtype == DType::Bool => Some(loop2::<row::$bool<u8>>),)?
                    Binary::$name => binary_rows!(@pick $class $name, dtype),
                )+
            }
        }

        impl Binary {
            /// Time per element in units of a simple addition.
            pub fn cost(self) -> usize {
                match self {
                    $(Binary::$name => $cost,)+
                }
            }
        }
    };
    (@impl float $name:ident $($rest:tt)+) => { binary_rows!(@map Real $name $($rest)+); };
    (@impl number $name:ident $($rest:tt)+) => { binary_rows!(@map Num $name $($rest)+); };
    (@impl int $name:ident $($rest:tt)+) => { binary_rows!(@branches $name $($rest)+); };
    (@impl ring $name:ident $($rest:tt)+) => { binary_rows!(@map Num $name $($rest)+); };
    (@impl bits $name:ident $($rest:tt)+) => { binary_rows!(@map Int $name $($rest)+); };
    (@impl either $name:ident $($rest:tt)+) => { binary_rows!(@branches $name $($rest)+); };
    (@declare $name:ident $real:expr) => {
        pub struct $name<T>(PhantomData<T>);
    };
    (@real $name:ident $cost:literal |$x:ident, $y:ident, $p:ident| $body:expr $(, rare $slow:expr)?) => {
        impl<T: Real> Map2 for real_row::$name<T> {
            const CHEAP: bool = $cost < 5;
            type In = T;
            type Out = T;
            #[inline(always)]
            fn map($x: T, $y: T, _: &Params) -> T {
                $body
            }
            $(
                const HAS_RARE: bool = true;
                #[inline(always)]
                fn rare(x: T, y: T) -> bool {
                    x.is_rare_fmod(y)
                }
                fn slow($x: T, $y: T, _: &Params) -> T {
                    $slow
                }
            )?
        }
    };
    (@branches $name:ident $cost:literal |$x:ident, $y:ident, $p:ident| $body:expr) => {
        impl<T: Int> Map2 for row::$name<T> {
            // The divisions are vector code; what costs more has branches.
            const LEVELS: u8 = if $cost < 15 { 3 } else { 1 };
            type In = T;
            type Out = T;
            #[inline(always)]
            fn map($x: T, $y: T, _: &Params) -> T {
                $body
            }
            const HAS_RARE: bool = T::HAS_WIDE && division(stringify!($name)).is_some();
            #[inline(always)]
            fn rare(x: T, y: T) -> bool {
                x.is_wide() | y.is_wide()
            }
            fn slow(x: T, y: T, p: &Params) -> T {
                match division(stringify!($name)) {
                    Some(how) => x.divide(y, how),
                    None => Self::map(x, y, p),
                }
            }
        }
    };
    (@map $bound:ident $name:ident $cost:literal |$x:ident, $y:ident, $p:ident| $body:expr) => {
        impl<T: $bound> Map2 for row::$name<T> {
            const LEVELS: u8 = T::LEVELS;
            const CHEAP: bool = $cost < 5;
            type In = T;
            type Out = T;
            #[inline(always)]
            fn map($x: T, $y: T, $p: &Params) -> T {
                let _ = $p;
                $body
            }
        }
    };
    (@pick float $name:ident, $dt:expr) => { binary_rows!(@floats row, $name, $dt) };
    (@pick either $name:ident, $dt:expr) => {
        match $dt {
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => binary_rows!(@floats real_row, $name, $dt),
            _ => binary_rows!(@pick int $name, $dt),
        }
    };
    (@floats $rows:ident, $name:ident, $dt:expr) => {
        match $dt {
            DType::F16 => Some(loop2_f16::<$rows::$name<f32>>),
            DType::BF16 => Some(loop2_bf16::<$rows::$name<f32>>),
            DType::F32 => Some(loop2::<$rows::$name<f32>>),
            DType::F64 => Some(loop2::<$rows::$name<f64>>),
            _ => None,
        }
    };
    (@pick number $name:ident, $dt:expr) => {
        match $dt {
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => binary_rows!(@pick float $name, $dt),
            _ => binary_rows!(@pick int $name, $dt),
        }
    };
    (@pick ring $name:ident, $dt:expr) => {
        match $dt {
            DType::F16 | DType::BF16 | DType::F32 | DType::F64 => binary_rows!(@pick float $name, $dt),
            DType::Bool => None,
            _ => binary_rows!(@pick bits $name, $dt),
        }
    };
    (@pick bits $name:ident, $dt:expr) => {
        match $dt {
            DType::Bool | DType::U8 | DType::I8 => Some(loop2::<row::$name<u8>>),
            DType::I16 | DType::U16 => Some(loop2::<row::$name<u16>>),
            DType::I32 | DType::U32 => Some(loop2::<row::$name<u32>>),
            DType::I64 | DType::U64 => Some(loop2::<row::$name<u64>>),
            _ => None,
        }
    };
    (@pick int $name:ident, $dt:expr) => {
        crate::match_dtype!($dt, [U8 I8 I16 I32 I64] => |T| Some(loop2::<row::$name<T>>), else None)
    };
}

/// `copysign` of 16-bit floats: their bits.
struct HalfCopysign;

impl Map2 for HalfCopysign {
    const LEVELS: u8 = 2;
    const CHEAP: bool = true;
    type In = u16;
    type Out = u16;
    #[inline(always)]
    fn map(x: u16, y: u16, _: &Params) -> u16 {
        (x & 0x7fff) | (y & 0x8000)
    }
}

/// The division that a row is.
const fn division(row: &str) -> Option<Division> {
    Some(match row.as_bytes() {
        b"DivFloor" => Division::Floor,
        b"DivTrunc" => Division::Trunc,
        b"Remainder" => Division::Remainder,
        b"Fmod" => Division::Fmod,
        _ => return None,
    })
}

#[inline(always)]
fn c<T: Real>(x: f64) -> T {
    T::of(x)
}

/// `-|x - y|`: what the smaller of two terms adds to the logarithm of their sum depends on it alone.
#[inline(always)]
fn apart<T: Real>(x: T, y: T) -> T {
    -(x - y).magnitude()
}

/// The logarithm of a sum, given the larger logarithm's addition.
#[inline(always)]
fn log_add<T: Real>(x: T, y: T, tail: T) -> T {
    let high = if x.nan() || x > y { x } else { y };
    let same = x == y && x.magnitude() == T::INFINITY;
    if same { x } else { high + tail }
}

/// Quotient rounded down, Python's way, given the remainder of C's `fmod`.
#[inline(always)]
fn floor_divide<T: Real>(x: T, y: T, rest: T) -> T {
    let mut q = (x - rest) / y;
    if rest != T::ZERO && (y < T::ZERO) != (rest < T::ZERO) {
        q = q - T::ONE;
    }
    let mut whole = q.floor();
    if q - whole > c(0.5) {
        whole = whole + T::ONE;
    }
    let result = if q != T::ZERO { whole } else { T::ZERO.copysign(x / y) };
    if y == T::ZERO { x / y } else { result }
}

/// Remainder with the sign of the divisor, Python's way, given C's.
#[inline(always)]
fn floor_remainder<T: Real>(y: T, rest: T) -> T {
    if rest != T::ZERO && (y < T::ZERO) != (rest < T::ZERO) {
        rest + y
    } else {
        rest
    }
}

binary_rows! {
    /// `a + scalar * b` (`alpha`, scalar 0). On bool: `a`, or `b` where the scalar is not 0.
    Add ring |x, y, p| x.plus_scaled(y, T::scalar(p, 0)), 1, bool OrScaled;
    /// `a - scalar * b` (`alpha`, scalar 0).
    Sub ring |x, y, p| x.minus_scaled(y, T::scalar(p, 0)), 1;
    /// `a * b`. On bool: and.
    Mul ring |x, y, p| x.times(y), 1, bool BitAnd;
    /// `a / b`.
    Div float |x, y, p| x / y, 2;
    /// `a / b` rounded down. Integers: 0 for `b = 0`.
    DivFloor either |x, y, p| x.div_floor(y), 12, real floor_divide(x, y, x.fmod(y)), rare floor_divide(x, y, x.slow_fmod(y));
    /// `a / b` rounded towards 0. Integers: 0 for `b = 0`.
    DivTrunc either |x, y, p| x.div_trunc(y), 4, real (x / y).trunc();
    /// Python's `a % b`: the sign of `b`. Integers: 0 for `b = 0`.
    Remainder either |x, y, p| x.rem_floor(y), 10, real floor_remainder(y, x.fmod(y)), rare floor_remainder(y, x.slow_fmod(y));
    /// C's `fmod`: the sign of `a`. Integers: 0 for `b = 0`.
    Fmod either |x, y, p| x.rem_trunc(y), 10, real x.fmod(y), rare x.slow_fmod(y);
    /// `a ^ b`. Integers wrap; a negative exponent gives the whole part of the exact power.
    Pow either |x, y, p| x.power(y), 20, real x.pow(y);
    /// The angle of the point `(b, a)`.
    Atan2 float |x, y, p| x.atan2(y), 20;
    /// The larger; a NaN wins.
    Maximum number |x, y, p| if x.nan() || x > y { x } else { y }, 1, bool BitOr;
    /// The smaller; a NaN wins.
    Minimum number |x, y, p| if x.nan() || x < y { x } else { y }, 1, bool BitAnd;
    /// The larger; a NaN loses.
    Fmax number |x, y, p| if y.nan() || x > y || (x == y) { x } else { y }, 1, bool BitOr;
    /// The smaller; a NaN loses.
    Fmin number |x, y, p| if y.nan() || x < y || (x == y) { x } else { y }, 1, bool BitAnd;
    /// `sqrt(a^2 + b^2)` without overflow.
    Hypot float |x, y, p| x.hypot(y), 6;
    /// The size of `a` with the sign of `b`.
    Copysign float |x, y, p| x.copysign(y), 1;
    /// `ln(e^a + e^b)`.
    LogAddExp float |x, y, p| log_add(x, y, apart(x, y).exp().log1p()), 16;
    /// `log2(2^a + 2^b)`.
    LogAddExp2 float |x, y, p| log_add(x, y, apart(x, y).exp2().log1p() * c(std::f64::consts::LOG2_E)), 16;
    /// `a ln b`, and 0 for `a = 0` unless `b` is NaN.
    Xlogy float |x, y, p| if y.nan() { T::NAN } else if x == T::ZERO { T::ZERO } else { x * y.log() }, 8;
    /// `a ln(1 + b)`, and 0 for `a = 0` unless `b` is NaN.
    Xlog1py float |x, y, p| if y.nan() { T::NAN } else if x == T::ZERO { T::ZERO } else { x * y.log1p() }, 10;
    /// 0 below 0, 1 above, `b` at 0.
    Heaviside number |x, y, p| if x == T::ZERO { y } else if x > T::ZERO { T::ONE } else { T::ZERO }, 1;
    /// Bits of both.
    BitAnd bits |x, y, p| x.and(y), 1;
    /// Bits of either.
    BitOr bits |x, y, p| x.or(y), 1;
    /// Bits of `a`, and those of `b` that scalar 0 has.
    OrScaled bits |x, y, p| x.or(y.and(T::scalar(p, 0))), 1;
    /// Bits of exactly one.
    BitXor bits |x, y, p| x.xor(y), 1;
    /// `a << b`; 0 for a count out of range.
    Shl int |x, y, p| x.shl(y), 1;
    /// `a >> b`; the sign for a count out of range.
    Shr int |x, y, p| x.shr(y), 1;
    /// Greatest common divisor, not negative.
    Gcd int |x, y, p| x.gcd(y), 30;
    /// Least common multiple, not negative.
    Lcm int |x, y, p| x.lcm(y), 40;
    /// `a + scalar * (b - a)`, from the nearer end.
    LerpScalar float |x, y, p| lerp(x, y, T::scalar(p, 0)), 2;
    /// `a * b * (1 - b)`: gradient `a` through `b = sigmoid`.
    SigmoidBackward float |g, y, p| g * (T::ONE - y) * y, 2;
    /// `a * (1 - b^2)`: gradient `a` through `b = tanh`.
    TanhBackward float |g, y, p| g * (T::ONE - y * y), 2;
    /// `a` where `b` is above scalar 0, else 0.
    ThresholdBackward number |g, x, p| if x <= T::scalar(p, 0) { T::ZERO } else { g }, 1;
    /// Gradient `a` through [`super::Unary::LeakyRelu`] at `b`.
    LeakyReluBackward float |g, x, p| if x > T::ZERO { g } else { g * c(p.f[0]) }, 1;
    /// Gradient `a` through [`super::Unary::Silu`] at `b`.
    SiluBackward float |g, x, p| {
        let s = x.sigmoid();
        g * s * (T::ONE + x * (T::ONE - s))
    }, 10;
    /// Gradient `a` through [`super::Unary::Gelu`] at `b`.
    GeluBackward float |g, x, p| {
        let cdf = x.normal_cdf();
        let pdf = (x * x * c(-0.5)).exp() * c(0.398_942_280_401_432_7);
        g * (cdf + x * pdf)
    }, 20;
    /// Gradient `a` through [`super::Unary::GeluTanh`] at `b`.
    GeluTanhBackward float |g, x, p| {
        let (beta, kappa) = (c::<T>(0.797_884_560_802_865_4), c::<T>(0.044715));
        let t = (beta * (x + kappa * x * x * x)).tanh();
        let left = c::<T>(0.5) * (T::ONE + t);
        let right = c::<T>(0.5) * x * (T::ONE - t * t) * beta * (T::ONE + c::<T>(3.0) * kappa * x * x);
        g * (left + right)
    }, 20;
    /// Gradient `a` through [`super::Unary::Softplus`] at `b`.
    SoftplusBackward float |g, x, p| {
        let z = (x * c(p.f[0])).exp();
        if x * c(p.f[0]) > c(p.f[1]) { g } else { g * z / (z + T::ONE) }
    }, 12;
    /// Gradient `a` through [`super::Unary::Mish`] at `b`.
    MishBackward float |g, x, p| {
        let (s, t) = (x.sigmoid(), x.exp().log1p().tanh());
        g * (t + x * s * (T::ONE - t * t))
    }, 30;
    /// Gradient `a` through [`super::Unary::Elu`] at `b`.
    EluBackward float |g, x, p| if x > T::ZERO {
        g * c(p.f[1])
    } else {
        g * c::<T>(p.f[2]) * c(p.f[0]) * (x * c(p.f[2])).exp()
    }, 8;
    /// Gradient `a` through [`super::Unary::Elu`] whose result is `b`.
    EluBackwardOfResult float |g, y, p| if y > T::ZERO {
        g * c(p.f[1])
    } else {
        g * c::<T>(p.f[2]) * (y + c(p.f[0]))
    }, 2;
    /// `a` where `b` is strictly between scalars 0 and 1, else 0.
    InsideBackward float |g, x, p| if x > T::scalar(p, 0) && x < T::scalar(p, 1) { g } else { T::ZERO }, 1;
    /// `a` where `b` is outside `[-f[0], f[0]]`, else 0.
    OutsideBackward float |g, x, p| if x < c(-p.f[0]) || x > c(p.f[0]) { g } else { T::ZERO }, 1;
    /// Gradient `a` through [`super::Unary::Hardswish`] at `b`.
    HardswishBackward float |g, x, p| if x <= c(-3.0) {
        T::ZERO
    } else if x >= c(3.0) {
        g
    } else {
        g * (x / c(3.0) + c(0.5))
    }, 2;
    /// `|a - b|`.
    AbsoluteError float |x, y, p| (x - y).magnitude(), 1;
    /// `f[0] sign(a - b)`.
    AbsoluteErrorSlope float |x, y, p| {
        let d = x - y;
        if d > T::ZERO { c(p.f[0]) } else if d < T::ZERO { c(-p.f[0]) } else { d * T::ZERO }
    }, 1;
    /// `(a - b)^2`.
    SquaredError float |x, y, p| (x - y) * (x - y), 1;
    /// `2 f[0] (a - b)`.
    SquaredErrorSlope float |x, y, p| (x - y) * c(2.0 * p.f[0]), 1;
    /// `d^2 / (2 f[1])` for `d = |a - b|` below `f[1]`, else `d - f[1] / 2`.
    SmoothError float |x, y, p| {
        let (d, beta) = ((x - y).magnitude(), c::<T>(p.f[1]));
        if d < beta { c::<T>(0.5) * d * d / beta } else { d - c::<T>(0.5) * beta }
    }, 3;
    /// `f[0]` times the slope of [`Binary::SmoothError`].
    SmoothErrorSlope float |x, y, p| {
        let (d, beta, s) = (x - y, c::<T>(p.f[1]), c::<T>(p.f[0]));
        if d.magnitude() < beta { s * d / beta } else if d > T::ZERO { s } else if d < T::ZERO { -s } else { d * T::ZERO }
    }, 3;
    /// `d^2 / 2` for `d = |a - b|` up to `f[1]`, else `f[1] (d - f[1] / 2)`.
    HuberError float |x, y, p| {
        let (d, delta) = ((x - y).magnitude(), c::<T>(p.f[1]));
        if d <= delta { c::<T>(0.5) * d * d } else { delta * (d - c::<T>(0.5) * delta) }
    }, 3;
    /// `f[0]` times the slope of [`Binary::HuberError`].
    HuberErrorSlope float |x, y, p| {
        let (d, delta, s) = (x - y, c::<T>(p.f[1]), c::<T>(p.f[0]));
        if d < -delta { -s * delta } else if d > delta { s * delta } else { s * d }
    }, 3;
    /// Gradient `a` through [`super::Unary::LogSigmoid`] at `b`: `a sigmoid(-b)`.
    LogSigmoidBackward float |g, x, p| g * (-x).sigmoid(), 9;
}

/// Interpolation from the nearer end, so that both ends are exact.
#[inline(always)]
pub(super) fn lerp<T: Real>(a: T, b: T, w: T) -> T {
    if w.magnitude() < c(0.5) {
        w.fma(b - a, a)
    } else {
        (-(b - a)).fma(T::ONE - w, b)
    }
}

/// The 16-bit floats have their own steps, of their own size.
fn next_half<const INFINITY: u16>(x: u16, y: u16) -> u16 {
    let magnitude = |v: u16| v & 0x7fff;
    if magnitude(x) > INFINITY || magnitude(y) > INFINITY {
        return 0x7fff;
    }
    if x == y || (magnitude(x) == 0 && magnitude(y) == 0) {
        return y;
    }
    if magnitude(x) == 0 {
        return (y & 0x8000) | 1;
    }
    let order = |v: u16| {
        if v & 0x8000 != 0 {
            -(magnitude(v) as i32)
        } else {
            v as i32
        }
    };
    let away = (order(y) > order(x)) == (x & 0x8000 == 0);
    if away { x + 1 } else { x - 1 }
}

macro_rules! next_after {
    ($t:ident) => {
        impl Map2 for NextAfter<$t> {
            type In = $t;
            type Out = $t;
            #[inline(always)]
            fn map(x: $t, y: $t, _: &Params) -> $t {
                if x.is_nan() || y.is_nan() {
                    x + y
                } else if x == y {
                    y
                } else if x == 0.0 {
                    $t::from_bits(1).copysign(y)
                } else if (y > x) == (x > 0.0) {
                    $t::from_bits(x.to_bits() + 1)
                } else {
                    $t::from_bits(x.to_bits() - 1)
                }
            }
        }
    };
}

struct NextAfter<T>(PhantomData<T>);
struct NextAfterHalf<const INFINITY: u16>;

next_after!(f32);
next_after!(f64);

impl<const INFINITY: u16> Map2 for NextAfterHalf<INFINITY> {
    type In = u16;
    type Out = u16;
    #[inline(always)]
    fn map(x: u16, y: u16, _: &Params) -> u16 {
        next_half::<INFINITY>(x, y)
    }
}

/// The inner loop of `nextafter`: the next value of `dtype` from `a` towards `b`; operands `[out, a, b]`.
pub fn next_after(dtype: DType) -> Option<Loop2d> {
    match dtype {
        DType::F16 => Some(loop2::<NextAfterHalf<0x7c00>>),
        DType::BF16 => Some(loop2::<NextAfterHalf<0x7f80>>),
        DType::F32 => Some(loop2::<NextAfter<f32>>),
        DType::F64 => Some(loop2::<NextAfter<f64>>),
        _ => None,
    }
}

//! The complex dtypes: which rows of the tables they have, and the functions between numbers and their parts.
//!
//! A complex scalar of [`Params`] is two entries of `f`: scalar `k` is `f[2k] + i f[2k + 1]`.

use std::marker::PhantomData;

use super::drive::{Map1, Map2, Map3, loop1, loop2, loop3};
use super::{Binary, Compare, Params, Predicate, Ternary, Unary};
use crate::math::complex::{Complex, Z, z};
use crate::{DType, Loop2d};

/// The type of the parts.
trait Part:
    Copy
    + PartialEq
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Neg<Output = Self>
    + 'static
{
    fn wide(self) -> f64;
    fn of(x: f64) -> Self;
}

impl Part for f32 {
    #[inline(always)]
    fn wide(self) -> f64 {
        f64::from(self)
    }
    #[inline(always)]
    fn of(x: f64) -> f32 {
        x as f32
    }
}

impl Part for f64 {
    #[inline(always)]
    fn wide(self) -> f64 {
        self
    }
    #[inline(always)]
    fn of(x: f64) -> f64 {
        x
    }
}

#[inline(always)]
fn wide<P: Part>(x: Complex<P>) -> Z {
    z(x.re.wide(), x.im.wide())
}

#[inline(always)]
fn narrow<P: Part>(x: Z) -> Complex<P> {
    Complex {
        re: P::of(x.re),
        im: P::of(x.im),
    }
}

/// A product in the dtype of the parts.
fn product<P: Part>(a: Z, b: Z) -> Z {
    wide(narrow::<P>(a) * narrow::<P>(b))
}

/// A number as the dtype holds it.
fn rounded<P: Part>(x: Z) -> Z {
    wide(narrow::<P>(x))
}

#[inline(always)]
fn scalar<P: Part>(p: &Params, k: usize) -> Complex<P> {
    narrow(z(p.f[2 * k], p.f[2 * k + 1]))
}

/// `x + s y`; a real factor does not mix the parts, so that an infinite part leaves the other alone.
#[inline(always)]
fn plus_scaled<P: Part>(x: Complex<P>, y: Complex<P>, s: Complex<P>) -> Complex<P> {
    if s.im == P::of(0.0) {
        Complex {
            re: x.re + y.re * s.re,
            im: x.im + y.im * s.re,
        }
    } else {
        x + s * y
    }
}

/// `a + w (b - a)`, from the nearer end.
#[inline(always)]
fn lerp<P: Part>(a: Complex<P>, b: Complex<P>, w: Complex<P>) -> Complex<P> {
    let one = Complex {
        re: P::of(1.0),
        im: P::of(0.0),
    };
    let size = (w.re * w.re + w.im * w.im).wide();
    if size < 0.25 {
        a + w * (b - a)
    } else {
        b - (b - a) * (one - w)
    }
}

/// `NaN` and infinities of one part replaced, as the real kernel does.
fn nan_to_num(x: f64, p: &Params) -> f64 {
    if x.is_nan() {
        p.f[0]
    } else if x == f64::INFINITY {
        p.f[1]
    } else if x == f64::NEG_INFINITY {
        p.f[2]
    } else {
        x
    }
}

macro_rules! loops {
    ($loop:ident, $row:ident, $dtype:expr) => {
        match $dtype {
            DType::C64 => Some($loop::<$row<f32>>),
            DType::C128 => Some($loop::<$row<f64>>),
            _ => None,
        }
    };
}

/// Rows of one value, computed in float64.
macro_rules! unary_rows {
    ($($name:ident |$x:ident, $p:ident| $body:expr;)+) => {
        mod row1 {
            use super::*;
            $(
                pub struct $name<P>(PhantomData<P>);
                impl<P: Part> Map1 for $name<P> {
                    const LEVELS: u8 = 1;
                    type In = Complex<P>;
                    type Out = Complex<P>;
                    fn map(x: Complex<P>, $p: &Params) -> Complex<P> {
                        let $x = wide(x);
                        let _ = $p;
                        narrow($body)
                    }
                }
            )+
        }

        /// The inner loop of `op` for a complex dtype.
        pub(super) fn unary(op: Unary, dtype: DType) -> Option<Loop2d> {
            use row1::*;
            match op {
                Unary::Neg => loops!(loop1, Negate, dtype),
                $(Unary::$name => loops!(loop1, $name, dtype),)+
                _ => None,
            }
        }
    };
}

unary_rows! {
    Sign |x, p| x.sgn();
    Square |x, p| x * x;
    Cube |x, p| x * x * x;
    InverseSquare |x, p| (x * x).reciprocal();
    Sqrt |x, p| x.sqrt();
    Rsqrt |x, p| x.sqrt().reciprocal();
    Reciprocal |x, p| x.reciprocal();
    Exp |x, p| x.exp();
    Exp2 |x, p| x.exp2();
    Expm1 |x, p| x.expm1();
    Log |x, p| x.log();
    Log2 |x, p| x.log2();
    Log10 |x, p| x.log10();
    Log1p |x, p| x.log1p();
    Sin |x, p| x.sin();
    Cos |x, p| x.cos();
    Tan |x, p| x.tan();
    Asin |x, p| x.asin();
    Acos |x, p| x.acos();
    Atan |x, p| x.atan();
    Sinh |x, p| x.sinh();
    Cosh |x, p| x.cosh();
    Tanh |x, p| x.tanh();
    Asinh |x, p| x.asinh();
    Acosh |x, p| x.acosh();
    Atanh |x, p| x.atanh();
    Sigmoid |x, p| x.sigmoid();
    Silu |x, p| x * x.sigmoid();
    Sinc |x, p| rounded::<P>(x.scale(P::of(std::f64::consts::PI).wide())).sinc_of_product();
    PowBase |x, p| z(p.f[0], p.f[1]).pow(x, product::<P>);
    PowScalar |x, p| x.pow(z(p.f[0], p.f[1]), product::<P>);
    NanToNum |x, p| z(nan_to_num(x.re, p), nan_to_num(x.im, p));
}

struct Negate<P>(PhantomData<P>);

impl<P: Part> Map1 for Negate<P> {
    const LEVELS: u8 = 2;
    type In = Complex<P>;
    type Out = Complex<P>;
    #[inline(always)]
    fn map(x: Complex<P>, _: &Params) -> Complex<P> {
        -x
    }
}

struct Conjugate<P>(PhantomData<P>);

impl<P: Part> Map1 for Conjugate<P> {
    const LEVELS: u8 = 2;
    type In = Complex<P>;
    type Out = Complex<P>;
    #[inline(always)]
    fn map(x: Complex<P>, _: &Params) -> Complex<P> {
        Complex { re: x.re, im: -x.im }
    }
}

/// The inner loop of the conjugate; operands `[out, in]` of a complex dtype.
pub fn conjugate(dtype: DType) -> Option<Loop2d> {
    loops!(loop1, Conjugate, dtype)
}

/// A real number of a complex one.
macro_rules! to_part {
    ($($(#[$doc:meta])* $function:ident $name:ident $method:ident;)+) => { $(
        struct $name<P>(PhantomData<P>);

        impl<P: Part> Map1 for $name<P> {
            const LEVELS: u8 = 1;
            type In = Complex<P>;
            type Out = P;
            fn map(x: Complex<P>, _: &Params) -> P {
                P::of(wide(x).$method())
            }
        }

        $(#[$doc])*
        pub fn $function(dtype: DType) -> Option<Loop2d> {
            loops!(loop1, $name, dtype)
        }
    )+ };
}

to_part! {
    /// The inner loop of `|z|`; operands `[out real, in]`, `in` of a complex dtype.
    modulus Modulus modulus;
    /// The inner loop of the angle; operands `[out real, in]`, `in` of a complex dtype.
    argument Argument argument;
}

/// A complex number of two real ones.
macro_rules! from_parts {
    ($($(#[$doc:meta])* $function:ident $name:ident |$a:ident, $b:ident| $body:expr;)+) => { $(
        struct $name<P>(PhantomData<P>);

        impl<P: Part> Map2 for $name<P> {
            const LEVELS: u8 = 1;
            type In = P;
            type Out = Complex<P>;
            fn map($a: P, $b: P, _: &Params) -> Complex<P> {
                $body
            }
        }

        $(#[$doc])*
        pub fn $function(dtype: DType) -> Option<Loop2d> {
            loops!(loop2, $name, dtype)
        }
    )+ };
}

from_parts! {
    /// The inner loop of `a + i b`; operands `[out, a, b]`, `out` of the complex dtype.
    rectangular Rectangular |re, im| Complex { re, im };
    /// The inner loop of `a (cos b + i sin b)`; operands `[out, a, b]`, `out` of the complex dtype.
    polar Polar |r, angle| {
        let (s, c) = angle.wide().sin_cos();
        Complex { re: P::of(r.wide() * c), im: P::of(r.wide() * s) }
    };
}

macro_rules! binary_rows {
    ($($name:ident $levels:literal |$x:ident, $y:ident, $p:ident| $body:expr;)+) => {
        mod row2 {
            use super::*;
            $(
                pub struct $name<P>(PhantomData<P>);
                impl<P: Part> Map2 for $name<P> {
                    const LEVELS: u8 = $levels;
                    type In = Complex<P>;
                    type Out = Complex<P>;
                    #[inline(always)]
                    fn map($x: Complex<P>, $y: Complex<P>, $p: &Params) -> Complex<P> {
                        let _ = $p;
                        $body
                    }
                }
            )+
        }

        /// The inner loop of `op` for a complex dtype.
        pub(super) fn binary(op: Binary, dtype: DType) -> Option<Loop2d> {
            use row2::*;
            match op {
                $(Binary::$name => loops!(loop2, $name, dtype),)+
                _ => None,
            }
        }
    };
}

/// `ln(e^x + e^y)`, from the number with the larger real part.
fn log_add(x: Z, y: Z) -> Z {
    let (low, high) = if x.re.is_nan() || x.im.is_nan() || x.re < y.re {
        (x, y)
    } else {
        (y, x)
    };
    let (low, high) = if y.re.is_nan() || y.im.is_nan() {
        (y, x)
    } else {
        (low, high)
    };
    if low.re.is_nan() || low.im.is_nan() {
        return z(f64::NAN, f64::NAN);
    }
    if !low.re.is_finite() && low.re == high.re {
        return if low.re < 0.0 {
            low
        } else {
            (low.exp() + high.exp()).log()
        };
    }
    high + (low - high).exp().log1p()
}

#[inline(always)]
fn one<P: Part>() -> Complex<P> {
    narrow(z(1.0, 0.0))
}

binary_rows! {
    Add 2 |x, y, p| plus_scaled(x, y, scalar(p, 0));
    Sub 2 |x, y, p| plus_scaled(x, y, -scalar::<P>(p, 0));
    Mul 2 |x, y, p| x * y;
    Div 1 |x, y, p| narrow(wide(x).divide(wide(y)));
    Pow 1 |x, y, p| narrow(wide(x).pow(wide(y), product::<P>));
    LogAddExp 1 |x, y, p| narrow(log_add(wide(x), wide(y)));
    LerpScalar 1 |x, y, p| lerp(x, y, scalar(p, 0));
    SigmoidBackward 1 |g, y, p| g * (one() - y) * y;
    TanhBackward 1 |g, y, p| g * (one() - y * y);
    SiluBackward 1 |g, x, p| {
        let x = wide(x);
        let s = x.sigmoid();
        narrow(wide(g) * s * (z(1.0, 0.0) + x * (z(1.0, 0.0) - s)))
    };
}

macro_rules! questions {
    ($($name:ident |$x:ident, $y:ident| $body:expr;)+) => {
        mod ask2 {
            use super::*;
            $(
                pub struct $name<P>(PhantomData<P>);
                impl<P: Part> Map2 for $name<P> {
                    const LEVELS: u8 = 1;
                    type In = Complex<P>;
                    type Out = bool;
                    fn map($x: Complex<P>, $y: Complex<P>, _: &Params) -> bool {
                        $body
                    }
                }
            )+
        }

        /// The inner loop of a question about two complex numbers, which have no order.
        pub(super) fn compare(op: Compare, dtype: DType) -> Option<Loop2d> {
            use ask2::*;
            match op {
                $(Compare::$name => loops!(loop2, $name, dtype),)+
                _ => None,
            }
        }
    };
}

#[inline(always)]
fn zero<P: Part>(x: Complex<P>) -> bool {
    x.re == P::of(0.0) && x.im == P::of(0.0)
}

questions! {
    Eq |x, y| x == y;
    Ne |x, y| x != y;
    LogicalAnd |x, y| !zero(x) & !zero(y);
    LogicalOr |x, y| !zero(x) | !zero(y);
    LogicalXor |x, y| zero(x) != zero(y);
}

macro_rules! predicates {
    ($($name:ident |$x:ident| $body:expr;)+) => {
        mod ask1 {
            use super::*;
            $(
                pub struct $name<P>(PhantomData<P>);
                impl<P: Part> Map1 for $name<P> {
                    const LEVELS: u8 = 1;
                    type In = Complex<P>;
                    type Out = bool;
                    fn map(x: Complex<P>, _: &Params) -> bool {
                        let $x = wide(x);
                        $body
                    }
                }
            )+
        }

        /// The inner loop of a question about a complex number.
        pub(super) fn predicate(op: Predicate, dtype: DType) -> Option<Loop2d> {
            use ask1::*;
            match op {
                $(Predicate::$name => loops!(loop1, $name, dtype),)+
                _ => None,
            }
        }
    };
}

predicates! {
    IsNan |x| x.re.is_nan() || x.im.is_nan();
    IsInf |x| x.re.is_infinite() || x.im.is_infinite();
    IsFinite |x| x.re.is_finite() && x.im.is_finite();
    LogicalNot |x| zero(x);
    NonZero |x| !zero(x);
}

struct Lerp<P>(PhantomData<P>);
struct Addcmul<P>(PhantomData<P>);
struct Addcdiv<P>(PhantomData<P>);

macro_rules! ternary_rows {
    ($($name:ident |$x:ident, $y:ident, $w:ident, $p:ident| $body:expr;)+) => {
        $(impl<P: Part> Map3 for $name<P> {
            const LEVELS: u8 = 1;
            type A = Complex<P>;
            type In = Complex<P>;
            type Out = Complex<P>;
            fn map($x: Complex<P>, $y: Complex<P>, $w: Complex<P>, $p: &Params) -> Complex<P> {
                let _ = $p;
                $body
            }
        })+

        /// The inner loop of `op` for a complex dtype.
        pub(super) fn ternary(op: Ternary, dtype: DType) -> Option<Loop2d> {
            match op {
                $(Ternary::$name => loops!(loop3, $name, dtype),)+
                _ => None,
            }
        }
    };
}

ternary_rows! {
    Lerp |a, b, w, p| lerp(a, b, w);
    Addcmul |x, a, b, p| plus_scaled(x, a * b, scalar(p, 0));
    Addcdiv |x, a, b, p| plus_scaled(x, narrow(wide(a).divide(wide(b))), scalar(p, 0));
}

//! f64 functions.

/// `exp(x)`.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    x.exp()
}

/// `exp2(x)`.
#[inline(always)]
pub fn exp2(x: f64) -> f64 {
    x.exp2()
}

/// `expm1(x)`.
#[inline(always)]
pub fn expm1(x: f64) -> f64 {
    x.exp_m1()
}

/// `log(x)`.
#[inline(always)]
pub fn log(x: f64) -> f64 {
    x.ln()
}

/// `log2(x)`.
#[inline(always)]
pub fn log2(x: f64) -> f64 {
    x.log2()
}

/// `log10(x)`.
#[inline(always)]
pub fn log10(x: f64) -> f64 {
    x.log10()
}

/// `log1p(x)`.
#[inline(always)]
pub fn log1p(x: f64) -> f64 {
    x.ln_1p()
}

/// `sin(x)`.
#[inline(always)]
pub fn sin(x: f64) -> f64 {
    x.sin()
}

/// `cos(x)`.
#[inline(always)]
pub fn cos(x: f64) -> f64 {
    x.cos()
}

/// `tan(x)`.
#[inline(always)]
pub fn tan(x: f64) -> f64 {
    x.tan()
}

/// `asin(x)`.
#[inline(always)]
pub fn asin(x: f64) -> f64 {
    x.asin()
}

/// `acos(x)`.
#[inline(always)]
pub fn acos(x: f64) -> f64 {
    x.acos()
}

/// `atan(x)`.
#[inline(always)]
pub fn atan(x: f64) -> f64 {
    x.atan()
}

/// `sinh(x)`.
#[inline(always)]
pub fn sinh(x: f64) -> f64 {
    x.sinh()
}

/// `cosh(x)`.
#[inline(always)]
pub fn cosh(x: f64) -> f64 {
    x.cosh()
}

/// `tanh(x)`.
#[inline(always)]
pub fn tanh(x: f64) -> f64 {
    x.tanh()
}

/// `asinh(x)`.
#[inline(always)]
pub fn asinh(x: f64) -> f64 {
    x.asinh()
}

/// `acosh(x)`.
#[inline(always)]
pub fn acosh(x: f64) -> f64 {
    x.acosh()
}

/// `atanh(x)`.
#[inline(always)]
pub fn atanh(x: f64) -> f64 {
    x.atanh()
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}
/// The angle of the point `(x, y)`.
#[inline(always)]
pub fn atan2(y: f64, x: f64) -> f64 {
    y.atan2(x)
}

/// `sqrt(x^2 + y^2)` without overflow on the way.
#[inline(always)]
pub fn hypot(x: f64, y: f64) -> f64 {
    x.hypot(y)
}

/// `x^e`.
#[inline(always)]
pub fn pow(x: f64, e: f64) -> f64 {
    x.powf(e)
}

unsafe extern "C" {
    #[link_name = "erf"]
    safe fn c_erf(x: f64) -> f64;
    #[link_name = "erfc"]
    safe fn c_erfc(x: f64) -> f64;
}

/// The error function.
#[inline(always)]
pub fn erf(x: f64) -> f64 {
    c_erf(x)
}

/// `1 - erf x`.
#[inline(always)]
pub fn erfc(x: f64) -> f64 {
    c_erfc(x)
}

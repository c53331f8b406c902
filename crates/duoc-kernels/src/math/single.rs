//! f32 functions.

/// `exp(x)`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    x.exp()
}

/// `exp2(x)`.
#[inline(always)]
pub fn exp2(x: f32) -> f32 {
    x.exp2()
}

/// `expm1(x)`.
#[inline(always)]
pub fn expm1(x: f32) -> f32 {
    x.exp_m1()
}

/// `log(x)`.
#[inline(always)]
pub fn log(x: f32) -> f32 {
    x.ln()
}

/// `log2(x)`.
#[inline(always)]
pub fn log2(x: f32) -> f32 {
    x.log2()
}

/// `log10(x)`.
#[inline(always)]
pub fn log10(x: f32) -> f32 {
    x.log10()
}

/// `log1p(x)`.
#[inline(always)]
pub fn log1p(x: f32) -> f32 {
    x.ln_1p()
}

/// `sin(x)`.
#[inline(always)]
pub fn sin(x: f32) -> f32 {
    x.sin()
}

/// `cos(x)`.
#[inline(always)]
pub fn cos(x: f32) -> f32 {
    x.cos()
}

/// `tan(x)`.
#[inline(always)]
pub fn tan(x: f32) -> f32 {
    x.tan()
}

/// `asin(x)`.
#[inline(always)]
pub fn asin(x: f32) -> f32 {
    x.asin()
}

/// `acos(x)`.
#[inline(always)]
pub fn acos(x: f32) -> f32 {
    x.acos()
}

/// `atan(x)`.
#[inline(always)]
pub fn atan(x: f32) -> f32 {
    x.atan()
}

/// `sinh(x)`.
#[inline(always)]
pub fn sinh(x: f32) -> f32 {
    x.sinh()
}

/// `cosh(x)`.
#[inline(always)]
pub fn cosh(x: f32) -> f32 {
    x.cosh()
}

/// `tanh(x)`.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    x.tanh()
}

/// `asinh(x)`.
#[inline(always)]
pub fn asinh(x: f32) -> f32 {
    x.asinh()
}

/// `acosh(x)`.
#[inline(always)]
pub fn acosh(x: f32) -> f32 {
    x.acosh()
}

/// `atanh(x)`.
#[inline(always)]
pub fn atanh(x: f32) -> f32 {
    x.atanh()
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}
/// The angle of the point `(x, y)`.
#[inline(always)]
pub fn atan2(y: f32, x: f32) -> f32 {
    y.atan2(x)
}

/// `sqrt(x^2 + y^2)` without overflow on the way.
#[inline(always)]
pub fn hypot(x: f32, y: f32) -> f32 {
    x.hypot(y)
}

/// `x^e`.
#[inline(always)]
pub fn pow(x: f32, e: f32) -> f32 {
    x.powf(e)
}

unsafe extern "C" {
    #[link_name = "erff"]
    safe fn c_erf(x: f32) -> f32;
    #[link_name = "erfcf"]
    safe fn c_erfc(x: f32) -> f32;
}

/// The error function.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    c_erf(x)
}

/// `1 - erf x`.
#[inline(always)]
pub fn erfc(x: f32) -> f32 {
    c_erfc(x)
}

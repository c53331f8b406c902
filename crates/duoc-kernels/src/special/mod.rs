//! Special functions: gamma and zeta, error functions, Bessel and Airy functions, orthogonal polynomials.
//!
//! All are computed in float64, one number at a time, and rounded once to the dtype of the result. Where the literature has
//! the choice, the method is one that needs no table of fitted coefficients: series, continued fractions, recurrences and
//! asymptotic expansions (M. Abramowitz, I. Stegun, "Handbook of Mathematical Functions"; NIST DLMF, dlmf.nist.gov).

mod airy;
mod bessel;
mod error;
mod gamma;
mod polynomials;
#[cfg(test)]
mod tests;

use crate::{DType, Loop2d};
use half::{bf16, f16};

/// A function of one or two numbers; the second one may be a parameter.
pub type Function = fn(f64, f64) -> f64;

/// What the inner loops take as parameters.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Call {
    /// The function.
    pub function: Function,
    /// Its second argument, for the loops of one operand.
    pub parameter: f64,
}

impl Call {
    /// The pointer that a [`Loop2d`] takes.
    pub fn as_ptr(&self) -> *const u8 {
        (self as *const Call).cast()
    }
}

macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident |$x:ident, $y:ident| $body:expr;)+) => {
        /// The special functions.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Special {
            $($(#[$doc])* $name,)+
        }

        /// The function of a name.
        pub fn function(op: Special) -> Function {
            match op {
                $(Special::$name => |$x, $y| $body,)+
            }
        }
    };
}

functions! {
    /// `ln |Gamma(x)|`.
    Lgamma |x, _y| gamma::lgamma(x);
    /// The derivative of `ln Gamma`.
    Digamma |x, _y| gamma::digamma(x);
    /// The derivative of order `y` of the digamma function, `y` at least 1.
    Polygamma |x, y| gamma::polygamma(y, x);
    /// `sum over k of (k + y)^-x`.
    Zeta |x, y| gamma::zeta(x, y);
    /// The regularised lower incomplete gamma function `P(x, y)`.
    Igamma |x, y| gamma::igamma(x, y).0;
    /// The regularised upper incomplete gamma function `Q(x, y)`.
    Igammac |x, y| gamma::igamma(x, y).1;
    /// The inverse of the error function.
    Erfinv |x, _y| error::erfinv(x);
    /// `e^(x^2) erfc(x)`.
    Erfcx |x, _y| error::erfcx(x);
    /// The inverse of the normal distribution function.
    Ndtri |x, _y| error::ndtri(x);
    /// The logarithm of the normal distribution function.
    LogNdtr |x, _y| error::log_ndtr(x);
    /// `-x ln x`, 0 at 0.
    Entr |x, _y| error::entr(x);
    /// The modified Bessel function of the first kind of order 0.
    I0 |x, _y| bessel::i0(x);
    /// `e^-|x| I_0(x)`.
    I0e |x, _y| bessel::i0e(x);
    /// The modified Bessel function of the first kind of order 1.
    I1 |x, _y| bessel::i1(x);
    /// `e^-|x| I_1(x)`.
    I1e |x, _y| bessel::i1e(x);
    /// The modified Bessel function of the second kind of order 0.
    K0 |x, _y| bessel::k0(x);
    /// The modified Bessel function of the second kind of order 1.
    K1 |x, _y| bessel::k1(x);
    /// `e^x K_0(x)`.
    ScaledK0 |x, _y| bessel::scaled_k0(x);
    /// `e^x K_1(x)`.
    ScaledK1 |x, _y| bessel::scaled_k1(x);
    /// The Bessel function of the first kind of order 0.
    J0 |x, _y| bessel::j0(x);
    /// The Bessel function of the first kind of order 1.
    J1 |x, _y| bessel::j1(x);
    /// The Bessel function of the second kind of order 0.
    Y0 |x, _y| bessel::y0(x);
    /// The Bessel function of the second kind of order 1.
    Y1 |x, _y| bessel::y1(x);
    /// The spherical Bessel function of order 0, `sin(x) / x`.
    SphericalJ0 |x, _y| bessel::spherical_j0(x);
    /// The Airy function.
    AiryAi |x, _y| airy::ai(x);
    /// The Chebyshev polynomial of the first kind of degree `y`.
    ChebyshevT |x, y| polynomials::chebyshev(x, y, polynomials::Kind::T);
    /// The Chebyshev polynomial of the second kind.
    ChebyshevU |x, y| polynomials::chebyshev(x, y, polynomials::Kind::U);
    /// The Chebyshev polynomial of the third kind.
    ChebyshevV |x, y| polynomials::chebyshev(x, y, polynomials::Kind::V);
    /// The Chebyshev polynomial of the fourth kind.
    ChebyshevW |x, y| polynomials::chebyshev(x, y, polynomials::Kind::W);
    /// `T_n(2 x - 1)`.
    ShiftedChebyshevT |x, y| polynomials::chebyshev(x + x - 1.0, y, polynomials::Kind::T);
    /// `U_n(2 x - 1)`.
    ShiftedChebyshevU |x, y| polynomials::chebyshev(x + x - 1.0, y, polynomials::Kind::U);
    /// `V_n(2 x - 1)`.
    ShiftedChebyshevV |x, y| polynomials::chebyshev(x + x - 1.0, y, polynomials::Kind::V);
    /// `W_n(2 x - 1)`.
    ShiftedChebyshevW |x, y| polynomials::chebyshev(x + x - 1.0, y, polynomials::Kind::W);
    /// The physicist's Hermite polynomial.
    HermiteH |x, y| polynomials::hermite_h(x, y);
    /// The probabilist's Hermite polynomial.
    HermiteHe |x, y| polynomials::hermite_he(x, y);
    /// The Laguerre polynomial.
    Laguerre |x, y| polynomials::laguerre(x, y);
    /// The Legendre polynomial.
    Legendre |x, y| polynomials::legendre(x, y);
}

/// A float as it lies in memory.
trait Stored: Copy {
    fn wide(self) -> f64;
    fn of(x: f64) -> Self;
}

impl Stored for f64 {
    fn wide(self) -> f64 {
        self
    }
    fn of(x: f64) -> f64 {
        x
    }
}

impl Stored for f32 {
    fn wide(self) -> f64 {
        self as f64
    }
    fn of(x: f64) -> f32 {
        x as f32
    }
}

impl Stored for f16 {
    fn wide(self) -> f64 {
        self.to_f64()
    }
    fn of(x: f64) -> Self {
        f16::from_f64(x)
    }
}

impl Stored for bf16 {
    fn wide(self) -> f64 {
        self.to_f64()
    }
    fn of(x: f64) -> Self {
        bf16::from_f64(x)
    }
}

/// Operands `[out, x]`.
unsafe fn one<T: Stored>(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, params: *const u8) {
    // SAFETY: the contract of `Loop2d`; `params` is a `Call`.
    unsafe {
        let call = *params.cast::<Call>();
        let (out, x) = (*ptrs, *ptrs.add(1));
        let s = std::slice::from_raw_parts(strides, 4);
        for o in 0..outer as isize {
            for i in 0..inner as isize {
                let v = x.offset(o * s[3] + i * s[1]).cast::<T>().read().wide();
                out.offset(o * s[2] + i * s[0])
                    .cast::<T>()
                    .write(T::of((call.function)(v, call.parameter)));
            }
        }
    }
}

/// Operands `[out, x, y]`.
unsafe fn two<T: Stored>(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, params: *const u8) {
    // SAFETY: the contract of `Loop2d`; `params` is a `Call`.
    unsafe {
        let call = *params.cast::<Call>();
        let (out, x, y) = (*ptrs, *ptrs.add(1), *ptrs.add(2));
        let s = std::slice::from_raw_parts(strides, 6);
        for o in 0..outer as isize {
            for i in 0..inner as isize {
                let a = x.offset(o * s[4] + i * s[1]).cast::<T>().read().wide();
                let b = y.offset(o * s[5] + i * s[2]).cast::<T>().read().wide();
                out.offset(o * s[3] + i * s[0])
                    .cast::<T>()
                    .write(T::of((call.function)(a, b)));
            }
        }
    }
}

/// The inner loop of a function of one operand of `dtype`, with a [`Call`] as its parameters.
pub fn unary_loop(dtype: DType) -> Option<Loop2d> {
    Some(match dtype {
        DType::F16 => one::<f16>,
        DType::BF16 => one::<bf16>,
        DType::F32 => one::<f32>,
        DType::F64 => one::<f64>,
        _ => return None,
    })
}

/// The inner loop of a function of two operands of `dtype`, with a [`Call`] as its parameters.
pub fn binary_loop(dtype: DType) -> Option<Loop2d> {
    Some(match dtype {
        DType::F16 => two::<f16>,
        DType::BF16 => two::<bf16>,
        DType::F32 => two::<f32>,
        DType::F64 => two::<f64>,
        _ => return None,
    })
}

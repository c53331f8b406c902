//! Special functions (`torch.special`): those of one tensor that have a gradient here, the others in the files beside.
//!
//! The functions are those of `duoc_kernels::special`, of float64; a row names one, and whether PyTorch has it for the floats
//! of 16 bits. Gradients are the classical ones (NIST DLMF).

pub mod bessel;
pub mod gamma;
pub mod polynomials;

use self::gamma::polygamma;
use super::arith::{add, div, mul, sub};
use super::blend::select;
use super::compare::le;
use super::pointwise::{converted, not_implemented, real_dtype};
use super::unary::{exp, log};
use crate::autograd::Ctx;
use crate::iter::{Dest, elementwise};
use crate::{DType, Result, Scalar, Tensor, ops};
use duoc_kernels::special::{Call, Special, binary_loop, function, unary_loop};
use std::f64::consts::PI;

/// Elements that one thread does between two looks at the queue: these functions take tens of nanoseconds.
const COST: usize = 40;

/// Whether a function has kernels for the floats of 16 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halves {
    Yes,
    No,
}

pub(super) fn check(kernel: &str, dtype: DType, halves: Halves) -> Result<()> {
    let missing = dtype.is_complex() || halves == Halves::No && matches!(dtype, DType::F16 | DType::BF16);
    if missing || unary_loop(dtype).is_none() {
        return Err(not_implemented(kernel, dtype));
    }
    Ok(())
}

/// The function of every element; integers and bools become the default floating dtype.
pub(crate) fn of_one(op: Special, kernel: &str, halves: Halves, x: &Tensor, parameter: f64) -> Result<Tensor> {
    let dtype = real_dtype(x.dtype());
    check(kernel, dtype, halves)?;
    let Some(inner) = unary_loop(dtype) else {
        return Err(not_implemented(kernel, dtype));
    };
    let call = Call {
        function: function(op),
        parameter,
    };
    elementwise(Dest::New, dtype, &[&converted(x, dtype)?], inner, call.as_ptr(), COST)
}

/// The function of the elements of two tensors, broadcast, in the promoted floating dtype.
pub(crate) fn of_two(op: Special, kernel: &str, halves: Halves, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = real_dtype(crate::promote::result_type(&[x, y]));
    check(kernel, dtype, halves)?;
    let Some(inner) = binary_loop(dtype) else {
        return Err(not_implemented(kernel, dtype));
    };
    let call = Call {
        function: function(op),
        parameter: 0.0,
    };
    elementwise(
        Dest::New,
        dtype,
        &[&converted(x, dtype)?, &converted(y, dtype)?],
        inner,
        call.as_ptr(),
        COST,
    )
}

pub(super) fn number(x: f64) -> Result<Tensor> {
    Tensor::wrapped(x)
}

macro_rules! functions {
    ($(
        $(#[doc = $doc:literal])*
        $schema:literal [$($word:ident),*] [$($alias:literal),*]
        $name:ident: $op:ident $kernel:literal $halves:ident $node:literal |$g:ident, $x:ident| $formula:expr;
    )*) => {
        ops! {
            $(
                $(#[doc = $doc])*
                $schema [$($word),*] alias [$($alias),*]
                pub fn $name(x: &Tensor) -> Tensor = body::$name;
            )*
        }

        mod body {
            use super::*;
            $(
                pub fn $name(x: &Tensor) -> Result<Tensor> {
                    of_one(Special::$op, $kernel, Halves::$halves, x, 0.0)?.record($node, [x], |r| {
                        let x = r.save(x);
                        move |c: &Ctx, $g: &Tensor| {
                            let $x = &c.get(x)?;
                            $formula
                        }
                    })
                }
            )*
        }
    };
}

functions! {
    /// `ln |Gamma(x)|`.
    "lgamma(Tensor self) -> Tensor" [function, method, inplace, out] ["special_gammaln"]
    lgamma: Lgamma "lgamma_vml_cpu" Yes "LgammaBackward0" |g, x| mul(g, &digamma(x)?);

    /// The derivative of `ln Gamma(x)`.
    "digamma(Tensor self) -> Tensor" [function, method, inplace, out] ["special_digamma", "special_psi"]
    digamma: Digamma "digamma" Yes "DigammaBackward0" |g, x| mul(g, &polygamma(1, x)?);

    /// The inverse of the error function; NaN outside `[-1, 1]`.
    "erfinv(Tensor self) -> Tensor" [function, method, inplace, out] ["special_erfinv"]
    erfinv: Erfinv "erfinv_vml_cpu" Yes "ErfinvBackward0" |g, x| {
        let y = erfinv(x)?;
        mul(&mul(g, &exp(&mul(&y, &y)?)?)?, &number(PI.sqrt() / 2.0)?)
    };

    /// `e^(x^2) erfc(x)`.
    "special_erfcx(Tensor self) -> Tensor" [function, out] []
    erfcx: Erfcx "erfcx_cpu" No "SpecialErfcxBackward0" |g, x| {
        let twice = mul(&mul(x, &erfcx(x)?)?, &number(2.0)?)?;
        mul(g, &sub(&twice, &number(2.0 / PI.sqrt())?, Scalar::Int(1))?)
    };

    /// The number below which a standard normal deviate lies with probability `x`.
    "special_ndtri(Tensor self) -> Tensor" [function, out] []
    ndtri: Ndtri "ndtri_cpu" No "SpecialNdtriBackward0" |g, x| {
        let y = ndtri(x)?;
        mul(&mul(g, &exp(&mul(&mul(&y, &y)?, &number(0.5)?)?)?)?, &number((2.0 * PI).sqrt())?)
    };

    /// The logarithm of the normal distribution function.
    "special_log_ndtr(Tensor self) -> Tensor" [function, out] []
    log_ndtr: LogNdtr "log_ndtr_cpu" No "SpecialLogNdtrBackward0" |g, x| {
        let scaled = mul(x, &number(-0.5f64.sqrt())?)?;
        mul(&div(g, &erfcx(&scaled)?)?, &number((2.0 / PI).sqrt())?)
    };

    /// `-x ln x`, 0 at 0, `-inf` below.
    "special_entr(Tensor self) -> Tensor" [function, out] []
    entr: Entr "entr_cpu" Yes "SpecialEntrBackward0" |g, x| {
        let slope = add(&log(x)?, &number(1.0)?, Scalar::Int(1))?;
        mul(g, &crate::ops::sign::neg(&slope)?)
    };

    /// The modified Bessel function of the first kind of order 0.
    "i0(Tensor self) -> Tensor" [function, method, inplace, out] ["special_i0"]
    i0: I0 "i0_vml_cpu" Yes "I0Backward0" |g, x| mul(g, &i1(x)?);

    /// `e^-|x| I_0(x)`.
    "special_i0e(Tensor self) -> Tensor" [function, out] []
    i0e: I0e "i0e_cpu" Yes "SpecialI0EBackward0" |g, x| {
        let fall = mul(&crate::ops::sign::sgn(x)?, &i0e(x)?)?;
        mul(g, &sub(&i1e(x)?, &fall, Scalar::Int(1))?)
    };

    /// The modified Bessel function of the first kind of order 1.
    "special_i1(Tensor self) -> Tensor" [function, out] []
    i1: I1 "i1_cpu" Yes "SpecialI1Backward0" |g, x| mul(g, &i1_slope(x)?);

    /// The Bessel function of the first kind of order 0.
    "special_bessel_j0(Tensor self) -> Tensor" [function, out] []
    bessel_j0: J0 "bessel_j0_cpu" No "SpecialBesselJ0Backward0" |g, x| mul(g, &crate::ops::sign::neg(&bessel_j1(x)?)?);

    /// The Bessel function of the first kind of order 1.
    "special_bessel_j1(Tensor self) -> Tensor" [function, out] []
    bessel_j1: J1 "bessel_j1_cpu" No "SpecialBesselJ1Backward0" |g, x| mul(g, &order_one_slope(x, bessel_j0, bessel_j1, 0.5)?);

    /// The Bessel function of the second kind of order 0.
    "special_bessel_y0(Tensor self) -> Tensor" [function, out] []
    bessel_y0: Y0 "bessel_y0_cpu" No "SpecialBesselY0Backward0" |g, x| mul(g, &crate::ops::sign::neg(&bessel_y1(x)?)?);

    /// The Bessel function of the second kind of order 1.
    "special_bessel_y1(Tensor self) -> Tensor" [function, out] []
    bessel_y1: Y1 "bessel_y1_cpu" No "SpecialBesselY1Backward0" |g, x| mul(g, &order_one_slope(x, bessel_y0, bessel_y1, f64::INFINITY)?);

    /// The modified Bessel function of the first kind of order 0.
    "special_modified_bessel_i0(Tensor self) -> Tensor" [function, out] []
    modified_bessel_i0: I0 "modified_bessel_i0_cpu" No "SpecialModifiedBesselI0Backward0" |g, x| mul(g, &modified_bessel_i1(x)?);

    /// The modified Bessel function of the first kind of order 1.
    "special_modified_bessel_i1(Tensor self) -> Tensor" [function, out] []
    modified_bessel_i1: I1 "modified_bessel_i1_cpu" No "SpecialModifiedBesselI1Backward0" |g, x| {
        mul(g, &order_one_slope(x, modified_bessel_i0, modified_bessel_i1, 0.5)?)
    };

    /// The modified Bessel function of the second kind of order 0.
    "special_modified_bessel_k0(Tensor self) -> Tensor" [function, out] []
    modified_bessel_k0: K0 "modified_bessel_k0_cpu" No "SpecialModifiedBesselK0Backward0" |g, x| {
        mul(g, &crate::ops::sign::neg(&modified_bessel_k1(x)?)?)
    };

    /// The modified Bessel function of the second kind of order 1.
    "special_modified_bessel_k1(Tensor self) -> Tensor" [function, out] []
    modified_bessel_k1: K1 "modified_bessel_k1_cpu" No "SpecialModifiedBesselK1Backward0" |g, x| {
        let both = add(&modified_bessel_k0(x)?, &div(&modified_bessel_k1(x)?, x)?, Scalar::Int(1))?;
        mul(g, &crate::ops::sign::neg(&both)?)
    };

    /// `e^-|x| I_1(x)`.
    "special_i1e(Tensor self) -> Tensor" [function, out] []
    i1e: I1e "i1e_cpu" Yes "SpecialI1EBackward0" |g, x| mul(g, &i1e_slope(x)?);
}

/// `f_0(x) - f_1(x) / x`, `at_zero` at 0: the slope of a Bessel function of order 1 (DLMF 10.6.2).
fn order_one_slope(
    x: &Tensor,
    zeroth: fn(&Tensor) -> Result<Tensor>,
    first: fn(&Tensor) -> Result<Tensor>,
    at_zero: f64,
) -> Result<Tensor> {
    let zero = crate::ops::compare::eq(x, &number(0.0)?)?;
    let safe = select(&zero, &number(1.0)?, x)?;
    let slope = sub(&zeroth(&safe)?, &div(&first(&safe)?, &safe)?, Scalar::Int(1))?;
    select(&zero, &number(at_zero)?, &slope)
}

/// `I_0(x) - I_1(x) / x`, 1/2 at 0.
fn i1_slope(x: &Tensor) -> Result<Tensor> {
    let (zero, safe) = away_from_zero(x)?;
    let slope = sub(&i0(&safe)?, &div(&i1(&safe)?, &safe)?, Scalar::Int(1))?;
    select(&zero, &number(0.5)?, &slope)
}

/// `e^-|x| I_0(x) - (sign x + 1 / x) e^-|x| I_1(x)`, 1/2 at 0.
fn i1e_slope(x: &Tensor) -> Result<Tensor> {
    let (zero, safe) = away_from_zero(x)?;
    let inverse = div(&number(1.0)?, &safe)?;
    let factor = add(&crate::ops::sign::sgn(&safe)?, &inverse, Scalar::Int(1))?;
    let slope = sub(&i0e(&safe)?, &mul(&factor, &i1e(&safe)?)?, Scalar::Int(1))?;
    select(&zero, &number(0.5)?, &slope)
}

/// Where `x` is so small that its inverse is of no use, and `x` with something harmless there.
fn away_from_zero(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let size = crate::ops::unary::abs(x)?;
    let zero = le(
        &size,
        &number(if x.dtype() == DType::F64 {
            f64::EPSILON
        } else {
            f64::from(f32::EPSILON)
        })?,
    )?;
    let safe = select(&zero, &number(1.0)?, x)?;
    Ok((zero, safe))
}

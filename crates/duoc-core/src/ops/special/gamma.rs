//! Gamma and zeta functions of two arguments, the normal distribution function, `x ln(1 + y)`.

use super::{Halves, check, lgamma, number, of_one, of_two};
use crate::autograd::{Ctx, no_grad};
use crate::ops::arith::{add, div, mul, sub};
use crate::ops::blend::select;
use crate::ops::compare::{eq, isnan, le, logical_and, logical_not};
use crate::ops::pointwise::{not_implemented, real_dtype};
use crate::ops::unary::{erfc, exp, log, log1p};
use crate::{DType, Result, Scalar, Tensor, bail, ensure, ops, promote_types};
use duoc_kernels::special::Special;
use std::f64::consts::PI;

ops! {
    /// The derivative of order `n` of the digamma function.
    "polygamma(int n, Tensor self) -> Tensor" [function, out] alias ["special_polygamma"]
    pub fn polygamma(n: i64, x: &Tensor) -> Tensor = polygamma_body;

    /// The Hurwitz zeta function `sum over k >= 0 of (k + other)^-self`.
    "special_zeta(Tensor self, Tensor other) -> Tensor" [function, out]
    pub fn zeta(x: &Tensor, other: &Tensor) -> Tensor = zeta_body;

    /// The Hurwitz zeta function of a number.
    "special_zeta.self_scalar(Scalar self, Tensor other) -> Tensor" [function, out]
    pub fn zeta_of_number(x: Scalar, other: &Tensor) -> Tensor = zeta_of_number_body;

    /// The Hurwitz zeta function with a number as its second argument.
    "special_zeta.other_scalar(Tensor self, Scalar other) -> Tensor" [function, out]
    pub fn zeta_with_number(x: &Tensor, other: Scalar) -> Tensor = zeta_with_number_body;

    /// The regularised lower incomplete gamma function `1 / Gamma(a) integral from 0 to x of t^(a-1) e^-t`.
    "igamma(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["special_gammainc"]
    pub fn igamma(a: &Tensor, x: &Tensor) -> Tensor = igamma_body;

    /// The regularised upper incomplete gamma function `1 / Gamma(a) integral from x to infinity of t^(a-1) e^-t`.
    "igammac(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["special_gammaincc"]
    pub fn igammac(a: &Tensor, x: &Tensor) -> Tensor = igammac_body;

    /// The logarithm of the gamma function of dimension `p`: `p (p - 1) / 4 ln pi + sum of ln Gamma(x - j / 2)`.
    "mvlgamma(Tensor self, int p) -> Tensor" [function, method, inplace, out] alias ["special_multigammaln"]
    pub fn mvlgamma(x: &Tensor, p: i64) -> Tensor = mvlgamma_body;

    /// The normal distribution function.
    "special_ndtr(Tensor self) -> Tensor" [function, out]
    pub fn ndtr(x: &Tensor) -> Tensor = ndtr_body;

    /// `self ln(1 + other)`, 0 where `self` is 0.
    "special_xlog1py(Tensor self, Tensor other) -> Tensor" [function, out]
    pub fn xlog1py(x: &Tensor, other: &Tensor) -> Tensor = xlog1py_body;

    /// `self ln(1 + other)` of a number.
    "special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor" [function, out]
    pub fn xlog1py_of_number(x: Scalar, other: &Tensor) -> Tensor = xlog1py_of_number_body;

    /// `self ln(1 + other)` with a number.
    "special_xlog1py.other_scalar(Tensor self, Scalar other) -> Tensor" [function, out]
    pub fn xlog1py_with_number(x: &Tensor, other: Scalar) -> Tensor = xlog1py_with_number_body;
}

fn polygamma_body(n: i64, x: &Tensor) -> Result<Tensor> {
    ensure!(n >= 0, Runtime, "polygamma(n, x) does not support negative n.");
    let out = match n {
        0 => of_one(Special::Digamma, "digamma", Halves::Yes, x, 0.0)?,
        _ => of_one(Special::Polygamma, "polygamma", Halves::Yes, x, n as f64)?,
    };
    out.record("PolygammaBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| mul(g, &polygamma(n.saturating_add(1), &c.get(x)?)?)
    })
}

fn zeta_body(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    let out = of_two(Special::Zeta, "zeta_cpu", Halves::No, x, other)?;
    out.record("SpecialZetaBackward0", [x, other], |r| {
        let (x, y) = (r.save(x), r.save(other));
        move |c: &Ctx, g: &Tensor| {
            ensure!(
                !c.needs(0),
                NotImplemented,
                "the derivative for 'zeta' is not implemented."
            );
            let (x, y) = (c.get(x)?, c.get(y)?);
            let next = zeta(&add(&x, &number(1.0)?, Scalar::Int(1))?, &y)?;
            Ok([None, Some(mul(g, &crate::ops::sign::neg(&mul(&x, &next)?)?)?)])
        }
    })
}

fn zeta_of_number_body(x: Scalar, other: &Tensor) -> Result<Tensor> {
    zeta(&Tensor::wrapped(x)?, other)
}

fn zeta_with_number_body(x: &Tensor, other: Scalar) -> Result<Tensor> {
    zeta(x, &Tensor::wrapped(other)?)
}

fn incomplete(op: Special, name: &'static str, node: &'static str, a: &Tensor, x: &Tensor) -> Result<Tensor> {
    let dtype = promote_types(a.dtype(), x.dtype());
    if !dtype.is_differentiable() || dtype.is_complex() {
        return Err(not_implemented(&format!("{name}_cpu"), dtype));
    }
    let out = of_two(op, &format!("{name}_cpu"), Halves::Yes, a, x)?;
    let upper = op == Special::Igammac;
    out.record(node, [a, x], |r| {
        let (a, x) = (r.save(a), r.save(x));
        move |c: &Ctx, g: &Tensor| {
            if c.needs(0) {
                bail!(NotImplemented, "the derivative for '{name}: input' is not implemented.");
            }
            let (a, x) = (c.get(a)?, c.get(x)?);
            let power = mul(&sub(&a, &number(1.0)?, Scalar::Int(1))?, &log(&x)?)?;
            let exponent = sub(&sub(&power, &x, Scalar::Int(1))?, &lgamma(&a)?, Scalar::Int(1))?;
            let slope = mul(g, &exp(&exponent)?)?;
            Ok([None, Some(if upper { crate::ops::sign::neg(&slope)? } else { slope })])
        }
    })
}

fn igamma_body(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    incomplete(Special::Igamma, "igamma", "IgammaBackward0", a, x)
}

fn igammac_body(a: &Tensor, x: &Tensor) -> Result<Tensor> {
    incomplete(Special::Igammac, "igammac", "IgammacBackward0", a, x)
}

fn mvlgamma_body(x: &Tensor, p: i64) -> Result<Tensor> {
    ensure!(
        x.dtype() != DType::Bool,
        Runtime,
        "The input tensor may not be a boolean tensor."
    );
    ensure!(p >= 1, Runtime, "p has to be greater than or equal to 1");
    ensure!(
        p <= 1 << 20,
        Runtime,
        "mvlgamma: a gamma function of dimension {p} is beyond any use"
    );
    let dtype = real_dtype(x.dtype());
    check("lgamma_vml_cpu", dtype, Halves::Yes)?;
    let steps: Vec<f64> = (0..p).map(|j| 0.5 - (p - j) as f64 * 0.5 + 0.0).collect();
    let steps = crate::ops::copy::to_dtype(&Tensor::try_from_slice(&steps, &[p as usize])?, dtype)?;
    let all = add(&crate::ops::view::unsqueeze(x, -1)?, &steps, Scalar::Int(1))?;
    let sum = crate::ops::reduce::sum_dims(&lgamma(&all)?, Some(&[-1]), false, None)?;
    let constant = (p * (p - 1)) as f64 / 4.0 * PI.ln();
    add(&sum, &number(constant)?, Scalar::Int(1))
}

fn ndtr_body(x: &Tensor) -> Result<Tensor> {
    let dtype = real_dtype(x.dtype());
    check("erf_vml_cpu", dtype, Halves::Yes)?;
    let scaled = mul(&crate::ops::copy::to_dtype(x, dtype)?, &number(-(0.5f64.sqrt()))?)?;
    mul(&erfc(&scaled)?, &number(0.5)?)
}

fn xlog1py_body(x: &Tensor, other: &Tensor) -> Result<Tensor> {
    let dtype = real_dtype(crate::promote::result_type(&[x, other]));
    if dtype.is_complex() {
        return Err(not_implemented("xlog1py_cpu", dtype));
    }
    let (x, y) = (
        crate::ops::copy::to_dtype(x, dtype)?,
        crate::ops::copy::to_dtype(other, dtype)?,
    );
    let out = no_grad(|| {
        let product = mul(&x, &log1p(&y)?)?;
        let zero = logical_and(&eq(&x, &number(0.0)?)?, &logical_not(&isnan(&y)?)?)?;
        select(&zero, &number(0.0)?, &product)
    })?;
    out.record("SpecialXlog1PyBackward0", [&x, &y], |r| {
        let (x, y) = (r.save(&x), r.save(&y));
        move |c: &Ctx, g: &Tensor| {
            let (x, y) = (c.get(x)?, c.get(y)?);
            let first = match c.needs(0) {
                true => {
                    let none = logical_and(&eq(&x, &number(0.0)?)?, &le(&y, &number(-1.0)?)?)?;
                    Some(select(&none, &number(0.0)?, &mul(g, &log1p(&y)?)?)?)
                }
                false => None,
            };
            let second = div(&mul(g, &x)?, &add(&y, &number(1.0)?, Scalar::Int(1))?)?;
            Ok([first, Some(second)])
        }
    })
}

fn xlog1py_of_number_body(x: Scalar, other: &Tensor) -> Result<Tensor> {
    xlog1py(&Tensor::wrapped(x)?, other)
}

fn xlog1py_with_number_body(x: &Tensor, other: Scalar) -> Result<Tensor> {
    xlog1py(x, &Tensor::wrapped(other)?)
}

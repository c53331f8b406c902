//! Powers, and functions of two real values: angles, hypotenuses, logarithms of sums, neighbours.

use super::blend::select;
use super::parts::conjugated;
use super::pointwise::{binary_row, no_direct_way, not_implemented, real_dtype, record2, run_row, unary_row};
use super::sign::params;
use crate::autograd::Ctx;
use crate::iter::Dest;
use crate::op::Value;
use crate::promote::Promotion;
use crate::tensor::Operand;
use crate::{DType, OrThrow, Result, Scalar, Tensor, catch, ensure, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params, Unary, next_after};

ops! {
    /// `self ^ exponent` with a number.
    "pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor" [function, method, inplace, out]
    pub fn pow_scalar(x: &Tensor, exponent: Scalar) -> Tensor = pow_scalar_body;

    /// `self ^ exponent`, element by element.
    "pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor" [function, method, inplace, out]
    pub fn pow(x: &Tensor, exponent: &Tensor) -> Tensor = pow_body;

    /// `self ^ exponent` of a number.
    "pow.Scalar(Scalar self, Tensor exponent) -> Tensor" [function, out]
    pub fn pow_base(base: Scalar, exponent: &Tensor) -> Tensor = pow_base_body;

    /// `self ^ exponent` in float64.
    "float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor" [function, method, inplace, out]
    write write_float_power;
    pub fn float_power(x: &Tensor, exponent: &Tensor) -> Tensor = float_power_body;

    /// The angle of the point `(other, self)`.
    "atan2(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["arctan2"]
    pub fn atan2(x: &Tensor, other: &Tensor) -> Tensor = atan2_body;

    /// `sqrt(self^2 + other^2)`.
    "hypot(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn hypot(x: &Tensor, other: &Tensor) -> Tensor = hypot_body;

    /// The size of `self` with the sign of `other`.
    "copysign.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn copysign(x: &Tensor, other: &Tensor) -> Tensor = copysign_body;

    /// The next number after `self` towards `other`.
    "nextafter(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn nextafter(x: &Tensor, other: &Tensor) -> Tensor = nextafter_body;

    /// `ln(e^self + e^other)`.
    "logaddexp(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn logaddexp(x: &Tensor, other: &Tensor) -> Tensor = logaddexp_body;

    /// `log2(2^self + 2^other)`.
    "logaddexp2(Tensor self, Tensor other) -> Tensor" [function, method, out]
    pub fn logaddexp2(x: &Tensor, other: &Tensor) -> Tensor = logaddexp2_body;

    /// `self * ln(other)`, and 0 for `self = 0` unless `other` is NaN.
    "xlogy.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["special_xlogy"]
    pub fn xlogy(x: &Tensor, other: &Tensor) -> Tensor = xlogy_body;

    /// 0 below 0, 1 above, `values` at 0.
    "heaviside(Tensor self, Tensor values) -> Tensor" [function, method, inplace, out]
    pub fn heaviside(x: &Tensor, values: &Tensor) -> Tensor = heaviside_body;

    /// `self * 2^other`.
    "ldexp.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out]
    pub fn ldexp(x: &Tensor, other: &Tensor) -> Tensor = ldexp_body;
}

fn zero() -> Tensor {
    Tensor::wrapped(0.0).or_throw()
}

fn pow_scalar_body(x: &Tensor, exponent: Scalar) -> Result<Tensor> {
    let dtype = Promotion::default()
        .tensor(x)
        .tensor(&Tensor::wrapped(exponent)?)
        .finish();
    ensure!(
        !(dtype.is_int() && exponent.is_integral(true) && exponent.to_i64() < 0),
        Runtime,
        "Integers to negative integer powers are not allowed."
    );
    let out = power(x, dtype, exponent)?;
    out.record("PowBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| {
            if exponent.to_parts() == (0.0, 0.0) {
                return super::factory::zeros_like(g);
            }
            let less = match exponent {
                Scalar::Int(i) => Scalar::Int(i.saturating_sub(1)),
                Scalar::Complex(re, im) => Scalar::Complex(re - 1.0, im),
                s => Scalar::Float(s.to_f64() - 1.0),
            };
            let slope = pow_scalar(&c.get(x)?, less)?;
            catch(|| g * conjugated(&(slope * exponent)).or_throw())
        }
    })
}

/// `x ^ exponent` in `dtype`: the powers that are cheaper than the general one have kernels of their own.
fn power(x: &Tensor, dtype: DType, exponent: Scalar) -> Result<Tensor> {
    // A complex exponent is none of the special ones.
    let e = match exponent.to_parts() {
        (re, 0.0) => re,
        _ => f64::NAN,
    };
    if e == 0.0 || e == 1.0 {
        let out = Tensor::uninit_like(x, dtype)?;
        let one = Tensor::scalar(1i64, dtype)?;
        super::copy::copy_data(&out, if e == 0.0 { &one } else { x })?;
        return Ok(out);
    }
    let op = if !dtype.is_differentiable() {
        Unary::PowInt
    } else if e == 2.0 {
        Unary::Square
    } else if e == 0.5 {
        Unary::Sqrt
    } else if e == -0.5 {
        Unary::Rsqrt
    } else if e == 3.0 {
        Unary::Cube
    } else if e == -1.0 {
        Unary::Reciprocal
    } else if e == -2.0 {
        Unary::InverseSquare
    } else {
        Unary::PowScalar
    };
    unary_row(op, "pow", x, dtype, Dest::New, &params(dtype, &[exponent]))
}

fn pow_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = try_result_type(&[x, y])?;
    if dtype == DType::Bool {
        return Err(not_implemented("pow", dtype));
    }
    let out = binary_row(Binary::Pow, "pow", x, y, dtype, Dest::New, &Params::default())?;
    out.record("PowBackward1", [x, y], |r| {
        let (x, y, out) = (r.save(x), r.save(y), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let (x, y, out) = (c.get(x)?, c.get(y)?, c.get(out)?);
            catch(|| {
                [
                    c.needs(0).then(|| {
                        let slope = g * conjugated(&(&y * pow(&x, &(&y - 1)).or_throw())).or_throw();
                        select(&y.eq(0.0), &zero(), &slope).or_throw()
                    }),
                    c.needs(1).then(|| {
                        // At 0 the logarithm is infinite, yet the power stays 0 for every exponent from 0 up.
                        let flat = x.eq(0.0) & y.real().ge(0.0);
                        let slope = g * conjugated(&(out * logarithm(&x, &y))).or_throw();
                        select(&flat, &zero(), &slope).or_throw()
                    }),
                ]
            })
        }
    })
}

/// The logarithm of a base; complex where the exponent is.
fn logarithm(x: &Tensor, exponent: &Tensor) -> Tensor {
    match exponent.dtype().is_complex() && !x.dtype().is_complex() {
        true => x.to_dtype(exponent.dtype()).log(),
        false => x.log(),
    }
}

fn pow_base_body(base: Scalar, y: &Tensor) -> Result<Tensor> {
    let dtype = Promotion::default().tensor(&Tensor::wrapped(base)?).tensor(y).finish();
    let out = if base.to_parts() == (1.0, 0.0) && dtype != DType::Bool {
        super::factory::full_of(y.shape(), Scalar::Int(1), dtype)?
    } else if dtype.is_differentiable() {
        unary_row(Unary::PowBase, "pow", y, dtype, Dest::New, &params(dtype, &[base]))?
    } else {
        let base = Tensor::scalar(base, dtype)?;
        if dtype == DType::Bool {
            return Err(not_implemented("pow", dtype));
        }
        binary_row(Binary::Pow, "pow", &base, y, dtype, Dest::New, &Params::default())?
    };
    out.record("PowBackward2", [y], |r| {
        let (y, out) = (r.save(y), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let (y, out) = (c.get(y)?, c.get(out)?);
            catch(|| {
                let b = base.to_f64();
                if base.is_complex() || y.dtype().is_complex() {
                    let base = Tensor::scalar(base, y.dtype().of_parts().unwrap_or(out.dtype())).or_throw();
                    g * conjugated(&(out * base.log())).or_throw()
                } else if b == 0.0 {
                    let slope = g * (out * f64::NEG_INFINITY);
                    select(&y.ge(0.0), &zero(), &slope).or_throw()
                } else {
                    g * (out * b.ln())
                }
            })
        }
    })
}

fn float_power_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = match x.dtype().is_complex() || y.dtype().is_complex() {
        true => DType::C128,
        false => DType::F64,
    };
    let wide = |t: &Tensor| super::copy::to_dtype(t, dtype);
    if y.is_wrapped_number() {
        return pow_scalar(&wide(x)?, y.try_item()?);
    }
    if x.is_wrapped_number() {
        return pow_base(x.try_item()?, &wide(y)?);
    }
    pow(&wide(x)?, &wide(y)?)
}

/// A result in place or in `out` must be float64, which PyTorch asks of this operation alone; the rest is general.
fn write_float_power(args: &[Value], out: &Tensor) -> Result<()> {
    let in_place = matches!(args.first(), Some(Value::Tensor(x)) if x.is_same(out));
    let (what, name) = if in_place {
        ("base", "float_power_")
    } else {
        ("output", "float_power")
    };
    let complex = args.iter().any(|a| match a {
        Value::Tensor(t) => t.dtype().is_complex(),
        Value::Scalar(s) => s.is_complex(),
        _ => false,
    });
    let wanted = if complex { DType::C128 } else { DType::F64 };
    ensure!(
        out.dtype() == wanted,
        Runtime,
        "the {what} given to {name} has dtype {} but the operation's result requires dtype {}",
        out.dtype().scalar_type_name(),
        wanted.scalar_type_name()
    );
    Err(no_direct_way())
}

/// A function of two real values: integers become the default floating dtype.
fn real(op: Binary, name: &str, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    binary_row(
        op,
        name,
        x,
        y,
        real_dtype(try_result_type(&[x, y])?),
        Dest::New,
        &Params::default(),
    )
}

/// A function of two floats: integers are refused.
fn floats(op: Binary, name: &str, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    binary_row(op, name, x, y, try_result_type(&[x, y])?, Dest::New, &Params::default())
}

fn atan2_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = real(Binary::Atan2, "atan2", x, y)?;
    // At the origin the slope is taken as 0.
    fn shrink(g: &Tensor, x: &Tensor, y: &Tensor) -> Tensor {
        let r = (x * x + y * y).reciprocal();
        let r = select(&r.isinf(), &zero(), &r).or_throw();
        g * r
    }
    record2(
        out,
        "Atan2Backward0",
        [x, y],
        |g, x, y| shrink(g, x, y) * y,
        |g, x, y| shrink(g, x, y) * -x,
    )
}

fn hypot_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = floats(Binary::Hypot, "hypot", x, y)?;
    out.record("HypotBackward0", [x, y], |r| {
        let (x, y, out) = (r.save(x), r.save(y), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let (x, y, out) = (c.get(x)?, c.get(y)?, c.get(out)?);
            catch(|| [c.needs(0).then(|| g * (x / &out)), c.needs(1).then(|| g * (y / &out))])
        }
    })
}

fn copysign_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = real(Binary::Copysign, "copysign", x, y)?;
    out.record("CopysignBackward0", [x, y], |r| {
        let (x, out) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let (x, out) = (c.get(x)?, c.get(out)?);
            let wants = [c.needs(0), c.needs(1)];
            catch(|| {
                let ratio = out / &x;
                let slope = select(&x.eq(0.0), &zero(), &ratio).or_throw();
                [wants[0].then(|| g * slope), wants[1].then(|| g.zeros_like())]
            })
        }
    })
}

fn nextafter_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = try_result_type(&[x, y])?;
    let Some(kernel) = next_after(dtype) else {
        return Err(not_implemented("nextafter_cpu", dtype));
    };
    let out = run_row(kernel, 4, &[x, y], dtype, dtype, Dest::New, &Params::default())?;
    // A neighbour moves as the number does.
    record2(
        out,
        "NextafterBackward0",
        [x, y],
        |g, x, y| select(&x.eq(y), &zero(), g).or_throw(),
        |g, _, _| g.zeros_like(),
    )
}

fn logaddexp_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = floats(Binary::LogAddExp, "logaddexp", x, y)?;
    record2(
        out,
        "LogaddexpBackward0",
        [x, y],
        |g, x, y| g / (1 + (y - x).exp()),
        |g, x, y| g / (1 + (x - y).exp()),
    )
}

fn logaddexp2_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = floats(Binary::LogAddExp2, "logaddexp2", x, y)?;
    record2(
        out,
        "Logaddexp2Backward0",
        [x, y],
        |g, x, y| g / (1 + (y - x).exp2()),
        |g, x, y| g / (1 + (x - y).exp2()),
    )
}

fn xlogy_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = real(Binary::Xlogy, "xlogy", x, y)?;
    record2(
        out,
        "XlogyBackward0",
        [x, y],
        |g, x, y| {
            // A plain number has no precision of its own.
            let slope = g * y.to_dtype(g.dtype()).log();
            select(&(x.eq(0.0) & y.le(0.0)), &zero(), &slope).or_throw()
        },
        |g, x, y| g * x / y,
    )
}

fn heaviside_body(x: &Tensor, values: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype() == values.dtype(),
        Runtime,
        "heaviside is not yet implemented for tensors with different dtypes."
    );
    if x.dtype() == DType::Bool {
        // Nothing is below false, and what is not zero is above it.
        return super::compare::logical_or(x, values);
    }
    let out = floats(Binary::Heaviside, "heaviside", x, values)?;
    out.record("torch::autograd::NotImplemented", [x, values], |_| {
        super::division::not_derived("heaviside")
    })
}

fn ldexp_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let two = pow_base(Scalar::Float(2.0), y)?;
    super::arith::mul(x, &two)
}

macro_rules! methods {
    ($($(#[doc = $doc:literal])* $name:ident;)+) => {
        impl Tensor {
            $(
                $(#[doc = $doc])*
                #[track_caller]
                pub fn $name(&self, other: impl Operand) -> Tensor {
                    other.with(|o| $name(self, o)).or_throw()
                }
            )+
        }
    };
}

methods! {
    /// The angle of the point `(other, self)`.
    atan2;
    /// `sqrt(self^2 + other^2)`.
    hypot;
    /// The size of `self` with the sign of `other`.
    copysign;
    /// The next number after `self` towards `other`.
    nextafter;
    /// `ln(e^self + e^other)`.
    logaddexp;
    /// `log2(2^self + 2^other)`.
    logaddexp2;
    /// `self * ln(other)`, and 0 for `self = 0` unless `other` is NaN.
    xlogy;
    /// `self ^ exponent` in float64.
    float_power;
}

impl Tensor {
    /// `self ^ exponent` with a number or a tensor.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::from_slice(&[1.0, 2.0, 3.0]).pow(2).to_vec::<f64>(), [1.0, 4.0, 9.0]);
    /// ```
    #[track_caller]
    pub fn pow(&self, exponent: impl Operand) -> Tensor {
        exponent
            .with(|e| {
                if e.is_wrapped_number() {
                    pow_scalar(self, e.try_item()?)
                } else {
                    pow(self, e)
                }
            })
            .or_throw()
    }
}

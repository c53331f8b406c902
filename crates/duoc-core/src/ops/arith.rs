//! Addition, subtraction, multiplication, division.

use super::pointwise::{binary_row, check_shape, no_direct_way};
use crate::autograd::{Ctx, Grads};
use crate::iter::Dest;
use crate::op::Value;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params};

ops! {
    /// `self + alpha * other`, broadcast and promoted.
    "add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor" [function, method, inplace, out]
    write |args, out| write(Binary::Add, args, out);
    pub fn add(x: &Tensor, other: &Tensor, alpha: Scalar) -> Tensor = add_body;

    /// `self - alpha * other`, broadcast and promoted.
    "sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor" [function, method, inplace, out] alias ["subtract"]
    write |args, out| write(Binary::Sub, args, out);
    pub fn sub(x: &Tensor, other: &Tensor, alpha: Scalar) -> Tensor = sub_body;

    /// `self * other`, broadcast and promoted.
    "mul.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["multiply"]
    write |args, out| write(Binary::Mul, args, out);
    pub fn mul(x: &Tensor, other: &Tensor) -> Tensor = mul_body;

    /// `self / other`: true division, integers give the default floating dtype.
    "div.Tensor(Tensor self, Tensor other) -> Tensor" [function, method, inplace, out] alias ["divide", "true_divide"]
    write |args, out| write(Binary::Div, args, out);
    pub fn div(x: &Tensor, other: &Tensor) -> Tensor = div_body;
}

fn scaled(alpha: Scalar, dtype: DType) -> Params {
    if dtype.is_differentiable() {
        let (re, im) = alpha.to_parts();
        Params::floats(&[re, im])
    } else {
        Params::ints(&[if dtype == DType::Bool {
            alpha.to_bool() as i64
        } else {
            alpha.to_i64()
        }])
    }
}

pub(crate) fn check_alpha(dtype: DType, alpha: Scalar) -> Result<()> {
    if matches!(alpha, Scalar::Bool(_)) && dtype != DType::Bool {
        bail!(Runtime, "Boolean alpha only supported for Boolean results.");
    }
    if !dtype.is_differentiable() && !alpha.is_integral(true) {
        bail!(
            Runtime,
            "For integral input tensors, argument alpha must not be a floating point number."
        );
    }
    Ok(())
}

/// The dtype of a result, or the error of operands and a factor that do not go with the operation.
fn dtype_of(op: Binary, x: &Tensor, y: &Tensor, alpha: Scalar) -> Result<DType> {
    let dtype = try_result_type(&[x, y])?;
    match op {
        Binary::Div => return Ok(super::pointwise::real_dtype(dtype)),
        Binary::Sub => check_bools(x, y)?,
        _ => {}
    }
    check_alpha(dtype, alpha)?;
    Ok(dtype)
}

/// The result straight into `out`, where its shape and dtype are right.
pub(crate) fn write(op: Binary, args: &[Value], out: &Tensor) -> Result<()> {
    let (Some(Value::Tensor(x)), Some(Value::Tensor(y))) = (args.first(), args.get(1)) else {
        return Err(no_direct_way());
    };
    let alpha = match args.get(2) {
        Some(Value::Scalar(s)) => *s,
        _ => Scalar::Int(1),
    };
    if dtype_of(op, x, y, alpha)? != out.dtype() {
        return Err(no_direct_way());
    }
    check_shape(out, &[x, y])?;
    binary_row(op, "", x, y, out.dtype(), Dest::Into(out), &scaled(alpha, out.dtype())).map(drop)
}

fn add_body(x: &Tensor, y: &Tensor, alpha: Scalar) -> Result<Tensor> {
    let dtype = try_result_type(&[x, y])?;
    check_alpha(dtype, alpha)?;
    let out = binary_row(Binary::Add, "add", x, y, dtype, Dest::New, &scaled(alpha, dtype))?;
    out.record("AddBackward0", [x, y], |_| {
        move |c: &Ctx, g: &Tensor| Ok([c.needs(0).then(|| g.clone()), times(c.needs(1), g, alpha.conj())?])
    })
}

/// Bools are not subtracted.
fn check_bools(x: &Tensor, y: &Tensor) -> Result<()> {
    if x.dtype() == DType::Bool && y.dtype() == DType::Bool {
        bail!(
            NotImplemented,
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator instead."
        );
    }
    if x.dtype() == DType::Bool || y.dtype() == DType::Bool {
        bail!(
            NotImplemented,
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        );
    }
    Ok(())
}

fn sub_body(x: &Tensor, y: &Tensor, alpha: Scalar) -> Result<Tensor> {
    let dtype = try_result_type(&[x, y])?;
    check_bools(x, y)?;
    check_alpha(dtype, alpha)?;
    let out = binary_row(Binary::Sub, "sub", x, y, dtype, Dest::New, &scaled(alpha, dtype))?;
    let minus = match alpha {
        Scalar::Int(i) => Scalar::Int(i.wrapping_neg()),
        Scalar::Complex(re, im) => Scalar::Complex(-re, im),
        a => Scalar::Float(-a.to_f64()),
    };
    out.record("SubBackward0", [x, y], |_| {
        move |c: &Ctx, g: &Tensor| Ok([c.needs(0).then(|| g.clone()), times(c.needs(1), g, minus)?])
    })
}

/// `g * factor` where wanted.
fn times(wanted: bool, g: &Tensor, factor: Scalar) -> Result<Option<Tensor>> {
    Ok(match factor {
        _ if !wanted => None,
        Scalar::Int(1) => Some(g.clone()),
        f => Some(mul(g, &Tensor::wrapped(f)?)?),
    })
}

fn mul_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let out = binary_row(
        Binary::Mul,
        "mul",
        x,
        y,
        try_result_type(&[x, y])?,
        Dest::New,
        &Params::default(),
    )?;
    out.record("MulBackward0", [x, y], |r| {
        let (x, y) = (r.save_if(r.needs(1), x), r.save_if(r.needs(0), y));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            Ok(smallvec::smallvec![
                if c.needs(0) {
                    Some(mul(g, &c.get_conj(y)?)?)
                } else {
                    None
                },
                if c.needs(1) {
                    Some(mul(g, &c.get_conj(x)?)?)
                } else {
                    None
                },
            ])
        }
    })
}

fn div_body(x: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = super::pointwise::real_dtype(try_result_type(&[x, y])?);
    let out = binary_row(Binary::Div, "div_true", x, y, dtype, Dest::New, &Params::default())?;
    out.record("DivBackward0", [x, y], |r| {
        let (x, y) = (r.save_if(r.needs(1), x), r.save(y));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let y = c.get_conj(y)?;
            let gx = div(g, &y)?;
            // d(x/y)/dy = -(x/y)/y
            let gy = if c.needs(1) {
                Some(mul(&mul(&gx, &div(&c.get_conj(x)?, &y)?)?, &Tensor::wrapped(-1i64)?)?)
            } else {
                None
            };
            Ok(smallvec::smallvec![c.needs(0).then_some(gx), gy])
        }
    })
}

impl Tensor {
    /// `self + other`, broadcast and promoted.
    #[track_caller]
    pub fn add(&self, other: &Tensor) -> Tensor {
        add(self, other, Scalar::Int(1)).or_throw()
    }
}

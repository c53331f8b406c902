//! Functions of one tensor: one row each, with the kernel, the dtypes, and the gradient.

use super::pointwise::{
    Save, change, check_shape, no_gradient, not_implemented, real_dtype, record1, unary_row, writable,
};
use crate::iter::Dest;
use crate::op::Value;
use crate::{DType, OrThrow, Result, Tensor, ops};
use duoc_kernels::pointwise::{Params, Unary, modulus};
use std::f64::consts::{LN_2, LN_10, PI};

/// What a function takes and gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Real values: integers and bools become the default floating dtype.
    Float,
    /// Floats only: integers are refused.
    OnlyFloat,
    /// Any number, of its own dtype.
    Number,
    /// Any number; integers are what they are.
    Whole,
}

/// The kernel's dtype for an input of a class, or None where the result is a plain copy.
fn dtype_of(class: Class, kernel: &str, dtype: DType) -> Result<Option<DType>> {
    Ok(match class {
        Class::Float => Some(real_dtype(dtype)),
        Class::Whole if dtype.is_int() => None,
        Class::OnlyFloat if !dtype.is_differentiable() => return Err(not_implemented(kernel, dtype)),
        _ => Some(dtype),
    })
}

fn compute(op: Unary, class: Class, kernel: &str, x: &Tensor) -> Result<Tensor> {
    if op == Unary::Abs && x.dtype().is_complex() {
        return super::parts::to_part(modulus, x);
    }
    match dtype_of(class, kernel, x.dtype())? {
        Some(dtype) => unary_row(op, kernel, x, dtype, Dest::New, &Params::default()),
        None => super::copy::clone(x, None),
    }
}

/// The result straight into `out`, where its shape and dtype are right.
fn write(op: Unary, class: Class, kernel: &str, args: &[Value], out: &Tensor) -> Result<()> {
    if op == Unary::Abs && out.dtype().is_complex() {
        let in_place = matches!(args.first(), Some(Value::Tensor(x)) if x.is_same(out));
        crate::ensure!(!in_place, Runtime, "In-place abs is not supported for complex tensors.");
        return Err(super::pointwise::no_direct_way());
    }
    let x = writable(args, 0, out.dtype(), out)?;
    check_shape(out, &[x])?;
    match dtype_of(class, kernel, x.dtype())? {
        Some(dtype) if dtype == out.dtype() => {
            unary_row(op, kernel, x, dtype, Dest::Into(out), &Params::default()).map(drop)
        }
        _ => Err(not_implemented(kernel, out.dtype())),
    }
}

/// Rows: schema, aliases, the names of the function and its in-place form, kernel row, class, the kernel's name in
/// error texts, then the node's name, what is saved, and the gradient in `g` and what was saved.
macro_rules! unary_ops {
    ($(
        $(#[doc = $doc:literal])*
        $schema:literal [$($alias:literal),*]
        $name:ident $name_:ident: $op:ident $class:ident $kernel:literal,
        $node:literal $save:ident |$g:ident, $v:ident| $formula:expr;
    )*) => {
        ops! {
            $(
                $(#[doc = $doc])*
                $schema [function, method, inplace, out] alias [$($alias),*]
                write |args, out| write(Unary::$op, Class::$class, $kernel, args, out);
                pub fn $name(x: &Tensor) -> Tensor = body::$name;
            )*
        }

        mod body {
            use super::*;
            $(
                pub fn $name(x: &Tensor) -> Result<Tensor> {
                    let out = compute(Unary::$op, Class::$class, $kernel, x)?;
                    record1(out, $node, x, Save::$save, |$g, $v| $formula)
                }
            )*
        }

        impl Tensor {
            $(
                $(#[doc = $doc])*
                #[track_caller]
                pub fn $name(&self) -> Tensor {
                    $name(self).or_throw()
                }

                #[doc = concat!("[`Tensor::", stringify!($name), "`] in place.")]
                #[track_caller]
                pub fn $name_(&self) -> &Tensor {
                    let straight = |x: &Tensor| write(Unary::$op, Class::$class, $kernel, &[Value::Tensor(x.clone())], x);
                    change(self, &[], straight, |x| $name(x)).or_throw();
                    self
                }
            )*
        }
    };
}

unary_ops! {
    /// `e^x`.
    "exp(Tensor self) -> Tensor" []
    exp exp_: Exp Float "exp_vml_cpu", "ExpBackward0" Output |g, y| g * y;

    /// `2^x`.
    "exp2(Tensor self) -> Tensor" ["special_exp2"]
    exp2 exp2_: Exp2 Float "exp2_cpu", "Exp2Backward0" Output |g, y| g * y * LN_2;

    /// `e^x - 1`, exact near 0.
    "expm1(Tensor self) -> Tensor" ["special_expm1"]
    expm1 expm1_: Expm1 Float "expm1_vml_cpu", "Expm1Backward0" Output |g, y| g * (y + 1);

    /// The natural logarithm.
    "log(Tensor self) -> Tensor" []
    log log_: Log Float "log_vml_cpu", "LogBackward0" Input |g, x| g / x;

    /// The logarithm to base 2.
    "log2(Tensor self) -> Tensor" []
    log2 log2_: Log2 Float "log2_vml_cpu", "Log2Backward0" Input |g, x| g / (x * LN_2);

    /// The logarithm to base 10.
    "log10(Tensor self) -> Tensor" []
    log10 log10_: Log10 Float "log10_vml_cpu", "Log10Backward0" Input |g, x| g / (x * LN_10);

    /// `ln(1 + x)`, exact near 0.
    "log1p(Tensor self) -> Tensor" ["special_log1p"]
    log1p log1p_: Log1p Float "log1p_vml_cpu", "Log1PBackward0" Input |g, x| g / (x + 1);

    /// The square root.
    "sqrt(Tensor self) -> Tensor" []
    sqrt sqrt_: Sqrt Float "sqrt_vml_cpu", "SqrtBackward0" Output |g, y| g / (y * 2);

    /// `1 / sqrt(x)`.
    "rsqrt(Tensor self) -> Tensor" []
    rsqrt rsqrt_: Rsqrt Float "rsqrt_cpu", "RsqrtBackward0" Output |g, y| g * (y * y * y) * -0.5;

    /// `1 / x`.
    "reciprocal(Tensor self) -> Tensor" []
    reciprocal reciprocal_: Reciprocal Float "reciprocal_cpu", "ReciprocalBackward0" Output |g, y| -&(g * (y * y));

    /// The sine.
    "sin(Tensor self) -> Tensor" []
    sin sin_: Sin Float "sin_vml_cpu", "SinBackward0" Input |g, x| g * x.cos();

    /// The cosine.
    "cos(Tensor self) -> Tensor" []
    cos cos_: Cos Float "cos_vml_cpu", "CosBackward0" Input |g, x| g * -&x.sin();

    /// The tangent.
    "tan(Tensor self) -> Tensor" []
    tan tan_: Tan Float "tan_vml_cpu", "TanBackward0" Output |g, y| g * (y * y + 1);

    /// The arc sine.
    "asin(Tensor self) -> Tensor" ["arcsin"]
    asin asin_: Asin Float "asin_vml_cpu", "AsinBackward0" Input |g, x| g * (1i64 - x * x).rsqrt();

    /// The arc cosine.
    "acos(Tensor self) -> Tensor" ["arccos"]
    acos acos_: Acos Float "acos_vml_cpu", "AcosBackward0" Input |g, x| g * -&(1i64 - x * x).rsqrt();

    /// The arc tangent.
    "atan(Tensor self) -> Tensor" ["arctan"]
    atan atan_: Atan Float "atan_vml_cpu", "AtanBackward0" Input |g, x| g / (x * x + 1);

    /// The hyperbolic sine.
    "sinh(Tensor self) -> Tensor" []
    sinh sinh_: Sinh Float "sinh_vml_cpu", "SinhBackward0" Input |g, x| g * x.cosh();

    /// The hyperbolic cosine.
    "cosh(Tensor self) -> Tensor" []
    cosh cosh_: Cosh Float "cosh_vml_cpu", "CoshBackward0" Input |g, x| g * x.sinh();

    /// The hyperbolic tangent.
    "tanh(Tensor self) -> Tensor" []
    tanh tanh_: Tanh Float "tanh_vml_cpu", "TanhBackward0" Output |g, y| tanh_backward(g, y).or_throw();

    /// The inverse hyperbolic sine.
    "asinh(Tensor self) -> Tensor" ["arcsinh"]
    asinh asinh_: Asinh Float "asinh_cpu", "AsinhBackward0" Input |g, x| g * (x * x + 1).rsqrt();

    /// The inverse hyperbolic cosine.
    "acosh(Tensor self) -> Tensor" ["arccosh"]
    acosh acosh_: Acosh Float "acosh_cpu", "AcoshBackward0" Input |g, x| g * (x * x - 1).rsqrt();

    /// The inverse hyperbolic tangent.
    "atanh(Tensor self) -> Tensor" ["arctanh"]
    atanh atanh_: Atanh Float "atanh_cpu", "AtanhBackward0" Input |g, x| g / (1i64 - x * x);

    /// `1 / (1 + e^-x)`.
    "sigmoid(Tensor self) -> Tensor" ["special_expit"]
    sigmoid sigmoid_: Sigmoid Float "sigmoid_cpu", "SigmoidBackward0" Output |g, y| sigmoid_backward(g, y).or_throw();

    /// The error function, `2 / sqrt(pi) * integral of e^(-t^2) from 0 to x`.
    "erf(Tensor self) -> Tensor" ["special_erf"]
    erf erf_: Erf Float "erf_vml_cpu", "ErfBackward0" Input |g, x| g * (-&(x * x)).exp() * (2.0 / PI.sqrt());

    /// `1 - erf(x)`.
    "erfc(Tensor self) -> Tensor" ["special_erfc"]
    erfc erfc_: Erfc Float "erfc_vml_cpu", "ErfcBackward0" Input |g, x| g * (-&(x * x)).exp() * (-2.0 / PI.sqrt());

    /// `sin(pi x) / (pi x)`, 1 at 0.
    "sinc(Tensor self) -> Tensor" ["special_sinc"]
    sinc sinc_: Sinc Float "sinc_cpu", "SincBackward0" Input |g, x| sinc_gradient(g, x).or_throw();

    /// Degrees to radians.
    "deg2rad(Tensor self) -> Tensor" []
    deg2rad deg2rad_: Deg2Rad Float "deg2rad", "Deg2RadBackward0" Nothing |g, _v| g * (PI / 180.0);

    /// Radians to degrees.
    "rad2deg(Tensor self) -> Tensor" []
    rad2deg rad2deg_: Rad2Deg Float "rad2deg", "Rad2DegBackward0" Nothing |g, _v| g * (180.0 / PI);

    /// The smallest whole number not below `x`; integers are copied.
    "ceil(Tensor self) -> Tensor" []
    ceil ceil_: Ceil Whole "ceil_vml_cpu", "CeilBackward0" Nothing |g, v| no_gradient(g, v);

    /// The largest whole number not above `x`; integers are copied.
    "floor(Tensor self) -> Tensor" []
    floor floor_: Floor Whole "floor_vml_cpu", "FloorBackward0" Nothing |g, v| no_gradient(g, v);

    /// The nearest whole number, ties to even; integers are copied.
    "round(Tensor self) -> Tensor" ["special_round"]
    round round_: Round Whole "round_vml_cpu", "RoundBackward0" Nothing |g, v| no_gradient(g, v);

    /// The whole part; integers are copied.
    "trunc(Tensor self) -> Tensor" ["fix"]
    trunc trunc_: Trunc Whole "trunc_vml_cpu", "TruncBackward0" Nothing |g, v| no_gradient(g, v);

    /// `x - trunc(x)`.
    "frac(Tensor self) -> Tensor" []
    frac frac_: Frac OnlyFloat "frac_cpu", "FracBackward0" Nothing |g, _v| g.clone();

    /// `|x|`.
    "abs(Tensor self) -> Tensor" ["absolute"]
    abs abs_: Abs Number "abs_cpu", "AbsBackward0" Input |g, x| g * super::super::parts::conjugated(&x.sgn()).or_throw();
}

/// `cos(pi x) / x - sin(pi x) / (pi x^2)`, 0 at 0.
fn sinc_gradient(g: &Tensor, x: &Tensor) -> Result<Tensor> {
    let p = x * PI;
    let slope = ((&p * p.cos() - p.sin()) / (&p * x)) * g;
    super::blend::select(
        &super::compare::eq(x, &Tensor::wrapped(0.0)?)?,
        &Tensor::wrapped(0.0)?,
        &slope,
    )
}

/// `g * (1 - y) * y`, the gradient through `y = sigmoid(x)`, in one kernel when it is not itself recorded.
fn sigmoid_backward(g: &Tensor, y: &Tensor) -> Result<Tensor> {
    super::activation::sigmoid_backward(g, y)
}

/// `g * (1 - y^2)`, the gradient through `y = tanh(x)`.
fn tanh_backward(g: &Tensor, y: &Tensor) -> Result<Tensor> {
    super::activation::tanh_backward(g, y)
}

impl std::ops::Neg for &Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        super::sign::neg(self).or_throw()
    }
}

impl std::ops::Neg for Tensor {
    type Output = Tensor;
    #[track_caller]
    fn neg(self) -> Tensor {
        super::sign::neg(&self).or_throw()
    }
}

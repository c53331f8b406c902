//! Smooth activation functions: exponential, normal and logistic in the middle, straight lines far out.
//!
//! A backward function is one kernel; where its own gradient is recorded, `g f''(x)` in plain ops takes over.

use super::arith::mul;
use super::pointwise::{binary_row, not_implemented, unary_row};
use super::split::chunk;
use crate::autograd::{Ctx, Grads};
use crate::iter::Dest;
use crate::{OrThrow, Result, Scalar, Tensor, bail, catch, ensure, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params, Unary};

ops! {
    /// `x Φ(x)`, with the normal distribution's `Φ(x) = (1 + erf(x / sqrt 2)) / 2`; `approximate="tanh"` is
    /// `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))` (D. Hendrycks, K. Gimpel, 2016).
    "gelu(Tensor self, *, str approximate=\"none\") -> Tensor" [inplace, out]
    pub fn gelu(x: &Tensor, approximate: &str) -> Tensor = gelu_body;

    /// The gradient through [`gelu`] at `self`.
    "gelu_backward(Tensor grad_output, Tensor self, *, str approximate=\"none\") -> Tensor" []
    pub fn gelu_backward(grad: &Tensor, x: &Tensor, approximate: &str) -> Tensor = gelu_backward_body;

    /// `x sigmoid(x)`, also called swish (S. Elfwing et al., 2017).
    "silu(Tensor self) -> Tensor" [inplace, out]
    pub fn silu(x: &Tensor) -> Tensor = silu_body;

    /// The gradient through [`silu`] at `self`.
    "silu_backward(Tensor grad_output, Tensor self) -> Tensor" []
    pub fn silu_backward(grad: &Tensor, x: &Tensor) -> Tensor = silu_backward_body;

    /// `x tanh(softplus(x))` (D. Misra, 2019).
    "mish(Tensor self) -> Tensor" [inplace, out]
    pub fn mish(x: &Tensor) -> Tensor = mish_body;

    /// The gradient through [`mish`] at `self`.
    "mish_backward(Tensor grad_output, Tensor self) -> Tensor" []
    pub fn mish_backward(grad: &Tensor, x: &Tensor) -> Tensor = mish_backward_body;

    /// `ln(1 + e^(beta x)) / beta`, and `x` itself where `beta x > threshold`.
    "softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor" [out]
    pub fn softplus(x: &Tensor, beta: Scalar, threshold: Scalar) -> Tensor = softplus_body;

    /// The gradient through [`softplus`] at `self`.
    "softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor" []
    pub fn softplus_backward(grad: &Tensor, x: &Tensor, beta: Scalar, threshold: Scalar) -> Tensor = softplus_backward_body;

    /// `ln sigmoid(x)`, exact for large negative `x` too.
    "log_sigmoid(Tensor self) -> Tensor" [out]
    pub fn log_sigmoid(x: &Tensor) -> Tensor = log_sigmoid_body;

    /// The gated linear unit `a sigmoid(b)`, with `a` and `b` the halves of `x` along `dim` (Y. Dauphin et al., 2017).
    "glu(Tensor self, int dim=-1) -> Tensor" [out]
    pub fn glu(x: &Tensor, dim: i64) -> Tensor = glu_body;
}

/// A kernel over `g` and `x` with its own gradients: `of_g(gg, x)`, and `gg g second(x)`.
pub(super) fn backward_row(
    op: Binary,
    kernel: &str,
    node: &'static str,
    [g, x]: [&Tensor; 2],
    params: &Params,
    of_g: impl Fn(&Tensor, &Tensor) -> Result<Tensor> + Send + Sync + 'static,
    second: impl Fn(&Tensor) -> Tensor + Send + Sync + 'static,
) -> Result<Tensor> {
    let dtype = try_result_type(&[g, x])?;
    if !dtype.is_differentiable() {
        return Err(not_implemented(kernel, dtype));
    }
    let out = binary_row(op, kernel, g, x, dtype, Dest::New, params)?;
    out.record(node, [g, x], |r| {
        let (g, x) = (r.save(g), r.save(x));
        move |c: &Ctx, gg: &Tensor| -> Result<Grads> {
            let (g, x) = (c.get(g)?, c.get(x)?);
            let left = if c.needs(0) { Some(of_g(gg, &x)?) } else { None };
            let right = if c.needs(1) {
                Some(catch(|| gg * g * second(&x))?)
            } else {
                None
            };
            Ok(smallvec::smallvec![left, right])
        }
    })
}

/// Zero wherever it exists: the second derivative of a function of straight pieces.
pub(super) fn flat(x: &Tensor) -> Tensor {
    x.zeros_like()
}

fn none() -> Params {
    Params::default()
}

fn approximation(name: &str) -> Result<bool> {
    match name {
        "none" => Ok(false),
        "tanh" => Ok(true),
        other => bail!(Runtime, "approximate argument must be either none or tanh. Got {other}"),
    }
}

const NORMAL: f64 = 0.398_942_280_401_432_7;
const BETA: f64 = 0.797_884_560_802_865_4;
const KAPPA: f64 = 0.044715;

fn gelu_body(x: &Tensor, approximate: &str) -> Result<Tensor> {
    let tanh = approximation(approximate)?;
    let op = if tanh { Unary::GeluTanh } else { Unary::Gelu };
    let out = unary_row(op, "GeluKernelImpl", x, x.dtype(), Dest::New, &none())?;
    out.record("GeluBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| gelu_backward(g, &c.get(x)?, if tanh { "tanh" } else { "none" })
    })
}

fn gelu_backward_body(g: &Tensor, x: &Tensor, approximate: &str) -> Result<Tensor> {
    let tanh = approximation(approximate)?;
    let op = if tanh {
        Binary::GeluTanhBackward
    } else {
        Binary::GeluBackward
    };
    let again = move |gg: &Tensor, x: &Tensor| gelu_backward(gg, x, if tanh { "tanh" } else { "none" });
    // Of x Φ(x): φ (2 - x^2).
    let of_normal = |x: &Tensor| (x * x * -0.5).exp() * NORMAL * (x * x * -1 + 2);
    // Of x/2 (1 + t), t = tanh u: t' + x t''/2, with t' = (1 - t^2) u', t'' = (1 - t^2)(u'' - 2 t u'^2).
    let of_tanh = |x: &Tensor| {
        let t = ((x * x * x * KAPPA + x) * BETA).tanh();
        let slope = (x * x * (3.0 * KAPPA) + 1) * BETA;
        let bend = x * (6.0 * KAPPA * BETA);
        let rest = &t * &t * -1 + 1;
        &rest * &slope + x * 0.5 * &rest * (bend - &t * 2 * &slope * &slope)
    };
    let second = move |x: &Tensor| if tanh { of_tanh(x) } else { of_normal(x) };
    backward_row(
        op,
        "GeluBackwardKernelImpl",
        "GeluBackwardBackward0",
        [g, x],
        &none(),
        again,
        second,
    )
}

fn silu_body(x: &Tensor) -> Result<Tensor> {
    let out = unary_row(Unary::Silu, "silu_cpu", x, x.dtype(), Dest::New, &none())?;
    out.record("SiluBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| silu_backward(g, &c.get(x)?)
    })
}

fn silu_backward_body(g: &Tensor, x: &Tensor) -> Result<Tensor> {
    // s(1 - s)(2 + x (1 - 2 s))
    let second = |x: &Tensor| {
        let s = x.sigmoid();
        &s * (&s * -1 + 1) * (x * (&s * -2 + 1) + 2)
    };
    let (op, node) = (Binary::SiluBackward, "SiluBackwardBackward0");
    backward_row(op, "silu_backward_cpu", node, [g, x], &none(), silu_backward, second)
}

fn mish_body(x: &Tensor) -> Result<Tensor> {
    let out = unary_row(Unary::Mish, "mish_cpu", x, x.dtype(), Dest::New, &none())?;
    out.record("MishBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| mish_backward(g, &c.get(x)?)
    })
}

fn mish_backward_body(g: &Tensor, x: &Tensor) -> Result<Tensor> {
    // With t = tanh(softplus x), s = sigmoid x: (1 - t^2) s (2 + x (1 - s - 2 t s)).
    let second = |x: &Tensor| {
        let (s, t) = (
            x.sigmoid(),
            softplus(x, Scalar::Int(1), Scalar::Int(20)).or_throw().tanh(),
        );
        (&t * &t * -1 + 1) * &s * (x * (&s * -1 - &t * &s * 2 + 1) + 2)
    };
    let (op, node) = (Binary::MishBackward, "MishBackwardBackward0");
    backward_row(op, "mish_backward_cpu", node, [g, x], &none(), mish_backward, second)
}

fn softplus_body(x: &Tensor, beta: Scalar, threshold: Scalar) -> Result<Tensor> {
    let p = Params::floats(&[beta.to_f64(), threshold.to_f64()]);
    let out = unary_row(Unary::Softplus, "softplus_cpu", x, x.dtype(), Dest::New, &p)?;
    out.record("SoftplusBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| softplus_backward(g, &c.get(x)?, beta, threshold)
    })
}

fn softplus_backward_body(g: &Tensor, x: &Tensor, beta: Scalar, threshold: Scalar) -> Result<Tensor> {
    let (b, t) = (beta.to_f64(), threshold.to_f64());
    let again = move |gg: &Tensor, x: &Tensor| softplus_backward(gg, x, beta, threshold);
    let second = move |x: &Tensor| {
        let s = (x * b).sigmoid();
        let curved = &s * (&s * -1 + 1) * b;
        curved.zeros_like().where_(&(x * b).gt(t), &curved)
    };
    let p = Params::floats(&[b, t]);
    let (op, node) = (Binary::SoftplusBackward, "SoftplusBackwardBackward0");
    backward_row(op, "softplus_backward_cpu", node, [g, x], &p, again, second)
}

fn log_sigmoid_body(x: &Tensor) -> Result<Tensor> {
    let dense = {
        let _off = crate::autograd::mode::grad_mode(false);
        super::copy::contiguous(x, None)?
    };
    let out = unary_row(
        Unary::LogSigmoid,
        "log_sigmoid_cpu",
        &dense,
        x.dtype(),
        Dest::New,
        &none(),
    )?;
    out.record("LogSigmoidBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| log_sigmoid_slope(g, &c.get(x)?)
    })
}

/// `g sigmoid(-x)`.
fn log_sigmoid_slope(g: &Tensor, x: &Tensor) -> Result<Tensor> {
    let second = |x: &Tensor| {
        let s = x.sigmoid();
        &s * (&s - 1)
    };
    let (op, node) = (Binary::LogSigmoidBackward, "LogSigmoidBackwardBackward0");
    backward_row(
        op,
        "log_sigmoid_backward_cpu",
        node,
        [g, x],
        &none(),
        log_sigmoid_slope,
        second,
    )
}

fn glu_body(x: &Tensor, dim: i64) -> Result<Tensor> {
    ensure!(x.dim() > 0, Runtime, "glu does not support 0-dimensional tensors");
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d];
    ensure!(
        n.is_multiple_of(2),
        Runtime,
        "Halving dimension must be even, but dimension {d} is size {n}"
    );
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "\"glu_cpu\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let halves = chunk(x, 2, d as i64)?;
    let [a, b] = &halves[..] else {
        bail!(Runtime, "glu: dimension {d} cannot be halved")
    };
    mul(a, &super::unary::sigmoid(b)?)
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident($($arg:ident : $ty:ty),*);)+) => {
        impl Tensor {
            $($(#[$doc])*
            #[track_caller]
            pub fn $name(&self $(, $arg: $ty)*) -> Tensor {
                $name(self $(, $arg.into())*).or_throw()
            })+
        }
    };
}
methods! {
    /// `x sigmoid(x)`.
    silu();
    /// `x tanh(softplus(x))`.
    mish();
    /// `ln sigmoid(x)`.
    log_sigmoid();
    /// `ln(1 + e^(beta x)) / beta`.
    softplus(beta: impl Into<Scalar>, threshold: impl Into<Scalar>);
}

impl Tensor {
    /// `x Φ(x)`, with the normal distribution's `Φ`.
    #[track_caller]
    pub fn gelu(&self) -> Tensor {
        gelu(self, "none").or_throw()
    }
}

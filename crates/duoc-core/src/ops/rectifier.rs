//! Activation functions of straight pieces and their kin: thresholds, leaks, hard shapes, exponential tails.

use super::draw::Draw;
use super::pointwise::{binary_row, not_implemented, unary_row};
use super::sign::params;
use super::smooth::{backward_row, flat};
use crate::autograd::Ctx;
use crate::iter::Dest;
use crate::random::Generator;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, catch, ensure, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params, Unary};

ops! {
    /// `x` above 0, else `negative_slope x`.
    "leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor" [inplace, out]
    pub fn leaky_relu(x: &Tensor, negative_slope: Scalar) -> Tensor = leaky_relu_body;

    /// The gradient through [`leaky_relu`] at `self`, or at the result, which has the same sign for a slope that is not negative.
    "leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope, bool self_is_result) -> Tensor" []
    pub fn leaky_relu_backward(grad: &Tensor, x: &Tensor, negative_slope: Scalar, self_is_result: bool) -> Tensor = leaky_relu_backward_body;

    /// `scale x` above 0, else `scale alpha (e^(input_scale x) - 1)` (D. Clevert et al., 2016).
    "elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor" [inplace, out]
    pub fn elu(x: &Tensor, alpha: Scalar, scale: Scalar, input_scale: Scalar) -> Tensor = elu_body;

    /// The gradient through [`elu`] at `self_or_result`.
    "elu_backward(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, Tensor self_or_result) -> Tensor" []
    pub fn elu_backward(grad: &Tensor, alpha: Scalar, scale: Scalar, input_scale: Scalar, is_result: bool, x: &Tensor) -> Tensor = elu_backward_body;

    /// [`elu`] with the constants that keep mean 0 and variance 1 (G. Klambauer et al., 2017).
    "selu(Tensor self) -> Tensor" [function, inplace]
    pub fn selu(x: &Tensor) -> Tensor = selu_body;

    /// `max(0, x) + min(0, alpha (e^(x / alpha) - 1))` (J. Barron, 2017).
    "celu(Tensor self, Scalar alpha=1.0) -> Tensor" [function, inplace]
    pub fn celu(x: &Tensor, alpha: Scalar) -> Tensor = celu_body;

    /// `x` inside `[min_val, max_val]`, else the nearer bound.
    "hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor" [inplace, out]
    pub fn hardtanh(x: &Tensor, min_val: Scalar, max_val: Scalar) -> Tensor = hardtanh_body;

    /// The gradient through [`hardtanh`] at `self`.
    "hardtanh_backward(Tensor grad_output, Tensor self, Scalar min_val, Scalar max_val) -> Tensor" []
    pub fn hardtanh_backward(grad: &Tensor, x: &Tensor, min_val: Scalar, max_val: Scalar) -> Tensor = hardtanh_backward_body;

    /// `min(max(x, 0), 6)`.
    "relu6(Tensor self) -> Tensor" [inplace]
    pub fn relu6(x: &Tensor) -> Tensor = relu6_body;

    /// `min(max(x + 3, 0), 6) / 6`.
    "hardsigmoid(Tensor self) -> Tensor" [inplace, out]
    pub fn hardsigmoid(x: &Tensor) -> Tensor = hardsigmoid_body;

    /// `x min(max(x + 3, 0), 6) / 6` (A. Howard et al., 2019).
    "hardswish(Tensor self) -> Tensor" [inplace, out]
    pub fn hardswish(x: &Tensor) -> Tensor = hardswish_body;

    /// The gradient through [`hardswish`] at `self`.
    "hardswish_backward(Tensor grad_output, Tensor self) -> Tensor" []
    pub fn hardswish_backward(grad: &Tensor, x: &Tensor) -> Tensor = hardswish_backward_body;

    /// `x` outside `[-lambd, lambd]`, else 0.
    "hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor" [function, method, out]
    pub fn hardshrink(x: &Tensor, lambd: Scalar) -> Tensor = hardshrink_body;

    /// `x` moved by `lambd` towards 0, and 0 within `lambd` of it.
    "softshrink(Tensor self, Scalar lambd=0.5) -> Tensor" [out]
    pub fn softshrink(x: &Tensor, lambd: Scalar) -> Tensor = softshrink_body;

    /// The gradient through [`hardshrink`] and [`softshrink`] at `self`.
    "hardshrink_backward(Tensor grad_out, Tensor self, Scalar lambd) -> Tensor" []
    pub fn hardshrink_backward(grad: &Tensor, x: &Tensor, lambd: Scalar) -> Tensor = hardshrink_backward_body;

    /// `x` above `threshold`, else `value`.
    "threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor" [function, inplace, out]
    pub fn threshold(x: &Tensor, bound: Scalar, value: Scalar) -> Tensor = threshold_body;

    /// `x` above 0, else `weight x`: one weight, or one a channel (dimension 1) (K. He et al., 2015).
    "prelu(Tensor self, Tensor weight) -> Tensor" [function, method]
    pub fn prelu(x: &Tensor, weight: &Tensor) -> Tensor = prelu_body;

    /// `x` above 0, else `a x`: in training with `a` drawn from `[lower, upper]` for each element, else with their mean
    /// (B. Xu et al., 2015).
    "rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.3333333333333333, bool training=False, Generator? generator=None) -> Tensor" [function, inplace]
    pub fn rrelu(x: &Tensor, lower: Scalar, upper: Scalar, training: bool, generator: Option<&Generator>) -> Tensor = rrelu_body;
}

const ONE: Scalar = Scalar::Int(1);
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

fn leaky_relu_body(x: &Tensor, slope: Scalar) -> Result<Tensor> {
    let p = Params::floats(&[slope.to_f64()]);
    let out = unary_row(Unary::LeakyRelu, "leaky_relu_cpu", x, x.dtype(), Dest::New, &p)?;
    out.record("LeakyReluBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| leaky_relu_backward(g, &c.get(x)?, slope, false)
    })
}

fn leaky_relu_backward_body(g: &Tensor, x: &Tensor, slope: Scalar, of_result: bool) -> Result<Tensor> {
    ensure!(
        !of_result || slope.to_f64() >= 0.0,
        Runtime,
        "In-place leakyReLu backward calculation is triggered with a negative slope which is not supported. This is caused by calling in-place forward function with a negative slope, please call out-of-place version instead."
    );
    let p = Params::floats(&[slope.to_f64()]);
    let again = move |gg: &Tensor, x: &Tensor| leaky_relu_backward(gg, x, slope, of_result);
    let (op, node) = (Binary::LeakyReluBackward, "LeakyReluBackwardBackward0");
    backward_row(op, "leaky_relu_backward_cpu", node, [g, x], &p, again, flat)
}

/// The three coefficients of the kernel: alpha times scale, scale, input scale.
fn elu_params(alpha: Scalar, scale: Scalar, input_scale: Scalar) -> Params {
    let (a, s, i) = (alpha.to_f64(), scale.to_f64(), input_scale.to_f64());
    Params::floats(&[a * s, s, i])
}

fn elu_body(x: &Tensor, alpha: Scalar, scale: Scalar, input_scale: Scalar) -> Result<Tensor> {
    let p = elu_params(alpha, scale, input_scale);
    let out = unary_row(Unary::Elu, "elu_cpu", x, x.dtype(), Dest::New, &p)?;
    out.record("EluBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| elu_backward(g, alpha, scale, input_scale, false, &c.get(x)?)
    })
}

fn elu_backward_body(
    g: &Tensor,
    alpha: Scalar,
    scale: Scalar,
    input_scale: Scalar,
    of_result: bool,
    x: &Tensor,
) -> Result<Tensor> {
    ensure!(
        !of_result || alpha.to_f64() >= 0.0,
        Runtime,
        "In-place elu backward calculation is triggered with a negative slope which is not supported. This is caused by calling in-place forward function with a negative slope, please call out-of-place version instead."
    );
    let p = elu_params(alpha, scale, input_scale);
    let (negative, i) = (p.f[0], p.f[2]);
    let again = move |gg: &Tensor, x: &Tensor| elu_backward(gg, alpha, scale, input_scale, of_result, x);
    let second = move |x: &Tensor| {
        // By x: alpha scale i^2 e^(i x); by the result y: i.
        let curved = match of_result {
            true => x.full_like(i),
            false => (x * i).exp() * (negative * i * i),
        };
        curved.zeros_like().where_(&x.ge(0), &curved)
    };
    let op = if of_result {
        Binary::EluBackwardOfResult
    } else {
        Binary::EluBackward
    };
    backward_row(
        op,
        "elu_backward_cpu",
        "EluBackwardBackward0",
        [g, x],
        &p,
        again,
        second,
    )
}

fn selu_body(x: &Tensor) -> Result<Tensor> {
    elu(x, Scalar::Float(SELU_ALPHA), Scalar::Float(SELU_SCALE), ONE)
}

fn celu_body(x: &Tensor, alpha: Scalar) -> Result<Tensor> {
    ensure!(
        alpha.to_f64() != 0.0,
        Runtime,
        "ZeroDivisionError: alpha cannot be 0 for CELU"
    );
    elu(x, alpha, ONE, Scalar::Float(1.0 / alpha.to_f64()))
}

fn hardtanh_body(x: &Tensor, min: Scalar, max: Scalar) -> Result<Tensor> {
    let dtype = x.dtype();
    if dtype == DType::Bool {
        bail!(NotImplemented, "Bool inputs not supported for hardtanh");
    }
    let unsigned = matches!(dtype, DType::U8 | DType::U16 | DType::U32 | DType::U64);
    ensure!(
        !unsigned || max.to_f64() >= 0.0,
        Runtime,
        "cannot do hardtanh on an unsigned type with negative limits"
    );
    // No unsigned number is below a negative bound.
    let min = if unsigned && min.to_f64() < 0.0 {
        Scalar::Int(0)
    } else {
        min
    };
    ensure!(
        min.to_f64() <= max.to_f64(),
        Value,
        "min_val cannot be greater than max_val"
    );
    let out = unary_row(
        Unary::Clamp,
        "clamp_scalar_cpu",
        x,
        dtype,
        Dest::New,
        &params(dtype, &[min, max]),
    )?;
    out.record("HardtanhBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| hardtanh_backward(g, &c.get(x)?, min, max)
    })
}

fn hardtanh_backward_body(g: &Tensor, x: &Tensor, min: Scalar, max: Scalar) -> Result<Tensor> {
    let p = Params::floats(&[min.to_f64(), max.to_f64()]);
    let again = move |gg: &Tensor, x: &Tensor| hardtanh_backward(gg, x, min, max);
    let (op, node) = (Binary::InsideBackward, "HardtanhBackwardBackward0");
    backward_row(op, "hardtanh_backward_cpu", node, [g, x], &p, again, flat)
}

fn relu6_body(x: &Tensor) -> Result<Tensor> {
    hardtanh(x, Scalar::Int(0), Scalar::Int(6))
}

fn hardsigmoid_body(x: &Tensor) -> Result<Tensor> {
    let out = unary_row(
        Unary::Hardsigmoid,
        "hardsigmoid_cpu",
        x,
        x.dtype(),
        Dest::New,
        &Params::default(),
    )?;
    out.record("HardsigmoidBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| {
            let g = hardtanh_backward(g, &c.get(x)?, Scalar::Int(-3), Scalar::Int(3))?;
            // PyTorch's sixth is a float32 for every dtype.
            catch(|| g * f64::from(1.0f32 / 6.0))
        }
    })
}

fn hardswish_body(x: &Tensor) -> Result<Tensor> {
    let out = unary_row(
        Unary::Hardswish,
        "hardswish_cpu",
        x,
        x.dtype(),
        Dest::New,
        &Params::default(),
    )?;
    out.record("HardswishBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| hardswish_backward(g, &c.get(x)?)
    })
}

fn hardswish_backward_body(g: &Tensor, x: &Tensor) -> Result<Tensor> {
    let second = |x: &Tensor| {
        let third = x.full_like(1.0 / 3.0);
        hardtanh_backward(&third, x, Scalar::Int(-3), Scalar::Int(3)).or_throw()
    };
    let (op, node) = (Binary::HardswishBackward, "HardswishBackwardBackward0");
    backward_row(
        op,
        "hardswish_backward_cpu",
        node,
        [g, x],
        &Params::default(),
        hardswish_backward,
        second,
    )
}

fn hardshrink_body(x: &Tensor, lambd: Scalar) -> Result<Tensor> {
    let p = Params::floats(&[lambd.to_f64()]);
    let out = unary_row(Unary::Hardshrink, "hardshrink_cpu", x, x.dtype(), Dest::New, &p)?;
    out.record("HardshrinkBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| hardshrink_backward(g, &c.get(x)?, lambd)
    })
}

fn softshrink_body(x: &Tensor, lambd: Scalar) -> Result<Tensor> {
    let l = lambd.to_f64();
    if !x.dtype().is_differentiable() {
        return Err(not_implemented("softshrink_check", x.dtype()));
    }
    let largest = match x.dtype() {
        DType::F64 => f64::MAX,
        DType::F16 => 65504.0,
        DType::BF16 => f64::from(half::bf16::MAX),
        _ => f64::from(f32::MAX),
    };
    ensure!(
        (0.0..=largest).contains(&l),
        Runtime,
        "lambda must be in range [0, {}] for input dtype {}, but found {}",
        super::draw::general(largest),
        x.dtype().scalar_type_name(),
        super::draw::general(l)
    );
    let p = Params::floats(&[l]);
    let out = unary_row(Unary::Softshrink, "softshrink_cpu", x, x.dtype(), Dest::New, &p)?;
    out.record("SoftshrinkBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| hardshrink_backward(g, &c.get(x)?, lambd)
    })
}

fn hardshrink_backward_body(g: &Tensor, x: &Tensor, lambd: Scalar) -> Result<Tensor> {
    let p = Params::floats(&[lambd.to_f64()]);
    let again = move |gg: &Tensor, x: &Tensor| hardshrink_backward(gg, x, lambd);
    let (op, node) = (Binary::OutsideBackward, "HardshrinkBackwardBackward0");
    backward_row(op, "shrink_backward_cpu", node, [g, x], &p, again, flat)
}

fn threshold_body(x: &Tensor, bound: Scalar, value: Scalar) -> Result<Tensor> {
    let dtype = x.dtype();
    if dtype == DType::Bool {
        return Err(not_implemented("threshold_cpu", dtype));
    }
    let p = params(dtype, &[bound, value]);
    let out = unary_row(Unary::Threshold, "threshold_cpu", x, dtype, Dest::New, &p)?;
    out.record("ThresholdBackward0", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| super::activation::threshold_backward(g, &c.get(x)?, bound)
    })
}

fn prelu_body(x: &Tensor, weight: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype() == weight.dtype(),
        Runtime,
        "prelu: Type promoting not supported. Got {} and {}",
        x.dtype().scalar_type_name(),
        weight.dtype().scalar_type_name()
    );
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "\"prelu_cpu\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    ensure!(
        weight.dim() <= 1,
        Runtime,
        "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {}",
        weight.dim()
    );
    let weights = weight.numel();
    let mut w = weight.clone();
    if weights != 1 {
        ensure!(x.dim() > 0, Runtime, "Not allow zero-dim input tensor.");
        let channels = if x.dim() > 1 { x.shape()[1] } else { 1 };
        ensure!(
            channels == weights,
            Runtime,
            "Mismatch of parameter numbers and input channel size. Found parameter numbers = {weights} and channel size = {channels}."
        );
        let mut shape = vec![1; x.dim()];
        if x.dim() > 1 {
            shape[1] = -1;
        }
        w = super::view::reshape(&w, &shape)?;
    } else if weight.dim() == 1 {
        // One weight for all elements, of a 0-d input too.
        w = super::view::reshape(&w, &[])?;
    }
    catch(|| x.where_(&x.gt(0), &(x * &w)))
}

fn rrelu_body(
    x: &Tensor,
    lower: Scalar,
    upper: Scalar,
    training: bool,
    generator: Option<&Generator>,
) -> Result<Tensor> {
    let (low, high) = (lower.to_f64(), upper.to_f64());
    ensure!(
        low <= high,
        Runtime,
        "Lower bound should be less than or equal to the upper bound"
    );
    if !x.dtype().is_differentiable() {
        return Err(not_implemented("rrelu_with_noise_out_cpu", x.dtype()));
    }
    if !training {
        return leaky_relu(x, Scalar::Float((low + high) / 2.0));
    }
    let noise = slopes(x, low, high, generator)?;
    let out = binary_row(
        Binary::Mul,
        "mul",
        x,
        &noise,
        try_result_type(&[x])?,
        Dest::New,
        &Params::default(),
    )?;
    out.record("RreluWithNoiseBackward0", [x], |r| {
        let noise = r.keep(&noise);
        move |c: &Ctx, g: &Tensor| super::arith::mul(g, &c.get(noise)?)
    })
}

/// 1 where `x` is above 0, a number from `[low, high)` elsewhere, drawn in order for the elements that need one.
fn slopes(x: &Tensor, low: f64, high: f64, generator: Option<&Generator>) -> Result<Tensor> {
    let noise = {
        let _off = crate::autograd::mode::grad_mode(false);
        let below = catch(|| x.le(0))?;
        let count = catch(|| below.sum().item().to_i64())?;
        let drawn = Tensor::uninit(&[count as usize], DType::F64)?;
        Draw::new(&drawn, generator).uniform(low, high)?;
        let all = catch(|| x.ones_like().contiguous())?;
        super::mask::masked_scatter(&all, &below, &super::copy::to_dtype(&drawn, x.dtype())?)?
    };
    Ok(noise)
}

impl Tensor {
    /// `x` above 0, else `negative_slope x`.
    #[track_caller]
    pub fn leaky_relu(&self, negative_slope: impl Into<Scalar>) -> Tensor {
        leaky_relu(self, negative_slope.into()).or_throw()
    }

    /// `x` above 0, else `alpha (e^x - 1)`.
    #[track_caller]
    pub fn elu(&self, alpha: impl Into<Scalar>) -> Tensor {
        elu(self, alpha.into(), ONE, ONE).or_throw()
    }

    /// `min(max(x, 0), 6)`.
    #[track_caller]
    pub fn relu6(&self) -> Tensor {
        relu6(self).or_throw()
    }
}

//! Activation functions, and the backward functions that PyTorch gives names of their own.
//!
//! A backward function runs in one kernel; where its own gradient is recorded, the formula in plain ops takes over.

use super::pointwise::{binary_row, not_implemented, unary_row};
use crate::autograd::{Ctx, Grads};
use crate::iter::Dest;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, catch, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params, Unary};

ops! {
    /// `max(x, 0)`, NaN kept.
    "relu(Tensor self) -> Tensor" [function, method, inplace]
    pub fn relu(x: &Tensor) -> Tensor = relu_body;

    /// `grad_output * (1 - output) * output`: the gradient through `output = sigmoid(x)`.
    "sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor" []
    pub fn sigmoid_backward(grad: &Tensor, output: &Tensor) -> Tensor = sigmoid_backward_body;

    /// `grad_output * (1 - output^2)`: the gradient through `output = tanh(x)`.
    "tanh_backward(Tensor grad_output, Tensor output) -> Tensor" []
    pub fn tanh_backward(grad: &Tensor, output: &Tensor) -> Tensor = tanh_backward_body;

    /// `grad_output` where `self > threshold`, else 0.
    "threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor" []
    pub fn threshold_backward(grad: &Tensor, x: &Tensor, threshold: Scalar) -> Tensor = threshold_backward_body;
}

fn relu_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype() == DType::Bool {
        bail!(NotImplemented, "Boolean inputs not supported for relu");
    }
    let out = unary_row(
        Unary::Relu,
        "clamp_min_scalar_cpu",
        x,
        x.dtype(),
        Dest::New,
        &Params::default(),
    )?;
    out.record("ReluBackward0", [x], |r| {
        let y = r.save_output(0);
        move |c: &Ctx, g: &Tensor| threshold_backward(g, &c.get(y)?, Scalar::Int(0))
    })
}

fn sigmoid_backward_body(g: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = try_result_type(&[g, y])?;
    let out = binary_row(
        Binary::SigmoidBackward,
        "sigmoid_backward",
        g,
        y,
        dtype,
        Dest::New,
        &Params::default(),
    )?;
    out.record("SigmoidBackwardBackward0", [g, y], |r| {
        let (g, y) = (r.save(g), r.save(y));
        move |c: &Ctx, gg: &Tensor| {
            let (g, y) = (c.get_conj(g)?, c.get_conj(y)?);
            catch(|| {
                [
                    c.needs(0).then(|| sigmoid_backward(gg, &y).or_throw()),
                    c.needs(1).then(|| gg * g * (1 - &y * 2)),
                ]
            })
        }
    })
}

fn tanh_backward_body(g: &Tensor, y: &Tensor) -> Result<Tensor> {
    let dtype = try_result_type(&[g, y])?;
    let out = binary_row(
        Binary::TanhBackward,
        "tanh_backward",
        g,
        y,
        dtype,
        Dest::New,
        &Params::default(),
    )?;
    out.record("TanhBackwardBackward0", [g, y], |r| {
        let (g, y) = (r.save(g), r.save(y));
        move |c: &Ctx, gg: &Tensor| {
            let (g, y) = (c.get_conj(g)?, c.get_conj(y)?);
            catch(|| {
                [
                    c.needs(0).then(|| tanh_backward(gg, &y).or_throw()),
                    c.needs(1).then(|| gg * (g * (&y * -2))),
                ]
            })
        }
    })
}

fn threshold_backward_body(g: &Tensor, x: &Tensor, threshold: Scalar) -> Result<Tensor> {
    let dtype = try_result_type(&[g, x])?;
    if dtype == DType::Bool {
        return Err(not_implemented("threshold_cpu", dtype));
    }
    let p = super::sign::params(dtype, &[threshold]);
    let out = binary_row(Binary::ThresholdBackward, "threshold", g, x, dtype, Dest::New, &p)?;
    out.record("ThresholdBackwardBackward0", [g, x], |r| {
        let x = r.save(x);
        move |c: &Ctx, gg: &Tensor| -> Result<Grads> {
            let x = c.get(x)?;
            catch(|| {
                smallvec::smallvec![
                    c.needs(0).then(|| threshold_backward(gg, &x, threshold).or_throw()),
                    c.needs(1).then(|| gg.zeros_like()),
                ]
            })
        }
    })
}

impl Tensor {
    /// `max(x, 0)`, NaN kept.
    #[track_caller]
    pub fn relu(&self) -> Tensor {
        relu(self).or_throw()
    }

    /// [`Tensor::relu`] in place.
    #[track_caller]
    pub fn relu_(&self) -> &Tensor {
        crate::op::in_place(self, [self], relu).or_throw();
        self
    }
}

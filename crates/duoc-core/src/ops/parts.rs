//! The parts of a complex number. A real number is its own conjugate and its own real part.

use super::pointwise::{Save, no_gradient, not_implemented, real_dtype, record1, unary_row};
use crate::iter::Dest;
use crate::{OrThrow, Result, Tensor, ops};
use duoc_kernels::pointwise::{Params, Unary};

ops! {
    /// The conjugate; a real tensor is its own.
    "conj(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn conj(x: &Tensor) -> Tensor = itself;

    /// The conjugate, computed at once; a real tensor is its own.
    "conj_physical(Tensor self) -> Tensor" [function, method]
    pub fn conj_physical(x: &Tensor) -> Tensor = itself;

    /// The tensor with its conjugation carried out.
    "resolve_conj(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn resolve_conj(x: &Tensor) -> Tensor = resolved;

    /// The tensor with its negation carried out.
    "resolve_neg(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn resolve_neg(x: &Tensor) -> Tensor = resolved;

    /// The real part; a real tensor is its own.
    "real(Tensor(a) self) -> Tensor(a)" [function]
    pub fn real(x: &Tensor) -> Tensor = itself;

    /// The angle in the complex plane: pi for negative real numbers, 0 for the others, NaN for NaN.
    "angle(Tensor self) -> Tensor" [function, method, out]
    pub fn angle(x: &Tensor) -> Tensor = angle_body;
}

fn itself(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return Err(not_implemented("conj", x.dtype()));
    }
    Ok(x.clone())
}

/// A tensor whose elements are stored as they are to be read.
fn resolved(x: &Tensor) -> Result<Tensor> {
    if x.is_conj() || x.is_neg() {
        return Err(not_implemented("resolve_conj", x.dtype()));
    }
    Ok(x.clone())
}

fn angle_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return Err(not_implemented("angle_cpu", x.dtype()));
    }
    let out = {
        let _guard = crate::autograd::mode::grad_mode(false);
        let dtype = real_dtype(x.dtype());
        unary_row(Unary::Angle, "angle", x, dtype, Dest::New, &Params::default())?
    };
    record1(out, "AngleBackward0", x, Save::Nothing, no_gradient)
}

impl Tensor {
    /// The conjugate; a real tensor is its own.
    #[track_caller]
    pub fn conj(&self) -> Tensor {
        conj(self).or_throw()
    }

    /// The angle in the complex plane.
    #[track_caller]
    pub fn angle(&self) -> Tensor {
        angle(self).or_throw()
    }
}

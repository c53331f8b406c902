//! Complex numbers and their parts. A real number is its own conjugate and its own real part.
//!
//! A conjugate is a view: a bit of the tensor says that elements are to be read as conjugates, another one that they are
//! to be read negated (the imaginary part of a conjugate). The gate carries both out before an op that does not know them
//! ([`crate::op::returns_view`]).

use super::pointwise::{Save, no_gradient, not_implemented, real_dtype, record1, unary_row};
use crate::autograd::meta::Creation;
use crate::autograd::{Ctx, no_grad};
use crate::iter::{Dest, elementwise};
use crate::layout::{Dims, Layout, Strides};
use crate::op::Value;
use crate::tensor::{CONJ, NEG};
use crate::{DType, OrThrow, Result, Tensor, bail, ensure, ops};
use duoc_kernels::Loop2d;
use duoc_kernels::pointwise::{Params, Unary, argument, conjugate, polar as polar_kernel, rectangular};

ops! {
    /// The conjugate, as a view; a real tensor is its own.
    "conj(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn conj(x: &Tensor) -> Tensor = conj_body;

    /// The conjugate, computed at once; a real tensor is its own.
    "conj_physical(Tensor self) -> Tensor" [function, method, inplace, out]
    pub fn conj_physical(x: &Tensor) -> Tensor = conjugated;

    /// The negated tensor, as a view.
    "_neg_view(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn neg_view(x: &Tensor) -> Tensor = neg_view_body;

    /// The tensor with its conjugation carried out.
    "resolve_conj(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn resolve_conj(x: &Tensor) -> Tensor = resolve_conj_body;

    /// The tensor with its negation carried out.
    "resolve_neg(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn resolve_neg(x: &Tensor) -> Tensor = resolve_neg_body;

    /// The real part, as a view; a real tensor is its own.
    "real(Tensor(a) self) -> Tensor(a)" [function]
    pub fn real(x: &Tensor) -> Tensor = real_body;

    /// The imaginary part, as a view.
    "imag(Tensor(a) self) -> Tensor(a)" [function]
    pub fn imag(x: &Tensor) -> Tensor = imag_body;

    /// A view of a complex tensor of shape `(...)` as a real one of shape `(..., 2)`.
    "view_as_real(Tensor(a) self) -> Tensor(a)" [function]
    pub fn view_as_real(x: &Tensor) -> Tensor = view_as_real_body;

    /// A view of a real tensor of shape `(..., 2)` as a complex one of shape `(...)`.
    "view_as_complex(Tensor(a) self) -> Tensor(a)" [function]
    pub fn view_as_complex(x: &Tensor) -> Tensor = view_as_complex_body;

    /// `real + i imag`.
    "complex(Tensor real, Tensor imag) -> Tensor" [function, out] write |args, out| check_out("complex_cpu", args, out);
    pub fn complex(re: &Tensor, im: &Tensor) -> Tensor = complex_body;

    /// `abs (cos angle + i sin angle)`.
    "polar(Tensor abs, Tensor angle) -> Tensor" [function, out] write |args, out| check_out("polar_cpu", args, out);
    pub fn polar(abs: &Tensor, theta: &Tensor) -> Tensor = polar_body;

    /// The angle in the complex plane: of real numbers pi for negative ones, 0 for the others, NaN for NaN.
    "angle(Tensor self) -> Tensor" [function, method, out]
    pub fn angle(x: &Tensor) -> Tensor = angle_body;
}

/// A view of the same elements that is read with these bits the other way round.
fn with_bits(x: &Tensor, bits: u8) -> Tensor {
    x.view_toggled(x.layout().clone(), x.dtype(), Creation::Default, bits)
}

/// The elements as they are stored, outside the graph.
fn stored(x: &Tensor) -> Tensor {
    let i = &*x.0;
    let bits = i.bits & !(CONJ | NEG);
    Tensor::assemble(
        i.storage.clone(),
        i.layout.clone(),
        i.dtype,
        bits,
        i.version.clone(),
        None,
    )
}

/// `x` conjugated and negated as `bits` say, recorded: a view of it.
pub(crate) fn toggled(x: &Tensor, bits: u8) -> Result<Tensor> {
    let mut t = x.clone();
    if bits & CONJ != 0 {
        t = conj(&t)?;
    }
    if bits & NEG != 0 {
        t = neg_view(&t)?;
    }
    Ok(t)
}

fn conj_body(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    with_bits(x, CONJ).record("ConjBackward0", [x], |_| |_: &Ctx, g: &Tensor| conj(g))
}

fn neg_view_body(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype() != DType::Bool,
        Runtime,
        "Negation, the `-` operator, on a bool tensor is not supported."
    );
    with_bits(x, NEG).record("NegViewBackward0", [x], |_| |_: &Ctx, g: &Tensor| super::sign::neg(g))
}

/// The conjugate of stored elements in new memory, outside the graph.
fn conjugate_copy(x: &Tensor) -> Result<Tensor> {
    let Some(kernel) = conjugate(x.dtype()) else {
        return Err(not_implemented("conj_cpu", x.dtype()));
    };
    elementwise(Dest::New, x.dtype(), &[x], kernel, std::ptr::null(), 1)
}

/// The conjugate in new memory, differentiable; a real tensor is its own.
pub(crate) fn conjugated(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    conjugate_copy(&resolved(x)?)?.record("ConjPhysicalBackward0", [x], |_| |_: &Ctx, g: &Tensor| conjugated(g))
}

/// The elements as they are to be read, in memory of their own where that is not how they are stored; outside the graph.
fn materialized(x: &Tensor, bits: u8) -> Result<Tensor> {
    let mut t = stored(x);
    if bits & CONJ != 0 {
        t = conjugate_copy(&t)?;
    }
    if bits & NEG != 0 {
        t = unary_row(Unary::Neg, "neg_cpu", &t, t.dtype(), Dest::New, &Params::default())?;
    }
    Ok(t)
}

/// A tensor whose elements are stored as they are to be read.
pub(crate) fn resolved(x: &Tensor) -> Result<Tensor> {
    if !x.is_lazy() {
        return Ok(x.clone());
    }
    materialized(x, x.0.bits & (CONJ | NEG))?.record("CloneBackward0", [x], |_| |_: &Ctx, g: &Tensor| Ok(g.clone()))
}

fn resolve_conj_body(x: &Tensor) -> Result<Tensor> {
    if x.is_conj() { resolved(x) } else { Ok(x.clone()) }
}

fn resolve_neg_body(x: &Tensor) -> Result<Tensor> {
    if x.is_neg() { resolved(x) } else { Ok(x.clone()) }
}

/// As `copy_data` where one of the two is to be read conjugated or negated.
pub(crate) fn copy_lazy(dst: &Tensor, src: &Tensor) -> Result<()> {
    let bits = dst.0.bits & (CONJ | NEG);
    if dst.dtype() == src.dtype() && bits == src.0.bits & (CONJ | NEG) {
        return super::copy::copy_data(&stored(dst), &stored(src));
    }
    let read = materialized(src, src.0.bits & (CONJ | NEG))?;
    let value = super::pointwise::converted(&read, dst.dtype())?;
    super::copy::copy_data(&stored(dst), &materialized(&value, bits)?)
}

/// Part 0 (real) or 1 (imaginary) of stored elements, as a view.
pub(crate) fn part(x: &Tensor, k: i64) -> Result<Tensor> {
    super::view::select(&view_as_real(x)?, -1, k)
}

fn real_body(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_complex() {
        return Ok(x.clone());
    }
    // The conjugate has the same real part.
    part(&if x.is_conj() { conj(x)? } else { x.clone() }, 0)
}

fn imag_body(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype().is_complex(),
        Type,
        "imag is not implemented for tensors with non-complex dtypes."
    );
    match x.is_conj() {
        true => neg_view(&part(&conj(x)?, 1)?),
        false => part(x, 1),
    }
}

fn view_as_real_body(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dtype().is_complex(),
        Type,
        "view_as_real is only supported for complex tensors"
    );
    ensure!(
        !x.is_conj(),
        Runtime,
        "view_as_real doesn't work on unresolved conjugated tensors. To resolve the conjugate tensor so you can view it as real, use self.resolve_conj(); however, be warned that the resulting tensor will NOT alias the original."
    );
    let mut shape: Dims = x.shape().into();
    shape.push(2);
    let mut strides: Strides = x.strides().iter().map(|s| s.saturating_mul(2)).collect();
    strides.push(1);
    let dtype = x.dtype().part();
    let layout = Layout::strided(&shape, &strides, x.storage_offset().saturating_mul(2), dtype)?;
    x.view_with(layout, dtype, Creation::Default)
        .record("ViewAsRealBackward0", [x], |_| {
            |_: &Ctx, g: &Tensor| {
                let g = super::copy::contiguous(&resolved(g)?, None)?;
                view_as_complex(&g)
            }
        })
}

fn view_as_complex_body(x: &Tensor) -> Result<Tensor> {
    let Some(dtype) = x.dtype().of_parts() else {
        bail!(
            Runtime,
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {}",
            x.dtype().scalar_type_name()
        );
    };
    ensure!(
        !x.is_neg(),
        Runtime,
        "view_as_complex doesn't work on unresolved negated tensors; use resolve_neg first"
    );
    let n = x.dim();
    ensure!(n > 0, Runtime, "Input tensor must have one or more dimensions");
    ensure!(
        x.shape()[n - 1] == 2,
        Runtime,
        "Tensor must have a last dimension of size 2"
    );
    ensure!(
        x.strides()[n - 1] == 1,
        Runtime,
        "Tensor must have a last dimension with stride 1"
    );
    let shape = &x.shape()[..n - 1];
    let even = |s: &isize| s % 2 == 0;
    let strides = &x.strides()[..n - 1];
    ensure!(
        strides.iter().zip(shape).all(|(s, n)| even(s) || *n == 1),
        Runtime,
        "Tensor must have a stride divisible by 2 for all but last dimension"
    );
    ensure!(
        x.storage_offset().is_multiple_of(2),
        Runtime,
        "Tensor must have a storage_offset divisible by 2"
    );
    let strides: Strides = strides.iter().map(|s| s / 2).collect();
    let layout = Layout::strided(shape, &strides, x.storage_offset() / 2, dtype)?;
    x.view_with(layout, dtype, Creation::Default)
        .record("ViewAsComplexBackward0", [x], |_| {
            |_: &Ctx, g: &Tensor| view_as_real(&resolved(g)?)
        })
}

/// The complex dtype of two real operands, or the error of two that do not go together.
fn of_two(name: &str, a: &Tensor, b: &Tensor) -> Result<DType> {
    let (x, y) = (a.dtype(), b.dtype());
    let fits = |d: DType| d.is_float() && !d.is_float8() && d != DType::BF16;
    ensure!(
        fits(x) && fits(y),
        NotImplemented,
        "Expected both inputs to be Half, Float or Double tensors but got {} and {}",
        x.scalar_type_name(),
        y.scalar_type_name()
    );
    ensure!(
        x == y,
        Runtime,
        "Expected object of scalar type {} but got scalar type {} for second argument",
        x.scalar_type_name(),
        y.scalar_type_name()
    );
    x.of_parts().ok_or_else(|| not_implemented(name, x))
}

/// The dtype of `out` is asked for exactly; the rest goes the general way.
fn check_out(name: &str, args: &[Value], out: &Tensor) -> Result<()> {
    if let [Value::Tensor(a), Value::Tensor(b), ..] = args {
        let dtype = of_two(name, a, b)?;
        ensure!(
            out.dtype() == dtype,
            Runtime,
            "Expected object of scalar type {} but got scalar type {} for argument 'out'",
            dtype.scalar_type_name(),
            out.dtype().scalar_type_name()
        );
    }
    Err(super::pointwise::no_direct_way())
}

fn joined(name: &str, kernel: fn(DType) -> Option<Loop2d>, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let dtype = of_two(name, a, b)?;
    let Some(kernel) = kernel(dtype) else {
        return Err(not_implemented(name, dtype));
    };
    elementwise(Dest::New, dtype, &[a, b], kernel, std::ptr::null(), 2)
}

fn complex_body(re: &Tensor, im: &Tensor) -> Result<Tensor> {
    joined("complex_cpu", rectangular, re, im)?.record("ComplexBackward0", [re, im], |_| {
        |c: &Ctx, g: &Tensor| {
            Ok((
                c.needs(0).then(|| real(g)).transpose()?,
                c.needs(1).then(|| imag(g)).transpose()?,
            ))
        }
    })
}

fn polar_body(abs: &Tensor, angle: &Tensor) -> Result<Tensor> {
    joined("polar_cpu", polar_kernel, abs, angle)?.record("PolarBackward0", [abs, angle], |r| {
        let out = r.save_output(0);
        move |c: &Ctx, g: &Tensor| {
            let (out, g) = (c.get(out)?, conjugated(g)?);
            let along = |direction: &Tensor| real(&super::arith::mul(&g, direction)?);
            Ok((
                c.needs(0).then(|| along(&super::sign::sgn(&out)?)).transpose()?,
                c.needs(1).then(|| along(&turned(&out)?)).transpose()?,
            ))
        }
    })
}

/// `i x`.
fn turned(x: &Tensor) -> Result<Tensor> {
    super::arith::mul(x, &Tensor::wrapped(crate::Scalar::Complex(0.0, 1.0))?)
}

/// A real function of complex numbers, outside the graph.
pub(crate) fn to_part(kernel: fn(DType) -> Option<Loop2d>, x: &Tensor) -> Result<Tensor> {
    let Some(kernel) = kernel(x.dtype()) else {
        return Err(not_implemented("abs_cpu", x.dtype()));
    };
    elementwise(Dest::New, x.dtype().part(), &[x], kernel, std::ptr::null(), 8)
}

fn angle_body(x: &Tensor) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return record1(
            to_part(argument, x)?,
            "AngleBackward0",
            x,
            Save::Input,
            complex_angle_gradient,
        );
    }
    let out = no_grad(|| {
        let dtype = real_dtype(x.dtype());
        unary_row(Unary::Angle, "angle", x, dtype, Dest::New, &Params::default())
    })?;
    record1(out, "AngleBackward0", x, Save::Nothing, no_gradient)
}

/// `g i z / |z|^2`, 0 at 0; the formula gives the conjugate.
fn complex_angle_gradient(g: &Tensor, z: &Tensor) -> Tensor {
    let size = z.abs();
    let slope = conjugated(&turned(z).or_throw()).or_throw() / (&size * &size);
    let slope = super::blend::select(&size.eq(0.0), &Tensor::wrapped(0.0).or_throw(), &slope).or_throw();
    g * slope
}

impl Tensor {
    /// The conjugate, as a view; a real tensor is its own.
    ///
    /// ```
    /// use duoc_core::{DType, Scalar, Tensor};
    /// let z = Tensor::scalar(Scalar::Complex(1.0, 2.0), DType::C64).unwrap();
    /// assert_eq!(z.conj().item(), Scalar::Complex(1.0, -2.0));
    /// ```
    #[track_caller]
    pub fn conj(&self) -> Tensor {
        conj(self).or_throw()
    }

    /// The real part, as a view; a real tensor is its own.
    #[track_caller]
    pub fn real(&self) -> Tensor {
        real(self).or_throw()
    }

    /// The imaginary part, as a view.
    #[track_caller]
    pub fn imag(&self) -> Tensor {
        imag(self).or_throw()
    }

    /// The angle in the complex plane.
    #[track_caller]
    pub fn angle(&self) -> Tensor {
        angle(self).or_throw()
    }
}

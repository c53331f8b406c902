//! Choosing and mixing: `where`, `clamp`, `lerp`, `addcmul`, `addcdiv`.

use super::compare::{larger_left, larger_right, smaller_left, smaller_right};
use super::pointwise::{not_implemented, record2, run_row, ternary_row, unary_row};
use super::sign::params;
use crate::autograd::{Ctx, Grads};
use crate::iter::{Dest, elementwise};
use crate::promote::{Promotion, promote_types};
use crate::tensor::Operand;
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, catch, ensure, ops, try_result_type};
use duoc_kernels::pointwise::{Binary, Params, Ternary, Unary, binary, ternary};

ops! {
    /// `self` where `condition` is true, else `other`.
    "where.self(Tensor condition, Tensor self, Tensor other) -> Tensor" [function, out]
    pub fn where_(condition: &Tensor, x: &Tensor, other: &Tensor) -> Tensor = where_body;

    /// `self` inside `[min, max]`; NaN stays, and `max` wins where the bounds are crossed.
    "clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor" [function, method, inplace, out] alias ["clip"]
    pub fn clamp(x: &Tensor, min: Option<Scalar>, max: Option<Scalar>) -> Tensor = clamp_body;

    /// As `clamp` with bounds element by element.
    "clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor" [function, method, inplace, out] alias ["clip"]
    pub fn clamp_tensor(x: &Tensor, min: Option<&Tensor>, max: Option<&Tensor>) -> Tensor = clamp_tensor_body;

    /// At least `min`; NaN stays.
    "clamp_min(Tensor self, Scalar min) -> Tensor" [function, method, inplace, out]
    pub fn clamp_min(x: &Tensor, min: Scalar) -> Tensor = clamp_min_body;

    /// At least `min`, element by element.
    "clamp_min.Tensor(Tensor self, Tensor min) -> Tensor" [function, method, inplace, out]
    pub fn clamp_min_tensor(x: &Tensor, min: &Tensor) -> Tensor = clamp_min_tensor_body;

    /// At most `max`; NaN stays.
    "clamp_max(Tensor self, Scalar max) -> Tensor" [function, method, inplace, out]
    pub fn clamp_max(x: &Tensor, max: Scalar) -> Tensor = clamp_max_body;

    /// At most `max`, element by element.
    "clamp_max.Tensor(Tensor self, Tensor max) -> Tensor" [function, method, inplace, out]
    pub fn clamp_max_tensor(x: &Tensor, max: &Tensor) -> Tensor = clamp_max_tensor_body;

    /// `self + weight * (end - self)`, from the nearer end.
    "lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor" [function, method, inplace, out]
    pub fn lerp_scalar(x: &Tensor, end: &Tensor, weight: Scalar) -> Tensor = lerp_scalar_body;

    /// `self + weight * (end - self)`, weights element by element.
    "lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor" [function, method, inplace, out]
    pub fn lerp(x: &Tensor, end: &Tensor, weight: &Tensor) -> Tensor = lerp_body;

    /// `self + value * tensor1 * tensor2`.
    "addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor" [function, method, inplace, out]
    pub fn addcmul(x: &Tensor, tensor1: &Tensor, tensor2: &Tensor, value: Scalar) -> Tensor = addcmul_body;

    /// `self + value * tensor1 / tensor2`.
    "addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor" [function, method, inplace, out]
    pub fn addcdiv(x: &Tensor, tensor1: &Tensor, tensor2: &Tensor, value: Scalar) -> Tensor = addcdiv_body;
}

/// [`where_`], for gradient formulas.
pub(crate) fn select(condition: &Tensor, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    where_(condition, x, y)
}

fn zero() -> Tensor {
    Tensor::wrapped(0.0).or_throw()
}

/// `g` where the mask is true, else 0: a NaN in `g` does not come through where it is not wanted.
fn masked(g: &Tensor, mask: &Tensor) -> Tensor {
    select(mask, g, &zero()).or_throw()
}

fn where_body(condition: &Tensor, x: &Tensor, y: &Tensor) -> Result<Tensor> {
    ensure!(
        matches!(condition.dtype(), DType::Bool | DType::U8),
        Runtime,
        "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
        condition.dtype().scalar_type_name()
    );
    let dtype = try_result_type(&[x, y])?;
    let Some(kernel) = ternary(Ternary::Where, dtype) else {
        return Err(not_implemented("where_cpu", dtype));
    };
    let convert = |t: &Tensor| super::pointwise::converted(t, dtype);
    let out = if x.dtype() == dtype && y.dtype() == dtype {
        elementwise(Dest::New, dtype, &[condition, x, y], kernel, std::ptr::null(), 1)?
    } else {
        let (x, y) = (convert(x)?, convert(y)?);
        elementwise(Dest::New, dtype, &[condition, &x, &y], kernel, std::ptr::null(), 1)?
    };
    out.record("WhereBackward0", [condition, x, y], |r| {
        let condition = r.save(condition);
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let condition = c.get(condition)?;
            catch(|| {
                let zero = zero();
                smallvec::smallvec![
                    None,
                    c.needs(1).then(|| select(&condition, g, &zero).or_throw()),
                    c.needs(2).then(|| select(&condition, &zero, g).or_throw()),
                ]
            })
        }
    })
}

/// The dtype of a tensor clamped by numbers.
fn clamp_dtype(x: &Tensor, bounds: &[Option<Scalar>]) -> Result<DType> {
    ensure!(
        !x.dtype().is_complex(),
        NotImplemented,
        "clamp is not supported for complex types"
    );
    let mut p = Promotion::default().tensor(x);
    for b in bounds.iter().flatten() {
        p = p.tensor(&Tensor::wrapped(*b)?);
    }
    Ok(p.finish())
}

fn clamp_body(x: &Tensor, min: Option<Scalar>, max: Option<Scalar>) -> Result<Tensor> {
    let (op, values): (Unary, smallvec::SmallVec<[Scalar; 2]>) = match (min, max) {
        (None, None) => bail!(Runtime, "torch.clamp: At least one of 'min' or 'max' must not be None"),
        (Some(a), Some(b)) => (Unary::Clamp, smallvec::smallvec![a, b]),
        (Some(a), None) => (Unary::ClampMin, smallvec::smallvec![a]),
        (None, Some(b)) => (Unary::ClampMax, smallvec::smallvec![b]),
    };
    let dtype = clamp_dtype(x, &[min, max])?;
    // A bound that is NaN makes everything NaN.
    let nan = values.iter().any(|v| v.to_f64().is_nan());
    let out = if nan {
        super::factory::full_of(x.shape(), f64::NAN.into(), dtype)?
    } else {
        unary_row(op, "clamp_scalar_cpu", x, dtype, Dest::New, &params(dtype, &values))?
    };
    out.record("ClampBackward1", [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| {
            let x = c.get(x)?;
            catch(|| bounded(g, &x, min, max))
        }
    })
}

/// `g` where `x` is strictly inside the bounds: PyTorch gives the bounds themselves no gradient.
fn bounded(g: &Tensor, x: &Tensor, min: Option<Scalar>, max: Option<Scalar>) -> Tensor {
    match (min, max) {
        (Some(a), Some(b)) => masked(g, &(x.gt(a) & x.lt(b))),
        (Some(a), None) => masked(g, &x.gt(a)),
        (None, Some(b)) => masked(g, &x.lt(b)),
        (None, None) => g.clone(),
    }
}

fn clamp_min_body(x: &Tensor, min: Scalar) -> Result<Tensor> {
    one_sided(Unary::ClampMin, "clamp_min_scalar_cpu", "ClampMinBackward0", x, min)
}

fn clamp_max_body(x: &Tensor, max: Scalar) -> Result<Tensor> {
    one_sided(Unary::ClampMax, "clamp_max_scalar_cpu", "ClampMaxBackward0", x, max)
}

fn one_sided(op: Unary, kernel: &str, node: &'static str, x: &Tensor, bound: Scalar) -> Result<Tensor> {
    let dtype = clamp_dtype(x, &[Some(bound)])?;
    let out = if bound.to_f64().is_nan() {
        super::factory::full_of(x.shape(), f64::NAN.into(), dtype)?
    } else {
        unary_row(op, kernel, x, dtype, Dest::New, &params(dtype, &[bound]))?
    };
    out.record(node, [x], |r| {
        let x = r.save(x);
        move |c: &Ctx, g: &Tensor| {
            let x = c.get(x)?;
            let (min, max) = if op == Unary::ClampMin {
                (Some(bound), None)
            } else {
                (None, Some(bound))
            };
            catch(|| bounded(g, &x, min, max))
        }
    })
}

fn clamp_tensor_body(x: &Tensor, min: Option<&Tensor>, max: Option<&Tensor>) -> Result<Tensor> {
    let (a, b) = match (min, max) {
        (None, None) => bail!(Runtime, "torch.clamp: At least one of 'min' or 'max' must not be None"),
        (Some(a), None) => return at_least(x, a, "ClampBackward0"),
        (None, Some(b)) => return at_most(x, b, "ClampBackward0"),
        (Some(a), Some(b)) => (a, b),
    };
    let dtype = try_result_type(&[x, a, b])?;
    let out = ternary_row(
        Ternary::Clamp,
        "clamp_kernel_impl",
        [x, a, b],
        dtype,
        Dest::New,
        &Params::default(),
    )?;
    out.record("ClampBackward0", [x, a, b], |r| {
        let saved = [r.save(x), r.save(a), r.save(b)];
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let (x, a, b) = (c.get(saved[0])?, c.get(saved[1])?, c.get(saved[2])?);
            catch(|| {
                // On a bound the gradient is shared with it, unless the bounds leave one value only.
                let open = a.lt(&b);
                let (on_a, on_b) = (&open & x.eq(&a), &open & x.eq(&b));
                let (half, none) = (g / 2, zero());
                let part = |on: &Tensor, all: &Tensor| {
                    let rest = select(all, g, &none).or_throw();
                    select(on, &half, &rest).or_throw()
                };
                smallvec::smallvec![
                    c.needs(0).then(|| part(&(&on_a | &on_b), &!(x.lt(&a) | x.gt(&b)))),
                    c.needs(1).then(|| part(&on_a, &(x.lt(&a) & a.le(&b)))),
                    c.needs(2).then(|| part(&on_b, &(x.gt(&b) | a.gt(&b)))),
                ]
            })
        }
    })
}

fn clamp_min_tensor_body(x: &Tensor, min: &Tensor) -> Result<Tensor> {
    at_least(x, min, "ClampMinBackward1")
}

fn clamp_max_tensor_body(x: &Tensor, max: &Tensor) -> Result<Tensor> {
    at_most(x, max, "ClampMaxBackward1")
}

/// The larger of two, with the gradient of `maximum`.
fn at_least(x: &Tensor, bound: &Tensor, node: &'static str) -> Result<Tensor> {
    let out = pair(Binary::Maximum, x, bound)?;
    record2(out, node, [x, bound], larger_left, larger_right)
}

/// The smaller of two, with the gradient of `minimum`.
fn at_most(x: &Tensor, bound: &Tensor, node: &'static str) -> Result<Tensor> {
    let out = pair(Binary::Minimum, x, bound)?;
    record2(out, node, [x, bound], smaller_left, smaller_right)
}

fn pair(op: Binary, x: &Tensor, bound: &Tensor) -> Result<Tensor> {
    let dtype = try_result_type(&[x, bound])?;
    let Some(kernel) = binary(op, dtype) else {
        let name = match op {
            _ if !dtype.is_complex() => "clamp_cpu",
            Binary::Maximum => "maximum_cpu",
            _ => "minimum_cpu",
        };
        return Err(not_implemented(name, dtype));
    };
    run_row(kernel, 1, &[x, bound], dtype, dtype, Dest::New, &Params::default())
}

/// PyTorch's lower-case C++ name of a dtype, as its dtype mismatch errors have it.
fn c_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "float",
        DType::F64 => "double",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::I64 => "long",
        DType::I32 => "int",
        DType::I16 => "short",
        DType::I8 => "signed char",
        DType::U8 => "unsigned char",
        DType::Bool => "bool",
        d => d.name(),
    }
}

fn same_dtype(x: &Tensor, other: &Tensor, what: &str) -> Result<()> {
    ensure!(
        x.dtype() == other.dtype(),
        Runtime,
        "expected dtype {} for `{what}` but got dtype {}",
        c_name(x.dtype()),
        c_name(other.dtype())
    );
    Ok(())
}

fn lerp_scalar_body(x: &Tensor, end: &Tensor, weight: Scalar) -> Result<Tensor> {
    same_dtype(x, end, "end")?;
    let dtype = x.dtype();
    let Some(kernel) = binary(Binary::LerpScalar, dtype) else {
        return Err(not_implemented("lerp_kernel_scalar", dtype));
    };
    let p = params(dtype, &[weight]);
    let out = elementwise(Dest::New, dtype, &[x, end], kernel, p.as_ptr(), 2)?;
    out.record("LerpBackward0", [x, end], |_| {
        move |c: &Ctx, g: &Tensor| {
            let (w, rest) = match weight.conj() {
                Scalar::Complex(re, im) => (Scalar::Complex(re, im), Scalar::Complex(1.0 - re, -im)),
                w => (Scalar::Float(w.to_f64()), Scalar::Float(1.0 - w.to_f64())),
            };
            catch(|| [c.needs(0).then(|| g * rest), c.needs(1).then(|| g * w)])
        }
    })
}

fn lerp_body(x: &Tensor, end: &Tensor, weight: &Tensor) -> Result<Tensor> {
    same_dtype(x, end, "end")?;
    let weight = if weight.dim() == 0 && weight.dtype() != x.dtype() {
        super::copy::to_dtype(weight, x.dtype())?
    } else {
        weight.clone()
    };
    let weight = &weight;
    same_dtype(x, weight, "weight")?;
    let out = ternary_row(
        Ternary::Lerp,
        "lerp_kernel_tensor",
        [x, end, weight],
        x.dtype(),
        Dest::New,
        &Params::default(),
    )?;
    out.record("LerpBackward1", [x, end, weight], |r| {
        let (x, end, weight) = (r.save_if(r.needs(2), x), r.save_if(r.needs(2), end), r.save(weight));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let w = c.get_conj(weight)?;
            let span = c
                .needs(2)
                .then(|| Ok::<_, crate::Error>((c.get_conj(x)?, c.get_conj(end)?)))
                .transpose()?;
            catch(|| {
                smallvec::smallvec![
                    c.needs(0).then(|| g * (1 - &w)),
                    c.needs(1).then(|| g * &w),
                    span.map(|(x, end)| g * (end - x)),
                ]
            })
        }
    })
}

fn addcmul_body(x: &Tensor, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
    let dtype = try_result_type(&[x, a, b])?;
    let out = ternary_row(
        Ternary::Addcmul,
        "addcmul_cpu_out",
        [x, a, b],
        dtype,
        Dest::New,
        &params(dtype, &[value]),
    )?;
    out.record("AddcmulBackward0", [x, a, b], |r| {
        let (a, b) = (r.save_if(r.needs(2), a), r.save_if(r.needs(1), b));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let a = if c.needs(2) { Some(c.get_conj(a)?) } else { None };
            let b = if c.needs(1) { Some(c.get_conj(b)?) } else { None };
            let value = value.conj();
            catch(|| {
                smallvec::smallvec![
                    c.needs(0).then(|| g.clone()),
                    b.map(|b| g * (b * value)),
                    a.map(|a| g * (a * value)),
                ]
            })
        }
    })
}

fn addcdiv_body(x: &Tensor, a: &Tensor, b: &Tensor, value: Scalar) -> Result<Tensor> {
    ensure!(
        promote_types(a.dtype(), b.dtype()).is_differentiable(),
        Runtime,
        "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes."
    );
    let dtype = try_result_type(&[x, a, b])?;
    let out = ternary_row(
        Ternary::Addcdiv,
        "addcdiv_cpu_out",
        [x, a, b],
        dtype,
        Dest::New,
        &params(dtype, &[value]),
    )?;
    out.record("AddcdivBackward0", [x, a, b], |r| {
        let (a, b) = (r.save_if(r.needs(2), a), r.save(b));
        move |c: &Ctx, g: &Tensor| -> Result<Grads> {
            let b = c.get_conj(b)?;
            let a = if c.needs(2) { Some(c.get_conj(a)?) } else { None };
            let value = value.conj();
            catch(|| {
                smallvec::smallvec![
                    c.needs(0).then(|| g.clone()),
                    c.needs(1).then(|| g * (value * &b.reciprocal())),
                    a.map(|a| -&(g * ((a * value) / (&b * &b)))),
                ]
            })
        }
    })
}

impl std::ops::Mul<&Tensor> for Scalar {
    type Output = Tensor;
    #[track_caller]
    fn mul(self, other: &Tensor) -> Tensor {
        self.with(|s| super::arith::mul(s, other)).or_throw()
    }
}

impl Tensor {
    /// `self` where `condition` is true, else `other`.
    #[track_caller]
    pub fn where_(&self, condition: &Tensor, other: impl Operand) -> Tensor {
        other.with(|o| where_(condition, self, o)).or_throw()
    }

    /// `self` inside `[min, max]`; NaN stays.
    #[track_caller]
    pub fn clamp(&self, min: impl Into<Scalar>, max: impl Into<Scalar>) -> Tensor {
        clamp(self, Some(min.into()), Some(max.into())).or_throw()
    }

    /// At least `min`; NaN stays.
    #[track_caller]
    pub fn clamp_min(&self, min: impl Into<Scalar>) -> Tensor {
        clamp_min(self, min.into()).or_throw()
    }

    /// At most `max`; NaN stays.
    #[track_caller]
    pub fn clamp_max(&self, max: impl Into<Scalar>) -> Tensor {
        clamp_max(self, max.into()).or_throw()
    }

    /// `self + weight * (end - self)`.
    #[track_caller]
    pub fn lerp(&self, end: &Tensor, weight: impl Into<Scalar>) -> Tensor {
        lerp_scalar(self, end, weight.into()).or_throw()
    }

    /// `self + value * a * b`.
    #[track_caller]
    pub fn addcmul(&self, a: &Tensor, b: &Tensor, value: impl Into<Scalar>) -> Tensor {
        addcmul(self, a, b, value.into()).or_throw()
    }

    /// `self + value * a / b`.
    #[track_caller]
    pub fn addcdiv(&self, a: &Tensor, b: &Tensor, value: impl Into<Scalar>) -> Tensor {
        addcdiv(self, a, b, value.into()).or_throw()
    }
}

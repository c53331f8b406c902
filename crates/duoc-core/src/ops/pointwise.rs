//! What elementwise operations share: promotion, conversion, the call of a kernel row, the shape of a record.

use crate::autograd::Ctx;
use crate::iter::{Dest, elementwise};
use crate::op::Value;
use crate::{DType, Error, ErrorKind, Result, Tensor, catch, default_dtype};
use duoc_kernels::Loop2d;
use duoc_kernels::pointwise::{Binary, Params, Predicate, Ternary, Unary, binary, predicate, ternary, unary};

/// The error of a kernel that does not exist for a dtype, in PyTorch's words; `kernel` is its name there.
#[cold]
pub(crate) fn not_implemented(kernel: &str, dtype: DType) -> Error {
    let text = format!("\"{kernel}\" not implemented for '{}'", dtype.scalar_type_name());
    Error::new(ErrorKind::NotImplemented, text)
}

/// The dtype itself when it is floating, else the default one: what a function with real values gives.
pub(crate) fn real_dtype(dtype: DType) -> DType {
    if dtype.is_differentiable() {
        dtype
    } else {
        default_dtype()
    }
}

/// `op(x)` in `dtype`: converts the operand and runs the kernel row. `kernel` names it in the error.
pub(crate) fn unary_row(
    op: Unary,
    kernel: &str,
    x: &Tensor,
    dtype: DType,
    dest: Dest,
    params: &Params,
) -> Result<Tensor> {
    let Some(f) = unary(op, dtype) else {
        return Err(not_implemented(kernel, dtype));
    };
    if x.dtype() == dtype {
        return elementwise(dest, dtype, &[x], f, params.as_ptr(), op.cost());
    }
    elementwise(dest, dtype, &[&converted(x, dtype)?], f, params.as_ptr(), op.cost())
}

/// `x op y` in `dtype`: converts the operands and runs the kernel row.
pub(crate) fn binary_row(
    op: Binary,
    name: &str,
    x: &Tensor,
    y: &Tensor,
    dtype: DType,
    dest: Dest,
    params: &Params,
) -> Result<Tensor> {
    let Some(kernel) = binary(op, dtype) else {
        // Shapes that do not fit are the first thing to be wrong.
        crate::layout::broadcast(x.shape(), y.shape())?;
        return Err(not_implemented(&format!("{name}_cpu"), dtype));
    };
    run_row(kernel, op.cost(), &[x, y], dtype, dtype, dest, params)
}

/// A kernel over operands that are first converted to `dtype`, with a result of dtype `out`.
pub(crate) fn run_row(
    kernel: Loop2d,
    cost: usize,
    operands: &[&Tensor],
    dtype: DType,
    out: DType,
    dest: Dest,
    params: &Params,
) -> Result<Tensor> {
    if operands.iter().all(|t| t.dtype() == dtype) {
        return elementwise(dest, out, operands, kernel, params.as_ptr(), cost);
    }
    let held = operands
        .iter()
        .map(|t| converted(t, dtype))
        .collect::<Result<Vec<_>>>()?;
    let inputs: smallvec::SmallVec<[&Tensor; 4]> = held.iter().collect();
    elementwise(dest, out, &inputs, kernel, params.as_ptr(), cost)
}

/// A function of three values in `dtype`; `kernel` names it in the error.
pub(crate) fn ternary_row(
    op: Ternary,
    kernel: &str,
    operands: [&Tensor; 3],
    dtype: DType,
    dest: Dest,
    params: &Params,
) -> Result<Tensor> {
    let Some(f) = ternary(op, dtype) else {
        return Err(not_implemented(kernel, dtype));
    };
    run_row(f, op.cost(), &operands, dtype, dtype, dest, params)
}

/// The operand as a kernel wants it, outside the graph: recording belongs to the op.
pub(crate) fn converted(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        return Ok(x.clone());
    }
    let out = Tensor::uninit_like(x, dtype)?;
    super::copy::copy_data(&out, x)?;
    Ok(out)
}

/// What the formula of a gradient needs besides the gradient itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Save {
    /// Nothing; the formula gets the gradient twice.
    Nothing,
    /// The input.
    Input,
    /// The result.
    Output,
}

/// Records a function of one tensor whose gradient is `formula(g, saved)`.
///
/// For complex numbers see [`analytic`].
pub(crate) fn record1(
    out: Tensor,
    name: &'static str,
    x: &Tensor,
    save: Save,
    formula: fn(&Tensor, &Tensor) -> Tensor,
) -> Result<Tensor> {
    out.record(name, [x], |r| {
        let saved = match save {
            Save::Nothing => None,
            Save::Input => Some(r.save(x)),
            Save::Output => Some(r.save_output(0)),
        };
        move |c: &Ctx, g: &Tensor| {
            let Some(saved) = saved else {
                return catch(|| formula(g, g));
            };
            let v = c.get(saved)?;
            analytic(g, v.dtype().is_complex(), |g| formula(g, &v))
        }
    })
}

/// The gradient of an analytic function, `g * conj f'(z)` in PyTorch's convention, from a formula for `g * f'(z)`: the
/// formula gets the conjugate of `g`, and its result is conjugated. Real numbers are their own conjugates.
pub(crate) fn analytic(g: &Tensor, complex: bool, formula: impl FnOnce(&Tensor) -> Tensor) -> Result<Tensor> {
    if !complex {
        return catch(|| formula(g));
    }
    use super::parts::conjugated;
    let g = conjugated(g)?;
    conjugated(&catch(|| formula(&g))?)
}

/// Records a function of two tensors whose gradients are `left(g, x, y)` and `right(g, x, y)`.
pub(crate) fn record2(
    out: Tensor,
    name: &'static str,
    [x, y]: [&Tensor; 2],
    left: fn(&Tensor, &Tensor, &Tensor) -> Tensor,
    right: fn(&Tensor, &Tensor, &Tensor) -> Tensor,
) -> Result<Tensor> {
    out.record(name, [x, y], |r| {
        let (sx, sy) = (r.save(x), r.save(y));
        move |c: &Ctx, g: &Tensor| {
            let (x, y) = (c.get(sx)?, c.get(sy)?);
            let complex = x.dtype().is_complex() || y.dtype().is_complex();
            let one = |i, f: fn(&Tensor, &Tensor, &Tensor) -> Tensor| {
                c.needs(i).then(|| analytic(g, complex, |g| f(g, &x, &y))).transpose()
            };
            Ok([one(0, left)?, one(1, right)?])
        }
    })
}

/// A gradient that is zero wherever it exists.
pub(crate) fn no_gradient(g: &Tensor, _: &Tensor) -> Tensor {
    g.zeros_like()
}

/// Argument `i` of an `out=` call as a tensor, if `out` can take the result of `dtype` as it is.
///
/// Anything else is left to the general way, which computes first and copies: the error says so and is not seen.
pub(crate) fn writable<'a>(args: &'a [Value], i: usize, dtype: DType, out: &Tensor) -> Result<&'a Tensor> {
    match args.get(i) {
        Some(Value::Tensor(x)) if out.dtype() == dtype => Ok(x),
        _ => Err(no_direct_way()),
    }
}

/// What a `write` answers when its op has to go the general way: compute, check, copy. Nobody sees it.
#[cold]
pub(crate) fn no_direct_way() -> Error {
    Error::new(ErrorKind::NotImplemented, "no direct way")
}

/// Whether a result of operands of these shapes has exactly the shape of `out`.
pub(crate) fn check_shape(out: &Tensor, operands: &[&Tensor]) -> Result<()> {
    let mut shape: crate::layout::Dims = operands[0].shape().into();
    for t in &operands[1..] {
        shape = crate::layout::broadcast(&shape, t.shape())?;
    }
    if shape[..] == *out.shape() {
        Ok(())
    } else {
        Err(no_direct_way())
    }
}

/// The in-place form of an op in Rust: straight over `x` when nothing is recorded, else by the functional form.
pub(crate) fn change<'a>(
    x: &'a Tensor,
    others: &[&'a Tensor],
    write: impl FnOnce(&Tensor) -> Result<()>,
    f: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    let all = || std::iter::once(x).chain(others.iter().copied());
    let recorded = crate::autograd::mode::is_grad_enabled() && all().any(|t| t.requires_grad());
    if !recorded && !all().any(Tensor::is_lazy) {
        crate::op::check_target(x, others)?;
        match write(x) {
            Err(e) if e.kind() == ErrorKind::NotImplemented => {}
            done => return done,
        }
    }
    crate::op::in_place(x, all(), f)
}

/// `a + b`, recorded when gradients are.
pub(crate) fn add_tensors(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    super::arith::add(a, b, crate::Scalar::Int(1))
}

/// `a += b` without recording: the engine's own sums.
pub(crate) fn add_into(a: &Tensor, b: &Tensor) -> Result<()> {
    // The kernel reads elements as they are stored.
    if a.is_conj() || a.is_neg() {
        let sum = crate::autograd::no_grad(|| add_tensors(&a.detach(), &b.detach()))?;
        return super::copy::copy_(&a.detach(), &sum);
    }
    let b = super::parts::resolved(b)?;
    binary_row(
        Binary::Add,
        "add",
        a,
        &b,
        a.dtype(),
        Dest::Into(a),
        &Params::floats(&[1.0]),
    )
    .map(drop)
}

/// Whether some element is NaN.
pub(crate) fn has_nan(x: &Tensor) -> Result<bool> {
    let Some(kernel) = predicate(Predicate::IsNan, x.dtype()) else {
        return Ok(false);
    };
    let nan = elementwise(Dest::New, DType::Bool, &[x], kernel, std::ptr::null(), 1)?;
    nan.with_slice::<bool, _>(|s| s.contains(&true))
}

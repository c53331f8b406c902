//! In-place and `out=` forms of any op, from its functional form.

use super::{Op, Value};
use crate::autograd::mode::is_grad_enabled;
use crate::autograd::record::{adopt_history, check_inplace};
use crate::iter::{assert_no_internal_overlap, assert_no_partial_overlap};
use crate::ops::copy::{copy_data, to_dtype};
use crate::promote::category;
use crate::{DType, Result, Tensor, bail, ensure};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Whether a result of dtype `from` may be written into a tensor of dtype `to` (PyTorch's `can_cast`): the category
/// may not fall from complex to real, from floating to integral, or from a number to bool.
pub fn can_cast(from: DType, to: DType) -> bool {
    let (f, t) = (category(from), category(to));
    !(f == 3 && t != 3 || f == 2 && t < 2 || f > 0 && t == 0)
}

/// What is asked of a tensor that a call on `inputs` is to change, before anything is computed: that autograd allows
/// it, that each of its elements has a place of its own, and that it shares no part of an input.
pub(crate) fn check_target(x: &Tensor, inputs: &[&Tensor]) -> Result<()> {
    check_inplace(x)?;
    assert_apart(x, inputs)
}

/// The in-place form of a functional `f` of `x` and `inputs`: `x` becomes `f(x)`.
///
/// `f` gets a copy of `x` with `x`'s history when the call is recorded, so that what it saves is not overwritten;
/// otherwise `x` itself. Nothing is written unless everything that can fail has been done.
pub fn in_place<'a>(
    x: &Tensor,
    inputs: impl IntoIterator<Item = &'a Tensor>,
    f: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    let inputs: SmallVec<[&Tensor; 4]> = inputs.into_iter().collect();
    check_target(x, &inputs)?;
    let recorded = is_grad_enabled() && (x.requires_grad() || inputs.iter().any(|t| t.requires_grad()));
    let result = if recorded { f(&with_history(x)?)? } else { f(x)? };
    finish_inplace(x, &result)
}

/// A copy of `x`'s elements that has `x`'s place in the graph.
fn with_history(x: &Tensor) -> Result<Tensor> {
    let t = {
        let _guard = crate::autograd::mode::grad_mode(false);
        crate::ops::copy::clone(x, None)?
    };
    if let Some(edge) = crate::autograd::record::edge_of(x) {
        t.set_edge(edge);
    }
    Ok(t)
}

/// Writes a result over `x` and gives `x` its history.
pub fn finish_inplace(x: &Tensor, result: &Tensor) -> Result<()> {
    ensure!(
        result.shape() == x.shape(),
        Runtime,
        "output with shape {:?} doesn't match the broadcast shape {:?}",
        x.shape(),
        result.shape()
    );
    check_cast(result.dtype(), x.dtype())?;
    // The conversion may want memory, so it comes before the first byte is written; afterwards nothing can fail.
    let result = to_dtype(result, x.dtype())?;
    let result = if result.is_same(x) { result } else { apart(x, result)? };
    let before = x.version();
    copy_data(x, &result)?;
    // Memory that nobody else holds is written without the bookkeeping of shared memory; the change counts all the same.
    if x.version() == before {
        x.bump_version();
    }
    adopt_history(x, &result)
}

/// `result`, or a copy of it where it lies in the memory of `x` in another order.
fn apart(x: &Tensor, result: Tensor) -> Result<Tensor> {
    let exact =
        result.data_ptr() == x.data_ptr() && result.strides() == x.strides() && !x.is_lazy() && !result.is_lazy();
    if !result.storage().same(x.storage()) || exact {
        return Ok(result);
    }
    crate::ops::copy::clone(&result, None)
}

fn check_cast(from: DType, to: DType) -> Result<()> {
    ensure!(
        can_cast(from, to),
        Runtime,
        "result type {} can't be cast to the desired output type {}",
        from.scalar_type_name(),
        to.scalar_type_name()
    );
    Ok(())
}

/// The `out=` form of an op: computes and writes into `outs`, which are resized where they are empty or alone on
/// their storage. Returns the handles that now hold the results.
pub fn finish_out(op: &Op, inputs: &[Value], outs: Vec<Tensor>) -> Result<Value> {
    let all = || inputs.iter().flat_map(Value::tensors).chain(outs.iter());
    ensure!(
        !is_grad_enabled() || !all().any(|t| t.requires_grad()),
        Runtime,
        "{}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.",
        op.name()
    );
    let inputs = &factory_inputs(op, inputs, &outs)?[..];
    for out in &outs {
        check_inplace(out)?;
    }
    let tensors: Vec<&Tensor> = inputs.iter().flat_map(Value::tensors).collect();
    if let (Some(write), [out]) = (op.write, &outs[..])
        && !out.is_lazy()
        && !tensors.iter().any(|t| t.is_lazy())
        && assert_apart(out, &tensors).is_ok()
    {
        match write(inputs, out) {
            Ok(()) => return Ok(Value::Tensor(out.clone())),
            // The kernel could not write there (another shape or dtype): compute first, then copy.
            Err(e) if e.kind() == crate::ErrorKind::NotImplemented => {}
            Err(e) => return Err(e),
        }
    }
    let results = (op.call)(inputs)?;
    let results: Vec<Tensor> = results.tensors().into_iter().cloned().collect();
    ensure!(
        results.len() == outs.len(),
        Runtime,
        "{}: {} results for {} outputs",
        op.name(),
        results.len(),
        outs.len()
    );
    // Every output is judged before the first is written.
    let mut ready = Vec::with_capacity(outs.len());
    for (out, r) in outs.iter().zip(&results) {
        check_out(out, r, &tensors)?;
        ready.push((resized(out, r)?, to_dtype(r, out.dtype())?));
    }
    for (out, r) in &ready {
        copy_data(out, r)?;
    }
    let mut written = ready.into_iter().map(|(out, _)| Value::Tensor(out));
    Ok(match outs.len() {
        1 => written.next().unwrap_or(Value::None),
        _ => Value::Tuple(written.collect()),
    })
}

/// Whether `out` may take the result `r` of a call on `inputs`. An output of another shape gets new memory, so that
/// nothing it has now can overlap.
fn check_out(out: &Tensor, r: &Tensor, inputs: &[&Tensor]) -> Result<()> {
    check_cast(r.dtype(), out.dtype())?;
    ensure!(
        out.device() == r.device(),
        Runtime,
        "Expected out tensor to be on {}, got {}",
        r.device(),
        out.device()
    );
    assert_no_internal_overlap(out)?;
    if out.shape() != r.shape() {
        return Ok(());
    }
    assert_apart(out, inputs)
}

/// Whether each element of `out` has a place of its own, and none is part of an input at another place.
fn assert_apart(out: &Tensor, inputs: &[&Tensor]) -> Result<()> {
    assert_no_internal_overlap(out)?;
    inputs.iter().try_for_each(|t| assert_no_partial_overlap(out, t))
}

/// The inputs of a factory function's `out=` form: the dtype is the output's.
fn factory_inputs<'a>(op: &Op, inputs: &'a [Value], outs: &[Tensor]) -> Result<Cow<'a, [Value]>> {
    let [out] = outs else { return Ok(inputs.into()) };
    if inputs.iter().any(|v| !v.tensors().is_empty()) {
        return Ok(inputs.into());
    }
    let schema = super::Schema::parse(op.schema).map_err(|e| crate::err!(Runtime, "{e}"))?;
    let Some(at) = schema.args.iter().position(|a| a.name == "dtype") else {
        return Ok(inputs.into());
    };
    match inputs.get(at) {
        Some(Value::DType(d)) if *d != out.dtype() => bail!(
            Runtime,
            "dtype {} does not match dtype of out parameter ({})",
            d.scalar_type_name(),
            out.dtype().scalar_type_name()
        ),
        Some(Value::None) => {
            let mut inputs = inputs.to_vec();
            inputs[at] = Value::DType(out.dtype());
            Ok(inputs.into())
        }
        _ => Ok(inputs.into()),
    }
}

/// `out`, or a tensor in its place with a storage of the result's shape.
fn resized(out: &Tensor, r: &Tensor) -> Result<Tensor> {
    let mut out = out.clone();
    if out.shape() == r.shape() {
        return Ok(out);
    }
    if out.is_view() || out.storage().use_count() > 1 && out.numel() != 0 {
        bail!(
            Runtime,
            "out= has shape {:?} where {:?} is needed, and cannot be resized because other tensors share its memory. Give an empty tensor, or one of the right shape",
            out.shape(),
            r.shape()
        );
    }
    if out.numel() != 0 {
        crate::warning::warn(&format!(
            "An output with one or more elements was resized since it had shape {:?}, which does not match the required output shape {:?}. This behavior is deprecated: give a tensor of the right shape, or one without elements.",
            out.shape(),
            r.shape()
        ))?;
    }
    crate::ops::view::resize(&mut out, r.shape())?;
    Ok(out)
}

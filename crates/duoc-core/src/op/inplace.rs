//! In-place and `out=` forms of any op, from its functional form.

use super::{Op, Value};
use crate::autograd::mode::is_grad_enabled;
use crate::autograd::record::{adopt_history, check_inplace};
use crate::iter::assert_no_internal_overlap;
use crate::ops::copy::{copy_data, to_dtype};
use crate::promote::category;
use crate::{DType, Result, Tensor, bail, ensure};
use std::borrow::Cow;

/// Whether a result of dtype `from` may be written into a tensor of dtype `to` (PyTorch's `can_cast`): the category
/// may not fall from complex to real, from floating to integral, or from a number to bool.
pub fn can_cast(from: DType, to: DType) -> bool {
    let (f, t) = (category(from), category(to));
    !(f == 3 && t != 3 || f == 2 && t < 2 || f > 0 && t == 0)
}

/// The in-place form of a functional `f`: `x` becomes `f(x)`.
///
/// `f` gets a copy of `x` with `x`'s history when the call is recorded, so that what it saves is not overwritten;
/// otherwise `x` itself. Nothing is written when `f` fails.
pub fn in_place<'a>(
    x: &Tensor,
    inputs: impl IntoIterator<Item = &'a Tensor>,
    f: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<()> {
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    let recorded = is_grad_enabled() && (x.requires_grad() || inputs.into_iter().any(|t| t.requires_grad()));
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
        t.meta().set_edge(Some(edge));
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
    let before = x.version();
    copy_data(x, result)?;
    // Memory that nobody else holds is written without the bookkeeping of shared memory; the change counts all the same.
    if x.version() == before {
        x.bump_version();
    }
    let result = if result.requires_grad() {
        to_dtype(result, x.dtype())?
    } else {
        result.clone()
    };
    adopt_history(x, &result)
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
    if let (Some(write), [out]) = (op.write, &outs[..])
        && !out.is_inference()
    {
        assert_no_internal_overlap(out)?;
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
    for (out, r) in outs.iter().zip(&results) {
        check_cast(r.dtype(), out.dtype())?;
        ensure!(
            out.device() == r.device(),
            Runtime,
            "Expected out tensor to be on {}, got {}",
            r.device(),
            out.device()
        );
    }
    let mut written = Vec::with_capacity(outs.len());
    for (out, r) in outs.into_iter().zip(&results) {
        written.push(write_out(out, r)?);
    }
    Ok(match written.len() {
        1 => Value::Tensor(written.swap_remove(0)),
        _ => Value::Tuple(written.into_iter().map(Value::Tensor).collect()),
    })
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

/// Copies a result into `out`, or gives `out` a new storage of the result's shape.
fn write_out(mut out: Tensor, r: &Tensor) -> Result<Tensor> {
    assert_no_internal_overlap(&out)?;
    if out.shape() != r.shape() {
        if out.is_view() || out.storage().use_count() > 1 && out.numel() != 0 {
            bail!(
                Runtime,
                "out= has shape {:?} where {:?} is needed, and cannot be resized because other tensors share its memory. Give an empty tensor, or one of the right shape",
                out.shape(),
                r.shape()
            );
        }
        crate::ops::view::resize(&mut out, r.shape())?;
    }
    copy_data(&out, r)?;
    Ok(out)
}

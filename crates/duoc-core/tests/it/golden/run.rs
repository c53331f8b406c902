//! Finding the op of a case and calling it.

use super::Case;
use super::read::bind;
use duoc_core::op::{Entry, Form, Value, registry};
use duoc_core::{DType, Scalar, Tensor};

/// The entry that a case means and the arguments in its order: the overload of that name, else the first overload that
/// takes the arguments, as PyTorch's own Python binding would choose. None while no op of the name is registered.
pub fn resolve(case: &Case) -> Option<(&'static Entry, Vec<Value>)> {
    let kwargs = case.get("kwargs");
    let wants_out = kwargs.get("out").is_some();
    let name = case.op.split('.').next().unwrap_or("");
    let fits = |e: &'static Entry| bind(&e.schema, case.get("args"), kwargs).map(|args| (e, args));
    if !wants_out && let Some(found) = registry().get(&case.op).and_then(fits) {
        return Some(found);
    }
    registry()
        .overloads(name)
        .filter(|e| (e.form == Form::Out) == wants_out)
        .find_map(fits)
}

/// Whether any op of the case's name is registered.
pub fn is_registered(case: &Case) -> bool {
    registry()
        .overloads(case.op.split('.').next().unwrap_or(""))
        .next()
        .is_some()
}

fn is_leaf(t: &Tensor) -> bool {
    matches!(t.dtype(), DType::F64 | DType::C128) && !t.is_wrapped_number()
}

/// The float64 and complex128 tensors among the arguments: those that golden gradients are for.
pub fn leaves(args: &[Value]) -> Vec<Tensor> {
    args.iter()
        .flat_map(Value::tensors)
        .filter(|t| is_leaf(t))
        .cloned()
        .collect()
}

/// The same arguments with every float64 tensor replaced by what `f` makes of it.
pub fn map_leaves(args: &[Value], f: &mut dyn FnMut(&Tensor) -> Tensor) -> Vec<Value> {
    map_tensors(args, &mut |t| {
        if is_leaf(t) { f(t) } else { t.clone() }
    })
}

/// The same arguments with every tensor replaced by what `f` makes of it.
pub fn map_tensors(args: &[Value], f: &mut dyn FnMut(&Tensor) -> Tensor) -> Vec<Value> {
    args.iter()
        .map(|v| match v {
            Value::Tensor(t) => Value::Tensor(f(t)),
            Value::Tensors(ts) => Value::Tensors(ts.iter().map(&mut *f).collect()),
            Value::OptTensors(ts) => Value::OptTensors(ts.iter().map(|t| t.as_ref().map(&mut *f)).collect()),
            v => v.clone(),
        })
        .collect()
}

/// The weights of gradient checks: element k is 1/2 + (k mod period)/8.
pub fn cotangent(like: &Tensor, period: usize) -> Tensor {
    let data: Vec<f64> = (0..like.numel()).map(|k| 0.5 + (k % period) as f64 / 8.0).collect();
    let t = Tensor::try_from_slice(&data, like.shape()).expect("as many weights as elements");
    match like.dtype().is_complex() {
        true => t.to_dtype(like.dtype()) * Scalar::Complex(1.0, 0.5),
        false => t,
    }
}

//! What an optimiser remembers, and the form in which it is saved.

use super::value::{Entries, Value};
use crate::Param;
use duoc_core::autograd::no_grad;
use duoc_core::{DType, Result, Tensor, catch, default_dtype};
use std::collections::HashMap;

/// The state of each parameter, by parameter.
#[derive(Default)]
pub struct States(HashMap<u64, Entries>);

impl States {
    /// The state of a parameter, made empty where there is none.
    pub fn of(&mut self, p: &Param) -> &mut Entries {
        self.0.entry(p.id()).or_default()
    }

    /// The state of a parameter.
    pub fn get(&self, p: &Param) -> Option<&Entries> {
        self.0.get(&p.id())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// An optimiser's memory as data: PyTorch's `state_dict()`, with parameters numbered in the order of the groups.
#[derive(Clone, Default, Debug)]
pub struct OptimizerState {
    /// The state of each parameter that has some, by number.
    pub state: Vec<(usize, Entries)>,
    /// The groups.
    pub groups: Vec<GroupState>,
}

/// A group as data.
#[derive(Clone, Default, Debug)]
pub struct GroupState {
    /// The settings.
    pub options: Entries,
    /// Numbers of the parameters.
    pub params: Vec<usize>,
}

/// The dtype of numbers that PyTorch keeps as 0-d tensors (`step` and the like).
fn scalar_dtype() -> DType {
    match default_dtype() {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// A number as such a tensor would hold it.
pub(super) fn stored(x: f64) -> f64 {
    match scalar_dtype() {
        DType::F64 => x,
        _ => f64::from(x as f32),
    }
}

/// For saving: the named numbers become 0-d tensors, as PyTorch has them, and tensors are copied.
pub(super) fn exported(entries: &Entries, numbers: &[&str]) -> Result<Entries> {
    let mut out = Entries::new();
    for (name, value) in entries.iter() {
        let value = match value {
            Value::Float(x) if numbers.contains(&name) => Value::Tensor(Tensor::scalar(*x, scalar_dtype())?),
            other => copied(other)?,
        };
        out.set(name, value);
    }
    Ok(out)
}

fn copied(value: &Value) -> Result<Value> {
    Ok(match value {
        Value::Tensor(t) => Value::Tensor(no_grad(|| catch(|| t.detach().copy()))?),
        Value::Tuple(vs) => Value::Tuple(vs.iter().map(copied).collect::<Result<_>>()?),
        Value::List(vs) => Value::List(vs.iter().map(copied).collect::<Result<_>>()?),
        other => other.clone(),
    })
}

/// From a file: the named numbers are numbers again, and floating tensors take the parameter's dtype.
pub(super) fn imported(entries: &Entries, numbers: &[&str], p: &Param) -> Result<Entries> {
    let mut out = Entries::new();
    for (name, value) in entries.iter() {
        let value = match value.number() {
            Some(x) if numbers.contains(&name) => Value::Float(x),
            _ => fitted(value, p)?,
        };
        out.set(name, value);
    }
    Ok(out)
}

fn fitted(value: &Value, p: &Param) -> Result<Value> {
    Ok(match value {
        Value::Tensor(t) if p.dtype().is_float() && t.dtype().is_float() => {
            Value::Tensor(no_grad(|| catch(|| t.detach().copy().to_dtype(p.dtype())))?)
        }
        Value::Tuple(vs) => Value::Tuple(vs.iter().map(|v| fitted(v, p)).collect::<Result<_>>()?),
        Value::List(vs) => Value::List(vs.iter().map(|v| fitted(v, p)).collect::<Result<_>>()?),
        other => copied(other)?,
    })
}

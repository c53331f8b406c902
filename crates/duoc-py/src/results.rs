//! Results of an op as Python objects.

use crate::tensor::{PyTensor, handle, swap, wrap, wrap_opt};
use crate::{read, types};
use duoc_core::op::{Entry, Value};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyTuple};
use smallvec::SmallVec;

/// Python's maker of named tuples: `maker(op name, field names)`, given by the package when it is imported.
pub static NAMED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The result of a call.
pub fn to_py(py: Python<'_>, entry: &Entry, value: Value) -> PyResult<Py<PyAny>> {
    match value {
        Value::Tensor(t) => wrap(py, t),
        Value::Tuple(items) => {
            let items: Vec<Py<PyAny>> = items.into_iter().map(|v| plain(py, v)).collect::<PyResult<_>>()?;
            named(py, entry, items)
        }
        v => plain(py, v),
    }
}

fn named(py: Python<'_>, entry: &Entry, items: Vec<Py<PyAny>>) -> PyResult<Py<PyAny>> {
    let tuple = PyTuple::new(py, items)?;
    let names: Option<Vec<&str>> = entry.schema.returns.iter().map(|r| r.name.as_deref()).collect();
    match (names, NAMED.get(py)) {
        (Some(names), Some(maker)) if names.len() == tuple.len() => {
            let class = maker.call1(py, (&entry.schema.name, PyTuple::new(py, names)?))?;
            class.call1(py, (tuple,))
        }
        _ => Ok(tuple.into_any().unbind()),
    }
}

fn plain(py: Python<'_>, value: Value) -> PyResult<Py<PyAny>> {
    Ok(match value {
        Value::None => py.None(),
        Value::Tensor(t) => wrap(py, t)?,
        Value::Tensors(ts) => tuple(py, ts.into_iter().map(|t| wrap(py, t)))?,
        Value::OptTensors(ts) => tuple(py, ts.into_iter().map(|t| wrap_opt(py, t)))?,
        Value::Scalar(s) => read::number(py, s)?,
        Value::Scalars(v) => tuple(py, v.into_iter().map(|s| read::number(py, s)))?,
        Value::Int(i) => i.into_pyobject(py)?.into_any().unbind(),
        Value::Ints(v) => PyTuple::new(py, v)?.into_any().unbind(),
        Value::Float(x) => x.into_pyobject(py)?.into_any().unbind(),
        Value::Floats(v) => PyList::new(py, v)?.into_any().unbind(),
        Value::Bool(b) => b.into_pyobject(py)?.to_owned().into_any().unbind(),
        Value::Bools(v) => PyList::new(py, v)?.into_any().unbind(),
        Value::Str(s) => s.into_pyobject(py)?.into_any().unbind(),
        Value::DType(d) => types::dtype(py, d)?,
        Value::Device(d) => types::device(py, d)?,
        Value::Layout(_) => types::_layout_of_name(py, "strided")?.into_any(),
        Value::MemoryFormat(f) => Py::new(py, types::PyMemoryFormat(f))?.into_any(),
        Value::Generator(g) => Py::new(py, types::PyGenerator(g))?.into_any(),
        Value::Tuple(items) => tuple(py, items.into_iter().map(|v| plain(py, v)))?,
    })
}

fn tuple(py: Python<'_>, items: impl Iterator<Item = PyResult<Py<PyAny>>>) -> PyResult<Py<PyAny>> {
    let items: Vec<Py<PyAny>> = items.collect::<PyResult<_>>()?;
    Ok(PyTuple::new(py, items)?.into_any().unbind())
}

/// The given `out` tensors, which now hold the results; one that was resized has another tensor behind it.
pub fn into_outs(py: Python<'_>, outs: SmallVec<[Bound<'_, PyTensor>; 2]>, value: Value) -> PyResult<Py<PyAny>> {
    for (obj, t) in outs.iter().zip(value.tensors()) {
        if !handle(obj).is_same(t) {
            swap(obj, t.clone());
        }
    }
    match &outs[..] {
        [one] => Ok(one.clone().into_any().unbind()),
        many => Ok(PyTuple::new(py, many)?.into_any().unbind()),
    }
}

/// The object of the tensor that was changed in place.
pub fn into_changed(obj: &Bound<'_, PyTensor>, value: Value) -> PyResult<Py<PyAny>> {
    if let Value::Tensor(t) = value
        && !handle(obj).is_same(&t)
    {
        swap(obj, t);
    }
    Ok(obj.clone().into_any().unbind())
}

/// The kind of result, for documentation.
pub fn kind(entry: &Entry) -> String {
    let one = |r: &duoc_core::op::Return| {
        let name = crate::convert::Kind::of(&r.ty).map_or("object", |k| k.0.name());
        match &r.name {
            Some(n) => format!("{name} {n}"),
            None => name.to_string(),
        }
    };
    match &entry.schema.returns[..] {
        [] => "None".into(),
        [r] => one(r),
        many => format!("({})", many.iter().map(one).collect::<Vec<_>>().join(", ")),
    }
}

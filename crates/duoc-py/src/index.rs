//! `x[index]` and `x[index] = value`: Python's indices as the core's.

use crate::convert;
use crate::data;
use crate::error::{quick, run};
use crate::overload::type_name;
use crate::tensor::{PyTensor, handle, wrap};
use duoc_core::tensor::index::{self, Index};
use duoc_core::{DType, Scalar, Tensor, ops};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PySequence, PySlice, PyString, PyTuple};

/// The longest list that is read as a tuple of indices.
const TUPLE_LIMIT: usize = 32;

/// Whether a list means one index per dimension: it holds something that is not a number.
fn is_tuple_like(index: &Bound<'_, PyAny>) -> PyResult<bool> {
    if index.cast::<PyTensor>().is_ok() || index.cast::<PySequence>().is_err() || index.cast::<PyString>().is_ok() {
        return Ok(false);
    }
    let n = index.len()?;
    if n >= TUPLE_LIMIT {
        return Ok(false);
    }
    for i in 0..n {
        let x = index.get_item(i)?;
        let structured = x.cast::<PyTensor>().is_ok()
            || x.cast::<PySequence>().is_ok()
            || x.cast::<PySlice>().is_ok()
            || x.cast::<PyEllipsis>().is_ok()
            || x.is_none();
        if structured {
            return Ok(true);
        }
    }
    Ok(false)
}

fn items(t: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Vec<Index>> {
    let list: Vec<Bound<'_, PyAny>> = match index.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().collect(),
        Err(_) if is_tuple_like(index)? => (0..index.len()?).map(|i| index.get_item(i)).collect::<PyResult<_>>()?,
        Err(_) => vec![index.clone()],
    };
    let list: Vec<Index> = list.iter().map(item).collect::<PyResult<_>>()?;
    match list[..] {
        [Index::Int(_)] if t.dim() == 0 => Err(PyIndexError::new_err(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number",
        )),
        [Index::Slice(..)] if t.dim() == 0 => {
            Err(PyIndexError::new_err("slice() cannot be applied to a 0-dim tensor."))
        }
        _ => Ok(list),
    }
}

fn item(x: &Bound<'_, PyAny>) -> PyResult<Index> {
    if x.is_none() {
        return Ok(Index::New);
    }
    if x.cast::<PyEllipsis>().is_ok() {
        return Ok(Index::Rest);
    }
    if let Ok(b) = x.cast::<PyBool>() {
        return Ok(Index::Bool(b.is_true()));
    }
    if x.cast::<PySlice>().is_ok() {
        let step = bound(x, "step")?.unwrap_or(1);
        return Ok(Index::Slice(bound(x, "start")?, bound(x, "stop")?, step));
    }
    if let Ok(t) = x.cast::<PyTensor>() {
        return Ok(Index::Tensor(handle(t)));
    }
    if let Some(i) = convert::int(x)? {
        return Ok(Index::Int(i));
    }
    let sequence = x.cast::<PySequence>().is_ok();
    let array = x.hasattr("__array_interface__")? && !convert::is_numpy_scalar(x)?;
    if sequence || array {
        let t = data::tensor(x, None)?;
        let to = if matches!(t.dtype(), DType::Bool | DType::U8) {
            t.dtype()
        } else {
            DType::I64
        };
        return Ok(Index::Tensor(run(x.py(), || ops::copy::to_dtype(&t, to))?));
    }
    let module = x
        .get_type()
        .module()
        .map_or(String::new(), |m| match m.to_string().as_str() {
            "builtins" => String::new(),
            m => format!("{m}."),
        });
    Err(PyIndexError::new_err(format!(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got {module}{})",
        x.get_type().name()?
    )))
}

fn bound(slice: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<i64>> {
    let v = slice.getattr(name)?;
    if v.is_none() {
        return Ok(None);
    }
    if let Ok(t) = v.cast::<PyTensor>() {
        return Ok(Some(quick(|| handle(t).try_item())?.to_i64()));
    }
    match v.call_method0("__index__") {
        // A bound beyond what an index can be is clamped, as by Python's own sequences.
        Ok(i) => Ok(Some(i.extract::<i64>().unwrap_or(if i.lt(0)? {
            i64::MIN
        } else {
            i64::MAX
        }))),
        Err(_) => Err(PyTypeError::new_err(
            "slice indices must be integers or None or have an __index__ method",
        )),
    }
}

/// `x[index]`
pub fn get(x: &Bound<'_, PyTensor>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let t = handle(x);
    let list = items(&t, index)?;
    wrap(x.py(), run(x.py(), || index::get(&t, &list))?)
}

/// `x[index] = value`
pub fn set(x: &Bound<'_, PyTensor>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let t = handle(x);
    let list = items(&t, index)?;
    let value = match value.cast::<PyTensor>() {
        Ok(v) => handle(v),
        Err(_) => number(&t, value)?,
    };
    run(x.py(), || index::set(&t, &list, &value))
}

fn number(t: &Tensor, value: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    let s = match convert::is_numpy_scalar(value)?
        && !value.hasattr("__index__")?
        && value.cast::<pyo3::types::PyFloat>().is_err()
    {
        true => None,
        false => convert::scalar(value)?,
    };
    match s {
        Some(s) => {
            // A bool is the number 0 or 1.
            let s = if let Scalar::Bool(b) = s {
                Scalar::Int(b as i64)
            } else {
                s
            };
            quick(|| Tensor::scalar(s, t.dtype()))
        }
        None => Err(PyTypeError::new_err(format!(
            "can't assign a {} to a torch.{}Tensor",
            match type_name(value) {
                _ if convert::is_numpy_scalar(value)? || value.hasattr("__array_interface__")? =>
                    format!("numpy.{}", value.get_type().name()?),
                _ => value.get_type().name()?.to_string(),
            },
            t.dtype().scalar_type_name()
        ))),
    }
}

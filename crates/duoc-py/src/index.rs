//! `x[index]` and `x[index] = value`: PyTorch's rules for what each kind of index means.
//!
//! Integers, slices, None and Ellipsis make a view; tensors, sequences and bools index it afterwards, all at once.

use crate::convert;
use crate::data;
use crate::error::{quick, run};
use crate::overload::type_name;
use crate::tensor::{PyTensor, handle, wrap};
use duoc_core::{DType, Result, Scalar, Tensor, ensure, err, ops};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PyList, PyRange, PySequence, PySlice, PyString, PyTuple};

enum Item {
    Int(i64),
    Slice(Option<i64>, Option<i64>, Option<i64>),
    /// `None`: a new dimension.
    New,
    /// `...`
    Rest,
    /// A new dimension of size 1 or 0.
    Bool(bool),
    Tensor(Tensor),
}

impl Item {
    /// The dimensions of the indexed tensor that it takes.
    fn takes(&self) -> usize {
        match self {
            Item::Int(_) | Item::Slice(..) => 1,
            Item::Tensor(t) if is_mask(t) => t.dim(),
            Item::Tensor(_) => 1,
            Item::New | Item::Rest | Item::Bool(_) => 0,
        }
    }
}

fn is_mask(t: &Tensor) -> bool {
    matches!(t.dtype(), DType::Bool | DType::U8)
}

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

fn items(t: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Vec<Item>> {
    let list: Vec<Bound<'_, PyAny>> = match index.cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().collect(),
        Err(_) if is_tuple_like(index)? => (0..index.len()?).map(|i| index.get_item(i)).collect::<PyResult<_>>()?,
        Err(_) => vec![index.clone()],
    };
    let list: Vec<Item> = list.iter().map(item).collect::<PyResult<_>>()?;
    let takes: usize = list.iter().map(Item::takes).sum();
    if takes > t.dim() {
        if t.dim() == 0 && matches!(list[..], [Item::Int(_)]) {
            return Err(PyIndexError::new_err(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim tensor to a number",
            ));
        }
        if t.dim() == 0 && matches!(list[..], [Item::Slice(..)]) {
            return Err(PyIndexError::new_err("slice() cannot be applied to a 0-dim tensor."));
        }
        return Err(PyIndexError::new_err(format!(
            "too many indices for tensor of dimension {}",
            t.dim()
        )));
    }
    Ok(list)
}

fn item(x: &Bound<'_, PyAny>) -> PyResult<Item> {
    if x.is_none() {
        return Ok(Item::New);
    }
    if x.cast::<PyEllipsis>().is_ok() {
        return Ok(Item::Rest);
    }
    if let Ok(b) = x.cast::<PyBool>() {
        return Ok(Item::Bool(b.is_true()));
    }
    if x.cast::<PySlice>().is_ok() {
        return Ok(Item::Slice(bound(x, "start")?, bound(x, "stop")?, bound(x, "step")?));
    }
    if let Ok(t) = x.cast::<PyTensor>() {
        return tensor_item(x.py(), handle(t));
    }
    if let Some(i) = convert::int(x)? {
        return Ok(Item::Int(i));
    }
    let sequence = x.cast::<PyList>().is_ok()
        || x.cast::<PyTuple>().is_ok()
        || x.cast::<PyRange>().is_ok()
        || x.cast::<PyString>().is_ok()
        || x.cast::<PySequence>().is_ok();
    let array = x.hasattr("__array_interface__")? && !convert::is_numpy_scalar(x)?;
    if sequence || array {
        let t = data::tensor(x, None)?;
        let to = if is_mask(&t) { t.dtype() } else { DType::I64 };
        return Ok(Item::Tensor(run(x.py(), || ops::copy::to_dtype(&t, to))?));
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

fn tensor_item(py: Python<'_>, t: Tensor) -> PyResult<Item> {
    if !t.dtype().is_int() && t.dtype() != DType::Bool {
        return Err(PyIndexError::new_err(
            "tensors used as indices must be long, int, byte or bool tensors",
        ));
    }
    if t.dim() > 0 {
        return Ok(Item::Tensor(t));
    }
    let value = run(py, || t.try_item())?;
    Ok(if is_mask(&t) {
        Item::Bool(value.to_bool())
    } else {
        Item::Int(value.to_i64())
    })
}

/// The view that the plain indices make, and the tensors that index it.
struct Indexed {
    view: Tensor,
    tensors: Vec<Option<Tensor>>,
}

fn apply(t: &Tensor, items: &[Item]) -> Result<Indexed> {
    let takes: usize = items.iter().map(Item::takes).sum();
    let mut rest = t.dim().saturating_sub(takes);
    let mut view = t.clone();
    let mut tensors: Vec<Option<Tensor>> = Vec::new();
    // The next dimension of the view, and the first one that `tensors` does not speak of.
    let (mut d, mut covered) = (0usize, 0usize);
    let mut original = 0usize;
    for item in items {
        match item {
            Item::Int(i) => {
                let n = view.shape()[d] as i64;
                ensure!(
                    (-n..n).contains(i),
                    Index,
                    "index {i} is out of bounds for dimension {original} with size {n}"
                );
                view = ops::view::select(&view, d as i64, *i)?;
            }
            Item::Slice(start, stop, step) => {
                let step = step.unwrap_or(1);
                ensure!(step > 0, Value, "step must be greater than zero");
                view = ops::view::slice(&view, d as i64, *start, *stop, step)?;
                d += 1;
            }
            Item::New => {
                view = ops::view::unsqueeze(&view, d as i64)?;
                d += 1;
            }
            Item::Rest => {
                d += rest;
                original += rest;
                rest = 0;
            }
            Item::Bool(on) => {
                view = ops::view::unsqueeze(&view, d as i64)?;
                let index = Tensor::from_slice(if *on { &[0i64][..] } else { &[] });
                record(&mut tensors, &mut covered, &mut d, index, 1);
            }
            Item::Tensor(index) => record(&mut tensors, &mut covered, &mut d, index.clone(), item.takes()),
        }
        original += item.takes();
    }
    Ok(Indexed { view, tensors })
}

fn record(tensors: &mut Vec<Option<Tensor>>, covered: &mut usize, d: &mut usize, index: Tensor, takes: usize) {
    while *covered < *d {
        tensors.push(None);
        *covered += 1;
    }
    tensors.push(Some(index));
    *d += takes;
    *covered = *d;
}

/// `x[index]`
pub fn get(x: &Bound<'_, PyTensor>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let t = handle(x);
    let list = items(&t, index)?;
    let out = run(x.py(), || {
        let i = apply(&t, &list)?;
        if !i.tensors.is_empty() {
            return ops::index::index_tensor(&i.view, &i.tensors);
        }
        if i.view.is_same(&t) {
            // The result is never the very same tensor.
            let size: Vec<i64> = t.shape().iter().map(|n| *n as i64).collect();
            return ops::shape::expand(&t, &size, false);
        }
        Ok(i.view)
    })?;
    wrap(x.py(), out)
}

/// `x[index] = value`
pub fn set(x: &Bound<'_, PyTensor>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let t = handle(x);
    let list = items(&t, index)?;
    let value = match value.cast::<PyTensor>() {
        Ok(v) => handle(v),
        Err(_) => number(&t, value)?,
    };
    if matches!(list[..], [Item::Bool(false)]) {
        return Ok(());
    }
    run(x.py(), || {
        let i = apply(&t, &list)?;
        let value = without_leading_ones(&i.view, &value)?;
        if i.tensors.is_empty() {
            return ops::copy::copy_(&i.view, &value);
        }
        ops::index::index_put_(&i.view, &i.tensors, &value, false).map(drop)
    })
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

/// The value without the leading dimensions of size 1 that the place does not have.
fn without_leading_ones(place: &Tensor, value: &Tensor) -> Result<Tensor> {
    let ones = value.shape().iter().take_while(|n| **n == 1).count();
    if ones == 0 || value.shape() == place.shape() {
        return Ok(value.clone());
    }
    let size: Vec<i64> = value.shape()[ones..].iter().map(|n| *n as i64).collect();
    ops::view::reshape(value, &size).map_err(|e| err!(Runtime, "{e}"))
}

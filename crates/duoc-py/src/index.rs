//! `x[index]` and `x[index] = value`.

use crate::convert;
use crate::error::run;
use crate::tensor::{PyTensor, handle, wrap};
use duoc_core::{Tensor, ops};
use pyo3::exceptions::{PyIndexError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyEllipsis, PySlice, PyTuple};

enum Item {
    Int(i64),
    Slice(Option<i64>, Option<i64>, i64),
    New,
    Rest,
}

fn items(index: &Bound<'_, PyAny>) -> PyResult<Vec<Item>> {
    let list: Vec<Bound<'_, PyAny>> = match index.cast::<PyTuple>() {
        Ok(t) => t.iter().collect(),
        Err(_) => vec![index.clone()],
    };
    list.iter().map(item).collect()
}

fn item(x: &Bound<'_, PyAny>) -> PyResult<Item> {
    if x.is_none() {
        return Ok(Item::New);
    }
    if x.cast::<PyEllipsis>().is_ok() {
        return Ok(Item::Rest);
    }
    if x.cast::<PySlice>().is_ok() {
        let part = |name| -> PyResult<Option<i64>> {
            let v = x.getattr(name)?;
            if v.is_none() { Ok(None) } else { convert::int(&v) }
        };
        return Ok(Item::Slice(part("start")?, part("stop")?, part("step")?.unwrap_or(1)));
    }
    if x.cast::<PyBool>().is_err()
        && let Some(i) = convert::int(x)?
    {
        return Ok(Item::Int(i));
    }
    Err(PyTypeError::new_err(format!(
        "unsupported index of type {}",
        x.get_type().name()?
    )))
}

fn view(t: &Tensor, items: &[Item]) -> duoc_core::Result<Tensor> {
    let used = items
        .iter()
        .filter(|i| matches!(i, Item::Int(_) | Item::Slice(..)))
        .count();
    let mut rest = t.dim().saturating_sub(used);
    let mut out = t.clone();
    let mut d = 0i64;
    for i in items {
        match i {
            Item::Int(i) => out = ops::view::select(&out, d, *i)?,
            Item::Slice(a, b, s) => {
                out = ops::view::slice(&out, d, *a, *b, *s)?;
                d += 1;
            }
            Item::New => {
                out = ops::view::unsqueeze(&out, d)?;
                d += 1;
            }
            Item::Rest => {
                d += rest as i64;
                rest = 0;
            }
        }
    }
    if out.is_same(t) {
        ops::view::view(&out, &out.shape().iter().map(|n| *n as i64).collect::<Vec<_>>())
    } else {
        Ok(out)
    }
}

fn checked(t: &Tensor, index: &Bound<'_, PyAny>) -> PyResult<Vec<Item>> {
    let list = items(index)?;
    let used = list
        .iter()
        .filter(|i| matches!(i, Item::Int(_) | Item::Slice(..)))
        .count();
    if used > t.dim() {
        return Err(PyIndexError::new_err(format!(
            "too many indices for tensor of dimension {}",
            t.dim()
        )));
    }
    Ok(list)
}

/// `x[index]`
pub fn get(x: &Bound<'_, PyTensor>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let t = handle(x);
    let list = checked(&t, index)?;
    wrap(x.py(), run(x.py(), || view(&t, &list))?)
}

/// `x[index] = value`
pub fn set(x: &Bound<'_, PyTensor>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let t = handle(x);
    let list = checked(&t, index)?;
    let v = match value.cast::<PyTensor>() {
        Ok(v) => handle(v),
        Err(_) => crate::data::tensor(value, Some(t.dtype()))?,
    };
    run(x.py(), || ops::copy::copy_(&view(&t, &list)?, &v))
}

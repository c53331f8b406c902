//! Elements as Python objects: numbers, nested lists, bytes, and the array interface for NumPy.

use crate::error::run;
use duoc_core::{DType, Scalar, Tensor, ops};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyComplex, PyDict, PyFloat, PyList, PyTuple};

/// A number as a Python `bool`, `int`, `float` or `complex`.
pub fn number(py: Python<'_>, s: Scalar) -> PyResult<Py<PyAny>> {
    Ok(match s {
        Scalar::Bool(b) => PyBool::new(py, b).to_owned().into_any().unbind(),
        Scalar::Int(i) => i.into_pyobject(py)?.into_any().unbind(),
        Scalar::UInt(i) => i.into_pyobject(py)?.into_any().unbind(),
        Scalar::Float(x) => PyFloat::new(py, x).into_any().unbind(),
        Scalar::Complex(re, im) => PyComplex::from_doubles(py, re, im).into_any().unbind(),
    })
}

/// The elements as nested lists.
pub fn to_list(py: Python<'_>, t: &Tensor) -> PyResult<Py<PyAny>> {
    if t.dim() == 0 {
        return number(py, run(py, || t.try_item())?);
    }
    let flat: Vec<Py<PyAny>> = match t.dtype() {
        DType::Bool => numbers(py, run(py, || t.try_to_vec::<bool>())?, |b| {
            Ok(PyBool::new(py, b).to_owned().into_any())
        })?,
        DType::U64 => numbers(py, run(py, || t.try_to_vec::<u64>())?, |i| {
            Ok(i.into_pyobject(py)?.into_any())
        })?,
        d if d.is_int() => numbers(py, run(py, || t.try_to_vec::<i64>())?, |i| {
            Ok(i.into_pyobject(py)?.into_any())
        })?,
        d if d.is_complex() => {
            let bytes = run(py, || to_bytes(t))?;
            let half = d.size() / 2;
            let part = |b: &[u8]| match <[u8; 8]>::try_from(b) {
                Ok(b) => f64::from_ne_bytes(b),
                Err(_) => <[u8; 4]>::try_from(b).map_or(0.0, |b| f32::from_ne_bytes(b) as f64),
            };
            numbers(py, bytes.chunks_exact(d.size()), |b| {
                Ok(PyComplex::from_doubles(py, part(&b[..half]), part(&b[half..])).into_any())
            })?
        }
        _ => numbers(py, run(py, || t.try_to_vec::<f64>())?, |x| {
            Ok(PyFloat::new(py, x).into_any())
        })?,
    };
    nest(py, &mut flat.into_iter(), t.shape())
}

fn numbers<'py, T>(
    _py: Python<'py>,
    items: impl IntoIterator<Item = T>,
    f: impl Fn(T) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Vec<Py<PyAny>>> {
    items.into_iter().map(|x| Ok(f(x)?.unbind())).collect()
}

/// Lists of lists; the depth is the number of dimensions, at most 64.
fn nest(py: Python<'_>, flat: &mut dyn Iterator<Item = Py<PyAny>>, shape: &[usize]) -> PyResult<Py<PyAny>> {
    let items: Vec<Py<PyAny>> = match shape {
        [n] => flat.take(*n).collect(),
        [n, rest @ ..] => (0..*n).map(|_| nest(py, flat, rest)).collect::<PyResult<_>>()?,
        [] => Vec::new(),
    };
    Ok(PyList::new(py, items)?.into_any().unbind())
}

fn to_bytes(t: &Tensor) -> duoc_core::Result<Vec<u8>> {
    let t = ops::parts::resolve_neg(&ops::parts::resolve_conj(&t.detach())?)?;
    let t = ops::copy::contiguous(&t, None)?;
    if t.numel() == 0 {
        return Ok(Vec::new());
    }
    let flat = ops::view::view(&t, &[-1])?;
    let u8s = ops::view::view_dtype(&flat, DType::U8)?;
    u8s.try_to_vec::<u8>()
}

/// The elements' bytes in row-major order.
pub fn bytes(py: Python<'_>, t: &Tensor) -> PyResult<Py<PyAny>> {
    let data = run(py, || to_bytes(t))?;
    Ok(PyBytes::new(py, &data).into_any().unbind())
}

/// NumPy's type string of a dtype.
pub fn typestr(d: DType) -> Option<String> {
    let kind = match d {
        DType::Bool => 'b',
        DType::BF16 => return None,
        d if d.is_float8() => return None,
        d if d.is_float() => 'f',
        d if d.is_complex() => 'c',
        d if d.is_signed() => 'i',
        _ => 'u',
    };
    let order = match d.size() {
        1 => '|',
        _ if cfg!(target_endian = "big") => '>',
        _ => '<',
    };
    Some(format!("{order}{kind}{}", d.size()))
}

/// The dictionary of NumPy's array interface, version 3.
pub fn array_interface(py: Python<'_>, t: &Tensor) -> PyResult<Py<PyAny>> {
    if t.requires_grad() {
        return Err(PyRuntimeError::new_err(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.",
        ));
    }
    if t.is_conj() || t.is_neg() {
        return Err(PyRuntimeError::new_err(
            "Can't call numpy() on Tensor that has conjugate or negative bit set. Use tensor.resolve_conj().numpy() or tensor.resolve_neg().numpy() instead.",
        ));
    }
    let Some(typestr) = typestr(t.dtype()) else {
        return Err(PyTypeError::new_err(format!(
            "Got unsupported ScalarType {}",
            t.dtype().scalar_type_name()
        )));
    };
    let itemsize = t.dtype().size();
    let address = t.storage().data_ptr() as usize + t.storage_offset() * itemsize;
    let d = PyDict::new(py);
    d.set_item("version", 3)?;
    d.set_item("typestr", typestr)?;
    d.set_item("shape", PyTuple::new(py, t.shape())?)?;
    let strides: Vec<isize> = t.strides().iter().map(|s| s * itemsize as isize).collect();
    d.set_item("strides", PyTuple::new(py, strides)?)?;
    d.set_item("data", (address, false))?;
    Ok(d.into_any().unbind())
}

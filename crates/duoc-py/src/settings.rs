//! Settings of the library, promotion of dtypes, and what the package tells the extension when it is imported.

use crate::convert;
use crate::error::{quick, run};
use crate::results::NAMED;
use crate::tensor::{PyTensor, SIZE, handle};
use crate::types::{PyDType, dtype};
use duoc_core::{DType, PrintOptions, Tensor, get_printoptions, set_printoptions};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Hands over the classes that are written in Python, the shape and the maker of named tuples, and the names of ops that
/// take numbers for tensors everywhere, or nowhere.
#[pyfunction]
pub fn _set_up(py: Python<'_>, size: Py<PyAny>, named: Py<PyAny>, numbers: [Vec<String>; 2]) {
    let _ = crate::install::NUMBERS.set(py, numbers);
    let _ = SIZE.set(py, size);
    let _ = NAMED.set(py, named);
}

/// The dtype of new floating-point tensors.
#[pyfunction]
pub fn get_default_dtype(py: Python<'_>) -> PyResult<Py<PyAny>> {
    dtype(py, duoc_core::default_dtype())
}

/// Sets the dtype of new floating-point tensors.
#[pyfunction]
pub fn set_default_dtype(d: &Bound<'_, PyDType>) -> PyResult<()> {
    let d = d.get().0;
    quick(|| duoc_core::set_default_dtype(d))
}

/// The dtype that both dtypes convert to without loss of kind.
#[pyfunction]
#[pyo3(signature = (type1, type2))]
pub fn promote_types(type1: &Bound<'_, PyDType>, type2: &Bound<'_, PyDType>) -> PyResult<Py<PyAny>> {
    dtype(type1.py(), duoc_core::promote_types(type1.get().0, type2.get().0))
}

/// Whether a result of dtype `from_` may be written into a tensor of dtype `to`.
#[pyfunction]
#[pyo3(signature = (from_, to))]
pub fn can_cast(from_: &Bound<'_, PyDType>, to: &Bound<'_, PyDType>) -> bool {
    duoc_core::op::can_cast(from_.get().0, to.get().0)
}

/// The dtype of the result of an operation on two operands, tensors or numbers.
#[pyfunction]
pub fn _result_type(a: &Bound<'_, PyAny>, b: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    let operand = |x: &Bound<'_, PyAny>| -> PyResult<Tensor> {
        if let Ok(t) = x.cast::<PyTensor>() {
            return Ok(handle(t));
        }
        match convert::scalar(x)? {
            Some(s) => quick(|| Tensor::wrapped(s)),
            None => Err(PyTypeError::new_err(format!(
                "result_type(): argument must be Tensor or Number, not {}",
                x.get_type().name()?
            ))),
        }
    };
    let (x, y) = (operand(a)?, operand(b)?);
    dtype(a.py(), duoc_core::result_type(&[&x, &y]))
}

/// The text of a tensor, with the name of its class.
#[pyfunction]
pub fn _text(py: Python<'_>, t: &Bound<'_, PyTensor>, class: &str) -> PyResult<String> {
    let t = handle(t);
    run(py, || Ok(t.to_text_as(class, &get_printoptions())))
}

/// Sets how tensors are printed. A profile sets everything; what else is given overrides it. A threshold or line width
/// that is not finite means no limit.
#[pyfunction]
pub fn _set_printoptions(
    precision: Option<usize>,
    threshold: Option<f64>,
    edgeitems: Option<usize>,
    linewidth: Option<f64>,
    profile: Option<&str>,
    sci_mode: Option<bool>,
) {
    let limit = |x: f64| if x.is_finite() { x as usize } else { usize::MAX };
    let mut o = match profile {
        Some("default") => PrintOptions::DEFAULT,
        Some("short") => PrintOptions::SHORT,
        Some("full") => PrintOptions::FULL,
        _ => get_printoptions(),
    };
    o.precision = precision.unwrap_or(o.precision);
    o.threshold = threshold.map_or(o.threshold, limit);
    o.edgeitems = edgeitems.unwrap_or(o.edgeitems);
    o.linewidth = linewidth.map_or(o.linewidth, limit);
    o.sci_mode = sci_mode;
    set_printoptions(o);
}

/// Every dtype by name.
#[pyfunction]
pub fn _dtypes(py: Python<'_>) -> PyResult<Vec<(&'static str, Py<PyAny>)>> {
    DType::ALL.iter().map(|d| Ok((d.name(), dtype(py, *d)?))).collect()
}

/// The number of threads that kernels use.
#[pyfunction]
pub fn _get_num_threads() -> usize {
    duoc_core::num_threads()
}

/// Sets the number of threads that kernels use.
#[pyfunction]
pub fn _set_num_threads(n: usize) {
    duoc_core::set_num_threads(n);
}

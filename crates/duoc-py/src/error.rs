//! Errors across the border: kinds become PyTorch's exception classes, panics become `RuntimeError`, and a Python
//! exception that was raised inside a callback comes out again as itself.

use duoc_core::{Error, ErrorKind, Result};
use pyo3::exceptions::*;
use pyo3::prelude::*;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

pyo3::create_exception!(duoc, OutOfMemoryError, PyRuntimeError, "Memory that cannot be had.");
pyo3::create_exception!(
    duoc,
    LinAlgError,
    PyRuntimeError,
    "A matrix operation that failed because of its input's values."
);

thread_local! {
    /// An exception that is on its way through the core, and the number that names it there.
    static PASSING: RefCell<Option<(u64, PyErr)>> = const { RefCell::new(None) };
}

/// The exception for an error of the core.
pub fn to_py(e: Error) -> PyErr {
    let passing = PASSING.with_borrow_mut(|p| match p {
        Some((id, _)) if e.message().contains(&marker(*id)) => p.take(),
        _ => None,
    });
    if let Some((_, e)) = passing {
        return e;
    }
    let text = e.message().to_string();
    match e.kind() {
        ErrorKind::Value => PyValueError::new_err(text),
        ErrorKind::Type => PyTypeError::new_err(text),
        ErrorKind::Index => PyIndexError::new_err(text),
        ErrorKind::Key => PyKeyError::new_err(text),
        ErrorKind::NotImplemented => PyNotImplementedError::new_err(text),
        ErrorKind::Assertion => pyo3::exceptions::PyAssertionError::new_err(text),
        ErrorKind::ZeroDivision => PyZeroDivisionError::new_err(text),
        ErrorKind::Overflow => PyOverflowError::new_err(text),
        ErrorKind::LinAlg => LinAlgError::new_err(text),
        ErrorKind::OutOfMemory => OutOfMemoryError::new_err(text),
        ErrorKind::Io => PyOSError::new_err(text),
        _ => PyRuntimeError::new_err(text),
    }
}

fn marker(id: u64) -> String {
    format!("<exception {id} of a callback>")
}

/// The core's error for an exception raised in a callback: it becomes that exception again in [`to_py`].
pub fn from_py(e: PyErr) -> Error {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let id = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let error = Error::new(ErrorKind::Runtime, format!("{} {e}", marker(id)));
    let old = PASSING.replace(Some((id, e)));
    drop(old);
    error
}

/// Hands a warning of the core to Python's `warnings`, which may make it an exception.
pub fn warn(text: &str) -> Result<()> {
    let text = std::ffi::CString::new(text.replace('\0', " ")).unwrap_or_default();
    Python::attach(|py| {
        let category = py.get_type::<pyo3::exceptions::PyUserWarning>();
        PyErr::warn(py, &category, &text, 1).map_err(from_py)
    })
}

/// Runs `f` of the core with the GIL released. Its errors become exceptions, its panics `RuntimeError`.
pub fn run<T: Send>(py: Python<'_>, f: impl FnOnce() -> Result<T> + Send) -> PyResult<T> {
    py.detach(|| quietly(f)).map_err(to_py)
}

/// As [`run`] for work that is done before releasing the GIL would pay.
pub fn quick<T>(f: impl FnOnce() -> Result<T>) -> PyResult<T> {
    quietly(f).map_err(to_py)
}

fn quietly<T>(f: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(|| duoc_core::catch(f).and_then(|r| r)))
        .unwrap_or_else(|payload| Err(Error::new(ErrorKind::Runtime, panic_text(&*payload))))
}

/// What a panic said.
pub fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".into());
    format!("internal error, please report it: {text}")
}

//! Tensors from Python data: nested sequences, numbers, tensors, and memory that Python owns.

use crate::convert;
use crate::error::{quick, run};
use crate::tensor::{PyTensor, handle, wrap};
use crate::types::dtype_of;
use duoc_core::storage::foreign::Memory;
use duoc_core::{DType, Scalar, Tensor, ops};
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};

/// Nested data as numbers in row-major order.
#[derive(Default)]
struct Walk {
    shape: Vec<usize>,
    flat: Vec<Scalar>,
    /// What all of them promote to.
    mixed: Option<DType>,
    /// Some integer fits 64 bits only without a sign, or not at all.
    huge: bool,
}

/// The items of a sequence that is not text: lists and tuples at once, other sequences through their protocol.
fn items<'py>(obj: &Bound<'py, PyAny>) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
    if let Ok(l) = obj.cast::<PyList>() {
        return Ok(Some(l.iter().collect()));
    }
    if let Ok(t) = obj.cast::<PyTuple>() {
        return Ok(Some(t.iter().collect()));
    }
    if obj.cast::<PyString>().is_ok() || obj.cast::<PyBytes>().is_ok() || obj.cast::<PyDict>().is_ok() {
        return Ok(None);
    }
    let sequence = obj.hasattr("__len__")? && obj.hasattr("__getitem__")?;
    if !sequence || convert::scalar(obj)?.is_some() {
        return Ok(None);
    }
    let n = obj.len()?;
    (0..n).map(|i| obj.get_item(i)).collect::<PyResult<Vec<_>>>().map(Some)
}

/// PyTorch's limit on the depth of data.
const MAX_DEPTH: usize = 128;

/// Sets the shape by going down the first items.
fn shape_of(obj: &Bound<'_, PyAny>) -> PyResult<Vec<usize>> {
    let mut shape = Vec::new();
    let mut at = obj.clone();
    loop {
        if let Ok(t) = at.cast::<PyTensor>() {
            shape.extend_from_slice(handle(t).shape());
            break;
        }
        let Some(list) = items(&at)? else { break };
        shape.push(list.len());
        if shape.len() > MAX_DEPTH {
            return Err(PyValueError::new_err(format!(
                "too many dimensions '{}'",
                at.get_type().name()?
            )));
        }
        match list.into_iter().next() {
            Some(first) => at = first,
            None => break,
        }
    }
    Ok(shape)
}

impl Walk {
    fn join(&mut self, d: DType) {
        self.mixed = Some(match self.mixed {
            None => d,
            Some(m) => duoc_core::promote_types(m, d),
        });
    }

    fn number(&mut self, s: Scalar) {
        self.huge |= matches!(s, Scalar::UInt(_));
        self.join(match s {
            Scalar::UInt(_) => DType::I64,
            Scalar::Float(_) => duoc_core::default_dtype(),
            Scalar::Complex(..) => match duoc_core::default_dtype() {
                DType::F64 => DType::C128,
                _ => DType::C64,
            },
            s => s.dtype(),
        });
        self.flat.push(s);
    }

    fn visit(&mut self, obj: &Bound<'_, PyAny>, depth: usize) -> PyResult<()> {
        if let Ok(t) = obj.cast::<PyTensor>() {
            return self.tensor(obj.py(), &handle(t), depth);
        }
        if depth < self.shape.len() {
            let expected = self.shape[depth];
            let Some(list) = items(obj)? else {
                return Err(PyTypeError::new_err(format!(
                    "expected sequence of length {expected} at dim {depth} (got {})",
                    obj.get_type().name()?
                )));
            };
            if list.len() != expected {
                return Err(PyValueError::new_err(format!(
                    "expected sequence of length {expected} at dim {depth} (got {})",
                    list.len()
                )));
            }
            return list.iter().try_for_each(|x| self.visit(x, depth + 1));
        }
        if obj.cast::<PyInt>().is_ok() && obj.extract::<u64>().is_err() && obj.extract::<i64>().is_err() {
            // Fits no integer, but may stand beside real numbers.
            self.join(DType::I64);
            self.flat.push(Scalar::Float(obj.extract()?));
            self.huge = true;
            return Ok(());
        }
        match convert::scalar(obj)? {
            Some(s) => {
                if let Some(d) = numpy_dtype(obj)? {
                    self.join(d);
                    self.flat.push(s);
                } else {
                    self.number(s);
                }
                Ok(())
            }
            None if items(obj)?.is_some() => Err(PyTypeError::new_err(match obj.cast::<PyList>() {
                Ok(_) => "must be real number, not list".to_string(),
                Err(_) => format!("must be real number, not {}", obj.get_type().name()?),
            })),
            None if obj.cast::<PyString>().is_ok() => Err(PyTypeError::new_err("new(): invalid data type 'str'")),
            None => Err(PyRuntimeError::new_err(format!(
                "Could not infer dtype of {}",
                obj.get_type().name()?
            ))),
        }
    }

    fn tensor(&mut self, py: Python<'_>, t: &Tensor, depth: usize) -> PyResult<()> {
        if t.shape() != self.shape.get(depth..).unwrap_or(&[]) {
            if t.numel() != 1 {
                return Err(PyValueError::new_err(
                    "only one element tensors can be converted to Python scalars",
                ));
            }
            if self.shape.len() > depth {
                return Err(PyTypeError::new_err("len() of a 0-d tensor"));
            }
        }
        self.join(t.dtype());
        let n = t.numel();
        let flat = run(py, || ops::view::reshape(&t.detach(), &[-1]))?;
        for i in 0..n {
            self.flat
                .push(quick(|| ops::view::select(&flat, 0, i as i64)?.try_item())?);
        }
        Ok(())
    }
}

/// The dtype of a NumPy scalar.
fn numpy_dtype(obj: &Bound<'_, PyAny>) -> PyResult<Option<DType>> {
    if !convert::is_numpy_scalar(obj)? {
        return Ok(None);
    }
    let name: String = obj.getattr("dtype")?.getattr("name")?.extract()?;
    Ok(DType::ALL.into_iter().find(|d| d.name() == name))
}

/// A tensor with a copy of nested data.
pub fn tensor(obj: &Bound<'_, PyAny>, dtype: Option<DType>) -> PyResult<Tensor> {
    let py = obj.py();
    if let Ok(t) = obj.cast::<PyTensor>() {
        let t = handle(t);
        return run(py, || {
            let t = ops::copy::clone(&t.detach(), None)?;
            dtype.map_or(Ok(t.clone()), |d| ops::copy::to_dtype(&t, d))
        });
    }
    if let Some(t) = from_array(obj, dtype)? {
        return Ok(t);
    }
    if dtype.is_none() && obj.cast::<PyString>().is_ok() {
        return Err(PyTypeError::new_err("new(): invalid data type 'str'"));
    }
    let mut walk = Walk {
        shape: shape_of(obj)?,
        ..Walk::default()
    };
    walk.visit(obj, 0)?;
    let dtype = dtype.or(walk.mixed).unwrap_or_else(duoc_core::default_dtype);
    if walk.huge && dtype.is_int() && (dtype != DType::U64 || walk.flat.iter().any(|s| matches!(s, Scalar::Float(_)))) {
        return Err(convert::overflow());
    }
    let mut bytes = Vec::with_capacity(walk.flat.len() * dtype.size());
    for s in &walk.flat {
        if matches!(s, Scalar::Complex(..)) && !dtype.is_complex() {
            let to = if dtype.is_float() { "real number" } else { "an integer" };
            return Err(PyTypeError::new_err(format!("must be {to}, not complex")));
        }
        let b = quick(|| s.to_bytes(dtype))?;
        bytes.extend_from_slice(&b[..dtype.size()]);
    }
    quick(|| Tensor::from_bytes(&bytes, &walk.shape, dtype))
}

/// A copy of anything that has NumPy's array interface.
fn from_array(obj: &Bound<'_, PyAny>, dtype: Option<DType>) -> PyResult<Option<Tensor>> {
    if obj.cast::<PyList>().is_ok() || obj.cast::<PyTuple>().is_ok() || convert::is_numpy_scalar(obj)? {
        return Ok(None);
    }
    if !obj.hasattr("__array_interface__")? {
        return Ok(None);
    }
    let shared = share(obj, true)?;
    run(obj.py(), || {
        let t = ops::copy::clone(&shared, Some(duoc_core::MemoryFormat::Contiguous))?;
        dtype.map_or(Ok(t.clone()), |d| ops::copy::to_dtype(&t, d))
    })
    .map(Some)
}

/// `tensor(data, dtype=, requires_grad=)`, after the package has looked at the other arguments.
#[pyfunction]
#[pyo3(signature = (data, dtype=None, requires_grad=false))]
pub fn _tensor(data: &Bound<'_, PyAny>, dtype: Option<&Bound<'_, PyAny>>, requires_grad: bool) -> PyResult<Py<PyAny>> {
    let dtype = match dtype {
        None => None,
        Some(d) => match dtype_of(d) {
            Some(d) => Some(d),
            None => {
                return Err(PyTypeError::new_err(format!(
                    "tensor(): argument 'dtype' must be torch.dtype, not {}",
                    d.get_type().name()?
                )));
            }
        },
    };
    let t = tensor(data, dtype)?;
    if requires_grad {
        quick(|| t.set_requires_grad(true))?;
    }
    wrap(data.py(), t)
}

/// Memory of a Python object, which is kept alive as long as the memory is used.
struct Owned {
    ptr: usize,
    len: usize,
    _owner: Py<PyAny>,
}

// SAFETY: the owner keeps the memory where it is.
unsafe impl Memory for Owned {
    fn ptr(&self) -> *mut u8 {
        self.ptr as *mut u8
    }
    fn len(&self) -> usize {
        self.len
    }
}

/// A tensor on the memory of a NumPy array (or anything with its interface).
#[pyfunction]
pub fn _from_array(py: Python<'_>, array: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    wrap(py, share(array, false)?)
}

/// A tensor on an array's memory. With `copied`, negative strides are read through a copy made by the array itself.
fn share(array: &Bound<'_, PyAny>, copied: bool) -> PyResult<Tensor> {
    let face = array.getattr("__array_interface__")?;
    let typestr: String = face.get_item("typestr")?.extract()?;
    let dtype = dtype_of_typestr(&typestr).ok_or_else(|| unsupported(array, &typestr))?;
    let shape: Vec<usize> = face.get_item("shape")?.extract()?;
    let strides: Option<Vec<isize>> = match face.get_item("strides") {
        Ok(s) => s.extract()?,
        Err(_) => None,
    };
    let (address, _read_only): (usize, bool) = face.get_item("data")?.extract()?;
    let size = dtype.size() as isize;
    let native = !typestr.starts_with(if cfg!(target_endian = "big") { '<' } else { '>' });
    let bytes = match strides {
        Some(s) => s,
        None => {
            let mut s = vec![0; shape.len()];
            let mut step = size;
            for d in (0..shape.len()).rev() {
                s[d] = step;
                step = step.saturating_mul(shape[d].max(1) as isize);
            }
            s
        }
    };
    let awkward = bytes
        .iter()
        .zip(&shape)
        .any(|(s, n)| *n > 1 && (*s < 0 || s % size != 0));
    if (awkward || !native) && copied {
        let dtype = array.getattr("dtype")?.call_method1("newbyteorder", ("=",))?;
        let plain = array.call_method1("astype", (dtype, "C"))?;
        return share(&plain, false);
    }
    if bytes.iter().zip(&shape).any(|(s, n)| *n > 1 && *s < 0) {
        return Err(PyValueError::new_err(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently supported. (You can probably work around this by making a copy of your array  with array.copy().) ",
        ));
    }
    if awkward {
        return Err(PyValueError::new_err(
            "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the memory.",
        ));
    }
    if !native {
        return Err(PyValueError::new_err(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is currently not supported.",
        ));
    }
    let strides: Vec<isize> = bytes.iter().map(|s| (s / size).max(0)).collect();
    let empty = shape.contains(&0);
    let last: usize = shape
        .iter()
        .zip(&strides)
        .map(|(n, s)| n.saturating_sub(1) * *s as usize)
        .sum();
    let memory = Owned {
        ptr: address,
        len: if empty { 0 } else { (last + 1) * dtype.size() },
        _owner: array.clone().unbind(),
    };
    quick(|| Tensor::from_memory(Box::new(memory), 0, &shape, &strides, dtype))
}

fn dtype_of_typestr(typestr: &str) -> Option<DType> {
    DType::ALL
        .into_iter()
        .find(|d| crate::read::typestr(*d).is_some_and(|t| t[1..] == typestr[1..]))
}

fn unsupported(array: &Bound<'_, PyAny>, typestr: &str) -> PyErr {
    let name = array
        .getattr("dtype")
        .map_or(typestr.to_string(), |d| match d.getattr("type") {
            Ok(t) => {
                let m: String = t.getattr("__module__").and_then(|m| m.extract()).unwrap_or_default();
                let n: String = t.getattr("__name__").and_then(|m| m.extract()).unwrap_or_default();
                format!("{m}.{n}")
            }
            Err(_) => typestr.to_string(),
        });
    PyTypeError::new_err(format!(
        "can't convert np.ndarray of type {name}. The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
    ))
}

/// A one-dimensional tensor on the memory of a buffer.
#[pyfunction]
#[pyo3(signature = (buffer, dtype, count=-1, offset=0))]
pub fn _from_buffer(
    py: Python<'_>,
    buffer: &Bound<'_, PyAny>,
    dtype: &Bound<'_, PyAny>,
    count: i64,
    offset: i64,
) -> PyResult<Py<PyAny>> {
    let Some(dtype) = dtype_of(dtype) else {
        return Err(PyTypeError::new_err(
            "frombuffer(): argument 'dtype' must be torch.dtype",
        ));
    };
    let view = PyUntypedBuffer::get(buffer)?;
    let (len, size) = (view.len_bytes(), dtype.size());
    let value = |text: String| Err(PyValueError::new_err(text));
    if len == 0 || count == 0 {
        return value(format!("both buffer length ({len}) and count ({count}) must not be 0"));
    }
    let Some(offset) = usize::try_from(offset).ok().filter(|o| *o < len) else {
        return value(format!(
            "offset ({offset} bytes) must be non-negative and no greater than buffer length ({len} bytes) - 1"
        ));
    };
    let n = match usize::try_from(count) {
        Ok(n) => n,
        Err(_) if (len - offset) % size != 0 => {
            return value(format!(
                "buffer length ({} bytes) after offset ({offset} bytes) must be a multiple of element size ({size})",
                len - offset
            ));
        }
        Err(_) => (len - offset) / size,
    };
    let end = n.checked_mul(size).and_then(|b| b.checked_add(offset));
    if end.is_none_or(|e| e > len) {
        return value(format!(
            "requested buffer length ({n} * {size} bytes) after offset ({offset} bytes) must not be greater than actual buffer length ({len} bytes)"
        ));
    }
    let memory = Owned {
        ptr: view.buf_ptr() as usize + offset,
        len: n * size,
        // A memoryview keeps the exporter and its export alive.
        _owner: pyo3::types::PyMemoryView::from(buffer)?.into_any().unbind(),
    };
    wrap(
        py,
        quick(|| Tensor::from_memory(Box::new(memory), 0, &[n], &[1], dtype))?,
    )
}

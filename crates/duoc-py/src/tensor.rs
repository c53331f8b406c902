//! The Python tensor: an object around a handle that can be swapped, and its attributes.
//!
//! One tensor is one Python object: the tensor's face slot points at the object while it lives. Only code that holds
//! the GIL touches the slot. Functions and methods that compute come from the registry (see [`crate::install`]).

use crate::error::{quick, run};
use crate::{autograd, read, types};
use duoc_core::Tensor;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use std::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A tensor.
#[pyclass(name = "Tensor", module = "duoc", frozen, subclass, dict, weakref)]
pub struct PyTensor {
    handle: Mutex<Tensor>,
    /// This object, once the handle's face slot points at it.
    me: AtomicPtr<ffi::PyObject>,
    /// The object of the gradient, kept so that it stays the same while the gradient does.
    grad: Mutex<Option<Py<PyTensor>>>,
}

impl PyTensor {
    pub fn new(t: Tensor) -> PyTensor {
        PyTensor {
            handle: Mutex::new(t),
            me: AtomicPtr::default(),
            grad: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tensor> {
        self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget_face(&self) {
        let me = self.me.swap(std::ptr::null_mut(), Relaxed);
        if !me.is_null() {
            let none = std::ptr::null_mut();
            let _ = self.lock().face().compare_exchange(me.cast(), none, Relaxed, Relaxed);
        }
    }
}

impl Drop for PyTensor {
    fn drop(&mut self) {
        self.forget_face();
    }
}

/// The tensor behind an object.
pub fn handle(obj: &Bound<'_, PyTensor>) -> Tensor {
    let this = obj.get();
    let t = this.lock().clone();
    if t.face().load(Relaxed).is_null() {
        t.face().store(obj.as_ptr().cast(), Relaxed);
        this.me.store(obj.as_ptr(), Relaxed);
    }
    t
}

/// Puts another tensor behind an object: after a resize, or when `data` is assigned.
pub fn swap(obj: &Bound<'_, PyTensor>, t: Tensor) {
    let this = obj.get();
    this.forget_face();
    let old = std::mem::replace(&mut *this.lock(), t);
    drop(old);
    handle(obj);
}

/// The object of a tensor: the one it has already, or a new one.
pub fn wrap(py: Python<'_>, t: Tensor) -> PyResult<Py<PyAny>> {
    let face: *mut ffi::PyObject = t.face().load(Relaxed).cast();
    // SAFETY: the slot points at a living object, which clears it when it goes; a count of zero means that it is
    // about to go and may not come back.
    if !face.is_null() && unsafe { ffi::Py_REFCNT(face) } > 0 {
        return Ok(unsafe { Bound::from_borrowed_ptr(py, face) }.unbind());
    }
    let obj = Bound::new(py, PyTensor::new(t))?;
    handle(&obj);
    Ok(obj.into_any().unbind())
}

/// The object of a tensor, or None.
pub fn wrap_opt(py: Python<'_>, t: Option<Tensor>) -> PyResult<Py<PyAny>> {
    match t {
        Some(t) => wrap(py, t),
        None => Ok(py.None()),
    }
}

/// Python's `torch.Size`, given by the package when it is imported.
pub static SIZE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// A shape as `torch.Size`.
pub fn size(py: Python<'_>, shape: &[usize]) -> PyResult<Py<PyAny>> {
    static NEW: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let tuple = PyTuple::new(py, shape)?;
    let Some(class) = SIZE.get(py) else {
        return Ok(tuple.into_any().unbind());
    };
    // The numbers need none of the checks of the class's own constructor.
    let new = NEW.get_or_try_init(py, || py.get_type::<PyTuple>().getattr("__new__").map(Bound::unbind))?;
    new.call1(py, (class, tuple))
}

/// A dimension as an index into a shape.
fn dimension(t: &Tensor, dim: i64) -> PyResult<usize> {
    quick(|| duoc_core::layout::wrap_dim(dim, t.dim()))
}

#[pymethods]
impl PyTensor {
    /// `Tensor(data)`, `Tensor(2, 3)`, `Tensor(other)`: PyTorch's old constructor. New code uses `tensor`.
    #[new]
    #[pyo3(signature = (*args, **_kwargs))]
    fn create(args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>) -> PyResult<PyTensor> {
        let py = args.py();
        if args.len() == 1 {
            let first = args.get_item(0)?;
            if let Ok(t) = first.cast::<PyTensor>() {
                let t = handle(t);
                return Ok(PyTensor::new(t.detach()));
            }
            if first.cast::<pyo3::types::PyInt>().is_err() && !first.is_instance(&size_class(py)?)? {
                let t = crate::data::tensor(&first, Some(duoc_core::default_dtype()))?;
                return Ok(PyTensor::new(t));
            }
        }
        let sizes: Vec<i64> = match args.get_item(0) {
            Ok(s) if args.len() == 1 && s.cast::<PyTuple>().is_ok() => s.extract()?,
            _ => args.extract()?,
        };
        let t = quick(|| duoc_core::ops::factory::empty(&sizes, None, None, None, None, None))?;
        Ok(PyTensor::new(t))
    }

    #[getter]
    fn shape(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        size(slf.py(), handle(slf).shape())
    }

    /// The sizes of all dimensions, or of one.
    #[pyo3(signature = (dim=None))]
    fn size(slf: &Bound<'_, Self>, dim: Option<i64>) -> PyResult<Py<PyAny>> {
        let t = handle(slf);
        match dim {
            None => size(slf.py(), t.shape()),
            Some(d) => Ok(t.shape()[dimension(&t, d)?]
                .into_pyobject(slf.py())?
                .into_any()
                .unbind()),
        }
    }

    /// The strides of all dimensions, or of one, in elements.
    #[pyo3(signature = (dim=None))]
    fn stride(slf: &Bound<'_, Self>, dim: Option<i64>) -> PyResult<Py<PyAny>> {
        let (t, py) = (handle(slf), slf.py());
        match dim {
            None => Ok(PyTuple::new(py, t.strides())?.into_any().unbind()),
            Some(d) => Ok(t.strides()[dimension(&t, d)?].into_pyobject(py)?.into_any().unbind()),
        }
    }

    fn storage_offset(slf: &Bound<'_, Self>) -> usize {
        handle(slf).storage_offset()
    }

    #[getter]
    fn dtype(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        types::dtype(slf.py(), handle(slf).dtype())
    }

    #[getter]
    fn device(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        types::device(slf.py(), handle(slf).device())
    }

    #[getter]
    fn layout(slf: &Bound<'_, Self>) -> PyResult<Py<types::PyLayout>> {
        types::_layout_of_name(slf.py(), "strided")
    }

    #[getter]
    fn ndim(slf: &Bound<'_, Self>) -> usize {
        handle(slf).dim()
    }

    /// The number of dimensions.
    fn dim(slf: &Bound<'_, Self>) -> usize {
        handle(slf).dim()
    }

    /// The number of elements.
    fn numel(slf: &Bound<'_, Self>) -> usize {
        handle(slf).numel()
    }

    /// The address of the first element.
    fn data_ptr(slf: &Bound<'_, Self>) -> usize {
        handle(slf).address()
    }

    /// Bytes of one element.
    fn element_size(slf: &Bound<'_, Self>) -> usize {
        handle(slf).dtype().size()
    }

    #[getter]
    fn itemsize(slf: &Bound<'_, Self>) -> usize {
        handle(slf).dtype().size()
    }

    #[getter]
    fn nbytes(slf: &Bound<'_, Self>) -> usize {
        let t = handle(slf);
        t.numel() * t.dtype().size()
    }

    /// Whether the elements lie in memory in the order of the given format.
    #[pyo3(signature = (memory_format=None))]
    fn is_contiguous(slf: &Bound<'_, Self>, memory_format: Option<&Bound<'_, types::PyMemoryFormat>>) -> bool {
        use duoc_core::MemoryFormat::*;
        let t = handle(slf);
        let order: &[usize] = match memory_format.map(|f| f.get().0) {
            Some(ChannelsLast) => &[0, 2, 3, 1],
            Some(ChannelsLast3d) => &[0, 2, 3, 4, 1],
            _ => return t.is_contiguous(),
        };
        t.dim() == order.len() && t.layout().permute(order).is_contiguous()
    }

    fn is_floating_point(slf: &Bound<'_, Self>) -> bool {
        handle(slf).dtype().is_float()
    }

    fn is_complex(slf: &Bound<'_, Self>) -> bool {
        handle(slf).dtype().is_complex()
    }

    fn is_signed(slf: &Bound<'_, Self>) -> bool {
        let d = handle(slf).dtype();
        d.is_signed() || d.is_float() || d.is_complex()
    }

    fn is_conj(slf: &Bound<'_, Self>) -> bool {
        handle(slf).is_conj()
    }

    fn is_neg(slf: &Bound<'_, Self>) -> bool {
        handle(slf).is_neg()
    }

    fn is_inference(slf: &Bound<'_, Self>) -> bool {
        handle(slf).is_inference()
    }

    #[getter]
    fn is_cuda(slf: &Bound<'_, Self>) -> bool {
        handle(slf).device() != duoc_core::Device::Cpu
    }

    #[getter]
    fn is_cpu(slf: &Bound<'_, Self>) -> bool {
        handle(slf).device() == duoc_core::Device::Cpu
    }

    /// The only element as a Python number.
    fn item(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let t = handle(slf);
        read::number(slf.py(), run(slf.py(), || t.try_item())?)
    }

    /// The elements as nested lists of Python numbers.
    fn tolist(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        read::to_list(slf.py(), &handle(slf))
    }

    /// What NumPy needs to see the elements: address, shape, strides, type.
    fn _array_interface(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        read::array_interface(slf.py(), &handle(slf))
    }

    /// The elements' bytes in row-major order.
    fn _bytes(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        read::bytes(slf.py(), &handle(slf))
    }

    fn __hash__(slf: &Bound<'_, Self>) -> isize {
        // As Python's own identity hash: the address without its constant low bits.
        (slf.as_ptr() as usize).rotate_right(4) as isize
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        let t = handle(slf);
        let first = t.shape().first().copied();
        first.ok_or_else(|| PyTypeError::new_err("len() of a 0-d tensor"))
    }

    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let t = handle(slf);
        if t.numel() != 1 {
            let n = if t.numel() == 0 { "no" } else { "more than one" };
            return Err(PyRuntimeError::new_err(format!(
                "Boolean value of Tensor with {n} value{} is ambiguous",
                if t.numel() == 0 { "s" } else { "" }
            )));
        }
        Ok(run(slf.py(), || t.try_item())?.to_bool())
    }

    #[getter]
    fn requires_grad(slf: &Bound<'_, Self>) -> bool {
        handle(slf).requires_grad()
    }

    #[setter]
    fn set_requires_grad(slf: &Bound<'_, Self>, on: bool) -> PyResult<()> {
        let t = handle(slf);
        quick(|| t.set_requires_grad(on))
    }

    /// Asks for a gradient of this leaf, or stops asking.
    #[pyo3(signature = (requires_grad=true))]
    fn requires_grad_<'py>(slf: &Bound<'py, Self>, requires_grad: bool) -> PyResult<Bound<'py, Self>> {
        let t = handle(slf);
        quick(|| t.set_requires_grad(requires_grad))?;
        Ok(slf.clone())
    }

    #[getter]
    fn is_leaf(slf: &Bound<'_, Self>) -> bool {
        handle(slf).is_leaf()
    }

    #[getter]
    fn retains_grad(slf: &Bound<'_, Self>) -> bool {
        handle(slf).retains_grad()
    }

    /// Makes a tensor that is not a leaf keep its gradient.
    fn retain_grad(slf: &Bound<'_, Self>) -> PyResult<()> {
        let t = handle(slf);
        quick(|| t.retain_grad())
    }

    #[getter]
    fn grad(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let Some(g) = handle(slf).grad() else {
            let old = slf.get().grad.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(old);
            return Ok(py.None());
        };
        let obj = wrap(py, g)?;
        let kept = obj.bind(py).cast::<PyTensor>()?.clone().unbind();
        let old = slf
            .get()
            .grad
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace(kept);
        drop(old);
        Ok(obj)
    }

    #[setter]
    fn set_grad(slf: &Bound<'_, Self>, grad: &Bound<'_, PyAny>) -> PyResult<()> {
        let t = handle(slf);
        let (kept, g) = if grad.is_none() {
            (None, None)
        } else {
            let Ok(g) = grad.cast::<PyTensor>() else {
                return Err(PyTypeError::new_err(format!(
                    "assigned grad expected to be a Tensor or None but got grad of type {}",
                    grad.get_type().name()?
                )));
            };
            (Some(g.clone().unbind()), Some(handle(g)))
        };
        quick(|| t.set_grad(g.as_ref()))?;
        let old = std::mem::replace(
            &mut *slf.get().grad.lock().unwrap_or_else(PoisonError::into_inner),
            kept,
        );
        drop(old);
        Ok(())
    }

    #[deleter]
    fn delete_grad(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::set_grad(slf, slf.py().None().bind(slf.py()))
    }

    #[getter]
    fn grad_fn(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        autograd::node(slf.py(), handle(slf).grad_fn())
    }

    #[getter]
    fn output_nr(slf: &Bound<'_, Self>) -> usize {
        autograd::output_nr(&handle(slf))
    }

    #[getter]
    fn _version(slf: &Bound<'_, Self>) -> u32 {
        handle(slf).version()
    }

    fn _is_view(slf: &Bound<'_, Self>) -> bool {
        handle(slf).is_view()
    }

    #[getter]
    fn _base(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        wrap_opt(slf.py(), handle(slf).base().cloned())
    }

    #[getter]
    fn data(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        wrap(slf.py(), handle(slf).data())
    }

    #[setter]
    fn set_data(slf: &Bound<'_, Self>, other: &Bound<'_, Self>) -> PyResult<()> {
        let (t, new) = (handle(slf), handle(other));
        swap(slf, quick(|| t.with_data(&new))?);
        Ok(())
    }

    /// Takes this tensor out of its graph.
    fn detach_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        let t = handle(slf);
        quick(|| t.detach_())?;
        Ok(slf.clone())
    }

    /// Calls `hook(grad)` with every gradient of this tensor; it may return another in its place.
    fn register_hook(slf: &Bound<'_, Self>, hook: Py<PyAny>) -> PyResult<autograd::PyHookHandle> {
        autograd::register_hook(&handle(slf), hook)
    }

    /// Calls `hook(tensor)` each time a leaf's gradient was accumulated.
    fn register_post_accumulate_grad_hook(slf: &Bound<'_, Self>, hook: Py<PyAny>) -> PyResult<autograd::PyHookHandle> {
        autograd::register_post_hook(&handle(slf), hook)
    }

    /// An object of a subclass of `Tensor` on the same elements.
    #[staticmethod]
    #[pyo3(signature = (cls, data, requires_grad=false))]
    fn _make_subclass<'py>(
        cls: &Bound<'py, PyType>,
        data: &Bound<'py, Self>,
        requires_grad: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let obj = make_subclass(cls, data)?;
        if requires_grad {
            let t = handle(obj.cast::<PyTensor>()?);
            quick(|| t.set_requires_grad(true))?;
        }
        Ok(obj)
    }

    fn __getitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        crate::index::get(slf, index)
    }

    fn __setitem__(slf: &Bound<'_, Self>, index: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        crate::index::set(slf, index, value)
    }
}

/// Gives a tensor another size in place: its object gets another tensor when memory has to grow.
#[pyfunction]
pub fn _resize<'py>(obj: &Bound<'py, PyTensor>, size: Vec<i64>) -> PyResult<Bound<'py, PyTensor>> {
    let mut t = handle(obj);
    let new = run(obj.py(), move || {
        let shape = duoc_core::layout::sizes(&size)?;
        duoc_core::ops::view::resize(&mut t, &shape)?;
        Ok(t)
    })?;
    if !handle(obj).is_same(&new) {
        swap(obj, new);
    }
    Ok(obj.clone())
}

/// Puts a view of a tensor in its own place: what `squeeze_` and its kin do. A recorded tensor takes over the view's
/// history, another keeps its own identity and only changes its geometry.
#[pyfunction]
pub fn _reseat<'py>(obj: &Bound<'py, PyTensor>, view: &Bound<'py, PyTensor>) -> PyResult<Bound<'py, PyTensor>> {
    let (t, v) = (handle(obj), handle(view));
    let new = if t.requires_grad() {
        v
    } else {
        quick(|| t.with_data(&v))?
    };
    swap(obj, new);
    Ok(obj.clone())
}

/// Whether two objects stand for the same elements in memory.
#[pyfunction]
pub fn _is_alias(a: &Bound<'_, PyTensor>, b: &Bound<'_, PyTensor>) -> bool {
    handle(a).storage().same(handle(b).storage())
}

/// A number for the storage of a tensor.
#[pyfunction]
pub fn _storage_id(t: &Bound<'_, PyTensor>) -> (usize, usize) {
    let t = handle(t);
    (t.storage().data_ptr() as usize, t.storage().nbytes())
}

fn make_subclass<'py>(cls: &Bound<'py, PyType>, data: &Bound<'py, PyTensor>) -> PyResult<Bound<'py, PyAny>> {
    let base = cls.py().get_type::<PyTensor>();
    let obj = base.getattr("__new__")?.call1((cls, data))?;
    handle(obj.cast::<PyTensor>()?);
    Ok(obj)
}

fn size_class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    match SIZE.get(py) {
        Some(c) => Ok(c.bind(py).clone()),
        None => Ok(py.get_type::<PyTuple>().into_any()),
    }
}

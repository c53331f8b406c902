//! Autograd for Python: backward, grad, hooks, nodes, modes, and functions written in Python.

use crate::error::{from_py, quick, run};
use crate::tensor::{PyTensor, handle, wrap, wrap_opt};
use duoc_core::autograd::function::{self, Backward, Forward};
use duoc_core::autograd::node::Node;
use duoc_core::autograd::{self, HookHandle, engine::Options, mode};
use duoc_core::{Result, Tensor};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use std::sync::{Arc, Mutex, PoisonError};

/// A recorded operation.
#[pyclass(name = "Node", module = "duoc.autograd.graph", frozen, subclass, weakref, dict)]
pub struct PyNode(Arc<Node>);

/// The object of a node, or None.
pub fn node(py: Python<'_>, n: Option<Arc<Node>>) -> PyResult<Py<PyAny>> {
    match n {
        Some(n) => {
            let class = class(py, n.name())?;
            Ok(class.call1((Py::new(py, PyNode(n))?,))?.unbind())
        }
        None => Ok(py.None()),
    }
}

/// The class of the nodes with a name: a subclass of `Node`, made when first needed.
fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    static CLASSES: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let classes = CLASSES.get_or_init(py, || PyDict::new(py).unbind()).bind(py);
    if let Some(c) = classes.get_item(name)? {
        return Ok(c);
    }
    let bases = PyTuple::new(py, [py.get_type::<PyNode>()])?;
    let members = PyDict::new(py);
    members.set_item("__module__", "duoc.autograd.graph")?;
    let class = py.get_type::<PyType>().call1((name, bases, members))?;
    classes.set_item(name, &class)?;
    Ok(class)
}

/// Which output of its node a tensor is.
pub fn output_nr(t: &Tensor) -> usize {
    t.output_nr()
}

#[pymethods]
impl PyNode {
    /// Another object of the same node.
    #[new]
    fn new(node: &Bound<'_, PyNode>) -> PyNode {
        PyNode(node.get().0.clone())
    }
    /// `AddBackward0`, ...
    fn name(&self) -> String {
        self.0.name().to_string()
    }
    #[getter]
    fn next_functions(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let list: Vec<(Py<PyAny>, usize)> = self
            .0
            .next_functions()
            .into_iter()
            .map(|(n, slot)| Ok((node(py, n)?, slot)))
            .collect::<PyResult<_>>()?;
        Ok(PyTuple::new(py, list)?.into_any().unbind())
    }
    #[getter]
    fn variable(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.0.variable() {
            Some(t) => wrap(py, t.clone()),
            None => Err(pyo3::exceptions::PyAttributeError::new_err(format!(
                "'{}' object has no attribute 'variable'",
                self.0.name()
            ))),
        }
    }
    #[getter]
    fn saved_tensors(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        tuple(py, run(py, || self.0.saved_tensors())?.into_iter().map(Some).collect())
    }
    /// Calls `hook(grad_inputs, grad_outputs)` after this node ran; it may return other gradients of the inputs.
    fn register_hook(&self, hook: Py<PyAny>) -> PyHookHandle {
        let handle = self.0.register_hook(Arc::new(move |inputs, outputs| {
            Python::attach(|py| {
                let call = || -> PyResult<_> {
                    let (i, o) = (tuple(py, inputs.to_vec())?, tuple(py, outputs.to_vec())?);
                    let r = hook.call1(py, (i, o))?;
                    if r.is_none(py) {
                        return Ok(None);
                    }
                    optional_tensors(r.bind(py)).map(|g| Some(g.into_iter().collect()))
                };
                call().map_err(from_py)
            })
        }));
        PyHookHandle(Mutex::new(Some(handle)))
    }
    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<{} object at {:#x}>", slf.get().0.name(), slf.as_ptr() as usize)
    }
    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<PyNode>().is_ok_and(|o| Arc::ptr_eq(&o.get().0, &self.0))
    }
    fn __hash__(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>() as usize
    }
}

/// A tuple of tensors and Nones.
fn tuple(py: Python<'_>, tensors: Vec<Option<Tensor>>) -> PyResult<Py<PyAny>> {
    let items: Vec<Py<PyAny>> = tensors.into_iter().map(|t| wrap_opt(py, t)).collect::<PyResult<_>>()?;
    Ok(PyTuple::new(py, items)?.into_any().unbind())
}

/// Removes a hook.
#[pyclass(name = "RemovableHandle", module = "duoc.utils.hooks", frozen, weakref, dict)]
pub struct PyHookHandle(Mutex<Option<HookHandle>>);

#[pymethods]
impl PyHookHandle {
    fn remove(&self) {
        let handle = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(h) = handle {
            h.remove();
        }
    }
    #[getter]
    fn id(&self) -> u64 {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .map_or(0, HookHandle::id)
    }
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }
    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyTuple>) {
        self.remove();
    }
}

/// A hook on the gradients of a tensor.
pub fn register_hook(t: &Tensor, hook: Py<PyAny>) -> PyResult<PyHookHandle> {
    let f = move |g: &Tensor| {
        Python::attach(|py| {
            let call = || -> PyResult<Option<Tensor>> {
                let r = hook.call1(py, (wrap(py, g.clone())?,))?;
                if r.is_none(py) {
                    return Ok(None);
                }
                match r.bind(py).cast::<PyTensor>() {
                    Ok(t) => Ok(Some(handle(t))),
                    Err(_) => Err(PyTypeError::new_err(format!(
                        "hook returned a {} instead of a Tensor or None",
                        r.bind(py).get_type().name()?
                    ))),
                }
            };
            call().map_err(from_py)
        })
    };
    let handle = quick(|| t.register_hook(Arc::new(f)))?;
    Ok(PyHookHandle(Mutex::new(Some(handle))))
}

/// A hook that runs when a leaf's gradient was accumulated.
pub fn register_post_hook(t: &Tensor, hook: Py<PyAny>) -> PyResult<PyHookHandle> {
    let f = move |t: &Tensor| {
        Python::attach(|py| {
            let call = || -> PyResult<()> { hook.call1(py, (wrap(py, t.clone())?,)).map(drop) };
            call().map_err(from_py)
        })
    };
    let handle = quick(|| t.register_post_accumulate_grad_hook(Arc::new(f)))?;
    Ok(PyHookHandle(Mutex::new(Some(handle))))
}

fn tensors(obj: &Bound<'_, PyAny>) -> PyResult<Vec<Tensor>> {
    if let Ok(t) = obj.cast::<PyTensor>() {
        return Ok(vec![handle(t)]);
    }
    obj.try_iter()?.map(|x| one(&x?)).collect()
}

fn one(x: &Bound<'_, PyAny>) -> PyResult<Tensor> {
    match x.cast::<PyTensor>() {
        Ok(t) => Ok(handle(t)),
        Err(_) => Err(PyTypeError::new_err(format!(
            "expected Tensor, but got {}",
            x.get_type().name()?
        ))),
    }
}

fn optional_tensors(obj: &Bound<'_, PyAny>) -> PyResult<Vec<Option<Tensor>>> {
    if let Ok(t) = obj.cast::<PyTensor>() {
        return Ok(vec![Some(handle(t))]);
    }
    if obj.is_none() {
        return Ok(vec![None]);
    }
    obj.try_iter()?
        .map(|x| {
            let x = x?;
            if x.is_none() { Ok(None) } else { one(&x).map(Some) }
        })
        .collect()
}

/// Accumulates gradients into leaves, or into `inputs`.
#[pyfunction]
#[pyo3(signature = (roots, grads, retain_graph=None, create_graph=false, inputs=None))]
pub fn _backward(
    py: Python<'_>,
    roots: &Bound<'_, PyAny>,
    grads: &Bound<'_, PyAny>,
    retain_graph: Option<bool>,
    create_graph: bool,
    inputs: Option<&Bound<'_, PyAny>>,
) -> PyResult<()> {
    let (roots, grads) = (tensors(roots)?, optional_tensors(grads)?);
    let inputs = inputs.map(tensors).transpose()?;
    let options = Options {
        retain_graph,
        create_graph,
        ..Options::default()
    };
    run(py, || {
        let roots: Vec<&Tensor> = roots.iter().collect();
        let grads: Vec<Option<&Tensor>> = grads.iter().map(Option::as_ref).collect();
        let inputs: Option<Vec<&Tensor>> = inputs.as_ref().map(|i| i.iter().collect());
        autograd::backward(&roots, &grads, inputs.as_deref(), options)
    })
}

/// The gradients of `outputs` with respect to `inputs`.
#[pyfunction]
#[pyo3(signature = (outputs, inputs, grads, retain_graph=None, create_graph=false, allow_unused=false, materialize_grads=false))]
pub fn _grad(
    py: Python<'_>,
    outputs: &Bound<'_, PyAny>,
    inputs: &Bound<'_, PyAny>,
    grads: &Bound<'_, PyAny>,
    retain_graph: Option<bool>,
    create_graph: bool,
    allow_unused: bool,
    materialize_grads: bool,
) -> PyResult<Py<PyAny>> {
    let (outputs, inputs, grads) = (tensors(outputs)?, tensors(inputs)?, optional_tensors(grads)?);
    let options = Options {
        retain_graph,
        create_graph,
        allow_unused,
        materialize_grads,
    };
    let found = run(py, || {
        let outputs: Vec<&Tensor> = outputs.iter().collect();
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let grads: Vec<Option<&Tensor>> = grads.iter().map(Option::as_ref).collect();
        autograd::grad(&outputs, &inputs, &grads, options)
    })?;
    tuple(py, found)
}

/// Whether operations of this thread are recorded.
#[pyfunction]
pub fn is_grad_enabled() -> bool {
    mode::is_grad_enabled()
}

/// Switches recording on this thread.
#[pyfunction]
pub fn _set_grad_enabled(on: bool) {
    mode::set_grad_enabled(on);
}

/// Whether inference mode is on.
#[pyfunction]
pub fn is_inference_mode_enabled() -> bool {
    mode::is_inference_mode_enabled()
}

/// Whether anomaly detection is on.
#[pyfunction]
pub fn is_anomaly_enabled() -> bool {
    mode::is_anomaly_enabled()
}

/// A switch of this thread that goes back when it is closed.
#[pyclass(unsendable)]
pub struct _Guard(Option<mode::ModeGuard>);

#[pymethods]
impl _Guard {
    fn close(&mut self) {
        self.0 = None;
    }
}

/// Switches inference mode until the guard is closed.
#[pyfunction]
pub fn _inference_guard(on: bool) -> _Guard {
    _Guard(Some(mode::inference_guard(on)))
}

/// Switches anomaly detection until the guard is closed.
#[pyfunction]
pub fn _anomaly_guard(on: bool) -> _Guard {
    _Guard(Some(mode::anomaly_guard(on)))
}

/// Saves tensors through `pack` and `unpack` from now on; both None ends the innermost pair.
#[pyfunction]
#[pyo3(signature = (pack=None, unpack=None))]
pub fn _saved_tensors_hooks(pack: Option<Py<PyAny>>, unpack: Option<Py<PyAny>>) {
    let (Some(pack), Some(unpack)) = (pack, unpack) else {
        return duoc_core::autograd::node::pop_pack();
    };
    let unpack = Arc::new(unpack);
    let f = move |t: &Tensor| -> Result<duoc_core::autograd::node::Unpack> {
        let kept = Python::attach(|py| {
            pack.call1(py, (wrap(py, t.clone()).map_err(from_py)?,))
                .map_err(from_py)
        })?;
        let unpack = unpack.clone();
        Ok(Arc::new(move || {
            Python::attach(|py| {
                let r = unpack.call1(py, (&kept,)).map_err(from_py)?;
                one(r.bind(py)).map_err(from_py)
            })
        }))
    };
    duoc_core::autograd::node::push_pack(Some(Arc::new(f)));
}

/// A function written in Python: `forward` and `backward` are called with the context object.
struct PyFunction {
    name: String,
    context: Py<PyAny>,
    /// Taken when it is called, since it holds the arguments.
    forward: Mutex<Option<Py<PyAny>>>,
    backward: Py<PyAny>,
}

impl function::Function for PyFunction {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn forward(&self, ctx: &mut Forward, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let needs: Vec<bool> = (0..inputs.len()).map(|i| ctx.needs_input_grad(i)).collect();
        Python::attach(|py| {
            let call = |ctx: &mut Forward| -> PyResult<Vec<Tensor>> {
                let forward = self.forward.lock().unwrap_or_else(PoisonError::into_inner).take();
                let outs = match forward {
                    Some(f) => f.call1(py, (PyList::new(py, needs)?,))?,
                    None => PyTuple::empty(py).into_any().unbind(),
                };
                let outs = tensors(outs.bind(py))?;
                let c = self.context.bind(py);
                let list = |name: &str| -> PyResult<Vec<Option<Tensor>>> { optional_tensors(&c.getattr(name)?) };
                ctx.save_optional(list("_saved")?);
                let dirty: Vec<Tensor> = list("_dirty")?.into_iter().flatten().collect();
                ctx.mark_dirty(&dirty.iter().collect::<Vec<_>>());
                let constant: Vec<Tensor> = list("_non_differentiable")?.into_iter().flatten().collect();
                ctx.mark_non_differentiable(&constant.iter().collect::<Vec<_>>());
                ctx.set_materialize_grads(c.getattr("_materialize_grads")?.is_truthy()?);
                Ok(outs)
            };
            call(ctx).map_err(from_py)
        })
    }

    fn backward(&self, ctx: &Backward, grads: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        let saved = ctx.saved_optional()?;
        Python::attach(|py| {
            let call = || -> PyResult<_> {
                let saved = tuple(py, saved)?;
                let r = self
                    .backward
                    .call1(py, (&self.context, saved, tuple(py, grads.to_vec())?))?;
                optional_tensors(r.bind(py))
            };
            call().map_err(from_py)
        })
    }
}

/// Calls a function written in Python on its tensors. `forward(needs)` returns a tuple of tensors;
/// `backward(context, saved, grads)` returns one gradient per tensor.
#[pyfunction]
pub fn _apply_function(
    py: Python<'_>,
    name: String,
    context: Py<PyAny>,
    forward: Py<PyAny>,
    backward: Py<PyAny>,
    inputs: &Bound<'_, PyAny>,
) -> PyResult<Py<PyAny>> {
    let inputs = tensors(inputs)?;
    let f = PyFunction {
        name,
        context,
        forward: Mutex::new(Some(forward)),
        backward,
    };
    let outs = run(py, || function::apply(f, &inputs.iter().collect::<Vec<_>>()))?;
    tuple(py, outs.into_iter().map(Some).collect())
}

//! The registry as Python callables: one function or method per name, each with its signatures.
//!
//! A callable is a plain CPython function on a table slot, so that a call costs no bound method, no argument tuple
//! and no dictionary. The table has one compiled entry point per slot; a slot is taken for good.

use crate::error::{panic_text, run};
use crate::overload::{Given, Mismatch, Numbers, Overload, Pass, type_name};
use crate::results;
use crate::tensor::{PyTensor, handle};
use duoc_core::op::{Entry, Form, Value, registry};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyModule, PyString, PyTuple};
use smallvec::SmallVec;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// How a callable is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `torch.name(..)`
    Function,
    /// `tensor.name(..)`
    Method,
    /// `tensor + other`: a foreign operand is not an error, it gets its chance.
    Operator,
    /// `other + tensor`
    Reflected,
}

struct Callable {
    name: String,
    way: Way,
    overloads: Vec<Overload>,
}

const ROWS: usize = 64;
const SLOTS: usize = ROWS * ROWS;
static TABLE: [AtomicPtr<Callable>; SLOTS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];
static USED: AtomicUsize = AtomicUsize::new(0);

type Args = *const *mut ffi::PyObject;

unsafe extern "C" fn slot<const ROW: usize, const COLUMN: usize>(
    this: *mut ffi::PyObject,
    args: Args,
    n: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    enter(ROW * ROWS + COLUMN, this, args, n, names)
}

macro_rules! row {
    ($row:literal) => {
        row!($row: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35
             36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63)
    };
    ($row:literal: $($column:literal)+) => { [$(slot::<$row, $column> as ffi::PyCFunctionFastWithKeywords),+] };
}
macro_rules! rows {
    ($($row:literal)+) => { [$(row!($row)),+] };
}
static ENTRIES: [[ffi::PyCFunctionFastWithKeywords; ROWS]; ROWS] = rows!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17
    18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55
    56 57 58 59 60 61 62 63);

/// The way in from CPython: no panic leaves it.
fn enter(
    at: usize,
    this: *mut ffi::PyObject,
    args: Args,
    n: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    Python::attach(|py| {
        let called = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: a slot is filled before its function object is made, and never emptied; the arrays are the
            // interpreter's, valid during the call.
            unsafe {
                let callable = &*TABLE[at].load(Relaxed);
                let positional = n as usize;
                let mut values: SmallVec<[Bound<'_, PyAny>; 8]> = SmallVec::new();
                let named = if names.is_null() {
                    0
                } else {
                    ffi::PyTuple_Size(names) as usize
                };
                for i in 0..positional + named {
                    values.push(Bound::from_borrowed_ptr(py, *args.add(i)));
                }
                let mut keys: SmallVec<[Bound<'_, PyString>; 4]> = SmallVec::new();
                for i in 0..named {
                    let key = ffi::PyTuple_GetItem(names, i as ffi::Py_ssize_t);
                    keys.push(Bound::from_borrowed_ptr(py, key).cast_into_unchecked());
                }
                let this = Bound::from_borrowed_ptr_or_opt(py, this);
                call(py, callable, this, &values[..positional], &keys, &values[positional..])
            }
        }));
        match called {
            Ok(Ok(obj)) => obj.into_ptr(),
            Ok(Err(e)) => {
                e.restore(py);
                std::ptr::null_mut()
            }
            Err(panic) => {
                PyRuntimeError::new_err(panic_text(&*panic)).restore(py);
                std::ptr::null_mut()
            }
        }
    })
}

fn call<'py>(
    py: Python<'py>,
    c: &Callable,
    this: Option<Bound<'py, PyAny>>,
    positional: &[Bound<'py, PyAny>],
    names: &[Bound<'py, PyString>],
    named: &[Bound<'py, PyAny>],
) -> PyResult<Py<PyAny>> {
    match (c.way, &this, positional) {
        (Way::Operator, Some(x), [y]) => operator(py, c, &[x.clone(), y.clone()]),
        (Way::Reflected, Some(x), [y]) => operator(py, c, &[y.clone(), x.clone()]),
        (Way::Operator | Way::Reflected, ..) => Err(PyTypeError::new_err(format!("{} takes one operand", c.name))),
        (Way::Method, ..) => {
            let given = Given {
                this: this.as_ref(),
                positional,
                names,
                named,
            };
            finish(py, c, &given)
        }
        (Way::Function, ..) => {
            let given = Given {
                this: None,
                positional,
                names,
                named,
            };
            finish(py, c, &given)
        }
    }
}

fn operator<'py>(py: Python<'py>, c: &Callable, operands: &[Bound<'py, PyAny>]) -> PyResult<Py<PyAny>> {
    let given = Given {
        this: None,
        positional: operands,
        names: &[],
        named: &[],
    };
    match choose(py, c, &given)? {
        Ok((o, call)) => complete(py, o, &given, call),
        Err(_) => Ok(py.NotImplemented()),
    }
}

fn finish<'py>(py: Python<'py>, c: &Callable, given: &Given<'_, 'py>) -> PyResult<Py<PyAny>> {
    match choose(py, c, given)? {
        Ok((o, call)) => complete(py, o, given, call),
        Err(m) => Err(mismatch(c, given, m)),
    }
}

type Chosen<'a, 'py> = (&'a Overload, crate::overload::Call<'py>);

/// The first signature that the arguments fit; numbers count as tensors only when nothing fits without.
fn choose<'a, 'py>(
    py: Python<'py>,
    c: &'a Callable,
    given: &Given<'_, 'py>,
) -> PyResult<Result<Chosen<'a, 'py>, Vec<Mismatch>>> {
    for pass in [Pass::Strict, Pass::Numbers] {
        for o in &c.overloads {
            if let Ok(call) = o.bind(py, given, pass)? {
                return Ok(Ok((o, call)));
            }
        }
    }
    let mut why = Vec::new();
    if !matches!(c.way, Way::Operator | Way::Reflected) {
        for o in &c.overloads {
            why.extend(o.bind(py, given, Pass::Explain)?.err());
        }
    }
    Ok(Err(why))
}

fn mismatch(c: &Callable, given: &Given<'_, '_>, why: Vec<Mismatch>) -> PyErr {
    let method = c.way == Way::Method;
    if let [only] = &c.overloads[..]
        && let Some(m) = why.into_iter().next()
    {
        return only.error(&c.name, method, m);
    }
    let mut got: Vec<String> = given.positional.iter().map(type_name).collect();
    for (n, v) in given.names.iter().zip(given.named) {
        got.push(format!("{n}={}", type_name(v)));
    }
    let list: Vec<String> = c.overloads.iter().map(|o| format!("\n * {}", o.text(method))).collect();
    PyTypeError::new_err(format!(
        "{}() received an invalid combination of arguments - got ({}), but expected one of:{}\n",
        c.name,
        got.join(", "),
        list.concat()
    ))
}

fn complete<'py>(
    py: Python<'py>,
    o: &Overload,
    given: &Given<'_, 'py>,
    call: crate::overload::Call<'py>,
) -> PyResult<Py<PyAny>> {
    let target: &'static Entry = o.target(&call);
    let crate::overload::Call {
        mut values,
        outs,
        requires_grad,
    } = call;
    let results = outs.len();
    for t in &outs {
        values.push(Value::Tensor(handle(t)));
    }
    let value = run(py, move || target.call(&values))?;
    if results > 0 {
        return results::into_outs(py, outs, value);
    }
    if let Some(at) = o.changed() {
        // The changed tensor is the caller's object, with another tensor behind it after a resize.
        let obj = given.this.or_else(|| given.positional.get(at));
        let obj = obj.or_else(|| given.named.iter().find(|v| v.cast::<PyTensor>().is_ok()));
        if let Some(Ok(obj)) = obj.map(|o| o.cast::<PyTensor>()) {
            return results::into_changed(obj, value);
        }
    }
    if requires_grad && let Value::Tensor(t) = &value {
        crate::error::quick(|| t.set_requires_grad(true))?;
    }
    results::to_py(py, o.entry(), value)
}

/// A callable on a slot of its own, as a method of `Tensor` or a function.
fn make<'py>(py: Python<'py>, module: &Bound<'py, PyModule>, c: Callable, doc: String) -> PyResult<Bound<'py, PyAny>> {
    let at = USED.fetch_add(1, Relaxed);
    if at >= SLOTS {
        return Err(PyRuntimeError::new_err("the table of functions is full"));
    }
    let (function, method) = (c.way == Way::Function, c.way != Way::Function);
    let text = |s: &str| CString::new(s.replace('\0', " ")).unwrap_or_default().into_raw();
    let def = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: text(&c.name),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: ENTRIES[at / ROWS][at % ROWS],
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: text(&doc),
    }));
    TABLE[at].store(Box::into_raw(Box::new(c)), Relaxed);
    debug_assert!(function != method);
    // SAFETY: the definition lives for ever; the receiver of a method is checked by the descriptor.
    unsafe {
        let obj = if method {
            let class = py.get_type::<PyTensor>();
            ffi::PyDescr_NewMethod(class.as_type_ptr(), def)
        } else {
            let name = PyString::new(py, "duoc");
            ffi::PyCFunction_NewEx(def, module.as_ptr(), name.as_ptr())
        };
        Bound::from_owned_ptr_or_err(py, obj)
    }
}

/// The signatures of a name that are reached in one way, in the order in which they are tried.
fn overloads(py: Python<'_>, entries: &[&'static Entry], wanted: impl Fn(&Entry) -> bool) -> Vec<Overload> {
    let mut list: Vec<Overload> = Vec::new();
    for e in entries.iter().filter(|e| e.form != Form::Out && wanted(e)) {
        let out = entries
            .iter()
            .find(|o| o.form == Form::Out && std::ptr::eq(o.op, e.op))
            .copied();
        let Some(o) = Overload::new(e, if e.form == Form::Plain { out } else { None }, numbers(py, e)) else {
            continue;
        };
        let place = list.iter().position(|other| other.after(&o)).unwrap_or(list.len());
        list.insert(place, o);
    }
    list
}

/// Names of ops all of whose tensors may be numbers, and of ops none of whose may be although the overload's name says
/// so: facts about PyTorch that its schemas do not hold, given by the package when it is imported.
pub static NUMBERS: PyOnceLock<[Vec<String>; 2]> = PyOnceLock::new();

/// Where an entry takes numbers for tensors. PyTorch names an overload `Tensor` where it has one for numbers too.
fn numbers(py: Python<'_>, e: &Entry) -> Numbers {
    let named = |list: usize| {
        NUMBERS
            .get(py)
            .is_some_and(|n| n[list].iter().any(|name| name == e.op.name()))
    };
    let overload = e.schema.overload.as_str();
    if named(0) {
        Numbers::Anywhere
    } else if (overload == "self" || overload.starts_with("Tensor")) && !named(1) {
        Numbers::Others
    } else {
        Numbers::Nowhere
    }
}

fn doc_of(name: &str, overloads: &[Overload], method: bool) -> String {
    let mut text = String::new();
    for o in overloads {
        text.push_str(&format!("{name}{} -> {}\n", o.text(method), results::kind(o.entry())));
    }
    for o in overloads {
        let doc: Vec<&str> = o.entry().op.doc.lines().map(str::trim).collect();
        let doc = doc.join("\n");
        if !text.contains(doc.trim()) {
            text.push('\n');
            text.push_str(doc.trim());
            text.push('\n');
        }
    }
    text
}

/// Every function and method of the registry, and the ops that are neither, as functions: three dictionaries of callables
/// by name.
#[pyfunction]
#[pyo3(pass_module)]
pub fn _registry<'py>(module: &Bound<'py, PyModule>) -> PyResult<[Bound<'py, PyDict>; 3]> {
    let py = module.py();
    let (functions, methods, hidden) = (PyDict::new(py), PyDict::new(py), PyDict::new(py));
    for (name, entries) in registry().names() {
        let function = |e: &Entry| e.op.surface.function || e.form == Form::Inplace && e.op.surface.method;
        // As in PyTorch, an in-place form is a method only where the op is: `torch.celu_` is a function, `elu_` is hidden.
        let method = |e: &Entry| e.op.surface.method;
        let neither = |e: &Entry| !function(e) && !method(e);
        type Wanted<'a> = &'a dyn Fn(&Entry) -> bool;
        let ways: [(Way, Wanted<'_>, &Bound<'py, PyDict>); 3] = [
            (Way::Function, &function, &functions),
            (Way::Method, &method, &methods),
            (Way::Function, &neither, &hidden),
        ];
        for (way, wanted, into) in ways {
            let list = overloads(py, &entries, wanted);
            if list.is_empty() {
                continue;
            }
            let doc = doc_of(name, &list, way == Way::Method);
            let c = Callable {
                name: name.into(),
                way,
                overloads: list,
            };
            into.set_item(name, make(py, module, c, doc)?)?;
        }
    }
    Ok([functions, methods, hidden])
}

/// A binary operator of `Tensor` that calls the function `name`: `x.__op__(y)` is `name(x, y)`, or `name(y, x)` when
/// reflected. What does not fit gives `NotImplemented`.
#[pyfunction]
#[pyo3(pass_module, signature = (name, reflected=false))]
pub fn _operator<'py>(module: &Bound<'py, PyModule>, name: &str, reflected: bool) -> PyResult<Bound<'py, PyAny>> {
    let entries: Vec<&'static Entry> = registry().overloads(name).collect();
    let c = Callable {
        name: name.into(),
        way: if reflected { Way::Reflected } else { Way::Operator },
        overloads: overloads(module.py(), &entries, |_| true),
    };
    if c.overloads.is_empty() {
        return Err(pyo3::exceptions::PyKeyError::new_err(name.to_string()));
    }
    let doc = doc_of(name, &c.overloads, true);
    make(module.py(), module, c, doc)
}

/// Every entry of the registry: (name, schema text, aliases).
#[pyfunction]
pub fn _schemas(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let rows: Vec<(String, &str, Vec<&str>)> = registry()
        .entries
        .iter()
        .filter(|e| e.form == Form::Plain)
        .map(|e| (e.schema.full_name(), e.op.schema, e.op.surface.aliases.to_vec()))
        .collect();
    Ok(PyTuple::new(py, rows)?.into_any().unbind())
}

//! One Python object as one argument of an op.

use crate::tensor::{PyTensor, handle};
use crate::types;
use duoc_core::op::{Default, Type, Value};
use duoc_core::{DType, MemoryFormat, Scalar, Tensor};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyComplex, PyFloat, PyInt, PyList, PyString, PyTuple};

/// What a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Tensor,
    Scalar,
    Int,
    Float,
    Bool,
    Str,
    DType,
    Layout,
    Device,
    MemoryFormat,
    Generator,
    Tensors,
    OptTensors,
    Scalars,
    Ints(Option<usize>),
    Floats(Option<usize>),
    Bools,
}

impl Kind {
    /// The kind of a schema type, and whether it may be absent.
    pub fn of(ty: &Type) -> Option<(Kind, bool)> {
        Some(match ty {
            Type::Optional(inner) => (Kind::of(inner)?.0, true),
            Type::Tensor => (Kind::Tensor, false),
            Type::Scalar => (Kind::Scalar, false),
            Type::Int => (Kind::Int, false),
            Type::Float => (Kind::Float, false),
            Type::Bool => (Kind::Bool, false),
            Type::Str => (Kind::Str, false),
            Type::DType => (Kind::DType, false),
            Type::Layout => (Kind::Layout, false),
            Type::Device => (Kind::Device, false),
            Type::MemoryFormat => (Kind::MemoryFormat, false),
            Type::Generator => (Kind::Generator, false),
            Type::List(inner, n) => match &**inner {
                Type::Tensor => (Kind::Tensors, false),
                Type::Optional(t) if **t == Type::Tensor => (Kind::OptTensors, false),
                Type::Scalar => (Kind::Scalars, false),
                Type::Int => (Kind::Ints(*n), false),
                Type::Float => (Kind::Floats(*n), false),
                Type::Bool => (Kind::Bools, false),
                _ => return None,
            },
        })
    }

    /// The type's name in error texts.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Tensor => "Tensor",
            Kind::Scalar => "Number",
            Kind::Int => "int",
            Kind::Float => "float",
            Kind::Bool => "bool",
            Kind::Str => "str",
            Kind::DType => "torch.dtype",
            Kind::Layout => "torch.layout",
            Kind::Device => "torch.device",
            Kind::MemoryFormat => "torch.memory_format",
            Kind::Generator => "torch.Generator",
            Kind::Tensors | Kind::OptTensors => "tuple of Tensors",
            Kind::Scalars => "tuple of Scalars",
            Kind::Ints(_) => "tuple of ints",
            Kind::Floats(_) => "tuple of floats",
            Kind::Bools => "tuple of bools",
        }
    }

    /// The value of a schema's default.
    pub fn default(self, d: &Default) -> Value {
        match (self, d) {
            (_, Default::None) => Value::None,
            (Kind::Ints(n), Default::Int(i)) => Value::Ints(vec![*i; n.unwrap_or(1)]),
            (Kind::Ints(n), Default::Ints(v)) if v.len() == 1 => Value::Ints(vec![v[0]; n.unwrap_or(1).max(1)]),
            (_, Default::Ints(v)) => Value::Ints(v.clone()),
            (Kind::Floats(n), Default::Float(x)) => Value::Floats(vec![*x; n.unwrap_or(1)]),
            (Kind::Scalar, Default::Int(i)) => Value::Scalar(Scalar::Int(*i)),
            (Kind::Scalar, Default::Float(x)) => Value::Scalar(Scalar::Float(*x)),
            (Kind::Scalar, Default::Bool(b)) => Value::Scalar(Scalar::Bool(*b)),
            (Kind::Float, Default::Int(i)) => Value::Float(*i as f64),
            (_, Default::Int(i)) => Value::Int(*i),
            (_, Default::Float(x)) => Value::Float(*x),
            (_, Default::Bool(b)) => Value::Bool(*b),
            (_, Default::Str(s)) => Value::Str(s.clone()),
            (_, Default::Word(w)) => word(self, w),
        }
    }

    /// The argument as a value; None when it is of another type. With `numbers`, a number stands for a tensor.
    pub fn take(self, obj: &Bound<'_, PyAny>, numbers: bool) -> PyResult<Option<Value>> {
        Ok(match self {
            Kind::Tensor => {
                if let Ok(t) = obj.cast::<PyTensor>() {
                    return Ok(Some(Value::Tensor(handle(t))));
                }
                if !numbers {
                    return Ok(None);
                }
                match scalar(obj)? {
                    Some(s) => Some(Value::Tensor(crate::error::quick(|| Tensor::wrapped(s))?)),
                    None => None,
                }
            }
            Kind::Scalar => match item(obj)? {
                Some(s) => Some(Value::Scalar(s)),
                None => scalar(obj)?.map(Value::Scalar),
            },
            Kind::Int => int(obj)?.map(Value::Int),
            Kind::Float => float(obj)?.map(Value::Float),
            Kind::Bool => boolean(obj)?.map(Value::Bool),
            Kind::Str => match obj.cast::<PyString>() {
                Ok(s) => Some(Value::Str(s.to_cow()?.into_owned())),
                Err(_) => None,
            },
            Kind::DType => types::dtype_of(obj).map(Value::DType),
            Kind::Layout => types::layout_of(obj)?.map(Value::Layout),
            Kind::Device => types::device_of(obj)?.map(Value::Device),
            Kind::MemoryFormat => obj
                .cast::<types::PyMemoryFormat>()
                .ok()
                .map(|f| Value::MemoryFormat(f.get().0)),
            Kind::Generator => obj
                .cast::<types::PyGenerator>()
                .ok()
                .map(|g| Value::Generator(g.get().0.clone())),
            Kind::Tensors => list(obj, |x| Ok(x.cast::<PyTensor>().ok().map(handle)))?.map(Value::Tensors),
            Kind::OptTensors => list(obj, |x| {
                if x.is_none() {
                    return Ok(Some(None));
                }
                Ok(x.cast::<PyTensor>().ok().map(|t| Some(handle(t))))
            })?
            .map(Value::OptTensors),
            Kind::Scalars => list(obj, scalar)?.map(Value::Scalars),
            Kind::Ints(n) => match (n, int(obj)?) {
                (Some(n), Some(i)) => Some(Value::Ints(vec![i; n])),
                (None, Some(_)) => None,
                _ => list(obj, index)?.map(Value::Ints),
            },
            Kind::Floats(n) => match (n, float(obj)?) {
                (Some(n), Some(x)) => Some(Value::Floats(vec![x; n])),
                (None, Some(_)) => None,
                _ => list(obj, float)?.map(Value::Floats),
            },
            Kind::Bools => list(obj, boolean)?.map(Value::Bools),
        })
    }
}

fn word(kind: Kind, w: &str) -> Value {
    match w {
        "contiguous_format" => Value::MemoryFormat(MemoryFormat::Contiguous),
        "preserve_format" => Value::MemoryFormat(MemoryFormat::Preserve),
        "channels_last" => Value::MemoryFormat(MemoryFormat::ChannelsLast),
        "strided" => Value::Layout(duoc_core::LayoutKind::Strided),
        "Mean" => Value::Int(1),
        "Sum" => Value::Int(2),
        "long" => Value::DType(DType::I64),
        "float" => Value::DType(DType::F32),
        "double" => Value::DType(DType::F64),
        "inf" if kind == Kind::Scalar => Value::Scalar(Scalar::Float(f64::INFINITY)),
        "inf" => Value::Float(f64::INFINITY),
        "cpu" => Value::Device(duoc_core::Device::Cpu),
        _ => Value::None,
    }
}

/// The elements of a list or tuple, if all of them convert.
fn list<'py, T>(
    obj: &Bound<'py, PyAny>,
    f: impl Fn(&Bound<'py, PyAny>) -> PyResult<Option<T>>,
) -> PyResult<Option<Vec<T>>> {
    if let Ok(l) = obj.cast::<PyList>() {
        return l.iter().map(|x| f(&x)).collect();
    }
    if let Ok(t) = obj.cast::<PyTuple>() {
        return t.iter().map(|x| f(&x)).collect();
    }
    Ok(None)
}

/// Whether an object is a NumPy scalar, without importing NumPy.
pub fn is_numpy_scalar(obj: &Bound<'_, PyAny>) -> PyResult<bool> {
    let ty = obj.get_type();
    if !ty.module().is_ok_and(|m| m.to_cow().is_ok_and(|m| m == "numpy")) {
        return Ok(false);
    }
    Ok(obj.hasattr("item")? && obj.hasattr("dtype")? && ty.name()? != "ndarray")
}

/// A Python or NumPy number.
pub fn scalar(obj: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    if let Ok(x) = obj.cast_exact::<PyFloat>() {
        return Ok(Some(Scalar::Float(x.value())));
    }
    if let Ok(b) = obj.cast::<PyBool>() {
        return Ok(Some(Scalar::Bool(b.is_true())));
    }
    if obj.cast::<PyInt>().is_ok() {
        if let Ok(i) = obj.extract::<i64>() {
            return Ok(Some(Scalar::Int(i)));
        }
        return match obj.extract::<u64>() {
            Ok(i) => Ok(Some(Scalar::UInt(i))),
            Err(_) => Err(overflow()),
        };
    }
    if let Ok(x) = obj.cast::<PyFloat>() {
        return Ok(Some(Scalar::Float(x.value())));
    }
    if let Ok(c) = obj.cast::<PyComplex>() {
        use pyo3::types::PyComplexMethods;
        return Ok(Some(Scalar::Complex(c.real(), c.imag())));
    }
    if obj.cast::<PyTensor>().is_err() && is_numpy_scalar(obj)? {
        return scalar(&obj.call_method0("item")?);
    }
    Ok(None)
}

/// The error of a number that fits no integer.
pub fn overflow() -> PyErr {
    PyValueError::new_err("Overflow when unpacking long long")
}

/// The value of a tensor that stands for a number: no dimensions, no gradient.
fn item(obj: &Bound<'_, PyAny>) -> PyResult<Option<Scalar>> {
    let Ok(t) = obj.cast::<PyTensor>() else { return Ok(None) };
    let t = handle(t);
    if t.dim() != 0 || t.requires_grad() {
        return Ok(None);
    }
    crate::error::run(obj.py(), || t.try_item()).map(Some)
}

/// An integer: not a bool, not a float.
pub fn int(obj: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if obj.cast::<PyBool>().is_ok() {
        return Ok(None);
    }
    if obj.cast::<PyInt>().is_ok() {
        return obj.extract::<i64>().map(Some).map_err(|_| overflow());
    }
    if obj.cast::<PyTensor>().is_ok() {
        return Ok(match item(obj)? {
            Some(Scalar::Int(i)) => Some(i),
            _ => None,
        });
    }
    match is_numpy_scalar(obj)? && obj.hasattr("__index__")? {
        true => Ok(match scalar(obj)? {
            Some(Scalar::Int(i)) => Some(i),
            _ => None,
        }),
        false => Ok(None),
    }
}

/// An element of a list of integers: a bool or anything with `__index__` counts too.
fn index(obj: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    if let Some(i) = int(obj)? {
        return Ok(Some(i));
    }
    if obj.cast::<PyTensor>().is_err() && obj.cast::<PyFloat>().is_err() && obj.hasattr("__index__")? {
        return Ok(obj.call_method0("__index__")?.extract().ok());
    }
    Ok(None)
}

fn float(obj: &Bound<'_, PyAny>) -> PyResult<Option<f64>> {
    let s = match item(obj)? {
        Some(s) => Some(s),
        None => scalar(obj)?,
    };
    Ok(s.filter(|s| !s.is_complex() && !matches!(s, Scalar::Bool(_)))
        .map(Scalar::to_f64))
}

fn boolean(obj: &Bound<'_, PyAny>) -> PyResult<Option<bool>> {
    if let Ok(b) = obj.cast::<PyBool>() {
        return Ok(Some(b.is_true()));
    }
    let s = match item(obj)? {
        Some(s) => Some(s),
        None if is_numpy_scalar(obj)? => scalar(obj)?,
        None => None,
    };
    Ok(match s {
        Some(Scalar::Bool(b)) => Some(b),
        _ => None,
    })
}

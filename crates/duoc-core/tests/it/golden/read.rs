//! From JSON to tensors and argument values.

use duoc_core::op::{Default, Schema, Type, Value};
use duoc_core::{DType, Element, MemoryFormat, Scalar, Tensor};
use serde_json::Value as Json;

type Result<T> = std::result::Result<T, String>;

/// The dtype with PyTorch's name.
pub fn dtype(name: &str) -> Result<DType> {
    DType::ALL
        .into_iter()
        .find(|d| d.name() == name)
        .ok_or_else(|| format!("no dtype {name}"))
}

/// A JSON number, or one of the words for what JSON lacks.
pub fn number(j: &Json) -> f64 {
    match j.as_str() {
        Some("nan") => f64::NAN,
        Some("inf") => f64::INFINITY,
        Some("-inf") => f64::NEG_INFINITY,
        _ => j
            .as_f64()
            .or_else(|| j.as_bool().map(|b| f64::from(u8::from(b))))
            .unwrap_or(f64::NAN),
    }
}

pub fn sizes(j: &Json) -> Vec<usize> {
    j.as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_u64)
        .map(|n| n as usize)
        .collect()
}

fn integers(j: &Json) -> Vec<i64> {
    j.as_array().into_iter().flatten().filter_map(Json::as_i64).collect()
}

/// Calls an op of the registry that gives one tensor.
pub fn call(name: &str, args: &[Value]) -> Result<Tensor> {
    let entry = duoc_core::op::registry()
        .get(name)
        .ok_or_else(|| format!("no op {name}"))?;
    match entry.call(args) {
        Ok(Value::Tensor(t)) => Ok(t),
        Ok(_) => Err(format!("{name} gave no tensor")),
        Err(e) => Err(format!("{name}: {e}")),
    }
}

/// A tensor as a golden file describes it.
pub fn tensor(j: &Json) -> Result<Tensor> {
    let dtype = dtype(j["t"].as_str().unwrap_or(""))?;
    let shape = sizes(&j["shape"]);
    let strides = j.get("stride").map(integers);
    let offset = j["offset"].as_i64().unwrap_or(0);
    let count = match (&strides, &j["data"]) {
        (_, Json::Array(data)) => data.len(),
        (Some(s), _) => shape.iter().zip(s).map(|(n, s)| (n - 1) * *s as usize).sum::<usize>() + 1,
        (None, _) => shape.iter().product(),
    };
    let element = |k: usize| match &j["data"] {
        Json::Array(data) => data[k].clone(),
        _ => {
            let (start, step) = (&j["arange"][0], &j["arange"][1]);
            match (start.as_i64(), step.as_i64()) {
                (Some(a), Some(b)) => (a + b * k as i64).into(),
                _ => (number(start) + number(step) * k as f64).into(),
            }
        }
    };
    let flat = match dtype.is_complex() {
        // Real and imaginary parts alternate.
        true => {
            let parts = elements(dtype.part(), count, element)?;
            let pairs = call("view", &[Value::Tensor(parts), Value::Ints(vec![-1, 2])])?;
            detached(call("view_as_complex", &[Value::Tensor(pairs)])?)
        }
        false => elements(dtype, count, element)?,
    };
    let wide: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    match strides {
        None => call("view", &[Value::Tensor(flat), Value::Ints(wide)]).map(detached),
        Some(s) => {
            let args = [
                Value::Tensor(flat),
                Value::Ints(wide),
                Value::Ints(s),
                Value::Int(offset),
            ];
            call("as_strided", &args).map(detached)
        }
    }
}

/// The tensor in another dtype.
pub fn cast(t: &Tensor, dtype: DType) -> Result<Tensor> {
    let (no, format) = (Value::Bool(false), Value::None);
    call(
        "to.dtype",
        &[Value::Tensor(t.clone()), Value::DType(dtype), no.clone(), no, format],
    )
}

/// Leaves are roots: a view that needs a gradient would be a view of a leaf.
fn detached(t: Tensor) -> Tensor {
    t.detach()
}

fn elements(dtype: DType, count: usize, element: impl Fn(usize) -> Json) -> Result<Tensor> {
    fn of<T: Element>(count: usize, f: impl Fn(usize) -> T) -> Result<Tensor> {
        Ok(Tensor::from_vec((0..count).map(f).collect::<Vec<T>>()))
    }
    let int = |k: usize| {
        let e = element(k);
        let truth = e.as_bool().map(i64::from);
        truth
            .or_else(|| e.as_i64())
            .or_else(|| e.as_u64().map(|u| u as i64))
            .unwrap_or_else(|| number(&e) as i64)
    };
    let float = |k: usize| number(&element(k));
    match dtype {
        DType::Bool => of(count, |k| int(k) != 0),
        DType::U8 => of(count, |k| int(k) as u8),
        DType::I8 => of(count, |k| int(k) as i8),
        DType::I16 => of(count, |k| int(k) as i16),
        DType::I32 => of(count, |k| int(k) as i32),
        DType::I64 => of(count, int),
        DType::U16 => of(count, |k| int(k) as u16),
        DType::U32 => of(count, |k| int(k) as u32),
        DType::U64 => of(count, |k| int(k) as u64),
        DType::F16 => of(count, |k| half::f16::from_f64(float(k))),
        DType::BF16 => of(count, |k| half::bf16::from_f64(float(k))),
        DType::F32 => of(count, |k| float(k) as f32),
        DType::F64 => of(count, float),
        d => cast(&of(count, |k| float(k) as f32)?, d),
    }
}

fn is_tensor(j: &Json) -> bool {
    j.get("t").is_some() && j.get("shape").is_some()
}

fn scalar(j: &Json) -> Option<Scalar> {
    if let Some(b) = j.as_bool() {
        return Some(Scalar::Bool(b));
    }
    if let Some(z) = j.get("complex") {
        return Some(Scalar::Complex(number(&z[0]), number(&z[1])));
    }
    if let Some(f) = j.get("float") {
        return Some(Scalar::Float(number(f)));
    }
    j.as_i64()
        .map(Scalar::Int)
        .or_else(|| j.as_u64().map(Scalar::UInt))
        .or_else(|| j.as_f64().map(Scalar::Float))
}

fn memory_format(name: &str) -> Option<MemoryFormat> {
    Some(match name {
        "contiguous_format" => MemoryFormat::Contiguous,
        "preserve_format" => MemoryFormat::Preserve,
        "channels_last" => MemoryFormat::ChannelsLast,
        "channels_last_3d" => MemoryFormat::ChannelsLast3d,
        _ => return None,
    })
}

/// An argument of the schema's type; None where it does not fit.
pub fn value(j: &Json, ty: &Type) -> Option<Value> {
    Some(match ty {
        Type::Optional(_) if j.is_null() => Value::None,
        Type::Optional(inner) => value(j, inner)?,
        Type::Tensor if is_tensor(j) => Value::Tensor(tensor(j).ok()?),
        // What Python's binding does with a number where a tensor is wanted.
        Type::Tensor => Value::Tensor(Tensor::wrapped(scalar(j)?).ok()?),
        // And with a 0-d tensor where a number is wanted.
        Type::Scalar if is_tensor(j) => Value::Scalar(tensor(j).ok().filter(|t| t.dim() == 0)?.try_item().ok()?),
        Type::Scalar => Value::Scalar(scalar(j)?),
        Type::Int => Value::Int(j.as_i64()?),
        Type::Float => Value::Float(match scalar(j)? {
            Scalar::Bool(_) => return None,
            s => s.to_f64(),
        }),
        // As in PyTorch's dispatcher, an integer will do.
        Type::Bool => Value::Bool(j.as_bool().or_else(|| j.as_i64().map(|i| i != 0))?),
        Type::Str => Value::Str(j.as_str()?.to_string()),
        Type::DType => Value::DType(dtype(j["dtype"].as_str()?).ok()?),
        Type::Layout => Value::Layout(duoc_core::LayoutKind::Strided),
        Type::Device => Value::Device(duoc_core::Device::Cpu),
        Type::MemoryFormat => Value::MemoryFormat(memory_format(j["memory_format"].as_str()?)?),
        Type::Generator => Value::None,
        Type::List(inner, length) => list(j, inner, *length)?,
    })
}

fn list(j: &Json, inner: &Type, length: Option<usize>) -> Option<Value> {
    // A single number stands for a list of given length.
    let one = [j.clone()];
    let items = match j.as_array() {
        Some(items) => &items[..],
        None if length.is_some() && !j.is_null() && !is_tensor(j) => &one[..],
        None => return None,
    };
    Some(match inner {
        Type::Tensor => Value::Tensors(
            items
                .iter()
                .map(|i| is_tensor(i).then(|| tensor(i).ok())?)
                .collect::<Option<_>>()?,
        ),
        Type::Optional(t) if **t == Type::Tensor => {
            let one = |i: &Json| {
                if i.is_null() {
                    Some(None)
                } else {
                    tensor(i).ok().map(Some)
                }
            };
            Value::OptTensors(items.iter().map(one).collect::<Option<_>>()?)
        }
        Type::Int => Value::Ints(items.iter().map(Json::as_i64).collect::<Option<_>>()?),
        Type::Float => Value::Floats(
            items
                .iter()
                .map(|i| scalar(i).map(Scalar::to_f64))
                .collect::<Option<_>>()?,
        ),
        Type::Bool => Value::Bools(items.iter().map(Json::as_bool).collect::<Option<_>>()?),
        Type::Scalar => Value::Scalars(items.iter().map(scalar).collect::<Option<_>>()?),
        _ => return None,
    })
}

/// The arguments of a case in the order of a schema; None where they do not fit it.
pub fn bind(schema: &Schema, args: &Json, kwargs: &Json) -> Option<Vec<Value>> {
    let args = args.as_array()?;
    let names = kwargs.as_object();
    if args.len() > schema.args.len() {
        return None;
    }
    let known = |k: &String| schema.args.iter().any(|a| a.name == *k) || FREE.contains(&k.as_str());
    if names.is_some_and(|n| !n.keys().all(known)) {
        return None;
    }
    let mut bound = Vec::with_capacity(schema.args.len());
    for (i, a) in schema.args.iter().enumerate() {
        let given = args.get(i).or_else(|| names.and_then(|n| n.get(&a.name)));
        bound.push(match (given, &a.default) {
            (Some(j), _) => value(j, &a.ty)?,
            (None, Some(d)) => default(d, &a.ty),
            (None, None) => return None,
        });
    }
    Some(bound)
}

/// The defaults of the arguments from number `from` on.
pub fn defaults(schema: &Schema, from: usize) -> Vec<Value> {
    let rest = schema.args.iter().skip(from);
    rest.map(|a| a.default.as_ref().map_or(Value::None, |d| default(d, &a.ty)))
        .collect()
}

/// Arguments without a meaning for values on a CPU, which a row may leave out.
const FREE: [&str; 4] = ["layout", "device", "pin_memory", "non_blocking"];

fn default(d: &Default, ty: &Type) -> Value {
    let plain = match ty {
        Type::Optional(inner) => inner,
        t => t,
    };
    match d {
        Default::None => Value::None,
        Default::Int(i) => match plain {
            Type::Float => Value::Float(*i as f64),
            Type::Scalar => Value::Scalar(Scalar::Int(*i)),
            Type::List(_, n) => Value::Ints(vec![*i; n.unwrap_or(1)]),
            _ => Value::Int(*i),
        },
        Default::Float(x) if *plain == Type::Scalar => Value::Scalar(Scalar::Float(*x)),
        Default::Float(x) => Value::Float(*x),
        Default::Bool(b) if *plain == Type::Scalar => Value::Scalar(Scalar::Bool(*b)),
        Default::Bool(b) => Value::Bool(*b),
        Default::Ints(v) => match plain {
            Type::List(inner, _) if **inner == Type::Bool => Value::Bools(Vec::new()),
            _ => Value::Ints(v.clone()),
        },
        Default::Str(s) => Value::Str(s.clone()),
        Default::Word(w) => memory_format(w).map_or(Value::None, Value::MemoryFormat),
    }
}

//! Judging a result: dtype, shape, strides, values.

use super::read::{dtype, number, sizes};
use duoc_core::op::Value;
use duoc_core::{DType, Scalar, Tensor};
use serde_json::Value as Json;

type Result = std::result::Result<(), String>;

/// Allowed differences of floats: relative to the expected value, and absolute.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub relative: f64,
    pub absolute: f64,
}

/// The usual tolerance of a dtype; integers and bools must be equal.
pub fn tolerance(dtype: DType) -> Tolerance {
    let (relative, absolute) = match dtype {
        DType::F64 | DType::C128 => (1e-11, 1e-13),
        DType::F32 | DType::C64 => (3e-6, 1e-7),
        DType::F16 => (1.1e-3, 1e-6),
        DType::BF16 => (8e-3, 1e-6),
        _ => (0.0, 0.0),
    };
    Tolerance { relative, absolute }
}

/// Elements as numbers: exact for every dtype but 64-bit integers, which [`tensor`] compares as such.
pub fn numbers(t: &Tensor) -> std::result::Result<Vec<f64>, String> {
    if t.dtype().is_complex() {
        let t = super::read::call("resolve_conj", &[Value::Tensor(t.detach())])?;
        return numbers(&super::read::call("view_as_real", &[Value::Tensor(t)])?);
    }
    t.detach().try_to_vec::<f64>().map_err(|e| e.to_string())
}

/// Whether two floats count as the same.
pub fn close(got: f64, want: f64, scale: f64, tol: Tolerance) -> bool {
    if got == want || got.is_nan() && want.is_nan() {
        return true;
    }
    got.is_finite() && want.is_finite() && (got - want).abs() <= tol.absolute + tol.relative * want.abs().max(scale)
}

/// Compares a tensor with the description of the expected one.
pub fn tensor(got: &Tensor, want: &Json, exact: bool) -> Result {
    let kind = dtype(want["t"].as_str().unwrap_or(""))?;
    let shape = sizes(&want["shape"]);
    if got.dtype() != kind {
        return Err(format!("dtype {} instead of {kind}", got.dtype()));
    }
    if got.shape() != shape {
        return Err(format!("shape {:?} instead of {shape:?}", got.shape()));
    }
    elements(got, want["data"].as_array().map_or(&[], |d| d), kind, exact)?;
    strides(got, want, &shape)
}

fn strides(got: &Tensor, want: &Json, shape: &[usize]) -> Result {
    if got.numel() == 0 {
        return Ok(());
    }
    let want: Vec<i64> = match want.get("stride").and_then(Json::as_array) {
        Some(s) => s.iter().filter_map(Json::as_i64).collect(),
        None => {
            let mut s: Vec<i64> = Vec::new();
            let mut step = 1;
            for n in shape.iter().rev() {
                s.insert(0, step);
                step *= *n as i64;
            }
            s
        }
    };
    // The stride of a dimension of size one has no meaning.
    let differ = shape
        .iter()
        .zip(got.strides())
        .zip(&want)
        .any(|((n, g), w)| *n > 1 && *g as i64 != *w);
    if differ {
        Err(format!(
            "strides {:?} instead of {want:?} for shape {shape:?}",
            got.strides()
        ))
    } else {
        Ok(())
    }
}

fn elements(got: &Tensor, want: &[Json], kind: DType, exact: bool) -> Result {
    if kind.is_int() {
        let got: Vec<i64> = got.detach().try_to_vec().map_err(|e| e.to_string())?;
        let want: Vec<i64> = want
            .iter()
            .map(|j| j.as_i64().or(j.as_u64().map(|u| u as i64)).unwrap_or(0))
            .collect();
        return first_difference(&got, &want, |g, w| g == w);
    }
    let want: Vec<f64> = want.iter().map(|j| rounded(number(j), kind)).collect();
    let tol = if exact {
        Tolerance {
            relative: 0.0,
            absolute: 0.0,
        }
    } else {
        tolerance(kind)
    };
    // Sums cancel: an element may be off by the rounding of the largest one's size.
    let scale = if kind.is_differentiable() { rms(&want) } else { 0.0 };
    first_difference(&numbers(got)?, &want, |g, w| close(*g, *w, scale, tol))
}

/// The decimal of a golden file as the element that it stands for.
fn rounded(x: f64, kind: DType) -> f64 {
    match kind {
        DType::F32 | DType::C64 => f64::from(x as f32),
        DType::F16 => half::f16::from_f64(x).to_f64(),
        DType::BF16 => half::bf16::from_f64(x).to_f64(),
        _ => x,
    }
}

fn rms(values: &[f64]) -> f64 {
    let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() {
        0.0
    } else {
        (finite.iter().map(|v| v * v).sum::<f64>() / finite.len() as f64)
            .sqrt()
            .min(1.0)
    }
}

fn first_difference<T: std::fmt::Debug>(got: &[T], want: &[T], same: impl Fn(&T, &T) -> bool) -> Result {
    if got.len() != want.len() {
        return Err(format!("{} elements instead of {}", got.len(), want.len()));
    }
    match got.iter().zip(want).position(|(g, w)| !same(g, w)) {
        Some(k) => Err(format!("element {k} is {:?} instead of {:?}", got[k], want[k])),
        None => Ok(()),
    }
}

/// Compares any result.
pub fn value(got: &Value, want: &Json, exact: bool) -> Result {
    match got {
        Value::Tensor(t) if want.get("t").is_some() => tensor(t, want, exact),
        Value::Tensors(ts) => {
            let items: Vec<Value> = ts.iter().cloned().map(Value::Tensor).collect();
            all(&items, want, exact)
        }
        Value::Tuple(items) => all(items, want, exact),
        Value::None if want.is_null() => Ok(()),
        Value::Bool(b) if want.as_bool() == Some(*b) => Ok(()),
        Value::Int(i) if want.as_i64() == Some(*i) => Ok(()),
        Value::Ints(v)
            if *v
                == want
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Json::as_i64)
                    .collect::<Vec<_>>() =>
        {
            Ok(())
        }
        Value::Float(x) if close(*x, number(want), 0.0, tolerance(DType::F64)) => Ok(()),
        Value::Scalar(Scalar::Bool(b)) if want.as_bool() == Some(*b) => Ok(()),
        Value::Scalar(s) if close(s.to_f64(), number(want), 0.0, tolerance(DType::F64)) => Ok(()),
        _ => Err(format!(
            "a result of another kind than {}",
            want.to_string().chars().take(80).collect::<String>()
        )),
    }
}

fn all(got: &[Value], want: &Json, exact: bool) -> Result {
    let Some(want) = want.as_array() else {
        return Err("several results instead of one".into());
    };
    if got.len() != want.len() {
        return Err(format!("{} results instead of {}", got.len(), want.len()));
    }
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        value(g, w, exact).map_err(|e| format!("result {i}: {e}"))?;
    }
    Ok(())
}

/// Whether two results have the same bits (NaN equals NaN).
pub fn same_bits(a: &Tensor, b: &Tensor) -> Result {
    if (a.dtype(), a.shape()) != (b.dtype(), b.shape()) {
        return Err(format!(
            "{} {:?} instead of {} {:?}",
            a.dtype(),
            a.shape(),
            b.dtype(),
            b.shape()
        ));
    }
    let bits = |t: &Tensor| -> std::result::Result<Vec<u64>, String> {
        Ok(match t.dtype() {
            d if d.is_int() => t
                .detach()
                .try_to_vec::<i64>()
                .map_err(|e| e.to_string())?
                .into_iter()
                .map(|x| x as u64)
                .collect(),
            _ => numbers(t)?
                .into_iter()
                .map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() })
                .collect(),
        })
    };
    let (x, y) = (bits(a)?, bits(b)?);
    match x.iter().zip(&y).position(|(p, q)| p != q) {
        Some(k) => Err(format!("element {k}: bits {:016x} instead of {:016x}", x[k], y[k])),
        None => Ok(()),
    }
}

/// Whether two tensors are equal within the tolerance of their dtype.
pub fn same(a: &Tensor, b: &Tensor) -> Result {
    if (a.dtype(), a.shape()) != (b.dtype(), b.shape()) {
        return Err(format!(
            "{} {:?} instead of {} {:?}",
            a.dtype(),
            a.shape(),
            b.dtype(),
            b.shape()
        ));
    }
    if !a.dtype().is_differentiable() {
        return same_bits(a, b);
    }
    let (x, y) = (numbers(a)?, numbers(b)?);
    let scale = rms(&y);
    first_difference(&x, &y, |g, w| close(*g, *w, scale, tolerance(a.dtype())))
}

//! Settings and state as data: what PyTorch keeps in the dictionaries of an optimiser.

use duoc_core::{Error, ErrorKind, Result, Tensor, err};
use std::fmt;

/// A setting of a parameter group or an entry of a parameter's state.
#[derive(Clone)]
pub enum Value {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A real number.
    Float(f64),
    /// Text.
    Text(String),
    /// A tensor.
    Tensor(Tensor),
    /// Several values that belong together, such as `betas`: a tuple.
    Tuple(Vec<Value>),
    /// A list of values.
    List(Vec<Value>),
}

impl Value {
    /// The number in it; a truth value counts as 0 or 1, a tensor with one element as its element.
    pub fn number(&self) -> Option<f64> {
        match self {
            Value::Bool(b) => Some(f64::from(u8::from(*b))),
            Value::Int(i) => Some(*i as f64),
            Value::Float(x) => Some(*x),
            Value::Tensor(t) if t.numel() == 1 && !t.dtype().is_complex() => {
                duoc_core::catch(|| t.item().to_f64()).ok()
            }
            _ => None,
        }
    }

    /// The tensor in it.
    pub fn tensor(&self) -> Option<&Tensor> {
        match self {
            Value::Tensor(t) => Some(t),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($ty:ty => $variant:ident $(as $as:ty)?;)+) => {$(
        impl From<$ty> for Value {
            fn from(x: $ty) -> Value { Value::$variant((x $(as $as)?).into()) }
        }
    )+};
}
from! { bool => Bool; i64 => Int; i32 => Int; usize => Int as i64; f64 => Float; f32 => Float as f64; &str => Text; String => Text; Tensor => Tensor; }

impl From<(f64, f64)> for Value {
    fn from((a, b): (f64, f64)) -> Value {
        Value::Tuple(vec![a.into(), b.into()])
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(x: Option<T>) -> Value {
        x.map_or(Value::None, Into::into)
    }
}

impl fmt::Display for Value {
    /// As Python writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, vs: &[Value]| -> fmt::Result {
            for (i, v) in vs.iter().enumerate() {
                write!(f, "{}{v}", if i == 0 { "" } else { ", " })?;
            }
            Ok(())
        };
        match self {
            Value::None => f.write_str("None"),
            Value::Bool(true) => f.write_str("True"),
            Value::Bool(false) => f.write_str("False"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => f.write_str(&python_float(*x)),
            Value::Text(s) => f.write_str(s),
            Value::Tensor(t) => write!(f, "{t}"),
            Value::Tuple(vs) => {
                f.write_str("(")?;
                list(f, vs)?;
                f.write_str(if vs.len() == 1 { ",)" } else { ")" })
            }
            Value::List(vs) => {
                f.write_str("[")?;
                list(f, vs)?;
                f.write_str("]")
            }
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names with values, in the order in which they were first set.
#[derive(Clone, Default, Debug)]
pub struct Entries(Vec<(String, Value)>);

impl Entries {
    /// Without entries.
    pub fn new() -> Entries {
        Entries::default()
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }

    /// Sets a value, new or in the place of the one that was there.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, v)) => *v = value,
            None => self.0.push((name.into(), value)),
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(at).1)
    }

    /// All entries in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v))
    }

    /// All entries in order, to change their values.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(n, v)| (n.as_str(), v))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number under a name. `KeyError` without one, `TypeError` if it is none.
    pub fn number(&self, name: &str) -> Result<f64> {
        let v = self.wanted(name)?;
        v.number().ok_or_else(|| wrong(name, "a number", v))
    }

    /// The truth value under a name.
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.get(name) {
            // Files of older versions lack flags that came later; all of them are off by default.
            None | Some(Value::None) => Ok(false),
            Some(v) => Ok(v.number().ok_or_else(|| wrong(name, "a truth value", v))? != 0.0),
        }
    }

    /// The two numbers under a name.
    pub fn pair(&self, name: &str) -> Result<(f64, f64)> {
        let v = self.wanted(name)?;
        match v {
            Value::Tuple(vs) | Value::List(vs) if vs.len() == 2 => match (vs[0].number(), vs[1].number()) {
                (Some(a), Some(b)) => Ok((a, b)),
                _ => Err(wrong(name, "two numbers", v)),
            },
            _ => Err(wrong(name, "two numbers", v)),
        }
    }

    fn wanted(&self, name: &str) -> Result<&Value> {
        self.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.iter().map(|(n, _)| n).collect();
            err!(
                Key,
                "'{name}' is not set in this parameter group; it has: {}",
                known.join(", ")
            )
        })
    }
}

fn wrong(name: &str, wanted: &str, got: &Value) -> Error {
    Error::new(ErrorKind::Type, format!("{name} must be {wanted}, but is {got}"))
}

impl<N: Into<String>, V: Into<Value>> FromIterator<(N, V)> for Entries {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(items: I) -> Entries {
        let mut e = Entries::new();
        for (n, v) in items {
            e.set(&n.into(), v);
        }
        e
    }
}

/// A number as Python's `repr` writes it: the fewest digits that give it back, `1e-08`, `0.1`, `1.0`.
pub(crate) fn python_float(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() {
            "nan"
        } else if x > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .into();
    }
    let scientific = format!("{x:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if x == 0.0 || (-4..16).contains(&exponent) {
        return format!("{x:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (x, text) in [
            (1e-8, "1e-08"),
            (0.1, "0.1"),
            (1.0, "1.0"),
            (0.0, "0.0"),
            (1e-4, "0.0001"),
            (1.5e-5, "1.5e-05"),
            (1e16, "1e+16"),
            (123456789.0, "123456789.0"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(python_float(x), text);
        }
        assert_eq!(Value::from((0.9, 0.999)).to_string(), "(0.9, 0.999)");
    }
}

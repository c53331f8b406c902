//! Dynamic arguments and results: what the registry passes around.

use crate::random::Generator;
use crate::{DType, Device, LayoutKind, MemoryFormat, Result, Scalar, Tensor, bail};

/// An argument or a result of a dynamic call.
#[derive(Clone)]
pub enum Value {
    /// Absent, `None`, or no result.
    None,
    /// A tensor.
    Tensor(Tensor),
    /// Tensors.
    Tensors(Vec<Tensor>),
    /// Tensors some of which are absent: the indices of an index.
    OptTensors(Vec<Option<Tensor>>),
    /// A number.
    Scalar(Scalar),
    /// Numbers.
    Scalars(Vec<Scalar>),
    /// An integer.
    Int(i64),
    /// Integers.
    Ints(Vec<i64>),
    /// A real number.
    Float(f64),
    /// Real numbers.
    Floats(Vec<f64>),
    /// A truth value.
    Bool(bool),
    /// Truth values.
    Bools(Vec<bool>),
    /// Text.
    Str(String),
    /// An element type.
    DType(DType),
    /// A device.
    Device(Device),
    /// A layout.
    Layout(LayoutKind),
    /// A memory format.
    MemoryFormat(MemoryFormat),
    /// A random number generator.
    Generator(Generator),
    /// Several results of different kinds.
    Tuple(Vec<Value>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Tensor(_) => "Tensor",
            Value::Tensors(_) | Value::OptTensors(_) => "list of Tensors",
            Value::Scalar(_) => "number",
            Value::Scalars(_) => "list of numbers",
            Value::Int(_) => "int",
            Value::Ints(_) => "list of ints",
            Value::Float(_) => "float",
            Value::Floats(_) => "list of floats",
            Value::Bool(_) => "bool",
            Value::Bools(_) => "list of bools",
            Value::Str(_) => "str",
            Value::DType(_) => "dtype",
            Value::Device(_) => "device",
            Value::Layout(_) => "layout",
            Value::MemoryFormat(_) => "memory_format",
            Value::Generator(_) => "Generator",
            Value::Tuple(_) => "tuple",
        }
    }

    /// The value with every tensor's conjugation and negation carried out.
    pub(crate) fn resolved(&self) -> Result<Value> {
        let one = |t: &Tensor| crate::ops::parts::resolved(t);
        Ok(match self {
            Value::Tensor(t) => Value::Tensor(one(t)?),
            Value::Tensors(ts) => Value::Tensors(ts.iter().map(one).collect::<Result<_>>()?),
            Value::OptTensors(ts) => Value::OptTensors(
                ts.iter()
                    .map(|t| t.as_ref().map(one).transpose())
                    .collect::<Result<_>>()?,
            ),
            v => v.clone(),
        })
    }

    /// Every tensor in the value, in order.
    pub fn tensors(&self) -> Vec<&Tensor> {
        match self {
            Value::Tensor(t) => vec![t],
            Value::Tensors(ts) => ts.iter().collect(),
            Value::OptTensors(ts) => ts.iter().flatten().collect(),
            Value::Tuple(vs) => vs.iter().flat_map(Value::tensors).collect(),
            _ => Vec::new(),
        }
    }
}

/// The arguments of a dynamic call, taken one after the other.
pub struct Args<'a> {
    rest: std::slice::Iter<'a, Value>,
    taken: usize,
}

impl<'a> Args<'a> {
    /// All arguments, in schema order; missing ones at the end count as `None`.
    pub fn new(args: &'a [Value]) -> Args<'a> {
        Args {
            rest: args.iter(),
            taken: 0,
        }
    }

    /// The next one as `T`.
    pub fn take<T: FromValue<'a>>(&mut self) -> Result<T> {
        static NONE: Value = Value::None;
        let v = self.rest.next().unwrap_or(&NONE);
        self.taken += 1;
        match T::from_value(v) {
            Some(x) => Ok(x),
            None => bail!(Type, "argument {} must be {}, not {}", self.taken, T::NAME, v.kind()),
        }
    }
}

/// A type that a Rust op takes as a parameter or gives as a result.
pub trait FromValue<'a>: Sized {
    /// For error texts.
    const NAME: &'static str;
    /// From an argument.
    fn from_value(v: &'a Value) -> Option<Self>;
    /// From a result that a mode gave back.
    fn from_owned(v: Value) -> Result<Self> {
        let _ = v;
        bail!(Type, "a mode returned a value where {} was expected", Self::NAME)
    }
}

/// A type that can be handed to a mode or out of the registry.
pub trait IntoValue {
    /// As a dynamic value.
    fn to_value(&self) -> Value;
    /// Whether there is a tensor in it whose elements are to be read conjugated or negated.
    #[inline(always)]
    fn is_lazy(&self) -> bool {
        false
    }
}

/// What [`IntoValue::is_lazy`] asks of an argument with or without tensors.
trait Lazy {
    fn lazy(&self) -> bool;
}
impl Lazy for Tensor {
    #[inline(always)]
    fn lazy(&self) -> bool {
        self.is_lazy()
    }
}
impl Lazy for [Tensor] {
    fn lazy(&self) -> bool {
        self.iter().any(Tensor::is_lazy)
    }
}
impl Lazy for [Option<Tensor>] {
    fn lazy(&self) -> bool {
        self.iter().flatten().any(Tensor::is_lazy)
    }
}
macro_rules! never_lazy {
    ($($ty:ty),+) => { $(impl Lazy for $ty {
        #[inline(always)]
        fn lazy(&self) -> bool {
            false
        }
    })+ };
}
never_lazy!([Scalar], [i64], [f64], [bool], str, Generator);

macro_rules! by_reference {
    ($($ty:ty, $variant:ident, $name:literal;)+) => { $(
        impl<'a> FromValue<'a> for &'a $ty {
            const NAME: &'static str = $name;
            fn from_value(v: &'a Value) -> Option<Self> {
                match v { Value::$variant(x) => Some(x), _ => None }
            }
        }
        impl<'a> FromValue<'a> for Option<&'a $ty> {
            const NAME: &'static str = concat!($name, " or None");
            fn from_value(v: &'a Value) -> Option<Self> {
                match v { Value::None => Some(None), v => <&$ty>::from_value(v).map(Some) }
            }
        }
        impl IntoValue for &$ty {
            fn to_value(&self) -> Value { Value::$variant((*self).to_owned()) }
            #[inline(always)]
            fn is_lazy(&self) -> bool { (**self).lazy() }
        }
        impl IntoValue for Option<&$ty> {
            fn to_value(&self) -> Value { self.map_or(Value::None, |x| Value::$variant(x.to_owned())) }
            #[inline(always)]
            fn is_lazy(&self) -> bool { self.is_some_and(|x| x.lazy()) }
        }
    )+ };
}
by_reference! {
    Tensor, Tensor, "Tensor";
    [Tensor], Tensors, "list of Tensors";
    [Option<Tensor>], OptTensors, "list of optional Tensors";
    [Scalar], Scalars, "list of numbers";
    [i64], Ints, "list of ints";
    [f64], Floats, "list of floats";
    [bool], Bools, "list of bools";
    str, Str, "str";
    Generator, Generator, "Generator";
}

macro_rules! by_value {
    ($($ty:ty, $name:literal, $pattern:pat => $value:expr, $x:ident => $into:expr;)+) => { $(
        impl<'a> FromValue<'a> for $ty {
            const NAME: &'static str = $name;
            fn from_value(v: &'a Value) -> Option<Self> {
                match v { $pattern => Some($value), _ => None }
            }
            fn from_owned(v: Value) -> Result<Self> {
                match &v { $pattern => Ok($value), v => bail!(Type, "a mode returned {} where {} was expected", v.kind(), $name) }
            }
        }
        impl<'a> FromValue<'a> for Option<$ty> {
            const NAME: &'static str = concat!($name, " or None");
            fn from_value(v: &'a Value) -> Option<Self> {
                match v { Value::None => Some(None), v => <$ty>::from_value(v).map(Some) }
            }
        }
        impl IntoValue for $ty {
            fn to_value(&self) -> Value { let $x = *self; $into }
        }
        impl IntoValue for Option<$ty> {
            fn to_value(&self) -> Value { match *self { Some($x) => $into, None => Value::None } }
        }
    )+ };
}
by_value! {
    i64, "int", Value::Int(x) => *x, x => Value::Int(x);
    bool, "bool", Value::Bool(x) => *x, x => Value::Bool(x);
    DType, "dtype", Value::DType(x) => *x, x => Value::DType(x);
    Device, "device", Value::Device(x) => *x, x => Value::Device(x);
    LayoutKind, "layout", Value::Layout(x) => *x, x => Value::Layout(x);
    MemoryFormat, "memory_format", Value::MemoryFormat(x) => *x, x => Value::MemoryFormat(x);
}

impl<'a> FromValue<'a> for f64 {
    const NAME: &'static str = "float";
    fn from_value(v: &'a Value) -> Option<f64> {
        match v {
            Value::Float(x) => Some(*x),
            Value::Int(i) => Some(*i as f64),
            Value::Scalar(s) if !s.is_complex() => Some(s.to_f64()),
            _ => None,
        }
    }
    fn from_owned(v: Value) -> Result<f64> {
        f64::from_value(&v).ok_or_else(|| crate::err!(Type, "a mode returned {} where float was expected", v.kind()))
    }
}
impl<'a> FromValue<'a> for Option<f64> {
    const NAME: &'static str = "float or None";
    fn from_value(v: &'a Value) -> Option<Self> {
        match v {
            Value::None => Some(None),
            v => f64::from_value(v).map(Some),
        }
    }
}
impl IntoValue for f64 {
    fn to_value(&self) -> Value {
        Value::Float(*self)
    }
}
impl IntoValue for Option<f64> {
    fn to_value(&self) -> Value {
        self.map_or(Value::None, Value::Float)
    }
}

impl<'a> FromValue<'a> for Scalar {
    const NAME: &'static str = "number";
    fn from_value(v: &'a Value) -> Option<Scalar> {
        match v {
            Value::Scalar(s) => Some(*s),
            Value::Int(i) => Some(Scalar::Int(*i)),
            Value::Float(x) => Some(Scalar::Float(*x)),
            Value::Bool(b) => Some(Scalar::Bool(*b)),
            _ => None,
        }
    }
    fn from_owned(v: Value) -> Result<Scalar> {
        Scalar::from_value(&v)
            .ok_or_else(|| crate::err!(Type, "a mode returned {} where a number was expected", v.kind()))
    }
}
impl<'a> FromValue<'a> for Option<Scalar> {
    const NAME: &'static str = "number or None";
    fn from_value(v: &'a Value) -> Option<Self> {
        match v {
            Value::None => Some(None),
            v => Scalar::from_value(v).map(Some),
        }
    }
}
impl IntoValue for Scalar {
    fn to_value(&self) -> Value {
        Value::Scalar(*self)
    }
}
impl IntoValue for Option<Scalar> {
    fn to_value(&self) -> Value {
        self.map_or(Value::None, Value::Scalar)
    }
}

macro_rules! result {
    ($($ty:ty, $pattern:pat => $value:expr, $name:literal;)+) => { $(
        impl<'a> FromValue<'a> for $ty {
            const NAME: &'static str = $name;
            fn from_value(v: &'a Value) -> Option<Self> { <$ty>::from_owned(v.clone()).ok() }
            fn from_owned(v: Value) -> Result<Self> {
                match v { $pattern => Ok($value), v => bail!(Type, "a mode returned {} where {} was expected", v.kind(), $name) }
            }
        }
    )+ };
}
result! {
    Tensor, Value::Tensor(t) => t, "Tensor";
    Vec<Tensor>, Value::Tensors(t) => t, "list of Tensors";
    Vec<i64>, Value::Ints(t) => t, "list of ints";
    (), Value::None => (), "nothing";
}
impl IntoValue for Tensor {
    fn to_value(&self) -> Value {
        Value::Tensor(self.clone())
    }
}
impl IntoValue for Vec<Tensor> {
    fn to_value(&self) -> Value {
        Value::Tensors(self.clone())
    }
}
impl IntoValue for Vec<i64> {
    fn to_value(&self) -> Value {
        Value::Ints(self.clone())
    }
}
impl IntoValue for () {
    fn to_value(&self) -> Value {
        Value::None
    }
}

macro_rules! tuple {
    ($($t:ident $i:tt),+) => {
        impl<'a, $($t: FromValue<'a>),+> FromValue<'a> for ($($t,)+) {
            const NAME: &'static str = "tuple";
            fn from_value(v: &'a Value) -> Option<Self> {
                match v { Value::Tuple(vs) => Some(($($t::from_value(vs.get($i)?)?,)+)), _ => None }
            }
            fn from_owned(v: Value) -> Result<Self> {
                match v {
                    Value::Tuple(vs) => {
                        let mut vs = vs.into_iter();
                        Ok(($($t::from_owned(vs.next().unwrap_or(Value::None))?,)+))
                    }
                    v => bail!(Type, "a mode returned {} where a tuple was expected", v.kind()),
                }
            }
        }
        impl<$($t: IntoValue),+> IntoValue for ($($t,)+) {
            fn to_value(&self) -> Value { Value::Tuple(vec![$(self.$i.to_value()),+]) }
        }
    };
}
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);

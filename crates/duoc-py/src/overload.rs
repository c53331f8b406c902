//! One signature of a function: its parameters as Python sees them, binding of arguments, and the text of a mismatch.

use crate::convert::Kind;
use crate::tensor::PyTensor;
use duoc_core::op::{Entry, Form, Value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString, PyTuple};
use smallvec::SmallVec;
use std::fmt::Write;

/// One parameter.
pub struct Param {
    name: String,
    kind: Kind,
    nullable: bool,
    default: Option<Value>,
    default_text: String,
    kwarg_only: bool,
}

/// One signature.
pub struct Overload {
    entry: &'static Entry,
    /// The form that writes into given tensors, and how many it needs.
    out: Option<(&'static Entry, usize)>,
    params: Vec<Param>,
    /// Where the tensor of a method stands.
    self_at: usize,
    /// Makes a new tensor: takes `requires_grad` too.
    factory: bool,
    /// The parameter whose items may be given as separate arguments: of the function, and of the method.
    spread: [Option<usize>; 2],
    /// Where a number may stand for a tensor.
    numbers: Numbers,
}

/// Which tensor parameters take a plain number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Numbers {
    /// None of them.
    Nowhere,
    /// Those after the first.
    Others,
    /// All of them.
    Anywhere,
}

/// How hard to try.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Only arguments of the parameters' own types.
    Strict,
    /// Numbers may stand for tensors.
    Numbers,
    /// As `Numbers`, and a mismatch is explained.
    Explain,
}

/// Arguments that fit a signature.
pub struct Call<'py> {
    pub values: SmallVec<[Value; 8]>,
    pub outs: SmallVec<[Bound<'py, PyTensor>; 2]>,
    /// `out=` was given as a tuple.
    pub requires_grad: bool,
}

/// Why arguments do not fit a signature.
pub enum Mismatch {
    /// Not looked into: another signature may fit.
    Any,
    TooMany {
        given: usize,
    },
    Missing(Vec<String>),
    Unexpected(String),
    Twice(String),
    /// Parameter, its place among the positional arguments, and the type that was given.
    Type(String, Option<usize>, &'static str, String),
}

/// The arguments of a call.
pub struct Given<'a, 'py> {
    /// The tensor of a method.
    pub this: Option<&'a Bound<'py, PyAny>>,
    pub positional: &'a [Bound<'py, PyAny>],
    pub names: &'a [Bound<'py, PyString>],
    pub named: &'a [Bound<'py, PyAny>],
}

/// Names that NumPy gives to PyTorch's parameters, which PyTorch accepts too.
fn numpy_names(name: &str) -> &'static [&'static str] {
    match name {
        "dim" => &["axis"],
        "keepdim" => &["keepdims"],
        "input" => &["x", "a", "x1"],
        "other" => &["x2"],
        _ => &[],
    }
}

impl Overload {
    /// The signature of an entry; `out` is its form with given results.
    pub fn new(entry: &'static Entry, out: Option<&'static Entry>, numbers: Numbers) -> Option<Overload> {
        let schema = &entry.schema;
        let mut params = Vec::with_capacity(schema.args.len());
        for a in &schema.args {
            let (kind, optional) = Kind::of(&a.ty)?;
            let default = a.default.as_ref().map(|d| kind.default(d));
            params.push(Param {
                name: if a.name == "self" {
                    "input".into()
                } else {
                    a.name.clone()
                },
                kind,
                nullable: optional || matches!(default, Some(Value::None)),
                default_text: a.default.as_ref().map_or(String::new(), default_text),
                default,
                kwarg_only: a.kwarg_only,
            });
        }
        let named = |n: &str| schema.args.iter().position(|a| a.name == n);
        let self_at = named("self")
            .or_else(|| params.iter().position(|p| p.kind == Kind::Tensor))
            .unwrap_or(0);
        let aliases = schema.returns.iter().any(|r| r.aliased);
        let mut o = Overload {
            entry,
            out: out.map(|o| (o, schema.returns.len())),
            params,
            self_at,
            factory: named("pin_memory").is_some() && !aliases,
            spread: [None; 2],
            numbers,
        };
        o.spread = [o.find_spread(false), o.find_spread(true)];
        Some(o)
    }

    pub fn entry(&self) -> &'static Entry {
        self.entry
    }

    /// The entry to call, which depends on whether results were given.
    pub fn target(&self, call: &Call<'_>) -> &'static Entry {
        match self.out {
            Some((e, _)) if !call.outs.is_empty() => e,
            _ => self.entry,
        }
    }

    /// Where the changed tensor of an in-place form stands.
    pub fn changed(&self) -> Option<usize> {
        let inplace =
            self.entry.form == Form::Inplace || self.entry.schema.args.get(self.self_at).is_some_and(|a| a.written);
        inplace.then_some(self.self_at)
    }

    fn matches(&self, param: usize, name: &Bound<'_, PyString>) -> PyResult<bool> {
        let name = name.to_cow()?;
        let p = &self.params[param].name;
        Ok(*p == *name || numpy_names(p).contains(&&*name))
    }

    /// The parameters that arguments by position go to.
    fn positional(&self, method: bool) -> impl Iterator<Item = usize> {
        let this = method.then_some(self.self_at);
        (0..self.params.len()).filter(move |i| Some(*i) != this && !self.params[*i].kwarg_only)
    }

    /// Whether the one positional parameter is a list that may be given as separate arguments.
    fn find_spread(&self, method: bool) -> Option<usize> {
        let mut positional = self.positional(method);
        let (first, second) = (positional.next()?, positional.next());
        let list = matches!(self.params[first].kind, Kind::Ints(None) | Kind::Tensors);
        (second.is_none() && list).then_some(first)
    }

    /// Fits arguments to the parameters.
    pub fn bind<'py>(
        &self,
        py: Python<'py>,
        given: &Given<'_, 'py>,
        pass: Pass,
    ) -> PyResult<Result<Call<'py>, Mismatch>> {
        let first = (pass != Pass::Strict && self.numbers == Numbers::Anywhere) as usize;
        let others = pass != Pass::Strict && self.numbers != Numbers::Nowhere;
        let method = given.this.is_some();
        let n = self.params.len();
        let spread_list;
        let mut at: SmallVec<[Option<&Bound<'py, PyAny>>; 12]> = smallvec::smallvec![None; n];
        let mut places: SmallVec<[Option<usize>; 12]> = smallvec::smallvec![None; n];
        if let Some(t) = given.this {
            at[self.self_at] = Some(t);
        }
        let mut spread = None;
        let mut next = 0;
        for (i, a) in given.positional.iter().enumerate() {
            if method && next == self.self_at {
                next += 1;
            }
            if i == 0
                && let Some(p) = self.spread[method as usize]
            {
                let item = match self.params[p].kind {
                    Kind::Tensors => a.cast::<PyTensor>().is_ok(),
                    _ => crate::convert::int(a)?.is_some(),
                };
                if item {
                    spread = Some(p);
                    break;
                }
            }
            if next >= n || self.params[next].kwarg_only {
                return Ok(Err(Mismatch::TooMany {
                    given: given.positional.len(),
                }));
            }
            at[next] = Some(a);
            places[next] = Some(i + 1);
            next += 1;
        }
        let mut call = Call {
            values: SmallVec::new(),
            outs: SmallVec::new(),
            requires_grad: false,
        };
        'names: for (name, value) in given.names.iter().zip(given.named) {
            for p in 0..n {
                if !(method && p == self.self_at) && self.matches(p, name)? {
                    if at[p].is_some() || spread == Some(p) {
                        return Ok(Err(Mismatch::Twice(self.params[p].name.clone())));
                    }
                    at[p] = Some(value);
                    continue 'names;
                }
            }
            match (&*name.to_cow()?, self.out) {
                ("out", Some((_, count))) => {
                    if let Some(m) = take_outs(value, count, &mut call.outs)? {
                        return Ok(Err(m));
                    }
                }
                ("requires_grad", _) if self.factory => match crate::convert::Kind::Bool.take(value, false)? {
                    Some(Value::Bool(b)) => call.requires_grad = b,
                    _ => {
                        return Ok(Err(Mismatch::Type(
                            "requires_grad".into(),
                            None,
                            "bool",
                            type_name(value),
                        )));
                    }
                },
                (other, _) => return Ok(Err(Mismatch::Unexpected(other.into()))),
            }
        }
        if let Some(p) = spread {
            spread_list = PyTuple::new(py, given.positional)?.into_any();
            at[p] = Some(&spread_list);
        }
        let lacks = |p: &usize| at[*p].is_none() && self.params[*p].default.is_none();
        if pass != Pass::Explain && (0..n).any(|p| lacks(&p)) {
            return Ok(Err(Mismatch::Any));
        }
        let missing: Vec<String> = (0..n).filter(lacks).map(|p| self.params[p].name.clone()).collect();
        if !missing.is_empty() {
            return Ok(Err(Mismatch::Missing(missing)));
        }
        for (p, param) in self.params.iter().enumerate() {
            let value = match at[p] {
                Some(obj) if !(obj.is_none() && param.nullable) => param.kind.take(obj, others && p + first > 0)?,
                _ => Some(param.default.clone().unwrap_or(Value::None)),
            };
            match value {
                Some(v) => call.values.push(v),
                None if pass != Pass::Explain => return Ok(Err(Mismatch::Any)),
                None => {
                    let given = at[p].map_or(String::new(), type_name);
                    return Ok(Err(Mismatch::Type(
                        param.name.clone(),
                        places[p],
                        param.kind.name(),
                        given,
                    )));
                }
            }
        }
        Ok(Ok(call))
    }

    /// The signature in PyTorch's notation.
    pub fn text(&self, method: bool) -> String {
        let mut s = String::from("(");
        let mut star = false;
        for (i, p) in self.params.iter().enumerate() {
            if method && i == self.self_at {
                continue;
            }
            if p.kwarg_only && !star {
                star = true;
                s.push_str(if s.len() > 1 { ", *" } else { "*" });
            }
            if s.len() > 1 {
                s.push_str(", ");
            }
            let _ = write!(s, "{} {}", p.kind.name(), p.name);
            if p.default.is_some() {
                let _ = write!(s, " = {}", p.default_text);
            }
        }
        let mut extra = |text: &str| {
            if !star {
                star = true;
                s.push_str(if s.len() > 1 { ", *" } else { "*" });
            }
            s.push_str(", ");
            s.push_str(text);
        };
        match self.out {
            Some((_, 1)) => extra("Tensor out = None"),
            Some(_) => extra("tuple of Tensors out = None"),
            None => {}
        }
        if self.factory {
            extra("bool requires_grad = False");
        }
        s.push(')');
        s
    }

    /// The exception when this is the only signature.
    pub fn error(&self, function: &str, method: bool, m: Mismatch) -> PyErr {
        let positional = self.positional(method).count();
        PyTypeError::new_err(match m {
            Mismatch::Any => format!("{function}() got arguments that do not fit"),
            Mismatch::TooMany { given } => {
                let s = if positional == 1 { "" } else { "s" };
                let were = if given == 1 { "was" } else { "were" };
                format!("{function}() takes {positional} positional argument{s} but {given} {were} given")
            }
            Mismatch::Missing(names) => {
                let list: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
                format!(
                    "{function}() missing {} required positional argument{}: {}",
                    names.len(),
                    if names.len() == 1 { "s" } else { "" },
                    list.join(", ")
                )
            }
            Mismatch::Unexpected(name) => format!("{function}() got an unexpected keyword argument '{name}'"),
            Mismatch::Twice(name) => format!("{function}() got multiple values for argument '{name}'"),
            Mismatch::Type(name, Some(place), want, got) => {
                format!("{function}(): argument '{name}' (position {place}) must be {want}, not {got}")
            }
            Mismatch::Type(name, None, want, got) => {
                format!("{function}(): argument '{name}' must be {want}, not {got}")
            }
        })
    }

    /// Whether this signature is to be tried after the other: a tensor without dimensions is also a number, and a
    /// number is also a list of one.
    pub fn after(&self, other: &Overload) -> bool {
        let mut smaller = false;
        for (a, b) in self.params.iter().zip(&other.params) {
            let less = matches!(
                (a.kind, b.kind),
                (Kind::Scalar | Kind::Int | Kind::Float, Kind::Tensor)
                    | (Kind::Ints(_), Kind::Int)
                    | (Kind::Tensors, Kind::Ints(_))
            );
            if !less && a.kind != b.kind {
                return false;
            }
            smaller |= less;
        }
        smaller
    }
}

fn take_outs<'py>(
    value: &Bound<'py, PyAny>,
    count: usize,
    outs: &mut SmallVec<[Bound<'py, PyTensor>; 2]>,
) -> PyResult<Option<Mismatch>> {
    if value.is_none() {
        return Ok(None);
    }
    let wrong = || {
        Mismatch::Type(
            "out".into(),
            None,
            if count == 1 { "Tensor" } else { "tuple of Tensors" },
            type_name(value),
        )
    };
    if let Ok(t) = value.cast::<PyTensor>() {
        if count != 1 {
            return Ok(Some(wrong()));
        }
        outs.push(t.clone());
        return Ok(None);
    }
    let items: Vec<Bound<'py, PyAny>> = match (value.cast::<PyTuple>(), value.cast::<PyList>()) {
        (Ok(t), _) => t.iter().collect(),
        (_, Ok(l)) => l.iter().collect(),
        _ => return Ok(Some(wrong())),
    };
    if items.len() != count {
        return Ok(Some(wrong()));
    }
    for i in items {
        match i.cast_into::<PyTensor>() {
            Ok(t) => outs.push(t),
            Err(_) => return Ok(Some(wrong())),
        }
    }
    Ok(None)
}

fn default_text(d: &duoc_core::op::Default) -> String {
    use duoc_core::op::Default::*;
    match d {
        None => "None".into(),
        Int(i) => i.to_string(),
        Float(x) => format!("{x:?}"),
        Bool(b) => if *b { "True" } else { "False" }.into(),
        Ints(v) => format!("({})", v.iter().map(|i| i.to_string()).collect::<Vec<_>>().join(", ")),
        Str(s) => format!("\"{s}\""),
        Word(w) if w.ends_with("format") || w == "strided" => format!("torch.{w}"),
        Word(w) => w.clone(),
    }
}

/// The name of an object's type, as PyTorch writes it: with the items of lists and tuples.
pub fn type_name(obj: &Bound<'_, PyAny>) -> String {
    let name = obj.get_type().name().map_or("object".into(), |n| n.to_string());
    let items: Vec<Bound<'_, PyAny>> = match (obj.cast::<PyTuple>(), obj.cast::<PyList>()) {
        (Ok(t), _) => t.iter().take(20).collect(),
        (_, Ok(l)) => l.iter().take(20).collect(),
        _ => return name,
    };
    let names: Vec<String> = items
        .iter()
        .map(|i| i.get_type().name().map_or("object".into(), |n| n.to_string()))
        .collect();
    if names.is_empty() {
        return name;
    }
    let open = if name == "list" { ('[', ']') } else { ('(', ')') };
    match (&*name, &names[..]) {
        ("list" | "tuple", [one]) => format!("{name} of {}{one},{}", open.0, open.1),
        ("list" | "tuple", _) => format!("{name} of {}{}{}", open.0, names.join(", "), open.1),
        _ => name,
    }
}

//! What a `.pt` file holds: tensors, numbers, texts and collections of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use duoc_core::{DType, Result, Scalar, Tensor, bail, ensure, err};

/// A value of a checkpoint: what Python's pickle of one consists of.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_io::{Dict, Object};
/// let checkpoint = Object::from(Dict::from_iter([
///     ("epoch", Object::from(3)),
///     ("model", Dict::from_iter([("weight", Tensor::ones(&[2]))]).into()),
/// ]));
/// assert_eq!(checkpoint.get("epoch")?.int()?, 3);
/// assert_eq!(checkpoint.at("model.weight")?.tensor()?.shape(), [2]);
/// # Ok::<(), duoc_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub enum Object {
    /// `None`.
    #[default]
    None,
    /// `bool`.
    Bool(bool),
    /// `int`.
    Int(i64),
    /// An `int` above those of [`Object::Int`], as seeds can be.
    UInt(u64),
    /// `float`.
    Float(f64),
    /// `complex`.
    Complex(Box<(f64, f64)>),
    /// `str`.
    Str(Arc<str>),
    /// `bytes` or `bytearray`.
    Bytes(Arc<[u8]>),
    /// `list`.
    List(Vec<Object>),
    /// `tuple`.
    Tuple(Vec<Object>),
    /// `set` or `frozenset`.
    Set(Vec<Object>),
    /// `dict` or `OrderedDict`.
    Dict(Box<Dict>),
    /// A tensor. Those that shared a storage still do, and what was one tensor twice is one.
    Tensor(Tensor),
    /// `torch.float32` and the like.
    DType(DType),
    /// `torch.Size`.
    Size(Box<[usize]>),
    /// `torch.device`, by its name.
    Device(Arc<str>),
    /// An object of a class that is not known: what it was made from, never made. TorchScript's modules are such.
    Record(Box<Record>),
}

/// An object of an unknown class, as data.
#[derive(Clone)]
pub struct Record {
    /// Its class or the function that would make it, module included.
    pub class: Arc<str>,
    /// What the class would be called with.
    pub args: Vec<Object>,
    /// What is added to it, if it is a collection: items, or keys and values in turn.
    pub items: Vec<Object>,
    /// Its state: for most classes a dictionary of attributes.
    pub state: Object,
}

/// A dictionary in the order of its entries.
#[derive(Clone, Default)]
pub struct Dict {
    entries: Vec<(Object, Object)>,
    /// Where the names are, once there are many. Most dictionaries are small: boxed, so that they stay so.
    #[allow(clippy::box_collection)]
    places: Option<Box<HashMap<Arc<str>, usize>>>,
    /// Whether it is an `OrderedDict`, as state dictionaries are.
    pub ordered: bool,
    /// Attributes of the dictionary itself: `_metadata` of a state dictionary.
    pub attributes: Option<Box<Object>>,
}

/// Entries that are searched one by one.
const FEW: usize = 16;

macro_rules! read_as {
    ($($(#[$doc:meta])* $name:ident, $what:literal, $pattern:pat => $value:expr, $ty:ty;)+) => { $(
        $(#[$doc])*
        ///
        /// # Errors
        /// `TypeError` if it is something else.
        pub fn $name(&self) -> Result<$ty> {
            match self {
                $pattern => Ok($value),
                other => Err(err!(Type, concat!("expected ", $what, ", found {}"), other.what())),
            }
        }
    )+ };
}

impl Object {
    read_as! {
        /// The tensor.
        tensor, "a tensor", Object::Tensor(t) => t, &Tensor;
        /// The truth value.
        bool, "a bool", Object::Bool(b) => *b, bool;
        /// The integer.
        int, "an int", Object::Int(i) => *i, i64;
        /// The text.
        str, "a str", Object::Str(s) => s, &str;
        /// The bytes.
        bytes, "bytes", Object::Bytes(b) => b, &[u8];
        /// The dictionary.
        dict, "a dict", Object::Dict(d) => d, &Dict;
        /// The items of a list, tuple or set.
        items, "a list or tuple", Object::List(v) | Object::Tuple(v) | Object::Set(v) => v, &[Object];
    }

    /// The number, whether it was saved as a float or an integer.
    ///
    /// # Errors
    /// `TypeError` if it is something else.
    pub fn float(&self) -> Result<f64> {
        match self {
            Object::Float(x) => Ok(*x),
            Object::Int(i) => Ok(*i as f64),
            Object::UInt(i) => Ok(*i as f64),
            other => Err(err!(Type, "expected a number, found {}", other.what())),
        }
    }

    /// What kind of value it is, in Python's words.
    pub fn what(&self) -> &'static str {
        match self {
            Object::None => "None",
            Object::Bool(_) => "a bool",
            Object::Int(_) | Object::UInt(_) => "an int",
            Object::Float(_) => "a float",
            Object::Complex(_) => "a complex",
            Object::Str(_) => "a str",
            Object::Bytes(_) => "bytes",
            Object::List(_) => "a list",
            Object::Tuple(_) => "a tuple",
            Object::Set(_) => "a set",
            Object::Dict(_) => "a dict",
            Object::Tensor(_) => "a tensor",
            Object::DType(_) => "a dtype",
            Object::Size(_) => "a torch.Size",
            Object::Device(_) => "a device",
            Object::Record(_) => "an object of another class",
        }
    }

    /// The entry of a dictionary, or attribute of a record, with this name.
    ///
    /// # Errors
    /// `KeyError` that lists the names that are there; `TypeError` if it is neither.
    pub fn get(&self, name: &str) -> Result<&Object> {
        let dict = match self {
            Object::Dict(d) => d,
            Object::Record(r) => r.state.dict()?,
            other => bail!(Type, "looking for {name:?}: expected a dict, found {}", other.what()),
        };
        match dict.get(name) {
            Some(found) => Ok(found),
            None => bail!(Key, "no entry {name:?}; there are {}", listed(dict)),
        }
    }

    /// The value at a path of names and, for lists and tuples, places: `optimizer.param_groups.0.lr`.
    ///
    /// # Errors
    /// `KeyError` or `IndexError` that names the part which is not there.
    pub fn at(&self, path: &str) -> Result<&Object> {
        self.find(path, path)
    }

    fn find(&self, rest: &str, path: &str) -> Result<&Object> {
        if rest.is_empty() {
            return Ok(self);
        }
        // Names may hold dots themselves, as parameters' do: the longest that fits is taken.
        let ends = rest.match_indices('.').map(|(i, _)| i).chain([rest.len()]);
        let ends: Vec<usize> = ends.collect();
        for end in ends.into_iter().rev() {
            if let Some(found) = self.child(&rest[..end]) {
                return found.find(rest.get(end + 1..).unwrap_or(""), path);
            }
        }
        let first = rest.split('.').next().unwrap_or(rest);
        match self {
            Object::List(v) | Object::Tuple(v) => bail!(Index, "{path}: no item {first}; there are {}", v.len()),
            other => other.get(first).map_err(|e| e.at(path)),
        }
    }

    fn child(&self, name: &str) -> Option<&Object> {
        match self {
            Object::List(v) | Object::Tuple(v) => v.get(name.parse::<usize>().ok()?),
            Object::Dict(d) => d.get(name).or_else(|| d.get_int(name.parse().ok()?)),
            Object::Record(r) => r.state.child(name),
            _ => None,
        }
    }

    /// Every value that is no collection, with its path, in order.
    pub fn leaves(&self) -> Vec<(String, &Object)> {
        let mut found = Vec::new();
        self.visit(&mut String::new(), &mut |path, object| {
            if !object.is_collection() {
                found.push((path.to_string(), object));
            }
        });
        found
    }

    fn is_collection(&self) -> bool {
        matches!(
            self,
            Object::List(_) | Object::Tuple(_) | Object::Set(_) | Object::Dict(_) | Object::Record(_)
        )
    }

    /// Every tensor with its path, in order: for a state dictionary, the parameters by name.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let tensor = |(name, leaf): (String, &Object)| Some((name, leaf.tensor().ok()?.clone()));
        self.leaves().into_iter().filter_map(tensor).collect()
    }

    /// Calls `f` with this value and every one below it, and their paths.
    pub(crate) fn visit<'a>(&'a self, path: &mut String, f: &mut dyn FnMut(&str, &'a Object)) {
        f(path, self);
        let mut below = |name: &dyn fmt::Display, child: &'a Object| {
            use fmt::Write;
            let before = path.len();
            // Writing to a String cannot fail.
            let _ = if before == 0 {
                write!(path, "{name}")
            } else {
                write!(path, ".{name}")
            };
            child.visit(path, f);
            path.truncate(before);
        };
        match self {
            Object::List(v) | Object::Tuple(v) | Object::Set(v) => {
                v.iter().enumerate().for_each(|(i, child)| below(&i, child));
            }
            Object::Dict(d) => d.iter().for_each(|(key, child)| below(&key.key(), child)),
            Object::Record(r) => {
                let parts = r.args.iter().chain(&r.items);
                parts.enumerate().for_each(|(i, child)| below(&i, child));
                match &r.state {
                    // Attributes are named as in Python.
                    Object::Dict(d) => d.iter().for_each(|(key, child)| below(&key.key(), child)),
                    Object::None => {}
                    other => below(&"state", other),
                }
            }
            _ => {}
        }
    }

    /// A dictionary's key in a path.
    fn key(&self) -> String {
        match self {
            Object::Str(s) => s.to_string(),
            other => format!("{other:?}"),
        }
    }
}

fn listed(dict: &Dict) -> String {
    const SHOWN: usize = 12;
    let names: Vec<String> = dict.iter().take(SHOWN).map(|(k, _)| format!("{k:?}")).collect();
    let more = dict.len().saturating_sub(SHOWN);
    match (names.len(), more) {
        (0, _) => "none".to_string(),
        (_, 0) => names.join(", "),
        _ => format!("{} and {more} more", names.join(", ")),
    }
}

impl Dict {
    /// An empty dictionary.
    pub fn new() -> Dict {
        Dict::default()
    }

    /// The value with this name.
    pub fn get(&self, name: &str) -> Option<&Object> {
        self.place(name).map(|i| &self.entries[i].1)
    }

    fn place(&self, name: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(name).copied(),
            None => self
                .entries
                .iter()
                .position(|(k, _)| matches!(k, Object::Str(s) if **s == *name)),
        }
    }

    fn add(&mut self, key: Object, value: Object) {
        if let (Some(places), Object::Str(name)) = (&mut self.places, &key) {
            places.insert(name.clone(), self.entries.len());
        }
        self.entries.push((key, value));
        if self.places.is_none() && self.entries.len() > FEW {
            self.find_places();
        }
    }

    fn find_places(&mut self) {
        let name = |(i, (key, _)): (usize, &(Object, Object))| match key {
            Object::Str(name) => Some((name.clone(), i)),
            _ => None,
        };
        self.places = Some(Box::new(self.entries.iter().enumerate().filter_map(name).collect()));
    }

    /// An empty dictionary with room for so many entries.
    pub(crate) fn with_room(entries: usize) -> Dict {
        Dict {
            entries: Vec::with_capacity(entries),
            ..Dict::default()
        }
    }

    fn get_int(&self, key: i64) -> Option<&Object> {
        let same = |k: &Object| matches!(k, Object::Int(i) if *i == key);
        self.entries.iter().find(|(k, _)| same(k)).map(|(_, v)| v)
    }

    /// Adds an entry, or replaces the value of the one with this name.
    pub fn insert(&mut self, name: impl AsRef<str>, value: impl Into<Object>) {
        let value = value.into();
        match self.place(name.as_ref()) {
            Some(i) => self.entries[i].1 = value,
            None => self.add(name.as_ref().into(), value),
        }
    }

    /// Adds an entry whose key may be any value.
    ///
    /// # Errors
    /// `ValueError` if a text, integer or truth value is there already, `TypeError` for a key that cannot be one.
    pub fn push(&mut self, key: Object, value: Object) -> Result<()> {
        match &key {
            Object::Str(name) => {
                ensure!(self.place(name).is_none(), Value, "a dict has the key {name:?} twice");
            }
            Object::Dict(_) | Object::List(_) | Object::Set(_) => {
                bail!(Type, "{} cannot be the key of a dict", key.what())
            }
            _ => {}
        }
        self.add(key, value);
        Ok(())
    }

    /// Takes out the entries whose keys `unwanted` names.
    pub(crate) fn remove_if(&mut self, unwanted: impl Fn(&Object) -> bool) {
        self.entries.retain(|(key, _)| !unwanted(key));
        self.places = None;
        if self.entries.len() > FEW {
            self.find_places();
        }
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Object, &Object)> {
        self.entries.iter().map(|(k, v)| (k, v))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl<K: AsRef<str>, V: Into<Object>> FromIterator<(K, V)> for Dict {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Dict {
        let mut dict = Dict::new();
        entries.into_iter().for_each(|(k, v)| dict.insert(k, v));
        dict
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Object::None => f.write_str("None"),
            Object::Bool(b) => f.write_str(if *b { "True" } else { "False" }),
            Object::Int(i) => write!(f, "{i}"),
            Object::UInt(i) => write!(f, "{i}"),
            Object::Float(x) => write!(f, "{x:?}"),
            Object::Complex(z) => write!(f, "({:?}{:+?}j)", z.0, z.1),
            Object::Str(s) => write!(f, "{s:?}"),
            Object::Bytes(b) => write!(f, "<{} bytes>", b.len()),
            Object::List(v) => f.debug_list().entries(v).finish(),
            Object::Tuple(v) => {
                let mut tuple = f.debug_tuple("");
                v.iter().for_each(|item| {
                    tuple.field(item);
                });
                tuple.finish()
            }
            Object::Set(v) => f.debug_set().entries(v).finish(),
            Object::Dict(d) => f.debug_map().entries(d.iter()).finish(),
            Object::Tensor(t) => write!(f, "<{} tensor {:?}>", t.dtype(), t.shape()),
            Object::DType(d) => write!(f, "{d}"),
            Object::Size(s) => write!(f, "torch.Size({s:?})"),
            Object::Device(d) => write!(f, "device({d:?})"),
            Object::Record(r) => write!(f, "<{}: {:?} {:?}>", r.class, r.args, r.state),
        }
    }
}

macro_rules! from {
    ($($ty:ty, $x:ident => $value:expr;)+) => { $(
        impl From<$ty> for Object {
            fn from($x: $ty) -> Object {
                $value
            }
        }
    )+ };
}
from! {
    bool, x => Object::Bool(x);
    i32, x => Object::Int(x.into());
    u32, x => Object::Int(x.into());
    i64, x => Object::Int(x);
    u64, x => i64::try_from(x).map_or(Object::UInt(x), Object::Int);
    usize, x => Object::from(x as u64);
    f32, x => Object::Float(x.into());
    f64, x => Object::Float(x);
    &str, x => Object::Str(x.into());
    String, x => Object::Str(x.into());
    Tensor, x => Object::Tensor(x);
    &Tensor, x => Object::Tensor(x.clone());
    DType, x => Object::DType(x);
    Dict, x => Object::Dict(Box::new(x));
    Vec<Object>, x => Object::List(x);
    Scalar, x => match x {
        Scalar::Bool(b) => Object::Bool(b),
        Scalar::Int(i) => Object::Int(i),
        Scalar::UInt(i) => Object::UInt(i),
        Scalar::Float(v) => Object::Float(v),
        Scalar::Complex(re, im) => Object::Complex(Box::new((re, im))),
    };
}

impl<T: Into<Object>> From<Option<T>> for Object {
    fn from(x: Option<T>) -> Object {
        x.map_or(Object::None, Into::into)
    }
}

//! PyTorch's arguments, as a golden case describes them.

use super::make;
use crate::golden::{fnv, read};
use duoc_core::{Result, Tensor};
use duoc_nn::{Layer, Module};
use serde_json::Value as Json;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// The arguments of a constructor. Each is asked for by its place and its name.
pub struct Args<'a> {
    pub name: &'a str,
    args: &'a [Json],
    kwargs: &'a Json,
    used: RefCell<BTreeSet<String>>,
}

#[allow(dead_code)]
impl<'a> Args<'a> {
    pub fn new(case: &'a Json) -> Args<'a> {
        Args {
            name: case["module"].as_str().unwrap_or(""),
            args: case["args"].as_array().map_or(&[], |v| v),
            kwargs: &case["kwargs"],
            used: RefCell::default(),
        }
    }

    /// The argument, unless it is absent or None.
    pub fn get(&self, i: usize, name: &str) -> Option<&'a Json> {
        self.given(i, name).filter(|j| !j.is_null())
    }

    /// The argument, which may be None (`null`), unless it is absent.
    pub fn given(&self, i: usize, name: &str) -> Option<&'a Json> {
        let mut used = self.used.borrow_mut();
        used.insert(i.to_string());
        used.insert(name.to_string());
        self.args.get(i).or_else(|| self.kwargs.get(name))
    }

    /// Every argument was asked for: a table that overlooks one would compare the wrong layer.
    pub fn all_used(&self) -> std::result::Result<(), String> {
        let used = self.used.borrow();
        let places = (0..self.args.len()).map(|i| i.to_string());
        let names = self.kwargs.as_object().into_iter().flat_map(|o| o.keys().cloned());
        match places.chain(names).find(|a| !used.contains(a)) {
            Some(a) => Err(format!(
                "the constructor table does not use argument {a} of {}",
                self.name
            )),
            None => Ok(()),
        }
    }

    pub fn usize(&self, i: usize, name: &str) -> usize {
        let given = self.get(i, name).and_then(Json::as_u64);
        given.unwrap_or_else(|| panic!("{} lacks {name}", self.name)) as usize
    }

    pub fn usize_or(&self, i: usize, name: &str, default: usize) -> usize {
        self.get(i, name).and_then(Json::as_u64).map_or(default, |n| n as usize)
    }

    pub fn opt_usize(&self, i: usize, name: &str) -> Option<usize> {
        self.get(i, name).and_then(Json::as_u64).map(|n| n as usize)
    }

    pub fn i64_or(&self, i: usize, name: &str, default: i64) -> i64 {
        self.get(i, name).and_then(Json::as_i64).unwrap_or(default)
    }

    pub fn f64_or(&self, i: usize, name: &str, default: f64) -> f64 {
        self.opt_f64(i, name).unwrap_or(default)
    }

    pub fn opt_f64(&self, i: usize, name: &str) -> Option<f64> {
        self.get(i, name).map(|j| read::number(j.get("float").unwrap_or(j)))
    }

    pub fn bool_or(&self, i: usize, name: &str, default: bool) -> bool {
        self.get(i, name).and_then(Json::as_bool).unwrap_or(default)
    }

    pub fn str_or(&self, i: usize, name: &str, default: &'a str) -> &'a str {
        self.get(i, name).and_then(Json::as_str).unwrap_or(default)
    }

    /// One integer or a list of them.
    pub fn opt_ints(&self, i: usize, name: &str) -> Option<Vec<i64>> {
        self.get(i, name).map(|j| match j.as_array() {
            Some(list) => list.iter().filter_map(Json::as_i64).collect(),
            None => j.as_i64().into_iter().collect(),
        })
    }

    pub fn ints(&self, i: usize, name: &str) -> Vec<i64> {
        self.opt_ints(i, name)
            .unwrap_or_else(|| panic!("{} lacks {name}", self.name))
    }

    pub fn usizes(&self, i: usize, name: &str) -> Vec<usize> {
        self.ints(i, name).into_iter().map(|n| n as usize).collect()
    }

    /// A tensor argument (a weight for classes).
    pub fn opt_tensor(&self, i: usize, name: &str) -> Option<Tensor> {
        self.get(i, name).map(drawn)
    }

    /// The arguments of a module that is an argument.
    pub fn nested(&self, i: usize, name: &str) -> Args<'a> {
        Args::new(
            self.get(i, name)
                .unwrap_or_else(|| panic!("{} lacks {name}", self.name)),
        )
    }

    /// All arguments, each a module: those of a `Sequential`.
    pub fn modules(&self) -> Result<Vec<Made>> {
        (0..self.args.len())
            .map(|i| make(&self.nested(i, "")).unwrap_or_else(|e| panic!("{e}")))
            .collect()
    }
}

type Run = Box<dyn Fn(&dyn Module, &Inputs) -> Result<Vec<Tensor>>>;

/// A module and how it is called.
pub enum Made {
    Layer(Box<dyn Layer>),
    Other(Box<dyn Module>, Run),
}

impl Made {
    pub fn module(&self) -> &dyn Module {
        match self {
            Made::Layer(l) => &**l,
            Made::Other(m, _) => &**m,
        }
    }

    pub fn module_mut(&mut self) -> &mut dyn Module {
        match self {
            Made::Layer(l) => &mut **l,
            Made::Other(m, _) => &mut **m,
        }
    }

    pub fn run(&self, inputs: &Inputs) -> Result<Vec<Tensor>> {
        match self {
            Made::Layer(l) => Ok(vec![l.try_forward(inputs.tensor(0, "input"))?]),
            Made::Other(m, run) => run(&**m, inputs),
        }
    }
}

/// A module of one tensor.
pub fn layer(l: impl Layer) -> Result<Made> {
    Ok(Made::Layer(Box::new(l)))
}

/// A module with other arguments: `run` calls it and lists the tensors it returns.
#[allow(dead_code)]
pub fn other<M: Module>(m: M, run: impl Fn(&M, &Inputs) -> Result<Vec<Tensor>> + 'static) -> Result<Made> {
    let run = move |m: &dyn Module, x: &Inputs| run(m.as_any().downcast_ref().expect("the module itself"), x);
    Ok(Made::Other(Box::new(m), Box::new(run)))
}

/// One argument of forward.
enum Input {
    Tensor(Tensor),
    List(Vec<Input>),
    Plain(Json),
}

/// The arguments of forward.
pub struct Inputs {
    places: Vec<Input>,
    names: Vec<(String, Input)>,
}

fn drawn(j: &Json) -> Tensor {
    let shape: Vec<i64> = read::sizes(&j["shape"]).into_iter().map(|n| n as i64).collect();
    let f64s = Tensor::options().dtype(duoc_core::DType::F64);
    match j["draw"].as_str() {
        Some("randn") => {
            let x = f64s.zeros(&[0]);
            duoc_core::ops::random::randn(&shape, None, Some(x.dtype()), None, None, None).expect("a draw")
        }
        Some("rand") => {
            let dtype = Some(duoc_core::DType::F64);
            duoc_core::ops::random::rand(&shape, None, dtype, None, None, None).expect("a draw")
        }
        Some("randint") => {
            let (low, high) = (j["low"].as_i64().unwrap_or(0), j["high"].as_i64().unwrap_or(0));
            Tensor::randint(low, high, &shape)
        }
        _ => read::tensor(j).expect("a tensor"),
    }
}

fn input(j: &Json) -> Input {
    match j {
        Json::Object(o) if o.contains_key("draw") => Input::Tensor(drawn(j)),
        Json::Array(list) => Input::List(list.iter().map(input).collect()),
        _ => Input::Plain(j.clone()),
    }
}

fn collect(input: &Input, out: &mut Vec<Tensor>) {
    match input {
        Input::Tensor(t) => out.push(t.clone()),
        Input::List(list) => list.iter().for_each(|i| collect(i, out)),
        Input::Plain(_) => {}
    }
}

#[allow(dead_code)]
impl Inputs {
    pub fn draw(places: &Json, names: &Json) -> Inputs {
        Inputs {
            places: places.as_array().into_iter().flatten().map(input).collect(),
            names: names
                .as_object()
                .into_iter()
                .flatten()
                .map(|(k, v)| (k.clone(), input(v)))
                .collect(),
        }
    }

    /// The floating-point tensors, in order.
    pub fn floats(&self) -> Vec<Tensor> {
        let mut out = Vec::new();
        self.places.iter().for_each(|i| collect(i, &mut out));
        self.names.iter().for_each(|(_, i)| collect(i, &mut out));
        out.retain(|t| t.dtype().is_float());
        out
    }

    fn get(&self, i: usize, name: &str) -> Option<&Input> {
        let named = || self.names.iter().find(|(n, _)| n == name).map(|(_, i)| i);
        self.places.get(i).or_else(named)
    }

    pub fn tensor(&self, i: usize, name: &str) -> &Tensor {
        self.opt_tensor(i, name).unwrap_or_else(|| panic!("no input {name}"))
    }

    pub fn opt_tensor(&self, i: usize, name: &str) -> Option<&Tensor> {
        match self.get(i, name)? {
            Input::Tensor(t) => Some(t),
            _ => None,
        }
    }

    /// The tensors of a tuple.
    pub fn opt_tensors(&self, i: usize, name: &str) -> Option<Vec<Tensor>> {
        match self.get(i, name)? {
            Input::List(list) => {
                let mut out = Vec::new();
                list.iter().for_each(|i| collect(i, &mut out));
                Some(out)
            }
            _ => None,
        }
    }

    /// A plain value.
    pub fn plain(&self, i: usize, name: &str) -> Option<&Json> {
        match self.get(i, name)? {
            Input::Plain(j) if !j.is_null() => Some(j),
            _ => None,
        }
    }

    pub fn bool_or(&self, i: usize, name: &str, default: bool) -> bool {
        self.plain(i, name).and_then(Json::as_bool).unwrap_or(default)
    }

    /// A list of plain integers.
    pub fn opt_ints(&self, i: usize, name: &str) -> Option<Vec<i64>> {
        match self.get(i, name)? {
            Input::List(list) => Some(
                list.iter()
                    .filter_map(|i| match i {
                        Input::Plain(j) => j.as_i64(),
                        _ => None,
                    })
                    .collect(),
            ),
            Input::Plain(j) => j.as_i64().map(|n| vec![n]),
            Input::Tensor(_) => None,
        }
    }
}

/// The hash of a tensor's bytes in row-major order.
pub fn bits(t: &Tensor) -> String {
    use duoc_core::DType as D;
    let t = t.detach();
    let bytes: Vec<u8> = match t.dtype() {
        D::F32 => t.to_vec::<f32>().into_iter().flat_map(f32::to_le_bytes).collect(),
        D::F64 => t.to_vec::<f64>().into_iter().flat_map(f64::to_le_bytes).collect(),
        D::I64 => t.to_vec::<i64>().into_iter().flat_map(i64::to_le_bytes).collect(),
        D::Bool => t.to_vec::<bool>().into_iter().map(u8::from).collect(),
        other => panic!("no bits of {other}"),
    };
    format!("{:016x}", fnv(&bytes))
}

/// The gradients of weighted roots with respect to leaves.
pub fn gradients(roots: &[&Tensor], weights: &[Option<Tensor>], leaves: &[&Tensor]) -> Result<Vec<Option<Tensor>>> {
    let options = duoc_core::autograd::engine::Options {
        allow_unused: true,
        ..Default::default()
    };
    let weights: Vec<Option<&Tensor>> = weights.iter().map(Option::as_ref).collect();
    duoc_core::autograd::grad(roots, leaves, &weights, options)
}

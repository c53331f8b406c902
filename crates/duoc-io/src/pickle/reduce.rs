//! What the known names make of their arguments: nothing is called, the data are put together here.

use std::sync::Arc;

use duoc_core::{DType, Result, bail, ensure};

use super::globals::{Global, Rebuild};
use super::machine::{Machine, Node, RecordNode, StorageInfo, StorageView, TensorNode, Value, wrong};
use crate::bytes::MOST_DIMS;

impl Machine<'_> {
    /// A call, which is none: what the known names make of their arguments is put together here.
    pub(super) fn reduce(&mut self, class: Value, args: Value) -> Result<Value> {
        let class = match class {
            Value::Global(g) => g,
            Value::Unknown(name) => {
                self.charge(size_of::<RecordNode>())?;
                return self.node(Node::Record(Box::new(RecordNode {
                    class: name,
                    args,
                    items: Vec::new(),
                    state: Value::None,
                })));
            }
            _ => return Err(wrong("something that is no name is called")),
        };
        let given = self.few(args)?;
        match (class, &given[..]) {
            (Global::OrderedDict | Global::Counter, []) => {
                self.node(Node::Dict(Vec::new(), class == Global::OrderedDict, Value::None))
            }
            (Global::OrderedDict | Global::Counter, [from]) => {
                let items = self.pairs(*from)?;
                self.charge(size_of_val(&items[..]))?;
                self.node(Node::Dict(items, class == Global::OrderedDict, Value::None))
            }
            (Global::Set | Global::FrozenSet, []) => self.node(Node::Set(Vec::new())),
            (Global::Set | Global::FrozenSet, [Value::Node(n)]) => match &self.nodes[*n as usize] {
                Node::List(v) | Node::Tuple(v) | Node::Set(v) => {
                    let items = v.clone();
                    self.charge(size_of_val(&items[..]))?;
                    self.node(Node::Set(items))
                }
                _ => Err(wrong("a set is made of something else than a list")),
            },
            (Global::Encode, [Value::Text(t), Value::Text(code)]) if &*self.texts[*code as usize] == "latin1" => {
                let narrow = self.texts[*t as usize].chars().map(|c| u8::try_from(c).ok());
                let bytes: Option<Arc<[u8]>> = narrow.collect();
                let bytes = bytes.ok_or_else(|| wrong("bytes hold more than bytes"))?;
                self.charge(bytes.len())?;
                self.node(Node::Bytes(bytes))
            }
            (Global::ByteArray, []) => self.node(Node::Bytes(Arc::new([]))),
            (Global::ByteArray, [Value::Node(n)]) if matches!(self.nodes[*n as usize], Node::Bytes(_)) => {
                Ok(Value::Node(*n))
            }
            (Global::Complex, [Value::Float(re), Value::Float(im)]) => self.node(Node::Complex(Box::new((*re, *im)))),
            (Global::Size, [sizes]) => {
                let sizes = self.sizes(*sizes)?;
                self.charge(size_of_val(&sizes[..]))?;
                self.node(Node::Size(sizes))
            }
            (Global::Device, [Value::Text(t)]) => self.node(Node::Device(*t)),
            (Global::Device, [Value::Text(t), Value::Int(i)]) => {
                let name = format!("{}:{i}", self.texts[*t as usize]);
                let name = self.text(&name)?;
                self.node(Node::Device(name))
            }
            (Global::TypedList, [list]) | (Global::TypeTag, [list, _]) => Ok(*list),
            (Global::Rebuild(how), _) => self.tensor(how, &given),
            _ => Err(wrong("a name is called with arguments that do not fit it")),
        }
    }

    /// Keys and values in turn, from a list of pairs or a dictionary.
    fn pairs(&self, from: Value) -> Result<Vec<Value>> {
        let Value::Node(n) = from else {
            return Err(wrong("a dict is made of no pairs"));
        };
        let list = match &self.nodes[n as usize] {
            Node::Dict(v, ..) => return Ok(v.clone()),
            Node::List(v) | Node::Tuple(v) => v,
            _ => return Err(wrong("a dict is made of no pairs")),
        };
        let mut items = Vec::with_capacity(2 * list.len());
        for pair in list {
            let Value::Node(n) = pair else {
                return Err(wrong("a dict is made of no pairs"));
            };
            match &self.nodes[*n as usize] {
                Node::List(v) | Node::Tuple(v) if v.len() == 2 => items.extend(v),
                _ => return Err(wrong("a dict is made of no pairs")),
            }
        }
        Ok(items)
    }

    /// A storage from its persistent number.
    pub(super) fn storage(&mut self, id: Value) -> Result<Value> {
        let unknown = || wrong("a storage's number does not have the known form");
        let given = self.few(id)?;
        let (kind, class, key, numel, view) = match given[..] {
            [Value::Text(kind), class, Value::Text(key), _, Value::Int(numel)] => {
                (kind, class, key, numel, Value::None)
            }
            [Value::Text(kind), class, Value::Text(key), _, Value::Int(numel), view] => (kind, class, key, numel, view),
            _ => return Err(unknown()),
        };
        let (Value::Global(Global::Storage(dtype)), "storage") = (class, &*self.texts[kind as usize]) else {
            return Err(unknown());
        };
        let numel = usize::try_from(numel).map_err(|_| unknown())?;
        ensure!(
            numel
                .checked_mul(dtype.map_or(1, DType::size))
                .is_some_and(|n| isize::try_from(n).is_ok()),
            Value,
            "a storage of {numel} elements does not fit into memory"
        );
        let key = self.texts[key as usize].clone();
        let number = match self.by_key.get(&key) {
            Some(&n) => {
                let before = &self.storages[n as usize];
                ensure!(
                    (before.dtype, before.numel) == (dtype, numel),
                    Value,
                    "storage {key:?} is named twice, with different elements"
                );
                n
            }
            None => {
                self.charge(96)?;
                let n = self.storages.len() as u32;
                self.by_key.insert(key.clone(), n);
                self.storages.push(StorageInfo { key, dtype, numel });
                n
            }
        };
        let (offset, len) = match view {
            Value::None => (0, numel),
            view => match self.tuple(view)? {
                [_, Value::Int(offset), Value::Int(len)] => {
                    let part = (usize::try_from(*offset).ok(), usize::try_from(*len).ok());
                    let (Some(offset), Some(len)) = part else {
                        return Err(unknown());
                    };
                    ensure!(
                        offset.checked_add(len).is_some_and(|end| end <= numel),
                        Value,
                        "a view of a storage reaches beyond it"
                    );
                    (offset, len)
                }
                _ => return Err(unknown()),
            },
        };
        self.node(Node::Storage(StorageView {
            storage: number,
            offset,
            len,
        }))
    }

    fn tensor(&mut self, how: Rebuild, given: &[Value]) -> Result<Value> {
        let unknown = || wrong("a tensor is rebuilt from something else than is known");
        match (how, given) {
            (
                Rebuild::FromType,
                [
                    Value::Global(Global::Rebuild(inner)),
                    Value::Global(Global::TensorClass),
                    args,
                    _,
                ],
            ) if *inner != Rebuild::FromType => {
                let args = self.few(*args)?;
                self.tensor(*inner, &args)
            }
            (Rebuild::Parameter | Rebuild::ParameterWithState, [Value::Node(n), Value::Bool(grad), ..]) => {
                let Node::Tensor(t) = &self.nodes[*n as usize] else {
                    return Err(unknown());
                };
                let mut parameter = t.clone();
                parameter.requires_grad = *grad;
                self.charge(size_of::<TensorNode>() + 16 * parameter.size.len())?;
                self.node(Node::Tensor(parameter))
            }
            (
                Rebuild::V1 | Rebuild::V2 | Rebuild::V3,
                [Value::Node(n), Value::Int(offset), size, strides, rest @ ..],
            ) => {
                let Node::Storage(view) = self.nodes[*n as usize] else {
                    return Err(unknown());
                };
                let stored = self.storages[view.storage as usize].dtype;
                let (requires_grad, dtype, metadata) = match (how, rest) {
                    (Rebuild::V1, []) => (false, stored, None),
                    (Rebuild::V2, [Value::Bool(grad), _hooks]) => (*grad, stored, None),
                    (Rebuild::V2, [Value::Bool(grad), _hooks, metadata]) => (*grad, stored, Some(*metadata)),
                    (Rebuild::V3, [Value::Bool(grad), _hooks, Value::Global(Global::DType(d)), rest @ ..]) => {
                        (*grad, Some(*d), rest.first().copied())
                    }
                    _ => return Err(unknown()),
                };
                ensure!(
                    metadata.is_none_or(|m| m == Value::None || self.is_empty_dict(m)),
                    Value,
                    "a tensor that is saved as the conjugate or negative of its elements cannot be read"
                );
                let (size, strides) = (self.sizes(*size)?, self.sizes(*strides)?);
                let offset = usize::try_from(*offset).map_err(|_| unknown())?;
                ensure!(size.len() == strides.len(), Value, "{}", unknown());
                self.charge(size_of::<TensorNode>() + 16 * size.len())?;
                let dtype = dtype.ok_or_else(unknown)?;
                self.node(Node::Tensor(Box::new(TensorNode {
                    storage: view,
                    dtype,
                    offset,
                    size,
                    strides,
                    requires_grad,
                })))
            }
            _ => Err(unknown()),
        }
    }

    fn is_empty_dict(&self, value: Value) -> bool {
        matches!(value, Value::Node(n) if matches!(&self.nodes[n as usize], Node::Dict(v, ..) if v.is_empty()))
    }

    /// The arguments of a known name. There are never many, so that copying them takes no time.
    fn few(&self, args: Value) -> Result<Vec<Value>> {
        const MOST: usize = 16;
        let given = self.tuple(args)?;
        ensure!(
            given.len() <= MOST,
            Value,
            "{}",
            wrong("a name is called with too many arguments")
        );
        Ok(given.to_vec())
    }

    /// A tuple or list of sizes.
    fn sizes(&self, value: Value) -> Result<Vec<usize>> {
        let Value::Node(n) = value else {
            return Err(wrong("a shape is none"));
        };
        let size = |v: &Value| match v {
            Value::Int(i) => usize::try_from(*i).map_err(|_| wrong("a size is negative")),
            _ => Err(wrong("a size is no integer")),
        };
        match &self.nodes[n as usize] {
            Node::Tuple(v) | Node::List(v) if v.len() <= MOST_DIMS => v.iter().map(size).collect(),
            Node::Size(v) => Ok(v.clone()),
            Node::Tuple(v) | Node::List(v) => bail!(Value, "a tensor of {} dimensions", v.len()),
            _ => Err(wrong("a shape is none")),
        }
    }
}

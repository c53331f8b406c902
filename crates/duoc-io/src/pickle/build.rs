//! From nodes to objects: a tree, within bounds, with the tensors on their storages.

use std::collections::HashMap;

use duoc_core::{Result, Tensor, bail, ensure, err};

use super::machine::{Node, Program, StorageInfo, StorageView, TensorNode, Value};
use crate::bytes;
use crate::object::{Dict, Object, Record};

/// Collections inside collections.
const DEEPEST: usize = 200;
/// Objects that a byte of pickle may make: what is named twice is made twice.
const EXPANSION: usize = 4;
const FREE: usize = 10_000;

/// The object that a program describes. `storage` gives the memory of a storage, as bytes; each is asked for once.
pub(crate) fn build(program: &Program, storage: impl FnMut(&StorageInfo) -> Result<Tensor>) -> Result<Object> {
    let mut build = Build {
        program,
        storage,
        storages: vec![None; program.storages.len()],
        tensors: HashMap::new(),
        open: vec![false; program.nodes.len()],
        left: program.length.saturating_mul(EXPANSION).saturating_add(FREE),
    };
    build.object(program.root, 0)
}

struct Build<'a, F> {
    program: &'a Program,
    storage: F,
    storages: Vec<Option<Tensor>>,
    /// Tensors that have been built, by node: one named twice is one.
    tensors: HashMap<u32, Tensor>,
    /// Nodes that are being built: one inside itself has no end.
    open: Vec<bool>,
    left: usize,
}

impl<F: FnMut(&StorageInfo) -> Result<Tensor>> Build<'_, F> {
    fn object(&mut self, value: Value, depth: usize) -> Result<Object> {
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            err!(
                Value,
                "the pickle names the same collections so often that it would grow without bounds"
            )
        })?;
        Ok(match value {
            Value::None => Object::None,
            Value::Bool(b) => Object::Bool(b),
            Value::Int(i) => Object::Int(i),
            Value::UInt(i) => Object::UInt(i),
            Value::Float(x) => Object::Float(x),
            Value::Text(t) => Object::Str(self.text(t)),
            Value::Node(n) => {
                ensure!(
                    depth < DEEPEST,
                    Value,
                    "collections in the file are nested more than {DEEPEST} deep"
                );
                let open = std::mem::replace(&mut self.open[n as usize], true);
                ensure!(!open, Value, "a collection in the file contains itself");
                let object = self.node(n, depth + 1)?;
                self.open[n as usize] = false;
                object
            }
            Value::Global(super::globals::Global::DType(d)) => Object::DType(d),
            Value::Global(g) => bail!(Value, "the file holds {g:?} itself, which is no value"),
            Value::Unknown(t) => Object::Record(Box::new(Record {
                class: self.text(t),
                args: Vec::new(),
                items: Vec::new(),
                state: Object::None,
            })),
        })
    }

    fn text(&self, t: u32) -> std::sync::Arc<str> {
        self.program.texts[t as usize].clone()
    }

    fn objects(&mut self, values: &[Value], depth: usize) -> Result<Vec<Object>> {
        let mut objects = Vec::with_capacity(values.len().min(self.left));
        for v in values {
            objects.push(self.object(*v, depth)?);
        }
        Ok(objects)
    }

    fn node(&mut self, n: u32, depth: usize) -> Result<Object> {
        let program = self.program;
        Ok(match &program.nodes[n as usize] {
            Node::List(v) => Object::List(self.objects(v, depth)?),
            Node::Tuple(v) => Object::Tuple(self.objects(v, depth)?),
            Node::Set(v) => Object::Set(self.objects(v, depth)?),
            Node::Dict(items, ordered, attributes) => {
                let mut dict = Dict::with_room((items.len() / 2).min(self.left));
                for pair in items.chunks_exact(2) {
                    let (key, value) = (self.object(pair[0], depth)?, self.object(pair[1], depth)?);
                    dict.push(key, value)?;
                }
                dict.ordered = *ordered;
                if *attributes != Value::None {
                    dict.attributes = Some(Box::new(self.object(*attributes, depth)?));
                }
                Object::Dict(Box::new(dict))
            }
            Node::Bytes(b) => Object::Bytes(b.clone()),
            Node::BigInt(b) => bail!(
                Value,
                "the file holds an integer of {} bits; 64 are possible",
                8 * b.len()
            ),
            Node::Complex(z) => Object::Complex(z.clone()),
            Node::Size(v) => Object::Size(v[..].into()),
            Node::Device(t) => Object::Device(self.text(*t)),
            Node::Tensor(t) => Object::Tensor(self.tensor(n, t)?),
            Node::Storage(view) => Object::Tensor(self.whole(*view)?),
            Node::Record(record) => {
                let args = match self.object(record.args, depth)? {
                    Object::Tuple(args) => args,
                    other => bail!(Value, "a class in the file is called with {}", other.what()),
                };
                Object::Record(Box::new(Record {
                    class: self.text(record.class),
                    args,
                    items: self.objects(&record.items, depth)?,
                    state: self.object(record.state, depth)?,
                }))
            }
        })
    }

    fn memory(&mut self, number: u32) -> Result<Tensor> {
        let place = number as usize;
        if let Some(found) = &self.storages[place] {
            return Ok(found.clone());
        }
        let info = &self.program.storages[place];
        let memory = (self.storage)(info).map_err(|e| e.at(format_args!("storage {:?}", info.key)))?;
        self.storages[place] = Some(memory.clone());
        Ok(memory)
    }

    fn tensor(&mut self, n: u32, t: &TensorNode) -> Result<Tensor> {
        if let Some(found) = self.tensors.get(&n) {
            return Ok(found.clone());
        }
        let info = &self.program.storages[t.storage.storage as usize];
        // A view of a storage begins at its own place, and ends there.
        let start = t.storage.offset.checked_mul(info.width());
        let end = t
            .storage
            .offset
            .checked_add(t.storage.len)
            .and_then(|n| n.checked_mul(info.width()));
        let (Some(start), Some(end)) = (start, end) else {
            bail!(Value, "a view of a storage reaches beyond it")
        };
        ensure!(
            start.is_multiple_of(t.dtype.size()),
            Value,
            "a {} tensor begins inside an element of its storage",
            t.dtype
        );
        let offset = t.offset.checked_add(start / t.dtype.size());
        let reach = offset
            .and_then(|offset| reach(t, offset))
            .and_then(|n| n.checked_mul(t.dtype.size()));
        ensure!(
            reach.is_some_and(|n| n <= end) || t.size.contains(&0),
            Value,
            "a tensor of shape {:?} with strides {:?} reaches beyond its storage {:?}",
            t.size,
            t.strides,
            info.key
        );
        bytes::byte_count(&t.size, t.dtype)?;
        let memory = self.memory(t.storage.storage)?;
        let offset = if t.size.contains(&0) { 0 } else { offset.unwrap_or(0) };
        let mut tensor = bytes::on(&memory, t.dtype, &t.size, Some(&t.strides), offset)?;
        if t.requires_grad {
            tensor = tensor.requires_grad_(true)?;
        }
        self.tensors.insert(n, tensor.clone());
        Ok(tensor)
    }

    /// A storage by itself, as its elements.
    fn whole(&mut self, view: StorageView) -> Result<Tensor> {
        let dtype = self.program.storages[view.storage as usize]
            .dtype
            .unwrap_or(duoc_core::DType::U8);
        let memory = self.memory(view.storage)?;
        bytes::on(&memory, dtype, &[view.len], Some(&[1]), view.offset)
    }
}

/// Elements from the beginning of the storage to the end of the tensor.
fn reach(t: &TensorNode, offset: usize) -> Option<usize> {
    let steps = t
        .size
        .iter()
        .zip(&t.strides)
        .map(|(n, stride)| n.saturating_sub(1).checked_mul(*stride));
    let last = steps.into_iter().try_fold(offset, |sum, step| sum.checked_add(step?))?;
    last.checked_add(1)
}

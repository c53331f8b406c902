//! The stack machine: runs a pickle that [`scan`](super::scan) has followed, and makes nodes.

use std::sync::Arc;

use duoc_core::{DType, Result, bail, ensure, err};

use super::globals::{self, Global};
use super::op;
use super::scan::Extent;

/// A value on the stack. Collections, texts and tensors are numbers of nodes and texts.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(u32),
    Node(u32),
    Global(Global),
    /// A name that is not on the list, by its text: allowed to stand for data where the caller says so.
    Unknown(u32),
}

/// What a collection, or anything else that does not fit into a [`Value`], is made of.
pub(crate) enum Node {
    List(Vec<Value>),
    Tuple(Vec<Value>),
    Set(Vec<Value>),
    /// Keys and values in turn; whether it is ordered; attributes.
    Dict(Vec<Value>, bool, Value),
    Bytes(Arc<[u8]>),
    /// An integer of more than 64 bits, little-endian.
    BigInt(Arc<[u8]>),
    Complex(Box<(f64, f64)>),
    Size(Vec<usize>),
    Device(u32),
    Storage(StorageView),
    Tensor(Box<TensorNode>),
    /// An object of an unknown class.
    Record(Box<RecordNode>),
}

/// What an object of an unknown class is made from.
pub(crate) struct RecordNode {
    pub(crate) class: u32,
    pub(crate) args: Value,
    pub(crate) items: Vec<Value>,
    pub(crate) state: Value,
}

/// A part of a storage, in elements: all of it, but for views in old files.
#[derive(Clone, Copy)]
pub(crate) struct StorageView {
    /// Which of [`Program::storages`].
    pub(crate) storage: u32,
    pub(crate) offset: usize,
    pub(crate) len: usize,
}

/// A tensor to be built.
#[derive(Clone)]
pub(crate) struct TensorNode {
    pub(crate) storage: StorageView,
    pub(crate) dtype: DType,
    pub(crate) offset: usize,
    pub(crate) size: Vec<usize>,
    pub(crate) strides: Vec<usize>,
    pub(crate) requires_grad: bool,
}

/// A storage that the pickle names.
pub(crate) struct StorageInfo {
    pub(crate) key: Arc<str>,
    /// Its elements; `None` for plain bytes.
    pub(crate) dtype: Option<DType>,
    /// How many.
    pub(crate) numel: usize,
}

impl StorageInfo {
    /// Size of an element.
    pub(crate) fn width(&self) -> usize {
        self.dtype.map_or(1, DType::size)
    }
}

/// What a pickle makes, before it is turned into objects.
pub(crate) struct Program {
    pub(crate) root: Value,
    pub(crate) nodes: Vec<Node>,
    pub(crate) texts: Vec<Arc<str>>,
    pub(crate) storages: Vec<StorageInfo>,
    /// Length of the pickle.
    pub(crate) length: usize,
}

/// Bytes of nodes that a byte of pickle may cost: every instruction that Python writes stays below.
const COST: usize = 24;
const FREE: usize = 256 << 10;
/// Memo numbers that may be left out: Python counts them up.
const MEMO_GAP: usize = 256;

/// Runs a pickle of which the extent is known. `records`: whether names that are not on the list stand for data instead of
/// being an error.
pub(crate) fn run(pickle: &[u8], extent: Extent, records: bool) -> Result<Program> {
    let mut machine = Machine {
        rest: pickle,
        length: pickle.len(),
        records,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        nodes: Vec::new(),
        texts: Vec::new(),
        storages: Vec::new(),
        by_key: Default::default(),
        cost: 0,
        empty: None,
    };
    // Nodes and stack are asked for once, so that they cost what they hold.
    machine.charge(extent.nodes.saturating_mul(size_of::<Node>()))?;
    machine.nodes.reserve_exact(extent.nodes);
    machine.stack.reserve_exact(extent.depth);
    loop {
        if let Some(root) = machine.step()? {
            return Ok(Program {
                root,
                nodes: machine.nodes,
                texts: machine.texts,
                storages: machine.storages,
                length: pickle.len(),
            });
        }
    }
}

pub(super) struct Machine<'a> {
    rest: &'a [u8],
    length: usize,
    records: bool,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Option<Value>>,
    pub(super) nodes: Vec<Node>,
    pub(super) texts: Vec<Arc<str>>,
    pub(super) storages: Vec<StorageInfo>,
    pub(super) by_key: std::collections::HashMap<Arc<str>, u32>,
    cost: usize,
    /// The empty tuple, which is one.
    empty: Option<Value>,
}

pub(super) fn wrong(what: &str) -> duoc_core::Error {
    err!(Value, "the pickle is broken: {what}")
}

impl<'a> Machine<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or_else(|| wrong("it is cut off"))?;
        self.rest = rest;
        Ok(head)
    }

    fn number(&mut self, width: usize) -> Result<u64> {
        Ok(self.take(width)?.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn counted(&mut self, width: usize) -> Result<&'a [u8]> {
        let n = usize::try_from(self.number(width)?).map_err(|_| wrong("it is cut off"))?;
        self.take(n)
    }

    fn line(&mut self) -> Result<&'a str> {
        let end = self
            .rest
            .iter()
            .position(|b| *b == b'\n')
            .ok_or_else(|| wrong("it is cut off"))?;
        let (line, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        std::str::from_utf8(line).map_err(|_| wrong("a line is not text"))
    }

    pub(super) fn charge(&mut self, bytes: usize) -> Result<()> {
        self.cost = self.cost.saturating_add(bytes);
        ensure!(
            self.cost <= self.length.saturating_mul(COST).saturating_add(FREE),
            Value,
            "the pickle makes more values than its {} bytes justify",
            self.length
        );
        Ok(())
    }

    fn pop(&mut self) -> Result<Value> {
        self.stack.pop().ok_or_else(|| wrong("its stack is empty"))
    }

    fn top(&self) -> Result<Value> {
        self.stack.last().copied().ok_or_else(|| wrong("its stack is empty"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>> {
        let mark = self
            .marks
            .pop()
            .filter(|m| *m <= self.stack.len())
            .ok_or_else(|| wrong("a mark is missing"))?;
        Ok(self.stack.split_off(mark))
    }

    /// Counts the items of a new collection.
    fn items(&mut self) -> Result<Vec<Value>> {
        let values = self.pop_to_mark()?;
        self.charge(size_of_val(&values[..]))?;
        Ok(values)
    }

    /// Adds a node.
    pub(super) fn node(&mut self, node: Node) -> Result<Value> {
        self.nodes.push(node);
        Ok(Value::Node((self.nodes.len() - 1) as u32))
    }

    pub(super) fn text(&mut self, text: &str) -> Result<u32> {
        // Sixteen bytes for the handle and sixteen for the counts.
        self.charge(32 + text.len())?;
        self.texts.push(text.into());
        Ok((self.texts.len() - 1) as u32)
    }

    fn push_text(&mut self, width: usize) -> Result<()> {
        let Ok(text) = std::str::from_utf8(self.counted(width)?) else {
            return Err(wrong("a text is not UTF-8"));
        };
        let value = Value::Text(self.text(text)?);
        self.stack.push(value);
        Ok(())
    }

    /// Texts of Python 2, which are bytes: those that are no UTF-8 are Latin-1.
    fn push_old_text(&mut self, width: usize) -> Result<()> {
        let bytes = self.counted(width)?;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_string(),
            Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
        };
        let value = Value::Text(self.text(&text)?);
        self.stack.push(value);
        Ok(())
    }

    fn push_bytes(&mut self, width: usize) -> Result<()> {
        let bytes: Arc<[u8]> = self.counted(width)?.into();
        self.charge(bytes.len())?;
        let value = self.node(Node::Bytes(bytes))?;
        self.stack.push(value);
        Ok(())
    }

    fn push_long(&mut self, width: usize) -> Result<()> {
        let bytes = self.counted(width)?;
        let value = match integer(bytes) {
            Some(value) => value,
            None => {
                let bytes: Arc<[u8]> = bytes.into();
                self.charge(bytes.len())?;
                self.node(Node::BigInt(bytes))?
            }
        };
        self.stack.push(value);
        Ok(())
    }

    fn remember(&mut self, place: usize) -> Result<()> {
        let value = self.top()?;
        ensure!(
            place <= self.memo.len() + MEMO_GAP,
            Value,
            "the pickle is broken: its memo has {} values, and number {place} is set",
            self.memo.len()
        );
        if place >= self.memo.len() {
            self.memo.resize(place + 1, None);
        }
        self.memo[place] = Some(value);
        Ok(())
    }

    fn recall(&mut self, place: usize) -> Result<()> {
        let value = self.memo.get(place).copied().flatten();
        self.stack.push(value.ok_or_else(|| wrong("its memo lacks a value"))?);
        Ok(())
    }

    fn decimal(&mut self) -> Result<usize> {
        self.line()?.parse().map_err(|_| wrong("a number is none"))
    }

    /// One instruction; the result, at the last.
    fn step(&mut self) -> Result<Option<Value>> {
        let code = self.take(1)?[0];
        let value = match code {
            op::STOP => return self.pop().map(Some),
            op::PROTO => {
                self.take(1)?;
                return Ok(None);
            }
            op::FRAME => {
                self.take(8)?;
                return Ok(None);
            }
            op::MARK => {
                self.marks.push(self.stack.len());
                return Ok(None);
            }
            op::NONE => Value::None,
            op::NEWTRUE => Value::Bool(true),
            op::NEWFALSE => Value::Bool(false),
            op::BININT1 => Value::Int(self.number(1)? as i64),
            op::BININT2 => Value::Int(self.number(2)? as i64),
            op::BININT => Value::Int(i64::from(self.number(4)? as u32 as i32)),
            op::BINFLOAT => Value::Float(f64::from_bits(self.number(8)?.swap_bytes())),
            op::INT => match self.line()? {
                "00" => Value::Bool(false),
                "01" => Value::Bool(true),
                digits => Value::Int(digits.trim().parse().map_err(|_| wrong("a number is none"))?),
            },
            op::LONG => {
                let digits = self.line()?;
                let digits = digits.strip_suffix('L').unwrap_or(digits);
                Value::Int(digits.parse().map_err(|_| wrong("a number is none"))?)
            }
            op::FLOAT => Value::Float(self.line()?.trim().parse().map_err(|_| wrong("a number is none"))?),
            op::EMPTY_DICT => self.node(Node::Dict(Vec::new(), false, Value::None))?,
            op::EMPTY_LIST => self.node(Node::List(Vec::new()))?,
            op::EMPTY_TUPLE => match self.empty {
                Some(value) => value,
                None => {
                    let value = self.node(Node::Tuple(Vec::new()))?;
                    *self.empty.insert(value)
                }
            },
            op::EMPTY_SET => self.node(Node::Set(Vec::new()))?,
            op::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?
            }
            op::STACK_GLOBAL => {
                let (Value::Text(name), Value::Text(module)) = (self.pop()?, self.pop()?) else {
                    return Err(wrong("a name is no text"));
                };
                let (module, name) = (self.texts[module as usize].clone(), self.texts[name as usize].clone());
                self.global(&module, &name)?
            }
            op::TUPLE1 | op::TUPLE2 | op::TUPLE3 => {
                let n = usize::from(code - op::TUPLE1) + 1;
                let from = self
                    .stack
                    .len()
                    .checked_sub(n)
                    .ok_or_else(|| wrong("its stack is empty"))?;
                let items = self.stack.split_off(from);
                self.charge(size_of_val(&items[..]))?;
                self.node(Node::Tuple(items))?
            }
            op::TUPLE => {
                let items = self.items()?;
                self.node(Node::Tuple(items))?
            }
            op::LIST => {
                let items = self.items()?;
                self.node(Node::List(items))?
            }
            op::FROZENSET => {
                let items = self.items()?;
                self.node(Node::Set(items))?
            }
            op::DICT => {
                let items = self.items()?;
                ensure!(
                    items.len().is_multiple_of(2),
                    Value,
                    "{}",
                    wrong("a dict has a key without a value")
                );
                self.node(Node::Dict(items, false, Value::None))?
            }
            op::BINPERSID => {
                let id = self.pop()?;
                self.storage(id)?
            }
            op::REDUCE | op::NEWOBJ => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.reduce(class, args)?
            }
            _ => return self.step_in_place(code).map(|()| None),
        };
        self.stack.push(value);
        Ok(None)
    }

    /// The instructions that leave their result in a value which is there, or push it themselves.
    fn step_in_place(&mut self, code: u8) -> Result<()> {
        match code {
            op::BINUNICODE => self.push_text(4),
            op::SHORT_BINUNICODE => self.push_text(1),
            op::BINUNICODE8 => self.push_text(8),
            op::BINSTRING => self.push_old_text(4),
            op::SHORT_BINSTRING => self.push_old_text(1),
            op::BINBYTES => self.push_bytes(4),
            op::SHORT_BINBYTES => self.push_bytes(1),
            op::BINBYTES8 | op::BYTEARRAY8 => self.push_bytes(8),
            op::LONG1 => self.push_long(1),
            op::LONG4 => self.push_long(4),
            op::POP => self.pop().map(drop),
            op::POP_MARK => self.pop_to_mark().map(drop),
            op::DUP => {
                let value = self.top()?;
                self.stack.push(value);
                Ok(())
            }
            op::BINPUT => {
                let place = self.number(1)? as usize;
                self.remember(place)
            }
            op::LONG_BINPUT => {
                let place = self.number(4)? as usize;
                self.remember(place)
            }
            op::PUT => {
                let place = self.decimal()?;
                self.remember(place)
            }
            op::MEMOIZE => self.remember(self.memo.len()),
            op::BINGET => {
                let place = self.number(1)? as usize;
                self.recall(place)
            }
            op::LONG_BINGET => {
                let place = self.number(4)? as usize;
                self.recall(place)
            }
            op::GET => {
                let place = self.decimal()?;
                self.recall(place)
            }
            op::APPEND => {
                let item = self.pop()?;
                self.extend(vec![item])
            }
            op::APPENDS | op::SETITEMS | op::ADDITEMS => {
                let items = self.pop_to_mark()?;
                self.extend(items)
            }
            op::SETITEM => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend(vec![key, value])
            }
            op::BUILD => {
                let state = self.pop()?;
                self.build(state)
            }
            other => bail!(
                Value,
                "the pickle has instruction {other:#04x}, which no checkpoint needs"
            ),
        }
    }

    /// Adds items to the collection on top of the stack.
    fn extend(&mut self, items: Vec<Value>) -> Result<()> {
        let Value::Node(n) = self.top()? else {
            return Err(wrong("items are added to no collection"));
        };
        self.charge(size_of_val(&items[..]))?;
        let collection = match &mut self.nodes[n as usize] {
            Node::List(v) | Node::Set(v) => v,
            Node::Dict(v, ..) if items.len().is_multiple_of(2) => v,
            Node::Record(record) => &mut record.items,
            _ => return Err(wrong("items are added to no collection")),
        };
        if collection.is_empty() {
            *collection = items;
        } else {
            collection.extend(items);
        }
        Ok(())
    }

    /// Gives the value on top of the stack its state.
    fn build(&mut self, new: Value) -> Result<()> {
        let Value::Node(n) = self.top()? else {
            return Err(wrong("a state is given to a plain value"));
        };
        match &mut self.nodes[n as usize] {
            Node::Dict(_, _, state) => *state = new,
            Node::Record(record) => record.state = new,
            // Attributes of tensors are Python's.
            Node::Tensor(_) => {}
            _ => return Err(wrong("a state is given to a plain value")),
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<Value> {
        if let Some(found) = globals::find(module, name) {
            return Ok(Value::Global(found));
        }
        ensure!(
            self.records || globals::is_torchscript(module),
            Value,
            "the file uses {module}.{name}, which is not on the list of names that checkpoints may use; nothing was run"
        );
        Ok(Value::Unknown(self.text(&format!("{module}.{name}"))?))
    }

    pub(super) fn tuple(&self, value: Value) -> Result<&[Value]> {
        match value {
            Value::Node(n) => match &self.nodes[n as usize] {
                Node::Tuple(v) => Ok(v),
                _ => Err(wrong("arguments are no tuple")),
            },
            _ => Err(wrong("arguments are no tuple")),
        }
    }
}

/// A signed little-endian integer, if 64 bits hold it.
fn integer(bytes: &[u8]) -> Option<Value> {
    let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) {
        0xff
    } else {
        0
    };
    let mut wide = [sign; 16];
    if bytes.len() > 9 {
        return None;
    }
    wide[..bytes.len()].copy_from_slice(bytes);
    let n = i128::from_le_bytes(wide);
    i64::try_from(n)
        .map(Value::Int)
        .or_else(|_| u64::try_from(n).map(Value::UInt))
        .ok()
}

//! Writing pickles: the instructions that PyTorch's own restricted reader knows, protocol 2.

use std::collections::HashMap;

use duoc_core::{DType, Result, Tensor, bail, ensure};

use super::{globals, op};
use crate::object::{Dict, Object};

/// Collections inside collections, as the reader allows.
const DEEPEST: usize = 200;
/// Items that one instruction adds, as Python writes them.
const BATCH: usize = 1000;

/// A pickle, and the tensors whose storages are to be written beside it, one for each, by number.
pub(crate) struct Pickled {
    pub(crate) bytes: Vec<u8>,
    pub(crate) storages: Vec<Tensor>,
}

/// Pickles an object.
///
/// # Errors
/// `ValueError` for what is nested too deeply, `TypeError` for records and for a storage with two dtypes.
pub(crate) fn pickle(object: &Object) -> Result<Pickled> {
    let mut writer = Writer::default();
    writer.out.extend([op::PROTO, 2]);
    writer.object(object, 0)?;
    writer.out.push(op::STOP);
    Ok(Pickled {
        bytes: writer.out,
        storages: writer.storages,
    })
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    /// Memo numbers of names and frequent texts.
    names: HashMap<String, u32>,
    /// Memo numbers of tensors, by identity.
    tensors: HashMap<usize, u32>,
    memo: u32,
    storages: Vec<Tensor>,
    /// The number of a storage, by its address.
    numbers: HashMap<usize, usize>,
}

impl Writer {
    fn object(&mut self, object: &Object, depth: usize) -> Result<()> {
        ensure!(
            depth < DEEPEST,
            Value,
            "collections are nested more than {DEEPEST} deep"
        );
        match object {
            Object::None => self.out.push(op::NONE),
            Object::Bool(b) => self.out.push(if *b { op::NEWTRUE } else { op::NEWFALSE }),
            Object::Int(i) => self.int(*i),
            Object::UInt(i) => self.long(&(i128::from(*i)).to_le_bytes()[..9]),
            Object::Float(x) => self.float(*x),
            Object::Complex(z) => {
                self.global("__builtin__", "complex");
                self.float(z.0);
                self.float(z.1);
                self.out.extend([op::TUPLE2, op::REDUCE]);
            }
            Object::Str(s) => self.text(s)?,
            Object::Bytes(b) => {
                self.global("_codecs", "encode");
                self.text(&b.iter().map(|b| char::from(*b)).collect::<String>())?;
                self.name("latin1")?;
                self.out.extend([op::TUPLE2, op::REDUCE]);
            }
            Object::List(v) => {
                self.out.push(op::EMPTY_LIST);
                self.items(v, depth)?;
            }
            Object::Tuple(v) => self.tuple(v, depth)?,
            Object::Set(v) => {
                self.global("__builtin__", "set");
                self.out.push(op::EMPTY_LIST);
                self.items(v, depth)?;
                self.out.extend([op::TUPLE1, op::REDUCE]);
            }
            Object::Dict(d) => self.dict(d, depth)?,
            Object::Tensor(t) => self.tensor(t)?,
            Object::DType(d) => self.global("torch", d.name()),
            Object::Size(sizes) => {
                self.global("torch", "Size");
                self.sizes(sizes.iter().map(|n| *n as i64));
                self.out.extend([op::TUPLE1, op::REDUCE]);
            }
            Object::Device(d) => {
                self.global("torch", "device");
                self.text(d)?;
                self.out.extend([op::TUPLE1, op::REDUCE]);
            }
            Object::Record(r) => bail!(Type, "an object of class {} cannot be saved, only its parts", r.class),
        }
        Ok(())
    }

    fn int(&mut self, i: i64) {
        if let Ok(small) = u8::try_from(i) {
            self.out.extend([op::BININT1, small]);
        } else if let Ok(small) = u16::try_from(i) {
            self.out.push(op::BININT2);
            self.out.extend(small.to_le_bytes());
        } else if let Ok(middle) = i32::try_from(i) {
            self.out.push(op::BININT);
            self.out.extend(middle.to_le_bytes());
        } else {
            self.long(&i.to_le_bytes());
        }
    }

    /// A signed little-endian integer without the bytes that only repeat its sign.
    fn long(&mut self, bytes: &[u8]) {
        let spare = |pair: &[u8]| pair[1] == 0 && pair[0] & 0x80 == 0 || pair[1] == 0xff && pair[0] & 0x80 != 0;
        let mut n = bytes.len();
        while n > 1 && spare(&bytes[n - 2..n]) {
            n -= 1;
        }
        self.out.extend([op::LONG1, n as u8]);
        self.out.extend(&bytes[..n]);
    }

    fn float(&mut self, x: f64) {
        self.out.push(op::BINFLOAT);
        self.out.extend(x.to_be_bytes());
    }

    fn text(&mut self, text: &str) -> Result<()> {
        let Ok(n) = u32::try_from(text.len()) else {
            bail!(Value, "a text of {} bytes is too long", text.len())
        };
        self.out.push(op::BINUNICODE);
        self.out.extend(n.to_le_bytes());
        self.out.extend(text.as_bytes());
        Ok(())
    }

    /// Keeps the value on top of the stack under the next memo number.
    fn keep(&mut self) -> u32 {
        let place = self.memo;
        self.memo += 1;
        match u8::try_from(place) {
            Ok(small) => self.out.extend([op::BINPUT, small]),
            Err(_) => {
                self.out.push(op::LONG_BINPUT);
                self.out.extend(place.to_le_bytes());
            }
        }
        place
    }

    fn recall(&mut self, place: u32) {
        match u8::try_from(place) {
            Ok(small) => self.out.extend([op::BINGET, small]),
            Err(_) => {
                self.out.push(op::LONG_BINGET);
                self.out.extend(place.to_le_bytes());
            }
        }
    }

    /// A text that comes often.
    fn name(&mut self, text: &str) -> Result<()> {
        match self.names.get(text) {
            Some(&place) => self.recall(place),
            None => {
                self.text(text)?;
                let place = self.keep();
                self.names.insert(text.to_string(), place);
            }
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) {
        let whole = format!("{module}\n{name}\n");
        match self.names.get(&whole) {
            Some(&place) => self.recall(place),
            None => {
                self.out.push(op::GLOBAL);
                self.out.extend(whole.as_bytes());
                let place = self.keep();
                self.names.insert(whole, place);
            }
        }
    }

    fn items(&mut self, items: &[Object], depth: usize) -> Result<()> {
        for batch in items.chunks(BATCH) {
            self.out.push(op::MARK);
            batch.iter().try_for_each(|item| self.object(item, depth + 1))?;
            self.out.push(op::APPENDS);
        }
        Ok(())
    }

    fn tuple(&mut self, items: &[Object], depth: usize) -> Result<()> {
        if items.is_empty() {
            self.out.push(op::EMPTY_TUPLE);
            return Ok(());
        }
        self.out.push(op::MARK);
        items.iter().try_for_each(|item| self.object(item, depth + 1))?;
        self.out.push(op::TUPLE);
        Ok(())
    }

    fn sizes(&mut self, sizes: impl Iterator<Item = i64>) {
        self.out.push(op::MARK);
        sizes.for_each(|n| self.int(n));
        self.out.push(op::TUPLE);
    }

    fn empty_ordered(&mut self) {
        self.global("collections", "OrderedDict");
        self.out.extend([op::EMPTY_TUPLE, op::REDUCE]);
    }

    fn dict(&mut self, dict: &Dict, depth: usize) -> Result<()> {
        if dict.ordered {
            self.empty_ordered();
        } else {
            self.out.push(op::EMPTY_DICT);
        }
        let mut entries = dict.iter().peekable();
        while entries.peek().is_some() {
            self.out.push(op::MARK);
            for (key, value) in entries.by_ref().take(BATCH) {
                self.object(key, depth + 1)?;
                self.object(value, depth + 1)?;
            }
            self.out.push(op::SETITEMS);
        }
        if let (true, Some(attributes)) = (dict.ordered, &dict.attributes) {
            self.object(attributes, depth + 1)?;
            self.out.push(op::BUILD);
        }
        Ok(())
    }

    fn tensor(&mut self, t: &Tensor) -> Result<()> {
        if let Some(&place) = self.tensors.get(&t.id()) {
            self.recall(place);
            return Ok(());
        }
        ensure!(
            !t.is_conj() && !t.is_neg(),
            Type,
            "a tensor that is a conjugate or negative view cannot be saved; save its copy"
        );
        let class = globals::storage_class(t.dtype());
        self.global(
            "torch._utils",
            if class.is_some() {
                "_rebuild_tensor_v2"
            } else {
                "_rebuild_tensor_v3"
            },
        );
        self.out.push(op::MARK);
        self.storage(t, class)?;
        self.int(i64::try_from(t.storage_offset()).unwrap_or(i64::MAX));
        self.sizes(t.shape().iter().map(|n| *n as i64));
        self.sizes(t.strides().iter().map(|n| *n as i64));
        self.out
            .push(if t.requires_grad() { op::NEWTRUE } else { op::NEWFALSE });
        self.empty_ordered();
        if class.is_none() {
            self.global("torch", t.dtype().name());
        }
        self.out.extend([op::TUPLE, op::REDUCE]);
        let place = self.keep();
        self.tensors.insert(t.id(), place);
        Ok(())
    }

    /// The persistent number of a tensor's storage, which is the same for all tensors on it.
    fn storage(&mut self, t: &Tensor, class: Option<&str>) -> Result<()> {
        let bytes = t.storage().nbytes();
        let number = match self.numbers.get(&(t.storage().data_ptr() as usize)) {
            Some(&n) if bytes > 0 => n,
            _ => {
                let n = self.storages.len();
                self.numbers.insert(t.storage().data_ptr() as usize, n);
                self.storages.push(t.clone());
                n
            }
        };
        let first: DType = self.storages[number].dtype();
        ensure!(
            first == t.dtype(),
            Type,
            "Cannot save multiple tensors or storages that view the same data as different types ({first} and {})",
            t.dtype()
        );
        self.out.push(op::MARK);
        self.name("storage")?;
        let width = match class {
            Some(class) => {
                self.global("torch", &format!("{class}Storage"));
                t.dtype().size()
            }
            None => {
                self.global("torch.storage", "UntypedStorage");
                1
            }
        };
        self.text(&number.to_string())?;
        self.name("cpu")?;
        self.int((bytes / width) as i64);
        self.out.extend([op::TUPLE, op::BINPERSID]);
        Ok(())
    }
}

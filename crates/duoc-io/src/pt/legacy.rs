//! The form before PyTorch 1.6: pickles of a magic number, a version, the system's sizes, the object and the storages' keys,
//! then each storage as its number of elements and their bytes, little-endian.

use std::collections::HashMap;
use std::sync::Arc;

use duoc_core::{Result, Tensor, bail, ensure, err};

use super::PtOptions;
use crate::bytes;
use crate::object::Object;
use crate::pickle::machine::{self, Node, Program, Value};
use crate::pickle::{build, scan};
use crate::source::{self, Source, Stretch};

/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/// The version that every PyTorch of that time wrote.
const PROTOCOL: i64 = 1001;

/// The pickle at `at`, run; `at` moves behind it.
fn next(source: &dyn Source, at: &mut u64, options: PtOptions) -> Result<Program> {
    let extent = scan::extent(source, *at)?;
    let end = extent.end;
    let length = usize::try_from(end - *at).map_err(|_| err!(Value, "the pickle is too long"))?;
    let pickle = source::take(source, *at, length)?;
    *at = end;
    machine::run(&pickle, extent, options.unknown_as_records)
}

fn plain(program: &Program) -> Result<Object> {
    build::build(program, |_| Err(err!(Value, "a storage where none can be")))
}

pub(super) fn read(source: &dyn Source, options: PtOptions) -> Result<Object> {
    let mut at = 0;
    let magic = next(source, &mut at, options)?;
    let is_magic = match (magic.root, &magic.nodes[..]) {
        (Value::Node(0), [Node::BigInt(bytes)]) => bytes[..] == MAGIC,
        _ => false,
    };
    ensure!(
        is_magic,
        Value,
        "not a PyTorch file: a pickle, but without PyTorch's magic number before it"
    );
    match plain(&next(source, &mut at, options)?)? {
        Object::Int(PROTOCOL) => {}
        other => bail!(
            Value,
            "the file has version {other:?} of PyTorch's old form; {PROTOCOL} is known"
        ),
    }
    // The writer's sizes of C's types, which nothing depends on.
    plain(&next(source, &mut at, options)?)?.dict()?;
    let program = next(source, &mut at, options)?;
    let keys = plain(&next(source, &mut at, options)?)?;

    let infos: HashMap<&str, &machine::StorageInfo> = program.storages.iter().map(|s| (&*s.key, s)).collect();
    let mut places: HashMap<Arc<str>, u64> = HashMap::new();
    for key in keys.items()? {
        let Object::Str(key) = key else {
            bail!(Value, "a storage's key is {}", key.what())
        };
        let Some(info) = infos.get(&**key) else {
            bail!(Value, "the file has a storage {key:?} that no tensor is on")
        };
        let mut numel = [0; 8];
        let data = at.checked_add(8).filter(|data| *data <= source.len());
        let data = data.ok_or_else(|| err!(Value, "the file is cut off before storage {key:?}"))?;
        source.read_at(at, &mut numel).map_err(source::failed)?;
        ensure!(
            u64::from_le_bytes(numel) == info.numel as u64,
            Value,
            "storage {key:?} has {} elements, and is said to have {}",
            u64::from_le_bytes(numel),
            info.numel
        );
        let end = data
            .checked_add((info.numel * info.width()) as u64)
            .filter(|end| *end <= source.len());
        at = end.ok_or_else(|| err!(Value, "the file is cut off in storage {key:?}"))?;
        ensure!(
            places.insert(key.clone(), data).is_none(),
            Value,
            "the file has storage {key:?} twice"
        );
    }
    ensure!(
        at == source.len(),
        Value,
        "the file goes on for {} bytes after its last storage",
        source.len() - at
    );
    build::build(&program, |info| {
        let data = *places.get(&info.key).ok_or_else(|| err!(Value, "the file lacks it"))?;
        storage(source, data, info)
    })
}

fn storage(source: &dyn Source, at: u64, info: &machine::StorageInfo) -> Result<Tensor> {
    let size = info.numel * info.width();
    bytes::memory(size, |out| {
        let mut stretch = Stretch {
            source,
            at,
            end: at + size as u64,
        };
        std::io::Read::read_exact(&mut stretch, out).map_err(source::failed)?;
        if let Some(dtype) = info.dtype {
            bytes::to_native(out, dtype, false);
        }
        Ok(())
    })
}

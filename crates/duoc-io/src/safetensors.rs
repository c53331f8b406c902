//! safetensors: named tensors and a few words of text in one file.
//!
//! Format: <https://github.com/huggingface/safetensors>: the length of a JSON header, the header, the tensors' bytes without
//! gaps. Everything in the header is checked against the file before anything is made from it.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::path::Path;

use duoc_core::{DType, Result, Tensor, bail, ensure, err};

use crate::json::Json;
use crate::source::{self, Disk, Source, Stretch};
use crate::{atomic, bytes};

/// The reference reader's limit.
const LONGEST_HEADER: u64 = 100_000_000;
/// The name of the texts among the tensors.
const METADATA: &str = "__metadata__";

/// What a safetensors file holds.
#[derive(Default, Clone)]
pub struct TensorFile {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// The file's `__metadata__`: texts by name.
    pub metadata: BTreeMap<String, String>,
    /// The tensors' names in the order of the file's bytes.
    pub order: Vec<String>,
}

/// The tensors in a safetensors file.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is broken, `TypeError` for a dtype that no tensor has.
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<TensorFile> {
    let path = path.as_ref();
    read(&Disk::open(path)?).map_err(|e| e.at(path.display()))
}

/// The tensors in the bytes of a safetensors file.
///
/// # Errors
/// As [`load_safetensors`].
pub fn safetensors_from_bytes(file: &[u8]) -> Result<TensorFile> {
    read(&file)
}

/// Saves tensors and texts as a safetensors file; the file appears at once or not at all.
///
/// # Errors
/// `OSError` if the file cannot be written, `TypeError` for a dtype that the format lacks, `ValueError` if a name comes
/// twice.
pub fn save_safetensors<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    metadata: &[(&str, &str)],
) -> Result<()> {
    let plan = Plan::new(tensors, metadata)?;
    atomic::write_atomically(path, |f| plan.write(f))
}

/// Tensors and texts as the bytes of a safetensors file.
///
/// # Errors
/// As [`save_safetensors`].
pub fn safetensors_to_bytes<'a>(
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    metadata: &[(&str, &str)],
) -> Result<Vec<u8>> {
    let plan = Plan::new(tensors, metadata)?;
    let mut file = Vec::new();
    ensure!(
        file.try_reserve_exact(plan.size).is_ok(),
        OutOfMemory,
        "saving: {} bytes cannot be had",
        plan.size
    );
    plan.write(&mut file)?;
    Ok(file)
}

/// One tensor of the header.
struct Place {
    name: String,
    dtype: DType,
    shape: Vec<usize>,
    begin: u64,
    end: u64,
}

pub(crate) fn read(source: &dyn Source) -> Result<TensorFile> {
    let mut length = [0; 8];
    ensure!(
        source.len() >= 8,
        Value,
        "not a valid safetensors file: it has less than eight bytes"
    );
    source.read_at(0, &mut length).map_err(source::failed)?;
    let length = u64::from_le_bytes(length);
    ensure!(
        length <= (source.len() - 8).min(LONGEST_HEADER),
        Value,
        "not a valid safetensors file: its header claims {length} bytes"
    );
    let header = source::take(source, 8, length as usize)?;
    let Ok(text) = std::str::from_utf8(&header) else {
        bail!(Value, "not a valid safetensors file: its header is not UTF-8")
    };
    ensure!(
        text.starts_with('{'),
        Value,
        "not a valid safetensors file: its header does not begin with {{"
    );
    let mut found = TensorFile::default();
    let mut places = parse(text, &mut found.metadata).map_err(|e| e.at("not a valid safetensors file: its header"))?;
    drop(header);
    places.sort_by(|a, b| (a.begin, a.end, &a.name).cmp(&(b.begin, b.end, &b.name)));
    let data = 8 + length;
    let mut at = 0;
    for place in &places {
        ensure!(
            place.begin == at,
            Value,
            "not a valid safetensors file: {:?} begins at byte {} of the data, and the one before ends at {at}",
            place.name,
            place.begin
        );
        at = place.end;
    }
    ensure!(
        data.checked_add(at) == Some(source.len()),
        Value,
        "not a valid safetensors file: its tensors take {at} bytes, and {} are there",
        source.len() - data
    );
    for place in places {
        let (at, end) = (data + place.begin, data + place.end);
        let mut stretch = Stretch { source, at, end };
        let tensor = bytes::read(&mut stretch, end - at, place.dtype, &place.shape, false)
            .map_err(|e| e.at(format_args!("{:?}", place.name)))?;
        found.order.push(place.name.clone());
        found.tensors.insert(place.name, tensor);
    }
    Ok(found)
}

fn parse(text: &str, metadata: &mut BTreeMap<String, String>) -> Result<Vec<Place>> {
    let mut json = Json::new(text);
    let mut places: Vec<Place> = Vec::new();
    let mut names = HashSet::new();
    json.object(|json, name| {
        ensure!(names.insert(name.clone()), Value, "has {name:?} twice");
        if name == METADATA {
            return json.object(|json, key| {
                let text = json.text()?;
                ensure!(
                    metadata.insert(key.clone(), text).is_none(),
                    Value,
                    "has the text {key:?} twice"
                );
                Ok(())
            });
        }
        places.push(place(json, name)?);
        Ok(())
    })?;
    json.end()?;
    Ok(places)
}

fn place(json: &mut Json, name: String) -> Result<Place> {
    let (mut dtype, mut shape, mut offsets) = (None, None, None);
    json.object(|json, key| {
        let twice = match key.as_str() {
            "dtype" => dtype.replace(json.text()?).is_some(),
            "shape" => shape.replace(json.numbers(bytes::MOST_DIMS)?).is_some(),
            "data_offsets" => offsets.replace(json.numbers(2)?).is_some(),
            other => bail!(Value, "has an unknown entry {other:?} for {name:?}"),
        };
        ensure!(!twice, Value, "has {key:?} twice for {name:?}");
        Ok(())
    })?;
    let (Some(dtype), Some(shape), Some(offsets)) = (dtype, shape, offsets) else {
        bail!(Value, "lacks one of dtype, shape and data_offsets for {name:?}")
    };
    let Some((_, known)) = DTYPES.iter().find(|(d, _)| *d == dtype) else {
        let kind = if OTHERS.contains(&&*dtype) {
            duoc_core::ErrorKind::Type
        } else {
            duoc_core::ErrorKind::Value
        };
        return Err(duoc_core::Error::new(
            kind,
            format!("gives tensor {name:?} the dtype {dtype}, which duoc lacks"),
        ));
    };
    let shape: Option<Vec<usize>> = shape.iter().map(|n| usize::try_from(*n).ok()).collect();
    let shape = shape.ok_or_else(|| err!(Value, "gives {name:?} a shape that does not fit into memory"))?;
    let wanted = bytes::byte_count(&shape, *known)?;
    match offsets[..] {
        [begin, end] if end.checked_sub(begin) == Some(wanted as u64) => Ok(Place {
            name,
            dtype: *known,
            shape,
            begin,
            end,
        }),
        _ => bail!(
            Value,
            "gives {name:?} ({dtype} of shape {shape:?}, {wanted} bytes) the place {offsets:?}"
        ),
    }
}

/// A file to be written: its header, and the tensors in order.
struct Plan<'a> {
    head: Vec<u8>,
    tensors: Vec<(&'a str, &'a Tensor)>,
    size: usize,
}

impl<'a> Plan<'a> {
    fn new(tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>, metadata: &[(&str, &str)]) -> Result<Plan<'a>> {
        let mut tensors: Vec<(&str, &Tensor)> = tensors.into_iter().collect();
        // Wide elements first, so that each is aligned; the reference writer's order.
        let rank = |t: &Tensor| DTYPES.iter().position(|(_, d)| *d == t.dtype());
        tensors.sort_by(|(a, s), (b, t)| rank(t).cmp(&rank(s)).then(a.cmp(b)));
        let mut names = HashSet::new();
        let mut text = String::from("{");
        if !metadata.is_empty() {
            let sorted: BTreeMap<&str, &str> = metadata.iter().copied().collect();
            ensure!(
                sorted.len() == metadata.len(),
                Value,
                "two texts to be saved have the same name"
            );
            let pairs: Vec<String> = sorted
                .iter()
                .map(|(k, v)| format!("{}:{}", quoted(k), quoted(v)))
                .collect();
            text.push_str(&format!("\"{METADATA}\":{{{}}}", pairs.join(",")));
        }
        let mut at = 0usize;
        for (name, t) in &tensors {
            let Some((dtype, _)) = DTYPES.iter().find(|(_, d)| *d == t.dtype()) else {
                bail!(Type, "tensor {name:?} has dtype {}, which safetensors lacks", t.dtype())
            };
            ensure!(
                names.insert(*name),
                Value,
                "two tensors to be saved have the same name {name:?}"
            );
            ensure!(*name != METADATA, Value, "a tensor cannot have the name {METADATA}");
            let end = at.checked_add(bytes::byte_count(t.shape(), t.dtype())?);
            let end = end.ok_or_else(|| err!(Value, "the tensors do not fit into memory"))?;
            let sizes: Vec<String> = t.shape().iter().map(usize::to_string).collect();
            if text.len() > 1 {
                text.push(',');
            }
            text.push_str(&format!(
                "{}:{{\"dtype\":\"{dtype}\",\"shape\":[{}],\"data_offsets\":[{at},{end}]}}",
                quoted(name),
                sizes.join(",")
            ));
            at = end;
        }
        text.push('}');
        text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
        let mut head = (text.len() as u64).to_le_bytes().to_vec();
        head.extend(text.as_bytes());
        let size = head.len().saturating_add(at);
        Ok(Plan { head, tensors, size })
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(&self.head)?;
        for (_, t) in &self.tensors {
            bytes::with_elements(t, |elements| out.write_all(elements))
                .map_err(|e| io::Error::other(e.to_string()))??;
        }
        Ok(())
    }
}

/// A text in JSON.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// The format's names, in its order of alignment.
const DTYPES: [(&str, DType); 18] = [
    ("BOOL", DType::Bool),
    ("U8", DType::U8),
    ("I8", DType::I8),
    ("F8_E5M2", DType::F8E5M2),
    ("F8_E4M3", DType::F8E4M3FN),
    ("F8_E5M2FNUZ", DType::F8E5M2FNUZ),
    ("F8_E4M3FNUZ", DType::F8E4M3FNUZ),
    ("I16", DType::I16),
    ("U16", DType::U16),
    ("F16", DType::F16),
    ("BF16", DType::BF16),
    ("I32", DType::I32),
    ("U32", DType::U32),
    ("F32", DType::F32),
    ("C64", DType::C64),
    ("F64", DType::F64),
    ("I64", DType::I64),
    ("U64", DType::U64),
];

/// Names of the format that no dtype of ours has.
const OTHERS: [&str; 5] = ["F4", "F6_E2M3", "F6_E3M2", "F8_E8M0", "I4"];

//! safetensors: named tensors and a few words of text in one file.
//!
//! Format: <https://github.com/huggingface/safetensors>. The crate of that name checks the header (sizes, no holes, no
//! overlaps) before anything is made from it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use duoc_core::{DType, Error, ErrorKind, Result, Tensor, bail};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, View};

use crate::{atomic, bytes};

/// What a safetensors file holds.
#[derive(Default, Clone)]
pub struct TensorFile {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// The file's `__metadata__`: texts by name.
    pub metadata: BTreeMap<String, String>,
}

/// The tensors in a safetensors file.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is broken, `TypeError` for a dtype that no tensor has.
pub fn load_safetensors(path: impl AsRef<Path>) -> Result<TensorFile> {
    let path = path.as_ref();
    safetensors_from_bytes(&atomic::read(path)?).map_err(|e| e.at(path.display()))
}

/// Saves tensors and texts as a safetensors file; the file appears at once or not at all.
///
/// # Errors
/// `OSError` if the file cannot be written, `TypeError` for a dtype that the format lacks.
pub fn save_safetensors<'a>(
    path: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
    metadata: &[(&str, &str)],
) -> Result<()> {
    let views = tensors
        .into_iter()
        .map(|(name, t)| Ok((name, Bytes::of(name, t)?)))
        .collect::<Result<Vec<_>>>()?;
    let names: BTreeMap<&str, ()> = views.iter().map(|(name, _)| (*name, ())).collect();
    if names.len() != views.len() {
        bail!(Value, "two tensors to be saved have the same name");
    }
    let texts: HashMap<String, String> = metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    let file = safetensors::serialize(views, (!texts.is_empty()).then_some(texts)).map_err(broken)?;
    atomic::write_atomically(path, |f| f.write_all(&file))
}

/// The tensors in the bytes of a safetensors file.
///
/// # Errors
/// As [`load_safetensors`].
pub fn safetensors_from_bytes(file: &[u8]) -> Result<TensorFile> {
    let (_, header) = SafeTensors::read_metadata(file).map_err(broken)?;
    let mut found = TensorFile::default();
    if let Some(texts) = header.metadata() {
        found.metadata.extend(texts.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    for (name, view) in SafeTensors::deserialize(file).map_err(broken)?.iter() {
        let Some(dtype) = dtype_of(view.dtype()) else {
            bail!(Type, "tensor {name:?} has dtype {:?}, which duoc lacks", view.dtype())
        };
        let tensor =
            bytes::tensor(dtype, view.shape(), view.data(), false).map_err(|e| e.at(format_args!("{name:?}")))?;
        found.tensors.insert(name.to_string(), tensor);
    }
    Ok(found)
}

fn broken(e: safetensors::SafeTensorError) -> Error {
    Error::new(ErrorKind::Value, format!("not a valid safetensors file: {e}"))
}

/// A tensor's elements as the format wants them.
struct Bytes {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Bytes {
    fn of(name: &str, tensor: &Tensor) -> Result<Bytes> {
        let Some(dtype) = DTYPES.iter().find(|(_, d)| *d == tensor.dtype()).map(|(s, _)| *s) else {
            bail!(
                Type,
                "tensor {name:?} has dtype {}, which safetensors lacks",
                tensor.dtype()
            )
        };
        let plain = duoc_core::catch(|| tensor.detach().contiguous())?;
        Ok(Bytes {
            dtype,
            shape: tensor.shape().to_vec(),
            data: bytes::of(&plain)?,
        })
    }
}

impl View for Bytes {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.data)
    }
    fn data_len(&self) -> usize {
        self.data.len()
    }
}

const DTYPES: [(Dtype, DType); 17] = [
    (Dtype::BOOL, DType::Bool),
    (Dtype::U8, DType::U8),
    (Dtype::I8, DType::I8),
    (Dtype::I16, DType::I16),
    (Dtype::I32, DType::I32),
    (Dtype::I64, DType::I64),
    (Dtype::U16, DType::U16),
    (Dtype::U32, DType::U32),
    (Dtype::U64, DType::U64),
    (Dtype::F16, DType::F16),
    (Dtype::BF16, DType::BF16),
    (Dtype::F32, DType::F32),
    (Dtype::F64, DType::F64),
    (Dtype::F8_E4M3, DType::F8E4M3FN),
    (Dtype::F8_E5M2, DType::F8E5M2),
    (Dtype::F8_E4M3FNUZ, DType::F8E4M3FNUZ),
    (Dtype::F8_E5M2FNUZ, DType::F8E5M2FNUZ),
];

fn dtype_of(dtype: Dtype) -> Option<DType> {
    DTYPES.iter().find(|(d, _)| *d == dtype).map(|(_, d)| *d)
}

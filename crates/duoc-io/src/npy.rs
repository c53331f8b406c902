//! NumPy's `.npy`: a magic number, a version, a Python dictionary with dtype, order and shape, and the elements.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>, versions 1.0, 2.0 and 3.0.

use std::io::Read;
use std::path::Path;

use duoc_core::{DType, Result, Tensor, bail, ensure, err};

use crate::source::{Disk, Source, Stretch};
use crate::{atomic, bytes, source};

const MAGIC: &[u8] = b"\x93NUMPY";
/// No dtype of ours needs a longer header; NumPy itself refuses those above 10,000 characters.
const LONGEST_HEADER: usize = 10_000;
/// NumPy's limit.
const MOST_DIMS: usize = bytes::MOST_DIMS;
/// Spaces that NumPy leaves so that an array can grow in place: the digits of 2^64 and one.
const GROWTH: usize = 21;

/// The tensor in a `.npy` file. A Fortran-ordered array comes with the strides it has in the file.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is not a `.npy` file or broken, `TypeError` for a dtype that no
/// tensor has.
pub fn load_npy(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let disk = Disk::open(path)?;
    let len = disk.len();
    let mut all = Stretch {
        source: &disk,
        at: 0,
        end: len,
    };
    read(&mut all, len).map_err(|e| e.at(path.display()))
}

/// Saves a tensor as a `.npy` file with the bytes that `numpy.save` would write; the file appears at once or not at all.
///
/// # Errors
/// `OSError` if the file cannot be written, `TypeError` for a dtype that NumPy lacks (bfloat16, float8).
pub fn save_npy(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    with_parts(tensor, |parts| {
        atomic::write_atomically(path, |f| parts.iter().try_for_each(|p| f.write_all(p)))
    })?
}

/// The tensor in the bytes of a `.npy` file.
///
/// # Errors
/// As [`load_npy`].
pub fn npy_from_bytes(file: &[u8]) -> Result<Tensor> {
    read(&mut { file }, file.len() as u64)
}

/// The tensor in a stream of `len` bytes.
pub(crate) fn read(from: &mut dyn Read, len: u64) -> Result<Tensor> {
    let mut left = len;
    let mut take = |n: usize, left: &mut u64| -> Result<Vec<u8>> {
        let rest = left.checked_sub(n as u64);
        *left = rest.ok_or_else(|| err!(Value, "the .npy file ends in its header"))?;
        let mut bytes = vec![0; n];
        from.read_exact(&mut bytes).map_err(source::failed)?;
        Ok(bytes)
    };
    let magic = if len < MAGIC.len() as u64 {
        Vec::new()
    } else {
        take(MAGIC.len(), &mut left)?
    };
    ensure!(
        magic == MAGIC,
        Value,
        "not a .npy file: it does not begin with \\x93NUMPY"
    );
    let version = take(2, &mut left)?;
    let length_size = match version[..] {
        [1, 0] => 2,
        [2 | 3, 0] => 4,
        _ => bail!(
            Value,
            "version {}.{} of the .npy format is not known; 1.0, 2.0 and 3.0 are",
            version[0],
            version[1]
        ),
    };
    let length = take(length_size, &mut left)?;
    let length = length.iter().rev().fold(0usize, |n, b| n << 8 | usize::from(*b));
    ensure!(
        length <= LONGEST_HEADER,
        Value,
        "the header of the .npy file claims {length} bytes; at most {LONGEST_HEADER} make sense"
    );
    let Ok(text) = String::from_utf8(take(length, &mut left)?) else {
        bail!(Value, "the header of the .npy file is not text")
    };
    let header = Header::parse(&text)?;
    let (dtype, big_endian) = dtype_of(&header.descr)?;
    let wanted = bytes::byte_count(&header.shape, dtype)?;
    if left != wanted as u64 {
        let what = if left < wanted as u64 {
            "is cut off"
        } else {
            "has something after the array"
        };
        bail!(
            Value,
            "the .npy file {what}: {dtype} of shape {:?} takes {wanted} bytes, {left} are there",
            header.shape
        );
    }
    if !header.fortran_order || header.shape.len() < 2 {
        return bytes::read(from, left, dtype, &header.shape, big_endian);
    }
    let reversed: Vec<usize> = header.shape.iter().rev().copied().collect();
    let order: Vec<i64> = (0..header.shape.len() as i64).rev().collect();
    let read = bytes::read(from, left, dtype, &reversed, big_endian)?;
    Ok(duoc_core::ops::view::permute(&read, &order)?.data())
}

/// A tensor as the bytes of a `.npy` file, version 1.0.
///
/// # Errors
/// `TypeError` for a dtype that NumPy lacks.
pub fn npy_to_bytes(tensor: &Tensor) -> Result<Vec<u8>> {
    with_parts(tensor, |parts| parts.concat())
}

/// Calls `f` with header and elements of the file that a tensor becomes.
pub(crate) fn with_parts<R>(tensor: &Tensor, f: impl FnOnce(&[&[u8]]) -> R) -> Result<R> {
    let tensor = tensor.detach();
    let descr = check_dtype(tensor.dtype())?;
    let order: Vec<i64> = (0..tensor.dim() as i64).rev().collect();
    let reversed = duoc_core::ops::view::permute(&tensor, &order)?;
    let fortran = !tensor.is_contiguous() && reversed.is_contiguous();
    let header = header_bytes(descr, fortran, tensor.shape());
    let data = if fortran { reversed } else { tensor };
    bytes::with_elements(&data, |elements| f(&[&header, elements]))
}

/// NumPy's name of a dtype, or the error that it has none.
pub(crate) fn check_dtype(dtype: DType) -> Result<&'static str> {
    let none = || {
        err!(
            Type,
            "Got unsupported ScalarType {}: NumPy has no such dtype",
            dtype.scalar_type_name()
        )
    };
    descr_of(dtype).ok_or_else(none)
}

fn header_bytes(descr: &str, fortran: bool, shape: &[usize]) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let tuple = if sizes.len() == 1 {
        format!("({},)", sizes[0])
    } else {
        format!("({})", sizes.join(", "))
    };
    let order = if fortran { "True" } else { "False" };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {tuple}, }}");
    if let Some(growing) = if fortran { sizes.last() } else { sizes.first() } {
        text.push_str(&" ".repeat(GROWTH.saturating_sub(growing.len())));
    }
    // The elements begin at a multiple of 64, for memory maps; the header ends with a line feed.
    let before = MAGIC.len() + 4;
    let padding = 64 - (before + text.len() + 1) % 64;
    text.push_str(&" ".repeat(padding));
    text.push('\n');
    let mut file = Vec::with_capacity(before + text.len());
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&[1, 0]);
    // At most 64 sizes of 20 digits: the length fits into the two bytes of version 1.0.
    file.extend_from_slice(&(text.len() as u16).to_le_bytes());
    file.extend_from_slice(text.as_bytes());
    file
}

/// NumPy's names without the byte order.
const NAMES: [(&str, DType); 14] = [
    ("b1", DType::Bool),
    ("u1", DType::U8),
    ("i1", DType::I8),
    ("i2", DType::I16),
    ("i4", DType::I32),
    ("i8", DType::I64),
    ("u2", DType::U16),
    ("u4", DType::U32),
    ("u8", DType::U64),
    ("f2", DType::F16),
    ("f4", DType::F32),
    ("f8", DType::F64),
    ("c8", DType::C64),
    ("c16", DType::C128),
];

/// NumPy's name of a dtype, byte order included.
fn descr_of(dtype: DType) -> Option<&'static str> {
    Some(match dtype {
        DType::Bool => "|b1",
        DType::U8 => "|u1",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::F16 => "<f2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::C64 => "<c8",
        DType::C128 => "<c16",
        _ => return None,
    })
}

/// The dtype that NumPy calls `descr`, and whether its bytes are in big-endian order.
fn dtype_of(descr: &str) -> Result<(DType, bool)> {
    let (order, name) = match descr.as_bytes().first() {
        Some(b'<' | b'>' | b'|' | b'=') => descr.split_at(1),
        _ => ("=", descr),
    };
    let Some((_, dtype)) = NAMES.iter().find(|(n, _)| *n == name) else {
        bail!(
            Type,
            "can't convert np.ndarray of type {descr:?}. The only supported types are: float64, float32, float16, int64, int32, \
             int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    };
    Ok((*dtype, order == ">" || order == "=" && cfg!(target_endian = "big")))
}

/// What the dictionary says.
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// A value that the dictionary may have.
enum Literal {
    Text(String),
    Truth(bool),
    Sizes(Vec<usize>),
}

impl Header {
    fn parse(text: &str) -> Result<Header> {
        let mut at = Cursor { rest: text };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        at.expect('{')?;
        while !at.take('}') {
            let key = at.text()?;
            at.expect(':')?;
            let twice = match (key.as_str(), at.literal()?) {
                ("descr", Literal::Text(v)) => descr.replace(v).is_some(),
                ("fortran_order", Literal::Truth(v)) => fortran_order.replace(v).is_some(),
                ("shape", Literal::Sizes(v)) => shape.replace(v).is_some(),
                ("descr", _) => bail!(Type, "the .npy file holds records; tensors have elements of one number"),
                _ => bail!(Value, "the header of the .npy file has a wrong entry {key:?}"),
            };
            ensure!(!twice, Value, "the header of the .npy file has {key:?} twice");
            if !at.take(',') {
                at.expect('}')?;
                break;
            }
        }
        ensure!(
            at.rest.trim().is_empty(),
            Value,
            "the header of the .npy file goes on after its dictionary"
        );
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Header {
                descr,
                fortran_order,
                shape,
            }),
            _ => bail!(
                Value,
                "the header of the .npy file lacks one of descr, fortran_order and shape"
            ),
        }
    }
}

/// Reads the few Python literals that a header consists of.
struct Cursor<'a> {
    rest: &'a str,
}

impl Cursor<'_> {
    fn take(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, c: char) -> Result<()> {
        ensure!(
            self.take(c),
            Value,
            "the header of the .npy file is broken: expected '{c}' before {:?}",
            self.seen()
        );
        Ok(())
    }

    /// What comes next, for a message.
    fn seen(&self) -> String {
        self.rest.chars().take(20).collect()
    }

    fn text(&mut self) -> Result<String> {
        let quote = if self.take('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.expect('\'')?;
        }
        match self.rest.split_once(quote) {
            Some((text, rest)) if !text.contains('\\') => {
                self.rest = rest;
                Ok(text.to_string())
            }
            _ => bail!(Value, "the header of the .npy file is broken: a text does not end"),
        }
    }

    fn literal(&mut self) -> Result<Literal> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(Literal::Truth(value));
            }
        }
        if self.take('(') {
            return Ok(Literal::Sizes(self.sizes()?));
        }
        ensure!(
            !self.take('['),
            Type,
            "the .npy file holds records; tensors have elements of one number"
        );
        Ok(Literal::Text(self.text()?))
    }

    fn sizes(&mut self) -> Result<Vec<usize>> {
        let mut sizes = Vec::new();
        while !self.take(')') {
            self.rest = self.rest.trim_start();
            let digits = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (number, rest) = self.rest.split_at(digits);
            match number.parse() {
                Ok(n) if sizes.len() < MOST_DIMS => sizes.push(n),
                Ok(_) => bail!(Value, "the array in the .npy file has more than {MOST_DIMS} dimensions"),
                Err(_) => bail!(
                    Value,
                    "the header of the .npy file is broken: no size at {:?}",
                    self.seen()
                ),
            }
            // Files of Python 2 write 3L.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(sizes)
    }
}

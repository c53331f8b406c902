//! IDX files, the format of MNIST and Fashion-MNIST: two zeros, the type, the number of dimensions, the sizes, the elements;
//! big-endian. Format: <https://yann.lecun.com/exdb/mnist/>.

use std::path::Path;

use duoc_core::{Result, Tensor, bail, ensure, err};

use super::images::{LabelledImages, Split};
use super::{contents, find, gzip};

/// The tensor in an IDX file, which may be a `.gz` file.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is broken.
pub fn read_idx(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let read = || idx_from_bytes(&gzip::unpacked(contents(path)?)?);
    read().map_err(|e| e.at(path.display()))
}

/// The tensor in the bytes of an IDX file.
///
/// # Errors
/// `ValueError` if it is broken.
pub fn idx_from_bytes(file: &[u8]) -> Result<Tensor> {
    let Some(([0, 0, kind, dims], rest)) = file.split_first_chunk::<4>() else {
        bail!(Value, "not an IDX file: it does not begin with two zeros")
    };
    let dims = usize::from(*dims);
    let head = rest.split_at_checked(4 * dims);
    let (sizes, data) = head.ok_or_else(|| err!(Value, "the IDX file is cut off in its {dims} sizes"))?;
    ensure!(dims <= 64, Value, "the IDX file has {dims} dimensions; 64 are possible");
    let size = |b: &[u8]| b.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
    let shape: Vec<usize> = sizes.chunks_exact(4).map(size).collect();
    macro_rules! elements {
        ($($kind:literal $ty:ty),+) => {
            match kind {
                $($kind => {
                    const WIDTH: usize = size_of::<$ty>();
                    let wanted = shape.iter().try_fold(WIDTH, |n, d| n.checked_mul(*d));
                    ensure!(
                        wanted == Some(data.len()),
                        Value,
                        "the IDX file claims shape {shape:?} of {WIDTH}-byte elements, and holds {} bytes",
                        data.len()
                    );
                    // The chunks have exactly the width of an element.
                    let element = |b: &[u8]| <$ty>::from_be_bytes(b.try_into().unwrap_or_default());
                    let elements: Vec<$ty> = data.chunks_exact(WIDTH).map(element).collect();
                    Tensor::try_from_slice(&elements, &shape)
                })+
                other => bail!(Value, "the IDX file has elements of the unknown type {other:#04x}"),
            }
        };
    }
    if *kind == 8 {
        // Bytes are as they are.
        let wanted = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        ensure!(
            wanted == Some(data.len()),
            Value,
            "the IDX file claims shape {shape:?} of bytes, and holds {}",
            data.len()
        );
        return Tensor::try_from_slice(data, &shape);
    }
    elements!(0x09 i8, 0x0b i16, 0x0c i32, 0x0d f32, 0x0e f64)
}

const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
const CLOTHES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// MNIST from a folder with its IDX files, packed or not.
///
/// # Errors
/// `OSError` if a file is missing, `ValueError` if one is broken or they do not belong together.
pub fn mnist(folder: impl AsRef<Path>, split: Split) -> Result<LabelledImages> {
    read(folder.as_ref(), "MNIST", split, &DIGITS)
}

/// Fashion-MNIST from a folder with its IDX files, packed or not.
///
/// # Errors
/// As [`mnist`].
pub fn fashion_mnist(folder: impl AsRef<Path>, split: Split) -> Result<LabelledImages> {
    read(folder.as_ref(), "FashionMNIST", split, &CLOTHES)
}

fn read(folder: &Path, name: &str, split: Split, classes: &[&str]) -> Result<LabelledImages> {
    let part = match split {
        Split::Train => "train",
        Split::Test => "t10k",
    };
    let file = |what: &str, dims: u8| {
        let names: Vec<String> = ["-", "."]
            .iter()
            .flat_map(|dash| ["", ".gz"].map(|end| format!("{part}-{what}{dash}idx{dims}-ubyte{end}")))
            .collect();
        let raw = format!("{name}/raw");
        read_idx(find(folder, &["raw", &raw], &names)?)
    };
    let (images, labels) = (file("images", 3)?, file("labels", 1)?);
    let place = |e: duoc_core::Error| e.at(folder.display());
    let [n, h, w] = *images.shape() else {
        return Err(place(err!(
            Value,
            "images of shape {:?}; three dimensions were expected",
            images.shape()
        )));
    };
    let images = duoc_core::ops::view::reshape(&images, &[n as i64, 1, h as i64, w as i64])?;
    LabelledImages::new(images, labels, classes).map_err(place)
}

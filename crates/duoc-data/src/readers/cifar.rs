//! CIFAR-10 and CIFAR-100 in their binary form: records of one or two labels and 3 x 32 x 32 bytes.
//! Format: <https://www.cs.toronto.edu/~kriz/cifar.html>.

use std::path::Path;

use duoc_core::{Result, Tensor, ensure};

use super::images::{LabelledImages, Split};
use super::{contents, find, gzip};

const PIXELS: usize = 3 * 32 * 32;
const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

/// CIFAR-10 from a folder with `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin`.
///
/// # Errors
/// `OSError` if a file is missing, `ValueError` if one is broken.
pub fn cifar10(folder: impl AsRef<Path>, split: Split) -> Result<LabelledImages> {
    let names: Vec<String> = match split {
        Split::Train => (1..=5).map(|i| format!("data_batch_{i}.bin")).collect(),
        Split::Test => vec!["test_batch.bin".to_string()],
    };
    read(folder.as_ref(), "cifar-10-batches-bin", &names, 1, &CLASSES)
}

/// CIFAR-100 with its fine labels, from a folder with `train.bin` and `test.bin`. The classes' names are read from
/// `fine_label_names.txt` if it is there.
///
/// # Errors
/// As [`cifar10`].
pub fn cifar100(folder: impl AsRef<Path>, split: Split) -> Result<LabelledImages> {
    let folder = folder.as_ref();
    let name = match split {
        Split::Train => "train.bin",
        Split::Test => "test.bin",
    };
    let below = "cifar-100-binary";
    let listed = find(folder, &[below], &["fine_label_names.txt".to_string()]).ok();
    let listed = listed
        .and_then(|path| std::fs::read_to_string(path).ok())
        .unwrap_or_default();
    let mut classes: Vec<String> = listed.lines().filter(|l| !l.is_empty()).map(String::from).collect();
    if classes.len() != 100 {
        classes = (0..100).map(|i| i.to_string()).collect();
    }
    read(folder, below, &[name.to_string()], 2, &classes)
}

/// Reads record after record; the last label byte counts.
fn read(
    folder: &Path,
    below: &str,
    names: &[String],
    labels_size: usize,
    classes: &[impl AsRef<str>],
) -> Result<LabelledImages> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for name in names {
        let path = find(folder, &[below], &[name.clone(), format!("{name}.gz")])?;
        let bytes = gzip::unpacked(contents(&path)?).map_err(|e| e.at(path.display()))?;
        let record = labels_size + PIXELS;
        ensure!(
            !bytes.is_empty() && bytes.len().is_multiple_of(record),
            Value,
            "{}: {} bytes are not a whole number of records of {record}",
            path.display(),
            bytes.len()
        );
        for (i, record) in bytes.chunks_exact(record).enumerate() {
            let label = record[labels_size - 1];
            ensure!(
                usize::from(label) < classes.len(),
                Value,
                "{}: image {i} has label {label}, and there are {} classes",
                path.display(),
                classes.len()
            );
            labels.push(i64::from(label));
            pixels.extend_from_slice(&record[labels_size..]);
        }
    }
    let images = Tensor::try_from_slice(&pixels, &[labels.len(), 3, 32, 32])?;
    LabelledImages::new(images, Tensor::try_from_slice(&labels, &[labels.len()])?, classes)
}

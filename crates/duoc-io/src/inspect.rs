//! What is in a file of tensors: names, shapes, dtypes and statistics.

use std::fmt;
use std::path::Path;

use duoc_core::{DType, Result, Tensor, ops};

use crate::format::{self, Format};
use crate::object::Object;

/// Elements that are converted at a time.
const CHUNK: usize = 1 << 16;

/// What is in a file.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// Its format.
    pub format: Format,
    /// Its size in bytes.
    pub size: u64,
    /// Its tensors, in order.
    pub tensors: Vec<TensorInfo>,
    /// Everything else, by path, as Python would print it.
    pub others: Vec<(String, String)>,
}

/// One tensor of a file.
#[derive(Clone, Debug)]
pub struct TensorInfo {
    /// Its name, or path inside the file's collections.
    pub name: String,
    /// The type of its elements.
    pub dtype: DType,
    /// Its sizes.
    pub shape: Vec<usize>,
    /// What its elements are like; `None` for complex ones.
    pub statistics: Option<Statistics>,
}

/// Statistics of a tensor's elements. Those that are not finite count as such and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// The smallest finite element; NaN if there is none, as the others.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, with n - 1 below: NaN for one element.
    pub std: f64,
    /// How many are NaN.
    pub nan: usize,
    /// How many are infinite.
    pub infinite: usize,
}

/// Reads a file of any of the formats and looks at every tensor. Nothing in the file is run; objects of unknown classes are
/// shown as what they were made from.
///
/// # Errors
/// As [`load`](crate::load).
pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
    let path = path.as_ref();
    let size = std::fs::metadata(path).map(|m| m.len()).unwrap_or(0);
    let (format, object) = format::load_as(path, format::TO_LOOK)?;
    let (mut tensors, mut others) = (Vec::new(), Vec::new());
    let mut all = Vec::new();
    object.visit(&mut String::new(), &mut |name, leaf| all.push((name.to_string(), leaf)));
    for (name, part) in all {
        match part {
            Object::List(_) | Object::Tuple(_) | Object::Set(_) | Object::Dict(_) => {}
            Object::Record(r) => others.push((name, format!("<an object made by {}>", r.class))),
            Object::Tensor(t) => tensors.push(TensorInfo {
                name,
                dtype: t.dtype(),
                shape: t.shape().to_vec(),
                statistics: statistics(t)?,
            }),
            other => others.push((name, format!("{other:?}"))),
        }
    }
    Ok(Inspection {
        format,
        size,
        tensors,
        others,
    })
}

/// Statistics of a tensor's elements, in float64; `None` for complex ones.
///
/// # Errors
/// If memory for a part of the tensor cannot be had.
pub fn statistics(t: &Tensor) -> Result<Option<Statistics>> {
    if t.dtype().is_complex() {
        return Ok(None);
    }
    let flat = ops::view::reshape(&t.detach(), &[-1]).or_else(|_| ops::view::reshape(&t.detach(), &[0]))?;
    let mut s = Statistics {
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        mean: 0.0,
        std: 0.0,
        nan: 0,
        infinite: 0,
    };
    let (mut count, mut squares) = (0usize, 0.0);
    for start in (0..flat.numel()).step_by(CHUNK) {
        let n = CHUNK.min(flat.numel() - start);
        for x in ops::view::narrow(&flat, 0, start as i64, n as i64)?.try_to_vec::<f64>()? {
            if !x.is_finite() {
                *(if x.is_nan() { &mut s.nan } else { &mut s.infinite }) += 1;
                continue;
            }
            s.min = s.min.min(x);
            s.max = s.max.max(x);
            // Welford's running mean and sum of squares.
            count += 1;
            let off = x - s.mean;
            s.mean += off / count as f64;
            squares += off * (x - s.mean);
        }
    }
    if count == 0 {
        (s.min, s.max, s.mean) = (f64::NAN, f64::NAN, f64::NAN);
    }
    s.std = if count > 1 {
        (squares / (count - 1) as f64).sqrt()
    } else {
        f64::NAN
    };
    Ok(Some(s))
}

/// A number in at most ten characters.
fn short(x: f64) -> String {
    match x {
        x if x.is_nan() => "-".into(),
        x if x == x.trunc() && x.abs() < 1e7 => format!("{x}"),
        x if x.abs() >= 1e-3 && x.abs() < 1e5 => format!("{x:.4}"),
        x => format!("{x:.3e}"),
    }
}

/// A number of bytes in a unit that people read.
fn bytes(n: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = "bytes";
    for next in UNITS {
        if value < 1000.0 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if unit == "bytes" {
        format!("{n} bytes")
    } else {
        format!("{value:.1} {unit}")
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let elements = |t: &TensorInfo| t.shape.iter().product::<usize>();
        let all: usize = self.tensors.iter().map(elements).sum();
        writeln!(
            f,
            "{} file of {}: {} tensors, {all} elements",
            self.format,
            bytes(self.size),
            self.tensors.len()
        )?;
        let head = ["name", "dtype", "shape", "min", "max", "mean", "std", ""].map(String::from);
        let rows = self.tensors.iter().map(|t| {
            let numbers = t.statistics.map(|s| {
                let odd = match (s.nan, s.infinite) {
                    (0, 0) => String::new(),
                    (nan, infinite) => format!("{nan} NaN, {infinite} infinite"),
                };
                [short(s.min), short(s.max), short(s.mean), short(s.std), odd]
            });
            let [min, max, mean, std, odd] = numbers.unwrap_or_default();
            let shape = format!("{:?}", t.shape);
            [
                t.name.clone(),
                t.dtype.name().to_string(),
                shape,
                min,
                max,
                mean,
                std,
                odd,
            ]
        });
        let table: Vec<[String; 8]> = std::iter::once(head).chain(rows).collect();
        let width = |c: usize| table.iter().map(|row| row[c].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..8).map(width).collect();
        if self.tensors.is_empty() {
            writeln!(f, "no tensors")?;
        } else {
            for row in &table {
                let mut line = String::new();
                for (c, cell) in row.iter().enumerate() {
                    let w = widths[c];
                    // Words to the left, numbers to the right.
                    line += &if (3..7).contains(&c) {
                        format!("{cell:>w$}  ")
                    } else {
                        format!("{cell:<w$}  ")
                    };
                }
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        self.others.iter().try_for_each(|(name, value)| {
            let name = if name.is_empty() { "value" } else { name };
            let shown: String = value.chars().take(100).collect();
            let more = if shown.len() < value.len() { "..." } else { "" };
            writeln!(f, "{name} = {shown}{more}")
        })
    }
}

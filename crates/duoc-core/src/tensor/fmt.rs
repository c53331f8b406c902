//! Printing: the text that PyTorch gives a tensor, to the letter.
//!
//! All elements of a tensor share one form, chosen from the elements that are shown: integers, fixed point, or
//! scientific notation when the finite nonzero ones span more than three orders of magnitude, exceed 1e8 or fall below
//! 1e-4. Tensors with more than `threshold` elements show `edgeitems` at each end of every dimension, and only those
//! are read.

use super::Tensor;
use crate::storage::{Mode, access};
use crate::{DType, Device, Result, default_dtype, err};
use smallvec::SmallVec;
use std::fmt::{self, Write};
use std::sync::{PoisonError, RwLock};

/// How tensors are printed; [`PrintOptions::default`] is PyTorch's `default` profile.
///
/// ```
/// use duoc_core::{PrintOptions, Tensor};
/// let t = Tensor::from_slice(&[0.5f32, 100.0]);
/// assert_eq!(t.to_string(), "tensor([  0.5000, 100.0000])");
/// assert_eq!(t.to_text(&PrintOptions { precision: 1, ..PrintOptions::default() }), "tensor([  0.5, 100.0])");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrintOptions {
    /// Digits after the decimal point.
    pub precision: usize,
    /// Tensors with more elements are summarised; `usize::MAX` is PyTorch's `inf`.
    pub threshold: usize,
    /// Elements shown at each end of a summarised dimension.
    pub edgeitems: usize,
    /// Characters in a line.
    pub linewidth: usize,
    /// Scientific notation always, never, or as the elements ask for.
    pub sci_mode: Option<bool>,
}

impl PrintOptions {
    /// The `default` profile: 4 digits, summaries above 1000 elements with 3 at each end, 80 characters.
    pub const DEFAULT: PrintOptions = PrintOptions {
        precision: 4,
        threshold: 1000,
        edgeitems: 3,
        linewidth: 80,
        sci_mode: None,
    };
    /// The `short` profile: 2 digits and 2 elements at each end.
    pub const SHORT: PrintOptions = PrintOptions {
        precision: 2,
        edgeitems: 2,
        ..PrintOptions::DEFAULT
    };
    /// The `full` profile: never a summary.
    pub const FULL: PrintOptions = PrintOptions {
        threshold: usize::MAX,
        ..PrintOptions::DEFAULT
    };
}

impl Default for PrintOptions {
    fn default() -> PrintOptions {
        PrintOptions::DEFAULT
    }
}

static OPTIONS: RwLock<PrintOptions> = RwLock::new(PrintOptions::DEFAULT);

/// The options that `Display` and `Debug` of tensors use, in the whole process.
pub fn get_printoptions() -> PrintOptions {
    *OPTIONS.read().unwrap_or_else(PoisonError::into_inner)
}

/// Sets the options that `Display` and `Debug` of tensors use, in the whole process.
pub fn set_printoptions(options: PrintOptions) {
    *OPTIONS.write().unwrap_or_else(PoisonError::into_inner) = options;
}

/// `tensor([1., 2.])`. A precision in the format string (`{:.2}`) stands before that of the print options.
impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = get_printoptions();
        options.precision = f.precision().unwrap_or(options.precision);
        f.write_str(&self.to_text(&options))
    }
}

/// As `Display`: PyTorch's `repr` and `str` are the same.
impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Tensor {
    /// The text of the tensor under the given options.
    pub fn to_text(&self, options: &PrintOptions) -> String {
        self.to_text_as("tensor", options)
    }

    /// As [`Tensor::to_text`] with the name of another class before the parenthesis.
    pub fn to_text_as(&self, class: &str, options: &PrintOptions) -> String {
        let mut out = format!("{class}(");
        let indent = out.len();
        let (dtype, default) = (self.dtype(), default_dtype());
        let empty = self.numel() == 0;
        let mut size = if empty { self.dim() != 1 } else { options.edgeitems == 0 };
        let mut named = !(dtype == default || matches!(dtype, DType::I64 | DType::Bool));
        if dtype.is_complex() {
            named = dtype != crate::promote::default_complex();
        }
        if empty {
            // There are no elements to tell the dtype from.
            named = dtype != default;
            out.push_str("[]");
        } else {
            match Grid::new(self, options).and_then(|grid| Ok((Cells::read(self, &grid, options)?, grid))) {
                Ok((cells, grid)) => grid.write(&cells, indent, options, &mut out),
                // Memory that cannot be read now (it is locked by this thread's own `with_slice`, or too much for a
                // copy) is no reason to fail a message that mentions the tensor.
                Err(_) => {
                    out.push_str("...");
                    size = true;
                }
            }
        }
        let mut suffixes: SmallVec<[String; 4]> = SmallVec::new();
        if self.device() != Device::Cpu {
            suffixes.push(format!("device='{}'", self.device()));
        }
        if size {
            suffixes.push(format!("size={}", tuple(self.shape())));
        }
        if named {
            suffixes.push(format!("dtype={dtype}"));
        }
        match self.grad_fn() {
            Some(node) => suffixes.push(format!("grad_fn=<{}>", node.name())),
            None if self.requires_grad() => suffixes.push("requires_grad=True".into()),
            None => {}
        }
        append(&mut out, &suffixes, indent, options.linewidth);
        out.push(')');
        out
    }
}

/// `(2, 3)`, `(2,)`, `()`.
fn tuple(shape: &[usize]) -> String {
    match shape {
        [n] => format!("({n},)"),
        _ => format!(
            "({})",
            shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Appends the suffixes, on a new line where they do not fit. PyTorch counts two characters more than the last line has.
fn append(out: &mut String, suffixes: &[String], indent: usize, linewidth: usize) {
    let mut used = out.len() - out.rfind('\n').map_or(0, |i| i + 1) + 2;
    for s in suffixes {
        if used + s.len() + 2 > linewidth {
            out.push_str(",\n");
            pad(out, indent);
            used = indent + s.len();
        } else {
            out.push_str(", ");
            used += s.len() + 2;
        }
        out.push_str(s);
    }
}

fn pad(out: &mut String, n: usize) {
    out.extend(std::iter::repeat_n(' ', n));
}

/// Which indices of a dimension are shown: `0..head` and `tail..len`.
#[derive(Clone, Copy)]
struct Axis {
    len: usize,
    head: usize,
    tail: usize,
}

impl Axis {
    fn shown(self) -> usize {
        self.head + self.len - self.tail
    }

    fn has_gap(self) -> bool {
        self.head < self.tail
    }
}

/// The elements that are shown.
struct Grid {
    axes: SmallVec<[Axis; 5]>,
    count: usize,
}

impl Grid {
    fn new(t: &Tensor, options: &PrintOptions) -> Result<Grid> {
        let summarised = t.numel() > options.threshold;
        let edge = options.edgeitems;
        let axes: SmallVec<[Axis; 5]> = t
            .shape()
            .iter()
            .map(|&len| match summarised && len > edge.saturating_mul(2) {
                true => Axis {
                    len,
                    head: edge,
                    tail: len - edge,
                },
                false => Axis {
                    len,
                    head: len,
                    tail: len,
                },
            })
            .collect();
        let count = axes.iter().try_fold(1usize, |n, a| n.checked_mul(a.shown()));
        let count = count.ok_or_else(|| err!(Runtime, "more elements than can be counted"))?;
        Ok(Grid { axes, count })
    }

    /// Writes nested brackets around the cells.
    fn write(&self, cells: &Cells, indent: usize, options: &PrintOptions, out: &mut String) {
        if self.axes.is_empty() {
            return cells.push(0, out);
        }
        let room = options.linewidth.saturating_sub(indent + self.axes.len() - 1);
        let per_line = (room / (cells.width() + 2)).max(1);
        self.level(0, &mut 0, cells, indent, per_line, out);
    }

    fn level(&self, d: usize, next: &mut usize, cells: &Cells, indent: usize, per_line: usize, out: &mut String) {
        let axis = self.axes[d];
        if d + 1 == self.axes.len() {
            return row(axis, next, cells, indent, per_line, out);
        }
        out.push('[');
        let mut first = true;
        let mut separate = |out: &mut String| {
            if !first {
                out.push(',');
                out.extend(std::iter::repeat_n('\n', self.axes.len() - d - 1));
                pad(out, indent + 1);
            }
            first = false;
        };
        for i in 0..axis.shown() {
            if axis.has_gap() && i == axis.head {
                separate(out);
                out.push_str("...");
            }
            separate(out);
            self.level(d + 1, next, cells, indent + 1, per_line, out);
        }
        if axis.shown() == 0 {
            out.push_str("...");
        }
        out.push(']');
    }
}

/// One line of the innermost dimension, wrapped; the gap counts as an element.
fn row(axis: Axis, next: &mut usize, cells: &Cells, indent: usize, per_line: usize, out: &mut String) {
    out.push('[');
    if axis.shown() == 0 {
        out.push_str("...");
    }
    let mut place = 0;
    let mut separate = |out: &mut String| {
        if place > 0 {
            if place % per_line == 0 {
                out.push_str(",\n");
                pad(out, indent + 1);
            } else {
                out.push_str(", ");
            }
        }
        place += 1;
    };
    for i in 0..axis.shown() {
        if axis.has_gap() && i == axis.head {
            separate(out);
            out.push_str(" ...");
        }
        separate(out);
        cells.push(*next, out);
        *next += 1;
    }
    out.push(']');
}

/// The shown elements in row-major order, with the form they share.
enum Cells {
    Bool(Vec<f64>, usize),
    Int(Vec<i64>, usize),
    Unsigned(Vec<i64>, usize),
    Real(Vec<f64>, Form),
    /// Real and imaginary parts alternate.
    Complex(Vec<f64>, Form, Form),
}

impl Cells {
    fn read(t: &Tensor, grid: &Grid, options: &PrintOptions) -> Result<Cells> {
        let dtype = t.dtype();
        let bytes = gather(t, grid)?;
        let n = grid.count;
        let longest = |text: &dyn Fn(usize) -> usize| (0..n).map(text).max().unwrap_or(1).max(1);
        Ok(match dtype {
            DType::Bool => {
                let values = converted::<f64>(&bytes, n, dtype, DType::F64)?;
                let width = longest(&|i| if values[i] != 0.0 { 4 } else { 5 });
                Cells::Bool(values, width)
            }
            DType::U64 => {
                let values = converted::<i64>(&bytes, n, dtype, DType::I64)?;
                let width = longest(&|i| digits(values[i] as u64));
                Cells::Unsigned(values, width)
            }
            d if d.is_int() => {
                let values = converted::<i64>(&bytes, n, dtype, DType::I64)?;
                let width = longest(&|i| digits(values[i].unsigned_abs()) + usize::from(values[i] < 0));
                Cells::Int(values, width)
            }
            d if d.is_complex() => {
                let mut values = converted::<f64>(&bytes, 2 * n, dtype, DType::C128)?;
                let (re, im) = (sign(t.is_neg()), sign(t.is_neg() != t.is_conj()));
                for pair in values.chunks_exact_mut(2) {
                    pair[0] *= re;
                    pair[1] *= im;
                }
                let real = Form::of(values.iter().step_by(2).copied(), options);
                let imag = Form::of(values.iter().skip(1).step_by(2).copied(), options);
                Cells::Complex(values, real, imag)
            }
            _ => {
                let mut values = converted::<f64>(&bytes, n, dtype, DType::F64)?;
                if t.is_neg() {
                    values.iter_mut().for_each(|v| *v = -*v);
                }
                let form = Form::of(values.iter().copied(), options);
                Cells::Real(values, form)
            }
        })
    }

    /// Characters of an element, without the separator.
    fn width(&self) -> usize {
        match self {
            Cells::Bool(_, w) | Cells::Int(_, w) | Cells::Unsigned(_, w) => *w,
            Cells::Real(_, form) => form.width,
            Cells::Complex(_, re, im) => re.width + im.width + 1,
        }
    }

    fn push(&self, i: usize, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Cells::Bool(v, w) => write!(out, "{:>w$}", if v[i] != 0.0 { "True" } else { "False" }),
            Cells::Int(v, w) => write!(out, "{:>w$}", v[i]),
            Cells::Unsigned(v, w) => write!(out, "{:>w$}", v[i] as u64),
            Cells::Real(v, form) => write!(out, "{:>w$}", form.text(v[i]), w = form.width),
            Cells::Complex(v, re, im) => {
                let (real, imag) = (re.text(v[2 * i]), im.text(v[2 * i + 1]));
                let plus = if imag.starts_with(['+', '-']) { "" } else { "+" };
                write!(out, "{real:>w$}{plus}{imag}j", w = re.width)
            }
        };
    }
}

fn sign(negative: bool) -> f64 {
    if negative { -1.0 } else { 1.0 }
}

fn digits(n: u64) -> usize {
    n.checked_ilog10().unwrap_or(0) as usize + 1
}

/// The form that real numbers of one tensor share.
struct Form {
    width: usize,
    precision: usize,
    scientific: bool,
    integers: bool,
}

impl Form {
    /// The form for these numbers: only the finite nonzero ones decide.
    fn of(values: impl Iterator<Item = f64> + Clone, options: &PrintOptions) -> Form {
        let deciding = values.filter(|v| v.is_finite() && *v != 0.0);
        // Longer precisions than the standard library takes would show zeros only.
        let mut form = Form {
            width: 1,
            precision: options.precision.min(2000),
            scientific: false,
            integers: true,
        };
        let (mut least, mut most) = (f64::INFINITY, 0.0f64);
        for v in deciding.clone() {
            least = least.min(v.abs());
            most = most.max(v.abs());
            form.integers &= v == v.ceil();
        }
        if most == 0.0 {
            return form;
        }
        form.scientific = options
            .sci_mode
            .unwrap_or(most / least > 1000.0 || most > 1e8 || least < 1e-4);
        form.width = deciding.map(|v| form.text(v).len()).max().unwrap_or(1).max(1);
        form
    }

    fn text(&self, v: f64) -> String {
        let p = self.precision;
        if !v.is_finite() {
            let name = if v.is_nan() {
                "nan"
            } else if v > 0.0 {
                "inf"
            } else {
                "-inf"
            };
            return name.into();
        }
        if self.scientific {
            let text = format!("{v:.p$e}");
            let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
            let (sign, size) = match exponent.strip_prefix('-') {
                Some(size) => ('-', size),
                None => ('+', exponent),
            };
            format!("{mantissa}e{sign}{size:0>2}")
        } else if self.integers {
            format!("{v:.0}.")
        } else {
            format!("{v:.p$}")
        }
    }
}

/// The bytes of the shown elements, in row-major order.
fn gather(t: &Tensor, grid: &Grid) -> Result<Vec<u8>> {
    let size = t.dtype().size();
    let mut bytes = room::<u8>(grid.count.saturating_mul(size))?;
    let strides: SmallVec<[isize; 5]> = t.strides().iter().map(|s| s * size as isize).collect();
    access::access([(t, Mode::Read)], |[p]| {
        let mut index: SmallVec<[usize; 5]> = SmallVec::from_elem(0, grid.axes.len());
        let mut from = p;
        for to in bytes.chunks_exact_mut(size) {
            // SAFETY: `from` is the address of an element that the layout names, inside the locked storage.
            unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr(), size) };
            for d in (0..grid.axes.len()).rev() {
                let (axis, i) = (grid.axes[d], &mut index[d]);
                let before = *i;
                *i += 1;
                if *i == axis.head {
                    *i = axis.tail;
                }
                let wrapped = *i >= axis.len;
                if wrapped {
                    *i = 0;
                }
                from = from.wrapping_offset((*i as isize - before as isize) * strides[d]);
                if !wrapped {
                    break;
                }
            }
        }
        Ok(())
    })?;
    Ok(bytes)
}

/// Zeros, or an error where there is not that much memory.
fn room<T: Clone + Default>(n: usize) -> Result<Vec<T>> {
    let mut v = Vec::new();
    v.try_reserve_exact(n)
        .map_err(|_| err!(OutOfMemory, "no memory for the text of {n} elements"))?;
    v.resize(n, T::default());
    Ok(v)
}

/// The elements in `bytes` as another dtype: `n` values of type `T`, of which a complex element has two.
fn converted<T: Clone + Default>(bytes: &[u8], n: usize, from: DType, to: DType) -> Result<Vec<T>> {
    let mut out = room::<T>(n)?;
    let kernel = duoc_kernels::copy::cast_loop(from, to).unwrap_or_else(|| duoc_kernels::copy::same(from.size()));
    let ptrs = [out.as_mut_ptr().cast::<u8>(), bytes.as_ptr().cast_mut()];
    let strides = [to.size() as isize, from.size() as isize, 0, 0];
    // SAFETY: both buffers hold `bytes.len() / from.size()` elements of their dtypes, and they are disjoint.
    unsafe {
        kernel(
            ptrs.as_ptr(),
            strides.as_ptr(),
            bytes.len() / from.size(),
            1,
            std::ptr::null(),
        )
    };
    Ok(out)
}

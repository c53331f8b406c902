//! Indexing with PyTorch's spelling and semantics: `x.at(s![.., 1..-1; 2, ..., -1, None, &mask])`, and writing with
//! [`Tensor::set`].
//!
//! Integers, ranges, new dimensions and the ellipsis make views. Index tensors and masks make a copy: the dimensions that
//! they take are replaced by their common broadcast shape, which stands where the first of them did when they are
//! neighbours, and in front of everything when they are not.

use super::Tensor;
use super::operators::Operand;
use crate::ops::{copy, index as gather, view};
use crate::{DType, OrThrow, Result, Scalar, bail, ensure, err};
use std::ops::{Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

/// One element of an index.
#[derive(Clone, Debug)]
pub enum Index {
    /// One place of a dimension, which disappears; negative ones count from the end.
    Int(i64),
    /// Places `start..stop`, every `step`-th; missing ends are those of the dimension.
    Slice(Option<i64>, Option<i64>, i64),
    /// `None`: a new dimension of size 1.
    New,
    /// `...`: as many whole dimensions as are not named.
    Rest,
    /// A truth value: a new dimension of size 1 or 0.
    Bool(bool),
    /// Places, or a mask over one or more dimensions. A 0-d one counts as a number.
    Tensor(Tensor),
}

macro_rules! from_integers {
    ($($t:ty),+) => { $(
        impl From<$t> for Index {
            fn from(i: $t) -> Index {
                Index::Int(i as i64)
            }
        }
        impl From<Range<$t>> for Index {
            fn from(r: Range<$t>) -> Index {
                Index::Slice(Some(r.start as i64), Some(r.end as i64), 1)
            }
        }
        impl From<RangeFrom<$t>> for Index {
            fn from(r: RangeFrom<$t>) -> Index {
                Index::Slice(Some(r.start as i64), None, 1)
            }
        }
        impl From<RangeTo<$t>> for Index {
            fn from(r: RangeTo<$t>) -> Index {
                Index::Slice(None, Some(r.end as i64), 1)
            }
        }
        impl From<RangeInclusive<$t>> for Index {
            fn from(r: RangeInclusive<$t>) -> Index {
                // The end -1 is the last element: there is no place after it to stop at.
                let end = *r.end() as i64;
                Index::Slice(Some(*r.start() as i64), (end != -1).then(|| end.saturating_add(1)), 1)
            }
        }
        impl From<RangeToInclusive<$t>> for Index {
            fn from(r: RangeToInclusive<$t>) -> Index {
                let end = r.end as i64;
                Index::Slice(None, (end != -1).then(|| end.saturating_add(1)), 1)
            }
        }
        impl From<Vec<$t>> for Index {
            fn from(v: Vec<$t>) -> Index {
                Index::Tensor(Tensor::from_vec(v.into_iter().map(|i| i as i64).collect()))
            }
        }
        impl<const N: usize> From<[$t; N]> for Index {
            fn from(v: [$t; N]) -> Index {
                Index::from(v.to_vec())
            }
        }
    )+ };
}
from_integers!(i32, i64, usize);

impl From<RangeFull> for Index {
    fn from(_: RangeFull) -> Index {
        Index::Slice(None, None, 1)
    }
}
impl From<bool> for Index {
    fn from(b: bool) -> Index {
        Index::Bool(b)
    }
}
impl From<&Tensor> for Index {
    fn from(t: &Tensor) -> Index {
        Index::Tensor(t.clone())
    }
}
impl From<Tensor> for Index {
    fn from(t: Tensor) -> Index {
        Index::Tensor(t)
    }
}

impl Index {
    /// The same range with another step.
    #[doc(hidden)]
    pub fn by(self, step: i64) -> Index {
        match self {
            Index::Slice(a, b, _) => Index::Slice(a, b, step),
            // `i; step` has no meaning for other elements; a step of 0 makes it an error when used.
            _ => Index::Slice(None, None, 0),
        }
    }
}

/// An index in PyTorch's spelling: integers, ranges with a step after `;`, `None`, `...`, truth values, tensors.
///
/// ```
/// use duoc_core::{Tensor, s};
/// let x = Tensor::from_vec((0..12i64).collect()).view(&[3, 4]);
/// assert_eq!(x.at(s![1, ..]).to_vec::<i64>(), [4, 5, 6, 7]);
/// assert_eq!(x.at(s![.., 1..-1]).shape(), [3, 2]);
/// assert_eq!(x.at(s![..; 2, -1]).to_vec::<i64>(), [3, 11]);
/// assert_eq!(x.at(s![..., None, 0]).shape(), [3, 1]);
/// assert_eq!(x.at(s![[2, 0], [1, 1]]).to_vec::<i64>(), [9, 1]);
/// ```
#[macro_export]
macro_rules! s {
    (@ [$($done:expr),*] []) => { [$($done),*] };
    (@ [$($done:expr),*] [] ... $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::tensor::index::Index::Rest] [] $($($rest)*)?)
    };
    (@ [$($done:expr),*] [] None $(, $($rest:tt)*)?) => {
        $crate::s!(@ [$($done,)* $crate::tensor::index::Index::New] [] $($($rest)*)?)
    };
    (@ [$($done:expr),*] [$($item:tt)+]) => {
        [$($done,)* $crate::tensor::index::Index::from($($item)+)]
    };
    (@ [$($done:expr),*] [$($item:tt)+] , $($rest:tt)*) => {
        $crate::s!(@ [$($done,)* $crate::tensor::index::Index::from($($item)+)] [] $($rest)*)
    };
    (@ [$($done:expr),*] [$($item:tt)+] ; $step:expr) => {
        [$($done,)* $crate::tensor::index::Index::from($($item)+).by($step)]
    };
    (@ [$($done:expr),*] [$($item:tt)+] ; $step:expr, $($rest:tt)*) => {
        $crate::s!(@ [$($done,)* $crate::tensor::index::Index::from($($item)+).by($step)] [] $($rest)*)
    };
    (@ [$($done:expr),*] [$($item:tt)*] $next:tt $($rest:tt)*) => {
        $crate::s!(@ [$($done),*] [$($item)* $next] $($rest)*)
    };
    ($($index:tt)*) => {{
        // `1..-1` counts from the end here; clippy knows only ranges that are walked.
        #[allow(clippy::reversed_empty_ranges)]
        let index = $crate::s!(@ [] [] $($index)*);
        index
    }};
}

/// What an index comes to: a view, and index tensors for its dimensions, in order.
struct Applied {
    view: Tensor,
    tensors: Vec<Option<Tensor>>,
}

/// Dimensions that an element names.
fn named(item: &Index) -> usize {
    match item {
        Index::Int(_) | Index::Slice(..) => 1,
        Index::Tensor(t) if matches!(t.dtype(), DType::Bool | DType::U8) => t.dim(),
        Index::Tensor(_) => 1,
        Index::New | Index::Rest | Index::Bool(_) => 0,
    }
}

/// The index tensor of a truth value: the one place of a dimension of size 1, or none.
fn truth(b: bool) -> Tensor {
    Tensor::from_vec(if b { vec![0i64] } else { Vec::new() })
}

fn apply(x: &Tensor, items: &[Index]) -> Result<Applied> {
    let count: usize = items.iter().map(named).sum();
    ensure!(
        count <= x.dim(),
        Index,
        "too many indices for tensor of dimension {}",
        x.dim()
    );
    let mut view = x.clone();
    let mut tensors: Vec<Option<Tensor>> = Vec::new();
    // The next dimension of `view`.
    let mut d = 0usize;
    for (position, item) in items.iter().enumerate() {
        match item {
            Index::Int(i) => view = select(&view, d, *i, position)?,
            Index::Slice(start, stop, step) => {
                ensure!(*step != 0, Value, "slice step cannot be zero");
                ensure!(*step > 0, Value, "step must be greater than zero");
                if (start, stop, step) != (&None, &None, &1) {
                    view = view::slice(&view, d as i64, *start, *stop, *step)?;
                }
                tensors.push(None);
                d += 1;
            }
            Index::New => {
                view = view::unsqueeze(&view, d as i64)?;
                tensors.push(None);
                d += 1;
            }
            Index::Rest => {
                let rest = x.dim() - count;
                tensors.extend(std::iter::repeat_n(None, rest));
                d += rest;
            }
            Index::Bool(b) => {
                view = view::unsqueeze(&view, d as i64)?;
                tensors.push(Some(truth(*b)));
                d += 1;
            }
            Index::Tensor(t) if t.dim() == 0 && matches!(t.dtype(), DType::Bool | DType::U8) => {
                view = view::unsqueeze(&view, d as i64)?;
                tensors.push(Some(truth(t.try_item()?.to_f64() != 0.0)));
                d += 1;
            }
            Index::Tensor(t) if t.dim() == 0 && t.dtype().is_int() => {
                view = select(&view, d, t.try_item()?.to_i64(), position)?;
            }
            Index::Tensor(t) => {
                ensure!(
                    matches!(t.dtype(), DType::Bool | DType::U8 | DType::I32 | DType::I64),
                    Index,
                    "tensors used as indices must be long, int, byte or bool tensors"
                );
                tensors.push(Some(t.clone()));
                d += named(item);
            }
        }
    }
    if tensors.iter().all(Option::is_none) {
        tensors.clear();
    }
    Ok(Applied { view, tensors })
}

/// One place of dimension `d`; errors name the place of the element in the index.
fn select(x: &Tensor, d: usize, i: i64, position: usize) -> Result<Tensor> {
    let Some(n) = x.shape().get(d) else {
        bail!(Index, "too many indices for tensor of dimension {}", x.dim())
    };
    ensure!(
        (-(*n as i64)..*n as i64).contains(&i),
        Index,
        "index {i} is out of bounds for dimension {position} with size {n}"
    );
    view::select(x, d as i64, i)
}

/// `x[items]`: a view where there are no index tensors, else a copy.
pub fn get(x: &Tensor, items: &[Index]) -> Result<Tensor> {
    let a = apply(x, items)?;
    if !a.tensors.is_empty() {
        return gather::index_tensor(&a.view, &a.tensors);
    }
    // An index that changes nothing is still a new view.
    if a.view.is_same(x) {
        view::view_dtype(x, x.dtype())
    } else {
        Ok(a.view)
    }
}

/// `x[items] = value`, broadcast. A value of another dtype is converted when no index tensors are there; a number always.
pub fn set(x: &Tensor, items: &[Index], value: &Tensor) -> Result<()> {
    let as_number = |dtype| -> Result<Tensor> {
        let item = value.try_item()?;
        ensure!(
            !matches!(item, Scalar::Complex(..)) || dtype == DType::C64 || dtype == DType::C128,
            Runtime,
            "value cannot be converted to type {} without overflow",
            if dtype == DType::F64 { "double" } else { "float" }
        );
        Tensor::scalar(item, dtype)
    };
    let value = if value.is_wrapped_number() {
        as_number(x.dtype())?
    } else {
        value.clone()
    };
    match items {
        [Index::Bool(false)] => return Ok(()),
        [Index::Bool(true)] => return assign(&view::unsqueeze(x, 0)?, &value),
        _ => {}
    }
    let a = apply(x, items)?;
    if a.tensors.is_empty() {
        return assign(&a.view, &value);
    }
    gather::index_put_(&a.view, &a.tensors, &without_leading_ones(&value)?, false).map(drop)
}

fn assign(to: &Tensor, value: &Tensor) -> Result<()> {
    let value = without_leading_ones(value)?;
    ensure!(
        value.dim() <= to.dim(),
        Runtime,
        "expand(torch.{}Tensor{{{:?}}}, size={:?}): the number of sizes provided ({}) must be greater or equal to the number of dimensions in the tensor ({})",
        tensor_type(value.dtype()),
        value.shape(),
        to.shape(),
        to.dim(),
        value.dim()
    );
    for (k, (have, want)) in value.shape().iter().rev().zip(to.shape().iter().rev()).enumerate() {
        ensure!(
            have == want || *have == 1,
            Runtime,
            "The expanded size of the tensor ({want}) must match the existing size ({have}) at non-singleton dimension {}.  Target sizes: {:?}.  Tensor sizes: {:?}",
            to.dim() - 1 - k,
            to.shape(),
            value.shape()
        );
    }
    copy::copy_(to, &value)
}

/// The legacy tensor type's prefix.
fn tensor_type(dtype: DType) -> &'static str {
    dtype.scalar_type_name()
}

/// PyTorch lets a value have leading dimensions of size 1 that the target does not have.
fn without_leading_ones(value: &Tensor) -> Result<Tensor> {
    let ones = value.shape().iter().take_while(|n| **n == 1).count();
    if ones == 0 {
        return Ok(value.clone());
    }
    let kept: Vec<i64> = value.shape()[ones..].iter().map(|n| *n as i64).collect();
    view::view(value, &kept).map_err(|e| err!(Runtime, "index assignment: {}", e.message()))
}

impl Tensor {
    /// `self[index]`: a view, or a copy where index tensors or masks take part.
    ///
    /// ```
    /// use duoc_core::{Tensor, s};
    /// let x = Tensor::from_slice(&[1i64, 2, 3, 4]);
    /// assert_eq!(x.at(s![1..3]).to_vec::<i64>(), [2, 3]);
    /// let mask = Tensor::from_slice(&[true, false, false, true]);
    /// assert_eq!(x.at(s![&mask]).to_vec::<i64>(), [1, 4]);
    /// ```
    #[track_caller]
    pub fn at(&self, index: impl AsRef<[Index]>) -> Tensor {
        get(self, index.as_ref()).or_throw()
    }

    /// `self[index] = value`, broadcast, in place.
    ///
    /// ```
    /// use duoc_core::{Tensor, s};
    /// let x = Tensor::zeros(&[2, 2]);
    /// x.set(s![0, ..], 3.0);
    /// assert_eq!(x.to_vec::<f32>(), [3.0, 3.0, 0.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn set(&self, index: impl AsRef<[Index]>, value: impl Operand) -> &Tensor {
        value.with(|v| set(self, index.as_ref(), v)).or_throw();
        self
    }
}

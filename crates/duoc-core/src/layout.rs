//! Geometry: shape, strides and offset of a tensor in its storage, and the arithmetic on them.
//!
//! All size, stride and offset arithmetic is checked; a layout that exists can be addressed without overflow.

use crate::{DType, Result, bail, ensure};
use smallvec::SmallVec;
use std::fmt;

/// Sizes, inline up to five dimensions.
pub type Dims = SmallVec<[usize; 5]>;
/// Element strides, inline up to five dimensions.
pub type Strides = SmallVec<[isize; 5]>;

/// A shape for display: prints as `torch.Size([2, 3])`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Size(pub Dims);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "torch.Size({:?})", self.0.as_slice())
    }
}

impl std::ops::Deref for Size {
    type Target = [usize];
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

/// Shape, strides (in elements) and offset (in elements) of a tensor.
#[derive(PartialEq, Eq, Debug)]
pub struct Layout {
    shape: Dims,
    strides: Strides,
    offset: usize,
    numel: usize,
    contiguous: bool,
}

impl Clone for Layout {
    #[inline]
    fn clone(&self) -> Layout {
        // `from_slice` is one copy; SmallVec's own clone goes element by element.
        Layout {
            shape: Dims::from_slice(&self.shape),
            strides: Strides::from_slice(&self.strides),
            offset: self.offset,
            numel: self.numel,
            contiguous: self.contiguous,
        }
    }
}

impl Layout {
    /// This row-major layout at the start of a storage of its own.
    #[inline]
    pub(crate) fn at_start(&self) -> Layout {
        debug_assert!(self.contiguous);
        Layout {
            offset: 0,
            ..self.clone()
        }
    }

    /// A row-major layout; an error when its size in bytes exceeds what can be addressed.
    pub fn contiguous(shape: &[usize], dtype: DType) -> Result<Layout> {
        let numel = checked_numel(shape, dtype.size())?;
        Ok(Layout {
            shape: shape.into(),
            strides: contiguous_strides(shape),
            offset: 0,
            numel,
            contiguous: true,
        })
    }

    /// A layout with given strides. The caller has checked that it stays inside its storage (see [`Layout::span`]).
    pub fn strided(shape: &[usize], strides: &[isize], offset: usize, dtype: DType) -> Result<Layout> {
        debug_assert_eq!(shape.len(), strides.len());
        let numel = checked_numel(shape, dtype.size())?;
        Ok(Layout::from_parts(shape.into(), strides.into(), offset, numel))
    }

    /// As [`Layout::strided`] for a layout derived from a valid one, with a known element count.
    pub(crate) fn from_parts(shape: Dims, strides: Strides, offset: usize, numel: usize) -> Layout {
        let contiguous = is_contiguous(&shape, &strides);
        Layout {
            shape,
            strides,
            offset,
            numel,
            contiguous,
        }
    }

    /// Sizes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }
    /// Strides in elements.
    pub fn strides(&self) -> &[isize] {
        &self.strides
    }
    /// Offset of the first element, in elements.
    pub fn offset(&self) -> usize {
        self.offset
    }
    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.numel
    }
    /// Number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }
    /// Whether the elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    /// Elements from the start of the storage up to the last one used, or None on overflow; 0 for empty tensors.
    pub fn span(&self) -> Option<usize> {
        span(&self.shape, &self.strides, self.offset)
    }

    /// Whether every element has its own place and there are no gaps, in some order of the dimensions.
    pub fn is_non_overlapping_and_dense(&self) -> bool {
        if self.contiguous {
            return true;
        }
        let mut order: SmallVec<[usize; 8]> = (0..self.ndim()).filter(|d| self.shape[*d] != 1).collect();
        order.sort_by_key(|d| self.strides[*d]);
        let mut expected = 1isize;
        for d in order {
            if self.strides[d] != expected {
                return self.numel == 0;
            }
            expected *= self.shape[d] as isize;
        }
        true
    }

    /// Whether two indices may name the same element: PyTorch's `has_internal_overlap` (certain cases only).
    pub fn has_internal_overlap(&self) -> bool {
        if self.is_non_overlapping_and_dense() {
            return false;
        }
        self.shape.iter().zip(&self.strides).any(|(n, s)| *n > 1 && *s == 0)
    }

    /// The layout of the same elements with other sizes, or None when that needs a copy (PyTorch's `computeStride`).
    pub fn view(&self, shape: &[usize]) -> Option<Layout> {
        let strides = view_strides(&self.shape, &self.strides, self.numel, shape)?;
        Some(Layout::from_parts(shape.into(), strides, self.offset, self.numel))
    }

    /// Broadcast to a larger shape with stride 0; None when the shapes do not fit.
    pub fn expand(&self, shape: &[usize], dtype: DType) -> Result<Option<Layout>> {
        let Some(lead) = shape.len().checked_sub(self.ndim()) else {
            return Ok(None);
        };
        let numel = checked_numel(shape, dtype.size())?;
        let mut strides = Strides::with_capacity(shape.len());
        for (d, n) in shape.iter().enumerate() {
            if d < lead {
                strides.push(0);
            } else {
                let (m, s) = (self.shape[d - lead], self.strides[d - lead]);
                if m == *n {
                    strides.push(s);
                } else if m == 1 {
                    strides.push(0);
                } else {
                    return Ok(None);
                }
            }
        }
        // New leading dimensions have stride 0 except that PyTorch gives size-1 ones the natural stride.
        for d in (0..lead).rev() {
            strides[d] = if shape[d] == 1 && d + 1 < shape.len() {
                strides[d + 1].saturating_mul(shape[d + 1] as isize)
            } else if shape[d] == 1 {
                1
            } else {
                0
            };
        }
        Ok(Some(Layout::from_parts(shape.into(), strides, self.offset, numel)))
    }

    fn parts(&self) -> (Dims, Strides) {
        (Dims::from_slice(&self.shape), Strides::from_slice(&self.strides))
    }

    /// The dimensions in a new order.
    pub fn permute(&self, order: &[usize]) -> Layout {
        let shape = order.iter().map(|d| self.shape[*d]).collect();
        let strides = order.iter().map(|d| self.strides[*d]).collect();
        Layout::from_parts(shape, strides, self.offset, self.numel)
    }

    /// Two dimensions exchanged.
    pub fn transpose(&self, a: usize, b: usize) -> Layout {
        let (mut shape, mut strides) = self.parts();
        shape.swap(a, b);
        strides.swap(a, b);
        Layout::from_parts(shape, strides, self.offset, self.numel)
    }

    /// `len` elements of dimension `d` from `start`, every `step`-th. The caller has clamped the range.
    pub fn slice(&self, d: usize, start: usize, len: usize, step: usize) -> Layout {
        let (mut shape, mut strides) = self.parts();
        let offset = (self.offset as isize).saturating_add(if len > 0 || start > 0 {
            (start as isize).saturating_mul(strides[d])
        } else {
            0
        });
        let numel = self.numel.checked_div(self.shape[d]).unwrap_or(0) * len;
        shape[d] = len;
        strides[d] = strides[d].saturating_mul(step as isize);
        Layout::from_parts(shape, strides, offset.max(0) as usize, numel)
    }

    /// Dimension `d` fixed at `index` and removed.
    pub fn select(&self, d: usize, index: usize) -> Layout {
        let (mut shape, mut strides) = self.parts();
        let n = shape.remove(d);
        let s = strides.remove(d);
        let offset = (self.offset as isize + index as isize * s) as usize;
        Layout::from_parts(shape, strides, offset, self.numel.checked_div(n).unwrap_or(0))
    }

    /// A new dimension of size 1 at position `d`.
    pub fn unsqueeze(&self, d: usize) -> Layout {
        let (mut shape, mut strides) = self.parts();
        let s = if d < self.ndim() {
            strides[d].saturating_mul(shape[d] as isize)
        } else {
            1
        };
        shape.insert(d, 1);
        strides.insert(d, s);
        Layout::from_parts(shape, strides, self.offset, self.numel)
    }

    /// Without the listed dimensions (all of size 1).
    pub fn squeeze(&self, drop: impl Fn(usize) -> bool) -> Layout {
        let keep: SmallVec<[usize; 8]> = (0..self.ndim()).filter(|d| !drop(*d)).collect();
        self.permute(&keep)
    }
}

/// The number of elements, checked so that the size in bytes fits an `isize`.
pub fn checked_numel(shape: &[usize], element: usize) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    let numel = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    match numel.and_then(|n| n.checked_mul(element).map(|b| (n, b))) {
        Some((n, bytes)) if bytes <= isize::MAX as usize => Ok(n),
        _ => bail!(Runtime, "Storage size calculation overflowed with sizes={shape:?}"),
    }
}

/// Row-major strides; size-0 dimensions count as 1, as in PyTorch.
pub fn contiguous_strides(shape: &[usize]) -> Strides {
    let mut strides: Strides = smallvec::smallvec![0; shape.len()];
    let mut s = 1isize;
    for d in (0..shape.len()).rev() {
        strides[d] = s;
        s = s.saturating_mul(shape[d].max(1) as isize);
    }
    strides
}

fn is_contiguous(shape: &[usize], strides: &[isize]) -> bool {
    if shape.contains(&0) {
        return true;
    }
    let mut expected = 1isize;
    for (n, s) in shape.iter().zip(strides).rev() {
        if *n != 1 {
            if *s != expected {
                return false;
            }
            expected *= *n as isize;
        }
    }
    true
}

fn span(shape: &[usize], strides: &[isize], offset: usize) -> Option<usize> {
    let mut last = offset;
    for (n, s) in shape.iter().zip(strides) {
        if *n == 0 {
            return Some(0);
        }
        last = last.checked_add((n - 1).checked_mul(usize::try_from(*s).ok()?)?)?;
    }
    last.checked_add(1)
}

/// Strides that view `shape` with `strides` as `new`, or None when the dimensions cannot be merged without a copy.
fn view_strides(shape: &[usize], strides: &[isize], numel: usize, new: &[usize]) -> Option<Strides> {
    if numel == 0 {
        return Some(if shape == new {
            strides.into()
        } else {
            contiguous_strides(new)
        });
    }
    if shape.is_empty() {
        return Some(smallvec::smallvec![1; new.len()]);
    }
    let mut out: Strides = smallvec::smallvec![0; new.len()];
    let mut view_d = new.len() as isize - 1;
    let mut chunk_base = *strides.last()?;
    let (mut tensor_numel, mut view_numel) = (1usize, 1usize);
    for d in (0..shape.len()).rev() {
        tensor_numel *= shape[d];
        let chunk_ends =
            d == 0 || (shape[d - 1] != 1 && strides[d - 1] != (tensor_numel as isize).saturating_mul(chunk_base));
        if chunk_ends {
            while view_d >= 0 && (view_numel < tensor_numel || new[view_d as usize] == 1) {
                out[view_d as usize] = (view_numel as isize).saturating_mul(chunk_base);
                view_numel *= new[view_d as usize];
                view_d -= 1;
            }
            if view_numel != tensor_numel {
                return None;
            }
            if d > 0 {
                chunk_base = strides[d - 1];
                tensor_numel = 1;
                view_numel = 1;
            }
        }
    }
    (view_d == -1).then_some(out)
}

/// A dimension index that may count from the end, wrapped into range. A 0-d tensor accepts -1 and 0.
pub fn wrap_dim(dim: i64, ndim: usize) -> Result<usize> {
    let n = ndim.max(1) as i64;
    ensure!(
        (-n..n).contains(&dim),
        Index,
        "Dimension out of range (expected to be in range of [{}, {}], but got {dim})",
        -n,
        n - 1
    );
    Ok((if dim < 0 { dim + n } else { dim }) as usize)
}

/// Sizes as given by a caller: none may be negative.
pub fn sizes(size: &[i64]) -> Result<Dims> {
    size.iter()
        .map(|n| {
            usize::try_from(*n)
                .map_err(|_| crate::err!(Runtime, "Trying to create tensor with negative dimension {n}: {size:?}"))
        })
        .collect()
}

/// Resolves the `-1` of a `view`/`reshape` size.
pub fn infer_size(size: &[i64], numel: usize) -> Result<Dims> {
    let mut infer = None;
    let mut known = 1usize;
    for (d, n) in size.iter().enumerate() {
        match *n {
            -1 if infer.is_some() => bail!(Runtime, "only one dimension can be inferred"),
            -1 => infer = Some(d),
            n if n < 0 => bail!(Runtime, "invalid shape dimension {n} at index {d} of shape {size:?}"),
            n => {
                known = known
                    .checked_mul(n as usize)
                    .ok_or_else(|| crate::err!(Runtime, "shape '{size:?}' is invalid for input of size {numel}"))?
            }
        }
    }
    let mut out: Dims = size.iter().map(|n| *n.max(&0) as usize).collect();
    match infer {
        Some(d) if known > 0 && numel.is_multiple_of(known) => out[d] = numel / known,
        Some(_) if known == 0 && numel == 0 => bail!(
            Runtime,
            "cannot reshape tensor of 0 elements into shape {size:?} because the unspecified dimension size -1 can be any value and is ambiguous"
        ),
        None if known == numel => {}
        _ => bail!(Runtime, "shape '{size:?}' is invalid for input of size {numel}"),
    }
    Ok(out)
}

/// The common shape of two broadcast operands.
pub fn broadcast(a: &[usize], b: &[usize]) -> Result<Dims> {
    let n = a.len().max(b.len());
    let mut out: Dims = smallvec::smallvec![1; n];
    for d in 0..n {
        let x = if d + a.len() >= n { a[d + a.len() - n] } else { 1 };
        let y = if d + b.len() >= n { b[d + b.len() - n] } else { 1 };
        out[d] = if x == y || y == 1 {
            x
        } else if x == 1 {
            y
        } else {
            bail!(
                Runtime,
                "The size of tensor a ({x}) must match the size of tensor b ({y}) at non-singleton dimension {d}: shapes {a:?} and {b:?} do not broadcast (sizes are compared from the last dimension; each pair must be equal or contain a 1)"
            )
        };
    }
    Ok(out)
}

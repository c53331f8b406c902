//! Views: other geometries of the same memory. Results share storage and version counter with their base.

use crate::autograd::meta::Creation;
use crate::autograd::record::record_many;
use crate::layout::{Dims, Layout, infer_size, sizes};
use crate::{DType, OrThrow, Result, Tensor, bail, ensure, ops};
use smallvec::SmallVec;

ops! {
    /// The same elements with another shape; -1 stands for what is left. Shares memory, so the strides must allow it.
    "view(Tensor(a) self, SymInt[] size) -> Tensor(a)" [method]
    pub fn view(x: &Tensor, size: &[i64]) -> Tensor = view_body;

    /// The same bytes read as another dtype. With another element size the last dimension grows or shrinks.
    "view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)" [method]
    pub fn view_dtype(x: &Tensor, dtype: DType) -> Tensor = view_dtype_body;

    /// As `view`, with a copy where the strides do not allow a view.
    "reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)" [function, method]
    pub fn reshape(x: &Tensor, shape: &[i64]) -> Tensor = reshape_body;

    /// The dimensions in the order `dims`.
    "permute(Tensor(a) self, int[] dims) -> Tensor(a)" [function, method]
    pub fn permute(x: &Tensor, dims: &[i64]) -> Tensor = permute_body;

    /// Two dimensions exchanged.
    "transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)" [function, method]
    pub fn transpose(x: &Tensor, dim0: i64, dim1: i64) -> Tensor = transpose_body;

    /// The transpose of a matrix; vectors and numbers are themselves.
    "t(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn t(x: &Tensor) -> Tensor = t_body;

    /// One index of a dimension, which disappears.
    "select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)" [function, method]
    pub fn select(x: &Tensor, dim: i64, index: i64) -> Tensor = select_body;

    /// Elements `start..end` of a dimension, every `step`-th; out-of-range ends are clamped.
    "slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)" []
    pub fn slice(x: &Tensor, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) -> Tensor = slice_body;

    /// `length` elements of a dimension from `start`; out-of-range is an error.
    "narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)" [function, method]
    pub fn narrow(x: &Tensor, dim: i64, start: i64, length: i64) -> Tensor = narrow_body;

    /// A new dimension of size 1.
    "unsqueeze(Tensor(a) self, int dim) -> Tensor(a)" [function, method]
    pub fn unsqueeze(x: &Tensor, dim: i64) -> Tensor = unsqueeze_body;

    /// Without the dimensions of size 1.
    "squeeze(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn squeeze(x: &Tensor) -> Tensor = squeeze_body;

    /// Without the given dimension if its size is 1.
    "squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)" [function, method]
    pub fn squeeze_dim(x: &Tensor, dim: i64) -> Tensor = squeeze_dim_body;

    /// Without those of the given dimensions whose size is 1.
    "squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)" [function, method]
    pub fn squeeze_dims(x: &Tensor, dim: &[i64]) -> Tensor = squeeze_dims_body;

    /// Any geometry on the same storage: `size`, `stride` and offset in elements, checked against the storage.
    "as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)" [function, method]
    pub fn as_strided(x: &Tensor, size: &[i64], stride: &[i64], storage_offset: Option<i64>) -> Tensor = as_strided_body;

    /// The slices of a dimension, as views.
    "unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn unbind(x: &Tensor, dim: i64) -> Vec<Tensor> = unbind_body;

    /// Pieces of the given sizes along a dimension, as views.
    "split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]" [function, method]
    pub fn split_with_sizes(x: &Tensor, split_sizes: &[i64], dim: i64) -> Vec<Tensor> = split_with_sizes_body;

    /// The same elements without history.
    "detach(Tensor(a) self) -> Tensor(a)" [function, method]
    pub fn detach(x: &Tensor) -> Tensor = detach_body;
}

/// Sizes as integers, for calling ops.
pub(crate) fn ints(shape: &[usize]) -> SmallVec<[i64; 5]> {
    shape.iter().map(|n| *n as i64).collect()
}

fn detach_body(x: &Tensor) -> Result<Tensor> {
    Ok(x.detach())
}

fn view_body(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    let shape = infer_size(size, x.numel())?;
    let Some(layout) = x.layout().view(&shape) else {
        bail!(
            Runtime,
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead. The input has size {:?} and strides {:?}, the view was to be {shape:?}",
            x.shape(),
            x.strides()
        );
    };
    view_as(x, layout, "ViewBackward0")
}

fn view_as(x: &Tensor, layout: Layout, name: &'static str) -> Result<Tensor> {
    let old = Dims::from_slice(x.shape());
    x.record_view(layout, name, move |_, g| reshape(g, &ints(&old)))
}

fn reshape_body(x: &Tensor, shape: &[i64]) -> Result<Tensor> {
    let shape = infer_size(shape, x.numel())?;
    match x.layout().view(&shape) {
        Some(layout) => view_as(x, layout, "ViewBackward0"),
        None => {
            let dense = super::copy::clone(x, Some(crate::MemoryFormat::Contiguous))?;
            let layout = Layout::contiguous(&shape, x.dtype())?;
            view_as(&dense, layout, "UnsafeViewBackward0")
        }
    }
}

fn view_dtype_body(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if dtype == x.dtype() {
        return view_as(x, x.layout().clone(), "AliasBackward0");
    }
    ensure!(
        !x.is_conj() && !x.is_neg(),
        Runtime,
        "torch.Tensor.view is not supported for conjugate view tensors when converting to a different dtype."
    );
    let (from, to) = (x.dtype().size(), dtype.size());
    let (mut shape, mut strides): (Dims, crate::layout::Strides) = (x.shape().into(), x.strides().into());
    let mut offset = x.storage_offset();
    let name = dtype.scalar_type_name();
    if from != to {
        ensure!(
            x.dim() > 0,
            Runtime,
            "self.dim() cannot be 0 to view {} as {name} (different element sizes)",
            x.dtype().scalar_type_name()
        );
        let last = x.dim() - 1;
        ensure!(
            strides[last] == 1 || shape[last] == 1 && from < to || x.numel() == 0,
            Runtime,
            "self.stride(-1) must be 1 to view {} as {name} (different element sizes), but got {}",
            x.dtype().scalar_type_name(),
            strides[last]
        );
        if from > to {
            let r = from / to;
            shape[last] = shape[last]
                .checked_mul(r)
                .ok_or_else(|| crate::err!(Runtime, "view: the size overflows"))?;
            for (d, s) in strides.iter_mut().enumerate() {
                *s = if d == last { 1 } else { *s * r as isize };
            }
            offset *= r;
        } else {
            let r = to / from;
            ensure!(
                shape[last].is_multiple_of(r),
                Runtime,
                "self.size(-1) must be divisible by {r} to view {} as {name} (different element sizes), but got {}",
                x.dtype().scalar_type_name(),
                shape[last]
            );
            ensure!(
                offset.is_multiple_of(r),
                Runtime,
                "self.storage_offset() must be divisible by {r} to view {} as {name} (different element sizes), but got {offset}",
                x.dtype().scalar_type_name()
            );
            for (d, s) in strides.iter().enumerate().take(last) {
                ensure!(
                    (*s as usize).is_multiple_of(r),
                    Runtime,
                    "self.stride({d}) must be divisible by {r} to view {} as {name} (different element sizes), but got {s}",
                    x.dtype().scalar_type_name()
                );
            }
            shape[last] /= r;
            for (d, s) in strides.iter_mut().enumerate() {
                *s = if d == last { 1 } else { *s / r as isize };
            }
            offset /= r;
        }
    }
    let layout = Layout::strided(&shape, &strides, offset, dtype)?;
    let out = x.view_with(layout, dtype, Creation::Default);
    let old = x.dtype();
    out.record("ViewBackward1", [x], |_| move |_: &_, g: &Tensor| view_dtype(g, old))
}

/// A permutation given by a caller, as indices.
fn order_of(x: &Tensor, dims: &[i64]) -> Result<SmallVec<[usize; 8]>> {
    ensure!(
        dims.len() == x.dim(),
        Runtime,
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = {} is not equal to len(dims) = {}",
        x.dim(),
        dims.len()
    );
    let mut order = SmallVec::new();
    for d in dims {
        let d = x.wrap_dim(*d)?;
        ensure!(
            !order.contains(&d),
            Runtime,
            "permute(): duplicate dims are not allowed."
        );
        order.push(d);
    }
    Ok(order)
}

fn permute_body(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let order = order_of(x, dims)?;
    let mut back = vec![0i64; order.len()];
    for (i, d) in order.iter().enumerate() {
        back[*d] = i as i64;
    }
    x.record_view(x.layout().permute(&order), "PermuteBackward0", move |_, g| {
        permute(g, &back)
    })
}

fn transpose_body(x: &Tensor, dim0: i64, dim1: i64) -> Result<Tensor> {
    let (a, b) = (x.wrap_dim(dim0)?, x.wrap_dim(dim1)?);
    let layout = if x.dim() == 0 {
        x.layout().clone()
    } else {
        x.layout().transpose(a, b)
    };
    x.record_view(layout, "TransposeBackward0", move |_, g| {
        transpose(g, a as i64, b as i64)
    })
}

fn t_body(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dim() <= 2,
        Runtime,
        "t() expects a tensor with <= 2 dimensions, but self is {}D",
        x.dim()
    );
    let layout = if x.dim() < 2 {
        x.layout().clone()
    } else {
        x.layout().transpose(0, 1)
    };
    x.record_view(layout, "TBackward0", |_, g| t(g))
}

fn select_body(x: &Tensor, dim: i64, index: i64) -> Result<Tensor> {
    ensure!(x.dim() > 0, Index, "select() cannot be applied to a 0-dim tensor.");
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d] as i64;
    ensure!(
        (-n..n).contains(&index),
        Index,
        "select(): index {index} out of range for tensor of size {:?} at dimension {d}",
        x.shape()
    );
    let i = if index < 0 { index + n } else { index };
    let shape = Dims::from_slice(x.shape());
    x.record_view(x.layout().select(d, i as usize), "SelectBackward0", move |_, g| {
        select_backward(g, &shape, d as i64, i)
    })
}

/// Zeros of `shape` with `g` at one index: differentiable.
fn select_backward(g: &Tensor, shape: &[usize], dim: i64, index: i64) -> Result<Tensor> {
    let out = super::factory::zeros_of(shape, g.dtype())?;
    super::copy::copy_(&select(&out, dim, index)?, g)?;
    Ok(out)
}

fn slice_body(x: &Tensor, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) -> Result<Tensor> {
    ensure!(x.dim() > 0, Runtime, "slice() cannot be applied to a 0-dim tensor.");
    let d = x.wrap_dim(dim)?;
    ensure!(step > 0, Runtime, "slice step must be positive");
    let n = x.shape()[d] as i64;
    let clamp = |i: i64| (if i < 0 { i.saturating_add(n) } else { i }).clamp(0, n);
    let start = clamp(start.unwrap_or(0));
    let end = clamp(end.unwrap_or(i64::MAX)).max(start);
    let len = if end == start { 0 } else { (end - start - 1) / step + 1 };
    let layout = x.layout().slice(d, start as usize, len as usize, step as usize);
    let shape = Dims::from_slice(x.shape());
    x.record_view(layout, "SliceBackward0", move |_, g| {
        slice_backward(g, &shape, d as i64, start, end, step)
    })
}

fn slice_backward(g: &Tensor, shape: &[usize], dim: i64, start: i64, end: i64, step: i64) -> Result<Tensor> {
    let out = super::factory::zeros_of(shape, g.dtype())?;
    super::copy::copy_(&slice(&out, dim, Some(start), Some(end), step)?, g)?;
    Ok(out)
}

fn narrow_body(x: &Tensor, dim: i64, start: i64, length: i64) -> Result<Tensor> {
    ensure!(x.dim() > 0, Runtime, "narrow() cannot be applied to a 0-dim tensor.");
    ensure!(length >= 0, Runtime, "narrow(): length must be non-negative.");
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d] as i64;
    ensure!(
        (-n..=n).contains(&start),
        Index,
        "start out of range (expected to be in range of [{}, {n}], but got {start})",
        -n
    );
    let start = if start < 0 { start + n } else { start };
    ensure!(
        length <= n - start,
        Runtime,
        "start ({start}) + length ({length}) exceeds dimension size ({n})."
    );
    slice(x, d as i64, Some(start), Some(start + length), 1)
}

fn unsqueeze_body(x: &Tensor, dim: i64) -> Result<Tensor> {
    let n = x.dim() as i64 + 1;
    ensure!(
        (-n..n).contains(&dim),
        Index,
        "Dimension out of range (expected to be in range of [{}, {}], but got {dim})",
        -n,
        n - 1
    );
    let d = if dim < 0 { dim + n } else { dim };
    x.record_view(x.layout().unsqueeze(d as usize), "UnsqueezeBackward0", move |_, g| {
        squeeze_dim(g, d)
    })
}

fn squeeze_body(x: &Tensor) -> Result<Tensor> {
    let shape = Dims::from_slice(x.shape());
    let layout = x.layout().squeeze(|d| shape[d] == 1);
    x.record_view(layout, "SqueezeBackward0", move |_, g| reshape(g, &ints(&shape)))
}

fn squeeze_dim_body(x: &Tensor, dim: i64) -> Result<Tensor> {
    let d = x.wrap_dim(dim)?;
    let shape = Dims::from_slice(x.shape());
    let layout = x.layout().squeeze(|k| k == d && shape[k] == 1);
    x.record_view(layout, "SqueezeBackward1", move |_, g| reshape(g, &ints(&shape)))
}

fn squeeze_dims_body(x: &Tensor, dims: &[i64]) -> Result<Tensor> {
    let mut drop: SmallVec<[usize; 8]> = SmallVec::new();
    for d in dims {
        let d = x.wrap_dim(*d)?;
        ensure!(
            !drop.contains(&d),
            Runtime,
            "dim {d} appears multiple times in the list of dims"
        );
        drop.push(d);
    }
    let shape = Dims::from_slice(x.shape());
    let layout = x.layout().squeeze(|k| shape[k] == 1 && drop.contains(&k));
    x.record_view(layout, "SqueezeBackward2", move |_, g| reshape(g, &ints(&shape)))
}

fn as_strided_body(x: &Tensor, size: &[i64], stride: &[i64], offset: Option<i64>) -> Result<Tensor> {
    ensure!(
        size.len() == stride.len(),
        Runtime,
        "mismatch in length of strides and shape"
    );
    let shape = sizes(size)?;
    let mut strides = crate::layout::Strides::new();
    for s in stride {
        ensure!(
            *s >= 0,
            Runtime,
            "as_strided: Negative strides are not supported at the moment, got strides: {stride:?}"
        );
        strides.push(*s as isize);
    }
    let offset = offset.unwrap_or(x.storage_offset() as i64);
    ensure!(offset >= 0, Runtime, "Tensor: invalid storage offset {offset}");
    let layout = Layout::strided(&shape, &strides, offset as usize, x.dtype())?;
    let available = x.storage().nbytes();
    let needed = layout.span().and_then(|n| n.checked_mul(x.dtype().size()));
    ensure!(
        needed.is_some_and(|n| n <= available),
        Runtime,
        "setStorage: sizes {size:?}, strides {stride:?}, storage offset {offset}, and itemsize {} requiring a storage size of {} are out of bounds for storage of size {available}",
        x.dtype().size(),
        needed.map_or("more than can be addressed".to_string(), |n| n.to_string())
    );
    let (base, own) = (x.layout().clone(), layout.clone());
    x.record_view(layout, "AsStridedBackward0", move |_, g| {
        as_strided_backward(g, &base, &own)
    })
}

/// The gradient of `as_strided`: what every element of the view received, added up per element of memory, then read
/// through the input's geometry (PyTorch's `as_strided_backward`). Elements that several input indices name share
/// their gradient evenly.
pub(crate) fn as_strided_backward(g: &Tensor, base: &Layout, view: &Layout) -> Result<Tensor> {
    let lowest = base.offset().min(view.offset());
    let span = |l: &Layout| l.span().unwrap_or(0).saturating_sub(lowest);
    let n = span(base).max(span(view));
    let strides = |l: &Layout| -> SmallVec<[i64; 5]> { l.strides().iter().map(|s| *s as i64).collect() };
    let flat = super::factory::zeros_of(&[n], g.dtype())?;
    let overlapping = !view.is_non_overlapping_and_dense() && may_overlap(view);
    let flat = if overlapping {
        let places = super::reduce::positions(view, lowest)?;
        super::reduce::add_at(&flat, &places, &reshape(g, &[-1])?)?
    } else {
        let part = as_strided(
            &flat,
            &ints(view.shape()),
            &strides(view),
            Some((view.offset() - lowest) as i64),
        )?;
        super::copy::copy_(&part, g)?;
        flat
    };
    let flat = if may_overlap(base) && !base.is_non_overlapping_and_dense() {
        let places = super::reduce::positions(base, lowest)?;
        let ones = super::factory::full_of(&[places.len()], crate::Scalar::Int(1), g.dtype())?;
        let count = super::reduce::add_at(&super::factory::zeros_of(&[n], g.dtype())?, &places, &ones)?;
        super::arith::div(&flat, &count)?
    } else {
        flat
    };
    as_strided(
        &flat,
        &ints(base.shape()),
        &strides(base),
        Some((base.offset() - lowest) as i64),
    )
}

/// Whether two indices of a layout might name one element (PyTorch's `_maybe_overlapping_memory`).
fn may_overlap(l: &Layout) -> bool {
    let mut dims: SmallVec<[(isize, usize); 8]> = l
        .strides()
        .iter()
        .zip(l.shape())
        .filter(|(_, n)| **n > 1)
        .map(|(s, n)| (*s, *n))
        .collect();
    dims.sort_unstable();
    let mut reach = 0isize;
    for (s, n) in dims {
        if s <= reach {
            return true;
        }
        reach += s * (n as isize - 1);
    }
    false
}

fn unbind_body(x: &Tensor, dim: i64) -> Result<Vec<Tensor>> {
    ensure!(
        x.dim() > 0,
        Index,
        "Dimension specified as {dim} but tensor has no dimensions"
    );
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d];
    // An empty tensor may have any number of slices; the list of them is memory too.
    ensure!(
        n <= 1 << 24,
        OutOfMemory,
        "unbind: dimension {d} of a tensor of shape {:?} has {n} slices, more than a list can sensibly hold; use select",
        x.shape()
    );
    let shape = x.layout().select(d, 0);
    let outs: Vec<Tensor> = (0..n)
        .map(|i| x.view_with(x.layout().select(d, i), x.dtype(), Creation::Multi))
        .collect();
    let (part, dtype): (Dims, DType) = (shape.shape().into(), x.dtype());
    record_many(&outs, "UnbindBackward0", &[Some(x)], |_| {
        move |_: &_, g: &[Option<Tensor>]| {
            let parts: Vec<Tensor> = g
                .iter()
                .map(|g| g.clone().map_or_else(|| super::factory::zeros_of(&part, dtype), Ok))
                .collect::<Result<_>>()?;
            let mut full: Dims = part.clone();
            full.insert(d, parts.len());
            let out = super::factory::zeros_of(&full, dtype)?;
            for (i, p) in parts.iter().enumerate() {
                super::copy::copy_(&select(&out, d as i64, i as i64)?, p)?;
            }
            Ok(out)
        }
    })?;
    Ok(outs)
}

fn split_with_sizes_body(x: &Tensor, split_sizes: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    ensure!(x.dim() > 0, Runtime, "split expects at least a 1-dimensional tensor");
    let d = x.wrap_dim(dim)?;
    let n = x.shape()[d] as i64;
    ensure!(
        split_sizes.iter().all(|s| *s >= 0),
        Runtime,
        "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={split_sizes:?}"
    );
    let sum = split_sizes.iter().try_fold(0i64, |a, s| a.checked_add(*s));
    ensure!(
        sum == Some(n),
        Runtime,
        "split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), but got split_sizes={split_sizes:?}"
    );
    pieces(x, d, split_sizes, "SplitWithSizesBackward0")
}

/// Pieces of sizes that add up to dimension `d`, as views recorded under `name`.
pub(crate) fn pieces(x: &Tensor, d: usize, sizes: &[i64], name: &'static str) -> Result<Vec<Tensor>> {
    let mut start = 0usize;
    let mut outs = Vec::with_capacity(sizes.len());
    for s in sizes {
        outs.push(x.view_with(x.layout().slice(d, start, *s as usize, 1), x.dtype(), Creation::Multi));
        start += *s as usize;
    }
    let (shape, dtype): (Dims, DType) = (x.shape().into(), x.dtype());
    let sizes: Vec<i64> = sizes.to_vec();
    record_many(&outs, name, &[Some(x)], |_| {
        move |_: &_, g: &[Option<Tensor>]| {
            let out = super::factory::zeros_of(&shape, dtype)?;
            let mut start = 0;
            for (g, n) in g.iter().zip(&sizes) {
                if let Some(g) = g {
                    super::copy::copy_(&slice(&out, d as i64, Some(start), Some(start + n), 1)?, g)?;
                }
                start += n;
            }
            Ok(out)
        }
    })?;
    Ok(outs)
}

/// Gives `x` another size, keeping the elements in memory order (PyTorch's `resize_`): the handle is replaced, the
/// autograd identity moves along.
pub fn resize(x: &mut Tensor, shape: &[usize]) -> Result<()> {
    ensure!(!x.requires_grad(), Runtime, "cannot resize variables that require grad");
    if x.shape() == shape {
        return Ok(());
    }
    let layout = Layout::contiguous(shape, x.dtype())?;
    let needed = (layout.numel() + x.storage_offset()) * x.dtype().size();
    let (bits, version) = (x.0.bits, x.0.version.clone());
    let new = if needed <= x.storage().nbytes() {
        let strides: crate::layout::Strides = layout.strides().into();
        let layout = Layout::strided(shape, &strides, x.storage_offset(), x.dtype())?;
        Tensor::assemble(x.storage().clone(), layout, x.dtype(), bits, version, None)
    } else {
        let fresh = Tensor::uninit(shape, x.dtype())?;
        let old = x.storage().nbytes() - x.storage_offset() * x.dtype().size();
        let keep = (old / x.dtype().size()).min(layout.numel());
        if keep > 0 {
            let flat = |t: &Tensor, offset| -> Result<Tensor> {
                let l = Layout::strided(&[keep], &[1], offset, t.dtype())?;
                Ok(t.alias_with(l))
            };
            super::copy::copy_data(&flat(&fresh, 0)?, &flat(x, x.storage_offset())?)?;
        }
        fresh
    };
    if let Some(m) = x.known_meta() {
        let _ = new.0.meta.set(m.clone());
    }
    *x = new;
    Ok(())
}

impl Tensor {
    /// A handle with another layout on the same storage and version counter, outside autograd.
    pub(crate) fn alias_with(&self, layout: Layout) -> Tensor {
        Tensor::assemble(
            self.storage().clone(),
            layout,
            self.dtype(),
            self.0.bits,
            self.0.version.clone(),
            None,
        )
    }

    /// The same elements with another shape; shares memory.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[1i64, 2, 3, 4]);
    /// x.view(&[2, 2]).fill_(7);
    /// assert_eq!(x.to_vec::<i64>(), [7; 4]);
    /// ```
    #[track_caller]
    pub fn view(&self, size: &[i64]) -> Tensor {
        view(self, size).or_throw()
    }

    /// As [`Tensor::view`], with a copy where the strides do not allow a view.
    #[track_caller]
    pub fn reshape(&self, shape: &[i64]) -> Tensor {
        reshape(self, shape).or_throw()
    }

    /// The dimensions in the order `dims`.
    #[track_caller]
    pub fn permute(&self, dims: &[i64]) -> Tensor {
        permute(self, dims).or_throw()
    }

    /// Two dimensions exchanged.
    #[track_caller]
    pub fn transpose(&self, dim0: i64, dim1: i64) -> Tensor {
        transpose(self, dim0, dim1).or_throw()
    }

    /// The transpose of a matrix.
    #[track_caller]
    pub fn t(&self) -> Tensor {
        t(self).or_throw()
    }

    /// One index of a dimension, which disappears.
    #[track_caller]
    pub fn select(&self, dim: i64, index: i64) -> Tensor {
        select(self, dim, index).or_throw()
    }

    /// `length` elements of a dimension from `start`.
    #[track_caller]
    pub fn narrow(&self, dim: i64, start: i64, length: i64) -> Tensor {
        narrow(self, dim, start, length).or_throw()
    }

    /// A new dimension of size 1.
    #[track_caller]
    pub fn unsqueeze(&self, dim: i64) -> Tensor {
        unsqueeze(self, dim).or_throw()
    }

    /// Without the dimensions of size 1.
    #[track_caller]
    pub fn squeeze(&self) -> Tensor {
        squeeze(self).or_throw()
    }

    /// Any geometry on the same storage.
    #[track_caller]
    pub fn as_strided(&self, size: &[i64], stride: &[i64], storage_offset: Option<i64>) -> Tensor {
        as_strided(self, size, stride, storage_offset).or_throw()
    }

    /// The slices of a dimension, as views.
    #[track_caller]
    pub fn unbind(&self, dim: i64) -> Vec<Tensor> {
        unbind(self, dim).or_throw()
    }
}

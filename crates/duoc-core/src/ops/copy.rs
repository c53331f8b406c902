//! Copies and conversions: `clone`, `contiguous`, `to`, `copy_`.

use crate::autograd::record::{check_inplace, needs_grad, record_inplace};
use crate::iter::Dest;
use crate::iter::{assert_no_internal_overlap, assert_no_partial_overlap, elementwise};
use crate::storage::{Mode, access};
use crate::{DType, Device, LayoutKind, MemoryFormat, OrThrow, Result, Tensor, bail, ensure, ops};
use duoc_kernels::copy::{cast_loop, copy_nd};
use smallvec::SmallVec;

ops! {
    /// A copy with its own memory; differentiable. `memory_format` says how it is laid out: as the input when that
    /// is dense (`preserve_format`, the default), or row-major.
    "clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor" [function, method]
    pub fn clone(x: &Tensor, memory_format: Option<MemoryFormat>) -> Tensor = clone_body;

    /// The tensor itself when it is row-major, else a row-major copy.
    "contiguous(Tensor(a) self, *, MemoryFormat memory_format=contiguous_format) -> Tensor(a)" [method]
    pub fn contiguous(x: &Tensor, memory_format: Option<MemoryFormat>) -> Tensor = contiguous_body;

    /// The tensor with another dtype and device: itself when nothing changes, else a copy.
    "to.dtype_layout(Tensor(a) self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)" [method]
    pub fn to(x: &Tensor, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, non_blocking: bool, copy: bool, memory_format: Option<MemoryFormat>) -> Tensor = to_body;

    /// As `to.dtype_layout` with the dtype alone.
    "to.dtype(Tensor(a) self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)" [method]
    pub fn to_dtype_op(x: &Tensor, dtype: DType, non_blocking: bool, copy: bool, memory_format: Option<MemoryFormat>) -> Tensor = to_dtype_body;

    /// As `to.dtype_layout` with device and dtype.
    "to.device(Tensor(a) self, Device? device=None, ScalarType? dtype=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)" [method]
    pub fn to_device_dtype(x: &Tensor, device: Option<Device>, dtype: Option<DType>, non_blocking: bool, copy: bool, memory_format: Option<MemoryFormat>) -> Tensor = to_device_body;

    /// The dtype and device of another tensor.
    "to.other(Tensor(a) self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor(a)" [method]
    pub fn to_other(x: &Tensor, other: &Tensor, non_blocking: bool, copy: bool, memory_format: Option<MemoryFormat>) -> Tensor = to_other_body;

    /// Copies the elements of `src`, broadcast and converted, into `self`.
    "copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)" [method]
    pub fn copy_from(x: &Tensor, src: &Tensor, non_blocking: bool) -> Tensor = copy_from_body;
}

fn clone_body(x: &Tensor, format: Option<MemoryFormat>) -> Result<Tensor> {
    let out = uninit_in(x, x.dtype(), format.unwrap_or(MemoryFormat::Preserve))?;
    copy_data(&out, x)?;
    out.record("CloneBackward0", [x], |_| |_: &_, g: &Tensor| Ok(g.clone()))
}

fn contiguous_body(x: &Tensor, format: Option<MemoryFormat>) -> Result<Tensor> {
    match format.unwrap_or(MemoryFormat::Contiguous) {
        MemoryFormat::Preserve => bail!(
            Runtime,
            "preserve memory format is unsupported by the contiguous operator"
        ),
        MemoryFormat::Contiguous if x.is_contiguous() => Ok(x.clone()),
        f if f != MemoryFormat::Contiguous && x.strides() == &channels_last(x.shape(), f)?[..] => Ok(x.clone()),
        f => clone(x, Some(f)),
    }
}

/// An uninitialised tensor of `x`'s shape in a memory format.
pub(crate) fn uninit_in(x: &Tensor, dtype: DType, format: MemoryFormat) -> Result<Tensor> {
    match format {
        MemoryFormat::Preserve => Tensor::uninit_like(x, dtype),
        f => uninit_format(x.shape(), dtype, f),
    }
}

/// An uninitialised tensor in a memory format that needs no model; `Preserve` counts as row-major.
pub(crate) fn uninit_format(shape: &[usize], dtype: DType, format: MemoryFormat) -> Result<Tensor> {
    match format {
        MemoryFormat::Preserve | MemoryFormat::Contiguous => Tensor::uninit(shape, dtype),
        f => {
            channels_last(shape, f)?;
            Tensor::uninit_permuted(shape, &channels_last_order(shape.len()), dtype)
        }
    }
}

fn channels_last_order(dim: usize) -> SmallVec<[usize; 5]> {
    std::iter::once(0).chain(2..dim).chain(std::iter::once(1)).collect()
}

/// The strides of a channels-last tensor.
fn channels_last(shape: &[usize], format: MemoryFormat) -> Result<crate::layout::Strides> {
    let dim = if format == MemoryFormat::ChannelsLast { 4 } else { 5 };
    ensure!(
        shape.len() == dim,
        Runtime,
        "required rank {dim} tensor to use {} format",
        if dim == 4 { "channels_last" } else { "channels_last_3d" }
    );
    let mut strides: crate::layout::Strides = smallvec::smallvec![0; dim];
    let mut s = 1isize;
    for d in channels_last_order(dim).into_iter().rev() {
        strides[d] = s;
        s = s.saturating_mul(shape[d].max(1) as isize);
    }
    Ok(strides)
}

fn to_body(
    x: &Tensor,
    dtype: Option<DType>,
    _layout: Option<LayoutKind>,
    device: Option<Device>,
    _pin_memory: Option<bool>,
    _non_blocking: bool,
    copy: bool,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    if let Some(d) = device {
        check_device(d)?;
    }
    convert(x, dtype.unwrap_or(x.dtype()), copy, format)
}

/// Only host memory is there unless a backend registered more.
pub(crate) fn check_device(device: Device) -> Result<()> {
    match device {
        Device::Cpu => Ok(()),
        d => bail!(
            Runtime,
            "{d} was asked for, but duoc was built without a CUDA backend; use device(\"cpu\")"
        ),
    }
}

fn to_dtype_body(x: &Tensor, dtype: DType, _: bool, copy: bool, format: Option<MemoryFormat>) -> Result<Tensor> {
    convert(x, dtype, copy, format)
}

fn to_device_body(
    x: &Tensor,
    device: Option<Device>,
    dtype: Option<DType>,
    _: bool,
    copy: bool,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    if let Some(d) = device {
        check_device(d)?;
    }
    convert(x, dtype.unwrap_or(x.dtype()), copy, format)
}

fn to_other_body(x: &Tensor, other: &Tensor, _: bool, copy: bool, format: Option<MemoryFormat>) -> Result<Tensor> {
    convert(x, other.dtype(), copy, format)
}

/// `x` as `dtype`: itself when it is that already.
pub fn to_dtype(x: &Tensor, dtype: DType) -> Result<Tensor> {
    if x.dtype() == dtype {
        Ok(x.clone())
    } else {
        convert(x, dtype, false, None)
    }
}

fn convert(x: &Tensor, dtype: DType, copy: bool, format: Option<MemoryFormat>) -> Result<Tensor> {
    let format = format.unwrap_or(MemoryFormat::Preserve);
    let same_format = match format {
        MemoryFormat::Preserve => true,
        MemoryFormat::Contiguous => x.is_contiguous(),
        f => x.strides() == &channels_last(x.shape(), f)?[..],
    };
    if x.dtype() == dtype && !copy && same_format {
        return Ok(x.clone());
    }
    let out = uninit_in(x, dtype, format)?;
    copy_data(&out, x)?;
    let from = x.dtype();
    out.record("ToCopyBackward0", [x], |_| move |_: &_, g: &Tensor| to_dtype(g, from))
}

fn copy_from_body(x: &Tensor, src: &Tensor, _: bool) -> Result<Tensor> {
    copy_(x, src)?;
    Ok(x.clone())
}

/// Copies the elements of `src`, broadcast and converted, into `x`, and records it.
pub fn copy_(x: &Tensor, src: &Tensor) -> Result<()> {
    check_inplace(x)?;
    let shape = crate::layout::broadcast(x.shape(), src.shape())?;
    ensure!(
        shape[..] == *x.shape(),
        Runtime,
        "output with shape {:?} doesn't match the broadcast shape {shape:?}",
        x.shape()
    );
    assert_no_internal_overlap(x)?;
    if x.is_same(src) {
        return Ok(());
    }
    let before = x.version();
    copy_data(x, src)?;
    if x.version() == before {
        x.bump_version();
    }
    let inputs = [Some(x), Some(src)];
    if !needs_grad(&inputs) {
        return Ok(());
    }
    record_inplace(x, "CopyBackwards", &inputs, |_| {
        |c: &crate::autograd::Ctx, g: &Tensor| {
            let zero = if c.needs(0) {
                Some(super::factory::zeros_like(g)?)
            } else {
                None
            };
            Ok([zero, c.needs(1).then(|| g.clone())])
        }
    })
}

fn check_expand(from: &[usize], to: &[usize]) -> Result<()> {
    let fits = from.len() <= to.len() && from.iter().rev().zip(to.iter().rev()).all(|(a, b)| a == b || *a == 1);
    ensure!(
        fits,
        Runtime,
        "The expanded size of the tensor ({to:?}) must match the existing size ({from:?}): a tensor of shape {from:?} cannot be broadcast to {to:?}"
    );
    Ok(())
}

/// Copies elements without recording: `dst` gets `src`, broadcast and converted.
pub(crate) fn copy_data(dst: &Tensor, src: &Tensor) -> Result<()> {
    if dst.numel() == 0 {
        return Ok(());
    }
    check_expand(src.shape(), dst.shape())?;
    assert_no_partial_overlap(dst, src)?;
    if src.is_lazy() || dst.is_lazy() {
        return super::parts::copy_lazy(dst, src);
    }
    let mode = if dst.storage().use_count() == 1 && dst.known_meta().is_none() {
        Mode::Init
    } else {
        Mode::Write
    };
    if dst.dtype() == src.dtype() {
        let size = dst.dtype().size() as isize;
        let lead = dst.dim() - src.dim();
        let out_strides: SmallVec<[isize; 8]> = dst.strides().iter().map(|s| s.saturating_mul(size)).collect();
        let in_strides: SmallVec<[isize; 8]> = (0..dst.dim())
            .map(|d| {
                if d < lead || src.shape()[d - lead] == 1 {
                    0
                } else {
                    src.strides()[d - lead].saturating_mul(size)
                }
            })
            .collect();
        return access::access([(dst, mode), (src, Mode::Read)], |[out, input]| {
            // The very same elements: nothing to do, and the kernel wants disjoint operands.
            if out != input || out_strides != in_strides {
                // SAFETY: both layouts lie in their storages, which are locked; the shapes agree after broadcasting.
                unsafe { copy_nd(out, &out_strides, input, &in_strides, dst.shape(), size as usize) };
            }
            Ok(())
        });
    }
    let Some(kernel) = cast_loop(src.dtype(), dst.dtype()) else {
        bail!(
            NotImplemented,
            "copy_: no conversion from {} to {}",
            src.dtype(),
            dst.dtype()
        )
    };
    let dest = if mode == Mode::Init {
        Dest::Fresh(dst)
    } else {
        Dest::Into(dst)
    };
    // The output's shape is given, not found from the input's.
    let src = super::shape::expand(&src.detach(), &super::view::ints(dst.shape()), false)?;
    elementwise(dest, dst.dtype(), &[&src], kernel, std::ptr::null(), 1).map(drop)
}

impl Tensor {
    /// A copy with its own memory, differentiable: PyTorch's `clone()`. (Rust's `clone` is another handle.)
    #[track_caller]
    pub fn copy(&self) -> Tensor {
        clone(self, None).or_throw()
    }

    /// Row-major: itself or a copy.
    #[track_caller]
    pub fn contiguous(&self) -> Tensor {
        contiguous(self, None).or_throw()
    }

    /// The tensor as another dtype: itself when it is that already.
    ///
    /// ```
    /// use duoc_core::{Tensor, DType};
    /// assert_eq!(Tensor::from_slice(&[1.7f32]).to_dtype(DType::I64).to_vec::<i64>(), [1]);
    /// ```
    #[track_caller]
    pub fn to_dtype(&self, dtype: DType) -> Tensor {
        to_dtype(self, dtype).or_throw()
    }

    /// The tensor on a device: itself when it is there already.
    #[track_caller]
    pub fn to(&self, device: Device) -> Tensor {
        to(self, None, None, Some(device), None, false, false, None).or_throw()
    }

    /// Copies the elements of `src`, broadcast and converted, into this tensor.
    #[track_caller]
    pub fn copy_(&self, src: &Tensor) -> &Tensor {
        copy_(self, src).or_throw();
        self
    }
}

//! Tensors from nothing: constants, ranges, and the `_like` and `new_` siblings.

use super::copy::{check_device, uninit_format};
use crate::iter::{Dest, elementwise};
use crate::layout::sizes;
use crate::storage::{Mode, access};
use crate::{DType, Device, LayoutKind, MemoryFormat, OrThrow, Result, Scalar, Tensor, default_dtype, ops};

ops! {
    /// Uninitialised memory of the given size.
    "empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn empty(size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = empty_body;

    /// All elements 0.
    "zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn zeros(size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = zeros_body;

    /// All elements 1.
    "ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn ones(size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = ones_body;

    /// All elements `fill_value`; the dtype follows the value when none is given.
    "full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn full(size: &[i64], fill_value: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = full_body;

    /// Fills with a number, in place.
    "fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)" [function, method]
    pub fn fill_scalar(x: &Tensor, value: Scalar) -> Tensor = fill_scalar_body;

    /// Fills with 0, in place.
    "zero_(Tensor(a!) self) -> Tensor(a!)" [function, method]
    pub fn zero(x: &Tensor) -> Tensor = zero_body;
}

/// The dtype of a factory function without one.
fn or_default(dtype: Option<DType>) -> DType {
    dtype.unwrap_or_else(default_dtype)
}

fn empty_body(
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    check_device(device.unwrap_or_default())?;
    let shape = sizes(size)?;
    match format {
        None | Some(MemoryFormat::Contiguous) => Tensor::uninit(&shape, or_default(dtype)),
        Some(MemoryFormat::Preserve) => {
            crate::bail!(
                Runtime,
                "empty: preserve_format needs a tensor to take the strides from; use empty_like"
            )
        }
        Some(f) => uninit_format(&shape, or_default(dtype), f),
    }
}

fn zeros_body(
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    check_device(device.unwrap_or_default())?;
    crate::ensure!(
        size.iter().all(|n| *n >= 0),
        Runtime,
        "zeros: Dimension size must be non-negative."
    );
    zeros_of(&sizes(size)?, or_default(dtype))
}

fn ones_body(
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    check_device(device.unwrap_or_default())?;
    full_of(&sizes(size)?, Scalar::Int(1), or_default(dtype))
}

fn full_body(
    size: &[i64],
    value: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    check_device(device.unwrap_or_default())?;
    let dtype = dtype.unwrap_or_else(|| match value {
        Scalar::Bool(_) => DType::Bool,
        Scalar::Int(_) | Scalar::UInt(_) => DType::I64,
        Scalar::Float(_) => default_dtype(),
        Scalar::Complex(..) => crate::promote::default_complex(),
    });
    full_of(&sizes(size)?, value, dtype)
}

/// A row-major tensor with every element `value`.
pub(crate) fn full_of(shape: &[usize], value: Scalar, dtype: DType) -> Result<Tensor> {
    let bytes = value.to_bytes(dtype)?;
    let t = Tensor::uninit(shape, dtype)?;
    fill_fresh(&t, &bytes)?;
    Ok(t)
}

/// A row-major tensor of zeros.
pub(crate) fn zeros_of(shape: &[usize], dtype: DType) -> Result<Tensor> {
    let t = Tensor::uninit(shape, dtype)?;
    fill_fresh(&t, &[0; 16])?;
    Ok(t)
}

/// Fills a new dense tensor.
fn fill_fresh(t: &Tensor, bytes: &[u8; 16]) -> Result<()> {
    let size = t.dtype().size();
    access::access([(t, Mode::Init)], |[p]| {
        // SAFETY: a new dense tensor holds `numel` elements from its first one on.
        unsafe { duoc_kernels::fill::fill_contiguous(p, &bytes[..size], t.numel()) };
        Ok(())
    })
}

/// Zeros with the shape, dtype and strides of `x`.
pub fn zeros_like(x: &Tensor) -> Result<Tensor> {
    let t = Tensor::uninit_like(x, x.dtype())?;
    fill_fresh(&t, &[0; 16])?;
    Ok(t)
}

/// Ones with the shape, dtype and strides of `x`.
pub fn ones_like(x: &Tensor) -> Result<Tensor> {
    let t = Tensor::uninit_like(x, x.dtype())?;
    fill_fresh(&t, &Scalar::Int(1).to_bytes(x.dtype())?)?;
    Ok(t)
}

fn fill_scalar_body(x: &Tensor, value: Scalar) -> Result<Tensor> {
    let bytes = value.to_bytes(x.dtype())?;
    // Elements that share memory all become the same number: overlap does no harm.
    crate::autograd::record::check_inplace(x)?;
    let kernel = duoc_kernels::fill::fill_loop(x.dtype().size());
    elementwise_fill(&once(x)?, kernel, bytes.as_ptr())?;
    crate::autograd::record::record_inplace(x, "FillBackward0", &[Some(x)], |_| |_: &_, g: &Tensor| zeros_like(g))?;
    Ok(x.clone())
}

/// The elements of `x`, expanded dimensions counted once.
fn once(x: &Tensor) -> Result<Tensor> {
    if !x.strides().contains(&0) {
        return Ok(x.clone());
    }
    let sizes: Vec<i64> = x
        .shape()
        .iter()
        .zip(x.strides())
        .map(|(n, s)| if *s == 0 { 1.min(*n as i64) } else { *n as i64 })
        .collect();
    let strides: Vec<i64> = x.strides().iter().map(|s| *s as i64).collect();
    super::view::as_strided(&x.detach(), &sizes, &strides, Some(x.storage_offset() as i64))
}

fn elementwise_fill(x: &Tensor, kernel: duoc_kernels::Loop2d, value: *const u8) -> Result<()> {
    elementwise(Dest::Into(x), x.dtype(), &[], kernel, value, 1).map(drop)
}

fn zero_body(x: &Tensor) -> Result<Tensor> {
    zero_(x)?;
    Ok(x.clone())
}

/// Fills with 0, in place.
pub fn zero_(x: &Tensor) -> Result<()> {
    crate::autograd::record::check_inplace(x)?;
    crate::iter::assert_no_internal_overlap(x)?;
    elementwise_fill(x, duoc_kernels::fill::fill_loop(x.dtype().size()), [0u8; 16].as_ptr())?;
    crate::autograd::record::record_inplace(x, "ZeroBackward0", &[Some(x)], |_| |_: &_, g: &Tensor| zeros_like(g))
}

impl Tensor {
    /// All elements 0, of the default dtype.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::zeros(&[2, 2]).to_vec::<f32>(), [0.0; 4]);
    /// ```
    #[track_caller]
    pub fn zeros(size: &[i64]) -> Tensor {
        zeros(size, None, None, None, None).or_throw()
    }

    /// All elements 1, of the default dtype.
    #[track_caller]
    pub fn ones(size: &[i64]) -> Tensor {
        ones(size, None, None, None, None).or_throw()
    }

    /// All elements `value`.
    #[track_caller]
    pub fn full(size: &[i64], value: impl Into<Scalar>) -> Tensor {
        full(size, value.into(), None, None, None, None).or_throw()
    }

    /// Zeros with this tensor's shape and dtype.
    #[track_caller]
    pub fn zeros_like(&self) -> Tensor {
        zeros_like(self).or_throw()
    }

    /// Ones with this tensor's shape and dtype.
    #[track_caller]
    pub fn ones_like(&self) -> Tensor {
        ones_like(self).or_throw()
    }

    /// Fills with a number, in place.
    #[track_caller]
    pub fn fill_(&self, value: impl Into<Scalar>) -> &Tensor {
        fill_scalar(self, value.into()).or_throw();
        self
    }

    /// Fills with 0, in place.
    #[track_caller]
    pub fn zero_(&self) -> &Tensor {
        zero_(self).or_throw();
        self
    }
}

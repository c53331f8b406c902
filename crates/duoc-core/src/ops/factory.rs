//! Tensors from nothing: constants, and the `_like` and `new_` siblings. Sequences are in [`super::range`].

use super::copy::{check_device, uninit_format, uninit_in};
use crate::autograd::node::Ctx;
use crate::autograd::record::{check_inplace, record_inplace};
use crate::iter::{Dest, elementwise};
use crate::layout::{Layout, sizes};
use crate::storage::{Mode, Storage, access};
use crate::{
    DType, Device, LayoutKind, MemoryFormat, OrThrow, Result, Scalar, Tensor, bail, default_dtype, ensure, err, ops,
};
use smallvec::SmallVec;

ops! {
    /// Uninitialised memory of the given size, in a memory format.
    "empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function, out]
    pub fn empty(size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = empty_body;

    /// Uninitialised memory of the given size and strides. Strides may overlap, and must not be negative.
    "empty_strided(SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function]
    pub fn empty_strided(size: &[i64], stride: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = empty_strided_body;

    /// Uninitialised memory without gaps whose dimensions lie in the order `physical_layout`, the outermost first.
    "empty_permuted(SymInt[] size, int[] physical_layout, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function]
    pub fn empty_permuted(size: &[i64], physical_layout: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = empty_permuted_body;

    /// All elements 0.
    "zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn zeros(size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = zeros_body;

    /// All elements 1.
    "ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn ones(size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = ones_body;

    /// All elements `fill_value`; the dtype follows the value when none is given.
    "full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn full(size: &[i64], fill_value: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = full_body;

    /// A 0-d tensor of the default dtype, or the given one, with the number `s`.
    "scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function]
    pub fn scalar_tensor(s: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = scalar_tensor_body;

    /// Uninitialised, with the shape and, where not given, the dtype and the order in memory of `self`.
    "empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn empty_like_op(x: &Tensor, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = empty_like_body;

    /// All elements 0, with the shape and, where not given, the dtype and the order in memory of `self`.
    "zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn zeros_like_op(x: &Tensor, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = zeros_like_body;

    /// All elements 1, with the shape and, where not given, the dtype and the order in memory of `self`.
    "ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn ones_like_op(x: &Tensor, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = ones_like_body;

    /// All elements `fill_value`, with the shape and, where not given, the dtype and the order in memory of `self`.
    "full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor" [function]
    pub fn full_like(x: &Tensor, fill_value: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>, memory_format: Option<MemoryFormat>) -> Tensor = full_like_body;

    /// Uninitialised, of the given size and, where not given, the dtype of `self`.
    "new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [method]
    pub fn new_empty(x: &Tensor, size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = new_empty_body;

    /// All elements 0, of the given size and, where not given, the dtype of `self`.
    "new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [method]
    pub fn new_zeros(x: &Tensor, size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = new_zeros_body;

    /// All elements 1, of the given size and, where not given, the dtype of `self`.
    "new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [method]
    pub fn new_ones(x: &Tensor, size: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = new_ones_body;

    /// All elements `fill_value`, of the given size and, where not given, the dtype of `self`.
    "new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [method]
    pub fn new_full(x: &Tensor, size: &[i64], fill_value: Scalar, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = new_full_body;

    /// As `empty_strided` with the dtype of `self` where none is given.
    "new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [method]
    pub fn new_empty_strided(x: &Tensor, size: &[i64], stride: &[i64], dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = new_empty_strided_body;

    /// A tensor of the shape of `self` filled with a number; the gradient of `self` is 0.
    "fill.Scalar(Tensor self, Scalar value) -> Tensor" [function]
    pub fn filled(x: &Tensor, value: Scalar) -> Tensor = filled_body;

    /// A tensor of the shape of `self` filled with a 0-d tensor, whose gradient is the sum of all.
    "fill.Tensor(Tensor self, Tensor value) -> Tensor" [function]
    pub fn filled_tensor(x: &Tensor, value: &Tensor) -> Tensor = filled_tensor_body;

    /// Fills with a number, in place.
    "fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)" [function, method]
    pub fn fill_scalar(x: &Tensor, value: Scalar) -> Tensor = fill_scalar_body;

    /// Fills with a 0-d tensor, in place.
    "fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)" [function, method]
    pub fn fill_tensor(x: &Tensor, value: &Tensor) -> Tensor = fill_tensor_body;

    /// Fills with 0, in place.
    "zero_(Tensor(a!) self) -> Tensor(a!)" [function, method]
    pub fn zero(x: &Tensor) -> Tensor = zero_body;
}

/// The dtype of a factory function without one.
pub(super) fn or_default(dtype: Option<DType>) -> DType {
    dtype.unwrap_or_else(default_dtype)
}

/// Where a new tensor is to lie: only plain host memory is there.
pub(super) fn check_place(device: Option<Device>, pin_memory: Option<bool>) -> Result<()> {
    check_device(device.unwrap_or_default())?;
    ensure!(
        pin_memory != Some(true),
        Runtime,
        "pin_memory=True needs a CUDA backend, and duoc was built without one"
    );
    Ok(())
}

fn empty_body(
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let shape = sizes(size)?;
    match format {
        Some(MemoryFormat::Preserve) => bail!(
            Runtime,
            "unsupported memory format Preserve: there is no tensor to take the strides from; use empty_like"
        ),
        f => uninit_format(&shape, or_default(dtype), f.unwrap_or(MemoryFormat::Contiguous)),
    }
}

fn empty_strided_body(
    size: &[i64],
    stride: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    strided_of(size, stride, or_default(dtype))
}

fn strided_of(size: &[i64], stride: &[i64], dtype: DType) -> Result<Tensor> {
    let shape = sizes(size)?;
    ensure!(
        size.len() == stride.len(),
        Runtime,
        "dimensionality of sizes ({}) must match dimensionality of strides ({})",
        size.len(),
        stride.len()
    );
    let overflow = || {
        err!(
            Runtime,
            "Storage size calculation overflowed with sizes={size:?} and strides={stride:?}"
        )
    };
    let strides: Option<SmallVec<[isize; 5]>> = stride.iter().map(|s| isize::try_from(*s).ok()).collect();
    let layout = Layout::strided(&shape, &strides.ok_or_else(overflow)?, 0, dtype)?;
    let bytes = layout.span().and_then(|n| n.checked_mul(dtype.size()));
    let bytes = bytes.filter(|n| *n <= isize::MAX as usize).ok_or_else(overflow)?;
    Ok(Tensor::root(Storage::host(bytes)?, layout, dtype))
}

fn empty_permuted_body(
    size: &[i64],
    physical_layout: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let n = size.len();
    ensure!(
        physical_layout.len() == n,
        Runtime,
        "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {n} is not equal to len(physical_layout) = {}",
        physical_layout.len()
    );
    let mut order: SmallVec<[usize; 5]> = SmallVec::new();
    for (i, d) in physical_layout.iter().enumerate() {
        ensure!(
            (0..n as i64).contains(d),
            Runtime,
            "Dimension out of range (expected to be between 0 and {}, but got {d} at index {i}).  NB: negative dims not currently supported; file an issue if you want it.",
            n as i64 - 1
        );
        ensure!(!order.contains(&(*d as usize)), Runtime, "Duplicate dim not allowed");
        order.push(*d as usize);
    }
    Tensor::uninit_permuted(&sizes(size)?, &order, or_default(dtype))
}

fn zeros_body(
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    ensure!(
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
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    full_of(&sizes(size)?, Scalar::Int(1), or_default(dtype))
}

fn full_body(
    size: &[i64],
    value: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    let dtype = dtype.unwrap_or_else(|| match value {
        Scalar::Bool(_) => DType::Bool,
        Scalar::Int(_) | Scalar::UInt(_) => DType::I64,
        Scalar::Float(_) => default_dtype(),
        Scalar::Complex(..) => crate::promote::default_complex(),
    });
    full_of(&sizes(size)?, value, dtype)
}

fn scalar_tensor_body(
    s: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    Tensor::scalar(s, or_default(dtype))
}

/// An uninitialised tensor like `x`.
fn like(
    x: &Tensor,
    dtype: Option<DType>,
    device: Option<Device>,
    pin: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    uninit_in(x, dtype.unwrap_or(x.dtype()), format.unwrap_or(MemoryFormat::Preserve))
}

fn empty_like_body(
    x: &Tensor,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    like(x, dtype, device, pin, format)
}

fn zeros_like_body(
    x: &Tensor,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    fill_fresh(like(x, dtype, device, pin, format)?, Scalar::Int(0))
}

fn ones_like_body(
    x: &Tensor,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    fill_fresh(like(x, dtype, device, pin, format)?, Scalar::Int(1))
}

fn full_like_body(
    x: &Tensor,
    value: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
    format: Option<MemoryFormat>,
) -> Result<Tensor> {
    fill_fresh(like(x, dtype, device, pin, format)?, value)
}

fn new_empty_body(
    x: &Tensor,
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    Tensor::uninit(&sizes(size)?, dtype.unwrap_or(x.dtype()))
}

fn new_zeros_body(
    x: &Tensor,
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    zeros_of(&sizes(size)?, dtype.unwrap_or(x.dtype()))
}

fn new_ones_body(
    x: &Tensor,
    size: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    full_of(&sizes(size)?, Scalar::Int(1), dtype.unwrap_or(x.dtype()))
}

fn new_full_body(
    x: &Tensor,
    size: &[i64],
    value: Scalar,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    full_of(&sizes(size)?, value, dtype.unwrap_or(x.dtype()))
}

fn new_empty_strided_body(
    x: &Tensor,
    size: &[i64],
    stride: &[i64],
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    device: Option<Device>,
    pin: Option<bool>,
) -> Result<Tensor> {
    check_place(device, pin)?;
    strided_of(size, stride, dtype.unwrap_or(x.dtype()))
}

/// The bytes of the number that fills `n` elements; single elements take numbers that many do not (see [`Scalar`]).
fn element(value: Scalar, dtype: DType, n: usize) -> Result<[u8; 16]> {
    if n == 1 {
        value.to_bytes_single(dtype)
    } else {
        value.to_bytes(dtype)
    }
}

/// A row-major tensor with every element `value`.
pub(crate) fn full_of(shape: &[usize], value: Scalar, dtype: DType) -> Result<Tensor> {
    fill_fresh(Tensor::uninit(shape, dtype)?, value)
}

/// A row-major tensor of zeros.
pub(crate) fn zeros_of(shape: &[usize], dtype: DType) -> Result<Tensor> {
    fill_fresh(Tensor::uninit(shape, dtype)?, Scalar::Int(0))
}

/// Fills a new dense tensor.
fn fill_fresh(t: Tensor, value: Scalar) -> Result<Tensor> {
    let bytes = element(value, t.dtype(), t.numel())?;
    let size = t.dtype().size();
    access::access([(&t, Mode::Init)], |[p]| {
        // SAFETY: a new dense tensor holds `numel` elements from its first one on.
        unsafe { duoc_kernels::fill::fill_contiguous(p, &bytes[..size], t.numel()) };
        Ok(())
    })?;
    Ok(t)
}

/// Zeros with the shape, dtype and strides of `x`.
pub fn zeros_like(x: &Tensor) -> Result<Tensor> {
    fill_fresh(Tensor::uninit_like(x, x.dtype())?, Scalar::Int(0))
}

/// Ones with the shape, dtype and strides of `x`.
pub fn ones_like(x: &Tensor) -> Result<Tensor> {
    fill_fresh(Tensor::uninit_like(x, x.dtype())?, Scalar::Int(1))
}

fn filled_body(x: &Tensor, value: Scalar) -> Result<Tensor> {
    let out = fill_fresh(Tensor::uninit_like(x, x.dtype())?, value)?;
    out.record("FillBackward0", [x], |_| |_: &_, g: &Tensor| zeros_like(g))
}

/// What fills a tensor has to be a single number.
fn check_zero_dim(value: &Tensor) -> Result<()> {
    ensure!(
        value.dim() == 0,
        Runtime,
        "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.",
        value.dim()
    );
    Ok(())
}

fn filled_tensor_body(x: &Tensor, value: &Tensor) -> Result<Tensor> {
    check_zero_dim(value)?;
    let out = Tensor::uninit_like(x, x.dtype())?;
    super::copy::copy_data(&out, value)?;
    out.record("FillBackward1", [x, value], |_| fill_backward)
}

/// The filled tensor has no say in the result; the value is in every element.
fn fill_backward(c: &Ctx, g: &Tensor) -> Result<[Option<Tensor>; 2]> {
    let zero = if c.needs(0) { Some(zeros_like(g)?) } else { None };
    let sum = if c.needs(1) {
        Some(super::shape::sum_to(g, &[])?)
    } else {
        None
    };
    Ok([zero, sum])
}

fn fill_tensor_body(x: &Tensor, value: &Tensor) -> Result<Tensor> {
    check_zero_dim(value)?;
    check_inplace(x)?;
    // The value may be an element of `x`: it is read before anything is written.
    let element = super::copy::to_dtype(&value.detach(), x.dtype())?;
    let mut bytes = [0u8; 16];
    access::access([(&element, Mode::Read)], |[p]| {
        // SAFETY: one element is read.
        unsafe { std::ptr::copy_nonoverlapping(p, bytes.as_mut_ptr(), x.dtype().size()) };
        Ok(())
    })?;
    fill_all(x, bytes)?;
    record_inplace(x, "FillBackward3", &[Some(x), Some(value)], |_| fill_backward)?;
    Ok(x.clone())
}

fn fill_scalar_body(x: &Tensor, value: Scalar) -> Result<Tensor> {
    let bytes = element(value, x.dtype(), x.numel())?;
    check_inplace(x)?;
    fill_all(x, bytes)?;
    record_inplace(x, "FillBackward2", &[Some(x)], |_| |_: &_, g: &Tensor| zeros_like(g))?;
    Ok(x.clone())
}

/// Stores one element everywhere. Elements that share memory all become the same: overlap does no harm.
fn fill_all(x: &Tensor, element: [u8; 16]) -> Result<()> {
    let kernel = duoc_kernels::fill::fill_loop(x.dtype().size());
    elementwise(Dest::Into(&once(x)?), x.dtype(), &[], kernel, element.as_ptr(), 1).map(drop)
}

/// The elements of `x`, expanded dimensions counted once.
fn once(x: &Tensor) -> Result<Tensor> {
    if !x.strides().contains(&0) {
        return Ok(x.clone());
    }
    let sizes = x.shape().iter().zip(x.strides());
    let sizes: Vec<i64> = sizes
        .map(|(n, s)| if *s == 0 { 1.min(*n as i64) } else { *n as i64 })
        .collect();
    let strides: Vec<i64> = x.strides().iter().map(|s| *s as i64).collect();
    super::view::as_strided(&x.detach(), &sizes, &strides, Some(x.storage_offset() as i64))
}

fn zero_body(x: &Tensor) -> Result<Tensor> {
    zero_(x)?;
    Ok(x.clone())
}

/// Fills with 0, in place.
pub fn zero_(x: &Tensor) -> Result<()> {
    check_inplace(x)?;
    fill_all(x, [0; 16])?;
    record_inplace(x, "ZeroBackward0", &[Some(x)], |_| |_: &_, g: &Tensor| zeros_like(g))
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

    /// Uninitialised elements of the default dtype.
    #[track_caller]
    pub fn empty(size: &[i64]) -> Tensor {
        empty(size, None, None, None, None, None).or_throw()
    }

    /// All elements `value`; the dtype follows the value.
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

    /// `value` everywhere, with this tensor's shape and dtype.
    #[track_caller]
    pub fn full_like(&self, value: impl Into<Scalar>) -> Tensor {
        full_like(self, value.into(), None, None, None, None, None).or_throw()
    }

    /// Uninitialised, with this tensor's shape and dtype.
    #[track_caller]
    pub fn empty_like(&self) -> Tensor {
        empty_like_op(self, None, None, None, None, None).or_throw()
    }

    /// Zeros of another size with this tensor's dtype.
    #[track_caller]
    pub fn new_zeros(&self, size: &[i64]) -> Tensor {
        new_zeros(self, size, None, None, None, None).or_throw()
    }

    /// Ones of another size with this tensor's dtype.
    #[track_caller]
    pub fn new_ones(&self, size: &[i64]) -> Tensor {
        new_ones(self, size, None, None, None, None).or_throw()
    }

    /// `value` everywhere, of another size with this tensor's dtype.
    #[track_caller]
    pub fn new_full(&self, size: &[i64], value: impl Into<Scalar>) -> Tensor {
        new_full(self, size, value.into(), None, None, None, None).or_throw()
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

//! The tensor: a handle to a layout on a storage, with a version counter, view information and autograd state.

pub mod convert;
mod fmt;
pub mod index;
mod nested;
mod new;
mod operators;
mod options;

pub use convert::Element;
pub use fmt::{PrintOptions, get_printoptions, set_printoptions};
pub use nested::Nested;
pub use operators::Operand;
pub use options::TensorOptions;

use crate::autograd::meta::{Meta, Origin, ViewOf};
use crate::layout::{Layout, Size};
use crate::shared::Shared;
use crate::storage::Storage;
use crate::{DType, Device, Result};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// An n-dimensional array that can differentiate itself.
///
/// `Clone` makes another handle to the same tensor; PyTorch's differentiable copy is [`Tensor::copy`]. The geometry
/// of a tensor (shape, strides, offset, dtype, storage) never changes; its elements do, through in-place operations.
#[derive(Clone)]
pub struct Tensor(pub(crate) Shared<Impl>);

pub(crate) struct Impl {
    pub(crate) storage: Storage,
    pub(crate) layout: Layout,
    pub(crate) dtype: DType,
    pub(crate) bits: u8,
    pub(crate) version: Version,
    pub(crate) view: Option<Box<ViewOf>>,
    pub(crate) origin: Origin,
    pub(crate) meta: OnceLock<Arc<Meta>>,
    face: AtomicPtr<()>,
}

/// Elements are to be read as their conjugates (complex only).
pub(crate) const CONJ: u8 = 1;
/// Elements are to be read negated.
pub(crate) const NEG: u8 = 2;
/// Made from a Python number: takes part in promotion as a number.
pub(crate) const WRAPPED: u8 = 4;
/// Made in inference mode: no version counter, no graph.
pub(crate) const INFERENCE: u8 = 8;

/// Whose counter counts the in-place changes. Shared by a root tensor, its views and `detach`.
#[derive(Clone)]
pub(crate) enum Version {
    /// The storage's own counter: the usual case, without an allocation.
    OfStorage,
    /// A counter of the root's own: a second root on one storage.
    Own(Arc<AtomicU32>),
}

impl Tensor {
    /// A new root tensor on a storage. The layout must lie inside the storage.
    pub(crate) fn root(storage: Storage, layout: Layout, dtype: DType) -> Tensor {
        let version = if storage.take_version() {
            Version::OfStorage
        } else {
            Version::Own(Arc::default())
        };
        let bits = if crate::autograd::mode::is_inference() {
            INFERENCE
        } else {
            0
        };
        Tensor::assemble(storage, layout, dtype, bits, version, None)
    }

    pub(crate) fn assemble(
        storage: Storage,
        layout: Layout,
        dtype: DType,
        bits: u8,
        version: Version,
        view: Option<Box<ViewOf>>,
    ) -> Tensor {
        Tensor(Shared::new(Impl {
            storage,
            layout,
            dtype,
            bits,
            version,
            view,
            origin: Origin::default(),
            meta: OnceLock::new(),
            face: AtomicPtr::default(),
        }))
    }

    /// A tensor on the same elements with the same version counter, and no autograd history.
    pub(crate) fn alias(&self) -> Tensor {
        let i = &*self.0;
        Tensor::assemble(
            i.storage.clone(),
            i.layout.clone(),
            i.dtype,
            i.bits & !WRAPPED,
            i.version.clone(),
            None,
        )
    }

    /// The same elements as [`Tensor::alias`], with a version counter of its own: what PyTorch's `x.data` is.
    pub fn data(&self) -> Tensor {
        let i = &*self.0;
        let own = Version::Own(Arc::default());
        Tensor::assemble(
            i.storage.clone(),
            i.layout.clone(),
            i.dtype,
            i.bits & !WRAPPED,
            own,
            None,
        )
    }

    /// Sizes of the dimensions.
    pub fn shape(&self) -> &[usize] {
        self.0.layout.shape()
    }

    /// The shape for display: `torch.Size([2, 3])`.
    pub fn size(&self) -> Size {
        Size(self.shape().into())
    }

    /// Strides in elements.
    pub fn strides(&self) -> &[isize] {
        self.0.layout.strides()
    }

    /// Offset of the first element in the storage, in elements.
    pub fn storage_offset(&self) -> usize {
        self.0.layout.offset()
    }

    /// Geometry.
    pub fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// Number of dimensions.
    pub fn dim(&self) -> usize {
        self.0.layout.ndim()
    }

    /// Number of elements.
    pub fn numel(&self) -> usize {
        self.0.layout.numel()
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// Where the storage lives.
    pub fn device(&self) -> Device {
        Device::Cpu
    }

    /// The bytes behind the tensor.
    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    /// Whether the elements lie in row-major order without gaps.
    pub fn is_contiguous(&self) -> bool {
        self.0.layout.is_contiguous()
    }

    /// Whether two handles name the same tensor.
    pub fn is_same(&self, other: &Tensor) -> bool {
        Shared::ptr_eq(&self.0, &other.0)
    }

    /// A number for the identity of the tensor while it lives.
    pub fn id(&self) -> usize {
        Shared::as_ptr(&self.0) as usize
    }

    /// A slot for a language binding: the object that stands for this tensor there, so that one tensor is one
    /// object. The tensor never reads it.
    pub fn face(&self) -> &AtomicPtr<()> {
        &self.0.face
    }

    /// Whether it was made from a plain number and promotes like one.
    pub fn is_wrapped_number(&self) -> bool {
        self.0.bits & WRAPPED != 0
    }

    /// Whether it was made in inference mode.
    pub fn is_inference(&self) -> bool {
        self.0.bits & INFERENCE != 0
    }

    /// Whether elements are to be read as conjugates.
    pub fn is_conj(&self) -> bool {
        self.0.bits & CONJ != 0
    }

    /// Whether elements are to be read negated.
    pub fn is_neg(&self) -> bool {
        self.0.bits & NEG != 0
    }

    /// Whether elements are to be read as conjugates or negated.
    #[inline(always)]
    pub(crate) fn is_lazy(&self) -> bool {
        self.0.bits & (CONJ | NEG) != 0
    }

    /// The number of in-place changes so far, shared with views and `detach`.
    pub fn version(&self) -> u32 {
        match &self.0.version {
            Version::OfStorage => self.0.storage.0.version.load(Relaxed),
            Version::Own(v) => v.load(Relaxed),
        }
    }

    pub(crate) fn bump_version(&self) {
        match &self.0.version {
            Version::OfStorage => self.0.storage.0.version.fetch_add(1, Relaxed),
            Version::Own(v) => v.fetch_add(1, Relaxed),
        };
    }

    /// The address of the first element. Touched only inside `access`.
    pub(crate) fn data_ptr(&self) -> *mut u8 {
        self.storage()
            .data_ptr()
            .wrapping_add(self.storage_offset() * self.dtype().size())
    }

    /// The address of the first element, as PyTorch's `data_ptr()`: for identity and foreign interfaces.
    pub fn address(&self) -> usize {
        if self.numel() == 0 { 0 } else { self.data_ptr() as usize }
    }

    /// Whether this is a view of another tensor in autograd's sense.
    pub fn is_view(&self) -> bool {
        self.0.view.is_some()
    }

    /// The root tensor that this is a view of.
    pub fn base(&self) -> Option<&Tensor> {
        self.0.view.as_ref().map(|v| &v.base)
    }

    /// A dimension that may count from the end, as an index.
    pub(crate) fn wrap_dim(&self, dim: i64) -> Result<usize> {
        crate::layout::wrap_dim(dim, self.dim())
    }
}

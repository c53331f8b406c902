//! Making tensors: uninitialised memory, Rust slices and vectors, single numbers.

use super::{Element, Tensor, WRAPPED};
use crate::layout::{Layout, Strides, contiguous_strides};
use crate::storage::foreign::{Memory, VecMemory};
use crate::storage::{Mode, Storage, access};
use crate::{DType, OrThrow, Result, Scalar};

impl Tensor {
    /// An uninitialised row-major tensor.
    pub(crate) fn uninit(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::uninit_layout(Layout::contiguous(shape, dtype)?, dtype)
    }

    /// An uninitialised tensor with a dense layout at the start of its storage. The layout may come from a tensor of
    /// a narrower dtype.
    pub(crate) fn uninit_layout(layout: Layout, dtype: DType) -> Result<Tensor> {
        let bytes = layout
            .numel()
            .checked_mul(dtype.size())
            .filter(|b| *b <= isize::MAX as usize);
        let Some(bytes) = bytes else {
            crate::bail!(
                Runtime,
                "Storage size calculation overflowed with sizes={:?}",
                layout.shape()
            )
        };
        let storage = Storage::host(bytes)?;
        Ok(Tensor::root(storage, layout, dtype))
    }

    /// An uninitialised tensor whose strides are those of a row-major tensor with its dimensions permuted:
    /// `order[0]` is the outermost dimension in memory.
    pub(crate) fn uninit_permuted(shape: &[usize], order: &[usize], dtype: DType) -> Result<Tensor> {
        let permuted: crate::layout::Dims = order.iter().map(|d| shape[*d]).collect();
        let natural = contiguous_strides(&permuted);
        let mut strides: Strides = smallvec::smallvec![0; shape.len()];
        for (place, d) in order.iter().enumerate() {
            strides[*d] = natural[place];
        }
        let layout = Layout::strided(shape, &strides, 0, dtype)?;
        let storage = Storage::host(layout.numel() * dtype.size())?;
        Ok(Tensor::root(storage, layout, dtype))
    }

    /// An uninitialised tensor with the strides of `like` when they are dense, else row-major: PyTorch's
    /// `empty_like` with `preserve_format`.
    pub(crate) fn uninit_like(like: &Tensor, dtype: DType) -> Result<Tensor> {
        if like.is_contiguous() {
            return Tensor::uninit(like.shape(), dtype);
        }
        if like.layout().is_non_overlapping_and_dense() {
            let layout = Layout::strided(like.shape(), like.strides(), 0, dtype)?;
            let storage = Storage::host(layout.numel() * dtype.size())?;
            return Ok(Tensor::root(storage, layout, dtype));
        }
        Tensor::uninit_permuted(like.shape(), &crate::iter::stride_order(like), dtype)
    }

    /// A one-dimensional tensor with a copy of the slice; its dtype is the element's.
    ///
    /// ```
    /// use duoc_core::{Tensor, DType};
    /// let t = Tensor::from_slice(&[1i64, 2, 3, 4]);
    /// assert_eq!(t.dtype(), DType::I64);
    /// assert_eq!(t.size().to_string(), "torch.Size([4])");
    /// ```
    #[track_caller]
    pub fn from_slice<T: Element>(data: &[T]) -> Tensor {
        Tensor::try_from_slice(data, &[data.len()]).or_throw()
    }

    /// A tensor of the given shape with a copy of the slice in row-major order.
    pub fn try_from_slice<T: Element>(data: &[T], shape: &[usize]) -> Result<Tensor> {
        let t = Tensor::uninit(shape, T::DTYPE)?;
        crate::ensure!(
            t.numel() == data.len(),
            Runtime,
            "shape '{shape:?}' is invalid for input of size {}",
            data.len()
        );
        // SAFETY: the new tensor is contiguous and holds as many elements of the same type.
        access::access([(&t, Mode::Init)], |[p]| {
            unsafe { std::ptr::copy_nonoverlapping(data.as_ptr().cast::<u8>(), p, size_of_val(data)) };
            Ok(())
        })?;
        Ok(t)
    }

    /// A one-dimensional tensor that takes the vector's memory without a copy.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let v = vec![1i64, 2, 3];
    /// let address = v.as_ptr() as usize;
    /// assert_eq!(Tensor::from_vec(v).address(), address);
    /// ```
    #[track_caller]
    pub fn from_vec<T: Element>(data: Vec<T>) -> Tensor {
        let shape = [data.len()];
        let layout = Layout::contiguous(&shape, T::DTYPE).or_throw();
        Tensor::root(Storage::foreign(Box::new(VecMemory::new(data))), layout, T::DTYPE)
    }

    /// A tensor on memory that somebody else owns: the first element at `offset` bytes, strides in elements. An error
    /// unless every element lies inside the memory.
    pub fn from_memory(
        memory: Box<dyn Memory>,
        offset: usize,
        shape: &[usize],
        strides: &[isize],
        dtype: DType,
    ) -> Result<Tensor> {
        crate::ensure!(
            offset.is_multiple_of(dtype.size()),
            Runtime,
            "an offset of {offset} bytes is not a multiple of {}, the size of {dtype}",
            dtype.size()
        );
        let layout = Layout::strided(shape, strides, offset / dtype.size(), dtype)?;
        let needed = layout.span().and_then(|n| n.checked_mul(dtype.size()));
        crate::ensure!(
            layout.numel() == 0 || needed.is_some_and(|n| n <= memory.len()),
            Runtime,
            "shape {shape:?} with strides {strides:?} reaches beyond the {} bytes of the memory",
            memory.len()
        );
        Ok(Tensor::root(Storage::foreign(memory), layout, dtype))
    }

    /// A tensor of the given shape with a copy of the bytes of its elements in row-major order.
    pub fn from_bytes(bytes: &[u8], shape: &[usize], dtype: DType) -> Result<Tensor> {
        let t = Tensor::uninit(shape, dtype)?;
        crate::ensure!(
            t.numel() * dtype.size() == bytes.len(),
            Runtime,
            "{} bytes are not the elements of a {dtype} tensor of shape {shape:?}",
            bytes.len()
        );
        // SAFETY: the new tensor is contiguous, unshared and has this many bytes.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), t.storage().data_ptr(), bytes.len()) };
        Ok(t)
    }

    /// A 0-d tensor of the given dtype with a number.
    pub fn scalar(value: impl Into<Scalar>, dtype: DType) -> Result<Tensor> {
        Tensor::zero_dim(value.into(), dtype, 0)
    }

    /// A 0-d tensor that promotes like the plain number: what a Python number becomes as an operand.
    pub fn wrapped(value: impl Into<Scalar>) -> Result<Tensor> {
        let value = value.into();
        Tensor::zero_dim(value, value.dtype(), WRAPPED)
    }

    fn zero_dim(value: Scalar, dtype: DType, bits: u8) -> Result<Tensor> {
        let bytes = value.to_bytes_single(dtype)?;
        let storage = Storage::host(dtype.size())?;
        // SAFETY: the storage is new, unshared and holds one element.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), storage.data_ptr(), dtype.size()) };
        let t = Tensor::root(storage, Layout::contiguous(&[], dtype)?, dtype);
        if bits == 0 {
            return Ok(t);
        }
        let i = &*t.0;
        Ok(Tensor::assemble(
            i.storage.clone(),
            i.layout.clone(),
            dtype,
            i.bits | bits,
            i.version.clone(),
            None,
        ))
    }
}

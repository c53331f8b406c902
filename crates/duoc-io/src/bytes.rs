//! Tensors from little- or big-endian bytes, and back.

use std::io::Read;

use duoc_core::autograd::no_grad;
use duoc_core::{DType, Result, Tensor, TensorOptions, bail, ensure, ops};

use crate::source;

/// Dimensions that a tensor in a file may have: NumPy's limit, and more than PyTorch's own.
pub(crate) const MOST_DIMS: usize = 64;

/// Number of bytes of a tensor, or an error if there is no such number.
pub(crate) fn byte_count(shape: &[usize], dtype: DType) -> Result<usize> {
    ensure!(
        shape.len() <= MOST_DIMS,
        Value,
        "a tensor of {} dimensions; at most {MOST_DIMS} make sense",
        shape.len()
    );
    // A zero anywhere makes the tensor empty, whatever the other sizes are.
    let sizes = if shape.contains(&0) { &[0][..] } else { shape };
    let count = sizes.iter().try_fold(dtype.size(), |n, &d| n.checked_mul(d));
    match count.filter(|n| isize::try_from(*n).is_ok()) {
        Some(n) => Ok(n),
        None => bail!(
            Value,
            "a tensor of shape {shape:?} and dtype {dtype} does not fit into memory"
        ),
    }
}

/// Memory for `n` bytes, filled by `fill`.
pub(crate) fn memory(n: usize, fill: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Tensor> {
    let wanted = [i64::try_from(n).unwrap_or(i64::MAX)];
    let bytes = duoc_core::catch(|| TensorOptions::default().dtype(DType::U8).empty(&wanted))?;
    bytes.with_slice_mut(fill)??;
    Ok(bytes)
}

/// Makes little-endian (or big-endian) elements of `dtype` those of this machine, in place. Any bit pattern but 0 and 1
/// would be no bool.
pub(crate) fn to_native(bytes: &mut [u8], dtype: DType, big_endian: bool) {
    if dtype == DType::Bool {
        bytes.iter_mut().for_each(|b| *b = u8::from(*b != 0));
    }
    let width = part(dtype);
    if width > 1 && big_endian != cfg!(target_endian = "big") {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
}

/// The bytes of one number; a complex element is two.
fn part(dtype: DType) -> usize {
    if dtype.is_complex() {
        dtype.size() / 2
    } else {
        dtype.size()
    }
}

/// A tensor of the given geometry on memory, with a version counter of its own and no history.
pub(crate) fn on(
    memory: &Tensor,
    dtype: DType,
    shape: &[usize],
    strides: Option<&[usize]>,
    offset: usize,
) -> Result<Tensor> {
    let small = |v: &[usize]| -> Vec<i64> { v.iter().map(|n| i64::try_from(*n).unwrap_or(i64::MAX)).collect() };
    no_grad(|| {
        // A storage need not be a whole number of elements.
        let whole = memory.numel() / dtype.size() * dtype.size();
        let flat = if whole == memory.numel() {
            memory.clone()
        } else {
            ops::view::narrow(memory, 0, 0, whole as i64)?
        };
        let flat = ops::view::view_dtype(&flat, dtype)?;
        let shaped = match strides {
            None => ops::view::view(&flat, &small(shape))?,
            Some(strides) => ops::view::as_strided(
                &flat,
                &small(shape),
                &small(strides),
                Some(i64::try_from(offset).unwrap_or(i64::MAX)),
            )?,
        };
        Ok(shaped.data())
    })
}

/// A row-major tensor of the given shape from a stream, in which `left` bytes are left: they must be its elements.
pub(crate) fn read(from: &mut dyn Read, left: u64, dtype: DType, shape: &[usize], big_endian: bool) -> Result<Tensor> {
    let wanted = byte_count(shape, dtype)?;
    ensure!(
        left == wanted as u64,
        Value,
        "{dtype} of shape {shape:?} takes {wanted} bytes, not {left}"
    );
    let bytes = memory(wanted, |out| {
        from.read_exact(out).map_err(source::failed)?;
        to_native(out, dtype, big_endian);
        Ok(())
    })?;
    on(&bytes, dtype, shape, None, 0)
}

/// Calls `f` with the bytes of the whole storage under a tensor, which is locked meanwhile.
pub(crate) fn with_storage<R>(t: &Tensor, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let n = t.storage().nbytes();
    let whole = no_grad(|| {
        let count = (n / t.dtype().size()) as i64;
        let flat = ops::view::as_strided(&t.detach(), &[count], &[1], Some(0))?;
        ops::view::view_dtype(&flat, DType::U8)
    })?;
    whole.with_slice(f)
}

/// Calls `f` with the elements of a tensor as little-endian bytes in row-major order. Nothing is copied when they lie so.
pub(crate) fn with_elements<R>(t: &Tensor, f: impl FnOnce(&[u8]) -> R) -> Result<R> {
    let bytes = no_grad(|| {
        let dense = ops::copy::contiguous(&t.detach(), None)?;
        let flat = ops::view::view(&dense, &[-1])?;
        ops::view::view_dtype(&flat, DType::U8)
    })?;
    bytes.with_slice(|s: &[u8]| little(s, t.dtype(), f))
}

/// Calls `f` with native bytes made little-endian: themselves, on most machines.
pub(crate) fn little<R>(native: &[u8], dtype: DType, f: impl FnOnce(&[u8]) -> R) -> R {
    if cfg!(target_endian = "little") || part(dtype) == 1 {
        return f(native);
    }
    let mut swapped = native.to_vec();
    swapped.chunks_exact_mut(part(dtype)).for_each(<[u8]>::reverse);
    f(&swapped)
}

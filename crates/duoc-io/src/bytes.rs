//! Tensors from little- or big-endian bytes, and back.

use duoc_core::{DType, Result, Tensor, bail, ensure};

/// Number of bytes of a tensor, or an error if there is no such number.
pub(crate) fn byte_count(shape: &[usize], dtype: DType) -> Result<usize> {
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

/// Calls a macro with every dtype whose elements are Rust numbers, and their type.
macro_rules! for_numbers {
    ($then:ident) => {
        $then! {
            U8 u8, I8 i8, I16 i16, I32 i32, I64 i64, U16 u16, U32 u32, U64 u64,
            F16 half::f16, BF16 half::bf16, F32 f32, F64 f64
        }
    };
}

/// A row-major tensor of the given shape. The number of bytes must be the right one.
pub(crate) fn tensor(dtype: DType, shape: &[usize], data: &[u8], big_endian: bool) -> Result<Tensor> {
    let wanted = byte_count(shape, dtype)?;
    ensure!(
        data.len() == wanted,
        Value,
        "{dtype} of shape {shape:?} takes {wanted} bytes, not {}",
        data.len()
    );
    macro_rules! build {
        ($($d:ident $t:ty),+) => {
            match dtype {
                $(DType::$d => {
                    let parts = data.chunks_exact(size_of::<$t>());
                    let number = |b: &[u8]| {
                        // The chunks have exactly the length of the array.
                        let b = b.try_into().unwrap_or_default();
                        if big_endian { <$t>::from_be_bytes(b) } else { <$t>::from_le_bytes(b) }
                    };
                    collect(parts.map(number))?
                })+
                // Any bit pattern but 0 and 1 would be no bool.
                DType::Bool => collect(data.iter().map(|b| *b != 0))?,
                d if d.is_float8() => duoc_core::ops::view::view_dtype(&collect(data.iter().copied())?, d)?,
                d => bail!(Type, "tensors of dtype {d} cannot be loaded"),
            }
        };
    }
    let flat = for_numbers!(build);
    let sizes: Vec<i64> = shape.iter().map(|d| i64::try_from(*d).unwrap_or(i64::MAX)).collect();
    duoc_core::ops::view::reshape(&flat, &sizes)
}

fn collect<T: duoc_core::Element>(elements: impl ExactSizeIterator<Item = T>) -> Result<Tensor> {
    let mut vec = Vec::new();
    let bytes = elements.len().saturating_mul(size_of::<T>());
    ensure!(
        vec.try_reserve_exact(elements.len()).is_ok(),
        OutOfMemory,
        "loading a tensor: {bytes} bytes cannot be had"
    );
    vec.extend(elements);
    duoc_core::catch(|| Tensor::from_vec(vec))
}

/// The elements of a contiguous tensor as little-endian bytes.
pub(crate) fn of(t: &Tensor) -> Result<Vec<u8>> {
    let wanted = byte_count(t.shape(), t.dtype())?;
    let mut out = Vec::new();
    ensure!(
        out.try_reserve_exact(wanted).is_ok(),
        OutOfMemory,
        "saving a tensor: {wanted} bytes cannot be had"
    );
    macro_rules! take {
        ($($d:ident $t:ty),+) => {
            match t.dtype() {
                $(DType::$d => t.with_slice(|s: &[$t]| out.extend(s.iter().flat_map(|x| x.to_le_bytes())))?,)+
                DType::Bool => t.with_slice(|s: &[bool]| out.extend(s.iter().map(|x| u8::from(*x))))?,
                d if d.is_float8() => {
                    let flat = duoc_core::ops::view::reshape(t, &[-1])?;
                    duoc_core::ops::view::view_dtype(&flat, DType::U8)?.with_slice(|s: &[u8]| out.extend_from_slice(s))?;
                }
                d => bail!(Type, "tensors of dtype {d} cannot be saved"),
            }
        };
    }
    for_numbers!(take);
    Ok(out)
}

//! Reading elements from Rust: `item`, `to_vec`, `with_slice`.

use super::Tensor;
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Scalar, ensure};

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that is the element of a dtype.
pub trait Element: Copy + Send + Sync + Default + sealed::Sealed + 'static {
    /// Its dtype.
    const DTYPE: DType;
}

macro_rules! element {
    ($($t:ty => $d:ident),+ $(,)?) => { $(
        impl sealed::Sealed for $t {}
        impl Element for $t { const DTYPE: DType = DType::$d; }
    )+ };
}
element! {
    bool => Bool, u8 => U8, i8 => I8, i16 => I16, i32 => I32, i64 => I64, half::f16 => F16, half::bf16 => BF16,
    f32 => F32, f64 => F64, u16 => U16, u32 => U32, u64 => U64,
}

/// Converts one element between dtypes as `to` does.
pub(crate) fn cast_one(from: DType, src: *const u8, to: DType, dst: *mut u8) {
    let f = duoc_kernels::copy::cast_loop(from, to).unwrap_or_else(|| duoc_kernels::copy::same(from.size()));
    let ptrs = [dst, src.cast_mut()];
    // SAFETY: one element of each dtype; the callers' buffers hold at least 16 bytes.
    unsafe { f(ptrs.as_ptr(), [0isize; 4].as_ptr(), 1, 1, std::ptr::null()) }
}

impl Tensor {
    /// The only element as a number; an error unless there is exactly one.
    pub fn try_item(&self) -> Result<Scalar> {
        ensure!(
            self.numel() == 1,
            Runtime,
            "a Tensor with {} elements cannot be converted to Scalar",
            self.numel()
        );
        let mut b = [0u8; 16];
        let dtype = self.dtype();
        // SAFETY: one element is read.
        access::access([(self, Mode::Read)], |[p]| {
            unsafe { std::ptr::copy_nonoverlapping(p, b.as_mut_ptr(), dtype.size()) };
            Ok(())
        })?;
        let mut wide = [0u8; 16];
        let first8 = |b: [u8; 16]| <[u8; 8]>::try_from(&b[..8]).unwrap_or_default();
        let last8 = |b: [u8; 16]| <[u8; 8]>::try_from(&b[8..]).unwrap_or_default();
        let mut widen = |to| {
            cast_one(dtype, b.as_ptr(), to, wide.as_mut_ptr());
            wide
        };
        Ok(match dtype {
            DType::Bool => Scalar::Bool(b[0] != 0),
            DType::U64 => match u64::from_ne_bytes(first8(b)) {
                x if x <= i64::MAX as u64 => Scalar::Int(x as i64),
                x => Scalar::UInt(x),
            },
            d if d.is_int() => Scalar::Int(i64::from_ne_bytes(first8(widen(DType::I64)))),
            d if d.is_complex() => {
                let w = widen(DType::C128);
                let (mut re, mut im) = (f64::from_ne_bytes(first8(w)), f64::from_ne_bytes(last8(w)));
                if self.is_conj() {
                    im = -im;
                }
                if self.is_neg() {
                    (re, im) = (-re, -im);
                }
                Scalar::Complex(re, im)
            }
            _ => Scalar::Float(f64::from_ne_bytes(first8(widen(DType::F64)))),
        })
    }

    /// The only element as a number.
    ///
    /// ```
    /// use duoc_core::{Tensor, Scalar};
    /// assert_eq!(Tensor::from_slice(&[2.5f32]).item(), Scalar::Float(2.5));
    /// ```
    #[track_caller]
    pub fn item(&self) -> Scalar {
        self.try_item().or_throw()
    }

    /// The elements in row-major order, converted to `T`.
    pub fn try_to_vec<T: Element>(&self) -> Result<Vec<T>> {
        let t = crate::ops::parts::resolved(&self.detach())?;
        let t = crate::ops::copy::to_dtype(&t, T::DTYPE)?;
        let t = crate::ops::copy::contiguous(&t, None)?;
        let mut out = vec![T::default(); t.numel()];
        // SAFETY: contiguous, of type T, and as many elements.
        access::access([(&t, Mode::Read)], |[p]| {
            unsafe { std::ptr::copy_nonoverlapping(p, out.as_mut_ptr().cast::<u8>(), size_of_val(&out[..])) };
            Ok(())
        })?;
        Ok(out)
    }

    /// The elements in row-major order, converted to `T`.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        self.try_to_vec().or_throw()
    }

    /// Calls `f` with the elements of a contiguous tensor of dtype `T`, without a copy and under the storage's lock.
    /// Tensor operations inside `f` on this thread are an error.
    pub fn with_slice<T: Element, R>(&self, f: impl FnOnce(&[T]) -> R) -> Result<R> {
        self.check_slice::<T>()?;
        let n = self.numel();
        access::with_user_code(self, Mode::Read, |p| {
            // SAFETY: contiguous, of type T, locked for reading.
            f(unsafe { slice(p, n) })
        })
    }

    /// As [`Tensor::with_slice`], for writing. The version counter moves, as after any in-place change.
    pub fn with_slice_mut<T: Element, R>(&self, f: impl FnOnce(&mut [T]) -> R) -> Result<R> {
        self.check_slice::<T>()?;
        crate::autograd::record::check_inplace(self)?;
        let n = self.numel();
        access::with_user_code(self, Mode::Write, |p| {
            // SAFETY: contiguous, of type T, locked for writing: nobody else has a reference.
            f(unsafe { std::slice::from_raw_parts_mut(if n == 0 { std::ptr::dangling_mut() } else { p.cast() }, n) })
        })
    }

    fn check_slice<T: Element>(&self) -> Result<()> {
        ensure!(
            self.dtype() == T::DTYPE,
            Type,
            "with_slice: the tensor is {}, the slice is of {}",
            self.dtype(),
            T::DTYPE
        );
        ensure!(
            !self.is_neg(),
            Runtime,
            "with_slice: the tensor is to be read negated; call resolve_neg first"
        );
        ensure!(
            self.is_contiguous(),
            Runtime,
            "with_slice: the tensor with shape {:?} and strides {:?} is not contiguous; call contiguous() first",
            self.shape(),
            self.strides()
        );
        ensure!(
            self.data_ptr().cast::<T>().is_aligned() || self.numel() == 0,
            Runtime,
            "with_slice: the tensor's memory is not aligned for {}",
            T::DTYPE
        );
        Ok(())
    }
}

unsafe fn slice<'a, T>(p: *mut u8, n: usize) -> &'a [T] {
    std::slice::from_raw_parts(if n == 0 { std::ptr::dangling() } else { p.cast() }, n)
}

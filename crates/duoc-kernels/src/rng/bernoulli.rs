//! The Bernoulli distribution, with one probability or one per element.

use super::element::{Element, store};
use super::stream::{self, Out};
use super::{CpuGenerator, bits53, unit24, unit53};
use crate::{DType, match_dtype, simd_fn};

/// Fills a row with `value` where a uniform double is below `p`, else 0; `value` is 1 for the distribution itself.
///
/// False for dtypes other than `bool`, the integers up to `int64` without the wide unsigned ones, `float16`,
/// `bfloat16`, `float32`, `float64`.
pub unsafe fn scalar(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    n: usize,
    p: f64,
    value: f64,
) -> bool {
    let out = Out { ptr: dst, stride };
    // k * 2^-53 < p exactly when k < ceil(p * 2^53): the scaling is exact.
    let below = (p * (1u64 << 53) as f64).ceil() as i64;
    let engine = &mut generator.engine;
    match_dtype!(dtype, [Bool U8 I8 I16 I32 I64 F16 BF16 F32 F64] => |T| {
        stream::run(engine, n, 2, &|first, words| {
            let (dst, stride) = out.at(first);
            compare::<T>(words.as_ptr() as *const [u32; 2], words.len() / 2, dst, stride, below, value);
        });
        true
    }, else false)
}

simd_fn! {
    unsafe fn compare<T: Element>(words: *const [u32; 2], n: usize, dst: *mut u8, stride: isize, below: i64, value: f64) {
        let (zero, one) = (T::of_f32(0.0), T::of_f64(value));
        store::<T>(dst, stride, n, |i| if (bits53(*words.add(i)) as i64) < below { one } else { zero });
    }
}

#[derive(Clone, Copy)]
struct Probabilities {
    dtype: DType,
    row: Out,
}

impl Probabilities {
    /// The probability of element `i` as a double.
    #[inline(always)]
    unsafe fn at(&self, i: usize) -> f64 {
        let at = self.row.at(i).0;
        match self.dtype {
            DType::F64 => (at as *const f64).read_unaligned(),
            DType::F32 => (at as *const f32).read_unaligned() as f64,
            DType::F16 => (at as *const half::f16).read_unaligned().to_f32() as f64,
            DType::BF16 => (at as *const half::bf16).read_unaligned().to_f32() as f64,
            _ => f64::NAN,
        }
    }
}

/// Whether a row holds numbers in `[0, 1]` only; false for dtypes other than the four floating ones.
pub unsafe fn are_probabilities(dtype: DType, p: *const u8, stride: isize, n: usize) -> bool {
    let p = Probabilities {
        dtype,
        row: Out {
            ptr: p as *mut u8,
            stride,
        },
    };
    (0..n).all(|i| (0.0..=1.0).contains(&p.at(i)))
}

/// Fills a row with 1 where a uniform number is below the element's probability, else 0.
///
/// Probabilities in `float64` are compared with 53-bit uniform numbers, those in `float32`, `float16` and `bfloat16`
/// with 24-bit ones; see [`are_probabilities`]. False for the dtypes of [`scalar`].
pub unsafe fn tensor(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    p_dtype: DType,
    p: *const u8,
    p_stride: isize,
    n: usize,
) -> bool {
    let out = Out { ptr: dst, stride };
    let p = Probabilities {
        dtype: p_dtype,
        row: Out {
            ptr: p as *mut u8,
            stride: p_stride,
        },
    };
    let engine = &mut generator.engine;
    match_dtype!(dtype, [Bool U8 I8 I16 I32 I64 F16 BF16 F32 F64] => |T| {
        let (zero, one) = (T::of_f32(0.0), T::of_f32(1.0));
        if p_dtype == DType::F64 {
            stream::run(engine, n, 2, &|first, words| {
                let (dst, stride) = out.at(first);
                let words = words.as_chunks::<2>().0;
                store::<T>(dst, stride, words.len(), |i| if unit53(words[i]) < p.at(first + i) { one } else { zero });
            });
        } else {
            stream::run(engine, n, 1, &|first, words| {
                let (dst, stride) = out.at(first);
                store::<T>(dst, stride, words.len(), |i| {
                    if (unit24(words[i]) as f64) < p.at(first + i) { one } else { zero }
                });
            });
        }
        true
    }, else false)
}

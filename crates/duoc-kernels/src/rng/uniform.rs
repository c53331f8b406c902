//! The continuous uniform distribution.

use super::element::{Element, store};
use super::stream::{self, Out};
use super::{CpuGenerator, unit24, unit53};
use crate::{DType, match_dtype, simd_fn};

/// Fills a row with `u * (to - from) + from`, `u` uniform in `[0, 1)`.
///
/// `float64` draws 53 bits, the others 24; the product and the sum are one fused operation in `float64` or
/// `float32`. A value that rounds to `to` in the dtype becomes `from`. False for dtypes other than `float64`,
/// `float32`, `float16`, `bfloat16`.
pub unsafe fn uniform(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    n: usize,
    from: f64,
    to: f64,
) -> bool {
    let out = Out { ptr: dst, stride };
    let engine = &mut generator.engine;
    match_dtype!(dtype, [F16 BF16 F32] => |T| {
        stream::run(engine, n, 1, &|first, words| {
            let (dst, stride) = out.at(first);
            singles::<T>(words.as_ptr(), words.len(), dst, stride, from, to);
        });
        true
    }, else {
        if dtype != DType::F64 {
            return false;
        }
        stream::run(engine, n, 2, &|first, words| {
            let (dst, stride) = out.at(first);
            doubles(words.as_ptr() as *const [u32; 2], words.len() / 2, dst, stride, from, to);
        });
        true
    })
}

simd_fn! {
    unsafe fn singles<T: Element>(words: *const u32, n: usize, dst: *mut u8, stride: isize, from: f64, to: f64) {
        let (low, high) = (from as f32, to as f32);
        let width = high - low;
        let (first, end) = (T::of_f64(from), T::of_f64(to));
        store::<T>(dst, stride, n, |i| {
            let x = T::of_f32(unit24(*words.add(i)).mul_add(width, low));
            if x.same(end) { first } else { x }
        });
    }
}

simd_fn! {
    unsafe fn doubles(words: *const [u32; 2], n: usize, dst: *mut u8, stride: isize, from: f64, to: f64) {
        let width = to - from;
        store::<f64>(dst, stride, n, |i| {
            let x = unit53(*words.add(i)).mul_add(width, from);
            if x == to { from } else { x }
        });
    }
}

//! Discrete uniform distributions: `random_`, `randint`.

use super::CpuGenerator;
use super::element::{Element, store};
use super::stream::{self, Out};
use crate::{DType, match_dtype, simd_fn};

/// From this range on 64 bits are drawn, so that the skew of the remainder stays small.
const WIDE: u64 = 1 << 28;

/// Fills a row with `base + draw % range`, cast to the dtype as C++ casts `int64_t`.
///
/// The draw has 32 bits for `range < 2^28` and 64 bits above. `range` 0 is taken as 1. False for complex and
/// 8-bit floating dtypes.
pub unsafe fn random_from_to(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    n: usize,
    base: i64,
    range: u64,
) -> bool {
    let out = Out { ptr: dst, stride };
    let engine = &mut generator.engine;
    let range = range.max(1);
    match_dtype!(dtype, [Bool U8 I8 I16 I32 I64 U16 U32 U64 F16 BF16 F32 F64] => |T| {
        if range < WIDE {
            stream::run(engine, n, 1, &|first, words| {
                let (dst, stride) = out.at(first);
                narrow::<T>(words.as_ptr(), words.len(), dst, stride, base, range as u32);
            });
        } else {
            stream::run(engine, n, 2, &|first, words| {
                let (dst, stride) = out.at(first);
                let words = words.as_chunks::<2>().0;
                if range.is_power_of_two() {
                    store::<T>(dst, stride, words.len(), |i| shifted(bits64(words[i]) & (range - 1), base));
                } else {
                    store::<T>(dst, stride, words.len(), |i| shifted(bits64(words[i]) % range, base));
                }
            });
        }
        true
    }, else false)
}

/// Fills a row with 64-bit draws taken as `int64_t` and cast to the dtype. False for dtypes other than `int64`,
/// `float64`, `float32`, `bfloat16`.
pub unsafe fn random_64_bits(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    n: usize,
) -> bool {
    let out = Out { ptr: dst, stride };
    match_dtype!(dtype, [I64 F64 F32 BF16] => |T| {
        stream::run(&mut generator.engine, n, 2, &|first, words| {
            let (dst, stride) = out.at(first);
            let words = words.as_chunks::<2>().0;
            store::<T>(dst, stride, words.len(), |i| T::of_i64(bits64(words[i]) as i64));
        });
        true
    }, else false)
}

/// Fills a row with draws over the whole range in which the dtype holds every integer.
///
/// Integers: `[0, max]`. Floats with `d` significant bits: `[0, 2^d]`. `bool`: 0 or 1. `int64` and `float64` draw 64
/// bits, the others 32. False for the unsigned types above 8 bits, complex and 8-bit floating dtypes.
pub unsafe fn random(generator: &mut CpuGenerator, dtype: DType, dst: *mut u8, stride: isize, n: usize) -> bool {
    let range = match dtype {
        DType::Bool => 2,
        DType::U8 => 1 << 8,
        DType::I8 => 1 << 7,
        DType::I16 => 1 << 15,
        DType::I32 => 1 << 31,
        DType::I64 => 1 << 63,
        DType::F16 => (1 << 11) + 1,
        DType::BF16 => (1 << 8) + 1,
        DType::F32 => (1 << 24) + 1,
        DType::F64 => (1 << 53) + 1,
        _ => return false,
    };
    if dtype == DType::I32 {
        // The one range above 2^28 that is drawn from a single word.
        let out = Out { ptr: dst, stride };
        stream::run(&mut generator.engine, n, 1, &|first, words| {
            let (dst, stride) = out.at(first);
            store::<i32>(dst, stride, words.len(), |i| (words[i] & 0x7fff_ffff) as i32);
        });
        return true;
    }
    random_from_to(generator, dtype, dst, stride, n, 0, range)
}

#[inline(always)]
fn bits64(words: [u32; 2]) -> u64 {
    (words[0] as u64) << 32 | words[1] as u64
}

#[inline(always)]
fn shifted<T: Element>(draw: u64, base: i64) -> T {
    T::of_i64(draw.wrapping_add(base as u64) as i64)
}

simd_fn! {
    /// `base + word % range`; the remainder is exact in doubles because `(word + 1/2) / range` is at least `1 / (2
    /// range)` away from every integer, far more than its rounding error.
    unsafe fn narrow<T: Element>(words: *const u32, n: usize, dst: *mut u8, stride: isize, base: i64, range: u32) {
        let divisor = range as f64;
        let inverse = 1.0 / divisor;
        store::<T>(dst, stride, n, |i| {
            let word = *words.add(i);
            let quotient = ((word as f64 + 0.5) * inverse).floor();
            let rest: i32 = (word as f64 - quotient * divisor).to_int_unchecked();
            T::of_i64((rest as i64).wrapping_add(base))
        });
    }
}

//! Random permutations.

use super::CpuGenerator;
use super::mt19937::{Mt19937, temper};
use crate::{DType, simd_fn};
use half::{bf16, f16};

/// From this length on 64-bit draws and the inside-out shuffle are used.
const LONG: usize = (u32::MAX / 20) as usize;

/// Swaps drawn at a time.
const RUN: usize = 1024;

/// Fills `n` contiguous elements with a random permutation of `0..n`.
///
/// Fisher and Yates: element `i` changes places with element `i + draw % (n - i)`, for `i` up to `n - 2`. Long
/// permutations are built inside out with 64-bit draws. `n - 1` must fit an integer dtype; `bfloat16` rounds. False for `bool`, the
/// wide unsigned types, complex and 8-bit floating dtypes.
pub unsafe fn randperm(generator: &mut CpuGenerator, dtype: DType, dst: *mut u8, n: usize) -> bool {
    let engine = &mut generator.engine;
    if n >= LONG {
        return inside_out(engine, dtype, dst, n);
    }
    // The shuffle runs on indices of the smallest width at the far end of the memory, which the widening loops
    // overtake only behind the place they read from.
    match dtype {
        DType::I64 | DType::F64 => {
            let index = (dst as *mut u32).add(n);
            shuffle_u32(engine, index, n);
            for i in 0..n {
                let k = index.add(i).read();
                if dtype == DType::I64 {
                    (dst as *mut i64).add(i).write(k as i64);
                } else {
                    (dst as *mut f64).add(i).write(k as f64);
                }
            }
        }
        DType::I32 => shuffle_u32(engine, dst as *mut u32, n),
        DType::F32 => {
            shuffle_u32(engine, dst as *mut u32, n);
            for x in std::slice::from_raw_parts_mut(dst as *mut u32, n) {
                *x = (*x as f32).to_bits();
            }
        }
        DType::BF16 if n > 1 << 16 => {
            // More numbers than a 16-bit index holds, and far more than the dtype tells apart.
            let mut index = vec![0u32; n];
            shuffle_u32(engine, index.as_mut_ptr(), n);
            for (i, k) in index.iter().enumerate() {
                (dst as *mut bf16).add(i).write(bf16::from_f32(*k as f32));
            }
        }
        DType::I16 | DType::F16 | DType::BF16 => {
            shuffle_u16(engine, dst as *mut u16, n);
            for x in std::slice::from_raw_parts_mut(dst as *mut u16, n) {
                *x = match dtype {
                    DType::F16 => f16::from_f32(*x as f32).to_bits(),
                    DType::BF16 => bf16::from_f32(*x as f32).to_bits(),
                    _ => *x,
                };
            }
        }
        DType::U8 | DType::I8 => shuffle_u8(engine, dst, n),
        _ => return false,
    }
    true
}

macro_rules! shuffle {
    ($name:ident $T:ident) => {
        unsafe fn $name(engine: &mut Mt19937, index: *mut $T, n: usize) {
            for i in 0..n {
                index.add(i).write(i as $T);
            }
            let mut scratch = [0u32; Mt19937::scratch_len(RUN)];
            let mut begin = 0;
            while begin + 1 < n {
                let count = RUN.min(n - 1 - begin);
                let offsets = engine.take(count, &mut scratch);
                temper(offsets.as_mut_ptr(), count);
                remainders(offsets.as_mut_ptr(), count, (n - begin) as u32);
                for (k, offset) in offsets.iter().enumerate() {
                    let here = index.add(begin + k);
                    std::ptr::swap(here, here.add(*offset as usize));
                }
                begin += count;
            }
        }
    };
}
shuffle!(shuffle_u8 u8);
shuffle!(shuffle_u16 u16);
shuffle!(shuffle_u32 u32);

simd_fn! {
    /// `words[k] %= range - k`; exact, see the integer distributions.
    unsafe fn remainders(words: *mut u32, n: usize, range: u32) {
        for k in 0..n {
            let word = *words.add(k) as f64;
            let divisor = (range - k as u32) as f64;
            let quotient = ((word + 0.5) / divisor).floor();
            *words.add(k) = (word - quotient * divisor).to_int_unchecked::<i32>() as u32;
        }
    }
}

unsafe fn inside_out(engine: &mut Mt19937, dtype: DType, dst: *mut u8, n: usize) -> bool {
    macro_rules! build {
        ($T:ident) => {{
            let dst = dst as *mut $T;
            for i in 0..n {
                let z = (engine.random64() % (i as u64 + 1)) as usize;
                dst.add(i).write(i as $T);
                let other = dst.add(z).read();
                dst.add(i).write(other);
                dst.add(z).write(i as $T);
            }
            true
        }};
    }
    match dtype {
        DType::I64 => build!(i64),
        DType::F64 => build!(f64),
        DType::I32 => build!(i32),
        _ => false,
    }
}

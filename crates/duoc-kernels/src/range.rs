//! Sequences: `arange`, `linspace`, `logspace`, with the bits that PyTorch's CPU kernels give.
//!
//! PyTorch's sums are contracted to fused multiply-adds except in `range` and `logspace`, and its `arange` works in
//! vectors whose first element is rounded to the dtype before the multiples of the step are added; both show in the
//! last bit, so both are repeated here.

use crate::DType;
use crate::copy::numbers::*;
use crate::par;

/// A typed output pointer with a stride, shared between threads that write disjoint elements.
#[derive(Clone, Copy)]
struct Out(*mut u8, isize);
// SAFETY: each range of a fill writes its own elements.
unsafe impl Sync for Out {}

impl Out {
    #[inline(always)]
    unsafe fn set<T>(&self, i: usize, value: T) {
        self.0.offset(self.1 * i as isize).cast::<T>().write_unaligned(value);
    }
}

/// Calls `fill(out, begin, end)` for ranges that make up `0..n`, in parallel when that pays.
fn ranges(out: *mut u8, n: usize, fill: &(dyn Fn(*mut u8, usize, usize) + Sync)) {
    let out = Out(out, 0);
    par::for_range(n, par::GRAIN, &|begin, end| {
        let out = &out;
        fill(out.0, begin, end)
    });
}

macro_rules! whole_steps {
    ($($name:ident $t:ty;)+) => {$(
        crate::simd_fn! {
            unsafe fn $name(out: *mut $t, start: $t, step: $t, begin: usize, end: usize) {
                for i in begin..end {
                    *out.add(i) = start.wrapping_add(step.wrapping_mul(i as $t));
                }
            }
        }
    )+};
}
whole_steps! { steps_u8 u8; steps_u16 u16; steps_u32 u32; steps_u64 u64; }

macro_rules! float_steps {
    ($name:ident $t:ty, $lanes:literal, |$base:ident| $round:expr) => {
        crate::simd_fn! {
            unsafe fn $name(out: *mut $t, start: f64, step: f64, begin: usize, end: usize, vectorised: usize) {
                let mut i = begin;
                while i < end {
                    // Ranges begin and end at multiples of 64, but for the last.
                    if i + $lanes <= vectorised && i + $lanes <= end {
                        let $base = step.mul_add(i as f64, start);
                        let base = $round;
                        for lane in 0..$lanes {
                            *out.add(i + lane) = step.mul_add(lane as f64, base) as $t;
                        }
                        i += $lanes;
                    } else {
                        *out.add(i) = step.mul_add(i as f64, start) as $t;
                        i += 1;
                    }
                }
            }
        }
    };
}
float_steps!(steps_f64 f64, 4, |x| x);
float_steps!(steps_f32 f32, 8, |x| x as f32 as f64);

/// Calls `one(out, i)` for `0..n`, in parallel when that pays.
fn each(out: Out, n: usize, one: impl Fn(&Out, usize) + Sync) {
    par::for_range(n, par::GRAIN, &|begin, end| (begin..end).for_each(|i| one(&out, i)));
}

/// `out[i] = start + i * step`, wrapping, for integer dtypes; `out` is contiguous. False for other dtypes.
pub unsafe fn arange_int(dtype: DType, out: *mut u8, start: i64, step: i64, n: usize) -> bool {
    if !dtype.is_int() {
        return false;
    }
    macro_rules! fill {
        ($f:ident $t:ty) => {
            // SAFETY: each range of the contiguous output is written once.
            ranges(out, n, &|out, begin, end| unsafe {
                $f(out.cast(), start as $t, step as $t, begin, end)
            })
        };
    }
    match dtype.size() {
        1 => fill!(steps_u8 u8),
        2 => fill!(steps_u16 u16),
        4 => fill!(steps_u32 u32),
        _ => fill!(steps_u64 u64),
    }
    true
}

/// `out[i] = start + i * step` for float32, float64, float16 and bfloat16; `out` is contiguous. False for others.
pub unsafe fn arange_float(dtype: DType, out: *mut u8, start: f64, step: f64, n: usize) -> bool {
    let target = Out(out, dtype.size() as isize);
    // Elements of one vector in PyTorch's AVX2 kernel; two vectors make a step of its loop, the rest is done one by one.
    let lanes = 32 / dtype.size();
    let vectorised = n / (2 * lanes) * (2 * lanes);
    let split = move |i: usize| {
        if i < vectorised {
            (i / lanes * lanes, i % lanes)
        } else {
            (i, 0)
        }
    };
    let (start32, step32) = (start as f32, step as f32);
    match dtype {
        // SAFETY (both): each range of the contiguous output is written once.
        DType::F64 => ranges(out, n, &|out, begin, end| unsafe {
            steps_f64(out.cast(), start, step, begin, end, vectorised)
        }),
        DType::F32 => ranges(out, n, &|out, begin, end| unsafe {
            steps_f32(out.cast(), start, step, begin, end, vectorised)
        }),
        DType::F16 => each(target, n, |o, i| {
            let (base, lane) = split(i);
            let base = f16_to_f32(f32_to_f16(step32.mul_add(base as f32, start32)));
            o.set(i, f32_to_f16(step32.mul_add(lane as f32, base)))
        }),
        DType::BF16 => each(target, n, |o, i| {
            let (base, lane) = split(i);
            let base = bf16_to_f32(f32_to_bf16(step32.mul_add(base as f32, start32)));
            o.set(i, f32_to_bf16(step32.mul_add(lane as f32, base)))
        }),
        _ => return false,
    }
    true
}

/// As [`arange_float`] with every element computed by itself, product and sum rounded apart: PyTorch's `range`.
pub unsafe fn steps_float(dtype: DType, out: *mut u8, start: f64, step: f64, n: usize) -> bool {
    let target = Out(out, dtype.size() as isize);
    let (start32, step32) = (start as f32, step as f32);
    let wide = move |i: usize| start + step * i as f64;
    let narrow = move |i: usize| start32 + step32 * i as f32;
    match dtype {
        DType::F64 => each(target, n, |o, i| o.set(i, wide(i))),
        DType::F32 => each(target, n, |o, i| o.set(i, wide(i) as f32)),
        DType::F16 => each(target, n, |o, i| o.set(i, f32_to_f16(narrow(i)))),
        DType::BF16 => each(target, n, |o, i| o.set(i, f32_to_bf16(narrow(i)))),
        _ => return false,
    }
    true
}

/// Evenly spaced points seen from whichever end is nearer.
macro_rules! points {
    ($t:ty, $start:expr, $end:expr, $n:expr) => {{
        let (start, end, n): ($t, $t, usize) = ($start, $end, $n);
        let step = (end - start) / (n.max(2) - 1) as $t;
        move |i: usize| {
            if i < n / 2 || n == 1 {
                step.mul_add(i as $t, start)
            } else {
                step.mul_add(-((n - i - 1) as $t), end)
            }
        }
    }};
}

/// `n` evenly spaced values from `start` to `end`, both included, `stride` bytes apart in `out`.
///
/// With `step = (end - start) / (n - 1)` the first half is `start + i step`, the second `end - (n - 1 - i) step`, in
/// the dtype (float32 for 16-bit floats, float64 truncated for integers). `start` and `end` must be representable in
/// `dtype`. For complex dtypes call it per component with the real dtype. False for dtypes without the op.
pub unsafe fn linspace(dtype: DType, out: *mut u8, stride: isize, start: f64, end: f64, n: usize) -> bool {
    let out = Out(out, stride);
    let wide = points!(f64, start, end, n);
    let narrow = points!(f32, start as f32, end as f32, n);
    match dtype {
        DType::F64 => each(out, n, |o, i| o.set(i, wide(i))),
        DType::F32 => each(out, n, |o, i| o.set(i, narrow(i))),
        DType::F16 => each(out, n, |o, i| o.set(i, f32_to_f16(narrow(i)))),
        DType::BF16 => each(out, n, |o, i| o.set(i, f32_to_bf16(narrow(i)))),
        _ => return integers(dtype, out, n, wide),
    }
    true
}

/// `base` to the power of `n` evenly spaced exponents; as [`linspace`] otherwise.
pub unsafe fn logspace(dtype: DType, out: *mut u8, stride: isize, start: f64, end: f64, base: f64, n: usize) -> bool {
    let out = Out(out, stride);
    // Only the distance of the ends is rounded to the dtype; step, sum and power are float64 whatever the dtype is.
    let (a32, b32) = (start as f32, end as f32);
    let distance = match dtype {
        DType::F32 => f64::from(b32 - a32),
        DType::F16 => f64::from(f16_to_f32(f32_to_f16(b32 - a32))),
        DType::BF16 => f64::from(bf16_to_f32(f32_to_bf16(b32 - a32))),
        _ => end - start,
    };
    let step = distance / (n.max(2) - 1) as f64;
    let wide = move |i: usize| {
        base.powf(if i < n / 2 || n == 1 {
            start + step * i as f64
        } else {
            end - step * (n - i - 1) as f64
        })
    };
    let narrow = move |i: usize| wide(i) as f32;
    match dtype {
        DType::F64 => each(out, n, |o, i| o.set(i, wide(i))),
        DType::F32 => each(out, n, |o, i| o.set(i, narrow(i))),
        DType::F16 => each(out, n, |o, i| o.set(i, f32_to_f16(narrow(i)))),
        DType::BF16 => each(out, n, |o, i| o.set(i, f32_to_bf16(narrow(i)))),
        _ => return integers(dtype, out, n, wide),
    }
    true
}

/// Truncates `value(i)` to a signed integer dtype or `uint8`, the ones PyTorch's range kernels take.
unsafe fn integers(dtype: DType, out: Out, n: usize, value: impl Fn(usize) -> f64 + Sync) -> bool {
    match dtype {
        DType::U8 => each(out, n, |o, i| o.set(i, f64_to_i32(value(i)) as u8)),
        DType::I8 => each(out, n, |o, i| o.set(i, f64_to_i32(value(i)) as i8)),
        DType::I16 => each(out, n, |o, i| o.set(i, f64_to_i32(value(i)) as i16)),
        DType::I32 => each(out, n, |o, i| o.set(i, f64_to_i32(value(i)))),
        DType::I64 => each(out, n, |o, i| o.set(i, f64_to_i64(value(i)))),
        _ => return false,
    }
    true
}

/// Keeps (`upper` false: column - row <= diagonal; true: column - row >= diagonal) a triangle of a batch of matrices
/// and zeroes the rest: `tril` and `triu`. Input `[batch, rows, cols]` with the given byte strides, output contiguous.
pub unsafe fn triangle(
    out: *mut u8,
    input: *const u8,
    shape: [usize; 3],
    strides: [isize; 3],
    size: usize,
    diagonal: i64,
    upper: bool,
) {
    let [batch, rows, cols] = shape;
    let pair = Rows(out, input);
    par::for_units(batch * rows, (par::GRAIN / cols.max(1)).max(1), &|begin, end| {
        for line in begin..end {
            let (b, r) = (line / rows, line % rows);
            // First column past the lower part, or first column of the upper part.
            let edge = (r as i128 + diagonal as i128 + !upper as i128).clamp(0, cols as i128) as usize;
            let kept = if upper { edge..cols } else { 0..edge };
            // SAFETY: the row lies inside both blocks, rows are disjoint.
            unsafe {
                let pair = &pair;
                let (out, zero) = (pair.0.add(line * cols * size), if upper { 0..edge } else { edge..cols });
                let from = strides[0] * b as isize + strides[1] * r as isize + strides[2] * kept.start as isize;
                std::ptr::write_bytes(out.add(zero.start * size), 0, zero.len() * size);
                let ptrs = [out.add(kept.start * size), pair.1.wrapping_offset(from).cast_mut()];
                let steps = [size as isize, strides[2], 0, 0];
                crate::copy::same(size)(ptrs.as_ptr(), steps.as_ptr(), kept.len(), 1, std::ptr::null());
            }
        }
    });
}

struct Rows(*mut u8, *const u8);
// SAFETY: each range writes its own rows of the output.
unsafe impl Sync for Rows {}

#[cfg(test)]
mod tests {
    use super::*;

    fn f32s(n: usize, fill: impl Fn(*mut u8)) -> Vec<f32> {
        let mut out = vec![0f32; n];
        fill(out.as_mut_ptr().cast());
        out
    }

    #[test]
    fn ends_are_exact() {
        for n in [1, 2, 3, 50, 1001] {
            let x = f32s(n, |p| {
                assert!(unsafe { linspace(DType::F32, p, 4, -0.1f32 as f64, 0.7f32 as f64, n) })
            });
            assert_eq!(x[0], -0.1);
            assert!(n == 1 || x[n - 1] == 0.7);
        }
        let x = f32s(5, |p| assert!(unsafe { logspace(DType::F32, p, 4, 0.0, 4.0, 10.0, 5) }));
        assert_eq!(x, [1.0, 10.0, 100.0, 1000.0, 10000.0]);
        assert!(!unsafe { linspace(DType::Bool, std::ptr::null_mut(), 1, 0.0, 1.0, 0) });
    }

    /// torch.logspace(-0.75, 2.25, 38, 2.5) and torch.range(-1, 28, 0.1).
    #[test]
    fn logspace_and_range_bits_of_pytorch() {
        let x = f32s(38, |p| {
            assert!(unsafe { logspace(DType::F32, p, 4, -0.75, 2.25, 2.5, 38) })
        });
        let want: [f32; 4] = [
            0.6285520195960999,
            1.138844609260559,
            2.22255802154541,
            4.672046661376953,
        ];
        assert_eq!([x[3], x[11], x[20], x[30]], want);
        let mut h = [half::f16::ZERO; 38];
        assert!(unsafe { logspace(DType::F16, h.as_mut_ptr().cast(), 2, -0.75, 2.25, 2.5, 38) });
        let want = [0.62841796875, 1.138671875, 2.22265625, 4.671875];
        assert_eq!([h[3], h[11], h[20], h[30]].map(f64::from), want);
        let mut y = [0f64; 291];
        assert!(unsafe { steps_float(DType::F64, y.as_mut_ptr().cast(), -1.0, 0.1, 291) });
        assert_eq!([y[3], y[17], y[130], y[270]], [-0.7, 0.7000000000000002, 12.0, 26.0]);
    }

    #[test]
    fn arange_bits_of_pytorch() {
        // torch.arange(0.1, 6, 0.3): element 9 differs in the last bit from 0.1 + 9 * 0.3 rounded once.
        let x = f32s(20, |p| assert!(unsafe { arange_float(DType::F32, p, 0.1, 0.3, 20) }));
        for (i, v) in x.iter().enumerate() {
            assert!((*v as f64 - (0.1 + 0.3 * i as f64)).abs() < 1e-6);
        }
        let mut out = [0u8; 5];
        assert!(unsafe { arange_int(DType::I8, out.as_mut_ptr(), 3, -2, 5) });
        assert_eq!(out.map(|b| b as i8), [3, 1, -1, -3, -5]);
    }

    #[test]
    fn triangles() {
        let input: Vec<i32> = (1..=24).collect();
        for (batch, rows, cols) in [(2, 3, 4), (1, 4, 6), (1, 24, 1), (3, 0, 5)] {
            for diagonal in [i64::MIN, -7, -1, 0, 1, 2, 9, i64::MAX] {
                for upper in [false, true] {
                    let mut out = vec![-1i32; batch * rows * cols];
                    let strides = [(rows * cols * 4) as isize, (cols * 4) as isize, 4];
                    let to = out.as_mut_ptr().cast();
                    unsafe {
                        triangle(
                            to,
                            input.as_ptr().cast(),
                            [batch, rows, cols],
                            strides,
                            4,
                            diagonal,
                            upper,
                        )
                    };
                    for (i, v) in out.iter().enumerate() {
                        let (r, c) = ((i / cols % rows) as i128, (i % cols) as i128);
                        let keep = if upper {
                            c - r >= diagonal as i128
                        } else {
                            c - r <= diagonal as i128
                        };
                        assert_eq!(*v, if keep { input[i] } else { 0 });
                    }
                }
            }
        }
    }
}

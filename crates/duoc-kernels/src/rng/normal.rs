//! The normal distribution.
//!
//! PyTorch has two of them. Contiguous tensors of 16 elements and more are filled with uniform numbers that are
//! transformed sixteen at a time, eight radii with eight angles; everything else draws pairs in double precision
//! and keeps the second half of a pair for the next call.

use super::element::{Element, store};
use super::stream::{self, Out};
use super::{CpuGenerator, unit24, unit53};
use crate::{DType, match_dtype, simd_fn};
use std::f64::consts::PI;

/// Elements that [`fill`] transforms together, and the fewest it takes.
pub const GROUP: usize = 16;

/// A pair of standard normal deviates from two uniform ones: `sqrt(-2 log1p(-u2))` times cosine and sine of `2 pi u1`.
#[inline(always)]
pub(super) fn pair(u1: f64, u2: f64) -> (f64, f64) {
    let radius = (-2.0 * (-u2).ln_1p()).sqrt();
    let theta = 2.0 * PI * u1;
    (radius * theta.cos(), radius * theta.sin())
}

/// Fills a row with `z * std + mean`, `z` standard normal, drawn one by one in double precision.
///
/// False for dtypes other than `float64`, `float32`, `float16`, `bfloat16`.
pub unsafe fn serial(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    n: usize,
    mean: f64,
    std: f64,
) -> bool {
    match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
        each(generator, Out { ptr: dst, stride }, n, &|z| T::of_f64(z.mul_add(std, mean)));
        true
    }, else false)
}

/// Fills a row with `f(z)`, `z` standard normal, drawn one by one; the generator's cache is used and left as a loop
/// of [`CpuGenerator::normal_f64`] would.
pub(super) unsafe fn each<T: Element>(generator: &mut CpuGenerator, out: Out, n: usize, f: &(dyn Fn(f64) -> T + Sync)) {
    let mut begin = 0;
    if n > 0
        && let Some(z) = generator.next_double_normal.take()
    {
        (out.ptr as *mut T).write_unaligned(f(z));
        begin = 1;
    }
    let pairs = (n - begin) / 2;
    stream::run(&mut generator.engine, pairs, 4, &|first, words| {
        for (i, w) in words.as_chunks::<4>().0.iter().enumerate() {
            let (cosine, sine) = pair(unit53([w[0], w[1]]), unit53([w[2], w[3]]));
            let at = begin + 2 * (first + i);
            (out.at(at).0 as *mut T).write_unaligned(f(cosine));
            (out.at(at + 1).0 as *mut T).write_unaligned(f(sine));
        }
    });
    if begin + 2 * pairs < n {
        (out.at(n - 1).0 as *mut T).write_unaligned(f(generator.normal_f64()));
    }
}

/// Fills `n >= 16` contiguous elements with `z * std + mean`, `z` standard normal.
///
/// Of each 16 uniform numbers the first eight give radii `sqrt(-2 log(1 - u))`, the others angles `2 pi u`; cosines
/// come first, sines eight places later. When `n` is not a multiple of 16, the last 16 elements are drawn again.
/// False for dtypes other than `float64`, `float32`, `float16`, `bfloat16` and for `n < 16`.
pub unsafe fn fill(generator: &mut CpuGenerator, dtype: DType, dst: *mut u8, n: usize, mean: f64, std: f64) -> bool {
    if n < GROUP || !matches!(dtype, DType::F64 | DType::F32 | DType::F16 | DType::BF16) {
        return false;
    }
    let whole = n / GROUP * GROUP;
    // The half types draw group by group and so never draw the incomplete one.
    let drawn = if dtype.is_half() { whole } else { n };
    groups(generator, dtype, dst, drawn, mean, std);
    if whole < n {
        groups(generator, dtype, dst.add((n - GROUP) * dtype.size()), GROUP, mean, std);
    }
    true
}

unsafe fn groups(generator: &mut CpuGenerator, dtype: DType, dst: *mut u8, n: usize, mean: f64, std: f64) {
    let out = Out {
        ptr: dst,
        stride: dtype.size() as isize,
    };
    let engine = &mut generator.engine;
    match_dtype!(dtype, [F32 F16 BF16] => |T| {
        stream::run(engine, n, 1, &|first, words| {
            singles::<T>(words.as_ptr(), words.len() / GROUP, out.at(first).0, mean as f32, std as f32);
        });
    }, else {
        stream::run(engine, n, 2, &|first, words| {
            let dst = out.at(first).0 as *mut f64;
            let (groups, _) = words.as_chunks::<32>();
            for (g, words) in groups.iter().enumerate() {
                let u = words.as_chunks::<2>().0;
                for j in 0..8 {
                    let radius = (-2.0 * (1.0 - unit53(u[j])).ln()).sqrt();
                    let theta = 2.0 * PI * unit53(u[j + 8]);
                    let at = dst.add(g * GROUP + j);
                    at.write_unaligned((radius * theta.cos()).mul_add(std, mean));
                    at.add(8).write_unaligned((radius * theta.sin()).mul_add(std, mean));
                }
            }
        });
    })
}

/// Groups whose radii and angles stand in one array, so that a loop over it fills vectors of any width.
const BATCH: usize = 8;

simd_fn! {
    unsafe fn singles<T: Element>(words: *const u32, groups: usize, dst: *mut u8, mean: f32, std: f32) {
        let mut done = 0;
        while done < groups {
            let count = BATCH.min(groups - done);
            let words = words.add(done * GROUP);
            let mut radii = [0f32; 8 * BATCH];
            let mut angles = [0f32; 8 * BATCH];
            for g in 0..count {
                for j in 0..8 {
                    radii[g * 8 + j] = 1.0 - unit24(*words.add(g * GROUP + j));
                    angles[g * 8 + j] = unit24(*words.add(g * GROUP + 8 + j));
                }
            }
            for (r, a) in radii.iter_mut().zip(&mut angles) {
                let radius = (-2.0 * log(*r)).sqrt();
                let (sine, cosine) = sin_cos(*a * (2.0 * PI) as f32);
                *r = (radius * cosine).mul_add(std, mean);
                *a = (radius * sine).mul_add(std, mean);
            }
            let dst = (dst as *mut T).add(done * GROUP);
            for g in 0..count {
                store::<T>(dst.add(g * GROUP) as *mut u8, size_of::<T>() as isize, 8, |j| T::of_f32(radii[g * 8 + j]));
                store::<T>(dst.add(g * GROUP + 8) as *mut u8, size_of::<T>() as isize, 8, |j| T::of_f32(angles[g * 8 + j]));
            }
            done += count;
        }
    }
}

/// Natural logarithm of a normal float in `(0, 1]` or any array filler 0: the Cephes polynomial (S. Moshier, `logf`),
/// with the fused operations that a contracting compiler makes of its vector form.
#[inline(always)]
fn log(x: f32) -> f32 {
    let bits = x.max(f32::MIN_POSITIVE).to_bits();
    let mut e = (bits >> 23) as i32 as f32 - 126.0;
    let mut x = f32::from_bits((bits & 0x007f_ffff) | 0x3f00_0000);
    // x is in [1/2, 1); below sqrt(1/2) one step of the exponent is given back.
    let below = x < std::f32::consts::FRAC_1_SQRT_2;
    let again = if below { x } else { 0.0 };
    e -= if below { 1.0 } else { 0.0 };
    x = (x - 1.0) + again;
    let z = x * x;
    let mut y = 7.037_683_629_2e-2_f32;
    y = y.mul_add(x, -1.151_461_031_0e-1);
    y = y.mul_add(x, 1.167_699_874_0e-1);
    y = y.mul_add(x, -1.242_014_084_6e-1);
    y = y.mul_add(x, 1.424_932_278_7e-1);
    y = y.mul_add(x, -1.666_805_766_5e-1);
    y = y.mul_add(x, 2.000_071_476_5e-1);
    y = y.mul_add(x, -2.499_999_399_3e-1);
    y = y.mul_add(x, 3.333_333_117_4e-1);
    y *= x;
    y = y.mul_add(z, e * -2.121_944_40e-4);
    y -= z * 0.5;
    e.mul_add(0.693_359_375, x + y)
}

/// Sine and cosine of a float in `[0, 2 pi]`: the Cephes polynomials (S. Moshier, `sinf`) after reduction by
/// `pi / 4` in three parts, with fused operations as in [`log`].
#[inline(always)]
fn sin_cos(x: f32) -> (f32, f32) {
    // SAFETY: at most 8.
    let octant: i32 = unsafe { (x * 1.273_239_544_735_16).to_int_unchecked() };
    let octant = (octant + 1) & !1;
    let y = octant as f32;
    let x = y.mul_add(-0.785_156_25, x);
    let x = y.mul_add(-2.418_756_484_985_351_562_5e-4, x);
    let x = y.mul_add(-3.774_894_977_445_941_08e-8, x);
    let z = x * x;
    let c = 2.443_315_711_809_948e-5_f32.mul_add(z, -1.388_731_625_493_765e-3);
    let c = c.mul_add(z, 4.166_664_568_298_827e-2) * z;
    let c = c.mul_add(z, -(z * 0.5)) + 1.0;
    let s = (-1.951_529_589_1e-4_f32).mul_add(z, 8.332_160_873_6e-3);
    let s = s.mul_add(z, -1.666_665_461_1e-1) * z;
    let s = s.mul_add(x, x);
    let swap = octant & 2 != 0;
    // Adding zero makes -0 positive, as the masked sum of the two polynomials does.
    let sine = (if swap { c } else { s }) + 0.0;
    let cosine = (if swap { s } else { c }) + 0.0;
    let sign_sine = ((octant & 4) as u32) << 29;
    let sign_cosine = (!(octant - 2) as u32 & 4) << 29;
    (
        f32::from_bits(sine.to_bits() ^ sign_sine),
        f32::from_bits(cosine.to_bits() ^ sign_cosine),
    )
}

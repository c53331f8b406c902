//! Distributions that are a function of one uniform or normal double.

use super::element::store;
use super::stream::{self, Out};
use super::{CpuGenerator, normal, unit53};
use crate::{DType, match_dtype};
use std::f64::consts::PI;

/// A distribution and its parameters.
#[derive(Clone, Copy, Debug)]
pub enum Transform {
    /// `-log1p(-u) / lambda`.
    Exponential {
        /// The rate, positive.
        lambda: f64,
    },
    /// `ceil(log(u) / log1p(-p))`: the number of trials up to the first success.
    Geometric {
        /// The probability of success, between 0 and 1.
        p: f64,
    },
    /// `median + sigma * tan(pi * (u - 1/2))`.
    Cauchy {
        /// The location.
        median: f64,
        /// The scale, positive.
        sigma: f64,
    },
    /// `exp(mean + std * z)`, `z` standard normal.
    LogNormal {
        /// Mean of the logarithm.
        mean: f64,
        /// Standard deviation of the logarithm, positive.
        std: f64,
    },
}

/// Fills a row, computing in `float64`.
///
/// False for dtypes other than the four floating ones; the geometric distribution also has integers up to `int64`
/// (without `bool` and the wide unsigned types).
pub unsafe fn fill(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    n: usize,
    transform: Transform,
) -> bool {
    let out = Out { ptr: dst, stride };
    match transform {
        Transform::Exponential { lambda } => {
            let scale = -1.0 / lambda;
            uniform(generator, dtype, out, n, &|u| scale * (-u).ln_1p())
        }
        Transform::Geometric { p } => {
            let scale = (-p).ln_1p();
            if matches!(dtype, DType::U8 | DType::I8 | DType::I16 | DType::I32 | DType::I64) {
                return trials(generator, dtype, out, n, scale);
            }
            uniform(generator, dtype, out, n, &|u| (u.ln() / scale).ceil())
        }
        Transform::Cauchy { median, sigma } => uniform(generator, dtype, out, n, &|u| {
            sigma.mul_add((PI * (u - 0.5)).tan(), median)
        }),
        Transform::LogNormal { mean, std } => match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
            normal::each(generator, out, n, &|z| {
                <T as super::element::Element>::of_f64(z.mul_add(std, mean).exp())
            });
            true
        }, else false),
    }
}

unsafe fn uniform(
    generator: &mut CpuGenerator,
    dtype: DType,
    out: Out,
    n: usize,
    f: &(dyn Fn(f64) -> f64 + Sync),
) -> bool {
    match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
        stream::run(&mut generator.engine, n, 2, &|first, words| {
            let (dst, stride) = out.at(first);
            let words = words.as_chunks::<2>().0;
            store::<T>(dst, stride, words.len(), |i| {
                <T as super::element::Element>::of_f64(f(unit53(words[i])))
            });
        });
        true
    }, else false)
}

/// The geometric distribution in integers.
unsafe fn trials(generator: &mut CpuGenerator, dtype: DType, out: Out, n: usize, scale: f64) -> bool {
    match_dtype!(dtype, [U8 I8 I16 I32 I64] => |T| {
        stream::run(&mut generator.engine, n, 2, &|first, words| {
            let (dst, stride) = out.at(first);
            let words = words.as_chunks::<2>().0;
            store::<T>(dst, stride, words.len(), |i| (unit53(words[i]).ln() / scale).ceil() as i64 as T);
        });
        true
    }, else false)
}

//! Distributions sampled by rejection, where an element uses an open number of words: Poisson, gamma, binomial.
//!
//! PyTorch computes them without fused operations, in double precision around parameters in the tensor's own type;
//! where a product or quotient of parameters is formed in `float32` first, that is kept here.

use super::CpuGenerator;
use super::element::Element;
use crate::{DType, match_dtype};

/// A parameter outside its distribution's domain; the elements before it have been drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfDomain;

/// Fills a row with Poisson deviates of the rates in `rate`, a row of the same dtype.
///
/// `Ok(false)` for dtypes other than the four floating ones.
pub unsafe fn poisson(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    rate: *const u8,
    rate_stride: isize,
    n: usize,
) -> Result<bool, OutOfDomain> {
    match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
        for i in 0..n as isize {
            let lambda = (rate.offset(i * rate_stride) as *const T).read_unaligned().wide();
            let k = poisson_one(generator, lambda).ok_or(OutOfDomain)?;
            (dst.offset(i * stride) as *mut T).write_unaligned(T::of_i64(k));
        }
        Ok(true)
    }, else Ok(false))
}

/// Transformed rejection from rate 10 on (W. Hörmann, 1993), products of uniforms below (D. Knuth).
fn poisson_one(generator: &mut CpuGenerator, lambda: f64) -> Option<i64> {
    if lambda >= 10.0 {
        let root = lambda.sqrt();
        let log_lambda = lambda.ln();
        let b = 0.931 + 2.53 * root;
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let v_r = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = generator.uniform_f64() - 0.5;
            let v = generator.uniform_f64();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + lambda + 0.43).floor() as i64;
            if us >= 0.07 && v <= v_r {
                return Some(k);
            }
            if k < 0 || (us < 0.013 && v > us) {
                continue;
            }
            let left = v.ln() + inverse_alpha.ln() - (a / (us * us) + b).ln();
            if left <= -lambda + k as f64 * log_lambda - log_factorial(k as f64) {
                return Some(k);
            }
            if lambda.is_infinite() {
                // No draw is ever accepted; the largest count is the honest one.
                return Some(i64::MAX);
            }
        }
    } else if lambda == 0.0 {
        Some(0)
    } else if lambda > 0.0 {
        let limit = (-lambda).exp();
        let mut count = 0;
        let mut product = 1.0;
        loop {
            product *= generator.uniform_f64();
            if product <= limit {
                return Some(count);
            }
            count += 1;
        }
    } else {
        None
    }
}

/// `ln(k!)` by Stirling's series; small arguments are raised first.
fn log_factorial(k: f64) -> f64 {
    let mut x = k + 1.0;
    let mut product = 1.0;
    while x < 16.0 {
        product *= x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let tail = (1.0 / 12.0 - z * (1.0 / 360.0 - z * (1.0 / 1260.0 - z * (1.0 / 1680.0 - z / 1188.0)))) / x;
    const HALF_LOG_TWO_PI: f64 = 0.918_938_533_204_672_8;
    (x - 0.5) * x.ln() - x + HALF_LOG_TWO_PI + tail - f64::ln(product)
}

/// Fills a row with standard gamma deviates (scale 1) of the shapes in `shape`, a row of the same dtype; the smallest
/// result is the dtype's smallest normal number. A shape of -1 and less gives that too.
///
/// False for dtypes other than `float32` and `float64`.
pub unsafe fn standard_gamma(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    shape: *const u8,
    shape_stride: isize,
    n: usize,
) -> bool {
    match_dtype!(dtype, [F32 F64] => |T| {
        for i in 0..n as isize {
            let alpha = (shape.offset(i * shape_stride) as *const T).read_unaligned();
            let sample = gamma_one(generator, alpha.wide(), dtype == DType::F64) as T;
            (dst.offset(i * stride) as *mut T).write_unaligned(sample.max(T::MIN_POSITIVE));
        }
        true
    }, else false)
}

/// Marsaglia's and Tsang's method (2000), with the shape raised by one below 1.
fn gamma_one(generator: &mut CpuGenerator, mut alpha: f64, double: bool) -> f64 {
    // What the reference computes in the parameter's own type.
    let own = |x: f64| if double { x } else { x as f32 as f64 };
    let mut scale = 1.0;
    if alpha < 1.0 {
        if alpha == 0.0 {
            return 0.0;
        }
        scale *= (1.0 - generator.uniform_f64()).powf(own(1.0 / alpha));
        alpha = own(alpha + 1.0);
    }
    let d = own(alpha - (1.0f32 / 3.0) as f64);
    let c = 1.0 / (9.0 * d).sqrt();
    // Without this a shape outside the domain would never be accepted.
    if d.is_nan() || d <= 0.0 {
        return f64::NAN;
    }
    loop {
        let (x, y) = loop {
            let x = generator.normal_f64();
            let y = 1.0 + c * x;
            if y > 0.0 {
                break (x, y);
            }
        };
        let v = y * y * y;
        let u = 1.0 - generator.uniform_f64();
        let xx = x * x;
        if u < 1.0 - 0.0331f32 as f64 * xx * xx || u.ln() < 0.5 * xx + d * (1.0 - v + v.ln()) {
            return scale * d * v;
        }
    }
}

/// Fills a row with binomial deviates of the counts and probabilities in two rows of the same dtype.
///
/// False for dtypes other than `float32` and `float64`.
pub unsafe fn binomial(
    generator: &mut CpuGenerator,
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    count: *const u8,
    count_stride: isize,
    p: *const u8,
    p_stride: isize,
    n: usize,
) -> bool {
    macro_rules! rows {
        ($T:ident $one:ident) => {{
            for i in 0..n as isize {
                let count = (count.offset(i * count_stride) as *const $T).read_unaligned();
                let p = (p.offset(i * p_stride) as *const $T).read_unaligned();
                (dst.offset(i * stride) as *mut $T).write_unaligned($one::binomial(generator, count, p));
            }
            true
        }};
    }
    match dtype {
        DType::F32 => rows!(f32 single),
        DType::F64 => rows!(f64 double),
        _ => false,
    }
}

/// The remainder of Stirling's formula for `ln(k!)`.
fn stirling_tail(k: f64) -> f64 {
    const SMALL: [f64; 10] = [
        0.0810614667953272,
        0.0413406959554092,
        0.0276779256849983,
        0.02079067210376509,
        0.0166446911898211,
        0.0138761288230707,
        0.0118967099458917,
        0.0104112652619720,
        0.00925546218271273,
        0.00833056343336287,
    ];
    if let Some(tail) = (0.0..10.0).contains(&k).then(|| SMALL[k as usize]) {
        return tail;
    }
    let square = (k + 1.0) * (k + 1.0);
    (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)
}

macro_rules! binomial_in {
    ($name:ident $T:ident) => {
        mod $name {
            use super::{CpuGenerator, stirling_tail};

            pub fn binomial(generator: &mut CpuGenerator, count: $T, p: $T) -> $T {
                if count <= 0.0 || p <= 0.0 {
                    0.0
                } else if p >= 1.0 {
                    count
                } else if p <= 0.5 {
                    half(generator, count, p)
                } else if p > 0.5 {
                    count - half(generator, count, (1.0 - p as f64) as $T)
                } else {
                    $T::NAN
                }
            }

            fn half(generator: &mut CpuGenerator, count: $T, p: $T) -> $T {
                if count * p >= 10.0 {
                    rejection(generator, count, p)
                } else {
                    inversion(generator, count, p)
                }
            }

            /// Sums of geometric waiting times.
            fn inversion(generator: &mut CpuGenerator, count: $T, p: $T) -> $T {
                let scale = (-p).ln_1p() as f64;
                let mut waited = 0.0;
                let mut successes: $T = 0.0;
                loop {
                    waited += (generator.uniform_f64().ln() / scale).ceil();
                    if !(waited <= count as f64) {
                        return successes;
                    }
                    successes += 1.0;
                }
            }

            /// Transformed rejection with squeeze (W. Hörmann, 1993).
            fn rejection(generator: &mut CpuGenerator, count: $T, p: $T) -> $T {
                if count.is_infinite() {
                    return $T::NAN;
                }
                let deviation = (count * p * (1.0 - p)).sqrt() as f64;
                let b = 1.15 + 2.53 * deviation;
                let a = -0.0873 + 0.0248 * b + 0.01 * p as f64;
                let c = (count * p) as f64 + 0.5;
                let v_r = 0.92 - 4.2 / b;
                let r = (p / (1.0 - p)) as f64;
                let alpha = (2.83 + 5.1 / b) * deviation;
                let m = ((count + 1.0) * p).floor() as f64;
                let n = count as f64;
                loop {
                    let u = generator.uniform_f64() - 0.5;
                    let v = generator.uniform_f64();
                    let us = 0.5 - u.abs();
                    let k = ((2.0 * a / us + b) * u + c).floor() as $T;
                    if k < 0.0 || k > count {
                        continue;
                    }
                    if us >= 0.07 && v <= v_r {
                        return k;
                    }
                    let v = (v * alpha / (a / (us * us) + b)).ln();
                    let left = (count - k + 1.0) as f64;
                    let bound = (m + 0.5) * ((m + 1.0) / (r * (n - m + 1.0))).ln()
                        + (count + 1.0) as f64 * ((n - m + 1.0) / left).ln()
                        + (k as f64 + 0.5) * (r * left / (k + 1.0) as f64).ln()
                        + stirling_tail(m)
                        + stirling_tail(n - m)
                        - stirling_tail(k as f64)
                        - stirling_tail((count - k) as f64);
                    if v <= bound {
                        return k;
                    }
                }
            }
        }
    };
}
binomial_in!(single f32);
binomial_in!(double f64);

#[cfg(test)]
mod tests {
    use super::log_factorial;

    #[test]
    fn log_factorial_is_the_sum_of_logarithms() {
        let mut sum = 0.0;
        for k in 0..200 {
            if k > 0 {
                sum += f64::ln(k as f64);
            }
            assert!((log_factorial(k as f64) - sum).abs() <= 1e-14 * (1.0 + sum), "{k}");
        }
    }
}

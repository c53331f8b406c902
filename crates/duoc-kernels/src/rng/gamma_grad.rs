//! How a gamma deviate moves with its shape: the derivative of reparameterised sampling.
//!
//! For `x` drawn from the standard gamma distribution with shape `a`, `dx/da = -(dF(x; a)/da) / f(x; a)` with the
//! distribution function `F` and its density `f`. The three regions and their approximations are those PyTorch uses
//! (M. Jankowiak, F. Obermeyer, "Pathwise derivatives beyond the reparameterization trick", 2018), so that
//! gradients agree to the last digits and not only to the approximations' 1e-4.

use super::element::Element;
use crate::{DType, match_dtype};

/// Writes `dx/da` for rows of shapes `a` and deviates `x`. False for dtypes other than `float32` and `float64`.
pub unsafe fn standard_gamma_grad(
    dtype: DType,
    dst: *mut u8,
    stride: isize,
    a: *const u8,
    a_stride: isize,
    x: *const u8,
    x_stride: isize,
    n: usize,
) -> bool {
    match_dtype!(dtype, [F32 F64] => |T| {
        for i in 0..n as isize {
            let a = (a.offset(i * a_stride) as *const T).read_unaligned().wide();
            let x = (x.offset(i * x_stride) as *const T).read_unaligned().wide();
            (dst.offset(i * stride) as *mut T).write_unaligned(derivative(a, x) as T);
        }
        true
    }, else false)
}

fn derivative(a: f64, x: f64) -> f64 {
    if x < 0.8f32 as f64 {
        return taylor(a, x);
    }
    if a > 8.0 { saddle_point(a, x) } else { rational(a, x) }
}

/// The series of `F` at 0: `F = x^a sum (-x)^k / (k! (a + k)) / Gamma(a)`, differentiated term by term.
fn taylor(a: f64, x: f64) -> f64 {
    let mut term = 1.0;
    let (mut first, mut second) = (1.0 / a, 1.0 / (a * a));
    for k in 1..=5 {
        let below = a + k as f64;
        term *= -x / k as f64;
        first += term / below;
        second += term / (below * below);
    }
    let power = x.powf(a);
    let density = x.powf(a - 1.0) * (-x).exp();
    let slope = (x.ln() - digamma(a)) * (power * first) - power * second;
    let result = -slope / density;
    if result.is_nan() { 0.0 } else { result }
}

/// The saddle-point expansion of S. Rice for large shapes; near `x = a` it is singular and a polynomial stands in.
fn saddle_point(a: f64, x: f64) -> f64 {
    if 0.9f32 as f64 * a <= x && x <= 1.1f32 as f64 * a {
        let one = 1.0 + 24.0 * a * (1.0 + 12.0 * a);
        let two = 1440.0 * (a * a) + 6.0 * x * (53.0 - 120.0 * x) - 65.0 * x * x / a + a * (107.0 + 3600.0 * x);
        return one * two / (1_244_160.0 * (a * a) * (a * a));
    }
    let root = (8.0 * a).sqrt();
    let near = root / (a - x);
    let far = (x - a - a * (x / a).ln()).powf(-1.5);
    let both = if x < a { near - far } else { near + far };
    let sum = (x / a).ln() * both - (2.0 / a).sqrt() * (a + x) / ((a - x) * (a - x));
    let stirling = 1.0 + 1.0 / (12.0 * a) * (1.0 + 1.0 / (24.0 * a));
    -stirling * (x * sum) / root
}

/// `exp` of a rational function of `ln(x / a)` and `ln a`, fitted by the authors.
fn rational(a: f64, x: f64) -> f64 {
    const FIT: [[f64; 8]; 3] = [
        [
            0.16009398,
            -0.094634809,
            0.025146376,
            -0.0030648343,
            1.0,
            0.32668115,
            0.10406089,
            0.0014179084,
        ],
        [
            0.53487893,
            0.1298071,
            0.065735949,
            -0.0015649758,
            0.16639465,
            0.020070113,
            -0.0035938915,
            -0.00058392623,
        ],
        [
            0.040121004,
            -0.0065914022,
            -0.0026286047,
            -0.0013441777,
            0.017050642,
            -0.0021309326,
            0.00085092367,
            -1.5247877e-07,
        ],
    ];
    let (u, v) = ((x / a).ln(), a.ln());
    let c: [f64; 8] = std::array::from_fn(|i| FIT[0][i] + u * (FIT[1][i] + u * FIT[2][i]));
    let p = c[0] + v * (c[1] + v * (c[2] + v * c[3]));
    let q = c[4] + v * (c[5] + v * (c[6] + v * c[7]));
    (p / q).exp()
}

/// The logarithmic derivative of the gamma function: raised to 10 by recurrence, then its asymptotic series.
fn digamma(mut x: f64) -> f64 {
    if x == 0.0 {
        return f64::INFINITY;
    }
    let mut sum = 0.0;
    if x < 0.0 {
        if x == x.floor() {
            return f64::INFINITY;
        }
        sum -= std::f64::consts::PI / (std::f64::consts::PI * x).tan();
        x = 1.0 - x;
    }
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    // B(2k) / (2k) for k = 7 down to 1.
    let bernoulli = [
        1.0 / 12.0,
        -691.0 / 32_760.0,
        1.0 / 132.0,
        -1.0 / 240.0,
        1.0 / 252.0,
        -1.0 / 120.0,
        1.0 / 12.0,
    ];
    let series = bernoulli.iter().fold(0.0, |s, b| s * z + b) * z;
    sum + x.ln() - 0.5 / x - series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digamma_values() {
        // -gamma, psi(1/2) = -gamma - 2 ln 2, psi(10) = H_9 - gamma.
        let gamma = 0.577_215_664_901_532_9;
        assert!((digamma(1.0) + gamma).abs() < 1e-15);
        assert!((digamma(0.5) + gamma + 2.0 * 2f64.ln()).abs() < 1e-15);
        let h: f64 = (1..10).map(|k| 1.0 / k as f64).sum();
        assert!((digamma(10.0) - h + gamma).abs() < 1e-14);
    }

    /// `P(x < t)` does not move when shape and deviate move together: checked on the mean, `E x = a`, so `E dx/da = 1`.
    #[test]
    fn derivative_keeps_the_mean() {
        for a in [0.5, 2.0, 7.0, 20.0] {
            let mut g = crate::rng::CpuGenerator::new(1);
            let n = 20_000;
            let (shape, mut x, mut d) = (vec![a; n], vec![0f64; n], vec![0f64; n]);
            unsafe {
                let (s, p) = (shape.as_ptr() as *const u8, x.as_mut_ptr() as *mut u8);
                crate::rng::rejection::standard_gamma(&mut g, DType::F64, p, 8, s, 8, n);
                standard_gamma_grad(DType::F64, d.as_mut_ptr() as *mut u8, 8, s, 8, p, 8, n);
            }
            let mean = d.iter().sum::<f64>() / n as f64;
            assert!((mean - 1.0).abs() < 0.03, "{a}: {mean}");
        }
    }
}

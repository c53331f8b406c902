//! Accuracy over a sample of all float32, and special values, against the standard library in float64.

use super::{double, single};
use crate::DType;
use crate::pointwise::{Params, Unary, unary};

unsafe extern "C" {
    #[link_name = "erf"]
    safe fn c_erf(x: f64) -> f64;
    #[link_name = "erfc"]
    safe fn c_erfc(x: f64) -> f64;
}

/// The distance of `got` from `exact` in units of the last place of the float32 nearest to `exact`.
fn ulps(got: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if got.is_nan() || nearest.is_nan() {
        return if got.is_nan() && nearest.is_nan() {
            0.0
        } else {
            f64::INFINITY
        };
    }
    if got == nearest {
        // Zeros must agree in sign.
        return if got == 0.0 && got.is_sign_negative() != nearest.is_sign_negative() {
            f64::INFINITY
        } else {
            0.5
        };
    }
    if got.is_infinite() || nearest.is_infinite() {
        // The largest finite number is one step away from infinity.
        return if got.abs() == f32::MAX || nearest.abs() == f32::MAX {
            1.0
        } else {
            f64::INFINITY
        };
    }
    let exponent = ((nearest.abs().to_bits() >> 23) as i32).max(1) - 127 - 23;
    (got as f64 - exact).abs() / 2f64.powi(exponent)
}

/// Every `step`-th float32 through the kernel: near the exact value, and equal to the scalar function to the bit.
fn check(name: &str, op: Unary, scalar: fn(f32) -> f32, exact: fn(f64) -> f64, limit: f64, rare: fn(f32) -> bool) {
    let mut x: Vec<f32> = (0..u32::MAX).step_by(4_099).map(f32::from_bits).collect();
    x.extend([
        0.0,
        -0.0,
        1.0,
        -1.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        1e-45,
        -1e-45,
    ]);
    let mut y = vec![0f32; x.len()];
    let f = unary(op, DType::F32).unwrap();
    let ptrs = [y.as_mut_ptr().cast::<u8>(), x.as_mut_ptr().cast()];
    unsafe {
        f(
            ptrs.as_ptr(),
            [4isize, 4, 0, 0].as_ptr(),
            x.len(),
            1,
            Params::default().as_ptr(),
        )
    };
    let mut worst = (0.0, 0.0f32);
    for (x, y) in x.iter().zip(&y) {
        let error = ulps(*y, exact(*x as f64));
        if error > worst.0 {
            worst = (error, *x);
        }
        if !rare(*x) {
            let s = scalar(*x);
            assert!(
                s.to_bits() == y.to_bits() || (s.is_nan() && y.is_nan()),
                "{name}({x:e}): {s:e} alone, {y:e} in a loop"
            );
        }
    }
    println!("{name}: {:.3} ulp at {:e}", worst.0, worst.1);
    assert!(worst.0 <= limit, "{name}: {:.3} ulp at {:e}", worst.0, worst.1);
}

fn never(_: f32) -> bool {
    false
}

macro_rules! accuracy {
    ($($name:ident $op:ident $exact:expr, $limit:literal $(, $rare:expr)?;)+) => {$(
        #[test]
        fn $name() {
            #[allow(unused_variables)]
            let rare: fn(f32) -> bool = never;
            $(let rare: fn(f32) -> bool = $rare;)?
            check(stringify!($name), Unary::$op, single::$name, $exact, $limit, rare);
        }
    )+};
}

accuracy! {
    exp Exp f64::exp, 1.0;
    exp2 Exp2 f64::exp2, 1.0;
    expm1 Expm1 f64::exp_m1, 0.501;
    log Log f64::ln, 1.0;
    log2 Log2 f64::log2, 1.0;
    log10 Log10 f64::log10, 1.0;
    log1p Log1p f64::ln_1p, 1.0;
    sin Sin f64::sin, 1.0, single::is_large_angle;
    cos Cos f64::cos, 1.0, single::is_large_angle;
    tan Tan f64::tan, 0.501, single::is_large_angle;
    asin Asin f64::asin, 1.0;
    acos Acos f64::acos, 1.0;
    atan Atan f64::atan, 0.501;
    sinh Sinh f64::sinh, 0.501;
    cosh Cosh f64::cosh, 0.501;
    tanh Tanh f64::tanh, 0.501;
    asinh Asinh exact_asinh, 0.501;
    acosh Acosh exact_acosh, 0.501;
    atanh Atanh exact_atanh, 1.0;
    erf Erf |x| c_erf(x), 1.0;
    erfc Erfc |x| c_erfc(x), 0.501;
    sigmoid Sigmoid |x| 1.0 / (1.0 + (-x).exp()), 2.1;
}

/// The standard library's own loses digits near zero.
fn exact_asinh(x: f64) -> f64 {
    let a = x.abs();
    let y = if a > 1e9 {
        a.ln() + std::f64::consts::LN_2
    } else {
        (a + a * a / (1.0 + (a * a + 1.0).sqrt())).ln_1p()
    };
    if x.is_infinite() { x } else { y.copysign(x) }
}

fn exact_acosh(x: f64) -> f64 {
    if !(x >= 1.0) {
        return f64::NAN;
    }
    let t = x - 1.0;
    if x > 1e9 {
        x.ln() + std::f64::consts::LN_2
    } else {
        (t + (t * (t + 2.0)).sqrt()).ln_1p()
    }
}

fn exact_atanh(x: f64) -> f64 {
    let a = x.abs();
    (0.5 * (2.0 * a / (1.0 - a)).ln_1p()).copysign(x)
}

#[test]
fn double_functions_are_close() {
    let functions: [(&str, fn(f64) -> f64, fn(f64) -> f64, f64); 22] = [
        ("exp", double::exp, f64::exp, 1.0),
        ("exp2", double::exp2, f64::exp2, 1.0),
        ("expm1", double::expm1, f64::exp_m1, 1.0),
        ("log", double::log, f64::ln, 1.0),
        ("log1p", double::log1p, f64::ln_1p, 2.0),
        ("log2", double::log2, f64::log2, 1.0),
        ("log10", double::log10, f64::log10, 2.5),
        ("sin", double::sin, f64::sin, 1.0),
        ("cos", double::cos, f64::cos, 1.0),
        ("tan", double::tan, f64::tan, 1.5),
        ("asin", double::asin, f64::asin, 1.0),
        ("acos", double::acos, f64::acos, 1.0),
        ("atan", double::atan, f64::atan, 1.0),
        ("sinh", double::sinh, f64::sinh, 2.6),
        ("cosh", double::cosh, f64::cosh, 2.6),
        ("tanh", double::tanh, f64::tanh, 2.6),
        ("asinh", double::asinh, exact_asinh, 3.0),
        ("acosh", double::acosh, exact_acosh, 3.0),
        ("atanh", double::atanh, exact_atanh, 3.0),
        ("erf", double::erf, |x| c_erf(x), 2.0),
        ("erfc", double::erfc, |x| c_erfc(x), 6.0),
        (
            "sigmoid",
            double::sigmoid,
            |x| {
                if x < 0.0 {
                    x.exp() / (1.0 + x.exp())
                } else {
                    1.0 / (1.0 + (-x).exp())
                }
            },
            3.0,
        ),
    ];
    // Every exponent, many mantissas, both signs.
    let mut bits = 0x9e37_79b9_7f4a_7c15u64;
    for (name, mine, exact, limit) in functions {
        let mut worst = (0.0, 0.0);
        let mut see = |x: f64| {
            let (got, want) = (mine(x), exact(x));
            if got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()) {
                return;
            }
            if matches!(name, "sin" | "cos" | "tan") && double::is_large_angle(x) {
                return;
            }
            let exponent = ((want.abs().to_bits() >> 52) as i32).max(1) - 1023 - 52;
            let error = if got.is_finite() && want.is_finite() && (want != 0.0 || got != 0.0) {
                (got - want).abs() / 2f64.powi(exponent.max(-1000)) / 2f64.powi((exponent + 1000).min(0))
            } else {
                f64::INFINITY
            };
            if error > worst.0 {
                worst = (error, x);
            }
        };
        for special in [
            0.0,
            -0.0,
            1.0,
            -1.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
            f64::MAX,
            5e-324,
            -5e-324,
        ] {
            see(special);
        }
        for i in 0..400_000u64 {
            bits = bits
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            see(f64::from_bits(bits));
            // The range where the functions are neither trivial nor saturated.
            let x = (bits >> 11) as f64 / (1u64 << 53) as f64;
            see((x - 0.5) * 10f64.powi((i % 8) as i32 - 4));
        }
        println!("{name}: {:.3} ulp at {:e}", worst.0, worst.1);
        assert!(worst.0 <= limit, "{name}: {:.3} ulp at {:e}", worst.0, worst.1);
    }
}

#[test]
fn the_normal_distribution_is_close_everywhere() {
    let mut worst = 0f64;
    for x in (0..u32::MAX).step_by(4_099).map(f32::from_bits) {
        let (got, exact) = (
            single::normal_cdf(x) as f64,
            0.5 * c_erfc(-(x as f64) * std::f64::consts::FRAC_1_SQRT_2),
        );
        assert!(got.is_nan() == exact.is_nan(), "{x:e}");
        if !exact.is_nan() {
            worst = worst.max((got - exact).abs());
        }
    }
    assert!(worst < 1.2e-7, "{worst:e}");
}

#[test]
fn power_and_remainder_of_pairs() {
    let special = [
        0.0f32,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        2.0,
        -2.0,
        3.0,
        -3.0,
        1e30,
        -1e30,
        1e-40,
        2.5,
        -2.5,
        16_777_216.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
    ];
    let mut pairs: Vec<(f32, f32)> = special
        .iter()
        .flat_map(|x| special.iter().map(move |y| (*x, *y)))
        .collect();
    let mut bits = 1u64;
    for _ in 0..300_000 {
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let (a, b) = (f32::from_bits((bits >> 32) as u32), f32::from_bits((bits >> 20) as u32));
        pairs.push((a, b));
        pairs.push((a.abs(), b % 40.0));
    }
    for (x, y) in pairs {
        let (exact_x, exact_y) = (x as f64, y as f64);
        let error = ulps(single::pow(x, y), exact_x.powf(exact_y));
        assert!(error <= 0.51, "{x:e} ^ {y:e}: {error}");
        let error = ulps(single::atan2(x, y), exact_x.atan2(exact_y));
        assert!(error <= 0.51, "atan2({x:e}, {y:e}): {error}");
        let error = ulps(single::hypot(x, y), exact_x.hypot(exact_y));
        assert!(error <= 0.51, "hypot({x:e}, {y:e}): {error}");
        if !single::is_rare_fmod(x, y) {
            let (got, exact) = (single::fmod(x, y), x % y);
            assert!(
                got == exact || (got.is_nan() && exact.is_nan()),
                "fmod({x:e}, {y:e}): {got:e} {exact:e}"
            );
        }
    }
}

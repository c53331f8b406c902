//! Known values (DLMF, Abramowitz and Stegun), and identities between functions that are computed in different ways.

use super::{Special, function};
use std::f64::consts::PI;

fn at(op: Special, x: f64, y: f64) -> f64 {
    function(op)(x, y)
}

fn near(got: f64, want: f64, relative: f64) {
    let fits = (got - want).abs() <= relative * want.abs().max(1e-3);
    assert!(fits, "{got:e} instead of {want:e}");
}

#[test]
fn known_values() {
    let table = [
        (Special::Lgamma, 0.5, 0.0, PI.sqrt().ln()),
        (Special::Lgamma, 10.0, 0.0, 362880f64.ln()),
        (Special::Lgamma, -0.5, 0.0, (2.0 * PI.sqrt()).ln()),
        (Special::Lgamma, 1.0, 0.0, 0.0),
        (Special::Digamma, 1.0, 0.0, -0.577_215_664_901_532_9),
        (Special::Digamma, 0.5, 0.0, -1.963_510_026_021_423_5),
        (Special::Polygamma, 1.0, 2.0, -2.404_113_806_319_188_6),
        (Special::Polygamma, 1.0, 3.0, PI.powi(4) / 15.0),
        (Special::Zeta, 2.0, 1.0, PI * PI / 6.0),
        (Special::Erfinv, 0.5, 0.0, 0.476_936_276_204_469_87),
        (Special::Erfcx, 1.0, 0.0, 0.427_583_576_155_807),
        (Special::Erfcx, 10.0, 0.0, 0.056_140_992_743_822_59),
        (Special::Ndtri, 0.975, 0.0, 1.959_963_984_540_054),
        (Special::I0, 1.0, 0.0, 1.266_065_877_752_008_4),
        (Special::I1, 1.0, 0.0, 0.565_159_103_992_485),
        (Special::K0, 1.0, 0.0, 0.421_024_438_240_708_34),
        (Special::K1, 1.0, 0.0, 0.601_907_230_197_234_6),
        (Special::K0, 5.0, 0.0, 0.003_691_098_334_042_594_3),
        (Special::J0, 1.0, 0.0, 0.765_197_686_557_966_6),
        (Special::J1, 1.0, 0.0, 0.440_050_585_744_933_5),
        (Special::Y0, 1.0, 0.0, 0.088_256_964_215_676_96),
        (Special::Y1, 1.0, 0.0, -0.781_212_821_300_288_7),
        (Special::AiryAi, 1.0, 0.0, 0.135_292_416_312_881_4),
        (Special::AiryAi, -2.0, 0.0, 0.227_407_428_201_685_58),
        (Special::AiryAi, 5.0, 0.0, 1.083_444_281_360_744_3e-4),
        (Special::ChebyshevT, 0.5, 3.0, -1.0),
        (Special::HermiteH, 0.5, 3.0, -5.0),
        (Special::Laguerre, 0.5, 2.0, 0.125),
        (Special::Legendre, 0.5, 3.0, -0.4375),
    ];
    for (op, x, y, want) in table {
        let got = at(op, x, y);
        assert!(
            (got - want).abs() <= 4e-15 * want.abs().max(0.1),
            "{op:?}({x}, {y}) is {got:e}, not {want:e}"
        );
    }
}

#[test]
fn wronskians_hold_on_both_sides_of_every_border() {
    for x in [0.01, 0.7, 1.9, 2.1, 7.0, 19.0, 29.99, 30.01, 77.0, 500.0] {
        let jy = at(Special::J1, x, 0.0) * at(Special::Y0, x, 0.0) - at(Special::J0, x, 0.0) * at(Special::Y1, x, 0.0);
        near(jy, 2.0 / (PI * x), 2e-13);
        let ik = at(Special::I0e, x, 0.0) * at(Special::ScaledK1, x, 0.0)
            + at(Special::I1e, x, 0.0) * at(Special::ScaledK0, x, 0.0);
        near(ik, 1.0 / x, 1e-14);
    }
}

#[test]
fn inverses_and_complements() {
    for x in [-0.999, -0.3, -1e-5, 1e-9, 0.02, 0.49, 0.51, 0.9, 0.999999] {
        let y = at(Special::Erfinv, x, 0.0);
        near(1.0 - crate::math::double::erfc(y), x, 1e-13);
    }
    for p in [1e-200, 1e-10, 0.01, 0.2, 0.5, 0.8, 0.99] {
        near(at(Special::LogNdtr, at(Special::Ndtri, p, 0.0), 0.0), p.ln(), 1e-13);
    }
    for a in [0.1, 1.0, 5.0, 30.0, 500.0] {
        for x in [0.05, 0.9, 4.0, 31.0, 480.0, 520.0] {
            let (p, q) = (at(Special::Igamma, a, x), at(Special::Igammac, a, x));
            near(p + q, 1.0, 1e-14);
        }
        // P(a + 1, x) = P(a, x) - x^a e^-x / Gamma(a + 1).
        let x = a * 1.1;
        let step = (a * x.ln() - x - at(Special::Lgamma, a + 1.0, 0.0)).exp();
        near(at(Special::Igamma, a + 1.0, x), at(Special::Igamma, a, x) - step, 1e-11);
    }
}

#[test]
fn the_airy_function_is_smooth_where_its_methods_meet() {
    for x in [2.1, -12.0, 0.0] {
        let h = 1e-3;
        let (a, b, c) = (
            at(Special::AiryAi, x - h, 0.0),
            at(Special::AiryAi, x, 0.0),
            at(Special::AiryAi, x + h, 0.0),
        );
        // y'' = x y.
        assert!(((a - 2.0 * b + c) / (h * h) - x * b).abs() < 1e-4, "{x}");
    }
}

#[test]
fn nothing_takes_forever_or_panics() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        -1.0,
        1e300,
        -1e300,
        1e-300,
        5e-324,
        170.5,
        -3.5,
        1e17,
    ];
    for op in [
        Special::Lgamma,
        Special::Digamma,
        Special::Polygamma,
        Special::Zeta,
        Special::Igamma,
        Special::Igammac,
        Special::Erfinv,
        Special::Erfcx,
        Special::Ndtri,
        Special::LogNdtr,
        Special::Entr,
        Special::I0,
        Special::I0e,
        Special::I1,
        Special::I1e,
        Special::K0,
        Special::K1,
        Special::ScaledK0,
        Special::ScaledK1,
        Special::J0,
        Special::J1,
        Special::Y0,
        Special::Y1,
        Special::SphericalJ0,
        Special::AiryAi,
        Special::ChebyshevT,
        Special::ChebyshevU,
        Special::ChebyshevV,
        Special::ChebyshevW,
        Special::HermiteH,
        Special::HermiteHe,
        Special::Laguerre,
        Special::Legendre,
    ] {
        for x in odd {
            for y in odd {
                at(op, x, y);
            }
        }
    }
}

//! Layers with computed weights.

use super::Row;
use super::arguments::{Args, layer};
use duoc_nn::Linear;
use duoc_nn::parametrize::{spectral_norm, weight_norm};

fn linear(a: &Args) -> duoc_core::Result<Linear> {
    let a = a.nested(0, "module");
    Linear::options(a.usize(0, "in_features"), a.usize(1, "out_features"))
        .bias(a.bool_or(2, "bias", true))
        .try_build()
}

pub const TABLE: &[Row] = &[
    ("weight_norm", |a| {
        let dim = a.given(2, "dim").map_or(Some(0), |j| j.as_i64());
        layer(weight_norm(linear(a)?, a.str_or(1, "name", "weight"), dim)?)
    }),
    ("spectral_norm", |a| {
        layer(spectral_norm(
            linear(a)?,
            a.str_or(1, "name", "weight"),
            a.usize_or(2, "n_power_iterations", 1),
            a.f64_or(3, "eps", 1e-12),
            a.i64_or(4, "dim", 0),
        )?)
    }),
];

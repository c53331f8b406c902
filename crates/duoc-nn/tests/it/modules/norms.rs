//! Norms, embeddings, dropout and distances.

use super::Row;
use super::arguments::{Args, layer, other};
use duoc_nn::*;

fn sizes(a: &Args, i: usize, name: &str) -> Sizes {
    let all = a.ints(i, name);
    let single = a.get(i, name).is_some_and(|j| !j.is_array());
    if single { all[0].into() } else { all.into() }
}

/// An argument that may be None, unless it is absent.
fn optional(a: &Args, i: usize, name: &str, default: f64) -> Option<f64> {
    match a.given(i, name) {
        None => Some(default),
        Some(_) => a.opt_f64(i, name),
    }
}

fn padding(a: &Args, i: usize) -> Option<i64> {
    a.get(i, "padding_idx").and_then(|j| j.as_i64())
}

macro_rules! batch {
    ($Layer:ident, $a:ident, $affine:literal, $tracks:literal) => {
        layer(
            $Layer::options($a.usize(0, "num_features"))
                .eps($a.f64_or(1, "eps", 1e-5))
                .momentum(optional($a, 2, "momentum", 0.1))
                .affine($a.bool_or(3, "affine", $affine))
                .track_running_stats($a.bool_or(4, "track_running_stats", $tracks))
                .bias($a.bool_or(9, "bias", true))
                .try_build()?,
        )
    };
}

macro_rules! dropout {
    ($Layer:ident, $a:ident) => {
        layer(
            $Layer::options()
                .p($a.f64_or(0, "p", 0.5))
                .inplace($a.bool_or(1, "inplace", false))
                .try_build()?,
        )
    };
}

pub const TABLE: &[Row] = &[
    ("BatchNorm1d", |a| batch!(BatchNorm1d, a, true, true)),
    ("BatchNorm2d", |a| batch!(BatchNorm2d, a, true, true)),
    ("BatchNorm3d", |a| batch!(BatchNorm3d, a, true, true)),
    ("InstanceNorm1d", |a| batch!(InstanceNorm1d, a, false, false)),
    ("InstanceNorm2d", |a| batch!(InstanceNorm2d, a, false, false)),
    ("InstanceNorm3d", |a| batch!(InstanceNorm3d, a, false, false)),
    ("LayerNorm", |a| {
        layer(
            LayerNorm::options(sizes(a, 0, "normalized_shape"))
                .eps(a.f64_or(1, "eps", 1e-5))
                .elementwise_affine(a.bool_or(2, "elementwise_affine", true))
                .bias(a.bool_or(3, "bias", true))
                .try_build()?,
        )
    }),
    ("RMSNorm", |a| {
        layer(
            RmsNorm::options(sizes(a, 0, "normalized_shape"))
                .eps(a.opt_f64(1, "eps"))
                .elementwise_affine(a.bool_or(2, "elementwise_affine", true))
                .try_build()?,
        )
    }),
    ("GroupNorm", |a| {
        layer(
            GroupNorm::options(a.usize(0, "num_groups"), a.usize(1, "num_channels"))
                .eps(a.f64_or(2, "eps", 1e-5))
                .affine(a.bool_or(3, "affine", true))
                .try_build()?,
        )
    }),
    ("LocalResponseNorm", |a| {
        layer(
            LocalResponseNorm::options(a.i64_or(0, "size", 0))
                .alpha(a.f64_or(1, "alpha", 1e-4))
                .beta(a.f64_or(2, "beta", 0.75))
                .k(a.f64_or(3, "k", 1.0))
                .try_build()?,
        )
    }),
    ("Embedding", |a| {
        layer(
            Embedding::options(a.usize(0, "num_embeddings"), a.usize(1, "embedding_dim"))
                .padding_idx(padding(a, 2))
                .max_norm(a.opt_f64(3, "max_norm"))
                .norm_type(a.f64_or(4, "norm_type", 2.0))
                .scale_grad_by_freq(a.bool_or(5, "scale_grad_by_freq", false))
                .try_build()?,
        )
    }),
    ("EmbeddingBag", |a| {
        let mode = match a.str_or(5, "mode", "mean") {
            "sum" => BagMode::Sum,
            "max" => BagMode::Max,
            _ => BagMode::Mean,
        };
        let m = EmbeddingBag::options(a.usize(0, "num_embeddings"), a.usize(1, "embedding_dim"))
            .mode(mode)
            .include_last_offset(a.bool_or(8, "include_last_offset", false))
            .padding_idx(padding(a, 9))
            .try_build()?;
        other(m, |m, x| {
            let (offsets, weights) = (x.opt_tensor(1, "offsets"), x.opt_tensor(2, "per_sample_weights"));
            Ok(vec![m.try_forward(x.tensor(0, "input"), offsets, weights)?])
        })
    }),
    ("Dropout", |a| dropout!(Dropout, a)),
    ("Dropout1d", |a| dropout!(Dropout1d, a)),
    ("Dropout2d", |a| dropout!(Dropout2d, a)),
    ("Dropout3d", |a| dropout!(Dropout3d, a)),
    ("AlphaDropout", |a| dropout!(AlphaDropout, a)),
    ("FeatureAlphaDropout", |a| dropout!(FeatureAlphaDropout, a)),
    ("CosineSimilarity", |a| {
        let m = CosineSimilarity::options()
            .dim(a.i64_or(0, "dim", 1))
            .eps(a.f64_or(1, "eps", 1e-8))
            .try_build()?;
        other(m, |m, x| Ok(vec![m.try_forward(x.tensor(0, "x1"), x.tensor(1, "x2"))?]))
    }),
    ("PairwiseDistance", |a| {
        let m = PairwiseDistance::options()
            .p(a.f64_or(0, "p", 2.0))
            .eps(a.f64_or(1, "eps", 1e-6))
            .keepdim(a.bool_or(2, "keepdim", false))
            .try_build()?;
        other(m, |m, x| Ok(vec![m.try_forward(x.tensor(0, "x1"), x.tensor(1, "x2"))?]))
    }),
];

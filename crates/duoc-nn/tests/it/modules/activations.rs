//! Activation layers and losses.

use super::Row;
use super::arguments::{Args, layer, other};
use duoc_core::Scalar;
use duoc_nn::*;

fn reduction(a: &Args) -> Reduction {
    match a.str_or(99, "reduction", "mean") {
        "none" => Reduction::None,
        "sum" => Reduction::Sum,
        "batchmean" => Reduction::BatchMean,
        _ => Reduction::Mean,
    }
}

fn number(a: &Args, i: usize, name: &str) -> Scalar {
    match a.get(i, name) {
        Some(j) if j.is_i64() => Scalar::Int(j.as_i64().unwrap()),
        _ => Scalar::Float(a.f64_or(i, name, 0.0)),
    }
}

macro_rules! plain {
    ($Layer:ident) => {
        |_| layer($Layer::options().try_build()?)
    };
    ($Layer:ident inplace $i:literal) => {
        |a| layer($Layer::options().inplace(a.bool_or($i, "inplace", false)).try_build()?)
    };
}

macro_rules! dim {
    ($Layer:ident) => {
        |a| layer($Layer::options().dim(a.opt_ints(0, "dim").map(|d| d[0])).try_build()?)
    };
}

/// A loss of two tensors, with the setters that the case asks for.
macro_rules! loss {
    ($Loss:ident $(, weight $i:literal $weight:literal $wset:ident)* $(; $set:ident $read:expr)*) => {
        |a| {
            #[allow(unused_mut)]
            let mut o = $Loss::options().reduction(reduction(a));
            $(if let Some(w) = a.opt_tensor($i, $weight) {
                o = o.$wset(w);
            })*
            $(o = o.$set($read(a));)*
            other(o.try_build()?, |m, x| Ok(vec![m.try_forward(x.tensor(0, "input"), x.tensor(1, "target"))?]))
        }
    };
}

macro_rules! loss3 {
    ($Loss:ident $(; $set:ident $read:expr)*) => {
        |a| {
            let o = $Loss::options().reduction(reduction(a))$(.$set($read(a)))*;
            other(o.try_build()?, |m, x| {
                Ok(vec![m.try_forward(x.tensor(0, "a"), x.tensor(1, "b"), x.tensor(2, "c"))?])
            })
        }
    };
}

pub const TABLE: &[Row] = &[
    ("ReLU", plain!(ReLU inplace 0)),
    ("ReLU6", plain!(ReLU6 inplace 0)),
    ("Sigmoid", plain!(Sigmoid)),
    ("Tanh", plain!(Tanh)),
    ("SiLU", plain!(SiLU inplace 0)),
    ("Mish", plain!(Mish inplace 0)),
    ("SELU", plain!(SELU inplace 0)),
    ("Hardsigmoid", plain!(Hardsigmoid)),
    ("Hardswish", plain!(Hardswish)),
    ("Tanhshrink", plain!(Tanhshrink)),
    ("Softsign", plain!(Softsign)),
    ("LogSigmoid", plain!(LogSigmoid)),
    ("GELU", |a| {
        layer(
            GELU::options()
                .approximate(a.str_or(0, "approximate", "none").to_string())
                .try_build()?,
        )
    }),
    ("ELU", |a| {
        layer(
            ELU::options()
                .alpha(a.f64_or(0, "alpha", 1.0))
                .inplace(a.bool_or(1, "inplace", false))
                .try_build()?,
        )
    }),
    ("CELU", |a| {
        layer(CELU::options().alpha(a.f64_or(0, "alpha", 1.0)).try_build()?)
    }),
    ("LeakyReLU", |a| {
        layer(
            LeakyReLU::options()
                .negative_slope(a.f64_or(0, "negative_slope", 0.01))
                .try_build()?,
        )
    }),
    ("RReLU", |a| {
        let o = RReLU::options().lower(a.f64_or(0, "lower", 1.0 / 8.0));
        layer(o.upper(a.f64_or(1, "upper", 1.0 / 3.0)).try_build()?)
    }),
    ("Hardtanh", |a| {
        let o = Hardtanh::options().min_val(a.f64_or(0, "min_val", -1.0));
        layer(o.max_val(a.f64_or(1, "max_val", 1.0)).try_build()?)
    }),
    ("Hardshrink", |a| {
        layer(Hardshrink::options().lambd(a.f64_or(0, "lambd", 0.5)).try_build()?)
    }),
    ("Softshrink", |a| {
        layer(Softshrink::options().lambd(a.f64_or(0, "lambd", 0.5)).try_build()?)
    }),
    ("Softplus", |a| {
        let o = Softplus::options().beta(a.f64_or(0, "beta", 1.0));
        layer(o.threshold(a.f64_or(1, "threshold", 20.0)).try_build()?)
    }),
    ("GLU", |a| {
        layer(GLU::options().dim(a.i64_or(0, "dim", -1)).try_build()?)
    }),
    ("Softmax", dim!(Softmax)),
    ("Softmin", dim!(Softmin)),
    ("LogSoftmax", dim!(LogSoftmax)),
    ("Softmax2d", plain!(Softmax2d)),
    ("Threshold", |a| {
        let o = Threshold::options(number(a, 0, "threshold"), number(a, 1, "value"));
        layer(o.inplace(a.bool_or(2, "inplace", false)).try_build()?)
    }),
    ("PReLU", |a| {
        let o = PReLU::options().num_parameters(a.usize_or(0, "num_parameters", 1));
        layer(o.init(a.f64_or(1, "init", 0.25)).try_build()?)
    }),
    ("L1Loss", loss!(L1Loss)),
    ("MSELoss", loss!(MSELoss)),
    (
        "SmoothL1Loss",
        loss!(SmoothL1Loss; beta |a: &Args| a.f64_or(9, "beta", 1.0)),
    ),
    (
        "HuberLoss",
        loss!(HuberLoss; delta |a: &Args| a.f64_or(9, "delta", 1.0)),
    ),
    ("SoftMarginLoss", loss!(SoftMarginLoss)),
    (
        "CrossEntropyLoss",
        loss!(CrossEntropyLoss, weight 0 "weight" weight;
            ignore_index |a: &Args| a.i64_or(9, "ignore_index", -100);
            label_smoothing |a: &Args| a.f64_or(9, "label_smoothing", 0.0)),
    ),
    ("NLLLoss", loss!(NLLLoss, weight 0 "weight" weight)),
    ("BCELoss", loss!(BCELoss, weight 0 "weight" weight)),
    (
        "BCEWithLogitsLoss",
        loss!(BCEWithLogitsLoss, weight 0 "weight" weight, weight 9 "pos_weight" pos_weight),
    ),
    (
        "KLDivLoss",
        loss!(KLDivLoss; log_target |a: &Args| a.bool_or(9, "log_target", false)),
    ),
    (
        "PoissonNLLLoss",
        loss!(PoissonNLLLoss; log_input |a: &Args| a.bool_or(9, "log_input", true); full |a: &Args| a.bool_or(9, "full", false)),
    ),
    (
        "HingeEmbeddingLoss",
        loss!(HingeEmbeddingLoss; margin |a: &Args| a.f64_or(9, "margin", 1.0)),
    ),
    (
        "MultiMarginLoss",
        loss!(MultiMarginLoss, weight 9 "weight" weight; p |a: &Args| a.i64_or(9, "p", 1); margin |a: &Args| a.f64_or(9, "margin", 1.0)),
    ),
    ("MultiLabelMarginLoss", loss!(MultiLabelMarginLoss)),
    (
        "MultiLabelSoftMarginLoss",
        loss!(MultiLabelSoftMarginLoss, weight 0 "weight" weight),
    ),
    (
        "MarginRankingLoss",
        loss3!(MarginRankingLoss; margin |a: &Args| a.f64_or(9, "margin", 0.0)),
    ),
    (
        "CosineEmbeddingLoss",
        loss3!(CosineEmbeddingLoss; margin |a: &Args| a.f64_or(9, "margin", 0.0)),
    ),
    (
        "TripletMarginLoss",
        loss3!(TripletMarginLoss; margin |a: &Args| a.f64_or(9, "margin", 1.0); p |a: &Args| a.f64_or(9, "p", 2.0);
            swap |a: &Args| a.bool_or(9, "swap", false)),
    ),
    (
        "GaussianNLLLoss",
        loss3!(GaussianNLLLoss; full |a: &Args| a.bool_or(9, "full", false); eps |a: &Args| a.f64_or(9, "eps", 1e-6)),
    ),
];

//! Pictures at another size, blocks and shuffles.

use super::Row;
use super::arguments::{Args, layer};
use super::pooling::{required, sizes};
use duoc_nn::*;
use serde_json::Value as Json;

fn factors(a: &Args, i: usize) -> Option<Factors> {
    let given = a.get(i, "scale_factor")?;
    Some(match given.as_array() {
        Some(list) => list.iter().filter_map(Json::as_f64).collect::<Vec<_>>().into(),
        None => given.as_f64().unwrap_or(0.0).into(),
    })
}

fn mode(name: &str) -> UpsampleMode {
    use UpsampleMode::*;
    let all = [Nearest, NearestExact, Linear, Bilinear, Trilinear, Bicubic, Area];
    all.into_iter().find(|m| m.name() == name).expect("a mode of PyTorch's")
}

macro_rules! sized {
    ($Layer:ident, $a:ident) => {{
        let mut o = $Layer::options();
        if let Some(s) = sizes($a, 0, "size") {
            o = o.size(s);
        }
        if let Some(f) = factors($a, 1) {
            o = o.scale_factor(f);
        }
        o
    }};
}

macro_rules! blocks {
    ($a:ident, $first:literal, $options:expr) => {
        layer(
            $options
                .dilation(sizes($a, $first, "dilation").unwrap_or(1.into()))
                .padding(sizes($a, $first + 1, "padding").unwrap_or(0.into()))
                .stride(sizes($a, $first + 2, "stride").unwrap_or(1.into()))
                .try_build()?,
        )
    };
}

pub const TABLE: &[Row] = &[
    ("Upsample", |a| {
        let mut o = sized!(Upsample, a).mode(mode(a.str_or(2, "mode", "nearest")));
        if a.get(3, "align_corners").is_some() {
            o = o.align_corners(a.bool_or(3, "align_corners", false));
        }
        layer(
            o.recompute_scale_factor(a.bool_or(4, "recompute_scale_factor", false))
                .try_build()?,
        )
    }),
    ("UpsamplingNearest2d", |a| {
        layer(sized!(UpsamplingNearest2d, a).try_build()?)
    }),
    ("UpsamplingBilinear2d", |a| {
        layer(sized!(UpsamplingBilinear2d, a).try_build()?)
    }),
    ("PixelShuffle", |a| {
        layer(PixelShuffle::options(a.i64_or(0, "upscale_factor", 0)).try_build()?)
    }),
    ("PixelUnshuffle", |a| {
        layer(PixelUnshuffle::options(a.i64_or(0, "downscale_factor", 0)).try_build()?)
    }),
    ("ChannelShuffle", |a| {
        layer(ChannelShuffle::options(a.i64_or(0, "groups", 0)).try_build()?)
    }),
    ("Fold", |a| {
        blocks!(
            a,
            2,
            Fold::options(required(a, 0, "output_size"), required(a, 1, "kernel_size"))
        )
    }),
    ("Unfold", |a| {
        blocks!(a, 1, Unfold::options(required(a, 0, "kernel_size")))
    }),
];

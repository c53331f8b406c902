//! Convolutions and transposed convolutions.

use super::Row;
use super::arguments::{Args, layer, other};
use super::pooling::{required, sizes};
use duoc_nn::*;

fn padding(a: &Args, i: usize) -> ConvPadding {
    match a.get(i, "padding").and_then(|j| j.as_str()) {
        Some(word) => word.into(),
        None => sizes(a, i, "padding").unwrap_or(0.into()).into(),
    }
}

fn mode(a: &Args, i: usize) -> PaddingMode {
    match a.str_or(i, "padding_mode", "zeros") {
        "reflect" => PaddingMode::Reflect,
        "replicate" => PaddingMode::Replicate,
        "circular" => PaddingMode::Circular,
        _ => PaddingMode::Zeros,
    }
}

macro_rules! plain {
    ($Layer:ident, $a:ident) => {
        layer(
            $Layer::options(
                $a.usize(0, "in_channels"),
                $a.usize(1, "out_channels"),
                required($a, 2, "kernel_size"),
            )
            .stride(sizes($a, 3, "stride").unwrap_or(1.into()))
            .padding(padding($a, 4))
            .dilation(sizes($a, 5, "dilation").unwrap_or(1.into()))
            .groups($a.usize_or(6, "groups", 1))
            .bias($a.bool_or(7, "bias", true))
            .padding_mode(mode($a, 8))
            .try_build()?,
        )
    };
}

macro_rules! transposed {
    ($Layer:ident, $a:ident) => {
        other(
            $Layer::options(
                $a.usize(0, "in_channels"),
                $a.usize(1, "out_channels"),
                required($a, 2, "kernel_size"),
            )
            .stride(sizes($a, 3, "stride").unwrap_or(1.into()))
            .padding(sizes($a, 4, "padding").unwrap_or(0.into()))
            .output_padding(sizes($a, 5, "output_padding").unwrap_or(0.into()))
            .groups($a.usize_or(6, "groups", 1))
            .bias($a.bool_or(7, "bias", true))
            .dilation(sizes($a, 8, "dilation").unwrap_or(1.into()))
            .padding_mode(mode($a, 9))
            .try_build()?,
            |m, x| {
                let input = x.tensor(0, "input");
                Ok(vec![match x.opt_ints(1, "output_size") {
                    Some(size) => m.try_forward_to(input, &size)?,
                    None => m.try_forward(input)?,
                }])
            },
        )
    };
}

pub const TABLE: &[Row] = &[
    ("Conv1d", |a| plain!(Conv1d, a)),
    ("Conv2d", |a| plain!(Conv2d, a)),
    ("Conv3d", |a| plain!(Conv3d, a)),
    ("ConvTranspose1d", |a| transposed!(ConvTranspose1d, a)),
    ("ConvTranspose2d", |a| transposed!(ConvTranspose2d, a)),
    ("ConvTranspose3d", |a| transposed!(ConvTranspose3d, a)),
];

//! Pooling, unpooling and borders.

use super::Row;
use super::arguments::{Args, Inputs, Made, layer, other};
use duoc_core::{Scalar, Tensor};
use duoc_nn::*;
use serde_json::Value as Json;

pub fn sizes(a: &Args, i: usize, name: &str) -> Option<Sizes> {
    let all = a.opt_ints(i, name)?;
    let single = a.get(i, name).is_some_and(|j| !j.is_array());
    Some(if single { all[0].into() } else { all.into() })
}

pub fn required(a: &Args, i: usize, name: &str) -> Sizes {
    sizes(a, i, name).unwrap_or_else(|| panic!("{} lacks {name}", a.name))
}

fn number(a: &Args, i: usize, name: &str) -> Scalar {
    match a.get(i, name) {
        Some(Json::Number(n)) if n.is_i64() => Scalar::Int(n.as_i64().unwrap_or(0)),
        _ => Scalar::Float(a.f64_or(i, name, 0.0)),
    }
}

fn target(a: &Args, i: usize, name: &str) -> OutputSize {
    match a.get(i, name) {
        Some(Json::Array(list)) => list.iter().map(Json::as_i64).collect::<Vec<_>>().into(),
        Some(j) => j.as_i64().unwrap_or(0).into(),
        None => panic!("{} lacks {name}", a.name),
    }
}

fn pair((a, b): (Tensor, Tensor)) -> Vec<Tensor> {
    vec![a, b]
}

fn size(x: &Inputs) -> Option<Vec<i64>> {
    x.opt_ints(2, "output_size")
}

/// Options with those settings that are given.
macro_rules! set {
    ($options:expr, $($setter:ident($value:expr)),*) => {{
        let mut o = $options;
        $(
            if let Some(v) = $value {
                o = o.$setter(v);
            }
        )*
        o
    }};
}

macro_rules! max {
    ($Layer:ident, $a:ident) => {{
        let m = set!(
            $Layer::options(required($a, 0, "kernel_size")),
            stride(sizes($a, 1, "stride"))
        )
        .padding(sizes($a, 2, "padding").unwrap_or(0.into()))
        .dilation(sizes($a, 3, "dilation").unwrap_or(1.into()))
        .ceil_mode($a.bool_or(5, "ceil_mode", false))
        .try_build()?;
        match $a.bool_or(4, "return_indices", false) {
            true => other(m, |m, x| m.try_forward_with_indices(x.tensor(0, "input")).map(pair)),
            false => layer(m),
        }
    }};
}

macro_rules! avg {
    ($Layer:ident, $a:ident $(, $divisor:ident)?) => {
        layer(
            set!(
                $Layer::options(required($a, 0, "kernel_size")),
                stride(sizes($a, 1, "stride"))
                $(, $divisor($a.get(5, stringify!($divisor)).and_then(Json::as_i64)))?
            )
            .padding(sizes($a, 2, "padding").unwrap_or(0.into()))
            .ceil_mode($a.bool_or(3, "ceil_mode", false))
            .count_include_pad($a.bool_or(4, "count_include_pad", true))
            .try_build()?,
        )
    };
}

macro_rules! lp {
    ($Layer:ident, $a:ident) => {
        layer(
            set!(
                $Layer::options(number($a, 0, "norm_type"), required($a, 1, "kernel_size")),
                stride(sizes($a, 2, "stride"))
            )
            .ceil_mode($a.bool_or(3, "ceil_mode", false))
            .try_build()?,
        )
    };
}

macro_rules! fractional {
    ($Layer:ident, $a:ident) => {{
        let ratio = $a.get(2, "output_ratio").map(|j| match j.as_array() {
            Some(list) => list.iter().filter_map(Json::as_f64).collect(),
            None => j.as_f64().into_iter().collect::<Vec<f64>>(),
        });
        layer(
            set!(
                $Layer::options(required($a, 0, "kernel_size")),
                output_size(sizes($a, 1, "output_size")),
                output_ratio(ratio)
            )
            .try_build()?,
        )
    }};
}

macro_rules! unpool {
    ($Layer:ident, $a:ident) => {
        other(
            set!(
                $Layer::options(required($a, 0, "kernel_size")),
                stride(sizes($a, 1, "stride"))
            )
            .padding(sizes($a, 2, "padding").unwrap_or(0.into()))
            .try_build()?,
            |m, x| {
                let (input, indices) = (x.tensor(0, "input"), x.tensor(1, "indices"));
                Ok(vec![m.try_forward(input, indices, size(x).as_deref())?])
            },
        )
    };
}

fn made(m: impl Layer) -> duoc_core::Result<Made> {
    layer(m)
}

macro_rules! table {
    ($($name:literal $how:ident $Layer:ident;)*) => { &[$(($name, |a| table!(@$how $Layer, a))),*] };
    (@max $Layer:ident, $a:ident) => { max!($Layer, $a) };
    (@avg $Layer:ident, $a:ident) => { avg!($Layer, $a) };
    (@avg_by $Layer:ident, $a:ident) => { avg!($Layer, $a, divisor_override) };
    (@lp $Layer:ident, $a:ident) => { lp!($Layer, $a) };
    (@fractional $Layer:ident, $a:ident) => { fractional!($Layer, $a) };
    (@unpool $Layer:ident, $a:ident) => { unpool!($Layer, $a) };
    (@to $Layer:ident, $a:ident) => { made($Layer::options(target($a, 0, "output_size")).try_build()?) };
    (@pad $Layer:ident, $a:ident) => { made($Layer::options(required($a, 0, "padding")).try_build()?) };
    (@constant $Layer:ident, $a:ident) => {
        made($Layer::options(required($a, 0, "padding"), number($a, 1, "value")).try_build()?)
    };
}

pub const TABLE: &[Row] = table! {
    "MaxPool1d" max MaxPool1d;
    "MaxPool2d" max MaxPool2d;
    "MaxPool3d" max MaxPool3d;
    "AvgPool1d" avg AvgPool1d;
    "AvgPool2d" avg_by AvgPool2d;
    "AvgPool3d" avg_by AvgPool3d;
    "LPPool1d" lp LPPool1d;
    "LPPool2d" lp LPPool2d;
    "LPPool3d" lp LPPool3d;
    "AdaptiveAvgPool1d" to AdaptiveAvgPool1d;
    "AdaptiveAvgPool2d" to AdaptiveAvgPool2d;
    "AdaptiveAvgPool3d" to AdaptiveAvgPool3d;
    "AdaptiveMaxPool1d" to AdaptiveMaxPool1d;
    "AdaptiveMaxPool2d" to AdaptiveMaxPool2d;
    "AdaptiveMaxPool3d" to AdaptiveMaxPool3d;
    "FractionalMaxPool2d" fractional FractionalMaxPool2d;
    "FractionalMaxPool3d" fractional FractionalMaxPool3d;
    "MaxUnpool1d" unpool MaxUnpool1d;
    "MaxUnpool2d" unpool MaxUnpool2d;
    "MaxUnpool3d" unpool MaxUnpool3d;
    "ConstantPad1d" constant ConstantPad1d;
    "ConstantPad2d" constant ConstantPad2d;
    "ConstantPad3d" constant ConstantPad3d;
    "ZeroPad1d" pad ZeroPad1d;
    "ZeroPad2d" pad ZeroPad2d;
    "ZeroPad3d" pad ZeroPad3d;
    "ReflectionPad1d" pad ReflectionPad1d;
    "ReflectionPad2d" pad ReflectionPad2d;
    "ReflectionPad3d" pad ReflectionPad3d;
    "ReplicationPad1d" pad ReplicationPad1d;
    "ReplicationPad2d" pad ReplicationPad2d;
    "ReplicationPad3d" pad ReplicationPad3d;
    "CircularPad1d" pad CircularPad1d;
    "CircularPad2d" pad CircularPad2d;
    "CircularPad3d" pad CircularPad3d;
};

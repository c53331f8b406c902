//! Linear layers and containers.

use super::Row;
use super::arguments::{Made, layer};
use duoc_nn::{Linear, Sequential};

pub const TABLE: &[Row] = &[
    ("Linear", |a| {
        layer(
            Linear::options(a.usize(0, "in_features"), a.usize(1, "out_features"))
                .bias(a.bool_or(2, "bias", true))
                .try_build()?,
        )
    }),
    ("Sequential", |a| {
        let mut net = Sequential::new();
        for made in a.modules()? {
            match made {
                Made::Layer(l) => net.push(l),
                Made::Other(..) => panic!("not a layer"),
            }
        }
        layer(net)
    }),
];

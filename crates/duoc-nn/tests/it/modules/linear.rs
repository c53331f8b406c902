//! Linear layers and containers.

use super::Row;
use super::arguments::{Made, layer, other};
use duoc_nn::{Bilinear, Flatten, Identity, Linear, Sequential, Unflatten};

pub const TABLE: &[Row] = &[
    ("Linear", |a| {
        layer(
            Linear::options(a.usize(0, "in_features"), a.usize(1, "out_features"))
                .bias(a.bool_or(2, "bias", true))
                .try_build()?,
        )
    }),
    ("Bilinear", |a| {
        let sizes = [
            a.usize(0, "in1_features"),
            a.usize(1, "in2_features"),
            a.usize(2, "out_features"),
        ];
        let m = Bilinear::options(sizes[0], sizes[1], sizes[2])
            .bias(a.bool_or(3, "bias", true))
            .try_build()?;
        other(m, |m, x| {
            Ok(vec![m.try_forward(x.tensor(0, "input1"), x.tensor(1, "input2"))?])
        })
    }),
    ("Identity", |a| {
        // It takes any arguments and uses none.
        let _ = (a.get(0, "unused_argument1"), a.get(1, "unused_argument2"));
        layer(Identity::new())
    }),
    ("Flatten", |a| {
        layer(
            Flatten::options()
                .start_dim(a.i64_or(0, "start_dim", 1))
                .end_dim(a.i64_or(1, "end_dim", -1))
                .try_build()?,
        )
    }),
    ("Unflatten", |a| {
        layer(Unflatten::options(a.i64_or(0, "dim", 0), a.ints(1, "unflattened_size")).try_build()?)
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

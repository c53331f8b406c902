//! Copies into another order, and joining tensors.

use super::{M1, M16, Suite, bytes, normal};
use duoc::Tensor;
use duoc::op::Value;

pub(super) fn cases(s: &mut Suite) {
    let group = "copy";
    let mut dense = |name: &'static str, n: usize, view: fn() -> Tensor| {
        s.op(name, group, bytes(n), "contiguous", move || vec![Value::Tensor(view())]);
    };
    dense("copy.transpose_2048", 8 * 2048 * 2048, || normal(&[2048, 2048]).t());
    dense("copy.nchw_nhwc", 8 * 8 * 64 * 56 * 56, || {
        normal(&[8, 64, 56, 56]).permute(&[0, 2, 3, 1])
    });
    dense("copy.heads_blhd_bhld", 8 * 4 * 512 * 512, || {
        normal(&[4, 512, 8, 64]).transpose(1, 2)
    });
    s.op("copy.clone_16m", group, bytes(8 * M16), "clone", || {
        vec![Value::Tensor(normal(&[M16 as i64]))]
    });
    s.op(
        "copy.stride2_4096",
        group,
        bytes(4 * 4096 * 4096 + 4 * 4096 * 2048),
        "contiguous",
        || {
            let x = normal(&[4096, 4096]);
            vec![Value::Tensor(super::fine(duoc::ops::view::slice(&x, 1, None, None, 2)))]
        },
    );
    s.op(
        "copy.add_transposed_2048",
        group,
        bytes(12 * 2048 * 2048),
        "add.Tensor",
        || {
            vec![
                Value::Tensor(normal(&[2048, 2048])),
                Value::Tensor(normal(&[2048, 2048]).t()),
            ]
        },
    );
}

pub(super) fn joins(s: &mut Suite) {
    for (name, op, dim) in [
        ("cat.cat8_dim0", "cat", 0),
        ("cat.cat8_dim1", "cat", 1),
        ("cat.stack8_dim0", "stack", 0),
        ("cat.stack8_dim2", "stack", 2),
    ] {
        s.op(name, "cat", bytes(64 * M1), op, move || {
            vec![
                Value::Tensors((0..8).map(|_| normal(&[1024, 1024])).collect()),
                Value::Int(dim),
            ]
        });
    }
}

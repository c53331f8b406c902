//! Reading and writing by index.

use super::{M1, M16, Suite, below, bytes, coin, fine, normal};
use duoc::op::Value;
use duoc::{Scalar, Tensor};

pub(super) fn cases(s: &mut Suite) {
    let group = "indexing";
    let tensor = Value::Tensor;
    s.op(
        "idx.index_select_50kx512_8192",
        group,
        bytes(8 * 8192 * 512),
        "index_select",
        move || {
            vec![
                tensor(normal(&[50000, 512])),
                Value::Int(0),
                tensor(below(50000, &[8192])),
            ]
        },
    );
    s.op(
        "idx.gather_4096x1024",
        group,
        bytes(16 * 4096 * 1024),
        "gather",
        move || {
            vec![
                tensor(normal(&[4096, 1024])),
                Value::Int(1),
                tensor(below(1024, &[4096, 1024])),
            ]
        },
    );
    s.op("idx.bool_mask_1m", group, bytes(7 * M1), "index.Tensor", move || {
        vec![
            tensor(normal(&[M1 as i64])),
            Value::OptTensors(vec![Some(coin(M1 as i64))]),
        ]
    });
    s.op(
        "idx.masked_fill_16m",
        group,
        bytes(9 * M16),
        "masked_fill.Scalar",
        move || {
            vec![
                tensor(normal(&[M16 as i64])),
                tensor(coin(M16 as i64)),
                Value::Scalar(Scalar::Float(0.0)),
            ]
        },
    );
    s.op("idx.nonzero_1m", group, bytes(5 * M1), "nonzero", move || {
        vec![tensor(coin(M1 as i64))]
    });
    s.op(
        "idx.embedding_fwd",
        group,
        bytes(8 * 8192 * 512),
        "embedding",
        move || vec![tensor(normal(&[50000, 512])), tensor(below(50000, &[8192]))],
    );
    embedding_backward(s);
    s.op("idx.scatter_add_1m", group, bytes(12 * M1), "scatter_add_", move || {
        let n = M1 as i64;
        vec![
            tensor(Tensor::zeros(&[65536])),
            Value::Int(0),
            tensor(below(65536, &[n])),
            tensor(normal(&[n])),
        ]
    });
    s.op(
        "idx.index_add_50kx128_8192",
        group,
        bytes(12 * 8192 * 128),
        "index_add_",
        move || {
            let (i, v) = (below(50000, &[8192]), normal(&[8192, 128]));
            vec![
                tensor(Tensor::zeros(&[50000, 128])),
                Value::Int(0),
                tensor(i),
                tensor(v),
            ]
        },
    );
}

fn embedding_backward(s: &mut Suite) {
    if let Some(embedding) = super::entry("embedding") {
        s.add(
            "idx.embedding_bwd",
            "indexing",
            bytes(4 * 50000 * 512 + 8 * 8192 * 512),
            move || {
                let weight = fine(normal(&[50000, 512]).requires_grad_(true));
                let args = vec![Value::Tensor(weight.clone()), Value::Tensor(below(50000, &[8192]))];
                let out = fine(embedding.call(&super::complete(embedding, args)));
                let g = normal(&[8192, 512]);
                move || {
                    fine(weight.set_grad(None));
                    if let Value::Tensor(y) = &out {
                        let options = duoc::autograd::engine::Options {
                            retain_graph: Some(true),
                            ..Default::default()
                        };
                        fine(duoc::autograd::backward(&[y], &[Some(&g)], None, options));
                    }
                }
            },
        );
    }
}

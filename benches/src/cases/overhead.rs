//! What a call costs when there is next to nothing to compute.

use super::{NONE, Suite, fine, normal};
use duoc::Tensor;
use duoc::ops;
use std::hint::black_box;

pub(super) fn cases(s: &mut Suite) {
    let group = "overhead";
    s.add("overhead.add_4", group, NONE, || {
        let (a, b) = (normal(&[4]), normal(&[4]));
        move || drop(black_box(black_box(&a) + &b))
    });
    s.add("overhead.add_4_record", group, NONE, || {
        let (a, b) = (leaf(4), normal(&[4]));
        move || drop(black_box(black_box(&a) + &b))
    });
    for (name, n) in [("overhead.chain10_4", 4), ("overhead.chain10_1k", 1024)] {
        s.add(name, group, NONE, move || {
            let (a, b) = (normal(&[n]), normal(&[n]));
            move || drop(black_box(chain(&a, &b)))
        });
    }
    s.add("overhead.chain10_4_bwd", group, NONE, || {
        let (a, b) = (leaf(4), normal(&[4]));
        move || {
            a.set_grad(None).unwrap_or_else(|e| panic!("{e}"));
            chain(&a, &b).sum().backward().unwrap_or_else(|e| panic!("{e}"));
        }
    });
    s.add("overhead.transpose_view", group, NONE, || {
        let a = normal(&[64, 64]);
        move || drop(black_box(black_box(&a).t()))
    });
    s.add("overhead.slice_view", group, NONE, || {
        let a = normal(&[64, 64]);
        move || {
            let rows = fine(ops::view::slice(black_box(&a), 0, Some(3), Some(10), 1));
            drop(black_box(rows.select(1, 5)));
        }
    });
    s.add("overhead.item", group, NONE, || {
        let a = normal(&[1]);
        move || {
            black_box(black_box(&a).item());
        }
    });
    s.add("overhead.zeros_4", group, NONE, || {
        || drop(black_box(Tensor::zeros(&[4])))
    });
    s.add("overhead.matmul_4x4", group, NONE, || {
        let (a, b) = (normal(&[4, 4]), normal(&[4, 4]));
        move || drop(black_box(black_box(&a).matmul(&b)))
    });
}

fn leaf(n: i64) -> Tensor {
    fine(normal(&[n]).requires_grad_(true))
}

/// Ten operations: five times `x = x * b; x = x + a`.
fn chain(a: &Tensor, b: &Tensor) -> Tensor {
    let mut x = a.clone();
    for _ in 0..5 {
        x = &x * b;
        x = &x + a;
    }
    x
}

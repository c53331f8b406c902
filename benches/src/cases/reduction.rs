//! Reductions, scans, sorts.

use super::{M1, M16, NONE, Suite, below, bytes, fine, normal, work};
use duoc::op::Value;

fn vector(n: usize) -> Value {
    Value::Tensor(normal(&[n as i64]))
}

fn matrix(rows: i64, cols: i64) -> Value {
    Value::Tensor(normal(&[rows, cols]))
}

pub(super) fn cases(s: &mut Suite) {
    let group = "reduction";
    let square = 4096 * 4096;
    s.op("red.sum_16m", group, work(M16, 4 * M16), "sum", || vec![vector(M16)]);
    s.op("red.sum_1m", group, work(M1, 4 * M1), "sum", || vec![vector(M1)]);
    for dim in [0, 1] {
        s.op(
            format!("red.sum_dim{dim}_4096"),
            group,
            work(square, 4 * square),
            "sum.dim_IntList",
            move || vec![matrix(4096, 4096), Value::Ints(vec![dim])],
        );
    }
    for dim in [0, 1] {
        s.op(
            format!("red.max_dim{dim}_4096"),
            group,
            bytes(4 * square),
            "max.dim",
            move || vec![matrix(4096, 4096), Value::Int(dim)],
        );
    }
    s.op("red.amax_dim1_4096", group, bytes(4 * square), "amax", || {
        vec![matrix(4096, 4096), Value::Ints(vec![1])]
    });
    s.op("red.argmax_dim1_4096", group, bytes(4 * square), "argmax", || {
        vec![matrix(4096, 4096), Value::Int(1)]
    });
    s.op("red.argmax_16m", group, bytes(4 * M16), "argmax", || vec![vector(M16)]);
    s.op("red.var_dim1_4096", group, bytes(4 * square), "var.dim", || {
        vec![matrix(4096, 4096), Value::Ints(vec![1])]
    });
    s.op(
        "red.norm_16m",
        group,
        work(2 * M16, 4 * M16),
        "linalg_vector_norm",
        || vec![vector(M16)],
    );
    let n = 4096 * 1024;
    s.op("red.softmax_4096x1024", group, bytes(8 * n), "softmax.int", || {
        vec![matrix(4096, 1024), Value::Int(1)]
    });
    s.op("red.softmax_dim0_1024x4096", group, bytes(8 * n), "softmax.int", || {
        vec![matrix(1024, 4096), Value::Int(0)]
    });
    s.op(
        "red.log_softmax_4096x1024",
        group,
        bytes(8 * n),
        "log_softmax.int",
        || vec![matrix(4096, 1024), Value::Int(1)],
    );
    s.op("red.logsumexp_4096x1024", group, bytes(4 * n), "logsumexp", || {
        vec![matrix(4096, 1024), Value::Ints(vec![1])]
    });
    softmax_backward(s, n);
    for dim in [1, 0] {
        s.op(
            format!("red.cumsum_dim{dim}_4096x1024"),
            group,
            bytes(8 * n),
            "cumsum",
            move || vec![matrix(4096, 1024), Value::Int(dim)],
        );
    }
    s.op("red.cumsum_16m", group, bytes(8 * M16), "cumsum", || {
        vec![vector(M16), Value::Int(0)]
    });
    s.op("red.sort_1m", group, NONE, "sort", || vec![vector(M1)]);
    s.op("red.argsort_1m_i64", group, NONE, "argsort", || {
        vec![Value::Tensor(below(1 << 40, &[M1 as i64]))]
    });
    s.op("red.sort_4096x256", group, NONE, "sort", || {
        vec![matrix(4096, 256), Value::Int(1)]
    });
    s.op("red.topk_1m_k100", group, bytes(4 * M1), "topk", || {
        vec![vector(M1), Value::Int(100)]
    });
    s.op("red.topk_64x32000_k50", group, bytes(4 * 64 * 32000), "topk", || {
        vec![matrix(64, 32000), Value::Int(50), Value::Int(1)]
    });
    s.op("red.unique_1m", group, NONE, "_unique2", || {
        vec![Value::Tensor(below(1000, &[M1 as i64]))]
    });
}

fn softmax_backward(s: &mut Suite, n: usize) {
    if let Some(softmax) = super::entry("softmax.int") {
        s.add("red.softmax_4096x1024_fwdbwd", "reduction", bytes(20 * n), move || {
            let a = fine(normal(&[4096, 1024]).requires_grad_(true));
            let g = normal(&[4096, 1024]);
            let args = super::complete(softmax, vec![Value::Tensor(a.clone()), Value::Int(1)]);
            move || {
                fine(a.set_grad(None));
                if let Value::Tensor(y) = fine(softmax.call(&args)) {
                    fine(y.backward_with(Some(&g), duoc::autograd::engine::Options::default()));
                }
            }
        });
    }
}

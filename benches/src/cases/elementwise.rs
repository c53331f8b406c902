//! Elementwise ops on one million and sixteen million elements, and broadcasting.

use super::{M1, M16, Suite, bytes, call, coin, complete, entry, normal, work};
use duoc::op::Value;
use duoc::{DType, Scalar};

/// `n` normal numbers as an argument.
fn arg(n: usize) -> Value {
    Value::Tensor(normal(&[n as i64]))
}

fn typed(n: usize, dtype: DType) -> Value {
    Value::Tensor(normal(&[n as i64]).to_dtype(dtype))
}

pub(super) fn cases(s: &mut Suite) {
    let group = "elementwise";
    for (n, tag) in [(M1, "1m"), (M16, "16m")] {
        for (name, op) in [("add", "add.Tensor"), ("mul", "mul.Tensor")] {
            s.op(format!("ew.{name}_{tag}"), group, work(n, 12 * n), op, move || {
                vec![arg(n), arg(n)]
            });
        }
        for op in ["exp", "gelu", "sigmoid", "tanh", "relu"] {
            s.op(format!("ew.{op}_{tag}"), group, bytes(8 * n), op, move || vec![arg(n)]);
        }
        s.op(
            format!("ew.where_{tag}"),
            group,
            bytes(13 * n),
            "where.self",
            move || vec![Value::Tensor(coin(n as i64)), arg(n), arg(n)],
        );
        s.op(
            format!("ew.add_out_{tag}"),
            group,
            work(n, 12 * n),
            "add.Tensor out",
            move || vec![arg(n), arg(n), arg(n)],
        );
        s.op(
            format!("ew.add_inplace_{tag}"),
            group,
            work(2 * n, 12 * n),
            "add_.Tensor",
            move || vec![arg(n), arg(n), Value::Scalar(Scalar::Float(1e-9))],
        );
        s.op(format!("ew.exp_out_{tag}"), group, bytes(8 * n), "exp out", move || {
            vec![arg(n), arg(n)]
        });
    }
    let n = M1;
    after_abs(s, "ew.log_1m", bytes(8 * n), "log", false);
    s.op("ew.sin_1m", group, bytes(8 * n), "sin", move || vec![arg(n)]);
    after_abs(s, "ew.sqrt_1m", bytes(8 * n), "sqrt", false);
    s.op("ew.gelu_tanh_1m", group, bytes(8 * n), "gelu", move || {
        vec![arg(n), Value::Str("tanh".into())]
    });
    for op in ["silu", "erf"] {
        s.op(format!("ew.{op}_1m"), group, bytes(8 * n), op, move || vec![arg(n)]);
    }
    after_abs(s, "ew.pow_1m", bytes(12 * n), "pow.Tensor_Tensor", true);
    s.op("ew.div_1m", group, work(n, 12 * n), "div.Tensor", move || {
        vec![arg(n), arg(n)]
    });
    s.op("ew.gt_1m", group, bytes(9 * n), "gt.Tensor", move || {
        vec![arg(n), arg(n)]
    });
    let bf16 = || typed(M16, DType::BF16);
    s.op("ew.add_bf16_16m", group, work(M16, 6 * M16), "add.Tensor", move || {
        vec![bf16(), bf16()]
    });
    s.op("ew.exp_bf16_16m", group, bytes(4 * M16), "exp", move || vec![bf16()]);
    s.op("ew.add_f64_1m", group, work(n, 24 * n), "add.Tensor", move || {
        vec![typed(n, DType::F64), typed(n, DType::F64)]
    });
    s.op("ew.cast_f32_bf16_16m", group, bytes(6 * M16), "to.dtype", || {
        vec![arg(M16), Value::DType(DType::BF16)]
    });
    gelu_of_affine(s);
    broadcasts(s);
}

/// `op(|a|)` or `op(|a|, b)`, with the absolute value taken in place inside the call.
fn after_abs(s: &mut Suite, name: &'static str, work: super::Work, op: &'static str, two: bool) {
    if let (Some(abs), Some(f)) = (entry("abs_"), entry(op)) {
        s.add(name, "elementwise", work, move || {
            let mut args = vec![arg(M1)];
            let first = args.clone();
            if two {
                args.push(arg(M1));
            }
            let args = complete(f, args);
            move || {
                call(abs, &first);
                call(f, &args);
            }
        });
    }
}

fn gelu_of_affine(s: &mut Suite) {
    if let Some(gelu) = entry("gelu") {
        s.add("ew.gelu_xwb_16m", "elementwise", bytes(16 * M16), move || {
            let x = || normal(&[M16 as i64]);
            let (x, w, b) = (x(), x(), x());
            move || {
                let args = complete(gelu, vec![Value::Tensor(&(&x * &w) + &b)]);
                call(gelu, &args);
            }
        });
    }
}

fn broadcasts(s: &mut Suite) {
    let group = "broadcast";
    let shapes: [(&str, [i64; 2], &[i64]); 3] = [
        ("row", [1024, 1024], &[1024]),
        ("col", [1024, 1024], &[1024, 1]),
        ("outer", [1024, 1], &[1, 1024]),
    ];
    for (tag, a, b) in shapes {
        let n = M1 + if a[1] > 1 { M1 } else { 1024 } + 1024;
        s.op(
            format!("bcast.add_1024x1024_{tag}"),
            group,
            work(M1, 4 * n),
            "add.Tensor",
            move || vec![Value::Tensor(normal(&a)), Value::Tensor(normal(b))],
        );
    }
    let n = 8 * 64 * 56 * 56;
    s.op("bcast.mul_nchw_channel", group, work(n, 8 * n), "mul.Tensor", || {
        vec![
            Value::Tensor(normal(&[8, 64, 56, 56])),
            Value::Tensor(normal(&[64, 1, 1])),
        ]
    });
}

//! Matrix products and linear layers.

use super::{M1, NONE, Suite, Work, below, call, complete, entry, fine, normal, work};
use duoc::autograd::no_grad;
use duoc::op::Value;
use duoc::ops::contract::linear;
use duoc::{DType, Tensor};
use std::hint::black_box;

/// Which operand of a product is the transpose of a stored matrix.
#[derive(Clone, Copy, PartialEq)]
enum Order {
    Plain,
    Left,
    Right,
}

fn product(s: &mut Suite, name: String, [m, k, n]: [i64; 3], dtype: DType, order: Order, work: Work) {
    s.add(name, "matmul", work, move || {
        let matrix = |rows, cols, transposed| {
            let x = if transposed {
                normal(&[cols, rows]).t()
            } else {
                normal(&[rows, cols])
            };
            x.to_dtype(dtype)
        };
        let (a, b) = (matrix(m, k, order == Order::Left), matrix(k, n, order == Order::Right));
        move || drop(black_box(black_box(&a).matmul(&b)))
    });
}

pub(super) fn cases(s: &mut Suite) {
    let group = "matmul";
    let f32s = |m: usize, k: usize, n: usize| work(2 * m * k * n, 4 * (m * k + k * n + m * n));
    for n in [32usize, 64, 128, 256, 512, 1024, 2048] {
        product(
            s,
            format!("mm.f32_{n}"),
            [n as i64; 3],
            DType::F32,
            Order::Plain,
            f32s(n, n, n),
        );
    }
    for [m, k, n] in [
        [1, 4096, 4096],
        [8, 4096, 4096],
        [64, 1024, 1024],
        [4096, 64, 4096],
        [768, 3072, 128],
    ] {
        let name = format!("mm.f32_{m}x{k}x{n}");
        product(
            s,
            name,
            [m, k, n],
            DType::F32,
            Order::Plain,
            f32s(m as usize, k as usize, n as usize),
        );
    }
    let square = [1024; 3];
    let flops = 2 * 1024 * M1;
    product(
        s,
        "mm.f32_1024_nt".into(),
        square,
        DType::F32,
        Order::Right,
        work(flops, 12 * M1),
    );
    product(
        s,
        "mm.f32_1024_tn".into(),
        square,
        DType::F32,
        Order::Left,
        work(flops, 12 * M1),
    );
    product(
        s,
        "mm.bf16_1024".into(),
        square,
        DType::BF16,
        Order::Plain,
        work(flops, 6 * M1),
    );
    let row = [1, 4096, 4096];
    product(
        s,
        "mm.bf16_1x4096x4096".into(),
        row,
        DType::BF16,
        Order::Plain,
        work(32 * M1, 32 * M1),
    );
    product(
        s,
        "mm.f16_256".into(),
        [256; 3],
        DType::F16,
        Order::Plain,
        work(32 * M1, 6 * 65536),
    );
    product(
        s,
        "mm.f64_1024".into(),
        square,
        DType::F64,
        Order::Plain,
        work(flops, 24 * M1),
    );
    s.add("mm.i64_256", group, NONE, || {
        let (a, b) = (below(10, &[256, 256]), below(10, &[256, 256]));
        move || drop(black_box(black_box(&a).matmul(&b)))
    });
    s.add("mm.bmm_64x128x128x64", group, work(128 * M1, 8 * M1), || {
        let (a, b) = (normal(&[64, 128, 128]), normal(&[64, 128, 64]));
        move || drop(black_box(black_box(&a).bmm(&b)))
    });
    s.add("mm.mv_4096", group, work(32 * M1, 64 * M1), || {
        let (a, b) = (normal(&[4096, 4096]), normal(&[4096]));
        move || drop(black_box(black_box(&a).matmul(&b)))
    });
    if let Some(einsum) = entry("einsum") {
        s.add("mm.einsum_bhid_bhjd", group, work(64 * M1, 4 * M1), move || {
            let x = || normal(&[4, 8, 128, 64]);
            let args = vec![Value::Str("bhid,bhjd->bhij".into()), Value::Tensors(vec![x(), x()])];
            let args = complete(einsum, args);
            move || call(einsum, &args)
        });
    }
    layers(
        s,
        "nn.linear_128x1024",
        128,
        work(256 * M1, 4 * (M1 + 256 * 1024)),
        work(768 * M1, 12 * M1),
    );
    layers(s, "nn.linear_1x1024", 1, work(2 * M1, 4 * M1), work(6 * M1, 12 * M1));
}

/// A linear layer of 1024 by 1024 with bias, on some rows: forward alone, and with the gradients of everything.
fn layers(s: &mut Suite, name: &str, rows: i64, forward: Work, both: Work) {
    let parameters = || (normal(&[1024, 1024]), normal(&[1024]));
    s.add(format!("{name}_fwd"), "linear", forward, move || {
        let ((w, b), x) = (parameters(), normal(&[rows, 1024]));
        move || drop(black_box(no_grad(|| fine(linear(black_box(&x), &w, Some(&b))))))
    });
    s.add(format!("{name}_fwdbwd"), "linear", both, move || {
        let leaf = |t: Tensor| fine(t.requires_grad_(true));
        let (w, b) = parameters();
        let (w, b, x) = (leaf(w), leaf(b), leaf(normal(&[rows, 1024])));
        let g = normal(&[rows, 1024]);
        move || {
            for t in [&w, &b, &x] {
                fine(t.set_grad(None));
            }
            fine(fine(linear(&x, &w, Some(&b))).backward_with(Some(&g), duoc::autograd::engine::Options::default()));
        }
    });
}

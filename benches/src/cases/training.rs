//! Losses, optimisers, and whole steps of small networks.

use super::{NONE, Suite, Work, below, bytes, fine, normal, work};
use duoc::{Result, Tensor, autograd};
use duoc_nn::optim::{Adam, AdamW, Algorithm, Optimizer, SGD};
use duoc_nn::{Layer, Linear, Module, Param, ReLU, Sequential, clip_grad_norm_, sequential};
use std::hint::black_box;

/// Parameters of the optimisers' cases: 50 of `[500, 1000]`.
const PARAMETERS: usize = 25_000_000;
/// Weights of the MLP 784-512-512-10.
const WEIGHTS: usize = 784 * 512 + 512 * 512 + 5120;
/// Logits of the cross entropy.
const LOGITS: usize = 512 * 32000;

pub(super) fn tiny(s: &mut Suite) {
    s.add("overhead.mlp_tiny_fwd", "overhead", NONE, || {
        let (net, x) = (tiny_mlp(), normal(&[1, 16]));
        move || drop(black_box(autograd::no_grad(|| net.forward(&x))))
    });
    s.add("overhead.mlp_tiny_step", "overhead", NONE, || {
        let (x, y) = (normal(&[1, 16]), normal(&[1, 4]));
        step(tiny_mlp(), move |net| net.try_forward(&x).map(|o| o.mse_loss(&y)))
    });
}

pub(super) fn cases(s: &mut Suite) {
    s.add("loss.cross_entropy_512x32000_fwd", "loss", bytes(4 * LOGITS), || {
        let (x, y) = (normal(&[512, 32000]), below(32000, &[512]));
        move || drop(black_box(autograd::no_grad(|| x.cross_entropy(&y))))
    });
    s.add(
        "loss.cross_entropy_512x32000_fwdbwd",
        "loss",
        bytes(12 * LOGITS),
        || {
            let (x, y) = (normal(&[512, 32000]), below(32000, &[512]));
            gradient(x, move |x| x.cross_entropy(&y))
        },
    );
    s.add("loss.mse_1m_fwdbwd", "loss", bytes(20 << 20), || {
        let (x, y) = (normal(&[1 << 20]), normal(&[1 << 20]));
        gradient(x, move |x| x.mse_loss(&y))
    });
    // One implementation each, which PyTorch's three names stand for.
    for how in ["default", "foreach", "fused"] {
        optimizer(s, format!("opt.sgd_momentum_25m_{how}"), bytes(20 * PARAMETERS), |p| {
            SGD::new(1e-3).momentum(0.9).build(p)
        });
        optimizer(s, format!("opt.adam_25m_{how}"), bytes(28 * PARAMETERS), |p| {
            Adam::new(1e-3).build(p)
        });
        optimizer(s, format!("opt.adamw_25m_{how}"), bytes(28 * PARAMETERS), |p| {
            AdamW::new(1e-3).build(p)
        });
    }
    s.add("opt.clip_grad_norm_25m", "optimizer", bytes(12 * PARAMETERS), || {
        let p = parameters();
        move || drop(black_box(fine(clip_grad_norm_(&p, 1.0, 2.0, false))))
    });
    s.add("e2e.mlp_step_b128", "e2e", work(6 * 128 * WEIGHTS, 0), || {
        let (x, y) = (normal(&[128, 784]), below(10, &[128]));
        let net = sequential![
            Linear::new(784, 512),
            ReLU::new(),
            Linear::new(512, 512),
            ReLU::new(),
            Linear::new(512, 10)
        ];
        step(net, move |net| net.try_forward(&x).map(|o| o.cross_entropy(&y)))
    });
}

fn tiny_mlp() -> Sequential {
    sequential![
        Linear::new(16, 64),
        ReLU::new(),
        Linear::new(64, 64),
        ReLU::new(),
        Linear::new(64, 4)
    ]
}

/// A whole training step with plain SGD.
fn step(net: Sequential, loss: impl Fn(&Sequential) -> Result<Tensor> + 'static) -> impl FnMut() {
    let mut optimizer = fine(SGD::new(0.01).build(net.parameters()));
    move || {
        optimizer.zero_grad();
        fine(fine(loss(&net)).backward());
        fine(optimizer.step());
    }
}

/// A loss and its gradient.
fn gradient(x: Tensor, loss: impl Fn(&Tensor) -> Tensor + 'static) -> impl FnMut() {
    let x = fine(x.requires_grad_(true));
    move || {
        fine(x.set_grad(None));
        fine(loss(&x).backward());
    }
}

fn parameters() -> Vec<Param> {
    let one = |_| {
        let p = Param::new(normal(&[500, 1000]));
        fine(p.tensor().set_grad(Some(&normal(&[500, 1000]))));
        p
    };
    (0..50).map(one).collect()
}

fn optimizer(s: &mut Suite, name: String, work: Work, build: impl Fn(Vec<Param>) -> Result<Optimizer> + 'static) {
    s.add(name, "optimizer", work, move || {
        let mut optimizer = fine(build(parameters()));
        move || fine(optimizer.step())
    });
}

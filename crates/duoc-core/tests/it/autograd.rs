//! The graph: recording, views and in-place changes, the engine.

use duoc_core::autograd::engine::{Options, grad};
use duoc_core::autograd::{GradCheck, gradcheck, gradgradcheck, no_grad};
use duoc_core::{Tensor, catch};

fn leaf(v: &[f64]) -> Tensor {
    Tensor::from_slice(v).requires_grad_(true).unwrap()
}

#[test]
fn gradients_accumulate_and_broadcast() {
    let x = leaf(&[1.0, 2.0, 3.0]);
    let w = leaf(&[2.0]);
    for _ in 0..2 {
        (&x * &w).sum().backward().unwrap();
    }
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [4.0; 3]);
    assert_eq!(w.grad().unwrap().to_vec::<f64>(), [12.0]);
}

#[test]
fn gradients_of_gradients() {
    let x = leaf(&[3.0]);
    let y = &(&x * &x) * &x;
    let options = Options {
        create_graph: true,
        ..Options::default()
    };
    let g = grad(&[&y.sum()], &[&x], &[], options).unwrap()[0].clone().unwrap();
    assert_eq!(g.to_vec::<f64>(), [27.0]);
    let gg = grad(&[&g.sum()], &[&x], &[], Options::default()).unwrap()[0]
        .clone()
        .unwrap();
    assert_eq!(gg.to_vec::<f64>(), [18.0]);
    let f = |v: &[Tensor]| Ok(vec![&(&v[0] * &v[1]) / &(&v[1] - 5.0)]);
    let inputs = [leaf(&[1.0, 2.0, 3.0]), leaf(&[0.5, -1.0, 2.0])];
    gradcheck(&f, &inputs, GradCheck::default()).unwrap();
    gradgradcheck(&f, &inputs, GradCheck::default()).unwrap();
}

#[test]
fn a_used_graph_is_freed() {
    let x = leaf(&[3.0]);
    let y = (&x * &x).sum();
    y.backward().unwrap();
    let e = y.backward().unwrap_err();
    assert!(
        e.message()
            .starts_with("Trying to backward through the graph a second time"),
        "{e}"
    );
}

#[test]
fn stale_saved_tensors_are_noticed() {
    let x = leaf(&[1.0, 2.0]);
    let a = &x * 1.0;
    let y = (&a * &a).sum();
    a.fill_(0.0);
    let e = y.backward().unwrap_err();
    assert!(
        e.message().contains(
            "[torch.DoubleTensor [2]], which is output 0 of FillBackward2, is at version 1; expected version 0"
        ),
        "{e}"
    );
}

#[test]
fn in_place_on_a_view_reaches_the_root() {
    let x = leaf(&[1.0, 2.0, 3.0, 4.0]);
    let a = &x * 1.0;
    let v = a.view(&[2, 2]).select(0, 0);
    v.copy_(&(&v * 10.0));
    let sibling = a.narrow(0, 1, 2);
    assert_eq!(sibling.grad_fn().unwrap().name(), "SliceBackward0");
    assert_eq!(a.grad_fn().unwrap().name(), "CopySlices");
    assert_eq!(v.grad_fn().unwrap().name(), "AsStridedBackward0");
    (&(&a * &a) + 0.0).sum().backward().unwrap();
    // a = [10 x0, 10 x1, x2, x3]; d sum(a^2) / dx = 2 a da/dx
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [200.0, 400.0, 6.0, 8.0]);
}

#[test]
fn a_view_sees_changes_of_its_root() {
    let x = leaf(&[1.0, 2.0]);
    let w = leaf(&[5.0, 7.0]);
    let a = &x * 1.0;
    let v = a.select(0, 1);
    a.copy_(&(&x * &w));
    v.backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [0.0, 7.0]);
    assert_eq!(w.grad().unwrap().to_vec::<f64>(), [0.0, 2.0]);
}

#[test]
fn in_place_rules() {
    let x = leaf(&[1.0, 2.0]);
    let e = catch(|| x.fill_(0.0).copy()).unwrap_err();
    assert_eq!(
        e.message(),
        "a leaf Variable that requires grad is being used in an in-place operation."
    );
    let e = catch(|| x.select(0, 0).fill_(0.0).copy()).unwrap_err();
    assert_eq!(
        e.message(),
        "a view of a leaf Variable that requires grad is being used in an in-place operation."
    );
    let a = &x * 1.0;
    let e = catch(|| a.unbind(0)[0].fill_(0.0).copy()).unwrap_err();
    assert!(
        e.message()
            .starts_with("Output 0 of UnbindBackward0 is a view and is being modified inplace."),
        "{e}"
    );
    let v = no_grad(|| a.select(0, 0));
    let b = no_grad(|| v.fill_(0.0).copy());
    assert!(!b.requires_grad());
}

#[test]
fn hooks_and_retained_gradients() {
    let x = leaf(&[2.0]);
    let y = &x * 3.0;
    y.retain_grad().unwrap();
    y.register_hook(std::sync::Arc::new(|g: &Tensor| Ok(Some(g * 2.0))))
        .unwrap();
    let h = x
        .register_hook(std::sync::Arc::new(|g: &Tensor| Ok(Some(g + 1.0))))
        .unwrap();
    y.sum().backward().unwrap();
    assert_eq!(y.grad().unwrap().to_vec::<f64>(), [2.0]);
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [7.0]);
    h.remove();
    (&x * 1.0).sum().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [8.0]);
}

#[test]
fn a_million_nodes_neither_recurse_nor_leak() {
    let x = leaf(&[1.0]);
    let mut y = &x * 1.0;
    for _ in 0..1_000_000 {
        y = &y + &x;
    }
    y.sum().backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [1_000_001.0]);
    let mut y = &x * 1.0;
    for _ in 0..300_000 {
        y = &y * &x;
    }
    drop(y);
}

/// One step of a two-layer network in plain ops: forward, backward, an update in place.
fn step(w: &Tensor, v: &Tensor, x: &Tensor) -> duoc_core::Result<()> {
    use duoc_core::autograd::mode::grad_mode;
    use duoc_core::{Scalar, ops};
    let one = Scalar::Int(1);
    let h = ops::matmul::mm(x, w)?;
    let y = ops::matmul::mm(&ops::arith::mul(&h, &h)?, v)?;
    let loss = ops::reduce::sum(&ops::arith::mul(&y, &y)?, None)?;
    loss.backward()?;
    let _guard = grad_mode(false);
    for p in [w, v] {
        if let Some(g) = p.grad() {
            let moved = ops::arith::sub(p, &ops::arith::mul(&g, &Tensor::wrapped(1e-4)?)?, one)?;
            ops::copy::copy_(p, &moved)?;
            p.set_grad(None)?;
        }
    }
    Ok(())
}

/// Run by [`memory_does_not_grow_over_training_steps`] in a process of its own, so that other tests do not count.
#[test]
#[ignore = "a child process of memory_does_not_grow_over_training_steps"]
fn child_long_training() {
    let steps: usize = std::env::var("DUOC_LONG_STEPS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(100_000);
    let w = leaf(&[0.1, 0.2, 0.3, 0.4])
        .reshape(&[2, 2])
        .detach()
        .requires_grad_(true)
        .unwrap();
    let v = leaf(&[0.5, 0.6])
        .reshape(&[2, 1])
        .detach()
        .requires_grad_(true)
        .unwrap();
    let x = Tensor::from_slice(&[1.0, -1.0]).reshape(&[1, 2]);
    for _ in 0..1000 {
        step(&w, &v, &x).unwrap();
    }
    let before = (duoc_core::storage::host::memory_allocated(), resident());
    for _ in 0..steps {
        step(&w, &v, &x).unwrap();
    }
    let after = (duoc_core::storage::host::memory_allocated(), resident());
    assert_eq!(before.0, after.0, "bytes in tensors");
    if let (Some(before), Some(after)) = (before.1, after.1) {
        // One lost 64-byte block a step would be 6 MB.
        assert!(
            after < before + (1 << 20),
            "resident memory went from {before} to {after} bytes"
        );
    }
    println!("the child kept its size");
}

#[test]
fn memory_does_not_grow_over_training_steps() {
    let out = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "autograd::child_long_training",
            "--ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains("the child kept its size"),
        "{text}\n{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

/// Resident memory of this process in bytes, where the system tells.
fn resident() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split_whitespace().nth(1)?.parse::<usize>().ok()?.checked_mul(4096)
}

#[test]
fn every_failed_allocation_of_a_step_is_an_error() {
    use duoc_core::storage::host::fail_nth_allocation;
    let w = leaf(&[0.1, 0.2, 0.3, 0.4])
        .reshape(&[2, 2])
        .detach()
        .requires_grad_(true)
        .unwrap();
    let v = leaf(&[0.5, 0.6])
        .reshape(&[2, 1])
        .detach()
        .requires_grad_(true)
        .unwrap();
    let x = Tensor::from_slice(&[1.0, -1.0]).reshape(&[1, 2]);
    let mut failed = 0;
    for n in 0..1000 {
        fail_nth_allocation(Some(n));
        let outcome = step(&w, &v, &x);
        let unused = fail_nth_allocation(None);
        match outcome {
            Err(e) => {
                assert_eq!(e.kind(), duoc_core::ErrorKind::OutOfMemory, "{e}");
                failed += 1;
            }
            Ok(()) => {
                assert!(unused, "allocation {n} failed and nobody said so");
                break;
            }
        }
        // The library goes on: the same step succeeds at once.
        w.set_grad(None).unwrap();
        v.set_grad(None).unwrap();
        step(&w, &v, &x).unwrap();
    }
    assert!(failed > 10, "only {failed} allocations were seen");
}

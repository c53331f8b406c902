//! Storage, access and views.

use duoc_core::{DType, ErrorKind, Tensor, catch};

#[test]
fn views_share_memory_and_version() {
    let x = Tensor::from_slice(&[0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0]);
    let v = x.view(&[2, 3]).t();
    v.select(0, 1).fill_(9.0);
    assert_eq!(x.to_vec::<f32>(), [0.0, 9.0, 2.0, 3.0, 9.0, 5.0]);
    assert_eq!(x.version(), 1);
    assert_eq!(v.version(), 1);
    assert_eq!(x.detach().version(), 1);
    assert_eq!(x.data().version(), 0);
}

#[test]
fn impossible_views_say_why() {
    let x = Tensor::zeros(&[2, 3]).t();
    let e = catch(|| x.view(&[6])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Runtime);
    assert!(e.message().starts_with("view size is not compatible"), "{e}");
    assert_eq!(x.reshape(&[6]).shape(), [6]);
    let e = catch(|| x.view(&[4])).unwrap_err();
    assert_eq!(e.message(), "shape '[4]' is invalid for input of size 6");
}

#[test]
fn user_code_under_the_lock_cannot_call_ops() {
    let x = Tensor::from_slice(&[1i64, 2]);
    let inner = x.with_slice::<i64, _>(|_| catch(|| x.copy())).unwrap();
    assert!(inner.unwrap_err().message().contains("with_slice"));
    // Afterwards everything works again.
    assert_eq!((&x + 1i64).to_vec::<i64>(), [2, 3]);
}

#[test]
fn crossing_in_place_calls_do_not_deadlock() {
    let p = Tensor::from_slice(&[1.0f32; 64]);
    let q = Tensor::from_slice(&[1.0f32; 64]);
    std::thread::scope(|s| {
        for k in 0..3 {
            let (p, q) = (&p, &q);
            s.spawn(move || {
                for _ in 0..20_000 {
                    match k {
                        0 => p.copy_(q),
                        1 => q.copy_(p),
                        _ => p.copy_(p),
                    };
                }
            });
        }
    });
}

#[test]
fn the_nth_allocation_fails_cleanly() {
    duoc_core::storage::host::fail_nth_allocation(Some(0));
    let e = catch(|| Tensor::zeros(&[1000])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::OutOfMemory);
    assert!(e.message().contains("4000 bytes"), "{e}");
    assert_eq!(Tensor::zeros(&[3]).to_vec::<f32>(), [0.0; 3]);
}

#[test]
fn conversions() {
    let x = Tensor::from_slice(&[1.5f64, -2.5, f64::NAN]);
    assert_eq!(x.to_dtype(DType::F32).to_vec::<f64>()[..2], [1.5, -2.5]);
    assert_eq!(x.to_dtype(DType::Bool).to_vec::<bool>(), [true; 3]);
    assert_eq!(x.size().to_string(), "torch.Size([3])");
    assert_eq!(DType::I64.to_string(), "torch.int64");
}

/// Run by [`refused_under_ulimit`] in a process of its own whose address space is limited.
#[test]
#[ignore = "a child process of refused_under_ulimit"]
fn child_under_ulimit() {
    let e = catch(|| Tensor::zeros(&[1 << 33])).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::OutOfMemory);
    assert!(e.message().contains("34359738368 bytes"), "{e}");
    // Until the system refuses: many blocks that fit one by one.
    let mut held = Vec::new();
    let e = loop {
        match catch(|| Tensor::zeros(&[1 << 24])) {
            Ok(t) => held.push(t),
            Err(e) => break e,
        }
        assert!(held.len() < 1000, "the limit is not in force");
    };
    assert_eq!(e.kind(), ErrorKind::OutOfMemory);
    drop(held);
    assert_eq!((&Tensor::zeros(&[1000]) + 1i64).sum().item().to_f64(), 1000.0);
    println!("the child went on");
}

#[test]
#[cfg(target_os = "linux")]
fn refused_under_ulimit() {
    let exe = std::env::current_exe().unwrap();
    let script = format!(
        "ulimit -v 3000000; exec '{}' --exact storage::child_under_ulimit --ignored --nocapture --test-threads 1",
        exe.display()
    );
    let out = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(
        text.contains("the child went on"),
        "{text}\n{}",
        String::from_utf8_lossy(&out.stderr)
    );
}

#[test]
fn above_the_memory_limit() {
    use duoc_core::storage::host::{memory_allocated, set_memory_limit};
    // The limit is the process's: one far above what the other tests use, and a request far above that.
    set_memory_limit(Some(memory_allocated() + (4 << 30)));
    let e = catch(|| Tensor::zeros(&[1 << 31])).unwrap_err();
    set_memory_limit(None);
    assert_eq!(e.kind(), ErrorKind::OutOfMemory);
    assert!(e.message().contains("memory limit"), "{e}");
}

/// Interleaved views of one storage changed in place on several threads, while all of it is read and written as a
/// whole elsewhere: no change of an own part is lost, nothing hangs.
#[test]
fn aliased_in_place_calls_keep_apart() {
    const ROUNDS: i64 = 2000;
    let x = Tensor::zeros(&[8, 8]).to_dtype(DType::I64);
    let y = Tensor::ones(&[8, 8]).to_dtype(DType::I64);
    std::thread::scope(|s| {
        for k in 0..4 {
            let (x, y) = (&x, &y);
            s.spawn(move || {
                let column = x.t().narrow(0, 2 * k, 2);
                for _ in 0..ROUNDS {
                    column.add_(1i64);
                    // The two storages are locked together, asked for in both orders.
                    if k % 2 == 0 {
                        assert_eq!(x.add(y).shape(), [8, 8]);
                        y.copy_(&x.t());
                    } else {
                        assert_eq!(y.add(x).shape(), [8, 8]);
                        y.fill_(1i64);
                    }
                }
            });
        }
    });
    assert_eq!(x.to_vec::<i64>(), [ROUNDS; 64]);
    assert_eq!(x.version(), 4 * ROUNDS as u32);
}

/// Random sets of tensors, some of them on one storage, in random roles on random threads.
#[test]
fn random_roles_do_not_deadlock() {
    let roots: Vec<Tensor> = (0..4).map(|_| Tensor::ones(&[32])).collect();
    let views: Vec<Tensor> = roots
        .iter()
        .flat_map(|r| [r.clone(), r.narrow(0, 4, 16), r.view(&[4, 8]).t().select(0, 1)])
        .collect();
    std::thread::scope(|s| {
        for seed in 1..5u64 {
            let views = &views;
            s.spawn(move || {
                let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let mut pick = || {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    &views[(state >> 20) as usize % views.len()]
                };
                for _ in 0..5000 {
                    let (a, b) = (pick(), pick());
                    // Shapes that do not fit and partial overlaps are errors; none of them may leave a lock behind.
                    let _ = catch(|| {
                        a.copy_(b);
                    });
                    let _ = catch(|| a.add(b));
                    let _ = catch(|| {
                        a.mul_(0.5).add_(b);
                    });
                }
            });
        }
    });
    assert_eq!(roots[0].copy().shape(), [32]);
}

//! Softmax, its logarithm and its normaliser against plain float64 code.

use duoc_kernels::softmax::{Softmax, softmax, softmax_backward};
use duoc_kernels::{DType, par};

fn data(n: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            ((state >> 33) as i32 % 2001) as f64 / 160.0
        })
        .collect()
}

fn at([_, n, inner]: [usize; 3], o: usize, i: usize, j: usize) -> usize {
    (o * n + i) * inner + j
}

fn check<T: Copy>(dtype: DType, sizes: [usize; 3], eps: f64, from: impl Fn(f64) -> T, to: impl Fn(T) -> f64) {
    let [outer, n, inner] = sizes;
    let total = outer * n * inner;
    let x: Vec<T> = data(total, 1).iter().map(|v| from(*v)).collect();
    let g: Vec<T> = data(total, 2).iter().map(|v| from(*v / 12.0)).collect();
    for op in [Softmax::Plain, Softmax::Log, Softmax::LogSumExp] {
        let mut y = vec![from(0.0); total];
        // SAFETY: the buffers hold the block.
        assert!(unsafe { softmax(op, dtype, sizes, x.as_ptr() as *const u8, y.as_mut_ptr() as *mut u8) });
        let mut back = vec![from(0.0); total];
        let (pg, py) = (g.as_ptr() as *const u8, y.as_ptr() as *const u8);
        // SAFETY: as above.
        let known = unsafe { softmax_backward(op, dtype, sizes, pg, py, back.as_mut_ptr() as *mut u8) };
        assert_eq!(known, op != Softmax::LogSumExp);
        for o in 0..outer {
            for j in 0..inner {
                let line: Vec<f64> = (0..n).map(|i| to(x[at(sizes, o, i, j)])).collect();
                let high = line.iter().copied().fold(f64::MIN, f64::max);
                let log = line.iter().map(|v| (v - high).exp()).sum::<f64>().ln() + high;
                if op == Softmax::LogSumExp {
                    assert!((to(y[o * inner + j]) - log).abs() <= eps * (1.0 + log.abs()));
                    continue;
                }
                let ys: Vec<f64> = (0..n).map(|i| to(y[at(sizes, o, i, j)])).collect();
                let gs: Vec<f64> = (0..n).map(|i| to(g[at(sizes, o, i, j)])).collect();
                let dot: f64 = ys.iter().zip(&gs).map(|(y, g)| y * g).sum();
                let sum: f64 = gs.iter().sum();
                for i in 0..n {
                    let (want, slope) = match op {
                        Softmax::Plain => ((line[i] - log).exp(), ys[i] * (gs[i] - dot)),
                        _ => (line[i] - log, gs[i] - ys[i].exp() * sum),
                    };
                    let scale = line[i].abs() + log.abs();
                    let limit = if op == Softmax::Plain {
                        eps * (want + 1e-4)
                    } else {
                        eps * (scale + 1.0)
                    };
                    assert!(
                        (ys[i] - want).abs() <= limit,
                        "{op:?} {dtype} {sizes:?}: {} {want}",
                        ys[i]
                    );
                    let got = to(back[at(sizes, o, i, j)]);
                    assert!(
                        (got - slope).abs() <= eps * (1.0 + slope.abs() + sum.abs()),
                        "{op:?} {dtype}: {got} {slope}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_dtype_and_layout() {
    for sizes in [
        [1, 1, 1],
        [3, 7, 1],
        [2, 100, 1],
        [1, 5000, 1],
        [2, 9, 3],
        [1, 300, 300],
        [70, 3, 1],
    ] {
        check(DType::F64, sizes, 1e-13, |v| v, |v| v);
        check(DType::F32, sizes, 2e-6, |v| v as f32, |v| v as f64);
        check(DType::F16, sizes, 4e-3, half::f16::from_f64, |v| v.to_f64());
        check(DType::BF16, sizes, 2e-2, half::bf16::from_f64, |v| v.to_f64());
    }
}

#[test]
fn infinities() {
    let run = |op, x: &[f32]| {
        let mut y = vec![0f32; x.len()];
        // SAFETY: one line of that length.
        assert!(unsafe {
            softmax(
                op,
                DType::F32,
                [1, x.len(), 1],
                x.as_ptr() as *const u8,
                y.as_mut_ptr() as *mut u8,
            )
        });
        y
    };
    let inf = f32::INFINITY;
    assert_eq!(run(Softmax::LogSumExp, &[-inf, -inf])[0], -inf);
    assert_eq!(run(Softmax::LogSumExp, &[1.0, inf])[0], inf);
    assert_eq!(run(Softmax::Plain, &[-inf, 0.0, 0.0]), [0.0, 0.5, 0.5]);
    assert!(run(Softmax::Plain, &[f32::NAN, 0.0])[1].is_nan());
    assert!(run(Softmax::Log, &[-inf, -inf])[0].is_nan());
}

#[test]
fn threads_do_not_matter() {
    let x: Vec<f32> = data(300 * 1000, 3).iter().map(|v| *v as f32).collect();
    let before = par::num_threads();
    let results: Vec<Vec<u32>> = [1, 2, 3, 8]
        .into_iter()
        .map(|threads| {
            par::set_num_threads(threads);
            let mut y = vec![0f32; x.len()];
            // SAFETY: the block has as many elements.
            unsafe {
                softmax(
                    Softmax::Plain,
                    DType::F32,
                    [3, 100, 1000],
                    x.as_ptr() as *const u8,
                    y.as_mut_ptr() as *mut u8,
                )
            };
            y.iter().map(|v| v.to_bits()).collect()
        })
        .collect();
    par::set_num_threads(before);
    assert!(results.iter().all(|r| *r == results[0]));
}

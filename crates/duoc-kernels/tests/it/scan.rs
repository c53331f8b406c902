//! Scans against plain loops, in every layout, and for any number of threads.

use duoc_kernels::lines::Lines;
use duoc_kernels::reduce::Kept;
use duoc_kernels::scan::{Scan, scan};
use duoc_kernels::{DType, par};

fn data(n: usize, nan: bool) -> Vec<f64> {
    let mut state = 7u64;
    (0..n)
        .map(|i| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            if nan && i % 53 == 30 {
                f64::NAN
            } else {
                ((state >> 33) as i32 % 41 - 20) as f64 / 8.0
            }
        })
        .collect()
}

fn expected(op: Scan, x: &[f64]) -> Vec<(f64, i64)> {
    let mut acc = match op {
        Scan::Prod => 1.0,
        Scan::LogSumExp => f64::NEG_INFINITY,
        Scan::Max | Scan::Min => x[0],
        Scan::Sum => 0.0,
    };
    let mut index = 0;
    x.iter()
        .enumerate()
        .map(|(i, v)| {
            match op {
                Scan::Sum => acc += v,
                Scan::Prod => acc *= v,
                Scan::LogSumExp => acc = (acc.exp() + v.exp()).ln(),
                Scan::Max if v.is_nan() || *v >= acc => (acc, index) = (*v, i as i64),
                Scan::Min if v.is_nan() || *v <= acc => (acc, index) = (*v, i as i64),
                _ => {}
            }
            (acc, index)
        })
        .collect()
}

/// Scans dimension `dim` of a `[a, n, b]` input whose elements lie `gap` apart.
fn check(op: Scan, shape: [usize; 3], dim: usize, gap: usize, nan: bool) {
    let total: usize = shape.iter().product();
    let x = data(total * gap, nan);
    let strides = [shape[1] * shape[2] * gap, shape[2] * gap, gap];
    let kept = |d: usize| Kept {
        size: shape[d],
        src: 8 * strides[d] as isize,
        dst: [8 * (strides[d] / gap) as isize; 2],
    };
    let others: Vec<Kept> = (0..3).filter(|d| *d != dim).map(kept).collect();
    let lines = Lines {
        others: &others,
        along: kept(dim),
    };
    let (mut values, mut indices) = (vec![0f64; total], vec![0i64; total]);
    let dst = [values.as_mut_ptr() as *mut u8, indices.as_mut_ptr() as *mut u8];
    // SAFETY: the buffers cover the geometry.
    assert!(unsafe { scan(op, DType::F64, &lines, x.as_ptr() as *const u8, dst) });
    for at in 0..total {
        let coords = [at / (shape[1] * shape[2]), at / shape[2] % shape[1], at % shape[2]];
        if coords[dim] > 0 {
            continue;
        }
        let line = |i: usize| at + i * strides[dim] / gap;
        let input: Vec<f64> = (0..shape[dim]).map(|i| x[line(i) * gap]).collect();
        for (i, (value, index)) in expected(op, &input).into_iter().enumerate() {
            let got = values[line(i)];
            let near = (got - value).abs() <= 1e-12 * (1.0 + value.abs() + input.len() as f64);
            assert!(
                near || (got.is_nan() && value.is_nan()) || got == value,
                "{op:?} {shape:?} {i}: {got} {value}"
            );
            if matches!(op, Scan::Max | Scan::Min) {
                assert_eq!(indices[line(i)], index, "{op:?} {shape:?} {dim} {i}");
            }
        }
    }
}

#[test]
fn every_scan_in_every_layout() {
    for op in [Scan::Sum, Scan::Prod, Scan::Max, Scan::Min, Scan::LogSumExp] {
        for shape in [
            [1, 5, 1],
            [3, 40, 1],
            [3, 40, 5],
            [19, 7, 2],
            [2, 9, 300],
            [1, 0, 3],
            [9, 1, 1],
        ] {
            for dim in 0..3 {
                for (gap, nan) in [(1, false), (2, false), (1, true)] {
                    check(op, shape, dim, gap, nan);
                }
            }
        }
    }
    check(Scan::Sum, [2, 10_001, 1], 1, 1, false);
    check(Scan::Sum, [1, 200_003, 1], 1, 1, true);
    check(Scan::Max, [1, 200_003, 1], 1, 1, false);
}

#[test]
fn integers_wrap_and_halves_round_once() {
    let x = [200u8, 100, 7];
    let mut y = [0u8; 3];
    let lines = Lines {
        others: &[],
        along: Kept {
            size: 3,
            src: 1,
            dst: [1; 2],
        },
    };
    // SAFETY: three bytes each.
    assert!(unsafe { scan(Scan::Sum, DType::U8, &lines, x.as_ptr(), [y.as_mut_ptr(); 2]) });
    assert_eq!(y, [200, 44, 51]);
    let x = vec![half::f16::from_f32(0.1); 5000];
    let mut y = vec![half::f16::ZERO; 5000];
    let lines = Lines {
        others: &[],
        along: Kept {
            size: 5000,
            src: 2,
            dst: [2; 2],
        },
    };
    // SAFETY: 5000 elements each.
    assert!(unsafe {
        scan(
            Scan::Sum,
            DType::F16,
            &lines,
            x.as_ptr() as *const u8,
            [y.as_mut_ptr() as *mut u8; 2],
        )
    });
    assert_eq!(y[4999].to_f32(), half::f16::from_f32(5000.0 * x[0].to_f32()).to_f32());
    // SAFETY: nothing is touched for a dtype without sums.
    assert!(!unsafe {
        scan(
            Scan::Sum,
            DType::C64,
            &lines,
            x.as_ptr() as *const u8,
            [y.as_mut_ptr() as *mut u8; 2],
        )
    });
}

#[test]
fn a_long_sum_is_monotone_and_has_the_same_bits_for_any_number_of_threads() {
    let n = 1_000_003;
    let x: Vec<f32> = data(n, false).iter().map(|v| v.abs() as f32 * 0.1).collect();
    let before = par::num_threads();
    let mut seen: Vec<Vec<u32>> = Vec::new();
    for threads in [1, 2, 3, 8] {
        par::set_num_threads(threads);
        let mut y = vec![0f32; n];
        let lines = Lines {
            others: &[],
            along: Kept {
                size: n,
                src: 4,
                dst: [4; 2],
            },
        };
        // SAFETY: n elements each.
        assert!(unsafe {
            scan(
                Scan::Sum,
                DType::F32,
                &lines,
                x.as_ptr() as *const u8,
                [y.as_mut_ptr() as *mut u8; 2],
            )
        });
        assert!(y.windows(2).all(|w| w[0] <= w[1]));
        seen.push(y.iter().map(|v| v.to_bits()).collect());
    }
    par::set_num_threads(before);
    assert!(seen.iter().all(|s| *s == seen[0]));
}

//! Sorting, top-k and k-th values against std's stable sort.

use std::cmp::Ordering;

use duoc_kernels::DType;
use duoc_kernels::lines::Lines;
use duoc_kernels::reduce::Kept;
use duoc_kernels::sort::{Statistic, sort, statistic, topk};

/// PyTorch's order: NaN last, both zeros equal.
fn order(a: &f64, b: &f64) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn numbers(n: usize, kind: usize) -> Vec<f64> {
    let mut state = n as u64 * 31 + kind as u64;
    (0..n)
        .map(|i| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let r = (state >> 33) as i32;
            match kind {
                0 => r as f64 * 1e-5,
                1 => (r % 10) as f64,
                2 if i % 7 == 3 => f64::NAN,
                2 => [0.0, -0.0, f64::INFINITY, -1.5, f64::NEG_INFINITY, 2.25][r as usize % 6],
                _ => i as f64,
            }
        })
        .collect()
}

/// A run of `n` elements, `gap` apart, of the dtype that holds `T`.
fn line(n: usize, gap: usize, size: usize) -> Lines<'static> {
    Lines {
        others: &[],
        along: Kept {
            size: n,
            src: (gap * size) as isize,
            dst: [size as isize, 8],
        },
    }
}

fn check<T: Copy + Default + PartialEq + std::fmt::Debug>(dtype: DType, x: &[T], value: impl Fn(&T) -> f64 + Copy) {
    let n = x.len();
    let lines = line(n, 1, size_of::<T>());
    for descending in [false, true] {
        let mut want: Vec<usize> = (0..n).collect();
        want.sort_by(|a, b| {
            let order = order(&value(&x[*a]), &value(&x[*b]));
            if descending { order.reverse() } else { order }
        });
        let (mut v, mut i) = (vec![T::default(); n], vec![0i64; n]);
        let (pv, pi) = (v.as_mut_ptr() as *mut u8, i.as_mut_ptr() as *mut u8);
        // SAFETY: n elements each.
        assert!(unsafe { sort(dtype, &lines, descending, x.as_ptr() as *const u8, pv, pi) });
        assert!(
            i.iter().zip(&want).all(|(a, b)| *a as usize == *b),
            "{dtype} {n} {descending}"
        );
        assert!(
            v.iter()
                .zip(&want)
                .all(|(a, b)| value(a).to_bits() == value(&x[*b]).to_bits())
        );
        for k in [0, 1, 3, n / 3, n] {
            if k > n {
                continue;
            }
            // SAFETY: k elements each.
            assert!(unsafe { topk(dtype, &lines, k, descending, true, x.as_ptr() as *const u8, pv, pi) });
            assert!(
                i[..k].iter().zip(&want).all(|(a, b)| *a as usize == *b),
                "{dtype} {n} top {k} {descending}"
            );
            assert!(
                v[..k]
                    .iter()
                    .zip(&want)
                    .all(|(a, b)| value(a).to_bits() == value(&x[*b]).to_bits())
            );
        }
        if !descending {
            for k in [0, n / 2, n.saturating_sub(1)] {
                // SAFETY: one element each.
                let known = unsafe { statistic(Statistic::Kth(k), dtype, &lines, x.as_ptr() as *const u8, pv, pi) };
                assert_eq!(known, n > 0);
                let same = |a: f64, b: f64| a == b || a.is_nan() && b.is_nan();
                assert!(
                    n == 0
                        || same(value(&x[i[0] as usize]), value(&x[want[k]])) && same(value(&v[0]), value(&x[want[k]]))
                );
            }
        }
    }
}

#[test]
fn every_dtype_and_length() {
    for n in [0, 1, 2, 5, 64, 100, 511, 512, 1000, 5000, 40_000] {
        for kind in 0..4 {
            let x = numbers(n, kind);
            check(DType::F64, &x, |v| *v);
            check(DType::F32, &x.iter().map(|v| *v as f32).collect::<Vec<_>>(), |v| {
                *v as f64
            });
            check(
                DType::F16,
                &x.iter().map(|v| half::f16::from_f64(*v)).collect::<Vec<_>>(),
                |v| v.to_f64(),
            );
            check(
                DType::BF16,
                &x.iter().map(|v| half::bf16::from_f64(*v)).collect::<Vec<_>>(),
                |v| v.to_f64(),
            );
            check(
                DType::I64,
                &x.iter().map(|v| (*v * 1e3) as i64).collect::<Vec<_>>(),
                |v| *v as f64,
            );
            check(DType::I32, &x.iter().map(|v| *v as i32).collect::<Vec<_>>(), |v| {
                *v as f64
            });
            check(DType::I16, &x.iter().map(|v| *v as i16).collect::<Vec<_>>(), |v| {
                *v as f64
            });
            check(DType::I8, &x.iter().map(|v| *v as i8).collect::<Vec<_>>(), |v| {
                *v as f64
            });
            check(DType::U8, &x.iter().map(|v| *v as u8).collect::<Vec<_>>(), |v| {
                *v as f64
            });
            check(DType::Bool, &x.iter().map(|v| *v > 1.0).collect::<Vec<_>>(), |v| {
                *v as u8 as f64
            });
        }
    }
    // Wide integers, so that the upper 32 bits do not decide alone.
    let wide: Vec<i64> = (0..3000i64).map(|i| (i * 7919 % 3000) << 1 | (i & 1) << 45).collect();
    check(DType::I64, &wide, |v| *v as f64);
}

#[test]
fn lines_in_any_direction() {
    let (rows, cols) = (30, 70);
    let x: Vec<f32> = numbers(rows * cols, 0).iter().map(|v| *v as f32).collect();
    let across = Kept {
        size: cols,
        src: 4,
        dst: [4, 8],
    };
    let along = Kept {
        size: rows,
        src: 4 * cols as isize,
        dst: [4 * cols as isize, 8 * cols as isize],
    };
    let lines = Lines {
        others: &[across],
        along,
    };
    let (mut v, mut i) = (vec![0f32; rows * cols], vec![0i64; rows * cols]);
    let (pv, pi) = (v.as_mut_ptr() as *mut u8, i.as_mut_ptr() as *mut u8);
    // SAFETY: rows * cols elements each.
    assert!(unsafe { sort(DType::F32, &lines, false, x.as_ptr() as *const u8, pv, pi) });
    for c in 0..cols {
        for r in 1..rows {
            assert!(v[(r - 1) * cols + c] <= v[r * cols + c]);
            assert_eq!(x[i[r * cols + c] as usize * cols + c], v[r * cols + c]);
        }
    }
}

#[test]
fn a_median_with_nan_is_the_first_nan() {
    let x = [1.0, f64::NAN, 2.0, f64::NAN];
    let (mut v, mut i) = (0f64, 0i64);
    let (pv, pi) = (&raw mut v as *mut u8, &raw mut i as *mut u8);
    let src = x.as_ptr() as *const u8;
    // SAFETY: one result each.
    unsafe {
        assert!(statistic(Statistic::Median, DType::F64, &line(4, 1, 8), src, pv, pi));
        assert!(v.is_nan() && i == 1);
        assert!(statistic(Statistic::NanMedian, DType::F64, &line(4, 1, 8), src, pv, pi));
        assert!(v == 1.0 && i == 0);
    }
}

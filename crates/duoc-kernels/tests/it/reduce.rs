//! Reductions against plain float64 code, over shapes, strides, dtypes and thread counts.

use duoc_kernels::reduce::{Kept, Reduce, Reduced, Reduction, reduce};
use duoc_kernels::{DType, par};
use half::{bf16, f16};

/// A small generator of varied numbers.
struct Numbers(u64);
impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) as i32 % 2001 - 1000) as f64 / 128.0
    }
}

/// `n` elements of `dtype` as bytes, and what they are as float64.
fn data(dtype: DType, n: usize, nan: bool) -> (Vec<u64>, Vec<f64>) {
    let mut numbers = Numbers(n as u64 + 1);
    let mut bytes = vec![0u64; (n * dtype.size()).div_ceil(8) + 1];
    let p = bytes.as_mut_ptr() as *mut u8;
    let mut values = Vec::new();
    for i in 0..n {
        let mut x = numbers.next();
        if nan && i % 97 == 41 {
            x = f64::NAN;
        }
        // SAFETY: the buffer holds n elements.
        let value = unsafe {
            match dtype {
                DType::F32 => put(p as *mut f32, i, x as f32, x as f32 as f64),
                DType::F64 => put(p as *mut f64, i, x, x),
                DType::F16 => put(p as *mut f16, i, f16::from_f64(x), f16::from_f64(x).to_f64()),
                DType::BF16 => put(p as *mut bf16, i, bf16::from_f64(x), bf16::from_f64(x).to_f64()),
                DType::Bool => put(p as *mut bool, i, x > 0.0, (x > 0.0) as u8 as f64),
                DType::U8 => put(p, i, x as u8, x as u8 as f64),
                DType::I8 => put(p as *mut i8, i, x as i8, x as i8 as f64),
                DType::I16 => put(p as *mut i16, i, x as i16, x as i16 as f64),
                DType::I32 => put(p as *mut i32, i, x as i32, x as i32 as f64),
                DType::I64 => put(p as *mut i64, i, x as i64, x as i64 as f64),
                _ => unreachable!(),
            }
        };
        values.push(value);
    }
    (bytes, values)
}

unsafe fn put<T>(p: *mut T, i: usize, x: T, value: f64) -> f64 {
    unsafe { p.add(i).write(x) };
    value
}

unsafe fn get(dtype: DType, p: *const u8, i: usize) -> f64 {
    unsafe {
        match dtype {
            DType::F32 => *(p as *const f32).add(i) as f64,
            DType::F64 => *(p as *const f64).add(i),
            DType::F16 => (*(p as *const f16).add(i)).to_f64(),
            DType::BF16 => (*(p as *const bf16).add(i)).to_f64(),
            DType::Bool | DType::U8 => *p.add(i) as f64,
            DType::I8 => *(p as *const i8).add(i) as f64,
            DType::I16 => *(p as *const i16).add(i) as f64,
            DType::I32 => *(p as *const i32).add(i) as f64,
            DType::I64 => *(p as *const i64).add(i) as f64,
            _ => unreachable!(),
        }
    }
}

/// The definition, on one output's elements in order.
fn expected(op: Reduce, x: &[f64]) -> (f64, f64) {
    let n = x.len() as f64;
    let before = |a: f64, b: f64, sign: f64| (a.is_nan() && !b.is_nan()) || sign * a > sign * b;
    let extreme = |sign: f64| {
        let mut best = 0;
        for (i, v) in x.iter().enumerate() {
            if before(*v, x[best], sign) {
                best = i;
            }
        }
        if x.is_empty() {
            (f64::NAN, 0.0)
        } else {
            (x[best], best as f64)
        }
    };
    let var = |correction: f64| {
        let mean = x.iter().sum::<f64>() / n;
        let m2 = x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>();
        (m2 / (n - correction).max(0.0), mean)
    };
    let norm = |p: f64| x.iter().map(|v| v.abs().powf(p)).sum::<f64>().powf(1.0 / p);
    let nan = x.iter().any(|v| v.is_nan());
    match op {
        Reduce::Sum => (x.iter().sum(), 0.0),
        Reduce::NanSum => (x.iter().filter(|v| !v.is_nan()).sum(), 0.0),
        Reduce::Prod => (x.iter().product(), 0.0),
        Reduce::Mean => (x.iter().sum::<f64>() / n, 0.0),
        Reduce::Norm { p: 0.0 } => (x.iter().filter(|v| **v != 0.0).count() as f64, 0.0),
        Reduce::Norm { .. } if nan => (f64::NAN, 0.0),
        Reduce::Norm { p: f64::INFINITY } => (x.iter().fold(0.0, |a, v| v.abs().max(a)), 0.0),
        Reduce::Norm { p: f64::NEG_INFINITY } => (x.iter().fold(f64::INFINITY, |a, v| v.abs().min(a)), 0.0),
        Reduce::Norm { p } => (norm(p), 0.0),
        Reduce::Min => (extreme(-1.0).0, 0.0),
        Reduce::Max => (extreme(1.0).0, 0.0),
        Reduce::AMinMax => (extreme(-1.0).0, extreme(1.0).0),
        Reduce::MinIndex => extreme(-1.0),
        Reduce::MaxIndex => extreme(1.0),
        Reduce::ArgMin => (extreme(-1.0).1, 0.0),
        Reduce::ArgMax => (extreme(1.0).1, 0.0),
        Reduce::Any => (x.iter().any(|v| *v != 0.0) as u8 as f64, 0.0),
        Reduce::All => (x.iter().all(|v| *v != 0.0) as u8 as f64, 0.0),
        Reduce::CountNonzero => (x.iter().filter(|v| **v != 0.0).count() as f64, 0.0),
        Reduce::Var { correction } => (var(correction).0, 0.0),
        Reduce::Std { correction } => (var(correction).0.sqrt(), 0.0),
        Reduce::VarMean { correction } => var(correction),
        Reduce::StdMean { correction } => (var(correction).0.sqrt(), var(correction).1),
    }
}

const OPS: [Reduce; 28] = [
    Reduce::Sum,
    Reduce::NanSum,
    Reduce::Mean,
    Reduce::Norm { p: 0.0 },
    Reduce::Norm { p: 1.0 },
    Reduce::Norm { p: 2.0 },
    Reduce::Norm { p: 3.5 },
    Reduce::Norm { p: -1.0 },
    Reduce::Norm { p: f64::INFINITY },
    Reduce::Norm { p: f64::NEG_INFINITY },
    Reduce::Min,
    Reduce::Max,
    Reduce::AMinMax,
    Reduce::MinIndex,
    Reduce::MaxIndex,
    Reduce::ArgMin,
    Reduce::ArgMax,
    Reduce::Any,
    Reduce::All,
    Reduce::CountNonzero,
    Reduce::Var { correction: 1.0 },
    Reduce::Var { correction: 0.0 },
    Reduce::Std { correction: 1.0 },
    Reduce::VarMean { correction: 1.0 },
    Reduce::StdMean { correction: 0.5 },
    Reduce::Var { correction: 1e9 },
    Reduce::Sum,
    Reduce::Prod,
];

fn outputs(op: Reduce) -> usize {
    match op {
        Reduce::AMinMax | Reduce::MinIndex | Reduce::MaxIndex | Reduce::VarMean { .. } | Reduce::StdMean { .. } => 2,
        _ => 1,
    }
}

fn out_dtype(op: Reduce, dtype: DType) -> [DType; 2] {
    match op {
        Reduce::Any | Reduce::All => [DType::Bool; 2],
        Reduce::ArgMin | Reduce::ArgMax | Reduce::CountNonzero => [DType::I64; 2],
        Reduce::MinIndex | Reduce::MaxIndex => [dtype, DType::I64],
        Reduce::Sum | Reduce::Prod if !dtype.is_float() => [DType::I64; 2],
        _ => [dtype; 2],
    }
}

/// Reduces the dimensions in `mask` of an input of `shape` and element `strides`, and compares every output.
fn check(op: Reduce, dtype: DType, shape: &[usize], strides: &[usize], mask: u32, nan: bool) {
    let span = shape
        .iter()
        .zip(strides)
        .map(|(n, s)| n.saturating_sub(1) * s)
        .sum::<usize>()
        + 1;
    let (bytes, values) = data(dtype, span, nan);
    let size = dtype.size() as isize;
    let out = out_dtype(op, dtype);
    let (mut kept, mut reduced) = (Vec::new(), Vec::new());
    let total: usize = (0..shape.len())
        .filter(|d| mask >> d & 1 == 0)
        .map(|d| shape[d])
        .product();
    let mut step = total as isize;
    for d in 0..shape.len() {
        let src = strides[d] as isize * size;
        if mask >> d & 1 == 1 {
            reduced.push(Reduced { size: shape[d], src });
        } else {
            step /= shape[d].max(1) as isize;
            kept.push(Kept {
                size: shape[d],
                src,
                dst: out.map(|o| step * o.size() as isize),
            });
        }
    }
    let mut results = [vec![0u64; total + 1], vec![0u64; total + 1]];
    let dst = results.each_mut().map(|r| r.as_mut_ptr() as *mut u8);
    let geometry = Reduction {
        kept: &kept,
        reduced: &reduced,
    };
    // SAFETY: the buffers cover the geometry.
    let known = unsafe { reduce(op, dtype, out[0], &geometry, bytes.as_ptr() as *const u8, dst) };
    if !known {
        let floats_only = !matches!(op, Reduce::Sum | Reduce::Prod);
        assert!(floats_only && !dtype.is_float(), "{op:?} of {dtype} is missing");
        return;
    }
    for o in 0..total {
        let mut rest = o;
        let mut base = 0;
        for d in (0..shape.len()).rev().filter(|d| mask >> d & 1 == 0) {
            base += rest % shape[d] * strides[d];
            rest /= shape[d];
        }
        let dims: Vec<usize> = (0..shape.len()).filter(|d| mask >> d & 1 == 1).collect();
        let count: usize = dims.iter().map(|d| shape[*d]).product();
        let elements: Vec<f64> = (0..count)
            .map(|i| {
                let (mut rest, mut at) = (i, base);
                for d in dims.iter().rev() {
                    at += rest % shape[*d] * strides[*d];
                    rest /= shape[*d];
                }
                values[at]
            })
            .collect();
        let want = expected(op, &elements);
        let scale: f64 = elements.iter().filter(|v| v.is_finite()).map(|v| v.abs()).sum();
        for (k, want) in [want.0, want.1].into_iter().enumerate().take(outputs(op)) {
            // SAFETY: output k has `total` elements.
            let got = unsafe { get(out[k], dst[k], o) };
            let eps = match out[k] {
                DType::F16 => 1e-3,
                DType::BF16 => 8e-3,
                DType::F32 => 3e-7,
                _ => 1e-13,
            };
            let limit = match out[k] {
                DType::F16 if want.abs() > 65504.0 => continue,
                o if !o.is_float() => 0.0,
                _ => eps * want.abs() + if want.abs() < scale { eps.min(1e-6) * scale } else { 0.0 },
            };
            let same = got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= limit;
            assert!(
                same,
                "{op:?} {dtype} {shape:?} {strides:?} {mask:b} output {k}[{o}]: {got}, expected {want}"
            );
        }
    }
}

fn contiguous(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for d in (1..shape.len()).rev() {
        strides[d - 1] = strides[d] * shape[d].max(1);
    }
    strides
}

#[test]
fn every_operation_and_dtype_on_every_layout() {
    let dtypes = [
        DType::F32,
        DType::F64,
        DType::F16,
        DType::BF16,
        DType::Bool,
        DType::U8,
        DType::I8,
        DType::I16,
        DType::I32,
        DType::I64,
    ];
    for op in OPS {
        for dtype in dtypes {
            for nan in [false, true] {
                if nan && !dtype.is_float() {
                    continue;
                }
                let prod = op == Reduce::Prod;
                let shapes: &[&[usize]] = match prod {
                    true => &[&[3], &[2, 3], &[3, 2, 2]],
                    false => &[
                        &[1],
                        &[7],
                        &[333],
                        &[5, 130],
                        &[130, 5],
                        &[40, 3],
                        &[3, 4, 70],
                        &[2, 3, 4, 5],
                    ],
                };
                for shape in shapes {
                    let dense = contiguous(shape);
                    let gaps: Vec<usize> = dense.iter().map(|s| s * 2).collect();
                    for mask in 1..1u32 << shape.len() {
                        check(op, dtype, shape, &dense, mask, nan);
                        check(op, dtype, shape, &gaps, mask, nan);
                        let reversed: Vec<usize> = shape.iter().rev().copied().collect();
                        let turned: Vec<usize> = dense.iter().rev().copied().collect();
                        check(op, dtype, &reversed, &turned, mask, nan);
                    }
                }
            }
        }
    }
}

#[test]
fn long_and_wide_inputs() {
    for op in [
        Reduce::Sum,
        Reduce::MaxIndex,
        Reduce::Var { correction: 1.0 },
        Reduce::AMinMax,
        Reduce::CountNonzero,
    ] {
        for (shape, mask) in [
            (&[200_003][..], 1),
            (&[3, 50_001], 2),
            (&[50_001, 3], 1),
            (&[50_001, 3], 3),
            (&[700, 300], 1),
            (&[9, 5000], 1),
            (&[20, 30, 300], 5),
            (&[20, 4, 3000], 2),
        ] {
            check(op, DType::F32, shape, &contiguous(shape), mask, false);
            check(op, DType::F32, shape, &contiguous(shape), mask, true);
        }
    }
    check(Reduce::Sum, DType::F32, &[1000, 400], &[0, 1], 1, false);
    check(Reduce::Sum, DType::F32, &[400, 1000], &[1, 0], 2, false);
}

#[test]
fn nothing_to_reduce() {
    for (op, want) in [
        (Reduce::Sum, 0.0),
        (Reduce::Prod, 1.0),
        (Reduce::All, 1.0),
        (Reduce::Any, 0.0),
    ] {
        let mut out = [7f64; 3];
        let dtype = if matches!(op, Reduce::All | Reduce::Any) {
            DType::U8
        } else {
            DType::F64
        };
        let size = dtype.size() as isize;
        let kept = [Kept {
            size: 3,
            src: 0,
            dst: [size; 2],
        }];
        let geometry = Reduction {
            kept: &kept,
            reduced: &[Reduced { size: 0, src: 8 }, Reduced { size: 4, src: 8 }],
        };
        let dst = [out.as_mut_ptr() as *mut u8; 2];
        // SAFETY: nothing is read, three elements are written.
        assert!(unsafe { reduce(op, DType::F64, dtype, &geometry, [0f64].as_ptr() as *const u8, dst) });
        for i in 0..3 {
            // SAFETY: as above.
            assert_eq!(unsafe { get(dtype, dst[0], i) }, want, "{op:?}");
        }
    }
    check(Reduce::Mean, DType::F32, &[3, 0], &[1, 1], 2, false);
    check(
        Reduce::VarMean { correction: 1.0 },
        DType::F32,
        &[3, 0],
        &[1, 1],
        2,
        false,
    );
    check(Reduce::Sum, DType::F32, &[0, 3], &[1, 1], 2, false);
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let (bytes, _) = data(DType::F32, 3 << 20, false);
    let mut seen: Vec<Vec<u64>> = Vec::new();
    let before = par::num_threads();
    for threads in [1, 2, 3, 8] {
        par::set_num_threads(threads);
        let mut all = Vec::new();
        for op in [
            Reduce::Sum,
            Reduce::Norm { p: 2.0 },
            Reduce::Prod,
            Reduce::VarMean { correction: 1.0 },
        ] {
            for (rows, cols) in [
                (1usize, 3usize << 20),
                (3 << 20, 1),
                (3, 1 << 20),
                (1 << 20, 3),
                (1536, 2048),
            ] {
                for first in [true, false] {
                    let (r, c) = (4 * cols as isize, 4);
                    let (kept, reduced) = match first {
                        true => (
                            Kept {
                                size: cols,
                                src: c,
                                dst: [4; 2],
                            },
                            Reduced { size: rows, src: r },
                        ),
                        false => (
                            Kept {
                                size: rows,
                                src: r,
                                dst: [4; 2],
                            },
                            Reduced { size: cols, src: c },
                        ),
                    };
                    let mut out = [vec![0u64; kept.size], vec![0u64; kept.size]];
                    let dst = out.each_mut().map(|o| o.as_mut_ptr() as *mut u8);
                    let geometry = Reduction {
                        kept: &[kept],
                        reduced: &[reduced],
                    };
                    let src = bytes.as_ptr() as *const u8;
                    // SAFETY: the buffers cover the geometry.
                    assert!(unsafe { reduce(op, DType::F32, DType::F32, &geometry, src, dst) });
                    let hash = |v: &[u64]| {
                        v.iter()
                            .fold(1469598103934665603u64, |h, x| (h ^ x).wrapping_mul(1099511628211))
                    };
                    all.extend(out.iter().map(|v| hash(v)));
                }
            }
        }
        seen.push(all);
    }
    par::set_num_threads(before);
    assert!(seen.iter().all(|s| *s == seen[0]));
}

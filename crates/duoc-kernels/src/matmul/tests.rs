//! Against a triple loop in f64, or in i64 modulo the type's width.

use super::*;
use crate::par;

/// A small linear congruential generator: values of -8 to 8 in steps of 1/16, exact in every floating dtype but bf16.
struct Values(u64);

impl Values {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        ((self.0 >> 33) % 257) as f64 / 16.0 - 8.0
    }
}

trait Element: Copy + PartialEq + std::fmt::Debug {
    const DT: DType;
    const TOLERANCE: f64;
    fn from_f64(x: f64) -> Self;
    fn to_f64(self) -> f64;
    /// The exact result as this type holds it: integers wrap.
    fn wrap(x: f64) -> f64 {
        x
    }
}

macro_rules! element {
    ($($t:ty, $dt:ident, $tol:expr, |$x:ident| $from:expr, |$y:ident| $to:expr, |$w:ident| $wrap:expr);* $(;)?) => {$(
        impl Element for $t {
            const DT: DType = DType::$dt;
            const TOLERANCE: f64 = $tol;
            fn from_f64($x: f64) -> Self { $from }
            fn to_f64(self) -> f64 { let $y = self; $to }
            fn wrap($w: f64) -> f64 { $wrap }
        }
    )*};
}
element! {
    f32, F32, 2e-6, |x| x as f32, |x| x as f64, |x| x;
    f64, F64, 1e-14, |x| x, |x| x, |x| x;
    half::f16, F16, 1e-3, |x| half::f16::from_f64(x), |x| x.to_f64(), |x| x;
    half::bf16, BF16, 8e-3, |x| half::bf16::from_f64(x), |x| x.to_f64(), |x| x;
    u8, U8, 0.0, |x| (x * 16.0) as i64 as u8, |x| x as f64, |x| x as i64 as u8 as f64;
    i8, I8, 0.0, |x| (x * 16.0) as i64 as i8, |x| x as f64, |x| x as i64 as i8 as f64;
    i16, I16, 0.0, |x| (x * 16.0) as i16, |x| x as f64, |x| x as i64 as i16 as f64;
    i32, I32, 0.0, |x| (x * 16.0) as i32, |x| x as f64, |x| x as i64 as i32 as f64;
    i64, I64, 0.0, |x| (x * 16.0) as i64, |x| x as f64, |x| x;
}

/// A matrix in a buffer with room around it.
struct Case<T> {
    data: Vec<T>,
    offset: isize,
    rs: isize,
    cs: isize,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Order {
    Rows,
    Columns,
    Gaps,
    Reversed,
    SameRow,
    SameColumn,
}

fn matrix<T: Element>(rows: usize, cols: usize, order: Order, values: &mut Values) -> Case<T> {
    let (r, c) = (rows.max(1) as isize, cols.max(1) as isize);
    let (offset, rs, cs, len) = match order {
        Order::Rows => (0, c, 1, r * c),
        Order::Columns => (3, 1, r, r * c + 3),
        Order::Gaps => (1, 3 * c + 1, 3, r * (3 * c + 1) + 1),
        Order::Reversed => (r * c - 1, -c, -1, r * c),
        Order::SameRow => (0, 0, 1, c),
        Order::SameColumn => (0, 1, 0, r),
    };
    Case {
        data: (0..len).map(|_| T::from_f64(values.next())).collect(),
        offset,
        rs,
        cs,
    }
}

impl<T: Element> Case<T> {
    fn at(&self, i: usize, j: usize) -> usize {
        (self.offset + i as isize * self.rs + j as isize * self.cs) as usize
    }

    fn mat(&self) -> Mat {
        Mat {
            ptr: self.data.as_ptr().wrapping_offset(self.offset) as *mut u8,
            rs: self.rs,
            cs: self.cs,
        }
    }
}

fn check<T: Element>(d: Dims, orders: [Order; 3], alpha: f64, beta: f64) {
    let mut values = Values((d.m * 31 + d.n * 7 + d.k) as u64);
    let a = matrix::<T>(d.m, d.k, orders[0], &mut values);
    let b = matrix::<T>(d.k, d.n, orders[1], &mut values);
    let mut c = matrix::<T>(d.m, d.n, orders[2], &mut values);
    let before = c.data.clone();
    let factor = |x: f64| Factor { f: x, i: x as i64 };
    let c_mat = Mat {
        ptr: c.data.as_mut_ptr().wrapping_offset(c.offset).cast(),
        rs: c.rs,
        cs: c.cs,
    };
    unsafe { gemm(T::DT, d, factor(alpha), a.mat(), b.mat(), factor(beta), c_mat) };
    let mut touched = vec![false; c.data.len()];
    for i in 0..d.m {
        for j in 0..d.n {
            let (mut sum, mut size) = (0.0, 0.0);
            for l in 0..d.k {
                let x = a.data[a.at(i, l)].to_f64() * b.data[b.at(l, j)].to_f64();
                sum += x;
                size += x.abs();
            }
            let at = c.at(i, j);
            touched[at] = true;
            let old = before[at].to_f64();
            let expected = T::wrap(alpha * sum + if beta == 0.0 { 0.0 } else { beta * old });
            let got = c.data[at].to_f64();
            let bound = T::TOLERANCE * (alpha.abs() * size + (beta * old).abs() + 1e-3);
            assert!(
                (got - expected).abs() <= bound,
                "{:?} {d:?} {orders:?} alpha {alpha} beta {beta} at {i},{j}: {got} for {expected}",
                T::DT
            );
        }
    }
    for (at, touched) in touched.iter().enumerate() {
        assert!(
            *touched || c.data[at] == before[at],
            "wrote outside C: {:?} {d:?} {orders:?}",
            T::DT
        );
    }
}

fn check_all<T: Element>() {
    use Order::*;
    let sizes = [
        (1, 1, 1),
        (1, 5, 9),
        (7, 1, 5),
        (2, 3, 0),
        (3, 50, 17),
        (17, 49, 300),
        (9, 130, 65),
        (33, 70, 520),
    ];
    for (m, n, k) in sizes {
        for a in [Rows, Columns, Gaps, Reversed, SameRow, SameColumn] {
            for b in [Rows, Columns, Gaps, Reversed, SameRow, SameColumn] {
                check::<T>(Dims { m, n, k }, [a, b, Rows], 1.0, 0.0);
            }
            for c in [Rows, Columns, Gaps] {
                check::<T>(Dims { m, n, k }, [a, Rows, c], 1.0, 1.0);
                check::<T>(Dims { m, n, k }, [a, Columns, c], 2.0, 0.0);
                check::<T>(Dims { m, n, k }, [a, Gaps, c], -1.0, 3.0);
            }
        }
    }
    check::<T>(Dims { m: 300, n: 210, k: 270 }, [Rows, Rows, Rows], 1.0, 0.0);
    check::<T>(Dims { m: 70, n: 2100, k: 40 }, [Columns, Columns, Columns], 1.0, 1.0);
    for (m, n, k) in [(0, 4, 3), (4, 0, 3), (3, 4, 0), (1, 0, 1)] {
        check::<T>(Dims { m, n, k }, [Rows, Rows, Rows], 1.0, 2.0);
    }
}

#[test]
fn float32() {
    check_all::<f32>();
}

#[test]
fn float64() {
    check_all::<f64>();
}

#[test]
fn halves() {
    check_all::<half::f16>();
    check_all::<half::bf16>();
}

#[test]
fn pairs_of_bfloat16_give_what_single_ones_give() {
    if micro::pairs().is_none() {
        return;
    }
    let mut values = Values(3);
    for (m, n, k) in [(1, 1, 1), (2, 3, 5), (9, 50, 33), (40, 49, 1601), (20, 1000, 64)] {
        let a = matrix::<half::bf16>(m, k, Order::Columns, &mut values);
        let b = matrix::<half::bf16>(k, n, Order::Rows, &mut values);
        let [pairs, singles] = [true, false].map(|paired| {
            let mut c = vec![half::bf16::ONE; m * n];
            let call = Call {
                d: Dims { m, n, k },
                alpha: Factor::ONE,
                a: a.mat(),
                b: b.mat(),
                beta: Factor::ONE,
                c: Mat {
                    ptr: c.as_mut_ptr().cast(),
                    rs: n as isize,
                    cs: 1,
                },
                batch: None,
            };
            unsafe {
                match paired {
                    true => typed::<Pair>(&call, |x| x.f as f32),
                    false => typed::<half::bf16>(&call, |x| x.f as f32),
                }
            }
            c
        });
        for (x, y) in pairs.iter().zip(&singles) {
            let (x, y) = (x.to_f32(), y.to_f32());
            assert!((x - y).abs() <= 0.01 * y.abs() + 0.1, "{m} {n} {k}: {x} for {y}");
        }
    }
}

#[test]
fn integers() {
    check_all::<u8>();
    check_all::<i8>();
    check_all::<i16>();
    check_all::<i32>();
    check_all::<i64>();
}

#[test]
fn beta_zero_does_not_read_c_and_nan_passes() {
    for (m, n, k) in [(5, 60, 7), (1, 20, 300), (20, 1, 300), (1, 1, 4), (3, 3, 0)] {
        let a = vec![1.0f32; m * k];
        let mut b = vec![1.0f32; k * n];
        let mut c = vec![f32::NAN; m * n];
        let mat = |p: *const f32, cs: usize| Mat {
            ptr: p as *mut u8,
            rs: cs as isize,
            cs: 1,
        };
        let d = Dims { m, n, k };
        let (a_mat, c_mat) = (mat(a.as_ptr(), k), mat(c.as_mut_ptr(), n));
        unsafe {
            gemm(
                DType::F32,
                d,
                Factor::ONE,
                a_mat,
                mat(b.as_ptr(), n),
                Factor::ZERO,
                c_mat,
            )
        };
        assert!(c.iter().all(|&x| x == k as f32), "{m} {n} {k}: {c:?}");
        if k > 0 {
            b[0] = f32::NAN;
            unsafe {
                gemm(
                    DType::F32,
                    d,
                    Factor::ONE,
                    a_mat,
                    mat(b.as_ptr(), n),
                    Factor::ZERO,
                    c_mat,
                )
            };
            for (i, x) in c.iter().enumerate() {
                assert_eq!(x.is_nan(), i % n == 0);
            }
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads() {
    let mut values = Values(5);
    for (m, n, k) in [
        (150, 200, 300),
        (1, 3000, 700),
        (9, 900, 900),
        (700, 10, 2000),
        (1, 1, 400_000),
    ] {
        let a: Vec<f32> = (0..m * k).map(|_| values.next() as f32 / 3.0).collect();
        let b: Vec<f32> = (0..k * n).map(|_| values.next() as f32 / 3.0).collect();
        let mut expected: Option<Vec<u32>> = None;
        for threads in [1, 2, 3, 8] {
            par::set_num_threads(threads);
            let mut c = vec![0f32; m * n];
            for order in [false, true] {
                let b_mat = if order && n > 1 {
                    Mat {
                        ptr: b.as_ptr() as *mut u8,
                        rs: 1,
                        cs: k as isize,
                    }
                } else {
                    Mat {
                        ptr: b.as_ptr() as *mut u8,
                        rs: n as isize,
                        cs: 1,
                    }
                };
                let a_mat = Mat {
                    ptr: a.as_ptr() as *mut u8,
                    rs: k as isize,
                    cs: 1,
                };
                let c_mat = Mat {
                    ptr: c.as_mut_ptr().cast(),
                    rs: n as isize,
                    cs: 1,
                };
                unsafe {
                    gemm(
                        DType::F32,
                        Dims { m, n, k },
                        Factor::ONE,
                        a_mat,
                        b_mat,
                        Factor::ONE,
                        c_mat,
                    )
                };
            }
            let bits: Vec<u32> = c.iter().map(|x| x.to_bits()).collect();
            match &expected {
                None => expected = Some(bits),
                Some(e) => assert!(*e == bits, "{m} {n} {k} with {threads} threads"),
            }
        }
    }
}

#[test]
fn batches() {
    let mut values = Values(11);
    for (count, m, n, k) in [
        (70, 12, 33, 20),
        (3, 40, 50, 60),
        (5, 1, 9, 9),
        (0, 2, 2, 2),
        (64, 64, 64, 64),
    ] {
        let a: Vec<f64> = (0..count * m * k).map(|_| values.next()).collect();
        let b: Vec<f64> = (0..k * n).map(|_| values.next()).collect();
        let mut c = vec![f64::NAN; count * m * n];
        let batch = Batch {
            count,
            a: (m * k) as isize,
            b: 0,
            c: (m * n) as isize,
        };
        let mat = |p: *const f64, cs: usize| Mat {
            ptr: p as *mut u8,
            rs: cs as isize,
            cs: 1,
        };
        let (a_mat, b_mat, c_mat) = (mat(a.as_ptr(), k), mat(b.as_ptr(), n), mat(c.as_mut_ptr(), n));
        unsafe {
            bmm(
                DType::F64,
                batch,
                Dims { m, n, k },
                Factor::ONE,
                a_mat,
                b_mat,
                Factor::ZERO,
                c_mat,
            )
        };
        for i in 0..count * m {
            for j in 0..n {
                let expected: f64 = (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum();
                assert!((c[i * n + j] - expected).abs() < 1e-9);
            }
        }
    }
}

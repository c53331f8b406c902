//! The loops against plain reference code, over shapes, strides and dtypes.

use super::*;
use crate::{DType, Loop2d};

/// Runs a loop over `f` operands that start at element offsets with element strides.
unsafe fn call(
    f: Loop2d,
    operands: &mut [(&mut [u8], usize, usize, [isize; 2])],
    inner: usize,
    outer: usize,
    p: Params,
) {
    let mut ptrs = Vec::new();
    let mut strides = Vec::new();
    for (bytes, size, offset, _) in operands.iter_mut() {
        ptrs.push(bytes.as_mut_ptr().wrapping_add(*size * *offset));
    }
    for axis in 0..2 {
        for (_, size, _, s) in operands.iter() {
            strides.push(s[axis] * *size as isize);
        }
    }
    f(ptrs.as_ptr(), strides.as_ptr(), inner, outer, p.as_ptr());
}

fn bytes<T: Copy>(v: &mut [T]) -> &mut [u8] {
    unsafe { std::slice::from_raw_parts_mut(v.as_mut_ptr().cast(), size_of_val(v)) }
}

/// Stride patterns: contiguous, broadcast, strided, reversed rows, transposed.
fn patterns(inner: usize, outer: usize) -> Vec<(usize, [isize; 2])> {
    let (i, o) = (inner as isize, outer as isize);
    vec![
        (0, [1, i]),
        (0, [0, 0]),
        (1, [0, 1]),
        (0, [1, 0]),
        (2, [2, 2 * i + 1]),
        (0, [o, 1]),
        (inner * outer, [-1, -i]),
    ]
}

#[test]
fn binary_float_all_layouts() {
    for (inner, outer) in [(1, 1), (3, 1), (1, 5), (7, 9), (64, 3), (1500, 2), (2, 1000), (2100, 1)] {
        let n = inner * outer * 3 + 10;
        let source_a: Vec<f32> = (0..n).map(|i| i as f32 * 0.5 - 7.0).collect();
        let source_b: Vec<f32> = (0..n).map(|i| 3.0 - i as f32 * 0.25).collect();
        for (oa, sa) in patterns(inner, outer) {
            for (ob, sb) in patterns(inner, outer) {
                for (oo, so) in [
                    (0, [1, inner as isize]),
                    (0, [outer as isize, 1]),
                    (1, [2, 2 * inner as isize]),
                ] {
                    let (mut a, mut b) = (source_a.clone(), source_b.clone());
                    let mut out = vec![f32::NAN; n];
                    let f = binary(Binary::Sub, DType::F32).unwrap();
                    unsafe {
                        call(
                            f,
                            &mut [
                                (bytes(&mut out), 4, oo, so),
                                (bytes(&mut a), 4, oa, sa),
                                (bytes(&mut b), 4, ob, sb),
                            ],
                            inner,
                            outer,
                            Params::floats(&[2.0]),
                        );
                    }
                    let mut written = 0;
                    for o in 0..outer as isize {
                        for i in 0..inner as isize {
                            let at = |base: usize, s: [isize; 2]| (base as isize + i * s[0] + o * s[1]) as usize;
                            assert_eq!(
                                out[at(oo, so)],
                                a[at(oa, sa)] - 2.0 * b[at(ob, sb)],
                                "{inner}x{outer} {sa:?} {sb:?} {so:?}"
                            );
                            written += 1;
                        }
                    }
                    assert_eq!(
                        out.iter().filter(|v| !v.is_nan()).count(),
                        written,
                        "nothing else is written"
                    );
                }
            }
        }
    }
}

#[test]
fn halves_are_computed_in_single() {
    for dt in [DType::F16, DType::BF16] {
        let narrow = |x: f32| {
            if dt == DType::F16 {
                half::f16::from_f32(x).to_bits()
            } else {
                half::bf16::from_f32(x).to_bits()
            }
        };
        let wide = |x: u16| {
            if dt == DType::F16 {
                half::f16::from_bits(x).to_f32()
            } else {
                half::bf16::from_bits(x).to_f32()
            }
        };
        for (inner, outer) in [(5, 1), (3000, 1), (3, 700), (1100, 3)] {
            let n = inner * outer * 2 + 10;
            for (oa, sa) in patterns(inner, outer) {
                let mut a: Vec<u16> = (0..n * 2).map(|i| narrow((i % 37) as f32 * 0.37 - 3.0)).collect();
                let mut out = vec![0u16; n];
                let f = unary(Unary::Exp, dt).unwrap();
                let so = [1, inner as isize];
                unsafe {
                    call(
                        f,
                        &mut [(bytes(&mut out), 2, 0, so), (bytes(&mut a), 2, oa, sa)],
                        inner,
                        outer,
                        Params::default(),
                    )
                };
                for o in 0..outer as isize {
                    for i in 0..inner as isize {
                        let x = a[(oa as isize + i * sa[0] + o * sa[1]) as usize];
                        let exact = (wide(x) as f64).exp();
                        let got = wide(out[(i + o * so[1]) as usize]) as f64;
                        assert!((got - exact).abs() <= exact * 0.005, "{dt:?} {got} {exact}");
                    }
                }
            }
        }
    }
}

#[test]
fn in_place_equals_out_of_place() {
    for n in [1, 5, 17, 1024, 5000] {
        let a: Vec<f64> = (0..n).map(|i| i as f64 * 0.1 - 3.0).collect();
        let mut x = a.clone();
        let f = binary(Binary::Mul, DType::F64).unwrap();
        let p = x.as_mut_ptr().cast::<u8>();
        let ptrs = [p, p, p];
        unsafe { f(ptrs.as_ptr(), [8isize, 8, 8, 0, 0, 0].as_ptr(), n, 1, std::ptr::null()) };
        for (x, a) in x.iter().zip(&a) {
            assert_eq!(*x, a * a);
        }
    }
}

fn ints<T: Copy + Default>(op: Binary, dt: DType, a: &[T], b: &[T]) -> Vec<T> {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    let n = a.len();
    let mut out = vec![T::default(); n];
    let size = size_of::<T>();
    let f = binary(op, dt).unwrap();
    let p = Params::ints(&[1]);
    unsafe {
        call(
            f,
            &mut [
                (bytes(&mut out), size, 0, [1, 0]),
                (bytes(&mut a), size, 0, [1, 0]),
                (bytes(&mut b), size, 0, [1, 0]),
            ],
            n,
            1,
            p,
        )
    };
    out
}

#[test]
fn integer_division_and_powers() {
    let a = [7i64, -7, 7, -7, i64::MIN, 5, 0, i64::MIN];
    let b = [2i64, 2, -2, -2, -1, 0, 0, 3];
    assert_eq!(ints(Binary::DivFloor, DType::I64, &a, &b)[..4], [3, -4, -4, 3]);
    assert_eq!(
        ints(Binary::DivTrunc, DType::I64, &a, &b)[..5],
        [3, -3, -3, 3, i64::MIN]
    );
    assert_eq!(ints(Binary::Remainder, DType::I64, &a, &b)[..5], [1, 1, -1, -1, 0]);
    assert_eq!(ints(Binary::Fmod, DType::I64, &a, &b)[..5], [1, -1, 1, -1, 0]);
    assert_eq!(
        ints(
            Binary::Pow,
            DType::I32,
            &[2i32, -2, 3, -1, -1, 1, 2],
            &[31, 3, 0, -3, -2, -9, -1]
        ),
        [i32::MIN, -8, 1, -1, 1, 1, 0]
    );
    assert_eq!(
        ints(Binary::Shl, DType::I8, &[1i8, 1, 1, -1], &[7, 8, -1, 1]),
        [-128, 0, 0, -2]
    );
    assert_eq!(
        ints(Binary::Shr, DType::I8, &[-128i8, -128, 64, 64], &[7, 8, 9, -1]),
        [-1, -1, 0, 0]
    );
    assert_eq!(
        ints(Binary::Gcd, DType::I32, &[12i32, -12, 0, 0], &[18, 18, 5, 0]),
        [6, 6, 5, 0]
    );
    assert_eq!(ints(Binary::Lcm, DType::I32, &[4i32, -4, 0], &[6, 6, 5]), [12, 12, 0]);
    assert_eq!(ints(Binary::Add, DType::U8, &[250u8], &[10]), [4]);
    assert_eq!(ints(Binary::Add, DType::Bool, &[0u8, 1, 1], &[0, 0, 1]), [0, 1, 1]);
}

#[test]
fn nan_rules() {
    let nan = f32::NAN;
    let (a, b) = ([1.0f32, nan, 2.0, nan], [nan, 1.0, 1.0, nan]);
    let run = |op| ints(op, DType::F32, &a, &b);
    assert!(run(Binary::Maximum)[0].is_nan() && run(Binary::Maximum)[1].is_nan());
    assert_eq!(run(Binary::Fmax)[..3], [1.0, 1.0, 2.0]);
    assert_eq!(run(Binary::Fmin)[..3], [1.0, 1.0, 1.0]);
    assert!(run(Binary::Fmin)[3].is_nan());
}

#[test]
fn where_selects_by_width() {
    for n in [1usize, 100, 5000] {
        let mut cond: Vec<u8> = (0..n).map(|i| (i % 3 == 0) as u8).collect();
        let (mut a, mut b): (Vec<i16>, Vec<i16>) = ((0..n as i16).collect(), (0..n as i16).map(|v| -v).collect());
        let mut out = vec![0i16; n];
        let f = ternary(Ternary::Where, DType::I16).unwrap();
        unsafe {
            call(
                f,
                &mut [
                    (bytes(&mut out), 2, 0, [1, 0]),
                    (bytes(&mut cond), 1, 0, [1, 0]),
                    (bytes(&mut a), 2, 0, [1, 0]),
                    (bytes(&mut b), 2, 0, [0, 0]),
                ],
                n,
                1,
                Params::default(),
            )
        };
        for i in 0..n {
            assert_eq!(out[i], if i % 3 == 0 { i as i16 } else { 0 });
        }
    }
}

#[test]
fn every_row_answers_for_its_class() {
    assert!(unary(Unary::Exp, DType::I32).is_none());
    assert!(unary(Unary::Abs, DType::I8).is_some());
    assert!(unary(Unary::BitNot, DType::F32).is_none());
    assert!(binary(Binary::Div, DType::I64).is_none());
    assert!(binary(Binary::DivFloor, DType::I64).is_some() && binary(Binary::DivFloor, DType::BF16).is_some());
    assert!(binary(Binary::Sub, DType::Bool).is_none());
    assert!(compare(Compare::Lt, DType::Bool).is_some());
    assert!(predicate(Predicate::IsNan, DType::F16).is_some());
    assert!(next_after(DType::BF16).is_some());
}

//! Cheap functions of 16-bit floats with AVX-512: widened, computed and rounded without leaving the registers.
//!
//! Every stretch is read before it is written, so an input may be the output.

use std::arch::x86_64::*;
use std::mem::transmute;

use super::Params;
use super::drive::{Block, Blocks, Map1, Map2, Map3};
use crate::math::half::x86::{Format, first};

/// Numbers of one step.
const N: usize = 16;

#[inline(always)]
unsafe fn load<F: Format>(p: *const u16) -> [f32; N] {
    transmute(F::widen(_mm256_loadu_si256(p.cast())))
}

#[inline(always)]
unsafe fn load_first<F: Format>(p: *const u16, n: usize) -> [f32; N] {
    transmute(F::widen(_mm256_maskz_loadu_epi16(first(n), p.cast())))
}

#[inline(always)]
unsafe fn splat<F: Format>(p: *const u16) -> [f32; N] {
    transmute(F::widen(_mm256_set1_epi16(p.read() as i16)))
}

/// Where results go: numbers of the format, or answers.
trait Put<T> {
    unsafe fn put<F: Format>(to: *mut u8, i: usize, y: [T; N]);
    unsafe fn put_first<F: Format>(to: *mut u8, i: usize, y: [T; N], n: usize);
}

struct Numbers;
struct Answers;

impl Put<f32> for Numbers {
    #[inline(always)]
    unsafe fn put<F: Format>(to: *mut u8, i: usize, y: [f32; N]) {
        _mm256_storeu_si256(
            to.cast::<u16>().add(i).cast(),
            F::narrow(transmute::<[f32; N], __m512>(y)),
        );
    }
    #[inline(always)]
    unsafe fn put_first<F: Format>(to: *mut u8, i: usize, y: [f32; N], n: usize) {
        let y = F::narrow(transmute::<[f32; N], __m512>(y));
        _mm256_mask_storeu_epi16(to.cast::<u16>().add(i).cast(), first(n), y);
    }
}

impl Put<bool> for Answers {
    #[inline(always)]
    unsafe fn put<F: Format>(to: *mut u8, i: usize, y: [bool; N]) {
        to.add(i).cast::<[bool; N]>().write(y);
    }
    #[inline(always)]
    unsafe fn put_first<F: Format>(to: *mut u8, i: usize, y: [bool; N], n: usize) {
        let y: __m128i = transmute(y);
        _mm_mask_storeu_epi8(to.add(i).cast(), first(n), y);
    }
}

macro_rules! every {
    ($x:expr) => {
        std::array::from_fn($x)
    };
}

#[target_feature(enable = "avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn one<K: Map1<In = f32>, F: Format, P: Put<K::Out>>(ptrs: *const *mut u8, n: usize, params: *const Params) {
    let p = *params;
    let (to, a) = (*ptrs, (*ptrs.add(1)).cast_const().cast::<u16>());
    let mut i = 0;
    while i + N <= n {
        let x = load::<F>(a.add(i));
        P::put::<F>(to, i, every!(|l| K::map(x[l], &p)));
        i += N;
    }
    if i < n {
        let x = load_first::<F>(a.add(i), n - i);
        P::put_first::<F>(to, i, every!(|l| K::map(x[l], &p)), n - i);
    }
}

/// `SINGLE` is the input that is one element for all, or 0.
#[target_feature(enable = "avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn two<K: Map2<In = f32>, F: Format, P: Put<K::Out>, const SINGLE: u8>(
    ptrs: *const *mut u8,
    n: usize,
    params: *const Params,
) {
    let p = *params;
    let to = *ptrs;
    let (a, b) = (*ptrs.add(1) as *const u16, *ptrs.add(2) as *const u16);
    let (x1, y1) = if SINGLE == 1 {
        (splat::<F>(a), [0.0; N])
    } else if SINGLE == 2 {
        ([0.0; N], splat::<F>(b))
    } else {
        ([0.0; N], [0.0; N])
    };
    let mut i = 0;
    while i + N <= n {
        let x = if SINGLE == 1 { x1 } else { load::<F>(a.add(i)) };
        let y = if SINGLE == 2 { y1 } else { load::<F>(b.add(i)) };
        P::put::<F>(to, i, every!(|l| K::map(x[l], y[l], &p)));
        i += N;
    }
    if i < n {
        let x = if SINGLE == 1 {
            x1
        } else {
            load_first::<F>(a.add(i), n - i)
        };
        let y = if SINGLE == 2 {
            y1
        } else {
            load_first::<F>(b.add(i), n - i)
        };
        P::put_first::<F>(to, i, every!(|l| K::map(x[l], y[l], &p)), n - i);
    }
}

#[target_feature(enable = "avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
unsafe fn three<K: Map3<A = f32, In = f32, Out = f32>, F: Format>(
    ptrs: *const *mut u8,
    n: usize,
    params: *const Params,
) {
    let p = *params;
    let at = |k: usize| *ptrs.add(k) as *const u16;
    let (a, b, c) = (at(1), at(2), at(3));
    let mut i = 0;
    while i + N <= n {
        let (x, y, z) = (load::<F>(a.add(i)), load::<F>(b.add(i)), load::<F>(c.add(i)));
        Numbers::put::<F>(*ptrs, i, every!(|l| K::map(x[l], y[l], z[l], &p)));
        i += N;
    }
    if i < n {
        let left = n - i;
        let x = load_first::<F>(a.add(i), left);
        let (y, z) = (load_first::<F>(b.add(i), left), load_first::<F>(c.add(i), left));
        Numbers::put_first::<F>(*ptrs, i, every!(|l| K::map(x[l], y[l], z[l], &p)), left);
    }
}

const fn blocks(apart: Block, single: [Option<Block>; 2]) -> Blocks {
    Blocks {
        apart,
        same: None,
        single,
        aliases: true,
    }
}

pub(super) const fn value1<K: Map1<In = f32, Out = f32>, F: Format>() -> Blocks {
    blocks(one::<K, F, Numbers>, [None; 2])
}

pub(super) const fn test1<K: Map1<In = f32, Out = bool>, F: Format>() -> Blocks {
    blocks(one::<K, F, Answers>, [None; 2])
}

pub(super) const fn value2<K: Map2<In = f32, Out = f32>, F: Format>() -> Blocks {
    blocks(
        two::<K, F, Numbers, 0>,
        [Some(two::<K, F, Numbers, 1>), Some(two::<K, F, Numbers, 2>)],
    )
}

pub(super) const fn test2<K: Map2<In = f32, Out = bool>, F: Format>() -> Blocks {
    blocks(
        two::<K, F, Answers, 0>,
        [Some(two::<K, F, Answers, 1>), Some(two::<K, F, Answers, 2>)],
    )
}

pub(super) const fn value3<K: Map3<A = f32, In = f32, Out = f32>, F: Format>() -> Blocks {
    blocks(three::<K, F>, [None; 2])
}

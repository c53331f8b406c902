//! The innermost kernel: a tile of C in registers, over a run of k.
//!
//! Each element's products are added in the order of k, one accumulator per element, whatever the tile's size and
//! wherever it lies: that is why the split of C into tiles, and of tiles over threads, cannot change a bit.

use super::vector::{Lanes, Num, Vector};
use crate::simd::{self, Level};

/// One tile's arguments. Strides are in elements.
pub(crate) struct Tile<T> {
    /// Length of the sums.
    pub k: usize,
    /// The tile's first row of A, and the steps to the next row and to the next k.
    pub a: *const T,
    pub a_rs: isize,
    pub a_ks: isize,
    /// The tile's first column of B, whose columns are adjacent, and the step to the next k.
    pub b: *const T,
    pub b_ks: isize,
    /// The tile of C, whose columns are adjacent, and the step to the next row.
    pub c: *mut T,
    pub c_rs: isize,
    /// Valid lanes of the last register of each row.
    pub last: usize,
    /// From an element of B in use to one that is fetched into the cache for later.
    pub ahead: isize,
    /// `c = alpha * sum + beta * c`; c is not read if beta is zero.
    pub alpha: T,
    pub beta: T,
}

/// A kernel for a fixed number of rows and registers per row.
pub(crate) type Kernel<T> = unsafe fn(&Tile<T>);

/// The kernels of one level: `table[(rows - 1) * nv + (registers - 1)]`, full width and with a masked last register.
pub(crate) struct Kernels<T: 'static> {
    /// Most rows of a tile.
    pub mr: usize,
    /// Most registers per row.
    pub nv: usize,
    /// Elements per register.
    pub lanes: usize,
    full: &'static [Kernel<T>],
    masked: &'static [Kernel<T>],
}

impl<T> Kernels<T> {
    /// Most columns of a tile.
    pub fn nr(&self) -> usize {
        self.nv * self.lanes
    }

    /// The kernel for a tile of `rows` by `cols`, and the valid lanes of its last registers.
    #[inline(always)]
    pub fn pick(&self, rows: usize, cols: usize) -> (Kernel<T>, usize) {
        let registers = cols.div_ceil(self.lanes);
        let last = cols - (registers - 1) * self.lanes;
        let table = if last == self.lanes { self.full } else { self.masked };
        (table[(rows - 1) * self.nv + registers - 1], last)
    }
}

#[inline(always)]
unsafe fn tile<V: Vector, const MR: usize, const NV: usize, const MASKED: bool>(t: &Tile<V::Elem>) {
    let mut acc = [[V::splat(V::Elem::ZERO); NV]; MR];
    let (mut a, mut b) = (t.a, t.b);
    let last = t.last;
    for _ in 0..t.k {
        let mut row = [V::splat(V::Elem::ZERO); NV];
        for j in 0..NV {
            let p = b.wrapping_add(j * V::LANES);
            prefetch(p.wrapping_offset(t.ahead));
            row[j] = if MASKED && j == NV - 1 {
                V::load_first(p, last)
            } else {
                V::load(p)
            };
        }
        for i in 0..MR {
            let x = V::splat(*a.wrapping_offset(t.a_rs * i as isize));
            for j in 0..NV {
                acc[i][j] = x.step(row[j], acc[i][j]);
            }
        }
        a = a.wrapping_offset(t.a_ks);
        b = b.wrapping_offset(t.b_ks);
    }
    let alpha = V::splat(t.alpha);
    let beta = V::splat(t.beta);
    let plain = t.alpha == V::Elem::ONE;
    let overwrite = t.beta == V::Elem::ZERO;
    let accumulate = t.beta == V::Elem::ONE;
    for i in 0..MR {
        let c = t.c.wrapping_offset(t.c_rs * i as isize);
        for j in 0..NV {
            let p = c.wrapping_add(j * V::LANES);
            let masked = MASKED && j == NV - 1;
            let mut v = acc[i][j];
            if !plain {
                v = v.mul(alpha);
            }
            if !overwrite {
                let old = if masked { V::load_first(p, last) } else { V::load(p) };
                v = if accumulate { old.add(v) } else { old.mul_add(beta, v) };
            }
            if masked { v.store_first(p, last) } else { v.store(p) }
        }
    }
}

#[inline(always)]
fn prefetch<T>(p: *const T) {
    // SAFETY: a prefetch may name any address.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(p.cast())
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Declares the kernels of one level: rows 1 to the last of the list, with 1 to `$nv` registers.
macro_rules! kernels {
    ($vis:vis $name:ident, $t:ty, $v:ty, $(#[$feature:meta])? mr $mr:expr, rows [$($r:tt)*], nv $nv:tt) => {
        $vis static $name: Kernels<$t> = {
            $(#[$feature])?
            unsafe fn kernel<const MR: usize, const NV: usize, const MASKED: bool>(t: &Tile<$t>) {
                tile::<$v, MR, NV, MASKED>(t)
            }
            Kernels {
                mr: $mr,
                nv: $nv,
                lanes: <$v as Vector>::LANES,
                full: &kernels!(@table false, $nv, [] $($r)*),
                masked: &kernels!(@table true, $nv, [] $($r)*),
            }
        };
    };
    (@table $m:tt, 3, [$($done:tt)*] $r:tt $($rest:tt)*) => {
        kernels!(@table $m, 3, [$($done)* kernel::<$r, 1, $m>, kernel::<$r, 2, $m>, kernel::<$r, 3, $m>,] $($rest)*)
    };
    (@table $m:tt, 2, [$($done:tt)*] $r:tt $($rest:tt)*) => {
        kernels!(@table $m, 2, [$($done)* kernel::<$r, 1, $m>, kernel::<$r, 2, $m>,] $($rest)*)
    };
    (@table $m:tt, $nv:tt, [$($done:tt)*]) => { [$($done)*] };
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::vector::x86::*;
    use super::*;
    kernels!(AVX512_F32, f32, F32x16, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
        mr 8, rows [1 2 3 4 5 6 7 8], nv 3);
    kernels!(pub AVX512_BF16, f32, Pairs16, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")]
        mr 8, rows [1 2 3 4 5 6 7 8], nv 3);
    kernels!(AVX512_F64, f64, F64x8, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
        mr 8, rows [1 2 3 4 5 6 7 8], nv 3);
    kernels!(AVX512_I32, i32, I32x16, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
        mr 8, rows [1 2 3 4 5 6 7 8], nv 2);
    kernels!(AVX512_I64, i64, I64x8, #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
        mr 8, rows [1 2 3 4 5 6 7 8], nv 2);
    kernels!(AVX2_F32, f32, F32x8, #[target_feature(enable = "avx2,fma")] mr 6, rows [1 2 3 4 5 6], nv 2);
    kernels!(AVX2_F64, f64, F64x4, #[target_feature(enable = "avx2,fma")] mr 6, rows [1 2 3 4 5 6], nv 2);
    kernels!(AVX2_I32, i32, I32x8, #[target_feature(enable = "avx2,fma")] mr 4, rows [1 2 3 4], nv 2);
    kernels!(AVX2_I64, i64, Lanes<i64, 4>, #[target_feature(enable = "avx2,fma")] mr 4, rows [1 2 3 4], nv 2);
    pub static F32: [&Kernels<f32>; 2] = [&AVX2_F32, &AVX512_F32];
    pub static F64: [&Kernels<f64>; 2] = [&AVX2_F64, &AVX512_F64];
    pub static I32: [&Kernels<i32>; 2] = [&AVX2_I32, &AVX512_I32];
    pub static I64: [&Kernels<i64>; 2] = [&AVX2_I64, &AVX512_I64];
}

kernels!(PORTABLE_F32, f32, Lanes<f32, 4>, mr 4, rows [1 2 3 4], nv 2);
kernels!(PORTABLE_F64, f64, Lanes<f64, 2>, mr 4, rows [1 2 3 4], nv 2);
kernels!(PORTABLE_I32, i32, Lanes<i32, 4>, mr 4, rows [1 2 3 4], nv 2);
kernels!(PORTABLE_I64, i64, Lanes<i64, 2>, mr 4, rows [1 2 3 4], nv 2);

/// The kernels whose elements are pairs of bfloat16, where the processor has them.
#[inline]
pub(crate) fn pairs() -> Option<&'static Kernels<f32>> {
    #[cfg(target_arch = "x86_64")]
    if simd::level() == Level::Avx512 && std::arch::is_x86_feature_detected!("avx512bf16") {
        return Some(&x86::AVX512_BF16);
    }
    None
}

/// Element types that have kernels.
pub(crate) trait Compute: Num {
    /// The kernels of the level in use.
    fn kernels() -> &'static Kernels<Self>;
}

macro_rules! compute {
    ($($t:ty, $portable:ident, $levels:ident);* $(;)?) => {$(
        impl Compute for $t {
            #[inline]
            fn kernels() -> &'static Kernels<Self> {
                match simd::level() {
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx512 => x86::$levels[1],
                    #[cfg(target_arch = "x86_64")]
                    Level::Avx2 => x86::$levels[0],
                    _ => &$portable,
                }
            }
        }
    )*};
}
compute! {
    f32, PORTABLE_F32, F32;
    f64, PORTABLE_F64, F64;
    i32, PORTABLE_I32, I32;
    i64, PORTABLE_I64, I64;
}

//! SIMD vectors behind one small trait, so that the product's kernels are written once.
//!
//! The functions are `#[inline(always)]` and end up inside the `#[target_feature]` kernels of [`super::micro`], which
//! is where the instructions become legal; nothing else may call them.

/// What a product needs of its element type.
pub(crate) trait Num: Copy + Send + Sync + PartialEq + 'static {
    /// The sum's start.
    const ZERO: Self;
    /// The factor that changes nothing.
    const ONE: Self;
    /// Whether sums are the same in any order.
    const EXACT: bool;
    /// Builds of what is not a product of matrices: integers are rare there, float64 is not frequent.
    const LEVELS: u8 = match (Self::EXACT, size_of::<Self>()) {
        (true, _) => 1,
        (false, 8) => 2,
        _ => 3,
    };
    /// `a * b` (wrapping for integers).
    fn mul(a: Self, b: Self) -> Self;
    /// `a + b` (wrapping for integers).
    fn add(a: Self, b: Self) -> Self;
}

macro_rules! num {
    ($($t:ty => $mul:expr, $add:expr);* $(;)?) => {$(
        impl Num for $t {
            const ZERO: Self = 0 as $t;
            const ONE: Self = 1 as $t;
            // Half of one is nothing in integers.
            const EXACT: bool = (1 as $t) / (2 as $t) == (0 as $t);
            #[inline(always)]
            fn mul(a: Self, b: Self) -> Self {
                $mul(a, b)
            }
            #[inline(always)]
            fn add(a: Self, b: Self) -> Self {
                $add(a, b)
            }
        }
    )*};
}
num! {
    f32 => |a: f32, b: f32| a * b, |a: f32, b: f32| a + b;
    f64 => |a: f64, b: f64| a * b, |a: f64, b: f64| a + b;
    i32 => i32::wrapping_mul, i32::wrapping_add;
    i64 => i64::wrapping_mul, i64::wrapping_add;
}

/// A register of `LANES` elements.
pub(crate) trait Vector: Copy {
    /// Element type.
    type Elem: Num;
    /// Elements per register.
    const LANES: usize;
    /// All lanes equal.
    unsafe fn splat(x: Self::Elem) -> Self;
    /// Unaligned load of all lanes.
    unsafe fn load(p: *const Self::Elem) -> Self;
    /// Loads the first `n` lanes and touches no memory beyond them; the others are zero.
    unsafe fn load_first(p: *const Self::Elem, n: usize) -> Self;
    /// Unaligned store of all lanes.
    unsafe fn store(self, p: *mut Self::Elem);
    /// Stores the first `n` lanes and touches no memory beyond them.
    unsafe fn store_first(self, p: *mut Self::Elem, n: usize);
    /// `self * b + c`, fused where the level has the instruction.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// What one step of k adds to the sums `c`: for registers of pairs the sum of two products, else [`Vector::mul_add`].
    #[inline(always)]
    unsafe fn step(self, b: Self, c: Self) -> Self {
        self.mul_add(b, c)
    }
    /// `self * b`.
    unsafe fn mul(self, b: Self) -> Self;
    /// `self + b`.
    unsafe fn add(self, b: Self) -> Self;
}

/// Lanes as a plain array, which LLVM maps to whatever registers the level has.
#[derive(Clone, Copy)]
pub(crate) struct Lanes<T, const L: usize>([T; L]);

macro_rules! lanes {
    ($($t:ty: |$a:ident, $b:ident, $c:ident| $fma:expr);* $(;)?) => {$(
        impl<const L: usize> Vector for Lanes<$t, L> {
            type Elem = $t;
            const LANES: usize = L;
            #[inline(always)]
            unsafe fn splat(x: $t) -> Self {
                Lanes([x; L])
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                Lanes(p.cast::<[$t; L]>().read_unaligned())
            }
            #[inline(always)]
            unsafe fn load_first(p: *const $t, n: usize) -> Self {
                let mut v = [<$t as Num>::ZERO; L];
                for i in 0..n.min(L) {
                    v[i] = *p.add(i);
                }
                Lanes(v)
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                p.cast::<[$t; L]>().write_unaligned(self.0)
            }
            #[inline(always)]
            unsafe fn store_first(self, p: *mut $t, n: usize) {
                for i in 0..n.min(L) {
                    *p.add(i) = self.0[i];
                }
            }
            #[inline(always)]
            unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                let mut v = c.0;
                for i in 0..L {
                    let ($a, $b, $c) = (self.0[i], b.0[i], c.0[i]);
                    v[i] = $fma;
                }
                Lanes(v)
            }
            #[inline(always)]
            unsafe fn mul(self, b: Self) -> Self {
                let mut v = self.0;
                for i in 0..L {
                    v[i] = Num::mul(v[i], b.0[i]);
                }
                Lanes(v)
            }
            #[inline(always)]
            unsafe fn add(self, b: Self) -> Self {
                let mut v = self.0;
                for i in 0..L {
                    v[i] = Num::add(v[i], b.0[i]);
                }
                Lanes(v)
            }
        }
    )*};
}

/// Fused on Arm, where it is one instruction; on an x86 CPU without FMA it would be a library call.
#[cfg(target_arch = "aarch64")]
macro_rules! portable_fma {
    ($a:expr, $b:expr, $c:expr) => {
        $a.mul_add($b, $c)
    };
}
#[cfg(not(target_arch = "aarch64"))]
macro_rules! portable_fma {
    ($a:expr, $b:expr, $c:expr) => {
        $a * $b + $c
    };
}

lanes! {
    f32: |a, b, c| portable_fma!(a, b, c);
    f64: |a, b, c| portable_fma!(a, b, c);
    i32: |a, b, c| a.wrapping_mul(b).wrapping_add(c);
    i64: |a, b, c| a.wrapping_mul(b).wrapping_add(c);
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    //! The x86 registers.
    use super::Vector;
    use core::arch::x86_64::*;

    macro_rules! avx512 {
        ($($name:ident, $t:ty, $reg:ty, $lanes:expr, $mask:ty, $splat:ident, $load:ident, $loadm:ident, $store:ident,
            $storem:ident, $cast:ty, |$a:ident, $b:ident, $c:ident| $fma:expr, $mul:ident, $add:ident);* $(;)?) => {$(
            #[derive(Clone, Copy)]
            pub struct $name($reg);
            impl Vector for $name {
                type Elem = $t;
                const LANES: usize = $lanes;
                #[inline(always)]
                unsafe fn splat(x: $t) -> Self {
                    $name($splat(x))
                }
                #[inline(always)]
                unsafe fn load(p: *const $t) -> Self {
                    $name($load(p as *const $cast))
                }
                #[inline(always)]
                unsafe fn load_first(p: *const $t, n: usize) -> Self {
                    $name($loadm(((1u32 << n) - 1) as $mask, p as *const $cast))
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut $t) {
                    $store(p as *mut $cast, self.0)
                }
                #[inline(always)]
                unsafe fn store_first(self, p: *mut $t, n: usize) {
                    $storem(p as *mut $cast, ((1u32 << n) - 1) as $mask, self.0)
                }
                #[inline(always)]
                unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                    let ($a, $b, $c) = (self.0, b.0, c.0);
                    $name($fma)
                }
                #[inline(always)]
                unsafe fn mul(self, b: Self) -> Self {
                    $name($mul(self.0, b.0))
                }
                #[inline(always)]
                unsafe fn add(self, b: Self) -> Self {
                    $name($add(self.0, b.0))
                }
            }
        )*};
    }
    avx512! {
        F32x16, f32, __m512, 16, __mmask16, _mm512_set1_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_storeu_ps,
            _mm512_mask_storeu_ps, f32, |a, b, c| _mm512_fmadd_ps(a, b, c), _mm512_mul_ps, _mm512_add_ps;
        F64x8, f64, __m512d, 8, __mmask8, _mm512_set1_pd, _mm512_loadu_pd, _mm512_maskz_loadu_pd, _mm512_storeu_pd,
            _mm512_mask_storeu_pd, f64, |a, b, c| _mm512_fmadd_pd(a, b, c), _mm512_mul_pd, _mm512_add_pd;
        I32x16, i32, __m512i, 16, __mmask16, _mm512_set1_epi32, _mm512_loadu_epi32, _mm512_maskz_loadu_epi32,
            _mm512_storeu_epi32, _mm512_mask_storeu_epi32, i32,
            |a, b, c| _mm512_add_epi32(_mm512_mullo_epi32(a, b), c), _mm512_mullo_epi32, _mm512_add_epi32;
        I64x8, i64, __m512i, 8, __mmask8, _mm512_set1_epi64, _mm512_loadu_epi64, _mm512_maskz_loadu_epi64,
            _mm512_storeu_epi64, _mm512_mask_storeu_epi64, i64,
            |a, b, c| _mm512_add_epi64(_mm512_mullo_epi64(a, b), c), _mm512_mullo_epi64, _mm512_add_epi64;
    }

    /// Sixteen sums in float32, or sixteen pairs of bfloat16 on their way into them.
    #[derive(Clone, Copy)]
    pub struct Pairs16(F32x16);
    impl Vector for Pairs16 {
        type Elem = f32;
        const LANES: usize = 16;
        #[inline(always)]
        unsafe fn splat(x: f32) -> Self {
            Pairs16(F32x16::splat(x))
        }
        #[inline(always)]
        unsafe fn load(p: *const f32) -> Self {
            Pairs16(F32x16::load(p))
        }
        #[inline(always)]
        unsafe fn load_first(p: *const f32, n: usize) -> Self {
            Pairs16(F32x16::load_first(p, n))
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut f32) {
            self.0.store(p)
        }
        #[inline(always)]
        unsafe fn store_first(self, p: *mut f32, n: usize) {
            self.0.store_first(p, n)
        }
        #[inline(always)]
        unsafe fn mul_add(self, b: Self, c: Self) -> Self {
            Pairs16(self.0.mul_add(b.0, c.0))
        }
        #[inline(always)]
        unsafe fn step(self, b: Self, c: Self) -> Self {
            let pairs = |x: F32x16| -> __m512bh { core::mem::transmute(x.0) };
            Pairs16(F32x16(_mm512_dpbf16_ps(c.0.0, pairs(self.0), pairs(b.0))))
        }
        #[inline(always)]
        unsafe fn mul(self, b: Self) -> Self {
            Pairs16(self.0.mul(b.0))
        }
        #[inline(always)]
        unsafe fn add(self, b: Self) -> Self {
            Pairs16(self.0.add(b.0))
        }
    }

    /// A window into eight ones followed by eight zeros is the mask of the first `n` lanes.
    static ONES32: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    static ONES64: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];

    macro_rules! avx2 {
        ($($name:ident, $t:ty, $reg:ty, $lanes:expr, $ones:ident, $splat:ident, $load:ident, $loadm:ident, $store:ident,
            $storem:ident, $cast:ty, |$a:ident, $b:ident, $c:ident| $fma:expr, $mul:ident, $add:ident);* $(;)?) => {$(
            #[derive(Clone, Copy)]
            pub struct $name($reg);
            impl Vector for $name {
                type Elem = $t;
                const LANES: usize = $lanes;
                #[inline(always)]
                unsafe fn splat(x: $t) -> Self {
                    $name($splat(x))
                }
                #[inline(always)]
                unsafe fn load(p: *const $t) -> Self {
                    $name($load(p as *const $cast))
                }
                #[inline(always)]
                unsafe fn load_first(p: *const $t, n: usize) -> Self {
                    let mask = _mm256_loadu_si256($ones.as_ptr().add($lanes - n) as *const __m256i);
                    $name($loadm(p, mask))
                }
                #[inline(always)]
                unsafe fn store(self, p: *mut $t) {
                    $store(p as *mut $cast, self.0)
                }
                #[inline(always)]
                unsafe fn store_first(self, p: *mut $t, n: usize) {
                    let mask = _mm256_loadu_si256($ones.as_ptr().add($lanes - n) as *const __m256i);
                    $storem(p, mask, self.0)
                }
                #[inline(always)]
                unsafe fn mul_add(self, b: Self, c: Self) -> Self {
                    let ($a, $b, $c) = (self.0, b.0, c.0);
                    $name($fma)
                }
                #[inline(always)]
                unsafe fn mul(self, b: Self) -> Self {
                    $name($mul(self.0, b.0))
                }
                #[inline(always)]
                unsafe fn add(self, b: Self) -> Self {
                    $name($add(self.0, b.0))
                }
            }
        )*};
    }
    avx2! {
        F32x8, f32, __m256, 8, ONES32, _mm256_set1_ps, _mm256_loadu_ps, _mm256_maskload_ps, _mm256_storeu_ps,
            _mm256_maskstore_ps, f32, |a, b, c| _mm256_fmadd_ps(a, b, c), _mm256_mul_ps, _mm256_add_ps;
        F64x4, f64, __m256d, 4, ONES64, _mm256_set1_pd, _mm256_loadu_pd, _mm256_maskload_pd, _mm256_storeu_pd,
            _mm256_maskstore_pd, f64, |a, b, c| _mm256_fmadd_pd(a, b, c), _mm256_mul_pd, _mm256_add_pd;
        I32x8, i32, __m256i, 8, ONES32, _mm256_set1_epi32, _mm256_loadu_si256, _mm256_maskload_epi32,
            _mm256_storeu_si256, _mm256_maskstore_epi32, __m256i,
            |a, b, c| _mm256_add_epi32(_mm256_mullo_epi32(a, b), c), _mm256_mullo_epi32, _mm256_add_epi32;
    }
}

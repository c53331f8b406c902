//! Which instruction set the kernels use.
//!
//! The level is detected once and can be lowered with `DUOC_SIMD=avx512|avx2|portable` (or `neon` on Arm).

use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction-set level; each includes the ones before it on its architecture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Level {
    /// What the compiler's baseline offers (NEON on 64-bit Arm).
    Portable = 1,
    /// AVX2, FMA and F16C.
    Avx2 = 2,
    /// AVX-512 F, BW, DQ, VL.
    Avx512 = 3,
}

impl Level {
    /// The name shown by `duoc info` and accepted by `DUOC_SIMD`.
    pub fn name(self) -> &'static str {
        match self {
            Level::Portable if cfg!(target_arch = "aarch64") => "neon",
            Level::Portable => "portable",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }
}

static LEVEL: AtomicU8 = AtomicU8::new(0);

/// The level in use.
#[inline]
pub fn level() -> Level {
    match LEVEL.load(Ordering::Relaxed) {
        1 => Level::Portable,
        2 => Level::Avx2,
        3 => Level::Avx512,
        _ => detect(),
    }
}

#[cold]
fn detect() -> Level {
    let best = best();
    let level = match std::env::var("DUOC_SIMD").as_deref() {
        Ok("portable" | "neon") => Level::Portable,
        Ok("avx2") => Level::Avx2.min(best),
        _ => best,
    };
    LEVEL.store(level as u8, Ordering::Relaxed);
    level
}

#[cfg(target_arch = "x86_64")]
fn best() -> Level {
    let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c");
    let avx512 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match (avx2, avx512) {
        (true, true) => Level::Avx512,
        (true, false) => Level::Avx2,
        _ => Level::Portable,
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn best() -> Level {
    Level::Portable
}

/// Declares a function once per instruction-set level and a dispatcher with the plain name.
///
/// `simd_fn! { unsafe fn name(args) { body } }` compiles `body` three times, with the target features of each level
/// switched on, so that LLVM vectorises plain loops for it; the dispatcher costs one relaxed load.
/// The body must call only `#[inline(always)]` functions where vectorisation matters.
///
/// `simd_fn! { [T::LEVELS] unsafe fn name<T: Bound>(args) { body } }` makes fewer builds where the constant says so: 2 none
/// for AVX-512, 1 the baseline alone. Types that are rare, or functions that wait for memory, need no more, and each
/// build that is not made is compile time saved.
#[macro_export]
macro_rules! simd_fn {
    ($(#[$meta:meta])* $vis:vis unsafe fn $name:ident $($rest:tt)*) => {
        $crate::simd_fn! { [3] $(#[$meta])* $vis unsafe fn $name $($rest)* }
    };
    ([$levels:expr] $(#[$meta:meta])* $vis:vis unsafe fn $name:ident $(<$T:ident : $bound:path>)? ($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block) => {
        $(#[$meta])*
        $vis unsafe fn $name $(<$T: $bound>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            unsafe fn body $(<$T: $bound>)? ($($arg: $ty),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,bmi2")]
            unsafe fn avx2 $(<$T: $bound>)? ($($arg: $ty),*) $(-> $ret)? { body $(::<$T>)? ($($arg),*) }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,bmi2,avx512f,avx512bw,avx512dq,avx512vl")]
            unsafe fn avx512 $(<$T: $bound>)? ($($arg: $ty),*) $(-> $ret)? { body $(::<$T>)? ($($arg),*) }
            // Branches on constants, so that what is behind them is not even compiled.
            #[cfg(target_arch = "x86_64")]
            if const { let levels: u8 = $levels; levels >= 3 } {
                if $crate::simd::level() == $crate::simd::Level::Avx512 {
                    return avx512 $(::<$T>)? ($($arg),*);
                }
            }
            #[cfg(target_arch = "x86_64")]
            if const { let levels: u8 = $levels; levels >= 2 } {
                if $crate::simd::level() >= $crate::simd::Level::Avx2 {
                    return avx2 $(::<$T>)? ($($arg),*);
                }
            }
            body $(::<$T>)? ($($arg),*)
        }
    };
}

//! Sort keys: unsigned integers whose order is PyTorch's order of the values (NaN last, both zeros equal).

use half::{bf16, f16};

use crate::math::half as convert;

/// An element with a sort key.
pub(super) trait Keyed: Copy + Send + Sync + 'static {
    /// `u32` for elements of up to 4 bytes, else `u64`.
    type Key: Key;
    /// A smaller key comes first in ascending order; equal keys compare equal.
    fn key(self) -> Self::Key;
    /// Whether the greatest key stands for NaN.
    const NAN: bool;
}

/// An unsigned key.
pub(super) trait Key: Copy + Ord + Send + Sync + 'static {
    /// A key above a position: one integer that sorts by key, then by position.
    type Packed: Copy + Ord + Send + Sync + Default + 'static;
    const MAX: Self;
    fn flip(self, descending: bool) -> Self;
    fn wide(self) -> u64;
    fn pack(self, index: u32) -> Self::Packed;
    fn index(packed: Self::Packed) -> usize;
    fn of(packed: Self::Packed) -> Self;
}

impl Key for u32 {
    type Packed = u64;
    const MAX: u32 = u32::MAX;
    #[inline(always)]
    fn flip(self, descending: bool) -> u32 {
        self ^ (descending as u32).wrapping_neg()
    }
    #[inline(always)]
    fn wide(self) -> u64 {
        self as u64
    }
    #[inline(always)]
    fn pack(self, index: u32) -> u64 {
        (self as u64) << 32 | index as u64
    }
    #[inline(always)]
    fn index(packed: u64) -> usize {
        packed as u32 as usize
    }
    #[inline(always)]
    fn of(packed: u64) -> u32 {
        (packed >> 32) as u32
    }
}

impl Key for u64 {
    type Packed = u128;
    const MAX: u64 = u64::MAX;
    #[inline(always)]
    fn flip(self, descending: bool) -> u64 {
        self ^ (descending as u64).wrapping_neg()
    }
    #[inline(always)]
    fn wide(self) -> u64 {
        self
    }
    #[inline(always)]
    fn pack(self, index: u32) -> u128 {
        (self as u128) << 64 | index as u128
    }
    #[inline(always)]
    fn index(packed: u128) -> usize {
        packed as u32 as usize
    }
    #[inline(always)]
    fn of(packed: u128) -> u64 {
        (packed >> 64) as u64
    }
}

/// Ascending order of IEEE bits as unsigned integers: negative values are mirrored, NaN is above all.
#[inline(always)]
fn float32(x: f32) -> u32 {
    let bits = (x + 0.0).to_bits();
    let key = bits ^ (((bits as i32 >> 31) as u32) | 0x8000_0000);
    if x.is_nan() { u32::MAX } else { key }
}

macro_rules! keyed {
    ($($t:ty, $k:ty, $nan:literal, |$x:ident| $key:expr;)+) => { $(
        impl Keyed for $t {
            type Key = $k;
            #[inline(always)]
            fn key(self) -> $k { let $x = self; $key }
            const NAN: bool = $nan;
        }
    )+ };
}
keyed! {
    bool, u32, false, |x| x as u32;
    u8, u32, false, |x| x as u32;
    i8, u32, false, |x| (x as u8 ^ 0x80) as u32;
    i16, u32, false, |x| (x as u16 ^ 0x8000) as u32;
    u16, u32, false, |x| x as u32;
    i32, u32, false, |x| x as u32 ^ 0x8000_0000;
    u32, u32, false, |x| x;
    i64, u64, false, |x| x as u64 ^ (1 << 63);
    u64, u64, false, |x| x;
    f32, u32, true, |x| float32(x);
    f16, u32, true, |x| float32(convert::f16_widen(x.to_bits()));
    bf16, u32, true, |x| float32(convert::bf16_widen(x.to_bits()));
    f64, u64, true, |x| {
        let bits = (x + 0.0).to_bits();
        let key = bits ^ (((bits as i64 >> 63) as u64) | 1 << 63);
        if x.is_nan() { u64::MAX } else { key }
    };
}

//! Sort keys: unsigned integers whose order is PyTorch's order of the values (NaN last, both zeros equal).
//!
//! Types that differ only in what to turn over in the bits share their code: a [`Turn`] says what, at run time.

/// What tells apart the types that share an element: for integers the bits to turn over (the sign), for the 16-bit floats
/// the bits of infinity.
pub(super) type Turn = u64;

/// An element with a sort key.
pub(super) trait Keyed: Copy + Send + Sync + 'static {
    /// `u32` for elements of up to 4 bytes, else `u64`.
    type Key: Key;
    /// A smaller key comes first in ascending order; equal keys compare equal.
    fn key(self, turn: Turn) -> Self::Key;
    /// The key of every NaN.
    const NAN: Option<Self::Key>;
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

macro_rules! integers {
    ($($t:ty => $k:ty)+) => { $(
        impl Keyed for $t {
            type Key = $k;
            #[inline(always)]
            fn key(self, turn: Turn) -> $k { (self ^ turn as $t) as $k }
            const NAN: Option<$k> = None;
        }
    )+ };
}
integers! { u8 => u32 u16 => u32 u32 => u32 u64 => u64 }

/// Ascending order of IEEE bits as unsigned integers: negative values are mirrored, NaN is above all.
macro_rules! floats {
    ($($t:ty, $bits:ty, $signed:ty => $k:ty;)+) => { $(
        impl Keyed for $t {
            type Key = $k;
            #[inline(always)]
            fn key(self, _: Turn) -> $k {
                const SIGN: $bits = 1 << (<$bits>::BITS - 1);
                let bits = (self + 0.0).to_bits();
                let key = bits ^ (((bits as $signed >> (<$bits>::BITS - 1)) as $bits) | SIGN);
                if self.is_nan() { <$bits>::MAX } else { key }
            }
            const NAN: Option<$k> = Some(<$k>::MAX);
        }
    )+ };
}
floats! {
    f32, u32, i32 => u32;
    f64, u64, i64 => u64;
}

/// The bits of a float16 or a bfloat16.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Half(u16);

impl Keyed for Half {
    type Key = u32;
    #[inline(always)]
    fn key(self, infinity: Turn) -> u32 {
        let magnitude = self.0 & 0x7fff;
        let bits = if magnitude == 0 { 0 } else { self.0 };
        let key = bits ^ (((bits as i16 >> 15) as u16) | 0x8000);
        (if magnitude > infinity as u16 { u16::MAX } else { key }) as u32
    }
    const NAN: Option<u32> = Some(u16::MAX as u32);
}

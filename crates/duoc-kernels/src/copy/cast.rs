//! Conversions between dtypes, with PyTorch's results.
//!
//! Common pairs have their own vectorised loop. The others go through a hub in tiles that stay in the first-level
//! cache: the source widens exactly to one of four hub types (f32, f64, i64, u64), the hub rounds once to the target,
//! so 19 loads and 4 x 13 stores make all 361 pairs, with 6 more from f32 to the narrow floats.
//!
//! Float to a 16- or 8-bit float goes through f32, as PyTorch does, so that f64 and i64 round twice.

use super::numbers::*;
use crate::DType;
use crate::nd::Loop2d;

/// The loop that converts `from` to `to`; operands `[out, in]`, no parameters. `None` only when the two are equal
/// (copy by width instead, see [`super::same`]).
///
/// Complex to real takes the real part (to bool: whether either part is non-zero); real to complex has a zero
/// imaginary part; float to integer truncates (see the module above for what does not fit).
pub fn cast_loop(from: DType, to: DType) -> Option<Loop2d> {
    if from == to {
        return None;
    }
    Some(direct(from, to).unwrap_or(STAGED[from as usize][to as usize]))
}

/// Declares the vectorised loop of one pair of element types.
macro_rules! pair {
    ($name:ident, $from:ty => $to:ty, |$x:ident| $convert:expr) => {
        unsafe fn $name(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, _: *const u8) {
            $crate::simd_fn! {
                unsafe fn row(out: *mut $to, input: *const $from, n: usize) {
                    for i in 0..n {
                        let $x = input.add(i).read_unaligned();
                        out.add(i).write_unaligned($convert);
                    }
                }
            }
            unsafe fn strided(out: *mut u8, step: isize, input: *const u8, stride: isize, n: usize) {
                for i in 0..n as isize {
                    let $x = input.offset(stride * i).cast::<$from>().read_unaligned();
                    out.offset(step * i).cast::<$to>().write_unaligned($convert);
                }
            }
            let (out, input) = (*ptrs, *ptrs.add(1));
            let (s0, s1, o0, o1) = (*strides, *strides.add(1), *strides.add(2), *strides.add(3));
            for j in 0..outer as isize {
                let (out, input) = (out.offset(o0 * j), input.offset(o1 * j));
                if s0 == size_of::<$to>() as isize && s1 == size_of::<$from>() as isize {
                    row(out.cast(), input.cast(), inner);
                } else {
                    strided(out, s0, input, s1, inner);
                }
            }
        }
    };
}

pair!(f32_f64, f32 => f64, |x| x as f64);
pair!(f64_f32, f64 => f32, |x| x as f32);
pair!(bf16_f32, u16 => f32, |x| bf16_to_f32(x));
pair!(f32_bf16, f32 => u16, |x| f32_to_bf16(x));
pair!(f32_i64, f32 => i64, |x| f32_to_i64(x));
pair!(i64_f32, i64 => f32, |x| x as f32);
pair!(f32_i32, f32 => i32, |x| f32_to_i32(x));
pair!(i32_f32, i32 => f32, |x| x as f32);
pair!(f32_u8, f32 => u8, |x| f32_to_i32(x) as u8);
pair!(u8_f32, u8 => f32, |x| x as f32);
pair!(f32_bool, f32 => u8, |x| (x != 0.0) as u8);
pair!(f64_i64, f64 => i64, |x| f64_to_i64(x));
pair!(i64_f64, i64 => f64, |x| x as f64);
pair!(i64_i32, i64 => i32, |x| x as i32);
pair!(i32_i64, i32 => i64, |x| x as i64);
pair!(u8_i64, u8 => i64, |x| x as i64);
pair!(i64_bool, i64 => u8, |x| (x != 0) as u8);
pair!(u8_i32, u8 => i32, |x| x as i32);
pair!(i8_f32, i8 => f32, |x| x as f32);
pair!(i16_f32, i16 => f32, |x| x as f32);
pair!(i32_u8, i32 => u8, |x| x as u8);
pair!(i32_bool, i32 => u8, |x| (x != 0) as u8);
pair!(f64_bf16, f64 => u16, |x| f32_to_bf16(x as f32));
pair!(u8_u8, u8 => u8, |x| x);
pair!(i8_bool, u8 => u8, |x| (x != 0) as u8);
pair!(c64_c128, [f32; 2] => [f64; 2], |x| [x[0] as f64, x[1] as f64]);
pair!(c128_c64, [f64; 2] => [f32; 2], |x| [x[0] as f32, x[1] as f32]);
pair!(c64_bool, [f32; 2] => u8, |x| ((x[0] != 0.0) | (x[1] != 0.0)) as u8);
pair!(c128_bool, [f64; 2] => u8, |x| ((x[0] != 0.0) | (x[1] != 0.0)) as u8);

fn direct(from: DType, to: DType) -> Option<Loop2d> {
    use DType::*;
    Some(match (from, to) {
        (F32, F64) => f32_f64,
        (F64, F32) => f64_f32,
        (BF16, F32) => bf16_f32,
        (F32, BF16) => f32_bf16,
        (F32, F16) => f32_f16,
        (F16, F32) => f16_f32,
        (F32, I64) => f32_i64,
        (I64, F32) => i64_f32,
        (F32, I32) => f32_i32,
        (I32, F32) => i32_f32,
        (F32, U8) => f32_u8,
        (U8 | Bool, F32) => u8_f32,
        (F32, Bool) => f32_bool,
        (F64, I64) => f64_i64,
        (I64, F64) => i64_f64,
        (I64, I32) => i64_i32,
        (I32, I64) => i32_i64,
        (U8 | Bool, I64) => u8_i64,
        (I64, Bool) => i64_bool,
        (U8 | Bool, I32) => u8_i32,
        (I8, F32) => i8_f32,
        (I16, F32) => i16_f32,
        (I32, U8 | I8) => i32_u8,
        (I32, Bool) => i32_bool,
        (F64, BF16) => f64_bf16,
        (F64, F16) => f64_f16,
        (U8, I8) | (I8, U8) | (Bool, U8 | I8) => u8_u8,
        (U8 | I8, Bool) => i8_bool,
        (C64, C128) => c64_c128,
        (C128, C64) => c128_c64,
        (C64, Bool) => c64_bool,
        (C128, Bool) => c128_bool,
        _ => return None,
    })
}

unsafe fn f32_f16(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, _: *const u8) {
    rows(ptrs, strides, [2, 4], inner, outer, f32_f16_row, |o, i| {
        o.cast::<u16>()
            .write_unaligned(f32_to_f16(i.cast::<f32>().read_unaligned()))
    });
}

unsafe fn f64_f16(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, _: *const u8) {
    crate::simd_fn! {
        unsafe fn single(out: *mut f32, input: *const f64, n: usize) {
            for i in 0..n {
                *out.add(i) = input.add(i).read_unaligned() as f32;
            }
        }
    }
    unsafe fn row(out: *mut u8, input: *const u8, n: usize) {
        let mut tile = std::mem::MaybeUninit::<[f32; TILE]>::uninit();
        let tile = tile.as_mut_ptr().cast::<f32>();
        for i in (0..n).step_by(TILE) {
            let part = TILE.min(n - i);
            single(tile, input.cast::<f64>().add(i), part);
            f32_f16_row(out.cast::<u16>().add(i).cast(), tile.cast(), part);
        }
    }
    rows(ptrs, strides, [2, 8], inner, outer, row, |o, i| {
        o.cast::<u16>()
            .write_unaligned(f32_to_f16(i.cast::<f64>().read_unaligned() as f32))
    });
}

unsafe fn f16_f32(ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize, _: *const u8) {
    rows(ptrs, strides, [4, 2], inner, outer, f16_f32_row, |o, i| {
        o.cast::<f32>()
            .write_unaligned(f16_to_f32(i.cast::<u16>().read_unaligned()))
    });
}

/// Walks a block, handing contiguous rows to `row` and the elements of others to `one`.
#[inline(always)]
unsafe fn rows(
    ptrs: *const *mut u8,
    strides: *const isize,
    sizes: [isize; 2],
    inner: usize,
    outer: usize,
    row: unsafe fn(*mut u8, *const u8, usize),
    one: impl Fn(*mut u8, *const u8),
) {
    let (s0, s1) = (*strides, *strides.add(1));
    for j in 0..outer as isize {
        let (out, input) = (
            (*ptrs).offset(*strides.add(2) * j),
            (*ptrs.add(1)).offset(*strides.add(3) * j),
        );
        if [s0, s1] == sizes {
            row(out, input, inner);
        } else {
            for i in 0..inner as isize {
                one(out.offset(s0 * i), input.offset(s1 * i));
            }
        }
    }
}

/// Contiguous f32 to f16, by the processor's instruction where it has one.
unsafe fn f32_f16_row(out: *mut u8, input: *const u8, n: usize) {
    let (out, input) = (out.cast::<u16>(), input.cast::<f32>());
    #[cfg(target_arch = "x86_64")]
    let done = match crate::simd::level() {
        crate::simd::Level::Avx512 => x86::f32_f16_avx512(out, input, n),
        crate::simd::Level::Avx2 => x86::f32_f16_avx2(out, input, n),
        crate::simd::Level::Portable => 0,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    for i in done..n {
        out.add(i).write_unaligned(f32_to_f16(input.add(i).read_unaligned()));
    }
}

/// Contiguous f16 to f32.
unsafe fn f16_f32_row(out: *mut u8, input: *const u8, n: usize) {
    let (out, input) = (out.cast::<f32>(), input.cast::<u16>());
    #[cfg(target_arch = "x86_64")]
    let done = match crate::simd::level() {
        crate::simd::Level::Avx512 => x86::f16_f32_avx512(out, input, n),
        crate::simd::Level::Avx2 => x86::f16_f32_avx2(out, input, n),
        crate::simd::Level::Portable => 0,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let done = 0;
    for i in done..n {
        out.add(i).write_unaligned(f16_to_f32(input.add(i).read_unaligned()));
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    /// Each function converts whole vectors and returns how many elements it did.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn f32_f16_avx512(out: *mut u16, input: *const f32, n: usize) -> usize {
        for i in (0..n / 16).map(|i| i * 16) {
            let h = _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm512_loadu_ps(input.add(i)));
            _mm256_storeu_si256(out.add(i).cast(), h);
        }
        n / 16 * 16
    }

    #[target_feature(enable = "avx,f16c")]
    pub unsafe fn f32_f16_avx2(out: *mut u16, input: *const f32, n: usize) -> usize {
        for i in (0..n / 8).map(|i| i * 8) {
            let h = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(_mm256_loadu_ps(input.add(i)));
            _mm_storeu_si128(out.add(i).cast(), h);
        }
        n / 8 * 8
    }

    #[target_feature(enable = "avx512f")]
    pub unsafe fn f16_f32_avx512(out: *mut f32, input: *const u16, n: usize) -> usize {
        for i in (0..n / 16).map(|i| i * 16) {
            _mm512_storeu_ps(out.add(i), _mm512_cvtph_ps(_mm256_loadu_si256(input.add(i).cast())));
        }
        n / 16 * 16
    }

    #[target_feature(enable = "avx,f16c")]
    pub unsafe fn f16_f32_avx2(out: *mut f32, input: *const u16, n: usize) -> usize {
        for i in (0..n / 8).map(|i| i * 8) {
            _mm256_storeu_ps(out.add(i), _mm256_cvtph_ps(_mm_loadu_si128(input.add(i).cast())));
        }
        n / 8 * 8
    }
}

/// Elements per tile of a staged conversion.
const TILE: usize = 512;

/// A tile of hub values; the four hub types share the memory.
#[repr(C, align(64))]
struct Hub([u64; TILE]);

/// The hub type that a dtype widens to.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    F32 = 0,
    F64 = 1,
    I64 = 2,
    U64 = 3,
}

const fn kind(dtype: DType) -> Kind {
    use DType::*;
    match dtype {
        F16 | BF16 | F32 | F8E4M3FN | F8E5M2 | F8E4M3FNUZ | F8E5M2FNUZ | C64 => Kind::F32,
        F64 | C128 => Kind::F64,
        U64 => Kind::U64,
        Bool | U8 | I8 | I16 | I32 | I64 | U16 | U32 => Kind::I64,
    }
}

type Stage = unsafe fn(*mut u8, *const u8, isize, usize);

/// Converts by way of the hub: `load` reads `n` strided elements into the tile, `store` writes them strided.
#[inline(never)]
unsafe fn staged(from: DType, to: DType, ptrs: *const *mut u8, strides: *const isize, inner: usize, outer: usize) {
    let load = loader(from);
    let (round, store) = match kind(from) {
        Kind::F32 => (None, storer(Kind::F32, to)),
        hub if is_narrow(to) => (Some(storer(hub, DType::F32)), storer(Kind::F32, to)),
        hub => (None, storer(hub, to)),
    };
    let (s0, s1) = (*strides, *strides.add(1));
    let mut hub = std::mem::MaybeUninit::<Hub>::uninit();
    let hub = hub.as_mut_ptr().cast::<u8>();
    let mut rounded = std::mem::MaybeUninit::<[f32; TILE]>::uninit();
    let rounded = rounded.as_mut_ptr().cast::<u8>();
    for j in 0..outer as isize {
        let (out, input) = (
            (*ptrs).offset(*strides.add(2) * j),
            (*ptrs.add(1)).offset(*strides.add(3) * j),
        );
        let mut i = 0;
        while i < inner {
            let n = (inner - i).min(TILE);
            load(hub, input.offset(s1 * i as isize), s1, n);
            let mut done = hub;
            if let Some(round) = round {
                round(rounded, hub, size_of::<f32>() as isize, n);
                done = rounded;
            }
            store(out.offset(s0 * i as isize), done, s0, n);
            i += n;
        }
    }
}

unsafe fn pair_loop<const FROM: usize, const TO: usize>(
    ptrs: *const *mut u8,
    strides: *const isize,
    inner: usize,
    outer: usize,
    _: *const u8,
) {
    staged(DType::ALL[FROM], DType::ALL[TO], ptrs, strides, inner, outer);
}

/// One row of the table of staged conversions.
macro_rules! staged_row {
    ($($from:literal)+) => { [$(staged_row!(@ $from; 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18)),+] };
    (@ $from:literal; $($to:literal)+) => { [$(pair_loop::<$from, $to> as Loop2d),+] };
}

static STAGED: [[Loop2d; 19]; 19] = staged_row!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18);

/// A load into the hub: from strided memory to a contiguous tile.
macro_rules! load {
    ($from:ty => $hub:ty, |$x:ident| $convert:expr) => {{
        crate::simd_fn! {
            unsafe fn contiguous(hub: *mut $hub, input: *const $from, n: usize) {
                for i in 0..n {
                    let $x = input.add(i).read_unaligned();
                    *hub.add(i) = $convert;
                }
            }
        }
        unsafe fn load(hub: *mut u8, input: *const u8, stride: isize, n: usize) {
            if stride == size_of::<$from>() as isize {
                return contiguous(hub.cast(), input.cast(), n);
            }
            for i in 0..n {
                let $x = input.offset(stride * i as isize).cast::<$from>().read_unaligned();
                *hub.cast::<$hub>().add(i) = $convert;
            }
        }
        load as Stage
    }};
}

fn loader(dtype: DType) -> Stage {
    static TABLES: [[f32; 256]; 4] = [E4M3FN.table(), E5M2.table(), E4M3FNUZ.table(), E5M2FNUZ.table()];
    match dtype {
        DType::Bool => load!(u8 => i64, |x| (x != 0) as i64),
        DType::U8 => load!(u8 => i64, |x| x as i64),
        DType::I8 => load!(i8 => i64, |x| x as i64),
        DType::I16 => load!(i16 => i64, |x| x as i64),
        DType::U16 => load!(u16 => i64, |x| x as i64),
        DType::I32 => load!(i32 => i64, |x| x as i64),
        DType::U32 => load!(u32 => i64, |x| x as i64),
        DType::I64 | DType::U64 => load!(i64 => i64, |x| x),
        DType::F32 => load!(f32 => f32, |x| x),
        DType::F64 => load!(f64 => f64, |x| x),
        DType::BF16 => load!(u16 => f32, |x| bf16_to_f32(x)),
        DType::F16 => {
            unsafe fn load(hub: *mut u8, input: *const u8, stride: isize, n: usize) {
                if stride == 2 {
                    return f16_f32_row(hub, input, n);
                }
                for i in 0..n {
                    *hub.cast::<f32>().add(i) =
                        f16_to_f32(input.offset(stride * i as isize).cast::<u16>().read_unaligned());
                }
            }
            load
        }
        DType::F8E4M3FN => load!(u8 => f32, |x| TABLES[0][x as usize]),
        DType::F8E5M2 => load!(u8 => f32, |x| TABLES[1][x as usize]),
        DType::F8E4M3FNUZ => load!(u8 => f32, |x| TABLES[2][x as usize]),
        DType::F8E5M2FNUZ => load!(u8 => f32, |x| TABLES[3][x as usize]),
        DType::C64 => load!([f32; 2] => f32, |x| x[0]),
        DType::C128 => load!([f64; 2] => f64, |x| x[0]),
    }
}

/// A store from the hub: from a contiguous tile to strided memory.
macro_rules! store {
    ($hub:ty => $to:ty, |$x:ident| $convert:expr) => {{
        crate::simd_fn! {
            unsafe fn contiguous(out: *mut $to, hub: *const $hub, n: usize) {
                for i in 0..n {
                    let $x = *hub.add(i);
                    out.add(i).write_unaligned($convert);
                }
            }
        }
        unsafe fn store(out: *mut u8, hub: *const u8, stride: isize, n: usize) {
            if stride == size_of::<$to>() as isize {
                return contiguous(out.cast(), hub.cast(), n);
            }
            for i in 0..n {
                let $x = *hub.cast::<$hub>().add(i);
                out.offset(stride * i as isize).cast::<$to>().write_unaligned($convert);
            }
        }
        store as Stage
    }};
}

/// Whether a dtype is rounded to from f32, whatever the hub.
const fn is_narrow(to: DType) -> bool {
    use DType::*;
    matches!(to, F16 | BF16 | F8E4M3FN | F8E5M2 | F8E4M3FNUZ | F8E5M2FNUZ)
}

/// The stores of [`is_narrow`] dtypes, from an f32 hub.
fn narrow_store(to: DType) -> Stage {
    match to {
        DType::BF16 => store!(f32 => u16, |x| f32_to_bf16(x)),
        DType::F8E4M3FN => store!(f32 => u8, |x| E4M3FN.encode(x)),
        DType::F8E5M2 => store!(f32 => u8, |x| E5M2.encode(x)),
        DType::F8E4M3FNUZ => store!(f32 => u8, |x| E4M3FNUZ.encode(x)),
        DType::F8E5M2FNUZ => store!(f32 => u8, |x| E5M2FNUZ.encode(x)),
        _ => {
            unsafe fn store(out: *mut u8, hub: *const u8, stride: isize, n: usize) {
                if stride == 2 {
                    return f32_f16_row(out, hub, n);
                }
                for i in 0..n {
                    let half = f32_to_f16(*hub.cast::<f32>().add(i));
                    out.offset(stride * i as isize).cast::<u16>().write_unaligned(half);
                }
            }
            store
        }
    }
}

/// Stores of the wide floating dtypes.
macro_rules! float_stores {
    ($to:expr, $hub:ty) => {
        match $to {
            DType::F32 => store!($hub => f32, |x| x as f32),
            DType::F64 => store!($hub => f64, |x| x as f64),
            DType::C64 => store!($hub => [f32; 2], |x| [x as f32, 0.0]),
            _ => store!($hub => [f64; 2], |x| [x as f64, 0.0]),
        }
    };
}

/// Integer targets of an integer hub: the low bits, and `!= 0` for bool.
fn integer_store(to: DType) -> Option<Stage> {
    Some(match to {
        DType::Bool => store!(i64 => u8, |x| (x != 0) as u8),
        DType::U8 | DType::I8 => store!(i64 => u8, |x| x as u8),
        DType::I16 | DType::U16 => store!(i64 => u16, |x| x as u16),
        DType::I32 | DType::U32 => store!(i64 => u32, |x| x as u32),
        DType::I64 | DType::U64 => store!(i64 => i64, |x| x),
        _ => return None,
    })
}

fn storer(hub: Kind, to: DType) -> Stage {
    match hub {
        Kind::I64 => integer_store(to).unwrap_or_else(|| float_stores!(to, i64)),
        Kind::U64 => integer_store(to).unwrap_or_else(|| float_stores!(to, u64)),
        Kind::F32 => match to {
            DType::Bool => store!(f32 => u8, |x| (x != 0.0) as u8),
            DType::U8 | DType::I8 => store!(f32 => u8, |x| f32_to_i32(x) as u8),
            DType::I16 | DType::U16 => store!(f32 => u16, |x| f32_to_i32(x) as u16),
            DType::I32 => store!(f32 => i32, |x| f32_to_i32(x)),
            DType::U32 => store!(f32 => u32, |x| f32_to_i64(x) as u32),
            DType::I64 => store!(f32 => i64, |x| f32_to_i64(x)),
            DType::U64 => store!(f32 => u64, |x| f64_to_u64(x as f64)),
            to if is_narrow(to) => narrow_store(to),
            _ => float_stores!(to, f32),
        },
        Kind::F64 => match to {
            DType::Bool => store!(f64 => u8, |x| (x != 0.0) as u8),
            DType::U8 => store!(f64 => u8, |x| f64_to_i64(x) as u8),
            DType::I8 => store!(f64 => u8, |x| f64_to_i32(x) as u8),
            DType::I16 | DType::U16 => store!(f64 => u16, |x| f64_to_i32(x) as u16),
            DType::I32 => store!(f64 => i32, |x| f64_to_i32(x)),
            DType::U32 => store!(f64 => u32, |x| f64_to_i64(x) as u32),
            DType::I64 => store!(f64 => i64, |x| f64_to_i64(x)),
            DType::U64 => store!(f64 => u64, |x| f64_to_u64(x)),
            _ => float_stores!(to, f64),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Converts `values` (given as f64) to `from`, then by the loop to `to`, then back to f64, all contiguous.
    fn through(values: &[f64], from: DType, to: DType) -> Vec<f64> {
        let n = values.len();
        let mut current = (
            values.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<u8>>(),
            DType::F64,
        );
        for next in [from, to, DType::F64] {
            if let Some(f) = cast_loop(current.1, next) {
                let mut out = vec![0u8; n * next.size()];
                let ptrs = [out.as_mut_ptr(), current.0.as_mut_ptr()];
                let strides = [next.size() as isize, current.1.size() as isize, 0, 0];
                unsafe { f(ptrs.as_ptr(), strides.as_ptr(), n, 1, std::ptr::null()) };
                current = (out, next);
            }
        }
        current
            .0
            .chunks(8)
            .map(|c| f64::from_ne_bytes(c.try_into().expect("8 bytes")))
            .collect()
    }

    #[test]
    fn small_values_survive_every_pair() {
        let values: Vec<f64> = (0..600).map(|i| (i % 9) as f64).collect();
        for from in DType::ALL {
            for to in DType::ALL {
                let got = through(&values, from, to);
                let bool_between = from == DType::Bool || to == DType::Bool;
                for (v, g) in values.iter().zip(got) {
                    assert_eq!(
                        g,
                        if bool_between { (*v != 0.0) as u8 as f64 } else { *v },
                        "{from} {to}"
                    );
                }
            }
        }
    }

    #[test]
    fn strided_equals_contiguous() {
        let n = 700;
        for from in DType::ALL {
            let size = from.size() as isize;
            let input: Vec<u8> = (0..n * from.size())
                .map(|i| {
                    if from == DType::Bool {
                        (i % 3 == 0) as u8
                    } else {
                        (i.wrapping_mul(2_654_435_761) >> 7) as u8
                    }
                })
                .collect();
            for to in DType::ALL {
                let Some(f) = cast_loop(from, to) else { continue };
                let mut whole = vec![0u8; n * to.size()];
                let mut apart = vec![0u8; n * to.size() * 2];
                let out = to.size() as isize;
                let last = input.as_ptr().wrapping_offset(size * (n as isize - 1));
                unsafe {
                    let ptrs = [whole.as_mut_ptr(), input.as_ptr().cast_mut()];
                    f(ptrs.as_ptr(), [out, size, 0, 0].as_ptr(), n, 1, std::ptr::null());
                    let ptrs = [apart.as_mut_ptr(), last.cast_mut()];
                    f(ptrs.as_ptr(), [2 * out, -size, 0, 0].as_ptr(), n, 1, std::ptr::null());
                }
                let reversed = apart.chunks(2 * to.size()).rev().flat_map(|c| &c[..to.size()]).copied();
                assert!(reversed.eq(whole.iter().copied()), "{from} {to}");
            }
        }
    }
}

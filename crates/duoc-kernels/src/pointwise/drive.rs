//! From contiguous blocks to strided loops.
//!
//! A [`Block`] kernel sees contiguous, aligned operands that do not overlap. [`drive`] gives it those: pointers into
//! the operands where they are like that already, buffers of at most [`BUFFER`] bytes where they are not. It is
//! compiled once, not per kernel.

use std::mem::MaybeUninit;

use super::Params;
use crate::math::half;
use crate::simd::{Level, level};
use crate::simd_fn;

/// A kernel on `n` contiguous elements: `ptrs[0]` is the output, the rest are the inputs; no input overlaps the output.
pub(super) type Block = unsafe fn(ptrs: *const *mut u8, n: usize, params: *const Params);

/// Bytes of one operand's buffer. All of them together stay well inside the first-level cache.
const BUFFER: usize = 4096;
/// Most operands of a pointwise kernel.
const MOST: usize = 5;

/// How an operand lies in memory, and what the kernel sees of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Elements of this many bytes (1, 2, 4, 8 or 16), seen as they are.
    Plain(usize),
    /// float16 in memory, float32 for the kernel.
    F16,
    /// bfloat16 in memory, float32 for the kernel.
    BF16,
}

impl Form {
    /// Bytes per element in memory.
    const fn size(self) -> usize {
        match self {
            Form::Plain(n) => n,
            Form::F16 | Form::BF16 => 2,
        }
    }

    /// Bytes per element for the kernel.
    const fn seen(self) -> usize {
        match self {
            Form::Plain(n) => n,
            Form::F16 | Form::BF16 => 4,
        }
    }

    const fn is_plain(self) -> bool {
        matches!(self, Form::Plain(_))
    }
}

#[repr(align(64))]
struct Buffers([MaybeUninit<[u8; BUFFER]>; MOST]);

static NO_PARAMS: Params = Params { f: [0.0; 4], i: [0; 4] };

/// Runs `block` over a two-dimensional range of strided operands (see [`crate::Loop2d`]); `forms` describes them.
pub(super) unsafe fn drive(
    block: Block,
    forms: &[Form],
    ptrs: *const *mut u8,
    strides: *const isize,
    mut inner: usize,
    mut outer: usize,
    params: *const u8,
) {
    let k = forms.len();
    debug_assert!(k <= MOST);
    if inner == 0 || outer == 0 {
        return;
    }
    let params = if params.is_null() {
        &raw const NO_PARAMS
    } else {
        params.cast::<Params>()
    };
    let mut at = [std::ptr::null_mut::<u8>(); MOST];
    let mut s0 = [0isize; MOST];
    let mut s1 = [0isize; MOST];
    for j in 0..k {
        at[j] = *ptrs.add(j);
        s0[j] = *strides.add(j);
    }
    if outer > 1 {
        for j in 0..k {
            s1[j] = *strides.add(k + j);
        }
        if inner == 1 {
            (inner, outer) = (outer, 1);
            s0 = s1;
        } else if (0..k).all(|j| s1[j] == s0[j].wrapping_mul(inner as isize)) {
            inner *= outer;
            outer = 1;
        }
    }
    // What the kernel may touch where it lies: contiguous along the row, and for inputs not the output itself.
    let mut direct = [false; MOST];
    let mut all = true;
    for j in 0..k {
        let dense = s0[j] == forms[j].size() as isize || inner == 1;
        direct[j] = forms[j].is_plain() && dense && (j == 0 || at[j] != at[0]);
        all &= direct[j];
    }
    if all {
        for _ in 0..outer {
            block(at.as_ptr(), inner, params);
            for j in 0..k {
                at[j] = at[j].wrapping_offset(s1[j]);
            }
        }
        return;
    }
    through_buffers(
        block,
        forms,
        Rows {
            at,
            s0,
            s1,
            direct,
            inner,
            outer,
        },
        params,
    );
}

struct Rows {
    at: [*mut u8; MOST],
    s0: [isize; MOST],
    s1: [isize; MOST],
    direct: [bool; MOST],
    inner: usize,
    outer: usize,
}

#[inline(never)]
unsafe fn through_buffers(block: Block, forms: &[Form], mut rows: Rows, params: *const Params) {
    let k = forms.len();
    let mut buffers = Buffers([const { MaybeUninit::uninit() }; MOST]);
    let base: *mut u8 = (&raw mut buffers.0).cast();
    let widest = forms.iter().map(|f| f.seen()).max().unwrap_or(1);
    let most = BUFFER / widest;
    // An output that is read as well is written through a buffer; the inputs can then be read where they are.
    if (1..k).any(|j| rows.at[j] == rows.at[0]) {
        rows.direct[0] = false;
        for j in 1..k {
            let dense = rows.s0[j] == forms[j].size() as isize || rows.inner == 1;
            rows.direct[j] = forms[j].is_plain() && dense;
        }
    }
    let mut seen = [std::ptr::null_mut::<u8>(); MOST];
    if rows.inner * 2 > most || rows.outer == 1 {
        // Long rows, piece by piece. A broadcast input is spread once and again only when its row moves.
        let mut spread = [false; MOST];
        for _ in 0..rows.outer {
            let mut done = 0;
            while done < rows.inner {
                let n = (rows.inner - done).min(most);
                for j in 0..k {
                    let p = rows.at[j].wrapping_offset(rows.s0[j] * done as isize);
                    let buffer = base.add(j * BUFFER);
                    seen[j] = if rows.direct[j] { p } else { buffer };
                    if j > 0 && !rows.direct[j] {
                        if rows.s0[j] != 0 {
                            fetch(forms[j], buffer, p, rows.s0[j], 0, n, 1);
                        } else if !spread[j] {
                            fetch(forms[j], buffer, p, 0, 0, rows.inner.min(most), 1);
                            spread[j] = true;
                        }
                    }
                }
                block(seen.as_ptr(), n, params);
                if !rows.direct[0] {
                    let p = rows.at[0].wrapping_offset(rows.s0[0] * done as isize);
                    store(forms[0], p, seen[0], rows.s0[0], 0, n, 1);
                }
                done += n;
            }
            for j in 0..k {
                rows.at[j] = rows.at[j].wrapping_offset(rows.s1[j]);
                spread[j] &= rows.s1[j] == 0;
            }
        }
        return;
    }
    // Short rows: several at a time.
    let take = most / rows.inner;
    let mut whole = [false; MOST];
    for j in 0..k {
        whole[j] = rows.direct[j] && rows.s1[j] == rows.s0[j].wrapping_mul(rows.inner as isize);
    }
    let mut left = rows.outer;
    let mut first = true;
    while left > 0 {
        let r = left.min(take);
        for j in 0..k {
            let buffer = base.add(j * BUFFER);
            seen[j] = if whole[j] { rows.at[j] } else { buffer };
            let still = rows.s1[j] == 0;
            if j > 0 && !whole[j] && (first || !still) {
                fetch(forms[j], buffer, rows.at[j], rows.s0[j], rows.s1[j], rows.inner, r);
            }
        }
        block(seen.as_ptr(), rows.inner * r, params);
        if !whole[0] {
            store(forms[0], rows.at[0], seen[0], rows.s0[0], rows.s1[0], rows.inner, r);
        }
        for j in 0..k {
            rows.at[j] = rows.at[j].wrapping_offset(rows.s1[j].wrapping_mul(r as isize));
        }
        left -= r;
        first = false;
    }
}

/// Copies `outer` rows of `inner` strided elements to a dense buffer, 16-bit floats as float32.
unsafe fn fetch(form: Form, to: *mut u8, from: *const u8, s0: isize, s1: isize, inner: usize, outer: usize) {
    match form {
        Form::Plain(1) => gather::<u8>(to, from, s0, s1, inner, outer),
        Form::Plain(2) => gather::<u16>(to, from, s0, s1, inner, outer),
        Form::Plain(4) => gather::<u32>(to, from, s0, s1, inner, outer),
        Form::Plain(8) => gather::<u64>(to, from, s0, s1, inner, outer),
        Form::Plain(_) => gather::<u128>(to, from, s0, s1, inner, outer),
        Form::F16 | Form::BF16 => {
            let n = inner * outer;
            let mut raw = MaybeUninit::<[u16; BUFFER / 4]>::uninit();
            let mut from = from.cast::<u16>();
            if !(outer == 1 && s0 == 2) {
                gather::<u16>(raw.as_mut_ptr().cast(), from.cast(), s0, s1, inner, outer);
                from = raw.as_ptr().cast();
            }
            match form {
                Form::F16 => half::f16_to_f32(from, to.cast(), n),
                _ => half::bf16_to_f32(from, to.cast(), n),
            }
        }
    }
}

/// The way back of [`fetch`].
unsafe fn store(form: Form, to: *mut u8, from: *const u8, s0: isize, s1: isize, inner: usize, outer: usize) {
    match form {
        Form::Plain(1) => scatter::<u8>(to, from, s0, s1, inner, outer),
        Form::Plain(2) => scatter::<u16>(to, from, s0, s1, inner, outer),
        Form::Plain(4) => scatter::<u32>(to, from, s0, s1, inner, outer),
        Form::Plain(8) => scatter::<u64>(to, from, s0, s1, inner, outer),
        Form::Plain(_) => scatter::<u128>(to, from, s0, s1, inner, outer),
        Form::F16 | Form::BF16 => {
            let n = inner * outer;
            let mut raw = MaybeUninit::<[u16; BUFFER / 4]>::uninit();
            let dense = outer == 1 && s0 == 2;
            let there = if dense {
                to.cast::<u16>()
            } else {
                raw.as_mut_ptr().cast()
            };
            match form {
                Form::F16 => half::f32_to_f16(from.cast(), there, n),
                _ => half::f32_to_bf16(from.cast(), there, n),
            }
            if !dense {
                scatter::<u16>(to, there.cast(), s0, s1, inner, outer);
            }
        }
    }
}

unsafe fn gather<T: Copy>(to: *mut u8, from: *const u8, s0: isize, s1: isize, inner: usize, outer: usize) {
    let to = to.cast::<T>();
    let size = size_of::<T>() as isize;
    for i in 0..outer {
        let row = from.wrapping_offset(s1.wrapping_mul(i as isize));
        let to = to.add(i * inner);
        if s0 == 0 {
            let value = row.cast::<T>().read();
            std::slice::from_raw_parts_mut(to.cast::<MaybeUninit<T>>(), inner).fill(MaybeUninit::new(value));
        } else if s0 == size {
            std::ptr::copy_nonoverlapping(row.cast::<T>(), to, inner);
        } else {
            for j in 0..inner {
                *to.add(j) = row.wrapping_offset(s0.wrapping_mul(j as isize)).cast::<T>().read();
            }
        }
    }
}

unsafe fn scatter<T: Copy>(to: *mut u8, from: *const u8, s0: isize, s1: isize, inner: usize, outer: usize) {
    let from = from.cast::<T>();
    for i in 0..outer {
        let row = to.wrapping_offset(s1.wrapping_mul(i as isize));
        let from = from.add(i * inner);
        if s0 == size_of::<T>() as isize {
            std::ptr::copy_nonoverlapping(from, row.cast::<T>(), inner);
        } else {
            for j in 0..inner {
                row.wrapping_offset(s0.wrapping_mul(j as isize))
                    .cast::<T>()
                    .write(*from.add(j));
            }
        }
    }
}

/// A function of one value. `rare` inputs, which the branch-free `map` cannot do, are done again by `slow`.
pub(super) trait Map1 {
    /// Builds of the kernel: 3 for every level, 2 up to AVX2, 1 for the baseline.
    const LEVELS: u8 = 3;
    type In: Copy;
    type Out: Copy;
    const HAS_RARE: bool = false;
    fn map(x: Self::In, p: &Params) -> Self::Out;
    #[inline(always)]
    fn rare(_x: Self::In) -> bool {
        false
    }
    #[inline(always)]
    fn slow(x: Self::In, p: &Params) -> Self::Out {
        Self::map(x, p)
    }
}

/// A function of two values.
pub(super) trait Map2 {
    /// Builds of the kernel: 3 for every level, 2 up to AVX2, 1 for the baseline.
    const LEVELS: u8 = 3;
    type In: Copy;
    type Out: Copy;
    const HAS_RARE: bool = false;
    fn map(x: Self::In, y: Self::In, p: &Params) -> Self::Out;
    #[inline(always)]
    fn rare(_x: Self::In, _y: Self::In) -> bool {
        false
    }
    #[inline(always)]
    fn slow(x: Self::In, y: Self::In, p: &Params) -> Self::Out {
        Self::map(x, y, p)
    }
}

/// A function of three values.
pub(super) trait Map3 {
    /// Builds of the kernel: 3 for every level, 2 up to AVX2, 1 for the baseline.
    const LEVELS: u8 = 3;
    type A: Copy;
    type In: Copy;
    type Out: Copy;
    fn map(x: Self::A, y: Self::In, z: Self::In, p: &Params) -> Self::Out;
}

// The loops proper take slices as parameters: that is how LLVM learns that the output overlaps no input.
#[inline(always)]
fn over1<K: Map1>(out: &mut [K::Out], a: &[K::In], p: &Params) {
    for (o, x) in out.iter_mut().zip(a) {
        *o = K::map(*x, p);
    }
    if K::HAS_RARE {
        let mut any = false;
        for x in a {
            any |= K::rare(*x);
        }
        if any {
            redo1::<K>(out, a, p);
        }
    }
}

#[cold]
#[inline(never)]
fn redo1<K: Map1>(out: &mut [K::Out], a: &[K::In], p: &Params) {
    for (o, x) in out.iter_mut().zip(a) {
        if K::rare(*x) {
            *o = K::slow(*x, p);
        }
    }
}

#[inline(always)]
fn over2<K: Map2>(out: &mut [K::Out], a: &[K::In], b: &[K::In], p: &Params) {
    for ((o, x), y) in out.iter_mut().zip(a).zip(b) {
        *o = K::map(*x, *y, p);
    }
    if K::HAS_RARE {
        let mut any = false;
        for (x, y) in a.iter().zip(b) {
            any |= K::rare(*x, *y);
        }
        if any {
            redo2::<K>(out, a, b, p);
        }
    }
}

#[cold]
#[inline(never)]
fn redo2<K: Map2>(out: &mut [K::Out], a: &[K::In], b: &[K::In], p: &Params) {
    for ((o, x), y) in out.iter_mut().zip(a).zip(b) {
        if K::rare(*x, *y) {
            *o = K::slow(*x, *y, p);
        }
    }
}

#[inline(always)]
fn over3<K: Map3>(out: &mut [K::Out], a: &[K::A], b: &[K::In], c: &[K::In], p: &Params) {
    for (((o, x), y), z) in out.iter_mut().zip(a).zip(b).zip(c) {
        *o = K::map(*x, *y, *z, p);
    }
}

#[inline(always)]
unsafe fn input<'a, T>(ptrs: *const *mut u8, k: usize, n: usize) -> &'a [T] {
    std::slice::from_raw_parts((*ptrs.add(k)).cast::<T>(), n)
}

#[inline(always)]
unsafe fn output<'a, T>(ptrs: *const *mut u8, n: usize) -> &'a mut [T] {
    std::slice::from_raw_parts_mut((*ptrs).cast::<T>(), n)
}

/// The block kernel of a map in three builds: for every level, without AVX-512, and for the baseline alone. What is
/// bound by memory gains nothing from the widest registers, and what has branches nothing from any; each build that
/// is not made is compile time saved.
macro_rules! block {
    ($map:ident $over:ident $every:ident $two:ident $one:ident [$($k:literal)+]) => {
        simd_fn! {
            unsafe fn $every<K: $map>(ptrs: *const *mut u8, n: usize, params: *const Params) {
                $one::<K>(ptrs, n, params);
            }
        }

        unsafe fn $two<K: $map>(ptrs: *const *mut u8, n: usize, params: *const Params) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,f16c,bmi2")]
                unsafe fn avx2<K: $map>(ptrs: *const *mut u8, n: usize, params: *const Params) {
                    $one::<K>(ptrs, n, params);
                }
                if level() >= Level::Avx2 {
                    return avx2::<K>(ptrs, n, params);
                }
            }
            $one::<K>(ptrs, n, params);
        }

        #[inline(always)]
        unsafe fn $one<K: $map>(ptrs: *const *mut u8, n: usize, params: *const Params) {
            let p = *params;
            $over::<K>(output(ptrs, n), $(input(ptrs, $k, n),)+ &p);
        }
    };
}

block! { Map1 over1 block1 block1_two block1_one [1] }
block! { Map2 over2 block2 block2_two block2_one [1 2] }
block! { Map3 over3 block3 block3_two block3_one [1 2 3] }

macro_rules! loops {
    ($($name:ident ($every:ident $two:ident $one:ident) $map:ident [$($form:expr),+];)+) => {$(
        pub(super) unsafe fn $name<K: $map>(
            ptrs: *const *mut u8,
            strides: *const isize,
            inner: usize,
            outer: usize,
            params: *const u8,
        ) {
            let block = const {
                match K::LEVELS {
                    1 => $one::<K> as Block,
                    2 => $two::<K>,
                    _ => $every::<K>,
                }
            };
            drive(block, &const { [$($form),+] }, ptrs, strides, inner, outer, params);
        }
    )+};
}

const fn plain<T>() -> Form {
    Form::Plain(size_of::<T>())
}

loops! {
    loop1 (block1 block1_two block1_one) Map1 [plain::<K::Out>(), plain::<K::In>()];
    loop1_f16 (block1 block1_two block1_one) Map1 [Form::F16, Form::F16];
    loop1_bf16 (block1 block1_two block1_one) Map1 [Form::BF16, Form::BF16];
    test1_f16 (block1 block1_two block1_one) Map1 [plain::<K::Out>(), Form::F16];
    test1_bf16 (block1 block1_two block1_one) Map1 [plain::<K::Out>(), Form::BF16];
    loop2 (block2 block2_two block2_one) Map2 [plain::<K::Out>(), plain::<K::In>(), plain::<K::In>()];
    loop2_f16 (block2 block2_two block2_one) Map2 [Form::F16, Form::F16, Form::F16];
    loop2_bf16 (block2 block2_two block2_one) Map2 [Form::BF16, Form::BF16, Form::BF16];
    test2_f16 (block2 block2_two block2_one) Map2 [plain::<K::Out>(), Form::F16, Form::F16];
    test2_bf16 (block2 block2_two block2_one) Map2 [plain::<K::Out>(), Form::BF16, Form::BF16];
    loop3 (block3 block3_two block3_one) Map3 [plain::<K::Out>(), plain::<K::A>(), plain::<K::In>(), plain::<K::In>()];
    loop3_f16 (block3 block3_two block3_one) Map3 [Form::F16, Form::F16, Form::F16, Form::F16];
    loop3_bf16 (block3 block3_two block3_one) Map3 [Form::BF16, Form::BF16, Form::BF16, Form::BF16];
}

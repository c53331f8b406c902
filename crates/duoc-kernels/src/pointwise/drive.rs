//! From contiguous blocks to strided loops.
//!
//! A [`Block`] kernel sees contiguous, aligned operands that do not overlap. [`drive`] gives it those: pointers into
//! the operands where they are like that already, buffers of at most [`BUFFER`] bytes where they are not. It is
//! compiled once, not per kernel.

use std::mem::MaybeUninit;

use super::Params;
#[cfg(target_arch = "x86_64")]
use super::fused;
use crate::copy::{take_row, transpose};
use crate::math::half;
use crate::simd::{Level, level};
use crate::simd_fn;

/// A kernel on `n` contiguous elements: `ptrs[0]` is the output, the rest are the inputs; no input overlaps the output.
pub(super) type Block = unsafe fn(ptrs: *const *mut u8, n: usize, params: *const Params);

/// The builds of a kernel. Those for one operand in a special position exist where they are worth their code.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    /// For operands apart from each other.
    pub(super) apart: Block,
    /// Input 1 is the output.
    pub(super) same: Option<Block>,
    /// Input 1 (the first) or 2 (the second) is a single element.
    pub(super) single: [Option<Block>; 2],
    /// Whether `apart` reads each stretch before it writes it, so that an input may be the output.
    pub(super) aliases: bool,
}

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

/// Runs a kernel over a two-dimensional range of strided operands (see [`crate::Loop2d`]); `forms` describes them.
pub(super) unsafe fn drive(
    blocks: &Blocks,
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
    let (mut all, mut dense) = (true, [false; MOST]);
    for j in 0..k {
        dense[j] = forms[j].is_plain() && (s0[j] == forms[j].size() as isize || inner == 1);
        direct[j] = dense[j] && (j == 0 || at[j] != at[0] || (blocks.aliases && forms[j].size() == forms[0].size()));
        all &= direct[j];
    }
    let mut block = blocks.apart;
    if !all
        && let Some(special) = special(
            blocks,
            forms,
            &Rows {
                at,
                s0,
                s1,
                direct,
                inner,
                outer,
            },
            &dense,
        )
    {
        (block, all) = (special, true);
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
        blocks.apart,
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

/// The build for one operand in a special position, if the others are direct.
#[inline(always)]
fn special(blocks: &Blocks, forms: &[Form], rows: &Rows, dense: &[bool; MOST]) -> Option<Block> {
    let k = forms.len();
    let others = |special: usize| (0..k).all(|j| j == special || rows.direct[j]);
    if k == 3 && rows.inner > 1 {
        for j in [1, 2] {
            if rows.s0[j] == 0 && forms[j].is_plain() && blocks.single[j - 1].is_some() && others(j) {
                return blocks.single[j - 1];
            }
        }
    }
    let same = k > 1 && rows.at[1] == rows.at[0] && rows.s1[1] == rows.s1[0] && forms[1] == forms[0];
    if same && dense[1] && others(1) {
        blocks.same
    } else {
        None
    }
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
    // Inputs whose memory runs across the rows.
    let mut across = [false; MOST];
    for j in 1..k {
        let size = forms[j].size() as isize;
        across[j] = rows.s1[j] == size && rows.s0[j].unsigned_abs() > size as usize && forms[j].is_plain();
    }
    if across != [false; MOST] && rows.outer >= 8 && rows.inner >= 8 {
        return in_tiles(block, forms, rows, &across, base, params);
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

/// Tiles of [`TILE_ROWS`] rows, so that whole cache lines are used of inputs whose memory runs across the rows.
#[inline(never)]
unsafe fn in_tiles(
    block: Block,
    forms: &[Form],
    rows: Rows,
    across: &[bool; MOST],
    base: *mut u8,
    params: *const Params,
) {
    let k = forms.len();
    let widest = forms.iter().map(|f| f.seen()).max().unwrap_or(1);
    let columns = BUFFER / widest / TILE_ROWS;
    for first in (0..rows.outer).step_by(TILE_ROWS) {
        let r = TILE_ROWS.min(rows.outer - first);
        for begin in (0..rows.inner).step_by(columns) {
            let n = columns.min(rows.inner - begin);
            let mut at = [std::ptr::null_mut::<u8>(); MOST];
            for j in 0..k {
                at[j] = rows.at[j].wrapping_offset(rows.s1[j] * first as isize + rows.s0[j] * begin as isize);
                let buffer = base.add(j * BUFFER);
                let size = forms[j].size();
                if across[j] {
                    transpose::block(buffer, (n * size) as isize, at[j], rows.s0[j], r, n, size);
                } else if j > 0 && !rows.direct[j] {
                    fetch(forms[j], buffer, at[j], rows.s0[j], rows.s1[j], n, r);
                }
            }
            for i in 0..r {
                let mut seen = [std::ptr::null_mut::<u8>(); MOST];
                for j in 0..k {
                    seen[j] = if rows.direct[j] {
                        at[j].wrapping_offset(rows.s1[j] * i as isize)
                    } else {
                        base.add(j * BUFFER + i * n * forms[j].seen())
                    };
                }
                block(seen.as_ptr(), n, params);
            }
            if !rows.direct[0] {
                store(forms[0], at[0], base, rows.s0[0], rows.s1[0], n, r);
            }
        }
    }
}

/// Rows of a tile: a cache line of float32.
const TILE_ROWS: usize = 16;

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
        } else if inner < 8 {
            for j in 0..inner {
                *to.add(j) = row.wrapping_offset(s0.wrapping_mul(j as isize)).cast::<T>().read();
            }
        } else {
            take_row::<T>(to.cast(), row, s0, inner);
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
    /// Whether the function is so cheap that the memory is what counts: then it gets builds of its own for operands in
    /// special positions and for the 16-bit floats.
    const CHEAP: bool = false;
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
    /// Whether the function is so cheap that the memory is what counts: then it gets builds of its own for operands in
    /// special positions and for the 16-bit floats.
    const CHEAP: bool = false;
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
    /// Whether the function is so cheap that the memory is what counts: then it gets builds of its own for operands in
    /// special positions and for the 16-bit floats.
    const CHEAP: bool = false;
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

/// Builds for special positions: with AVX2, or the baseline where that is the level.
macro_rules! special {
    ($map:ident $name:ident $one:ident |$ptrs:ident, $n:ident, $p:ident| $body:block) => {
        #[inline(always)]
        unsafe fn $one<K: $map>($ptrs: *const *mut u8, $n: usize, params: *const Params) {
            // A copy: stores of bytes might change what is behind the pointer.
            let copy = *params;
            let $p = &copy;
            $body
        }

        unsafe fn $name<K: $map>(ptrs: *const *mut u8, n: usize, params: *const Params) {
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
    };
}

/// Writes a result over the input that it was made from: the types have one size.
#[inline(always)]
fn replace<I, O: Copy>(place: &mut I, value: O) {
    // SAFETY: `same` is only taken where the forms of both are equal; the place is a `&mut` of that size.
    unsafe { (place as *mut I).cast::<O>().write_unaligned(value) }
}

special! { Map1 same1 same1_one |ptrs, n, p| {
    for x in output::<K::In>(ptrs, n) {
        replace(x, K::map(*x, p));
    }
} }

special! { Map2 same2 same2_one |ptrs, n, p| {
    for (x, y) in output::<K::In>(ptrs, n).iter_mut().zip(input::<K::In>(ptrs, 2, n)) {
        replace(x, K::map(*x, *y, p));
    }
} }

special! { Map2 left2 left2_one |ptrs, n, p| {
    let x = *input::<K::In>(ptrs, 1, 1).as_ptr();
    for (o, y) in output::<K::Out>(ptrs, n).iter_mut().zip(input::<K::In>(ptrs, 2, n)) {
        *o = K::map(x, *y, p);
    }
} }

special! { Map2 right2 right2_one |ptrs, n, p| {
    let y = *input::<K::In>(ptrs, 2, 1).as_ptr();
    for (o, x) in output::<K::Out>(ptrs, n).iter_mut().zip(input::<K::In>(ptrs, 1, n)) {
        *o = K::map(*x, y, p);
    }
} }

const fn plain_blocks(apart: Block) -> Blocks {
    Blocks {
        apart,
        same: None,
        single: [None; 2],
        aliases: false,
    }
}

const fn blocks1<K: Map1>() -> Blocks {
    let apart = match K::LEVELS {
        1 => block1_one::<K> as Block,
        2 => block1_two::<K>,
        _ => block1::<K>,
    };
    let mut b = plain_blocks(apart);
    if K::CHEAP && size_of::<K::In>() == size_of::<K::Out>() {
        b.same = Some(same1::<K>);
    }
    b
}

const fn blocks2<K: Map2>() -> Blocks {
    let apart = match K::LEVELS {
        1 => block2_one::<K> as Block,
        2 => block2_two::<K>,
        _ => block2::<K>,
    };
    let mut b = plain_blocks(apart);
    if K::CHEAP {
        if size_of::<K::In>() == size_of::<K::Out>() {
            b.same = Some(same2::<K>);
        }
        b.single = [Some(left2::<K>), Some(right2::<K>)];
    }
    b
}

const fn blocks3<K: Map3>() -> Blocks {
    plain_blocks(match K::LEVELS {
        1 => block3_one::<K> as Block,
        2 => block3_two::<K>,
        _ => block3::<K>,
    })
}

macro_rules! loops {
    ($($name:ident $map:ident $blocks:ident [$($form:expr),+];)+) => {$(
        pub(super) unsafe fn $name<K: $map>(
            ptrs: *const *mut u8,
            strides: *const isize,
            inner: usize,
            outer: usize,
            params: *const u8,
        ) {
            drive(&const { $blocks::<K>() }, &const { [$($form),+] }, ptrs, strides, inner, outer, params);
        }
    )+};
}

pub(super) const fn plain<T>() -> Form {
    Form::Plain(size_of::<T>())
}

loops! {
    loop1 Map1 blocks1 [plain::<K::Out>(), plain::<K::In>()];
    loop2 Map2 blocks2 [plain::<K::Out>(), plain::<K::In>(), plain::<K::In>()];
    loop3 Map3 blocks3 [plain::<K::Out>(), plain::<K::A>(), plain::<K::In>(), plain::<K::In>()];
}

/// Loops for the 16-bit floats: through buffers of float32, or for cheap functions with AVX-512 all in registers.
macro_rules! half_loops {
    ($($name:ident $map:ident $blocks:ident $fused:ident $format:ident $out:ty, [$($form:expr),+] [$($small:expr),+];)+) => {$(
        pub(super) unsafe fn $name<K: $map<In = f32, Out = $out>>(
            ptrs: *const *mut u8,
            strides: *const isize,
            inner: usize,
            outer: usize,
            params: *const u8,
        ) {
            #[cfg(target_arch = "x86_64")]
            if K::CHEAP && level() == Level::Avx512 {
                let fused = &const { fused::$fused::<K, half::x86::$format>() };
                return drive(fused, &const { [$($small),+] }, ptrs, strides, inner, outer, params);
            }
            drive(&const { $blocks::<K>().buffered() }, &const { [$($form),+] }, ptrs, strides, inner, outer, params);
        }
    )+};
}

impl Blocks {
    /// Only what sees float32.
    const fn buffered(self) -> Blocks {
        plain_blocks(self.apart)
    }
}

const P2: Form = Form::Plain(2);

half_loops! {
    loop1_f16 Map1 blocks1 value1 Ieee f32, [Form::F16, Form::F16] [P2, P2];
    loop1_bf16 Map1 blocks1 value1 Brain f32, [Form::BF16, Form::BF16] [P2, P2];
    test1_f16 Map1 blocks1 test1 Ieee bool, [Form::Plain(1), Form::F16] [Form::Plain(1), P2];
    test1_bf16 Map1 blocks1 test1 Brain bool, [Form::Plain(1), Form::BF16] [Form::Plain(1), P2];
    loop2_f16 Map2 blocks2 value2 Ieee f32, [Form::F16, Form::F16, Form::F16] [P2, P2, P2];
    loop2_bf16 Map2 blocks2 value2 Brain f32, [Form::BF16, Form::BF16, Form::BF16] [P2, P2, P2];
    test2_f16 Map2 blocks2 test2 Ieee bool, [Form::Plain(1), Form::F16, Form::F16] [Form::Plain(1), P2, P2];
    test2_bf16 Map2 blocks2 test2 Brain bool, [Form::Plain(1), Form::BF16, Form::BF16] [Form::Plain(1), P2, P2];
}

macro_rules! half_loops3 {
    ($($name:ident $format:ident $form:expr;)+) => {$(
        pub(super) unsafe fn $name<K: Map3<A = f32, In = f32, Out = f32>>(
            ptrs: *const *mut u8,
            strides: *const isize,
            inner: usize,
            outer: usize,
            params: *const u8,
        ) {
            #[cfg(target_arch = "x86_64")]
            if K::CHEAP && level() == Level::Avx512 {
                let fused = &const { fused::value3::<K, half::x86::$format>() };
                return drive(fused, &[P2, P2, P2, P2], ptrs, strides, inner, outer, params);
            }
            drive(&const { blocks3::<K>() }, &[$form, $form, $form, $form], ptrs, strides, inner, outer, params);
        }
    )+};
}

half_loops3! {
    loop3_f16 Ieee Form::F16;
    loop3_bf16 Brain Form::BF16;
}

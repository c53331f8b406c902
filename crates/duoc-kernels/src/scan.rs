//! Running sums, products and extrema along a dimension.
//!
//! Where the memory runs across the lines, whole rows of lines advance together in vectors; where it runs along them,
//! sixteen lines advance side by side, so that no addition waits for the one before it; integers, whose additions are
//! short, one after the other. A float32 line is accumulated in
//! float64, a 16-bit one in float32, as PyTorch does. A long line of sums is cut into pieces of fixed length that are
//! scanned on their own and then shifted by what came before: the cut follows from the length alone.

use half::{bf16, f16};
use std::mem::MaybeUninit;

use crate::copy::transpose;
use crate::lines::{Ends, Lines};
use crate::reduce::Kept;
use crate::reduce::elem::{Elem, Number};
use crate::{DType, match_dtype, par, simd_fn};

/// What is accumulated along a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scan {
    /// `y[i] = x[0] + ... + x[i]`; integers wrap.
    Sum,
    /// `y[i] = x[0] * ... * x[i]`; integers wrap.
    Prod,
    /// Output 0 the largest value so far, output 1 the int64 index of its last occurrence; NaN stays.
    Max,
    /// Output 0 the smallest value so far, output 1 the int64 index of its last occurrence; NaN stays.
    Min,
    /// `y[i] = log(exp(x[0]) + ... + exp(x[i]))`; floats only.
    LogSumExp,
}

/// Scans every line of `src` into `dst[0]`, which has the same dtype (and `dst[1]` for the extrema).
///
/// Returns `false`, having done nothing, for a dtype that the operation does not have.
///
/// # Safety
/// Every position of `lines` is readable at `src` and writable at the outputs, elements are aligned. An output may be
/// the source itself, position by position, but not overlap it otherwise.
pub unsafe fn scan(op: Scan, dtype: DType, lines: &Lines, src: *const u8, dst: [*mut u8; 2]) -> bool {
    let ends = Ends { src, dst };
    // A bool is a byte that is 0 or 1, but has no sums.
    let dtype = match op {
        Scan::Max | Scan::Min if dtype == DType::Bool => DType::U8,
        _ => dtype,
    };
    match op {
        Scan::Sum => {
            match_dtype!(dtype, [F32 F64 F16 BF16 U8 I8 I16 I32 I64] => |T| run::<Sum<T>>(lines, ends), else return false)
        }
        Scan::Prod => {
            match_dtype!(dtype, [F32 F64 F16 BF16 U8 I8 I16 I32 I64] => |T| run::<Prod<T>>(lines, ends), else return false)
        }
        Scan::LogSumExp => {
            match_dtype!(dtype, [F32 F64 F16 BF16] => |T| run::<LogSumExp<T>>(lines, ends), else return false)
        }
        Scan::Max => {
            match_dtype!(dtype, [F32 F64 F16 BF16 U8 I8 I16 I32 I64] => |T| extremes::<(T, Upper)>(lines, ends), else return false)
        }
        Scan::Min => {
            match_dtype!(dtype, [F32 F64 F16 BF16 U8 I8 I16 I32 I64] => |T| extremes::<(T, Lower)>(lines, ends), else return false)
        }
    }
    true
}

/// Lines that advance together.
const COLS: usize = 256;
/// Lines that advance side by side where the memory runs along them.
const LINES: usize = 16;
/// Pieces of a long line that are scanned side by side.
const SIDE: usize = 8;
/// Their length.
const PIECE: usize = 256;
/// Lines longer than this are cut into pieces.
const LONG: usize = 4096;
/// Elements of a long line that one task scans.
const STRETCH: usize = 32 * PIECE * SIDE;

/// An accumulation with one output.
trait Step: 'static {
    type E: Copy;
    type A: Copy + Send + Sync;
    const START: Self::A;
    /// Whether a shifted scan is as good as a scan from the start: `join(before, local)`.
    const CUTS: bool;
    /// Whether the order of the operations does not matter: then a step is too fast to be worth the cut.
    const EXACT: bool = false;
    fn step(acc: Self::A, x: Self::E) -> Self::A;
    fn join(before: Self::A, local: Self::A) -> Self::A;
    fn out(acc: Self::A) -> Self::E;
}

/// Elements that can be summed: the accumulator type and the way back.
trait Term: Elem {
    type A: Number;
    /// Whether sums are exact, as those of integers.
    const EXACT: bool;
    fn term(self) -> Self::A;
    fn round(acc: Self::A) -> Self;
}
macro_rules! term {
    ($($t:ident, $a:ident, |$x:ident| $term:expr, |$r:ident| $round:expr;)+) => { $(
        impl Term for $t {
            type A = $a;
            // Half of one is nothing in integers.
            const EXACT: bool = (1 as $a) / (2 as $a) == (0 as $a);
            #[inline(always)]
            fn term(self) -> $a { let $x = self; $term }
            #[inline(always)]
            fn round($r: $a) -> $t { $round }
        }
    )+ };
}
term! {
    f32, f64, |x| x as f64, |r| r as f32;
    f64, f64, |x| x, |r| r;
    f16, f32, |x| x.load(), |r| f16::from_f32(r);
    bf16, f32, |x| x.load(), |r| bf16::from_f32(r);
    u8, u8, |x| x, |r| r;
    i8, i8, |x| x, |r| r;
    i16, i16, |x| x, |r| r;
    i32, i32, |x| x, |r| r;
    i64, i64, |x| x, |r| r;
}

struct Sum<T>(T);
impl<T: Term> Step for Sum<T> {
    type E = T;
    type A = T::A;
    const START: T::A = T::A::ZERO;
    const CUTS: bool = true;
    const EXACT: bool = T::EXACT;
    #[inline(always)]
    fn step(acc: T::A, x: T) -> T::A {
        acc.add(x.term())
    }
    #[inline(always)]
    fn join(before: T::A, local: T::A) -> T::A {
        before.add(local)
    }
    #[inline(always)]
    fn out(acc: T::A) -> T {
        T::round(acc)
    }
}

struct Prod<T>(T);
impl<T: Term> Step for Prod<T> {
    type E = T;
    type A = T::A;
    const START: T::A = T::A::ONE;
    // The product of a piece alone could overflow where the running product does not.
    const CUTS: bool = false;
    #[inline(always)]
    fn step(acc: T::A, x: T) -> T::A {
        acc.mul(x.term())
    }
    #[inline(always)]
    fn join(before: T::A, local: T::A) -> T::A {
        before.mul(local)
    }
    #[inline(always)]
    fn out(acc: T::A) -> T {
        T::round(acc)
    }
}

struct LogSumExp<T>(T);
impl<T: Term<A: Log>> Step for LogSumExp<T> {
    type E = T;
    type A = T::A;
    const START: T::A = T::A::LOWEST;
    const CUTS: bool = false;
    #[inline(always)]
    fn step(acc: T::A, x: T) -> T::A {
        acc.log_add_exp(x.term())
    }
    #[inline(always)]
    fn join(before: T::A, local: T::A) -> T::A {
        before.log_add_exp(local)
    }
    #[inline(always)]
    fn out(acc: T::A) -> T {
        T::round(acc)
    }
}
trait Log: Number {
    /// `log(exp(a) + exp(b))` without overflow.
    fn log_add_exp(self, other: Self) -> Self;
}
macro_rules! log {
    ($($t:ident)+) => { $(
        impl Log for $t {
            #[inline(always)]
            fn log_add_exp(self, other: $t) -> $t {
                let (low, high) = (Number::min(self, other), Number::max(self, other));
                // Equal infinities would give NaN below.
                if low == high && high.is_infinite() { high } else { (low - high).exp().ln_1p() + high }
            }
        }
    )+ };
}
log!(f32 f64);

/// The dimension of `others` along which neighbouring lines lie densely, if it is closer than the lines' own neighbours.
fn across(lines: &Lines) -> Option<usize> {
    let closest = (0..lines.others.len()).filter(|d| lines.others[*d].size > 1 && lines.others[*d].src != 0);
    let closest = closest.min_by_key(|d| lines.others[*d].src.unsigned_abs())?;
    let d = lines.others[closest];
    (d.size >= 4 && d.src.unsigned_abs() < lines.along.src.unsigned_abs() && lines.along.size > 1).then_some(closest)
}

/// Calls `f(src, dst, count)` for every tile of up to [`COLS`] lines along dimension `d` of `others`, in parallel.
unsafe fn for_tiles(lines: &Lines, d: usize, ends: Ends, f: unsafe fn(&Lines, Kept, *const u8, [*mut u8; 2], usize)) {
    let across = lines.others[d];
    let mut rest = lines.others.to_vec();
    rest.remove(d);
    let outer = Lines {
        others: &rest,
        along: lines.along,
    };
    let tiles = across.size.div_ceil(COLS);
    let total = tiles * outer.count();
    let tile = |t: usize| {
        let ends = &ends;
        let (src, dst) = outer.locate(t / tiles, ends.src, ends.dst);
        let first = t % tiles * COLS;
        let dst = [0, 1].map(|k| dst[k].wrapping_offset(across.dst[k] * first as isize));
        let src = src.wrapping_offset(across.src * first as isize);
        // SAFETY: tiles are disjoint and inside the geometry.
        unsafe { f(lines, across, src, dst, COLS.min(across.size - first)) }
    };
    in_parallel(total, lines.along.size * COLS.min(across.size), &tile);
}

/// Runs tasks of `cost` elements each, bundled so that a chunk is worth its dispatch.
fn in_parallel(tasks: usize, cost: usize, task: &(dyn Fn(usize) + Sync)) {
    if tasks.saturating_mul(cost) < 2 * par::GRAIN {
        return (0..tasks).for_each(task);
    }
    let bundle = (par::GRAIN / cost.max(1)).max(1);
    par::for_chunks(tasks.div_ceil(bundle), &|c| {
        (c * bundle..((c + 1) * bundle).min(tasks)).for_each(task)
    });
}

unsafe fn run<S: Step>(lines: &Lines, ends: Ends) {
    let (n, count) = (lines.along.size, lines.count());
    if n == 0 || count == 0 {
        return;
    }
    if let Some(d) = across(lines) {
        return for_tiles(lines, d, ends, |lines, across, src, dst, count| {
            cols::<S>(src, dst[0], lines.along, across, count)
        });
    }
    if S::CUTS && n > LONG {
        for line in 0..count {
            let (src, dst) = lines.locate(line, ends.src, ends.dst);
            long::<S>(src, dst[0], lines.along);
        }
        return;
    }
    in_parallel(count.div_ceil(LINES), n * LINES, &|t| {
        let ends = &ends;
        let first = t * LINES;
        // SAFETY: bundles of lines are disjoint and inside the geometry.
        unsafe {
            if !S::EXACT && first + LINES <= count {
                let at: [_; LINES] = std::array::from_fn(|l| lines.locate(first + l, ends.src, ends.dst));
                if side_by_side::<S>(at.map(|a| a.0), at.map(|a| a.1[0]), lines.along) {
                    return;
                }
            }
            for line in first..count.min(first + LINES) {
                let (src, dst) = lines.locate(line, ends.src, ends.dst);
                one::<S>(src, dst[0], lines.along);
            }
        }
    });
}

#[inline(always)]
unsafe fn read<E: Copy>(src: *const u8, stride: isize, i: usize) -> E {
    *(src.wrapping_offset(stride * i as isize) as *const E)
}
#[inline(always)]
unsafe fn write<E: Copy>(dst: *mut u8, stride: isize, i: usize, x: E) {
    *(dst.wrapping_offset(stride * i as isize) as *mut E) = x;
}

simd_fn! {
    unsafe fn cols<S: Step>(src: *const u8, dst: *mut u8, along: Kept, across: Kept, count: usize) {
        let mut acc = [S::START; COLS];
        let size = size_of::<S::E>() as isize;
        let dense = across.src == size && across.dst[0] == size;
        for i in 0..along.size as isize {
            let s = src.wrapping_offset(along.src * i);
            let d = dst.wrapping_offset(along.dst[0] * i);
            if dense {
                let (s, d) = (s as *const S::E, d as *mut S::E);
                for (j, acc) in acc[..count].iter_mut().enumerate() {
                    *acc = S::step(*acc, *s.add(j));
                    *d.add(j) = S::out(*acc);
                }
            } else {
                for (j, acc) in acc[..count].iter_mut().enumerate() {
                    *acc = S::step(*acc, read(s, across.src, j));
                    write(d, across.dst[0], j, S::out(*acc));
                }
            }
        }
    }
}

/// Elements of each line that are turned into rows at a time.
const CHUNK: usize = 64;

/// The distance of [`LINES`] dense lines, if it is the same between all of them.
fn even(at: [*const u8; LINES], along: isize, size: usize) -> Option<isize> {
    let step = (at[1] as isize).wrapping_sub(at[0] as isize);
    let even = (1..LINES).all(|l| (at[l] as isize).wrapping_sub(at[l - 1] as isize) == step);
    (even && along == size as isize && step.unsigned_abs() >= size).then_some(step)
}

/// Lines side by side: turned into rows of [`LINES`], one from each line, which advance in vectors, and back. `false`
/// where the lines do not lie evenly.
unsafe fn side_by_side<S: Step>(src: [*const u8; LINES], dst: [*mut u8; LINES], along: Kept) -> bool {
    let size = size_of::<S::E>();
    let (Some(from), Some(to)) = (
        even(src, along.src, size),
        even(dst.map(|d| d.cast_const()), along.dst[0], size),
    ) else {
        return false;
    };
    let mut acc = [S::START; LINES];
    let mut rows = [MaybeUninit::<[S::E; LINES]>::uninit(); CHUNK];
    let buffer = rows.as_mut_ptr().cast::<u8>();
    let row = LINES * size;
    for first in (0..along.size).step_by(CHUNK) {
        let n = CHUNK.min(along.size - first);
        transpose::block(buffer, row as isize, src[0].add(first * size), from, n, LINES, size);
        advance::<S>(buffer, n, &mut acc);
        transpose::block(dst[0].add(first * size), to, buffer, row as isize, LINES, n, size);
    }
    true
}

simd_fn! {
    unsafe fn advance<S: Step>(rows: *mut u8, n: usize, acc: &mut [S::A; LINES]) {
        let mut now = *acc;
        for i in 0..n {
            let row = (rows as *mut [S::E; LINES]).add(i);
            let x = *row;
            let mut y = x;
            for l in 0..LINES {
                now[l] = S::step(now[l], x[l]);
                y[l] = S::out(now[l]);
            }
            *row = y;
        }
        *acc = now;
    }
}

unsafe fn one<S: Step>(src: *const u8, dst: *mut u8, along: Kept) {
    let mut acc = S::START;
    for i in 0..along.size {
        acc = S::step(acc, read(src, along.src, i));
        write(dst, along.dst[0], i, S::out(acc));
    }
}

/// A line in pieces: with several threads the pieces' totals come first, then every stretch knows where it starts.
unsafe fn long<S: Step>(src: *const u8, dst: *mut u8, along: Kept) {
    let n = along.size;
    let stretches = n.div_ceil(STRETCH);
    let ends = Ends { src, dst: [dst; 2] };
    let part = |t: usize| {
        let ends = &ends;
        let first = (t * STRETCH) as isize;
        let size = STRETCH.min(n - t * STRETCH);
        (
            ends.src.wrapping_offset(along.src * first),
            ends.dst[0].wrapping_offset(along.dst[0] * first),
            size,
        )
    };
    if par::num_threads() == 1 && S::EXACT {
        return one::<S>(src, dst, along);
    }
    if stretches == 1 || par::num_threads() == 1 {
        let mut before = S::START;
        for t in 0..stretches {
            let (src, dst, size) = part(t);
            before = stretch::<S>(src, dst, Kept { size, ..along }, before);
        }
        return;
    }
    let mut totals = vec![S::START; n.div_ceil(PIECE)];
    let pieces = STRETCH / PIECE;
    let out = Totals(totals.as_mut_ptr());
    par::for_chunks(stretches, &|t| {
        let (src, _, size) = part(t);
        // SAFETY: every stretch has its own totals.
        unsafe {
            for (p, first) in (0..size).step_by(PIECE).enumerate() {
                let mut acc = S::START;
                let src = src.wrapping_offset(along.src * first as isize);
                for i in 0..PIECE.min(size - first) {
                    acc = S::step(acc, read(src, along.src, i));
                }
                *out.at(t * pieces + p) = acc;
            }
        }
    });
    let mut before = S::START;
    for total in &mut totals {
        let next = S::join(before, *total);
        *total = before;
        before = next;
    }
    par::for_chunks(stretches, &|t| {
        let (src, dst, size) = part(t);
        // SAFETY: stretches are disjoint.
        unsafe { stretch::<S>(src, dst, Kept { size, ..along }, *out.at(t * pieces)) };
    });
}

struct Totals<A>(*mut A);
// SAFETY: tasks use disjoint elements.
unsafe impl<A> Sync for Totals<A> {}
impl<A> Totals<A> {
    fn at(&self, i: usize) -> *mut A {
        self.0.wrapping_add(i)
    }
}

/// Scans a stretch whose elements are preceded by `before`; returns what precedes the next.
unsafe fn stretch<S: Step>(src: *const u8, dst: *mut u8, along: Kept, mut before: S::A) -> S::A {
    let mut local = [S::START; SIDE * PIECE];
    let mut first = 0;
    while first < along.size {
        let src = src.wrapping_offset(along.src * first as isize);
        let dst = dst.wrapping_offset(along.dst[0] * first as isize);
        let n = (SIDE * PIECE).min(along.size - first);
        if n == SIDE * PIECE {
            let mut acc = [S::START; SIDE];
            for i in 0..PIECE {
                for (l, acc) in acc.iter_mut().enumerate() {
                    *acc = S::step(*acc, read(src, along.src, l * PIECE + i));
                    local[l * PIECE + i] = *acc;
                }
            }
        } else {
            for piece in (0..n).step_by(PIECE) {
                let mut acc = S::START;
                for i in piece..n.min(piece + PIECE) {
                    acc = S::step(acc, read(src, along.src, i));
                    local[i] = acc;
                }
            }
        }
        for piece in (0..n).step_by(PIECE) {
            let size = PIECE.min(n - piece);
            let dst = dst.wrapping_offset(along.dst[0] * piece as isize);
            shift::<S>(&local[piece..piece + size], before, dst, along.dst[0]);
            before = S::join(before, local[piece + size - 1]);
        }
        first += n;
    }
    before
}

simd_fn! {
    unsafe fn shift<S: Step>(local: &[S::A], before: S::A, dst: *mut u8, stride: isize) {
        if stride == size_of::<S::E>() as isize {
            let dst = dst as *mut S::E;
            for (i, l) in local.iter().enumerate() {
                *dst.add(i) = S::out(S::join(before, *l));
            }
        } else {
            for (i, l) in local.iter().enumerate() {
                write(dst, stride, i, S::out(S::join(before, *l)));
            }
        }
    }
}

/// Running extremes: an element type and a direction.
trait Running: 'static {
    type E: Elem;
    /// Whether `x` takes the place of `best`, which came earlier.
    fn takes(x: <Self::E as Elem>::Num, best: <Self::E as Elem>::Num) -> bool;
}
struct Upper;
struct Lower;
impl<E: Elem> Running for (E, Upper) {
    type E = E;
    #[inline(always)]
    fn takes(x: E::Num, best: E::Num) -> bool {
        x.is_nan() | (x >= best)
    }
}
impl<E: Elem> Running for (E, Lower) {
    type E = E;
    #[inline(always)]
    fn takes(x: E::Num, best: E::Num) -> bool {
        x.is_nan() | (x <= best)
    }
}

unsafe fn extremes<R: Running>(lines: &Lines, ends: Ends) {
    let (n, count) = (lines.along.size, lines.count());
    if n == 0 || count == 0 {
        return;
    }
    if let Some(d) = across(lines) {
        return for_tiles(lines, d, ends, |lines, across, src, dst, count| {
            extreme_cols::<R>(src, dst, lines.along, across, count)
        });
    }
    in_parallel(count, n, &|line| {
        let ends = &ends;
        let (src, dst) = lines.locate(line, ends.src, ends.dst);
        // SAFETY: lines are disjoint and inside the geometry.
        unsafe { one_extreme::<R>(src, dst, lines.along) }
    });
}

/// Elements that are compared with the best so far at once.
const LOOK: usize = 16;

simd_fn! {
    /// One line: new extremes get rarer and rarer, so that stretches without one are the common case.
    unsafe fn one_extreme<R: Running>(src: *const u8, dst: [*mut u8; 2], along: Kept) {
        let (mut best, mut index) = (read::<R::E>(src, 0, 0), 0i64);
        let mut i = 0;
        if along.src == size_of::<R::E>() as isize && along.dst == [along.src, 8] {
            let (x, v, at) = (src as *const R::E, dst[0] as *mut R::E, dst[1] as *mut i64);
            while i + LOOK <= along.size {
                let mut any = false;
                for l in i..i + LOOK {
                    any |= R::takes((*x.add(l)).load(), best.load());
                }
                if any {
                    for l in i..i + LOOK {
                        let x = *x.add(l);
                        if R::takes(x.load(), best.load()) {
                            (best, index) = (x, l as i64);
                        }
                        *v.add(l) = best;
                        *at.add(l) = index;
                    }
                } else {
                    for l in i..i + LOOK {
                        *v.add(l) = best;
                        *at.add(l) = index;
                    }
                }
                i += LOOK;
            }
        }
        while i < along.size {
            let x = read::<R::E>(src, along.src, i);
            if R::takes(x.load(), best.load()) {
                (best, index) = (x, i as i64);
            }
            write(dst[0], along.dst[0], i, best);
            write(dst[1], along.dst[1], i, index);
            i += 1;
        }
    }
}

simd_fn! {
    unsafe fn extreme_cols<R: Running>(src: *const u8, dst: [*mut u8; 2], along: Kept, across: Kept, count: usize) {
        let mut best = [read::<R::E>(src, 0, 0); COLS];
        let mut index = [0i64; COLS];
        let size = size_of::<R::E>() as isize;
        let dense = across.src == size && across.dst == [size, 8];
        for (j, best) in best[..count].iter_mut().enumerate() {
            *best = read(src, across.src, j);
        }
        for i in 0..along.size as isize {
            let s = src.wrapping_offset(along.src * i);
            let d = [0, 1].map(|k| dst[k].wrapping_offset(along.dst[k] * i));
            if dense {
                let (s, v, n) = (s as *const R::E, d[0] as *mut R::E, d[1] as *mut i64);
                for j in 0..count {
                    let x = *s.add(j);
                    let takes = R::takes(x.load(), best[j].load());
                    best[j] = if takes { x } else { best[j] };
                    index[j] = if takes { i as i64 } else { index[j] };
                }
                for j in 0..count {
                    *v.add(j) = best[j];
                    *n.add(j) = index[j];
                }
            } else {
                for j in 0..count {
                    let x: R::E = read(s, across.src, j);
                    if R::takes(x.load(), best[j].load()) {
                        (best[j], index[j]) = (x, i as i64);
                    }
                    write(d[0], across.dst[0], j, best[j]);
                    write(d[1], across.dst[1], j, index[j]);
                }
            }
        }
    }
}

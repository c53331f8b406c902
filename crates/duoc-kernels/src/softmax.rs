//! Exponentials normalised along the middle dimension of a dense `outer x n x inner` block.
//!
//! Everything is computed around the line's largest element, 16-bit floats in a float32 copy of the lines. Where `inner` is 1 a line is a
//! dense run; otherwise rows of `inner` lines are worked on at once. A line's arithmetic does not depend on the others,
//! so neither do its bits on the threads.

use crate::math::{double, half as convert, single};
use crate::matmul::scratch::{Purpose, Scratch};
use crate::reduce::elem::Number;
use crate::{DType, par, simd_fn};

/// What is computed of a line `x`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Softmax {
    /// `exp(x) / sum exp(x)`.
    Plain,
    /// `x - log sum exp(x)`.
    Log,
    /// `log sum exp(x)`: one element per line.
    LogSumExp,
}

/// Calls the body with the type that a float dtype is computed in.
macro_rules! by_float {
    ($dtype:expr, |$T:ident| $body:expr) => {
        match $dtype {
            DType::F32 | DType::F16 | DType::BF16 => {
                type $T = f32;
                $body
            }
            DType::F64 => {
                type $T = f64;
                $body
            }
            _ => return false,
        }
    };
}

/// Computes `op` of every line of `src` into `dst`.
///
/// Returns `false`, having done nothing, for dtypes other than the floats of 16, 32 and 64 bits.
///
/// # Safety
/// `src` has `outer * n * inner` aligned elements in row-major order, `dst` as many (`outer * inner` for
/// [`Softmax::LogSumExp`]); they are the same memory or do not overlap. `n` is not 0.
pub unsafe fn softmax(op: Softmax, dtype: DType, [outer, n, inner]: [usize; 3], src: *const u8, dst: *mut u8) -> bool {
    let block = Block {
        outer,
        n,
        inner,
        src,
        grad: std::ptr::null(),
        dst,
        kept: if op == Softmax::LogSumExp { 1 } else { n },
    };
    by_float!(dtype, |T| {
        match op {
            Softmax::Plain => block.run::<T>(dtype, line::<(T, Plain)>, columns::<(T, Plain)>),
            Softmax::Log => block.run::<T>(dtype, line::<(T, Log)>, columns::<(T, Log)>),
            Softmax::LogSumExp => block.run::<T>(dtype, line::<(T, LogSumExp)>, columns::<(T, LogSumExp)>),
        }
    });
    true
}

/// The gradient with respect to `x`, given that of the result `grad` and the result `out`:
/// `y (g - sum g y)` for [`Softmax::Plain`], `g - exp(y) sum g` for [`Softmax::Log`]. Returns `false` otherwise.
///
/// # Safety
/// As [`softmax`], for `grad`, `out` and `dst`.
pub unsafe fn softmax_backward(
    op: Softmax,
    dtype: DType,
    [outer, n, inner]: [usize; 3],
    grad: *const u8,
    out: *const u8,
    dst: *mut u8,
) -> bool {
    let block = Block {
        outer,
        n,
        inner,
        src: out,
        grad,
        dst,
        kept: n,
    };
    by_float!(dtype, |T| {
        match op {
            Softmax::Plain => block.run::<T>(dtype, line_backward::<(T, Plain)>, columns_backward::<(T, Plain)>),
            Softmax::Log => block.run::<T>(dtype, line_backward::<(T, Log)>, columns_backward::<(T, Log)>),
            Softmax::LogSumExp => return false,
        }
    });
    true
}

/// Lines that are worked on at once where the memory runs across them.
const COLS: usize = 256;
/// Rows whose exponentials are added in one float before they join the float64 sums.
const ROWS: usize = 128;
/// Lanes of a dense line, and elements between joins of the float64 sum.
const LANES: usize = 32;
const STRIP: usize = 2048;

struct Block {
    outer: usize,
    n: usize,
    inner: usize,
    src: *const u8,
    grad: *const u8,
    dst: *mut u8,
    /// Length of a line of the result.
    kept: usize,
}
// SAFETY: tasks write disjoint lines.
unsafe impl Sync for Block {}

/// `line(grad, src, dst, n)`.
type Line<T> = unsafe fn(*const T, *const T, *mut T, usize);
/// `columns(grad, src, dst, n, inner, count)`.
type Columns<T> = unsafe fn(*const T, *const T, *mut T, usize, usize, usize);

/// Bytes of the float32 copy of lines of a 16-bit dtype.
const COPY: usize = 256 * 1024;

impl Block {
    /// Runs over all lines.
    unsafe fn run<T: Real>(&self, dtype: DType, line: Line<T>, columns: Columns<T>) {
        let half = match dtype {
            DType::F16 => Some((convert::f16_to_f32 as Widen, convert::f32_to_f16 as Narrow)),
            DType::BF16 => Some((convert::bf16_to_f32 as Widen, convert::f32_to_bf16 as Narrow)),
            _ => None,
        };
        // How many lines that lie side by side, and how many that lie behind each other, one task does.
        let (most, lines) = match half {
            Some(_) if self.inner == 1 => (1, (COPY / 64 / self.n).max(1)),
            Some(_) => ((COPY / 4 / self.n).clamp(16, COLS), 1),
            None => (COLS, 1),
        };
        let tiles = if self.inner == 1 { 1 } else { self.inner.div_ceil(most) };
        let tasks = self.outer.div_ceil(lines) * tiles;
        let cost = self.n * self.inner.min(most) * lines * 16;
        let bundle = (par::GRAIN / cost.max(1)).max(1);
        let task = |t: usize| {
            let this = self;
            let (o, first) = (t / tiles * lines, t % tiles * most);
            let place = Place {
                from: o * this.n * this.inner + first,
                to: o * this.kept * this.inner + first,
                count: most.min(this.inner - first),
                lines: lines.min(this.outer - o),
            };
            // SAFETY: lines are disjoint and inside the block.
            unsafe {
                match half {
                    Some(ways) => this.halves(&place, ways, line, columns),
                    None => {
                        let src = (this.src as *const T).add(place.from);
                        let grad = match this.grad.is_null() {
                            true => src,
                            false => (this.grad as *const T).add(place.from),
                        };
                        let dst = (this.dst as *mut T).add(place.to);
                        match this.inner {
                            1 => line(grad, src, dst, this.n),
                            inner => columns(grad, src, dst, this.n, inner, place.count),
                        }
                    }
                }
            }
        };
        if tasks.saturating_mul(cost) < 2 * par::GRAIN {
            return (0..tasks).for_each(task);
        }
        par::for_chunks(tasks.div_ceil(bundle), &|c| {
            (c * bundle..((c + 1) * bundle).min(tasks)).for_each(task);
        });
    }

    /// Some lines of a 16-bit dtype: copied to float32, which is what `T` is then, worked on, and rounded.
    unsafe fn halves<T>(&self, place: &Place, (widen, narrow): (Widen, Narrow), line: Line<T>, columns: Columns<T>) {
        // Lines that lie behind each other are one long row.
        let rows = if self.inner == 1 { 1 } else { self.n };
        let width = if self.inner == 1 {
            place.lines * self.n
        } else {
            place.count
        };
        let copies = [(Purpose::Line, self.src), (Purpose::Items, self.grad)].map(|(purpose, from)| {
            if from.is_null() {
                return None;
            }
            let copy = Scratch::take_or_end(purpose, rows * width * 4);
            let from = (from as *const u16).add(place.from);
            for r in 0..rows {
                widen(from.add(r * self.inner), copy.ptr::<f32>().add(r * width), width);
            }
            Some(copy)
        });
        let [Some(src), grad] = copies else { return };
        let src = src.ptr::<T>();
        let grad = grad.map_or(src, |g| g.ptr());
        // Loops over one array are not turned into vectors as those over two are.
        let result = Scratch::take_or_end(Purpose::Others, rows * width * 4);
        let dst = result.ptr::<T>();
        let to = (self.dst as *mut u16).add(place.to);
        if self.inner == 1 {
            for l in 0..place.lines {
                let at = l * self.n;
                line(grad.add(at), src.add(at), dst.add(l * self.kept), self.n);
            }
            return narrow(dst.cast(), to, place.lines * self.kept);
        }
        columns(grad, src, dst, self.n, width, width);
        for r in 0..self.kept {
            narrow(dst.cast::<f32>().add(r * width), to.add(r * self.inner), width);
        }
    }
}

/// Where the lines of one task begin in the source and the result, how many lie side by side, and how many behind each
/// other.
struct Place {
    from: usize,
    to: usize,
    count: usize,
    lines: usize,
}

type Widen = unsafe fn(*const u16, *mut f32, usize);
type Narrow = unsafe fn(*const f32, *mut u16, usize);

/// A float that is computed with.
trait Real: Number + std::ops::Sub<Output = Self> + Into<f64> {
    fn exp(self) -> Self;
    fn from_f64(x: f64) -> Self;
}
impl Real for f32 {
    #[inline(always)]
    fn exp(self) -> f32 {
        single::exp(self)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f32 {
        x as f32
    }
}
impl Real for f64 {
    #[inline(always)]
    fn exp(self) -> f64 {
        double::exp(self)
    }
    #[inline(always)]
    fn from_f64(x: f64) -> f64 {
        x
    }
}

/// One of the operations on one dtype.
trait Op: 'static {
    type T: Real;
    const KIND: Softmax;
}
struct Plain;
struct Log;
struct LogSumExp;
macro_rules! op {
    ($($name:ident)+) => { $(
        impl<T: Real> Op for (T, $name) {
            type T = T;
            const KIND: Softmax = Softmax::$name;
        }
    )+ };
}
op!(Plain Log LogSumExp);
type Num<O> = <O as Op>::T;

/// The point that exponentials are taken around: the largest element, or 0 where that is infinite and the result is
/// the logarithm alone.
#[inline(always)]
fn pivot<O: Op>(high: Num<O>) -> Num<O> {
    let x: f64 = high.into();
    if O::KIND == Softmax::LogSumExp && x.is_infinite() {
        Num::<O>::ZERO
    } else {
        high
    }
}

/// `sum f(i)` over `n` elements: lanes over strips, strips in float64.
#[inline(always)]
unsafe fn total<N: Real>(n: usize, mut f: impl FnMut(usize) -> N) -> f64 {
    let mut sum = 0.0;
    let mut i = 0;
    while i + LANES <= n {
        let end = i + (n - i).min(STRIP) / LANES * LANES;
        let mut lanes = [N::ZERO; LANES];
        while i < end {
            for (l, lane) in lanes.iter_mut().enumerate() {
                *lane = lane.add(f(i + l));
            }
            i += LANES;
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                lanes[l] = lanes[l].add(lanes[l + width]);
            }
            width /= 2;
        }
        sum += lanes[0].into();
    }
    while i < n {
        sum += f(i).into();
        i += 1;
    }
    sum
}

simd_fn! {
    unsafe fn line<O: Op>(_grad: *const O::T, src: *const O::T, dst: *mut O::T, n: usize) {
        let mut lanes = [Num::<O>::LOWEST; LANES];
        let whole = n / LANES * LANES;
        for i in (0..whole).step_by(LANES) {
            for (l, lane) in lanes.iter_mut().enumerate() {
                *lane = lane.max(*src.add(i + l));
            }
        }
        for i in whole..n {
            lanes[0] = lanes[0].max(*src.add(i));
        }
        let mut width = LANES / 2;
        while width > 0 {
            for l in 0..width {
                lanes[l] = lanes[l].max(lanes[l + width]);
            }
            width /= 2;
        }
        let high = pivot::<O>(lanes[0]);
        match O::KIND {
            Softmax::Plain => {
                let sum = total(n, |i| {
                    let e = (*src.add(i) - high).exp();
                    *dst.add(i) = e;
                    e
                });
                let share = Num::<O>::from_f64(1.0 / sum);
                for i in 0..n {
                    *dst.add(i) = (*dst.add(i)).mul(share);
                }
            }
            Softmax::Log => {
                let sum = total(n, |i| (*src.add(i) - high).exp());
                let log = Num::<O>::from_f64(sum.ln());
                for i in 0..n {
                    *dst.add(i) = *src.add(i) - high - log;
                }
            }
            Softmax::LogSumExp => {
                let sum = total(n, |i| (*src.add(i) - high).exp());
                let high: f64 = high.into();
                *dst = Num::<O>::from_f64(sum.ln() + high);
            }
        }
    }
}

simd_fn! {
    unsafe fn columns<O: Op>(_grad: *const O::T, src: *const O::T, dst: *mut O::T, n: usize, inner: usize, count: usize) {
        let mut high = [Num::<O>::LOWEST; COLS];
        let mut part = [Num::<O>::ZERO; COLS];
        let mut sum = [0f64; COLS];
        for i in 0..n {
            let s = src.add(i * inner);
            for (j, high) in high[..count].iter_mut().enumerate() {
                *high = high.max(*s.add(j));
            }
        }
        for high in &mut high[..count] {
            *high = pivot::<O>(*high);
        }
        let keeps = O::KIND == Softmax::Plain;
        for i in 0..n {
            let (s, d) = (src.add(i * inner), dst.wrapping_add(i * inner));
            for (j, (part, high)) in part[..count].iter_mut().zip(&high).enumerate() {
                let e = (*s.add(j) - *high).exp();
                *part = part.add(e);
                if keeps {
                    *d.add(j) = e;
                }
            }
            if i % ROWS == ROWS - 1 || i + 1 == n {
                for (sum, part) in sum[..count].iter_mut().zip(&mut part) {
                    *sum += (*part).into();
                    *part = Num::<O>::ZERO;
                }
            }
        }
        for (sum, part) in sum[..count].iter_mut().zip(&mut part) {
            let y = if O::KIND == Softmax::Plain { 1.0 / *sum } else { sum.ln() };
            *part = Num::<O>::from_f64(y);
        }
        if O::KIND == Softmax::LogSumExp {
            for j in 0..count {
                let (high, sum): (f64, f64) = (high[j].into(), sum[j]);
                *dst.add(j) = Num::<O>::from_f64(sum.ln() + high);
            }
            return;
        }
        for i in 0..n {
            let (s, d) = (src.add(i * inner), dst.add(i * inner));
            for j in 0..count {
                let y = match O::KIND {
                    Softmax::Log => *s.add(j) - high[j] - part[j],
                    _ => (*d.add(j)).mul(part[j]),
                };
                *d.add(j) = y;
            }
        }
    }
}

/// One element of the gradient from those of `g`, `y` and the line's sum.
#[inline(always)]
fn slope<O: Op>(g: Num<O>, y: Num<O>, sum: Num<O>) -> Num<O> {
    match O::KIND {
        Softmax::Plain => y.mul(g - sum),
        _ => g - y.exp().mul(sum),
    }
}

/// What is summed over a line.
#[inline(always)]
fn summand<O: Op>(g: Num<O>, y: Num<O>) -> Num<O> {
    if O::KIND == Softmax::Plain { g.mul(y) } else { g }
}

simd_fn! {
    unsafe fn line_backward<O: Op>(grad: *const O::T, out: *const O::T, dst: *mut O::T, n: usize) {
        let sum = total(n, |i| summand::<O>(*grad.add(i), *out.add(i)));
        let sum = Num::<O>::from_f64(sum);
        for i in 0..n {
            *dst.add(i) = slope::<O>(*grad.add(i), *out.add(i), sum);
        }
    }
}

simd_fn! {
    unsafe fn columns_backward<O: Op>(grad: *const O::T, out: *const O::T, dst: *mut O::T, n: usize, inner: usize, count: usize) {
        let mut part = [Num::<O>::ZERO; COLS];
        let mut sum = [0f64; COLS];
        for i in 0..n {
            let (g, y) = (grad.add(i * inner), out.add(i * inner));
            for (j, part) in part[..count].iter_mut().enumerate() {
                *part = part.add(summand::<O>(*g.add(j), *y.add(j)));
            }
            if i % ROWS == ROWS - 1 || i + 1 == n {
                for (sum, part) in sum[..count].iter_mut().zip(&mut part) {
                    *sum += (*part).into();
                    *part = Num::<O>::ZERO;
                }
            }
        }
        for (sum, part) in sum[..count].iter().zip(&mut part) {
            *part = Num::<O>::from_f64(*sum);
        }
        for i in 0..n {
            let (g, y, d) = (grad.add(i * inner), out.add(i * inner), dst.add(i * inner));
            for (j, part) in part[..count].iter().enumerate() {
                *d.add(j) = slope::<O>(*g.add(j), *y.add(j), *part);
            }
        }
    }
}

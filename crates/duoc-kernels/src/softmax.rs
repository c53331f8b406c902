//! Exponentials normalised along the middle dimension of a dense `outer x n x inner` block.
//!
//! Everything is computed around the line's largest element, 16-bit floats in float32. Where `inner` is 1 a line is a
//! dense run; otherwise rows of `inner` lines are worked on at once. A line's arithmetic does not depend on the others,
//! so neither do its bits on the threads.

use half::{bf16, f16};

use crate::math::{double, half as convert, single};
use crate::reduce::elem::{Elem, Number};
use crate::{DType, match_dtype, par, simd_fn};

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
    };
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        match op {
            Softmax::Plain => block.run::<T>(line::<(T, Plain)>, columns::<(T, Plain)>, n),
            Softmax::Log => block.run::<T>(line::<(T, Log)>, columns::<(T, Log)>, n),
            Softmax::LogSumExp => block.run::<T>(line::<(T, LogSumExp)>, columns::<(T, LogSumExp)>, 1),
        }
    }, else return false);
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
    };
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        match op {
            Softmax::Plain => block.run::<T>(line_backward::<(T, Plain)>, columns_backward::<(T, Plain)>, n),
            Softmax::Log => block.run::<T>(line_backward::<(T, Log)>, columns_backward::<(T, Log)>, n),
            Softmax::LogSumExp => return false,
        }
    }, else return false);
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
}
// SAFETY: tasks write disjoint lines.
unsafe impl Sync for Block {}

/// `line(grad, src, dst, n)`.
type Line<T> = unsafe fn(*const T, *const T, *mut T, usize);
/// `columns(grad, src, dst, n, inner, count)`.
type Columns<T> = unsafe fn(*const T, *const T, *mut T, usize, usize, usize);

impl Block {
    /// Runs over all lines; `kept` is the length of a line of the result.
    unsafe fn run<T: Float>(&self, line: Line<T>, columns: Columns<T>, kept: usize) {
        let tiles = if self.inner == 1 { 1 } else { self.inner.div_ceil(COLS) };
        let tasks = self.outer * tiles;
        let cost = self.n * self.inner.min(COLS) * 16;
        let bundle = (par::GRAIN / cost.max(1)).max(1);
        let task = |t: usize| {
            let this = self;
            let (o, first) = (t / tiles, t % tiles * COLS);
            let from = o * this.n * this.inner + first;
            let to = o * kept * this.inner + first;
            // SAFETY: lines are disjoint and inside the block.
            unsafe {
                let src = (this.src as *const T).add(from);
                let grad = if this.grad.is_null() {
                    src
                } else {
                    (this.grad as *const T).add(from)
                };
                let dst = (this.dst as *mut T).add(to);
                match this.inner {
                    1 => line(grad, src, dst, this.n),
                    inner => columns(grad, src, dst, this.n, inner, COLS.min(inner - first)),
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
}

/// A stored float.
trait Float: Elem<Num: Real> {
    fn store(x: Self::Num) -> Self;
}
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
macro_rules! float {
    ($($t:ident |$x:ident| $store:expr;)+) => { $(
        impl Float for $t {
            #[inline(always)]
            fn store($x: Self::Num) -> $t { $store }
        }
    )+ };
}
float! {
    f32 |x| x;
    f64 |x| x;
    f16 |x| f16::from_bits(convert::f16_narrow(x));
    bf16 |x| bf16::from_bits(convert::bf16_narrow(x));
}

/// One of the operations on one dtype.
trait Op: 'static {
    type T: Float;
    const KIND: Softmax;
}
struct Plain;
struct Log;
struct LogSumExp;
macro_rules! op {
    ($($name:ident)+) => { $(
        impl<T: Float> Op for (T, $name) {
            type T = T;
            const KIND: Softmax = Softmax::$name;
        }
    )+ };
}
op!(Plain Log LogSumExp);
type Num<O> = <<O as Op>::T as Elem>::Num;

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
                *lane = lane.max((*src.add(i + l)).load());
            }
        }
        for i in whole..n {
            lanes[0] = lanes[0].max((*src.add(i)).load());
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
            // A float32 or float64 line keeps its exponentials in the result; a 16-bit one would round them twice.
            Softmax::Plain if size_of::<O::T>() >= 4 => {
                let sum = total(n, |i| {
                    let e = ((*src.add(i)).load() - high).exp();
                    *dst.add(i) = O::T::store(e);
                    e
                });
                let share = Num::<O>::from_f64(1.0 / sum);
                for i in 0..n {
                    *dst.add(i) = O::T::store((*dst.add(i)).load().mul(share));
                }
            }
            Softmax::Plain => {
                let sum = total(n, |i| ((*src.add(i)).load() - high).exp());
                let share = Num::<O>::from_f64(1.0 / sum);
                for i in 0..n {
                    *dst.add(i) = O::T::store(((*src.add(i)).load() - high).exp().mul(share));
                }
            }
            Softmax::Log => {
                let sum = total(n, |i| ((*src.add(i)).load() - high).exp());
                let log = Num::<O>::from_f64(sum.ln());
                for i in 0..n {
                    *dst.add(i) = O::T::store((*src.add(i)).load() - high - log);
                }
            }
            Softmax::LogSumExp => {
                let sum = total(n, |i| ((*src.add(i)).load() - high).exp());
                let high: f64 = high.into();
                *dst = O::T::store(Num::<O>::from_f64(sum.ln() + high));
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
                *high = high.max((*s.add(j)).load());
            }
        }
        for high in &mut high[..count] {
            *high = pivot::<O>(*high);
        }
        let keeps = O::KIND == Softmax::Plain && size_of::<O::T>() >= 4;
        for i in 0..n {
            let (s, d) = (src.add(i * inner), dst.wrapping_add(i * inner));
            for (j, (part, high)) in part[..count].iter_mut().zip(&high).enumerate() {
                let e = ((*s.add(j)).load() - *high).exp();
                *part = part.add(e);
                if keeps {
                    *d.add(j) = O::T::store(e);
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
                *dst.add(j) = O::T::store(Num::<O>::from_f64(sum.ln() + high));
            }
            return;
        }
        for i in 0..n {
            let (s, d) = (src.add(i * inner), dst.add(i * inner));
            for j in 0..count {
                let y = match O::KIND {
                    Softmax::Log => (*s.add(j)).load() - high[j] - part[j],
                    _ if keeps => (*d.add(j)).load().mul(part[j]),
                    _ => ((*s.add(j)).load() - high[j]).exp().mul(part[j]),
                };
                *d.add(j) = O::T::store(y);
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
        let sum = total(n, |i| summand::<O>((*grad.add(i)).load(), (*out.add(i)).load()));
        let sum = Num::<O>::from_f64(sum);
        for i in 0..n {
            *dst.add(i) = O::T::store(slope::<O>((*grad.add(i)).load(), (*out.add(i)).load(), sum));
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
                *part = part.add(summand::<O>((*g.add(j)).load(), (*y.add(j)).load()));
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
                *d.add(j) = O::T::store(slope::<O>((*g.add(j)).load(), (*y.add(j)).load(), *part));
            }
        }
    }
}

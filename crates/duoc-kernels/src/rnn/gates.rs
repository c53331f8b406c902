//! The gates of one step on a run of units of one row, forward and backward.
//!
//! Units are taken [`LANES`] at a time into arrays, which LLVM keeps in registers.

use crate::math::{double, single};
use crate::matmul::panels::Panel;
use crate::simd_fn;
use std::ops::{Add, Mul, Neg, Sub};

/// Units that are worked on at once.
const LANES: usize = 16;

/// A float with the functions of the gates.
pub(super) trait Number:
    Panel + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Neg<Output = Self>
{
    const ZERO: Self;
    const ONE: Self;
    fn sigmoid(self) -> Self;
    fn tanh(self) -> Self;
}

impl Number for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    #[inline(always)]
    fn sigmoid(self) -> f32 {
        single::sigmoid(self)
    }
    /// Within 2 units in the last place: an odd polynomial below 5/8 (coefficients of S. L. Moshier's Cephes),
    /// `1 - 2 / (e^2x + 1)` above.
    #[inline(always)]
    fn tanh(self) -> f32 {
        let a = self.abs();
        let s = self * self;
        let p = (-0.005_704_988_7f32).mul_add(s, 0.020_639_088);
        let p = p
            .mul_add(s, -0.053_739_716)
            .mul_add(s, 0.133_314_42)
            .mul_add(s, -0.333_332_82);
        let near = (p * s).mul_add(self, self);
        let far = 1.0 - 2.0 / (single::exp(2.0 * a) + 1.0);
        if a < 0.625 { near } else { far.copysign(self) }
    }
}
impl Number for f64 {
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;
    #[inline(always)]
    fn sigmoid(self) -> f64 {
        double::sigmoid(self)
    }
    #[inline(always)]
    fn tanh(self) -> f64 {
        double::tanh(self)
    }
}

type Lanes<T> = [T; LANES];

#[inline(always)]
unsafe fn load<T: Number>(p: *const T, n: usize) -> Lanes<T> {
    if n == LANES {
        return p.cast::<Lanes<T>>().read_unaligned();
    }
    let mut x = [T::ZERO; LANES];
    for (l, x) in x.iter_mut().enumerate().take(n) {
        *x = *p.add(l);
    }
    x
}

#[inline(always)]
unsafe fn load_or_zero<T: Number>(p: *const T, n: usize) -> Lanes<T> {
    if p.is_null() { [T::ZERO; LANES] } else { load(p, n) }
}

#[inline(always)]
unsafe fn store<T: Number>(p: *mut T, x: &Lanes<T>, n: usize) {
    if n == LANES {
        return p.cast::<Lanes<T>>().write_unaligned(*x);
    }
    for (l, x) in x.iter().enumerate().take(n) {
        *p.add(l) = *x;
    }
}

#[inline(always)]
unsafe fn store_some<T: Number>(p: *mut T, x: &Lanes<T>, n: usize) {
    if !p.is_null() {
        store(p, x, n);
    }
}

/// `p + i`, or null.
#[inline(always)]
unsafe fn at<T>(p: *mut T, i: usize) -> *mut T {
    if p.is_null() { p } else { p.add(i) }
}

/// `map!(|a, b| expression)` over lanes of arrays of those names.
macro_rules! map {
    ($($x:ident),+ => $e:expr) => {{
        let mut out = [T::ZERO; LANES];
        for l in 0..LANES {
            $(let $x = $x[l];)+
            out[l] = $e;
        }
        out
    }};
}

/// One row of one step, forward. Null pointers are results that are not wanted.
pub(super) struct Row<T> {
    /// Sums of the first gate, replaced by the gates; the next gate is `hidden` further.
    pub gates: *mut T,
    pub hidden: usize,
    /// GRU: the recurrent part of n, replaced by its sum with the bias.
    pub new: *mut T,
    /// GRU: the bias of that part, or null.
    pub bias: *const T,
    /// The state before, and where the state goes: the output, and the state before the next step or the last state.
    pub before: *const T,
    pub out: *mut T,
    pub next: *mut T,
    /// LSTM: the cell before, where the cell goes, and its hyperbolic tangent.
    pub cell: *const T,
    pub next_cell: *mut T,
    pub tanh_cell: *mut T,
}

simd_fn! {
    pub(super) unsafe fn tanh<T: Number>(r: &Row<T>, n: usize) {
        for i in (0..n).step_by(LANES) {
            let w = LANES.min(n - i);
            let a = load(r.gates.add(i), w);
            let h = map!(a => a.tanh());
            store(r.out.add(i), &h, w);
            store_some(at(r.next, i), &h, w);
        }
    }
}

simd_fn! {
    pub(super) unsafe fn relu<T: Number>(r: &Row<T>, n: usize) {
        for i in (0..n).step_by(LANES) {
            let w = LANES.min(n - i);
            let a = load(r.gates.add(i), w);
            // A NaN stays.
            let h = map!(a => if a < T::ZERO { T::ZERO } else { a });
            store(r.out.add(i), &h, w);
            store_some(at(r.next, i), &h, w);
        }
    }
}

simd_fn! {
    pub(super) unsafe fn lstm<T: Number>(r: &Row<T>, n: usize) {
        for j in (0..n).step_by(LANES) {
            let w = LANES.min(n - j);
            let gate = |k: usize| r.gates.add(k * r.hidden + j);
            let (i, f, g, o) = (load(gate(0), w), load(gate(1), w), load(gate(2), w), load(gate(3), w));
            let i = map!(i => i.sigmoid());
            let f = map!(f => f.sigmoid());
            let g = map!(g => g.tanh());
            let o = map!(o => o.sigmoid());
            let c = load(r.cell.add(j), w);
            let c = map!(c, f, i, g => f * c + i * g);
            let t = map!(c => c.tanh());
            let h = map!(o, t => o * t);
            store(gate(0), &i, w);
            store(gate(1), &f, w);
            store(gate(2), &g, w);
            store(gate(3), &o, w);
            store_some(at(r.next_cell, j), &c, w);
            store_some(at(r.tanh_cell, j), &t, w);
            store(r.out.add(j), &h, w);
            store_some(at(r.next, j), &h, w);
        }
    }
}

simd_fn! {
    pub(super) unsafe fn gru<T: Number>(r: &Row<T>, n: usize) {
        for j in (0..n).step_by(LANES) {
            let w = LANES.min(n - j);
            let gate = |k: usize| r.gates.add(k * r.hidden + j);
            let (reset, z, x) = (load(gate(0), w), load(gate(1), w), load(gate(2), w));
            let (u, b) = (load(r.new.add(j), w), load_or_zero(at(r.bias.cast_mut(), j), w));
            let h = load(r.before.add(j), w);
            let reset = map!(reset => reset.sigmoid());
            let z = map!(z => z.sigmoid());
            let u = map!(u, b => u + b);
            let x = map!(x, reset, u => (x + reset * u).tanh());
            let h = map!(h, x, z => (h - x) * z + x);
            store(gate(0), &reset, w);
            store(gate(1), &z, w);
            store(gate(2), &x, w);
            store(r.new.add(j), &u, w);
            store(r.out.add(j), &h, w);
            store_some(at(r.next, j), &h, w);
        }
    }
}

/// One row of one step, backward.
pub(super) struct RowBack<T> {
    /// The gates of the first unit, and the gradients of their sums; the next gate is `hidden` further.
    pub gates: *const T,
    pub grads: *mut T,
    pub hidden: usize,
    /// Gradient of the state from later steps; for GRU replaced by its part that passes the gates by.
    pub state: *mut T,
    /// Gradient of the output, or null.
    pub grad_out: *const T,
    /// Tanh and ReLU: the output.
    pub out: *const T,
    /// LSTM: the cell before, the tangent of the cell, the gradient of the cell (replaced).
    pub cell: *const T,
    pub tanh_cell: *const T,
    pub state_cell: *mut T,
    /// GRU: the state before, the recurrent part of n, the gradients of the recurrent sums.
    pub before: *const T,
    pub new: *const T,
    pub recurrent: *mut T,
}

simd_fn! {
    pub(super) unsafe fn tanh_back<T: Number>(r: &RowBack<T>, n: usize) {
        for i in (0..n).step_by(LANES) {
            let w = LANES.min(n - i);
            let (s, g, h) = (load(r.state.add(i), w), load_or_zero(at(r.grad_out.cast_mut(), i), w), load(r.out.add(i), w));
            let d = map!(s, g, h => (s + g) * (T::ONE - h * h));
            store(r.grads.add(i), &d, w);
        }
    }
}

simd_fn! {
    pub(super) unsafe fn relu_back<T: Number>(r: &RowBack<T>, n: usize) {
        for i in (0..n).step_by(LANES) {
            let w = LANES.min(n - i);
            let (s, g, h) = (load(r.state.add(i), w), load_or_zero(at(r.grad_out.cast_mut(), i), w), load(r.out.add(i), w));
            let d = map!(s, g, h => if h <= T::ZERO { T::ZERO } else { s + g });
            store(r.grads.add(i), &d, w);
        }
    }
}

simd_fn! {
    pub(super) unsafe fn lstm_back<T: Number>(r: &RowBack<T>, n: usize) {
        for j in (0..n).step_by(LANES) {
            let w = LANES.min(n - j);
            let gate = |k: usize| r.gates.add(k * r.hidden + j);
            let (i, f, g, o) = (load(gate(0), w), load(gate(1), w), load(gate(2), w), load(gate(3), w));
            let (s, e) = (load(r.state.add(j), w), load_or_zero(at(r.grad_out.cast_mut(), j), w));
            let dh = map!(s, e => s + e);
            let (t, c, dc) = (load(r.tanh_cell.add(j), w), load(r.cell.add(j), w), load(r.state_cell.add(j), w));
            let dc = map!(dc, dh, o, t => dc + dh * o * (T::ONE - t * t));
            let d_o = map!(dh, t, o => dh * t * o * (T::ONE - o));
            let d_i = map!(dc, g, i => dc * g * i * (T::ONE - i));
            let d_f = map!(dc, c, f => dc * c * f * (T::ONE - f));
            let d_g = map!(dc, i, g => dc * i * (T::ONE - g * g));
            let dc = map!(dc, f => dc * f);
            store(r.state_cell.add(j), &dc, w);
            let grad = |k: usize| r.grads.add(k * r.hidden + j);
            store(grad(0), &d_i, w);
            store(grad(1), &d_f, w);
            store(grad(2), &d_g, w);
            store(grad(3), &d_o, w);
        }
    }
}

simd_fn! {
    pub(super) unsafe fn gru_back<T: Number>(r: &RowBack<T>, n: usize) {
        for j in (0..n).step_by(LANES) {
            let w = LANES.min(n - j);
            let gate = |k: usize| r.gates.add(k * r.hidden + j);
            let (reset, z, x) = (load(gate(0), w), load(gate(1), w), load(gate(2), w));
            let (s, e) = (load(r.state.add(j), w), load_or_zero(at(r.grad_out.cast_mut(), j), w));
            let dh = map!(s, e => s + e);
            let (h, u) = (load(r.before.add(j), w), load(r.new.add(j), w));
            let d_x = map!(dh, z, x => dh * (T::ONE - z) * (T::ONE - x * x));
            let d_z = map!(dh, h, x, z => dh * (h - x) * z * (T::ONE - z));
            let d_u = map!(d_x, reset => d_x * reset);
            let d_r = map!(d_x, u, reset => d_x * u * reset * (T::ONE - reset));
            let passed = map!(dh, z => dh * z);
            store(r.state.add(j), &passed, w);
            let grad = |k: usize| r.grads.add(k * r.hidden + j);
            store(grad(0), &d_r, w);
            store(grad(1), &d_z, w);
            store(grad(2), &d_x, w);
            let grad = |k: usize| r.recurrent.add(k * r.hidden + j);
            store(grad(0), &d_r, w);
            store(grad(1), &d_z, w);
            store(grad(2), &d_u, w);
        }
    }
}

//! One step of an optimiser on many parameters at once, each element read and written once.
//!
//! A [`Rule`] is the arithmetic for one element: parameter, gradient and up to [`STATES`] running values. The order of
//! roundings is that of PyTorch's single-tensor formulas. All updates of a call are one parallel region, split into
//! blocks of [`BLOCK`] elements whatever the number of threads.

use crate::dtype::DType;
use crate::{par, simd_fn};

/// Most running values that a rule keeps for an element.
pub const STATES: usize = 3;
/// Elements of a block.
const BLOCK: usize = 16 * 1024;
/// Elements that are computed side by side.
const LANES: usize = 16;

/// The arithmetic of a step. `lr` and the rest are the coefficients of this step: bias corrections are in them already.
///
/// In the equations `p` is the parameter, `g` the gradient (negated by `maximize`, plus `decay * p`), `a`, `b`, `c` the
/// running values in their order.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Rule {
    /// `a = momentum a + (1 - dampening) g` (`a = g` at first), `p -= lr (nesterov ? g + momentum a : a)`.
    Sgd {
        lr: f64,
        momentum: f64,
        dampening: f64,
        nesterov: bool,
        first: bool,
    },
    /// `a += (1 - beta1)(g - a)`, `b = beta2 b + (1 - beta2) g^2`, `p -= step a / (sqrt(b) / correction + eps)`; with
    /// `amsgrad`, `c = max(c, b)` stands for `b`. `shrink` multiplies `p` first (decoupled weight decay).
    Adam {
        step: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        correction: f64,
        shrink: f64,
        amsgrad: bool,
    },
    /// `a += (1 - beta1)(g - a)`, `b = max(beta2 b, |g| + eps)`, `p -= step a / b`.
    Adamax {
        step: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
    },
    /// Moments as Adam's; `p += (of_grad g + of_mean a) / (sqrt(b / correction) + eps)`.
    Nadam {
        of_grad: f64,
        of_mean: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        correction: f64,
        shrink: f64,
    },
    /// Moments as Adam's; `p -= a / correction1 * lr`, times `correction2 / (sqrt(b) + eps) * rect` where rectified.
    Radam {
        lr: f64,
        beta1: f64,
        beta2: f64,
        eps: f64,
        correction1: f64,
        correction2: f64,
        rect: Option<f64>,
        shrink: f64,
    },
    /// `a = alpha a + (1 - alpha) g^2`, `d = sqrt(a) + eps`, or `sqrt(a - b^2) + eps` with `b += (1 - alpha)(g - b)`
    /// when centered; `p -= lr g / d`, or `c = momentum c + g / d`, `p -= lr c`.
    RmsProp {
        lr: f64,
        alpha: f64,
        eps: f64,
        momentum: f64,
        centered: bool,
    },
    /// `a += g^2`, `p -= lr g / (sqrt(a) + eps)`.
    Adagrad { lr: f64, eps: f64 },
    /// `a = rho a + (1 - rho) g^2`, `d = sqrt(b + eps) / sqrt(a + eps) g`, `b = rho b + (1 - rho) d^2`, `p -= lr d`.
    Adadelta { lr: f64, rho: f64, eps: f64 },
    /// `a` is the last gradient, `b` the step size: grown by `plus` where the sign stayed, shrunk by `minus` (and the
    /// gradient forgotten) where it changed; `p -= sign(g) b`.
    Rprop {
        minus: f64,
        plus: f64,
        smallest: f64,
        largest: f64,
    },
    /// `p = (1 - lambd eta) p - eta g`, `a += mu (p - a)`.
    Asgd { shrink: f64, eta: f64, mu: f64 },
}

/// A parameter with what its step needs.
pub struct Update {
    /// The arithmetic.
    pub rule: Rule,
    /// Whether the gradient is negated.
    pub maximize: bool,
    /// Weight decay that is added to the gradient.
    pub decay: f64,
    /// F32 or F64, of all the memory below.
    pub dtype: DType,
    /// Elements.
    pub n: usize,
    /// The parameter.
    pub param: *mut u8,
    /// Its gradient.
    pub grad: *const u8,
    /// Running values; null where the rule has none.
    pub state: [*mut u8; STATES],
}

// SAFETY: the pointers are used for the element ranges that a block owns.
unsafe impl Sync for Update {}

/// Runs all the updates. False if one has a dtype that is not for this kernel; nothing is written then.
///
/// # Safety
/// Every pointer holds `n` consecutive elements of `dtype`, and no element belongs to two updates.
pub unsafe fn update(updates: &[Update]) -> bool {
    if updates.iter().any(|u| !matches!(u.dtype, DType::F32 | DType::F64)) {
        return false;
    }
    let total: usize = updates.iter().map(|u| u.n).sum();
    if total <= par::GRAIN {
        updates.iter().for_each(|u| run(u, 0, u.n));
        return true;
    }
    // Blocks in order; a block's update is found in the running sums of block counts.
    let mut firsts = Vec::with_capacity(updates.len() + 1);
    let mut blocks = 0;
    for u in updates {
        firsts.push(blocks);
        blocks += u.n.div_ceil(BLOCK);
    }
    par::for_chunks(blocks, &|block| {
        let at = firsts.partition_point(|first| *first <= block) - 1;
        let u = &updates[at];
        let begin = (block - firsts[at]) * BLOCK;
        // SAFETY: by the caller's promise; blocks do not overlap.
        unsafe { run(u, begin, (begin + BLOCK).min(u.n)) }
    });
    true
}

unsafe fn run(u: &Update, begin: usize, end: usize) {
    match u.dtype {
        DType::F64 => by_rule::<f64>(u, begin, end),
        _ => by_rule::<f32>(u, begin, end),
    }
}

/// A floating type, with the operations that the rules are made of.
trait Real:
    Copy
    + PartialOrd
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
{
    const ZERO: Self;
    fn of(x: f64) -> Self;
    fn fma(self, m: Self, a: Self) -> Self;
    fn root(self) -> Self;
    fn magnitude(self) -> Self;
}

macro_rules! real {
    ($($t:ident)+) => {$(
        impl Real for $t {
            const ZERO: $t = 0.0;
            #[inline(always)] fn of(x: f64) -> $t { x as $t }
            #[inline(always)] fn fma(self, m: $t, a: $t) -> $t { self.mul_add(m, a) }
            #[inline(always)] fn root(self) -> $t { self.sqrt() }
            #[inline(always)] fn magnitude(self) -> $t { self.abs() }
        }
    )+};
}
real! { f32 f64 }

/// PyTorch's lerp: from whichever end is nearer.
#[inline(always)]
fn lerp<T: Real>(from: T, to: T, weight: f64) -> T {
    let d = to - from;
    if weight < 0.5 {
        T::of(weight).fma(d, from)
    } else {
        to - d * T::of(1.0 - weight)
    }
}

/// `max` that keeps a NaN.
#[inline(always)]
fn larger<T: Real>(x: T, y: T) -> T {
    if x >= y || x.partial_cmp(&x).is_none() { x } else { y }
}

#[inline(always)]
fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::of(1.0)
    } else if x < T::ZERO {
        T::of(-1.0)
    } else {
        T::ZERO
    }
}

/// Calls `f(p, g, states) -> p` on the elements, a few side by side from local copies, so that no two memory areas need
/// be told apart in the loop.
#[inline(always)]
unsafe fn each<T: Real, const K: usize>(u: &Update, begin: usize, end: usize, f: impl Fn(T, T, &mut [T; K]) -> T) {
    let (p, g) = (u.param.cast::<T>(), u.grad.cast::<T>());
    let s: [*mut T; K] = std::array::from_fn(|k| u.state[k].cast());
    let (decay, decays) = (T::of(u.decay), u.decay != 0.0);
    let prepared = |p: T, g: T| {
        let g = if u.maximize { -g } else { g };
        if decays { p.fma(decay, g) } else { g }
    };
    let mut i = begin;
    while i + LANES <= end {
        let mut ps: [T; LANES] = p.add(i).cast::<[T; LANES]>().read_unaligned();
        let gs: [T; LANES] = g.add(i).cast::<[T; LANES]>().read_unaligned();
        let mut ss: [[T; LANES]; K] = std::array::from_fn(|k| s[k].add(i).cast::<[T; LANES]>().read_unaligned());
        for j in 0..LANES {
            let mut state: [T; K] = std::array::from_fn(|k| ss[k][j]);
            ps[j] = f(ps[j], prepared(ps[j], gs[j]), &mut state);
            for k in 0..K {
                ss[k][j] = state[k];
            }
        }
        p.add(i).cast::<[T; LANES]>().write_unaligned(ps);
        for k in 0..K {
            s[k].add(i).cast::<[T; LANES]>().write_unaligned(ss[k]);
        }
        i += LANES;
    }
    for i in i..end {
        let mut state: [T; K] = std::array::from_fn(|k| *s[k].add(i));
        *p.add(i) = f(*p.add(i), prepared(*p.add(i), *g.add(i)), &mut state);
        for k in 0..K {
            *s[k].add(i) = state[k];
        }
    }
}

/// First and second moments of the Adam family.
#[inline(always)]
fn moments<T: Real>(g: T, mean: &mut T, square: &mut T, beta1: f64, beta2: f64) {
    *mean = lerp(*mean, g, 1.0 - beta1);
    *square = *square * T::of(beta2) + T::of(1.0 - beta2) * g * g;
}

simd_fn! {
    [2] unsafe fn by_rule<T: Real>(u: &Update, begin: usize, end: usize) {
        match u.rule {
            Rule::Sgd { lr, momentum, dampening, nesterov, first } => {
                let lr = T::of(-lr);
                if momentum == 0.0 {
                    return each::<T, 0>(u, begin, end, |p, g, _| g.fma(lr, p));
                }
                let (m, rest) = (T::of(momentum), T::of(1.0 - dampening));
                match (first, nesterov) {
                    (true, false) => each::<T, 1>(u, begin, end, |p, g, [a]| {
                        *a = g;
                        g.fma(lr, p)
                    }),
                    (true, true) => each::<T, 1>(u, begin, end, |p, g, [a]| {
                        *a = g;
                        a.fma(m, g).fma(lr, p)
                    }),
                    (false, false) => each::<T, 1>(u, begin, end, |p, g, [a]| {
                        *a = g.fma(rest, *a * m);
                        a.fma(lr, p)
                    }),
                    (false, true) => each::<T, 1>(u, begin, end, |p, g, [a]| {
                        *a = g.fma(rest, *a * m);
                        a.fma(m, g).fma(lr, p)
                    }),
                }
            }
            Rule::Adam { step, beta1, beta2, eps, correction, shrink, amsgrad } => {
                let (step, eps, correction, shrink) = (T::of(-step), T::of(eps), T::of(correction), T::of(shrink));
                if amsgrad {
                    each::<T, 3>(u, begin, end, |p, g, [a, b, c]| {
                        moments(g, a, b, beta1, beta2);
                        *c = larger(*c, *b);
                        p * shrink + step * *a / (c.root() / correction + eps)
                    });
                } else {
                    each::<T, 2>(u, begin, end, |p, g, [a, b]| {
                        moments(g, a, b, beta1, beta2);
                        p * shrink + step * *a / (b.root() / correction + eps)
                    });
                }
            }
            Rule::Adamax { step, beta1, beta2, eps } => {
                let (step, beta2, eps) = (T::of(-step), T::of(beta2), T::of(eps));
                each::<T, 2>(u, begin, end, |p, g, [a, b]| {
                    *a = lerp(*a, g, 1.0 - beta1);
                    *b = larger(*b * beta2, g.magnitude() + eps);
                    p + step * *a / *b
                });
            }
            Rule::Nadam { of_grad, of_mean, beta1, beta2, eps, correction, shrink } => {
                let (of_grad, of_mean) = (T::of(of_grad), T::of(of_mean));
                let (eps, correction, shrink) = (T::of(eps), T::of(correction), T::of(shrink));
                each::<T, 2>(u, begin, end, |p, g, [a, b]| {
                    moments(g, a, b, beta1, beta2);
                    let d = (*b / correction).root() + eps;
                    p * shrink + of_grad * g / d + of_mean * *a / d
                });
            }
            Rule::Radam { lr, beta1, beta2, eps, correction1, correction2, rect, shrink } => {
                let (lr, eps, shrink) = (T::of(lr), T::of(eps), T::of(shrink));
                let (c1, c2) = (T::of(correction1), T::of(correction2));
                match rect.map(T::of) {
                    Some(rect) => each::<T, 2>(u, begin, end, |p, g, [a, b]| {
                        moments(g, a, b, beta1, beta2);
                        p * shrink - *a / c1 * lr * (c2 / (b.root() + eps)) * rect
                    }),
                    None => each::<T, 2>(u, begin, end, |p, g, [a, b]| {
                        moments(g, a, b, beta1, beta2);
                        p * shrink - *a / c1 * lr
                    }),
                }
            }
            Rule::RmsProp { lr, alpha, eps, momentum, centered } => {
                let (lr, eps, m) = (T::of(-lr), T::of(eps), T::of(momentum));
                let (keep, add) = (T::of(alpha), T::of(1.0 - alpha));
                // The gradient over its root mean square, from the square average and the mean.
                let scaled = |g: T, a: &mut T, b: &mut T| {
                    *a = *a * keep + add * g * g;
                    if centered {
                        *b = lerp(*b, g, 1.0 - alpha);
                        g / ((*a - *b * *b).root() + eps)
                    } else {
                        g / (a.root() + eps)
                    }
                };
                match (centered, momentum > 0.0) {
                    (false, false) => each::<T, 1>(u, begin, end, |p, g, [a]| {
                        *a = *a * keep + add * g * g;
                        p + lr * g / (a.root() + eps)
                    }),
                    (true, false) => each::<T, 2>(u, begin, end, |p, g, [a, b]| scaled(g, a, b).fma(lr, p)),
                    // Without a mean its place is not read: the rule is given the buffer there, and only here.
                    (false, true) => each::<T, 2>(u, begin, end, |p, g, [a, c]| {
                        let mut none = T::ZERO;
                        *c = *c * m + scaled(g, a, &mut none);
                        c.fma(lr, p)
                    }),
                    (true, true) => each::<T, 3>(u, begin, end, |p, g, [a, b, c]| {
                        *c = *c * m + scaled(g, a, b);
                        c.fma(lr, p)
                    }),
                }
            }
            Rule::Adagrad { lr, eps } => {
                let (lr, eps) = (T::of(-lr), T::of(eps));
                each::<T, 1>(u, begin, end, |p, g, [a]| {
                    *a = *a + g * g;
                    p + lr * g / (a.root() + eps)
                });
            }
            Rule::Adadelta { lr, rho, eps } => {
                let (lr, keep, add, eps) = (T::of(-lr), T::of(rho), T::of(1.0 - rho), T::of(eps));
                each::<T, 2>(u, begin, end, |p, g, [a, b]| {
                    *a = *a * keep + add * g * g;
                    let d = (*b + eps).root() / (*a + eps).root() * g;
                    *b = *b * keep + add * d * d;
                    d.fma(lr, p)
                });
            }
            Rule::Rprop { minus, plus, smallest, largest } => {
                let (minus, plus) = (T::of(minus), T::of(plus));
                let (smallest, largest) = (T::of(smallest), T::of(largest));
                each::<T, 2>(u, begin, end, |p, g, [last, size]| {
                    let agrees = g * *last;
                    let factor = if agrees > T::ZERO { plus } else if agrees < T::ZERO { minus } else { T::of(1.0) };
                    let grown = *size * factor;
                    *size = if grown < smallest { smallest } else if grown > largest { largest } else { grown };
                    let g = if agrees < T::ZERO { T::ZERO } else { g };
                    *last = g;
                    p - sign(g) * *size
                });
            }
            Rule::Asgd { shrink, eta, mu } => {
                let (shrink, eta) = (T::of(shrink), T::of(-eta));
                if mu == 1.0 {
                    each::<T, 1>(u, begin, end, |p, g, [a]| {
                        *a = g.fma(eta, p * shrink);
                        *a
                    });
                } else {
                    let mu = T::of(mu);
                    each::<T, 1>(u, begin, end, |p, g, [a]| {
                        let p = g.fma(eta, p * shrink);
                        *a = *a + (p - *a) * mu;
                        p
                    });
                }
            }
        }
    }
}

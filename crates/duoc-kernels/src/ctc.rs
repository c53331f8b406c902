//! Connectionist temporal classification: the likelihood of a label sequence, summed over all alignments.
//!
//! Notation of A. Graves et al. (ICML 2006): the labels with blanks between and around them, `l'` of length `2L + 1`;
//! `alpha[t][s]` is the log probability of all beginnings that reach `l'[s]` at time `t` (equations 6 and 7), `beta[t][s]`
//! that of all endings from there (equations 10 and 11).

use crate::{DType, par};

/// A batch of sequences.
pub struct Batch<'a> {
    /// F32 or F64.
    pub dtype: DType,
    /// Longest time, sequences, classes.
    pub sizes: [usize; 3],
    /// Log probabilities, `time x sequences x classes` in row-major order.
    pub log_probs: *const u8,
    /// The labels of all sequences.
    pub targets: &'a [i64],
    /// Where the labels of each sequence begin.
    pub starts: &'a [usize],
    /// Time steps of each sequence, at most the longest.
    pub input_lengths: &'a [usize],
    /// Labels of each sequence.
    pub target_lengths: &'a [usize],
    /// The class of the blank.
    pub blank: usize,
    /// States of the longest label sequence: `2 max(L) + 1`.
    pub states: usize,
}
// SAFETY: the memory is only read.
unsafe impl Sync for Batch<'_> {}

struct Out(*mut u8);
// SAFETY: each sequence writes its own part.
unsafe impl Sync for Out {}

impl Out {
    fn at<T>(&self, i: usize) -> *mut T {
        self.0.cast::<T>().wrapping_add(i)
    }
}

/// Writes `-ln p(labels)` of each sequence to `loss`, and `alpha` (`sequences x time x states`). False for other dtypes.
///
/// # Safety
/// The sizes hold for the memory, labels and blank are classes, and lengths are inside the sizes.
pub unsafe fn forward(b: &Batch, loss: *mut u8, alpha: *mut u8) -> bool {
    let (loss, alpha) = (Out(loss), Out(alpha));
    match b.dtype {
        DType::F32 => each(b, &|n| unsafe { f32_::forward(b, n, loss.at(0), alpha.at(0)) }),
        DType::F64 => each(b, &|n| unsafe { f64_::forward(b, n, loss.at(0), alpha.at(0)) }),
        _ => return false,
    }
    true
}

/// Writes the gradient of each sequence's loss, times `scale`, for scores of which `log_probs` is the log softmax.
///
/// # Safety
/// As [`forward`], whose results `loss` and `alpha` are; `grad` has the size of `log_probs`, `scale` one number a sequence.
pub unsafe fn backward(
    b: &Batch,
    loss: *const u8,
    alpha: *const u8,
    scale: *const u8,
    zero_infinity: bool,
    grad: *mut u8,
) -> bool {
    let (loss, alpha, scale, grad) = (
        Out(loss.cast_mut()),
        Out(alpha.cast_mut()),
        Out(scale.cast_mut()),
        Out(grad),
    );
    let run = |n: usize| unsafe {
        match b.dtype {
            DType::F32 => f32_::backward(b, n, loss.at(0), alpha.at(0), scale.at(0), zero_infinity, grad.at(0)),
            _ => f64_::backward(b, n, loss.at(0), alpha.at(0), scale.at(0), zero_infinity, grad.at(0)),
        }
    };
    match b.dtype {
        DType::F32 | DType::F64 => each(b, &run),
        _ => return false,
    }
    true
}

fn each(b: &Batch, f: &(dyn Fn(usize) + Sync)) {
    let [time, sequences, classes] = b.sizes;
    if time.saturating_mul(b.states + classes).saturating_mul(sequences) < par::GRAIN / 8 {
        return (0..sequences).for_each(f);
    }
    par::for_chunks(sequences, f);
}

macro_rules! sequences {
    ($module:ident, $t:ident) => {
        mod $module {
            use super::Batch;

            const NONE: $t = $t::NEG_INFINITY;

            /// `ln(e^a + e^b)`.
            fn add(a: $t, b: $t) -> $t {
                let m = a.max(b);
                if m == NONE {
                    NONE
                } else {
                    m + ((a - m).exp() + (b - m).exp()).ln()
                }
            }

            /// `ln(e^a + e^b + e^c)`.
            fn add3(a: $t, b: $t, c: $t) -> $t {
                let m = a.max(b).max(c);
                if m == NONE {
                    NONE
                } else {
                    m + ((a - m).exp() + (b - m).exp() + (c - m).exp()).ln()
                }
            }

            /// One sequence of the batch.
            struct Sequence<'a> {
                labels: &'a [i64],
                blank: usize,
                time: usize,
                log_probs: *const $t,
                step: usize,
            }

            impl Sequence<'_> {
                unsafe fn of<'a>(b: &Batch<'a>, n: usize) -> Sequence<'a> {
                    let [_, sequences, classes] = b.sizes;
                    Sequence {
                        labels: &b.targets[b.starts[n]..b.starts[n] + b.target_lengths[n]],
                        blank: b.blank,
                        time: b.input_lengths[n],
                        log_probs: b.log_probs.cast::<$t>().add(n * classes),
                        step: sequences * classes,
                    }
                }

                fn states(&self) -> usize {
                    2 * self.labels.len() + 1
                }

                fn class(&self, s: usize) -> usize {
                    if s % 2 == 0 {
                        self.blank
                    } else {
                        self.labels[s / 2] as usize
                    }
                }

                unsafe fn log_prob(&self, t: usize, class: usize) -> $t {
                    *self.log_probs.add(t * self.step + class)
                }

                /// Whether the blank between labels `s - 2` and `s` may be left out.
                fn may_skip(&self, s: usize) -> bool {
                    s % 2 == 1 && s > 1 && self.labels[s / 2] != self.labels[s / 2 - 1]
                }
            }

            pub(super) unsafe fn forward(b: &Batch, n: usize, loss: *mut $t, alpha: *mut $t) {
                let q = Sequence::of(b, n);
                let row = |t: usize| alpha.add((n * b.sizes[0] + t) * b.states);
                for i in 0..b.sizes[0] * b.states {
                    *row(0).add(i) = NONE;
                }
                let states = q.states();
                if q.time == 0 {
                    *loss.add(n) = if q.labels.is_empty() { 0.0 } else { $t::INFINITY };
                    return;
                }
                *row(0) = q.log_prob(0, q.blank);
                if states > 1 {
                    *row(0).add(1) = q.log_prob(0, q.class(1));
                }
                for t in 1..q.time {
                    let (last, now) = (row(t - 1), row(t));
                    for s in 0..states {
                        let stay = *last.add(s);
                        let step = if s > 0 { *last.add(s - 1) } else { NONE };
                        let skip = if q.may_skip(s) { *last.add(s - 2) } else { NONE };
                        *now.add(s) = add3(stay, step, skip) + q.log_prob(t, q.class(s));
                    }
                }
                let end = row(q.time - 1);
                let total = match states {
                    1 => *end,
                    s => add(*end.add(s - 1), *end.add(s - 2)),
                };
                *loss.add(n) = -total;
            }

            pub(super) unsafe fn backward(
                b: &Batch,
                n: usize,
                loss: *const $t,
                alpha: *const $t,
                scale: *const $t,
                zero_infinity: bool,
                grad: *mut $t,
            ) {
                let q = Sequence::of(b, n);
                let [longest, sequences, classes] = b.sizes;
                let place = |t: usize| grad.add((t * sequences + n) * classes);
                for t in 0..longest {
                    for c in 0..classes {
                        *place(t).add(c) = 0.0;
                    }
                }
                let (nll, scale, states) = (*loss.add(n), *scale.add(n), q.states());
                if q.time == 0 || zero_infinity && nll == $t::INFINITY {
                    return;
                }
                let mut beta = vec![NONE; states];
                let mut next = vec![NONE; states];
                let mut sums = vec![NONE; classes];
                for t in (0..q.time).rev() {
                    for s in 0..states {
                        let own = q.log_prob(t, q.class(s));
                        beta[s] = if t + 1 == q.time {
                            if s + 2 >= states { own } else { NONE }
                        } else {
                            let stay = next[s];
                            let step = if s + 1 < states { next[s + 1] } else { NONE };
                            let skip = if s + 2 < states && q.may_skip(s + 2) {
                                next[s + 2]
                            } else {
                                NONE
                            };
                            add3(stay, step, skip) + own
                        };
                    }
                    sums.fill(NONE);
                    let row = alpha.add((n * longest + t) * b.states);
                    for s in 0..states {
                        let sum = &mut sums[q.class(s)];
                        *sum = add(*sum, *row.add(s) + beta[s]);
                    }
                    for c in 0..classes {
                        let own = q.log_prob(t, c);
                        // The product of alpha and beta has the step's own probability twice.
                        *place(t).add(c) = (own.exp() - (sums[c] + nll - own).exp()) * scale;
                    }
                    std::mem::swap(&mut beta, &mut next);
                }
            }
        }
    };
}
sequences!(f32_, f32);
sequences!(f64_, f64);

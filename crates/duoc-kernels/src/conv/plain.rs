//! The definition, element by element: for geometries whose frame would be mostly padding, and without memory.

use super::frame::{Corr, Phase};
use super::{Conv, Place, at, forward_taps, grid};
use crate::matmul::pack::Source;
use crate::matmul::vector::Num;
use crate::par;

/// All images.
pub(super) unsafe fn correlate<S: Source>(corr: &Corr<S>) {
    par::for_units(corr.batch * corr.groups, 1, &|from, to| {
        for i in from..to {
            // SAFETY: images and groups are disjoint in the output.
            unsafe { image(corr, i / corr.groups, i % corr.groups) }
        }
    });
}

/// One group of an image.
pub(super) unsafe fn image<S: Source>(corr: &Corr<S>, n: usize, g: usize) {
    for phase in &corr.phases {
        columns(corr, phase, n, g, 0, phase.columns());
    }
}

/// Some positions of a phase, counted through its rows.
pub(super) unsafe fn columns<S: Source>(corr: &Corr<S>, phase: &Phase, n: usize, g: usize, first: usize, count: usize) {
    let x = corr
        .x
        .wrapping_offset(n as isize * corr.xn + (g * corr.cin) as isize * corr.xc);
    let y = corr
        .y
        .wrapping_offset(n as isize * corr.yn + (g * corr.cout) as isize * corr.yc + phase.y);
    for m in 0..corr.cout {
        let w = corr.w.wrapping_offset(g as isize * corr.wg + m as isize * corr.wm);
        for t in grid(phase.out).skip(first).take(count) {
            let mut sum = match corr.bias.is_null() {
                true => S::Compute::ZERO,
                false => (*corr.bias.add(g * corr.cout + m)).widen(),
            };
            for tap in &phase.taps {
                let Some(i) = source(t, corr.step, tap.off, corr.input) else {
                    continue;
                };
                let x = x.wrapping_offset(at(corr.xs, i));
                for c in 0..corr.cin as isize {
                    let (a, b) = (*w.wrapping_offset(tap.w + c * corr.wc), *x.wrapping_offset(c * corr.xc));
                    sum = S::Compute::add(sum, S::Compute::mul(a.widen(), b.widen()));
                }
            }
            *y.wrapping_offset(m as isize * corr.yc + at(phase.ys, t)) = S::narrow(sum);
        }
    }
}

/// The position that a tap reads, if it is inside.
fn source(t: [usize; 3], step: [usize; 3], off: [isize; 3], input: [usize; 3]) -> Option<[usize; 3]> {
    let mut i = [0; 3];
    for d in 0..3 {
        let at = (t[d] * step[d]) as isize + off[d];
        if at < 0 || at as usize >= input[d] {
            return None;
        }
        i[d] = at as usize;
    }
    Some(i)
}

/// The weight's gradient.
pub(super) unsafe fn weight<S: Source>(conv: &Conv, y: Place, x: Place, w: Place) {
    let taps = forward_taps(conv, w.s);
    for g in 0..conv.groups {
        for [_, m, c] in grid([1, conv.cout, conv.cin]) {
            let (m, first) = ((g * conv.cout + m) as isize, (g * conv.cin + c) as isize);
            for tap in &taps {
                let mut sum = S::Compute::ZERO;
                for n in 0..conv.batch as isize {
                    for o in grid(conv.output) {
                        let Some(i) = source(o, conv.stride, tap.off, conv.input) else {
                            continue;
                        };
                        let a = *y.ptr.cast::<S>().wrapping_offset(n * y.n + m * y.c + at(y.s, o));
                        let b = *x.ptr.cast::<S>().wrapping_offset(n * x.n + first * x.c + at(x.s, i));
                        sum = S::Compute::add(sum, S::Compute::mul(a.widen(), b.widen()));
                    }
                }
                let to = w.ptr.cast::<S>().wrapping_offset(m * w.n + c as isize * w.c + tap.w);
                *to = S::narrow(sum);
            }
        }
    }
}

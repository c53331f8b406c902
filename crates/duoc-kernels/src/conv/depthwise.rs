//! Correlations with one input channel a group: rows of the output in registers, tap after tap.

use super::frame::{Corr, Frame};
use super::{plain, product};
use crate::matmul::driver::PARALLEL;
use crate::matmul::pack::Source;
use crate::matmul::scratch::{Purpose, Scratch};
use crate::matmul::vector::Num;
use crate::{par, simd_fn};

pub(super) unsafe fn run<S: Source>(corr: &Corr<S>, frame: &Frame) {
    let taps: Vec<Vec<usize>> = corr
        .phases
        .iter()
        .map(|p| p.taps.iter().map(|t| frame.tap(t.off)).collect())
        .collect();
    let images = corr.batch * corr.groups;
    let work = corr.work();
    let all = |from: usize, to: usize| {
        for i in from..to {
            // SAFETY: images and groups are disjoint in the output.
            unsafe { image(corr, frame, &taps, i / corr.groups, i % corr.groups) }
        }
    };
    if work.saturating_mul(images) < PARALLEL / 8 {
        return all(0, images);
    }
    let bundle = (PARALLEL / 8 / work.max(1)).clamp(1, images.div_ceil(4 * par::num_threads()));
    par::for_units(images, bundle, &all);
}

unsafe fn image<S: Source>(corr: &Corr<S>, frame: &Frame, taps: &[Vec<usize>], n: usize, g: usize) {
    let Some(scratch) = frame
        .bytes::<S::Compute>(1)
        .and_then(|b| Scratch::take(Purpose::Image, b))
    else {
        return plain::image(corr, n, g);
    };
    let x = scratch.ptr::<S::Compute>();
    corr.fill(frame, n, g, x, false);
    let mut list = Vec::new();
    for m in 0..corr.cout {
        let w = corr.w.wrapping_offset(g as isize * corr.wg + m as isize * corr.wm);
        let channel = g * corr.cout + m;
        let bias = if corr.bias.is_null() {
            S::Compute::ZERO
        } else {
            (*corr.bias.add(channel)).widen()
        };
        for (phase, taps) in corr.phases.iter().zip(taps) {
            let to = corr
                .y
                .wrapping_offset(n as isize * corr.yn + channel as isize * corr.yc + phase.y);
            list.clear();
            list.extend(
                phase
                    .taps
                    .iter()
                    .zip(taps)
                    .map(|(t, at)| (*at, (*w.wrapping_offset(t.w)).widen())),
            );
            let rows = Rows {
                x,
                frame,
                taps: &list,
                bias,
                out: phase.out,
                to,
                ys: phase.ys,
            };
            match phase.out[2] {
                0..=16 => rows_16(&rows),
                17..=32 => rows_32(&rows),
                _ => rows_64(&rows),
            }
        }
    }
}

struct Rows<'a, S: Source> {
    x: *const S::Compute,
    frame: &'a Frame,
    taps: &'a [(usize, S::Compute)],
    bias: S::Compute,
    out: [usize; 3],
    to: *mut S,
    ys: [isize; 3],
}

macro_rules! rows {
    ($($name:ident $width:literal;)+) => { $(
        simd_fn! {
            [<S::Compute as Num>::LEVELS]
            unsafe fn $name<S: Source>(r: &Rows<S>) {
                for d in 0..r.out[0] {
                    for h in 0..r.out[1] {
                        let x = r.x.add(r.frame.line(d, h));
                        let to = r.to.wrapping_offset(d as isize * r.ys[0] + h as isize * r.ys[1]);
                        let mut w = 0;
                        while w < r.out[2] {
                            let mut sums = [r.bias; $width];
                            for (at, f) in r.taps {
                                let x = x.add(at + w);
                                for (l, sum) in sums.iter_mut().enumerate() {
                                    *sum = S::Compute::add(S::Compute::mul(*f, *x.add(l)), *sum);
                                }
                            }
                            let n = (r.out[2] - w).min($width);
                            let to = to.wrapping_offset(w as isize * r.ys[2]);
                            if n == $width && r.ys[2] == 1 {
                                for (l, sum) in sums.iter().enumerate() {
                                    *to.add(l) = S::narrow(*sum);
                                }
                            } else {
                                product::scatter(sums.as_ptr(), to, r.ys[2], n);
                            }
                            w += $width;
                        }
                    }
                }
            }
        }
    )+ };
}
rows! { rows_16 16; rows_32 32; rows_64 64; }

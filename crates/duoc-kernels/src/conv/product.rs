//! A correlation as a product of matrices: the weight by the columns that the taps read.
//!
//! The rows of the right factor are (channel, tap), its columns the positions of the output. It never exists: a panel
//! as wide as the kernel's tile is packed from the frame, multiplied with all rows of the weight, and forgotten.

use super::frame::{Corr, Frame, Phase, STRIDE, Segment, segments};
use super::plain;
use crate::matmul::Mat;
use crate::matmul::driver::{Cut, KC_BYTES, PARALLEL};
use crate::matmul::micro::{Compute, Kernels, Tile};
use crate::matmul::pack::{Source, interleave, narrow_row};
use crate::matmul::scratch::{Purpose, Scratch};
use crate::matmul::vector::Num;
use crate::{par, simd_fn};
use std::any::TypeId;

/// Panels of a task: a block of the weight is read once for so many.
const PANELS: usize = 8;

/// A phase made ready.
struct Part<'a> {
    phase: &'a Phase,
    /// Where each tap finds the element of the first output.
    taps: Vec<usize>,
    /// Length of the sums, and its blocks.
    ks: Cut,
    /// Blocks of columns.
    js: Cut,
    /// The packed weight, from the start of a group's.
    weight: usize,
    /// Whether a block of columns is adjacent in the output.
    direct: bool,
}

struct Plan<'a, S: Source> {
    corr: &'a Corr<S>,
    frame: &'a Frame,
    kernels: &'static Kernels<S::Compute>,
    parts: Vec<Part<'a>>,
    /// Elements of a group's packed weight.
    group: usize,
    weights: *mut S::Compute,
}
// SAFETY: tasks write disjoint parts of the output.
unsafe impl<S: Source> Sync for Plan<'_, S> {}

pub(super) unsafe fn run<S: Source>(corr: &Corr<S>, frame: &Frame) {
    let kernels = S::Compute::kernels();
    let same = TypeId::of::<S>() == TypeId::of::<S::Compute>();
    let mut group = 0;
    let parts = corr.phases.iter().filter(|p| p.columns() > 0).map(|phase| {
        let k = phase.taps.len() * corr.cin;
        let weight = group;
        group += k * corr.cout;
        let s = phase.ys;
        let (h, w) = (phase.out[1] as isize, phase.out[2] as isize);
        Part {
            phase,
            taps: phase.taps.iter().map(|t| frame.tap(t.off)).collect(),
            ks: Cut::new(k, KC_BYTES / size_of::<S::Compute>(), 8),
            js: Cut::new(phase.columns(), PANELS * kernels.nr(), kernels.nr()),
            weight,
            direct: same && s[2] == 1 && (h == 1 || s[1] == w) && (phase.out[0] == 1 || s[0] == h * w),
        }
    });
    let parts: Vec<Part> = parts.collect();
    let bytes = group
        .checked_mul(corr.groups)
        .and_then(|n| n.checked_mul(size_of::<S::Compute>()));
    let Some(scratch) = bytes.and_then(|n| Scratch::take(Purpose::Weights, n)) else {
        return plain::correlate(corr);
    };
    let plan = Plan {
        corr,
        frame,
        kernels,
        parts,
        group,
        weights: scratch.ptr(),
    };
    let images = corr.batch * corr.groups;
    let work = corr.work();
    let parallel = par::num_threads() > 1 && work.saturating_mul(images) >= PARALLEL;
    plan.pack_weights(parallel);
    if parallel && images >= 2 * par::num_threads() {
        let bundle = (PARALLEL / 4 / work.max(1)).clamp(1, images.div_ceil(4 * par::num_threads()));
        par::for_units(images, bundle, &|from, to| {
            for i in from..to {
                // SAFETY: images and groups are disjoint in the output.
                unsafe { plan.image(i, false) }
            }
        });
    } else {
        for i in 0..images {
            plan.image(i, parallel);
        }
    }
}

impl<S: Source> Plan<'_, S> {
    /// The weight, block of k by block of k, as panels of the kernel's height.
    unsafe fn pack_weights(&self, parallel: bool) {
        let corr = self.corr;
        let mr = self.kernels.mr;
        let tiles = corr.cout.div_ceil(mr);
        let one = |i: usize| {
            let (g, i) = (i / tiles, i % tiles * mr);
            let rows = mr.min(corr.cout - i);
            let from = corr.w.wrapping_offset(g as isize * corr.wg + i as isize * corr.wm);
            for part in &self.parts {
                let taps = &part.phase.taps;
                let t = taps.len();
                let dense = corr.wc == t as isize && taps.iter().enumerate().all(|(i, t)| t.w == i as isize);
                for b in 0..part.ks.count {
                    let (k0, kc) = part.ks.range(b);
                    // SAFETY: the buffer holds `cout * k` elements for every group and part.
                    unsafe {
                        let to = self.weights.add(g * self.group + part.weight + k0 * corr.cout + i * kc);
                        if dense {
                            interleave(from.wrapping_add(k0), corr.wm, rows, 1, kc, to, rows);
                            continue;
                        }
                        let (mut c, mut tap) = (k0 / t, k0 % t);
                        for p in 0..kc {
                            let from = from.wrapping_offset(c as isize * corr.wc + taps[tap].w);
                            for l in 0..rows {
                                *to.add(p * rows + l) = (*from.wrapping_offset(l as isize * corr.wm)).widen();
                            }
                            tap += 1;
                            if tap == t {
                                (c, tap) = (c + 1, 0);
                            }
                        }
                    }
                }
            }
        };
        if parallel && self.group * corr.groups >= par::GRAIN {
            par::for_chunks(tiles * corr.groups, &one);
        } else {
            (0..tiles * corr.groups).for_each(one);
        }
    }

    unsafe fn image(&self, i: usize, parallel: bool) {
        let (n, g) = (i / self.corr.groups, i % self.corr.groups);
        let Some(scratch) = self
            .frame
            .bytes::<S::Compute>(self.corr.cin)
            .and_then(|b| Scratch::take(Purpose::Image, b))
        else {
            return plain::image(self.corr, n, g);
        };
        let frame = scratch.ptr::<S::Compute>();
        self.corr.fill(self.frame, n, g, frame, parallel);
        struct From<T>(*const T);
        // SAFETY: it is only read.
        unsafe impl<T> Sync for From<T> {}
        let frame = From(frame.cast_const());
        for part in &self.parts {
            let task = |j: usize| {
                let frame = &frame;
                // SAFETY: blocks of columns are disjoint in the output.
                unsafe { self.block(part, n, g, j, frame.0) }
            };
            if parallel {
                par::for_chunks(part.js.count, &task);
            } else {
                (0..part.js.count).for_each(task);
            }
        }
    }

    /// One block of columns.
    unsafe fn block(&self, part: &Part, n: usize, g: usize, j: usize, frame: *const S::Compute) {
        let corr = self.corr;
        let (j0, columns) = part.js.range(j);
        let nr = self.kernels.nr();
        let kc_most = part.ks.size.min(part.ks.total);
        let image = corr
            .y
            .wrapping_offset(n as isize * corr.yn + (g * corr.cout) as isize * corr.yc + part.phase.y);
        let bias = corr.bias.wrapping_add(g * corr.cout);
        let panel = Scratch::take(Purpose::B, (kc_most * nr + STRIDE) * size_of::<S::Compute>());
        let sums = match part.direct {
            true => None,
            false => Scratch::take(Purpose::C, corr.cout * columns * size_of::<S::Compute>()),
        };
        let (Some(panel), true) = (panel, part.direct || sums.is_some()) else {
            return plain::columns(corr, part.phase, n, g, j0, columns);
        };
        let (c, c_rs) = match &sums {
            None => (image.wrapping_add(j0).cast::<S::Compute>(), corr.yc),
            Some(s) => (s.ptr::<S::Compute>(), columns as isize),
        };
        let empty = part.ks.total == 0;
        if !corr.bias.is_null() || empty {
            for m in 0..corr.cout {
                let b = if corr.bias.is_null() {
                    S::Compute::ZERO
                } else {
                    (*bias.add(m)).widen()
                };
                let row = c.wrapping_offset(m as isize * c_rs);
                for i in 0..columns {
                    *row.add(i) = b;
                }
            }
        }
        for b in 0..if empty { 0 } else { part.ks.count } {
            let fresh = b == 0 && corr.bias.is_null();
            for first in (0..columns).step_by(nr) {
                let width = nr.min(columns - first);
                self.pack(part, b, j0 + first, width, frame, panel.ptr());
                self.rows(part, g, b, width, panel.ptr(), c.wrapping_add(first), c_rs, fresh);
            }
        }
        if let Some(sums) = &sums {
            let sums = sums.ptr::<S::Compute>().cast_const();
            for m in 0..corr.cout {
                let row = image.wrapping_offset(m as isize * corr.yc);
                for s in segments(part.phase.out, j0, columns) {
                    let to = row.wrapping_offset(super::at(part.phase.ys, [s.d, s.h, s.w]));
                    scatter(sums.add(m * columns + s.at), to, part.phase.ys[2], s.len);
                }
            }
        }
    }

    /// Packs rows `block b` of `width` columns.
    unsafe fn pack(
        &self,
        part: &Part,
        b: usize,
        first: usize,
        width: usize,
        frame: *const S::Compute,
        panel: *mut S::Compute,
    ) {
        let mut list = [Run { at: 0, len: 0, from: 0 }; MOST_RUNS];
        let mut count = 0;
        for Segment { at, len, d, h, w } in segments(part.phase.out, first, width) {
            let from = self.frame.line(d, h) + w;
            list[count] = Run { at, len, from };
            count += 1;
        }
        let (k0, kc) = part.ks.range(b);
        let job = Packing {
            frame,
            channel: self.frame.channel,
            taps: &part.taps,
            k0,
            kc,
            runs: &list[..count],
            width,
            panel,
        };
        pack_panel(&job);
    }

    /// All rows of the weight by one packed panel.
    unsafe fn rows(
        &self,
        part: &Part,
        g: usize,
        b: usize,
        width: usize,
        panel: *const S::Compute,
        c: *mut S::Compute,
        c_rs: isize,
        fresh: bool,
    ) {
        let (k0, kc) = part.ks.range(b);
        let (mr, cout) = (self.kernels.mr, self.corr.cout);
        let weights = self.weights.cast_const().add(g * self.group + part.weight + k0 * cout);
        for i in (0..cout).step_by(mr) {
            let rows = mr.min(cout - i);
            let (kernel, last) = self.kernels.pick(rows, width);
            kernel(&Tile {
                k: kc,
                a: weights.add(i * kc),
                a_rs: 1,
                a_ks: rows as isize,
                b: panel,
                b_ks: width as isize,
                c: c.wrapping_offset(i as isize * c_rs),
                c_rs,
                last,
                ahead: (8 * width) as isize,
                alpha: S::Compute::ONE,
                beta: if fresh { S::Compute::ZERO } else { S::Compute::ONE },
            });
        }
    }
}

/// The widest tile of any level has so many columns, each of which may be in a row of its own.
pub(super) const MOST_RUNS: usize = 48;

/// Adjacent elements: where they go in a row of the panel, and where they come from.
#[derive(Clone, Copy)]
pub(super) struct Run {
    pub at: usize,
    pub len: usize,
    pub from: usize,
}

struct Packing<'a, T> {
    frame: *const T,
    channel: usize,
    taps: &'a [usize],
    k0: usize,
    kc: usize,
    runs: &'a [Run],
    width: usize,
    panel: *mut T,
}

simd_fn! {
    [T::LEVELS]
    unsafe fn pack_panel<T: Num>(p: &Packing<T>) {
        let t = p.taps.len();
        let (mut c, mut tap) = (p.k0 / t, p.k0 % t);
        let mut to = p.panel;
        let mut from = p.frame.add(c * p.channel);
        for _ in 0..p.kc {
            copy_runs(from.add(p.taps[tap]), p.runs, to);
            to = to.add(p.width);
            tap += 1;
            if tap == t {
                (c, tap) = (c + 1, 0);
                from = p.frame.add(c * p.channel);
            }
        }
    }
}

/// Copies runs in order, [`STRIDE`] elements at a time; what is written beyond the end of one is overwritten by the next.
#[inline(always)]
pub(super) unsafe fn copy_runs<T: Num>(from: *const T, runs: &[Run], to: *mut T) {
    for r in runs {
        let (from, to) = (from.add(r.from), to.add(r.at));
        let mut i = 0;
        while i < r.len {
            let block = from.add(i).cast::<[T; STRIDE]>().read_unaligned();
            to.add(i).cast::<[T; STRIDE]>().write_unaligned(block);
            i += STRIDE;
        }
    }
}

/// `to[i * step] = narrow(from[i])`.
pub(super) unsafe fn scatter<S: Source>(from: *const S::Compute, to: *mut S, step: isize, n: usize) {
    if step == 1 {
        return narrow_row(from, to, n, S::Compute::ZERO);
    }
    for i in 0..n {
        *to.wrapping_offset(i as isize * step) = S::narrow(*from.add(i));
    }
}

/// Fills every row of a batch of matrices with its element of `bias`.
pub(super) unsafe fn fill<T: Num>(bias: *const T, rows: usize, batch: usize, next: isize, c: Mat, n: usize) {
    for b in 0..batch {
        for m in 0..rows {
            let row = c.ptr.cast::<T>().wrapping_offset(b as isize * next + m as isize * c.rs);
            for i in 0..n {
                *row.wrapping_offset(i as isize * c.cs) = *bias.add(m);
            }
        }
    }
}

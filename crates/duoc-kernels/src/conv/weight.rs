//! The weight's gradient: the output's gradient by the transposed columns that the taps read, summed over the images.
//!
//! The input is copied channels-last, so that the columns of a panel (tap, channel) are adjacent runs of it.

use super::frame::{Frame, SLACK, STRIDE, widen, zeros};
use super::product::{MOST_RUNS, Run, copy_runs};
use super::{Conv, Place, at, forward_taps, grid, plain, run_of};
use crate::matmul::driver::{Cut, KC_BYTES, PARALLEL};
use crate::matmul::micro::{Compute, Kernels, Tile};
use crate::matmul::pack::{Source, interleave};
use crate::matmul::scratch::{Purpose, Scratch};
use crate::matmul::vector::Num;
use crate::{par, simd_fn};
use std::any::TypeId;

/// Bytes of copied images that are worked on between two handovers to the threads.
const GROUP_BYTES: usize = 1 << 18;

struct Plan<'a, S: Source> {
    conv: &'a Conv,
    kernels: &'static Kernels<S::Compute>,
    y: Place,
    x: Place,
    /// The input's position that is first in the copy, and the copy's size.
    origin: [isize; 3],
    size: [usize; 3],
    /// The runs of all columns: `at` counts columns, `from` is in the copy.
    runs: Vec<Run>,
    /// Elements of one image's copy, and of its copied gradient (0 where it is read where it lies).
    image: usize,
    grad: usize,
    columns: usize,
    positions: usize,
    /// Images of a group.
    per: usize,
    none: std::marker::PhantomData<S>,
}
// SAFETY: tasks write disjoint tiles.
unsafe impl<S: Source> Sync for Plan<'_, S> {}

pub(super) unsafe fn run<S: Source>(conv: &Conv, y: Place, x: Place, w: Place) {
    if conv.groups == 0 || conv.cout == 0 || conv.cin == 0 || conv.taps() == 0 {
        return;
    }
    let taps = forward_taps(conv, w.s);
    let frame = Frame::new(conv.input, conv.stride, std::iter::once((&conv.output, &taps[..])));
    let positions: usize = conv.output.iter().product();
    let (Some(frame), true) = (frame, positions > 0 && conv.batch > 0) else {
        return plain::weight::<S>(conv, y, x, w);
    };
    let kernels = S::Compute::kernels();
    let width = (frame.run * frame.residues).min(
        // The frame rounds its columns up to whole steps; the copy needs no more than is read.
        (conv.output[2] - 1) * conv.stride[2] + (conv.kernel[2] - 1) * conv.dilation[2] + 1,
    );
    let size = [frame.depth, frame.height, width];
    let step = [size[1] * size[2] * conv.cin, size[2] * conv.cin, conv.cin];
    let mut runs: Vec<Run> = Vec::new();
    for (i, k) in grid(conv.kernel).enumerate() {
        let from: usize = (0..3).map(|d| k[d] * conv.dilation[d] * step[d]).sum();
        match runs.last_mut() {
            Some(r) if r.from + r.len == from => r.len += conv.cin,
            _ => runs.push(Run {
                at: i * conv.cin,
                len: conv.cin,
                from,
            }),
        }
    }
    let in_place = TypeId::of::<S>() == TypeId::of::<S::Compute>() && run_of(conv.output, y.s) == Some(1);
    let image = size.iter().product::<usize>() * conv.cin;
    let plan = Plan::<S> {
        conv,
        kernels,
        y,
        x,
        origin: frame.origin,
        size,
        runs,
        image,
        grad: if in_place { 0 } else { conv.cout * positions },
        columns: conv.taps() * conv.cin,
        positions,
        per: (GROUP_BYTES / (image * size_of::<S::Compute>())).clamp(1, conv.batch),
        none: std::marker::PhantomData,
    };
    let work = plan.columns * conv.cout * positions;
    let parallel = par::num_threads() > 1 && work.saturating_mul(conv.batch * conv.groups) >= PARALLEL;
    if parallel && conv.groups >= 2 * par::num_threads() {
        par::for_chunks(conv.groups, &|g| {
            // SAFETY: groups write disjoint weights.
            unsafe { plan.group(g, w, false) }
        });
    } else {
        for g in 0..conv.groups {
            plan.group(g, w, parallel);
        }
    }
}

impl<S: Source> Plan<'_, S> {
    unsafe fn group(&self, g: usize, w: Place, parallel: bool) {
        let conv = self.conv;
        let bytes = |n: usize| n.checked_mul(size_of::<S::Compute>());
        let images = Scratch::take(
            Purpose::Image,
            bytes(self.per * (self.image + self.grad) + SLACK).unwrap_or(usize::MAX),
        );
        let sums = Scratch::take(Purpose::Sums, bytes(conv.cout * self.columns).unwrap_or(usize::MAX));
        let one = Conv { groups: 1, ..*conv };
        let shifted = |p: Place, by: isize| Place {
            ptr: p.ptr.cast::<S>().wrapping_offset(by).cast(),
            ..p
        };
        let (m, c) = ((g * conv.cout) as isize, (g * conv.cin) as isize);
        let (y, x, w) = (
            shifted(self.y, m * self.y.c),
            shifted(self.x, c * self.x.c),
            shifted(w, m * w.n),
        );
        let (Some(images), Some(sums)) = (images, sums) else {
            return plain::weight::<S>(&one, y, x, w);
        };
        let (copies, sums) = (images.ptr::<S::Compute>(), sums.ptr::<S::Compute>());
        zeros(copies.add(self.per * (self.image + self.grad)), SLACK);
        let nr = self.kernels.nr();
        let panels = self.columns.div_ceil(nr);
        let rows = Cut::new(conv.cout, 96, self.kernels.mr);
        for first in (0..conv.batch).step_by(self.per) {
            let count = self.per.min(conv.batch - first);
            let parallel = parallel && self.columns * conv.cout * self.positions * count >= PARALLEL;
            self.copy(first, count, y, x, copies, parallel);
            let job = Job {
                plan: self,
                y,
                first,
                count,
                copies,
                sums,
            };
            let task = |t: usize| {
                let job = &job;
                let (i0, height) = rows.range(t % rows.count);
                // SAFETY: tiles are disjoint.
                unsafe { job.tiles(t / rows.count * nr, i0, height) }
            };
            if parallel {
                par::for_chunks(panels * rows.count, &task);
            } else {
                (0..panels * rows.count).for_each(task);
            }
        }
        for m in 0..conv.cout {
            for (i, k) in grid(conv.kernel).enumerate() {
                for c in 0..conv.cin {
                    let to = w
                        .ptr
                        .cast::<S>()
                        .wrapping_offset(m as isize * w.n + c as isize * w.c + at(w.s, k));
                    *to = S::narrow(*sums.add(m * self.columns + i * conv.cin + c));
                }
            }
        }
    }

    /// Copies images channels-last, and their gradients densely where they cannot be read as they lie.
    unsafe fn copy(&self, first: usize, count: usize, y: Place, x: Place, copies: *mut S::Compute, parallel: bool) {
        struct To<T>(*mut T);
        // SAFETY: tasks write disjoint rows.
        unsafe impl<T> Sync for To<T> {}
        let (conv, to) = (self.conv, To(copies));
        let lines = self.size[0] * self.size[1];
        let image = &x;
        let one = |i: usize| {
            let (to, x) = (&to, image);
            let (n, line) = (i / lines, i % lines);
            // SAFETY: the rows lie inside the image and the copy.
            unsafe {
                let row = to.0.add(n * self.image + line * self.size[2] * conv.cin);
                let total = self.size[2] * conv.cin;
                let position = [line / self.size[1], line % self.size[1]];
                let mut from = x
                    .ptr
                    .cast::<S>()
                    .cast_const()
                    .wrapping_offset((first + n) as isize * x.n);
                for d in 0..2 {
                    let at = position[d] as isize + self.origin[d];
                    if at < 0 || at as usize >= conv.input[d] {
                        return zeros(row, total);
                    }
                    from = from.wrapping_offset(at * x.s[d]);
                }
                let origin = self.origin[2];
                let bound = |i: isize| (i - origin).clamp(0, self.size[2] as isize) as usize;
                let (low, high) = (bound(0), bound(conv.input[2] as isize));
                zeros(row, low * conv.cin);
                let from = from.wrapping_offset((low as isize + origin) * x.s[2]);
                interleave(
                    from,
                    x.c,
                    conv.cin,
                    x.s[2],
                    high - low,
                    row.add(low * conv.cin),
                    conv.cin,
                );
                zeros(row.add(high * conv.cin), (self.size[2] - high) * conv.cin);
            }
        };
        if parallel && count * self.image >= par::GRAIN {
            let bundle = (par::GRAIN / (self.size[2] * conv.cin)).max(1);
            par::for_units(count * lines, bundle, &|from, to| (from..to).for_each(one));
        } else {
            (0..count * lines).for_each(one);
        }
        if self.grad == 0 {
            return;
        }
        let rows = conv.output[0] * conv.output[1];
        let grads = copies.add(self.per * self.image);
        for i in 0..count * conv.cout {
            let (n, m) = ((first + i / conv.cout) as isize, (i % conv.cout) as isize);
            for r in 0..rows {
                let s = [r / conv.output[1], r % conv.output[1], 0];
                let from = y.ptr.cast::<S>().wrapping_offset(n * y.n + m * y.c + at(y.s, s));
                widen(
                    from.cast_const(),
                    y.s[2],
                    conv.output[2],
                    grads.add(i * self.positions + r * conv.output[2]),
                );
            }
        }
    }
}

/// A group of images that has been copied.
struct Job<'a, S: Source> {
    plan: &'a Plan<'a, S>,
    y: Place,
    first: usize,
    count: usize,
    copies: *mut S::Compute,
    sums: *mut S::Compute,
}
// SAFETY: tasks write disjoint tiles.
unsafe impl<S: Source> Sync for Job<'_, S> {}

impl<S: Source> Job<'_, S> {
    /// Rows `i0 ..` of the panel of columns `j0 ..`.
    unsafe fn tiles(&self, j0: usize, i0: usize, height: usize) {
        let plan = self.plan;
        let (conv, kernels) = (plan.conv, plan.kernels);
        let width = kernels.nr().min(plan.columns - j0);
        let mut list = [Run { at: 0, len: 0, from: 0 }; MOST_RUNS];
        let mut count = 0;
        let reached = plan.runs.partition_point(|r| r.at + r.len <= j0);
        for r in plan.runs[reached..].iter().take_while(|r| r.at < j0 + width) {
            let skip = j0.saturating_sub(r.at);
            let at = (r.at + skip) - j0;
            list[count] = Run {
                at,
                len: (r.len - skip).min(width - at),
                from: r.from + skip,
            };
            count += 1;
        }
        let ks = Cut::new(plan.positions, KC_BYTES / size_of::<S::Compute>(), 8);
        let bytes = (ks.size.min(plan.positions) * width + STRIDE) * size_of::<S::Compute>();
        // One row at a time where there is no memory for a panel.
        let scratch = Scratch::take(Purpose::B, bytes);
        let mut single = [S::Compute::ZERO; MOST_RUNS + STRIDE];
        for n in 0..self.count {
            let (a, a_rs) = match plan.grad {
                0 => {
                    let y = self
                        .y
                        .ptr
                        .cast::<S>()
                        .wrapping_offset((self.first + n) as isize * self.y.n);
                    (y.cast::<S::Compute>().cast_const(), self.y.c)
                }
                grad => (
                    self.copies.cast_const().add(plan.per * plan.image + n * grad),
                    plan.positions as isize,
                ),
            };
            let from = self.copies.cast_const().add(n * plan.image);
            for b in 0..ks.count {
                let (k0, kc) = ks.range(b);
                let step = if scratch.is_some() { kc } else { 1 };
                for k0 in (k0..k0 + kc).step_by(step) {
                    let panel = scratch.as_ref().map_or(single.as_mut_ptr(), |s| s.ptr());
                    let fresh = self.first + n == 0 && k0 == 0;
                    pack_positions(&Positions {
                        from,
                        conv,
                        width: plan.size[2],
                        height: plan.size[1],
                        k0,
                        kc: step,
                        runs: &list[..count],
                        columns: width,
                        panel,
                    });
                    for i in (i0..i0 + height).step_by(kernels.mr) {
                        let rows = kernels.mr.min(i0 + height - i);
                        let (kernel, last) = kernels.pick(rows, width);
                        kernel(&Tile {
                            k: step,
                            a: a.wrapping_offset(i as isize * a_rs).wrapping_add(k0),
                            a_rs,
                            a_ks: 1,
                            b: panel,
                            b_ks: width as isize,
                            c: self.sums.add(i * plan.columns + j0),
                            c_rs: plan.columns as isize,
                            last,
                            ahead: (8 * width) as isize,
                            alpha: S::Compute::ONE,
                            beta: if fresh { S::Compute::ZERO } else { S::Compute::ONE },
                        });
                    }
                }
            }
        }
    }
}

struct Positions<'a, T> {
    from: *const T,
    conv: &'a Conv,
    width: usize,
    height: usize,
    k0: usize,
    kc: usize,
    runs: &'a [Run],
    columns: usize,
    panel: *mut T,
}

simd_fn! {
    [T::LEVELS]
    /// Rows of a panel: the columns at the positions `k0 ..` of the output.
    unsafe fn pack_positions<T: Num>(p: &Positions<T>) {
        let conv = p.conv;
        let [_, h, w] = conv.output;
        let (mut i, mut j, mut k) = (p.k0 / w / h, p.k0 / w % h, p.k0 % w);
        let mut to = p.panel;
        for _ in 0..p.kc {
            let line = (i * conv.stride[0] * p.height + j * conv.stride[1]) * p.width;
            copy_runs(p.from.add((line + k * conv.stride[2]) * conv.cin), p.runs, to);
            to = to.add(p.columns);
            k += 1;
            if k == w {
                (j, k) = (j + 1, 0);
                if j == h {
                    (i, j) = (i + 1, 0);
                }
            }
        }
    }
}

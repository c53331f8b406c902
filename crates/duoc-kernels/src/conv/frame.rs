//! The padded copy of one image that all taps read from.

use super::grid;
use crate::matmul::pack::Source;
use crate::matmul::vector::Num;
use crate::{par, simd_fn};

/// Elements that are copied at once: reads and writes go beyond the end of a run by less than this.
pub(super) const STRIDE: usize = 16;
/// Elements behind a frame that may be read.
pub(super) const SLACK: usize = 64;

/// `y[n, m, t] = bias[m] + sum over c, taps of w[m, c, tap] * x[n, c, t * step + off]`, for every phase.
pub(super) struct Corr<S> {
    pub batch: usize,
    pub groups: usize,
    /// Channels of a group.
    pub cin: usize,
    pub cout: usize,
    pub input: [usize; 3],
    pub x: *const S,
    pub xn: isize,
    pub xc: isize,
    pub xs: [isize; 3],
    pub w: *const S,
    /// Strides of the weight between output channels, input channels and groups.
    pub wm: isize,
    pub wc: isize,
    pub wg: isize,
    /// Dense, or null.
    pub bias: *const S,
    pub y: *mut S,
    pub yn: isize,
    pub yc: isize,
    pub step: [usize; 3],
    pub phases: Vec<Phase>,
}
// SAFETY: tasks write disjoint parts of `y`.
unsafe impl<S> Sync for Corr<S> {}

/// A part of the output whose positions are reached by the same taps.
pub(super) struct Phase {
    pub taps: Vec<Tap>,
    pub out: [usize; 3],
    /// The first element of the part, and its strides.
    pub y: isize,
    pub ys: [isize; 3],
}

impl Phase {
    pub fn columns(&self) -> usize {
        self.out.iter().product()
    }
}

pub(super) struct Tap {
    /// Offset in the weight.
    pub w: isize,
    /// Offset in the input.
    pub off: [isize; 3],
}

/// The layout of the padded copy: `[c][d][h][residue of w][w / step]`.
#[derive(Clone, Copy)]
pub(super) struct Frame {
    /// The input's position that is first in the frame.
    pub origin: [isize; 3],
    pub depth: usize,
    pub height: usize,
    /// Columns of one residue.
    pub run: usize,
    /// Residues: the step in the last dimension.
    pub residues: usize,
    /// Elements of a row (all residues), a plane, a channel.
    pub row: usize,
    pub plane: usize,
    pub channel: usize,
    pub step: [usize; 3],
}

impl Frame {
    /// The frame that holds what `parts` (outputs and the offsets of taps) read, if it is not mostly padding.
    pub fn new<'a>(
        input: [usize; 3],
        step: [usize; 3],
        parts: impl Iterator<Item = (&'a [usize; 3], &'a [Tap])>,
    ) -> Option<Frame> {
        let mut bounds: [Option<(isize, isize)>; 3] = [None; 3];
        let mut outputs = 0usize;
        for (out, taps) in parts {
            if out.contains(&0) {
                continue;
            }
            outputs = outputs.saturating_add(out.iter().product());
            for tap in taps {
                for d in 0..3 {
                    let first = tap.off[d];
                    let last = first.checked_add(isize::try_from((out[d] - 1).checked_mul(step[d])?).ok()?)?;
                    let (low, high) = bounds[d].unwrap_or((first, last));
                    bounds[d] = Some((low.min(first), high.max(last)));
                }
            }
        }
        let bounds = bounds.map(|b| b.unwrap_or((0, 0)));
        let mut size = [0; 3];
        for d in 0..3 {
            size[d] = usize::try_from(bounds[d].1.checked_sub(bounds[d].0)?)
                .ok()?
                .checked_add(1)?;
        }
        let run = size[2].div_ceil(step[2]);
        let row = run.checked_mul(step[2].min(size[2]))?;
        let plane = row.checked_mul(size[1])?;
        let channel = plane.checked_mul(size[0])?;
        let useful = input.iter().product::<usize>().saturating_add(outputs);
        if channel > useful.saturating_mul(8).saturating_add(1 << 14) {
            return None;
        }
        Some(Frame {
            origin: bounds.map(|b| b.0),
            depth: size[0],
            height: size[1],
            run,
            residues: step[2].min(size[2]),
            row,
            plane,
            channel,
            step,
        })
    }

    /// Where a tap finds the element of the first output.
    pub fn tap(&self, off: [isize; 3]) -> usize {
        let [d, h, w] = std::array::from_fn(|i| (off[i] - self.origin[i]) as usize);
        d * self.plane + h * self.row + (w % self.step[2]) * self.run + w / self.step[2]
    }

    /// From the first output to that in row `(d, h)`.
    pub fn line(&self, d: usize, h: usize) -> usize {
        d * self.step[0] * self.plane + h * self.step[1] * self.row
    }

    /// Fills channel `c` of the frame from an image at `x` with strides `xs`.
    pub unsafe fn fill<S: Source>(&self, x: *const S, input: [usize; 3], xs: [isize; 3], to: *mut S::Compute) {
        let inside = |d: usize, i: usize| {
            let at = i as isize + self.origin[d];
            (at >= 0 && (at as usize) < input[d]).then_some(at)
        };
        for [_, d, h] in grid([1, self.depth, self.height]) {
            let to = to.add(d * self.plane + h * self.row);
            let (Some(id), Some(ih)) = (inside(0, d), inside(1, h)) else {
                zeros(to, self.row);
                continue;
            };
            let from = x.wrapping_offset(id * xs[0] + ih * xs[1]);
            for r in 0..self.residues {
                // Column i of the residue is the input's column i * step + r + origin.
                let step = self.step[2] as isize;
                let first = r as isize + self.origin[2];
                let bound = |limit: isize| {
                    let i = (limit - first + step - 1).div_euclid(step);
                    i.clamp(0, self.run as isize) as usize
                };
                let (low, high) = (bound(0), bound(input[2] as isize));
                let high = high.max(low);
                let to = to.add(r * self.run);
                zeros(to, low);
                let from = from.wrapping_offset((low as isize * step + first) * xs[2]);
                widen(from, step * xs[2], high - low, to.add(low));
                zeros(to.add(high), self.run - high);
            }
        }
    }

    /// Bytes for `channels` of it and the elements that may be read behind them.
    pub fn bytes<T>(&self, channels: usize) -> Option<usize> {
        self.channel
            .checked_mul(channels)?
            .checked_add(SLACK)?
            .checked_mul(size_of::<T>())
    }
}

impl<S: Source> Corr<S> {
    /// The frame of one group of an image.
    pub fn frame(&self) -> Option<Frame> {
        Frame::new(self.input, self.step, self.phases.iter().map(|p| (&p.out, &p.taps[..])))
    }

    /// Multiply-adds of one group of an image.
    pub fn work(&self) -> usize {
        let part = |p: &Phase| p.taps.len().saturating_mul(p.columns());
        let total = self.phases.iter().map(part).fold(0usize, usize::saturating_add);
        total.saturating_mul(self.cin).saturating_mul(self.cout)
    }

    /// Copies group `g` of image `n` into `to`.
    pub unsafe fn fill(&self, frame: &Frame, n: usize, g: usize, to: *mut S::Compute, parallel: bool) {
        struct To<T>(*mut T);
        // SAFETY: channels are disjoint.
        unsafe impl<T> Sync for To<T> {}
        let image = self
            .x
            .wrapping_offset(n as isize * self.xn + (g * self.cin) as isize * self.xc);
        let (image, shared) = (To(image.cast_mut()), To(to));
        let one = |c: usize| {
            let (image, to) = (&image, &shared);
            // SAFETY: the channel lies inside the image and inside the frame.
            unsafe {
                let x = image.0.cast_const().wrapping_offset(c as isize * self.xc);
                frame.fill(x, self.input, self.xs, to.0.add(c * frame.channel));
            }
        };
        if parallel && self.cin * frame.channel >= par::GRAIN {
            par::for_chunks(self.cin, &one);
        } else {
            (0..self.cin).for_each(one);
        }
        zeros(to.add(self.cin * frame.channel), SLACK);
    }
}

pub(super) unsafe fn zeros<T: Num>(to: *mut T, n: usize) {
    for i in 0..n {
        *to.add(i) = T::ZERO;
    }
}

simd_fn! {
    [<S::Compute as Num>::LEVELS]
    /// `to[i] = from[i * step]`, widened.
    pub(super) unsafe fn widen<S: Source>(from: *const S, step: isize, n: usize, to: *mut S::Compute) {
        match step {
            1 => for i in 0..n {
                *to.add(i) = (*from.add(i)).widen();
            },
            2 => for i in 0..n {
                *to.add(i) = (*from.add(2 * i)).widen();
            },
            _ => for i in 0..n {
                *to.add(i) = (*from.wrapping_offset(i as isize * step)).widen();
            },
        }
    }
}

/// Columns of an output that lie in one of its rows.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    /// Offset among the columns in question.
    pub at: usize,
    pub len: usize,
    /// The row, and the first column in it.
    pub d: usize,
    pub h: usize,
    pub w: usize,
}

/// The segments of columns `first .. first + count` of an output, in order.
pub(super) fn segments(out: [usize; 3], first: usize, count: usize) -> impl Iterator<Item = Segment> {
    let mut at = 0;
    std::iter::from_fn(move || {
        if at >= count {
            return None;
        }
        let j = first + at;
        let (line, w) = (j / out[2], j % out[2]);
        let s = Segment {
            at,
            len: (out[2] - w).min(count - at),
            d: line / out[1],
            h: line % out[1],
            w,
        };
        at += s.len;
        Some(s)
    })
}

//! Pooling over windows of the last three dimensions of row-major `planes x depth x height x width`.
//!
//! A window is a product of one range per axis, given as tables, so that regular, adaptive and fractional pooling are
//! the same loops. Where the windows of the last axis are regular, a row of results is worked on at once, window cell
//! by window cell, in the order in which PyTorch visits the cells: the winner of ties is the same.

mod average;
mod max;

pub use average::{average_pool, average_pool_backward};
pub use max::{max_pool, scatter_planes};

/// The windows along one axis.
#[derive(Clone, Debug, Default)]
pub struct Axis {
    /// First cell of each window, inside the input.
    pub start: Vec<usize>,
    /// Behind the last cell of each window, inside the input; not above `start` where the window is empty.
    pub end: Vec<usize>,
    /// The window's share in the divisor of a mean.
    pub count: Vec<i64>,
    /// Distance between cells.
    pub step: usize,
    /// How windows follow each other, where they do so regularly.
    pub regular: Option<Regular>,
}

/// Windows of one size at one distance; the first begins `pad` cells before the input.
#[derive(Clone, Copy, Debug)]
pub struct Regular {
    /// Cells of a window.
    pub kernel: usize,
    /// Distance of windows.
    pub stride: usize,
    /// Cells before the input.
    pub pad: usize,
}

/// A pooling's geometry.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Number of volumes.
    pub planes: usize,
    /// Sizes of a volume.
    pub input: [usize; 3],
    /// The windows along each dimension.
    pub axes: [Axis; 3],
}

impl Windows {
    /// Elements of an input volume.
    pub fn volume(&self) -> usize {
        self.input.iter().product()
    }

    /// Elements of a result volume.
    pub fn cells(&self) -> usize {
        self.axes.iter().map(|a| a.start.len()).product()
    }

    /// Rows of all results.
    fn rows(&self) -> usize {
        self.planes * self.axes[0].start.len() * self.axes[1].start.len()
    }

    /// Window cells behind a row of results, about: what a row costs.
    fn row_cost(&self) -> usize {
        let widest = |a: &Axis| {
            let cells = a.start.iter().zip(&a.end).map(|(s, e)| e.saturating_sub(*s));
            cells.max().unwrap_or(0).div_ceil(a.step.max(1)).max(1)
        };
        let window: usize = self.axes.iter().map(widest).fold(1, usize::saturating_mul);
        window.saturating_mul(self.axes[2].start.len()).max(1)
    }

    /// The regular windows of the last axis, if a row at once pays.
    fn row_at_once(&self) -> Option<Regular> {
        self.axes[2]
            .regular
            .filter(|r| r.kernel <= 64 && r.stride <= 1 << 20 && self.volume() < u32::MAX as usize / 2)
    }
}

/// The results of a row whose window has cell `k` inside the input: `first..end` among `from..to`, and the input cell
/// of the first.
#[inline(always)]
fn reach(r: Regular, step: usize, size: usize, k: usize, from: usize, to: usize) -> (usize, usize, usize) {
    // Cell k of window o lies at o * stride + k * step - pad.
    let shift = k * step;
    let first = r.pad.saturating_sub(shift).div_ceil(r.stride).clamp(from, to);
    let end = (size + r.pad).saturating_sub(shift).div_ceil(r.stride).min(to);
    let at = first.wrapping_mul(r.stride).wrapping_add(shift).wrapping_sub(r.pad);
    (first, end.max(first), at)
}

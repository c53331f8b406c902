//! The geometry of what works along one dimension, line by line: scans and sorts.

use crate::reduce::Kept;

/// Every line along one dimension of a strided input, with one or two outputs.
///
/// `others` are the remaining dimensions, outermost first, in any strides; `along` is the dimension itself. Where an
/// output is shorter or longer than the input (top-k), `along.size` is the input's.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    /// The dimensions that tell lines apart.
    pub others: &'a [Kept],
    /// The dimension that lines run along.
    pub along: Kept,
}

impl Lines<'_> {
    /// Number of lines.
    pub fn count(&self) -> usize {
        self.others.iter().map(|d| d.size).product()
    }

    /// Where line `line` (row-major over `others`) begins in the source and the outputs.
    pub(crate) fn locate(&self, line: usize, src: *const u8, dst: [*mut u8; 2]) -> (*const u8, [*mut u8; 2]) {
        let (mut src, mut dst, mut rest) = (src, dst, line);
        for d in self.others.iter().rev() {
            let index = (rest % d.size) as isize;
            rest /= d.size;
            src = src.wrapping_offset(d.src * index);
            dst = [0, 1].map(|k| dst[k].wrapping_offset(d.dst[k] * index));
        }
        (src, dst)
    }
}

/// Pointers that parallel tasks share; each task touches lines of its own.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub src: *const u8,
    pub dst: [*mut u8; 2],
}
// SAFETY: tasks write disjoint lines.
unsafe impl Sync for Ends {}

//! Blocks of planes side by side, and back: every block of a plane becomes a column.

use crate::cell::Shared;
use crate::{par, simd_fn};

/// The geometry: blocks of `kernel` cells, `dilation` apart, `stride` from block to block, over planes with a border.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    /// Number of planes.
    pub planes: usize,
    /// Height and width of a plane.
    pub input: [usize; 2],
    /// Cells of a block.
    pub kernel: [usize; 2],
    /// Distance of a block's cells.
    pub dilation: [usize; 2],
    /// Width of the border of zeros.
    pub pad: [usize; 2],
    /// Distance of blocks.
    pub stride: [usize; 2],
    /// Blocks along each axis.
    pub output: [usize; 2],
}

impl Blocks {
    /// Blocks whose cell `k` along axis `d` is inside the plane, and the place of the first one's cell.
    #[inline(always)]
    fn reach(&self, d: usize, k: usize) -> (usize, usize, usize) {
        let shift = k * self.dilation[d];
        let (stride, pad, n) = (self.stride[d], self.pad[d], self.output[d]);
        let first = pad.saturating_sub(shift).div_ceil(stride).min(n);
        let end = (self.input[d] + pad).saturating_sub(shift).div_ceil(stride).min(n);
        (first, end.max(first), (first * stride + shift).wrapping_sub(pad))
    }

    fn cells(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    fn blocks(&self) -> usize {
        self.output[0] * self.output[1]
    }

    fn plane(&self) -> usize {
        self.input[0] * self.input[1]
    }
}

/// The blocks of every plane as columns: `planes x cells x blocks`. Elements have `size` bytes.
///
/// # Safety
/// `src` is `planes` row-major planes, `dst` as large as the result; strides are not 0, and no place overflows.
pub unsafe fn unfold(size: usize, b: &Blocks, src: *const u8, dst: *mut u8) {
    match size {
        1 => unfold_sized::<u8>(b, src, dst),
        2 => unfold_sized::<u16>(b, src, dst),
        4 => unfold_sized::<u32>(b, src, dst),
        8 => unfold_sized::<u64>(b, src, dst),
        _ => unfold_sized::<[u64; 2]>(b, src, dst),
    }
}

unsafe fn unfold_sized<T: Copy + Default + Send + Sync>(b: &Blocks, src: *const u8, dst: *mut u8) {
    let (src, dst) = (Shared(src as *mut T), Shared(dst as *mut T));
    let (cells, blocks) = (b.cells(), b.blocks());
    let group = (par::GRAIN / blocks.max(1)).max(1);
    par::for_units(b.planes * cells, group, &|begin, end| {
        for row in begin..end {
            let (plane, cell) = (row / cells, row % cells);
            let (y, x) = (cell / b.kernel[1], cell % b.kernel[1]);
            let (from, to) = (src.at(plane * b.plane()), dst.at(row * blocks));
            let (top, bottom, mut line) = b.reach(0, y);
            let (left, right, column) = b.reach(1, x);
            let zeros = |a: usize, b: usize| std::slice::from_raw_parts_mut(to.add(a), b - a).fill(T::default());
            let width = b.output[1];
            zeros(0, top * width);
            for o in top..bottom {
                zeros(o * width, o * width + left);
                let n = right - left;
                let out = to.add(o * width + left);
                let row = from.wrapping_add(line * b.input[1]).wrapping_add(column);
                match b.stride[1] {
                    1 => std::ptr::copy_nonoverlapping(row, out, n),
                    s => {
                        for i in 0..n {
                            *out.add(i) = *row.add(i * s);
                        }
                    }
                }
                zeros(o * width + right, (o + 1) * width);
                line = line.wrapping_add(b.stride[0]);
            }
            zeros(bottom * width, b.output[0] * width);
        }
    });
}

/// The adjoint of [`unfold`] for `f32` or `f64`: every cell of a plane is the sum over the blocks that hold it.
///
/// # Safety
/// As for [`unfold`], with the roles of the two exchanged.
pub unsafe fn fold(double: bool, b: &Blocks, src: *const u8, dst: *mut u8) {
    match double {
        true => fold_typed::<f64>(b, src, dst),
        false => fold_typed::<f32>(b, src, dst),
    }
}

trait Sum: Copy + Send + Sync + std::ops::AddAssign {}
impl Sum for f32 {}
impl Sum for f64 {}

unsafe fn fold_typed<T: Sum>(b: &Blocks, src: *const u8, dst: *mut u8) {
    let (src, dst) = (Shared(src as *mut T), Shared(dst as *mut T));
    let (columns, plane) = (b.cells() * b.blocks(), b.plane());
    let group = (par::GRAIN / (columns + plane).max(1)).max(1);
    par::for_units(b.planes, group, &|begin, end| {
        for p in begin..end {
            fold_plane::<T>(b, src.at(p * columns), dst.at(p * plane));
        }
    });
}

simd_fn! {
    unsafe fn fold_plane<T: Sum>(b: &Blocks, src: *const T, dst: *mut T) {
        dst.write_bytes(0, b.plane());
        for cell in 0..b.cells() {
            let (top, bottom, mut line) = b.reach(0, cell / b.kernel[1]);
            let (left, right, column) = b.reach(1, cell % b.kernel[1]);
            let from = src.add(cell * b.blocks());
            for o in top..bottom {
                let row = dst.wrapping_add(line * b.input[1]).wrapping_add(column);
                let from = from.add(o * b.output[1] + left);
                match b.stride[1] {
                    1 => {
                        for i in 0..right - left {
                            *row.add(i) += *from.add(i);
                        }
                    }
                    s => {
                        for i in 0..right - left {
                            *row.add(i * s) += *from.add(i);
                        }
                    }
                }
                line = line.wrapping_add(b.stride[0]);
            }
        }
    }
}

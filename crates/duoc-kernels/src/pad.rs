//! Borders: every result cell is a copy of one input cell, named by a table for each of the last three dimensions.

use crate::cell::{Cell, Shared};
use crate::reduce::elem::Number;
use crate::{DType, match_dtype, par};

/// Where the cells of `planes x depth x height x width` come from.
#[derive(Clone, Debug)]
pub struct Border {
    /// Number of volumes.
    pub planes: usize,
    /// Sizes of an input volume.
    pub input: [usize; 3],
    /// For each dimension, the input cell behind each result cell.
    pub from: [Vec<usize>; 3],
    /// The run `first..end` of the last table in which each cell is its predecessor's successor.
    pub run: (usize, usize),
}

impl Border {
    fn rows(&self) -> usize {
        self.from[0].len() * self.from[1].len()
    }

    fn volume(&self) -> usize {
        self.input.iter().product()
    }

    /// First element of the input row behind row `r` of volume `plane`.
    #[inline(always)]
    fn row(&self, r: usize) -> usize {
        let n = self.from[1].len();
        (self.from[0][r / n] * self.input[1] + self.from[1][r % n]) * self.input[2]
    }
}

/// Copies elements of `size` bytes (1, 2, 4, 8 or 16).
///
/// # Safety
/// `src` has `planes * volume` elements in row-major order, `dst` one for each cell; the tables stay inside the input.
pub unsafe fn pad(size: usize, border: &Border, src: *const u8, dst: *mut u8) {
    match size {
        1 => pad_sized::<u8>(border, src, dst),
        2 => pad_sized::<u16>(border, src, dst),
        4 => pad_sized::<u32>(border, src, dst),
        8 => pad_sized::<u64>(border, src, dst),
        _ => pad_sized::<u128>(border, src, dst),
    }
}

unsafe fn pad_sized<T: Copy + Send + Sync>(b: &Border, src: *const u8, dst: *mut u8) {
    let (src, dst) = (Shared(src as *mut T), Shared(dst as *mut T));
    let width = b.from[2].len();
    let (rows, volume, (first, end)) = (b.rows(), b.volume(), b.run);
    par::for_units(b.planes * rows, (par::GRAIN / width.max(1)).max(1), &|begin, stop| {
        for r in begin..stop {
            let from = src.at(r / rows * volume + b.row(r % rows));
            let to = dst.at(r * width);
            // Neighbouring rows of a picture that grows are the same.
            if r > begin && from == src.at((r - 1) / rows * volume + b.row((r - 1) % rows)) {
                std::ptr::copy_nonoverlapping(to.sub(width) as *const u8, to as *mut u8, width * size_of::<T>());
                continue;
            }
            for i in (0..first).chain(end..width) {
                to.add(i).write_unaligned(from.add(b.from[2][i]).read_unaligned());
            }
            if first < end {
                std::ptr::copy_nonoverlapping(
                    from.add(b.from[2][first]) as *const u8,
                    to.add(first) as *mut u8,
                    (end - first) * size_of::<T>(),
                );
            }
        }
    });
}

/// The gradient of [`pad`]: every input cell gets the sum of its copies' gradients. Returns `false`, having done nothing,
/// for dtypes other than floats.
///
/// # Safety
/// As [`pad`], with `grad` in the place of its result.
pub unsafe fn pad_backward(dtype: DType, border: &Border, grad: *const u8, dst: *mut u8) -> bool {
    let (cells, volume) = (border.rows() * border.from[2].len(), border.volume());
    let group = (par::GRAIN / (cells + volume).max(1)).max(1);
    match_dtype!(dtype, [F16 BF16 F32 F64] => |T| {
        let (grad, dst) = (Shared(grad as *mut T), Shared(dst as *mut T));
        par::for_units(border.planes, group, &|begin, end| {
            for p in begin..end {
                plane_backward::<T>(border, grad.at(p * cells), dst.at(p * volume));
            }
        });
    }, else return false);
    true
}

unsafe fn plane_backward<T: Cell>(b: &Border, grad: *const T, dst: *mut T) {
    let volume = b.volume();
    if size_of::<T>() > 2 {
        dst.write_bytes(0, volume);
        // An element of 4 or 8 bytes is the number itself.
        return sum_copies(b, grad, dst.cast::<T::Num>());
    }
    let mut sums = vec![T::Num::ZERO; volume];
    sum_copies(b, grad, sums.as_mut_ptr());
    for (i, sum) in sums.iter().enumerate() {
        *dst.add(i) = T::store(*sum);
    }
}

#[inline(always)]
unsafe fn sum_copies<T: Cell>(b: &Border, grad: *const T, sums: *mut T::Num) {
    let width = b.from[2].len();
    let (first, end) = b.run;
    for r in 0..b.rows() {
        let (grad, row) = (grad.add(r * width), sums.add(b.row(r)));
        for i in (0..first).chain(end..width) {
            let cell = row.add(b.from[2][i]);
            *cell = (*cell).add((*grad.add(i)).load());
        }
        if first < end {
            let row = row.add(b.from[2][first]);
            for i in 0..end - first {
                *row.add(i) = (*row.add(i)).add((*grad.add(first + i)).load());
            }
        }
    }
}

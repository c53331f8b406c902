//! Sets of planes that share their statistics: batch norm (a channel's planes of all samples), group and instance norm
//! (neighbouring planes of one sample).

use super::Stored;
use crate::cell::{Float, Shared, one_sum, two_sums};
use crate::reduce::elem::Number;
use crate::{DType, match_dtype, par, simd_fn};

/// The geometry of row-major `samples x channels x size`.
#[derive(Clone, Copy, Debug)]
pub struct Groups {
    /// Number of samples.
    pub samples: usize,
    /// Number of channels.
    pub channels: usize,
    /// Elements of a plane.
    pub size: usize,
    /// Neighbouring channels of a sample that are normalised together; 0 for a channel over all samples.
    pub together: usize,
}

impl Groups {
    /// Sets of planes.
    pub fn units(&self) -> usize {
        match self.together {
            0 => self.channels,
            n => self.samples * (self.channels / n),
        }
    }

    /// Planes of a set.
    pub fn planes(&self) -> usize {
        if self.together == 0 {
            self.samples
        } else {
            self.together
        }
    }

    /// First element of plane `j` of set `u`, and its channel.
    #[inline(always)]
    fn plane(&self, u: usize, j: usize) -> (usize, usize) {
        let plane = if self.together == 0 {
            j * self.channels + u
        } else {
            u * self.together + j
        };
        (plane * self.size, plane % self.channels)
    }

    fn group(&self) -> usize {
        (par::GRAIN / (self.planes() * self.size).saturating_mul(2).max(1)).max(1)
    }
}

/// Operands; those of the results may be null, `weight` and `bias` too. Numbers are of the computing type.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    /// The gradient of the result (backward only).
    pub grad: *const u8,
    /// The input.
    pub x: *const u8,
    /// A number for each channel.
    pub weight: *const u8,
    /// A number for each channel.
    pub bias: *const u8,
    /// A number for each set: the mean.
    pub mean: *mut u8,
    /// A number for each set: `1 / sqrt(variance + eps)`.
    pub rstd: *mut u8,
    /// A number for each set: the sum of squared distances from the mean (forward only).
    pub square: *mut u8,
    /// The result, or the gradient of the input.
    pub out: *mut u8,
    /// A number for each channel: the gradient of the weight.
    pub dweight: *mut u8,
    /// A number for each channel: the gradient of the bias.
    pub dbias: *mut u8,
}
// SAFETY: sets are disjoint, and the sums over sets are made in parts.
unsafe impl Sync for Operands {}

impl Operands {
    /// Nothing yet.
    pub const NONE: Operands = Operands {
        grad: std::ptr::null(),
        x: std::ptr::null(),
        weight: std::ptr::null(),
        bias: std::ptr::null(),
        mean: std::ptr::null_mut(),
        rstd: std::ptr::null_mut(),
        square: std::ptr::null_mut(),
        out: std::ptr::null_mut(),
        dweight: std::ptr::null_mut(),
        dbias: std::ptr::null_mut(),
    };
}

/// Where the statistics of a forward pass come from, and what a backward pass does with them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Statistics {
    /// Of the elements themselves.
    Own {
        /// Added to the variance.
        eps: f64,
    },
    /// Given: `mean` and `rstd` are read.
    Given,
}

/// Normalises every set. Returns `false`, having done nothing, for dtypes other than floats of 16, 32 and 64 bits.
///
/// # Safety
/// Everything is row-major, aligned and of the sizes that [`Operands`] names; planes are not empty.
pub unsafe fn forward(dtype: DType, groups: &Groups, statistics: Statistics, o: &Operands) -> bool {
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        par::for_units(groups.units(), groups.group(), &|begin, end| {
            forward_units::<T>(groups, statistics, o, begin, end);
        });
    }, else return false);
    true
}

/// Mean and sum of squared distances of the planes of a set (T. Chan et al.: planes join pairwise).
#[inline(always)]
unsafe fn moments<T: Stored>(q: &Groups, x: *const T, u: usize) -> (f64, f64) {
    let (mut count, mut mean, mut square) = (0.0, 0.0, 0.0);
    // Planes of a group lie side by side.
    let (planes, size) = match q.together {
        0 => (q.samples, q.size),
        n => (1, n * q.size),
    };
    for j in 0..planes {
        let x = x.add(q.plane(u, j).0);
        let own = one_sum(size, |i| (*x.add(i)).load()) / size as f64;
        let centre = T::Num::of(own);
        let (rest, spread) = two_sums(size, |i| {
            let d = (*x.add(i)).load() - centre;
            (d, d.mul(d))
        });
        // The centre was rounded: what it left over corrects the mean and the squares.
        let centre: f64 = centre.into();
        let (own, spread) = (centre + rest / size as f64, spread - rest * rest / size as f64);
        let n = size as f64;
        let total = count + n;
        let step = own - mean;
        mean += step * n / total;
        square += spread + step * step * count * n / total;
        count = total;
    }
    (mean, square.max(if square.is_nan() { square } else { 0.0 }))
}

simd_fn! {
    [<T::Num as Number>::LEVELS]
    unsafe fn forward_units<T: Stored>(q: &Groups, s: Statistics, o: &Operands, begin: usize, end: usize) {
        let (x, y) = (o.x as *const T, o.out as *mut T);
        let (weight, bias) = (o.weight as *const T::Num, o.bias as *const T::Num);
        for u in begin..end {
            let (means, rstds) = (o.mean as *mut T::Num, o.rstd as *mut T::Num);
            if let Statistics::Own { eps } = s {
                let (mean, square) = moments::<T>(q, x, u);
                let n = (q.planes() * q.size) as f64;
                *means.add(u) = T::Num::of(mean);
                *rstds.add(u) = T::Num::of(1.0 / (square / n + eps).sqrt());
                if !o.square.is_null() {
                    *(o.square as *mut T::Num).add(u) = T::Num::of(square);
                }
            }
            if y.is_null() {
                continue;
            }
            let (mean, rstd) = (*means.add(u), *rstds.add(u));
            for j in 0..q.planes() {
                let (at, channel) = q.plane(u, j);
                let (x, y) = (x.add(at), y.add(at));
                let scale = if weight.is_null() { rstd } else { rstd.mul(*weight.add(channel)) };
                let shift = if bias.is_null() { T::Num::ZERO } else { *bias.add(channel) };
                for i in 0..q.size {
                    *y.add(i) = T::store(((*x.add(i)).load() - mean).mul(scale).add(shift));
                }
            }
        }
    }
}

/// The gradients of [`forward`]; with [`Statistics::Given`] the statistics are constants. Returns `false`, having done
/// nothing, for other dtypes than its.
///
/// # Safety
/// As [`forward`].
pub unsafe fn backward(dtype: DType, groups: &Groups, statistics: Statistics, o: &Operands) -> bool {
    match_dtype!(dtype, [F32 F64 F16 BF16] => |T| {
        type N = <T as crate::reduce::elem::Elem>::Num;
        let planes = groups.samples * groups.channels;
        // For each plane in memory order: the sums of `grad` and of `grad (x - mean)`, times `rstd`.
        let mut sums = vec![[0f64; 2]; planes];
        let shared = Shared(sums.as_mut_ptr());
        par::for_units(groups.units(), groups.group(), &|begin, end| {
            backward_units::<T>(groups, statistics, o, shared, begin, end);
        });
        for (at, dst) in [(1, o.dweight), (0, o.dbias)] {
            if !dst.is_null() {
                for c in 0..groups.channels {
                    let sum: f64 = sums.iter().skip(c).step_by(groups.channels).map(|s| s[at]).sum();
                    *(dst as *mut N).add(c) = Float::of(sum);
                }
            }
        }
    }, else return false);
    true
}

simd_fn! {
    [<T::Num as Number>::LEVELS]
    unsafe fn backward_units<T: Stored>(q: &Groups, s: Statistics, o: &Operands, sums: Shared<[f64; 2]>, begin: usize, end: usize) {
        let (g, x, dx) = (o.grad as *const T, o.x as *const T, o.out as *mut T);
        let weight = o.weight as *const T::Num;
        let count = (q.planes() * q.size) as f64;
        for u in begin..end {
            let (mean, rstd) = (*(o.mean as *const T::Num).add(u), *(o.rstd as *const T::Num).add(u));
            let wide: f64 = rstd.into();
            let (mut plain, mut along) = (0.0, 0.0);
            for j in 0..q.planes() {
                let (at, channel) = q.plane(u, j);
                let (g, x) = (g.add(at), x.add(at));
                let (a, b) = two_sums(q.size, |i| {
                    let g = (*g.add(i)).load();
                    (g, g.mul((*x.add(i)).load() - mean))
                });
                *sums.at(at / q.size) = [a, b * wide];
                let w = if weight.is_null() { 1.0 } else { (*weight.add(channel)).into() };
                plain += w * a;
                along += w * b;
            }
            if dx.is_null() {
                continue;
            }
            let fixed = s == Statistics::Given;
            let slope = T::Num::of(if fixed { 0.0 } else { wide * wide * wide * along / count });
            let shift = T::Num::of(if fixed { 0.0 } else { wide * plain / count });
            for j in 0..q.planes() {
                let (at, channel) = q.plane(u, j);
                let (g, x, dx) = (g.add(at), x.add(at), dx.add(at));
                let scale = if weight.is_null() { rstd } else { rstd.mul(*weight.add(channel)) };
                if fixed {
                    for i in 0..q.size {
                        *dx.add(i) = T::store((*g.add(i)).load().mul(scale));
                    }
                } else {
                    for i in 0..q.size {
                        let d = (*x.add(i)).load() - mean;
                        *dx.add(i) = T::store((*g.add(i)).load().mul(scale) - d.mul(slope) - shift);
                    }
                }
            }
        }
    }
}

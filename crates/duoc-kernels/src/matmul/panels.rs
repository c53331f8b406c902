//! Products that are steps of a larger kernel: a right factor that is packed once and used many times (the weights of a
//! recurrence, the keys of an attention head), or small blocks that stay in the cache.
//!
//! Nothing here starts threads. Sums are taken in the order of k, in runs of [`RUN`], whatever the rows and columns are.

use super::micro::{Compute, Kernels, Tile};
use super::pack::interleave;

/// Steps of k whose part of a panel stays in the first-level cache.
const RUN: usize = 512;
/// Rows of a panel that are fetched ahead of the one in use.
const PREFETCH: isize = 8;

/// The left factor or the result: `rows` by the other size; strides in elements.
#[derive(Clone, Copy)]
pub(crate) struct Side<P> {
    /// The first element.
    pub ptr: P,
    /// From one row to the next.
    pub rs: usize,
    /// From one k to the next; 1 for a result, whose columns are adjacent.
    pub ks: usize,
}

/// A float that has panels.
pub(crate) trait Panel: Copy + Send + Sync + 'static {
    /// Columns of a panel for a factor of `n` columns: all but the last panel have as many.
    fn width(n: usize) -> usize;
    /// Packs `cols` columns, `cs` apart, of `k` rows, `rs` apart, to rows of `cols` adjacent elements.
    unsafe fn pack(src: *const Self, rs: usize, cs: usize, k: usize, cols: usize, dst: *mut Self);
    /// `c = alpha * a b + beta * c`, where the rows of `b` are `b_ks` apart and hold `n` adjacent columns.
    ///
    /// `c` is not read if `beta` is 0.
    unsafe fn multiply(
        size: [usize; 3],
        a: Side<*const Self>,
        b: (*const Self, usize),
        c: Side<*mut Self>,
        alpha: Self,
        beta: Self,
    );
}

macro_rules! panel {
    ($($t:ty)+) => { $(
        impl Panel for $t {
            fn width(n: usize) -> usize {
                width(<$t as Compute>::kernels(), n)
            }
            unsafe fn pack(src: *const $t, rs: usize, cs: usize, k: usize, cols: usize, dst: *mut $t) {
                interleave::<$t>(src, cs as isize, cols, rs as isize, k, dst, cols);
            }
            unsafe fn multiply(
                size: [usize; 3],
                a: Side<*const $t>,
                b: (*const $t, usize),
                c: Side<*mut $t>,
                alpha: $t,
                beta: $t,
            ) {
                multiply(size, a, b, c, alpha, beta);
            }
        }
    )+ };
}
panel!(f32 f64);

/// The widest tile that leaves no narrow rest, else the widest.
fn width<T>(kernels: &Kernels<T>, n: usize) -> usize {
    let widest = kernels.nr();
    let second = widest - kernels.lanes;
    if n <= widest {
        n.max(1)
    } else if !n.is_multiple_of(widest) && second > 0 && n.is_multiple_of(second) {
        second
    } else {
        widest
    }
}

unsafe fn multiply<T: Compute>(
    [m, n, k]: [usize; 3],
    a: Side<*const T>,
    (b, b_ks): (*const T, usize),
    c: Side<*mut T>,
    alpha: T,
    beta: T,
) {
    let kernels = T::kernels();
    let wide = width(kernels, n);
    for j in (0..n).step_by(wide) {
        let cols = wide.min(n - j);
        let mut k0 = 0;
        loop {
            let run = RUN.min(k - k0);
            let mut tile = Tile {
                k: run,
                a: a.ptr,
                a_rs: a.rs as isize,
                a_ks: a.ks as isize,
                b: b.add(k0 * b_ks + j),
                b_ks: b_ks as isize,
                c: c.ptr,
                c_rs: c.rs as isize,
                last: 0,
                ahead: PREFETCH * b_ks as isize,
                alpha,
                beta: if k0 == 0 { beta } else { T::ONE },
            };
            for i in (0..m).step_by(kernels.mr) {
                let (kernel, last) = kernels.pick(kernels.mr.min(m - i), cols);
                tile.last = last;
                tile.a = a.ptr.add(i * a.rs + k0 * a.ks);
                tile.c = c.ptr.add(i * c.rs + j);
                kernel(&tile);
            }
            k0 += run;
            if k0 >= k {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(n: usize, seed: usize) -> Vec<f64> {
        (0..n).map(|i| (((i + seed) * 7919) % 31) as f64 / 8.0 - 2.0).collect()
    }

    #[test]
    fn packed_and_plain_factors_give_the_product() {
        for [m, n, k] in [[1, 1, 1], [5, 7, 3], [17, 100, 60], [9, 64, 1100], [8, 48, 512]] {
            let (a, b) = (numbers(m * k, 1), numbers(k * n, 2));
            let mut expected = vec![0.0; m * n];
            for i in 0..m {
                for j in 0..n {
                    expected[i * n + j] = 3.0 + 0.5 * (0..k).map(|l| a[i * k + l] * b[l * n + j]).sum::<f64>();
                }
            }
            let mut c = vec![3.0; m * n];
            let left = Side {
                ptr: a.as_ptr(),
                rs: k,
                ks: 1,
            };
            let side = |c: &mut [f64], j: usize| Side {
                // SAFETY: j is a column.
                ptr: unsafe { c.as_mut_ptr().add(j) },
                rs: n,
                ks: 1,
            };
            // SAFETY: the slices hold the factors.
            unsafe { f64::multiply([m, n, k], left, (b.as_ptr(), n), side(&mut c, 0), 0.5, 1.0) };
            assert_eq!(c, expected);
            let mut c = vec![3.0; m * n];
            let wide = f64::width(n);
            for j in (0..n).step_by(wide) {
                let cols = wide.min(n - j);
                let mut panel = vec![0.0; k * cols];
                // SAFETY: as above.
                unsafe {
                    f64::pack(b.as_ptr().add(j), n, 1, k, cols, panel.as_mut_ptr());
                    f64::multiply([m, cols, k], left, (panel.as_ptr(), cols), side(&mut c, j), 0.5, 1.0);
                }
            }
            assert_eq!(c, expected);
        }
    }
}

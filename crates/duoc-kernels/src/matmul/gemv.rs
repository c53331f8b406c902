//! A row times a matrix: bound by reading the matrix, so it is read once, in the order it lies in memory.

use super::driver::Problem;
use super::pack::Source;
use super::vector::Num;
use crate::{par, simd_fn};

/// Columns whose sums are kept in the L1 cache while the rows of B pass by.
const COLUMNS: usize = 1024;
/// Elements of a dot product that are added up before its sum joins the total.
const RUN: usize = 2048;
/// Most pieces of a single dot product; their sums are added in order.
const PIECES: usize = 256;
/// Shortest piece.
const PIECE: usize = 1 << 16;

/// Computes a product of one row if B's rows or columns lie dense in memory; `false` if they do not.
///
/// `alpha`, `beta` and the strides of C are as in [`Problem`].
pub(super) unsafe fn run<S: Source>(
    p: &Problem<S>,
    store: &(dyn Fn(usize, S::Compute) + Sync),
    parallel: bool,
) -> bool {
    debug_assert_eq!(p.m, 1);
    let elements = p.n.saturating_mul(p.k);
    let parallel = parallel && elements >= 2 * par::GRAIN && par::num_threads() > 1;
    let whole = p.n == 1 && p.b_rs == 1;
    if p.b_cs == 1 && !whole {
        // Narrow columns would leave the threads without work; the sums do not depend on the width.
        let width = if parallel {
            COLUMNS.min(p.n.div_ceil(par::num_threads()).max(64))
        } else {
            COLUMNS
        };
        each(p.n.div_ceil(width), parallel, &|block| {
            let j0 = block * width;
            // SAFETY: blocks are disjoint.
            unsafe { row_block(p, store, j0, width.min(p.n - j0)) }
        });
        return true;
    }
    if p.b_rs != 1 {
        return false;
    }
    if p.n == 1 && p.k >= 2 * PIECE {
        let piece = PIECE.max(p.k.div_ceil(PIECES));
        let mut sums = [S::Compute::ZERO; PIECES];
        let pieces = p.k.div_ceil(piece);
        let target = SharedPtr(sums.as_mut_ptr());
        each(pieces, parallel, &|i| {
            let target = &target;
            let begin = i * piece;
            // SAFETY: each piece writes its own sum.
            unsafe { *target.0.add(i) = dots(p, 0, 1, begin, piece.min(p.k - begin))[0] }
        });
        store(
            0,
            sums[..pieces]
                .iter()
                .fold(S::Compute::ZERO, |a, &b| S::Compute::add(a, b)),
        );
        return true;
    }
    let columns = (par::GRAIN / p.k.max(1)).clamp(1, 64) * STREAMS;
    each(p.n.div_ceil(columns), parallel, &|block| {
        let end = p.n.min((block + 1) * columns);
        for j in (block * columns..end).step_by(STREAMS) {
            let count = STREAMS.min(end - j);
            // SAFETY: columns are disjoint.
            let sums = unsafe { dots(p, j, count, 0, p.k) };
            for (i, &sum) in sums[..count].iter().enumerate() {
                store(j + i, sum);
            }
        }
    });
    true
}

/// Builds: the products of integers gain nothing from the widest registers.
const fn if_exact<S: Source>() -> u8 {
    if S::Compute::EXACT { 2 } else { 3 }
}

struct SharedPtr<T>(*mut T);
// SAFETY: used for disjoint writes.
unsafe impl<T> Sync for SharedPtr<T> {}

fn each(count: usize, parallel: bool, f: &(dyn Fn(usize) + Sync)) {
    if parallel {
        par::for_chunks(count, f);
    } else {
        (0..count).for_each(f);
    }
}

/// `sums[j] = x[0] B[0, j] + x[1] B[1, j] + ...` for some columns, eight rows at a time.
unsafe fn row_block<S: Source>(p: &Problem<S>, store: &(dyn Fn(usize, S::Compute) + Sync), j0: usize, width: usize) {
    let mut sums = [S::Compute::ZERO; COLUMNS];
    let row = |l: usize| p.b.wrapping_offset(l as isize * p.b_rs + j0 as isize);
    let x = |l: usize| (*p.a.wrapping_offset(l as isize * p.a_cs)).widen();
    let mut l = 0;
    while l + 8 <= p.k {
        let (mut rows, mut factors) = ([p.b; 8], [S::Compute::ZERO; 8]);
        for i in 0..8 {
            rows[i] = row(l + i);
            factors[i] = x(l + i);
        }
        add_eight(sums.as_mut_ptr(), &rows, &factors, width);
        l += 8;
    }
    while l < p.k {
        add_one(sums.as_mut_ptr(), row(l), x(l), width);
        l += 1;
    }
    for (j, &sum) in sums[..width].iter().enumerate() {
        store(j0 + j, sum);
    }
}

simd_fn! {
    [if_exact::<S>()] unsafe fn add_eight<S: Source>(sums: *mut S::Compute, rows: &[*const S; 8], x: &[S::Compute; 8], width: usize) {
        let [r0, r1, r2, r3, r4, r5, r6, r7] = *rows;
        let [x0, x1, x2, x3, x4, x5, x6, x7] = *x;
        for j in 0..width {
            let mut s = *sums.add(j);
            s = add_product(s, x0, r0.add(j));
            s = add_product(s, x1, r1.add(j));
            s = add_product(s, x2, r2.add(j));
            s = add_product(s, x3, r3.add(j));
            s = add_product(s, x4, r4.add(j));
            s = add_product(s, x5, r5.add(j));
            s = add_product(s, x6, r6.add(j));
            s = add_product(s, x7, r7.add(j));
            *sums.add(j) = s;
        }
    }
}

#[inline(always)]
unsafe fn add_product<S: Source>(sum: S::Compute, x: S::Compute, y: *const S) -> S::Compute {
    S::Compute::add(sum, S::Compute::mul(x, (*y).widen()))
}

simd_fn! {
    [if_exact::<S>()] unsafe fn add_one<S: Source>(sums: *mut S::Compute, row: *const S, x: S::Compute, width: usize) {
        for j in 0..width {
            *sums.add(j) = add_product(*sums.add(j), x, row.add(j));
        }
    }
}

/// Columns that are read side by side: one stream alone does not keep the memory busy.
const STREAMS: usize = 4;
/// Lanes of one partial sum of a dot product; a product alone has more, to hide the latency of its additions.
const LANES: usize = 32;
const LANES_ALONE: usize = 128;

/// The dot products of `x` and `columns` columns of B from `j` over `count` elements from `begin`, in runs.
unsafe fn dots<S: Source>(
    p: &Problem<S>,
    j: usize,
    columns: usize,
    begin: usize,
    count: usize,
) -> [S::Compute; STREAMS] {
    let x = p.a.wrapping_offset(begin as isize * p.a_cs);
    let mut totals = [S::Compute::ZERO; STREAMS];
    let mut dense = [std::mem::MaybeUninit::<S>::uninit(); RUN];
    for l in (0..count).step_by(RUN) {
        let n = RUN.min(count - l);
        let mut from = x.wrapping_offset(l as isize * p.a_cs);
        if p.a_cs != 1 {
            for (i, d) in dense[..n].iter_mut().enumerate() {
                d.write(*from.wrapping_offset(i as isize * p.a_cs));
            }
            from = dense.as_ptr().cast();
        }
        let column = |i: usize| p.b.wrapping_offset((j + i) as isize * p.b_cs + (begin + l) as isize);
        let columns_at = [column(0), column(1), column(2), column(3)];
        // A product alone is four times the same.
        let fast = match columns {
            STREAMS => S::four_dots(from, &columns_at, n),
            1 => S::four_dots(from, &[column(0); STREAMS], n),
            _ => None,
        };
        let sums = if let Some(sums) = fast {
            sums
        } else if columns == STREAMS {
            four_runs(from, &columns_at, n)
        } else {
            let mut sums = [S::Compute::ZERO; STREAMS];
            for (i, sum) in sums[..columns].iter_mut().enumerate() {
                *sum = one_run(from, column(i), n);
            }
            sums
        };
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total = S::Compute::add(*total, sum);
        }
    }
    totals
}

simd_fn! {
    [if_exact::<S>()] unsafe fn four_runs<S: Source>(x: *const S, y: &[*const S; STREAMS], n: usize) -> [S::Compute; STREAMS] {
        let [y0, y1, y2, y3] = *y;
        if S::Compute::EXACT {
            return [exact_run(x, y0, n), exact_run(x, y1, n), exact_run(x, y2, n), exact_run(x, y3, n)];
        }
        let (mut s0, mut s1, mut s2, mut s3) =
            ([S::Compute::ZERO; LANES], [S::Compute::ZERO; LANES], [S::Compute::ZERO; LANES], [S::Compute::ZERO; LANES]);
        let whole = n / LANES * LANES;
        let mut i = 0;
        while i < whole {
            add_lanes(&mut s0, x.add(i), y0.add(i));
            add_lanes(&mut s1, x.add(i), y1.add(i));
            add_lanes(&mut s2, x.add(i), y2.add(i));
            add_lanes(&mut s3, x.add(i), y3.add(i));
            i += LANES;
        }
        [
            finish(s0, x, y0, whole, n),
            finish(s1, x, y1, whole, n),
            finish(s2, x, y2, whole, n),
            finish(s3, x, y3, whole, n),
        ]
    }
}

simd_fn! {
    [if_exact::<S>()] unsafe fn one_run<S: Source>(x: *const S, y: *const S, n: usize) -> S::Compute {
        if S::Compute::EXACT {
            return exact_run(x, y, n);
        }
        let mut sums = [S::Compute::ZERO; LANES_ALONE];
        let whole = n / LANES_ALONE * LANES_ALONE;
        let mut i = 0;
        while i < whole {
            add_lanes(&mut sums, x.add(i), y.add(i));
            i += LANES_ALONE;
        }
        finish(sums, x, y, whole, n)
    }
}

/// A sum whose order does not matter, which the compiler may vectorise as it likes.
#[inline(always)]
unsafe fn exact_run<S: Source>(x: *const S, y: *const S, n: usize) -> S::Compute {
    let mut sum = S::Compute::ZERO;
    for i in 0..n {
        sum = add_product(sum, (*x.add(i)).widen(), y.add(i));
    }
    sum
}

#[inline(always)]
unsafe fn add_lanes<S: Source, const N: usize>(sum: &mut [S::Compute; N], x: *const S, y: *const S) {
    for l in 0..N {
        sum[l] = add_product(sum[l], (*x.add(l)).widen(), y.add(l));
    }
}

/// The partial sums added pairwise, then the elements that do not fill the lanes: the same order at every SIMD level.
#[inline(always)]
unsafe fn finish<S: Source, const N: usize>(
    mut sums: [S::Compute; N],
    x: *const S,
    y: *const S,
    whole: usize,
    n: usize,
) -> S::Compute {
    let mut half = N / 2;
    while half > 0 {
        for l in 0..half {
            sums[l] = S::Compute::add(sums[l], sums[l + half]);
        }
        half /= 2;
    }
    let mut tail = S::Compute::ZERO;
    for i in whole..n {
        tail = add_product(tail, (*x.add(i)).widen(), y.add(i));
    }
    S::Compute::add(sums[0], tail)
}

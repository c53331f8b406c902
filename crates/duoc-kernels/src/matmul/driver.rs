//! From whole matrices to tiles: blocking for the caches, packing, and the split over threads.
//!
//! The blocks of k depend on k alone, and every tile adds its products in the order of k; so which tile or thread an
//! element of C falls to changes nothing.

use super::micro::{Kernel, Kernels, Tile};
use super::pack::{Source, interleave_some};
use super::scratch::{Purpose, Scratch};
use super::vector::Num;
use crate::par;
use std::any::TypeId;
use std::mem::MaybeUninit;

/// Bytes of a block of k of one row of A: a panel of B then streams from the L2 cache while a panel of A stays in L1.
pub(crate) const KC_BYTES: usize = 384 * 4;
/// Rows of A in a block: the packed block stays in the L2 cache.
const MC: usize = 192;
/// Columns of B that are packed together.
const NC: usize = 48 * 42;
/// Panels of B for which pairs of A are not worth packing.
const FEW: usize = 4;
/// With so few rows the packed columns of B are used so soon that they should not leave the nearer caches before.
const FLAT: usize = 64;
/// Panels for each thread that are packed together then.
const FLAT_PANELS: usize = 3;
/// Products below this many multiply-adds read their operands where they lie.
const SMALL: usize = 1 << 22;
/// With so few rows each element of B is used too seldom to be worth copying.
const THIN: usize = 16;
/// Rows of a packed panel of B that are fetched ahead of the one in use.
const PREFETCH: usize = 8;
/// Multiply-adds that are worth a second thread.
pub(crate) const PARALLEL: usize = 1 << 19;

/// `C = alpha * A B + beta * C`, C in the compute type, or where `out` is not null, in the storage type there: then its
/// columns are adjacent and k is [`one_block`]. Strides are in elements; `c_cs` is 1 where it matters most.
#[derive(Clone, Copy)]
pub(super) struct Problem<S: Source> {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub a: *const S,
    pub a_rs: isize,
    pub a_cs: isize,
    pub b: *const S,
    pub b_rs: isize,
    pub b_cs: isize,
    pub c: *mut S::Compute,
    pub out: *mut S::Plain,
    pub c_rs: isize,
    pub c_cs: isize,
    pub alpha: S::Compute,
    pub beta: S::Compute,
}
// SAFETY: tasks write disjoint tiles of C.
unsafe impl<S: Source> Sync for Problem<S> {}

/// The cut of a dimension into `count` nearly equal pieces, all but the last a multiple of `unit` long.
#[derive(Clone, Copy)]
pub(crate) struct Cut {
    pub total: usize,
    pub size: usize,
    pub count: usize,
}

impl Cut {
    pub fn new(total: usize, most: usize, unit: usize) -> Cut {
        let pieces = total.div_ceil(most).max(1);
        let size = total.div_ceil(pieces).next_multiple_of(unit).max(unit);
        Cut {
            total,
            size,
            count: total.div_ceil(size),
        }
    }

    pub fn range(&self, i: usize) -> (usize, usize) {
        let begin = i * self.size;
        (begin, self.size.min(self.total - begin))
    }
}

impl<S: Source> Problem<S> {
    /// The same with elements that are not taken in pairs.
    pub fn plain(&self) -> Problem<S::Plain> {
        Problem {
            m: self.m,
            n: self.n,
            k: self.k,
            a: self.a.cast(),
            a_rs: self.a_rs,
            a_cs: self.a_cs,
            b: self.b.cast(),
            b_rs: self.b_rs,
            b_cs: self.b_cs,
            c: self.c,
            out: std::ptr::null_mut(),
            c_rs: self.c_rs,
            c_cs: self.c_cs,
            alpha: self.alpha,
            beta: self.beta,
        }
    }
}

/// Whether sums over `k` elements are finished in one go.
pub(super) fn one_block<S: Source>(k: usize) -> bool {
    k.div_ceil(S::STEP) <= KC_BYTES / size_of::<S::Compute>()
}

/// Computes the product.
pub(super) unsafe fn run<S: Source>(p: &Problem<S>, parallel: bool) {
    let kernels = S::kernels();
    // Only what is computed as it is stored can be read where it lies.
    let same = TypeId::of::<S>() == TypeId::of::<S::Compute>();
    let work = p.m.saturating_mul(p.n).saturating_mul(p.k);
    let small = work <= SMALL;
    let threads = if parallel && work >= PARALLEL {
        par::num_threads()
    } else {
        1
    };
    let pack_b = !same || p.b_cs != 1 || (!small && p.m > THIN);
    let columns = match pack_b && p.m <= FLAT {
        true => (kernels.nr() * FLAT_PANELS).saturating_mul(threads).min(NC),
        false => NC,
    };
    let plan = Plan {
        kernels,
        pack_a: match same {
            true => !small && p.n > kernels.nr(),
            false => !(S::in_steps(p.a, [p.a_rs, p.a_cs], p.k) && p.n <= FEW * kernels.nr()),
        },
        pack_b,
        parallel: threads > 1,
        ks: Cut::new(p.k.div_ceil(S::STEP), KC_BYTES / size_of::<S::Compute>(), 8),
        js: Cut::new(p.n, columns, kernels.nr()),
    };
    if !plan.pack_b {
        blocks(p, &plan, std::ptr::null_mut());
        return;
    }
    let bytes = plan.ks.size.min(plan.ks.total) * plan.js.size.min(p.n) * size_of::<S::Compute>();
    match Scratch::take(Purpose::B, bytes) {
        Some(scratch) => blocks(p, &plan, scratch.ptr()),
        None => blocks_on_stack(p, plan),
    }
}

/// Without memory to pack B, one panel at a time: slower, with the same bits.
#[cold]
#[inline(never)]
unsafe fn blocks_on_stack<S: Source>(p: &Problem<S>, mut plan: Plan<S::Compute>) {
    let mut panel = Aligned([MaybeUninit::<u8>::uninit(); PANEL_BYTES]);
    plan.js = Cut::new(p.n, plan.kernels.nr(), plan.kernels.nr());
    blocks(p, &plan, panel.0.as_mut_ptr().cast());
}

/// The widest panel of B of any level.
const PANEL_BYTES: usize = 48 * KC_BYTES;
/// The tallest panel of A of any level.
const ROWS_BYTES: usize = 8 * KC_BYTES;
/// The largest tile of any level.
const MAX_TILE: usize = 8 * 48;

#[repr(align(64))]
struct Aligned<const N: usize>([MaybeUninit<u8>; N]);

/// How a product is cut.
struct Plan<T: 'static> {
    kernels: &'static Kernels<T>,
    pack_a: bool,
    pack_b: bool,
    parallel: bool,
    ks: Cut,
    js: Cut,
}

unsafe fn blocks<S: Source>(p: &Problem<S>, plan: &Plan<S::Compute>, packed_b: *mut S::Compute) {
    for j in 0..plan.js.count {
        let (j0, nc) = plan.js.range(j);
        for l in 0..plan.ks.count {
            let (k0, kc) = plan.ks.range(l);
            let beta = if l == 0 { p.beta } else { S::Compute::ONE };
            let block = Block {
                p,
                plan,
                k0,
                kc,
                j0,
                nc,
                packed_b,
                beta,
            };
            if plan.pack_b {
                pack_panels(&block);
            }
            multiply(&block);
        }
    }
}

/// One block of the product: some columns and some k.
struct Block<'a, S: Source> {
    p: &'a Problem<S>,
    plan: &'a Plan<S::Compute>,
    /// First k, and how many.
    k0: usize,
    kc: usize,
    /// First column, and how many.
    j0: usize,
    nc: usize,
    /// The packed panels of B, if they are packed.
    packed_b: *mut S::Compute,
    beta: S::Compute,
}
// SAFETY: tasks read A and B and write disjoint panels and disjoint tiles of C.
unsafe impl<S: Source> Sync for Block<'_, S> {}

unsafe fn pack_panels<S: Source>(block: &Block<S>) {
    let nr = block.plan.kernels.nr();
    let pack = |panel: usize| {
        let Block {
            p,
            k0,
            kc,
            j0,
            nc,
            packed_b,
            ..
        } = *block;
        let j = panel * nr;
        let width = nr.min(nc - j);
        let src =
            p.b.wrapping_offset((j0 + j) as isize * p.b_cs + (k0 * S::STEP) as isize * p.b_rs);
        let elements = (kc * S::STEP).min(p.k - k0 * S::STEP);
        // SAFETY: the buffer holds kc * nc elements and panels do not overlap.
        unsafe { interleave_some(src, p.b_cs, width, p.b_rs, elements, packed_b.add(j * kc), width) }
    };
    let panels = block.nc.div_ceil(nr);
    if block.plan.parallel && block.kc * block.nc >= par::GRAIN {
        par::for_chunks(panels, &pack);
    } else {
        (0..panels).for_each(pack);
    }
}

unsafe fn multiply<S: Source>(block: &Block<S>) {
    let (m, mr) = (block.p.m, block.plan.kernels.mr);
    let panels = block.nc.div_ceil(block.plan.kernels.nr());
    if !block.plan.parallel {
        let rows = Cut::new(m, MC, mr);
        for i in 0..rows.count {
            let (i0, mc) = rows.range(i);
            task(block, i0, mc, 0, panels);
        }
        return;
    }
    // Enough tasks to keep every thread busy to the end; blocks of rows first, because each packs its rows of A once.
    let threads = par::num_threads();
    let rows = Cut::new(m, MC.min(m.div_ceil(threads).max(mr * 4)), mr);
    let groups = Cut::new(panels, panels.div_ceil((threads * 3).div_ceil(rows.count)).max(1), 1);
    par::for_chunks(rows.count * groups.count, &|t| {
        let (i0, mc) = rows.range(t / groups.count);
        let (first, count) = groups.range(t % groups.count);
        // SAFETY: tasks cover disjoint tiles.
        unsafe { task(block, i0, mc, first, count) }
    });
}

/// Rows `i0 .. i0 + mc` by panels `first .. first + count` of the block.
unsafe fn task<S: Source>(block: &Block<S>, i0: usize, mc: usize, first: usize, count: usize) {
    if !block.plan.pack_a {
        tiles(block, i0, mc, first, count, std::ptr::null());
        return;
    }
    match Scratch::take(Purpose::A, mc * block.kc * size_of::<S::Compute>()) {
        Some(scratch) => packed_task(block, i0, mc, first, count, mc, scratch.ptr()),
        None => {
            let mut rows = Aligned([MaybeUninit::<u8>::uninit(); ROWS_BYTES]);
            packed_task(
                block,
                i0,
                mc,
                first,
                count,
                block.plan.kernels.mr,
                rows.0.as_mut_ptr().cast(),
            );
        }
    }
}

/// As [`task`], packing `step` rows of A at a time.
unsafe fn packed_task<S: Source>(
    block: &Block<S>,
    i0: usize,
    mc: usize,
    first: usize,
    count: usize,
    step: usize,
    packed_a: *mut S::Compute,
) {
    let Block { p, k0, kc, .. } = *block;
    let mr = block.plan.kernels.mr;
    for start in (0..mc).step_by(step) {
        let height = step.min(mc - start);
        for i in (0..height).step_by(mr) {
            let rows = mr.min(height - i);
            let src =
                p.a.wrapping_offset((i0 + start + i) as isize * p.a_rs + (k0 * S::STEP) as isize * p.a_cs);
            let elements = (kc * S::STEP).min(p.k - k0 * S::STEP);
            interleave_some(src, p.a_rs, rows, p.a_cs, elements, packed_a.add(i * kc), rows);
        }
        tiles(block, i0 + start, height, first, count, packed_a);
    }
}

/// The tiles of rows `i0 .. i0 + mc`; A from `packed_a`, or from where it lies if that is null.
unsafe fn tiles<S: Source>(
    block: &Block<S>,
    i0: usize,
    mc: usize,
    first: usize,
    count: usize,
    packed_a: *const S::Compute,
) {
    let Block {
        p,
        plan,
        k0,
        kc,
        j0,
        nc,
        packed_b,
        beta,
    } = *block;
    let (mr, nr) = (plan.kernels.mr, plan.kernels.nr());
    let rows_a =
        p.a.wrapping_offset(i0 as isize * p.a_rs + (k0 * S::STEP) as isize * p.a_cs);
    let step = S::STEP as isize;
    for j in (first * nr..nc.min((first + count) * nr)).step_by(nr) {
        let cols = nr.min(nc - j);
        // Where B lies unpacked its rows are far apart: the next panel's part of each row is fetched with this one's.
        let (b, b_ks, ahead) = if plan.pack_b {
            (
                packed_b.cast_const().add(j * kc),
                cols as isize,
                (PREFETCH * cols) as isize,
            )
        } else {
            (
                p.b.wrapping_offset(k0 as isize * p.b_rs + (j0 + j) as isize).cast(),
                p.b_rs,
                nr as isize,
            )
        };
        for i in (0..mc).step_by(mr) {
            let rows = mr.min(mc - i);
            let (a, a_rs, a_ks) = if packed_a.is_null() {
                // Of pairs both strides are whole steps: see `Source::in_steps`.
                (
                    rows_a.wrapping_offset(i as isize * p.a_rs).cast(),
                    p.a_rs / step,
                    if step > 1 { 1 } else { p.a_cs },
                )
            } else {
                (packed_a.add(i * kc), 1, rows as isize)
            };
            let c =
                p.c.wrapping_offset((i0 + i) as isize * p.c_rs + (j0 + j) as isize * p.c_cs);
            let (kernel, last) = plan.kernels.pick(rows, cols);
            let mut tile = Tile {
                k: kc,
                a,
                a_rs,
                a_ks,
                b,
                b_ks,
                c,
                c_rs: p.c_rs,
                last,
                ahead,
                alpha: p.alpha,
                beta,
            };
            // Types that are computed as they are stored have no use for it.
            #[allow(clippy::collapsible_if)]
            if const { size_of::<S>() < size_of::<S::Compute>() } {
                if !p.out.is_null() {
                    let mut dense = Aligned([MaybeUninit::<u8>::uninit(); MAX_TILE * 4]);
                    tile.c = dense.0.as_mut_ptr().cast();
                    tile.c_rs = cols as isize;
                    tile.beta = S::Compute::ZERO;
                    kernel(&tile);
                    let to = p.out.wrapping_offset((i0 + i) as isize * p.c_rs + (j0 + j) as isize);
                    S::narrow_block(tile.c, [rows, cols], to, p.c_rs, beta);
                    continue;
                }
            }
            if p.c_cs == 1 {
                kernel(&tile);
            } else {
                scattered_tile(kernel, &mut tile, rows, cols, p.c_cs);
            }
        }
    }
}

/// A tile of a C whose columns are not adjacent, through a dense copy.
unsafe fn scattered_tile<T: Num>(kernel: Kernel<T>, tile: &mut Tile<T>, rows: usize, cols: usize, c_cs: isize) {
    let (c, c_rs) = (tile.c, tile.c_rs);
    let at = |r: usize, s: usize| c.wrapping_offset(r as isize * c_rs + s as isize * c_cs);
    let mut dense = [T::ZERO; MAX_TILE];
    if tile.beta != T::ZERO {
        for r in 0..rows {
            for s in 0..cols {
                dense[r * cols + s] = *at(r, s);
            }
        }
    }
    tile.c = dense.as_mut_ptr();
    tile.c_rs = cols as isize;
    kernel(tile);
    for r in 0..rows {
        for s in 0..cols {
            *at(r, s) = dense[r * cols + s];
        }
    }
}

//! The driver of all reductions: how the elements are cut into pieces and in which order the pieces are merged.
//!
//! The reduced elements of one output are cut into *units* of fixed size, consecutive units form at most 64 *groups*,
//! units are merged within their group in order and groups among each other in order. Sizes of units and groups follow
//! from the shape alone, so a result has the same bits whether one thread did all of it or eight shared it.
//!
//! Two inner forms exist. *Rows*: the memory runs along a reduced dimension, each output is a dense run. *Columns*: the
//! memory runs along a kept dimension, whole rows of outputs are accumulated at once. Layouts with gaps are gathered into
//! dense pieces first, so that each operation is written for neighbours only.

use std::mem::MaybeUninit;

use super::{Kept, Params, Reduced, Reduction};
use crate::copy::{take_row, transpose};
use crate::math::half as convert;
use crate::matmul::scratch::{Purpose, Scratch as Memory};
use crate::par;

/// Most outputs that one task accumulates at once.
pub(super) const TILE: usize = 2048;
/// Elements of a reduced run in one unit of the row form.
const RUN: usize = 8192;
/// Elements of a run of float16 that are widened at a time, so that they stay in the first-level cache.
const HALF_RUN: usize = 4096;
/// Dense runs shorter than this are turned into columns.
const SHORT: usize = 8;
/// Elements of one unit of the column form.
const PANEL: usize = 64 * 1024;
/// Least elements of a group.
const GROUP: usize = 16 * 1024;
/// Most groups of one output.
const GROUPS: usize = 64;
/// Largest accumulator in bytes.
pub(super) const MAX_ACC: usize = 24;

/// One operation on one dtype: what the driver calls.
pub(super) struct Kernel {
    /// Bytes of one element.
    pub size: usize,
    /// Bytes of one accumulator.
    pub acc: usize,
    /// Whether the logical order of the reduced elements matters (indices).
    pub ordered: bool,
    /// Whether the elements are float16, which `rows` and `cols` get as float32.
    pub half: bool,
    /// `rows(src, step, outs, n, base, acc, p)`: `acc[o]` from the `n` neighbours at `src + o * step`; `base` is the
    /// logical index of the first.
    pub rows: unsafe fn(*const u8, isize, usize, usize, usize, *mut u8, &Params),
    /// `cols(src, row, rows, cols, base, acc, p)`: `acc[j]` from the `rows` elements at `src + i * row`, of which
    /// `cols` are neighbours.
    pub cols: unsafe fn(*const u8, isize, usize, usize, usize, *mut u8, &Params),
    /// `merge(acc, other, count)`: `acc[i]` takes in `other[i]`, which comes later.
    pub merge: unsafe fn(*mut u8, *const u8, usize),
    /// `finish(acc, count, dst, strides, p)` writes the results.
    pub finish: unsafe fn(*const u8, usize, [*mut u8; 2], [isize; 2], &Params),
}

/// A reduction ready to run: normalised geometry and the cut into units, groups and tasks.
struct Plan<'a> {
    kernel: &'a Kernel,
    params: &'a Params,
    src: *const u8,
    dst: [*mut u8; 2],
    /// Kept dimensions but the one that tasks accumulate along.
    outer: &'a [Kept],
    /// The kept dimension that tasks accumulate along.
    along: Kept,
    /// Reduced dimensions but the innermost.
    rest: &'a [Reduced],
    /// The innermost reduced dimension.
    run: Reduced,
    columns: bool,
    /// Rows that lie densely behind each other are read `fold` at a time as one wide row.
    fold: usize,
    /// Outputs of a task.
    tile: usize,
    tiles: usize,
    /// Elements of `run` in one unit, and units along it.
    unit: usize,
    units_in_run: usize,
    units: usize,
    units_in_group: usize,
    groups: usize,
}
// SAFETY: tasks read the source and write disjoint outputs or disjoint parts of the partial results.
unsafe impl Sync for Plan<'_> {}

/// Accumulators of `N` outputs, on the stack.
#[repr(align(64))]
struct Scratch<const N: usize>([MaybeUninit<[u8; MAX_ACC]>; N]);

impl<const N: usize> Scratch<N> {
    #[inline(always)]
    fn new() -> Self {
        Scratch([MaybeUninit::uninit(); N])
    }
    fn ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr() as *mut u8
    }
}

/// Runs `kernel` over `geometry`.
pub(super) unsafe fn run(kernel: &Kernel, geometry: &Reduction, src: *const u8, dst: [*mut u8; 2], params: &Params) {
    let mut kept_buffer = [Kept::UNIT; 8];
    let mut kept_heap = Vec::new();
    let mut reduced_buffer = [Reduced::UNIT; 8];
    let mut reduced_heap = Vec::new();
    let kept = copy(geometry.kept, &mut kept_buffer, &mut kept_heap);
    let reduced = copy(geometry.reduced, &mut reduced_buffer, &mut reduced_heap);
    let outputs: usize = kept.iter().map(|k| k.size).product();
    let count: usize = reduced.iter().map(|r| r.size).product();
    if outputs == 0 {
        return;
    }
    let kept = coalesce_kept(kept);
    let reduced = if count == 0 {
        &mut reduced[..0]
    } else {
        coalesce_reduced(reduced, kernel.ordered)
    };
    let (run, rest) = match reduced {
        [] if count == 0 => (Reduced { size: 0, src: 0 }, &reduced[..]),
        [] => (Reduced::UNIT, &reduced[..]),
        [first, rest @ ..] => (*first, &*rest),
    };
    let (along, outer) = match kept {
        [] => (Kept::UNIT, &kept[..]),
        [first, rest @ ..] => (*first, &*rest),
    };

    let dense_rows = along.src == kernel.size as isize && run.src == along.src * along.size as isize;
    let narrow = along.size < 32 && run.size > 1;
    let columns = along.size > 1
        && (run.size <= 1 || distance(along.src) < distance(run.src))
        && (!narrow || (dense_rows && !kernel.ordered));
    let fold = if columns && narrow { 256 / along.size } else { 1 };
    let tile = match columns {
        // Few columns of float16, so that many rows of them fit into a pack: its sums are merged once per pack.
        true if kernel.half => along.size.min(TILE / 8),
        true => along.size.min(TILE),
        false => (PANEL / count.max(1)).clamp(1, 256).min(along.size),
    };
    let unit = match columns {
        true => (PANEL / tile).clamp(128, 1 << 15),
        false => RUN,
    };
    let units_in_run = run.size.div_ceil(unit).max(1);
    let units = units_in_run * rest.iter().map(|r| r.size).product::<usize>();
    let unit_elements = run.size.min(unit) * if columns { tile } else { 1 };
    let units_in_group = units.div_ceil(GROUPS).max(GROUP.div_ceil(unit_elements.max(1)));
    let groups = units.div_ceil(units_in_group);
    let tiles = along.size.div_ceil(tile);
    let plan = Plan {
        kernel,
        params,
        src,
        dst,
        outer,
        along,
        rest,
        run,
        columns,
        fold,
        tile,
        tiles,
        unit,
        units_in_run,
        units,
        units_in_group,
        groups,
    };
    let tasks = tiles * outer.iter().map(|k| k.size).product::<usize>();
    let elements = outputs.saturating_mul(count.max(1));
    if elements < 2 * par::GRAIN || par::num_threads() == 1 {
        (0..tasks).for_each(|t| plan.task(t));
    } else if tasks >= 16 || groups == 1 {
        let bundle = (par::GRAIN * tasks).div_ceil(elements).max(1);
        par::for_chunks(tasks.div_ceil(bundle), &|c| {
            (c * bundle..((c + 1) * bundle).min(tasks)).for_each(|t| plan.task(t));
        });
    } else {
        plan.split(tasks);
    }
}

impl Plan<'_> {
    /// All groups of one tile of outputs.
    unsafe fn task(&self, task: usize) {
        if self.tile <= 32 {
            self.task_on::<32>(task)
        } else {
            self.task_on::<TILE>(task)
        }
    }

    /// [`Plan::task`] with room for `N` outputs.
    unsafe fn task_on<const N: usize>(&self, task: usize) {
        let mut total = Scratch::<N>::new();
        let mut group = Scratch::<N>::new();
        let mut unit = Scratch::<N>::new();
        let (src, dst, count) = self.locate(task);
        self.group(src, count, 0, total.ptr(), unit.ptr());
        for g in 1..self.groups {
            self.group(src, count, g, group.ptr(), unit.ptr());
            (self.kernel.merge)(total.ptr(), group.ptr(), count);
        }
        (self.kernel.finish)(total.ptr(), count, dst, self.along.dst, self.params);
    }

    /// Few outputs with many elements each: every (tile, group) is a task, then the groups are merged in order.
    unsafe fn split(&self, tasks: usize) {
        let size = self.tile * MAX_ACC.max(self.kernel.acc);
        let words = (size * tasks * self.groups).div_ceil(16);
        let mut partial: Vec<MaybeUninit<u128>> = Vec::with_capacity(words);
        let base = Shared(partial.as_mut_ptr() as *mut u8);
        par::for_chunks(tasks * self.groups, &|c| {
            let mut unit = Scratch::<TILE>::new();
            let (src, _, count) = self.locate(c / self.groups);
            self.group(src, count, c % self.groups, base.at(c * size), unit.ptr());
        });
        for t in 0..tasks {
            let (_, dst, count) = self.locate(t);
            let total = base.at(t * self.groups * size);
            for g in 1..self.groups {
                (self.kernel.merge)(total, base.at((t * self.groups + g) * size), count);
            }
            (self.kernel.finish)(total, count, dst, self.along.dst, self.params);
        }
    }

    /// First element, first results and number of outputs of a tile.
    fn locate(&self, task: usize) -> (*const u8, [*mut u8; 2], usize) {
        let first = task % self.tiles * self.tile;
        let mut rest = task / self.tiles;
        let mut src = self.src.wrapping_offset(self.along.src * first as isize);
        let mut dst = [0, 1].map(|i| self.dst[i].wrapping_offset(self.along.dst[i] * first as isize));
        for k in self.outer {
            let index = (rest % k.size) as isize;
            rest /= k.size;
            src = src.wrapping_offset(k.src * index);
            dst = [0, 1].map(|i| dst[i].wrapping_offset(k.dst[i] * index));
        }
        (src, dst, self.tile.min(self.along.size - first))
    }

    /// The units of group `g`, merged in order into `acc`.
    unsafe fn group(&self, src: *const u8, count: usize, g: usize, acc: *mut u8, scratch: *mut u8) {
        let begin = g * self.units_in_group;
        let end = (begin + self.units_in_group).min(self.units);
        self.unit(src, count, begin, acc);
        for u in begin + 1..end {
            self.unit(src, count, u, scratch);
            (self.kernel.merge)(acc, scratch, count);
        }
    }

    /// One unit.
    unsafe fn unit(&self, src: *const u8, count: usize, unit: usize, acc: *mut u8) {
        let first = unit % self.units_in_run * self.unit;
        let mut index = unit / self.units_in_run;
        let n = self.unit.min(self.run.size - first);
        let base = index * self.run.size + first;
        let mut src = src.wrapping_offset(self.run.src * first as isize);
        for r in self.rest {
            src = src.wrapping_offset(r.src * (index % r.size) as isize);
            index /= r.size;
        }
        let (p, run, size) = (self.params, self.run.src, self.kernel.size as isize);
        let half = self.kernel.half;
        if self.columns {
            if self.along.src != size || half {
                self.packed_cols(src, count, n, base, acc);
            } else if self.fold == 1 || n < self.fold {
                (self.kernel.cols)(src, run, n, count, base, acc, p);
            } else {
                self.folded(src, count, n, acc);
            }
        } else if n > 1 && n < SHORT && count >= 16 && run == size && !half {
            // Short dense runs: turned into columns.
            let pack = Pack::new();
            let row = count * self.kernel.size;
            transpose::block(
                pack.ptr(),
                row as isize,
                src,
                self.along.src,
                n,
                count,
                self.kernel.size,
            );
            (self.kernel.cols)(pack.ptr(), row as isize, n, count, base, acc, p);
        } else if (run == size || n <= 1) && !half {
            (self.kernel.rows)(src, self.along.src, count, n, base, acc, p);
        } else {
            self.packed_rows(src, count, n, base, acc);
        }
    }

    /// Runs with gaps or of float16: as many outputs at a time as the pack holds are gathered, then reduced as dense
    /// runs; long runs of float16 piece by piece.
    #[inline(never)]
    unsafe fn packed_rows(&self, src: *const u8, count: usize, n: usize, base: usize, acc: *mut u8) {
        let seen = self.seen();
        let pack = Pack::new();
        let piece = if self.kernel.half { HALF_RUN } else { RUN };
        let batch = (piece / n.max(1)).max(1);
        for o in (0..count).step_by(batch) {
            let outs = batch.min(count - o);
            let acc = acc.add(o * self.kernel.acc);
            let row = |i: usize| src.wrapping_offset(self.along.src * (o + i) as isize);
            if n <= piece {
                for i in 0..outs {
                    self.gather(row(i), self.run.src, n, pack.ptr().add(i * n * seen));
                }
                (self.kernel.rows)(pack.ptr(), (n * seen) as isize, outs, n, base, acc, self.params);
                continue;
            }
            let mut more = Scratch::<1>::new();
            for first in (0..n).step_by(piece) {
                let part = piece.min(n - first);
                let src = row(0).wrapping_offset(self.run.src * first as isize);
                self.gather(src, self.run.src, part, pack.ptr());
                let to = if first == 0 { acc } else { more.ptr() };
                (self.kernel.rows)(pack.ptr(), 0, 1, part, base + first, to, self.params);
                if first > 0 {
                    (self.kernel.merge)(acc, to, 1);
                }
            }
        }
    }

    /// Columns with gaps or of float16: as many rows at a time as the pack holds are gathered.
    #[inline(never)]
    unsafe fn packed_cols(&self, src: *const u8, count: usize, n: usize, base: usize, acc: *mut u8) {
        let seen = self.seen();
        let pack = Pack::new();
        let more = Memory::take_or_end(Purpose::Sums, count * MAX_ACC.max(self.kernel.acc));
        let batch = (RUN / count).max(1);
        let mut first = 0;
        loop {
            let rows = batch.min(n - first);
            let start = src.wrapping_offset(self.run.src * first as isize);
            if self.run.src == self.along.src * count as isize {
                self.gather(start, self.along.src, rows * count, pack.ptr());
            } else {
                for i in 0..rows {
                    let s = start.wrapping_offset(self.run.src * i as isize);
                    self.gather(s, self.along.src, count, pack.ptr().add(i * count * seen));
                }
            }
            let to = if first == 0 { acc } else { more.ptr() };
            let row = (count * seen) as isize;
            (self.kernel.cols)(pack.ptr(), row, rows, count, base + first, to, self.params);
            if first > 0 {
                (self.kernel.merge)(acc, to, count);
            }
            first += rows;
            if first >= n {
                break;
            }
        }
    }

    /// Bytes of an element as the kernel sees it.
    fn seen(&self) -> usize {
        if self.kernel.half { 4 } else { self.kernel.size }
    }

    /// Brings `n` elements that lie `stride` bytes apart to neighbours, float16 as float32.
    unsafe fn gather(&self, src: *const u8, stride: isize, n: usize, dst: *mut u8) {
        if !self.kernel.half {
            return gather(src, stride, n, self.kernel.size, dst);
        }
        if stride == 2 {
            return convert::f16_to_f32(src.cast(), dst.cast(), n);
        }
        let mut dense = [MaybeUninit::<u16>::uninit(); TILE];
        for first in (0..n).step_by(TILE) {
            let part = TILE.min(n - first);
            gather(
                src.wrapping_offset(stride * first as isize),
                stride,
                part,
                2,
                dense.as_mut_ptr().cast(),
            );
            convert::f16_to_f32(dense.as_ptr().cast(), dst.cast::<f32>().add(first), part);
        }
    }

    /// Dense narrow rows, `fold` of them read as one wide row; the column groups are merged in order.
    #[inline(never)]
    unsafe fn folded(&self, src: *const u8, count: usize, n: usize, acc: *mut u8) {
        let mut wide = Scratch::<256>::new();
        let wide = wide.ptr();
        let (p, run, fold) = (self.params, self.run.src, self.fold);
        let whole = n / fold;
        (self.kernel.cols)(src, run * fold as isize, whole, count * fold, 0, wide, p);
        let bytes = count * self.kernel.acc;
        std::ptr::copy_nonoverlapping(wide, acc, bytes);
        for k in 1..fold {
            (self.kernel.merge)(acc, wide.add(k * bytes), count);
        }
        if n > whole * fold {
            let tail = src.wrapping_offset(run * (whole * fold) as isize);
            (self.kernel.cols)(tail, run, n - whole * fold, count, 0, wide, p);
            (self.kernel.merge)(acc, wide, count);
        }
    }
}

/// Elements gathered from a layout with gaps. Not on the stack: a frame of this size is touched page by page at every
/// call, even by those units that need no pack.
struct Pack(Memory);

impl Pack {
    fn new() -> Pack {
        Pack(Memory::take_or_end(Purpose::Line, RUN * 8))
    }
    fn ptr(&self) -> *mut u8 {
        self.0.ptr()
    }
}

/// Copies `n` elements of `size` bytes that lie `stride` bytes apart to neighbours.
unsafe fn gather(src: *const u8, stride: isize, n: usize, size: usize, dst: *mut u8) {
    match size {
        1 => take_row::<u8>(dst, src, stride, n),
        2 => take_row::<u16>(dst, src, stride, n),
        4 => take_row::<u32>(dst, src, stride, n),
        _ => take_row::<u64>(dst, src, stride, n),
    }
}

/// A pointer into the partial results, whose parts the tasks share out among themselves.
struct Shared(*mut u8);
// SAFETY: every task writes its own part.
unsafe impl Sync for Shared {}
impl Shared {
    fn at(&self, offset: usize) -> *mut u8 {
        self.0.wrapping_add(offset)
    }
}

/// How far apart the neighbours of a dimension lie; repeated elements (stride 0) count as farthest.
fn distance(stride: isize) -> usize {
    if stride == 0 { usize::MAX } else { stride.unsigned_abs() }
}

/// The dimensions without those of size 1, innermost first, in `buffer` or, when there are many, in `heap`.
fn copy<'b, T: Copy + HasSize>(from: &[T], buffer: &'b mut [T; 8], heap: &'b mut Vec<T>) -> &'b mut [T] {
    let mut n = 0;
    if from.len() > buffer.len() {
        heap.extend(from.iter().filter(|d| d.size() != 1).rev());
        return heap;
    }
    for d in from.iter().rev().filter(|d| d.size() != 1) {
        buffer[n] = *d;
        n += 1;
    }
    &mut buffer[..n]
}

trait HasSize {
    fn size(&self) -> usize;
}
impl HasSize for Kept {
    fn size(&self) -> usize {
        self.size
    }
}
impl HasSize for Reduced {
    fn size(&self) -> usize {
        self.size
    }
}

/// Sorts by source stride and joins neighbours that are one dimension in disguise.
fn coalesce_kept(dims: &mut [Kept]) -> &mut [Kept] {
    dims.sort_by_key(|d| distance(d.src));
    let mut n = 0;
    for i in 0..dims.len() {
        let d = dims[i];
        if n > 0 {
            let last = &mut dims[n - 1];
            let size = last.size as isize;
            if d.src == last.src * size && d.dst[0] == last.dst[0] * size && d.dst[1] == last.dst[1] * size {
                last.size *= d.size;
                continue;
            }
        }
        dims[n] = d;
        n += 1;
    }
    &mut dims[..n]
}

/// As [`coalesce_kept`]; where the order of the elements matters, they keep it.
fn coalesce_reduced(dims: &mut [Reduced], ordered: bool) -> &mut [Reduced] {
    if !ordered {
        dims.sort_by_key(|d| distance(d.src));
    }
    let mut n = 0;
    for i in 0..dims.len() {
        let d = dims[i];
        if n > 0 && d.src == dims[n - 1].src * dims[n - 1].size as isize {
            dims[n - 1].size *= d.size;
            continue;
        }
        dims[n] = d;
        n += 1;
    }
    &mut dims[..n]
}

//! Cells of planes or volumes at the places that a grid names.
//!
//! A place has one, two or four taps along each axis (nearest, linear, cubic), and its value is the sum over their
//! product. The gradient with respect to the place has the same taps with the weights' derivatives along one axis.

use crate::cell::Shared;
use crate::{par, simd_fn};
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

/// The geometry of a sampling; numbers are PyTorch's.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Independent pairs of input and grid.
    pub batch: usize,
    /// Planes of each input.
    pub channels: usize,
    /// Depth (1 with two dimensions), height, width.
    pub input: [usize; 3],
    /// Places of each grid.
    pub points: usize,
    /// Coordinates of a place: 2 or 3, x first.
    pub dims: usize,
    /// 0 linear, 1 nearest, 2 cubic.
    pub mode: i64,
    /// 0 zeros, 1 border, 2 reflection.
    pub padding: i64,
    /// Whether -1 and 1 are the centres of the outer cells instead of their edges.
    pub align: bool,
}

impl Grid {
    fn volume(&self) -> usize {
        self.input.iter().product()
    }

    /// Taps of a place.
    fn taps(&self) -> usize {
        match self.mode {
            0 => 1 << self.dims,
            1 => 1,
            _ => 4usize.pow(self.dims as u32),
        }
    }
}

trait Real:
    Copy
    + Send
    + Sync
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    fn of(x: f64) -> Self;
    fn floor(self) -> Self;
    fn nearest(self) -> Self;
    fn size(self) -> Self;
    fn rest(self, d: Self) -> Self;
    fn int(self) -> i64;
    fn finite(self) -> bool;
}
macro_rules! real {
    ($t:ident) => {
        impl Real for $t {
            #[inline(always)]
            fn of(x: f64) -> $t {
                x as $t
            }
            #[inline(always)]
            fn floor(self) -> $t {
                self.floor()
            }
            #[inline(always)]
            fn nearest(self) -> $t {
                self.round_ties_even()
            }
            #[inline(always)]
            fn size(self) -> $t {
                self.abs()
            }
            #[inline(always)]
            fn rest(self, d: $t) -> $t {
                self % d
            }
            #[inline(always)]
            fn int(self) -> i64 {
                self as i64
            }
            #[inline(always)]
            fn finite(self) -> bool {
                self.is_finite()
            }
        }
    };
}
real!(f32);
real!(f64);

/// The taps of one axis: cells (-1 outside), weights, their derivatives by the grid's coordinate.
#[derive(Clone, Copy)]
struct Line<T> {
    cells: [i64; 4],
    weights: [T; 4],
    slopes: [T; 4],
    n: usize,
}

/// A position after the padding rule, and its derivative.
#[inline(always)]
fn padded<T: Real>(g: &Grid, x: T, size: usize) -> (T, T) {
    let (zero, one) = (T::of(0.0), T::of(1.0));
    let last = T::of(size as f64 - 1.0);
    let (mut x, mut slope) = (x, one);
    if g.padding == 0 {
        return (x, slope);
    }
    if g.padding == 2 {
        let (low, span) = match g.align {
            true => (zero, last),
            false => (T::of(-0.5), T::of(size as f64)),
        };
        if span == zero {
            return (zero, zero);
        }
        let way = x - low;
        if way < zero {
            slope = -slope;
        }
        let way = way.size();
        let extra = way.rest(span);
        let flips = (way / span).floor();
        if flips.rest(T::of(2.0)) == zero {
            x = extra + low;
        } else {
            x = span - extra + low;
            slope = -slope;
        }
    }
    if !(x > zero) {
        (zero, zero)
    } else if x >= last {
        (last, zero)
    } else {
        (x, slope)
    }
}

#[inline(always)]
fn inside<T: Real>(x: T, size: usize) -> i64 {
    let at = x.int();
    if x.finite() && at >= 0 && (at as u64) < size as u64 {
        at
    } else {
        -1
    }
}

#[inline(always)]
fn line<T: Real>(g: &Grid, coordinate: T, size: usize) -> Line<T> {
    let (zero, one, two) = (T::of(0.0), T::of(1.0), T::of(2.0));
    let n = T::of(size as f64);
    let (x, scale) = match g.align {
        true => ((coordinate + one) / two * (n - one), (n - one) / two),
        false => (((coordinate + one) * n - one) / two, n / two),
    };
    let mut line = Line {
        cells: [-1; 4],
        weights: [zero; 4],
        slopes: [zero; 4],
        n: 1,
    };
    match g.mode {
        0 => {
            let (x, slope) = padded(g, x, size);
            let low = x.floor();
            let slope = slope * scale;
            line.n = 2;
            line.cells[..2].copy_from_slice(&[inside(low, size), inside(low + one, size)]);
            line.weights[..2].copy_from_slice(&[low + one - x, x - low]);
            line.slopes[..2].copy_from_slice(&[-slope, slope]);
        }
        1 => {
            let (x, _) = padded(g, x, size);
            line.cells[0] = inside(x.nearest(), size);
            line.weights[0] = one;
        }
        _ => {
            let low = x.floor();
            let t = x - low;
            line.n = 4;
            for k in 0..4 {
                let at = padded(g, low + T::of(k as f64 - 1.0), size).0;
                line.cells[k] = inside(at, size);
                // Convolution with Keys' kernel, whose free number is -3/4.
                let a = T::of(-0.75);
                let far = k == 0 || k == 3;
                let (d, sign) = if k < 2 {
                    (t + T::of(1.0 - k as f64), one)
                } else {
                    (T::of(k as f64 - 1.0) - t, -one)
                };
                let (three, eight) = (T::of(3.0), T::of(8.0));
                if far {
                    line.weights[k] = ((a * d - T::of(5.0) * a) * d + eight * a) * d - T::of(4.0) * a;
                    line.slopes[k] = ((three * a * d - T::of(10.0) * a) * d + eight * a) * sign * scale;
                } else {
                    line.weights[k] = ((a + two) * d - (a + three)) * d * d + one;
                    line.slopes[k] = (three * (a + two) * d - two * (a + three)) * d * sign * scale;
                }
            }
        }
    }
    line
}

/// Places that are worked on at once.
const TILE: usize = 32;
/// Most taps of a place.
const MOST: usize = 64;

/// The taps of a tile: offsets, whether inside, weights, and the derivatives of the weights by each coordinate.
struct Tile<T> {
    offset: [[u32; TILE]; MOST],
    inside: [[bool; TILE]; MOST],
    weight: [[T; TILE]; MOST],
}

impl<T: Real> Tile<T> {
    fn new() -> Tile<T> {
        Tile {
            offset: [[0; TILE]; MOST],
            inside: [[false; TILE]; MOST],
            weight: [[T::of(0.0); TILE]; MOST],
        }
    }

    /// Fills in places `from..` of a grid; `by` takes the derivative by that coordinate in place of the weights.
    #[inline(always)]
    unsafe fn fill(&mut self, g: &Grid, grid: *const T, from: usize, n: usize, by: Option<usize>) {
        let none = Line {
            cells: [0, -1, -1, -1],
            weights: [T::of(1.0); 4],
            slopes: [T::of(0.0); 4],
            n: 1,
        };
        for p in 0..n {
            let place = grid.add((from + p) * g.dims);
            let mut lines = [none; 3];
            for d in 0..g.dims {
                lines[2 - d] = line(g, *place.add(d), g.input[2 - d]);
            }
            let [zs, ys, xs] = &lines;
            let of = |l: &Line<T>, d: usize, k: usize| if by == Some(d) { l.slopes[k] } else { l.weights[k] };
            let mut tap = 0;
            for z in 0..zs.n {
                for y in 0..ys.n {
                    for x in 0..xs.n {
                        let (a, b, c) = (zs.cells[z], ys.cells[y], xs.cells[x]);
                        let ok = a >= 0 && b >= 0 && c >= 0;
                        let at = (a * g.input[1] as i64 + b) * g.input[2] as i64 + c;
                        self.offset[tap][p] = if ok { at as u32 } else { 0 };
                        self.inside[tap][p] = ok;
                        self.weight[tap][p] = of(zs, 2, z) * of(ys, 1, y) * of(xs, 0, x);
                        tap += 1;
                    }
                }
            }
        }
    }
}

macro_rules! typed {
    ($double:expr, $f:ident($g:expr, $($arg:expr),*)) => {
        if $double { $f::<f64>($g, $($arg.cast()),*) } else { $f::<f32>($g, $($arg.cast()),*) }
    };
}

/// The input's values at the places of the grid: `batch x channels x points`.
///
/// # Safety
/// `src` is `batch x channels x volume`, `grid` `batch x points x dims`, all row-major, `f32` or `f64`; volumes are not empty
/// and have fewer than 2^32 cells.
pub unsafe fn sample(double: bool, g: &Grid, src: *const u8, grid: *const u8, dst: *mut u8) {
    typed!(double, forward(g, src, grid, dst))
}

/// The gradient of [`sample`] with respect to its input.
///
/// # Safety
/// As for [`sample`]: `grad` is like its result, `dst` like the input.
pub unsafe fn sample_input_backward(double: bool, g: &Grid, grad: *const u8, grid: *const u8, dst: *mut u8) {
    typed!(double, input_backward(g, grad, grid, dst))
}

/// The gradient of [`sample`] with respect to the grid.
///
/// # Safety
/// As for [`sample`]: `grad` is like its result, `dst` like the grid.
pub unsafe fn sample_grid_backward(
    double: bool,
    g: &Grid,
    grad: *const u8,
    src: *const u8,
    grid: *const u8,
    dst: *mut u8,
) {
    typed!(double, grid_backward(g, grad, src, grid, dst))
}

unsafe fn forward<T: Real>(g: &Grid, src: *const T, grid: *const T, dst: *mut T) {
    let (src, grid, dst) = (Shared(src as *mut T), Shared(grid as *mut T), Shared(dst));
    let tiles = g.points.div_ceil(TILE);
    let group = (par::GRAIN / (TILE * g.taps() * (g.channels + 4))).max(1);
    par::for_units(g.batch * tiles, group, &|begin, end| {
        let mut tile = Tile::new();
        for unit in begin..end {
            let (n, from) = (unit / tiles, unit % tiles * TILE);
            let (src, grid) = (src.at(n * g.channels * g.volume()), grid.at(n * g.points * g.dims));
            let to = dst.at(n * g.channels * g.points + from);
            forward_tile(g, &mut tile, src, grid, from, to);
        }
    });
}

simd_fn! {
    unsafe fn forward_tile<T: Real>(g: &Grid, tile: &mut Tile<T>, src: *const T, grid: *const T, from: usize, dst: *mut T) {
        let n = TILE.min(g.points - from);
        tile.fill(g, grid, from, n, None);
        for c in 0..g.channels {
            let plane = src.add(c * g.volume());
            let mut sums = [T::of(0.0); TILE];
            gather(g, tile, plane, &mut sums);
            for (p, sum) in sums[..n].iter().enumerate() {
                *dst.add(c * g.points + p) = *sum;
            }
        }
    }
}

#[inline(always)]
unsafe fn gather<T: Real>(g: &Grid, tile: &Tile<T>, plane: *const T, sums: &mut [T; TILE]) {
    for k in 0..g.taps() {
        let (offset, inside, weight) = (&tile.offset[k], &tile.inside[k], &tile.weight[k]);
        for p in 0..TILE {
            let term = *plane.add(offset[p] as usize) * weight[p];
            sums[p] += if inside[p] { term } else { T::of(0.0) };
        }
    }
}

unsafe fn input_backward<T: Real>(g: &Grid, grad: *const T, grid: *const T, dst: *mut T) {
    /// Planes that share the work of finding the taps.
    const PLANES: usize = 16;
    let (grad, grid, dst) = (Shared(grad as *mut T), Shared(grid as *mut T), Shared(dst));
    let parts = g.channels.div_ceil(PLANES);
    par::for_units(g.batch * parts, 1, &|begin, end| {
        let mut tile = Tile::new();
        for unit in begin..end {
            let (n, c) = (unit / parts, unit % parts * PLANES);
            let planes = PLANES.min(g.channels - c);
            let first = n * g.channels + c;
            let (grad, dst) = (grad.at(first * g.points), dst.at(first * g.volume()));
            input_planes(g, &mut tile, grad, grid.at(n * g.points * g.dims), dst, planes);
        }
    });
}

simd_fn! {
    unsafe fn input_planes<T: Real>(g: &Grid, tile: &mut Tile<T>, grad: *const T, grid: *const T, dst: *mut T, planes: usize) {
        dst.write_bytes(0, planes * g.volume());
        for from in (0..g.points).step_by(TILE) {
            let n = TILE.min(g.points - from);
            tile.fill(g, grid, from, n, None);
            for c in 0..planes {
                let (grad, plane) = (grad.add(c * g.points + from), dst.add(c * g.volume()));
                for k in 0..g.taps() {
                    for p in 0..n {
                        if tile.inside[k][p] {
                            *plane.add(tile.offset[k][p] as usize) += *grad.add(p) * tile.weight[k][p];
                        }
                    }
                }
            }
        }
    }
}

unsafe fn grid_backward<T: Real>(g: &Grid, grad: *const T, src: *const T, grid: *const T, dst: *mut T) {
    let (grad, src) = (Shared(grad as *mut T), Shared(src as *mut T));
    let (grid, dst) = (Shared(grid as *mut T), Shared(dst));
    let tiles = g.points.div_ceil(TILE);
    let group = (par::GRAIN / (TILE * g.taps() * g.dims * (g.channels + 4))).max(1);
    par::for_units(g.batch * tiles, group, &|begin, end| {
        let mut tile = Tile::new();
        for unit in begin..end {
            let (n, from) = (unit / tiles, unit % tiles * TILE);
            let src = src.at(n * g.channels * g.volume());
            let grad = grad.at(n * g.channels * g.points + from);
            let place = n * g.points * g.dims;
            let to = dst.at(place + from * g.dims);
            grid_tile(g, &mut tile, grad, src, grid.at(place), from, to);
        }
    });
}

simd_fn! {
    unsafe fn grid_tile<T: Real>(g: &Grid, tile: &mut Tile<T>, grad: *const T, src: *const T, grid: *const T, from: usize, dst: *mut T) {
        let n = TILE.min(g.points - from);
        for d in 0..g.dims {
            tile.fill(g, grid, from, n, Some(d));
            let mut total = [T::of(0.0); TILE];
            for c in 0..g.channels {
                let mut sums = [T::of(0.0); TILE];
                gather(g, tile, src.add(c * g.volume()), &mut sums);
                for p in 0..n {
                    total[p] += sums[p] * *grad.add(c * g.points + p);
                }
            }
            for p in 0..n {
                *dst.add(p * g.dims + d) = total[p];
            }
        }
    }
}

//! Convolutions in one to three dimensions: forward, and the gradients of the input and of the weight.
//!
//! One mechanism serves all: a correlation of a grid with taps ([`frame::Corr`]). A convolution is one, its input
//! gradient (which is what a transposed convolution computes) is one for every residue of the output's position modulo
//! the stride. The input is copied once into a padded frame whose columns are sorted by their residue, so that every tap
//! reads adjacent elements; the tiles that the product kernels read are then packed from the frame on the fly.
//!
//! * [`frame`]: the padded copy; [`product`]: the correlation as a product of matrices; [`depthwise`]: the one with a
//!   single channel a group; [`weight`]: the weight's gradient; [`plain`]: the definition, for geometries whose frame
//!   would be mostly padding, and for when there is no memory.
//!
//! An element's sum runs in an order that depends on the shape alone, so its bits do not depend on the threads.

mod depthwise;
mod frame;
mod plain;
mod product;
#[cfg(test)]
mod tests;
mod weight;

use crate::DType;
use crate::matmul::pack::Source;
use crate::matmul::{self, Batch, Dims, Factor, Mat};
use frame::{Corr, Phase, Tap};

/// The geometry of a convolution; fewer than three dimensions have leading ones of size 1.
#[derive(Clone, Copy, Debug)]
pub struct Conv {
    /// Images.
    pub batch: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Input channels of a group.
    pub cin: usize,
    /// Output channels of a group.
    pub cout: usize,
    /// Size of the input.
    pub input: [usize; 3],
    /// Size of the kernel.
    pub kernel: [usize; 3],
    /// Size of the output.
    pub output: [usize; 3],
    /// From one output to the next, in the input.
    pub stride: [usize; 3],
    /// Zeros before the input.
    pub pad: [usize; 3],
    /// From one tap to the next, in the input.
    pub dilation: [usize; 3],
}

/// Where a tensor lies: its first element and its strides in elements.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The first element.
    pub ptr: *mut u8,
    /// To the next image, or to the next output channel of a weight.
    pub n: isize,
    /// To the next channel, or to the next input channel of a weight.
    pub c: isize,
    /// To the next position in each dimension.
    pub s: [isize; 3],
}
// SAFETY: it is an address; who writes through it says why that is sound.
unsafe impl Sync for Place {}

impl Conv {
    fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// One tap at every position, without padding: a product of matrices as it stands.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1; 3] && self.stride == [1; 3] && self.pad == [0; 3] && self.input == self.output
    }
}

/// The step between neighbours of a dense grid in memory.
fn run_of(size: [usize; 3], s: [isize; 3]) -> Option<isize> {
    let mut run = None;
    let mut next = 0;
    for d in (0..3).rev() {
        if size[d] == 1 {
            continue;
        }
        match run {
            None => run = Some(s[d]),
            Some(_) if s[d] == next => {}
            Some(_) => return None,
        }
        next = s[d] * size[d] as isize;
    }
    Some(run.unwrap_or(1))
}

/// Every position of a grid with its three coordinates.
fn grid(size: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let [d, h, w] = size;
    (0..d).flat_map(move |i| (0..h).flat_map(move |j| (0..w).map(move |k| [i, j, k])))
}

fn at(s: [isize; 3], i: [usize; 3]) -> isize {
    (0..3).map(|d| s[d].wrapping_mul(i[d] as isize)).sum()
}

macro_rules! by_source {
    ($dt:expr, $f:ident($($arg:expr),*)) => {
        match $dt {
            DType::F32 => $f::<f32>($($arg),*),
            DType::F64 => $f::<f64>($($arg),*),
            DType::F16 => $f::<half::f16>($($arg),*),
            DType::BF16 => $f::<half::bf16>($($arg),*),
            DType::U8 => $f::<u8>($($arg),*),
            DType::I8 => $f::<i8>($($arg),*),
            DType::I16 => $f::<i16>($($arg),*),
            DType::I32 => $f::<i32>($($arg),*),
            DType::I64 => $f::<i64>($($arg),*),
            _ => {}
        }
    };
}

/// `y[n, m, o] = bias[m] + sum over c, k of w[m, c, k] * x[n, c, o * stride - pad + k * dilation]`, zero outside of `x`.
///
/// `bias` is dense or null. Returns without effect for a dtype that [`matmul::supports`] denies.
///
/// # Safety
/// The places hold tensors of the geometry's sizes; `y` overlaps nothing.
pub unsafe fn forward(dt: DType, conv: &Conv, x: Place, w: Place, bias: *const u8, y: Place) {
    by_source!(dt, forward_of(conv, dt, x, w, bias, y));
}

/// The gradient of the input: `x[n, c, i] = bias[c] + sum over m, k of w[m, c, k] * y[n, m, (i + pad - k * dilation) / stride]`
/// where the division leaves no rest. This is also what a transposed convolution computes.
///
/// # Safety
/// As [`forward`]; `x` is written.
pub unsafe fn input_grad(dt: DType, conv: &Conv, y: Place, w: Place, bias: *const u8, x: Place) {
    by_source!(dt, input_grad_of(conv, dt, y, w, bias, x));
}

/// The gradient of the weight: `w[m, c, k] = sum over n, o of y[n, m, o] * x[n, c, o * stride - pad + k * dilation]`.
///
/// # Safety
/// As [`forward`]; `w` is written.
pub unsafe fn weight_grad(dt: DType, conv: &Conv, y: Place, x: Place, w: Place) {
    by_source!(dt, weight_grad_of(conv, dt, y, x, w));
}

unsafe fn forward_of<S: Source>(conv: &Conv, dt: DType, x: Place, w: Place, bias: *const u8, y: Place) {
    if conv.is_pointwise() && pointwise(conv, dt, [conv.cin, conv.cout], x, [w.n, w.c, w.n], w.ptr, bias, y) {
        return;
    }
    let phase = Phase {
        taps: forward_taps(conv, w.s),
        out: conv.output,
        y: 0,
        ys: y.s,
    };
    run(&Corr::<S> {
        batch: conv.batch,
        groups: conv.groups,
        cin: conv.cin,
        cout: conv.cout,
        input: conv.input,
        x: x.ptr.cast(),
        xn: x.n,
        xc: x.c,
        xs: x.s,
        w: w.ptr.cast(),
        wm: w.n,
        wc: w.c,
        wg: w.n * conv.cout as isize,
        bias: bias.cast(),
        y: y.ptr.cast(),
        yn: y.n,
        yc: y.c,
        step: conv.stride,
        phases: vec![phase],
    });
}

fn forward_taps(conv: &Conv, ws: [isize; 3]) -> Vec<Tap> {
    let tap = |k: [usize; 3]| Tap {
        w: at(ws, k),
        off: std::array::from_fn(|d| (k[d] * conv.dilation[d]) as isize - conv.pad[d] as isize),
    };
    grid(conv.kernel).map(tap).collect()
}

unsafe fn input_grad_of<S: Source>(conv: &Conv, dt: DType, y: Place, w: Place, bias: *const u8, x: Place) {
    if conv.is_pointwise() && pointwise(conv, dt, [conv.cout, conv.cin], y, [w.c, w.n, w.n], w.ptr, bias, x) {
        return;
    }
    run(&Corr::<S> {
        batch: conv.batch,
        groups: conv.groups,
        cin: conv.cout,
        cout: conv.cin,
        input: conv.output,
        x: y.ptr.cast(),
        xn: y.n,
        xc: y.c,
        xs: y.s,
        w: w.ptr.cast(),
        wm: w.c,
        wc: w.n,
        wg: w.n * conv.cout as isize,
        bias: bias.cast(),
        y: x.ptr.cast(),
        yn: x.n,
        yc: x.c,
        step: [1; 3],
        phases: input_grad_phases(conv, w.s, x.s),
    });
}

/// One phase for every residue of the input's position modulo the stride: the taps that reach it, and where.
fn input_grad_phases(conv: &Conv, ws: [isize; 3], xs: [isize; 3]) -> Vec<Phase> {
    let reach = |d: usize, r: usize| -> Vec<(usize, isize)> {
        let stride = conv.stride[d] as isize;
        let from = |k: usize| (r + conv.pad[d]) as isize - (k * conv.dilation[d]) as isize;
        let taps = (0..conv.kernel[d]).filter(|k| from(*k).rem_euclid(stride) == 0);
        taps.map(|k| (k, from(k).div_euclid(stride))).collect()
    };
    let residues: [Vec<Vec<(usize, isize)>>; 3] =
        std::array::from_fn(|d| (0..conv.stride[d].min(conv.input[d])).map(|r| reach(d, r)).collect());
    let phase = |r: [usize; 3]| {
        let [d, h, w]: [&[(usize, isize)]; 3] = std::array::from_fn(|i| &residues[i][r[i]][..]);
        let taps = grid([d.len(), h.len(), w.len()]).map(|[i, j, k]| Tap {
            w: at(ws, [d[i].0, h[j].0, w[k].0]),
            off: [d[i].1, h[j].1, w[k].1],
        });
        Phase {
            taps: taps.collect(),
            out: std::array::from_fn(|d| (conv.input[d] - r[d]).div_ceil(conv.stride[d])),
            y: at(xs, r),
            ys: std::array::from_fn(|d| xs[d].wrapping_mul(conv.stride[d] as isize)),
        }
    };
    grid(std::array::from_fn(|d| residues[d].len())).map(phase).collect()
}

unsafe fn run<S: Source>(corr: &Corr<S>) {
    if corr.batch == 0 || corr.groups == 0 || corr.cout == 0 {
        return;
    }
    let Some(frame) = corr.frame() else {
        return plain::correlate(corr);
    };
    if corr.cin == 1 && corr.cout <= 2 {
        depthwise::run(corr, &frame);
    } else {
        product::run(corr, &frame);
    }
}

/// One tap everywhere: `y = W x` for every image and group. Says whether the memory allowed it.
unsafe fn pointwise(
    conv: &Conv,
    dt: DType,
    [cin, cout]: [usize; 2],
    x: Place,
    [rs, cs, out_channel]: [isize; 3],
    w: *mut u8,
    bias: *const u8,
    y: Place,
) -> bool {
    let (Some(xr), Some(yr)) = (run_of(conv.input, x.s), run_of(conv.output, y.s)) else {
        return false;
    };
    // A bias would be added before the rounding here, and after it there.
    if !bias.is_null() && (dt.is_half() || dt.is_int()) {
        return false;
    }
    let n: usize = conv.input.iter().product();
    let batch = Batch {
        count: conv.batch,
        a: 0,
        b: x.n,
        c: y.n,
    };
    let dims = Dims { m: cout, n, k: cin };
    let size = dt.size() as isize;
    for g in 0..conv.groups as isize {
        let shift = |p: *mut u8, by: isize| p.wrapping_offset(by * size);
        let a = Mat {
            ptr: shift(w, g * out_channel * conv.cout as isize),
            rs,
            cs,
        };
        let b = Mat {
            ptr: shift(x.ptr, g * cin as isize * x.c),
            rs: x.c,
            cs: xr,
        };
        let c = Mat {
            ptr: shift(y.ptr, g * cout as isize * y.c),
            rs: y.c,
            cs: yr,
        };
        let beta = if bias.is_null() {
            Factor::ZERO
        } else {
            let bias = bias.wrapping_offset(g * cout as isize * size);
            match dt {
                DType::F64 => product::fill::<f64>(bias.cast(), cout, conv.batch, y.n, c, n),
                _ => product::fill::<f32>(bias.cast(), cout, conv.batch, y.n, c, n),
            }
            Factor::ONE
        };
        matmul::bmm(dt, batch, dims, Factor::ONE, a, b, beta, c);
    }
    true
}

unsafe fn weight_grad_of<S: Source>(conv: &Conv, dt: DType, y: Place, x: Place, w: Place) {
    if conv.is_pointwise()
        && !dt.is_half()
        && conv.batch > 0
        && let (Some(xr), Some(yr)) = (run_of(conv.input, x.s), run_of(conv.output, y.s))
    {
        let size = dt.size() as isize;
        let k = conv.input.iter().product();
        for i in 0..conv.groups * conv.batch {
            let (g, n) = ((i / conv.batch) as isize, (i % conv.batch) as isize);
            let shift = |p: *mut u8, by: isize| p.wrapping_offset(by * size);
            let (m, c) = (conv.cout as isize, conv.cin as isize);
            let a = Mat {
                ptr: shift(y.ptr, n * y.n + g * m * y.c),
                rs: y.c,
                cs: yr,
            };
            let b = Mat {
                ptr: shift(x.ptr, n * x.n + g * c * x.c),
                rs: xr,
                cs: x.c,
            };
            let out = Mat {
                ptr: shift(w.ptr, g * m * w.n),
                rs: w.n,
                cs: w.c,
            };
            let beta = if n == 0 { Factor::ZERO } else { Factor::ONE };
            let dims = Dims {
                m: conv.cout,
                n: conv.cin,
                k,
            };
            matmul::gemm(dt, dims, Factor::ONE, a, b, beta, out);
        }
        return;
    }
    weight::run::<S>(conv, y, x, w);
}

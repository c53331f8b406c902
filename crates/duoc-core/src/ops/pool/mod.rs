//! Pooling: the geometry of windows and what the families below share.

pub mod adaptive;
pub mod average;
pub mod fractional;
pub mod max;
pub mod unpool;

use crate::autograd::mode::is_grad_enabled;
use crate::ops::copy::{copy_data, uninit_format};
use crate::ops::factory::zeros_of;
use crate::ops::index::dense;
use crate::ops::scatter::scatter_add;
use crate::ops::view::{ints, reshape};
use crate::storage::{Mode, access};
use crate::{DType, MemoryFormat, Result, Tensor, ensure, err};
use duoc_kernels::pool::{Axis, Regular, Windows, scatter_planes};

/// Sizes of a pooling over the last `k` dimensions, innermost last.
pub(super) struct Pool {
    pub k: usize,
    pub kernel: Vec<i64>,
    pub stride: Vec<i64>,
    pub pad: Vec<i64>,
    pub dilation: Vec<i64>,
    pub ceil: bool,
}

/// "a single int, or a tuple of two ints".
fn words(k: usize) -> &'static str {
    if k == 2 { "two" } else { "three" }
}

/// The arguments as PyTorch takes them: one number for all dimensions or one for each, no stride for the kernel's size.
pub(super) fn arguments(
    name: &str,
    k: usize,
    (kernel, stride, pad, dilation): (&[i64], &[i64], &[i64], &[i64]),
    ceil: bool,
) -> Result<Pool> {
    let list = |values: &[i64], what: &str| -> Result<Vec<i64>> {
        ensure!(
            values.len() == 1 || values.len() == k,
            Runtime,
            "{name}: {what} a single int, or a tuple of {} ints",
            words(k)
        );
        ensure!(
            values.iter().all(|v| i32::try_from(*v).is_ok()),
            Runtime,
            "integer out of range"
        );
        Ok((0..k).map(|i| values[if values.len() == 1 { 0 } else { i }]).collect())
    };
    let kernel = list(kernel, "kernel_size must either be")?;
    let stride = match stride {
        [] => kernel.clone(),
        s => list(s, "stride must either be omitted,")?,
    };
    let pad = list(pad, "padding must either be")?;
    let dilation = list(dilation, "dilation must be either")?;
    Ok(Pool {
        k,
        kernel,
        stride,
        pad,
        dilation,
        ceil,
    })
}

impl Pool {
    /// The number of windows along dimension `d` of `size` elements.
    fn output(&self, d: usize, size: usize) -> Result<i64> {
        let [k, s, p, e] = [self.kernel[d], self.stride[d], self.pad[d], self.dilation[d]];
        ensure!(s != 0, Runtime, "stride should not be zero");
        ensure!(p >= 0, Runtime, "pad must be non-negative, but got pad: {p}");
        let reach = (k - 1) * e + 1;
        ensure!(
            p <= reach / 2,
            Runtime,
            "pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={e}"
        );
        let size = i64::try_from(size).ok().filter(|n| *n < 1 << 61);
        let size = size.ok_or_else(|| err!(Runtime, "integer out of range"))?;
        let room = size + 2 * p - e * (k - 1) - 1 + if self.ceil { s - 1 } else { 0 };
        // Rounded down for any sign of the stride, which is checked later.
        let mut n = room.div_euclid(s) + if s < 0 && room.rem_euclid(s) != 0 { 0 } else { 1 };
        if self.ceil && (n - 1).saturating_mul(s) >= size + p {
            n -= 1;
        }
        Ok(n)
    }

    /// The sizes of the result's last dimensions, after all of PyTorch's checks.
    pub fn outputs(&self, name: &str, x: &Tensor, covers: bool) -> Result<Vec<usize>> {
        let (k, nd) = (self.k, x.dim());
        if k == 2 {
            ensure!(
                nd == 3 || nd == 4,
                Runtime,
                "non-empty 3D or 4D (batch mode) tensor expected for input"
            );
        } else {
            ensure!(
                nd == 4 || nd == 5,
                Runtime,
                "non-empty 4D or 5D (batch mode) tensor expected for input"
            );
        }
        let sizes = &x.shape()[nd - k..];
        let n: Vec<i64> = (0..k).map(|d| self.output(d, sizes[d])).collect::<Result<_>>()?;
        let show = |l: &[i64], names: [&str; 3]| -> String {
            let names = &names[3 - k..];
            let parts: Vec<String> = names.iter().zip(l).map(|(n, v)| format!("{n}: {v}")).collect();
            parts.join(" ")
        };
        let positive = |l: &[i64]| l.iter().all(|v| *v > 0);
        let (kernel, stride) = (
            show(&self.kernel, ["kT", "kH", "kW"]),
            show(&self.stride, ["dT", "dH", "dW"]),
        );
        ensure!(
            positive(&self.kernel),
            Runtime,
            "kernel size should be greater than zero, but got {kernel}"
        );
        ensure!(
            positive(&self.stride),
            Runtime,
            "stride should be greater than zero, but got {stride}"
        );
        ensure!(
            positive(&self.dilation),
            Runtime,
            "dilation should be greater than zero, but got {}",
            show(&self.dilation, ["dilationT", "dilationH", "dilationW"])
        );
        let batched = nd == k + 2;
        let filled = x.shape()[batched as usize..].iter().all(|n| *n > 0);
        if k == 2 {
            ensure!(
                filled,
                Runtime,
                "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{:?}",
                x.shape()
            );
        } else {
            ensure!(
                filled,
                Runtime,
                "{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {:?} with dimension {} being empty",
                x.shape(),
                (batched as usize..nd).find(|d| x.shape()[*d] == 0).unwrap_or(0)
            );
        }
        if covers {
            ensure!(
                sizes.iter().zip(&self.kernel).all(|(n, k)| *n as i64 >= *k),
                Runtime,
                "input image ({}) smaller than kernel size ({kernel})",
                show(&crate::ops::view::ints(sizes), ["T", "H", "W"])
            );
        }
        let planes = x.shape()[nd - k - 1];
        let join = |l: &[i64]| l.iter().map(|v| v.to_string()).collect::<Vec<_>>().join("x");
        ensure!(
            n.iter().all(|n| *n >= 1),
            Runtime,
            "Given input size: ({planes}x{}). Calculated output size: ({planes}x{}). Output size is too small",
            join(&ints(sizes)),
            join(&n)
        );
        Ok(n.into_iter().map(|n| n as usize).collect())
    }

    /// The windows along dimension `d`; `padded` counts the cells of the border into a mean.
    fn axis(&self, d: usize, size: usize, n: usize, padded: bool) -> Axis {
        let [k, s, p, e] = [self.kernel[d], self.stride[d], self.pad[d], self.dilation[d]];
        let size = size as i64;
        let mut axis = Axis {
            start: Vec::with_capacity(n),
            end: Vec::with_capacity(n),
            count: Vec::with_capacity(n),
            step: e as usize,
            regular: Some(Regular {
                kernel: k as usize,
                stride: s as usize,
                pad: p as usize,
            }),
        };
        for o in 0..n as i64 {
            let begin = o * s - p;
            let end = begin + (k - 1) * e + 1;
            let first = if begin < 0 {
                begin + (-begin + e - 1) / e * e
            } else {
                begin
            };
            axis.start.push(first as usize);
            axis.end.push(end.min(size).max(0) as usize);
            axis.count.push(if padded {
                end.min(size + p) - begin
            } else {
                end.min(size) - first
            });
        }
        axis
    }

    /// The geometry for the kernels.
    pub fn windows(&self, x: &[usize], outputs: &[usize], padded: bool) -> Windows {
        let (k, nd) = (self.k, x.len());
        let mut windows = blank(x, k);
        for d in 0..k {
            windows.axes[3 - k + d] = self.axis(d, x[nd - k + d], outputs[d], padded);
        }
        windows
    }
}

/// PyTorch's complaint about inputs of one-dimensional pooling.
pub(super) fn check_1d(name: &str, x: &Tensor) -> Result<()> {
    ensure!(
        x.dim() == 2 || x.dim() == 3,
        Runtime,
        "Expected 2 to 3 dimensions, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for {name})",
        x.dim()
    );
    Ok(())
}

/// A gradient that counts as a function of the input too, as PyTorch's backward operations have it: its own gradient with
/// respect to `x` is zero.
pub(crate) fn tied(gradient: Tensor, x: &Tensor) -> Result<Tensor> {
    if !is_grad_enabled() || !x.requires_grad() {
        return Ok(gradient);
    }
    let (shape, dtype) = (x.shape().to_vec(), x.dtype());
    gradient.data().record("TiedBackward0", [&gradient, x], |_| {
        move |c: &crate::autograd::Ctx, g: &Tensor| -> Result<[Option<Tensor>; 2]> {
            let zeros = if c.needs(1) {
                Some(zeros_of(&shape, dtype)?)
            } else {
                None
            };
            Ok([Some(g.clone()), zeros])
        }
    })
}

/// An error, rather than tables for it, for a result that there is no memory for.
pub(crate) fn affordable(shape: &[usize], dtype: DType) -> Result<()> {
    if shape.iter().any(|n| *n > 1 << 20) {
        Tensor::uninit(shape, dtype)?;
    }
    Ok(())
}

/// PyTorch's complaint about a gradient of another shape than the result's.
pub(super) fn check_sizes(t: &Tensor, shape: &[usize]) -> Result<()> {
    let nd = shape.len();
    for d in 0..nd {
        let have = t.shape().get(d).copied();
        ensure!(
            t.dim() == nd && have == Some(shape[d]),
            Runtime,
            "Expected a tensor of dimension {nd} and tensor.size[{d}] == {} but got: dimension {} and tensor.size[{d}] = {}",
            shape[d],
            t.dim(),
            have.unwrap_or(0)
        );
    }
    Ok(())
}

/// Windows of one cell over dimensions that are not there.
pub(super) fn blank(x: &[usize], k: usize) -> Windows {
    let nd = x.len();
    let one = || Axis {
        start: vec![0],
        end: vec![1],
        count: vec![1],
        step: 1,
        regular: None,
    };
    let mut input = [1; 3];
    input[3 - k..].copy_from_slice(&x[nd - k..]);
    Windows {
        planes: x[..nd - k].iter().product(),
        input,
        axes: [one(), one(), one()],
    }
}

/// The shape of `x` with its last dimensions replaced.
pub(super) fn replaced(x: &[usize], last: &[usize]) -> Vec<usize> {
    let mut shape = x.to_vec();
    let at = shape.len() - last.len();
    shape[at..].copy_from_slice(last);
    shape
}

/// The order of memory that PyTorch sees in a tensor's strides: channels last, or row-major.
pub(crate) fn suggested(x: &Tensor) -> MemoryFormat {
    let format = match x.dim() {
        4 => MemoryFormat::ChannelsLast,
        5 => MemoryFormat::ChannelsLast3d,
        _ => return MemoryFormat::Contiguous,
    };
    let order: Vec<usize> = [1].into_iter().chain((2..x.dim()).rev()).chain([0]).collect();
    if x.is_contiguous() && !(x.shape()[1] == 1 && x.strides()[1] == 1) {
        return MemoryFormat::Contiguous;
    }
    let mut least = 0;
    for d in order {
        let (n, s) = (x.shape()[d], x.strides()[d]);
        if n == 0 || s < least || (d == 0 && least == x.strides()[1]) {
            return MemoryFormat::Contiguous;
        }
        least = s;
        if n > 1 {
            least = s.saturating_mul(n as isize);
        }
    }
    format
}

/// A row-major result in the order that `x` suggests.
pub(crate) fn in_order_of(x: &Tensor, row_major: Tensor) -> Result<Tensor> {
    match suggested(x) {
        MemoryFormat::Contiguous => Ok(row_major),
        f => {
            let out = uninit_format(row_major.shape(), row_major.dtype(), f)?;
            copy_data(&out, &row_major)?;
            Ok(out)
        }
    }
}

/// The elements of `g` at their indices within volumes of the shape's last `k` dimensions, zeros elsewhere: the gradient
/// of a choice.
pub(super) fn chosen_backward(g: &Tensor, indices: &Tensor, shape: &[usize], k: usize) -> Result<Tensor> {
    let nd = shape.len();
    let volume = crate::layout::checked_numel(&shape[nd - k..], 8)?;
    if is_grad_enabled() {
        // The reference, which can be differentiated again.
        let mut flat: Vec<i64> = ints(&shape[..nd - k]).to_vec();
        flat.push(-1);
        let cells: usize = g.shape()[nd - k..].iter().product();
        flat[nd - k] = cells as i64;
        let (g, indices) = (reshape(g, &flat)?, reshape(indices, &flat)?);
        let mut wide = shape[..nd - k].to_vec();
        wide.push(volume);
        let sum = scatter_add(&zeros_of(&wide, g.dtype())?, -1, &indices, &g)?;
        return reshape(&sum, &ints(shape));
    }
    let planes = shape[..nd - k].iter().product();
    let cells = g.shape()[nd - k..].iter().product();
    scattered(g, indices, shape, k, [planes, cells, volume], true)
}

/// The kernel's way: `add` sums what meets in one place, otherwise the last stays.
pub(super) fn scattered(
    g: &Tensor,
    indices: &Tensor,
    shape: &[usize],
    k: usize,
    geometry: [usize; 3],
    add: bool,
) -> Result<Tensor> {
    let (g, indices) = (dense(g)?, dense(indices)?);
    let out = Tensor::uninit(shape, g.dtype())?;
    let known = access::access(
        [(&g, Mode::Read), (&indices, Mode::Read), (&out, Mode::Init)],
        |[g_ptr, at, out]| {
            // SAFETY: all three are row-major with the geometry's sizes; the kernel checks the indices.
            unsafe { scatter_planes(g.dtype(), geometry, g_ptr, at.cast(), out, add) }.map_err(|at| {
                let nd = shape.len();
                let sizes: Vec<String> = shape[nd - k..].iter().map(|n| n.to_string()).collect();
                err!(
                    Runtime,
                    "Found an invalid max index: {at} (output volumes are of size {})",
                    sizes.join("x")
                )
            })
        },
    )?;
    if known {
        Ok(out)
    } else {
        Err(missing("max_pool_backward", g.dtype()))
    }
}

pub(super) fn missing(name: &str, dtype: DType) -> crate::Error {
    crate::ops::pointwise::not_implemented(name, dtype)
}

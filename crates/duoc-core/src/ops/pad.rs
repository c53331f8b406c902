//! Borders around the last dimensions: constant, reflected, replicated, circular.

use super::copy::{clone, copy_data, uninit_format};
use super::factory::full_of;
use super::index::dense;
use super::pool::{affordable, in_order_of, suggested};
use super::view::narrow;
use crate::autograd::Ctx;
use crate::autograd::mode::grad_mode;
use crate::storage::{Mode, access};
use crate::{MemoryFormat, Result, Scalar, Tensor, bail, ensure, err, ops};
use duoc_kernels::pad as kernels;
use std::sync::Arc;

ops! {
    /// The input with a border; `pad` holds the widths before and behind the last dimension, then those of the one before
    /// it, and so on. `mode` is `constant`, `reflect`, `replicate` or `circular`; a negative width cuts off.
    "pad(Tensor self, SymInt[] pad, str mode=\"constant\", float? value=None) -> Tensor" []
    pub fn pad(x: &Tensor, widths: &[i64], mode: &str, value: Option<f64>) -> Tensor = pad_body;

    /// The input with a border of one value.
    "constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor" [function]
    pub fn constant_pad_nd(x: &Tensor, widths: &[i64], value: Scalar) -> Tensor = constant_pad_nd_body;

    /// The last dimension of `(C, W)` or `(N, C, W)` continued by its mirror image, without the edge itself.
    "reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor" [out]
    pub fn reflection_pad1d(x: &Tensor, padding: &[i64]) -> Tensor = reflection_pad1d_body;

    /// The last two dimensions of `(C, H, W)` or `(N, C, H, W)` continued by their mirror images.
    "reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor" [out]
    pub fn reflection_pad2d(x: &Tensor, padding: &[i64]) -> Tensor = reflection_pad2d_body;

    /// The last three dimensions of `(C, D, H, W)` or `(N, C, D, H, W)` continued by their mirror images.
    "reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor" [out]
    pub fn reflection_pad3d(x: &Tensor, padding: &[i64]) -> Tensor = reflection_pad3d_body;

    /// The last dimension continued by its first and last element.
    "replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor" [out]
    pub fn replication_pad1d(x: &Tensor, padding: &[i64]) -> Tensor = replication_pad1d_body;

    /// The last two dimensions continued by their edges.
    "replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor" [out]
    pub fn replication_pad2d(x: &Tensor, padding: &[i64]) -> Tensor = replication_pad2d_body;

    /// The last three dimensions continued by their edges.
    "replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor" [out]
    pub fn replication_pad3d(x: &Tensor, padding: &[i64]) -> Tensor = replication_pad3d_body;

    /// The last dimensions continued by their other ends.
    "_pad_circular(Tensor self, SymInt[] pad) -> Tensor" []
    pub fn pad_circular(x: &Tensor, widths: &[i64]) -> Tensor = pad_circular_body;
}

fn constant_pad_nd_body(x: &Tensor, pad: &[i64], value: Scalar) -> Result<Tensor> {
    let (nd, pairs) = (x.dim(), pad.len() / 2);
    ensure!(
        pad.len().is_multiple_of(2),
        Runtime,
        "Length of pad must be even but instead it equals {}",
        pad.len()
    );
    ensure!(
        pairs <= nd,
        Runtime,
        "Length of pad should be no more than twice the number of dimensions of the input. Pad length is {} while the input has {nd} dimensions.",
        pad.len()
    );
    let (kept, shape) = {
        let _off = grad_mode(false);
        let mut kept = x.detach();
        let mut shape = x.shape().to_vec();
        for (i, ends) in pad.chunks(2).enumerate() {
            let d = nd - 1 - i;
            let size = |t: &Tensor| t.shape()[d] as i64;
            for (end, width) in ends.iter().enumerate() {
                if *width < 0 {
                    let left = size(&kept).saturating_add(*width);
                    let start = if end == 0 {
                        width.checked_neg().unwrap_or(i64::MAX)
                    } else {
                        0
                    };
                    ensure!(left >= 0, Runtime, "narrow(): length must be non-negative.");
                    kept = narrow(&kept, d as i64, start, left)?;
                }
            }
            let n = size(x).checked_add(ends[0]).and_then(|n| n.checked_add(ends[1]));
            ensure!(
                n.is_some_and(|n| n >= 0),
                Runtime,
                "The input size {}, plus negative padding {} and {} resulted in a negative output size, which is invalid. Check dimension {d} of your input.",
                size(x),
                ends[0],
                ends[1]
            );
            shape[d] = n.unwrap_or(0) as usize;
        }
        (kept, shape)
    };
    let out = if pad.iter().all(|w| *w <= 0) {
        clone(&kept, None)?
    } else {
        let out = match suggested(x) {
            MemoryFormat::Contiguous => full_of(&shape, value, x.dtype())?,
            f => {
                crate::layout::checked_numel(&shape, x.dtype().size())?;
                let out = uninit_format(&shape, x.dtype(), f)?;
                super::factory::fill_scalar(&out, value)?;
                out
            }
        };
        let _off = grad_mode(false);
        let mut inside = out.detach();
        for (i, ends) in pad.chunks(2).enumerate() {
            let (d, before) = (nd - 1 - i, ends[0].max(0));
            inside = narrow(&inside, d as i64, before, kept.shape()[d] as i64)?;
        }
        copy_data(&inside, &kept)?;
        drop(inside);
        out
    };
    let back: Vec<i64> = pad.iter().map(|w| -*w).collect();
    out.record("ConstantPadNdBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| constant_pad_nd(g, &back, Scalar::Int(0))
    })
}

/// What lies beyond an edge.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    Mirror,
    Edge,
    Wrapped,
}

/// The input cell behind each cell of a dimension of `size` with `n` cells, the first of which lies `before` in front.
fn table(beyond: Beyond, size: usize, before: i64, n: usize) -> Vec<usize> {
    let last = size as i64 - 1;
    let cell = |o: i64| {
        // A pad of any size is an argument; what it leaves of the tensor is clamped below.
        let at = o.saturating_sub(before);
        let at = match beyond {
            Beyond::Mirror if at < 0 => at.saturating_neg(),
            Beyond::Mirror if at > last => (2 * last).saturating_sub(at),
            Beyond::Mirror => at,
            Beyond::Edge => at,
            Beyond::Wrapped => at.rem_euclid(size as i64),
        };
        // Two reflections at once are refused before; the edge serves replication.
        at.clamp(0, last) as usize
    };
    (0..n as i64).map(cell).collect()
}

/// A border as a linear map: forward it copies cells, backward it sums their gradients.
#[derive(Clone)]
pub(super) struct Frame {
    border: Arc<kernels::Border>,
    input: Vec<usize>,
    output: Vec<usize>,
    name: &'static str,
    nodes: [&'static str; 2],
}

impl Frame {
    fn new(
        x: &Tensor,
        pad: &[i64],
        shape: &[usize],
        beyond: Beyond,
        name: &'static str,
        nodes: [&'static str; 2],
    ) -> Frame {
        let (nd, k) = (x.dim(), pad.len() / 2);
        let mut border = kernels::Border {
            planes: x.shape()[..nd - k].iter().product(),
            input: [1; 3],
            from: [vec![0], vec![0], vec![0]],
            run: (0, 0),
        };
        // With nothing to copy the tables would only cost memory.
        if shape.iter().all(|n| *n > 0) && x.numel() > 0 {
            for i in 0..k {
                let d = nd - 1 - i;
                border.input[2 - i] = x.shape()[d];
                border.from[2 - i] = table(beyond, x.shape()[d], pad[2 * i], shape[d]);
            }
            let first = (pad[0].max(0) as usize).min(shape[nd - 1]);
            let inside = &border.from[2][first..];
            let run = inside.windows(2).take_while(|w| w[1] == w[0] + 1).count();
            border.run = (first, if inside.is_empty() { first } else { first + run + 1 });
        }
        Frame {
            border: Arc::new(border),
            input: x.shape().to_vec(),
            output: shape.to_vec(),
            name,
            nodes,
        }
    }

    /// Copies over the last `k` dimensions by a table for each of the last three.
    pub(super) fn of_tables(
        x: &Tensor,
        k: usize,
        from: [Vec<usize>; 3],
        shape: &[usize],
        name: &'static str,
        nodes: [&'static str; 2],
    ) -> Frame {
        let lead = x.dim() - k;
        let mut input = [1; 3];
        input[3 - k..].copy_from_slice(&x.shape()[lead..]);
        Frame {
            border: Arc::new(kernels::Border {
                planes: x.shape()[..lead].iter().product(),
                input,
                from,
                run: (0, 0),
            }),
            input: x.shape().to_vec(),
            output: shape.to_vec(),
            name,
            nodes,
        }
    }

    pub(super) fn copied(self, x: &Tensor) -> Result<Tensor> {
        let out = Tensor::uninit(&self.output, x.dtype())?;
        if out.numel() > 0 {
            let input = dense(&x.detach())?;
            access::access([(&input, Mode::Read), (&out, Mode::Init)], |[from, to]| {
                // SAFETY: row-major operands of the border's sizes, whose tables stay inside the input.
                unsafe { kernels::pad(x.dtype().size(), &self.border, from, to) };
                Ok(())
            })?;
        }
        let out = in_order_of(x, out)?;
        out.record(self.nodes[0], [x], |_| {
            move |_: &Ctx, g: &Tensor| self.clone().summed(g)
        })
    }

    fn summed(self, g: &Tensor) -> Result<Tensor> {
        if g.numel() == 0 {
            return super::factory::zeros_of(&self.input, g.dtype());
        }
        if g.dtype().is_complex() {
            let part = |p: &Tensor| self.clone().summed(p);
            return super::parts::complex(&part(&super::parts::real(g)?)?, &part(&super::parts::imag(g)?)?);
        }
        let out = Tensor::uninit(&self.input, g.dtype())?;
        let grad = dense(&g.detach())?;
        let known = access::access([(&grad, Mode::Read), (&out, Mode::Init)], |[from, to]| {
            // SAFETY: as in the copy, with the roles exchanged.
            Ok(unsafe { kernels::pad_backward(g.dtype(), &self.border, from, to) })
        })?;
        if !known {
            return Err(super::pointwise::not_implemented(self.name, g.dtype()));
        }
        out.record(self.nodes[1], [g], |_| {
            move |_: &Ctx, gg: &Tensor| self.clone().copied(gg)
        })
    }
}

/// Reflection and replication over the last `k` dimensions.
fn framed(x: &Tensor, pad: &[i64], k: usize, beyond: Beyond) -> Result<Tensor> {
    let nd = x.dim();
    ensure!(
        pad.len() == 2 * k,
        Runtime,
        "padding size is expected to be {}, but got: {}",
        2 * k,
        pad.len()
    );
    let batched = nd == k + 2;
    ensure!(
        (batched || nd == k + 1) && x.shape()[batched as usize..].iter().all(|n| *n > 0),
        Runtime,
        "Expected {}D or {}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {:?}",
        k + 1,
        k + 2,
        x.shape()
    );
    let mut shape = x.shape().to_vec();
    let mut sizes = [0i64; 3];
    for (i, ends) in pad.chunks(2).enumerate() {
        let (d, size) = (nd - 1 - i, x.shape()[nd - 1 - i] as i64);
        ensure!(
            beyond != Beyond::Mirror || ends[0] < size && ends[1] < size,
            Runtime,
            "Argument #{}: Padding size should be less than the corresponding input dimension, but got: padding ({}, {}) at dimension {d} of input {:?}",
            4 + 2 * i,
            ends[0],
            ends[1],
            x.shape()
        );
        let n = size.checked_add(ends[0]).and_then(|n| n.checked_add(ends[1]));
        sizes[k - 1 - i] = n.ok_or_else(|| err!(Runtime, "padding {ends:?} of a dimension of {size} overflows"))?;
        shape[d] = sizes[k - 1 - i].max(0) as usize;
    }
    let names = &["D", "H", "W"][3 - k..];
    let show = |l: &[i64], between: &str| -> String {
        let parts: Vec<String> = names.iter().zip(l).map(|(n, v)| format!("{n}: {v}")).collect();
        parts.join(between)
    };
    let input = super::view::ints(&x.shape()[nd - k..]);
    let fits = sizes[..k].iter().all(|n| *n >= 1);
    if k == 1 {
        ensure!(
            fits,
            Runtime,
            "input ({}) is too small. Calculated output {}",
            show(&input, ", "),
            show(&sizes, " ")
        );
    } else {
        ensure!(
            fits,
            Runtime,
            "Calculated output {} must be >= 1 in every dimension (input {})",
            show(&sizes, " "),
            show(&input, ", ")
        );
    }
    let (name, nodes) = names_of(beyond, k);
    ensure!(
        !(x.dtype() == crate::DType::Bool || x.dtype().is_float8()),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    affordable(&shape, x.dtype())?;
    Frame::new(x, pad, &shape, beyond, name, nodes).copied(x)
}

fn names_of(beyond: Beyond, k: usize) -> (&'static str, [&'static str; 2]) {
    match (beyond, k) {
        (Beyond::Mirror, 1) => (
            "reflection_pad1d",
            ["ReflectionPad1DBackward0", "ReflectionPad1DBackwardBackward0"],
        ),
        (Beyond::Mirror, 2) => (
            "reflection_pad2d",
            ["ReflectionPad2DBackward0", "ReflectionPad2DBackwardBackward0"],
        ),
        (Beyond::Mirror, _) => (
            "reflection_pad3d",
            ["ReflectionPad3DBackward0", "ReflectionPad3DBackwardBackward0"],
        ),
        (Beyond::Edge, 1) => (
            "replication_pad1d",
            ["ReplicationPad1DBackward0", "ReplicationPad1DBackwardBackward0"],
        ),
        (Beyond::Edge, 2) => (
            "replication_pad2d",
            ["ReplicationPad2DBackward0", "ReplicationPad2DBackwardBackward0"],
        ),
        (Beyond::Edge, _) => (
            "replication_pad3d",
            ["ReplicationPad3DBackward0", "ReplicationPad3DBackwardBackward0"],
        ),
        (Beyond::Wrapped, _) => (
            "_pad_circular",
            ["PadCircularBackward0", "PadCircularBackwardBackward0"],
        ),
    }
}

fn reflection_pad1d_body(x: &Tensor, pad: &[i64]) -> Result<Tensor> {
    framed(x, pad, 1, Beyond::Mirror)
}
fn reflection_pad2d_body(x: &Tensor, pad: &[i64]) -> Result<Tensor> {
    framed(x, pad, 2, Beyond::Mirror)
}
fn reflection_pad3d_body(x: &Tensor, pad: &[i64]) -> Result<Tensor> {
    framed(x, pad, 3, Beyond::Mirror)
}
fn replication_pad1d_body(x: &Tensor, pad: &[i64]) -> Result<Tensor> {
    framed(x, pad, 1, Beyond::Edge)
}
fn replication_pad2d_body(x: &Tensor, pad: &[i64]) -> Result<Tensor> {
    framed(x, pad, 2, Beyond::Edge)
}
fn replication_pad3d_body(x: &Tensor, pad: &[i64]) -> Result<Tensor> {
    framed(x, pad, 3, Beyond::Edge)
}

fn pad_circular_body(x: &Tensor, pad: &[i64]) -> Result<Tensor> {
    let (nd, k) = (x.dim(), pad.len() / 2);
    ensure!(
        pad.len().is_multiple_of(2) && k <= 3 && (nd == k + 2 || nd == k + 1),
        Runtime,
        "Invalid padding size, expected 1 or 2 non-padded dimensions, which would be equivalent to padding of length {} or {} respectively but got {}",
        2 * nd.saturating_sub(1),
        2 * nd.saturating_sub(2),
        pad.len()
    );
    let mut shape = x.shape().to_vec();
    for (i, ends) in pad.chunks(2).enumerate() {
        let d = nd - 1 - i;
        let size = shape[d] as i64;
        ensure!(
            ends[0] <= size && ends[1] <= size,
            Runtime,
            "Padding value causes wrapping around more than once."
        );
        let n = size.saturating_add(ends[0]).saturating_add(ends[1]);
        ensure!(
            n >= 0,
            Runtime,
            "Negative padding value is resulting in an empty dimension"
        );
        shape[d] = n as usize;
    }
    if k == 0 {
        return clone(x, None);
    }
    affordable(&shape, x.dtype())?;
    let (name, nodes) = names_of(Beyond::Wrapped, k);
    // Where a dimension is cut on one side and continued on the other, the other end is that of what was left.
    let (mut kept, mut widths) = (x.clone(), pad.to_vec());
    for (i, ends) in pad.chunks(2).enumerate() {
        let d = nd - 1 - i;
        for (end, width) in ends.iter().enumerate() {
            if *width < 0 {
                let left = kept.shape()[d] as i64 + width;
                ensure!(left >= 0, Runtime, "narrow(): length must be non-negative.");
                kept = narrow(&kept, d as i64, if end == 0 { -width } else { 0 }, left)?;
                widths[2 * i + end] = 0;
            }
        }
    }
    let short = widths.chunks(2).enumerate().any(|(i, e)| {
        let size = kept.shape()[nd - 1 - i] as i64;
        (e[0] > 0 || e[1] > 0) && size == 0
    });
    ensure!(!short, Runtime, "Padding value causes wrapping around more than once.");
    Frame::new(&kept, &widths, &shape, Beyond::Wrapped, name, nodes).copied(&kept)
}

fn pad_body(x: &Tensor, pad: &[i64], mode: &str, value: Option<f64>) -> Result<Tensor> {
    let known = matches!(mode, "reflect" | "constant" | "replicate" | "circular");
    ensure!(known, NotImplemented, "Unrecognised padding mode {mode}");
    let nd = x.dim();
    ensure!(
        pad.len().is_multiple_of(2),
        Runtime,
        "Padding length must be divisible by 2"
    );
    ensure!(
        pad.len() <= 2 * nd,
        Runtime,
        "Padding length should be less than or equal to two times the input dimension but got padding length {} and input of dimension {nd}",
        pad.len()
    );
    if mode == "constant" {
        return constant_pad_nd(x, pad, Scalar::Float(value.unwrap_or(0.0)));
    }
    ensure!(
        value.is_none(),
        Runtime,
        "Padding mode \"{mode}\" doesn't take in value argument"
    );
    let k = pad.len() / 2;
    if !(1..=3).contains(&k) || nd != k + 1 && nd != k + 2 {
        bail!(
            NotImplemented,
            "Padding size {} is not supported for {nd}D input tensor.\nSupported combinations for non-constant padding:\n  - 2D or 3D input: padding size = 2 (pads last dimension)\n  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)",
            pad.len()
        );
    }
    match (mode, k) {
        ("circular", _) => pad_circular(x, pad),
        ("reflect", 1) => reflection_pad1d(x, pad),
        ("reflect", 2) => reflection_pad2d(x, pad),
        ("reflect", _) => reflection_pad3d(x, pad),
        (_, 1) => replication_pad1d(x, pad),
        (_, 2) => replication_pad2d(x, pad),
        _ => replication_pad3d(x, pad),
    }
}

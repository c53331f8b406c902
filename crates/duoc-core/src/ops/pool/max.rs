//! The largest element of each window: `max_pool1d`, `max_pool2d`, `max_pool3d`, with or without indices.

use super::{Pool, arguments, chosen_backward, in_order_of, missing, replaced};
use crate::autograd::Ctx;
use crate::autograd::record::{needs_grad, record_many};
use crate::ops::index::dense;
use crate::ops::view::{squeeze_dim, unsqueeze};
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Tensor, ensure, ops};
use duoc_kernels::pool::max_pool;

ops! {
    /// The largest element of each window of `kernel_size` cells, `dilation` apart, along the last dimension: input
    /// `(C, L)` or `(N, C, L)`, result `(.., floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride) + 1)`. The
    /// border counts as minus infinity.
    "max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> Tensor" [function]
    pub fn max_pool1d(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool) -> Tensor = max_pool1d_body;

    /// As `max_pool1d`, with the place of each largest element.
    "max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=0, int[1] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)" [function]
    pub fn max_pool1d_with_indices(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool) -> (Tensor, Tensor) = max_pool1d_with_indices_body;

    /// The largest element of each window over the last two dimensions of `(C, H, W)` or `(N, C, H, W)`.
    "max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor" [function]
    pub fn max_pool2d(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool) -> Tensor = max_pool2d_body;

    /// As `max_pool2d`, with the place of each largest element within its plane.
    "max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)" [out]
    pub fn max_pool2d_with_indices(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool) -> (Tensor, Tensor) = max_pool2d_with_indices_body;

    /// The gradient of `max_pool2d_with_indices`: every gradient goes to the element that was the largest.
    "max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor" [out]
    pub fn max_pool2d_with_indices_backward(grad: &Tensor, x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool, indices: &Tensor) -> Tensor = max_pool2d_backward_body;

    /// The largest element of each window over the last three dimensions of `(C, D, H, W)` or `(N, C, D, H, W)`.
    "max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor" [function]
    pub fn max_pool3d(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool) -> Tensor = max_pool3d_body;

    /// As `max_pool3d`, with the place of each largest element within its volume.
    "max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)" [out]
    pub fn max_pool3d_with_indices(x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool) -> (Tensor, Tensor) = max_pool3d_with_indices_body;

    /// The gradient of `max_pool3d_with_indices`.
    "max_pool3d_with_indices_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, int[3] padding, int[3] dilation, bool ceil_mode, Tensor indices) -> Tensor" [out]
    pub fn max_pool3d_with_indices_backward(grad: &Tensor, x: &Tensor, kernel_size: &[i64], stride: &[i64], padding: &[i64], dilation: &[i64], ceil_mode: bool, indices: &Tensor) -> Tensor = max_pool3d_backward_body;
}

const NODES: [&str; 2] = ["MaxPool2DWithIndicesBackward0", "MaxPool3DWithIndicesBackward0"];

/// Runs the windows of a pooling, records it, and gives indices where they are wanted or needed.
fn pooled(name: &str, pool: &Pool, x: &Tensor, indexed: bool) -> Result<(Tensor, Option<Tensor>)> {
    let checked = if pool.k == 3 {
        "max_pool3d_with_indices_out_cpu_template"
    } else {
        name
    };
    let outputs = pool.outputs(checked, x, false)?;
    let shape = replaced(x.shape(), &outputs);
    crate::layout::checked_numel(&shape, 8)?;
    let indexed = indexed || needs_grad(&[Some(x)]);
    let y = Tensor::uninit(&shape, x.dtype())?;
    let places = if indexed {
        Some(Tensor::uninit(&shape, DType::I64)?)
    } else {
        None
    };
    if y.numel() > 0 {
        let windows = pool.windows(x.shape(), &outputs, false);
        largest(name, x, &windows, &y, places.as_ref())?;
    }
    let y = in_order_of(x, y)?;
    let places = places.map(|p| in_order_of(x, p)).transpose()?;
    if let Some(p) = &places {
        chosen(&y, p, x, pool.k, NODES[pool.k - 2])?;
    }
    Ok((y, places))
}

/// The kernel over given windows.
pub(super) fn largest(
    name: &str,
    x: &Tensor,
    windows: &duoc_kernels::pool::Windows,
    y: &Tensor,
    places: Option<&Tensor>,
) -> Result<()> {
    let input = dense(&x.detach())?;
    let place = places.unwrap_or(y);
    let known = access::access(
        [(&input, Mode::Read), (y, Mode::Init), (place, Mode::Init)],
        |[x, y, at]| {
            let at = if places.is_some() {
                at.cast()
            } else {
                std::ptr::null_mut()
            };
            // SAFETY: row-major operands of the windows' sizes.
            Ok(unsafe { max_pool(input.dtype(), windows, x, y, at) })
        },
    )?;
    if known { Ok(()) } else { Err(missing(name, x.dtype())) }
}

/// Records a choice of elements of `x` by indices within the volumes of its last `k` dimensions.
pub(super) fn chosen(y: &Tensor, places: &Tensor, x: &Tensor, k: usize, node: &'static str) -> Result<()> {
    record_many(&[y.clone(), places.clone()], node, &[Some(x)], |r| {
        let (at, x) = (r.keep(places), r.save(x));
        move |c: &Ctx, g: &[Option<Tensor>]| match &g[0] {
            Some(g) => {
                let x = c.get(x)?;
                let sum = chosen_backward(g, &c.get(at)?, x.shape(), k)?;
                super::tied(sum, &x).map(Some)
            }
            None => Ok(None),
        }
    })
}

type List<'a> = (&'a [i64], &'a [i64], &'a [i64], &'a [i64]);

/// As a pooling of planes one row high.
fn rows(x: &Tensor, [k, s, p, d]: [i64; 4], ceil: bool, indexed: bool) -> Result<(Tensor, Option<Tensor>)> {
    let pool = arguments("max_pool2d", 2, (&[1, k], &[1, s], &[0, p], &[1, d]), ceil)?;
    let (y, at) = pooled("max_pool2d", &pool, &unsqueeze(x, -2)?, indexed)?;
    Ok((squeeze_dim(&y, -2)?, at.map(|at| squeeze_dim(&at, -2)).transpose()?))
}

fn max_pool1d_body(x: &Tensor, k: &[i64], s: &[i64], p: &[i64], d: &[i64], ceil: bool) -> Result<Tensor> {
    let batched = x.dim() == 3;
    ensure!(
        (x.dim() == 2 || batched) && x.shape()[batched as usize..].iter().all(|n| *n > 0),
        Runtime,
        "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{:?}",
        x.shape()
    );
    for (list, what) in [(k, "kernel_size"), (p, "padding"), (d, "dilation")] {
        ensure!(
            list.len() == 1,
            Runtime,
            "max_pool1d() {what} must be an int, list of ints or tuple of ints of size 1 but got size {}",
            list.len()
        );
    }
    ensure!(
        s.len() <= 1,
        Runtime,
        "max_pool1d() stride must be None, an int, list of ints, or tuple of ints of size 1 but got size {}",
        s.len()
    );
    let [k, p, d] = [k[0], p[0], d[0]];
    let s = s.first().copied().unwrap_or(k);
    ensure!(
        k > 0,
        Runtime,
        "max_pool1d() kernel_size must be greater than zero, but got {k}"
    );
    ensure!(
        s > 0,
        Runtime,
        "max_pool1d() stride must be greater than zero, but got {s}"
    );
    ensure!(
        p >= 0,
        Runtime,
        "max_pool1d() padding must be non-negative, but got {p}"
    );
    ensure!(
        p <= k / 2,
        Runtime,
        "max_pool1d() padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
    );
    ensure!(
        d > 0,
        Runtime,
        "max_pool1d() dilation must be greater than zero, but got {d}"
    );
    let pool = arguments("max_pool2d", 2, (&[1, k], &[1, s], &[0, p], &[1, d]), ceil)?;
    let n = pool.output(1, x.shape()[x.dim() - 1])?;
    ensure!(n > 0, Runtime, "max_pool1d() Invalid computed output size: {n}");
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"max_pool1d_impl\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    Ok(rows(x, [k, s, p, d], ceil, false)?.0)
}

fn both((y, at): (Tensor, Option<Tensor>)) -> Result<(Tensor, Tensor)> {
    let at = at.ok_or_else(|| crate::err!(Runtime, "the pooling gave no indices"))?;
    Ok((y, at))
}

fn max_pool1d_with_indices_body(
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    d: &[i64],
    ceil: bool,
) -> Result<(Tensor, Tensor)> {
    super::check_1d("max_pool1d", x)?;
    let s = if s.is_empty() { k } else { s };
    for (list, what) in [(k, "kernel_size"), (s, "stride"), (p, "padding"), (d, "dilation")] {
        ensure!(
            list.len() == 1,
            Runtime,
            "max_pool1d() argument '{what}' should contain one int (got {})",
            list.len()
        );
    }
    both(rows(x, [k[0], s[0], p[0], d[0]], ceil, true)?)
}

fn max_pool2d_body(x: &Tensor, k: &[i64], s: &[i64], p: &[i64], d: &[i64], ceil: bool) -> Result<Tensor> {
    Ok(pooled("max_pool2d", &arguments("max_pool2d", 2, (k, s, p, d), ceil)?, x, false)?.0)
}

fn max_pool2d_with_indices_body(
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    d: &[i64],
    ceil: bool,
) -> Result<(Tensor, Tensor)> {
    both(pooled(
        "max_pool2d",
        &arguments("max_pool2d", 2, (k, s, p, d), ceil)?,
        x,
        true,
    )?)
}

fn max_pool3d_body(x: &Tensor, k: &[i64], s: &[i64], p: &[i64], d: &[i64], ceil: bool) -> Result<Tensor> {
    let pool = arguments("max_pool3d", 3, (k, s, p, d), ceil)?;
    Ok(pooled("max_pool3d", &pool, x, false)?.0)
}

fn max_pool3d_with_indices_body(
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    d: &[i64],
    ceil: bool,
) -> Result<(Tensor, Tensor)> {
    let pool = arguments("max_pool3d", 3, (k, s, p, d), ceil)?;
    both(pooled("max_pool3d", &pool, x, true)?)
}

fn backward(name: &str, k: usize, grad: &Tensor, x: &Tensor, sizes: List, ceil: bool, at: &Tensor) -> Result<Tensor> {
    let pool = arguments(name, k, sizes, ceil)?;
    let outputs = pool.outputs(name, x, false)?;
    let shape = replaced(x.shape(), &outputs);
    super::check_sizes(grad, &shape)?;
    super::check_sizes(at, &shape)?;
    ensure!(
        at.dtype() == DType::I64,
        Runtime,
        "expected scalar type Long but found {}",
        at.dtype().scalar_type_name()
    );
    ensure!(
        grad.dtype() == x.dtype(),
        Runtime,
        "expected dtype {} for `gradOutput` but got dtype {}",
        x.dtype(),
        grad.dtype()
    );
    in_order(x, chosen_backward(grad, at, x.shape(), k)?)
}

/// The input's order, where the gradient is not recorded.
fn in_order(x: &Tensor, g: Tensor) -> Result<Tensor> {
    if g.requires_grad() { Ok(g) } else { in_order_of(x, g) }
}

fn max_pool2d_backward_body(
    grad: &Tensor,
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    d: &[i64],
    ceil: bool,
    at: &Tensor,
) -> Result<Tensor> {
    backward("max_pool2d", 2, grad, x, (k, s, p, d), ceil, at)
}

fn max_pool3d_backward_body(
    grad: &Tensor,
    x: &Tensor,
    k: &[i64],
    s: &[i64],
    p: &[i64],
    d: &[i64],
    ceil: bool,
    at: &Tensor,
) -> Result<Tensor> {
    backward("max_pool3d", 3, grad, x, (k, s, p, d), ceil, at)
}

impl Tensor {
    /// The largest element of each window over the last two dimensions.
    #[track_caller]
    pub fn max_pool2d(&self, kernel_size: &[i64], stride: &[i64], padding: &[i64]) -> Tensor {
        max_pool2d(self, kernel_size, stride, padding, &[1], false).or_throw()
    }
}

//! Pooling to a given size: window `o` of `n` over `size` elements is `floor(o size / n)..ceil((o + 1) size / n)`.

use super::average::Means;
use super::max::{chosen, largest};
use super::{blank, in_order_of, replaced};
use crate::layout::sizes;
use crate::ops::reduce::mean_dim;
use crate::ops::view::{squeeze_dim, unsqueeze};
use crate::{DType, Result, Tensor, ensure, ops};
use duoc_kernels::pool::{Axis, Windows};

ops! {
    /// The means of `output_size` windows that cover the last dimension of `(C, L)` or `(N, C, L)`.
    "adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor" [function, out]
    pub fn adaptive_avg_pool1d(x: &Tensor, output_size: &[i64]) -> Tensor = adaptive_avg_pool1d_body;

    /// The means of `H x W` windows that cover the last two dimensions of `(C, H, W)` or `(N, C, H, W)`.
    "adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor" [out]
    pub fn adaptive_avg_pool2d(x: &Tensor, output_size: &[i64]) -> Tensor = adaptive_avg_pool2d_body;

    /// The means of `D x H x W` windows that cover the last three dimensions of `(C, D, H, W)` or `(N, C, D, H, W)`.
    "adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor" [out]
    pub fn adaptive_avg_pool3d(x: &Tensor, output_size: &[i64]) -> Tensor = adaptive_avg_pool3d_body;

    /// The largest elements, and their places, of `output_size` windows that cover the last dimension.
    "adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)" [function]
    pub fn adaptive_max_pool1d(x: &Tensor, output_size: &[i64]) -> (Tensor, Tensor) = adaptive_max_pool1d_body;

    /// The largest elements, and their places, of `H x W` windows that cover the last two dimensions.
    "adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)" [out]
    pub fn adaptive_max_pool2d(x: &Tensor, output_size: &[i64]) -> (Tensor, Tensor) = adaptive_max_pool2d_body;

    /// The largest elements, and their places, of `D x H x W` windows that cover the last three dimensions.
    "adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)" [out]
    pub fn adaptive_max_pool3d(x: &Tensor, output_size: &[i64]) -> (Tensor, Tensor) = adaptive_max_pool3d_body;
}

fn axis(size: usize, n: usize) -> Axis {
    let (wide, many) = (size as u128, n as u128);
    let start = |o: usize| (o as u128 * wide / many) as usize;
    let end = |o: usize| ((o as u128 + 1) * wide).div_ceil(many) as usize;
    Axis {
        start: (0..n).map(start).collect(),
        end: (0..n).map(end).collect(),
        count: (0..n).map(|o| (end(o) - start(o)) as i64).collect(),
        step: 1,
        regular: None,
    }
}

/// The result's shape, and the windows (none where the result is empty).
fn plan(x: &Tensor, output: &[usize]) -> Result<(Vec<usize>, Windows)> {
    let k = output.len();
    let shape = replaced(x.shape(), output);
    let mut windows = blank(x.shape(), k);
    if crate::layout::checked_numel(&shape, 8)? > 0 {
        for (d, n) in output.iter().enumerate() {
            windows.axes[3 - k + d] = axis(windows.input[3 - k + d], *n);
        }
    }
    Ok((shape, windows))
}

/// `output_size` as sizes, with PyTorch's checks of it and of the input.
fn checked(name: &str, x: &Tensor, output: &[i64], k: usize, max: bool) -> Result<Vec<usize>> {
    let nd = x.dim();
    if max {
        if k == 2 {
            ensure!(
                nd == 3 || nd == 4,
                Runtime,
                "{name}(): Expected 3D or 4D tensor, but got: {:?}",
                x.shape()
            );
        } else {
            ensure!(
                nd == 4 || nd == 5,
                Runtime,
                "{name}(): Expected 4D or 5D tensor, but got: {:?}",
                x.shape()
            );
        }
        for d in 1..nd {
            ensure!(
                x.shape()[d] > 0,
                Runtime,
                "{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {:?} with dimension {d} being empty",
                x.shape()
            );
        }
        ensure!(
            output.len() == k,
            Runtime,
            "{name}(): internal error: output_size.size() must be {k}"
        );
    } else {
        ensure!(output.len() == k, Runtime, "{name}: output_size must be {k}");
        ensure!(
            output.iter().all(|n| *n >= 0),
            Runtime,
            "{name}: elements of output_size must be greater than or equal to 0 but received {{{}}}",
            output.iter().map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
        );
        ensure!(
            nd == k + 1 || nd == k + 2,
            Runtime,
            "{name}(): Expected {}D or {}D tensor, but got {:?}",
            k + 1,
            k + 2,
            x.shape()
        );
        for d in (if k == 2 { nd - 2 } else { 1 })..nd {
            ensure!(
                x.shape()[d] > 0,
                Runtime,
                "{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {:?} with dimension {d} being empty",
                x.shape()
            );
        }
    }
    Ok(sizes(output)?.to_vec())
}

fn averages(x: &Tensor, output: &[usize]) -> Result<Tensor> {
    super::affordable(&replaced(x.shape(), output), x.dtype())?;
    let (shape, windows) = plan(x, output)?;
    let (name, nodes) = match output.len() {
        2 => (
            "adaptive_avg_pool2d",
            ["AdaptiveAvgPool2DBackward0", "AdaptiveAvgPool2DBackwardBackward0"],
        ),
        _ => (
            "adaptive_avg_pool3d_cpu",
            ["AdaptiveAvgPool3DBackward0", "AdaptiveAvgPool3DBackwardBackward0"],
        ),
    };
    ensure!(
        x.dtype().is_float() || shape.contains(&0),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    Means::new(windows, None, x.shape(), shape, name, nodes).mean(x)
}

fn adaptive_avg_pool2d_body(x: &Tensor, output: &[i64]) -> Result<Tensor> {
    ensure!(output.len() == 2, Runtime, "adaptive_avg_pool2d: output_size must be 2");
    let n = checked("adaptive_avg_pool2d", x, output, 2, false)?;
    if n == [1, 1] && x.numel() > 0 && x.dtype().is_float() {
        let y = mean_dim(x, Some(&[-1, -2]), true, None)?;
        return if y.requires_grad() { Ok(y) } else { in_order_of(x, y) };
    }
    averages(x, &n)
}

fn adaptive_avg_pool3d_body(x: &Tensor, output: &[i64]) -> Result<Tensor> {
    ensure!(output.len() == 3, Runtime, "adaptive_avg_pool3d: output_size must be 3");
    let n = checked("adaptive_avg_pool3d", x, output, 3, false)?;
    if n == [1, 1, 1] && x.numel() > 0 && x.dtype().is_float() {
        return mean_dim(x, Some(&[-1, -2, -3]), true, None);
    }
    averages(x, &n)
}

fn one_dimensional(name: &str, x: &Tensor, output: &[i64]) -> Result<(Tensor, [i64; 2])> {
    let nd = x.dim();
    super::check_1d(name, x)?;
    for d in 1..(if name.contains("max") { nd } else { 0 }) {
        ensure!(
            x.shape()[d] > 0,
            Runtime,
            "{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {:?} with dimension {d} being empty",
            x.shape()
        );
    }
    ensure!(
        output.len() == 1,
        Runtime,
        "{name}() argument 'output_size' should contain one int (got {})",
        output.len()
    );
    Ok((unsqueeze(x, -2)?, [1, output[0]]))
}

fn adaptive_avg_pool1d_body(x: &Tensor, output: &[i64]) -> Result<Tensor> {
    let (wide, output) = one_dimensional("adaptive_avg_pool1d", x, output)?;
    squeeze_dim(&adaptive_avg_pool2d_body(&wide, &output)?, -2)
}

fn adaptive_max_pool1d_body(x: &Tensor, output: &[i64]) -> Result<(Tensor, Tensor)> {
    let (wide, output) = one_dimensional("adaptive_max_pool1d", x, output)?;
    let (y, at) = adaptive_max_pool2d_body(&wide, &output)?;
    Ok((squeeze_dim(&y, -2)?, squeeze_dim(&at, -2)?))
}

fn greatest(
    name: &str,
    kernel: &str,
    node: &'static str,
    x: &Tensor,
    output: &[i64],
    k: usize,
) -> Result<(Tensor, Tensor)> {
    let n = checked(name, x, output, k, true)?;
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"{kernel}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let shape = replaced(x.shape(), &n);
    let (y, at) = (Tensor::uninit(&shape, x.dtype())?, Tensor::uninit(&shape, DType::I64)?);
    let windows = plan(x, &n)?.1;
    if y.numel() > 0 {
        largest(name, x, &windows, &y, Some(&at))?;
    }
    let (y, at) = (in_order_of(x, y)?, in_order_of(x, at)?);
    chosen(&y, &at, x, k, node)?;
    Ok((y, at))
}

fn adaptive_max_pool2d_body(x: &Tensor, output: &[i64]) -> Result<(Tensor, Tensor)> {
    greatest(
        "adaptive_max_pool2d",
        "adaptive_max_pool2d",
        "AdaptiveMaxPool2DBackward0",
        x,
        output,
        2,
    )
}

fn adaptive_max_pool3d_body(x: &Tensor, output: &[i64]) -> Result<(Tensor, Tensor)> {
    greatest(
        "adaptive_max_pool3d",
        "adaptive_max_pool3d_cpu",
        "AdaptiveMaxPool3DBackward0",
        x,
        output,
        3,
    )
}

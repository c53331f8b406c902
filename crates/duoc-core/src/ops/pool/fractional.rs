//! Max pooling over windows at pseudo-random distances (B. Graham, 2014): `fractional_max_pool2d`, `fractional_max_pool3d`.

use super::max::{chosen, largest};
use super::{blank, in_order_of, replaced};
use crate::layout::sizes;
use crate::ops::copy::to_dtype;
use crate::ops::index::dense;
use crate::ops::view::{ints, reshape, select};
use crate::{DType, Result, Tensor, ensure, ops};
use duoc_kernels::pool::Axis;

ops! {
    /// The largest elements, and their places, of `output_size` windows of `kernel_size` cells over the last two
    /// dimensions; `random_samples` `(N, C, 2)` in [0, 1) says where the windows of each plane stand.
    "fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, Tensor)" [out]
    pub fn fractional_max_pool2d(x: &Tensor, kernel_size: &[i64], output_size: &[i64], random_samples: &Tensor) -> (Tensor, Tensor) = fractional_max_pool2d_body;

    /// The largest elements, and their places, of `output_size` windows of `kernel_size` cells over the last three
    /// dimensions; `random_samples` is `(N, C, 3)`.
    "fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, Tensor)" [out]
    pub fn fractional_max_pool3d(x: &Tensor, kernel_size: &[i64], output_size: &[i64], random_samples: &Tensor) -> (Tensor, Tensor) = fractional_max_pool3d_body;
}

/// Where the windows begin: PyTorch's sequence, in the arithmetic of the samples' dtype.
fn starts(sample: f64, size: usize, n: usize, kernel: usize, dtype: DType) -> Vec<usize> {
    let room = size - kernel;
    let mut all = vec![0; n];
    if n > 1 {
        let place: Box<dyn Fn(usize) -> usize> = if dtype == DType::F64 {
            let alpha = room as f64 / (n - 1) as f64;
            Box::new(move |i| ((i as f64 + sample) * alpha) as usize - (sample * alpha) as usize)
        } else {
            let (s, alpha) = (sample as f32, room as f32 / (n - 1) as f32);
            Box::new(move |i| ((i as f32 + s) * alpha) as usize - (s * alpha) as usize)
        };
        for (i, at) in all.iter_mut().enumerate() {
            *at = place(i).min(room);
        }
    }
    if let Some(last) = all.last_mut() {
        *last = room;
    }
    all
}

fn fractional(
    k: usize,
    node: &'static str,
    x: &Tensor,
    kernel: &[i64],
    output: &[i64],
    samples: &Tensor,
) -> Result<(Tensor, Tensor)> {
    let name = if k == 2 {
        "fractional_max_pool2d"
    } else {
        "fractional_max_pool3d"
    };
    let out = if k == 2 { "" } else { "_out" };
    let (many, nd) = (if k == 2 { "" } else { "three " }, x.dim());
    for (list, what) in [(kernel, "kernel_size"), (output, "output_size")] {
        ensure!(
            list.len() == k,
            Runtime,
            "{name}: {what} must either be a single Int or tuple of {many}Ints"
        );
    }
    ensure!(
        nd == k + 1 || nd == k + 2,
        Runtime,
        "{name}{}(): Expected {}D or {}D tensor, but got: {:?}",
        out,
        k + 1,
        k + 2,
        x.shape()
    );
    let first = nd - k - 1;
    for d in first..nd {
        ensure!(
            x.shape()[d] > 0,
            Runtime,
            "{name}{out}(): Expected input to have non-zero size for non-batch dimensions, but got {:?} with dimension {d} being empty.",
            x.shape()
        );
    }
    let (n, kernel) = (sizes(output)?.to_vec(), sizes(kernel)?.to_vec());
    let spatial = x.shape()[nd - k..].to_vec();
    let names = &["time", "height", "width"][3 - k..];
    for d in 0..k {
        ensure!(
            n[d].saturating_add(kernel[d]) < spatial[d].saturating_add(if k == 2 { 2 } else { 1 })
                && kernel[d] <= spatial[d]
                && kernel[d] > 0,
            Runtime,
            "{name}{}(): pool {} {} too large relative to input {} {}",
            out,
            names[d],
            kernel[d],
            names[d],
            spatial[d]
        );
    }
    ensure!(
        samples.dtype() == x.dtype(),
        Runtime,
        "Expect _random_samples to have the same dtype as input"
    );
    ensure!(
        samples.dim() == 3,
        Runtime,
        "Expect _random_samples to have 3 dimensions, got {}",
        samples.dim()
    );
    let (batch, channels) = (if nd == k + 2 { x.shape()[0] } else { 1 }, x.shape()[first]);
    ensure!(
        samples.shape()[0] >= batch,
        Runtime,
        "Expect _random_samples.size(0) no less then input batch size."
    );
    ensure!(
        samples.shape()[1] == channels,
        Runtime,
        "Expect _random_samples.size(1) equals to input channel size."
    );
    ensure!(
        samples.shape()[2] == k,
        Runtime,
        "Expect _random_samples.size(2) equals to {k}; got {}.",
        samples.shape()[2]
    );
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"{name}_out_frame\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let shape = replaced(x.shape(), &n);
    let (y, at) = (Tensor::uninit(&shape, x.dtype())?, Tensor::uninit(&shape, DType::I64)?);
    let planes = batch * channels;
    if y.numel() > 0 {
        let noise = to_dtype(&samples.detach(), DType::F64)?.to_vec::<f64>();
        let flat = |t: &Tensor| {
            let mut s = vec![planes as i64];
            s.extend(ints(&t.shape()[nd - k..]));
            reshape(t, &s)
        };
        let (input, ys, ats) = (flat(&dense(&x.detach())?)?, flat(&y)?, flat(&at)?);
        for p in 0..planes {
            let mut windows = blank(&x.shape()[nd - k..], k);
            for d in 0..k {
                // The last sample is the first dimension's in two dimensions: PyTorch draws width first there.
                let sample = noise[p * k + if k == 2 { 1 - d } else { d }];
                let sample = if (0.0..=1.0).contains(&sample) { sample } else { 0.0 };
                let start = starts(sample, spatial[d], n[d], kernel[d], x.dtype());
                windows.axes[3 - k + d] = Axis {
                    end: start.iter().map(|s| s + kernel[d]).collect(),
                    count: Vec::new(),
                    start,
                    step: 1,
                    regular: None,
                };
            }
            let p = p as i64;
            let (from, to, place) = (select(&input, 0, p)?, select(&ys, 0, p)?, select(&ats, 0, p)?);
            largest(name, &from, &windows, &to, Some(&place))?;
        }
    }
    let (y, at) = (in_order_of(x, y)?, in_order_of(x, at)?);
    let (y, at) = (y.data(), at.data());
    chosen(&y, &at, x, k, node)?;
    Ok((y, at))
}

fn fractional_max_pool2d_body(
    x: &Tensor,
    kernel: &[i64],
    output: &[i64],
    samples: &Tensor,
) -> Result<(Tensor, Tensor)> {
    fractional(2, "FractionalMaxPool2DBackward0", x, kernel, output, samples)
}

fn fractional_max_pool3d_body(
    x: &Tensor,
    kernel: &[i64],
    output: &[i64],
    samples: &Tensor,
) -> Result<(Tensor, Tensor)> {
    fractional(3, "FractionalMaxPool3DBackward0", x, kernel, output, samples)
}

//! Discrete Fourier transforms: the three primitives that have gradients, made of rows of `duoc_math::fft`.
//!
//! `torch.fft`'s functions ([`transforms`]) and the short-time transforms ([`short`]) are composites of these.

pub mod short;
pub mod transforms;

use super::copy::contiguous;
use super::parts::{conjugated, real};
use super::view::{narrow, permute};
use crate::autograd::{Ctx, no_grad};
use crate::storage::{Mode, access};
use crate::{DType, Result, Scalar, Tensor, ensure, ops};
use duoc_kernels::par;

ops! {
    /// The transform of a complex tensor over `dim`: `y[k] = s * sum over j of x[j] e^(-+ 2 pi i j k / n)`, minus for
    /// `forward`; `normalization` 0, 1, 2 means `s = 1`, `1 / sqrt(n)`, `1 / n`, with `n` the numbers of a whole transform.
    "_fft_c2c(Tensor self, SymInt[] dim, int normalization, bool forward) -> Tensor" [function, out]
    pub fn c2c(x: &Tensor, dim: &[i64], normalization: i64, forward: bool) -> Tensor = c2c_body;

    /// The forward transform of a real tensor; `onesided` gives the `n / 2 + 1` numbers of the last of `dim` that the
    /// others are the conjugates of.
    "_fft_r2c(Tensor self, int[] dim, int normalization, bool onesided) -> Tensor" [function, out]
    pub fn r2c(x: &Tensor, dim: &[i64], normalization: i64, onesided: bool) -> Tensor = r2c_body;

    /// The inverse of [`r2c`]: `last_dim_size` real numbers along the last of `dim` from the first half of a Hermitian row.
    "_fft_c2r(Tensor self, int[] dim, int normalization, SymInt last_dim_size) -> Tensor" [function, out]
    pub fn c2r(x: &Tensor, dim: &[i64], normalization: i64, last: i64) -> Tensor = c2r_body;
}

/// The factor of a transform of `n` numbers.
fn factor(normalization: i64, n: f64) -> f64 {
    match normalization {
        1 => 1.0 / n.sqrt(),
        2 => 1.0 / n,
        _ => 1.0,
    }
}

fn places(x: &Tensor, dim: &[i64]) -> Result<Vec<usize>> {
    ensure!(
        x.dim() > 0 || dim.is_empty(),
        Index,
        "a Fourier transform of a tensor without dimensions has none to go along"
    );
    dim.iter().map(|d| x.wrap_dim(*d)).collect()
}

/// Transforms the rows along the last dimension of a row-major complex tensor that nobody else has seen.
fn last(x: &Tensor, forward: bool, scale: f64) -> Result<()> {
    let n = x.shape().last().copied().unwrap_or(1);
    if x.numel() == 0 {
        return Ok(());
    }
    let rows = x.numel() / n;
    let group = (par::GRAIN / (n * 8)).max(1);
    access::access([(x, Mode::Init)], |[p]| {
        let base = p as usize;
        par::for_units(rows, group, &|a, b| {
            // SAFETY: the rows of a row-major tensor, each group on one thread only, under the storage's lock.
            unsafe {
                match x.dtype() {
                    DType::C64 => {
                        let data = std::slice::from_raw_parts_mut((base as *mut [f32; 2]).add(a * n), (b - a) * n);
                        duoc_math::fft::rows_f32(data, n, forward, scale);
                    }
                    _ => {
                        let data = std::slice::from_raw_parts_mut((base as *mut [f64; 2]).add(a * n), (b - a) * n);
                        duoc_math::fft::rows_f64(data, n, forward, scale);
                    }
                }
            }
        });
        Ok(())
    })
}

/// The dimensions in the order of the result's memory: those that stay and those that are transformed, each by decreasing
/// stride; with `keep_last` the last of `dims` stays the innermost one.
fn memory_order(x: &Tensor, dims: &[usize], keep_last: bool) -> Vec<i64> {
    let by_stride = |mut v: Vec<usize>| {
        v.sort_by_key(|d| std::cmp::Reverse(x.strides()[*d]));
        v
    };
    let mut order = by_stride((0..x.dim()).filter(|d| !dims.contains(d)).collect());
    let end = dims.len() - usize::from(keep_last);
    order.extend(by_stride(dims[..end].to_vec()));
    order.extend(&dims[end..]);
    order.into_iter().map(|d| d as i64).collect()
}

/// The order that undoes another one.
fn inverse(order: &[i64]) -> Vec<i64> {
    let mut back = vec![0; order.len()];
    for (i, d) in order.iter().enumerate() {
        back[*d as usize] = i as i64;
    }
    back
}

/// Transforms the last `count` dimensions of a fresh row-major tensor, in place.
fn trailing(x: Tensor, count: usize, forward: bool, scale: f64) -> Result<Tensor> {
    let mut x = x;
    let nd = x.dim();
    for k in 0..count {
        let scale = if k == 0 { scale } else { 1.0 };
        if k == 0 {
            last(&x, forward, scale)?;
            continue;
        }
        // The dimension in question goes last for its transform, and back.
        let mut order: Vec<i64> = (0..nd as i64).collect();
        order.swap(nd - 1 - k, nd - 1);
        let turned = row_major_copy(&permute(&x, &order)?)?;
        last(&turned, forward, scale)?;
        x = row_major_copy(&permute(&turned, &order)?)?;
    }
    Ok(x)
}

fn row_major_copy(x: &Tensor) -> Result<Tensor> {
    super::copy::clone(x, Some(crate::MemoryFormat::Contiguous))
}

fn check_complex(name: &str, x: &Tensor) -> Result<()> {
    ensure!(
        x.dtype().is_complex(),
        Runtime,
        "{name} expects a complex tensor, but got {}",
        x.dtype().scalar_type_name()
    );
    Ok(())
}

fn c2c_body(x: &Tensor, dim: &[i64], normalization: i64, forward: bool) -> Result<Tensor> {
    check_complex("_fft_c2c", x)?;
    let dims = places(x, dim)?;
    if dims.is_empty() {
        return super::copy::clone(x, None);
    }
    let out = no_grad(|| {
        let order = memory_order(x, &dims, false);
        let n: f64 = dims.iter().map(|d| x.shape()[*d] as f64).product();
        let y = row_major_copy(&permute(x, &order)?)?;
        let y = trailing(y, dims.len(), forward, factor(normalization, n))?;
        permute(&y, &inverse(&order)).map(|y| y.detach())
    })?;
    let dim = dim.to_vec();
    out.record("FftC2CBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| c2c(g, &dim, normalization, !forward)
    })
}

fn r2c_body(x: &Tensor, dim: &[i64], normalization: i64, onesided: bool) -> Result<Tensor> {
    let Some(dtype) = x.dtype().of_parts() else {
        return Err(crate::err!(
            Runtime,
            "Unsupported dtype {}",
            x.dtype().scalar_type_name()
        ));
    };
    let dims = places(x, dim)?;
    let Some(&end) = dims.last() else {
        return super::copy::to_dtype(x, dtype);
    };
    let size = x.shape()[end];
    let out = no_grad(|| {
        let order = memory_order(x, &dims, true);
        let n: f64 = dims.iter().map(|d| x.shape()[*d] as f64).product();
        let y = row_major_copy(&super::copy::to_dtype(&permute(x, &order)?, dtype)?)?;
        let y = row_major_copy(&y)?;
        last(&y, true, factor(normalization, n))?;
        let y = match onesided {
            true => row_major_copy(&narrow(&y, -1, 0, (size / 2 + 1) as i64)?)?,
            false => y,
        };
        let y = match dims.len() {
            1 => y,
            count => others(y, count, true)?,
        };
        permute(&y, &inverse(&order)).map(|y| y.detach())
    })?;
    let (dim, end) = (dim.to_vec(), end as i64);
    out.record("FftR2CBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| {
            let missing = size as i64 - g.shape()[end as usize] as i64;
            let g = match onesided && missing > 0 {
                true => {
                    let mut widths = vec![0; 2 * (g.dim() - end as usize)];
                    if let Some(w) = widths.last_mut() {
                        *w = missing;
                    }
                    super::pad::constant_pad_nd(g, &widths, Scalar::Int(0))?
                }
                false => g.clone(),
            };
            real(&c2c(&g, &dim, normalization, false)?)
        }
    })
}

/// As [`trailing`] for all of the last `count` dimensions but the innermost one, which is done, and without a factor.
fn others(x: Tensor, count: usize, forward: bool) -> Result<Tensor> {
    let mut x = x;
    let nd = x.dim();
    for k in 1..count {
        let mut order: Vec<i64> = (0..nd as i64).collect();
        order.swap(nd - 1 - k, nd - 1);
        let turned = row_major_copy(&permute(&x, &order)?)?;
        last(&turned, forward, 1.0)?;
        x = row_major_copy(&permute(&turned, &order)?)?;
    }
    Ok(x)
}

fn c2r_body(x: &Tensor, dim: &[i64], normalization: i64, size: i64) -> Result<Tensor> {
    check_complex("_fft_c2r", x)?;
    let dims = places(x, dim)?;
    let Some((&end, before)) = dims.split_last() else {
        return real(x);
    };
    ensure!(size >= 1, Runtime, "Invalid number of data points ({size}) specified");
    ensure!(
        x.shape()[end] as i64 > size / 2,
        Runtime,
        "Expected at least {} numbers for {size} real ones, got {}",
        size / 2 + 1,
        x.shape()[end]
    );
    let out = no_grad(|| {
        let n = before.iter().map(|d| x.shape()[*d]).product::<usize>() * size as usize;
        let mut x = x.clone();
        if !before.is_empty() {
            let dims: Vec<i64> = before.iter().map(|d| *d as i64).collect();
            x = c2c(&x, &dims, 0, false)?;
        }
        let order = memory_order(&x, &[end], true);
        let half = narrow(&permute(&x, &order)?, -1, 0, size / 2 + 1)?;
        // The rest of a Hermitian row: the conjugates, from the end; the first number and, of an even length, the middle
        // one are taken as real.
        let middle = (size - 1) / 2;
        let tail = super::rearrange::flip(&narrow(&half, -1, 1, middle)?, &[-1])?;
        let row = super::join::cat(&[half.clone(), conjugated(&tail)?], -1)?;
        let row = row_major_copy(&row)?;
        for k in [0, size / 2] {
            if k == 0 || size % 2 == 0 {
                let place = super::parts::imag(&narrow(&row, -1, k, 1)?)?;
                super::factory::zero_(&place)?;
            }
        }
        last(&row, false, factor(normalization, n as f64))?;
        let y = contiguous(&real(&row)?, None)?;
        permute(&y, &inverse(&order)).map(|y| y.detach())
    })?;
    let (dim, end) = (dim.to_vec(), end as i64);
    out.record("FftC2RBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| {
            let all = r2c(g, &dim, normalization, true)?;
            // The numbers between count twice: for themselves and for their conjugates.
            let m = all.shape()[end as usize] as i64;
            let twice = size - m;
            if twice <= 0 {
                return Ok(all);
            }
            let part = |start, n| narrow(&all, end, start, n);
            let double = super::arith::mul(&part(1, twice)?, &Tensor::wrapped(2i64)?)?;
            super::join::cat(&[part(0, 1)?, double, part(1 + twice, m - 1 - twice)?], end)
        }
    })
}

//! The functions of `torch.fft`.

use super::{c2c, c2r, r2c};
use crate::ops::factory::full_of;
use crate::ops::pad::constant_pad_nd;
use crate::ops::parts::conjugated;
use crate::ops::view::slice;
use crate::{DType, Device, LayoutKind, Result, Scalar, Tensor, bail, default_dtype, ensure, ops};

ops! {
    /// The transform along one dimension, cut or padded with zeros to `n`: `y[k] = sum over j of x[j] e^(-2 pi i j k / n)`.
    /// `norm` is `backward` (no factor), `ortho` (`1 / sqrt(n)`) or `forward` (`1 / n`).
    "fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor" [function, out]
    pub fn fft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Tensor = fft_body;

    /// The inverse of [`fft`].
    "fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor" [function, out]
    pub fn ifft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Tensor = ifft_body;

    /// The first half of the transform of real numbers, `n / 2 + 1` of them.
    "fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor" [function, out]
    pub fn rfft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Tensor = rfft_body;

    /// The inverse of [`rfft`], of `n` real numbers (`2 (m - 1)`).
    "fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor" [function, out]
    pub fn irfft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Tensor = irfft_body;

    /// The transform, real, of a Hermitian row given by its first half.
    "fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor" [function, out]
    pub fn hfft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Tensor = hfft_body;

    /// The inverse of [`hfft`].
    "fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor" [function, out]
    pub fn ihfft(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Tensor = ihfft_body;

    /// [`fft`] over several dimensions (all, or the last of `s`), of the sizes `s`.
    "fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" [function, out]
    pub fn fftn(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Tensor = fftn_body;

    /// The inverse of [`fftn`].
    "fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" [function, out]
    pub fn ifftn(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Tensor = ifftn_body;

    /// [`rfft`] over several dimensions; the last one is halved.
    "fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" [function, out]
    pub fn rfftn(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Tensor = rfftn_body;

    /// The inverse of [`rfftn`].
    "fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" [function, out]
    pub fn irfftn(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Tensor = irfftn_body;

    /// [`hfft`] over several dimensions.
    "fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" [function, out]
    pub fn hfftn(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Tensor = hfftn_body;

    /// The inverse of [`hfftn`].
    "fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor" [function, out]
    pub fn ihfftn(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Tensor = ihfftn_body;

    /// [`fftn`] over two dimensions, the last ones.
    "fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor" [function, out]
    pub fn fft2(x: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>) -> Tensor = fft2_body;

    /// The inverse of [`fft2`].
    "fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor" [function, out]
    pub fn ifft2(x: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>) -> Tensor = ifft2_body;

    /// [`rfftn`] over two dimensions, the last ones.
    "fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor" [function, out]
    pub fn rfft2(x: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>) -> Tensor = rfft2_body;

    /// The inverse of [`rfft2`].
    "fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor" [function, out]
    pub fn irfft2(x: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>) -> Tensor = irfft2_body;

    /// [`hfftn`] over two dimensions, the last ones.
    "fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor" [function, out]
    pub fn hfft2(x: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>) -> Tensor = hfft2_body;

    /// The inverse of [`hfft2`].
    "fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2,-1], str? norm=None) -> Tensor" [function, out]
    pub fn ihfft2(x: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>) -> Tensor = ihfft2_body;

    /// The frequencies of [`fft`]'s results: `[0, 1, .., n/2 - 1, -n/2, .., -1] / (d n)`.
    "fft_fftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn fftfreq(n: i64, d: f64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = fftfreq_body;

    /// The frequencies of [`rfft`]'s results: `[0, 1, .., n/2] / (d n)`.
    "fft_rfftfreq(int n, float d=1.0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor" [function, out]
    pub fn rfftfreq(n: i64, d: f64, dtype: Option<DType>, layout: Option<LayoutKind>, device: Option<Device>, pin_memory: Option<bool>) -> Tensor = rfftfreq_body;

    /// The zero frequency in the middle: each dimension rolled by half its size.
    "fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor" [function]
    pub fn fftshift(x: &Tensor, dim: Option<&[i64]>) -> Tensor = fftshift_body;

    /// The inverse of [`fftshift`].
    "fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor" [function]
    pub fn ifftshift(x: &Tensor, dim: Option<&[i64]>) -> Tensor = ifftshift_body;
}

/// The code of a normalisation for a transform in this direction.
fn code(norm: Option<&str>, forward: bool) -> Result<i64> {
    Ok(match norm {
        None | Some("backward") => {
            if forward {
                0
            } else {
                2
            }
        }
        Some("forward") => {
            if forward {
                2
            } else {
                0
            }
        }
        Some("ortho") => 1,
        Some(other) => bail!(Runtime, "Invalid normalization mode: \"{other}\""),
    })
}

/// The input in a dtype that has transforms; complex if that is wanted.
fn promoted(x: &Tensor, complex: bool) -> Result<Tensor> {
    let d = match x.dtype() {
        d if d.is_differentiable() => d,
        _ => default_dtype(),
    };
    ensure!(
        matches!(d.part(), DType::F32 | DType::F64),
        Runtime,
        "Unsupported dtype {}",
        d.scalar_type_name()
    );
    let d = match complex {
        true => d.of_parts().unwrap_or(d),
        false => d,
    };
    crate::ops::copy::to_dtype(x, d)
}

/// The input cut, or padded with zeros behind, to a size along each of some dimensions; -1 leaves a size.
fn resized(x: &Tensor, dims: &[usize], sizes: &[i64]) -> Result<Tensor> {
    let mut y = x.clone();
    let mut widths = vec![0; 2 * x.dim()];
    let mut pads = false;
    for (d, n) in dims.iter().zip(sizes) {
        if *n == -1 {
            continue;
        }
        ensure!(*n > 0, Runtime, "Invalid number of data points ({n}) specified");
        let have = x.shape()[*d] as i64;
        if have < *n {
            widths[2 * (x.dim() - 1 - d) + 1] = n - have;
            pads = true;
        } else if have > *n {
            y = slice(&y, *d as i64, Some(0), Some(*n), 1)?;
        }
    }
    match pads {
        true => constant_pad_nd(&y, &widths, Scalar::Int(0)),
        false => Ok(y),
    }
}

/// The input of a transform along one dimension, and its place.
fn one(x: &Tensor, n: Option<i64>, dim: i64) -> Result<(Tensor, i64)> {
    let d = wrap(x, dim)?;
    let n = n.unwrap_or(x.shape()[d] as i64);
    ensure!(n >= 1, Runtime, "Invalid number of data points ({n}) specified");
    Ok((resized(x, &[d], &[n])?, d as i64))
}

/// Unlike other ops, transforms have no dimension of a number.
fn wrap(x: &Tensor, dim: i64) -> Result<usize> {
    ensure!(
        x.dim() > 0,
        Index,
        "Dimension specified as {dim} but tensor has no dimensions"
    );
    x.wrap_dim(dim)
}

fn refuse_complex(name: &str, x: &Tensor) -> Result<()> {
    ensure!(
        !x.dtype().is_complex(),
        Runtime,
        "{name} expects a real input tensor, but got {}",
        x.dtype().scalar_type_name()
    );
    Ok(())
}

fn along(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>, forward: bool) -> Result<Tensor> {
    let x = promoted(x, true)?;
    let (x, d) = one(&x, n, dim)?;
    c2c(&x, &[d], code(norm, forward)?, forward)
}

fn fft_body(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Result<Tensor> {
    if x.dtype().is_complex() {
        return along(x, n, dim, norm, true);
    }
    let x = promoted(x, false)?;
    let (x, d) = one(&x, n, dim)?;
    r2c(&x, &[d], code(norm, true)?, false)
}

fn ifft_body(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Result<Tensor> {
    along(x, n, dim, norm, false)
}

fn rfft_body(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Result<Tensor> {
    refuse_complex("rfft", x)?;
    let (x, d) = one(&promoted(x, false)?, n, dim)?;
    r2c(&x, &[d], code(norm, true)?, true)
}

/// The first half of a row for `n` real numbers.
fn half(x: &Tensor, n: Option<i64>, dim: i64) -> Result<(Tensor, i64, i64)> {
    let x = promoted(x, true)?;
    let d = wrap(&x, dim)?;
    let n = n.unwrap_or(2 * (x.shape()[d] as i64 - 1));
    ensure!(n >= 1, Runtime, "Invalid number of data points ({n}) specified");
    Ok((resized(&x, &[d], &[n / 2 + 1])?, d as i64, n))
}

fn irfft_body(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Result<Tensor> {
    let (x, d, n) = half(x, n, dim)?;
    c2r(&x, &[d], code(norm, false)?, n)
}

fn hfft_body(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Result<Tensor> {
    let (x, d, n) = half(x, n, dim)?;
    c2r(&conjugated(&x)?, &[d], code(norm, true)?, n)
}

fn ihfft_body(x: &Tensor, n: Option<i64>, dim: i64, norm: Option<&str>) -> Result<Tensor> {
    refuse_complex("ihfft", x)?;
    let (x, d) = one(&promoted(x, false)?, n, dim)?;
    conjugated(&r2c(&x, &[d], code(norm, false)?, true)?)
}

/// The dimensions and sizes of a transform over several dimensions.
fn several(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>) -> Result<(Vec<usize>, Vec<i64>)> {
    let dims: Vec<usize> = match (dim, s) {
        (Some(dim), _) => {
            let dims = dim.iter().map(|d| wrap(x, *d)).collect::<Result<Vec<_>>>()?;
            let mut sorted = dims.clone();
            sorted.sort_unstable();
            ensure!(
                sorted.windows(2).all(|w| w[0] != w[1]),
                Runtime,
                "FFT dims must be unique"
            );
            dims
        }
        (None, Some(s)) => {
            ensure!(
                s.len() <= x.dim(),
                Runtime,
                "Got shape with {} values but input tensor only has {} dimensions.",
                s.len(),
                x.dim()
            );
            (x.dim() - s.len()..x.dim()).collect()
        }
        (None, None) => (0..x.dim()).collect(),
    };
    let sizes: Vec<i64> = match s {
        Some(s) => {
            ensure!(
                dim.is_none() || s.len() == dims.len(),
                Runtime,
                "When given, dim and shape arguments must have the same length"
            );
            let fill = |(n, d): (&i64, &usize)| if *n == -1 { x.shape()[*d] as i64 } else { *n };
            s.iter().zip(&dims).map(fill).collect()
        }
        None => dims.iter().map(|d| x.shape()[*d] as i64).collect(),
    };
    for n in &sizes {
        ensure!(*n > 0, Runtime, "Invalid number of data points ({n}) specified");
    }
    Ok((dims, sizes))
}

fn signed(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|d| *d as i64).collect()
}

fn over(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>, forward: bool) -> Result<Tensor> {
    let (dims, sizes) = several(x, s, dim)?;
    let x = resized(&promoted(x, true)?, &dims, &sizes)?;
    c2c(&x, &signed(&dims), code(norm, forward)?, forward)
}

fn fftn_body(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Result<Tensor> {
    over(x, s, dim, norm, true)
}

fn ifftn_body(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Result<Tensor> {
    over(x, s, dim, norm, false)
}

fn rfftn_body(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Result<Tensor> {
    refuse_complex("rfftn", x)?;
    let (dims, sizes) = several(x, s, dim)?;
    ensure!(!dims.is_empty(), Runtime, "rfftn must transform at least one axis");
    let x = resized(&promoted(x, false)?, &dims, &sizes)?;
    r2c(&x, &signed(&dims), code(norm, true)?, true)
}

/// The dimensions of a transform to real numbers, the halved input, and how many numbers the last dimension gets.
fn to_real(name: &str, x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>) -> Result<(Tensor, Vec<i64>, i64)> {
    let (dims, mut sizes) = several(x, s, dim)?;
    let Some(end) = dims.last() else {
        bail!(Runtime, "{name} must transform at least one axis");
    };
    let given = s.and_then(|s| s.last()).copied().filter(|n| *n != -1);
    let n = given.unwrap_or(2 * (x.shape()[*end] as i64 - 1));
    ensure!(n >= 1, Runtime, "Invalid number of data points ({n}) specified");
    if let Some(last) = sizes.last_mut() {
        *last = n / 2 + 1;
    }
    Ok((resized(&promoted(x, true)?, &dims, &sizes)?, signed(&dims), n))
}

fn irfftn_body(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Result<Tensor> {
    let (x, dims, n) = to_real("irfftn", x, s, dim)?;
    c2r(&x, &dims, code(norm, false)?, n)
}

fn hfftn_body(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Result<Tensor> {
    let (x, dims, n) = to_real("hfftn", x, s, dim)?;
    let norm = code(norm, true)?;
    let (end, before) = (dims.len() - 1, &dims[..dims.len() - 1]);
    let x = match before.is_empty() {
        true => x,
        false => c2c(&x, before, norm, true)?,
    };
    c2r(&conjugated(&x)?, &dims[end..], norm, n)
}

fn ihfftn_body(x: &Tensor, s: Option<&[i64]>, dim: Option<&[i64]>, norm: Option<&str>) -> Result<Tensor> {
    refuse_complex("ihfftn", x)?;
    let (dims, sizes) = several(x, s, dim)?;
    ensure!(!dims.is_empty(), Runtime, "ihfftn must transform at least one axis");
    let x = resized(&promoted(x, false)?, &dims, &sizes)?;
    let (dims, norm) = (signed(&dims), code(norm, false)?);
    let y = conjugated(&r2c(&x, &dims[dims.len() - 1..], norm, true)?)?;
    match dims.len() {
        1 => Ok(y),
        n => c2c(&y, &dims[..n - 1], norm, false),
    }
}

macro_rules! pairs {
    ($($body:ident $whole:ident;)+) => { $(
        fn $body(x: &Tensor, s: Option<&[i64]>, dim: &[i64], norm: Option<&str>) -> Result<Tensor> {
            $whole(x, s, Some(dim), norm)
        }
    )+ };
}

pairs! {
    fft2_body fftn;
    ifft2_body ifftn;
    rfft2_body rfftn;
    irfft2_body irfftn;
    hfft2_body hfftn;
    ihfft2_body ihfftn;
}

/// Whole numbers times `1 / (n d)` in a floating dtype.
fn frequencies(name: &str, n: i64, d: f64, dtype: Option<DType>, values: impl Iterator<Item = i64>) -> Result<Tensor> {
    let dtype = dtype.unwrap_or(default_dtype());
    ensure!(
        dtype.is_differentiable(),
        Runtime,
        "{name} requires a floating point or complex dtype"
    );
    let values: Vec<f64> = values.map(|k| k as f64).collect();
    let whole = Tensor::try_from_slice(&values, &[values.len()])?;
    crate::autograd::no_grad(|| {
        let whole = crate::ops::copy::to_dtype(&whole, dtype)?;
        crate::ops::arith::mul(&whole, &Tensor::wrapped(1.0 / (n as f64 * d))?)
    })
}

/// A count of numbers that a program can hold.
fn counted(n: i64) -> Result<i64> {
    ensure!(
        n >= 0,
        Runtime,
        "Trying to create tensor with negative dimension {n}: [{n}]"
    );
    if n > 0 {
        // Memory that cannot be had is refused before anything is counted.
        drop(full_of(&[], Scalar::Int(0), DType::F64)?);
        crate::layout::checked_numel(&[n as usize], 8)?;
        Tensor::uninit(&[n as usize], DType::F64)?;
    }
    Ok(n)
}

fn fftfreq_body(
    n: i64,
    d: f64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    _: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    let n = counted(n)?;
    let positive = (n + 1) / 2;
    frequencies("fftfreq", n, d, dtype, (0..positive).chain(-(n / 2)..0))
}

fn rfftfreq_body(
    n: i64,
    d: f64,
    dtype: Option<DType>,
    _: Option<LayoutKind>,
    _: Option<Device>,
    _: Option<bool>,
) -> Result<Tensor> {
    let n = counted(n)?;
    frequencies("rfftfreq", n, d, dtype, 0..n / 2 + 1)
}

fn shifted(x: &Tensor, dim: Option<&[i64]>, by: fn(i64) -> i64) -> Result<Tensor> {
    let dims: Vec<i64> = match dim {
        Some(d) => d.to_vec(),
        None => (0..x.dim() as i64).collect(),
    };
    if x.dim() == 0 {
        return crate::ops::copy::clone(x, None);
    }
    let shifts = dims
        .iter()
        .map(|d| Ok(by(x.shape()[x.wrap_dim(*d)?] as i64)))
        .collect::<Result<Vec<_>>>()?;
    match dims.is_empty() {
        true => crate::ops::copy::clone(x, None),
        false => crate::ops::rearrange::roll(x, &shifts, &dims),
    }
}

fn fftshift_body(x: &Tensor, dim: Option<&[i64]>) -> Result<Tensor> {
    shifted(x, dim, |n| n / 2)
}

fn ifftshift_body(x: &Tensor, dim: Option<&[i64]>) -> Result<Tensor> {
    shifted(x, dim, |n| (n + 1) / 2)
}

//! Short-time Fourier transforms: of overlapping stretches of a signal, each weighted by a window.

use super::{c2c, c2r, r2c};
use crate::ops::arith::{div, mul};
use crate::ops::dims::{unfold, unfold_backward};
use crate::ops::pad::{constant_pad_nd, pad};
use crate::ops::parts::view_as_real;
use crate::ops::shape::expand;
use crate::ops::view::{slice, squeeze_dim, transpose, unsqueeze};
use crate::{Result, Scalar, Tensor, ensure, ops};

ops! {
    /// `y[b, k, t] = sum over j of window[j] x[b, t hop + j] e^(-2 pi i j k / n_fft)`: the spectrum of each frame of a
    /// signal `(L)` or `(B, L)`, which with `center` is first continued by half a frame on both sides. `hop_length` is a
    /// quarter of `n_fft` if not given, `win_length` is `n_fft`; `normalized` divides by `sqrt(n_fft)`; `onesided` gives
    /// the first `n_fft / 2 + 1` frequencies (the default for real signals).
    "stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode=\"reflect\", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor" [function, method]
    pub fn stft(x: &Tensor, n_fft: i64, hop_length: Option<i64>, win_length: Option<i64>, window: Option<&Tensor>, center: bool, pad_mode: &str, normalized: bool, onesided: Option<bool>, return_complex: Option<bool>, align_to_window: Option<bool>) -> Tensor = stft_body;

    /// [`stft`] of a signal that is not continued.
    "stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor" []
    pub fn stft_plain(x: &Tensor, n_fft: i64, hop_length: Option<i64>, win_length: Option<i64>, window: Option<&Tensor>, normalized: bool, onesided: Option<bool>, return_complex: Option<bool>, align_to_window: Option<bool>) -> Tensor = stft_plain_body;

    /// The signal whose frames have these spectra, in the sense of least squares (D. Griffin and J. Lim, 1984): the
    /// weighted frames added where they overlap, divided by the sum of the squared windows.
    "istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor" [function, method]
    pub fn istft(x: &Tensor, n_fft: i64, hop_length: Option<i64>, win_length: Option<i64>, window: Option<&Tensor>, center: bool, normalized: bool, onesided: Option<bool>, length: Option<i64>, return_complex: bool) -> Tensor = istft_body;
}

/// The window with zeros on both sides up to the length of a frame.
fn framed(window: &Tensor, n_fft: i64, win_length: i64) -> Result<Tensor> {
    let left = (n_fft - win_length) / 2;
    match n_fft == win_length {
        true => Ok(window.clone()),
        false => constant_pad_nd(window, &[left, n_fft - win_length - left], Scalar::Int(0)),
    }
}

fn check_window(name: &str, window: Option<&Tensor>, win_length: i64) -> Result<()> {
    if let Some(w) = window {
        ensure!(
            w.dim() == 1 && w.shape()[0] as i64 == win_length,
            Runtime,
            "{name}: expected a 1D window tensor of size equal to win_length={win_length}, but got window with size {:?}",
            w.shape()
        );
    }
    Ok(())
}

fn stft_body(
    x: &Tensor,
    n_fft: i64,
    hop_length: Option<i64>,
    win_length: Option<i64>,
    window: Option<&Tensor>,
    center: bool,
    pad_mode: &str,
    normalized: bool,
    onesided: Option<bool>,
    return_complex: Option<bool>,
    align_to_window: Option<bool>,
) -> Result<Tensor> {
    ensure!(
        !(center && align_to_window.is_some()),
        Runtime,
        "stft only supports align_to_window for center = False."
    );
    let hop = hop_length.unwrap_or(n_fft / 4);
    let win_length = win_length.unwrap_or(n_fft);
    let complex_input = x.dtype().is_complex() || window.is_some_and(|w| w.dtype().is_complex());
    let complex = return_complex.unwrap_or(complex_input);
    ensure!(
        return_complex.is_some() || complex_input,
        Runtime,
        "stft requires the return_complex parameter be given for real inputs, and will further require that return_complex=True in a future PyTorch release."
    );
    ensure!(
        x.dtype().is_differentiable(),
        Runtime,
        "stft: expected a tensor of floating point or complex values, got {}",
        x.dtype()
    );
    ensure!(
        matches!(x.dim(), 1 | 2),
        Runtime,
        "stft: expected a 1D or 2D tensor, got {}D",
        x.dim()
    );
    let single = x.dim() == 1;
    let mut x = if single { unsqueeze(x, 0)? } else { x.clone() };
    if center && n_fft > 0 {
        let half = n_fft / 2;
        let flat = unsqueeze(&x, 0)?;
        x = squeeze_dim(&pad(&flat, &[half, half], pad_mode, None)?, 0)?;
    }
    let len = x.shape()[1] as i64;
    ensure!(
        n_fft > 0 && n_fft <= len,
        Runtime,
        "stft: expected 0 < n_fft < {len}, but got n_fft={n_fft}"
    );
    ensure!(
        hop > 0,
        Runtime,
        "stft: expected hop_length > 0, but got hop_length={hop}"
    );
    ensure!(
        win_length > 0 && win_length <= n_fft,
        Runtime,
        "stft: expected 0 < win_length <= n_fft, but got win_length={win_length}"
    );
    check_window("stft", window, win_length)?;
    let mut frames = unfold(&x, 1, n_fft, hop)?;
    let one = |like: &Tensor| crate::ops::factory::full_of(&[win_length as usize], Scalar::Int(1), like.dtype());
    if window.is_some() || win_length != n_fft {
        let w = match window {
            Some(w) => w.clone(),
            None => one(&x)?,
        };
        frames = mul(&frames, &framed(&w, n_fft, win_length)?)?;
    }
    let onesided = onesided.unwrap_or(!complex_input);
    ensure!(
        !(onesided && frames.dtype().is_complex()),
        Runtime,
        "Cannot have onesided output if window or input is complex"
    );
    let code = i64::from(normalized);
    let y = match frames.dtype().is_complex() {
        true => c2c(&frames, &[2], code, true)?,
        false => r2c(&frames, &[2], code, onesided)?,
    };
    let mut y = transpose(&y, 1, 2)?;
    if single {
        y = squeeze_dim(&y, 0)?;
    }
    if complex { Ok(y) } else { view_as_real(&y) }
}

fn stft_plain_body(
    x: &Tensor,
    n_fft: i64,
    hop_length: Option<i64>,
    win_length: Option<i64>,
    window: Option<&Tensor>,
    normalized: bool,
    onesided: Option<bool>,
    return_complex: Option<bool>,
    align_to_window: Option<bool>,
) -> Result<Tensor> {
    stft_body(
        x,
        n_fft,
        hop_length,
        win_length,
        window,
        false,
        "reflect",
        normalized,
        onesided,
        return_complex,
        align_to_window,
    )
}

fn istft_body(
    x: &Tensor,
    n_fft: i64,
    hop_length: Option<i64>,
    win_length: Option<i64>,
    window: Option<&Tensor>,
    center: bool,
    normalized: bool,
    onesided: Option<bool>,
    length: Option<i64>,
    return_complex: bool,
) -> Result<Tensor> {
    let hop = hop_length.unwrap_or(n_fft / 4);
    let win_length = win_length.unwrap_or(n_fft);
    ensure!(
        x.dtype().is_complex(),
        Type,
        "istft requires a complex-valued input tensor matching the output from stft with return_complex=True."
    );
    ensure!(x.numel() > 0, Runtime, "istft: input tensor cannot be empty");
    ensure!(
        matches!(x.dim(), 2 | 3),
        Runtime,
        "istft: expected a tensor with 2 or 3 dimensions, got {}",
        x.dim()
    );
    let single = x.dim() == 2;
    let x = if single { unsqueeze(x, 0)? } else { x.clone() };
    let (bins, frames) = (x.shape()[1] as i64, x.shape()[2] as i64);
    let onesided = onesided.unwrap_or(bins != n_fft);
    let wanted = if onesided { n_fft / 2 + 1 } else { n_fft };
    ensure!(
        bins == wanted,
        Runtime,
        "istft: expected the frequency dimension (3rd to the last) of the input tensor to match n_fft{} when onesided={}, but got {bins}",
        if onesided { " / 2 + 1" } else { "" },
        if onesided { "True" } else { "False" }
    );
    ensure!(
        hop > 0 && hop <= win_length,
        Runtime,
        "istft: expected 0 < hop_length <= win_length"
    );
    ensure!(
        win_length > 0 && win_length <= n_fft,
        Runtime,
        "istft: expected 0 < win_length <= n_fft"
    );
    check_window("istft", window, win_length)?;
    let w = match window {
        Some(w) => w.clone(),
        None => crate::ops::factory::full_of(&[win_length as usize], Scalar::Int(1), x.dtype().part())?,
    };
    let w = framed(&w, n_fft, win_length)?;
    ensure!(
        return_complex || !w.dtype().is_complex(),
        Runtime,
        "Cannot have onesided output if window or input is complex"
    );
    ensure!(
        !(return_complex && onesided),
        Runtime,
        "Cannot have onesided output if window or input is complex"
    );
    let x = transpose(&x, 1, 2)?;
    let code = if normalized { 1 } else { 2 };
    let y = match return_complex {
        true => c2c(&x, &[2], code, false)?,
        false => c2r(&slice(&x, -1, Some(0), Some(n_fft / 2 + 1), 1)?, &[2], code, n_fft)?,
    };
    let y = mul(&y, &w)?;
    let Some(total) = (frames - 1).checked_mul(hop).and_then(|n| n.checked_add(n_fft)) else {
        return Err(crate::err!(Runtime, "istft: the length of the signal is out of range"));
    };
    let batch = y.shape()[0];
    let y = unfold_backward(&y, &[batch, total as usize], 1, n_fft, hop)?;
    let squares = expand(&unsqueeze(&mul(&w, &w)?, 0)?, &[1, frames, n_fft], false)?;
    let envelope = unfold_backward(&squares, &[1, total as usize], 1, n_fft, hop)?;
    let start = if center { n_fft / 2 } else { 0 };
    let end = match length {
        Some(n) => start.saturating_add(n),
        None if center => total - n_fft / 2,
        None => total,
    };
    let cut = |t: &Tensor| slice(t, 1, Some(start), Some(end), 1);
    let (y, envelope) = (cut(&y)?, cut(&envelope)?);
    let least = crate::ops::unary::abs(&envelope.detach())?;
    let covered = least.numel() > 0 && crate::ops::extreme::amin(&least, &[], false)?.try_item()?.to_f64() > 1e-11;
    ensure!(covered, Runtime, "window overlap add min: 1");
    let mut y = div(&y, &envelope)?;
    if single {
        y = squeeze_dim(&y, 0)?;
    }
    if end > total {
        crate::warning::warn(
            "The length of signal is shorter than the length parameter. Result is being padded with zeros in the tail. Please check your center and hop_length settings.",
        )?;
        y = constant_pad_nd(&y, &[0, end - total], Scalar::Int(0))?;
    }
    Ok(y)
}

//! Elements between channels and places: `pixel_shuffle`, `pixel_unshuffle`, `channel_shuffle`.

use super::copy::{contiguous, copy_data, uninit_format};
use super::pool::suggested;
use super::view::{ints, permute, reshape};
use crate::autograd::Ctx;
use crate::autograd::mode::grad_mode;
use crate::layout::Dims;
use crate::{MemoryFormat, OrThrow, Result, Tensor, ensure, ops};

ops! {
    /// `(.., C r^2, H, W)` becomes `(.., C, H r, W r)`: the `r x r` cells of a place come from its channels (W. Shi et al.,
    /// 2016).
    "pixel_shuffle(Tensor self, int upscale_factor) -> Tensor" [function, out]
    pub fn pixel_shuffle(x: &Tensor, upscale_factor: i64) -> Tensor = pixel_shuffle_body;

    /// `(.., C, H r, W r)` becomes `(.., C r^2, H, W)`, the inverse of `pixel_shuffle`.
    "pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor" [function, out]
    pub fn pixel_unshuffle(x: &Tensor, downscale_factor: i64) -> Tensor = pixel_unshuffle_body;

    /// The channels of `(N, C, ..)` dealt out: channel `i (C / groups) + j` goes to place `j groups + i` (X. Zhang et al., 2018).
    "channel_shuffle(Tensor self, SymInt groups) -> Tensor" [function, out]
    pub fn channel_shuffle(x: &Tensor, groups: i64) -> Tensor = channel_shuffle_body;

    /// As `channel_shuffle`.
    "native_channel_shuffle(Tensor self, SymInt groups) -> Tensor" [function]
    pub fn native_channel_shuffle(x: &Tensor, groups: i64) -> Tensor = channel_shuffle_body;
}

/// `x` seen as `split`, its dimensions in another order, seen as `shape`; in the order of memory that `x` suggests.
fn rearranged(x: &Tensor, split: &[i64], order: &[i64], shape: &[i64]) -> Result<Tensor> {
    let _off = grad_mode(false);
    let format = suggested(x);
    let rows = reshape(&contiguous(&x.detach(), Some(MemoryFormat::Contiguous))?, split)?;
    // A tensor of its own even where nothing moves.
    let moved = permute(&rows, order)?;
    let out = Tensor::uninit(moved.shape(), moved.dtype())?;
    copy_data(&out, &moved)?;
    let out = reshape(&out, shape)?;
    if format == MemoryFormat::Contiguous {
        return Ok(out);
    }
    let last = uninit_format(out.shape(), out.dtype(), format)?;
    copy_data(&last, &out)?;
    Ok(last)
}

fn pixel_shuffle_body(x: &Tensor, r: i64) -> Result<Tensor> {
    let nd = x.dim();
    ensure!(
        nd >= 3,
        Runtime,
        "pixel_shuffle expects input to have at least 3 dimensions, but got input with {nd} dimension(s)"
    );
    ensure!(
        r > 0,
        Runtime,
        "pixel_shuffle expects a positive upscale_factor, but got {r}"
    );
    let Some(cells) = r.checked_mul(r) else {
        crate::bail!(
            Value,
            "upscale factor is too large, (upscale_factor)^2 overflowed: upscale_factor={r}"
        )
    };
    let sizes = ints(x.shape());
    let (c, h, w) = (sizes[nd - 3], sizes[nd - 2], sizes[nd - 1]);
    ensure!(
        c % cells == 0,
        Runtime,
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={c} is not divisible by {cells}"
    );
    let (Some(high), Some(wide)) = (h.checked_mul(r), w.checked_mul(r)) else {
        crate::bail!(Runtime, "pixel_shuffle: the size of the result overflows")
    };
    let lead: i64 = sizes[..nd - 3].iter().product();
    let mut shape = Dims::from(&x.shape()[..nd - 3]);
    shape.extend([c / cells, high, wide].map(|n| n as usize));
    let out = if x.numel() == 0 {
        Tensor::uninit(&shape, x.dtype())?
    } else {
        let split = [lead, c / cells, r, r, h, w];
        rearranged(x, &split, &[0, 1, 4, 2, 5, 3], &ints(&shape))?
    };
    out.record("PixelShuffleBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| pixel_unshuffle(g, r)
    })
}

fn pixel_unshuffle_body(x: &Tensor, r: i64) -> Result<Tensor> {
    let nd = x.dim();
    ensure!(
        nd >= 3,
        Runtime,
        "pixel_unshuffle expects input to have at least 3 dimensions, but got input with {nd} dimension(s)"
    );
    ensure!(
        r > 0,
        Runtime,
        "pixel_unshuffle expects a positive downscale_factor, but got {r}"
    );
    let sizes = ints(x.shape());
    let (c, h, w) = (sizes[nd - 3], sizes[nd - 2], sizes[nd - 1]);
    ensure!(
        h % r == 0,
        Runtime,
        "pixel_unshuffle expects height to be divisible by downscale_factor, but input.size(-2)={h} is not divisible by {r}"
    );
    ensure!(
        w % r == 0,
        Runtime,
        "pixel_unshuffle expects width to be divisible by downscale_factor, but input.size(-1)={w} is not divisible by {r}"
    );
    if x.numel() == 0 {
        // As PyTorch has it: nothing is rearranged, the shape included.
        return super::copy::clone(x, None);
    }
    let Some(channels) = r.checked_mul(r).and_then(|n| n.checked_mul(c)) else {
        crate::bail!(Runtime, "pixel_unshuffle: the size of the result overflows")
    };
    let lead: i64 = sizes[..nd - 3].iter().product();
    let mut shape = Dims::from(&x.shape()[..nd - 3]);
    shape.extend([channels, h / r, w / r].map(|n| n as usize));
    let split = [lead, c, h / r, r, w / r, r];
    let out = rearranged(x, &split, &[0, 1, 3, 5, 2, 4], &ints(&shape))?;
    out.record("PixelUnshuffleBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| pixel_shuffle(g, r)
    })
}

fn channel_shuffle_body(x: &Tensor, groups: i64) -> Result<Tensor> {
    ensure!(
        x.dim() > 2,
        Runtime,
        "channel_shuffle expects input with > 2 dims, but got input with sizes {:?}",
        x.shape()
    );
    ensure!(
        groups > 0,
        Runtime,
        "Number of groups to divide channels in must be positive. Value of groups:{groups}"
    );
    let sizes = ints(x.shape());
    ensure!(
        sizes[1] % groups == 0,
        Runtime,
        "Number of channels must be divisible by groups. Got {} channels and {groups} groups.",
        sizes[1]
    );
    let part = sizes[1] / groups;
    let out = if x.numel() == 0 {
        Tensor::uninit(x.shape(), x.dtype())?
    } else {
        let rest = sizes[2..].iter().product();
        rearranged(x, &[sizes[0], groups, part, rest], &[0, 2, 1, 3], &sizes)?
    };
    out.record("NativeChannelShuffleBackward0", [x], |_| {
        move |_: &Ctx, g: &Tensor| channel_shuffle(g, part.max(1))
    })
}

impl Tensor {
    /// Channels spread over `r x r` cells of each place.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// assert_eq!(Tensor::ones(&[1, 8, 3, 3]).pixel_shuffle(2).shape(), [1, 2, 6, 6]);
    /// ```
    #[track_caller]
    pub fn pixel_shuffle(&self, upscale_factor: i64) -> Tensor {
        pixel_shuffle(self, upscale_factor).or_throw()
    }

    /// The inverse of [`Tensor::pixel_shuffle`].
    #[track_caller]
    pub fn pixel_unshuffle(&self, downscale_factor: i64) -> Tensor {
        pixel_unshuffle(self, downscale_factor).or_throw()
    }
}

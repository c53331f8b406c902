//! Dropout and its kin: random zeros, with the rest scaled so that the expectation stays.
//!
//! Composites of drawing and arithmetic, as in PyTorch: the gradient is that of the product.

use super::arith::{add, mul};
use super::draw::Draw;
use super::factory::full_of;
use crate::autograd::node::Ctx;
use crate::autograd::record::record_many;
use crate::op::in_place;
use crate::{DType, Error, OrThrow, Result, Scalar, Tensor, ensure, err, ops};

ops! {
    /// In training, `input` times 0 with probability `p` and `1 / (1 - p)` otherwise; else `input` itself.
    "dropout(Tensor input, float p, bool train) -> Tensor" [function, inplace]
    pub fn dropout(x: &Tensor, p: f64, train: bool) -> Tensor = dropout_body;

    /// As `dropout`, but whole channels (the slices of the first two dimensions) are dropped together.
    "feature_dropout(Tensor input, float p, bool train) -> Tensor" [function, inplace]
    pub fn feature_dropout(x: &Tensor, p: f64, train: bool) -> Tensor = feature_dropout_body;

    /// Dropout that keeps mean and variance of standardised inputs under SELU: dropped elements become `-1.7581` and an
    /// affine map follows (G. Klambauer et al., 2017).
    "alpha_dropout(Tensor input, float p, bool train) -> Tensor" [function, inplace]
    pub fn alpha_dropout(x: &Tensor, p: f64, train: bool) -> Tensor = alpha_dropout_body;

    /// As `alpha_dropout`, but whole channels are dropped together.
    "feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor" [function, inplace]
    pub fn feature_alpha_dropout(x: &Tensor, p: f64, train: bool) -> Tensor = feature_alpha_dropout_body;

    /// Dropout that also returns its mask, true where an element is kept.
    "native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)" [function]
    pub fn native_dropout(x: &Tensor, p: f64, train: Option<bool>) -> (Tensor, Tensor) = native_dropout_body;
}

/// The trivial cases: an answer without a draw, or None.
fn without_draw(x: &Tensor, p: f64, train: bool) -> Result<Option<Tensor>> {
    ensure!(
        (0.0..=1.0).contains(&p),
        Runtime,
        "dropout probability has to be between 0 and 1, but got {}",
        super::draw::general(p)
    );
    if p == 0.0 || !train || x.numel() == 0 {
        return Ok(Some(x.clone()));
    }
    if p == 1.0 {
        return mul(x, &full_of(&[], Scalar::Int(0), x.dtype())?).map(Some);
    }
    Ok(None)
}

/// An uninitialised tensor for the noise: one number an element, or one a channel.
fn noise_for(x: &Tensor, by_feature: bool) -> Result<Tensor> {
    if !by_feature {
        // Complex numbers are kept or dropped whole: their noise is real.
        return Tensor::uninit_like(x, x.dtype().part());
    }
    ensure!(
        x.dim() >= 2,
        Runtime,
        "Feature dropout requires at least 2 dimensions in the input"
    );
    let mut shape = vec![1; x.dim()];
    shape[..2].copy_from_slice(&x.shape()[..2]);
    Tensor::uninit(&shape, x.dtype().part())
}

/// The factor is made by division in floats, which an integer tensor cannot hold.
fn not_floating(dtype: DType) -> Option<Error> {
    let float = crate::default_dtype().scalar_type_name();
    (!dtype.is_differentiable()).then(|| {
        err!(
            Runtime,
            "result type {float} can't be cast to the desired output type {}",
            dtype.scalar_type_name()
        )
    })
}

fn scaled(x: &Tensor, p: f64, train: bool, by_feature: bool) -> Result<Tensor> {
    if let Some(trivial) = without_draw(x, p, train)? {
        return Ok(trivial);
    }
    if let Some(e) = not_floating(x.dtype()) {
        return Err(e);
    }
    let keep = 1.0 - p;
    // 1 / keep as the dtype's arithmetic gives it: half types compute in float32 and round when stored.
    let factor = if x.dtype().part() == DType::F64 {
        1.0 / keep
    } else {
        (1.0 / keep as f32) as f64
    };
    let noise = noise_for(x, by_feature)?;
    Draw::new(&noise, None).bernoulli_scaled(keep, factor)?;
    mul(x, &noise)
}

fn shifted(x: &Tensor, p: f64, train: bool, by_feature: bool) -> Result<Tensor> {
    const ALPHA: f64 = 1.7580993408473766;
    if let Some(trivial) = without_draw(x, p, train)? {
        return Ok(trivial);
    }
    let number = |v: f64| Tensor::wrapped(v);
    let one = Scalar::Int(1);
    let noise = noise_for(x, by_feature)?;
    Draw::new(&noise, None).bernoulli(1.0 - p)?;
    let a = 1.0 / ((ALPHA * ALPHA * p + 1.0) * (1.0 - p)).sqrt();
    let b = add(&noise, &Tensor::wrapped(-1i64)?, one)?;
    in_place(&b, [], |b| mul(b, &number(ALPHA * a)?))?;
    in_place(&b, [], |b| add(b, &number(ALPHA * a * p)?, one))?;
    in_place(&noise, [], |n| mul(n, &number(a)?))?;
    add(&mul(x, &noise)?, &b, one)
}

fn dropout_body(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    scaled(x, p, train, false)
}

fn feature_dropout_body(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    scaled(x, p, train, true)
}

fn alpha_dropout_body(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    shifted(x, p, train, false)
}

fn feature_alpha_dropout_body(x: &Tensor, p: f64, train: bool) -> Result<Tensor> {
    shifted(x, p, train, true)
}

fn native_dropout_body(x: &Tensor, p: f64, train: Option<bool>) -> Result<(Tensor, Tensor)> {
    if x.numel() == 0 {
        return Ok((x.clone(), Tensor::uninit_like(x, x.dtype())?));
    }
    let mask = Tensor::uninit_like(x, DType::Bool)?;
    let (out, scale) = if train.unwrap_or(true) {
        let keep = 1.0 - p;
        let scale = if keep == 0.0 { 0.0 } else { 1.0 / keep };
        Draw::new(&mask, None).bernoulli(keep)?;
        if let Some(e) = not_floating(x.dtype()) {
            return Err(e);
        }
        let out = crate::autograd::mode::no_grad(|| mul(&mul(x, &mask)?, &Tensor::wrapped(scale)?))?;
        (out, scale)
    } else {
        super::factory::fill_scalar(&mask, Scalar::Bool(true))?;
        (crate::autograd::mode::no_grad(|| super::copy::clone(x, None))?, 1.0)
    };
    record_many(
        &[out.clone(), mask.clone()],
        "NativeDropoutBackward0",
        &[Some(x)],
        |r| {
            let kept = r.keep(&mask);
            move |c: &Ctx, g: &[Option<Tensor>]| {
                let Some(g) = &g[0] else { return Ok(None) };
                let factor = mul(
                    &super::copy::to_dtype(&c.get(kept)?, g.dtype())?,
                    &Tensor::wrapped(scale)?,
                )?;
                mul(g, &factor).map(Some)
            }
        },
    )?;
    Ok((out, mask))
}

impl Tensor {
    /// In training, this tensor times 0 with probability `p` and `1 / (1 - p)` otherwise; else the tensor itself.
    #[track_caller]
    pub fn dropout(&self, p: f64, train: bool) -> Tensor {
        dropout(self, p, train).or_throw()
    }
}

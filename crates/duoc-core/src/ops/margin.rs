//! Losses that want the right classes ahead of the others by a margin.

use super::copy::to_dtype;
use super::nll::Reduction;
use super::scatter::{gather, scatter_add};
use super::view::{reshape, unsqueeze};
use crate::autograd::mode::grad_mode;
use crate::{DType, Result, Scalar, Tensor, bail, catch, ensure, ops};

ops! {
    /// `sum_{j != t} max(0, weight[t] (margin - x[t] + x[j]))^p / C` for each row `x` of scores and its class `t`; `p` is 1 or 2.
    "multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor" []
    pub fn multi_margin_loss(x: &Tensor, target: &Tensor, p: Scalar, margin: Scalar, weight: Option<&Tensor>, reduction: i64) -> Tensor = multi_margin_loss_body;

    /// `sum_{t, j} max(0, 1 - (x[t] - x[j])) / C` over the classes `t` of the target, which ends at its first negative
    /// number, and all other classes `j`.
    "multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor" []
    pub fn multilabel_margin_loss(x: &Tensor, target: &Tensor, reduction: i64) -> Tensor = multilabel_margin_loss_body;
}

fn floating(name: &str, x: &Tensor) -> Result<()> {
    ensure!(
        x.dtype().is_differentiable(),
        NotImplemented,
        "\"{name}\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    Ok(())
}

fn multi_margin_loss_body(
    x: &Tensor,
    target: &Tensor,
    p: Scalar,
    margin: Scalar,
    weight: Option<&Tensor>,
    reduction: i64,
) -> Result<Tensor> {
    let (p, margin, reduction) = (p.to_f64(), margin.to_f64(), Reduction::of(reduction)?);
    ensure!(p == 1.0 || p == 2.0, Runtime, "only p == 1 and p == 2 supported");
    let classes = x.shape().last().copied().unwrap_or(1);
    let rows = if x.dim() == 2 { x.shape()[0] } else { 1 };
    ensure!(
        x.dim() <= 2 && classes > 0,
        Runtime,
        "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {:?}",
        x.shape()
    );
    ensure!(
        target.dim() <= 1 && target.numel() == rows,
        Runtime,
        "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). Expected target size [{rows}], but got {:?}. Input has shape {:?}.",
        target.shape(),
        x.shape()
    );
    floating("multi_margin_loss_cpu", x)?;
    ensure!(
        target.dtype() == DType::I64,
        Runtime,
        "expected scalar type Long but found {}",
        target.dtype().scalar_type_name()
    );
    if let Some(w) = weight {
        ensure!(
            w.numel() == classes && w.dim() <= 1,
            Runtime,
            "inconsistent weight size, expected {classes} but got {:?}",
            w.shape()
        );
    }
    let flat = super::copy::contiguous(&reshape(&target.detach(), &[-1])?, None)?;
    if let Some(t) =
        flat.with_slice::<i64, _>(|ts| ts.iter().copied().find(|t| *t < 0 || *t as u64 >= classes as u64))?
    {
        bail!(
            Runtime,
            "target out of range: {t} is not a class of 0 to {}",
            classes - 1
        );
    }
    let scores = reshape(x, &[rows as i64, classes as i64])?;
    let column = unsqueeze(&flat, 1)?;
    let own = gather(&scores, 1, &column, false)?;
    let weights = match weight {
        Some(w) => Some(unsqueeze(
            &super::index::index_select(&reshape(w, &[-1])?, 0, &flat)?,
            1,
        )?),
        None => None,
    };
    let losses = catch(|| -> Result<Tensor> {
        let mut terms = (&scores - own + margin).clamp_min(0);
        if p == 2.0 {
            terms = &terms * &terms;
        }
        if let Some(w) = &weights {
            terms *= w;
        }
        let others = super::scatter::scatter_value(&terms.detach().ones_like(), 1, &column, Scalar::Int(0))?;
        Ok((terms * others).sum_dim(&[1], false) / classes as f64)
    })??;
    match reduction {
        Reduction::None if x.dim() < 2 => reshape(&losses, &[]),
        other => other.apply(&losses),
    }
}

fn multilabel_margin_loss_body(x: &Tensor, target: &Tensor, reduction: i64) -> Result<Tensor> {
    let reduction = Reduction::of(reduction)?;
    floating("multilabel_margin_loss_forward_out_frame", x)?;
    let classes = x.shape().last().copied().unwrap_or(1);
    ensure!(
        x.dim() <= 2 && classes > 0,
        Runtime,
        "Expected non-empty vector or matrix with optional 0-dim batch size, but got: {:?}",
        x.shape()
    );
    ensure!(
        x.shape() == target.shape() || x.numel() == 1 && target.numel() == 1,
        Runtime,
        "inconsistent target size: {:?} for input of size: {:?}",
        target.shape(),
        x.shape()
    );
    ensure!(
        target.dtype() == DType::I64,
        Runtime,
        "expected scalar type Long but found {}",
        target.dtype().scalar_type_name()
    );
    let shape = [-1, classes as i64];
    let scores = reshape(x, &shape)?;
    let (valid, index, is_target) = {
        let _off = grad_mode(false);
        let labels = reshape(target, &shape)?;
        let high = super::copy::contiguous(&labels, None)?;
        if let Some(t) = high.with_slice::<i64, _>(|ts| ts.iter().copied().find(|t| *t >= classes as i64))? {
            bail!(
                Runtime,
                "argument #2 'target' is out of range: {t} is not a class of 0 to {}",
                classes - 1
            );
        }
        let valid = super::scan::cumprod(&catch(|| labels.ge(0).to_dtype(DType::I64))?, 1, None)?;
        let index = catch(|| labels * &valid)?;
        let valid = to_dtype(&valid, x.dtype())?;
        let zeros = catch(|| valid.zeros_like())?;
        let is_target = catch(|| scatter_add(&zeros, 1, &index, &valid).map(|t| t.gt(0).to_dtype(x.dtype())))??;
        (valid, index, is_target)
    };
    let own = gather(&scores, 1, &index, false)?;
    let losses = catch(|| -> Result<Tensor> {
        let margins = (unsqueeze(&scores, 1)? - unsqueeze(&own, 2)? + 1).clamp_min(0);
        let counted = unsqueeze(&valid, 2)? * (unsqueeze(&is_target, 1)? * -1 + 1);
        Ok((margins * counted).sum_dim(&[1, 2], false) / classes as f64)
    })??;
    match reduction {
        Reduction::None if x.dim() < 2 => reshape(&losses, &[]),
        other => other.apply(&losses),
    }
}

//! Adafactor: second moments of matrices as an outer product of two vectors.

use super::fused::{counted, running};
use super::*;
use duoc_core::{DType, Result, Scalar, Tensor, catch, ensure, ops};

algorithm! {
    /// Adafactor (N. Shazeer, M. Stern, 2018): Adam without a first moment, whose second moment of a matrix is kept as
    /// row and column means, `v = r c / mean(r)`. The rate is relative to the parameter:
    /// `max(eps2, rms(p)) min(lr, 1/sqrt(t))`; the step `u = g / sqrt(v)` is clipped to `u / max(1, rms(u) / d)`.
    Adafactor {
        /// Largest relative rate.
        lr: f64 = 1e-2,
        /// Power of the time by which the second moment forgets.
        beta2_decay: f64 = -0.8,
        /// Smallest mean square (the dtype's precision if none) and smallest scale of a parameter.
        eps: (Option<f64>, f64) = (None, 1e-3),
        /// Clipping threshold of the step.
        d: f64 = 1.0,
        /// How much of the parameter goes with each step, times `lr`.
        weight_decay: f64 = 0.0,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None]
    whole []
}

impl From<(Option<f64>, f64)> for Value {
    fn from((a, b): (Option<f64>, f64)) -> Value {
        Value::Tuple(vec![a.into(), b.into()])
    }
}

fn eps(o: &Entries) -> Result<(Option<f64>, f64)> {
    match o.get("eps") {
        Some(Value::Tuple(v) | Value::List(v)) if v.len() == 2 => Ok((v[0].number(), v[1].number().unwrap_or(1e-3))),
        _ => o.pair("eps").map(|(a, b)| (Some(a), b)),
    }
}

/// The precision of a dtype: the step from 1 to the next number.
fn precision(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => f64::EPSILON,
        DType::F16 => 2f64.powi(-10),
        DType::BF16 => 2f64.powi(-7),
        _ => f64::from(f32::EPSILON),
    }
}

impl Algorithm for Adafactor {
    fn name(&self) -> &'static str {
        "Adafactor"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, o: &Entries) -> Result<()> {
        let at_least = |name: &str, x: f64, least: f64| -> Result<()> {
            ensure!(
                x >= least,
                Value,
                "{name} should be >= {least} but is: {}",
                Value::Float(x)
            );
            Ok(())
        };
        at_least("Learning rate", o.number("lr")?, 0.0)?;
        let decay = o.number("beta2_decay")?;
        ensure!(
            decay <= 0.0,
            Value,
            "beta2_decay should be <= 0 but is: {}",
            Value::Float(decay)
        );
        let (eps1, eps2) = eps(o)?;
        at_least("epsilon1", eps1.unwrap_or(0.0), 0.0)?;
        at_least("epsilon2", eps2, 0.0)?;
        at_least("Clipping threshold d", o.number("d")?, 1.0)?;
        at_least("weight_decay", o.number("weight_decay")?, 0.0)
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        for g in groups.iter() {
            for p in &g.params {
                if let Some(grad) = p.grad() {
                    ensure!(
                        !p.dtype().is_complex(),
                        Runtime,
                        "Adafactor does not support complex parameters"
                    );
                    ensure!(
                        grad.shape() == p.shape(),
                        Runtime,
                        "a parameter of shape {:?} has a gradient of shape {:?}",
                        p.shape(),
                        grad.shape()
                    );
                    let e = states.of(p);
                    let mut next = e.clone();
                    catch(|| one(&g.options, p, &grad, &mut next))??;
                    *e = next;
                }
            }
        }
        Ok(None)
    }
}

fn rms(t: &Tensor) -> f64 {
    let norm = t.norm(2).item().to_f64();
    norm / (t.numel() as f64).sqrt()
}

fn lerp(from: &Tensor, to: &Tensor, weight: f64) -> Result<Tensor> {
    ops::blend::lerp_scalar(from, to, Scalar::Float(weight))
}

fn one(o: &Entries, p: &Tensor, grad: &Tensor, e: &mut Entries) -> Result<()> {
    let lr = o.number("lr")?;
    let (eps1, eps2) = eps(o)?;
    let eps1 = eps1.unwrap_or_else(|| precision(p.dtype()));
    let g = if o.flag("maximize")? { -grad } else { grad.clone() };
    let step = counted(e, "step", 0.0) + 1.0;
    e.set("step", step);
    let weight = step.powf(o.number("beta2_decay")?);
    let alpha = eps2.max(rms(p)) * lr.min(1.0 / step.sqrt());
    let decay = o.number("weight_decay")?;
    let start = if decay != 0.0 {
        p * (1.0 - lr * decay)
    } else {
        p.detach()
    };
    let estimate = if g.dim() > 1 {
        let mut sizes: Vec<i64> = g.shape().iter().map(|n| *n as i64).collect();
        let (rows, columns) = (sizes[g.dim() - 2], sizes[g.dim() - 1]);
        sizes[g.dim() - 1] = 1;
        let row = running(e, "row_var", || catch(|| g.new_zeros(&sizes)))?;
        sizes[g.dim() - 1] = columns;
        sizes[g.dim() - 2] = 1;
        let column = running(e, "col_var", || catch(|| g.new_zeros(&sizes)))?;
        let mean_square = |dim: i64, n: i64| -> Result<Tensor> {
            let norm = ops::vector_norm::vector_norm(&g, Scalar::Int(2), Some(&[dim]), true, None)?;
            Ok(&norm * &norm / n)
        };
        let row = lerp(&row, &mean_square(-1, columns)?, weight)?;
        let column = lerp(&column, &mean_square(-2, rows)?, weight)?;
        let scale = ops::reduce::mean_dim(&row, Some(&[-2]), true, None)?.clamp_min(eps1);
        e.set("row_var", row.clone());
        e.set("col_var", column.clone());
        row.matmul(&column) / scale
    } else {
        let v = running(e, "variance", || catch(|| g.zeros_like()))?;
        let v = lerp(&v, &(&g * &g), weight)?;
        e.set("variance", v.clone());
        v
    };
    let update = estimate.clamp_min(eps1 * eps1).rsqrt() * g;
    let denominator = (rms(&update) / o.number("d")?).max(1.0);
    ops::copy::copy_(p, &(start - update * (alpha / denominator)))
}

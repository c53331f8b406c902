//! Muon: momentum whose matrix is made orthogonal before the step.

use super::fused::running;
use super::*;
use duoc_core::{DType, Result, Scalar, Tensor, bail, catch, ensure, ops};

algorithm! {
    /// Muon (K. Jordan, 2024), for matrices: `b = momentum b + (1 - momentum) g`, then `p -= lr O(b)`, where `O` brings all
    /// singular values near 1 by a Newton-Schulz iteration in bfloat16: `x <- a x + (b X + c X^2) x` with `X = x x^T`.
    Muon {
        /// Learning rate.
        lr: f64 = 1e-3,
        /// How much of the parameter goes with each step, times `lr`.
        weight_decay: f64 = 0.1,
        /// How much of the last step is kept.
        momentum: f64 = 0.95,
        /// Whether the gradient is looked ahead.
        nesterov: bool = true,
        /// `a`, `b`, `c` of the iteration.
        ns_coefficients: (f64, f64, f64) = (3.4445, -4.7750, 2.0315),
        /// Smallest norm that is divided by.
        eps: f64 = 1e-7,
        /// Iterations.
        ns_steps: i64 = 5,
        /// How the rate follows the shape: `original` (default), `match_rms_adamw`, `spectral_unclamped`.
        adjust_lr_fn: Option<String> = None,
    }
    fixed []
    whole []
}

impl From<(f64, f64, f64)> for Value {
    fn from((a, b, c): (f64, f64, f64)) -> Value {
        Value::Tuple(vec![a.into(), b.into(), c.into()])
    }
}

fn coefficients(o: &Entries) -> Result<[f64; 3]> {
    if let Some(Value::Tuple(v) | Value::List(v)) = o.get("ns_coefficients") {
        let numbers: Vec<f64> = v.iter().filter_map(Value::number).collect();
        if let Ok(three) = numbers.try_into() {
            return Ok(three);
        }
    }
    bail!(Value, "Coefficients must be a tuple of exactly 3 values")
}

impl Algorithm for Muon {
    fn name(&self) -> &'static str {
        "Muon"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn numbers(&self) -> &'static [&'static str] {
        &[]
    }
    fn check(&self, o: &Entries) -> Result<()> {
        for (name, what) in [
            ("lr", "Learning rate"),
            ("momentum", "momentum"),
            ("weight_decay", "weight decay"),
        ] {
            let x = o.number(name)?;
            ensure!(x >= 0.0, Value, "{what} should be >= 0 but is: {}", Value::Float(x));
        }
        if let Some(Value::Text(f)) = o.get("adjust_lr_fn") {
            ensure!(
                matches!(f.as_str(), "original" | "match_rms_adamw" | "spectral_unclamped"),
                Value,
                "Adjust learning rate function {f} is not supported"
            );
        }
        coefficients(o)?;
        ensure!(
            o.number("ns_steps")? < 100.0,
            Value,
            "Number of steps must be less than 100 for computational efficiency"
        );
        Ok(())
    }
    fn check_group(&self, group: &Group, _: usize) -> Result<()> {
        for p in &group.params {
            ensure!(
                p.dim() == 2,
                Value,
                "Muon only supports 2D parameters whereas we found a parameter with size: {}",
                p.size()
            );
        }
        Ok(())
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        for g in groups.iter() {
            for p in &g.params {
                if let Some(grad) = p.grad() {
                    ensure!(
                        grad.shape() == p.shape(),
                        Runtime,
                        "a parameter of shape {:?} has a gradient of shape {:?}",
                        p.shape(),
                        grad.shape()
                    );
                    let e = states.of(p);
                    let buffer = running(e, "momentum_buffer", || catch(|| grad.zeros_like()))?;
                    let buffer = catch(|| one(&g.options, p, &grad, &buffer))??;
                    e.set("momentum_buffer", buffer);
                }
            }
        }
        Ok(None)
    }
}

fn one(o: &Entries, p: &Tensor, grad: &Tensor, buffer: &Tensor) -> Result<Tensor> {
    let (lr, momentum) = (o.number("lr")?, o.number("momentum")?);
    let mix = |from: &Tensor, to: &Tensor, w: f64| ops::blend::lerp_scalar(from, to, Scalar::Float(w));
    let buffer = mix(buffer, grad, 1.0 - momentum)?;
    let update = match o.flag("nesterov")? {
        true => mix(grad, &buffer, momentum)?,
        false => buffer.clone(),
    };
    let direction = orthogonal(
        &update,
        coefficients(o)?,
        o.number("ns_steps")? as usize,
        o.number("eps")?,
    )?;
    let (rows, columns) = (p.shape()[0] as f64, p.shape()[1] as f64);
    let ratio = match o.get("adjust_lr_fn") {
        Some(Value::Text(f)) if f == "match_rms_adamw" => 0.2 * rows.max(columns).sqrt(),
        Some(Value::Text(f)) if f == "spectral_unclamped" => (rows / columns).sqrt(),
        _ => (rows / columns).max(1.0).sqrt(),
    };
    let kept = p * (1.0 - lr * o.number("weight_decay")?);
    ops::copy::copy_(p, &(kept - direction.to_dtype(p.dtype()) * (lr * ratio)))?;
    Ok(buffer)
}

/// The matrix with its singular values brought near 1.
fn orthogonal(g: &Tensor, [a, b, c]: [f64; 3], steps: usize, eps: f64) -> Result<Tensor> {
    let tall = g.shape()[0] > g.shape()[1];
    let mut x = g.to_dtype(DType::BF16);
    if tall {
        x = x.transpose(0, 1);
    }
    x = &x / &x.norm(2).clamp_min(eps);
    for _ in 0..steps {
        let gram = x.matmul(&x.transpose(0, 1));
        let (b, c, a) = (Scalar::Float(b), Scalar::Float(c), Scalar::Float(a));
        let update = ops::matmul::addmm(&gram, &gram, &gram, b, c)?;
        x = ops::matmul::addmm(&x, &update, &x, a, Scalar::Int(1))?;
    }
    Ok(if tall { x.transpose(0, 1) } else { x })
}

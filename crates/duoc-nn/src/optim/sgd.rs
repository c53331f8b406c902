//! Stochastic gradient descent.

use super::fused::{self, Plan};
use super::*;
use duoc_core::optim::Rule;
use duoc_core::{Result, ensure};
use smallvec::smallvec;

algorithm! {
    /// Stochastic gradient descent, with momentum: `b = momentum b + (1 - dampening) g` (`b = g` at first),
    /// `p -= lr b`, or `p -= lr (g + momentum b)` with `nesterov` (I. Sutskever et al., 2013). `weight_decay` adds
    /// `weight_decay p` to the gradient.
    SGD {
        /// Learning rate.
        lr: f64 = 1e-3,
        /// How much of the last step is kept.
        momentum: f64 = 0.0,
        /// How much of the gradient is left out of the momentum.
        dampening: f64 = 0.0,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// Whether the gradient is looked ahead.
        nesterov: bool = false,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "differentiable" = false, "fused" = Value::None]
    whole ["momentum", "dampening", "weight_decay"]
}

/// `ValueError` unless the number under `name` is at least 0; `what` is how PyTorch calls it.
pub(super) fn not_negative(options: &Entries, name: &str, what: &str) -> Result<()> {
    let x = options.number(name)?;
    ensure!(x >= 0.0, Value, "Invalid {what}: {}", Value::Float(x));
    Ok(())
}

impl Algorithm for SGD {
    fn name(&self) -> &'static str {
        "SGD"
    }

    fn defaults(&self) -> Entries {
        self.entries()
    }

    fn check(&self, o: &Entries) -> Result<()> {
        not_negative(o, "lr", "learning rate")?;
        not_negative(o, "momentum", "momentum value")?;
        not_negative(o, "weight_decay", "weight_decay value")?;
        ensure!(
            !o.flag("nesterov")? || o.number("momentum")? > 0.0 && o.number("dampening")? == 0.0,
            Value,
            "Nesterov momentum requires a momentum and zero dampening"
        );
        Ok(())
    }

    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let momentum = o.number("momentum")?;
            let (mut states, mut made) = (smallvec![], None);
            if momentum != 0.0 {
                let there = e.get("momentum_buffer").and_then(Value::tensor).cloned();
                let buffer = match there {
                    Some(t) => t,
                    None => {
                        let t = fused::zeros(p)?;
                        made = Some(("momentum_buffer", t.clone()));
                        t
                    }
                };
                states.push(buffer);
            }
            Ok(Plan {
                rule: Rule::Sgd {
                    lr: o.number("lr")?,
                    momentum,
                    dampening: o.number("dampening")?,
                    nesterov: o.flag("nesterov")?,
                    first: made.is_some(),
                },
                maximize: o.flag("maximize")?,
                decay: o.number("weight_decay")?,
                states,
                after: smallvec![],
                made,
            })
        })
    }
}

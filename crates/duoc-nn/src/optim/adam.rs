//! Adam and its kin: running means of the gradient and of its square.

use super::fused::{self, Plan, counted, running, zeros};
use super::sgd::not_negative;
use super::state::stored;
use super::*;
use duoc_core::optim::Rule;
use duoc_core::{Result, ensure};
use smallvec::smallvec;

algorithm! {
    /// Adam (D. Kingma, J. Ba, 2015): `m = b1 m + (1 - b1) g`, `v = b2 v + (1 - b2) g^2`,
    /// `p -= lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)`. With `amsgrad`, the largest `v` so far is used
    /// (S. Reddi et al., 2018). `weight_decay` adds `weight_decay p` to the gradient.
    Adam {
        /// Learning rate.
        lr: f64 = 1e-3,
        /// Decay of the two running means.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the denominator.
        eps: f64 = 1e-8,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// Whether the largest mean square so far is used.
        amsgrad: bool = false,
        /// Whether the objective is maximised.
        maximize: bool = false,
        /// Whether weight decay shrinks the parameter instead of adding to the gradient.
        decoupled_weight_decay: bool = false,
    }
    fixed ["foreach" = Value::None, "capturable" = false, "differentiable" = false, "fused" = Value::None]
    whole ["weight_decay"]
}

algorithm! {
    /// Adam with decoupled weight decay (I. Loshchilov, F. Hutter, 2019): `p -= lr weight_decay p` before [`Adam`]'s step.
    AdamW {
        /// Learning rate.
        lr: f64 = 1e-3,
        /// Decay of the two running means.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the denominator.
        eps: f64 = 1e-8,
        /// How much of the parameter goes with each step, times `lr`.
        weight_decay: f64 = 1e-2,
        /// Whether the largest mean square so far is used.
        amsgrad: bool = false,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "capturable" = false, "differentiable" = false, "fused" = Value::None,
           "decoupled_weight_decay" = true]
    whole []
}

algorithm! {
    /// Adam with the largest gradient in place of the mean square (D. Kingma, J. Ba, 2015, section 7):
    /// `u = max(b2 u, |g| + eps)`, `p -= lr / (1 - b1^t) m / u`.
    Adamax {
        /// Learning rate.
        lr: f64 = 2e-3,
        /// Decay of the mean and of the largest gradient.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the gradient's magnitude.
        eps: f64 = 1e-8,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "differentiable" = false, "capturable" = false]
    whole ["weight_decay"]
}

algorithm! {
    /// Adam with Nesterov's look ahead (T. Dozat, 2016): the momentum `mu_t = b1 (1 - 0.96^(t momentum_decay) / 2)` grows
    /// with time, and the step uses the gradient and the mean of the next step.
    NAdam {
        /// Learning rate.
        lr: f64 = 2e-3,
        /// Decay of the two running means.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the denominator.
        eps: f64 = 1e-8,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// How fast the momentum grows to `b1`.
        momentum_decay: f64 = 4e-3,
        /// Whether weight decay shrinks the parameter instead of adding to the gradient.
        decoupled_weight_decay: bool = false,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "capturable" = false, "differentiable" = false]
    whole ["weight_decay"]
}

algorithm! {
    /// Adam whose adaptive step begins once the variance of its second moment is tractable (L. Liu et al., 2020):
    /// `rho_t = rho - 2 t b2^t / (1 - b2^t)` with `rho = 2 / (1 - b2) - 1`; the step is rectified where `rho_t > 5`.
    RAdam {
        /// Learning rate.
        lr: f64 = 1e-3,
        /// Decay of the two running means.
        betas: (f64, f64) = (0.9, 0.999),
        /// Added to the denominator.
        eps: f64 = 1e-8,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// Whether weight decay shrinks the parameter instead of adding to the gradient.
        decoupled_weight_decay: bool = false,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "capturable" = false, "differentiable" = false]
    whole ["weight_decay"]
}

/// What the whole family refuses.
fn check(o: &Entries) -> Result<()> {
    not_negative(o, "lr", "learning rate")?;
    not_negative(o, "eps", "epsilon value")?;
    let (b1, b2) = o.pair("betas")?;
    for (i, b) in [b1, b2].into_iter().enumerate() {
        ensure!(
            (0.0..1.0).contains(&b),
            Value,
            "Invalid beta parameter at index {i}: {}",
            Value::Float(b)
        );
    }
    not_negative(o, "weight_decay", "weight_decay value")
}

/// Weight decay as what is added to the gradient and what the parameter is multiplied with: one of them is idle.
fn decay(o: &Entries) -> Result<(f64, f64)> {
    let w = o.number("weight_decay")?;
    Ok(match o.flag("decoupled_weight_decay")? {
        true if w != 0.0 => (0.0, 1.0 - o.number("lr")? * w),
        true => (0.0, 1.0),
        false => (w, 1.0),
    })
}

fn adam(groups: &[Group], states: &mut States) -> Result<Option<f64>> {
    fused::step(groups, states, |o, p, _, e| {
        let (beta1, beta2) = o.pair("betas")?;
        let step = counted(e, "step", 0.0) + 1.0;
        let amsgrad = o.flag("amsgrad")?;
        let (decay, shrink) = decay(o)?;
        e.set("step", step - 1.0);
        let mut list = smallvec![
            running(e, "exp_avg", || zeros(p))?,
            running(e, "exp_avg_sq", || zeros(p))?
        ];
        if amsgrad {
            list.push(running(e, "max_exp_avg_sq", || zeros(p))?);
        }
        Ok(Plan {
            rule: Rule::Adam {
                step: o.number("lr")? / (1.0 - beta1.powf(step)),
                beta1,
                beta2,
                eps: o.number("eps")?,
                correction: (1.0 - beta2.powf(step)).sqrt(),
                shrink,
                amsgrad,
            },
            maximize: o.flag("maximize")?,
            decay,
            states: list,
            after: smallvec![("step", step)],
            made: None,
        })
    })
}

impl Algorithm for Adam {
    fn name(&self) -> &'static str {
        "Adam"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, options: &Entries) -> Result<()> {
        check(options)
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        adam(groups, states)
    }
}

impl Algorithm for AdamW {
    fn name(&self) -> &'static str {
        "AdamW"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, options: &Entries) -> Result<()> {
        check(options)
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        // Files of older versions do not say what AdamW has always done.
        for g in groups.iter_mut() {
            g.options.set("decoupled_weight_decay", true);
        }
        adam(groups, states)
    }
}

impl Algorithm for Adamax {
    fn name(&self) -> &'static str {
        "Adamax"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, options: &Entries) -> Result<()> {
        check(options)
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let (beta1, beta2) = o.pair("betas")?;
            let step = counted(e, "step", 0.0) + 1.0;
            e.set("step", step - 1.0);
            Ok(Plan {
                rule: Rule::Adamax {
                    step: o.number("lr")? / (1.0 - beta1.powf(step)),
                    beta1,
                    beta2,
                    eps: o.number("eps")?,
                },
                maximize: o.flag("maximize")?,
                decay: o.number("weight_decay")?,
                states: smallvec![running(e, "exp_avg", || zeros(p))?, running(e, "exp_inf", || zeros(p))?],
                after: smallvec![("step", step)],
                made: None,
            })
        })
    }
}

impl Algorithm for NAdam {
    fn name(&self) -> &'static str {
        "NAdam"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, options: &Entries) -> Result<()> {
        check(options)?;
        not_negative(options, "momentum_decay", "momentum_decay value")
    }
    fn numbers(&self) -> &'static [&'static str] {
        &["step", "mu_product"]
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let (beta1, beta2) = o.pair("betas")?;
            let (lr, growth) = (o.number("lr")?, o.number("momentum_decay")?);
            let step = counted(e, "step", 0.0) + 1.0;
            let mu_at = |t: f64| beta1 * (1.0 - 0.5 * 0.96f64.powf(t * growth));
            let (mu, mu_next) = (mu_at(step), mu_at(step + 1.0));
            let product = stored(counted(e, "mu_product", 1.0) * mu);
            e.set("step", step - 1.0);
            let before = counted(e, "mu_product", 1.0);
            e.set("mu_product", before);
            let (decay, shrink) = decay(o)?;
            Ok(Plan {
                rule: Rule::Nadam {
                    of_grad: -lr * (1.0 - mu) / (1.0 - product),
                    of_mean: -lr * mu_next / (1.0 - product * mu_next),
                    beta1,
                    beta2,
                    eps: o.number("eps")?,
                    correction: 1.0 - beta2.powf(step),
                    shrink,
                },
                maximize: o.flag("maximize")?,
                decay,
                states: smallvec![
                    running(e, "exp_avg", || zeros(p))?,
                    running(e, "exp_avg_sq", || zeros(p))?
                ],
                after: smallvec![("step", step), ("mu_product", product)],
                made: None,
            })
        })
    }
}

impl Algorithm for RAdam {
    fn name(&self) -> &'static str {
        "RAdam"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, options: &Entries) -> Result<()> {
        check(options)
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let (beta1, beta2) = o.pair("betas")?;
            let step = counted(e, "step", 0.0) + 1.0;
            e.set("step", step - 1.0);
            let correction2 = 1.0 - beta2.powf(step);
            let longest = 2.0 / (1.0 - beta2) - 1.0;
            let length = longest - 2.0 * step * beta2.powf(step) / correction2;
            let rect = (length > 5.0).then(|| {
                let (l, r) = (length, longest);
                ((l - 4.0) * (l - 2.0) * r / ((r - 4.0) * (r - 2.0) * l)).sqrt()
            });
            let (decay, shrink) = decay(o)?;
            Ok(Plan {
                rule: Rule::Radam {
                    lr: o.number("lr")?,
                    beta1,
                    beta2,
                    eps: o.number("eps")?,
                    correction1: 1.0 - beta1.powf(step),
                    correction2: correction2.sqrt(),
                    rect,
                    shrink,
                },
                maximize: o.flag("maximize")?,
                decay,
                states: smallvec![
                    running(e, "exp_avg", || zeros(p))?,
                    running(e, "exp_avg_sq", || zeros(p))?
                ],
                after: smallvec![("step", step)],
                made: None,
            })
        })
    }
}

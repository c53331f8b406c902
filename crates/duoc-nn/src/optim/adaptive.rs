//! Steps that adapt to each element: by the size of its gradients, or by their sign.

use super::fused::{self, Plan, counted, running, zeros};
use super::sgd::not_negative;
use super::state::stored;
use super::*;
use duoc_core::optim::Rule;
use duoc_core::{Result, ensure};
use smallvec::smallvec;

algorithm! {
    /// RMSprop (G. Hinton, 2012): `v = alpha v + (1 - alpha) g^2`, `p -= lr g / (sqrt(v) + eps)`. `centered` takes the
    /// square of the mean gradient off `v` (A. Graves, 2013); `momentum` sums the steps.
    RMSprop {
        /// Learning rate.
        lr: f64 = 1e-2,
        /// How much of the sum of steps is kept.
        momentum: f64 = 0.0,
        /// Decay of the mean square.
        alpha: f64 = 0.99,
        /// Added to the denominator.
        eps: f64 = 1e-8,
        /// Whether the variance stands for the mean square.
        centered: bool = false,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["capturable" = false, "foreach" = Value::None, "differentiable" = false]
    whole ["weight_decay", "momentum"]
}

algorithm! {
    /// Adagrad (J. Duchi, E. Hazan, Y. Singer, 2011): `s += g^2`, `p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)`.
    Adagrad {
        /// Learning rate.
        lr: f64 = 1e-2,
        /// How fast the learning rate falls.
        lr_decay: f64 = 0.0,
        /// Added to the denominator.
        eps: f64 = 1e-10,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// What the sums of squares start with.
        initial_accumulator_value: f64 = 0.0,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "differentiable" = false, "fused" = Value::None]
    whole ["lr_decay", "weight_decay", "initial_accumulator_value"]
}

algorithm! {
    /// Adadelta (M. Zeiler, 2012): `v = rho v + (1 - rho) g^2`, `d = sqrt(u + eps) / sqrt(v + eps) g`,
    /// `u = rho u + (1 - rho) d^2`, `p -= lr d`.
    Adadelta {
        /// Learning rate.
        lr: f64 = 1.0,
        /// Decay of the two mean squares.
        rho: f64 = 0.9,
        /// Added below the roots.
        eps: f64 = 1e-6,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["capturable" = false, "foreach" = Value::None, "differentiable" = false]
    whole ["weight_decay"]
}

algorithm! {
    /// Resilient backpropagation (M. Riedmiller, H. Braun, 1993): each element has a step size that grows while the sign of
    /// its gradient stays and shrinks when it changes; the gradient's magnitude plays no part. For full batches.
    Rprop {
        /// First step size.
        lr: f64 = 1e-2,
        /// Factors when the sign changes and when it stays.
        etas: (f64, f64) = (0.5, 1.2),
        /// Smallest and largest step size.
        step_sizes: (f64, f64) = (1e-6, 50.0),
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "differentiable" = false, "capturable" = false]
    whole []
}

algorithm! {
    /// Averaged stochastic gradient descent (B. Polyak, A. Juditsky, 1992): steps of
    /// `eta = lr / (1 + lambd lr t)^alpha`; the state `ax` is the mean of the parameters from step `t0` on.
    ASGD {
        /// Learning rate.
        lr: f64 = 1e-2,
        /// Decay of the parameter, times the step's rate.
        lambd: f64 = 1e-4,
        /// Power of the rate's decay.
        alpha: f64 = 0.75,
        /// The step from which on parameters are averaged.
        t0: f64 = 1e6,
        /// L2 penalty.
        weight_decay: f64 = 0.0,
        /// Whether the objective is maximised.
        maximize: bool = false,
    }
    fixed ["foreach" = Value::None, "differentiable" = false, "capturable" = false]
    whole ["weight_decay"]
}

impl Algorithm for RMSprop {
    fn name(&self) -> &'static str {
        "RMSprop"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, o: &Entries) -> Result<()> {
        not_negative(o, "lr", "learning rate")?;
        not_negative(o, "eps", "epsilon value")?;
        not_negative(o, "momentum", "momentum value")?;
        not_negative(o, "weight_decay", "weight_decay value")?;
        not_negative(o, "alpha", "alpha value")
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let (momentum, centered) = (o.number("momentum")?, o.flag("centered")?);
            let step = counted(e, "step", 0.0) + 1.0;
            e.set("step", step - 1.0);
            let mut list = smallvec![running(e, "square_avg", || zeros(p))?];
            let buffer = match momentum > 0.0 {
                true => Some(running(e, "momentum_buffer", || zeros(p))?),
                false => None,
            };
            if centered {
                list.push(running(e, "grad_avg", || zeros(p))?);
            }
            list.extend(buffer);
            Ok(Plan {
                rule: Rule::RmsProp {
                    lr: o.number("lr")?,
                    alpha: o.number("alpha")?,
                    eps: o.number("eps")?,
                    momentum,
                    centered,
                },
                maximize: o.flag("maximize")?,
                decay: o.number("weight_decay")?,
                states: list,
                after: smallvec![("step", step)],
                made: None,
            })
        })
    }
}

impl Algorithm for Adagrad {
    fn name(&self) -> &'static str {
        "Adagrad"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, o: &Entries) -> Result<()> {
        not_negative(o, "lr", "learning rate")?;
        not_negative(o, "lr_decay", "lr_decay value")?;
        not_negative(o, "weight_decay", "weight_decay value")?;
        not_negative(o, "initial_accumulator_value", "initial_accumulator_value value")?;
        not_negative(o, "eps", "epsilon value")
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let step = counted(e, "step", 0.0) + 1.0;
            e.set("step", step - 1.0);
            let start = o.number("initial_accumulator_value")?;
            let sum = running(e, "sum", || {
                let z = zeros(p)?;
                duoc_core::catch(|| z.fill_(start).clone())
            })?;
            Ok(Plan {
                rule: Rule::Adagrad {
                    lr: o.number("lr")? / (1.0 + (step - 1.0) * o.number("lr_decay")?),
                    eps: o.number("eps")?,
                },
                maximize: o.flag("maximize")?,
                decay: o.number("weight_decay")?,
                states: smallvec![sum],
                after: smallvec![("step", step)],
                made: None,
            })
        })
    }
}

impl Algorithm for Adadelta {
    fn name(&self) -> &'static str {
        "Adadelta"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, o: &Entries) -> Result<()> {
        not_negative(o, "lr", "learning rate")?;
        let rho = o.number("rho")?;
        ensure!(
            (0.0..=1.0).contains(&rho),
            Value,
            "Invalid rho value: {}",
            Value::Float(rho)
        );
        not_negative(o, "eps", "epsilon value")?;
        not_negative(o, "weight_decay", "weight_decay value")
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let step = counted(e, "step", 0.0) + 1.0;
            e.set("step", step - 1.0);
            Ok(Plan {
                rule: Rule::Adadelta {
                    lr: o.number("lr")?,
                    rho: o.number("rho")?,
                    eps: o.number("eps")?,
                },
                maximize: o.flag("maximize")?,
                decay: o.number("weight_decay")?,
                states: smallvec![
                    running(e, "square_avg", || zeros(p))?,
                    running(e, "acc_delta", || zeros(p))?
                ],
                after: smallvec![("step", step)],
                made: None,
            })
        })
    }
}

impl Algorithm for Rprop {
    fn name(&self) -> &'static str {
        "Rprop"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, o: &Entries) -> Result<()> {
        not_negative(o, "lr", "learning rate")?;
        let (minus, plus) = o.pair("etas")?;
        ensure!(
            0.0 < minus && minus < 1.0 && 1.0 < plus,
            Value,
            "Invalid eta values: {}, {}",
            Value::Float(minus),
            Value::Float(plus)
        );
        Ok(())
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let (minus, plus) = o.pair("etas")?;
            let (smallest, largest) = o.pair("step_sizes")?;
            let step = counted(e, "step", 0.0) + 1.0;
            e.set("step", step - 1.0);
            let lr = o.number("lr")?;
            Ok(Plan {
                rule: Rule::Rprop {
                    minus,
                    plus,
                    smallest,
                    largest,
                },
                maximize: o.flag("maximize")?,
                decay: 0.0,
                states: smallvec![
                    running(e, "prev", || zeros(p))?,
                    running(e, "step_size", || {
                        let z = zeros(p)?;
                        duoc_core::catch(|| z.fill_(lr).clone())
                    })?
                ],
                after: smallvec![("step", step)],
                made: None,
            })
        })
    }
}

impl Algorithm for ASGD {
    fn name(&self) -> &'static str {
        "ASGD"
    }
    fn defaults(&self) -> Entries {
        self.entries()
    }
    fn check(&self, o: &Entries) -> Result<()> {
        not_negative(o, "lr", "learning rate")?;
        not_negative(o, "lambd", "lambd value")?;
        not_negative(o, "alpha", "alpha value")?;
        not_negative(o, "weight_decay", "weight_decay value")
    }
    fn numbers(&self) -> &'static [&'static str] {
        &["step", "eta", "mu"]
    }
    fn step(&self, groups: &mut [Group], states: &mut States, _: Option<Closure>) -> Result<Option<f64>> {
        fused::step(groups, states, |o, p, _, e| {
            let (lr, lambd, alpha) = (o.number("lr")?, o.number("lambd")?, o.number("alpha")?);
            let step = counted(e, "step", 0.0) + 1.0;
            let (eta, mu) = (counted(e, "eta", stored(lr)), counted(e, "mu", 1.0));
            for (name, x) in [("step", step - 1.0), ("eta", eta), ("mu", mu)] {
                e.set(name, x);
            }
            Ok(Plan {
                rule: Rule::Asgd {
                    shrink: 1.0 - lambd * eta,
                    eta,
                    mu,
                },
                maximize: o.flag("maximize")?,
                decay: o.number("weight_decay")?,
                states: smallvec![running(e, "ax", || zeros(p))?],
                after: smallvec![
                    ("step", step),
                    ("eta", stored(lr / (1.0 + lambd * lr * step).powf(alpha))),
                    ("mu", stored(1.0 / (step - o.number("t0")?).max(1.0)))
                ],
                made: None,
            })
        })
    }
}

//! The step of every algorithm that treats elements alone: one update per parameter, all in one kernel call.

use super::groups::Group;
use super::state::States;
use super::value::{Entries, Value};
use duoc_core::optim::{Rule, Update, apply};
use duoc_core::{Result, Tensor, ensure};
use smallvec::SmallVec;

/// What an algorithm says about one parameter's step.
pub(super) struct Plan {
    pub rule: Rule,
    pub maximize: bool,
    /// Weight decay that is added to the gradient.
    pub decay: f64,
    /// The running values in the rule's order.
    pub states: SmallVec<[Tensor; 3]>,
    /// Numbers of the state that are true once the step is done.
    pub after: SmallVec<[(&'static str, f64); 4]>,
    /// A running value that exists once the step is done.
    pub made: Option<(&'static str, Tensor)>,
}

/// The running value under a name, made where there is none.
pub(super) fn running(e: &mut Entries, name: &str, make: impl FnOnce() -> Result<Tensor>) -> Result<Tensor> {
    match e.get(name) {
        Some(Value::Tensor(t)) => Ok(t.clone()),
        _ => {
            let t = make()?;
            e.set(name, t.clone());
            Ok(t)
        }
    }
}

/// Zeros in the form of a parameter.
pub(super) fn zeros(p: &Tensor) -> Result<Tensor> {
    duoc_core::ops::factory::zeros_like(&p.detach())
}

/// The number under a name, or what it starts with.
pub(super) fn counted(e: &Entries, name: &str, start: f64) -> f64 {
    e.get(name).and_then(Value::number).unwrap_or(start)
}

/// Plans every parameter that has a gradient, then changes all of them at once.
pub(super) fn step(
    groups: &[Group],
    states: &mut States,
    plan: impl Fn(&Entries, &Tensor, &Tensor, &mut Entries) -> Result<Plan>,
) -> Result<Option<f64>> {
    let mut work = Vec::new();
    for g in groups {
        for p in &g.params {
            let Some(grad) = p.grad() else { continue };
            ensure!(
                !p.dtype().is_complex(),
                NotImplemented,
                "optimizers change real parameters; this one is {}",
                p.dtype()
            );
            let planned = plan(&g.options, p, &grad, states.of(p))?;
            work.push((p, grad, planned));
        }
    }
    let updates: Vec<Update> = work
        .iter()
        .map(|(p, grad, plan)| Update {
            rule: plan.rule,
            maximize: plan.maximize,
            decay: plan.decay,
            param: p,
            grad,
            states: &plan.states,
        })
        .collect();
    apply(&updates)?;
    for (p, _, plan) in &work {
        let e = states.of(p);
        for (name, x) in &plan.after {
            e.set(name, *x);
        }
        if let Some((name, t)) = &plan.made {
            e.set(name, t.clone());
        }
    }
    Ok(None)
}

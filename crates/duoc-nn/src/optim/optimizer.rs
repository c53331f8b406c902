//! The optimiser: groups, state, and an algorithm that steps.

use super::groups::{Group, Groups, admit};
use super::state::{GroupState, OptimizerState, States, exported, imported};
use super::value::Entries;
use super::*;
use duoc_core::autograd::{enable_grad, no_grad};
use duoc_core::{Result, bail, ensure};
use std::fmt;

/// Evaluates the loss again and leaves fresh gradients; returns the loss.
pub type Closure<'a> = &'a mut dyn FnMut() -> Result<f64>;

/// An algorithm with its settings.
pub trait Algorithm: Send + Sync {
    /// The name in PyTorch: `SGD`.
    fn name(&self) -> &'static str;

    /// The settings as data.
    fn defaults(&self) -> Entries;

    /// Fills in settings that follow from others.
    fn complete(&self, options: &mut Entries) {
        let _ = options;
    }

    /// Refuses settings that make no sense, as PyTorch does when the optimiser is made.
    fn check(&self, options: &Entries) -> Result<()>;

    /// Entries of the state that are numbers and that PyTorch keeps as 0-d tensors.
    fn numbers(&self) -> &'static [&'static str] {
        &["step"]
    }

    /// Refuses parameters that the algorithm is not made for.
    fn check_group(&self, group: &Group, there: usize) -> Result<()> {
        let _ = (group, there);
        Ok(())
    }

    /// Whether a step evaluates the loss several times.
    fn needs_closure(&self) -> bool {
        false
    }

    /// Changes the parameters. Gradients are not recorded here. Returns the loss if it was evaluated.
    fn step(&self, groups: &mut [Group], states: &mut States, closure: Option<Closure>) -> Result<Option<f64>>;

    /// The optimiser over parameters or groups of them.
    ///
    /// # Errors
    /// `ValueError` for settings out of their range, for no parameters, and for a parameter in two groups.
    fn build(self, params: impl Into<Groups>) -> Result<Optimizer>
    where
        Self: Sized + 'static,
    {
        Optimizer::new(Box::new(self), params)
    }
}

/// An algorithm over parameters, with what it remembers of each.
pub struct Optimizer {
    algorithm: Box<dyn Algorithm>,
    defaults: Entries,
    groups: Vec<Group>,
    states: States,
}

impl Optimizer {
    /// An optimiser of an algorithm that is known at run time only; see [`by_name`].
    pub fn new(algorithm: Box<dyn Algorithm>, params: impl Into<Groups>) -> Result<Optimizer> {
        let mut defaults = algorithm.defaults();
        algorithm.complete(&mut defaults);
        algorithm.check(&defaults)?;
        let mut o = Optimizer {
            algorithm,
            defaults,
            groups: Vec::new(),
            states: States::default(),
        };
        let groups = params.into().0;
        ensure!(
            groups.iter().any(|g| !g.params.is_empty()) || groups.len() > 1,
            Value,
            "optimizer got an empty parameter list"
        );
        for g in groups {
            o.add_param_group(g)?;
        }
        Ok(o)
    }

    /// Adds a group, for example of layers that were frozen until now.
    pub fn add_param_group(&mut self, group: Group) -> Result<()> {
        let group = admit(group, &self.groups, &self.defaults)?;
        self.algorithm.check_group(&group, self.groups.len())?;
        self.groups.push(group);
        Ok(())
    }

    /// The algorithm's name in PyTorch.
    pub fn name(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The default settings.
    pub fn defaults(&self) -> &Entries {
        &self.defaults
    }

    /// The groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The groups, to change their settings.
    pub fn groups_mut(&mut self) -> &mut [Group] {
        &mut self.groups
    }

    /// The learning rate of the first group.
    pub fn lr(&self) -> f64 {
        self.groups[0].lr()
    }

    /// What is remembered of each parameter.
    pub fn states(&self) -> &States {
        &self.states
    }

    /// One step along the gradients. Parameters without a gradient stay as they are.
    ///
    /// # Errors
    /// `RuntimeError` if a gradient does not fit its parameter, nothing is written then; `TypeError` for an algorithm
    /// that evaluates the loss itself ([`Optimizer::step_with`]).
    pub fn step(&mut self) -> Result<()> {
        if self.algorithm.needs_closure() {
            bail!(
                Type,
                "{}.step() evaluates the loss several times: call step_with and give it a closure that does zero_grad, forward and backward and returns the loss",
                self.name()
            );
        }
        no_grad(|| self.algorithm.step(&mut self.groups, &mut self.states, None)).map(drop)
    }

    /// One step with a closure that clears the gradients, computes the loss and its gradients, and returns the loss.
    pub fn step_with(&mut self, mut closure: impl FnMut() -> Result<f64>) -> Result<f64> {
        let mut recorded = || enable_grad(&mut closure);
        if self.algorithm.needs_closure() {
            let loss = no_grad(|| {
                self.algorithm
                    .step(&mut self.groups, &mut self.states, Some(&mut recorded))
            })?;
            return Ok(loss.unwrap_or(f64::NAN));
        }
        let loss = recorded()?;
        self.step()?;
        Ok(loss)
    }

    /// Forgets the gradients of all parameters.
    pub fn zero_grad(&self) {
        for p in self.groups.iter().flat_map(|g| &g.params) {
            // Taking a gradient away cannot fail.
            let _ = p.set_grad(None);
        }
    }

    /// What it remembers, as data, with copies of the tensors.
    pub fn state_dict(&self) -> Result<OptimizerState> {
        let mut out = OptimizerState::default();
        let mut number = 0;
        for g in &self.groups {
            let mut params = Vec::with_capacity(g.params.len());
            for p in &g.params {
                if let Some(e) = self.states.get(p).filter(|e| !e.is_empty()) {
                    out.state.push((number, exported(e, self.algorithm.numbers())?));
                }
                params.push(number);
                number += 1;
            }
            out.groups.push(GroupState {
                options: g.options.clone(),
                params,
            });
        }
        Ok(out)
    }

    /// Takes over what another optimiser of the same kind remembered, over the same parameters in the same order.
    ///
    /// # Errors
    /// `ValueError` if the groups have other sizes. Nothing is changed then.
    pub fn load_state_dict(&mut self, saved: &OptimizerState) -> Result<()> {
        ensure!(
            saved.groups.len() == self.groups.len(),
            Value,
            "loaded state dict has a different number of parameter groups: it has {}, the optimizer {}",
            saved.groups.len(),
            self.groups.len()
        );
        for (k, (s, g)) in saved.groups.iter().zip(&self.groups).enumerate() {
            ensure!(
                s.params.len() == g.params.len(),
                Value,
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group: group {k} has {} parameters, the optimizer's {}",
                s.params.len(),
                g.params.len()
            );
        }
        let mut incoming = Vec::with_capacity(saved.state.len());
        for (number, entries) in &saved.state {
            let place = saved.groups.iter().zip(&self.groups).find_map(|(s, g)| {
                let at = s.params.iter().position(|n| n == number)?;
                Some(&g.params[at])
            });
            if let Some(p) = place {
                check_shapes(entries, p, *number)?;
                incoming.push((p.clone(), imported(entries, self.algorithm.numbers(), p)?));
            }
        }
        self.states.clear();
        for (p, entries) in incoming {
            *self.states.of(&p) = entries;
        }
        for (s, g) in saved.groups.iter().zip(&mut self.groups) {
            let names = g.options.get("param_names").cloned();
            for (name, value) in s.options.iter() {
                g.options.set(name, value.clone());
            }
            if let Some(names) = names {
                g.options.set("param_names", names);
            }
        }
        Ok(())
    }
}

/// Moments have their parameter's shape; a state that has not would fail at the next step, far from its file.
fn check_shapes(entries: &Entries, p: &crate::Param, number: usize) -> Result<()> {
    const MOMENTS: [&str; 8] = [
        "exp_avg",
        "exp_avg_sq",
        "max_exp_avg_sq",
        "exp_inf",
        "momentum_buffer",
        "square_avg",
        "sum",
        "acc_delta",
    ];
    for (name, value) in entries.iter().filter(|(n, _)| MOMENTS.contains(n)) {
        if let Some(t) = value.tensor() {
            ensure!(
                t.shape() == p.shape(),
                Value,
                "loaded state dict: {name} of parameter {number} has shape {:?}, the parameter {:?}",
                t.shape(),
                p.shape()
            );
        }
    }
    Ok(())
}

impl fmt::Display for Optimizer {
    /// As PyTorch prints it: the settings of each group, by name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (", self.name())?;
        for (i, g) in self.groups.iter().enumerate() {
            write!(f, "\nParameter Group {i}\n")?;
            let mut sorted: Vec<_> = g.options.iter().collect();
            sorted.sort_by_key(|(n, _)| *n);
            for (name, value) in sorted {
                writeln!(f, "    {name}: {value}")?;
            }
        }
        f.write_str(")")
    }
}

/// The algorithm with PyTorch's name (case does not matter) and the given settings over its defaults.
///
/// # Errors
/// `ValueError` for a name that is none, `KeyError` for a setting that the algorithm does not have.
pub fn by_name(name: &str, settings: &Entries) -> Result<Box<dyn Algorithm>> {
    macro_rules! find {
        ($($algorithm:ident),+) => {
            match name.to_ascii_lowercase().as_str() {
                $(n if n == stringify!($algorithm).to_ascii_lowercase() => {
                    Box::new($algorithm::default()) as Box<dyn Algorithm>
                })+
                _ => bail!(Value, "there is no optimizer {name}; there are: {}", [$(stringify!($algorithm)),+].join(", ")),
            }
        };
    }
    let algorithm = find!(
        SGD, Adam, AdamW, Adamax, NAdam, RAdam, RMSprop, Adagrad, Adadelta, Rprop, ASGD, LBFGS, Adafactor, Muon
    );
    let known = algorithm.defaults();
    for (n, _) in settings.iter() {
        ensure!(
            known.get(n).is_some(),
            Key,
            "{} has no setting {n}; it has: {}",
            algorithm.name(),
            known.iter().map(|(n, _)| n).collect::<Vec<_>>().join(", ")
        );
    }
    Ok(Box::new(Chosen {
        algorithm,
        settings: settings.clone(),
    }))
}

/// An algorithm whose default settings come from data.
struct Chosen {
    algorithm: Box<dyn Algorithm>,
    settings: Entries,
}

impl Algorithm for Chosen {
    fn name(&self) -> &'static str {
        self.algorithm.name()
    }
    fn defaults(&self) -> Entries {
        let mut all = self.algorithm.defaults();
        for (n, v) in self.settings.iter() {
            all.set(n, v.clone());
        }
        all
    }
    fn complete(&self, options: &mut Entries) {
        self.algorithm.complete(options);
    }
    fn check(&self, options: &Entries) -> Result<()> {
        self.algorithm.check(options)
    }
    fn numbers(&self) -> &'static [&'static str] {
        self.algorithm.numbers()
    }
    fn check_group(&self, group: &Group, there: usize) -> Result<()> {
        self.algorithm.check_group(group, there)
    }
    fn needs_closure(&self) -> bool {
        self.algorithm.needs_closure()
    }
    fn step(&self, groups: &mut [Group], states: &mut States, closure: Option<Closure>) -> Result<Option<f64>> {
        self.algorithm.step(groups, states, closure)
    }
}

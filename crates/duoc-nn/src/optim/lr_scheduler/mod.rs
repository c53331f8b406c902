//! Learning-rate schedules: torch.optim.lr_scheduler.
//!
//! A schedule is a rule with its settings; `build` starts it on an optimiser, and `step` is called after each epoch (or
//! batch) with the same optimiser:
//!
//! ```
//! use duoc_core::Tensor;
//! use duoc_nn::Param;
//! use duoc_nn::optim::lr_scheduler::{Rule, StepLR};
//! use duoc_nn::optim::{Algorithm, SGD};
//! let mut optimizer = SGD::new(0.1).build([Param::new(Tensor::ones(&[2]))])?;
//! let mut schedule = StepLR::new(2).gamma(0.5).build(&mut optimizer)?;
//! let mut seen = Vec::new();
//! for _ in 0..4 {
//!     seen.push(optimizer.lr());
//!     optimizer.step()?;
//!     schedule.step(&mut optimizer)?;
//! }
//! assert_eq!(seen, [0.1, 0.1, 0.05, 0.05]);
//! # Ok::<(), duoc_core::Error>(())
//! ```

mod annealing;
mod compose;
mod cyclic;
mod decay;
mod lambda;
mod plateau;

pub use annealing::{CosineAnnealingLR, CosineAnnealingWarmRestarts, SWALR};
pub use compose::{ChainedScheduler, SequentialLR};
pub use cyclic::{CyclicLR, OneCycleLR};
pub use decay::{ConstantLR, ExponentialLR, LinearLR, MultiStepLR, PolynomialLR, StepLR};
pub use lambda::{LambdaLR, MultiplicativeLR};
pub use plateau::ReduceLROnPlateau;

use super::{Entries, Group, Optimizer, Value};
use duoc_core::{Result, bail, ensure};

/// Where a schedule stands when a rule is asked.
pub struct Epoch<'a> {
    /// The epoch, from 0.
    pub epoch: i64,
    /// Whether the schedule is just being started.
    pub initial: bool,
    /// Steps taken, the one at the start included.
    pub steps: i64,
    /// The learning rate that each group began with.
    pub base: &'a [f64],
}

/// How learning rates follow from the epoch.
pub trait Rule: Send {
    /// The name in PyTorch.
    fn name(&self) -> &'static str;

    /// Checks the settings and prepares the groups. `resumed` if the schedule goes on from an earlier run.
    fn start(&mut self, optimizer: &mut Optimizer, resumed: bool) -> Result<()> {
        let _ = (optimizer, resumed);
        Ok(())
    }

    /// Moves the rule's own clock before a step.
    fn advance(&mut self, epoch: i64) {
        let _ = epoch;
    }

    /// The learning rate of each group. The groups have the rates of the last epoch.
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>>;

    /// The learning rates from the epoch alone, where the rule has such a form.
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        let _ = at;
        None
    }

    /// The settings and what else must be saved.
    fn state(&self) -> Entries;

    /// Takes over saved settings.
    fn load(&mut self, saved: &Entries) -> Result<()>;

    /// Starts the schedule: the optimiser has the rates of epoch 0 then.
    ///
    /// # Errors
    /// `ValueError` for settings that make no sense.
    fn build(self, optimizer: &mut Optimizer) -> Result<LRScheduler>
    where
        Self: Sized + 'static,
    {
        LRScheduler::start(Box::new(self), optimizer, -1)
    }

    /// Goes on after epoch `last_epoch`; the groups must have their `initial_lr`, as in a loaded optimiser.
    fn resume(self, optimizer: &mut Optimizer, last_epoch: i64) -> Result<LRScheduler>
    where
        Self: Sized + 'static,
    {
        LRScheduler::start(Box::new(self), optimizer, last_epoch)
    }
}

/// A schedule that has been started on an optimiser.
pub struct LRScheduler {
    kind: Kind,
    base: Vec<f64>,
    last_epoch: i64,
    steps: i64,
    last_lr: Vec<f64>,
}

enum Kind {
    Rule(Box<dyn Rule>),
    Sequential(Vec<LRScheduler>, Vec<i64>),
    Chained(Vec<LRScheduler>),
}

impl LRScheduler {
    fn start(mut rule: Box<dyn Rule>, optimizer: &mut Optimizer, last_epoch: i64) -> Result<LRScheduler> {
        rule.start(optimizer, last_epoch >= 0)?;
        for (i, g) in optimizer.groups_mut().iter_mut().enumerate() {
            if g.options.get("initial_lr").is_none() {
                if last_epoch >= 0 {
                    bail!(
                        Key,
                        "param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with last_epoch >= 0: load the optimizer's state first, or start the schedule anew"
                    );
                }
                let lr = g.options.number("lr")?;
                g.options.set("initial_lr", lr);
            }
        }
        let base = initial_rates(optimizer)?;
        let mut s = LRScheduler {
            kind: Kind::Rule(rule),
            base,
            last_epoch,
            steps: 0,
            last_lr: Vec::new(),
        };
        s.initial_step(optimizer)?;
        Ok(s)
    }

    fn initial_step(&mut self, optimizer: &mut Optimizer) -> Result<()> {
        self.steps = 0;
        self.forward(optimizer, true)
    }

    /// To the next epoch: the optimiser gets its rates.
    ///
    /// # Errors
    /// `ValueError` where the schedule has an end and it is passed, or the optimiser has other groups than at the start.
    pub fn step(&mut self, optimizer: &mut Optimizer) -> Result<()> {
        self.forward(optimizer, false)
    }

    fn forward(&mut self, optimizer: &mut Optimizer, initial: bool) -> Result<()> {
        match &mut self.kind {
            Kind::Rule(rule) => {
                let epoch = self.last_epoch.saturating_add(1);
                let at = Epoch {
                    epoch,
                    initial,
                    steps: self.steps.saturating_add(1),
                    base: &self.base,
                };
                ensure_groups(&self.base, optimizer)?;
                rule.advance(epoch);
                let rates = rule.rates(&at, optimizer.groups_mut())?;
                (self.last_epoch, self.steps) = (epoch, at.steps);
                self.apply(optimizer, rates);
            }
            Kind::Sequential(schedules, milestones) => {
                self.last_epoch = self.last_epoch.saturating_add(1);
                let at = milestones.partition_point(|m| *m <= self.last_epoch);
                let s = &mut schedules[at];
                if at > 0 && milestones[at - 1] == self.last_epoch {
                    s.restart(optimizer)?;
                } else {
                    s.step(optimizer)?;
                }
                self.last_lr = s.last_lr.clone();
            }
            Kind::Chained(schedules) => {
                for s in schedules.iter_mut() {
                    s.step(optimizer)?;
                }
                self.last_lr = optimizer.groups().iter().map(Group::lr).collect();
            }
        }
        Ok(())
    }

    /// Back to epoch 0, by the closed form where there is one.
    fn restart(&mut self, optimizer: &mut Optimizer) -> Result<()> {
        match &mut self.kind {
            Kind::Rule(rule) => {
                let at = Epoch {
                    epoch: 0,
                    initial: false,
                    steps: self.steps,
                    base: &self.base,
                };
                ensure_groups(&self.base, optimizer)?;
                let rates = match rule.closed_form(&at) {
                    Some(rates) => rates,
                    None => rule.rates(&at, optimizer.groups_mut())?,
                };
                self.last_epoch = 0;
                self.apply(optimizer, rates);
                Ok(())
            }
            _ => self.step(optimizer),
        }
    }

    fn apply(&mut self, optimizer: &mut Optimizer, rates: Vec<f64>) {
        for (g, lr) in optimizer.groups_mut().iter_mut().zip(&rates) {
            g.set_lr(*lr);
        }
        self.last_lr = rates;
    }

    /// Takes back the epoch that the start counted, in all schedules inside.
    fn undo(&mut self) {
        match &mut self.kind {
            Kind::Rule(_) => self.last_epoch -= 1,
            Kind::Sequential(inner, _) | Kind::Chained(inner) => inner.iter_mut().for_each(LRScheduler::undo),
        }
    }

    /// The rates that the last step set.
    pub fn last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    /// The epoch, from 0.
    pub fn last_epoch(&self) -> i64 {
        self.last_epoch
    }

    /// The schedule as data: PyTorch's `state_dict()`, functions left out.
    pub fn state_dict(&self) -> Entries {
        let numbers = |xs: &[f64]| Value::List(xs.iter().map(|x| Value::Float(*x)).collect());
        let inside = |ss: &[LRScheduler]| {
            let one = |s: &LRScheduler| {
                let pairs = s.state_dict().iter().map(pair).collect();
                Value::List(pairs)
            };
            Value::List(ss.iter().map(one).collect())
        };
        let mut e = match &self.kind {
            Kind::Rule(rule) => rule.state(),
            Kind::Sequential(ss, milestones) => {
                let mut e = Entries::new();
                e.set(
                    "_milestones",
                    Value::List(milestones.iter().map(|m| Value::Int(*m)).collect()),
                );
                e.set("_schedulers", inside(ss));
                e
            }
            Kind::Chained(ss) => [("_schedulers", inside(ss))].into_iter().collect(),
        };
        e.set("base_lrs", numbers(&self.base));
        e.set("last_epoch", self.last_epoch);
        e.set("_step_count", self.steps);
        e.set("_last_lr", numbers(&self.last_lr));
        e
    }

    /// Goes on where the saved schedule was. The optimiser's rates are part of the optimiser's state.
    ///
    /// # Errors
    /// `KeyError` or `TypeError` if the data is not that of such a schedule. Nothing is changed then.
    pub fn load_state_dict(&mut self, saved: &Entries) -> Result<()> {
        let numbers = |name: &str, otherwise: &[f64]| -> Result<Vec<f64>> {
            match saved.get(name) {
                None => Ok(otherwise.to_vec()),
                Some(Value::List(vs) | Value::Tuple(vs)) => {
                    let xs: Vec<f64> = vs.iter().filter_map(Value::number).collect();
                    ensure!(xs.len() == vs.len(), Type, "{name} must be a list of numbers");
                    Ok(xs)
                }
                Some(other) => bail!(Type, "{name} must be a list of numbers, but is {other}"),
            }
        };
        let (base, last_lr) = (numbers("base_lrs", &self.base)?, numbers("_last_lr", &self.last_lr)?);
        let last_epoch = saved.number("last_epoch")? as i64;
        let steps = saved.get("_step_count").and_then(Value::number).unwrap_or(0.0) as i64;
        match &mut self.kind {
            Kind::Rule(rule) => rule.load(saved)?,
            Kind::Sequential(ss, _) | Kind::Chained(ss) => {
                let Some(Value::List(inner)) = saved.get("_schedulers") else {
                    bail!(Key, "_schedulers is missing in the saved schedule");
                };
                ensure!(
                    inner.len() == ss.len(),
                    Value,
                    "the saved schedule holds {} schedules, this one {}",
                    inner.len(),
                    ss.len()
                );
                for (s, v) in ss.iter_mut().zip(inner) {
                    s.load_state_dict(&unpaired(v)?)?;
                }
            }
        }
        (self.base, self.last_lr, self.last_epoch, self.steps) = (base, last_lr, last_epoch, steps);
        Ok(())
    }
}

fn pair((name, value): (&str, &Value)) -> Value {
    Value::Tuple(vec![name.into(), value.clone()])
}

fn unpaired(v: &Value) -> Result<Entries> {
    let Value::List(pairs) = v else {
        bail!(Type, "a saved schedule must be a list of names with values");
    };
    let mut e = Entries::new();
    for p in pairs {
        match p {
            Value::Tuple(nv) | Value::List(nv) if nv.len() == 2 => match &nv[0] {
                Value::Text(name) => e.set(name, nv[1].clone()),
                other => bail!(Type, "a name was expected, not {other}"),
            },
            other => bail!(Type, "a name with a value was expected, not {other}"),
        }
    }
    Ok(e)
}

fn initial_rates(optimizer: &Optimizer) -> Result<Vec<f64>> {
    optimizer
        .groups()
        .iter()
        .map(|g| g.options.number("initial_lr"))
        .collect()
}

fn ensure_groups(base: &[f64], optimizer: &Optimizer) -> Result<()> {
    ensure!(
        base.len() == optimizer.groups().len(),
        Value,
        "the schedule was started with {} parameter groups, the optimizer has {}: start schedules after the last add_param_group",
        base.len(),
        optimizer.groups().len()
    );
    Ok(())
}

/// The present rates.
fn present(groups: &[Group]) -> Vec<f64> {
    groups.iter().map(Group::lr).collect()
}

/// The present rates times a factor.
fn scaled(groups: &[Group], factor: f64) -> Vec<f64> {
    groups.iter().map(|g| g.lr() * factor).collect()
}

/// One number a group: the same for all, or as many as there are groups.
fn per_group(name: &str, given: &[f64], groups: usize) -> Result<Vec<f64>> {
    match given {
        [one] => Ok(vec![*one; groups]),
        many => {
            ensure!(
                many.len() == groups,
                Value,
                "{name} must have the same length as optimizer.param_groups. {name} has {} values, param_groups has {groups}.",
                many.len()
            );
            Ok(many.to_vec())
        }
    }
}

/// A setting as data and back.
trait Setting: Sized {
    fn write(&self) -> Value;
    fn read(v: &Value) -> Option<Self>;
}

impl Setting for f64 {
    fn write(&self) -> Value {
        Value::Float(*self)
    }
    fn read(v: &Value) -> Option<f64> {
        v.number()
    }
}
impl Setting for i64 {
    fn write(&self) -> Value {
        Value::Int(*self)
    }
    fn read(v: &Value) -> Option<i64> {
        v.number().map(|x| x as i64)
    }
}
impl Setting for bool {
    fn write(&self) -> Value {
        Value::Bool(*self)
    }
    fn read(v: &Value) -> Option<bool> {
        v.number().map(|x| x != 0.0)
    }
}
impl Setting for String {
    fn write(&self) -> Value {
        Value::Text(self.clone())
    }
    fn read(v: &Value) -> Option<String> {
        match v {
            Value::Text(s) => Some(s.clone()),
            _ => None,
        }
    }
}
impl<T: Setting> Setting for Vec<T> {
    fn write(&self) -> Value {
        Value::List(self.iter().map(T::write).collect())
    }
    fn read(v: &Value) -> Option<Vec<T>> {
        match v {
            Value::List(vs) | Value::Tuple(vs) => vs.iter().map(T::read).collect(),
            other => T::read(other).map(|x| vec![x]),
        }
    }
}
impl<T: Setting> Setting for Option<T> {
    fn write(&self) -> Value {
        self.as_ref().map_or(Value::None, T::write)
    }
    fn read(v: &Value) -> Option<Option<T>> {
        match v {
            Value::None => Some(None),
            v => T::read(v).map(Some),
        }
    }
}

/// Declares a rule: settings with defaults and PyTorch's names, setters, `state` and `load`.
macro_rules! schedule {
    (
        $(#[$doc:meta])*
        $name:ident ($($(#[$arg_doc:meta])* $arg:ident : $arg_ty:ty as $arg_name:literal),*)
        { $($(#[$field_doc:meta])* $field:ident : $ty:ty = $default:expr, as $field_name:literal;)* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $($(#[$arg_doc])* pub $arg: $arg_ty,)*
            $($(#[$field_doc])* pub $field: $ty,)*
        }

        impl $name {
            /// The rule with PyTorch's defaults.
            #[allow(clippy::new_without_default)]
            pub fn new($($arg: $arg_ty),*) -> $name {
                $name { $($arg,)* $($field: $default,)* }
            }

            $($(#[$field_doc])*
            pub fn $field(mut self, $field: $ty) -> $name {
                self.$field = $field;
                self
            })*

            fn saved(&self) -> $crate::optim::Entries {
                #[allow(unused_mut)]
                let mut e = $crate::optim::Entries::new();
                $(e.set($arg_name, $crate::optim::lr_scheduler::Setting::write(&self.$arg));)*
                $(e.set($field_name, $crate::optim::lr_scheduler::Setting::write(&self.$field));)*
                e
            }

            fn restored(&mut self, e: &$crate::optim::Entries) -> duoc_core::Result<()> {
                #[allow(unused_mut)]
                let mut next = self.clone();
                $($crate::optim::lr_scheduler::read_setting(e, $arg_name, &mut next.$arg)?;)*
                $($crate::optim::lr_scheduler::read_setting(e, $field_name, &mut next.$field)?;)*
                *self = next;
                Ok(())
            }
        }
    };
}
use schedule;

fn read_setting<T: Setting>(e: &Entries, name: &str, into: &mut T) -> Result<()> {
    if let Some(v) = e.get(name) {
        match T::read(v) {
            Some(x) => *into = x,
            None => bail!(Type, "the saved schedule's {name} is {v}, which is of another kind"),
        }
    }
    Ok(())
}

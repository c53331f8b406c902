//! The schedule that waits until a measure stops improving.

use super::{Group, Setting, per_group};
use crate::optim::{Entries, Optimizer, Value};
use duoc_core::{Result, ensure};

/// Times `factor` once the measure has not improved for more than `patience` epochs.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::Param;
/// use duoc_nn::optim::lr_scheduler::ReduceLROnPlateau;
/// use duoc_nn::optim::{Algorithm, SGD};
/// let mut optimizer = SGD::new(1.0).build([Param::new(Tensor::ones(&[2]))])?;
/// let mut schedule = ReduceLROnPlateau::new().factor(0.5).patience(1).start(&optimizer)?;
/// for loss in [3.0, 2.0, 2.0, 2.0, 2.0] {
///     schedule.step(&mut optimizer, loss)?;
/// }
/// assert_eq!(optimizer.lr(), 0.5);
/// # Ok::<(), duoc_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    mode: String,
    factor: f64,
    patience: i64,
    threshold: f64,
    threshold_mode: String,
    cooldown: i64,
    min_lr: Vec<f64>,
    eps: f64,
    best: f64,
    bad_epochs: i64,
    cooling: i64,
    last_epoch: i64,
    last_lr: Vec<f64>,
}

impl Default for ReduceLROnPlateau {
    fn default() -> ReduceLROnPlateau {
        ReduceLROnPlateau::new()
    }
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident : $ty:ty;)+) => {$(
        $(#[$doc])*
        pub fn $name(mut self, $name: $ty) -> ReduceLROnPlateau {
            self.$name = $name.into();
            self
        }
    )+};
}

impl ReduceLROnPlateau {
    /// PyTorch's defaults: smaller is better, a tenth after 10 epochs without improvement.
    pub fn new() -> ReduceLROnPlateau {
        ReduceLROnPlateau {
            mode: "min".into(),
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: "rel".into(),
            cooldown: 0,
            min_lr: vec![0.0],
            eps: 1e-8,
            best: f64::INFINITY,
            bad_epochs: 0,
            cooling: 0,
            last_epoch: 0,
            last_lr: Vec::new(),
        }
    }

    setters! {
        /// `min` if smaller is better, `max` if larger is.
        mode: &str;
        /// The factor, below 1.
        factor: f64;
        /// Epochs without improvement that are borne.
        patience: i64;
        /// What counts as an improvement.
        threshold: f64;
        /// `rel` if the threshold is a part of the best measure, `abs` if it is a difference.
        threshold_mode: &str;
        /// Epochs after a reduction in which nothing is counted.
        cooldown: i64;
        /// The smallest rate: one, or one a group.
        min_lr: Vec<f64>;
        /// The smallest change of a rate that is made.
        eps: f64;
    }

    /// Checks the settings against an optimiser and starts.
    ///
    /// # Errors
    /// `ValueError` for settings that make no sense.
    pub fn start(mut self, optimizer: &Optimizer) -> Result<ReduceLROnPlateau> {
        ensure!(self.factor < 1.0, Value, "Factor should be < 1.0.");
        self.sound()?;
        per_group("min_lrs", &self.min_lr, optimizer.groups().len())?;
        self.best = if self.mode == "min" {
            f64::INFINITY
        } else {
            f64::NEG_INFINITY
        };
        self.last_lr = optimizer.groups().iter().map(Group::lr).collect();
        Ok(self)
    }

    fn sound(&self) -> Result<()> {
        ensure!(
            matches!(self.mode.as_str(), "min" | "max"),
            Value,
            "mode {} is unknown!",
            self.mode
        );
        ensure!(
            matches!(self.threshold_mode.as_str(), "rel" | "abs"),
            Value,
            "threshold mode {} is unknown!",
            self.threshold_mode
        );
        Ok(())
    }

    fn is_better(&self, x: f64) -> bool {
        match (self.mode.as_str(), self.threshold_mode.as_str()) {
            ("min", "rel") => x < self.best * (1.0 - self.threshold),
            ("min", _) => x < self.best - self.threshold,
            (_, "rel") => x > self.best * (self.threshold + 1.0),
            _ => x > self.best + self.threshold,
        }
    }

    /// Counts an epoch with its measure (a loss, an accuracy) and lowers the rates where it is time.
    pub fn step(&mut self, optimizer: &mut Optimizer, measure: f64) -> Result<()> {
        let smallest = per_group("min_lrs", &self.min_lr, optimizer.groups().len())?;
        self.last_epoch = self.last_epoch.saturating_add(1);
        if self.is_better(measure) {
            self.best = measure;
            self.bad_epochs = 0;
        } else {
            self.bad_epochs = self.bad_epochs.saturating_add(1);
        }
        if self.cooling > 0 {
            self.cooling -= 1;
            self.bad_epochs = 0;
        }
        if self.bad_epochs > self.patience {
            for (g, least) in optimizer.groups_mut().iter_mut().zip(smallest) {
                let (old, new) = (g.lr(), (g.lr() * self.factor).max(least));
                if old - new > self.eps {
                    g.set_lr(new);
                }
            }
            self.cooling = self.cooldown;
            self.bad_epochs = 0;
        }
        self.last_lr = optimizer.groups().iter().map(Group::lr).collect();
        Ok(())
    }

    /// The rates after the last step.
    pub fn last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    /// The schedule as data, with PyTorch's names.
    pub fn state_dict(&self) -> Entries {
        let mut e = Entries::new();
        e.set("factor", self.factor);
        e.set("min_lrs", self.min_lr.write());
        e.set("patience", self.patience);
        e.set("cooldown", self.cooldown);
        e.set("eps", self.eps);
        e.set("last_epoch", self.last_epoch);
        e.set("_last_lr", self.last_lr.write());
        e.set("mode", self.mode.as_str());
        e.set("threshold", self.threshold);
        e.set("threshold_mode", self.threshold_mode.as_str());
        e.set("best", self.best);
        e.set("cooldown_counter", self.cooling);
        e.set("num_bad_epochs", self.bad_epochs);
        e
    }

    /// Goes on where the saved schedule was.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` if the data is not that of such a schedule. Nothing is changed then.
    pub fn load_state_dict(&mut self, saved: &Entries) -> Result<()> {
        let mut next = self.clone();
        macro_rules! read {
            ($($name:literal => $field:ident),+) => {
                $(super::read_setting(saved, $name, &mut next.$field)?;)+
            };
        }
        read!(
            "factor" => factor, "min_lrs" => min_lr, "patience" => patience, "cooldown" => cooldown, "eps" => eps,
            "last_epoch" => last_epoch, "_last_lr" => last_lr, "mode" => mode, "threshold" => threshold,
            "threshold_mode" => threshold_mode, "best" => best, "cooldown_counter" => cooling,
            "num_bad_epochs" => bad_epochs
        );
        next.sound()?;
        ensure!(
            matches!(saved.get("last_epoch"), Some(Value::Int(_) | Value::Float(_))),
            Key,
            "last_epoch is missing in the saved schedule"
        );
        *self = next;
        Ok(())
    }
}

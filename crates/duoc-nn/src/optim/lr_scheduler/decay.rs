//! Schedules that fall step by step, by powers, or along a line.

use super::{Entries, Epoch, Group, Optimizer, Rule, present, scaled, schedule};
use duoc_core::{Result, ensure};

schedule! {
    /// Times `gamma` every `step_size` epochs.
    StepLR(
        /// Epochs between two steps.
        step_size: i64 as "step_size"
    ) {
        /// The factor.
        gamma: f64 = 0.1, as "gamma";
    }
}

schedule! {
    /// Times `gamma` at each of the milestones; a milestone that is listed twice counts twice.
    MultiStepLR(
        /// Epochs at which the rate falls.
        milestones: Vec<i64> as "milestones"
    ) {
        /// The factor.
        gamma: f64 = 0.1, as "gamma";
    }
}

schedule! {
    /// Times `factor` for the first `total_iters` epochs.
    ConstantLR() {
        /// The factor, from 0 to 1.
        factor: f64 = 1.0 / 3.0, as "factor";
        /// Epochs until the rate is whole.
        total_iters: i64 = 5, as "total_iters";
    }
}

schedule! {
    /// From `start_factor` to `end_factor` along a line of `total_iters` epochs.
    LinearLR() {
        /// The first factor, above 0 and up to 1.
        start_factor: f64 = 1.0 / 3.0, as "start_factor";
        /// The last factor, from 0 to 1.
        end_factor: f64 = 1.0, as "end_factor";
        /// Epochs of the line.
        total_iters: i64 = 5, as "total_iters";
    }
}

schedule! {
    /// Times `gamma` every epoch.
    ExponentialLR(
        /// The factor.
        gamma: f64 as "gamma"
    ) {}
}

schedule! {
    /// `(1 - t / total_iters)^power` of the first rate.
    PolynomialLR() {
        /// Epochs until the rate is 0.
        total_iters: i64 = 5, as "total_iters";
        /// The power.
        power: f64 = 1.0, as "power";
    }
}

/// Base rates times a factor.
fn of_base(at: &Epoch, factor: f64) -> Option<Vec<f64>> {
    Some(at.base.iter().map(|b| b * factor).collect())
}

impl Rule for StepLR {
    fn name(&self) -> &'static str {
        "StepLR"
    }
    fn start(&mut self, _: &mut Optimizer, _: bool) -> Result<()> {
        ensure!(
            self.step_size > 0,
            Value,
            "step_size must be positive, but is {}",
            self.step_size
        );
        Ok(())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        Ok(match at.epoch == 0 || at.epoch % self.step_size != 0 {
            true => present(groups),
            false => scaled(groups, self.gamma),
        })
    }
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        of_base(at, self.gamma.powf((at.epoch / self.step_size) as f64))
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        let mut next = self.clone();
        next.restored(saved)?;
        ensure!(
            next.step_size > 0,
            Value,
            "step_size must be positive, but is {}",
            next.step_size
        );
        *self = next;
        Ok(())
    }
}

impl Rule for MultiStepLR {
    fn name(&self) -> &'static str {
        "MultiStepLR"
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        Ok(match self.milestones.iter().filter(|m| **m == at.epoch).count() {
            0 => present(groups),
            n => scaled(groups, self.gamma.powf(n as f64)),
        })
    }
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        let passed = self.milestones.iter().filter(|m| **m <= at.epoch).count();
        of_base(at, self.gamma.powf(passed as f64))
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

impl Rule for ConstantLR {
    fn name(&self) -> &'static str {
        "ConstantLR"
    }
    fn start(&mut self, _: &mut Optimizer, _: bool) -> Result<()> {
        ensure!(
            (0.0..=1.0).contains(&self.factor),
            Value,
            "Constant multiplicative factor expected to be between 0 and 1."
        );
        Ok(())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        Ok(if at.epoch == 0 {
            scaled(groups, self.factor)
        } else if at.epoch != self.total_iters {
            present(groups)
        } else {
            scaled(groups, 1.0 / self.factor)
        })
    }
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        let rest = if at.epoch >= self.total_iters {
            1.0 - self.factor
        } else {
            0.0
        };
        of_base(at, self.factor + rest)
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

impl Rule for LinearLR {
    fn name(&self) -> &'static str {
        "LinearLR"
    }
    fn start(&mut self, _: &mut Optimizer, _: bool) -> Result<()> {
        ensure!(
            self.start_factor > 0.0 && self.start_factor <= 1.0,
            Value,
            "Starting multiplicative factor expected to be greater than 0 and less or equal to 1."
        );
        ensure!(
            (0.0..=1.0).contains(&self.end_factor),
            Value,
            "Ending multiplicative factor expected to be between 0 and 1."
        );
        Ok(())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        if at.epoch == 0 {
            return Ok(scaled(groups, self.start_factor));
        }
        if at.initial || at.epoch > self.total_iters {
            return Ok(present(groups));
        }
        let rise = self.end_factor - self.start_factor;
        let last = self.total_iters as f64 * self.start_factor + (at.epoch - 1) as f64 * rise;
        Ok(scaled(groups, 1.0 + rise / last))
    }
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        let part = at.epoch.min(self.total_iters) as f64 / self.total_iters as f64;
        of_base(at, self.start_factor + (self.end_factor - self.start_factor) * part)
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

impl Rule for ExponentialLR {
    fn name(&self) -> &'static str {
        "ExponentialLR"
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        Ok(if at.initial {
            present(groups)
        } else {
            scaled(groups, self.gamma)
        })
    }
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        of_base(at, self.gamma.powf(at.epoch as f64))
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

impl Rule for PolynomialLR {
    fn name(&self) -> &'static str {
        "PolynomialLR"
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        if at.initial || at.epoch > self.total_iters {
            return Ok(present(groups));
        }
        let left = |epoch: i64| 1.0 - epoch as f64 / self.total_iters as f64;
        Ok(scaled(groups, (left(at.epoch) / left(at.epoch - 1)).powf(self.power)))
    }
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        let part = at.epoch.min(self.total_iters) as f64 / self.total_iters as f64;
        of_base(at, (1.0 - part).powf(self.power))
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

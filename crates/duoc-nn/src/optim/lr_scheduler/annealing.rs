//! Schedules along a cosine, and the approach to the rate of weight averaging.

use super::{Entries, Epoch, Group, Optimizer, Rule, per_group, present, schedule};
use duoc_core::{Result, ensure};
use std::f64::consts::PI;

schedule! {
    /// `eta_min + (base - eta_min)(1 + cos(pi t / T_max)) / 2` (I. Loshchilov, F. Hutter, 2017, without restarts).
    CosineAnnealingLR(
        /// Epochs from the largest to the smallest rate.
        t_max: i64 as "T_max"
    ) {
        /// The smallest rate.
        eta_min: f64 = 0.0, as "eta_min";
    }
}

schedule! {
    /// A cosine as of [`CosineAnnealingLR`] that begins anew after `T_0`, `T_0 T_mult`, `T_0 T_mult^2`, ... epochs
    /// (I. Loshchilov, F. Hutter, 2017).
    CosineAnnealingWarmRestarts(
        /// Epochs until the first restart.
        t_0: i64 as "T_0"
    ) {
        /// How much longer each run is than the one before.
        t_mult: i64 = 1, as "T_mult";
        /// The smallest rate.
        eta_min: f64 = 0.0, as "eta_min";
        /// Length of the present run; the schedule keeps it.
        t_i: i64 = 0, as "T_i";
        /// Epochs into the present run; the schedule keeps it.
        t_cur: i64 = -1, as "T_cur";
    }
}

schedule! {
    /// From the present rate to `swa_lr` in `anneal_epochs` epochs, for weight averaging (P. Izmailov et al., 2018).
    SWALR(
        /// The rate at which weights are averaged: one, or one a group.
        swa_lr: Vec<f64> as "swa_lr"
    ) {
        /// Epochs of the approach.
        anneal_epochs: i64 = 10, as "anneal_epochs";
        /// `cos` or `linear`.
        anneal_strategy: String = "cos".into(), as "_anneal_strategy";
    }
}

impl Rule for CosineAnnealingLR {
    fn name(&self) -> &'static str {
        "CosineAnnealingLR"
    }
    fn start(&mut self, _: &mut Optimizer, _: bool) -> Result<()> {
        ensure!(self.t_max > 0, Value, "T_max must be positive, but is {}", self.t_max);
        Ok(())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        if at.initial {
            return Ok(present(groups));
        }
        let (t, n) = (at.epoch as f64, self.t_max as f64);
        let each = |f: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
            groups.iter().zip(at.base).map(|(g, base)| f(g.lr(), *base)).collect()
        };
        Ok(if at.steps == 1 && at.epoch > 0 {
            each(&|_, base| self.eta_min + (base - self.eta_min) * (1.0 + (t * PI / n).cos()) / 2.0)
        } else if (t - 1.0 - n).rem_euclid(2.0 * n) == 0.0 {
            // At the bottom the recursion would divide by zero.
            each(&|lr, base| lr + (base - self.eta_min) * (1.0 - (PI / n).cos()) / 2.0)
        } else {
            let wave = |t: f64| 1.0 + (PI * t / n).cos();
            each(&|lr, _| wave(t) / wave(t - 1.0) * (lr - self.eta_min) + self.eta_min)
        })
    }
    fn closed_form(&self, at: &Epoch) -> Option<Vec<f64>> {
        let wave = 1.0 + (PI * at.epoch as f64 / self.t_max as f64).cos();
        let one = |base: &f64| self.eta_min + (base - self.eta_min) * wave / 2.0;
        Some(at.base.iter().map(one).collect())
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

impl Rule for CosineAnnealingWarmRestarts {
    fn name(&self) -> &'static str {
        "CosineAnnealingWarmRestarts"
    }
    fn start(&mut self, _: &mut Optimizer, _: bool) -> Result<()> {
        ensure!(
            self.t_0 > 0,
            Value,
            "Expected positive integer T_0, but got {}",
            self.t_0
        );
        ensure!(
            self.t_mult >= 1,
            Value,
            "Expected integer T_mult >= 1, but got {}",
            self.t_mult
        );
        self.t_i = self.t_0;
        Ok(())
    }
    fn advance(&mut self, epoch: i64) {
        if epoch == 0 {
            (self.t_cur, self.t_i) = (0, self.t_0);
            return;
        }
        self.t_cur = self.t_cur.saturating_add(1);
        if self.t_cur >= self.t_i {
            self.t_cur %= self.t_i.max(1);
            self.t_i = self.t_i.saturating_mul(self.t_mult);
        }
    }
    fn rates(&self, at: &Epoch, _: &mut [Group]) -> Result<Vec<f64>> {
        let wave = 1.0 + (PI * self.t_cur as f64 / self.t_i as f64).cos();
        let one = |base: &f64| self.eta_min + (base - self.eta_min) * wave / 2.0;
        Ok(at.base.iter().map(one).collect())
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        let mut next = self.clone();
        next.restored(saved)?;
        ensure!(
            next.t_0 > 0 && next.t_i > 0 && next.t_mult > 0,
            Value,
            "the saved schedule's T_0, T_i and T_mult must be positive"
        );
        *self = next;
        Ok(())
    }
}

impl SWALR {
    fn part(&self, t: f64) -> f64 {
        let t = t.clamp(0.0, 1.0);
        match self.anneal_strategy.as_str() {
            "linear" => t,
            _ => (1.0 - (PI * t).cos()) / 2.0,
        }
    }
}

impl Rule for SWALR {
    fn name(&self) -> &'static str {
        "SWALR"
    }
    fn start(&mut self, optimizer: &mut Optimizer, _: bool) -> Result<()> {
        ensure!(
            matches!(self.anneal_strategy.as_str(), "cos" | "linear"),
            Value,
            "anneal_strategy must be one of 'cos' or 'linear', instead got {}",
            self.anneal_strategy
        );
        ensure!(
            self.anneal_epochs >= 0,
            Value,
            "anneal_epochs must be equal or greater than 0, got {}",
            self.anneal_epochs
        );
        let rates = per_group("swa_lr", &self.swa_lr, optimizer.groups().len())?;
        for (g, lr) in optimizer.groups_mut().iter_mut().zip(rates) {
            g.options.set("swa_lr", lr);
        }
        Ok(())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        let mut step = at.steps - 1;
        if self.anneal_epochs == 0 {
            step = step.max(1);
        }
        let length = self.anneal_epochs.max(1) as f64;
        let (last, now) = (self.part((step - 1) as f64 / length), self.part(step as f64 / length));
        let one = |g: &Group| {
            let goal = g.options.number("swa_lr")?;
            let first = match last == 1.0 {
                true => goal,
                false => (g.lr() - last * goal) / (1.0 - last),
            };
            Ok(goal * now + first * (1.0 - now))
        };
        groups.iter().map(one).collect()
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

//! Schedules that rise and fall, momentum against the rate.

use super::{Entries, Epoch, Group, Optimizer, Rule, Value, per_group, schedule};
use duoc_core::{Result, ensure};
use std::f64::consts::PI;

schedule! {
    /// Between `base_lr` and `max_lr` in triangles (L. Smith, 2017); momentum (or beta1) runs the other way.
    CyclicLR(
        /// The lower rate: one, or one a group.
        base_lr: Vec<f64> as "base_lr",
        /// The upper rate.
        max_lr: Vec<f64> as "max_lr"
    ) {
        /// Steps of the rising side.
        step_size_up: i64 = 2000, as "step_size_up";
        /// Steps of the falling side; as the rising one if none.
        step_size_down: Option<i64> = None, as "step_size_down";
        /// `triangular`, `triangular2` (half as high every cycle) or `exp_range` (`gamma^step` as high).
        mode: String = "triangular".into(), as "mode";
        /// The base of `exp_range`.
        gamma: f64 = 1.0, as "gamma";
        /// Whether momentum cycles too.
        cycle_momentum: bool = true, as "cycle_momentum";
        /// The lower momentum.
        base_momentum: Vec<f64> = vec![0.8], as "base_momentum";
        /// The upper momentum.
        max_momentum: Vec<f64> = vec![0.9], as "max_momentum";
    }
}

schedule! {
    /// One cycle (L. Smith, N. Topin, 2018): from `max_lr / div_factor` up to `max_lr` and down to a `final_div_factor`th
    /// of the first rate; momentum (or beta1) runs the other way. Call it after each batch.
    OneCycleLR(
        /// The largest rate: one, or one a group.
        max_lr: Vec<f64> as "max_lr",
        /// Steps of the whole cycle.
        total_steps: i64 as "total_steps"
    ) {
        /// The rising part.
        pct_start: f64 = 0.3, as "pct_start";
        /// `cos` or `linear`.
        anneal_strategy: String = "cos".into(), as "_anneal_func_type";
        /// Whether momentum cycles too.
        cycle_momentum: bool = true, as "cycle_momentum";
        /// The lower momentum.
        base_momentum: Vec<f64> = vec![0.85], as "base_momentum";
        /// The upper momentum.
        max_momentum: Vec<f64> = vec![0.95], as "max_momentum";
        /// The largest rate over the first.
        div_factor: f64 = 25.0, as "div_factor";
        /// The first rate over the last.
        final_div_factor: f64 = 1e4, as "final_div_factor";
        /// Whether the rate falls to the first rate before it falls to the last.
        three_phase: bool = false, as "three_phase";
    }
}

fn set_momentum(g: &mut Group, momentum: f64) -> Result<()> {
    if g.options.get("betas").is_some() {
        let (_, beta2) = g.options.pair("betas")?;
        g.options.set("betas", (momentum, beta2));
    } else {
        g.options.set("momentum", momentum);
    }
    Ok(())
}

/// Puts the bounds of the momentum into the groups.
fn start_momentum(optimizer: &mut Optimizer, base: &[f64], max: &[f64], resumed: bool) -> Result<()> {
    let has = |name: &str| optimizer.defaults().get(name).is_some();
    ensure!(
        has("momentum") || has("betas"),
        Value,
        "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
    );
    let n = optimizer.groups().len();
    let (base, max) = (per_group("base_momentum", base, n)?, per_group("max_momentum", max, n)?);
    if !resumed {
        for ((g, base), max) in optimizer.groups_mut().iter_mut().zip(base).zip(max) {
            set_momentum(g, max)?;
            g.options.set("max_momentum", max);
            g.options.set("base_momentum", base);
        }
    }
    Ok(())
}

impl CyclicLR {
    fn sides(&self) -> (f64, f64) {
        let up = self.step_size_up as f64;
        (up, self.step_size_down.map_or(up, |d| d as f64))
    }

    fn sound(&self) -> Result<()> {
        let (up, down) = self.sides();
        ensure!(
            up > 0.0 && down >= 0.0,
            Value,
            "step_size_up must be positive and step_size_down not negative"
        );
        ensure!(
            matches!(self.mode.as_str(), "triangular" | "triangular2" | "exp_range"),
            Value,
            "mode is invalid and scale_fn is None"
        );
        Ok(())
    }
}

impl Rule for CyclicLR {
    fn name(&self) -> &'static str {
        "CyclicLR"
    }
    fn start(&mut self, optimizer: &mut Optimizer, resumed: bool) -> Result<()> {
        self.sound()?;
        let n = optimizer.groups().len();
        self.base_lr = per_group("base_lr", &self.base_lr, n)?;
        self.max_lr = per_group("max_lr", &self.max_lr, n)?;
        if !resumed {
            for (g, lr) in optimizer.groups_mut().iter_mut().zip(&self.base_lr) {
                g.set_lr(*lr);
            }
        }
        if self.cycle_momentum {
            self.base_momentum = per_group("base_momentum", &self.base_momentum, n)?;
            self.max_momentum = per_group("max_momentum", &self.max_momentum, n)?;
            start_momentum(optimizer, &self.base_momentum, &self.max_momentum, resumed)?;
        }
        Ok(())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        let (up, down) = self.sides();
        let (total, step) = (up + down, at.epoch as f64);
        let peak = up / total;
        let cycle = (1.0 + step / total).floor();
        let x = 1.0 + step / total - cycle;
        let height = if x <= peak { x / peak } else { (x - 1.0) / (peak - 1.0) };
        let scale = match self.mode.as_str() {
            "triangular2" => 1.0 / 2f64.powf(cycle - 1.0),
            "exp_range" => self.gamma.powf(step),
            _ => 1.0,
        };
        if self.cycle_momentum {
            for ((g, base), max) in groups.iter_mut().zip(&self.base_momentum).zip(&self.max_momentum) {
                set_momentum(g, max - (max - base) * height * scale)?;
            }
        }
        let bounds = self.base_lr.iter().zip(&self.max_lr);
        Ok(bounds.map(|(base, max)| base + (max - base) * height * scale).collect())
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        let mut next = self.clone();
        next.restored(saved)?;
        next.sound()?;
        let same = |a: &[f64], b: &[f64]| a.len() == b.len();
        ensure!(
            same(&next.base_lr, &self.base_lr)
                && same(&next.max_lr, &self.max_lr)
                && same(&next.base_momentum, &self.base_momentum)
                && same(&next.max_momentum, &self.max_momentum),
            Value,
            "the saved schedule has another number of parameter groups"
        );
        *self = next;
        Ok(())
    }
}

impl OneCycleLR {
    /// The ends of the phases, and what rates and momenta run between, by the names of the group's settings.
    fn phases(&self) -> Vec<(f64, [&'static str; 4])> {
        let total = self.total_steps as f64;
        let rise = (
            self.pct_start * total - 1.0,
            ["initial_lr", "max_lr", "max_momentum", "base_momentum"],
        );
        match self.three_phase {
            true => vec![
                rise,
                (
                    2.0 * self.pct_start * total - 2.0,
                    ["max_lr", "initial_lr", "base_momentum", "max_momentum"],
                ),
                (total - 1.0, ["initial_lr", "min_lr", "max_momentum", "max_momentum"]),
            ],
            false => vec![
                rise,
                (total - 1.0, ["max_lr", "min_lr", "base_momentum", "max_momentum"]),
            ],
        }
    }

    fn between(&self, from: f64, to: f64, part: f64) -> f64 {
        match self.anneal_strategy.as_str() {
            "linear" => (to - from) * part + from,
            _ => to + (from - to) / 2.0 * ((PI * part).cos() + 1.0),
        }
    }
}

impl Rule for OneCycleLR {
    fn name(&self) -> &'static str {
        "OneCycleLR"
    }
    fn start(&mut self, optimizer: &mut Optimizer, resumed: bool) -> Result<()> {
        ensure!(
            self.total_steps > 0,
            Value,
            "Expected positive integer total_steps, but got {}",
            self.total_steps
        );
        ensure!(
            (0.0..=1.0).contains(&self.pct_start),
            Value,
            "Expected float between 0 and 1 pct_start, but got {}",
            Value::Float(self.pct_start)
        );
        ensure!(
            matches!(self.anneal_strategy.as_str(), "cos" | "linear"),
            Value,
            "anneal_strategy must be one of 'cos' or 'linear', instead got {}",
            self.anneal_strategy
        );
        let rates = per_group("max_lr", &self.max_lr, optimizer.groups().len())?;
        if !resumed {
            for (g, max) in optimizer.groups_mut().iter_mut().zip(rates) {
                let first = max / self.div_factor;
                g.options.set("initial_lr", first);
                g.options.set("max_lr", max);
                g.options.set("min_lr", first / self.final_div_factor);
            }
        }
        if self.cycle_momentum {
            start_momentum(optimizer, &self.base_momentum, &self.max_momentum, resumed)?;
        }
        Ok(())
    }
    fn rates(&self, at: &Epoch, groups: &mut [Group]) -> Result<Vec<f64>> {
        ensure!(
            at.epoch <= self.total_steps,
            Value,
            "Tried to step {} times. The specified number of total steps is {}",
            at.epoch,
            self.total_steps
        );
        let step = at.epoch as f64;
        let phases = self.phases();
        let here = phases
            .iter()
            .position(|(end, _)| step <= *end)
            .unwrap_or(phases.len() - 1);
        let (end, names) = phases[here];
        let begin = if here == 0 { 0.0 } else { phases[here - 1].0 };
        let part = (step - begin) / (end - begin);
        let mut rates = Vec::with_capacity(groups.len());
        for g in groups.iter_mut() {
            let value = |k: usize| g.options.number(names[k]);
            rates.push(self.between(value(0)?, value(1)?, part));
            if self.cycle_momentum {
                let momentum = self.between(value(2)?, value(3)?, part);
                set_momentum(g, momentum)?;
            }
        }
        Ok(rates)
    }
    fn state(&self) -> Entries {
        self.saved()
    }
    fn load(&mut self, saved: &Entries) -> Result<()> {
        self.restored(saved)
    }
}

//! Schedules made of schedules.

use super::{Group, Kind, LRScheduler};
use crate::optim::Optimizer;
use duoc_core::{Result, ensure};

/// One schedule after the other, changing at milestones.
pub struct SequentialLR;

/// Several schedules at once: each scales what the one before it left.
pub struct ChainedScheduler;

impl SequentialLR {
    /// `schedulers[0]` until epoch `milestones[0]`, then `schedulers[1]`, and so on. All have been built on `optimizer`.
    ///
    /// # Errors
    /// `ValueError` unless there is one milestone fewer than schedules.
    pub fn build(
        mut schedulers: Vec<LRScheduler>,
        milestones: Vec<i64>,
        optimizer: &mut Optimizer,
    ) -> Result<LRScheduler> {
        ensure!(
            !schedulers.is_empty(),
            Value,
            "SequentialLR expects at least one scheduler, but got no scheduler."
        );
        ensure!(
            milestones.len() + 1 == schedulers.len(),
            Value,
            "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, but got number of schedulers {} and the number of milestones to be equal to {}",
            schedulers.len(),
            milestones.len()
        );
        for g in optimizer.groups_mut() {
            let lr = g.options.number("initial_lr")?;
            g.set_lr(lr);
        }
        // Each has counted its start; only the first has started now.
        schedulers.iter_mut().for_each(LRScheduler::undo);
        let first = milestones.partition_point(|m| *m <= 0);
        schedulers[first].initial_step(optimizer)?;
        let last_lr = schedulers[first].last_lr.clone();
        Ok(LRScheduler {
            kind: Kind::Sequential(schedulers, milestones),
            base: Vec::new(),
            last_epoch: 0,
            steps: 0,
            last_lr,
        })
    }
}

impl ChainedScheduler {
    /// All of the schedules, each step in this order. All have been built on `optimizer`.
    ///
    /// # Errors
    /// `ValueError` without schedules.
    pub fn build(schedulers: Vec<LRScheduler>, optimizer: &Optimizer) -> Result<LRScheduler> {
        ensure!(
            !schedulers.is_empty(),
            Value,
            "ChainedScheduler expects at least one scheduler to be chained, but got no scheduler."
        );
        Ok(LRScheduler {
            kind: Kind::Chained(schedulers),
            base: Vec::new(),
            last_epoch: 0,
            steps: 0,
            last_lr: optimizer.groups().iter().map(Group::lr).collect(),
        })
    }
}

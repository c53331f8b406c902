//! The training loop: batches, loss, gradients, step; measured, shown, and saved so that it can go on after a kill.
//!
//! Everything that the next step depends on is in the checkpoint: parameters, the optimiser's and the schedule's memory, the
//! random state, the loader's position and the sums of the epoch. A resumed run therefore writes the same numbers as one
//! that was never stopped.

use crate::{Checkpoint, Metrics};
use duoc_core::autograd::no_grad;
use duoc_core::{DType, Result, Tensor, bail, catch, ensure, ops};
use duoc_data::{DataLoader, Dataset, LoaderState};
use duoc_io::{Dict, Object};
use duoc_nn::optim::Optimizer;
use duoc_nn::optim::lr_scheduler::LRScheduler;
use duoc_nn::{Layer, Module, clip_grad_norm_};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A model that makes scores of a batch.
pub trait Net: Send {
    /// The model.
    fn module(&self) -> &dyn Module;
    /// The model, to be changed.
    fn module_mut(&mut self) -> &mut dyn Module;
    /// Scores of a batch of inputs.
    fn scores(&self, x: &Tensor) -> Result<Tensor>;
}

impl<L: Layer> Net for L {
    fn module(&self) -> &dyn Module {
        self.as_module()
    }
    fn module_mut(&mut self) -> &mut dyn Module {
        self.as_module_mut()
    }
    fn scores(&self, x: &Tensor) -> Result<Tensor> {
        self.try_forward(x)
    }
}

/// Batches of inputs with their targets, epoch after epoch.
pub trait Batches: Send {
    /// Batches of an epoch.
    fn count(&self) -> usize;
    /// The next epoch, or the rest of the one that [`Batches::set_position`] has set.
    fn epoch(&self) -> Box<dyn Iterator<Item = Result<[Tensor; 2]>> + '_>;
    /// Where the latest epoch is.
    fn position(&self) -> Result<LoaderState>;
    /// Goes on from a position.
    fn set_position(&self, state: &LoaderState) -> Result<()>;
}

impl<D: Dataset> Batches for DataLoader<D, [Tensor; 2]> {
    fn count(&self) -> usize {
        self.len()
    }
    fn epoch(&self) -> Box<dyn Iterator<Item = Result<[Tensor; 2]>> + '_> {
        Box::new(self.iter())
    }
    fn position(&self) -> Result<LoaderState> {
        self.state_dict()
    }
    fn set_position(&self, state: &LoaderState) -> Result<()> {
        self.load_state_dict(state)
    }
}

/// What the scores are to be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// The class of each sample: scores `(n, classes)`, cross entropy, accuracy.
    Classes,
    /// The next token at each place: scores `(n, t, tokens)`, cross entropy, accuracy.
    Tokens,
    /// Numbers: mean squared error.
    Numbers,
}

/// A loss and what is counted beside it.
struct Outcome {
    loss: Tensor,
    /// Predictions that are right, where there are classes.
    right: f64,
    /// Predictions.
    count: f64,
}

impl Goal {
    fn judge(self, scores: &Tensor, target: &Tensor) -> Result<Outcome> {
        if self == Goal::Numbers {
            ensure!(
                scores.numel() == target.numel(),
                Value,
                "the model gives numbers of shape {:?} for targets of shape {:?}",
                scores.shape(),
                target.shape()
            );
            let loss = catch(|| scores.reshape(&[-1]).mse_loss(&target.reshape(&[-1])))?;
            return Ok(Outcome {
                loss,
                right: 0.0,
                count: target.numel() as f64,
            });
        }
        let classes = scores.shape().last().copied().unwrap_or(1) as i64;
        let rows = catch(|| scores.reshape(&[-1, classes]))?;
        let flat = catch(|| target.reshape(&[-1]))?;
        let loss = ops::nll::cross_entropy_loss(&rows, &flat, None, 1, -100, 0.0)?;
        let right = no_grad(|| catch(|| rows.argmax(1).eq(&flat).sum().item().to_f64()))?;
        Ok(Outcome {
            loss,
            right,
            count: flat.numel() as f64,
        })
    }

    fn has_accuracy(self) -> bool {
        self != Goal::Numbers
    }
}

/// Sums over the batches of an epoch.
#[derive(Clone, Copy, Default)]
struct Sums {
    loss: f64,
    right: f64,
    count: f64,
}

impl Sums {
    fn add(&mut self, loss: f64, right: f64, count: f64) {
        self.loss += loss * count;
        self.right += right;
        self.count += count;
    }
}

/// How far a run is, for whoever shows it.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The epoch, from 1.
    pub epoch: i64,
    /// Steps so far, and in the whole run.
    pub step: i64,
    /// All steps of the run.
    pub steps: i64,
    /// Mean loss of this epoch so far.
    pub loss: f64,
    /// Part of this epoch's predictions that were right.
    pub accuracy: Option<f64>,
    /// Samples (or tokens) a second since the run (or its rest) began.
    pub rate: f64,
    /// The learning rate of the first group.
    pub lr: f64,
}

/// What an epoch came to.
#[derive(Clone, Debug)]
pub struct EpochReport {
    /// How far the run is.
    pub progress: Progress,
    /// Loss on the data held out.
    pub test_loss: Option<f64>,
    /// Accuracy on the data held out.
    pub test_accuracy: Option<f64>,
}

/// Shows a run while it goes.
pub trait Watch {
    /// After each step.
    fn step(&mut self, progress: &Progress);
    /// After each epoch.
    fn epoch(&mut self, report: &EpochReport);
}

/// A run: what is trained on what, and where its files go.
pub struct Run {
    /// The model.
    pub net: Box<dyn Net>,
    /// What its scores are to be.
    pub goal: Goal,
    /// The optimiser over its parameters.
    pub optimizer: Optimizer,
    /// A schedule that steps after every batch.
    pub schedule: Option<LRScheduler>,
    /// The batches to learn from.
    pub train: Box<dyn Batches>,
    /// The batches to be judged by.
    pub test: Option<Box<dyn Batches>>,
    /// Epochs.
    pub epochs: i64,
    /// Most steps, if the run is to end within an epoch.
    pub max_steps: Option<i64>,
    /// Steps between checkpoints, beside those at the end of each epoch.
    pub save_every: Option<i64>,
    /// The largest norm of all gradients together.
    pub clip: Option<f64>,
    /// Where checkpoints, metrics and curves go.
    pub dir: PathBuf,
    /// What the program that made the run must remember to make it again.
    pub config: Dict,
}

/// What must be remembered besides the parts that save themselves.
#[derive(Clone, Copy, Default)]
struct Clock {
    step: i64,
    epoch: i64,
    sums: Sums,
    best: Option<f64>,
}

impl Run {
    /// Trains from the beginning.
    ///
    /// # Errors
    /// What the data, the model or the disk give; `RuntimeError` if the loss is no longer a number.
    pub fn start(&mut self, watch: &mut dyn Watch) -> Result<Clocked> {
        let metrics = Metrics::create(&self.dir)?;
        self.go(Clock::default(), metrics, watch)
    }

    /// Goes on from the run's last checkpoint.
    ///
    /// # Errors
    /// As [`Run::start`], and if the checkpoint is not that of such a run.
    pub fn resume(&mut self, watch: &mut dyn Watch) -> Result<Clocked> {
        let path = self.dir.join(LAST);
        let saved = Checkpoint::load(&path)?;
        let clock = self.restore(&saved).map_err(|e| e.at(path.display()))?;
        let metrics = Metrics::resume(&self.dir, clock.step)?;
        self.go(clock, metrics, watch)
    }

    fn restore(&mut self, saved: &Checkpoint) -> Result<Clock> {
        let Some(progress) = saved.extra.get("progress") else {
            bail!(Key, "no entry \"progress\": this is no checkpoint of a run");
        };
        let number = |name: &str| progress.get(name)?.float();
        let clock = Clock {
            step: progress.get("step")?.int()?,
            epoch: progress.get("epoch")?.int()?,
            sums: Sums {
                loss: number("loss_sum")?,
                right: number("right")?,
                count: number("count")?,
            },
            best: match progress.get("best")? {
                Object::None => None,
                best => Some(best.float()?),
            },
        };
        let loader = progress.get("loader")?;
        let position = LoaderState::from_tensors([
            ("position", loader.get("position")?.tensor()?),
            ("generator", loader.get("generator")?.tensor()?),
        ])?;
        saved.restore(self.net.module(), &mut self.optimizer, self.schedule.as_mut())?;
        self.train.set_position(&position)?;
        Ok(clock)
    }

    fn save(&self, name: &str, clock: &Clock) -> Result<()> {
        let mut c = Checkpoint::take(self.net.module(), &self.optimizer, self.schedule.as_ref())?;
        let loader: Dict = self.train.position()?.tensors()?.into_iter().collect();
        let progress = Dict::from_iter([
            ("step", Object::from(clock.step)),
            ("epoch", clock.epoch.into()),
            ("loss_sum", clock.sums.loss.into()),
            ("right", clock.sums.right.into()),
            ("count", clock.sums.count.into()),
            ("best", clock.best.into()),
            ("loader", loader.into()),
        ]);
        c.extra.insert("progress", progress);
        c.extra.insert("config", self.config.clone());
        c.save(self.dir.join(name))
    }

    /// All steps of the run.
    fn steps(&self) -> i64 {
        let all = self.epochs.saturating_mul(self.train.count() as i64);
        self.max_steps.map_or(all, |m| m.min(all))
    }

    fn go(&mut self, mut clock: Clock, mut metrics: Metrics, watch: &mut dyn Watch) -> Result<Clocked> {
        ensure!(self.train.count() > 0, Value, "there are no batches to learn from");
        let (begun, steps, first) = (Instant::now(), self.steps(), clock.step);
        let mut samples = 0.0;
        while clock.step < steps {
            self.net.module_mut().set_mode(true);
            let epoch = self.train.epoch();
            for batch in epoch {
                let [x, y] = batch?;
                let done = one_step(&*self.net, self.goal, &mut self.optimizer, self.clip, &x, &y)?;
                clock.step += 1;
                ensure!(
                    done.0.is_finite(),
                    Runtime,
                    "the loss is {} at step {}: try a smaller learning rate or --clip. The last checkpoint is in {}",
                    done.0,
                    clock.step,
                    self.dir.display()
                );
                clock.sums.add(done.0, done.1, done.2);
                samples += done.2;
                metrics.add(clock.step, clock.epoch, "train/loss", done.0)?;
                if let Some(s) = &mut self.schedule {
                    s.step(&mut self.optimizer)?;
                }
                let seconds = begun.elapsed().as_secs_f64();
                watch.step(&progress(
                    &clock,
                    steps,
                    self.goal,
                    samples / seconds.max(1e-9),
                    self.optimizer.lr(),
                ));
                if self.save_every.is_some_and(|n| n > 0 && clock.step % n == 0) {
                    metrics.flush()?;
                    self.save(LAST, &clock)?;
                }
                if clock.step >= steps {
                    break;
                }
            }
            let seconds = begun.elapsed().as_secs_f64();
            let shown = progress(
                &clock,
                steps,
                self.goal,
                samples / seconds.max(1e-9),
                self.optimizer.lr(),
            );
            self.close_epoch(&mut clock, &mut metrics, shown, watch)?;
        }
        if clock.step == first && first < steps {
            bail!(Runtime, "the data gave no batches");
        }
        metrics.flush()?;
        metrics.draw(
            &self
                .dir
                .file_name()
                .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        )?;
        Ok(Clocked {
            steps: clock.step,
            best: clock.best,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    fn close_epoch(
        &mut self,
        clock: &mut Clock,
        metrics: &mut Metrics,
        shown: Progress,
        watch: &mut dyn Watch,
    ) -> Result<()> {
        clock.epoch += 1;
        if let Some(a) = shown.accuracy {
            metrics.add(clock.step, clock.epoch, "train/accuracy", a)?;
        }
        metrics.add(clock.step, clock.epoch, "train/lr", shown.lr)?;
        let mut report = EpochReport {
            progress: shown,
            test_loss: None,
            test_accuracy: None,
        };
        let mut better = false;
        if let Some(test) = &self.test {
            let sums = evaluate(&mut *self.net, self.goal, &**test)?;
            let loss = sums.loss / sums.count.max(1.0);
            report.test_loss = Some(loss);
            metrics.add(clock.step, clock.epoch, "test/loss", loss)?;
            let mut measure = -loss;
            if self.goal.has_accuracy() {
                let a = sums.right / sums.count.max(1.0);
                report.test_accuracy = Some(a);
                metrics.add(clock.step, clock.epoch, "test/accuracy", a)?;
                measure = a;
            }
            better = clock.best.is_none_or(|b| measure > b);
            if better {
                clock.best = Some(measure);
            }
        }
        clock.sums = Sums::default();
        metrics.flush()?;
        self.save(LAST, clock)?;
        if better {
            self.save(BEST, clock)?;
        }
        watch.epoch(&report);
        Ok(())
    }
}

/// The checkpoint that a run goes on from.
pub const LAST: &str = "last.pt";
/// The checkpoint of the epoch that did best on the data held out.
pub const BEST: &str = "best.pt";

/// What a run came to.
#[derive(Clone, Copy, Debug)]
pub struct Clocked {
    /// Steps in all.
    pub steps: i64,
    /// The best accuracy on the data held out, or the smallest loss there, negated.
    pub best: Option<f64>,
    /// Seconds of this part of the run.
    pub seconds: f64,
}

fn progress(clock: &Clock, steps: i64, goal: Goal, rate: f64, lr: f64) -> Progress {
    let count = clock.sums.count.max(1.0);
    Progress {
        epoch: clock.epoch + 1,
        step: clock.step,
        steps,
        loss: clock.sums.loss / count,
        accuracy: goal.has_accuracy().then_some(clock.sums.right / count),
        rate,
        lr,
    }
}

/// Loss, right predictions and all predictions of one step.
fn one_step(
    net: &dyn Net,
    goal: Goal,
    optimizer: &mut Optimizer,
    clip: Option<f64>,
    x: &Tensor,
    y: &Tensor,
) -> Result<(f64, f64, f64)> {
    optimizer.zero_grad();
    let outcome = goal.judge(&net.scores(x)?, y)?;
    outcome.loss.backward()?;
    if let Some(norm) = clip {
        clip_grad_norm_(&net.module().parameters(), norm, 2.0, false)?;
    }
    optimizer.step()?;
    let loss = catch(|| outcome.loss.to_dtype(DType::F64).item().to_f64())?;
    Ok((loss, outcome.right, outcome.count))
}

fn evaluate(net: &mut dyn Net, goal: Goal, data: &dyn Batches) -> Result<Sums> {
    let was = net.module().training();
    net.module_mut().set_mode(false);
    let mut sums = Sums::default();
    let all = no_grad(|| -> Result<()> {
        for batch in data.epoch() {
            let [x, y] = batch?;
            let o = goal.judge(&net.scores(&x)?, &y)?;
            sums.add(catch(|| o.loss.to_dtype(DType::F64).item().to_f64())?, o.right, o.count);
        }
        Ok(())
    });
    net.module_mut().set_mode(was);
    all.map(|()| sums)
}

/// The configuration that a run's checkpoint remembers.
///
/// # Errors
/// `OSError` if there is no such checkpoint, `KeyError` if it is none of a run.
pub fn config_of(path: &Path) -> Result<(Checkpoint, Dict)> {
    let c = Checkpoint::load(path)?;
    let config = match c.extra.get("config") {
        Some(o) => o.dict()?.clone(),
        None => bail!(
            Key,
            "{}: no entry \"config\": this is no checkpoint of a run",
            path.display()
        ),
    };
    Ok((c, config))
}

//! `duoc train` and `duoc predict`.

pub mod config;
mod data;
mod nets;
mod predict;
mod show;

pub use predict::{command as predict_command, run as predict};

use clap::ArgMatches;
use config::Config;
use data::Data;
use duoc::io::{Object, save_safetensors};
use duoc::nn::Summary;
use duoc::nn::optim::lr_scheduler::{CosineAnnealingLR, LRScheduler, OneCycleLR, Rule};
use duoc::nn::optim::{Entries, Optimizer, by_name};
use duoc::train::fit::{BEST, LAST, Run, config_of};
use duoc::{DType, Result, Tensor, ensure};
use show::Show;
use std::path::{Path, PathBuf};

/// Trains, from the beginning or from a checkpoint.
pub fn run(m: &ArgMatches) -> Result<()> {
    let resumed = m.get_one::<PathBuf>("resume");
    let (config, dir) = match resumed {
        Some(dir) => {
            let (_, saved) = config_of(&dir.join(LAST))?;
            let mut config = Config::from_dict(&saved)?;
            // A finished run goes on when it is given more to do.
            if let Some(n) = m.get_one::<i64>("epochs") {
                config.epochs = *n;
            }
            (config, dir.clone())
        }
        None => {
            let config = Config::new(m)?;
            let usual = || PathBuf::from("runs").join(format!("{}-{}", config.model, config.data));
            let dir = m.get_one::<PathBuf>("run").cloned().unwrap_or_else(usual);
            (config, dir)
        }
    };
    duoc::manual_seed(config.seed as u64);
    let data = data::load(&config)?;
    let mut run = build(&config, data, &dir)?;
    let parameters = run.net.module().num_parameters();
    println!(
        "{} on {}: {parameters} parameters, {} batches of {} an epoch, {} epochs, {} with {}",
        config.model,
        config.data,
        run.train.count(),
        config.batch_size,
        config.epochs,
        run.optimizer.name(),
        run.optimizer.lr()
    );
    let steps = config.epochs.saturating_mul(run.train.count() as i64);
    let mut show = Show::new(steps.max(0) as u64, 0);
    let done = match resumed {
        Some(_) => run.resume(&mut show),
        None => run.start(&mut show),
    };
    show.finish();
    let done = done?;
    save_weights(&run, &dir)?;
    println!(
        "{} steps in {:.1} s; everything is in {}",
        done.steps,
        done.seconds,
        dir.display()
    );
    Ok(())
}

/// The run of a configuration, with fresh parameters.
fn build(config: &Config, data: Data, dir: &Path) -> Result<Run> {
    let net = nets::build(config, &data.about)?;
    let mut optimizer = optimizer(config, &*net)?;
    let schedule = schedule(config, &mut optimizer, data.train.count())?;
    let mut kept = config.to_dict();
    kept.insert("about", data.about.to_dict());
    Ok(Run {
        net,
        goal: data.about.goal,
        optimizer,
        schedule,
        train: data.train,
        test: Some(data.test),
        epochs: config.epochs,
        max_steps: config.max_steps,
        save_every: config.save_every,
        clip: config.clip,
        dir: dir.into(),
        config: kept,
    })
}

fn optimizer(c: &Config, net: &dyn duoc::train::Net) -> Result<Optimizer> {
    let mut settings: Entries = [("lr", c.lr)].into_iter().collect();
    let known = by_name(&c.optimizer, &Entries::new())?.defaults();
    if known.get("weight_decay").is_some() {
        settings.set("weight_decay", c.weight_decay);
    }
    if known.get("momentum").is_some() {
        settings.set("momentum", c.momentum);
    }
    let algorithm = by_name(&c.optimizer, &settings)?;
    ensure!(
        !algorithm.needs_closure(),
        Value,
        "{} is for full batches; choose another optimizer for a training run",
        algorithm.name()
    );
    Optimizer::new(algorithm, net.module().parameters())
}

fn schedule(c: &Config, o: &mut Optimizer, batches: usize) -> Result<Option<LRScheduler>> {
    let steps = c.epochs.saturating_mul(batches as i64).max(1);
    let steps = c.max_steps.map_or(steps, |m| m.min(steps));
    Ok(match c.schedule.as_str() {
        "cosine" => Some(CosineAnnealingLR::new(steps).build(o)?),
        "onecycle" => {
            let cycles = o.defaults().get("momentum").is_some() || o.defaults().get("betas").is_some();
            Some(OneCycleLR::new(vec![c.lr], steps).cycle_momentum(cycles).build(o)?)
        }
        _ => None,
    })
}

/// The weights alone, for other programs: those of the best epoch where one was judged.
fn save_weights(run: &Run, dir: &Path) -> Result<()> {
    let best = dir.join(BEST);
    let state = match best.exists() {
        true => duoc::train::Checkpoint::load(&best)?.model,
        false => run.net.module().state_dict(),
    };
    save_safetensors(dir.join("model.safetensors"), state.iter(), &[("format", "pt")])
}

/// The model and what is known of its data, from a run's folder.
fn load(dir: &Path) -> Result<(Config, data::About, Box<dyn duoc::train::Net>)> {
    let best = dir.join(BEST);
    let path = if best.exists() { best } else { dir.join(LAST) };
    let (checkpoint, saved) = config_of(&path)?;
    let config = Config::from_dict(&saved)?;
    let about = data::About::from_object(Object::from(saved).get("about")?)?;
    let mut net = nets::build(&config, &about)?;
    net.module().load_state_dict(&checkpoint.model, true)?;
    net.module_mut().set_mode(false);
    Ok((config, about, net))
}

/// The table of a trained model, for inputs of the given shape or of those it was trained with.
pub fn summary_of(dir: &Path, given: Option<Vec<i64>>) -> Result<Summary> {
    let (config, about, net) = load(dir)?;
    let (shape, dtype) = match about.shape {
        data::Shape::Image {
            channels,
            rows,
            columns,
        } => (vec![1, channels as i64, rows as i64, columns as i64], DType::F32),
        data::Shape::Features(n) => (vec![1, n as i64], DType::F32),
        data::Shape::Tokens => (vec![1, config.context], DType::I64),
    };
    let shape = given.unwrap_or(shape);
    let x = duoc::catch(|| Tensor::options().dtype(dtype).zeros(&shape))?;
    duoc::nn::summarize_module(net.module(), || net.scores(&x))
}

//! A run that is killed and goes on ends with the bytes of one that was not.

use duoc_core::random::manual_seed;
use duoc_core::{Result, Tensor};
use duoc_nn::optim::lr_scheduler::{LRScheduler, OneCycleLR, Rule};
use duoc_nn::optim::{Adam, Algorithm, Optimizer};
use duoc_nn::{Layer, Linear, Module};
use duoc_train::Checkpoint;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Module)]
struct Net {
    fc1: Linear,
    fc2: Linear,
}

impl Layer for Net {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = self.fc1.try_forward(x)?.relu().dropout(0.25, self.training());
        self.fc2.try_forward(&hidden)
    }
}

struct Run {
    net: Net,
    optimizer: Optimizer,
    schedule: LRScheduler,
    step: i64,
}

impl Run {
    fn new() -> Run {
        manual_seed(7);
        let net = Net {
            fc1: Linear::new(6, 16),
            fc2: Linear::new(16, 3),
        };
        let mut optimizer = Adam::new(1e-2).amsgrad(true).build(net.parameters()).unwrap();
        let schedule = OneCycleLR::new(vec![0.05], 100).build(&mut optimizer).unwrap();
        Run {
            net,
            optimizer,
            schedule,
            step: 0,
        }
    }

    /// Batch and dropout are drawn from the default generator: its state is a part of the run.
    fn step(&mut self) -> Result<()> {
        let (x, y) = (Tensor::randn(&[8, 6]), Tensor::randn(&[8, 3]));
        let d = self.net.forward(&x) - y;
        self.optimizer.zero_grad();
        (&d * &d).mean().backward()?;
        self.optimizer.step()?;
        self.schedule.step(&mut self.optimizer)?;
        self.step += 1;
        Ok(())
    }

    fn save(&self, path: &Path) -> Result<()> {
        let mut c = Checkpoint::take(&self.net, &self.optimizer, Some(&self.schedule))?;
        c.extra.insert("step", self.step);
        c.save(path)
    }

    fn resume(path: &Path) -> Result<Run> {
        let mut run = Run::new();
        let c = Checkpoint::load(path)?;
        c.restore(&run.net, &mut run.optimizer, Some(&mut run.schedule))?;
        run.step = c.extra.get("step").map_or(Ok(0), |s| s.int())?;
        Ok(run)
    }

    /// Every byte that matters: parameters and the optimiser's memory.
    fn bytes(&self) -> Vec<u8> {
        // The file's name is in the archive, and so the same for all.
        let path = temporary("bytes");
        self.save(&path).unwrap();
        let c = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        c
    }
}

/// The default generator belongs to the whole process: runs that are compared take turns.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn temporary(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.pt", std::process::id()))
}

/// Not a test of its own: the process that is killed. It saves after 50 steps and then trains on without end.
#[test]
fn child_trains_until_killed() {
    let Some(path) = std::env::var_os("DUOC_TEST_CHECKPOINT") else {
        return;
    };
    let mut run = match Path::new(&path).exists() {
        true => Run::resume(path.as_ref()).unwrap(),
        false => Run::new(),
    };
    while run.step < 50 {
        run.step().unwrap();
    }
    run.save(path.as_ref()).unwrap();
    println!("saved");
    loop {
        run.step().unwrap();
    }
}

#[test]
fn fifty_steps_a_kill_and_fifty_more_are_a_hundred_steps() {
    let _turn = turn();
    let mut whole = Run::new();
    while whole.step < 100 {
        whole.step().unwrap();
    }
    let path = temporary("killed");
    let _ = std::fs::remove_file(&path);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["checkpoint::child_trains_until_killed", "--exact", "--nocapture"])
        .env("DUOC_TEST_CHECKPOINT", &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(child.stdout.take().unwrap());
    let saved = std::io::BufRead::lines(out)
        .map_while(std::result::Result::ok)
        .any(|l| l.contains("saved"));
    assert!(saved, "the child ended without saving");
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = Run::resume(&path).unwrap();
    assert_eq!(rest.step, 50);
    while rest.step < 100 {
        rest.step().unwrap();
    }
    let (a, b) = (rest.bytes(), whole.bytes());
    let at = a.iter().zip(&b).position(|(x, y)| x != y);
    assert!(a == b, "the bytes differ: {} and {}, first at {at:?}", a.len(), b.len());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let _turn = turn();
    let mut run = Run::new();
    run.step().unwrap();
    let path = temporary("other");
    run.save(&path).unwrap();
    let c = Checkpoint::load(&path).unwrap();
    let other = Linear::new(2, 2);
    let mut optimizer = Adam::new(1e-2).build(other.parameters()).unwrap();
    assert!(
        c.restore(&other, &mut optimizer, None)
            .unwrap_err()
            .message()
            .contains("has a schedule")
    );
    let mut schedule = OneCycleLR::new(vec![0.05], 100).build(&mut optimizer).unwrap();
    let e = c.restore(&other, &mut optimizer, Some(&mut schedule)).unwrap_err();
    assert!(e.message().contains("fc1.weight"), "{e}");
    std::fs::write(&path, b"not a checkpoint").unwrap();
    assert!(Checkpoint::load(&path).is_err());
    std::fs::remove_file(&path).unwrap();
}

//! The second half of the tour: a network of two layers learns to read handwritten digits, from tensors and gradients alone.
//!
//! Nothing here is a library of layers: the weights are four tensors, the loss is written out, and the optimiser is three
//! lines. What each part computes stands beside it, so that it can be read as a lesson.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use console::style;
use duoc::Result;
use duoc::autograd;
use duoc::prelude::*;
use duoc_data::digits;
use indicatif::{ProgressBar, ProgressStyle};

use duoc::train::curve;

/// Images that are held out: the network is judged by them and never sees them before.
const HELD_OUT: usize = 360;
const PIXELS: i64 = 64;
const HIDDEN: i64 = 128;
const CLASSES: i64 = 10;
const EPOCHS: usize = 40;
const BATCH: usize = 64;
const RATE: f64 = 0.2;
const MOMENTUM: f64 = 0.9;
/// Pixels (from 0 to 1) get this much noise while the network learns, so that it cannot learn the images by heart.
const NOISE: f64 = 0.2;

/// The four tensors that are learnt.
pub struct Network {
    w1: Tensor,
    b1: Tensor,
    w2: Tensor,
    b2: Tensor,
}

impl Network {
    /// Normal weights whose variance keeps the size of the signal: 2/n behind a relu that halves it (He), 1/n at the end.
    fn new() -> Network {
        let normal = |rows: i64, cols: i64, variance: f64| leaf(&Tensor::randn(&[rows, cols]) * variance.sqrt());
        let w1 = normal(PIXELS, HIDDEN, 2.0 / PIXELS as f64);
        let b1 = leaf(Tensor::zeros(&[HIDDEN]));
        let w2 = normal(HIDDEN, CLASSES, 1.0 / HIDDEN as f64);
        let b2 = leaf(Tensor::zeros(&[CLASSES]));
        Network { w1, b1, w2, b2 }
    }

    /// (n, 64) pixels to (n, 10) scores: `relu(x W1 + b1) W2 + b2`.
    fn forward(&self, x: &Tensor) -> Tensor {
        let hidden = (x.matmul(&self.w1) + &self.b1).relu();
        hidden.matmul(&self.w2) + &self.b2
    }

    fn parameters(&self) -> [(&'static str, &Tensor); 4] {
        [("w1", &self.w1), ("b1", &self.b1), ("w2", &self.w2), ("b2", &self.b2)]
    }
}

/// A tensor that asks for its gradient.
fn leaf(t: Tensor) -> Tensor {
    t.detach()
        .requires_grad_(true)
        .expect("floating-point tensors can ask for gradients")
}

/// The mean of `-log p(label)`, where the scores give `p = exp(z) / sum(exp(z))`: `log sum exp z - z[label]`.
fn cross_entropy(scores: &Tensor, labels: &Tensor) -> Tensor {
    let of_label = scores.gather(1, &labels.unsqueeze(1)).squeeze();
    (scores.logsumexp(&[1]) - of_label).mean()
}

/// What a run of training leaves.
pub struct Trained {
    pub network: Network,
    /// Mean loss of each epoch.
    pub losses: Vec<f64>,
    /// What the network says about the held-out images, and what they are.
    pub said: Vec<i64>,
    pub truth: Vec<i64>,
}

impl Trained {
    /// Correct answers on the held-out images.
    pub fn correct(&self) -> usize {
        self.said.iter().zip(&self.truth).filter(|(a, b)| a == b).count()
    }

    /// The share of correct answers, in percent.
    pub fn accuracy(&self) -> f64 {
        100.0 * self.correct() as f64 / self.truth.len() as f64
    }
}

/// Trains on all images but the held-out ones; `after_epoch` gets the number of the epoch and its loss.
pub fn train(seed: u64, mut after_epoch: impl FnMut(usize, f64)) -> Result<Trained> {
    duoc::manual_seed(seed);
    let data = digits();
    let count = data.labels().len();
    let pixels: Vec<f32> = data.images().iter().map(|p| f32::from(*p) / 16.0).collect();
    let images = Tensor::from_vec(pixels).reshape(&[count as i64, PIXELS]);
    let labels = Tensor::from_vec(data.labels().iter().map(|l| i64::from(*l)).collect::<Vec<_>>());

    // A random order; its last 360 are held out.
    let order = Tensor::randperm(count as i64);
    let train = order.narrow(0, 0, (count - HELD_OUT) as i64);
    let test = order.narrow(0, (count - HELD_OUT) as i64, HELD_OUT as i64);
    let (x, y) = (images.index_select(0, &train), labels.index_select(0, &train));

    let network = Network::new();
    let weights = network.parameters().map(|(_, w)| w);
    let velocities = weights.map(|w| w.detach().zeros_like());
    let batches = y.numel().div_ceil(BATCH);
    let mut losses = Vec::with_capacity(EPOCHS);
    for epoch in 0..EPOCHS {
        let mut sum = 0.0;
        let order = Tensor::randperm(y.numel() as i64);
        for step in 0..batches {
            let size = BATCH.min(y.numel() - step * BATCH);
            let batch = order.narrow(0, (step * BATCH) as i64, size as i64);
            let clean = x.index_select(0, &batch);
            let noisy = &clean + clean.randn_like() * NOISE;
            let loss = cross_entropy(&network.forward(&noisy), &y.index_select(0, &batch));
            let gradients = autograd::grad(&[&loss], &weights, &[], Default::default())?;

            // v <- momentum v + g;  w <- w - rate v. The rate falls along half a cosine to zero.
            let progress = (epoch * batches + step) as f64 / (EPOCHS * batches) as f64;
            let rate = RATE * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
            no_grad(|| {
                for ((w, v), g) in weights.iter().zip(&velocities).zip(gradients.iter().flatten()) {
                    v.mul_(MOMENTUM).add_(g);
                    w.sub_(&(v * rate));
                }
            });
            sum += loss.item().to_f64() * size as f64;
        }
        losses.push(sum / y.numel() as f64);
        after_epoch(epoch, losses[epoch]);
    }

    let scores = no_grad(|| network.forward(&images.index_select(0, &test)));
    let said = scores.argmax(1).try_to_vec::<i64>()?;
    let truth = labels.index_select(0, &test).try_to_vec::<i64>()?;
    Ok(Trained {
        network,
        losses,
        said,
        truth,
    })
}

/// Trains, and shows how it went: progress, accuracy, confusion matrix; the loss curve and the weights go to `runs`.
pub fn run(seed: u64, runs: &Path) -> Result<()> {
    let terminal = std::io::stdout().is_terminal();
    heading(terminal, "A network learns to read");
    println!(
        "1797 handwritten digits of 8x8 pixels, {HELD_OUT} of them held out; two layers, momentum by hand; seed {seed}."
    );
    println!("The code is crates/duoc-cli/src/tour/digits.rs.\n");
    let start = Instant::now();
    let bar = if terminal {
        ProgressBar::new(EPOCHS as u64)
    } else {
        ProgressBar::hidden()
    };
    if let Ok(look) = ProgressStyle::with_template("{bar:40.yellow/dim} epoch {pos}/{len}  {msg}") {
        bar.set_style(look.progress_chars("━━─"));
    }
    let trained = train(seed, |epoch, loss| {
        bar.set_message(format!("loss {loss:.4}"));
        bar.inc(1);
        if !terminal && (epoch == 0 || (epoch + 1) % 10 == 0) {
            println!("epoch {:>2}/{EPOCHS}  loss {loss:.4}", epoch + 1);
            let _ = std::io::stdout().flush();
        }
    })?;
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    let result = format!(
        "{} of {HELD_OUT} held-out digits read: {:.2} %",
        trained.correct(),
        trained.accuracy()
    );
    println!(
        "{} ({seconds:.1} s)\n",
        if terminal {
            style(result).green().bold().to_string()
        } else {
            result
        }
    );
    print!("{}", confusion(&trained, terminal));
    save(&trained, seed, runs)
}

fn heading(terminal: bool, text: &str) {
    if terminal {
        println!("\n{}", style(text).bold())
    } else {
        println!("\n# {text}")
    }
}

/// How often each digit (row) was read as each digit (column).
fn confusion(trained: &Trained, colour: bool) -> String {
    let mut counts = [[0usize; CLASSES as usize]; CLASSES as usize];
    for (said, truth) in trained.said.iter().zip(&trained.truth) {
        counts[*truth as usize][*said as usize] += 1;
    }
    let mut text = String::from("is \\ read as");
    (0..CLASSES).for_each(|c| text += &format!("{c:>4}"));
    for (truth, row) in counts.iter().enumerate() {
        text += &format!("\n{truth:>12}");
        for (said, n) in row.iter().enumerate() {
            let cell = if *n == 0 { "   .".to_string() } else { format!("{n:>4}") };
            text += &match (colour, *n, said == truth) {
                (true, 1.., true) => style(cell).green().to_string(),
                (true, 1.., false) => style(cell).red().bold().to_string(),
                (true, 0, _) => style(cell).dim().to_string(),
                _ => cell,
            };
        }
    }
    text + "\n\n"
}

fn save(trained: &Trained, seed: u64, runs: &Path) -> Result<()> {
    std::fs::create_dir_all(runs).map_err(|e| duoc::Error::from(e).at(runs.display()))?;
    let (curve, weights) = (runs.join("digits-loss.svg"), runs.join("digits.safetensors"));
    let svg = curve::loss_curve("Loss of each epoch, handwritten digits", &trained.losses);
    duoc_io::write_atomically(&curve, |f| f.write_all(svg.as_bytes()))?;
    let facts = [
        ("seed", seed.to_string()),
        ("accuracy", format!("{:.2}", trained.accuracy())),
    ];
    let facts = facts.each_ref().map(|(k, v)| (*k, v.as_str()));
    duoc_io::save_safetensors(&weights, trained.network.parameters(), &facts)?;
    println!("loss curve  {}", curve.display());
    println!("weights     {}", weights.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_seeds_read_at_least_97_percent() {
        for seed in 0..5 {
            let trained = train(seed, |_, _| {}).unwrap();
            assert!(trained.accuracy() >= 97.0, "seed {seed}: {:.2} %", trained.accuracy());
            assert!(trained.losses[0] > trained.losses[EPOCHS - 1]);
        }
    }

    #[test]
    fn the_matrix_counts_every_digit() {
        let network = Network::new();
        let trained = Trained {
            network,
            losses: vec![],
            said: vec![1, 2, 2],
            truth: vec![1, 2, 3],
        };
        let text = confusion(&trained, false);
        assert_eq!(trained.correct(), 2);
        assert_eq!(
            text.split_whitespace().filter(|w| *w == "1").count(),
            5,
            "header, row name and three counts: {text}"
        );
    }
}

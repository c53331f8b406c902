//! How a run shows itself: a bar in a terminal, plain lines elsewhere.

use console::style;
use duoc::train::Watch;
use duoc::train::fit::{EpochReport, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{IsTerminal, Write};

pub struct Show {
    bar: Option<ProgressBar>,
}

impl Show {
    /// For a run that has `done` of its steps behind it.
    pub fn new(steps: u64, done: u64) -> Show {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(steps).with_position(done);
            let form = "epoch {prefix} {wide_bar} {pos}/{len} {msg} {eta} left";
            // The template is fixed; the bar's own form stands in if it were wrong.
            if let Ok(s) = ProgressStyle::with_template(form) {
                bar.set_style(s);
            }
            bar
        });
        Show { bar }
    }

    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => {
                // Nobody reads on: that is no reason to stop training.
                let _ = writeln!(std::io::stdout(), "{text}");
            }
        }
    }
}

impl Watch for Show {
    fn step(&mut self, p: &Progress) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(p.epoch.to_string());
            let accuracy = p
                .accuracy
                .map_or_else(String::new, |a| format!(" accuracy {:.2} %", 100.0 * a));
            bar.set_message(format!("loss {:.4}{accuracy} {:.0}/s", p.loss, p.rate));
            bar.set_position(p.step.max(0) as u64);
        }
    }

    fn epoch(&mut self, r: &EpochReport) {
        let p = &r.progress;
        let percent = |a: Option<f64>| a.map_or_else(String::new, |a| format!(" accuracy {:.2} %", 100.0 * a));
        let mut text = format!("epoch {:3}  loss {:.4}{}", p.epoch, p.loss, percent(p.accuracy));
        if let Some(loss) = r.test_loss {
            text += &format!("  test loss {loss:.4}{}", percent(r.test_accuracy));
        }
        text += &format!("  lr {:.3e}  {:.0}/s", p.lr, p.rate);
        self.line(&style(text).to_string());
    }
}

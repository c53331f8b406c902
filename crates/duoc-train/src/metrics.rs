//! What a run measures, step by step: a CSV file, TensorBoard events and curves.

use crate::curve::{Curve, Scale, chart};
use crate::events::EventFile;
use duoc_core::{Error, ErrorKind, Result, bail};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// One measurement.
#[derive(Clone, PartialEq, Debug)]
pub struct Measure {
    /// Optimiser steps so far.
    pub step: i64,
    /// Epochs so far.
    pub epoch: i64,
    /// What was measured: `train/loss`.
    pub name: String,
    /// The value.
    pub value: f64,
}

/// The record of a run in a folder: `metrics.csv`, an event file, and `NAME.svg` for each group of curves.
pub struct Metrics {
    dir: PathBuf,
    csv: BufWriter<File>,
    events: EventFile,
    all: Vec<Measure>,
}

const HEADER: &str = "step,epoch,name,value";

impl Metrics {
    /// A new record. A record that is there already is replaced.
    pub fn create(dir: &Path) -> Result<Metrics> {
        std::fs::create_dir_all(dir).map_err(|e| failed(dir, &e))?;
        let mut m = Metrics::open(dir, Vec::new(), None)?;
        m.flush()?;
        Ok(m)
    }

    /// Goes on with the record in the folder after step `step`: what was measured later (by a run that was killed after
    /// its last checkpoint) is dropped.
    ///
    /// # Errors
    /// `ValueError` if the file is not such a record.
    pub fn resume(dir: &Path, step: i64) -> Result<Metrics> {
        let path = dir.join("metrics.csv");
        let text = std::fs::read_to_string(&path).map_err(|e| failed(&path, &e))?;
        let mut all = parse(&text).map_err(|e| e.at(path.display()))?;
        all.retain(|m| m.step <= step);
        let mut m = Metrics::open(dir, all, Some(step + 1))?;
        m.flush()?;
        Ok(m)
    }

    fn open(dir: &Path, all: Vec<Measure>, from_step: Option<i64>) -> Result<Metrics> {
        let path = dir.join("metrics.csv");
        // The rows that stay are written anew and come in one piece; new rows are added behind them.
        duoc_io::write_atomically(&path, |f| {
            writeln!(f, "{HEADER}")?;
            all.iter().try_for_each(|m| f.write_all(row(m).as_bytes()))
        })?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|e| failed(&path, &e))?;
        Ok(Metrics {
            dir: dir.into(),
            csv: BufWriter::new(file),
            events: EventFile::create(dir, from_step)?,
            all,
        })
    }

    /// Adds a measurement.
    pub fn add(&mut self, step: i64, epoch: i64, name: &str, value: f64) -> Result<()> {
        if name.contains([',', '\n', '"']) {
            bail!(
                Value,
                "the name of a metric may not hold a comma, a quote or a line end: {name:?}"
            );
        }
        let m = Measure {
            step,
            epoch,
            name: name.into(),
            value,
        };
        self.csv
            .write_all(row(&m).as_bytes())
            .map_err(|e| failed(&self.dir, &e))?;
        self.events.scalar(name, step, value)?;
        self.all.push(m);
        Ok(())
    }

    /// All measurements so far.
    pub fn all(&self) -> &[Measure] {
        &self.all
    }

    /// The last value under a name.
    pub fn last(&self, name: &str) -> Option<f64> {
        self.all.iter().rev().find(|m| m.name == name).map(|m| m.value)
    }

    /// Brings everything into the files.
    pub fn flush(&mut self) -> Result<()> {
        self.csv.flush().map_err(|e| failed(&self.dir, &e))?;
        self.events.flush()
    }

    /// Draws the curves: one file a measure (`loss.svg` for `train/loss` and `test/loss`), over steps.
    pub fn draw(&self, title: &str) -> Result<Vec<PathBuf>> {
        let mut measures: Vec<&str> = Vec::new();
        for m in &self.all {
            let measure = m.name.rsplit('/').next().unwrap_or(&m.name);
            if !measures.contains(&measure) {
                measures.push(measure);
            }
        }
        let mut paths = Vec::new();
        for measure in measures {
            let mut curves: Vec<Curve> = Vec::new();
            for m in self.all.iter().filter(|m| m.name.rsplit('/').next() == Some(measure)) {
                let at = match curves.iter().position(|c| c.name == m.name) {
                    Some(at) => at,
                    None => {
                        curves.push(Curve {
                            name: m.name.clone(),
                            points: Vec::new(),
                        });
                        curves.len() - 1
                    }
                };
                curves[at].points.push((m.step as f64, m.value));
            }
            let scale = if measure == "loss" {
                Scale::Logarithmic
            } else {
                Scale::Linear
            };
            let svg = chart(&format!("{title}: {measure}"), "step", &curves, scale);
            let path = self.dir.join(format!("{}.svg", measure.replace(['\\', ':'], "_")));
            duoc_io::write_atomically(&path, |f| f.write_all(svg.as_bytes()))?;
            paths.push(path);
        }
        Ok(paths)
    }
}

/// A row of the file. The value has all its digits, so that two runs can be compared.
fn row(m: &Measure) -> String {
    format!("{},{},{},{:?}\n", m.step, m.epoch, m.name, m.value)
}

fn parse(text: &str) -> Result<Vec<Measure>> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        bail!(Value, "does not begin with the line {HEADER}");
    }
    let mut all = Vec::new();
    let mut lines = lines.enumerate().peekable();
    while let Some((i, line)) = lines.next() {
        let mut parts = line.split(',');
        let mut next = || parts.next().unwrap_or("");
        let (step, epoch, name, value) = (next(), next(), next(), next());
        match (step.parse(), epoch.parse(), value.parse()) {
            (Ok(step), Ok(epoch), Ok(value)) if !name.is_empty() => all.push(Measure {
                step,
                epoch,
                name: name.into(),
                value,
            }),
            // A run that was killed may have written half of its last line.
            _ if lines.peek().is_none() && !text.ends_with('\n') => {}
            _ => bail!(
                Value,
                "line {}: step, epoch, name and value were expected: {line:?}",
                i + 2
            ),
        }
    }
    Ok(all)
}

fn failed(path: &Path, e: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{}: {e}", path.display()))
}

//! `cargo xtask bench sweep`: every row of benches/sweep.txt, ours and PyTorch's in turn.
//!
//! Both sides are one process each that measures a call when it is asked to. They take turns row by row, several
//! rounds, and the best times are compared: on a machine that others use too, the best time is the one that they did
//! not disturb. PyTorch runs with a malloc that keeps what is freed, so that its kernels are compared and not its
//! page faults; `cargo xtask bench` without `sweep` shows it as it comes.

use crate::shell;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What is asked for.
pub struct Options {
    /// Rows whose name it occurs in.
    pub pattern: Option<String>,
    /// Threads of both sides.
    pub threads: usize,
    /// Whether PyTorch takes part.
    pub torch: bool,
    /// Rounds.
    pub rounds: usize,
    /// Whether only the names are wanted.
    pub list: bool,
    /// Where to write the lines as JSON.
    pub json: Option<String>,
}

/// One row for one dtype: section, name, and the line that both sides understand.
struct Row {
    section: String,
    name: String,
    line: String,
}

/// Reads the table.
fn rows() -> Result<Vec<Row>, String> {
    let path = shell::root().join("benches/sweep.txt");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mut rows = Vec::new();
    let mut section = String::new();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(name) = line.strip_prefix("== ") {
            section = name.to_string();
            continue;
        }
        let parts: Vec<&str> = line.split(" : ").collect();
        let [label, op, dtypes, args] = parts[..] else {
            return Err(format!("benches/sweep.txt: not four parts: {line}"));
        };
        let short = op.split_once('.').map_or(op, |(name, _)| name);
        let label = if label == "-" { short } else { label };
        for dtype in dtypes.split_whitespace() {
            rows.push(Row {
                section: section.clone(),
                name: format!("{label}/{dtype}"),
                line: format!("{op} {}", args.replace('$', dtype)),
            });
        }
    }
    Ok(rows)
}

/// A program that answers each line with a line.
struct Side {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Side {
    fn start(command: &mut Command) -> Result<Side, String> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{:?}: {e}", command.get_program()))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("no pipes".into());
        };
        let from = BufReader::new(from);
        Ok(Side { child, to, from })
    }

    /// Best and median time of a row, or why there is none.
    fn ask(&mut self, line: &str) -> Result<(f64, f64), String> {
        writeln!(self.to, "{line}").map_err(|e| e.to_string())?;
        let mut answer = String::new();
        self.from.read_line(&mut answer).map_err(|e| e.to_string())?;
        let answer = answer.trim();
        if answer.is_empty() {
            return Err(format!("the program ended at {line}"));
        }
        let numbers = answer
            .split_once(' ')
            .and_then(|(a, b)| a.parse().ok().zip(b.parse().ok()));
        numbers.ok_or_else(|| answer.trim_start_matches("- ").to_string())
    }

    fn end(self) {
        let Side { mut child, to, .. } = self;
        drop(to);
        let _ = child.wait();
    }
}

/// Times of one side over the rounds: the best, and the median of the rounds' medians.
#[derive(Default)]
struct Times {
    best: Option<f64>,
    medians: Vec<f64>,
    error: Option<String>,
}

impl Times {
    fn add(&mut self, answer: Result<(f64, f64), String>) {
        match answer {
            Ok((best, median)) => {
                self.best = Some(self.best.map_or(best, |b| b.min(best)));
                self.medians.push(median);
            }
            Err(e) => self.error = Some(e),
        }
    }

    fn median(&mut self) -> Option<f64> {
        self.medians.sort_by(f64::total_cmp);
        self.medians.get(self.medians.len() / 2).copied()
    }
}

/// Runs the sweep with the bench program at `program`.
pub fn run(o: &Options, program: &std::path::Path) -> Result<(), String> {
    let chosen: Vec<Row> = rows()?
        .into_iter()
        .filter(|r| {
            o.pattern
                .as_deref()
                .is_none_or(|p| p == r.section || crate::bench::matches(p, &r.name))
        })
        .collect();
    if chosen.is_empty() {
        return Err("no row has such a name; `cargo xtask bench sweep --list` shows them all".into());
    }
    if o.list {
        chosen.iter().for_each(|r| println!("{}  ({})", r.name, r.section));
        return Ok(());
    }
    let threads = o.threads.to_string();
    let mut ours = Side::start(shell::program(program).args(["--serve", "--threads", &threads]))?;
    let mut theirs = None;
    if o.torch {
        let python = std::env::var("DUOC_TORCH_PYTHON").unwrap_or_else(|_| "python3".into());
        let mut command = shell::program(python);
        command.args(["benches/torch_sweep.py", "--threads", &threads]);
        command.env("OMP_NUM_THREADS", &threads);
        for (name, bytes) in [
            ("MMAP_THRESHOLD_", 1u64 << 33),
            ("TRIM_THRESHOLD_", 1 << 33),
            ("TOP_PAD_", 1 << 28),
        ] {
            command.env(format!("MALLOC_{name}"), bytes.to_string());
        }
        theirs = Some(Side::start(&mut command)?);
    }
    let mut results = Vec::new();
    println!(
        "{:<26}{:>12}{:>12}{:>9}{:>9}",
        "row", "duoc us", "torch us", "best", "median"
    );
    for row in chosen {
        let (mut a, mut b) = (Times::default(), Times::default());
        for _ in 0..o.rounds {
            a.add(ours.ask(&row.line));
            if let Some(side) = &mut theirs {
                b.add(side.ask(&row.line));
            }
            if a.error.is_some() || b.error.is_some() {
                break;
            }
        }
        let cell = |x: Option<f64>| x.map_or_else(|| "-".to_string(), |x| format!("{x:.2}"));
        let ratio = a.best.zip(b.best).map(|(a, b)| b / a);
        let medians = a.median().zip(b.median()).map(|(a, b)| b / a);
        let why = a.error.as_ref().or(b.error.as_ref());
        println!(
            "{:<26}{:>12}{:>12}{:>9}{:>9}{}",
            row.name,
            cell(a.best),
            cell(b.best),
            cell(ratio),
            cell(medians),
            why.map_or(String::new(), |w| format!(
                "  {}",
                w.chars().take(70).collect::<String>()
            ))
        );
        results.push((row, a.best, b.best, ratio));
    }
    ours.end();
    if let Some(side) = theirs {
        side.end();
    }
    if let Some(path) = &o.json {
        let number = |x: Option<f64>| x.map_or_else(|| "null".to_string(), |x| format!("{x:.3}"));
        let lines: Vec<String> = results
            .iter()
            .map(|(row, a, b, _)| {
                format!(
                    "{{\"row\": \"{}\", \"section\": \"{}\", \"threads\": {threads}, \"duoc_us\": {}, \"torch_us\": {}}}\n",
                    row.name,
                    row.section,
                    number(*a),
                    number(*b)
                )
            })
            .collect();
        std::fs::write(shell::root().join(path), lines.concat()).map_err(|e| format!("{path}: {e}"))?;
    }
    summary(&results);
    Ok(())
}

fn summary(results: &[(Row, Option<f64>, Option<f64>, Option<f64>)]) {
    let mut ratios: Vec<(f64, &str)> = results
        .iter()
        .filter_map(|r| r.3.map(|x| (x, r.0.name.as_str())))
        .collect();
    if ratios.is_empty() {
        return;
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mean = (ratios.iter().map(|r| r.0.ln()).sum::<f64>() / ratios.len() as f64).exp();
    let slow: Vec<_> = ratios.iter().take_while(|r| r.0 < 0.97).collect();
    println!(
        "\n{} rows, geometric mean {mean:.2}; {} slower than PyTorch by more than 3 %",
        ratios.len(),
        slow.len()
    );
    for (ratio, name) in slow {
        println!("  {ratio:.2}  {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read() {
        let rows = rows().unwrap();
        assert!(rows.len() > 300);
        let mut names: Vec<&str> = rows.iter().map(|r| r.name.as_str()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), rows.len(), "two rows have one name");
        assert!(rows.iter().all(|r| !r.line.contains('$')));
    }
}

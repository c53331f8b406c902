//! `cargo xtask bench`: the cases of benches/CASES.md through duoc's public interface, alone or beside PyTorch.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::shell;

const USAGE: &str = "usage: cargo xtask bench [PATTERN] [--threads N] [--vs torch] [--json FILE] [--list]
       cargo xtask bench sweep [PATTERN] [--threads N] [--vs torch] [--rounds N] [--json FILE] [--list]

PATTERN  a group (elementwise) or a pattern of names: ^ and $ are the ends, . any character, X* any number of X,
         A|B either; by default every case that exists so far
--vs torch  runs benches/torch_suite.py in turn with ours, group by group, and prints the ratios;
            DUOC_TORCH_PYTHON names a Python that has PyTorch, else python3
sweep       every kernel by every dtype instead: the rows of benches/sweep.txt, row by row in turn, best of --rounds";

struct Options {
    sweep: bool,
    rounds: usize,
    pattern: Option<String>,
    threads: usize,
    torch: bool,
    json: Option<String>,
    list: bool,
}

fn options(args: &[String]) -> Result<Options, String> {
    let mut o = Options {
        sweep: false,
        rounds: 3,
        pattern: None,
        threads: 1,
        torch: false,
        json: None,
        list: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value\n{USAGE}"));
        let number = |n: &String| {
            let parsed = n.parse().ok().filter(|n| *n > 0);
            parsed.ok_or_else(|| format!("{n}: {arg} needs a number above 0"))
        };
        match arg.as_str() {
            "--threads" => o.threads = number(value()?)?,
            "--rounds" => o.rounds = number(value()?)?,
            "--vs" => match value()?.as_str() {
                "torch" => o.torch = true,
                other => return Err(format!("cannot compare with {other}: only torch is known")),
            },
            "--json" => o.json = Some(value()?.clone()),
            "--list" => o.list = true,
            flag if flag.starts_with('-') => return Err(format!("unknown flag {flag}\n{USAGE}")),
            "sweep" if !o.sweep && o.pattern.is_none() => o.sweep = true,
            pattern if o.pattern.is_none() => o.pattern = Some(pattern.to_string()),
            extra => return Err(format!("unexpected {extra}\n{USAGE}")),
        }
    }
    Ok(o)
}

/// Builds the bench program, runs the chosen cases and prints one JSON line for each, then the comparison.
pub fn run(args: &[String]) -> Result<(), String> {
    let o = options(args)?;
    shell::run(shell::cargo().args(["build", "--quiet", "--release", "--package", "duoc-bench"]))?;
    let program = shell::target()
        .join("release")
        .join(format!("duoc-bench{}", std::env::consts::EXE_SUFFIX));
    if o.sweep {
        let sweep = crate::sweep::Options {
            pattern: o.pattern,
            threads: o.threads,
            torch: o.torch,
            rounds: o.rounds,
            list: o.list,
            json: o.json,
        };
        return crate::sweep::run(&sweep, &program);
    }
    let all = capture(shell::program(&program).arg("--list"))?;
    // One line a case: its group, then its name.
    let all: Vec<(&str, &str)> = all.lines().filter_map(|l| l.split_once(' ')).collect();
    let chosen: Vec<(&str, &str)> = match o.pattern.as_deref() {
        None => all,
        Some(p) if all.iter().any(|(group, _)| *group == p) => all.into_iter().filter(|(g, _)| *g == p).collect(),
        Some(p) => all.into_iter().filter(|(_, name)| matches(p, name)).collect(),
    };
    if chosen.is_empty() {
        return Err("no case has such a name; `cargo xtask bench --list` shows them all".into());
    }
    if o.list {
        for (group, name) in chosen {
            println!("{name}  ({group})");
        }
        return Ok(());
    }
    let mut groups: Vec<&str> = Vec::new();
    for (group, _) in &chosen {
        if !groups.contains(group) {
            groups.push(group);
        }
    }
    let threads = o.threads.to_string();
    let mut lines = Vec::new();
    for group in groups {
        let names: Vec<&str> = chosen
            .iter()
            .filter(|(g, _)| g == &group)
            .map(|(_, name)| *name)
            .collect();
        if o.torch {
            let python = std::env::var("DUOC_TORCH_PYTHON").unwrap_or_else(|_| "python3".into());
            let only = format!("^({})$", names.join("|").replace('.', "\\."));
            let mut torch = shell::program(python);
            torch.args(["benches/torch_suite.py", "--threads", &threads, "--only", &only]);
            torch.env("OMP_NUM_THREADS", &threads);
            stream(&mut torch, &mut lines)?;
        }
        stream(
            shell::program(&program).args(["--threads", &threads]).args(&names),
            &mut lines,
        )?;
    }
    if let Some(path) = &o.json {
        let mut file = std::fs::File::create(shell::root().join(path)).map_err(|e| format!("{path}: {e}"))?;
        for line in &lines {
            writeln!(file, "{line}").map_err(|e| format!("{path}: {e}"))?;
        }
    }
    if o.torch {
        compare(&chosen, &lines);
    }
    Ok(())
}

fn capture(command: &mut Command) -> Result<String, String> {
    let out = command.stderr(Stdio::inherit()).output().map_err(|e| e.to_string())?;
    if !out.status.success() {
        return Err(format!("{:?} failed", command.get_program()));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Runs a program, prints its lines as they come, and keeps them.
fn stream(command: &mut Command, lines: &mut Vec<String>) -> Result<(), String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{shown}: {e}"))?;
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            println!("{line}");
            lines.push(line);
        }
    }
    let status = child.wait().map_err(|e| e.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{shown} failed ({status})"))
    }
}

/// The value of a key of a flat JSON object: a string without its quotes, or a number.
fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let at = line.find(&format!("\"{key}\":"))? + key.len() + 3;
    let rest = line[at..].trim_start();
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next(),
        None => rest.split([',', '}']).next().map(str::trim),
    }
}

fn compare(chosen: &[(&str, &str)], lines: &[String]) {
    let median = |name: &str, lib: &str| -> Option<f64> {
        let line = lines
            .iter()
            .find(|l| field(l, "case") == Some(name) && field(l, "lib") == Some(lib))?;
        field(line, "median_us")?.parse().ok()
    };
    println!(
        "\n{:<36}{:>14}{:>14}{:>12}",
        "case", "duoc us", "torch us", "torch/duoc"
    );
    let mut logs = Vec::new();
    for (_, name) in chosen {
        let (ours, theirs) = (median(name, "duoc"), median(name, "torch"));
        let cell = |x: Option<f64>| x.map_or_else(|| "-".to_string(), |x| format!("{x:.3}"));
        let ratio = ours.zip(theirs).map(|(a, b)| b / a);
        println!("{name:<36}{:>14}{:>14}{:>12}", cell(ours), cell(theirs), cell(ratio));
        logs.extend(ratio.map(f64::ln));
    }
    if !logs.is_empty() {
        let mean = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
        println!(
            "geometric mean of {} ratios: {mean:.3} (above 1: duoc is faster)",
            logs.len()
        );
    }
}

/// Whether a pattern occurs in a name.
pub fn matches(pattern: &str, name: &str) -> bool {
    pattern.split('|').any(|p| {
        let (p, name): (Vec<char>, Vec<char>) = (p.chars().collect(), name.chars().collect());
        match p.split_first() {
            Some(('^', rest)) => matches_here(rest, &name),
            _ => (0..=name.len()).any(|start| matches_here(&p, &name[start..])),
        }
    })
}

fn matches_here(pattern: &[char], name: &[char]) -> bool {
    let one = |p: char| name.first().is_some_and(|c| p == '.' || p == *c);
    match pattern {
        [] => true,
        ['$'] => name.is_empty(),
        [p, '*', rest @ ..] => {
            let run = name.iter().take_while(|c| *p == '.' || *c == p).count();
            (0..=run).any(|used| matches_here(rest, &name[used..]))
        }
        [p, rest @ ..] => one(*p) && matches_here(rest, &name[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("add", "ew.add_1m", true),
            ("^add", "ew.add_1m", false),
            ("^ew.add_1m$", "ew.add_1m", true),
            ("ew.*16m$", "ew.add_16m", true),
            ("ew.*16m$", "ew.add_1m", false),
            ("mul|add", "ew.add_1m", true),
            ("mul|sub", "ew.add_1m", false),
            ("", "x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} in {name}");
        }
    }

    #[test]
    fn fields() {
        let line = r#"{"case": "ew.add_1m", "threads": 1, "median_us": 110.5, "bytes": 12}"#;
        assert_eq!(field(line, "case"), Some("ew.add_1m"));
        assert_eq!(field(line, "median_us"), Some("110.5"));
        assert_eq!(field(line, "bytes"), Some("12"));
        assert_eq!(field(line, "flops"), None);
    }
}

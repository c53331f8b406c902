//! The bench program: the cases of `benches/CASES.md` that duoc can run, timed as `torch_suite.py` times them.
//!
//! `duoc-bench [--threads N] [--list] [CASE...]`. Each case runs in its own process, because what an allocation costs
//! depends on what was freed before; a case during which others used the CPU is repeated once and, if that does not
//! help, marked with `contended`: the fraction of one CPU that they took. One line of JSON a case.

#![forbid(unsafe_code)]

mod cases;
mod load;
mod sweep;
mod timing;

use cases::Case;
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let mut threads = 1usize;
    let (mut list, mut serve, mut here) = (false, false, None);
    let mut names = Vec::new();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--threads" => threads = args.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0).unwrap_or(1),
            "--list" => list = true,
            "--serve" => serve = true,
            "--in-this-process" => here = args.next(),
            _ => names.push(arg),
        }
    }
    if serve {
        duoc::set_num_threads(threads);
        sweep::serve();
        return ExitCode::SUCCESS;
    }
    let all = cases::all();
    if list {
        for case in &all {
            println!("{} {}", case.group, case.name);
        }
        return ExitCode::SUCCESS;
    }
    if let Some(name) = here {
        return match all.iter().find(|c| c.name == name) {
            Some(case) => run(case, threads),
            None => ExitCode::FAILURE,
        };
    }
    if let Some(name) = names.iter().find(|n| all.iter().all(|c| c.name != **n)) {
        eprintln!("duoc-bench: no case is called {name}");
        return ExitCode::FAILURE;
    }
    for case in all.iter().filter(|c| names.is_empty() || names.contains(&c.name)) {
        in_own_process(case, threads);
    }
    ExitCode::SUCCESS
}

fn run(case: &Case, threads: usize) -> ExitCode {
    duoc::set_num_threads(threads);
    duoc::random::manual_seed(0);
    let mut call = (case.setup)();
    let t = timing::time(&mut *call);
    let work = |key: &str, n: Option<u64>| n.map_or(String::new(), |n| format!(", \"{key}\": {n}"));
    println!(
        "{}, \"median_us\": {:.3}, \"min_us\": {:.3}, \"reps\": {}, \"inner\": {}{}{}}}",
        head(case, threads),
        t.median,
        t.min,
        t.reps,
        t.inner,
        work("flops", case.flops),
        work("bytes", case.bytes)
    );
    ExitCode::SUCCESS
}

fn head(case: &Case, threads: usize) -> String {
    format!(
        "{{\"case\": \"{}\", \"group\": \"{}\", \"lib\": \"duoc\", \"threads\": {threads}",
        case.name, case.group
    )
}

fn in_own_process(case: &Case, threads: usize) {
    let Ok(program) = std::env::current_exe() else { return };
    let mut line = String::new();
    for attempt in 0..2 {
        let before = load::now();
        let child = Command::new(&program)
            .args(["--threads", &threads.to_string(), "--in-this-process", &case.name])
            .stderr(Stdio::inherit())
            .output();
        line = match child {
            Ok(out) if out.status.success() => String::from_utf8_lossy(&out.stdout).trim_end().to_string(),
            Ok(out) => format!("{}, \"error\": \"{}\"}}", head(case, threads), out.status),
            Err(e) => format!("{}, \"error\": \"{e}\"}}", head(case, threads)),
        };
        match before.zip(load::now()).and_then(|(a, b)| load::others(a, b)) {
            None => break,
            Some(share) if attempt == 1 => {
                line.pop();
                line.push_str(&format!(", \"contended\": {share:.2}}}"));
            }
            Some(_) => std::thread::sleep(std::time::Duration::from_millis(500)),
        }
    }
    println!("{line}");
}

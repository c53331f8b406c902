//! The project's chores, run as `cargo xtask NAME`; without a name it lists them.

#![forbid(unsafe_code)]

mod bench;
mod golden;
mod shell;
mod sweep;
mod test;
mod tidy;

use std::process::ExitCode;

/// A chore: its name, what it does, and the function, which gets the remaining arguments.
type Chore = (&'static str, &'static str, fn(&[String]) -> Result<(), String>);

const CHORES: &[Chore] = &[
    (
        "test",
        "every test: Rust, then the Python face in a virtual environment under target/",
        test::run,
    ),
    ("tidy", "the house rules that no compiler checks", tidy::run),
    (
        "bench",
        "the benchmarks, alone or beside PyTorch: [GROUP|PATTERN|sweep] [--threads N] [--vs torch] [--json FILE] [--list]",
        bench::run,
    ),
    (
        "golden",
        "record the golden answers anew (needs PyTorch 2.15; PYTHON names the interpreter)",
        golden::run,
    ),
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(name) = args.first() else {
        for (name, about, _) in CHORES {
            println!("cargo xtask {name:<8}{about}");
        }
        return ExitCode::SUCCESS;
    };
    let Some((_, _, run)) = CHORES.iter().find(|(n, ..)| n == name) else {
        eprintln!("xtask: no chore is called {name}; `cargo xtask` lists them");
        return ExitCode::FAILURE;
    };
    match run(&args[1..]) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask {name}: {message}");
            ExitCode::FAILURE
        }
    }
}

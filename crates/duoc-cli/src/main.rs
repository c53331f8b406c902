//! The `duoc` program. Without arguments it runs the tour.

#![forbid(unsafe_code)]

mod files;
mod info;
mod layers;
mod summary;
mod tour;
mod train;

use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, value_parser};

fn command() -> Command {
    let seed = Arg::new("seed")
        .long("seed")
        .value_name("N")
        .default_value("0")
        .value_parser(value_parser!(u64));
    let cells = Arg::new("cells").long("cells").action(ArgAction::SetTrue);
    let runs = Arg::new("runs").long("runs").value_name("DIR").default_value("runs");
    Command::new("duoc")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Tensors with PyTorch's semantics, in Rust")
        .after_help("Without a command, duoc runs the tour.")
        .subcommand(
            Command::new("tour")
                .about("A first course in tensors, and a classifier of handwritten digits")
                .arg(seed.help("Seed of the classifier's random numbers"))
                .arg(cells.help("Print only what the cells of the course print"))
                .arg(runs.help("Where the loss curve and the weights go")),
        )
        .subcommand(train::config::command())
        .subcommand(train::predict_command())
        .subcommand(summary::command())
        .subcommand(layers::command())
        .subcommands(files::commands())
        .subcommand(Command::new("info").about("Version, processor, threads, memory and devices"))
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    // `duoc` alone is `duoc tour`.
    let args = if args.len() == 1 {
        vec!["duoc".into(), "tour".into()]
    } else {
        args
    };
    let matches = command().get_matches_from(args);
    let outcome = match matches.subcommand() {
        Some(("layers", m)) => layers::run(m),
        Some(("summary", m)) => summary::run(m),
        Some(("train", m)) => train::run(m),
        Some(("predict", m)) => train::predict(m),
        Some(("convert", m)) => files::convert(m),
        Some(("inspect", m)) => files::inspect(m),
        Some(("info", _)) => {
            info::print();
            Ok(())
        }
        Some(("tour", m)) => {
            let seed = m.get_one::<u64>("seed").copied().unwrap_or(0);
            let runs = m.get_one::<String>("runs").map_or("runs", String::as_str);
            tour::run(seed, m.get_flag("cells"), runs.as_ref())
        }
        _ => {
            let _ = command().print_help();
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("duoc: {e}");
            ExitCode::FAILURE
        }
    }
}

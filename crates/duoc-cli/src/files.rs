//! `duoc inspect` and `duoc convert`: files of tensors, looked into and converted.

use std::io::Write;
use std::path::Path;

use clap::{Arg, ArgMatches, Command};
use duoc::Result;

/// The two subcommands.
pub fn commands() -> [Command; 2] {
    let file = |id: &'static str, help: &'static str| {
        Arg::new(id)
            .value_name(id)
            .required(true)
            .value_parser(clap::value_parser!(std::path::PathBuf))
            .help(help)
    };
    [
        Command::new("inspect")
            .about("The tensors in a .pt, .safetensors, .npz or .npy file: shapes, dtypes, statistics")
            .arg(file("FILE", "The file; its contents say which format it has")),
        Command::new("convert")
            .about("Tensors from one file into another")
            .arg(file("FROM", "The file to read; its contents say which format it has"))
            .arg(file("TO", "The file to write; its ending says which format it gets")),
    ]
}

fn path<'a>(m: &'a ArgMatches, id: &str) -> &'a Path {
    m.get_one::<std::path::PathBuf>(id).map_or(Path::new(""), |p| p)
}

/// Prints what is in a file.
pub fn inspect(m: &ArgMatches) -> Result<()> {
    let found = duoc::io::inspect(path(m, "FILE"))?;
    match write!(std::io::stdout().lock(), "{found}") {
        // `duoc inspect FILE | head` has seen enough.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Converts, and says what was left out.
pub fn convert(m: &ArgMatches) -> Result<()> {
    const SHOWN: usize = 10;
    let done = duoc::io::convert(path(m, "FROM"), path(m, "TO"))?;
    println!("{} tensors in {}", done.tensors, path(m, "TO").display());
    if !done.left_out.is_empty() {
        let mut names = done.left_out[..done.left_out.len().min(SHOWN)].join(", ");
        if done.left_out.len() > SHOWN {
            names += &format!(" and {} more", done.left_out.len() - SHOWN);
        }
        println!("left out, as the format holds tensors only: {names}");
    }
    Ok(())
}

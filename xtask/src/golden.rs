//! `cargo xtask golden`: runs `golden/record.py`, whose arguments it passes on.

use crate::shell;

/// Records with the interpreter that `PYTHON` names, else `python3`.
pub fn run(args: &[String]) -> Result<(), String> {
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    shell::run(shell::program(python).arg("golden/record.py").args(args))
}

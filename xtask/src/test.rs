//! `cargo xtask test`: every test of the project, with one count at the end.
//!
//! Arguments go to `cargo test` (`cargo xtask test -p duoc-core add`), and then only that runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell;

/// Tests that passed and failed.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Rust's tests, then Python's; both always run, so that one report names every failure.
pub fn run(args: &[String]) -> Result<(), String> {
    let mut tally = Tally::default();
    let mut sound = rust(args, &mut tally)?;
    if args.is_empty() {
        sound &= python(&mut tally)?;
    }
    println!("{} passed, {} failed", tally.passed, tally.failed);
    if sound && tally.failed == 0 {
        Ok(())
    } else {
        Err("not every test passed".into())
    }
}

fn rust(args: &[String], tally: &mut Tally) -> Result<bool, String> {
    let mut see = |line: &str| {
        // "test result: ok. 12 passed; 0 failed; 0 ignored; ..."
        if let Some(counts) = line.strip_prefix("test result: ") {
            tally.passed += number_before(counts, " passed");
            tally.failed += number_before(counts, " failed");
        }
    };
    let mut all = shell::watch(shell::cargo().args(["test", "--no-fail-fast"]).args(args), &mut see)?;
    if args.is_empty() {
        all &= shell::watch(shell::cargo().args(["test", "--quiet", "--package", "xtask"]), &mut see)?;
    }
    Ok(all)
}

fn number_before(text: &str, word: &str) -> u64 {
    let head = text.split(word).next().unwrap_or("");
    head.rsplit(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(0)
}

/// Builds the extension into a virtual environment below the build outputs and runs the tests in `python/tests`.
fn python(tally: &mut Tally) -> Result<bool, String> {
    let (venv, wheels) = (shell::target().join("venv"), shell::target().join("wheels"));
    let python = interpreter(&venv);
    if !python.is_file() {
        let base = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        shell::run(shell::program(base).args(["-m", "venv"]).arg(&venv))?;
    }
    let pip = |args: &[&str]| {
        let quiet = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"];
        shell::run(shell::program(&python).args(quiet).args(args))
    };
    if !shell::program(&python)
        .args(["-c", "import maturin, numpy"])
        .output()
        .is_ok_and(|o| o.status.success())
    {
        pip(&["maturin>=1.9,<2", "numpy"])?;
    }
    // A wheel of an older build must not be the one that the glob below finds.
    let _ = std::fs::remove_dir_all(&wheels);
    let mut build = shell::program(&python);
    build.args(["-m", "maturin", "build", "--quiet", "--profile", "dev"]);
    shell::run(build.arg("--interpreter").arg(&python).arg("--out").arg(&wheels))?;
    let wheel = std::fs::read_dir(&wheels)
        .map_err(|e| e.to_string())?
        .flatten()
        .map(|e| e.path())
        .next();
    let wheel = wheel.ok_or("maturin built no wheel")?;
    pip(&["--force-reinstall", "--no-deps", &wheel.to_string_lossy()])?;
    let mut tests = shell::program(&python);
    tests.args([
        "-m",
        "unittest",
        "discover",
        "--start-directory",
        "python/tests",
        "--top-level-directory",
        "python/tests",
    ]);
    count_unittest(&mut tests, tally)
}

fn interpreter(venv: &Path) -> PathBuf {
    if cfg!(windows) {
        venv.join("Scripts/python.exe")
    } else {
        venv.join("bin/python")
    }
}

/// unittest reports on standard error: "Ran 12 tests in 0.1s", then "OK" or "FAILED (failures=1, errors=2)".
fn count_unittest(command: &mut Command, tally: &mut Tally) -> Result<bool, String> {
    let output = command.output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr);
    print!("{}{text}", String::from_utf8_lossy(&output.stdout));
    let ran = text
        .lines()
        .rev()
        .find_map(|l| l.strip_prefix("Ran "))
        .map_or(0, |l| number_before(l, " test"));
    let verdict = text.lines().rev().find(|l| l.starts_with("FAILED")).unwrap_or("");
    let count = |word: &str| -> u64 {
        let tail = verdict.split(word).nth(1).unwrap_or("");
        tail.split(|c: char| !c.is_ascii_digit())
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0)
    };
    let failed = count("failures=") + count("errors=");
    tally.failed += failed;
    tally.passed += ran.saturating_sub(failed);
    Ok(output.status.success())
}

#[cfg(test)]
mod tests {
    use super::number_before;

    #[test]
    fn counts_are_read_from_the_result_line() {
        let line = "ok. 12 passed; 3 failed; 0 ignored";
        assert_eq!(number_before(line, " passed"), 12);
        assert_eq!(number_before(line, " failed"), 3);
        assert_eq!(number_before("12 tests in 0.1s", " test"), 12);
        assert_eq!(number_before("nothing", " passed"), 0);
    }
}

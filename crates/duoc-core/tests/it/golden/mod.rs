//! PyTorch's answers (`golden/`) as test cases. `golden/README.md` describes the files.
//!
//! `DUOC_TEST_OP=NAME` restricts the suites to the cases of one op. A case that is known to differ stands in
//! `golden/differences.txt` with the reason; an entry whose case passes again is an error too.

pub mod compare;
pub mod read;
pub mod run;

use duoc_core::{Error, ErrorKind, catch};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

/// One line of a golden file.
pub struct Case {
    /// Its contents.
    pub json: serde_json::Value,
    /// The FNV-1a hash of the line: the case's name in `differences.txt`.
    pub key: String,
    /// The full name of the op, in files that are about ops.
    pub op: String,
}

impl Case {
    pub fn get(&self, name: &str) -> &serde_json::Value {
        &self.json[name]
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../golden")
}

/// The cases of one file.
pub fn cases(file: &str) -> Vec<Case> {
    let path = folder().join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let parse = |line: &str| {
        let json: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let op = json["op"].as_str().unwrap_or("").to_string();
        Case {
            json,
            key: format!("{:08x}", fnv(line.as_bytes()) as u32),
            op,
        }
    };
    text.lines().map(parse).collect()
}

/// The cases of all op files whose op `DUOC_TEST_OP` selects.
pub fn op_cases() -> Vec<Case> {
    let mut names: Vec<String> = std::fs::read_dir(folder().join("ops"))
        .expect("the golden files are there")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let only = std::env::var("DUOC_TEST_OP").ok();
    let wanted = |n: &String| only.as_ref().is_none_or(|o| *n == format!("{o}.jsonl"));
    names
        .iter()
        .filter(|n| wanted(n))
        .flat_map(|n| cases(&format!("ops/{n}")))
        .collect()
}

/// FNV-1a, 64 bits.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| {
        (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
    })
}

/// The exception that PyTorch raises for an error of this kind.
pub fn class(e: &Error) -> &'static str {
    match e.kind() {
        ErrorKind::Runtime => "RuntimeError",
        ErrorKind::LinAlg => "_LinAlgError",
        ErrorKind::Value => "ValueError",
        ErrorKind::Type => "TypeError",
        ErrorKind::Index => "IndexError",
        ErrorKind::Key => "KeyError",
        ErrorKind::NotImplemented => "NotImplementedError",
        ErrorKind::Assertion => "AssertionError",
        ErrorKind::ZeroDivision => "ZeroDivisionError",
        ErrorKind::Overflow => "OverflowError",
        ErrorKind::OutOfMemory => "OutOfMemoryError",
        _ => "OSError",
    }
}

/// Runs one case; a panic that is not a thrown error is a failure like any other.
pub fn guarded(check: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    match catch_unwind(AssertUnwindSafe(|| catch(check))) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(e)) => Err(format!("threw {}: {}", class(&e), e.message())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()));
            Err(format!("PANIC: {}", text.unwrap_or_default()))
        }
    }
}

/// Collects what a suite finds and judges it against `golden/differences.txt`.
pub struct Suite {
    name: &'static str,
    known: BTreeMap<String, String>,
    used: Vec<String>,
    ran: usize,
    failures: BTreeMap<String, Vec<String>>,
}

impl Suite {
    pub fn new(name: &'static str) -> Suite {
        let text = std::fs::read_to_string(folder().join("differences.txt")).unwrap_or_default();
        let mut known = BTreeMap::new();
        for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            let [suite, op, key, reason] = words[..] else {
                panic!("differences.txt: {line:?} is not `suite op key reason`")
            };
            if suite == name {
                known.insert(key.to_string(), format!("{op} {reason}"));
            }
        }
        Suite {
            name,
            known,
            used: Vec::new(),
            ran: 0,
            failures: BTreeMap::new(),
        }
    }

    /// Runs one case.
    pub fn check(&mut self, case: &Case, what: &str, check: impl FnOnce() -> Result<(), String>) {
        self.ran += 1;
        let outcome = guarded(check);
        match (outcome, self.known.contains_key(&case.key)) {
            (Ok(()), _) => {}
            (Err(_), true) => self.used.push(case.key.clone()),
            (Err(e), false) => {
                let op = if case.op.is_empty() {
                    what.to_string()
                } else {
                    case.op.clone()
                };
                self.failures
                    .entry(op)
                    .or_default()
                    .push(format!("{} {what}: {e}", case.key));
            }
        }
    }

    /// Reports and fails unless every case passed or is known to differ.
    pub fn finish(self) {
        let failed: usize = self.failures.values().map(Vec::len).sum();
        let all = std::env::var_os("DUOC_TEST_ALL").is_some();
        for (op, list) in &self.failures {
            println!("{op}: {} cases differ", list.len());
            for f in list.iter().take(if all { usize::MAX } else { 3 }) {
                println!("    {}", f.chars().take(600).collect::<String>());
            }
        }
        println!(
            "{}: {} cases, {failed} differ, {} known to differ",
            self.name,
            self.ran,
            self.used.len()
        );
        if std::env::var_os("DUOC_TEST_OP").is_none() {
            for (key, what) in self.known.iter().filter(|(k, _)| !self.used.contains(k)) {
                println!(
                    "differences.txt: {} {key} ({what}) does not differ any more, or is gone",
                    self.name
                );
            }
            assert!(self.used.len() >= self.known.len(), "stale entries in differences.txt");
        }
        assert_eq!(failed, 0, "{} cases of suite {} differ from PyTorch", failed, self.name);
    }
}

/// Held by tests that use what the whole process shares: the default generator, print options, the number of threads.
pub fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

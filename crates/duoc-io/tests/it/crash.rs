//! A process that saves is killed, or runs out of room: the old file or the new one is there, whole, and nothing else stays.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use duoc_core::{Scalar, Tensor};
use duoc_io::{Dict, load_pt, load_safetensors, save_pt, save_safetensors};

const VARIABLE: &str = "DUOC_IO_SAVES_TO";
const ELEMENTS: i64 = 100_000;

/// A checkpoint all of whose elements are `n`.
fn checkpoint(n: i64) -> [(&'static str, Tensor); 2] {
    let full = |size: &[i64]| Tensor::options().full(size, Scalar::Int(n));
    [("a", full(&[ELEMENTS])), ("b", full(&[3, 7]))]
}

fn save(folder: &Path, n: i64) -> duoc_core::Result<()> {
    let tensors = checkpoint(n);
    save_pt(
        folder.join("model.pt"),
        &Dict::from_iter(tensors.iter().map(|(k, t)| (k, t))).into(),
    )?;
    save_safetensors(
        folder.join("model.safetensors"),
        tensors.iter().map(|(k, t)| (*k, t)),
        &[],
    )
}

/// The number that a whole checkpoint consists of.
fn number(tensors: &[&Tensor]) -> f32 {
    let first = tensors[0].to_vec::<f32>()[0];
    assert_eq!(tensors[0].numel(), ELEMENTS as usize);
    for t in tensors {
        assert!(
            t.to_vec::<f32>().iter().all(|x| *x == first),
            "a mix of two checkpoints"
        );
    }
    first
}

fn loaded(folder: &Path) -> (f32, f32) {
    let pt = load_pt(folder.join("model.pt")).unwrap();
    let st = load_safetensors(folder.join("model.safetensors")).unwrap();
    (
        number(&[
            pt.get("a").unwrap().tensor().unwrap(),
            pt.get("b").unwrap().tensor().unwrap(),
        ]),
        number(&[&st.tensors["a"], &st.tensors["b"]]),
    )
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().flatten();
    let mut names: Vec<String> = entries.map(|e| e.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn folder(name: &str) -> PathBuf {
    let folder = crate::place(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Not a test by itself: what the child processes run.
#[test]
#[ignore = "runs as a child process of the other tests of this file"]
fn child() {
    let Some(folder) = std::env::var_os(VARIABLE) else {
        return;
    };
    for n in 1.. {
        if let Err(e) = save(Path::new(&folder), n) {
            println!("{:?} {e}", e.kind());
            return;
        }
    }
}

fn command(shell: Option<&str>, folder: &Path) -> Command {
    let this = std::env::current_exe().unwrap();
    let mut command = match shell {
        None => Command::new(this),
        Some(script) => {
            let mut sh = Command::new("sh");
            sh.arg("-c").arg(format!("{script} exec \"$0\" \"$@\"")).arg(this);
            sh
        }
    };
    command.args(["crash::child", "--exact", "--ignored", "--nocapture"]);
    command
        .env(VARIABLE, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
fn a_kill_at_any_time_leaves_the_old_checkpoint_or_the_new_one() {
    let rounds = std::env::var("DUOC_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(25);
    let folder = folder("killed");
    save(&folder, 0).unwrap();
    let mut leftovers = 0;
    for round in 0..rounds {
        let mut child = command(None, &folder).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(9_000 + 2_345 * (round * 7 % 11)));
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        loaded(&folder);
        leftovers += names(&folder).len() - 2;
    }
    println!("{rounds} kills, {leftovers} temporary files found");
    save(&folder, 0).unwrap();
    assert_eq!(
        names(&folder),
        ["model.pt", "model.safetensors"],
        "the next save removes what was left"
    );
    assert_eq!(loaded(&folder), (0.0, 0.0));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_full_disk_leaves_the_old_checkpoint() {
    let folder = folder("full");
    save(&folder, 0).unwrap();
    // The limit on a file's size stands for the disk's: the write fails in the middle.
    let out = command(Some("trap '' XFSZ; ulimit -f 100;"), &folder).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("Io saving") && said.contains("model.pt"), "{said}");
    assert_eq!(loaded(&folder), (0.0, 0.0));
    assert_eq!(names(&folder), ["model.pt", "model.safetensors"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn leftovers_of_the_living_stay() {
    let folder = folder("living");
    let path = folder.join("x");
    duoc_io::write_atomically(&path, |f| {
        f.write_all(b"1")?;
        assert_eq!(duoc_io::remove_leftovers(&path).unwrap(), 0, "this writer lives");
        Ok(())
    })
    .unwrap();
    std::fs::write(folder.join(".x.123-4.tmp"), b"dead").unwrap();
    std::fs::write(folder.join(".x.mine.tmp"), b"somebody else's").unwrap();
    assert_eq!(duoc_io::remove_leftovers(&path).unwrap(), 1);
    assert_eq!(names(&folder), [".x.mine.tmp", "x"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

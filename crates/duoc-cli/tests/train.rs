//! `duoc train` as a user runs it: killed in the middle, it goes on to the same numbers.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn duoc(args: &[&str], dir: &Path) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_duoc"));
    c.args(args).arg(dir).stdin(Stdio::null()).env("OMP_NUM_THREADS", "1");
    c
}

fn done(mut c: Command) -> Output {
    let out = c.output().expect("duoc runs");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    out
}

fn folder(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("train-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

fn read(path: PathBuf) -> Vec<u8> {
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Shuffling, augmentation, dropout, momentum and a schedule: all that a step depends on.
const RUN: [&str; 17] = [
    "train",
    "mlp",
    "digits",
    "--hidden",
    "32",
    "--dropout",
    "0.2",
    "--augment",
    "--schedule",
    "onecycle",
    "--epochs",
    "6",
    "--save-every",
    "7",
    "--workers",
    "2",
    "--run",
];

#[test]
fn a_killed_run_ends_as_one_that_was_not() {
    let (whole, killed) = (folder("whole"), folder("killed"));
    done(duoc(&RUN, &whole));
    let mut child = duoc(&RUN, &killed).stdout(Stdio::null()).spawn().expect("duoc starts");
    // Killed once it has saved some steps; on a fast machine it may have finished before.
    let (start, metrics) = (Instant::now(), killed.join("metrics.csv"));
    let steps =
        || std::fs::read_to_string(&metrics).map_or(0, |t| t.lines().filter(|l| l.contains("train/loss")).count());
    while steps() < 30 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    let _ = child.wait();
    assert!(killed.join("last.pt").exists(), "nothing was saved");
    done(duoc(&["train", "--resume"], &killed));
    for name in ["metrics.csv", "model.safetensors"] {
        let (a, b) = (read(whole.join(name)), read(killed.join(name)));
        assert!(a == b, "{name} differs");
    }
    std::fs::remove_dir_all(&whole).unwrap();
    std::fs::remove_dir_all(&killed).unwrap();
}

#[test]
fn wrong_arguments_are_said_and_nothing_is_written() {
    let dir = folder("wrong");
    for (args, said) in [
        (&["train", "gpt", "digits", "--run"][..], "text is for lstm and gpt"),
        (&["train", "mlp", "mnist", "--run"], "where is the data"),
        (
            &["train", "mlp", "digits", "--optimizer", "speedy", "--run"],
            "there is no optimizer speedy",
        ),
        (
            &["train", "mlp", "digits", "--lr", "-1", "--run"],
            "Invalid learning rate",
        ),
        (&["train", "mlp", "csv", "nowhere.csv", "--run"], "nowhere.csv"),
        (&["train", "--resume"], "last.pt"),
    ] {
        let out = duoc(args, &dir).output().unwrap();
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && text.contains(said), "{args:?}: {text}");
        assert!(!dir.join("last.pt").exists());
    }
}

#[test]
fn a_trained_network_answers() {
    let dir = folder("predict");
    std::fs::create_dir_all(&dir).unwrap();
    let table = dir.join("points.csv");
    let rows: String = (0..200)
        .map(|i| {
            let (x, y) = ((i * 37 % 100) as f64 / 50.0 - 1.0, (i * 61 % 100) as f64 / 50.0 - 1.0);
            format!("{x},{y},{}\n", if x + y > 0.0 { "above" } else { "below" })
        })
        .collect();
    std::fs::write(&table, format!("x,y,side\n{rows}")).unwrap();
    let run = dir.join("run");
    let path = table.to_string_lossy().into_owned();
    let args = [
        "train",
        "mlp",
        "csv",
        &path,
        "--epochs",
        "30",
        "--lr",
        "0.01",
        "--batch-size",
        "16",
        "--hidden",
        "16",
        "--run",
    ];
    done(duoc(&args, &run));
    for (numbers, side) in [("0.9,0.8", "above"), ("-0.9,-0.8", "below")] {
        let mut c = duoc(&["predict"], &run);
        let out = done({
            c.arg("--").arg(numbers);
            c
        });
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            text.lines().next().is_some_and(|l| l.contains(side)),
            "{numbers}: {text}"
        );
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Every model makes a few steps on its kind of data, goes on from its checkpoint, answers, and can be summarised.
#[test]
fn every_model_learns_goes_on_and_answers() {
    let home = folder("models");
    std::fs::create_dir_all(&home).unwrap();
    let text = home.join("text.txt");
    std::fs::write(&text, "the quick brown fox jumps over the lazy dog. ".repeat(60)).unwrap();
    let picture = home.join("picture.png");
    image::GrayImage::from_fn(9, 9, |x, y| image::Luma([(x * y * 3) as u8]))
        .save(&picture)
        .unwrap();
    let (text, picture) = (
        text.to_string_lossy().into_owned(),
        picture.to_string_lossy().into_owned(),
    );
    for (model, data, more, question) in [
        ("lenet", vec!["digits"], "", picture.as_str()),
        ("resnet", vec!["digits"], "--layers 1 --hidden 8 --augment", &picture),
        ("lstm", vec!["text", &text], "--hidden 16 --context 20", "the quick"),
        (
            "gpt",
            vec!["text", &text],
            "--hidden 16 --context 20 --layers 1",
            "the quick",
        ),
    ] {
        let run = home.join(model);
        let mut args = vec!["train", model];
        args.extend(data);
        args.extend(more.split_whitespace());
        args.extend(["--epochs", "2", "--max-steps", "4", "--run"]);
        done(duoc(&args, &run));
        done(duoc(&["train", "--resume"], &run));
        let out = done({
            let mut c = duoc(&["predict"], &run);
            c.arg(question);
            c
        });
        assert!(!out.stdout.is_empty(), "{model}");
        let out = done(duoc(&["summary"], &run));
        let table = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(table.contains("Total params"), "{model}: {table}");
    }
    std::fs::remove_dir_all(&home).unwrap();
}

#[test]
fn summaries_of_known_models() {
    for (name, parameters) in [("lenet", "61,706"), ("resnet18", "11,689,512"), ("lstm", "1,020,160")] {
        let mut c = Command::new(env!("CARGO_BIN_EXE_duoc"));
        c.args(["summary", name]);
        let out = done(c);
        let table = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(table.contains(parameters), "{name}: {table}");
    }
    let mut c = Command::new(env!("CARGO_BIN_EXE_duoc"));
    c.args(["summary", "resnet19"]);
    let out = c.output().unwrap();
    assert!(!out.status.success() && String::from_utf8_lossy(&out.stderr).contains("resnet18"));
}

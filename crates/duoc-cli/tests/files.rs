//! `duoc inspect` and `duoc convert` as a user runs them.

use std::process::{Command, Output};

use duoc::io::{Dict, Object, load_tensors, save_pt};
use duoc::prelude::*;

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_duoc")).args(args).output().unwrap()
}

#[test]
fn a_file_is_shown_and_converted() {
    let folder = std::env::temp_dir().join(format!("duoc-cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let weight = tensor!([[1.0, 2.0], [3.0, 4.0]]);
    let checkpoint = Dict::from_iter([("weight", Object::from(&weight)), ("epoch", 3.into())]);
    save_pt(path("a.pt"), &checkpoint.into()).unwrap();

    let shown = run(&["inspect", &path("a.pt")]);
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(
        shown.status.success() && text.contains("weight  float32  [2, 2]") && text.contains("epoch = 3"),
        "{text}"
    );

    let done = run(&["convert", &path("a.pt"), &path("b.safetensors")]);
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(
        done.status.success() && text.contains("left out") && text.contains("epoch"),
        "{text}"
    );
    assert_eq!(
        load_tensors(path("b.safetensors")).unwrap()[0].1.to_vec::<f32>(),
        [1.0, 2.0, 3.0, 4.0]
    );

    let failed = run(&["inspect", &path("none.pt")]);
    let text = String::from_utf8_lossy(&failed.stderr);
    assert!(
        !failed.status.success() && text.starts_with("duoc: ") && text.contains("none.pt"),
        "{text}"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

//! The record of a run, and its going on after a kill.

use duoc_train::Metrics;
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("metrics-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    dir
}

#[test]
fn a_resumed_record_has_the_rows_of_one_run() {
    let dir = folder("resume");
    let mut m = Metrics::create(&dir).unwrap();
    for step in 1..=6 {
        m.add(step, 0, "train/loss", 1.0 / step as f64).unwrap();
    }
    m.add(6, 1, "test/accuracy", 0.5).unwrap();
    m.flush().unwrap();
    let path = dir.join("metrics.csv");
    // A kill in the middle of a row leaves a part of it.
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}7,1,train/lo")).unwrap();
    let mut m = Metrics::resume(&dir, 4).unwrap();
    m.add(5, 0, "train/loss", 0.25).unwrap();
    m.flush().unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), 6, "{text}");
    assert_eq!(rows[3], "3,0,train/loss,0.3333333333333333");
    assert_eq!(rows[5], "5,0,train/loss,0.25");
    let drawn = m.draw("a run").unwrap();
    assert_eq!(drawn.len(), 1);
    assert!(std::fs::read_to_string(&drawn[0]).unwrap().contains("a run: loss"));
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn what_is_no_record_is_an_error_and_stays() {
    let dir = folder("bad");
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("metrics.csv");
    for text in [
        "hello",
        "step,epoch,name,value\n1,2\n3,4,x,5\n",
        "step,epoch,name,value\na,b,c,d\n",
    ] {
        std::fs::write(&path, text).unwrap();
        let e = Metrics::resume(&dir, 10).err().expect("an error").to_string();
        assert!(e.contains("metrics.csv"), "{e}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

/// Records of the event file, their lengths checked: TensorBoard itself is not part of the tests.
fn records(bytes: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let n = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        out.push(&rest[12..12 + n]);
        rest = &rest[16 + n..];
    }
    out
}

#[test]
fn events_are_records_of_scalars() {
    let dir = folder("events");
    let mut m = Metrics::create(&dir).unwrap();
    m.add(300, 0, "train/loss", 0.5).unwrap();
    m.flush().unwrap();
    let events = std::fs::read_dir(&dir)
        .unwrap()
        .flatten()
        .find(|f| f.file_name().to_string_lossy().contains("tfevents"));
    let bytes = std::fs::read(events.expect("an event file").path()).unwrap();
    let records = records(&bytes);
    assert_eq!(records.len(), 2);
    assert!(records[0].ends_with(b"brain.Event:2"));
    // step 300 as field 2; the summary with tag and float32 value as field 5.
    assert_eq!(records[1][9..12], [0x10, 0xac, 0x02]);
    let summary = [
        &[0x2a, 0x13, 0x0a, 0x11, 0x0a, 0x0a][..],
        b"train/loss",
        &[0x15],
        &0.5f32.to_le_bytes(),
    ]
    .concat();
    assert_eq!(records[1][12..], summary);
    std::fs::remove_dir_all(&dir).unwrap();
}

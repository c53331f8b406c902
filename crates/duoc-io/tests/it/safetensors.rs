//! safetensors: round trips of every dtype, the layout of the file, and broken files.

use duoc_core::{DType, ErrorKind, Tensor};
use duoc_io::{load_safetensors, safetensors_from_bytes, save_safetensors};

fn place(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("duoc-io-{}-{name}", std::process::id()))
}

#[test]
fn every_dtype_makes_the_round_trip() {
    let x = Tensor::from_slice(&[0.0f32, 1.0, 2.0, 100.0]);
    let kept: Vec<(String, Tensor)> = DType::ALL
        .into_iter()
        .filter(|d| !d.is_complex())
        .map(|d| (format!("of.{}", d.name()), x.to_dtype(d).view(&[2, 2]).t()))
        .collect();
    let path = place("all.safetensors");
    save_safetensors(&path, kept.iter().map(|(n, t)| (n.as_str(), t)), &[("seed", "0")]).unwrap();
    let file = load_safetensors(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(file.metadata["seed"], "0");
    assert_eq!(file.tensors.len(), kept.len());
    for (name, t) in &kept {
        let back = &file.tensors[name];
        assert_eq!((back.dtype(), back.shape()), (t.dtype(), t.shape()));
        assert_eq!(back.to_vec::<f64>(), t.to_vec::<f64>(), "{name}");
    }
}

#[test]
fn scalars_and_empty_tensors() {
    let path = place("small.safetensors");
    let (a, b) = (Tensor::scalar(2.5, DType::F32).unwrap(), Tensor::zeros(&[0, 3]));
    save_safetensors(&path, [("a", &a), ("b", &b)], &[]).unwrap();
    let file = load_safetensors(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(file.tensors["a"].shape(), [] as [usize; 0]);
    assert_eq!(file.tensors["b"].shape(), [0, 3]);
    assert!(save_safetensors(&path, [("a", &a), ("a", &b)], &[]).is_err());
}

/// A file by hand: the length of the header, the header, the elements.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

#[test]
fn a_file_written_by_hand() {
    let header = r#"{"x":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#;
    let t = safetensors_from_bytes(&file(header, &[0x80, 0x3f, 0x00, 0xc0]))
        .unwrap()
        .tensors;
    assert_eq!(t["x"].to_vec::<f32>(), [1.0, -2.0]);
}

#[test]
fn broken_files_are_errors() {
    let header = r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let good = file(header, &[0; 8]);
    safetensors_from_bytes(&good).unwrap();
    for n in 0..good.len() {
        assert!(safetensors_from_bytes(&good[..n]).is_err(), "cut to {n} bytes");
    }
    for header in [
        r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,9]}}"#,
        r#"{"x":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#,
        r#"{"x":{"dtype":"F32","shape":[4611686018427387904,16],"data_offsets":[0,8]}}"#,
        r#"{"x":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#,
        r#"{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}"#,
        r#"{"x":{"dtype":"Q9","shape":[2],"data_offsets":[0,8]}}"#,
        "[]",
    ] {
        let e = safetensors_from_bytes(&file(header, &[0; 8]))
            .err()
            .unwrap_or_else(|| panic!("{header} was taken"));
        assert_eq!(e.kind(), ErrorKind::Value, "{header}");
    }
    assert!(safetensors_from_bytes(&u64::MAX.to_le_bytes()).is_err());
}

//! Formats are told by their contents, looked into and converted.

use duoc_core::{DType, Tensor, tensor};
use duoc_io::{Dict, Format, Object, convert, inspect, load, load_tensors, save_pt};

use crate::{data, place};

#[test]
fn contents_tell_the_format() {
    assert_eq!(Format::of_contents(data("zip.pt")).unwrap(), Format::Pt);
    assert_eq!(Format::of_contents(data("legacy.pt")).unwrap(), Format::Pt);
    assert_eq!(Format::of_contents(data("stored.npz")).unwrap(), Format::Npz);
    assert!(Format::of_contents(env!("CARGO_MANIFEST_DIR").to_string() + "/Cargo.toml").is_err());
    assert!(Format::of_name("x.txt").is_err());
}

#[test]
fn a_file_is_described() {
    let path = place("inspected.pt");
    let weight = tensor![[1.0, 2.0], [3.0, f32::NAN]];
    let checkpoint = Dict::from_iter([("weight", Object::from(&weight)), ("epoch", 3.into())]);
    save_pt(&path, &checkpoint.into()).unwrap();
    let found = inspect(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let t = &found.tensors[0];
    assert_eq!(
        (t.name.as_str(), t.dtype, &t.shape[..]),
        ("weight", DType::F32, &[2, 2][..])
    );
    let s = t.statistics.unwrap();
    assert_eq!((s.min, s.max, s.mean, s.std, s.nan), (1.0, 3.0, 2.0, 1.0, 1));
    assert_eq!(found.others, [("epoch".to_string(), "3".to_string())]);
    let text = found.to_string();
    assert!(
        text.starts_with("PyTorch file of ") && text.contains("1 NaN") && text.contains("epoch = 3"),
        "{text}"
    );
}

#[test]
fn conversions_keep_the_tensors() {
    let (a, b) = (Tensor::randn(&[2, 3]), tensor![1, 2, 3]);
    let from = place("a.pt");
    save_pt(&from, &Dict::from_iter([("a", &a), ("b", &b)]).into()).unwrap();
    let mut before = from.clone();
    for ending in ["safetensors", "npz", "pth"] {
        let to = place("b").with_extension(ending);
        let done = convert(&before, &to).unwrap();
        assert_eq!((done.tensors, done.left_out.len()), (2, 0));
        std::fs::remove_file(&before).unwrap();
        before = to;
    }
    let back = load_tensors(&before).unwrap();
    assert_eq!(back[0].1.to_vec::<f32>().len() + back[1].1.numel(), 9);
    for (name, t) in back {
        match name.as_str() {
            "a" => assert_eq!(t.to_vec::<f32>(), a.to_vec::<f32>()),
            _ => assert_eq!(t.to_vec::<i64>(), b.to_vec::<i64>()),
        }
    }
    assert!(convert(&before, place("c.npy")).is_err(), "two tensors in one array");
    std::fs::remove_file(&before).unwrap();
}

#[test]
fn what_a_format_has_no_place_for_is_told() {
    let to = place("script.safetensors");
    let done = convert(data("script.pt"), &to).unwrap();
    assert_eq!(done.tensors, 4);
    assert!(done.left_out.iter().any(|n| n == "training"), "{:?}", done.left_out);
    let texts = place("texts.safetensors");
    let one = tensor![1.0];
    duoc_io::save_safetensors(&texts, [("x", &one)], &[("author", "nobody")]).unwrap();
    convert(&texts, &to).unwrap();
    let back = load(&to).unwrap();
    assert_eq!(back.at("__metadata__.author").unwrap().str().unwrap(), "nobody");
    std::fs::remove_file(&to).unwrap();
    std::fs::remove_file(&texts).unwrap();
}

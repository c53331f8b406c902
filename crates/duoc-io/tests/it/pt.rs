//! PyTorch's files: what it wrote is read in every form, what we write has the same contents, hostile files are errors.

use duoc_core::{DType, ErrorKind, Tensor, tensor};
use duoc_io::{
    Dict, Object, PtOptions, load_pt, load_pt_with, load_state_dict, pt_from_bytes, pt_to_bytes, save_pt,
    save_state_dict,
};

use crate::{data, place};

/// What `golden/record_pickles.py` put into the checkpoints.
fn check(checkpoint: &Object) {
    let t = |path: &str| checkpoint.at(path).unwrap().tensor().unwrap().clone();
    let base = t("model.weight");
    let range: Vec<f32> = (0..12u8).map(f32::from).collect();
    assert_eq!((base.shape(), base.to_vec::<f32>()), (&[3, 4][..], range));
    assert_eq!(t("model.turned").strides(), [1, 4]);
    assert_eq!(t("model.part").to_vec::<f32>(), [4.0, 6.0, 8.0, 10.0]);
    for name in ["model.turned", "model.part", "same"] {
        assert!(
            t(name).storage().same(base.storage()),
            "{name} has the storage of weight"
        );
        assert!(!t(name).is_view(), "{name} is a tensor of its own");
    }
    assert!(t("same").is_same(&base), "the same tensor twice is one tensor");
    assert!(!base.requires_grad() && t("model.bias").requires_grad());
    assert_eq!(t("model.bias").to_vec::<f32>(), [1.5, -2.5]);
    let model = checkpoint.get("model").unwrap().dict().unwrap();
    assert!(model.ordered);
    let attributes = model.attributes.as_ref().unwrap();
    assert_eq!(
        attributes
            .get("_metadata")
            .unwrap()
            .get("")
            .unwrap()
            .get("version")
            .unwrap()
            .int()
            .unwrap(),
        1
    );
    assert_eq!(t("optimizer.state.0.step").to_vec::<f32>(), [3.0]);
    let group = checkpoint.at("optimizer.param_groups.0").unwrap();
    assert_eq!(group.get("lr").unwrap().float().unwrap(), 1e-3);
    assert_eq!(group.at("betas.1").unwrap().float().unwrap(), 0.999);
    assert!(matches!(group.get("foreach").unwrap(), Object::None));
    assert!(!group.get("maximize").unwrap().bool().unwrap());
    assert_eq!(group.get("params").unwrap().items().unwrap().len(), 2);
    assert_eq!(checkpoint.get("big").unwrap().int().unwrap(), 1 << 40);
    assert!(matches!(checkpoint.get("seed").unwrap(), Object::UInt(u64::MAX)));
    assert_eq!(checkpoint.get("negative").unwrap().int().unwrap(), -5);
    assert!(matches!(checkpoint.get("size").unwrap(), Object::Size(s) if s[..] == [3, 4]));
    assert!(matches!(checkpoint.get("dtype").unwrap(), Object::DType(DType::BF16)));
    assert!(matches!(checkpoint.get("device").unwrap(), Object::Device(d) if &**d == "cpu"));
    assert_eq!(checkpoint.get("bytes").unwrap().bytes().unwrap(), b"a\xff");
    assert!(matches!(checkpoint.get("set").unwrap(), Object::Set(v) if v.len() == 1));
    assert!(matches!(checkpoint.get("complex").unwrap(), Object::Complex(z) if **z == (1.0, 2.0)));
    assert_eq!(checkpoint.get("text").unwrap().str().unwrap(), "đuốc");
    assert_eq!(t("empty").shape(), [0, 3]);
    assert_eq!(
        (t("number").dtype(), t("number").to_vec::<i64>()),
        (DType::I64, vec![7])
    );
}

#[test]
fn every_form_of_pytorch_is_read() {
    for name in ["zip.pt", "protocol4.pt", "legacy.pt"] {
        check(&load_pt(data(name)).unwrap());
        check(&pt_from_bytes(&std::fs::read(data(name)).unwrap()).unwrap());
    }
}

#[test]
fn what_we_write_is_read_back_the_same() {
    let file = pt_to_bytes(&load_pt(data("zip.pt")).unwrap()).unwrap();
    let again = pt_from_bytes(&file).unwrap();
    check(&again);
    assert_eq!(pt_to_bytes(&again).unwrap(), file);
    let path = place("written.pt");
    save_pt(&path, &again).unwrap();
    check(&load_pt(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn every_dtype() {
    let expected: Vec<f64> = vec![0.0, 1.0, 2.0, 3.0];
    let names = load_state_dict(data("dtypes.pt")).unwrap();
    assert_eq!(names.len(), DType::ALL.len());
    let file = pt_to_bytes(&Dict::from_iter(names.iter().map(|(n, t)| (n, t))).into()).unwrap();
    for (name, t) in names.iter().chain(&pt_from_bytes(&file).unwrap().tensors()) {
        assert_eq!(t.dtype().name(), name);
        let parts = if t.dtype().is_complex() {
            return_real(t)
        } else {
            t.to_vec::<f64>()
        };
        let wanted = if t.dtype() == DType::Bool {
            vec![0.0, 1.0, 1.0, 1.0]
        } else {
            expected.clone()
        };
        assert_eq!(parts, wanted, "{name}");
    }
}

fn return_real(t: &Tensor) -> Vec<f64> {
    let part = if t.dtype() == DType::C64 {
        DType::F32
    } else {
        DType::F64
    };
    let flat = duoc_core::ops::view::view_dtype(t, part).unwrap();
    flat.to_vec::<f64>().chunks(2).map(|z| z[0]).collect()
}

#[test]
fn a_tensor_alone_other_byte_orders_and_missing_checksums() {
    assert_eq!(
        load_pt(data("tensor.pt")).unwrap().tensor().unwrap().to_vec::<f32>(),
        [0.0, 1.0, 2.0]
    );
    for name in ["little.pt", "big.pt", "unsummed.pt"] {
        let file = load_pt(data(name)).unwrap();
        assert_eq!(
            file.get("x").unwrap().tensor().unwrap().to_vec::<f32>(),
            [0.0, 1.0, 2.0],
            "{name}"
        );
    }
}

#[test]
fn torchscript_gives_its_parameters() {
    let tensors = load_state_dict(data("script.pt")).unwrap();
    let named: Vec<&str> = tensors.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(named, ["scale", "count", "child.weight", "child.bias"]);
    assert_eq!(tensors[2].1.to_vec::<f32>(), [1.0, -1.0]);
    let module = load_pt(data("script.pt")).unwrap();
    let Object::Record(record) = &module else {
        panic!("{module:?}")
    };
    assert!(record.class.starts_with("__torch__."), "{}", record.class);
    assert_eq!(module.at("names.1").unwrap().str().unwrap(), "b");
}

#[test]
fn a_class_that_is_not_allowed_is_named_and_never_made() {
    let e = load_pt(data("module.pt")).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Value);
    assert!(e.message().contains("torch.nn.modules.linear.Linear"), "{e}");
    let options = PtOptions {
        unknown_as_records: true,
    };
    let module = load_pt_with(data("module.pt"), options).unwrap();
    let looked_at = duoc_io::inspect(data("module.pt")).unwrap();
    assert_eq!(looked_at.tensors[0].name, "_parameters.weight");
    let tensors = place("module.safetensors");
    assert_eq!(duoc_io::convert(data("module.pt"), &tensors).unwrap().tensors, 2);
    std::fs::remove_file(&tensors).unwrap();
    assert_eq!(
        module.at("_parameters.weight").unwrap().tensor().unwrap().shape(),
        [1, 2]
    );
}

#[test]
fn state_dicts_keep_order_and_names() {
    let path = place("state.pt");
    let (a, b) = (tensor![1.0, 2.0], tensor![3]);
    save_state_dict(&path, [("z.weight", &a), ("a.bias", &b)]).unwrap();
    let back = load_state_dict(&path).unwrap();
    assert_eq!(
        back.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
        ["z.weight", "a.bias"]
    );
    assert!(save_state_dict(&path, [("x", &a), ("x", &b)]).is_err());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn what_is_missing_is_named() {
    let checkpoint = load_pt(data("zip.pt")).unwrap();
    let e = checkpoint.at("model.wieght").unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Key);
    assert!(
        e.message().contains("wieght") && e.message().contains("\"weight\""),
        "{e}"
    );
    let e = checkpoint.get("big").unwrap().tensor().unwrap_err();
    assert_eq!(e.message(), "expected a tensor, found an int");
    assert_eq!(
        checkpoint.at("optimizer.param_groups.7").unwrap_err().kind(),
        ErrorKind::Index
    );
}

#[test]
fn what_no_checkpoint_can_hold_is_an_error_and_leaves_the_old_file() {
    let path = place("kept.pt");
    save_pt(&path, &Object::from(1)).unwrap();
    let x = tensor![1.0f32, 2.0];
    let bits = duoc_core::ops::view::view_dtype(&x, DType::I32).unwrap();
    let twice = Object::List(vec![x.into(), bits.into()]);
    assert_eq!(save_pt(&path, &twice).unwrap_err().kind(), ErrorKind::Type);
    let mut deep = Object::None;
    for _ in 0..300 {
        deep = Object::List(vec![deep]);
    }
    assert_eq!(save_pt(&path, &deep).unwrap_err().kind(), ErrorKind::Value);
    assert_eq!(load_pt(&path).unwrap().int().unwrap(), 1);
    std::fs::remove_file(&path).unwrap();
}

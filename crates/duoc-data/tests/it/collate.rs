//! Samples put together.

use std::collections::{BTreeMap, HashMap};

use duoc_core::{DType, ErrorKind, Tensor, tensor};
use duoc_data::Collate;

#[test]
fn numbers_tensors_and_texts() {
    assert_eq!(f64::collate(vec![1.0, 2.0]).unwrap().dtype(), DType::F64);
    assert_eq!(i64::collate(vec![1, 2]).unwrap().to_vec::<i64>(), [1, 2]);
    assert_eq!(bool::collate(vec![true, false]).unwrap().dtype(), DType::Bool);
    let stacked = Tensor::collate(vec![tensor![1.0, 2.0], tensor![3.0, 4.0]]).unwrap();
    assert_eq!(stacked.shape(), [2, 2]);
    assert_eq!(String::collate(vec!["a".into(), "b".into()]).unwrap(), ["a", "b"]);
    let e = Tensor::collate(vec![tensor![1.0], tensor![1.0, 2.0]]).unwrap_err();
    assert!(e.message().contains("equal size"), "{e}");
}

#[test]
fn collections() {
    let (x, label, name) =
        <(Tensor, i64, String)>::collate(vec![(tensor![[1.0]], 3, "a".into()), (tensor![[2.0]], 4, "b".into())])
            .unwrap();
    assert_eq!(
        (x.shape(), label.to_vec::<i64>(), name),
        (&[2, 1][..], vec![3, 4], vec!["a".to_string(), "b".into()])
    );
    let [a, b] = <[Tensor; 2]>::collate(vec![[tensor![1], tensor![2]], [tensor![3], tensor![4]]]).unwrap();
    assert_eq!((a.to_vec::<i64>(), b.to_vec::<i64>()), (vec![1, 3], vec![2, 4]));
    let lists = Vec::<i64>::collate(vec![vec![1, 2], vec![3, 4]]).unwrap();
    assert_eq!(lists[1].to_vec::<i64>(), [2, 4]);
    assert!(Vec::<i64>::collate(vec![vec![1, 2], vec![3]]).is_err());
    let map = |x: i64| BTreeMap::from([("x", x)]);
    assert_eq!(
        BTreeMap::collate(vec![map(1), map(2)]).unwrap()["x"].to_vec::<i64>(),
        [1, 2]
    );
    let other = HashMap::from([("y", 1i64)]);
    let e = HashMap::collate(vec![HashMap::from([("x", 1i64)]), other]).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Key);
}

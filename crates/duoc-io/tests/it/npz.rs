//! `.npz`: NumPy's files are read, ours hold the same, and what unpacks to too much is refused.

use duoc_core::{DType, Tensor, tensor};
use duoc_io::{load_npz, npz_from_bytes, npz_to_bytes, save_npz};

use crate::{data, place};

#[test]
fn numpys_files_are_read() {
    for name in ["stored.npz", "deflated.npz"] {
        let arrays = load_npz(data(name)).unwrap();
        assert_eq!((arrays[0].0.as_str(), arrays[0].1.shape()), ("a", &[2, 3][..]));
        assert_eq!(arrays[0].1.to_vec::<f32>(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((arrays[1].0.as_str(), arrays[1].1.dtype()), ("b/c", DType::F64));
        assert_eq!(
            arrays[1].1.to_vec::<f64>(),
            [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        );
        if name == "deflated.npz" {
            assert_eq!(arrays[2].1.to_vec::<f64>(), [0.0; 1000]);
        }
    }
}

#[test]
fn round_trips() {
    let (a, b) = (tensor![[1.0, 2.0], [3.0, 4.0]], Tensor::zeros(&[10_000]));
    for compressed in [false, true] {
        let path = place("round.npz");
        save_npz(&path, [("a", &a.t()), ("b", &b)], compressed).unwrap();
        let size = std::fs::metadata(&path).unwrap().len();
        assert_eq!(size > 40_000, !compressed);
        let back = load_npz(&path).unwrap();
        assert_eq!(back[0].1.to_vec::<f32>(), [1.0, 3.0, 2.0, 4.0]);
        assert_eq!(back[1].1.to_vec::<f32>(), [0.0; 10_000]);
        std::fs::remove_file(&path).unwrap();
    }
    assert!(npz_to_bytes([("a", &a), ("a", &b)], false).is_err(), "a name twice");
    assert!(
        npz_to_bytes([("../a", &a)], false).is_err(),
        "a name that leads elsewhere"
    );
    assert!(
        npz_to_bytes([("a", &a.to_dtype(DType::BF16))], false).is_err(),
        "a dtype that NumPy lacks"
    );
    assert!(npz_from_bytes(&npz_to_bytes([], false).unwrap()).unwrap().is_empty());
}

#[test]
fn a_small_file_that_unpacks_to_much_is_refused_unless_asked_for() {
    let zeros = Tensor::zeros(&[16 << 20]);
    let path = place("bomb.npz");
    save_npz(&path, [("zeros", &zeros)], true).unwrap();
    let e = load_npz(&path).unwrap_err();
    assert!(e.message().contains("load_npz_up_to"), "{e}");
    assert_eq!(duoc_io::load_npz_up_to(&path, 1 << 30).unwrap()[0].1.numel(), 16 << 20);
    std::fs::remove_file(&path).unwrap();
}

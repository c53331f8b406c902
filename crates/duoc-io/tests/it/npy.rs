//! `.npy`: NumPy's own bytes in both directions, every dtype, and hostile headers.

use duoc_core::{DType, ErrorKind, Tensor};
use duoc_io::{load_npy, npy_from_bytes, npy_to_bytes, save_npy};

/// A file with the given header text and data, padded as NumPy pads it.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut f = b"\x93NUMPY\x01\x00".to_vec();
    let pad = 64 - (f.len() + 2 + header.len() + 1) % 64;
    let text = format!("{header}{}\n", " ".repeat(pad));
    f.extend((text.len() as u16).to_le_bytes());
    f.extend(text.as_bytes());
    f.extend(data);
    f
}

fn bytes<T: Copy, const N: usize>(values: &[T], to: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|v| to(*v)).collect()
}

/// `np.save` of `np.array([1, 2, 3])`: 21 spaces less the digits of the first size keep room for growth.
#[test]
fn the_bytes_are_numpys() {
    let header = format!(
        "{{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }}{}",
        " ".repeat(20)
    );
    let want = file(&header, &bytes(&[1i64, 2, 3], i64::to_le_bytes));
    assert_eq!(want.len(), 128 + 24);
    assert_eq!(npy_to_bytes(&Tensor::from_slice(&[1i64, 2, 3])).unwrap(), want);
    assert_eq!(npy_from_bytes(&want).unwrap().to_vec::<i64>(), [1, 2, 3]);
}

#[test]
fn fortran_order_becomes_strides_and_back() {
    let header = format!(
        "{{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }}{}",
        " ".repeat(20)
    );
    let want = file(&header, &bytes(&[0.0f32, 3.0, 1.0, 4.0, 2.0, 5.0], f32::to_le_bytes));
    let t = npy_from_bytes(&want).unwrap();
    assert_eq!((t.shape(), t.strides()), (&[2usize, 3][..], &[1isize, 2][..]));
    assert_eq!(t.to_vec::<f32>(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(npy_to_bytes(&t).unwrap(), want);
}

#[test]
fn big_endian_0d_and_later_versions() {
    let be = file(
        "{'descr': '>i4', 'fortran_order': False, 'shape': (2,), }",
        &bytes(&[1i32, -2], i32::to_be_bytes),
    );
    assert_eq!(npy_from_bytes(&be).unwrap().to_vec::<i32>(), [1, -2]);
    let scalar = file("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", &[1]);
    let t = npy_from_bytes(&scalar).unwrap();
    assert_eq!((t.dim(), t.dtype()), (0, DType::Bool));
    for major in [2, 3] {
        let text = "{\"descr\": '<f8', 'fortran_order': False, 'shape': (1L,)}\n";
        let mut f = vec![0x93, b'N', b'U', b'M', b'P', b'Y', major, 0];
        f.extend((text.len() as u32).to_le_bytes());
        f.extend(text.as_bytes());
        f.extend(1.5f64.to_le_bytes());
        assert_eq!(npy_from_bytes(&f).unwrap().to_vec::<f64>(), [1.5]);
    }
}

#[test]
fn every_dtype_makes_the_round_trip() {
    let x = Tensor::from_slice(&[0.0f32, 1.0, 2.0, 100.0]);
    for dtype in DType::ALL {
        if dtype.is_complex() {
            continue;
        }
        let t = x.to_dtype(dtype).view(&[2, 2]);
        match npy_to_bytes(&t) {
            Ok(file) => {
                let back = npy_from_bytes(&file).unwrap();
                assert_eq!((back.dtype(), back.shape()), (dtype, t.shape()));
                assert_eq!(back.to_vec::<f64>(), t.to_vec::<f64>(), "{dtype}");
            }
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Type);
                assert!(dtype == DType::BF16 || dtype.is_float8(), "{dtype}: {e}");
            }
        }
    }
    let empty = Tensor::zeros(&[3, 0]);
    assert_eq!(npy_from_bytes(&npy_to_bytes(&empty).unwrap()).unwrap().shape(), [3, 0]);
    let every_second = Tensor::from_slice(&[1i64, 2, 3, 4, 5, 6]).as_strided(&[3], &[2], Some(0));
    assert_eq!(
        npy_from_bytes(&npy_to_bytes(&every_second).unwrap())
            .unwrap()
            .to_vec::<i64>(),
        [1, 3, 5]
    );
}

#[test]
fn broken_files_are_errors() {
    let good = npy_to_bytes(&Tensor::from_slice(&[1.0f32, 2.0])).unwrap();
    for n in 0..good.len() {
        assert!(npy_from_bytes(&good[..n]).is_err(), "cut to {n} bytes");
    }
    assert!(
        npy_from_bytes(&[&good[..], &[0]].concat())
            .unwrap_err()
            .message()
            .contains("after the array")
    );
    for (header, word) in [
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 16), }",
            "does not fit",
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "no size",
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }",
            "cut off",
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "no size"),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 'y'}",
            "wrong entry",
        ),
        ("{'descr': '<f4', 'shape': (2,), 'shape': (2,), }", "twice"),
        ("{'descr': '<f4', 'fortran_order': False}", "lacks"),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", "broken"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", "goes on"),
        (
            "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
            "can't convert",
        ),
        (
            "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }",
            "records",
        ),
        ("", "broken"),
    ] {
        let e = npy_from_bytes(&file(header, &[0; 8])).unwrap_err();
        assert!(e.message().contains(word), "{header}: {e}");
    }
    let dims = "1,".repeat(65);
    let many = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({dims}), }}");
    assert!(
        npy_from_bytes(&file(&many, &[0; 4]))
            .unwrap_err()
            .message()
            .contains("dimensions")
    );
    assert!(npy_from_bytes(b"PK\x03\x04").is_err());
    assert!(
        npy_from_bytes(b"\x93NUMPY\x03\x00\xff\xff\xff\xff")
            .unwrap_err()
            .message()
            .contains("header")
    );
}

/// Bytes changed at random never do more than fail.
#[test]
fn damaged_files_are_values_or_errors() {
    let good = npy_to_bytes(&Tensor::from_slice(&[1i16, 2, 3])).unwrap();
    let mut state = 1u64;
    for _ in 0..20_000 {
        let mut f = good.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let at = (state >> 33) as usize % f.len();
            f[at] = (state >> 20) as u8;
        }
        if let Ok(t) = npy_from_bytes(&f) {
            assert!(t.numel() * t.dtype().size() <= f.len());
        }
    }
}

#[test]
fn files_on_disk() {
    let dir = std::env::temp_dir().join(format!("duoc-io-npy-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("x.npy");
    let t = Tensor::from_slice(&[1.5f64, -0.0, f64::NAN]);
    save_npy(&path, &t).unwrap();
    let back = load_npy(&path).unwrap().to_vec::<f64>();
    assert!(back[0] == 1.5 && back[1].is_sign_negative() && back[2].is_nan());
    assert_eq!(load_npy(dir.join("none.npy")).unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(load_npy(&dir).unwrap_err().kind(), ErrorKind::Io);
    std::fs::remove_dir_all(&dir).unwrap();
}

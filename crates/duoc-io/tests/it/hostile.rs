//! Files made to do harm: each is an error that says what is wrong.

use duoc_core::{DType, Tensor, tensor};
use duoc_io::{npz_from_bytes, npz_to_bytes, pt_from_bytes, pt_to_bytes};

/// The message of the error that a `.pt` file is.
fn refused(file: &[u8]) -> String {
    match pt_from_bytes(file) {
        Ok(object) => panic!("was taken: {object:?}"),
        Err(e) => e.message().to_string(),
    }
}

/// A zip archive of stored entries, written by hand without any check.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let header = file.len() as u32;
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        fields.extend(crc32fast::hash(data).to_le_bytes());
        fields.extend((data.len() as u32).to_le_bytes());
        fields.extend((data.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&fields);
        file.extend(name.as_bytes());
        file.extend(*data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&fields);
        directory.extend([0; 10]);
        directory.extend(header.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = file.len() as u32;
    let count = (entries.len() as u16).to_le_bytes();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\x00\x00\x00\x00");
    file.extend([count, count].concat());
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    file
}

/// A `.pt` file with this pickle and one storage of two float32.
pub(crate) fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl", pickle), ("a/data/0", &[0; 8]), ("a/version", b"3\n")])
}

/// A pickle of one tensor on that storage.
fn tensor_pickle(storage: &str, numel: u8, offset: u8, size: &[u8], stride: &[u8]) -> Vec<u8> {
    let mut p = b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n".to_vec();
    p.extend(storage.as_bytes());
    p.extend(b"\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK");
    p.extend([numel, b't', b'Q', b'K', offset, b'(']);
    size.iter().for_each(|n| p.extend([b'K', *n]));
    p.extend(b"t(");
    stride.iter().for_each(|n| p.extend([b'K', *n]));
    p.extend(b"t\x89ccollections\nOrderedDict\n)RtR.");
    p
}

#[test]
fn the_archive_by_hand_is_right() {
    let x = pt_from_bytes(&checkpoint(&tensor_pickle("FloatStorage", 2, 0, &[2], &[1]))).unwrap();
    assert_eq!(x.tensor().unwrap().to_vec::<f32>(), [0.0, 0.0]);
}

#[test]
fn code_is_never_run() {
    for pickle in [
        &b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."[..],
        b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02ls\x85R.",
        b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02cbuiltins\ngetattr\n(NNtR.",
        b"\x80\x02ctorch\nload\nX\x01\x00\x00\x00x\x85R.",
        b"\x80\x02ctorch.storage\n_load_from_bytes\nX\x01\x00\x00\x00x\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_device_tensor_from_numpy\n)R.",
    ] {
        let message = refused(&checkpoint(pickle));
        assert!(
            message.contains("not on the list") && message.contains("nothing was run"),
            "{message}"
        );
    }
    // Old-style objects and extension numbers have no reader at all.
    for pickle in [
        &b"(ios\nsystem\n."[..],
        b"\x80\x02(cos\nsystem\no.",
        b"\x80\x02\x82\x01.",
    ] {
        refused(&checkpoint(pickle));
    }
}

#[test]
fn tensors_stay_on_their_storage() {
    for (numel, offset, size, stride) in [
        (2, 0, &[3u8][..], &[1u8][..]),
        (2, 1, &[2], &[1]),
        (2, 2, &[1], &[1]),
        (2, 0, &[2], &[2]),
        (2, 0, &[2, 2], &[1, 1]),
        (2, 0, &[2], &[]),
        (3, 0, &[3], &[1]),
        (1, 0, &[1], &[1]),
    ] {
        refused(&checkpoint(&tensor_pickle("FloatStorage", numel, offset, size, stride)));
    }
    // Size, stride and offset of 2^62 and more.
    let huge = b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x3f";
    let good = tensor_pickle("FloatStorage", 2, 0, &[2], &[1]);
    for (i, pair) in good.windows(2).enumerate() {
        if pair[0] == b'K' {
            let bad = [&good[..i], huge, &good[i + 2..]].concat();
            refused(&checkpoint(&bad));
        }
    }
    refused(&checkpoint(&tensor_pickle("DoubleStorage", 2, 0, &[2], &[1])));
    refused(&checkpoint(&tensor_pickle("QInt8Storage", 8, 0, &[2], &[1])));
}

#[test]
fn collections_do_not_grow_without_bounds() {
    // A list of two of the list before, sixty times.
    let mut laughs = b"\x80\x02]q\x00".to_vec();
    for i in 0..60u8 {
        laughs.extend([b'0', b']', b'(', b'h', i, b'h', i, b'e', b'q', i + 1]);
    }
    laughs.push(b'.');
    assert!(refused(&checkpoint(&laughs)).contains("without bounds"));
    assert!(refused(&checkpoint(b"\x80\x02]q\x00h\x00a.")).contains("contains itself"));
    let deep = [&b"\x80\x02"[..], &[b']'; 1000], &[b'a'; 999], b"."].concat();
    assert!(refused(&checkpoint(&deep)).contains("nested"));
    let marks = [&b"\x80\x02"[..], &[b'('; 100_000]].concat();
    assert!(refused(&checkpoint(&marks)).contains("nested"));
    let memo = b"\x80\x02]r\xff\xff\xff\x7f.";
    assert!(refused(&checkpoint(memo)).contains("memo"));
}

#[test]
fn lengths_are_checked_before_memory_is_asked_for() {
    for pickle in [
        &b"\x80\x02X\xff\xff\xff\xff."[..],
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\xff.",
        b"\x80\x02NN.",
        b"\x80\x02.",
        b"\x80\x02Ne.",
        b"\x80\x02(0N.",
        b"\x80\x02R.",
        b"\x80\x02h\x05.",
        b"",
    ] {
        refused(&checkpoint(pickle));
    }
}

#[test]
fn a_dict_with_a_key_twice_is_refused() {
    assert!(refused(&checkpoint(b"\x80\x02}(X\x01\x00\x00\x00aNX\x01\x00\x00\x00aNu.")).contains("twice"));
    assert!(refused(&checkpoint(b"\x80\x02}]Ns.")).contains("cannot be the key"));
}

#[test]
fn archives_that_lie_are_refused() {
    let pickle = b"\x80\x02N.";
    let good = archive(&[("a/data.pkl", pickle)]);
    pt_from_bytes(&good).unwrap();
    for n in 0..good.len() {
        refused(&good[..n]);
    }
    refused(&archive(&[("a/data.pkl", pickle), ("a/data.pkl", pickle)]));
    for name in ["../x", "a/../../x", "/etc/x", "a\\x", "C:x", "a//x", "a/./x", "a/\0x"] {
        assert!(
            refused(&archive(&[("a/data.pkl", pickle), (name, b"")])).contains("elsewhere"),
            "{name}"
        );
    }
    refused(&archive(&[("data.pkl", pickle)]));
    refused(&archive(&[]));
    // A byte of an entry changed: its checksum tells.
    let place = good.windows(4).position(|w| w == pickle).unwrap();
    let mut bad = good.clone();
    bad[place + 2] = b'}';
    assert!(refused(&bad).contains("checksum"));
    // Two entries of the directory on the same bytes.
    let two = archive(&[("a/data.pkl", pickle), ("a/data/1", b"1234"), ("a/data/2", b"1234")]);
    let mut overlap = two.clone();
    let last = overlap.windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let before = two[..last].windows(4).rposition(|w| w == b"PK\x01\x02").unwrap();
    let (from, to) = (before + 42, last + 42);
    overlap.copy_within(from..from + 4, to);
    refused(&overlap);
    // Something before or behind the archive.
    refused(&[&b"MZ"[..], &good].concat());
    refused(&[&good[..], b"x"].concat());
}

#[test]
fn a_compressed_entry_that_lies_about_its_size_is_refused() {
    let zeros = Tensor::zeros(&[1000]);
    let good = npz_to_bytes([("z", &zeros)], true).unwrap();
    npz_from_bytes(&good).unwrap();
    let size = (4128u32).to_le_bytes();
    let places: Vec<usize> = (0..good.len() - 4).filter(|i| good[*i..*i + 4] == size).collect();
    assert_eq!(places.len(), 2);
    for claimed in [4127u32, 4129, 0, u32::MAX - 1, 20_000] {
        let mut bad = good.clone();
        for place in &places {
            bad[*place..*place + 4].copy_from_slice(&claimed.to_le_bytes());
        }
        assert!(npz_from_bytes(&bad).is_err(), "{claimed}");
    }
}

#[test]
fn a_storage_of_a_dtype_that_was_shared_keeps_one_dtype() {
    let x = tensor![1.0f32, 2.0];
    let file = pt_to_bytes(&x.into()).unwrap();
    assert_eq!(pt_from_bytes(&file).unwrap().tensor().unwrap().dtype(), DType::F32);
}

#[test]
fn legacy_files_that_lie_are_refused() {
    let good = std::fs::read(crate::data("legacy.pt")).unwrap();
    for n in 0..good.len() {
        refused(&good[..n]);
    }
    assert!(refused(&[&good[..], b"x"].concat()).contains("goes on for 1 bytes"));
    // The number of elements before the last storage.
    let mut longer = good.clone();
    let place = good.windows(8).rposition(|w| w == 2u64.to_le_bytes()).unwrap();
    longer[place..place + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(refused(&longer).contains("elements"));
    let magic = good.windows(3).position(|w| w == [0x6c, 0xfc, 0x9c]).unwrap();
    let mut other = good.clone();
    other[magic] ^= 1;
    assert!(refused(&other).contains("magic"));
}

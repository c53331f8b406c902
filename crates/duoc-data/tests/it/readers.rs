//! Readers: files made here are read back, broken ones are errors with their place, mutated ones never panic.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use duoc_core::{DType, Tensor};
use duoc_data::readers::{csv_from_bytes, idx_from_bytes, picture_from_bytes, wav_from_bytes};
use duoc_data::{
    Colours, Column, CsvOptions, Dataset, ImageFolder, Split, TextDataset, Vocabulary, cifar10, cifar100, mnist,
    read_csv, read_idx, read_picture, read_text,
};
use image::{ImageFormat, RgbImage};

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("duoc-data-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn idx(kind: u8, sizes: &[u32], data: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, kind, sizes.len() as u8];
    sizes.iter().for_each(|n| file.extend(n.to_be_bytes()));
    file.extend(data);
    file
}

fn gz(data: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3];
    file.extend(b"name\0");
    file.extend(miniz_oxide::deflate::compress_to_vec(data, 6));
    file.extend(crc32fast::hash(data).to_le_bytes());
    file.extend((data.len() as u32).to_le_bytes());
    file
}

#[test]
fn idx_files() {
    assert_eq!(
        idx_from_bytes(&idx(8, &[2, 2], &[1, 2, 3, 4])).unwrap().to_vec::<u8>(),
        [1, 2, 3, 4]
    );
    let x = idx_from_bytes(&idx(0x0c, &[1], &(-5i32).to_be_bytes())).unwrap();
    assert_eq!((x.dtype(), x.to_vec::<i64>()), (DType::I32, vec![-5]));
    let x = idx_from_bytes(&idx(0x0e, &[1], &2.5f64.to_be_bytes())).unwrap();
    assert_eq!(x.to_vec::<f64>(), [2.5]);
    for bad in [
        idx(8, &[2, 2], &[1, 2, 3]),
        idx(8, &[2, 2], &[1, 2, 3, 4, 5]),
        idx(8, &[u32::MAX, u32::MAX, u32::MAX], &[]),
        idx(7, &[1], &[1]),
        vec![0, 0, 8],
        vec![0, 0, 8, 255, 0],
        vec![1, 0, 8, 0],
        vec![],
    ] {
        assert!(idx_from_bytes(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn mnist_from_packed_and_plain_files() {
    let folder = folder("mnist");
    let write = |name: &str, data: &[u8]| std::fs::write(folder.join(name), data).unwrap();
    write(
        "train-images-idx3-ubyte.gz",
        &gz(&idx(8, &[2, 1, 3], &[0, 51, 255, 1, 2, 3])),
    );
    write("train-labels.idx1-ubyte", &idx(8, &[2], &[7, 9]));
    let data = mnist(&folder, Split::Train).unwrap();
    let (image, label) = data.get(0).unwrap();
    assert_eq!((image.shape(), label), (&[1, 1, 3][..], 7));
    assert_eq!(image.to_vec::<f32>(), [0.0, 0.2, 1.0]);
    assert_eq!(data.tensors().unwrap().len(), 2);
    let missing = mnist(&folder, Split::Test).err().unwrap();
    assert!(missing.message().contains("t10k-images"), "{missing}");
    write("train-labels.idx1-ubyte", &idx(8, &[2], &[7, 10]));
    let e = mnist(&folder, Split::Train).err().unwrap();
    assert!(e.message().contains("image 1 has label 10"), "{e}");
    write("train-labels.idx1-ubyte", &idx(8, &[3], &[7, 1, 1]));
    assert!(mnist(&folder, Split::Train).is_err(), "more labels than images");
    let mut broken = gz(&idx(8, &[2, 1, 3], &[0, 51, 255, 1, 2, 3]));
    for at in 0..broken.len() {
        broken[at] ^= 0x55;
        let path = folder.join("broken.gz");
        std::fs::write(&path, &broken).unwrap();
        // The name and the times in the header may be anything.
        assert!(read_idx(&path).is_err() || (3..15).contains(&at), "byte {at}");
        broken[at] ^= 0x55;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn cifar() {
    let folder = folder("cifar");
    let record = |labels: &[u8], v: u8| [labels, &[v; 3072]].concat();
    for i in 1..=5 {
        std::fs::write(folder.join(format!("data_batch_{i}.bin")), record(&[i], 10 * i)).unwrap();
    }
    let data = cifar10(&folder, Split::Train).unwrap();
    assert_eq!((data.len(), data.labels().to_vec::<i64>()), (5, vec![1, 2, 3, 4, 5]));
    assert_eq!(data.images().shape(), [5, 3, 32, 32]);
    assert_eq!(data.classes()[3], "cat");
    std::fs::write(folder.join("test_batch.bin"), record(&[10], 0)).unwrap();
    let e = cifar10(&folder, Split::Test).err().unwrap();
    assert!(e.message().contains("image 0 has label 10"), "{e}");
    std::fs::write(folder.join("test_batch.bin"), [0; 100]).unwrap();
    assert!(cifar10(&folder, Split::Test).is_err());
    std::fs::write(folder.join("test.bin"), record(&[3, 42], 1)).unwrap();
    assert_eq!(cifar100(&folder, Split::Test).unwrap().labels().to_vec::<i64>(), [42]);
    std::fs::remove_dir_all(&folder).unwrap();
}

fn picture() -> RgbImage {
    RgbImage::from_fn(4, 3, |x, y| image::Rgb([10 * x as u8, 20 * y as u8, 200]))
}

fn encoded(format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture().write_to(&mut file, format).unwrap();
    file.into_inner()
}

#[test]
fn pictures_in_folders() {
    let folder = folder("pictures");
    for (class, name, format) in [
        ("cat", "b.png", ImageFormat::Png),
        ("cat", "a.BMP", ImageFormat::Bmp),
        ("dog", "deep/x.png", ImageFormat::Png),
        ("dog", "z.jpg", ImageFormat::Jpeg),
    ] {
        let path = folder.join(class).join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, encoded(format)).unwrap();
    }
    std::fs::write(folder.join("cat/notes.txt"), "no picture").unwrap();
    let data = ImageFolder::new(&folder).unwrap();
    let names: Vec<String> = data
        .samples()
        .iter()
        .map(|(p, c)| format!("{} {c}", p.file_name().unwrap().to_string_lossy()))
        .collect();
    assert_eq!(names, ["a.BMP 0", "b.png 0", "z.jpg 1", "x.png 1"]);
    assert_eq!(data.classes(), ["cat", "dog"]);
    for i in [0, 1, 3] {
        let (x, _) = data.get(i).unwrap();
        assert_eq!(x.shape(), [3, 3, 4]);
        let bytes: Vec<f32> = x.to_vec::<f32>().into_iter().map(|v| (v * 255.0).round()).collect();
        assert_eq!(bytes[..4], [0.0, 10.0, 20.0, 30.0]);
        assert_eq!(bytes[12..20], [0.0, 0.0, 0.0, 0.0, 20.0, 20.0, 20.0, 20.0]);
        assert_eq!(bytes[24], 200.0);
    }
    let grey = picture_from_bytes(&encoded(ImageFormat::Png), Colours::Grey).unwrap();
    assert_eq!((grey.shape(), grey.to_vec::<u8>()[0]), (&[1, 3, 4][..], 23));
    std::fs::write(folder.join("cat/b.png"), &encoded(ImageFormat::Png)[..50]).unwrap();
    let e = data.get(1).err().unwrap();
    assert!(e.message().contains("b.png"), "{e}");
    std::fs::create_dir(folder.join("empty")).unwrap();
    assert!(ImageFolder::new(&folder).err().unwrap().message().contains("empty"));
    assert!(ImageFolder::new(folder.join("cat")).is_err());
    assert!(ImageFolder::new(folder.join("nowhere")).is_err());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn tables() {
    let file = b"\xef\xbb\xbfx, y ,kind\n1,2.5,b\n3,,a\n-1e3,7,b\n";
    let table = csv_from_bytes(file, CsvOptions::default()).unwrap();
    assert_eq!(
        (table.names(), table.rows()),
        (&["x".to_string(), "y".into(), "kind".into()][..], 3)
    );
    let x = table.tensor(&["x", "y"]).unwrap();
    assert_eq!(
        (x.shape(), x.to_vec::<f32>()[..2].to_vec()),
        (&[3, 2][..], vec![1.0, 2.5])
    );
    assert!(x.to_vec::<f32>()[3].is_nan());
    let (labels, classes) = table.labels("kind").unwrap();
    assert_eq!(
        (labels.to_vec::<i64>(), classes),
        (vec![1, 0, 1], vec!["a".to_string(), "b".into()])
    );
    let (labels, classes) = table.labels("x").unwrap();
    assert_eq!(
        (labels.to_vec::<i64>(), classes),
        (vec![1, 2, 0], vec!["-1000".to_string(), "1".into(), "3".into()])
    );
    assert!(table.labels("y").is_err(), "a missing label");
    assert!(
        table
            .tensor(&["kind"])
            .err()
            .unwrap()
            .message()
            .contains("\"b\" in row 1")
    );
    assert!(table.column("z").err().unwrap().message().contains("x, y, kind"));
    let plain = csv_from_bytes(
        b"1;2\n3;4\n",
        CsvOptions {
            header: false,
            delimiter: b';',
        },
    )
    .unwrap();
    assert_eq!(*plain.column("1").unwrap(), Column::Numbers(vec![2.0, 4.0]));
    let e = csv_from_bytes(b"a,b\n1,2\n3\n", CsvOptions::default()).err().unwrap();
    assert!(e.message().contains("line: 3"), "{e}");
    assert!(csv_from_bytes(b"a,a\n1,2\n", CsvOptions::default()).is_err());
    let empty = csv_from_bytes(b"", CsvOptions::default()).unwrap();
    assert_eq!(empty.rows(), 0);
    assert!(
        read_csv("/nowhere.csv", CsvOptions::default())
            .err()
            .unwrap()
            .message()
            .contains("nowhere.csv")
    );
}

#[test]
fn text() {
    let text = "đêm đen";
    let chars = Vocabulary::chars(text);
    assert_eq!(chars.len(), 6);
    let tokens = chars.encode(text).unwrap();
    assert_eq!(chars.decode(&tokens).unwrap(), text);
    assert!(chars.encode("đèn").err().unwrap().message().contains("character 1"));
    assert!(chars.decode(&Tensor::from_slice(&[6i64])).is_err());
    assert_eq!(
        Vocabulary::Bytes
            .decode(&Vocabulary::Bytes.encode(text).unwrap())
            .unwrap(),
        text
    );
    let data = TextDataset::new(Tensor::arange(0, 10), 3, 2).unwrap();
    assert_eq!(data.len(), 4);
    let [x, y] = data.get(3).unwrap();
    assert_eq!((x.to_vec::<i64>(), y.to_vec::<i64>()), (vec![6, 7, 8], vec![7, 8, 9]));
    assert!(data.get(4).is_err());
    assert!(TextDataset::new(Tensor::arange(0, 3), 3, 1).is_err());
    assert!(TextDataset::new(Tensor::arange(0, 3), 0, 1).is_err());
    let path = folder("text").join("x.txt");
    std::fs::write(&path, b"good\nb\xffd").unwrap();
    assert!(read_text(&path).err().unwrap().message().contains("line 2 (byte 6)"));
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

fn wav(bits: u16, format: hound::SampleFormat) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 8000,
        bits_per_sample: bits,
        sample_format: format,
    };
    let mut file = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut file, spec).unwrap();
    let top = (1i64 << (bits - 1)) as f32;
    for v in [0.5f32, -0.5, 0.25, -1.0] {
        match format {
            hound::SampleFormat::Float => writer.write_sample(v).unwrap(),
            hound::SampleFormat::Int => writer.write_sample((v * top) as i32).unwrap(),
        }
    }
    writer.finalize().unwrap();
    file.into_inner()
}

#[test]
fn sound() {
    for (bits, format) in [
        (8, hound::SampleFormat::Int),
        (16, hound::SampleFormat::Int),
        (24, hound::SampleFormat::Int),
        (32, hound::SampleFormat::Int),
        (32, hound::SampleFormat::Float),
    ] {
        let file = wav(bits, format);
        let (x, rate) = wav_from_bytes(&file).unwrap();
        assert_eq!((x.shape(), rate), (&[2, 2][..], 8000));
        assert_eq!(x.to_vec::<f32>(), [0.5, 0.25, -0.5, -1.0], "{bits} bits");
        for n in 0..file.len() {
            assert!(wav_from_bytes(&file[..n]).is_err(), "{bits} bits cut to {n} bytes");
        }
    }
}

/// xorshift64*.
fn below(state: &mut u64, n: usize) -> usize {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
}

fn hammer(name: &str, good: &[u8], read: impl Fn(&[u8]) -> bool) {
    let seconds = std::env::var("DUOC_FUZZ_SECONDS")
        .ok()
        .and_then(|s| s.parse().ok())
        .unwrap_or(0.5);
    assert!(read(good), "{name}");
    let mut rng = 0x1234_5678_9abc_def1 ^ name.len() as u64;
    let begin = Instant::now();
    let mut runs = 0;
    while begin.elapsed() < Duration::from_secs_f64(seconds) {
        let mut file = good.to_vec();
        for _ in 0..1 + below(&mut rng, 4) {
            let at = below(&mut rng, file.len());
            match below(&mut rng, 4) {
                0 if at > 0 => file.truncate(at),
                1 => file.insert(at, below(&mut rng, 256) as u8),
                2 => file[at] ^= 1 << below(&mut rng, 8),
                _ => file[at] = [0, 0xff, 0x7f, 0x80][below(&mut rng, 4)],
            }
        }
        let start = Instant::now();
        read(&file);
        assert!(start.elapsed() < Duration::from_secs(5), "{name}, run {runs}: hangs");
        runs += 1;
    }
    println!("{name}: {runs} files");
}

#[test]
fn mutated_files_are_values_or_errors() {
    hammer("idx", &idx(8, &[2, 2], &[1, 2, 3, 4]), |f| idx_from_bytes(f).is_ok());
    let quiet = |f: &[u8], format: &str| {
        let result = picture_from_bytes(f, Colours::Rgb);
        // A contained panic would be noise in a log: none is known.
        if let Err(e) = &result {
            assert!(!e.message().contains("panicked"), "{format}: {e}");
        }
        result.is_ok()
    };
    hammer("png", &encoded(ImageFormat::Png), |f| quiet(f, "png"));
    hammer("jpeg", &encoded(ImageFormat::Jpeg), |f| quiet(f, "jpeg"));
    hammer("bmp", &encoded(ImageFormat::Bmp), |f| quiet(f, "bmp"));
    hammer("csv", b"a,b\n1,2\n\"x\ny\",4\n", |f| {
        csv_from_bytes(f, CsvOptions::default()).is_ok()
    });
    hammer("wav", &wav(16, hound::SampleFormat::Int), |f| wav_from_bytes(f).is_ok());
    hammer("float wav", &wav(32, hound::SampleFormat::Float), |f| {
        wav_from_bytes(f).is_ok()
    });
    let path = folder("packed").join("x.gz");
    let packed = gz(&idx(8, &[2, 2], &[1, 2, 3, 4]));
    hammer("gz", &packed, |f| {
        std::fs::write(&path, f).unwrap();
        read_idx(&path).is_ok()
    });
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn a_file_that_is_none() {
    assert!(read_picture(Path::new("/nowhere.png"), Colours::Rgb).is_err());
    assert!(read_picture(std::env::temp_dir(), Colours::Rgb).is_err());
}

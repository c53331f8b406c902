//! Seeded mutations of good files, for every reader: an answer or an error, within bounds of time and memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

use duoc_core::Tensor;

/// Counts what the thread that mutates has allocated.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // While a thread ends its counters may be gone already.
    let _ = LIVE.try_with(|live| {
        live.set(live.get() + bytes);
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        System.alloc(layout)
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        System.dealloc(p, layout);
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// xorshift64*.
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n.max(1)
    }
}

fn mutate(rng: &mut Rng, good: &[u8]) -> Vec<u8> {
    const ODD: [u8; 12] = [0, 1, 2, 0x7f, 0x80, 0xff, b'(', b'.', b'Q', b'R', b'u', b']'];
    let mut file = good.to_vec();
    for _ in 0..1 + rng.below(4) {
        if file.is_empty() {
            break;
        }
        let at = rng.below(file.len());
        match rng.below(7) {
            0 => file[at] ^= 1 << rng.below(8),
            1 => file[at] = ODD[rng.below(ODD.len())],
            2 => file.truncate(at),
            3 => file.insert(at, ODD[rng.below(ODD.len())]),
            4 => {
                file.remove(at);
            }
            5 => {
                let end = (at + 1 + rng.below(16)).min(file.len());
                let part = file[at..end].to_vec();
                let to = rng.below(file.len());
                file.splice(to..to, part);
            }
            _ => {
                let end = (at + 8).min(file.len());
                file[at..end].fill(if rng.below(2) == 0 { 0xff } else { 0 });
            }
        }
    }
    file
}

/// A reader whose checksums, if it has any, would catch every change: they are made right again.
fn repaired(mut file: Vec<u8>) -> Vec<u8> {
    // A checksum of 0 counts as none in PyTorch's archives: clear those of the directory.
    let mut at = 0;
    while let Some(next) = file[at..].windows(4).position(|w| w == b"PK\x01\x02") {
        let crc = at + next + 16;
        if let Some(field) = file.get_mut(crc..crc + 4) {
            field.fill(0);
        }
        at += next + 4;
    }
    file
}

fn hammer(name: &str, seeds: &[Vec<u8>], time: Duration, read: impl Fn(&[u8]) -> bool) {
    for good in seeds {
        assert!(read(good), "{name}: a good file is refused");
    }
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15 ^ name.len() as u64);
    let begin = Instant::now();
    let (mut runs, mut taken) = (0, 0);
    while begin.elapsed() < time {
        let i = rng.below(seeds.len());
        let file = mutate(&mut rng, &seeds[i]);
        let file = if name == "pt" { repaired(file) } else { file };
        let start = Instant::now();
        // The cache of tensors' memory is small against the bound.
        PEAK.set(LIVE.get());
        let before = LIVE.get();
        taken += usize::from(read(&file));
        let used = PEAK.get() - before;
        assert!(
            used <= 2 * file.len() as isize + (1 << 20),
            "{name}, run {runs}: {used} bytes for a file of {}",
            file.len()
        );
        assert!(start.elapsed() < Duration::from_secs(5), "{name}, run {runs}: hangs");
        runs += 1;
    }
    println!("{name}: {runs} files, {taken} of them taken");
    assert!(runs > 100 && taken < runs, "{name}: {runs} runs, {taken} taken");
}

/// Time for each reader.
fn budget() -> Duration {
    let seconds = std::env::var("DUOC_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(1.5))
}

fn files(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|n| std::fs::read(crate::data(n)).unwrap()).collect()
}

#[test]
fn pt() {
    let seeds = files(&[
        "zip.pt",
        "protocol4.pt",
        "dtypes.pt",
        "script.pt",
        "big.pt",
        "unsummed.pt",
    ]);
    hammer("pt", &seeds, budget(), |f| duoc_io::pt_from_bytes(f).is_ok());
}

#[test]
fn legacy_pt() {
    hammer("legacy pt", &files(&["legacy.pt"]), budget(), |f| {
        duoc_io::pt_from_bytes(f).is_ok()
    });
}

#[test]
fn npz() {
    let seeds = files(&["stored.npz", "deflated.npz"]);
    hammer("npz", &seeds, budget(), |f| duoc_io::npz_from_bytes(f).is_ok());
}

#[test]
fn npy() {
    let seeds = [Tensor::randn(&[3, 4]), Tensor::randn(&[3, 4]).t()].map(|t| duoc_io::npy_to_bytes(&t).unwrap());
    hammer("npy", &seeds, budget(), |f| duoc_io::npy_from_bytes(f).is_ok());
}

#[test]
fn safetensors() {
    let (a, b) = (Tensor::randn(&[3, 4]), Tensor::zeros(&[0, 2]));
    let seed = duoc_io::safetensors_to_bytes([("a.weight", &a), ("b", &b)], &[("k", "v\n\u{1f525}")]).unwrap();
    hammer("safetensors", &[seed], budget(), |f| {
        duoc_io::safetensors_from_bytes(f).is_ok()
    });
}

/// Pickles that ask for as much as their bytes can.
#[test]
fn the_costliest_pickles() {
    const SIZE: usize = 1 << 20;
    for unit in [
        &b"N"[..],
        b"]",
        b"}",
        b")",
        b"\x8f",
        b"K\x01",
        b"]\x94",
        b"N\x94",
        b"N2",
        b")\x85",
        b"N\x85",
        b"NN\x86",
        b"}NNs",
        b"}\x8c\x01aNs",
        b"}K\x01Ns",
        b"X\x00\x00\x00\x00",
        b"\x8c\x00",
        b"C\x00",
        b"\x8a\x00",
        b"ctorch\nSize\n)\x85R",
        b"ctorch\nfloat32\n",
        b"]N\x85a",
        b"c__torch__\na\n)\x81",
    ] {
        let pickle = [&b"\x80\x04("[..], &unit.repeat(SIZE / unit.len()), b"l."].concat();
        let file = crate::hostile::checkpoint(&pickle);
        PEAK.set(LIVE.get());
        let before = LIVE.get();
        let start = Instant::now();
        let result = duoc_io::pt_from_bytes(&file);
        let (used, took) = (PEAK.get() - before, start.elapsed());
        let outcome = result.map_or_else(|e| e.to_string(), |_| "taken".to_string());
        println!("{unit:?}: {:.1} MB, {took:?}, {outcome}", used as f64 / 1e6);
        assert!(used <= 64 << 20, "{unit:?}: {used} bytes");
        assert!(took < Duration::from_secs(20), "{unit:?}: {took:?}");
    }
}

//! Random streams against the hashes that `golden/record_streams.py` took from PyTorch.

use duoc_kernels::rng::transform::Transform;
use duoc_kernels::rng::{CpuGenerator, bernoulli, integer, normal, permutation, rejection, transform, uniform};
use duoc_kernels::{DType, par};

fn fnv(parts: &[&[u8]]) -> String {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for b in parts.iter().flat_map(|p| p.iter()) {
        h = (h ^ *b as u64).wrapping_mul(0x100_0000_01b3);
    }
    format!("{h:016x}")
}

fn dtype(name: &str) -> DType {
    *DType::ALL.iter().find(|d| d.name() == name).expect("a dtype's name")
}

/// The parameters of element-wise cases, as the recording script makes them.
fn ramp(n: usize, low: f64, high: f64, dtype: DType) -> Vec<u8> {
    let step = |k: usize| low + (high - low) * k as f64 / (n - 1).max(1) as f64;
    (0..n)
        .flat_map(|k| match dtype {
            DType::F64 => step(k).to_le_bytes().to_vec(),
            DType::F32 => (step(k) as f32).to_le_bytes().to_vec(),
            DType::F16 => half::f16::from_f32(step(k) as f32).to_le_bytes().to_vec(),
            _ => half::bf16::from_f32(step(k) as f32).to_le_bytes().to_vec(),
        })
        .collect()
}

struct Case<'a> {
    kind: &'a str,
    dtype: DType,
    n: usize,
    a: f64,
    b: f64,
    base: i64,
    range: u64,
}

impl Case<'_> {
    /// Draws once into elements `step` places apart.
    fn draw(&self, g: &mut CpuGenerator, step: usize) -> Vec<u8> {
        let (d, n) = (self.dtype, self.n);
        let size = d.size();
        let stride = (size * step) as isize;
        let mut out = vec![0u64; (n * size * step).div_ceil(8)];
        let p = out.as_mut_ptr() as *mut u8;
        let done = unsafe {
            match self.kind {
                "uniform" => uniform::uniform(g, d, p, stride, n, self.a, self.b),
                "normal" if n >= normal::GROUP && step == 1 => normal::fill(g, d, p, n, self.a, self.b),
                "normal" => normal::serial(g, d, p, stride, n, self.a, self.b),
                "exponential" => transform::fill(g, d, p, stride, n, Transform::Exponential { lambda: self.a }),
                "cauchy" => transform::fill(
                    g,
                    d,
                    p,
                    stride,
                    n,
                    Transform::Cauchy {
                        median: self.a,
                        sigma: self.b,
                    },
                ),
                "log_normal" => transform::fill(
                    g,
                    d,
                    p,
                    stride,
                    n,
                    Transform::LogNormal {
                        mean: self.a,
                        std: self.b,
                    },
                ),
                "geometric" => transform::fill(g, d, p, stride, n, Transform::Geometric { p: self.a }),
                "random" => integer::random(g, d, p, stride, n),
                "random64" => integer::random_64_bits(g, d, p, stride, n),
                "randint" => integer::random_from_to(g, d, p, stride, n, self.base, self.range),
                "bernoulli" => bernoulli::scalar(g, d, p, stride, n, self.a, 1.0),
                "poisson" => {
                    let rate = ramp(n, self.a, self.b, d);
                    rejection::poisson(g, d, p, stride, rate.as_ptr(), size as isize, n) == Ok(true)
                }
                "gamma" => {
                    let shape = ramp(n, self.a, self.b, d);
                    rejection::standard_gamma(g, d, p, stride, shape.as_ptr(), size as isize, n)
                }
                "binomial" => {
                    let count = ramp(n, self.base as f64, self.base as f64, d);
                    let q = ramp(n, self.a, self.b, d);
                    let s = size as isize;
                    rejection::binomial(g, d, p, stride, count.as_ptr(), s, q.as_ptr(), s, n)
                }
                "randperm" => permutation::randperm(g, d, p, n),
                kind => {
                    let of = dtype(kind.strip_prefix("bernoulli_").expect("a known kind"));
                    let q = ramp(n, self.a, self.b, of);
                    bernoulli::tensor(g, d, p, stride, of, q.as_ptr(), of.size() as isize, n)
                }
            }
        };
        assert!(done, "{} {}", self.kind, d);
        let bytes = unsafe { std::slice::from_raw_parts(p, n * size * step) };
        bytes.chunks(size * step).flat_map(|c| &c[..size]).copied().collect()
    }
}

fn cases(text: &str) -> impl Iterator<Item = (Case<'_>, &str, &str)> {
    text.lines().map(|line| {
        let f: Vec<&str> = line.split(' ').collect();
        let case = Case {
            kind: f[0],
            dtype: dtype(f[1]),
            n: f[2].parse().expect("a size"),
            a: f[3].parse().expect("a number"),
            b: f[4].parse().expect("a number"),
            base: f[5].parse().expect("an integer"),
            range: f[6].parse().expect("an integer"),
        };
        (case, f[7], f[8])
    })
}

fn golden() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/streams.txt");
    std::fs::read_to_string(path).expect("golden/streams.txt")
}

/// Streams that go through the C library's functions are equal where that library is PyTorch's.
fn portable(kind: &str, dtype: DType, n: usize) -> bool {
    match kind {
        "normal" => dtype != DType::F64 && n >= normal::GROUP,
        "exponential" | "cauchy" | "log_normal" | "geometric" | "poisson" | "gamma" | "binomial" => false,
        _ => true,
    }
}

#[test]
fn streams_are_pytorchs() {
    let text = golden();
    let glibc = cfg!(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu"));
    let mut seen = 0;
    for threads in [1, 3] {
        par::set_num_threads(threads);
        for (case, values, state) in cases(&text) {
            if !glibc && !portable(case.kind, case.dtype, case.n) {
                continue;
            }
            let mut g = CpuGenerator::new(123);
            let (first, second) = (case.draw(&mut g, 1), case.draw(&mut g, 1));
            let name = format!(
                "{} {} {} {} {} {} {}",
                case.kind, case.dtype, case.n, case.a, case.b, case.base, case.range
            );
            assert_eq!(fnv(&[&first, &second]), values, "{name}");
            assert_eq!(fnv(&[&g.state_bytes()]), state, "state behind {name}");
            seen += 1;
        }
    }
    assert!(seen > 1000);
}

#[test]
fn strides_change_the_place_only() {
    let text = golden();
    for (case, _, _) in cases(&text).filter(|(c, _, _)| c.n < 2000) {
        if case.kind == "randperm" || case.kind == "normal" && case.n >= normal::GROUP {
            continue;
        }
        let (mut g, mut h) = (CpuGenerator::new(5), CpuGenerator::new(5));
        assert!(
            case.draw(&mut g, 1) == case.draw(&mut h, 3),
            "{} {}",
            case.kind,
            case.dtype
        );
    }
}

#[test]
fn states_go_round() {
    let mut g = CpuGenerator::new(99);
    assert_eq!(g.initial_seed(), 99);
    for draws in [0, 1, 5, 700] {
        for _ in 0..draws {
            g.normal_f64();
        }
        let bytes = g.state_bytes();
        let mut h = CpuGenerator::from_state_bytes(&bytes).expect("a valid state");
        assert!(h.state_bytes() == bytes);
        assert_eq!(g.clone().normal_f64().to_bits(), h.normal_f64().to_bits());
    }
    let mut bad = g.state_bytes();
    assert!(CpuGenerator::from_state_bytes(&bad[1..]).is_none());
    bad[8] = bad[8].wrapping_add(1);
    assert!(CpuGenerator::from_state_bytes(&bad).is_none());
}

#[test]
fn probabilities_are_numbers_from_0_to_1() {
    let good = |p: &[f32]| unsafe { bernoulli::are_probabilities(DType::F32, p.as_ptr() as *const u8, 4, p.len()) };
    assert!(good(&[]) && good(&[0.0, 0.5, 1.0]));
    assert!(!good(&[0.5, 1.5]) && !good(&[-0.5]) && !good(&[0.5, f32::NAN]));
}

#[test]
fn long_bfloat16_permutations_round_the_numbers() {
    let n = 70_000;
    let (mut wide, mut narrow) = (vec![0i64; n], vec![half::bf16::ZERO; n]);
    unsafe {
        let (w, b) = (wide.as_mut_ptr() as *mut u8, narrow.as_mut_ptr() as *mut u8);
        assert!(permutation::randperm(&mut CpuGenerator::new(3), DType::I64, w, n));
        assert!(permutation::randperm(&mut CpuGenerator::new(3), DType::BF16, b, n));
    }
    assert!(
        wide.iter()
            .zip(&narrow)
            .all(|(w, b)| half::bf16::from_f32(*w as f32) == *b)
    );
}

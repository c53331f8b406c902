//! Random numbers: PyTorch's CPU generator and its distributions, bit for bit.
//!
//! After the same seed every function here hands out the very bits that PyTorch's x86-64 build hands out on a
//! processor with AVX2 or better. What fixes them:
//!
//! * the engine is MT19937 ([`mt19937`]); a 64-bit draw is two words, high half first;
//! * one element uses a fixed number of words, in the order of the elements, so a stream can be cut anywhere
//!   ([`stream`]) and its transformation done by any number of threads;
//! * PyTorch's kernels are compiled with contraction, so `x * a + b` is one fused multiply-add wherever it stands;
//! * `float32` normals in runs of 16 and more use polynomials ([`normal`]); everything else that is transcendental
//!   is the C library's double-precision function, as in PyTorch, which is why those streams are equal to a PyTorch
//!   on the same C library and may differ in the last bit elsewhere.
//!
//! Functions that fill take a byte stride and can be called row after row: the rows continue one stream.

pub mod bernoulli;
pub mod categorical;
mod element;
pub mod gamma_grad;
pub mod integer;
pub mod mt19937;
pub mod normal;
pub mod permutation;
pub mod rejection;
pub mod stream;
pub mod transform;
pub mod uniform;

use mt19937::{Mt19937, N, Parts};

/// The seed of a generator that was not given one.
pub const DEFAULT_SEED: u64 = 67_280_421_310_721;

/// Bytes of a saved state.
pub const STATE_BYTES: usize = 5056;

/// PyTorch's CPU generator: the engine and the second halves of normal pairs not yet handed out.
#[derive(Clone)]
pub struct CpuGenerator {
    /// The source of words.
    pub engine: Mt19937,
    /// A cached normal deviate for `float32` callers. No PyTorch kernel leaves one, but a saved state may hold one.
    pub next_float_normal: Option<f32>,
    /// The cached normal deviate of the serial normal distribution.
    pub next_double_normal: Option<f64>,
}

impl Default for CpuGenerator {
    fn default() -> Self {
        CpuGenerator::new(DEFAULT_SEED)
    }
}

impl CpuGenerator {
    /// A generator at the beginning of the stream of `seed`.
    pub fn new(seed: u64) -> CpuGenerator {
        CpuGenerator {
            engine: Mt19937::new(seed),
            next_float_normal: None,
            next_double_normal: None,
        }
    }

    /// Starts the stream of `seed` and forgets cached normals.
    pub fn manual_seed(&mut self, seed: u64) {
        *self = CpuGenerator::new(seed);
    }

    /// The seed of the current stream.
    pub fn initial_seed(&self) -> u64 {
        self.engine.seed()
    }

    /// A uniform double in `[0, 1)` with 53 random bits.
    pub fn uniform_f64(&mut self) -> f64 {
        (self.engine.random64() & ((1 << 53) - 1)) as f64 * EPS53
    }

    /// A standard normal double: Box-Muller, the sine half is kept for the next call.
    pub fn normal_f64(&mut self) -> f64 {
        if let Some(z) = self.next_double_normal.take() {
            return z;
        }
        let u1 = self.uniform_f64();
        let u2 = self.uniform_f64();
        let (cosine, sine) = normal::pair(u1, u2);
        self.next_double_normal = Some(sine);
        cosine
    }

    /// The state in PyTorch's layout, so that `get_rng_state` and `set_rng_state` cross between the two.
    ///
    /// Little-endian: seed `u64`, left `i32`, seeded `i32`, next `u64`, 624 words as `u64`, two unused `f64` around
    /// the cached double (x, y, rho), its validity `i32`, padding, the cached `f32`, its validity byte, padding.
    pub fn state_bytes(&self) -> [u8; STATE_BYTES] {
        let mut out = [0u8; STATE_BYTES];
        let p = self.engine.parts();
        out[..8].copy_from_slice(&p.seed.to_le_bytes());
        out[8..12].copy_from_slice(&p.left.to_le_bytes());
        out[12] = 1;
        out[16..24].copy_from_slice(&(p.next as u64).to_le_bytes());
        for (i, word) in p.state.iter().enumerate() {
            out[24 + 8 * i..28 + 8 * i].copy_from_slice(&word.to_le_bytes());
        }
        let tail = 24 + 8 * N;
        if let Some(y) = self.next_double_normal {
            out[tail + 8..tail + 16].copy_from_slice(&y.to_le_bytes());
            out[tail + 24] = 1;
        }
        if let Some(z) = self.next_float_normal {
            out[tail + 32..tail + 36].copy_from_slice(&z.to_le_bytes());
            out[tail + 36] = 1;
        }
        out
    }

    /// Restores [`CpuGenerator::state_bytes`]; `None` when the bytes are not a valid state.
    pub fn from_state_bytes(bytes: &[u8]) -> Option<CpuGenerator> {
        if bytes.len() != STATE_BYTES {
            return None;
        }
        let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default());
        if u32_at(12) == 0 {
            return None;
        }
        let mut state = [0u32; N];
        for (i, word) in state.iter_mut().enumerate() {
            *word = u64_at(24 + 8 * i) as u32;
        }
        let parts = Parts {
            seed: u64_at(0),
            left: u32_at(8) as i32,
            next: u64_at(16) as u32,
            state,
        };
        let tail = 24 + 8 * N;
        Some(CpuGenerator {
            engine: Mt19937::from_parts(&parts)?,
            next_double_normal: (u32_at(tail + 24) != 0).then(|| f64::from_bits(u64_at(tail + 8))),
            next_float_normal: (bytes[tail + 36] != 0).then(|| f32::from_bits(u32_at(tail + 32))),
        })
    }
}

/// `2^-24`, the step of a uniform float.
const EPS24: f32 = 1.0 / (1u64 << 24) as f32;
/// `2^-53`, the step of a uniform double.
const EPS53: f64 = 1.0 / (1u64 << 53) as f64;

/// 53 uniform bits from two tempered words.
#[inline(always)]
fn bits53(words: [u32; 2]) -> u64 {
    ((words[0] & 0x1f_ffff) as u64) << 32 | words[1] as u64
}

/// A uniform double in `[0, 1)` from two tempered words.
#[inline(always)]
fn unit53(words: [u32; 2]) -> f64 {
    // Below 2^53 the signed conversion is exact, and it has an instruction.
    bits53(words) as i64 as f64 * EPS53
}

/// A uniform float in `[0, 1)` from one tempered word.
#[inline(always)]
fn unit24(word: u32) -> f32 {
    (word & 0xff_ffff) as i32 as f32 * EPS24
}

//! The Mersenne Twister MT19937, 32-bit outputs: PyTorch's CPU engine.
//!
//! With `N = 624`, `M = 397` the words follow (M. Matsumoto, T. Nishimura, 1998)
//!
//! ```text
//! x[k+N] = x[k+M] ^ A((x[k] & 0x8000_0000) | (x[k+1] & 0x7fff_ffff)),   A(v) = (v >> 1) ^ (v & 1 ? 0x9908_b0df : 0)
//! ```
//!
//! and each is tempered on its way out. A run of words is generated in one straight buffer, so that the recurrence
//! is a plain loop over slices that do not overlap, which vectorises; tempering is a second plain loop.

use crate::simd_fn;

/// Words in the state.
pub const N: usize = 624;
const M: usize = 397;

/// Words that can be computed from what is already there: at most `N - M = 227`; 208 divides 624 and is a whole
/// number of vectors of every width.
const STEP: usize = 208;

/// The engine: 624 words and the place of the next one to hand out.
#[derive(Clone)]
pub struct Mt19937 {
    seed: u64,
    state: [u32; N],
    /// Index of the next word; `N` when the state has to be advanced first.
    next: usize,
    /// Seeded and not yet drawn from: PyTorch's state then says `next = 0` where an exhausted block says 624.
    fresh: bool,
}

/// The parts of a state as PyTorch saves them.
#[derive(Clone)]
pub struct Parts {
    /// The seed the engine was started with, all 64 bits of it.
    pub seed: u64,
    /// Draws left before the state is advanced, plus one: 1 to 624.
    pub left: i32,
    /// Index of the next word: 0 to 624.
    pub next: u32,
    /// The words.
    pub state: [u32; N],
}

impl Mt19937 {
    /// Starts from the low 32 bits of `seed`: `x[j] = 1812433253 * (x[j-1] ^ (x[j-1] >> 30)) + j`.
    pub fn new(seed: u64) -> Mt19937 {
        let mut state = [0u32; N];
        state[0] = seed as u32;
        for j in 1..N {
            let x = state[j - 1];
            state[j] = (x ^ (x >> 30)).wrapping_mul(1_812_433_253).wrapping_add(j as u32);
        }
        Mt19937 {
            seed,
            state,
            next: N,
            fresh: true,
        }
    }

    /// The seed given to [`Mt19937::new`], or the one of the restored state.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The state as PyTorch lays it out.
    pub fn parts(&self) -> Parts {
        let (left, next) = if self.fresh {
            (1, 0)
        } else {
            (N as i32 + 1 - self.next as i32, self.next as u32)
        };
        Parts {
            seed: self.seed,
            left,
            next,
            state: self.state,
        }
    }

    /// Restores a saved state; `None` when `left` and `next` do not belong together.
    pub fn from_parts(p: &Parts) -> Option<Mt19937> {
        let fresh = p.left == 1 && p.next == 0;
        let consistent = p.next >= 1 && p.next <= N as u32 && p.left == N as i32 + 1 - p.next as i32;
        let next = match (fresh, consistent) {
            (true, _) => N,
            (_, true) => p.next as usize,
            _ => return None,
        };
        Some(Mt19937 {
            seed: p.seed,
            state: p.state,
            next,
            fresh,
        })
    }

    /// The next word.
    pub fn random(&mut self) -> u32 {
        if self.next == N {
            let mut buf = [0u32; 2 * N];
            buf[..N].copy_from_slice(&self.state);
            // SAFETY: the buffer holds the state and room for one block after it.
            unsafe { advance(buf.as_mut_ptr(), 1) };
            self.state.copy_from_slice(&buf[N..]);
            self.next = 0;
            self.fresh = false;
        }
        let y = self.state[self.next];
        self.next += 1;
        temper_word(y)
    }

    /// The next 64 bits: the first of two words is the high half.
    pub fn random64(&mut self) -> u64 {
        let high = self.random() as u64;
        let low = self.random() as u64;
        high << 32 | low
    }

    /// Words of scratch that [`Mt19937::take`] needs for `n` words.
    pub const fn scratch_len(n: usize) -> usize {
        (n / N + 2) * N
    }

    /// Draws `n` words into `scratch`, not yet tempered, and returns them.
    ///
    /// `scratch` has at least [`Mt19937::scratch_len`]`(n)` words.
    pub fn take<'a>(&mut self, n: usize, scratch: &'a mut [u32]) -> &'a mut [u32] {
        if n == 0 {
            return &mut [];
        }
        let begin = self.next;
        let end = begin + n;
        let blocks = end.div_ceil(N);
        assert!(scratch.len() >= blocks * N);
        scratch[..N].copy_from_slice(&self.state);
        // SAFETY: `blocks * N` words were just checked to be there.
        unsafe { advance(scratch.as_mut_ptr(), blocks - 1) };
        let last = (blocks - 1) * N;
        self.state.copy_from_slice(&scratch[last..last + N]);
        self.next = end - last;
        self.fresh = false;
        &mut scratch[begin..end]
    }
}

simd_fn! {
    /// Appends `blocks` blocks of 624 words to the block at `buf`.
    unsafe fn advance(buf: *mut u32, blocks: usize) {
        for step in 0..blocks * (N / STEP) {
            let k = buf.add(step * STEP);
            let old = &*(k as *const [u32; STEP]);
            let after = &*(k.add(1) as *const [u32; STEP]);
            let ahead = &*(k.add(M) as *const [u32; STEP]);
            let new = &mut *(k.add(N) as *mut [u32; STEP]);
            for i in 0..STEP {
                let v = (old[i] & 0x8000_0000) | (after[i] & 0x7fff_ffff);
                new[i] = ahead[i] ^ (v >> 1) ^ ((after[i] & 1).wrapping_neg() & 0x9908_b0df);
            }
        }
    }
}

#[inline(always)]
fn temper_word(mut y: u32) -> u32 {
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c_5680;
    y ^= (y << 15) & 0xefc6_0000;
    y ^ (y >> 18)
}

simd_fn! {
    /// Tempers `n` words in place.
    pub(super) unsafe fn temper(words: *mut u32, n: usize) {
        for w in std::slice::from_raw_parts_mut(words, n) {
            *w = temper_word(*w);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 10000th output of the seed 5489 is 4123659995 (ISO C++, [rand.predef]).
    #[test]
    fn standard_value() {
        let mut e = Mt19937::new(5489);
        let last = (0..10_000).map(|_| e.random()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    /// Any mixture of single words and runs is one stream.
    #[test]
    fn runs_are_the_same_stream() {
        let mut one = Mt19937::new(7);
        let mut run = Mt19937::new(7);
        let mut scratch = vec![0; Mt19937::scratch_len(5000)];
        for n in [1usize, 5, 0, 623, 1, 624, 625, 2, 1248, 4999, 17] {
            let words = run.take(n, &mut scratch);
            unsafe { temper(words.as_mut_ptr(), n) };
            let want: Vec<u32> = (0..n).map(|_| one.random()).collect();
            assert_eq!(words, want);
            assert_eq!(one.parts().next, run.parts().next);
            assert_eq!(one.parts().left, run.parts().left);
        }
        let p = one.parts();
        assert!(p.state == run.parts().state);
        assert_eq!(one.random(), Mt19937::from_parts(&p).unwrap().random());
    }
}

//! Random numbers: generators, the default one, and their states.
//!
//! The numbers themselves are made in [`duoc_kernels::rng`]; the operations that draw are in [`crate::ops::random`]
//! and [`crate::ops::sample`]. A generator is locked for one whole operation, before the storages it writes.

use crate::storage::{Mode, access};
use crate::{DType, Device, Result, Tensor, bail, ensure};
use duoc_kernels::rng::{CpuGenerator, STATE_BYTES};
use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A random number generator of the CPU: a handle, clones draw from the same stream.
///
/// ```
/// use duoc_core::random::Generator;
/// let g = Generator::new();
/// g.manual_seed(7);
/// let state = g.state();
/// assert_eq!(g.initial_seed(), 7);
/// assert_eq!(g.clone_state().state().to_vec::<u8>(), state.to_vec::<u8>());
/// ```
#[derive(Clone)]
pub struct Generator(Arc<Mutex<CpuGenerator>>);

impl Generator {
    /// A generator of its own, at the beginning of the stream of PyTorch's default seed 67280421310721.
    pub fn new() -> Generator {
        Generator::of(CpuGenerator::default())
    }

    fn of(state: CpuGenerator) -> Generator {
        Generator(Arc::new(Mutex::new(state)))
    }

    /// Starts the stream of `seed`.
    pub fn manual_seed(&self, seed: u64) -> &Generator {
        self.lock().manual_seed(seed);
        self
    }

    /// Starts the stream of a seed that the operating system's randomness gives, and returns it.
    pub fn seed(&self) -> u64 {
        let seed = entropy();
        self.manual_seed(seed);
        seed
    }

    /// The seed of the present stream.
    pub fn initial_seed(&self) -> u64 {
        self.lock().initial_seed()
    }

    /// The state as 5056 bytes in PyTorch's layout.
    pub fn try_state(&self) -> Result<Tensor> {
        let bytes = self.lock().state_bytes();
        Tensor::try_from_slice(&bytes, &[STATE_BYTES])
    }

    /// As [`Generator::try_state`]; throws when memory runs out.
    #[track_caller]
    pub fn state(&self) -> Tensor {
        crate::OrThrow::or_throw(self.try_state())
    }

    /// Continues from a saved state, PyTorch's or ours.
    pub fn set_state(&self, state: &Tensor) -> Result<()> {
        ensure!(state.dtype() == DType::U8, Type, "RNG state must be a torch.ByteTensor");
        ensure!(state.is_contiguous(), Runtime, "RNG state must be contiguous");
        let n = state.numel();
        ensure!(
            n == STATE_BYTES,
            Runtime,
            "Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG state size to be {n}"
        );
        let restored = access::access([(state, Mode::Read)], |[p]| {
            // SAFETY: a contiguous tensor of that many bytes.
            Ok(CpuGenerator::from_state_bytes(unsafe {
                std::slice::from_raw_parts(p, n)
            }))
        })?;
        match restored {
            Some(s) => *self.lock() = s,
            None => bail!(Runtime, "Invalid mt19937 state"),
        }
        Ok(())
    }

    /// Another generator that continues from this one's state.
    pub fn clone_state(&self) -> Generator {
        Generator::of(self.lock().clone())
    }

    /// Where its numbers are made.
    pub fn device(&self) -> Device {
        Device::Cpu
    }

    /// Whether two handles draw from one stream.
    pub fn is_same(&self, other: &Generator) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The stream, for one operation.
    pub(crate) fn lock(&self) -> MutexGuard<'_, CpuGenerator> {
        // Drawing leaves a valid state at every step, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Generator {
    fn default() -> Generator {
        Generator::new()
    }
}

impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Generator(device={}, initial_seed={})",
            self.device(),
            self.initial_seed()
        )
    }
}

/// 64 bits of the operating system's randomness.
fn entropy() -> u64 {
    // The standard library seeds its hash maps from the system; an almost empty hash shows that seed.
    RandomState::new().hash_one(0u8)
}

/// The generator that operations without one use. Its first seed is random.
pub fn default_generator() -> &'static Generator {
    static DEFAULT: OnceLock<Generator> = OnceLock::new();
    DEFAULT.get_or_init(|| Generator::of(CpuGenerator::new(entropy())))
}

thread_local! {
    static STAND_IN: RefCell<Option<Generator>> = const { RefCell::new(None) };
}

/// Runs `f` with `generator` in the place of the default one for the operations of this thread.
///
/// ```
/// use duoc_core::{Tensor, random};
/// let draw = || {
///     let g = random::Generator::new();
///     random::with_generator(&g, || Tensor::rand(&[3]).dropout(0.5, true).to_vec::<f32>())
/// };
/// assert_eq!(draw(), draw());
/// ```
pub fn with_generator<T>(generator: &Generator, f: impl FnOnce() -> T) -> T {
    struct Restore(Option<Generator>);
    impl Drop for Restore {
        fn drop(&mut self) {
            STAND_IN.set(self.0.take());
        }
    }
    let _restore = Restore(STAND_IN.replace(Some(generator.clone())));
    f()
}

/// The given generator, the one of [`with_generator`], or the default one.
pub(crate) fn or_default(generator: Option<&Generator>) -> Generator {
    let stand_in = || STAND_IN.with_borrow(Clone::clone);
    generator
        .cloned()
        .or_else(stand_in)
        .unwrap_or_else(|| default_generator().clone())
}

/// The generator that operations without one use on this thread: that of [`with_generator`], or the default one.
pub fn current_generator() -> Generator {
    or_default(None)
}

/// Starts the default generator's stream of `seed` and returns the generator.
pub fn manual_seed(seed: u64) -> &'static Generator {
    default_generator().manual_seed(seed)
}

/// Gives the default generator a random seed and returns it.
pub fn seed() -> u64 {
    default_generator().seed()
}

/// The seed of the default generator's present stream.
pub fn initial_seed() -> u64 {
    default_generator().initial_seed()
}

/// The default generator's state.
pub fn get_rng_state() -> Result<Tensor> {
    default_generator().try_state()
}

/// Restores the default generator's state.
pub fn set_rng_state(state: &Tensor) -> Result<()> {
    default_generator().set_state(state)
}

/// Runs `f`; afterwards the default generator stands where it stood before, whatever `f` drew.
pub fn fork_rng<T>(f: impl FnOnce() -> T) -> T {
    struct Restore(Option<CpuGenerator>);
    impl Drop for Restore {
        fn drop(&mut self) {
            if let Some(state) = self.0.take() {
                *default_generator().lock() = state;
            }
        }
    }
    let _restore = Restore(Some(default_generator().lock().clone()));
    f()
}

//! Working memory that a thread keeps between products and other work.

use std::alloc::{Layout, alloc, dealloc};
use std::cell::Cell;
use std::ptr::NonNull;

/// What a buffer is for; each purpose has its own, so that one product can hold several.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// Packed rows of A.
    A = 0,
    /// Packed columns of B.
    B = 1,
    /// A block of C before it is rounded to its storage type.
    C = 2,
    /// The padded copy of an image.
    Image = 3,
    /// A packed weight.
    Weights = 4,
    /// Sums that take several blocks.
    Sums = 5,
    /// What a sort moves.
    Items = 6,
    /// Where it moves it.
    Others = 7,
    /// A line of numbers.
    Line = 8,
}

/// A 64-byte aligned, uninitialised buffer, given back to the thread when dropped.
pub(crate) struct Scratch {
    memory: Option<Memory>,
    purpose: Purpose,
}

/// Buffers above this are not kept.
const KEEP: usize = 64 << 20;

struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout in `Scratch::take`.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

thread_local! {
    static KEPT: [Cell<Option<Memory>>; 9] = const { [const { Cell::new(None) }; 9] };
}

impl Scratch {
    /// At least `bytes` bytes, or `None` if they cannot be had.
    pub fn take(purpose: Purpose, bytes: usize) -> Option<Scratch> {
        let kept = KEPT.try_with(|k| k[purpose as usize].take()).ok().flatten();
        if let Some(memory) = kept
            && memory.layout.size() >= bytes
        {
            return Some(Scratch {
                memory: Some(memory),
                purpose,
            });
        }
        let layout = Layout::from_size_align(bytes.max(4096).next_multiple_of(4096), 64).ok()?;
        // SAFETY: the size is not zero.
        let start = NonNull::new(unsafe { alloc(layout) })?;
        Some(Scratch {
            memory: Some(Memory { start, layout }),
            purpose,
        })
    }

    /// As [`Scratch::take`], for work that cannot be done without: ends the program as a `Vec` would.
    pub fn take_or_end(purpose: Purpose, bytes: usize) -> Scratch {
        Scratch::take(purpose, bytes).unwrap_or_else(|| match Layout::from_size_align(bytes, 64) {
            Ok(layout) => std::alloc::handle_alloc_error(layout),
            Err(_) => unreachable!("memory of this size exists"),
        })
    }

    /// The first byte.
    pub fn ptr<T>(&self) -> *mut T {
        self.memory
            .as_ref()
            .map_or(std::ptr::null_mut(), |m| m.start.as_ptr().cast())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let memory = self.memory.take().filter(|m| m.layout.size() <= KEEP);
        // A thread that is ending has no place to keep it: then it is freed.
        let _ = KEPT.try_with(|k| k[self.purpose as usize].set(memory));
    }
}

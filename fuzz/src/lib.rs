//! What every target holds a reader to: an answer or an error, and memory within twice the file and a mebibyte.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};

static LIVE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicIsize = AtomicIsize::new(0);

/// The system's allocator, with a count of what is held.
pub struct Counting;

// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let size = layout.size() as isize;
        PEAK.fetch_max(LIVE.fetch_add(size, Relaxed) + size, Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        unsafe { System.dealloc(p, layout) }
    }
}

/// Reads a file and panics if that took more memory than twice the file, `grows` times, and a mebibyte.
pub fn bounded<T>(file: &[u8], grows: usize, read: impl FnOnce(&[u8]) -> T) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    drop(read(file));
    let taken = PEAK.load(Relaxed) - before;
    let allowed = (2 * file.len() * grows + (1 << 20)) as isize;
    assert!(taken <= allowed, "{taken} bytes for a file of {}", file.len());
}

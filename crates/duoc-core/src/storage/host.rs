//! Host memory from a caching allocator.
//!
//! Blocks are 64-byte aligned. Freed blocks are kept: small ones per thread, large ones in one list, so that a
//! result does not pay for fresh pages each time. What is cached counts as free, is reused first, and is given back
//! when the system refuses memory or [`empty_cache`] is called.

use crate::{Result, bail, sys};
use std::alloc::{Layout, alloc, dealloc};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicIsize, AtomicUsize, Ordering::Relaxed};

/// Alignment of every block.
pub const ALIGN: usize = 64;
const HUGE_PAGE: usize = 2 << 20;
/// Blocks up to this size are cached per thread.
const SMALL: usize = 64 << 10;
const SMALL_CLASSES: usize = 40;
/// At most this many bytes of each small class stay with a thread.
const SMALL_KEEP: usize = 256 << 10;
/// From this size on the system's free memory is looked at before it is asked.
const LOOK: usize = 16 << 20;

static IN_USE: AtomicIsize = AtomicIsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static CACHED: AtomicUsize = AtomicUsize::new(0);
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);
static LARGE: Mutex<BTreeMap<usize, Vec<Free>>> = Mutex::new(BTreeMap::new());

struct Free(NonNull<u8>);
// SAFETY: a free block belongs to whoever holds it.
unsafe impl Send for Free {}

/// Small blocks are counted per thread and added to the total when they come to this many bytes: an atomic count of
/// each costs as much as a small tensor's arithmetic.
const UNCOUNTED: isize = 1 << 20;

thread_local! {
    static PENDING: Cell<isize> = const { Cell::new(0) };
}

/// Counts bytes of a small block.
fn count_small(bytes: isize) {
    let pending = PENDING.get() + bytes;
    PENDING.set(pending);
    if pending.abs() > UNCOUNTED {
        settle();
    }
}

/// Adds what this thread has not yet counted to the total.
fn settle() {
    count(PENDING.replace(0));
}

/// Changes the total, and returns what it was.
fn count(bytes: isize) -> usize {
    let before = IN_USE.fetch_add(bytes, Relaxed).max(0) as usize;
    let now = before.saturating_add_signed(bytes);
    if bytes > 0 && now > PEAK.load(Relaxed) {
        PEAK.fetch_max(now, Relaxed);
    }
    before
}

/// Bytes held by live tensors; what other threads hold in small ones is known to within a mebibyte each.
pub fn memory_allocated() -> usize {
    settle();
    IN_USE.load(Relaxed).max(0) as usize
}

/// The most bytes that live tensors have held, as exact as [`memory_allocated`].
pub fn max_memory_allocated() -> usize {
    settle();
    PEAK.load(Relaxed)
}

/// Bytes kept for reuse in the shared cache of large blocks.
pub fn memory_cached() -> usize {
    CACHED.load(Relaxed)
}

/// Refuses storage beyond `bytes` in live tensors; `None` removes the limit.
pub fn set_memory_limit(bytes: Option<usize>) {
    LIMIT.store(bytes.unwrap_or(usize::MAX), Relaxed);
}

/// Gives cached blocks back to the system: the shared list and this thread's small blocks.
pub fn empty_cache() {
    let large = std::mem::take(&mut *LARGE.lock().unwrap_or_else(|e| e.into_inner()));
    for (size, blocks) in large {
        for b in blocks {
            CACHED.fetch_sub(size, Relaxed);
            release(b.0, size);
        }
    }
    let _ = SMALL_CACHE.try_with(|c| c.borrow_mut().clear());
}

thread_local! {
    static FAIL_AT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Makes the `n`-th storage allocation of this thread from now on (0 = the next) fail once, and tells whether an
/// earlier wish is still open. For tests of running out of memory.
#[doc(hidden)]
pub fn fail_nth_allocation(n: Option<u32>) -> bool {
    FAIL_AT.replace(n.unwrap_or(u32::MAX)) != u32::MAX
}

fn fails_now() -> bool {
    match FAIL_AT.get() {
        u32::MAX => false,
        0 => {
            FAIL_AT.set(u32::MAX);
            true
        }
        n => {
            FAIL_AT.set(n - 1);
            false
        }
    }
}

/// One block of host memory, given back on drop.
pub(crate) struct Block {
    ptr: NonNull<u8>,
    len: usize,
    size: usize,
}

// SAFETY: plain bytes; access goes through the storage's lock.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    pub(crate) fn new(len: usize) -> Result<Block> {
        if fails_now() {
            bail!(OutOfMemory, "{}", refusal(len, "an injected failure"));
        }
        let Some(size) = class(len) else {
            bail!(OutOfMemory, "{}", refusal(len, "more than can be addressed"));
        };
        // A limit is held exactly, so with one every block is counted at once.
        let at_once = size > SMALL || LIMIT.load(Relaxed) != usize::MAX;
        if at_once {
            settle();
            // A request that the limit refuses is not counted even for a moment: it would refuse other threads'.
            Self::check_limit(len, size, IN_USE.load(Relaxed).max(0) as usize)?;
            count(size as isize);
        }
        let ptr = match Self::obtain(len, size) {
            Ok(p) => p,
            Err(e) => {
                if at_once {
                    count(-(size as isize));
                }
                return Err(e);
            }
        };
        if !at_once {
            count_small(size as isize);
        }
        Ok(Block { ptr, len, size })
    }

    fn check_limit(len: usize, size: usize, in_use: usize) -> Result<()> {
        if size > LIMIT.load(Relaxed).saturating_sub(in_use) {
            let limit = LIMIT.load(Relaxed);
            bail!(
                OutOfMemory,
                "{}",
                refusal(len, &format!("above the memory limit of {limit} bytes"))
            );
        }
        Ok(())
    }

    fn obtain(len: usize, size: usize) -> Result<NonNull<u8>> {
        if let Some(p) = take(size) {
            return Ok(p);
        }
        if size >= LOOK
            && let Some(free) = sys::available_memory()
            && size > free
        {
            empty_cache();
            let free = sys::available_memory().unwrap_or(usize::MAX);
            if size > free {
                bail!(OutOfMemory, "{}", refusal(len, &format!("{free} bytes are free")));
            }
        }
        match request(size) {
            Some(p) => Ok(p),
            None => {
                empty_cache();
                request(size)
                    .ok_or_else(|| crate::err!(OutOfMemory, "{}", refusal(len, "the system has no more to give")))
            }
        }
    }

    pub(crate) fn ptr(&self) -> *mut u8 {
        self.ptr.as_ptr()
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.size <= SMALL {
            count_small(-(self.size as isize));
            let size = self.size;
            let ptr = self.ptr;
            if SMALL_CACHE.try_with(|c| c.borrow_mut().put(ptr, size)).is_err() {
                release(ptr, size);
            }
            return;
        }
        count(-(self.size as isize));
        if CACHED.load(Relaxed) + self.size > memory_allocated().max(256 << 20) {
            // The cache may be as large as what is in use; beyond that blocks go back at once.
            return release(self.ptr, self.size);
        }
        CACHED.fetch_add(self.size, Relaxed);
        LARGE
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .entry(self.size)
            .or_default()
            .push(Free(self.ptr));
    }
}

fn refusal(len: usize, why: &str) -> String {
    format!(
        "not enough memory: you tried to allocate {len} bytes ({why}; {} bytes are held by tensors)",
        memory_allocated()
    )
}

/// The size of the block that serves `len` bytes: multiples of 64 up to 1 KiB, then eight steps an octave, large
/// blocks in multiples of 2 MiB so that huge pages fit.
fn class(len: usize) -> Option<usize> {
    let len = len.max(1);
    if len <= 1024 {
        return Some(len.next_multiple_of(ALIGN));
    }
    let step = if len <= SMALL {
        // Powers of two and their halves-between keep the number of small classes low.
        (len.next_power_of_two() / 4).max(ALIGN)
    } else if len <= 8 << 20 {
        (len.next_power_of_two() / 8).max(4096)
    } else {
        HUGE_PAGE
    };
    let size = len.checked_next_multiple_of(step)?;
    (size <= isize::MAX as usize - HUGE_PAGE).then_some(size)
}

fn layout(size: usize) -> Layout {
    let align = if size >= 2 * HUGE_PAGE { HUGE_PAGE } else { ALIGN };
    Layout::from_size_align(size, align).expect("`class` keeps sizes below isize::MAX - align")
}

fn request(size: usize) -> Option<NonNull<u8>> {
    // SAFETY: the size is not zero.
    let p = NonNull::new(unsafe { alloc(layout(size)) })?;
    if size >= 2 * HUGE_PAGE {
        sys::advise_huge_pages(p.as_ptr(), size);
    }
    Some(p)
}

fn release(p: NonNull<u8>, size: usize) {
    // SAFETY: `p` came from `request(size)`.
    unsafe { dealloc(p.as_ptr(), layout(size)) }
}

fn take(size: usize) -> Option<NonNull<u8>> {
    if size <= SMALL {
        return SMALL_CACHE.try_with(|c| c.borrow_mut().take(size)).ok().flatten();
    }
    if CACHED.load(Relaxed) < size {
        return None;
    }
    let mut large = LARGE.lock().unwrap_or_else(|e| e.into_inner());
    let p = large.get_mut(&size)?.pop()?;
    CACHED.fetch_sub(size, Relaxed);
    Some(p.0)
}

thread_local! {
    static SMALL_CACHE: RefCell<SmallCache> = const { RefCell::new(SmallCache { classes: [const { Vec::new() }; SMALL_CLASSES] }) };
}

struct SmallCache {
    classes: [Vec<NonNull<u8>>; SMALL_CLASSES],
}

impl SmallCache {
    /// 16 classes of multiples of 64, then two an octave up to 64 KiB.
    fn slot(size: usize) -> usize {
        if size <= 1024 {
            return size / ALIGN - 1;
        }
        let octave = (size - 1).ilog2() as usize;
        let quarter = (size - 1) >> (octave - 1) & 1;
        16 + (octave - 10) * 2 + quarter
    }

    fn take(&mut self, size: usize) -> Option<NonNull<u8>> {
        self.classes[Self::slot(size)].pop()
    }

    fn put(&mut self, p: NonNull<u8>, size: usize) {
        let list = &mut self.classes[Self::slot(size)];
        if (list.len() + 1) * size > SMALL_KEEP {
            release(p, size);
        } else {
            list.push(p);
        }
    }

    fn clear(&mut self) {
        for slot in 0..SMALL_CLASSES {
            let size = Self::size_of(slot);
            for p in std::mem::take(&mut self.classes[slot]) {
                release(p, size);
            }
        }
    }

    /// The inverse of `slot`.
    fn size_of(slot: usize) -> usize {
        if slot < 16 {
            return (slot + 1) * ALIGN;
        }
        let (octave, quarter) = (10 + (slot - 16) / 2, (slot - 16) % 2);
        if quarter == 0 { 3 << (octave - 1) } else { 2 << octave }
    }
}

impl Drop for SmallCache {
    fn drop(&mut self) {
        settle();
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_and_slots_agree() {
        for len in 1..=SMALL {
            let size = class(len).unwrap();
            assert!(size >= len && size <= SMALL);
            assert_eq!(SmallCache::size_of(SmallCache::slot(size)), size, "len {len}");
        }
    }

    #[test]
    fn blocks_come_back() {
        let a = Block::new(1000).unwrap();
        let p = a.ptr();
        drop(a);
        assert_eq!(Block::new(1000).unwrap().ptr(), p);
    }

    #[test]
    fn too_much_is_an_error() {
        assert!(Block::new(isize::MAX as usize).is_err());
        assert!(Block::new(1 << 50).is_err());
    }
}

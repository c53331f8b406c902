//! A shared pointer without weak references.
//!
//! `std::sync::Arc` pays two atomic changes to free a value, one for each of its counts. A tensor that lives for one
//! expression has one handle; here it is freed by a plain load, which on small tensors is a good part of an operation.

use std::ops::Deref;
use std::process::abort;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// A pointer to a value with a count of its handles.
pub(crate) struct Shared<T>(NonNull<Counted<T>>);

struct Counted<T> {
    handles: AtomicUsize,
    value: T,
}

// SAFETY: handles on several threads share the value by reference, and the last one, on any thread, drops it.
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Moves a value behind a first handle.
    #[inline]
    pub(crate) fn new(value: T) -> Shared<T> {
        let boxed = Box::new(Counted {
            handles: AtomicUsize::new(1),
            value,
        });
        // SAFETY: a box is not null.
        Shared(unsafe { NonNull::new_unchecked(Box::into_raw(boxed)) })
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: the value lives as long as any handle.
        unsafe { self.0.as_ref() }
    }

    /// Handles at this moment.
    #[inline]
    pub(crate) fn count(this: &Shared<T>) -> usize {
        this.counted().handles.load(Ordering::Acquire)
    }

    /// Whether two handles share one value.
    #[inline]
    pub(crate) fn ptr_eq(a: &Shared<T>, b: &Shared<T>) -> bool {
        a.0 == b.0
    }

    /// The address of the value.
    #[inline]
    pub(crate) fn as_ptr(this: &Shared<T>) -> *const T {
        &this.counted().value
    }
}

impl<T> Clone for Shared<T> {
    #[inline]
    fn clone(&self) -> Shared<T> {
        // A new handle is made from an existing one, which keeps the value alive: no ordering is needed.
        let before = self.counted().handles.fetch_add(1, Ordering::Relaxed);
        if before > isize::MAX as usize {
            // Only leaked handles can get here; going on would free a value in use.
            abort();
        }
        Shared(self.0)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Drop for Shared<T> {
    #[inline]
    fn drop(&mut self) {
        let handles = &self.counted().handles;
        // The only handle: nobody is left who could make another, so the count need not change.
        if handles.load(Ordering::Acquire) != 1 {
            if handles.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            // What other threads did with the value happened before it is dropped.
            fence(Ordering::Acquire);
        }
        free(self.0);
    }
}

#[inline(never)]
fn free<T>(p: NonNull<Counted<T>>) {
    // SAFETY: the last handle is gone, and the value came from a box.
    drop(unsafe { Box::from_raw(p.as_ptr()) });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_last_handle_frees_the_value() {
        let witness = Arc::new(());
        let a = Shared::new(witness.clone());
        let b = a.clone();
        assert!(Shared::ptr_eq(&a, &b) && Shared::count(&a) == 2);
        drop(a);
        assert_eq!((Shared::count(&b), Arc::strong_count(&witness)), (1, 2));
        drop(b);
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn handles_cross_threads() {
        let witness = Arc::new(());
        let a = Shared::new(witness.clone());
        std::thread::scope(|s| {
            for _ in 0..4 {
                let a = a.clone();
                s.spawn(move || (0..1000).for_each(|_| drop(a.clone())));
            }
        });
        drop(a);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}

//! Ordered access: the only way to a storage's bytes.
//!
//! Every distinct storage of a call is locked once, in address order, in its strongest mode, so `x.add_(&x)` and two
//! threads doing `p += q` and `q += p` cannot deadlock. The closure gets raw pointers (aliases are legal, no `&mut`
//! to shared bytes is ever made) and calls kernels only. An output that nobody else holds needs no lock.

use super::{Inner, Storage};
use crate::shared::Shared;
use crate::{Result, Tensor, err};
use smallvec::SmallVec;
use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, RwLockReadGuard, RwLockWriteGuard};

/// What a kernel does with an operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Mode {
    /// Reads only.
    Read,
    /// A result that was made for this call: written for the first time, its version does not move.
    Init,
    /// Changes existing contents: the version counter moves.
    Write,
}

thread_local! {
    static IN_USER_CODE: Cell<bool> = const { Cell::new(false) };
}

enum Guard<'a> {
    Read(#[allow(dead_code)] RwLockReadGuard<'a, ()>),
    Write(#[allow(dead_code)] RwLockWriteGuard<'a, ()>),
}

/// Locks the storages of `operands` and runs `f` with the address of each operand's first element.
///
/// # Safety of the pointers
/// They are valid while the closure runs, for the elements that each tensor's layout names, for reading and, with
/// `Write` or `Init`, for writing.
pub(crate) fn access<const N: usize, R>(
    operands: [(&Tensor, Mode); N],
    f: impl FnOnce([*mut u8; N]) -> Result<R>,
) -> Result<R> {
    let _guards = lock_all(&operands)?;
    let mut ptrs = [std::ptr::null_mut(); N];
    for (p, (t, _)) in ptrs.iter_mut().zip(&operands) {
        *p = t.data_ptr();
    }
    f(ptrs)
}

/// As [`access`] for a number of operands known at run time.
pub(crate) fn access_many<R>(operands: &[(&Tensor, Mode)], f: impl FnOnce(&[*mut u8]) -> Result<R>) -> Result<R> {
    let _guards = lock_all(operands)?;
    if operands.len() <= 8 {
        let mut ptrs = [std::ptr::null_mut(); 8];
        for (p, (t, _)) in ptrs.iter_mut().zip(operands) {
            *p = t.data_ptr();
        }
        return f(&ptrs[..operands.len()]);
    }
    let ptrs: Vec<*mut u8> = operands.iter().map(|(t, _)| t.data_ptr()).collect();
    f(&ptrs)
}

fn lock_all<'a>(operands: &[(&'a Tensor, Mode)]) -> Result<SmallVec<[Guard<'a>; 4]>> {
    if IN_USER_CODE.get() {
        return Err(inside_user_code());
    }
    let mut guards = SmallVec::new();
    // A step of an optimiser names hundreds of storages; looking each up among the others would be quadratic.
    let few = operands.len() <= 16;
    let mut wanted: SmallVec<[(&'a Inner, Mode); 4]> = SmallVec::new();
    for (t, mode) in operands {
        let inner = &t.storage().0;
        if *mode == Mode::Write {
            t.bump_version();
        }
        if *mode == Mode::Init && Shared::count(inner) == 1 {
            continue;
        }
        match wanted.iter_mut().find(|(i, _)| few && std::ptr::eq(*i, &**inner)) {
            Some((_, m)) => *m = (*m).max(*mode),
            None => wanted.push((&**inner, *mode)),
        }
    }
    match &mut wanted[..] {
        [] | [_] => {}
        [a, b] if few => {
            if std::ptr::from_ref(a.0) > std::ptr::from_ref(b.0) {
                std::mem::swap(a, b);
            }
        }
        many => many.sort_unstable_by_key(|(i, m)| (std::ptr::from_ref(*i) as usize, std::cmp::Reverse(*m))),
    }
    if !few {
        // Sorted, each storage's strongest mode comes first.
        wanted.dedup_by(|later, first| std::ptr::eq(later.0, first.0));
    }
    for (inner, mode) in &wanted {
        guards.push(lock(inner, *mode));
    }
    Ok(guards)
}

#[cold]
fn inside_user_code() -> crate::Error {
    err!(
        Runtime,
        "a tensor operation was called inside with_slice or with_slice_mut on the same thread; finish the closure first"
    )
}

fn lock(inner: &Inner, mode: Mode) -> Guard<'_> {
    // The lock guards bytes, which a panic elsewhere leaves as they are: poisoning carries no meaning.
    match mode {
        Mode::Read => Guard::Read(inner.lock.read().unwrap_or_else(PoisonError::into_inner)),
        _ => Guard::Write(inner.lock.write().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Runs user code on a storage's bytes under its lock; tensor operations inside are refused, not deadlocked.
pub(crate) fn with_user_code<R>(t: &Tensor, mode: Mode, f: impl FnOnce(*mut u8) -> R) -> Result<R> {
    let _guards = lock_all(&[(t, mode)])?;
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            IN_USER_CODE.set(false);
        }
    }
    IN_USER_CODE.set(true);
    let _reset = Reset;
    Ok(f(t.data_ptr()))
}

impl Storage {
    /// Whether the caller may be the first root tensor here and use the storage's own version counter.
    pub(crate) fn take_version(&self) -> bool {
        let taken = &self.0.version_taken;
        if Shared::count(&self.0) == 1 {
            // Nobody else can ask: a fresh storage, the usual case, needs no atomic exchange.
            let before = taken.load(Ordering::Relaxed);
            taken.store(true, Ordering::Relaxed);
            return !before;
        }
        !taken.swap(true, Ordering::Relaxed)
    }
}

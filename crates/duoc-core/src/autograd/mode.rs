//! Thread-local switches: gradient recording, inference mode, anomaly detection, and the op gate's modes.

use std::cell::Cell;

const NO_GRAD: u8 = 1;
const INFERENCE: u8 = 2;
pub(crate) const ANOMALY: u8 = 4;
/// Some mode of the op gate is on (see [`crate::op`]).
pub(crate) const GATE: u8 = 8;
/// Some hook on saved tensors is installed (see [`super::node`]).
pub(crate) const PACK: u8 = 16;

thread_local! {
    static FLAGS: Cell<u8> = const { Cell::new(0) };
}

#[inline]
pub(crate) fn flags() -> u8 {
    FLAGS.get()
}

pub(crate) fn set_flag(flag: u8, on: bool) {
    FLAGS.set(if on { FLAGS.get() | flag } else { FLAGS.get() & !flag });
}

/// Restores the thread's switches when dropped.
#[must_use = "the mode ends when the guard is dropped"]
pub struct ModeGuard {
    before: u8,
    mask: u8,
    /// The switches belong to this thread.
    _not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for ModeGuard {
    fn drop(&mut self) {
        FLAGS.set(FLAGS.get() & !self.mask | self.before & self.mask);
    }
}

fn guard(mask: u8, value: u8) -> ModeGuard {
    let before = FLAGS.get();
    FLAGS.set(before & !mask | value & mask);
    ModeGuard {
        before,
        mask,
        _not_send: std::marker::PhantomData,
    }
}

/// Whether operations on this thread are recorded.
#[inline]
pub fn is_grad_enabled() -> bool {
    flags() & NO_GRAD == 0
}

/// Switches recording on this thread for good.
pub fn set_grad_enabled(on: bool) {
    set_flag(NO_GRAD, !on);
}

/// As [`set_grad_enabled`] until the guard is dropped.
pub fn grad_mode(on: bool) -> ModeGuard {
    guard(NO_GRAD, if on { 0 } else { NO_GRAD })
}

/// Runs `f` without recording.
///
/// ```
/// use duoc_core::{Tensor, autograd::no_grad};
/// let x = Tensor::from_slice(&[1.0f32]).requires_grad_(true).unwrap();
/// assert!(!no_grad(|| &x * 2.0).requires_grad());
/// ```
pub fn no_grad<T>(f: impl FnOnce() -> T) -> T {
    let _guard = grad_mode(false);
    f()
}

/// Runs `f` with recording, inside a `no_grad` too.
pub fn enable_grad<T>(f: impl FnOnce() -> T) -> T {
    let _guard = grad_mode(true);
    f()
}

/// Whether inference mode is on.
pub fn is_inference_mode_enabled() -> bool {
    flags() & INFERENCE != 0
}

pub(crate) fn is_inference() -> bool {
    is_inference_mode_enabled()
}

/// Switches inference mode until the guard is dropped. Tensors made in it never take part in a graph.
pub fn inference_guard(on: bool) -> ModeGuard {
    guard(INFERENCE | NO_GRAD, if on { INFERENCE | NO_GRAD } else { 0 })
}

/// Runs `f` in inference mode: nothing is recorded and the results can never be.
pub fn inference_mode<T>(f: impl FnOnce() -> T) -> T {
    let _guard = inference_guard(true);
    f()
}

/// Whether anomaly detection is on.
pub fn is_anomaly_enabled() -> bool {
    flags() & ANOMALY != 0
}

/// Switches anomaly detection until the guard is dropped.
pub fn anomaly_guard(on: bool) -> ModeGuard {
    guard(ANOMALY, if on { ANOMALY } else { 0 })
}

/// Runs `f` with anomaly detection: a backward step that produces NaN is an error naming the forward operation.
pub fn detect_anomaly<T>(f: impl FnOnce() -> T) -> T {
    let _guard = anomaly_guard(true);
    f()
}

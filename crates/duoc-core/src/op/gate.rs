//! The gate: the one place that every public op passes.
//!
//! With no mode on, it costs one thread-local load. With a mode on, it hands (op, arguments) to the mode, which calls
//! the op with these or other arguments, outside itself. Anomaly detection, a NaN guard, a profiler, autocast, capture
//! and vmap are modes; no op knows them.

use super::{Op, Value};
use crate::Result;
use crate::autograd::mode as switches;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// Something that watches or rewrites op calls on a thread.
pub trait Mode: Send + Sync {
    /// Called in the op's place. `(op.call)(args)` goes on to the modes below and then to the op.
    fn call(&self, op: &'static Op, args: &[Value]) -> Result<Value>;
}

thread_local! {
    static MODES: RefCell<Vec<Arc<dyn Mode>>> = const { RefCell::new(Vec::new()) };
    static NAMES: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// Whether calls on this thread are handed to someone.
#[inline]
pub fn is_gated() -> bool {
    switches::flags() & (switches::GATE | switches::ANOMALY) != 0
}

/// Runs `f` with a mode on, above those that are on already.
pub fn with_mode<T>(mode: Arc<dyn Mode>, f: impl FnOnce() -> T) -> T {
    MODES.with_borrow_mut(|m| m.push(mode));
    switches::set_flag(switches::GATE, true);
    let _restore = Restore { put_back: None };
    f()
}

/// Takes the top mode off (or puts one back) when dropped, so that errors and panics leave the stack as it was.
struct Restore {
    put_back: Option<Arc<dyn Mode>>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        let gone = MODES.with_borrow_mut(|m| match self.put_back.take() {
            Some(mode) => {
                m.push(mode);
                None
            }
            None => m.pop(),
        });
        drop(gone);
        switches::set_flag(switches::GATE, MODES.with_borrow(|m| !m.is_empty()));
    }
}

/// The slow path of a call: to the top mode, or to the op with its name noted.
#[cold]
pub fn through(op: &'static Op, args: &[Value], body: &mut dyn FnMut() -> Result<Value>) -> Result<Value> {
    if let Some(mode) = MODES.with_borrow_mut(Vec::pop) {
        switches::set_flag(switches::GATE, MODES.with_borrow(|m| !m.is_empty()));
        let _restore = Restore {
            put_back: Some(mode.clone()),
        };
        return mode.call(op, args);
    }
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            NAMES.with_borrow_mut(|n| n.pop());
        }
    }
    NAMES.with_borrow_mut(|n| n.push(op.name()));
    let _leave = Leave;
    body()
}

static ORIGIN: OnceLock<fn() -> Option<String>> = OnceLock::new();

/// Installs what adds a place (a Python traceback) to the origin of nodes that are recorded under anomaly detection.
pub fn set_origin_hook(hook: fn() -> Option<String>) {
    let _ = ORIGIN.set(hook);
}

/// Where the present call comes from: the names of the ops around it, outermost first, and the hook's word.
pub fn origin() -> String {
    let names = NAMES.with_borrow(|n| n.join(" > "));
    match ORIGIN.get().and_then(|hook| hook()) {
        Some(place) => format!("{names}\n{place}"),
        None => names,
    }
}

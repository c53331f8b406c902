//! Calls to the operating system, each with a portable fallback.

/// Registers `f` to run in the child process after a `fork`. Elsewhere than on Unix there is no fork and it never runs.
pub fn after_fork_in_child(f: extern "C" fn()) {
    #[cfg(unix)]
    {
        unsafe extern "C" {
            fn pthread_atfork(
                prepare: Option<extern "C" fn()>,
                parent: Option<extern "C" fn()>,
                child: Option<extern "C" fn()>,
            ) -> std::ffi::c_int;
        }
        // SAFETY: the handlers are functions that live for ever. A failure (no memory) leaves forked children with
        // the parent's pool, in which no worker answers; regions then run in the calling thread, which is correct.
        unsafe {
            pthread_atfork(None, None, Some(f));
        }
    }
    #[cfg(not(unix))]
    let _ = f;
}

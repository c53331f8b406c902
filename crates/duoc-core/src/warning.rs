//! Warnings: what a caller should know although the call goes on.

use crate::Result;
use std::sync::OnceLock;

static HOOK: OnceLock<fn(&str) -> Result<()>> = OnceLock::new();

/// Installs who hears warnings; a language binding hands them to its own mechanism, which may make them errors.
pub fn set_warning_hook(hook: fn(&str) -> Result<()>) {
    let _ = HOOK.set(hook);
}

/// Tells whoever listens; without a listener a line on the standard error stream.
pub fn warn(text: &str) -> Result<()> {
    match HOOK.get() {
        Some(hook) => hook(text),
        None => {
            eprintln!("warning: {text}");
            Ok(())
        }
    }
}

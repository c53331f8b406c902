//! Errors: one opaque type with PyTorch's exception classes as kinds, and the way it is thrown and caught.
//!
//! Functions in [`crate::ops`] return [`Result`]. Methods and operators of the same name *throw*: outside
//! [`catch`] that is an ordinary panic with the message at the caller's line; inside it the typed [`Error`] unwinds
//! silently and comes back as `Err`.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// `Result` with duoc's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of an error: the exception that PyTorch raises for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `RuntimeError`: the usual one.
    Runtime,
    /// `ValueError`.
    Value,
    /// `TypeError`.
    Type,
    /// `IndexError`.
    Index,
    /// `KeyError`.
    Key,
    /// `NotImplementedError`.
    NotImplemented,
    /// `AssertionError`: what PyTorch's Python code asserts of arguments.
    Assertion,
    /// `ZeroDivisionError`.
    ZeroDivision,
    /// `OverflowError`.
    Overflow,
    /// `torch.linalg.LinAlgError`.
    LinAlg,
    /// `torch.OutOfMemoryError` (a `RuntimeError`).
    OutOfMemory,
    /// `OSError`.
    Io,
}

/// An error of a duoc call: a [`kind`](Error::kind) and a message.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error with the given message.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
        }))
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message alone.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The same error with `prefix` before its message, for a caller that knows where it happened.
    pub fn at(mut self, prefix: impl fmt::Display) -> Error {
        self.0.message = format!("{prefix}: {}", self.0.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}Error: {}", self.0.kind, self.0.message)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Error {
        Error::new(ErrorKind::Io, e.to_string())
    }
}

/// Builds an [`Error`]: `err!(Value, "message {}", x)`.
#[macro_export]
macro_rules! err {
    ($kind:ident, $($arg:tt)+) => {
        $crate::Error::new($crate::ErrorKind::$kind, format!($($arg)+))
    };
}

/// Returns an [`Error`] from the surrounding function: `bail!(Index, "message {}", x)`.
#[macro_export]
macro_rules! bail {
    ($kind:ident, $($arg:tt)+) => {
        return Err($crate::err!($kind, $($arg)+))
    };
}

/// Returns an [`Error`] unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($cond:expr, $kind:ident, $($arg:tt)+) => {
        if !$cond {
            $crate::bail!($kind, $($arg)+)
        }
    };
}

thread_local! {
    static CATCHING: Cell<u32> = const { Cell::new(0) };
}

/// Runs `f`; an error thrown inside by a method or an operator comes back as `Err`. Other panics pass through.
///
/// ```
/// use duoc_core::{Tensor, catch, ErrorKind};
/// let e = catch(|| Tensor::from_slice(&[1.0f32, 2.0]).reshape(&[3])).unwrap_err();
/// assert_eq!(e.kind(), ErrorKind::Runtime);
/// ```
pub fn catch<T>(f: impl FnOnce() -> T) -> Result<T> {
    match caught(AssertUnwindSafe(f)) {
        Ok(v) => Ok(v),
        Err(payload) => match payload.downcast::<Error>() {
            Ok(e) => Err(*e),
            Err(other) => resume_unwind(other),
        },
    }
}

fn caught<T>(f: AssertUnwindSafe<impl FnOnce() -> T>) -> Result<T, Box<dyn Any + Send>> {
    CATCHING.set(CATCHING.get() + 1);
    let r = catch_unwind(f);
    CATCHING.set(CATCHING.get() - 1);
    r
}

/// Throws an error: the bridge from `Result` functions to methods and operators.
#[cold]
#[track_caller]
pub fn throw(e: Error) -> ! {
    if CATCHING.get() > 0 {
        resume_unwind(Box::new(e))
    } else {
        panic!("{e}")
    }
}

/// Unwraps a [`Result`] by throwing its error (see [`throw`]).
pub trait OrThrow {
    /// The value.
    type Output;
    /// The value, or throws.
    #[track_caller]
    fn or_throw(self) -> Self::Output;
}

impl<T> OrThrow for Result<T> {
    type Output = T;
    #[track_caller]
    #[inline]
    fn or_throw(self) -> T {
        match self {
            Ok(v) => v,
            Err(e) => throw(e),
        }
    }
}

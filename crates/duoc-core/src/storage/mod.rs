//! Storage: untyped bytes behind an owner, the lock that guards them, and who may touch them.
//!
//! * [`host`]: memory from the caching allocator; allocation is fallible and counted.
//! * [`foreign`]: memory that somebody else owns (NumPy, DLPack, a `Vec`).
//! * [`access`]: the only way to the bytes.

pub(crate) mod access;
pub mod foreign;
pub mod host;

pub use access::Mode;

use crate::Result;
use crate::shared::Shared;
use foreign::Memory;
use host::Block;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU32};

/// Shared bytes of one or more tensors.
#[derive(Clone)]
pub struct Storage(pub(crate) Shared<Inner>);

pub(crate) struct Inner {
    memory: Owner,
    pub(crate) lock: RwLock<()>,
    /// The version counter of the first root tensor on this storage; further roots bring their own.
    pub(crate) version: AtomicU32,
    pub(crate) version_taken: AtomicBool,
}

enum Owner {
    Host(Block),
    Foreign(Box<dyn Memory>),
}

impl Storage {
    /// New uninitialised host memory. Its failure is an error that names the bytes.
    pub fn host(bytes: usize) -> Result<Storage> {
        Ok(Storage::new(Owner::Host(Block::new(bytes)?)))
    }

    /// Bytes that somebody else owns; the owner is dropped with the last tensor on it.
    pub fn foreign(memory: Box<dyn Memory>) -> Storage {
        Storage::new(Owner::Foreign(memory))
    }

    fn new(memory: Owner) -> Storage {
        Storage(Shared::new(Inner {
            memory,
            lock: RwLock::new(()),
            version: AtomicU32::new(0),
            version_taken: AtomicBool::new(false),
        }))
    }

    /// Size in bytes.
    pub fn nbytes(&self) -> usize {
        match &self.0.memory {
            Owner::Host(b) => b.len(),
            Owner::Foreign(m) => m.len(),
        }
    }

    /// The address of the first byte, for identity and for handing the memory to a foreign owner. Reading or
    /// writing through it outside [`access`](crate::Tensor::with_slice) is the caller's responsibility.
    pub fn data_ptr(&self) -> *mut u8 {
        match &self.0.memory {
            Owner::Host(b) => b.ptr(),
            Owner::Foreign(m) => m.ptr(),
        }
    }

    /// Whether two handles name the same bytes.
    pub fn same(&self, other: &Storage) -> bool {
        Shared::ptr_eq(&self.0, &other.0)
    }

    /// Handles to these bytes.
    pub fn use_count(&self) -> usize {
        Shared::count(&self.0)
    }
}

//! Kernel stubs: the CPU function at compile time, one slot per further kind of device.

use crate::{Device, Result, bail};
use std::sync::OnceLock;

/// A kernel that devices provide.
pub struct Stub<F: Copy + Send + Sync + 'static> {
    name: &'static str,
    cpu: Option<F>,
    cuda: OnceLock<F>,
}

impl<F: Copy + Send + Sync + 'static> Stub<F> {
    /// A kernel with a CPU implementation.
    pub const fn new(name: &'static str, cpu: F) -> Stub<F> {
        Stub {
            name,
            cpu: Some(cpu),
            cuda: OnceLock::new(),
        }
    }

    /// Sets the implementation of a further kind of device; the first one stays.
    pub fn register(&self, device: Device, f: F) {
        if let Device::Cuda(_) = device {
            let _ = self.cuda.set(f);
        }
    }

    /// The implementation for a device, if there is one.
    pub fn get(&self, device: Device) -> Option<F> {
        match device {
            Device::Cpu => self.cpu,
            Device::Cuda(_) => self.cuda.get().copied(),
        }
    }

    /// The implementation for a device, or the error that says that there is none.
    pub fn require(&self, device: Device) -> Result<F> {
        match self.get(device) {
            Some(f) => Ok(f),
            None => bail!(
                NotImplemented,
                "\"{}\" not implemented for '{}'",
                self.name,
                device.kind().to_uppercase()
            ),
        }
    }
}

//! Tensors and gradients with PyTorch's semantics: what a program depends on.
//!
//! ```
//! use duoc::prelude::*;
//!
//! let x = tensor!([[1.0, 2.0], [3.0, 4.0]]).requires_grad_(true)?;
//! let loss = (&x * &x).sum();
//! loss.backward()?;
//! assert_eq!(x.grad().unwrap().to_string(), "tensor([[2., 4.],\n        [6., 8.]])");
//! # Ok::<(), duoc::Error>(())
//! ```
//!
//! A network is a struct of layers:
//!
//! ```
//! use duoc::prelude::*;
//!
//! #[derive(Module)]
//! struct Mlp {
//!     fc1: Linear,
//!     fc2: Linear,
//! }
//!
//! impl Layer for Mlp {
//!     fn run(&self, x: &Tensor) -> Result<Tensor> {
//!         Ok(self.fc2.forward(&self.fc1.forward(x).relu()))
//!     }
//! }
//!
//! let net = Mlp { fc1: Linear::new(64, 32), fc2: Linear::new(32, 10) };
//! net.forward(&Tensor::randn(&[8, 64])).sum().backward()?;
//! assert!(net.parameters().iter().all(|p| p.grad().is_some()));
//! # Ok::<(), duoc::Error>(())
//! ```
//!
//! Functions in [`ops`] return [`Result`]. Methods and operators of the same name throw: a panic with the message at
//! the caller's line, or, inside [`catch`], the typed [`Error`].
//!
//! ```
//! use duoc::prelude::*;
//!
//! let e = duoc::catch(|| Tensor::ones(&[2, 3]) + Tensor::ones(&[4])).unwrap_err();
//! assert!(e.message().starts_with("The size of tensor a (3) must match the size of tensor b (4)"));
//! ```

#![forbid(unsafe_code)]

pub use duoc_core::random::manual_seed;
pub use duoc_core::*;
pub use duoc_data as data;
pub use duoc_io as io;
pub use duoc_models as models;
pub use duoc_nn as nn;
pub use duoc_train as train;

/// The version of this library.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The fastest device that tensors can be made on.
///
/// ```
/// use duoc::prelude::*;
/// let x = Tensor::options().device(duoc::best_device()).zeros(&[2]);
/// assert_eq!(x.device(), duoc::best_device());
/// ```
pub fn best_device() -> Device {
    if cuda::is_available() {
        Device::Cuda(0)
    } else {
        Device::Cpu
    }
}

/// What most programs use: `use duoc::prelude::*;`. The dtypes are here under their own names.
///
/// ```
/// use duoc::prelude::*;
/// assert_eq!(tensor![1, 2].to_dtype(F64).to_string(), "tensor([1., 2.], dtype=torch.float64)");
/// ```
pub mod prelude {
    pub use duoc_core::DType::{BF16, Bool, C64, C128, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    pub use duoc_core::autograd::{enable_grad, no_grad};
    pub use duoc_core::{DType, Device, Element, Result, Scalar, Tensor, s, tensor};
    pub use duoc_nn::{self as nn, Base, Buffer, Layer, Linear, Module, Param, Sequential, call, sequential};
}

/// What this machine and this build offer.
pub mod info {
    pub use duoc_core::sys::{available_memory, total_memory};

    /// The instruction set that the kernels use: `avx512`, `avx2`, `neon` or `portable`.
    pub fn simd_level() -> &'static str {
        duoc_kernels::simd::level().name()
    }
}

/// CUDA devices. The questions are answered on every machine; they never fail.
pub mod cuda {
    /// Whether tensors can be made on a CUDA device. This build has no CUDA backend.
    pub fn is_available() -> bool {
        false
    }
}

/// The README's program, run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

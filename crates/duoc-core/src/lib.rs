//! The tensor of duoc: storage, views, autograd and the op registry.
//!
//! The way of one call: a method or operator of [`Tensor`] calls the function of the same name in [`ops`]; the gate
//! ([`op`]) lets it pass; the function checks its arguments, promotes dtypes ([`promote`]), lets [`iter`] allocate the
//! result and run a kernel of `duoc-kernels` inside [`storage`]'s ordered access, and records itself ([`autograd`]).

pub mod autograd;
pub mod device;
pub mod error;
pub mod iter;
pub mod layout;
pub mod op;
pub mod ops;
pub mod optim;
pub mod promote;
pub mod random;
pub mod scalar;
mod shared;
pub mod storage;
pub mod stub;
pub mod sys;
pub mod tensor;
pub mod warning;

pub use device::{Device, LayoutKind, MemoryFormat};
pub use duoc_kernels::DType;
pub use duoc_kernels::par::{num_threads, set_num_threads};
pub use error::{Error, ErrorKind, OrThrow, Result, catch, throw};
pub use layout::{Layout, Size};
pub use promote::{default_dtype, promote_types, result_type, set_default_dtype, try_promote_types, try_result_type};
pub use scalar::Scalar;
pub use tensor::{Element, PrintOptions, Tensor, TensorOptions, convert, get_printoptions, set_printoptions};

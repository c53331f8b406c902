//! Copies: by width between strides ([`same`], [`copy_nd`]) and by value between dtypes ([`cast_loop`]).

mod cast;
pub mod numbers;
mod strided;
pub(crate) mod transpose;

pub use cast::cast_loop;
pub use strided::{copy_contiguous, copy_nd, same};
pub(crate) use strided::{copy_rows, copy_short, take_row};

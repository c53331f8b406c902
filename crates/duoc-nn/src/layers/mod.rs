//! The layers, one family a file.

mod bilinear;
mod containers;
mod linear;
mod shape;

pub use bilinear::{Bilinear, BilinearOptions};
pub use containers::{ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential};
pub use linear::{Linear, LinearOptions};
pub use shape::{Flatten, FlattenOptions, Identity, Unflatten, UnflattenOptions};

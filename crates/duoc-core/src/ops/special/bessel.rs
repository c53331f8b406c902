//! Scaled and spherical Bessel functions, and Airy's: PyTorch has no gradients for them.

use super::{Halves, of_one};
use crate::ops::division::not_derived;
use crate::{Result, Tensor, ops};
use duoc_kernels::special::Special;

macro_rules! without_gradient {
    ($(
        $(#[doc = $doc:literal])*
        $schema:literal $name:ident: $op:ident $kernel:literal;
    )*) => {
        ops! {
            $(
                $(#[doc = $doc])*
                $schema [function, out]
                pub fn $name(x: &Tensor) -> Tensor = bodies::$name;
            )*
        }

        mod bodies {
            use super::*;
            $(
                pub fn $name(x: &Tensor) -> Result<Tensor> {
                    of_one(Special::$op, $kernel, Halves::No, x, 0.0)?
                        .record("torch::autograd::NotImplemented", [x], |_| not_derived(stringify!($name)))
                }
            )*
        }
    };
}

without_gradient! {
    /// `e^x K_0(x)`.
    "special_scaled_modified_bessel_k0(Tensor x) -> Tensor" special_scaled_modified_bessel_k0: ScaledK0 "scaled_modified_bessel_k0_cpu";
    /// `e^x K_1(x)`.
    "special_scaled_modified_bessel_k1(Tensor x) -> Tensor" special_scaled_modified_bessel_k1: ScaledK1 "scaled_modified_bessel_k1_cpu";
    /// The spherical Bessel function of the first kind of order 0, `sin(x) / x`.
    "special_spherical_bessel_j0(Tensor x) -> Tensor" special_spherical_bessel_j0: SphericalJ0 "spherical_bessel_j0_cpu";
    /// The Airy function `Ai`.
    "special_airy_ai(Tensor x) -> Tensor" special_airy_ai: AiryAi "airy_ai_cpu";
}

//! Orthogonal polynomials: of two tensors, or of a tensor and a number. PyTorch has no gradients for them.

use super::{Halves, of_two};
use crate::ops::division::not_derived;
use crate::{Result, Scalar, Tensor, ops};
use duoc_kernels::special::Special;

/// Rows: the names of the three forms, the function, their schemas, PyTorch's name of the kernel.
macro_rules! polynomials {
    ($(
        $(#[doc = $doc:literal])*
        $name:ident $of_number:ident $of_degree:ident: $op:ident
            $both:literal $x_scalar:literal $n_scalar:literal
            $kernel:literal;
    )*) => {
        ops! {
            $(
                $(#[doc = $doc])*
                $both [function, out]
                pub fn $name(x: &Tensor, n: &Tensor) -> Tensor = bodies::$name;

                $(#[doc = $doc])*
                $x_scalar [function, out]
                pub fn $of_number(x: Scalar, n: &Tensor) -> Tensor = bodies::$of_number;

                $(#[doc = $doc])*
                $n_scalar [function, out]
                pub fn $of_degree(x: &Tensor, n: Scalar) -> Tensor = bodies::$of_degree;
            )*
        }

        mod bodies {
            use super::*;
            $(
                pub fn $name(x: &Tensor, n: &Tensor) -> Result<Tensor> {
                    of_two(Special::$op, $kernel, Halves::No, x, n)?
                        .record("torch::autograd::NotImplemented", [x, n], |_| not_derived(stringify!($name)))
                }

                pub fn $of_number(x: Scalar, n: &Tensor) -> Result<Tensor> {
                    super::$name(&Tensor::wrapped(x)?, n)
                }

                pub fn $of_degree(x: &Tensor, n: Scalar) -> Result<Tensor> {
                    super::$name(x, &Tensor::wrapped(n)?)
                }
            )*
        }
    };
}

polynomials! {
    /// The Chebyshev polynomial of the first kind, `cos(n arccos x)`. `n` is the degree, element by element.
    chebyshev_polynomial_t chebyshev_polynomial_t_of_number chebyshev_polynomial_t_of_degree: ChebyshevT
        "special_chebyshev_polynomial_t(Tensor x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_t.n_scalar(Tensor x, Scalar n) -> Tensor"
        "chebyshev_polynomial_t_cpu";
    /// The Chebyshev polynomial of the second kind, `sin((n + 1) arccos x) / sin(arccos x)`. `n` is the degree, element by element.
    chebyshev_polynomial_u chebyshev_polynomial_u_of_number chebyshev_polynomial_u_of_degree: ChebyshevU
        "special_chebyshev_polynomial_u(Tensor x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_u.n_scalar(Tensor x, Scalar n) -> Tensor"
        "chebyshev_polynomial_u_cpu";
    /// The Chebyshev polynomial of the third kind. `n` is the degree, element by element.
    chebyshev_polynomial_v chebyshev_polynomial_v_of_number chebyshev_polynomial_v_of_degree: ChebyshevV
        "special_chebyshev_polynomial_v(Tensor x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_v.n_scalar(Tensor x, Scalar n) -> Tensor"
        "chebyshev_polynomial_v_cpu";
    /// The Chebyshev polynomial of the fourth kind. `n` is the degree, element by element.
    chebyshev_polynomial_w chebyshev_polynomial_w_of_number chebyshev_polynomial_w_of_degree: ChebyshevW
        "special_chebyshev_polynomial_w(Tensor x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_chebyshev_polynomial_w.n_scalar(Tensor x, Scalar n) -> Tensor"
        "chebyshev_polynomial_w_cpu";
    /// The Chebyshev polynomial of the first kind of `2 x - 1`. `n` is the degree, element by element.
    shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_t_of_number shifted_chebyshev_polynomial_t_of_degree: ShiftedChebyshevT
        "special_shifted_chebyshev_polynomial_t(Tensor x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_t.n_scalar(Tensor x, Scalar n) -> Tensor"
        "shifted_chebyshev_polynomial_t_cpu";
    /// The Chebyshev polynomial of the second kind of `2 x - 1`. `n` is the degree, element by element.
    shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_u_of_number shifted_chebyshev_polynomial_u_of_degree: ShiftedChebyshevU
        "special_shifted_chebyshev_polynomial_u(Tensor x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_u.n_scalar(Tensor x, Scalar n) -> Tensor"
        "shifted_chebyshev_polynomial_u_cpu";
    /// The Chebyshev polynomial of the third kind of `2 x - 1`. `n` is the degree, element by element.
    shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_v_of_number shifted_chebyshev_polynomial_v_of_degree: ShiftedChebyshevV
        "special_shifted_chebyshev_polynomial_v(Tensor x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_v.n_scalar(Tensor x, Scalar n) -> Tensor"
        "shifted_chebyshev_polynomial_v_cpu";
    /// The Chebyshev polynomial of the fourth kind of `2 x - 1`. `n` is the degree, element by element.
    shifted_chebyshev_polynomial_w shifted_chebyshev_polynomial_w_of_number shifted_chebyshev_polynomial_w_of_degree: ShiftedChebyshevW
        "special_shifted_chebyshev_polynomial_w(Tensor x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_shifted_chebyshev_polynomial_w.n_scalar(Tensor x, Scalar n) -> Tensor"
        "shifted_chebyshev_polynomial_w_cpu";
    /// The physicist's Hermite polynomial. `n` is the degree, element by element.
    hermite_polynomial_h hermite_polynomial_h_of_number hermite_polynomial_h_of_degree: HermiteH
        "special_hermite_polynomial_h(Tensor x, Tensor n) -> Tensor"
        "special_hermite_polynomial_h.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_hermite_polynomial_h.n_scalar(Tensor x, Scalar n) -> Tensor"
        "hermite_polynomial_h_cpu";
    /// The probabilist's Hermite polynomial. `n` is the degree, element by element.
    hermite_polynomial_he hermite_polynomial_he_of_number hermite_polynomial_he_of_degree: HermiteHe
        "special_hermite_polynomial_he(Tensor x, Tensor n) -> Tensor"
        "special_hermite_polynomial_he.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_hermite_polynomial_he.n_scalar(Tensor x, Scalar n) -> Tensor"
        "hermite_polynomial_he_cpu";
    /// The Laguerre polynomial. `n` is the degree, element by element.
    laguerre_polynomial_l laguerre_polynomial_l_of_number laguerre_polynomial_l_of_degree: Laguerre
        "special_laguerre_polynomial_l(Tensor x, Tensor n) -> Tensor"
        "special_laguerre_polynomial_l.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_laguerre_polynomial_l.n_scalar(Tensor x, Scalar n) -> Tensor"
        "laguerre_polynomial_l_cpu";
    /// The Legendre polynomial. `n` is the degree, element by element.
    legendre_polynomial_p legendre_polynomial_p_of_number legendre_polynomial_p_of_degree: Legendre
        "special_legendre_polynomial_p(Tensor x, Tensor n) -> Tensor"
        "special_legendre_polynomial_p.x_scalar(Scalar x, Tensor n) -> Tensor"
        "special_legendre_polynomial_p.n_scalar(Tensor x, Scalar n) -> Tensor"
        "legendre_polynomial_p_cpu";
}

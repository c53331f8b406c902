//! Systems with a triangular matrix.

use super::{
    adjoint, check_float, check_kernel, check_square, column_major, columns, count, each, matrix, rows, same_batch,
};
use crate::autograd::Ctx;
use crate::ops::contract::matmul;
use crate::ops::rearrange::{tril, triu};
use crate::ops::view::transpose;
use crate::{Result, Tensor, ensure, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// `X` with `A X = B` (or `X A = B` without `left`) for triangular `A`: only its `upper` triangle, or the lower one, is
    /// read, and not its diagonal if it is `unitriangular`.
    "linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor" [function, out]
    pub fn solve_triangular(a: &Tensor, b: &Tensor, upper: bool, left: bool, unit: bool) -> Tensor = solve_triangular_body;

    /// `X` with `A X = self`, or `A^T X = self`, and `A` itself: the older form of `linalg.solve_triangular`.
    "triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)" [function, method, out]
    pub fn triangular_solve(b: &Tensor, a: &Tensor, upper: bool, transposed: bool, unit: bool) -> (Tensor, Tensor) = triangular_solve_body;
}

/// Errors unless the shapes of a square `a` and of `b` fit `A X = B`, or `X A = B`.
pub(super) fn check_pair(name: &str, a: &Tensor, b: &Tensor, left: bool) -> Result<()> {
    check_square(name, a)?;
    super::check_matrix(name, b)?;
    ensure!(
        a.dtype() == b.dtype(),
        Runtime,
        "{name}: Expected A and B to have the same dtype, but found A of type {} and B of type {} instead",
        a.dtype().scalar_type_name(),
        b.dtype().scalar_type_name()
    );
    let fits = match left {
        true => rows(a) == rows(b),
        false => rows(a) == super::cols(b),
    };
    ensure!(
        fits,
        Runtime,
        "{name}: Incompatible shapes of A and B for the equation {} ({}x{} and {}x{})",
        if left { "AX = B" } else { "XA = B" },
        rows(a),
        super::cols(a),
        rows(b),
        super::cols(b)
    );
    Ok(())
}

fn solve_triangular_body(a: &Tensor, b: &Tensor, upper: bool, left: bool, unit: bool) -> Result<Tensor> {
    let name = "linalg.solve_triangular";
    check_pair(name, a, b, left)?;
    check_float(name, a, false)?;
    let (a, b) = same_batch(a, b)?;
    if left {
        return solve(&a, &b, upper, unit);
    }
    let turned = solve(&transpose(&a, -2, -1)?, &transpose(&b, -2, -1)?, !upper, unit)?;
    column_major(&transpose(&turned, -2, -1)?)
}

/// `A^-1 B` for batches of one shape.
pub(super) fn solve(a: &Tensor, b: &Tensor, upper: bool, unit: bool) -> Result<Tensor> {
    check_kernel("triangular_solve_cpu", a)?;
    let (t, x) = (columns(a)?, columns(b)?);
    let (n, k, complex) = (rows(a), super::cols(b), a.dtype().is_complex());
    each(count(a), n * n * k, [&t, &x], |[t, x]| {
        // SAFETY: copies of this call's own, of these sizes.
        unsafe { kernel::solve_triangular(complex, t, n, upper, unit, x, k) };
    })?;
    let out = matrix(&x, b.dtype())?;
    out.record("LinalgSolveTriangularBackward0", [a, b], |r| {
        let (a, x) = (r.save(a), r.save_output(0));
        move |c: &Ctx, g: &Tensor| {
            let a = c.get(a)?;
            let gb = solve_triangular(&adjoint(&a)?, g, !upper, true, unit)?;
            let ga = match c.needs(0) {
                true => {
                    let full = crate::ops::sign::neg(&matmul(&gb, &adjoint(&c.get(x)?)?)?)?;
                    let shift = i64::from(unit);
                    Some(if upper {
                        triu(&full, shift)?
                    } else {
                        tril(&full, -shift)?
                    })
                }
                false => None,
            };
            Ok([ga, Some(gb)])
        }
    })
}

fn triangular_solve_body(
    b: &Tensor,
    a: &Tensor,
    upper: bool,
    transposed: bool,
    unit: bool,
) -> Result<(Tensor, Tensor)> {
    for (what, x) in [("b", b), ("A", a)] {
        ensure!(
            x.dim() >= 2,
            Runtime,
            "torch.triangular_solve: Expected {what} to have at least 2 dimensions, but it has {} dimensions instead",
            x.dim()
        );
    }
    check_pair("triangular_solve", a, b, true)?;
    let (a, b) = same_batch(a, b)?;
    let (m, upper) = match transposed {
        true => (transpose(&a, -2, -1)?, !upper),
        false => (a.clone(), upper),
    };
    let copy = column_major(&crate::ops::copy::clone(&a, None)?)?;
    Ok((solve(&m, &b, upper, unit)?, copy))
}

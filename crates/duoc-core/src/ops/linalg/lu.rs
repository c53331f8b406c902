//! `P A = L U`, and what is solved and multiplied with it.

use super::triangular::{check_pair, solve};
use super::{
    add, adjoint, batch_with, check_kernel, cols, columns, count, each, failure, matrix, report, rows, same_batch, sub,
};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, no_grad};
use crate::ops::contract::matmul;
use crate::ops::rearrange::{tril, triu};
use crate::ops::view::{ints, narrow};
use crate::{DType, Result, Tensor, bail, ensure, ops};
use duoc_kernels::linalg as kernel;

ops! {
    /// `P A = L U` with partial pivoting: `L` without its diagonal of ones below `U` in one matrix, the row (from 1) that
    /// each row was exchanged with, and 0 or the number of the first zero on the diagonal of `U`.
    "linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)" [function, out]
    pub fn lu_factor_ex(a: &Tensor, pivot: bool, check_errors: bool) -> (Tensor, Tensor, Tensor) = lu_factor_ex_body;

    /// As `linalg.lu_factor_ex`; a zero on the diagonal of `U` is an error.
    "linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)" [function, out]
    pub fn lu_factor(a: &Tensor, pivot: bool) -> (Tensor, Tensor) = lu_factor_body;

    /// As `linalg.lu_factor_ex`, under its older name.
    "_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)" [function]
    pub fn lu_with_info(a: &Tensor, pivot: bool, check_errors: bool) -> (Tensor, Tensor, Tensor) = lu_factor_ex_body;

    /// `A = P L U`: a permutation, a lower triangular matrix with ones on its diagonal, an upper triangular one.
    "linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)" [function, out]
    pub fn linalg_lu(a: &Tensor, pivot: bool) -> (Tensor, Tensor, Tensor) = lu_body;

    /// `P`, `L` and `U` from what `linalg.lu_factor` gives.
    "lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)" [function, out]
    pub fn lu_unpack(packed: &Tensor, pivots: &Tensor, data: bool, permutation: bool) -> (Tensor, Tensor, Tensor) = lu_unpack_body;

    /// `X` with `A X = B` (`X A = B` without `left`, `A^H` with `adjoint`) from what `linalg.lu_factor` gives.
    "linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor" [function, out]
    pub fn lu_solve(packed: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, adjoint: bool) -> Tensor = lu_solve_body;

    /// The older form of `linalg.lu_solve`.
    "lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor" [function, method, out]
    pub fn lu_solve_old(b: &Tensor, packed: &Tensor, pivots: &Tensor) -> Tensor = lu_solve_old_body;
}

/// The factorisation without a record.
pub(super) fn factor(a: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
    let f = columns(a)?;
    let (m, n) = (rows(a), cols(a));
    let pivots = Tensor::uninit(&batch_with(a, &[m.min(n)]), DType::I32)?;
    let info = Tensor::uninit(super::batch(a), DType::I32)?;
    let complex = a.dtype().is_complex();
    each(count(a), m * n * m.min(n), [&f, &pivots, &info], |[f, p, i]| {
        // SAFETY: results of this call's own, of these sizes.
        unsafe { report(i, kernel::lu(complex, f, m, n, p, true)) };
    })?;
    Ok((matrix(&f, a.dtype())?, pivots, info))
}

fn lu_factor_ex_body(a: &Tensor, pivot: bool, check_errors: bool) -> Result<(Tensor, Tensor, Tensor)> {
    ensure!(
        a.dim() >= 2,
        Runtime,
        "torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: {:?} instead",
        a.shape()
    );
    check_kernel("lu_cpu", a)?;
    ensure!(
        pivot,
        Runtime,
        "linalg.lu_factor: LU without pivoting is not implemented on the CPU"
    );
    let (lu, pivots, info) = factor(a)?;
    if check_errors {
        check("torch.linalg.lu_factor_ex", &info)?;
    }
    record_many(
        std::slice::from_ref(&lu),
        "LinalgLuFactorExBackward0",
        &[Some(a)],
        |r| {
            let lu = r.save_output(0);
            let pivots = pivots.clone();
            move |c: &Ctx, g: &[Option<Tensor>]| {
                let Some(g) = &g[0] else { return Ok([None]) };
                let (p, l, u) = lu_unpack(&c.get(lu)?, &pivots, true, true)?;
                let k = cols(&l) as i64;
                let gl = tril(&narrow(g, -1, 0, k)?, -1)?;
                let gu = triu(&narrow(g, -2, 0, k)?, 0)?;
                backward(&gl, &gu, &p, &l, &u).map(|g| [Some(g)])
            }
        },
    )?;
    Ok((lu, pivots, info))
}

fn check(name: &str, info: &Tensor) -> Result<()> {
    if let Some((place, i)) = failure(info)? {
        bail!(
            Runtime,
            "{name}: {place}U[{i},{i}] is zero and using it on lu_solve would result in a division by zero. If \
             you still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        );
    }
    Ok(())
}

/// `P L^-H (tril(L^H gL, -1) + triu(gU U^H)) U^-H` for a square matrix; what is beyond the square is led back to it first.
fn backward(gl: &Tensor, gu: &Tensor, p: &Tensor, l: &Tensor, u: &Tensor) -> Result<Tensor> {
    let (m, n) = (rows(l), cols(u));
    let k = m.min(n) as i64;
    let part = |x: &Tensor, dim: i64, from: usize, to: usize| narrow(x, dim, from as i64, (to - from) as i64);
    let (l1, u1) = (part(l, -2, 0, k as usize)?, part(u, -1, 0, k as usize)?);
    let (gl1, gu1) = (part(gl, -2, 0, k as usize)?, part(gu, -1, 0, k as usize)?);
    let mut lower = matmul(&adjoint(&l1)?, &gl1)?;
    let mut upper = matmul(&gu1, &adjoint(&u1)?)?;
    if m < n {
        let rest = matmul(&part(gu, -1, m, n)?, &adjoint(&part(u, -1, m, n)?)?)?;
        lower = sub(&lower, &rest)?;
    }
    if m > n {
        let rest = matmul(&adjoint(&part(l, -2, n, m)?)?, &part(gl, -2, n, m)?)?;
        upper = sub(&upper, &rest)?;
    }
    let inner = add(&tril(&lower, -1)?, &triu(&upper, 0)?)?;
    let over_u = |x: &Tensor| -> Result<Tensor> { adjoint(&solve(&u1, &adjoint(x)?, true, false)?) };
    let under_l = |x: &Tensor| solve(&adjoint(&l1)?, x, true, true);
    let mut g = under_l(&over_u(&inner)?)?;
    if m < n {
        g = crate::ops::join::cat(&[g, under_l(&part(gu, -1, m, n)?)?], -1)?;
    }
    if m > n {
        g = crate::ops::join::cat(&[g, over_u(&part(gl, -2, n, m)?)?], -2)?;
    }
    matmul(p, &g)
}

fn lu_factor_body(a: &Tensor, pivot: bool) -> Result<(Tensor, Tensor)> {
    let (lu, pivots, info) = lu_factor_ex(a, pivot, false)?;
    check("torch.linalg.lu_factor", &info)?;
    Ok((lu, pivots))
}

fn lu_body(a: &Tensor, pivot: bool) -> Result<(Tensor, Tensor, Tensor)> {
    ensure!(
        a.dim() >= 2,
        Runtime,
        "linalg.lu: Expected tensor with 2 or more dimensions. Got size: {:?} instead",
        a.shape()
    );
    let (lu, pivots, _) = lu_factor_ex(a, pivot, false)?;
    lu_unpack(&lu, &pivots, true, true)
}

/// The permutation that pivots stand for: row `i` of the result is row `order[i]`.
fn order(pivots: &[i64], m: usize) -> Result<Vec<i64>> {
    let mut order: Vec<i64> = (0..m as i64).collect();
    for (i, p) in pivots.iter().enumerate() {
        ensure!(
            (1..=m as i64).contains(p),
            Runtime,
            "pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive. Did you properly pass the result of lu_factor?"
        );
        order.swap(i, *p as usize - 1);
    }
    Ok(order)
}

/// For every matrix the order of its rows, as numbers into the rows of `m`.
fn orders(pivots: &Tensor, m: usize) -> Result<Vec<Vec<i64>>> {
    let all = no_grad(|| crate::ops::copy::to_dtype(&pivots.detach(), DType::I64))?.try_to_vec::<i64>()?;
    let k = pivots.shape().last().copied().unwrap_or(0);
    let count: usize = pivots.shape()[..pivots.dim().saturating_sub(1)].iter().product();
    (0..count).map(|b| order(&all[b * k..(b + 1) * k], m)).collect()
}

/// `P` with `A = P L U`.
fn permutation(pivots: &Tensor, m: usize, dtype: DType) -> Result<Tensor> {
    let shape: Vec<usize> = pivots.shape()[..pivots.dim() - 1]
        .iter()
        .copied()
        .chain([m, m])
        .collect();
    let mut numbers = vec![0f32; shape.iter().product()];
    for (matrix, order) in numbers.chunks_mut((m * m).max(1)).zip(orders(pivots, m)?) {
        for (i, row) in order.iter().enumerate() {
            matrix[*row as usize * m + i] = 1.0;
        }
    }
    let p = Tensor::try_from_slice(&numbers, &shape)?;
    no_grad(|| super::as_dtype(&p, dtype))
}

fn lu_unpack_body(
    lu: &Tensor,
    pivots: &Tensor,
    data: bool,
    permutation_wanted: bool,
) -> Result<(Tensor, Tensor, Tensor)> {
    ensure!(
        pivots.dtype() == DType::I32,
        Runtime,
        "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is \
         intended to be used with the output produced by torch.linalg.lu_factor"
    );
    super::check_matrix("torch.lu_unpack", lu)?;
    let (m, n) = (rows(lu), cols(lu));
    let k = m.min(n);
    ensure!(
        pivots.shape() == &batch_with(lu, &[k])[..],
        Value,
        "Expected LU_pivots to have shape {:?} but got {:?} instead.",
        batch_with(lu, &[k]),
        pivots.shape()
    );
    let nothing = || Tensor::uninit(&[0], lu.dtype());
    let p = match permutation_wanted {
        true => permutation(pivots, m, lu.dtype())?,
        false => nothing()?,
    };
    if !data {
        return Ok((p, nothing()?, nothing()?));
    }
    let below = tril(&narrow(lu, -1, 0, k as i64)?, -1)?;
    let one = crate::ops::range::eye_m(m as i64, k as i64, Some(lu.dtype()), None, None, None)?;
    let u = triu(&narrow(lu, -2, 0, k as i64)?, 0)?;
    Ok((p, add(&below, &one)?, u))
}

/// `P^T B`, or `P B`.
fn permuted(b: &Tensor, pivots: &Tensor, back: bool) -> Result<Tensor> {
    let m = rows(b);
    let mut index = Vec::with_capacity(count(b) * m);
    for order in orders(pivots, m)? {
        if back {
            let mut inverse = vec![0; m];
            order
                .iter()
                .enumerate()
                .for_each(|(i, row)| inverse[*row as usize] = i as i64);
            index.extend(inverse);
        } else {
            index.extend(order);
        }
    }
    let index = Tensor::try_from_slice(&index, &batch_with(b, &[m, 1]))?;
    let index = crate::ops::shape::expand(&index, &ints(b.shape()), false)?;
    crate::ops::scatter::gather(b, -2, &index, false)
}

fn lu_solve_body(lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, conjugate: bool) -> Result<Tensor> {
    let name = "linalg.lu_solve";
    super::check_float(name, lu, false)?;
    ensure!(
        pivots.dtype() == DType::I32,
        Runtime,
        "{name}: pivots should be a Tensor of scalar type torch.int32"
    );
    check_pair(name, lu, b, left)?;
    ensure!(
        pivots.shape() == &lu.shape()[..lu.dim() - 1],
        Runtime,
        "{name}: Number of pivots per batch should be same as the dimension of the matrix"
    );
    if !left {
        // X A = B is A^H X^H = B^H.
        // Row after row, as LAPACK leaves the transpose that it solves for.
        let x = adjoint(&lu_solve(lu, pivots, &adjoint(b)?, true, !conjugate)?)?;
        return crate::ops::copy::contiguous(&crate::ops::parts::resolved(&x)?, None);
    }
    let pivots = pivots_for(pivots, lu, b)?;
    let (lu, b) = same_batch(lu, b)?;
    if conjugate {
        let h = adjoint(&lu)?;
        let y = solve(&h, &b, false, false)?;
        return super::column_major(&permuted(&solve(&h, &y, true, true)?, &pivots, true)?);
    }
    let y = solve(&lu, &permuted(&b, &pivots, false)?, false, true)?;
    solve(&lu, &y, true, false)
}

/// The pivots, expanded to the common batch of the matrices.
fn pivots_for(pivots: &Tensor, lu: &Tensor, b: &Tensor) -> Result<Tensor> {
    let common = crate::layout::broadcast(super::batch(lu), super::batch(b))?;
    let shape: Vec<usize> = common.iter().copied().chain([rows(lu)]).collect();
    no_grad(|| {
        let p = crate::ops::shape::expand(&pivots.detach(), &ints(&shape), false)?;
        crate::ops::copy::clone(&p, Some(crate::MemoryFormat::Contiguous))
    })
}

fn lu_solve_old_body(b: &Tensor, lu: &Tensor, pivots: &Tensor) -> Result<Tensor> {
    lu_solve(lu, pivots, b, true, false)
}

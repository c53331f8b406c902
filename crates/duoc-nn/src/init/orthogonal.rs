//! Orthogonal matrices by Householder reflections.

use super::normal_;
use duoc_core::autograd::no_grad;
use duoc_core::ops::{copy, factory, view};
use duoc_core::{DType, Result, Tensor, catch, ensure};

/// Saxe et al. (2014): rows (or columns, whichever are fewer) of length `gain`, each at a right angle to the others. The
/// tensor counts as the matrix of its first dimension and all others.
///
/// A normal draw `A = QR`, with the signs of R's diagonal given to Q, makes Q uniform among the orthogonal matrices
/// (Mezzadri, 2007).
pub fn orthogonal_(x: &Tensor, gain: f64) -> Result<()> {
    ensure!(
        x.dim() >= 2,
        Value,
        "Only tensors with 2 or more dimensions are supported"
    );
    if x.numel() == 0 {
        return Ok(());
    }
    let rows = x.shape()[0];
    let cols = x.numel() / rows;
    no_grad(|| {
        let drawn = factory::new_empty(x, &[rows as i64, cols as i64], None, None, None, None)?;
        normal_(&drawn, 0.0, 1.0)?;
        let a: Vec<f64> = catch(|| drawn.to_dtype(DType::F64).to_vec())?;
        // Column-major, with no more columns than rows: what lies in memory is the draw or its transpose.
        let (m, n) = (rows.max(cols), rows.min(cols));
        let mut columns = vec![0.0; m * n];
        for j in 0..n {
            for i in 0..m {
                columns[j * m + i] = if rows < cols { a[j * cols + i] } else { a[i * cols + j] };
            }
        }
        let q = orthonormal(&mut columns, m, n);
        let mut out = vec![0.0; m * n];
        for j in 0..n {
            for i in 0..m {
                let place = if rows < cols { j * cols + i } else { i * cols + j };
                out[place] = q[j * m + i];
            }
        }
        let q = Tensor::try_from_slice(&out, &[rows, cols])?;
        let sizes: Vec<i64> = x.shape().iter().map(|n| *n as i64).collect();
        copy::copy_(x, &view::view(&q, &sizes)?)?;
        catch(|| x.mul_(gain)).map(|_| ())
    })
}

/// Q of `A = QR` with R's diagonal made non-negative. `a` holds the `n` columns of length `m >= n` and is overwritten by
/// the reflections.
fn orthonormal(a: &mut [f64], m: usize, n: usize) -> Vec<f64> {
    let mut signs = vec![1.0; n];
    let mut scales = vec![0.0; n];
    for k in 0..n {
        let (done, rest) = a.split_at_mut((k + 1) * m);
        let v = &mut done[k * m + k..];
        let norm = v.iter().map(|x| x * x).sum::<f64>().sqrt();
        // The reflection takes the column to (alpha, 0, ..); alpha's sign avoids cancellation.
        let alpha = if v[0] > 0.0 { -norm } else { norm };
        signs[k] = if alpha < 0.0 { -1.0 } else { 1.0 };
        v[0] -= alpha;
        let length = v.iter().map(|x| x * x).sum::<f64>();
        scales[k] = if length > 0.0 { 2.0 / length } else { 0.0 };
        for column in rest.chunks_exact_mut(m) {
            reflect(v, scales[k], &mut column[k..]);
        }
    }
    let mut q = vec![0.0; m * n];
    for (j, column) in q.chunks_exact_mut(m).enumerate() {
        column[j] = signs[j];
        // Reflections beyond j do not move the unit vector j.
        for k in (0..=j).rev() {
            reflect(&a[k * m + k..(k + 1) * m], scales[k], &mut column[k..]);
        }
    }
    q
}

/// `x -= v (scale v·x)`.
fn reflect(v: &[f64], scale: f64, x: &mut [f64]) {
    let along = scale * v.iter().zip(x.iter()).map(|(v, x)| v * x).sum::<f64>();
    for (x, v) in x.iter_mut().zip(v) {
        *x -= along * v;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_or_columns_are_orthonormal() {
        for (rows, cols) in [(3, 5), (5, 3), (4, 4), (1, 7), (7, 1)] {
            let x = Tensor::options().dtype(DType::F64).zeros(&[rows, cols]);
            orthogonal_(&x, 2.0).unwrap();
            let product = if rows < cols {
                x.matmul(&x.t())
            } else {
                x.t().matmul(&x)
            };
            let n = rows.min(cols);
            let error = (&product - &(&Tensor::options().dtype(DType::F64).eye(n) * 4.0))
                .abs()
                .max();
            assert!(error.item().to_f64() < 1e-12, "{rows}x{cols}: {product}");
        }
    }
}

//! Gamma and Dirichlet deviates, with the derivative of reparameterised sampling.

use super::arith::mul;
use super::draw::unsupported;
use crate::autograd::node::Ctx;
use crate::iter::{Dest, TensorIter};
use crate::random::{Generator, or_default};
use crate::storage::{Mode, access};
use crate::{DType, Result, Tensor, ensure, ops};
use duoc_kernels::rng::{gamma_grad, rejection};

ops! {
    /// Deviates of the gamma distribution with the element's shape and scale 1.
    "_standard_gamma(Tensor self, Generator? generator=None) -> Tensor" [function]
    pub fn standard_gamma(x: &Tensor, generator: Option<&Generator>) -> Tensor = standard_gamma_body;

    /// `d output / d self` for `output` drawn by `_standard_gamma`.
    "_standard_gamma_grad(Tensor self, Tensor output) -> Tensor" [function]
    pub fn standard_gamma_grad(x: &Tensor, output: &Tensor) -> Tensor = standard_gamma_grad_body;

    /// Deviates of the Dirichlet distribution: each row of the last dimension is a point of the simplex.
    "_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor" [function]
    pub fn sample_dirichlet(x: &Tensor, generator: Option<&Generator>) -> Tensor = sample_dirichlet_body;
}

fn check_float(kernel: &str, dtype: DType) -> Result<()> {
    ensure!(
        matches!(dtype, DType::F32 | DType::F64),
        NotImplemented,
        "{}",
        unsupported(kernel, dtype)
    );
    Ok(())
}

/// Gamma deviates in the tensor's dtype, not recorded.
fn draw(x: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    let dtype = x.dtype();
    let out = Tensor::uninit(x.shape(), dtype)?;
    let shapes = x.detach();
    let g = or_default(generator);
    let mut g = g.lock();
    TensorIter::new(&[(Dest::Into(&out), dtype)], &[&shapes])?
        .first_write()
        .for_rows(|p, s, n| {
            // SAFETY: rows of both tensors, which are locked.
            unsafe { rejection::standard_gamma(&mut g, dtype, p[0], s[0], p[1], s[1], n) };
            Ok(())
        })?;
    Ok(out)
}

fn standard_gamma_body(x: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    check_float("gamma_cpu", x.dtype())?;
    let out = draw(x, generator)?;
    out.record("StandardGammaBackward0", [x], |r| {
        let (x, out) = (r.save(x), r.save_output(0));
        move |c: &Ctx, g: &Tensor| mul(g, &standard_gamma_grad(&c.get(x)?, &c.get(out)?)?)
    })
}

fn standard_gamma_grad_body(x: &Tensor, output: &Tensor) -> Result<Tensor> {
    let dtype = x.dtype();
    check_float("_standard_gamma_grad_cpu", dtype)?;
    ensure!(
        output.dtype() == dtype,
        Runtime,
        "Found dtype {} but expected {}",
        output.dtype().scalar_type_name(),
        dtype.scalar_type_name()
    );
    let (x, output) = (x.detach(), output.detach());
    let it = TensorIter::new(&[(Dest::New, dtype)], &[&x, &output])?;
    it.for_rows(|p, s, n| {
        // SAFETY: rows of the three tensors, which are locked.
        unsafe { gamma_grad::standard_gamma_grad(dtype, p[0], s[0], p[1], s[1], p[2], s[2], n) };
        Ok(())
    })?;
    Ok(it.outputs[0].clone())
}

fn sample_dirichlet_body(x: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    let dtype = x.dtype();
    check_float("dirichlet", dtype)?;
    // Doubles, so that tiny shapes do not underflow all at once.
    let gamma = draw(&super::copy::to_dtype(&x.detach(), DType::F64)?, generator)?;
    let width = x.shape().last().copied().unwrap_or(1);
    if width != 0 {
        let (least, most) = match dtype {
            DType::F32 => (f32::MIN_POSITIVE as f64, 1.0f32.next_down() as f64),
            _ => (f64::MIN_POSITIVE, 1.0f64.next_down()),
        };
        access::access([(&gamma, Mode::Init)], |[p]| {
            // SAFETY: a new contiguous float64 tensor.
            let all = unsafe { std::slice::from_raw_parts_mut(p.cast::<f64>(), gamma.numel()) };
            for row in all.chunks_mut(width) {
                let sum: f64 = row.iter().sum();
                for v in row {
                    let share = *v / sum;
                    let share = if dtype == DType::F32 {
                        share as f32 as f64
                    } else {
                        share
                    };
                    *v = share.max(least).min(most);
                }
            }
            Ok(())
        })?;
    }
    super::copy::to_dtype(&gamma, dtype)
}

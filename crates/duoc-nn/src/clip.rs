//! Limits on gradients before a step: by the norm of all of them together, or element by element.

use crate::Param;
use duoc_core::autograd::no_grad;
use duoc_core::ops::{join, vector_norm};
use duoc_core::{Result, Tensor, catch, ensure};

fn gradients(parameters: &[Param]) -> Vec<Tensor> {
    parameters.iter().filter_map(|p| p.grad()).collect()
}

/// The norm of order `norm_type` of all elements of the tensors, as if they were one vector: `(Σ |x|^p)^(1/p)`.
pub fn get_total_norm(tensors: &[Tensor], norm_type: f64, error_if_nonfinite: bool) -> Result<Tensor> {
    if tensors.is_empty() {
        return Tensor::scalar(0.0, duoc_core::default_dtype());
    }
    no_grad(|| {
        let of = |t: &Tensor| vector_norm::vector_norm(t, norm_type.into(), None, false, None);
        let norms = tensors.iter().map(of).collect::<Result<Vec<Tensor>>>()?;
        // Norms of tensors of several dtypes meet in the widest.
        let widest = norms[1..]
            .iter()
            .fold(norms[0].dtype(), |d, n| duoc_core::promote_types(d, n.dtype()));
        let norms = catch(|| norms.iter().map(|n| n.to_dtype(widest)).collect::<Vec<_>>())?;
        let total = of(&join::stack(&norms, 0)?)?;
        if error_if_nonfinite {
            let value = total.try_item()?.to_f64();
            ensure!(
                value.is_finite(),
                Runtime,
                "The total norm of order {} for gradients from `parameters` is non-finite, so it cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`",
                python_float(norm_type)
            );
        }
        Ok(total)
    })
}

fn python_float(x: f64) -> String {
    if x.is_finite() {
        format!("{x:?}")
    } else {
        x.to_string().to_lowercase()
    }
}

/// Scales the gradients by `min(max_norm / (total_norm + 1e-6), 1)`, in place.
pub fn clip_grads_with_norm_(parameters: &[Param], max_norm: f64, total_norm: &Tensor) -> Result<()> {
    no_grad(|| {
        catch(|| {
            let factor = (max_norm / &(total_norm + 1e-6)).clamp_max(1.0);
            for g in gradients(parameters) {
                g.mul_(&factor);
            }
        })
    })
}

/// Scales the gradients so that their common norm (order 2 as a rule) is at most `max_norm`; the norm before comes back.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Param, clip_grad_norm_};
/// let p = Param::new(Tensor::from_slice(&[3.0f32, 4.0]));
/// (p.tensor() * p.tensor()).sum().backward().unwrap();
/// let before = clip_grad_norm_(&[p.clone()], 1.0, 2.0, false).unwrap();
/// assert_eq!(before.item().to_f64(), 10.0);
/// assert!((p.grad().unwrap().norm(2.0).item().to_f64() - 1.0).abs() < 1e-5);
/// ```
pub fn clip_grad_norm_(
    parameters: &[Param],
    max_norm: f64,
    norm_type: f64,
    error_if_nonfinite: bool,
) -> Result<Tensor> {
    let total = get_total_norm(&gradients(parameters), norm_type, error_if_nonfinite)?;
    clip_grads_with_norm_(parameters, max_norm, &total)?;
    Ok(total)
}

/// Brings every element of the gradients into `[-clip_value, clip_value]`, in place.
pub fn clip_grad_value_(parameters: &[Param], clip_value: f64) -> Result<()> {
    no_grad(|| {
        for g in gradients(parameters) {
            catch(|| {
                g.copy_(&g.clamp(-clip_value, clip_value));
            })?;
        }
        Ok(())
    })
}

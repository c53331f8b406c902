//! Compares analytical gradients with central differences in float64.

use super::engine::{Options, grad};
use super::mode;
use crate::{DType, Result, Tensor, bail, ensure};

/// A function under test: tensors to tensors.
pub type Fun<'a> = &'a dyn Fn(&[Tensor]) -> Result<Vec<Tensor>>;

/// Step and tolerances; the defaults are PyTorch's.
#[derive(Clone, Copy, Debug)]
pub struct GradCheck {
    /// Step of the central difference.
    pub eps: f64,
    /// Absolute tolerance.
    pub atol: f64,
    /// Relative tolerance.
    pub rtol: f64,
}

impl Default for GradCheck {
    fn default() -> GradCheck {
        GradCheck {
            eps: 1e-6,
            atol: 1e-5,
            rtol: 1e-3,
        }
    }
}

/// Checks `f`'s gradients with respect to every input that requires one, element by element.
///
/// An input element is moved by `eps` both ways and every output element's change is compared with the analytical
/// Jacobian, which is computed one output element at a time. Errors name the input, the output and both values.
pub fn gradcheck(f: Fun, inputs: &[Tensor], options: GradCheck) -> Result<()> {
    let outputs: Vec<Tensor> = mode::enable_grad(|| f(inputs))?;
    for (i, x) in inputs.iter().enumerate() {
        if !x.requires_grad() {
            continue;
        }
        ensure!(
            x.dtype() == DType::F64,
            Value,
            "gradcheck: input {i} is {}; differences are only accurate enough in torch.float64",
            x.dtype()
        );
        let numeric = numeric_jacobian(f, inputs, i, &outputs, options.eps)?;
        for (o, y) in outputs.iter().enumerate() {
            if !y.dtype().is_float() {
                continue;
            }
            let analytic = analytic_jacobian(y, x)?;
            for (k, (a, n)) in analytic.iter().zip(&numeric[o]).enumerate() {
                // An expanded input repeats elements; its numeric derivative is only defined on its own memory.
                let close = (a - n).abs() <= options.atol + options.rtol * n.abs() || (a.is_nan() && n.is_nan());
                if !close {
                    bail!(
                        Runtime,
                        "Jacobian mismatch for output {o} with respect to input {i}: element {k} (row-major, output by input) is {a:e} analytically, {n:e} numerically"
                    );
                }
            }
        }
    }
    Ok(())
}

/// Checks the gradients of the gradients: [`gradcheck`] of the function that maps inputs and cotangents to gradients.
pub fn gradgradcheck(f: Fun, inputs: &[Tensor], options: GradCheck) -> Result<()> {
    let outputs: Vec<Tensor> = mode::enable_grad(|| f(inputs))?;
    let kept: Vec<usize> = (0..outputs.len()).filter(|o| outputs[*o].requires_grad()).collect();
    let mut all = inputs.to_vec();
    for (k, o) in kept.iter().enumerate() {
        // Any cotangent will do; this one has no symmetries.
        let n = outputs[*o].numel();
        let v: Vec<f64> = (0..n).map(|i| 0.5 + 0.37 * ((i + 3 * k) as f64 * 0.7).sin()).collect();
        let t = Tensor::try_from_slice(&v, outputs[*o].shape())?.requires_grad_(true)?;
        all.push(t);
    }
    let first = inputs.len();
    let wrt: Vec<usize> = (0..first).filter(|i| inputs[*i].requires_grad()).collect();
    let g = |all: &[Tensor]| -> Result<Vec<Tensor>> {
        let ys = f(&all[..first])?;
        let ys: Vec<&Tensor> = kept.iter().map(|o| &ys[*o]).collect();
        let xs: Vec<&Tensor> = wrt.iter().map(|i| &all[*i]).collect();
        let vs: Vec<Option<&Tensor>> = all[first..].iter().map(Some).collect();
        let options = Options {
            create_graph: true,
            allow_unused: true,
            ..Options::default()
        };
        let grads = grad(&ys, &xs, &vs, options)?;
        grads
            .into_iter()
            .zip(&xs)
            .map(|(g, x)| g.map_or_else(|| crate::ops::factory::zeros_like(x), Ok))
            .collect()
    };
    gradcheck(&g, &all, options)
}

fn analytic_jacobian(y: &Tensor, x: &Tensor) -> Result<Vec<f64>> {
    let (n, m) = (y.numel(), x.numel());
    let mut jacobian = Vec::with_capacity(n * m);
    for k in 0..n {
        if !y.requires_grad() {
            jacobian.extend(std::iter::repeat_n(0.0, m));
            continue;
        }
        let mut v = vec![0.0; n];
        v[k] = 1.0;
        let v = crate::ops::copy::to_dtype(&Tensor::try_from_slice(&v, y.shape())?, y.dtype())?;
        let options = Options {
            retain_graph: Some(true),
            allow_unused: true,
            ..Options::default()
        };
        match &grad(&[y], &[x], &[Some(&v)], options)?[0] {
            Some(g) => jacobian.extend(g.try_to_vec::<f64>()?),
            None => jacobian.extend(std::iter::repeat_n(0.0, m)),
        }
    }
    Ok(jacobian)
}

/// For each output the Jacobian, output element by input element.
fn numeric_jacobian(f: Fun, inputs: &[Tensor], i: usize, outputs: &[Tensor], eps: f64) -> Result<Vec<Vec<f64>>> {
    let x = &inputs[i];
    let m = x.numel();
    let values = x.try_to_vec::<f64>()?;
    let mut jacobians: Vec<Vec<f64>> = outputs.iter().map(|y| vec![0.0; y.numel() * m]).collect();
    for k in 0..m {
        let moved = |step: f64| -> Result<Vec<Vec<f64>>> {
            let mut v = values.clone();
            v[k] += step;
            // The moved input has the strides of the original where those are dense, so layouts are tested too.
            let fresh = Tensor::uninit_like(x, DType::F64)?;
            let flat = Tensor::try_from_slice(&v, x.shape())?;
            crate::ops::copy::copy_(&fresh, &flat)?;
            let mut all: Vec<Tensor> = inputs.to_vec();
            all[i] = fresh.requires_grad_(true)?;
            let ys = f(&all)?;
            ys.iter()
                .map(|y| {
                    if y.dtype().is_float() {
                        y.try_to_vec::<f64>()
                    } else {
                        Ok(Vec::new())
                    }
                })
                .collect()
        };
        let (up, down) = (moved(eps)?, moved(-eps)?);
        for (o, j) in jacobians.iter_mut().enumerate() {
            for (e, (u, d)) in up[o].iter().zip(&down[o]).enumerate() {
                j[e * m + k] = (u - d) / (2.0 * eps);
            }
        }
    }
    Ok(jacobians)
}

//! Gradients of a fused operation through its formula in plain ops, for gradients of gradients.

use super::engine::{Options, grad};
use super::mode;
use crate::ops::view::{ints, view};
use crate::{Result, Tensor};

/// The gradients of the wanted `inputs`, as functions of the inputs and of `grads`, the gradients of what `formula` gives.
///
/// Each input enters the formula through a view of its own, so that a tensor that is given twice is told apart.
pub(crate) fn gradients(
    inputs: &[Option<Tensor>],
    wanted: impl Fn(usize) -> bool,
    grads: &[Option<Tensor>],
    formula: impl FnOnce(&[Option<Tensor>]) -> Result<Vec<Tensor>>,
) -> Result<Vec<Option<Tensor>>> {
    if !mode::is_grad_enabled() {
        // A first gradient: the formula is recorded for this one pass, on copies of the handles.
        let leaf = |x: &Option<Tensor>| x.as_ref().map(|x| x.detach().requires_grad_(true)).transpose();
        let leaves: Vec<_> = inputs.iter().map(leaf).collect::<Result<_>>()?;
        let found = mode::enable_grad(|| gradients(&leaves, wanted, grads, formula))?;
        return Ok(found.into_iter().map(|g| g.map(|g| g.detach())).collect());
    }
    let mut own = Vec::with_capacity(inputs.len());
    for x in inputs {
        own.push(x.as_ref().map(|x| view(x, &ints(x.shape()))).transpose()?);
    }
    let outputs = formula(&own)?;
    let flowing = outputs
        .iter()
        .zip(grads)
        .filter(|(y, g)| g.is_some() && y.requires_grad());
    let (outputs, grads): (Vec<&Tensor>, Vec<Option<&Tensor>>) = flowing.map(|(y, g)| (y, g.as_ref())).unzip();
    let places: Vec<usize> = (0..own.len())
        .filter(|i| wanted(*i) && own[*i].as_ref().is_some_and(Tensor::requires_grad))
        .collect();
    let sources: Vec<&Tensor> = places.iter().filter_map(|i| own[*i].as_ref()).collect();
    let mut result = vec![None; inputs.len()];
    if outputs.is_empty() || sources.is_empty() {
        return Ok(result);
    }
    let options = Options {
        create_graph: true,
        allow_unused: true,
        ..Options::default()
    };
    for (place, g) in places.iter().zip(grad(&outputs, &sources, &grads, options)?) {
        result[*place] = g;
    }
    Ok(result)
}

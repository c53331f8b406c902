//! All parameters as one vector, and back.

use crate::Param;
use duoc_core::ops::{join, view};
use duoc_core::{Result, Tensor, bail, ensure};

/// The elements of all parameters, one after the other; differentiable.
pub fn parameters_to_vector(parameters: &[Param]) -> Result<Tensor> {
    let flat = parameters.iter().map(|p| view::view(p, &[-1]));
    join::cat(&flat.collect::<Result<Vec<_>>>()?, 0)
}

/// Gives the parameters the elements of a vector, one after the other: each becomes a view of its part.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Linear, Module, parameters_to_vector, vector_to_parameters};
/// let layer = Linear::new(2, 3);
/// vector_to_parameters(&Tensor::ones(&[9]), &layer.parameters()).unwrap();
/// assert_eq!(parameters_to_vector(&layer.parameters()).unwrap().sum().item().to_f64(), 9.0);
/// ```
pub fn vector_to_parameters(vector: &Tensor, parameters: &[Param]) -> Result<()> {
    ensure!(
        vector.dim() == 1,
        Runtime,
        "a vector has one dimension, not {}",
        vector.dim()
    );
    let needed: usize = parameters.iter().map(|p| p.numel()).sum();
    if vector.numel() < needed {
        bail!(
            Runtime,
            "a vector of {} elements is too short for parameters of {needed}",
            vector.numel()
        );
    }
    let vector = vector.detach();
    let mut start = 0;
    for p in parameters {
        let part = duoc_core::catch(|| vector.narrow(0, start, p.numel() as i64))?;
        let sizes: Vec<i64> = p.shape().iter().map(|n| *n as i64).collect();
        p.set(&view::view(&part, &sizes)?)?;
        start += p.numel() as i64;
    }
    Ok(())
}

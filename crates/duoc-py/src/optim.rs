//! The fused step of the optimisers in `python/duoc/optim`, which know their options and states; the arithmetic is the core's.

use crate::error::run;
use crate::tensor::{PyTensor, handle};
use duoc_core::Tensor;
use duoc_core::optim::{Rule, Update, apply, apply_recorded};
use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The coefficients of a rule by name.
struct Coefficients<'a, 'py>(&'a Bound<'py, PyDict>);

impl Coefficients<'_, '_> {
    fn of(&self, name: &str) -> PyResult<f64> {
        match self.0.get_item(name)? {
            Some(x) => x.extract(),
            None => Err(PyKeyError::new_err(name.to_string())),
        }
    }

    fn flag(&self, name: &str) -> PyResult<bool> {
        Ok(self.of(name)? != 0.0)
    }
}

fn rule(name: &str, c: &Coefficients) -> PyResult<Rule> {
    Ok(match name {
        "sgd" => Rule::Sgd {
            lr: c.of("lr")?,
            momentum: c.of("momentum")?,
            dampening: c.of("dampening")?,
            nesterov: c.flag("nesterov")?,
            first: c.flag("first")?,
        },
        "adam" => Rule::Adam {
            step: c.of("step")?,
            beta1: c.of("beta1")?,
            beta2: c.of("beta2")?,
            eps: c.of("eps")?,
            correction: c.of("correction")?,
            shrink: c.of("shrink")?,
            amsgrad: c.flag("amsgrad")?,
        },
        "adamax" => Rule::Adamax {
            step: c.of("step")?,
            beta1: c.of("beta1")?,
            beta2: c.of("beta2")?,
            eps: c.of("eps")?,
        },
        "nadam" => Rule::Nadam {
            of_grad: c.of("of_grad")?,
            of_mean: c.of("of_mean")?,
            beta1: c.of("beta1")?,
            beta2: c.of("beta2")?,
            eps: c.of("eps")?,
            correction: c.of("correction")?,
            shrink: c.of("shrink")?,
        },
        "radam" => Rule::Radam {
            lr: c.of("lr")?,
            beta1: c.of("beta1")?,
            beta2: c.of("beta2")?,
            eps: c.of("eps")?,
            correction1: c.of("correction1")?,
            correction2: c.of("correction2")?,
            rect: c.0.get_item("rect")?.map(|x| x.extract()).transpose()?,
            shrink: c.of("shrink")?,
        },
        "rmsprop" => Rule::RmsProp {
            lr: c.of("lr")?,
            alpha: c.of("alpha")?,
            eps: c.of("eps")?,
            momentum: c.of("momentum")?,
            centered: c.flag("centered")?,
        },
        "adagrad" => Rule::Adagrad {
            lr: c.of("lr")?,
            eps: c.of("eps")?,
        },
        "adadelta" => Rule::Adadelta {
            lr: c.of("lr")?,
            rho: c.of("rho")?,
            eps: c.of("eps")?,
        },
        "rprop" => Rule::Rprop {
            minus: c.of("minus")?,
            plus: c.of("plus")?,
            smallest: c.of("smallest")?,
            largest: c.of("largest")?,
        },
        "asgd" => Rule::Asgd {
            shrink: c.of("shrink")?,
            eta: c.of("eta")?,
            mu: c.of("mu")?,
        },
        _ => return Err(PyValueError::new_err(format!("there is no rule {name:?}"))),
    })
}

/// Changes parameters and their running values (one tuple per parameter, in the rule's order) by one rule with one set of
/// coefficients, all in one pass over the memory. Where the gradient of the step is wanted, it is computed in recorded ops.
#[pyfunction]
#[pyo3(signature = (name, coefficients, maximize, decay, params, grads, states, recorded=false))]
pub fn _optimizer_step(
    py: Python<'_>,
    name: &str,
    coefficients: &Bound<'_, PyDict>,
    maximize: bool,
    decay: f64,
    params: Vec<Bound<'_, PyTensor>>,
    grads: Vec<Bound<'_, PyTensor>>,
    states: Vec<Vec<Bound<'_, PyTensor>>>,
    recorded: bool,
) -> PyResult<()> {
    if params.len() != grads.len() || params.len() != states.len() {
        return Err(PyValueError::new_err(
            "as many gradients and lists of running values are needed as there are parameters",
        ));
    }
    let rule = rule(name, &Coefficients(coefficients))?;
    let params: Vec<Tensor> = params.iter().map(handle).collect();
    let grads: Vec<Tensor> = grads.iter().map(handle).collect();
    let states: Vec<Vec<Tensor>> = states.iter().map(|s| s.iter().map(handle).collect()).collect();
    run(py, || {
        let updates: Vec<Update> = (params.iter().zip(&grads).zip(&states))
            .map(|((param, grad), states)| Update {
                rule,
                maximize,
                decay,
                param,
                grad,
                states,
            })
            .collect();
        if recorded {
            apply_recorded(&updates)
        } else {
            apply(&updates)
        }
    })
}

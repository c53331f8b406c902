//! Gradients: those of PyTorch, and those of finite differences; and the gradients of gradients.

use crate::golden::{Case, Suite, compare, op_cases, run};
use duoc_core::autograd::engine::Options;
use duoc_core::autograd::{self, GradCheck};
use duoc_core::op::{Form, Value};
use duoc_core::{DType, Tensor};
use serde_json::Value as Json;

/// The cases of differentiable calls.
fn differentiable() -> Vec<Case> {
    let wanted = |c: &Case| !c.get("grad").is_null() && run::is_registered(c);
    op_cases().into_iter().filter(wanted).collect()
}

#[test]
fn gradients_are_pytorchs() {
    let mut suite = Suite::new("gradients");
    for case in differentiable().iter().filter(|c| run::resolve(c).is_some()) {
        suite.check(case, "gradient", || one(case));
    }
    suite.finish();
}

/// The op's differentiable results for arguments whose float64 tensors are `leaves`.
fn results(entry: &duoc_core::op::Entry, args: &[Value]) -> Result<Vec<Tensor>, String> {
    let out = entry.call(args).map_err(|e| e.to_string())?;
    Ok(out
        .tensors()
        .into_iter()
        .filter(|t| t.requires_grad())
        .cloned()
        .collect())
}

fn one(case: &Case) -> Result<(), String> {
    let (entry, args) = run::resolve(case).ok_or("no overload takes the arguments")?;
    let args = run::map_leaves(&args, &mut |t| t.detach().requires_grad_(true).expect("a float tensor"));
    let leaves = run::leaves(&args);
    let outs = results(entry, &args)?;
    if outs.is_empty() {
        return Err("no result needs a gradient".into());
    }
    let cots: Vec<Tensor> = outs
        .iter()
        .map(|o| run::cotangent(o, 7).requires_grad_(true).expect("a float tensor"))
        .collect();
    let firsts = grads(&outs, &leaves, &cots, true)?;
    judge(&firsts, case.get("grad"), "gradient")?;
    if case.get("grad2").is_null() {
        return Ok(());
    }
    let live: Vec<Tensor> = firsts.into_iter().flatten().filter(Tensor::requires_grad).collect();
    let weights: Vec<Tensor> = live.iter().map(|g| run::cotangent(g, 5)).collect();
    judge(
        &grads(&live, &leaves, &weights, false)?,
        case.get("grad2"),
        "second gradient",
    )
}

fn grads(outs: &[Tensor], leaves: &[Tensor], cots: &[Tensor], again: bool) -> Result<Vec<Option<Tensor>>, String> {
    let (outs, leaves): (Vec<&Tensor>, Vec<&Tensor>) = (outs.iter().collect(), leaves.iter().collect());
    let cots: Vec<Option<&Tensor>> = cots.iter().map(Some).collect();
    let options = Options {
        create_graph: again,
        allow_unused: true,
        ..Options::default()
    };
    autograd::grad(&outs, &leaves, &cots, options).map_err(|e| format!("backward: {e}"))
}

fn judge(got: &[Option<Tensor>], want: &Json, what: &str) -> Result<(), String> {
    for (i, w) in want.as_array().into_iter().flatten().enumerate() {
        let fail = |e: String| format!("{what} {i}: {e}");
        match (got.get(i).and_then(Option::as_ref), w.is_null()) {
            (None, true) => {}
            // A zero gradient and none are the same to a user; PyTorch's choice depends on its formulas.
            (Some(g), true) if compare::numbers(g)?.iter().all(|x| *x == 0.0) => {}
            (None, false)
                if w["data"]
                    .as_array()
                    .is_some_and(|d| d.iter().all(|x| x.as_f64() == Some(0.0))) => {}
            (Some(_), true) => return Err(fail("there is one".into())),
            (None, false) => return Err(fail("is missing".into())),
            (Some(g), false) => {
                if g.dtype().is_complex() {
                    compare::tensor(&g.detach().contiguous(), w, false).map_err(fail)?;
                    continue;
                }
                let plain = g.detach().try_to_vec::<f64>().map_err(|e| e.to_string())?;
                let g = Tensor::try_from_slice(&plain, g.shape()).map_err(|e| e.to_string())?;
                compare::tensor(&g, w, false).map_err(fail)?;
            }
        }
    }
    Ok(())
}

/// Points where a formula has a corner give finite differences without meaning; golden gradients cover those.
fn is_smooth(case: &Case) -> bool {
    let finite = |what: &str| {
        let text = case.get(what).to_string();
        !text.contains("nan") && !text.contains("inf")
    };
    finite("grad") && finite("out") && case.get("corner").is_null()
}

/// Ops whose gradient PyTorch defines on a part of all matrices: those that read one triangle of a Hermitian one, those
/// whose derivative holds at constant rank. `golden/` has PyTorch's numbers for them.
const ON_A_SUBSPACE: &[&str] = &[
    "linalg_cholesky",
    "linalg_cholesky_ex",
    "cholesky_inverse",
    "cholesky_solve",
    "linalg_eigvalsh",
    "linalg_pinv",
    "linalg_lstsq",
];

#[test]
fn gradients_are_those_of_finite_differences() {
    let mut suite = Suite::new("gradcheck");
    let whole = |c: &&Case| !ON_A_SUBSPACE.contains(&c.op.split('.').next().unwrap_or(""));
    for case in differentiable().iter().filter(|c| is_smooth(c)).filter(whole) {
        let Some((entry, args)) = run::resolve(case) else {
            continue;
        };
        let args = run::map_leaves(&args, &mut |t| t.detach().requires_grad_(true).expect("a float tensor"));
        let leaves = run::leaves(&args);
        // The results of `as_strided` depend on the storage, which finite differences replace.
        let strided = entry.schema.name.starts_with("as_strided");
        if entry.form != Form::Plain
            || strided
            || leaves.iter().map(Tensor::numel).sum::<usize>() > 24
            || leaves.iter().any(|t| t.dtype().is_complex())
        {
            continue;
        }
        suite.check(case, "gradcheck", || {
            let f = |xs: &[Tensor]| {
                let mut xs = xs.iter();
                let args = run::map_leaves(&args, &mut |t| xs.next().unwrap_or(t).clone());
                let out = entry.call(&args)?;
                Ok(out
                    .tensors()
                    .into_iter()
                    .filter(|t| t.dtype() == DType::F64)
                    .cloned()
                    .collect())
            };
            let options = GradCheck::default();
            autograd::gradcheck(&f, &leaves, options).map_err(|e| e.to_string())?;
            if case.get("grad2").is_null() {
                return Ok(());
            }
            autograd::gradgradcheck(&f, &leaves, options).map_err(|e| format!("second: {e}"))
        });
    }
    suite.finish();
}

//! The arithmetic of optimisers: one fused update over all parameters.
//!
//! [`apply`] runs every update of a step in one kernel call; what the kernel does not take (half precision, unlike
//! layouts) goes through the same [`Rule`] written in plain ops, which is also what the kernel is tested against.
//! Which state an optimiser keeps, and how its coefficients follow from its options, is not known here.

use crate::autograd::mode::no_grad;
use crate::autograd::record::check_inplace;
use crate::iter::assert_no_internal_overlap;
use crate::ops::copy::copy_data;
use crate::storage::Mode;
use crate::storage::access::access_many;
use crate::{DType, Result, Scalar, Tensor, catch, ensure, ops};
pub use duoc_kernels::optim::Rule;
use duoc_kernels::optim::{self as kernel, STATES};

/// One parameter, what its step needs, and the rule of the step.
pub struct Update<'a> {
    /// The arithmetic, with this step's coefficients.
    pub rule: Rule,
    /// Whether the objective is maximised: the gradient is negated.
    pub maximize: bool,
    /// Weight decay that is added to the gradient: `g + decay * p`.
    pub decay: f64,
    /// The parameter, changed in place.
    pub param: &'a Tensor,
    /// Its gradient.
    pub grad: &'a Tensor,
    /// The running values of the rule, in its order, changed in place. Their number is the rule's.
    pub states: &'a [Tensor],
}

/// Changes all parameters and running values in place, without recording.
///
/// # Errors
/// `RuntimeError` if a gradient or a running value has another shape than its parameter, or a parameter may not be
/// changed in place. Nothing is written then.
pub fn apply(updates: &[Update]) -> Result<()> {
    no_grad(|| {
        for u in updates {
            check(u)?;
        }
        let (fused, plain): (Vec<&Update>, Vec<&Update>) = updates.iter().partition(|u| is_plain(u));
        run_fused(&fused)?;
        plain.into_iter().try_for_each(run_reference)
    })
}

/// As [`apply`], in plain ops that are recorded: the gradient of a step with respect to what it was computed from.
pub fn apply_recorded(updates: &[Update]) -> Result<()> {
    updates.iter().try_for_each(check)?;
    updates.iter().try_for_each(|u| {
        let (p, states) = catch(|| reference(u))??;
        ops::copy::copy_(u.param, &p)?;
        u.states
            .iter()
            .zip(&states)
            .try_for_each(|(to, from)| ops::copy::copy_(to, from))
    })
}

/// How many running values a rule has.
pub fn states(rule: &Rule) -> usize {
    match *rule {
        Rule::Sgd { momentum, .. } => usize::from(momentum != 0.0),
        Rule::Adam { amsgrad, .. } => 2 + usize::from(amsgrad),
        Rule::RmsProp { momentum, centered, .. } => 1 + usize::from(centered) + usize::from(momentum > 0.0),
        Rule::Adagrad { .. } | Rule::Asgd { .. } => 1,
        Rule::Adamax { .. } | Rule::Nadam { .. } | Rule::Radam { .. } | Rule::Adadelta { .. } | Rule::Rprop { .. } => 2,
    }
}

fn check(u: &Update) -> Result<()> {
    check_inplace(u.param)?;
    assert_no_internal_overlap(u.param)?;
    let wanted = states(&u.rule);
    ensure!(
        u.states.len() == wanted,
        Runtime,
        "the optimiser's state has {} tensors for a parameter where the step needs {wanted}",
        u.states.len()
    );
    for (what, t) in std::iter::once(("gradient", u.grad)).chain(u.states.iter().map(|s| ("state", s))) {
        ensure!(
            t.shape() == u.param.shape(),
            Runtime,
            "a parameter of shape {:?} has a {what} of shape {:?}; both must be equal",
            u.param.shape(),
            t.shape()
        );
    }
    u.states.iter().try_for_each(assert_no_internal_overlap)
}

/// Whether the kernel can walk all of the update's memory in one line.
fn is_plain(u: &Update) -> bool {
    let p = u.param;
    matches!(p.dtype(), DType::F32 | DType::F64)
        && p.layout().is_non_overlapping_and_dense()
        && std::iter::once(u.grad)
            .chain(u.states)
            .all(|t| t.dtype() == p.dtype() && t.strides() == p.strides() && !t.is_neg())
}

fn run_fused(updates: &[&Update]) -> Result<()> {
    let mut operands = Vec::with_capacity(updates.len() * 4);
    for u in updates {
        operands.push((u.param, Mode::Write));
        operands.push((u.grad, Mode::Read));
        operands.extend(u.states.iter().map(|s| (s, Mode::Write)));
    }
    access_many(&operands, |ptrs| {
        let mut at = 0;
        let mut take = || {
            at += 1;
            ptrs[at - 1]
        };
        let kernels: Vec<kernel::Update> = updates
            .iter()
            .map(|u| {
                let (param, grad) = (take(), take());
                let mut state = [std::ptr::null_mut(); STATES];
                state[..u.states.len()].fill_with(&mut take);
                kernel::Update {
                    rule: u.rule,
                    maximize: u.maximize,
                    decay: u.decay,
                    dtype: u.param.dtype(),
                    n: u.param.numel(),
                    param,
                    grad,
                    state,
                }
            })
            .collect();
        // SAFETY: `is_plain` holds for each: dense memory in one order; `check` refused states of another shape.
        let known = unsafe { kernel::update(&kernels) };
        ensure!(known, Runtime, "the fused update knows float32 and float64 only");
        Ok(())
    })
}

fn run_reference(u: &Update) -> Result<()> {
    let (p, states) = catch(|| reference(u))??;
    copy_data(u.param, &p)?;
    u.states
        .iter()
        .zip(&states)
        .try_for_each(|(to, from)| copy_data(to, from))
}

/// The new parameter and the new running values, in plain ops.
fn reference(u: &Update) -> Result<(Tensor, Vec<Tensor>)> {
    let p = u.param;
    let mut g = if u.maximize { -u.grad } else { u.grad.clone() };
    if u.decay != 0.0 {
        // Not `+=`: that would write into the caller's gradient.
        g = g + p * u.decay;
    }
    let moments = |beta1: f64, beta2: f64| -> Result<(Tensor, Tensor)> {
        let mean = ops::blend::lerp_scalar(&u.states[0], &g, Scalar::Float(1.0 - beta1))?;
        let square = &u.states[1] * beta2 + &g * &g * (1.0 - beta2);
        Ok((mean, square))
    };
    Ok(match u.rule {
        Rule::Sgd {
            lr,
            momentum,
            dampening,
            nesterov,
            first,
        } => {
            if momentum == 0.0 {
                return Ok((p - g * lr, Vec::new()));
            }
            let a = match first {
                true => g.clone(),
                false => &u.states[0] * momentum + &g * (1.0 - dampening),
            };
            let step = if nesterov { &g + &a * momentum } else { a.clone() };
            (p - step * lr, vec![a])
        }
        Rule::Adam {
            step,
            beta1,
            beta2,
            eps,
            correction,
            shrink,
            amsgrad,
        } => {
            let (a, b) = moments(beta1, beta2)?;
            let c = amsgrad.then(|| ops::compare::maximum(&u.states[2], &b)).transpose()?;
            let d = c.as_ref().unwrap_or(&b).sqrt() / correction + eps;
            (
                p * shrink - &a * step / d,
                [Some(a), Some(b), c].into_iter().flatten().collect(),
            )
        }
        Rule::Adamax {
            step,
            beta1,
            beta2,
            eps,
        } => {
            let a = ops::blend::lerp_scalar(&u.states[0], &g, Scalar::Float(1.0 - beta1))?;
            let b = ops::compare::maximum(&(&u.states[1] * beta2), &(g.abs() + eps))?;
            (p - &a * step / &b, vec![a, b])
        }
        Rule::Nadam {
            of_grad,
            of_mean,
            beta1,
            beta2,
            eps,
            correction,
            shrink,
        } => {
            let (a, b) = moments(beta1, beta2)?;
            let d = (&b / correction).sqrt() + eps;
            (p * shrink + g * of_grad / &d + &a * of_mean / &d, vec![a, b])
        }
        Rule::Radam {
            lr,
            beta1,
            beta2,
            eps,
            correction1,
            correction2,
            rect,
            shrink,
        } => {
            let (a, b) = moments(beta1, beta2)?;
            let mut step = &a / correction1 * lr;
            if let Some(rect) = rect {
                step = step * (correction2 / (b.sqrt() + eps)) * rect;
            }
            (p * shrink - step, vec![a, b])
        }
        Rule::RmsProp {
            lr,
            alpha,
            eps,
            momentum,
            centered,
        } => {
            let a = &u.states[0] * alpha + &g * &g * (1.0 - alpha);
            let mut states = vec![a.clone()];
            let mut inner = a;
            if centered {
                let b = ops::blend::lerp_scalar(&u.states[1], &g, Scalar::Float(1.0 - alpha))?;
                inner = inner - &b * &b;
                states.push(b);
            }
            let mut step = g / (inner.sqrt() + eps);
            if momentum > 0.0 {
                step = &u.states[1 + usize::from(centered)] * momentum + step;
                states.push(step.clone());
            }
            (p - step * lr, states)
        }
        Rule::Adagrad { lr, eps } => {
            let a = &u.states[0] + &g * &g;
            (p - g * lr / (a.sqrt() + eps), vec![a])
        }
        Rule::Adadelta { lr, rho, eps } => {
            let a = &u.states[0] * rho + &g * &g * (1.0 - rho);
            let d = (&u.states[1] + eps).sqrt() / (&a + eps).sqrt() * g;
            let b = &u.states[1] * rho + &d * &d * (1.0 - rho);
            (p - d * lr, vec![a, b])
        }
        Rule::Rprop {
            minus,
            plus,
            smallest,
            largest,
        } => {
            let agrees = &g * &u.states[0];
            let (up, down) = (agrees.gt(0), agrees.lt(0));
            let one = agrees.ones_like();
            let factor = ops::blend::where_(&up, &one.full_like(plus), &one)?;
            let factor = ops::blend::where_(&down, &one.full_like(minus), &factor)?;
            let size = (&u.states[1] * factor).clamp(smallest, largest);
            let g = ops::blend::where_(&down, &g.zeros_like(), &g)?;
            (p - g.sign() * &size, vec![g, size])
        }
        Rule::Asgd { shrink, eta, mu } => {
            let p = p * shrink - g * eta;
            let a = match mu == 1.0 {
                true => p.clone(),
                false => &u.states[0] + (&p - &u.states[0]) * mu,
            };
            (p, vec![a])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::manual_seed;

    /// Every rule, with and without each of its switches.
    fn rules() -> Vec<Rule> {
        let mut all = Vec::new();
        for (momentum, nesterov, first) in [
            (0.0, false, false),
            (0.9, false, true),
            (0.9, true, true),
            (0.9, false, false),
            (0.9, true, false),
        ] {
            all.push(Rule::Sgd {
                lr: 0.1,
                momentum,
                dampening: 0.0,
                nesterov,
                first,
            });
        }
        for amsgrad in [false, true] {
            all.push(Rule::Adam {
                step: 0.01,
                beta1: 0.9,
                beta2: 0.999,
                eps: 1e-8,
                correction: 0.3,
                shrink: 0.99,
                amsgrad,
            });
        }
        all.push(Rule::Adamax {
            step: 0.01,
            beta1: 0.4,
            beta2: 0.99,
            eps: 1e-8,
        });
        all.push(Rule::Nadam {
            of_grad: -0.01,
            of_mean: -0.02,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            correction: 0.2,
            shrink: 1.0,
        });
        for rect in [None, Some(0.7)] {
            all.push(Rule::Radam {
                lr: 0.01,
                beta1: 0.9,
                beta2: 0.99,
                eps: 1e-8,
                correction1: 0.1,
                correction2: 0.2,
                rect,
                shrink: 0.9,
            });
        }
        for (momentum, centered) in [(0.0, false), (0.9, false), (0.0, true), (0.9, true)] {
            all.push(Rule::RmsProp {
                lr: 0.01,
                alpha: 0.9,
                eps: 1e-8,
                momentum,
                centered,
            });
        }
        all.push(Rule::Adagrad { lr: 0.1, eps: 1e-10 });
        all.push(Rule::Adadelta {
            lr: 1.0,
            rho: 0.9,
            eps: 1e-6,
        });
        all.push(Rule::Rprop {
            minus: 0.5,
            plus: 1.2,
            smallest: 0.3,
            largest: 1.4,
        });
        for mu in [1.0, 0.25] {
            all.push(Rule::Asgd {
                shrink: 0.999,
                eta: 0.01,
                mu,
            });
        }
        all
    }

    #[test]
    fn the_kernel_computes_what_the_plain_ops_compute() {
        manual_seed(3);
        for rule in rules() {
            for (n, maximize, decay) in [
                (0i64, false, 0.0),
                (1, false, 0.0),
                (37, true, 0.0),
                (16, false, 0.1),
                (50_000, true, 0.1),
            ] {
                for dtype in [DType::F32, DType::F64] {
                    let draw = |positive: bool| {
                        let t = Tensor::randn(&[n]).to_dtype(dtype);
                        if positive { t.abs() + 1.0 } else { t }
                    };
                    let (p, g) = (draw(false), draw(false));
                    // All states but the first of a moment pair may be positive; roots need it.
                    let mut list: Vec<Tensor> = (0..states(&rule)).map(|_| draw(true)).collect();
                    if matches!(rule, Rule::RmsProp { centered: true, .. }) {
                        // A mean square is never below the square of the mean.
                        list[1] = &list[1] * 0.1;
                    }
                    let copies: Vec<Tensor> = list.iter().map(|t| t.copy()).collect();
                    let u = Update {
                        rule,
                        maximize,
                        decay,
                        param: &p,
                        grad: &g,
                        states: &list,
                    };
                    let (want, want_states) = reference(&u).unwrap();
                    apply(&[u]).unwrap();
                    let tol = if dtype == DType::F32 { 2e-6 } else { 1e-14 };
                    let near = |x: &Tensor, y: &Tensor| {
                        let worst = ((x - y).abs() / (y.abs() + 1.0)).to_dtype(DType::F64);
                        n == 0 || worst.max().item().to_f64() <= tol
                    };
                    assert!(near(&p, &want), "{rule:?} {n} {dtype:?}: {p} is not {want}");
                    for ((got, want), before) in list.iter().zip(&want_states).zip(&copies) {
                        assert!(near(got, want), "{rule:?} {n} {dtype:?} state");
                        assert!(n == 0 || got.version() > before.version(), "a state's version moves");
                    }
                }
            }
        }
    }

    #[test]
    fn unlike_layouts_and_halves_take_the_plain_way() {
        let rule = Rule::Adagrad { lr: 0.5, eps: 0.0 };
        let p = Tensor::ones(&[2, 3]);
        let g = Tensor::full(&[3, 2], 2.0).transpose(0, 1);
        let states = [Tensor::zeros(&[2, 3])];
        apply(&[Update {
            rule,
            maximize: false,
            decay: 0.0,
            param: &p,
            grad: &g,
            states: &states,
        }])
        .unwrap();
        assert_eq!(
            p.to_string(),
            "tensor([[0.5000, 0.5000, 0.5000],\n        [0.5000, 0.5000, 0.5000]])"
        );
        let p = Tensor::ones(&[2]).to_dtype(DType::BF16);
        let g = p.copy();
        let states = [p.zeros_like()];
        apply(&[Update {
            rule,
            maximize: true,
            decay: 0.0,
            param: &p,
            grad: &g,
            states: &states,
        }])
        .unwrap();
        assert_eq!(p.to_string(), "tensor([1.5000, 1.5000], dtype=torch.bfloat16)");
    }

    #[test]
    fn a_step_that_cannot_be_made_writes_nothing() {
        let rule = Rule::Adagrad { lr: 0.5, eps: 0.0 };
        let (good, bad) = (Tensor::ones(&[2]), Tensor::ones(&[3]));
        let (g, states) = (Tensor::ones(&[2]), [Tensor::zeros(&[2])]);
        let update = |param| Update {
            rule,
            maximize: false,
            decay: 0.0,
            param,
            grad: &g,
            states: &states,
        };
        let e = apply(&[update(&good), update(&bad)]).unwrap_err();
        assert!(e.message().contains("gradient of shape [2]"), "{e}");
        assert_eq!(good.to_string(), "tensor([1., 1.])");
    }
}

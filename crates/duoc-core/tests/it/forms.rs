//! Other ways of calling an op give the same: other layouts of the arguments, in place, into `out`, on several threads.

use crate::golden::read::{call, cast};
use crate::golden::{Case, Suite, compare, op_cases, run};
use duoc_core::Tensor;
use duoc_core::op::{Entry, Form, Value, registry};

/// The cases that PyTorch answers with a result.
fn answered() -> Vec<Case> {
    op_cases()
        .into_iter()
        .filter(|c| c.get("error").is_null() && run::is_registered(c))
        .collect()
}

/// Memory with the same elements, every second element of a buffer twice as long, three elements in.
fn spread(t: &Tensor) -> Tensor {
    respread(t, &(0..t.dim()).collect::<Vec<_>>(), 2, 3)
}

/// The dimensions in the opposite order in memory, one element in.
fn transposed(t: &Tensor) -> Tensor {
    respread(t, &(0..t.dim()).rev().collect::<Vec<_>>(), 1, 1)
}

fn respread(t: &Tensor, order: &[usize], gap: i64, offset: i64) -> Tensor {
    let sizes: Vec<i64> = t.shape().iter().map(|n| *n as i64).collect();
    let mut strides = vec![0; sizes.len()];
    let mut step = gap;
    for d in order.iter().rev() {
        strides[*d] = step;
        step *= sizes[*d].max(1);
    }
    let room = Value::Ints(vec![step + offset]);
    let make = || -> Result<Tensor, String> {
        let buffer = call(
            "zeros",
            &[room, Value::DType(t.dtype()), Value::None, Value::None, Value::None],
        )?;
        let view = call(
            "as_strided",
            &[
                Value::Tensor(buffer),
                Value::Ints(sizes),
                Value::Ints(strides),
                Value::Int(offset),
            ],
        )?;
        call(
            "copy_",
            &[
                Value::Tensor(view.detach()),
                Value::Tensor(t.clone()),
                Value::Bool(false),
            ],
        )?;
        Ok(view.detach())
    };
    make().unwrap_or_else(|_| t.clone())
}

/// Whether the op's answer depends on the strides of its arguments by definition.
fn reads_strides(entry: &Entry) -> bool {
    let s = &entry.schema;
    let aliased = s.returns.iter().any(|r| r.aliased) || s.args.iter().any(|a| a.aliased || a.written);
    aliased
        || s.name.contains("strided")
        || s.name.contains("resize")
        || s.name.contains("stride")
        || s.name == "is_contiguous"
}

#[test]
fn layouts_make_no_difference() {
    let mut suite = Suite::new("layouts");
    for case in &answered() {
        let Some((entry, args)) = run::resolve(case) else {
            continue;
        };
        if entry.form != Form::Plain || reads_strides(entry) || args.iter().all(|v| v.tensors().is_empty()) {
            continue;
        }
        suite.check(case, "layouts", || {
            let want = entry.call(&args).map_err(|e| e.to_string())?;
            for (name, change) in [("spread", spread as fn(&Tensor) -> Tensor), ("transposed", transposed)] {
                let keep = |t: &Tensor| t.is_wrapped_number() || t.dtype().is_float8();
                let args = run::map_tensors(&args, &mut |t| if keep(t) { t.clone() } else { change(t) });
                let got = entry.call(&args).map_err(|e| format!("{name}: {e}"))?;
                same(&got, &want).map_err(|e| format!("{name}: {e}"))?;
            }
            Ok(())
        });
    }
    suite.finish();
}

fn same(got: &Value, want: &Value) -> Result<(), String> {
    let (g, w) = (got.tensors(), want.tensors());
    if g.len() != w.len() {
        return Err(format!("{} results instead of {}", g.len(), w.len()));
    }
    g.iter().zip(&w).try_for_each(|(g, w)| compare::same(g, w))
}

#[test]
fn in_place_is_the_functional_form_written_back() {
    let mut suite = Suite::new("in-place");
    for case in &answered() {
        let Some((entry, args)) = run::resolve(case) else {
            continue;
        };
        let name = format!("{}_", entry.schema.name);
        let derived = registry()
            .overloads(&name)
            .find(|e| std::ptr::eq(e.op, entry.op) && e.form == Form::Inplace);
        let Some((derived, Some(Value::Tensor(x)))) = derived.map(|d| (d, args.first())) else {
            continue;
        };
        suite.check(case, "in place", || {
            let want = entry.call(&args).map_err(|e| e.to_string())?;
            let want = want.tensors().first().map(|t| (*t).clone()).ok_or("no tensor")?;
            let x = spread(x);
            let before = (x.version(), x.to_vec::<f64>());
            let mut args = args.clone();
            args[0] = Value::Tensor(x.clone());
            let fits = want.shape() == x.shape() && duoc_core::op::can_cast(want.dtype(), x.dtype());
            match derived.call(&args) {
                Ok(_) if !fits => Err(format!(
                    "wrote a {} {:?} into a {} {:?}",
                    want.dtype(),
                    want.shape(),
                    x.dtype(),
                    x.shape()
                )),
                Ok(Value::Tensor(t)) => {
                    let want = cast(&want, x.dtype())?;
                    compare::same(&t, &want)?;
                    compare::same(&x, &want)?;
                    if x.version() == before.0 && x.numel() > 0 {
                        Err("the version did not move".into())
                    } else {
                        Ok(())
                    }
                }
                Ok(_) => Err("gave no tensor".into()),
                Err(e) if fits => Err(format!("in place: {e}")),
                Err(_) if bits(&x.to_vec::<f64>()) != bits(&before.1) => Err("wrote before it failed".into()),
                Err(_) => Ok(()),
            }
        });
    }
    suite.finish();
}

/// A target on which the in-place form must fail: what is wrong with it, and the tensor.
fn unfit_targets(x: &Tensor, want: &Tensor) -> Vec<(&'static str, Tensor)> {
    let mut targets = Vec::new();
    let base = x.detach();
    if x.dtype().is_differentiable() {
        if let Ok(leaf) = duoc_core::ops::copy::clone(&base, None).and_then(|t| t.requires_grad_(true)) {
            targets.push(("a leaf that requires grad", leaf));
        }
        for dtype in [duoc_core::DType::I32, duoc_core::DType::Bool] {
            if let Ok(t) = duoc_core::ops::copy::to_dtype(&base, dtype) {
                targets.push(("a dtype that may not take the result", t));
            }
        }
    }
    let sizes = |t: &Tensor| -> Vec<i64> { t.shape().iter().map(|n| *n as i64).collect() };
    if x.dim() > 0
        && x.shape() == want.shape()
        && x.shape()[0] > 1
        && let Ok(row) = duoc_core::ops::view::slice(&base, 0, Some(0), Some(1), 1)
        && let Ok(row) = duoc_core::ops::copy::clone(&row, None)
    {
        if let Ok(wide) = duoc_core::ops::shape::expand(&row, &sizes(x), false) {
            targets.push(("overlapping memory", wide));
        }
        targets.push(("a shape that would grow", row));
    }
    targets
}

#[test]
fn a_failed_in_place_call_writes_nothing() {
    let mut suite = Suite::new("in-place failures");
    let mut met = std::collections::BTreeMap::new();
    for case in &answered() {
        let Some((entry, args)) = run::resolve(case) else {
            continue;
        };
        let name = format!("{}_", entry.schema.name);
        let derived = registry()
            .overloads(&name)
            .find(|e| std::ptr::eq(e.op, entry.op) && e.form == Form::Inplace);
        let Some((derived, Some(Value::Tensor(x)))) = derived.map(|d| (d, args.first())) else {
            continue;
        };
        suite.check(case, "in place", || {
            let Ok(want) = entry.call(&args) else { return Ok(()) };
            let want = want.tensors().first().map(|t| (*t).clone()).ok_or("no tensor")?;
            for (why, target) in unfit_targets(x, &want) {
                let before = target.detach().to_vec::<f64>();
                let mut args = args.clone();
                args[0] = Value::Tensor(target.clone());
                let outcome = duoc_core::catch(|| derived.call(&args)).and_then(|r| r);
                // Another dtype or shape may be fine for this op; the other two never are.
                let never = matches!(why, "a leaf that requires grad" | "overlapping memory");
                match outcome {
                    Ok(_) if never => return Err(format!("{why}: no error")),
                    Ok(_) => {}
                    Err(_) => {
                        *met.entry(why).or_insert(0) += 1;
                        if bits(&target.detach().to_vec::<f64>()) != bits(&before) {
                            return Err(format!("{why}: wrote before it failed"));
                        }
                    }
                }
            }
            // Memory that cannot be had, at every allocation of the call.
            for n in 0..20 {
                let target = spread(x);
                let before = target.to_vec::<f64>();
                let mut args = args.clone();
                args[0] = Value::Tensor(target.clone());
                duoc_core::storage::host::fail_nth_allocation(Some(n));
                let outcome = duoc_core::catch(|| derived.call(&args)).and_then(|r| r);
                let unmet = duoc_core::storage::host::fail_nth_allocation(None);
                if unmet {
                    break;
                }
                if outcome.is_err() {
                    *met.entry("no memory").or_insert(0) += 1;
                    if bits(&target.to_vec::<f64>()) != bits(&before) {
                        return Err(format!("allocation {n} failed: wrote before it failed"));
                    }
                }
            }
            Ok(())
        });
    }
    suite.finish();
    if std::env::var("DUOC_TEST_OP").is_err() {
        for why in [
            "a leaf that requires grad",
            "a dtype that may not take the result",
            "overlapping memory",
            "a shape that would grow",
            "no memory",
        ] {
            assert!(met.get(why).is_some_and(|n| *n > 50), "{why}: {met:?}");
        }
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn out_receives_the_functional_result() {
    let mut suite = Suite::new("out");
    for case in &answered() {
        let Some((entry, args)) = run::resolve(case) else {
            continue;
        };
        let derived = registry()
            .overloads(&entry.schema.name)
            .find(|e| std::ptr::eq(e.op, entry.op) && e.form == Form::Out);
        let Some(derived) = derived.filter(|_| entry.form == Form::Plain) else {
            continue;
        };
        suite.check(case, "out=", || {
            let want = entry.call(&args).map_err(|e| e.to_string())?;
            let wanted: Vec<Tensor> = want.tensors().into_iter().cloned().collect();
            for way in ["empty", "right shape", "spread"] {
                let out = |w: &Tensor| {
                    let shape: Vec<i64> = if way == "empty" {
                        vec![0]
                    } else {
                        w.shape().iter().map(|n| *n as i64).collect()
                    };
                    let fresh = call(
                        "zeros",
                        &[
                            Value::Ints(shape),
                            Value::DType(w.dtype()),
                            Value::None,
                            Value::None,
                            Value::None,
                        ],
                    )?;
                    Ok(Value::Tensor(if way == "spread" { spread(&fresh) } else { fresh }))
                };
                let outs: Vec<Value> = wanted.iter().map(out).collect::<Result<_, String>>()?;
                let got = derived
                    .call(&[args.clone(), outs].concat())
                    .map_err(|e| format!("{way}: {e}"))?;
                same(&got, &want).map_err(|e| format!("{way}: {e}"))?;
            }
            Ok(())
        });
    }
    suite.finish();
}

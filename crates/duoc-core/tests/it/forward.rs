//! Every op gives what PyTorch gives: values, dtypes, shapes, strides, views, errors.

use crate::golden::{Case, Suite, class, compare, op_cases, read, run};
use duoc_core::Tensor;
use duoc_core::op::{Form, Value, registry};
use serde_json::Value as Json;
use std::collections::BTreeSet;

#[test]
fn results_and_errors_are_pytorchs() {
    let mut suite = Suite::new("forward");
    for case in op_cases().iter().filter(|c| run::is_registered(c)) {
        suite.check(case, &arguments(case), || one(case));
    }
    suite.finish();
}

/// The arguments of a case, for a message.
fn arguments(case: &Case) -> String {
    let text = format!("{} {}", case.get("args"), case.get("kwargs"));
    text.chars().take(300).collect()
}

fn one(case: &Case) -> Result<(), String> {
    let wanted = case.get("error");
    let Some((entry, args)) = run::resolve(case) else {
        // An argument that fits no schema is an error on both sides; Python's binding words it.
        return if wanted.is_null() {
            Err("no overload takes the arguments".into())
        } else {
            Ok(())
        };
    };
    let inputs: Vec<Tensor> = args.iter().flat_map(Value::tensors).cloned().collect();
    match entry.call(&args) {
        Err(e) if wanted.is_null() => Err(format!("{}: {}", class(&e), e.message())),
        Err(e) => {
            let (kind, text) = (wanted[0].as_str().unwrap_or(""), wanted[1].as_str().unwrap_or(""));
            if class(&e) != kind {
                return Err(format!("{}: {} instead of {kind}: {text}", class(&e), e.message()));
            }
            if begins_alike(e.message(), text) {
                Ok(())
            } else {
                Err(format!("says {:?} instead of {text:?}", e.message()))
            }
        }
        Ok(_) if !wanted.is_null() => Err(format!("gave a result instead of {wanted}")),
        Ok(out) => {
            compare::value(&out, case.get("out"), is_moved(case))?;
            if !case.get("after").is_null() {
                let written = Value::Tensors(inputs.iter().take(1).cloned().collect());
                compare::value(&written, case.get("after"), is_moved(case))?;
            }
            if entry.form == Form::Plain {
                views(&out, case.get("out"), &inputs)
            } else {
                Ok(())
            }
        }
    }
}

/// Our messages may say more than PyTorch's, but begin as they do.
fn begins_alike(ours: &str, theirs: &str) -> bool {
    let line = theirs.lines().next().unwrap_or("").trim_end_matches(['.', ' ']);
    let start: String = line.chars().take(48).collect();
    ours.starts_with(&start)
}

/// Whether the expected elements are all elements of the arguments: then data was moved, and bits must be equal.
fn is_moved(case: &Case) -> bool {
    let mut inputs = BTreeSet::new();
    gather(case.get("args"), &mut inputs);
    gather(case.get("kwargs"), &mut inputs);
    let mut outputs = BTreeSet::new();
    gather(case.get("out"), &mut outputs);
    outputs.is_subset(&inputs)
}

fn gather(j: &Json, into: &mut BTreeSet<String>) {
    match j {
        Json::Object(o) => match o.get("data") {
            Some(Json::Array(data)) => into.extend(data.iter().map(Json::to_string)),
            _ => o.values().for_each(|v| gather(v, into)),
        },
        Json::Array(items) => items.iter().for_each(|v| gather(v, into)),
        Json::Number(n) => {
            into.insert(n.to_string());
        }
        _ => {}
    }
}

/// A result that is a view in PyTorch lies at the same offset from an argument here, and one that is none does not.
fn views(out: &Value, want: &Json, inputs: &[Tensor]) -> Result<(), String> {
    match (out, want) {
        (Value::Tensor(t), Json::Object(w)) if t.numel() > 0 => match w.get("view").and_then(Json::as_i64) {
            Some(offset) => {
                let bytes = offset * t.dtype().size() as i64;
                // A dtype view counts its offset in its own elements, its argument in others.
                let at = |x: &Tensor| t.address() as i64 - x.address() as i64;
                let found = inputs.iter().any(|x| {
                    if x.dtype() == t.dtype() {
                        at(x) == bytes
                    } else {
                        at(x) >= 0
                    }
                });
                if found {
                    Ok(())
                } else {
                    Err(format!("is no view of an argument at offset {offset}"))
                }
            }
            None if inputs.iter().any(|x| x.numel() > 0 && x.address() == t.address()) => {
                Err("shares an argument's memory".into())
            }
            None => Ok(()),
        },
        (Value::Tensors(ts), Json::Array(ws)) => ts
            .iter()
            .zip(ws)
            .try_for_each(|(t, w)| views(&Value::Tensor(t.clone()), w, inputs)),
        _ => Ok(()),
    }
}

/// Ops without golden values: they return memory as it is, or draw (see the suite of random streams).
fn has_no_values(name: &str) -> bool {
    name.starts_with("empty") || name.starts_with("new_empty") || drawn().contains(name)
}

fn drawn() -> BTreeSet<String> {
    let cases = crate::golden::cases("random.jsonl");
    let calls = cases
        .iter()
        .flat_map(|c| c.get("calls").as_array().cloned().unwrap_or_default());
    calls
        .filter_map(|c| {
            c["op"]
                .as_str()
                .map(|n| n.split('.').next().unwrap_or(n).trim_end_matches('_').to_string())
        })
        .collect()
}

#[test]
fn every_registered_op_has_golden_cases() {
    let recorded: BTreeSet<String> = op_cases()
        .iter()
        .map(|c| c.op.split('.').next().unwrap_or("").to_string())
        .collect();
    let mut missing = BTreeSet::new();
    for entry in registry().entries.iter().filter(|e| e.form == Form::Plain) {
        let name = entry.schema.name.as_str();
        let plain = name.trim_end_matches('_');
        if !recorded.contains(name) && !recorded.contains(plain) && !has_no_values(plain) {
            missing.insert(name.to_string());
        }
    }
    if std::env::var_os("DUOC_TEST_OP").is_none() {
        assert!(missing.is_empty(), "no golden case in golden/ops for: {missing:?}");
    }
}

#[test]
fn float8_tensors_can_be_read() {
    let j = serde_json::json!({"t": "float8_e5m2", "shape": [2], "data": [1.0, 2.0]});
    assert_eq!(read::tensor(&j).unwrap().to_vec::<f32>(), [1.0, 2.0]);
}

#[test]
fn reading_a_case_gives_its_tensor() {
    let j: Json = serde_json::from_str(
        r#"{"t":"float32","shape":[2,2],"stride":[1,2],"offset":1,"data":[9.0,1.0,2.0,3.0,"inf"]}"#,
    )
    .unwrap();
    let t = read::tensor(&j).unwrap();
    assert_eq!(t.to_vec::<f32>(), [1.0, 3.0, 2.0, f32::INFINITY]);
    assert_eq!((t.strides(), t.storage_offset()), (&[1isize, 2][..], 1));
}

//! Result dtypes are PyTorch's: for every pair of dtypes, with tensors, 0-d tensors and numbers.

use crate::golden::read::{call, dtype};
use crate::golden::{Suite, cases, class};
use duoc_core::op::{Type, Value, registry};
use duoc_core::{DType, Scalar, Tensor};

fn ones(dtype: DType, shape: &[i64]) -> Tensor {
    call(
        "ones",
        &[
            Value::Ints(shape.to_vec()),
            Value::DType(dtype),
            Value::None,
            Value::None,
            Value::None,
        ],
    )
    .expect("ones")
}

/// The other operand that a word of the table names.
fn other(with: &str, name: &str) -> Value {
    match (with, name) {
        ("tensor", d) => Value::Tensor(ones(dtype(d).unwrap(), &[2])),
        ("0-d", d) => Value::Tensor(ones(dtype(d).unwrap(), &[])),
        (_, "bool") => Value::Scalar(Scalar::Bool(true)),
        (_, "int") => Value::Scalar(Scalar::Int(3)),
        _ => Value::Scalar(Scalar::Float(2.5)),
    }
}

/// The arguments of the table's calls, in the order of the op's schema.
fn arguments(name: &str, x: Tensor, y: Option<Value>) -> Vec<Value> {
    let base = name.split('.').next().unwrap_or(name);
    match (base, y) {
        ("cat", Some(Value::Tensor(y))) => vec![Value::Tensors(vec![x, y]), Value::Int(0)],
        ("where", Some(y)) => vec![Value::Tensor(ones(DType::Bool, &[2])), Value::Tensor(x), y],
        (_, Some(y)) => vec![Value::Tensor(x), y],
        ("cumsum" | "cumprod" | "softmax" | "log_softmax", None) => vec![Value::Tensor(x), Value::Int(0)],
        ("logsumexp" | "count_nonzero", None) => vec![Value::Tensor(x), Value::Ints(vec![0])],
        (_, None) => vec![Value::Tensor(x)],
    }
}

/// Calls the overload of that name, or the one that takes a tensor where a number is given.
fn answer(name: &str, args: Vec<Value>) -> Result<Result<DType, duoc_core::Error>, String> {
    let base = name.split('.').next().unwrap_or(name);
    let fits = |e: &&duoc_core::op::Entry| {
        e.form == duoc_core::op::Form::Plain
            && e.schema.args.len() >= args.len()
            && e.schema.args[args.len()..].iter().all(|a| a.default.is_some())
            && e.schema.args.iter().zip(&args).all(|(a, v)| match (&a.ty, v) {
                (Type::Tensor, Value::Tensor(_) | Value::Scalar(_)) => true,
                (Type::Scalar, Value::Scalar(_)) => true,
                (Type::List(..), Value::Tensors(_) | Value::Ints(_)) => true,
                (Type::Optional(t), Value::Ints(_)) => matches!(**t, Type::List(..)),
                (Type::Int, Value::Int(_)) => true,
                _ => false,
            })
    };
    let exact = registry().get(name).filter(|e| fits(e));
    let Some(entry) = exact.or_else(|| registry().overloads(base).find(fits)) else {
        return Err(format!("no overload of {name} takes the arguments"));
    };
    let mut bound: Vec<Value> = entry
        .schema
        .args
        .iter()
        .zip(args)
        .map(|(a, v)| match (&a.ty, v) {
            (Type::Tensor, Value::Scalar(s)) => Value::Tensor(Tensor::wrapped(s).expect("a number")),
            (_, v) => v,
        })
        .collect();
    bound.extend(crate::golden::read::defaults(&entry.schema, bound.len()));
    Ok(entry
        .call(&bound)
        .map(|v| v.tensors().first().map_or(DType::Bool, |t| t.dtype())))
}

#[test]
fn result_dtypes_are_pytorchs() {
    let mut suite = Suite::new("promotion");
    for case in &cases("promotion.jsonl") {
        let base = case.op.split('.').next().unwrap_or("");
        let only = std::env::var("DUOC_TEST_OP").ok();
        if registry().overloads(base).next().is_none() || only.is_some_and(|o| o != base) {
            continue;
        }
        let with = case.get("with").as_str().unwrap_or("");
        suite.check(case, with, || {
            let mut wrong = Vec::new();
            for (name, want) in case.get("result").as_object().into_iter().flatten() {
                let args = match with {
                    "nothing" => arguments(&case.op, ones(dtype(name)?, &[2]), None),
                    _ => {
                        let shape: &[i64] = if with == "number and 0-d" { &[] } else { &[2] };
                        let x = ones(dtype(case.get("a").as_str().unwrap_or(""))?, shape);
                        arguments(&case.op, x, Some(other(with, name)))
                    }
                };
                let got = match answer(&case.op, args)? {
                    Ok(d) => d.name().to_string(),
                    Err(e) => format!("{}: {}", class(&e), e.message()),
                };
                let same = match want.as_str() {
                    Some(d) => d == got,
                    None => got.starts_with(want[0].as_str().unwrap_or("?")),
                };
                if !same {
                    wrong.push(format!("{name}: {got} instead of {want}"));
                }
            }
            if wrong.is_empty() {
                Ok(())
            } else {
                Err(format!("{} {}", case.get("a"), wrong.join("; ")))
            }
        });
    }
    suite.finish();
}

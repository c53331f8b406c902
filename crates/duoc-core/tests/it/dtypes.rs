//! The rules of type promotion for all dtypes, whether or not an operation takes them.

use crate::golden::read::dtype;
use crate::golden::{Suite, cases, class};
use duoc_core::{Scalar, Tensor, try_promote_types, try_result_type};

#[test]
fn rules_are_pytorchs() {
    let mut suite = Suite::new("dtypes");
    let all = cases("promotion.jsonl");
    for case in all
        .iter()
        .filter(|c| matches!(&c.op[..], "promote_types" | "result_type"))
    {
        let with = case.get("with").as_str().unwrap_or("");
        suite.check(case, with, || {
            let a = dtype(case.get("a").as_str().unwrap_or(""))?;
            let tensor = |d, shape: &[i64]| Tensor::ones(shape).to_dtype(d);
            let mut wrong = Vec::new();
            for (name, want) in case.get("result").as_object().into_iter().flatten() {
                let x = tensor(a, if with.ends_with("and 0-d") { &[] } else { &[2] });
                let got = match (&case.op[..], &name[..]) {
                    ("promote_types", b) => try_promote_types(a, dtype(b)?),
                    (_, b) if with == "0-d" => try_result_type(&[&x, &tensor(dtype(b)?, &[])]),
                    (_, n) => {
                        let number = match n {
                            "bool" => Scalar::Bool(true),
                            "int" => Scalar::Int(3),
                            "float" => Scalar::Float(2.5),
                            _ => Scalar::Complex(0.0, 1.0),
                        };
                        Tensor::wrapped(number).and_then(|n| try_result_type(&[&x, &n]))
                    }
                };
                let same = match (&got, want.as_str()) {
                    // There is no complex dtype of half precision here: complex64 stands for it.
                    (Ok(d), Some("complex32" | "bcomplex32")) => d.name() == "complex64",
                    (Ok(d), Some(w)) => d.name() == w,
                    (Err(e), None) => Some(class(e)) == want[0].as_str(),
                    _ => false,
                };
                if !same {
                    wrong.push(format!("{name}: {got:?} instead of {want}"));
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

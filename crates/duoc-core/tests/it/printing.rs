//! The text of tensors is PyTorch's.

use crate::golden::read::{bind, tensor};
use crate::golden::{Case, Suite, cases};
use duoc_core::op::{Value, registry};
use duoc_core::{DType, PrintOptions, Tensor, get_printoptions, set_printoptions};
use serde_json::Value as Json;

fn options(j: &Json) -> PrintOptions {
    let base = match j["profile"].as_str() {
        Some("short") => PrintOptions::SHORT,
        Some("full") => PrintOptions::FULL,
        _ => PrintOptions::DEFAULT,
    };
    let number = |name: &str, default: usize| j[name].as_u64().map_or(default, |n| n as usize);
    PrintOptions {
        precision: number("precision", base.precision),
        threshold: number("threshold", base.threshold),
        edgeitems: number("edgeitems", base.edgeitems),
        linewidth: number("linewidth", base.linewidth),
        sci_mode: j["sci_mode"].as_bool(),
    }
}

/// The op of a case with its arguments, if it is there.
fn then(case: &Case, x: &Tensor) -> Option<Result<Tensor, String>> {
    let list = case.get("then").as_array()?;
    let entry = registry().get(list[0].as_str()?)?;
    let mut all = vec![case.get("tensor").clone()];
    all.extend_from_slice(&list[1..]);
    let Some(mut args) = bind(&entry.schema, &Json::Array(all), &Json::Null) else {
        return Some(Err("the arguments do not fit".into()));
    };
    args[0] = Value::Tensor(x.clone());
    Some(match entry.call(&args) {
        Ok(Value::Tensor(t)) => Ok(t),
        Ok(Value::Tuple(v)) if matches!(v[..], [Value::Tensor(_), ..]) => Ok(v[0].tensors()[0].clone()),
        Ok(_) => Err("gave no tensor".into()),
        Err(e) => Err(e.to_string()),
    })
}

#[test]
fn texts_are_pytorchs() {
    let mut suite = Suite::new("printing");
    for case in &cases("printing.jsonl") {
        let mut absent = false;
        suite.check(case, "text", || {
            let mut x = tensor(case.get("tensor"))?;
            if case.get("requires_grad").as_bool() == Some(true) {
                x = x.requires_grad_(true).map_err(|e| e.to_string())?;
            }
            if !case.get("then").is_null() {
                match then(case, &x) {
                    Some(y) => x = y?,
                    None => absent = true,
                }
            }
            let (got, want) = (x.to_text(&options(case.get("options"))), case.get("text"));
            if absent || Some(&got[..]) == want.as_str() {
                Ok(())
            } else {
                Err(format!("\n{got}\ninstead of\n{}", want.as_str().unwrap_or("")))
            }
        });
    }
    suite.finish();
}

#[test]
fn options_are_shared_by_the_process() {
    let _alone = crate::golden::alone();
    let t = Tensor::from_slice(&[0.5f32, 1.0 / 3.0]);
    let before = get_printoptions();
    set_printoptions(PrintOptions { precision: 2, ..before });
    let text = t.to_string();
    set_printoptions(before);
    assert_eq!(text, "tensor([0.50, 0.33])");
    assert_eq!(format!("{t:.1}"), "tensor([0.5, 0.3])");
    assert_eq!(format!("{t:?}"), t.to_text(&before));
}

#[test]
fn only_what_is_shown_is_read() {
    // 2^40 elements with stride 0: a full pass would take hours, a copy would not fit.
    let x = Tensor::from_slice(&[2.5f32]).expand(&[1 << 20, 1 << 20]);
    assert!(
        x.to_text(&PrintOptions::DEFAULT)
            .starts_with("tensor([[2.5000, 2.5000, 2.5000,  ..., 2.5000")
    );
    // What cannot be printed at all says so instead of ending the program.
    let text = x.to_text(&PrintOptions::FULL);
    assert_eq!(text, "tensor(..., size=(1048576, 1048576))");
}

#[test]
fn locked_memory_is_not_waited_for() {
    let x = Tensor::from_slice(&[1i64, 2]);
    let text = x.with_slice::<i64, _>(|_| x.to_text(&PrintOptions::DEFAULT)).unwrap();
    assert_eq!(text, "tensor(..., size=(2,))");
}

#[test]
fn ties_round_to_even() {
    let x = Tensor::from_slice(&[0.5f64, 1.5, 2.5, -0.5, 0.25]).to_dtype(DType::F32);
    let at = |precision| {
        x.to_text(&PrintOptions {
            precision,
            ..PrintOptions::DEFAULT
        })
    };
    assert_eq!(at(0), "tensor([ 0,  2,  2, -0,  0])");
    assert_eq!(at(1), "tensor([ 0.5,  1.5,  2.5, -0.5,  0.2])");
}

//! `x[...]` as PyTorch has it: reading with the gradient, writing, and the errors.

use crate::golden::{Case, Suite, cases, class, compare, read, run};
use duoc_core::autograd::engine::{Options, grad};
use duoc_core::op::Value;
use duoc_core::tensor::index::{self, Index};
use duoc_core::{DType, Tensor, s};
use serde_json::Value as Json;

#[test]
fn indexing_is_pytorchs() {
    let mut suite = Suite::new("indexing");
    for case in cases("indexing.jsonl").iter() {
        let reads = !case.get("get").is_null();
        let what = format!(
            "{} of {}",
            case.get(if reads { "get" } else { "set" }),
            case.get("shape")
        );
        suite.check(case, &what, || if reads { reading(case) } else { writing(case) });
    }
    suite.finish();
}

/// The index of a case; None where Python's binding refuses an element.
fn index_of(list: &Json) -> Option<Vec<Index>> {
    list.as_array()?.iter().map(item).collect()
}

fn item(j: &Json) -> Option<Index> {
    Some(match j {
        Json::Null => Index::New,
        Json::Bool(b) => Index::Bool(*b),
        Json::Number(_) => Index::Int(j.as_i64()?),
        Json::String(s) if s == "..." => Index::Rest,
        Json::Object(o) if o.contains_key("slice") => {
            let ends = &j["slice"];
            Index::Slice(ends[0].as_i64(), ends[1].as_i64(), ends[2].as_i64().unwrap_or(1))
        }
        Json::Object(o) if o.contains_key("list") => {
            let items = j["list"].as_array()?;
            if items.iter().all(Json::is_boolean) {
                let truths: Vec<bool> = items.iter().filter_map(Json::as_bool).collect();
                Index::Tensor(Tensor::from_vec(truths))
            } else {
                Index::Tensor(Tensor::from_vec(
                    items.iter().filter_map(Json::as_i64).collect::<Vec<i64>>(),
                ))
            }
        }
        Json::Object(_) => Index::Tensor(read::tensor(j).ok()?),
        _ => return None,
    })
}

/// `arange(n)` of a shape; for bool every third element is true.
fn base(shape: &[usize], dtype: DType) -> Tensor {
    let n: usize = shape.iter().product();
    if dtype == DType::Bool {
        let truths: Vec<bool> = (0..n).map(|k| k % 3 == 0).collect();
        return Tensor::try_from_slice(&truths, shape).expect("as many elements");
    }
    let values: Vec<i64> = (0..n as i64).collect();
    Tensor::try_from_slice(&values, shape)
        .expect("as many elements")
        .to_dtype(dtype)
}

fn judge_error(e: &duoc_core::Error, wanted: &Json) -> Result<(), String> {
    if wanted.is_null() {
        return Err(format!("{}: {}", class(e), e.message()));
    }
    let (kind, text) = (wanted[0].as_str().unwrap_or(""), wanted[1].as_str().unwrap_or(""));
    if class(e) == kind && e.message().starts_with(text.trim_end_matches('.')) {
        return Ok(());
    }
    Err(format!("{}: {} instead of {kind}: {text}", class(e), e.message()))
}

fn reading(case: &Case) -> Result<(), String> {
    let Some(items) = index_of(case.get("get")) else {
        return Ok(());
    };
    let x = base(&read::sizes(case.get("shape")), DType::F64);
    let out = match index::get(&x, &items) {
        Err(e) => return judge_error(&e, case.get("error")),
        Ok(_) if !case.get("error").is_null() => return Err(format!("gave a result instead of {}", case.get("error"))),
        Ok(out) => out,
    };
    compare::value(&Value::Tensor(out.clone()), case.get("out"), true)?;
    let is_view = !case.get("out")["view"].is_null();
    if out.numel() > 0 && out.is_view() != is_view {
        return Err(format!("is a view: {} instead of {is_view}", out.is_view()));
    }
    if case.get("grad").is_null() {
        return Ok(());
    }
    let leaf = x.requires_grad_(true).map_err(|e| e.to_string())?;
    let out = index::get(&leaf, &items).map_err(|e| e.to_string())?;
    let weights = run::cotangent(&out, 7);
    let grads = grad(&[&out], &[&leaf], &[Some(&weights)], Options::default()).map_err(|e| e.to_string())?;
    let got = grads[0].as_ref().ok_or("no gradient")?.to_vec::<f64>();
    let want: Vec<f64> = case
        .get("grad")
        .as_array()
        .into_iter()
        .flatten()
        .map(read::number)
        .collect();
    if got == want {
        Ok(())
    } else {
        Err(format!("gradient {got:?} instead of {want:?}"))
    }
}

fn writing(case: &Case) -> Result<(), String> {
    let Some(items) = index_of(case.get("set")) else {
        return Ok(());
    };
    let dtype = read::dtype(case.get("t").as_str().unwrap_or("")).map_err(|e| e.to_string())?;
    let x = base(&read::sizes(case.get("shape")), dtype);
    let before = x.copy();
    let j = case.get("value");
    let value = match j {
        Json::Bool(b) => Tensor::wrapped(*b),
        Json::Number(n) if n.is_i64() => Tensor::wrapped(n.as_i64().unwrap_or(0)),
        Json::Number(_) => Tensor::wrapped(read::number(j)),
        _ => read::tensor(j).map_err(|e| duoc_core::err!(Runtime, "{e}")),
    };
    match index::set(&x, &items, &value.map_err(|e| e.to_string())?) {
        Err(e) => {
            judge_error(&e, case.get("error"))?;
            compare::same_bits(&x, &before)
        }
        Ok(()) if !case.get("error").is_null() => Err(format!("wrote instead of {}", case.get("error"))),
        Ok(()) => compare::value(&Value::Tensor(x), case.get("after"), true),
    }
}

#[test]
fn the_macro_spells_every_element() {
    let x = base(&[2, 3, 4], DType::I64);
    let places = Tensor::from_slice(&[1i64, 0]);
    assert_eq!(x.at(s![]).shape(), [2, 3, 4]);
    assert_eq!(x.at(s![1]).shape(), [3, 4]);
    assert_eq!(x.at(s![-1, 0, 2]).to_vec::<i64>(), [14]);
    assert_eq!(x.at(s![.., 1..-1; 2, ..., -1, None,]).shape(), [2, 1, 1]);
    assert_eq!(x.at(s![..=0, 0..=-1, ..]).shape(), [1, 3, 4]);
    assert_eq!(x.at(s![..., 1..; 2]).shape(), [2, 3, 2]);
    assert_eq!(x.at(s![&places, .., &places]).shape(), [2, 3]);
    assert_eq!(x.at(s![true, 0]).shape(), [1, 3, 4]);
    assert_eq!(x.at(s![vec![0i64, 1, 1]]).shape(), [3, 3, 4]);
    let n = 1usize;
    assert_eq!(x.at(s![n - 1, n]).to_vec::<i64>(), [4, 5, 6, 7]);
    x.set(s![.., 0, ..], -1).set(s![[0, 1], 1], base(&[4], DType::I64));
    assert_eq!(
        x.at(s![1]).to_vec::<i64>(),
        [-1, -1, -1, -1, 0, 1, 2, 3, 20, 21, 22, 23]
    );
}

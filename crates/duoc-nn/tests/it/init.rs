//! `nn::init` against PyTorch's, bit for bit.

use crate::golden::{self, Case, Suite, class, compare, read};
use duoc_core::random::{self, Generator};
use duoc_core::{DType, Tensor};
use duoc_nn::init::{self, Fan, Nonlinearity};

fn call(name: &str, x: &Tensor, case: &Case) -> duoc_core::Result<()> {
    let args = case.get("args").as_array().map_or(&[][..], |v| v);
    let f = |i: usize, default: f64| args.get(i).map_or(default, read::number);
    let word = |i: usize| args.get(i).and_then(|j| j.as_str()).unwrap_or("");
    let kaiming = || -> duoc_core::Result<(Nonlinearity, Fan)> {
        let nonlinearity = match word(2).parse()? {
            Nonlinearity::LeakyRelu(_) => Nonlinearity::LeakyRelu(f(0, 0.0)),
            other => other,
        };
        Ok((nonlinearity, word(1).parse()?))
    };
    match name {
        "uniform_" => init::uniform_(x, f(0, 0.0), f(1, 1.0)),
        "normal_" => init::normal_(x, f(0, 0.0), f(1, 1.0)),
        "trunc_normal_" => init::trunc_normal_(x, f(0, 0.0), f(1, 1.0), f(2, -2.0), f(3, 2.0)),
        "constant_" => init::constant_(x, f(0, 0.0)),
        "ones_" => init::ones_(x),
        "zeros_" => init::zeros_(x),
        "eye_" => init::eye_(x),
        "dirac_" => init::dirac_(x, f(0, 1.0) as usize),
        "xavier_uniform_" => init::xavier_uniform_(x, f(0, 1.0)),
        "xavier_normal_" => init::xavier_normal_(x, f(0, 1.0)),
        "kaiming_uniform_" => kaiming().and_then(|(n, m)| init::kaiming_uniform_(x, n, m)),
        "kaiming_normal_" => kaiming().and_then(|(n, m)| init::kaiming_normal_(x, n, m)),
        "orthogonal_" => init::orthogonal_(x, f(0, 1.0)),
        "sparse_" => init::sparse_(x, f(0, 0.0), f(1, 0.01)),
        _ => panic!("no init {name}"),
    }
}

fn check(case: &Case) -> Result<(), String> {
    let name = case.get("init").as_str().unwrap_or("");
    let shape: Vec<i64> = read::sizes(case.get("shape")).iter().map(|n| *n as i64).collect();
    let x = Tensor::options()
        .dtype(read::dtype(case.get("t").as_str().unwrap_or(""))?)
        .zeros(&shape);
    let outcome = call(name, &x, case);
    if let Some(want) = case.get("error").as_array() {
        return match outcome {
            Err(e) if want[0] == class(&e) && want[1] == e.message() => Ok(()),
            Err(e) => Err(format!("{}: {} instead of {want:?}", class(&e), e.message())),
            Ok(()) => Err(format!("no error instead of {want:?}")),
        };
    }
    outcome.map_err(|e| e.to_string())?;
    let want = case.get("out");
    let values = x.reshape(&[-1]).to_dtype(DType::F64).to_vec::<f64>();
    let list = want
        .get("data")
        .or(want.get("head"))
        .and_then(|d| d.as_array())
        .map_or(&[][..], |v| v);
    for (k, (g, w)) in values.iter().zip(list).enumerate() {
        let mut w = read::number(w);
        if x.dtype() == DType::F32 {
            w = f64::from(w as f32);
        }
        let near = if name == "orthogonal_" {
            (g - w).abs() <= 1e-5
        } else {
            *g == w
        };
        if !near {
            return Err(format!("element {k} is {g} instead of {w}"));
        }
    }
    if let (Some(hash), true) = (want["fnv"].as_str(), name != "orthogonal_") {
        let got = crate::modules::bits(&x);
        if got != hash {
            return Err(format!("bits {got} instead of {hash}"));
        }
    }
    let next = Tensor::rand(&[]).item().to_f64();
    let close = compare::tolerance(DType::F64);
    if !compare::close(next, read::number(case.get("next")), 0.0, close) {
        return Err("the stream goes on elsewhere".into());
    }
    Ok(())
}

#[test]
fn init_is_pytorchs() {
    let mut suite = Suite::new("init");
    for case in golden::cases("init.jsonl") {
        let what = format!("{} {} {}", case.get("init"), case.get("args"), case.get("shape"));
        suite.check(&case, &what, || {
            let generator = Generator::new();
            generator.manual_seed(13);
            random::with_generator(&generator, || check(&case))
        });
    }
    suite.finish();
}

//! Every layer against PyTorch's: names, shapes and bits of a new one, how it prints, outputs, gradients, buffers.
//!
//! The cases are `golden/modules/FAMILY.jsonl`, recorded from `golden/FAMILY_modules.py`. A family has a file here with a table
//! from PyTorch's names to functions that make the layer. `DUOC_TEST_OP=Linear` runs the cases of one layer.

mod activations;
mod arguments;
mod attention;
mod conv;
mod linear;
mod norms;
mod parametrize;
mod pooling;
mod recurrent;
mod vision;

use crate::golden::{self, Case, Suite, class, fnv};
pub use arguments::bits;
use arguments::{Args, Inputs, Made};
use duoc_core::random::{self, Generator};
use duoc_core::{DType, Tensor, autograd};
use duoc_nn::Module;
use serde_json::Value as Json;

/// PyTorch's name of a layer, and how it is made from PyTorch's arguments.
pub type Row = (&'static str, fn(&Args) -> duoc_core::Result<Made>);

/// The tables of all families.
const TABLES: &[&[Row]] = &[
    activations::TABLE,
    attention::TABLE,
    conv::TABLE,
    linear::TABLE,
    norms::TABLE,
    parametrize::TABLE,
    pooling::TABLE,
    recurrent::TABLE,
    vision::TABLE,
];

fn make(args: &Args) -> Result<duoc_core::Result<Made>, String> {
    let row = TABLES.iter().flat_map(|t| t.iter()).find(|r| r.0 == args.name);
    let (_, make) = row.ok_or_else(|| format!("no constructor for {}", args.name))?;
    let made = make(args);
    args.all_used()?;
    Ok(made)
}

#[test]
fn modules() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/modules");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("the golden files are there")
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let only = std::env::var("DUOC_TEST_OP").ok();
    let mut suite = Suite::new("modules");
    for case in files.iter().flat_map(|f| golden::cases(&format!("modules/{f}"))) {
        let name = case.get("module").as_str().unwrap_or("").to_string();
        if only.as_ref().is_none_or(|o| *o == name) {
            let what = format!("{name} {} {}", case.get("args"), case.get("kwargs"));
            suite.check(&case, &what, || check(&case));
        }
    }
    suite.finish();
}

thread_local! {
    /// The tolerance of a case whose first values are computed in float32.
    static NEAR: std::cell::Cell<Option<f64>> = const { std::cell::Cell::new(None) };
}

fn check(case: &Case) -> Result<(), String> {
    NEAR.set(case.get("near").as_bool().and_then(|near| near.then_some(1e-5)));
    let outcome = duoc_core::catch(|| {
        // A generator of this thread: other tests draw from the default one meanwhile.
        let generator = Generator::new();
        random::with_generator(&generator, || run(case, &generator))
    })
    .and_then(|r| r);
    match (case.get("error").as_array(), outcome) {
        (None, Ok(found)) => found,
        (None, Err(e)) => Err(format!("{}: {}", class(&e), e.message())),
        (Some(_), Ok(Err(e))) => Err(e),
        (Some(want), Ok(Ok(()))) => Err(format!("no error instead of {want:?}")),
        (Some(want), Err(e)) if want[0] == class(&e) => Ok(()),
        (Some(want), Err(e)) => Err(format!("{}: {} instead of {want:?}", class(&e), e.message())),
    }
}

/// The outer result is what the library said, the inner one is the comparison.
fn run(case: &Case, generator: &Generator) -> duoc_core::Result<Result<(), String>> {
    let seed = case.get("seed").as_u64().unwrap_or(0);
    generator.manual_seed(seed);
    let args = Args::new(&case.json);
    let mut made = match make(&args) {
        Ok(made) => made?,
        Err(e) => return Ok(Err(e)),
    };
    if let Err(e) = fresh(made.module(), case) {
        return Ok(Err(e));
    }
    generator.manual_seed(seed + 1);
    let inputs = Inputs::draw(case.get("inputs"), case.get("keywords"));
    made.module_mut()
        .as_module_mut()
        .set_mode(case.get("eval") != &Json::Bool(true));
    convert(&mut made)?;
    for t in inputs.floats() {
        t.set_requires_grad(true)?;
    }
    generator.manual_seed(seed + 2);
    let mut outputs = Vec::new();
    for _ in 0..case.get("calls").as_u64().unwrap_or(1) {
        outputs = made.run(&inputs)?;
    }
    if case.get("out").is_null() {
        return Ok(Ok(()));
    }
    if let Err(e) = all("output", &outputs, case.get("out")) {
        return Ok(Err(e));
    }
    let graded: Vec<Tensor> = outputs.iter().filter(|t| t.requires_grad()).cloned().collect();
    if graded.is_empty() != case.get("grad").is_null() {
        return Ok(Err(format!("{} outputs with gradients", graded.len())));
    }
    if !graded.is_empty() {
        let weights: Vec<Option<Tensor>> = graded.iter().map(|t| Some(cotangent(t))).collect();
        let params = made.module().named_parameters();
        let mut leaves = inputs.floats();
        let drawn = leaves.len();
        leaves.extend(params.iter().map(|(_, p)| p.tensor().clone()));
        let leaves: Vec<&Tensor> = leaves.iter().collect();
        let roots: Vec<&Tensor> = graded.iter().collect();
        let grads = arguments::gradients(&roots, &weights, &leaves)?;
        let compared = some("gradient of input", &grads[..drawn], case.get("grad"))
            .and_then(|()| some("gradient of parameter", &grads[drawn..], case.get("parameter_grad")));
        if compared.is_err() {
            return Ok(compared);
        }
    }
    Ok(buffers(made.module(), case))
}

/// Names, dtypes, shapes and bits of a new module, the order of its parameters, and how it prints.
fn fresh(m: &dyn Module, case: &Case) -> Result<(), String> {
    let state = m.state_dict();
    let want = case.get("state").as_array().map_or(&[][..], |v| v);
    let names: Vec<&str> = want.iter().filter_map(|w| w[0].as_str()).collect();
    let got: Vec<&str> = state.keys().collect();
    if got != names {
        return Err(format!("state {got:?} instead of {names:?}"));
    }
    for ((name, t), w) in state.iter().zip(want) {
        let (dtype, shape) = (w[1].as_str().unwrap_or(""), golden::read::sizes(&w[2]));
        if t.dtype().name() != dtype || t.shape() != shape {
            return Err(format!(
                "{name} is {} {:?} instead of {dtype} {shape:?}",
                t.dtype(),
                t.shape()
            ));
        }
        let head = t.reshape(&[-1]).to_dtype(DType::F64).to_vec::<f64>();
        let first = w[3].as_array().map_or(&[][..], |v| v).iter().map(golden::read::number);
        let same = match case.get("near").as_bool() {
            Some(true) => first.zip(&head).all(|(w, g)| (w - g).abs() < 1e-5),
            _ => arguments::bits(t) == w[4].as_str().unwrap_or(""),
        };
        if !same {
            return Err(format!(
                "{name} has other bits: {:?} instead of {}",
                &head[..head.len().min(4)],
                w[3]
            ));
        }
    }
    let params: Vec<String> = m.named_parameters().into_iter().map(|(n, _)| n).collect();
    if Json::from(params.clone()) != *case.get("parameters") {
        return Err(format!("parameters {params:?} instead of {}", case.get("parameters")));
    }
    let text = case.get("repr").as_str().unwrap_or("");
    if m.repr() != text {
        return Err(format!("prints {:?} instead of {text:?}", m.repr()));
    }
    Ok(())
}

fn convert(made: &mut Made) -> duoc_core::Result<()> {
    match made {
        Made::Layer(l) => l.to(DType::F64).map(drop),
        Made::Other(m, _) => m.to(DType::F64).map(drop),
    }
}

/// Element k gets `1/2 + (k mod 7)/8`.
fn cotangent(like: &Tensor) -> Tensor {
    let values: Vec<f64> = (0..like.numel()).map(|k| 0.5 + (k % 7) as f64 / 8.0).collect();
    Tensor::try_from_slice(&values, like.shape()).expect("as many as the shape says")
}

fn buffers(m: &dyn Module, case: &Case) -> Result<(), String> {
    for (name, b) in m.named_buffers() {
        one(&format!("buffer {name}"), b.tensor(), &case.get("after")[&name])?;
    }
    Ok(())
}

fn all(what: &str, got: &[Tensor], want: &Json) -> Result<(), String> {
    let got: Vec<Option<Tensor>> = got.iter().cloned().map(Some).collect();
    some(what, &got, want)
}

fn some(what: &str, got: &[Option<Tensor>], want: &Json) -> Result<(), String> {
    let want = want.as_array().map_or(&[][..], |v| v);
    if got.len() != want.len() {
        return Err(format!("{what}: {} instead of {}", got.len(), want.len()));
    }
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        match (g, w.is_null()) {
            (None, true) => {}
            (Some(g), false) => one(&format!("{what} {i}"), g, w)?,
            _ => {
                return Err(format!(
                    "{what} {i}: {} where PyTorch has {w}",
                    if g.is_some() { "one" } else { "none" }
                ));
            }
        }
    }
    Ok(())
}

fn one(what: &str, got: &Tensor, want: &Json) -> Result<(), String> {
    let (dtype, shape) = (want["t"].as_str().unwrap_or(""), golden::read::sizes(&want["shape"]));
    if got.dtype().name() != dtype || got.shape() != shape {
        return Err(format!(
            "{what} is {} {:?} instead of {dtype} {shape:?}",
            got.dtype(),
            got.shape()
        ));
    }
    let got = autograd::no_grad(|| got.detach().to_dtype(DType::F64).reshape(&[-1]).to_vec::<f64>());
    let want: Vec<f64> = want["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(golden::read::number)
        .collect();
    let scale = (want.iter().filter(|x| x.is_finite()).map(|x| x * x).sum::<f64>() / want.len().max(1) as f64).sqrt();
    let tolerance = golden::compare::Tolerance {
        relative: NEAR.get().unwrap_or(1e-10),
        absolute: 1e-12,
    };
    match got
        .iter()
        .zip(&want)
        .position(|(g, w)| !golden::compare::close(*g, *w, scale, tolerance))
    {
        Some(k) => Err(format!("{what}: element {k} is {} instead of {}", got[k], want[k])),
        None => Ok(()),
    }
}

#[test]
fn every_constructor_has_a_case() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/modules");
    let mut text = String::new();
    for file in std::fs::read_dir(folder).expect("the golden files are there").flatten() {
        text += &std::fs::read_to_string(file.path()).expect("readable");
    }
    for (name, _) in TABLES.iter().flat_map(|t| t.iter()) {
        assert!(
            text.contains(&format!("{{\"module\":\"{name}\"")),
            "no golden case for {name}"
        );
    }
    assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
}

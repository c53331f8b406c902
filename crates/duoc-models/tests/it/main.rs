//! The models against the reference implementations: names, shapes, first bits, outputs (`golden/models.jsonl`).

use duoc_core::random::{Generator, with_generator};
use duoc_core::{DType, Result, Tensor, autograd};
use duoc_models::*;
use duoc_nn::optim::{Adam, Algorithm};
use duoc_nn::{Layer, Module, clip_grad_norm_};
use serde_json::Value as Json;

enum Model {
    Layer(Box<dyn Layer>),
    Bert(Box<Bert>),
    Lstm(Box<LstmLanguageModel>),
}

impl Model {
    fn module(&mut self) -> &mut dyn Module {
        match self {
            Model::Layer(m) => &mut **m,
            Model::Bert(m) => &mut **m,
            Model::Lstm(m) => &mut **m,
        }
    }

    fn widen(&mut self) -> Result<()> {
        match self {
            Model::Layer(m) => m.to(DType::F64).map(drop),
            Model::Bert(m) => m.to(DType::F64).map(drop),
            Model::Lstm(m) => m.to(DType::F64).map(drop),
        }
    }

    fn run(&self, x: &[Tensor]) -> Result<Tensor> {
        match self {
            Model::Layer(m) => m.try_forward(&x[0]),
            Model::Bert(m) => {
                let (features, summary) = m.try_forward(&x[0], Some(&x[1]))?;
                let flat = |t: &Tensor| t.reshape(&[-1]);
                duoc_core::ops::join::cat(&[flat(&features), flat(&summary.expect("a pooler"))], 0)
            }
            Model::Lstm(m) => Ok(m.try_forward(&x[0], None)?.0),
        }
    }
}

fn make(case: &Json) -> Result<Model> {
    let o = &case["options"];
    let n = |name: &str, default: u64| o[name].as_u64().unwrap_or(default) as usize;
    let on = |name: &str| o[name].as_bool().unwrap_or(false);
    Ok(match case["model"].as_str().unwrap_or("") {
        "lenet" => Model::Layer(Box::new(LeNet::options(28, 10).try_build()?)),
        "resnet" => {
            let layers: Vec<usize> = o["layers"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Json::as_u64)
                .map(|n| n as usize)
                .collect();
            let options = ResNet::options([layers[0], layers[1], layers[2], layers[3]]).classes(5);
            let options = options.bottleneck(on("bottleneck")).groups(n("groups", 1));
            Model::Layer(Box::new(options.width_per_group(n("width_per_group", 64)).try_build()?))
        }
        "vgg" => {
            let options = vgg11(5).hidden(8).batch_norm(on("batch_norm"));
            Model::Layer(Box::new(options.try_build()?))
        }
        "alexnet" => Model::Layer(Box::new(AlexNet::options(5).hidden(8).try_build()?)),
        "vit" => {
            let options = VisionTransformer::options(8, 4)
                .layers(2)
                .heads(2)
                .width(16)
                .mlp_width(32)
                .classes(5);
            Model::Layer(Box::new(options.try_build()?))
        }
        "gpt" => Model::Layer(Box::new(Gpt::options(17, 8).layers(2).heads(3).width(12).try_build()?)),
        "llama" => {
            let options = Llama::options(17)
                .width(16)
                .hidden(20)
                .layers(2)
                .heads(4)
                .shared_heads(2);
            Model::Layer(Box::new(options.try_build()?))
        }
        "bert" => {
            let options = Bert::options(17)
                .width(12)
                .layers(2)
                .heads(3)
                .intermediate(20)
                .context(9);
            Model::Bert(Box::new(options.try_build()?))
        }
        "lstm" => {
            let options = LstmLanguageModel::options(13).embedding(6).hidden(8);
            Model::Lstm(Box::new(options.try_build()?))
        }
        other => panic!("no model {other}"),
    })
}

fn ints(j: &Json) -> Vec<i64> {
    j.as_array().into_iter().flatten().filter_map(Json::as_i64).collect()
}

fn bits(m: &dyn Module) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |bytes: &[u8]| {
        for b in bytes {
            hash = (hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for (_, t) in m.state_dict() {
        match t.dtype() {
            DType::I64 => t.to_vec::<i64>().iter().for_each(|x| add(&x.to_le_bytes())),
            _ => t.to_vec::<f32>().iter().for_each(|x| add(&x.to_le_bytes())),
        }
    }
    format!("{hash:016x}")
}

fn check(case: &Json, generator: &Generator) -> Result<std::result::Result<(), String>> {
    generator.manual_seed(7);
    let mut model = make(case)?;
    let m = model.module();
    let names: Vec<Json> = m
        .state_dict()
        .iter()
        .map(|(name, t)| serde_json::json!([name, t.shape()]))
        .collect();
    let wanted = case["names"].as_array().expect("names");
    if let Some((got, want)) = names.iter().zip(wanted).find(|(g, w)| g != w) {
        return Ok(Err(format!("{got} where the reference has {want}")));
    }
    assert_eq!(names.len(), wanted.len());
    assert_eq!(Some(m.num_parameters() as u64), case["parameters"].as_u64());
    if let Some(want) = case["bits"].as_str()
        && bits(m) != want
    {
        return Ok(Err("other first values".into()));
    }
    generator.manual_seed(11);
    autograd::no_grad(|| {
        for p in m.parameters() {
            let shape: Vec<i64> = p.shape().iter().map(|n| *n as i64).collect();
            p.copy_(&(&Tensor::randn(&shape) * 0.1));
        }
    });
    m.set_mode(false);
    model.widen()?;
    generator.manual_seed(12);
    let inputs: Vec<Tensor> = case["inputs"]
        .as_array()
        .expect("inputs")
        .iter()
        .map(|spec| match spec["high"].as_i64() {
            Some(high) => Tensor::randint(0, high, &ints(&spec["shape"])),
            None => {
                let f64s = Some(DType::F64);
                duoc_core::ops::random::randn(&ints(&spec["shape"]), None, f64s, None, None, None).expect("a draw")
            }
        })
        .collect();
    let y = autograd::no_grad(|| model.run(&inputs))?;
    assert_eq!(
        y.shape().iter().map(|n| *n as i64).collect::<Vec<_>>(),
        ints(&case["shape"])
    );
    let got = y.reshape(&[-1]).to_vec::<f64>();
    let want: Vec<f64> = case["out"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_f64)
        .collect();
    let near = case["near"].as_f64().unwrap_or(1e-9);
    let scale = (want.iter().map(|x| x * x).sum::<f64>() / want.len() as f64).sqrt();
    Ok(
        match got.iter().zip(&want).position(|(g, w)| (g - w).abs() > near * scale) {
            Some(k) => Err(format!("element {k} is {} instead of {}", got[k], want[k])),
            None => Ok(()),
        },
    )
}

#[test]
fn models_are_those_of_the_reference() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/models.jsonl");
    let text = std::fs::read_to_string(path).expect("the golden file is there");
    let only = std::env::var("DUOC_TEST_OP").ok();
    let mut failures = Vec::new();
    for line in text.lines() {
        let case: Json = serde_json::from_str(line).expect("JSON");
        let name = case["model"].as_str().unwrap_or("");
        if only.as_ref().is_some_and(|o| o != name) {
            continue;
        }
        let generator = Generator::new();
        let outcome = duoc_core::catch(|| with_generator(&generator, || check(&case, &generator))).and_then(|r| r);
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(e)) => failures.push(format!("{name} {}: {e}", case["options"])),
            Err(e) => failures.push(format!("{name} {}: {e}", case["options"])),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The loss of an LSTM language model over its first 100 steps, from the same seed, weights and order of the data: within
/// 1e-4 of PyTorch's, or within twice the distance between PyTorch's own float32 and float64 runs.
#[test]
fn an_lstm_learns_as_in_pytorch() {
    const STEPS: i64 = 100;
    const BATCH: i64 = 16;
    const CONTEXT: i64 = 32;
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/");
    let text = std::fs::read_to_string(format!("{golden}paradise.txt")).expect("the text is there");
    let curve = std::fs::read_to_string(format!("{golden}curve.jsonl")).expect("the golden file is there");
    let curve: Json = serde_json::from_str(&curve).expect("JSON");
    let of = |name: &str| -> Vec<f64> {
        curve[name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_f64)
            .collect()
    };
    let (singles, doubles) = (of("float32"), of("float64"));
    let mut characters: Vec<char> = text.chars().collect();
    characters.sort_unstable();
    characters.dedup();
    let place = |c: char| characters.binary_search(&c).expect("it is in the text") as i64;
    let tokens: Vec<i64> = text.chars().map(place).collect();
    let tokens = Tensor::from_slice(&tokens);
    let generator = Generator::new();
    generator.manual_seed(0);
    let losses: Vec<f64> = with_generator(&generator, || {
        let options = LstmLanguageModel::options(characters.len()).embedding(24).hidden(48);
        let model = options.build();
        let windows = (tokens.numel() as i64 - 1) / CONTEXT;
        let mut order: Vec<i64> = Vec::new();
        while (order.len() as i64) < STEPS * BATCH {
            order.extend(Tensor::randperm(windows).to_vec::<i64>());
        }
        let mut adam = Adam::new(5e-3).build(model.parameters()).expect("an optimiser");
        (0..STEPS)
            .map(|step| {
                let starts = &order[(step * BATCH) as usize..((step + 1) * BATCH) as usize];
                let rows = |shift: i64| {
                    let parts: Vec<Tensor> = starts
                        .iter()
                        .map(|s| tokens.narrow(0, s * CONTEXT + shift, CONTEXT))
                        .collect();
                    Tensor::stack(&parts, 0)
                };
                adam.zero_grad();
                let (scores, _) = model.forward(&rows(0), None);
                let scores = scores.reshape(&[-1, characters.len() as i64]);
                let loss = scores.cross_entropy(&rows(1).reshape(&[-1]));
                loss.backward().expect("gradients");
                clip_grad_norm_(&model.parameters(), 1.0, 2.0, false).expect("norms");
                adam.step().expect("a step");
                loss.item().to_f64()
            })
            .collect()
    });
    for (step, got) in losses.iter().enumerate() {
        let (single, double) = (singles[step], doubles[step]);
        let allowed = (1e-4 * single).max(2.0 * (single - double).abs());
        assert!(
            (got - single).abs() <= allowed,
            "step {step}: {got} is not {single} (float64: {double})"
        );
    }
}

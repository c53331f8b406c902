//! Optimisers and schedules against PyTorch's: `golden/optim.jsonl`.

use duoc_core::{DType, Result, Tensor, catch};
use duoc_nn::Param;
use duoc_nn::optim::lr_scheduler::*;
use duoc_nn::optim::{Algorithm, Entries, Group, Groups, Optimizer, SGD, Value, by_name};
use serde_json::Value as Json;

fn cases(kind: &str) -> Vec<Json> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/optim.jsonl");
    let text = std::fs::read_to_string(path).expect("golden/optim.jsonl");
    let all = text
        .lines()
        .map(|l| serde_json::from_str::<Json>(l).expect("a line of JSON"));
    let found: Vec<Json> = all.filter(|c| c.get(kind).is_some()).collect();
    assert!(!found.is_empty(), "no cases of {kind}");
    found
}

fn setting(v: &Json) -> Value {
    match v {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap()), Value::Int),
        Json::String(s) => Value::Text(s.clone()),
        Json::Array(vs) => Value::Tuple(vs.iter().map(setting).collect()),
        Json::Object(_) => panic!("a setting is not an object"),
    }
}

fn settings(case: &Json) -> Entries {
    let named = case["settings"].as_object().expect("settings");
    named.iter().map(|(n, v)| (n.clone(), setting(v))).collect()
}

/// The recorder's formula.
fn wave(n: usize, a: f64, b: f64, scale: f64, dtype: DType, shape: &[i64]) -> Tensor {
    let v: Vec<f64> = (0..n).map(|k| scale * (a * k as f64 + b).sin()).collect();
    Tensor::from_vec(v).to_dtype(dtype).reshape(shape)
}

struct Problem {
    x: Tensor,
    y: Tensor,
    params: Vec<Param>,
}

impl Problem {
    fn new(dtype: DType, matrix_only: bool) -> Problem {
        let mut params = vec![Param::new(wave(12, 1.9, 0.0, 0.4, dtype, &[4, 3]))];
        if !matrix_only {
            params.push(Param::new(wave(3, 1.0, 0.5, 0.1, dtype, &[3])));
        }
        Problem {
            x: wave(32, 0.7, 0.3, 1.0, dtype, &[8, 4]),
            y: wave(24, 1.1, 0.9, 0.4, dtype, &[8, 3]),
            params,
        }
    }

    fn evaluate(&self) -> Result<f64> {
        self.params.iter().try_for_each(|p| p.set_grad(None))?;
        catch(|| {
            let mut z = self.x.matmul(&self.params[0]);
            if let Some(b) = self.params.get(1) {
                z += &**b;
            }
            let d = z.tanh() - &self.y;
            let loss = (&d * &d).mean();
            loss.backward().map(|()| loss.item().to_f64())
        })?
    }

    fn step(&self, optimizer: &mut Optimizer) -> Result<()> {
        if optimizer.name() == "LBFGS" {
            return optimizer.step_with(|| self.evaluate()).map(drop);
        }
        self.evaluate()?;
        optimizer.step()
    }
}

fn numbers(t: &Tensor) -> Vec<f64> {
    let flat = t.detach().to_dtype(DType::F64).reshape(&[-1]).contiguous();
    flat.with_slice(|s: &[f64]| s.to_vec()).expect("float64")
}

fn near(got: &[f64], want: &Json, tol: f64) -> bool {
    let want = want.as_array().expect("numbers");
    got.len() == want.len()
        && got.iter().zip(want).all(|(g, w)| match w.as_f64() {
            Some(w) => (g - w).abs() <= tol * w.abs().max(1.0),
            None => !g.is_finite(),
        })
}

#[test]
fn parameters_go_where_pytorchs_go() {
    for case in cases("after") {
        let name = case["optimizer"].as_str().unwrap();
        let dtype = if case["dtype"] == "float64" {
            DType::F64
        } else {
            DType::F32
        };
        let problem = Problem::new(dtype, name == "Muon");
        let p = problem.params.clone();
        let groups: Groups = match case["groups"] == true {
            true => vec![
                Group::new([p[0].clone()]).with("lr", 0.02),
                Group::new(p[1..].iter().cloned()),
            ]
            .into(),
            false => p.clone().into(),
        };
        let what = format!(
            "{name} {} {} groups: {}",
            case["settings"], case["dtype"], case["groups"]
        );
        let mut optimizer = Optimizer::new(by_name(name, &settings(&case)).unwrap(), groups).unwrap();
        // Muon iterates in bfloat16; LBFGS and Adafactor amplify the last bits.
        let tol = match (name, dtype) {
            ("Muon", _) => 3e-2,
            ("LBFGS" | "Adafactor", DType::F32) => 1e-3,
            ("LBFGS", _) => 1e-6,
            (_, DType::F32) => 2e-5,
            _ => 1e-9,
        };
        let mut shown = case["after"].as_array().unwrap().iter();
        let steps: Vec<i64> = list(&case["steps"]).into_iter().map(|k| k as i64).collect();
        for k in 1..=*steps.last().unwrap() {
            problem.step(&mut optimizer).unwrap_or_else(|e| panic!("{what}: {e}"));
            if steps.contains(&k) {
                let want = shown.next().unwrap().as_array().unwrap();
                for (i, w) in want.iter().enumerate() {
                    let got = numbers(&p[i]);
                    assert!(near(&got, w, tol), "{what}: step {k}, parameter {i}: {got:?} for {w}");
                }
            }
        }
        if let Some(want) = case["state"].as_object() {
            let state = optimizer.state_dict().unwrap().state;
            assert_eq!(state.len(), want.len(), "{what}: parameters with state");
            for (k, entries) in &state {
                same_state(entries, &want[&k.to_string()], tol.max(1e-6), &what);
            }
        }
    }
}

fn same_state(got: &Entries, want: &Json, tol: f64, what: &str) {
    let want = want.as_object().unwrap();
    let mut names: Vec<&str> = got.iter().map(|(n, _)| n).collect();
    let mut wanted: Vec<&str> = want.keys().map(String::as_str).collect();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted, "{what}: entries of the state");
    for (name, v) in got.iter() {
        same_value(v, &want[name], tol, &format!("{what}: {name}"));
    }
}

fn same_value(got: &Value, want: &Json, tol: f64, what: &str) {
    match (got, want) {
        (Value::Tensor(t), Json::Object(w)) => {
            let shape: Vec<u64> = t.shape().iter().map(|d| *d as u64).collect();
            assert_eq!(serde_json::json!(shape), w["shape"], "{what}");
            assert!(near(&numbers(t), &w["data"], tol), "{what}: {t} for {}", w["data"]);
        }
        (Value::List(vs), Json::Array(ws)) => {
            assert_eq!(vs.len(), ws.len(), "{what}");
            vs.iter().zip(ws).for_each(|(v, w)| same_value(v, w, tol, what));
        }
        (v, w) => {
            // What PyTorch keeps as a 0-d tensor may be a number here where only one step uses it.
            let w = w.as_f64().or_else(|| w["data"][0].as_f64());
            let (v, w) = (v.number().expect(what), w.expect(what));
            assert!((v - w).abs() <= tol * w.abs().max(1.0), "{what}: {v} for {w}");
        }
    }
}

fn number(case: &Json, name: &str) -> Option<f64> {
    case[name].as_f64()
}

fn list(v: &Json) -> Vec<f64> {
    match v {
        Json::Array(vs) => vs.iter().filter_map(Json::as_f64).collect(),
        one => vec![one.as_f64().expect("a number")],
    }
}

/// A schedule of the table, started.
fn started(name: &str, s: &Json, o: &mut Optimizer) -> LRScheduler {
    let int = |key: &str| s[key].as_i64();
    /// Calls the setter when the case has the setting.
    macro_rules! rule {
        ($rule:expr $(, $key:literal $setter:ident $read:expr)* $(,)?) => {{
            #[allow(unused_mut)]
            let mut r = $rule;
            $(if s.get($key).is_some() { r = r.$setter($read); })*
            r.build(o).unwrap()
        }};
    }
    let text = |key: &str| s[key].as_str().unwrap().to_string();
    let f = |key: &str| number(s, key).unwrap();
    let inner = |o: &mut Optimizer| -> Vec<LRScheduler> {
        let of = s["of"].as_array().unwrap();
        of.iter()
            .map(|one| started(one[0].as_str().unwrap(), &one[1], o))
            .collect()
    };
    match name {
        "StepLR" => rule!(StepLR::new(int("step_size").unwrap()), "gamma" gamma f("gamma")),
        "MultiStepLR" => rule!(
            MultiStepLR::new(list(&s["milestones"]).into_iter().map(|x| x as i64).collect()),
            "gamma" gamma f("gamma")
        ),
        "ConstantLR" => {
            rule!(ConstantLR::new(), "factor" factor f("factor"), "total_iters" total_iters int("total_iters").unwrap())
        }
        "LinearLR" => rule!(
            LinearLR::new(),
            "start_factor" start_factor f("start_factor"),
            "end_factor" end_factor f("end_factor"),
            "total_iters" total_iters int("total_iters").unwrap(),
        ),
        "ExponentialLR" => rule!(ExponentialLR::new(f("gamma"))),
        "PolynomialLR" => {
            rule!(PolynomialLR::new(), "total_iters" total_iters int("total_iters").unwrap(), "power" power f("power"))
        }
        "CosineAnnealingLR" => rule!(CosineAnnealingLR::new(int("T_max").unwrap()), "eta_min" eta_min f("eta_min")),
        "CosineAnnealingWarmRestarts" => rule!(
            CosineAnnealingWarmRestarts::new(int("T_0").unwrap()),
            "T_mult" t_mult int("T_mult").unwrap(),
            "eta_min" eta_min f("eta_min"),
        ),
        "CyclicLR" => rule!(
            CyclicLR::new(list(&s["base_lr"]), list(&s["max_lr"])),
            "step_size_up" step_size_up int("step_size_up").unwrap(),
            "step_size_down" step_size_down int("step_size_down"),
            "mode" mode text("mode"),
            "gamma" gamma f("gamma"),
            "cycle_momentum" cycle_momentum s["cycle_momentum"] == true,
        ),
        "OneCycleLR" => rule!(
            OneCycleLR::new(list(&s["max_lr"]), int("total_steps").unwrap()),
            "anneal_strategy" anneal_strategy text("anneal_strategy"),
            "three_phase" three_phase s["three_phase"] == true,
            "pct_start" pct_start f("pct_start"),
            "cycle_momentum" cycle_momentum s["cycle_momentum"] == true,
        ),
        "SWALR" => rule!(
            SWALR::new(list(&s["swa_lr"])),
            "anneal_epochs" anneal_epochs int("anneal_epochs").unwrap(),
            "anneal_strategy" anneal_strategy text("anneal_strategy"),
        ),
        "LambdaLR" => LambdaLR::new(|epoch| 0.95f64.powf(epoch as f64)).build(o).unwrap(),
        "MultiplicativeLR" => MultiplicativeLR::new(|epoch| 1.0 - 0.1 / (1.0 + epoch as f64))
            .build(o)
            .unwrap(),
        "SequentialLR" => {
            let milestones = list(&s["milestones"]).into_iter().map(|x| x as i64).collect();
            SequentialLR::build(inner(o), milestones, o).unwrap()
        }
        "ChainedScheduler" => ChainedScheduler::build(inner(o), o).unwrap(),
        other => panic!("no schedule {other}"),
    }
}

fn plateau(s: &Json, o: &Optimizer) -> ReduceLROnPlateau {
    let mut p = ReduceLROnPlateau::new();
    for (key, v) in s.as_object().unwrap() {
        p = match key.as_str() {
            "factor" => p.factor(v.as_f64().unwrap()),
            "patience" => p.patience(v.as_i64().unwrap()),
            "mode" => p.mode(v.as_str().unwrap()),
            "cooldown" => p.cooldown(v.as_i64().unwrap()),
            "min_lr" => p.min_lr(list(v)),
            "threshold_mode" => p.threshold_mode(v.as_str().unwrap()),
            "threshold" => p.threshold(v.as_f64().unwrap()),
            other => panic!("no setting {other}"),
        };
    }
    p.start(o).unwrap()
}

enum Either {
    Schedule(LRScheduler),
    Plateau(ReduceLROnPlateau),
}

fn optimizer_of(case: &Json) -> Optimizer {
    let kind = case["optimizer"].as_str().unwrap();
    let momentum = [("momentum", 0.9)].into_iter().filter(|_| kind == "SGD");
    let algorithm = by_name(kind, &momentum.chain([("lr", 0.1)]).collect()).unwrap();
    let (p, q) = (Param::new(Tensor::zeros(&[3])), Param::new(Tensor::zeros(&[2])));
    Optimizer::new(algorithm, [Group::new([p]), Group::new([q]).with("lr", 0.05)]).unwrap()
}

#[test]
fn rates_follow_pytorchs_and_can_be_saved() {
    for case in cases("schedule") {
        let (name, s) = (case["schedule"].as_str().unwrap(), &case["settings"]);
        let start = |o: &mut Optimizer| match name {
            "ReduceLROnPlateau" => Either::Plateau(plateau(s, o)),
            _ => Either::Schedule(started(name, s, o)),
        };
        let mut o = optimizer_of(&case);
        let mut schedule = start(&mut o);
        for (k, want) in case["rates"].as_array().unwrap().iter().enumerate() {
            let rates = o.groups().iter().map(|g| g.lr());
            let momenta = o.groups().iter().map(|g| match g.options.get("momentum") {
                Some(m) => m.number().unwrap(),
                None => g.options.pair("betas").unwrap().0,
            });
            let got: Vec<f64> = rates.chain(momenta).collect();
            assert!(
                near(&got, want, 1e-12),
                "{name} {s} on {}: epoch {k}: {got:?} for {want}",
                case["optimizer"]
            );
            if k == 9 {
                // A second schedule on a second optimiser goes on from what the first saved.
                let mut other = optimizer_of(&case);
                let mut next = start(&mut other);
                other.load_state_dict(&o.state_dict().unwrap()).unwrap();
                match (&mut next, &schedule) {
                    (Either::Schedule(n), Either::Schedule(s)) => n.load_state_dict(&s.state_dict()).unwrap(),
                    (Either::Plateau(n), Either::Plateau(s)) => n.load_state_dict(&s.state_dict()).unwrap(),
                    _ => unreachable!("both come from one start"),
                }
                (o, schedule) = (other, next);
            }
            match &mut schedule {
                Either::Schedule(s) => s.step(&mut o).unwrap(),
                Either::Plateau(p) => p.step(&mut o, (5.0 - k as f64).abs() * 0.1).unwrap(),
            }
        }
    }
}

#[test]
fn optimizers_print_as_pytorchs_do() {
    for case in cases("text") {
        let name = case["optimizer"].as_str().unwrap();
        let algorithm = by_name(name, &settings(&case)).unwrap();
        let o = Optimizer::new(algorithm, [Param::new(Tensor::zeros(&[1, 3]))]).unwrap();
        assert_eq!(o.to_string(), case["text"].as_str().unwrap());
    }
}

#[test]
fn every_optimizer_goes_on_from_its_saved_state() {
    for case in cases("after") {
        if case["dtype"] != "float64" || case["groups"] == true {
            continue;
        }
        let name = case["optimizer"].as_str().unwrap();
        let build = |p: &Problem| {
            let algorithm = by_name(name, &settings(&case)).unwrap();
            Optimizer::new(algorithm, p.params.clone()).unwrap()
        };
        let whole = Problem::new(DType::F64, name == "Muon");
        let mut o = build(&whole);
        (0..8).for_each(|_| whole.step(&mut o).unwrap());
        let parts = Problem::new(DType::F64, name == "Muon");
        let mut first = build(&parts);
        (0..4).for_each(|_| parts.step(&mut first).unwrap());
        let mut second = build(&parts);
        second.load_state_dict(&first.state_dict().unwrap()).unwrap();
        (0..4).for_each(|_| parts.step(&mut second).unwrap());
        for (a, b) in whole.params.iter().zip(&parts.params) {
            assert_eq!(numbers(a), numbers(b), "{name} {}", case["settings"]);
        }
    }
}

#[test]
fn bad_settings_and_states_are_refused() {
    let p = || Param::new(Tensor::ones(&[2]));
    let refused = |r: Result<Optimizer>| r.err().expect("an error").to_string();
    assert!(refused(SGD::new(-1.0).build([p()])).contains("Invalid learning rate: -1.0"));
    assert!(refused(SGD::new(1.0).nesterov(true).build([p()])).contains("Nesterov momentum requires"));
    assert!(refused(SGD::new(1.0).build(Vec::<Param>::new())).contains("empty parameter list"));
    let shared = p();
    let twice = [Group::new([shared.clone()]), Group::new([shared])];
    assert!(refused(SGD::new(1.0).build(twice)).contains("more than one parameter group"));
    let unknown: Entries = [("speed", 1.0)].into_iter().collect();
    assert!(
        by_name("sgd", &unknown)
            .err()
            .unwrap()
            .to_string()
            .contains("SGD has no setting speed")
    );
    assert!(by_name("speedy", &Entries::new()).is_err());

    let mut o = SGD::new(1.0).momentum(0.9).build([p()]).unwrap();
    let two = SGD::new(1.0).build([p(), p()]).unwrap().state_dict().unwrap();
    let e = o.load_state_dict(&two).unwrap_err().to_string();
    assert!(e.contains("doesn't match the size of optimizer's group"), "{e}");
    let mut saved = o.state_dict().unwrap();
    saved.state = vec![(0, [("momentum_buffer", Tensor::ones(&[3]))].into_iter().collect())];
    let e = o.load_state_dict(&saved).unwrap_err().to_string();
    assert!(
        e.contains("momentum_buffer of parameter 0 has shape [3], the parameter [2]"),
        "{e}"
    );
    assert!(SequentialLR::build(Vec::new(), Vec::new(), &mut o).is_err());
    assert!(StepLR::new(0).build(&mut o).is_err());
}

#[test]
fn a_frozen_layer_stays_and_an_added_group_moves() {
    let (a, b) = (Param::new(Tensor::ones(&[2])), Param::new(Tensor::ones(&[2])));
    let mut o = SGD::new(0.5).build([a.clone()]).unwrap();
    ((&*a + &*b) * 2.0).sum().backward().unwrap();
    o.step().unwrap();
    assert_eq!((numbers(&a), numbers(&b)), (vec![0.0, 0.0], vec![1.0, 1.0]));
    o.add_param_group(Group::new([b.clone()])).unwrap();
    o.step().unwrap();
    assert_eq!((numbers(&a), numbers(&b)), (vec![-1.0, -1.0], vec![0.0, 0.0]));
    o.zero_grad();
    assert!(a.grad().is_none() && b.grad().is_none());
}

//! What works on whole modules: summary, NaN guard, clipping, parameter vectors, checkpointing.

use duoc_core::random::{Generator, with_generator};
use duoc_core::{Result, Tensor};
use duoc_nn::{
    Base, Layer, Linear, Module, ModuleList, Param, checkpoint, checkpoint_layer, clip_grad_norm_, clip_grad_value_,
    get_total_norm, nan_guard, parameters_to_vector, sequential, summarize, vector_to_parameters,
};

#[derive(Clone, Module)]
struct Deep {
    inner: ModuleList<Linear>,
    last: Linear,
    base: Base,
}

impl Deep {
    fn new() -> Deep {
        Deep {
            inner: (0..2).map(|_| Linear::new(3, 3)).collect(),
            last: Linear::new(3, 2),
            base: Base::new(),
        }
    }
}

impl Layer for Deep {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for layer in &self.inner {
            x = layer.forward(&x).relu().dropout(0.5, self.base.training());
        }
        Ok(self.last.forward(&x))
    }
}

#[test]
fn the_summary_is_the_table_people_know() {
    let mut net = Deep::new();
    net.inner[0].requires_grad_(false).unwrap();
    let s = net.summary(&[4, 3]).unwrap();
    let want = "\
===================================================================================================================
Layer (type:depth-idx)                   Output Shape              Param #                   Mult-Adds
===================================================================================================================
Deep                                     [4, 2]                    --                        --
├─ModuleList: 1-1                        --                        --                        --
│    └─Linear: 2-1                       [4, 3]                    (12)                      48
│    └─Linear: 2-2                       [4, 3]                    12                        48
├─Linear: 1-2                            [4, 2]                    8                         32
===================================================================================================================
Total params: 32
Trainable params: 20
Non-trainable params: 12
Total mult-adds (M): 0.00
===================================================================================================================
Input size (MB): 0.00
Forward/backward pass size (MB): 0.00
Params size (MB): 0.00
Estimated Total Size (MB): 0.00
===================================================================================================================";
    let lines = |t: &str| t.lines().map(str::to_string).collect::<Vec<_>>();
    assert_eq!(lines(&s.to_string()), lines(want), "\n{s}");
    assert!(net.training() && net.last.training());
    let coarse = s.clone().at_depth(1);
    let list = &coarse.rows[1];
    assert_eq!(
        (coarse.rows.len(), list.own_parameters, list.multiply_adds),
        (3, 24, 96)
    );
    assert_eq!(
        (s.input_bytes, s.activation_bytes, s.parameter_bytes),
        (48, 2 * 4 * (12 + 12 + 8), 128)
    );
    let e = net.summary(&[4, 5]).unwrap_err();
    assert!(e.message().starts_with("inner.0: Linear("), "{e}");
    assert!(net.training());
}

#[test]
fn a_summary_counts_a_repeated_layer_once() {
    #[derive(Module)]
    struct Twice {
        layer: Linear,
    }
    impl Layer for Twice {
        fn run(&self, x: &Tensor) -> Result<Tensor> {
            Ok(self.layer.forward(&self.layer.forward(x)))
        }
    }
    let mut net = Twice {
        layer: Linear::new(2, 2),
    };
    let s = summarize(&mut net, |m| m.try_forward(&Tensor::ones(&[1, 2]))).unwrap();
    assert_eq!((s.total_parameters, s.multiply_adds), (6, 12));
    assert!(s.to_string().contains("(recursive)"));
}

#[test]
fn the_guard_names_layer_operation_and_input() {
    let mut bad = Deep::new();
    bad.eval();
    duoc_core::autograd::no_grad(|| bad.inner[1].weight.fill_(f64::from(f32::MAX)));
    duoc_core::autograd::no_grad(|| bad.inner[0].weight.fill_(4.0));
    let e = nan_guard(|| bad.try_forward(&Tensor::ones(&[1, 3]))).unwrap_err();
    let text = e.message();
    assert!(text.starts_with("inner.1: Linear(in_features=3, out_features=3, bias=True), given [1, 3]: linear made 0 NaN and 3 infinite elements of 3"), "{text}");
    assert!(
        text.contains("input 0: float32 [1, 3], from ") && text.contains("standard deviation"),
        "{text}"
    );
    // A mask with infinities is no fault; what comes of it in softmax is finite.
    let masked = nan_guard(|| {
        let mask = Tensor::from_slice(&[true, false]);
        Ok(Tensor::ones(&[2]).masked_fill(&mask, f64::NEG_INFINITY).softmax(0))
    });
    assert_eq!(masked.unwrap().to_vec::<f32>(), [0.0, 1.0]);
    // In the backward pass: the gradient of a square root at zero.
    let x = Tensor::zeros(&[1]).requires_grad_(true).unwrap();
    let e = nan_guard(|| x.sqrt().sum().backward()).unwrap_err();
    assert!(e.message().contains(" made "), "{e}");
}

#[test]
fn clipping_is_pytorchs() {
    let make = |values: &[f32], grad: &[f32]| {
        let p = Param::new(Tensor::from_slice(values));
        p.set_grad(Some(&Tensor::from_slice(grad))).unwrap();
        p
    };
    let params = [
        make(&[0.0; 2], &[3.0, -4.0]),
        make(&[0.0], &[12.0]),
        Param::new(Tensor::zeros(&[1])),
    ];
    let grads: Vec<Tensor> = params.iter().filter_map(|p| p.grad()).collect();
    assert_eq!(
        get_total_norm(&grads, f64::INFINITY, false).unwrap().item().to_f64(),
        12.0
    );
    assert_eq!(get_total_norm(&grads, 1.0, false).unwrap().item().to_f64(), 19.0);
    assert_eq!(get_total_norm(&[], 2.0, false).unwrap().item().to_f64(), 0.0);
    assert_eq!(clip_grad_norm_(&params, 6.5, 2.0, false).unwrap().item().to_f64(), 13.0);
    let after = get_total_norm(&params.iter().filter_map(|p| p.grad()).collect::<Vec<_>>(), 2.0, false);
    assert!((after.unwrap().item().to_f64() - 6.5).abs() < 1e-5);
    clip_grad_value_(&params, 1.0).unwrap();
    assert_eq!(params[0].grad().unwrap().to_vec::<f32>(), [1.0, -1.0]);
    params[1].set_grad(Some(&Tensor::from_slice(&[f32::NAN]))).unwrap();
    let e = clip_grad_norm_(&params, 1.0, 2.0, true).unwrap_err();
    assert!(
        e.message()
            .starts_with("The total norm of order 2.0 for gradients from `parameters` is non-finite")
    );
}

#[test]
fn a_vector_holds_all_parameters() {
    let (a, b) = (
        sequential![Linear::new(3, 2), Linear::new(2, 1)],
        sequential![Linear::new(3, 2), Linear::new(2, 1)],
    );
    vector_to_parameters(&parameters_to_vector(&a.parameters()).unwrap(), &b.parameters()).unwrap();
    for (p, q) in a.parameters().iter().zip(b.parameters()) {
        assert_eq!(p.to_vec::<f32>(), q.to_vec::<f32>());
        assert!(q.is_leaf() && q.requires_grad());
    }
    assert!(vector_to_parameters(&Tensor::ones(&[3]), &a.parameters()).is_err());
}

#[test]
fn a_checkpoint_changes_no_gradient() {
    let net = Deep::new();
    let run = |recomputed: bool| {
        let g = Generator::new();
        g.manual_seed(5);
        with_generator(&g, || {
            net.zero_grad();
            let x = Tensor::ones(&[6, 3]).requires_grad_(true).unwrap();
            let y = if recomputed {
                checkpoint_layer(&net, &x).unwrap()
            } else {
                net.forward(&x)
            };
            (&y * &y).sum().backward().unwrap();
            let mut all = vec![x.grad().unwrap().to_vec::<f32>()];
            all.extend(net.parameters().iter().map(|p| p.grad().unwrap().to_vec::<f32>()));
            (all, Tensor::rand(&[2]).to_vec::<f32>())
        })
    };
    assert_eq!(run(false), run(true));
}

#[test]
fn a_checkpoint_can_be_differentiated_twice() {
    let w = Param::new(Tensor::from_slice(&[2.0f64]));
    let x = Tensor::from_slice(&[3.0f64]).requires_grad_(true).unwrap();
    let inner = w.clone();
    // y = w x³, y' = 3 w x², y'' = 6 w x.
    let y = checkpoint(&[&x], std::slice::from_ref(&w), move |t| {
        Ok(vec![&(&(&t[0] * &t[0]) * &t[0]) * inner.tensor()])
    });
    let options = duoc_core::autograd::engine::Options {
        create_graph: true,
        ..Default::default()
    };
    let first = duoc_core::autograd::grad(&[&y.unwrap()[0]], &[&x], &[None], options)
        .unwrap()
        .remove(0)
        .unwrap();
    assert_eq!(first.to_vec::<f64>(), [54.0]);
    first.backward().unwrap();
    assert_eq!(x.grad().unwrap().to_vec::<f64>(), [36.0]);
    assert_eq!(w.grad().unwrap().to_vec::<f64>(), [27.0]);
}

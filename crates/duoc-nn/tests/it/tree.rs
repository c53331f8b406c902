//! What every module has by being one: names, state dicts, conversion, hooks, paths on errors.

use duoc_core::{DType, ErrorKind, Result, Tensor};
use duoc_nn::{Base, Buffer, Layer, Linear, Module, ModuleList, Param, StateDict, call, deep_copy, sequential};
use std::sync::{Arc, Mutex};

#[derive(Clone, Module)]
struct Block {
    linear1: Linear,
    scale: Param,
    linear2: Linear,
    seen: Buffer,
    table: Buffer,
    base: Base,
}

impl Block {
    fn new() -> Block {
        Block {
            linear1: Linear::new(3, 4),
            scale: Param::new(Tensor::ones(&[3])),
            linear2: Linear::options(4, 3).bias(false).build(),
            seen: Buffer::new(Tensor::zeros(&[])),
            table: Buffer::transient(Tensor::zeros(&[2])),
            base: Base::new(),
        }
    }
}

impl Layer for Block {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.linear2.forward(&self.linear1.forward(x).relu());
        Ok(&y * self.scale.tensor())
    }
}

#[derive(Module)]
struct Encoder {
    layers: ModuleList<Block>,
}

#[derive(Module)]
struct Net {
    encoder: Encoder,
    head: Option<Linear>,
    none: Option<Linear>,
    #[module(rename = "out")]
    last: Box<dyn Layer>,
    #[module(skip)]
    _note: std::time::Duration,
}

impl Net {
    fn new() -> Net {
        Net {
            encoder: Encoder {
                layers: (0..2).map(|_| Block::new()).collect(),
            },
            head: Some(Linear::new(3, 3)),
            none: None,
            last: Box::new(sequential![Linear::new(3, 2)]),
            _note: std::time::Duration::ZERO,
        }
    }
}

impl Layer for Net {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for layer in &self.encoder.layers {
            x = layer.forward(&x);
        }
        if let Some(head) = &self.head {
            x = head.forward(&x);
        }
        self.last.try_forward(&x)
    }
}

#[test]
fn names_are_in_pytorchs_order() {
    let net = Net::new();
    let keys: Vec<String> = net.state_dict().keys().map(str::to_string).collect();
    assert_eq!(
        keys[..5],
        [
            "encoder.layers.0.scale",
            "encoder.layers.0.seen",
            "encoder.layers.0.linear1.weight",
            "encoder.layers.0.linear1.bias",
            "encoder.layers.0.linear2.weight"
        ]
    );
    assert_eq!(keys[10..], ["head.weight", "head.bias", "out.0.weight", "out.0.bias"]);
    let buffers: Vec<String> = net.named_buffers().into_iter().map(|(n, _)| n).collect();
    assert_eq!(buffers[..2], ["encoder.layers.0.seen", "encoder.layers.0.table"]);
    let modules: Vec<String> = net.named_modules().into_iter().map(|(n, _)| n).collect();
    assert_eq!(modules[..4], ["", "encoder", "encoder.layers", "encoder.layers.0"]);
    assert_eq!(net.get_submodule("encoder.layers.1.linear2").unwrap().kind(), "Linear");
    let e = net.get_submodule("encoder.nothing").unwrap_err();
    assert_eq!(e.message(), "Encoder has no attribute `nothing`");
}

#[test]
fn it_prints_as_pytorch_does() {
    let block = "Block(\n  (linear1): Linear(in_features=3, out_features=4, bias=True)\n  (linear2): Linear(in_features=4, out_features=3, bias=False)\n)";
    assert_eq!(Block::new().to_string(), block);
    let net = Net::new().to_string();
    assert!(
        net.starts_with(
            "Net(\n  (encoder): Encoder(\n    (layers): ModuleList(\n      (0-1): 2 x Block(\n        (linear1): "
        ),
        "{net}"
    );
    assert!(
        net.ends_with("  (out): Sequential(\n    (0): Linear(in_features=3, out_features=2, bias=True)\n  )\n)"),
        "{net}"
    );
}

#[test]
fn an_error_names_the_layers_path() {
    let mut net = Net::new();
    net.encoder.layers[1].linear1 = Linear::new(5, 4);
    let e = net.try_forward(&Tensor::ones(&[2, 3])).unwrap_err();
    assert_eq!(
        e.message(),
        "encoder.layers.1.linear1: Linear(in_features=5, out_features=4, bias=True), given [2, 3]: addmm: mat1 and mat2 shapes cannot be multiplied (2x3 and 5x4)"
    );
    // An error that arises between the layers names the module whose code it is.
    let mut net = Net::new();
    net.encoder.layers[0].scale = Param::new(Tensor::ones(&[7]));
    let e = net.try_forward(&Tensor::ones(&[2, 3])).unwrap_err();
    assert!(
        e.message()
            .starts_with("encoder.layers.0: Block, given [2, 3]: The size of tensor a (3)"),
        "{e}"
    );
    // A layer called alone is its own root.
    let e = Linear::new(2, 2).try_forward(&Tensor::ones(&[3])).unwrap_err();
    assert!(
        e.message()
            .starts_with("Linear(in_features=2, out_features=2, bias=True), given [3]: "),
        "{e}"
    );
    // The next error starts anew.
    let e = net
        .head
        .as_ref()
        .unwrap()
        .try_forward(&Tensor::ones(&[3, 2]))
        .unwrap_err();
    assert!(e.message().starts_with("Linear(in_features=3"), "{e}");
}

#[test]
fn an_error_that_was_caught_inside_does_not_name_a_later_one() {
    #[derive(Module)]
    struct Try {
        first: Linear,
        second: Linear,
    }
    impl Layer for Try {
        fn run(&self, x: &Tensor) -> Result<Tensor> {
            let y = self.first.try_forward(x).or_else(|_| self.second.try_forward(x))?;
            duoc_core::ops::view::reshape(&y, &[11])
        }
    }
    let net = Try {
        first: Linear::new(5, 1),
        second: Linear::new(3, 1),
    };
    let e = net.try_forward(&Tensor::ones(&[2, 3])).unwrap_err();
    assert_eq!(
        e.message(),
        "Try, given [2, 3]: shape '[11]' is invalid for input of size 2"
    );
}

#[test]
fn a_throwing_call_panics_at_the_callers_line() {
    let panic = std::panic::catch_unwind(|| Linear::new(2, 2).forward(&Tensor::ones(&[3]))).unwrap_err();
    assert!(
        panic
            .downcast_ref::<String>()
            .unwrap()
            .starts_with("Linear(in_features=2")
    );
}

#[test]
fn tied_weights_are_one_parameter_and_stay_tied_through_to() {
    let mut net = sequential![Linear::new(3, 3), Linear::new(3, 3)];
    let tied = net[0].parameters()[0].clone();
    net[1].as_any_mut().downcast_mut::<Linear>().unwrap().weight = tied.clone();
    assert_eq!(net.parameters().len(), 3);
    assert_eq!(net.state_dict().len(), 4);
    assert_eq!(net.num_parameters(), 9 + 3 + 3);
    let optimiser = net.parameters();
    net.forward(&Tensor::ones(&[1, 3])).sum().backward().unwrap();
    net.to(DType::F64).unwrap();
    let state = net.state_dict();
    assert!(state.iter().all(|(_, t)| t.dtype() == DType::F64));
    assert_eq!(
        state.get("0.weight").unwrap().address(),
        state.get("1.weight").unwrap().address()
    );
    assert_eq!(optimiser[0].dtype(), DType::F64);
    assert!(optimiser[0].requires_grad() && optimiser[0].is_leaf());
    assert_eq!(optimiser[0].grad().unwrap().dtype(), DType::F64);
    // A step through the optimiser's handle is seen by the module.
    duoc_core::autograd::no_grad(|| optimiser[0].fill_(2.0));
    assert_eq!(tied.sum().item().to_f64(), 18.0);
    assert_eq!(net[1].parameters()[0].sum().item().to_f64(), 18.0);
    let e = net.to(DType::I64).err().unwrap();
    assert_eq!(
        e.message(),
        "nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=torch.int64"
    );
}

#[test]
fn a_state_dict_that_does_not_fit_changes_nothing() {
    let net = sequential![Linear::new(3, 2), Linear::new(2, 2)];
    let mut state = StateDict::new();
    state.insert("0.weight", Tensor::zeros(&[2, 3]));
    state.insert("0.bias", Tensor::zeros(&[3]));
    state.insert("1.weight", Tensor::zeros(&[2, 2]));
    state.insert("extra", Tensor::zeros(&[]));
    let before = net.parameters()[0].to_vec::<f32>();
    let e = net.load_state_dict(&state, true).unwrap_err();
    assert_eq!(
        e.message(),
        "Error(s) in loading state_dict for Sequential:\n\tMissing key(s) in state_dict: \"1.bias\". \n\tUnexpected key(s) in state_dict: \"extra\". \n\tsize mismatch for 0.bias: copying a param with shape torch.Size([3]) from checkpoint, the shape in current model is torch.Size([2])."
    );
    assert_eq!(e.kind(), ErrorKind::Runtime);
    assert_eq!(net.parameters()[0].to_vec::<f32>(), before);
    state.insert("0.bias", Tensor::ones(&[2]));
    let report = net.load_state_dict(&state, false).unwrap();
    assert_eq!(
        (report.missing_keys, report.unexpected_keys),
        (vec!["1.bias".to_string()], vec!["extra".to_string()])
    );
    assert_eq!(net.parameters()[1].to_vec::<f32>(), [1.0, 1.0]);
}

#[test]
fn train_and_eval_reach_every_module() {
    let mut net = Net::new();
    assert!(net.training());
    net.eval();
    assert!(net.named_modules().iter().all(|(_, m)| !m.training()));
    net.train();
    assert!(net.named_modules().iter().all(|(_, m)| m.training()));
}

#[test]
fn a_deep_copy_shares_nothing() {
    let block = Block::new();
    let copy = deep_copy(&block).unwrap();
    assert_eq!(
        block.linear1.weight.to_vec::<f32>(),
        copy.linear1.weight.to_vec::<f32>()
    );
    assert!(
        block
            .parameters()
            .iter()
            .zip(copy.parameters())
            .all(|(a, b)| a.id() != b.id() && a.address() != b.address())
    );
    assert!(copy.linear1.weight.requires_grad());
}

#[test]
fn requires_grad_and_zero_grad_reach_every_parameter() {
    let net = Net::new();
    net.forward(&Tensor::ones(&[1, 3])).sum().backward().unwrap();
    assert!(net.parameters().iter().all(|p| p.grad().is_some()));
    net.zero_grad();
    assert!(net.parameters().iter().all(|p| p.grad().is_none()));
    net.requires_grad_(false).unwrap();
    assert!(!net.forward(&Tensor::ones(&[1, 3])).requires_grad());
}

#[test]
fn forward_hooks_see_and_replace() {
    let block = Block::new();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = seen.clone();
    let pre = block.linear1.register_forward_pre_hook(Arc::new(move |m, x| {
        log.lock().unwrap().push(format!("{} {:?}", m.kind(), x[0].shape()));
        Ok(Some(vec![&x[0] * 2.0]))
    }));
    let post = block.linear1.register_forward_hook(Arc::new(|_, x, y| {
        assert_eq!(x[0].to_vec::<f32>(), [2.0, 2.0, 2.0]);
        Ok(Some(vec![&y[0] * 0.0]))
    }));
    let (pre, post) = (pre.unwrap(), post.unwrap());
    let y = block.forward(&Tensor::ones(&[1, 3]));
    assert_eq!(y.to_vec::<f32>(), [0.0; 3]);
    assert_eq!(*seen.lock().unwrap(), ["Linear [1, 3]"]);
    pre.remove();
    post.remove();
    assert!(
        block
            .linear1
            .forward(&Tensor::ones(&[1, 3]))
            .abs()
            .sum()
            .item()
            .to_f64()
            > 0.0
    );
    assert_eq!(seen.lock().unwrap().len(), 1);
    let wrong = block
        .linear1
        .register_forward_hook(Arc::new(|_, _, _| Ok(Some(vec![]))))
        .unwrap();
    let e = block.try_forward(&Tensor::ones(&[1, 3])).unwrap_err();
    assert!(e.message().starts_with("linear1: "), "{e}");
    wrong.remove();
}

#[test]
fn backward_hooks_see_and_replace_gradients() {
    let layer = Linear::options(2, 1).bias(false).build();
    duoc_core::autograd::no_grad(|| layer.weight.copy_(&Tensor::from_slice(&[3.0f32, 5.0]).reshape(&[1, 2])));
    let seen: Arc<Mutex<Vec<(Vec<f32>, Vec<f32>)>>> = Arc::default();
    let log = seen.clone();
    let pre = layer.register_full_backward_pre_hook(Arc::new(|g| {
        Ok(Some(g.iter().map(|g| g.as_ref().map(|g| g * 2.0)).collect()))
    }));
    let post = layer.register_full_backward_hook(Arc::new(move |gi, go| {
        let values = |g: &[Option<Tensor>]| g[0].as_ref().map_or(vec![], |t| t.to_vec::<f32>());
        log.lock().unwrap().push((values(gi), values(go)));
        Ok(Some(vec![gi[0].as_ref().map(|g| g * 10.0)]))
    }));
    let x = Tensor::ones(&[1, 2]).requires_grad_(true).unwrap();
    layer.forward(&x).sum().backward().unwrap();
    assert_eq!(*seen.lock().unwrap(), [(vec![6.0, 10.0], vec![2.0])]);
    assert_eq!(x.grad().unwrap().to_vec::<f32>(), [60.0, 100.0]);
    assert_eq!(layer.weight.grad().unwrap().to_vec::<f32>(), [2.0, 2.0]);
    // Without a gradient of the input the hook runs with none.
    layer.forward(&x.detach()).sum().backward().unwrap();
    assert_eq!(seen.lock().unwrap()[1], (vec![], vec![2.0]));
    pre.unwrap().remove();
    post.unwrap().remove();
    layer.forward(&x).sum().backward().unwrap();
    assert_eq!(seen.lock().unwrap().len(), 2);
}

#[test]
fn a_module_without_a_base_has_no_place_for_hooks() {
    let net = Net::new();
    let e = net.register_forward_hook(Arc::new(|_, _, _| Ok(None))).err().unwrap();
    assert_eq!(e.kind(), ErrorKind::Type);
}

#[test]
fn a_module_with_several_arguments_uses_the_same_call() {
    #[derive(Module)]
    struct Twin {
        left: Linear,
        right: Linear,
        base: Base,
    }
    impl Twin {
        fn try_forward(&self, x: &Tensor, y: &Tensor) -> Result<(Tensor, Tensor)> {
            call(self, &[x, y], |t| {
                Ok((self.left.forward(t[0]), self.right.forward(t[1])))
            })
        }
    }
    let twin = Twin {
        left: Linear::new(2, 3),
        right: Linear::new(4, 3),
        base: Base::new(),
    };
    let hook = twin.register_forward_hook(Arc::new(|_, _, y| Ok(Some(vec![y[1].clone(), y[0].clone()]))));
    let (a, b) = twin
        .try_forward(&Tensor::ones(&[1, 2]), &Tensor::ones(&[5, 4]))
        .unwrap();
    assert_eq!((a.shape(), b.shape()), (&[5, 3][..], &[1, 3][..]));
    hook.unwrap().remove();
    let e = twin
        .try_forward(&Tensor::ones(&[1, 2]), &Tensor::ones(&[5, 2]))
        .unwrap_err();
    assert!(e.message().starts_with("right: Linear(in_features=4"), "{e}");
}

#[test]
fn a_panic_leaves_the_next_calls_as_they_were() {
    #[derive(Module)]
    struct Bad {
        inner: Linear,
    }
    impl Layer for Bad {
        fn run(&self, x: &Tensor) -> Result<Tensor> {
            let hook = self
                .inner
                .register_forward_pre_hook(Arc::new(|_, _| panic!("from a hook")))?;
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.inner.forward(x)));
            hook.remove();
            assert!(outcome.is_err());
            self.inner.try_forward(x)
        }
    }
    let net = Bad {
        inner: Linear::new(2, 2),
    };
    assert_eq!(net.forward(&Tensor::ones(&[1, 2])).shape(), [1, 2]);
    let layer = Linear::new(3, 3);
    let hook = layer
        .register_forward_hook(Arc::new(|_, _, _| panic!("from a hook")))
        .unwrap();
    let called = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| layer.forward(&Tensor::ones(&[3]))));
    assert!(called.is_err());
    hook.remove();
    // The depth of calls is what it was: the next error is resolved at its own root.
    let e = sequential![Linear::new(2, 2)]
        .try_forward(&Tensor::ones(&[3]))
        .unwrap_err();
    assert!(e.message().starts_with("0: Linear("), "{e}");
}

#[test]
fn many_threads_use_one_network() {
    let net = Arc::new(sequential![Linear::new(3, 4), Linear::new(4, 2)]);
    let x = Tensor::ones(&[5, 3]);
    let want = net.forward(&x).to_vec::<f32>();
    std::thread::scope(|s| {
        for _ in 0..4 {
            let (net, x, want) = (net.clone(), &x, &want);
            s.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(net.forward(x).to_vec::<f32>(), *want);
                    assert!(
                        net.try_forward(&Tensor::ones(&[7]))
                            .unwrap_err()
                            .message()
                            .starts_with("0: ")
                    );
                }
            });
        }
    });
}

#[test]
fn a_layer_behind_the_trait_prints_and_converts() {
    let mut layer: Box<dyn Layer> = Box::new(sequential![Linear::new(2, 1)]);
    assert!(format!("{layer} {layer:?}").starts_with("Sequential(\n  (0): Linear("));
    layer.to(DType::F64).unwrap();
    assert_eq!(layer.get_parameter("0.weight").unwrap().dtype(), DType::F64);
    assert!(layer.get_buffer("0.running_mean").is_err());
    assert!(layer.as_any().downcast_ref::<duoc_nn::Sequential>().is_some());
}

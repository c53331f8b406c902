//! Averages of a model's parameters over training: torch.optim.swa_utils.

use crate::{Buffer, Layer, Module, Param, deep_copy};
use duoc_core::autograd::no_grad;
use duoc_core::{DType, Result, Scalar, Tensor, ensure, ops};

/// How the average follows the model.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Averaging {
    /// The mean of all models so far: `a += (p - a) / (n + 1)` (stochastic weight averaging, P. Izmailov et al., 2018).
    Equal,
    /// The exponential moving average `a = decay a + (1 - decay) p`.
    Exponential(f64),
}

/// A copy of a model whose parameters are averages of the model's.
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::optim::{AveragedModel, Averaging};
/// use duoc_nn::{Layer, Linear, Module, init};
/// let model = Linear::new(2, 1);
/// init::zeros_(&model.weight)?;
/// let average = AveragedModel::new(&model, Averaging::Exponential(0.9))?;
/// average.update_parameters(&model)?;
/// init::ones_(&model.weight)?;
/// average.update_parameters(&model)?;
/// assert_eq!(average.module.weight.to_vec::<f32>(), [0.1, 0.1]);
/// assert_eq!(average.state_dict().keys().next(), Some("n_averaged"));
/// # Ok::<(), duoc_core::Error>(())
/// ```
#[derive(Module)]
pub struct AveragedModel<M: Module> {
    /// Models averaged so far.
    pub n_averaged: Buffer,
    /// The averaged model.
    pub module: M,
    #[module(skip)]
    averaging: Averaging,
    use_buffers: bool,
}

impl<M: Module + Clone> AveragedModel<M> {
    /// A copy of `model` that is to be its average.
    ///
    /// # Errors
    /// `ValueError` for a decay outside 0 to 1.
    pub fn new(model: &M, averaging: Averaging) -> Result<AveragedModel<M>> {
        if let Averaging::Exponential(decay) = averaging {
            ensure!(
                (0.0..=1.0).contains(&decay),
                Value,
                "Invalid decay value {decay} provided. Please provide a value in [0,1] range."
            );
        }
        Ok(AveragedModel {
            n_averaged: Buffer::new(Tensor::scalar(0, DType::I64)?),
            module: deep_copy(model)?,
            averaging,
            use_buffers: false,
        })
    }
}

impl<M: Module> AveragedModel<M> {
    /// Averages buffers too, running statistics for example; without, they are copied.
    pub fn use_buffers(mut self, on: bool) -> AveragedModel<M> {
        self.use_buffers = on;
        self
    }

    /// Takes the model's present parameters into the average. The first time they are copied.
    ///
    /// # Errors
    /// `ValueError` if `model` is not of the same make.
    pub fn update_parameters(&self, model: &M) -> Result<()> {
        let (mine, theirs) = (tensors(&self.module.parameters()), tensors(&model.parameters()));
        let buffers = |m: &M| m.buffers().iter().map(|b| b.tensor().clone()).collect::<Vec<_>>();
        let (my_buffers, their_buffers) = (buffers(&self.module), buffers(model));
        let shapes = |ts: &[Tensor]| ts.iter().map(|t| t.shape().to_vec()).collect::<Vec<_>>();
        ensure!(
            shapes(&mine) == shapes(&theirs) && shapes(&my_buffers) == shapes(&their_buffers),
            Value,
            "the averaged model and the model have other parameters: build the average from this model"
        );
        no_grad(|| {
            let n = self.n_averaged.tensor().item().to_f64();
            let follow = |a: &Tensor, p: &Tensor| -> Result<()> {
                if n == 0.0 || !a.dtype().is_float() {
                    return ops::copy::copy_(a, p);
                }
                let weight = match self.averaging {
                    Averaging::Equal => 1.0 / (n + 1.0),
                    Averaging::Exponential(decay) => 1.0 - decay,
                };
                ops::copy::copy_(a, &ops::blend::lerp_scalar(a, p, Scalar::Float(weight))?)
            };
            mine.iter().zip(&theirs).try_for_each(|(a, p)| follow(a, p))?;
            for (a, b) in my_buffers.iter().zip(&their_buffers) {
                match self.use_buffers {
                    true => follow(a, b)?,
                    false => ops::copy::copy_(a, b)?,
                }
            }
            ops::copy::copy_(self.n_averaged.tensor(), &Tensor::scalar(n + 1.0, DType::I64)?)
        })
    }
}

fn tensors(params: &[Param]) -> Vec<Tensor> {
    params.iter().map(|p| p.tensor().detach()).collect()
}

impl<M: Layer> Layer for AveragedModel<M> {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        self.module.try_forward(input)
    }
}

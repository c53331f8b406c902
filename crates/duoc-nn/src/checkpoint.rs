//! Recomputed activations: a part of a network keeps its inputs only, and runs again in the backward pass.
//!
//! Memory falls from all activations of the part to its inputs; the price is one more forward pass of the part.

use crate::{Layer, Param};
use duoc_core::autograd::engine::{Options, grad};
use duoc_core::autograd::function::{self, Backward, Forward, Function};
use duoc_core::autograd::{enable_grad, is_grad_enabled};
use duoc_core::random::{Generator, current_generator, with_generator};
use duoc_core::{Result, Tensor, catch};

type Run = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync>;

struct Again {
    run: Run,
    /// The random numbers as they stood: dropout drops the same elements in the second run.
    random: Generator,
    inputs: usize,
}

impl Again {
    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        catch(|| (self.run)(inputs)).and_then(|r| r)
    }
}

impl Function for Again {
    fn name(&self) -> String {
        "CheckpointFunctionBackward".to_string()
    }

    fn forward(&self, ctx: &mut Forward, all: &[Tensor]) -> Result<Vec<Tensor>> {
        ctx.save_for_backward(&all.iter().collect::<Vec<_>>());
        ctx.set_materialize_grads(false);
        self.run(&all[..self.inputs])
    }

    fn backward(&self, ctx: &Backward, grads: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
        // With a graph of the gradients, the second run continues the history of the inputs.
        let create_graph = is_grad_enabled();
        let mut all = ctx.saved_tensors()?;
        if !create_graph {
            for t in &mut all[..self.inputs] {
                let on = t.requires_grad();
                *t = t.detach().requires_grad_(on)?;
            }
        }
        let replay = self.random.clone_state();
        let outputs = enable_grad(|| with_generator(&replay, || self.run(&all[..self.inputs])))?;
        let pairs: Vec<(&Tensor, &Tensor)> = outputs
            .iter()
            .zip(grads)
            .filter_map(|(o, g)| Some((o, g.as_ref()?)))
            .filter(|(o, _)| o.requires_grad())
            .collect();
        let (outputs, cotangents): (Vec<&Tensor>, Vec<Option<&Tensor>>) =
            pairs.into_iter().map(|(o, g)| (o, Some(g))).unzip();
        let wanted: Vec<usize> = (0..all.len()).filter(|i| all[*i].requires_grad()).collect();
        let mut found = vec![None; all.len()];
        if outputs.is_empty() {
            return Ok(found);
        }
        let options = Options {
            create_graph,
            allow_unused: true,
            ..Options::default()
        };
        let leaves: Vec<&Tensor> = wanted.iter().map(|i| &all[*i]).collect();
        for (i, g) in wanted.iter().zip(grad(&outputs, &leaves, &cotangents, options)?) {
            found[*i] = g;
        }
        Ok(found)
    }
}

/// Runs `run` on the inputs without keeping what happens inside; the backward pass runs it again. `parameters` are the
/// parameters that `run` uses: their gradients flow through here.
///
/// The second run draws the same random numbers. Buffers that `run` changes (running statistics) are changed twice.
pub fn checkpoint(
    inputs: &[&Tensor],
    parameters: &[Param],
    run: impl Fn(&[Tensor]) -> Result<Vec<Tensor>> + Send + Sync + 'static,
) -> Result<Vec<Tensor>> {
    let again = Again {
        run: Box::new(run),
        random: current_generator().clone_state(),
        inputs: inputs.len(),
    };
    let all: Vec<&Tensor> = inputs
        .iter()
        .copied()
        .chain(parameters.iter().map(Param::tensor))
        .collect();
    function::apply(again, &all)
}

/// A layer's output, with the activations inside it recomputed in the backward pass (see [`checkpoint`]).
///
/// ```
/// use duoc_core::Tensor;
/// use duoc_nn::{Layer, Linear, Module, checkpoint_layer};
/// let layer = Linear::new(3, 3);
/// let y = checkpoint_layer(&layer, &Tensor::ones(&[2, 3])).unwrap();
/// y.sum().backward().unwrap();
/// assert_eq!(layer.bias.as_ref().unwrap().grad().unwrap().to_vec::<f32>(), [2.0; 3]);
/// ```
pub fn checkpoint_layer<L: Layer + Clone>(layer: &L, input: &Tensor) -> Result<Tensor> {
    // The copy shares the parameters and lives as long as the graph.
    let copy = layer.clone();
    let mut out = checkpoint(&[input], &layer.parameters(), move |x| {
        Ok(vec![copy.try_forward(&x[0])?])
    })?;
    Ok(out.remove(0))
}

//! Weights that are computed from other parameters: weight normalisation and spectral normalisation
//! (`torch.nn.utils.parametrizations`), with PyTorch's names in the state dict.

use crate::module::{Field, FieldMut};
use crate::{Base, Buffer, Layer, Module, Param};
use duoc_core::autograd::no_grad;
use duoc_core::{Result, Tensor, catch, err, ops};
use std::any::Any;
use std::fmt;

/// How a weight comes about.
#[derive(Clone)]
enum Rule {
    /// `v · g / ‖v‖`, the norm over all dimensions but one.
    WeightNorm { dim: Option<usize> },
    /// `W / σ(W)`; `u` and `v` approach the singular vectors of the largest singular value.
    SpectralNorm {
        u: Buffer,
        v: Buffer,
        iterations: usize,
        eps: f64,
        dim: usize,
    },
    /// `w / ‖w‖`: the spectral norm of a vector.
    Normalized { eps: f64 },
}

/// A rule as a module, so that its buffers have their names.
#[derive(Clone)]
struct Step {
    rule: Rule,
    base: Base,
}

/// What a weight is made from.
#[derive(Clone)]
struct List {
    originals: Vec<(&'static str, Param)>,
    step: Step,
    base: Base,
}

#[derive(Clone)]
struct Dict {
    tensor: String,
    list: List,
    base: Base,
}

/// A layer one of whose parameters is computed anew for every call. Made by [`weight_norm`] and [`spectral_norm`].
#[derive(Clone)]
pub struct Parametrized<L: Layer + Clone> {
    layer: L,
    kind: String,
    parametrizations: Dict,
}

macro_rules! itself {
    () => {
        fn as_any(&self) -> &dyn Any {
            self
        }
        fn as_any_mut(&mut self) -> &mut dyn Any {
            self
        }
    };
    (base) => {
        itself!();
        fn base(&self) -> Option<&Base> {
            Some(&self.base)
        }
        fn base_mut(&mut self) -> Option<&mut Base> {
            Some(&mut self.base)
        }
    };
}

impl Module for Step {
    itself!(base);
    fn kind(&self) -> &str {
        match self.rule {
            Rule::WeightNorm { .. } => "_WeightNorm",
            _ => "_SpectralNorm",
        }
    }
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        if let Rule::SpectralNorm { u, v, .. } = &self.rule {
            f("_u", Field::Buffer(u));
            f("_v", Field::Buffer(v));
        }
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        if let Rule::SpectralNorm { u, v, .. } = &mut self.rule {
            f("_u", FieldMut::Buffer(u));
            f("_v", FieldMut::Buffer(v));
        }
    }
}

impl Module for List {
    itself!(base);
    fn kind(&self) -> &str {
        "ParametrizationList"
    }
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        for (name, p) in &self.originals {
            f(name, Field::Param(p));
        }
        f("0", Field::Module(&self.step));
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        for (name, p) in &mut self.originals {
            f(name, FieldMut::Param(p));
        }
        f("0", FieldMut::Module(&mut self.step));
    }
}

impl Module for Dict {
    itself!(base);
    fn kind(&self) -> &str {
        "ModuleDict"
    }
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        f(&self.tensor, Field::Module(&self.list));
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        f(&self.tensor, FieldMut::Module(&mut self.list));
    }
}

impl<L: Layer + Clone> Module for Parametrized<L> {
    itself!();
    fn kind(&self) -> &str {
        &self.kind
    }
    fn base(&self) -> Option<&Base> {
        self.layer.base()
    }
    fn base_mut(&mut self) -> Option<&mut Base> {
        self.layer.base_mut()
    }
    fn extra_repr(&self) -> String {
        self.layer.extra_repr()
    }
    fn visit<'a>(&'a self, f: &mut dyn FnMut(&str, Field<'a>)) {
        self.layer.visit(&mut |name, field| {
            if name != self.parametrizations.tensor {
                f(name, field);
            }
        });
        f("parametrizations", Field::Module(&self.parametrizations));
    }
    fn visit_mut<'a>(&'a mut self, f: &mut dyn FnMut(&str, FieldMut<'a>)) {
        let tensor = &self.parametrizations.tensor;
        self.layer.visit_mut(&mut |name, field| {
            if name != tensor {
                f(name, field);
            }
        });
        f("parametrizations", FieldMut::Module(&mut self.parametrizations));
    }
}

impl<L: Layer + Clone> fmt::Display for Parametrized<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl<L: Layer + Clone> fmt::Debug for Parametrized<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repr())
    }
}

impl<L: Layer + Clone> Layer for Parametrized<L> {
    fn run(&self, input: &Tensor) -> Result<Tensor> {
        // The copy shares every other parameter and lives for this call.
        let mut layer = self.layer.clone();
        put(
            &mut layer,
            &self.parametrizations.tensor,
            Param::holding(self.weight()?),
        );
        layer.run(input)
    }
}

impl<L: Layer + Clone> Parametrized<L> {
    /// The computed weight, differentiable.
    pub fn weight(&self) -> Result<Tensor> {
        let list = &self.parametrizations.list;
        list.step.rule.compute(&list.originals, self.layer.training())
    }

    /// The plain layer with the present weight (PyTorch's `remove_parametrizations`).
    pub fn into_layer(self) -> Result<L> {
        let weight = no_grad(|| self.weight())?;
        let mut layer = self.layer;
        put(&mut layer, &self.parametrizations.tensor, Param::try_new(weight, true)?);
        Ok(layer)
    }
}

fn put(layer: &mut dyn Module, tensor: &str, param: Param) {
    layer.visit_mut(&mut |name, field| {
        if let FieldMut::Param(p) = field
            && name == tensor
        {
            *p = param.clone();
        }
    });
}

fn wrap<L: Layer + Clone>(
    layer: L,
    tensor: &str,
    make: impl FnOnce(&Tensor) -> Result<(Vec<(&'static str, Param)>, Rule)>,
) -> Result<Parametrized<L>> {
    let mut found = None;
    layer.visit(&mut |name, field| {
        if let Field::Param(p) = field
            && name == tensor
        {
            found = Some(p.clone());
        }
    });
    let Some(weight) = found else {
        return Err(err!(
            Value,
            "Module '{layer}' does not have a parameter, a buffer, or a parametrized element with name '{tensor}'",
            layer = layer.repr()
        ));
    };
    let (originals, rule) = no_grad(|| make(&weight))?;
    Ok(Parametrized {
        kind: format!("Parametrized{}", layer.kind()),
        layer,
        parametrizations: Dict {
            tensor: tensor.to_string(),
            list: List {
                originals,
                step: Step {
                    rule,
                    base: Base::new(),
                },
                base: Base::new(),
            },
            base: Base::new(),
        },
    })
}

/// The norm over all dimensions but `dim`, which keep size 1; over all without one.
fn norm_except(x: &Tensor, dim: Option<usize>) -> Result<Tensor> {
    let Some(dim) = dim else {
        return ops::vector_norm::norm(x, 2.0.into());
    };
    let dims: Vec<i64> = (0..x.dim()).filter(|d| *d != dim).map(|d| d as i64).collect();
    if dims.is_empty() {
        return catch(|| x.abs());
    }
    ops::vector_norm::vector_norm(x, 2.0.into(), Some(&dims), true, None)
}

/// The weight as a matrix with dimension `dim` as its rows.
fn matrix(weight: &Tensor, dim: usize) -> Result<Tensor> {
    let mut order: Vec<i64> = (0..weight.dim() as i64).filter(|d| *d != dim as i64).collect();
    order.insert(0, dim as i64);
    let rows = weight.shape()[dim] as i64;
    catch(|| weight.permute(&order).reshape(&[rows, -1]))
}

fn normalized(x: &Tensor, eps: f64) -> Result<Tensor> {
    catch(|| x / &x.norm(2.0).clamp_min(eps))
}

fn power_iteration(w: &Tensor, u: &Buffer, v: &Buffer, times: usize, eps: f64) -> Result<()> {
    no_grad(|| {
        let w = w.detach();
        for _ in 0..times {
            ops::copy::copy_(u, &normalized(&catch(|| w.mv(v))?, eps)?)?;
            ops::copy::copy_(v, &normalized(&catch(|| w.t().mv(u))?, eps)?)?;
        }
        Ok(())
    })
}

impl Rule {
    fn compute(&self, originals: &[(&'static str, Param)], training: bool) -> Result<Tensor> {
        let first = originals[0].1.tensor();
        match self {
            Rule::WeightNorm { dim } => {
                let v = originals[1].1.tensor();
                let norm = norm_except(v, *dim)?;
                catch(|| v * &(first / &norm))
            }
            Rule::SpectralNorm {
                u,
                v,
                iterations,
                eps,
                dim,
            } => {
                let w = matrix(first, *dim)?;
                if training {
                    power_iteration(&w, u, v, *iterations, *eps)?;
                }
                // The graph keeps the vectors of this call.
                let (u, v) = catch(|| (u.copy(), v.copy()))?;
                catch(|| first / &u.dot(&w.mv(&v)))
            }
            Rule::Normalized { eps } => normalized(first, *eps),
        }
    }
}

/// Weight normalisation (Salimans and Kingma, 2016): `W = g · V / ‖V‖`, the norm over all dimensions but `dim`. The length and
/// the direction of each row are learned apart from each other.
///
/// ```
/// use duoc_nn::{Linear, Module, parametrize::weight_norm};
/// let layer = weight_norm(Linear::new(20, 40), "weight", Some(0)).unwrap();
/// let names: Vec<String> = layer.named_parameters().into_iter().map(|(n, _)| n).collect();
/// assert_eq!(names, ["bias", "parametrizations.weight.original0", "parametrizations.weight.original1"]);
/// ```
pub fn weight_norm<L: Layer + Clone>(layer: L, tensor: &str, dim: Option<i64>) -> Result<Parametrized<L>> {
    wrap(layer, tensor, |w| {
        let dim = dim.map(|d| duoc_core::layout::wrap_dim(d, w.dim())).transpose()?;
        let g = norm_except(w, dim)?;
        let originals = vec![
            ("original0", Param::try_new(g, true)?),
            ("original1", Param::try_new(w.detach(), true)?),
        ];
        Ok((originals, Rule::WeightNorm { dim }))
    })
}

/// Spectral normalisation (Miyato et al., 2018): `W / σ(W)`, so that the layer stretches nothing. σ, the largest singular value,
/// is followed by `iterations` steps of the power method in each training pass (PyTorch's default is 1 step and an
/// `eps` of 1e-12). `dim` holds the outputs: 0, or 1 in transposed convolutions.
///
/// ```
/// use duoc_nn::{Linear, parametrize::spectral_norm};
/// let layer = spectral_norm(Linear::new(20, 20), "weight", 1, 1e-12, 0).unwrap();
/// assert!(layer.weight().unwrap().norm(2.0).item().to_f64() < 20f64.sqrt() * 1.1);
/// ```
pub fn spectral_norm<L: Layer + Clone>(
    layer: L,
    tensor: &str,
    iterations: usize,
    eps: f64,
    dim: i64,
) -> Result<Parametrized<L>> {
    wrap(layer, tensor, |w| {
        let originals = vec![("original", Param::try_new(w.detach(), true)?)];
        if w.dim() < 2 {
            return Ok((originals, Rule::Normalized { eps }));
        }
        let dim = duoc_core::layout::wrap_dim(dim, w.dim())?;
        let m = matrix(w, dim)?;
        let draw = |n: usize| -> Result<Buffer> {
            let x = ops::factory::new_empty(&m, &[n as i64], None, None, None, None)?;
            crate::init::normal_(&x, 0.0, 1.0)?;
            Ok(Buffer::new(normalized(&x, eps)?))
        };
        let (u, v) = (draw(m.shape()[0])?, draw(m.shape()[1])?);
        // The first vectors are far from the right ones; PyTorch's registration computes the weight once more.
        power_iteration(&m, &u, &v, 15 + iterations, eps)?;
        let rule = Rule::SpectralNorm {
            u,
            v,
            iterations,
            eps,
            dim,
        };
        Ok((originals, rule))
    })
}

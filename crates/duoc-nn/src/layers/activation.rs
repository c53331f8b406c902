//! Activation functions as layers.
//!
//! ```
//! use duoc_core::tensor;
//! use duoc_nn::{Layer, ReLU, Softmax};
//! assert_eq!(ReLU::new().forward(&tensor![-1.0, 2.0]).to_vec::<f32>(), [0.0, 2.0]);
//! assert_eq!(Softmax::along(0).forward(&tensor![1.0, 1.0]).to_vec::<f32>(), [0.5, 0.5]);
//! assert_eq!(ReLU::options().inplace(true).build().to_string(), "ReLU(inplace=True)");
//! ```

use super::sizes::float;
use crate::{Base, Layer, Module, Param};
use duoc_core::{Result, Scalar, Tensor, catch, ensure, ops};
use ops::{rectifier, smooth};

/// One row a layer: its settings with defaults, what it computes, how it prints. `inplace` layers can write over their input.
macro_rules! activations {
    ($(
        $(#[$doc:meta])*
        $Layer:ident $Options:ident { $($(#[$about:meta])* $field:ident : $ty:ty = $default:expr),* $(,)? }
        |$l:ident, $x:ident| $run:expr, $repr:expr $(, inplace $inplace:ident)?;
    )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Debug, Module)]
        #[module(extra_repr)]
        pub struct $Layer {
            $($(#[$about])* #[module(skip)] pub $field: $ty,)*
            $(/// Whether the input itself is changed.
            pub $inplace: bool,)?
            /// Identity, training flag, hooks.
            pub base: Base,
        }

        options! {
            /// What the layer is to be.
            $Options for $Layer() {
                $($(#[$about])* $field: $ty = $default,)*
                $(/// Whether the input itself is changed (it is not).
                $inplace: bool = false,)?
            }
        }

        impl $Layer {
            #[allow(unused_variables)]
            fn from_options(o: $Options) -> Result<$Layer> {
                Ok($Layer { $($field: o.$field,)* $($inplace: o.$inplace,)? base: Base::new() })
            }

            fn extra_repr(&self) -> String {
                let $l = self;
                #[allow(unused_mut)]
                let mut text: String = $repr;
                $(if self.$inplace {
                    text += if text.is_empty() { "inplace=True" } else { ", inplace=True" };
                })?
                text
            }
        }

        impl Layer for $Layer {
            fn run(&self, x: &Tensor) -> Result<Tensor> {
                let $l = self;
                let f = |$x: &Tensor| -> Result<Tensor> { $run };
                $(if self.$inplace {
                    duoc_core::op::in_place(x, [], f)?;
                    return Ok(x.clone());
                })?
                f(x)
            }
        }
    )* };
}

fn number(x: f64) -> Scalar {
    Scalar::Float(x)
}

/// The dimension that PyTorch takes where none is given.
fn implicit(dim: Option<i64>, x: &Tensor) -> i64 {
    dim.unwrap_or(if matches!(x.dim(), 0 | 1 | 3) { 0 } else { 1 })
}

fn dimension(dim: Option<i64>) -> String {
    dim.map_or("dim=None".into(), |d| format!("dim={d}"))
}

activations! {
    /// `max(0, x)`. The usual choice between linear layers and convolutions; a unit that is always negative learns no more.
    ReLU ReLUOptions {} |_l, x| ops::activation::relu(x), String::new(), inplace inplace;
    /// `min(max(0, x), 6)`: bounded, for arithmetic of low precision (MobileNet).
    ReLU6 ReLU6Options {} |_l, x| rectifier::relu6(x), String::new(), inplace inplace;
    /// `1 / (1 + e^-x)`: probabilities of two classes, gates. Flat, and so slow to learn, for large inputs.
    Sigmoid SigmoidOptions {} |_l, x| ops::unary::sigmoid(x), String::new();
    /// `tanh x`: numbers from -1 to 1, in recurrent networks.
    Tanh TanhOptions {} |_l, x| ops::unary::tanh(x), String::new();
    /// `x sigmoid(x)`, also called swish: smooth, in EfficientNet and LLaMA.
    SiLU SiLUOptions {} |_l, x| smooth::silu(x), String::new(), inplace inplace;
    /// `x tanh(softplus(x))`.
    Mish MishOptions {} |_l, x| smooth::mish(x), String::new(), inplace inplace;
    /// `x Φ(x)` with the normal distribution's `Φ`, or its approximation by `tanh`: the activation of BERT and GPT.
    GELU GELUOptions {
        /// `none` or `tanh`.
        approximate: String = "none".to_string(),
    } |l, x| smooth::gelu(x, &l.approximate), format!("approximate='{}'", l.approximate);
    /// `x` above 0, else `alpha (e^x - 1)`.
    ELU ELUOptions {
        /// The value far below 0, negated.
        alpha: f64 = 1.0,
    } |l, x| rectifier::elu(x, number(l.alpha), Scalar::Int(1), Scalar::Int(1)), format!("alpha={}", float(l.alpha)), inplace inplace;
    /// `max(0, x) + min(0, alpha (e^(x / alpha) - 1))`.
    CELU CELUOptions {
        /// The value far below 0, negated.
        alpha: f64 = 1.0,
    } |l, x| rectifier::celu(x, number(l.alpha)), format!("alpha={}", float(l.alpha)), inplace inplace;
    /// [`ELU`] with the constants that keep mean 0 and variance 1 through deep networks; use it with [`crate::AlphaDropout`].
    SELU SELUOptions {} |_l, x| rectifier::selu(x), String::new(), inplace inplace;
    /// `x` above 0, else `negative_slope x`: no unit stops learning.
    LeakyReLU LeakyReLUOptions {
        /// The slope below 0.
        negative_slope: f64 = 0.01,
    } |l, x| rectifier::leaky_relu(x, number(l.negative_slope)), format!("negative_slope={}", float(l.negative_slope)), inplace inplace;
    /// `x` above 0, else `a x` with `a` drawn from `[lower, upper]` in training and their mean in inference.
    RReLU RReLUOptions {
        /// The least slope.
        lower: f64 = 1.0 / 8.0,
        /// The largest slope.
        upper: f64 = 1.0 / 3.0,
    } |l, x| rectifier::rrelu(x, number(l.lower), number(l.upper), l.base.training(), None),
        format!("lower={}, upper={}", float(l.lower), float(l.upper)), inplace inplace;
    /// `x` inside `[min_val, max_val]`, else the nearer bound.
    Hardtanh HardtanhOptions {
        /// The lower bound.
        min_val: f64 = -1.0,
        /// The upper bound.
        max_val: f64 = 1.0,
    } |l, x| rectifier::hardtanh(x, number(l.min_val), number(l.max_val)),
        format!("min_val={}, max_val={}", float(l.min_val), float(l.max_val)), inplace inplace;
    /// `min(max(x + 3, 0), 6) / 6`: a cheap [`Sigmoid`].
    Hardsigmoid HardsigmoidOptions {} |_l, x| rectifier::hardsigmoid(x), String::new();
    /// `x min(max(x + 3, 0), 6) / 6`: a cheap [`SiLU`], in MobileNet v3.
    Hardswish HardswishOptions {} |_l, x| rectifier::hardswish(x), String::new();
    /// `x` outside `[-lambd, lambd]`, else 0.
    Hardshrink HardshrinkOptions {
        /// The bound.
        lambd: f64 = 0.5,
    } |l, x| rectifier::hardshrink(x, number(l.lambd)), float(l.lambd);
    /// `x` moved by `lambd` towards 0, and 0 within `lambd` of it.
    Softshrink SoftshrinkOptions {
        /// The bound.
        lambd: f64 = 0.5,
    } |l, x| rectifier::softshrink(x, number(l.lambd)), float(l.lambd);
    /// `x - tanh x`.
    Tanhshrink TanhshrinkOptions {} |_l, x| catch(|| x - x.tanh()), String::new();
    /// `ln(1 + e^(beta x)) / beta`: a smooth ReLU, for numbers that must be positive.
    Softplus SoftplusOptions {
        /// How sharp the bend is.
        beta: f64 = 1.0,
        /// Where the function is taken as a straight line.
        threshold: f64 = 20.0,
    } |l, x| smooth::softplus(x, number(l.beta), number(l.threshold)), format!("beta={}, threshold={}", float(l.beta), float(l.threshold));
    /// `x / (1 + |x|)`.
    Softsign SoftsignOptions {} |_l, x| catch(|| x / (x.abs() + 1)), String::new();
    /// `ln sigmoid(x)`.
    LogSigmoid LogSigmoidOptions {} |_l, x| smooth::log_sigmoid(x), String::new();
    /// `a sigmoid(b)`, with `a` and `b` the halves of the input along `dim`.
    GLU GLUOptions {
        /// The dimension that is halved.
        dim: i64 = -1,
    } |l, x| smooth::glu(x, l.dim), format!("dim={}", l.dim);
    /// `exp(x) / sum exp(x)` along `dim`: scores to probabilities. Before [`crate::CrossEntropyLoss`] it is one too many.
    Softmax SoftmaxOptions {
        /// The dimension along which the results sum to 1.
        dim: Option<i64> = None,
    } |l, x| ops::softmax::softmax(x, implicit(l.dim, x), None), dimension(l.dim);
    /// `exp(-x) / sum exp(-x)` along `dim`.
    Softmin SoftminOptions {
        /// The dimension along which the results sum to 1.
        dim: Option<i64> = None,
    } |l, x| ops::softmax::softmax(&ops::sign::neg(x)?, implicit(l.dim, x), None), dimension(l.dim);
    /// `x - ln sum exp(x)` along `dim`: what [`crate::NLLLoss`] takes.
    LogSoftmax LogSoftmaxOptions {
        /// The dimension along which the exponentials sum to 1.
        dim: Option<i64> = None,
    } |l, x| ops::softmax::log_softmax(x, implicit(l.dim, x), None), dimension(l.dim);
    /// [`Softmax`] over the channels of an image, `(n, c, h, w)` or `(c, h, w)`.
    Softmax2d Softmax2dOptions {} |_l, x| {
        ensure!(
            matches!(x.dim(), 3 | 4),
            Value,
            "Softmax2d: expected input to be 3D or 4D, got {}D instead",
            x.dim()
        );
        ops::softmax::softmax(x, -3, None)
    }, String::new();
}

impl Softmax {
    /// Along a dimension.
    pub fn along(dim: i64) -> Softmax {
        Softmax::options().dim(Some(dim)).build()
    }
}

impl LogSoftmax {
    /// Along a dimension.
    pub fn along(dim: i64) -> LogSoftmax {
        LogSoftmax::options().dim(Some(dim)).build()
    }
}

impl LeakyReLU {
    /// With a slope below 0.
    pub fn slope(negative_slope: f64) -> LeakyReLU {
        LeakyReLU::options().negative_slope(negative_slope).build()
    }
}

/// `x` above `threshold`, else `value`.
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct Threshold {
    /// The bound.
    #[module(skip)]
    pub threshold: Scalar,
    /// What stands below it.
    #[module(skip)]
    pub value: Scalar,
    /// Whether the input itself is changed.
    pub inplace: bool,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`Threshold`] is to be.
    ThresholdOptions for Threshold(threshold: Scalar as impl Into<Scalar>, value: Scalar as impl Into<Scalar>) {
        /// Whether the input itself is changed (it is not).
        inplace: bool = false,
    }
}

impl Threshold {
    fn from_options(o: ThresholdOptions) -> Result<Threshold> {
        Ok(Threshold {
            threshold: o.threshold,
            value: o.value,
            inplace: o.inplace,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        let (t, v) = (super::sizes::number(self.threshold), super::sizes::number(self.value));
        let tail = if self.inplace { ", inplace=True" } else { "" };
        format!("threshold={t}, value={v}{tail}")
    }
}

impl Layer for Threshold {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        let f = |x: &Tensor| rectifier::threshold(x, self.threshold, self.value);
        if self.inplace {
            duoc_core::op::in_place(x, [], f)?;
            return Ok(x.clone());
        }
        f(x)
    }
}

/// `x` above 0, else `weight x`, with one learnt weight or one a channel (dimension 1).
///
/// * **Parameters**: `num_parameters`, first `init`.
#[derive(Clone, Debug, Module)]
#[module(extra_repr)]
pub struct PReLU {
    /// The slopes below 0.
    pub weight: Param,
    /// How many there are.
    pub num_parameters: usize,
    /// Identity, training flag, hooks.
    pub base: Base,
}

options! {
    /// What a [`PReLU`] is to be.
    PReLUOptions for PReLU() {
        /// Slopes: 1, or as many as channels.
        num_parameters: usize = 1,
        /// Their first value.
        init: f64 = 0.25,
    }
}

impl PReLU {
    fn from_options(o: PReLUOptions) -> Result<PReLU> {
        let weight = o.factory.param(&[o.num_parameters])?;
        crate::init::constant_(&weight, o.init)?;
        Ok(PReLU {
            weight,
            num_parameters: o.num_parameters,
            base: Base::new(),
        })
    }

    fn extra_repr(&self) -> String {
        format!("num_parameters={}", self.num_parameters)
    }
}

impl Layer for PReLU {
    fn run(&self, x: &Tensor) -> Result<Tensor> {
        rectifier::prelu(x, &self.weight)
    }
}

//! Filling parameters: `torch.nn.init`. From the same seed the elements have the same bits as PyTorch's.
//!
//! [`orthogonal_`] is the exception: it makes the same draw, but the factorisation rounds in its own order, so that the
//! elements agree within 1e-5. Every function draws from the default generator, or from that of
//! [`duoc_core::random::with_generator`].
//!
//! *Fan in* is the number of inputs that one output sees, *fan out* the number of outputs that one input reaches; for a
//! convolution both count the window.

use crate::Param;
use duoc_core::autograd::no_grad;
use duoc_core::ops::{factory, sample};
use duoc_core::{DType, Result, Scalar, Tensor, bail, catch, ensure};

mod orthogonal;
mod trunc_normal;

pub use orthogonal::orthogonal_;
pub use trunc_normal::trunc_normal_;

/// The activation behind a layer, for [`calculate_gain`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Nonlinearity {
    /// None; also right for convolutions.
    Linear,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// `max(x, 0)`.
    Relu,
    /// `x` where positive, the slope times `x` elsewhere.
    LeakyRelu(f64),
    /// The self-normalising unit.
    Selu,
}

impl std::str::FromStr for Nonlinearity {
    type Err = duoc_core::Error;
    fn from_str(name: &str) -> Result<Nonlinearity> {
        Ok(match name {
            "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d"
            | "conv_transpose3d" => Nonlinearity::Linear,
            "sigmoid" => Nonlinearity::Sigmoid,
            "tanh" => Nonlinearity::Tanh,
            "relu" => Nonlinearity::Relu,
            "leaky_relu" => Nonlinearity::LeakyRelu(0.01),
            "selu" => Nonlinearity::Selu,
            _ => bail!(Value, "Unsupported nonlinearity {name}"),
        })
    }
}

/// Which of the two fans keeps its variance: that of the forward or that of the backward pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fan {
    /// Inputs of an output.
    #[default]
    In,
    /// Outputs of an input.
    Out,
}

impl std::str::FromStr for Fan {
    type Err = duoc_core::Error;
    fn from_str(name: &str) -> Result<Fan> {
        match name.to_lowercase().as_str() {
            "fan_in" => Ok(Fan::In),
            "fan_out" => Ok(Fan::Out),
            mode => bail!(
                Value,
                "Mode {mode} not supported, please use one of ['fan_in', 'fan_out']"
            ),
        }
    }
}

/// The factor on the standard deviation that makes up for what an activation takes away.
///
/// ```
/// use duoc_nn::init::{Nonlinearity, calculate_gain};
/// assert_eq!(calculate_gain(Nonlinearity::Relu), 2f64.sqrt());
/// ```
pub fn calculate_gain(nonlinearity: Nonlinearity) -> f64 {
    match nonlinearity {
        Nonlinearity::Linear | Nonlinearity::Sigmoid => 1.0,
        Nonlinearity::Tanh => 5.0 / 3.0,
        Nonlinearity::Relu => 2f64.sqrt(),
        Nonlinearity::LeakyRelu(slope) => (2.0 / (1.0 + slope * slope)).sqrt(),
        Nonlinearity::Selu => 3.0 / 4.0,
    }
}

/// Fan in and fan out of a weight: sizes 1 and 0, times the product of the others.
pub fn fans(x: &Tensor) -> Result<(usize, usize)> {
    ensure!(
        x.dim() >= 2,
        Value,
        "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
    );
    // The product of the sizes of a tensor fits, unless one of them is 0 and then the fans may not matter.
    let window = x.shape()[2..].iter().fold(1usize, |p, n| p.saturating_mul(*n));
    let of = |n: usize| n.saturating_mul(window);
    Ok((of(x.shape()[1]), of(x.shape()[0])))
}

/// Uniform in `[a, b)`.
pub fn uniform_(x: &Tensor, a: f64, b: f64) -> Result<()> {
    no_grad(|| sample::uniform_(x, a, b, None)).map(drop)
}

/// Normal with mean `mean` and standard deviation `std`.
pub fn normal_(x: &Tensor, mean: f64, std: f64) -> Result<()> {
    no_grad(|| sample::normal_(x, mean, std, None)).map(drop)
}

/// All elements `value`.
pub fn constant_(x: &Tensor, value: impl Into<Scalar>) -> Result<()> {
    let value = value.into();
    no_grad(|| catch(|| x.fill_(value))).map(|_| ())
}

/// All elements 1.
pub fn ones_(x: &Tensor) -> Result<()> {
    constant_(x, 1.0)
}

/// All elements 0.
pub fn zeros_(x: &Tensor) -> Result<()> {
    no_grad(|| factory::zero_(x))
}

/// The identity matrix: ones on the diagonal of a two-dimensional tensor.
pub fn eye_(x: &Tensor) -> Result<()> {
    ensure!(x.dim() == 2, Value, "Only tensors with 2 dimensions are supported");
    no_grad(|| {
        catch(|| {
            x.zero_();
            x.diagonal(0, 0, 1).fill_(1.0);
        })
    })
}

/// A convolution that passes as many channels as possible unchanged, in each of `groups` groups.
pub fn dirac_(x: &Tensor, groups: usize) -> Result<()> {
    ensure!(
        (3..=5).contains(&x.dim()),
        Value,
        "Only tensors with 3, 4, or 5 dimensions are supported"
    );
    ensure!(
        groups > 0 && x.shape()[0].is_multiple_of(groups),
        Value,
        "dim 0 must be divisible by groups"
    );
    let per_group = x.shape()[0] / groups;
    no_grad(|| {
        catch(|| {
            x.zero_();
            if x.numel() == 0 {
                return;
            }
            // The middle of the window.
            let mut middle = x.clone();
            for d in (2..x.dim()).rev() {
                middle = middle.select(d as i64, (x.shape()[d] / 2) as i64);
            }
            for g in 0..groups {
                for d in 0..per_group.min(x.shape()[1]) {
                    middle
                        .select(0, (g * per_group + d) as i64)
                        .select(0, d as i64)
                        .fill_(1.0);
                }
            }
        })
    })
}

/// Glorot and Bengio (2010), uniform in `±gain √(6 / (fan in + fan out))`.
pub fn xavier_uniform_(x: &Tensor, gain: f64) -> Result<()> {
    let (fan_in, fan_out) = fans(x)?;
    let std = gain * (2.0 / (fan_in as f64 + fan_out as f64)).sqrt();
    let bound = 3f64.sqrt() * std;
    uniform_(x, -bound, bound)
}

/// Glorot and Bengio (2010), normal with standard deviation `gain √(2 / (fan in + fan out))`.
pub fn xavier_normal_(x: &Tensor, gain: f64) -> Result<()> {
    let (fan_in, fan_out) = fans(x)?;
    normal_(x, 0.0, gain * (2.0 / (fan_in as f64 + fan_out as f64)).sqrt())
}

fn kaiming_std(x: &Tensor, nonlinearity: Nonlinearity, mode: Fan) -> Result<f64> {
    let (fan_in, fan_out) = fans(x)?;
    let fan = match mode {
        Fan::In => fan_in,
        Fan::Out => fan_out,
    };
    Ok(calculate_gain(nonlinearity) / (fan as f64).sqrt())
}

/// He et al. (2015), uniform in `±gain √(3 / fan)`. PyTorch's default is `LeakyRelu(0.0)` and `Fan::In`.
pub fn kaiming_uniform_(x: &Tensor, nonlinearity: Nonlinearity, mode: Fan) -> Result<()> {
    if x.numel() == 0 {
        return Ok(());
    }
    let bound = 3f64.sqrt() * kaiming_std(x, nonlinearity, mode)?;
    uniform_(x, -bound, bound)
}

/// He et al. (2015), normal with standard deviation `gain / √fan`.
pub fn kaiming_normal_(x: &Tensor, nonlinearity: Nonlinearity, mode: Fan) -> Result<()> {
    if x.numel() == 0 {
        return Ok(());
    }
    normal_(x, 0.0, kaiming_std(x, nonlinearity, mode)?)
}

/// What PyTorch's linear and convolution layers do with their bias: uniform in `±1/√fan_in` of the weight; 0 inputs leave
/// it at 0.
pub(crate) fn bias_like_fan_in_(bias: Option<&Param>, weight: &Tensor) -> Result<()> {
    let Some(bias) = bias else { return Ok(()) };
    let (fan_in, _) = fans(weight)?;
    if fan_in == 0 {
        return uniform_(bias, 0.0, 0.0);
    }
    let bound = 1.0 / (fan_in as f64).sqrt();
    uniform_(bias, -bound, bound)
}

/// Martens (2010): normal, with a share `sparsity` of each column set to 0.
pub fn sparse_(x: &Tensor, sparsity: f64, std: f64) -> Result<()> {
    ensure!(x.dim() == 2, Value, "Only tensors with 2 dimensions are supported");
    let (rows, cols) = (x.shape()[0], x.shape()[1]);
    // More zeros than rows are all rows, as a Python slice has it; fewer than none count from the end.
    let wanted = (sparsity * rows as f64).ceil();
    let zeros = if wanted < 0.0 {
        (rows as f64 + wanted).max(0.0)
    } else {
        wanted.min(rows as f64)
    } as usize;
    normal_(x, 0.0, std)?;
    no_grad(|| {
        catch(|| {
            for c in 0..cols {
                let order = Tensor::randperm(rows as i64).to_vec::<i64>();
                let column = x.select(1, c as i64);
                for r in &order[..zeros] {
                    column.select(0, *r).fill_(0.0);
                }
            }
        })
    })
}

/// The nearest element of `x`'s dtype, as a float.
fn rounded(value: f64, dtype: DType) -> Result<f64> {
    Ok(Tensor::scalar(value, dtype)?.try_item()?.to_f64())
}

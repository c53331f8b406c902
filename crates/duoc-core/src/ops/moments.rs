//! Variances and standard deviations.
//!
//! `var = sum (x - mean)^2 / max(0, n - correction)` over the reduced elements, in float64 around a pivot.

use super::blend::where_;
use super::compare::logical_not;
use super::reduce::formula::where_zero;
use super::reduce::mean_dim;
use super::reduce::run::{DimSet, run};
use crate::autograd::Ctx;
use crate::autograd::record::record_many;
use crate::layout::Dims;
use crate::ops::arith::{add, div, mul, sub};
use crate::{OrThrow, Result, Scalar, Tensor, ensure, ops};
use duoc_kernels::reduce::Reduce;

ops! {
    /// The variance of all elements, with Bessel's correction unless `unbiased` is false.
    "var(Tensor self, bool unbiased=True) -> Tensor" [function, method]
    pub fn var(x: &Tensor, unbiased: bool) -> Tensor = var_body;

    /// The variance over the dimensions `dim` (all when None or empty).
    "var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn var_dim(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> Tensor = var_dim_body;

    /// The variance with `correction` degrees of freedom taken off (1 when None).
    "var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn var_correction(x: &Tensor, dim: Option<&[i64]>, correction: Option<Scalar>, keepdim: bool) -> Tensor = var_correction_body;

    /// The standard deviation of all elements.
    "std(Tensor self, bool unbiased=True) -> Tensor" [function, method]
    pub fn std(x: &Tensor, unbiased: bool) -> Tensor = std_body;

    /// The standard deviation over the dimensions `dim` (all when None or empty).
    "std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn std_dim(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> Tensor = std_dim_body;

    /// The standard deviation with `correction` degrees of freedom taken off (1 when None).
    "std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor" [function, method, out]
    pub fn std_correction(x: &Tensor, dim: Option<&[i64]>, correction: Option<Scalar>, keepdim: bool) -> Tensor = std_correction_body;

    /// Variance and mean of all elements.
    "var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)" [function]
    pub fn var_mean(x: &Tensor, unbiased: bool) -> (Tensor, Tensor) = var_mean_body;

    /// Variance and mean over the dimensions `dim`.
    "var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)" [function]
    pub fn var_mean_dim(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> (Tensor, Tensor) = var_mean_dim_body;

    /// Variance and mean with `correction` degrees of freedom taken off.
    "var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)" [function]
    pub fn var_mean_correction(x: &Tensor, dim: Option<&[i64]>, correction: Option<Scalar>, keepdim: bool) -> (Tensor, Tensor) = var_mean_correction_body;

    /// Standard deviation and mean of all elements.
    "std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)" [function]
    pub fn std_mean(x: &Tensor, unbiased: bool) -> (Tensor, Tensor) = std_mean_body;

    /// Standard deviation and mean over the dimensions `dim`.
    "std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)" [function]
    pub fn std_mean_dim(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> (Tensor, Tensor) = std_mean_dim_body;

    /// Standard deviation and mean with `correction` degrees of freedom taken off.
    "std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)" [function]
    pub fn std_mean_correction(x: &Tensor, dim: Option<&[i64]>, correction: Option<Scalar>, keepdim: bool) -> (Tensor, Tensor) = std_mean_correction_body;
}

/// What is asked for.
#[derive(Clone)]
struct Spec {
    dims: DimSet,
    keepdim: bool,
    correction: f64,
    /// The square root of the variance.
    root: bool,
    shape: Dims,
}

impl Spec {
    fn new(x: &Tensor, dim: Option<&[i64]>, correction: f64, keepdim: bool, root: bool) -> Result<Spec> {
        ensure!(
            x.dtype().is_differentiable(),
            NotImplemented,
            "std and var only support floating point and complex dtypes"
        );
        Ok(Spec {
            dims: DimSet::of(x, dim)?,
            keepdim,
            correction,
            root,
            shape: x.shape().into(),
        })
    }

    fn one(self, x: &Tensor) -> Result<Tensor> {
        let (op, node) = match self.root {
            true => (
                Reduce::Std {
                    correction: self.correction,
                },
                "StdBackward0",
            ),
            false => (
                Reduce::Var {
                    correction: self.correction,
                },
                "VarBackward0",
            ),
        };
        let [y] = run(op, "std_cpu", x, self.dims, self.keepdim, [x.dtype().part()])?;
        y.record(node, [x], |r| {
            let (x, y) = (r.save(x), if self.root { Some(r.save_output(0)) } else { None });
            move |c: &Ctx, g: &Tensor| {
                let y = y.map(|y| c.get(y)).transpose()?;
                self.spread_gradient(g, &c.get(x)?, y.as_ref())
            }
        })
    }

    fn with_mean(self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        if x.dtype().is_complex() {
            let mean = mean_dim(x, Some(&self.dims.list()), self.keepdim, None)?;
            return Ok((self.one(x)?, mean));
        }
        let (op, node) = match self.root {
            true => (
                Reduce::StdMean {
                    correction: self.correction,
                },
                "StdMeanBackward0",
            ),
            false => (
                Reduce::VarMean {
                    correction: self.correction,
                },
                "VarMeanBackward0",
            ),
        };
        let outputs = run(op, "std_mean_cpu", x, self.dims, self.keepdim, [x.dtype(); 2])?;
        record_many(&outputs, node, &[Some(x)], |r| {
            let (x, y) = (r.save(x), if self.root { Some(r.save_output(0)) } else { None });
            move |c: &Ctx, g: &[Option<Tensor>]| {
                let x = c.get(x)?;
                let from_spread = match &g[0] {
                    Some(g) => {
                        let y = y.map(|y| c.get(y)).transpose()?;
                        Some(self.spread_gradient(g, &x, y.as_ref())?)
                    }
                    None => None,
                };
                let from_mean = match &g[1] {
                    Some(g) => {
                        let n = Tensor::wrapped(self.dims.count(&self.shape))?;
                        Some(div(&self.dims.spread(g, &self.shape, self.keepdim)?, &n)?)
                    }
                    None => None,
                };
                Ok(match (from_spread, from_mean) {
                    (Some(a), Some(b)) => Some(add(&a, &b, Scalar::Int(1))?),
                    (a, b) => a.or(b),
                })
            }
        })?;
        let [y, mean] = outputs;
        Ok((y, mean))
    }

    /// `dvar/dx = 2 (x - mean) / (n - correction)`, and `dstd = dvar / (2 std)`, taken as 0 where `std` is.
    fn spread_gradient(&self, g: &Tensor, x: &Tensor, std: Option<&Tensor>) -> Result<Tensor> {
        let g = match std {
            Some(y) => {
                // A divisor of 1 in place of 0 keeps the gradient of this gradient free of NaN.
                let zero = logical_not(&y.detach())?;
                let twice = mul(y, &Tensor::wrapped(2i64)?)?;
                let divisor = where_(&zero, &Tensor::scalar(1i64, y.dtype())?, &twice)?;
                where_zero(&zero, &div(g, &divisor)?)?
            }
            None => g.clone(),
        };
        let g = self.dims.keep(&g, &self.shape, self.keepdim)?;
        let freedom = (self.dims.count(&self.shape) as f64 - self.correction).max(0.0);
        let centred = sub(x, &mean_dim(x, Some(&self.dims.list()), true, None)?, Scalar::Int(1))?;
        mul(&mul(&g, &Tensor::wrapped(2.0 / freedom)?)?, &centred)
    }
}

fn bessel(unbiased: bool) -> f64 {
    unbiased as u8 as f64
}

fn or_one(correction: Option<Scalar>) -> f64 {
    correction.map_or(1.0, Scalar::to_f64)
}

fn var_body(x: &Tensor, unbiased: bool) -> Result<Tensor> {
    Spec::new(x, None, bessel(unbiased), false, false)?.one(x)
}

fn var_dim_body(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> Result<Tensor> {
    Spec::new(x, dim, bessel(unbiased), keepdim, false)?.one(x)
}

fn var_correction_body(x: &Tensor, dim: Option<&[i64]>, correction: Option<Scalar>, keepdim: bool) -> Result<Tensor> {
    Spec::new(x, dim, or_one(correction), keepdim, false)?.one(x)
}

fn std_body(x: &Tensor, unbiased: bool) -> Result<Tensor> {
    Spec::new(x, None, bessel(unbiased), false, true)?.one(x)
}

fn std_dim_body(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> Result<Tensor> {
    Spec::new(x, dim, bessel(unbiased), keepdim, true)?.one(x)
}

fn std_correction_body(x: &Tensor, dim: Option<&[i64]>, correction: Option<Scalar>, keepdim: bool) -> Result<Tensor> {
    Spec::new(x, dim, or_one(correction), keepdim, true)?.one(x)
}

fn var_mean_body(x: &Tensor, unbiased: bool) -> Result<(Tensor, Tensor)> {
    Spec::new(x, None, bessel(unbiased), false, false)?.with_mean(x)
}

fn var_mean_dim_body(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> Result<(Tensor, Tensor)> {
    Spec::new(x, dim, bessel(unbiased), keepdim, false)?.with_mean(x)
}

fn var_mean_correction_body(
    x: &Tensor,
    dim: Option<&[i64]>,
    correction: Option<Scalar>,
    keepdim: bool,
) -> Result<(Tensor, Tensor)> {
    Spec::new(x, dim, or_one(correction), keepdim, false)?.with_mean(x)
}

fn std_mean_body(x: &Tensor, unbiased: bool) -> Result<(Tensor, Tensor)> {
    Spec::new(x, None, bessel(unbiased), false, true)?.with_mean(x)
}

fn std_mean_dim_body(x: &Tensor, dim: Option<&[i64]>, unbiased: bool, keepdim: bool) -> Result<(Tensor, Tensor)> {
    Spec::new(x, dim, bessel(unbiased), keepdim, true)?.with_mean(x)
}

fn std_mean_correction_body(
    x: &Tensor,
    dim: Option<&[i64]>,
    correction: Option<Scalar>,
    keepdim: bool,
) -> Result<(Tensor, Tensor)> {
    Spec::new(x, dim, or_one(correction), keepdim, true)?.with_mean(x)
}

impl Tensor {
    /// The variance of all elements with Bessel's correction.
    #[track_caller]
    pub fn var(&self) -> Tensor {
        var(self, true).or_throw()
    }

    /// The variance over dimensions with `correction` degrees of freedom taken off.
    #[track_caller]
    pub fn var_dim(&self, dim: &[i64], correction: f64, keepdim: bool) -> Tensor {
        var_correction(self, Some(dim), Some(Scalar::Float(correction)), keepdim).or_throw()
    }

    /// The standard deviation of all elements with Bessel's correction.
    #[track_caller]
    pub fn std(&self) -> Tensor {
        std(self, true).or_throw()
    }

    /// The standard deviation over dimensions with `correction` degrees of freedom taken off.
    #[track_caller]
    pub fn std_dim(&self, dim: &[i64], correction: f64, keepdim: bool) -> Tensor {
        std_correction(self, Some(dim), Some(Scalar::Float(correction)), keepdim).or_throw()
    }
}

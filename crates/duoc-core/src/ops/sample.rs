//! Drawing into tensors in place: `uniform_`, `normal_`, `random_`, `bernoulli_` and the other distributions.
//!
//! The old elements get the gradient zero.

use super::draw::{Draw, c_name, general};
use super::factory::zeros_like;
use crate::autograd::node::Ctx;
use crate::autograd::record::{check_inplace, record_inplace};
use crate::random::Generator;
use crate::{OrThrow, Result, Tensor, ensure, ops};
use duoc_kernels::rng::integer;
use duoc_kernels::rng::transform::Transform;

ops! {
    /// Fills with numbers uniform in `[from, to)`.
    "uniform_(Tensor(a!) self, float from=0, float to=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn uniform_(x: &Tensor, from: f64, to: f64, generator: Option<&Generator>) -> Tensor = uniform_body;

    /// Fills with numbers of the normal distribution `N(mean, std^2)`.
    "normal_(Tensor(a!) self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn normal_(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Tensor = normal_body;

    /// Fills with integers uniform in `[from, to - 1]`, without `to` up to the largest one the dtype holds exactly.
    "random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn random_from(x: &Tensor, from: i64, to: Option<i64>, generator: Option<&Generator>) -> Tensor = random_from_body;

    /// Fills with integers uniform in `[0, to - 1]`.
    "random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn random_to(x: &Tensor, to: i64, generator: Option<&Generator>) -> Tensor = random_to_body;

    /// Fills with integers uniform in `[0, max]`, for floats in `[0, 2^mantissa]`.
    "random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn random_(x: &Tensor, generator: Option<&Generator>) -> Tensor = random_body;

    /// Fills with 1 with the probability of the element in `p`, else 0.
    "bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn bernoulli_tensor(x: &Tensor, p: &Tensor, generator: Option<&Generator>) -> Tensor = bernoulli_tensor_body;

    /// Fills with 1 with probability `p`, else 0.
    "bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn bernoulli_float(x: &Tensor, p: f64, generator: Option<&Generator>) -> Tensor = bernoulli_float_body;

    /// Fills with numbers of the exponential distribution, density `lambd * exp(-lambd * x)`.
    "exponential_(Tensor(a!) self, float lambd=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn exponential_(x: &Tensor, lambd: f64, generator: Option<&Generator>) -> Tensor = exponential_body;

    /// Fills with numbers of trials up to the first success: `P(k) = (1 - p)^(k - 1) p`.
    "geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn geometric_(x: &Tensor, p: f64, generator: Option<&Generator>) -> Tensor = geometric_body;

    /// Fills with numbers of the Cauchy distribution, density `sigma / (pi (sigma^2 + (x - median)^2))`.
    "cauchy_(Tensor(a!) self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn cauchy_(x: &Tensor, median: f64, sigma: f64, generator: Option<&Generator>) -> Tensor = cauchy_body;

    /// Fills with numbers whose logarithms are of `N(mean, std^2)`.
    "log_normal_(Tensor(a!) self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor(a!)" [method]
    pub fn log_normal_(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Tensor = log_normal_body;
}

/// Records that the old elements are gone.
fn overwritten(x: &Tensor, name: &'static str) -> Result<Tensor> {
    if x.numel() == 0 {
        // Nothing was written, but the call counts.
        x.bump_version();
    }
    record_inplace(x, name, &[Some(x)], |_| |_: &Ctx, g: &Tensor| zeros_like(g))?;
    Ok(x.clone())
}

fn uniform_body(x: &Tensor, from: f64, to: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    if !(x.dtype().is_complex() && x.numel() == 0) {
        Draw::over(x, generator).uniform(from, to)?;
    }
    overwritten(x, "UniformBackward0")
}

fn normal_body(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    Draw::over(x, generator).normal(mean, std)?;
    overwritten(x, "NormalBackward0")
}

fn random_body(x: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    if x.numel() != 0 {
        let dtype = x.dtype();
        Draw::over(x, generator).rows("random_kernel_cpu", &mut |g, p, stride, n| {
            // SAFETY: a row of `x`, which is locked for writing.
            unsafe { integer::random(g, dtype, p, stride, n) }
        })?;
    }
    overwritten(x, "RandomBackward2")
}

fn random_to_body(x: &Tensor, to: i64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    Draw::over(x, generator).random(0, Some(to))?;
    overwritten(x, "RandomBackward1")
}

fn random_from_body(x: &Tensor, from: i64, to: Option<i64>, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    Draw::over(x, generator).random(from, to)?;
    overwritten(x, "RandomBackward0")
}

fn bernoulli_float_body(x: &Tensor, p: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    Draw::over(x, generator).bernoulli(p)?;
    overwritten(x, "BernoulliBackward2")
}

fn bernoulli_tensor_body(x: &Tensor, p: &Tensor, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    Draw::over(x, generator).bernoulli_tensor(p)?;
    let p_like = p.clone();
    record_inplace(x, "BernoulliBackward1", &[Some(x), Some(p)], |_| {
        move |_: &Ctx, g: &Tensor| Ok([Some(zeros_like(g)?), Some(zeros_like(&p_like)?)])
    })?;
    Ok(x.clone())
}

fn exponential_body(x: &Tensor, lambd: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    Draw::over(x, generator).exponential(lambd)?;
    overwritten(x, "ExponentialBackward0")
}

fn geometric_body(x: &Tensor, p: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    ensure!(
        0.0 < p && p < 1.0,
        Runtime,
        "geometric_ expects p to be in (0, 1), but got p={}",
        general(p)
    );
    Draw::over(x, generator).transform("geometric_cpu", Transform::Geometric { p })?;
    overwritten(x, "GeometricBackward0")
}

fn cauchy_body(x: &Tensor, median: f64, sigma: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    ensure!(
        sigma > 0.0,
        Runtime,
        "cauchy_ expects sigma > 0.0, but found sigma={}",
        general(sigma)
    );
    ensure!(
        x.dtype().is_float(),
        Runtime,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified {}",
        c_name(x.dtype())
    );
    Draw::over(x, generator).transform("cauchy_cpu", Transform::Cauchy { median, sigma })?;
    overwritten(x, "CauchyBackward0")
}

fn log_normal_body(x: &Tensor, mean: f64, std: f64, generator: Option<&Generator>) -> Result<Tensor> {
    check_inplace(x)?;
    ensure!(
        std > 0.0,
        Runtime,
        "log_normal_ expects std > 0.0, but found std={}",
        general(std)
    );
    Draw::over(x, generator).transform("log_normal_cpu", Transform::LogNormal { mean, std })?;
    overwritten(x, "LogNormalBackward0")
}

impl Tensor {
    /// Fills with numbers uniform in `[from, to)`.
    #[track_caller]
    pub fn uniform_(&self, from: f64, to: f64) -> &Tensor {
        uniform_(self, from, to, None).or_throw();
        self
    }

    /// Fills with numbers of the normal distribution.
    #[track_caller]
    pub fn normal_(&self, mean: f64, std: f64) -> &Tensor {
        normal_(self, mean, std, None).or_throw();
        self
    }

    /// Fills with integers uniform in `[from, to - 1]`.
    #[track_caller]
    pub fn random_(&self, from: i64, to: i64) -> &Tensor {
        random_from(self, from, Some(to), None).or_throw();
        self
    }

    /// Fills with 1 with probability `p`, else 0.
    #[track_caller]
    pub fn bernoulli_(&self, p: f64) -> &Tensor {
        bernoulli_float(self, p, None).or_throw();
        self
    }

    /// Fills with numbers of the exponential distribution.
    #[track_caller]
    pub fn exponential_(&self, lambd: f64) -> &Tensor {
        exponential_(self, lambd, None).or_throw();
        self
    }
}

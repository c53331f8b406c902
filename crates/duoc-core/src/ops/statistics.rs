//! Statistics: covariances, the most frequent element, counts, quantiles, membership, distances.

use super::arith::{div, mul, sub};
use super::contract::matmul;
use super::parts::conj;
use super::reduce::sum_dims;
use super::view::{narrow, reshape, squeeze_dim, t, transpose, unsqueeze};
use crate::autograd::no_grad;
use crate::{DType, Result, Scalar, Tensor, default_dtype, ensure, ops};

ops! {
    /// The covariances of the rows: `sum w (x - mean)(y - mean)* / (sum of weights - correction)`.
    "cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor" [function, method]
    pub fn cov(x: &Tensor, correction: i64, fweights: Option<&Tensor>, aweights: Option<&Tensor>) -> Tensor = cov_body;

    /// The correlations of the rows (Pearson).
    "corrcoef(Tensor self) -> Tensor" [function, method]
    pub fn corrcoef(x: &Tensor) -> Tensor = corrcoef_body;

    /// The norm of order `p` of `self - other`.
    "dist(Tensor self, Tensor other, Scalar p=2) -> Tensor" [function, method, out]
    pub fn dist(x: &Tensor, other: &Tensor, p: Scalar) -> Tensor = dist_body;

    /// The most frequent element along `dim`, the smallest of those, and the last place where it stands.
    "mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)" [function, method, out]
    pub fn mode(x: &Tensor, dim: i64, keepdim: bool) -> (Tensor, Tensor) = mode_body;

    /// How often each number from 0 on occurs, or the sum of its weights.
    "bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor" [function, method]
    pub fn bincount(x: &Tensor, weights: Option<&Tensor>, minlength: i64) -> Tensor = bincount_body;

    /// How many elements fall into each of `bins` intervals of equal width from `min` to `max` (those of the input if equal).
    "histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor" [function, method, out]
    pub fn histc(x: &Tensor, bins: i64, min: Scalar, max: Scalar) -> Tensor = histc_body;

    /// Which elements occur among `test_elements`, or with `invert` do not.
    "isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor" [function, out]
    pub fn isin(x: &Tensor, test: &Tensor, assume_unique: bool, invert: bool) -> Tensor = isin_body;

    /// Which elements are equal to a number, or with `invert` are not.
    "isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor" [function, out]
    pub fn isin_number(x: &Tensor, test: Scalar, assume_unique: bool, invert: bool) -> Tensor = isin_number_body;

    /// Whether a number occurs among `test_elements`, or with `invert` does not.
    "isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor" [function, out]
    pub fn number_isin(x: Scalar, test: &Tensor, assume_unique: bool, invert: bool) -> Tensor = number_isin_body;

    /// The quantiles `q` along `dim` (of all elements when None), each along a new first dimension if `q` is a vector.
    /// `interpolation` is `linear`, `lower`, `higher`, `midpoint` or `nearest`.
    "quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") -> Tensor" [function, method, out]
    pub fn quantile(x: &Tensor, q: &Tensor, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Tensor = quantile_body;

    /// One quantile.
    "quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") -> Tensor" [function, method, out]
    pub fn quantile_number(x: &Tensor, q: f64, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Tensor = quantile_number_body;

    /// The quantiles of the elements that are not NaN.
    "nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") -> Tensor" [function, method, out]
    pub fn nanquantile(x: &Tensor, q: &Tensor, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Tensor = nanquantile_body;

    /// One quantile of the elements that are not NaN.
    "nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation=\"linear\") -> Tensor" [function, method, out]
    pub fn nanquantile_number(x: &Tensor, q: f64, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Tensor = nanquantile_number_body;

    /// `x = mantissa * 2^exponent` with a mantissa from 1/2 to 1.
    "frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)" [function, method, out]
    pub fn frexp(x: &Tensor) -> (Tensor, Tensor) = frexp_body;
}

fn check_weights(name: &str, w: Option<&Tensor>, count: usize, whole: bool) -> Result<()> {
    let Some(w) = w else { return Ok(()) };
    ensure!(
        w.dim() <= 1,
        Runtime,
        "cov(): expected {name} to have one or fewer dimensions but got {name} with {} dimensions",
        w.dim()
    );
    let fits = match whole {
        true => w.dtype().is_int() && w.dtype() != DType::Bool,
        false => w.dtype().is_float(),
    };
    ensure!(
        fits,
        Runtime,
        "cov(): expected {name} to have {} dtype but got {name} with {} dtype",
        if whole { "integral" } else { "floating point" },
        w.dtype().scalar_type_name()
    );
    ensure!(
        w.numel() == count,
        Runtime,
        "cov(): expected {name} to have the same numel as there are observations in the input but got {} != {count}",
        w.numel()
    );
    let negative = no_grad(|| super::compare::lt(&w.detach(), &Tensor::wrapped(0i64)?))?;
    ensure!(
        !super::reduce::any(&negative)?.try_item()?.to_bool(),
        Runtime,
        "cov(): {name} cannot be negative"
    );
    Ok(())
}

fn cov_body(x: &Tensor, correction: i64, fweights: Option<&Tensor>, aweights: Option<&Tensor>) -> Result<Tensor> {
    ensure!(
        x.dim() <= 2,
        Runtime,
        "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions",
        x.dim()
    );
    ensure!(
        x.dtype() != DType::Bool,
        NotImplemented,
        "cov(): bool dtype is not supported for input"
    );
    let x = if x.dim() < 2 { reshape(x, &[1, -1])? } else { x.clone() };
    let count = x.shape()[1];
    check_weights("fweights", fweights, count, true)?;
    check_weights("aweights", aweights, count, false)?;
    let weights = match (fweights, aweights) {
        (Some(f), Some(a)) => Some(mul(f, a)?),
        (f, a) => f.or(a).cloned(),
    };
    let total = match &weights {
        Some(w) => {
            let total = super::reduce::sum(w, None)?;
            ensure!(
                count == 0 || total.try_item()?.to_f64() != 0.0,
                Runtime,
                "cov(): weights sum to zero, can't be normalized"
            );
            total
        }
        None => Tensor::wrapped(count as i64)?,
    };
    let weighted = match &weights {
        Some(w) => mul(&x, w)?,
        None => x.clone(),
    };
    let mean = div(&sum_dims(&weighted, Some(&[1]), false, None)?, &total)?;
    let factor = match (&weights, aweights, correction) {
        (Some(w), Some(a), c) if c != 0 => {
            let inner = super::reduce::sum(&mul(w, a)?, None)?;
            let part = div(&mul(&inner, &Tensor::wrapped(c)?)?, &total)?;
            sub(&total, &part, Scalar::Int(1))?
        }
        (_, _, c) => sub(&total, &Tensor::wrapped(c)?, Scalar::Int(1))?,
    };
    let factor = super::blend::clamp_min(&factor, Scalar::Int(0))?;
    let centred = sub(&x, &unsqueeze(&mean, 1)?, Scalar::Int(1))?;
    let right = match &weights {
        Some(w) => mul(&centred, w)?,
        None => centred.clone(),
    };
    let c = div(&matmul(&centred, &conj(&t(&right)?)?)?, &factor)?;
    super::view::squeeze(&c)
}

fn corrcoef_body(x: &Tensor) -> Result<Tensor> {
    ensure!(
        x.dim() <= 2,
        Runtime,
        "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions",
        x.dim()
    );
    let c = cov(x, 1, None, None)?;
    if c.dim() == 0 {
        return div(&c, &c);
    }
    let d = super::dims::diagonal(&c, 0, 0, 1)?;
    let spread = super::unary::sqrt(&if d.dtype().is_complex() {
        super::parts::real(&d)?
    } else {
        d
    })?;
    let c = div(&div(&c, &unsqueeze(&spread, 1)?)?, &unsqueeze(&spread, 0)?)?;
    // Rounding may lead beyond 1.
    if c.dtype().is_complex() {
        let part = |x: Tensor| super::blend::clamp(&x, Some(Scalar::Int(-1)), Some(Scalar::Int(1)));
        return super::parts::complex(&part(super::parts::real(&c)?)?, &part(super::parts::imag(&c)?)?);
    }
    super::blend::clamp(&c, Some(Scalar::Int(-1)), Some(Scalar::Int(1)))
}

fn dist_body(x: &Tensor, other: &Tensor, p: Scalar) -> Result<Tensor> {
    let dtype = crate::promote::result_type(&[x, other]);
    ensure!(
        dtype.is_float() || dtype.is_complex(),
        NotImplemented,
        "norm(): input dtype should be either floating point or complex. Got {} instead.",
        dtype.scalar_type_name()
    );
    super::vector_norm::norm(&sub(x, other, Scalar::Int(1))?, p)
}

fn mode_body(x: &Tensor, dim: i64, keepdim: bool) -> Result<(Tensor, Tensor)> {
    ensure!(
        !x.dtype().is_complex(),
        Runtime,
        "mode(): complex numbers have no order, so no smallest most frequent element"
    );
    let d = x.wrap_dim(dim)?;
    if x.dim() == 0 {
        return Ok((
            super::copy::clone(x, None)?,
            super::factory::full_of(&[], Scalar::Int(0), DType::I64)?,
        ));
    }
    let size = x.shape()[d];
    ensure!(
        size != 0 || x.numel() != 0,
        Index,
        "mode(): Expected reduction dim {d} to have non-zero size."
    );
    let places = no_grad(|| {
        let (values, order) = super::sort::sort(&x.detach(), d as i64, false)?;
        let last = |t: &Tensor| -> Result<Tensor> {
            super::copy::clone(&transpose(t, d as i64, -1)?, Some(crate::MemoryFormat::Contiguous))
        };
        let (values, order) = (last(&values)?, last(&order)?);
        let (a, b) = (
            narrow(&values, -1, 0, size as i64 - 1)?,
            narrow(&values, -1, 1, size as i64 - 1)?,
        );
        let mut fresh = super::compare::ne(&a, &b)?;
        if x.dtype().is_float() {
            // All NaN are one element.
            let both = super::compare::logical_and(&super::compare::isnan(&a)?, &super::compare::isnan(&b)?)?;
            fresh = super::compare::logical_and(&fresh, &super::compare::logical_not(&both)?)?;
        }
        let fresh = super::copy::clone(&fresh, Some(crate::MemoryFormat::Contiguous))?.try_to_vec::<bool>()?;
        let order = order.try_to_vec::<i64>()?;
        let rows = order.len() / size.max(1);
        let found: Vec<i64> = (0..rows)
            .map(|r| {
                let (mut best, mut longest, mut run) = (0, 0, 0);
                for i in 0..size {
                    run += 1;
                    // A run ends where the next element differs.
                    if i + 1 == size || fresh[r * (size - 1) + i] {
                        if run > longest {
                            (best, longest) = (i, run);
                        }
                        run = 0;
                    }
                }
                order[r * size + best]
            })
            .collect();
        let mut shape = x.shape().to_vec();
        shape.swap(d, x.dim() - 1);
        shape[x.dim() - 1] = 1;
        let places = Tensor::try_from_slice(&found, &shape)?;
        super::copy::clone(
            &transpose(&places, d as i64, -1)?,
            Some(crate::MemoryFormat::Contiguous),
        )
    })?;
    let values = super::scatter::gather(x, d as i64, &places, false)?;
    match keepdim {
        true => Ok((values, places)),
        false => Ok((squeeze_dim(&values, d as i64)?, squeeze_dim(&places, d as i64)?)),
    }
}

fn bincount_body(x: &Tensor, weights: Option<&Tensor>, minlength: i64) -> Result<Tensor> {
    ensure!(
        x.dtype().is_int(),
        NotImplemented,
        "\"bincount_cpu\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    ensure!(minlength >= 0, Runtime, "minlength should be >= 0");
    let dtype = match weights.map(Tensor::dtype) {
        None => DType::I64,
        Some(DType::F32) => DType::F32,
        Some(_) => DType::F64,
    };
    ensure!(
        x.dim() == 1,
        Runtime,
        "bincount only supports 1-d non-negative integral inputs."
    );
    if x.numel() == 0 {
        return super::factory::full_of(&[minlength as usize], Scalar::Int(0), dtype);
    }
    let numbers = no_grad(|| super::copy::to_dtype(&x.detach(), DType::I64))?.try_to_vec::<i64>()?;
    ensure!(
        numbers.iter().all(|n| *n >= 0),
        Runtime,
        "bincount only supports 1-d non-negative integral inputs."
    );
    let largest = numbers.iter().copied().max().unwrap_or(0);
    ensure!(
        largest < i64::MAX,
        Runtime,
        "maximum value of input overflowed, it should be < {} but got {largest}",
        i64::MAX
    );
    let bins = (largest as usize + 1).max(minlength as usize);
    if let Some(w) = weights {
        ensure!(
            w.dim() == 1 && w.numel() == x.numel(),
            Runtime,
            "weights should be 1-d and have the same length as input"
        );
        let w = no_grad(|| super::copy::to_dtype(&w.detach(), dtype))?;
        let zeros = super::factory::full_of(&[bins], Scalar::Int(0), dtype)?;
        let places = Tensor::try_from_slice(&numbers, &[numbers.len()])?;
        return no_grad(|| super::scatter::scatter_add(&zeros, 0, &places, &w));
    }
    let out = super::factory::full_of(&[bins], Scalar::Int(0), DType::I64)?;
    out.with_slice_mut::<i64, _>(|counts| {
        for n in &numbers {
            counts[*n as usize] += 1;
        }
    })?;
    Ok(out)
}

fn histc_body(x: &Tensor, bins: i64, min: Scalar, max: Scalar) -> Result<Tensor> {
    ensure!(
        x.dtype().is_float(),
        NotImplemented,
        "\"histogram_cpu\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    ensure!(
        bins > 0,
        Runtime,
        "torch.histogram(): bins must be > 0, but got {bins} for dimension 0"
    );
    let (mut low, mut high) = (min.to_f64(), max.to_f64());
    let numbers = no_grad(|| super::copy::to_dtype(&x.detach(), DType::F64))?.try_to_vec::<f64>()?;
    if low == high && !numbers.is_empty() {
        low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A NaN spoils the range.
        if numbers.iter().any(|v| v.is_nan()) {
            (low, high) = (f64::NAN, f64::NAN);
        }
    }
    if low == high {
        (low, high) = (low - 1.0, high + 1.0);
    }
    ensure!(
        low.is_finite() && high.is_finite(),
        Runtime,
        "torch.histc: range of [{low}, {high}] is not finite"
    );
    ensure!(low < high, Runtime, "torch.histc: max must be larger than min");
    let out = super::factory::full_of(&[bins as usize], Scalar::Int(0), DType::F64)?;
    let width = (high - low) / bins as f64;
    out.with_slice_mut::<f64, _>(|counts| {
        for v in numbers.iter().filter(|v| **v >= low && **v <= high) {
            let at = (((v - low) / width) as usize).min(bins as usize - 1);
            counts[at] += 1.0;
        }
    })?;
    super::copy::to_dtype(&out, x.dtype())
}

fn check_isin(x: DType) -> Result<()> {
    ensure!(
        !x.is_complex() && x != DType::Bool,
        NotImplemented,
        "Unsupported input type encountered for isin(): {}",
        x.scalar_type_name()
    );
    Ok(())
}

fn isin_body(x: &Tensor, test: &Tensor, _assume_unique: bool, invert: bool) -> Result<Tensor> {
    check_isin(x.dtype())?;
    check_isin(test.dtype())?;
    no_grad(|| {
        let dtype = crate::promote::result_type(&[x, test]);
        let out: Vec<bool> = if dtype.is_int() {
            let of = |t: &Tensor| super::copy::to_dtype(&t.detach(), DType::I64)?.try_to_vec::<i64>();
            let mut known = of(test)?;
            known.sort_unstable();
            of(x)?
                .iter()
                .map(|v| known.binary_search(v).is_ok() != invert)
                .collect()
        } else {
            let of = |t: &Tensor| {
                super::copy::to_dtype(&super::copy::to_dtype(&t.detach(), dtype)?, DType::F64)?.try_to_vec::<f64>()
            };
            // NaN is equal to nothing; both zeros are one number.
            let mut known: Vec<f64> = of(test)?.into_iter().filter(|v| !v.is_nan()).map(|v| v + 0.0).collect();
            known.sort_unstable_by(f64::total_cmp);
            let has = |v: f64| known.binary_search_by(|k| k.total_cmp(&(v + 0.0))).is_ok();
            of(x)?.into_iter().map(|v| has(v) != invert).collect()
        };
        Tensor::try_from_slice(&out, x.shape())
    })
}

fn isin_number_body(x: &Tensor, test: Scalar, assume_unique: bool, invert: bool) -> Result<Tensor> {
    isin(x, &Tensor::wrapped(test)?, assume_unique, invert)
}

fn number_isin_body(x: Scalar, test: &Tensor, assume_unique: bool, invert: bool) -> Result<Tensor> {
    isin(&Tensor::wrapped(x)?, test, assume_unique, invert)
}

fn quantile_body(x: &Tensor, q: &Tensor, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Result<Tensor> {
    quantiles("quantile", x, q, dim, keepdim, interpolation)
}

fn quantile_number_body(x: &Tensor, q: f64, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Result<Tensor> {
    quantiles(
        "quantile",
        x,
        &one_quantile("quantile", q, x)?,
        dim,
        keepdim,
        interpolation,
    )
}

fn nanquantile_body(x: &Tensor, q: &Tensor, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Result<Tensor> {
    quantiles("nanquantile", x, q, dim, keepdim, interpolation)
}

fn nanquantile_number_body(x: &Tensor, q: f64, dim: Option<i64>, keepdim: bool, interpolation: &str) -> Result<Tensor> {
    quantiles(
        "nanquantile",
        x,
        &one_quantile("quantile", q, x)?,
        dim,
        keepdim,
        interpolation,
    )
}

fn one_quantile(name: &str, q: f64, x: &Tensor) -> Result<Tensor> {
    ensure!(
        (0.0..=1.0).contains(&q),
        Runtime,
        "{name}() q must be in the range [0, 1] but got {q}"
    );
    Tensor::scalar(
        q,
        if x.dtype().is_float() {
            x.dtype()
        } else {
            default_dtype()
        },
    )
}

fn quantiles(name: &str, x: &Tensor, q: &Tensor, dim: Option<i64>, keepdim: bool, how: &str) -> Result<Tensor> {
    ensure!(x.numel() > 0, Runtime, "quantile() input tensor must be non-empty");
    ensure!(q.dim() <= 1, Runtime, "quantile() q must be a scalar or 1D tensor");
    ensure!(
        matches!(x.dtype(), DType::F32 | DType::F64),
        Runtime,
        "quantile() input tensor must be either float or double dtype"
    );
    ensure!(
        q.dtype() == x.dtype(),
        Runtime,
        "quantile() q tensor must be same dtype as the input tensor"
    );
    ensure!(
        matches!(how, "linear" | "lower" | "higher" | "midpoint" | "nearest"),
        Runtime,
        "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {how}"
    );
    let wanted = no_grad(|| super::copy::to_dtype(&q.detach(), DType::F64))?.try_to_vec::<f64>()?;
    ensure!(
        wanted.iter().all(|v| (0.0..=1.0).contains(v)),
        Runtime,
        "quantile() q values must be in the range [0, 1]"
    );
    let d = dim.map(|d| x.wrap_dim(d)).transpose()?;
    // The line of every quantile goes last.
    let lines = match d {
        Some(d) if x.dim() > 0 => transpose(x, d as i64, -1)?,
        _ => reshape(x, &[-1])?,
    };
    let (sorted, _) = super::sort::sort(&lines, -1, false)?;
    let size = sorted.shape()[sorted.dim() - 1] as f64;
    let dtype = x.dtype();
    let (last, spoilt) = no_grad(|| -> Result<(Tensor, Tensor)> {
        let nan = super::compare::isnan(&sorted.detach())?;
        let last = match name {
            "nanquantile" => {
                let known = super::reduce::sum_dims(&super::compare::logical_not(&nan)?, Some(&[-1]), true, None)?;
                let known = super::copy::to_dtype(&known, dtype)?;
                super::blend::clamp_min(&sub(&known, &Tensor::wrapped(1.0)?, Scalar::Int(1))?, Scalar::Int(0))?
            }
            _ => {
                let mut shape = sorted.shape().to_vec();
                if let Some(n) = shape.last_mut() {
                    *n = 1;
                }
                super::factory::full_of(&shape, Scalar::Float(size - 1.0), dtype)?
            }
        };
        Ok((last, super::reduce::any_dim(&nan, -1, true)?))
    })?;
    let mut ranks = mul(&reshape(q, &[-1])?, &last)?;
    if name == "quantile" {
        // A line with a NaN has NaN as every quantile: it sorts last.
        ranks = super::blend::select(&spoilt, &Tensor::wrapped(size - 1.0)?, &ranks)?;
    }
    let ranks = match how {
        "lower" => super::unary::floor(&ranks.detach())?,
        "higher" => super::unary::ceil(&ranks.detach())?,
        "nearest" => super::unary::round(&ranks.detach())?,
        _ => ranks,
    };
    let at = |r: &Tensor| -> Result<Tensor> {
        let places = no_grad(|| super::copy::to_dtype(&r.detach(), DType::I64))?;
        super::scatter::gather(&sorted, -1, &places, false)
    };
    let below = no_grad(|| super::unary::floor(&ranks.detach()))?;
    let mut values = at(&below)?;
    if matches!(how, "linear" | "midpoint") {
        let above = at(&super::unary::ceil(&ranks.detach())?)?;
        let weight = match how {
            "midpoint" => super::factory::full_of(ranks.shape(), Scalar::Float(0.5), dtype)?,
            _ => sub(&ranks, &below, Scalar::Int(1))?,
        };
        values = super::blend::lerp(&values, &above, &weight)?;
    }
    // The reduced dimension goes back to its place, the quantiles from the end to the front (or away).
    let values = match d.filter(|_| x.dim() > 0) {
        Some(d) => transpose(&unsqueeze(&values, -2)?, d as i64, -2)?,
        None => {
            let mut shape = vec![1i64; x.dim()];
            shape.push(-1);
            reshape(&values, &shape)?
        }
    };
    let values = match (keepdim, d) {
        (true, _) => values,
        (false, Some(d)) if x.dim() > 0 => squeeze_dim(&values, d as i64)?,
        (false, _) => reshape(&values, &[-1])?,
    };
    let values = super::copy::contiguous(&values, None)?;
    match q.dim() {
        0 => squeeze_dim(&values, -1),
        _ => super::dims::movedim(&values, &[-1], &[0]),
    }
}

fn frexp_body(x: &Tensor) -> Result<(Tensor, Tensor)> {
    ensure!(
        x.dtype().is_float(),
        Runtime,
        "torch.frexp() only supports floating-point dtypes"
    );
    let numbers = no_grad(|| super::copy::to_dtype(&x.detach(), DType::F64))?.try_to_vec::<f64>()?;
    let exponent = |v: f64| -> i32 {
        if v == 0.0 || !v.is_finite() {
            return 0;
        }
        // Subnormal numbers are scaled into range first.
        let (bits, shift) = match v.abs() < f64::MIN_POSITIVE {
            true => ((v * 2f64.powi(64)).to_bits(), 64),
            false => (v.to_bits(), 0),
        };
        ((bits >> 52) & 0x7ff) as i32 - 1022 - shift
    };
    let exponents: Vec<i32> = numbers.iter().map(|v| exponent(*v)).collect();
    let exponents = Tensor::try_from_slice(&exponents, x.shape())?;
    let scale: Vec<f64> = numbers.iter().map(|v| 2f64.powi(-(exponent(*v) / 2))).collect();
    let rest: Vec<f64> = numbers
        .iter()
        .map(|v| 2f64.powi(-(exponent(*v) - exponent(*v) / 2)))
        .collect();
    let mantissa = no_grad(|| -> Result<Tensor> {
        let v: Vec<f64> = numbers
            .iter()
            .zip(scale.iter().zip(&rest))
            .map(|(v, (a, b))| v * a * b)
            .collect();
        super::copy::to_dtype(&Tensor::try_from_slice(&v, x.shape())?, x.dtype())
    })?;
    let factor = exponents.clone();
    let mantissa = mantissa.record("FrexpBackward0", [x], |_| {
        move |_: &crate::autograd::Ctx, g: &Tensor| {
            let power = super::unary::exp2(&super::copy::to_dtype(&factor, g.dtype())?)?;
            div(g, &power)
        }
    })?;
    Ok((mantissa, exponents))
}

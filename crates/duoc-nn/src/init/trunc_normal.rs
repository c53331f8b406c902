//! The normal distribution cut off at two bounds.

use super::{normal_, rounded, uniform_};
use duoc_core::autograd::no_grad;
use duoc_core::ops::{blend, copy};
use duoc_core::{Result, Tensor, catch};

/// Normal with mean `mean` and standard deviation `std`, drawn again until it lies in `[a, b]`. PyTorch's defaults are
/// `0, 1, -2, 2`.
///
/// Where the bounds hold most of the distribution, elements outside are drawn anew; where they hold less than 0.3 of
/// it, candidates uniform in `[a, b]` are accepted with the density's probability.
pub fn trunc_normal_(x: &Tensor, mean: f64, std: f64, a: f64, b: f64) -> Result<()> {
    let cdf = |x: f64| (1.0 + libm::erf(x / 2f64.sqrt())) / 2.0;
    let held = cdf((b - mean) / std) - cdf((a - mean) / std);
    no_grad(|| {
        if held > 0.3 {
            redraw(x, mean, std, a, b)
        } else {
            reject(x, mean, std, a, b)
        }
    })
}

fn redraw(x: &Tensor, mean: f64, std: f64, a: f64, b: f64) -> Result<()> {
    let (low, high) = (rounded(a, x.dtype())?, rounded(b, x.dtype())?);
    normal_(x, mean, std)?;
    let mut result = x.detach();
    loop {
        let outside = catch(|| result.lt(low).logical_or(result.gt(high)))?;
        if !catch(|| outside.any())?.try_item()?.to_bool() {
            break;
        }
        let fresh = catch(|| result.empty_like())?;
        normal_(&fresh, mean, std)?;
        result = blend::where_(&outside, &fresh, &result)?;
    }
    if !result.is_same(x) {
        copy::copy_(x, &result)?;
    }
    Ok(())
}

fn reject(x: &Tensor, mean: f64, std: f64, a: f64, b: f64) -> Result<()> {
    let mode = a.max(mean.min(b));
    let log_peak = -0.5 * ((mode - mean) / std).powi(2);
    let candidates = catch(|| x.empty_like())?;
    let accept = catch(|| x.empty_like())?;
    let density = |t: &Tensor| {
        catch(|| {
            t.sub_(mean).div_(std);
            t.mul_(t).mul_(-0.5).sub_(log_peak);
        })
    };
    let refused = || -> Result<Tensor> {
        uniform_(&accept, 0.0, 1.0)?;
        catch(|| accept.log_().gt(&candidates))
    };
    uniform_(x, a, b)?;
    copy::copy_(&candidates, x)?;
    density(&candidates)?;
    let mut pending = refused()?;
    let mut result = x.detach();
    while catch(|| pending.any())?.try_item()?.to_bool() {
        uniform_(&candidates, a, b)?;
        result = blend::where_(&pending, &candidates, &result)?;
        density(&candidates)?;
        pending = blend::where_(&pending, &refused()?, &pending)?;
    }
    if !result.is_same(x) {
        copy::copy_(x, &result)?;
    }
    Ok(())
}

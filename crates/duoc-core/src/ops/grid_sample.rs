//! Pictures at the places of a grid: `grid_sampler`, `affine_grid_generator`.

use super::arith::{add, div, mul, sub};
use super::blend::{clamp, where_};
use super::compare::{eq, ge, logical_and, lt};
use super::copy::to_dtype;
use super::division::fmod;
use super::factory::zeros_of;
use super::index::dense;
use super::matmul::bmm;
use super::pointwise::not_implemented;
use super::pool::in_order_of;
use super::range::linspace;
use super::scatter::gather;
use super::shape::expand;
use super::unary::{abs, floor, round};
use super::view::{ints, permute, reshape, select, transpose, unsqueeze};
use crate::autograd::mode::{grad_mode, is_grad_enabled, no_grad};
use crate::autograd::record::record_many;
use crate::autograd::{Ctx, reference};
use crate::layout::{Dims, checked_numel};
use crate::storage::{Mode, access};
use crate::{DType, Result, Scalar, Tensor, bail, ensure, ops};
use duoc_kernels::resample as kernels;

ops! {
    /// The values of `(N, C, H, W)` at the places of `grid` `(N, H', W', 2)`, x before y, from -1 to 1 across the picture; in
    /// the same way with three dimensions.
    ///
    /// `interpolation_mode` is 0 (linear), 1 (nearest) or 2 (cubic), `padding_mode` 0 (zeros outside), 1 (the border goes
    /// on) or 2 (reflection). With `align_corners` -1 and 1 are the centres of the outer cells, else their outer edges.
    "grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor" [function]
    pub fn grid_sampler(x: &Tensor, grid: &Tensor, interpolation_mode: i64, padding_mode: i64, align_corners: bool) -> Tensor = grid_sampler_body;

    /// As `grid_sampler` with two dimensions.
    "grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor" [function]
    pub fn grid_sampler_2d(x: &Tensor, grid: &Tensor, interpolation_mode: i64, padding_mode: i64, align_corners: bool) -> Tensor = grid_sampler_2d_body;

    /// As `grid_sampler` with three dimensions.
    "grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor" [function]
    pub fn grid_sampler_3d(x: &Tensor, grid: &Tensor, interpolation_mode: i64, padding_mode: i64, align_corners: bool) -> Tensor = grid_sampler_3d_body;

    /// The grid of `size` `(N, C, H, W)` under the maps `theta` `(N, 2, 3)`: place `p` is `theta (p, 1)`; with three dimensions
    /// `theta` is `(N, 3, 4)`.
    "affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor" [function, out]
    pub fn affine_grid_generator(theta: &Tensor, size: &[i64], align_corners: bool) -> Tensor = affine_grid_generator_body;
}

const ONE: Scalar = Scalar::Int(1);

/// How values are taken.
#[derive(Clone, Copy)]
struct How {
    mode: i64,
    padding: i64,
    align: bool,
}

fn check(x: &Tensor, grid: &Tensor) -> Result<()> {
    ensure!(
        x.dim() > 0 && grid.dim() > 0 && x.shape()[0] == grid.shape()[0],
        Runtime,
        "grid_sampler(): expected grid and input to have same batch size, but got input with sizes {:?} and grid with sizes {:?}",
        x.shape(),
        grid.shape()
    );
    ensure!(
        grid.shape()[grid.dim() - 1] + 2 == x.dim(),
        Runtime,
        "grid_sampler(): expected grid to have size {} in last dimension, but got grid with sizes {:?}",
        x.dim() as i64 - 2,
        grid.shape()
    );
    for d in 2..x.dim() {
        ensure!(
            x.shape()[d] > 0,
            Runtime,
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {:?} with dimension {d} being empty",
            x.shape()
        );
    }
    Ok(())
}

fn grid_sampler_body(x: &Tensor, grid: &Tensor, mode: i64, padding: i64, align: bool) -> Result<Tensor> {
    match x.dim() {
        4 => grid_sampler_2d(x, grid, mode, padding, align),
        5 => grid_sampler_3d(x, grid, mode, padding, align),
        n => {
            check(x, grid)?;
            bail!(
                Runtime,
                "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with {n} dimensions and grid with sizes {:?}",
                grid.shape()
            )
        }
    }
}

fn grid_sampler_2d_body(x: &Tensor, grid: &Tensor, mode: i64, padding: i64, align: bool) -> Result<Tensor> {
    let how = How { mode, padding, align };
    sampled(
        2,
        "grid_sampler_2d_cpu_kernel_impl",
        "GridSampler2DBackward0",
        x,
        grid,
        how,
    )
}

fn grid_sampler_3d_body(x: &Tensor, grid: &Tensor, mode: i64, padding: i64, align: bool) -> Result<Tensor> {
    let how = How { mode, padding, align };
    sampled(3, "grid_sampler3d_cpu", "GridSampler3DBackward0", x, grid, how)
}

fn sampled(k: usize, kernel: &str, node: &'static str, x: &Tensor, grid: &Tensor, how: How) -> Result<Tensor> {
    check(x, grid)?;
    ensure!(
        x.dim() == k + 2 && grid.dim() == x.dim(),
        Runtime,
        "grid_sampler(): expected {}D input and grid with same number of dimensions, but got input with sizes {:?} and grid with sizes {:?}",
        k + 2,
        x.shape(),
        grid.shape()
    );
    ensure!(
        (0..3).contains(&how.mode) && (0..3).contains(&how.padding),
        Runtime,
        "grid_sampler(): expected an interpolation mode and a padding mode of 0, 1 or 2, but got {} and {}",
        how.mode,
        how.padding
    );
    let dtype = x.dtype();
    if !dtype.is_float() || dtype.is_float8() {
        return Err(not_implemented(kernel, dtype));
    }
    ensure!(
        grid.dtype() == dtype,
        Runtime,
        "expected scalar type {} but found {}",
        dtype.scalar_type_name(),
        grid.dtype().scalar_type_name()
    );
    let y = {
        let _off = grad_mode(false);
        let (input, places) = operands(x, grid)?;
        let mut shape = Dims::from(&x.shape()[..2]);
        shape.extend(grid.shape()[1..=k].iter().copied());
        let y = Tensor::uninit(&shape, input.dtype())?;
        if y.numel() > 0 {
            let g = geometry(x, grid, how)?;
            access::access(
                [(&input, Mode::Read), (&places, Mode::Read), (&y, Mode::Init)],
                |[x, grid, y]| {
                    // SAFETY: all are row-major with the geometry's sizes, f32 or f64.
                    unsafe { kernels::sample(input.dtype() == DType::F64, &g, x, grid, y) };
                    Ok(())
                },
            )?;
        }
        in_order_of(x, to_dtype(&y, dtype)?)?
    };
    record_many(std::slice::from_ref(&y), node, &[Some(x), Some(grid)], |r| {
        let (x, grid) = (r.save(x), r.save(grid));
        move |c: &Ctx, grads: &[Option<Tensor>]| -> Result<Vec<Option<Tensor>>> {
            let Some(g) = &grads[0] else {
                return Ok(vec![None, None]);
            };
            let (x, grid) = (c.get(x)?, c.get(grid)?);
            if is_grad_enabled() {
                let inputs = [Some(x.clone()), Some(grid.clone())];
                let wanted = |i: usize| c.needs(i);
                let mut all = reference::gradients(&inputs, wanted, &[Some(g.clone())], |t| {
                    let [Some(x), Some(grid)] = t else {
                        return Ok(Vec::new());
                    };
                    Ok(vec![formula(x, grid, how)?])
                })?;
                for (i, t) in [&x, &grid].into_iter().enumerate() {
                    if c.needs(i) && all[i].is_none() {
                        all[i] = Some(zeros_of(t.shape(), t.dtype())?);
                    }
                }
                return Ok(all);
            }
            let to_input = if c.needs(0) {
                Some(input_backward(g, &x, &grid, how)?)
            } else {
                None
            };
            let to_grid = if c.needs(1) {
                Some(grid_backward(g, &x, &grid, how)?)
            } else {
                None
            };
            Ok(vec![to_input, to_grid])
        }
    })?;
    Ok(y)
}

/// Input and grid in row-major order, 16-bit floats as float32.
fn operands(x: &Tensor, grid: &Tensor) -> Result<(Tensor, Tensor)> {
    let wide = if x.dtype().is_half() { DType::F32 } else { x.dtype() };
    let ready = |t: &Tensor| dense(&to_dtype(&t.detach(), wide)?);
    Ok((ready(x)?, ready(grid)?))
}

fn geometry(x: &Tensor, grid: &Tensor, how: How) -> Result<kernels::Grid> {
    let k = x.dim() - 2;
    let mut input = [1; 3];
    input[3 - k..].copy_from_slice(&x.shape()[2..]);
    ensure!(
        checked_numel(&input, 8)? < u32::MAX as usize,
        Runtime,
        "grid_sampler(): planes of {:?} cells are too large",
        &x.shape()[2..]
    );
    Ok(kernels::Grid {
        batch: x.shape()[0],
        channels: x.shape()[1],
        input,
        points: grid.shape()[1..=k].iter().product(),
        dims: k,
        mode: how.mode,
        padding: how.padding,
        align: how.align,
    })
}

fn input_backward(g: &Tensor, x: &Tensor, grid: &Tensor, how: How) -> Result<Tensor> {
    if g.numel() == 0 {
        return zeros_of(x.shape(), x.dtype());
    }
    let (g, places) = operands(g, grid)?;
    let out = Tensor::uninit(x.shape(), g.dtype())?;
    let plan = geometry(x, grid, how)?;
    access::access(
        [(&g, Mode::Read), (&places, Mode::Read), (&out, Mode::Init)],
        |[g_ptr, grid, out]| {
            // SAFETY: all are row-major with the geometry's sizes, f32 or f64.
            unsafe { kernels::sample_input_backward(g.dtype() == DType::F64, &plan, g_ptr, grid, out) };
            Ok(())
        },
    )?;
    to_dtype(&out, x.dtype())
}

fn grid_backward(g: &Tensor, x: &Tensor, grid: &Tensor, how: How) -> Result<Tensor> {
    if g.numel() == 0 || how.mode == 1 {
        return zeros_of(grid.shape(), grid.dtype());
    }
    let plan = geometry(x, grid, how)?;
    let (g, _) = operands(g, grid)?;
    let (input, places) = operands(x, grid)?;
    let out = Tensor::uninit(grid.shape(), g.dtype())?;
    access::access(
        [
            (&g, Mode::Read),
            (&input, Mode::Read),
            (&places, Mode::Read),
            (&out, Mode::Init),
        ],
        |[g_ptr, x, grid, out]| {
            // SAFETY: all are row-major with the geometry's sizes, f32 or f64.
            unsafe { kernels::sample_grid_backward(g.dtype() == DType::F64, &plan, g_ptr, x, grid, out) };
            Ok(())
        },
    )?;
    to_dtype(&out, grid.dtype())
}

fn number(x: f64) -> Result<Tensor> {
    Tensor::wrapped(x)
}

/// `a x + b`.
fn affine(x: &Tensor, a: f64, b: f64) -> Result<Tensor> {
    add(&mul(x, &number(a)?)?, &number(b)?, ONE)
}

/// Positions after the padding rule.
fn padded(x: &Tensor, size: usize, how: How) -> Result<Tensor> {
    let last = size as f64 - 1.0;
    let mut x = x.clone();
    if how.padding == 0 {
        return Ok(x);
    }
    if how.padding == 2 {
        let (low, span) = if how.align { (0.0, last) } else { (-0.5, size as f64) };
        if span == 0.0 {
            return mul(&x, &number(0.0)?);
        }
        let way = abs(&affine(&x, 1.0, -low)?)?;
        let flips = no_grad(|| floor(&div(&way, &number(span)?)?))?;
        let extra = sub(&way, &mul(&flips, &number(span)?)?, ONE)?;
        let even = no_grad(|| eq(&fmod(&flips, &number(2.0)?)?, &number(0.0)?))?;
        x = where_(&even, &affine(&extra, 1.0, low)?, &affine(&extra, -1.0, span + low)?)?;
    }
    clamp(&x, Some(Scalar::Float(0.0)), Some(Scalar::Float(last)))
}

/// Cells along an axis, whether they are inside, and their weights, one of each for every tap.
fn line(coordinate: &Tensor, size: usize, how: How) -> Result<Vec<(Tensor, Tensor, Option<Tensor>)>> {
    let n = size as f64;
    let x = match how.align {
        true => affine(coordinate, (n - 1.0) / 2.0, (n - 1.0) / 2.0)?,
        false => affine(coordinate, n / 2.0, (n - 1.0) / 2.0)?,
    };
    let cell = |at: &Tensor| -> Result<(Tensor, Tensor)> {
        no_grad(|| {
            let inside = logical_and(&ge(at, &number(0.0)?)?, &lt(at, &number(n)?)?)?;
            let last = Some(Scalar::Int(size as i64 - 1));
            let index = to_dtype(&where_(&inside, &at.detach(), &zeros_of(&[], at.dtype())?)?, DType::I64)?;
            Ok((clamp(&index, Some(Scalar::Int(0)), last)?, inside))
        })
    };
    let tap = |at: &Tensor, weight: Option<Tensor>| -> Result<_> {
        let (index, inside) = cell(at)?;
        Ok((index, inside, weight))
    };
    match how.mode {
        1 => Ok(vec![tap(&no_grad(|| round(&padded(&x, size, how)?))?, None)?]),
        0 => {
            let x = padded(&x, size, how)?;
            let low = no_grad(|| floor(&x))?;
            let part = sub(&x, &low, ONE)?;
            let next = affine(&low, 1.0, 1.0)?;
            Ok(vec![
                tap(&low, Some(affine(&part, -1.0, 1.0)?))?,
                tap(&next, Some(part))?,
            ])
        }
        _ => {
            let low = no_grad(|| floor(&x))?;
            let t = sub(&x, &low, ONE)?;
            let a = -0.75;
            let taps = (0..4).map(|k| {
                let d = match k {
                    0 | 1 => affine(&t, 1.0, 1.0 - k as f64)?,
                    _ => affine(&t, -1.0, k as f64 - 1.0)?,
                };
                let weight = match k {
                    0 | 3 => affine(
                        &mul(&affine(&mul(&affine(&d, a, -5.0 * a)?, &d)?, 1.0, 8.0 * a)?, &d)?,
                        1.0,
                        -4.0 * a,
                    )?,
                    _ => affine(&mul(&mul(&affine(&d, a + 2.0, -(a + 3.0))?, &d)?, &d)?, 1.0, 1.0)?,
                };
                let at = no_grad(|| padded(&affine(&low, 1.0, k as f64 - 1.0)?, size, how))?;
                tap(&at, Some(weight))
            });
            taps.collect()
        }
    }
}

/// The same in plain ops: the sum over the taps of each place.
fn formula(x: &Tensor, grid: &Tensor, how: How) -> Result<Tensor> {
    let k = x.dim() - 2;
    let (batch, channels) = (x.shape()[0] as i64, x.shape()[1] as i64);
    let volume = ints(&x.shape()[2..]).iter().product();
    let points: i64 = ints(&grid.shape()[1..=k]).iter().product();
    let flat = reshape(x, &[batch, channels, volume])?;
    let places = reshape(grid, &[batch, points, k as i64])?;
    // The taps so far: places in the volume, whether inside, weights; the last dimension (x) is first in the grid.
    let mut taps: Vec<(Tensor, Tensor, Option<Tensor>)> = Vec::new();
    let mut step = 1i64;
    for d in 0..k {
        let size = x.shape()[x.dim() - 1 - d];
        let line = line(&select(&places, -1, d as i64)?, size, how)?;
        if taps.is_empty() {
            taps = line;
        } else {
            let mut all = Vec::with_capacity(taps.len() * line.len());
            for (index, inside, weight) in &taps {
                for (i, ok, w) in &line {
                    let index = add(index, &mul(i, &Tensor::wrapped(step)?)?, ONE)?;
                    let weight = match (weight, w) {
                        (Some(a), Some(b)) => Some(mul(a, b)?),
                        _ => None,
                    };
                    all.push((index, logical_and(inside, ok)?, weight));
                }
            }
            taps = all;
        }
        step *= size as i64;
    }
    let mut sum: Option<Tensor> = None;
    for (index, inside, weight) in &taps {
        let index = expand(&unsqueeze(index, 1)?, &[batch, channels, points], false)?;
        let value = gather(&flat, 2, &index, false)?;
        let value = where_(&unsqueeze(inside, 1)?, &value, &zeros_of(&[], x.dtype())?)?;
        let term = match weight {
            Some(w) => mul(&value, &unsqueeze(w, 1)?)?,
            None => value,
        };
        sum = Some(match sum {
            Some(s) => add(&s, &term, ONE)?,
            None => term,
        });
    }
    let mut shape = vec![batch, channels];
    shape.extend(ints(&grid.shape()[1..=k]).iter());
    match sum {
        Some(s) => reshape(&s, &shape),
        None => zeros_of(&[], x.dtype()),
    }
}

/// The homogeneous places of an untouched grid: `(1, H W, 3)` or `(1, D H W, 4)`.
fn base_grid(sizes: &[i64], dtype: DType, align: bool) -> Result<Tensor> {
    let k = sizes.len();
    let mut shape = ints_to_sizes(sizes)?;
    shape.push(k + 1);
    let out = Tensor::uninit(&shape, dtype)?;
    for d in 0..=k {
        let column = select(&out, -1, d as i64)?;
        if d == k {
            super::factory::fill_scalar(&column, ONE)?;
            continue;
        }
        let axis = k - 1 - d;
        let n = sizes[axis];
        let mut line = match n {
            0 | 1 => zeros_of(&[n as usize], dtype)?,
            _ => linspace(Scalar::Int(-1), ONE, n, Some(dtype), None, None, None)?,
        };
        if !align && n > 0 {
            line = div(&mul(&line, &Tensor::wrapped(n - 1)?)?, &Tensor::wrapped(n)?)?;
        }
        let mut along = vec![1; k];
        along[axis] = n;
        super::copy::copy_data(&column, &reshape(&line, &along)?)?;
    }
    let points = ints(&shape[..k]).iter().product();
    reshape(&out, &[1, points, k as i64 + 1])
}

fn ints_to_sizes(sizes: &[i64]) -> Result<Vec<usize>> {
    for n in sizes {
        ensure!(
            *n >= 0,
            Runtime,
            "Trying to create tensor with negative dimension {n}: {sizes:?}"
        );
    }
    Ok(sizes.iter().map(|n| *n as usize).collect())
}

fn affine_grid_generator_body(theta: &Tensor, size: &[i64], align: bool) -> Result<Tensor> {
    ensure!(
        size.len() == 4 || size.len() == 5,
        Runtime,
        "AffineGridGenerator needs 4d (spatial) or 5d (volumetric) inputs."
    );
    let k = size.len() - 2;
    let spatial = ints_to_sizes(&size[2..])?;
    ensure!(
        theta.dim() > 2,
        Index,
        "Dimension out of range (expected to be in range of [-{}, {}], but got 2)",
        theta.dim().max(1),
        theta.dim().max(1) - 1
    );
    ensure!(theta.dim() == 3, Runtime, "batch2 must be a 3D tensor");
    let batch = size[0];
    ensure!(
        theta.shape()[0] as i64 == batch && theta.shape()[2] == k + 1,
        Runtime,
        "Expected size for first two dimensions of batch2 tensor to be: [{batch}, {}] but got: [{}, {}].",
        k + 1,
        theta.shape()[0],
        theta.shape()[2]
    );
    let points = checked_numel(&spatial, theta.dtype().size().max(8) * (k + 1))? as i64;
    let base = no_grad(|| {
        let one = base_grid(&size[2..], theta.dtype(), align)?;
        expand(&one, &[batch, points, k as i64 + 1], false)
    })?;
    let mut shape = vec![batch];
    shape.extend(&size[2..]);
    shape.push(theta.shape()[1] as i64);
    let out = no_grad(|| reshape(&bmm(&base, &transpose(&theta.detach(), 1, 2)?)?, &shape))?;
    let coordinates = theta.shape()[1] as i64;
    out.record("AffineGridGeneratorBackward0", [theta], |r| {
        let base = r.keep(&base);
        move |c: &Ctx, g: &Tensor| {
            let g = reshape(g, &[batch, points, coordinates])?;
            let by_columns = bmm(&permute(&c.get(base)?, &[0, 2, 1])?, &g)?;
            transpose(&by_columns, 1, 2)
        }
    })
}

//! Pictures at another size: what the families below share.
//!
//! Resampling is linear and separable: a table of taps for each axis says everything. Its gradient is the map with the
//! tables transposed, and the gradient of that the map itself, so one node serves every order.

pub mod antialias;
pub mod nearest;
pub mod smooth;
mod tables;

use super::index::dense;
use super::pointwise::converted;
use super::pool::in_order_of;
use crate::autograd::Ctx;
use crate::autograd::mode::grad_mode;
use crate::layout::Dims;
use crate::storage::{Mode, access};
use crate::{DType, Result, Tensor, ensure, err};
use duoc_kernels::resample::{Taps, resample};
use std::sync::Arc;

/// The sizes of a result from the arguments of a `vec` form.
fn output_size(x: &Tensor, d: usize, size: Option<&[i64]>, factors: Option<&[f64]>) -> Result<Vec<i64>> {
    let wrong = |list: &str| {
        err!(
            Runtime,
            "Expected static_cast<int64_t>({list}->size()) == spatial_dimensions to be true, but got false."
        )
    };
    match (size, factors) {
        (Some(size), None) => {
            if x.dim() != size.len() + 2 {
                return Err(wrong("output_size"));
            }
            Ok(size.to_vec())
        }
        (None, Some(factors)) => {
            if x.dim() != factors.len() + 2 || factors.len() != d {
                return Err(wrong("scale_factors"));
            }
            let size = |(f, n): (&f64, &usize)| -> Result<i64> {
                let n = *n as f64 * f;
                ensure!(
                    n > -9.2e18 && n < 9.2e18,
                    Runtime,
                    "value cannot be converted to type int64_t without overflow"
                );
                Ok(n as i64)
            };
            factors.iter().zip(&x.shape()[2..]).map(size).collect()
        }
        _ => Err(err!(
            Runtime,
            "Must specify exactly one of output_size and scale_factors"
        )),
    }
}

/// The result's shape after PyTorch's checks.
fn result_shape(x: &Tensor, d: usize, output: &[i64]) -> Result<Dims> {
    ensure!(
        output.len() == d,
        Runtime,
        "It is expected output_size equals to {d}, but got size {}",
        output.len()
    );
    ensure!(
        x.dim() == d + 2,
        Runtime,
        "It is expected input_size equals to {}, but got size {}",
        d + 2,
        x.dim()
    );
    let input = &x.shape()[2..];
    if !(input.iter().all(|n| *n > 0) && output.iter().all(|n| *n > 0)) {
        let show = |list: Vec<String>| -> String {
            let names = &["D", "H", "W"][3 - d..];
            let parts: Vec<String> = names.iter().zip(list).map(|(n, v)| format!("{n}: {v}")).collect();
            parts.join(", ")
        };
        return Err(err!(
            Runtime,
            "Input and output sizes should be greater than 0, but got input ({}){} output ({})",
            show(input.iter().map(|n| n.to_string()).collect()),
            if d == 2 { "" } else { " and" },
            show(output.iter().map(|n| n.to_string()).collect())
        ));
    }
    ensure!(
        x.shape()[1] > 0,
        Runtime,
        "Non-empty {}D data tensor expected but got a tensor with sizes {:?}",
        d + 2,
        x.shape()
    );
    let mut shape = Dims::from(x.shape());
    for (s, n) in shape[2..].iter_mut().zip(output) {
        *s = *n as usize;
    }
    Ok(shape)
}

/// A separable linear map over the last dimensions.
#[derive(Clone)]
struct Map {
    /// Tables of the axes, innermost last, and their transposes; none where nothing is computed.
    axes: Arc<[Vec<Taps>; 2]>,
    shapes: Arc<[Dims; 2]>,
    /// Whether this is the transpose.
    back: bool,
    nodes: [&'static str; 2],
}

impl Map {
    fn new(axes: Vec<Taps>, input: &[usize], output: &[usize], nodes: [&'static str; 2]) -> Map {
        let transposed = axes.iter().map(Taps::transposed).collect();
        Map {
            axes: Arc::new([axes, transposed]),
            shapes: Arc::new([Dims::from(input), Dims::from(output)]),
            back: false,
            nodes,
        }
    }

    fn turned(&self) -> Map {
        Map {
            back: !self.back,
            ..self.clone()
        }
    }

    /// The image of `x`, recorded.
    fn of(&self, x: &Tensor) -> Result<Tensor> {
        let y = {
            let _off = grad_mode(false);
            let x = x.detach();
            let wide = if x.dtype().is_half() { DType::F32 } else { x.dtype() };
            let y = self.compute(&dense(&converted(&x, wide)?)?)?;
            in_order_of(&x, converted(&y, x.dtype())?)?
        };
        y.record(self.nodes[self.back as usize], [x], |_| {
            let back = self.turned();
            move |_: &Ctx, g: &Tensor| back.of(g)
        })
    }

    fn compute(&self, x: &Tensor) -> Result<Tensor> {
        let axes = &self.axes[self.back as usize];
        let [from, to] = match self.back {
            false => [&self.shapes[0], &self.shapes[1]],
            true => [&self.shapes[1], &self.shapes[0]],
        };
        ensure!(
            x.shape() == &from[..],
            Runtime,
            "Expected a tensor of shape {:?}, but got {:?}",
            &from[..],
            x.shape()
        );
        let out = Tensor::uninit(to, x.dtype())?;
        if out.numel() == 0 {
            return Ok(out);
        }
        let lead = from[0] * from[1];
        match &axes[..] {
            [w] => pass(x, &out, lead, [1, from[2]], None, Some(w))?,
            [h, w] => pass(x, &out, lead, [from[2], from[3]], Some(h), Some(w))?,
            [d, h, w] => {
                let mut middle = to.clone();
                middle[2] = from[2];
                let part = Tensor::uninit(&middle, x.dtype())?;
                pass(x, &part, lead * from[2], [from[3], from[4]], Some(h), Some(w))?;
                pass(&part, &out, lead, [from[2], to[3] * to[4]], Some(d), None)?;
            }
            _ => {}
        }
        Ok(out)
    }
}

fn pass(
    x: &Tensor,
    out: &Tensor,
    planes: usize,
    input: [usize; 2],
    rows: Option<&Taps>,
    columns: Option<&Taps>,
) -> Result<()> {
    let double = x.dtype() == DType::F64;
    access::access([(x, Mode::Read), (out, Mode::Init)], |[from, to]| {
        // SAFETY: both are row-major with the tables' sizes, f32 or f64.
        unsafe { resample(double, planes, input, rows, columns, from, to) };
        Ok(())
    })
}

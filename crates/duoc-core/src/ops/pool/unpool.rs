//! The partial inverse of max pooling: elements back at their places, zeros elsewhere.

use super::{in_order_of, replaced, scattered};
use crate::autograd::Ctx;
use crate::layout::sizes;
use crate::ops::scatter::gather;
use crate::ops::view::{ints, reshape};
use crate::{DType, Result, Tensor, ensure, ops};

ops! {
    /// The elements of `(C, H, W)` or `(N, C, H, W)` at their indices within planes of `output_size`, zeros elsewhere. Of
    /// several elements for one place the last stays.
    "max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor" [out]
    pub fn max_unpool2d(x: &Tensor, indices: &Tensor, output_size: &[i64]) -> Tensor = max_unpool2d_body;

    /// The elements of `(C, D, H, W)` or `(N, C, D, H, W)` at their indices within volumes of `output_size`.
    "max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor" [out]
    pub fn max_unpool3d(x: &Tensor, indices: &Tensor, output_size: &[i64], stride: &[i64], padding: &[i64]) -> Tensor = max_unpool3d_body;
}

fn unpooled(k: usize, node: &'static str, x: &Tensor, indices: &Tensor, output: &[i64]) -> Result<Tensor> {
    let nd = x.dim();
    ensure!(
        indices.dtype() == DType::I64,
        Runtime,
        "elements in indices should be type int64 but got: {}",
        indices.dtype().scalar_type_name()
    );
    ensure!(
        x.shape() == indices.shape(),
        Runtime,
        "Expected shape of indices to be same as that of the input tensor ({:?}) but got indices tensor with shape: {:?}",
        x.shape(),
        indices.shape()
    );
    ensure!(
        x.dtype().is_float() || x.dtype().is_int(),
        NotImplemented,
        "\"max_unpool\" not implemented for '{}'",
        x.dtype().scalar_type_name()
    );
    let n = sizes(output)?;
    let shape = replaced(x.shape(), &n);
    let volume = crate::layout::checked_numel(&n, 8)?;
    let lead = &x.shape()[..nd - k];
    let planes = lead.iter().product();
    let cells = x.shape()[nd - k..].iter().product();
    let y = in_order_of(
        x,
        scattered(&x.detach(), indices, &shape, k, [planes, cells, volume], false)?,
    )?;
    y.record(node, [x], |r| {
        let (at, lead, shape) = (r.keep(indices), ints(lead), x.shape().to_vec());
        move |c: &Ctx, g: &Tensor| {
            let flat = |t: &Tensor, n: usize| {
                let mut s = lead.to_vec();
                s.push(n as i64);
                reshape(t, &s)
            };
            let picked = gather(&flat(g, volume)?, -1, &flat(&c.get(at)?, cells)?, false)?;
            reshape(&picked, &ints(&shape))
        }
    })
}

fn max_unpool2d_body(x: &Tensor, indices: &Tensor, output: &[i64]) -> Result<Tensor> {
    ensure!(
        output.len() == 2,
        Runtime,
        "There should be exactly two elements (height, width) in output_size, but got {} elements.",
        output.len()
    );
    ensure!(
        x.dim() == 3 || x.dim() == 4,
        Runtime,
        "Input to max_unpooling2d should be a 3d or 4d Tensor, but got a tensor with {} dimensions.",
        x.dim()
    );
    for d in 1..x.dim() {
        ensure!(
            x.shape()[d] > 0,
            Runtime,
            "max_unpooling2d(): Expected input to have non-zero size for non-batch dimensions, but got {:?} with dimension {d} being empty.",
            x.shape()
        );
    }
    unpooled(2, "MaxUnpool2DBackward0", x, indices, output)
}

fn max_unpool3d_body(x: &Tensor, indices: &Tensor, output: &[i64], stride: &[i64], padding: &[i64]) -> Result<Tensor> {
    ensure!(
        x.dim() == 4 || x.dim() == 5,
        Runtime,
        "Input to max_unpooling3d should be a 4d or 5d Tensor, but got a tensor with {} dimensions.",
        x.dim()
    );
    for (list, what) in [(output, "output_size"), (stride, "stride"), (padding, "padding")] {
        ensure!(
            list.len() == 3,
            Runtime,
            "There should be exactly three elements (depth, height, width) in {what}, but got: {} elements.",
            list.len()
        );
    }
    for d in 1..x.dim() {
        ensure!(
            x.shape()[d] > 0,
            Runtime,
            "max_unpooling3d(): Expected input to have non-zero size for non-batch dimensions, but got {:?} with dimension {d} being empty.",
            x.shape()
        );
    }
    ensure!(
        stride.iter().all(|s| *s > 0),
        Runtime,
        "strides should be greater than zero, but got stride: {stride:?}"
    );
    unpooled(3, "MaxUnpool3DBackward0", x, indices, output)
}

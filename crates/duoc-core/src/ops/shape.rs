//! Expansion and its reverse.

use crate::{OrThrow, Result, Tensor, bail, ops};

ops! {
    /// A view with size-1 dimensions repeated to `size` without memory; -1 keeps a dimension. `implicit` is ignored.
    "expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)" [method]
    pub fn expand(x: &Tensor, size: &[i64], implicit: bool) -> Tensor = expand_body;

    /// Sums over the dimensions that broadcasting to this tensor's shape would have added.
    "sum_to_size(Tensor self, SymInt[] size) -> Tensor" [method]
    pub fn sum_to_size(x: &Tensor, size: &[i64]) -> Tensor = sum_to_size_body;
}

fn expand_body(x: &Tensor, size: &[i64], _implicit: bool) -> Result<Tensor> {
    let wanted = expanded_size(x, size)?;
    let Some(layout) = x.layout().expand(&wanted, x.dtype())? else {
        bail!(
            Runtime,
            "expand: a tensor of shape {:?} cannot be expanded to {size:?}",
            x.shape()
        );
    };
    let shape: crate::layout::Dims = x.shape().into();
    x.record_view(layout, "ExpandBackward0", move |_, g| sum_to(g, &shape))
}

fn expanded_size(x: &Tensor, size: &[i64]) -> Result<crate::layout::Dims> {
    let Some(lead) = size.len().checked_sub(x.dim()) else {
        bail!(
            Runtime,
            "expand(torch.{}Tensor{{{:?}}}, size={size:?}): the number of sizes provided ({}) must be greater or equal to the number of dimensions in the tensor ({})",
            x.dtype().scalar_type_name(),
            x.shape(),
            size.len(),
            x.dim()
        );
    };
    let mut out: crate::layout::Dims = smallvec::smallvec![0; size.len()];
    // From the last dimension on, as PyTorch: the first misfit met is the one that the error names.
    for (d, n) in size.iter().enumerate().rev() {
        let have = d.checked_sub(lead).map(|k| x.shape()[k]);
        out[d] = match (*n, have) {
            (-1, Some(m)) => m,
            (-1, None) => bail!(
                Runtime,
                "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {d}"
            ),
            (n, _) if n < 0 => bail!(Runtime, "expand: size {n} at dimension {d} of {size:?} is negative"),
            (n, Some(m)) if m != 1 && m as i64 != n => bail!(
                Runtime,
                "The expanded size of the tensor ({n}) must match the existing size ({m}) at non-singleton dimension {d}.  Target sizes: {size:?}.  Tensor sizes: {:?}",
                x.shape()
            ),
            (n, _) => n as usize,
        };
    }
    Ok(out)
}

fn sum_to_size_body(x: &Tensor, size: &[i64]) -> Result<Tensor> {
    let shape = crate::layout::sizes(size)?;
    let fits = shape.len() <= x.dim()
        && shape
            .iter()
            .rev()
            .zip(x.shape().iter().rev())
            .all(|(s, n)| s == n || *s == 1);
    crate::ensure!(
        fits,
        Runtime,
        "size {{{size:?}}} is not expandable to size {{{:?}}}.",
        x.shape()
    );
    if shape.is_empty() {
        return super::reduce::sum(x, None);
    }
    sum_to(x, &shape)
}

/// Sums `x` over the dimensions in which `shape` is smaller: the reverse of broadcasting.
pub(crate) fn sum_to(x: &Tensor, shape: &[usize]) -> Result<Tensor> {
    if x.shape() == shape {
        return Ok(x.clone());
    }
    let lead = x.dim() - shape.len();
    let dims: Vec<i64> = (0..x.dim())
        .filter(|d| *d < lead || shape[d - lead] == 1 && x.shape()[*d] != 1)
        .map(|d| d as i64)
        .collect();
    let summed = if dims.is_empty() {
        x.clone()
    } else {
        super::reduce::sum_dims(x, Some(&dims), true, None)?
    };
    if lead == 0 {
        return Ok(summed);
    }
    let sizes: Vec<i64> = shape.iter().map(|n| *n as i64).collect();
    super::view::view(&summed, &sizes)
}

impl Tensor {
    /// A view with size-1 dimensions repeated to `size`; -1 keeps a dimension.
    #[track_caller]
    pub fn expand(&self, size: &[i64]) -> Tensor {
        expand(self, size, false).or_throw()
    }
}

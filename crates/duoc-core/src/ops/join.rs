//! Joining tensors: `cat`, `stack` and their kin.

use crate::layout::Dims;
use crate::storage::{Mode, access};
use crate::{DType, MemoryFormat, OrThrow, Result, Tensor, bail, ensure, ops, try_result_type};
use duoc_kernels::join::{Part, cat_rows};
use smallvec::SmallVec;

ops! {
    /// The tensors one after the other along dimension `dim`; the other sizes must agree. Dtypes promote. Empty
    /// vectors are skipped.
    "cat(Tensor[] tensors, int dim=0) -> Tensor" [function, out] alias ["concat", "concatenate"]
    pub fn cat(tensors: &[Tensor], dim: i64) -> Tensor = cat_body;

    /// The tensors, all of one shape, along a new dimension `dim`.
    "stack(Tensor[] tensors, int dim=0) -> Tensor" [function, out]
    pub fn stack(tensors: &[Tensor], dim: i64) -> Tensor = stack_body;

    /// Side by side: along dimension 1, vectors along dimension 0.
    "hstack(Tensor[] tensors) -> Tensor" [function, out]
    pub fn hstack(tensors: &[Tensor]) -> Tensor = hstack_body;

    /// On top of each other: along dimension 0, vectors as rows.
    "vstack(Tensor[] tensors) -> Tensor" [function, out] alias ["row_stack"]
    pub fn vstack(tensors: &[Tensor]) -> Tensor = vstack_body;

    /// Behind each other: along dimension 2.
    "dstack(Tensor[] tensors) -> Tensor" [function, out]
    pub fn dstack(tensors: &[Tensor]) -> Tensor = dstack_body;

    /// Side by side, vectors as columns.
    "column_stack(Tensor[] tensors) -> Tensor" [function, out]
    pub fn column_stack(tensors: &[Tensor]) -> Tensor = column_stack_body;

    /// A matrix with the given ones along its diagonal and zeros elsewhere.
    "block_diag(Tensor[] tensors) -> Tensor" [function]
    pub fn block_diag(tensors: &[Tensor]) -> Tensor = block_diag_body;

    /// The tensor with at least one dimension.
    "atleast_1d(Tensor self) -> Tensor" [function]
    pub fn atleast_1d(x: &Tensor) -> Tensor = atleast_1d_body;

    /// Each tensor with at least one dimension.
    "atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]" [function]
    pub fn atleast_1d_all(tensors: &[Tensor]) -> Vec<Tensor> = atleast_1d_all_body;

    /// The tensor with at least two dimensions, new ones in front.
    "atleast_2d(Tensor self) -> Tensor" [function]
    pub fn atleast_2d(x: &Tensor) -> Tensor = atleast_2d_body;

    /// Each tensor with at least two dimensions.
    "atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]" [function]
    pub fn atleast_2d_all(tensors: &[Tensor]) -> Vec<Tensor> = atleast_2d_all_body;

    /// The tensor with at least three dimensions.
    "atleast_3d(Tensor self) -> Tensor" [function]
    pub fn atleast_3d(x: &Tensor) -> Tensor = atleast_3d_body;

    /// Each tensor with at least three dimensions.
    "atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]" [function]
    pub fn atleast_3d_all(tensors: &[Tensor]) -> Vec<Tensor> = atleast_3d_all_body;

    /// The tensors expanded to their common shape, as views.
    "broadcast_tensors(Tensor[] tensors) -> Tensor[]" [function]
    pub fn broadcast_tensors(tensors: &[Tensor]) -> Vec<Tensor> = broadcast_tensors_body;

    /// Coordinate grids of vectors, with matrix (`ij`) indexing.
    "meshgrid(Tensor[] tensors) -> Tensor[]" [function]
    pub fn meshgrid(tensors: &[Tensor]) -> Vec<Tensor> = meshgrid_body;

    /// Coordinate grids of vectors, with matrix (`ij`) or Cartesian (`xy`) indexing, as views.
    "meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]" [function]
    pub fn meshgrid_indexing(tensors: &[Tensor], indexing: &str) -> Vec<Tensor> = meshgrid_indexing_body;

    /// All tuples with one element of each vector, as rows.
    "cartesian_prod(Tensor[] tensors) -> Tensor" [function]
    pub fn cartesian_prod(tensors: &[Tensor]) -> Tensor = cartesian_prod_body;

    /// All selections of `r` elements of a vector in order, as rows.
    "combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor" [function]
    pub fn combinations(x: &Tensor, r: i64, with_replacement: bool) -> Tensor = combinations_body;
}

/// An empty vector, which `cat` skips whatever the others' shapes.
fn is_skipped(t: &Tensor) -> bool {
    t.dim() == 1 && t.numel() == 0
}

fn cat_body(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
    ensure!(
        !tensors.is_empty(),
        Value,
        "torch.cat(): expected a non-empty list of Tensors"
    );
    for (i, t) in tensors.iter().enumerate() {
        ensure!(
            t.dim() > 0,
            Runtime,
            "zero-dimensional tensor (at position {i}) cannot be concatenated"
        );
    }
    let dtype = try_result_type(&tensors.iter().collect::<SmallVec<[&Tensor; 8]>>())?;
    let first = tensors.iter().find(|t| !is_skipped(t)).unwrap_or(&tensors[0]);
    let d = first.wrap_dim(dim)?;
    let mut shape: Dims = first.shape().into();
    shape[d] = 0;
    for (i, t) in tensors.iter().enumerate().filter(|(_, t)| !is_skipped(t)) {
        ensure!(
            t.dim() == first.dim(),
            Runtime,
            "Tensors must have same number of dimensions: got {} and {}",
            first.dim(),
            t.dim()
        );
        for k in (0..t.dim()).filter(|k| *k != d) {
            ensure!(
                t.shape()[k] == first.shape()[k],
                Runtime,
                "Sizes of tensors must match except in dimension {d}. Expected size {} but got size {} for tensor number {i} in the list.",
                first.shape()[k],
                t.shape()[k]
            );
        }
        shape[d] = match shape[d].checked_add(t.shape()[d]) {
            Some(n) => n,
            None => bail!(Runtime, "cat: the size of dimension {d} overflows"),
        };
    }
    let parts: SmallVec<[&Tensor; 8]> = tensors.iter().filter(|t| t.numel() > 0).collect();
    let channels_last = parts
        .iter()
        .all(|t| t.dim() == 4 && !t.is_contiguous() && is_channels_last(t));
    let out = if channels_last && !parts.is_empty() {
        super::copy::uninit_format(&shape, dtype, MemoryFormat::ChannelsLast)?
    } else {
        Tensor::uninit(&shape, dtype)?
    };
    if !parts.is_empty() {
        write_parts(&out, &parts, d)?;
    }
    let inputs: SmallVec<[Option<&Tensor>; 8]> = tensors.iter().map(Some).collect();
    out.record_all("CatBackward0", &inputs, |_| {
        let sizes: Vec<Option<usize>> = tensors.iter().map(|t| (!is_skipped(t)).then(|| t.shape()[d])).collect();
        move |c: &crate::autograd::Ctx, g: &Tensor| -> Result<Vec<Option<Tensor>>> {
            let mut start = 0;
            let mut grads = Vec::with_capacity(sizes.len());
            for (i, n) in sizes.iter().enumerate() {
                let n = n.unwrap_or(0) as i64;
                grads.push(match sizes[i] {
                    _ if !c.needs(i) => None,
                    None => Some(super::factory::zeros_of(&[0], g.dtype())?),
                    Some(_) => Some(super::view::narrow(g, d as i64, start, n)?),
                });
                start += n;
            }
            Ok(grads)
        }
    })
}

fn is_channels_last(t: &Tensor) -> bool {
    let order = super::view::permute(&t.detach(), &[0, 2, 3, 1]);
    order.is_ok_and(|p| p.is_contiguous())
}

/// Copies the parts side by side into `out`: as rows when everything is row-major and of one dtype, else one by one.
fn write_parts(out: &Tensor, parts: &[&Tensor], d: usize) -> Result<()> {
    let plain = |t: &&Tensor| t.is_contiguous() && t.dtype() == out.dtype();
    if out.is_contiguous() && parts.iter().all(plain) {
        let rows: usize = out.shape()[..d].iter().product();
        let size = out.dtype().size();
        let mut operands: SmallVec<[(&Tensor, Mode); 8]> = smallvec::smallvec![(out, Mode::Init)];
        operands.extend(parts.iter().map(|t| (*t, Mode::Read)));
        return access::access_many(&operands, |ptrs| {
            let rows_of = |(t, p): (&&Tensor, &*mut u8)| Part {
                ptr: p.cast_const(),
                bytes: t.shape()[d..].iter().product::<usize>() * size,
            };
            let parts: SmallVec<[Part; 8]> = parts.iter().zip(&ptrs[1..]).map(rows_of).collect();
            // SAFETY: row-major blocks of `rows` rows each, and an output that holds them all.
            unsafe { cat_rows(ptrs[0], &parts, rows) };
            Ok(())
        });
    }
    let mut start = 0;
    for t in parts {
        let n = t.shape()[d];
        let place = out.alias_with(out.layout().slice(d, start, n, 1));
        super::copy::copy_data(&place, t)?;
        start += n;
    }
    Ok(())
}

fn stack_body(tensors: &[Tensor], dim: i64) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        bail!(Runtime, "stack expects a non-empty TensorList")
    };
    let d = crate::layout::wrap_dim(dim, first.dim() + 1)?;
    for (i, t) in tensors.iter().enumerate() {
        ensure!(
            t.shape() == first.shape(),
            Runtime,
            "stack expects each tensor to be equal size, but got {:?} at entry 0 and {:?} at entry {i}",
            first.shape(),
            t.shape()
        );
    }
    let dtype = try_result_type(&tensors.iter().collect::<SmallVec<[&Tensor; 8]>>())?;
    let mut shape: Dims = first.shape().into();
    shape.insert(d, tensors.len());
    let out = Tensor::uninit(&shape, dtype)?;
    if out.numel() > 0 {
        let lifted: Vec<Tensor> = tensors.iter().map(|t| t.alias_with(t.layout().unsqueeze(d))).collect();
        write_parts(&out, &lifted.iter().collect::<SmallVec<[&Tensor; 8]>>(), d)?;
    }
    let inputs: SmallVec<[Option<&Tensor>; 8]> = tensors.iter().map(Some).collect();
    out.record_all("StackBackward0", &inputs, |_| {
        move |_: &_, g: &Tensor| -> Result<Vec<Option<Tensor>>> {
            Ok(super::view::unbind(g, d as i64)?.into_iter().map(Some).collect())
        }
    })
}

fn hstack_body(tensors: &[Tensor]) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "hstack expects a non-empty TensorList");
    let tensors = atleast_1d_all(tensors)?;
    cat(&tensors, if tensors[0].dim() == 1 { 0 } else { 1 })
}

fn vstack_body(tensors: &[Tensor]) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "vstack expects a non-empty TensorList");
    cat(&atleast_2d_all(tensors)?, 0)
}

fn dstack_body(tensors: &[Tensor]) -> Result<Tensor> {
    ensure!(!tensors.is_empty(), Runtime, "dstack expects a non-empty TensorList");
    cat(&atleast_3d_all(tensors)?, 2)
}

fn column_stack_body(tensors: &[Tensor]) -> Result<Tensor> {
    ensure!(
        !tensors.is_empty(),
        Runtime,
        "column_stack expects a non-empty TensorList"
    );
    let columns: Vec<Tensor> = tensors
        .iter()
        .map(|t| match t.dim() {
            0 | 1 => super::view::reshape(t, &[t.numel() as i64, 1]),
            _ => Ok(t.clone()),
        })
        .collect::<Result<_>>()?;
    hstack(&columns)
}

fn block_diag_body(tensors: &[Tensor]) -> Result<Tensor> {
    if tensors.is_empty() {
        return super::factory::zeros_of(&[1, 0], crate::default_dtype());
    }
    let mut blocks = Vec::with_capacity(tensors.len());
    for (i, t) in tensors.iter().enumerate() {
        ensure!(
            t.dim() <= 2,
            Runtime,
            "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {} dimensions",
            t.dim()
        );
        blocks.push(atleast_2d(t)?);
    }
    let dtype = try_result_type(&tensors.iter().collect::<SmallVec<[&Tensor; 8]>>())?;
    let total = |k: usize| blocks.iter().try_fold(0usize, |n, b| n.checked_add(b.shape()[k]));
    let (Some(rows), Some(cols)) = (total(0), total(1)) else {
        bail!(Runtime, "block_diag: the size of the result overflows")
    };
    let out = super::factory::zeros_of(&[rows, cols], dtype)?;
    let mut corners: Vec<[i64; 4]> = Vec::with_capacity(blocks.len());
    let (mut r, mut c) = (0, 0);
    for b in &blocks {
        let corner = [r, c, b.shape()[0] as i64, b.shape()[1] as i64];
        super::copy::copy_data(&block_of(&out, corner)?.detach(), b)?;
        corners.push(corner);
        (r, c) = (r + corner[2], c + corner[3]);
    }
    let inputs: SmallVec<[Option<&Tensor>; 8]> = tensors.iter().map(Some).collect();
    let shapes: Vec<Dims> = tensors.iter().map(|t| t.shape().into()).collect();
    out.record_all("BlockDiagBackward0", &inputs, |_| {
        move |_: &_, g: &Tensor| -> Result<Vec<Option<Tensor>>> {
            let part = |(corner, shape): (&[i64; 4], &Dims)| {
                super::view::reshape(&block_of(g, *corner)?, &super::view::ints(shape)).map(Some)
            };
            corners.iter().zip(&shapes).map(part).collect()
        }
    })
}

fn block_of(x: &Tensor, [r, c, rows, cols]: [i64; 4]) -> Result<Tensor> {
    super::view::narrow(&super::view::narrow(x, 0, r, rows)?, 1, c, cols)
}

fn atleast_1d_body(x: &Tensor) -> Result<Tensor> {
    match x.dim() {
        0 => super::view::reshape(x, &[1]),
        _ => Ok(x.clone()),
    }
}

fn atleast_2d_body(x: &Tensor) -> Result<Tensor> {
    match x.dim() {
        0 => super::view::reshape(x, &[1, 1]),
        1 => super::view::unsqueeze(x, 0),
        _ => Ok(x.clone()),
    }
}

fn atleast_3d_body(x: &Tensor) -> Result<Tensor> {
    match x.dim() {
        0 => super::view::reshape(x, &[1, 1, 1]),
        1 => super::view::unsqueeze(&super::view::unsqueeze(x, 0)?, -1),
        2 => super::view::unsqueeze(x, -1),
        _ => Ok(x.clone()),
    }
}

fn atleast_1d_all_body(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    tensors.iter().map(atleast_1d).collect()
}

fn atleast_2d_all_body(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    tensors.iter().map(atleast_2d).collect()
}

fn atleast_3d_all_body(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    tensors.iter().map(atleast_3d).collect()
}

fn broadcast_tensors_body(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    let mut shape = Dims::new();
    for t in tensors {
        shape = crate::layout::broadcast(&shape, t.shape())?;
    }
    let size = super::view::ints(&shape);
    tensors.iter().map(|t| super::shape::expand(t, &size, false)).collect()
}

fn meshgrid_body(tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    ensure!(!tensors.is_empty(), Runtime, "meshgrid expects a non-empty TensorList");
    ensure!(
        tensors.len() <= duoc_kernels::nd::MAX_DIMS,
        Runtime,
        "meshgrid: tensors have at most 64 dimensions"
    );
    let mut size = Vec::with_capacity(tensors.len());
    for t in tensors {
        ensure!(
            t.dim() <= 1,
            Runtime,
            "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: a tensor of shape {:?}",
            t.shape()
        );
        ensure!(
            t.dtype() == tensors[0].dtype(),
            Runtime,
            "meshgrid expects all tensors to have the same dtype"
        );
        size.push(t.numel() as i64);
    }
    let grid = |(i, t): (usize, &Tensor)| {
        let mut own = vec![1i64; tensors.len()];
        own[i] = -1;
        if t.numel() == 0 {
            own[i] = 0;
        }
        super::shape::expand(&super::view::reshape(t, &own)?, &size, false)
    };
    tensors.iter().enumerate().map(grid).collect()
}

fn meshgrid_indexing_body(tensors: &[Tensor], indexing: &str) -> Result<Vec<Tensor>> {
    match indexing {
        "ij" => meshgrid(tensors),
        "xy" if tensors.len() < 2 => meshgrid(tensors),
        "xy" => {
            let mut swapped = tensors.to_vec();
            swapped.swap(0, 1);
            let mut grids = meshgrid(&swapped)?;
            grids.swap(0, 1);
            Ok(grids)
        }
        _ => bail!(
            Runtime,
            "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {indexing}"
        ),
    }
}

fn cartesian_prod_body(tensors: &[Tensor]) -> Result<Tensor> {
    for t in tensors {
        ensure!(
            t.dim() == 1,
            Runtime,
            "Expect a 1D vector, but got shape {:?}",
            t.shape()
        );
    }
    match tensors {
        [one] => Ok(one.clone()),
        _ => {
            let columns: Vec<Tensor> = meshgrid(tensors)?
                .iter()
                .map(|g| super::view::reshape(g, &[-1]))
                .collect::<Result<_>>()?;
            stack(&columns, 1)
        }
    }
}

fn combinations_body(x: &Tensor, r: i64, with_replacement: bool) -> Result<Tensor> {
    ensure!(
        x.dim() == 1,
        Runtime,
        "Expect a 1D vector, but got shape {:?}",
        x.shape()
    );
    ensure!(r >= 0, Runtime, "Expect a non-negative number, but got {r}");
    let n = x.numel();
    let r = r as usize;
    if r == 0 {
        return super::factory::zeros_of(&[0], x.dtype());
    }
    let count = match count_selections(n, r, with_replacement) {
        Some(c) => c,
        None => bail!(
            Runtime,
            "combinations: there are too many selections of {r} out of {n} elements"
        ),
    };
    let rows = Tensor::uninit(&[count, r], DType::I64)?;
    access::access([(&rows, Mode::Init)], |[p]| {
        let mut to = p.cast::<i64>();
        let step = if with_replacement { 0 } else { 1 };
        let limit = |i: usize| if with_replacement { n } else { n + i + 1 - r };
        // The selections in lexicographic order, by counting up from the last place.
        let mut pick: Vec<usize> = if count > 0 {
            (0..r).map(|i| i * step).collect()
        } else {
            Vec::new()
        };
        for _ in 0..count {
            for place in &pick {
                // SAFETY: `count` rows of `r` places each are written to a tensor of that size.
                unsafe {
                    to.write(*place as i64);
                    to = to.add(1);
                }
            }
            if let Some(i) = (0..r).rev().find(|i| pick[*i] + 1 < limit(*i)) {
                pick[i] += 1;
                for k in i + 1..r {
                    pick[k] = pick[k - 1] + step;
                }
            }
        }
        Ok(())
    })?;
    let picked = super::index::index_select(x, 0, &super::view::view(&rows, &[-1])?)?;
    super::view::view(&picked, &[count as i64, r as i64])
}

/// Binomial coefficients, with or without repetition; None when too large.
fn count_selections(n: usize, r: usize, with_replacement: bool) -> Option<usize> {
    let n = if with_replacement {
        n.checked_add(r)?.saturating_sub(1)
    } else {
        n
    };
    if r > n {
        return Some(0);
    }
    // C(n, k) doubles at least with each factor up to k = n / 2, so that this ends before it overflows by much.
    let mut c = 1u128;
    for i in 0..r.min(n - r) {
        c = c.checked_mul((n - i) as u128)? / (i as u128 + 1);
        if c > isize::MAX as u128 {
            return None;
        }
    }
    usize::try_from(c).ok()
}

impl Tensor {
    /// The tensors one after the other along dimension `dim`.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[1i64, 2]);
    /// assert_eq!(Tensor::cat(&[x.clone(), x], 0).to_vec::<i64>(), [1, 2, 1, 2]);
    /// ```
    #[track_caller]
    pub fn cat(tensors: &[Tensor], dim: i64) -> Tensor {
        cat(tensors, dim).or_throw()
    }

    /// The tensors along a new dimension `dim`.
    #[track_caller]
    pub fn stack(tensors: &[Tensor], dim: i64) -> Tensor {
        stack(tensors, dim).or_throw()
    }

    /// The tensors side by side: along dimension 1, vectors along dimension 0.
    #[track_caller]
    pub fn hstack(tensors: &[Tensor]) -> Tensor {
        hstack(tensors).or_throw()
    }

    /// The tensors on top of each other: along dimension 0, vectors as rows.
    #[track_caller]
    pub fn vstack(tensors: &[Tensor]) -> Tensor {
        vstack(tensors).or_throw()
    }

    /// Coordinate grids of vectors, with matrix (`ij`) or Cartesian (`xy`) indexing.
    #[track_caller]
    pub fn meshgrid(tensors: &[Tensor], indexing: &str) -> Vec<Tensor> {
        meshgrid_indexing(tensors, indexing).or_throw()
    }
}

//! Reading and writing by mask: `masked_fill`, `masked_select`, `masked_scatter`, `nonzero`.

use super::index::{apart, dense, expanded, fresh};
use crate::autograd::node::Recorder;
use crate::autograd::record::{check_inplace, record_inplace};
use crate::autograd::{Ctx, Grads};
use crate::iter::{Dest, assert_no_internal_overlap, elementwise};
use crate::layout::{Dims, broadcast};
use crate::storage::{Mode, access};
use crate::{DType, OrThrow, Result, Scalar, Tensor, bail, ensure, ops};
use duoc_kernels::index as kernels;
use smallvec::smallvec;

ops! {
    /// `mask ? value : self`, broadcast; the result has the dtype of `self`.
    "masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor" [function, method]
    pub fn masked_fill(x: &Tensor, mask: &Tensor, value: Scalar) -> Tensor = masked_fill_body;

    /// As `masked_fill.Scalar` with a 0-d tensor.
    "masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor" [function, method]
    pub fn masked_fill_tensor(x: &Tensor, mask: &Tensor, value: &Tensor) -> Tensor = masked_fill_tensor_body;

    /// Fills the elements whose mask is true, in place.
    "masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)" [method]
    pub fn masked_fill_(x: &Tensor, mask: &Tensor, value: Scalar) -> Tensor = masked_fill_inplace;

    /// As `masked_fill_.Scalar` with a 0-d tensor.
    "masked_fill_.Tensor(Tensor(a!) self, Tensor mask, Tensor value) -> Tensor(a!)" [method]
    pub fn masked_fill_tensor_(x: &Tensor, mask: &Tensor, value: &Tensor) -> Tensor = masked_fill_tensor_inplace;

    /// The elements whose mask is true, in row-major order, as a vector.
    "masked_select(Tensor self, Tensor mask) -> Tensor" [function, method, out]
    pub fn masked_select(x: &Tensor, mask: &Tensor) -> Tensor = masked_select_body;

    /// A copy of `self` whose elements with a true mask are those of `source`, in order.
    "masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor" [function, method]
    pub fn masked_scatter(x: &Tensor, mask: &Tensor, source: &Tensor) -> Tensor = masked_scatter_body;

    /// Replaces the elements with a true mask by those of `source`, in order, in place.
    "masked_scatter_(Tensor(a!) self, Tensor mask, Tensor source) -> Tensor(a!)" [method]
    pub fn masked_scatter_(x: &Tensor, mask: &Tensor, source: &Tensor) -> Tensor = masked_scatter_inplace;

    /// The coordinates of the non-zero elements, one row each, in row-major order.
    "nonzero(Tensor self) -> Tensor" [function, method, out]
    pub fn nonzero(x: &Tensor) -> Tensor = nonzero_body;

    /// As `nonzero`.
    "argwhere(Tensor self) -> Tensor" [function, method]
    pub fn argwhere(x: &Tensor) -> Tensor = nonzero_body;

    /// The coordinates of the non-zero elements, one tensor per dimension.
    "nonzero_numpy(Tensor self) -> Tensor[]" []
    pub fn nonzero_numpy(x: &Tensor) -> Vec<Tensor> = nonzero_numpy_body;

    /// As `nonzero_numpy`: the one-argument form of `where`.
    "where(Tensor condition) -> Tensor[]" [function]
    pub fn where_nonzero(condition: &Tensor) -> Vec<Tensor> = nonzero_numpy_body;

    /// The first `size` rows of `nonzero`, filled up with `fill_value`.
    "nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor" [function, method]
    pub fn nonzero_static(x: &Tensor, size: i64, fill_value: i64) -> Tensor = nonzero_static_body;
}

fn check_mask(mask: &Tensor) -> Result<()> {
    ensure!(
        mask.dtype() == DType::Bool,
        Runtime,
        "masked_fill_ only supports boolean masks, but got mask with dtype {}",
        c_name(mask.dtype())
    );
    Ok(())
}

/// The C++ name of a dtype, as `caffe2::TypeMeta` prints it.
fn c_name(dtype: DType) -> &'static str {
    match dtype {
        DType::U8 => "unsigned char",
        DType::I8 => "signed char",
        DType::I16 => "short int",
        DType::I32 => "int",
        DType::I64 => "long int",
        DType::F16 => "c10::Half",
        DType::BF16 => "c10::BFloat16",
        DType::F32 => "float",
        DType::F64 => "double",
        DType::C64 => "c10::complex<float>",
        DType::C128 => "c10::complex<double>",
        d => d.name(),
    }
}

/// The bytes of a fill value in the dtype of `x`.
fn fill_bytes(x: &Tensor, value: &Tensor) -> Result<[u8; 16]> {
    ensure!(
        value.dim() == 0,
        Runtime,
        "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).",
        value.dim()
    );
    ensure!(
        !value.dtype().is_complex() || x.dtype().is_complex(),
        Runtime,
        "value cannot be converted to type {} without overflow",
        c_name(x.dtype())
    );
    value.try_item()?.to_bytes(x.dtype())
}

fn masked_fill_grads(r: &mut Recorder, mask: &Tensor) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let mask = r.keep(mask);
    move |c, g| {
        let mask = c.get(mask)?;
        let own = if c.needs(0) {
            Some(masked_fill(g, &mask, Scalar::Int(0))?)
        } else {
            None
        };
        let value = if c.needs(1) {
            Some(super::reduce::sum(&masked_select(g, &mask)?, None)?)
        } else {
            None
        };
        Ok(smallvec![own, value])
    }
}

fn masked_fill_body(x: &Tensor, mask: &Tensor, value: Scalar) -> Result<Tensor> {
    masked_fill_tensor(x, mask, &Tensor::wrapped(value)?)
}

fn masked_fill_tensor_body(x: &Tensor, mask: &Tensor, value: &Tensor) -> Result<Tensor> {
    check_mask(mask)?;
    let bytes = fill_bytes(x, value)?;
    let kernel = kernels::masked_fill_loop(x.dtype().size());
    let out = elementwise(Dest::New, x.dtype(), &[x, mask], kernel, bytes.as_ptr(), 1)?;
    out.record("MaskedFillBackward0", [x, value], |r| masked_fill_grads(r, mask))
}

fn masked_fill_inplace(x: &Tensor, mask: &Tensor, value: Scalar) -> Result<Tensor> {
    masked_fill_tensor_(x, mask, &Tensor::wrapped(value)?)
}

fn masked_fill_tensor_inplace(x: &Tensor, mask: &Tensor, value: &Tensor) -> Result<Tensor> {
    check_mask(mask)?;
    let bytes = fill_bytes(x, value)?;
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    let mask = apart(mask, x)?;
    let kernel = kernels::masked_fill_loop(x.dtype().size());
    elementwise(Dest::Into(x), x.dtype(), &[x, &mask], kernel, bytes.as_ptr(), 1)?;
    record_inplace(x, "MaskedFillBackward0", &[Some(x), Some(value)], |r| {
        masked_fill_grads(r, &mask)
    })?;
    Ok(x.clone())
}

fn masked_select_body(x: &Tensor, mask: &Tensor) -> Result<Tensor> {
    ensure!(
        mask.dtype() == DType::Bool,
        Runtime,
        "masked_select: expected BoolTensor for mask"
    );
    let shape = broadcast(mask.shape(), x.shape())?;
    crate::layout::checked_numel(&shape, x.dtype().size())?;
    let data = dense(&expanded(x, &shape)?)?;
    let truth = dense(&expanded(mask, &shape)?)?;
    let n = data.numel();
    // The count and the copy happen under one lock: nobody can change the mask in between.
    let out = access::access([(&data, Mode::Read), (&truth, Mode::Read)], |[from, truth]| {
        // SAFETY: both are row-major with `n` elements; the output has room for the counted ones.
        unsafe {
            let out = Tensor::uninit(&[kernels::count(truth, n)], x.dtype())?;
            kernels::masked_select(out.data_ptr(), from, truth, n, x.dtype().size());
            Ok(out)
        }
    })?;
    out.record("MaskedSelectBackward0", [x], |r| {
        let mask = r.keep(mask);
        move |c: &Ctx, g: &Tensor| {
            let zeros = super::factory::zeros_of(&shape, g.dtype())?;
            masked_scatter(&zeros, &c.get(mask)?, g)
        }
    })
}

fn masked_scatter_into(x: &Tensor, mask: &Tensor, source: &Tensor) -> Result<()> {
    ensure!(
        mask.dtype() == DType::Bool,
        Runtime,
        "masked_scatter_ only supports boolean masks, but got mask with dtype {}",
        mask.dtype().scalar_type_name()
    );
    ensure!(
        x.dtype() == source.dtype(),
        Runtime,
        "masked_scatter: expected self and source to have same dtypes but got{} and {}",
        x.dtype().scalar_type_name(),
        source.dtype().scalar_type_name()
    );
    let truth = dense(&expanded(&apart(mask, x)?, x.shape())?)?;
    let source = dense(&apart(source, x)?)?;
    let target = if x.is_contiguous() { x.clone() } else { dense(x)? };
    let mode = if target.is_same(x) { Mode::Write } else { Mode::Init };
    let n = target.numel();
    let operands = [(&target, mode), (&truth, Mode::Read), (&source, Mode::Read)];
    access::access(operands, |[to, truth, from]| {
        // SAFETY: row-major blocks of `n` elements; the source has been checked to hold enough.
        unsafe {
            ensure!(
                kernels::count(truth, n) <= source.numel(),
                Runtime,
                "Number of elements of source < number of ones in mask"
            );
            kernels::masked_scatter(to, truth, from, n, x.dtype().size());
        }
        Ok(())
    })?;
    if target.is_same(x) {
        Ok(())
    } else {
        super::copy::copy_data(x, &target)
    }
}

fn masked_scatter_grads(
    r: &mut Recorder,
    mask: &Tensor,
    source: &Tensor,
) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let mask = r.keep(mask);
    let shape: Dims = source.shape().into();
    move |c, g| {
        let mask = c.get(mask)?;
        let own = if c.needs(0) {
            Some(masked_fill(g, &mask, Scalar::Int(0))?)
        } else {
            None
        };
        let source = if c.needs(1) {
            // What the mask let through, followed by zeros for the elements that were not used.
            let used = masked_select(g, &expanded(&mask, g.shape())?)?;
            let n: usize = shape.iter().product();
            let rest = super::factory::zeros_of(&[n.saturating_sub(used.numel())], g.dtype())?;
            let row = super::join::cat(&[used, rest], 0)?;
            Some(super::view::reshape(&row, &super::view::ints(&shape))?)
        } else {
            None
        };
        Ok(smallvec![own, source])
    }
}

fn masked_scatter_body(x: &Tensor, mask: &Tensor, source: &Tensor) -> Result<Tensor> {
    let shape = broadcast(x.shape(), mask.shape())?;
    let whole = expanded(x, &shape)?;
    let out = fresh(&whole)?;
    masked_scatter_into(&out, mask, source)?;
    out.record("MaskedScatterBackward0", [x, source], |r| {
        masked_scatter_grads(r, mask, source)
    })
}

fn masked_scatter_inplace(x: &Tensor, mask: &Tensor, source: &Tensor) -> Result<Tensor> {
    ensure!(
        mask.dim() <= x.dim(),
        Runtime,
        "expand(CPUBoolType{{{:?}}}, size={:?}): the number of sizes provided ({}) must be greater or equal to the number of dimensions in the tensor ({})",
        mask.shape(),
        x.shape(),
        x.dim(),
        mask.dim()
    );
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    masked_scatter_into(x, mask, source)?;
    record_inplace(x, "MaskedScatterBackward0", &[Some(x), Some(source)], |r| {
        masked_scatter_grads(r, mask, source)
    })?;
    Ok(x.clone())
}

fn nonzero_body(x: &Tensor) -> Result<Tensor> {
    let truth = dense(&super::pointwise::converted(x, DType::Bool)?)?;
    let n = truth.numel();
    access::access([(&truth, Mode::Read)], |[p]| {
        // SAFETY: row-major with `n` elements; the output has a row for each true one.
        unsafe {
            let rows = kernels::count(p, n);
            // As in PyTorch, the coordinates of one dimension lie together: the result is a transpose.
            let out = Tensor::uninit_permuted(&[rows, x.dim()], &[1, 0], DType::I64)?;
            kernels::nonzero(out.data_ptr().cast(), p, truth.shape(), rows);
            Ok(out)
        }
    })
}

fn nonzero_numpy_body(x: &Tensor) -> Result<Vec<Tensor>> {
    let x = if x.dim() == 0 {
        super::view::unsqueeze(x, 0)?
    } else {
        x.clone()
    };
    super::view::unbind(&nonzero(&x)?, 1)
}

fn nonzero_static_body(x: &Tensor, size: i64, fill_value: i64) -> Result<Tensor> {
    let Ok(size) = usize::try_from(size) else {
        bail!(Runtime, "nonzero_static: 'size' must be an non-negative integer")
    };
    let found = nonzero(x)?;
    let out = super::factory::full_of(&[size, x.dim()], Scalar::Int(fill_value), DType::I64)?;
    let n = size.min(found.shape()[0]) as i64;
    super::copy::copy_data(
        &super::view::narrow(&out, 0, 0, n)?,
        &super::view::narrow(&found, 0, 0, n)?,
    )?;
    Ok(out)
}

impl Tensor {
    /// `mask ? value : self`, broadcast.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let x = Tensor::from_slice(&[1i64, 2, 3]);
    /// let mask = Tensor::from_slice(&[true, false, true]);
    /// assert_eq!(x.masked_fill(&mask, 0).to_vec::<i64>(), [0, 2, 0]);
    /// ```
    #[track_caller]
    pub fn masked_fill(&self, mask: &Tensor, value: impl Into<Scalar>) -> Tensor {
        masked_fill(self, mask, value.into()).or_throw()
    }

    /// Fills the elements whose mask is true, in place.
    #[track_caller]
    pub fn masked_fill_(&self, mask: &Tensor, value: impl Into<Scalar>) -> &Tensor {
        masked_fill_(self, mask, value.into()).or_throw();
        self
    }

    /// The elements whose mask is true, as a vector.
    #[track_caller]
    pub fn masked_select(&self, mask: &Tensor) -> Tensor {
        masked_select(self, mask).or_throw()
    }

    /// The coordinates of the non-zero elements, one row each.
    #[track_caller]
    pub fn nonzero(&self) -> Tensor {
        nonzero(self).or_throw()
    }

    /// A copy whose elements with a true mask are those of `source`, in order.
    #[track_caller]
    pub fn masked_scatter(&self, mask: &Tensor, source: &Tensor) -> Tensor {
        masked_scatter(self, mask, source).or_throw()
    }
}

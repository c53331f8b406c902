//! Reading and writing at places of the flattened tensor: `take`, `put`.

use super::index::{Plan, apart, dense, fresh};
use crate::autograd::node::Recorder;
use crate::autograd::record::{check_inplace, record_inplace};
use crate::autograd::{Ctx, Grads};
use crate::iter::assert_no_internal_overlap;
use crate::layout::Dims;
use crate::storage::Mode;
use crate::{DType, Error, OrThrow, Result, Tensor, ensure, err, ops};
use duoc_kernels::index::{BadIndex, Combine};
use smallvec::smallvec;

ops! {
    /// The elements of `self`, seen as one row, at the given places; negative ones count from the end.
    "take(Tensor self, Tensor index) -> Tensor" [function, method, out]
    pub fn take(x: &Tensor, index: &Tensor) -> Tensor = take_body;

    /// A copy of `self` whose elements at the given places of the flattened tensor are those of `source`.
    "put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor" [function, method]
    pub fn put(x: &Tensor, index: &Tensor, source: &Tensor, accumulate: bool) -> Tensor = put_body;

    /// Writes `source` to the given places of the flattened tensor, in place.
    "put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)" [method]
    pub fn put_(x: &Tensor, index: &Tensor, source: &Tensor, accumulate: bool) -> Tensor = put_inplace;
}

fn check_long(op: &str, index: &Tensor) -> Result<()> {
    ensure!(
        index.dtype() == DType::I64,
        Runtime,
        "{op}: Expected a long tensor for index, but got {}",
        index.dtype().scalar_type_name()
    );
    Ok(())
}

fn no_such_place(b: BadIndex) -> Error {
    err!(
        Index,
        "out of range: tried to access index {} on a tensor of {} elements.",
        b.index,
        b.size
    )
}

fn take_body(x: &Tensor, index: &Tensor) -> Result<Tensor> {
    check_long("take()", index)?;
    ensure!(
        x.numel() > 0 || index.numel() == 0,
        Index,
        "take(): tried to take from an empty tensor"
    );
    let row = flat(&dense(x)?);
    let plan = Plan::single(&row, 0, index)?;
    let out = plan.take(&row, index.shape(), true, no_such_place)?;
    let shape: Dims = x.shape().into();
    out.record("TakeBackward0", [x], |r| {
        let index = r.keep(index);
        move |c: &Ctx, g: &Tensor| put(&super::factory::zeros_of(&shape, g.dtype())?, &c.get(index)?, g, true)
    })
}

/// A row-major tensor as one row, outside the graph.
fn flat(t: &Tensor) -> Tensor {
    match t.layout().view(&[t.numel()]) {
        Some(layout) => t.alias_with(layout),
        None => t.clone(),
    }
}

fn put_into(x: &Tensor, mode: Mode, index: &Tensor, source: &Tensor, accumulate: bool) -> Result<()> {
    check_long("put_()", index)?;
    ensure!(
        x.dtype() == source.dtype(),
        Runtime,
        "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
        x.dtype().scalar_type_name(),
        source.dtype().scalar_type_name()
    );
    ensure!(
        source.numel() == index.numel(),
        Index,
        "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
        source.numel(),
        index.numel()
    );
    let op = if accumulate { Combine::Add } else { Combine::Set };
    let source = flat(&dense(&apart(source, x)?)?);
    if x.is_contiguous() {
        let row = flat(x);
        return Plan::single(&row, 0, index)?.put(&row, mode, op, &source, true, no_such_place);
    }
    // Places count in row-major order, which strides other than the natural ones do not follow.
    let copy = dense(x)?;
    let row = flat(&copy);
    Plan::single(&row, 0, index)?.put(&row, Mode::Init, op, &source, true, no_such_place)?;
    super::copy::copy_data(x, &copy)
}

fn put_grads(
    r: &mut Recorder,
    index: &Tensor,
    source: &Tensor,
    accumulate: bool,
) -> impl Fn(&Ctx, &Tensor) -> Result<Grads> + use<> {
    let index = r.keep(index);
    let shape: Dims = source.shape().into();
    move |c, g| {
        let index = c.get(index)?;
        let own = match c.needs(0) {
            false => None,
            true if accumulate => Some(g.clone()),
            true => {
                let zeros = super::factory::zeros_of(index.shape(), g.dtype())?;
                Some(put(g, &index, &zeros, false)?)
            }
        };
        let source = if c.needs(1) {
            Some(super::view::reshape(&take(g, &index)?, &super::view::ints(&shape))?)
        } else {
            None
        };
        Ok(smallvec![own, source])
    }
}

fn put_body(x: &Tensor, index: &Tensor, source: &Tensor, accumulate: bool) -> Result<Tensor> {
    let out = fresh(x)?;
    put_into(&out, Mode::Init, index, source, accumulate)?;
    out.record("PutBackward0", [x, source], |r| put_grads(r, index, source, accumulate))
}

fn put_inplace(x: &Tensor, index: &Tensor, source: &Tensor, accumulate: bool) -> Result<Tensor> {
    check_inplace(x)?;
    assert_no_internal_overlap(x)?;
    put_into(x, Mode::Write, index, source, accumulate)?;
    record_inplace(x, "PutBackward0", &[Some(x), Some(source)], |r| {
        put_grads(r, index, source, accumulate)
    })?;
    Ok(x.clone())
}

impl Tensor {
    /// The elements at the given places of the flattened tensor.
    #[track_caller]
    pub fn take(&self, index: &Tensor) -> Tensor {
        take(self, index).or_throw()
    }
}

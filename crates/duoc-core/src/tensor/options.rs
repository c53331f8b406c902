//! New tensors with options: `Tensor::options().dtype(DType::F64).requires_grad(true).zeros(&[2, 3])`.

use super::Tensor;
use crate::ops::{factory, range};
use crate::{DType, Device, OrThrow, Result, Scalar};

/// What a new tensor is to be; made by [`Tensor::options`]. Every method at the end of the chain throws.
///
/// ```
/// use duoc_core::{DType, Tensor};
/// let x = Tensor::options().dtype(DType::F64).requires_grad(true).ones(&[2]);
/// assert_eq!(x.to_string(), "tensor([1., 1.], dtype=torch.float64, requires_grad=True)");
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct TensorOptions {
    dtype: Option<DType>,
    device: Option<Device>,
    requires_grad: bool,
}

impl Tensor {
    /// Options for a new tensor: the default dtype, the CPU, no gradient, until they are set.
    pub fn options() -> TensorOptions {
        TensorOptions::default()
    }
}

impl TensorOptions {
    /// The element type.
    pub fn dtype(mut self, dtype: DType) -> TensorOptions {
        self.dtype = Some(dtype);
        self
    }

    /// Where the elements are.
    pub fn device(mut self, device: Device) -> TensorOptions {
        self.device = Some(device);
        self
    }

    /// Whether operations on the tensor are recorded.
    pub fn requires_grad(mut self, on: bool) -> TensorOptions {
        self.requires_grad = on;
        self
    }

    #[track_caller]
    fn finish(self, t: Result<Tensor>) -> Tensor {
        match self.requires_grad {
            true => t.and_then(|t| t.requires_grad_(true)).or_throw(),
            false => t.or_throw(),
        }
    }

    /// Uninitialised elements.
    #[track_caller]
    pub fn empty(self, size: &[i64]) -> Tensor {
        self.finish(factory::empty(size, self.dtype, None, self.device, None, None))
    }

    /// All elements 0.
    #[track_caller]
    pub fn zeros(self, size: &[i64]) -> Tensor {
        self.finish(factory::zeros(size, self.dtype, None, self.device, None))
    }

    /// All elements 1.
    #[track_caller]
    pub fn ones(self, size: &[i64]) -> Tensor {
        self.finish(factory::ones(size, self.dtype, None, self.device, None))
    }

    /// All elements `value`; the dtype follows the value when none is set.
    #[track_caller]
    pub fn full(self, size: &[i64], value: impl Into<Scalar>) -> Tensor {
        self.finish(factory::full(size, value.into(), self.dtype, None, self.device, None))
    }

    /// `start, start + 1, ..` below `end`.
    #[track_caller]
    pub fn arange(self, start: impl Into<Scalar>, end: impl Into<Scalar>) -> Tensor {
        self.arange_step(start, end, 1i64)
    }

    /// `start, start + step, ..` before `end`.
    #[track_caller]
    pub fn arange_step(self, start: impl Into<Scalar>, end: impl Into<Scalar>, step: impl Into<Scalar>) -> Tensor {
        let (start, end, step) = (start.into(), end.into(), step.into());
        self.finish(range::arange_step(
            start,
            end,
            step,
            self.dtype,
            None,
            self.device,
            None,
        ))
    }

    /// `steps` evenly spaced numbers from `start` to `end`.
    #[track_caller]
    pub fn linspace(self, start: impl Into<Scalar>, end: impl Into<Scalar>, steps: i64) -> Tensor {
        let (start, end) = (start.into(), end.into());
        self.finish(range::linspace(start, end, steps, self.dtype, None, self.device, None))
    }

    /// `base` to the power of `steps` evenly spaced numbers from `start` to `end`.
    #[track_caller]
    pub fn logspace(self, start: impl Into<Scalar>, end: impl Into<Scalar>, steps: i64, base: f64) -> Tensor {
        let (start, end) = (start.into(), end.into());
        self.finish(range::logspace(
            start,
            end,
            steps,
            base,
            self.dtype,
            None,
            self.device,
            None,
        ))
    }

    /// The identity matrix.
    #[track_caller]
    pub fn eye(self, n: i64) -> Tensor {
        self.finish(range::eye(n, self.dtype, None, self.device, None))
    }

    /// A 0-d tensor with a number.
    #[track_caller]
    pub fn scalar(self, value: impl Into<Scalar>) -> Tensor {
        self.finish(factory::scalar_tensor(
            value.into(),
            self.dtype,
            None,
            self.device,
            None,
        ))
    }
}

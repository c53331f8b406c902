//! Parameters and buffers: tensors that can be exchanged under every handle that names them.
//!
//! A handle leads to a *seat*. Giving the parameter another tensor (another dtype or device, a new shape) opens a next
//! seat behind the present one, and every handle walks on to the last seat when it is read: a module, a tied module and a
//! live optimiser all see the new tensor, and no handle is ever stale.

use duoc_core::{OrThrow, Result, Tensor};
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

struct Seat {
    /// The same for all seats of one parameter.
    id: u64,
    tensor: Tensor,
    next: OnceLock<Arc<Seat>>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        // One after the other: a long row of seats must not recurse.
        let mut next = self.next.take();
        while let Some(mut seat) = next.and_then(Arc::into_inner) {
            next = seat.next.take();
        }
    }
}

#[derive(Clone)]
struct Handle(Arc<Seat>);

pub(crate) fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Relaxed)
}

impl Handle {
    fn new(tensor: Tensor) -> Handle {
        Handle(Arc::new(Seat {
            id: next_id(),
            tensor,
            next: OnceLock::new(),
        }))
    }

    fn last(&self) -> &Arc<Seat> {
        let mut seat = &self.0;
        while let Some(next) = seat.next.get() {
            seat = next;
        }
        seat
    }

    fn set(&self, tensor: Tensor) {
        let mut new = Arc::new(Seat {
            id: self.0.id,
            tensor,
            next: OnceLock::new(),
        });
        // Another thread may have opened the next seat meanwhile: then ours comes behind it.
        while let Err(refused) = self.last().next.set(new) {
            new = refused;
        }
    }

    fn settle(&mut self) {
        let last = self.last().clone();
        self.0 = last;
    }
}

/// A tensor that training changes. It is used like the tensor itself; `Clone` is another handle to the same parameter,
/// which is how weights are tied.
///
/// ```
/// use duoc_nn::Param;
/// use duoc_core::{DType, Tensor};
/// let weight = Param::new(Tensor::ones(&[2]));
/// let tied = weight.clone();
/// weight.set(&weight.to_dtype(DType::F64)).unwrap();
/// assert_eq!(tied.dtype(), DType::F64);
/// assert!(tied.requires_grad() && tied.is_leaf());
/// ```
#[derive(Clone)]
pub struct Param(Handle);

impl Param {
    /// A parameter with the elements of `tensor`, of which gradients are recorded. Throws for a dtype without gradients.
    #[track_caller]
    pub fn new(tensor: Tensor) -> Param {
        Param::try_new(tensor, true).or_throw()
    }

    /// A parameter with the elements of `tensor`; `requires_grad` says whether gradients are recorded.
    pub fn try_new(tensor: Tensor, requires_grad: bool) -> Result<Param> {
        let leaf = tensor.detach();
        leaf.set_requires_grad(requires_grad)?;
        Ok(Param(Handle::new(leaf)))
    }

    /// A handle to a tensor as it is, which may be a result with history: a weight that is computed for one call.
    pub(crate) fn holding(tensor: Tensor) -> Param {
        Param(Handle::new(tensor))
    }

    /// A number that is the same for all handles to this parameter and for no other parameter.
    pub fn id(&self) -> u64 {
        self.0.0.id
    }

    /// The present tensor.
    pub fn tensor(&self) -> &Tensor {
        &self.0.last().tensor
    }

    /// Gives the parameter another tensor: PyTorch's `param.data = tensor`. It stays the same leaf, with its hooks and its
    /// `requires_grad`; its gradient stays if it fits. Every handle sees the change.
    pub fn set(&self, tensor: &Tensor) -> Result<()> {
        let new = self.tensor().with_data(tensor)?;
        let fits = |g: &Tensor| (g.shape(), g.dtype()) == (tensor.shape(), tensor.dtype());
        if new.grad().is_some_and(|g| !fits(&g)) {
            new.set_grad(None)?;
        }
        self.0.set(new);
        Ok(())
    }

    /// Lets go of the tensors that the parameter had before. Reading a handle never needs this; it frees memory.
    pub fn settle(&mut self) {
        self.0.settle();
    }

    /// Whether two handles name one parameter.
    pub fn is_same(&self, other: &Param) -> bool {
        self.id() == other.id()
    }

    /// Another parameter with a copy of the elements.
    pub fn deep_copy(&self) -> Result<Param> {
        let copy = duoc_core::autograd::no_grad(|| duoc_core::catch(|| self.tensor().detach().copy()))?;
        Param::try_new(copy, self.requires_grad())
    }
}

impl Deref for Param {
    type Target = Tensor;
    fn deref(&self) -> &Tensor {
        self.tensor()
    }
}

impl From<Tensor> for Param {
    #[track_caller]
    fn from(tensor: Tensor) -> Param {
        Param::new(tensor)
    }
}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parameter containing:\n{}", self.tensor())
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Param({}, {})", self.dtype(), self.size())
    }
}

/// A tensor that belongs to a module and is no parameter: running statistics, tables. It moves with the module
/// ([`crate::Module::to`]) and, when it is persistent, is in its state dict.
///
/// ```
/// use duoc_nn::Buffer;
/// use duoc_core::Tensor;
/// let running_mean = Buffer::new(Tensor::zeros(&[3]));
/// running_mean.add_(&Tensor::ones(&[3]));
/// assert_eq!(running_mean.sum().item().to_f64(), 3.0);
/// ```
#[derive(Clone)]
pub struct Buffer {
    handle: Handle,
    persistent: bool,
}

impl Buffer {
    /// A buffer that is in the state dict.
    pub fn new(tensor: Tensor) -> Buffer {
        Buffer {
            handle: Handle::new(tensor),
            persistent: true,
        }
    }

    /// A buffer that is not in the state dict: what can be computed again.
    pub fn transient(tensor: Tensor) -> Buffer {
        Buffer {
            handle: Handle::new(tensor),
            persistent: false,
        }
    }

    /// Whether it is in the state dict.
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// A number that is the same for all handles to this buffer and for no other.
    pub fn id(&self) -> u64 {
        self.handle.0.id
    }

    /// The present tensor.
    pub fn tensor(&self) -> &Tensor {
        &self.handle.last().tensor
    }

    /// Puts another tensor in the buffer's place, for every handle.
    pub fn set(&self, tensor: Tensor) {
        self.handle.set(tensor);
    }

    /// Lets go of the tensors that the buffer had before.
    pub fn settle(&mut self) {
        self.handle.settle();
    }

    /// Another buffer with a copy of the elements.
    pub fn deep_copy(&self) -> Result<Buffer> {
        let copy = duoc_core::autograd::no_grad(|| duoc_core::catch(|| self.tensor().copy()))?;
        Ok(Buffer {
            handle: Handle::new(copy),
            persistent: self.persistent,
        })
    }
}

impl Deref for Buffer {
    type Target = Tensor;
    fn deref(&self) -> &Tensor {
        self.tensor()
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({}, {})", self.dtype(), self.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duoc_core::DType;

    #[test]
    fn every_handle_follows_and_a_long_row_of_seats_is_dropped() {
        let mut p = Param::new(Tensor::zeros(&[1]));
        let mut q = p.clone();
        let ones = Tensor::ones(&[1]);
        for _ in 0..100_000 {
            p.set(&ones).unwrap();
            p.settle();
        }
        assert_eq!(q.id(), p.id());
        assert_eq!(q.item().to_f64(), 1.0);
        q.settle();
        drop(p);
        assert_eq!(q.item().to_f64(), 1.0);
    }

    #[test]
    fn a_gradient_stays_only_where_it_fits() {
        let p = Param::new(Tensor::ones(&[2]));
        p.sum().backward().unwrap();
        p.set(&Tensor::zeros(&[2])).unwrap();
        assert!(p.grad().is_some());
        p.set(&p.to_dtype(DType::F64)).unwrap();
        assert!(p.grad().is_none() && p.requires_grad());
    }

    #[test]
    fn threads_that_set_at_once_all_arrive() {
        let p = Param::new(Tensor::zeros(&[1]));
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| {
                    for _ in 0..100 {
                        p.set(&Tensor::ones(&[1])).unwrap();
                    }
                });
            }
        });
        let mut seats = 0;
        let mut seat = &p.0.0;
        while let Some(next) = seat.next.get() {
            (seat, seats) = (next, seats + 1);
        }
        assert_eq!(seats, 400);
    }
}

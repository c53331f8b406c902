//! Memory that somebody else owns.

/// An owner of host bytes that tensors may share without a copy.
///
/// # Safety
/// `ptr` must stay valid for reads and writes of `len` bytes until the value is dropped, at one address.
pub unsafe trait Memory: Send + Sync {
    /// The first byte.
    fn ptr(&self) -> *mut u8;
    /// Number of bytes.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A vector as the memory of a tensor: `Tensor::from_vec` takes it without a copy.
pub(crate) struct VecMemory<T> {
    ptr: *mut T,
    len: usize,
    capacity: usize,
}

// SAFETY: the vector is owned; access goes through the storage's lock.
unsafe impl<T: Send> Send for VecMemory<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for VecMemory<T> {}

impl<T: Copy> VecMemory<T> {
    pub(crate) fn new(v: Vec<T>) -> VecMemory<T> {
        let mut v = std::mem::ManuallyDrop::new(v);
        VecMemory {
            ptr: v.as_mut_ptr(),
            len: v.len(),
            capacity: v.capacity(),
        }
    }
}

// SAFETY: a vector's buffer does not move while nobody grows it.
unsafe impl<T: Send + Copy> Memory for VecMemory<T> {
    fn ptr(&self) -> *mut u8 {
        self.ptr.cast()
    }
    fn len(&self) -> usize {
        self.len * size_of::<T>()
    }
}

impl<T> Drop for VecMemory<T> {
    fn drop(&mut self) {
        // SAFETY: the parts come from the vector taken in `new`.
        drop(unsafe { Vec::from_raw_parts(self.ptr, self.len, self.capacity) });
    }
}

//! `tensor!`: tensors from nested arrays of numbers.

use super::{Element, Tensor};
use crate::{DType, Result, bail, default_dtype};

/// A number, or an array, slice or vector of nested values of one shape.
pub trait Nested {
    /// The Rust type of the numbers.
    type Number: Element;
    /// The dtype that a literal of this type becomes: float64 literals take the default dtype and int32 ones int64,
    /// because these are what Rust makes of `1.0` and `1`; other types stay what they are.
    fn dtype() -> DType {
        match Self::Number::DTYPE {
            DType::F64 => default_dtype(),
            DType::I32 => DType::I64,
            d => d,
        }
    }
    /// Appends the sizes of this value and of the first of each level below it.
    fn shape(&self, out: &mut Vec<usize>);
    /// Appends the numbers in row-major order; false when a part has not the sizes that are expected.
    fn flatten(&self, shape: &[usize], out: &mut Vec<Self::Number>) -> bool;
}

macro_rules! numbers {
    ($($t:ty),+) => { $(
        impl Nested for $t {
            type Number = $t;
            fn shape(&self, _: &mut Vec<usize>) {}
            fn flatten(&self, shape: &[usize], out: &mut Vec<$t>) -> bool {
                out.push(*self);
                shape.is_empty()
            }
        }
    )+ };
}
numbers!(
    bool,
    u8,
    i8,
    i16,
    i32,
    i64,
    u16,
    u32,
    u64,
    f32,
    f64,
    half::f16,
    half::bf16
);

macro_rules! lists {
    ($($t:ty, [$($generics:tt)*];)+) => { $(
        impl<$($generics)*> Nested for $t {
            type Number = T::Number;
            fn shape(&self, out: &mut Vec<usize>) {
                out.push(self.len());
                if let Some(first) = self.iter().next() {
                    first.shape(out);
                }
            }
            fn flatten(&self, shape: &[usize], out: &mut Vec<T::Number>) -> bool {
                match shape {
                    [n, rest @ ..] => *n == self.len() && self.iter().all(|x| x.flatten(rest, out)),
                    [] => false,
                }
            }
        }
    )+ };
}
lists! {
    [T; N], [T: Nested, const N: usize];
    [T], [T: Nested];
    Vec<T>, [T: Nested];
}

impl<T: Nested + ?Sized> Nested for &T {
    type Number = T::Number;
    fn shape(&self, out: &mut Vec<usize>) {
        (**self).shape(out);
    }
    fn flatten(&self, shape: &[usize], out: &mut Vec<T::Number>) -> bool {
        (**self).flatten(shape, out)
    }
}

impl Tensor {
    /// A tensor of nested arrays, slices or vectors of numbers: what `torch.tensor(data)` makes. Rust's default
    /// literals become PyTorch's: `1.0` is of the default dtype, `1` is int64, and other types keep theirs.
    ///
    /// ```
    /// use duoc_core::Tensor;
    /// let rows = vec![vec![1.5f32, 2.0], vec![3.0, 4.0]];
    /// assert_eq!(Tensor::from_nested(&rows).unwrap().shape(), [2, 2]);
    /// assert!(Tensor::from_nested(&vec![vec![1], vec![]]).is_err());
    /// ```
    pub fn from_nested<N: Nested>(data: N) -> Result<Tensor> {
        let (mut shape, mut numbers) = (Vec::new(), Vec::new());
        data.shape(&mut shape);
        if !data.flatten(&shape, &mut numbers) {
            bail!(
                Value,
                "from_nested: the parts of the data differ in size; the first ones have the shape {shape:?}"
            );
        }
        let t = Tensor::try_from_slice(&numbers, &shape)?;
        crate::ops::copy::to_dtype(&t, N::dtype())
    }
}

/// A tensor of nested arrays of numbers or of single numbers; `1.0` is of the default dtype, `1` is int64.
///
/// One argument is the whole of the data, as in `torch.tensor(..)`; several are the rows (or the numbers) of it.
///
/// ```
/// use duoc_core::tensor;
/// assert_eq!(tensor!([1.0, 2.5]).to_string(), "tensor([1.0000, 2.5000])");
/// assert_eq!(tensor![[1, 2], [3, 4]].to_string(), "tensor([[1, 2],\n        [3, 4]])");
/// assert_eq!(tensor!([[1, 2], [3, 4]]).shape(), [2, 2]);
/// assert_eq!(tensor![true, false].to_string(), "tensor([ True, False])");
/// assert_eq!(tensor!(2.5).shape(), []);
/// assert_eq!(tensor![].shape(), [0]);
/// ```
#[macro_export]
macro_rules! tensor {
    () => {
        $crate::OrThrow::or_throw($crate::Tensor::from_nested::<[f64; 0]>([]))
    };
    ($data:expr $(,)?) => {
        $crate::OrThrow::or_throw($crate::Tensor::from_nested($data))
    };
    ($($part:expr),+ $(,)?) => {
        $crate::OrThrow::or_throw($crate::Tensor::from_nested([$($part),+]))
    };
}

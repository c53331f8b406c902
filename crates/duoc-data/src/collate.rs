//! Samples put together into a batch, as PyTorch's default does.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use duoc_core::{Result, Tensor, bail, ensure, err, ops};

/// Samples of this type can be put together into a batch: tensors are stacked, numbers become a tensor, texts a vector, and
/// tuples, arrays, vectors and maps are put together part by part.
pub trait Collate: Send + Sized + 'static {
    /// What a batch is.
    type Batch: Send + 'static;

    /// The batch of these samples, in order.
    ///
    /// # Errors
    /// `RuntimeError` if their shapes or lengths differ; `KeyError` if a map lacks a key that the first one has.
    fn collate(samples: Vec<Self>) -> Result<Self::Batch>;
}

impl Collate for Tensor {
    type Batch = Tensor;
    fn collate(samples: Vec<Tensor>) -> Result<Tensor> {
        ops::join::stack(&samples, 0)
    }
}

macro_rules! numbers {
    ($($number:ty as $element:ty),+) => { $(
        impl Collate for $number {
            type Batch = Tensor;
            fn collate(samples: Vec<$number>) -> Result<Tensor> {
                let elements: Vec<$element> = samples.into_iter().map(|x| x as $element).collect();
                Tensor::try_from_slice(&elements, &[elements.len()])
            }
        }
    )+ };
}
numbers! {
    bool as bool, u8 as u8, i8 as i8, i16 as i16, i32 as i32, i64 as i64, usize as i64, f32 as f32, f64 as f64
}

impl Collate for String {
    type Batch = Vec<String>;
    fn collate(samples: Vec<String>) -> Result<Vec<String>> {
        Ok(samples)
    }
}

impl Collate for &'static str {
    type Batch = Vec<&'static str>;
    fn collate(samples: Vec<&'static str>) -> Result<Vec<&'static str>> {
        Ok(samples)
    }
}

macro_rules! tuples {
    ($($name:ident $list:ident),+) => {
        impl<$($name: Collate),+> Collate for ($($name,)+) {
            type Batch = ($($name::Batch,)+);
            fn collate(samples: Vec<Self>) -> Result<Self::Batch> {
                $(let mut $list = Vec::with_capacity(samples.len());)+
                for sample in samples {
                    #[allow(non_snake_case)]
                    let ($($name,)+) = sample;
                    $($list.push($name);)+
                }
                Ok(($($name::collate($list)?,)+))
            }
        }
    };
}
tuples!(A a);
tuples!(A a, B b);
tuples!(A a, B b, C c);
tuples!(A a, B b, C c, D d);
tuples!(A a, B b, C c, D d, E e);

impl<T: Collate> Collate for Vec<T> {
    type Batch = Vec<T::Batch>;
    fn collate(samples: Vec<Vec<T>>) -> Result<Vec<T::Batch>> {
        let len = samples.first().map_or(0, Vec::len);
        let mut parts: Vec<Vec<T>> = (0..len).map(|_| Vec::with_capacity(samples.len())).collect();
        for sample in samples {
            ensure!(
                sample.len() == len,
                Runtime,
                "each element in list of batch should be of equal size"
            );
            parts.iter_mut().zip(sample).for_each(|(part, x)| part.push(x));
        }
        parts.into_iter().map(T::collate).collect()
    }
}

impl<T: Collate, const N: usize> Collate for [T; N] {
    type Batch = [T::Batch; N];
    fn collate(samples: Vec<[T; N]>) -> Result<[T::Batch; N]> {
        let parts = Vec::<T>::collate(samples.into_iter().map(Vec::from).collect())?;
        match parts.try_into() {
            Ok(array) => Ok(array),
            // A batch of no samples has no parts.
            Err(_) => bail!(Runtime, "a batch needs at least one sample"),
        }
    }
}

/// Gathers the values of each key of the first map.
fn keyed<K: std::fmt::Debug, V, M>(
    samples: Vec<M>,
    keys: Vec<K>,
    mut take: impl FnMut(&mut M, &K) -> Option<V>,
) -> Result<Vec<(K, Vec<V>)>> {
    let mut samples = samples;
    keys.into_iter()
        .map(|key| {
            let values = samples.iter_mut().enumerate().map(|(i, sample)| {
                take(sample, &key).ok_or_else(|| err!(Key, "sample {i} of the batch lacks the key {key:?}"))
            });
            let values = values.collect::<Result<Vec<V>>>()?;
            Ok((key, values))
        })
        .collect()
}

impl<K, V> Collate for BTreeMap<K, V>
where
    K: Ord + Clone + std::fmt::Debug + Send + 'static,
    V: Collate,
{
    type Batch = BTreeMap<K, V::Batch>;
    fn collate(samples: Vec<Self>) -> Result<Self::Batch> {
        let keys = samples.first().map(|m| m.keys().cloned().collect()).unwrap_or_default();
        let parts = keyed(samples, keys, |m, k| m.remove(k))?;
        parts.into_iter().map(|(k, v)| Ok((k, V::collate(v)?))).collect()
    }
}

impl<K, V> Collate for HashMap<K, V>
where
    K: Eq + Hash + Clone + std::fmt::Debug + Send + 'static,
    V: Collate,
{
    type Batch = HashMap<K, V::Batch>;
    fn collate(samples: Vec<Self>) -> Result<Self::Batch> {
        let keys = samples.first().map(|m| m.keys().cloned().collect()).unwrap_or_default();
        let parts = keyed(samples, keys, |m, k| m.remove(k))?;
        parts.into_iter().map(|(k, v)| Ok((k, V::collate(v)?))).collect()
    }
}

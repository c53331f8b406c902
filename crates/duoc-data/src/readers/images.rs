//! Images of one size with their labels, in memory.

use duoc_core::{DType, Result, Tensor, ensure, ops};

use crate::dataset::check_index;
use crate::{Dataset, TensorDataset, transform};

/// Which part of a data set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split {
    /// What one learns from.
    Train,
    /// What one is judged by.
    Test,
}

/// Images with labels: sample `i` is the image as (channels, rows, columns) of float32 between 0 and 1, and its label.
#[derive(Clone)]
pub struct LabelledImages {
    images: Tensor,
    labels: Tensor,
    classes: Vec<String>,
}

impl LabelledImages {
    /// From bytes of shape (images, channels, rows, columns) and as many labels below the number of classes.
    ///
    /// # Errors
    /// `ValueError` if they do not belong together; the message names the first label that is out of range.
    pub fn new(images: Tensor, labels: Tensor, classes: &[impl AsRef<str>]) -> Result<LabelledImages> {
        ensure!(
            images.dim() == 4 && images.dtype() == DType::U8,
            Value,
            "images of shape {:?} and dtype {}; bytes of four dimensions were expected",
            images.shape(),
            images.dtype()
        );
        ensure!(
            labels.shape() == &images.shape()[..1],
            Value,
            "{} images have labels of shape {:?}",
            images.shape()[0],
            labels.shape()
        );
        let labels = ops::copy::to_dtype(&labels, DType::I64)?;
        let known = 0..classes.len() as i64;
        let wrong = labels.with_slice(|s: &[i64]| s.iter().copied().enumerate().find(|(_, l)| !known.contains(l)))?;
        if let Some((i, label)) = wrong {
            duoc_core::bail!(
                Value,
                "image {i} has label {label}, and there are {} classes",
                classes.len()
            );
        }
        Ok(LabelledImages {
            images,
            labels,
            classes: classes.iter().map(|c| c.as_ref().to_string()).collect(),
        })
    }

    /// The pixels: bytes of shape (images, channels, rows, columns).
    pub fn images(&self) -> &Tensor {
        &self.images
    }

    /// The labels: int64 of shape (images,).
    pub fn labels(&self) -> &Tensor {
        &self.labels
    }

    /// What each label means.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// All images as float32 between 0 and 1 with their labels: four times the memory, and the fastest batches.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn tensors(&self) -> Result<TensorDataset<2>> {
        TensorDataset::new([transform::to_tensor(&self.images)?, self.labels.clone()])
    }
}

impl Dataset for LabelledImages {
    type Item = (Tensor, i64);
    fn len(&self) -> usize {
        self.images.shape()[0]
    }
    fn get(&self, index: usize) -> Result<(Tensor, i64)> {
        check_index(index, self.len())?;
        let image = transform::to_tensor(&ops::view::select(&self.images, 0, index as i64)?)?;
        let label = self.labels.with_slice(|s: &[i64]| s.get(index).copied())?;
        Ok((image, label.unwrap_or_default()))
    }
    fn draws(&self) -> bool {
        false
    }
}

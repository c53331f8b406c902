//! The handwritten digits that come with the crate: 1,797 images of 8x8 pixels.
//!
//! Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository,
//! <https://doi.org/10.24432/C50P49>, CC BY 4.0; the test set, in the order of scikit-learn's `load_digits`.

use std::sync::OnceLock;

use duoc_core::{DType, Result, Tensor};

/// Pixels, then labels, one byte each, as a zlib stream (written by `tools/pack_digits.py`).
const PACKED: &[u8] = include_bytes!("../data/digits.zlib");

/// The digits as bytes.
#[derive(Debug)]
pub struct Digits {
    bytes: Vec<u8>,
}

impl Digits {
    /// How many images there are.
    pub const COUNT: usize = 1797;
    /// Rows of an image, and columns.
    pub const SIDE: usize = 8;
    /// Pixels of an image.
    pub const PIXELS: usize = Self::SIDE * Self::SIDE;

    /// Every pixel, image after image and row after row, from 0 (paper) to 16 (ink).
    pub fn images(&self) -> &[u8] {
        &self.bytes[..Self::COUNT * Self::PIXELS]
    }

    /// The digit, 0 to 9, that each image shows.
    pub fn labels(&self) -> &[u8] {
        &self.bytes[Self::COUNT * Self::PIXELS..]
    }

    /// The images as a new tensor (1797, 64) of float32 between 0 and 1, and the labels as one (1797,) of int64.
    ///
    /// # Errors
    /// If the memory cannot be had.
    pub fn tensors(&self) -> Result<(Tensor, Tensor)> {
        let images = Tensor::try_from_slice(self.images(), &[Self::COUNT, Self::PIXELS])?;
        let images = duoc_core::catch(|| images.to_dtype(DType::F32) / 16.0)?;
        let labels = Tensor::try_from_slice(self.labels(), &[Self::COUNT])?;
        Ok((images, duoc_core::catch(|| labels.to_dtype(DType::I64))?))
    }

    /// The 64 pixels of image `i`, or `None` past the end.
    pub fn image(&self, i: usize) -> Option<&[u8]> {
        self.images().chunks_exact(Self::PIXELS).nth(i)
    }
}

/// The digits, unpacked by the first call.
pub fn digits() -> &'static Digits {
    static UNPACKED: OnceLock<Digits> = OnceLock::new();
    UNPACKED.get_or_init(|| {
        let size = Digits::COUNT * (Digits::PIXELS + 1);
        // The stream ends with an Adler-32 of its contents, so that success means that the bytes are the right ones.
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(PACKED, size)
            .expect("the digits inside the program are intact");
        assert_eq!(bytes.len(), size, "the digits inside the program are complete");
        Digits { bytes }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_source() {
        let digits = digits();
        let fnv = digits.bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |h, &b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        assert_eq!(fnv, FNV);
        assert_eq!(digits.images().len(), 1797 * 64);
        assert_eq!(digits.labels().len(), 1797);
        assert_eq!(digits.images().iter().map(|&p| u64::from(p)).sum::<u64>(), 561_718);
        assert_eq!(digits.images().iter().max(), Some(&16));
        assert_eq!(digits.labels()[..12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
        assert_eq!(digits.image(1797), None);
    }

    #[test]
    fn tensors_hold_the_same() {
        let (images, labels) = digits().tensors().unwrap();
        assert_eq!((images.shape(), images.dtype()), (&[1797usize, 64][..], DType::F32));
        assert_eq!((labels.shape(), labels.dtype()), (&[1797usize][..], DType::I64));
        assert_eq!(images.to_vec::<f32>()[64..128].iter().sum::<f32>() * 16.0, 313.0);
    }

    /// FNV-1a of pixels and labels, computed from scikit-learn's copy.
    const FNV: u64 = 0x9975_5255_092d_82a1;
}

//! Pictures: PNG, JPEG and BMP files as bytes of shape (channels, rows, columns).

use std::io::Cursor;
use std::path::Path;

use duoc_core::{Error, ErrorKind, Result, Tensor};
use image::{ImageReader, Limits};

use super::contents;
use crate::loader::contained;

/// Rows and columns that a picture may have, and bytes that reading it may take.
const MOST_PIXELS: u32 = 1 << 15;
const MOST_BYTES: u64 = 512 << 20;

/// Which channels a picture is read as.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Colours {
    /// Red, green, blue.
    #[default]
    Rgb,
    /// One channel of brightness (ITU-R 601).
    Grey,
}

/// The picture in a file, whose contents say which format it has.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is broken, too large or of another format.
pub fn read_picture(path: impl AsRef<Path>, colours: Colours) -> Result<Tensor> {
    let path = path.as_ref();
    picture_from_bytes(&contents(path)?, colours).map_err(|e| e.at(path.display()))
}

/// The picture in the bytes of a file.
///
/// # Errors
/// As [`read_picture`].
pub fn picture_from_bytes(file: &[u8], colours: Colours) -> Result<Tensor> {
    // The decoders are not ours: a panic in one is an error of the file.
    contained(|| decode(file, colours))
}

fn decode(file: &[u8], colours: Colours) -> Result<Tensor> {
    let broken = |e: &dyn std::fmt::Display| Error::new(ErrorKind::Value, format!("not a readable picture: {e}"));
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|e| broken(&e))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_PIXELS);
    limits.max_image_height = Some(MOST_PIXELS);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|e| broken(&e))?;
    let (w, h) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.into_rgb8().into_raw();
    let planes: Vec<u8> = match colours {
        Colours::Rgb => (0..3).flat_map(|c| pixels.iter().skip(c).step_by(3).copied()).collect(),
        // The weights of Pillow, in its 16-bit arithmetic.
        Colours::Grey => pixels
            .chunks_exact(3)
            .map(|p| {
                let [r, g, b] = [p[0], p[1], p[2]].map(u32::from);
                ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8
            })
            .collect(),
    };
    Tensor::try_from_slice(&planes, &[if colours == Colours::Rgb { 3 } else { 1 }, h, w])
}

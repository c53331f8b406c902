//! WAV files: sound as float32 between -1 and 1.

use std::io::Cursor;
use std::path::Path;

use duoc_core::{Error, ErrorKind, Result, Tensor, bail, ensure};
use hound::{SampleFormat, WavReader};

use super::contents;
use crate::loader::contained;

/// The sound in a WAV file as float32 of shape (channels, samples), and samples a second.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is broken or of an unknown kind.
pub fn read_wav(path: impl AsRef<Path>) -> Result<(Tensor, u32)> {
    let path = path.as_ref();
    wav_from_bytes(&contents(path)?).map_err(|e| e.at(path.display()))
}

/// The sound in the bytes of a WAV file.
///
/// # Errors
/// As [`read_wav`].
pub fn wav_from_bytes(file: &[u8]) -> Result<(Tensor, u32)> {
    // The decoder is not ours: a panic in it is an error of the file.
    contained(|| decode(file))
}

fn decode(file: &[u8]) -> Result<(Tensor, u32)> {
    let broken = |e: hound::Error| Error::new(ErrorKind::Value, format!("not a readable WAV file: {e}"));
    let mut reader = WavReader::new(Cursor::new(file)).map_err(broken)?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    let width = usize::from(spec.bits_per_sample.div_ceil(8));
    ensure!(
        channels > 0 && width > 0,
        Value,
        "the WAV file has no channels or no bits"
    );
    let claimed = reader.len() as usize;
    ensure!(
        claimed.checked_mul(width).is_some_and(|n| n <= file.len()),
        Value,
        "the WAV file claims {claimed} samples and has {} bytes",
        file.len()
    );
    ensure!(
        claimed.is_multiple_of(channels),
        Value,
        "the WAV file ends inside a frame"
    );
    let samples: Vec<f32> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>().map_err(broken)?,
        SampleFormat::Int => {
            ensure!(
                (1..=32).contains(&spec.bits_per_sample),
                Value,
                "the WAV file has samples of {} bits",
                spec.bits_per_sample
            );
            let whole = (1u64 << (spec.bits_per_sample - 1)) as f32;
            let scaled = reader.samples::<i32>().map(|s| s.map(|s| s as f32 / whole));
            scaled.collect::<Result<_, _>>().map_err(broken)?
        }
    };
    if samples.len() != claimed {
        bail!(
            Value,
            "the WAV file is cut off: {claimed} samples are claimed, {} are there",
            samples.len()
        );
    }
    let frames = samples.len() / channels;
    // From one frame after another to one channel after another.
    let rows: Vec<f32> = (0..channels)
        .flat_map(|c| samples.iter().skip(c).step_by(channels).copied())
        .collect();
    Ok((Tensor::try_from_slice(&rows, &[channels, frames])?, spec.sample_rate))
}

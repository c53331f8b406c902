//! `.gz` files: proved before memory is asked for, then unpacked.

use duoc_core::{Result, bail, ensure, err};
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

const CHUNK: usize = 64 << 10;
/// The only method there is.
const DEFLATE: u8 = 8;
/// Flags of the header: checksum, further fields, name, comment.
const CHECKSUM: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// The file itself, or what a `.gz` file unpacks to.
pub(super) fn unpacked(file: Vec<u8>) -> Result<Vec<u8>> {
    if !file.starts_with(&[0x1f, 0x8b]) {
        return Ok(file);
    }
    ensure!(
        file.get(2) == Some(&DEFLATE),
        Value,
        "the .gz file is packed by a method that is not known"
    );
    let stream = body(&file).ok_or_else(|| err!(Value, "the .gz file is cut off in its header"))?;
    let ([crc, size], stream) = ends(stream)?;
    // Once into nothing, so that what the file claims is known to be true.
    let (mut count, mut sum) = (0u64, crc32fast::Hasher::new());
    let mut chunk = vec![0; CHUNK];
    run(stream, &mut chunk, |part| {
        count += part.len() as u64;
        sum.update(part);
    })?;
    ensure!(
        count as u32 == size && sum.finalize() == crc,
        Value,
        "the .gz file is broken: size or checksum are wrong"
    );
    let mut out = Vec::new();
    let n = usize::try_from(count).unwrap_or(usize::MAX);
    ensure!(
        out.try_reserve_exact(n).is_ok(),
        OutOfMemory,
        "{count} bytes of memory cannot be had"
    );
    run(stream, &mut chunk, |part| out.extend_from_slice(part))?;
    Ok(out)
}

/// What follows the header.
fn body(file: &[u8]) -> Option<&[u8]> {
    let flags = *file.get(3)?;
    let mut rest = file.get(10..)?;
    if flags & EXTRA != 0 {
        let n = usize::from(u16::from_le_bytes(*rest.first_chunk::<2>()?));
        rest = rest.get(2 + n..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|b| *b == 0)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & CHECKSUM != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// Checksum and size from the end of the file, and the stream before them.
fn ends(rest: &[u8]) -> Result<([u32; 2], &[u8])> {
    let Some((stream, tail)) = rest.split_last_chunk::<8>() else {
        bail!(Value, "the .gz file is cut off")
    };
    let [a, b, c, d, e, f, g, h] = *tail;
    Ok((
        [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])],
        stream,
    ))
}

fn run(mut stream: &[u8], chunk: &mut [u8], mut each: impl FnMut(&[u8])) -> Result<()> {
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    loop {
        let done = inflate(&mut state, stream, chunk, MZFlush::None);
        stream = &stream[done.bytes_consumed..];
        each(&chunk[..done.bytes_written]);
        match done.status {
            Ok(MZStatus::StreamEnd) => {
                ensure!(
                    stream.is_empty(),
                    Value,
                    "the .gz file has something after its contents"
                );
                return Ok(());
            }
            Ok(_) if done.bytes_written > 0 || done.bytes_consumed > 0 => {}
            _ => bail!(Value, "the .gz file is broken or cut off"),
        }
    }
}

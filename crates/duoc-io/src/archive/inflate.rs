//! A DEFLATE stream unpacked as it is read.

use std::io::{self, Read};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};

const CHUNK: usize = 16 << 10;

/// Unpacks what `from` holds.
pub(super) struct Inflate<R> {
    from: R,
    state: Box<InflateState>,
    chunk: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Inflate<R> {
    pub(super) fn new(from: R) -> Inflate<R> {
        Inflate {
            from,
            state: InflateState::new_boxed(DataFormat::Raw),
            chunk: Vec::new(),
            at: 0,
            ended: false,
        }
    }

    fn refill(&mut self) -> io::Result<()> {
        if self.at == self.chunk.len() {
            self.chunk.resize(CHUNK, 0);
            let n = self.from.read(&mut self.chunk)?;
            self.chunk.truncate(n);
            self.at = 0;
        }
        Ok(())
    }
}

impl<R: Read> Read for Inflate<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !out.is_empty() {
            self.refill()?;
            let input = &self.chunk[self.at..];
            let exhausted = input.is_empty();
            let done = inflate(&mut self.state, input, out, MZFlush::None);
            self.at += done.bytes_consumed;
            let broken = || io::Error::new(io::ErrorKind::InvalidData, "the compressed data are broken");
            match done.status {
                Ok(MZStatus::StreamEnd) => {
                    self.ended = true;
                    self.refill()?;
                    if self.at != self.chunk.len() {
                        return Err(broken());
                    }
                }
                Ok(_) => {}
                Err(_) => return Err(broken()),
            }
            if done.bytes_written > 0 {
                return Ok(done.bytes_written);
            }
            if exhausted && !self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}

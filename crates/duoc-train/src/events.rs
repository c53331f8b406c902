//! TensorBoard event files: scalars by name and step.
//!
//! The format is TensorFlow's: records of `length: u64, crc(length): u32, data, crc(data): u32`, little endian, with the
//! masked CRC-32C of `tensorflow/core/lib/io/record_writer.h`; the data is the protocol buffer `Event` of
//! `tensorflow/core/util/event.proto`, of which the few fields below are written by hand.

use duoc_core::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that TensorBoard reads while it grows.
pub struct EventFile {
    out: BufWriter<File>,
    name: String,
}

impl EventFile {
    /// A new file in `dir`. With `from_step`, what earlier files of the folder say about that step and later ones is
    /// void: the run was resumed there.
    pub fn create(dir: &Path, from_step: Option<i64>) -> Result<EventFile> {
        let (seconds, stamp) = now();
        let unique = format!("{}.{:09}", seconds as u64, stamp);
        let name = format!("events.out.tfevents.{unique}.duoc.{}", std::process::id());
        let path = dir.join(&name);
        let file = File::create_new(&path).map_err(|e| failed(&name, &e))?;
        let mut f = EventFile {
            out: BufWriter::new(file),
            name,
        };
        let mut event = Message::default();
        event.double(1, seconds);
        event.text(3, "brain.Event:2");
        f.write(&event)?;
        if let Some(step) = from_step {
            let mut start = Message::default();
            start.int(1, 1); // SessionLog.status = START
            let mut event = Message::default();
            event.double(1, seconds);
            event.int(2, step);
            event.message(7, &start);
            f.write(&event)?;
        }
        f.flush()?;
        Ok(f)
    }

    /// Adds a number under a tag such as `train/loss`.
    pub fn scalar(&mut self, tag: &str, step: i64, value: f64) -> Result<()> {
        let mut point = Message::default();
        point.text(1, tag);
        point.float(2, value as f32);
        let mut summary = Message::default();
        summary.message(1, &point);
        let mut event = Message::default();
        event.double(1, now().0);
        event.int(2, step);
        event.message(5, &summary);
        self.write(&event)
    }

    /// Brings everything written so far into the file.
    pub fn flush(&mut self) -> Result<()> {
        self.out.flush().map_err(|e| failed(&self.name, &e))
    }

    fn write(&mut self, event: &Message) -> Result<()> {
        let length = (event.0.len() as u64).to_le_bytes();
        let parts = [
            &length[..],
            &masked_crc(&length).to_le_bytes(),
            &event.0,
            &masked_crc(&event.0).to_le_bytes(),
        ];
        let written = parts.iter().try_for_each(|p| self.out.write_all(p));
        written.map_err(|e| failed(&self.name, &e))
    }
}

fn failed(name: &str, e: &std::io::Error) -> Error {
    Error::new(ErrorKind::Io, format!("{name}: {e}"))
}

/// Seconds since 1970, and the nanoseconds of the last one.
fn now() -> (f64, u32) {
    let t = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (t.as_secs_f64(), t.subsec_nanos())
}

/// A protocol buffer in the making.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut x: u64) {
        while x >= 0x80 {
            self.0.push(x as u8 | 0x80);
            x >>= 7;
        }
        self.0.push(x as u8);
    }

    fn key(&mut self, field: u64, wire: u64) {
        self.varint(field << 3 | wire);
    }

    fn int(&mut self, field: u64, x: i64) {
        self.key(field, 0);
        self.varint(x as u64);
    }

    fn double(&mut self, field: u64, x: f64) {
        self.key(field, 1);
        self.0.extend(x.to_le_bytes());
    }

    fn float(&mut self, field: u64, x: f32) {
        self.key(field, 5);
        self.0.extend(x.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, b: &[u8]) {
        self.key(field, 2);
        self.varint(b.len() as u64);
        self.0.extend(b);
    }

    fn text(&mut self, field: u64, s: &str) {
        self.bytes(field, s.as_bytes());
    }

    fn message(&mut self, field: u64, m: &Message) {
        self.bytes(field, &m.0);
    }
}

/// CRC-32C (Castagnoli), reflected, bit by bit: events are short.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// As the record format wants it, so that a record inside a record keeps its meaning.
fn masked_crc(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, appendix B.4, and the usual check value.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn numbers_are_encoded_as_protocol_buffers() {
        let mut m = Message::default();
        m.int(2, 300);
        m.text(3, "ab");
        assert_eq!(m.0, [0x10, 0xac, 0x02, 0x1a, 0x02, b'a', b'b']);
    }
}

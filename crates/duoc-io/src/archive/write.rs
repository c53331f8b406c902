//! Writing ZIP archives, front to back.

use std::io::{self, Write};

use super::{CENTRAL, ELSEWHERE, END, END64, EXTRA64, LOCAL, LOCATOR64};

/// Data begin at multiples of this, so that they can be used in place: what PyTorch does.
const ALIGNMENT: u64 = 64;
/// The extra field that PyTorch pads with.
const PADDING: [u8; 2] = *b"FB";
/// Names are UTF-8.
const UTF8: u16 = 1 << 11;
/// The first of January 1980, when the format's time begins: the same contents make the same file.
const DATE: u16 = 1 << 5 | 1;
/// Versions of the format: plain, and with 64-bit sizes.
const VERSION: u16 = 20;
const VERSION64: u16 = 45;

/// How an entry's data are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// As they are.
    Stored,
    /// Compressed, if that helps.
    Deflated,
}

/// An archive under construction.
pub(crate) struct Writer<'a> {
    out: &'a mut dyn Write,
    at: u64,
    directory: Vec<u8>,
    count: u64,
}

/// A size for its 32-bit field, or the mark that it stands elsewhere.
fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(ELSEWHERE)
}

impl<'a> Writer<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Writer<'a> {
        Writer {
            out,
            at: 0,
            directory: Vec::new(),
            count: 0,
        }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Adds an entry whose contents are the pieces one after another; returns their checksum.
    pub(crate) fn add(&mut self, name: &str, method: Method, pieces: &[&[u8]]) -> io::Result<u32> {
        let too_long = |_| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                "a name is longer than a zip archive allows",
            )
        };
        let name_length = u16::try_from(name.len()).map_err(too_long)?;
        let size: u64 = pieces.iter().map(|p| p.len() as u64).sum();
        let mut crc = crc32fast::Hasher::new();
        pieces.iter().for_each(|p| crc.update(p));
        let crc = crc.finalize();
        let squeezed = (method == Method::Deflated)
            .then(|| deflate(pieces))
            .filter(|d| (d.len() as u64) < size);
        let packed = squeezed.as_ref().map_or(size, |d| d.len() as u64);
        let header = self.at;
        let wide = size >= u64::from(ELSEWHERE) || packed >= u64::from(ELSEWHERE);
        let mut sizes = Vec::new();
        if wide {
            extra64(&mut sizes, &[size, packed]);
        }
        let before = header + 30 + u64::from(name_length) + sizes.len() as u64 + 4;
        let gap = (ALIGNMENT - before % ALIGNMENT) % ALIGNMENT;
        let mut extra = sizes.clone();
        extra.extend(PADDING);
        extra.extend((gap as u16).to_le_bytes());
        extra.extend(std::iter::repeat_n(b'Z', gap as usize));

        let mut fields = Vec::with_capacity(26);
        fields.extend(if wide { VERSION64 } else { VERSION }.to_le_bytes());
        fields.extend(UTF8.to_le_bytes());
        fields.extend(if squeezed.is_some() { 8u16 } else { 0 }.to_le_bytes());
        fields.extend([0, 0]);
        fields.extend(DATE.to_le_bytes());
        fields.extend(crc.to_le_bytes());
        let (narrow_packed, narrow_size) = if wide {
            (ELSEWHERE, ELSEWHERE)
        } else {
            (packed as u32, size as u32)
        };
        fields.extend(narrow_packed.to_le_bytes());
        fields.extend(narrow_size.to_le_bytes());
        fields.extend(name_length.to_le_bytes());

        self.put(&LOCAL.to_le_bytes())?;
        self.put(&fields)?;
        self.put(&(extra.len() as u16).to_le_bytes())?;
        self.put(name.as_bytes())?;
        self.put(&extra)?;
        match squeezed {
            Some(data) => self.put(&data)?,
            None => pieces.iter().try_for_each(|p| self.put(p))?,
        }

        if header >= u64::from(ELSEWHERE) {
            let mut values = if wide { vec![size, packed] } else { Vec::new() };
            values.push(header);
            sizes.clear();
            extra64(&mut sizes, &values);
        }
        let d = &mut self.directory;
        d.extend(CENTRAL.to_le_bytes());
        d.extend(if sizes.is_empty() { VERSION } else { VERSION64 }.to_le_bytes());
        d.extend(&fields);
        d.extend((sizes.len() as u16).to_le_bytes());
        // No comment, first disk, no attributes.
        d.extend([0; 10]);
        d.extend(narrow(header).to_le_bytes());
        d.extend(name.as_bytes());
        d.extend(&sizes);
        self.count += 1;
        Ok(crc)
    }

    /// Writes the directory.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let directory = std::mem::take(&mut self.directory);
        let (at, size, count) = (self.at, directory.len() as u64, self.count);
        self.put(&directory)?;
        let short_count = u16::try_from(count).unwrap_or(u16::MAX);
        if u64::from(short_count) != count || narrow(at) == ELSEWHERE || narrow(size) == ELSEWHERE {
            let place = self.at;
            let mut end = Vec::new();
            end.extend(END64.to_le_bytes());
            end.extend(44u64.to_le_bytes());
            end.extend(VERSION64.to_le_bytes());
            end.extend(VERSION64.to_le_bytes());
            end.extend([0; 8]);
            for n in [count, count, size, at] {
                end.extend(n.to_le_bytes());
            }
            end.extend(LOCATOR64.to_le_bytes());
            end.extend([0; 4]);
            end.extend(place.to_le_bytes());
            end.extend(1u32.to_le_bytes());
            self.put(&end)?;
        }
        let mut end = Vec::new();
        end.extend(END.to_le_bytes());
        end.extend([0; 4]);
        end.extend(short_count.to_le_bytes());
        end.extend(short_count.to_le_bytes());
        end.extend(narrow(size).to_le_bytes());
        end.extend(narrow(at).to_le_bytes());
        end.extend([0; 2]);
        self.put(&end)
    }
}

fn extra64(out: &mut Vec<u8>, values: &[u64]) {
    out.extend(EXTRA64.to_le_bytes());
    out.extend((values.len() as u16 * 8).to_le_bytes());
    values.iter().for_each(|v| out.extend(v.to_le_bytes()));
}

fn deflate(pieces: &[&[u8]]) -> Vec<u8> {
    let whole;
    let data = match pieces {
        [one] => *one,
        many => {
            whole = many.concat();
            &whole[..]
        }
    };
    miniz_oxide::deflate::compress_to_vec(data, 6)
}

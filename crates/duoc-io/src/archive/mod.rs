//! ZIP archives: the container of PyTorch's `.pt` and NumPy's `.npz`.
//!
//! Format: PKWARE's APPNOTE.TXT, with the 64-bit extension. The reader believes the central directory only as far as
//! everything in it agrees with the file: entries inside the file and apart from each other, unique names that stay in the
//! archive, sizes and checksums that are true.

mod inflate;
mod read;
mod write;

pub(crate) use read::{Archive, Checksum};
pub(crate) use write::{Method, Writer};

/// Signature of an entry's own header.
const LOCAL: u32 = 0x0403_4b50;
/// Signature of an entry in the central directory.
const CENTRAL: u32 = 0x0201_4b50;
/// Signature of the end of the central directory.
const END: u32 = 0x0605_4b50;
/// Signature of the 64-bit end.
const END64: u32 = 0x0606_4b50;
/// Signature of the 64-bit end's locator.
const LOCATOR64: u32 = 0x0706_4b50;
/// The extra field with 64-bit sizes.
const EXTRA64: u16 = 1;
/// A 32-bit field that stands in the 64-bit extra field.
const ELSEWHERE: u32 = u32::MAX;

/// Little-endian numbers from a header that has been read in full.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn skip(&mut self, n: usize) -> Option<()> {
        self.0 = self.0.get(n..)?;
        Some(())
    }
}

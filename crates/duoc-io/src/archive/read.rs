//! Reading ZIP archives.

use std::io::Read;

use duoc_core::{Result, bail, ensure, err};

use super::inflate::Inflate;
use super::{CENTRAL, ELSEWHERE, END, END64, EXTRA64, Fields, LOCAL, LOCATOR64};
use crate::source::{self, Source, Stretch};

/// Length of the end record without its comment, and the longest comment.
const END_SIZE: usize = 22;
const LONGEST_COMMENT: usize = 0xffff;
const LOCATOR_SIZE: usize = 20;
const END64_SIZE: usize = 56;
const CENTRAL_SIZE: usize = 46;
const LOCAL_SIZE: usize = 30;
/// No DEFLATE stream expands more: a match of 258 bytes takes at least two bits.
const BEST_RATIO: u64 = 1032;

/// One file in the archive.
pub(crate) struct Entry {
    /// Its name, folders included.
    pub(crate) name: String,
    /// Its size, unpacked.
    pub(crate) size: u64,
    packed: u64,
    deflated: bool,
    crc: u32,
    header: u64,
    start: u64,
}

/// What an entry's checksum of 0 means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksum {
    /// A checksum that happens to be 0.
    Always,
    /// That none was computed: PyTorch can be told so.
    UnlessZero,
}

/// An archive whose directory has been read and checked.
pub(crate) struct Archive<'a> {
    source: &'a dyn Source,
    entries: Vec<Entry>,
    by_name: Vec<u32>,
    checksum: Checksum,
}

fn broken() -> duoc_core::Error {
    err!(Value, "the zip archive is broken: its directory does not fit the file")
}

impl<'a> Archive<'a> {
    /// Whether the bytes begin as an archive does.
    pub(crate) fn begins(head: &[u8]) -> bool {
        head.starts_with(&LOCAL.to_le_bytes()) || head.starts_with(&END.to_le_bytes())
    }

    /// Reads the directory.
    pub(crate) fn open(source: &'a dyn Source, checksum: Checksum) -> Result<Archive<'a>> {
        let (count, size, at) = end(source)?;
        // Each entry takes that much at least, so that no more is allocated than the file justifies.
        ensure!(
            count.checked_mul(CENTRAL_SIZE as u64).is_some_and(|n| n <= size),
            Value,
            "the zip archive claims {count} entries in a directory of {size} bytes"
        );
        let directory = source::take(source, at, usize::try_from(size).map_err(|_| broken())?)?;
        let mut fields = Fields(&directory);
        let mut entries = Vec::with_capacity(count as usize);
        for _ in 0..count {
            entries.push(central(&mut fields)?);
        }
        ensure!(
            fields.0.is_empty(),
            Value,
            "the zip archive's directory has something after its entries"
        );
        let mut archive = Archive {
            source,
            entries,
            by_name: Vec::new(),
            checksum,
        };
        archive.locate(at)?;
        archive.sort_names()?;
        Ok(archive)
    }

    /// Finds where each entry's data begin, and that no byte belongs to two.
    fn locate(&mut self, directory: u64) -> Result<()> {
        for entry in &mut self.entries {
            entry.start = local(self.source, entry)?;
        }
        let mut order: Vec<&Entry> = self.entries.iter().collect();
        order.sort_unstable_by_key(|e| e.header);
        let ends = order.iter().skip(1).map(|e| e.header).chain([directory]);
        for (entry, next) in order.iter().zip(ends) {
            let end = entry.start.checked_add(entry.packed);
            ensure!(
                end.is_some_and(|end| end <= next),
                Value,
                "entry {:?} of the zip archive reaches into what follows",
                entry.name
            );
        }
        Ok(())
    }

    fn sort_names(&mut self) -> Result<()> {
        let entries = &self.entries;
        self.by_name = (0..entries.len() as u32).collect();
        self.by_name
            .sort_unstable_by_key(|i| entries[*i as usize].name.as_str());
        for pair in self.by_name.windows(2) {
            let name = &entries[pair[0] as usize].name;
            ensure!(
                *name != entries[pair[1] as usize].name,
                Value,
                "the zip archive has {name:?} twice"
            );
        }
        Ok(())
    }

    /// The entries in the order of the directory.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Entry> {
        let found = self
            .by_name
            .binary_search_by_key(&name, |i| &self.entries[*i as usize].name);
        found.ok().map(|i| &self.entries[self.by_name[i] as usize])
    }

    /// Size of the whole archive.
    pub(crate) fn len(&self) -> u64 {
        self.source.len()
    }

    fn stream(&self, entry: &Entry) -> Box<dyn Read + 'a> {
        let stretch = Stretch {
            source: self.source,
            at: entry.start,
            end: entry.start + entry.packed,
        };
        if entry.deflated {
            Box::new(Inflate::new(stretch))
        } else {
            Box::new(stretch)
        }
    }

    /// Makes sure that a compressed entry is what it claims to be, before memory is asked for: unpacks it into nothing.
    pub(crate) fn prove(&self, entry: &Entry) -> Result<()> {
        if !entry.deflated {
            return Ok(());
        }
        let mut chunk = vec![0; 64 << 10];
        let (mut stream, mut size, mut crc) = (self.stream(entry), 0u64, crc32fast::Hasher::new());
        loop {
            let n = stream.read(&mut chunk).map_err(|e| spoiled(entry, &e.to_string()))?;
            size += n as u64;
            if n == 0 || size > entry.size {
                break;
            }
            crc.update(&chunk[..n]);
        }
        ensure!(
            size == entry.size,
            Value,
            "{}",
            spoiled(entry, "its size is not the claimed one")
        );
        self.check(entry, crc.finalize())
    }

    fn check(&self, entry: &Entry, crc: u32) -> Result<()> {
        let none = self.checksum == Checksum::UnlessZero && entry.crc == 0;
        ensure!(
            crc == entry.crc || none,
            Value,
            "{}",
            spoiled(entry, "its checksum is wrong")
        );
        Ok(())
    }

    /// Fills `out`, which has the entry's size, with its contents and checks their checksum.
    pub(crate) fn fill(&self, entry: &Entry, out: &mut [u8]) -> Result<()> {
        let mut stream = self.stream(entry);
        stream.read_exact(out).map_err(|e| spoiled(entry, &e.to_string()))?;
        self.check(entry, crc32fast::hash(out))
    }

    /// Calls `f` with the entry's contents as a stream, and checks their checksum when all has been read.
    pub(crate) fn with_stream<R>(&self, entry: &Entry, f: impl FnOnce(&mut dyn Read) -> Result<R>) -> Result<R> {
        let mut summed = Summed {
            from: self.stream(entry),
            crc: crc32fast::Hasher::new(),
        };
        let result = f(&mut summed)?;
        self.check(entry, summed.crc.finalize())?;
        Ok(result)
    }

    /// Whether an entry can have this name.
    pub(crate) fn may_hold(name: &str) -> bool {
        is_plain(name)
    }

    /// The contents of an entry that is proved first.
    pub(crate) fn contents(&self, entry: &Entry) -> Result<Vec<u8>> {
        self.prove(entry)?;
        let mut out = Vec::new();
        let size = usize::try_from(entry.size).map_err(|_| broken())?;
        ensure!(
            out.try_reserve_exact(size).is_ok(),
            OutOfMemory,
            "{size} bytes of memory cannot be had"
        );
        out.resize(size, 0);
        self.fill(entry, &mut out)?;
        Ok(out)
    }
}

/// A stream whose checksum is taken as it is read.
struct Summed<R> {
    from: R,
    crc: crc32fast::Hasher,
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.from.read(out)?;
        self.crc.update(&out[..n]);
        Ok(n)
    }
}

fn spoiled(entry: &Entry, why: &str) -> duoc_core::Error {
    err!(Value, "entry {:?} of the zip archive is broken: {why}", entry.name)
}

/// Number of entries, and size and place of the central directory, which ends where its end record begins.
fn end(source: &dyn Source) -> Result<(u64, u64, u64)> {
    let len = source.len();
    let tail = len.min((END_SIZE + LONGEST_COMMENT) as u64) as usize;
    let begin = len - tail as u64;
    let tail = source::take(source, begin, tail)?;
    let last = tail.len().checked_sub(END_SIZE);
    let found = last.and_then(|last| {
        // The comment must reach to the end, so that a signature inside a comment is not taken for the record.
        (0..=last).rev().find(|&i| {
            tail[i..].starts_with(&END.to_le_bytes())
                && usize::from(u16::from_le_bytes([tail[i + 20], tail[i + 21]])) == last - i
        })
    });
    let Some(found) = found else {
        bail!(Value, "not a zip archive, or cut off: it has no end record")
    };
    let place = begin + found as u64;
    let mut f = Fields(&tail[found + 4..]);
    let (disks, here) = (f.u32(), f.u16());
    let (Some(0), Some(here), Some(count), Some(size), Some(at)) = (disks, here, f.u16(), f.u32(), f.u32()) else {
        bail!(Value, "the zip archive is one of several parts")
    };
    let (count, size, at, directory_end) = match end64(source, place)? {
        Some(wide) => wide,
        None => {
            ensure!(here == count, Value, "the zip archive is one of several parts");
            (u64::from(count), u64::from(size), u64::from(at), place)
        }
    };
    ensure!(
        at.checked_add(size) == Some(directory_end),
        Value,
        "the zip archive is broken: its directory is not where it should be"
    );
    Ok((count, size, at))
}

/// The same from the 64-bit record, if there is one, and where that begins.
fn end64(source: &dyn Source, place: u64) -> Result<Option<(u64, u64, u64, u64)>> {
    let Some(at) = place.checked_sub(LOCATOR_SIZE as u64) else {
        return Ok(None);
    };
    let locator = source::take(source, at, LOCATOR_SIZE)?;
    let mut f = Fields(&locator);
    if f.u32() != Some(LOCATOR64) {
        return Ok(None);
    }
    let (_, Some(record)) = (f.u32(), f.u64()) else {
        return Err(broken());
    };
    ensure!(
        record.checked_add(END64_SIZE as u64).is_some_and(|end| end <= at),
        Value,
        "{}",
        broken()
    );
    let bytes = source::take(source, record, END64_SIZE)?;
    let mut f = Fields(&bytes);
    let signature = f.u32();
    let parsed = (|| {
        f.skip(12)?;
        let disks = f.u64()?;
        Some((disks, f.u64()?, f.u64()?, f.u64()?, f.u64()?))
    })();
    match (signature, parsed) {
        (Some(END64), Some((0, here, count, size, at))) if here == count => Ok(Some((count, size, at, record))),
        _ => Err(broken()),
    }
}

fn central(f: &mut Fields) -> Result<Entry> {
    let mut parse = || {
        let signature = f.u32()?;
        f.skip(4)?;
        let (flags, method) = (f.u16()?, f.u16()?);
        f.skip(4)?;
        let (crc, packed, size) = (f.u32()?, f.u32()?, f.u32()?);
        let lengths = [f.u16()?, f.u16()?, f.u16()?].map(usize::from);
        let disk = f.u16()?;
        f.skip(6)?;
        let header = f.u32()?;
        let all = f.0.get(..lengths.iter().sum())?;
        let (name, rest) = all.split_at(lengths[0]);
        let wide = wide_fields(&rest[..lengths[1]], [size, packed, header])?;
        f.skip(all.len())?;
        Some((signature, flags, method, crc, disk, name, wide))
    };
    let Some((CENTRAL, flags, method, crc, 0, name, [size, packed, header])) = parse() else {
        return Err(broken());
    };
    let Ok(name) = std::str::from_utf8(name) else {
        bail!(Value, "a name in the zip archive is not UTF-8")
    };
    ensure!(
        is_plain(name),
        Value,
        "the zip archive has an entry {name:?}, a name that leads elsewhere"
    );
    ensure!(flags & 1 == 0, Value, "entry {name:?} of the zip archive is encrypted");
    ensure!(
        matches!(method, 0 | 8),
        Value,
        "entry {name:?} of the zip archive is compressed by method {method}; 0 (stored) and 8 (deflated) are known"
    );
    let deflated = method == 8;
    let possible = if deflated {
        size <= packed.saturating_mul(BEST_RATIO)
    } else {
        size == packed
    };
    ensure!(
        possible,
        Value,
        "entry {name:?} of the zip archive claims {size} bytes unpacked from {packed}"
    );
    Ok(Entry {
        name: name.to_string(),
        size,
        packed,
        deflated,
        crc,
        header,
        start: 0,
    })
}

/// Replaces the fields that stand in the 64-bit extra field, which has them in this order.
fn wide_fields(extra: &[u8], narrow: [u32; 3]) -> Option<[u64; 3]> {
    let mut wide = narrow.map(u64::from);
    let mut f = Fields(extra);
    while f.0.len() >= 4 {
        let (id, length) = (f.u16()?, usize::from(f.u16()?));
        let Some(body) = f.0.get(..length) else { break };
        if id == EXTRA64 {
            let mut body = Fields(body);
            for (wide, narrow) in wide.iter_mut().zip(narrow) {
                if narrow == ELSEWHERE {
                    *wide = body.u64()?;
                }
            }
            return Some(wide);
        }
        f.skip(length)?;
    }
    (!narrow.contains(&ELSEWHERE)).then_some(wide)
}

/// A name that stays inside the folder it is unpacked to, on every system.
fn is_plain(name: &str) -> bool {
    let parts = name.strip_suffix('/').unwrap_or(name).split('/');
    let outside = |part: &str| part.is_empty() || part == "." || part == "..";
    // `C:` is a drive.
    let drive = name.as_bytes().get(1) == Some(&b':');
    !drive && !name.contains(['\\', '\0']) && !parts.into_iter().any(outside)
}

/// Where an entry's data begin, by its own header, which must have the same name.
fn local(source: &dyn Source, entry: &Entry) -> Result<u64> {
    let inside = entry
        .header
        .checked_add(LOCAL_SIZE as u64)
        .is_some_and(|end| end <= source.len());
    ensure!(inside, Value, "{}", spoiled(entry, "its header is outside the file"));
    let header = source::take(source, entry.header, LOCAL_SIZE)?;
    let mut f = Fields(&header);
    let signature = f.u32();
    let _ = f.skip(22);
    let (Some(LOCAL), Some(name), Some(extra)) = (signature, f.u16(), f.u16()) else {
        return Err(spoiled(entry, "its header is missing"));
    };
    let at = entry.header + LOCAL_SIZE as u64;
    let same =
        usize::from(name) == entry.name.len() && source::take(source, at, usize::from(name))? == entry.name.as_bytes();
    ensure!(same, Value, "{}", spoiled(entry, "its header has another name"));
    Ok(at + u64::from(name) + u64::from(extra))
}

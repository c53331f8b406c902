//! Following a pickle without making anything: where it ends, and that its stack works out.

use duoc_core::{Result, bail, ensure, err};

use super::op;
use crate::source::{self, Source};

/// Marks inside marks: nested collections under construction.
const DEEPEST: usize = 4096;
/// Digits of a number that is written out.
const LONGEST_LINE: usize = 4096;
const BUFFER: usize = 4096;

/// What an instruction does to the stack.
enum Effect {
    /// Takes so many, adds so many.
    Plain(usize, usize),
    Mark,
    /// Takes everything down to the mark, and so many below it, and adds so many.
    ToMark(usize, usize),
    Stop,
}

/// The bytes after an instruction.
enum Operand {
    Fixed(u64),
    Lines(u32),
    /// A length of so many bytes, then so many bytes.
    Counted(usize),
}

fn describe(code: u8) -> Option<(Operand, Effect)> {
    use Effect::{Mark, Plain, Stop, ToMark};
    use Operand::{Counted, Fixed, Lines};
    let nothing = Fixed(0);
    Some(match code {
        op::PROTO => (Fixed(1), Plain(0, 0)),
        op::FRAME => (Fixed(8), Plain(0, 0)),
        op::STOP => (nothing, Stop),
        op::MARK => (nothing, Mark),
        op::NONE | op::NEWTRUE | op::NEWFALSE => (nothing, Plain(0, 1)),
        op::EMPTY_DICT | op::EMPTY_LIST | op::EMPTY_TUPLE | op::EMPTY_SET => (nothing, Plain(0, 1)),
        op::BININT1 | op::BINGET => (Fixed(1), Plain(0, 1)),
        op::BININT2 => (Fixed(2), Plain(0, 1)),
        op::BININT | op::LONG_BINGET => (Fixed(4), Plain(0, 1)),
        op::BINFLOAT => (Fixed(8), Plain(0, 1)),
        op::INT | op::LONG | op::FLOAT | op::STRING | op::UNICODE | op::GET => (Lines(1), Plain(0, 1)),
        op::GLOBAL => (Lines(2), Plain(0, 1)),
        op::LONG1 | op::SHORT_BINSTRING | op::SHORT_BINBYTES | op::SHORT_BINUNICODE => (Counted(1), Plain(0, 1)),
        op::LONG4 | op::BINSTRING | op::BINBYTES | op::BINUNICODE => (Counted(4), Plain(0, 1)),
        op::BINUNICODE8 | op::BINBYTES8 | op::BYTEARRAY8 => (Counted(8), Plain(0, 1)),
        op::PUT => (Lines(1), Plain(1, 1)),
        op::BINPUT => (Fixed(1), Plain(1, 1)),
        op::LONG_BINPUT => (Fixed(4), Plain(1, 1)),
        op::MEMOIZE => (nothing, Plain(1, 1)),
        op::POP => (nothing, Plain(1, 0)),
        op::DUP => (nothing, Plain(1, 2)),
        op::POP_MARK => (nothing, ToMark(0, 0)),
        op::TUPLE | op::LIST | op::DICT | op::FROZENSET => (nothing, ToMark(0, 1)),
        op::APPENDS | op::SETITEMS | op::ADDITEMS => (nothing, ToMark(1, 1)),
        op::TUPLE1 | op::BINPERSID => (nothing, Plain(1, 1)),
        op::TUPLE2 | op::APPEND | op::BUILD | op::REDUCE | op::NEWOBJ | op::STACK_GLOBAL => (nothing, Plain(2, 1)),
        op::TUPLE3 | op::SETITEM => (nothing, Plain(3, 1)),
        _ => return None,
    })
}

/// What a pickle needs.
#[derive(Clone, Copy)]
pub(crate) struct Extent {
    /// Where it ends.
    pub(crate) end: u64,
    /// Most values on its stack.
    pub(crate) depth: usize,
    /// Nodes that it makes at most.
    pub(crate) nodes: usize,
}

/// Instructions that make a node. The empty tuple is made once.
fn makes_node(code: u8) -> bool {
    matches!(
        code,
        op::EMPTY_DICT
            | op::EMPTY_LIST
            | op::EMPTY_SET
            | op::TUPLE
            | op::TUPLE1
            | op::TUPLE2
            | op::TUPLE3
            | op::LIST
            | op::DICT
            | op::FROZENSET
            | op::BINPERSID
            | op::REDUCE
            | op::NEWOBJ
            | op::LONG1
            | op::LONG4
            | op::BINBYTES
            | op::SHORT_BINBYTES
            | op::BINBYTES8
            | op::BYTEARRAY8
    )
}

/// Follows the pickle that begins at `start`.
///
/// # Errors
/// `ValueError` for instructions that are not known, lengths beyond the source and a stack that does not work out.
pub(crate) fn extent(source: &dyn Source, start: u64) -> Result<Extent> {
    let mut scan = Scan {
        source,
        next: start,
        buffer: Vec::new(),
        at: 0,
    };
    let (mut depth, mut deepest, mut nodes) = (0usize, 0, 1);
    let mut marks: Vec<usize> = Vec::new();
    loop {
        let place = scan.place();
        let code = scan.byte()?;
        let Some((operand, effect)) = describe(code) else {
            bail!(
                Value,
                "the pickle has instruction {code:#04x} at byte {place}, which no checkpoint needs"
            )
        };
        nodes += usize::from(makes_node(code));
        deepest = deepest.max(depth + 2);
        match operand {
            Operand::Fixed(n) => scan.skip(n)?,
            Operand::Lines(n) => (0..n).try_for_each(|_| scan.line())?,
            Operand::Counted(width) => {
                let mut n = 0;
                for i in 0..width {
                    n |= u64::from(scan.byte()?) << (8 * i);
                }
                scan.skip(n)?;
            }
        }
        let short = || {
            err!(
                Value,
                "the pickle takes more from its stack than is there, at byte {place}"
            )
        };
        let floor = |marks: &[usize]| marks.last().copied().unwrap_or(0);
        match effect {
            Effect::Plain(take, give) => {
                let left = depth.checked_sub(take).filter(|left| *left >= floor(&marks));
                depth = left.ok_or_else(short)? + give;
            }
            Effect::Mark => {
                ensure!(
                    marks.len() < DEEPEST,
                    Value,
                    "the pickle is nested more than {DEEPEST} deep"
                );
                marks.push(depth);
            }
            Effect::ToMark(take, give) => {
                let mark = marks.pop().ok_or_else(short)?;
                let left = mark.checked_sub(take).filter(|left| *left >= floor(&marks));
                depth = left.ok_or_else(short)? + give;
            }
            Effect::Stop => {
                ensure!(
                    depth == 1 && marks.is_empty(),
                    Value,
                    "the pickle ends with {depth} values on its stack instead of one"
                );
                return Ok(Extent {
                    end: scan.place(),
                    depth: deepest,
                    nodes,
                });
            }
        }
    }
}

/// Bytes of a source in order, through a small buffer.
struct Scan<'a> {
    source: &'a dyn Source,
    next: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl Scan<'_> {
    fn place(&self) -> u64 {
        self.next - (self.buffer.len() - self.at) as u64
    }

    fn byte(&mut self) -> Result<u8> {
        if self.at == self.buffer.len() {
            let left = self.source.len().saturating_sub(self.next).min(BUFFER as u64);
            ensure!(left > 0, Value, "the pickle is cut off");
            self.buffer.resize(left as usize, 0);
            self.source
                .read_at(self.next, &mut self.buffer)
                .map_err(source::failed)?;
            self.next += left;
            self.at = 0;
        }
        let byte = self.buffer[self.at];
        self.at += 1;
        Ok(byte)
    }

    fn skip(&mut self, n: u64) -> Result<()> {
        let to = self.place().checked_add(n).filter(|to| *to <= self.source.len());
        let to = to.ok_or_else(|| err!(Value, "the pickle is cut off: it claims {n} bytes where fewer are left"))?;
        if to <= self.next {
            self.at = self.buffer.len() - (self.next - to) as usize;
        } else {
            (self.next, self.at) = (to, 0);
            self.buffer.clear();
        }
        Ok(())
    }

    fn line(&mut self) -> Result<()> {
        for _ in 0..LONGEST_LINE {
            if self.byte()? == b'\n' {
                return Ok(());
            }
        }
        bail!(Value, "the pickle has a line of more than {LONGEST_LINE} bytes")
    }
}

//! The little of JSON that headers of tensor files consist of: objects of objects, texts and lists of whole numbers.
//!
//! Pulled from the text as it is needed: nothing is made that the caller does not keep.

use duoc_core::{Result, bail, ensure, err};

/// A text that is read from the front.
pub(crate) struct Json<'a> {
    rest: &'a str,
}

impl<'a> Json<'a> {
    pub(crate) fn new(text: &'a str) -> Json<'a> {
        Json { rest: text }
    }

    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest.chars().next()
    }

    fn expect(&mut self, c: char) -> Result<()> {
        ensure!(
            self.peek() == Some(c),
            Value,
            "is broken: expected '{c}' before {:?}",
            self.seen()
        );
        self.rest = &self.rest[c.len_utf8()..];
        Ok(())
    }

    fn seen(&self) -> String {
        self.rest.chars().take(20).collect()
    }

    /// An object: `entry` reads the value of each name.
    pub(crate) fn object(&mut self, mut entry: impl FnMut(&mut Json<'a>, String) -> Result<()>) -> Result<()> {
        self.expect('{')?;
        if self.peek() == Some('}') {
            return self.expect('}');
        }
        loop {
            let name = self.text()?;
            self.expect(':')?;
            entry(self, name)?;
            if self.peek() != Some(',') {
                return self.expect('}');
            }
            self.expect(',')?;
        }
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<String> {
        self.expect('"')?;
        let mut text = String::new();
        loop {
            let end = self
                .rest
                .find(['"', '\\'])
                .ok_or_else(|| err!(Value, "is broken: a text does not end"))?;
            let plain = &self.rest[..end];
            ensure!(
                !plain.contains(|c| c < ' '),
                Value,
                "is broken: a text has control characters"
            );
            text.push_str(plain);
            let quote = self.rest[end..].starts_with('"');
            self.rest = &self.rest[end + 1..];
            if quote {
                return Ok(text);
            }
            text.push(self.escaped()?);
        }
    }

    fn escaped(&mut self) -> Result<char> {
        let bad = || err!(Value, "is broken: a text has a wrong escape");
        let c = self.rest.chars().next().ok_or_else(bad)?;
        self.rest = &self.rest[c.len_utf8()..];
        Ok(match c {
            '"' | '\\' | '/' => c,
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let first = self.hex()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return char::from_u32(first).ok_or_else(bad);
                }
                self.rest = self.rest.strip_prefix("\\u").ok_or_else(bad)?;
                let second = self.hex()?;
                ensure!((0xdc00..0xe000).contains(&second), Value, "{}", bad());
                let wide = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(wide).ok_or_else(bad);
            }
            _ => return Err(bad()),
        })
    }

    fn hex(&mut self) -> Result<u32> {
        let digits = self.rest.get(..4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let digits = digits.ok_or_else(|| err!(Value, "is broken: a text has a wrong escape"))?;
        self.rest = &self.rest[4..];
        u32::from_str_radix(digits, 16).map_err(|_| err!(Value, "is broken: a text has a wrong escape"))
    }

    /// A list of at most `most` whole numbers.
    pub(crate) fn numbers(&mut self, most: usize) -> Result<Vec<u64>> {
        self.expect('[')?;
        let mut numbers = Vec::new();
        if self.peek() == Some(']') {
            self.expect(']')?;
            return Ok(numbers);
        }
        loop {
            ensure!(numbers.len() < most, Value, "has a list of more than {most} numbers");
            let _ = self.peek();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            match self.rest[..end].parse() {
                Ok(n) => numbers.push(n),
                Err(_) => bail!(Value, "is broken: no size at {:?}", self.seen()),
            }
            self.rest = &self.rest[end..];
            if self.peek() != Some(',') {
                self.expect(']')?;
                return Ok(numbers);
            }
            self.expect(',')?;
        }
    }

    /// That nothing but blanks is left.
    pub(crate) fn end(&mut self) -> Result<()> {
        ensure!(self.peek().is_none(), Value, "goes on after its end: {:?}", self.seen());
        Ok(())
    }
}

//! Just enough JSON for golden files: they are ours, so a malformed one may panic.

use std::collections::BTreeMap;

/// A JSON value; numbers stay text, so that nothing is rounded on the way.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Map(BTreeMap<String, Json>),
}

impl Json {
    pub fn parse(text: &str) -> Json {
        let mut p = Parser {
            s: text.as_bytes(),
            at: 0,
        };
        p.value()
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Map(m) => m.get(key),
            _ => None,
        }
    }

    pub fn list(&self) -> &[Json] {
        match self {
            Json::List(l) => l,
            other => panic!("{other:?} is no list"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Json::Text(t) => t,
            other => panic!("{other:?} is no text"),
        }
    }

    pub fn int(&self) -> Option<i128> {
        match self {
            Json::Number(n) => n.parse().ok(),
            _ => None,
        }
    }

    /// A number, a truth value or one of the words for what JSON cannot say.
    pub fn float(&self) -> f64 {
        match self {
            Json::Number(n) => n.parse().expect("a number"),
            Json::Bool(b) => *b as u8 as f64,
            Json::Text(t) => t.parse().expect("nan or inf"),
            other => panic!("{other:?} is no number"),
        }
    }

    pub fn ints(&self) -> Vec<i64> {
        self.list()
            .iter()
            .map(|n| n.int().expect("an integer") as i64)
            .collect()
    }
}

struct Parser<'a> {
    s: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn peek(&mut self) -> u8 {
        while self.s[self.at].is_ascii_whitespace() {
            self.at += 1;
        }
        self.s[self.at]
    }

    fn next(&mut self, c: u8) -> bool {
        let hit = self.peek() == c;
        self.at += hit as usize;
        hit
    }

    fn value(&mut self) -> Json {
        match self.peek() {
            b'{' => {
                self.at += 1;
                let mut m = BTreeMap::new();
                while !self.next(b'}') {
                    self.next(b',');
                    self.peek();
                    let key = self.text();
                    assert!(self.next(b':'));
                    m.insert(key, self.value());
                }
                Json::Map(m)
            }
            b'[' => {
                self.at += 1;
                let mut l = Vec::new();
                while !self.next(b']') {
                    self.next(b',');
                    l.push(self.value());
                }
                Json::List(l)
            }
            b'"' => Json::Text(self.text()),
            _ => {
                let begin = self.at;
                while self.at < self.s.len() && !b",]}".contains(&self.s[self.at]) {
                    self.at += 1;
                }
                match std::str::from_utf8(&self.s[begin..self.at]).unwrap().trim() {
                    "null" => Json::Null,
                    "true" => Json::Bool(true),
                    "false" => Json::Bool(false),
                    n => Json::Number(n.into()),
                }
            }
        }
    }

    fn text(&mut self) -> String {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let c = self.s[self.at];
            self.at += 1;
            match c {
                b'"' => return String::from_utf8(out).unwrap(),
                b'\\' => {
                    let c = self.s[self.at];
                    self.at += 1;
                    match c {
                        b'n' => out.push(b'\n'),
                        b't' => out.push(b'\t'),
                        b'r' => out.push(b'\r'),
                        b'b' => out.push(8),
                        b'f' => out.push(12),
                        b'u' => {
                            let hex = std::str::from_utf8(&self.s[self.at..self.at + 4]).unwrap();
                            self.at += 4;
                            let c = char::from_u32(u32::from_str_radix(hex, 16).unwrap()).unwrap_or('?');
                            out.extend(c.to_string().bytes());
                        }
                        other => out.push(other),
                    }
                }
                c => out.push(c),
            }
        }
    }
}

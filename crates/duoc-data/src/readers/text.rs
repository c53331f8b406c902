//! Text as numbers, and windows of it to learn a language from.

use std::collections::HashMap;
use std::path::Path;

use duoc_core::{DType, Result, Tensor, bail, ensure, err, ops};

use super::contents;
use crate::Dataset;
use crate::dataset::check_index;

/// The text in a file.
///
/// # Errors
/// `OSError` if the file cannot be read, `ValueError` if it is not UTF-8, with the line.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    String::from_utf8(contents(path)?).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        let line = 1 + e.as_bytes()[..at].iter().filter(|b| **b == b'\n').count();
        err!(Value, "{}: not UTF-8 in line {line} (byte {at})", path.display())
    })
}

/// Which number stands for which piece of text.
#[derive(Clone, Debug, PartialEq)]
pub enum Vocabulary {
    /// The bytes of UTF-8: 256 tokens that write any text.
    Bytes,
    /// Some characters, in order.
    Chars(Vec<char>),
}

impl Vocabulary {
    /// The characters that a text consists of, in the order of Unicode.
    pub fn chars(text: &str) -> Vocabulary {
        let mut chars: Vec<char> = text.chars().collect();
        chars.sort_unstable();
        chars.dedup();
        Vocabulary::Chars(chars)
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        match self {
            Vocabulary::Bytes => 256,
            Vocabulary::Chars(chars) => chars.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text as int64 tokens.
    ///
    /// # Errors
    /// `ValueError` for a character that has no number, with its place.
    pub fn encode(&self, text: &str) -> Result<Tensor> {
        let tokens: Vec<i64> = match self {
            Vocabulary::Bytes => text.bytes().map(i64::from).collect(),
            Vocabulary::Chars(chars) => {
                let numbers: HashMap<char, i64> = chars.iter().copied().zip(0..).collect();
                let token = |(i, c): (usize, char)| {
                    let known = numbers.get(&c).copied();
                    known.ok_or_else(|| err!(Value, "character {i} of the text, {c:?}, is not in the vocabulary"))
                };
                text.chars().enumerate().map(token).collect::<Result<_>>()?
            }
        };
        Tensor::try_from_slice(&tokens, &[tokens.len()])
    }

    /// The text that tokens stand for. Bytes that are no UTF-8 become replacement characters.
    ///
    /// # Errors
    /// `IndexError` for a number that stands for nothing.
    pub fn decode(&self, tokens: &Tensor) -> Result<String> {
        let tokens = tokens.try_to_vec::<i64>()?;
        let place = |t: i64| {
            let known = usize::try_from(t).ok().filter(|t| *t < self.len());
            known.ok_or_else(|| err!(Index, "token {t} is out of range for a vocabulary of {}", self.len()))
        };
        match self {
            Vocabulary::Bytes => {
                let bytes: Vec<u8> = tokens.into_iter().map(|t| Ok(place(t)? as u8)).collect::<Result<_>>()?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            Vocabulary::Chars(chars) => tokens.into_iter().map(|t| Ok(chars[place(t)?])).collect(),
        }
    }
}

/// Windows of a row of tokens: sample `i` is `length` tokens from `i * step` on, and the same number of tokens one further.
#[derive(Clone)]
pub struct TextDataset {
    tokens: Tensor,
    length: usize,
    step: usize,
}

impl TextDataset {
    /// Windows of `length` tokens, `step` apart: 1 for every window, `length` for those that do not overlap.
    ///
    /// # Errors
    /// `ValueError` if length or step is 0, or the text too short for one window.
    pub fn new(tokens: Tensor, length: usize, step: usize) -> Result<TextDataset> {
        ensure!(
            length > 0 && step > 0,
            Value,
            "windows of {length} tokens, {step} apart, are none"
        );
        ensure!(
            tokens.dim() == 1 && tokens.dtype() == DType::I64,
            Value,
            "tokens are int64 of one dimension, not {} of shape {:?}",
            tokens.dtype(),
            tokens.shape()
        );
        if tokens.numel() <= length {
            bail!(
                Value,
                "a text of {} tokens is too short for windows of {length} and the token after them",
                tokens.numel()
            );
        }
        Ok(TextDataset { tokens, length, step })
    }
}

impl Dataset for TextDataset {
    type Item = [Tensor; 2];
    fn len(&self) -> usize {
        (self.tokens.numel() - self.length - 1) / self.step + 1
    }
    fn get(&self, index: usize) -> Result<[Tensor; 2]> {
        check_index(index, self.len())?;
        let start = (index * self.step) as i64;
        let window = |from| ops::view::narrow(&self.tokens, 0, from, self.length as i64);
        Ok([window(start)?, window(start + 1)?])
    }
    fn draws(&self) -> bool {
        false
    }
}

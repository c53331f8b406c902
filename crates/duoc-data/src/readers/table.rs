//! CSV files as columns of numbers or words.

use std::path::Path;

use csv::{ReaderBuilder, Trim};
use duoc_core::{DType, Error, ErrorKind, Result, Tensor, bail, ensure, err};

use super::contents;

/// How a CSV file is read.
#[derive(Clone, Copy, Debug)]
pub struct CsvOptions {
    /// Whether the first row names the columns; otherwise they are called `0`, `1`, ...
    pub header: bool,
    /// What stands between two cells.
    pub delimiter: u8,
}

impl Default for CsvOptions {
    fn default() -> CsvOptions {
        CsvOptions {
            header: true,
            delimiter: b',',
        }
    }
}

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub enum Column {
    /// Every cell is a number; an empty one is NaN.
    Numbers(Vec<f64>),
    /// Some cell is none.
    Words(Vec<String>),
}

/// The columns of a CSV file.
#[derive(Clone, Debug)]
pub struct Table {
    names: Vec<String>,
    columns: Vec<Column>,
    rows: usize,
}

/// The table in a CSV file.
///
/// # Errors
/// `OSError` if the file cannot be read; `ValueError` for a row of another length or a text that is not UTF-8, with its line.
pub fn read_csv(path: impl AsRef<Path>, options: CsvOptions) -> Result<Table> {
    let path = path.as_ref();
    csv_from_bytes(&contents(path)?, options).map_err(|e| e.at(path.display()))
}

/// The table in the bytes of a CSV file.
///
/// # Errors
/// As [`read_csv`].
pub fn csv_from_bytes(file: &[u8], options: CsvOptions) -> Result<Table> {
    let broken = |e: csv::Error| Error::new(ErrorKind::Value, e.to_string());
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut reader = ReaderBuilder::new()
        .has_headers(options.header)
        .delimiter(options.delimiter)
        .trim(Trim::All)
        .from_reader(file);
    let mut names: Vec<String> = match options.header {
        true => reader.headers().map_err(broken)?.iter().map(String::from).collect(),
        false => Vec::new(),
    };
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); names.len()];
    let mut rows = 0;
    for record in reader.records() {
        let record = record.map_err(broken)?;
        if rows == 0 && !options.header {
            names = (0..record.len()).map(|i| i.to_string()).collect();
            cells = vec![Vec::new(); names.len()];
        }
        cells
            .iter_mut()
            .zip(&record)
            .for_each(|(column, cell)| column.push(cell.to_string()));
        rows += 1;
    }
    for (i, name) in names.iter().enumerate() {
        ensure!(!names[..i].contains(name), Value, "two columns are called {name:?}");
    }
    let columns = cells.into_iter().map(column).collect();
    Ok(Table { names, columns, rows })
}

fn column(cells: Vec<String>) -> Column {
    let number = |c: &String| if c.is_empty() { Some(f64::NAN) } else { c.parse().ok() };
    match cells.iter().map(number).collect() {
        Some(numbers) => Column::Numbers(numbers),
        None => Column::Words(cells),
    }
}

impl Table {
    /// The names of the columns.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many rows there are below the names.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The column with this name.
    ///
    /// # Errors
    /// `KeyError` that lists the names that are there.
    pub fn column(&self, name: &str) -> Result<&Column> {
        let place = self.names.iter().position(|n| n == name);
        let place = place.ok_or_else(|| err!(Key, "no column {name:?}; there are {}", self.names.join(", ")))?;
        Ok(&self.columns[place])
    }

    /// These columns as float32 of shape (rows, columns).
    ///
    /// # Errors
    /// `KeyError` for a name that is not there, `ValueError` for a column of words, with the first that is no number.
    pub fn tensor(&self, names: &[impl AsRef<str>]) -> Result<Tensor> {
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let name = name.as_ref();
            match self.column(name)? {
                Column::Numbers(v) => columns.push(v),
                Column::Words(v) => {
                    let (i, word) = v
                        .iter()
                        .enumerate()
                        .find(|(_, w)| w.parse::<f64>().is_err())
                        .unwrap_or((0, &v[0]));
                    bail!(
                        Value,
                        "column {name:?} holds {word:?} in row {}, which is no number",
                        i + 1
                    )
                }
            }
        }
        let elements: Vec<f32> = (0..self.rows)
            .flat_map(|r| columns.iter().map(move |c| c[r] as f32))
            .collect();
        Tensor::try_from_slice(&elements, &[self.rows, columns.len()])
    }

    /// A column as classes: int64 of shape (rows,), and what each number means. Numbers are in their order, words in
    /// theirs.
    ///
    /// # Errors
    /// `KeyError` if the name is not there, `ValueError` for an empty cell among numbers.
    pub fn labels(&self, name: &str) -> Result<(Tensor, Vec<String>)> {
        let (keys, mut classes): (Vec<String>, Vec<String>);
        match self.column(name)? {
            Column::Words(v) => {
                keys = v.clone();
                classes = v.clone();
                classes.sort();
            }
            Column::Numbers(v) => {
                if let Some(i) = v.iter().position(|x| x.is_nan()) {
                    bail!(Value, "column {name:?} has no label in row {}", i + 1);
                }
                let mut sorted = v.clone();
                sorted.sort_by(f64::total_cmp);
                keys = v.iter().map(f64::to_string).collect();
                classes = sorted.iter().map(f64::to_string).collect();
            }
        }
        classes.dedup();
        let numbers: std::collections::HashMap<&str, i64> = classes.iter().zip(0..).map(|(c, i)| (&**c, i)).collect();
        let labels: Vec<i64> = keys.iter().filter_map(|k| numbers.get(k.as_str()).copied()).collect();
        let labels = Tensor::try_from_slice(&labels, &[self.rows])?;
        debug_assert_eq!(labels.dtype(), DType::I64);
        Ok((labels, classes))
    }
}

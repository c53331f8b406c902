//! Shows code beside what it prints.
//!
//! The code that is shown is the code that runs: a page holds the text of its own source file and, at each `show!`, prints the
//! lines since the one before. In a wide terminal the output stands on the right of its code, elsewhere below it.

use std::io::{IsTerminal, Write};

use console::{Term, style};

/// Columns of the code, where code and output stand side by side.
const CODE: usize = 76;
/// Columns that the widest output takes.
const OUTPUT: usize = 80;

/// Where and how a lesson is printed.
pub struct Page {
    source: Vec<&'static str>,
    /// Lines up to this one (counted from 1) are shown or passed over.
    shown: usize,
    form: Form,
    /// What the cells have printed.
    #[cfg_attr(not(test), allow(dead_code))]
    pub printed: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    /// Output only, as the program would print it.
    Outputs,
    /// Code behind `> `, the output below it.
    Plain,
    /// As `Plain`, in colour.
    Narrow,
    /// Code on the left, output on the right.
    Wide,
    /// Nothing is printed; tests read what was collected.
    #[cfg_attr(not(test), allow(dead_code))]
    Silent,
}

impl Page {
    /// A page on standard output for the lessons in a source file.
    pub fn new(source: &'static str) -> Page {
        let form = match std::io::stdout().is_terminal() {
            false => Form::Plain,
            true if usize::from(Term::stdout().size().1) >= CODE + OUTPUT + 3 => Form::Wide,
            true => Form::Narrow,
        };
        Page::with(source, form)
    }

    /// A page that prints only what the cells print.
    pub fn outputs_only(source: &'static str) -> Page {
        Page::with(source, Form::Outputs)
    }

    /// A page that prints nothing.
    #[cfg(test)]
    pub fn silent(source: &'static str) -> Page {
        Page::with(source, Form::Silent)
    }

    fn with(source: &'static str, form: Form) -> Page {
        Page {
            source: source.lines().collect(),
            shown: 0,
            form,
            printed: String::new(),
        }
    }

    /// Begins a cell whose code starts after line `line`.
    pub fn cell(&mut self, line: u32, title: &str) {
        self.shown = line as usize;
        match self.form {
            Form::Outputs | Form::Silent => {}
            Form::Plain => println!("\n# {title}"),
            Form::Narrow | Form::Wide => println!("\n{}", style(title).bold()),
        }
    }

    /// Shows the code up to line `line`, and what it prints.
    pub fn show(&mut self, line: u32, text: &str) {
        let code = self.code(line as usize);
        self.printed.push_str(text);
        self.printed.push('\n');
        match self.form {
            Form::Silent => {}
            Form::Outputs => println!("{text}"),
            Form::Plain => {
                code.iter().for_each(|c| println!("> {c}"));
                println!("{text}");
            }
            Form::Narrow => {
                code.iter().for_each(|c| println!("{}", style(c).cyan()));
                println!("{text}");
            }
            Form::Wide => side_by_side(&code, text),
        }
        // A broken pipe shows at the next line; there is nobody to tell.
        let _ = std::io::stdout().flush();
    }

    /// The lines since the last shown one, without the indentation of the function around them.
    fn code(&mut self, line: usize) -> Vec<String> {
        let lines = self.source.get(self.shown..line.min(self.source.len())).unwrap_or(&[]);
        self.shown = line;
        let text = lines
            .iter()
            .map(|l| l.strip_prefix("    ").unwrap_or(l))
            .filter(|l| !l.is_empty());
        text.map(as_printed).collect()
    }
}

/// `show!(page, x);` is what a program outside the tour writes as `println!("{x}");`.
fn as_printed(line: &str) -> String {
    match line.split_once("show!(page, ") {
        Some((before, rest)) => match rest.strip_suffix(");") {
            Some(x) if x.chars().all(|c| c.is_alphanumeric() || c == '_') => format!("{before}println!(\"{{{x}}}\");"),
            Some(x) => format!("{before}println!(\"{{}}\", {x});"),
            None => line.to_string(),
        },
        None => line.to_string(),
    }
}

fn side_by_side(code: &[String], text: &str) {
    let output: Vec<&str> = text.lines().collect();
    // The output begins beside the line that prints it, the last one.
    let first = code.len().saturating_sub(1);
    for row in 0..code.len().max(first + output.len()) {
        let left = code.get(row).map_or("", String::as_str);
        let right = row.checked_sub(first).and_then(|r| output.get(r)).unwrap_or(&"");
        let gap = " ".repeat(CODE.saturating_sub(left.chars().count()));
        println!("{}{gap} {} {right}", style(left).cyan(), style("│").dim());
    }
}

/// Begins a cell of the page.
macro_rules! cell {
    ($page:ident, $title:expr) => {
        $page.cell(line!(), $title)
    };
}

/// Prints a value on the page, beside the code since the last one.
macro_rules! show {
    ($page:ident, $value:expr) => {
        $page.show(line!(), &$value.to_string())
    };
}

pub(crate) use {cell, show};

#[cfg(test)]
mod tests {
    use super::as_printed;

    #[test]
    fn the_reader_sees_println() {
        assert_eq!(as_printed("show!(page, x);"), "println!(\"{x}\");");
        assert_eq!(as_printed("show!(page, x.size());"), "println!(\"{}\", x.size());");
        assert_eq!(as_printed("let x = 1;"), "let x = 1;");
    }
}

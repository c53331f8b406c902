//! `duoc tour`: the course, cell by cell, and then a network that learns to read digits.

mod cells;
mod digits;
mod page;

use std::path::Path;

use duoc::Result;
use page::Page;

/// Runs the tour; with `cells_only` it prints nothing but what the cells of the course print.
pub fn run(seed: u64, cells_only: bool, runs: &Path) -> Result<()> {
    let mut page = if cells_only {
        Page::outputs_only(cells::SOURCE)
    } else {
        Page::new(cells::SOURCE)
    };
    cells::run(&mut page)?;
    if cells_only {
        return Ok(());
    }
    digits::run(seed, runs)
}

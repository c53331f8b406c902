//! The course: tensors, cell by cell. The page shows these very lines beside what they print.

use std::fs;

use duoc::Result;
use duoc::prelude::*;

use super::page::{Page, cell, show};

/// The text of this file, for the page.
pub const SOURCE: &str = include_str!("cells.rs");

/// Runs every cell.
pub fn run(page: &mut Page) -> Result<()> {
    let x = creating(page);
    attributes(page, &x);
    let (a, b) = operations(page);
    indexing(page, &a, &b);
    memory(page)?;
    devices(page);
    Ok(())
}

fn creating(page: &mut Page) -> Tensor {
    cell!(page, "Creating tensors");
    let x = tensor!([1, 2, 3, 4]);
    duoc::manual_seed(0);
    let random = Tensor::rand(&[3, 4]);
    show!(page, random);
    let zeros = Tensor::zeros(&[3, 4]);
    show!(page, zeros);
    let ones = Tensor::ones(&[3, 4]);
    show!(page, ones);
    let eye = Tensor::eye(3);
    show!(page, eye);
    let range = Tensor::arange_step(0, 10, 2);
    show!(page, range);
    let linspace = Tensor::linspace(0.1, 1, 10);
    show!(page, linspace);
    let x_ones = x.ones_like();
    show!(page, x_ones);
    let x_zeros = x.zeros_like();
    show!(page, x_zeros);
    x
}

fn attributes(page: &mut Page, x: &Tensor) {
    cell!(page, "Attributes");
    show!(page, x.size());
    show!(page, x.dtype());
    show!(page, x.device());
}

fn operations(page: &mut Page) -> (Tensor, Tensor) {
    cell!(page, "Basic operations");
    let a = tensor!([[1, 2], [3, 4]]);
    let b = tensor!([[5, 6], [7, 8]]);
    show!(page, &a + &b);
    show!(page, a.add(&b));
    // `*` multiplies element by element; a product of matrices has a name.
    show!(page, a.matmul(&b));
    show!(page, a.mm(&b));
    let t = tensor!([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]);
    // A view shares the memory of `t`; `reshape` gives one where it can.
    show!(page, t.view(&[2, 5]));
    (a, b)
}

fn indexing(page: &mut Page, a: &Tensor, b: &Tensor) {
    cell!(page, "Indexing and joining");
    let t = tensor!([[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]);
    show!(page, t.at(s![0]));
    show!(page, t.at(s![1..4]));
    show!(page, t.at(s![4]));
    show!(page, Tensor::cat(&[a.clone(), b.clone()], 0));
    show!(page, Tensor::stack(&[a.clone(), b.clone()], 0));
}

fn memory(page: &mut Page) -> Result<()> {
    cell!(page, "Memory shared both ways, and NumPy's files");
    // The vector becomes the tensor's memory, without a copy.
    let numbers = vec![1i64, 2, 3];
    let address = numbers.as_ptr() as usize;
    let t = Tensor::from_vec(numbers);
    assert_eq!(t.address(), address);
    // What is written into the memory is seen by the tensor,
    t.with_slice_mut(|memory: &mut [i64]| memory[0] = 9)?;
    show!(page, t);
    // and what the tensor writes is seen in the memory.
    t.at(s![1]).fill_(7);
    let seen = t.with_slice(|memory: &[i64]| format!("{memory:?}").replace(',', ""))?;
    show!(page, seen);
    // NumPy reads the file that `save_npy` writes, and the other way round.
    let file = std::env::temp_dir().join(format!("duoc-tour-{}.npy", std::process::id()));
    duoc_io::save_npy(&file, &t)?;
    let back = duoc_io::load_npy(&file)?;
    assert_eq!(back.to_vec::<i64>(), t.to_vec::<i64>());
    fs::remove_file(&file)?;
    Ok(())
}

fn devices(page: &mut Page) {
    cell!(page, "Devices");
    let device = if duoc::cuda::is_available() {
        Device::Cuda(0)
    } else {
        Device::Cpu
    };
    show!(page, format!("Using device: {device}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_print_what_the_notebook_prints() {
        let mut page = Page::silent(SOURCE);
        run(&mut page).unwrap();
        assert_eq!(page.printed, include_str!("../../tests/notebook.expected"));
    }
}

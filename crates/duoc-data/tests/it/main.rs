//! Orders are PyTorch's, batches do not depend on the number of workers, positions are found again, files are read.

mod collate;
mod loader;
mod order;
mod readers;
mod transforms;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tests that seed the default generator take turns.
fn seeded(seed: u64) -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    duoc_core::random::manual_seed(seed);
    turn
}

//! Batches of a data set, and saving to memory.

use std::hint::black_box;

use duoc_data::{DataLoader, LoaderOptions, TensorDataset};
use duoc_io::{Dict, pt_to_bytes};

use super::{Suite, below, bytes, fine, normal};

pub(super) fn cases(s: &mut Suite) {
    s.add("data.loader_epoch_60000x784_b64", "data", bytes(376_320_000), || {
        let data = fine(TensorDataset::new([normal(&[60_000, 784]), below(10, &[60_000])]));
        let options = LoaderOptions {
            batch_size: 64,
            shuffle: true,
            ..Default::default()
        };
        let loader = fine(DataLoader::new(data, options));
        move || {
            for batch in &loader {
                black_box(fine(batch));
            }
        }
    });
    s.add("data.save_25m_mem", "data", bytes(200_000_000), || {
        let tensors = (0..50).map(|i| (format!("layer{i}.weight"), normal(&[500, 1000])));
        let mut state: Dict = tensors.collect();
        state.ordered = true;
        let state = state.into();
        move || drop(black_box(fine(pt_to_bytes(&state))))
    });
}

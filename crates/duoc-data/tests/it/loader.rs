//! The loader: the same batches for any number of workers, errors with their place, positions found again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use duoc_core::{ErrorKind, Result, Tensor, random};
use duoc_data::{
    ConcatDataset, DataLoader, Dataset, Items, IterableDataset, IterableLoader, LoaderOptions, LoaderState,
    RandomSampler, TensorDataset, WorkerInfo,
};

use crate::seeded;

/// Samples that draw: index and a random number.
struct Noisy(usize);

impl Dataset for Noisy {
    type Item = (i64, f64);
    fn len(&self) -> usize {
        self.0
    }
    fn get(&self, index: usize) -> Result<(i64, f64)> {
        Ok((index as i64, Tensor::rand(&[2]).to_vec::<f64>()[1]))
    }
}

fn options(batch_size: usize, num_workers: usize) -> LoaderOptions {
    LoaderOptions {
        batch_size,
        shuffle: true,
        num_workers,
        ..Default::default()
    }
}

fn numbers(batch: Result<(Tensor, Tensor)>) -> Vec<f64> {
    let (i, x) = batch.unwrap();
    [i.to_vec::<f64>(), x.to_vec::<f64>()].concat()
}

#[test]
fn any_number_of_workers_gives_the_same_batches() {
    let epochs = |workers| {
        let _turn = seeded(1);
        let loader = DataLoader::new(Noisy(23), options(4, workers)).unwrap();
        let two: Vec<Vec<f64>> = loader.iter().chain(loader.iter()).map(numbers).collect();
        (two, Tensor::rand(&[1]).to_vec::<f32>())
    };
    let alone = epochs(0);
    assert_eq!(alone.0.len(), 12);
    assert_ne!(alone.0[0], alone.0[6]);
    for workers in [1, 2, 3, 8] {
        assert_eq!(epochs(workers), alone, "{workers} workers");
    }
}

#[test]
fn errors_and_panics_come_with_their_place_and_the_rest_follows() {
    let _turn = seeded(1);
    for workers in [0, 2] {
        let data = Items((0..10i64).collect::<Vec<_>>()).map(|i| match i {
            3 => duoc_core::bail!(Value, "a broken file"),
            6 => panic!("at the wrong time"),
            8 => Ok((Tensor::ones(&[2]) + Tensor::ones(&[3])).to_vec::<i64>()[0]),
            i => Ok(i),
        });
        let loader = DataLoader::new(
            data,
            LoaderOptions {
                batch_size: 2,
                num_workers: workers,
                ..Default::default()
            },
        )
        .unwrap();
        let batches: Vec<Result<Tensor>> = loader.iter().collect();
        assert_eq!(batches.len(), 5);
        assert_eq!(batches[0].as_ref().unwrap().to_vec::<i64>(), [0, 1]);
        assert_eq!(batches[2].as_ref().unwrap().to_vec::<i64>(), [4, 5]);
        let e = batches[1].as_ref().unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Value);
        assert!(
            e.message().ends_with("batch 1, sample 3 of the dataset: a broken file"),
            "{e}"
        );
        assert_eq!(e.message().contains("worker"), workers > 0, "{e}");
        let e = batches[3].as_ref().unwrap_err();
        assert!(
            e.message()
                .contains("sample 6 of the dataset: panicked: at the wrong time"),
            "{e}"
        );
        let e = batches[4].as_ref().unwrap_err();
        assert!(
            e.message().contains("sample 8") && e.message().contains("must match the size"),
            "{e}"
        );
    }
}

#[test]
fn a_position_is_found_again() {
    for workers in [0, 2] {
        let expected: Vec<Vec<f64>> = {
            let _turn = seeded(5);
            let loader = DataLoader::new(Noisy(23), options(4, workers)).unwrap();
            loader.iter().chain(loader.iter()).map(numbers).collect()
        };
        for stop in 0..=12 {
            let _turn = seeded(5);
            let loader = DataLoader::new(Noisy(23), options(4, workers)).unwrap();
            let mut got = Vec::new();
            // Through one epoch and a part of the next, as a training loop would.
            let mut epoch = loader.iter();
            while got.len() < stop {
                match epoch.next() {
                    Some(batch) => got.push(numbers(batch)),
                    None => epoch = loader.iter(),
                }
            }
            let state = loader.state_dict().unwrap();
            let rng = random::get_rng_state().unwrap();
            drop(epoch);
            // Another process would begin here.
            random::manual_seed(999);
            let tensors = state.tensors().unwrap();
            let state = LoaderState::from_tensors(tensors.iter().map(|(n, t)| (n.as_str(), t))).unwrap();
            let other = DataLoader::new(Noisy(23), options(4, 3 - workers)).unwrap();
            random::set_rng_state(&rng).unwrap();
            other.load_state_dict(&state).unwrap();
            let mut epoch = other.iter();
            while got.len() < 12 {
                match epoch.next() {
                    Some(batch) => got.push(numbers(batch)),
                    None => epoch = other.iter(),
                }
            }
            assert_eq!(got, expected, "after {stop} batches");
        }
    }
}

#[test]
fn a_sampler_with_a_generator_of_its_own_is_resumed_too() {
    let _turn = seeded(5);
    let make = || {
        let g = random::Generator::new();
        g.manual_seed(11);
        let sampler = RandomSampler::new(10, true, Some(40), Some(g)).unwrap();
        let data = Items((0..10i64).collect::<Vec<_>>());
        DataLoader::with_sampler(
            data,
            sampler,
            LoaderOptions {
                batch_size: 3,
                ..Default::default()
            },
        )
        .unwrap()
    };
    let all =
        |loader: &DataLoader<Items<i64>, Tensor>| loader.iter().map(|b| b.unwrap().to_vec::<i64>()).collect::<Vec<_>>();
    let first = make();
    let (one, two) = (all(&first), all(&first));
    let second = make();
    let begin: Vec<Vec<i64>> = second.iter().take(5).map(|b| b.unwrap().to_vec::<i64>()).collect();
    assert_eq!(begin, one[..5]);
    let state = second.state_dict().unwrap();
    let third = make();
    third.load_state_dict(&state).unwrap();
    assert_eq!(all(&third), one[5..]);
    assert_eq!(all(&third), two);
}

#[test]
fn workers_end_with_their_epoch_and_do_not_run_ahead() {
    let _turn = seeded(1);
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let data = Items(vec![0i64; 100]).map(move |x| {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(x)
    });
    let loader = DataLoader::new(
        data,
        LoaderOptions {
            num_workers: 2,
            ..Default::default()
        },
    )
    .unwrap();
    let mut epoch = loader.iter();
    epoch.next().unwrap().unwrap();
    drop(epoch);
    // One was taken, four may be ahead, one may have been in each worker's hands.
    assert!(made.load(Ordering::Relaxed) <= 7, "{made:?}");
}

#[test]
fn other_batches_and_other_ways_to_put_them_together() {
    let _turn = seeded(1);
    let data = || Items((0..6i64).collect::<Vec<_>>());
    let batches = || Ok(vec![vec![5, 0], vec![], vec![3]]);
    let loader = DataLoader::with_batches(data(), batches, LoaderOptions::default()).unwrap();
    let got: Vec<Vec<i64>> = loader.iter().map(|b| b.unwrap().to_vec::<i64>()).collect();
    assert_eq!(got, [vec![5, 0], vec![], vec![3]]);
    let options = LoaderOptions {
        batch_size: 4,
        ..Default::default()
    };
    let loader = DataLoader::with_collate(data(), options, |samples| Ok(samples.iter().sum::<i64>())).unwrap();
    assert_eq!(loader.iter().map(Result::unwrap).collect::<Vec<_>>(), [6, 9]);
    let e = DataLoader::with_batches(data(), || Ok(vec![vec![6]]), LoaderOptions::default())
        .unwrap()
        .iter()
        .next();
    assert_eq!(e.unwrap().unwrap_err().kind(), ErrorKind::Index);
}

#[test]
fn wrong_options() {
    let _turn = seeded(1);
    let data = || TensorDataset::new([Tensor::zeros(&[4, 2])]).unwrap();
    let bad = |o: LoaderOptions| DataLoader::new(data(), o).err().unwrap().message().to_string();
    let usual = LoaderOptions::default;
    assert!(
        bad(LoaderOptions {
            batch_size: 0,
            ..usual()
        })
        .contains("positive integer")
    );
    assert!(
        bad(LoaderOptions {
            prefetch_factor: 0,
            ..usual()
        })
        .contains("prefetch_factor")
    );
    assert!(
        bad(LoaderOptions {
            num_workers: 1 << 40,
            ..usual()
        })
        .contains("num_workers")
    );
    let empty = TensorDataset::new([Tensor::zeros(&[0, 2])]).unwrap();
    assert_eq!(DataLoader::new(empty.clone(), usual()).unwrap().iter().count(), 0);
    assert!(
        DataLoader::new(
            empty,
            LoaderOptions {
                shuffle: true,
                ..usual()
            }
        )
        .is_err()
    );
    let huge = LoaderOptions {
        batch_size: usize::MAX,
        ..usual()
    };
    assert_eq!(DataLoader::new(data(), huge).unwrap().iter().count(), 1);
    assert!(TensorDataset::new([Tensor::zeros(&[4]), Tensor::zeros(&[5])]).is_err());
    assert!(TensorDataset::new([Tensor::scalar(1.0, duoc_core::DType::F32).unwrap()]).is_err());
}

#[test]
fn data_sets_of_data_sets() {
    let both = ConcatDataset::new(vec![Items(vec![1, 2]), Items(vec![]), Items(vec![3])]).unwrap();
    assert_eq!((0..3).map(|i| both.get(i).unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(both.get(3).unwrap_err().kind(), ErrorKind::Index);
    assert!(ConcatDataset::<Items<i64>>::new(vec![]).is_err());
    assert!(duoc_data::Subset::new(Arc::new(both), vec![3]).is_err());
}

/// Every `num_workers`-th number below the limit, with noise.
struct Numbers(i64);

impl IterableDataset for Numbers {
    type Item = (i64, f64);
    fn stream(&self, worker: WorkerInfo) -> Result<Box<dyn Iterator<Item = Result<(i64, f64)>> + Send>> {
        let own = (worker.id as i64..self.0).step_by(worker.num_workers);
        Ok(Box::new(own.map(|i| {
            if i == 97 {
                panic!("broken")
            } else {
                Ok((i, Tensor::rand(&[1]).to_vec::<f64>()[0]))
            }
        })))
    }
}

#[test]
fn streams_from_workers_in_turn() {
    let read = |n: i64, workers: usize| {
        let _turn = seeded(3);
        let loader = IterableLoader::new(
            Numbers(n),
            LoaderOptions {
                batch_size: 2,
                num_workers: workers,
                ..Default::default()
            },
        );
        loader
            .unwrap()
            .iter()
            .map(|b| b.map(|(i, _)| i.to_vec::<i64>()))
            .collect::<Vec<_>>()
    };
    let plain = |n, workers| read(n, workers).into_iter().map(Result::unwrap).collect::<Vec<_>>();
    assert_eq!(plain(5, 0), [vec![0, 1], vec![2, 3], vec![4]]);
    assert_eq!(plain(7, 2), [vec![0, 2], vec![1, 3], vec![4, 6], vec![5]]);
    let broken = read(100, 2);
    let e = broken.iter().find_map(|b| b.as_ref().err()).unwrap();
    assert!(
        e.message()
            .contains("worker 1: sample 48 of the stream: panicked: broken"),
        "{e}"
    );
}

#[test]
fn a_stream_goes_on_where_it_was() {
    let _turn = seeded(3);
    for workers in [0, 3] {
        let make = || {
            IterableLoader::new(
                Numbers(20),
                LoaderOptions {
                    batch_size: 3,
                    num_workers: workers,
                    ..Default::default()
                },
            )
            .unwrap()
        };
        random::manual_seed(8);
        let all: Vec<Vec<f64>> = make().iter().map(numbers).collect();
        random::manual_seed(8);
        let first = make();
        let begin = first.iter().take(3).count();
        assert_eq!(begin, 3);
        let second = make();
        second.load_state_dict(&first.state_dict().unwrap()).unwrap();
        assert_eq!(second.iter().map(numbers).collect::<Vec<_>>(), all[3..]);
    }
}

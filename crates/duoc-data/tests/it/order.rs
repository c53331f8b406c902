//! Samplers, loaders and splits against the orders that PyTorch gave (`golden/record_orders.py`).

use duoc_core::Tensor;
use duoc_core::random::Generator;
use duoc_data::{
    BatchSampler, DataLoader, Dataset, DistributedSampler, Items, Lengths, LoaderOptions, RandomSampler, Sampler,
    SequentialSampler, SubsetRandomSampler, TensorDataset, WeightedRandomSampler, random_split,
};

use crate::seeded;

const N: usize = 11;

fn recorded(name: &str) -> Vec<usize> {
    let all = include_str!("../data/orders.txt");
    let line = all.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("{name}"))
        .split(' ')
        .map(|i| i.parse().unwrap())
        .collect()
}

fn own(seed: u64) -> Option<Generator> {
    let g = Generator::new();
    g.manual_seed(seed);
    Some(g)
}

#[test]
fn samplers() {
    let check = |name: &str, sampler: &dyn Sampler| {
        let _turn = seeded(7);
        let both = [sampler.epoch().unwrap(), sampler.epoch().unwrap()];
        assert_eq!(both[0].len(), sampler.len(), "{name}");
        assert_eq!(both.concat(), recorded(name), "{name}");
    };
    check("random", &RandomSampler::new(N, false, None, None).unwrap());
    check("random_70", &RandomSampler::new(N, false, Some(30), None).unwrap());
    check(
        "random_replacement",
        &RandomSampler::new(N, true, Some(70), None).unwrap(),
    );
    check("random_own", &RandomSampler::new(N, false, None, own(3)).unwrap());
    let some = vec![5, 3, 9, 1, 7];
    check("subset", &SubsetRandomSampler::new(some.clone(), None));
    check("subset_own", &SubsetRandomSampler::new(some, own(3)));
    let weights = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6];
    check(
        "weighted",
        &WeightedRandomSampler::new(&weights, 12, true, None).unwrap(),
    );
    let weights = [0.9, 0.4, 0.05, 0.2, 0.3, 0.1];
    check(
        "weighted_once",
        &WeightedRandomSampler::new(&weights, 5, false, None).unwrap(),
    );
    for rank in 0..3 {
        for drop in [false, true] {
            let sampler = DistributedSampler::new(N, 3, rank, true, 5, drop).unwrap();
            check(&format!("distributed_{rank}_{drop}"), &sampler);
            sampler.set_epoch(1);
            assert_ne!(
                sampler.epoch().unwrap().repeat(2),
                recorded(&format!("distributed_{rank}_{drop}"))
            );
        }
    }
}

#[test]
fn loaders() {
    for (name, shuffle, drop_last, generator) in [
        ("loader", false, false, None),
        ("loader_shuffle", true, false, None),
        ("loader_shuffle_own", true, false, own(3)),
        ("loader_drop", true, true, None),
    ] {
        for num_workers in [0, 3] {
            let generator = generator.as_ref().map(Generator::clone_state);
            let _turn = seeded(7);
            let data = TensorDataset::new([Tensor::arange(0, N as i64)]).unwrap();
            let options = LoaderOptions {
                batch_size: 4,
                shuffle,
                drop_last,
                generator,
                num_workers,
                ..Default::default()
            };
            let loader = DataLoader::new(data, options).unwrap();
            let mut order = Vec::new();
            for _ in 0..2 {
                for batch in &loader {
                    let [x] = batch.unwrap();
                    order.extend(x.to_vec::<i64>().into_iter().map(|i| i as usize));
                }
            }
            assert_eq!(order, recorded(name), "{name} with {num_workers} workers");
            let after: Vec<usize> = Tensor::randint(0, 1000, &[3])
                .to_vec::<i64>()
                .into_iter()
                .map(|i| i as usize)
                .collect();
            assert_eq!(
                after,
                recorded(&format!("{name}_after")),
                "what {name} leaves of the stream"
            );
        }
    }
}

#[test]
fn splits() {
    let _turn = seeded(7);
    let data = || Items((0..N).collect::<Vec<_>>());
    let of = |parts: Vec<duoc_data::Subset<Items<usize>>>| {
        parts.iter().flat_map(|p| p.indices().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(
        of(random_split(data(), Lengths::Counts(&[4, 7]), None).unwrap()),
        recorded("split")
    );
    let parts = random_split(data(), Lengths::Shares(&[0.3, 0.3, 0.4]), own(3).as_ref()).unwrap();
    assert_eq!(
        parts.iter().map(Dataset::len).collect::<Vec<_>>(),
        recorded("split_lengths")
    );
    assert_eq!(parts[1].get(0).unwrap(), parts[1].indices()[0]);
    assert_eq!(of(parts), recorded("split_shares"));
    for bad in [
        Lengths::Counts(&[4, 8]),
        Lengths::Counts(&[usize::MAX, 2]),
        Lengths::Shares(&[0.5, 0.6]),
    ] {
        assert!(random_split(data(), bad, None).is_err());
    }
    assert!(random_split(data(), Lengths::Shares(&[f64::NAN]), None).is_err());
}

#[test]
fn batches_and_wrong_arguments() {
    let batches = BatchSampler::new(SequentialSampler(10), 3, false).unwrap();
    assert_eq!((batches.len(), batches.epoch().unwrap()[3].clone()), (4, vec![9]));
    let batches = BatchSampler::new(SequentialSampler(10), 3, true).unwrap();
    assert_eq!((batches.len(), batches.epoch().unwrap().len()), (3, 3));
    assert!(BatchSampler::new(SequentialSampler(10), 0, true).is_err());
    assert!(RandomSampler::new(0, false, None, None).is_err());
    assert!(RandomSampler::new(3, true, Some(0), None).is_err());
    assert!(DistributedSampler::new(3, 2, 2, false, 0, false).is_err());
    assert!(WeightedRandomSampler::new(&[1.0], 0, true, None).is_err());
    assert!(
        WeightedRandomSampler::new(&[-1.0, 1.0], 1, true, None)
            .unwrap()
            .epoch()
            .is_err()
    );
    let few = DistributedSampler::new(2, 5, 4, false, 0, false).unwrap();
    assert_eq!(few.epoch().unwrap(), [0]);
}
